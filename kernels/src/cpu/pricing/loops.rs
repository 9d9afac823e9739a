//! The loops over options: a chain, whose contracts share an expiry's terms, or options that each have a market of their
//! own. One loop for both, for every model and for both sets of results; it differs in where its inputs come from.
//!
//! Options go through in tiles of 16 held in local arrays. That is what makes the compiler's vectors certain: arrays of
//! its own overlap nothing, and a short chain or the end of a long one is a tile filled up, not a loop of single numbers.
//!
//! Nothing allocates. [`price_chain`] refuses nothing, [`price_each`] what is out of range; both panic where a slice is
//! shorter than the results.

use super::elementary::ln;
use super::range::{self, Condition, Input, OutOfRange};
use super::{Contract, Contracts, Isa, PerIsa, Values};
use std::fmt::Debug;
use std::ops::{Index, IndexMut};

/// Options of a tile: two vectors of AVX-512 and four of AVX2, so that one waits for the other less.
pub(super) const LANES: usize = 16;

/// A tile's numbers, on lines of their own: a vector that straddles two lines costs twice, and where the compiler puts an
/// array is otherwise a matter of luck.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Lanes<T = f64>(pub(super) [T; LANES]);

impl<T: Copy> Lanes<T> {
    pub(super) const fn of(number: T) -> Self {
        Self([number; LANES])
    }
}

impl<T> Index<usize> for Lanes<T> {
    type Output = T;

    #[inline(always)]
    fn index(&self, lane: usize) -> &T {
        &self.0[lane]
    }
}

impl<T> IndexMut<usize> for Lanes<T> {
    #[inline(always)]
    fn index_mut(&mut self, lane: usize) -> &mut T {
        &mut self.0[lane]
    }
}

/// Price and sensitivities of one option. Currency units, years; a volatility or a rate of 1 is 100 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensitivities {
    /// Present value.
    pub price: f64,
    /// Change of the price for a change of the underlying by 1. The underlying is what the model says: its own price, or
    /// the forward.
    pub delta: f64,
    /// Change of delta for a change of the underlying by 1.
    pub gamma: f64,
    /// Change of the price for a change of the volatility by 1.
    pub vega: f64,
    /// Change of the price for a year that passes while underlying, rates and volatility stay.
    pub theta: f64,
    /// Change of the price for a change of the interest rate by 1 while the underlying and its yield stay.
    pub rho: f64,
    /// Change of delta for a change of the volatility by 1, which is that of vega for a change of the underlying by 1.
    pub vanna: f64,
    /// Change of vega for a change of the volatility by 1.
    pub volga: f64,
    /// Change of delta for a year that passes.
    pub charm: f64,
}

/// A model with the terms of one expiry: what computes a contract.
pub trait Model: Copy + Debug {
    /// Whether the logarithm of the strike is looked at.
    const TAKES_LOGARITHM: bool;

    /// Everything of one contract. What the caller does not look at is not computed.
    fn sensitivities(&self, contract: &Contract) -> Sensitivities;

    /// What a contract has to hold to.
    fn conditions(strike: f64, volatility: f64) -> [(bool, Input); 2];
}

/// Where the terms of options come from.
pub trait Markets: Copy + Debug {
    /// What computes them.
    type Model: Model;
    /// The markets of a tile of options.
    type Tile: Copy;

    /// The first so many, at least as many as there are results. Panics where there are fewer.
    #[must_use]
    fn cut(&self, len: usize) -> Self;

    /// Those of the tile that begins at this option.
    fn tile(&self, at: usize) -> Self::Tile;

    /// That of one option of a tile.
    fn model(tile: &Self::Tile, lane: usize) -> Self::Model;

    /// Whether that of an option holds to its limits.
    fn sound(&self, i: usize) -> bool;

    /// Why it does not.
    ///
    /// # Errors
    /// What is out of range.
    fn refused(&self, i: usize) -> Result<(), OutOfRange>;
}

/// One market for all options.
#[derive(Clone, Copy, Debug)]
pub(super) struct OneMarket<M>(pub(super) M);

impl<M: Model> Markets for OneMarket<M> {
    type Model = M;
    type Tile = M;

    #[inline(always)]
    fn cut(&self, _: usize) -> Self {
        *self
    }

    #[inline(always)]
    fn tile(&self, _: usize) -> M {
        self.0
    }

    #[inline(always)]
    fn model(tile: &M, _: usize) -> M {
        *tile
    }

    #[inline(always)]
    fn sound(&self, _: usize) -> bool {
        true
    }

    fn refused(&self, _: usize) -> Result<(), OutOfRange> {
        Ok(())
    }
}

/// Options without the logarithms of their strikes, one array a field: those are taken on the way and are the same.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// See [`Contract::strike`].
    pub strike: &'a [f64],
    /// See [`Contract::volatility`].
    pub volatility: &'a [f64],
    /// See [`Contract::sign`].
    pub sign: &'a [f64],
}

/// Contracts of a tile.
#[derive(Clone, Copy, Debug)]
pub struct ContractTile {
    strike: Lanes,
    ln_strike: Lanes,
    volatility: Lanes,
    sign: Lanes,
}

impl ContractTile {
    #[inline(always)]
    pub(super) fn at(&self, lane: usize) -> Contract {
        Contract {
            strike: self.strike[lane],
            ln_strike: self.ln_strike[lane],
            volatility: self.volatility[lane],
            sign: self.sign[lane],
        }
    }
}

/// Where contracts come from.
pub trait Chain: Copy + Debug {
    /// The first so many. Panics where there are fewer.
    #[must_use]
    fn cut(&self, len: usize) -> Self;

    /// Those of the tile that begins at this one.
    fn tile(&self, at: usize, takes_logarithm: bool) -> ContractTile;
}

/// A tile's part of a slice; what lies behind the slice's end is filled up.
#[inline(always)]
pub(super) fn lanes(slice: &[f64], at: usize, filling: f64) -> Lanes {
    match slice[at..].first_chunk() {
        Some(whole) => Lanes(*whole),
        None => filled_up(&slice[at..], filling),
    }
}

#[cold]
#[inline(never)]
fn filled_up(rest: &[f64], filling: f64) -> Lanes {
    let mut lanes = Lanes::of(filling);
    lanes.0[..rest.len()].copy_from_slice(rest);
    lanes
}

/// Stores a tile's part of a slice.
#[inline(always)]
fn store(slice: &mut [f64], at: usize, lanes: &Lanes) {
    match slice[at..].first_chunk_mut() {
        Some(whole) => *whole = lanes.0,
        None => store_rest(&mut slice[at..], lanes),
    }
}

#[cold]
#[inline(never)]
fn store_rest(rest: &mut [f64], lanes: &Lanes) {
    rest.copy_from_slice(&lanes.0[..rest.len()]);
}

impl Chain for Contracts<'_> {
    #[inline(always)]
    fn cut(&self, len: usize) -> Self {
        self.first(len)
    }

    #[inline(always)]
    fn tile(&self, at: usize, _: bool) -> ContractTile {
        ContractTile {
            strike: lanes(self.strike, at, 1.0),
            ln_strike: lanes(self.ln_strike, at, 0.0),
            volatility: lanes(self.volatility, at, 1.0),
            sign: lanes(self.sign, at, 1.0),
        }
    }
}

impl Chain for Options<'_> {
    #[inline(always)]
    fn cut(&self, len: usize) -> Self {
        Self { strike: &self.strike[..len], volatility: &self.volatility[..len], sign: &self.sign[..len] }
    }

    #[inline(always)]
    fn tile(&self, at: usize, takes_logarithm: bool) -> ContractTile {
        let strike = lanes(self.strike, at, 1.0);
        let mut ln_strike = Lanes::of(0.0);
        if takes_logarithm {
            for lane in 0..LANES {
                ln_strike[lane] = ln(strike[lane]).0;
            }
        }
        ContractTile {
            strike,
            ln_strike,
            volatility: lanes(self.volatility, at, 1.0),
            sign: lanes(self.sign, at, 1.0),
        }
    }
}

/// Price and five sensitivities, one array each, equally long. See [`Sensitivities`].
#[derive(Debug)]
pub struct Greeks<'a> {
    /// Price, delta and vega.
    pub values: Values<'a>,
    /// See [`Sensitivities::gamma`].
    pub gamma: &'a mut [f64],
    /// See [`Sensitivities::theta`].
    pub theta: &'a mut [f64],
    /// See [`Sensitivities::rho`].
    pub rho: &'a mut [f64],
}

/// Price and all sensitivities, one array each, equally long. See [`Sensitivities`].
#[derive(Debug)]
pub struct AllGreeks<'a> {
    /// Price and the first five.
    pub greeks: Greeks<'a>,
    /// See [`Sensitivities::vanna`].
    pub vanna: &'a mut [f64],
    /// See [`Sensitivities::volga`].
    pub volga: &'a mut [f64],
    /// See [`Sensitivities::charm`].
    pub charm: &'a mut [f64],
}

/// Results of a tile, in the order of the fields of [`Sensitivities`].
#[derive(Debug)]
pub struct ResultTile<'a>([&'a Lanes; 9]);

/// Where results go.
pub trait Results: Debug {
    /// Whether vanna, volga and charm are wanted.
    const HIGHER: bool;

    /// How many options.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes all arrays as long as the first. Panics where one is shorter.
    #[must_use]
    fn cut(self) -> Self;

    /// Stores a tile that begins at this option.
    fn store(&mut self, at: usize, tile: &ResultTile<'_>);
}

impl Results for Greeks<'_> {
    const HIGHER: bool = false;

    #[inline(always)]
    fn len(&self) -> usize {
        self.values.price.len()
    }

    #[inline(always)]
    fn cut(self) -> Self {
        let Values { price, delta, vega } = self.values;
        let len = price.len();
        Self {
            values: Values { price, delta: &mut delta[..len], vega: &mut vega[..len] },
            gamma: &mut self.gamma[..len],
            theta: &mut self.theta[..len],
            rho: &mut self.rho[..len],
        }
    }

    #[inline(always)]
    fn store(&mut self, at: usize, ResultTile([price, delta, gamma, vega, theta, rho, ..]): &ResultTile<'_>) {
        store(self.values.price, at, price);
        store(self.values.delta, at, delta);
        store(self.values.vega, at, vega);
        store(self.gamma, at, gamma);
        store(self.theta, at, theta);
        store(self.rho, at, rho);
    }
}

impl Results for AllGreeks<'_> {
    const HIGHER: bool = true;

    #[inline(always)]
    fn len(&self) -> usize {
        self.greeks.len()
    }

    #[inline(always)]
    fn cut(self) -> Self {
        let greeks = self.greeks.cut();
        let len = greeks.len();
        let (vanna, volga) = (&mut self.vanna[..len], &mut self.volga[..len]);
        Self { greeks, vanna, volga, charm: &mut self.charm[..len] }
    }

    #[inline(always)]
    fn store(&mut self, at: usize, tile: &ResultTile<'_>) {
        let ResultTile([.., vanna, volga, charm]) = tile;
        self.greeks.store(at, tile);
        store(self.vanna, at, vanna);
        store(self.volga, at, volga);
        store(self.charm, at, charm);
    }
}

/// Prices all contracts of an expiry: as many as the results are long. Inputs out of range give numbers without meaning.
///
/// # Panics
/// When another slice is shorter than `out`'s prices.
pub fn price_chain<M: Model>(isa: Isa, model: &M, contracts: &impl Chain, out: impl Results) {
    isa.run(Pricing { markets: OneMarket(*model), contracts: *contracts, out });
}

/// Prices options of which each has a market of its own: as many as the results are long.
///
/// # Errors
/// The first option of which something is out of range; nothing is priced then.
///
/// # Panics
/// When another slice is shorter than `out`'s prices.
pub fn price_each<M: Markets>(
    isa: Isa,
    markets: &M,
    options: &Options<'_>,
    out: impl Results,
) -> Result<(), OutOfRange> {
    let len = out.len();
    refuse_unsound(isa, markets, options, len)?;
    isa.run(Pricing { markets: markets.cut(len), contracts: options.cut(len), out });
    Ok(())
}

/// Looks at the inputs of so many options with their markets.
///
/// # Errors
/// The first option of which something is out of range.
pub(crate) fn refuse_unsound<M: Markets>(
    isa: Isa,
    markets: &M,
    options: &Options<'_>,
    len: usize,
) -> Result<(), OutOfRange> {
    let (markets, options) = (markets.cut(len), options.cut(len));
    if isa.run(Soundness { markets, options }) {
        return Ok(());
    }
    (0..len).try_for_each(|i| {
        markets.refused(i)?;
        range::refused(i, contract_conditions::<M::Model>(&options, i))
    })
}

/// One contract by itself: the bits that the loops give.
#[must_use]
pub fn sensitivities_one<M: Model>(isa: Isa, model: &M, contract: &Contract) -> Sensitivities {
    isa.run(One { model: *model, contract: *contract })
}

struct One<M> {
    model: M,
    contract: Contract,
}

impl<M: Model> PerIsa for One<M> {
    type Output = Sensitivities;

    #[inline(always)]
    fn run(self) -> Sensitivities {
        self.model.sensitivities(&self.contract)
    }
}

#[inline(always)]
fn contract_conditions<M: Model>(options: &Options<'_>, i: usize) -> [Condition; 3] {
    let [strike, volatility] = M::conditions(options.strike[i], options.volatility[i]);
    [strike, volatility, range::sign(options.sign[i])]
}

/// Whether all inputs hold to their limits.
struct Soundness<'a, M> {
    markets: M,
    options: Options<'a>,
}

impl<M: Markets> PerIsa for Soundness<'_, M> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let mut unsound = 0u64;
        for i in 0..self.options.strike.len() {
            let contract = range::all(&contract_conditions::<M::Model>(&self.options, i));
            unsound += u64::from(!(contract & self.markets.sound(i)));
        }
        unsound == 0
    }
}

struct Pricing<M, C, R> {
    markets: M,
    contracts: C,
    out: R,
}

impl<M: Markets, C: Chain, R: Results> PerIsa for Pricing<M, C, R> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut out = self.out.cut();
        let len = out.len();
        let (markets, contracts) = (self.markets.cut(len), self.contracts.cut(len));
        let mut at = 0;
        while at < len {
            let market = markets.tile(at);
            let contract = contracts.tile(at, M::Model::TAKES_LOGARITHM);
            let [mut price, mut delta, mut gamma, mut vega, mut theta, mut rho] = [Lanes::of(0.0); 6];
            let [mut vanna, mut volga, mut charm] = [Lanes::of(0.0); 3];
            for lane in 0..LANES {
                let s = M::model(&market, lane).sensitivities(&contract.at(lane));
                price[lane] = s.price;
                delta[lane] = s.delta;
                gamma[lane] = s.gamma;
                vega[lane] = s.vega;
                theta[lane] = s.theta;
                rho[lane] = s.rho;
                if R::HIGHER {
                    vanna[lane] = s.vanna;
                    volga[lane] = s.volga;
                    charm[lane] = s.charm;
                }
            }
            let tile = [&price, &delta, &gamma, &vega, &theta, &rho, &vanna, &volga, &charm];
            out.store(at, &ResultTile(tile));
            at += LANES;
        }
    }
}
