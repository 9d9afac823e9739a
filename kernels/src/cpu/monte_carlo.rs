//! Monte Carlo prices whose paths are addresses: the step of a path is drawn from its numbers alone, so that a path is
//! the same on every machine, in every order, and can be drawn again by itself.
//!
//! Philox ([`philox()`]) makes 128 bits of key (the seed) and counter (path, pair of steps), those make two normal numbers
//! ([`normals`]), and each of those a step of the underlying's logarithm. Each path is drawn with its mirror image (antithetic), the two
//! counted as one sample; a control of known mean takes away most of what is left of the error. Samples are added in
//! tiles of [`TILE`] by a fixed tree, tiles by another: the same bits on CPU and device, whose twin is
//! `cuda/monte_carlo.cuh`. [`longstaff_schwartz()`] prices American options on the same paths.
//!
//! A simulation allocates 40 bytes a tile, [`longstaff_schwartz()`] 16 bytes a step of a sample, at the call. Any thread may
//! call it. It refuses numbers that are not finite or outside of their limits ([`Unfit`]).

mod longstaff_schwartz;
mod moments;
mod normal;
mod paths;
mod philox;

use crate::cpu::pricing::elementary::{D_MAX, exp, ln, tail_ratio};
use crate::cpu::pricing::{Isa, PerIsa, smaller};
pub use longstaff_schwartz::longstaff_schwartz;
pub use moments::{Estimate, Moments, estimate};
pub use normal::normals;
pub use paths::{PathTerms, TILE, draw, tile};
pub use philox::philox;
use std::fmt;

/// What a path pays at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Payoff {
    /// By the last price. Control: that price.
    European = 0,
    /// By the mean of the prices after each step. Control: the payoff of their geometric mean.
    ArithmeticAsian = 1,
    /// By the geometric mean of the prices after each step. Control: that mean.
    GeometricAsian = 2,
}

/// An option, its market and how finely its paths are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Simulation {
    /// What a path pays.
    pub payoff: Payoff,
    /// A put; else a call.
    pub put: bool,
    /// Price of the underlying now, 1e-9 to 1e10.
    pub spot: f64,
    /// Strike, 1e-9 to 1e10.
    pub strike: f64,
    /// Interest rate, continuous, a year.
    pub rate: f64,
    /// Yield of the underlying, continuous, a year.
    pub dividend_yield: f64,
    /// Annual volatility.
    pub volatility: f64,
    /// Time to expiry.
    pub years: f64,
    /// Steps of equal length, 1 to 65,536.
    pub steps: u32,
}

/// Why a simulation cannot be run: what is not finite or outside of its limits, and what it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unfit(pub &'static str, pub f64);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, which is outside of its limits", self.0, self.1)
    }
}

impl std::error::Error for Unfit {}

/// No normal number that is drawn is farther from zero.
const NORMAL_MAX: f64 = 8.5;
/// How far a path's logarithm may come from that of the spot.
const LOG_MAX: f64 = 600.0;
/// Most samples of a simulation.
const SAMPLES_MAX: u64 = 1 << 40;

impl Simulation {
    fn check(&self, samples: u64) -> Result<(), Unfit> {
        let within = |what, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(Unfit(what, value)) }
        };
        within("spot", self.spot, 1e-9, 1e10)?;
        within("strike", self.strike, 1e-9, 1e10)?;
        within("rate", self.rate, -10.0, 10.0)?;
        within("dividend_yield", self.dividend_yield, -10.0, 10.0)?;
        within("volatility", self.volatility, 0.0, 100.0)?;
        within("years", self.years, 0.0, 100.0)?;
        within("steps", f64::from(self.steps), 1.0, 65_536.0)?;
        within("samples", samples as f64, 2.0, SAMPLES_MAX as f64)?;
        let growth = (self.rate.abs() + self.dividend_yield.abs()) * self.years;
        let variance = self.volatility * self.volatility * self.years;
        let reach = growth + 0.5 * variance + NORMAL_MAX * (variance * f64::from(self.steps)).sqrt();
        within("how far a path can come (its logarithm)", reach, 0.0, LOG_MAX)
    }

    /// What all paths share.
    ///
    /// # Errors
    /// See [`Unfit`].
    pub fn path_terms(&self, isa: Isa, seed: u64, samples: u64) -> Result<PathTerms, Unfit> {
        self.check(samples)?;
        Ok(isa.run(TermsOf { simulation: self, seed, samples }))
    }

    /// Mean and variance of the logarithm of what the closed form is about, without the spot's.
    #[inline(always)]
    fn log_moments(&self) -> (f64, f64) {
        let drift = self.rate - self.dividend_yield - 0.5 * self.volatility * self.volatility;
        let variance = self.volatility * self.volatility * self.years;
        let n = f64::from(self.steps);
        match self.payoff {
            Payoff::European => (drift * self.years, variance),
            // The mean of the sums of 1, 2, ... n steps.
            Payoff::ArithmeticAsian | Payoff::GeometricAsian => (
                drift * self.years * (n + 1.0) / (2.0 * n),
                variance * (n + 1.0) * (2.0 * n + 1.0) / (6.0 * n * n),
            ),
        }
    }

    /// The exact price by the closed form: of a European option, or of one on the geometric mean, which is the control of
    /// that on the arithmetic one.
    #[must_use]
    pub fn closed_form(&self, isa: Isa) -> f64 {
        isa.run(ClosedForm(self))
    }

    #[inline(always)]
    fn closed_form_inline(&self) -> f64 {
        let (mean, variance) = self.log_moments();
        let deviation = variance.sqrt();
        let discount = exp(-self.rate * self.years);
        let forward = self.spot * exp(mean + 0.5 * variance);
        let sign = if self.put { -1.0 } else { 1.0 };
        let at_expiry = sign * (forward - self.strike);
        if deviation < 1e-12 {
            return if at_expiry > 0.0 { discount * at_expiry } else { 0.0 };
        }
        let d1 = (ln(forward).0 - ln(self.strike).0) / deviation + 0.5 * deviation;
        let d2 = d1 - deviation;
        sign * discount * (forward * normal_below(sign * d1) - self.strike * normal_below(sign * d2))
    }
}

/// The normal distribution.
#[inline(always)]
fn normal_below(d: f64) -> f64 {
    let cut = smaller(d.abs(), D_MAX);
    let tail = exp(-0.5 * cut * cut) * tail_ratio(cut);
    if d > 0.0 { 1.0 - tail } else { tail }
}

struct ClosedForm<'a>(&'a Simulation);

impl PerIsa for ClosedForm<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        self.0.closed_form_inline()
    }
}

struct TermsOf<'a> {
    simulation: &'a Simulation,
    seed: u64,
    samples: u64,
}

impl PerIsa for TermsOf<'_> {
    type Output = PathTerms;

    #[inline(always)]
    fn run(self) -> PathTerms {
        let s = self.simulation;
        let time = s.years / f64::from(s.steps);
        let discount = exp(-s.rate * s.years);
        let (mean, variance) = s.log_moments();
        let control_mean = match s.payoff {
            Payoff::ArithmeticAsian => s.closed_form_inline(),
            Payoff::European | Payoff::GeometricAsian => discount * (s.spot * exp(mean + 0.5 * variance)),
        };
        PathTerms {
            samples: self.samples,
            key: [self.seed as u32, (self.seed >> 32) as u32],
            spot: s.spot,
            strike: s.strike,
            sign: if s.put { -1.0 } else { 1.0 },
            discount,
            drift: (s.rate - s.dividend_yield - 0.5 * s.volatility * s.volatility) * time,
            deviation: s.volatility * time.sqrt(),
            control_mean,
            inverse_steps: 1.0 / f64::from(s.steps),
            steps: s.steps,
            payoff: s.payoff as u32,
        }
    }
}
