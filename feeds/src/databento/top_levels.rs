//! MBP records as level changes: a record shows the top levels after its update; the book needs what changed.

use dbn::BidAskPair;

/// Levels of the deepest schema.
pub(super) const DEPTH_MAX: usize = 10;

/// One side's shown levels, best first: price (1e-9) and quantity; a quantity of 0 is no level.
pub(super) type SideLevels = [(i64, u64); DEPTH_MAX];

/// The top levels of one instrument as last shown.
#[derive(Clone, Copy, Default)]
pub(super) struct TopLevels {
    pub bids: SideLevels,
    pub asks: SideLevels,
}

impl TopLevels {
    /// What a record shows; fewer levels than [`DEPTH_MAX`] leave the rest empty.
    pub fn shown(levels: &[BidAskPair]) -> Self {
        let mut shown = Self::default();
        for ((pair, bid), ask) in levels.iter().zip(&mut shown.bids).zip(&mut shown.asks) {
            *bid = level(pair.bid_px, pair.bid_sz);
            *ask = level(pair.ask_px, pair.ask_sz);
        }
        shown
    }
}

fn level(price: i64, quantity: u32) -> (i64, u64) {
    if price == dbn::UNDEF_PRICE || quantity == 0 { (0, 0) } else { (price, u64::from(quantity)) }
}

/// Calls `set` with each level of `old` that `new` no longer shows, quantity 0, then with each that is new or changed.
pub(super) fn changes(old: &SideLevels, new: &SideLevels, mut set: impl FnMut(i64, u64)) {
    for &(price, quantity) in old {
        if quantity != 0 && !new.iter().any(|&(other, shown)| other == price && shown != 0) {
            set(price, 0);
        }
    }
    for level in new {
        if level.1 != 0 && !old.contains(level) {
            set(level.0, level.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_told() {
        let side = |levels: &[(i64, u64)]| {
            let mut side = SideLevels::default();
            side[..levels.len()].copy_from_slice(levels);
            side
        };
        let told = |old: &[(i64, u64)], new: &[(i64, u64)]| {
            let mut told = Vec::new();
            changes(&side(old), &side(new), |price, quantity| told.push((price, quantity)));
            told
        };
        assert_eq!(told(&[], &[(5, 1), (4, 2)]), [(5, 1), (4, 2)]);
        assert_eq!(told(&[(5, 1), (4, 2)], &[(5, 1), (4, 2)]), []);
        assert_eq!(told(&[(5, 1), (4, 2)], &[(4, 3)]), [(5, 0), (4, 3)]);
        assert_eq!(told(&[(4, 3)], &[(6, 1), (4, 3)]), [(6, 1)]);
        assert_eq!(told(&[(4, 3)], &[]), [(4, 0)]);
    }
}
