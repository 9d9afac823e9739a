//! Lockstep replay: no socket, no wall clock, no deadline; virtual time alone decides what comes next.
//!
//! Inputs of the decision core merge by (virtual time; market before execution before answer before timer; source;
//! sequence). An answer of wide work takes effect a configured latency after its request, however long it took to compute. The
//! simulated exchange applies the same market events to its own book; an order decided at t arrives there at t + order
//! latency, after the market events up to then, and an answer is an input one fill latency after what caused it.
//!
//! `inline` does this in one loop. `split` runs ingest, decide and order entry (with the exchange) as threads, and must
//! take the very same decisions. Each of the two sides tells the other, through a [`Horizon`], how many messages it
//! has worked off and the time of its next market event. From these a side knows a bound below which nothing new can
//! come from the other: the oldest thing that the other has not finished (its next market event, or our oldest
//! message that it has not worked off) plus the latency of the way back. It takes an item only when the item is not
//! above that bound.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use feeds::error::CaptureError;
use feeds::event::MarketEvent;
use rtrb::{Consumer, Producer};

use crate::control::counters::Counter;
use crate::control::shutdown::Stop;
use crate::order::{Execution, Order};
use crate::pipeline::decide::{Decide, DecideError, OrderSink};
use crate::pipeline::idle::Idle;
use crate::pipeline::ingest::Ingest;
use crate::pipeline::risk::RiskApproved;
use crate::pipeline::stamps::{PathStamps, Sampler, Stage, StampWriter};
use crate::venue::in_memory::{InMemoryExchange, ON_WIRE};

/// A time that never comes.
const NEVER: u64 = u64::MAX;

/// Messages between two looks at the stop flag, and two progress reports.
const LOOK_EVERY: u64 = 1 << 10;

/// Why a replay ended early.
#[derive(Debug)]
pub enum ReplayError {
    /// The capture cannot be read on.
    Capture(CaptureError),
    /// The decide stage cannot go on.
    Decide(DecideError),
    /// Order entry's journal takes no more records.
    SessionJournal,
    /// Ctrl-C, or another stage failed.
    Stopped,
}

impl From<CaptureError> for ReplayError {
    fn from(error: CaptureError) -> Self {
        Self::Capture(error)
    }
}

impl From<DecideError> for ReplayError {
    fn from(error: DecideError) -> Self {
        Self::Decide(error)
    }
}

/// Fires every `interval_ns` of core time, from the first multiple after the first market event.
#[derive(Clone, Copy, Debug)]
pub struct IntervalTimer {
    interval_ns: u64,
    due_ns: u64,
}

impl IntervalTimer {
    /// A timer; an interval of zero never fires.
    #[must_use]
    pub const fn new(interval_ns: u64) -> Self {
        Self { interval_ns, due_ns: NEVER }
    }

    /// When it fires next; [`u64::MAX`] when it does not.
    #[must_use]
    pub const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// A market event passed: starts the timer when it is the first.
    pub fn start(&mut self, time_ns: u64) {
        if self.due_ns == NEVER && self.interval_ns > 0 {
            self.due_ns = (time_ns / self.interval_ns + 1) * self.interval_ns;
        }
    }

    /// It has fired.
    pub fn fired(&mut self) {
        self.due_ns += self.interval_ns;
    }

    /// It has fired, perhaps late: the next time is the first multiple after `time_ns`.
    pub fn skip_to(&mut self, time_ns: u64) {
        if let Some(passed) = time_ns.checked_div(self.interval_ns) {
            self.due_ns = (passed + 1) * self.interval_ns;
        }
    }

    /// No market event will follow.
    pub fn stop(&mut self) {
        self.due_ns = NEVER;
        self.interval_ns = 0;
    }
}

/// Order entry called directly: the exchange takes the order at its decision time.
struct Direct<'a> {
    exchange: &'a mut InMemoryExchange,
    stamps: &'a mut StampWriter,
}

impl OrderSink for Direct<'_> {
    fn free_slots(&self) -> usize {
        usize::MAX
    }

    fn capacity(&self) -> usize {
        0
    }

    fn send(&mut self, order: RiskApproved<Order>, stamps: PathStamps) {
        if self.exchange.submit(&order) {
            self.stamps.push(stamps.order_ready(&order));
        }
    }
}

/// Runs all stages in one loop, to the end of the session.
///
/// # Errors
/// See [`ReplayError`]; everything up to the error has been decided. A damaged capture ends as a whole one does: what was
/// on the wire still arrives, so that both topologies come to the same.
#[expect(
    clippy::too_many_arguments,
    reason = "one a part that the loop joins; a struct of them would be used once"
)]
pub fn run_inline(
    ingest: &mut Ingest<'_>,
    decide: &mut Decide,
    exchange: &mut InMemoryExchange,
    mut timer: IntervalTimer,
    sampler: &mut Sampler,
    stamp_writer: &mut StampWriter,
    progress: &Counter,
    stop: &Stop,
) -> Result<(), ReplayError> {
    let timer = &mut timer;
    let end = u64::MAX;
    run_inline_until(end, ingest, decide, exchange, timer, sampler, stamp_writer, progress, stop).map(|_| ())
}

/// The same up to so many messages of the session; whether it goes on then. Whoever goes on with it gives the same parts
/// again, and all is as if it had not been interrupted.
///
/// # Errors
/// As [`run_inline`].
#[expect(
    clippy::too_many_arguments,
    reason = "one a part that the loop joins; a struct of them would be used once"
)]
pub fn run_inline_until(
    messages: u64,
    ingest: &mut Ingest<'_>,
    decide: &mut Decide,
    exchange: &mut InMemoryExchange,
    timer: &mut IntervalTimer,
    sampler: &mut Sampler,
    stamp_writer: &mut StampWriter,
    progress: &Counter,
    stop: &Stop,
) -> Result<bool, ReplayError> {
    let mut damage = None;
    loop {
        if ingest.messages() >= messages {
            return Ok(true);
        }
        let market = if damage.is_some() { NEVER } else { ingest.next_time_ns().unwrap_or(NEVER) };
        if market == NEVER {
            timer.stop();
        }
        let arrival = exchange.next_arrival_ns().unwrap_or(NEVER);
        let execution = exchange.next_execution_ns().unwrap_or(NEVER);
        let wide = decide.next_answer_ns();
        let next = market.min(arrival).min(execution).min(wide).min(timer.due_ns());
        if next == NEVER {
            return damage.map_or(Ok(false), |error| Err(ReplayError::Capture(error)));
        }
        if next == market {
            let mut stamps = PathStamps::begin(sampler.sample());
            let message = match ingest.next_message() {
                Ok(message) => message,
                Err(error) => {
                    damage = Some(error);
                    continue;
                }
            };
            stamps.mark(Stage::Decode);
            if ingest.messages().is_multiple_of(LOOK_EVERY) {
                progress.set(ingest.messages());
                if stop.requested() {
                    return Err(ReplayError::Stopped);
                }
            }
            let Some(Some(event)) = message else { continue };
            timer.start(event.receive_ns);
            decide.market(&event, &mut stamps, &mut Direct { exchange, stamps: stamp_writer })?;
            exchange.on_market(&event);
        } else if next == arrival {
            exchange.deliver_next();
        } else {
            let mut stamps = PathStamps::begin_answer(sampler.sample());
            let answer = if next == execution { exchange.take_execution() } else { None };
            let sink = &mut Direct { exchange, stamps: stamp_writer };
            match answer {
                Some(answer) => decide.execution(&answer, &mut stamps, sink)?,
                None if next == wide => decide.answer(&mut stamps, sink)?,
                None => {
                    decide.timer(timer.due_ns(), &mut stamps, sink)?;
                    timer.fired();
                }
            }
        }
    }
}

/// How far one side is, for the other side to read; a cache line of its own.
#[repr(align(128))]
#[derive(Debug, Default)]
pub struct Horizon {
    worked_off: AtomicU64,
    market_ns: AtomicU64,
}

impl Horizon {
    /// The writer has pushed everything that came of `worked_off` messages and of all market events before
    /// `market_ns`.
    fn publish(&self, worked_off: u64, market_ns: u64) {
        // Release: pairs with the loads in `read`, so that whoever sees these also sees what was pushed before them.
        // The count is stored last and read first: a reader may see a newer market time than the count, which only
        // makes its bound lower.
        self.market_ns.store(market_ns, Ordering::Release);
        self.worked_off.store(worked_off, Ordering::Release);
    }

    fn read(&self) -> (u64, u64) {
        // Acquire: pairs with the stores in `publish`.
        let worked_off = self.worked_off.load(Ordering::Acquire);
        (worked_off, self.market_ns.load(Ordering::Acquire))
    }
}

/// What this side has sent and the other has not worked off yet: times at which they are due there.
struct InFlight {
    due_ns: VecDeque<u64>,
    worked_off: u64,
}

impl InFlight {
    /// Messages on the virtual wire count too, so the rings' sizes are no bound.
    fn new() -> Self {
        Self { due_ns: VecDeque::with_capacity(ON_WIRE), worked_off: 0 }
    }

    fn push(&mut self, due_ns: u64) {
        self.due_ns.push_back(due_ns);
    }

    /// Forgets what was worked off; the time of the oldest that was not.
    fn oldest_ns(&mut self, worked_off: u64) -> u64 {
        while self.worked_off < worked_off {
            self.due_ns.pop_front();
            self.worked_off += 1;
        }
        self.due_ns.front().copied().unwrap_or(NEVER)
    }
}

/// An item of a market ring: an event, or the end of the stream.
#[derive(Clone, Copy, Debug)]
pub enum MarketItem {
    /// The next event, with the stamps of its path.
    Event(MarketEvent, PathStamps),
    /// The capture goes on to this time, UTC ns, with messages that are no events: timers are due up to it.
    Time(u64),
    /// Nothing follows.
    End,
}

/// The ingest thread of `split`: decodes and hands each event to decide and to the exchange.
///
/// # Errors
/// The capture's error, after everything before it was handed on.
pub fn run_split_ingest(
    ingest: &mut Ingest<'_>,
    to_decide: &mut Producer<MarketItem>,
    to_exchange: &mut Producer<MarketItem>,
    sampler: &mut Sampler,
    stop: &Stop,
    progress: &Counter,
    idle: Idle,
) -> Result<(), ReplayError> {
    let push = |ring: &mut Producer<MarketItem>, item: MarketItem| {
        // A replay waits when a ring is full: nothing may be lost.
        while ring.is_full() {
            if stop.requested() {
                return Err(ReplayError::Stopped);
            }
            idle.wait();
        }
        let _ = ring.push(item);
        Ok(())
    };
    let mut eventless_until = None;
    let outcome = loop {
        let Some(time_ns) = ingest.next_time_ns() else { break Ok(()) };
        let mut stamps = PathStamps::begin(sampler.sample());
        let event = match ingest.next_message() {
            Ok(event) => event.flatten(),
            Err(error) => {
                eventless_until = Some(time_ns);
                break Err(ReplayError::Capture(error));
            }
        };
        stamps.mark(Stage::Decode);
        if ingest.messages().is_multiple_of(LOOK_EVERY) {
            progress.set(ingest.messages());
        }
        eventless_until = if event.is_some() { None } else { Some(time_ns) };
        if let Some(event) = event {
            push(to_decide, MarketItem::Event(event, stamps))?;
            push(to_exchange, MarketItem::Event(event, stamps))?;
        }
    };
    if let Some(time_ns) = eventless_until {
        push(to_decide, MarketItem::Time(time_ns))?;
        push(to_exchange, MarketItem::Time(time_ns))?;
    }
    push(to_decide, MarketItem::End)?;
    push(to_exchange, MarketItem::End)?;
    outcome
}

/// The next event of a market ring: `None` when the ring is empty just now, [`NEVER`] at the end.
fn head_ns(ring: &Consumer<MarketItem>) -> Option<u64> {
    match ring.peek() {
        Ok(MarketItem::Event(event, _)) => Some(event.receive_ns),
        Ok(MarketItem::Time(time_ns)) => Some(*time_ns),
        Ok(MarketItem::End) => Some(NEVER),
        Err(_) => None,
    }
}

/// An approved order on its way to order entry.
#[derive(Debug)]
pub struct OrderItem {
    /// The order.
    pub order: RiskApproved<Order>,
    /// Stamps of its path so far.
    pub stamps: PathStamps,
}

struct RingSink<'a> {
    ring: &'a mut Producer<OrderItem>,
    in_flight: &'a mut InFlight,
    order_latency_ns: u64,
    stop: &'a Stop,
    idle: Idle,
}

impl OrderSink for RingSink<'_> {
    /// Lockstep has no deadline and must not depend on how full a ring is: it waits for room instead of dropping.
    fn free_slots(&self) -> usize {
        usize::MAX
    }

    fn capacity(&self) -> usize {
        0
    }

    fn send(&mut self, order: RiskApproved<Order>, stamps: PathStamps) {
        self.in_flight.push(order.time_ns + self.order_latency_ns);
        while self.ring.is_full() && !self.stop.requested() {
            self.idle.wait();
        }
        let _ = self.ring.push(OrderItem { order, stamps });
    }
}

/// Latencies of the simulated way to the exchange and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latencies {
    /// From a decision to the order's arrival at the venue, ns, at least 1.
    pub order_ns: u64,
    /// From what happens at the venue to the execution's being an input, ns, at least 1.
    pub fill_ns: u64,
}

/// The decide thread of `split`.
#[allow(clippy::too_many_arguments, reason = "the rings and horizons of one thread")]
pub fn run_split_decide(
    decide: &mut Decide,
    market: &mut Consumer<MarketItem>,
    executions: &mut Consumer<Execution>,
    orders: &mut Producer<OrderItem>,
    mine: &Horizon,
    theirs: &Horizon,
    latencies: Latencies,
    mut timer: IntervalTimer,
    sampler: &mut Sampler,
    stop: &Stop,
    idle: Idle,
) -> Result<(), ReplayError> {
    let mut in_flight = InFlight::new();
    let mut worked_off = 0;
    let mut last_market = 0;
    loop {
        if stop.requested() {
            return Err(ReplayError::Stopped);
        }
        // The horizon is read before the ring: what was pushed before it was published is then visible.
        let (orders_worked_off, their_market) = theirs.read();
        let unfinished = their_market.min(in_flight.oldest_ns(orders_worked_off));
        let bound = unfinished.saturating_add(latencies.fill_ns);
        let execution = executions.peek().map_or(NEVER, |execution| execution.time_ns);
        let answer = decide.next_answer_ns();
        let Some(head) = head_ns(market) else {
            mine.publish(worked_off, last_market.min(answer).min(timer.due_ns()));
            idle.wait();
            continue;
        };
        if head == NEVER {
            timer.stop();
        }
        let due = timer.due_ns();
        mine.publish(worked_off, head.min(answer).min(due));
        let known = execution != NEVER;
        if head == NEVER && answer == NEVER && !known && bound == NEVER {
            return Ok(());
        }
        let mut sink = RingSink {
            ring: orders,
            in_flight: &mut in_flight,
            order_latency_ns: latencies.order_ns,
            stop,
            idle,
        };
        if head <= execution && head <= answer && head <= due && head != NEVER {
            if !known && head > bound {
                idle.wait();
                continue;
            }
            last_market = head;
            let Ok(MarketItem::Event(event, mut stamps)) = market.pop() else { continue };
            stamps.mark(Stage::Ring);
            timer.start(event.receive_ns);
            decide.market(&event, &mut stamps, &mut sink)?;
        } else if known && execution <= answer && execution <= due {
            let Ok(execution) = executions.pop() else { continue };
            let mut stamps = PathStamps::begin_answer(sampler.sample());
            decide.execution(&execution, &mut stamps, &mut sink)?;
            worked_off += 1;
        } else if answer != NEVER && answer <= due && (known || answer < bound) {
            let mut stamps = PathStamps::begin_answer(sampler.sample());
            decide.answer(&mut stamps, &mut sink)?;
        } else if due != NEVER && due < answer && (known || due < bound) {
            let mut stamps = PathStamps::begin_answer(sampler.sample());
            decide.timer(due, &mut stamps, &mut sink)?;
            timer.fired();
        } else {
            idle.wait();
        }
    }
}

/// The order-entry thread of `split`, with both sessions and the exchange behind it.
#[allow(clippy::too_many_arguments, reason = "the rings and horizons of one thread")]
pub fn run_split_order_entry(
    exchange: &mut InMemoryExchange,
    market: &mut Consumer<MarketItem>,
    orders: &mut Consumer<OrderItem>,
    executions: &mut Producer<Execution>,
    mine: &Horizon,
    theirs: &Horizon,
    latencies: Latencies,
    stamp_writer: &mut StampWriter,
    stop: &Stop,
    idle: Idle,
) -> Result<(), ReplayError> {
    let mut in_flight = InFlight::new();
    let mut worked_off = 0;
    let mut last_market = 0;
    loop {
        if stop.requested() {
            return Err(ReplayError::Stopped);
        }
        // Read before the ring: what was pushed before it was published is then visible.
        let (executions_worked_off, their_market) = theirs.read();
        while let Ok(OrderItem { order, mut stamps }) = orders.pop() {
            stamps.mark(Stage::Ring);
            if exchange.submit(&order) {
                stamp_writer.push(stamps.order_ready(&order));
            }
        }
        // A full execution ring does not stop the venues: decide may be waiting for the next market event before it takes
        // executions, and ingest for room in our market ring before it can give decide one. What finds no room waits
        // here, and keeps our horizon so low that decide does not pass it.
        hand_over(exchange, executions, &mut in_flight);
        let waiting = exchange.next_execution_ns().unwrap_or(NEVER);
        let unfinished = their_market.min(in_flight.oldest_ns(executions_worked_off)).min(waiting);
        let bound = unfinished.saturating_add(latencies.order_ns);
        let cause_of_waiting = if waiting == NEVER { NEVER } else { waiting - latencies.fill_ns };
        let arrival = exchange.next_arrival_ns().unwrap_or(NEVER);
        let Some(head) = head_ns(market) else {
            mine.publish(worked_off, last_market.min(cause_of_waiting));
            idle.wait();
            continue;
        };
        mine.publish(worked_off, head.min(cause_of_waiting));
        let known = arrival != NEVER;
        if arrival < head {
            worked_off += exchange.deliver_next();
        } else if head != NEVER && (known || head <= bound) {
            last_market = head;
            if let Ok(MarketItem::Event(event, _)) = market.pop() {
                exchange.on_market(&event);
            }
        } else if head == NEVER && bound == NEVER {
            return Ok(());
        } else {
            idle.wait();
        }
    }
}

/// Pushes the executions that wait, as far as there is room.
fn hand_over(
    exchange: &mut InMemoryExchange,
    executions: &mut Producer<Execution>,
    in_flight: &mut InFlight,
) {
    while !executions.is_full() {
        let Some(execution) = exchange.take_execution() else { return };
        in_flight.push(execution.time_ns);
        let _ = executions.push(execution);
    }
}
