//! One open order: its terms, its state, and what is known of it at the venue.

use super::NO_SLOT;
use crate::order::{ClOrdId, Intent, OrderAction, TimeInForce};
use feeds::event::Side;

/// Where an order stands.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// Sent, not yet acknowledged.
    PendingNew = 1,
    /// Acknowledged; rests or has partly filled.
    Live = 2,
    /// A replace is in flight.
    PendingReplace = 3,
    /// A cancel is in flight.
    PendingCancel = 4,
}

/// What is known of an order's state at the venue.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// What the table says.
    None = 0,
    /// The session was lost: the venue is to be asked.
    ToAsk = 1,
    /// It was asked and has not answered.
    Asked = 2,
}

/// One open order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveOrder {
    /// ClOrdID(11) that the venue knows the order by.
    pub cl_ord_id: ClOrdId,
    /// ClOrdID of the replace or cancel in flight; 0 when none is.
    pub pending_id: ClOrdId,
    /// Accepted limit price, 1e-9.
    pub price: i64,
    /// Accepted total quantity.
    pub quantity: u64,
    /// Price that a replace in flight asks for.
    pub pending_price: i64,
    /// Total quantity that a replace in flight asks for.
    pub pending_quantity: u64,
    /// Filled so far.
    pub cumulative: u64,
    /// Exposure reserved for what can still fill.
    pub reserved: u64,
    /// Core time when the present terms were decided, UTC ns.
    pub since_ns: u64,
    /// Core time of the last message about it, UTC ns.
    pub asked_ns: u64,
    /// Dense instrument number.
    pub instrument: u32,
    /// Strategy that owns it.
    pub strategy: u16,
    /// Dense venue number.
    pub venue: u8,
    /// Side.
    pub side: Side,
    /// Time in force.
    pub time_in_force: TimeInForce,
    /// It was marked as a short sale.
    pub sells_short: bool,
    /// It was open or on its way when it was stopped: it is cancelled as soon as that can be asked, whatever a reset has
    /// lifted since.
    pub doomed: bool,
    /// State.
    pub state: OrderState,
    /// Whether the state at the venue is known.
    pub doubt: Doubt,
    /// Number of the last request for it, 0 for none: an older answer says nothing.
    pub request: u64,
    /// Slot of its strategy's next older order.
    pub(super) next: u32,
    /// Slot of the next newer one.
    pub(super) previous: u32,
    /// Slot of its instrument's next older order.
    pub(super) older: u32,
    /// Slot of the next newer one.
    pub(super) newer: u32,
}

impl LiveOrder {
    /// No order.
    pub(crate) const VACANT: Self = Self {
        cl_ord_id: 0,
        pending_id: 0,
        price: 0,
        quantity: 0,
        pending_price: 0,
        pending_quantity: 0,
        cumulative: 0,
        reserved: 0,
        since_ns: 0,
        asked_ns: 0,
        instrument: 0,
        strategy: 0,
        venue: 0,
        side: Side::None,
        time_in_force: TimeInForce::Day,
        sells_short: false,
        doomed: false,
        state: OrderState::PendingNew,
        doubt: Doubt::None,
        request: 0,
        next: NO_SLOT,
        previous: NO_SLOT,
        older: NO_SLOT,
        newer: NO_SLOT,
    };

    /// Whether the fields can be true together.
    pub(super) const fn is_consistent(&self) -> bool {
        let has_request = matches!(self.state, OrderState::PendingReplace | OrderState::PendingCancel);
        self.cl_ord_id != 0
            && has_request == (self.pending_id != 0)
            && !matches!(self.side, Side::None)
            && self.cumulative <= self.quantity
            && self.reserved >= self.quantity - self.cumulative
    }

    /// Quantity that can still fill under the accepted terms.
    #[must_use]
    pub const fn leaves(&self) -> u64 {
        self.quantity - self.cumulative
    }

    /// Price that its exposure is reserved at, 1e-9: the worse one while a replace is in flight.
    #[must_use]
    pub const fn reserved_price(&self) -> i64 {
        let replacing = matches!(self.state, OrderState::PendingReplace);
        if replacing && self.pending_price > self.price { self.pending_price } else { self.price }
    }

    /// Notional of its exposure, 1e-9 of the currency.
    #[must_use]
    pub fn reserved_notional(&self) -> i128 {
        i128::from(self.reserved) * i128::from(self.reserved_price())
    }

    /// The best price for the other side that it can trade at, 1e-9: the better of its terms while a replace is in flight.
    #[must_use]
    pub fn best_price(&self) -> i64 {
        match (self.state, self.side) {
            (OrderState::PendingReplace, Side::Sell) => self.price.min(self.pending_price),
            (OrderState::PendingReplace, _) => self.price.max(self.pending_price),
            _ => self.price,
        }
    }

    /// A cancel of it.
    #[must_use]
    pub const fn cancel(&self) -> Intent {
        Intent {
            action: OrderAction::Cancel,
            target: self.cl_ord_id,
            price: self.price,
            quantity: self.quantity,
            instrument: self.instrument,
            venue: self.venue,
            side: self.side,
            time_in_force: self.time_in_force,
        }
    }

    /// Whether a message about this order is in flight or its state is in doubt, so that nothing new may be asked of
    /// it.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        !matches!((self.state, self.doubt), (OrderState::Live, Doubt::None))
    }
}
