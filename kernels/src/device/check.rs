//! Holds a device against the CPU: every event into both, every change of a listing's touch asked of both, every answer and
//! every book's hash compared. In step, without a deadline: for tests and for `warptick gpu check`. It allocates.

use super::feed::{BrokenReplica, Collected, Feed};
use super::ring::RingFull;
use crate::abi::{ItemKind, WideItem};
use crate::cpu::book::{Bbo, BookError, VenueBooks};
use crate::cpu::wide::{WideAnswer, WideState, WideTables};
use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent, flags};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an answer may take: far beyond an interpreter on a busy machine.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// What a listing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CheckedListing {
    /// Dense venue number.
    pub venue: u8,
    /// Dense instrument number.
    pub instrument: u32,
}

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Events of listings that the device was told of.
    pub events: u64,
    /// Requests, each of which had an answer.
    pub requests: u64,
    /// Items of cycles in these answers.
    pub cycle_items: u64,
    /// Of these, hits.
    pub cycle_hits: u64,
    /// Items of linear relations in these answers.
    pub linear_items: u64,
    /// Of these, hits.
    pub linear_hits: u64,
    /// Items of relations, of both forms, in answers about listings whose price is upside-down.
    pub inverse_items: u64,
    /// Items of options in these answers.
    pub option_items: u64,
    /// Hashes of single books that were compared.
    pub book_hashes: u64,
}

/// What differed, or went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The device's answer to a request is not the CPU's.
    Items {
        /// Which request, from 1.
        request: u64,
        /// Its listing.
        listing: u32,
        /// The first item of the CPU's answer that differs, if it has one there.
        cpu: Option<WideItem>,
        /// The device's at the same place.
        device: Option<WideItem>,
    },
    /// The device's book is not the CPU's.
    Book {
        /// Whose.
        listing: u32,
        /// The CPU's hash.
        cpu: u64,
        /// The device's.
        device: u64,
        /// After which request.
        request: u64,
    },
    /// The device said that it cannot go on.
    Broken(BrokenReplica),
    /// No answer came.
    NoAnswer {
        /// To which request.
        request: u64,
    },
    /// An item of the device's does not depend on the listing, or came twice.
    Alien(String),
    /// The event does not fit the CPU's own book.
    Event(BookError),
    /// The ring of ticks stayed full.
    Full,
}

impl Compared {
    /// Counts the items of an answer about a listing.
    fn count(&mut self, tables: &WideTables, listing: u32, items: &[WideItem]) {
        let cycles = tables.relations().len();
        for item in items {
            let is_hit = u64::from(item.values[4] > 0);
            match item.key.kind {
                ItemKind::Relation if (item.key.index as usize) < cycles => {
                    self.cycle_items += 1;
                    self.cycle_hits += is_hit;
                }
                ItemKind::Relation => {
                    self.linear_items += 1;
                    self.linear_hits += is_hit;
                }
                ItemKind::Option => self.option_items += 1,
            }
            let is_relation = item.key.kind == ItemKind::Relation;
            self.inverse_items += u64::from(is_relation && tables.is_inverse(listing));
        }
    }

    /// Whether every kind of wide work was in it.
    #[must_use]
    pub const fn is_of_all_kinds(&self) -> bool {
        self.cycle_hits > 0
            && self.linear_hits > 0
            && self.inverse_items > 0
            && self.option_items > 0
            && self.book_hashes > 0
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Items { request, listing, cpu, device } => {
                write!(f, "request {request}, listing {listing}: the CPU has {cpu:?}, the device {device:?}")
            }
            Self::Book { listing, cpu, device, request } => {
                write!(
                    f,
                    "book {listing} after request {request}: hash {cpu:016x} on the CPU, {device:016x} on the device"
                )
            }
            Self::Broken(broken) => broken.fmt(f),
            Self::NoAnswer { request } => write!(f, "no answer to request {request} in {ANSWER_LIMIT:?}"),
            Self::Alien(text) => write!(f, "the device answered what was not asked: {text}"),
            Self::Event(error) => write!(f, "an event does not fit the book: {error}"),
            Self::Full => f.write_str("the ring of ticks stayed full"),
        }
    }
}

impl std::error::Error for Difference {}

/// See the module's page.
#[derive(Debug)]
pub struct Checker {
    listings: Vec<CheckedListing>,
    by_place: HashMap<CheckedListing, u32>,
    eligible: Vec<bool>,
    touched: Vec<u32>,
    cpu: WideState,
    device: WideState,
    feed: Feed,
    cpu_answer: WideAnswer,
    device_answer: WideAnswer,
    compared: Compared,
}

impl Checker {
    /// A checker over a kernel that has just been started.
    #[must_use]
    pub fn new(tables: &Arc<WideTables>, listings: &[CheckedListing], feed: Feed) -> Self {
        Self {
            by_place: (0..).zip(listings).map(|(number, listing)| (*listing, number)).collect(),
            listings: listings.to_vec(),
            eligible: vec![false; listings.len()],
            touched: Vec::new(),
            cpu: WideState::new(tables),
            device: WideState::new(tables),
            feed,
            cpu_answer: WideAnswer::new(tables),
            device_answer: WideAnswer::new(tables),
            compared: Compared::default(),
        }
    }

    /// What was compared so far.
    #[must_use]
    pub const fn compared(&self) -> &Compared {
        &self.compared
    }

    /// The feed, for faults.
    pub const fn feed(&mut self) -> &mut Feed {
        &mut self.feed
    }

    /// Takes an event into the books and the device; at the end of a message asks both for what its listings' changes mean.
    ///
    /// # Errors
    /// What differs.
    pub fn event(&mut self, books: &mut [VenueBooks], event: &MarketEvent) -> Result<(), Difference> {
        let venue = &mut books[usize::from(event.venue)];
        let before =
            self.by_place.get(&CheckedListing { venue: event.venue, instrument: event.instrument }).copied();
        venue.apply(event).map_err(Difference::Event)?;
        let of_all: Vec<u32> = if event.instrument == INSTRUMENT_ALL {
            (0..self.listings.len() as u32)
                .filter(|at| self.listings[*at as usize].venue == event.venue)
                .collect()
        } else {
            before.into_iter().collect()
        };
        for listing in of_all {
            self.compared.events += 1;
            self.say(|feed| feed.book_changed(listing, event))?;
            if matches!(event.kind, EventKind::TradingStatus | EventKind::Gap | EventKind::Recovered) {
                self.see_eligible(listing, venue)?;
            }
            if !self.touched.contains(&listing) {
                self.touched.push(listing);
            }
        }
        if event.flags & flags::LAST_OF_EVENT != 0 {
            self.compare_touched(books)?;
        }
        Ok(())
    }

    /// All touches are taken in before the first request, as the engine does.
    fn compare_touched(&mut self, books: &[VenueBooks]) -> Result<(), Difference> {
        let mut touched = std::mem::take(&mut self.touched);
        for &listing in &touched {
            self.see_eligible(listing, &books[usize::from(self.listings[listing as usize].venue)])?;
        }
        touched.retain(|&listing| self.set_touch(books, listing));
        touched.drain(..).try_for_each(|listing| self.compare(books, listing, false))?;
        self.touched = touched;
        Ok(())
    }

    fn see_eligible(&mut self, listing: u32, venue: &VenueBooks) -> Result<(), Difference> {
        let is_eligible = venue.is_continuous(self.listings[listing as usize].instrument);
        if std::mem::replace(&mut self.eligible[listing as usize], is_eligible) != is_eligible {
            self.say(|feed| feed.set_eligible(listing, is_eligible))?;
        }
        Ok(())
    }

    fn set_touch(&mut self, books: &[VenueBooks], listing: u32) -> bool {
        let CheckedListing { venue, instrument } = self.listings[listing as usize];
        let bbo: Bbo = books[usize::from(venue)].bbo(instrument);
        let is_eligible = self.eligible[listing as usize];
        self.device.set_touch(listing, &bbo, is_eligible);
        self.cpu.set_touch(listing, &bbo, is_eligible)
    }

    /// Gives an option another volatility on both sides.
    ///
    /// # Errors
    /// What differs.
    ///
    /// # Panics
    /// When the tables refuse it: a fault of the caller.
    pub fn set_volatility(&mut self, option: u32, volatility: f64) -> Result<(), Difference> {
        self.cpu.set_volatility(option, volatility).expect("a volatility that fits");
        self.device.set_volatility(option, volatility).expect("a volatility that fits");
        self.say(|feed| feed.set_volatility(option, volatility))
    }

    /// Compares everything that depends on a listing, and its book's hash.
    ///
    /// # Errors
    /// What differs.
    pub fn compare(&mut self, books: &[VenueBooks], listing: u32, full: bool) -> Result<(), Difference> {
        self.compared.requests += 1;
        let request = self.compared.requests;
        let begun = Instant::now();
        let tag = loop {
            match self.feed.request(listing, full) {
                Ok(tag) => break tag,
                Err(RingFull) if begun.elapsed() < ANSWER_LIMIT => std::thread::yield_now(),
                Err(RingFull) => return Err(Difference::Full),
            }
        };
        self.device_answer.clear();
        let book_hash = loop {
            match self.feed.collect(tag, &mut self.device_answer) {
                Collected::Complete { book_hash } => break book_hash,
                Collected::Broken(broken) => return Err(Difference::Broken(broken)),
                Collected::NotYet if begun.elapsed() < ANSWER_LIMIT => std::thread::yield_now(),
                Collected::NotYet | Collected::EpochEnded { .. } => {
                    return Err(Difference::NoAnswer { request });
                }
            }
        };
        self.device
            .adopt(listing, full, &mut self.device_answer)
            .map_err(|e| Difference::Alien(e.to_string()))?;
        self.cpu.compute(listing, full, &mut self.cpu_answer);
        let (cpu, device) = (self.cpu_answer.items(), self.device_answer.items());
        if cpu != device {
            let at = (0..).find(|at| cpu.get(*at) != device.get(*at)).unwrap_or(0);
            let (cpu, device) = (cpu.get(at).copied(), device.get(at).copied());
            return Err(Difference::Items { request, listing, cpu, device });
        }
        self.compared.count(self.cpu.tables(), listing, device);
        let CheckedListing { venue, instrument } = self.listings[listing as usize];
        let cpu = self.feed.book_hash(listing, instrument, &books[usize::from(venue)]);
        self.compared.book_hashes += 1;
        if cpu != book_hash {
            return Err(Difference::Book { listing, cpu, device: book_hash, request });
        }
        Ok(())
    }

    /// Compares everything once more, whole: all items and all books.
    ///
    /// # Errors
    /// What differs.
    pub fn compare_all(&mut self, books: &[VenueBooks]) -> Result<(), Difference> {
        (0..self.listings.len() as u32).try_for_each(|listing| self.compare(books, listing, true))
    }

    fn say(&mut self, what: impl Fn(&mut Feed) -> Result<(), RingFull>) -> Result<(), Difference> {
        let begun = Instant::now();
        loop {
            match what(&mut self.feed) {
                Ok(()) => return Ok(()),
                Err(RingFull) if begun.elapsed() < ANSWER_LIMIT => std::thread::yield_now(),
                Err(RingFull) => return Err(Difference::Full),
            }
        }
    }
}
