//! The wide work of a generated day: pairs and cycles of random legs, linear relations of four shapes, listings that are quoted
//! upside-down, option chains.

use super::{Day, Random, VENUES};
use crate::abi::{AMOUNT_MAX, LINEAR_LEGS_MAX, Leg, ListingTerms};
use crate::cpu::wide::{
    ExpirySpec, LinearLegSpec, LinearSpec, OptionSpec, RelationSpec, WideError, WideSpec, WideTables,
};

/// Symbols whose first venue is the underlying of a chain.
const CHAINS: u32 = 2;

/// Contracts of a chain: ten expiries.
const CHAIN_OPTIONS: u32 = 250;
const EXPIRIES: u32 = 10;

/// Cycles of random legs.
const CYCLES: u32 = 200;

/// Linear relations, of these shapes in turn.
const LINEARS: usize = 40;
const SHAPES: [Shape; 8] = {
    use Shape::{Basket, Legs, One, Pair};
    [Pair, Legs, One, Basket, Pair, Legs, One, Legs]
};

/// Every so many symbols one is quoted upside-down, and the last one is in any case.
const INVERSE_EVERY: u32 = 4;

/// 1e-9 in a unit.
const E9: u64 = 1_000_000_000;

/// What a linear relation is made of.
#[derive(Clone, Copy)]
enum Shape {
    /// One symbol, bought at one venue and sold at the other.
    Pair,
    /// As many such pairs as there are.
    Basket,
    /// Legs without meaning.
    Legs,
    /// One leg against what is paid for it.
    One,
}

impl Day {
    /// Number of a symbol's listing at a venue.
    const fn listing(&self, symbol: u32, venue: u32) -> u32 {
        symbol * VENUES + venue
    }

    const fn is_inverse(&self, listing: u32) -> bool {
        let symbol = listing / VENUES;
        symbol % INVERSE_EVERY == INVERSE_EVERY - 1 || symbol + 1 == self.symbols
    }

    /// The wide work of the day, compiled.
    ///
    /// # Errors
    /// The tables refuse it: the day has fewer than two symbols.
    pub fn tables(&self) -> Result<WideTables, WideError> {
        let mut random = Random(self.seed);
        let numbers = 0..self.symbols * VENUES;
        let listings = numbers.clone().map(|number| self.terms(number, &mut random)).collect();
        let mut relations = Vec::new();
        for symbol in 0..self.symbols {
            for (buy, sell) in [(0, 1), (1, 0)] {
                let legs = vec![Leg::buy(self.listing(symbol, buy)), Leg::sell(self.listing(symbol, sell))];
                relations.push(RelationSpec { legs, amount_max: AMOUNT_MAX, profit_min: 1 });
            }
        }
        relations.extend((0..CYCLES).map(|_| self.cycle(&mut random)));
        let shapes = SHAPES.iter().cycle().take(LINEARS);
        let linears = shapes.map(|shape| self.linear(*shape, &mut random)).collect();
        let inverse = numbers.filter(|number| self.is_inverse(*number)).collect();
        let options = self.options(&mut random);
        WideTables::compile(&WideSpec {
            listings,
            inverse,
            relations,
            linears,
            expiries: expiries(),
            options,
        })
    }

    /// A share; upside-down it is a contract of 100 of what its price counts.
    fn terms(&self, listing: u32, random: &mut Random) -> ListingTerms {
        ListingTerms {
            unit_e9: if self.is_inverse(listing) { 100 * E9 } else { E9 },
            lot: if listing.is_multiple_of(5) { 10 } else { 1 },
            fee_ppb: random.below(400) as i64 - 200,
            fee_unit_e9: random.below(2_000_000) as i64 - 1_000_000,
        }
    }

    /// Different listings, each bought or sold.
    fn legs(&self, wanted: usize, random: &mut Random) -> Vec<Leg> {
        let listings = u64::from(self.symbols * VENUES);
        let mut legs: Vec<Leg> = Vec::new();
        while legs.len() < wanted {
            let listing = random.below(listings) as u32;
            if legs.iter().all(|leg| leg.listing() != listing) {
                legs.push(if random.below(2) == 0 { Leg::buy(listing) } else { Leg::sell(listing) });
            }
        }
        legs
    }

    /// Two to four of them: most such cycles mean nothing, and their arithmetic is the same.
    fn cycle(&self, random: &mut Random) -> RelationSpec {
        let listings = u64::from(self.symbols * VENUES);
        let legs = self.legs(2 + random.below(3).min(listings - 2) as usize, random);
        let amount_max = 1 << (20 + random.below(42));
        RelationSpec { legs, amount_max, profit_min: 1 + random.below(E9) }
    }

    fn linear(&self, shape: Shape, random: &mut Random) -> LinearSpec {
        let legs = match shape {
            Shape::Pair => self.pairs(1, random),
            Shape::Basket => self.pairs(self.symbols.min(LINEAR_LEGS_MAX as u32 / 2), random),
            Shape::Legs => {
                let wanted = 2 + random.below(u64::from(self.symbols)) as usize;
                self.legs(wanted.min(LINEAR_LEGS_MAX), random)
            }
            Shape::One => vec![Leg::buy(random.below(u64::from(self.symbols * VENUES)) as u32)],
        };
        let payoff_e9 = match shape {
            // They are worth next to nothing, less what their spreads cost.
            Shape::Pair | Shape::Basket => random.below(20_000_000 * legs.len() as u64) as i64 - 10_000_000,
            _ if legs.iter().all(|leg| leg.sells()) => -(random.below(1_000 * E9) as i64) - 1,
            _ => random.below(400 * E9) as i64 + 1,
        };
        let factor_e9 = if random.below(3) == 0 { E9 - random.below(20_000_000) } else { E9 };
        // The same for all legs: a pair's have to be.
        let weight = 1 + random.below(3);
        let legs = legs.into_iter().map(|leg| LinearLegSpec { leg, weight, factor_e9 }).collect();
        let amount_max = 1 << (40 + random.below(22));
        LinearSpec { legs, payoff_e9, amount_max, profit_min: 1 + random.below(10_000_000) }
    }

    /// So many symbols, each bought at one venue and sold at the other.
    fn pairs(&self, symbols: u32, random: &mut Random) -> Vec<Leg> {
        let first = random.below(u64::from(self.symbols)) as u32;
        let pair = |at: u32| {
            let (symbol, buy) = ((first + at) % self.symbols, random.below(u64::from(VENUES)) as u32);
            [Leg::buy(self.listing(symbol, buy)), Leg::sell(self.listing(symbol, 1 - buy))]
        };
        (0..symbols).flat_map(pair).collect()
    }

    fn options(&self, random: &mut Random) -> Vec<OptionSpec> {
        let contracts =
            (0..CHAINS.min(self.symbols)).flat_map(|chain| (0..CHAIN_OPTIONS).map(move |at| (chain, at)));
        let option = |(chain, contract): (u32, u32)| OptionSpec {
            underlying: self.listing(chain, 0),
            expiry: contract % EXPIRIES,
            put: contract % 2 == 1,
            strike: 10.0 + f64::from(contract / 2) * 2.5,
            volatility: 0.1 + random.below(80) as f64 / 100.0,
            width_vega: 0.005,
            half_width_min_e9: 10_000_000,
            tick_e9: 10_000_000,
        };
        contracts.map(option).collect()
    }
}

fn expiries() -> Vec<ExpirySpec> {
    let expiry = |month| {
        let years = f64::from(month) / 12.0;
        ExpirySpec { carry: 1.0 + 0.02 * years, discount: 1.0 - 0.04 * years, years }
    };
    (1..=EXPIRIES).map(expiry).collect()
}
