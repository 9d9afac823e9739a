//! GLIMPSE snapshots: the venue's state at one sequence number, told in pieces while the day goes on.
//!
//! The books here are for snapshots alone. They follow the messages that were published, a bounded number a call, and
//! stand still while a snapshot is being told; afterwards they catch up from the capture. So a snapshot is one moment's
//! whatever time it takes, no copy is made of the books, and no call is longer for a larger book. A client that logs in
//! meanwhile waits until they have caught up, so that its snapshot is never older than its login.
//!
//! The books' memory is taken at construction; a snapshot under way holds one side's levels and one level's orders. The
//! walk of one level's queue is the longest step that is not cut.

use feeds::directory::Directory;
use feeds::event::Side;
use feeds::glimpse::{END_OF_SNAPSHOT_LENGTH, encode_end};
use feeds::itch::encode::encode;
use feeds::itch::feed::ItchFeed;
use feeds::itch::messages::{AddOrder, BODY_LENGTH_MAX, Header, Message};
use feeds::source::file::Capture;
use feeds::source::prescan::Prescan;
use feeds::symbol::Symbol;
use feeds::units::{ITCH_PRICE4_UNIT, TIME_NONE};
use kernels::cpu::book::{BookConfig, BookConfigError, DepthLevel, RestingOrder, VenueBooks};

use super::tape::Tape;

/// The venue number inside these books: they hold one venue.
const VENUE: u8 = 0;

/// Empty sides that one call passes over.
const SIDES_A_CALL: u32 = 4_096;

/// See the module's text.
pub struct SnapshotBooks<'a> {
    tape: Tape<'a>,
    feed: ItchFeed,
    directory: Directory,
    books: VenueBooks,
    /// By instrument: the venue's locate and symbol.
    listings: Vec<(u16, Symbol)>,
    /// The system event that came last.
    system_event: Option<&'a [u8]>,
    /// Directory messages, in the order of their first coming: a client that lists by them numbers alike.
    stock_directory: Vec<&'a [u8]>,
    /// By instrument: the place of its directory message.
    directory_places: Vec<Option<usize>>,
    /// The trading action of each instrument that came last.
    trading_actions: Vec<Option<&'a [u8]>>,
    /// Time of the message applied last, ns since midnight.
    timestamp_ns: u64,
    told: usize,
    errors: u64,
}

/// A snapshot being told to one client.
pub struct Snapshot {
    part: Part,
    message: [u8; BODY_LENGTH_MAX],
    length: usize,
    levels: Vec<DepthLevel>,
    next_level: usize,
    orders: Vec<RestingOrder>,
    next_order: usize,
}

/// What of a snapshot comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    SystemEvent,
    StockDirectory(usize),
    TradingActions(usize),
    /// Instrument and side: twice the instrument, one more for offers.
    Orders(u32),
    End,
    Done,
}

/// What [`Snapshot::message`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// The body of the next message, the same until [`Snapshot::advance`].
    Message(&'a [u8]),
    /// Nothing yet: call again.
    Nothing,
    /// The snapshot is complete.
    Done,
}

impl<'a> SnapshotBooks<'a> {
    /// Empty books for a capture, with the listings that its first pass found.
    ///
    /// # Errors
    /// Capacities that no book can have.
    ///
    /// # Panics
    /// Never: the directory is made for the listings that it is given.
    pub fn new(capture: &'a Capture, scan: &Prescan, config: BookConfig) -> Result<Self, BookConfigError> {
        let symbols = scan.listings.iter().map(|listing| listing.symbol).collect();
        let mut directory = Directory::new(symbols, 0).expect("16-bit locates give fewer symbols than fit");
        let mut listings = vec![(0, Symbol::from_wire8([b' '; 8])); directory.len()];
        for listing in &scan.listings {
            // One locate a symbol: a venue that numbers one symbol twice keeps the first.
            if let Ok(instrument) = directory.list(VENUE, listing.locate, listing.symbol)
                && listings[instrument as usize].0 == 0
            {
                listings[instrument as usize] = (listing.locate, listing.symbol);
            }
        }
        let instruments_max = directory.len().max(1);
        Ok(Self {
            tape: Tape::new(capture),
            feed: ItchFeed::new(VENUE, 0, 0),
            books: VenueBooks::new(BookConfig { instruments_max, ..config })?,
            trading_actions: vec![None; listings.len()],
            stock_directory: Vec::with_capacity(listings.len()),
            directory_places: vec![None; listings.len()],
            listings,
            directory,
            system_event: None,
            timestamp_ns: 0,
            told: 0,
            errors: 0,
        })
    }

    /// Applies messages up to number `until`, at most `messages_max`, unless a snapshot is being told; returns how
    /// many.
    pub fn catch_up(&mut self, until: u64, messages_max: u64) -> u64 {
        let before = self.tape.taken();
        let until = until.min(before.saturating_add(messages_max));
        while self.told == 0 && self.tape.taken() < until {
            let Some((framed, _)) = self.tape.next_framed() else { break };
            self.apply(framed.get(2..).unwrap_or_default());
        }
        self.tape.taken() - before
    }

    fn apply(&mut self, body: &'a [u8]) {
        match body.first() {
            Some(b'S') => self.system_event = Some(body),
            Some(b'R') => self.note_directory(body),
            Some(b'H') => {
                let instrument = self.directory.instrument_at(VENUE, locate_of(body));
                if let Some(action) = self.trading_actions.get_mut(instrument as usize) {
                    *action = Some(body);
                }
            }
            _ => {}
        }
        if let Some(stamp) = body.get(5..11) {
            self.timestamp_ns = stamp.iter().fold(0, |time, &byte| time << 8 | u64::from(byte));
        }
        let number = self.tape.taken();
        match self.feed.decode_event(&mut self.directory, body, number, TIME_NONE) {
            Ok(Some(event)) => self.errors += u64::from(self.books.apply(&event).is_err()),
            Ok(None) => {}
            Err(_) => self.errors += 1,
        }
    }

    fn note_directory(&mut self, body: &'a [u8]) {
        let instrument = self.directory.instrument_at(VENUE, locate_of(body));
        let Some(place) = self.directory_places.get_mut(instrument as usize) else { return };
        match place.and_then(|at| self.stock_directory.get_mut(at)) {
            Some(known) => *known = body,
            None => {
                *place = Some(self.stock_directory.len());
                self.stock_directory.push(body);
            }
        }
    }

    /// Begins a snapshot if the books have caught up with message number `published`: they stand still until it ends.
    /// Give it back by [`Self::end`].
    pub fn begin(&mut self, published: u64) -> Option<Snapshot> {
        if self.tape.taken() != published {
            return None;
        }
        self.told += 1;
        Some(Snapshot {
            part: Part::SystemEvent,
            message: [0; BODY_LENGTH_MAX],
            length: 0,
            levels: Vec::new(),
            next_level: 0,
            orders: Vec::new(),
            next_order: 0,
        })
    }

    /// A snapshot is complete, or its client has gone.
    pub fn end(&mut self, snapshot: Snapshot) {
        drop(snapshot);
        self.told = self.told.saturating_sub(1);
    }

    /// Snapshots under way.
    #[must_use]
    pub const fn told(&self) -> usize {
        self.told
    }

    /// Number of the first message that is not in the books.
    #[must_use]
    pub const fn next_sequence(&self) -> u64 {
        self.tape.taken() + 1
    }

    /// Messages that did not fit the books, and had no effect.
    #[must_use]
    pub const fn errors(&self) -> u64 {
        self.errors
    }

    /// The books.
    #[must_use]
    pub const fn books(&self) -> &VenueBooks {
        &self.books
    }

    fn add_order(&self, order: &RestingOrder) -> Message {
        let (locate, stock) = self
            .listings
            .get(order.instrument as usize)
            .copied()
            .unwrap_or((0, Symbol::from_wire8([b' '; 8])));
        // Price and quantity came out of 32-bit fields in these units.
        Message::AddOrder(AddOrder {
            header: Header { locate, tracking: 0, timestamp_ns: self.timestamp_ns },
            reference: order.order_id,
            side: if order.side == Side::Buy { b'B' } else { b'S' },
            shares: u32::try_from(order.quantity).unwrap_or(u32::MAX),
            stock,
            price: u32::try_from(order.price / ITCH_PRICE4_UNIT).unwrap_or(u32::MAX),
        })
    }
}

fn locate_of(body: &[u8]) -> u16 {
    body.get(1..3).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

impl Snapshot {
    /// The next message for the client. `books` are those that the snapshot was begun with.
    pub fn message(&mut self, books: &SnapshotBooks<'_>) -> Told<'_> {
        let mut sides = 0;
        while self.length == 0 {
            if self.part == Part::Done {
                return Told::Done;
            }
            sides += u32::from(matches!(self.part, Part::Orders(_)));
            if sides > SIDES_A_CALL {
                return Told::Nothing;
            }
            self.step(books);
        }
        Told::Message(&self.message[..self.length])
    }

    /// The client has taken [`Self::message`].
    pub fn advance(&mut self) {
        self.length = 0;
    }

    /// Makes the next message, or moves on to where it may be.
    fn step(&mut self, books: &SnapshotBooks<'_>) {
        match self.part {
            Part::SystemEvent => {
                self.part = Part::StockDirectory(0);
                self.copy(books.system_event);
            }
            Part::StockDirectory(at) => match books.stock_directory.get(at) {
                Some(body) => {
                    self.part = Part::StockDirectory(at + 1);
                    self.copy(Some(body));
                }
                None => self.part = Part::TradingActions(0),
            },
            Part::TradingActions(at) => match books.trading_actions.get(at) {
                Some(&action) => {
                    self.part = Part::TradingActions(at + 1);
                    self.copy(action);
                }
                None => self.enter_side(books, 0),
            },
            Part::Orders(book_side) => {
                if let Some(order) = self.orders.get(self.next_order) {
                    self.length = encode(&books.add_order(order), &mut self.message);
                    self.next_order += 1;
                } else if let Some(level) = self.levels.get(self.next_level) {
                    let (instrument, side) = instrument_and_side(book_side);
                    self.orders.clear();
                    self.orders.extend(books.books.queue(instrument, side, level.price));
                    self.next_order = 0;
                    self.next_level += 1;
                } else {
                    self.enter_side(books, book_side + 1);
                }
            }
            Part::End => {
                self.part = Part::Done;
                self.message[..END_OF_SNAPSHOT_LENGTH].copy_from_slice(&encode_end(books.next_sequence()));
                self.length = END_OF_SNAPSHOT_LENGTH;
            }
            Part::Done => {}
        }
    }

    fn copy(&mut self, body: Option<&[u8]>) {
        if let Some(body) = body
            && let Some(place) = self.message.get_mut(..body.len())
        {
            place.copy_from_slice(body);
            self.length = body.len();
        }
    }

    fn enter_side(&mut self, books: &SnapshotBooks<'_>, book_side: u32) {
        let (instrument, side) = instrument_and_side(book_side);
        self.orders.clear();
        self.levels.clear();
        self.next_level = 0;
        self.next_order = 0;
        if instrument as usize >= books.listings.len() {
            self.part = Part::End;
            return;
        }
        self.part = Part::Orders(book_side);
        self.levels.resize(books.books.level_count(instrument, side), DepthLevel::default());
        books.books.depth(instrument, side, &mut self.levels);
    }
}

fn instrument_and_side(book_side: u32) -> (u32, Side) {
    (book_side / 2, if book_side.is_multiple_of(2) { Side::Buy } else { Side::Sell })
}
