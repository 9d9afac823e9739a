//! What an options day is written as: two streams, three tables, two configurations.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use feeds::itch::encode::append_framed;
use feeds::units::PRICE_SCALE;

use super::contracts::MULTIPLIER;
use super::desks::opening_volatility;
use super::session::{Mispricing, OptionsDay};
use super::{OptionsDayConfig, desks, relations::Leg};
use crate::control::failure::Failure;

/// Names of the venues, as in `FILE@VENUE`.
pub(super) const VENUES: [&str; 2] = ["NASDAQ", "BX"];

/// Price units (1e-9) in a cent.
pub(super) const E9_A_CENT: i64 = PRICE_SCALE / 100;

/// Bytes gathered before they are written.
const CHUNK_BYTES: usize = 1 << 18;

/// Writes `OUT.nasdaq.itch`, `OUT.bx.itch`, `OUT.contracts.csv`, `OUT.surfaces.csv`, `OUT.mispricings.csv`, `OUT.toml` and
/// `OUT.maker.toml`, and says what is in them.
///
/// # Errors
/// A file that cannot be written; numbers that give no day.
pub fn run(out: &Path, config: &OptionsDayConfig, text: &mut impl Write) -> Result<(), Failure> {
    let mut day = OptionsDay::new(config).map_err(|error| Failure::Input(format!("generate: {error}")))?;
    let named = |suffix: &str| PathBuf::from(format!("{}.{suffix}", out.display()));
    let paths = ["nasdaq.itch", "bx.itch"].map(named);
    // Before the first move, whose mids the volatilities are of.
    let tables = [
        (named("contracts.csv"), contracts(&day)),
        (named("surfaces.csv"), surfaces(&day, config)),
        (named("toml"), desks::taker(&day, config)),
        (named("maker.toml"), desks::options_maker(&day, config)),
    ];
    let messages = write_streams(&mut day, &paths)?;
    let truths = (named("mispricings.csv"), mispricings(&day, config));
    for (path, table) in tables.iter().chain([&truths]) {
        std::fs::write(path, table)
            .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
    }
    let failed = |error: io::Error| Failure::Input(format!("generate: {error}"));
    for (path, messages) in paths.iter().zip(messages) {
        writeln!(text, "{}: {messages} messages", path.display()).map_err(failed)?;
    }
    let (underlyings, options) = (day.underlyings().len(), day.contracts().len());
    writeln!(
        text,
        "{underlyings} underlyings on two venues, {options} options on the first, {} mispricings planted",
        day.mispricings().len()
    )
    .and_then(|()| {
        let [nasdaq, bx] = [&paths[0], &paths[1]].map(|path| path.display());
        let replay = format!("warptick replay {nasdaq}@NASDAQ {bx}@BX --date {} --config", config.date);
        let (taker, maker) = (named("toml"), named("maker.toml"));
        writeln!(text, "{replay} {}\n{replay} {}", taker.display(), maker.display())
    })
    .map_err(failed)
}

fn write_streams(day: &mut OptionsDay, paths: &[PathBuf; 2]) -> Result<[u64; 2], Failure> {
    let failed = |path: &Path, error: io::Error| Failure::Input(format!("{}: {error}", path.display()));
    let create = |path: &PathBuf| File::create(path).map_err(|error| failed(path, error));
    let mut sinks = [BufWriter::new(create(&paths[0])?), BufWriter::new(create(&paths[1])?)];
    let mut chunks = [Vec::new(), Vec::new()];
    let mut messages = [0; 2];
    while let Some((venue, message)) = day.next_message() {
        let at = usize::from(venue);
        append_framed(&message, &mut chunks[at]);
        messages[at] += 1;
        if chunks[at].len() >= CHUNK_BYTES {
            sinks[at].write_all(&chunks[at]).map_err(|error| failed(&paths[at], error))?;
            chunks[at].clear();
        }
    }
    for ((sink, chunk), path) in sinks.iter_mut().zip(&chunks).zip(paths) {
        sink.write_all(chunk).and_then(|()| sink.flush()).map_err(|error| failed(path, error))?;
    }
    Ok(messages)
}

/// Volatilities are the surface's at the opening's mid; the surface moves with the forward.
fn contracts(day: &OptionsDay) -> String {
    let mut table =
        "symbol,underlying,expiry,years,strike_e9,right,multiplier,discount_e9,volatility\n".to_owned();
    for contract in day.contracts() {
        let underlying = &day.underlyings()[contract.underlying];
        let expiry = &day.expiries()[contract.expiry];
        let _ = writeln!(
            table,
            "{},{},{},{},{},{},{MULTIPLIER},{},{}",
            contract.symbol(day.expiries()),
            underlying.symbol,
            expiry.date,
            expiry.years,
            contract.strike_e9,
            contract.right.name(),
            expiry.discount_e9,
            opening_volatility(day, contract),
        );
    }
    table
}

fn surfaces(day: &OptionsDay, config: &OptionsDayConfig) -> String {
    let mut table = "underlying,opening_mid_e9,atm_variance,rho,eta,later_atm_variance\n".to_owned();
    for of in day.underlyings() {
        let mid_e9 = of.opening_cents * E9_A_CENT;
        let super::Surface { atm_variance, rho, eta } = of.surface;
        let later = of.surface.later(config.later_volatility_percent).atm_variance;
        let _ = writeln!(table, "{},{mid_e9},{atm_variance},{rho},{eta},{later}", of.symbol);
    }
    table
}

fn mispricings(day: &OptionsDay, config: &OptionsDayConfig) -> String {
    let mut table =
        "number,kind,underlying,venue,symbol,begin_ns,begin_message,end_ns,end_message,size,profit_e9,\
                     total_e9,legs\n"
            .to_owned();
    let midnight_ns = config.date.eastern_midnight_ns();
    for (number, planted) in day.mispricings().iter().enumerate() {
        let Mispricing { relation, underlying, moved, begin_message, end_message, size, profit_e9, .. } =
            planted;
        let moved = &day.listings()[*moved];
        let total_e9 = i128::from(*profit_e9) * i128::from(*size) * i128::from(relation.shares_a_unit());
        let legs: Vec<String> = relation.legs.iter().map(|leg| described(day, leg)).collect();
        let _ = writeln!(
            table,
            "{number},{},{},{},{},{},{begin_message},{},{end_message},{size},{profit_e9},{total_e9},{}",
            relation.kind.name(),
            day.underlyings()[*underlying].symbol,
            VENUES[usize::from(moved.venue)],
            moved.symbol,
            midnight_ns + planted.begin_ns,
            midnight_ns + planted.end_ns,
            legs.join(" ")
        );
    }
    table
}

/// `sell:UAAF1050@NASDAQ:2`.
fn described(day: &OptionsDay, leg: &Leg) -> String {
    let listing = &day.listings()[leg.listing];
    let action = if leg.sells { "sell" } else { "buy" };
    format!("{action}:{}@{}:{}", listing.symbol, VENUES[usize::from(listing.venue)], leg.ratio)
}
