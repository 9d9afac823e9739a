//! Volatility of one instrument, estimated online in integers: an exponentially weighted mean of squared price changes
//! between the lines of a fixed grid of core time.
//!
//! The price at a grid line is the last one seen before it (previous-tick sampling), so the estimate depends on the
//! sequence of (time, price) alone and not on how often the caller looks. A line passed without a new price counts as
//! a change of zero. The first line after a start only anchors: it ends no whole interval. A silence of more than [`VolatilityParameters::gap_samples_max`] lines, or a stretch without a
//! price, is a gap: sampling starts again at the next price, the change across the gap is not taken for volatility,
//! and what was learnt before is kept. Until [`VolatilityParameters::warm_up_samples`] lines have been sampled there
//! is no estimate.
//!
//! Bits: all is `u128`/`u64` integer arithmetic with truncation, in the order written here. Nothing allocates; the
//! state belongs to the thread that owns the books. It refuses to guess: no estimate is [`SIGMA_NONE`], never zero.

use super::fixed_point::{LN2_Q60, Q60_BITS, exp_q60};
use feeds::units::{NS_PER_S, PRICE_NONE};

/// "No estimate yet".
pub const SIGMA_NONE: u64 = u64::MAX;

/// Largest accepted [`VolatilityParameters::change_max`]: 2^40 price units, about 1,100 currency units in one sample.
pub const CHANGE_MAX: i64 = 1 << 40;

/// One in Q32, the scale of the decay and of weights.
const Q32_ONE: u64 = 1 << 32;

/// How volatility is sampled and averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolatilityParameters {
    /// Distance of the grid's lines, ns of core time; 1 us to 1 h.
    pub sample_interval_ns: u64,
    /// Weight of the past after one sample, Q32, below one; see [`decay_of_half_life`].
    pub decay_q32: u32,
    /// Samples before there is an estimate, at least 1.
    pub warm_up_samples: u32,
    /// More lines than this without any price is a gap, at least 1.
    pub gap_samples_max: u32,
    /// Changes between two lines are clamped to this, 1e-9 price, 1 to [`CHANGE_MAX`]: one bad print must not move the
    /// estimate by more than it may.
    pub change_max: i64,
}

/// Which volatility parameter is out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolatilityError {
    /// `sample_interval_ns` is not in 1 us to 1 h.
    SampleInterval,
    /// `decay_q32` is zero: the estimate would remember nothing.
    Decay,
    /// `warm_up_samples` is zero.
    WarmUp,
    /// `gap_samples_max` is zero: every sample would be a gap.
    Gap,
    /// `change_max` is not in 1 to [`CHANGE_MAX`].
    ChangeMax,
}

impl std::fmt::Display for VolatilityError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SampleInterval => "sample interval outside 1 us to 1 h",
            Self::Decay => "decay is zero: give a half-life of at least one sample",
            Self::WarmUp => "warm-up is zero samples: give at least 1",
            Self::Gap => "gap limit is zero samples: give at least 1",
            Self::ChangeMax => "largest change per sample outside 1e-9 to 1099 currency units",
        })
    }
}

impl std::error::Error for VolatilityError {}

impl VolatilityParameters {
    /// Checks every range.
    ///
    /// # Errors
    /// Names the first field that is out of range.
    pub const fn validate(&self) -> Result<(), VolatilityError> {
        if self.sample_interval_ns < 1_000 || self.sample_interval_ns > 3_600 * NS_PER_S {
            return Err(VolatilityError::SampleInterval);
        }
        if self.decay_q32 == 0 {
            return Err(VolatilityError::Decay);
        }
        if self.warm_up_samples == 0 {
            return Err(VolatilityError::WarmUp);
        }
        if self.gap_samples_max == 0 {
            return Err(VolatilityError::Gap);
        }
        if self.change_max < 1 || self.change_max > CHANGE_MAX {
            return Err(VolatilityError::ChangeMax);
        }
        Ok(())
    }
}

/// The decay whose weight halves after `samples` samples: `2^(-1/samples)` in Q32, truncated. `samples` of zero counts
/// as one.
#[must_use]
pub const fn decay_of_half_life(samples: u32) -> u32 {
    let samples = if samples == 0 { 1 } else { samples };
    let growth = exp_q60(LN2_Q60 / samples as u64);
    let decay = (1u128 << (Q60_BITS + 32)) / ((growth.mantissa_q60 as u128) << growth.exponent);
    // One half-life of very many samples rounds up to one, which would never learn.
    if decay >= Q32_ONE as u128 { u32::MAX } else { decay as u32 }
}

/// The running estimate of one instrument, 80 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volatility {
    /// Weighted sum of squared changes, (1e-9 price)^2 per sample interval; its weights add up to `1 - missing_q32`.
    variance: u128,
    /// Weight that no sample has taken yet, Q32: one at first, then falling to zero by the decay.
    missing_q32: u64,
    /// Next grid line, ns of core time.
    next_line_ns: u64,
    /// Price at the last line, 1e-9; [`PRICE_NONE`] before the first line after a start.
    line_price: i64,
    /// Last price seen, 1e-9; [`PRICE_NONE`] before the first and across a gap.
    price: i64,
    /// Standard deviation, 1e-9 price per square root of a second, or [`SIGMA_NONE`].
    sigma: u64,
    /// Lines sampled so far, saturating.
    samples: u32,
}

impl Default for Volatility {
    fn default() -> Self {
        Self::new()
    }
}

impl Volatility {
    /// Nothing seen yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            variance: 0,
            missing_q32: Q32_ONE,
            next_line_ns: 0,
            line_price: PRICE_NONE,
            price: PRICE_NONE,
            sigma: SIGMA_NONE,
            samples: 0,
        }
    }

    /// All of it as numbers: [`Self::from_words`] goes on bit for bit.
    #[must_use]
    pub const fn to_words(&self) -> [u64; 8] {
        [
            self.variance as u64,
            (self.variance >> 64) as u64,
            self.missing_q32,
            self.next_line_ns,
            self.line_price.cast_unsigned(),
            self.price.cast_unsigned(),
            self.sigma,
            self.samples as u64,
        ]
    }

    /// Takes what [`Self::to_words`] gave.
    #[must_use]
    pub const fn from_words(words: &[u64; 8]) -> Self {
        let &[low, high, missing_q32, next_line_ns, line_price, price, sigma, samples] = words;
        Self {
            variance: low as u128 | (high as u128) << 64,
            missing_q32,
            next_line_ns,
            line_price: line_price.cast_signed(),
            price: price.cast_signed(),
            sigma,
            samples: samples as u32,
        }
    }

    /// Standard deviation of the price, 1e-9 per square root of a second; [`SIGMA_NONE`] until warm.
    #[must_use]
    pub const fn sigma(&self) -> u64 {
        self.sigma
    }

    /// Lines sampled so far, saturating.
    #[must_use]
    pub const fn samples(&self) -> u32 {
        self.samples
    }

    /// Takes the price that holds from `now_ns` on (core time, never decreasing), or [`PRICE_NONE`] when there is no
    /// reference any more. Between two lines this is two comparisons and a store.
    #[inline]
    pub fn update(&mut self, parameters: &VolatilityParameters, now_ns: u64, price: i64) {
        if price == PRICE_NONE {
            self.price = PRICE_NONE;
        } else if self.price == PRICE_NONE {
            self.restart(parameters, now_ns, price);
        } else {
            if now_ns >= self.next_line_ns {
                self.pass_lines(parameters, now_ns, price);
            }
            self.price = price;
        }
    }

    /// Starts sampling at the first line after `now_ns`, keeping the estimate.
    fn restart(&mut self, parameters: &VolatilityParameters, now_ns: u64, price: i64) {
        let interval = parameters.sample_interval_ns;
        self.next_line_ns = (now_ns / interval).saturating_add(1).saturating_mul(interval);
        self.line_price = PRICE_NONE;
        self.price = price;
    }

    /// Accounts for the lines up to `now_ns`; the price at each of them is the one seen last.
    fn pass_lines(&mut self, parameters: &VolatilityParameters, now_ns: u64, price: i64) {
        let lines = (now_ns - self.next_line_ns) / parameters.sample_interval_ns + 1;
        if lines > u64::from(parameters.gap_samples_max) {
            self.restart(parameters, now_ns, price);
            return;
        }
        let anchored = self.line_price != PRICE_NONE;
        self.average(
            parameters,
            if anchored { self.change(parameters) } else { 0 },
            lines - u64::from(!anchored),
        );
        self.line_price = self.price;
        self.next_line_ns =
            self.next_line_ns.saturating_add(lines.saturating_mul(parameters.sample_interval_ns));
    }

    /// Size of the change from the last line to the price seen last, clamped.
    fn change(&self, parameters: &VolatilityParameters) -> u128 {
        let change = u128::from(self.price.abs_diff(self.line_price));
        change.min(u128::from(parameters.change_max.unsigned_abs()))
    }

    /// Takes `samples` intervals into the mean, the first with `change` and the others without one.
    fn average(&mut self, parameters: &VolatilityParameters, change: u128, samples: u64) {
        if samples == 0 {
            return;
        }
        let decay = u64::from(parameters.decay_q32);
        let rest = power_q32(decay, samples - 1);
        let first = (self.variance * u128::from(decay) + change * change * u128::from(Q32_ONE - decay)) >> 32;
        self.variance = (first * u128::from(rest)) >> 32;
        self.missing_q32 = (((self.missing_q32 * decay) >> 32) * rest) >> 32;
        self.samples = self.samples.saturating_add(samples as u32);
        if self.samples >= parameters.warm_up_samples {
            self.sigma = self.standard_deviation(parameters.sample_interval_ns);
        }
    }

    /// Mean of the weighted squares, brought from one interval to one second, and its root.
    fn standard_deviation(&self, interval_ns: u64) -> u64 {
        // A mean of squares of at most 2^80, times 10^9: no overflow.
        let mean = (self.variance << 32) / u128::from(Q32_ONE - self.missing_q32).max(1);
        (mean * u128::from(NS_PER_S) / u128::from(interval_ns)).isqrt() as u64
    }
}

/// `base^exponent` in Q32 by squaring, truncating at every step; `base` below one.
const fn power_q32(base: u64, exponent: u64) -> u64 {
    let mut result = Q32_ONE;
    let mut square = base;
    let mut bits = exponent;
    while bits > 0 {
        if bits & 1 == 1 {
            result = (result * square) >> 32;
        }
        square = (square * square) >> 32;
        bits >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn parameters() -> VolatilityParameters {
        VolatilityParameters {
            sample_interval_ns: 100 * MS,
            decay_q32: decay_of_half_life(50),
            warm_up_samples: 10,
            gap_samples_max: 20,
            change_max: 1 << 36,
        }
    }

    #[test]
    fn decay_halves_after_its_half_life() {
        assert_eq!(decay_of_half_life(1), 1 << 31);
        for samples in [2, 10, 50, 1_000, 100_000] {
            let weight = (f64::from(decay_of_half_life(samples)) / 2f64.powi(32)).powi(samples as i32);
            assert!((weight - 0.5).abs() < 1e-4, "half-life {samples}: {weight}");
        }
        assert_eq!(decay_of_half_life(u32::MAX), u32::MAX);
    }

    #[test]
    fn there_is_no_estimate_before_the_warm_up() {
        let mut volatility = Volatility::new();
        for line in 0..11u64 {
            volatility.update(&parameters(), 1_000_000_000 + line * 100 * MS + 7, 100 + line as i64);
            assert_eq!(volatility.sigma(), SIGMA_NONE);
        }
        volatility.update(&parameters(), 2_100_000_007, 110);
        assert_eq!(volatility.samples(), 10);
        assert_ne!(volatility.sigma(), SIGMA_NONE);
    }

    #[test]
    fn a_constant_step_gives_its_own_size_from_the_first_estimate_on() {
        // A change of 0.01 every 100 ms: variance 10 * (10^7)^2 a second, sigma 10^7 * sqrt(10).
        let mut volatility = Volatility::new();
        for line in 0..200u64 {
            let price = if line % 2 == 0 { 10_000_000 } else { 20_000_000 };
            volatility.update(&parameters(), 1_000_000_000 + line * 100 * MS, price);
            if volatility.sigma() != SIGMA_NONE {
                assert!(volatility.sigma().abs_diff(31_622_776) <= 2, "line {line}: {}", volatility.sigma());
            }
        }
        assert!(volatility.samples() > 150);
    }

    #[test]
    fn a_gap_keeps_the_estimate_and_its_jump_is_not_volatility() {
        let mut volatility = Volatility::new();
        for line in 0..50u64 {
            volatility.update(&parameters(), line * 100 * MS, 10_000_000 * (line as i64 % 2));
        }
        let before = volatility.sigma();
        let after_silence = 50 * 100 * MS + 3_600 * NS_PER_S;
        volatility.update(&parameters(), after_silence, 5_000_000_000);
        assert_eq!(volatility.sigma(), before);
        volatility.update(&parameters(), after_silence + MS, PRICE_NONE);
        volatility.update(&parameters(), after_silence + 2 * MS, 9_000_000_000);
        assert_eq!(volatility.sigma(), before);
        volatility.update(&parameters(), after_silence + 150 * MS, 9_000_000_000);
        assert_eq!(volatility.sigma(), before, "the first line after the gap only anchors");
        volatility.update(&parameters(), after_silence + 250 * MS, 9_000_000_000);
        assert!(volatility.sigma() < before, "the next is a change of zero");
    }

    #[test]
    fn a_bad_print_counts_at_most_its_clamp() {
        let clamped = VolatilityParameters { change_max: 20_000_000, ..parameters() };
        let mut wild = Volatility::new();
        let mut tame = Volatility::new();
        for line in 0..30u64 {
            wild.update(&clamped, line * 100 * MS, if line == 20 { i64::MAX } else { 0 });
            tame.update(&clamped, line * 100 * MS, if line == 20 { 20_000_000 } else { 0 });
        }
        assert_eq!(wild.sigma(), tame.sigma());
    }

    #[test]
    fn ranges_are_checked() {
        assert_eq!(parameters().validate(), Ok(()));
        let bad = |change: fn(&mut VolatilityParameters)| {
            let mut p = parameters();
            change(&mut p);
            p.validate()
        };
        assert_eq!(bad(|p| p.sample_interval_ns = 0), Err(VolatilityError::SampleInterval));
        assert_eq!(bad(|p| p.decay_q32 = 0), Err(VolatilityError::Decay));
        assert_eq!(bad(|p| p.warm_up_samples = 0), Err(VolatilityError::WarmUp));
        assert_eq!(bad(|p| p.gap_samples_max = 0), Err(VolatilityError::Gap));
        assert_eq!(bad(|p| p.change_max = CHANGE_MAX + 1), Err(VolatilityError::ChangeMax));
    }

    /// The definition, line by line in f64: look up the price at each grid line, average the squares with weights
    /// `decay^age`, normalised.
    fn naive_sigma(p: &VolatilityParameters, path: &[(u64, i64)]) -> f64 {
        let interval = p.sample_interval_ns;
        let (start, end) = (path[0].0, path[path.len() - 1].0);
        let price_at = |t: u64| path.iter().rev().find(|(at, _)| *at < t).map_or(path[0].1, |x| x.1);
        let decay = f64::from(p.decay_q32) / 2f64.powi(32);
        let (mut sum, mut weights) = (0.0, 0.0);
        let anchor = (start / interval + 1) * interval;
        let mut previous = price_at(anchor);
        let mut line = anchor + interval;
        while line <= end {
            let change = (price_at(line) - previous) as f64;
            previous = price_at(line);
            sum = sum * decay + change * change * (1.0 - decay);
            weights = weights * decay + 1.0 - decay;
            line += interval;
        }
        (sum / weights / (interval as f64 / 1e9)).sqrt()
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            half_life in 2u32..500,
            steps in prop::collection::vec((0u64..400 * MS, -50_000_000i64..50_000_000), 40..200),
        ) {
            let p = VolatilityParameters { decay_q32: decay_of_half_life(half_life), ..parameters() };
            let mut path = vec![(NS_PER_S, 100_000_000_000i64)];
            for (wait, change) in steps {
                let (at, price) = path[path.len() - 1];
                path.push((at + wait, price + change));
            }
            let mut volatility = Volatility::new();
            for (at, price) in &path {
                volatility.update(&p, *at, *price);
            }
            prop_assume!(volatility.sigma() != SIGMA_NONE);
            let expected = naive_sigma(&p, &path);
            let got = volatility.sigma() as f64;
            prop_assert!((got - expected).abs() <= 2.0 + 1e-6 * expected, "{got} against {expected}");
        }
    }
}
