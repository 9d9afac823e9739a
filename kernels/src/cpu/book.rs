//! All books of one venue, market by order (L3: every displayed order in its FIFO queue) or market by price (L2: a
//! quantity a level), an instrument the one or the other; every price level, the top of every book.
//!
//! Three tables, all taken at construction in pre-faulted huge pages: orders by id (`orders.rs`), levels by
//! (instrument, side, price) (`levels.rs`), and each side's prices in order (`ladder.rs`). An event on an existing
//! level touches one order line, one level line and the lines of its neighbours in the queue; the ladder is touched
//! only when a level appears or disappears. Everything that an event will touch can be asked for beforehand:
//! [`VenueBooks::prefetch_order`] from the event alone, some messages later [`VenueBooks::prefetch_level`] from the
//! order's record.
//!
//! One thread owns it (in the engine: `decide`). Nothing is allocated after construction, work per event is bounded
//! but for [`EventKind::Clear`], and a full table or an impossible event is a typed error that changes nothing. It
//! does not match orders, does not mix orders and L2 levels in one instrument, and does not decide what a crossed book
//! means: it counts it.

use super::huge::HugeArray;
use super::ladder::{Ladders, key_of_tick};
use super::levels::{LevelKey, LevelRecord, LevelTable};
use super::orders::{LEVEL_SLOTS_MAX, OrderRecord, OrderTable};
use super::slots::{SLOT_NONE, SlotRecord};
use super::tick::Tick;
use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent, Side, TradingStatus};
use feeds::units::{ITCH_PRICE4_UNIT, PRICE_NONE};

use std::hint::select_unpredictable;

pub use super::look_ahead::{Announced, LOOK_AHEAD};
pub use super::orders::PRIORITY_MAX;
pub use super::query::{Bbo, DepthLevel, QueuedOrders, RestingOrder};
pub use super::refusal::{BookConfigError, BookError, Table};

pub(super) const INSTRUMENTS_LIMIT: usize = 1 << 24;
pub(super) const ORDERS_LIMIT: usize = 1 << 27;
pub(super) const LEVELS_LIMIT: usize = 1 << 22;

/// Capacities of one venue's books, all of them memory taken at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookConfig {
    /// Instruments, numbered below this; about 550 bytes each are reserved. At most 2^24.
    pub instruments_max: usize,
    /// Live orders; 64 to 128 bytes each are reserved, and a table that is emptier is faster. At most 2^27.
    pub orders_max: usize,
    /// Live price levels; about 100 to 160 bytes each are reserved. At most 2^22.
    pub levels_max: usize,
    /// Price units (1e-9) of one book tick. Every price must be a multiple of it, and the quotient fit an `i32`.
    pub price_tick: i64,
}

impl Default for BookConfig {
    /// A full US equity venue: 16,384 instruments, 4,000,000 orders and 1,000,000 levels at ITCH's price unit, about
    /// 350 MB.
    fn default() -> Self {
        Self {
            instruments_max: 16_384,
            orders_max: 4_000_000,
            levels_max: 1_000_000,
            price_tick: ITCH_PRICE4_UNIT,
        }
    }
}

const _: () = assert!(LEVELS_LIMIT * 2 < LEVEL_SLOTS_MAX);

/// What an event did to the book. For a replace, and for a modification that moves its order, it speaks of the old
/// order. A level set affects no order: it fills `bbo_changed` only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Price of the affected resting order before the change, 1e-9; [`PRICE_NONE`] when no order was affected.
    pub price: i64,
    /// Quantity added, or taken away.
    pub quantity: u64,
    /// Time priority of the affected order: smaller entered its level earlier. Unique within the venue.
    pub priority: u64,
    /// Side of the affected order; `None` when no order was affected.
    pub side: Side,
    /// The best price or the quantity at it changed, on either side of the instrument (of any, for a clear of all).
    pub bbo_changed: bool,
}

impl Applied {
    /// Nothing in the books was affected.
    pub const NOTHING: Self =
        Self { price: PRICE_NONE, quantity: 0, priority: 0, side: Side::None, bbo_changed: false };
}

/// All books of one venue; see the module's page.
pub struct VenueBooks {
    pub(super) orders: OrderTable,
    pub(super) levels: LevelTable,
    pub(super) ladders: Ladders,
    /// [`TradingStatus`] codes, zero = never told; with the mark of `trading_status` on top.
    pub(super) status: HugeArray<u32>,
    pub(super) venue_status: Option<TradingStatus>,
    pub(super) next_priority: u64,
    pub(super) crossed_events: u64,
    /// Levels of L2 feeds among the live levels; zero spares a venue of orders every check for them.
    l2_levels: usize,
    pub(super) tick: Tick,
    pub(super) config: BookConfig,
}

impl VenueBooks {
    /// Takes all memory for `config` and touches every page of it (about a second per 2 GB).
    ///
    /// # Errors
    /// A capacity of zero or beyond its limit, or a tick that is not positive.
    pub fn new(config: BookConfig) -> Result<Self, BookConfigError> {
        if !(1..=INSTRUMENTS_LIMIT).contains(&config.instruments_max) {
            return Err(BookConfigError::Instruments(config.instruments_max));
        }
        if !(1..=ORDERS_LIMIT).contains(&config.orders_max) {
            return Err(BookConfigError::Orders(config.orders_max));
        }
        if !(1..=LEVELS_LIMIT).contains(&config.levels_max) {
            return Err(BookConfigError::Levels(config.levels_max));
        }
        if config.price_tick <= 0 {
            return Err(BookConfigError::PriceTick(config.price_tick));
        }
        Ok(Self {
            orders: OrderTable::new(config.orders_max),
            levels: LevelTable::new(config.levels_max),
            ladders: Ladders::new(config.instruments_max * 2, config.levels_max),
            status: HugeArray::zeroed(config.instruments_max),
            venue_status: None,
            next_priority: 1,
            crossed_events: 0,
            l2_levels: 0,
            tick: Tick::new(config.price_tick),
            config,
        })
    }

    /// Applies one event.
    ///
    /// # Errors
    /// See [`BookError`]; nothing has changed then.
    #[inline(always)]
    pub fn apply(&mut self, event: &MarketEvent) -> Result<Applied, BookError> {
        // Each arm writes its answer once, and why something was refused is found out of line: results that are
        // merged and copied cost more here than the change of the book itself.
        match event.kind {
            EventKind::OrderAdd => self.add(event),
            EventKind::OrderDelete => self.delete(event),
            EventKind::OrderReduce | EventKind::OrderExecute => self.reduce(event),
            EventKind::OrderReplace => self.replace(event),
            EventKind::Trade | EventKind::Gap | EventKind::Recovered => Ok(Applied::NOTHING),
            EventKind::TradingStatus => self.set_status(event),
            EventKind::Clear => self.clear(event),
            EventKind::OrderModify => self.modify(event),
            EventKind::LevelSet => self.set_level(event),
        }
    }

    #[inline(always)]
    fn add(&mut self, event: &MarketEvent) -> Result<Applied, BookError> {
        let sell = event.side == Side::Sell;
        let priority = self.next_priority;
        let entered = if (event.instrument as usize) < self.config.instruments_max
            && event.side != Side::None
            && self.orders.live() < self.config.orders_max
            && (self.l2_levels == 0 || !self.holds_levels(event.instrument))
        {
            self.enter(event.order_id, event, sell, self.config.levels_max)
        } else {
            None
        };
        let Some(bbo_changed) = entered else {
            return Err(self.why_not_added(event));
        };
        self.note_crossed(event, bbo_changed);
        Ok(Applied { price: event.price, quantity: event.quantity, priority, side: event.side, bbo_changed })
    }

    /// Puts a new order with the event's instrument, price and quantity at the end of its queue; says whether the top
    /// of its side changed. `None`: refused, nothing changed.
    #[inline(always)]
    fn enter(&mut self, id: u64, event: &MarketEvent, sell: bool, levels_max: usize) -> Option<bool> {
        let tick = self.tick.ticks(event.price)?;
        if event.quantity == 0 || self.next_priority > PRIORITY_MAX {
            return None;
        }
        let seat = self.orders.seat(id);
        if !seat.is_vacant() {
            return None;
        }
        let key = LevelKey { book_side: event.instrument * 2 + u32::from(sell), tick };
        let touches = self.touches(key);
        let (level, prev) = self.join_level(key, seat.slot, event.quantity, levels_max)?;
        let record = OrderRecord::new(id, event.quantity, level, sell, self.next_priority, prev, SLOT_NONE);
        self.orders.occupy(seat, record);
        self.orders.or_spare(prev).next = seat.slot;
        self.next_priority += 1;
        self.debug_check_level(level);
        Some(touches)
    }

    /// Makes the order in `slot` the last of a level's queue, and the level if there is none: the level and the order
    /// that was last before. Writes no order record. `None`: refused, nothing changed.
    #[inline(always)]
    fn join_level(
        &mut self,
        key: LevelKey,
        slot: u32,
        quantity: u64,
        levels_max: usize,
    ) -> Option<(u32, u32)> {
        let seat = self.levels.seat(key);
        if seat.is_taken() {
            let level = self.levels.at_mut(seat.slot);
            level.quantity = level.quantity.checked_add(quantity)?;
            level.orders += 1;
            return Some((seat.slot, std::mem::replace(&mut level.tail, slot)));
        }
        let ladder_key = key_of_tick(key.tick, key.is_sell());
        if !seat.is_vacant()
            || self.levels.live() >= levels_max
            || !self.ladders.insert(key.book_side as usize, ladder_key)
        {
            return None;
        }
        self.levels.occupy(seat, LevelRecord::with_first(key, quantity, slot));
        Some((seat.slot, SLOT_NONE))
    }

    /// Slot of the live order that an event refers to, if it belongs to the event's instrument.
    #[inline(always)]
    fn resting(&self, event: &MarketEvent) -> Option<u32> {
        let slot = self.orders.find(event.order_id)?;
        let level = self.orders.at(slot).level();
        (self.levels.at(level).instrument() == event.instrument).then_some(slot)
    }

    #[inline(always)]
    fn delete(&mut self, event: &MarketEvent) -> Result<Applied, BookError> {
        let Some(slot) = self.resting(event) else {
            return Err(self.why_not_resting(event));
        };
        let applied = self.leave(slot);
        self.note_crossed(event, applied.bbo_changed);
        Ok(applied)
    }

    #[inline(always)]
    fn reduce(&mut self, event: &MarketEvent) -> Result<Applied, BookError> {
        let Some(slot) = self.resting(event) else {
            return Err(self.why_not_resting(event));
        };
        let order = self.orders.at_mut(slot);
        if event.quantity >= order.quantity {
            if event.quantity > order.quantity {
                return Err(BookError::Overfill(order.quantity));
            }
            let applied = self.leave(slot);
            self.note_crossed(event, applied.bbo_changed);
            return Ok(applied);
        }
        order.quantity -= event.quantity;
        let (level_slot, priority, side) = (order.level(), order.priority(), order.side());
        let level = self.levels.at_mut(level_slot);
        level.quantity -= event.quantity;
        let key = level.key();
        self.debug_check_level(level_slot);
        let bbo_changed = event.quantity != 0 && self.touches(key);
        self.note_crossed(event, bbo_changed);
        Ok(Applied {
            price: self.tick.price(key.tick),
            quantity: event.quantity,
            priority,
            side,
            bbo_changed,
        })
    }

    #[inline(always)]
    fn replace(&mut self, event: &MarketEvent) -> Result<Applied, BookError> {
        let Some(slot) = self.resting(event) else {
            return Err(self.why_not_resting(event));
        };
        if event.second_id == event.order_id {
            return self.replace_same_id(event, slot);
        }
        // The new order goes in first: it is what can fail. When the old one leaves a level empty, the two levels
        // exist together for a moment.
        let order = self.orders.at(slot);
        let (sell, levels_max) = (order.is_sell(), self.levels_max_without(order.level()));
        let Some(entered) = self.enter(event.second_id, event, sell, levels_max) else {
            return Err(self.why_not_entered(event.second_id, event, sell, levels_max));
        };
        let mut applied = self.leave(slot);
        applied.bbo_changed = (applied.bbo_changed | entered) & !same_shown(event, &applied);
        self.note_crossed(event, applied.bbo_changed);
        Ok(applied)
    }

    /// A change of one order by a feed that does not say whether it keeps its place: see [`EventKind::OrderModify`].
    #[inline(never)]
    fn modify(&mut self, event: &MarketEvent) -> Result<Applied, BookError> {
        let Some(slot) = self.resting(event) else {
            return Err(self.why_not_resting(event));
        };
        let order = self.orders.at_mut(slot);
        let (level_slot, priority, side) = (order.level(), order.priority(), order.side());
        if event.side == side.opposite() {
            return Err(BookError::SideChanged(event.side));
        }
        let level = self.levels.at_mut(level_slot);
        let key = level.key();
        let stays = event.quantity != 0 && event.quantity <= order.quantity;
        if !stays || self.tick.price(key.tick) != event.price {
            return self.replace_same_id(event, slot);
        }
        let taken = order.quantity - event.quantity;
        order.quantity = event.quantity;
        level.quantity -= taken;
        self.debug_check_level(level_slot);
        let bbo_changed = taken != 0 && self.touches(key);
        self.note_crossed(event, bbo_changed);
        Ok(Applied { price: event.price, quantity: taken, priority, side, bbo_changed })
    }

    /// What an L2 feed shows at a price. The table of levels and the ladder are those of the orders' levels.
    #[inline(never)]
    fn set_level(&mut self, event: &MarketEvent) -> Result<Applied, BookError> {
        if event.instrument as usize >= self.config.instruments_max {
            return Err(BookError::InstrumentOutOfRange(event.instrument));
        }
        if event.side == Side::None {
            return Err(BookError::SideMissing);
        }
        if self.holds_orders(event.instrument) {
            return Err(BookError::HoldsOrders(event.instrument));
        }
        let tick = self.tick.ticks(event.price).ok_or(BookError::PriceOutOfRange(event.price))?;
        let sell = event.side == Side::Sell;
        let key = LevelKey { book_side: event.instrument * 2 + u32::from(sell), tick };
        let (side, ladder_key) = (key.book_side as usize, key_of_tick(tick, sell));
        let seat = self.levels.seat(key);
        let mut bbo_changed = self.touches(key);
        if !seat.is_taken() {
            if event.quantity == 0 {
                return Ok(Applied::NOTHING);
            }
            if !seat.is_vacant() || self.levels.live() >= self.config.levels_max {
                return Err(BookError::Full(Table::Levels));
            }
            if !self.ladders.insert(side, ladder_key) {
                return Err(BookError::Full(Table::Ladders));
            }
            self.levels.occupy(seat, LevelRecord::without_orders(key, event.quantity));
            self.l2_levels += 1;
        } else if event.quantity == 0 {
            self.levels.vacate(seat.slot);
            self.ladders.remove(side, ladder_key);
            self.l2_levels -= 1;
        } else {
            let quantity = &mut self.levels.at_mut(seat.slot).quantity;
            bbo_changed &= *quantity != event.quantity;
            *quantity = event.quantity;
        }
        self.note_crossed(event, bbo_changed);
        Ok(Applied { bbo_changed, ..Applied::NOTHING })
    }

    /// Whether an instrument's levels come from an L2 feed; an empty book holds nothing.
    #[cold]
    #[inline(never)]
    pub(super) fn holds_levels(&self, instrument: u32) -> bool {
        self.l2_levels != 0 && self.some_level(instrument).is_some_and(|level| level.orders == 0)
    }

    /// Whether an instrument's levels are queues of orders.
    #[inline(always)]
    fn holds_orders(&self, instrument: u32) -> bool {
        self.orders.live() != 0 && self.some_level(instrument).is_some_and(|level| level.orders != 0)
    }

    /// One level of an instrument; all are of one kind.
    fn some_level(&self, instrument: u32) -> Option<&LevelRecord> {
        [instrument * 2, instrument * 2 + 1].into_iter().find_map(|book_side| {
            let best = self.ladders.sides.get(book_side as usize)?.best()?;
            let tick = key_of_tick(best, book_side & 1 == 1);
            let slot = self.levels.find(LevelKey { book_side, tick })?;
            Some(self.levels.at(slot))
        })
    }

    /// Levels that may exist while an order of `level` is on its way out.
    #[inline(always)]
    fn levels_max_without(&self, level: u32) -> usize {
        self.config.levels_max + usize::from(self.levels.at(level).orders == 1)
    }

    /// A feed that keeps the id (a replace, a modification): the order stays in its slot and moves to the end of its new queue.
    #[cold]
    #[inline(never)]
    fn replace_same_id(&mut self, event: &MarketEvent, slot: u32) -> Result<Applied, BookError> {
        let order = *self.orders.at(slot);
        let tick = self.tick.ticks(event.price).ok_or(BookError::PriceOutOfRange(event.price))?;
        if event.quantity == 0 {
            return Err(BookError::QuantityOutOfRange(0));
        }
        if self.next_priority > PRIORITY_MAX {
            return Err(BookError::Full(Table::Priorities));
        }
        let key = LevelKey { book_side: event.instrument * 2 + u32::from(order.is_sell()), tick };
        let level = self.levels.at(order.level());
        let same_level = level.tick == tick;
        if same_level && (level.quantity - order.quantity).checked_add(event.quantity).is_none() {
            return Err(BookError::QuantityOutOfRange(event.quantity));
        }
        let levels_max = self.levels_max_without(order.level());
        let mut applied = Applied::NOTHING;
        if same_level {
            // What joins the level below is certain to find the room that it leaves here.
            applied = self.leave_level(slot);
        }
        let touches = self.touches(key);
        let Some((level, prev)) = self.join_level(key, slot, event.quantity, levels_max) else {
            return Err(self.why_not_joined(key, event.quantity, levels_max));
        };
        if !same_level {
            applied = self.leave_level(slot);
        }
        self.orders.or_spare(prev).next = slot;
        self.orders.at_mut(slot).move_to(level, event.quantity, self.next_priority, prev);
        self.next_priority += 1;
        self.debug_check_level(level);
        applied.bbo_changed = (applied.bbo_changed | touches) && !same_shown(event, &applied);
        self.note_crossed(event, applied.bbo_changed);
        Ok(applied)
    }

    /// Takes a live order out of the books.
    #[inline(always)]
    fn leave(&mut self, slot: u32) -> Applied {
        let level = self.orders.at(slot).level();
        let applied = self.leave_level(slot);
        self.orders.vacate(slot);
        self.debug_check_level(level);
        applied
    }

    /// Takes a live order out of its queue, and its level out of the book when it was the last. Its own record stays.
    #[inline(always)]
    fn leave_level(&mut self, slot: u32) -> Applied {
        let order = self.orders.at(slot);
        let (quantity, priority, side) = (order.quantity, order.priority(), order.side());
        let (level_slot, prev, next) = (order.level(), order.prev, order.next);
        let level = self.levels.at_mut(level_slot);
        let key = level.key();
        let bbo_changed =
            self.ladders.sides[key.book_side as usize].touches(key_of_tick(key.tick, key.is_sell()));
        if level.orders == 1 {
            self.levels.vacate(level_slot);
            self.ladders.remove(key.book_side as usize, key_of_tick(key.tick, key.is_sell()));
        } else {
            level.orders -= 1;
            level.quantity -= quantity;
            level.head = select_unpredictable(prev == SLOT_NONE, next, level.head);
            level.tail = select_unpredictable(next == SLOT_NONE, prev, level.tail);
            // The neighbours are only written to, so their cache misses hold nothing up.
            self.orders.or_spare(prev).next = next;
            self.orders.or_spare(next).prev = prev;
        }
        Applied { price: self.tick.price(key.tick), quantity, priority, side, bbo_changed }
    }

    /// Whether a price is its side's best or better.
    #[inline(always)]
    fn touches(&self, key: LevelKey) -> bool {
        self.ladders.sides[key.book_side as usize].touches(key_of_tick(key.tick, key.is_sell()))
    }

    #[cold]
    #[inline(never)]
    fn clear(&mut self, event: &MarketEvent) -> Result<Applied, BookError> {
        let instruments = if event.instrument == INSTRUMENT_ALL {
            0..self.config.instruments_max as u32
        } else if (event.instrument as usize) < self.config.instruments_max {
            event.instrument..event.instrument + 1
        } else {
            return Err(BookError::InstrumentOutOfRange(event.instrument));
        };
        let levels_before = self.levels.live();
        for book_side in instruments.start * 2..instruments.end * 2 {
            while let Some(key) = self.ladders.sides[book_side as usize].best() {
                let tick = key_of_tick(key, book_side & 1 == 1);
                let level =
                    self.levels.find(LevelKey { book_side, tick }).expect("the ladder names live levels");
                let head = self.levels.at(level).head;
                if head == SLOT_NONE {
                    self.levels.vacate(level);
                    self.ladders.remove(book_side as usize, key);
                    self.l2_levels -= 1;
                } else {
                    self.leave(head);
                }
            }
        }
        Ok(Applied { bbo_changed: self.levels.live() != levels_before, ..Applied::NOTHING })
    }

    /// Time priority that the next order will get: an order of ours that arrives now is behind all smaller ones.
    #[must_use]
    pub fn next_priority(&self) -> u64 {
        self.next_priority
    }

    /// The capacities that it was made with.
    #[must_use]
    pub fn config(&self) -> &BookConfig {
        &self.config
    }
}

/// A replace that keeps price and quantity changes the queue, not what is displayed.
#[inline(always)]
fn same_shown(event: &MarketEvent, old: &Applied) -> bool {
    (event.price == old.price) & (event.quantity == old.quantity)
}
