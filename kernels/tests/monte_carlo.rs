//! Simulated prices against closed forms and against Andersen, Lake and Offengenden, and paths against themselves.

use kernels::cpu::american::AmericanOption;
use kernels::cpu::monte_carlo::{
    Estimate, Moments, Payoff, Simulation, TILE, draw, estimate, longstaff_schwartz, normals, philox, tile,
};
use kernels::cpu::pricing::Isa;

const PUT: Simulation = Simulation {
    payoff: Payoff::European,
    put: true,
    spot: 100.0,
    strike: 102.0,
    rate: 0.05,
    dividend_yield: 0.02,
    volatility: 0.25,
    years: 0.75,
    steps: 1,
};

fn run(simulation: &Simulation, seed: u64, samples: u64) -> Estimate {
    estimate(Isa::detect(), simulation, seed, samples).expect("a simulation that can be run")
}

/// Mean over the seeds of how many standard errors the price is off, with the control and without.
fn mean_z(simulation: &Simulation, seeds: u64, samples: u64) -> [f64; 2] {
    let exact = simulation.closed_form(Isa::detect());
    let z = (0..seeds).map(|seed| {
        let found = run(simulation, seed, samples);
        let plain = (found.uncontrolled - exact) / found.uncontrolled_error;
        [(found.price - exact) / found.standard_error, plain]
    });
    z.fold([0.0; 2], |sum, z| [sum[0] + z[0], sum[1] + z[1]]).map(|sum| sum / seeds as f64)
}

fn cases() -> Vec<Simulation> {
    let call = Simulation { put: false, strike: 97.0, ..PUT };
    vec![
        PUT,
        call,
        Simulation { payoff: Payoff::GeometricAsian, steps: 5, ..call },
        Simulation { payoff: Payoff::GeometricAsian, steps: 4, ..PUT },
    ]
}

#[test]
fn estimates_are_where_their_errors_say() {
    for simulation in cases() {
        let z = mean_z(&simulation, 100, 20_000);
        println!(
            "{:?}, put {}: mean z {:.3} with control, {:.3} without",
            simulation.payoff, simulation.put, z[0], z[1]
        );
        assert!(z.iter().all(|z| z.abs() < 0.3), "{simulation:?}: {z:?}");
    }
}

/// The wide form: 10^6 paths in each of 100 seeds.
#[test]
#[ignore = "a minute where it is optimised"]
fn a_million_paths_are_where_their_errors_say() {
    for simulation in cases() {
        let z = mean_z(&simulation, 100, 500_000);
        println!(
            "{:?}, put {}: mean z {:.3} with control, {:.3} without",
            simulation.payoff, simulation.put, z[0], z[1]
        );
        assert!(z.iter().all(|z| z.abs() < 0.3), "{simulation:?}: {z:?}");
    }
}

/// The spread of the estimates over seeds is what each of them claims.
#[test]
fn standard_errors_are_honest() {
    for simulation in cases() {
        let found: Vec<Estimate> = (0..200).map(|seed| run(&simulation, 1_000 + seed, 1_000)).collect();
        let spread = |of: fn(&Estimate) -> f64| {
            let mean = found.iter().map(of).sum::<f64>() / found.len() as f64;
            let squares = found.iter().map(|estimate| (of(estimate) - mean).powi(2)).sum::<f64>();
            (squares / (found.len() - 1) as f64).sqrt()
        };
        let claimed = |of: fn(&Estimate) -> f64| found.iter().map(of).sum::<f64>() / found.len() as f64;
        let with = spread(|e| e.price) / claimed(|e| e.standard_error);
        let without = spread(|e| e.uncontrolled) / claimed(|e| e.uncontrolled_error);
        assert!(
            (0.8..1.2).contains(&with) && (0.8..1.2).contains(&without),
            "{simulation:?}: {with} {without}"
        );
    }
}

/// Mirror images and controls are worth what they cost.
#[test]
fn controls_and_mirror_images_take_error_away() {
    let asian = Simulation { payoff: Payoff::ArithmeticAsian, put: false, steps: 12, ..PUT };
    let found = run(&asian, 3, 20_000);
    let gain = found.uncontrolled_error / found.standard_error;
    println!("arithmetic Asian: {found:?}, {gain:.0} times less error by the control");
    assert!(gain > 10.0, "{found:?}");
    assert!((found.price - found.uncontrolled).abs() < 5.0 * found.uncontrolled_error, "{found:?}");
    assert!(found.price > Simulation { payoff: Payoff::GeometricAsian, ..asian }.closed_form(Isa::detect()));
    let european = run(&PUT, 3, 20_000);
    assert!(european.standard_error < 0.8 * european.uncontrolled_error, "{european:?}");
    // Two independent paths a sample would have the standard error of the payoff over the root of 40,000.
    let payoffs = (0..40_000u64).map(|path| {
        let (normal, _) = normals(philox([0, 1, path as u32, 0], [3, 0]));
        let drift = (PUT.rate - PUT.dividend_yield - 0.5 * PUT.volatility.powi(2)) * PUT.years;
        let price = PUT.spot * (drift + PUT.volatility * PUT.years.sqrt() * normal).exp();
        (-PUT.rate * PUT.years).exp() * (PUT.strike - price).max(0.0)
    });
    let (sum, squares) = payoffs.fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    let independent = ((squares / 4e4 - (sum / 4e4).powi(2)) / 4e4).sqrt();
    assert!(european.uncontrolled_error < 0.8 * independent, "{european:?} {independent}");
}

#[test]
fn bits_depend_on_no_instruction_set_and_tiles_on_no_other() {
    for (payoff, steps) in [(Payoff::European, 1), (Payoff::ArithmeticAsian, 7), (Payoff::GeometricAsian, 8)]
    {
        let simulation = Simulation { payoff, steps, ..PUT };
        let samples = 3 * TILE as u64 + 17;
        let terms = simulation.path_terms(Isa::detect(), 99, samples).expect("terms");
        for isa in Isa::all() {
            assert_eq!(simulation.path_terms(isa, 99, samples), Ok(terms), "{}", isa.name());
            for at in [3, 0, 2, 1] {
                let bits = |moments: Moments| moments.0.map(f64::to_bits);
                let expected = bits(tile(Isa::all().next().expect("portable"), &terms, at));
                assert_eq!(bits(tile(isa, &terms, at)), expected, "{} {payoff:?} {at}", isa.name());
            }
        }
    }
}

/// A path drawn by itself is the one that a tile drew: the sum over a tile by a plain loop.
#[test]
fn a_path_can_be_drawn_again() {
    for steps in [1, 2, 5] {
        let simulation = Simulation { steps, ..PUT };
        let terms = simulation.path_terms(Isa::detect(), 7, 1 << 33).expect("terms");
        let far = (1u64 << 32) / TILE as u64 + 1;
        for at in [0, far] {
            let mut sum = 0.0;
            for path in at * TILE as u64..(at + 1) * TILE as u64 {
                let (mut log, mut mirrored) = (vec![0.0; steps as usize], vec![0.0; steps as usize]);
                draw(Isa::detect(), &terms, path, &mut log, &mut mirrored);
                let paid = |log: &[f64]| {
                    terms.discount * (PUT.strike - PUT.spot * log[steps as usize - 1].exp()).max(0.0)
                };
                sum += 0.5 * (paid(&log) + paid(&mirrored));
            }
            let found = tile(Isa::detect(), &terms, at).0[0];
            assert!((found - sum).abs() < 1e-10 * sum, "{steps} {at}: {found} {sum}");
        }
    }
}

#[test]
fn simulations_of_nonsense_are_refused() {
    let refused = |simulation: Simulation, samples| {
        estimate(Isa::detect(), &simulation, 0, samples).expect_err("refused").to_string()
    };
    for bad in [f64::NAN, f64::INFINITY, -1e300] {
        assert!(refused(Simulation { spot: bad, ..PUT }, 10).contains("spot"));
        assert!(refused(Simulation { strike: bad, ..PUT }, 10).contains("strike"));
        assert!(refused(Simulation { volatility: bad, ..PUT }, 10).contains("volatility"));
        assert!(refused(Simulation { years: bad, ..PUT }, 10).contains("years"));
        assert!(refused(Simulation { rate: bad, ..PUT }, 10).contains("rate"));
    }
    assert!(refused(PUT, 1).contains("samples"));
    assert!(refused(Simulation { steps: 0, ..PUT }, 10).contains("steps"));
    assert!(refused(Simulation { volatility: 90.0, ..PUT }, 10).contains("path"));
    let certain = Simulation { volatility: 0.0, ..PUT };
    let found = run(&certain, 0, 10);
    assert!((found.price - certain.closed_form(Isa::detect())).abs() < 1e-12, "{found:?}");
}

/// Within 0.5 % of Andersen, Lake and Offengenden.
#[test]
fn regression_on_paths_finds_american_prices() {
    for (put, rate, dividend_yield, volatility, years) in
        [(true, 0.05, 0.0, 0.2, 1.0), (true, 0.05, 0.02, 0.4, 0.5), (false, 0.03, 0.07, 0.3, 1.0)]
    {
        let simulation =
            Simulation { put, strike: 100.0, rate, dividend_yield, volatility, years, steps: 64, ..PUT };
        let found = longstaff_schwartz(Isa::detect(), &simulation, 11, 20_000).expect("a price");
        let option = AmericanOption { put, strike: 100.0, rate, dividend_yield, volatility, years };
        let exact = option.price(Isa::detect(), 100.0).expect("a price");
        let off = found.price / exact - 1.0;
        println!("{off:+.4} of {exact:.4}, {found:?}");
        assert!(off.abs() < 0.005, "{simulation:?}: {found:?} {exact}");
        assert!(found.standard_error < 0.0015 * exact, "{found:?}");
        assert!(exact > 1.01 * option.european(Isa::detect(), 100.0), "early exercise counts");
    }
}
