//! A device as a backend: its replica is fed each change of a wide listing's book, and it answers through the rings.
//!
//! In lockstep a request waits for its answer, so that an answer is made of the state at its request whoever computes; each
//! answer and each book's hash is held against the CPU's, and what differs is counted: such a run has failed. Live a request
//! has a soft deadline. What has not come by then the CPU answers, from the books as they are then, and the late answer is
//! thrown away by its tag; after [`MISSES_MAX`] misses in a row, or with a miss and a heartbeat that has stood still for
//! a millisecond, the device is given up. The CPU goes on alone until the keeper has made another kernel, whose replica is
//! filled book by book; requests go to it again when every book's hash matches.
//!
//! The thread that decides owns it; it makes no driver call (the keeper's thread does) and allocates at construction only.

use super::{Answered, ComputedBy, Patience, SurfaceVol, TouchChange, WideBackend, WideListing, WideRequest};
use crate::pipeline::tsc;
use feeds::event::MarketEvent;
use kernels::cpu::book::VenueBooks;
use kernels::cpu::wide::{WideAnswer, WideState, WideTables};
use kernels::device::feed::{Collected, Feed};
use kernels::device::keeper::{GivenUp, Keeper, Link};
use kernels::device::ring::RingFull;
use std::collections::VecDeque;
use std::sync::Arc;

/// Answers in a row that come after the soft deadline before the device is given up.
pub const MISSES_MAX: u32 = 8;

/// Looks at the ring between two looks at the clock and the heartbeat, while an answer is waited for.
const LOOKS_A_CHECK: u32 = 256;

/// The device is behind by its whole ring.
const RING_FULL: GivenUp = GivenUp::Because("its ring of ticks is full");

/// When the device counts as late, stuck and lost, ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Live: an answer that takes longer is the CPU's.
    pub soft: u64,
    /// Live: with an answer missing, a heartbeat that stands still for longer is that of a dead kernel.
    pub stale: u64,
    /// Lockstep: a heartbeat that stands still for longer is that of a dead kernel.
    pub lost: u64,
}

/// What a device and its kernel are, in words, for the report.
pub type Describe = Box<dyn Fn() -> Vec<String> + Send>;

/// A request without an answer.
enum Pending {
    /// The device is at it.
    Asked { tag: u32, listing: u32, asked_ticks: u64 },
    /// It is answered.
    Answered(Kept),
}

/// An answer that waits to be fetched.
struct Kept {
    answer: WideAnswer,
    computed_by: ComputedBy,
    ticks: u64,
    has_options: bool,
    /// The device was to compute it.
    is_fallback: bool,
}

/// How a fresh kernel's replica is being filled.
struct Filling {
    feed: Feed,
    /// Next option whose volatility is to be sent: the tables hold those of the configuration.
    next_option: u32,
    /// Next listing to send.
    next: usize,
    /// A listing that was sent, the tag of the request for its hash, and the hash.
    sent: Option<(u32, u32, u64)>,
}

impl Filling {
    /// Sends volatilities as far as there is room; whether the device has all of them now.
    fn send_volatilities(&mut self, state: &WideState) -> bool {
        let options = state.tables().options().len() as u32;
        while self.next_option < options {
            if self.feed.set_volatility(self.next_option, state.volatility(self.next_option)).is_err() {
                return false;
            }
            self.next_option += 1;
        }
        true
    }
}

/// See the module's text.
pub struct DeviceBackend {
    computes_by: ComputedBy,
    tables: Arc<WideTables>,
    state: WideState,
    /// Lockstep only: what the CPU makes of each request.
    check: Option<Check>,
    feed: Option<Feed>,
    filling: Option<Filling>,
    keeper: Keeper,
    link: Link,
    deadlines: Deadlines,
    /// Listings whose requests are the device's; those that share a relation are all or none.
    is_dispatched: Box<[bool]>,
    is_eligible: Box<[bool]>,
    needs_full: Box<[bool]>,
    pending: VecDeque<Pending>,
    free: Vec<Kept>,
    buffer: WideAnswer,
    misses: u32,
    heartbeat: (u32, u64),
    notes: Vec<String>,
    describe: Describe,
}

/// What lockstep holds the device against.
struct Check {
    state: WideState,
    answer: WideAnswer,
    /// Hash of the requested listing's book.
    book_hash: u64,
    listings: Box<[WideListing]>,
    differences: u64,
}

impl DeviceBackend {
    /// A backend over a kernel that has just been started; `is_lockstep` where time is virtual.
    #[must_use]
    #[allow(clippy::too_many_arguments, reason = "what a device is, once at start")]
    pub fn new(
        computes_by: ComputedBy,
        tables: &Arc<WideTables>,
        listings: &[WideListing],
        is_dispatched: Box<[bool]>,
        unanswered_max: usize,
        keeper: Keeper,
        feed: Feed,
        link: Link,
        deadlines: Deadlines,
        is_lockstep: bool,
        describe: Describe,
    ) -> Self {
        let kept = || {
            let answer = WideAnswer::new(tables);
            Kept { answer, computed_by: ComputedBy::Cpu, ticks: 0, has_options: false, is_fallback: false }
        };
        let check = || Check {
            state: WideState::new(tables),
            answer: WideAnswer::new(tables),
            book_hash: 0,
            listings: listings.into(),
            differences: 0,
        };
        Self {
            computes_by,
            state: WideState::new(tables),
            check: is_lockstep.then(check),
            feed: Some(feed),
            filling: None,
            keeper,
            link,
            deadlines,
            is_dispatched,
            is_eligible: vec![false; listings.len()].into(),
            needs_full: vec![false; listings.len()].into(),
            pending: VecDeque::with_capacity(unanswered_max),
            free: (0..unanswered_max).map(|_| kept()).collect(),
            buffer: WideAnswer::new(tables),
            tables: Arc::clone(tables),
            misses: 0,
            heartbeat: (0, tsc::now()),
            notes: Vec::new(),
            describe,
        }
    }

    /// Says something to the device; `None`: there is none, or it was given up, for a replica that misses something is of no
    /// use. Live that is when its ring is full; lockstep waits for room as long as the kernel lives, so that nothing
    /// depends on how fast the device is.
    fn say<T>(&mut self, what: impl Fn(&mut Feed) -> Result<T, RingFull>) -> Option<T> {
        if let Ok(said) = what(self.feed.as_mut()?) {
            return Some(said);
        }
        self.heartbeat.1 = tsc::now();
        while self.check.is_some() && self.link.is_up() && !self.is_stale(tsc::now(), self.deadlines.lost) {
            std::thread::yield_now();
            if let Ok(said) = what(self.feed.as_mut()?) {
                return Some(said);
            }
        }
        self.give_up(RING_FULL);
        None
    }

    /// Takes the device off; the CPU answers from here on.
    #[cold]
    fn give_up(&mut self, reason: GivenUp) {
        self.feed = None;
        self.filling = None;
        self.link.give_up(reason);
    }

    /// The CPU answers; what the device knows of its last answers is no longer what was answered last.
    fn compute(&mut self, listing: u32) -> Kept {
        let mut kept = self.free.pop().expect("the core asks for no more than may be without an answer");
        let start = tsc::now();
        self.state.compute(listing, false, &mut kept.answer);
        kept.ticks = tsc::now().saturating_sub(start).max(1);
        kept.computed_by = ComputedBy::Cpu;
        kept.has_options = !self.tables.options_of(listing).is_empty();
        kept.is_fallback = self.is_dispatched[listing as usize];
        if kept.is_fallback {
            self.needs_full.fill(true);
        }
        kept
    }

    /// What has come to the oldest request; `None` when its answer is not complete.
    fn collect(&mut self, tag: u32, listing: u32, asked_ticks: u64) -> Option<Kept> {
        let feed = self.feed.as_mut()?;
        match feed.collect(tag, &mut self.buffer) {
            Collected::NotYet | Collected::EpochEnded { .. } => None,
            Collected::Broken(broken) => {
                self.give_up(GivenUp::Broken(broken));
                None
            }
            Collected::Complete { book_hash } => {
                let mut kept = self.free.pop().expect("as many as may be without an answer");
                std::mem::swap(&mut kept.answer, &mut self.buffer);
                self.buffer.clear();
                if self.state.adopt(listing, false, &mut kept.answer).is_err() {
                    self.free.push(kept);
                    self.give_up(GivenUp::Because("it answered what was not asked"));
                    return None;
                }
                kept.ticks = tsc::now().saturating_sub(asked_ticks).max(1);
                kept.computed_by = self.computes_by;
                kept.has_options = !self.tables.options_of(listing).is_empty();
                kept.is_fallback = false;
                self.misses = 0;
                self.hold_against_cpu(listing, book_hash, &kept.answer);
                Some(kept)
            }
        }
    }

    /// Lockstep: the CPU's answer and book are the device's, bit for bit.
    fn hold_against_cpu(&mut self, listing: u32, book_hash: u64, answer: &WideAnswer) {
        let Some(check) = &mut self.check else { return };
        check.state.compute(listing, false, &mut check.answer);
        let differs = check.answer.items() != answer.items();
        if differs || check.book_hash != book_hash {
            check.differences += 1;
            if check.differences == 1 {
                let what = if differs { "answer" } else { "book" };
                self.notes.push(format!("the device's {what} of listing {listing} differs from the CPU's"));
            }
        }
    }

    /// Whether the kernel's heartbeat has stood still for longer than `limit` ticks.
    fn is_stale(&mut self, now: u64, limit: u64) -> bool {
        let Some(feed) = &self.feed else { return true };
        let beat = feed.port().rings().device_word().heartbeat;
        if beat != self.heartbeat.0 {
            self.heartbeat = (beat, now);
        }
        now.saturating_sub(self.heartbeat.1) > limit
    }

    /// Lockstep: the answer, however long it takes; the CPU's when the kernel is dead.
    fn wait(&mut self, tag: u32, listing: u32, asked_ticks: u64) -> Kept {
        self.heartbeat.1 = asked_ticks;
        loop {
            for _ in 0..LOOKS_A_CHECK {
                if let Some(kept) = self.collect(tag, listing, asked_ticks) {
                    return kept;
                }
                std::hint::spin_loop();
            }
            if self.feed.is_none() {
                break;
            }
            if !self.link.is_up() || self.is_stale(tsc::now(), self.deadlines.lost) {
                self.give_up(GivenUp::Because("it does not answer"));
                break;
            }
            std::thread::yield_now();
        }
        let kept = self.compute(listing);
        if let Some(check) = &mut self.check {
            // The CPU's own record goes on as if it had been asked.
            check.state.compute(listing, false, &mut check.answer);
        }
        kept
    }

    /// Live: whether the oldest request's answer is to be the CPU's.
    fn is_late(&mut self, asked_ticks: u64) -> bool {
        if self.feed.is_none() {
            return true;
        }
        let now = tsc::now();
        if !self.link.is_up() {
            self.give_up(GivenUp::Because("its kernel has ended"));
            return true;
        }
        if now.saturating_sub(asked_ticks) <= self.deadlines.soft {
            return false;
        }
        self.misses += 1;
        if self.misses >= MISSES_MAX {
            self.give_up(GivenUp::Because("its answers are late"));
        } else if self.is_stale(now, self.deadlines.stale) {
            self.give_up(GivenUp::Because("its heartbeat stands still"));
        }
        true
    }

    /// Fills the replica of a kernel that was made anew, a book an event, and takes it into use when all hashes match.
    #[cold]
    fn fill(&mut self, books: &[VenueBooks], listings: &[WideListing]) {
        let Some(filling) = &mut self.filling else { return };
        let begun = tsc::now();
        loop {
            if let Some((number, tag, hash)) = filling.sent {
                match filling.feed.collect(tag, &mut self.buffer) {
                    Collected::Complete { book_hash } if book_hash == hash => {
                        self.buffer.clear();
                        filling.sent = None;
                        filling.next = number as usize + 1;
                    }
                    Collected::NotYet if self.check.is_none() => return,
                    Collected::NotYet if tsc::now() - begun < self.deadlines.lost => {
                        std::hint::spin_loop();
                        continue;
                    }
                    _ => return self.give_up(GivenUp::Because("a replica made anew does not match")),
                }
            }
            if !filling.send_volatilities(&self.state) {
                if self.check.is_some() && tsc::now() - begun < self.deadlines.lost {
                    std::hint::spin_loop();
                    continue;
                }
                return;
            }
            let Some(listing) = listings.get(filling.next) else { break };
            let Some(books) = books.get(usize::from(listing.venue)) else {
                return self.give_up(GivenUp::Because("a listing has no venue"));
            };
            if !filling.feed.has_room_for_book(listing.instrument, books) {
                return;
            }
            let number = filling.next as u32;
            let is_eligible = self.is_eligible[filling.next];
            let hash = filling.feed.book_hash(number, listing.instrument, books);
            let sent = filling.feed.send_book(number, listing.instrument, books, is_eligible);
            let Ok(tag) = sent.and_then(|()| filling.feed.request(number, true)) else {
                return self.give_up(RING_FULL);
            };
            filling.sent = Some((number, tag, hash));
        }
        self.feed = self.filling.take().map(|filling| filling.feed);
        self.needs_full.fill(true);
        self.misses = 0;
        self.heartbeat.1 = tsc::now();
    }

    /// The feed that an event of a listing goes to, if any.
    fn feed_of(&mut self, listing: u32) -> Option<&mut Feed> {
        match &mut self.filling {
            Some(filling)
                if (listing as usize) < filling.next || filling.sent.is_some_and(|s| s.0 == listing) =>
            {
                Some(&mut filling.feed)
            }
            Some(_) => None,
            None => self.feed.as_mut(),
        }
    }
}

impl WideBackend for DeviceBackend {
    fn computes_by(&self) -> ComputedBy {
        self.computes_by
    }

    fn book_changed(&mut self, listing: u32, event: &MarketEvent, _books: &[VenueBooks]) {
        if self.filling.is_some() {
            let full = self.feed_of(listing).is_some_and(|feed| feed.book_changed(listing, event).is_err());
            if full {
                self.give_up(RING_FULL);
            }
        } else {
            let _ = self.say(|feed| feed.book_changed(listing, event));
        }
    }

    fn touch_changed(&mut self, change: &TouchChange) {
        let TouchChange { listing, bbo, is_eligible } = *change;
        self.state.set_touch(listing, &bbo, is_eligible);
        if let Some(check) = &mut self.check {
            check.state.set_touch(listing, &bbo, is_eligible);
        }
        if std::mem::replace(&mut self.is_eligible[listing as usize], is_eligible) == is_eligible {
            return;
        }
        if self.filling.is_some() {
            let full =
                self.feed_of(listing).is_some_and(|feed| feed.set_eligible(listing, is_eligible).is_err());
            if full {
                self.give_up(RING_FULL);
            }
        } else {
            let _ = self.say(|feed| feed.set_eligible(listing, is_eligible));
        }
    }

    /// A line an option. A live device whose ring has no room for them is given up, as for books: what it was not told it
    /// must not compute with.
    fn volatilities_changed(&mut self, vols: &[SurfaceVol]) {
        for vol in vols {
            let volatility = vol.volatility();
            if self.state.set_volatility(vol.option, volatility).is_err() {
                continue;
            }
            if let Some(check) = &mut self.check {
                let _ = check.state.set_volatility(vol.option, volatility);
            }
            match &mut self.filling {
                // All of them are sent once more before the replica is taken into use.
                Some(filling) => filling.next_option = 0,
                None => drop(self.say(|feed| feed.set_volatility(vol.option, volatility))),
            }
        }
    }

    fn request(&mut self, request: &WideRequest, books: &[VenueBooks]) {
        let (listing, asked_ticks) = (request.listing, tsc::now());
        if let (Some(check), Some(feed)) = (&mut self.check, &mut self.feed) {
            let WideListing { venue, instrument } = check.listings[listing as usize];
            if let Some(books) = books.get(usize::from(venue)) {
                check.book_hash = feed.book_hash(listing, instrument, books);
            }
        }
        let asked = if self.feed.is_some() && self.is_dispatched[listing as usize] {
            let full = std::mem::take(&mut self.needs_full[listing as usize]);
            self.say(|feed| feed.request(listing, full))
        } else {
            None
        };
        let pending = match asked {
            Some(tag) if self.check.is_some() => Pending::Answered(self.wait(tag, listing, asked_ticks)),
            Some(tag) => Pending::Asked { tag, listing, asked_ticks },
            None => Pending::Answered(self.compute(listing)),
        };
        self.pending.push_back(pending);
    }

    fn answer(&mut self, _request: &WideRequest, _patience: Patience) -> Option<Answered<'_>> {
        let kept = match self.pending.front()? {
            Pending::Answered(_) => None,
            &Pending::Asked { tag, listing, asked_ticks } => match self.collect(tag, listing, asked_ticks) {
                Some(kept) => Some(kept),
                None if self.is_late(asked_ticks) => {
                    self.buffer.clear();
                    Some(self.compute(listing))
                }
                None => return None,
            },
        };
        let kept = match (kept, self.pending.pop_front()?) {
            (Some(kept), _) | (None, Pending::Answered(kept)) => kept,
            (None, Pending::Asked { .. }) => return None,
        };
        self.free.push(kept);
        let Kept { answer, computed_by, ticks, has_options, is_fallback } = self.free.last()?;
        let (scan_ticks, price_ticks) = if *has_options { (0, *ticks) } else { (*ticks, 0) };
        Some(Answered {
            computed_by: *computed_by,
            is_fallback: *is_fallback,
            scan_ticks,
            price_ticks,
            items: answer.items(),
        })
    }

    fn settle(&mut self, books: &[VenueBooks], listings: &[WideListing]) {
        if self.feed.is_some() {
            return;
        }
        if self.filling.is_none() {
            self.filling =
                self.link.fresh_feed().map(|feed| Filling { feed, next_option: 0, next: 0, sent: None });
        }
        self.fill(books, listings);
    }

    fn differences(&self) -> u64 {
        self.check.as_ref().map_or(0, |check| check.differences)
    }

    fn note(&self) -> Option<String> {
        let notes = (self.describe)().into_iter().chain(self.notes.iter().cloned());
        Some(notes.chain(self.keeper.notes()).collect::<Vec<_>>().join("; "))
    }
}
