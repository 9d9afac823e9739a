//! The BX capture of 2019-07-30 with chains on two of its symbols.

use engine::control::config::{Config, Topology};
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::replay::{ReplayOptions, replay};
use engine::control::{journal_replay, startup};
use warptick_tests::captures::shared;

use crate::day::{Checked, check};

const BX: &str = "itch50_bx_20190730/itch_sample_slice.bin";

/// 250 options on each of AAPL (about 209) and MSFT (about 141); nothing is traded.
const CHAINS: &str = r#"
[[wide.chains]]
venue = "BX"
symbol = "AAPL"
expiries = [{ years = 0.01, rate = 0.02 }, { years = 0.05, rate = 0.02 }, { years = 0.1, rate = 0.02 },
            { years = 0.25, rate = 0.02, dividend_yield = 0.014 }, { years = 0.5, rate = 0.02, dividend_yield = 0.014 }]
strikes = { from_e9 = 185_000_000_000, to_e9 = 233_000_000_000, step_e9 = 2_000_000_000, volatility = 0.28 }
[[wide.chains]]
venue = "BX"
symbol = "MSFT"
expiries = [{ years = 0.01, rate = 0.02 }, { years = 0.05, rate = 0.02 }, { years = 0.1, rate = 0.02 },
            { years = 0.25, rate = 0.02 }, { years = 0.5, rate = 0.02 }]
strikes = { from_e9 = 129_000_000_000, to_e9 = 153_000_000_000, step_e9 = 1_000_000_000, volatility = 0.22 }
"#;

#[test]
fn chains_on_a_real_capture_are_priced_as_by_the_model() {
    let Some(capture) = shared(BX) else { return };
    let arguments = [CaptureArgument { path: capture, venue: Some("BX".to_owned()) }];
    let inputs = Inputs::open(&arguments, Some("2019-07-30")).expect("the capture");
    let config = Config::parse("chains", CHAINS).expect("good settings");
    let config = startup::complete(&inputs, config).expect("a configuration for the capture");
    let directory = tempfile::tempdir().expect("a directory");
    let journal = directory.path().join("journal");
    let options = ReplayOptions { journal: Some(journal.clone()), ..ReplayOptions::default() };
    let outcome = replay(&inputs, &config, &options, Vec::new()).expect("the run starts");
    assert_eq!(outcome.failure, None);
    let mut split = config.clone();
    split.pipeline.topology = Topology::Split;
    let split = replay(&inputs, &split, &ReplayOptions::default(), Vec::new()).expect("the run starts");
    assert_eq!((&split.summary.wide, split.digest), (&outcome.summary.wide, outcome.digest));
    let Checked { answers, answers_sha256, model, .. } = check(&inputs, &config, &journal, 5_000);
    assert_eq!(answers_sha256, outcome.summary.wide.answers_sha256);
    println!(
        "{answers} answers, {} options changed, {} at an edge, digest {}",
        model.items[1], model.at_an_edge, outcome.summary.wide.answers_sha256
    );
    assert_eq!((answers, model.sizes()), (outcome.counters.wide_answers, (2, 0, 500)));
    assert!(answers > 20 && model.items[1] > 1_000, "{answers} answers, {:?} items", model.items);
    assert!(journal_replay::replay(&journal).expect("a replay").is_reproduced());
}
