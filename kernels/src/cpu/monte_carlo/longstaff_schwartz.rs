//! American options on simulated paths (Longstaff and Schwartz, 2001): whether to go on is judged by a regression over
//! the paths.
//!
//! The control is the European price at the moment of exercise, a martingale stopped there, so that its mean is the
//! European price now. What is left is exercise at so many dates only, and the regression's judgement: both make the
//! price too low, by 0.2 to 0.3 % with 64 dates.

use super::{Estimate, Moments, PathTerms, Simulation, Unfit, draw};
use crate::cpu::american::AmericanOption;
use crate::cpu::pricing::elementary::exp;
use crate::cpu::pricing::{Isa, PerIsa, larger};

/// Powers of the moneyness that the value of going on is fitted by, the zeroth among them.
const POWERS: usize = 5;

/// Samples (a path and its mirror image) added up at a time.
const GROUP: usize = 256;

/// The price of an American option (the payoff of the simulation is not looked at), exercised after one of its steps, on
/// so many samples of two paths each. Allocates 16 bytes a step of a sample.
///
/// # Errors
/// See [`Unfit`].
pub fn longstaff_schwartz(
    isa: Isa,
    simulation: &Simulation,
    seed: u64,
    samples: u64,
) -> Result<Estimate, Unfit> {
    let terms = simulation.path_terms(isa, seed, samples)?;
    let mut market = Market::draw(isa, &terms, simulation, samples as usize);
    for step in (0..simulation.steps as usize - 1).rev() {
        isa.run(Exercise { market: &mut market, step });
    }
    let estimate = market.moments(isa).estimate(samples);
    let at_once = larger(terms.sign * (simulation.spot - simulation.strike), 0.0);
    Ok(if at_once > estimate.price { Estimate { price: at_once, ..estimate } } else { estimate })
}

/// All paths and, of each, what it brings by the exercise decided so far.
struct Market<'a> {
    terms: &'a PathTerms,
    simulation: &'a Simulation,
    paths: usize,
    /// Price of the underlying, `[step][path]`; path `i + samples` is the mirror image of path `i`.
    price: Vec<f64>,
    /// What a path brings, discounted to now, and after which step.
    cash: Vec<f64>,
    exercised: Vec<usize>,
}

impl<'a> Market<'a> {
    fn draw(isa: Isa, terms: &'a PathTerms, simulation: &'a Simulation, samples: usize) -> Self {
        let (steps, paths) = (simulation.steps as usize, 2 * samples);
        let mut price = vec![0.0; steps * paths];
        let (mut log, mut mirrored) = (vec![0.0; steps], vec![0.0; steps]);
        for sample in 0..samples {
            draw(isa, terms, sample as u64, &mut log, &mut mirrored);
            for step in 0..steps {
                price[step * paths + sample] = log[step];
                price[step * paths + samples + sample] = mirrored[step];
            }
        }
        isa.run(Prices { spot: terms.spot, logs: &mut price });
        let last = &price[(steps - 1) * paths..];
        let paid = |price: &f64| terms.discount * larger(terms.sign * (price - terms.strike), 0.0);
        let cash = last.iter().map(paid).collect();
        Self { terms, simulation, paths, cash, exercised: vec![steps - 1; paths], price }
    }

    fn time_after(&self, step: usize) -> f64 {
        self.simulation.years * ((step + 1) as f64 / f64::from(self.simulation.steps))
    }

    /// The European price at the moment of exercise, discounted to now.
    fn control(&self, isa: Isa, path: usize) -> f64 {
        let step = self.exercised[path];
        if step + 1 == self.simulation.steps as usize {
            return self.cash[path];
        }
        let time = self.time_after(step);
        let left = european(self.simulation, self.simulation.years - time);
        isa.run(Discount { rate: self.simulation.rate, time })
            * left.european(isa, self.price[step * self.paths + path])
    }

    fn moments(&self, isa: Isa) -> Moments {
        let samples = self.paths / 2;
        let mean = european(self.simulation, self.simulation.years).european(isa, self.simulation.spot);
        let of_sample = |sample: usize| {
            let value = 0.5 * (self.cash[sample] + self.cash[samples + sample]);
            let control = 0.5 * (self.control(isa, sample) + self.control(isa, samples + sample)) - mean;
            [value, value * value, control, control * control, value * control]
        };
        let groups = (0..samples).step_by(GROUP).map(|from| {
            let group = (from..samples.min(from + GROUP)).map(of_sample);
            group.fold(Moments::default(), |sums, terms| {
                Moments(std::array::from_fn(|m| sums.0[m] + terms[m]))
            })
        });
        Moments::total(&mut groups.collect::<Vec<_>>())
    }
}

fn european(simulation: &Simulation, years: f64) -> AmericanOption {
    let Simulation { put, strike, rate, dividend_yield, volatility, .. } = *simulation;
    AmericanOption { put, strike, rate, dividend_yield, volatility, years }
}

struct Discount {
    rate: f64,
    time: f64,
}

impl PerIsa for Discount {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        exp(-self.rate * self.time)
    }
}

/// Logarithms over the spot become prices.
struct Prices<'a> {
    spot: f64,
    logs: &'a mut [f64],
}

impl PerIsa for Prices<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for log in self.logs {
            *log = self.spot * exp(*log);
        }
    }
}

/// Decides after one step, the later steps being decided.
struct Exercise<'a, 'b> {
    market: &'a mut Market<'b>,
    step: usize,
}

impl PerIsa for Exercise<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { market, step } = self;
        let terms = market.terms;
        let discount = exp(-market.simulation.rate * market.time_after(step));
        let prices = &market.price[step * market.paths..(step + 1) * market.paths];
        let mut fit = Fit::default();
        for (price, cash) in prices.iter().zip(&market.cash) {
            let moneyness = terms.sign * (price / terms.strike - 1.0);
            if moneyness > 0.0 {
                fit.add(moneyness, *cash);
            }
        }
        let Some(weights) = fit.solve() else { return };
        for (path, price) in prices.iter().enumerate() {
            let moneyness = terms.sign * (price / terms.strike - 1.0);
            let now = discount * terms.strike * moneyness;
            if moneyness > 0.0 && now > value_at(&weights, moneyness) {
                market.cash[path] = now;
                market.exercised[path] = step;
            }
        }
    }
}

#[inline(always)]
fn value_at(weights: &[f64; POWERS], x: f64) -> f64 {
    weights.iter().rev().fold(0.0, |sum, weight| sum * x + weight)
}

/// Least squares by the normal equations.
#[derive(Default)]
struct Fit {
    count: usize,
    /// Sums of the powers of x up to twice the highest of the fit, and of y times those of x up to the fit's.
    powers: [f64; 2 * POWERS - 1],
    values: [f64; POWERS],
}

impl Fit {
    #[inline(always)]
    fn add(&mut self, x: f64, y: f64) {
        self.count += 1;
        let mut power = 1.0;
        for at in 0..2 * POWERS - 1 {
            self.powers[at] += power;
            if at < POWERS {
                self.values[at] += power * y;
            }
            power *= x;
        }
    }

    /// The weights of the powers; None where the points do not determine them. Elimination with the largest pivot.
    fn solve(&self) -> Option<[f64; POWERS]> {
        if self.count < 4 * POWERS {
            return None;
        }
        let mut rows: [[f64; POWERS + 1]; POWERS] = std::array::from_fn(|i| {
            std::array::from_fn(|j| if j < POWERS { self.powers[i + j] } else { self.values[i] })
        });
        for at in 0..POWERS {
            let largest = (at..POWERS).max_by(|a, b| rows[*a][at].abs().total_cmp(&rows[*b][at].abs()))?;
            rows.swap(at, largest);
            let pivot = rows[at];
            if pivot[at].abs() < 1e-12 * self.powers[0] * f64::EPSILON {
                return None;
            }
            for row in &mut rows[at + 1..] {
                let factor = row[at] / pivot[at];
                row.iter_mut().zip(&pivot).for_each(|(x, pivot)| *x -= factor * pivot);
            }
        }
        let mut weights = [0.0; POWERS];
        for at in (0..POWERS).rev() {
            let known: f64 = (at + 1..POWERS).map(|j| rows[at][j] * weights[j]).sum();
            weights[at] = (rows[at][POWERS] - known) / rows[at][at];
        }
        Some(weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cubic_is_fitted_exactly() {
        let mut fit = Fit::default();
        let cubic = |x: f64| 2.0 - x + 3.0 * x * x - 0.5 * x * x * x;
        (1..=40).map(|i| f64::from(i) * 0.01).for_each(|x| fit.add(x, cubic(x)));
        let weights = fit.solve().expect("determined");
        for x in [0.05, 0.2, 0.4] {
            assert!((value_at(&weights, x) - cubic(x)).abs() < 1e-8, "{weights:?}");
        }
        assert!(Fit::default().solve().is_none());
        let mut same = Fit::default();
        (0..40).for_each(|_| same.add(0.3, 1.0));
        assert!(same.solve().is_none_or(|weights| (value_at(&weights, 0.3) - 1.0).abs() < 1e-3));
    }
}
