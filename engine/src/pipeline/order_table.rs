//! The order table: every order that the decision core has approved, and its full state machine.
//!
//! Owned by `decide`. All memory is taken at construction: order slots, and one `u32` for each ClOrdID that the
//! session may use, so a lookup is an array index. The table holds the *accepted* terms of an order beside the terms
//! that a replace in flight asks for; what is reserved is always enough for the worse of the two.
//!
//! After a lost session every open order of the venue is in doubt: its state is asked for, nothing new is asked of it, and
//! its exposure stays reserved until the venue has said what became of it.
//!
//! It refuses to guess: an execution that fits no order, repeats one, or fills more than the order has, is an error
//! value and changes nothing.

mod answers;
mod by_instrument;
mod live_order;

pub use live_order::{Doubt, LiveOrder, OrderState};

use crate::order::{CL_ORD_ID_COUNTER_MAX, ClOrdId, Order, OrderAction};
use crate::pipeline::carried_state::{CarriedState, ResumeError};

/// Slot number sentinel: no order.
const NO_SLOT: u32 = u32::MAX;
/// Marks a ClOrdID whose order is done, so that a late answer is told from an unknown one.
const DONE: u32 = u32::MAX - 1;

/// What an execution did to an order; the caller moves position and exposure by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The order after the change (its last state when `closed`).
    pub order: LiveOrder,
    /// Quantity that traded now; of a bust or correction none.
    pub filled: u64,
    /// Exposure to give back; what filled is in it, since it is position now.
    pub released: u64,
    /// Notional of exposure to give back, 1e-9 of the currency; negative where a bust reserves again.
    pub released_notional: i128,
    /// Exposure that a bust reserves again.
    pub reserved_again: u64,
    /// The order is done and its slot is free again.
    pub closed: bool,
}

/// An execution that the table refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderTableError {
    /// No message with this ClOrdID was ever sent in this session.
    UnknownClOrdId(ClOrdId),
    /// The order is done already: a late or repeated answer, harmless.
    AlreadyDone(ClOrdId),
    /// A fill with a CumQty(14) that was seen before.
    Repeated(ClOrdId),
    /// LastQty(32) and CumQty(14) do not add up, or fill more than the order has.
    Overfill(ClOrdId),
    /// LastPx(31) is outside the order's limit.
    OutsideLimit(ClOrdId),
    /// The answer does not fit the order's state.
    Unexpected(ClOrdId),
    /// All order slots are taken.
    Full,
    /// The session date has no ClOrdID left.
    ClOrdIdsExhausted,
}

/// The open orders of one instrument: the newest, and the best prices among them (a bid or an offer that is not there is
/// worse than any).
#[derive(Clone, Copy)]
struct InstrumentOrders {
    head: u32,
    best_bid: i64,
    best_ask: i64,
}

impl InstrumentOrders {
    const NONE: Self = Self { head: NO_SLOT, best_bid: i64::MIN, best_ask: i64::MAX };
}

/// See the module's text.
pub struct OrderTable {
    slots: Box<[LiveOrder]>,
    free_head: u32,
    live: u32,
    by_counter: Box<[u32]>,
    heads: Box<[u32]>,
    by_instrument: Box<[InstrumentOrders]>,
    date_base: u64,
    next_counter: u64,
    /// Orders whose state is to be asked for.
    to_ask: u32,
}

impl OrderTable {
    /// A table for `orders_max` open orders, `messages_max` ClOrdIDs and `strategies` owners, on session date
    /// `date` (`YYYYMMDD`), for instruments numbered below `instruments`.
    ///
    /// # Panics
    /// When `messages_max` exceeds [`CL_ORD_ID_COUNTER_MAX`] or a size does not fit `u32`: start-up errors.
    #[must_use]
    pub fn new(
        date: u32,
        orders_max: usize,
        messages_max: usize,
        strategies: usize,
        instruments: usize,
    ) -> Self {
        assert!(messages_max as u64 <= CL_ORD_ID_COUNTER_MAX, "ClOrdID counter has 8 digits");
        let orders_max = u32::try_from(orders_max).expect("orders_max fits u32");
        assert!(orders_max < DONE && orders_max > 0);
        let mut slots = vec![LiveOrder::VACANT; orders_max as usize].into_boxed_slice();
        for (slot, next) in slots.iter_mut().zip(1..=orders_max) {
            slot.next = if next == orders_max { NO_SLOT } else { next };
        }
        Self {
            slots,
            free_head: 0,
            live: 0,
            by_counter: vec![NO_SLOT; messages_max + 1].into_boxed_slice(),
            heads: vec![NO_SLOT; strategies].into_boxed_slice(),
            by_instrument: vec![InstrumentOrders::NONE; instruments].into_boxed_slice(),
            date_base: u64::from(date) * (CL_ORD_ID_COUNTER_MAX + 1),
            next_counter: 1,
            to_ask: 0,
        }
    }

    /// Takes over the open orders of a former run of the same day, none of them with a known state at its venue: each
    /// stays as it is until the venue has been asked. Of an empty table only.
    ///
    /// # Errors
    /// No room, or an order that contradicts itself; the table is of no use then.
    pub fn resume(&mut self, carried: &CarriedState) -> Result<(), ResumeError> {
        self.restore(carried)?;
        for order in self.slots.iter_mut().filter(|order| order.cl_ord_id != 0) {
            (order.doubt, order.request) = (Doubt::Asked, 0);
        }
        self.to_ask = 0;
        Ok(())
    }

    /// Takes over open orders with what is known of each at its venue. Of an empty table only.
    ///
    /// # Errors
    /// As [`Self::resume`].
    pub fn restore(&mut self, carried: &CarriedState) -> Result<(), ResumeError> {
        if carried.next_counter == 0 || carried.next_counter > self.by_counter.len() as u64 {
            return Err(ResumeError::NoRoom { what: "ClOrdIDs (messages_max)" });
        }
        self.by_counter[1..carried.next_counter as usize].fill(DONE);
        self.next_counter = carried.next_counter;
        for order in &carried.orders {
            let slot = self.free_head;
            if slot == NO_SLOT {
                return Err(ResumeError::NoRoom { what: "open orders (open_orders_max)" });
            }
            let Some(head) = self.heads.get_mut(usize::from(order.strategy)) else {
                return Err(ResumeError::NoRoom { what: "strategies" });
            };
            let wrong = ResumeError::Order { cl_ord_id: order.cl_ord_id };
            if !order.is_consistent() {
                return Err(wrong);
            }
            for id in [order.cl_ord_id, order.pending_id] {
                let counter = id.wrapping_sub(self.date_base);
                match self.by_counter.get_mut(usize::try_from(counter).unwrap_or(usize::MAX)) {
                    Some(place) if (1..carried.next_counter).contains(&counter) && *place == DONE => {
                        *place = slot
                    }
                    _ if id == 0 && id == order.pending_id => {}
                    _ => return Err(wrong),
                }
            }
            self.free_head = self.slots[slot as usize].next;
            self.live += 1;
            let next = std::mem::replace(head, slot);
            if let Some(next) = self.slots.get_mut(next as usize) {
                next.previous = slot;
            }
            self.to_ask += u32::from(order.doubt == Doubt::ToAsk);
            self.slots[slot as usize] = LiveOrder { next, previous: NO_SLOT, ..*order };
            self.join_instrument(slot);
        }
        Ok(())
    }

    /// The open orders, strategy by strategy, oldest first.
    #[must_use]
    pub fn open_orders(&self) -> Vec<LiveOrder> {
        let mut orders = Vec::new();
        for strategy in 0..self.heads.len() as u16 {
            let from = orders.len();
            orders.extend(self.of_strategy(strategy).map(|order| LiveOrder {
                next: NO_SLOT,
                previous: NO_SLOT,
                older: NO_SLOT,
                newer: NO_SLOT,
                ..*order
            }));
            orders[from..].reverse();
        }
        orders
    }

    /// The last ClOrdID that was used, 0 before the first.
    #[must_use]
    pub const fn last_cl_ord_id(&self) -> ClOrdId {
        if self.next_counter == 1 { 0 } else { self.date_base + self.next_counter - 1 }
    }

    /// The counter of the next ClOrdID.
    #[must_use]
    pub const fn next_counter(&self) -> u64 {
        self.next_counter
    }

    /// These orders were stopped, in whatever state they are: each is cancelled as soon as that can be asked, and takes no
    /// other terms until then.
    pub fn doom(&mut self, is_stopped: impl Fn(&LiveOrder) -> bool) {
        for order in self.slots.iter_mut().filter(|order| order.cl_ord_id != 0) {
            order.doomed |= is_stopped(order);
        }
    }

    /// The session to a venue was lost and is up again: what became of its open orders is to be asked.
    pub fn doubt(&mut self, venue: u8) {
        for order in self.slots.iter_mut().filter(|order| order.cl_ord_id != 0 && order.venue == venue) {
            self.to_ask += u32::from(order.doubt != Doubt::ToAsk);
            order.doubt = Doubt::ToAsk;
        }
    }

    /// Orders whose state is still to be asked for.
    #[must_use]
    pub const fn to_ask(&self) -> u32 {
        self.to_ask
    }

    /// Open orders of a venue whose state there is not known.
    #[must_use]
    pub fn in_doubt_at(&self, venue: u8) -> usize {
        self.slots.iter().filter(|order| order.doubt != Doubt::None && order.venue == venue).count()
    }

    /// Orders whose state at the venue is not known, asked for or not.
    #[must_use]
    pub fn in_doubt(&self) -> usize {
        self.slots.iter().filter(|order| order.doubt != Doubt::None).count()
    }

    /// The next order whose state is to be asked for; it counts as asked, by a request with this number.
    pub fn ask_next(&mut self, request: u64) -> Option<LiveOrder> {
        let order = self.slots.iter_mut().find(|order| order.doubt == Doubt::ToAsk)?;
        order.doubt = Doubt::Asked;
        order.request = request;
        self.to_ask -= 1;
        Some(*order)
    }

    /// The state of this order was asked for, by a request with this number, as [`Self::ask_next`] would have it.
    ///
    /// # Errors
    /// There is no such order, or its state is not to be asked for.
    pub fn asked(&mut self, cl_ord_id: ClOrdId, request: u64) -> Result<(), OrderTableError> {
        let slot = self.slot_of(cl_ord_id);
        match self.slots.get_mut(slot as usize) {
            None => Err(OrderTableError::UnknownClOrdId(cl_ord_id)),
            Some(order) if order.doubt != Doubt::ToAsk => Err(OrderTableError::Unexpected(cl_ord_id)),
            Some(order) => {
                (order.doubt, order.request) = (Doubt::Asked, request);
                self.to_ask -= 1;
                Ok(())
            }
        }
    }

    /// The ClOrdID that follows after `ahead` more have been used, or `None` when the session has none left.
    #[must_use]
    pub fn cl_ord_id_after(&self, ahead: u64) -> Option<ClOrdId> {
        let counter = self.next_counter + ahead;
        (counter < self.by_counter.len() as u64).then_some(self.date_base + counter)
    }

    /// Begins with the first ClOrdID again. Of a rehearsal only, when no order is open: a venue would refuse them.
    pub(super) fn restart_ids(&mut self) {
        assert_eq!(self.live, 0, "an order that is open keeps its ClOrdID");
        self.by_counter[..self.next_counter as usize].fill(NO_SLOT);
        self.next_counter = 1;
    }

    /// Open orders.
    #[must_use]
    pub const fn live(&self) -> u32 {
        self.live
    }

    /// How many more orders can be opened.
    #[must_use]
    pub fn room(&self) -> u32 {
        self.slots.len() as u32 - self.live
    }

    /// The open order in a slot.
    #[must_use]
    pub fn in_slot(&self, slot: u32) -> Option<&LiveOrder> {
        self.slots.get(slot as usize).filter(|order| order.cl_ord_id != 0)
    }

    fn slot_of(&self, cl_ord_id: ClOrdId) -> u32 {
        let counter = cl_ord_id.wrapping_sub(self.date_base);
        if counter == 0 || counter >= self.next_counter {
            return NO_SLOT;
        }
        usize::try_from(counter).ok().and_then(|index| self.by_counter.get(index)).copied().unwrap_or(NO_SLOT)
    }

    /// The open order that this ClOrdID (accepted or in flight) belongs to.
    #[must_use]
    pub fn get(&self, cl_ord_id: ClOrdId) -> Option<&LiveOrder> {
        self.slots.get(self.slot_of(cl_ord_id) as usize)
    }

    /// The open orders of one strategy, newest first.
    pub fn of_strategy(&self, strategy: u16) -> impl Iterator<Item = &LiveOrder> {
        let mut at = self.heads.get(usize::from(strategy)).copied().unwrap_or(NO_SLOT);
        std::iter::from_fn(move || {
            let order = self.slots.get(at as usize)?;
            at = order.next;
            Some(order)
        })
    }

    fn take_id(&mut self, slot: u32) -> ClOrdId {
        let id = self.date_base + self.next_counter;
        self.by_counter[self.next_counter as usize] = slot;
        self.next_counter += 1;
        id
    }

    /// Enters an approved order message; its ClOrdID must be the next one, its reservation is `reserved`.
    ///
    /// # Errors
    /// `Full` and `ClOrdIdsExhausted` for a new order; for replace and cancel the target must be live and nothing in
    /// flight for it. The table is unchanged then.
    pub fn enter(&mut self, order: &Order, reserved: u64) -> Result<(), OrderTableError> {
        if self.cl_ord_id_after(0) != Some(order.cl_ord_id) {
            return Err(OrderTableError::ClOrdIdsExhausted);
        }
        if order.action == OrderAction::New {
            return self.open(order, reserved);
        }
        let slot = self.slot_of(order.orig_cl_ord_id);
        match self.slots.get(slot as usize) {
            None => return Err(OrderTableError::UnknownClOrdId(order.orig_cl_ord_id)),
            Some(target) if target.is_pending() || target.cl_ord_id != order.orig_cl_ord_id => {
                return Err(OrderTableError::Unexpected(order.orig_cl_ord_id));
            }
            Some(_) => {}
        }
        self.take_id(slot);
        let target = &mut self.slots[slot as usize];
        let best_price = target.best_price();
        target.pending_id = order.cl_ord_id;
        target.reserved = reserved;
        if order.action == OrderAction::Replace {
            target.state = OrderState::PendingReplace;
            target.pending_price = order.price;
            target.pending_quantity = order.quantity;
            target.since_ns = order.time_ns;
        } else {
            target.state = OrderState::PendingCancel;
        }
        target.asked_ns = order.time_ns;
        self.reprice(slot, best_price);
        Ok(())
    }

    fn open(&mut self, order: &Order, reserved: u64) -> Result<(), OrderTableError> {
        let slot = self.free_head;
        if slot == NO_SLOT {
            return Err(OrderTableError::Full);
        }
        self.free_head = self.slots[slot as usize].next;
        self.live += 1;
        self.take_id(slot);
        let head = &mut self.heads[usize::from(order.strategy)];
        let next = std::mem::replace(head, slot);
        if next != NO_SLOT {
            self.slots[next as usize].previous = slot;
        }
        self.slots[slot as usize] = LiveOrder {
            cl_ord_id: order.cl_ord_id,
            pending_id: 0,
            price: order.price,
            quantity: order.quantity,
            pending_price: 0,
            pending_quantity: 0,
            cumulative: 0,
            reserved,
            since_ns: order.time_ns,
            asked_ns: order.time_ns,
            sells_short: order.sells_short,
            doomed: false,
            instrument: order.instrument,
            strategy: order.strategy,
            venue: order.venue,
            side: order.side,
            time_in_force: order.time_in_force,
            state: OrderState::PendingNew,
            doubt: Doubt::None,
            request: 0,
            next,
            previous: NO_SLOT,
            older: NO_SLOT,
            newer: NO_SLOT,
        };
        self.join_instrument(slot);
        Ok(())
    }

    fn close(&mut self, slot: u32) {
        let order = self.slots[slot as usize];
        self.leave_instrument(slot);
        self.to_ask -= u32::from(order.doubt == Doubt::ToAsk);
        match self.slots.get_mut(order.previous as usize) {
            Some(previous) => previous.next = order.next,
            None => self.heads[usize::from(order.strategy)] = order.next,
        }
        if let Some(next) = self.slots.get_mut(order.next as usize) {
            next.previous = order.previous;
        }
        for id in [order.cl_ord_id, order.pending_id] {
            if id != 0 {
                self.by_counter[(id - self.date_base) as usize] = DONE;
            }
        }
        self.slots[slot as usize] = LiveOrder { next: self.free_head, ..LiveOrder::VACANT };
        self.free_head = slot;
        self.live -= 1;
    }
}

#[cfg(test)]
#[path = "order_table_tests.rs"]
mod tests;
