//! DBN records as market events: one record in, the events of it out.
//!
//! Sans-I/O. One a file or connection; the thread that decodes owns it. It allocates when it is made and when an
//! instrument is seen for the first time. It keeps no orders.
//!
//! MBO actions: A adds, C reduces (the order is gone at nothing), M is [`EventKind::OrderModify`], R clears the book, T is a
//! [`EventKind::Trade`]; F (the resting order's side of a trade) and N change no book and are passed over: what a fill
//! took away comes as C or M of the same event. `F_LAST` is [`flags::LAST_OF_EVENT`], `F_SNAPSHOT` is
//! [`flags::SNAPSHOT`]; where `F_MAYBE_BAD_BOOK` begins, there is a [`EventKind::Gap`].
//!
//! Trading status: from status records. A file of another single schema has none; if its dataset is `GLBX.MDP3` the
//! venue's status follows the schedule of [`super::schedule`], by event time.

use std::fmt;

use dbn::decode::dbn::fsm::{DbnFsm, ProcessResult};
use dbn::enums::{Action, Side as DbnSide, StatusAction};
use dbn::{
    FlagSet, InstrumentDefMsg, MboMsg, Mbp1Msg, Mbp10Msg, RecordHeader, StatusMsg, SymbolMappingMsg, TradeMsg,
};

use super::records::{Layout, Record, symbol_of};
use super::schedule;
use super::top_levels::{TopLevels, changes};
use crate::directory::Directory;
use crate::event::{
    EventKind, INSTRUMENT_ALL, INSTRUMENT_NONE, MarketEvent, Origin, Side, TradingStatus, flags,
};
use crate::listing_map::ListingMap;
use crate::symbol::Symbol;
use crate::units::{PRICE_NONE, TIME_NONE};

/// Dataset whose hours the schedule gives.
const GLOBEX: &str = "GLBX.MDP3";

/// Bytes that the state machine holds: some of the longest records.
const BUFFER_BYTES: usize = 16 << 10;

/// Every record's length is a multiple of this many bytes, the alignment of its fields.
const RECORD_ALIGN: usize = align_of::<MboMsg>();

/// Most events of one record: a status, a gap, both sides' old and new levels, a trade.
pub const EVENTS_MAX: usize = 48;

/// Why a record could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The `dbn` crate refuses it: the length does not fit the type, or the version cannot be told.
    Refused {
        /// Its record type.
        rtype: u8,
        /// Its length in bytes.
        length: u16,
    },
    /// A character that stands for no action or side.
    Field(&'static str),
    /// Book records of another publisher: their order ids and levels would mix.
    Publisher {
        /// The file's first.
        first: u16,
        /// This record's.
        found: u16,
    },
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { rtype, length } => {
                write!(f, "a DBN record of type {rtype:#04x} and {length} bytes is no valid record")
            }
            Self::Field(name) => write!(f, "the field {name} of a DBN record holds no known character"),
            Self::Publisher { first, found } => write!(
                f,
                "a record of publisher {found} in a file of publisher {first}: split the file, one publisher is one venue"
            ),
        }
    }
}

impl std::error::Error for RecordError {}

/// What was passed over, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DbnCounters {
    /// MBO fills (F): they do not touch the book.
    pub fills: u64,
    /// Definitions.
    pub definitions: u64,
    /// Records of schemas that are no events: bars, statistics, imbalances, consolidated and sampled quotes, system.
    pub other_records: u64,
    /// Instruments that found no locate, or that the directory refused.
    pub refused_listings: u64,
}

#[derive(Clone, Copy)]
struct Listed {
    instrument: u32,
    /// A bad-book flag was there on its last record.
    bad_book: bool,
    levels: TopLevels,
}

/// One file's decoder.
pub struct DbnFeed {
    venue: u8,
    line_latency_ns: u64,
    machine: DbnFsm,
    /// Symbols of the metadata, by id.
    symbols: Vec<(u32, Symbol)>,
    listings: ListingMap,
    listed: Vec<Listed>,
    publisher: Option<u16>,
    /// Until when (exchange's time, UTC ns) the schedule's answer holds; `None` without a schedule.
    scheduled_until_ns: Option<u64>,
    status: Option<TradingStatus>,
    counters: DbnCounters,
}

fn side(character: DbnSide) -> Side {
    match character {
        DbnSide::Bid => Side::Buy,
        DbnSide::Ask => Side::Sell,
        DbnSide::None => Side::None,
    }
}

fn event_flags(set: FlagSet) -> u8 {
    (u8::from(set.is_last()) * flags::LAST_OF_EVENT) | (u8::from(set.is_snapshot()) * flags::SNAPSHOT)
}

fn price(price: i64) -> i64 {
    if price == dbn::UNDEF_PRICE { PRICE_NONE } else { price }
}

/// The status that a status record gives an instrument; `None` for one that changes nothing.
fn status_of(action: StatusAction) -> Option<TradingStatus> {
    Some(match action {
        StatusAction::Trading => TradingStatus::Trading,
        StatusAction::PreOpen | StatusAction::PreCross | StatusAction::Cross | StatusAction::Rotation => {
            TradingStatus::PreOpen
        }
        StatusAction::Quoting | StatusAction::NewPriceIndication => TradingStatus::QuotationOnly,
        StatusAction::Pause => TradingStatus::Paused,
        StatusAction::Halt | StatusAction::Suspend => TradingStatus::Halted,
        StatusAction::PreClose
        | StatusAction::Close
        | StatusAction::PostClose
        | StatusAction::NotAvailableForTrading => TradingStatus::Closed,
        StatusAction::None | StatusAction::SsrChange => return None,
        // Nothing may be sent on a guess.
        _ => TradingStatus::Halted,
    })
}

impl DbnFeed {
    /// The decoder of a file of dense venue number `venue`, for up to `instruments_max` instruments (at most 2^16);
    /// `line_latency_ns` is added to the event time of records without a receive time.
    ///
    /// # Panics
    /// Never: a layout's version is one that the crate knows.
    #[must_use]
    pub fn new(layout: &Layout, venue: u8, instruments_max: usize, line_latency_ns: u64) -> Self {
        let machine = DbnFsm::builder().skip_metadata(true).ts_out(layout.ts_out).buffer_size(BUFFER_BYTES);
        let machine = machine.input_dbn_version(layout.version).and_then(|machine| machine.build());
        Self {
            venue,
            line_latency_ns,
            machine: machine.expect("a layout has a version that the crate knows"),
            symbols: layout.symbols.clone(),
            listings: ListingMap::new(instruments_max),
            listed: Vec::with_capacity(layout.symbols.len()),
            publisher: None,
            scheduled_until_ns: (layout.dataset == GLOBEX && !layout.may_hold_status).then_some(0),
            status: None,
            counters: DbnCounters::default(),
        }
    }

    /// What was passed over.
    #[must_use]
    pub fn counters(&self) -> DbnCounters {
        self.counters
    }

    /// Instruments seen so far; their locates are `0..`, in the order of first sight.
    #[must_use]
    pub fn listed(&self) -> usize {
        self.listed.len()
    }

    /// Decodes one record and appends what it means to `events`, at most [`EVENTS_MAX`]; `sequence` is its number in
    /// the file.
    ///
    /// # Errors
    /// [`RecordError`]; `events` is unchanged.
    pub fn decode_record(
        &mut self,
        directory: &mut Directory,
        record: Record<'_>,
        sequence: u64,
        events: &mut Vec<MarketEvent>,
    ) -> Result<(), RecordError> {
        let length = u16::try_from(record.bytes.len()).unwrap_or(u16::MAX);
        let refused = RecordError::Refused { rtype: record.rtype, length };
        // All types have a multiple of 8 bytes. Another length would leave the state machine's buffer where the crate
        // must not form a reference to the next record: it counts on its alignment.
        if !record.bytes.len().is_multiple_of(RECORD_ALIGN) {
            return Err(refused);
        }
        self.machine.write_all(record.bytes);
        let ProcessResult::Record(()) = self.machine.process() else {
            // Whatever it holds of the bad record must not be in front of a next one.
            self.machine.skip(usize::MAX);
            return Err(refused);
        };
        let Some(decoded) = self.machine.last_record() else { return Err(refused) };
        let content = content(&decoded).ok_or(refused)??;
        let header = *decoded.header();
        let receive_ns = record.receive_ns();
        let origin = Origin {
            venue: self.venue,
            instrument: INSTRUMENT_NONE,
            sequence,
            receive_ns: if receive_ns == TIME_NONE {
                header.ts_event.wrapping_add(self.line_latency_ns)
            } else {
                receive_ns
            },
            exchange_ns: if header.ts_event == TIME_NONE { receive_ns } else { header.ts_event },
        };
        self.interpret(directory, &header, content, origin, events)
    }

    fn interpret(
        &mut self,
        directory: &mut Directory,
        header: &RecordHeader,
        content: Content,
        mut origin: Origin,
        events: &mut Vec<MarketEvent>,
    ) -> Result<(), RecordError> {
        match content {
            Content::Other => {
                self.counters.other_records += 1;
                return Ok(());
            }
            Content::Name(symbol) => {
                self.name(header.instrument_id, symbol);
                return Ok(());
            }
            Content::Definition(symbol) => {
                self.counters.definitions += 1;
                self.name(header.instrument_id, symbol);
                self.locate(directory, header.instrument_id);
                return Ok(());
            }
            Content::Order { .. } | Content::Levels { .. } => {
                let first = *self.publisher.get_or_insert(header.publisher_id);
                if first != header.publisher_id {
                    return Err(RecordError::Publisher { first, found: header.publisher_id });
                }
            }
            Content::Trade(_) | Content::Status(_) => {}
        }
        let Some(locate) = self.locate(directory, header.instrument_id) else {
            self.counters.refused_listings += 1;
            return Ok(());
        };
        origin.instrument = self.listed[locate].instrument;
        self.follow_schedule(&origin, events);
        match content {
            Content::Order { action, order, set } => {
                self.note_bad_book(locate, &origin, set, events);
                let event = MarketEvent {
                    order_id: order.order_id,
                    price: price(order.price),
                    quantity: u64::from(order.size),
                    side: side(order.side),
                    flags: event_flags(set),
                    ..origin.event(EventKind::OrderAdd)
                };
                match action {
                    Action::Add => events.push(event),
                    Action::Cancel => events.push(MarketEvent {
                        kind: EventKind::OrderReduce,
                        price: PRICE_NONE,
                        side: Side::None,
                        ..event
                    }),
                    Action::Modify => events.push(MarketEvent { kind: EventKind::OrderModify, ..event }),
                    Action::Clear => {
                        self.recover(locate, &origin, event_flags(set), events);
                    }
                    Action::Trade => events.push(trade(&origin, order, event_flags(set))),
                    Action::Fill => self.counters.fills += 1,
                    Action::None => {}
                }
            }
            Content::Levels { action, order, set, levels } => {
                self.note_bad_book(locate, &origin, set, events);
                let before = events.len();
                if action == Action::Trade {
                    events.push(trade(&origin, order, 0));
                }
                self.show(locate, &origin, &levels, event_flags(set) & flags::SNAPSHOT, events);
                if set.is_last()
                    && let Some(last) = events.get_mut(before..).and_then(<[_]>::last_mut)
                {
                    last.flags |= flags::LAST_OF_EVENT;
                }
            }
            Content::Trade((order, set)) => {
                // A stream of trades alone: each is a market message of its own.
                events.push(trade(&origin, order, event_flags(set) | flags::LAST_OF_EVENT));
            }
            Content::Status(status) => events.extend(status.map(|status| MarketEvent {
                quantity: status as u64,
                flags: flags::LAST_OF_EVENT,
                ..origin.event(EventKind::TradingStatus)
            })),
            Content::Other | Content::Name(_) | Content::Definition(_) => {}
        }
        Ok(())
    }

    /// A symbol that came in a record, unless the metadata had one.
    #[cold]
    fn name(&mut self, id: u32, symbol: Option<Symbol>) {
        if let (Err(at), Some(symbol)) = (self.symbols.binary_search_by_key(&id, |&(id, _)| id), symbol) {
            self.symbols.insert(at, (id, symbol));
        }
    }

    fn locate(&mut self, directory: &mut Directory, id: u32) -> Option<usize> {
        let (locate, new) = self.listings.locate_or_insert(u64::from(id))?;
        if new {
            self.list(directory, id, locate);
        }
        Some(usize::from(locate))
    }

    /// Out of line: once per instrument and file.
    #[cold]
    fn list(&mut self, directory: &mut Directory, id: u32, locate: u16) {
        let named = self.symbols.binary_search_by_key(&id, |&(id, _)| id).ok().map(|at| self.symbols[at].1);
        let symbol = named.or_else(|| Symbol::new(&format!("ID{id}")).ok());
        let instrument = symbol.and_then(|symbol| directory.list(self.venue, locate, symbol).ok());
        self.counters.refused_listings += u64::from(instrument.is_none());
        self.listed.push(Listed {
            instrument: instrument.unwrap_or(INSTRUMENT_NONE),
            bad_book: false,
            levels: TopLevels::default(),
        });
    }

    /// The venue's status when it changes by the schedule.
    #[inline]
    fn follow_schedule(&mut self, origin: &Origin, events: &mut Vec<MarketEvent>) {
        let Some(until_ns) = self.scheduled_until_ns else { return };
        if origin.exchange_ns < until_ns {
            return;
        }
        let (status, until_ns) = schedule::globex(origin.exchange_ns);
        self.scheduled_until_ns = Some(until_ns);
        if self.status != Some(status) {
            self.status = Some(status);
            events.push(MarketEvent {
                instrument: INSTRUMENT_ALL,
                quantity: status as u64,
                ..origin.event(EventKind::TradingStatus)
            });
        }
    }

    fn note_bad_book(&mut self, locate: usize, origin: &Origin, set: FlagSet, events: &mut Vec<MarketEvent>) {
        let bad = set.is_maybe_bad_book();
        if bad && !self.listed[locate].bad_book {
            events.push(MarketEvent { quantity: 1, ..origin.event(EventKind::Gap) });
        }
        self.listed[locate].bad_book |= bad;
    }

    /// A clear makes whatever follows good again.
    fn recover(&mut self, locate: usize, origin: &Origin, flags: u8, events: &mut Vec<MarketEvent>) {
        let was_bad = std::mem::take(&mut self.listed[locate].bad_book);
        self.listed[locate].levels = TopLevels::default();
        let clear = origin.event(EventKind::Clear);
        if was_bad {
            events.push(clear);
            events.push(MarketEvent { flags, ..origin.event(EventKind::Recovered) });
        } else {
            events.push(MarketEvent { flags, ..clear });
        }
    }

    /// The changes from the levels shown last to those shown now.
    fn show(
        &mut self,
        locate: usize,
        origin: &Origin,
        new: &TopLevels,
        flags: u8,
        events: &mut Vec<MarketEvent>,
    ) {
        let old = std::mem::replace(&mut self.listed[locate].levels, *new);
        for (side, old, new) in [(Side::Buy, &old.bids, &new.bids), (Side::Sell, &old.asks, &new.asks)] {
            changes(old, new, |price, quantity| {
                events.push(MarketEvent {
                    side,
                    price,
                    quantity,
                    flags,
                    ..origin.event(EventKind::LevelSet)
                });
            });
        }
    }
}

/// The fields of an order, a trade, or the update behind a set of levels.
#[derive(Clone, Copy)]
struct Order {
    order_id: u64,
    price: i64,
    size: u32,
    side: DbnSide,
}

/// What a record says, out of the decoder's buffer.
#[derive(Clone, Copy)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on the stack: a box would be an allocation a record"
)]
enum Content {
    Order { action: Action, order: Order, set: FlagSet },
    Levels { action: Action, order: Order, set: FlagSet, levels: TopLevels },
    Trade((Order, FlagSet)),
    Status(Option<TradingStatus>),
    Definition(Option<Symbol>),
    Name(Option<Symbol>),
    Other,
}

/// A trade; the side in DBN is the aggressor's.
fn trade(origin: &Origin, order: Order, flags: u8) -> MarketEvent {
    MarketEvent {
        price: price(order.price),
        quantity: u64::from(order.size),
        side: side(order.side).opposite(),
        flags,
        ..origin.event(EventKind::Trade)
    }
}

/// Takes a record out of the decoder's buffer; `None` for one that is shorter than its type.
fn content(record: &dbn::RecordRef<'_>) -> Option<Result<Content, RecordError>> {
    const ACTION: RecordError = RecordError::Field("action");
    const SIDE: RecordError = RecordError::Field("side");
    macro_rules! order {
        ($message:ident, $order_id:expr) => {{
            let (Ok(action), Ok(side)) = ($message.action(), $message.side()) else {
                return Some(Err(if $message.action().is_err() { ACTION } else { SIDE }));
            };
            (
                action,
                Order { order_id: $order_id, price: $message.price, size: $message.size, side },
                $message.flags,
            )
        }};
    }
    Some(Ok(if record.has::<MboMsg>() {
        let message = record.try_get::<MboMsg>().ok()?;
        let (action, order, set) = order!(message, message.order_id);
        Content::Order { action, order, set }
    } else if record.has::<Mbp1Msg>() {
        let message = record.try_get::<Mbp1Msg>().ok()?;
        let (action, order, set) = order!(message, 0);
        Content::Levels { action, order, set, levels: TopLevels::shown(&message.levels) }
    } else if record.has::<Mbp10Msg>() {
        let message = record.try_get::<Mbp10Msg>().ok()?;
        let (action, order, set) = order!(message, 0);
        Content::Levels { action, order, set, levels: TopLevels::shown(&message.levels) }
    } else if record.has::<TradeMsg>() {
        let message = record.try_get::<TradeMsg>().ok()?;
        let (_, order, set) = order!(message, 0);
        Content::Trade((order, set))
    } else if record.has::<StatusMsg>() {
        let message = record.try_get::<StatusMsg>().ok()?;
        Content::Status(message.action().ok().and_then(status_of))
    } else if record.has::<InstrumentDefMsg>() {
        let message = record.try_get::<InstrumentDefMsg>().ok()?;
        Content::Definition(message.raw_symbol().ok().and_then(symbol_of))
    } else if record.has::<SymbolMappingMsg>() {
        let message = record.try_get::<SymbolMappingMsg>().ok()?;
        let names = [message.stype_out_symbol(), message.stype_in_symbol()];
        // The side that is not the number.
        let name = names.into_iter().flatten().find(|name| name.parse::<u32>().is_err());
        Content::Name(name.and_then(symbol_of))
    } else {
        Content::Other
    }))
}
