//! What a hop between two cores costs over each of two rings: rtrb, and the engine's slot ring, whose cache lines carry
//! their own numbers. Both carry what the stages of a paced or live `split` hand one another, and a bare item of 60
//! bytes, which is the one cache line that no hop can do without.
//!
//! Load: one item in flight there and back over two rings of one kind, both threads spin, each pinned to a CPU of its
//! own; a hop is half a round trip. Every item is another one, and what comes back is compared with what was sent.
//! Then, for the items that cost next to nothing to make, a stream of them as fast as it goes, each compared. Rounds of
//! the two rings alternate, and so does which of them is first. With fewer than two CPUs the line says so.
//!
//! A virtual machine does not know where its CPUs are: its host may put both on one core, and move them. So each round
//! times the bare transfer of one cache line too (the bound of any hop), before, between and after the two rings. Below
//! `TOGETHER_NS` the CPUs share a core. Rounds of either placement are told apart, a round that saw both is dropped.

use std::sync::atomic::{AtomicU64, Ordering};

use engine::control::cpus::Host;
use engine::control::placement::{Role, pin_current};
use engine::order::{Execution, ExecutionKind, Intent, Order, OrderAction, RejectReason, TimeInForce};
use engine::pipeline::hop::MarketHop;
use engine::pipeline::lockstep::OrderItem;
use engine::pipeline::risk::{EngineLimits, InstrumentLimits, Reference, Risk, Stamp};
use engine::pipeline::slot_ring::{self, Item, LINE_BYTES};
use engine::pipeline::stamps::PathStamps;
use engine::pipeline::tsc::{self, Calibration};
use feeds::event::{EventKind, MarketEvent, Side, flags};
use feeds::units::PRICE_SCALE;

use crate::line::Line;
use crate::timing::{Figures, Samples, tenths};

const ROUNDS: usize = 21;
const ROUND_TRIPS: usize = 40_000;
const WARM_UP: usize = 4_000;
const STREAM: u64 = 300_000;
const SLOTS: usize = 4_096;

/// Round trips of the bare line.
const LINE_TRIPS: u64 = 10_000;

/// A hop to the other thread of a core takes 15 to 45 ns, one to another core of a server over 100.
const TOGETHER_NS: f64 = 70.0;

/// Rounds that a placement needs to be reported.
const ROUNDS_MIN: usize = 5;

/// One of the two rings.
trait Ring {
    const NAME: &str;
    type Sender<T: Item>: Send;
    type Receiver<T: Item>: Send;

    fn make<T: Item>() -> (Self::Sender<T>, Self::Receiver<T>);

    /// Sends an item, or gives it back.
    fn push<T: Item>(sender: &mut Self::Sender<T>, item: T) -> Result<(), T>;

    fn pop<T: Item>(receiver: &mut Self::Receiver<T>) -> Option<T>;

    #[inline(always)]
    fn give<T: Item>(sender: &mut Self::Sender<T>, mut item: T) {
        while let Err(back) = Self::push(sender, item) {
            item = back;
            std::hint::spin_loop();
        }
    }

    #[inline(always)]
    fn take<T: Item>(receiver: &mut Self::Receiver<T>) -> T {
        loop {
            if let Some(item) = Self::pop(receiver) {
                return item;
            }
            std::hint::spin_loop();
        }
    }
}

struct Rtrb;

impl Ring for Rtrb {
    const NAME: &str = "rtrb";
    type Sender<T: Item> = rtrb::Producer<T>;
    type Receiver<T: Item> = rtrb::Consumer<T>;

    fn make<T: Item>() -> (Self::Sender<T>, Self::Receiver<T>) {
        rtrb::RingBuffer::new(SLOTS)
    }

    #[inline(always)]
    fn push<T: Item>(sender: &mut Self::Sender<T>, item: T) -> Result<(), T> {
        sender.push(item).map_err(|rtrb::PushError::Full(item)| item)
    }

    #[inline(always)]
    fn pop<T: Item>(receiver: &mut Self::Receiver<T>) -> Option<T> {
        receiver.pop().ok()
    }
}

struct Slots;

impl Ring for Slots {
    const NAME: &str = "slot ring";
    type Sender<T: Item> = slot_ring::Producer<T>;
    type Receiver<T: Item> = slot_ring::Consumer<T>;

    fn make<T: Item>() -> (Self::Sender<T>, Self::Receiver<T>) {
        slot_ring::ring(SLOTS)
    }

    #[inline(always)]
    fn push<T: Item>(sender: &mut Self::Sender<T>, item: T) -> Result<(), T> {
        sender.push(item).map_err(|slot_ring::Full(item)| item)
    }

    #[inline(always)]
    fn pop<T: Item>(receiver: &mut Self::Receiver<T>) -> Option<T> {
        receiver.pop()
    }
}

/// What is sent.
trait Carried: Item {
    const NAME: &str;
    /// It is made fast enough to be streamed.
    const STREAMED: bool = true;
    /// What has to be the same when it comes back.
    type Content: PartialEq;

    /// Item `number`, from 1.
    fn make(maker: &mut Maker, number: u64) -> Self;

    fn content(&self) -> Self::Content;
}

/// 60 bytes: one line of the slot ring, and nothing of it is empty.
#[repr(C)]
#[derive(Clone, Copy, PartialEq)]
struct Bare([u32; LINE_BYTES / 4]);

// SAFETY: all of its bytes travel.
unsafe impl Item for Bare {}

impl Carried for Bare {
    const NAME: &str = "bare 60 bytes";
    type Content = Self;

    #[inline(always)]
    fn make(_: &mut Maker, number: u64) -> Self {
        Self([number as u32; LINE_BYTES / 4])
    }

    #[inline(always)]
    fn content(&self) -> Self {
        *self
    }
}

impl Carried for MarketHop {
    const NAME: &str = "MarketHop";
    type Content = Self;

    #[inline(always)]
    fn make(_: &mut Maker, number: u64) -> Self {
        let event = MarketEvent {
            exchange_ns: number,
            receive_ns: number,
            sequence: number,
            order_id: number,
            second_id: 0,
            price: number as i64,
            quantity: 100,
            instrument: 0,
            venue: 0,
            kind: EventKind::OrderAdd,
            side: Side::Buy,
            flags: flags::LAST_OF_EVENT,
        };
        Self { event: Some(event), stamps: PathStamps::begin_at(number, true) }
    }

    #[inline(always)]
    fn content(&self) -> Self {
        *self
    }
}

impl Carried for Execution {
    const NAME: &str = "Execution";
    type Content = Self;

    #[inline(always)]
    fn make(_: &mut Maker, number: u64) -> Self {
        Self {
            time_ns: number,
            cl_ord_id: number,
            orig_cl_ord_id: 0,
            exec_id: number,
            venue_order_id: number,
            last_price: number as i64,
            last_quantity: 100,
            leaves_quantity: 0,
            cumulative_quantity: 100,
            instrument: 0,
            venue: 0,
            kind: ExecutionKind::Fill,
            side: Side::Buy,
            reason: RejectReason::None,
            exec_ref_id: 0,
        }
    }

    #[inline(always)]
    fn content(&self) -> Self {
        *self
    }
}

impl Carried for OrderItem {
    const NAME: &str = "OrderItem";
    const STREAMED: bool = false;
    type Content = (Order, PathStamps);

    #[inline(always)]
    fn make(maker: &mut Maker, number: u64) -> Self {
        maker.order(number)
    }

    #[inline(always)]
    fn content(&self) -> (Order, PathStamps) {
        (*self.order, self.stamps)
    }
}

/// Makes approved orders: only risk can.
struct Maker {
    risk: Risk,
}

impl Maker {
    fn new() -> Self {
        let limits = InstrumentLimits {
            order_qty_max: 500,
            order_notional_max: 100_000 * i128::from(PRICE_SCALE),
            collar_bp: 100,
            position_max: 1_000,
            price_tick: PRICE_SCALE / 100,
            ..InstrumentLimits::default()
        };
        let engine =
            EngineLimits { messages_per_s: 1_000_000, messages_burst: 1_000, ..EngineLimits::default() };
        Self { risk: Risk::new(engine, vec![limits]) }
    }

    /// A new order that passes every check; what it reserved is released at once.
    fn order(&mut self, number: u64) -> OrderItem {
        let (tick, mid) = (PRICE_SCALE / 100, 100 * PRICE_SCALE);
        let intent = Intent {
            action: OrderAction::New,
            target: 0,
            price: mid,
            quantity: 100,
            instrument: 0,
            venue: 0,
            side: Side::Buy,
            time_in_force: TimeInForce::Day,
        };
        let reference = Reference::of(mid - tick, mid + tick);
        let stamp = Stamp { decision: number, time_ns: number * 1_000, cl_ord_id: number, strategy: 0 };
        let approval =
            self.risk.approve(&intent, &reference, None, &stamp).expect("an order within its limits");
        self.risk.release(&approval.released());
        OrderItem { order: approval.order, stamps: PathStamps::begin_at(number, true) }
    }
}

/// One round of one ring.
struct Timed {
    hop: Figures,
    /// Of a stream, ns an item.
    stream_ns: Option<f64>,
}

/// One round of both.
struct Round {
    rtrb: Timed,
    slots: Timed,
    /// The bare line's hop before, between and after them, ns.
    line_ns: [f64; 3],
}

impl Round {
    /// Whether the CPUs shared a core all through it; `None` when they moved.
    fn together(&self) -> Option<bool> {
        let together = self.line_ns.map(|ns| ns < TOGETHER_NS);
        (together == [together[0]; 3]).then_some(together[0])
    }
}

/// One cache line, alone.
#[repr(align(128))]
struct Alone(AtomicU64);

/// Runs it.
///
/// # Errors
/// A CPU that cannot be had; an item that came back changed.
pub fn run() -> Result<Vec<Line>, String> {
    let host = Host::read().map_err(|error| error.to_string())?;
    let cpus: Vec<_> = host.online().take(2).collect();
    let &[near, far] = cpus.as_slice() else {
        let line = Line::new("ring_hop", "", "two threads", "none");
        return Ok(vec![line.with("skipped", "needs two CPUs")]);
    };
    let siblings = near.physical_core == far.physical_core;
    let pair = Pair { near: near.id, far: far.id, siblings, calibration: Calibration::measure() };
    let mut lines = Vec::new();
    lines.extend(compare::<Bare>(&pair)?);
    lines.extend(compare::<MarketHop>(&pair)?);
    lines.extend(compare::<OrderItem>(&pair)?);
    lines.extend(compare::<Execution>(&pair)?);
    Ok(lines)
}

/// The two CPUs.
struct Pair {
    near: usize,
    far: usize,
    /// The machine says that they are threads of one core.
    siblings: bool,
    calibration: Calibration,
}

/// Both rings with one kind of item: two lines for each placement of the CPUs that was met often enough.
fn compare<T: Carried>(pair: &Pair) -> Result<Vec<Line>, String> {
    let rounds = (0..ROUNDS).map(|round| pair.round::<T>(round % 2 == 0)).collect::<Result<Vec<_>, _>>()?;
    let mut lines = Vec::new();
    for together in [false, true] {
        let rounds: Vec<&Round> = rounds.iter().filter(|round| round.together() == Some(together)).collect();
        if rounds.len() < ROUNDS_MIN {
            continue;
        }
        let line_ns = median(rounds.iter().flat_map(|round| round.line_ns));
        let rtrb: Vec<&Timed> = rounds.iter().map(|round| &round.rtrb).collect();
        let slots: Vec<&Timed> = rounds.iter().map(|round| &round.slots).collect();
        let baseline = median(rtrb.iter().filter_map(|timed| timed.hop.p50_ns));
        for line in [pair.line::<Rtrb, T>(&rtrb, baseline), pair.line::<Slots, T>(&slots, baseline)] {
            lines.push(line.with("bare_line_hop_ns", tenths(line_ns)).with("cpus_shared_a_core", together));
        }
    }
    if lines.is_empty() {
        return Err("the CPUs moved in nearly every round: nothing can be said".to_owned());
    }
    Ok(lines)
}

impl Pair {
    fn round<T: Carried>(&self, rtrb_first: bool) -> Result<Round, String> {
        let before = self.bare_line()?;
        let early = rtrb_first.then(|| self.timed::<Rtrb, T>()).transpose()?;
        let slots = if rtrb_first { None } else { Some(self.timed::<Slots, T>()?) };
        let between = self.bare_line()?;
        let slots = slots.map_or_else(|| self.timed::<Slots, T>(), Ok)?;
        let rtrb = early.map_or_else(|| self.timed::<Rtrb, T>(), Ok)?;
        Ok(Round { rtrb, slots, line_ns: [before, between, self.bare_line()?] })
    }

    fn timed<R: Ring, T: Carried>(&self) -> Result<Timed, String> {
        let hop = self.round_trips::<R, T>()?.figures(&self.calibration, 2.0);
        let stream_ns = T::STREAMED.then(|| self.stream::<R, T>()).transpose()?;
        Ok(Timed { hop, stream_ns })
    }

    /// The bound: a number in a cache line for each direction, nothing else; median, ns a hop.
    fn bare_line(&self) -> Result<f64, String> {
        let (there, back) = (Alone(AtomicU64::new(0)), Alone(AtomicU64::new(0)));
        let wait = |line: &Alone, number| {
            // Acquire and Release, as a ring needs them; on x86-64 they are plain loads and stores.
            while line.0.load(Ordering::Acquire) != number {
                std::hint::spin_loop();
            }
        };
        let samples = self.threads(
            || {
                for number in 1..=LINE_TRIPS {
                    wait(&there, number);
                    back.0.store(number, Ordering::Release);
                }
                Ok(())
            },
            || {
                let mut samples = Samples::single(LINE_TRIPS as usize);
                for number in 1..=LINE_TRIPS {
                    let start = tsc::now();
                    there.0.store(number, Ordering::Release);
                    wait(&back, number);
                    samples.add(tsc::now() - start);
                }
                Ok(samples)
            },
        )?;
        Ok(samples.figures(&self.calibration, 2.0).p50_ns.unwrap_or(f64::NAN))
    }

    fn round_trips<R: Ring, T: Carried>(&self) -> Result<Samples, String> {
        let (mut to_far, mut at_far) = R::make::<T>();
        let (mut to_near, mut at_near) = R::make::<T>();
        self.threads(
            move || {
                for _ in 0..WARM_UP + ROUND_TRIPS {
                    let item = R::take(&mut at_far);
                    R::give(&mut to_near, item);
                }
                Ok(())
            },
            move || {
                let mut maker = Maker::new();
                let mut samples = Samples::single(WARM_UP + ROUND_TRIPS);
                let mut damaged = None;
                for number in 1..=WARM_UP + ROUND_TRIPS {
                    let item = T::make(&mut maker, number as u64);
                    let sent = item.content();
                    let start = tsc::now();
                    R::give(&mut to_far, item);
                    let back = R::take(&mut at_near);
                    samples.add(tsc::now() - start);
                    if back.content() != sent {
                        damaged.get_or_insert(number);
                    }
                    if number == WARM_UP {
                        samples.clear();
                    }
                }
                damaged.map_or(Ok(samples), |number| Err(format!("item {number} came back changed")))
            },
        )
    }

    /// Sends [`STREAM`] items one way, ns an item.
    fn stream<R: Ring, T: Carried>(&self) -> Result<f64, String> {
        let (mut to_near, mut at_near) = R::make::<T>();
        let ticks = self.threads(
            move || {
                let mut maker = Maker::new();
                for number in 1..=STREAM {
                    R::give(&mut to_near, T::make(&mut maker, number));
                }
                Ok(())
            },
            move || {
                let mut maker = Maker::new();
                let first: T = R::take(&mut at_near);
                let mut same = first.content() == T::make(&mut maker, 1).content();
                let start = tsc::now();
                for number in 2..=STREAM {
                    let item: T = R::take(&mut at_near);
                    same &= item.content() == T::make(&mut maker, number).content();
                }
                let ticks = tsc::now() - start;
                if same { Ok(ticks) } else { Err("a streamed item was lost or changed".to_owned()) }
            },
        )?;
        Ok(ticks as f64 * 1e9 / self.calibration.ticks_per_second() as f64 / (STREAM - 1) as f64)
    }

    /// One thread on each CPU; what the near one comes to.
    fn threads<X: Send>(
        &self,
        far: impl FnOnce() -> Result<(), String> + Send,
        near: impl FnOnce() -> Result<X, String> + Send,
    ) -> Result<X, String> {
        let pin = |role, cpu| pin_current(role, cpu).map_err(|error| error.to_string());
        std::thread::scope(|scope| {
            // A thread that cannot be pinned still does its part: the other one waits for it.
            let far = scope.spawn(move || {
                let pinned = pin(Role::Decide, self.far);
                far().and(pinned)
            });
            let near = scope.spawn(move || {
                let pinned = pin(Role::Ingest, self.near);
                near().and_then(|found| pinned.map(|()| found))
            });
            let panicked = |_| "a thread panicked".to_owned();
            far.join().map_err(panicked)??;
            near.join().map_err(panicked)?
        })
    }

    fn line<R: Ring, T: Carried>(&self, rounds: &[&Timed], baseline: f64) -> Line {
        let over =
            |figure: fn(&Figures) -> Option<f64>| rounds.iter().filter_map(move |round| figure(&round.hop));
        let p50 = median(over(|hop| hop.p50_ns));
        let figures = Figures {
            samples: ROUND_TRIPS,
            calls_per_sample: 1,
            min_ns: Some(median(over(|hop| hop.min_ns))),
            p50_ns: Some(p50),
            p90_ns: Some(median(over(|hop| hop.p90_ns))),
            p99_ns: Some(median(over(|hop| hop.p99_ns))),
            clock_pair_ns: Some(median(over(|hop| hop.clock_pair_ns))),
            ..Figures::default()
        };
        let smallest = over(|hop| hop.p50_ns).fold(f64::INFINITY, f64::min);
        let largest = over(|hop| hop.p50_ns).fold(0.0, f64::max);
        let line = Line::new(
            "ring_hop",
            &format!("{}, {} ({} bytes)", R::NAME, T::NAME, T::BYTES),
            "closed loop, two threads, one item in flight, busy spin; round trip / 2; then a stream of 300,000",
            &format!("{WARM_UP} round trips a round"),
        )
        .pinned(&format!("threads on CPUs {} and {}", self.near, self.far))
        .figures(figures)
        .with("rounds", rounds.len())
        .with("percentiles_are", "medians of the rounds' percentiles; samples are those of a round")
        .with("p50_ns_smallest_round", smallest)
        .with("p50_ns_largest_round", largest)
        .with("p50_against_rtrb", (p50 / baseline * 1e3).round() / 1e3)
        .with("slots", SLOTS)
        .with("guest_says_threads_of_one_core", self.siblings)
        .checked("every item came back unchanged, in order, none lost");
        if T::STREAMED {
            let stream = median(rounds.iter().filter_map(|round| round.stream_ns));
            line.with("stream_ns_per_item", tenths(stream)).checked("every streamed item arrived, in order")
        } else {
            line
        }
    }
}

/// The median; not a number of nothing.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_through<R: Ring, T: Carried>(maker: &mut Maker, numbers: std::ops::Range<u64>)
    where
        T::Content: std::fmt::Debug,
    {
        let (mut sender, mut receiver) = R::make::<T>();
        for number in numbers {
            let item = T::make(maker, number);
            let sent = item.content();
            R::give(&mut sender, item);
            assert_eq!(R::take(&mut receiver).content(), sent, "{} {} {number}", R::NAME, T::NAME);
        }
        assert!(R::pop(&mut receiver).is_none());
    }

    #[test]
    fn what_is_timed_goes_through_both_rings_unchanged() {
        let mut maker = Maker::new();
        goes_through::<Rtrb, MarketHop>(&mut maker, 1..5_000);
        goes_through::<Slots, MarketHop>(&mut maker, 1..5_000);
        goes_through::<Rtrb, Execution>(&mut maker, 1..5_000);
        goes_through::<Slots, Execution>(&mut maker, 1..5_000);
        goes_through::<Rtrb, OrderItem>(&mut maker, 1..5_000);
        goes_through::<Slots, OrderItem>(&mut maker, 5_000..10_000);
    }
}
