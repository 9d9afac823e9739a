//! What the relation taker asked for of the quotes that are shown.

/// What was asked for of one side's quote.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    /// As it was shown.
    price: i64,
    shown: u64,
    quantity: u64,
}

impl Taken {
    pub(super) fn add(&mut self, price: i64, shown: u64, quantity: u64) {
        let before = if (self.price, self.shown) == (price, shown) { self.quantity } else { 0 };
        *self = Self { price, shown, quantity: before.saturating_add(quantity) };
    }

    /// What is left of a quote.
    pub(super) fn left(&self, price: i64, shown: u64) -> u64 {
        if (self.price, self.shown) == (price, shown) { shown.saturating_sub(self.quantity) } else { shown }
    }
}
