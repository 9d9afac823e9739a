//! Volatilities by prices: the way back over the grid of `reference/options.csv`, impossible prices, and the crate for cold
//! starts beside it.

#[allow(dead_code, reason = "not every test looks at everything")]
mod options;

use kernels::cpu::pricing::cold::cold_start;
use kernels::cpu::pricing::implied::{
    NoVolatility, STEPS, Volatilities, implied_volatilities_of, implied_volatility, implied_volatility_one,
};
use kernels::cpu::pricing::lognormal::LognormalTerms;
use kernels::cpu::pricing::loops::{Model, sensitivities_one};
use kernels::cpu::pricing::markets::{ForwardMarket, NormalMarket, SpotMarket};
use kernels::cpu::pricing::normal::NormalTerms;
use kernels::cpu::pricing::{Contract, Isa, ln};
use options::Table;

const SPOT: f64 = 100.0;

/// A quote of the grid.
struct Quote {
    model: LognormalTerms,
    contract: Contract,
    /// The exact price, rounded once.
    price: f64,
    vega: f64,
    time_value: f64,
    out_of_the_money: bool,
}

/// Those whose time value is above 1e-6.
fn quotes() -> Vec<Quote> {
    let mut quotes = Vec::new();
    for row in include_str!("reference/options.csv").lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let given = |at: usize| fields[at].parse::<f64>().expect("a number");
        let double =
            |at: usize| f64::from_bits(u64::from_str_radix(fields[at], 16).expect("16 hexadecimal digits"));
        let [rate, underlying_yield, days, strike, volatility] = std::array::from_fn(given);
        let years = days / 365.0;
        let market = SpotMarket::new(SPOT, rate, underlying_yield, years).expect("in range");
        let model = LognormalTerms::black_scholes_merton(Isa::detect(), &market);
        for (sign, at) in [(1.0, 5), (-1.0, 10)] {
            let moneyness =
                sign * (SPOT * (-underlying_yield * years).exp() - strike * (-rate * years).exp());
            let price = double(at);
            let time_value = price - moneyness.max(0.0);
            if time_value > 1e-6 {
                quotes.push(Quote {
                    model,
                    contract: Contract { strike, ln_strike: ln(strike), volatility, sign },
                    price,
                    vega: double(16),
                    time_value,
                    out_of_the_money: moneyness <= 1e-9,
                });
            }
        }
    }
    quotes
}

/// What an error of the volatility may be: 1e-10, and beyond that what the price's own last digit decides. Of an option in the
/// money that digit stands behind the intrinsic value.
fn allowed(quote: &Quote) -> f64 {
    let last_digit = 2.0f64.powi(-53) * (SPOT + quote.contract.strike);
    let exact = if quote.out_of_the_money { 0.0 } else { 3.0 * last_digit / quote.vega };
    1e-10 + exact
}

#[test]
fn the_way_back_is_exact() {
    let isa = Isa::detect();
    for (off, steps) in [(1.02, STEPS), (0.98, STEPS), (1.05, STEPS), (1.2, 3), (0.8, 3), (1.5, 4), (0.0, 10)]
    {
        let (mut out_of_the_money, mut in_the_money) = ((0, 0.0f64), (0, 0.0f64));
        for quote in quotes() {
            let start = Contract { volatility: quote.contract.volatility * off, ..quote.contract };
            let found = implied_volatility_one(isa, &quote.model, &start, quote.price, steps);
            let found = found.unwrap_or_else(|why| {
                panic!("start {off}, {steps} steps, {start:?}, {}: {why}", quote.price)
            });
            let error = (found - quote.contract.volatility).abs();
            assert!(error <= allowed(&quote), "start {off}, {steps} steps: {start:?} off by {error:e}");
            let worst = if quote.out_of_the_money { &mut out_of_the_money } else { &mut in_the_money };
            *worst = (worst.0 + 1, worst.1.max(error));
        }
        println!(
            "start {off}, {steps} steps: out of the money {out_of_the_money:.1?}, in {in_the_money:.1?}"
        );
        assert!(out_of_the_money.0 > 1_000 && in_the_money.0 > 1_000);
    }
}

/// Whatever the start and however few the steps, a volatility that is given is right.
#[test]
fn what_has_not_converged_is_said() {
    let (isa, quotes) = (Isa::detect(), quotes());
    let (mut given, mut refused) = (0, 0);
    for quote in &quotes {
        for off in [1e-3, 0.1, 0.5, 0.9, 0.97, 1.03, 1.1, 1.5, 3.0, 100.0] {
            for steps in 0..5 {
                let start = Contract { volatility: quote.contract.volatility * off, ..quote.contract };
                match implied_volatility_one(isa, &quote.model, &start, quote.price, steps) {
                    Ok(found) => {
                        let error = (found - quote.contract.volatility).abs();
                        assert!(
                            error <= allowed(quote),
                            "start {off}, {steps} steps: {start:?} off by {error:e}"
                        );
                        given += 1;
                    }
                    Err(why) => {
                        assert_eq!(why, NoVolatility::NotConverged);
                        refused += 1;
                    }
                }
            }
        }
    }
    println!("{given} volatilities given, {refused} refused");
    assert!(given > 10_000 && refused > 10_000);
}

#[test]
fn a_cold_start_agrees() {
    for quote in quotes().iter().filter(|quote| quote.out_of_the_money && quote.time_value > 1e-5) {
        let found = cold_start(&quote.model, &quote.contract, quote.price).expect("there is one");
        assert!((found - quote.contract.volatility).abs() <= 1.1e-9, "{:?}: {found}", quote.contract);
        assert_eq!((found * 1e9).round() / 1e9, found);
    }
}

fn one_of_each(price: f64, sign: f64, years: f64) -> [Result<f64, NoVolatility>; 4] {
    let isa = Isa::detect();
    let market = ForwardMarket::new(SPOT, 0.0, years).expect("in range");
    let lognormal = LognormalTerms::black_76(isa, &market);
    let normal = NormalTerms::bachelier(isa, &NormalMarket::new(SPOT, 0.0, years).expect("in range"));
    let contract = Contract { strike: 90.0, ln_strike: ln(90.0), volatility: 0.0, sign };
    [
        implied_volatility_one(isa, &lognormal, &contract, price, 12),
        implied_volatility_one(isa, &normal, &contract, price, 12),
        cold_start(&lognormal, &contract, price),
        cold_start(&normal, &contract, price),
    ]
}

#[test]
fn impossible_prices_are_typed_errors() {
    use NoVolatility::{AboveBound, BelowIntrinsic, NoTime, NoTimeValue, NotFinite};
    for (price, sign, why) in [
        (f64::NAN, 1.0, NotFinite),
        (f64::INFINITY, 1.0, NotFinite),
        (f64::NEG_INFINITY, -1.0, NotFinite),
        (-1.0, 1.0, BelowIntrinsic),
        (9.99, 1.0, BelowIntrinsic),
        (-1e-9, -1.0, BelowIntrinsic),
        (10.0, 1.0, NoTimeValue),
        (0.0, -1.0, NoTimeValue),
    ] {
        assert_eq!(one_of_each(price, sign, 0.5), [Err(why); 4], "{price} {sign}");
    }
    // Under the normal model an option has no bound.
    for (price, sign) in [(100.0, 1.0), (1e6, 1.0), (90.0, -1.0)] {
        let [lognormal, normal, cold_lognormal, cold_normal] = one_of_each(price, sign, 0.5);
        assert_eq!([lognormal, cold_lognormal], [Err(AboveBound); 2], "{price} {sign}");
        assert!(normal.is_ok() && cold_normal.is_ok(), "{price} {sign}: {normal:?} {cold_normal:?}");
    }
    assert_eq!(one_of_each(12.0, 1.0, 0.0), [Err(NoTime); 4]);
    assert!(one_of_each(12.0, 1.0, 0.5).iter().all(Result::is_ok));
}

/// Forwards and strikes below zero too, from a start that is off and from none.
#[test]
fn the_way_back_under_the_normal_model_is_exact() {
    let isa = Isa::detect();
    let mut tested = 0;
    for forward in [-15.0, 0.0, 100.0] {
        for years in [1.0 / 365.0, 0.25, 2.0] {
            let market = NormalMarket::new(forward, 0.03, years).expect("in range");
            let model = NormalTerms::bachelier(isa, &market);
            for volatility in [1.0, 20.0, 90.0] {
                for distance in [-4.0, -1.5, -0.2, 0.0, 0.3, 2.0, 4.5] {
                    let strike = forward + distance * volatility * f64::sqrt(years);
                    // Out of the money, where the price has all its digits.
                    let sign = if distance >= 0.0 { 1.0 } else { -1.0 };
                    let contract = Contract { strike, ln_strike: 0.0, volatility, sign };
                    let price = sensitivities_one(isa, &model, &contract).price;
                    for (off, steps) in [(1.02, STEPS), (1.2, 3), (0.0, 12)] {
                        let start = Contract { volatility: volatility * off, ..contract };
                        let found = implied_volatility_one(isa, &model, &start, price, steps).expect("found");
                        assert!(
                            (found - volatility).abs() <= 1e-10 * volatility,
                            "{contract:?} at {forward}: {found} from {off}"
                        );
                    }
                    let cold = cold_start(&model, &contract, price).expect("found");
                    assert!((cold - volatility).abs() <= 1.1e-9 + 1e-11 * volatility, "{contract:?}: {cold}");
                    tested += 1;
                }
            }
        }
    }
    assert_eq!(tested, 189);
}

/// A chain in one call: what is impossible in it disturbs no other.
#[test]
fn a_chain_is_solved_around_what_is_impossible() {
    let isa = Isa::detect();
    let market = SpotMarket::new(SPOT, 0.03, 0.01, 0.4).expect("in range");
    let model = LognormalTerms::black_scholes_merton(isa, &market);
    let mut table = Table::default();
    let mut prices = Vec::new();
    for i in 0..77 {
        let (strike, volatility) = (60.0 + f64::from(i), 0.2 + 0.002 * f64::from(i));
        table.push(strike, volatility, if i % 2 == 0 { 1.0 } else { -1.0 });
        let price = priced(isa, &model, &table.contract(i as usize));
        prices.push(if i % 5 == 3 { f64::NAN } else { price });
    }
    let wanted = table.volatility.clone();
    table.volatility.iter_mut().for_each(|volatility| *volatility *= 1.03);
    let (mut volatility, mut refused) = (vec![f64::NAN; 77], vec![None; 77]);
    let (contracts, _) = table.chain(0);
    let out = Volatilities { volatility: &mut volatility, refused: &mut refused };
    implied_volatility(isa, &model, &contracts, &prices, STEPS, out);
    for i in 0..77 {
        if i % 5 == 3 {
            assert_eq!((volatility[i], refused[i]), (0.0, Some(NoVolatility::NotFinite)), "{i}");
        } else {
            assert!(refused[i].is_none() && (volatility[i] - wanted[i]).abs() < 1e-10, "{i}");
        }
    }
}

fn priced<M: Model>(isa: Isa, model: &M, contract: &Contract) -> f64 {
    sensitivities_one(isa, model, contract).price
}

/// What the volatilities of one contract's bid and offer cost. A probe: it asserts no time.
#[test]
#[ignore = "a measurement: run it by itself, optimised"]
fn what_a_touch_costs() {
    const ROUNDS: u32 = 100_000;
    let market = SpotMarket::new(100.0, 0.03, 0.01, 0.5).expect("in range");
    let expiry = market.expiry(Isa::detect());
    for isa in Isa::all() {
        let contract = Contract { strike: 105.0, ln_strike: ln(105.0), volatility: 0.22, sign: 1.0 };
        let mut least_ns = f64::MAX;
        for _ in 0..10 {
            let since = std::time::Instant::now();
            for round in 0..ROUNDS {
                let mid = std::hint::black_box(100.0 + f64::from(round % 64) * 0.01);
                let model = LognormalTerms::of_expiry(isa, &expiry, mid);
                let found = implied_volatilities_of(isa, &model, &contract, [4.4, 4.5], 4);
                assert!(std::hint::black_box(found).iter().all(Result::is_ok), "one each");
            }
            least_ns = least_ns.min(since.elapsed().as_nanos() as f64 / f64::from(ROUNDS));
        }
        println!("bid and offer, four steps, {}: {least_ns:.0} ns", isa.name());
    }
}
