//! Stamps along the path of an order: from the packet handed to decode to the bytes handed to the socket.
//!
//! The hot code carries a [`PathStamps`] by value (56 bytes, no pointer), marks the end of each stage in it, turns it
//! into a [`PathRecord`] when the order's bytes are complete, and pushes that into a [`StampWriter`], the only ring
//! from the hot side to the histograms. A path that leads to no order is simply forgotten.
//!
//! Start and end are always stamped; the stages between only on sampled paths ([`Sampler`]: one in 16, or all), so
//! that an ordinary path pays two stamps, about 16 ns, and not ten. [`channel`] allocates and touches the ring; after
//! it nothing here allocates, blocks, or calls the system. A full ring drops the record and counts it. The thread that
//! completes orders owns the writer, the cold thread the reader.

#[cfg(feature = "planted_slowdown")]
mod planted_slowdown;

use rtrb::{Consumer, Producer, PushError, RingBuffer};

use super::tsc;
use crate::order::OrderAction;

/// Sampled paths are one in this many.
pub const SAMPLE_PERIOD: u64 = 16;

/// A stage whose duration can be marked, in the order of the path.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Packet bytes to market events.
    Decode = 0,
    /// Waiting in rings between threads, all hops together.
    Ring = 1,
    /// Book and NBBO update.
    Book = 2,
    /// Arbitrage scan.
    Scan = 3,
    /// Pricing.
    Price = 4,
    /// Strategy: event to intent.
    Decide = 5,
    /// Risk checks: intent to approved order.
    Risk = 6,
    /// Journal append.
    Journal = 7,
    /// Approved order to FIX bytes.
    Encode = 8,
    /// The socket's send call.
    Send = 9,
}

impl Stage {
    /// How many stages there are.
    pub const COUNT: usize = 10;

    /// All stages, in the order of the path.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Decode,
        Self::Ring,
        Self::Book,
        Self::Scan,
        Self::Price,
        Self::Decide,
        Self::Risk,
        Self::Journal,
        Self::Encode,
        Self::Send,
    ];

    /// How many of them a path has behind it when its order is handed over: those before [`Self::Encode`].
    const BEFORE_ENCODE: usize = Self::Encode as usize;

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// Which paths get a stamp at every stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StampMode {
    /// One in [`SAMPLE_PERIOD`], the others start and end only.
    #[default]
    Sampled,
    /// Every path: for attribution, not for the fastest figures.
    All,
}

impl StampMode {
    /// The name on the command line and in the summary.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sampled => "sampled",
            Self::All => "all",
        }
    }
}

/// Chooses the sampled paths. One per thread that begins paths.
#[derive(Clone, Copy, Debug)]
pub struct Sampler {
    mode: StampMode,
    state: u64,
}

impl Sampler {
    /// A sampler of the given mode.
    #[must_use]
    pub const fn new(mode: StampMode) -> Self {
        Self { mode, state: 0 }
    }

    /// Whether the next path is sampled. A Weyl sequence with the golden ratio, not a plain counter: feeds repeat with
    /// small powers of two (A/B lines, add-delete pairs), and a counter would always hit the same message of a pair.
    #[inline(always)]
    #[must_use]
    pub fn sample(&mut self) -> bool {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.mode == StampMode::All || self.state < u64::MAX / SAMPLE_PERIOD
    }
}

/// What a path begins with: only those of market messages are ticks.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// A market message.
    #[default]
    Market,
    /// An execution, a timer or a command: its path begins at decide, and is not tick-to-order.
    Other,
}

/// The stamps of one path under way: 56 bytes, so that they cross a ring beside 64 bytes in two cache lines.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathStamps {
    /// Where the path's time counts from, ticks.
    start: u64,
    /// End of the last marked stage, ticks; kept only when sampled.
    last: u64,
    /// Ticks spent per stage, saturating.
    durations: [u32; Stage::BEFORE_ENCODE],
    marked: u16,
    sampled: bool,
    from_due: bool,
    trigger: Trigger,
}

const _: () = assert!(size_of::<PathStamps>() == 56);

impl PathStamps {
    /// Begins a path now: call it when the packet is handed to decode.
    #[inline(always)]
    #[must_use]
    pub fn begin(sampled: bool) -> Self {
        Self::begin_at(tsc::now(), sampled)
    }

    /// Begins a path at a stamp taken before (one stamp for all messages of a packet).
    #[inline(always)]
    #[must_use]
    pub fn begin_at(start_ticks: u64, sampled: bool) -> Self {
        Self {
            start: start_ticks,
            last: start_ticks,
            durations: [0; Stage::BEFORE_ENCODE],
            marked: 0,
            sampled,
            from_due: false,
            trigger: Trigger::Market,
        }
    }

    /// Begins the path of an execution, a timer or a command now, as it is handed to decide.
    #[inline(always)]
    #[must_use]
    pub fn begin_answer(sampled: bool) -> Self {
        Self { trigger: Trigger::Other, ..Self::begin(sampled) }
    }

    /// Begins a path of a paced replay: its time counts from the tick at which the message was due, so that a late
    /// engine shows up (no coordinated omission); the first stage counts from `now_ticks`, when it was handed over.
    #[inline(always)]
    #[must_use]
    pub fn begin_due(due_ticks: u64, now_ticks: u64, sampled: bool) -> Self {
        Self { start: due_ticks, from_due: true, ..Self::begin_at(now_ticks, sampled) }
    }

    /// Ends a stage before [`Stage::Encode`], which [`Self::order_ready`] ends: the time since the last mark is added to
    /// it. One predictable branch when not sampled.
    #[inline(always)]
    pub fn mark(&mut self, stage: Stage) {
        if self.sampled {
            self.add(stage, tsc::now());
        }
    }

    #[inline]
    fn add(&mut self, stage: Stage, ticks: u64) {
        let slot = &mut self.durations[stage as usize];
        *slot = slot.saturating_add(clipped(ticks.saturating_sub(self.last)));
        self.marked |= stage.bit();
        self.last = ticks;
    }

    /// The stamps for a further order of the same tick: same start and stages so far, but the next stage counts from
    /// now, so that the work for the earlier order is not charged to it. The whole path still includes it.
    #[inline(always)]
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut further = *self;
        if further.sampled {
            further.last = tsc::now();
        }
        further
    }

    /// The order's bytes are complete: takes the end stamp, which ends [`Stage::Encode`] too.
    #[inline(always)]
    #[must_use]
    pub fn order_ready(mut self, action: OrderAction) -> PathRecord {
        #[cfg(feature = "planted_slowdown")]
        self.slow_down();
        let end = tsc::now();
        let mut durations = [0; Stage::COUNT];
        durations[..Stage::BEFORE_ENCODE].copy_from_slice(&self.durations);
        if self.sampled {
            durations[Stage::Encode as usize] = clipped(end.saturating_sub(self.last));
            self.marked |= Stage::Encode.bit();
        }
        PathRecord {
            start_ticks: self.start,
            ready_ticks: end,
            durations,
            marked: self.marked,
            action,
            from_due: self.from_due,
            trigger: self.trigger,
        }
    }
}

#[inline(always)]
fn clipped(ticks: u64) -> u32 {
    u32::try_from(ticks).unwrap_or(u32::MAX)
}

/// The finished path of one order message, 64 bytes, on its way to the cold thread.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathRecord {
    /// Stamp that the path counts from, ticks: handed to decode, or due when `from_due`.
    pub start_ticks: u64,
    /// Stamp when the order's bytes were complete, ticks.
    pub ready_ticks: u64,
    durations: [u32; Stage::COUNT],
    marked: u16,
    /// New, replace or cancel.
    pub action: OrderAction,
    /// The path counts from the due time of a paced replay, not from the hand-over.
    pub from_due: bool,
    /// What began the path.
    pub trigger: Trigger,
}

const _: () = assert!(size_of::<PathRecord>() <= 64);

impl PathRecord {
    /// The send call returned: takes the wire stamp, which is [`Stage::Send`] and the end of tick-to-wire. Taken on
    /// every path, sampled or not: beside a system call its cost does not show.
    #[inline(always)]
    pub fn sent(&mut self) {
        self.sent_at(tsc::now());
    }

    #[inline(always)]
    fn sent_at(&mut self, ticks: u64) {
        self.durations[Stage::Send as usize] = clipped(ticks.saturating_sub(self.ready_ticks));
        self.marked |= Stage::Send.bit();
    }

    /// Ticks spent in a stage, or `None` when it was not marked. `u32::MAX` means "that or more" (1.5 s at 2.8 GHz).
    #[must_use]
    pub fn stage_ticks(&self, stage: Stage) -> Option<u32> {
        (self.marked & stage.bit() != 0).then(|| self.durations[stage as usize])
    }

    /// Ticks from the start to complete bytes. Zero when the two stamps are of cores whose counters disagree.
    #[must_use]
    pub fn order_ticks(&self) -> u64 {
        self.ready_ticks.saturating_sub(self.start_ticks)
    }

    /// Ticks from the start to the return of the send call, or `None` when the order went to no socket.
    #[must_use]
    pub fn wire_ticks(&self) -> Option<u64> {
        let send = self.stage_ticks(Stage::Send)?;
        Some(self.order_ticks().saturating_add(u64::from(send)))
    }
}

/// The hot end of the stamp ring.
#[derive(Debug)]
pub struct StampWriter {
    ring: Producer<PathRecord>,
    dropped: u64,
}

impl StampWriter {
    /// Hands a record over. Full: the record is dropped and counted; returns whether it was taken.
    #[inline]
    pub fn push(&mut self, record: PathRecord) -> bool {
        match self.ring.push(record) {
            Ok(()) => true,
            Err(PushError::Full(_)) => {
                self.dropped += 1;
                false
            }
        }
    }

    /// Records dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// The cold end of the stamp ring.
#[derive(Debug)]
pub struct StampReader {
    ring: Consumer<PathRecord>,
}

impl StampReader {
    /// The next record, or `None` when there is none now.
    pub fn pop(&mut self) -> Option<PathRecord> {
        self.ring.pop().ok()
    }
}

/// A stamp ring of `capacity` records of 64 bytes; every page of it is touched here, none later.
///
/// # Panics
/// When `capacity` is zero: a ring that drops everything is a configuration error.
#[must_use]
pub fn channel(capacity: usize) -> (StampWriter, StampReader) {
    assert!(capacity > 0, "a stamp ring needs at least one slot");
    let (ring, consumer) = RingBuffer::new(capacity);
    let mut writer = StampWriter { ring, dropped: 0 };
    let mut reader = StampReader { ring: consumer };
    let blank = PathStamps::begin_at(0, false).order_ready(OrderAction::New);
    while writer.ring.push(blank).is_ok() {}
    while reader.pop().is_some() {}
    (writer, reader)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_fixed() {
        assert_eq!(size_of::<PathStamps>(), 56);
        assert_eq!(size_of::<PathRecord>(), 64);
        for (index, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage as usize, index);
        }
    }

    #[test]
    fn a_sampled_path_adds_up() {
        let mut path = PathStamps::begin_at(1_000, true);
        path.add(Stage::Decode, 1_010);
        path.add(Stage::Ring, 1_100);
        path.add(Stage::Book, 1_130);
        path.add(Stage::Ring, 1_150);
        let before = tsc::now();
        let mut record = path.order_ready(OrderAction::Replace);
        assert_eq!(record.stage_ticks(Stage::Decode), Some(10));
        assert_eq!(record.stage_ticks(Stage::Ring), Some(110), "both hops together");
        assert_eq!(record.stage_ticks(Stage::Book), Some(30));
        assert_eq!(record.stage_ticks(Stage::Scan), None);
        assert_eq!(record.stage_ticks(Stage::Encode), Some(u32::MAX), "clipped, not wrapped");
        assert!(record.ready_ticks >= before);
        assert_eq!(record.order_ticks(), record.ready_ticks - 1_000);
        assert_eq!(record.wire_ticks(), None);
        record.sent_at(record.ready_ticks + 77);
        assert_eq!(record.stage_ticks(Stage::Send), Some(77));
        assert_eq!(record.wire_ticks(), Some(record.order_ticks() + 77));
        assert_eq!(record.action, OrderAction::Replace);
    }

    #[test]
    fn marked_stages_sum_to_the_whole_path() {
        let mut path = PathStamps::begin(true);
        for stage in [Stage::Decode, Stage::Book, Stage::Decide, Stage::Risk, Stage::Journal] {
            path.mark(stage);
        }
        let record = path.order_ready(OrderAction::New);
        let sum: u64 = Stage::ALL.iter().filter_map(|&stage| record.stage_ticks(stage)).map(u64::from).sum();
        assert_eq!(sum, record.order_ticks());
    }

    #[test]
    fn an_unsampled_path_has_start_and_end_only() {
        let mut path = PathStamps::begin(false);
        Stage::ALL.into_iter().for_each(|stage| path.mark(stage));
        let mut record = path.fork().order_ready(OrderAction::New);
        assert!(Stage::ALL.iter().all(|&stage| record.stage_ticks(stage).is_none()));
        record.sent();
        assert!(record.wire_ticks() >= Some(record.order_ticks()));
    }

    #[test]
    fn a_due_path_counts_the_wait_but_no_stage_does() {
        let mut path = PathStamps::begin_due(500, 10_000, true);
        path.add(Stage::Decode, 10_020);
        let record = path.order_ready(OrderAction::New);
        assert!(record.from_due);
        assert_eq!(record.stage_ticks(Stage::Decode), Some(20));
        assert_eq!(record.order_ticks(), record.ready_ticks - 500);
    }

    #[test]
    fn a_fork_does_not_pay_for_the_order_before_it() {
        let start = tsc::now();
        let mut first = PathStamps::begin_at(start, true);
        first.mark(Stage::Decide);
        let decided = first.last;
        while tsc::now() < decided + 1_000_000 {}
        let mut second = first.fork();
        second.mark(Stage::Risk);
        let record = second.order_ready(OrderAction::New);
        assert_eq!(record.start_ticks, start);
        let charged: u64 =
            [Stage::Risk, Stage::Encode].iter().filter_map(|&s| record.stage_ticks(s)).map(u64::from).sum();
        assert!(charged + 1_000_000 <= record.ready_ticks - decided);
    }

    #[test]
    fn counters_of_two_cores_that_disagree_give_zero_and_no_panic() {
        let mut path = PathStamps::begin_at(u64::MAX, true);
        path.mark(Stage::Ring);
        let record = path.order_ready(OrderAction::Cancel);
        assert_eq!((record.stage_ticks(Stage::Ring), record.order_ticks()), (Some(0), 0));
    }

    #[test]
    fn one_in_sixteen_is_sampled_in_every_phase() {
        let mut sampler = Sampler::new(StampMode::Sampled);
        let hits: Vec<usize> = (0..160_000).filter(|_| sampler.sample()).collect();
        assert!((9_900..=10_100).contains(&hits.len()), "{} hits", hits.len());
        for period in [2, 3, 4, 8, 16] {
            for phase in 0..period {
                let share = hits.iter().filter(|&&hit| hit % period == phase).count();
                assert!(share * period * 10 > hits.len() * 9, "phase {phase} of {period}: {share}");
            }
        }
        let mut all = Sampler::new(StampMode::All);
        assert!((0..100).all(|_| all.sample()));
    }

    #[test]
    fn a_full_ring_drops_and_counts_and_keeps_the_oldest() {
        let (mut writer, mut reader) = channel(4);
        assert!(reader.pop().is_none(), "the touching records must not come out");
        let record = |start| PathStamps::begin_at(start, false).order_ready(OrderAction::New);
        let taken = (1..=6).filter(|&start| writer.push(record(start))).count();
        assert_eq!((taken, writer.dropped()), (4, 2));
        let starts: Vec<u64> = std::iter::from_fn(|| reader.pop()).map(|r| r.start_ticks).collect();
        assert_eq!(starts, [1, 2, 3, 4]);
        assert!(writer.push(record(7)));
        assert_eq!(reader.pop().map(|r| r.start_ticks), Some(7));
    }

    #[test]
    fn every_record_arrives_once_and_in_order_or_is_counted() {
        const RECORDS: u64 = 1_000_000;
        let (mut writer, mut reader) = channel(1_024);
        let (mut taken, mut last) = (0u64, 0u64);
        std::thread::scope(|scope| {
            let hot = scope.spawn(move || {
                for start in 1..=RECORDS {
                    writer.push(PathStamps::begin_at(start, false).order_ready(OrderAction::New));
                }
                writer.dropped()
            });
            let mut drain = || {
                while let Some(record) = reader.pop() {
                    assert!(record.start_ticks > last);
                    last = record.start_ticks;
                    taken += 1;
                }
            };
            while !hot.is_finished() {
                drain();
            }
            drain();
            assert_eq!(taken + hot.join().expect("the writer does not panic"), RECORDS);
        });
    }
}
