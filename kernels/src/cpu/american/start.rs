//! The boundary that the fixed-point steps start from: QD+ (Li, 2009), solved at all nodes at once by Newton's steps.
//!
//! Newton starts from the closed form of Bjerksund and Stensland (1993), a few per cent off.

#![allow(clippy::needless_range_loop, reason = "the lanes of several arrays go by one number")]

use super::UnitPut;
use super::nodes::{NODES, Nodes};
use crate::cpu::pricing::elementary::{D_MAX, exp, ln, tail_ratio};
use crate::cpu::pricing::{INVERSE_SQRT_2PI, larger, smaller};

const STEPS: usize = 3;
/// Largest change of the boundary's logarithm in one step.
const STRIDE_MAX: f64 = 0.5;
/// The boundary is looked for above this part of where it begins at expiry: e^-40.
pub(super) const DEPTH_MAX: f64 = 40.0;

/// Logarithm of the boundary at each node.
#[inline(always)]
pub(super) fn start(put: &UnitPut, nodes: &Nodes, ln_first: f64) -> [f64; NODES] {
    let perpetual = Perpetual::new(put, ln_first);
    let root_years = put.years.sqrt();
    let mut x = [0.0; NODES];
    for i in 0..NODES {
        x[i] = perpetual.until(put, root_years * nodes.root[i]);
    }
    for _ in 0..STEPS {
        for i in 0..NODES {
            x[i] = improve(put, root_years * nodes.root[i], x[i], ln_first);
        }
    }
    x
}

/// The boundaries of a call on the mirrored market at expiry and without end, from which that between is guessed.
struct Perpetual {
    first: f64,
    apart: f64,
}

impl Perpetual {
    #[inline(always)]
    fn new(put: &UnitPut, ln_first: f64) -> Self {
        let variance = put.volatility * put.volatility;
        let drift = (put.rate - put.dividend_yield) / variance - 0.5;
        // The characteristic equation's root below zero, in the form in which nothing cancels; none is above -1e-6.
        let product = 2.0 * put.rate / variance;
        let spread = (drift * drift + product).sqrt();
        let exponent = if drift > 0.0 { -drift - spread } else { -product / larger(spread - drift, 1e-30) };
        let exponent = smaller(exponent, -1e-6);
        let first = exp(-ln_first);
        let last = (exponent - 1.0) / exponent;
        Self { first, apart: larger(last - first, first * 1e-9) }
    }

    #[inline(always)]
    fn until(&self, put: &UnitPut, root_time: f64) -> f64 {
        let deviation = put.volatility * root_time;
        let drift = (put.dividend_yield - put.rate) * root_time * root_time;
        let reach = larger(drift + 2.0 * deviation, 0.5 * deviation);
        let part = 1.0 - exp(-smaller(reach * self.first / self.apart, 700.0));
        -ln(self.first + self.apart * part).0
    }
}

/// One Newton step of the boundary's logarithm at one node.
#[inline(always)]
fn improve(put: &UnitPut, root_time: f64, x: f64, ln_first: f64) -> f64 {
    let UnitPut { rate, dividend_yield, volatility, .. } = *put;
    let time = root_time * root_time;
    let variance = volatility * volatility;
    let v = volatility * root_time;
    let inverse_v = 1.0 / v;
    let (discount, carried) = (exp(-rate * time), exp(-dividend_yield * time));
    // rate / (1 - discount), by its series where that cancels.
    let growth = rate * time;
    let series = 1.0 / (time * (1.0 - 0.5 * growth * (1.0 - growth * (1.0 / 3.0))));
    let small = growth * growth < 1e-10;
    let hazard = if small { series } else { rate / if small { 1.0 } else { 1.0 - discount } };
    let omega = 2.0 * (rate - dividend_yield) / variance - 1.0;
    let spread = (omega * omega + 8.0 * hazard / variance).sqrt();
    let lambda = -0.5 * (omega + spread);
    let slope_of_lambda = 2.0 * hazard * hazard / (variance * spread);
    // Over the discount: 2 lambda + omega is -spread.
    let alpha = -2.0 / (variance * spread);
    let beta = alpha * discount * (hazard - slope_of_lambda / spread) - lambda;

    let s = exp(x);
    let d1 = (x + (rate - dividend_yield) * time) * inverse_v + 0.5 * v;
    let d2 = d1 - v;
    let (cut1, cut2) = (smaller(d1.abs(), D_MAX), smaller(d2.abs(), D_MAX));
    let (bell1, bell2) = (exp(-0.5 * cut1 * cut1), exp(-0.5 * cut2 * cut2));
    let (tail1, tail2) = (bell1 * tail_ratio(cut1), bell2 * tail_ratio(cut2));
    let delta = carried * if d1 > 0.0 { tail1 } else { 1.0 - tail1 };
    let bond = discount * if d2 > 0.0 { tail2 } else { 1.0 - tail2 };
    let density = carried * bell1 * INVERSE_SQRT_2PI;
    let decay = variance * 0.5 * inverse_v * density;
    let theta = rate * bond - dividend_yield * s * delta - s * decay;
    let gain = 1.0 - s - (bond - s * delta);
    let excess = (1.0 - delta) * s - beta * gain + alpha * theta;
    let of_theta = (dividend_yield - rate) * density * inverse_v
        - dividend_yield * delta
        - decay * (1.0 - d1 * inverse_v);
    let slope = (1.0 - delta) * (1.0 + beta) + density * inverse_v + alpha * of_theta;
    let stride = excess / larger(s * slope, 1e-30);
    let next = x - smaller(larger(stride, -STRIDE_MAX), STRIDE_MAX);
    smaller(larger(next, ln_first - DEPTH_MAX), ln_first)
}
