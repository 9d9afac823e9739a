//! The open orders of each instrument, and the best prices among them: whom a new order could trade against, and which
//! messages nobody has answered.

use super::{Doubt, InstrumentOrders, LiveOrder, NO_SLOT, OrderState, OrderTable};
use feeds::event::Side;
use feeds::units::PRICE_NONE;

impl OrderTable {
    /// Puts the order in `slot` at the head of its instrument's list.
    pub(super) fn join_instrument(&mut self, slot: u32) {
        let order = self.slots[slot as usize];
        let Some(list) = self.by_instrument.get_mut(order.instrument as usize) else { return };
        let older = std::mem::replace(&mut list.head, slot);
        list.take_in(&order);
        if let Some(next) = self.slots.get_mut(older as usize) {
            next.newer = slot;
        }
        let entry = &mut self.slots[slot as usize];
        (entry.older, entry.newer) = (older, NO_SLOT);
    }

    /// Takes the order in `slot` out of its instrument's list.
    pub(super) fn leave_instrument(&mut self, slot: u32) {
        let order = self.slots[slot as usize];
        if order.instrument as usize >= self.by_instrument.len() {
            return;
        }
        match self.slots.get_mut(order.newer as usize) {
            Some(newer) => newer.older = order.older,
            None => self.by_instrument[order.instrument as usize].head = order.older,
        }
        if let Some(older) = self.slots.get_mut(order.older as usize) {
            older.newer = order.newer;
        }
        self.best_without(&order, order.best_price());
    }

    /// The order in `slot` was best at another price before, or at this one.
    pub(super) fn reprice(&mut self, slot: u32, before: i64) {
        let order = self.slots[slot as usize];
        if order.best_price() != before
            && let Some(list) = self.by_instrument.get_mut(order.instrument as usize)
        {
            list.take_in(&order);
            self.best_without(&order, before);
        }
    }

    /// The order is no longer there at `price`: if that was the best, there is another one.
    fn best_without(&mut self, order: &LiveOrder, price: i64) {
        let list = &self.by_instrument[order.instrument as usize];
        let best = if order.side == Side::Buy { list.best_bid } else { list.best_ask };
        if price == best {
            self.best_anew(order.instrument);
        }
    }

    fn best_anew(&mut self, instrument: u32) {
        let mut list =
            InstrumentOrders { head: self.by_instrument[instrument as usize].head, ..InstrumentOrders::NONE };
        for order in self.of_instrument(instrument) {
            list.take_in(order);
        }
        self.by_instrument[instrument as usize] = list;
    }

    /// The open orders of one instrument, newest first.
    pub fn of_instrument(&self, instrument: u32) -> impl Iterator<Item = &LiveOrder> {
        let mut at = self.by_instrument.get(instrument as usize).map_or(NO_SLOT, |list| list.head);
        std::iter::from_fn(move || {
            let order = self.slots.get(at as usize)?;
            at = order.older;
            Some(order)
        })
    }

    /// The best price of our own open orders of the instrument on `side` at `venue`, if an order on the other side at `price`
    /// could trade against one; else [`PRICE_NONE`].
    #[inline]
    #[must_use]
    pub fn own_best(&self, instrument: u32, venue: u8, side: Side, price: i64) -> i64 {
        let Some(list) = self.by_instrument.get(instrument as usize) else { return PRICE_NONE };
        let reaches = match side {
            Side::Buy => price <= list.best_bid,
            Side::Sell => price >= list.best_ask,
            Side::None => false,
        };
        if reaches { self.own_best_at(instrument, venue, side) } else { PRICE_NONE }
    }

    #[cold]
    fn own_best_at(&self, instrument: u32, venue: u8, side: Side) -> i64 {
        let own = self.of_instrument(instrument).filter(|order| (order.venue, order.side) == (venue, side));
        let prices = own.map(LiveOrder::best_price);
        let best = if side == Side::Buy { prices.max() } else { prices.min() };
        best.unwrap_or(PRICE_NONE)
    }

    /// The next order, of at most `count` slots from `from` on, about which a message was sent before `before_ns` that
    /// nobody has answered; and the slot to go on from.
    #[must_use]
    pub fn unanswered(&self, from: u32, count: u32, before_ns: u64) -> (Option<LiveOrder>, u32) {
        let slots = self.slots.len() as u32;
        let (from, count) = (if from < slots { from } else { 0 }, count.min(slots));
        for step in 0..count {
            let at = (from + step) % slots;
            let order = &self.slots[at as usize];
            let is_open = order.cl_ord_id != 0 && order.doubt == Doubt::None;
            if is_open && order.state != OrderState::Live && order.asked_ns < before_ns {
                return (Some(*order), at + 1);
            }
        }
        (None, from + count)
    }

    /// What the venue thinks of an order is to be asked.
    pub fn doubt_order(&mut self, cl_ord_id: u64) {
        let slot = self.slot_of(cl_ord_id);
        if let Some(order) = self.slots.get_mut(slot as usize) {
            self.to_ask += u32::from(order.doubt != Doubt::ToAsk);
            order.doubt = Doubt::ToAsk;
        }
    }
}

impl InstrumentOrders {
    fn take_in(&mut self, order: &LiveOrder) {
        match order.side {
            Side::Buy => self.best_bid = self.best_bid.max(order.best_price()),
            Side::Sell => self.best_ask = self.best_ask.min(order.best_price()),
            Side::None => {}
        }
    }
}
