//! Summaries made by hand, and pairs of single runs on made-up hosts.

use super::*;
use crate::control::histograms::{Measure, StageHistograms};
use crate::control::summary::stages;
use crate::pipeline::draws::Draws;

/// A run of 64,000 orders: each takes `base_ns` times what its place in the day makes of it, and 30 % of noise.
fn run(base_ns: f64, slope: f64, draws: &mut Draws) -> Summary {
    let mut histograms = StageHistograms::new();
    for order in 0..64_000 {
        let place = 1.0 + slope * f64::from(order) / 64_000.0;
        let noise = 0.7 + 0.6 * draws.below(1_000) as f64 / 1_000.0;
        histograms.record_tick_to_order((base_ns * place * noise) as u64);
    }
    let mut summary = Summary {
        order_stream_sha256: "ab".into(),
        stages: stages(&histograms),
        blocks: histograms.blocks(),
        pace: "max".into(),
        ..serde_json::from_str(EMPTY).expect("a summary")
    };
    summary.machine.kernel = "6.1".into();
    assert!(histograms.of(Measure::TickToOrder).len() == 64_000);
    summary
}

const EMPTY: &str = r#"{"messages": 1, "events": 1, "orders": 1, "risk_rejects": 0, "fills": 0, "gaps": 0,
    "order_stream_sha256": "", "book_hash": "", "backend": "cpu", "topology": "inline",
    "machine": {"cpu": "c", "cpus_online": 2, "cpus_isolated": "", "virtual_machine": true, "kernel": "",
        "load_average": null, "transparent_huge_pages": "", "clock_source": "tsc", "frequency_governor": ""},
    "wide": {"requests": 0, "answers_by_kind": {}, "fallbacks": 0}, "stages": {}}"#;

fn side(name: &str, runs: impl IntoIterator<Item = Summary>) -> Side {
    let named = (0..).zip(runs).map(|(number, run)| (PathBuf::from(format!("{name}{number}.json")), run));
    Side { name: name.to_owned(), runs: named.collect() }
}

fn plan() -> Plan {
    Plan::default().at_most(1)
}

fn verdict(a: impl IntoIterator<Item = Summary>, b: impl IntoIterator<Item = Summary>) -> Verdict {
    compare(&side("a", a), &side("b", b), &plan(), false).expect("comparable").verdict
}

#[test]
fn single_runs_are_judged_by_their_stretches() {
    let mut draws = Draws(1);
    let mut one = |base_ns| [run(base_ns, 0.5, &mut draws)];
    assert_eq!(verdict(one(1_000.0), one(1_000.0)), Verdict::Same);
    assert_eq!(verdict(one(1_000.0), one(1_050.0)), Verdict::Slower);
    assert_eq!(verdict(one(1_050.0), one(1_000.0)), Verdict::Faster);
}

#[test]
fn equal_single_runs_alarm_no_more_often_than_stated() {
    let mut draws = Draws(2);
    // Stretches of which each resembles the one before: a quarter of its deviation stays.
    let mut stretches = |shift: f64| {
        let mut deviation = 0.0;
        let values = (0..48).map(|_| {
            deviation = 0.25 * deviation + (draws.below(2_000) as f64 / 1_000.0 - 1.0) * 0.02;
            1_000.0 * (shift + deviation)
        });
        Blocks { paths_per_block: 64, p50_ns: values.collect() }
    };
    let plan = Plan { false_alarm: 0.01, counts: 1.0, ..plan() };
    let mut alarms = 0;
    for _ in 0..10_000 {
        let ratios = log_ratios_of_stretches(&stretches(1.0), &stretches(1.0));
        assert_eq!(ratios.len(), STRETCHES);
        let correlation = correlation_of_neighbours(&ratios).expect("many");
        let shift = wider(&ranks::paired(&ratios, plan.false_alarm), correlation);
        alarms +=
            u32::from(correlation <= CORRELATION_MAX && Verdict::of(&shift, &plan) != Verdict::CannotTell);
    }
    assert!(alarms <= 130, "{alarms} of 10,000 at 1 in 100");
}

#[test]
fn a_part_of_the_day_that_is_slower_is_not_a_verdict() {
    let mut draws = Draws(3);
    let (a, b) = (run(1_000.0, 0.0, &mut draws), run(1_000.0, 0.3, &mut draws));
    let found = compare(&side("a", [a]), &side("b", [b]), &plan(), false).expect("comparable");
    assert_eq!(found.verdict, Verdict::CannotTell);
    assert!(found.notes.iter().any(|note| note.contains("correlation")), "{found}");
}

#[test]
fn several_runs_are_judged_as_runs() {
    let mut draws = Draws(4);
    let mut heap = |base_ns: f64| -> Vec<Summary> {
        (0..7).map(|number| run(base_ns * (1.0 + 0.001 * f64::from(number)), 0.0, &mut draws)).collect()
    };
    assert_eq!(verdict(heap(1_000.0), heap(1_000.0)), Verdict::Same);
    assert_eq!(verdict(heap(1_000.0), heap(1_050.0)), Verdict::Slower);
    let (a, b) = (side("a", heap(1_000.0)), side("b", heap(1_050.0).into_iter().take(3)));
    let found = compare(&a, &b, &plan(), false).expect("comparable");
    assert_eq!(found.verdict, Verdict::CannotTell);
    assert!(found.to_string().contains("seven a side"), "{found}");
    assert!(found.outcome().is_err_and(|failure| failure.exit_code() == 1));
}

#[test]
fn what_is_not_comparable_is_named() {
    let mut draws = Draws(5);
    let one = run(1_000.0, 0.0, &mut draws);
    let mut other = one.clone();
    (other.topology, other.pace) = ("split".into(), "1x".into());
    other.machine.kernel = "6.2".into();
    let (a, b) = (side("a", [one]), side("b", [other]));
    let error = compare(&a, &b, &plan(), false).expect_err("not comparable");
    assert_eq!(error.exit_code(), 2);
    for word in ["topology is inline in a0.json and split in b0.json", "pace", "6.1", "6.2", "--force"] {
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
    let forced = compare(&a, &b, &plan(), true).expect("forced");
    assert!(forced.notes.iter().any(|note| note.contains("the pace")), "{forced}");
}

#[test]
fn a_run_without_orders_is_refused() {
    let empty = || -> [Summary; 1] { [serde_json::from_str(EMPTY).expect("a summary")] };
    let error = compare(&side("a", empty()), &side("b", empty()), &plan(), false).expect_err("nothing timed");
    assert!(error.to_string().contains("too few orders"), "{error}");
}
