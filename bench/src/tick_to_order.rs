//! The engine's own path, from a market message handed to decode to complete FIX bytes, and on to the socket.
//!
//! Load: a generated session (1 million messages, 200 symbols, two venues), or the captures that are given, through
//! `inline` at `--pace max` against the built-in venue over loopback TCP, which runs on another core; once without a
//! journal and once with one. Five runs; of each figure the median over the runs. What is timed is service time: a
//! message that waits behind another is not counted as waiting.

use std::path::Path;

use engine::control::config::{Config, Topology};
use engine::control::histograms::Distribution;
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::outcome::Outcome;
use engine::control::replay::{ReplayOptions, replay};
use engine::control::startup;
use engine::pipeline::paced::Pace;
use engine::pipeline::stamps::StampMode;
use engine::pipeline::tsc::{Calibration, StampCost};
use feeds::source::synthetic::{SyntheticConfig, generate_bytes};
use serde_json::json;

use crate::line::Line;
use crate::timing::{Figures, median, tenths};

const RUNS: usize = 5;
const MESSAGES: u64 = 1_000_000;
const SYMBOLS: usize = 200;

/// Orders that a run must have timed before its percentiles count.
const ORDERS_MIN: u64 = 100;

/// Stages that are reported beside the whole path; one path in 16 is stamped at each.
const STAGES: [&str; 7] = ["tick_to_wire", "decode", "book", "decide", "risk", "journal", "encode"];

/// Runs it over the captures of `arguments`, or a generated session.
///
/// # Errors
/// A run that stopped early, decoded not everything, sent no orders, or ended in other books than the run before.
pub fn run(arguments: &[String]) -> Result<Vec<Line>, String> {
    // A journal names its capture files, so that a generated session is written to files too.
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (inputs, name) = if arguments.is_empty() { generated(dir.path())? } else { captures(arguments)? };
    let mut config = startup::complete(&inputs, Config::default()).map_err(|error| error.to_string())?;
    config.pipeline.topology = Topology::Inline;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    // Interleaved, so that a slow minute of the machine meets both.
    for _ in 0..RUNS {
        for (journal, outcomes) in [(false, &mut without), (true, &mut with)] {
            outcomes.push(one_run(&inputs, &config, journal)?);
        }
    }
    if without.iter().chain(&with).any(|outcome| outcome.book_hash != without[0].book_hash) {
        return Err("two runs over the same captures ended in different books".to_owned());
    }
    let lines = [("no journal", &without), ("journal", &with)];
    Ok(lines.map(|(variant, runs)| line(&inputs, &name, variant, runs)).into())
}

fn one_run(inputs: &Inputs, config: &Config, journal: bool) -> Result<Outcome, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let options = ReplayOptions {
        pace: Some(Pace::Max),
        stamps: StampMode::Sampled,
        journal: journal.then(|| dir.path().join("journal")),
        report: None,
        label: "replay",
        ..ReplayOptions::default()
    };
    let outcome = replay(inputs, config, &options, Vec::new()).map_err(|error| error.to_string())?;
    if let Some(failure) = &outcome.failure {
        return Err(failure.to_string());
    }
    if outcome.messages != inputs.messages() {
        return Err(format!("{} of {} messages decoded", outcome.messages, inputs.messages()));
    }
    let ticks = outcome.summary.stages.get("tick_to_order").map_or(0, |stage| stage.count);
    if ticks < ORDERS_MIN || outcome.counters.fills == 0 {
        return Err(format!("{ticks} orders timed and {} fills: too little work", outcome.counters.fills));
    }
    Ok(outcome)
}

fn generated(dir: &Path) -> Result<(Inputs, String), String> {
    let settings = SyntheticConfig { messages: MESSAGES, symbols: SYMBOLS, ..SyntheticConfig::default() };
    let sessions = generate_bytes(&settings).map_err(|error| error.to_string())?;
    let mut captures = Vec::new();
    for (bytes, venue) in sessions.iter().zip(["NASDAQ", "BX"]) {
        let path = dir.join(format!("{venue}.itch"));
        std::fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        captures.push(CaptureArgument { path, venue: Some(venue.to_owned()) });
    }
    let date = settings.date;
    let date = format!("{:04}-{:02}-{:02}", date / 10_000, date / 100 % 100, date % 100);
    let inputs = Inputs::open(&captures, Some(&date)).map_err(|error| error.to_string())?;
    Ok((
        inputs,
        format!("generated, {MESSAGES} messages, {SYMBOLS} symbols, 2 venues, seed {}", settings.seed),
    ))
}

fn captures(arguments: &[String]) -> Result<(Inputs, String), String> {
    let captures: Result<Vec<CaptureArgument>, _> = arguments.iter().map(|text| text.parse()).collect();
    let captures = captures?;
    let names = captures.iter().filter_map(|one| one.path.file_name()).map(|name| name.to_string_lossy());
    let name = names.collect::<Vec<_>>().join(" ");
    Ok((Inputs::open(&captures, None).map_err(|error| error.to_string())?, name))
}

/// Median over the runs of one figure of one stage.
fn over_runs(runs: &[Outcome], stage: &str, figure: fn(&Distribution) -> Option<u64>) -> Option<u64> {
    let values: Option<Vec<u64>> =
        runs.iter().map(|run| run.summary.stages.get(stage).and_then(figure)).collect();
    values.map(median)
}

fn line(inputs: &Inputs, name: &str, variant: &str, runs: &[Outcome]) -> Line {
    let path = |figure| over_runs(runs, "tick_to_order", figure).map(|ns| ns as f64);
    let total = |count: fn(&Outcome) -> u64| median(runs.iter().map(count).collect());
    let calibration = Calibration::measure();
    let stamp_ns = StampCost::measure().median_ticks as f64 * 1e9 / calibration.ticks_per_second() as f64;
    let p50_of_runs: Vec<Option<u64>> = runs
        .iter()
        .map(|run| run.summary.stages.get("tick_to_order").and_then(|stage| stage.p50_ns))
        .collect();
    let mut line = Line::new(
        "tick_to_order",
        &format!("{name}; inline, pace max, {variant}"),
        "closed loop: one thread takes the next message when the last is done; orders go to the built-in venue on \
         another core over loopback TCP",
        "none: a run is the session from its first message on",
    )
    .pinned("inline and venue pinned by the engine's own placement")
    .figures(Figures {
        samples: total(|run| run.summary.stages.get("tick_to_order").map_or(0, |stage| stage.count)) as usize,
        calls_per_sample: 1,
        min_ns: path(|stage| stage.min_ns),
        p50_ns: path(|stage| stage.p50_ns),
        p90_ns: path(|stage| stage.p90_ns),
        p99_ns: path(|stage| stage.p99_ns),
        p999_ns: path(|stage| stage.p999_ns),
        max_ns: path(|stage| stage.max_ns),
        clock_pair_ns: Some(tenths(stamp_ns)),
    })
    .given(inputs.venues.iter().map(|venue| venue.capture.bytes()))
    .with("book_hash", runs.first().map(|run| run.summary.book_hash.clone()))
    .with("runs", runs.len())
    .with("p50_ns_of_runs", json!(p50_of_runs))
    .with("messages", runs.first().map_or(0, |run| run.messages))
    .with("orders", total(|run| run.summary.orders))
    .with("fills", total(|run| run.summary.fills))
    .with("risk_rejects", total(|run| run.summary.risk_rejects));
    for stage in STAGES {
        let figures = json!({
            "count": over_runs(runs, stage, |s| Some(s.count)),
            "p50_ns": over_runs(runs, stage, |s| s.p50_ns),
            "p99_ns": over_runs(runs, stage, |s| s.p99_ns),
        });
        line = line.with(stage, figures);
    }
    line.checked("every message was decoded, orders were sent and filled, no run stopped early")
        .checked("every run ended in the same books")
}
