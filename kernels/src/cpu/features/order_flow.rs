//! Order-flow imbalance and queue imbalance: what the best prices and their sizes say.

use super::super::book::Bbo;
use feeds::units::PRICE_NONE;

/// "No queue imbalance": a side is missing.
pub const IMBALANCE_NONE: i64 = i64::MIN;

/// (bid size - offer size) / (bid size + offer size), 1e-9, toward zero; [`IMBALANCE_NONE`] when a side is missing.
///
/// -10^9 (all size on the offer) to 10^9 (all on the bid). Above zero the next change of the mid is more often upward:
/// M. Gould and J. Bonart, "Queue imbalance as a one-tick-ahead price predictor", arXiv:1512.03492.
#[inline]
#[must_use]
pub const fn queue_imbalance_e9(top: &Bbo) -> i64 {
    let Bbo { bid_px, bid_qty, ask_px, ask_qty } = *top;
    if bid_px == PRICE_NONE || ask_px == PRICE_NONE || (bid_qty == 0 && ask_qty == 0) {
        return IMBALANCE_NONE;
    }
    // In 64 bits where it fits, which is nearly always: a division of 128 bits is a call.
    if bid_qty < 1 << 32 && ask_qty < 1 << 32 {
        return (bid_qty as i64 - ask_qty as i64) * 1_000_000_000 / (bid_qty as i64 + ask_qty as i64);
    }
    let (bid, ask) = (bid_qty as i128, ask_qty as i128);
    ((bid - ask) * 1_000_000_000 / (bid + ask)) as i64
}

/// Order-flow imbalance: added up over changes of the top, in quantity units.
///
/// With n numbering the tops, the change e(n) is what joined the bid or left the offer less what left the bid or joined
/// the offer: R. Cont, A. Kukanov and S. Stoikov, "The price impact of order book events", J. Financ. Econom. 12:47
/// (2014), arXiv:1011.6402, section 2.1:
///
/// ```text
/// e(n) = [bid(n) >= bid(n-1)] bid_qty(n) - [bid(n) <= bid(n-1)] bid_qty(n-1)
///      - [ask(n) <= ask(n-1)] ask_qty(n) + [ask(n) >= ask(n-1)] ask_qty(n-1)
/// ```
///
/// A missing bid is below, a missing offer above every price. The sum of an interval is what the paper regresses changes
/// of the mid on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFlow {
    interval_ns: u64,
    /// The interval of the grid that the last event fell into: its core time / length.
    interval: u64,
    total: i128,
    /// What `total` was at the beginning of the interval.
    total_before: i128,
    /// The sum of the interval before it.
    previous: i128,
}

impl OrderFlow {
    /// Nothing seen yet; intervals are `interval_ns` long, above zero, and begin at multiples of it.
    #[must_use]
    pub const fn new(interval_ns: u64) -> Self {
        Self { interval_ns, interval: 0, total: 0, total_before: 0, previous: 0 }
    }

    /// The top changed from `before` to `after` at core time `now_ns`.
    #[inline]
    pub fn update(&mut self, now_ns: u64, before: &Bbo, after: &Bbo) {
        self.begin_intervals(now_ns);
        self.total += change(before, after);
    }

    /// The book begins anew: what it shows did not flow in.
    pub fn restart(&mut self, now_ns: u64) {
        self.begin_intervals(now_ns);
    }

    #[inline]
    fn begin_intervals(&mut self, now_ns: u64) {
        let interval = now_ns / self.interval_ns;
        if interval > self.interval {
            self.previous = self.sum_before(interval);
            self.interval = interval;
            self.total_before = self.total;
        }
    }

    /// The sum of the interval before `interval`, which is behind the one of the last event.
    const fn sum_before(&self, interval: u64) -> i128 {
        if interval == self.interval + 1 { self.total - self.total_before } else { 0 }
    }

    /// The sum since the start, quantity units.
    #[must_use]
    pub const fn total(&self) -> i128 {
        self.total
    }

    /// The sum over the last whole interval that is over at `now_ns`, quantity units.
    #[must_use]
    pub const fn last_interval(&self, now_ns: u64) -> i128 {
        let interval = now_ns / self.interval_ns;
        if interval > self.interval { self.sum_before(interval) } else { self.previous }
    }
}

/// e(n) of [`OrderFlow`].
#[inline]
pub(super) const fn change(before: &Bbo, after: &Bbo) -> i128 {
    // PRICE_NONE is the lowest number there is, which is right for a bid.
    let bid = side_change(before.bid_px, before.bid_qty, after.bid_px, after.bid_qty);
    // An offer is a bid with the sign of its price turned; complement, since the lowest number has no opposite.
    let ask = side_change(offer(before.ask_px), before.ask_qty, offer(after.ask_px), after.ask_qty);
    bid - ask
}

const fn offer(price: i64) -> i64 {
    if price == PRICE_NONE { PRICE_NONE } else { !price }
}

const fn side_change(before_px: i64, before_qty: u64, after_px: i64, after_qty: u64) -> i128 {
    let joined = if after_px >= before_px { after_qty as i128 } else { 0 };
    let left = if after_px <= before_px { before_qty as i128 } else { 0 };
    joined - left
}
