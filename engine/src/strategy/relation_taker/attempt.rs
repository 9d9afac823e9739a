//! An attempt of the relation taker: the legs that were sent together, and what became of them.

use crate::strategy::GROUP_MAX;
use feeds::event::Side;
use kernels::abi::{Leg, ListingTerms, Touch};
use kernels::cpu::book::Bbo;

/// One leg of the attempt that is in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct TriedLeg {
    pub(super) leg: Leg,
    /// The listing's price is upside-down: the unit is bought where the venue's bid is taken.
    pub(super) is_inverse: bool,
    pub(super) bbo: Bbo,
    pub(super) touch: Touch,
    pub(super) planned: u64,
    /// Of `planned`, filled.
    pub(super) filled: u64,
    /// Of `filled`, to be traded back.
    pub(super) excess: u64,
}

/// The place of a leg that is not there.
pub(super) const NO_LEG: TriedLeg = TriedLeg {
    leg: Leg(0),
    is_inverse: false,
    bbo: Bbo::EMPTY,
    touch: Touch { cost: 0, cost_quantity: 0, proceeds: 0, proceeds_quantity: 0 },
    planned: 0,
    filled: 0,
    excess: 0,
};

impl TriedLeg {
    pub(super) const fn side(&self) -> Side {
        if self.leg.sells() != self.is_inverse { Side::Sell } else { Side::Buy }
    }

    pub(super) const fn price(&self) -> i64 {
        if matches!(self.side(), Side::Sell) { self.bbo.bid_px } else { self.bbo.ask_px }
    }
}

/// What is in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) relation: u32,
    pub(super) legs: [TriedLeg; GROUP_MAX],
    pub(super) legs_len: usize,
    pub(super) profit: i64,
}

impl Attempt {
    pub(super) fn legs(&self) -> &[TriedLeg] {
        &self.legs[..self.legs_len]
    }

    pub(super) fn legs_mut(&mut self) -> &mut [TriedLeg] {
        &mut self.legs[..self.legs_len]
    }

    /// Sets what of each leg is beyond what the least filled one supports.
    pub(super) fn find_excess(&mut self, terms: &[ListingTerms]) {
        let legs = *self;
        let supported = |leg: &TriedLeg| {
            let by = |other: &TriedLeg| {
                u128::from(leg.planned) * u128::from(other.filled) / u128::from(other.planned.max(1))
            };
            legs.legs().iter().map(by).min().unwrap_or(0)
        };
        for leg in self.legs_mut() {
            let kept = u64::try_from(supported(leg)).unwrap_or(u64::MAX);
            let excess = leg.filled.saturating_sub(kept);
            leg.excess = excess - excess % terms[leg.leg.listing() as usize].lot;
        }
    }
}
