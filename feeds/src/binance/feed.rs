//! Binance lines as market events: one capture line in, the events of its message out.
//!
//! Sans-I/O. One a capture or connection; the thread that decodes owns it. Memory: 2 MiB a book for the diffs kept
//! without a snapshot, taken when the symbol is seen first, and the parser's buffers; nothing per line otherwise.
//!
//! The book is the diff stream's. A `bookTicker` changes it only where the capture has no diffs
//! ([`BookSource::Ticker`]): applying both would need the book here, to know which levels a better ticker removed, so
//! on spot (diffs every 100 ms) the top is up to that late. Trades are [`EventKind::Trade`] and change no book.

use std::fmt;

use super::depth::{DepthSync, Ids, Step};
use super::message::{Body, Level, Market, Message, MessageError, MessageParser, PERPETUAL};
use crate::directory::Directory;
use crate::event::{EventKind, INSTRUMENT_NONE, MarketEvent, Origin, Side, flags};
use crate::symbol::Symbol;

/// Books of one stream; lines of further symbols give no events.
pub const BOOKS_MAX: usize = 256;

/// Nanoseconds in a millisecond.
const NS_PER_MS: u64 = 1_000_000;

/// Which stream makes the book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BookSource {
    /// Diffs and snapshots.
    #[default]
    Depth,
    /// Best bids and offers, for captures without diffs.
    Ticker,
}

/// Why a line could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineError {
    /// It does not start with a receive time (UTC ns, digits) and a space.
    ReceiveTime,
    /// The message behind it.
    Message(MessageError),
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReceiveTime => f.write_str("the line does not start with a receive time in ns and a space"),
            Self::Message(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LineError {}

/// Splits a capture line into its receive time (UTC ns) and its JSON text.
///
/// # Errors
/// [`LineError::ReceiveTime`].
#[inline]
pub fn split(line: &[u8]) -> Result<(u64, &[u8]), LineError> {
    let mut time = 0u64;
    for (at, &byte) in line.iter().enumerate().take(20) {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            time = time
                .checked_mul(10)
                .and_then(|time| time.checked_add(digit.into()))
                .ok_or(LineError::ReceiveTime)?;
        } else if byte == b' ' && at > 0 {
            return Ok((time, &line[at + 1..]));
        } else {
            break;
        }
    }
    Err(LineError::ReceiveTime)
}

/// What was passed over, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BinanceCounters {
    /// Diffs seen.
    pub diffs: u64,
    /// Diffs that the book had already.
    pub old_diffs: u64,
    /// Breaks in the update ids.
    pub gaps: u64,
    /// Snapshots that were applied.
    pub snapshots: u64,
    /// Snapshots that were older than the book or than the diffs kept.
    pub old_snapshots: u64,
    /// Snapshots without a symbol in a stream of none or several: they cannot be told to belong to any.
    pub nameless_snapshots: u64,
    /// Lines of symbols beyond [`BOOKS_MAX`], or that the directory refused.
    pub refused_listings: u64,
    /// Lines with no market data in them.
    pub other_lines: u64,
}

struct Book {
    market: Market,
    /// As the venue writes it.
    wire: Symbol,
    instrument: u32,
    sync: DepthSync,
    /// Last ticker, for [`BookSource::Ticker`].
    bid: Level,
    ask: Level,
}

/// One stream's decoder.
pub struct BinanceFeed {
    venue: u8,
    source: BookSource,
    parser: MessageParser,
    books: Vec<Book>,
    counters: BinanceCounters,
}

impl Origin {
    fn level(&self, side: Side, level: Level) -> MarketEvent {
        MarketEvent { side, price: level.price, quantity: level.quantity, ..self.event(EventKind::LevelSet) }
    }

    fn levels(&self, bids: &[Level], asks: &[Level], flags: u8, events: &mut Vec<MarketEvent>) {
        events.extend(bids.iter().map(|&level| MarketEvent { flags, ..self.level(Side::Buy, level) }));
        events.extend(asks.iter().map(|&level| MarketEvent { flags, ..self.level(Side::Sell, level) }));
    }
}

impl BinanceFeed {
    /// The decoder of one stream of dense venue number `venue`; lines of up to `line_bytes` need no allocation.
    #[must_use]
    pub fn new(venue: u8, source: BookSource, line_bytes: usize) -> Self {
        Self {
            venue,
            source,
            parser: MessageParser::new(line_bytes),
            books: Vec::with_capacity(BOOKS_MAX),
            counters: BinanceCounters::default(),
        }
    }

    /// What was passed over.
    #[must_use]
    pub fn counters(&self) -> BinanceCounters {
        self.counters
    }

    /// Symbols seen so far; their locates are `0..`, in the order of first sight.
    #[must_use]
    pub fn books(&self) -> usize {
        self.books.len()
    }

    /// The market and the venue's symbol of a locate.
    #[must_use]
    pub fn listing(&self, locate: u16) -> Option<(Market, Symbol)> {
        self.books.get(usize::from(locate)).map(|book| (book.market, book.wire))
    }

    /// Takes a symbol in before its first line: a snapshot without a symbol in front of every other line belongs to
    /// the only one. Taken in the order of the locates.
    pub fn expect(&mut self, directory: &mut Directory, market: Market, symbol: Symbol) {
        self.book_of(directory, market, symbol);
    }

    /// Decodes the JSON text of one line and appends what it means to `events`;
    /// [`flags::LAST_OF_EVENT`] is on the last event only. `sequence` is the line's number, `receive_ns` its time.
    /// The exchange's time is `T`, else `E`, else (spot tickers, snapshots) the receive time.
    ///
    /// # Errors
    /// [`LineError`]; `events` is unchanged.
    pub fn decode_line(
        &mut self,
        directory: &mut Directory,
        json: &[u8],
        sequence: u64,
        receive_ns: u64,
        events: &mut Vec<MarketEvent>,
    ) -> Result<(), LineError> {
        let message = self.parser.parse(json).map_err(LineError::Message)?;
        let Some(at) = self.book_at(directory, &message) else { return Ok(()) };
        let origin = Origin {
            venue: self.venue,
            instrument: self.books[at].instrument,
            sequence,
            receive_ns,
            exchange_ns: match message.exchange_ms {
                0 => receive_ns,
                // A time that 64 bits of ns do not hold is no time.
                exchange_ms => exchange_ms.checked_mul(NS_PER_MS).unwrap_or(receive_ns),
            },
        };
        let before = events.len();
        match message.body {
            Body::Diff { first, last, previous } => {
                self.diff(at, &origin, Ids { first, last, previous }, events);
            }
            Body::Snapshot { last } => self.snapshot(at, &origin, last, events),
            Body::Ticker { bid, ask, .. } if self.source == BookSource::Ticker => {
                self.ticker(at, &origin, bid, ask, events);
            }
            // Insurance fund and liquidation bookkeeping shows as trades of nothing.
            Body::Trade { id, level, buyer_is_maker } if level.quantity != 0 && level.price != 0 => {
                let side = if buyer_is_maker { Side::Buy } else { Side::Sell };
                events.push(MarketEvent {
                    second_id: id,
                    side,
                    price: level.price,
                    quantity: level.quantity,
                    ..origin.event(EventKind::Trade)
                });
            }
            Body::Ticker { .. } | Body::Trade { .. } | Body::Other => {}
        }
        if let Some(last) = events.get_mut(before..).and_then(<[_]>::last_mut) {
            last.flags |= flags::LAST_OF_EVENT;
        }
        Ok(())
    }

    /// The book that a message is of; `None` for one that is of none.
    fn book_at(&mut self, directory: &mut Directory, message: &Message) -> Option<usize> {
        if message.body == Body::Other {
            self.counters.other_lines += 1;
            return None;
        }
        if let Some(symbol) = message.symbol {
            let found = self.book_of(directory, message.market, symbol);
            self.counters.refused_listings += u64::from(found.is_none());
            return found;
        }
        // REST snapshots of spot and USD-M do not name their symbol.
        let mut of_market = (0..self.books.len()).filter(|&at| self.books[at].market == message.market);
        let only = of_market.next().filter(|_| of_market.next().is_none());
        self.counters.nameless_snapshots += u64::from(only.is_none());
        only
    }

    fn book_of(&mut self, directory: &mut Directory, market: Market, symbol: Symbol) -> Option<usize> {
        let found = self.books.iter().position(|book| book.wire == symbol && book.market == market);
        found.or_else(|| self.list(directory, market, symbol))
    }

    /// Out of line: once per symbol and day.
    #[cold]
    fn list(&mut self, directory: &mut Directory, market: Market, wire: Symbol) -> Option<usize> {
        let at = self.books.len();
        let locate = u16::try_from(at).ok().filter(|_| at < BOOKS_MAX)?;
        let instrument = directory.list(self.venue, locate, listed_name(market, wire)).ok();
        self.books.push(Book {
            market,
            wire,
            instrument: instrument.unwrap_or(INSTRUMENT_NONE),
            sync: DepthSync::new(),
            bid: Level::default(),
            ask: Level::default(),
        });
        Some(at)
    }

    fn diff(&mut self, at: usize, origin: &Origin, ids: Ids, events: &mut Vec<MarketEvent>) {
        self.counters.diffs += 1;
        let (bids, asks) = (self.parser.bids(), self.parser.asks());
        match self.books[at].sync.on_diff(ids, bids, asks) {
            Step::Apply => origin.levels(bids, asks, 0, events),
            Step::Old => self.counters.old_diffs += 1,
            Step::Kept => {}
            Step::Gap { first, count } => {
                self.counters.gaps += 1;
                events.push(MarketEvent {
                    second_id: first,
                    quantity: count,
                    ..origin.event(EventKind::Gap)
                });
            }
        }
    }

    fn snapshot(&mut self, at: usize, origin: &Origin, last: u64, events: &mut Vec<MarketEvent>) {
        let sync = &mut self.books[at].sync;
        if !sync.on_snapshot(last) {
            self.counters.old_snapshots += 1;
            return;
        }
        self.counters.snapshots += 1;
        events.push(MarketEvent { flags: flags::SNAPSHOT, ..origin.event(EventKind::Clear) });
        origin.levels(self.parser.bids(), self.parser.asks(), flags::SNAPSHOT, events);
        let (bids, asks) = sync.kept();
        origin.levels(bids, asks, flags::SNAPSHOT, events);
        sync.forget();
        events.push(origin.event(EventKind::Recovered));
    }

    fn ticker(&mut self, at: usize, origin: &Origin, bid: Level, ask: Level, events: &mut Vec<MarketEvent>) {
        let book = &mut self.books[at];
        let sides = [(Side::Buy, &mut book.bid, bid), (Side::Sell, &mut book.ask, ask)];
        // What goes first goes: the book is never crossed in between.
        for (side, old, new) in &sides {
            if old.price != new.price && old.quantity != 0 {
                events.push(origin.level(*side, Level { quantity: 0, ..**old }));
            }
        }
        for (side, old, new) in sides {
            if *old != new && (new.quantity != 0 || old.price == new.price) {
                events.push(origin.level(side, new));
            }
            *old = new;
        }
    }
}

/// The symbol that an instrument is listed under: a USD-M perpetual is not the spot instrument of its name.
fn listed_name(market: Market, wire: Symbol) -> Symbol {
    let text = wire.to_string();
    if market != Market::UsdM || text.contains('_') {
        return wire;
    }
    Symbol::new(&(text + PERPETUAL)).unwrap_or(wire)
}
