//! Options against what they are hedged with, the underlying or a future on it: conversions, reversals, exercise values.

use super::super::error::KindFault;
use super::super::money::{ONE_E9, Size, bought, future, sold, weights};
use super::{ChainExpiry, ChainKind, Exercise, Hedge, OptionChain, Smile};
use crate::abi::{AMOUNT_MAX, Leg, ListingTerms};
use crate::cpu::wide::{LinearLegSpec, LinearSpec};

impl OptionChain<'_> {
    pub(super) fn against_hedge(
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
