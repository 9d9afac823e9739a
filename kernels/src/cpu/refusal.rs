//! Why books refuse a configuration or an event, in types and words. Nothing has changed when they do.
//!
//! Cold: an event is refused by a bare `None` on the hot path, and why is found out here, out of line.

use super::book::{INSTRUMENTS_LIMIT, LEVELS_LIMIT, ORDERS_LIMIT, PRIORITY_MAX, VenueBooks};
use super::levels::LevelKey;
use feeds::event::{MarketEvent, Side};

/// A [`super::book::BookConfig`] that no book can be made from: which field, and its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookConfigError {
    /// `instruments_max` is zero or above 2^24.
    Instruments(usize),
    /// `orders_max` is zero or above 2^27.
    Orders(usize),
    /// `levels_max` is zero or above 2^22.
    Levels(usize),
    /// `price_tick` is not positive.
    PriceTick(i64),
}

impl std::fmt::Display for BookConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Instruments(n) => write!(f, "instruments_max = {n}: must be 1 to {INSTRUMENTS_LIMIT}"),
            Self::Orders(n) => write!(f, "orders_max = {n}: must be 1 to {ORDERS_LIMIT}"),
            Self::Levels(n) => write!(f, "levels_max = {n}: must be 1 to {LEVELS_LIMIT}"),
            Self::PriceTick(tick) => write!(f, "price_tick = {tick}: must be above zero (in 1e-9)"),
        }
    }
}

impl std::error::Error for BookConfigError {}

/// Which table is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// `orders_max` orders rest, or the order's slots are crowded out.
    Orders,
    /// `levels_max` levels exist, or the level's slots are crowded out.
    Levels,
    /// The arena of sorted prices is used up.
    Ladders,
    /// [`PRIORITY_MAX`] orders were taken in since the start.
    Priorities,
}

/// Why an event was not applied. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookError {
    /// No live order has this id: a lost message, or a feed joined late. Recover by a snapshot, or go on without it.
    UnknownOrder(u64),
    /// A live order has this id already: a repeated message.
    DuplicateOrder(u64),
    /// More is taken than the order has left, given here.
    Overfill(u64),
    /// The price is missing, off the tick, or beyond what the book can hold.
    PriceOutOfRange(i64),
    /// A new order of no quantity, or a level's sum that would overflow.
    QuantityOutOfRange(u64),
    /// A new order or a level set without a side.
    SideMissing,
    /// The table named is full: raise its capacity in the configuration.
    Full(Table),
    /// The instrument is not below `instruments_max`.
    InstrumentOutOfRange(u32),
    /// The order belongs to this instrument, not to the event's.
    WrongInstrument(u32),
    /// No such trading status code.
    UnknownStatus(u64),
    /// A modification names this side; the order rests on the other one.
    SideChanged(Side),
    /// A level set for this instrument, which holds orders: clear it first, or configure one kind of feed for it.
    HoldsOrders(u32),
    /// A new order for this instrument, which holds levels of an L2 feed: clear it first, or configure one kind of
    /// feed for it.
    HoldsLevels(u32),
}

impl std::fmt::Display for BookError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownOrder(id) => write!(f, "reference to unknown order {id}"),
            Self::DuplicateOrder(id) => write!(f, "order {id} is live already"),
            Self::Overfill(left) => write!(f, "more is taken off an order than the {left} that it has left"),
            Self::PriceOutOfRange(price) => {
                write!(f, "price {price} (1e-9) is missing, off the tick or too large")
            }
            Self::QuantityOutOfRange(quantity) => write!(f, "quantity {quantity} is zero or too large"),
            Self::SideMissing => f.write_str("a new order or a level without a side"),
            Self::Full(table) => write!(f, "the table of {table:?} is full"),
            Self::InstrumentOutOfRange(instrument) => {
                write!(f, "instrument {instrument} is not listed (unknown stock locate)")
            }
            Self::WrongInstrument(instrument) => write!(f, "the order belongs to instrument {instrument}"),
            Self::UnknownStatus(code) => write!(f, "unknown trading status {code}"),
            Self::SideChanged(side) => {
                write!(f, "a modification to side {side:?} of an order on the other one")
            }
            Self::HoldsOrders(instrument) => {
                write!(f, "a level set for instrument {instrument}, which holds orders: clear it first")
            }
            Self::HoldsLevels(instrument) => {
                write!(f, "an order for instrument {instrument}, which holds L2 levels: clear it first")
            }
        }
    }
}

impl std::error::Error for BookError {}

impl VenueBooks {
    /// Why `add` refused.
    #[cold]
    #[inline(never)]
    pub(super) fn why_not_added(&self, event: &MarketEvent) -> BookError {
        if event.instrument as usize >= self.config.instruments_max {
            BookError::InstrumentOutOfRange(event.instrument)
        } else if event.side == Side::None {
            BookError::SideMissing
        } else if self.orders.live() >= self.config.orders_max {
            BookError::Full(Table::Orders)
        } else if self.holds_levels(event.instrument) {
            BookError::HoldsLevels(event.instrument)
        } else {
            self.why_not_entered(event.order_id, event, event.side == Side::Sell, self.config.levels_max)
        }
    }

    /// Why `enter` refused.
    #[cold]
    #[inline(never)]
    pub(super) fn why_not_entered(
        &self,
        id: u64,
        event: &MarketEvent,
        sell: bool,
        levels_max: usize,
    ) -> BookError {
        let Some(tick) = self.tick.ticks(event.price) else {
            return BookError::PriceOutOfRange(event.price);
        };
        if event.quantity == 0 {
            BookError::QuantityOutOfRange(0)
        } else if self.next_priority > PRIORITY_MAX {
            BookError::Full(Table::Priorities)
        } else if self.orders.seat(id).is_taken() {
            BookError::DuplicateOrder(id)
        } else if !self.orders.seat(id).is_vacant() {
            BookError::Full(Table::Orders)
        } else {
            let key = LevelKey { book_side: event.instrument * 2 + u32::from(sell), tick };
            self.why_not_joined(key, event.quantity, levels_max)
        }
    }

    /// Why `join_level` refused.
    #[cold]
    pub(super) fn why_not_joined(&self, key: LevelKey, quantity: u64, levels_max: usize) -> BookError {
        let seat = self.levels.seat(key);
        if seat.is_taken() {
            BookError::QuantityOutOfRange(quantity)
        } else if !seat.is_vacant() || self.levels.live() >= levels_max {
            BookError::Full(Table::Levels)
        } else {
            BookError::Full(Table::Ladders)
        }
    }

    /// Why `resting` found nothing.
    #[cold]
    #[inline(never)]
    pub(super) fn why_not_resting(&self, event: &MarketEvent) -> BookError {
        match self.order(event.order_id) {
            Some(order) => BookError::WrongInstrument(order.instrument),
            None => BookError::UnknownOrder(event.order_id),
        }
    }
}
