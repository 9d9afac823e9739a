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

use super::error::{KindError, KindFault};
use super::money::{Discount, ONE_E9, Size, bought, future, sold, weights};
use crate::abi::{AMOUNT_MAX, Leg, ListingTerms};
use crate::cpu::wide::{LinearLegSpec, LinearSpec, common_divisor};
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

    fn spreads(
        &self,
        kind: ChainKind,
        smile: &Smile<'_>,
        made: &mut Vec<LinearSpec>,
    ) -> Result<(), KindFault> {
        match kind {
            ChainKind::Box => self.boxes(smile, made),
            ChainKind::Vertical => {
                self.verticals(smile, &smile.calls, false, made)?;
                self.verticals(smile, &smile.puts, true, made)
            }
            _ => {
                self.butterflies(smile, &smile.calls, made);
                self.butterflies(smile, &smile.puts, made);
                Ok(())
            }
        }
    }

    fn boxes(&self, smile: &Smile<'_>, made: &mut Vec<LinearSpec>) -> Result<(), KindFault> {
        let (size, discount) = (self.size(), self.discount(smile.expiry));
        let strikes = smile.complete();
        for (at, &(low, low_call, low_put)) in strikes.iter().enumerate() {
            for &(high, high_call, high_put) in strikes.iter().skip(at + 1).take(self.reach) {
                let long =
                    vec![bought(low_call, 1), sold(high_call, 1), bought(high_put, 1), sold(low_put, 1)];
                made.push(self.spec(long, size.received(high - low, discount.receive_e9)?));
                if self.exercise == Exercise::European {
                    let short =
                        vec![sold(low_call, 1), bought(high_call, 1), sold(high_put, 1), bought(low_put, 1)];
                    made.push(self.spec(short, -size.paid(high - low, discount.pay_e9)?));
                }
            }
        }
        Ok(())
    }

    fn verticals(
        &self,
        smile: &Smile<'_>,
        strikes: &[Strike],
        puts: bool,
        made: &mut Vec<LinearSpec>,
    ) -> Result<(), KindFault> {
        let pay_e9 = self.discount(smile.expiry).pay_e9;
        for (at, &(low, low_option)) in strikes.iter().enumerate() {
            for &(high, high_option) in strikes.iter().skip(at + 1).take(self.reach) {
                // The one that is worth more: the call of the lower strike, the put of the higher one.
                let (dear, cheap) = if puts { (high_option, low_option) } else { (low_option, high_option) };
                made.push(self.spec(vec![bought(dear, 1), sold(cheap, 1)], 0));
                let paid = self.size().paid(high - low, pay_e9)?;
                made.push(self.spec(vec![sold(dear, 1), bought(cheap, 1)], -paid));
            }
        }
        Ok(())
    }

    fn butterflies(&self, smile: &Smile<'_>, strikes: &[Strike], made: &mut Vec<LinearSpec>) {
        if self.exercise == Exercise::American && !smile.expiry.discount.only_falls() {
            return;
        }
        for (at, &(low, low_option)) in strikes.iter().enumerate() {
            for (middle_at, &(middle, middle_option)) in
                strikes.iter().enumerate().skip(at + 1).take(self.reach)
            {
                for &(high, high_option) in strikes.iter().skip(middle_at + 1).take(self.reach) {
                    let common = common_divisor(high - middle, middle - low);
                    let legs = vec![
                        bought(low_option, (high - middle) / common),
                        sold(middle_option, (high - low) / common),
                        bought(high_option, (middle - low) / common),
                    ];
                    made.push(self.spec(legs, 0));
                }
            }
        }
    }

    fn calendars(&self, near: &Smile<'_>, far: &Smile<'_>, made: &mut Vec<LinearSpec>) {
        let mut add = |near: &[Strike], far: &[Strike]| {
            let far: BTreeMap<u64, u32> = far.iter().copied().collect();
            for (strike, option) in near {
                if let Some(far_option) = far.get(strike) {
                    made.push(self.spec(vec![bought(*far_option, 1), sold(*option, 1)], 0));
                }
            }
        };
        if near.expiry.order == far.expiry.order || near.expiry.hedge != far.expiry.hedge {
            // Options on futures of different months have different underlyings.
            return;
        }
        match self.exercise {
            Exercise::American => {
                add(&near.calls, &far.calls);
                add(&near.puts, &far.puts);
            }
            Exercise::European if call_waits(near.expiry, far.expiry) => add(&near.calls, &far.calls),
            Exercise::European => {}
        }
    }

    fn against_hedge(
        &self,
        kind: ChainKind,
        smile: &Smile<'_>,
        made: &mut Vec<LinearSpec>,
    ) -> Result<(), KindFault> {
        let Some(hedge) = smile.expiry.hedge else { return Ok(()) };
        let hedged = Hedged::new(self, smile.expiry, hedge)?;
        match kind {
            ChainKind::Conversion => {
                for (strike, call, put) in smile.complete() {
                    let legs = vec![bought(put, hedged.contracts), sold(call, hedged.contracts)];
                    made.push(hedged.with_purchase(self, legs, hedged.received(strike)?)?);
                }
            }
            ChainKind::Reversal => {
                for (strike, call, put) in smile.complete() {
                    let legs = vec![sold(put, hedged.contracts), bought(call, hedged.contracts)];
                    made.push(hedged.with_sale(self, legs, -hedged.paid(strike)?)?);
                }
            }
            _ => {
                for &(strike, call) in &smile.calls {
                    let legs = vec![bought(call, hedged.contracts)];
                    made.push(hedged.with_sale(self, legs, -hedged.paid_by_holder(strike)?)?);
                }
                for &(strike, put) in &smile.puts {
                    let legs = vec![bought(put, hedged.contracts)];
                    made.push(hedged.with_purchase(self, legs, hedged.received_by_holder(strike)?)?);
                }
            }
        }
        Ok(())
    }
}

/// Whether a European call that lives longer is worth at least as much: nothing is paid to who holds the underlying
/// meanwhile, and paying the strike later costs no more.
fn call_waits(near: &ChainExpiry, far: &ChainExpiry) -> bool {
    far.dividends_paid_e9 == 0
        && far.discount.pay_e9 <= near.discount.receive_e9
        && !matches!(far.hedge, Some(Hedge::Future(_)))
}

/// How options of an expiry stand against the underlying: as many of each as make the same amount.
struct Hedged {
    hedge: Hedge,
    terms: ListingTerms,
    exercise: Exercise,
    expiry: ChainExpiry,
    contracts: u64,
    units: u64,
    /// All contracts of a copy.
    size: Size,
}

impl Hedged {
    fn new(chain: &OptionChain<'_>, expiry: &ChainExpiry, hedge: Hedge) -> Result<Self, KindFault> {
        let (Hedge::Underlying(listing) | Hedge::Future(listing)) = hedge;
        if matches!(hedge, Hedge::Future(_)) && chain.exercise == Exercise::American {
            return Err(KindFault::AmericanOnFuture);
        }
        let terms = *chain.listings.get(listing as usize).ok_or(KindFault::ListingUnknown)?;
        let contract = ListingTerms { unit_e9: chain.size().0, ..terms };
        let (contracts, units) = weights(&contract, &terms);
        let size = chain.size().0.checked_mul(contracts).map(Size).ok_or(KindFault::TooLarge)?;
        Ok(Self { hedge, terms, exercise: chain.exercise, expiry: *expiry, contracts, units, size })
    }

    /// Dividends per unit that a holder receives, and that who is short pays; a future has none.
    const fn dividends_e9(&self) -> (u64, u64) {
        match self.hedge {
            Hedge::Underlying(_) => (self.expiry.dividends_received_e9, self.expiry.dividends_paid_e9),
            Hedge::Future(_) => (0, 0),
        }
    }

    /// The strike, received when the short call or our put is exercised.
    fn received(&self, strike: u64) -> Result<i64, KindFault> {
        match self.exercise {
            Exercise::European => self.received_at_expiry(strike),
            // The share may be called away before it pays anything.
            Exercise::American => self.size.received(strike, self.expiry.discount.at_any_day().receive_e9),
        }
    }

    /// The strike, paid when the short put or our call is exercised, and the dividends until then.
    fn paid(&self, strike: u64) -> Result<i64, KindFault> {
        let discount = match self.exercise {
            Exercise::European => self.expiry.discount,
            Exercise::American => self.expiry.discount.at_any_day(),
        };
        self.paid_with_dividends(strike, discount.pay_e9)
    }

    /// The strike of a put of ours: today if we may exercise today and that is better.
    fn received_by_holder(&self, strike: u64) -> Result<i64, KindFault> {
        let later = self.received_at_expiry(strike)?;
        match self.exercise {
            Exercise::European => Ok(later),
            Exercise::American => Ok(later.max(self.size.received(strike, ONE_E9)?)),
        }
    }

    /// The strike of a call of ours.
    fn paid_by_holder(&self, strike: u64) -> Result<i64, KindFault> {
        let later = self.paid_with_dividends(strike, self.expiry.discount.pay_e9)?;
        match self.exercise {
            Exercise::European => Ok(later),
            Exercise::American => Ok(later.min(self.size.paid(strike, ONE_E9)?)),
        }
    }

    fn paid_with_dividends(&self, strike: u64, pay_e9: u64) -> Result<i64, KindFault> {
        let dividends = self.size.paid(self.dividends_e9().1, ONE_E9)?;
        fitting(self.size.paid(strike, pay_e9)?.saturating_add(dividends))
    }

    fn received_at_expiry(&self, strike: u64) -> Result<i64, KindFault> {
        let dividends = self.size.received(self.dividends_e9().0, ONE_E9)?;
        fitting(self.size.received(strike, self.expiry.discount.receive_e9)?.saturating_add(dividends))
    }

    fn with_purchase(
        &self,
        chain: &OptionChain<'_>,
        legs: Vec<LinearLegSpec>,
        payoff: i64,
    ) -> Result<LinearSpec, KindFault> {
        self.with(chain, legs, payoff, false)
    }

    fn with_sale(
        &self,
        chain: &OptionChain<'_>,
        legs: Vec<LinearLegSpec>,
        payoff: i64,
    ) -> Result<LinearSpec, KindFault> {
        self.with(chain, legs, payoff, true)
    }

    fn with(
        &self,
        chain: &OptionChain<'_>,
        mut legs: Vec<LinearLegSpec>,
        payoff: i64,
        sells: bool,
    ) -> Result<LinearSpec, KindFault> {
        let (leg, lost) = match self.hedge {
            Hedge::Underlying(listing) if sells => (sold(listing, self.units), 0),
            Hedge::Underlying(listing) => (bought(listing, self.units), 0),
            Hedge::Future(listing) => {
                let leg = if sells { Leg::sell(listing) } else { Leg::buy(listing) };
                future(leg, self.units, &self.terms, self.expiry.discount)?
            }
        };
        legs.insert(0, leg);
        Ok(chain.spec(legs, fitting(payoff - lost)?))
    }
}

/// An amount whose magnitude fits.
const fn fitting(amount: i64) -> Result<i64, KindFault> {
    if amount.unsigned_abs() <= AMOUNT_MAX { Ok(amount) } else { Err(KindFault::TooLarge) }
}
