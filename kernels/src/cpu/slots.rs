//! An open-addressed table whose records never move: the storage of orders and of price levels.
//!
//! A record sits in its home slot, or, when that is taken, further along its probe sequence; the home slot counts how
//! many of its records were *displaced* so. A lookup that finds its key at home, or finds a home that displaced
//! nothing, touches one cache line. Nothing moves on removal and there are no tombstones, so other tables may refer
//! to a record by its slot number.
//!
//! All memory is taken at construction. Work is bounded by [`PROBES_MAX`]: a key that finds no slot within it is
//! refused as full.

use super::huge::{HugeArray, Zeroable, prefetch};

/// "No slot": the end of a queue.
pub(crate) const SLOT_NONE: u32 = u32::MAX;

/// Slots tried before a key is refused. At the load that a table is sized for (one half at most) sequences of more
/// than a few dozen do not occur with hashed keys.
const PROBES_MAX: usize = 4096;

/// Consecutive homes are dealt in blocks of this many slots, and a probe sequence steps from block to block: dense
/// keys share cache lines and cannot crowd out a neighbouring block.
const BLOCK: usize = 1 << BLOCK_BITS;

/// Bits of a place in a block.
pub(crate) const BLOCK_BITS: u32 = 7;

/// The smallest table. A probe sequence stays in its class, which is one slot in 64: with 128 slots in each none fills by
/// chance, at half load, where 32 would (some 1 in 200 tables).
const SLOTS_MIN: usize = 64 * 128;

/// A record of a [`SlotTable`]. An all-zero record is free and has displaced nothing.
pub(crate) trait SlotRecord: Zeroable {
    /// What a record is found by.
    type Key: Copy + Eq;
    /// Largest value that `displaced` can hold.
    const DISPLACED_MAX: u32;
    /// What chooses the block of a key, and what chooses its place in the block (from the low bits).
    fn spread(key: Self::Key) -> (u64, u32);
    /// The key, meaningful only while the record is live.
    fn key(&self) -> Self::Key;
    /// Whether the slot is in use.
    fn is_live(&self) -> bool;
    /// Records whose home this slot is and that sit elsewhere.
    fn displaced(&self) -> u32;
    /// Sets the count of displaced records, and nothing else.
    fn set_displaced(&mut self, displaced: u32);
    /// Frees the slot; the count of displaced records stays.
    fn free(&mut self);
}

/// Where a key stands or could stand. Two plain numbers, so that the hot path passes it in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    /// The slot, or [`SLOT_NONE`] when none is free within the bound.
    pub(crate) slot: u32,
    /// The key's home slot, or [`SLOT_NONE`] when `slot` holds a live record with that key.
    home: u32,
}

impl Seat {
    const NO_ROOM: Self = Self { slot: SLOT_NONE, home: 0 };

    #[inline(always)]
    fn taken(slot: usize) -> Self {
        Self { slot: slot as u32, home: SLOT_NONE }
    }

    /// A live record with the key is there.
    #[inline(always)]
    pub(crate) fn is_taken(self) -> bool {
        self.home == SLOT_NONE
    }

    /// The key is not there and there is room for it: valid until the table changes.
    #[inline(always)]
    pub(crate) fn is_vacant(self) -> bool {
        !self.is_taken() && self.slot != SLOT_NONE
    }
}

/// See the module's page.
pub(crate) struct SlotTable<R: SlotRecord> {
    pub(crate) records: HugeArray<R>,
    mask: usize,
    /// 64 less the bits of a slot number.
    hash_shift: u32,
    live: usize,
}

impl<R: SlotRecord> SlotTable<R> {
    /// Slots that a table for `live_max` records takes: a power of two, at most half full.
    pub(crate) fn slots_for(live_max: usize) -> usize {
        live_max.saturating_mul(2).max(SLOTS_MIN).checked_next_power_of_two().unwrap_or(usize::MAX)
    }

    /// A table for `live_max` records, pre-faulted. One record more, never live, stands behind the last slot: see
    /// [`Self::or_spare`].
    pub(crate) fn new(live_max: usize) -> Self {
        let slots = Self::slots_for(live_max);
        assert!(slots <= SLOT_NONE as usize, "slot numbers are 32 bits");
        let hash_shift = 64 - slots.trailing_zeros();
        Self { records: HugeArray::zeroed(slots + 1), mask: slots - 1, hash_shift, live: 0 }
    }

    /// Live records.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    #[inline(always)]
    pub(crate) fn home(&self, key: R::Key) -> usize {
        let (block, place) = R::spread(key);
        // The top bits of the product depend on all bits of the factor. Keys of one block differ in `place` alone.
        let hash = block.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.hash_shift;
        hash as usize ^ (place as usize & (BLOCK - 1))
    }

    /// The slot of a probe sequence: home, its neighbour in the same line, then the same pair of later blocks.
    #[inline(always)]
    fn probe(&self, home: usize, step: usize) -> usize {
        (home.wrapping_add((step >> 1) * BLOCK) & self.mask) ^ (step & 1)
    }

    #[inline(always)]
    fn probes(&self) -> usize {
        PROBES_MAX.min((self.mask + 1) / (BLOCK / 2))
    }

    /// The record of a slot; of some slot for a number that is none. Masking costs less than a check, and tells the
    /// branch predictor nothing.
    #[inline(always)]
    pub(crate) fn at(&self, slot: u32) -> &R {
        // SAFETY: there are `mask + 2` records for as long as the table lives, so whatever is masked is in range.
        unsafe { self.records.get_unchecked(slot as usize & self.mask) }
    }

    /// [`Self::at`], to change it.
    #[inline(always)]
    pub(crate) fn at_mut(&mut self, slot: u32) -> &mut R {
        let mask = self.mask;
        // SAFETY: as in `at`.
        unsafe { self.records.get_unchecked_mut(slot as usize & mask) }
    }

    /// The record of a slot or, for [`SLOT_NONE`], the spare one, which nobody reads: what is written to both ends of
    /// a link needs no branch on whether there is a neighbour.
    #[inline(always)]
    pub(crate) fn or_spare(&mut self, slot: u32) -> &mut R {
        let spare = self.mask + 1;
        // SAFETY: the last of the `mask + 2` records is the spare one, and no number above it is left.
        unsafe { self.records.get_unchecked_mut((slot as usize).min(spare)) }
    }

    /// The slot of the live record with `key`.
    #[inline(always)]
    pub(crate) fn find(&self, key: R::Key) -> Option<u32> {
        let home = self.home(key);
        let record = self.at(home as u32);
        if record.is_live() & (record.key() == key) {
            return Some(home as u32);
        }
        if record.displaced() == 0 { None } else { self.find_displaced(key, home) }
    }

    #[inline(never)]
    fn find_displaced(&self, key: R::Key, home: usize) -> Option<u32> {
        let mut unseen = self.at(home as u32).displaced();
        for step in 1..self.probes() {
            let slot = self.probe(home, step);
            let record = self.at(slot as u32);
            if record.is_live() {
                if record.key() == key {
                    return Some(slot as u32);
                }
                if self.home(record.key()) == home {
                    unseen -= 1;
                    if unseen == 0 {
                        break;
                    }
                }
            }
        }
        None
    }

    /// A free slot for `key`, or the live record that has it.
    #[inline(always)]
    pub(crate) fn seat(&self, key: R::Key) -> Seat {
        let home = self.home(key);
        let record = self.at(home as u32);
        if record.is_live() {
            if record.key() == key { Seat::taken(home) } else { self.seat_displaced(key, home) }
        } else if record.displaced() == 0 {
            Seat { slot: home as u32, home: home as u32 }
        } else {
            self.seat_displaced(key, home)
        }
    }

    #[inline(never)]
    fn seat_displaced(&self, key: R::Key, home: usize) -> Seat {
        let displaced = self.at(home as u32).displaced();
        if displaced > 0
            && let Some(slot) = self.find_displaced(key, home)
        {
            return Seat::taken(slot as usize);
        }
        if !self.at(home as u32).is_live() {
            return Seat { slot: home as u32, home: home as u32 };
        }
        if displaced == R::DISPLACED_MAX {
            return Seat::NO_ROOM;
        }
        (1..self.probes())
            .map(|step| self.probe(home, step))
            .find(|&slot| !self.at(slot as u32).is_live())
            .map_or(Seat::NO_ROOM, |slot| Seat { slot: slot as u32, home: home as u32 })
    }

    /// Puts a live `record` into the vacant seat that was found for its key; the slot keeps its count of displaced
    /// records.
    #[inline(always)]
    pub(crate) fn occupy(&mut self, seat: Seat, mut record: R) {
        debug_assert!(seat.is_vacant());
        let place = self.at_mut(seat.slot);
        record.set_displaced(place.displaced());
        *place = record;
        if seat.slot != seat.home {
            let home = self.at_mut(seat.home);
            home.set_displaced(home.displaced() + 1);
        }
        self.live += 1;
    }

    /// Frees a live slot.
    #[inline(always)]
    pub(crate) fn vacate(&mut self, slot: u32) {
        let home = self.home(self.at(slot).key());
        self.at_mut(slot).free();
        if home != slot as usize {
            let home = self.at_mut(home as u32);
            home.set_displaced(home.displaced() - 1);
        }
        self.live -= 1;
    }

    /// Asks for the home line of `key`.
    #[inline(always)]
    pub(crate) fn prefetch_home(&self, key: R::Key) {
        prefetch(&self.records, self.home(key));
    }

    /// Asks for the line of a slot; [`SLOT_NONE`] asks for the last one, so that there is no branch.
    #[inline(always)]
    pub(crate) fn prefetch_slot(&self, slot: u32) {
        prefetch(&self.records, slot as usize & self.mask);
    }

    /// Checks the counts of displaced records and of live ones against the records themselves.
    pub(crate) fn check(&self) {
        let mut displaced = vec![0_u32; self.records.len()];
        let mut live = 0;
        for (slot, record) in self.records.iter().enumerate().filter(|(_, record)| record.is_live()) {
            live += 1;
            let home = self.home(record.key());
            if home != slot {
                displaced[home] += 1;
            }
            assert_eq!(self.find(record.key()), Some(slot as u32), "a live record is found at its own slot");
        }
        assert_eq!(live, self.live, "count of live records");
        for (slot, record) in self.records.iter().enumerate() {
            assert_eq!(record.displaced(), displaced[slot], "displaced records of slot {slot}");
        }
    }
}
