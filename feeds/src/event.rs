//! The one market-data vocabulary: what every decoder produces and every book consumes.
//!
//! A [`MarketEvent`] is 64 bytes of plain old data, one cache line. Each field has one meaning per
//! [`EventKind`]; the table on the kind says which fields are set.

use crate::units::PRICE_NONE;

/// Instrument sentinel: the event concerns every instrument of its venue (a system event, for example).
pub const INSTRUMENT_ALL: u32 = u32::MAX;

/// Instrument sentinel: the listing is not known (no directory message, no configuration).
pub const INSTRUMENT_NONE: u32 = u32::MAX - 1;

/// Side of an order or a book. `None` where the event has no side.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The event has no side.
    #[default]
    None = 0,
    /// Bid side.
    Buy = 1,
    /// Offer side.
    Sell = 2,
}

impl Side {
    /// The other side; `None` stays `None`.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// What happened. Fields not named for a kind hold zero (or [`crate::units::PRICE_NONE`] for the price).
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A new displayed order: `order_id`, `side`, `price`, `quantity`.
    OrderAdd = 1,
    /// Order `order_id` is gone and `second_id` takes its side with a new `price` and `quantity`, at the queue's end.
    OrderReplace = 2,
    /// `quantity` is taken off order `order_id`; it keeps its place.
    OrderReduce = 3,
    /// Order `order_id` is gone.
    OrderDelete = 4,
    /// `quantity` of order `order_id` traded; `second_id` is the match number; `price` is
    /// [`crate::units::PRICE_NONE`] when it traded at the order's own price, else the execution price.
    OrderExecute = 5,
    /// L2 feeds: the level at `side`, `price` now shows `quantity` (0 = gone).
    LevelSet = 6,
    /// A trade that changes no displayed order: `side` (of the resting order, or `None`), `price`, `quantity`,
    /// `second_id` the match number; flag [`flags::HIDDEN`] or [`flags::CROSS`].
    Trade = 7,
    /// Trading status of `instrument` (or [`INSTRUMENT_ALL`]): `quantity` holds a [`TradingStatus`] code.
    TradingStatus = 8,
    /// Messages are missing: `second_id` is the first missing sequence number, `quantity` how many. The books of
    /// `instrument` (or [`INSTRUMENT_ALL`]) at this venue are stale from here on until [`Self::Recovered`].
    Gap = 9,
    /// All orders and levels of `instrument` (or [`INSTRUMENT_ALL`]) at this venue are to be forgotten.
    Clear = 10,
    /// Order `order_id` now has `price` and `quantity` on `side`. It keeps its place if the price stays and the
    /// quantity does not grow, else it goes to the queue's end (feeds that do not say which: CME, Databento).
    OrderModify = 11,
    /// What was missing has come, or a snapshot has replaced it: the books of `instrument` (or [`INSTRUMENT_ALL`]) at
    /// this venue are current again.
    Recovered = 12,
}

impl EventKind {
    /// The kind of a code, or `None` for a code that has none.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::OrderAdd,
            2 => Self::OrderReplace,
            3 => Self::OrderReduce,
            4 => Self::OrderDelete,
            5 => Self::OrderExecute,
            6 => Self::LevelSet,
            7 => Self::Trade,
            8 => Self::TradingStatus,
            9 => Self::Gap,
            10 => Self::Clear,
            11 => Self::OrderModify,
            12 => Self::Recovered,
            _ => return None,
        })
    }
}

/// Trading status codes carried in `quantity` of [`EventKind::TradingStatus`].
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TradingStatus {
    /// Continuous trading (an instrument), or market hours (a venue).
    Trading = 1,
    /// Quotations only: orders rest, nothing matches.
    QuotationOnly = 2,
    /// Paused (volatility pause), nothing matches.
    Paused = 3,
    /// Halted, nothing matches.
    Halted = 4,
    /// Venue: before market hours. Orders may rest; auctions may uncross.
    PreOpen = 5,
    /// Venue: market hours are over.
    Closed = 6,
}

impl TradingStatus {
    /// The status of a code, or `None` for a value that no feed produces.
    #[must_use]
    pub const fn from_code(code: u64) -> Option<Self> {
        Some(match code {
            1 => Self::Trading,
            2 => Self::QuotationOnly,
            3 => Self::Paused,
            4 => Self::Halted,
            5 => Self::PreOpen,
            6 => Self::Closed,
            _ => return None,
        })
    }
}

/// Bits of [`MarketEvent::flags`].
pub mod flags {
    /// Last event of one market message: consumers act, and crossed-book checks run, only here.
    pub const LAST_OF_EVENT: u8 = 1;
    /// Part of a snapshot, not of the live stream.
    pub const SNAPSHOT: u8 = 2;
    /// The execution is not printed to the tape (it is part of a cross).
    pub const NON_PRINTABLE: u8 = 4;
    /// A trade against a non-displayed order.
    pub const HIDDEN: u8 = 8;
    /// A cross (auction) trade.
    pub const CROSS: u8 = 16;
}

/// One market event; see [`EventKind`] for the meaning of each field.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketEvent {
    /// Exchange's clock, UTC ns.
    pub exchange_ns: u64,
    /// Receive time, UTC ns: NIC, kernel or capture clock; where the source has none, exchange time plus the
    /// configured line latency.
    pub receive_ns: u64,
    /// Message number in the venue's stream, from 1.
    pub sequence: u64,
    /// Order reference number of the venue; unique within one venue and day. Dense or sparse.
    pub order_id: u64,
    /// New order reference (replace), match number (execute, trade), first missing sequence number (gap).
    pub second_id: u64,
    /// 1e-9 of the currency unit, or [`crate::units::PRICE_NONE`].
    pub price: i64,
    /// Smallest increments (shares), or a code; see the kind.
    pub quantity: u64,
    /// Dense global instrument number, [`INSTRUMENT_ALL`] or [`INSTRUMENT_NONE`].
    pub instrument: u32,
    /// Dense venue number, in the order of the configuration.
    pub venue: u8,
    /// What happened.
    pub kind: EventKind,
    /// Side, where the kind has one.
    pub side: Side,
    /// Bits of [`flags`].
    pub flags: u8,
}

impl MarketEvent {
    /// An event that changes no book, every field empty: what a buffer of events starts with.
    pub const NOTHING: Self = Self {
        exchange_ns: 0,
        receive_ns: 0,
        sequence: 0,
        order_id: 0,
        second_id: 0,
        price: PRICE_NONE,
        quantity: 0,
        instrument: INSTRUMENT_NONE,
        venue: 0,
        kind: EventKind::Recovered,
        side: Side::None,
        flags: flags::LAST_OF_EVENT,
    };

    /// An event of a whole venue, every other field empty. `time_ns`: UTC ns.
    #[must_use]
    pub const fn of_venue(venue: u8, kind: EventKind, time_ns: u64) -> Self {
        Self {
            exchange_ns: time_ns,
            receive_ns: time_ns,
            instrument: INSTRUMENT_ALL,
            venue,
            kind,
            ..Self::NOTHING
        }
    }

    /// Messages `first..next` of a venue are missing: told in front of message `next`.
    #[must_use]
    pub const fn gap(venue: u8, first: u64, next: u64, time_ns: u64) -> Self {
        Self {
            sequence: next,
            second_id: first,
            quantity: next - first,
            ..Self::of_venue(venue, EventKind::Gap, time_ns)
        }
    }
}

/// What all events of a message share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) venue: u8,
    pub(crate) instrument: u32,
    pub(crate) sequence: u64,
    pub(crate) receive_ns: u64,
    pub(crate) exchange_ns: u64,
}

impl Origin {
    /// An event of this kind, the fields that not all kinds have empty, no flag set.
    #[inline(always)]
    pub(crate) fn event(&self, kind: EventKind) -> MarketEvent {
        let Self { venue, instrument, sequence, receive_ns, exchange_ns } = *self;
        MarketEvent {
            exchange_ns,
            receive_ns,
            sequence,
            instrument,
            venue,
            kind,
            flags: 0,
            ..MarketEvent::NOTHING
        }
    }
}

const _: () = assert!(size_of::<MarketEvent>() == 64 && align_of::<MarketEvent>() == 64);

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    #[test]
    fn kinds_come_back_from_their_codes() {
        for code in 0..=u8::MAX {
            assert!(EventKind::from_code(code).is_none_or(|kind| kind as u8 == code));
        }
        assert_eq!(EventKind::from_code(EventKind::Recovered as u8), Some(EventKind::Recovered));
    }

    #[test]
    fn layout_is_fixed() {
        assert_eq!(offset_of!(MarketEvent, price), 40);
        assert_eq!(offset_of!(MarketEvent, instrument), 56);
        assert_eq!(offset_of!(MarketEvent, venue), 60);
        assert_eq!(offset_of!(MarketEvent, flags), 63);
    }
}
