//! Implied volatilities from a warm start: the volatility that a price has, found from one that is near, the last tick's.
//!
//! A fixed number of Halley's steps on the logarithm of the price, so that there is no branch and a contract's bits are
//! those of its own inputs, as in pricing. The option is turned into the one out of the money that put-call parity gives:
//! its value is what is left of the price after the intrinsic value, and loses no digits in what follows. A step cubes the
//! error: a start 5 % off is within 4e-5 after one step and within rounding after two; [`STEPS`] are for starts as they come
//! from tick to tick. A start that is zero or no number is replaced by a guess, from which ten steps do.
//!
//! Nothing allocates. No volatility is given for an impossible price or where the steps were too few, and why is said for
//! each option ([`NoVolatility`]); [`super::cold`] finds it without a start.

mod inversion;

use super::loops::{Chain, LANES, Lanes, Markets, Model, OneMarket, Options, lanes};
use super::{Contract, Isa, PerIsa};
pub use inversion::{Invertible, Point, Problem};
use inversion::{Step, step, verdict};
use std::fmt;

/// Steps for a start that is within a few percent.
pub const STEPS: u32 = 2;

/// Why an option has no volatility.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum NoVolatility {
    /// The start was too far away for so many steps.
    NotConverged = 1,
    /// The price is the intrinsic value: any volatility near zero gives it.
    NoTimeValue,
    /// The price is below the intrinsic value.
    BelowIntrinsic,
    /// A call is not below the forward's present value, or a put not below the strike's.
    AboveBound,
    /// The option has expired.
    NoTime,
    /// The price is no finite number.
    NotFinite,
}

impl NoVolatility {
    /// By its number; 0 is none.
    #[inline(always)]
    pub(crate) fn numbered(number: u64) -> Option<Self> {
        const ALL: [Option<NoVolatility>; 8] = [
            None,
            Some(NoVolatility::NotConverged),
            Some(NoVolatility::NoTimeValue),
            Some(NoVolatility::BelowIntrinsic),
            Some(NoVolatility::AboveBound),
            Some(NoVolatility::NoTime),
            Some(NoVolatility::NotFinite),
            None,
        ];
        ALL[number as usize % ALL.len()]
    }
}

impl fmt::Display for NoVolatility {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NotConverged => "no volatility found in these steps: start nearer, or take a cold start",
            Self::NoTimeValue => "the price is the intrinsic value: no volatility shows in it",
            Self::BelowIntrinsic => "the price is below the intrinsic value",
            Self::AboveBound => "the price is not below what a call or put can be worth at most",
            Self::NoTime => "the option has expired",
            Self::NotFinite => "the price is no finite number",
        })
    }
}

impl std::error::Error for NoVolatility {}

/// Where volatilities go, as many as there are prices.
#[derive(Debug)]
pub struct Volatilities<'a> {
    /// The volatility, a year; 0 where there is none.
    pub volatility: &'a mut [f64],
    /// Why there is none.
    pub refused: &'a mut [Option<NoVolatility>],
}

/// Volatilities of all contracts of an expiry, whose `volatility` is the start, by their prices.
///
/// # Panics
/// When another slice is shorter than `out.volatility`.
pub fn implied_volatility<M: Invertible>(
    isa: Isa,
    model: &M,
    contracts: &impl Chain,
    prices: &[f64],
    steps: u32,
    out: Volatilities<'_>,
) {
    isa.run(Solving { markets: OneMarket(*model), contracts: *contracts, prices, steps, out });
}

/// Volatilities of options that have markets of their own, by their prices. Inputs out of range give no volatility or one
/// without meaning.
///
/// # Panics
/// When another slice is shorter than `out.volatility`.
pub fn implied_volatility_of_each<M>(
    isa: Isa,
    markets: &M,
    options: &Options<'_>,
    prices: &[f64],
    steps: u32,
    out: Volatilities<'_>,
) where
    M: Markets<Model: Invertible>,
{
    isa.run(Solving { markets: *markets, contracts: *options, prices, steps, out });
}

/// One volatility by itself: the bits that the loops give.
///
/// # Errors
/// Why there is none.
pub fn implied_volatility_one<M: Invertible>(
    isa: Isa,
    model: &M,
    contract: &Contract,
    price: f64,
    steps: u32,
) -> Result<f64, NoVolatility> {
    let [found] = implied_volatilities_of(isa, model, contract, [price], steps);
    found
}

/// The volatilities that a few prices of one contract have, such as its bid and its offer: the bits that the loops give, in
/// less time than a tile of them takes.
pub fn implied_volatilities_of<M: Invertible, const N: usize>(
    isa: Isa,
    model: &M,
    contract: &Contract,
    prices: [f64; N],
    steps: u32,
) -> [Result<f64, NoVolatility>; N] {
    isa.run(SolvingFew { model, contract, prices, steps })
}

struct SolvingFew<'a, M, const N: usize> {
    model: &'a M,
    contract: &'a Contract,
    prices: [f64; N],
    steps: u32,
}

impl<M: Invertible, const N: usize> PerIsa for SolvingFew<'_, M, N> {
    type Output = [Result<f64, NoVolatility>; N];

    #[inline(always)]
    fn run(self) -> Self::Output {
        let problems = self.prices.map(|price| self.model.problem(self.contract, price));
        let inverse_wanted = problems.map(|problem| 1.0 / problem.wanted);
        // Without a step nothing has converged.
        let start = |problem: Problem| Step { deviation: problem.start, newton: 0.0, distance: f64::MAX };
        let mut last = problems.map(start);
        // All of them take a step together, so that one does not wait for the other.
        for _ in 0..self.steps {
            for at in 0..N {
                let Problem { smaller_side, apart, .. } = problems[at];
                last[at] = step::<M>(smaller_side, apart, inverse_wanted[at], last[at].deviation);
            }
        }
        std::array::from_fn(|at| {
            let why = verdict(problems[at].refused, &last[at]);
            NoVolatility::numbered(why).map_or(Ok(last[at].deviation / problems[at].sqrt_years), Err)
        })
    }
}

struct Solving<'a, M, C> {
    markets: M,
    contracts: C,
    prices: &'a [f64],
    steps: u32,
    out: Volatilities<'a>,
}

impl<M: Markets<Model: Invertible>, C: Chain> PerIsa for Solving<'_, M, C> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Volatilities { volatility, refused } = self.out;
        let len = volatility.len();
        let (refused, prices) = (&mut refused[..len], &self.prices[..len]);
        let (markets, contracts) = (self.markets.cut(len), self.contracts.cut(len));
        let mut tile = Tile::EMPTY;
        let mut at = 0;
        while at < len {
            let market = markets.tile(at);
            let contract = contracts.tile(at, M::Model::TAKES_LOGARITHM);
            let price = lanes(prices, at, 1.0);
            for (lane, price) in price.0.iter().enumerate() {
                tile.begin(lane, &M::model(&market, lane).problem(&contract.at(lane), *price));
            }
            for _ in 0..self.steps {
                for lane in 0..LANES {
                    tile.step::<M::Model>(lane);
                }
            }
            let rest = volatility[at..].iter_mut().zip(&mut refused[at..]).take(LANES);
            let (found, why) = tile.end();
            for (lane, (volatility, refused)) in rest.enumerate() {
                *volatility = found[lane];
                *refused = NoVolatility::numbered(why[lane]);
            }
            at += LANES;
        }
    }
}

/// Problems of a tile and how far they are, one array a field.
struct Tile {
    smaller_side: Lanes,
    apart: Lanes,
    inverse_wanted: Lanes,
    sqrt_years: Lanes,
    refused: Lanes<u64>,
    deviation: Lanes,
    newton: Lanes,
    distance: Lanes,
}

impl Tile {
    const EMPTY: Self = {
        let zeros = Lanes::of(0.0);
        Self {
            smaller_side: zeros,
            apart: zeros,
            inverse_wanted: zeros,
            sqrt_years: zeros,
            refused: Lanes::of(0),
            deviation: zeros,
            newton: zeros,
            // Without a step nothing has converged.
            distance: Lanes::of(f64::MAX),
        }
    };

    #[inline(always)]
    fn begin(&mut self, lane: usize, problem: &Problem) {
        self.smaller_side[lane] = problem.smaller_side;
        self.apart[lane] = problem.apart;
        self.inverse_wanted[lane] = 1.0 / problem.wanted;
        self.sqrt_years[lane] = problem.sqrt_years;
        self.refused[lane] = problem.refused;
        self.deviation[lane] = problem.start;
    }

    #[inline(always)]
    fn step<M: Invertible>(&mut self, lane: usize) {
        let (smaller_side, apart) = (self.smaller_side[lane], self.apart[lane]);
        let step = step::<M>(smaller_side, apart, self.inverse_wanted[lane], self.deviation[lane]);
        self.deviation[lane] = step.deviation;
        self.newton[lane] = step.newton;
        self.distance[lane] = step.distance;
    }

    /// The volatilities, and the numbers of why there is none.
    #[inline(always)]
    fn end(&self) -> (Lanes, Lanes<u64>) {
        let (mut volatility, mut refused) = (Lanes::of(0.0), Lanes::of(0));
        for lane in 0..LANES {
            let deviation = self.deviation[lane];
            let last = Step { deviation, newton: self.newton[lane], distance: self.distance[lane] };
            let why = verdict(self.refused[lane], &last);
            let found = deviation / self.sqrt_years[lane];
            volatility[lane] = if why == 0 { found } else { 0.0 };
            refused[lane] = why;
        }
        (volatility, refused)
    }
}
