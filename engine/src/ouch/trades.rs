//! The fills of a session by match number: how much a Broken Trade takes back, which says no quantity itself.
//!
//! Sixteen bytes a fill, in memory taken at construction; to remember one is a store. The search for one is through all of
//! them, the newest first: trades are broken by people. Owned by [`super::ledger`].

/// One fill.
#[derive(Clone, Copy, Debug)]
struct Trade {
    match_number: u64,
    /// The order's number when it traded.
    user_ref_num: u32,
    /// Shares; 0 once it was broken.
    quantity: u32,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Trades {
    trades: Vec<Trade>,
}

impl Trades {
    /// Room for this many.
    pub(super) fn with_capacity(trades: usize) -> Self {
        Self { trades: Vec::with_capacity(trades) }
    }

    /// Remembers a fill; beyond the room it does not.
    #[inline]
    pub(super) fn add(&mut self, match_number: u64, user_ref_num: u32, quantity: u32) {
        if self.trades.len() < self.trades.capacity() {
            self.trades.push(Trade { match_number, user_ref_num, quantity });
        }
    }

    /// Breaks a trade of an order that goes by the numbers for which `is_its` holds; returns its shares, 0 where it is not
    /// known or was broken before.
    #[cold]
    pub(super) fn take(&mut self, match_number: u64, is_its: impl Fn(u32) -> bool) -> u32 {
        let mut newest_first = self.trades.iter_mut().rev();
        let found =
            newest_first.find(|trade| trade.match_number == match_number && is_its(trade.user_ref_num));
        found.map_or(0, |trade| std::mem::take(&mut trade.quantity))
    }
}
