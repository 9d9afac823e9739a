//! The plain input of wide work, and what of it is refused.
//!
//! Numbers are checked once, here: what passes gives finite prices at every price of the underlying, so that nothing has
//! to be checked again while ticks arrive.

use super::error::WideFault;
use crate::abi::{AMOUNT_MAX, LEGS_MAX, Leg, ListingTerms};
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
    /// Relations between them, numbered by their place.
    pub relations: Vec<RelationSpec>,
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
