//! What a leg multiplies an amount by, at most, as a logarithm: where those of a cycle add up to less than zero, it earns
//! nothing, and nobody has to multiply.
//!
//! One number a side of a listing, made when its touch changes, in integers: bounds of logarithms by a table of 256 steps
//! and straight lines between them. They are within 2 * 10^-6, a fiftieth of a basis point; what they cannot rule out
//! goes to the exact screen of [`crate::cpu::arbitrage::evaluate`]. The answers are the same with and without them.

use super::tables::WideTables;
use crate::abi::{ListingTerms, Relation, Touch};
use crate::cpu::fixed_point::{LN2_Q60, Q60_BITS, ln_ratio_q60};

/// Fraction bits of a bound.
const BITS: u32 = 40;

/// Steps of the table between 1 and 2, and their power of two.
const STEPS: usize = 256;
const STEP_BITS: u32 = 8;

/// ln 2, rounded down.
const LN2: i64 = (LN2_Q60 >> (Q60_BITS - BITS)) as i64;

/// ln of 1 to 2 in equal steps, rounded down.
const LN: [i64; STEPS + 1] = {
    let mut table = [0; STEPS + 1];
    let mut i = 0;
    while i <= STEPS {
        table[i] = (ln_ratio_q60((STEPS + i) as u64, STEPS as u64) >> (Q60_BITS - BITS)) as i64;
        i += 1;
    }
    table
};

/// How far a logarithm may be above [`ln_below`]. A line between two entries is below the curve by at most an eighth of
/// the squared step, 2^-19; roundings are 63 units for ln 2 and a few for the rest.
const SLACK: i64 = (1 << (BITS - 19)) + 128;

/// The bound of a side where nothing can be traded: whatever the other legs bring, the sum stays below zero.
const NOTHING: i64 = -(1 << 60);

/// A lower bound of the natural logarithm of a number above zero.
#[inline(always)]
fn ln_below(x: u64) -> i64 {
    let exponent = 63 - x.leading_zeros();
    let mantissa = x << x.leading_zeros();
    let step = (mantissa >> (63 - STEP_BITS)) as usize % STEPS;
    let part = (mantissa >> (31 - STEP_BITS)) & 0xFFFF_FFFF;
    // A step's height is below 2^32, so that its product with the part fits.
    let height = (LN[step + 1] - LN[step]) as u64;
    // The table's own error, below one unit, is taken off.
    i64::from(exponent) * LN2 + LN[step] + ((height * part) >> 32) as i64 - 1
}

/// Bounds of both sides of every listing.
#[derive(Debug)]
pub(super) struct Bounds {
    /// By the number of a leg: twice the listing, and one more where it sells.
    of_legs: Vec<i64>,
}

impl Bounds {
    pub(super) fn new(tables: &WideTables) -> Self {
        Self { of_legs: vec![NOTHING; 2 * tables.listings().len()] }
    }

    /// The listing's touch is this now.
    pub(super) fn set(&mut self, listing: usize, terms: &ListingTerms, touch: &Touch) {
        let bound = |quantity, comes_out, goes_in| match quantity {
            0 => NOTHING,
            _ => ln_below(comes_out) + SLACK - ln_below(goes_in),
        };
        self.of_legs[2 * listing] = bound(touch.cost_quantity, terms.unit_e9, touch.cost);
        self.of_legs[2 * listing + 1] = bound(touch.proceeds_quantity, touch.proceeds, terms.unit_e9);
    }

    /// Whether the relation certainly has nothing to take.
    #[inline(always)]
    pub(super) fn rule_out(&self, relation: &Relation) -> bool {
        let of = |leg: usize| self.of_legs[relation.legs[leg].0 as usize];
        let mut sum = of(0) + of(1);
        if relation.legs_len > 2 {
            sum += of(2);
        }
        if relation.legs_len > 3 {
            sum += of(3);
        }
        sum < 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{AMOUNT_MAX, LEGS_MAX, Leg};
    use crate::cpu::arbitrage::{NO_HIT, evaluate};
    use proptest::prelude::*;

    fn any_amount() -> impl Strategy<Value = u64> {
        prop_oneof![
            1..=AMOUNT_MAX,
            1u64..1_000,
            Just(1),
            Just(AMOUNT_MAX),
            (0u32..62).prop_map(|bit| 1 << bit),
            990_000_000u64..1_010_000_000
        ]
    }

    #[test]
    fn bounds_hold_at_every_step_and_beside_it() {
        for exponent in 9..62 {
            for step in 0..=STEPS as u64 {
                let node = (STEPS as u64 + step) << (exponent - STEP_BITS);
                for x in [node - 1, node, node + 1, node + (1 << (exponent - STEP_BITS)) / 2] {
                    let exact = (x as f64).ln() * 2f64.powi(BITS as i32);
                    let below = ln_below(x) as f64;
                    assert!(below <= exact && exact <= below + SLACK as f64, "{x}: {below} {exact}");
                }
            }
        }
        assert!((-1..=0).contains(&ln_below(1)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn bounds_hold(x in any_amount()) {
            let exact = (x as f64).ln() * 2f64.powi(BITS as i32);
            let below = ln_below(x) as f64;
            // The double's own error is below 0.02 units.
            prop_assert!(below <= exact + 0.1 && exact <= below + SLACK as f64, "{x}: {below} {exact}");
        }

        #[test]
        fn what_is_ruled_out_has_nothing_to_take(
            sides in prop::collection::vec((any_amount(), any_amount(), any_amount(), 0u64..3), 4),
            legs in prop::collection::vec((0u32..4, any::<bool>()), 2..=LEGS_MAX),
        ) {
            let terms: Vec<_> = sides
                .iter()
                .map(|side| ListingTerms { unit_e9: side.0, lot: 1, fee_ppb: 0, fee_unit_e9: 0 })
                .collect();
            let touches: Vec<_> = sides
                .iter()
                .map(|&(_, cost, proceeds, quantity)| Touch {
                    cost, cost_quantity: quantity * 1_000, proceeds, proceeds_quantity: quantity,
                })
                .collect();
            let mut bounds = Bounds { of_legs: vec![NOTHING; 8] };
            for listing in 0..4 {
                bounds.set(listing, &terms[listing], &touches[listing]);
            }
            let mut padded = [Leg(0); LEGS_MAX];
            for (place, (listing, sells)) in padded.iter_mut().zip(&legs) {
                *place = if *sells { Leg::sell(*listing) } else { Leg::buy(*listing) };
            }
            let legs_len = legs.len() as u32;
            let relation =
                Relation { legs: padded, legs_len, reserved: 0, amount_max: AMOUNT_MAX, profit_min: 1 };
            if bounds.rule_out(&relation) {
                prop_assert_eq!(evaluate(&relation, &terms, &touches), NO_HIT);
            } else {
                // What is not ruled out is at most the slack of its legs away from earning something.
                let ln = |amount: u64| (amount as f64).ln();
                let sum: f64 = padded[..legs.len()]
                    .iter()
                    .map(|leg| {
                        let (t, touch) = (&terms[leg.listing() as usize], &touches[leg.listing() as usize]);
                        if leg.sells() { ln(touch.proceeds) - ln(t.unit_e9) } else { ln(t.unit_e9) - ln(touch.cost) }
                    })
                    .sum();
                prop_assert!(sum > -4e-6 * f64::from(legs_len), "{sum}");
            }
        }
    }
}
