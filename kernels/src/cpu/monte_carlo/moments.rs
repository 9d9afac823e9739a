//! Sums over samples, and the price that they estimate.

use super::{Simulation, TILE, Unfit, tile};
use crate::cpu::pricing::Isa;

/// Sums of value, its square, control, its square, and value times control; a control is counted from its known mean.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments(pub [f64; 5]);

/// What a simulation found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The price.
    pub price: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The same without the control.
    pub uncontrolled: f64,
    /// Its standard error.
    pub uncontrolled_error: f64,
}

impl Moments {
    /// The sum of the sums of all tiles: neighbours are added until one is left.
    #[must_use]
    pub fn total(tiles: &mut [Self]) -> Self {
        let mut len = tiles.len();
        while len > 1 {
            for i in 0..len / 2 {
                tiles[i] = Self(std::array::from_fn(|m| tiles[2 * i].0[m] + tiles[2 * i + 1].0[m]));
            }
            if len % 2 == 1 {
                tiles[len / 2] = tiles[len - 1];
            }
            len = len.div_ceil(2);
        }
        tiles.first().copied().unwrap_or_default()
    }

    /// The price that so many samples estimate, two at least.
    #[must_use]
    pub fn estimate(&self, samples: u64) -> Estimate {
        let n = samples as f64;
        let [value, value_square, control, control_square, product] = self.0.map(|sum| sum / n);
        let above_zero = |x: f64| if x > 0.0 { x } else { 0.0 };
        let variance = above_zero(value_square - value * value);
        let control_variance = above_zero(control_square - control * control);
        let covariance = product - value * control;
        let slope = if control_variance > 0.0 { covariance / control_variance } else { 0.0 };
        let error = |variance: f64| (above_zero(variance) / (n - 1.0)).sqrt();
        Estimate {
            price: value - slope * control,
            standard_error: error(variance - slope * covariance),
            uncontrolled: value,
            uncontrolled_error: error(variance),
        }
    }
}

/// Runs a simulation of so many samples, two paths each.
///
/// # Errors
/// See [`Unfit`].
pub fn estimate(isa: Isa, simulation: &Simulation, seed: u64, samples: u64) -> Result<Estimate, Unfit> {
    let terms = simulation.path_terms(isa, seed, samples)?;
    let mut tiles: Vec<Moments> =
        (0..samples.div_ceil(TILE as u64)).map(|at| tile(isa, &terms, at)).collect();
    Ok(Moments::total(&mut tiles).estimate(samples))
}
