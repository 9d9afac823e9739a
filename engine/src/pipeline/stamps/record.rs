//! The finished path of one order message, on its way to the cold thread, and whether its stages account for all of it.

use super::{Stage, Trigger, WaitTicks, bits, clipped};
use crate::order::{ClOrdId, Order, OrderAction};

/// The finished path of one order message, 104 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathRecord {
    /// Stamp that the path counts from, ticks: handed to decode, or due when [`Self::is_from_due`].
    pub start_ticks: u64,
    /// Stamp when the order's bytes were complete, ticks.
    pub ready_ticks: u64,
    /// ClOrdID(11) of the message.
    pub cl_ord_id: ClOrdId,
    /// Number, in the total order, of the input that led to it.
    pub decision: u64,
    /// Core time of that input, UTC ns: of a market message, when it was received.
    pub time_ns: u64,
    durations: [u32; Stage::WORK],
    /// From complete bytes to the return of the send call, ticks, when [`Stage::Send`] is marked.
    ready_to_wire: u32,
    /// To complete bytes, without what was waited before, ticks.
    served: u32,
    wait: WaitTicks,
    bits: u16,
    /// What the message asks for.
    pub action: OrderAction,
    /// Dense number of the venue that it goes to.
    pub venue: u8,
}

const _: () = assert!(size_of::<PathRecord>() == 104);

/// What adding up a path's stages comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// Their sum is the whole path, tick for tick.
    Equal,
    /// It is not: this many ticks of the path are in no stage (below zero: in two).
    Unequal(i64),
    /// The path has a start and an end only.
    NotStamped,
    /// A stage was longer than a stamp holds.
    Clipped,
    /// A stamp was before the one before it: the counters of two cores disagree, and what is missing is not known.
    Backwards,
}

impl PathRecord {
    /// What a ring is touched with.
    pub(super) const BLANK: Self = Self {
        start_ticks: 0,
        ready_ticks: 0,
        cl_ord_id: 0,
        decision: 0,
        time_ns: 0,
        durations: [0; Stage::WORK],
        ready_to_wire: 0,
        served: 0,
        wait: WaitTicks::ZERO,
        bits: 0,
        action: OrderAction::New,
        venue: 0,
    };

    #[inline(always)]
    pub(super) fn ready(
        start_ticks: u64,
        ready_ticks: u64,
        durations: [u32; Stage::WORK],
        wait: WaitTicks,
        served: u32,
        bits: u16,
        order: &Order,
    ) -> Self {
        Self {
            start_ticks,
            ready_ticks,
            cl_ord_id: order.cl_ord_id,
            decision: order.decision,
            time_ns: order.time_ns,
            durations,
            ready_to_wire: 0,
            served,
            wait,
            bits,
            action: order.action,
            venue: order.venue,
        }
    }

    /// The send call that took the bytes has returned. Until `from_ticks` they waited behind those of other orders, until
    /// `journalled_ticks` the session's journal took them. On every path, sampled or not: the stamps are those of the call,
    /// one for all its orders.
    #[inline(always)]
    pub fn sent(&mut self, from_ticks: u64, journalled_ticks: u64, sent_ticks: u64) {
        if self.is_stamped() && journalled_ticks > from_ticks {
            let slot = &mut self.durations[Stage::Journal.slot()];
            *slot = slot.saturating_add(clipped(journalled_ticks - from_ticks));
            self.bits |= Stage::Journal.bit();
        }
        self.durations[Stage::Send.slot()] = clipped(sent_ticks.saturating_sub(journalled_ticks));
        self.ready_to_wire = clipped(sent_ticks.saturating_sub(self.ready_ticks));
        self.bits |= Stage::Send.bit();
        if self.is_stamped() && from_ticks > self.ready_ticks {
            self.wait.add(from_ticks - self.ready_ticks);
        }
    }

    /// Ticks spent in a stage, or `None` when it was not marked. What a stamp cannot hold counts as the most that it can: 1.5 s
    /// of work at 2.8 GHz, 28 hours of waiting.
    #[must_use]
    pub fn stage_ticks(&self, stage: Stage) -> Option<u64> {
        let ticks = || match stage {
            Stage::Wait => self.wait.get(),
            work => u64::from(self.durations[work.slot()]),
        };
        (self.bits & stage.bit() != 0).then(ticks)
    }

    /// Ticks from the start to complete bytes. Zero when the two stamps are of cores whose counters disagree.
    #[must_use]
    pub const fn order_ticks(&self) -> u64 {
        self.ready_ticks.saturating_sub(self.start_ticks)
    }

    /// Service time: ticks from the hand-over of the message to complete bytes, 1.5 s at 2.8 GHz at most. Of a path with all its
    /// stages stamped, what it waited behind other orders of its tick is not in it either.
    #[must_use]
    pub const fn service_ticks(&self) -> u64 {
        self.served as u64
    }

    /// Ticks from the start to the return of the send call, or `None` when the order went to no socket.
    #[must_use]
    pub fn wire_ticks(&self) -> Option<u64> {
        (self.bits & Stage::Send.bit() != 0)
            .then(|| self.order_ticks().saturating_add(u64::from(self.ready_to_wire)))
    }

    /// From the start to the end: to the return of the send call, or to complete bytes of an order that went to no socket.
    #[must_use]
    pub fn whole_ticks(&self) -> u64 {
        self.wire_ticks().unwrap_or(self.order_ticks())
    }

    /// Whether all its stages were stamped.
    #[must_use]
    pub const fn is_stamped(&self) -> bool {
        self.bits & bits::SAMPLED != 0
    }

    /// Whether the path counts from the due time of a paced replay, not from the hand-over.
    #[must_use]
    pub const fn is_from_due(&self) -> bool {
        self.bits & bits::FROM_DUE != 0
    }

    /// What began the path.
    #[must_use]
    pub const fn trigger(&self) -> Trigger {
        if self.bits & bits::OTHER == 0 { Trigger::Market } else { Trigger::Other }
    }

    /// Whether a stage was longer than a stamp holds.
    #[must_use]
    pub fn is_clipped(&self) -> bool {
        self.durations.contains(&u32::MAX)
            || self.ready_to_wire == u32::MAX
            || self.wait.get() == WaitTicks::MAX
    }

    /// Adds the stages up and compares them with the path's two ends.
    #[must_use]
    pub fn audit(&self) -> Audit {
        if !self.is_stamped() {
            return Audit::NotStamped;
        }
        if self.bits & bits::BACKWARDS != 0 || self.ready_ticks < self.start_ticks {
            return Audit::Backwards;
        }
        if self.is_clipped() {
            return Audit::Clipped;
        }
        let sum: u64 = Stage::ALL.into_iter().filter_map(|stage| self.stage_ticks(stage)).sum();
        match self.whole_ticks() as i64 - sum as i64 {
            0 => Audit::Equal,
            missing => Audit::Unequal(missing),
        }
    }
}
