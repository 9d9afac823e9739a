//! Books of levels: what level sets and prints do to resting client orders, and what is taken of a level.
//!
//! The rules in words are on the page of [`super`]. No memory is taken; work per market event is bounded by the client
//! orders of one side and by the levels of one side whose use is remembered.

use feeds::event::{MarketEvent, Side, flags};
use kernels::cpu::book::{DepthLevel, VenueBooks};

use super::matching::AtPrice;
use super::orders::{NO_SLOT, better};
use super::{Reports, VenueCore};

/// Queue ahead of an order at a price that the feed does not show: nobody can say how much it is. As a bound it bounds
/// nothing.
pub(super) const UNSEEN: u64 = u64::MAX;

impl VenueCore {
    /// A level was set: queues and used parts at its side are bounded by it, and what it newly shows fills what it
    /// crosses.
    pub(super) fn on_level_set(&mut self, event: &MarketEvent, out: &mut Reports) {
        let MarketEvent { instrument, side, price, quantity, .. } = *event;
        let before = self.books.level_quantity(instrument, side, price);
        if self.books.apply(event).is_err() {
            self.book_errors += 1;
            return;
        }
        self.turn_book(event, true);
        let appeared = before == 0 && quantity > 0;
        self.used_levels.cap(instrument, side, |at| most_after(&self.books, event, appeared, at));
        self.bound_queues(event, appeared);
        if event.flags & flags::SNAPSHOT == 0 {
            self.fill_crossed(event, before, out);
        }
    }

    /// A print of what was displayed: fills the side that it hit and shortens its queues.
    pub(super) fn on_level_print(&mut self, event: &MarketEvent, out: &mut Reports) {
        let MarketEvent { instrument, price, quantity, .. } = *event;
        let mut remaining = quantity;
        for side in [Side::Buy, Side::Sell] {
            if self.hit(event, side) {
                remaining -= self.fill_resting(event, side, price, AtPrice::Beyond(quantity), remaining, out);
                self.shorten_level_queues(instrument, side, price, quantity);
            }
        }
    }

    /// The instrument's book is one of levels from now on, or one of orders: if that is new, nobody's place in it is
    /// known any more.
    pub(super) fn turn_book(&mut self, event: &MarketEvent, of_levels: bool) {
        let known = &mut self.of_levels[event.instrument as usize];
        if *known == of_levels {
            return;
        }
        *known = of_levels;
        if of_levels {
            self.level_books += 1;
        } else {
            self.level_books -= 1;
        }
        self.used_levels.clear_instrument(event.instrument);
        self.on_gap(event);
    }

    /// Queue ahead of an order that came to rest now.
    pub(super) fn ahead_of_newcomer(&self, instrument: u32, side: Side, price: i64) -> u64 {
        if self.of_levels[instrument as usize] {
            most_at(&self.books, instrument, side, price)
        } else {
            self.books.level_quantity(instrument, side, price)
        }
    }

    /// Uses up to `wanted` of one level. Says how much, and whether it could be remembered.
    pub(super) fn take_of_level(
        &mut self,
        instrument: u32,
        side: Side,
        level: &DepthLevel,
        wanted: u64,
    ) -> (u64, bool) {
        let used = self.used_levels.get(instrument, side, level.price);
        debug_assert!(used <= level.quantity, "more used than the level displays");
        let take = level.quantity.saturating_sub(used).min(wanted);
        if take == 0 {
            return (0, true);
        }
        let remembered = self.used_levels.mark(instrument, side, level.price, take);
        (if remembered { take } else { 0 }, remembered)
    }

    /// No queue at the set level's side is longer than what may stand at its price.
    fn bound_queues(&mut self, event: &MarketEvent, appeared: bool) {
        let MarketEvent { instrument, side, price, .. } = *event;
        let is_snapshot = event.flags & flags::SNAPSHOT != 0;
        let mut slot = self.orders.first(instrument, side);
        while slot != NO_SLOT && !better(side, price, self.orders[slot].price) {
            let order = &mut self.orders[slot];
            let most = most_after(&self.books, event, appeared, order.price);
            if is_snapshot && order.price == price {
                order.queue_ahead = most;
            } else {
                order.queue_ahead = order.queue_ahead.min(most);
            }
            slot = order.behind;
        }
    }

    /// Client orders of the other side that a level set to more locks or crosses take what is new of it.
    fn fill_crossed(&mut self, event: &MarketEvent, before: u64, out: &mut Reports) {
        let MarketEvent { instrument, side, price, quantity, .. } = *event;
        let ours = side.opposite();
        if self.orders.first(instrument, ours) == NO_SLOT {
            return;
        }
        let old = before.max(self.used_levels.get(instrument, side, price));
        let new = quantity.saturating_sub(old);
        if new == 0 || !self.used_levels.can_mark(instrument, side, price) {
            return;
        }
        let filled = self.fill_resting(event, ours, price, AtPrice::Everybody, new, out);
        if filled > 0 {
            self.used_levels.mark(instrument, side, price, filled);
        }
    }

    /// Whether a print executed resting orders of that side: a print that does not say did so unless the other side
    /// displays what could have been executed.
    fn hit(&self, event: &MarketEvent, side: Side) -> bool {
        if event.side != Side::None {
            return event.side == side;
        }
        let bbo = self.books.bbo(event.instrument);
        match side {
            Side::Buy => bbo.ask_qty == 0 || bbo.ask_px > event.price,
            _ => bbo.bid_qty == 0 || bbo.bid_px < event.price,
        }
    }

    /// So much traded at a price: the queues of client orders there are shorter.
    fn shorten_level_queues(&mut self, instrument: u32, side: Side, price: i64, printed: u64) {
        let mut slot = self.orders.first(instrument, side);
        while slot != NO_SLOT && !better(side, price, self.orders[slot].price) {
            let order = &mut self.orders[slot];
            if order.price == price && order.queue_ahead != UNSEEN {
                order.queue_ahead = order.queue_ahead.saturating_sub(printed);
            }
            slot = order.behind;
        }
    }
}

/// The most that may stand at a price: what is displayed; nothing where the side displays a worse price; else
/// [`UNSEEN`].
fn most_at(books: &VenueBooks, instrument: u32, side: Side, price: i64) -> u64 {
    match books.level_quantity(instrument, side, price) {
        0 if books.last_price(instrument, side).is_some_and(|last| better(side, price, last)) => 0,
        0 => UNSEEN,
        displayed => displayed,
    }
}

/// [`most_at`] where the level set can have changed it, at its own price or, by a level that appeared, at better
/// ones; no bound elsewhere.
fn most_after(books: &VenueBooks, event: &MarketEvent, appeared: bool, price: i64) -> u64 {
    if price == event.price || appeared && better(event.side, price, event.price) {
        most_at(books, event.instrument, event.side, price)
    } else {
        UNSEEN
    }
}
