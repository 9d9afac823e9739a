//! In lockstep: the same digests whoever computes, and every answer and every book held against the CPU's on the way.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use engine::control::config::Config;
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::startup;
use engine::control::summary::WideSummary;
use engine::control::wide_backend::BackendKind;
use flate2::read::GzDecoder;
use warptick_tests::captures::shared;

use crate::day::{How, alone, answers_by, config, digests, generated_day, is_the_same_on_the_device, run};

#[test]
fn a_generated_day_gives_the_same_digests_on_the_emulated_device() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let inputs = generated_day(directory.path(), 11, 6_000);
    let config = config(&inputs, "");
    is_the_same_on_the_device(directory.path(), &inputs, &config);
}

/// Chains on both symbols of the capture.
const BX_CHAINS: &str = r#"
[[wide.chains]]
venue = "BX"
symbol = "AAPL"
expiries = [{ years = 0.01, rate = 0.02 }, { years = 0.1, rate = 0.02 }, { years = 0.5, rate = 0.02 }]
strikes = { from_e9 = 185_000_000_000, to_e9 = 233_000_000_000, step_e9 = 2_000_000_000, volatility = 0.28 }
[[wide.chains]]
venue = "BX"
symbol = "MSFT"
expiries = [{ years = 0.01, rate = 0.02 }, { years = 0.1, rate = 0.02 }, { years = 0.5, rate = 0.02 }]
strikes = { from_e9 = 129_000_000_000, to_e9 = 153_000_000_000, step_e9 = 1_000_000_000, volatility = 0.22 }
"#;

const GOOG_CHAIN: &str = r#"
[[wide.chains]]
venue = "NASDAQ"
symbol = "GOOG"
expiries = [{ years = 0.02, rate = 0.01 }, { years = 0.25, rate = 0.01 }, { years = 1.0, rate = 0.01 }]
strikes = { from_e9 = 500_000_000_000, to_e9 = 640_000_000_000, step_e9 = 5_000_000_000, volatility = 0.25 }
"#;

fn capture(path: &str, venue: &str, date: &str, chains: &str) -> Option<(Inputs, Config)> {
    let path = shared(path)?;
    let arguments = [CaptureArgument { path, venue: Some(venue.to_owned()) }];
    let inputs = Inputs::open(&arguments, Some(date)).expect("the capture");
    let config = Config::parse("chains", chains).expect("good settings");
    let config = startup::complete(&inputs, config).expect("a configuration for the capture");
    Some((inputs, config))
}

/// The run by CPU and device: the same digests, and every answer the device's.
fn same(inputs: &Inputs, config: &Config, name: &str) -> WideSummary {
    let _alone = alone();
    let cpu = run(inputs, config, &How::lockstep(BackendKind::Cpu));
    let device = run(inputs, config, &How::lockstep(BackendKind::Emulated));
    assert_eq!((cpu.failure.clone(), device.failure.clone()), (None, None));
    assert_eq!(digests(&device), digests(&cpu));
    let wide = device.summary.wide.clone();
    println!("{name}: {wide:?}");
    assert_eq!((answers_by(&device, "emulated"), wide.fallbacks), (wide.requests, 0));
    wide
}

fn same_on_the_device(path: &str, venue: &str, date: &str, chains: &str, requests_min: u64) {
    let Some((inputs, config)) = capture(path, venue, date, chains) else { return };
    let wide = same(&inputs, &config, venue);
    assert!(wide.requests >= requests_min, "{wide:?}");
}

#[test]
fn bx_gives_the_same_digests_on_the_emulated_device() {
    same_on_the_device("itch50_bx_20190730/itch_sample_slice.bin", "BX", "2019-07-30", BX_CHAINS, 20);
}

/// A cycle of buying spot and selling the perpetual future, the reverse, and a chain on spot; no fees, so that there are
/// hits. A quantity unit of the feed is 10^-8 of a coin.
const BINANCE: &str = r#"
[[wide.listings]]
venue = "SPOT"
symbol = "BTCUSDT"
unit_e9 = 10
fee_unit_e9 = 0
[[wide.listings]]
venue = "USDM"
symbol = "BTCUSDT_PERP"
unit_e9 = 10
fee_unit_e9 = 0
[[wide.relations]]
legs = [
    { venue = "SPOT", symbol = "BTCUSDT", side = "buy" },
    { venue = "USDM", symbol = "BTCUSDT_PERP", side = "sell" },
]
amount_max_e9 = 1_000_000_000_000_000
profit_min_e9 = 1
[[wide.relations]]
legs = [
    { venue = "USDM", symbol = "BTCUSDT_PERP", side = "buy" },
    { venue = "SPOT", symbol = "BTCUSDT", side = "sell" },
]
amount_max_e9 = 1_000_000_000_000_000
profit_min_e9 = 1
[[wide.chains]]
venue = "SPOT"
symbol = "BTCUSDT"
expiries = [{ years = 0.02, rate = 0.05 }, { years = 0.25, rate = 0.05 }]
strikes = { from_e9 = 50_000_000_000_000, to_e9 = 74_000_000_000_000, step_e9 = 1_000_000_000_000, volatility = 0.6 }
quote = { half_width_min_e9 = 5_000_000_000, width_vega = 0.005, tick_e9 = 5_000_000_000 }
"#;

/// The lines of a capture's first minute, in a file of a directory.
fn first_minute(name: &str, directory: &Path) -> Option<PathBuf> {
    let mut text = String::new();
    let packed =
        File::open(shared(&format!("hftbacktest_binance/{name}_20240808.gz"))?).expect("the capture");
    GzDecoder::new(packed).read_to_string(&mut text).expect("text");
    let received = |line: &str| line.split(' ').next().and_then(|time| time.parse::<u64>().ok());
    let first = text.lines().next().and_then(received).expect("a line");
    let end = first + 60_000_000_000;
    let lines = text.lines().take_while(|line| received(line).is_some_and(|time| time < end));
    let minute: String = lines.flat_map(|line| [line, "\n"]).collect();
    let path = directory.join(format!("{name}.json"));
    std::fs::write(&path, minute).expect("writable");
    Some(path)
}

#[test]
fn a_minute_of_binance_gives_the_same_digests_on_the_emulated_device() {
    let directory = tempfile::tempdir().expect("a directory");
    let minute = |name, venue: &str| {
        let path = first_minute(name, directory.path())?;
        Some(CaptureArgument { path, venue: Some(venue.to_owned()) })
    };
    let (Some(spot), Some(future)) = (minute("spot_btcusdt", "SPOT"), minute("usdm_btcusdt", "USDM")) else {
        return;
    };
    let inputs = Inputs::open(&[spot, future], Some("2024-08-08")).expect("the captures");
    let config = Config::parse("binance", BINANCE).expect("good settings");
    let config = startup::complete(&inputs, config).expect("a configuration for the captures");
    let wide = same(&inputs, &config, "Binance");
    assert!(wide.requests > 1_000, "{wide:?}");
}

/// About a minute: `cargo test -p warptick-tests --test wide_device -- --ignored`.
#[test]
#[ignore = "a whole day through the interpreter: about a minute"]
fn goog_gives_the_same_digests_on_the_emulated_device() {
    let path = "itch50_from_lobster/20120621.GOOG_L10.itch50.gz";
    same_on_the_device(path, "NASDAQ", "2012-06-21", GOOG_CHAIN, 40_000);
}
