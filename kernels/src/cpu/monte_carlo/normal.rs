//! Two normal numbers of 128 random bits: Box and Muller's way, by functions of our own.

use crate::cpu::pricing::elementary::ln;

const ONE_BITS: u64 = 0x3FF0_0000_0000_0000;
const QUARTER_TURN: f64 = std::f64::consts::FRAC_PI_2;
/// 1/3!, 1/5!, ... of the sine's series: what follows is below 5e-17 of it at an eighth of a turn.
const SINE: [f64; 7] = [
    -1.0 / 6.0,
    1.0 / 120.0,
    -1.0 / 5_040.0,
    1.0 / 362_880.0,
    -1.0 / 39_916_800.0,
    1.0 / 6_227_020_800.0,
    -1.0 / 1_307_674_368_000.0,
];
/// 1/2!, 1/4!, ... of the cosine's: below 3e-18.
const COSINE: [f64; 8] = [
    -1.0 / 2.0,
    1.0 / 24.0,
    -1.0 / 720.0,
    1.0 / 40_320.0,
    -1.0 / 3_628_800.0,
    1.0 / 479_001_600.0,
    -1.0 / 87_178_291_200.0,
    1.0 / 20_922_789_888_000.0,
];

#[inline(always)]
fn series<const N: usize>(coefficients: &[f64; N], square: f64) -> f64 {
    let mut sum = coefficients[N - 1];
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        sum = sum.mul_add(square, coefficients[i]);
    }
    sum
}

/// Two independent normal numbers, each at most 8.5 from zero.
#[inline(always)]
#[must_use]
pub fn normals(bits: [u32; 4]) -> (f64, f64) {
    let first = u64::from(bits[0]) | u64::from(bits[1]) << 32;
    let second = u64::from(bits[2]) | u64::from(bits[3]) << 32;
    // Above 0 up to 1, in steps of 2^-52.
    let uniform = 2.0 - f64::from_bits(ONE_BITS | first >> 12);
    let radius = (-2.0 * ln(uniform).0).sqrt();
    // A quarter of the turn by two bits, and where in it, an eighth of a turn to either side of its middle.
    let quarter = second >> 62;
    let angle = (f64::from_bits(ONE_BITS | (second << 2) >> 12) - 1.5) * QUARTER_TURN;
    let square = angle * angle;
    let sine = radius * (angle * square).mul_add(series(&SINE, square), angle);
    let cosine = radius * square.mul_add(series(&COSINE, square), 1.0);
    let odd = quarter & 1 == 1;
    let (along, across) = (if odd { sine } else { cosine }, if odd { cosine } else { sine });
    let turned = |x: f64, sign: u64| f64::from_bits(x.to_bits() ^ sign << 63);
    (turned(along, (quarter ^ quarter >> 1) & 1), turned(across, quarter >> 1))
}

#[cfg(test)]
mod tests {
    use super::super::philox;
    use super::*;

    /// Moments of what is drawn, and no correlation of the two.
    #[test]
    fn they_are_normal() {
        const COUNT: u32 = 500_000;
        let mut sums = [0.0f64; 5];
        for at in 0..COUNT {
            let (a, b) = normals(philox([at, 0, 0, 0], [7, 0]));
            assert!(a.abs() < 8.5 && b.abs() < 8.5);
            let terms = [a + b, a * a + b * b, a * a * a + b * b * b, a.powi(4) + b.powi(4), a * b];
            sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
        }
        let mean = |at: usize| sums[at] / f64::from(2 * COUNT);
        let found = [mean(0), mean(1) - 1.0, mean(2), mean(3) - 3.0, 2.0 * mean(4)];
        // Five standard errors: variances 1, 2, 15, 96 over a million numbers, 1 over half of them.
        let allowed = [1.0f64, 2.0, 15.0, 96.0, 2.0].map(|variance| 5.0 * (variance / 1e6).sqrt());
        assert!(found.iter().zip(allowed).all(|(off, most)| off.abs() < most), "{found:?}");
    }

    #[test]
    fn they_are_those_of_the_library() {
        let mut worst: f64 = 0.0;
        for at in 0..20_000u32 {
            let bits = philox([at, 1, 2, 3], [4, 5]);
            let (a, b) = normals(bits);
            let word = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
            let (first, second) = (word(bits[0], bits[1]), word(bits[2], bits[3]));
            let uniform = 1.0 - (first >> 12) as f64 / (1u64 << 52) as f64;
            let turn = (second >> 10) as f64 / (1u64 << 54) as f64 - 0.125;
            let (radius, angle) = ((-2.0 * uniform.ln()).sqrt(), turn * std::f64::consts::TAU);
            worst = worst.max((a - radius * angle.cos()).abs()).max((b - radius * angle.sin()).abs());
        }
        assert!(worst < 1e-14, "{worst:e}");
    }

    #[test]
    fn the_ends_of_the_bits_are_finite() {
        for bits in [[0; 4], [u32::MAX; 4], [u32::MAX, u32::MAX, 0, 0], [0, 0, u32::MAX, u32::MAX]] {
            let (a, b) = normals(bits);
            assert!(a.is_finite() && b.is_finite() && a.abs() < 8.5 && b.abs() < 8.5, "{bits:?}: {a} {b}");
        }
    }
}
