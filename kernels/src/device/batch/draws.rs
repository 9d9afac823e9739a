//! Seeded random options, markets and simulations: ordinary ones to be timed, and ones that reach every edge of what is accepted
//! to be compared. The columns are allocated.

use crate::cpu::american::AmericanOption;
use crate::cpu::monte_carlo::{Payoff, Simulation};
use crate::cpu::pricing::Values;
use crate::cpu::pricing::loops::{AllGreeks, Greeks, Options};
use crate::cpu::pricing::markets::{ForwardMarkets, NormalMarkets, SpotMarkets};

/// How far from the ordinary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// As options are listed.
    Ordinary,
    /// A part of them at the ends of what is accepted, and in all regimes.
    Edges,
}

/// A seeded stream.
#[derive(Clone, Copy, Debug)]
pub struct Draws(u64);

/// Options, one array a field, and their markets: price of the underlying or forward, interest rate, yield, years.
#[derive(Clone, Debug, Default)]
pub struct OptionColumns {
    strike: Vec<f64>,
    volatility: Vec<f64>,
    sign: Vec<f64>,
    market: [Vec<f64>; 4],
}

/// Room for price and sensitivities.
#[derive(Clone, Debug)]
pub struct GreekColumns(pub(super) [Vec<f64>; 9]);

impl GreekColumns {
    /// For so many options.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self(std::array::from_fn(|_| vec![0.0; len]))
    }

    /// The first so many.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn first(&mut self, len: usize) -> AllGreeks<'_> {
        let [price, delta, gamma, vega, theta, rho, vanna, volga, charm] =
            self.0.each_mut().map(|column| &mut column[..len]);
        let values = Values { price, delta, vega };
        AllGreeks { greeks: Greeks { values, gamma, theta, rho }, vanna, volga, charm }
    }

    /// The prices.
    #[must_use]
    pub fn prices(&self) -> &[f64] {
        &self.0[0]
    }

    /// Whether every bit is the same.
    #[must_use]
    pub fn has_the_bits_of(&self, other: &Self) -> bool {
        let bits = |columns: &[Vec<f64>; 9]| -> Vec<u64> {
            columns.iter().flatten().map(|number| number.to_bits()).collect()
        };
        bits(&self.0) == bits(&other.0)
    }
}

impl OptionColumns {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.strike.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.strike.is_empty()
    }

    /// All columns, by which a test spoils a number.
    pub(super) fn columns_mut(&mut self) -> [&mut Vec<f64>; 7] {
        let [underlying, rate, underlying_yield, years] = &mut self.market;
        [&mut self.strike, &mut self.volatility, &mut self.sign, underlying, rate, underlying_yield, years]
    }

    /// Moves the volatilities, to be starts.
    pub fn move_volatilities(&mut self, moved: impl FnMut(&mut f64)) {
        self.volatility.iter_mut().for_each(moved);
    }

    /// The same options in one market.
    pub(super) fn in_market(&self, market: [f64; 4]) -> Self {
        Self { market: market.map(|number| vec![number; self.len()]), ..self.clone() }
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> Options<'_> {
        Options { strike: &self.strike, volatility: &self.volatility, sign: &self.sign }
    }

    /// Their markets under Black-Scholes-Merton.
    #[must_use]
    pub fn spots(&self) -> SpotMarkets<'_> {
        let [spot, rate, underlying_yield, years] = &self.market;
        SpotMarkets { spot, rate, underlying_yield, years }
    }

    /// Their markets under Black-76.
    #[must_use]
    pub fn forwards(&self) -> ForwardMarkets<'_> {
        let [forward, rate, _, years] = &self.market;
        ForwardMarkets::new(forward, rate, years)
    }

    /// Their markets under Bachelier's model.
    #[must_use]
    pub fn normals(&self) -> NormalMarkets<'_> {
        let [forward, rate, _, years] = &self.market;
        NormalMarkets::new(forward, rate, years)
    }

    /// The numbers of one option, for a report.
    pub(super) fn shown(&self, i: usize) -> String {
        let market = self.market.each_ref().map(|column| column[i]);
        let (strike, volatility, sign) = (self.strike[i], self.volatility[i], self.sign[i]);
        format!("strike {strike:?}, volatility {volatility:?}, sign {sign}, market {market:?}")
    }
}

impl Draws {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn word(&mut self) -> u64 {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A whole number below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.word() % bound
    }

    /// A number from 0 to 1.
    pub fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number between two.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// Options of a lognormal model and their markets.
    #[must_use]
    pub fn options(&mut self, len: usize, reach: Reach) -> OptionColumns {
        let mut columns = OptionColumns::default();
        for _ in 0..len {
            let (strike, volatility) = self.contract(reach);
            let market = self.market(reach);
            self.push(&mut columns, strike, volatility, market);
        }
        columns
    }

    /// The same for Bachelier's model: amounts, some below zero.
    #[must_use]
    pub fn normal_options(&mut self, len: usize, reach: Reach) -> OptionColumns {
        let mut columns = OptionColumns::default();
        for _ in 0..len {
            let (strike, volatility) = self.contract(reach);
            let [forward, rate, underlying_yield, years] = self.market(reach);
            let far = reach == Reach::Edges && self.below(8) == 0;
            let (strike, volatility, forward) = match far {
                true => (self.one_of(&[-1e10, -3.5, 0.0, 1e10]), self.one_of(&[0.0, 1e-300, 1e10]), -forward),
                false => (strike, (volatility * 100.0).min(1e10), forward),
            };
            self.push(&mut columns, strike, volatility, [forward, rate, underlying_yield, years]);
        }
        columns
    }

    fn push(&mut self, columns: &mut OptionColumns, strike: f64, volatility: f64, market: [f64; 4]) {
        columns.strike.push(strike);
        columns.volatility.push(volatility);
        columns.sign.push(if self.below(2) == 0 { 1.0 } else { -1.0 });
        columns.market.iter_mut().zip(market).for_each(|(column, number)| column.push(number));
    }

    /// Strike and volatility.
    fn contract(&mut self, reach: Reach) -> (f64, f64) {
        if reach == Reach::Ordinary {
            return (self.between(70.0, 140.0), self.between(0.05, 0.8));
        }
        let strike = match self.below(8) {
            0 => 10f64.powf(self.between(-9.0, 10.0)),
            1 => self.one_of(&[1e-9, 1e10, 100.0]),
            _ => self.between(50.0, 200.0),
        };
        let volatility = match self.below(8) {
            0 => self.one_of(&[0.0, 1_000.0, f64::MIN_POSITIVE]),
            1 => 10f64.powf(self.between(-300.0, 3.0)),
            _ => self.between(0.01, 2.0),
        };
        (strike, volatility)
    }

    /// Price of the underlying, interest rate, yield, years.
    pub(super) fn market(&mut self, reach: Reach) -> [f64; 4] {
        if reach == Reach::Ordinary {
            let (rate, underlying_yield) = (self.between(0.0, 0.06), self.between(0.0, 0.04));
            return [self.between(80.0, 120.0), rate, underlying_yield, self.between(0.02, 3.0)];
        }
        let spot = match self.below(6) {
            0 => 10f64.powf(self.between(-9.0, 10.0)),
            1 => self.one_of(&[1e-9, 1e10, 100.0]),
            _ => self.between(50.0, 200.0),
        };
        let years = match self.below(8) {
            0 => self.one_of(&[0.0, 1_000.0, f64::MIN_POSITIVE]),
            1 => 10f64.powf(self.between(-300.0, 2.9)),
            _ => self.between(0.0, 3.0),
        };
        // Rate and cost of carry, each times the years, are 13.8 at most.
        let limit = if years > 0.65 { 6.5 / years } else { 10.0 };
        let (rate, underlying_yield) = match self.below(6) {
            0 => (self.between(-limit, limit), self.between(-limit, limit)),
            1 => (self.one_of(&[limit, -limit, 0.0]), self.one_of(&[limit, -limit, 0.0])),
            _ => [(-0.05, 0.1), (-0.02, 0.1)]
                .map(|(low, high)| self.between(low, high).clamp(-limit, limit))
                .into(),
        };
        [spot, rate, underlying_yield, years]
    }

    /// An American option and a spot. At the edges every regime occurs, and some that is refused.
    pub fn american(&mut self, reach: Reach) -> (AmericanOption, f64) {
        let put = self.below(2) == 0;
        let (strike, spot) = (100.0, self.between(80.0, 120.0));
        if reach == Reach::Ordinary {
            let (rate, dividend_yield) = (self.between(0.01, 0.06), self.between(0.005, 0.05));
            let (volatility, years) = (self.between(0.1, 0.8), self.between(0.02, 3.0));
            return (AmericanOption { put, strike, rate, dividend_yield, volatility, years }, spot);
        }
        let years = match self.below(6) {
            0 => self.one_of(&[0.0, 1e-12, 10.0]),
            _ => self.between(0.003, 3.0),
        };
        let volatility = match self.below(6) {
            0 => self.one_of(&[0.0, 1e-9, 3.0]),
            _ => self.between(0.03, 1.0),
        };
        let rates = [(0.05, 0.0), (0.05, 0.03), (0.02, 0.06), (0.04, 0.04), (0.0, -0.02), (0.0, 0.0)];
        let (rate, dividend_yield) = match self.below(4) {
            0 => (self.between(-0.05, 0.1), self.between(-0.05, 0.1)),
            1 => self.one_of(&[(-0.02, -0.01), (-0.01, 0.02), (1.0, 0.5), (-0.01, -0.01)]),
            _ => self.one_of(&rates),
        };
        // A call is the put with rate and yield exchanged.
        let (rate, dividend_yield) = if put { (rate, dividend_yield) } else { (dividend_yield, rate) };
        let (strike, spot) = match self.below(8) {
            0 => (1e-9, 1e-9 * self.between(1.0, 2.0)),
            1 => (1e10, 1e10 * self.between(0.5, 1.0)),
            2 => (strike, strike),
            3 => (strike, 10f64.powf(self.between(-9.0, 10.0))),
            _ => (strike, spot),
        };
        (AmericanOption { put, strike, rate, dividend_yield, volatility, years }, spot)
    }

    /// A simulation.
    pub fn simulation(&mut self, reach: Reach) -> Simulation {
        let payoff = self.one_of(&[Payoff::European, Payoff::ArithmeticAsian, Payoff::GeometricAsian]);
        let [spot, rate, dividend_yield, years] = self.market(Reach::Ordinary);
        let (strike, volatility) = self.contract(Reach::Ordinary);
        let steps = 1 + self.below(9) as u32;
        let put = self.below(2) == 0;
        let simulation =
            Simulation { payoff, put, spot, strike, rate, dividend_yield, volatility, years, steps };
        match (reach, self.below(4)) {
            (Reach::Edges, 0) => Simulation { volatility: 0.0, ..simulation },
            (Reach::Edges, 1) => Simulation { years: 0.0, ..simulation },
            (Reach::Edges, 2) => Simulation { spot: 1e10, strike: 1e-9, ..simulation },
            _ => simulation,
        }
    }
}
