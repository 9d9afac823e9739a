//! The generator's random numbers: xoshiro256** seeded by SplitMix64, and integer draws from them.
//!
//! Reference: D. Blackman, S. Vigna, «Scrambled Linear Pseudorandom Number Generators», ACM TOMS 47 (2021), and
//! prng.di.unimi.it (`xoshiro256starstar.c`, `splitmix64.c`, public domain). Every draw is integer arithmetic
//! alone, so that a seed gives the same numbers on every machine. Not for anything secret.

/// One bit of a Q16 fixed-point number: 1.0.
pub(super) const Q16_ONE: u64 = 1 << 16;

/// A xoshiro256** generator.
#[derive(Clone, Debug)]
pub struct Prng {
    state: [u64; 4],
}

impl Prng {
    /// The generator of this seed; every seed is good, 0 too.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut split_mix = seed;
        Self { state: [(); 4].map(|()| split_mix_64(&mut split_mix)) }
    }

    /// The next 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in `0..bound` by multiplication (Lemire 2019, without the rejection: the bias is below 2^-32 for the
    /// bounds used here). 0 for a bound of 0.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// True in `permille` of 1000 cases.
    #[inline]
    pub fn chance(&mut self, permille: u32) -> bool {
        self.below(1000) < permille
    }

    /// Exponentially distributed with mean 1, in Q16: `-ln(u)`, by an integer logarithm whose error is below 0.01.
    #[inline]
    pub(super) fn exponential_q16(&mut self) -> u64 {
        let bits = self.bits() | 1;
        let zeros = bits.leading_zeros();
        // u = 2^-(zeros + 1) * (1 + f); log2(1 + f) is f + 0.344 f (1 - f) to within 0.008.
        let fraction = ((bits << zeros) << 1) >> 48;
        let log2 = fraction + ((((fraction * (Q16_ONE - fraction)) >> 16) * 22_544) >> 16);
        let negative_log2 = (u64::from(zeros) + 1) * Q16_ONE - log2.min(Q16_ONE);
        (negative_log2 * 45_426) >> 16 // ln 2
    }

    /// Exponentially distributed whole number with this mean (before it is rounded down).
    #[inline]
    pub(super) fn exponential(&mut self, mean: u64) -> u64 {
        // At most 64 ln 2 < 45 times the mean.
        self.exponential_q16().saturating_mul(mean) >> 16
    }

    /// Geometrically distributed from 0, its continuous mean `mean_q16` in Q16.
    #[inline]
    pub(super) fn geometric(&mut self, mean_q16: u32) -> u32 {
        ((self.exponential_q16() * u64::from(mean_q16)) >> 32) as u32
    }

    /// Near-normal with mean 0 and variance 8: 32 fair coins, their number of heads less 16.
    #[inline]
    pub(super) fn bell(&mut self) -> i64 {
        i64::from((self.bits() >> 32).count_ones()) - 16
    }
}

/// One step of SplitMix64.
fn split_mix_64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Draws an index with the given integer weights in constant time (Walker's alias method, Vose's table).
#[derive(Clone, Debug)]
pub(super) struct WeightedIndex {
    /// Per column: own index below the threshold, the alias at or above it.
    columns: Vec<(u64, u32)>,
    count: u32,
    total: u64,
}

impl WeightedIndex {
    /// The table of these weights. Panics on no weights, on a sum of 0, and when `sum * count` exceeds 64 bits.
    pub(super) fn new(weights: &[u64]) -> Self {
        let count = u32::try_from(weights.len()).expect("fewer than 2^32 weights");
        let total: u64 = weights.iter().sum();
        assert!(total > 0 && total.checked_mul(u64::from(count)).is_some(), "weights sum to {total}");
        let mut scaled: Vec<u64> = weights.iter().map(|w| w * u64::from(count)).collect();
        let mut columns: Vec<(u64, u32)> = (0..count).map(|i| (total, i)).collect();
        let (mut small, mut large) = (Vec::new(), Vec::new());
        for (index, &weight) in (0u32..).zip(&scaled) {
            if weight < total { small.push(index) } else { large.push(index) }
        }
        while let (Some(low), Some(&high)) = (small.pop(), large.last()) {
            columns[low as usize] = (scaled[low as usize], high);
            scaled[high as usize] -= total - scaled[low as usize];
            if scaled[high as usize] < total {
                large.pop();
                small.push(high);
            }
        }
        Self { columns, count, total }
    }

    /// A random index.
    #[inline]
    pub(super) fn draw(&self, prng: &mut Prng) -> usize {
        let index = prng.below(self.count);
        let (threshold, alias) = self.columns[index as usize];
        let point = ((u128::from(prng.bits()) * u128::from(self.total)) >> 64) as u64;
        (if point < threshold { index } else { alias }) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers_of_the_references() {
        let mut prng = Prng { state: [1, 2, 3, 4] };
        let expected = [11_520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360];
        assert_eq!([(); 5].map(|()| prng.bits()), expected);
        let mut state = 1_234_567;
        assert_eq!(split_mix_64(&mut state), 6_457_827_717_110_365_317);
        assert_eq!(split_mix_64(&mut state), 3_203_168_211_198_807_973);
    }

    #[test]
    fn draws_have_their_means() {
        let mut prng = Prng::new(7);
        let n = 1_000_000u64;
        let exponential = (0..n).map(|_| prng.exponential_q16()).sum::<u64>() / n;
        assert!((64_800..66_300).contains(&exponential), "{exponential}");
        let tail = (0..n).filter(|_| prng.exponential_q16() > 3 * Q16_ONE).count();
        assert!((48_000..52_000).contains(&tail), "e^-3 is 0.0498: {tail}");
        let bell = (0..n).map(|_| prng.bell().pow(2)).sum::<i64>();
        assert!((7_900_000..8_100_000).contains(&bell), "{bell}");
        let chance = (0..n).filter(|_| prng.chance(250)).count();
        assert!((247_000..253_000).contains(&chance), "{chance}");
        assert_eq!(prng.below(0), 0);
        assert_eq!(prng.below(1), 0);
    }

    #[test]
    fn the_weighted_index_follows_its_weights() {
        let weights = [5u64, 0, 1, 10, 4];
        let index = WeightedIndex::new(&weights);
        let mut prng = Prng::new(11);
        let mut seen = [0i64; 5];
        for _ in 0..200_000 {
            seen[index.draw(&mut prng)] += 1;
        }
        for (&count, &weight) in seen.iter().zip(&weights) {
            let expected = i64::try_from(weight).unwrap() * 10_000;
            assert!((count - expected).abs() < 1500, "{seen:?}");
        }
        assert_eq!(seen[1], 0);
    }
}
