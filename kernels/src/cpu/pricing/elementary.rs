//! exp, ln and the normal tail from `+`, `*`, `/`, fused multiply-add and bit casts alone, so that their bits depend on
//! no library, instruction set or device.
//!
//! No branch that a vector loop could not turn into a selection. Each function says where it holds; its callers keep to
//! that.

use super::coefficients::{EXP, LN, TAIL};

/// High part of ln 2: 40 bits behind the point, so that its product with an exponent is exact.
const LN2_HIGH: f64 = f64::from_bits(0x3FE6_2E42_FEFA_2000);
/// The rest of ln 2.
const LN2_LOW: f64 = f64::from_bits(0x3D69_EF35_793C_7673);
/// 1.5 * 2^52: adding it rounds to an integer, half to even, and leaves that in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// sqrt(1/2) as bits: mantissas are taken from there to sqrt(2).
const SQRT_HALF_BITS: u64 = 0x3FE6_A09E_667F_3BCD;
/// Centre of the tail's variable, see `tests/reference/coefficients.py`.
const TAIL_CENTRE: f64 = 5.0;

/// Arguments of [`tail_ratio`] are cut to this: `exp(-D_MAX^2 / 2)` is 10^-158, so that nothing made of it becomes a
/// denormal number, which some machines compute with slowly.
pub(crate) const D_MAX: f64 = 27.0;

/// e^x for |x| up to 708. Within one unit of the last place.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    let shifted = x.mul_add(std::f64::consts::LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, x));
    let mantissa = 1.0 + (r * r).mul_add(even_odd(&EXP, r), r);
    // The integer's low bits move to the place of the exponent.
    f64::from_bits(mantissa.to_bits().wrapping_add(shifted.to_bits() << 52))
}

/// Natural logarithm of a normal number above zero, as a double within one unit of the last place and what is left:
/// together they are within 2 * 10^-18 of it for numbers from 10^-12 to 10^12.
#[inline(always)]
pub(crate) fn ln(x: f64) -> (f64, f64) {
    let exponent = x.to_bits().wrapping_sub(SQRT_HALF_BITS) as i64 >> 52;
    let f = f64::from_bits(x.to_bits().wrapping_sub((exponent << 52) as u64)) - 1.0;
    let e = exponent as f64;
    // s = f / (2 + f) in two parts: the divisor's rounding and the quotient's are both given back.
    let divisor = 2.0 + f;
    let divisor_low = f - (divisor - 2.0);
    let s = f / divisor;
    let s_low = (-s).mul_add(divisor_low, (-s).mul_add(divisor, f)) / divisor;
    let z = s * s;
    let series = 2.0 * s * z * even_odd(&LN, z);
    let (high, low) = sum(e * LN2_HIGH, 2.0 * s);
    let rest = low + (2.0f64.mul_add(s_low, e * LN2_LOW) + series);
    let nearest = high + rest;
    (nearest, (high - nearest) + rest)
}

/// Natural logarithm of a normal number above zero in one division: within 3 units of the last place, near 1 too.
#[inline(always)]
pub(super) fn ln_once(x: f64) -> f64 {
    let exponent = x.to_bits().wrapping_sub(SQRT_HALF_BITS) as i64 >> 52;
    let f = f64::from_bits(x.to_bits().wrapping_sub((exponent << 52) as u64)) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let series = 2.0 * s * z * even_odd(&LN, z);
    (exponent as f64).mul_add(std::f64::consts::LN_2, 2.0f64.mul_add(s, series))
}

/// N(-d) exp(d^2 / 2) for d from 0 to [`D_MAX`], where N is the normal distribution: erfcx(d / sqrt(2)) / 2. Relative
/// error at most 5e-16.
#[inline(always)]
pub(crate) fn tail_ratio(d: f64) -> f64 {
    let reciprocal = 1.0 / (d + TAIL_CENTRE);
    let t = 2.0f64.mul_add(d * reciprocal, -1.0);
    even_odd(&TAIL, t) * reciprocal
}

/// The sum and its rounding error, exact for operands of any size.
#[inline(always)]
fn sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// A polynomial, low order first, as two chains of fused multiply-adds that run side by side.
#[inline(always)]
fn even_odd<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    const { assert!(N >= 2 && N.is_multiple_of(2)) };
    let square = x * x;
    let (mut even, mut odd) = (coefficients[N - 2], coefficients[N - 1]);
    let mut i = N - 2;
    while i > 0 {
        i -= 2;
        odd = odd.mul_add(square, coefficients[i + 1]);
        even = even.mul_add(square, coefficients[i]);
    }
    odd.mul_add(x, even)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Argument, value to the nearest double, and the rest of it, at 60 digits.
    fn reference(function: &str) -> impl Iterator<Item = (f64, f64, f64)> {
        let rows = include_str!("../../../tests/reference/functions.csv").lines();
        let prefix = format!("{function},");
        rows.filter_map(move |row| row.strip_prefix(&prefix).map(str::to_owned)).map(|row| {
            let double = |at| {
                let field = row.split(',').nth(at).expect("three fields");
                f64::from_bits(u64::from_str_radix(field, 16).expect("16 hexadecimal digits"))
            };
            (double(0), double(1), double(2))
        })
    }

    /// Worst error in units of the last place.
    fn worst_ulps(function: &str, computed: impl Fn(f64) -> f64) -> f64 {
        let ulp = |x: f64| f64::from_bits(x.abs().to_bits() + 1) - x.abs();
        let errors =
            reference(function).map(|(x, value, rest)| ((computed(x) - value) - rest).abs() / ulp(value));
        let (count, worst) =
            errors.fold((0, 0.0), |(n, worst), e| (n + 1, if e > worst { e } else { worst }));
        assert!(count > 200, "{function}: {count} values");
        println!("{function}: {worst:.3} units of the last place over {count} values");
        worst
    }

    #[test]
    fn functions_are_within_their_bounds() {
        assert!(worst_ulps("exp", exp) < 1.0);
        assert!(worst_ulps("ln", |x| ln(x).0) < 0.51);
        assert!(worst_ulps("ln", ln_once) < 3.0);
        assert!(worst_ulps("tail", tail_ratio) < 3.0);
    }

    #[test]
    fn the_logarithm_in_two_parts_has_more_digits() {
        let errors = reference("ln").filter(|(x, ..)| (1e-12..=1e12).contains(x)).map(|(x, value, rest)| {
            let (high, low) = ln(x);
            ((high - value) + (low - rest)).abs()
        });
        let worst = errors.fold(0.0, |worst, e| if e > worst { e } else { worst });
        println!("worst error {worst:.1e}");
        assert!(worst < 2e-18);
    }
}
