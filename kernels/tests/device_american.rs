//! American options and simulated paths in bulk on the device's code, the PTX that is shipped: bits are the CPU's. A failure
//! prints the case.

#[allow(dead_code, reason = "only the driver is needed here")]
mod emulated;

use kernels::cpu::american::{AmericanOption, Refusal, UnitPut, unit_premium};
use kernels::cpu::monte_carlo::{Moments, Payoff, Simulation, TILE, estimate, tile};
use kernels::cpu::pricing::Isa;
use kernels::device::batch::{AmericanBatch, BatchError, Place, SimulationBatch};
use kernels::device::launch::Images;
use proptest::prelude::*;

fn place() -> Place {
    Place { driver: emulated::driver(), images: Images::Ptx, ordinal: 0 }
}

fn american(room: usize) -> AmericanBatch {
    AmericanBatch::new(&place(), room).unwrap_or_else(|error| panic!("{error}"))
}

/// A spread of numbers from 0 to 1 for case i in one of several dimensions.
fn spread(i: usize, dimension: u32) -> f64 {
    let step =
        [0.754_877_666_246_692_7, 0.569_840_290_998_053_2, 0.430_159_709_001_946_8, 0.324_717_957_244_746];
    (i as f64 * step[dimension as usize % 4] + f64::from(dimension) * 0.13).fract()
}

/// Options of every regime, ordinary and at the edges, and spots.
fn options() -> (Vec<AmericanOption>, Vec<f64>) {
    let rates = [(0.05, 0.0), (0.05, 0.03), (0.02, 0.06), (0.04, 0.04), (0.0, -0.02), (0.03, -0.01)];
    let option = |i: usize| {
        let (rate, dividend_yield) = rates[i % rates.len()];
        let (volatility, years) = match i % 7 {
            0 => (1e-5, 1.0),
            1 => (3.0, 10.0),
            _ => (0.05 + spread(i, 0), 0.01 + 3.0 * spread(i, 1)),
        };
        AmericanOption { put: true, strike: 1.0, rate, dividend_yield, volatility, years }
    };
    let spots = (0..96).map(|i| if i % 11 == 0 { 1.0 } else { 0.4 + 1.4 * spread(i, 2) });
    ((0..96).map(option).collect(), spots.collect())
}

#[test]
fn american_premiums_have_the_same_bits() {
    let (options, spots) = options();
    let puts: Vec<UnitPut> = options.iter().map(AmericanOption::unit_put).collect();
    let mut found = vec![[f64::NAN; 2]; puts.len()];
    american(puts.len()).premiums(&puts, &spots, &mut found).unwrap_or_else(|error| panic!("{error}"));
    let mut eventful = 0;
    for ((put, spot), found) in puts.iter().zip(&spots).zip(&found) {
        let expected = unit_premium(Isa::detect(), put, *spot);
        let bits = |x: &[f64; 2]| x.map(f64::to_bits);
        assert_eq!(bits(found), bits(&expected), "{put:?} at {spot}: {found:?} {expected:?}");
        eventful += usize::from(expected[1] > 1e-6);
    }
    assert!(eventful > puts.len() / 4, "{eventful} premiums worth the name");
}

/// Calls and puts, certain ones and those that are never exercised early too.
#[test]
fn american_prices_have_the_same_bits() {
    let (mut options, mut spots) = options();
    for (i, option) in options.iter_mut().enumerate() {
        if i % 2 == 1 {
            let (rate, dividend_yield) = (option.dividend_yield, option.rate);
            *option = AmericanOption { put: false, strike: 100.0, rate, dividend_yield, ..*option };
            spots[i] *= 100.0;
        }
        match i % 9 {
            0 => option.volatility = 0.0,
            1 => option.years = 0.0,
            2 => option.rate = if option.put { -0.01 } else { option.rate },
            _ => {}
        }
    }
    let isa = Isa::detect();
    let priced: Vec<_> = options.iter().zip(&spots).filter(|(o, s)| o.price(isa, **s).is_ok()).collect();
    let (options, spots): (Vec<AmericanOption>, Vec<f64>) = priced.into_iter().map(|(o, s)| (*o, *s)).unzip();
    assert!(options.len() > 80, "{} options", options.len());
    let mut found = vec![f64::NAN; options.len()];
    american(options.len()).prices(&options, &spots, &mut found).unwrap_or_else(|error| panic!("{error}"));
    for ((option, spot), found) in options.iter().zip(&spots).zip(&found) {
        let expected = option.price(isa, *spot).expect("it was priced");
        assert_eq!(found.to_bits(), expected.to_bits(), "{option:?} at {spot}: {found} {expected}");
    }
}

#[test]
fn american_options_are_refused_like_on_the_cpu() {
    let (options, mut spots) = options();
    let mut batch = american(96);
    let mut found = vec![f64::NAN; 96];
    let mut bad = options.clone();
    bad[41] =
        AmericanOption { rate: -0.01, dividend_yield: -0.02, volatility: 0.2, years: 1.0, ..options[41] };
    let said = batch.prices(&bad, &spots, &mut found).expect_err("two boundaries");
    assert_eq!(said, BatchError::American { index: 41, refusal: Refusal::TwoBoundaries });
    spots[3] = -1.0;
    let said = batch.prices(&options, &spots, &mut found).expect_err("no spot");
    assert_eq!(said, BatchError::American { index: 3, refusal: Refusal::OutOfRange("spot", -1.0) });
    assert!(found.iter().all(|price| price.is_nan()), "something was written");
    let said = batch.prices(&options, &spots[..9], &mut found).expect_err("too few spots");
    assert_eq!(said, BatchError::TooShort { column: "spots", len: 9, wanted: 96 });
    let said = american(95).prices(&options, &spots, &mut found).expect_err("one too many");
    assert_eq!(said, BatchError::TooMany { asked: 96, room: 95 });
}

const SIMULATION: Simulation = Simulation {
    payoff: Payoff::European,
    put: true,
    spot: 100.0,
    strike: 103.0,
    rate: 0.05,
    dividend_yield: 0.02,
    volatility: 0.3,
    years: 0.8,
    steps: 1,
};

#[test]
fn paths_have_the_same_bits_whatever_the_layout() {
    let mut batch = SimulationBatch::new(&place(), 3).unwrap_or_else(|error| panic!("{error}"));
    let far = (1u64 << 32) / TILE as u64 - 1;
    for (payoff, put, steps, first) in [
        (Payoff::European, true, 1, 0),
        (Payoff::European, false, 3, far),
        (Payoff::ArithmeticAsian, true, 4, 0),
        (Payoff::GeometricAsian, false, 5, 7),
    ] {
        let simulation = Simulation { payoff, put, steps, ..SIMULATION };
        // The last tile is not full.
        let samples = (first + 3) * TILE as u64 - 100;
        let terms = simulation.path_terms(Isa::detect(), 0xFEED_5EED_0123, samples).expect("terms");
        let bits = |moments: &Moments| moments.0.map(f64::to_bits);
        let expected: Vec<_> = (first..first + 3).map(|at| bits(&tile(Isa::detect(), &terms, at))).collect();
        // All at once, and by themselves.
        let mut found = [Moments::default(); 3];
        batch.tiles(&terms, first, &mut found).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(found.iter().map(bits).collect::<Vec<_>>(), expected, "{simulation:?}");
        batch.tiles(&terms, first + 2, &mut found[..1]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(bits(&found[0]), expected[2], "{simulation:?}");
        assert!(f64::from_bits(expected[0][0]) > 0.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A simulation goes through a batch in parts of a power of two, and estimates what it does on the CPU.
    #[test]
    fn parts_of_a_simulation_add_up_to_the_whole(
        seed in any::<u64>(),
        tiles_max in 1usize..9,
        samples in 2u64..20 * TILE as u64,
    ) {
        let mut batch = SimulationBatch::new(&place(), tiles_max).unwrap_or_else(|error| panic!("{error}"));
        let (found, _) = batch.estimate(&SIMULATION, seed, samples).unwrap_or_else(|error| panic!("{error}"));
        let expected = estimate(Isa::detect(), &SIMULATION, seed, samples).expect("it can be run");
        prop_assert_eq!(found, expected);
        prop_assert_eq!(found.price.to_bits(), expected.price.to_bits());
    }
}

#[test]
fn simulations_are_refused_like_on_the_cpu() {
    let mut batch = SimulationBatch::new(&place(), 2).unwrap_or_else(|error| panic!("{error}"));
    let bad = Simulation { years: -1.0, ..SIMULATION };
    let said = batch.estimate(&bad, 1, 1_000).expect_err("no time");
    let expected = estimate(Isa::detect(), &bad, 1, 1_000).expect_err("no time");
    assert_eq!(said, BatchError::Simulation(expected));
    let terms = SIMULATION.path_terms(Isa::detect(), 1, 10_000).expect("terms");
    let said = batch.tiles(&terms, 0, &mut [Moments::default(); 3]).expect_err("one too many");
    assert_eq!(said, BatchError::TooMany { asked: 3, room: 2 });
}
