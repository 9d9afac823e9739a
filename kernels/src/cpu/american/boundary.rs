//! The exercise boundary at the nodes: fixed-point steps of the equation that early exercise changes nothing at it.
//!
//! With d1 and d2 of the boundary seen from an earlier boundary u, B = N / D where
//! N = e^(-r t) N(d2) + r * integral of e^(-r a) N(d2) da, D = e^(-q t) N(d1) + q * integral of e^(-q a) N(d1) da
//! (the second of the two systems in the paper). All nodes take a step together from the values before it.

#![allow(clippy::needless_range_loop, reason = "the lanes of several arrays go by one number")]

use super::UnitPut;
use super::nodes::{NODES, Nodes, STEP_POINTS};
use super::start::{DEPTH_MAX, start};
use crate::cpu::pricing::elementary::{D_MAX, exp, ln, tail_ratio};
use crate::cpu::pricing::{larger, smaller};

/// Steps, all of them plain. Newton's rule at each node (its own equation's derivative, the other nodes held) was tried
/// for the first step and lost: with as many steps in all the mean error over the grid was four to seven times larger,
/// for the boundary errs by nearly the same at all nodes, and such an error plain steps all but remove.
const STEPS: usize = 3;

/// ln(X / B) at the nodes: zero at expiry, where X is the boundary.
#[inline(always)]
pub(super) fn solve(put: &UnitPut, nodes: &Nodes, ln_first: f64) -> [f64; NODES] {
    let x = start(put, nodes, ln_first);
    let equation = Equation::new(put, nodes, ln_first);
    let mut depth = [0.0; NODES];
    for i in 0..NODES {
        depth[i] = ln_first - x[i];
    }
    for _ in 0..STEPS {
        equation.step(&mut depth);
    }
    depth
}

/// N(d) times a factor, from exp(-d^2/2) times it.
#[inline(always)]
pub(super) fn weighted_normal(factor: f64, d: f64, cut: f64, weighted_bell: f64) -> f64 {
    let tail = weighted_bell * tail_ratio(cut);
    if d > 0.0 { factor - tail } else { tail }
}

/// What stays the same in all steps.
struct Equation<'a> {
    put: &'a UnitPut,
    nodes: &'a Nodes,
    ln_first: f64,
    /// Square root of the node's time.
    root: [f64; NODES],
    /// 1 / (volatility * root).
    inverse_deviation: [f64; NODES],
    /// e^(-r a) and e^(-q a) at each point.
    discount: [[f64; NODES]; STEP_POINTS],
    carried: [[f64; NODES]; STEP_POINTS],
    /// The same over the node's whole time.
    whole_discount: [f64; NODES],
    whole_carried: [f64; NODES],
}

/// N and D at each node.
struct Sums {
    n: [f64; NODES],
    d: [f64; NODES],
}

impl<'a> Equation<'a> {
    #[inline(always)]
    fn new(put: &'a UnitPut, nodes: &'a Nodes, ln_first: f64) -> Self {
        let zeros = [0.0; NODES];
        let mut this = Self {
            put,
            nodes,
            ln_first,
            root: zeros,
            inverse_deviation: zeros,
            discount: [zeros; STEP_POINTS],
            carried: [zeros; STEP_POINTS],
            whole_discount: zeros,
            whole_carried: zeros,
        };
        let root_years = put.years.sqrt();
        for i in 0..NODES {
            let root = root_years * nodes.root[i];
            let time = root * root;
            this.root[i] = root;
            this.inverse_deviation[i] = 1.0 / (put.volatility * root);
            this.whole_discount[i] = exp(-put.rate * time);
            this.whole_carried[i] = exp(-put.dividend_yield * time);
        }
        for k in 0..STEP_POINTS {
            let passed = nodes.step.root[k] * nodes.step.root[k];
            for i in 0..NODES {
                let time = this.root[i] * this.root[i] * passed;
                this.discount[k][i] = exp(-put.rate * time);
                this.carried[k][i] = exp(-put.dividend_yield * time);
            }
        }
        this
    }

    /// One step of all nodes.
    #[inline(always)]
    fn step(&self, depth: &mut [f64; NODES]) {
        let mut sums = self.integrals(depth);
        self.add_whole(depth, &mut sums);
        for i in 0..NODES {
            let x = ln(sums.n[i] / sums.d[i]).0;
            depth[i] = smaller(larger(self.ln_first - x, 0.0), DEPTH_MAX);
        }
    }

    /// The sums over the points of the integrals.
    #[inline(always)]
    fn integrals(&self, depth: &[f64; NODES]) -> Sums {
        let (put, points) = (self.put, &self.nodes.step);
        let drift = put.rate - put.dividend_yield - 0.5 * put.volatility * put.volatility;
        let zeros = [0.0; NODES];
        let mut sums = Sums { n: zeros, d: zeros };
        for k in 0..STEP_POINTS {
            let from = &self.nodes.step_from[k];
            let (passed, inverse_passed) = (points.root[k], points.inverse_root[k]);
            let time_weight = points.time_weight[k];
            for i in 0..NODES {
                let mut square = from[0][i] * (depth[0] * depth[0]);
                for j in 1..NODES {
                    square = from[j][i].mul_add(depth[j] * depth[j], square);
                }
                let apart = larger(square, 0.0).sqrt() - depth[i];
                let root = self.root[i] * passed;
                let d2 = (drift * root).mul_add(root, apart) * (self.inverse_deviation[i] * inverse_passed);
                let d1 = put.volatility.mul_add(root, d2);
                let (cut1, cut2) = (smaller(d1.abs(), D_MAX), smaller(d2.abs(), D_MAX));
                let bell1 = self.carried[k][i] * exp(-0.5 * cut1 * cut1);
                let bell2 = self.discount[k][i] * exp(-0.5 * cut2 * cut2);
                let n = weighted_normal(self.discount[k][i], d2, cut2, bell2);
                let d = weighted_normal(self.carried[k][i], d1, cut1, bell1);
                sums.n[i] = time_weight.mul_add(n, sums.n[i]);
                sums.d[i] = time_weight.mul_add(d, sums.d[i]);
            }
        }
        sums
    }

    /// What is due at expiry, and the integrals times what they are multiplied by.
    #[inline(always)]
    fn add_whole(&self, depth: &[f64; NODES], sums: &mut Sums) {
        let put = self.put;
        let drift = put.rate - put.dividend_yield - 0.5 * put.volatility * put.volatility;
        for i in 0..NODES {
            let (root, inverse) = (self.root[i], self.inverse_deviation[i]);
            let d2 = (drift * root).mul_add(root, self.ln_first - depth[i]) * inverse;
            let d1 = put.volatility.mul_add(root, d2);
            let (cut1, cut2) = (smaller(d1.abs(), D_MAX), smaller(d2.abs(), D_MAX));
            let bell1 = self.whole_carried[i] * exp(-0.5 * cut1 * cut1);
            let bell2 = self.whole_discount[i] * exp(-0.5 * cut2 * cut2);
            let n = weighted_normal(self.whole_discount[i], d2, cut2, bell2);
            let d = weighted_normal(self.whole_carried[i], d1, cut1, bell1);
            let time = root * root;
            sums.n[i] = (put.rate * time).mul_add(sums.n[i], n);
            sums.d[i] = (put.dividend_yield * time).mul_add(sums.d[i], d);
        }
    }
}
