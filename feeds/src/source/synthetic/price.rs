//! The efficient price behind a symbol's quotes: an integer random walk with clustered volatility, trends and jumps.
//!
//! The walk moves in message time: one step per visit of the background flow, so that volatility follows activity.
//! Prices are ticks in Q16 fixed point. Only integers, no allocation.

use super::prng::Prng;

/// 1 tick in Q16.
pub(super) const TICK: i64 = 1 << 16;

/// One visit in this many jumps by more than the spread: what makes a slower venue's quotes stale, and crossed.
const VISITS_PER_JUMP: u32 = 600;

/// One visit in this many draws the trend anew.
const VISITS_PER_TREND: u32 = 300;

/// Volatility at rest, Q8: 1.
const CALM: i64 = 256;

/// Starting prices in ticks of 0.01: `(weight in 1000, from, to)`. The first band is in ticks of 0.0001.
const PRICE_BANDS: [(u32, u32, u32); 7] = [
    (30, 2_500, 9_000),
    (130, 150, 500),
    (290, 500, 2_000),
    (320, 2_000, 6_000),
    (180, 6_000, 20_000),
    (45, 20_000, 80_000),
    (5, 80_000, 250_000),
];

/// The efficient price of one symbol.
#[derive(Clone, Debug)]
pub(super) struct PriceProcess {
    /// Tick, Price(4) units: 100 from 1 dollar up, 1 below.
    pub(super) tick: u32,
    /// The price that quotes are made around: the last latent price that was far enough from the one before.
    pub(super) anchor: i64,
    /// Half of the spread that a patient quoter asks for.
    pub(super) half_spread: i64,
    /// Direction of the trend: -1, 0 or 1.
    pub(super) trend: i64,
    latent: i64,
    /// Standard deviation of one step at rest.
    sigma: i64,
    /// Q8 factor on `sigma`.
    volatility: i64,
    /// The price stays within; a symbol does not change its tick within a day.
    low: i64,
    high: i64,
}

impl PriceProcess {
    /// The price of the symbol that is `rank`-th in activity (0 is the busiest).
    pub(super) fn new(prng: &mut Prng, rank: usize) -> Self {
        let mut point = prng.below(1000);
        let mut band = 0;
        while point >= PRICE_BANDS[band].0 {
            point -= PRICE_BANDS[band].0;
            band += 1;
        }
        let (_, from, to) = PRICE_BANDS[band];
        let start = i64::from(from + prng.below(to - from)) * TICK + TICK / 2;
        // 1 basis point for the busiest, some 13 for the 8000th, half a tick at least.
        let basis_points = 1 + i64::from(rank.max(1).ilog2());
        let half_spread = (start / 10_000 * basis_points).max(TICK / 2);
        Self {
            tick: if band == 0 { 1 } else { 100 },
            anchor: start,
            half_spread,
            trend: 0,
            latent: start,
            sigma: half_spread / 12,
            volatility: CALM,
            low: if band == 0 { 2_000 * TICK } else { 110 * TICK },
            high: if band == 0 { 9_500 * TICK } else { start * 4 },
        }
    }

    /// One step. True when the anchor moved, so that quoters have to follow.
    pub(super) fn step(&mut self, prng: &mut Prng) -> bool {
        if prng.below(VISITS_PER_TREND) == 0 {
            self.trend = i64::from(prng.below(3)) - 1;
        }
        let shock = prng.bell();
        // Variance 8, so 2.83 of these are one standard deviation.
        self.latent += shock * self.sigma * self.volatility * 91 / (256 * 256);
        self.latent += self.trend * self.sigma / 8;
        // GARCH in spirit: large steps raise the next ones, then calm returns.
        self.volatility += (CALM - self.volatility) / 32 + if shock.abs() > 5 { 48 } else { 0 };
        if prng.below(VISITS_PER_JUMP) == 0 {
            self.jump(prng);
        }
        if self.latent < self.low {
            self.latent = self.low;
            self.trend = 1;
        } else if self.latent > self.high {
            self.latent = self.high;
            self.trend = -1;
        }
        let follows = (self.latent - self.anchor).abs() >= (3 * TICK / 4).max(3 * self.half_spread / 4);
        if follows {
            self.anchor = self.latent;
        }
        follows
    }

    /// News: the price moves by the spread and more at once.
    fn jump(&mut self, prng: &mut Prng) {
        let unit = TICK.max(self.half_spread / 2);
        let size = 2 * self.half_spread + unit * (1 + i64::from(prng.geometric(3 << 15)));
        let up = match self.trend {
            0 => prng.chance(500),
            trend => prng.chance(650) == (trend > 0),
        };
        self.latent += if up { size } else { -size };
        self.volatility = (self.volatility + 512).min(4 * CALM);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bounds, jumps, trends, and volatility that clusters: large steps follow large steps.
    #[test]
    fn walks_jump_cluster_and_stay_in_bounds() {
        for seed in 0..40 {
            let mut prng = Prng::new(seed);
            let mut price = PriceProcess::new(&mut prng, usize::try_from(seed).unwrap() * 50);
            let (mut moves, mut jumps, mut trends) = (0, 0, [0; 3]);
            let (mut after_large, mut after_any, mut large) = (0i64, 0i64, 0i64);
            let n = 60_000;
            let mut previous = 0;
            for _ in 0..n {
                let before = price.latent;
                moves += i32::from(price.step(&mut prng));
                trends[usize::try_from(price.trend + 1).unwrap()] += 1;
                let step = (price.latent - before).abs();
                jumps += i32::from(step > 2 * price.half_spread);
                let is_large = |s: i64| s > 2 * price.sigma && s < price.half_spread;
                after_any += i64::from(is_large(step));
                large += i64::from(is_large(previous));
                after_large += i64::from(is_large(previous) && is_large(step));
                previous = step;
                assert!((price.low..=price.high).contains(&price.latent), "seed {seed}: {price:?}");
                assert!(price.anchor - 5 * price.half_spread > 0, "seed {seed}: {price:?}");
            }
            assert!((50..160).contains(&jumps), "seed {seed}: {jumps} jumps");
            assert!(moves > 200, "seed {seed}: {moves} moves");
            assert!(trends.iter().all(|&t| t > n / 10), "seed {seed}: {trends:?}");
            assert!(
                after_large * n > large * after_any * 5 / 4,
                "seed {seed}: {after_large} {large} {after_any}"
            );
        }
    }
}
