//! Option prices and sensitivities against values at 60 digits and against QuantLib's prices (`reference/european.py`),
//! and what holds for every option.

#[allow(dead_code, reason = "not every test looks at everything")]
mod options;

use kernels::abi::Expiry;
use kernels::cpu::pricing::lognormal::LognormalTerms;
use kernels::cpu::pricing::loops::{Model, Sensitivities, price_chain, price_each, sensitivities_one};
use kernels::cpu::pricing::markets::{ForwardMarket, NormalMarket, SpotMarket};
use kernels::cpu::pricing::normal::NormalTerms;
use kernels::cpu::pricing::range::{Input, OutOfRange};
use kernels::cpu::pricing::{Contract, ForwardTerms, Isa, ln, value_one};
use options::{NAMES, Random, Table, values};
use proptest::prelude::*;

const SPOT: f64 = 100.0;

fn double(field: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(field, 16).expect("16 hexadecimal digits"))
}

/// A row of reference values: what it is of, and the values of call and put in the order of [`NAMES`].
struct Row<'a> {
    given: Vec<&'a str>,
    expected: [[f64; 9]; 2],
    quantlib: Vec<f64>,
}

impl Row<'_> {
    fn number(&self, field: usize) -> f64 {
        self.given[field].parse().expect("a number")
    }
}

fn rows(text: &str) -> impl Iterator<Item = Row<'_>> {
    text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let (given, numbers) = fields.split_at(5);
        let numbers: Vec<f64> = numbers.iter().map(|field| double(field)).collect();
        let expected = [0, 5].map(|side| {
            let [price, delta, theta, rho, charm] = std::array::from_fn(|i| numbers[side + i]);
            let [gamma, vega, vanna, volga] = std::array::from_fn(|i| numbers[10 + i]);
            [price, delta, gamma, vega, theta, rho, vanna, volga, charm]
        });
        Row { given: given.to_vec(), expected, quantlib: numbers[14..].to_vec() }
    })
}

/// Worst error of each value, and the largest part of what is allowed.
#[derive(Default)]
struct Worst {
    error: [f64; 9],
    part: [f64; 9],
    options: usize,
}

impl Worst {
    fn take(&mut self, computed: &[f64; 9], expected: &[f64; 9], what: &dyn Fn() -> String) {
        self.options += 1;
        for (at, name) in NAMES.iter().enumerate() {
            let error = (computed[at] - expected[at]).abs();
            let allowed = if at == 0 { 1e-13 } else { 2e-13 * expected[at].abs().max(1.0) };
            self.error[at] = self.error[at].max(error);
            self.part[at] = self.part[at].max(error / allowed);
            assert!(error <= allowed, "{name} of {}: {} off by {error:e}", what(), expected[at]);
        }
    }

    fn print(&self, what: &str) {
        for ((name, error), part) in NAMES.iter().zip(self.error).zip(self.part) {
            println!("{what} {name:>6}: worst error {error:.1e}, {:.0} % of what is allowed", part * 100.0);
        }
    }
}

const SIGNS: [f64; 2] = [1.0, -1.0];

fn spot_market(row: &Row<'_>) -> SpotMarket {
    let years = row.number(2) / 365.0;
    SpotMarket::new(SPOT, row.number(0), row.number(1), years).expect("in range")
}

/// The whole grid in one call of the loop whose inputs all vary.
#[test]
fn the_grid_is_within_its_bounds() {
    let rows: Vec<_> = rows(include_str!("reference/options.csv")).collect();
    let mut table = Table::default();
    for row in &rows {
        for sign in SIGNS {
            table.push(row.number(3), row.number(4), sign);
            table.push_market([SPOT, row.number(0), row.number(1), row.number(2) / 365.0]);
        }
    }
    let (markets, options, out) = table.each(0);
    price_each(Isa::detect(), &markets, &options, out).expect("in range");
    let (mut worst, mut against_quantlib, mut beyond) = (Worst::default(), 0.0f64, 0);
    for (at, row) in rows.iter().enumerate() {
        for side in 0..2 {
            let i = 2 * at + side;
            let computed = std::array::from_fn(|field| table.out[field][i]);
            worst.take(&computed, &row.expected[side], &|| format!("{:?}, side {side}", row.given));
            let error = (computed[0] - row.quantlib[side]).abs();
            // QuantLib's own error at a strike of 170 and 10 %; the exact values above are the judge.
            let own = (row.quantlib[side] - row.expected[side][0]).abs();
            beyond += usize::from(error > 1e-13);
            assert!(error <= 1e-13 || own > 1e-13, "{:?}, side {side}: {error:e} from QuantLib", row.given);
            against_quantlib = against_quantlib.max(error);
        }
    }
    assert_eq!((worst.options, beyond), (3_696, 4));
    worst.print("Black-Scholes-Merton");
    println!("price against QuantLib: worst {against_quantlib:.1e}, {beyond} beyond 1e-13 by its own error");
}

#[test]
fn models_on_forwards_are_within_their_bounds() {
    let mut worst = [Worst::default(), Worst::default()];
    for row in rows(include_str!("reference/forwards.csv")) {
        let [rate, days, strike, volatility] = std::array::from_fn(|i| row.number(1 + i));
        let years = days / 365.0;
        for (side, sign) in SIGNS.into_iter().enumerate() {
            let isa = Isa::detect();
            let (which, computed) = if row.given[0] == "black_76" {
                let market = ForwardMarket::new(SPOT, rate, years).expect("in range");
                let contract = Contract { strike, ln_strike: ln(strike), volatility, sign };
                (0, sensitivities_one(isa, &LognormalTerms::black_76(isa, &market), &contract))
            } else {
                let market = NormalMarket::new(SPOT, rate, years).expect("in range");
                let contract = Contract { strike, ln_strike: 0.0, volatility, sign };
                (1, sensitivities_one(isa, &NormalTerms::bachelier(isa, &market), &contract))
            };
            let what = || format!("{:?}, side {side}", row.given);
            worst[which].take(&values(&computed), &row.expected[side], &what);
        }
    }
    assert_eq!(worst.each_ref().map(|worst| worst.options), [240, 288]);
    worst[0].print("Black-76");
    worst[1].print("Bachelier");
}

/// What quoting computes of an expiry's factors is what the model computes of its rates, and the rates worked out of the
/// factors give its theta, rho and charm.
#[test]
fn an_expirys_factors_give_the_models_values() {
    let isa = Isa::detect();
    for row in rows(include_str!("reference/options.csv")).step_by(7) {
        let market = spot_market(&row);
        let expiry = market.expiry(isa);
        let (strike, volatility) = (row.number(3), row.number(4));
        let contract = Contract { strike, ln_strike: ln(strike), volatility, sign: 1.0 };
        let terms = LognormalTerms::black_scholes_merton(isa, &market);
        let of_rates = sensitivities_one(isa, &terms, &contract);
        let quoted = value_one(&ForwardTerms::new(isa, &expiry, SPOT), &contract);
        let bits = |numbers: [f64; 3]| numbers.map(f64::to_bits);
        assert_eq!(
            bits([quoted.price, quoted.delta, quoted.vega]),
            bits([of_rates.price, of_rates.delta, of_rates.vega])
        );
        let of_factors = sensitivities_one(isa, &LognormalTerms::of_expiry(isa, &expiry, SPOT), &contract);
        for ((name, one), other) in NAMES.iter().zip(values(&of_rates)).zip(values(&of_factors)) {
            assert!((one - other).abs() <= 1e-10 * one.abs().max(1.0), "{name} of {:?}", row.given);
        }
    }
}

/// What holds for every option whatever its numbers, over the whole range that is accepted.
#[test]
fn extremes_stay_finite_and_within_their_limits() {
    let (mut random, isa) = (Random(0xFA12), Isa::detect());
    for _ in 0..3_000 {
        let years = if random.unit() < 0.2 { 0.0 } else { 10f64.powf(random.between(-9.0, 3.0)) };
        let factor = |random: &mut Random| 10f64.powf(random.between(-6.0, 6.0));
        let (carry, discount) = (factor(&mut random), factor(&mut random));
        let expiry = Expiry { carry, discount, years, sqrt_years: years.sqrt() };
        let spot = 10f64.powf(random.between(-9.0, 9.9));
        let mut table = random.contracts(40);
        let (contracts, out) = table.chain(0);
        price_chain(isa, &LognormalTerms::of_expiry(isa, &expiry, spot), &contracts, out);
        for i in 0..40 {
            holds_its_limits(&table, i, spot * carry, discount, discount * carry);
        }
    }
    for _ in 0..100_000 {
        let [spot, rate, underlying_yield, years] = random.market();
        let mut table = random.contracts(1);
        table.push_market([spot, rate, underlying_yield, years]);
        let (markets, options, out) = table.each(0);
        price_each(isa, &markets, &options, out).expect("in range");
        let expiry = SpotMarket::new(spot, rate, underlying_yield, years).expect("in range").expiry(isa);
        let forward = spot * expiry.carry;
        holds_its_limits(&table, 0, forward, expiry.discount, expiry.discount * expiry.carry);
    }
}

fn holds_its_limits(table: &Table, i: usize, forward: f64, discount: f64, step: f64) {
    let contract = table.contract(i);
    let [price, delta, gamma, vega] = std::array::from_fn(|field| table.out[field][i]);
    let what = || {
        let out: Vec<f64> = table.out.iter().map(|column| column[i]).collect();
        format!("{contract:?} at {forward:e}, {discount:e}: {out:?}")
    };
    assert!(table.out.iter().all(|out| out[i].is_finite()), "{}", what());
    let intrinsic = (contract.sign * (forward - contract.strike)).max(0.0) * discount;
    let ceiling = discount * if contract.sign > 0.0 { forward } else { contract.strike };
    assert!(price >= intrinsic * (1.0 - 1e-15) && price <= ceiling * (1.0 + 1e-15), "{}", what());
    assert!(price.is_sign_positive() && vega >= 0.0 && gamma >= 0.0, "{}", what());
    assert!((0.0..=1.0 + 1e-15).contains(&(delta * contract.sign / step)), "{}", what());
}

#[test]
fn without_time_or_volatility_a_price_is_the_intrinsic_value() {
    let isa = Isa::detect();
    let discount = 0.5f64;
    for (volatility, years) in [(0.0, 1.0), (0.3, 0.0), (0.0, 0.0), (1e-200, 1.0)] {
        let expiry = Expiry { carry: 1.0, discount, years, sqrt_years: f64::sqrt(years) };
        // A rate that gives the same discount; without time there is none.
        let discounted = if years > 0.0 { discount } else { 1.0 };
        let market = NormalMarket::new(SPOT, -discount.ln(), years).expect("in range");
        for (strike, sign, price, delta) in [
            (90.0, 1.0, 10.0, 1.0),
            (90.0, -1.0, 0.0, 0.0),
            (110.0, 1.0, 0.0, 0.0),
            (110.0, -1.0, 10.0, -1.0),
            (100.0, 1.0, 0.0, 0.5),
            (100.0, -1.0, 0.0, -0.5),
        ] {
            let contract = Contract { strike, ln_strike: ln(strike), volatility, sign };
            let lognormal = sensitivities_one(isa, &LognormalTerms::of_expiry(isa, &expiry, SPOT), &contract);
            let normal = sensitivities_one(isa, &NormalTerms::bachelier(isa, &market), &contract);
            for (computed, discount) in [(lognormal, discount), (normal, discounted)] {
                let what = || format!("{contract:?}, {years} years: {computed:?}");
                assert!(
                    [computed.vega, computed.gamma, computed.vanna, computed.volga] == [0.0; 4],
                    "{}",
                    what()
                );
                let (off_price, off_delta) =
                    ((computed.price - discount * price).abs(), (computed.delta - discount * delta).abs());
                assert!(off_price < 2e-15 && off_delta < 2e-16, "{}", what());
            }
        }
    }
}

#[test]
fn what_is_out_of_range_is_refused_and_named() {
    let mut table = Random(9).contracts(40);
    for _ in 0..40 {
        table.push_market([100.0, 0.05, 0.01, 0.5]);
    }
    assert_eq!(priced(&mut table), Ok(()));
    let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e300];
    let wrong = |set: &dyn Fn(&mut Table, f64), number: f64| {
        let mut table = table.clone();
        set(&mut table, number);
        priced(&mut table).expect_err("it is out of range")
    };
    type Set = fn(&mut Table, f64);
    let inputs: [(Input, Set); 7] = [
        (Input::Underlying, |table, x| table.market[0][17] = x),
        (Input::Rate, |table, x| table.market[1][17] = x),
        (Input::UnderlyingYield, |table, x| table.market[2][17] = x),
        (Input::Years, |table, x| table.market[3][17] = x),
        (Input::Strike, |table, x| table.strike[17] = x),
        (Input::Volatility, |table, x| table.volatility[17] = x),
        (Input::Sign, |table, x| table.sign[17] = x),
    ];
    for (input, set) in inputs {
        for number in bad {
            let error = wrong(&set, number);
            assert_eq!((error.index, error.input), (17, input), "{number}");
            assert!(error.to_string().starts_with("option 17: out of range is its "), "{error}");
        }
    }
    let growth = wrong(&|table, x| table.market[3][17] = x, 600.0);
    assert_eq!(growth.input, Input::Growth);
    assert!(SpotMarket::new(100.0, 0.05, f64::NAN, 1.0).is_err());
    assert!(ForwardMarket::new(-1.0, 0.05, 1.0).is_err() && NormalMarket::new(-1.0, 0.05, 1.0).is_ok());
}

fn priced(table: &mut Table) -> Result<(), OutOfRange> {
    let (markets, options, out) = table.each(0);
    price_each(Isa::detect(), &markets, &options, out)
}

/// An ordinary option, whose derivatives differences can show.
#[derive(Clone, Copy, Debug)]
struct Ordinary {
    spot: f64,
    strike: f64,
    volatility: f64,
    rate: f64,
    underlying_yield: f64,
    years: f64,
    sign: f64,
}

fn ordinary() -> impl Strategy<Value = Ordinary> {
    let sign = prop_oneof![Just(1.0), Just(-1.0)];
    (80.0..125.0, 80.0..125.0, 0.1..0.8, -0.02..0.1, -0.02..0.1, 0.2..2.0, sign).prop_map(
        |(spot, strike, volatility, rate, underlying_yield, years, sign)| Ordinary {
            spot,
            strike,
            volatility,
            rate,
            underlying_yield,
            years,
            sign,
        },
    )
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    BlackScholesMerton,
    Black76,
    Bachelier,
}

impl Ordinary {
    fn compute(&self, kind: Kind) -> Sensitivities {
        let (isa, Self { spot, rate, years, .. }) = (Isa::detect(), *self);
        match kind {
            Kind::BlackScholesMerton => {
                let market = SpotMarket::new(spot, rate, self.underlying_yield, years).expect("in range");
                self.by(isa, &LognormalTerms::black_scholes_merton(isa, &market))
            }
            Kind::Black76 => {
                let market = ForwardMarket::new(spot, rate, years).expect("in range");
                self.by(isa, &LognormalTerms::black_76(isa, &market))
            }
            Kind::Bachelier => {
                let market = NormalMarket::new(spot, rate, years).expect("in range");
                let in_money = Self { volatility: self.volatility * 100.0, ..*self };
                in_money.by(isa, &NormalTerms::bachelier(isa, &market))
            }
        }
    }

    fn by<M: Model>(&self, isa: Isa, model: &M) -> Sensitivities {
        let Self { strike, volatility, sign, .. } = *self;
        sensitivities_one(isa, model, &Contract { strike, ln_strike: ln(strike), volatility, sign })
    }

    /// Slope of a value along an input, by differences of the fourth order.
    fn slope(&self, kind: Kind, h: f64, shift: fn(&mut Self, f64), value: fn(&Sensitivities) -> f64) -> f64 {
        let at = |x: f64| {
            let mut moved = *self;
            shift(&mut moved, x);
            value(&moved.compute(kind))
        };
        (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sensitivities_are_the_slopes_of_prices(option in ordinary()) {
        for kind in [Kind::BlackScholesMerton, Kind::Black76, Kind::Bachelier] {
            let s = option.compute(kind);
            // The normal model's volatility is a hundred times the option's.
            let unit = if matches!(kind, Kind::Bachelier) { 0.01 } else { 1.0 };
            let along_spot = |value| option.slope(kind, 0.02, |o, x| o.spot += x, value);
            let along_volatility = |value| unit * option.slope(kind, 1e-4, |o, x| o.volatility += x, value);
            let along_time = |value| option.slope(kind, 1e-4, |o, x| o.years -= x, value);
            let along_rate = |value| option.slope(kind, 1e-3, |o, x| o.rate += x, value);
            let pairs = [
                ("delta", s.delta, along_spot(|s| s.price)),
                ("gamma", s.gamma, along_spot(|s| s.delta)),
                ("vega", s.vega, along_volatility(|s| s.price)),
                ("theta", s.theta, along_time(|s| s.price)),
                ("rho", s.rho, along_rate(|s| s.price)),
                ("vanna", s.vanna, along_volatility(|s| s.delta)),
                ("vanna of vega", s.vanna, along_spot(|s| s.vega)),
                ("volga", s.volga, along_volatility(|s| s.vega)),
                ("charm", s.charm, along_time(|s| s.delta)),
            ];
            for (name, computed, slope) in pairs {
                let off = (computed - slope).abs();
                prop_assert!(off <= 1e-7 * computed.abs().max(1.0), "{kind:?} {name}: {computed} against {slope}");
            }
        }
    }

    #[test]
    fn calls_less_puts_are_forwards(option in ordinary()) {
        let put = Ordinary { sign: -1.0, ..option };
        let call = Ordinary { sign: 1.0, ..option };
        let discount = (-option.rate * option.years).exp();
        for kind in [Kind::BlackScholesMerton, Kind::Black76, Kind::Bachelier] {
            let (call, put) = (call.compute(kind), put.compute(kind));
            let growth = match kind {
                Kind::BlackScholesMerton => ((option.rate - option.underlying_yield) * option.years).exp(),
                _ => 1.0,
            };
            let forward = discount * (option.spot * growth - option.strike);
            prop_assert!((call.price - put.price - forward).abs() < 2e-13, "{kind:?}");
            prop_assert!((call.delta - put.delta - discount * growth).abs() < 1e-14, "{kind:?}");
            for (one, other) in
                [(call.gamma, put.gamma), (call.vega, put.vega), (call.vanna, put.vanna), (call.volga, put.volga)]
            {
                prop_assert_eq!(one.to_bits(), other.to_bits());
            }
        }
    }

    #[test]
    fn prices_scale_with_underlying_and_strike(option in ordinary(), factor in 1e-3..1e3f64) {
        let scaled = Ordinary { spot: option.spot * factor, strike: option.strike * factor, ..option };
        for kind in [Kind::BlackScholesMerton, Kind::Black76] {
            let (one, other) = (option.compute(kind), scaled.compute(kind));
            let same = |name, one: f64, other: f64| {
                prop_assert!((one - other).abs() <= 1e-12 * one.abs().max(1.0), "{name}: {one} against {other}");
                Ok(())
            };
            same("price", one.price, other.price / factor)?;
            same("delta", one.delta, other.delta)?;
            same("gamma", one.gamma, other.gamma * factor)?;
            same("vega", one.vega, other.vega / factor)?;
            same("vanna", one.vanna, other.vanna)?;
        }
    }
}
