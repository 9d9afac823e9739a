//! Price levels: 32 bytes each, found by (instrument, side, tick) without touching the instrument's book: an event on
//! an existing level needs no search among prices, and a look-ahead can ask for the level's line from the message
//! alone.

use super::huge::Zeroable;
use super::slots::{BLOCK_BITS, SLOT_NONE, SlotRecord, SlotTable};

/// Which side of which instrument, and the price in book ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LevelKey {
    /// `2 * instrument + 1` for offers, `2 * instrument` for bids.
    pub(crate) book_side: u32,
    /// Price divided by the tick.
    pub(crate) tick: i32,
}

impl LevelKey {
    /// Whether it is on the offer side.
    #[inline(always)]
    pub(crate) fn is_sell(self) -> bool {
        self.book_side & 1 == 1
    }
}

/// One price level with the ends of its FIFO queue.
#[repr(C, align(32))]
#[derive(Clone, Copy)]
pub(crate) struct LevelRecord {
    /// Sum of the quantities of its orders, or what an L2 feed said; zero marks a free record.
    pub(crate) quantity: u64,
    /// Price in ticks.
    pub(crate) tick: i32,
    book_side: u32,
    /// Slot of the oldest order, [`SLOT_NONE`] in a level of an L2 feed.
    pub(crate) head: u32,
    /// Slot of the youngest order, [`SLOT_NONE`] in a level of an L2 feed.
    pub(crate) tail: u32,
    /// Orders in the queue; zero in a level of an L2 feed.
    pub(crate) orders: u32,
    displaced: u32,
}

const _: () = assert!(size_of::<LevelRecord>() == 32);

// SAFETY: integers only.
unsafe impl Zeroable for LevelRecord {}

impl LevelRecord {
    /// A level that holds one order.
    #[inline(always)]
    pub(crate) fn with_first(key: LevelKey, quantity: u64, order: u32) -> Self {
        Self {
            quantity,
            tick: key.tick,
            book_side: key.book_side,
            head: order,
            tail: order,
            orders: 1,
            displaced: 0,
        }
    }

    /// A level of an L2 feed: a quantity (above zero) without orders.
    pub(crate) fn without_orders(key: LevelKey, quantity: u64) -> Self {
        Self { orders: 0, ..Self::with_first(key, quantity, SLOT_NONE) }
    }

    /// Instrument that it belongs to.
    #[inline(always)]
    pub(crate) fn instrument(&self) -> u32 {
        self.book_side >> 1
    }
}

impl SlotRecord for LevelRecord {
    type Key = LevelKey;
    const DISPLACED_MAX: u32 = u32::MAX;

    #[inline(always)]
    fn spread(key: LevelKey) -> (u64, u32) {
        // The levels of a side within 8192 ticks share blocks; ticks are often multiples of 100, so they are mixed.
        let tick = key.tick as u32;
        let place = tick.wrapping_mul(0x9E37_79B9) >> (32 - BLOCK_BITS);
        ((u64::from(key.book_side) << 32) | u64::from(tick >> 13), place)
    }

    #[inline(always)]
    fn key(&self) -> LevelKey {
        LevelKey { book_side: self.book_side, tick: self.tick }
    }

    #[inline(always)]
    fn is_live(&self) -> bool {
        self.quantity != 0
    }

    #[inline(always)]
    fn displaced(&self) -> u32 {
        self.displaced
    }

    #[inline(always)]
    fn set_displaced(&mut self, displaced: u32) {
        self.displaced = displaced;
    }

    #[inline(always)]
    fn free(&mut self) {
        self.quantity = 0;
        self.orders = 0;
    }
}

/// All price levels of a venue.
pub(crate) type LevelTable = SlotTable<LevelRecord>;
