//! Relations: whether a cycle of trades over several listings brings back more than it takes, at displayed quantities
//! and after fees.
//!
//! Two steps. [`fold`] makes a [`Touch`] of one listing's best bid and offer, once for each change: the fees go into the
//! price of one quantity unit, rounded against us; [`fold_inverse`] does so where the price is upside-down. [`evaluate`] looks at one [`Relation`]: a screen by exact products,
//! which ends nearly every call, then a walk that finds whole lots for every leg and what they earn.
//!
//! Integers only, no division of more than 64 bits but that of an inverse price, the same order of operations as
//! `cuda/arbitrage.cuh`. Nothing
//! allocates; any thread may call it. It refuses prices that are not positive, and amounts above [`AMOUNT_MAX`]: such a
//! side counts as empty.

use super::query::Bbo;
use crate::abi::{AMOUNT_MAX, LEGS_MAX, Leg, ListingTerms, Relation, Touch};

/// 1e-9 of a unit in one unit.
pub(super) const UNIT_E9: u64 = 1_000_000_000;

/// The values of a relation that has nothing to take.
pub const NO_HIT: [i64; 5] = [0; 5];

/// The best prices of a listing with its fees folded in. `terms` are within the limits that their fields name.
#[must_use]
pub fn fold(bbo: &Bbo, terms: &ListingTerms) -> Touch {
    let mut touch = Touch::default();
    if let Some(cost) = cost_of_unit(bbo.ask_px, terms).filter(|_| bbo.ask_qty > 0) {
        (touch.cost, touch.cost_quantity) = (cost, bbo.ask_qty);
    }
    if let Some(proceeds) = proceeds_of_unit(bbo.bid_px, terms).filter(|_| bbo.bid_qty > 0) {
        (touch.proceeds, touch.proceeds_quantity) = (proceeds, bbo.bid_qty);
    }
    touch
}

/// The same of a listing whose price is upside-down: a quantity unit is a fixed amount of the money that the price counts,
/// such as a contract of 100 dollars that is quoted in dollars a coin and paid for in coins. Who takes the bid pays coins
/// for dollars: the bid is what the unit costs, the offer what it brings.
#[must_use]
pub fn fold_inverse(bbo: &Bbo, terms: &ListingTerms) -> Touch {
    let mut touch = Touch::default();
    let raw = |price: i64, up| inverse(positive(price)?, terms.unit_e9, up);
    if let Some(cost) = raw(bbo.bid_px, true).and_then(|raw| cost_with_fees(raw, terms))
        && bbo.bid_qty > 0
    {
        (touch.cost, touch.cost_quantity) = (cost, bbo.bid_qty);
    }
    if let Some(proceeds) = raw(bbo.ask_px, false).and_then(|raw| proceeds_with_fees(raw, terms))
        && bbo.ask_qty > 0
    {
        (touch.proceeds, touch.proceeds_quantity) = (proceeds, bbo.ask_qty);
    }
    touch
}

/// `unit_e9 * 10^9 / price`, if that is at most [`AMOUNT_MAX`]. The product stays below 2^92.
fn inverse(price: u64, unit_e9: u64, up: bool) -> Option<u64> {
    let (product, price) = (wide(unit_e9, UNIT_E9), u128::from(price));
    let quotient = product / price + u128::from(up && !product.is_multiple_of(price));
    (quotient <= u128::from(AMOUNT_MAX)).then_some(quotient as u64)
}

/// What buying one quantity unit costs, each step rounded up.
fn cost_of_unit(price: i64, terms: &ListingTerms) -> Option<u64> {
    cost_with_fees(ceil_e9(wide(positive(price)?, terms.unit_e9))?, terms)
}

fn cost_with_fees(raw: u64, terms: &ListingTerms) -> Option<u64> {
    let with_fee = ceil_e9(wide(raw, UNIT_E9.wrapping_add_signed(terms.fee_ppb)))?;
    amount(with_fee, terms.fee_unit_e9)
}

/// What selling one quantity unit brings, each step rounded down.
fn proceeds_of_unit(price: i64, terms: &ListingTerms) -> Option<u64> {
    proceeds_with_fees(floor_e9(wide(positive(price)?, terms.unit_e9))?, terms)
}

fn proceeds_with_fees(raw: u64, terms: &ListingTerms) -> Option<u64> {
    let with_fee = floor_e9(wide(raw, UNIT_E9.wrapping_add_signed(terms.fee_ppb.wrapping_neg())))?;
    amount(with_fee, terms.fee_unit_e9.wrapping_neg())
}

/// A price above zero: [`feeds::units::PRICE_NONE`] is negative.
const fn positive(price: i64) -> Option<u64> {
    if price > 0 { Some(price as u64) } else { None }
}

/// `value` plus `change`, if the sum is 1 to [`AMOUNT_MAX`]. Value and the change's magnitude are at most 2^62, so their
/// sum is within 2^63 and their difference within i64.
fn amount(value: u64, change: i64) -> Option<u64> {
    let sum = value.wrapping_add_signed(change) as i64;
    (sum > 0 && sum as u64 <= AMOUNT_MAX).then_some(sum as u64)
}

/// `product / 10^9` rounded down, if that is at most [`AMOUNT_MAX`].
pub(super) fn floor_e9(product: u128) -> Option<u64> {
    let (quotient, _) = divided_e9(product)?;
    (quotient <= AMOUNT_MAX).then_some(quotient)
}

/// `product / 10^9` rounded up, if that is at most [`AMOUNT_MAX`].
pub(super) fn ceil_e9(product: u128) -> Option<u64> {
    let (quotient, remainder) = divided_e9(product)?;
    let up = quotient.wrapping_add((remainder != 0) as u64);
    (quotient <= AMOUNT_MAX && up <= AMOUNT_MAX).then_some(up)
}

/// Quotient and remainder of a division by 10^9; `None` when the quotient takes more than 64 bits.
///
/// Schoolbook division by limbs of 32 bits: the remainder stays below 10^9 < 2^30, so that remainder and next limb fit
/// 64 bits, and each step divides 64 bits by a constant.
fn divided_e9(product: u128) -> Option<(u64, u64)> {
    let high = (product >> 64) as u64;
    // The quotient has 64 bits at most exactly when the product's high half is below the divisor.
    if high >= UNIT_E9 {
        return None;
    }
    let low = product as u64;
    let upper = (high << 32) | (low >> 32);
    let lower = ((upper % UNIT_E9) << 32) | (low & 0xFFFF_FFFF);
    Some((((upper / UNIT_E9) << 32) | (lower / UNIT_E9), lower % UNIT_E9))
}

/// One leg with its prices looked up: `goes_in` and `comes_out` are of one quantity unit, 1e-9, 1 to [`AMOUNT_MAX`].
#[derive(Clone, Copy)]
struct PricedLeg {
    goes_in: u64,
    comes_out: u64,
    quantity: u64,
    lot: u64,
}

/// A leg that is not there: whatever comes in goes out, without limit.
const NO_LEG: PricedLeg = PricedLeg { goes_in: 1, comes_out: 1, quantity: AMOUNT_MAX, lot: 1 };

impl PricedLeg {
    #[inline(always)]
    fn new(leg: Leg, terms: &[ListingTerms], touches: &[Touch]) -> Self {
        let (t, touch) = (&terms[leg.listing() as usize], &touches[leg.listing() as usize]);
        let (goes_in, comes_out, quantity) = if leg.sells() {
            (t.unit_e9, touch.proceeds, touch.proceeds_quantity)
        } else {
            (touch.cost, t.unit_e9, touch.cost_quantity)
        };
        Self { goes_in, comes_out, quantity, lot: t.lot }
    }

    const fn whole_lots(&self, quantity: u64) -> u64 {
        quantity - quantity % self.lot
    }
}

/// The quantities of the legs and the profit, 1e-9 of what the first leg takes; [`NO_HIT`] when nothing is to be had.
/// `terms` and `touches` are indexed by listing.
///
/// The walk goes backward first: a leg may bring no more than the next one can take, nor take more than
/// [`AMOUNT_MAX`], and the first one no more than [`Relation::amount_max`]. Then forward with what really arrives, whole
/// lots at each leg. What is left over between two legs counts nothing.
#[inline]
#[must_use]
pub fn evaluate(relation: &Relation, terms: &[ListingTerms], touches: &[Touch]) -> [i64; 5] {
    let mut legs = [NO_LEG; LEGS_MAX];
    for (priced, leg) in legs.iter_mut().zip(&relation.legs[..relation.legs_len as usize]) {
        *priced = PricedLeg::new(*leg, terms, touches);
    }
    if earns_anything(&legs, relation.legs_len) { walk(relation, &mut legs) } else { NO_HIT }
}

/// The screen: every leg has something to trade, and the product of what comes out is above the product of what goes
/// in, both exact. Two legs need 128 bits only.
#[inline(always)]
fn earns_anything(l: &[PricedLeg; LEGS_MAX], legs_len: u32) -> bool {
    if l.iter().any(|leg| leg.quantity == 0) {
        return false;
    }
    let (out, into) = (wide(l[0].comes_out, l[1].comes_out), wide(l[0].goes_in, l[1].goes_in));
    if legs_len <= 2 {
        return out > into;
    }
    above(times(out, wide(l[2].comes_out, l[3].comes_out)), times(into, wide(l[2].goes_in, l[3].goes_in)))
}

#[inline(always)]
pub(super) const fn wide(a: u64, b: u64) -> u128 {
    a as u128 * b as u128
}

/// 256 bits, least significant word first.
type Wide = [u64; 4];

/// The product of two numbers of 128 bits.
#[inline(always)]
const fn times(a: u128, b: u128) -> Wide {
    let (a0, a1, b0, b1) = (a as u64 as u128, a >> 64, b as u64 as u128, b >> 64);
    // A word times a word and two words more is below 2^128: nothing is lost in a column.
    let low = a0 * b0;
    let cross = a0 * b1 + (low >> 64);
    let middle = a1 * b0 + (cross as u64 as u128);
    let high = a1 * b1 + (cross >> 64) + (middle >> 64);
    [low as u64, middle as u64, high as u64, (high >> 64) as u64]
}

#[inline(always)]
const fn above(a: Wide, b: Wide) -> bool {
    let mut i = 3;
    while i > 0 && a[i] == b[i] {
        i -= 1;
    }
    a[i] > b[i]
}

/// Every product below is a quantity times what one unit of it takes or brings, and each quantity was cut to
/// `AMOUNT_MAX / that` or to `(an amount) / that` before: none is above 2^62, so quantities fit `i64` as well.
fn walk(relation: &Relation, legs: &mut [PricedLeg; LEGS_MAX]) -> [i64; 5] {
    let mut cap = AMOUNT_MAX;
    for leg in legs.iter_mut().rev() {
        let fitting = leg.quantity.min(cap / leg.comes_out).min(AMOUNT_MAX / leg.goes_in);
        leg.quantity = leg.whole_lots(fitting);
        cap = leg.quantity * leg.goes_in;
    }
    let mut values = NO_HIT;
    let mut amount = cap.min(relation.amount_max);
    let mut taken = 0;
    for (i, leg) in legs.iter().enumerate() {
        // The amount is at most the cap of this leg, so this is at most its quantity.
        let quantity = leg.whole_lots(amount / leg.goes_in);
        if quantity == 0 {
            return NO_HIT;
        }
        taken = if i == 0 { quantity * leg.goes_in } else { taken };
        values[i] = if i < relation.legs_len as usize { quantity as i64 } else { 0 };
        amount = quantity * leg.comes_out;
    }
    if amount <= taken || amount - taken < relation.profit_min {
        return NO_HIT;
    }
    values[4] = (amount - taken) as i64;
    values
}

#[cfg(test)]
#[path = "arbitrage_tests.rs"]
mod tests;
