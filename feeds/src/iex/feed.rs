//! IEX messages as market events: one feed's segments in, [`MarketEvent`]s out.
//!
//! TOPS gives the best level of each side as [`EventKind::LevelSet`]: the previous best is set to 0 when its price
//! changes. DEEP gives all levels, DEEP+ the orders. The first segment says which of the three it is; segments of
//! another one are refused, for their books would contradict each other. Sans-I/O; the per-instrument tables are
//! allocated in [`IexFeed::new`], nothing afterwards. One per venue; the thread that decodes owns it.
//!
//! It does not look at sequence numbers. What changes no book, trade or status gives no event: retail interest, short
//! sale tests, official prices, auction information, security events, trade breaks (which are counted).

use super::decode::decode;
use super::messages::{Message, QuoteUpdate};
use super::transport::{self, Header};
use crate::directory::Directory;
use crate::event::{EventKind, INSTRUMENT_ALL, MarketEvent, Origin, Side, TradingStatus, flags};
use crate::listing_map::ListingMap;
use crate::packet_decoder::{PacketDecoder, PacketError, PacketErrorCause, PacketSummary, StreamId};
use crate::symbol::Symbol;
use crate::units::{PRICE_NONE, TIME_NONE};

/// Price units (1e-9) in one IEX price unit (1e-4).
const PRICE_UNIT: i64 = 100_000;

/// Event flag of DEEP: the event is complete.
const EVENT_COMPLETE: u8 = 1;

/// Sale condition: a single-price cross.
const CROSS_TRADE: u8 = 1 << 3;

/// The fewest payload bytes that an event costs: a quote update (44 bytes with its length) moves two levels and so
/// gives up to four events; every other message gives one and has at least 12 bytes.
const BYTES_PER_EVENT_MIN: usize = 11;

/// What a feed has met that gives no event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IexCounters {
    /// Messages of types that the known specifications do not have.
    pub unknown_messages: u64,
    /// Symbols that the directory refused: their events carry [`crate::event::INSTRUMENT_NONE`].
    pub refused_listings: u64,
    /// Messages of symbols beyond the capacity of the feed's tables; they give no events.
    pub unlisted_messages: u64,
    /// Trades that the exchange broke.
    pub trade_breaks: u64,
}

/// The best level of one side as the books have it.
#[derive(Clone, Copy, Debug)]
struct Best {
    /// 1e-9, or [`PRICE_NONE`] for no level.
    price: i64,
    quantity: u32,
}

/// What the feed remembers of an instrument.
#[derive(Clone, Copy, Debug)]
struct Instrument {
    bid: Best,
    ask: Best,
    /// Last trading status, `None` before the first.
    status: Option<TradingStatus>,
    operational_halt: bool,
}

const NO_LEVEL: Best = Best { price: PRICE_NONE, quantity: 0 };

const UNSEEN: Instrument = Instrument { bid: NO_LEVEL, ask: NO_LEVEL, status: None, operational_halt: false };

/// One IEX feed: TOPS, DEEP or DEEP+.
#[derive(Clone, Debug)]
pub struct IexFeed {
    venue: u8,
    line_latency_ns: u64,
    /// Message Protocol ID of the first segment.
    message_protocol: Option<u16>,
    listings: ListingMap,
    /// By locate.
    instruments: Box<[Instrument]>,
    counters: IexCounters,
}

/// Where in the market an event is.
#[derive(Clone, Copy)]
struct Place {
    locate: u16,
    instrument: u32,
}

impl IexFeed {
    /// The feed of `venue` (below [`crate::directory::VENUES_MAX`]) with tables for `instruments_max` symbols, at most
    /// 2^16. `line_latency_ns` is added to the exchange's time where a segment has no receive time.
    #[must_use]
    pub fn new(venue: u8, instruments_max: usize, line_latency_ns: u64) -> Self {
        let listings = ListingMap::new(instruments_max);
        let instruments = vec![UNSEEN; listings.capacity()].into_boxed_slice();
        Self {
            venue,
            line_latency_ns,
            message_protocol: None,
            listings,
            instruments,
            counters: IexCounters::default(),
        }
    }

    /// What gave no event so far.
    #[must_use]
    pub fn counters(&self) -> IexCounters {
        self.counters
    }

    /// A segment of the feed: of the kind that the first one had.
    fn check_protocol(&mut self, header: &Header) -> Result<(), PacketError> {
        let found = header.message_protocol;
        let known = matches!(found, transport::TOPS | transport::DEEP | transport::DEEP_PLUS);
        if !known || *self.message_protocol.get_or_insert(found) != found {
            let cause =
                PacketErrorCause::OtherProtocol { field: "the IEX message protocol", found: found.into() };
            return Err(PacketError::at(2, cause));
        }
        Ok(())
    }

    /// The place of `symbol`, which is listed at first sight; `None` when the tables are full.
    #[inline(always)]
    fn place(&mut self, directory: &mut Directory, symbol: Symbol) -> Option<Place> {
        let Some((locate, new)) = self.listings.locate_or_insert(u64::from_le_bytes(symbol.wire8())) else {
            self.counters.unlisted_messages += 1;
            return None;
        };
        if new && directory.list(self.venue, locate, symbol).is_err() {
            self.counters.refused_listings += 1;
        }
        Some(Place { locate, instrument: directory.instrument_at(self.venue, locate) })
    }
}

/// 1e-4 to 1e-9; `None` when 64 bits do not hold it.
#[inline(always)]
fn scaled(price: i64) -> Option<i64> {
    price.checked_mul(PRICE_UNIT)
}

/// The price of a message in 1e-9.
#[inline(always)]
fn price_of(field: &'static str, price: i64) -> Result<i64, PacketErrorCause> {
    scaled(price).ok_or(PacketErrorCause::Value { field, found: price })
}

/// A status that the specification does not list counts as halted: nothing may be sent on a guess.
fn instrument_status(status: u8) -> TradingStatus {
    match status {
        b'T' => TradingStatus::Trading,
        b'O' => TradingStatus::QuotationOnly,
        b'P' => TradingStatus::Paused,
        _ => TradingStatus::Halted,
    }
}

/// Before regular hours (`O`, `S`), in them (`R`), after them (`M`, `E`, `C`); an unlisted code counts as after.
fn venue_status(event: u8) -> TradingStatus {
    match event {
        b'O' | b'S' => TradingStatus::PreOpen,
        b'R' => TradingStatus::Trading,
        _ => TradingStatus::Closed,
    }
}

/// A message's events on their way into the caller's vector.
struct Sink<'a> {
    feed: &'a mut IexFeed,
    directory: &'a mut Directory,
    events: &'a mut Vec<MarketEvent>,
    sequence: u64,
    receive_ns: u64,
}

impl Sink<'_> {
    /// An event with the fields that all kinds share. A time before 1970 counts as 1970.
    #[inline(always)]
    fn event(&self, kind: EventKind, instrument: u32, timestamp_ns: i64) -> MarketEvent {
        let exchange_ns = u64::try_from(timestamp_ns).unwrap_or(0);
        let receive_ns = if self.receive_ns == TIME_NONE {
            exchange_ns.wrapping_add(self.feed.line_latency_ns)
        } else {
            self.receive_ns
        };
        let (venue, sequence) = (self.feed.venue, self.sequence);
        Origin { venue, instrument, sequence, receive_ns, exchange_ns }.event(kind)
    }

    fn place(&mut self, symbol: Symbol) -> Option<Place> {
        self.feed.place(self.directory, symbol)
    }

    fn remembered(&mut self, place: Place) -> &mut Instrument {
        // Locates are below the capacity of the map, and the table has as many entries.
        &mut self.feed.instruments[usize::from(place.locate)]
    }

    /// Decodes a message body and appends its events. Whether the last of them ends its market event is the result.
    #[inline(always)]
    fn message(&mut self, body: &[u8]) -> Result<bool, PacketErrorCause> {
        let Some(message) = decode(body)? else {
            self.feed.counters.unknown_messages += 1;
            return Ok(true);
        };
        match message {
            Message::QuoteUpdate(quote) => self.quote(&quote)?,
            Message::PriceLevelBuy(level) => {
                let price = price_of("the level's price", level.price)?;
                self.level(level.symbol, Side::Buy, price, level.size, level.timestamp_ns);
                return Ok(level.event_flags & EVENT_COMPLETE != 0);
            }
            Message::PriceLevelSell(level) => {
                let price = price_of("the level's price", level.price)?;
                self.level(level.symbol, Side::Sell, price, level.size, level.timestamp_ns);
                return Ok(level.event_flags & EVENT_COMPLETE != 0);
            }
            Message::TradeReport(trade) => {
                let price = price_of("the trade's price", trade.price)?;
                // DEEP+ reports executions of displayed orders by themselves: what is left is hidden.
                let hidden = self.feed.message_protocol == Some(transport::DEEP_PLUS);
                let cross = trade.sale_condition & CROSS_TRADE != 0;
                let Some(place) = self.place(trade.symbol) else { return Ok(true) };
                let event = MarketEvent {
                    second_id: trade.trade_id.cast_unsigned(),
                    price,
                    quantity: trade.size.into(),
                    flags: if cross { flags::CROSS } else { 0 } | if hidden { flags::HIDDEN } else { 0 },
                    ..self.event(EventKind::Trade, place.instrument, trade.timestamp_ns)
                };
                self.events.push(event);
            }
            Message::AddOrder(add) => {
                let price = price_of("the order's price", add.price)?;
                let side = match add.side {
                    b'8' => Side::Buy,
                    b'5' => Side::Sell,
                    _ => Side::None,
                };
                let Some(place) = self.place(add.symbol) else { return Ok(true) };
                let event = MarketEvent {
                    order_id: add.order_id,
                    price,
                    quantity: add.size.into(),
                    side,
                    ..self.event(EventKind::OrderAdd, place.instrument, add.timestamp_ns)
                };
                self.events.push(event);
            }
            Message::OrderModify(modify) => {
                let price = price_of("the order's price", modify.price)?;
                let Some(place) = self.place(modify.symbol) else { return Ok(true) };
                let event = MarketEvent {
                    order_id: modify.order_id,
                    price,
                    quantity: modify.size.into(),
                    ..self.event(EventKind::OrderModify, place.instrument, modify.timestamp_ns)
                };
                self.events.push(event);
            }
            Message::OrderDelete(delete) => {
                let Some(place) = self.place(delete.symbol) else { return Ok(true) };
                let event = MarketEvent {
                    order_id: delete.order_id,
                    ..self.event(EventKind::OrderDelete, place.instrument, delete.timestamp_ns)
                };
                self.events.push(event);
            }
            Message::OrderExecuted(execution) => {
                let price = price_of("the execution's price", execution.price)?;
                let Some(place) = self.place(execution.symbol) else { return Ok(true) };
                let event = MarketEvent {
                    order_id: execution.order_id,
                    second_id: execution.trade_id.cast_unsigned(),
                    price,
                    quantity: execution.size.into(),
                    ..self.event(EventKind::OrderExecute, place.instrument, execution.timestamp_ns)
                };
                self.events.push(event);
            }
            Message::ClearBook(clear) => {
                let Some(place) = self.place(clear.symbol) else { return Ok(true) };
                self.events.push(self.event(EventKind::Clear, place.instrument, clear.timestamp_ns));
            }
            Message::TradingStatus(status) => {
                let Some(place) = self.place(status.symbol) else { return Ok(true) };
                self.remembered(place).status = Some(instrument_status(status.status));
                self.status(place, status.timestamp_ns);
            }
            Message::OperationalHaltStatus(halt) => {
                let Some(place) = self.place(halt.symbol) else { return Ok(true) };
                self.remembered(place).operational_halt = halt.status != b'N';
                self.status(place, halt.timestamp_ns);
            }
            Message::SystemEvent(event) => {
                let status = venue_status(event.event) as u64;
                let event = self.event(EventKind::TradingStatus, INSTRUMENT_ALL, event.timestamp_ns);
                self.events.push(MarketEvent { quantity: status, ..event });
            }
            Message::SecurityDirectory(security) => {
                if let Some(place) = self.place(security.symbol) {
                    self.directory.set_round_lot(self.feed.venue, place.locate, security.round_lot_size);
                }
            }
            Message::TradeBreak(_) => self.feed.counters.trade_breaks += 1,
            Message::RetailLiquidityIndicator(_)
            | Message::ShortSalePriceTestStatus(_)
            | Message::SecurityEvent(_)
            | Message::OfficialPrice(_)
            | Message::AuctionInformation(_) => {}
        }
        Ok(true)
    }

    /// A level as the feed now shows it.
    #[inline(always)]
    fn level(&mut self, symbol: Symbol, side: Side, price: i64, size: u32, timestamp_ns: i64) {
        let Some(place) = self.place(symbol) else { return };
        let event = self.event(EventKind::LevelSet, place.instrument, timestamp_ns);
        self.events.push(MarketEvent { price, quantity: size.into(), side, ..event });
    }

    /// Moves the best levels of both sides to the quote's.
    #[inline(always)]
    fn quote(&mut self, quote: &QuoteUpdate) -> Result<(), PacketErrorCause> {
        let best = |field, price, quantity| {
            Ok(if quantity == 0 { NO_LEVEL } else { Best { price: price_of(field, price)?, quantity } })
        };
        let bid = best("the bid", quote.bid_price, quote.bid_size)?;
        let ask = best("the offer", quote.ask_price, quote.ask_size)?;
        let Some(place) = self.place(quote.symbol) else { return Ok(()) };
        let shown = self.remembered(place);
        let before = (shown.bid, shown.ask);
        (shown.bid, shown.ask) = (bid, ask);
        let event = self.event(EventKind::LevelSet, place.instrument, quote.timestamp_ns);
        // What goes away goes first, so that no book is crossed between the events of one message.
        for (side, before, now) in [(Side::Buy, before.0, bid), (Side::Sell, before.1, ask)] {
            if before.price != PRICE_NONE && before.price != now.price {
                self.events.push(MarketEvent { price: before.price, quantity: 0, side, ..event });
            }
        }
        for (side, before, now) in [(Side::Buy, before.0, bid), (Side::Sell, before.1, ask)] {
            if now.price != PRICE_NONE && (before.price, before.quantity) != (now.price, now.quantity) {
                self.events.push(MarketEvent {
                    price: now.price,
                    quantity: now.quantity.into(),
                    side,
                    ..event
                });
            }
        }
        Ok(())
    }

    /// The status that follows from trading status and operational halt; none while neither says anything.
    fn status(&mut self, place: Place, timestamp_ns: i64) {
        let Instrument { status, operational_halt, .. } = *self.remembered(place);
        let Some(status) = (if operational_halt { Some(TradingStatus::Halted) } else { status }) else {
            return;
        };
        let event = self.event(EventKind::TradingStatus, place.instrument, timestamp_ns);
        self.events.push(MarketEvent { quantity: status as u64, ..event });
    }
}

impl PacketDecoder for IexFeed {
    #[inline]
    fn decode_packet(
        &mut self,
        directory: &mut Directory,
        payload: &[u8],
        receive_ns: u64,
        events: &mut Vec<MarketEvent>,
    ) -> Result<PacketSummary, PacketError> {
        let (header, blocks) = transport::decode(payload)?;
        self.check_protocol(&header)?;
        let mut sink = Sink { feed: self, directory, events, sequence: header.first_sequence, receive_ns };
        let mut offset = Header::LENGTH;
        for body in transport::blocks(blocks) {
            let before = sink.events.len();
            match sink.message(body) {
                Ok(complete) => {
                    if let (Some(last), true) = (sink.events[before..].last_mut(), complete) {
                        last.flags |= flags::LAST_OF_EVENT;
                    }
                }
                Err(cause) => return Err(PacketError::at(offset + 2, cause)),
            }
            // A sequence number at the end of its range must not panic.
            sink.sequence = sink.sequence.wrapping_add(1);
            offset += 2 + body.len();
        }
        Ok(PacketSummary {
            stream: StreamId { channel: header.channel, session: header.session },
            first_sequence: header.first_sequence,
            next_sequence: sink.sequence,
            message_count: header.message_count.into(),
            heartbeat: header.message_count == 0,
        })
    }

    fn events_max(&self, payload_length: usize) -> usize {
        payload_length.saturating_sub(Header::LENGTH) / BYTES_PER_EVENT_MIN
    }

    /// Nothing to drop: every message carries whole levels and statuses, and the remembered best levels are those
    /// that the books still hold.
    fn lost(&mut self) {}
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
