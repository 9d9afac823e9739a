//! GOOG on 2015-12-24, half a day: 2,192 American contracts in 12 expiries, one of which expires on that day. GOOG paid no
//! dividends; interest is taken to be half a percent a year, about what a Treasury bill paid.

use std::collections::BTreeMap;

use engine::control::config::Config;
use engine::control::listed_chain::ListedChain;
use engine::control::wide_kinds::{DiscountConfig, ExerciseConfig, PlaceConfig};
use feeds::option_symbol::OptionSymbol;
use warptick_tests::captures::shared;

use crate::day::{Day, permille, told};

const OPTIONS: &str = "option_usa_minute_goog_20151224_quote_american.zip";
const SHARES: &str = "equity_usa_minute_goog_20151224_quote.zip";

/// Simple interest a year, 1e-9.
const RATE_E9: u64 = 5_000_000;

/// Sum over the minutes of hits at their ends, as `kernels/tests/arbitrage/goog.rs` counts them from the CSV files.
const HITS: u64 = 426;

/// What 1 after so many days is worth, rounded against us both ways: as in `kernels/tests/arbitrage/goog.rs`.
fn discount(days: u64) -> DiscountConfig {
    let owed = 1_000_000_000 + RATE_E9 * days / 365;
    let receive_e9 = 1_000_000_000_000_000_000 / (owed + 1);
    let pay_e9 = 1_000_000_000_000_000_000u64.div_ceil(owed).max(receive_e9);
    DiscountConfig { receive_e9: Some(receive_e9), pay_e9: Some(pay_e9), ..DiscountConfig::default() }
}

fn simple_interest(config: &mut Config) {
    let spreads = &mut config.wide.as_mut().expect("wide work").spreads[0];
    for expiry in &mut spreads.expiries {
        let days = expiry.discount.years.expect("years") * 365.0;
        expiry.discount = discount(if days < 1.0 { 0 } else { days.round() as u64 });
    }
}

fn day(fit_interval_ms: u64) -> Option<Day> {
    let chain = ListedChain {
        underlying: PlaceConfig { venue: "SHARES".to_owned(), symbol: "GOOG".to_owned() },
        root: None,
        is_on_future: false,
        exercise: ExerciseConfig::American,
        contract_size: 100,
        rate: 0.005,
        dividend_yield: 0.0,
        volatility: 0.3,
        fit_interval_ms,
    };
    Day::open([(OPTIONS, "OPTIONS"), (SHARES, "SHARES")], &chain, simple_interest)
}

/// Volatilities of the day's universe file, by expiry, strike (1e-9) and right. They contradict the file's own closing prices (the
/// 750 call of 2015-12-31 at 4.80 is given 319 %, that price says 16 %) and many are zero: reported, held against nothing.
fn published() -> BTreeMap<(u32, u64, bool), f64> {
    let path = shared("lean_options/option_usa_universes_goog_20151224.csv").expect("the universe");
    let text = std::fs::read_to_string(path).expect("readable");
    let row = |row: &str| {
        let fields: Vec<&str> = row.split(',').collect();
        let strike = fields[1].parse::<f64>().ok()?;
        let key = (fields[0].parse().ok()?, (strike * 1e9).round() as u64, fields[2] == "P");
        Some((key, fields[9].parse().ok()?))
    };
    text.lines().filter_map(row).collect()
}

fn play(fit_interval_ms: u64, every: u64) {
    let Some(day) = day(fit_interval_ms) else { return };
    assert_eq!((day.plan.tables.options().len(), day.plan.tables.linears().len()), (2_192, 13_478));
    let (outcome, mut seen) = day.run(every);
    println!("GOOG 2015-12-24: {}", told(&outcome, &mut seen));
    assert_eq!(outcome.messages, 275_552 + 260);
    assert_eq!(seen.priced.len(), 2_192);
    assert_eq!(seen.hits, HITS);
    assert!(seen.compared.0 > 5);
    let published = published();
    let mut differences = Vec::new();
    for (&option, vol) in &seen.vols {
        let symbol = OptionSymbol::parse(day.symbol_of(option)).expect("an option");
        let near = (600..=900).contains(&(symbol.strike_e9 / 1_000_000_000));
        let known = published.get(&(symbol.expiry, symbol.strike_e9, symbol.is_put));
        if let Some(known) = known.filter(|known| near && **known > 0.0) {
            differences.push((vol.volatility() - known).abs());
        }
    }
    let near = differences.iter().filter(|difference| **difference < 0.03).count();
    println!(
        "the last fits, {} options: of {} published volatilities with strikes of 600 to 900 {near} are within three points, the \
         median is {:.1} points apart",
        seen.vols.len(),
        differences.len(),
        100.0 * permille(&mut differences, 500),
    );
    let error = permille(&mut seen.vol_errors, 500);
    assert!(error < 0.01 && seen.vol_errors.len() > 1_000, "{error}");
}

#[test]
fn the_goog_chain_is_priced_fitted_and_scanned() {
    play(1_800_000, 30);
}

#[test]
#[ignore = "minutes: a fit and a brute force each minute"]
fn the_goog_chain_is_priced_fitted_and_scanned_wide() {
    play(60_000, 1);
}
