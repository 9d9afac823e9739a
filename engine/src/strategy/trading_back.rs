//! Trading back what filled of an attempt and should not have: by which rule, and up to which price. What both takers share.
//!
//! Nothing allocates.

use feeds::event::Side;
use feeds::units::PRICE_NONE;
use serde::{Deserialize, Serialize};

/// What to do with the difference when the legs of an attempt filled unequally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flatten {
    /// Keep it as position.
    None,
    /// Trade it away through the best price of any venue, up to the configured slippage.
    Cross,
}

/// The touch plus the slippage, on the tick, never further away than configured.
pub(super) fn exit_limit(side: Side, touch: i64, tick: i64, slippage_max_ticks: u32) -> Option<i64> {
    if touch == PRICE_NONE {
        return None;
    }
    let slippage = i64::from(slippage_max_ticks).checked_mul(tick)?;
    let limit = if side == Side::Sell {
        let worst = touch.checked_sub(slippage)?;
        worst.checked_add((tick - worst.rem_euclid(tick)) % tick)?
    } else {
        let worst = touch.checked_add(slippage)?;
        worst.checked_sub(worst.rem_euclid(tick))?
    };
    (limit > 0).then_some(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_on_the_tick_and_never_further_away_than_the_slippage() {
        // Touches off the tick: rounded towards the touch.
        assert_eq!(exit_limit(Side::Sell, 1_003, 10, 2), Some(990));
        assert_eq!(exit_limit(Side::Buy, 1_003, 10, 2), Some(1_020));
        assert_eq!(exit_limit(Side::Sell, 1_000, 10, 2), Some(980));
        assert_eq!(exit_limit(Side::Buy, 1_000, 10, 0), Some(1_000));
        // What a spread of legs trades at may be below zero; an order's limit is not.
        assert_eq!(exit_limit(Side::Sell, 20, 10, 2), None);
        assert_eq!(exit_limit(Side::Sell, PRICE_NONE, 10, 2), None);
        assert_eq!(exit_limit(Side::Buy, i64::MAX - 1, 10, 2), None);
    }
}
