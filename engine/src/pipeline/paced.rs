//! Paced replay: the capture at its own speed, at N times it, or as fast as it goes, through real sockets.
//!
//! The stages are those of lockstep; what differs is that executions come when the venue sends them, so a run is not
//! reproduced bit for bit (its journal is). At `max` the path of an order is timed from the hand-over of its message
//! to decode (service time); at a pace it counts from the time at which the message was due, so that falling behind
//! shows.
//!
//! `inline` runs ingest, decide and order entry in one loop; `split` gives each a thread. After the capture's end a
//! run waits until the venues have been quiet for a while, and logs out.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::control::counters::Counter;
use crate::control::kill_switch;
use crate::control::shutdown::Stop;
use crate::order::{Execution, Order};
use crate::pipeline::decide::{Decide, OrderSink};
use crate::pipeline::decision_core::Command;
use crate::pipeline::hop::MarketHop;
use crate::pipeline::idle::Idle;
use crate::pipeline::ingest::Ingest;
use crate::pipeline::live::{self, LiveShared};
use crate::pipeline::lockstep::{IntervalTimer, OrderItem, ReplayError};
use crate::pipeline::order_entry::{OrderEntry, not_sent};
use crate::pipeline::risk::RiskApproved;
use crate::pipeline::slot_ring::{Consumer, Producer};
use crate::pipeline::socket::Socket;
use crate::pipeline::stamps::{PathRecord, PathStamps, Sampler, Stage, StampWriter};
use crate::pipeline::tsc::{self, Calibration};

/// Messages between two looks at the sockets while there is market data to work on.
const POLL_EVERY: u64 = 8;

/// A run is over when the venues have said nothing for this long after the last message.
const QUIET_NS: u64 = 300_000_000;

/// Paths remembered until the send that ends their input; further ones keep no wire stamp.
const UNSENT_MAX: usize = 64;

/// Longest wait for a venue's logon or logout.
const SESSION_PATIENCE_NS: u64 = 5_000_000_000;

/// Pause between two looks while a session opens or closes. The venue may share this core, and under a real-time
/// policy a thread that spins here would never let it answer.
const SESSION_PAUSE: Duration = Duration::from_micros(50);

/// How fast market messages are handed on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As fast as the stages take them.
    Max,
    /// This many times the capture's own speed.
    Times(f64),
}

/// When messages are due.
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    ticks_per_virtual_ns: Option<f64>,
    start_ticks: u64,
    start_ns: u64,
}

impl Pacer {
    /// A pacer whose first message, of virtual time `start_ns`, is due now.
    #[must_use]
    pub fn new(pace: Pace, calibration: &Calibration, start_ns: u64) -> Self {
        let ticks_per_virtual_ns = match pace {
            Pace::Max => None,
            Pace::Times(times) => Some(calibration.ticks_per_second() as f64 / 1e9 / times),
        };
        Self { ticks_per_virtual_ns, start_ticks: tsc::now(), start_ns }
    }

    /// The tick at which a message of virtual time `time_ns` is due; `None` when it always is.
    #[inline]
    fn due_ticks(&self, time_ns: u64) -> Option<u64> {
        let rate = self.ticks_per_virtual_ns?;
        Some(self.start_ticks + (time_ns.saturating_sub(self.start_ns) as f64 * rate) as u64)
    }

    /// What the path of a message of virtual time `time_ns` counts from; `None` when it is not due yet.
    #[inline]
    fn release(&self, time_ns: u64) -> Option<Release> {
        match self.due_ticks(time_ns) {
            None => Some(Release { due_ticks: None }),
            Some(due) => (tsc::now() >= due).then_some(Release { due_ticks: Some(due) }),
        }
    }
}

/// A message that may be handed over now.
#[derive(Clone, Copy, Debug)]
struct Release {
    due_ticks: Option<u64>,
}

impl Release {
    /// Begins the path, right before the message goes to decode: at `max` nothing that came before (a look at the
    /// sockets) is in it, at a pace everything since the due time is.
    #[inline]
    fn begin(self, sampler: &mut Sampler) -> PathStamps {
        match self.due_ticks {
            None => PathStamps::begin(sampler.sample()),
            Some(due) => PathStamps::begin_due(due, tsc::now(), sampler.sample()),
        }
    }
}

/// Order entry with its sockets; owned by one thread.
pub struct SocketEntry {
    entry: OrderEntry,
    sockets: Vec<Option<Socket>>,
    buffer: Box<[u8]>,
    executions: VecDeque<Execution>,
    stamps: StampWriter,
    calibration: Calibration,
    /// Paths whose bytes are complete and wait for the send that ends this input.
    unsent: Vec<PathRecord>,
    last_heard_ticks: u64,
    lost_connections: u64,
}

impl SocketEntry {
    /// Order entry over connected sockets, one a venue.
    #[must_use]
    pub fn new(
        entry: OrderEntry,
        sockets: Vec<Socket>,
        stamps: StampWriter,
        calibration: Calibration,
    ) -> Self {
        Self {
            entry,
            sockets: sockets.into_iter().map(Some).collect(),
            buffer: vec![0; 1 << 16].into_boxed_slice(),
            executions: VecDeque::with_capacity(1 << 12),
            stamps,
            calibration,
            unsent: Vec::with_capacity(UNSENT_MAX),
            last_heard_ticks: tsc::now(),
            lost_connections: 0,
        }
    }

    fn now_ns(&self) -> u64 {
        self.calibration.utc_ns(tsc::now())
    }

    /// Logs on at every venue.
    ///
    /// # Errors
    /// The venue that did not answer.
    pub fn log_on(&mut self, stop: &Stop) -> Result<(), String> {
        let now_ns = self.now_ns();
        for venue in 0..self.sockets.len() {
            self.entry.connected(venue as u8, now_ns);
        }
        for venue in 0..self.sockets.len() {
            while !self.entry.is_logged_on(venue as u8) {
                self.poll();
                std::thread::sleep(SESSION_PAUSE);
                let waited_ns = self.now_ns().saturating_sub(now_ns);
                if self.sockets[venue].is_none() || waited_ns > SESSION_PATIENCE_NS || stop.requested() {
                    return Err(format!("venue {venue}: no answer to our Logon; check CompIDs and address"));
                }
            }
        }
        Ok(())
    }

    /// Logs out everywhere and waits for the answers.
    pub fn log_out(&mut self) {
        let now_ns = self.now_ns();
        self.entry.logout(now_ns);
        while self.sockets.iter().any(Option::is_some) && self.now_ns() - now_ns < SESSION_PATIENCE_NS {
            self.poll();
            std::thread::sleep(SESSION_PAUSE);
            let done = (0..self.sockets.len()).all(|venue| !self.entry.is_logged_on(venue as u8));
            if done {
                break;
            }
        }
        self.sockets.clear();
    }

    /// Sends what waits and receives what is there; executions are queued.
    pub fn poll(&mut self) {
        let now_ns = self.now_ns();
        if self.entry.next_timer_ns() <= now_ns {
            self.entry.on_timer(now_ns);
        }
        for venue in 0..self.sockets.len() {
            self.flush(venue as u8);
            let Self { entry, sockets, buffer, executions, .. } = self;
            let Some(socket) = &mut sockets[venue] else { continue };
            match socket.receive(buffer) {
                Ok(0) => {}
                Ok(length) => {
                    let now_ns = self.calibration.utc_ns(tsc::now());
                    entry.receive(venue as u8, now_ns, &buffer[..length], &mut |execution| {
                        executions.push_back(execution);
                    });
                    self.last_heard_ticks = tsc::now();
                    self.flush(venue as u8);
                }
                Err(_) => self.lose(venue),
            }
            if self.entry.wants_close(venue as u8) && self.entry.pending(venue as u8).is_empty() {
                self.lose(venue);
            }
        }
    }

    #[cold]
    fn lose(&mut self, venue: usize) {
        if self.sockets[venue].take().is_some() {
            self.lost_connections += 1;
            self.entry.disconnected(venue as u8);
        }
    }

    #[inline]
    fn flush(&mut self, venue: u8) {
        let pending = self.entry.pending(venue);
        if pending.is_empty() {
            return;
        }
        let Some(Some(socket)) = self.sockets.get_mut(usize::from(venue)) else { return };
        match socket.send(pending) {
            Ok(count) => self.entry.consume(venue, count),
            Err(_) => self.lose(usize::from(venue)),
        }
    }

    /// Encodes one order; it leaves with [`Self::send_encoded`], so that all orders of one input share a system call.
    #[inline]
    fn encode(&mut self, order: &RiskApproved<Order>, stamps: PathStamps) {
        let connected = matches!(self.sockets.get(usize::from(order.venue)), Some(Some(_)));
        let outcome = if connected {
            self.entry.encode(order, self.calibration.utc_ns(tsc::now()))
        } else {
            Err(crate::order::RejectReason::NotConnected)
        };
        match outcome {
            Ok(()) => {
                let record = stamps.order_ready(order.action);
                if self.unsent.len() < UNSENT_MAX {
                    self.unsent.push(record);
                } else {
                    self.stamps.push(record);
                }
            }
            Err(reason) => self.executions.extend(not_sent(order, order.time_ns, reason)),
        }
    }

    /// Sends what the orders of this input have encoded, and ends their paths.
    #[inline]
    fn send_encoded(&mut self) {
        for venue in 0..self.sockets.len() {
            self.flush(venue as u8);
        }
        for mut record in self.unsent.drain(..) {
            record.sent();
            self.stamps.push(record);
        }
    }

    /// The oldest execution that came in and was not taken yet.
    pub(super) fn next_execution(&mut self) -> Option<Execution> {
        self.executions.pop_front()
    }

    pub(super) fn is_quiet(&self) -> bool {
        let silence = tsc::now().saturating_sub(self.last_heard_ticks);
        self.calibration.ticks_to_ns(silence) > QUIET_NS
    }

    /// Connections that broke.
    #[must_use]
    pub const fn lost_connections(&self) -> u64 {
        self.lost_connections
    }

    /// Stamp records that found the ring full.
    #[must_use]
    pub fn dropped_stamps(&self) -> u64 {
        self.stamps.dropped()
    }

    /// Gives the sessions back.
    #[must_use]
    pub fn finish(self) -> OrderEntry {
        self.entry
    }
}

impl OrderSink for SocketEntry {
    fn free_slots(&self) -> usize {
        usize::MAX
    }

    fn capacity(&self) -> usize {
        0
    }

    #[inline]
    fn send(&mut self, order: RiskApproved<Order>, stamps: PathStamps) {
        self.encode(&order, stamps);
    }

    #[inline]
    fn flush(&mut self) {
        self.send_encoded();
    }
}

/// Turns the operator's kill word into a sequenced command, once.
pub(super) fn take_kill(decide: &mut Decide, sink: &mut impl OrderSink) -> Result<(), ReplayError> {
    if kill_switch::is_set() && !decide.core().risk().is_killed() {
        let time_ns = decide.core().time_ns();
        let mut stamps = PathStamps::begin_answer(false);
        decide.command(time_ns, Command::Kill, &mut stamps, sink)?;
    }
    Ok(())
}

/// All stages in one loop. `released` counts the messages handed on, for a venue that replays the same capture.
///
/// # Errors
/// See [`ReplayError`].
#[allow(clippy::too_many_arguments, reason = "the stages and what they share with cold threads")]
pub fn run_inline(
    ingest: &mut Ingest<'_>,
    decide: &mut Decide,
    entry: &mut SocketEntry,
    pacer: Pacer,
    mut timer: IntervalTimer,
    sampler: &mut Sampler,
    released: &Counter,
    stop: &Stop,
) -> Result<(), ReplayError> {
    let mut turns = 0u64;
    loop {
        turns += 1;
        let next = ingest.next_time_ns();
        let release = next.and_then(|time_ns| pacer.release(time_ns));
        if release.is_none() || turns.is_multiple_of(POLL_EVERY) {
            entry.poll();
            if turns.is_multiple_of(1024) || release.is_none() {
                take_kill(decide, entry)?;
                if stop.requested() {
                    return Err(ReplayError::Stopped);
                }
            }
            while let Some(execution) = entry.executions.pop_front() {
                let execution = Execution { time_ns: decide.core().time_ns(), ..execution };
                decide.execution(&execution, &mut PathStamps::begin_answer(sampler.sample()), entry)?;
            }
        }
        let Some(release) = release else {
            if next.is_none() && entry.is_quiet() {
                return Ok(());
            }
            continue;
        };
        if let Some(time_ns) = next.filter(|&time_ns| timer.due_ns() < time_ns) {
            decide.timer(timer.due_ns(), &mut PathStamps::begin_answer(false), entry)?;
            timer.skip_to(time_ns);
        }
        let mut stamps = release.begin(sampler);
        let message = ingest.next_message()?;
        stamps.mark(Stage::Decode);
        released.set(ingest.messages());
        if let Some(Some(event)) = message {
            timer.start(event.receive_ns);
            decide.market(&event, &mut stamps, entry)?;
        }
    }
}

/// The ingest thread of `split`.
///
/// # Errors
/// See [`ReplayError`].
#[allow(clippy::too_many_arguments, reason = "the stage and what it shares with other threads")]
pub fn run_split_ingest(
    ingest: &mut Ingest<'_>,
    to_decide: &mut Producer<MarketHop>,
    pacer: Pacer,
    sampler: &mut Sampler,
    released: &Counter,
    ring_full: &Counter,
    stop: &Stop,
    idle: Idle,
) -> Result<(), ReplayError> {
    let outcome = loop {
        let Some(time_ns) = ingest.next_time_ns() else { break Ok(()) };
        let Some(release) = pacer.release(time_ns) else {
            if stop.requested() {
                return Err(ReplayError::Stopped);
            }
            idle.wait();
            continue;
        };
        let mut stamps = release.begin(sampler);
        let message = match ingest.next_message() {
            Ok(message) => message,
            Err(error) => break Err(ReplayError::Capture(error)),
        };
        stamps.mark(Stage::Decode);
        released.set(ingest.messages());
        let Some(Some(event)) = message else { continue };
        if to_decide.is_full() {
            ring_full.add(1);
            // A replay waits: nothing may be lost.
            while to_decide.is_full() {
                if stop.requested() {
                    return Err(ReplayError::Stopped);
                }
                idle.wait();
            }
        }
        let _ = to_decide.push(MarketHop { event: Some(event), stamps });
    };
    while to_decide.push(MarketHop::end()).is_err() && !stop.requested() {
        idle.wait();
    }
    outcome
}

struct OrderRing<'a>(&'a mut Producer<OrderItem>);

impl OrderSink for OrderRing<'_> {
    fn free_slots(&self) -> usize {
        self.0.slots()
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }

    fn send(&mut self, order: RiskApproved<Order>, stamps: PathStamps) {
        let taken = self.0.push(OrderItem { order, stamps });
        debug_assert!(taken.is_ok(), "decide sends no more than there are free slots");
    }
}

/// The decide thread of `split`, of a paced replay or of a live run (`live`). `finished` is set when the capture or the
/// sessions are over and order entry has been quiet.
///
/// # Errors
/// See [`ReplayError`].
#[allow(clippy::too_many_arguments, reason = "the stage and its rings")]
pub fn run_split_decide(
    decide: &mut Decide,
    market: &mut Consumer<MarketHop>,
    executions: &mut Consumer<Execution>,
    orders: &mut Producer<OrderItem>,
    mut timer: IntervalTimer,
    sampler: &mut Sampler,
    quiet: &AtomicBool,
    finished: &AtomicBool,
    stop: &Stop,
    idle: Idle,
    live: Option<&LiveShared<'_>>,
) -> Result<(), ReplayError> {
    let mut ended = false;
    loop {
        let mut worked = false;
        let now_ns = live.map_or(0, |shared| shared.calibration.utc_ns(tsc::now()));
        if live.is_some() {
            timer.start(now_ns);
            if timer.due_ns() <= now_ns {
                let mut stamps = PathStamps::begin_answer(false);
                decide.timer(timer.due_ns(), &mut stamps, &mut OrderRing(orders))?;
                timer.skip_to(now_ns);
            }
        }
        while let Some(execution) = executions.pop() {
            let execution = Execution { time_ns: decide.core().time_ns().max(now_ns), ..execution };
            decide.execution(
                &execution,
                &mut PathStamps::begin_answer(sampler.sample()),
                &mut OrderRing(orders),
            )?;
            worked = true;
        }
        match market.pop() {
            Some(MarketHop { event: Some(event), mut stamps }) => {
                stamps.mark(Stage::Ring);
                worked = true;
                if let Some(shared) = live {
                    live::hand_over(&event, &mut stamps, decide, &mut OrderRing(orders), shared)?;
                    continue;
                }
                if timer.due_ns() < event.receive_ns {
                    decide.timer(
                        timer.due_ns(),
                        &mut PathStamps::begin_answer(false),
                        &mut OrderRing(orders),
                    )?;
                    timer.skip_to(event.receive_ns);
                }
                timer.start(event.receive_ns);
                decide.market(&event, &mut stamps, &mut OrderRing(orders))?;
            }
            Some(MarketHop { event: None, .. }) => ended = true,
            None => {}
        }
        if worked {
            continue;
        }
        take_kill(decide, &mut OrderRing(orders))?;
        if stop.requested() {
            return Err(ReplayError::Stopped);
        }
        // Acquire: pairs with order entry's Release, so that every execution pushed before it went quiet is visible.
        if ended && quiet.load(Ordering::Acquire) && executions.is_empty() && orders.is_drained() {
            // Release: pairs with order entry's Acquire; no order is pushed after this.
            finished.store(true, Ordering::Release);
            return Ok(());
        }
        idle.wait();
    }
}

/// The order-entry thread of `split`.
#[allow(clippy::too_many_arguments, reason = "the stage and its rings")]
pub fn run_split_order_entry(
    entry: &mut SocketEntry,
    orders: &mut Consumer<OrderItem>,
    executions: &mut Producer<Execution>,
    quiet: &AtomicBool,
    finished: &AtomicBool,
    stop: &Stop,
    idle: Idle,
) {
    loop {
        let mut worked = false;
        while let Some(OrderItem { order, mut stamps }) = orders.pop() {
            stamps.mark(Stage::Ring);
            entry.encode(&order, stamps);
            worked = true;
        }
        entry.send_encoded();
        // A full execution ring: the sockets are not read until there is room again.
        while !executions.is_full() {
            let Some(execution) = entry.executions.pop_front() else { break };
            let _ = executions.push(execution);
            worked = true;
        }
        if entry.executions.is_empty() {
            entry.poll();
        }
        // Release: pairs with decide's Acquire.
        quiet.store(!worked && entry.executions.is_empty() && entry.is_quiet(), Ordering::Release);
        // Acquire: pairs with decide's Release.
        if finished.load(Ordering::Acquire) || stop.requested() {
            return;
        }
        if !worked {
            idle.wait();
        }
    }
}
