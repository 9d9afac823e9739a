//! The compiled tables: what CPU and device read, and which items depend on which listing.
//!
//! Built once at start (`compile`), never changed. Options stand by underlying, then by expiry, then as they were specified: those
//! of an underlying are one range, and each expiry in it one run that is priced together.

mod compile;

use crate::abi::{Expiry, Leg, LinearLeg, LinearRelation, ListingTerms, OptionTerms, Relation, Touch};
use crate::cpu::arbitrage::{evaluate, fold, fold_inverse};
use crate::cpu::linear::evaluate_linear;
use crate::cpu::option_quote::QuoteRules;
use crate::cpu::pricing::Contracts;
use crate::cpu::query::Bbo;
use std::ops::Range;

/// Listings, relations, expiries or options at most: what an item's number has room for.
pub const ITEMS_MAX: usize = 1 << 24;

/// Entries more than options in the arrays that loops run over. A loop goes on to a multiple of [`VECTOR`] contracts,
/// whatever they are, for a rest would be computed one by one, each at the cost of a whole vector.
const PADDING: usize = VECTOR - 1;

/// Contracts that the widest vectors hold.
pub(super) const VECTOR: usize = 8;

/// Options of one underlying and one expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChainRun {
    pub(super) expiry: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// Wide work, compiled; see the module's page.
#[derive(Debug)]
pub struct WideTables {
    listings: Vec<ListingTerms>,
    is_inverse: Vec<bool>,
    relations: Vec<Relation>,
    linears: Vec<LinearRelation>,
    linear_legs: Vec<LinearLeg>,
    expiries: Vec<Expiry>,
    options: Vec<OptionTerms>,
    relation_offsets: Vec<u32>,
    relation_indexes: Vec<u32>,
    option_offsets: Vec<u32>,
    run_offsets: Vec<u32>,
    runs: Vec<ChainRun>,
    spec_of_option: Vec<u32>,
    option_of_spec: Vec<u32>,
    strikes: Vec<f64>,
    ln_strikes: Vec<f64>,
    signs: Vec<f64>,
    rules: QuoteRules,
    dependents_max: usize,
}

impl WideTables {
    /// Terms of every listing.
    #[must_use]
    pub fn listings(&self) -> &[ListingTerms] {
        &self.listings
    }

    /// The listing's best prices with its fees folded in, the way that it is quoted.
    #[inline]
    #[must_use]
    pub fn fold(&self, listing: u32, bbo: &Bbo) -> Touch {
        let terms = &self.listings[listing as usize];
        if self.is_inverse[listing as usize] { fold_inverse(bbo, terms) } else { fold(bbo, terms) }
    }

    /// Whether the listing's price is upside-down: a leg that buys there takes the bid.
    #[must_use]
    pub fn is_inverse(&self, listing: u32) -> bool {
        self.is_inverse[listing as usize]
    }

    /// The same of every listing.
    #[must_use]
    pub fn inverse(&self) -> &[bool] {
        &self.is_inverse
    }

    /// Every linear relation, numbered as specified: the first has the number behind the last of
    /// [`WideTables::relations`].
    #[must_use]
    pub fn linears(&self) -> &[LinearRelation] {
        &self.linears
    }

    /// The legs of a linear relation.
    #[inline]
    #[must_use]
    pub fn linear_legs(&self, relation: &LinearRelation) -> &[LinearLeg] {
        let first = relation.first_leg as usize;
        &self.linear_legs[first..first + relation.legs_len as usize]
    }

    /// The legs of all linear relations, which [`LinearRelation::first_leg`] counts in.
    #[must_use]
    pub fn legs_of_linears(&self) -> &[LinearLeg] {
        &self.linear_legs
    }

    /// Relations of both forms.
    #[must_use]
    pub fn relation_count(&self) -> u32 {
        (self.relations.len() + self.linears.len()) as u32
    }

    /// Whether the relation with this number, of either form, trades at the listing.
    pub(super) fn is_leg(&self, relation: u32, listing: u32) -> bool {
        match self.relations.get(relation as usize) {
            Some(cycle) => cycle.legs[..cycle.legs_len as usize].iter().any(|leg| leg.listing() == listing),
            None => {
                let linear = &self.linears[relation as usize - self.relations.len()];
                self.linear_legs(linear).iter().any(|leg| leg.leg.listing() == listing)
            }
        }
    }

    /// Values of the relation with this number, of either form; `touches` are indexed by listing.
    #[inline]
    #[must_use]
    pub fn evaluate(&self, relation: u32, touches: &[Touch]) -> [i64; 5] {
        match self.relations.get(relation as usize) {
            Some(cycle) => evaluate(cycle, &self.listings, touches),
            None => {
                let linear = &self.linears[relation as usize - self.relations.len()];
                evaluate_linear(linear, self.linear_legs(linear), touches)
            }
        }
    }

    /// The legs of a relation of either form, and the quantity units that its values say of each.
    pub fn quantities(&self, relation: u32, values: &[i64; 5]) -> impl Iterator<Item = (Leg, u64)> {
        let number = relation as usize;
        let cycle = self.relations.get(number);
        let linear = self.linears.get(number.wrapping_sub(self.relations.len()));
        let of_cycle = cycle.map(|cycle| {
            let legs = cycle.legs.into_iter().zip(*values).take(cycle.legs_len as usize);
            legs.map(|(leg, quantity)| (leg, quantity.unsigned_abs()))
        });
        let copies = values[0].unsigned_abs();
        let of_linear = linear.map(|linear| {
            // A hit's quantities are at most what is displayed.
            self.linear_legs(linear).iter().map(move |leg| (leg.leg, leg.weight.saturating_mul(copies)))
        });
        of_cycle.into_iter().flatten().chain(of_linear.into_iter().flatten())
    }

    /// Every relation, numbered as specified.
    #[must_use]
    pub fn relations(&self) -> &[Relation] {
        &self.relations
    }

    /// Every expiry, numbered as specified.
    #[must_use]
    pub fn expiries(&self) -> &[Expiry] {
        &self.expiries
    }

    /// Every option, in the tables' own order.
    #[must_use]
    pub fn options(&self) -> &[OptionTerms] {
        &self.options
    }

    /// Where each listing's relations begin in [`WideTables::relation_indexes`]: one more entry than listings.
    #[must_use]
    pub fn relation_offsets(&self) -> &[u32] {
        &self.relation_offsets
    }

    /// The relations of listing after listing, ascending within each.
    #[must_use]
    pub fn relation_indexes(&self) -> &[u32] {
        &self.relation_indexes
    }

    /// Where each underlying's options begin: one more entry than listings.
    #[must_use]
    pub fn option_offsets(&self) -> &[u32] {
        &self.option_offsets
    }

    /// The relations that a listing is a leg of, ascending.
    #[must_use]
    pub fn relations_of(&self, listing: u32) -> &[u32] {
        &self.relation_indexes[range(&self.relation_offsets, listing)]
    }

    /// The options that a listing is the underlying of.
    #[must_use]
    pub fn options_of(&self, listing: u32) -> Range<usize> {
        range(&self.option_offsets, listing)
    }

    /// Number of the option at this place of the specification.
    #[must_use]
    pub fn option_of_spec(&self, place: usize) -> u32 {
        self.option_of_spec[place]
    }

    /// Place in the specification of the option with this number.
    #[must_use]
    pub fn spec_of_option(&self, option: u32) -> usize {
        self.spec_of_option[option as usize] as usize
    }

    /// Most items that depend on one listing: the longest answer.
    #[must_use]
    pub fn dependents_max(&self) -> usize {
        self.dependents_max
    }

    pub(super) fn runs_of(&self, listing: u32) -> &[ChainRun] {
        &self.runs[range(&self.run_offsets, listing)]
    }

    /// How options are quoted.
    pub(super) fn rules(&self) -> &QuoteRules {
        &self.rules
    }

    /// The contracts in a range of options, up to [`PADDING`] beyond the last; volatilities are the state's.
    pub(super) fn contracts<'a>(&'a self, options: Range<usize>, volatility: &'a [f64]) -> Contracts<'a> {
        Contracts {
            strike: &self.strikes[options.clone()],
            ln_strike: &self.ln_strikes[options.clone()],
            volatility: &volatility[options.clone()],
            sign: &self.signs[options],
        }
    }
}

/// A field of every option, and ones behind them.
pub(super) fn padded(options: &[OptionTerms], of: impl Fn(&OptionTerms) -> f64) -> Vec<f64> {
    options.iter().map(of).chain([1.0; PADDING]).collect()
}

fn range(offsets: &[u32], at: u32) -> Range<usize> {
    offsets[at as usize] as usize..offsets[at as usize + 1] as usize
}
