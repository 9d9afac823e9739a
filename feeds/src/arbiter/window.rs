//! The reorder window: message bodies that came ahead of a missing one, by sequence number.
//!
//! A ring of fixed slots, taken at construction; a body is copied once on its way in. It holds only messages at or
//! above the next one to be delivered and less than its capacity ahead of it.

use crate::itch::messages::BODY_LENGTH_MAX;

/// One message that waits; `sequence` zero: none.
#[derive(Clone, Copy)]
struct Slot {
    sequence: u64,
    receive_ns: u64,
    length: u16,
    body: [u8; BODY_LENGTH_MAX],
}

const VACANT: Slot = Slot { sequence: 0, receive_ns: 0, length: 0, body: [0; BODY_LENGTH_MAX] };

/// What became of a message that was to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It waits now.
    New,
    /// It waited already.
    Repeated,
    /// It is too far ahead, or longer than any message: it was dropped.
    Refused,
}

pub(super) struct Window {
    slots: Box<[Slot]>,
    mask: u64,
    held: u64,
}

impl Window {
    /// Room for `messages`, rounded up to a power of two.
    pub(super) fn new(messages: usize) -> Self {
        let capacity = messages.max(64).next_power_of_two();
        Self { slots: vec![VACANT; capacity].into_boxed_slice(), mask: capacity as u64 - 1, held: 0 }
    }

    fn at(&self, sequence: u64) -> usize {
        usize::try_from(sequence & self.mask).unwrap_or(0)
    }

    /// Messages that wait.
    pub(super) const fn held(&self) -> u64 {
        self.held
    }

    /// Keeps a message that is to be delivered after `expected`.
    pub(super) fn keep(&mut self, expected: u64, sequence: u64, receive_ns: u64, body: &[u8]) -> Kept {
        if sequence.wrapping_sub(expected) > self.mask || body.len() > BODY_LENGTH_MAX {
            return Kept::Refused;
        }
        let at = self.at(sequence);
        let slot = &mut self.slots[at];
        if slot.sequence == sequence {
            return Kept::Repeated;
        }
        self.held += u64::from(slot.sequence == 0);
        slot.sequence = sequence;
        slot.receive_ns = receive_ns;
        slot.length = u16::try_from(body.len()).unwrap_or(0);
        slot.body[..body.len()].copy_from_slice(body);
        Kept::New
    }

    /// Whether a message waits.
    pub(super) fn holds(&self, sequence: u64) -> bool {
        self.held > 0 && self.slots[self.at(sequence)].sequence == sequence
    }

    /// Takes a message out: its receive time and body.
    pub(super) fn take(&mut self, sequence: u64) -> Option<(u64, &[u8])> {
        if !self.holds(sequence) {
            return None;
        }
        let at = self.at(sequence);
        self.held -= 1;
        let slot = &mut self.slots[at];
        slot.sequence = 0;
        Some((slot.receive_ns, &slot.body[..usize::from(slot.length)]))
    }

    /// First sequence number from `from` on that waits, looking at `until` at most; `until` when none does.
    pub(super) fn next_held(&self, from: u64, until: u64) -> u64 {
        let last = until.min(from.saturating_add(self.mask + 1));
        (from..last).find(|&sequence| self.holds(sequence)).unwrap_or(until)
    }

    /// Forgets what waits from `from` on and below `until`.
    pub(super) fn forget(&mut self, from: u64, until: u64) {
        for sequence in from..until.min(from.saturating_add(self.mask + 1)) {
            self.take(sequence);
        }
    }
}
