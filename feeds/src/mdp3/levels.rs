//! The levels of one instrument as the exchange counts them: position to price.
//!
//! MDP 3.0 says «level 3 is deleted»; books by price need to know which price that was. Ten levels a side, plain
//! arrays, no allocation. Levels that the feed has not sent (a start in mid-session) are holes. Implied levels are not
//! kept. It refuses positions beyond the instrument's depth.

use crate::event::Side;
use crate::units::PRICE_NONE;

/// The deepest book that the exchange sends.
pub const DEPTH_MAX: usize = 10;

/// MDUpdateAction(279).
pub mod action {
    /// A level is inserted; those behind move back, the one that leaves the depth is gone.
    pub const NEW: u8 = 0;
    /// A level's quantity changes.
    pub const CHANGE: u8 = 1;
    /// A level goes; those behind move forward.
    pub const DELETE: u8 = 2;
    /// All levels from the best one to this go.
    pub const DELETE_THRU: u8 = 3;
    /// All levels from this one to the worst go.
    pub const DELETE_FROM: u8 = 4;
    /// A level takes another price.
    pub const OVERLAY: u8 = 5;
}

/// One level's entry of an incremental refresh, in event units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelUpdate {
    /// [`action`].
    pub action: u8,
    /// Position, from 1.
    pub level: u8,
    /// 1e-9, or [`PRICE_NONE`].
    pub price: i64,
    /// Contracts.
    pub quantity: u64,
}

/// An update that the levels cannot follow. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inconsistent;

/// Both sides of an instrument.
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    /// Price by position, [`PRICE_NONE`] for a hole; bids, then offers.
    prices: [[i64; DEPTH_MAX]; 2],
    /// Quantity by position.
    quantities: [[u64; DEPTH_MAX]; 2],
    depth: u8,
}

impl Levels {
    /// No levels; `depth` (MarketDepth(264)) is cut to 1 to [`DEPTH_MAX`].
    #[must_use]
    pub fn new(depth: u8) -> Self {
        let mut levels =
            Self { prices: [[PRICE_NONE; DEPTH_MAX]; 2], quantities: [[0; DEPTH_MAX]; 2], depth: 0 };
        levels.set_depth(depth);
        levels
    }

    /// Sets the depth; levels beyond it are no longer counted.
    #[allow(clippy::cast_possible_truncation)] // 10
    pub fn set_depth(&mut self, depth: u8) {
        self.depth = depth.clamp(1, DEPTH_MAX as u8);
    }

    /// Forgets all levels.
    pub fn clear(&mut self) {
        self.prices = [[PRICE_NONE; DEPTH_MAX]; 2];
    }

    fn side(side: Side) -> usize {
        usize::from(side == Side::Sell)
    }

    /// The best known level of a side: price and quantity.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<(i64, u64)> {
        let side = Self::side(side);
        let at = self.prices[side].iter().position(|&price| price != PRICE_NONE)?;
        Some((self.prices[side][at], self.quantities[side][at]))
    }

    /// Applies an update and says through `set` what it means by price: first what goes (quantity 0), then what is
    /// there.
    ///
    /// # Errors
    /// [`Inconsistent`] when the position is beyond the depth, the action is not known, or there is no price.
    #[inline(always)]
    pub fn apply(
        &mut self,
        side: Side,
        update: LevelUpdate,
        mut set: impl FnMut(i64, u64),
    ) -> Result<(), Inconsistent> {
        let LevelUpdate { action, level, price, quantity } = update;
        let at = usize::from(level)
            .checked_sub(1)
            .filter(|&at| at < usize::from(self.depth))
            .ok_or(Inconsistent)?;
        let depth = usize::from(self.depth);
        let prices = &mut self.prices[Self::side(side)][..depth];
        let quantities = &mut self.quantities[Self::side(side)][..depth];
        let mut gone = |price: i64| {
            if price != PRICE_NONE {
                set(price, 0);
            }
        };
        match action {
            action::NEW | action::CHANGE | action::OVERLAY => {
                if price == PRICE_NONE {
                    return Err(Inconsistent);
                }
                if action == action::NEW {
                    let last = prices[depth - 1];
                    prices.copy_within(at..depth - 1, at + 1);
                    quantities.copy_within(at..depth - 1, at + 1);
                    // A level that the price already has: the feed was joined in between.
                    if last != price {
                        gone(last);
                    }
                } else if prices[at] != price {
                    gone(prices[at]);
                }
                (prices[at], quantities[at]) = (price, quantity);
                set(price, quantity);
            }
            action::DELETE => {
                // A hole: the entry itself says which price goes.
                gone(if prices[at] == PRICE_NONE { price } else { prices[at] });
                prices.copy_within(at + 1.., at);
                quantities.copy_within(at + 1.., at);
                prices[depth - 1] = PRICE_NONE;
            }
            action::DELETE_THRU => {
                prices[..=at].iter().copied().for_each(gone);
                prices.copy_within(at + 1.., 0);
                quantities.copy_within(at + 1.., 0);
                prices[depth - 1 - at..].fill(PRICE_NONE);
            }
            action::DELETE_FROM => {
                prices[at..].iter().copied().for_each(gone);
                prices[at..].fill(PRICE_NONE);
            }
            _ => return Err(Inconsistent),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn apply(levels: &mut Levels, action: u8, level: u8, price: i64, quantity: u64) -> Vec<(i64, u64)> {
        let mut sets = Vec::new();
        levels
            .apply(Side::Buy, LevelUpdate { action, level, price, quantity }, |price, quantity| {
                sets.push((price, quantity));
            })
            .unwrap();
        sets
    }

    #[test]
    fn the_exchange_s_example_of_a_five_deep_book() {
        // «MDP 3.0 Book Update - Order Cancelled and Replaced»: level 1 goes, level 5 is added.
        let mut levels = Levels::new(5);
        for (level, price) in [(1, 942_750), (2, 942_700), (3, 942_650), (4, 942_600), (5, 942_550)] {
            assert_eq!(apply(&mut levels, action::NEW, level, price, 10), [(price, 10)]);
        }
        assert_eq!(apply(&mut levels, action::DELETE, 1, 942_750, 90), [(942_750, 0)]);
        assert_eq!(apply(&mut levels, action::NEW, 5, 942_500, 19), [(942_500, 19)]);
        assert_eq!(levels.best(Side::Buy), Some((942_700, 10)));
        // A better level pushes the worst one out.
        assert_eq!(apply(&mut levels, action::NEW, 1, 942_800, 1), [(942_500, 0), (942_800, 1)]);
        assert_eq!(apply(&mut levels, action::OVERLAY, 2, 942_725, 3), [(942_700, 0), (942_725, 3)]);
        assert_eq!(apply(&mut levels, action::DELETE_THRU, 2, PRICE_NONE, 0), [(942_800, 0), (942_725, 0)]);
        assert_eq!(apply(&mut levels, action::DELETE_FROM, 2, PRICE_NONE, 0), [(942_600, 0), (942_550, 0)]);
        assert_eq!(levels.best(Side::Buy), Some((942_650, 10)));
        assert_eq!(levels.best(Side::Sell), None);
    }

    #[test]
    fn holes_and_what_cannot_be_followed() {
        let mut levels = Levels::new(10);
        assert_eq!(apply(&mut levels, action::CHANGE, 4, 100, 5), [(100, 5)]);
        assert_eq!(
            apply(&mut levels, action::DELETE, 2, 120, 0),
            [(120, 0)],
            "a hole goes by the entry's price"
        );
        assert_eq!(apply(&mut levels, action::CHANGE, 3, 101, 5), [(100, 0), (101, 5)]);
        for update in [
            LevelUpdate { action: action::NEW, level: 0, price: 1, quantity: 1 },
            LevelUpdate { action: action::NEW, level: 11, price: 1, quantity: 1 },
            LevelUpdate { action: action::CHANGE, level: 1, price: PRICE_NONE, quantity: 1 },
            LevelUpdate { action: 6, level: 1, price: 1, quantity: 1 },
        ] {
            assert_eq!(levels.apply(Side::Buy, update, |_, _| panic!()), Err(Inconsistent));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// A venue that keeps a sorted book and sends it by position: what comes out by price is the best levels of it.
        #[test]
        fn positions_agree_with_a_sorted_book(
            depth in 1u8..=10,
            steps in prop::collection::vec((0i64..30, 0u64..4), 1..200),
        ) {
            let mut levels = Levels::new(depth);
            // Bids, best first by the reversed key.
            let mut venue: BTreeMap<std::cmp::Reverse<i64>, u64> = BTreeMap::new();
            let mut shown: BTreeMap<i64, u64> = BTreeMap::new();
            let depth = usize::from(depth);
            for (price, quantity) in steps {
                let key = std::cmp::Reverse(price);
                let at = venue.range(..key).count();
                let before = if quantity == 0 { venue.remove(&key) } else { venue.insert(key, quantity) };
                let mut updates = Vec::new();
                let level = u8::try_from(at + 1).unwrap();
                if at < depth {
                    match (before, quantity) {
                        (None, 0) => {}
                        (Some(_), 0) => {
                            updates.push(LevelUpdate { action: action::DELETE, level, price, quantity: 0 });
                            if let Some((price, &quantity)) = venue.iter().nth(depth - 1) {
                                let level = u8::try_from(depth).unwrap();
                                updates.push(LevelUpdate { action: action::NEW, level, price: price.0, quantity });
                            }
                        }
                        (None, _) => updates.push(LevelUpdate { action: action::NEW, level, price, quantity }),
                        (Some(_), _) => updates.push(LevelUpdate { action: action::CHANGE, level, price, quantity }),
                    }
                }
                for update in updates {
                    levels.apply(Side::Buy, update, |price, quantity| {
                        if quantity == 0 {
                            assert!(shown.remove(&price).is_some());
                        } else {
                            shown.insert(price, quantity);
                        }
                    }).unwrap();
                }
                let expected: BTreeMap<i64, u64> =
                    venue.iter().take(depth).map(|(price, &quantity)| (price.0, quantity)).collect();
                prop_assert_eq!(&shown, &expected);
                prop_assert_eq!(levels.best(Side::Buy), venue.iter().next().map(|(price, &quantity)| (price.0, quantity)));
            }
        }
    }
}
