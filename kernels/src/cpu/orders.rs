//! Order records: 32 bytes each, found by the venue's 64-bit order id, linked into the FIFO queue of their level.
//!
//! 128 consecutive ids share a block of the table (4 KiB), and a hash scatters the blocks: ids that ascend, dense or
//! sparse, stay beside their neighbours in time, and ids of any form (above 2^48, strided) cost the same one cache
//! line. A dense array of records behind a separate index, with levels found through their ladder, was measured too:
//! syn10m 170 ns a message against 121 (medians of 4 interleaved rounds on a loaded machine), for it takes two
//! dependent misses where this takes one.

use super::huge::Zeroable;
use super::slots::{BLOCK_BITS, SLOT_NONE, SlotRecord, SlotTable};
use feeds::event::Side;

/// Bits of [`OrderRecord::place`]: level slot + 1, zero in a free record.
const LEVEL_BITS: u32 = 24;
const LEVEL_MASK: u64 = (1 << LEVEL_BITS) - 1;
const SELL_BIT: u64 = 1 << LEVEL_BITS;
const DISPLACED_SHIFT: u32 = LEVEL_BITS + 1;
const DISPLACED_BITS: u32 = 6;
const DISPLACED_FIELD: u64 = ((1 << DISPLACED_BITS) - 1) << DISPLACED_SHIFT;
const PRIORITY_SHIFT: u32 = DISPLACED_SHIFT + DISPLACED_BITS;

/// Level slots that an order record can refer to.
pub(crate) const LEVEL_SLOTS_MAX: usize = LEVEL_MASK as usize;

/// Largest time priority that fits a record: 2^33 - 1 orders a venue and session.
pub const PRIORITY_MAX: u64 = (1 << (64 - PRIORITY_SHIFT)) - 1;

/// One resting order.
#[repr(C, align(32))]
#[derive(Clone, Copy)]
pub(crate) struct OrderRecord {
    /// Venue's order reference number.
    pub(crate) id: u64,
    /// Remaining quantity, above zero while live.
    pub(crate) quantity: u64,
    /// Level slot, side, displaced count and time priority; see the constants.
    place: u64,
    /// Slot of the order before it in its queue, or `SLOT_NONE`.
    pub(crate) prev: u32,
    /// Slot of the order behind it in its queue, or `SLOT_NONE`.
    pub(crate) next: u32,
}

const _: () = assert!(size_of::<OrderRecord>() == 32);

// SAFETY: integers only.
unsafe impl Zeroable for OrderRecord {}

impl OrderRecord {
    #[inline(always)]
    pub(crate) fn new(
        id: u64,
        quantity: u64,
        level: u32,
        sell: bool,
        priority: u64,
        prev: u32,
        next: u32,
    ) -> Self {
        debug_assert!((level as usize) < LEVEL_SLOTS_MAX && priority <= PRIORITY_MAX);
        let place = (u64::from(level) + 1) | (u64::from(sell) << LEVEL_BITS) | (priority << PRIORITY_SHIFT);
        Self { id, quantity, place, prev, next }
    }

    /// The same order in another queue, or at the end of its own; side and displaced count stay.
    pub(crate) fn move_to(&mut self, level: u32, quantity: u64, priority: u64, prev: u32) {
        let displaced = self.displaced();
        *self = Self::new(self.id, quantity, level, self.is_sell(), priority, prev, SLOT_NONE);
        self.set_displaced(displaced);
    }

    /// Slot of the level that it rests in.
    #[inline(always)]
    pub(crate) fn level(&self) -> u32 {
        ((self.place & LEVEL_MASK) as u32).wrapping_sub(1)
    }

    #[inline(always)]
    pub(crate) fn is_sell(&self) -> bool {
        self.place & SELL_BIT != 0
    }

    #[inline(always)]
    pub(crate) fn side(&self) -> Side {
        if self.is_sell() { Side::Sell } else { Side::Buy }
    }

    #[inline(always)]
    pub(crate) fn priority(&self) -> u64 {
        self.place >> PRIORITY_SHIFT
    }
}

impl SlotRecord for OrderRecord {
    type Key = u64;
    const DISPLACED_MAX: u32 = (1 << DISPLACED_BITS) - 1;

    #[inline(always)]
    fn spread(id: u64) -> (u64, u32) {
        (id >> BLOCK_BITS, id as u32)
    }

    #[inline(always)]
    fn key(&self) -> u64 {
        self.id
    }

    #[inline(always)]
    fn is_live(&self) -> bool {
        self.place & LEVEL_MASK != 0
    }

    #[inline(always)]
    fn displaced(&self) -> u32 {
        ((self.place & DISPLACED_FIELD) >> DISPLACED_SHIFT) as u32
    }

    #[inline(always)]
    fn set_displaced(&mut self, displaced: u32) {
        self.place = (self.place & !DISPLACED_FIELD) | (u64::from(displaced) << DISPLACED_SHIFT);
    }

    #[inline(always)]
    fn free(&mut self) {
        self.place &= DISPLACED_FIELD;
    }
}

/// All orders of a venue.
pub(crate) type OrderTable = SlotTable<OrderRecord>;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn order(id: u64) -> OrderRecord {
        OrderRecord::new(id, 1, 5, true, PRIORITY_MAX, SLOT_NONE, SLOT_NONE)
    }

    #[test]
    fn fields_do_not_overlap() {
        let mut record = OrderRecord::new(9, 7, LEVEL_SLOTS_MAX as u32 - 1, true, PRIORITY_MAX, 1, 2);
        record.set_displaced(63);
        assert_eq!((record.level(), record.priority()), (LEVEL_SLOTS_MAX as u32 - 1, PRIORITY_MAX));
        assert!(record.is_sell() && record.is_live());
        record.set_displaced(0);
        assert_eq!(
            (record.level(), record.displaced(), record.side()),
            (LEVEL_SLOTS_MAX as u32 - 1, 0, Side::Sell)
        );
        record.set_displaced(3);
        record.free();
        assert!(!record.is_live() && record.displaced() == 3);
    }

    /// Every id pattern that feeds show must fill a table to its limit and empty it again.
    #[test]
    fn all_id_patterns_fill_the_table() {
        let patterns: [fn(u64) -> u64; 7] = [
            |n| n,
            |n| n * 2 + 1,
            |n| n * 16,
            |n| n * 64 + 5,
            |n| n << 32,
            |n| (1 << 48) + n * 3,
            |n| u64::MAX - n,
        ];
        for pattern in patterns {
            let mut table = OrderTable::new(4096);
            let mut live = HashSet::new();
            for n in 0..4096 {
                let seat = table.seat(pattern(n));
                assert!(seat.is_vacant(), "a table holds what it was made for");
                table.occupy(seat, order(pattern(n)));
                live.insert(pattern(n));
            }
            table.check();
            assert!(table.seat(pattern(17)).is_taken());
            for n in (0..4096).step_by(3) {
                table.vacate(table.find(pattern(n)).expect("live"));
                live.remove(&pattern(n));
                assert_eq!(table.find(pattern(n)), None);
            }
            table.check();
            for n in 0..4096 {
                assert_eq!(table.find(pattern(n)).is_some(), live.contains(&pattern(n)));
            }
        }
    }
}
