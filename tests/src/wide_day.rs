//! A generated day of a few symbols at two venues, and wide work over it: relations and a chain that nobody else trades on.

use std::path::Path;

use engine::control::config::{Config, InstrumentConfig};
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::startup;
use engine::control::universe::Universe;
use feeds::source::synthetic::SyntheticConfig;

use crate::captures::{generated, map_times};

/// Symbols of the day, all of them listed at both venues.
const SYMBOLS: u32 = 5;

/// A cycle of three. Of `<3>` a unit is a thousandth, so that a cycle that makes no sense otherwise often has something to take.
pub const CYCLE: &str = r#"
    [[wide.listings]]
    venue = "NASDAQ"
    symbol = "<3>"
    unit_e9 = 1_000_000
    fee_unit_e9 = 100
    [[wide.relations]]
    legs = [
        { venue = "NASDAQ", symbol = "<3>", side = "sell" },
        { venue = "BX", symbol = "<1>", side = "sell" },
        { venue = "NASDAQ", symbol = "<2>", side = "buy" },
    ]
    amount_max_e9 = 100_000_000_000
    profit_min_e9 = 1
"#;

/// 250 options on `<1>`, with strikes around where the generator's prices are, whatever the day's. More of the chain's keys
/// may follow.
pub const CHAIN: &str = r#"
    [[wide.chains]]
    venue = "NASDAQ"
    symbol = "<1>"
    expiries = [
        { years = 0.02, rate = 0.03 },
        { years = 0.1, rate = 0.03, dividend_yield = 0.01 },
        { years = 0.25, carry = 1.004, discount = 0.99 },
        { years = 0.5, rate = 0.035 },
        { years = 1.0, rate = 0.04, dividend_yield = 0.02 },
    ]
    strikes = { from_e9 = 10_000_000_000, to_e9 = 250_000_000_000, step_e9 = 10_000_000_000, volatility = 0.3 }
    quote = { half_width_min_e9 = 16_500_000, width_vega = 0.002, tick_e9 = 5_000_000 }
"#;

/// Pairs of the first three symbols.
#[must_use]
pub fn pairs(profit_min_e9: u64) -> String {
    format!("[[wide.pairs]]\nsymbols = [\"<0>\", \"<1>\", \"<2>\"]\nprofit_min_e9 = {profit_min_e9}\n")
}

/// The day, in two files of a directory: a journal names the captures that it is replayed with. Times are multiples of
/// `step_ns`: long steps make inputs of all kinds fall together.
///
/// # Panics
/// When the files cannot be written.
#[must_use]
pub fn generated_day(directory: &Path, seed: u64, messages: u64, step_ns: u64) -> Inputs {
    let settings = SyntheticConfig {
        seed,
        messages,
        symbols: SYMBOLS as usize,
        halts: 1,
        bx_listed_permille: 1_000,
        ..SyntheticConfig::default()
    };
    let arguments = ["NASDAQ", "BX"].into_iter().zip(generated(&settings)).map(|(venue, mut stream)| {
        map_times(&mut stream, |time_ns| time_ns / step_ns * step_ns);
        let path = directory.join(format!("{venue}.itch"));
        std::fs::write(&path, stream).expect("writable");
        CaptureArgument { path, venue: Some(venue.to_owned()) }
    });
    Inputs::open(&arguments.collect::<Vec<_>>(), Some("2026-01-05")).expect("captures")
}

/// A configuration of which `wide` is the wide work; in it `<0>` to `<4>` are the day's symbols. These may be traded, and
/// nobody but the taker of `wide` trades: what is sent comes of answers.
///
/// # Panics
/// When it is no configuration.
#[must_use]
pub fn config(inputs: &Inputs, wide: &str) -> Config {
    let directory = inputs.directory().expect("symbols");
    let symbol = |number: u32| directory.symbol(number).expect("a symbol").to_string();
    let named = |text: String, number| text.replace(&format!("<{number}>"), &symbol(number));
    let text = (0..SYMBOLS).fold(wide.to_owned(), named);
    let mut config = Config::parse("wide", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let tradable = |number| InstrumentConfig {
        symbol: symbol(number),
        limits: None,
        market_maker: None,
        arbitrage: None,
    };
    config.instruments = (0..SYMBOLS).map(tradable).collect();
    config.limits.order_qty_max = 1_000_000;
    config.limits.order_notional_max = 100_000_000;
    config.limits.position_max = 1_000_000;
    config.limits.collar_bp = 5_000;
    startup::complete(inputs, config).expect("a configuration for the captures")
}
