//! What the CPU backend of wide work remembers between ticks, and its one computation.

use super::answer::{AdoptError, WideAnswer};
use super::spec::volatility_fits;
use super::tables::{ChainRun, WideTables};
use crate::abi::{ItemKey, ItemKind, Touch, WideItem};
use crate::cpu::arbitrage::{NO_HIT, evaluate, fold};
use crate::cpu::option_quote::{ChainQuotes, NO_QUOTE, mid_in_currency_units, mid_of, quote};
use crate::cpu::pricing::{ForwardTerms, Isa, Values, value, value_one};
use crate::cpu::query::Bbo;
use feeds::units::PRICE_NONE;
use std::fmt::{Display, Formatter};
use std::ops::Range;
use std::sync::Arc;

/// Contracts priced at a time: their inputs and outputs stay in the first-level cache.
const TILE: usize = 256;

/// A volatility outside 0 to 1,000, or an option that does not exist: nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolatilityRefused;

/// Touches, mids, volatilities, and the last answer of every item. A fresh one holds no prices, and the last answer of
/// every item is that there is nothing to take or to quote.
#[derive(Debug)]
pub struct WideState {
    tables: Arc<WideTables>,
    isa: Isa,
    touches: Vec<Touch>,
    /// 1e-9; [`PRICE_NONE`] where options have nothing to go by.
    mids: Vec<i64>,
    volatilities: Vec<f64>,
    last_relations: Vec<[i64; 5]>,
    /// Bid and offer: what decides whether an option has changed.
    last_quotes: Vec<[i64; 2]>,
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

impl Tile {
    const ZERO: Self =
        Self { price: [0.0; TILE], delta: [0.0; TILE], vega: [0.0; TILE], quotes: [[0; TILE]; 5] };
}

impl WideState {
    /// A fresh state on the widest instruction set of this machine.
    #[must_use]
    pub fn new(tables: &Arc<WideTables>) -> Self {
        Self::on(Isa::detect(), tables)
    }

    /// A fresh state on a given instruction set: the bits are the same on each.
    #[must_use]
    pub fn on(isa: Isa, tables: &Arc<WideTables>) -> Self {
        Self {
            isa,
            touches: vec![Touch::default(); tables.listings().len()],
            mids: vec![PRICE_NONE; tables.listings().len()],
            volatilities: tables.options().iter().map(|option| option.volatility).collect(),
            last_relations: vec![NO_HIT; tables.relations().len()],
            last_quotes: vec![quoted(&NO_QUOTE); tables.options().len()],
            tile: Box::new(Tile::ZERO),
            tables: Arc::clone(tables),
        }
    }

    /// The tables that it works on.
    #[must_use]
    pub fn tables(&self) -> &Arc<WideTables> {
        &self.tables
    }

    /// The listing's best bid and offer with fees, as last set.
    #[must_use]
    pub fn touch(&self, listing: u32) -> &Touch {
        &self.touches[listing as usize]
    }

    /// The mid that options on the listing are priced at, 1e-9, or [`PRICE_NONE`].
    #[must_use]
    pub fn mid(&self, listing: u32) -> i64 {
        self.mids[listing as usize]
    }

    /// The option's volatility, as specified or last set.
    #[must_use]
    pub fn volatility(&self, option: u32) -> f64 {
        self.volatilities[option as usize]
    }

    /// The listing's best bid and offer are these now, and it counts (`eligible`) or not. Says whether anything that is
    /// computed from it can have changed.
    pub fn set_touch(&mut self, listing: u32, bbo: &Bbo, eligible: bool) -> bool {
        let at = listing as usize;
        let (touch, mid) = if eligible {
            (fold(bbo, &self.tables.listings()[at]), mid_of(bbo))
        } else {
            (Touch::default(), PRICE_NONE)
        };
        let changed = self.touches[at] != touch || self.mids[at] != mid;
        self.touches[at] = touch;
        self.mids[at] = mid;
        changed
    }

    /// The option's volatility from now on; it counts at the next request for its underlying.
    ///
    /// # Errors
    /// When it is outside 0 to 1,000 or there is no such option.
    pub fn set_volatility(&mut self, option: u32, volatility: f64) -> Result<(), VolatilityRefused> {
        match self.volatilities.get_mut(option as usize) {
            Some(place) if volatility_fits(volatility) => *place = volatility,
            _ => return Err(VolatilityRefused),
        }
        Ok(())
    }

    /// Answers one request: every item that depends on the listing and differs from its last answer, or every one that
    /// depends on it when `full`, in ascending order of keys. What is answered becomes the items' last answer.
    pub fn compute(&mut self, listing: u32, full: bool, answer: &mut WideAnswer) {
        answer.clear();
        let tables = Arc::clone(&self.tables);
        for &relation in tables.relations_of(listing) {
            let values = evaluate(&tables.relations()[relation as usize], tables.listings(), &self.touches);
            if remember(&mut self.last_relations[relation as usize], values) || full {
                put(answer, ItemKind::Relation, relation, values);
            }
        }
        for run in tables.runs_of(listing) {
            self.compute_run(&tables, run, self.mids[listing as usize], full, answer);
        }
    }

    fn compute_run(
        &mut self,
        tables: &WideTables,
        run: &ChainRun,
        mid: i64,
        full: bool,
        answer: &mut WideAnswer,
    ) {
        let options = run.start as usize..run.end as usize;
        if mid == PRICE_NONE {
            for option in options {
                self.answer_option(option, NO_QUOTE, full, answer);
            }
            return;
        }
        let terms = ForwardTerms::new(&tables.expiries()[run.expiry as usize], mid_in_currency_units(mid));
        for start in options.clone().step_by(TILE) {
            let tile = start..(start + TILE).min(options.end);
            if self.value_and_quote(tables, &terms, tile.clone()) {
                self.answer_tile(tile, full, answer);
            } else {
                self.answer_tile_slowly(tables, &terms, tile, full, answer);
            }
        }
    }

    /// Fills the tile with quotes; false where a number needs the slow way.
    fn value_and_quote(&mut self, tables: &WideTables, terms: &ForwardTerms, options: Range<usize>) -> bool {
        let len = options.len();
        let Tile { price, delta, vega, quotes: [bid, offer, theoretical, delta_e9, vega_e9] } =
            &mut *self.tile;
        let (price, delta, vega) = (&mut price[..len], &mut delta[..len], &mut vega[..len]);
        let contracts = tables.contracts(options.clone(), &self.volatilities);
        value(self.isa, terms, &contracts, Values { price, delta, vega });
        let quotes = ChainQuotes { bid, offer, theoretical, delta: delta_e9, vega: vega_e9 };
        quotes.fill(self.isa, tables.rules(), options, &Values { price, delta, vega })
    }

    fn answer_tile(&mut self, options: Range<usize>, full: bool, answer: &mut WideAnswer) {
        let [bid, offer, theoretical, delta, vega] = &self.tile.quotes;
        for ((at, option), last) in options.clone().enumerate().zip(&mut self.last_quotes[options]) {
            if remember(last, [bid[at], offer[at]]) || full {
                let values = [bid[at], offer[at], theoretical[at], delta[at], vega[at]];
                put(answer, ItemKind::Option, option as u32, values);
            }
        }
    }

    #[cold]
    fn answer_tile_slowly(
        &mut self,
        tables: &WideTables,
        terms: &ForwardTerms,
        options: Range<usize>,
        full: bool,
        answer: &mut WideAnswer,
    ) {
        for option in options {
            let contract = tables.contracts(option..option + 1, &self.volatilities).at(0);
            let values = quote(&value_one(terms, &contract), &tables.options()[option]);
            self.answer_option(option, values, full, answer);
        }
    }

    fn answer_option(&mut self, option: usize, values: [i64; 5], full: bool, answer: &mut WideAnswer) {
        if remember(&mut self.last_quotes[option], quoted(&values)) || full {
            put(answer, ItemKind::Option, option as u32, values);
        }
    }

    /// Makes the item's values its last answer; says whether they differ from the one before.
    fn remember(&mut self, item: &WideItem) -> bool {
        let at = item.key.index as usize;
        match item.key.kind {
            ItemKind::Relation => remember(&mut self.last_relations[at], item.values),
            ItemKind::Option => remember(&mut self.last_quotes[at], quoted(&item.values)),
        }
    }

    /// Makes what a device returned for a request for this listing the answer that [`WideState::compute`] would have
    /// given: drops items that do not differ from their last answer (unless `full`), sorts, and remembers the rest.
    ///
    /// # Errors
    /// When an item does not depend on the listing or came twice: the device is not to be trusted. The state is as it
    /// was.
    pub fn adopt(&mut self, listing: u32, full: bool, answer: &mut WideAnswer) -> Result<(), AdoptError> {
        answer.sort();
        for (at, item) in answer.items().iter().enumerate() {
            if !self.depends(item.key, listing) {
                return Err(AdoptError::NotDependent(item.key));
            }
            if at > 0 && answer.items()[at - 1].key == item.key {
                return Err(AdoptError::Repeated(item.key));
            }
        }
        answer.retain(|item| self.remember(item) || full);
        Ok(())
    }

    fn depends(&self, key: ItemKey, listing: u32) -> bool {
        match key.kind {
            ItemKind::Relation => self.tables.relations_of(listing).binary_search(&key.index).is_ok(),
            ItemKind::Option => self.tables.options_of(listing).contains(&(key.index as usize)),
        }
    }
}

/// Writes the values down; says whether they differ from what was there.
#[inline(always)]
fn remember<const N: usize>(last: &mut [i64; N], values: [i64; N]) -> bool {
    let differing = last.iter().zip(&values).fold(0, |bits, (last, value)| bits | (last ^ value));
    *last = values;
    differing != 0
}

#[inline(always)]
fn put(answer: &mut WideAnswer, kind: ItemKind, index: u32, values: [i64; 5]) {
    let room = answer.push(WideItem { key: ItemKey { kind, index }, values });
    debug_assert!(room.is_ok(), "an answer has room for all that depends on a listing");
}

const fn quoted(values: &[i64; 5]) -> [i64; 2] {
    [values[0], values[1]]
}

impl Display for VolatilityRefused {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("volatility outside 0 to 1000, or no such option")
    }
}

impl std::error::Error for VolatilityRefused {}
