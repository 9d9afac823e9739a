//! The decision core's part of wide work: which listings have changed, what is asked for, what is still to be answered.
//!
//! A change counts at the end of an event. Each changed listing then gives one [`TouchChange`] and, where its touch is not
//! the one that was asked about last, one [`WideRequest`]. At most so many requests are unanswered at once; a listing that
//! finds no room waits, and is asked for in its turn at the end of a later event, with what its touch is by then. That depends on inputs alone, so
//! that a replay asks the same.
//!
//! A listing that is not in continuous trading, or stale, has no touch. Owned by the decision core; allocates at
//! construction only. Without wide work the core has none of this.

use std::collections::VecDeque;

use super::{WideAnswered, WideRequest};
use kernels::abi::LISTING_NONE;
use kernels::cpu::book::Bbo;

/// One instrument at one venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WideListing {
    /// Dense venue number.
    pub venue: u8,
    /// Dense instrument number.
    pub instrument: u32,
}

/// What a listing shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    bbo: Bbo,
    is_eligible: bool,
}

impl Shown {
    const NOTHING: Self = Self { bbo: Bbo::EMPTY, is_eligible: false };
}

/// A listing's touch, or whether it counts, is another than at the last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TouchChange {
    /// Number of the wide listing.
    pub listing: u32,
    /// Best bid and offer; empty where it does not count.
    pub bbo: Bbo,
    /// Whether it counts: in continuous trading, and not stale.
    pub is_eligible: bool,
}

#[derive(Clone, Copy)]
struct Watched {
    now: Shown,
    /// As the last change said.
    told: Shown,
    /// As at the last request.
    asked: Shown,
    is_touched: bool,
    waits: bool,
    /// Its options have other volatilities than at the last request.
    is_refitted: bool,
}

/// See the module's text.
pub struct WideWatch {
    venues: usize,
    /// Number of the wide listing by instrument and venue.
    numbers: Box<[u32]>,
    listings: Box<[WideListing]>,
    watched: Box<[Watched]>,
    /// Listings to look at when the event ends, each once.
    touched: Vec<u32>,
    /// Listings that show another touch than was asked about, or did, each once.
    waiting: VecDeque<u32>,
    changes: Vec<TouchChange>,
    requests: Vec<WideRequest>,
    unanswered: VecDeque<WideRequest>,
    unanswered_max: usize,
    next_id: u64,
    waited: bool,
    has_applied: bool,
}

impl WideWatch {
    /// Watches `listings`, numbered in their order, of which each is named once.
    ///
    /// # Panics
    /// When a listing is out of range or `unanswered_max` is zero: start-up errors.
    #[must_use]
    pub fn new(
        listings: &[WideListing],
        venues: usize,
        instruments_max: usize,
        unanswered_max: usize,
    ) -> Self {
        assert!(unanswered_max > 0, "nothing could be asked for");
        let mut numbers = vec![LISTING_NONE; venues * instruments_max];
        for (number, listing) in (0..).zip(listings) {
            assert!(usize::from(listing.venue) < venues, "a listing of venue {}", listing.venue);
            numbers[listing.instrument as usize * venues + usize::from(listing.venue)] = number;
        }
        let (now, told, asked) = (Shown::NOTHING, Shown::NOTHING, Shown::NOTHING);
        let unseen = Watched { now, told, asked, is_touched: false, waits: false, is_refitted: false };
        Self {
            venues,
            numbers: numbers.into_boxed_slice(),
            watched: vec![unseen; listings.len()].into_boxed_slice(),
            touched: Vec::with_capacity(listings.len()),
            waiting: VecDeque::with_capacity(listings.len()),
            changes: Vec::with_capacity(listings.len()),
            requests: Vec::with_capacity(listings.len().min(unanswered_max)),
            listings: listings.into(),
            unanswered: VecDeque::with_capacity(unanswered_max),
            unanswered_max,
            next_id: 1,
            waited: false,
            has_applied: false,
        }
    }

    /// Number of the wide listing of an instrument at a venue, if it is one.
    #[must_use]
    #[inline]
    pub fn number(&self, venue: u8, instrument: u32) -> Option<u32> {
        if usize::from(venue) >= self.venues {
            return None;
        }
        let at = (instrument as usize).checked_mul(self.venues)?.checked_add(usize::from(venue))?;
        self.numbers.get(at).copied().filter(|&number| number != LISTING_NONE)
    }

    /// The listings, by number.
    #[must_use]
    pub fn listings(&self) -> &[WideListing] {
        &self.listings
    }

    /// Whether the last input was a market event that its book has taken.
    #[must_use]
    pub const fn has_applied(&self) -> bool {
        self.has_applied
    }

    /// Touches that the last input has changed. All of them are to be told to the backend before any of
    /// [`Self::requests`]: an answer sees every book as the core does.
    #[must_use]
    pub fn changes(&self) -> &[TouchChange] {
        &self.changes
    }

    /// What the last input asks for, oldest first.
    #[must_use]
    pub fn requests(&self) -> &[WideRequest] {
        &self.requests
    }

    /// The request whose answer comes next.
    #[must_use]
    pub fn oldest(&self) -> Option<&WideRequest> {
        self.unanswered.front()
    }

    /// Requests so far.
    #[must_use]
    pub const fn requested(&self) -> u64 {
        self.next_id - 1
    }

    /// Whether a change ever had to wait for an answer before it could be asked about.
    #[must_use]
    pub const fn has_waited(&self) -> bool {
        self.waited
    }

    #[inline]
    pub(in crate::pipeline) fn begin_input(&mut self) {
        self.changes.clear();
        self.requests.clear();
        self.has_applied = false;
    }

    #[inline]
    pub(in crate::pipeline) fn applied(&mut self) {
        self.has_applied = true;
    }

    /// The touch of an instrument at a venue may have changed.
    #[inline]
    pub(in crate::pipeline) fn touched(&mut self, venue: u8, instrument: u32, bbo: &Bbo, is_eligible: bool) {
        let Some(number) = self.number(venue, instrument) else { return };
        let watched = &mut self.watched[number as usize];
        watched.now = if is_eligible { Shown { bbo: *bbo, is_eligible } } else { Shown::NOTHING };
        if !watched.is_touched {
            watched.is_touched = true;
            self.touched.push(number);
        }
    }

    /// The options of a listing have other volatilities: whether there is such a listing. It is asked about however its
    /// touch stands.
    pub(in crate::pipeline) fn refitted(&mut self, listing: u32) -> bool {
        let Some(watched) = self.watched.get_mut(listing as usize) else { return false };
        watched.is_refitted = true;
        if !watched.waits {
            watched.waits = true;
            self.waiting.push_back(listing);
        }
        true
    }

    /// The event has ended: tells and asks for what has changed. Costs nothing for what waits while there is no room.
    #[inline]
    pub(in crate::pipeline) fn end_event(&mut self, decision: u64, time_ns: u64) {
        let has_room = self.unanswered.len() < self.unanswered_max;
        if !self.touched.is_empty() || (has_room && !self.waiting.is_empty()) {
            self.tell();
            self.ask(decision, time_ns);
        }
    }

    /// Notes the changes; what is another than was asked about waits to be asked about, each listing once.
    fn tell(&mut self) {
        for listing in self.touched.drain(..) {
            let watched = &mut self.watched[listing as usize];
            watched.is_touched = false;
            if watched.now != watched.told {
                watched.told = watched.now;
                let Shown { bbo, is_eligible } = watched.now;
                self.changes.push(TouchChange { listing, bbo, is_eligible });
            }
            if watched.now != watched.asked && !watched.waits {
                watched.waits = true;
                self.waiting.push_back(listing);
            }
        }
    }

    /// Asks for what waits, oldest first, as far as there is room.
    fn ask(&mut self, decision: u64, time_ns: u64) {
        while self.unanswered.len() < self.unanswered_max {
            let Some(listing) = self.waiting.pop_front() else { return };
            let watched = &mut self.watched[listing as usize];
            watched.waits = false;
            if watched.now == watched.asked && !watched.is_refitted {
                continue;
            }
            (watched.asked, watched.is_refitted) = (watched.now, false);
            let request = WideRequest { id: self.next_id, decision, time_ns, listing };
            self.next_id += 1;
            self.requests.push(request);
            self.unanswered.push_back(request);
        }
        self.waited |= !self.waiting.is_empty();
    }

    /// Whether the answer is that of the oldest request, which is then answered.
    pub(in crate::pipeline) fn answered(&mut self, answer: &WideAnswered<'_>) -> bool {
        let is_expected = self.oldest().is_some_and(|oldest| is_answer_to(answer, oldest));
        if is_expected {
            self.unanswered.pop_front();
        }
        is_expected
    }
}

/// Whether an answer is one to this request.
#[must_use]
pub fn is_answer_to(answer: &WideAnswered<'_>, request: &WideRequest) -> bool {
    (answer.request, answer.listing) == (request.id, request.listing)
}

#[cfg(test)]
mod tests {
    use super::super::ComputedBy;
    use super::*;
    use feeds::units::PRICE_NONE;
    use proptest::prelude::*;

    const LISTINGS: [WideListing; 3] = [
        WideListing { venue: 0, instrument: 2 },
        WideListing { venue: 1, instrument: 2 },
        WideListing { venue: 1, instrument: 0 },
    ];

    fn watch(unanswered_max: usize) -> WideWatch {
        WideWatch::new(&LISTINGS, 2, 3, unanswered_max)
    }

    fn bid(price: i64) -> Bbo {
        Bbo { bid_px: price, bid_qty: 1, ask_px: PRICE_NONE, ask_qty: 0 }
    }

    fn answer(request: &WideRequest) -> WideAnswered<'static> {
        let WideRequest { id, listing, time_ns, .. } = *request;
        WideAnswered { time_ns, request: id, listing, computed_by: ComputedBy::Cpu, items: &[] }
    }

    #[test]
    fn only_listings_of_the_wide_work_have_numbers() {
        let watch = watch(1);
        for venue in 0..4 {
            for instrument in 0..6 {
                let found = LISTINGS.iter().position(|&one| one == WideListing { venue, instrument });
                assert_eq!(
                    watch.number(venue, instrument),
                    found.map(|at| at as u32),
                    "{venue} {instrument}"
                );
            }
        }
        assert_eq!(watch.number(1, u32::MAX), None);
    }

    #[test]
    fn a_listing_is_asked_for_once_and_only_when_it_shows_something_else() {
        let mut watch = watch(8);
        watch.touched(0, 2, &bid(5), true);
        watch.touched(0, 2, &bid(6), true);
        watch.touched(0, 1, &bid(6), true);
        watch.end_event(7, 70);
        assert_eq!(watch.changes(), [TouchChange { listing: 0, bbo: bid(6), is_eligible: true }]);
        assert_eq!(watch.requests(), [WideRequest { id: 1, decision: 7, time_ns: 70, listing: 0 }]);
        watch.begin_input();
        watch.touched(0, 2, &bid(6), true);
        watch.end_event(8, 80);
        assert!(watch.changes().is_empty() && watch.requests().is_empty());
        watch.touched(0, 2, &bid(6), false);
        watch.end_event(9, 90);
        assert_eq!(watch.changes(), [TouchChange { listing: 0, bbo: Bbo::EMPTY, is_eligible: false }]);
        assert_eq!(watch.requests()[0].id, 2);
        watch.begin_input();
        watch.touched(0, 2, &bid(9), false);
        watch.end_event(10, 100);
        assert!(watch.changes().is_empty(), "what it shows while it does not count is nothing");
    }

    #[test]
    fn a_listing_with_other_volatilities_is_asked_about_once_though_its_touch_stands() {
        let mut watch = watch(1);
        watch.touched(0, 2, &bid(5), true);
        watch.end_event(1, 10);
        let first = *watch.oldest().expect("unanswered");
        watch.begin_input();
        assert!(watch.refitted(0) && watch.refitted(0) && !watch.refitted(3));
        watch.end_event(2, 20);
        assert!(watch.requests().is_empty(), "there is no room");
        assert!(watch.answered(&answer(&first)));
        watch.begin_input();
        watch.end_event(3, 30);
        assert_eq!(watch.requests(), [WideRequest { id: 2, decision: 3, time_ns: 30, listing: 0 }]);
        let second = *watch.oldest().expect("unanswered");
        assert!(watch.answered(&answer(&second)));
        watch.begin_input();
        watch.end_event(4, 40);
        assert!(watch.requests().is_empty());
    }

    #[test]
    fn without_room_the_latest_touch_is_asked_for_later() {
        let mut watch = watch(1);
        watch.touched(0, 2, &bid(5), true);
        watch.touched(1, 2, &bid(5), true);
        watch.end_event(1, 10);
        assert_eq!((watch.changes().len(), watch.requests().len(), watch.has_waited()), (2, 1, true));
        watch.begin_input();
        watch.touched(1, 2, &bid(6), true);
        watch.end_event(2, 20);
        assert_eq!((watch.changes().len(), watch.requests().len()), (1, 0));
        let first = *watch.oldest().expect("unanswered");
        let other = WideAnswered { request: 2, ..answer(&first) };
        assert!(!watch.answered(&other), "no such request");
        assert!(watch.answered(&answer(&first)));
        watch.begin_input();
        watch.end_event(4, 40);
        let last = WideRequest { id: 2, decision: 4, time_ns: 40, listing: 1 };
        assert_eq!((watch.changes().len(), watch.requests()), (0, &[last][..]));
        assert!(watch.answered(&answer(&last)) && watch.oldest().is_none());
    }

    proptest! {
        /// Against a model that keeps what was told and asked in plain vectors.
        #[test]
        fn changes_and_requests_are_those_of_a_naive_model(
            steps in prop::collection::vec((0..3u32, 0..3i64, any::<bool>(), any::<bool>(), any::<bool>()), 1..200),
            unanswered_max in 1..4usize,
        ) {
            let mut watch = watch(unanswered_max);
            let (mut now, mut told, mut asked) = ([(0, false); 3], [(0, false); 3], [(0, false); 3]);
            let (mut order, mut waiting, mut open, mut next) = (Vec::new(), Vec::new(), VecDeque::new(), 1);
            for (decision, (listing, price, counts, ends, answers)) in (1u64..).zip(steps) {
                watch.begin_input();
                let WideListing { venue, instrument } = LISTINGS[listing as usize];
                watch.touched(venue, instrument, &bid(price), counts);
                now[listing as usize] = if counts { (price, true) } else { (0, false) };
                if !order.contains(&listing) {
                    order.push(listing);
                }
                let (mut changes, mut requests) = (Vec::new(), Vec::new());
                if ends {
                    watch.end_event(decision, decision * 10);
                    for at in std::mem::take(&mut order) {
                        let at_index = at as usize;
                        if now[at_index] != told[at_index] {
                            told[at_index] = now[at_index];
                            changes.push((at, now[at_index]));
                        }
                        if now[at_index] != asked[at_index] && !waiting.contains(&at) {
                            waiting.push(at);
                        }
                    }
                    waiting.retain(|&at| {
                        if open.len() == unanswered_max {
                            return true;
                        }
                        if now[at as usize] != asked[at as usize] {
                            asked[at as usize] = now[at as usize];
                            requests.push((next, at));
                            open.push_back((next, at));
                            next += 1;
                        }
                        false
                    });
                }
                let found: Vec<_> = watch.changes().iter().map(|change| {
                    let price = if change.is_eligible { change.bbo.bid_px } else { 0 };
                    (change.listing, (price, change.is_eligible))
                }).collect();
                prop_assert_eq!(found, changes);
                let found: Vec<_> = watch.requests().iter().map(|one| (one.id, one.listing)).collect();
                prop_assert_eq!(found, requests);
                if answers && let Some((id, _)) = open.pop_front() {
                    let oldest = *watch.oldest().expect("the model has one");
                    prop_assert_eq!(oldest.id, id);
                    prop_assert!(watch.answered(&answer(&oldest)));
                }
            }
        }
    }
}
