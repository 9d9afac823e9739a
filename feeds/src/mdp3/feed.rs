//! One MDP 3.0 channel as market events: packets of its incremental, snapshot and definition streams in,
//! [`MarketEvent`]s out.
//!
//! The channel sends books twice, by price and by order; the feed gives one of them ([`BookForm`]), as
//! [`EventKind::LevelSet`] or as order events. Implied levels are left out and counted. Sans-I/O; the per-instrument
//! tables are allocated in [`Mdp3Feed::new`], nothing afterwards. One per channel, each channel being a venue of its
//! own: a channel reset clears the venue. The thread that decodes owns it.
//!
//! A market event of the exchange may take several messages and packets and move several instruments.
//! [`flags::LAST_OF_EVENT`] is on the last event of each instrument that it moved. When that was in an earlier packet,
//! the instrument's best level is set once more, to what it is.
//!
//! After [`PacketDecoder::lost`] an instrument gives no book events until a snapshot that is not older than what was
//! passed over, which ends with [`EventKind::Recovered`]. Gaps themselves, and keeping increments until a snapshot comes,
//! are the caller's.

mod increments;
mod instruments;
mod snapshots;
mod values;

use self::values::{LevelEntry, OrderEntry, price_of, quantity_of};
use super::blocks::{END_OF_EVENT, OrderBookEntry, TradeEntry, TradeEntryLong};
use super::levels::{DEPTH_MAX, Levels};
use super::messages::{self, Message};
use super::packet;
use crate::directory::Directory;
use crate::event::{EventKind, MarketEvent, Origin, Side, flags};
use crate::listing_map::ListingMap;
use crate::packet_decoder::{PacketDecoder, PacketError, PacketErrorCause, PacketSummary, StreamId};
use crate::symbol::Symbol;
use crate::units::TIME_NONE;

pub use self::values::symbol_of;

/// Template of AdminHeartbeat.
const HEARTBEAT: u16 = 12;

/// Levels of an instrument whose definition has not come.
const DEPTH_UNDEFINED: u8 = 10;

/// The fewest payload bytes that a book event costs: an entry of 27 bytes can delete ten levels.
const BYTES_PER_EVENT_MIN: usize = 2;

/// Which of the two books of the channel the feed gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookForm {
    /// By price: at most ten levels a side.
    Levels,
    /// By order, full depth.
    Orders,
}

/// What a feed has met that gives no event, or not the usual one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mdp3Counters {
    /// Messages of templates that are not known here.
    pub unknown_messages: u64,
    /// Entries of implied levels.
    pub implied_entries: u64,
    /// Entries that the books cannot follow: positions beyond the depth, references to nothing, unknown actions.
    pub inconsistent_entries: u64,
    /// Entries of instruments beyond the capacity of the feed's tables.
    pub unlisted_entries: u64,
    /// Entries that were passed over because packets before them were lost.
    pub ignored_entries: u64,
    /// Snapshots older than the increments, or of instruments that are current.
    pub ignored_snapshots: u64,
    /// Trades that the exchange corrected or broke.
    pub trade_corrections: u64,
    /// Instruments that the directory refused: their events carry [`crate::event::INSTRUMENT_NONE`].
    pub refused_listings: u64,
    /// Instruments listed under their number, because no definition came before or its symbol cannot be listed.
    pub numbered_listings: u64,
    /// Market events that ended in a later packet for an instrument that has no level to set once more.
    pub unmarked_ends: u64,
}

/// What a definition says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The tick, 1e-9, or [`crate::units::PRICE_NONE`] where it varies.
    pub tick: i64,
    /// MatchAlgorithm(1142): `F` FIFO, ...
    pub match_algorithm: u8,
    /// SecurityGroup(1151), padded with zeros.
    pub group: [u8; 6],
    /// Symbol(55), padded with zeros.
    pub symbol: [u8; 20],
    /// Levels by price.
    pub depth: u8,
}

/// What the feed remembers of an instrument.
#[derive(Clone, Copy, Debug)]
struct Instrument {
    levels: Levels,
    definition: Option<Definition>,
    /// Packets were lost: increments are passed over.
    ignoring: bool,
    /// A snapshot was taken, or the book is known to have started empty: no snapshot is needed.
    complete: bool,
    /// The increments up to here are in the snapshot that was taken.
    snapshot_sequence: u32,
    /// The last incremental packet with a book entry.
    last_sequence: u32,
    /// CurrentChunk(37710) that a snapshot by order goes on with; 0 for none.
    next_chunk: u32,
    /// Whether the market event at hand has moved it.
    open: bool,
    /// Packet of this feed and place in its events of the last event.
    last_event: (u64, usize),
}

const UNSEEN_SEQUENCE: u32 = 0;

/// Where in the market an event is.
#[derive(Clone, Copy)]
struct Place {
    locate: u16,
    instrument: u32,
}

/// One MDP 3.0 channel.
#[derive(Clone, Debug)]
pub struct Mdp3Feed {
    venue: u8,
    channel: u32,
    form: BookForm,
    line_latency_ns: u64,
    listings: ListingMap,
    /// By locate.
    instruments: Box<[Instrument]>,
    /// Locates that the market event at hand has moved.
    open: Vec<u16>,
    packets: u64,
    counters: Mdp3Counters,
}

impl Mdp3Feed {
    /// The feed of `channel` as `venue` (below [`crate::directory::VENUES_MAX`]) with tables for `instruments_max`
    /// instruments, at most 2^16, of about 500 bytes each. `line_latency_ns` is added to the exchange's time where a
    /// packet has no receive time.
    #[must_use]
    pub fn new(
        venue: u8,
        channel: u32,
        form: BookForm,
        instruments_max: usize,
        line_latency_ns: u64,
    ) -> Self {
        let listings = ListingMap::new(instruments_max);
        let unseen = Instrument {
            levels: Levels::new(DEPTH_UNDEFINED),
            definition: None,
            ignoring: false,
            complete: false,
            snapshot_sequence: UNSEEN_SEQUENCE,
            last_sequence: UNSEEN_SEQUENCE,
            next_chunk: 0,
            open: false,
            last_event: (0, 0),
        };
        let capacity = listings.capacity();
        Self {
            venue,
            channel,
            form,
            line_latency_ns,
            listings,
            instruments: vec![unseen; capacity].into_boxed_slice(),
            open: Vec::with_capacity(capacity),
            packets: 0,
            counters: Mdp3Counters::default(),
        }
    }

    /// What gave no event, or not the usual one, so far.
    #[must_use]
    pub fn counters(&self) -> Mdp3Counters {
        self.counters
    }

    /// What the definition of a security said; `None` before it came. Cold.
    #[must_use]
    pub fn definition(&self, security_id: i32) -> Option<Definition> {
        let locate = self.listings.locate(security_id.cast_unsigned().into())?;
        self.instruments[usize::from(locate)].definition
    }

    /// The place of a security, which is listed under its number at first sight; `None` when the tables are full.
    #[inline(always)]
    fn place(&mut self, directory: &mut Directory, security_id: i32) -> Option<Place> {
        let Some((locate, new)) = self.listings.locate_or_insert(security_id.cast_unsigned().into()) else {
            self.counters.unlisted_entries += 1;
            return None;
        };
        if new {
            self.counters.numbered_listings += 1;
            self.list(directory, locate, symbol_of(security_id));
        }
        Some(Place { locate, instrument: directory.instrument_at(self.venue, locate) })
    }

    #[cold]
    fn list(&mut self, directory: &mut Directory, locate: u16, symbol: Symbol) {
        if directory.list(self.venue, locate, symbol).is_err() {
            self.counters.refused_listings += 1;
        }
    }
}

/// A packet's events on their way into the caller's vector.
struct Sink<'a> {
    feed: &'a mut Mdp3Feed,
    directory: &'a mut Directory,
    events: &'a mut Vec<MarketEvent>,
    sequence: u32,
    receive_ns: u64,
}

impl Sink<'_> {
    /// An event with the fields that all kinds share.
    #[inline(always)]
    fn event(&self, kind: EventKind, instrument: u32, exchange_ns: u64) -> MarketEvent {
        let receive_ns = if self.receive_ns == TIME_NONE {
            exchange_ns.wrapping_add(self.feed.line_latency_ns)
        } else {
            self.receive_ns
        };
        let (venue, sequence) = (self.feed.venue, self.sequence.into());
        Origin { venue, instrument, sequence, receive_ns, exchange_ns }.event(kind)
    }

    fn place(&mut self, security_id: i32) -> Option<Place> {
        self.feed.place(self.directory, security_id)
    }

    fn remembered(&mut self, locate: u16) -> &mut Instrument {
        // Locates are below the capacity of the map, and the table has as many entries.
        &mut self.feed.instruments[usize::from(locate)]
    }

    /// Appends an event of the market event at hand.
    #[inline(always)]
    fn push(&mut self, place: Place, event: MarketEvent) {
        self.events.push(event);
        self.moved(place);
    }

    /// The last event of the vector belongs to the market event at hand and to this instrument.
    #[inline(always)]
    fn moved(&mut self, place: Place) {
        let last_event = (self.feed.packets, self.events.len() - 1);
        let instrument = self.remembered(place.locate);
        instrument.last_event = last_event;
        if !instrument.open {
            instrument.open = true;
            self.feed.open.push(place.locate);
        }
    }

    /// The market event at hand is over: marks the last event of each instrument that it has moved.
    fn end_event(&mut self, exchange_ns: u64) {
        while let Some(locate) = self.feed.open.pop() {
            let packet = self.feed.packets;
            let instrument = self.remembered(locate);
            instrument.open = false;
            let (last_packet, at) = instrument.last_event;
            if last_packet == packet {
                self.events[at].flags |= flags::LAST_OF_EVENT;
                continue;
            }
            let levels = &instrument.levels;
            let best = [Side::Buy, Side::Sell].into_iter().find_map(|side| Some((side, levels.best(side)?)));
            let Some((side, (price, quantity))) = best else {
                self.feed.counters.unmarked_ends += 1;
                continue;
            };
            let instrument = self.directory.instrument_at(self.feed.venue, locate);
            let event = self.event(EventKind::LevelSet, instrument, exchange_ns);
            self.events.push(MarketEvent { price, quantity, side, flags: flags::LAST_OF_EVENT, ..event });
        }
    }

    /// Whether an increment of the instrument is to be applied: nothing is missing before it, and it is not in the
    /// snapshot already.
    #[inline(always)]
    fn follows(&mut self, locate: u16) -> bool {
        let sequence = self.sequence;
        let instrument = self.remembered(locate);
        instrument.last_sequence = instrument.last_sequence.max(sequence);
        let apply = !instrument.ignoring && sequence > instrument.snapshot_sequence;
        self.feed.counters.ignored_entries += u64::from(!apply);
        apply
    }
}

impl Sink<'_> {
    /// Decodes a message and appends its events.
    #[inline(always)]
    fn message(&mut self, message: &Message<'_>) -> Result<(), PacketErrorCause> {
        let (match_event, exchange_ns) = match message {
            Message::Book(book) => {
                let (template, time) = (book.template, book.root.transact_ns);
                for entry in book.levels.iter() {
                    self.level(&LevelEntry::new(template, &entry)?, time);
                }
                let level = |index| Some(LevelEntry::new(template, &book.levels.get(index)?));
                self.orders(&book.orders, time, level)?;
                (book.root.match_event, time)
            }
            Message::BookLong(book) => {
                let (template, time) = (book.template, book.root.transact_ns);
                for entry in book.levels.iter() {
                    self.level(&LevelEntry::new_long(template, &entry)?, time);
                }
                let level = |index| Some(LevelEntry::new_long(template, &book.levels.get(index)?));
                self.orders(&book.orders, time, level)?;
                (book.root.match_event, time)
            }
            Message::OrderBook(book) => {
                if self.feed.form == BookForm::Orders {
                    for entry in book.orders.iter() {
                        let OrderBookEntry { security_id, entry_type, order_id, action, price, size, .. } =
                            entry;
                        let (price, quantity) = (price_of(book.template, price)?, quantity_of(size)?);
                        let entry = OrderEntry { security_id, entry_type, order_id, action, price, quantity };
                        self.order(&entry, book.root.transact_ns);
                    }
                }
                (book.root.match_event, book.root.transact_ns)
            }
            Message::TradeSummary(summary) => {
                for entry in summary.trades.iter() {
                    let TradeEntry { price, security_id, report_sequence, orders, aggressor, .. } = entry;
                    let size = quantity_of(entry.size)?;
                    let (action, trade_id) = (entry.action, entry.trade_id);
                    let padding = [0; 6];
                    let entry = TradeEntryLong {
                        price,
                        size,
                        security_id,
                        report_sequence,
                        orders,
                        aggressor,
                        action,
                        trade_id,
                        padding,
                    };
                    self.trade(&entry, summary.template, summary.root.transact_ns)?;
                }
                (summary.root.match_event, summary.root.transact_ns)
            }
            Message::TradeSummaryLong(summary) => {
                for entry in summary.trades.iter() {
                    self.trade(&entry, summary.template, summary.root.transact_ns)?;
                }
                (summary.root.match_event, summary.root.transact_ns)
            }
            Message::Volume(message) => (message.root.match_event, message.root.transact_ns),
            Message::DailyStatistics(message) => (message.root.match_event, message.root.transact_ns),
            Message::LimitsBanding(message) => (message.root.match_event, message.root.transact_ns),
            Message::SessionStatistics(message) => (message.root.match_event, message.root.transact_ns),
            Message::SecurityStatus(status) => {
                self.security_status(&status.root);
                (status.root.match_event, status.root.transact_ns)
            }
            Message::ChannelReset(reset) => {
                self.channel_reset(reset.root.transact_ns);
                (reset.root.match_event, reset.root.transact_ns)
            }
            // The streams of snapshots and definitions say nothing of the incremental stream's events.
            Message::Snapshot(snapshot) => return self.snapshot(snapshot),
            Message::SnapshotTcp(snapshot) => return self.snapshot_tcp(snapshot),
            Message::SnapshotOrders(snapshot) => return self.snapshot_orders(snapshot),
            Message::Future(future) => {
                let terms = (future.root.tick, future.root.match_algorithm);
                return self.define(future.template, &future.root.head, terms, &future.feed_types);
            }
            Message::Spread(spread) => {
                let terms = (spread.root.tick, spread.root.match_algorithm);
                return self.define(spread.template, &spread.root.head, terms, &spread.feed_types);
            }
            Message::OptionContract(option) => {
                let terms = (option.root.tick, option.root.match_algorithm);
                return self.define(option.template, &option.root.head, terms, &option.feed_types);
            }
            Message::Heartbeat(_) | Message::Login(_) | Message::Logout(_) => return Ok(()),
        };
        if match_event & END_OF_EVENT != 0 {
            self.end_event(exchange_ns);
        }
        Ok(())
    }
}

impl PacketDecoder for Mdp3Feed {
    #[inline]
    fn decode_packet(
        &mut self,
        directory: &mut Directory,
        payload: &[u8],
        receive_ns: u64,
        events: &mut Vec<MarketEvent>,
    ) -> Result<PacketSummary, PacketError> {
        let (header, all) = packet::decode(payload)?;
        self.packets += 1;
        let channel = self.channel;
        let mut sink = Sink { feed: self, directory, events, sequence: header.sequence, receive_ns };
        let mut offset = packet::PacketHeader::LENGTH;
        let mut message_count = 0;
        let mut heartbeat = true;
        for (message_header, body) in packet::messages(all) {
            let decoded = messages::decode(&message_header, body).and_then(|message| match message {
                Some(message) => sink.message(&message),
                None => {
                    sink.feed.counters.unknown_messages += 1;
                    Ok(())
                }
            });
            if let Err(cause) = decoded {
                return Err(PacketError::at(offset, cause));
            }
            message_count += 1;
            heartbeat &= message_header.template == HEARTBEAT;
            offset += usize::from(message_header.size);
        }
        let first_sequence = u64::from(header.sequence);
        Ok(PacketSummary {
            stream: StreamId { channel, session: 0 },
            first_sequence,
            next_sequence: first_sequence + 1,
            message_count,
            heartbeat,
        })
    }

    /// Each instrument may also be told its status, or have its best level set once more; a packet with several
    /// statuses of one group can give more.
    fn events_max(&self, payload_length: usize) -> usize {
        payload_length / BYTES_PER_EVENT_MIN + 2 * self.listings.capacity() + DEPTH_MAX
    }

    fn lost(&mut self) {
        let listed = self.listings.len();
        for instrument in &mut self.instruments[..listed] {
            instrument.levels.clear();
            (instrument.ignoring, instrument.complete, instrument.open) = (true, false, false);
            (instrument.snapshot_sequence, instrument.next_chunk) = (UNSEEN_SEQUENCE, 0);
        }
        self.open.clear();
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
