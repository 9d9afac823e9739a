//! Approved orders of one input on their way out of the decision core.

use crate::order::{Order, OrderAction};
use crate::pipeline::risk::RiskApproved;

/// Approved orders of one input, in decision order; fixed capacity.
pub struct Actions {
    pub(super) orders: Vec<RiskApproved<Order>>,
    capacity: usize,
    slots: usize,
    slots_for_new: usize,
}

impl Actions {
    /// A buffer for `capacity` actions an input.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { orders: Vec::with_capacity(capacity), capacity, slots: capacity, slots_for_new: capacity }
    }

    /// Most actions an input can make.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Sets how many slots of the order ring are free in all, and how many of those anything but a cancel may use.
    /// An intent that finds no slot is dropped before it reserves anything.
    pub fn set_slots(&mut self, slots: usize, slots_for_new: usize) {
        self.slots = slots.min(self.capacity);
        self.slots_for_new = slots_for_new.min(self.slots);
    }

    pub(super) fn has_slot(&self, action: OrderAction, needed: usize) -> bool {
        let limit = if action == OrderAction::Cancel { self.slots } else { self.slots_for_new };
        self.orders.len() + needed <= limit
    }

    /// The approved orders, oldest first.
    #[must_use]
    pub fn as_slice(&self) -> &[RiskApproved<Order>] {
        &self.orders
    }

    /// Takes the approved orders out, oldest first.
    pub fn drain(&mut self) -> impl Iterator<Item = RiskApproved<Order>> + '_ {
        self.orders.drain(..)
    }
}
