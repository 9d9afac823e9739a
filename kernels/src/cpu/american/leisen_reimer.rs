//! A Leisen-Reimer binomial tree: slow, plain and independent of all the rest, which is why it checks the rest. Its
//! functions are the library's, so that its bits are this machine's: no decision may depend on it.

use super::AmericanOption;

/// One step of the tree.
struct Step {
    up: f64,
    down: f64,
    /// Probability of going up, and down, with a step's discount.
    up_weight: f64,
    down_weight: f64,
}

/// The normal distribution as Peizer and Pratt invert it for an odd number of steps.
fn peizer_pratt(d: f64, steps: f64) -> f64 {
    let scaled = d / (steps + 1.0 / 3.0 + 0.1 / (steps + 1.0));
    let part = 1.0 - (-scaled * scaled * (steps + 1.0 / 6.0)).exp();
    0.5 + d.signum() * 0.5 * part.max(0.0).sqrt()
}

impl Step {
    fn new(option: &AmericanOption, spot: f64, steps: usize) -> Self {
        let AmericanOption { strike, rate, dividend_yield, volatility, years, .. } = *option;
        let steps = steps as f64;
        let (time, deviation) = (years / steps, volatility * years.sqrt());
        let drift = (rate - dividend_yield + 0.5 * volatility * volatility) * years;
        let d1 = ((spot / strike).ln() + drift) / deviation;
        let probability = peizer_pratt(d1 - deviation, steps);
        let growth = ((rate - dividend_yield) * time).exp();
        let up = growth * peizer_pratt(d1, steps) / probability;
        let down = (growth - probability * up) / (1.0 - probability);
        let discount = (-rate * time).exp();
        Self { up, down, up_weight: discount * probability, down_weight: discount * (1.0 - probability) }
    }
}

/// The price of an option by a tree of an odd number of steps, at least three: its error falls with their number, time
/// and memory grow with its square and with it. Allocates. Takes any rates, two boundaries too, but needs time and
/// volatility.
#[must_use]
pub fn leisen_reimer(option: &AmericanOption, spot: f64, steps: usize) -> f64 {
    debug_assert!(steps % 2 == 1 && option.years > 0.0 && option.volatility > 0.0);
    let step = Step::new(option, spot, steps);
    let sign = if option.put { -1.0 } else { 1.0 };
    let gain = |spot: f64| sign * (spot - option.strike);
    let price_at = |i: usize| spot * step.up.powi(i as i32) * step.down.powi((steps - i) as i32);
    let mut spots: Vec<f64> = (0..=steps).map(price_at).collect();
    let mut values: Vec<f64> = spots.iter().map(|spot| gain(*spot).max(0.0)).collect();
    let inverse_down = 1.0 / step.down;
    for moment in (0..steps).rev() {
        for i in 0..=moment {
            spots[i] *= inverse_down;
            let kept = step.up_weight * values[i + 1] + step.down_weight * values[i];
            values[i] = kept.max(gain(spots[i]));
        }
    }
    values[0]
}
