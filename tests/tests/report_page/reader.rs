//! The `.hlog` files as another implementation reads them: HdrHistogram_py, in a virtual environment under `target/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::reports;

/// The reader and its version.
const PACKAGE: &str = "hdrhistogram==0.10.8";

/// Prints what each file's histogram says.
const SCRIPT: &str = r#"
import json, math, sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
found = {}
for path in sys.argv[1:]:
    reference = HdrHistogram(1, 3600 * 10**9, 3)
    total = HdrHistogram(1, 3600 * 10**9, 3)
    intervals = 0
    log = HistogramLogReader(path, reference)
    while True:
        interval = log.get_next_interval_histogram()
        if interval is None:
            break
        total.add(interval)
        intervals += 1
    count = total.get_total_count()
    # By rank: this reader rounds the rank of a percentile, where HdrHistogram's others round up.
    rank = lambda percentile: math.ceil(percentile * count / 100 - 1e-9)
    at = lambda percentile: total.get_value_at_percentile(100 * rank(percentile) / count)
    found[path] = {"intervals": intervals, "count": count, "min_ns": total.get_min_value(),
                   "p50_ns": at(50), "p90_ns": at(90), "p99_ns": at(99), "p999_ns": at(99.9), "max_ns": total.get_max_value()}
print(json.dumps(found))
"#;

/// Python with the reader; `None`, said loudly, where it cannot be had.
fn python() -> Option<PathBuf> {
    let this = std::env::current_exe().expect("the test's own path");
    // target/PROFILE/deps/TEST
    let venv = this.ancestors().nth(3).expect("a target directory").join("hdrhistogram-reader");
    let (python, complete) = (venv.join("bin/python"), venv.join("complete"));
    if complete.exists() {
        return Some(python);
    }
    let succeeds = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    let pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--retries", "1", PACKAGE];
    let is_there = succeeds(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))
        && succeeds(Command::new(&python).args(pip))
        && std::fs::write(&complete, "").is_ok();
    if !is_there {
        eprintln!("SKIPPED: {PACKAGE} is not to be had: nobody else read the .hlog files");
    }
    is_there.then_some(python)
}

fn read(python: &Path, files: &[PathBuf]) -> BTreeMap<String, Value> {
    let output = Command::new(python).args(["-c", SCRIPT]).args(files).output().expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the script's JSON")
}

#[test]
fn another_reader_finds_the_same_in_every_log() {
    let Some(python) = python() else { return };
    let mut compared = 0;
    for report in reports() {
        let json = report.json();
        let stages = json["stages"].as_array().expect("stages").clone();
        let file =
            |stage: &Value| report.dir.join(format!("{}.hlog", stage["name"].as_str().expect("a name")));
        let files: Vec<PathBuf> = stages.iter().map(file).collect();
        let found = read(&python, &files);
        assert_eq!(found.len(), stages.len());
        for stage in &stages {
            let theirs = &found[file(stage).to_str().expect("UTF-8")];
            assert_eq!(theirs["intervals"], 1, "{stage}");
            let ours = &stage["distribution"];
            assert_eq!(theirs["count"], ours["count"], "{stage}");
            for key in ["min_ns", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"] {
                // A percentile that the sample does not support is null.
                let Some(ours) = ours[key].as_u64() else { continue };
                let theirs = theirs[key].as_u64().expect("a number");
                assert!(ours.abs_diff(theirs) <= ours / 1_000 + 1, "{key}: {ours} and {theirs} in {stage}");
                compared += 1;
            }
        }
    }
    assert!(compared >= 40, "{compared} figures");
}
