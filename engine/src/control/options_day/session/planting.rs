//! Mispricings: where one is planted, and that it goes again.

use super::{DRAWS_MAX, OptionsDay};
use crate::control::options_day::contracts::ChainShape;
use crate::control::options_day::relations::{Choice, Kind, Relation, relation};

/// Least profit of a planted mispricing, 1e-9 a share, is one to five of these: cents.
const PROFIT_UNIT_E9: i64 = 10_000_000;

/// A planted mispricing: the ground truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mispricing {
    /// What is out of line.
    pub relation: Relation,
    /// Underlying.
    pub underlying: usize,
    /// The listing whose quote was moved.
    pub moved: usize,
    /// From when on it could be traded, ns since midnight (Eastern).
    pub begin_ns: u64,
    /// The message of the moved listing's venue that completed it, from 1.
    pub begin_message: u64,
    /// When it ended.
    pub end_ns: u64,
    /// The message that ended it.
    pub end_message: u64,
    /// Units that could be traded.
    pub size: u32,
    /// Profit of a unit, a share, 1e-9, before fees.
    pub profit_e9: i64,
    /// The action that ends it.
    pub(super) ends_at: u64,
}

impl OptionsDay {
    /// Moves one listing's quote up so far that the next kind of relation earns something.
    pub(super) fn plant(&mut self) {
        let kind = Kind::ALL[self.mispricings.len() % Kind::ALL.len()];
        let Some(underlying) = self.free_underlying() else { return };
        let ChainShape { expiries, strikes } = self.config.shape;
        // Around the money, where every option has a bid, and not the outermost strikes.
        let reach = ((strikes - 1) / 2 - 1).min(4);
        for _ in 0..DRAWS_MAX {
            let strike = strikes / 2 - reach + self.prng.below(2 * reach as u32 + 1) as usize;
            let expiry = self.prng.below(expiries as u32 - 1) as usize;
            let choice = Choice { underlying, expiry, strike };
            let relation = relation(kind, self.places, &self.contracts, &self.expiries, choice);
            let profit_e9 = PROFIT_UNIT_E9 * i64::from(1 + self.prng.below(5));
            if let Some(shift_cents) = relation.shift_cents(&self.listings, profit_e9) {
                return self.begin(underlying, relation, shift_cents);
            }
        }
    }

    fn begin(&mut self, underlying: usize, relation: Relation, shift_cents: i64) {
        debug_assert!(shift_cents > 0, "nothing was wrong before");
        let moved = relation.legs[0].listing;
        let quote = self.undisturbed_quote(moved).shifted(shift_cents);
        self.tape.quote(&mut self.listings[moved], quote);
        self.underlyings[underlying].is_held = true;
        self.active.push(self.mispricings.len());
        self.mispricings.push(Mispricing {
            underlying,
            moved,
            begin_ns: self.tape.now_ns,
            begin_message: self.tape.counts[usize::from(self.listings[moved].venue)],
            end_ns: 0,
            end_message: 0,
            size: relation.size(&self.listings),
            profit_e9: relation.profit_e9(&self.listings).expect("all legs have quotes"),
            ends_at: self.actions + u64::from(self.prng.below(4)),
            relation,
        });
    }

    pub(super) fn unplant(&mut self, planted: usize) {
        let Mispricing { underlying, moved, .. } = self.mispricings[planted];
        let venue = usize::from(self.listings[moved].venue);
        let (count, began_ns) = (self.tape.counts[venue], self.tape.now_ns);
        let quote = self.undisturbed_quote(moved);
        self.tape.quote(&mut self.listings[moved], quote);
        debug_assert_eq!(self.tape.counts[venue], count + 2, "its bid falls, then its offer");
        let ended = &mut self.mispricings[planted];
        // The first of the two messages, halfway between then and now.
        (ended.end_message, ended.end_ns) = (count + 1, began_ns.midpoint(self.tape.now_ns));
        self.underlyings[underlying].is_held = false;
    }
}
