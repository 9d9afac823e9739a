//! A delay planted in the code of a stage appears in that stage's figures and in no other's.
//!
//! The engine is built with the feature `failpoints`. Runs with and without the delay take turns; what is compared are medians
//! over thousands of orders, and a machine that was disturbed gets further tries. The delay is 20 us unless
//! `WARPTICK_PLANT_NS` says otherwise (1000 is for a quiet machine).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use engine::control::summary::Summary;
use tempfile::TempDir;
use warptick_tests::warptick::{Finished, build_as, run};

/// Times that a stage is tried before it counts as wrong.
const TRIES: usize = 4;

fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| build_as("warptick-failpoints", &["--features", "failpoints"]))
}

fn delay_ns() -> i64 {
    std::env::var("WARPTICK_PLANT_NS").map_or(20_000, |text| text.parse().expect("WARPTICK_PLANT_NS=ns"))
}

/// How the engine is run, and how many ticks at least must lead to orders.
struct Load {
    topology: &'static str,
    pace: &'static str,
    orders: u64,
}

/// Medians by stage, ns, of a run with a delay planted in `stage`.
fn medians(dir: &Path, captures: &[String], load: &Load, stage: Option<&str>) -> BTreeMap<String, i64> {
    let (summary, journal) = (dir.join("summary.json"), dir.join("journal"));
    let _ = std::fs::remove_dir_all(&journal);
    let mut replay = Command::new(binary());
    replay.arg("replay").args(captures).args(["--stamps", "all", "--topology", load.topology]);
    replay.args(["--pace", load.pace]);
    replay.arg("--journal").arg(&journal).arg("--summary").arg(&summary);
    if let Some(stage) = stage {
        replay.env("WARPTICK_PLANT", format!("{stage}:{}", delay_ns()));
    }
    let finished: Finished = replay.output().expect("the binary runs").into();
    assert_eq!(finished.code, Some(0), "{}{}", finished.stdout, finished.stderr);
    let summary = Summary::read(&summary).expect("a summary");
    assert_eq!(summary.stage_sums.unequal, 0, "{:?}", summary.stage_sums);
    assert!(summary.stages["tick_to_order"].count >= load.orders, "{:?}", summary.stages["tick_to_order"]);
    let of = |(name, row): (String, engine::control::histograms::Distribution)| {
        row.p50_ns.map(|ns| (name, i64::try_from(ns).expect("a median")))
    };
    summary.stages.into_iter().filter_map(of).collect()
}

/// What is wrong with the medians of a run with a delay in `stage`, beside one without.
fn faults(stage: &str, without: &BTreeMap<String, i64>, with: &BTreeMap<String, i64>) -> Vec<String> {
    let delay = delay_ns();
    let mut faults = Vec::new();
    for (name, before) in without {
        let change = with.get(name).copied().unwrap_or_default() - before;
        let (least, most) = match name.as_str() {
            name if name == stage => (delay * 8 / 10, delay * 16 / 10),
            // The orders of one tick share the path's ends: each waits for the others' bytes, however long those take.
            "wait" if stage == "encode" => (-delay * 3 / 10, delay * 16 / 10),
            "tick_to_order" if stage == "send" => (-delay * 3 / 10, delay * 3 / 10),
            "tick_to_order" | "tick_to_wire" => (delay * 8 / 10, delay * 26 / 10),
            _ => (-delay * 3 / 10, delay * 3 / 10),
        };
        if !(least..=most).contains(&change) {
            faults.push(format!("{name} changed by {change} ns, not by {least} to {most}"));
        }
    }
    faults
}

fn each_of(load: &Load, stages: &[&str]) {
    let dir = TempDir::new().expect("a directory");
    let out = dir.path().join("day");
    let made =
        run(["generate", &out.to_string_lossy(), "--messages", "200000", "--symbols", "2", "--seed", "7"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    // One venue: with several the arbitrage is asked too, and each is as long.
    let captures = [format!("{}.nasdaq.itch@NASDAQ", out.display())];
    let name = format!("{} at {}", load.topology, load.pace);
    for stage in stages {
        let mut said = Vec::new();
        let is_found = (0..TRIES).any(|_| {
            let without = medians(dir.path(), &captures, load, None);
            let with = medians(dir.path(), &captures, load, Some(stage));
            let faults = faults(stage, &without, &with);
            println!("{name}, {stage}:\n  without {without:?}\n  with    {with:?}\n  {faults:?}");
            said.push(faults.join("; "));
            said.last().is_some_and(String::is_empty)
        });
        assert!(is_found, "{name}, a delay of {} ns in {stage}: {said:#?}", delay_ns());
    }
}

/// In lockstep: thousands of orders, the same ones with and without the delay.
#[test]
fn each_delay_is_in_its_stage() {
    let load = Load { topology: "inline", pace: "lockstep", orders: 1_000 };
    each_of(&load, &["decode", "book", "decide", "risk", "journal"]);
}

/// What only sockets and a pace have; the machine must keep up with the pace, or everything waits.
#[test]
#[ignore = "needs two cores to itself"]
fn each_delay_of_a_paced_run_is_in_its_stage() {
    let load = Load { topology: "inline", pace: "1500x", orders: 50 };
    each_of(&load, &["wait", "encode", "send"]);
}

#[test]
#[ignore = "needs four cores to itself"]
fn a_delay_between_cores_is_in_the_ring() {
    each_of(&Load { topology: "split", pace: "1500x", orders: 100 }, &["ring", "decode", "book"]);
}
