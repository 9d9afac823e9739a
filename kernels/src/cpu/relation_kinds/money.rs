//! Amounts of a later day, rounded against us: discounts, strikes of whole contracts, prices that are paid at expiry.

use super::error::KindFault;
use crate::abi::{AMOUNT_MAX, Leg, ListingTerms};
use crate::cpu::wide::{FACTOR_E9_MAX, LinearLegSpec, common_divisor};

pub(super) const ONE_E9: u64 = 1_000_000_000;

/// What 1 of a later day is worth today, 1e-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discount {
    /// If we are to receive it: rounded down, at the rate at which we borrow.
    pub receive_e9: u64,
    /// If we have to pay it: rounded up, at the rate at which we lend.
    pub pay_e9: u64,
}

impl Discount {
    /// Today.
    pub const NONE: Self = Self { receive_e9: ONE_E9, pay_e9: ONE_E9 };

    pub(super) fn check(self) -> Result<(), KindFault> {
        let sound = self.receive_e9 > 0 && self.receive_e9 <= self.pay_e9 && self.pay_e9 <= FACTOR_E9_MAX;
        if sound { Ok(()) } else { Err(KindFault::Discount) }
    }

    /// The same where somebody else chooses the day, any from today on.
    pub(super) fn at_any_day(self) -> Self {
        Self { receive_e9: self.receive_e9.min(ONE_E9), pay_e9: self.pay_e9.max(ONE_E9) }
    }

    /// Whether interest is nowhere negative: what is received first is never worth less.
    pub(super) const fn only_falls(self) -> bool {
        self.pay_e9 <= ONE_E9
    }
}

/// How much of the thing one contract or one copy is about, 1e-9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl Size {
    /// What we receive at `price` for it, times a discount.
    pub(super) fn received(self, price_e9: u64, factor_e9: u64) -> Result<i64, KindFault> {
        let today = u128::from(price_e9) * u128::from(self.0) / u128::from(ONE_E9);
        fitting(today.checked_mul(u128::from(factor_e9)).map(|amount| amount / u128::from(ONE_E9)))
    }

    /// What we pay at `price` for it, times a discount.
    pub(super) fn paid(self, price_e9: u64, factor_e9: u64) -> Result<i64, KindFault> {
        let today = (u128::from(price_e9) * u128::from(self.0)).div_ceil(u128::from(ONE_E9));
        fitting(today.checked_mul(u128::from(factor_e9)).map(|amount| amount.div_ceil(u128::from(ONE_E9))))
    }
}

fn fitting(amount: Option<u128>) -> Result<i64, KindFault> {
    amount
        .filter(|amount| *amount <= u128::from(AMOUNT_MAX))
        .map(|amount| amount as i64)
        .ok_or(KindFault::TooLarge)
}

/// Least weights of two listings that trade the same amount of one thing.
pub(super) const fn weights(one: &ListingTerms, other: &ListingTerms) -> (u64, u64) {
    let common = common_divisor(one.unit_e9, other.unit_e9);
    (other.unit_e9 / common, one.unit_e9 / common)
}

pub(super) const fn bought(listing: u32, weight: u64) -> LinearLegSpec {
    LinearLegSpec { leg: Leg::buy(listing), weight, factor_e9: ONE_E9 }
}

pub(super) const fn sold(listing: u32, weight: u64) -> LinearLegSpec {
    LinearLegSpec { leg: Leg::sell(listing), weight, factor_e9: ONE_E9 }
}

/// A leg in a future: its price is paid at expiry, its fees today. What a copy's payoff loses by that is the second value.
///
/// The folded price has the fees in it, P (1 + f) + u for a buyer, and is to count P d + P f + u: a factor of
/// (d + f) / (1 + f) is right for the price and the proportional fee, and of u the rest is taken off the payoff.
pub(super) fn future(
    leg: Leg,
    weight: u64,
    terms: &ListingTerms,
    discount: Discount,
) -> Result<(LinearLegSpec, i64), KindFault> {
    let (one, fee) = (i128::from(ONE_E9), i128::from(terms.fee_ppb));
    let (discounted, whole) = if leg.sells() {
        (i128::from(discount.receive_e9) - fee, one - fee)
    } else {
        (i128::from(discount.pay_e9) + fee, one + fee)
    };
    if discounted <= 0 || whole <= 0 {
        return Err(KindFault::Fee);
    }
    let up = if leg.sells() { 0 } else { whole - 1 };
    let factor = (discounted * one + up) / whole;
    let late_e9 = i128::from(terms.fee_unit_e9) * (one - factor);
    let lost = (late_e9.max(0).checked_mul(i128::from(weight)).ok_or(KindFault::TooLarge)? + one - 1) / one;
    let factor_e9 = u64::try_from(factor).ok().filter(|factor| (1..=FACTOR_E9_MAX).contains(factor));
    let factor_e9 = factor_e9.ok_or(KindFault::Discount)?;
    Ok((LinearLegSpec { leg, weight, factor_e9 }, fitting(u128::try_from(lost).ok())?))
}
