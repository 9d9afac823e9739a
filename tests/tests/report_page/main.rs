//! The page of `--report DIR` as its readers meet it: a browser opens it, other programs read the `.hlog` files, and `warptick report`
//! makes it again.
//!
//! The browser's part is skipped, loudly, where there is no Chromium, the reader's where Python's package index is not to be had.

mod browser;
mod reader;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;
use warptick_tests::captures::{GOOG, shared};
use warptick_tests::warptick::run;

/// A run that has left its report.
pub struct Report {
    dir: PathBuf,
    /// Whether it has to have all that a replay can have.
    is_split: bool,
    _keep: TempDir,
}

impl Report {
    fn of(captures: &[PathBuf], options: &[&str]) -> Self {
        let keep = tempfile::tempdir().expect("a directory");
        let dir = keep.path().join("report");
        let mut arguments: Vec<&std::ffi::OsStr> = vec!["replay".as_ref()];
        arguments.extend(captures.iter().map(|capture| capture.as_os_str()));
        arguments.extend(options.iter().map(|option| std::ffi::OsStr::new(*option)));
        arguments.extend(["--report".as_ref(), dir.as_os_str()]);
        let finished = run(arguments);
        assert_eq!(finished.code, Some(0), "{}{}", finished.stdout, finished.stderr);
        Self { dir, is_split: options.contains(&"split"), _keep: keep }
    }

    fn json(&self) -> Value {
        let text = fs::read_to_string(self.dir.join("report.json")).expect("report.json");
        serde_json::from_str(&text).expect("JSON")
    }

    fn page(&self) -> String {
        fs::read_to_string(self.dir.join("index.html")).expect("index.html")
    }
}

/// A generated session of two venues, through real sockets and with a thread for each stage. One run serves all tests.
fn generated() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| {
        let keep = tempfile::tempdir().expect("a directory");
        let out = keep.path().join("session");
        let out = out.to_str().expect("UTF-8");
        let made = run(["generate", out, "--messages", "200000", "--symbols", "20"]);
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        let captures =
            ["nasdaq", "bx"].map(|venue| format!("{out}.{venue}.itch@{}", venue.to_uppercase()).into());
        Report::of(
            &captures,
            &["--date", "2026-01-05", "--pace", "max", "--topology", "split", "--stamps", "all"],
        )
    })
}

/// GOOG in lockstep; `None`, said loudly, where the capture is absent.
fn goog() -> Option<&'static Report> {
    static REPORT: OnceLock<Option<Report>> = OnceLock::new();
    let make = || shared(GOOG).map(|capture| Report::of(&[capture], &["--date", "2012-06-21"]));
    REPORT.get_or_init(make).as_ref()
}

fn reports() -> impl Iterator<Item = &'static Report> {
    goog().into_iter().chain([generated()])
}

#[test]
fn a_run_leaves_its_page_its_figures_and_what_they_are_made_of() {
    for report in reports() {
        let page = report.page();
        for figure in ["percentiles_paths", "percentiles_stages", "waterfall_median", "waterfall_slowest"] {
            let svg = fs::read_to_string(report.dir.join(format!("{figure}.svg"))).expect("a figure");
            assert!(page.contains(&svg), "{figure} is not on the page");
        }
        let json = report.json();
        let digest = json["summary"]["order_stream_sha256"].as_str().expect("a digest");
        assert!(digest.len() == 64 && page.contains(digest));
        for key in ["command", "started_utc", "session_date", "placement", "pace"] {
            let text = json["run"][key].as_str().unwrap_or_default();
            assert!(!text.is_empty() && page.contains(text), "{key}: {text:?}");
        }
        let stages = json["stages"].as_array().expect("stages");
        assert!(stages.len() >= 8, "{stages:?}");
        for stage in stages {
            let name = stage["name"].as_str().expect("a name");
            assert!(report.dir.join(format!("{name}.hlog")).exists(), "{name}.hlog");
        }
        let rings: Vec<_> =
            json["rings"].as_array().expect("rings").iter().map(|ring| &ring["name"]).collect();
        if report.is_split {
            assert_eq!(rings[..3], ["market", "orders", "executions"]);
        }
        for ring in json["rings"].as_array().expect("rings") {
            let figure = |key: &str| ring[key].as_u64().expect("a number");
            assert!(figure("high_water") <= figure("slots") && figure("looks") > 0, "{ring}");
        }
    }
}

#[test]
fn the_parts_of_a_path_are_no_more_than_the_path() {
    for report in reports() {
        let json = report.json();
        let breakdowns = json["breakdowns"].as_array().expect("breakdowns").clone();
        assert_eq!(breakdowns.len(), 2);
        for path in &breakdowns {
            let stages = path["stages"].as_array().expect("stages");
            let sum: u64 = stages.iter().filter_map(|stage| stage["ns"].as_u64()).sum();
            let total = path["total_ns"].as_u64().expect("a total");
            // Each stage is rounded to a nanosecond, and ticks of two cores may disagree a little.
            assert!(sum <= total + 200 && sum > 0, "{sum} of {total}: {path}");
        }
        assert!(breakdowns[0]["total_ns"].as_u64() <= breakdowns[1]["total_ns"].as_u64());
    }
}

#[test]
fn the_command_makes_the_page_again_and_prints_the_table() {
    let report = generated();
    let page = report.page();
    let copy = tempfile::tempdir().expect("a directory");
    for file in fs::read_dir(&report.dir).expect("readable").map(|file| file.expect("a file").path()) {
        if file.extension().is_some_and(|kind| kind == "hlog" || kind == "json") {
            fs::copy(&file, copy.path().join(file.file_name().expect("a name"))).expect("a copy");
        }
    }
    let made = run(["report".as_ref(), copy.path().as_os_str()]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert_eq!(fs::read_to_string(copy.path().join("index.html")).expect("a page"), page);
    for text in ["stage (ns)", "tick_to_order", "tick_to_wire", "order digest", "index.html"] {
        assert!(made.stdout.contains(text), "no {text} in:\n{}", made.stdout);
    }
}

#[test]
fn what_is_no_report_is_bad_input() {
    let dir = tempfile::tempdir().expect("a directory");
    let nothing = |path: &Path| run(["report".as_ref(), path.as_os_str()]);
    for path in [dir.path().to_owned(), dir.path().join("absent")] {
        let finished = nothing(&path);
        assert_eq!(finished.code, Some(2), "{}", finished.stderr);
        assert!(finished.stderr.contains("no report"), "{}", finished.stderr);
    }
    fs::write(dir.path().join("report.json"), "{").expect("writable");
    let finished = nothing(dir.path());
    assert_eq!(finished.code, Some(2));
    assert!(finished.stderr.contains("report.json"), "{}", finished.stderr);
}
