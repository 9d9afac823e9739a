//! What market events do to resting client orders, and what an entering client order takes.
//!
//! The rules in words are on the page of [`super`]. No memory is taken; work per market event is bounded by the
//! client orders of one instrument.

use feeds::event::{INSTRUMENT_ALL, MarketEvent, Side, flags};
use kernels::cpu::book::{Applied, DepthLevel};

use super::orders::{NO_SLOT, better};
use super::{OrderStatus, Reports, TAKE_LEVELS_MAX, VenueCore};
use crate::order::{ExecutionKind, TimeInForce};

/// Which client orders a market event reaches: all at better prices than a given one, and at that price these.
#[derive(Clone, Copy)]
pub(super) enum AtPrice {
    /// None: a print must trade through.
    Nobody,
    /// All: an entering order that locks.
    Everybody,
    /// Those in place before the displayed order of this priority.
    Before(u64),
    /// Each for what so much printed quantity has beyond its queue ahead.
    Beyond(u64),
}

impl VenueCore {
    /// A displayed order entered: what it crosses fills and uses it up.
    #[inline]
    pub(super) fn on_displayed(&mut self, event: &MarketEvent, order_id: u64, side: Side, out: &mut Reports) {
        if event.flags & flags::SNAPSHOT != 0 {
            self.yield_place(event.instrument, side, event.price);
            return;
        }
        let ours = side.opposite();
        if self.orders.first(event.instrument, ours) == NO_SLOT || !self.used.can_mark(order_id) {
            return;
        }
        let available = event.quantity - self.used.get(order_id);
        let filled = self.fill_resting(event, ours, event.price, AtPrice::Everybody, available, out);
        if filled > 0 {
            self.used.mark(order_id, event.instrument, filled, event.quantity);
        }
    }

    /// A displayed order was executed: client orders before it fill, those behind it move up.
    #[inline]
    pub(super) fn on_execute(&mut self, event: &MarketEvent, applied: &Applied, out: &mut Reports) {
        self.shorten_queues(event.instrument, applied);
        if event.flags & (flags::CROSS | flags::NON_PRINTABLE) == 0 {
            let before = AtPrice::Before(applied.priority);
            self.fill_resting(event, applied.side, applied.price, before, applied.quantity, out);
        }
    }

    /// A trade that no displayed order shows.
    pub(super) fn on_print(&mut self, event: &MarketEvent, out: &mut Reports) {
        let known = (event.instrument as usize) < self.price_ticks.len();
        if event.flags & flags::CROSS != 0 || event.price <= 0 || !known {
            return;
        }
        if self.of_levels[event.instrument as usize] && event.flags & flags::HIDDEN == 0 {
            self.on_level_print(event, out);
            return;
        }
        let mut quantity = event.quantity;
        for side in [Side::Buy, Side::Sell] {
            quantity -= self.fill_resting(event, side, event.price, AtPrice::Nobody, quantity, out);
        }
    }

    /// Messages are missing: all that is displayed at the price of a client order may be ahead of it.
    pub(super) fn on_gap(&mut self, event: &MarketEvent) {
        let mut slot = self.orders.oldest();
        while slot != NO_SLOT {
            let order = &self.orders[slot];
            let next = order.younger;
            if event.instrument == INSTRUMENT_ALL || order.instrument == event.instrument {
                let ahead = self.ahead_of_newcomer(order.instrument, order.side, order.price);
                let order = &mut self.orders[slot];
                (order.entered, order.queue_ahead) = (self.books.next_priority(), ahead);
            }
            slot = next;
        }
    }

    /// The books were cleared already: what clients used of them is forgotten, and so is who was ahead of whom.
    pub(super) fn on_clear(&mut self, event: &MarketEvent) {
        if event.instrument == INSTRUMENT_ALL {
            self.used.clear();
            self.used_levels.clear();
        } else {
            self.used.clear_instrument(event.instrument);
            self.used_levels.clear_instrument(event.instrument);
        }
        self.on_gap(event);
    }

    /// A displayed order that was there before lost quantity: the queue of client orders behind it is shorter.
    #[inline]
    pub(super) fn shorten_queues(&mut self, instrument: u32, applied: &Applied) {
        let mut slot = self.orders.first(instrument, applied.side);
        while slot != NO_SLOT && better(applied.side, self.orders[slot].price, applied.price) {
            slot = self.orders[slot].behind;
        }
        while slot != NO_SLOT && self.orders[slot].price == applied.price {
            let order = &mut self.orders[slot];
            if applied.priority < order.entered {
                debug_assert!(order.queue_ahead >= applied.quantity, "more left the queue than was ahead");
                order.queue_ahead = order.queue_ahead.saturating_sub(applied.quantity);
            }
            slot = order.behind;
        }
    }

    /// A displayed order of unknown age appeared: it goes ahead of client orders at its price.
    fn yield_place(&mut self, instrument: u32, side: Side, price: i64) {
        let displayed = self.books.level_quantity(instrument, side, price);
        let mut slot = self.orders.first(instrument, side);
        while slot != NO_SLOT {
            let order = &mut self.orders[slot];
            if order.price == price {
                (order.entered, order.queue_ahead) = (self.books.next_priority(), displayed);
            }
            slot = order.behind;
        }
    }

    /// Shares the quantity of a market event over the client orders of a side that it reaches; says how much of it
    /// they got.
    pub(super) fn fill_resting(
        &mut self,
        event: &MarketEvent,
        side: Side,
        price: i64,
        at_price: AtPrice,
        quantity: u64,
        out: &mut Reports,
    ) -> u64 {
        let mut slot = self.orders.first(event.instrument, side);
        if slot == NO_SLOT || !self.books.is_continuous(event.instrument) {
            return 0;
        }
        let mut remaining = quantity;
        while slot != NO_SLOT && remaining > 0 {
            let order = &self.orders[slot];
            let reach = if better(side, order.price, price) {
                remaining
            } else if order.price == price {
                match at_price {
                    AtPrice::Everybody => remaining,
                    AtPrice::Before(priority) if order.entered <= priority => remaining,
                    AtPrice::Beyond(printed) => printed.saturating_sub(order.queue_ahead).min(remaining),
                    AtPrice::Nobody | AtPrice::Before(_) => 0,
                }
            } else {
                0
            };
            if reach == 0 {
                break;
            }
            let next = order.behind;
            let filled = reach.min(order.leaves_qty());
            self.fill(slot, order.price, filled, event.exchange_ns, out);
            remaining -= filled;
            slot = next;
        }
        quantity - remaining
    }

    /// Books one fill; an order that has nothing left is done.
    fn fill(&mut self, slot: u32, price: i64, quantity: u64, time_ns: u64, out: &mut Reports) {
        let order = &mut self.orders[slot];
        debug_assert!(quantity > 0 && quantity <= order.leaves_qty(), "a fill is never above what is left");
        debug_assert!(!better(order.side, price, order.price), "a fill is never outside the limit");
        order.cum_qty += quantity;
        order.cum_value += i128::from(price) * i128::from(quantity);
        let done = order.leaves_qty() == 0;
        let kind = if done { ExecutionKind::Fill } else { ExecutionKind::PartialFill };
        let mut report = self.report_on(slot, kind, time_ns);
        (report.last_px, report.last_qty) = (price, quantity);
        if done {
            report.status = OrderStatus::Filled;
            self.orders.finish(slot, OrderStatus::Filled);
        }
        out.push(report);
    }

    /// An accepted order enters, or enters again: it takes, and what is left rests or is cancelled.
    pub(super) fn enter(&mut self, slot: u32, time_ns: u64, out: &mut Reports) {
        let order = self.orders[slot];
        match self.take(slot, time_ns, out) {
            Taken::Everything => {}
            Taken::Some if order.time_in_force == TimeInForce::Day => {
                let ahead = self.ahead_of_newcomer(order.instrument, order.side, order.price);
                self.orders.rest(slot, self.books.next_priority(), ahead);
            }
            Taken::Some | Taken::Stopped => self.cancel(slot, time_ns, out),
        }
    }

    /// Takes displayed, unused quantity up to the order's limit.
    fn take(&mut self, slot: u32, time_ns: u64, out: &mut Reports) -> Taken {
        let order = self.orders[slot];
        let mut wanted = order.leaves_qty();
        let displayed = order.side.opposite();
        // Most orders take nothing: the top alone says so, without a walk over all levels.
        let mut levels = [DepthLevel::default(); TAKE_LEVELS_MAX];
        let top = self.books.depth(order.instrument, displayed, &mut levels[..1]);
        if top == 0 || better(order.side, levels[0].price, order.price) {
            return Taken::Some;
        }
        let count = self.books.depth(order.instrument, displayed, &mut levels);
        for level in &levels[..count] {
            if better(order.side, level.price, order.price) {
                return Taken::Some;
            }
            let (taken, remembered) = match level.orders {
                0 => self.take_of_level(order.instrument, displayed, level, wanted),
                _ => self.take_of_queue(order.instrument, displayed, level.price, wanted),
            };
            if taken > 0 {
                self.fill(slot, level.price, taken, time_ns, out);
                wanted -= taken;
            }
            if wanted == 0 {
                return Taken::Everything;
            }
            if !remembered {
                return Taken::Stopped;
            }
        }
        if count == TAKE_LEVELS_MAX { Taken::Stopped } else { Taken::Some }
    }

    /// Uses up to `wanted` of one level's orders, oldest first. Says how much, and whether all of it could be remembered
    /// that was wanted and there.
    fn take_of_queue(&mut self, instrument: u32, side: Side, price: i64, wanted: u64) -> (u64, bool) {
        let mut taken = 0;
        for displayed in self.books.queue(instrument, side, price) {
            let available = displayed.quantity - self.used.get(displayed.order_id);
            let take = available.min(wanted - taken);
            if take == 0 {
                continue;
            }
            if !self.used.can_mark(displayed.order_id) {
                return (taken, false);
            }
            self.used.mark(displayed.order_id, instrument, take, displayed.quantity);
            taken += take;
            if taken == wanted {
                break;
            }
        }
        (taken, true)
    }
}

/// How far an order got that entered.
enum Taken {
    /// It is filled, and done.
    Everything,
    /// It took what there was within its limit, perhaps nothing.
    Some,
    /// A bound on the work stopped it.
    Stopped,
}
