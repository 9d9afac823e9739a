//! Linear relations: whether legs that are traded in fixed proportions bring more than they cost, with what they are surely
//! worth afterwards.
//!
//! A put, a share and a short call pay the strike; a fund is its basket; a future is the share and its carry; a spread of
//! options pays at least something. All of these are one form, [`LinearRelation`]: amounts in 1e-18 are added up exactly
//! in 128 bits, rounded against us once a copy, and a hit is as many copies as the least displayed leg allows, in whole
//! lots of every leg.
//!
//! Integers only, the same order of operations as `cuda/linear.cuh`. Nothing allocates; any thread may call it. Amounts
//! of a copy above [`AMOUNT_MAX`] are refused: such a relation has nothing to take.

use super::arbitrage::{NO_HIT, UNIT_E9, ceil_e9, floor_e9, wide};
use crate::abi::{AMOUNT_MAX, LinearLeg, LinearRelation, Touch};

/// What goes into one copy and what comes out, 1e-18.
#[derive(Clone, Copy)]
struct OneCopy {
    into: u128,
    out: u128,
}

/// Copies, what goes into one, what comes out of one, zero, and the profit of all, 1e-9; [`NO_HIT`] when nothing is to be
/// had. `legs` are the relation's, `touches` are indexed by listing.
#[inline]
#[must_use]
pub fn evaluate_linear(relation: &LinearRelation, legs: &[LinearLeg], touches: &[Touch]) -> [i64; 5] {
    let copy = one_copy(relation, legs, touches);
    if copy.out > copy.into { walk(relation, legs, touches, copy) } else { NO_HIT }
}

/// The sums. The ratios of a side add up to 2^63 at most and prices are 2^62 at most: with the payoff, 2^92 at most, a side
/// stays below 2^126. A leg without a price is a gift here; the walk finds that it has no quantity either.
#[inline(always)]
fn one_copy(relation: &LinearRelation, legs: &[LinearLeg], touches: &[Touch]) -> OneCopy {
    let payoff = wide(relation.payoff_e9.unsigned_abs(), UNIT_E9);
    let mut copy = if relation.payoff_e9 < 0 {
        OneCopy { into: payoff, out: 0 }
    } else {
        OneCopy { into: 0, out: payoff }
    };
    for leg in legs {
        let touch = &touches[leg.leg.listing() as usize];
        if leg.leg.sells() {
            copy.out += wide(leg.ratio_e9, touch.proceeds);
        } else {
            copy.into += wide(leg.ratio_e9, touch.cost);
        }
    }
    copy
}

/// What goes into a copy is above zero wherever all legs have a price, since a leg is bought or the payoff is negative.
fn walk(relation: &LinearRelation, legs: &[LinearLeg], touches: &[Touch], copy: OneCopy) -> [i64; 5] {
    let (Some(into), Some(out)) = (ceil_e9(copy.into), floor_e9(copy.out)) else { return NO_HIT };
    if into == 0 || out <= into {
        return NO_HIT;
    }
    let mut copies = (relation.amount_max / into).min(AMOUNT_MAX / out);
    for leg in legs {
        let touch = &touches[leg.leg.listing() as usize];
        let displayed = if leg.leg.sells() { touch.proceeds_quantity } else { touch.cost_quantity };
        copies = copies.min(displayed / leg.weight);
    }
    copies -= copies % relation.step;
    // At most what comes out of all copies, which is at most AMOUNT_MAX.
    let profit = copies * (out - into);
    if profit < relation.profit_min {
        return NO_HIT;
    }
    [copies as i64, into as i64, out as i64, 0, profit as i64]
}

#[cfg(test)]
#[path = "linear_tests.rs"]
mod tests;
