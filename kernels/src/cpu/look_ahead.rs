//! Asking for the cache lines of an event some events before it is applied.
//!
//! With many symbols a book is bound by misses that depend on one another: the order's record names its level and its
//! neighbours. Two stages, each from what the one before has brought, let the misses of many events overlap. They
//! read, and change nothing; what they ask for in vain costs time, never correctness.

use super::book::VenueBooks;
use super::huge::{prefetch, prefetch_either};
use super::levels::LevelKey;
use feeds::event::{EventKind, MarketEvent, Side};
use std::hint::select_unpredictable;

/// Distance of the look-ahead that was best over many symbols, in events: `prefetch_order` at twice this distance,
/// `prefetch_level` at it.
pub const LOOK_AHEAD: usize = 8;

/// Where the first stage of the look-ahead found that an event's lines are, for the second: valid for the books and the
/// event that it was made from, and worthless, not dangerous, for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    order: u32,
    /// Of an event that names its level; else no matter.
    level: u32,
}

impl VenueBooks {
    /// First stage of the look-ahead, from the event alone: asks for the lines of the order or orders that it names,
    /// of its level when it names one, and of the instrument's book. Best about twice [`LOOK_AHEAD`] events before
    /// [`Self::apply`], or for every message of a packet first.
    #[inline(always)]
    pub fn prefetch_order(&self, event: &MarketEvent) -> Announced {
        let order = self.orders.home(event.order_id);
        let level = self.levels.home(self.expected_level(event, event.side == Side::Sell));
        prefetch(&self.orders.records, order);
        prefetch(&self.ladders.sides, event.instrument as usize * 2);
        // Which kind comes next is known to no branch predictor: other kinds ask for their order once more instead.
        prefetch_either(names_level(event), &self.levels.records, level, &self.orders.records, order);
        if event.kind == EventKind::OrderReplace {
            self.orders.prefetch_home(event.second_id);
        }
        Announced { order: order as u32, level: level as u32 }
    }

    /// Second stage, about [`LOOK_AHEAD`] events before [`Self::apply`], when the lines of the first have come: asks
    /// for the level of the order, its neighbours in the queue, and the top of the ladder. It reads the books and
    /// changes nothing. `announced` is what the first stage answered for this event.
    ///
    /// Whether an event is an add is known to no branch predictor, so both kinds take the same way with other numbers.
    #[inline(always)]
    pub fn prefetch_level(&self, event: &MarketEvent, announced: Announced) {
        let names_level = names_level(event);
        // An order that is not there yet, or not at home, gives another order's neighbours: wasted, not wrong.
        let order = self.orders.at(announced.order);
        let sell = select_unpredictable(names_level, event.side == Side::Sell, order.is_sell());
        self.levels.prefetch_slot(select_unpredictable(names_level, announced.level, order.level()));
        // Only the level that the first stage has asked for may be read: another one's line would hold everything up.
        let tail = self.levels.at(select_unpredictable(names_level, announced.level, 0)).tail;
        self.orders.prefetch_slot(select_unpredictable(names_level, tail, order.next));
        self.orders.prefetch_slot(select_unpredictable(names_level, tail, order.prev));
        self.ladders.prefetch_top((event.instrument.wrapping_mul(2) | u32::from(sell)) as usize);
        if (event.kind == EventKind::OrderReplace) | (event.kind == EventKind::OrderModify) {
            self.levels.prefetch_home(self.expected_level(event, sell));
        }
    }

    /// The level that a new order would join; some level of the instrument for an event that has no price.
    #[inline(always)]
    fn expected_level(&self, event: &MarketEvent, sell: bool) -> LevelKey {
        let book_side = event.instrument.wrapping_mul(2) | u32::from(sell);
        LevelKey { book_side, tick: self.tick.ticks_of_multiple(event.price) }
    }
}

/// Whether an event says which level it is about.
#[inline(always)]
fn names_level(event: &MarketEvent) -> bool {
    (event.kind == EventKind::OrderAdd) | (event.kind == EventKind::LevelSet)
}
