//! The CUDA twins of the American solver and of the simulated paths: the PTX that ships, interpreted, against the CPU, bit
//! for bit. A failure prints the case.

use kernels::cpu::american::{AmericanOption, UnitPut, unit_premium};
use kernels::cpu::monte_carlo::{Moments, Payoff, Simulation, TILE, tile};
use kernels::cpu::pricing::Isa;
use kernels::device::driver::Driver;
use kernels::device::valuation::Valuation;

/// The kernels over the stand-in for the driver: the host's own path.
fn valuation() -> Valuation {
    // SAFETY: the stand-in has the functions' signatures, and is part of this program.
    let driver = unsafe { Driver::of(emulator::driver::symbol) }.expect("all functions");
    Valuation::new(driver.initialise().expect("a device"), 0).unwrap_or_else(|error| panic!("{error}"))
}

/// A spread of numbers from 0 to 1 for case i in one of several dimensions.
fn spread(i: usize, dimension: u32) -> f64 {
    let step =
        [0.754_877_666_246_692_7, 0.569_840_290_998_053_2, 0.430_159_709_001_946_8, 0.324_717_957_244_746];
    (i as f64 * step[dimension as usize % 4] + f64::from(dimension) * 0.13).fract()
}

/// Puts of every regime that has a boundary, and spots; ordinary and at the edges.
fn puts() -> (Vec<UnitPut>, Vec<f64>) {
    let rates = [(0.05, 0.0), (0.05, 0.03), (0.02, 0.06), (0.04, 0.04), (0.0, -0.02), (0.03, -0.01)];
    let option = |i: usize| {
        let (rate, dividend_yield) = rates[i % rates.len()];
        let (volatility, years) = match i % 7 {
            0 => (1e-5, 1.0),
            1 => (3.0, 10.0),
            _ => (0.05 + spread(i, 0), 0.01 + 3.0 * spread(i, 1)),
        };
        AmericanOption { put: true, strike: 1.0, rate, dividend_yield, volatility, years }.unit_put()
    };
    let spots = (0..96).map(|i| if i % 11 == 0 { 1.0 } else { 0.4 + 1.4 * spread(i, 2) });
    ((0..96).map(option).collect(), spots.collect())
}

#[test]
fn american_premiums_have_the_same_bits() {
    let (puts, spots) = puts();
    let results = valuation().american(&puts, &spots).unwrap_or_else(|error| panic!("{error}"));
    let mut eventful = 0;
    for ((put, spot), found) in puts.iter().zip(&spots).zip(&results) {
        let expected = unit_premium(Isa::detect(), put, *spot);
        let bits = |x: &[f64; 2]| x.map(f64::to_bits);
        assert_eq!(bits(found), bits(&expected), "{put:?} at {spot}: {found:?} {expected:?}");
        eventful += usize::from(expected[1] > 1e-6);
    }
    assert!(eventful > puts.len() / 4, "{eventful} premiums worth the name");
}

#[test]
fn paths_have_the_same_bits_whatever_the_layout() {
    let valuation = valuation();
    let simulation = Simulation {
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
    let far = (1u64 << 32) / TILE as u64 - 1;
    for (payoff, put, steps, first) in [
        (Payoff::European, true, 1, 0),
        (Payoff::European, false, 3, far),
        (Payoff::ArithmeticAsian, true, 4, 0),
        (Payoff::GeometricAsian, false, 5, 7),
    ] {
        let simulation = Simulation { payoff, put, steps, ..simulation };
        // The last tile is not full.
        let samples = (first + 3) * TILE as u64 - 100;
        let terms = simulation.path_terms(Isa::detect(), 0xFEED_5EED_0123, samples).expect("terms");
        let bits = |moments: &Moments| moments.0.map(f64::to_bits);
        let expected: Vec<_> = (first..first + 3).map(|at| bits(&tile(Isa::detect(), &terms, at))).collect();
        // All at once, and by themselves.
        let found = valuation.tiles(&terms, first, 3).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(found.iter().map(bits).collect::<Vec<_>>(), expected, "{simulation:?}");
        let last = valuation.tiles(&terms, first + 2, 1).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(bits(&last[0]), expected[2], "{simulation:?}");
        assert!(f64::from_bits(expected[0][0]) > 0.0);
    }
}
