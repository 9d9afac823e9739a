//! Sums of notional that can be taken back, of the firm and of each strategy.

/// A sum from here on is lost: more than any limit, and it stays so.
pub(super) const LOST: i128 = 1 << 124;

/// No single change of what orders hold is larger: a quantity of at most 2^44 at a price below 2^63.
pub(super) const ORDER_MAX: i128 = 1 << 110;

/// A sum that says "too much" for good once it could not hold what was added: no later subtraction makes it small again.
/// It lies within [`LOST`] either way, so that adding a few of them never overflows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Total(i128);

impl Total {
    /// Adds anything.
    #[inline]
    pub(super) fn add(&mut self, change: i128) {
        self.add_order(change.clamp(-LOST, LOST));
    }

    /// Adds what an order holds or gives back, at most [`LOST`] either way.
    #[inline(always)]
    pub(super) const fn add_order(&mut self, change: i128) {
        debug_assert!(-LOST <= change && change <= LOST, "a change of this size is no order's");
        let sum = self.0 + change;
        // Both ends at once: from -LOST up to LOST is 0 up to 2 LOST.
        let is_lost = self.0 >= LOST || (sum + LOST).cast_unsigned() >= (2 * LOST).cast_unsigned();
        self.0 = if is_lost { LOST } else { sum };
    }

    /// The sum; [`LOST`] when it is lost.
    #[inline(always)]
    pub(super) const fn get(self) -> i128 {
        self.0
    }

    /// Whether the sum and `added` are more than `most`. Without a limit nothing is.
    #[inline(always)]
    pub(super) const fn exceeds(self, added: i128, most: i128) -> bool {
        self.0 + added > most
    }

    /// Whether the sum taken with the other sign and `added` are more than `most`.
    #[inline(always)]
    pub(super) const fn exceeds_negated(self, added: i128, most: i128) -> bool {
        let negated = if self.0 >= LOST { LOST } else { -self.0 };
        negated + added > most
    }
}

/// Positions at their marks, and open orders at their limits, 1e-9 of the currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Positions, all counted up.
    pub(super) gross: Total,
    /// Long less short positions.
    pub(super) net: Total,
    /// Open buy orders.
    pub(super) open_buy: Total,
    /// Open sell orders.
    pub(super) open_sell: Total,
}

impl Totals {
    /// A position went from one value to another.
    #[inline(always)]
    pub(super) fn move_position(&mut self, before: i128, after: i128) {
        self.gross.add(after.abs() - before.abs());
        self.net.add(after - before);
    }

    /// Both sides of what is open.
    #[inline(always)]
    pub(super) const fn open(&self) -> i128 {
        self.open_buy.0 + self.open_sell.0
    }

    /// Open orders of one side.
    #[inline(always)]
    pub(super) const fn open_of(&mut self, is_buy: bool) -> &mut Total {
        if is_buy { &mut self.open_buy } else { &mut self.open_sell }
    }
}
