//! A future against what it delivers: buy the thing, sell the future, and hold until it is delivered; or the reverse.

use super::error::{KindError, KindFault};
use super::money::{Discount, Size, bought, future, sold, weights};
use crate::abi::{Leg, ListingTerms};
use crate::cpu::wide::LinearSpec;

/// A future and what it delivers, in one currency. Daily settlement is left out: what a future's margin earns or costs is
/// small beside what is rounded here, and no constant bounds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Basis {
    /// Listing of the thing.
    pub spot: u32,
    /// Listing of the future.
    pub future: u32,
    /// What 1 at delivery is worth today.
    pub discount: Discount,
    /// Present value of what holding 1 of the thing until delivery surely brings (dividends), 1e-9.
    pub income_e9: u64,
    /// Present value of what holding 1 of it short may cost at most (dividends, borrowing), 1e-9.
    pub cost_of_short_e9: u64,
    /// Most that goes into all copies, 1e-9.
    pub amount_max: u64,
    /// Least profit that counts, 1e-9.
    pub profit_min: u64,
}

impl Basis {
    /// Cash and carry, then its reverse.
    ///
    /// # Errors
    /// A listing that is not there, a discount or a fee that is none, an amount that does not fit.
    pub fn relations(&self, listings: &[ListingTerms]) -> Result<[LinearSpec; 2], KindError> {
        self.discount.check().map_err(|fault| KindError::new("discount", 0, fault))?;
        let terms = |what, listing: u32| {
            listings.get(listing as usize).ok_or(KindError::new(what, 0, KindFault::ListingUnknown))
        };
        let (spot, deliverable) = (terms("spot", self.spot)?, terms("future", self.future)?);
        self.make(spot, deliverable).map_err(|fault| KindError::new("future", 0, fault))
    }

    fn make(&self, spot: &ListingTerms, deliverable: &ListingTerms) -> Result<[LinearSpec; 2], KindFault> {
        let (of_spot, of_future) = weights(spot, deliverable);
        let held = of_spot.checked_mul(spot.unit_e9).map(Size).ok_or(KindFault::TooLarge)?;
        let today = Discount::NONE.pay_e9;
        let (sale, lost_by_sale) = future(Leg::sell(self.future), of_future, deliverable, self.discount)?;
        let (purchase, lost_by_purchase) =
            future(Leg::buy(self.future), of_future, deliverable, self.discount)?;
        let spec = |legs, payoff_e9| LinearSpec {
            legs,
            payoff_e9,
            amount_max: self.amount_max,
            profit_min: self.profit_min,
        };
        Ok([
            spec(
                vec![bought(self.spot, of_spot), sale],
                held.received(self.income_e9, today)? - lost_by_sale,
            ),
            spec(
                vec![sold(self.spot, of_spot), purchase],
                -held.paid(self.cost_of_short_e9, today)? - lost_by_purchase,
            ),
        ])
    }
}
