//! The two streams of an options day as they are written, and the quotes that they show.

use std::collections::VecDeque;

use feeds::itch::messages::{
    AddOrder, Header, Message, OrderDelete, OrderExecuted, OrderReplace, StockDirectory, StockTradingAction,
    SystemEvent,
};
use feeds::symbol::Symbol;

/// Time between two messages of one burst, ns.
const MESSAGE_GAP_NS: u64 = 200;

/// ITCH price units in a cent.
const PRICE4_A_CENT: i64 = 100;

/// Bid or offer, as an index.
pub(super) const BID: usize = 0;
/// See [`BID`].
pub(super) const ASK: usize = 1;

/// The one order of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resting {
    reference: u64,
    /// Its price, cents.
    pub cents: i64,
    /// What is left of it: shares, contracts.
    pub size: u32,
}

/// A symbol at a venue with its quote.
#[derive(Clone, Debug)]
pub struct Listing {
    /// 0 is NASDAQ, 1 is BX.
    pub venue: u8,
    /// As in the feed.
    pub symbol: Symbol,
    /// Stock Locate of the day.
    pub locate: u16,
    /// Sizes of a fresh bid and offer.
    pub fresh: [u32; 2],
    /// Bid and offer.
    pub sides: [Option<Resting>; 2],
    pub(super) is_option: bool,
}

/// What a listing is to show, cents. A bid of less than a cent is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) bid: i64,
    pub(super) ask: i64,
}

impl Quote {
    /// Nothing is shown.
    pub(super) const NONE: Self = Self { bid: 0, ask: 0 };

    pub(super) const fn shifted(self, cents: i64) -> Self {
        Self { bid: self.bid + cents, ask: self.ask + cents }
    }
}

/// Messages that wait to be handed on, and what numbers them.
#[derive(Debug, Default)]
pub(super) struct Tape {
    pub(super) now_ns: u64,
    queue: VecDeque<(u8, Message)>,
    /// Messages of each venue so far, those that wait included.
    pub(super) counts: [u64; 2],
    references: [u64; 2],
    matches: u64,
}

impl Tape {
    pub(super) fn next(&mut self) -> Option<(u8, Message)> {
        self.queue.pop_front()
    }

    fn put(&mut self, venue: u8, message: impl FnOnce(Header) -> Message, locate: u16) {
        self.now_ns += MESSAGE_GAP_NS;
        self.counts[usize::from(venue)] += 1;
        self.queue.push_back((venue, message(Header { locate, tracking: 0, timestamp_ns: self.now_ns })));
    }

    /// A system event at both venues.
    pub(super) fn event(&mut self, event_code: u8) {
        for venue in 0..2 {
            self.put(venue, |header| Message::SystemEvent(SystemEvent { header, event_code }), 0);
        }
    }

    /// Directory entry of a listing. ITCH has no class for options; warrants are the nearest.
    pub(super) fn directory(&mut self, listing: &Listing) {
        let (stock, is_option) = (listing.symbol, listing.is_option);
        let message = |header| {
            let share = StockDirectory::common_share(header, stock);
            let (issue_classification, round_lot_size) = if is_option { (b'W', 1) } else { (b'C', 100) };
            Message::StockDirectory(StockDirectory { issue_classification, round_lot_size, ..share })
        };
        self.put(listing.venue, message, listing.locate);
    }

    /// The listing trades.
    pub(super) fn trading(&mut self, listing: &Listing) {
        let stock = listing.symbol;
        let message = |header| Message::StockTradingAction(StockTradingAction::trading(header, stock));
        self.put(listing.venue, message, listing.locate);
    }

    /// Brings a listing's quote where it is to be. A rising quote raises its offer first, a falling one lowers its bid
    /// first, so that it is never crossed in itself.
    pub(super) fn quote(&mut self, listing: &mut Listing, quote: Quote) {
        let rises = listing.sides[ASK].is_some_and(|ask| quote.ask > ask.cents);
        let prices = [quote.bid, quote.ask];
        for side in if rises { [ASK, BID] } else { [BID, ASK] } {
            self.side(listing, side, prices[side]);
        }
    }

    fn side(&mut self, listing: &mut Listing, side: usize, cents: i64) {
        let (locate, stock, shares) = (listing.locate, listing.symbol, listing.fresh[side]);
        let price = (cents.max(0) * PRICE4_A_CENT) as u32;
        match listing.sides[side] {
            Some(resting) if resting.cents == cents => {}
            Some(Resting { reference, .. }) if cents < 1 => {
                listing.sides[side] = None;
                let message = |header| Message::OrderDelete(OrderDelete { header, reference });
                self.put(listing.venue, message, locate);
            }
            None if cents < 1 => {}
            before => {
                let new_reference = self.next_reference(listing.venue);
                listing.sides[side] = Some(Resting { reference: new_reference, cents, size: shares });
                let letter = if side == BID { b'B' } else { b'S' };
                let message = |header| match before {
                    Some(Resting { reference, .. }) => Message::OrderReplace(OrderReplace {
                        header,
                        reference,
                        new_reference,
                        shares,
                        price,
                    }),
                    None => {
                        let (reference, side) = (new_reference, letter);
                        Message::AddOrder(AddOrder { header, reference, side, shares, stock, price })
                    }
                };
                self.put(listing.venue, message, locate);
            }
        }
    }

    /// `shares` of a side trade, of which some stay.
    pub(super) fn execute(&mut self, listing: &mut Listing, side: usize, shares: u32) {
        let Some(resting) = &mut listing.sides[side] else { return };
        debug_assert!(shares < resting.size, "some stay");
        resting.size -= shares;
        self.matches += 1;
        let (reference, match_number) = (resting.reference, self.matches);
        let message =
            |header| Message::OrderExecuted(OrderExecuted { header, reference, shares, match_number });
        self.put(listing.venue, message, listing.locate);
    }

    fn next_reference(&mut self, venue: u8) -> u64 {
        let reference = &mut self.references[usize::from(venue)];
        *reference += 1;
        *reference
    }
}
