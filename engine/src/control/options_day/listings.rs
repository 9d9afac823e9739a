//! What an options day begins with: underlyings with their surfaces, contracts around them, listings with their sizes.

use super::contracts::{ChainShape, Contract, ExpiryTerms, Right, strikes, underlying_symbol};
use super::surface::Surface;
use super::tape::Listing;
use feeds::source::synthetic::Prng;
use feeds::symbol::Symbol;

/// One underlying.
#[derive(Clone, Debug)]
pub struct Underlying {
    /// `U` and two letters.
    pub symbol: Symbol,
    /// Its mid at the opening, cents.
    pub opening_cents: i64,
    /// Its mid now, cents; quotes are a cent on either side.
    pub mid_cents: i64,
    /// What its options are quoted from.
    pub surface: Surface,
    /// A planted mispricing is on.
    pub(super) is_held: bool,
}

pub(super) fn underlying(prng: &mut Prng, number: usize) -> Underlying {
    let cents = 3_000 + i64::from(prng.below(37_001));
    let surface = Surface::draw(prng);
    let symbol = underlying_symbol(number);
    Underlying { symbol, opening_cents: cents, mid_cents: cents, surface, is_held: false }
}

/// Contracts by expiry, strike, right.
pub(super) fn chain(
    number: usize,
    of: &Underlying,
    shape: ChainShape,
) -> impl Iterator<Item = Contract> + use<> {
    let strikes = strikes(of.opening_cents, shape.strikes);
    let in_expiry = move |expiry| strikes.clone().into_iter().map(move |strike_e9| (expiry, strike_e9));
    let options = (0..shape.expiries).flat_map(in_expiry);
    options.flat_map(move |(expiry, strike_e9)| {
        [Right::Call, Right::Put].map(|right| Contract { underlying: number, expiry, strike_e9, right })
    })
}

pub(super) fn list(
    prng: &mut Prng,
    underlyings: &[Underlying],
    contracts: &[Contract],
    expiries: &[ExpiryTerms],
) -> Vec<Listing> {
    let mut listings = Vec::with_capacity(2 * underlyings.len() + contracts.len());
    let mut locates = [0u16; 2];
    let mut add = |venue: u8, symbol, fresh, is_option| {
        let locate = &mut locates[usize::from(venue)];
        *locate += 1;
        listings.push(Listing { venue, symbol, locate: *locate, fresh, sides: [None; 2], is_option });
    };
    for venue in 0..2 {
        for of in underlyings {
            // Enough shares for ten to fifty contracts.
            add(venue, of.symbol, [(); 2].map(|()| 1_000 + 100 * prng.below(41)), false);
        }
    }
    for contract in contracts {
        add(0, contract.symbol(expiries), [(); 2].map(|()| 5 + prng.below(46)), true);
    }
    listings
}
