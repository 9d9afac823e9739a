//! Pages of made-up runs: everything, nothing, and names that would like to be markup.

use std::time::{Duration, SystemTime};

use super::beside::Beside;
use super::facts::{Breakdown, Facts, RingFacts, RunFacts, StageFacts, StageTime, Standing, Verdict};
use super::figures::palette;
use super::*;
use crate::control::core_time::ThreadTime;
use crate::control::feed_report::{FeedSummary, LineSummary};
use crate::control::hiccups::{HiccupRow, HostTime, MachineLine, MachineTime, Phase};
use crate::control::histograms::{Measure, StageHistograms, write_log};
use crate::control::machine::Machine;
use crate::control::path_blocks::Blocks;
use crate::control::slowest::{SlowOrder, SlowestFile};
use crate::control::stage_sums::StageSums;
use crate::control::start_steps::StartStep;
use crate::control::summary::{self, Summary, WideSummary};

/// What a name in a capture or on the command line may try.
const HOSTILE: &str = "<script>alert(1)</script>\"'&<img src=//x.example/y onerror=a()>";

fn histograms() -> StageHistograms {
    let mut histograms = StageHistograms::new();
    for n in 1..=20_000u64 {
        let tail = if n.is_multiple_of(997) { 40_000 } else { 0 };
        histograms.add(Measure::Decode, 18 + n % 23);
        histograms.add(Measure::Risk, 30 + n % 41);
        histograms.add(Measure::TickToOrder, 210 + n % 170 + tail);
        histograms.add(Measure::TickToWire, 1_900 + n % 900 + tail);
    }
    histograms
}

fn summary(histograms: &StageHistograms) -> Summary {
    let line = |name: &str, wins| LineSummary {
        name: name.to_owned(),
        packets: 1_000,
        wins,
        duplicates: 0,
        lost_messages: 3,
        refused: 0,
        kernel_drops: 1,
        lag: histograms.distribution(Measure::Risk),
    };
    Summary {
        messages: 1_234_567,
        events: 1_200_000,
        orders: 20_000,
        risk_rejects: 7,
        fills: 60,
        gaps: 0,
        order_stream_sha256: "ab".repeat(32),
        book_hash: "00ff00ff00ff00ff".into(),
        backend: "cpu".into(),
        topology: "split".into(),
        machine: Machine::read(),
        wide: WideSummary::default(),
        stages: summary::stages(histograms),
        journal: None,
        generator: None,
        machine_time: Some(MachineTime {
            hiccups: vec![HiccupRow {
                core: 1,
                phase: Phase::Before,
                hiccups: histograms.distribution(Measure::Risk),
            }],
            line: Some(MachineLine { p50_ns: 31, max_ns: 70, ..MachineLine::default() }),
            threads: vec![ThreadTime {
                stage: "wt-inline".into(),
                core: 1,
                ran_ns: 3_000_000_000,
                queued_ns: 12_000,
                preempted: 3,
                gave_way: 0,
            }],
            host: vec![HostTime { core: 1, stolen_ns: 10_000_000 }],
        }),
        stage_sums: StageSums::default(),
        service_to_order: None,
        pace: "max".into(),
        stamps: "sampled".into(),
        blocks: Blocks::default(),
        accounts: Vec::new(),
        start: vec![StartStep {
            name: "lock memory".into(),
            result: HOSTILE.into(),
            is_done: false,
            time_ns: 12_345,
        }],
        feeds: vec![FeedSummary {
            name: HOSTILE.into(),
            state: "live".into(),
            messages: 1_234_567,
            gaps: 2,
            missing_messages: 5,
            requests: 2,
            retransmitted_packets: 2,
            snapshots: 1,
            recoveries: 2,
            distrusted: 0,
            lines: vec![line(&format!("{HOSTILE} A"), 700), line("X B", 300)],
        }],
    }
}

/// A run in which everything was measured.
fn full(dir: &Path) -> Facts {
    let histograms = histograms();
    histograms.write_logs(dir, SystemTime::now(), Duration::from_secs(3)).expect("writable");
    let hiccups = histograms.of(Measure::Risk);
    write_log(&dir.join("hiccup_core1.hlog"), hiccups, "hiccup", SystemTime::now(), Duration::from_secs(1))
        .expect("writable");
    let stages = [Measure::Decode, Measure::Risk, Measure::TickToOrder, Measure::TickToWire];
    let stage = |measure: Measure| StageFacts {
        name: measure.name().to_owned(),
        is_path: matches!(measure, Measure::TickToOrder | Measure::TickToWire),
        distribution: histograms.distribution(measure),
    };
    let time = |(name, ns): (&str, u64)| StageTime { name: name.to_owned(), ns };
    let path = |name: &str, total_ns| Breakdown {
        name: name.to_owned(),
        what: "One path.".into(),
        total_ns,
        stages: [("decode", 20), ("book", 60), ("decide", 45), ("risk", 33), ("send", 1_700)]
            .map(time)
            .into(),
    };
    Facts {
        run: RunFacts {
            command: format!("warptick replay '{HOSTILE}'"),
            sources: vec![HOSTILE.into()],
            ..RunFacts::default()
        },
        verdicts: vec![
            Verdict { standing: Standing::Good, text: "All is well.".into() },
            Verdict { standing: Standing::Bad, text: HOSTILE.into() },
        ],
        stages: stages.map(stage).into(),
        breakdowns: vec![path("median", 1_870), path("slowest", 41_900)],
        rings: vec![RingFacts {
            name: "market".into(),
            slots: 4_096,
            high_water: 17,
            ..RingFacts::default()
        }],
        notes: vec![HOSTILE.into()],
        summary: Some(summary(&histograms)),
        ..Facts::default()
    }
}

fn lay_beside(dir: &Path) {
    let rates = r#"{"topology": "inline", "rates": [
        {"offered_per_s": 100000, "achieved_per_s": 99990.5, "p50_ns": 410, "p99_ns": 2100, "max_ns": 90000, "service_p50_ns": 300, "counts": true},
        {"offered_per_s": 1000, "p50_ns": 400, "p99_ns": 1900, "counts": true, "unknown": [1]},
        {"offered_per_s": 10000, "p50_ns": 1, "counts": false}]}"#;
    fs::write(dir.join("rates.json"), rates).expect("writable");
    let order = SlowOrder {
        rank: 1,
        cl_ord_id: 2_012_062_100_000_001,
        action: HOSTILE.into(),
        venue: 0,
        decision: 5,
        time_ns: 9,
        message: Some(77),
        from_due: true,
        tick_to_order_ns: 90_000,
        tick_to_wire_ns: None,
        stages_ns: [("decode".to_owned(), 20), ("risk".to_owned(), 30)].into(),
        scene: None,
    };
    let slowest =
        SlowestFile { scenes_note: Some(HOSTILE.into()), orders: vec![order], ..SlowestFile::default() };
    let slowest = serde_json::to_string(&slowest).expect("JSON");
    fs::write(dir.join("slowest.json"), slowest).expect("writable");
}

fn page_of(dir: &Path, facts: &Facts) -> String {
    publish(dir, facts).expect("a page");
    fs::read_to_string(dir.join(PAGE)).expect("readable")
}

#[test]
fn everything_that_was_measured_is_on_the_page() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let facts = full(dir.path());
    lay_beside(dir.path());
    let page = page_of(dir.path(), &facts);
    assert_eq!(page.matches("<svg ").count(), 6);
    assert!(!page.contains("class=\"absent\""), "something is said to be absent");
    for (name, bytes) in
        ["percentiles_paths", "percentiles_stages", "percentiles_hiccups", "latency_against_rate"]
            .into_iter()
            .chain(["waterfall_median", "waterfall_slowest"])
            .map(|name| (name, fs::read_to_string(dir.path().join(format!("{name}.svg"))).expect("a figure")))
    {
        assert!(bytes.starts_with("<svg ") && bytes.trim_end().ends_with("</svg>"), "{name}");
        assert!(page.contains(&bytes), "{name} is not the one on the page");
    }
    for text in [
        "1,234,567",
        "70.0 %",
        "lock memory",
        "99.9 %",
        "machine, worst core",
        "core 1, spinning",
        "wt-inline",
        &"ab".repeat(32),
    ] {
        assert!(page.contains(text), "no {text}");
    }
    // The rate at which the generator was late is struck out in the table, and not in the figure.
    assert_eq!(page.matches("class=\"passed-over\"").count(), 1);
    assert_eq!(Facts::read(dir.path()).expect("readable").as_ref(), Some(&facts));
}

#[test]
fn names_are_text_wherever_they_stand() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut facts = full(dir.path());
    lay_beside(dir.path());
    facts.breakdowns[0].what = HOSTILE.into();
    facts.breakdowns[0].stages[0].name = HOSTILE.into();
    let page = page_of(dir.path(), &facts);
    assert!(!page.contains("<script") && !page.contains("<img"), "a name became markup");
    assert!(page.matches("&lt;script&gt;").count() >= 10, "the name is on the page as text");
    assert!(page.contains("default-src 'none'"));
    let svg = fs::read_to_string(dir.path().join("waterfall_median.svg")).expect("a figure");
    assert!(svg.contains("&lt;script&gt;") && !svg.contains("<script"));
}

#[test]
fn what_was_not_measured_says_so() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let page = page_of(dir.path(), &Facts::default());
    assert_eq!(page.matches("<svg ").count(), 0);
    // Two kinds of percentiles, and eight sections more.
    assert_eq!(page.matches("class=\"absent\"").count(), 10, "{page}");
}

#[test]
fn a_page_made_again_is_the_same_and_old_figures_go() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let page = page_of(dir.path(), &full(dir.path()));
    render(dir.path()).expect("a page");
    assert_eq!(fs::read_to_string(dir.path().join(PAGE)).expect("readable"), page);
    let few = Facts { notes: vec!["nothing".into()], ..Facts::default() };
    publish(dir.path(), &few).expect("a page");
    let left = fs::read_dir(dir.path()).expect("readable").filter_map(Result::ok);
    let figures = left.filter(|file| file.path().extension().is_some_and(|kind| kind == "svg")).count();
    assert_eq!(figures, 0);
}

#[test]
fn damaged_files_are_named_and_write_nothing() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let nothing = render(dir.path()).expect_err("nothing there").to_string();
    assert!(nothing.contains("no report"), "{nothing}");
    for (file, text) in [
        ("report.json", "{\"stages\": 7}"),
        ("rates.json", "{\"no\": []}"),
        ("slowest.json", "[1"),
        ("decode.hlog", "no log"),
    ] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        full(dir.path()).write(dir.path()).expect("writable");
        fs::write(dir.path().join(file), text).expect("writable");
        let error = render(dir.path()).expect_err("damaged").to_string();
        assert!(error.contains(file), "{error}");
        assert!(!dir.path().join(PAGE).exists(), "a page of damaged {file}");
    }
}

#[test]
fn files_of_other_builds_are_read() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::write(dir.path().join("report.json"), "{\"later\": 1, \"run\": {\"command\": \"c\", \"later\": 2}}")
        .expect("writable");
    let rendered = render(dir.path()).expect("a page");
    assert_eq!(rendered.facts.run.command, "c");
    fs::remove_file(dir.path().join("report.json")).expect("writable");
    lay_beside(dir.path());
    let beside = render(dir.path()).expect("rates alone make a page").beside;
    let rates: Vec<f64> = beside.rates.iter().map(|row| row.offered_per_s).collect();
    assert_eq!((rates, beside.rates_about), (vec![1e3, 1e4, 1e5], vec!["topology: inline".to_owned()]));
    assert_eq!(Beside::read(dir.path()).expect("readable").slowest.orders.len(), 1);
}

#[test]
fn every_colour_has_a_dark_counterpart() {
    let style = include_str!("style.css");
    let colours = palette::SERIES.into_iter().chain([palette::INK, palette::GRID, palette::MACHINE]);
    for code in colours.map(palette::code) {
        for attribute in ["fill", "stroke"] {
            assert!(style.contains(&format!("[{attribute}=\"{code}\"]")), "{attribute} {code}");
        }
    }
    assert!(style.contains(&format!("[fill=\"{}\"]", palette::code(palette::PAPER))));
}
