//! The ordinary order: proof in a few comparisons that none of the rules is broken.
//!
//! Nearly every order that a strategy sends is far inside all of its limits. For such a one [`Risk::plainly_fine`] shows in
//! 64-bit arithmetic that [`Risk::judge`] would find nothing; of any other it says nothing, and all the rules are
//! evaluated. It may be stricter than the rules, never laxer: wherever debug assertions are on, which is in every test,
//! an order that passes here is judged as well and must come out clear.

use super::checks::{Added, NO_TARGET, added, margin_of};
use super::totals::Totals;
use super::{Reference, Risk, Stamp, Target};
use crate::order::{Intent, OrderAction};
use feeds::event::Side;
use feeds::units::PRICE_NONE;

/// Ordinary prices are positive and not above this: 4.5 million units of the currency.
const PRICE_MAX: u64 = 1 << 52;
/// Ordinary quantities are not above this.
const QTY_MAX: u64 = 1 << 40;

const fn is_ordinary(price: i64) -> bool {
    price > 0 && price.cast_unsigned() <= PRICE_MAX
}

impl Risk {
    /// What an order of which all is well would add to what is reserved, and the order that it is about; `None` where that
    /// takes a closer look. Rates are brought up to now, nothing else changes.
    #[inline(always)]
    pub(super) fn plainly_fine(
        &mut self,
        intent: &Intent,
        reference: &Reference,
        target: Option<Target>,
        stamp: &Stamp,
    ) -> Option<(Added, Target)> {
        let at = self.instruments.get_mut(intent.instrument as usize)?;
        let (limits, firm) = (&at.limits, &mut self.firm);
        let Intent { price, quantity, .. } = *intent;
        if self.blocks.any()
            || stamp.cl_ord_id <= self.last_cl_ord_id
            || limits.restricted
            || !reference.tradable
            || reference.crossed
            || reference.stale
            || reference.data_age_ns > limits.market_data_age_max_ns
            || reference.clock_skew_ns > firm.limits.clock_skew_max_ns
        {
            return None;
        }
        // The terms, and the market they are held against.
        if quantity > QTY_MAX.min(limits.order_qty_max)
            || quantity < limits.order_qty_min
            || (limits.lot_qty != 1 && !quantity.is_multiple_of(limits.lot_qty))
            || !is_ordinary(price)
            || !at.tick.divides(price.cast_unsigned())
            || !is_ordinary(reference.bid_px)
            || !is_ordinary(reference.ask_px)
        {
            return None;
        }
        let mid_twice = (reference.bid_px + reference.ask_px).cast_unsigned();
        let distance = u128::from((2 * price.cast_unsigned()).abs_diff(mid_twice)) * 10_000;
        if distance > u128::from(limits.collar_bp) * u128::from(mid_twice) {
            return None;
        }
        let (is_new, held) = match (intent.action, target) {
            (OrderAction::New, _) if intent.target == 0 => (true, NO_TARGET),
            (OrderAction::Replace, Some(target)) if quantity > target.cumulative => (false, target),
            _ => return None,
        };
        let added = added(intent, &held, &at.exposure);
        if i128::from(price) * i128::from(quantity) > limits.order_notional_max
            || added.worst > i128::from(limits.position_max)
        {
            return None;
        }
        let is_buy = match intent.side {
            Side::Buy => true,
            Side::Sell => false,
            Side::None => return None,
        };
        let (touch, own, away) = if is_buy {
            (reference.touch_ask_px, reference.own_ask_px, reference.away_ask_px)
        } else {
            (reference.touch_bid_px, reference.own_bid_px, reference.away_bid_px)
        };
        if touch != PRICE_NONE {
            let most = i64::from(limits.touch_ticks_max).saturating_mul(limits.price_tick);
            if !is_ordinary(touch) || (if is_buy { price - touch } else { touch - price }) > most {
                return None;
            }
        }
        if own != PRICE_NONE && (if is_buy { price >= own } else { price <= own }) {
            return None;
        }
        if limits.us_equity {
            let is_short = !is_buy && added.worst > 0;
            let is_marked = is_new || held.sells_short;
            let is_located = added.worst <= i128::from(limits.locate_qty);
            if away != PRICE_NONE || (is_short && (limits.short_restricted || !is_marked || !is_located)) {
                return None;
            }
        }
        // What counts messages and orders.
        let firm_rate = firm.rate.refill(stamp.time_ns);
        let own_rate = at.rate.refill(stamp.time_ns);
        let venue = self.venues.get_mut(usize::from(intent.venue));
        let venue_rate = venue.is_none_or(|venue| venue.rate.refill(stamp.time_ns));
        if !(firm_rate & own_rate & venue_rate)
            || (firm.messages >= firm.limits.order_to_trade_from
                && firm.messages >= firm.limits.order_to_trade_max.saturating_mul(firm.trades.max(1)))
        {
            return None;
        }
        if is_new {
            if at.open_orders >= limits.open_orders_max || firm.open_orders >= firm.limits.open_orders_max {
                return None;
            }
            let (window_ns, most) = (limits.duplicate_window_ns, limits.duplicates_max);
            if most != u32::MAX && self.recent.is_repeated(at.recent, intent, stamp.time_ns, window_ns, most)
            {
                return None;
            }
        }
        // The sums of firm and strategy.
        let most = &firm.limits;
        let margin = margin_of(added.notional, limits.margin_bp);
        if firm.margin.exceeds(margin, firm.margin_max)
            || !fits(
                &firm.totals,
                added.notional,
                is_buy,
                [most.gross_notional_max, most.net_notional_max, most.open_notional_max],
            )
        {
            return None;
        }
        if !self.strategies.is_empty() {
            let strategy = self.strategies.get(usize::from(stamp.strategy))?;
            let bit = 1_u64.checked_shl(stamp.strategy.into())?;
            let most = &strategy.limits;
            let most = [most.gross_notional_max, most.net_notional_max, most.open_notional_max];
            if at.declared & bit == 0 || !fits(&strategy.totals, added.notional, is_buy, most) {
                return None;
            }
        }
        Some((added, held))
    }
}

/// Whether an order that adds `notional` stays within gross, net and open notional, whatever it does to the position.
#[inline(always)]
const fn fits(totals: &Totals, notional: i128, is_buy: bool, [gross, net, open]: [i128; 3]) -> bool {
    let all_open = totals.open() + notional;
    let net_over = if is_buy {
        totals.net.exceeds(totals.open_buy.get() + notional, net)
    } else {
        totals.net.exceeds_negated(totals.open_sell.get() + notional, net)
    };
    !(totals.gross.exceeds(all_open, gross) | net_over | (all_open > open))
}
