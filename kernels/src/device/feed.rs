//! Keeps the device's books like the host's, asks for wide work, and collects the answers.
//!
//! Fed by the thread that decides, after its own book has taken an event: what the device gets can always be applied. One
//! event is one line; the line of the last event waits until it is known whether a request goes with it. Nothing here reads a
//! clock, waits or allocates. A full ring is an error that changes nothing: the replica lacks that line then, and has to be
//! made anew ([`Feed::send_book`] into fresh rings).

use super::ring::{FAULT_UNREADABLE, Port, RingFull};
use crate::abi::{
    EpochEnd, ItemKey, ItemKind, SignalKind, SignalLine, TickKind, TickLine, WideItem, tick_flags,
};
use crate::cpu::book::{DepthLevel, VenueBooks};
use crate::cpu::replica_hash::replica_hash;
use crate::cpu::wide::WideAnswer;
use feeds::event::{EventKind, MarketEvent, Side};
use std::fmt;

/// Levels that a book's resynchronisation looks at: a side with more has no replica.
const LEVELS_MAX: usize = 1 << 16;

/// What came of a look at the ring of signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collected {
    /// The answer is not complete yet.
    NotYet,
    /// All items are in the buffer, in any order.
    Complete {
        /// Hash of the listing's book on the device after the request's line.
        book_hash: u64,
    },
    /// An epoch has ended after this line.
    EpochEnded {
        /// Sum of all books' hashes.
        books_hash: u64,
    },
    /// The replica cannot go on.
    Broken(BrokenReplica),
}

/// Where a device's replica of the books broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenReplica {
    /// Whose book.
    pub listing: u32,
    /// What: 1 levels full, 2 orders full, 3 order unknown, 4 no such listing, -1 a line that cannot be read.
    pub fault: i64,
}

impl fmt::Display for BrokenReplica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listing, fault } = *self;
        let what = match fault {
            1 => "it has more levels than the device keeps",
            2 => "there are more orders than the device keeps",
            3 => "it lacks an order that was to change",
            4 => "there is no such listing",
            FAULT_UNREADABLE => "a line cannot be read",
            _ => "of no known kind",
        };
        write!(f, "the device broke off at the book of listing {listing}, fault {fault}: {what}")
    }
}

/// See the module's page.
#[derive(Debug)]
pub struct Feed {
    port: Port,
    held: Option<TickLine>,
    depth: Box<[DepthLevel]>,
}

impl Feed {
    /// A feed into fresh rings.
    #[must_use]
    pub fn new(port: Port) -> Self {
        Self { port, held: None, depth: vec![DepthLevel::default(); LEVELS_MAX].into_boxed_slice() }
    }

    /// The hot side of the rings.
    #[must_use]
    pub const fn port(&self) -> &Port {
        &self.port
    }

    /// The book of a listing has taken an event.
    ///
    /// # Errors
    /// No room; the replica lacks an event now.
    #[inline]
    pub fn book_changed(&mut self, listing: u32, event: &MarketEvent) -> Result<(), RingFull> {
        line_of(listing, event).map_or(Ok(()), |line| self.hold(line))
    }

    /// Whether a listing counts has changed.
    ///
    /// # Errors
    /// As [`Self::book_changed`].
    pub fn set_eligible(&mut self, listing: u32, is_eligible: bool) -> Result<(), RingFull> {
        let quantity = u64::from(is_eligible);
        self.hold(TickLine { listing, kind: TickKind::Eligible, quantity, ..TickLine::NOTHING })
    }

    /// An option has another volatility.
    ///
    /// # Errors
    /// As [`Self::book_changed`].
    pub fn set_volatility(&mut self, option: u32, volatility: f64) -> Result<(), RingFull> {
        let price = volatility.to_bits() as i64;
        self.hold(TickLine { listing: option, kind: TickKind::Volatility, price, ..TickLine::NOTHING })
    }

    /// Asks for what depends on a listing, as it is after all that was said before; the tag of the request's line.
    ///
    /// # Errors
    /// As [`Self::book_changed`]; nothing was asked for.
    #[inline]
    pub fn request(&mut self, listing: u32, full: bool) -> Result<u32, RingFull> {
        let asked = tick_flags::REQUEST | if full { tick_flags::FULL } else { 0 };
        let own = |line: &TickLine| line.listing == listing && line.kind != TickKind::Volatility;
        if !self.held.as_ref().is_some_and(own) {
            self.flush()?;
            self.held = Some(TickLine { listing, ..TickLine::NOTHING });
        }
        let line = self.held.expect("it was just held");
        let tag = self.port.send(&TickLine { flags: asked, ..line })?;
        self.held = None;
        Ok(tag)
    }

    /// Ends the epoch.
    ///
    /// # Errors
    /// No room; nothing was said.
    pub fn end_epoch(&mut self, end: EpochEnd) -> Result<u32, RingFull> {
        self.flush()?;
        let quantity = end as u64;
        self.port.send(&TickLine { kind: TickKind::EpochEnd, quantity, ..TickLine::NOTHING })
    }

    fn hold(&mut self, line: TickLine) -> Result<(), RingFull> {
        self.flush()?;
        self.held = Some(line);
        Ok(())
    }

    /// Sends the line that waits.
    ///
    /// # Errors
    /// No room; it goes on waiting.
    pub fn flush(&mut self) -> Result<(), RingFull> {
        if let Some(line) = &self.held {
            self.port.send(line)?;
            self.held = None;
        }
        Ok(())
    }

    /// Sends what an idle ring needs now and then: the credits of signal lines that were taken out.
    ///
    /// # Errors
    /// No room.
    pub fn send_credits(&mut self) -> Result<(), RingFull> {
        self.flush()?;
        self.port.send(&TickLine::NOTHING).map(drop)
    }

    /// Takes out what is there of the answer to the request with this tag; lines of other requests, which were given up, are
    /// thrown away. `answer` holds what came so far.
    #[inline]
    pub fn collect(&mut self, request: u32, answer: &mut WideAnswer) -> Collected {
        while let Some(line) = self.port.receive() {
            match line.kind {
                SignalKind::Broken => {
                    return broken(line.index, line.values[0]);
                }
                SignalKind::EpochEnd => {
                    return Collected::EpochEnded { books_hash: line.values[0] as u64 };
                }
                _ if line.request != request => {}
                SignalKind::End => return end_of(&line, answer),
                SignalKind::Relation => push(answer, ItemKind::Relation, &line),
                SignalKind::Option => push(answer, ItemKind::Option, &line),
            }
        }
        Collected::NotYet
    }

    /// The hash that a listing's book has to have on the device; it walks the whole book.
    #[must_use]
    pub fn book_hash(&mut self, listing: u32, instrument: u32, books: &VenueBooks) -> u64 {
        replica_hash(books, instrument, listing, &mut self.depth)
    }

    /// Whether a whole book fits the ring of ticks now.
    #[must_use]
    pub fn has_room_for_book(&mut self, instrument: u32, books: &VenueBooks) -> bool {
        lines_of_book(books, instrument, &mut self.depth) < self.port.room() as usize
    }

    /// Sends a whole book into a replica that is empty: a line an order, or a level where the feed shows no orders. For
    /// a fresh start: it walks the whole book.
    ///
    /// # Errors
    /// No room for all of it; the replica of this book is of no use then.
    pub fn send_book(
        &mut self,
        listing: u32,
        instrument: u32,
        books: &VenueBooks,
        is_eligible: bool,
    ) -> Result<(), RingFull> {
        for side in [Side::Buy, Side::Sell] {
            let levels = books.depth(instrument, side, &mut self.depth);
            for at in 0..levels {
                let level = self.depth[at];
                if level.orders == 0 {
                    let (price, quantity) = (level.price, level.quantity);
                    self.hold(TickLine {
                        listing,
                        kind: TickKind::Level,
                        side,
                        price,
                        quantity,
                        ..TickLine::NOTHING
                    })?;
                }
                for order in books.queue(instrument, side, level.price).filter(|_| level.orders > 0) {
                    self.hold(TickLine {
                        listing,
                        kind: TickKind::OrderAdd,
                        side,
                        price: order.price,
                        quantity: order.quantity,
                        order_id: order.order_id,
                        ..TickLine::NOTHING
                    })?;
                }
            }
        }
        self.set_eligible(listing, is_eligible)
    }
}

/// What an event means to the replica of a listing's book; `None` where it means nothing.
#[must_use]
#[inline]
pub const fn line_of(listing: u32, event: &MarketEvent) -> Option<TickLine> {
    let line = TickLine {
        listing,
        side: event.side,
        price: event.price,
        quantity: event.quantity,
        order_id: event.order_id,
        second_id: event.second_id,
        ..TickLine::NOTHING
    };
    Some(match event.kind {
        EventKind::OrderAdd => TickLine { kind: TickKind::OrderAdd, ..line },
        EventKind::OrderReduce | EventKind::OrderExecute => TickLine { kind: TickKind::OrderReduce, ..line },
        EventKind::OrderDelete => TickLine { kind: TickKind::OrderReduce, quantity: u64::MAX, ..line },
        EventKind::OrderReplace => TickLine { kind: TickKind::OrderReplace, ..line },
        EventKind::OrderModify => {
            TickLine { kind: TickKind::OrderReplace, second_id: event.order_id, ..line }
        }
        EventKind::LevelSet => TickLine { kind: TickKind::Level, ..line },
        EventKind::Clear => TickLine { kind: TickKind::Clear, ..line },
        EventKind::Trade | EventKind::TradingStatus | EventKind::Gap | EventKind::Recovered => return None,
    })
}

/// Lines that [`Feed::send_book`] sends for a book, at most.
fn lines_of_book(books: &VenueBooks, instrument: u32, depth: &mut [DepthLevel]) -> usize {
    let side = |side, depth: &mut [DepthLevel]| {
        let levels = books.depth(instrument, side, depth);
        depth[..levels].iter().map(|level| level.orders.max(1) as usize).sum::<usize>()
    };
    1 + side(Side::Buy, depth) + side(Side::Sell, depth)
}

/// The items that were counted have all come: lines of one answer stand before its end.
fn end_of(line: &SignalLine, answer: &WideAnswer) -> Collected {
    if answer.items().len() == line.index as usize {
        Collected::Complete { book_hash: line.values[0] as u64 }
    } else {
        broken(line.values[1] as u32, FAULT_UNREADABLE)
    }
}

const fn broken(listing: u32, fault: i64) -> Collected {
    Collected::Broken(BrokenReplica { listing, fault })
}

#[inline]
fn push(answer: &mut WideAnswer, kind: ItemKind, line: &SignalLine) {
    // What finds no room is missed when the end says how many there were.
    let _ = answer.push(WideItem { key: ItemKey { kind, index: line.index }, values: line.values });
}
