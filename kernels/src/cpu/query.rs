//! What can be asked of the books: top, depth, queues, hashes, and the full self-check.

use super::book::VenueBooks;
use super::ladder::key_of_tick;
use super::levels::{LevelKey, LevelRecord};
use super::orders::{OrderRecord, OrderTable};
use super::slots::{SLOT_NONE, SlotRecord};
use feeds::event::Side;
use feeds::units::{ITCH_PRICE4_UNIT, PRICE_NONE};

/// Best bid and offer of one instrument at one venue. An empty side is [`PRICE_NONE`], quantity 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bbo {
    /// Best bid, 1e-9.
    pub bid_px: i64,
    /// All displayed quantity at the best bid.
    pub bid_qty: u64,
    /// Best offer, 1e-9.
    pub ask_px: i64,
    /// All displayed quantity at the best offer.
    pub ask_qty: u64,
}

impl Bbo {
    /// Both sides empty.
    pub const EMPTY: Self = Self { bid_px: PRICE_NONE, bid_qty: 0, ask_px: PRICE_NONE, ask_qty: 0 };
}

impl Default for Bbo {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// One price level as seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct DepthLevel {
    /// Price, 1e-9.
    pub price: i64,
    /// All displayed quantity.
    pub quantity: u64,
    /// Orders in the queue; 0 in a level of an L2 feed.
    pub orders: u32,
}

/// One resting order as seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestingOrder {
    /// Venue's order reference number.
    pub order_id: u64,
    /// Price, 1e-9.
    pub price: i64,
    /// Remaining quantity.
    pub quantity: u64,
    /// Time priority: smaller entered its level earlier.
    pub priority: u64,
    /// Dense instrument number.
    pub instrument: u32,
    /// Buy or sell.
    pub side: Side,
}

/// The orders of one level, oldest first.
pub struct QueuedOrders<'a> {
    orders: &'a OrderTable,
    next: u32,
    price: i64,
    instrument: u32,
}

impl Iterator for QueuedOrders<'_> {
    type Item = RestingOrder;

    fn next(&mut self) -> Option<RestingOrder> {
        if self.next == SLOT_NONE {
            return None;
        }
        let order = &self.orders.records[self.next as usize];
        self.next = order.next;
        Some(resting(order, self.price, self.instrument))
    }
}

fn resting(order: &OrderRecord, price: i64, instrument: u32) -> RestingOrder {
    RestingOrder {
        order_id: order.id,
        price,
        quantity: order.quantity,
        priority: order.priority(),
        instrument,
        side: order.side(),
    }
}

/// Longest queue that is walked at every event in debug builds.
const DEBUG_QUEUE_MAX: u32 = 32;

/// FNV-1a, 64 bits, over little-endian words: small, well known, the same on every machine. Not for untrusted keys.
struct Fnv(u64);

impl Fnv {
    fn word(&mut self, word: u64) {
        for byte in word.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
}

impl VenueBooks {
    fn book_side(&self, instrument: u32, side: Side) -> Option<u32> {
        let sell = match side {
            Side::Buy => 0,
            Side::Sell => 1,
            Side::None => return None,
        };
        ((instrument as usize) < self.config().instruments_max).then(|| instrument * 2 + sell)
    }

    /// Best price and quantity of a side.
    #[inline(always)]
    fn best(&self, book_side: u32) -> (i64, u64) {
        let Some(key) = self.ladders.sides[book_side as usize].best() else { return (PRICE_NONE, 0) };
        let tick = key_of_tick(key, book_side & 1 == 1);
        let level = self.levels.find(LevelKey { book_side, tick });
        debug_assert!(level.is_some(), "the ladder names live levels");
        (self.tick.price(tick), level.map_or(0, |slot| self.levels.records[slot as usize].quantity))
    }

    /// Top of book; both sides empty for an instrument out of range.
    #[must_use]
    #[inline]
    pub fn bbo(&self, instrument: u32) -> Bbo {
        if instrument as usize >= self.config().instruments_max {
            return Bbo::EMPTY;
        }
        let (bid_px, bid_qty) = self.best(instrument * 2);
        let (ask_px, ask_qty) = self.best(instrument * 2 + 1);
        Bbo { bid_px, bid_qty, ask_px, ask_qty }
    }

    /// Whether both sides have orders and the best bid is at or above the best offer.
    #[must_use]
    #[inline]
    pub fn crossed(&self, instrument: u32) -> bool {
        (instrument as usize) < self.config().instruments_max && self.ladders.crossed(instrument as usize)
    }

    /// Levels of a side.
    #[must_use]
    pub fn level_count(&self, instrument: u32, side: Side) -> usize {
        self.book_side(instrument, side).map_or(0, |side| self.ladders.sides[side as usize].len as usize)
    }

    /// The price of a side's last level, the one farthest from the market; `None` for an empty side.
    #[must_use]
    pub fn last_price(&self, instrument: u32, side: Side) -> Option<i64> {
        let book_side = self.book_side(instrument, side)?;
        let &key = self.ladders.keys(book_side as usize).first()?;
        Some(self.tick.price(key_of_tick(key, side == Side::Sell)))
    }

    /// Fills `out` with the levels of a side, best first, and says how many there are in it.
    pub fn depth(&self, instrument: u32, side: Side, out: &mut [DepthLevel]) -> usize {
        let Some(book_side) = self.book_side(instrument, side) else { return 0 };
        let keys = self.ladders.keys(book_side as usize).iter().rev();
        let mut filled = 0;
        for (&key, place) in keys.zip(out) {
            let tick = key_of_tick(key, side == Side::Sell);
            let level = self.level_record(book_side, tick);
            *place = DepthLevel {
                price: self.tick.price(tick),
                quantity: level.map_or(0, |level| level.quantity),
                orders: level.map_or(0, |level| level.orders),
            };
            filled += 1;
        }
        filled
    }

    fn level_record(&self, book_side: u32, tick: i32) -> Option<&LevelRecord> {
        self.levels.find(LevelKey { book_side, tick }).map(|slot| &self.levels.records[slot as usize])
    }

    fn level_at(&self, instrument: u32, side: Side, price: i64) -> Option<&LevelRecord> {
        self.level_record(self.book_side(instrument, side)?, self.tick.ticks(price)?)
    }

    /// All displayed quantity at a price; 0 where there is no level.
    #[must_use]
    #[inline]
    pub fn level_quantity(&self, instrument: u32, side: Side, price: i64) -> u64 {
        self.level_at(instrument, side, price).map_or(0, |level| level.quantity)
    }

    /// The live order with that id.
    #[must_use]
    pub fn order(&self, order_id: u64) -> Option<RestingOrder> {
        let order = &self.orders.records[self.orders.find(order_id)? as usize];
        let level = &self.levels.records[order.level() as usize];
        Some(resting(order, self.tick.price(level.tick), level.instrument()))
    }

    /// The orders of a level, oldest first; none where there is no level.
    #[must_use]
    pub fn queue(&self, instrument: u32, side: Side, price: i64) -> QueuedOrders<'_> {
        let next = self.level_at(instrument, side, price).map_or(SLOT_NONE, |level| level.head);
        QueuedOrders { orders: &self.orders, next, price, instrument }
    }

    /// Orders resting at the venue.
    #[must_use]
    pub fn live_orders(&self) -> usize {
        self.orders.live()
    }

    /// Price levels at the venue.
    #[must_use]
    pub fn live_levels(&self) -> usize {
        self.levels.live()
    }

    /// Sum over all instruments of `locate * (3*bid_px + 5*bid_qty + 7*ask_px + 11*ask_qty)`, wrapping, prices in
    /// 1e-4 and an empty side 0, 0: the end-state checksum by which ITCH books of different makers are compared.
    /// `locate_of_instrument` gives the venue's stock locate code.
    #[must_use]
    pub fn bbo_checksum(&self, locate_of_instrument: impl Fn(u32) -> u64) -> u64 {
        let price4 = |price: i64| if price == PRICE_NONE { 0 } else { price / ITCH_PRICE4_UNIT } as u64;
        (0..self.config().instruments_max as u32).fold(0, |sum: u64, instrument| {
            let bbo = self.bbo(instrument);
            if bbo == Bbo::EMPTY {
                return sum;
            }
            let bid = price4(bbo.bid_px).wrapping_mul(3).wrapping_add(bbo.bid_qty.wrapping_mul(5));
            let ask = price4(bbo.ask_px).wrapping_mul(7).wrapping_add(bbo.ask_qty.wrapping_mul(11));
            sum.wrapping_add(locate_of_instrument(instrument).wrapping_mul(bid.wrapping_add(ask)))
        })
    }

    /// FNV-1a (64 bits, little-endian words) over every book that is not empty, by ascending instrument: instrument;
    /// then for bids and for offers the number of levels and, best first, each level's price (1e-9), quantity and
    /// number of orders, and, oldest first, each order's id and quantity. It depends on nothing else: not on the
    /// layout of the tables nor on how the state came about. Priorities stay out.
    #[must_use]
    pub fn book_hash(&self) -> u64 {
        let mut hash = Fnv(0xCBF2_9CE4_8422_2325);
        for instrument in 0..self.config().instruments_max as u32 {
            let sides = [instrument * 2, instrument * 2 + 1];
            if sides.iter().all(|&side| self.ladders.sides[side as usize].len == 0) {
                continue;
            }
            hash.word(u64::from(instrument));
            for book_side in sides {
                self.hash_side(&mut hash, book_side);
            }
        }
        hash.0
    }

    /// As [`Self::book_hash`], but every book goes under the name that `name_of` gives its instrument, and the books'
    /// hashes are added up (wrapping): the same books under the same names give the same hash, however the
    /// instruments are numbered.
    #[must_use]
    pub fn named_book_hash(&self, name_of: impl Fn(u32) -> u64) -> u64 {
        let books = (0..self.config().instruments_max as u32).filter(|instrument| {
            let sides = [instrument * 2, instrument * 2 + 1];
            sides.iter().any(|&side| self.ladders.sides[side as usize].len > 0)
        });
        books.fold(0, |sum: u64, instrument| {
            let mut hash = Fnv(0xCBF2_9CE4_8422_2325);
            hash.word(name_of(instrument));
            for book_side in [instrument * 2, instrument * 2 + 1] {
                self.hash_side(&mut hash, book_side);
            }
            sum.wrapping_add(hash.0)
        })
    }

    fn hash_side(&self, hash: &mut Fnv, book_side: u32) {
        let keys = self.ladders.keys(book_side as usize);
        hash.word(keys.len() as u64);
        for &key in keys.iter().rev() {
            let tick = key_of_tick(key, book_side & 1 == 1);
            let level = self.level_record(book_side, tick).expect("the ladder names live levels");
            hash.word(self.tick.price(tick) as u64);
            hash.word(level.quantity);
            hash.word(u64::from(level.orders));
            let (next, price) = (level.head, self.tick.price(tick));
            for order in (QueuedOrders { orders: &self.orders, next, price, instrument: book_side >> 1 }) {
                hash.word(order.order_id);
                hash.word(order.quantity);
            }
        }
    }

    /// Verifies every invariant of the tables; cold, for tests and after a recovery.
    ///
    /// # Panics
    /// When one is broken: a defect of this program, never of the feed.
    pub fn check(&self) {
        self.orders.check();
        self.levels.check();
        let mut levels = 0;
        let mut orders = 0;
        for book_side in 0..self.ladders.sides.len() as u32 {
            let keys = self.ladders.keys(book_side as usize);
            assert!(keys.is_sorted_by(|a, b| a < b), "side {book_side}: prices ascend strictly");
            assert_eq!(
                self.ladders.sides[book_side as usize].best(),
                keys.last().copied(),
                "side {book_side}"
            );
            for &key in keys {
                let tick = key_of_tick(key, book_side & 1 == 1);
                let slot =
                    self.levels.find(LevelKey { book_side, tick }).expect("the ladder names live levels");
                self.check_level(slot);
                orders += self.levels.records[slot as usize].orders as usize;
            }
            levels += keys.len();
        }
        assert_eq!(levels, self.live_levels(), "every live level is in a ladder");
        assert_eq!(orders, self.live_orders(), "every live order is in a queue");
    }

    /// Level quantity = sum of its orders, its count is theirs, links run both ways, priorities ascend.
    fn check_level(&self, slot: u32) {
        let level = &self.levels.records[slot as usize];
        let (mut quantity, mut orders, mut prev, mut priority) = (0, 0, SLOT_NONE, 0);
        let mut next = level.head;
        while next != SLOT_NONE {
            let order = &self.orders.records[next as usize];
            assert!(
                order.is_live() && order.level() == slot && order.prev == prev,
                "links of order {}",
                order.id
            );
            assert!(order.priority() > priority, "priorities ascend at order {}", order.id);
            quantity += order.quantity;
            orders += 1;
            priority = order.priority();
            prev = next;
            next = order.next;
        }
        if level.orders == 0 {
            assert!(level.quantity != 0 && level.head == SLOT_NONE && level.tail == SLOT_NONE, "an L2 level");
            return;
        }
        assert_eq!((quantity, orders, prev), (level.quantity, level.orders, level.tail), "level sums");
    }

    /// The check of the level that an event touched, in debug builds only. Queues of more orders than
    /// [`DEBUG_QUEUE_MAX`] are left to [`Self::check`]: walking them at every event would make debug runs quadratic.
    #[inline(always)]
    pub(super) fn debug_check_level(&self, slot: u32) {
        if cfg!(debug_assertions)
            && (1..=DEBUG_QUEUE_MAX).contains(&self.levels.records[slot as usize].orders)
        {
            self.check_level(slot);
        }
    }
}
