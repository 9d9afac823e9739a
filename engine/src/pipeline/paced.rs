//! Paced replay: the capture at its own speed, at N times it, at a constant rate, or as fast as it goes, through real
//! sockets. When a message is due says the `pacer`.
//!
//! The stages are those of lockstep; what differs is that executions come when the venue sends them, so a run is not
//! reproduced bit for bit (its journal is). At `max` the path of an order is timed from the hand-over of its message
//! to decode (service time); at a pace it counts from the time at which the message was due, so that falling behind
//! shows.
//!
//! `inline` runs ingest, decide and order entry in one loop; `split` gives each a thread. After the capture's end a
//! run waits until the venues have been quiet for a while, and logs out.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::control::counters::Counter;
use crate::control::planted_delay;
use crate::control::shutdown::Stop;
use crate::order::{Execution, Order};
use crate::pipeline::controls::Controls;
use crate::pipeline::decide::{Decide, OrderSink};
use crate::pipeline::heartbeat::Beat;
use crate::pipeline::hop::MarketHop;
use crate::pipeline::idle::Idle;
use crate::pipeline::ingest::Ingest;
use crate::pipeline::live::{self, LiveShared};
use crate::pipeline::lockstep::{IntervalTimer, OrderItem, ReplayError};
use crate::pipeline::operator::KillCause;
pub use crate::pipeline::pacer::Pace;
use crate::pipeline::pacer::Pacer;
use crate::pipeline::rehearsal::Warmer;
use crate::pipeline::risk::RiskApproved;
use crate::pipeline::slot_ring::{Consumer, Producer};
use crate::pipeline::socket_entry::SocketEntry;
use crate::pipeline::stamps::{PathStamps, Sampler, Stage};
use crate::pipeline::tsc::{self, Calibration};

/// Messages between two looks at the sockets while there is market data to work on.
const POLL_EVERY: u64 = 8;

/// Between two looks at the sockets while there is none, ns.
const LOOK_NS: u64 = 5_000;

/// When the waiting loop of `inline` looks at the sockets: a look is a system call that a message which comes due
/// meanwhile waits for, and it cools the path.
struct Looks {
    interval_ticks: u64,
    next_ticks: u64,
}

impl Looks {
    fn new(calibration: &Calibration) -> Self {
        Self { interval_ticks: calibration.ns_to_ticks(LOOK_NS), next_ticks: 0 }
    }

    #[inline(always)]
    fn is_due(&mut self) -> bool {
        let now_ticks = tsc::now();
        let is_due = now_ticks >= self.next_ticks;
        if is_due {
            self.next_ticks = now_ticks + self.interval_ticks;
        }
        is_due
    }
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
    pacer: &mut Pacer,
    mut timer: IntervalTimer,
    sampler: &mut Sampler,
    released: &Counter,
    stop: &Stop,
    controls: &mut Controls,
    warmer: &mut Warmer,
) -> Result<(), ReplayError> {
    let mut turns = 0u64;
    let mut looks = Looks::new(entry.calibration());
    pacer.start();
    loop {
        turns += 1;
        if controls.turn(decide, 0, entry)? | decide.poll_answers(0, entry)? {
            pacer.worked();
        }
        let next = pacer.next_time_ns(ingest);
        let release = next.and_then(|time_ns| pacer.release(time_ns, ingest));
        let is_idle = release.is_none();
        if if is_idle { looks.is_due() } else { turns.is_multiple_of(POLL_EVERY) } {
            entry.poll();
            if entry.journal_failed() {
                return Err(ReplayError::SessionJournal);
            }
            if (turns.is_multiple_of(1024) || is_idle) && stop.requested() {
                return Err(ReplayError::Stopped);
            }
            while let Some(execution) = entry.next_execution() {
                pacer.worked();
                let execution = Execution { time_ns: decide.core().time_ns(), ..execution };
                decide.execution(&execution, &mut PathStamps::begin_answer(sampler.sample()), entry)?;
            }
            warmer.after_call(is_idle);
        }
        let Some(release) = release else {
            if next.is_none() && entry.is_quiet() {
                return Ok(());
            }
            continue;
        };
        if let Some(time_ns) = next.filter(|&time_ns| timer.due_ns() < time_ns) {
            let mut stamps = decide.begin_answer();
            decide.timer(timer.due_ns(), &mut stamps, entry)?;
            timer.skip_to(time_ns);
        }
        let mut stamps = release.begin(sampler);
        let message = ingest.next_message()?;
        stamps.mark(Stage::Decode);
        released.set(ingest.messages());
        if let Some(Some(event)) = message {
            timer.start(event.receive_ns);
            let encoded = entry.encoded();
            decide.market(&event, &mut stamps, entry)?;
            if entry.encoded() != encoded {
                warmer.after_call(false);
            }
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
    pacer: &mut Pacer,
    sampler: &mut Sampler,
    released: &Counter,
    ring_full: &Counter,
    stop: &Stop,
    idle: Idle,
) -> Result<(), ReplayError> {
    pacer.start();
    let outcome = loop {
        let Some(time_ns) = pacer.next_time_ns(ingest) else { break Ok(()) };
        let Some(release) = pacer.release(time_ns, ingest) else {
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
        planted_delay::spend(Stage::Ring);
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
    controls: &mut Controls,
) -> Result<(), ReplayError> {
    let mut ended = false;
    loop {
        let now_ns = live.map_or(0, |shared| shared.calibration.utc_ns(tsc::now()));
        let mut worked = controls.turn(decide, now_ns, &mut OrderRing(orders))?;
        worked |= decide.poll_answers(now_ns, &mut OrderRing(orders))?;
        if live.is_some() {
            timer.start(now_ns);
            if timer.due_ns() <= now_ns {
                let mut stamps = decide.begin_answer();
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
                    let mut of_timer = decide.begin_answer();
                    decide.timer(timer.due_ns(), &mut of_timer, &mut OrderRing(orders))?;
                    timer.skip_to(event.receive_ns);
                    stamps.mark(Stage::Wait);
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

/// The order-entry thread of `split`. It ends when the run does, and when its journal takes no more.
#[allow(clippy::too_many_arguments, reason = "the stage and its rings")]
pub fn run_split_order_entry(
    entry: &mut SocketEntry,
    orders: &mut Consumer<OrderItem>,
    executions: &mut Producer<Execution>,
    quiet: &AtomicBool,
    finished: &AtomicBool,
    stop: &Stop,
    idle: Idle,
    beat: &mut Beat,
) {
    loop {
        beat.beat();
        let mut worked = false;
        while let Some(OrderItem { order, mut stamps }) = orders.pop() {
            stamps.mark(Stage::Ring);
            entry.encode(&order, stamps);
            worked = true;
        }
        entry.send_encoded();
        // A full execution ring: the sockets are not read until there is room again.
        while !executions.is_full() {
            let Some(execution) = entry.next_execution() else { break };
            let _ = executions.push(execution);
            worked = true;
        }
        if !entry.has_executions() {
            entry.poll();
        }
        if entry.journal_failed() {
            // Nothing leaves unjournalled: the run is over, and what waits in the ring stays there.
            entry.kill().set(KillCause::Journal);
            stop.request();
            return;
        }
        // Release: pairs with decide's Acquire.
        quiet.store(!worked && !entry.has_executions() && entry.is_quiet(), Ordering::Release);
        // Acquire: pairs with decide's Release.
        if finished.load(Ordering::Acquire) || stop.requested() {
            return;
        }
        if !worked {
            idle.wait();
        }
    }
}
