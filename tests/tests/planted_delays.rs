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

/// Medians by stage, ns, of a run with a delay planted in `stage`.
fn medians(dir: &Path, captures: &[String], topology: &str, stage: Option<&str>) -> BTreeMap<String, i64> {
    let (summary, journal) = (dir.join("summary.json"), dir.join("journal"));
    let _ = std::fs::remove_dir_all(&journal);
    let mut replay = Command::new(binary());
    replay.arg("replay").args(captures).args(["--stamps", "all", "--pace", "5000x", "--topology", topology]);
    replay.arg("--journal").arg(&journal).arg("--summary").arg(&summary);
    if let Some(stage) = stage {
        replay.env("WARPTICK_PLANT", format!("{stage}:{}", delay_ns()));
    }
    let finished: Finished = replay.output().expect("the binary runs").into();
    assert_eq!(finished.code, Some(0), "{}{}", finished.stdout, finished.stderr);
    let summary = Summary::read(&summary).expect("a summary");
    assert_eq!(summary.stage_sums.unequal, 0, "{:?}", summary.stage_sums);
    assert!(summary.stages["tick_to_order"].count >= 2_000, "{:?}", summary.stages["tick_to_order"]);
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

fn each_of(topology: &str, stages: &[&str]) {
    let dir = TempDir::new().expect("a directory");
    let out = dir.path().join("day");
    let made =
        run(["generate", &out.to_string_lossy(), "--messages", "60000", "--symbols", "10", "--seed", "7"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let captures = ["nasdaq", "bx"]
        .map(|venue| format!("{}.{venue}.itch@{}", out.display(), venue.to_uppercase()))
        .to_vec();
    for stage in stages {
        let mut said = Vec::new();
        let is_found = (0..TRIES).any(|_| {
            let without = medians(dir.path(), &captures, topology, None);
            let with = medians(dir.path(), &captures, topology, Some(stage));
            let faults = faults(stage, &without, &with);
            println!("{topology}, {stage}: {without:?}\n  planted {with:?}\n  {faults:?}");
            said.push(faults.join("; "));
            said.last().is_some_and(String::is_empty)
        });
        assert!(is_found, "{topology}, a delay of {} ns in {stage}: {said:#?}", delay_ns());
    }
}

/// One after the other: two runs at once would measure each other.
#[test]
fn each_delay_is_in_its_stage() {
    each_of("inline", &["wait", "decode", "book", "decide", "risk", "journal", "encode", "send"]);
    each_of("split", &["ring", "wait", "decode", "book", "journal", "encode"]);
}
