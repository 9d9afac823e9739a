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

/// Arguments of [`tail_ratio`] are cut to this; `exp(-D_MAX^2 / 2)` is 10^-306, still a normal number.
pub(super) const D_MAX: f64 = 37.5;

/// e^x for |x| up to 708. Relative error below 2^-52.
#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    let shifted = x.mul_add(std::f64::consts::LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, x));
    let power = shifted.to_bits() << 52;
    f64::from_bits(even_odd(&EXP, r).to_bits().wrapping_add(power))
}

/// Natural logarithm of a normal number above zero, as the nearest double and what is left: together they are within
/// 2^-62 of it, relative to the larger of the logarithm and half of ln 2.
#[inline(always)]
pub(super) fn ln(x: f64) -> (f64, f64) {
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

/// N(-d) exp(d^2 / 2) for d from 0 to [`D_MAX`], where N is the normal distribution: erfcx(d / sqrt(2)) / 2. Relative
/// error below 2^-50.
#[inline(always)]
pub(super) fn tail_ratio(d: f64) -> f64 {
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
