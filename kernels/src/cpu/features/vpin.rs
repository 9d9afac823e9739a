//! VPIN: the volume-synchronised probability of informed trading.

use super::ring::Ring;

/// "No VPIN": fewer buckets than it looks back over have been filled.
pub const VPIN_NONE: u64 = u64::MAX;

/// Volume of one trade by who began it, quantity units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Bought by whoever was in a hurry.
    pub bought: u64,
    /// Sold by whoever was in a hurry.
    pub sold: u64,
}

/// The running estimate of one instrument.
///
/// Trades fill buckets of equal volume V in order; a trade that is too large for what is left of one goes on in the next,
/// what it bought first. Over the last n full buckets, with the volume bought and sold in each:
///
/// ```text
/// VPIN = sum of |bought - sold| / (n V)
/// ```
///
/// 0 (as much bought as sold in each bucket) to 1 (one-sided flow): D. Easley, M. Lopez de Prado and M. O'Hara, "Flow
/// toxicity and liquidity in a high-frequency world", Rev. Financ. Stud. 25:1457 (2012). The paper has to guess the signs
/// from changes of prices by bars ([`super::BulkParameters`]); a feed of orders tells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpin {
    bucket: u64,
    /// What the bucket under way holds.
    bought: u64,
    sold: u64,
    /// |bought - sold| of the last buckets.
    imbalances: Ring,
    /// Their sum: below 2^12 buckets of at most 2^40.
    sum: u64,
}

impl Vpin {
    /// Nothing traded yet; buckets of `bucket` quantity units, 1 to [`super::BUCKET_MAX`], of which the last `buckets`
    /// count, 1 to [`super::RING_MAX`].
    #[must_use]
    pub fn new(bucket: u64, buckets: u32) -> Self {
        Self { bucket, bought: 0, sold: 0, imbalances: Ring::new(buckets), sum: 0 }
    }

    /// A trade. However large it is, it costs at most one pass over the ring for each sign.
    #[inline]
    pub fn trade(&mut self, trade: Signed) {
        self.fill(trade.bought, true);
        self.fill(trade.sold, false);
    }

    fn fill(&mut self, quantity: u64, is_buy: bool) {
        let room = self.bucket - self.bought - self.sold;
        if quantity < room {
            return self.take(quantity, is_buy);
        }
        self.take(room, is_buy);
        self.close(self.bought.abs_diff(self.sold));
        let rest = quantity - room;
        // What fills whole buckets alone is one-sided in each; beyond a whole ring nothing changes any more.
        for _ in 0..(rest / self.bucket).min(self.imbalances.len()) {
            self.close(self.bucket);
        }
        self.take(rest % self.bucket, is_buy);
    }

    fn take(&mut self, quantity: u64, is_buy: bool) {
        let side = if is_buy { &mut self.bought } else { &mut self.sold };
        *side += quantity;
    }

    fn close(&mut self, imbalance: u64) {
        self.sum = self.sum + imbalance - self.imbalances.push(imbalance);
        (self.bought, self.sold) = (0, 0);
    }

    /// VPIN in 1e-9, truncated: 0 to 10^9; [`VPIN_NONE`] until enough buckets have been full.
    #[must_use]
    pub fn vpin_e9(&self) -> u64 {
        if !self.imbalances.is_full() {
            return VPIN_NONE;
        }
        let volume = u128::from(self.bucket) * u128::from(self.imbalances.len());
        (u128::from(self.sum) * 1_000_000_000 / volume) as u64
    }
}
