//! What the options of one underlying owe each other and the underlying, whatever it is going to do.
//!
//! Each kind is a set of legs and the least that they pay together. For European options that is known from the values at
//! expiry. With American options whoever we sold to may exercise at any day; a bound is made only where we can always
//! answer that, by exercising ours or by holding on, without paying more than the bound says:
//!
//! | kind | legs | pays at least, European | American |
//! |---|---|---|---|
//! | conversion | underlying + put - call | K at expiry, dividends | K at the worst day, no dividends |
//! | reversal | call - put - underlying | -K at expiry, -dividends | -K at the worst day, -dividends |
//! | box | call K1 - call K2 + put K2 - put K1 | K2 - K1 at expiry | the same, at the worst day |
//! | short box | the reverse | -(K2 - K1) at expiry | not made: both spreads may be exercised against us |
//! | vertical | call K1 - call K2, put K2 - put K1 | 0 | 0: ours is exercised with theirs |
//! | vertical, other way | the reverse | -(K2 - K1) at expiry | -(K2 - K1) at the worst day |
//! | butterfly | (K3-K2) K1 - (K3-K1) K2 + (K2-K1) K3 | 0 | 0, where no interest is negative |
//! | calendar | far - near, same strike | calls: 0 without dividends and negative interest; puts: not made | 0, calls and puts |
//! | exercise value | call - underlying, put + underlying | -K or K at expiry, dividends | K today or at expiry, the better |
//!
//! The **worst day** is today for what we pay and expiry for what we receive, if interest is positive. With several
//! contracts against each other (butterflies) we answer each exercise with the deepest option that we have left: what that
//! brings comes before what the rest may cost, hence the condition on interest.

mod hedged;
mod spreads;

use super::error::{KindError, KindFault};
use super::money::{Discount, ONE_E9, Size};
use crate::abi::{AMOUNT_MAX, ListingTerms};
use crate::cpu::wide::{LinearLegSpec, LinearSpec};
use std::collections::BTreeMap;

/// When options may be exercised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exercise {
    /// At expiry only.
    European,
    /// At any day.
    American,
}

/// One kind; see the module's page. Put-call parity is conversion and reversal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainKind {
    /// The underlying and a put against a call.
    Conversion,
    /// A call against a put and the underlying.
    Reversal,
    /// Two strikes, calls and puts.
    Box,
    /// Two strikes, calls or puts, both ways.
    Vertical,
    /// Three strikes, calls or puts.
    Butterfly,
    /// Two expiries, calls or puts.
    Calendar,
    /// One option against the underlying.
    ExerciseValue,
}

impl ChainKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Conversion,
        Self::Reversal,
        Self::Box,
        Self::Vertical,
        Self::Butterfly,
        Self::Calendar,
        Self::ExerciseValue,
    ];

    const fn needs_hedge(self) -> bool {
        matches!(self, Self::Conversion | Self::Reversal | Self::ExerciseValue)
    }
}

/// An option with a listing of its own; the listing's unit is the contract's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainOption {
    /// Listing.
    pub listing: u32,
    /// Number of its expiry.
    pub expiry: u32,
    /// Strike, 1e-9.
    pub strike_e9: u64,
    /// A put; else a call.
    pub put: bool,
}

/// What stands against options in a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hedge {
    /// The underlying itself.
    Underlying(u32),
    /// A future on it that is settled at the options' expiry.
    Future(u32),
}

/// An expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainExpiry {
    /// Its place among the expiries in time, the nearest first.
    pub order: u64,
    /// What 1 at expiry is worth today.
    pub discount: Discount,
    /// Present value of the dividends of 1 of the underlying until then that a holder surely receives, 1e-9.
    pub dividends_received_e9: u64,
    /// Of those that who is short may have to pay, at most, 1e-9.
    pub dividends_paid_e9: u64,
    /// What its options are compared with; without it the kinds that need it are not made.
    pub hedge: Option<Hedge>,
}

/// The options of one underlying at one venue.
#[derive(Clone, Copy, Debug)]
pub struct OptionChain<'a> {
    /// Terms of every listing, by number.
    pub listings: &'a [ListingTerms],
    /// The options.
    pub options: &'a [ChainOption],
    /// Their expiries.
    pub expiries: &'a [ChainExpiry],
    /// When they may be exercised.
    pub exercise: Exercise,
    /// Spreads reach over so many strikes (calendars: expiries) at most; 1: neighbours only.
    pub reach: usize,
    /// Most that goes into all copies of a relation, 1e-9.
    pub amount_max: u64,
    /// Least profit that counts, 1e-9.
    pub profit_min: u64,
}

/// A strike and the listing of its option.
type Strike = (u64, u32);

/// One expiry's options, by strike.
struct Smile<'a> {
    expiry: &'a ChainExpiry,
    number: usize,
    calls: Vec<Strike>,
    puts: Vec<Strike>,
}

impl Smile<'_> {
    /// Strikes with a call and a put: strike, call, put.
    fn complete(&self) -> Vec<(u64, u32, u32)> {
        let puts: BTreeMap<u64, u32> = self.puts.iter().copied().collect();
        self.calls.iter().filter_map(|&(strike, call)| Some((strike, call, *puts.get(&strike)?))).collect()
    }
}

impl OptionChain<'_> {
    /// All relations of a kind.
    ///
    /// # Errors
    /// The option or the expiry that is refused, and why.
    pub fn relations(&self, kind: ChainKind) -> Result<Vec<LinearSpec>, KindError> {
        let mut smiles = self.smiles()?;
        smiles.sort_by_key(|smile| smile.expiry.order);
        let mut made = Vec::new();
        if kind == ChainKind::Calendar {
            for (near, first) in smiles.iter().enumerate() {
                for far in smiles.iter().skip(near + 1).take(self.reach) {
                    self.calendars(first, far, &mut made);
                }
            }
            return Ok(made);
        }
        for smile in &smiles {
            let refused = |fault| KindError::new("expiry", smile.number, fault);
            if kind.needs_hedge() {
                self.against_hedge(kind, smile, &mut made).map_err(refused)?;
            } else {
                self.spreads(kind, smile, &mut made).map_err(refused)?;
            }
        }
        Ok(made)
    }

    fn size(&self) -> Size {
        Size(self.options.first().map_or(ONE_E9, |option| self.listings[option.listing as usize].unit_e9))
    }

    fn smiles(&self) -> Result<Vec<Smile<'_>>, KindError> {
        for (number, expiry) in self.expiries.iter().enumerate() {
            expiry.discount.check().map_err(|fault| KindError::new("expiry", number, fault))?;
        }
        let mut by_strike = vec![[BTreeMap::new(), BTreeMap::new()]; self.expiries.len()];
        for (place, option) in self.options.iter().enumerate() {
            let refused = |fault| Err(KindError::new("option", place, fault));
            let Some(terms) = self.listings.get(option.listing as usize) else {
                return refused(KindFault::ListingUnknown);
            };
            let Some(of_expiry) = by_strike.get_mut(option.expiry as usize) else {
                return refused(KindFault::ExpiryUnknown);
            };
            if option.strike_e9 == 0 || option.strike_e9 > AMOUNT_MAX {
                return refused(KindFault::Strike);
            }
            if Size(terms.unit_e9) != self.size() {
                return refused(KindFault::ContractSize);
            }
            if of_expiry[usize::from(option.put)].insert(option.strike_e9, option.listing).is_some() {
                return refused(KindFault::OptionRepeated);
            }
        }
        let smile = |(number, [calls, puts]): (usize, [BTreeMap<u64, u32>; 2])| Smile {
            expiry: &self.expiries[number],
            number,
            calls: calls.into_iter().collect(),
            puts: puts.into_iter().collect(),
        };
        Ok(by_strike.into_iter().enumerate().map(smile).collect())
    }

    fn spec(&self, legs: Vec<LinearLegSpec>, payoff_e9: i64) -> LinearSpec {
        LinearSpec { legs, payoff_e9, amount_max: self.amount_max, profit_min: self.profit_min }
    }

    /// The discount at which amounts that depend on our counterparties' exercise are counted.
    fn discount(&self, expiry: &ChainExpiry) -> Discount {
        match self.exercise {
            Exercise::European => expiry.discount,
            Exercise::American => expiry.discount.at_any_day(),
        }
    }
}
