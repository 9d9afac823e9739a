//! `warptick replay`: a capture through the whole engine, in lockstep or paced, in either topology.
//!
//! The hot stages get threads of their own, pinned where the placement says; the calling thread is housekeeping: it
//! hashes the order stream, fills the histograms, keeps the journal's segments ahead, and shows progress.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use rtrb::RingBuffer;

use crate::control::config::{Config, Topology};
use crate::control::counters::Counters;
use crate::control::cpus::Host;
use crate::control::digest::{DigestReceiver, digest_ring, hex};
use crate::control::failure::Failure;
use crate::control::inputs::Inputs;
use crate::control::journal::JournalKeeper;
use crate::control::machine::Machine;
use crate::control::placement::{Plan, Role};
use crate::control::progress::Progress;
use crate::control::report::{Collector, StageTable};
use crate::control::run_header::RunJournal;
use crate::control::shutdown::Stop;
use crate::control::startup;
use crate::control::summary::{self, Summary, WideSummary};
use crate::pipeline::decide::{Decide, DecideError};
use crate::pipeline::decision_core::{CoreCounters, DecisionCore};
use crate::pipeline::idle::Idle;
use crate::pipeline::ingest::Ingest;
use crate::pipeline::lockstep::{self, Horizon, IntervalTimer, ReplayError};
use crate::pipeline::order_entry::OrderEntry;
use crate::pipeline::paced::{self, Pace, Pacer, SocketEntry};
use crate::pipeline::risk::RiskReasons;
use crate::pipeline::socket::Socket;
use crate::pipeline::stamps::{self, Sampler, StampMode, StampWriter};
use crate::pipeline::tsc::Calibration;
use crate::strategy::Strategy;
use crate::venue::server::{self, VenueServer};

/// Records that the digest ring holds.
const DIGEST_RING: usize = 1 << 15;

/// Records that the stamp ring holds.
const STAMP_RING: usize = 1 << 15;

/// Housekeeping looks at its rings this often.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_micros(200);

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

/// What a replay came to.
pub struct Outcome {
    /// SHA-256 of the order stream.
    pub digest: [u8; 32],
    /// One hash over all books.
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

/// What the hot threads leave behind.
struct Finished {
    core: DecisionCore,
    messages: u64,
    dropped_stamps: u64,
    entry: OrderEntry,
    outcome: Result<(), ReplayError>,
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
    conclude(inputs, options, topology, &plan, run, keeper, journal, &counters)
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

/// What housekeeping does while the hot threads run.
struct Housekeeping {
    digest: Option<DigestReceiver>,
    order_stream: [u8; 32],
    collector: Collector,
    keeper: Option<JournalKeeper>,
    progress: Progress,
    journal_error: Option<String>,
}

impl Housekeeping {
    fn turn(&mut self, messages: u64) {
        if let Some(digest) = &mut self.digest {
            digest.poll();
        }
        self.collector.drain();
        if let Some(keeper) = &mut self.keeper
            && let Err(error) = keeper.poll()
        {
            // The writer goes on until its segments are used up, and then stops the run by itself.
            self.journal_error.get_or_insert_with(|| error.to_string());
        }
        self.progress.update(messages);
    }

    /// Works until the threads are done.
    fn watch<T>(&mut self, counters: &Counters, threads: &[&ScopedJoinHandle<'_, T>]) {
        while !threads.iter().all(|thread| thread.is_finished()) {
            self.turn(counters.ingest.messages.get());
            std::thread::sleep(HOUSEKEEPING_INTERVAL);
        }
    }
}

/// What every hot thread is given.
struct Hot<'a> {
    config: &'a Config,
    plan: &'a Plan,
    idle: Idle,
    counters: &'a Counters,
    stop: &'a Stop,
    timer: IntervalTimer,
    mode: StampMode,
}

fn panicked<T>(_: Box<dyn std::any::Any + Send>) -> Result<T, Failure> {
    Err(Failure::Check("a stage panicked; its message is above".to_owned()))
}

impl Hot<'_> {
    /// Starts a thread at its place; one that is not there is an error, and stops the others.
    fn spawn<'scope, 'env, T: Send + 'scope>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        role: Role,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> ScopedJoinHandle<'scope, Result<T, Failure>>
    where
        'env: 'scope,
    {
        let (plan, stop) = (self.plan, self.stop);
        scope.spawn(move || {
            if let Err(error) = plan.pin_current(role) {
                stop.request();
                return Err(Failure::Check(format!("placement: {error}")));
            }
            Ok(work())
        })
    }

    fn lockstep_inline(
        &self,
        ingest: &mut Ingest<'_>,
        mut decide: Decide,
        mut exchange: crate::venue::in_memory::InMemoryExchange,
        mut stamp_writer: StampWriter,
        keeper: &mut Housekeeping,
    ) -> Result<Finished, Failure> {
        std::thread::scope(|scope| {
            let thread = self.spawn(scope, Role::Inline, move || {
                let mut sampler = Sampler::new(self.mode);
                let outcome = lockstep::run_inline(
                    ingest,
                    &mut decide,
                    &mut exchange,
                    self.timer,
                    &mut sampler,
                    &mut stamp_writer,
                    &self.counters.ingest.messages,
                    self.stop,
                );
                (decide, exchange, stamp_writer.dropped(), ingest.messages(), outcome)
            });
            keeper.watch(self.counters, &[&thread]);
            let (decide, exchange, dropped_stamps, messages, outcome) = thread.join().or_else(panicked)??;
            let core = keeper.close(decide);
            Ok(Finished { core, messages, dropped_stamps, entry: exchange.finish(), outcome })
        })
    }

    fn lockstep_split(
        &self,
        ingest: &mut Ingest<'_>,
        mut decide: Decide,
        mut exchange: crate::venue::in_memory::InMemoryExchange,
        mut stamp_writer: StampWriter,
        keeper: &mut Housekeeping,
    ) -> Result<Finished, Failure> {
        let rings = &self.config.pipeline;
        let (mut to_decide, mut market) = RingBuffer::new(rings.market_ring);
        let (mut to_exchange, mut venue_market) = RingBuffer::new(rings.market_ring);
        let (mut orders, mut order_queue) = RingBuffer::new(rings.order_ring);
        let (mut executions, mut execution_queue) = RingBuffer::new(rings.execution_ring);
        let (of_decide, of_exchange) = (Horizon::default(), Horizon::default());
        let latencies = startup::latencies(self.config);
        std::thread::scope(|scope| {
            let (of_decide, of_exchange) = (&of_decide, &of_exchange);
            let ingest_thread = self.spawn(scope, Role::Ingest, move || {
                let outcome = lockstep::run_split_ingest(
                    ingest,
                    &mut to_decide,
                    &mut to_exchange,
                    &mut Sampler::new(self.mode),
                    self.stop,
                    &self.counters.ingest.messages,
                    self.idle,
                );
                (ingest.messages(), outcome)
            });
            let entry_thread = self.spawn(scope, Role::OrderEntry, move || {
                let outcome = lockstep::run_split_order_entry(
                    &mut exchange,
                    &mut venue_market,
                    &mut order_queue,
                    &mut executions,
                    of_exchange,
                    of_decide,
                    latencies,
                    &mut stamp_writer,
                    self.stop,
                    self.idle,
                );
                (exchange, stamp_writer.dropped(), outcome)
            });
            let decide_thread = self.spawn(scope, Role::Decide, move || {
                let outcome = lockstep::run_split_decide(
                    &mut decide,
                    &mut market,
                    &mut execution_queue,
                    &mut orders,
                    of_decide,
                    of_exchange,
                    latencies,
                    self.timer,
                    &mut Sampler::new(self.mode),
                    self.stop,
                    self.idle,
                );
                if outcome.is_err() {
                    self.stop.request();
                }
                (decide, outcome)
            });
            keeper.watch(self.counters, &[&decide_thread]);
            let (decide, decided) = decide_thread.join().or_else(panicked)??;
            let (exchange, dropped_stamps, entered) = entry_thread.join().or_else(panicked)??;
            let (messages, ingested) = ingest_thread.join().or_else(panicked)??;
            let core = keeper.close(decide);
            // The first cause counts: a stage that was stopped was stopped by another.
            let outcome = [decided, ingested, entered]
                .into_iter()
                .reduce(|first, next| {
                    if matches!(first, Ok(()) | Err(ReplayError::Stopped)) { next.and(first) } else { first }
                })
                .unwrap_or(Ok(()));
            Ok(Finished { core, messages, dropped_stamps, entry: exchange.finish(), outcome })
        })
    }

    #[allow(clippy::too_many_arguments, reason = "everything a run consists of")]
    fn paced(
        &self,
        inputs: &Inputs,
        ingest: &mut Ingest<'_>,
        mut decide: Decide,
        entry: OrderEntry,
        stamp_writer: StampWriter,
        calibration: Calibration,
        pace: Pace,
        keeper: &mut Housekeeping,
    ) -> Result<Finished, Failure> {
        let released = &self.counters.ingest.messages;
        let mut venue = VenueServer::bind(inputs, self.config)?;
        let addresses = venue.addresses();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let over = &over;
            let venue_thread = self.spawn(scope, Role::Venue, move || {
                venue.serve(server::Clock::Following(released), || {
                    over.load(std::sync::atomic::Ordering::Relaxed)
                });
                venue.notes()
            });
            let finish = |result: Result<Finished, Failure>, keeper: &mut Housekeeping| {
                over.store(true, std::sync::atomic::Ordering::Relaxed);
                keeper.collector.drain();
                result
            };
            let sockets = addresses.iter().map(|address| {
                Socket::connect(address, Duration::from_secs(5))
                    .map_err(|error| Failure::Input(format!("venue at {address}: {error}")))
            });
            let sockets = match sockets.collect::<Result<Vec<_>, _>>() {
                Ok(sockets) => sockets,
                Err(failure) => return finish(Err(failure), keeper),
            };
            let mut entry = SocketEntry::new(entry, sockets, stamp_writer, calibration);
            if let Err(error) = entry.log_on(self.stop) {
                return finish(Err(Failure::Input(error)), keeper);
            }
            let pacer = Pacer::new(pace, &calibration, ingest.next_time_ns().unwrap_or(0));
            let result = match self.config.pipeline.topology {
                Topology::Inline => {
                    let thread = self.spawn(scope, Role::Inline, move || {
                        let mut sampler = Sampler::new(self.mode);
                        let outcome = paced::run_inline(
                            ingest,
                            &mut decide,
                            &mut entry,
                            pacer,
                            self.timer,
                            &mut sampler,
                            released,
                            self.stop,
                        );
                        (decide, entry, ingest.messages(), outcome)
                    });
                    keeper.watch(self.counters, &[&thread]);
                    thread.join().or_else(panicked).and_then(|joined| joined)
                }
                Topology::Split => self.paced_split(ingest, decide, entry, pacer, keeper),
            };
            let result = result.map(|(decide, mut entry, messages, outcome)| {
                entry.log_out();
                let dropped_stamps = entry.dropped_stamps();
                let core = keeper.close(decide);
                Finished { core, messages, dropped_stamps, entry: entry.finish(), outcome }
            });
            let result = finish(result, keeper);
            let _ = venue_thread.join();
            result
        })
    }

    #[allow(clippy::type_complexity, reason = "what three threads leave behind")]
    fn paced_split(
        &self,
        ingest: &mut Ingest<'_>,
        mut decide: Decide,
        mut entry: SocketEntry,
        pacer: Pacer,
        keeper: &mut Housekeeping,
    ) -> Result<(Decide, SocketEntry, u64, Result<(), ReplayError>), Failure> {
        let rings = &self.config.pipeline;
        let (mut to_decide, mut market) = RingBuffer::new(rings.market_ring);
        let (mut orders, mut order_queue) = RingBuffer::new(rings.order_ring);
        let (mut executions, mut execution_queue) = RingBuffer::new(rings.execution_ring);
        let (quiet, finished) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let (quiet, finished) = (&quiet, &finished);
            let ingest_thread = self.spawn(scope, Role::Ingest, move || {
                let outcome = paced::run_split_ingest(
                    ingest,
                    &mut to_decide,
                    pacer,
                    &mut Sampler::new(self.mode),
                    &self.counters.ingest.messages,
                    &self.counters.ingest.market_ring_full,
                    self.stop,
                    self.idle,
                );
                (ingest.messages(), outcome)
            });
            let entry_thread = self.spawn(scope, Role::OrderEntry, move || {
                paced::run_split_order_entry(
                    &mut entry,
                    &mut order_queue,
                    &mut executions,
                    quiet,
                    finished,
                    self.stop,
                    self.idle,
                );
                entry
            });
            let decide_thread = self.spawn(scope, Role::Decide, move || {
                let outcome = paced::run_split_decide(
                    &mut decide,
                    &mut market,
                    &mut execution_queue,
                    &mut orders,
                    self.timer,
                    &mut Sampler::new(self.mode),
                    quiet,
                    finished,
                    self.stop,
                    self.idle,
                );
                if outcome.is_err() {
                    self.stop.request();
                }
                (decide, outcome)
            });
            keeper.watch(self.counters, &[&decide_thread]);
            let (decide, decided) = decide_thread.join().or_else(panicked)??;
            let entry = entry_thread.join().or_else(panicked)??;
            let (messages, ingested) = ingest_thread.join().or_else(panicked)??;
            let outcome = if matches!(decided, Ok(()) | Err(ReplayError::Stopped)) {
                ingested.and(decided)
            } else {
                decided
            };
            Ok((decide, entry, messages, outcome))
        })
    }
}

impl Housekeeping {
    /// Ends the decide stage; its journal is closed with what the run came to.
    fn close(&mut self, decide: Decide) -> DecisionCore {
        let (core, journal) = decide.finish();
        self.collector.drain();
        // Ending the stage has dropped the sender, so nothing can follow what is in the ring.
        if let Some(Ok(digest)) = self.digest.take().map(DigestReceiver::finish) {
            self.order_stream = digest.finish();
        }
        if let Some(journal) = journal
            && let Err(error) = journal.finish(core.time_ns(), self.order_stream, core.book_hash())
        {
            self.journal_error.get_or_insert_with(|| format!("decide: {error:?}"));
        }
        core
    }
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
    let book_hash = core.book_hash();
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
