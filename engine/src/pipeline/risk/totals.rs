//! Sums of notional that can be taken back, of the firm and of each strategy.

/// A sum that says "too much" for good once it could not hold what was added: no later subtraction makes it small again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Total(i128);

impl Total {
    #[inline(always)]
    pub(super) fn add(&mut self, change: i128) {
        self.0 =
            if self.0 == i128::MAX { i128::MAX } else { self.0.checked_add(change).unwrap_or(i128::MAX) };
    }

    /// The sum; `i128::MAX` when it is lost.
    #[inline(always)]
    pub(super) const fn get(self) -> i128 {
        self.0
    }

    /// Whether the sum and `added` are more than `most`. Without a limit nothing is.
    #[inline(always)]
    pub(super) const fn exceeds(self, added: i128, most: i128) -> bool {
        self.0.saturating_add(added) > most
    }

    /// Whether the sum taken with the other sign and `added` are more than `most`.
    #[inline(always)]
    pub(super) const fn exceeds_negated(self, added: i128, most: i128) -> bool {
        if self.0 == i128::MAX { most < i128::MAX } else { added.saturating_sub(self.0) > most }
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
        self.open_buy.get().saturating_add(self.open_sell.get())
    }

    /// Open orders of one side.
    #[inline(always)]
    pub(super) const fn open_of(&mut self, is_buy: bool) -> &mut Total {
        if is_buy { &mut self.open_buy } else { &mut self.open_sell }
    }
}
