//! The hot threads of a run: which stage runs where, for each topology, in lockstep and paced, and how they end.
//!
//! A thread that is not where its placement says, or that panics, ends the run.

use std::sync::atomic::AtomicBool;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Instant;

use rtrb::RingBuffer;

use crate::control::config::{Config, Topology};
use crate::control::core_time::ThreadTimes;
use crate::control::counters::Counters;
use crate::control::failure::Failure;
use crate::control::generator_report::GeneratorReport;
use crate::control::hiccups::Hiccups;
use crate::control::housekeeping::Housekeeping;
use crate::control::inputs::Inputs;
use crate::control::kill_switch::KillSwitch;
use crate::control::placement::{Plan, Role};
use crate::control::reconnector::{self, ReconnectReport, Route};
use crate::control::rehearsing;
use crate::control::schedule_config::ScheduleConfig;
use crate::control::session_sockets::SessionSockets;
use crate::control::shutdown::Stop;
use crate::control::slice;
use crate::control::start_steps::StartSteps;
use crate::control::startup;
use crate::control::supervision::HotEnds;
use crate::pipeline::decide::{Decide, DecideError};
use crate::pipeline::decision_core::DecisionCore;
use crate::pipeline::heartbeat::Beat;
use crate::pipeline::hop::MarketHop;
use crate::pipeline::idle::Idle;
use crate::pipeline::ingest::Ingest;
use crate::pipeline::live::{self, Distrust, LiveIngest, LiveShared};
use crate::pipeline::lockstep::{self, Horizon, IntervalTimer, ReplayError};
use crate::pipeline::operator::KillCause;
use crate::pipeline::order_entry::OrderEntry;
use crate::pipeline::paced;
use crate::pipeline::pacer::{Pace, Pacer};
use crate::pipeline::slot_ring::{Producer, ring};
use crate::pipeline::socket_entry::SocketEntry;
use crate::pipeline::stamps::{Sampler, StampMode, StampWriter};
use crate::pipeline::tsc::{self, Calibration};
use crate::transport::endpoint::Endpoint;
use crate::venue::server::{self, VenueServer};

/// What the hot threads leave behind.
pub(super) struct Finished {
    pub(super) core: DecisionCore,
    pub(super) messages: u64,
    pub(super) dropped_stamps: u64,
    pub(super) entry: OrderEntry,
    pub(super) outcome: Result<(), ReplayError>,
    /// Of a replay whose messages had due times.
    pub(super) generator: Option<GeneratorReport>,
    /// What its waiting saw.
    pub(super) waiting: Option<Hiccups>,
}

/// What every hot thread is given.
pub(super) struct Hot<'a> {
    pub(super) config: &'a Config,
    pub(super) plan: &'a Plan,
    pub(super) idle: Idle,
    pub(super) counters: &'a Counters,
    pub(super) stop: &'a Stop,
    pub(super) timer: IntervalTimer,
    pub(super) mode: StampMode,
    /// The engine's kill switch.
    pub(super) kill: KillSwitch,
    /// A descriptor of each session's socket, in a live run.
    pub(super) sockets: SessionSockets,
    /// What each of them got of its core.
    pub(super) thread_times: ThreadTimes,
    /// What is done before the loops begin.
    pub(super) steps: StartSteps,
}

/// A stage that panics must not leave the others waiting for it, nor its orders at the venues. (In a release build a panic
/// ends the process, and with it the connections.)
struct StopOnPanic<'a> {
    stop: &'a Stop,
    kill: &'a KillSwitch,
    sockets: &'a SessionSockets,
}

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.kill.set(KillCause::Heartbeat);
            self.sockets.shut_down();
            self.stop.request();
        }
    }
}

/// Ends a helping thread whatever becomes of the one that it helps.
struct EndOnDrop<'a>(&'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        // Relaxed: a flag on its own.
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
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
        let (plan, stop, kill, sockets, idle) = (self.plan, self.stop, &self.kill, &self.sockets, self.idle);
        let times = &self.thread_times;
        scope.spawn(move || {
            let _guard = StopOnPanic { stop, kill, sockets };
            let core = match plan.pin_current(role) {
                Ok(core) => core,
                Err(error) => {
                    stop.request();
                    return Err(Failure::Check(format!("placement: {error}")));
                }
            };
            if idle == Idle::Yield {
                slice::shorten();
            }
            Ok(times.around(role, core, work))
        })
    }

    pub(super) fn lockstep_inline(
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
            let entry = exchange.finish();
            Ok(Finished { core, messages, dropped_stamps, entry, outcome, generator: None, waiting: None })
        })
    }

    pub(super) fn lockstep_split(
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
            let entry = exchange.finish();
            Ok(Finished { core, messages, dropped_stamps, entry, outcome, generator: None, waiting: None })
        })
    }

    #[allow(clippy::too_many_arguments, reason = "everything a run consists of")]
    pub(super) fn paced(
        &self,
        inputs: &Inputs,
        ingest: &mut Ingest<'_>,
        mut decide: Decide,
        entry: OrderEntry,
        stamp_writer: StampWriter,
        calibration: Calibration,
        pace: Pace,
        messages_max: Option<u64>,
        keeper: &mut Housekeeping,
        hot: HotEnds,
    ) -> Result<Finished, Failure> {
        let released = &self.counters.ingest.messages;
        let mut venue = VenueServer::bind(inputs, self.config)?;
        let addresses = venue.addresses();
        let over = AtomicBool::new(false);
        let pacer = Pacer::new(pace, &calibration, ingest.next_time_ns().unwrap_or(0));
        let mut pacer = pacer.limited_to(messages_max.unwrap_or(u64::MAX));
        let pacing = &mut pacer;
        let finished = std::thread::scope(|scope| {
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
            let venues = self.config.venues.iter().zip(&addresses);
            let connections = venues.map(|(venue, address)| Endpoint::new(venue, address)?.connect());
            let connections = match connections.collect::<Result<Vec<_>, String>>() {
                Ok(connections) => connections,
                Err(error) => return finish(Err(Failure::Input(error)), keeper),
            };
            let entry = SocketEntry::new(entry, connections, stamp_writer, calibration);
            let mut entry = entry.watched(hot.sessions.clone());
            let since = Instant::now();
            if let Err(error) = entry.log_on(self.stop) {
                return finish(Err(Failure::Input(error)), keeper);
            }
            self.steps.add("log on", since, true, format!("{} sessions", self.config.venues.len()));
            let result = match self.config.pipeline.topology {
                Topology::Inline => {
                    let HotEnds { mut controls, mut warmer, .. } = hot;
                    let thread = self.spawn(scope, Role::Inline, move || {
                        rehearsing::warm(&mut warmer, &self.steps, &calibration);
                        let mut sampler = Sampler::new(self.mode);
                        let outcome = paced::run_inline(
                            ingest,
                            &mut decide,
                            &mut entry,
                            pacing,
                            self.timer,
                            &mut sampler,
                            released,
                            self.stop,
                            &mut controls,
                            &mut warmer,
                        );
                        entry.hand_over();
                        (decide, entry, ingest.messages(), outcome)
                    });
                    keeper.watch(self.counters, &[&thread]);
                    thread.join().or_else(panicked).and_then(|joined| joined)
                }
                Topology::Split => {
                    let ingest_stage = |to_decide: &mut Producer<MarketHop>, _: &AtomicBool, _: &mut Beat| {
                        let outcome = paced::run_split_ingest(
                            ingest,
                            to_decide,
                            pacing,
                            &mut Sampler::new(self.mode),
                            released,
                            &self.counters.ingest.market_ring_full,
                            self.stop,
                            self.idle,
                        );
                        (ingest.messages(), outcome)
                    };
                    self.paced_split(ingest_stage, decide, entry, None, keeper, hot)
                }
            };
            let result = result.map(|(decide, mut entry, messages, outcome)| {
                self.end_sessions(&mut entry, &outcome);
                let dropped_stamps = entry.dropped_stamps();
                let core = keeper.close(decide);
                let entry = entry.finish();
                Finished { core, messages, dropped_stamps, entry, outcome, generator: None, waiting: None }
            });
            let result = finish(result, keeper);
            let _ = venue_thread.join();
            result
        })?;
        let hands_over = match self.config.pipeline.topology {
            Topology::Inline => Role::Inline,
            Topology::Split => Role::Ingest,
        };
        let core = self.plan.cpu_of(hands_over);
        Ok(Finished {
            generator: GeneratorReport::of(&pacer, pace, &calibration),
            waiting: core.and_then(|core| Hiccups::of_waiting(&pacer, core, &calibration)),
            ..finished
        })
    }

    /// A live run: real venues at the configuration's addresses, feeds from the network. Connections that break are
    /// made anew, as configured, and outside of a venue's schedule there is none; what came of that is said beside the rest.
    #[allow(clippy::too_many_arguments, reason = "everything a run consists of")]
    pub(super) fn live(
        &self,
        ingest: &mut LiveIngest,
        decide: Decide,
        entry: OrderEntry,
        stamp_writer: StampWriter,
        calibration: Calibration,
        keeper: &mut Housekeeping,
        hot: HotEnds,
    ) -> Result<(Finished, ReconnectReport), Failure> {
        let venues = &self.config.venues;
        let routes = venues.iter().map(|venue| {
            let endpoint = Endpoint::new(venue, &venue.address)?;
            let schedule = venue.schedule.as_ref().map(ScheduleConfig::schedule).transpose()?;
            Ok(Route { name: venue.name.clone(), endpoint, schedule })
        });
        let routes = routes.collect::<Result<Vec<_>, String>>().map_err(Failure::Input)?;
        let (port, reconnector) = reconnector::channel(routes, &self.config.reconnect);
        let mut reconnector = reconnector.keeping(self.sockets.clone());
        let say = |what: String| eprintln!("warptick: {what}");
        let open = reconnector.open(tsc::system_utc_ns(), say).map_err(Failure::Input)?;
        let entry = SocketEntry::with_open(entry, venues.len(), open, stamp_writer, calibration);
        let mut entry = entry.watched(hot.sessions.clone());
        if let Some(watch) = &keeper.utc {
            entry = entry.following(watch.offset());
        }
        if !self.config.reconnect.enabled {
            let finished = self.live_connected(ingest, decide, entry, calibration, keeper, hot)?;
            return Ok((finished, ReconnectReport::default()));
        }
        entry = entry.reconnecting(port);
        let over = &AtomicBool::new(false);
        std::thread::scope(|scope| {
            // Relaxed: a flag on its own.
            let is_over = || over.load(std::sync::atomic::Ordering::Relaxed);
            let thread = scope.spawn(move || reconnector.run(tsc::system_utc_ns, say, is_over));
            let guard = EndOnDrop(over);
            let finished = self.live_connected(ingest, decide, entry, calibration, keeper, hot);
            drop(guard);
            Ok((finished?, thread.join().unwrap_or_default()))
        })
    }

    fn live_connected(
        &self,
        ingest: &mut LiveIngest,
        mut decide: Decide,
        mut entry: SocketEntry,
        calibration: Calibration,
        keeper: &mut Housekeeping,
        hot: HotEnds,
    ) -> Result<Finished, Failure> {
        let since = Instant::now();
        entry.log_on(self.stop).map_err(Failure::Input)?;
        self.steps.add("log on", since, true, format!("{} sessions", self.config.venues.len()));
        let distrust = Distrust::default();
        let shared = LiveShared {
            released: &self.counters.ingest.messages,
            book_errors: &self.counters.decide.book_errors,
            ring_full: &self.counters.ingest.market_ring_full,
            distrust: &distrust,
            stop: self.stop,
            calibration,
        };
        let shared = &shared;
        let (decide, mut entry, messages, outcome) = match self.config.pipeline.topology {
            Topology::Inline => std::thread::scope(|scope| {
                let HotEnds { mut controls, mut warmer, .. } = hot;
                let thread = self.spawn(scope, Role::Inline, move || {
                    rehearsing::warm(&mut warmer, &self.steps, &calibration);
                    let mut sampler = Sampler::new(self.mode);
                    let (decide_stage, entry_stage) = (&mut decide, &mut entry);
                    let outcome = live::run_inline(
                        ingest,
                        decide_stage,
                        entry_stage,
                        self.timer,
                        &mut sampler,
                        shared,
                        &mut controls,
                        &mut warmer,
                    );
                    entry.hand_over();
                    (decide, entry, ingest.messages(), outcome)
                });
                keeper.watch(self.counters, &[&thread]);
                thread.join().or_else(panicked).and_then(|joined| joined)
            })?,
            Topology::Split => {
                let ingest_stage = |to_decide: &mut Producer<MarketHop>,
                                    finished: &AtomicBool,
                                    beat: &mut Beat| {
                    let mut sampler = Sampler::new(self.mode);
                    let idle = self.idle;
                    let outcome =
                        live::run_split_ingest(ingest, to_decide, finished, &mut sampler, shared, idle, beat);
                    (ingest.messages(), outcome)
                };
                self.paced_split(ingest_stage, decide, entry, Some(shared), keeper, hot)?
            }
        };
        self.end_sessions(&mut entry, &outcome);
        let dropped_stamps = entry.dropped_stamps();
        let core = keeper.close(decide);
        let entry = entry.finish();
        Ok(Finished { core, messages, dropped_stamps, entry, outcome, generator: None, waiting: None })
    }

    /// Logs out; without a word where nothing can be journalled any more.
    fn end_sessions(&self, entry: &mut SocketEntry, outcome: &Result<(), ReplayError>) {
        let is_journal = matches!(
            outcome,
            Err(ReplayError::SessionJournal | ReplayError::Decide(DecideError::Journal(_)))
        );
        if is_journal {
            self.kill.set(KillCause::Journal);
            entry.abandon();
        } else {
            entry.log_out();
        }
        self.sockets.clear();
    }

    #[allow(clippy::type_complexity, reason = "what three threads leave behind")]
    fn paced_split(
        &self,
        ingest_stage: impl FnOnce(
            &mut Producer<MarketHop>,
            &AtomicBool,
            &mut Beat,
        ) -> (u64, Result<(), ReplayError>)
        + Send,
        mut decide: Decide,
        mut entry: SocketEntry,
        live: Option<&LiveShared<'_>>,
        keeper: &mut Housekeeping,
        hot: HotEnds,
    ) -> Result<(Decide, SocketEntry, u64, Result<(), ReplayError>), Failure> {
        let rings = &self.config.pipeline;
        let (mut to_decide, mut market) = ring(rings.market_ring);
        let (mut orders, mut order_queue) = ring(rings.order_ring);
        let (mut executions, mut execution_queue) = ring(rings.execution_ring);
        keeper.rings.watch("market", "ingest to decide", to_decide.gauge());
        keeper.rings.watch("orders", "decide to order entry", orders.gauge());
        keeper.rings.watch("executions", "order entry to decide", executions.gauge());
        let (quiet, finished) = (AtomicBool::new(false), AtomicBool::new(false));
        let HotEnds { mut controls, order_entry: mut entry_beat, ingest: mut ingest_beat, .. } = hot;
        std::thread::scope(|scope| {
            let (quiet, finished) = (&quiet, &finished);
            let ingest_thread = self
                .spawn(scope, Role::Ingest, move || ingest_stage(&mut to_decide, finished, &mut ingest_beat));
            let entry_thread = self.spawn(scope, Role::OrderEntry, move || {
                paced::run_split_order_entry(
                    &mut entry,
                    &mut order_queue,
                    &mut executions,
                    quiet,
                    finished,
                    self.stop,
                    self.idle,
                    &mut entry_beat,
                );
                drop(entry_beat);
                entry.hand_over();
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
                    live,
                    &mut controls,
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
            let outcome = match decided {
                Ok(()) | Err(ReplayError::Stopped) if entry.journal_failed() => {
                    Err(ReplayError::SessionJournal)
                }
                Ok(()) | Err(ReplayError::Stopped) => ingested.and(decided),
                Err(error) => Err(error),
            };
            Ok((decide, entry, messages, outcome))
        })
    }
}
