//! The head of the page, what speaks for and against the figures, and the list of what was run where.

use maud::{Markup, html};

use super::facts::{BuildFacts, Facts, RunFacts};
use super::units::{count, duration};

/// The title of the window.
pub fn title(facts: &Facts) -> String {
    match facts.run.sources.first() {
        Some(source) => format!("warptick: {source}"),
        None => "warptick: latency".to_owned(),
    }
}

/// Name, command, the figures that are asked for first, verdicts.
pub fn headline(facts: &Facts) -> Markup {
    let RunFacts { command, started_utc, session_date, .. } = &facts.run;
    html! {
        h1 { "Latency report" }
        p.quiet {
            "warptick " (facts.run.build.version)
            @if !session_date.is_empty() { " \u{b7} session of " (session_date) }
            @if !started_utc.is_empty() { " \u{b7} run at " (started_utc) }
        }
        @if !command.is_empty() { code.command { (command) } }
        (tiles(facts))
        @if !facts.verdicts.is_empty() {
            ul.verdicts {
                @for verdict in &facts.verdicts {
                    li {
                        span class={ "standing " (verdict.standing.word()) } { (verdict.standing.word()) }
                        span { (verdict.text) }
                    }
                }
            }
        }
    }
}

fn tiles(facts: &Facts) -> Markup {
    let stage =
        |name: &str| facts.stages.iter().find(|stage| stage.name == name).map(|stage| stage.distribution);
    let (order, wire) =
        (stage("tick_to_order").unwrap_or_default(), stage("tick_to_wire").unwrap_or_default());
    let times = [
        ("tick_to_order p50", order.p50_ns),
        ("tick_to_order p99", order.p99_ns),
        ("tick_to_order p99.9", order.p999_ns),
        ("tick_to_wire p50", wire.p50_ns),
        ("tick_to_wire p99", wire.p99_ns),
    ];
    let counts =
        facts.summary.as_ref().map(|summary| [("messages", summary.messages), ("orders", summary.orders)]);
    html! {
        div.tiles {
            @for (name, value) in times {
                @if let Some(ns) = value { div.tile { b { (duration(ns as f64)) } span { (name) } } }
            }
            @for (name, value) in counts.into_iter().flatten() { div.tile { b { (count(value)) } span { (name) } } }
        }
    }
}

/// What was run, with what, where; then what was said at the end.
pub fn run(facts: &Facts) -> Markup {
    let rows: Vec<(&str, String)> = rows(facts).into_iter().filter(|(_, value)| !value.is_empty()).collect();
    html! {
        dl { @for (name, value) in &rows { dt { (name) } dd { (value) } } }
        @if !facts.notes.is_empty() {
            h3 { "Said at the end of the run" }
            ul { @for note in &facts.notes { li { (note) } } }
        }
    }
}

fn rows(facts: &Facts) -> Vec<(&'static str, String)> {
    let RunFacts { sources, pace, journal, placement, build, duration_s, .. } = &facts.run;
    let stamps = &facts.stamps;
    let stamps = match stamps.mode.as_str() {
        "" => String::new(),
        "all" => "every stage of every order path".to_owned(),
        "ends" => "start and end of every order path, no stage".to_owned(),
        _ => format!("start and end of every order path, all stages of one in {}", stamps.period),
    };
    let journal = if journal.is_empty() { "none".to_owned() } else { journal.clone() };
    let mut rows = vec![
        ("Input", sources.join(", ")),
        ("Pace", pace.clone()),
        ("Duration", if *duration_s > 0.0 { duration(duration_s * 1e9) } else { String::new() }),
        ("Placement", placement.clone()),
        ("Journal", journal),
        ("Stamps", stamps),
    ];
    if let Some(summary) = &facts.summary {
        let wide = &summary.wide;
        let counts = [
            (summary.events, "market events"),
            (summary.fills, "fills"),
            (summary.risk_rejects, "refused by risk"),
            (summary.gaps, "gaps"),
        ];
        let counts = counts.map(|(n, what)| format!("{} {what}", count(n)));
        rows.extend([
            ("Topology", summary.topology.clone()),
            ("Backend", summary.backend.clone()),
            ("Counts", counts.join(", ")),
            ("Order digest", summary.order_stream_sha256.clone()),
            ("Book hash", summary.book_hash.clone()),
            ("Answer digest", wide.answers_sha256.clone()),
            ("Machine", summary.machine.to_string()),
        ]);
    }
    let BuildFacts { version, commit, program_sha256, rustc, profile } = build;
    let commit = if commit.is_empty() { "commit not told to the build" } else { commit };
    let engine =
        if version.is_empty() { String::new() } else { format!("{version}, {commit}, profile {profile}") };
    rows.extend([
        ("Engine", engine),
        ("Program SHA-256", program_sha256.clone()),
        ("Compiler", rustc.clone()),
    ]);
    rows
}
