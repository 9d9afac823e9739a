//! A fund against its basket: what creates one creation unit of it, and what redeeming one gives.

use super::error::{KindError, KindFault};
use super::money::{bought, sold};
use crate::abi::AMOUNT_MAX;
use crate::cpu::wide::LinearSpec;

/// A fund whose shares can be had for a basket, and given back for it, in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basket {
    /// Listing of the fund.
    pub fund: u32,
    /// Quantity units of the fund in one creation unit.
    pub fund_weight: u64,
    /// Listings and their quantity units in one creation unit.
    pub components: Vec<(u32, u64)>,
    /// Money that goes with the basket when a creation unit is made, 1e-9; negative where it is paid out.
    pub cash_e9: i64,
    /// What making or redeeming one creation unit costs, 1e-9.
    pub fee_e9: u64,
    /// Most that goes into all creation units, 1e-9.
    pub amount_max: u64,
    /// Least profit that counts, 1e-9.
    pub profit_min: u64,
}

impl Basket {
    /// Creation (the basket is bought, the fund sold), then redemption.
    ///
    /// # Errors
    /// No components, or cash and fee that do not fit.
    pub fn relations(&self) -> Result<[LinearSpec; 2], KindError> {
        if self.components.is_empty() {
            return Err(KindError::new("basket", 0, KindFault::NoComponents));
        }
        let (cash, fee) = (i128::from(self.cash_e9), i128::from(self.fee_e9));
        let payoff = |amount: i128| {
            let fits = amount.unsigned_abs() <= u128::from(AMOUNT_MAX);
            if fits { Ok(amount as i64) } else { Err(KindError::new("basket", 0, KindFault::TooLarge)) }
        };
        let spec = |legs, payoff_e9| LinearSpec {
            legs,
            payoff_e9,
            amount_max: self.amount_max,
            profit_min: self.profit_min,
        };
        let made = self.components.iter().map(|&(listing, weight)| bought(listing, weight));
        let redeemed = self.components.iter().map(|&(listing, weight)| sold(listing, weight));
        let create = made.chain([sold(self.fund, self.fund_weight)]).collect();
        let redeem = redeemed.chain([bought(self.fund, self.fund_weight)]).collect();
        Ok([spec(create, payoff(-cash - fee)?), spec(redeem, payoff(cash - fee)?)])
    }
}
