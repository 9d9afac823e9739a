//! A generated day with pairs, a cycle and a chain, and how it is run.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use emulator::EmulatedDevice;
use engine::control::config::{Config, InstrumentConfig, Topology};
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::outcome::Outcome;
use engine::control::replay::{ReplayOptions, replay};
use engine::control::startup;
use engine::control::universe::Universe;
use engine::control::wide_backend::BackendKind;
use engine::pipeline::paced::Pace;
use feeds::source::synthetic::SyntheticConfig;
use warptick_tests::captures::generated;

/// The interpreter is one for all tests of the process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Nobody else uses the interpreter as long as this lives; it runs at full speed.
pub fn alone() -> MutexGuard<'static, ()> {
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // What a frozen kernel had is never given back: a hundred of them need more than the usual device has.
    emulator::configure(EmulatedDevice { memory_bytes: 64 << 30, ..EmulatedDevice::default() });
    let hooks = emulator::hooks();
    hooks.only(Some("engine"));
    hooks.slow_down(std::time::Duration::ZERO);
    // What a former test froze goes on, finds that it is to stop, and ends.
    hooks.thaw();
    std::thread::sleep(std::time::Duration::from_millis(20));
    guard
}

/// A day of five symbols at two venues, in two files of a directory.
pub fn generated_day(directory: &Path, seed: u64, messages: u64) -> Inputs {
    let settings = SyntheticConfig {
        seed,
        messages,
        symbols: 5,
        halts: 1,
        bx_listed_permille: 1_000,
        ..SyntheticConfig::default()
    };
    let arguments = ["NASDAQ", "BX"].into_iter().zip(generated(&settings)).map(|(venue, stream)| {
        let path = directory.join(format!("{venue}.itch"));
        std::fs::write(&path, stream).expect("writable");
        CaptureArgument { path, venue: Some(venue.to_owned()) }
    });
    Inputs::open(&arguments.collect::<Vec<_>>(), Some("2026-01-05")).expect("captures")
}

/// Pairs of three symbols, a cycle, 251 options on the second symbol.
const PAIRS_AND_CHAIN: &str = r#"
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
    [[wide.pairs]]
    symbols = ["<0>", "<1>", "<2>"]
    profit_min_e9 = 10_000_000
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

/// [`PAIRS_AND_CHAIN`] and a taker; `device` is TOML in `[wide.device]`.
pub fn config(inputs: &Inputs, device: &str) -> Config {
    config_with(inputs, device, PAIRS_AND_CHAIN)
}

/// Wide work in which `<0>` to `<4>` are the day's symbols, and a taker.
pub fn config_with(inputs: &Inputs, device: &str, wide: &str) -> Config {
    let directory = inputs.directory().expect("symbols");
    let symbol = |number: u32| directory.symbol(number).expect("a symbol").to_string();
    let text = format!("[wide.device]\n{device}\n{wide}\n[wide.taker]\ncool_down_ns = 100_000\n");
    let text = (0..5).fold(text, |text, number| text.replace(&format!("<{number}>"), &symbol(number)));
    let mut config = Config::parse("wide", &text).expect("good settings");
    let named = |number| InstrumentConfig {
        symbol: symbol(number),
        limits: None,
        market_maker: None,
        arbitrage: None,
    };
    config.instruments = (0..5).map(named).collect();
    config.limits.order_qty_max = 1_000_000;
    config.limits.order_notional_max = 100_000_000;
    config.limits.position_max = 1_000_000;
    config.limits.collar_bp = 5_000;
    startup::complete(inputs, config).expect("a configuration for the captures")
}

/// How a day is run.
pub struct How<'a> {
    pub backend: BackendKind,
    pub topology: Topology,
    pub journal: Option<&'a Path>,
    pub pace: Option<Pace>,
}

impl How<'_> {
    /// In lockstep, all stages in one thread, without a journal.
    pub const fn lockstep(backend: BackendKind) -> Self {
        Self { backend, topology: Topology::Inline, journal: None, pace: None }
    }
}

pub fn run(inputs: &Inputs, config: &Config, how: &How<'_>) -> Outcome {
    let mut config = config.clone();
    config.pipeline.topology = how.topology;
    let options = ReplayOptions {
        pace: how.pace,
        journal: how.journal.map(Path::to_owned),
        backend: how.backend,
        ..ReplayOptions::default()
    };
    replay(inputs, &config, &options, Vec::new()).expect("the run starts")
}

/// Order digest, answer digest and book hash: what no backend may change.
pub fn digests(outcome: &Outcome) -> (String, String, String) {
    let summary = &outcome.summary;
    (summary.order_stream_sha256.clone(), summary.wide.answers_sha256.clone(), summary.book_hash.clone())
}

/// Answers that somebody computed.
pub fn answers_by(outcome: &Outcome, kind: &str) -> u64 {
    outcome.summary.wide.answers_by_kind.get(kind).copied().unwrap_or(0)
}
