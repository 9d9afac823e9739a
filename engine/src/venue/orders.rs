//! The clients' orders: the live ones in slots, linked in price-time priority per instrument and side and in the
//! order of acceptance, and one small record for each order of the day.
//!
//! Everything is sized at construction. A slot is used again once its order is done; an order's number never is.

use std::ops::{Index, IndexMut};

use feeds::event::Side;

use super::names::NameIndex;
use super::report::OrderStatus;
use super::request::ClOrdIdText;
use crate::order::TimeInForce;

/// "No order": the end of a list.
pub(super) const NO_SLOT: u32 = u32::MAX;

/// A live order of a client.
#[derive(Clone, Copy)]
pub(super) struct Order {
    /// Limit price, 1e-9.
    pub(super) price: i64,
    /// Total quantity.
    pub(super) order_qty: u64,
    /// What of it has filled.
    pub(super) cum_qty: u64,
    /// Sum of fill price times fill quantity.
    pub(super) cum_value: i128,
    /// While it rests: displayed quantity at its price and side that entered before it; in a book of levels perhaps
    /// [`super::levels::UNSEEN`].
    pub(super) queue_ahead: u64,
    /// While it rests: displayed orders of a smaller priority entered before it.
    pub(super) entered: u64,
    /// OrderID(37), from 1.
    pub(super) number: u32,
    /// Where its current ClOrdID is in the table of names.
    pub(super) name: NameIndex,
    pub(super) instrument: u32,
    pub(super) session: u16,
    pub(super) cl_ord_id: ClOrdIdText,
    pub(super) side: Side,
    pub(super) time_in_force: TimeInForce,
    /// Whether it is in the list of its side.
    resting: bool,
    /// Neighbours in the list of its side, best price and then longest in place first.
    before: u32,
    pub(super) behind: u32,
    /// Neighbours in the list of all live orders, by number.
    older: u32,
    pub(super) younger: u32,
}

impl Order {
    /// An order that neither filled nor rests yet.
    #[allow(clippy::too_many_arguments)] // one call, at acceptance; a second struct of the same fields would say no more
    pub(super) const fn new(
        session: u16,
        cl_ord_id: ClOrdIdText,
        name: NameIndex,
        instrument: u32,
        side: Side,
        price: i64,
        order_qty: u64,
        time_in_force: TimeInForce,
    ) -> Self {
        Self {
            price,
            order_qty,
            cum_qty: 0,
            cum_value: 0,
            queue_ahead: 0,
            entered: 0,
            number: 0,
            name,
            instrument,
            session,
            cl_ord_id,
            side,
            time_in_force,
            resting: false,
            before: NO_SLOT,
            behind: NO_SLOT,
            older: NO_SLOT,
            younger: NO_SLOT,
        }
    }

    /// Quantity still to fill.
    pub(super) const fn leaves_qty(&self) -> u64 {
        self.order_qty - self.cum_qty
    }

    /// OrdStatus(39) of a live order.
    pub(super) const fn status(&self) -> OrderStatus {
        if self.cum_qty == 0 { OrderStatus::New } else { OrderStatus::PartiallyFilled }
    }
}

/// Whether, for an owner on `side`, price `a` is strictly nearer to the market than `b`.
pub(super) fn better(side: Side, a: i64, b: i64) -> bool {
    if side == Side::Buy { a > b } else { a < b }
}

/// What is kept of each order until the day ends.
#[derive(Clone, Copy)]
struct DayOrder {
    /// Where it lives, [`NO_SLOT`] when it is done.
    slot: u32,
    /// How it ended, once it is done.
    end: OrderStatus,
    /// What of it had filled then.
    cum_qty: u64,
    /// Sum of fill price times fill quantity then.
    cum_value: i128,
}

pub(super) struct Orders {
    slots: Vec<Order>,
    free: Vec<u32>,
    /// First order of each side: `2 * instrument` for bids, one more for offers.
    sides: Vec<u32>,
    oldest: u32,
    youngest: u32,
    day: Vec<DayOrder>,
    accepted: usize,
}

impl Orders {
    /// Room for `live_max` live orders and `day_max` orders a day, over `instruments` instruments.
    pub(super) fn new(live_max: usize, day_max: usize, instruments: usize) -> Self {
        let vacant = Order::new(0, ClOrdIdText::NONE, 0, 0, Side::None, 0, 0, TimeInForce::Day);
        Self {
            slots: vec![vacant; live_max],
            free: (0..live_max as u32).rev().collect(),
            sides: vec![NO_SLOT; instruments * 2],
            oldest: NO_SLOT,
            youngest: NO_SLOT,
            day: vec![
                DayOrder { slot: NO_SLOT, end: OrderStatus::Rejected, cum_qty: 0, cum_value: 0 };
                day_max
            ],
            accepted: 0,
        }
    }

    /// Whether no further order can be accepted now.
    pub(super) fn is_full(&self) -> bool {
        self.free.is_empty() || self.accepted == self.day.len()
    }

    /// Live orders.
    pub(super) fn live(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The oldest live order.
    pub(super) fn oldest(&self) -> u32 {
        self.oldest
    }

    /// The resting order that comes first on a side.
    #[inline]
    pub(super) fn first(&self, instrument: u32, side: Side) -> u32 {
        debug_assert!(side != Side::None);
        self.sides[side_index(instrument, side)]
    }

    /// Takes an order in and numbers it; it does not rest yet. `None` when [`Self::is_full`].
    pub(super) fn accept(&mut self, mut order: Order) -> Option<u32> {
        if self.is_full() {
            return None;
        }
        let slot = self.free.pop()?;
        self.day[self.accepted] = DayOrder { slot, end: OrderStatus::New, cum_qty: 0, cum_value: 0 };
        self.accepted += 1;
        order.number = self.accepted as u32;
        order.older = self.youngest;
        order.younger = NO_SLOT;
        match self.youngest {
            NO_SLOT => self.oldest = slot,
            youngest => self[youngest].younger = slot,
        }
        self.youngest = slot;
        self[slot] = order;
        Some(slot)
    }

    /// Puts an order into the list of its side, behind all of an equal or better price.
    pub(super) fn rest(&mut self, slot: u32, entered: u64, queue_ahead: u64) {
        let Order { price, side, instrument, .. } = self[slot];
        let mut before = NO_SLOT;
        let mut behind = self.first(instrument, side);
        while behind != NO_SLOT && !better(side, price, self[behind].price) {
            before = behind;
            behind = self[behind].behind;
        }
        let order = &mut self[slot];
        debug_assert!(!order.resting);
        (order.entered, order.queue_ahead, order.resting) = (entered, queue_ahead, true);
        (order.before, order.behind) = (before, behind);
        self.link(instrument, side, before, slot);
        if behind != NO_SLOT {
            self[behind].before = slot;
        }
    }

    /// Takes an order out of the list of its side, if it is in it.
    pub(super) fn leave(&mut self, slot: u32) {
        let Order { side, instrument, before, behind, resting, .. } = self[slot];
        if !resting {
            return;
        }
        self[slot].resting = false;
        self.link(instrument, side, before, behind);
        if behind != NO_SLOT {
            self[behind].before = before;
        }
    }

    /// The order is done: it leaves every list, and its slot is free again.
    pub(super) fn finish(&mut self, slot: u32, end: OrderStatus) {
        self.leave(slot);
        let Order { number, older, younger, cum_qty, cum_value, .. } = self[slot];
        match older {
            NO_SLOT => self.oldest = younger,
            _ => self[older].younger = younger,
        }
        match younger {
            NO_SLOT => self.youngest = older,
            _ => self[younger].older = older,
        }
        self.day[number as usize - 1] = DayOrder { slot: NO_SLOT, end, cum_qty, cum_value };
        self.free.push(slot);
    }

    /// Slot of the order of the day with that number, while it lives.
    pub(super) fn slot_of(&self, number: u64) -> Option<u32> {
        let at = usize::try_from(number.checked_sub(1)?).ok()?;
        let slot = self.day.get(at)?.slot;
        (slot != NO_SLOT).then_some(slot)
    }

    /// OrdStatus(39) of an order of the day, live or done.
    pub(super) fn status_of(&self, number: u32) -> OrderStatus {
        let order = self.day[number as usize - 1];
        if order.slot == NO_SLOT { order.end } else { self[order.slot].status() }
    }

    /// CumQty(14) of an order that is done, and the sum of fill price times fill quantity.
    pub(super) fn filled_of(&self, number: u32) -> (u64, i128) {
        let order = self.day[number as usize - 1];
        (order.cum_qty, order.cum_value)
    }

    /// A fill of the order, live or done, was another one: its quantity and value change by so much. An order that lives works
    /// on with what it has left. Says whether they could.
    pub(super) fn change_fill(&mut self, number: u64, quantity: i64, value: i128) -> bool {
        let live = self.slot_of(number);
        let at = number.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        let Some(day) = at.and_then(|at| self.day.get_mut(at)) else { return false };
        let (cum_qty, cum_value, most) = match live {
            Some(slot) => {
                let order = &mut self.slots[slot as usize];
                (&mut order.cum_qty, &mut order.cum_value, order.order_qty.saturating_sub(1))
            }
            None => (&mut day.cum_qty, &mut day.cum_value, u64::MAX),
        };
        let Some(changed) = cum_qty.checked_add_signed(quantity).filter(|&changed| changed <= most) else {
            return false;
        };
        (*cum_qty, *cum_value) = (changed, *cum_value + value);
        true
    }

    /// Makes `behind` the follower of `before`, or the first of the side.
    fn link(&mut self, instrument: u32, side: Side, before: u32, behind: u32) {
        match before {
            NO_SLOT => self.sides[side_index(instrument, side)] = behind,
            _ => self[before].behind = behind,
        }
    }
}

/// Where a side of an instrument is in tables of sides.
pub(super) fn side_index(instrument: u32, side: Side) -> usize {
    instrument as usize * 2 + usize::from(side == Side::Sell)
}

impl Index<u32> for Orders {
    type Output = Order;

    fn index(&self, slot: u32) -> &Order {
        &self.slots[slot as usize]
    }
}

impl IndexMut<u32> for Orders {
    fn index_mut(&mut self, slot: u32) -> &mut Order {
        &mut self.slots[slot as usize]
    }
}
