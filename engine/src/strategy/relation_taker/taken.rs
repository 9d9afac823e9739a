//! What of the quotes that are shown is not there for the relation taker, by what it knows of its own orders.
//!
//! An order that was hit shows less afterwards, or goes. Until the feed says so, and for good where the feed does not know of
//! us (a replayed market), what was taken is still shown. Per side of a listing:
//!
//! - What was asked for of a displayed order counts as gone. When its owner replaces the order, it goes along: he does not have
//!   again what was taken of it. The order's end ends it.
//! - Until the wait after the attempt is over, what the order shows less is what we took, and is not held against it twice.
//! - Whoever asks for less than is shown and does not get it knows that all of it is gone.
//! - What feeds tell without orders, and what goes beyond the orders that are remembered, is gone until the listing shows another
//!   price or size.
//! - An order of ours that never came to the book says nothing.
//!
//! It allocates at construction only and belongs to the decision thread. Events in the midst of a longer one are not heard: an
//! order that is replaced there is forgotten.

mod side;

use crate::pipeline::wide::WideListing;
use crate::strategy::View;
use feeds::event::{EventKind, MarketEvent, Side};
use kernels::cpu::book::Bbo;
use side::TakenSide;

/// See the module's text.
pub(super) struct Taken {
    listings: Box<[WideListing]>,
    /// Bid and offer of each.
    sides: Box<[[TakenSide; 2]]>,
    /// Listings by instrument.
    by_instrument: Box<[u32]>,
    /// Of each instrument, where its listings are there.
    places: Box<[(u32, u32)]>,
}

impl Taken {
    pub(super) fn new(listings: &[WideListing]) -> Self {
        let mut by_instrument: Vec<u32> = (0..listings.len() as u32).collect();
        by_instrument.sort_by_key(|&listing| listings[listing as usize].instrument);
        let instruments = listings.iter().map(|at| at.instrument as usize + 1).max().unwrap_or(0);
        let mut places = vec![(0, 0); instruments];
        for (at, &listing) in (0..).zip(&by_instrument) {
            let place: &mut (u32, u32) = &mut places[listings[listing as usize].instrument as usize];
            *place = if place.1 == 0 { (at, at + 1) } else { (place.0, at + 1) };
        }
        Self {
            listings: listings.into(),
            sides: vec![[TakenSide::default(); 2]; listings.len()].into(),
            by_instrument: by_instrument.into(),
            places: places.into(),
        }
    }

    /// What a listing shows and what of it is there.
    pub(super) fn quote(&mut self, view: &View<'_>, listing: u32) -> (Bbo, Bbo) {
        let WideListing { venue, instrument } = self.listings[listing as usize];
        // Empty where the venue is not in continuous trading, or stale.
        let shown = view.nbbo.venue_quote(instrument, venue);
        let [bid, ask] = &self.sides[listing as usize];
        let bid_qty = bid.left(shown.bid_px, shown.bid_qty);
        let ask_qty = ask.left(shown.ask_px, shown.ask_qty);
        (shown, Bbo { bid_qty, ask_qty, ..shown })
    }

    /// The side of a listing that an order of ours on `side` takes from.
    fn side(&mut self, listing: u32, side: Side) -> &mut TakenSide {
        &mut self.sides[listing as usize][usize::from(side == Side::Buy)]
    }

    /// An order of ours on `side` asks for `quantity` of what `shown` shows.
    pub(super) fn ask(&mut self, view: &View<'_>, listing: u32, side: Side, shown: &Bbo, quantity: u64) {
        let WideListing { venue, instrument } = self.listings[listing as usize];
        let at =
            if side == Side::Buy { (shown.ask_px, shown.ask_qty) } else { (shown.bid_px, shown.bid_qty) };
        let books = view.books.get(usize::from(venue));
        self.side(listing, side).ask(books, instrument, side.opposite(), at, quantity);
    }

    /// It is done, `filled` of it filled; the display may show that until the time given.
    pub(super) fn end(&mut self, listing: u32, side: Side, filled: u64, unseen_until_ns: u64) {
        self.side(listing, side).end(filled, unseen_until_ns);
    }

    /// It never came to the book.
    pub(super) fn give_back(&mut self, listing: u32, side: Side) {
        self.side(listing, side).give_back();
    }

    /// A book changed.
    pub(super) fn on_market(&mut self, view: &View<'_>, event: &MarketEvent) {
        let Some(&(from, to)) = self.places.get(event.instrument as usize) else { return };
        for &listing in &self.by_instrument[from as usize..to as usize] {
            let WideListing { venue, instrument } = self.listings[listing as usize];
            let sides = &mut self.sides[listing as usize];
            if venue != event.venue || sides.iter().all(TakenSide::is_empty) {
                continue;
            }
            let Some(books) = view.books.get(usize::from(venue)) else { continue };
            let quote = books.bbo(instrument);
            for (side, (price, shown)) in
                sides.iter_mut().zip([(quote.bid_px, quote.bid_qty), (quote.ask_px, quote.ask_qty)])
            {
                if event.kind == EventKind::OrderReplace {
                    side.replaced(event.order_id, event.second_id, event.price, event.quantity);
                }
                side.look(books, price, shown, view.time_ns);
            }
        }
    }
}
