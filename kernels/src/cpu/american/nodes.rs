//! The numbers that all American options share: where the boundary is known, where it is integrated, and what takes the
//! one to the other.
//!
//! Computed once from `+`, `*`, `/` and the square root in a fixed order, so that they are the same bits everywhere; the
//! device gets them as bytes.

use std::sync::LazyLock;

/// Times at which the boundary is kept, the expiry itself apart: lanes of a vector.
pub const NODES: usize = 8;
/// Points of the integrals of one fixed-point step, each of them for every node.
pub(super) const STEP_POINTS: usize = 12;
/// Points of the integral that gives the price.
pub(super) const PRICE_POINTS: usize = 32;

/// Cosine of pi / [`NODES`].
const COSINE_OF_A_STEP: f64 = 0.923_879_532_511_286_7;

/// Points of an integral over the time until some moment: the time that has passed is the whole times the square of
/// `root`, so that the integrands are smooth at both ends.
#[repr(C)]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Points<const N: usize> {
    /// Square root of the part of the time that has passed.
    pub(crate) root: [f64; N],
    /// 1 / root.
    pub(crate) inverse_root: [f64; N],
    /// Weight of an integrand.
    pub(crate) time_weight: [f64; N],
}

/// All of them. The layout is that of `cuda/american.cuh`.
#[repr(C, align(64))]
#[derive(Clone, Debug, PartialEq)]
pub struct Nodes {
    /// Square root of a node's time as a part of that of the whole time, the longest first.
    pub(crate) root: [f64; NODES],
    /// What the boundary at node j counts at the point k of the integral until node i, `[k][j][i]`.
    pub(crate) step_from: [[[f64; NODES]; NODES]; STEP_POINTS],
    /// What the boundary at node j counts at the point k of the price's integral, `[j][k]`.
    pub(crate) price_from: [[f64; PRICE_POINTS]; NODES],
    pub(crate) price: Points<PRICE_POINTS>,
    pub(crate) step: Points<STEP_POINTS>,
    /// Up to a whole line of cache, so that no byte of it is undefined.
    reserved: [f64; RESERVED],
}

const RESERVED: usize = 4;

static NODES_ALL: LazyLock<Nodes> = LazyLock::new(Nodes::compute);

impl Nodes {
    /// They, computed at the first call.
    #[must_use]
    pub fn shared() -> &'static Self {
        &NODES_ALL
    }

    fn compute() -> Self {
        let root = chebyshev();
        let (step, price) = (Points::compute(), Points::compute());
        let mut nodes = Self {
            root,
            step_from: [[[0.0; NODES]; NODES]; STEP_POINTS],
            price_from: [[0.0; PRICE_POINTS]; NODES],
            price,
            step,
            reserved: [0.0; RESERVED],
        };
        for j in 0..NODES {
            for (k, passed) in nodes.step.root.iter().enumerate() {
                for (i, node) in root.iter().enumerate() {
                    nodes.step_from[k][j][i] = basis(&root, j, node * left(*passed));
                }
            }
            for (k, passed) in nodes.price.root.iter().enumerate() {
                nodes.price_from[j][k] = basis(&root, j, left(*passed));
            }
        }
        nodes
    }

    /// Their bytes, as the device reads them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        let len = size_of::<Self>();
        // SAFETY: the struct is made of doubles without padding (a test adds them up), and bytes have no alignment.
        unsafe { std::slice::from_raw_parts(std::ptr::from_ref(self).cast(), len) }
    }
}

/// Square root of the part of the time that is left, from that of the part that has passed.
fn left(passed: f64) -> f64 {
    (1.0 - passed * passed).sqrt()
}

/// (1 + cos(i pi / NODES)) / 2 for i below NODES; the last one, zero, is expiry.
fn chebyshev() -> [f64; NODES] {
    let mut cosines = [1.0; NODES];
    cosines[1] = COSINE_OF_A_STEP;
    for i in 2..NODES {
        cosines[i] = 2.0 * COSINE_OF_A_STEP * cosines[i - 1] - cosines[i - 2];
    }
    cosines.map(|cosine| 0.5 * (1.0 + cosine))
}

/// The polynomial that is one at node j and zero at the others and at expiry, at x.
fn basis(root: &[f64; NODES], j: usize, x: f64) -> f64 {
    let others = (0..NODES).filter(|other| *other != j);
    others.fold(x / root[j], |product, other| product * ((x - root[other]) / (root[j] - root[other])))
}

impl<const N: usize> Points<N> {
    /// Gauss-Legendre on 0 to 1.
    fn compute() -> Self {
        let mut points = Self { root: [0.0; N], inverse_root: [0.0; N], time_weight: [0.0; N] };
        for (at, zero) in legendre_zeros::<N>().into_iter().enumerate() {
            let (_, slope) = legendre(N, zero);
            let weight = 2.0 / ((1.0 - zero * zero) * slope * slope);
            for (at, zero) in [(N / 2 + at, zero), (N / 2 - 1 - at, -zero)] {
                let root = 0.5 * (1.0 + zero);
                points.root[at] = root;
                points.inverse_root[at] = 1.0 / root;
                points.time_weight[at] = weight * root;
            }
        }
        points
    }
}

/// The Legendre polynomial of a degree and its slope.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for n in 2..=degree {
        let n = n as f64;
        let next = ((2.0 * n - 1.0) * x * value - (n - 1.0) * before) / n;
        (before, value) = (value, next);
    }
    (value, degree as f64 * (x * value - before) / (x * x - 1.0))
}

/// The zeros above zero of the polynomial of even degree N, ascending: by signs, so that no other function is needed.
fn legendre_zeros<const N: usize>() -> Vec<f64> {
    const STEPS: u32 = 4_096;
    let at = |step: u32| f64::from(step) / f64::from(STEPS);
    let negative = |x: f64| legendre(N, x).0 < 0.0;
    let brackets = (0..STEPS).filter(|step| negative(at(*step)) != negative(at(step + 1)));
    brackets.map(|step| bisect(at(step), at(step + 1), negative)).collect()
}

fn bisect(mut low: f64, mut high: f64, negative: impl Fn(f64) -> bool) -> f64 {
    let at_low = negative(low);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if negative(middle) == at_low { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_points_integrate_polynomials() {
        let points = &Nodes::shared().step;
        for power in 0..2 * STEP_POINTS as i32 - 1 {
            let terms = points.root.iter().zip(&points.time_weight).map(|(x, weight)| weight * x.powi(power));
            let error = terms.sum::<f64>() / 2.0 - 1.0 / f64::from(power + 2);
            assert!(error.abs() < 1e-14, "x^{power}: {error:e}");
        }
        let whole: f64 = Nodes::shared().price.time_weight.iter().sum();
        assert!((whole - 1.0).abs() < 1e-14, "{whole}");
    }

    #[test]
    fn the_interpolation_gives_polynomials_back() {
        let nodes = Nodes::shared();
        let polynomial = |x: f64| x * (0.3 + x * (x - 0.7) * (x * x - 2.0));
        for (k, passed) in nodes.step.root.iter().enumerate() {
            for (i, node) in nodes.root.iter().enumerate() {
                let sum: f64 = (0..NODES).map(|j| nodes.step_from[k][j][i] * polynomial(nodes.root[j])).sum();
                let expected = polynomial(node * left(*passed));
                assert!((sum - expected).abs() < 1e-14, "{k} {i}");
            }
        }
    }

    #[test]
    fn the_bytes_have_no_gaps() {
        let doubles = NODES
            + 3 * (STEP_POINTS + PRICE_POINTS)
            + STEP_POINTS * NODES * NODES
            + PRICE_POINTS * NODES
            + RESERVED;
        assert_eq!(size_of::<Nodes>(), doubles * 8);
        assert_eq!(Nodes::shared().as_bytes().len(), doubles * 8);
    }
}
