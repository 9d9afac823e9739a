//! `warptick compare` on real files: summaries that two replays wrote, the built binary against itself, and what cannot be
//! compared.
//!
//! How often it is wrong is counted in `engine/src/control/compare/noise_tests.rs`; `bench/compare_demo.sh` counts it on real
//! binaries.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use feeds::source::synthetic::SyntheticConfig;
use serde_json::Value;
use tempfile::TempDir;
use warptick_tests::captures::generated;
use warptick_tests::warptick::{Finished, binary, run};

fn compare(arguments: &[&OsStr]) -> Finished {
    run([OsStr::new("compare")].into_iter().chain(arguments.iter().copied()))
}

/// The summary of a lockstep replay of a small generated day.
fn summary(directory: &TempDir, name: &str, further: &[&str]) -> PathBuf {
    // Dense enough for a market maker to quote all the time.
    let span_ns = Some(2_700_000_000_000);
    let settings =
        SyntheticConfig { messages: 120_000, symbols: 5, halts: 0, span_ns, ..SyntheticConfig::default() };
    let capture = directory.path().join("day.itch");
    if !capture.exists() {
        let [stream, _] = generated(&settings);
        std::fs::write(&capture, stream).expect("writable");
    }
    let file = directory.path().join(name);
    let arguments = [OsStr::new("replay"), capture.as_os_str(), OsStr::new("--summary"), file.as_os_str()];
    let finished = run(arguments.into_iter().chain(further.iter().map(OsStr::new)));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    file
}

fn json(file: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file).expect("readable")).expect("JSON")
}

/// The summary with all times this many times as long.
fn slower(file: &Path, times: f64, to: &Path) {
    let mut summary = json(file);
    let scaled = |value: &mut Value| {
        if let Some(ns) = value.as_f64() {
            *value = Value::from(ns * times);
        }
    };
    let scaled_whole = |value: &mut Value| {
        if let Some(ns) = value.as_u64() {
            *value = Value::from((ns as f64 * times) as u64);
        }
    };
    summary["blocks"]["p50_ns"].as_array_mut().expect("stretches").iter_mut().for_each(scaled);
    for figure in ["min_ns", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"] {
        scaled_whole(&mut summary["stages"]["tick_to_order"][figure]);
    }
    std::fs::write(to, summary.to_string()).expect("writable");
}

#[test]
fn summaries_of_one_run_each() {
    let directory = TempDir::new().expect("a directory");
    let one = summary(&directory, "one.json", &[]);
    let written = json(&one);
    assert_eq!((&written["pace"], &written["stamps"]), (&"lockstep".into(), &"sampled".into()));
    let stretches = written["blocks"]["p50_ns"].as_array().map_or(0, Vec::len);
    assert!(stretches >= 16, "{stretches} stretches");

    let same = compare(&[one.as_os_str(), one.as_os_str()]);
    assert_eq!(same.code, Some(0), "{same:?}");
    assert!(same.stdout.contains("VERDICT: SAME within 3.0 %"), "{same:?}");
    assert!(same.stdout.contains("at most 1000 times in 1,000,000"), "{same:?}");
    assert!(same.stdout.contains("in the same phase in both runs"), "{same:?}");

    let worse = directory.path().join("worse.json");
    slower(&one, 1.05, &worse);
    let verdict = directory.path().join("verdict");
    let found = compare(&[one.as_os_str(), worse.as_os_str(), OsStr::new("--summary"), verdict.as_os_str()]);
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.stderr.contains("VERDICT: SLOWER"), "{found:?}");
    let verdict = json(&verdict);
    assert_eq!(verdict["verdict"], "slower");
    let ratio = verdict["rows"][0]["ratio"].as_f64().expect("a ratio");
    assert!((1.045..1.055).contains(&ratio), "{verdict}");
    let faster = compare(&[worse.as_os_str(), one.as_os_str()]);
    assert_eq!(faster.code, Some(0), "{faster:?}");
    assert!(faster.stdout.contains("VERDICT: FASTER"), "{faster:?}");
}

#[test]
fn what_differs_is_named_and_nothing_else_is_compared() {
    let directory = TempDir::new().expect("a directory");
    let one = summary(&directory, "one.json", &[]);
    let all = summary(&directory, "all.json", &["--stamps", "all", "--topology", "split"]);
    let refused = compare(&[one.as_os_str(), all.as_os_str()]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    for word in ["the stamps is sampled in", "the topology is inline in", "--force"] {
        assert!(refused.stderr.contains(word), "{word}: {refused:?}");
    }
    let mixed = compare(&[one.as_os_str(), binary().as_os_str()]);
    assert_eq!(mixed.code, Some(2), "{mixed:?}");
    assert!(mixed.stderr.contains("give two binaries or two summaries"), "{mixed:?}");
    let absent = compare(&[one.as_os_str(), OsStr::new("nowhere.json")]);
    assert_eq!(absent.code, Some(2), "{absent:?}");
    assert!(absent.stderr.contains("nowhere.json"), "{absent:?}");
    let empty = TempDir::new().expect("a directory");
    let nothing = compare(&[one.as_os_str(), empty.path().as_os_str()]);
    assert_eq!(nothing.code, Some(2), "{nothing:?}");
    assert!(nothing.stderr.contains("no .json file"), "{nothing:?}");
}

/// Whether it passes depends on the machine and its other work; that it measures, in turns, and says so does not.
#[test]
fn a_binary_beside_itself() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("verdict");
    let words = ["--pairs", "2", "--rounds", "2", "--seed", "7", "--summary"].map(OsStr::new);
    let binary = binary().as_os_str();
    let found = compare(&[&[binary, binary][..], &words[..], &[file.as_os_str()][..]].concat());
    // Two pairs give no interval at this rate.
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.stdout.contains("VERDICT: CANNOT TELL"), "{found:?}");
    assert!(found.stdout.contains("2 pairs of processes, 2 rounds each"), "{found:?}");
    let verdict = json(&file);
    assert_eq!((&verdict["verdict"], &verdict["units"]), (&"cannot_tell".into(), &2.into()));
    let rows = verdict["rows"].as_array().expect("rows");
    let figures: Vec<_> = rows.iter().filter_map(|row| row["figure"].as_str()).collect();
    for figure in ["tick_to_order p50", "tick_to_order p90", "book p50", "risk p50", "encode p50"] {
        assert!(figures.contains(&figure), "{figure}: {figures:?}");
    }
    assert!(rows.iter().all(|row| row["a_ns"].as_f64().is_some_and(|ns| ns > 0.0)), "{rows:?}");
}

#[test]
fn a_program_that_serves_no_rounds_is_named() {
    let directory = TempDir::new().expect("a directory");
    let script = directory.path().join("old");
    std::fs::write(&script, "#!/bin/sh\necho 'error: no such command' >&2\nexit 2\n").expect("writable");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, executable).expect("permitted");
    let found = compare(&[binary().as_os_str(), script.as_os_str()]);
    assert_eq!(found.code, Some(2), "{found:?}");
    for word in ["old", "no such command", "--by replay"] {
        assert!(found.stderr.contains(word), "{word}: {found:?}");
    }
}
