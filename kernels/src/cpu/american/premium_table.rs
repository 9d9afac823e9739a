//! What early exercise adds to a contract's European price, by the price of the underlying: computed on the cold core,
//! read on every tick.
//!
//! A table is made of integers alone, money in 1e-9, and is read with integers alone: it is an input with a place in the
//! sequence, journalled and replayed, and gives the same anywhere. One polynomial goes through its points, whose distance is
//! a power of two, so that no division is needed. It ends at the exercise boundary where that lies within its range, for
//! beyond it the price is what exercising brings; so the curve between its points is smooth.
//!
//! The volatility, the rates and the time left have to be those that the European price is computed from: deep in the
//! money the premium is what exercising brings less the European price, so that a table for another volatility is wrong
//! by that price's vega. A table takes effect together with the surface that it was fitted for. `tests/american_goog.rs`
//! measures both on a whole chain: what a table loses, and what one loses that is late.
//!
//! Nothing allocates; any thread may read. A price of the underlying outside of a table's range gets the premium of the
//! range's end, and whoever reads is told ([`PremiumTable::holds_at`]).

use super::{AmericanOption, EarlyExercise, Refusal, within};
use crate::cpu::pricing::Isa;

/// Points of a table.
pub const POINTS: usize = 5;

/// How far from the underlying's price at the fit a table holds, either way, as a part of it; its power of two makes it up
/// to twice as much.
pub const RANGE: f64 = 0.02;

const E9: f64 = 1e9;
/// Prices of the underlying in a table are 1e-6 to this, so that they are exact as doubles.
const PRICE_TABLE_MAX: f64 = 9e6;
/// Prices and premiums of a table in 1e-9 are at most this.
const AMOUNT_MAX: i64 = 1 << 54;
/// Most that the distance of two points may be a power of.
const STEP_LOG2_MAX: u32 = 52;

/// Binary digits behind the point of a position between points.
const FRACTION: u32 = 30;
const ONE: i128 = 1 << FRACTION;

/// 1 / (k + 1), with those digits.
const RECIPROCALS: [i128; POINTS - 1] = {
    let mut reciprocals = [ONE; POINTS - 1];
    let mut k = 0;
    while k < POINTS - 1 {
        let divisor = k as i128 + 1;
        reciprocals[k] = (ONE + divisor / 2) / divisor;
        k += 1;
    }
    reciprocals
};

/// Where, beyond a table's points, exercising at once is best.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exercised {
    /// Nowhere within the range.
    #[default]
    Nowhere = 0,
    /// Below the first point, which is the boundary of a put.
    Below = 1,
    /// Above the last point, which is the boundary of a call.
    Above = 2,
}

impl Exercised {
    /// The one of a code, or `None` for a code that has none.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::Nowhere, Self::Below, Self::Above].into_iter().find(|&one| one as u8 == code)
    }
}

/// A price and its change for a change of the underlying by 1, 1e-9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorthE9 {
    /// Price.
    pub price_e9: i64,
    /// Its change.
    pub delta_e9: i64,
}

/// The premium over a range of the underlying.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PremiumTable {
    /// The underlying at the first point, 1e-9; 0: there is no table.
    first_e9: i64,
    /// From each point to the next it is 2 to the power of this, 1e-9.
    step_log2: u32,
    exercised: Exercised,
    /// The premium at each point, 1e-9.
    premium_e9: [i64; POINTS],
}

impl PremiumTable {
    /// That of a European option: no premium, and no exercise.
    pub const NONE: Self =
        Self { first_e9: 0, step_log2: 0, exercised: Exercised::Nowhere, premium_e9: [0; POINTS] };

    /// A table of its parts, [`Self::NONE`] included; `None` where no fit gives such.
    #[must_use]
    pub fn of_parts(
        first_e9: i64,
        step_log2: u32,
        exercised: Exercised,
        premium_e9: [i64; POINTS],
    ) -> Option<Self> {
        let table = Self { first_e9, step_log2, exercised, premium_e9 };
        let amounts = 0..=AMOUNT_MAX;
        let is_good = (1..=AMOUNT_MAX).contains(&first_e9)
            && step_log2 <= STEP_LOG2_MAX
            && premium_e9.iter().all(|premium| amounts.contains(premium));
        (is_good || table == Self::NONE).then_some(table)
    }

    /// The parts of [`Self::of_parts`].
    #[must_use]
    pub const fn parts(&self) -> (i64, u32, Exercised, [i64; POINTS]) {
        (self.first_e9, self.step_log2, self.exercised, self.premium_e9)
    }

    /// The table of a contract around a price of the underlying, up to [`RANGE`] of it either way at least.
    ///
    /// # Errors
    /// See [`Refusal`]; the price has to be 1e-6 to 9e6.
    pub fn fit(isa: Isa, option: &AmericanOption, spot: f64) -> Result<Self, Refusal> {
        within("spot", spot, 1e-6, PRICE_TABLE_MAX)?;
        let solved = EarlyExercise::solve(isa, option)?;
        let (low_e9, high_e9) = ((spot * (1.0 - RANGE) * E9) as i64, (spot * (1.0 + RANGE) * E9) as i64);
        let boundary_e9 = solved.boundary(isa).map_or(0.0, |boundary| boundary * E9);
        let is_inside = boundary_e9 > low_e9 as f64 && boundary_e9 < high_e9 as f64;
        let exercised = match (is_inside, option.put) {
            (false, _) => Exercised::Nowhere,
            (true, true) => Exercised::Below,
            (true, false) => Exercised::Above,
        };
        let boundary_e9 = boundary_e9 as i64;
        let span_e9 = match exercised {
            Exercised::Nowhere => high_e9 - low_e9,
            Exercised::Below => high_e9 - boundary_e9,
            Exercised::Above => boundary_e9 - low_e9,
        };
        let steps = POINTS as i64 - 1;
        let step_log2 = (span_e9 as u64).div_ceil(steps as u64).next_power_of_two().ilog2();
        let whole_e9 = steps << step_log2;
        let first_e9 = match exercised {
            Exercised::Nowhere => low_e9 - (whole_e9 - span_e9) / 2,
            Exercised::Below => boundary_e9,
            Exercised::Above => boundary_e9 - whole_e9,
        };
        let first_e9 = first_e9.max(1);
        let mut premium_e9 = [0; POINTS];
        for (at, premium) in (0i64..).zip(&mut premium_e9) {
            let spot = (first_e9 + (at << step_log2)) as f64 / E9;
            *premium = (solved.premium(isa, spot)? * E9).round() as i64;
        }
        Ok(Self { first_e9, step_log2, exercised, premium_e9 })
    }

    /// Whether there is none.
    #[inline]
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.first_e9 == 0
    }

    /// From the first point to the last, 1e-9.
    const fn whole_e9(&self) -> i64 {
        (POINTS as i64 - 1) << self.step_log2
    }

    /// Whether a price of the underlying is within the range, or beyond the boundary: everything is known there.
    #[inline]
    #[must_use]
    pub const fn holds_at(&self, spot_e9: i64) -> bool {
        let apart_e9 = spot_e9.saturating_sub(self.first_e9);
        self.is_none()
            || (apart_e9 >= 0 || matches!(self.exercised, Exercised::Below))
                && (apart_e9 <= self.whole_e9() || matches!(self.exercised, Exercised::Above))
    }

    /// The premium at a price of the underlying, and its change; outside of the points that of the nearest one, which does
    /// not change. Beyond the exercise boundary it is less than [`Self::american`] needs, which knows that.
    #[inline]
    #[must_use]
    pub fn premium(&self, spot_e9: i64) -> WorthE9 {
        let apart_e9 = spot_e9.saturating_sub(self.first_e9);
        let held_e9 = apart_e9.clamp(0, self.whole_e9());
        let position = (i128::from(held_e9) << FRACTION) >> self.step_log2;
        let (premium, slope) = newton(&self.premium_e9, position);
        // A curve through numbers that are not below zero may dip below it.
        let (premium, slope) = if premium < 0 { (0, 0) } else { (premium, slope) };
        let slope = if held_e9 == apart_e9 { slope } else { 0 };
        let fitting = |amount: i128| i64::try_from(amount).unwrap_or(i64::MAX);
        let delta_e9 = fitting((slope * 1_000_000_000) >> self.step_log2);
        WorthE9 { price_e9: fitting(premium), delta_e9 }
    }

    /// An American option from the European one at this price of the underlying: at least what exercising at once brings.
    /// Without a table the European one.
    #[inline]
    #[must_use]
    pub fn american(&self, european: WorthE9, strike_e9: i64, put: bool, spot_e9: i64) -> WorthE9 {
        if self.is_none() {
            return european;
        }
        let premium = self.premium(spot_e9);
        let price_e9 = european.price_e9.saturating_add(premium.price_e9);
        let gain_e9 = spot_e9.saturating_sub(strike_e9);
        let (gain_e9, step_e9) =
            if put { (gain_e9.saturating_neg(), -1_000_000_000) } else { (gain_e9, 1_000_000_000) };
        if gain_e9 > price_e9 {
            return WorthE9 { price_e9: gain_e9, delta_e9: step_e9 };
        }
        WorthE9 { price_e9, delta_e9: european.delta_e9.saturating_add(premium.delta_e9) }
    }

    /// Whether another table is so different that it has to be told: by `least_e9` somewhere in the middle of its range,
    /// or since that middle is no longer within this one's.
    #[must_use]
    pub fn differs_from(&self, other: &Self, least_e9: u64) -> bool {
        if self.is_none() || other.is_none() {
            return self.is_none() != other.is_none();
        }
        let points = (0i64..).zip(&other.premium_e9);
        points.skip(1).take(POINTS - 2).any(|(at, premium)| {
            let spot_e9 = other.first_e9 + (at << other.step_log2);
            !self.holds_at(spot_e9) || self.premium(spot_e9).price_e9.abs_diff(*premium) >= least_e9
        })
    }
}

/// The polynomial through values at 0, 1, 2 and so on, and its slope, at a position with [`FRACTION`] binary digits behind the
/// point: Newton's form, from the highest difference down.
#[inline]
fn newton(values: &[i64; POINTS], position: i128) -> (i128, i128) {
    let mut differences = *values;
    for order in 1..POINTS {
        for at in (order..POINTS).rev() {
            differences[at] -= differences[at - 1];
        }
    }
    let (mut value, mut slope) = (i128::from(differences[POINTS - 1]), 0);
    for k in (0..POINTS - 1).rev() {
        let factor = ((position - k as i128 * ONE) * RECIPROCALS[k]) >> FRACTION;
        slope = (value * RECIPROCALS[k] + slope * factor) >> FRACTION;
        value = i128::from(differences[k]) + ((value * factor) >> FRACTION);
    }
    (value, slope)
}

#[cfg(test)]
#[path = "premium_table_tests.rs"]
mod tests;
