//! `warptick replay`: a capture through the whole engine, in lockstep or paced, in either topology.
//!
//! The hot stages get threads of their own (`hot_threads`), pinned where the placement says; the calling thread is
//! `housekeeping`. This file puts a run together and says what it came to.

use std::path::{Path, PathBuf};

use feeds::directory::Directory;

use crate::control::book_hash;
use crate::control::config::{Config, Topology};
use crate::control::counters::Counters;
use crate::control::cpus::Host;
use crate::control::digest::{digest_ring, hex};
use crate::control::failure::Failure;
use crate::control::hot_threads::{Finished, Hot};
use crate::control::housekeeping::Housekeeping;
use crate::control::inputs::Inputs;
use crate::control::machine::Machine;
use crate::control::placement::{Plan, Role};
use crate::control::progress::Progress;
use crate::control::report::{Collector, StageTable};
use crate::control::run_header::RunJournal;
use crate::control::shutdown::Stop;
use crate::control::startup;
use crate::control::summary::{self, Summary, WideSummary};
use crate::pipeline::decide::{Decide, DecideError};
use crate::pipeline::decision_core::CoreCounters;
use crate::pipeline::idle::Idle;
use crate::pipeline::lockstep::{IntervalTimer, ReplayError};
use crate::pipeline::paced::Pace;
use crate::pipeline::risk::RiskReasons;
use crate::pipeline::stamps::{self, StampMode};
use crate::pipeline::tsc::Calibration;
use crate::strategy::Strategy;

/// Records that the digest ring holds.
const DIGEST_RING: usize = 1 << 15;

/// Records that the stamp ring holds.
const STAMP_RING: usize = 1 << 15;

/// How a capture is replayed.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// `None`: lockstep.
    pub pace: Option<Pace>,
    /// Which paths are stamped at every stage.
    pub stamps: StampMode,
    /// Where the journal goes.
    pub journal: Option<PathBuf>,
    /// Where `.hlog` files go.
    pub report: Option<PathBuf>,
    /// Label of the progress bar.
    pub label: &'static str,
}

impl Default for ReplayOptions {
    /// Lockstep, sampled stamps, no journal, no files.
    fn default() -> Self {
        Self { pace: None, stamps: StampMode::Sampled, journal: None, report: None, label: "messages" }
    }
}

/// What a replay came to.
pub struct Outcome {
    /// SHA-256 of the order stream.
    pub digest: [u8; 32],
    /// One hash over all books, by symbol.
    pub book_hash: u64,
    /// Messages decoded.
    pub messages: u64,
    /// What the core counted.
    pub counters: CoreCounters,
    /// Orders left open.
    pub open_orders: u32,
    /// The stage table.
    pub table: StageTable,
    /// The machine-readable summary.
    pub summary: Summary,
    /// What the reader must know: placement, waits, drops.
    pub notes: Vec<String>,
    /// Why it ended early, if it did.
    pub failure: Option<Failure>,
}

/// Replays; strategies are the configuration's and `extra`.
///
/// # Errors
/// Anything that keeps the run from starting. What stops it later is in [`Outcome::failure`].
pub fn replay(
    inputs: &Inputs,
    config: &Config,
    options: &ReplayOptions,
    extra: Vec<Box<dyn Strategy>>,
) -> Result<Outcome, Failure> {
    let topology = config.pipeline.topology;
    let stop = Stop::new();
    let counters = Counters::default();
    let calibration = Calibration::measure();
    let plan = placement(config, topology, options.pace.is_some())?;
    let idle = if plan.shares_cores() { Idle::Yield } else { Idle::Spin };

    let mut strategies = startup::strategies(inputs, config)?;
    strategies.extend(extra);
    let core = startup::decision_core(inputs, config, strategies)?;
    let mut ingest = inputs.ingest(config.latency.line_ns)?;
    let mut journal = match &options.journal {
        Some(dir) => Some(RunJournal::create(dir, inputs, config)?),
        None => None,
    };
    let (digest_sender, digest_receiver) = digest_ring(DIGEST_RING);
    let (stamp_writer, stamp_reader) = stamps::channel(STAMP_RING);
    let decide = Decide::new(core, journal.as_mut().and_then(RunJournal::take_decide), digest_sender);
    let entry_journal = journal.as_mut().and_then(RunJournal::take_order_entry);
    let timer = IntervalTimer::new(config.pipeline.timer_ms * 1_000_000);
    let mut keeper = Housekeeping {
        digest: Some(digest_receiver),
        order_stream: [0; 32],
        collector: Collector::new(stamp_reader, calibration, options.stamps),
        keeper: journal.as_mut().and_then(RunJournal::take_keeper),
        progress: Progress::start(options.label, Some(inputs.messages())),
        journal_error: None,
    };

    let hot =
        Hot { config, plan: &plan, idle, counters: &counters, stop: &stop, timer, mode: options.stamps };
    let run = match (options.pace, topology) {
        (None, Topology::Inline) => {
            let exchange = startup::exchange(inputs, config, entry_journal)?;
            hot.lockstep_inline(&mut ingest, decide, exchange, stamp_writer, &mut keeper)?
        }
        (None, Topology::Split) => {
            let exchange = startup::exchange(inputs, config, entry_journal)?;
            hot.lockstep_split(&mut ingest, decide, exchange, stamp_writer, &mut keeper)?
        }
        (Some(pace), _) => {
            let entry = startup::order_entry(inputs, config, entry_journal)?;
            hot.paced(inputs, &mut ingest, decide, entry, stamp_writer, calibration, pace, &mut keeper)?
        }
    };
    conclude(inputs, options, topology, &plan, run, keeper, journal, &counters, ingest.directory())
}

fn placement(config: &Config, topology: Topology, paced: bool) -> Result<Plan, Failure> {
    let host = Host::read().map_err(|error| Failure::Input(format!("placement: {error}")))?;
    let mut roles = match topology {
        Topology::Inline => vec![Role::Inline],
        Topology::Split => vec![Role::Ingest, Role::Decide, Role::OrderEntry],
    };
    if paced {
        roles.push(Role::Venue);
    }
    let plan = if config.pipeline.cores.is_empty() {
        Plan::automatic(&host, &roles)
    } else {
        let wanted: Vec<_> = roles.into_iter().zip(config.pipeline.cores.iter().copied()).collect();
        Plan::explicit(&host, &wanted)
    };
    plan.map_err(|error| Failure::Input(format!("placement: {error}")))
}

#[allow(clippy::too_many_arguments, reason = "everything a run leaves behind")]
fn conclude(
    inputs: &Inputs,
    options: &ReplayOptions,
    topology: Topology,
    plan: &Plan,
    run: Finished,
    mut keeper: Housekeeping,
    journal: Option<RunJournal>,
    counters: &Counters,
    directory: &Directory,
) -> Result<Outcome, Failure> {
    let Finished { core, messages, dropped_stamps, entry, outcome } = run;
    keeper.collector.drain();
    keeper.progress.finish();
    let mut notes = vec![format!("placement: {plan}")];
    if entry.not_sent() > 0 || entry.malformed() > 0 {
        notes.push(format!(
            "order entry: {} orders not sent, {} malformed messages",
            entry.not_sent(),
            entry.malformed()
        ));
    }
    let entry_journal = entry.finish();
    if let Some(journal) = journal {
        let closed = journal.close(entry_journal, keeper.keeper.take(), core.time_ns());
        if let Err(error) = closed {
            keeper.journal_error.get_or_insert(error);
        }
    }
    let digest = keeper.order_stream;
    let core_counters = *core.counters();
    notes.extend(counter_notes(&core_counters, counters));
    if let Some(dir) = &options.report {
        keeper
            .collector
            .write_logs(dir)
            .map_err(|error| Failure::Input(format!("{}: {error}", dir.display())))?;
    }
    let failure = match (outcome, keeper.journal_error) {
        (Err(ReplayError::Capture(error)), _) => Some(Failure::from(error)),
        (Err(ReplayError::Decide(DecideError::Book { error, venue, sequence })), _) => {
            Some(inputs.book_failure(error, venue, sequence))
        }
        (Err(ReplayError::Decide(error)), _) => Some(Failure::Stopped(format!("decide stopped: {error:?}"))),
        (Err(ReplayError::Stopped), _) => {
            Some(Failure::Stopped(format!("stopped after {messages} messages")))
        }
        (Ok(()), Some(error)) => Some(Failure::Stopped(format!("journal: {error}"))),
        (Ok(()), None) if core.risk().is_killed() => {
            Some(Failure::Stopped("the kill switch stopped trading".to_owned()))
        }
        (Ok(()), None) => None,
    };
    let table = keeper.collector.table(dropped_stamps);
    let book_hash = book_hash::by_symbol(core.books(), directory);
    let summary = Summary {
        messages,
        events: core_counters.events,
        orders: core_counters.new_orders + core_counters.replaces + core_counters.cancels,
        risk_rejects: core_counters.risk_rejects,
        fills: core_counters.fills,
        gaps: core_counters.gaps,
        order_stream_sha256: hex(&digest),
        book_hash: format!("{book_hash:016x}"),
        backend: "cpu".to_owned(),
        topology: topology.name().to_owned(),
        machine: Machine::read(),
        wide: WideSummary::default(),
        stages: summary::stages(keeper.collector.histograms()),
    };
    Ok(Outcome {
        digest,
        book_hash,
        messages,
        counters: core_counters,
        open_orders: core.orders().live(),
        table,
        summary,
        notes,
        failure,
    })
}

fn counter_notes(core: &CoreCounters, counters: &Counters) -> Vec<String> {
    let mut notes = Vec::new();
    let rules = RiskReasons::NAMES.iter().zip(core.rejects_by_rule).filter(|(_, count)| *count > 0);
    let rules: Vec<_> = rules.map(|(name, count)| format!("{name} {count}")).collect();
    if !rules.is_empty() {
        notes.push(format!("risk rejects by rule: {}", rules.join(", ")));
    }
    if core.intents_dropped > 0 {
        notes.push(format!("{} intents dropped for want of an order slot", core.intents_dropped));
    }
    if core.executions_refused > 0 {
        notes.push(format!("{} executions fitted no order", core.executions_refused));
    }
    if core.executions_late > 0 {
        notes.push(format!(
            "{} late answers about orders that were done: a cancel or replace crossed a fill",
            core.executions_late
        ));
    }
    let waits = counters.ingest.market_ring_full.get();
    if waits > 0 {
        notes.push(format!("ingest waited {waits} times for a full market ring"));
    }
    notes
}

/// Writes the summary where `--summary` says.
///
/// # Errors
/// The file cannot be written.
pub fn write_summary(outcome: &Outcome, path: &Path) -> Result<(), Failure> {
    outcome.summary.write(path).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counters = &self.counters;
        writeln!(f, "{}", self.table)?;
        writeln!(f, "messages      {} ({} market events)", self.messages, counters.events)?;
        writeln!(
            f,
            "orders        {} new, {} replaces, {} cancels; {} open at the end",
            counters.new_orders, counters.replaces, counters.cancels, self.open_orders
        )?;
        writeln!(
            f,
            "fills         {} ({} passive, {} taking; {} shares)",
            counters.fills,
            counters.fills - counters.aggressive_fills,
            counters.aggressive_fills,
            counters.filled_quantity
        )?;
        writeln!(
            f,
            "pairs         {} two-leg arbitrages approved, {} with both legs filled",
            counters.pairs, counters.pairs_filled
        )?;
        writeln!(
            f,
            "rejects       {} by risk, {} by the venue",
            counters.risk_rejects, counters.venue_rejects
        )?;
        writeln!(f, "gaps          {} messages missing", counters.gaps)?;
        for note in &self.notes {
            writeln!(f, "note          {note}")?;
        }
        writeln!(f, "machine       {}", self.summary.machine)?;
        writeln!(f, "book hash     {:016x}", self.book_hash)?;
        writeln!(f, "order digest  {}", hex(&self.digest))
    }
}
