//! Realised volatility: the root of the sum of squared changes of the mid over a window.

use super::super::volatility::{CHANGE_MAX, SIGMA_NONE};
use super::ring::Ring;
use feeds::units::{NS_PER_S, PRICE_NONE};

/// The running estimate of one instrument.
///
/// The mid is sampled at the lines of a grid of core time: at each, the last one seen before it (a book without two sides
/// has none, and the one before it goes on to count). Over the last n changes c between lines that are d ns apart:
///
/// ```text
/// sigma = sqrt(sum of c^2 * 10^9 / (n d))
/// ```
///
/// in 1e-9 price per square root of a second, truncated: T. Andersen and T. Bollerslev, "Answering the skeptics: yes,
/// standard volatility models do provide accurate forecasts", Int. Econ. Rev. 39:885 (1998), with changes of the price
/// and not of its logarithm, as quotes are prices. [`super::super::volatility::Volatility`] weighs exponentially
/// instead; this one forgets at once what is older than its window. A change is cut to [`CHANGE_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealisedVolatility {
    interval_ns: u64,
    /// Next line, ns of core time; of no meaning before the first mid.
    next_line_ns: u64,
    /// Last mid seen, 1e-9; [`PRICE_NONE`] before the first.
    price: i64,
    /// The mid at the last line, 1e-9; [`PRICE_NONE`] before the first line.
    line_price: i64,
    /// Sizes of the last changes.
    changes: Ring,
    /// Sum of their squares: below 2^12 of at most 2^80.
    squares: u128,
}

impl RealisedVolatility {
    /// Nothing seen yet; lines are `interval_ns` apart, above zero, and `samples` changes count, 1 to
    /// [`super::RING_MAX`].
    #[must_use]
    pub fn new(interval_ns: u64, samples: u32) -> Self {
        Self {
            interval_ns,
            next_line_ns: 0,
            price: PRICE_NONE,
            line_price: PRICE_NONE,
            changes: Ring::new(samples),
            squares: 0,
        }
    }

    /// The mid from core time `now_ns` on, or [`PRICE_NONE`]. Between two lines this is two comparisons and a store; a
    /// silence costs at most one pass over the ring.
    #[inline]
    pub fn update(&mut self, now_ns: u64, mid: i64) {
        if self.price == PRICE_NONE {
            if mid != PRICE_NONE {
                self.next_line_ns =
                    (now_ns / self.interval_ns).saturating_add(1).saturating_mul(self.interval_ns);
                self.price = mid;
            }
            return;
        }
        if now_ns >= self.next_line_ns {
            self.pass_lines(now_ns);
        }
        if mid != PRICE_NONE {
            self.price = mid;
        }
    }

    /// Lines from the next one up to `now_ns`, which has reached it.
    const fn lines(&self, now_ns: u64) -> u64 {
        (now_ns - self.next_line_ns) / self.interval_ns + 1
    }

    fn pass_lines(&mut self, now_ns: u64) {
        let lines = self.lines(now_ns);
        // The first line of all has nothing to be compared with.
        if self.line_price != PRICE_NONE {
            self.push(self.change());
        }
        // The other lines saw no change; beyond a whole ring of them nothing changes any more.
        for _ in 0..(lines - 1).min(self.changes.len()) {
            self.push(0);
        }
        self.line_price = self.price;
        self.next_line_ns = self.next_line_ns.saturating_add(lines.saturating_mul(self.interval_ns));
    }

    /// Size of the change from the last line to the mid seen last, cut.
    fn change(&self) -> u64 {
        self.price.abs_diff(self.line_price).min(CHANGE_MAX.unsigned_abs())
    }

    fn push(&mut self, change: u64) {
        let old = self.changes.push(change);
        self.squares = self.squares + square(change) - square(old);
    }

    /// 1e-9 price per square root of a second, over the window that ends with the last line up to `now_ns`, not before
    /// the last update; [`SIGMA_NONE`] until there are enough samples.
    #[must_use]
    pub fn sigma(&self, now_ns: u64) -> u64 {
        if self.price == PRICE_NONE || now_ns < self.next_line_ns {
            return if self.changes.is_full() { self.root(self.squares) } else { SIGMA_NONE };
        }
        // The lines since the last update, as it will account for them.
        let anchored = self.line_price != PRICE_NONE;
        let samples = self.lines(now_ns) - u64::from(!anchored);
        if samples < self.changes.missing() {
            return SIGMA_NONE;
        }
        let driven_out: u128 = self.changes.oldest(samples).map(square).sum();
        let is_in = anchored && samples <= self.changes.len();
        let first = if is_in { square(self.change()) } else { 0 };
        self.root(self.squares - driven_out + first)
    }

    fn root(&self, squares: u128) -> u64 {
        // Below 2^92, times 10^9.
        let window_ns = u128::from(self.changes.len()) * u128::from(self.interval_ns);
        (squares * u128::from(NS_PER_S) / window_ns).isqrt() as u64
    }
}

const fn square(change: u64) -> u128 {
    change as u128 * change as u128
}
