//! Options one array a field, room for all that is computed of them, and seeded random ones of every kind.

use kernels::cpu::pricing::loops::{AllGreeks, Greeks, Options, Sensitivities};
use kernels::cpu::pricing::markets::SpotMarkets;
use kernels::cpu::pricing::{Contract, Contracts, Values, ln};

/// In the order of [`Table::out`].
pub const NAMES: [&str; 9] = ["price", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm"];

/// The same of one option.
pub fn values(s: &Sensitivities) -> [f64; 9] {
    [s.price, s.delta, s.gamma, s.vega, s.theta, s.rho, s.vanna, s.volga, s.charm]
}

pub fn bits(s: &Sensitivities) -> [u64; 9] {
    values(s).map(f64::to_bits)
}

/// Options, their markets and their results.
#[derive(Clone, Default)]
pub struct Table {
    pub strike: Vec<f64>,
    pub ln_strike: Vec<f64>,
    pub volatility: Vec<f64>,
    pub sign: Vec<f64>,
    /// Price of the underlying or forward, interest rate, yield, years.
    pub market: [Vec<f64>; 4],
    pub out: [Vec<f64>; 9],
}

impl Table {
    pub fn push(&mut self, strike: f64, volatility: f64, sign: f64) {
        self.strike.push(strike);
        self.ln_strike.push(if strike > 0.0 { ln(strike) } else { 0.0 });
        self.volatility.push(volatility);
        self.sign.push(sign);
        self.out.iter_mut().for_each(|out| out.push(f64::NAN));
    }

    pub fn push_market(&mut self, market: [f64; 4]) {
        self.market.iter_mut().zip(market).for_each(|(column, value)| column.push(value));
    }

    pub fn contract(&self, i: usize) -> Contract {
        let (strike, ln_strike) = (self.strike[i], self.ln_strike[i]);
        Contract { strike, ln_strike, volatility: self.volatility[i], sign: self.sign[i] }
    }

    pub fn result(&self, i: usize) -> [u64; 9] {
        std::array::from_fn(|field| self.out[field][i].to_bits())
    }

    /// Contracts and results from `start` on.
    pub fn chain(&mut self, start: usize) -> (Contracts<'_>, AllGreeks<'_>) {
        let contracts = Contracts {
            strike: &self.strike[start..],
            ln_strike: &self.ln_strike[start..],
            volatility: &self.volatility[start..],
            sign: &self.sign[start..],
        };
        (contracts, all_greeks(&mut self.out, start))
    }

    /// Options with their markets and results from `start` on.
    pub fn each(&mut self, start: usize) -> (SpotMarkets<'_>, Options<'_>, AllGreeks<'_>) {
        let [spot, rate, underlying_yield, years] = &self.market;
        let markets = SpotMarkets {
            spot: &spot[start..],
            rate: &rate[start..],
            underlying_yield: &underlying_yield[start..],
            years: &years[start..],
        };
        let options = Options {
            strike: &self.strike[start..],
            volatility: &self.volatility[start..],
            sign: &self.sign[start..],
        };
        (markets, options, all_greeks(&mut self.out, start))
    }
}

fn all_greeks(out: &mut [Vec<f64>; 9], start: usize) -> AllGreeks<'_> {
    let [price, delta, gamma, vega, theta, rho, vanna, volga, charm] =
        out.each_mut().map(|column| &mut column[start..]);
    let values = Values { price, delta, vega };
    AllGreeks { greeks: Greeks { values, gamma, theta, rho }, vanna, volga, charm }
}

/// A seeded stream.
pub struct Random(pub u64);

impl Random {
    pub fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Contracts of every kind, ordinary and extreme, some struck at 100.
    pub fn contracts(&mut self, len: usize) -> Table {
        let mut table = Table::default();
        for _ in 0..len {
            let strike = match (self.unit() * 8.0) as u32 {
                0 => 10f64.powf(self.between(-9.0, 10.0)),
                1 => 100.0,
                _ => self.between(50.0, 200.0),
            };
            let volatility = match (self.unit() * 8.0) as u32 {
                0 => 0.0,
                1 => 10f64.powf(self.between(-300.0, 3.0)),
                _ => self.between(0.01, 2.0),
            };
            table.push(strike, volatility, if self.unit() < 0.5 { 1.0 } else { -1.0 });
        }
        table
    }

    /// Price of the underlying, interest rate, yield and years, ordinary and extreme.
    pub fn market(&mut self) -> [f64; 4] {
        let spot = match (self.unit() * 5.0) as u32 {
            0 => 10f64.powf(self.between(-9.0, 9.9)),
            1 => 100.0,
            _ => self.between(50.0, 200.0),
        };
        let years = match (self.unit() * 6.0) as u32 {
            0 => 0.0,
            1 => 10f64.powf(self.between(-300.0, 2.0)),
            _ => self.between(0.0, 3.0),
        };
        let limit = if years > 0.6 { 6.0 / years } else { 10.0 };
        let (rate, underlying_yield) = match (self.unit() * 4.0) as u32 {
            0 => (self.between(-limit, limit), self.between(-limit, limit)),
            _ => (self.between(-0.05, 0.1), self.between(-0.02, 0.1)),
        };
        [spot, rate, underlying_yield, years]
    }
}
