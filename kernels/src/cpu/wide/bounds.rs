//! What a leg multiplies an amount by, at most, as a logarithm: where those of a cycle add up to less than zero, it earns
//! nothing, and nobody has to multiply.
//!
//! One number a side of a listing, made when its touch changes, in integers: bounds of logarithms by a table of 256 steps
//! and straight lines between them. They are within 2 * 10^-6, a fiftieth of a basis point; what they cannot rule out
//! goes to the exact screen of [`crate::cpu::arbitrage::evaluate`]. The answers are the same with and without them.

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
pub(super) const NOTHING: i64 = -(1 << 60);

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

/// How much more comes out than goes in, at most; below zero where it is surely less.
#[inline(always)]
pub(super) fn bound(comes_out: u64, goes_in: u64) -> i64 {
    ln_below(comes_out) + SLACK - ln_below(goes_in)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::AMOUNT_MAX;
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
        fn bounds_of_a_leg_hold(comes_out in any_amount(), goes_in in any_amount()) {
            let exact = ((comes_out as f64).ln() - (goes_in as f64).ln()) * 2f64.powi(BITS as i32);
            let above = bound(comes_out, goes_in) as f64 - exact;
            prop_assert!((-0.1..=2.0 * SLACK as f64 + 0.1).contains(&above), "{comes_out} / {goes_in}: {above}");
        }
    }
}
