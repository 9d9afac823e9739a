//! Option prices and sensitivities against values at 60 digits (`reference/european.py`), and the bits of one contract
//! in every loop, instruction set, length and lane.

use kernels::abi::Expiry;
use kernels::cpu::pricing::{
    Contract, Contracts, ForwardTerms, Greeks, Isa, Value, Values, greeks, ln, value, value_one,
};

const SPOT: f64 = 100.0;
const NAMES: [&str; 6] = ["price", "delta", "gamma", "vega", "theta", "rho"];

fn double(field: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(field, 16).expect("16 hexadecimal digits"))
}

fn expiry(carry: f64, discount: f64, years: f64) -> Expiry {
    Expiry { carry, discount, years, sqrt_years: years.sqrt() }
}

fn expiries() -> Vec<Expiry> {
    let rows = include_str!("reference/expiries.csv").lines().skip(1);
    rows.map(|row| row.split(',').map(double).collect::<Vec<_>>()).map(|x| expiry(x[0], x[1], x[2])).collect()
}

/// Contracts one array a field, and room for all that is computed of them.
#[derive(Clone, Default)]
struct Chain {
    strike: Vec<f64>,
    ln_strike: Vec<f64>,
    volatility: Vec<f64>,
    sign: Vec<f64>,
    out: [Vec<f64>; 6],
}

impl Chain {
    fn push(&mut self, strike: f64, volatility: f64, sign: f64) {
        self.strike.push(strike);
        self.ln_strike.push(ln(strike));
        self.volatility.push(volatility);
        self.sign.push(sign);
        self.out.iter_mut().for_each(|out| out.push(f64::NAN));
    }

    fn contract(&self, i: usize) -> Contract {
        let (strike, ln_strike) = (self.strike[i], self.ln_strike[i]);
        Contract { strike, ln_strike, volatility: self.volatility[i], sign: self.sign[i] }
    }

    /// All sensitivities of the contracts from `start` on.
    fn greeks(&mut self, isa: Isa, expiry: &Expiry, spot: f64, start: usize) {
        let contracts = Contracts {
            strike: &self.strike[start..],
            ln_strike: &self.ln_strike[start..],
            volatility: &self.volatility[start..],
            sign: &self.sign[start..],
        };
        let [price, delta, gamma, vega, theta, rho] = &mut self.out;
        let values =
            Values { price: &mut price[start..], delta: &mut delta[start..], vega: &mut vega[start..] };
        let (gamma, theta, rho) = (&mut gamma[start..], &mut theta[start..], &mut rho[start..]);
        greeks(isa, expiry, spot, &contracts, Greeks { values, gamma, theta, rho });
    }

    /// Price, delta and vega of the contracts from `start` on.
    fn values(&mut self, isa: Isa, terms: &ForwardTerms, start: usize) {
        let contracts = Contracts {
            strike: &self.strike[start..],
            ln_strike: &self.ln_strike[start..],
            volatility: &self.volatility[start..],
            sign: &self.sign[start..],
        };
        let [price, delta, _, vega, ..] = &mut self.out;
        let out = Values { price: &mut price[start..], delta: &mut delta[start..], vega: &mut vega[start..] };
        value(isa, terms, &contracts, out);
    }

    fn value(&self, i: usize) -> Value {
        Value { price: self.out[0][i], delta: self.out[1][i], vega: self.out[3][i] }
    }
}

/// Worst error of each value over the grid, as a part of what is allowed; the absolute one beside it.
#[test]
fn the_grid_is_within_its_bounds() {
    let expiries = expiries();
    let mut chains = vec![Chain::default(); expiries.len()];
    let mut expected: Vec<Vec<[f64; 6]>> = vec![Vec::new(); expiries.len()];
    let mut options = 0;
    for row in include_str!("reference/options.csv").lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let at: usize = fields[0].parse().expect("a number");
        for (sign, values) in [(1.0, &fields[3..9]), (-1.0, &fields[9..15])] {
            chains[at].push(
                fields[1].parse().expect("a strike"),
                fields[2].parse().expect("a volatility"),
                sign,
            );
            expected[at].push(std::array::from_fn(|i| double(values[i])));
            options += 1;
        }
    }
    assert_eq!(options, 3_696);
    let (mut worst, mut part) = ([0.0f64; 6], [0.0f64; 6]);
    for ((expiry, chain), expected) in expiries.iter().zip(&mut chains).zip(&expected) {
        chain.greeks(Isa::detect(), expiry, SPOT, 0);
        for (i, expected) in expected.iter().enumerate() {
            for (g, name) in NAMES.iter().enumerate() {
                let error = (chain.out[g][i] - expected[g]).abs();
                let allowed = if g == 0 { 1e-13 } else { 2e-13 * expected[g].abs().max(1.0) };
                worst[g] = worst[g].max(error);
                part[g] = part[g].max(error / allowed);
                assert!(error <= allowed, "{name} of {:?} at {expiry:?}: {error:e}", chain.contract(i));
            }
        }
    }
    for ((name, worst), part) in NAMES.iter().zip(worst).zip(part) {
        println!("{name:>6}: worst error {worst:.1e}, {:.0} % of what is allowed", part * 100.0);
    }
}

struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Contracts of every kind, ordinary and extreme.
    fn chain(&mut self, len: usize) -> Chain {
        let mut chain = Chain::default();
        for _ in 0..len {
            let strike = match (self.unit() * 8.0) as u32 {
                0 => 10f64.powf(self.between(-9.0, 10.0)),
                1 => SPOT,
                _ => self.between(50.0, 200.0),
            };
            let volatility = match (self.unit() * 8.0) as u32 {
                0 => 0.0,
                1 => 10f64.powf(self.between(-300.0, 3.0)),
                _ => self.between(0.01, 2.0),
            };
            chain.push(strike, volatility, if self.unit() < 0.5 { 1.0 } else { -1.0 });
        }
        chain
    }
}

fn bits(value: &Value) -> [u64; 3] {
    [value.price, value.delta, value.vega].map(f64::to_bits)
}

#[test]
fn bits_depend_on_no_loop_width_lane_or_tail() {
    let mut random = Random(0x5EED);
    let names: Vec<_> = Isa::all().map(Isa::name).collect();
    println!("instruction sets of this machine: {names:?}");
    for len in 0..=70 {
        for spot in [SPOT, random.between(20.0, 400.0), 1e-9, 9e9] {
            let expiry = expiry(random.between(0.8, 1.2), random.between(0.5, 1.1), random.between(0.0, 3.0));
            let terms = ForwardTerms::new(Isa::detect(), &expiry, spot);
            let mut chain = random.chain(len);
            assert!(Isa::all().all(|isa| ForwardTerms::new(isa, &expiry, spot) == terms));
            let alone: Vec<Value> = (0..len).map(|i| value_one(&terms, &chain.contract(i))).collect();
            let mut full = chain.clone();
            full.greeks(Isa::all().next().expect("portable"), &expiry, spot, 0);
            for isa in Isa::all() {
                for start in 0..len.min(9) {
                    chain.values(isa, &terms, start);
                    for (i, alone) in alone.iter().enumerate().skip(start) {
                        assert_eq!(bits(&chain.value(i)), bits(alone), "{} {len} {start} {i}", isa.name());
                    }
                    chain.greeks(isa, &expiry, spot, start);
                    for (chain, full) in chain.out.iter().zip(&full.out) {
                        let differs = (start..len).find(|i| chain[*i].to_bits() != full[*i].to_bits());
                        assert_eq!(differs, None, "{} {len} {start}", isa.name());
                    }
                    for (i, alone) in alone.iter().enumerate().skip(start) {
                        assert_eq!(bits(&chain.value(i)), bits(alone), "greeks: {} {len} {i}", isa.name());
                    }
                }
            }
        }
    }
}

/// What holds for every option whatever its numbers, over the whole range that tables accept.
#[test]
fn extremes_stay_finite_and_within_their_limits() {
    let mut random = Random(0xFA12);
    for _ in 0..3_000 {
        let years = if random.unit() < 0.2 { 0.0 } else { 10f64.powf(random.between(-9.0, 3.0)) };
        let factor = |random: &mut Random| 10f64.powf(random.between(-6.0, 6.0));
        let expiry = expiry(factor(&mut random), factor(&mut random), years);
        let spot = 10f64.powf(random.between(-9.0, 9.9));
        let forward = spot * expiry.carry;
        let mut chain = random.chain(40);
        chain.greeks(Isa::detect(), &expiry, spot, 0);
        for i in 0..40 {
            let (value, contract) = (chain.value(i), chain.contract(i));
            let what = || format!("{contract:?} at {spot:e}, {expiry:?}: {value:?}");
            assert!(chain.out.iter().all(|out| out[i].is_finite()), "{}", what());
            let intrinsic = (contract.sign * (forward - contract.strike)).max(0.0) * expiry.discount;
            let ceiling = expiry.discount * if contract.sign > 0.0 { forward } else { contract.strike };
            assert!(
                value.price >= intrinsic * (1.0 - 1e-15) && value.price <= ceiling * (1.0 + 1e-15),
                "{}",
                what()
            );
            assert!(
                value.price.is_sign_positive() && value.vega >= 0.0 && chain.out[2][i] >= 0.0,
                "{}",
                what()
            );
            let delta = value.delta * contract.sign / (expiry.discount * expiry.carry);
            assert!((0.0..=1.0 + 1e-15).contains(&delta), "{}", what());
        }
    }
}

#[test]
fn without_time_or_volatility_a_price_is_the_intrinsic_value() {
    for (volatility, years) in [(0.0, 1.0), (0.3, 0.0), (0.0, 0.0), (1e-200, 1.0)] {
        let expiry = expiry(1.0, 0.5, years);
        let terms = ForwardTerms::new(Isa::detect(), &expiry, SPOT);
        for (strike, sign, price, delta) in [
            (90.0, 1.0, 5.0, 0.5),
            (90.0, -1.0, 0.0, 0.0),
            (110.0, 1.0, 0.0, 0.0),
            (110.0, -1.0, 5.0, -0.5),
            (100.0, 1.0, 0.0, 0.25),
            (100.0, -1.0, 0.0, -0.25),
        ] {
            let value = value_one(&terms, &Contract { strike, ln_strike: ln(strike), volatility, sign });
            assert_eq!(value.vega, 0.0, "{strike} {sign} {volatility} {years}");
            let (off_price, off_delta) = ((value.price - price).abs(), (value.delta - delta).abs());
            assert!(
                off_price < 1e-150 && off_delta < 1e-150,
                "{strike} {sign} {volatility} {years}: {value:?}"
            );
        }
    }
}

#[test]
fn calls_less_puts_are_forwards() {
    let mut random = Random(77);
    for _ in 0..20_000 {
        let expiry = expiry(random.between(0.9, 1.1), random.between(0.7, 1.0), random.between(0.001, 3.0));
        let terms = ForwardTerms::new(Isa::detect(), &expiry, SPOT);
        let (strike, volatility) = (random.between(50.0, 200.0), random.between(0.01, 1.5));
        let of = |sign| value_one(&terms, &Contract { strike, ln_strike: ln(strike), volatility, sign });
        let (call, put) = (of(1.0), of(-1.0));
        let forward = expiry.discount * (SPOT * expiry.carry - strike);
        assert!((call.price - put.price - forward).abs() < 1e-13, "{strike} {volatility} {expiry:?}");
        assert_eq!(call.vega.to_bits(), put.vega.to_bits());
    }
}
