//! Natural logarithm and exponential in 60-bit fixed point, so that constants derived from configuration have the
//! same bits on every machine and in the CUDA twin. A libm promises no such thing.
//!
//! Pure integer functions for the configuration step, where a few hundred nanoseconds do not matter. They allocate
//! nothing and belong to no thread. They refuse nothing: ranges are asserted in debug builds and documented.

/// Fraction bits of the numbers in this file: `x` stands for `x / 2^60`.
pub const Q60_BITS: u32 = 60;

/// One in Q60.
pub const Q60_ONE: u64 = 1 << Q60_BITS;

/// ln 2 in Q60, rounded to nearest.
pub const LN2_Q60: u64 = 799_144_290_325_165_979;

/// Terms of the atanh series. With |z| <= 1/5 the first term left out is below (1/5)^29 / 29, under 2^-71.
const ATANH_TERMS: u32 = 14;

/// Terms of the exponential's Taylor series. With f < ln 2 the first term left out is below 2^-75.
const EXP_TERMS: u64 = 21;

/// A positive real as `mantissa_q60 / 2^60 * 2^exponent` with the mantissa in `[1, 2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaled {
    /// Q60, at least [`Q60_ONE`], below twice that.
    pub mantissa_q60: u64,
    /// Power of two.
    pub exponent: u32,
}

const fn mul_q60(a: u64, b: u64) -> u64 {
    // Both factors are below 2^62 where this is called, so the product fits and the shifted value fits 64 bits.
    ((a as u128 * b as u128) >> Q60_BITS) as u64
}

/// `ln(numerator / denominator)` in Q60 for `1 <= numerator / denominator < 2^22`; the error is below 2^-53, and for
/// ratios near one below 2^-56.
///
/// With `m = ratio / 2^e` in `[2/3, 4/3]` and `z = (m - 1) / (m + 1)`: `ln = e ln 2 + 2 atanh z`. Near one `e` is zero
/// and `z` is the exact rational `(n - d) / (n + d)`, so nothing cancels.
#[must_use]
pub const fn ln_ratio_q60(numerator: u64, denominator: u64) -> u64 {
    debug_assert!(denominator > 0 && numerator >= denominator);
    let n = numerator as u128;
    let mut d = denominator as u128;
    let mut e: u64 = 0;
    // 3n > 4d says that m is above 4/3; the loop ends after at most 22 rounds in the documented range.
    while 3 * n > 4 * d && e < 22 {
        d *= 2;
        e += 1;
    }
    let (gap, negative) = if n >= d { (n - d, false) } else { (d - n, true) };
    let half = atanh_q60(((gap << Q60_BITS) / (n + d)) as u64);
    if negative { e * LN2_Q60 - 2 * half } else { e * LN2_Q60 + 2 * half }
}

/// `atanh z` for `z` in `[0, 1/5]`, Q60.
const fn atanh_q60(z: u64) -> u64 {
    let square = mul_q60(z, z);
    let mut power = z;
    let mut sum = z;
    let mut term = 1;
    while term < ATANH_TERMS {
        power = mul_q60(power, square);
        sum += power / (2 * term as u64 + 1);
        term += 1;
    }
    sum
}

/// `exp(x)` of a Q60 number below 16; the mantissa's relative error is below 2^-54.
#[must_use]
pub const fn exp_q60(x: u64) -> Scaled {
    let exponent = (x / LN2_Q60) as u32;
    let f = x % LN2_Q60;
    // Horner form of the Taylor series: 1 + f (1 + f/2 (1 + f/3 (...))).
    let mut sum = Q60_ONE;
    let mut term = EXP_TERMS;
    while term > 0 {
        sum = Q60_ONE + mul_q60(sum, f) / term;
        term -= 1;
    }
    // f < ln 2 makes the series' value below 2, and truncation only lowers it.
    Scaled { mantissa_q60: sum, exponent }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: f64 = Q60_ONE as f64;

    #[test]
    fn known_answers() {
        assert_eq!(ln_ratio_q60(7, 7), 0);
        assert!(ln_ratio_q60(2, 1).abs_diff(LN2_Q60) < 64);
        // ln 10 = 2.302585092994045684..., e = 2.718281828459045235...
        assert!((ln_ratio_q60(10, 1) as f64 / ONE - std::f64::consts::LN_10).abs() < 1e-15);
        let e = exp_q60(Q60_ONE);
        assert_eq!(e.exponent, 1);
        assert!((2.0 * e.mantissa_q60 as f64 / ONE - std::f64::consts::E).abs() < 1e-15);
        assert_eq!(exp_q60(0), Scaled { mantissa_q60: Q60_ONE, exponent: 0 });
    }

    proptest! {
        #[test]
        fn logarithm_agrees_with_f64(denominator in 1u64..1 << 40, gap in 0u64..1 << 40) {
            let numerator = denominator + gap;
            prop_assume!(numerator / denominator < 1 << 22);
            let expected = (gap as f64 / denominator as f64).ln_1p();
            let got = ln_ratio_q60(numerator, denominator) as f64 / ONE;
            prop_assert!((got - expected).abs() <= 4e-16 * expected.max(0.25), "{got} against {expected}");
        }

        #[test]
        fn logarithm_of_a_ratio_near_one_keeps_its_precision(denominator in 1u64 << 30..1 << 50, gap in 1u64..1 << 20) {
            let expected = (gap as f64 / denominator as f64).ln_1p();
            let got = ln_ratio_q60(denominator + gap, denominator) as f64 / ONE;
            prop_assert!((got - expected).abs() <= 2e-17 + 1e-15 * expected, "{got} against {expected}");
        }

        #[test]
        fn exponential_agrees_with_f64(x in 0u64..u64::MAX) {
            let expected = (x as f64 / ONE).exp();
            let scaled = exp_q60(x);
            prop_assert!((Q60_ONE..2 * Q60_ONE).contains(&scaled.mantissa_q60));
            let got = scaled.mantissa_q60 as f64 / ONE * 2f64.powi(scaled.exponent as i32);
            prop_assert!((got / expected - 1.0).abs() < 1e-14, "{got} against {expected}");
        }
    }
}
