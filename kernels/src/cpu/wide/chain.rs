//! Options of one underlying and one expiry, priced and quoted a tile at a time.

use super::tables::{VECTOR, WideTables};
use crate::cpu::option_quote::{ChainQuotes, quote};
use crate::cpu::pricing::{ForwardTerms, Isa, Values, value, value_one};
use std::ops::Range;

/// Contracts priced at a time: their inputs and outputs stay in the first-level cache.
const TILE: usize = 256;

const _: () = assert!(TILE.is_multiple_of(VECTOR));

/// Where a tile's values stand, and what computes them.
#[derive(Debug)]
pub(super) struct Chain {
    isa: Isa,
    tile: Box<Tile>,
}

#[derive(Debug)]
struct Tile {
    price: [f64; TILE],
    delta: [f64; TILE],
    vega: [f64; TILE],
    /// Values of items, one array a value.
    quotes: [[i64; TILE]; 5],
}

impl Chain {
    pub(super) fn new(isa: Isa) -> Self {
        let zeros = [0.0; TILE];
        Self { isa, tile: Box::new(Tile { price: zeros, delta: zeros, vega: zeros, quotes: [[0; TILE]; 5] }) }
    }

    pub(super) fn isa(&self) -> Isa {
        self.isa
    }

    /// Gives the values of each option in this range, ascending, all of them of the expiry that `terms` are of.
    pub(super) fn for_each(
        &mut self,
        tables: &WideTables,
        terms: &ForwardTerms,
        volatilities: &[f64],
        options: Range<usize>,
        mut each: impl FnMut(usize, [i64; 5]),
    ) {
        for start in options.clone().step_by(TILE) {
            let tile = start..(start + TILE).min(options.end);
            if self.fill(tables, terms, volatilities, tile.clone()) {
                let [bid, offer, theoretical, delta, vega] = &self.tile.quotes;
                for (at, option) in tile.enumerate() {
                    each(option, [bid[at], offer[at], theoretical[at], delta[at], vega[at]]);
                }
            } else {
                one_by_one(tables, terms, volatilities, tile, &mut each);
            }
        }
    }

    /// Fills the tile, some of it with values that nobody looks at; false, and nothing is of use, where a number needs the slow way.
    fn fill(
        &mut self,
        tables: &WideTables,
        terms: &ForwardTerms,
        volatilities: &[f64],
        options: Range<usize>,
    ) -> bool {
        let len = options.len().next_multiple_of(VECTOR);
        let options = options.start..options.start + len;
        let Tile { price, delta, vega, quotes: [bid, offer, theoretical, delta_e9, vega_e9] } =
            &mut *self.tile;
        let (price, delta, vega) = (&mut price[..len], &mut delta[..len], &mut vega[..len]);
        let contracts = tables.contracts(options.clone(), volatilities);
        value(self.isa, terms, &contracts, Values { price, delta, vega });
        let quotes = ChainQuotes { bid, offer, theoretical, delta: delta_e9, vega: vega_e9 };
        quotes.fill(self.isa, tables.rules(), options, &Values { price, delta, vega })
    }
}

/// The same answers in the form for one option, whatever the numbers.
#[cold]
fn one_by_one(
    tables: &WideTables,
    terms: &ForwardTerms,
    volatilities: &[f64],
    options: Range<usize>,
    each: &mut impl FnMut(usize, [i64; 5]),
) {
    for option in options {
        let contract = tables.contracts(option..option + 1, volatilities).at(0);
        each(option, quote(&value_one(terms, &contract), &tables.options()[option]));
    }
}
