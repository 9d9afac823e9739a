//! The tables of the page: figures right-aligned, a dash where there is none.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::beside::{Beside, RateRow};
use super::facts::{Facts, StageFacts, Standing};
use super::layout::absent;
use super::units::{count, duration};
use crate::control::feed_report::FeedSummary;
use crate::control::hiccups::{MachineLine, MachineTime};
use crate::control::histograms::Distribution;

/// Rows of the table of slow orders; all are in `slowest.json`.
const SLOWEST_SHOWN: usize = 20;

const COLUMNS: [&str; 7] = ["count", "min", "p50", "p90", "p99", "p99.9", "max"];

/// Count and times; with the machine's line an asterisk at what is the machine's.
fn distribution(of: &Distribution, line: Option<MachineLine>) -> Markup {
    let Distribution { count: samples, min_ns, p50_ns, p90_ns, p99_ns, p999_ns, max_ns } = *of;
    let line = line.unwrap_or_default();
    let cells = [
        (min_ns, 0),
        (p50_ns, line.p50_ns),
        (p90_ns, line.p90_ns),
        (p99_ns, line.p99_ns),
        (p999_ns, line.p999_ns),
        (max_ns, line.max_ns),
    ];
    html! {
        td { (count(samples)) }
        @for (value, line_ns) in cells {
            td { (whole_ns(value)) @if value.is_some_and(|ns| MachineLine::explains(line_ns, ns)) { "*" } }
        }
    }
}

fn whole_ns(ns: Option<u64>) -> String {
    ns.map_or_else(|| "\u{2013}".to_owned(), count)
}

/// A time of any size in little room.
fn time(ns: Option<u64>) -> String {
    ns.map_or_else(|| "\u{2013}".to_owned(), |ns| duration(ns as f64))
}

fn table(head: Markup, body: Markup) -> Markup {
    html! { div.scroll { table { thead { tr { (head) } } tbody { (body) } } } }
}

/// The stage table and what the stamps cost.
pub fn stages(facts: &Facts) -> Markup {
    if facts.stages.is_empty() {
        return absent("Not measured in this run: no order was sent, so that there is nothing to time.");
    }
    let first_path = facts.stages.iter().position(|stage| stage.is_path);
    let line = facts.machine_time().and_then(|time| time.line);
    let row = |number: usize, stage: &StageFacts| {
        html! {
            tr.first-path[Some(number) == first_path && number > 0] {
                th scope="row" { (stage.name) } (distribution(&stage.distribution, line.filter(|_| stage.is_path)))
            }
        }
    };
    let head = html! { th.text { "ns" } @for column in COLUMNS { th scope="col" { (column) } } };
    let body = html! { @for (number, stage) in facts.stages.iter().enumerate() { (row(number, stage)) } };
    html! {
        (table(head, body))
        @if line.is_some() {
            p.quiet { "* the machine's: at least half of it happens at the same percentile to an engine that does nothing." }
        }
        (stamps(facts))
    }
}

fn stamps(facts: &Facts) -> Markup {
    let stamps = &facts.stamps;
    html! {
        p.quiet {
            "One stamp costs " (format!("{:.1}", stamps.cost_median_ns)) " ns (median; least "
            (format!("{:.1}", stamps.cost_min_ns)) "), which is included in the figures. Clock: " (stamps.clock) ", "
            (format!("{:.3}", stamps.clock_mhz)) " MHz, held against CLOCK_MONOTONIC within " (stamps.residual_ns) " ns."
            @if stamps.from_due > 0 { " " (count(stamps.from_due)) " order paths count from the due time of their message." }
        }
    }
}

/// Latency by rate.
pub fn rates(rows: &[RateRow]) -> Markup {
    let per_second = |rate: f64| count(rate.round().max(0.0) as u64);
    let head = html! {
        th { "due a second" } th { "reached" }
        @for column in ["p50", "p90", "p99", "p99.9", "max", "service p50", "service p99"] { th { (column) } }
        th.text { "counts" }
    };
    let body = html! {
        @for row in rows {
            tr.passed-over[row.counts == Some(false)] {
                td { (per_second(row.offered_per_s)) }
                td { (row.achieved_per_s.map_or_else(|| "\u{2013}".to_owned(), per_second)) }
                @for value in [
                    row.p50_ns, row.p90_ns, row.p99_ns, row.p999_ns, row.max_ns, row.service_p50_ns, row.service_p99_ns,
                ] { td { (time(value)) } }
                td.text { (match row.counts { Some(true) => "yes", Some(false) => "no: the generator was late", None => "not said" }) }
            }
        }
    };
    table(head, body)
}

/// The slowest orders, stage by stage.
pub fn slowest(facts: &Facts, beside: &Beside) -> Markup {
    let orders = &beside.slowest.orders;
    if orders.is_empty() {
        return absent("Not kept in this run: there is no slowest.json beside this page.");
    }
    let known = orders.iter().flat_map(|order| order.stages_ns.keys());
    let mut stages: Vec<&str> = known.map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect();
    // In the order of the path, as the stage table has it; what that does not have comes last.
    let place = |name: &str| facts.stages.iter().position(|stage| stage.name == name).unwrap_or(usize::MAX);
    stages.sort_by_key(|name| place(name));
    let head = html! {
        th { "rank" } th { "ClOrdID" } th.text { "action" } th { "message" } th { "tick_to_order" }
        @for stage in &stages { th { (stage) } }
    };
    let body = html! {
        @for order in orders.iter().take(SLOWEST_SHOWN) {
            tr {
                td { (order.rank) } td { (order.cl_ord_id) } td.text { (order.action) }
                td { (order.message.map_or_else(|| "\u{2013}".to_owned(), count)) } td { (count(order.tick_to_order_ns)) }
                @for stage in &stages { td { (whole_ns(order.stages_ns.get(*stage).copied())) } }
            }
        }
    };
    html! {
        (table(head, body))
        p.quiet {
            "The slowest " (orders.len().min(SLOWEST_SHOWN)) " of the " (orders.len()) " in " code { "slowest.json" } ". "
            code { "warptick report --slowest DIR" } " prints all, with what happened around them. ns; a dash where only the two ends of the path were stamped."
            @if let Some(note) = &beside.slowest.scenes_note { " " (note) }
        }
    }
}

/// What the machine takes, core by core; then what the kernel says that the threads got.
pub fn hiccups(time: &MachineTime) -> Markup {
    let head = html! { th.text { "core" } th.text { "when" } @for column in COLUMNS { th { (column) } } };
    let line = time.line.map(|line| [0, line.p50_ns, line.p90_ns, line.p99_ns, line.p999_ns, line.max_ns]);
    let body = html! {
        @for row in &time.hiccups {
            tr { th scope="row" { (row.core) } td.text { (row.phase.name()) } (distribution(&row.hiccups, None)) }
        }
        @if let Some(line) = line {
            tr.first-path {
                th scope="row" { "worst" } td.text { "the machine's line" } td {} td {}
                @for ns in &line[1..] { td { (count(*ns)) } }
            }
        }
    };
    html! {
        (table(head, body))
        p.quiet {
            "ns. Before and after: how late a thread that does nothing sees each of a million moments a second. During: between two looks of the "
            "thread that waits for the next message; an ordinary turn of its loop is not counted against the machine in the line."
        }
        (threads(time))
    }
}

fn threads(time: &MachineTime) -> Markup {
    let stolen = |core: usize| time.host.iter().find(|host| host.core == core).map(|host| host.stolen_ns);
    let head = html! {
        th.text { "thread" } th { "core" } th { "ran" } th { "stood ready" } th { "turned out" } th { "gave way" } th { "taken by the host" }
    };
    let body = html! {
        @for thread in &time.threads {
            tr {
                th scope="row" { (thread.stage) } td { (thread.core) } td { (self::time(Some(thread.ran_ns))) }
                td { (self::time(Some(thread.queued_ns))) } td { (count(thread.preempted)) } td { (count(thread.gave_way)) }
                td { (self::time(stolen(thread.core))) }
            }
        }
    };
    html! { @if !time.threads.is_empty() { (table(head, body)) } }
}

/// Each venue's feed and who won on which line.
pub fn feeds(facts: &Facts) -> Markup {
    let feeds = facts.summary.as_ref().map_or(&[][..], |summary| &summary.feeds);
    if feeds.is_empty() {
        let missing = facts.summary.as_ref().map_or(0, |summary| summary.gaps);
        return html! {
            (absent("No lines in this run: a replay reads captures, which have one line each. `warptick run` counts the wins of its A and B lines here."))
            @if missing > 0 { p { (count(missing)) " messages are missing in the captures." } }
        };
    }
    html! { @for feed in feeds { (one_feed(feed)) } }
}

fn one_feed(feed: &FeedSummary) -> Markup {
    let packets: u64 = feed.lines.iter().map(|line| line.wins).sum();
    let head = html! {
        th.text { "line" } th.text { "won" } th { "share" }
        @for column in ["wins", "packets", "duplicates", "lost", "dropped", "refused"] { th { (column) } }
        th { "lag p50" } th { "lag p99" } th { "lag max" }
    };
    let body = html! {
        @for line in &feed.lines {
            @let share = if packets == 0 { 0.0 } else { 100.0 * line.wins as f64 / packets as f64 };
            tr {
                th scope="row" { (line.name) }
                td.text { (bar(share)) }
                td { (format!("{share:.1} %")) }
                @for value in [
                    line.wins, line.packets, line.duplicates, line.lost_messages, line.kernel_drops, line.refused,
                ] { td { (count(value)) } }
                @for value in [line.lag.p50_ns, line.lag.p99_ns, line.lag.max_ns] { td { (time(value)) } }
            }
        }
    };
    html! {
        h3 { (feed.name) ": " (feed.state) }
        p {
            (count(feed.messages)) " messages; " (count(feed.gaps)) " gaps with " (count(feed.missing_messages)) " messages, "
            (count(feed.requests)) " requests answered by " (count(feed.retransmitted_packets)) " packets, "
            (count(feed.snapshots)) " snapshots, " (count(feed.recoveries)) " recoveries"
            @if feed.distrusted > 0 { ", " (count(feed.distrusted)) " times the feed contradicted itself" } "."
        }
        (table(head, body))
        p.quiet { "A line wins a packet that it delivers first; its lag is how much later it came when it did not. Lost are messages that it never delivered, dropped are datagrams for which the kernel had no room." }
    }
}

fn bar(percent: f64) -> Markup {
    html! { span.bar aria-hidden="true" { i style=(format!("width:{percent:.1}%")) {} } }
}

/// How full the rings were.
pub fn rings(facts: &Facts) -> Markup {
    if facts.rings.is_empty() {
        return absent("Not measured in this run.");
    }
    let head = html! {
        th.text { "ring" } th.text { "between" } th { "slots" } th { "high water" } th.text { "" } th { "looks" } th.text { "how it was taken" }
    };
    let body = html! {
        @for ring in &facts.rings {
            @let percent = 100.0 * ring.high_water as f64 / ring.slots.max(1) as f64;
            tr {
                th scope="row" { (ring.name) } td.text { (ring.between) } td { (count(ring.slots)) } td { (count(ring.high_water)) }
                td.text { (bar(percent.min(100.0))) } td { (count(ring.looks)) } td.text { (ring.method) }
            }
        }
    };
    table(head, body)
}

/// The steps before trading.
pub fn startup(facts: &Facts) -> Markup {
    let steps = facts.summary.as_ref().map_or(&[][..], |summary| &summary.start);
    if steps.is_empty() {
        return absent(
            "No steps in this run: in lockstep time is virtual, and nothing is made ready for it.",
        );
    }
    let head = html! {
        th.text { "step" } th.text { "" } th.text { "what came of it" } th { "took" }
    };
    let body = html! {
        @for step in steps {
            @let standing = if step.is_done { Standing::Good } else { Standing::Note };
            tr {
                th scope="row" { (step.name) }
                td.text { span class={ "standing " (standing.word()) } { (standing.word()) } }
                td.text { (step.result) } td { (duration(step.time_ns as f64)) }
            }
        }
    };
    table(head, body)
}
