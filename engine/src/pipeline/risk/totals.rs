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

    /// Adds what it is known to have room for.
    #[inline(always)]
    pub(super) const fn add_fitting(&mut self, change: i128) {
        self.0 += change;
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

/// Positions at their marks, and open orders at their limits, 1e-9 of the currency; changed by its own methods only, so
/// that none forgets the room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    gross: Total,
    net: Total,
    open_buy: Total,
    open_sell: Total,
    /// An order of either side that adds less than this breaks no limit of these sums, nor buying power; at 0 not even one
    /// that adds nothing. Each change takes off what it could have cost at most; what it could have given shows when the
    /// room is measured again.
    room: u64,
}

/// Limits that sums are held against.
#[derive(Clone, Copy, Debug)]
pub(super) struct NotionalLimits {
    pub(super) gross: i128,
    pub(super) net: i128,
    pub(super) open: i128,
}

impl Totals {
    /// Positions, all counted up.
    #[inline(always)]
    pub(super) const fn gross(&self) -> Total {
        self.gross
    }

    /// Long less short positions.
    #[inline(always)]
    pub(super) const fn net(&self) -> Total {
        self.net
    }

    /// Both sides of what is open.
    #[inline(always)]
    pub(super) const fn open(&self) -> i128 {
        self.open_buy.0 + self.open_sell.0
    }

    /// Open orders of one side.
    #[inline(always)]
    pub(super) const fn open_of(&self, is_buy: bool) -> i128 {
        if is_buy { self.open_buy.0 } else { self.open_sell.0 }
    }

    /// A position went from one value to another.
    #[inline]
    pub(super) fn move_position(&mut self, before: i128, after: i128) {
        self.gross.add(after.abs() - before.abs());
        self.net.add(after - before);
        self.take((after - before).unsigned_abs());
    }

    /// An order holds this much more than before, or less.
    #[inline]
    pub(super) fn add_order(&mut self, is_buy: bool, change: i128) {
        let open = if is_buy { &mut self.open_buy } else { &mut self.open_sell };
        open.add(change);
        if change > 0 {
            self.take(change.unsigned_abs());
        }
    }

    /// The same for one that has room: no sum is lost by it.
    #[inline(always)]
    pub(super) fn add_fitting(&mut self, is_buy: bool, notional: u64) {
        debug_assert!(self.has_room(notional), "it has no room");
        let open = if is_buy { &mut self.open_buy } else { &mut self.open_sell };
        open.add_fitting(notional.into());
        self.room -= notional;
    }

    /// Whether an order that adds this much breaks no limit for certain.
    #[inline(always)]
    pub(super) const fn has_room(&self, notional: u64) -> bool {
        notional < self.room
    }

    fn take(&mut self, most: u128) {
        self.room = self.room.saturating_sub(u64::try_from(most).unwrap_or(u64::MAX));
    }

    /// A limit has changed: what room there is nobody knows until it is measured.
    pub(super) const fn forget_room(&mut self) {
        self.room = 0;
    }

    /// Measures the room; `margin_room` is what may be added for certain as far as margins go.
    #[inline(never)]
    pub(super) fn measure_room(&mut self, limits: &NotionalLimits, margin_room: i128) {
        // Short of where sums are lost: one that has room is added without a look at that. A net sum that is lost leaves
        // none on the buy side, and so none at all.
        let below = |limit: i128, sum: i128| limit.min(LOST - 1) - sum;
        let (net, open) = (self.net.0, self.open());
        let room = below(limits.gross, self.gross.0 + open)
            .min(below(limits.net, net + self.open_buy.0))
            .min(below(limits.net, self.open_sell.0 - net))
            .min(below(limits.open, open))
            .min(margin_room);
        self.room = u64::try_from((room + 1).max(0)).unwrap_or(u64::MAX);
    }
}
