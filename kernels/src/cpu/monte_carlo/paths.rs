//! A tile of samples: each a path and its mirror image, what they pay and their control, added by a fixed tree.

use super::{Moments, Payoff, normals, philox};
use crate::cpu::pricing::elementary::exp;
use crate::cpu::pricing::{Isa, PerIsa, larger};

/// Samples of a tile: threads of a block on a device.
pub const TILE: usize = 256;

/// What all paths of a simulation share. The layout is that of `cuda/monte_carlo.cuh`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathTerms {
    /// Samples of the simulation; those of the last tile beyond them count nothing.
    pub samples: u64,
    /// The seed.
    pub key: [u32; 2],
    /// Price of the underlying now.
    pub spot: f64,
    /// Strike.
    pub strike: f64,
    /// 1 for a call, -1 for a put.
    pub sign: f64,
    /// Of what is paid at the end.
    pub discount: f64,
    /// Change of the logarithm in a step, its mean.
    pub drift: f64,
    /// Its standard deviation.
    pub deviation: f64,
    /// The control's mean.
    pub control_mean: f64,
    /// 1 / steps.
    pub inverse_steps: f64,
    /// Steps of a path.
    pub steps: u32,
    /// See [`Payoff`].
    pub payoff: u32,
}

/// The paths of a tile, or their mirror images.
struct Paths {
    /// Logarithm of the price over the spot.
    log: [f64; TILE],
    /// Sums over the steps of what the payoff needs: of logarithms, of prices over the spot.
    log_sum: [f64; TILE],
    price_sum: [f64; TILE],
}

impl Paths {
    const START: Self = Self { log: [0.0; TILE], log_sum: [0.0; TILE], price_sum: [0.0; TILE] };

    /// A step of path i by a normal number.
    #[inline(always)]
    fn step(&mut self, terms: &PathTerms, i: usize, normal: f64, asian: bool, arithmetic: bool) {
        self.log[i] = terms.deviation.mul_add(normal, self.log[i] + terms.drift);
        if asian {
            self.log_sum[i] += self.log[i];
        }
        if arithmetic {
            self.price_sum[i] += exp(self.log[i]);
        }
    }

    /// What path i pays, discounted, and its control.
    #[inline(always)]
    fn end(&self, terms: &PathTerms, i: usize, asian: bool, arithmetic: bool) -> (f64, f64) {
        let log = if asian { self.log_sum[i] * terms.inverse_steps } else { self.log[i] };
        let price = terms.spot * exp(log);
        let paid = |price: f64| terms.discount * larger(terms.sign * (price - terms.strike), 0.0);
        if arithmetic {
            return (paid(terms.spot * (self.price_sum[i] * terms.inverse_steps)), paid(price));
        }
        (paid(price), terms.discount * price)
    }
}

/// The sums over one tile of samples.
#[must_use]
pub fn tile(isa: Isa, terms: &PathTerms, tile: u64) -> Moments {
    isa.run(Tile { terms, tile })
}

struct Tile<'a> {
    terms: &'a PathTerms,
    tile: u64,
}

impl PerIsa for Tile<'_> {
    type Output = Moments;

    #[inline(always)]
    fn run(self) -> Moments {
        match self.terms.payoff {
            payoff if payoff == Payoff::European as u32 => sums(self.terms, self.tile, false, false),
            payoff if payoff == Payoff::ArithmeticAsian as u32 => sums(self.terms, self.tile, true, true),
            _ => sums(self.terms, self.tile, true, false),
        }
    }
}

#[inline(always)]
fn sums(terms: &PathTerms, tile: u64, asian: bool, arithmetic: bool) -> Moments {
    let (mut paths, mut mirrored) = (Paths::START, Paths::START);
    let first = tile * TILE as u64;
    for pair in 0..terms.steps.div_ceil(2) {
        let whole = 2 * pair + 1 < terms.steps;
        for i in 0..TILE {
            let path = first + i as u64;
            let counter = [pair, 0, path as u32, (path >> 32) as u32];
            let (one, other) = normals(philox(counter, terms.key));
            paths.step(terms, i, one, asian, arithmetic);
            mirrored.step(terms, i, -one, asian, arithmetic);
            if whole {
                paths.step(terms, i, other, asian, arithmetic);
                mirrored.step(terms, i, -other, asian, arithmetic);
            }
        }
    }
    let mut columns = [[0.0; TILE]; 5];
    for i in 0..TILE {
        let (value, control) = paths.end(terms, i, asian, arithmetic);
        let (value_mirrored, control_mirrored) = mirrored.end(terms, i, asian, arithmetic);
        let counts = first + (i as u64) < terms.samples;
        let value = if counts { 0.5 * (value + value_mirrored) } else { 0.0 };
        let control = 0.5 * (control + control_mirrored) - terms.control_mean;
        let control = if counts { control } else { 0.0 };
        let row = [value, value * value, control, control * control, value * control];
        columns.iter_mut().zip(row).for_each(|(column, term)| column[i] = term);
    }
    Moments(columns.map(halved))
}

/// The sum: the upper half is added to the lower one until one number is left.
#[inline(always)]
fn halved(mut terms: [f64; TILE]) -> f64 {
    let mut half = TILE / 2;
    while half > 0 {
        for i in 0..half {
            terms[i] += terms[i + half];
        }
        half /= 2;
    }
    terms[0]
}

/// Draws one path by itself: the logarithm of the price over the spot after each step, and that of its mirror image, as
/// many as the shorter slice has room for.
pub fn draw(isa: Isa, terms: &PathTerms, path: u64, out: &mut [f64], mirrored: &mut [f64]) {
    isa.run(Draw { terms, path, out, mirrored });
}

struct Draw<'a> {
    terms: &'a PathTerms,
    path: u64,
    out: &'a mut [f64],
    mirrored: &'a mut [f64],
}

impl PerIsa for Draw<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { terms, path, out, mirrored } = self;
        let (mut log, mut log_mirrored) = (0.0, 0.0);
        for (pair, (out, mirrored)) in out.chunks_mut(2).zip(mirrored.chunks_mut(2)).enumerate() {
            let counter = [pair as u32, 0, path as u32, (path >> 32) as u32];
            let (one, other) = normals(philox(counter, terms.key));
            for ((out, mirrored), normal) in out.iter_mut().zip(mirrored).zip([one, other]) {
                log = terms.deviation.mul_add(normal, log + terms.drift);
                log_mirrored = terms.deviation.mul_add(-normal, log_mirrored + terms.drift);
                (*out, *mirrored) = (log, log_mirrored);
            }
        }
    }
}
