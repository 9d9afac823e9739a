//! What became of each venue's feed in a live run, line by line: for the terminal, the summary file and `--report`.

use std::fmt::{self, Write as _};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use feeds::arbiter::ArbiterCounters;
use feeds::source::udp::{LineStatistics, PacketSource};
use hdrhistogram::Histogram;

use crate::control::config::Config;
use crate::control::histograms::{self, Distribution};
use crate::pipeline::live::LiveIngest;
use crate::pipeline::live_feed::LiveCounters;

/// One line at the end.
#[derive(Clone, Debug)]
pub struct LineReport {
    /// What is in the summary file too.
    pub figures: LineSummary,
    /// Lag behind the winning line, ns; empty when it never came second.
    pub lag_ns: Histogram<u64>,
}

/// One venue's feed at the end.
#[derive(Clone, Debug)]
pub struct FeedReport {
    /// Venue.
    pub name: String,
    /// Where the feed stands.
    pub state: &'static str,
    /// What its arbiter has counted.
    pub arbiter: ArbiterCounters,
    /// What decoding has counted.
    pub decoding: LiveCounters,
    /// Its lines, A first.
    pub lines: Vec<LineReport>,
}

/// A line in the summary file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LineSummary {
    /// Venue and line, as `NASDAQ A`.
    pub name: String,
    /// Packets of the session.
    pub packets: u64,
    /// Packets that came first on this line.
    pub wins: u64,
    /// Packets that the line delivered more than once.
    pub duplicates: u64,
    /// Messages that the line never delivered.
    pub lost_messages: u64,
    /// Payloads that were no packets of the session.
    pub refused: u64,
    /// Datagrams that the kernel dropped.
    pub kernel_drops: u64,
    /// Lag behind the winning line.
    pub lag: Distribution,
}

/// A feed in the summary file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FeedSummary {
    /// Venue.
    pub name: String,
    /// `live`, `gap`, `recovering` or `snapshot`.
    pub state: String,
    /// Messages handed on.
    pub messages: u64,
    /// Holes.
    pub gaps: u64,
    /// Messages in them.
    pub missing_messages: u64,
    /// Requests to the retransmission server.
    pub requests: u64,
    /// Packets that it answered with.
    pub retransmitted_packets: u64,
    /// Snapshots taken in.
    pub snapshots: u64,
    /// Times that nothing was missing any more.
    pub recoveries: u64,
    /// Times that the feed contradicted itself.
    pub distrusted: u64,
    /// Its lines, A first.
    pub lines: Vec<LineSummary>,
}

/// The reports of all venues; ends the lines' count of losses.
pub fn of(config: &Config, ingest: &mut LiveIngest) -> Vec<FeedReport> {
    let lines = ingest.lines().to_vec();
    let kernel: Vec<LineStatistics> =
        (0..lines.len()).map(|line| ingest.source_mut().statistics(line as u8).unwrap_or_default()).collect();
    let mut reports = Vec::new();
    for (number, (venue, live)) in (0u8..).zip(config.venues.iter().zip(ingest.venues_mut())) {
        live.feed.arbiter_mut().close_lines();
        let arbiter = live.feed.arbiter();
        let report_of = |line: u8, figures: &feeds::arbiter::LineStatistics| {
            let place = lines.iter().position(|owner| *owner == (number, line));
            LineReport {
                figures: LineSummary {
                    name: format!("{} {}", venue.name, char::from(b'A' + line)),
                    packets: figures.packets,
                    wins: figures.wins,
                    duplicates: figures.duplicates,
                    lost_messages: figures.lost_messages,
                    refused: figures.refused,
                    kernel_drops: place.map_or(0, |place| kernel[place].kernel_drops),
                    lag: Distribution::from(&figures.lag_ns),
                },
                lag_ns: figures.lag_ns.clone(),
            }
        };
        reports.push(FeedReport {
            name: venue.name.clone(),
            state: arbiter.state().name(),
            arbiter: *arbiter.counters(),
            decoding: *live.feed.counters(),
            lines: (0..).zip(arbiter.lines()).map(|(line, figures)| report_of(line, figures)).collect(),
        });
    }
    reports
}

/// Writes `DIR/lag_<venue>_<line>.hlog` for each line that ever came second.
///
/// # Errors
/// The directory or a file cannot be written; the message names it.
pub fn write_logs(
    feeds: &[FeedReport],
    dir: &Path,
    started: SystemTime,
    duration: Duration,
) -> io::Result<()> {
    for line in feeds.iter().flat_map(|feed| &feed.lines).filter(|line| !line.lag_ns.is_empty()) {
        let name = format!("lag_{}", line.figures.name.replace(' ', "_"));
        histograms::write_log(&dir.join(format!("{name}.hlog")), &line.lag_ns, &name, started, duration)?;
    }
    Ok(())
}

impl FeedReport {
    /// What of it is in the summary file.
    #[must_use]
    pub fn summary(&self) -> FeedSummary {
        let ArbiterCounters {
            messages,
            gaps,
            missing_messages,
            requests,
            retransmitted_packets,
            snapshots,
            recoveries,
            distrusted,
            ..
        } = self.arbiter;
        FeedSummary {
            name: self.name.clone(),
            state: self.state.to_owned(),
            messages,
            gaps,
            missing_messages,
            requests,
            retransmitted_packets,
            snapshots,
            recoveries,
            distrusted,
            lines: self.lines.iter().map(|line| line.figures.clone()).collect(),
        }
    }
}

impl fmt::Display for FeedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counters = &self.arbiter;
        writeln!(
            f,
            "feed {:<8} {}: {} messages, {} gaps ({} messages), {} requests, {} retransmitted packets, {} snapshots, {} \
             recoveries",
            self.name,
            self.state,
            counters.messages,
            counters.gaps,
            counters.missing_messages,
            counters.requests,
            counters.retransmitted_packets,
            counters.snapshots,
            counters.recoveries
        )?;
        let mut odd = String::new();
        for (count, what) in [
            (counters.reordered, "messages waited for an earlier one"),
            (counters.beyond_window, "messages were too far ahead to wait"),
            (counters.distrusted, "times the feed contradicted itself"),
            (self.decoding.damaged_messages, "damaged messages"),
            (self.decoding.unknown_messages, "messages of unknown type"),
            (self.decoding.snapshots_refused, "snapshots came too late or too early"),
        ] {
            if count > 0 {
                let _ = write!(odd, "{}{count} {what}", if odd.is_empty() { "" } else { ", " });
            }
        }
        if !odd.is_empty() {
            writeln!(f, "              {odd}")?;
        }
        self.lines.iter().try_for_each(|line| write!(f, "{}", line.figures))
    }
}

impl fmt::Display for LineSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {:<8} {} packets, {} wins, {} duplicates, {} messages lost, {} dropped by the kernel, {} refused",
            self.name,
            self.packets,
            self.wins,
            self.duplicates,
            self.lost_messages,
            self.kernel_drops,
            self.refused
        )?;
        let Distribution { p50_ns, p99_ns, max_ns, .. } = self.lag;
        for (name, value) in [("; lag p50", p50_ns), (" p99", p99_ns), (" max", max_ns)] {
            if let Some(ns) = value {
                write!(f, "{name} {ns}")?;
            }
        }
        writeln!(f, "{}", if p50_ns.is_some() { " ns" } else { "" })
    }
}
