//! Stamps along the path of an order: from the packet handed to decode to the bytes handed to the socket.
//!
//! The hot code carries a [`PathStamps`] by value (56 bytes, no pointer), marks the end of each stage in it, turns it
//! into a [`PathRecord`] when the order's bytes are complete, and pushes that into a [`StampWriter`], the only ring
//! from the hot side to the histograms. A path that leads to no order is simply forgotten.
//!
//! Every tick of a sampled path belongs to a stage: a mark gives the time since the mark before it to its stage, and time in
//! which nobody worked for the order is [`Stage::Wait`]. So the stages' sum is the whole path, and [`PathRecord::audit`] says of
//! each record whether it is: an end that somebody moved without giving the time away shows there.
//!
//! Start and end are always stamped; the stages between only on sampled paths ([`Sampler`]: one in 16, or all), so
//! that an ordinary path pays two stamps, about 16 ns, and not ten. [`channel`] allocates and touches the ring; after
//! it nothing here allocates, blocks, or calls the system. A full ring drops the record and counts it. The thread that
//! completes orders owns the writer, the cold thread the reader.

#[cfg(feature = "planted_slowdown")]
mod planted_slowdown;
mod record;
mod ring;
mod wait_ticks;

pub use record::{Audit, PathRecord};
pub use ring::{StampReader, StampWriter, channel};
use wait_ticks::WaitTicks;

use super::tsc;
use crate::order::Order;

/// Sampled paths are one in this many.
pub const SAMPLE_PERIOD: u64 = 16;

/// A stage whose duration can be marked, in the order of the path.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Nobody worked for the order: its message was due and not yet handed over, or what came of the same tick before it
    /// (another order, another message of the packet) had its turn, or complete bytes waited for the send call.
    Wait = 0,
    /// Packet bytes to market events.
    Decode = 1,
    /// Waiting in rings between threads, all hops together.
    Ring = 2,
    /// Book and NBBO update.
    Book = 3,
    /// Arbitrage scan: of a path that an answer of wide work led to, everything that the desk did.
    Scan = 4,
    /// Pricing.
    Price = 5,
    /// Strategy: event to intent.
    Decide = 6,
    /// Risk checks: intent to approved order.
    Risk = 7,
    /// Journal append.
    Journal = 8,
    /// Approved order to FIX bytes.
    Encode = 9,
    /// The socket's send call.
    Send = 10,
}

impl Stage {
    /// How many stages there are.
    pub const COUNT: usize = 11;

    /// All stages, in the order of the path.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Wait,
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

    /// Stages whose durations are kept in 32 bits: all but [`Self::Wait`].
    const WORK: usize = Self::COUNT - 1;

    /// How many of them a path has behind it when its order is handed over: those before [`Self::Encode`].
    const WORK_BEFORE_ENCODE: usize = Self::Encode as usize - 1;

    /// Where a stage of work has its duration.
    const fn slot(self) -> usize {
        self as usize - 1
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// What a path is, in the bits that the marked stages leave free.
mod bits {
    /// The path gets a stamp at every stage.
    pub const SAMPLED: u16 = 1 << 11;
    /// It counts from the due time of a paced replay.
    pub const FROM_DUE: u16 = 1 << 12;
    /// No market message began it.
    pub const OTHER: u16 = 1 << 13;
    /// A stamp was before the one before it: the counters of two cores disagree.
    pub const BACKWARDS: u16 = 1 << 14;
}

/// Which paths get a stamp at every stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StampMode {
    /// One in [`SAMPLE_PERIOD`], the others start and end only.
    #[default]
    Sampled,
    /// Every path: for attribution, not for the fastest figures.
    All,
    /// None: start and end only, to see what the stages' stamps cost.
    Ends,
}

impl StampMode {
    /// The name on the command line and in the summary.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sampled => "sampled",
            Self::All => "all",
            Self::Ends => "ends",
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
        match self.mode {
            StampMode::Ends => false,
            StampMode::Sampled => self.state < u64::MAX / SAMPLE_PERIOD,
            StampMode::All => true,
        }
    }
}

/// What a path begins with: only those of market messages are ticks.
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
    /// Ticks spent per stage of work, saturating.
    durations: [u32; Stage::WORK_BEFORE_ENCODE],
    wait: WaitTicks,
    /// The marked stages, and what is in [`bits`].
    bits: u16,
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
            durations: [0; Stage::WORK_BEFORE_ENCODE],
            wait: WaitTicks::ZERO,
            bits: if sampled { bits::SAMPLED } else { 0 },
        }
    }

    /// Begins the path of an execution, a timer or a command now, as it is handed to decide.
    #[inline(always)]
    #[must_use]
    pub fn begin_answer(sampled: bool) -> Self {
        let begun = Self::begin(sampled);
        Self { bits: begun.bits | bits::OTHER, ..begun }
    }

    /// Begins a path of a paced replay: its time counts from the tick at which the message was due, so that a late
    /// engine shows up (no coordinated omission); until `now_ticks`, when it was handed over, it waited.
    #[inline(always)]
    #[must_use]
    pub fn begin_due(due_ticks: u64, now_ticks: u64, sampled: bool) -> Self {
        let mut begun = Self::begin_at(due_ticks, sampled);
        // Of every path, sampled or not: without it nobody could tell service time from waiting.
        begun.add(Stage::Wait, now_ticks);
        begun.bits |= bits::FROM_DUE;
        if !sampled {
            begun.bits &= !Stage::Wait.bit();
        }
        begun
    }

    /// Ends a stage before [`Stage::Encode`], which [`Self::order_ready`] ends: the time since the last mark is added to
    /// it. One predictable branch when not sampled.
    #[inline(always)]
    pub fn mark(&mut self, stage: Stage) {
        if self.is_sampled() {
            self.add(stage, tsc::now());
        }
    }

    #[inline(always)]
    const fn is_sampled(&self) -> bool {
        self.bits & bits::SAMPLED != 0
    }

    #[inline]
    fn add(&mut self, stage: Stage, ticks: u64) {
        let spent = ticks.saturating_sub(self.last);
        if stage as u8 == Stage::Wait as u8 {
            self.wait.add(spent);
        } else {
            let slot = &mut self.durations[stage.slot()];
            *slot = slot.saturating_add(clipped(spent));
        }
        self.bits |= stage.bit() | if ticks < self.last { bits::BACKWARDS } else { 0 };
        self.last = ticks;
    }

    /// The order's bytes are complete: takes the end stamp, which ends [`Stage::Encode`] too.
    #[inline(always)]
    #[must_use]
    pub fn order_ready(self, order: &Order) -> PathRecord {
        #[cfg(feature = "planted_slowdown")]
        planted_slowdown::slow_down();
        self.order_ready_at(tsc::now(), order)
    }

    #[inline(always)]
    fn order_ready_at(self, end: u64, order: &Order) -> PathRecord {
        let mut durations = [0; Stage::WORK];
        durations[..Stage::WORK_BEFORE_ENCODE].copy_from_slice(&self.durations);
        let mut bits = self.bits;
        if self.is_sampled() {
            durations[Stage::Encode.slot()] = clipped(end.saturating_sub(self.last));
            bits |=
                Stage::Wait.bit() | Stage::Encode.bit() | if end < self.last { bits::BACKWARDS } else { 0 };
        }
        let served = clipped(end.saturating_sub(self.start).saturating_sub(self.wait.get()));
        PathRecord::ready(self.start, end, durations, self.wait, served, bits, order)
    }
}

#[inline(always)]
fn clipped(ticks: u64) -> u32 {
    u32::try_from(ticks).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::order as path_order;
