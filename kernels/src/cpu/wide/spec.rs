//! The plain input of wide work, and what of it is refused.
//!
//! Numbers are checked once, here: what passes gives finite prices at every price of the underlying, so that nothing has
//! to be checked again while ticks arrive.

use super::error::WideFault;
use crate::abi::{AMOUNT_MAX, LEGS_MAX, LINEAR_LEGS_MAX, Leg, ListingTerms};
use std::ops::RangeInclusive;

/// 10^9 parts: a fee of everything.
const FEE_PPB_MAX: u64 = 1_000_000_000;
/// Strikes that are taken, currency units: what a price of 1e-9 as `i64` can reach.
const STRIKES: RangeInclusive<f64> = 1e-9..=1e10;
/// Discounts and forwards of 1 that are taken.
const FACTORS: RangeInclusive<f64> = 1e-6..=1e6;
/// Times to expiry and annual volatilities that are taken.
const UP_TO_A_THOUSAND: RangeInclusive<f64> = 0.0..=1e3;
/// Widths a unit of vega that are taken.
const WIDTHS: RangeInclusive<f64> = 0.0..=1e9;

/// Everything that wide work is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WideSpec {
    /// Listings, numbered by their place.
    pub listings: Vec<ListingTerms>,
    /// Numbers of the listings whose price is upside-down; see [`crate::cpu::arbitrage::fold_inverse`].
    pub inverse: Vec<u32>,
    /// Relations between them, numbered by their place.
    pub relations: Vec<RelationSpec>,
    /// Linear relations between them, numbered by their place behind the last of `relations`.
    pub linears: Vec<LinearSpec>,
    /// Expiries, numbered by their place.
    pub expiries: Vec<ExpirySpec>,
    /// Options; the compiled tables number them otherwise, see [`super::WideTables::option_of_spec`].
    pub options: Vec<OptionSpec>,
}

/// A cycle of trades; see [`crate::abi::Relation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationSpec {
    /// 2 to [`LEGS_MAX`] legs, each at another listing. What comes out of one has to be what the next one takes: only the
    /// configuration knows currencies.
    pub legs: Vec<Leg>,
    /// Most that goes into the first leg, 1e-9; 1 to [`AMOUNT_MAX`].
    pub amount_max: u64,
    /// Least profit that counts, 1e-9; 1 to [`AMOUNT_MAX`].
    pub profit_min: u64,
}

/// Legs in fixed proportions and what they surely pay; see [`crate::abi::LinearRelation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearSpec {
    /// 1 to [`LINEAR_LEGS_MAX`] legs, each at another listing, all in one currency.
    pub legs: Vec<LinearLegSpec>,
    /// Least present value of what a copy pays afterwards, 1e-9; negative where it may cost something.
    pub payoff_e9: i64,
    /// Most that goes into all copies, 1e-9; 1 to [`AMOUNT_MAX`].
    pub amount_max: u64,
    /// Least profit of all copies that counts, 1e-9; 1 to [`AMOUNT_MAX`].
    pub profit_min: u64,
}

/// One leg of a linear relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearLegSpec {
    /// Where, and whether it is sold.
    pub leg: Leg,
    /// Quantity units a copy, 1 to [`AMOUNT_MAX`].
    pub weight: u64,
    /// Present value of 1 of its price, 1e-9: 10^9 where it is paid at once. 1 to [`FACTOR_E9_MAX`].
    pub factor_e9: u64,
}

/// Largest factor of a price that is paid at a later day: a thousandfold.
pub const FACTOR_E9_MAX: u64 = 1_000_000_000_000;

/// Most that the ratios of the legs on one side add up to: times a price of 2^62 that is 2^125.
const RATIOS_MAX: u128 = 1 << 63;

/// What all options of one expiry share; see [`crate::abi::Expiry`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpirySpec {
    /// Forward of 1 of the underlying, 1e-6 to 1e6.
    pub carry: f64,
    /// Present value of 1 paid at expiry, 1e-6 to 1e6.
    pub discount: f64,
    /// Time to expiry in years, 0 to 1,000.
    pub years: f64,
}

/// One European option with the terms of our quote.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptionSpec {
    /// Listing of the underlying.
    pub underlying: u32,
    /// Number of its expiry.
    pub expiry: u32,
    /// A put; else a call.
    pub put: bool,
    /// Strike in currency units, 1e-9 to 1e10.
    pub strike: f64,
    /// Annual volatility, 0 to 1,000.
    pub volatility: f64,
    /// Half of the quote's width a unit of vega, 0 to 1e9.
    pub width_vega: f64,
    /// Least half of the quote's width, 1e-9, 0 to [`AMOUNT_MAX`].
    pub half_width_min_e9: i64,
    /// Price increment, 1e-9, 1 to [`AMOUNT_MAX`].
    pub tick_e9: i64,
}

/// The first of these that does not hold.
fn first_broken(checks: &[(bool, WideFault)]) -> Result<(), WideFault> {
    checks.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, fault)| Err(*fault))
}

/// Whether a volatility is one that options can be priced with. NaN is in no range.
pub(super) fn volatility_fits(volatility: f64) -> bool {
    UP_TO_A_THOUSAND.contains(&volatility)
}

pub(super) fn check_listing(terms: &ListingTerms) -> Result<(), WideFault> {
    first_broken(&[
        ((1..=AMOUNT_MAX).contains(&terms.unit_e9), WideFault::Unit),
        (terms.lot > 0, WideFault::Lot),
        (terms.fee_ppb.unsigned_abs() <= FEE_PPB_MAX, WideFault::FeeRate),
        (terms.fee_unit_e9.unsigned_abs() < AMOUNT_MAX, WideFault::FeeUnit),
    ])
}

impl RelationSpec {
    pub(super) fn check(&self, listings: usize) -> Result<(), WideFault> {
        let legs = &self.legs;
        let repeated = |at: usize| legs[..at].iter().any(|leg| leg.listing() == legs[at].listing());
        first_broken(&[
            ((2..=LEGS_MAX).contains(&legs.len()), WideFault::LegCount),
            (legs.iter().all(|leg| (leg.listing() as usize) < listings), WideFault::ListingUnknown),
            (!(0..legs.len()).any(repeated), WideFault::ListingRepeated),
            ((1..=AMOUNT_MAX).contains(&self.amount_max), WideFault::AmountMax),
            ((1..=AMOUNT_MAX).contains(&self.profit_min), WideFault::ProfitMin),
        ])
    }
}

impl LinearSpec {
    pub(super) fn check(&self, listings: usize) -> Result<(), WideFault> {
        let legs = &self.legs;
        let listing = |at: usize| legs[at].leg.listing();
        let repeated = |at: usize| (0..at).any(|before| listing(before) == listing(at));
        let ratios = |sells| {
            let of_side = legs.iter().filter(|leg| leg.leg.sells() == sells);
            of_side.map(|leg| u128::from(leg.weight) * u128::from(leg.factor_e9)).sum::<u128>()
        };
        first_broken(&[
            ((1..=LINEAR_LEGS_MAX).contains(&legs.len()), WideFault::LinearLegCount),
            (legs.iter().all(|leg| (leg.leg.listing() as usize) < listings), WideFault::ListingUnknown),
            (!(0..legs.len()).any(repeated), WideFault::ListingRepeated),
            (legs.iter().all(|leg| (1..=AMOUNT_MAX).contains(&leg.weight)), WideFault::Weight),
            (legs.iter().all(|leg| (1..=FACTOR_E9_MAX).contains(&leg.factor_e9)), WideFault::Factor),
            (ratios(false) <= RATIOS_MAX && ratios(true) <= RATIOS_MAX, WideFault::Ratios),
            (self.payoff_e9.unsigned_abs() <= AMOUNT_MAX, WideFault::Payoff),
            (ratios(false) > 0 || self.payoff_e9 < 0, WideFault::NothingGoesIn),
            (ratios(true) > 0 || self.payoff_e9 > 0, WideFault::NothingComesOut),
            ((1..=AMOUNT_MAX).contains(&self.amount_max), WideFault::AmountMax),
            ((1..=AMOUNT_MAX).contains(&self.profit_min), WideFault::ProfitMin),
        ])
    }

    /// Least number of copies that trades whole lots of every leg.
    ///
    /// # Errors
    /// When it is above [`AMOUNT_MAX`].
    pub(super) fn step(&self, listings: &[ListingTerms]) -> Result<u64, WideFault> {
        let mut step = 1;
        for leg in &self.legs {
            let lot = listings[leg.leg.listing() as usize].lot;
            let of_leg = lot / common_divisor(lot, leg.weight);
            let factor = of_leg / common_divisor(of_leg, step);
            step = step.checked_mul(factor).filter(|step| *step <= AMOUNT_MAX).ok_or(WideFault::Lots)?;
        }
        Ok(step)
    }
}

/// The greatest number that divides both; one of them is above zero.
pub(crate) const fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

impl ExpirySpec {
    pub(super) fn check(&self) -> Result<(), WideFault> {
        first_broken(&[
            (FACTORS.contains(&self.carry), WideFault::Carry),
            (FACTORS.contains(&self.discount), WideFault::Discount),
            (UP_TO_A_THOUSAND.contains(&self.years), WideFault::Years),
        ])
    }
}

impl OptionSpec {
    pub(super) fn check(&self, listings: usize, expiries: usize) -> Result<(), WideFault> {
        let amounts = 0..=AMOUNT_MAX as i64;
        first_broken(&[
            ((self.underlying as usize) < listings, WideFault::ListingUnknown),
            ((self.expiry as usize) < expiries, WideFault::ExpiryUnknown),
            (STRIKES.contains(&self.strike), WideFault::Strike),
            (volatility_fits(self.volatility), WideFault::Volatility),
            (WIDTHS.contains(&self.width_vega), WideFault::WidthVega),
            (amounts.contains(&self.half_width_min_e9), WideFault::HalfWidthMin),
            (self.tick_e9 > 0 && amounts.contains(&self.tick_e9), WideFault::Tick),
        ])
    }
}
