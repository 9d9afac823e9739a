//! American prices against QuantLib's (`reference/american.py`), against a tree, and what holds for all of them.

use kernels::cpu::american::{AmericanOption, EarlyExercise, Refusal, leisen_reimer};
use kernels::cpu::pricing::Isa;
use proptest::prelude::*;

const SPOT: f64 = 100.0;
/// Rows of the grid by which accuracy is stated, a call and a put in each.
const GRID_ROWS: usize = 480;

struct Row {
    option: AmericanOption,
    days: u32,
    expected: Option<f64>,
}

/// All options of the reference, calls and puts.
fn reference() -> Vec<Row> {
    let rows = include_str!("reference/american.csv").lines().skip(1);
    rows.flat_map(|row| {
        let fields: Vec<&str> = row.split(',').collect();
        let number = |at: usize| fields[at].parse::<f64>().ok();
        let days: u32 = fields[1].parse().expect("days");
        [(false, number(5)), (true, number(6))].map(|(put, expected)| {
            let at = |column| number(column).expect("a number");
            let (strike, volatility, rate, dividend_yield) = (at(0), at(2), at(3), at(4));
            let years = f64::from(days) / 365.0;
            Row {
                option: AmericanOption { put, strike, rate, dividend_yield, volatility, years },
                days,
                expected,
            }
        })
    })
    .collect()
}

/// Count, root of the mean square and largest error.
#[derive(Default)]
struct Errors {
    count: usize,
    squares: f64,
    max: f64,
    worst: Option<AmericanOption>,
}

impl Errors {
    fn add(&mut self, option: &AmericanOption, error: f64) {
        self.count += 1;
        self.squares += error * error;
        if error.abs() > self.max {
            self.max = error.abs();
            self.worst = Some(*option);
        }
    }

    fn rmse(&self) -> f64 {
        (self.squares / self.count as f64).sqrt()
    }

    fn print(&self, name: &str) {
        println!("{name}: {} options, RMSE {:.2e}, max {:.2e}", self.count, self.rmse(), self.max);
        println!("  worst: {:?}", self.worst);
    }
}

fn price(option: &AmericanOption, spot: f64) -> f64 {
    option.price(Isa::detect(), spot).unwrap_or_else(|refusal| panic!("{option:?}: {refusal}"))
}

#[test]
fn the_grid_is_within_its_bounds() {
    let rows = reference();
    let (mut grid, mut equity, mut others) = (Errors::default(), Errors::default(), Errors::default());
    for (at, Row { option, days, expected }) in rows.iter().enumerate() {
        let Some(expected) = expected else {
            assert_eq!(option.price(Isa::detect(), SPOT), Err(Refusal::TwoBoundaries), "{option:?}");
            continue;
        };
        let error = price(option, SPOT) - expected;
        let of_grid = at < 2 * GRID_ROWS;
        (if of_grid { &mut grid } else { &mut others }).add(option, error);
        if of_grid && (option.rate, option.dividend_yield) == (0.05, 0.03) && *days <= 365 {
            equity.add(option, error);
        }
    }
    grid.print("grid");
    equity.print("equity subset");
    others.print("other regimes");
    assert_eq!((grid.count, equity.count), (960, 200));
    assert!(equity.rmse() <= 2e-5, "{:e}", equity.rmse());
    assert!(grid.rmse() <= 2e-4 && grid.max <= 2e-3, "{:e} {:e}", grid.rmse(), grid.max);
    assert!(others.count > 1_000 && others.rmse() <= 2e-4 && others.max <= 2e-3);
}

/// Another way to the same price, which shares nothing with it.
#[test]
fn a_tree_gives_the_same() {
    let mut errors = Errors::default();
    let mut largest_premium: f64 = 0.0;
    for Row { option, expected, .. } in reference().iter().step_by(37) {
        if expected.is_some() {
            errors.add(option, price(option, SPOT) - leisen_reimer(option, SPOT, 501));
            largest_premium = largest_premium.max(price(option, SPOT) - option.european(Isa::detect(), SPOT));
        }
    }
    errors.print("tree of 501 steps");
    // The tree is the one that errs here: 0.8 of volatility over three years.
    assert!(errors.rmse() < 2e-3 && errors.max < 1.2e-2);
    assert!(largest_premium > 1.0, "{largest_premium}");
}

#[test]
fn bits_depend_on_no_instruction_set() {
    for Row { option, .. } in reference().iter().step_by(11) {
        let mut prices = Isa::all().map(|isa| option.price(isa, SPOT).map(f64::to_bits));
        let first = prices.next().expect("portable");
        assert!(prices.all(|price| price == first), "{option:?}");
    }
}

fn american(put: bool, rate: f64, dividend_yield: f64, volatility: f64, years: f64) -> AmericanOption {
    AmericanOption { put, strike: 100.0, rate, dividend_yield, volatility, years }
}

#[test]
fn without_time_or_volatility_the_price_is_known() {
    for (spot, put, intrinsic) in
        [(90.0, true, 10.0), (110.0, true, 0.0), (90.0, false, 0.0), (110.0, false, 10.0)]
    {
        let price = |rate, dividend_yield, volatility, years| {
            price(&american(put, rate, dividend_yield, volatility, years), spot)
        };
        let off = (price(0.05, 0.03, 0.3, 0.0) - intrinsic).abs();
        assert!(off < 1e-12, "no time: {spot} {put} {off}");
        // Without volatility: the best of all times, by trying them.
        for (rate, dividend_yield) in [(0.05, 0.0), (0.05, 0.03), (0.02, 0.06), (0.0, 0.03), (0.06, 0.02)] {
            let sign = if put { -1.0 } else { 1.0 };
            let gains = (0..=10_000).map(|i| 5.0 * f64::from(i) / 10_000.0).map(|time: f64| {
                sign * (spot * (-dividend_yield * time).exp() - 100.0 * (-rate * time).exp())
            });
            let best = gains.fold(0.0, f64::max);
            for volatility in [0.0, 1e-9] {
                let found = price(rate, dividend_yield, volatility, 5.0);
                assert!((found - best).abs() < 1e-6, "{spot} {put} {rate} {dividend_yield}: {found} {best}");
            }
        }
    }
}

#[test]
fn little_volatility_leads_to_none() {
    for put in [false, true] {
        for (rate, dividend_yield) in [(0.05, 0.0), (0.05, 0.03), (0.02, 0.06), (0.03, 0.03)] {
            for spot in [70.0, 95.0, 100.0, 105.0, 140.0] {
                let at = |volatility| price(&american(put, rate, dividend_yield, volatility, 1.0), spot);
                let none = at(0.0);
                for volatility in [2e-7, 1e-6, 1e-5, 1e-4, 1e-3] {
                    let off = (at(volatility) - none).abs();
                    let allowed = 100.0 * volatility + 2e-5;
                    assert!(off < allowed, "{put} {rate} {dividend_yield} {spot} {volatility}: {off}");
                }
            }
        }
    }
}

#[test]
fn numbers_that_mean_nothing_are_refused() {
    let good = american(true, 0.05, 0.0, 0.3, 1.0);
    let refused =
        |option: AmericanOption| option.price(Isa::detect(), SPOT).expect_err("refused").to_string();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        assert!(refused(AmericanOption { strike: bad, ..good }).contains("strike"));
        assert!(refused(AmericanOption { rate: bad, ..good }).contains("rate"));
        assert!(refused(AmericanOption { dividend_yield: bad, ..good }).contains("dividend_yield"));
        assert!(refused(AmericanOption { volatility: bad, ..good }).contains("volatility"));
        assert!(refused(AmericanOption { years: bad, ..good }).contains("years"));
        assert!(good.price(Isa::detect(), bad).is_err());
    }
    assert!(refused(AmericanOption { rate: 5.0, years: 20.0, ..good }).contains("mistake of units"));
    assert!(refused(AmericanOption { strike: 0.0, ..good }).contains("strike"));
    let two = AmericanOption { rate: -0.01, dividend_yield: -0.02, ..good };
    assert_eq!(two.price(Isa::detect(), SPOT), Err(Refusal::TwoBoundaries));
    let two = AmericanOption { put: false, rate: -0.02, dividend_yield: -0.01, ..good };
    assert_eq!(two.price(Isa::detect(), SPOT), Err(Refusal::TwoBoundaries));
}

/// The boundary is where the price leaves what exercising brings.
#[test]
fn the_boundary_divides_exercise_from_waiting() {
    let isa = Isa::detect();
    for put in [false, true] {
        for (rate, dividend_yield) in [(0.05, 0.02), (0.02, 0.06), (0.04, 0.04)] {
            for (volatility, years) in [(0.1, 0.1), (0.3, 1.0), (0.8, 3.0)] {
                let option = american(put, rate, dividend_yield, volatility, years);
                let solved = EarlyExercise::solve(isa, &option).expect("solved");
                let boundary = solved.boundary(isa).expect("a boundary");
                let beyond = |factor: f64| if put { boundary * factor } else { boundary / factor };
                let at = |spot| solved.price(isa, spot).expect("a price") - option.intrinsic(spot);
                assert!(at(beyond(0.999)).abs() < 1e-9, "{option:?}");
                assert!(at(beyond(1.05)) > 1e-5, "{option:?}");
                assert!(at(beyond(1.0001)).abs() < 2e-3, "{option:?}: {}", at(beyond(1.0001)));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever the numbers: refused, or finite and between the bounds that no American price leaves.
    #[test]
    fn a_price_is_between_its_bounds(
        put: bool,
        spot_ln in -3.0..3.0f64,
        rate in -0.3..0.5f64,
        dividend_yield in -0.3..0.5f64,
        volatility_ln in -18.0..2.5f64,
        years_ln in -14.0..3.5f64,
    ) {
        let spot = 100.0 * spot_ln.exp();
        let option = american(put, rate, dividend_yield, volatility_ln.exp(), years_ln.exp());
        let two = if put { dividend_yield < rate && rate < 0.0 } else { rate < dividend_yield && dividend_yield < 0.0 };
        match option.price(Isa::detect(), spot) {
            Err(Refusal::TwoBoundaries) => prop_assert!(two),
            Err(other) => prop_assert!(false, "{other}"),
            Ok(price) => {
                let european = option.european(Isa::detect(), spot);
                prop_assert!(price.is_finite());
                prop_assert!(price >= option.intrinsic(spot) * (1.0 - 1e-14), "{price}");
                prop_assert!(price >= european, "{price} {european}");
                let growth = |rate: f64| (-rate * option.years).exp().max(1.0);
                let most = if put { 100.0 * growth(rate) } else { spot * growth(dividend_yield) };
                prop_assert!(price <= most * (1.0 + 1e-3), "{price} {most}");
            }
        }
    }

    /// A call is a put with the roles exchanged.
    #[test]
    fn calls_are_puts_the_other_way_round(
        spot in 50.0..200.0f64, rate in 0.0..0.1f64, dividend_yield in 0.0..0.1f64, volatility in 0.05..1.0f64,
        years in 0.01..3.0f64,
    ) {
        let call = american(false, rate, dividend_yield, volatility, years);
        let put = AmericanOption { put: true, strike: spot, rate: dividend_yield, dividend_yield: rate, ..call };
        let (call, put) = (price(&call, spot), price(&put, 100.0));
        prop_assert!((call - put).abs() < 1e-9 * call.max(1.0), "{call} {put}");
    }
}

/// Where the error is largest: little volatility over a long time, close to the boundary. The tree's own error is at most what
/// twice its steps change.
#[test]
fn close_to_the_boundary_a_tree_gives_the_same() {
    let isa = Isa::detect();
    let (mut errors, mut of_tree) = (Errors::default(), 0.0f64);
    for put in [false, true] {
        for (rate, dividend_yield) in [(0.05, 0.0), (0.05, 0.03), (0.08, 0.02), (0.03, 0.05), (0.02, 0.08)] {
            let option = american(put, rate, dividend_yield, 0.05, 3.0);
            let solved = EarlyExercise::solve(isa, &option).expect("solved");
            let Some(boundary) = solved.boundary(isa) else { continue };
            for apart in [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04] {
                let spot = if put { boundary * (1.0 + apart) } else { boundary / (1.0 + apart) };
                let fine = leisen_reimer(&option, spot, 4_001);
                of_tree = of_tree.max((fine - leisen_reimer(&option, spot, 2_001)).abs());
                errors.add(&option, solved.price(isa, spot).expect("a price") - fine);
            }
        }
    }
    errors.print("close to the boundary, 5 % over three years, tree of 4,001 steps");
    println!("the tree itself changes by at most {of_tree:.1e} from 2,001 steps on");
    assert!(errors.max < 1.5e-3 && of_tree < 1e-4, "{:e} {of_tree:e}", errors.max);
}

/// Prices where QuantLib's are not at hand: a fine grid against a tree of 2,001 steps, with rates like those of shares.
#[test]
#[ignore = "minutes in debug"]
fn a_fine_tree_gives_the_same() {
    let mut errors = Errors::default();
    for put in [false, true] {
        for (rate, dividend_yield) in [(0.05, 0.0), (0.05, 0.03), (0.005, 0.0), (0.04, 0.04)] {
            for volatility in [0.15, 0.35, 0.7] {
                for years in [0.05, 0.5, 2.0] {
                    let option = american(put, rate, dividend_yield, volatility, years);
                    for spot in [85.0, 95.0, 100.0, 105.0, 115.0] {
                        errors.add(&option, price(&option, spot) - leisen_reimer(&option, spot, 2_001));
                    }
                }
            }
        }
    }
    errors.print("tree of 2,001 steps");
    assert!(errors.rmse() < 5e-4 && errors.max < 2e-3);
}
