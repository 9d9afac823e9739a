//! Bulk volume classification: how much of a bar's volume was bought, from how far the price moved, for feeds that do not say
//! who began a trade.
//!
//! Trades are gathered into bars of equal length in core time, on a grid. With V the volume of a bar, dP its last price less
//! that of the bar with trades before it, and s the standard deviation of the last so many of these changes, its own among them:
//!
//! ```text
//! bought = V N(dP / s)      sold = V - bought
//! ```
//!
//! where N is the normal distribution: D. Easley, M. Lopez de Prado and M. O'Hara, "Flow toxicity and liquidity in a
//! high-frequency world", Rev. Financ. Stud. 25:1457 (2012). A price that did not move, a first bar, and changes that
//! are all alike say nothing: half counts for each.
//!
//! A bar is classified when the first trade behind its end comes: until then its volume is in no bucket. Sums are integers;
//! the share that is bought is rounded to 1e-9, and what it is multiplied with truncated, so that the classification has the
//! same bits everywhere. Its ring is taken at construction; one thread owns it.

use super::Signed;
use super::ring::Ring;
use crate::cpu::pricing::elementary::{D_MAX, exp, tail_ratio};
use feeds::units::{NS_PER_S, PRICE_NONE};

/// How trades are classified in bulk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkParameters {
    /// Length of a bar, ns of core time. Default a minute, as in the paper.
    pub bar_ns: u64,
    /// Changes between bars that their standard deviation is taken over, 1 to [`super::RING_MAX`]. Default 390; the paper
    /// takes its whole sample.
    pub changes: u32,
}

impl Default for BulkParameters {
    /// Minutes, and as many as a day of continuous trading at US stock exchanges has.
    fn default() -> Self {
        Self { bar_ns: 60 * NS_PER_S, changes: 390 }
    }
}

/// Changes are cut to this, 1e-9: a million of the currency. Sums of their squares stay far inside their integers.
const CHANGE_MAX: i64 = 1 << 50;

/// The bar under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bar {
    /// Its number on the grid.
    number: u64,
    volume: u64,
    /// Of its last trade, 1e-9; [`PRICE_NONE`] when none of them had one.
    price: i64,
}

/// See the module's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BulkVolume {
    bar_ns: u64,
    bar: Option<Bar>,
    /// Of the bar before that had one, 1e-9.
    price_before: i64,
    /// The last changes, as the bits of `i64`.
    changes: Ring,
    /// How many of them there are, their sum and that of their squares.
    count: u64,
    sum: i128,
    squares: i128,
}

impl BulkVolume {
    pub(super) fn new(parameters: &BulkParameters) -> Self {
        Self {
            bar_ns: parameters.bar_ns,
            bar: None,
            price_before: PRICE_NONE,
            changes: Ring::new(parameters.changes),
            count: 0,
            sum: 0,
            squares: 0,
        }
    }

    /// A trade at a price (or [`PRICE_NONE`]), at core time `now_ns`: the volume of the bar that is over with it.
    #[inline]
    pub(super) fn trade(&mut self, now_ns: u64, price: i64, quantity: u64) -> Option<Signed> {
        let number = now_ns / self.bar_ns;
        match &mut self.bar {
            Some(bar) if bar.number == number => {
                bar.volume = bar.volume.saturating_add(quantity);
                if price != PRICE_NONE {
                    bar.price = price;
                }
                None
            }
            bar => {
                let over = bar.replace(Bar { number, volume: quantity, price });
                over.map(|over| self.classified(&over))
            }
        }
    }

    /// The volume of a bar that is over.
    fn classified(&mut self, bar: &Bar) -> Signed {
        let bought_e9 = match (self.price_before, bar.price) {
            (_, PRICE_NONE) => HALF_E9,
            (PRICE_NONE, _) => HALF_E9,
            (before, price) => {
                let change = price.saturating_sub(before).clamp(-CHANGE_MAX, CHANGE_MAX);
                self.push(change);
                share_e9(change, self.count, self.sum, self.squares)
            }
        };
        if bar.price != PRICE_NONE {
            self.price_before = bar.price;
        }
        let bought = (u128::from(bar.volume) * u128::from(bought_e9) / 1_000_000_000) as u64;
        Signed { bought, sold: bar.volume - bought }
    }

    fn push(&mut self, change: i64) {
        let left = self.changes.push(change.cast_unsigned()).cast_signed();
        self.count = (self.count + 1).min(self.changes.len());
        self.sum += i128::from(change) - i128::from(left);
        self.squares += i128::from(change).pow(2) - i128::from(left).pow(2);
    }
}

const HALF_E9: u64 = 500_000_000;

/// What is bought where the price moved by `change`, 1e-9, among `count` changes of this sum and these squares.
fn share_e9(change: i64, count: u64, sum: i128, squares: i128) -> u64 {
    // The variance times count^2: below 2^(2 * 50 + 2 * 12), and an integer.
    let spread = i128::from(count) * squares - sum * sum;
    if spread == 0 || change == 0 {
        return HALF_E9;
    }
    let deviations = change as f64 * count as f64 / (spread as f64).sqrt();
    (normal(deviations) * 1e9).round_ties_even() as u64
}

/// The normal distribution.
pub(super) fn normal(x: f64) -> f64 {
    let d = x.abs().min(D_MAX);
    let tail = exp(-0.5 * d * d) * tail_ratio(d);
    if x < 0.0 { tail } else { 1.0 - tail }
}
