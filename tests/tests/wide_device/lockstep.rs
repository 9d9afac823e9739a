//! In lockstep: the same digests whoever computes, and every answer and every book held against the CPU's on the way.

use engine::control::config::{Config, Topology};
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::wide_backend::BackendKind;
use engine::control::{journal_replay, startup};
use warptick_tests::captures::shared;

use crate::day::{How, alone, answers_by, config, digests, generated_day, run};

#[test]
fn a_generated_day_gives_the_same_digests_on_the_emulated_device() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let inputs = generated_day(directory.path(), 11, 6_000);
    let config = config(&inputs, "");
    let cpu = run(&inputs, &config, &How::lockstep(BackendKind::Cpu));
    assert_eq!(cpu.failure, None);
    assert!(cpu.counters.new_orders > 0, "nothing was decided on answers");
    for topology in [Topology::Inline, Topology::Split] {
        let journal = directory.path().join(format!("journal-{}", topology.name()));
        let how = How { topology, journal: Some(&journal), ..How::lockstep(BackendKind::Emulated) };
        let device = run(&inputs, &config, &how);
        assert_eq!(device.failure, None, "{topology:?}");
        assert_eq!(digests(&device), digests(&cpu), "{topology:?}");
        let wide = &device.summary.wide;
        assert!(wide.requests > 100 && wide.fallbacks == 0, "{wide:?}");
        assert_eq!(answers_by(&device, "emulated"), wide.requests, "{topology:?}");
        assert!(journal_replay::replay(&journal).expect("a replay").is_reproduced());
    }
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

fn same_on_the_device(path: &str, venue: &str, date: &str, chains: &str, requests_min: u64) {
    let Some((inputs, config)) = capture(path, venue, date, chains) else { return };
    let _alone = alone();
    let cpu = run(&inputs, &config, &How::lockstep(BackendKind::Cpu));
    let device = run(&inputs, &config, &How::lockstep(BackendKind::Emulated));
    assert_eq!((cpu.failure.clone(), device.failure.clone()), (None, None));
    assert_eq!(digests(&device), digests(&cpu));
    let wide = &device.summary.wide;
    println!("{venue}: {wide:?}");
    assert!(wide.requests >= requests_min, "{wide:?}");
    assert_eq!((answers_by(&device, "emulated"), wide.fallbacks), (wide.requests, 0));
}

#[test]
fn bx_gives_the_same_digests_on_the_emulated_device() {
    same_on_the_device("itch50_bx_20190730/itch_sample_slice.bin", "BX", "2019-07-30", BX_CHAINS, 20);
}

/// About a minute: `cargo test -p warptick-tests --test wide_device -- --ignored`.
#[test]
#[ignore = "a whole day through the interpreter: about a minute"]
fn goog_gives_the_same_digests_on_the_emulated_device() {
    let path = "itch50_from_lobster/20120621.GOOG_L10.itch50.gz";
    same_on_the_device(path, "NASDAQ", "2012-06-21", GOOG_CHAIN, 40_000);
}
