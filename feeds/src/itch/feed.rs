//! ITCH 5.0 messages as market events: one venue's stream of message bodies in, [`MarketEvent`]s out.
//!
//! Sans-I/O, no allocation (not even for a late listing). One per venue; the thread that decodes owns it.
//! It does not look at sequence numbers: gaps are the transport's business. It keeps no orders: that an execution
//! names an order that nobody added is the book's finding. The side of a replace is the old order's, so the event
//! carries none.

use super::decode::{DecodeError, decode};
use super::messages::{Header, Message, StockDirectory};
use super::order_fields;
use crate::directory::Directory;
use crate::event::{EventKind, INSTRUMENT_ALL, MarketEvent, Side, TradingStatus, flags};
use crate::units::{ITCH_PRICE4_UNIT, TIME_NONE};

/// One venue's ITCH 5.0 stream.
#[derive(Clone, Debug)]
pub struct ItchFeed {
    /// Dense venue number, below [`crate::directory::VENUES_MAX`].
    pub venue: u8,
    /// UTC ns of the midnight (Eastern time) that the stream's time stamps count from.
    pub midnight_ns: u64,
    /// Added to the exchange's time where the source has no receive time, ns.
    pub line_latency_ns: u64,
    /// Directory messages that [`Directory::list`] refused: their listings' events carry
    /// [`crate::event::INSTRUMENT_NONE`].
    pub refused_listings: u64,
}

/// Price(4) to 1e-9, exact: 2^32 * 10^5 is below 2^63.
#[inline(always)]
fn price4(price: u32) -> i64 {
    i64::from(price) * ITCH_PRICE4_UNIT
}

#[inline(always)]
fn side(character: u8) -> Side {
    match character {
        b'B' => Side::Buy,
        b'S' => Side::Sell,
        _ => Side::None,
    }
}

/// A trading state that the specification does not list counts as halted: nothing may be sent on a guess.
fn stock_status(trading_state: u8) -> TradingStatus {
    match trading_state {
        b'T' => TradingStatus::Trading,
        b'Q' => TradingStatus::QuotationOnly,
        b'P' => TradingStatus::Paused,
        _ => TradingStatus::Halted,
    }
}

/// Before market hours (`O`, `S`), in them (`Q`), after them (`M`, `E`, `C`); an unlisted code counts as after.
fn venue_status(event_code: u8) -> TradingStatus {
    match event_code {
        b'O' | b'S' => TradingStatus::PreOpen,
        b'Q' => TradingStatus::Trading,
        _ => TradingStatus::Closed,
    }
}

impl ItchFeed {
    /// The feed of `venue`; see the fields for the units.
    #[must_use]
    pub fn new(venue: u8, midnight_ns: u64, line_latency_ns: u64) -> Self {
        Self { venue, midnight_ns, line_latency_ns, refused_listings: 0 }
    }

    /// Decodes one message body and says what it means for the market.
    ///
    /// `sequence` is the message's number in the stream; `receive_ns` the UTC receive time of its packet, or
    /// [`TIME_NONE`]. `Ok(None)`: the message changes no book, trade or status (a directory message `R` lists its
    /// symbol in `directory` on the way; a cross `Q` of 0 shares is one that did not happen). The instrument comes
    /// from the stock locate; [`crate::event::INSTRUMENT_NONE`] when nothing lists it. Every event is the last of
    /// its message.
    ///
    /// # Errors
    /// [`DecodeError`], nothing else having happened.
    #[inline(always)]
    pub fn decode_event(
        &mut self,
        directory: &mut Directory,
        body: &[u8],
        sequence: u64,
        receive_ns: u64,
    ) -> Result<Option<MarketEvent>, DecodeError> {
        let mut event = MarketEvent::NOTHING;
        let is_event = self.decode_into(directory, body, sequence, receive_ns, &mut event)?;
        Ok(is_event.then_some(event))
    }

    /// [`Self::decode_event`] straight into its place (a batch, a ring): spares a copy of 64 bytes. `Ok(false)` and
    /// an error leave `out` as it was.
    ///
    /// # Errors
    /// [`DecodeError`], nothing else having happened.
    #[inline(always)]
    pub fn decode_into(
        &mut self,
        directory: &mut Directory,
        body: &[u8],
        sequence: u64,
        receive_ns: u64,
        out: &mut MarketEvent,
    ) -> Result<bool, DecodeError> {
        let Some(order) = order_fields::read(body) else {
            return self.decode_rare(directory, body, sequence, receive_ns, out);
        };
        // 48 bits of time on a midnight of this century do not wrap; a nonsensical midnight must not panic.
        let exchange_ns = self.midnight_ns.wrapping_add(order.timestamp_ns);
        *out = MarketEvent {
            exchange_ns,
            receive_ns: self.received_at(receive_ns, exchange_ns),
            sequence,
            order_id: order.order_id,
            second_id: order.second_id,
            price: order.price,
            quantity: order.quantity,
            instrument: directory.instrument_at(self.venue, order.locate),
            venue: self.venue,
            kind: order.kind,
            side: order.side,
            flags: flags::LAST_OF_EVENT,
        };
        Ok(true)
    }

    /// The source's receive time, or what stands for it.
    #[inline(always)]
    fn received_at(&self, receive_ns: u64, exchange_ns: u64) -> u64 {
        if receive_ns == TIME_NONE { exchange_ns.wrapping_add(self.line_latency_ns) } else { receive_ns }
    }

    /// [`Self::decode_into`] of the types that [`order_fields`] does not know, and of bodies that are none.
    #[inline(never)]
    fn decode_rare(
        &mut self,
        directory: &mut Directory,
        body: &[u8],
        sequence: u64,
        receive_ns: u64,
        out: &mut MarketEvent,
    ) -> Result<bool, DecodeError> {
        let message = decode(body)?;
        let at = Origin { feed: self, directory, sequence, receive_ns };
        *out = match message {
            Message::OrderExecutedWithPrice(execution) => MarketEvent {
                order_id: execution.reference,
                second_id: execution.match_number,
                price: price4(execution.price),
                quantity: u64::from(execution.shares),
                flags: flags::LAST_OF_EVENT
                    | if execution.printable == b'N' { flags::NON_PRINTABLE } else { 0 },
                ..at.event(EventKind::OrderExecute, &execution.header)
            },
            Message::Trade(trade) => MarketEvent {
                order_id: trade.reference,
                second_id: trade.match_number,
                price: price4(trade.price),
                quantity: u64::from(trade.shares),
                side: side(trade.side),
                flags: flags::LAST_OF_EVENT | flags::HIDDEN,
                ..at.event(EventKind::Trade, &trade.header)
            },
            Message::CrossTrade(cross) if cross.shares != 0 => MarketEvent {
                second_id: cross.match_number,
                price: price4(cross.price),
                quantity: cross.shares,
                flags: flags::LAST_OF_EVENT | flags::CROSS,
                ..at.event(EventKind::Trade, &cross.header)
            },
            Message::StockTradingAction(action) => MarketEvent {
                quantity: stock_status(action.trading_state) as u64,
                ..at.event(EventKind::TradingStatus, &action.header)
            },
            Message::SystemEvent(event) => MarketEvent {
                quantity: venue_status(event.event_code) as u64,
                instrument: INSTRUMENT_ALL,
                ..at.event(EventKind::TradingStatus, &event.header)
            },
            Message::StockDirectory(stock) => {
                self.list(directory, &stock);
                return Ok(false);
            }
            _ => return Ok(false),
        };
        Ok(true)
    }

    /// Out of line: once per symbol and day.
    #[cold]
    fn list(&mut self, directory: &mut Directory, stock: &StockDirectory) {
        let locate = stock.header.locate;
        match directory.list(self.venue, locate, stock.stock) {
            Ok(_) => directory.set_round_lot(self.venue, locate, stock.round_lot_size),
            Err(_) => self.refused_listings += 1,
        }
    }
}

/// Where a message came from: what all its event's origin fields derive from.
struct Origin<'a> {
    feed: &'a ItchFeed,
    directory: &'a Directory,
    sequence: u64,
    receive_ns: u64,
}

impl Origin<'_> {
    /// An event of this kind with its origin set and every field that not all kinds have empty.
    #[inline(always)]
    fn event(&self, kind: EventKind, header: &Header) -> MarketEvent {
        let exchange_ns = self.feed.midnight_ns.wrapping_add(header.timestamp_ns);
        MarketEvent {
            exchange_ns,
            receive_ns: self.feed.received_at(self.receive_ns, exchange_ns),
            sequence: self.sequence,
            instrument: self.directory.instrument_at(self.feed.venue, header.locate),
            venue: self.feed.venue,
            kind,
            ..MarketEvent::NOTHING
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::INSTRUMENT_NONE;
    use crate::itch::encode::encode;
    use crate::itch::messages::*;
    use crate::symbol::Symbol;

    const MIDNIGHT_NS: u64 = 1_700_000_000_000_000_000;
    const LATENCY_NS: u64 = 900;
    const HEADER: Header = Header { locate: 5, tracking: 1, timestamp_ns: 1000 };

    fn feed() -> (ItchFeed, Directory) {
        let mut directory = Directory::new(vec![Symbol::new("AAPL").unwrap()], 1).unwrap();
        directory.list(2, 5, Symbol::new("AAPL").unwrap()).unwrap();
        (ItchFeed::new(2, MIDNIGHT_NS, LATENCY_NS), directory)
    }

    fn event_of(message: Message) -> Option<MarketEvent> {
        let (mut feed, mut directory) = feed();
        let mut out = [0; BODY_LENGTH_MAX];
        let length = encode(&message, &mut out);
        feed.decode_event(&mut directory, &out[..length], 77, TIME_NONE).unwrap()
    }

    const EMPTY: MarketEvent = MarketEvent {
        exchange_ns: MIDNIGHT_NS + 1000,
        receive_ns: MIDNIGHT_NS + 1000 + LATENCY_NS,
        sequence: 77,
        order_id: 0,
        second_id: 0,
        price: crate::units::PRICE_NONE,
        quantity: 0,
        instrument: 0,
        venue: 2,
        kind: EventKind::OrderAdd,
        side: Side::None,
        flags: flags::LAST_OF_EVENT,
    };

    #[test]
    fn orders() {
        let stock = Symbol::new("AAPL").unwrap();
        let add = MarketEvent {
            order_id: u64::MAX,
            price: 429_496_729_500_000,
            quantity: u64::from(u32::MAX),
            side: Side::Sell,
            ..EMPTY
        };
        let (reference, shares, price) = (u64::MAX, u32::MAX, u32::MAX);
        assert_eq!(
            event_of(Message::AddOrder(AddOrder {
                header: HEADER,
                reference,
                side: b'S',
                shares,
                stock,
                price
            })),
            Some(add)
        );
        assert_eq!(
            event_of(Message::AddOrderMpid(AddOrderMpid {
                header: HEADER,
                reference,
                side: b'B',
                shares,
                stock,
                price,
                attribution: *b"GSCO"
            })),
            Some(MarketEvent { side: Side::Buy, ..add })
        );
        assert_eq!(
            event_of(Message::OrderDelete(OrderDelete { header: HEADER, reference: 9 })),
            Some(MarketEvent { kind: EventKind::OrderDelete, order_id: 9, ..EMPTY })
        );
        assert_eq!(
            event_of(Message::OrderCancel(OrderCancel { header: HEADER, reference: 9, shares: 30 })),
            Some(MarketEvent { kind: EventKind::OrderReduce, order_id: 9, quantity: 30, ..EMPTY })
        );
        assert_eq!(
            event_of(Message::OrderReplace(OrderReplace {
                header: HEADER,
                reference: 9,
                new_reference: 10,
                shares: 40,
                price: 2_092_500
            })),
            Some(MarketEvent {
                kind: EventKind::OrderReplace,
                order_id: 9,
                second_id: 10,
                quantity: 40,
                price: 209_250_000_000,
                ..EMPTY
            })
        );
    }

    #[test]
    fn executions_and_trades() {
        let executed =
            MarketEvent { kind: EventKind::OrderExecute, order_id: 9, second_id: 11, quantity: 50, ..EMPTY };
        assert_eq!(
            event_of(Message::OrderExecuted(OrderExecuted {
                header: HEADER,
                reference: 9,
                shares: 50,
                match_number: 11
            })),
            Some(executed)
        );
        for (printable, flag) in [(b'Y', 0), (b'N', flags::NON_PRINTABLE)] {
            assert_eq!(
                event_of(Message::OrderExecutedWithPrice(OrderExecutedWithPrice {
                    header: HEADER,
                    reference: 9,
                    shares: 50,
                    match_number: 11,
                    printable,
                    price: 1
                })),
                Some(MarketEvent { price: 100_000, flags: flags::LAST_OF_EVENT | flag, ..executed })
            );
        }
        let stock = Symbol::new("AAPL").unwrap();
        let trade = MarketEvent { kind: EventKind::Trade, price: 100_000, ..executed };
        assert_eq!(
            event_of(Message::Trade(Trade {
                header: HEADER,
                reference: 9,
                side: b'B',
                shares: 50,
                stock,
                price: 1,
                match_number: 11
            })),
            Some(MarketEvent { side: Side::Buy, flags: flags::LAST_OF_EVENT | flags::HIDDEN, ..trade })
        );
        let cross = CrossTrade {
            header: HEADER,
            shares: 1 << 40,
            stock,
            price: 1,
            match_number: 11,
            cross_type: b'O',
        };
        assert_eq!(
            event_of(Message::CrossTrade(cross)),
            Some(MarketEvent {
                order_id: 0,
                quantity: 1 << 40,
                flags: flags::LAST_OF_EVENT | flags::CROSS,
                ..trade
            })
        );
        assert_eq!(event_of(Message::CrossTrade(CrossTrade { shares: 0, ..cross })), None);
    }

    #[test]
    fn statuses() {
        let status = |status: TradingStatus, instrument| {
            let quantity = status as u64;
            Some(MarketEvent { kind: EventKind::TradingStatus, quantity, instrument, ..EMPTY })
        };
        for (event_code, expected) in [
            (b'O', TradingStatus::PreOpen),
            (b'S', TradingStatus::PreOpen),
            (b'Q', TradingStatus::Trading),
            (b'M', TradingStatus::Closed),
            (b'E', TradingStatus::Closed),
            (b'C', TradingStatus::Closed),
        ] {
            let event = event_of(Message::SystemEvent(SystemEvent { header: HEADER, event_code }));
            assert_eq!(event, status(expected, INSTRUMENT_ALL));
        }
        for (trading_state, expected) in [
            (b'T', TradingStatus::Trading),
            (b'H', TradingStatus::Halted),
            (b'P', TradingStatus::Paused),
            (b'Q', TradingStatus::QuotationOnly),
            (b'?', TradingStatus::Halted),
        ] {
            let event = event_of(Message::StockTradingAction(StockTradingAction {
                header: HEADER,
                stock: Symbol::new("AAPL").unwrap(),
                trading_state,
                reserved: b' ',
                reason: *b"T1  ",
            }));
            assert_eq!(event, status(expected, 0));
        }
    }

    #[test]
    fn directory_messages_list_and_unknown_locates_stay_unknown() {
        let (mut feed, mut directory) = feed();
        let mut out = [0; BODY_LENGTH_MAX];
        let mut directory_message = [0u8; 39];
        directory_message[0] = b'R';
        directory_message[2] = 6;
        directory_message[11..19].copy_from_slice(b"MSFT    ");
        directory_message[24] = 100;
        let Ok(message) = decode(&directory_message) else { panic!() };
        let length = encode(&message, &mut out);
        assert_eq!(feed.decode_event(&mut directory, &out[..length], 1, TIME_NONE), Ok(None));
        assert_eq!(directory.instrument_at(2, 6), 1);
        assert_eq!(directory.round_lot(2, 6), Some(100));
        assert_eq!(feed.refused_listings, 0);

        out[2] = 7;
        out[11] = b'X';
        assert_eq!(feed.decode_event(&mut directory, &out[..length], 2, TIME_NONE), Ok(None));
        assert_eq!(feed.refused_listings, 1, "the directory is full");

        let delete = OrderDelete { header: Header { locate: 7, ..HEADER }, reference: 1 };
        let length = encode(&Message::OrderDelete(delete), &mut out);
        let event = feed.decode_event(&mut directory, &out[..length], 3, 12_345).unwrap().unwrap();
        assert_eq!((event.instrument, event.receive_ns), (INSTRUMENT_NONE, 12_345));
        assert_eq!(
            feed.decode_event(&mut directory, b"z", 4, TIME_NONE),
            Err(DecodeError::UnknownType(b'z'))
        );
    }
}
