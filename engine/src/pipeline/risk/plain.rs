//! The ordinary order: proof in some sixty comparisons that none of the rules is broken.
//!
//! Nearly every order that a strategy sends is far inside all of its limits. For such a one [`Risk::plainly_fine`] shows in
//! 64-bit arithmetic that [`Risk::judge`] would find nothing; of any other it says nothing, and all the rules are
//! evaluated. It goes by limits that were made for it beforehand ([`PlainLimits`]), by the room that the sums of firm and
//! strategy leave at least ([`super::totals::Totals`]), and by the most orders that could be repeats. It may be stricter than
//! the rules, never laxer: wherever debug assertions are on, which is in every test, every order is judged as well, and one
//! that passes here must come out clear, with the same reservation.

use super::checks::{Added, NO_TARGET, TickTest};
use super::limits::InstrumentLimits;
use super::reservation::Parts;
use super::{Reference, Risk, Stamp, Target};
use crate::order::{Intent, OrderAction};
use feeds::event::Side;
use feeds::units::PRICE_NONE;
use std::hint::select_unpredictable;

/// Prices below it, once 0 and [`PRICE_NONE`] are ruled out, can be added and doubled.
const PRICE_BITS: u32 = 62;

/// An instrument's limits as the ordinary order is held against them, each at least as strict as the rule that it stands
/// for; also the few that a reservation goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlainLimits {
    /// LOT, ORDER_QTY: the smallest order, and how many sizes there are from it on; none where nothing may be traded (also
    /// RESTRICTED, NOT_TRADABLE).
    qty_min: u64,
    qty_sizes: u64,
    /// LOT.
    lot_qty: u64,
    /// NOTIONAL.
    notional_max: u64,
    /// COLLAR: part of the reference, 2^-64.
    collar: u64,
    /// TOUCH: how far through it, 1e-9.
    through_max: i64,
    /// POSITION, SHORT_LOCATE, SHORT_PRICE: of sells, of buys.
    worst_max: [i64; 2],
    /// DATA_AGE.
    data_age_max_ns: u64,
    /// DUPLICATE_ORDER.
    pub(super) duplicate_window_ns: u64,
    pub(super) duplicates_max: u32,
    /// OPEN_ORDERS.
    open_orders_max: u32,
    /// Margin of an order, 1e-4 of its notional.
    pub(super) margin_bp: u32,
    /// PRICE.
    pub(super) tick: TickTest,
    /// Short sales are marked.
    pub(super) us_equity: bool,
}

impl PlainLimits {
    /// Of limits that are bounded.
    pub(super) fn of(limits: &InstrumentLimits) -> Self {
        let sizes = (limits.order_qty_max + 1).saturating_sub(limits.order_qty_min);
        let collar = (u128::from(limits.collar_bp) << 64) / 10_000;
        let ticks = i128::from(limits.touch_ticks_max) * i128::from(limits.price_tick);
        // A short sale that needs a look at the national bid is no ordinary one.
        let short_max = match (limits.us_equity, limits.short_restricted) {
            (false, _) => i64::MAX,
            (true, false) => i64::try_from(limits.locate_qty).unwrap_or(i64::MAX),
            (true, true) => 0,
        };
        Self {
            qty_min: limits.order_qty_min,
            qty_sizes: if limits.restricted { 0 } else { sizes },
            lot_qty: limits.lot_qty,
            notional_max: u64::try_from(limits.order_notional_max.max(0)).unwrap_or(u64::MAX),
            collar: u64::try_from(collar).unwrap_or(u64::MAX),
            // Small enough to be added to a price.
            through_max: i64::try_from(ticks.min(1 << PRICE_BITS)).unwrap_or(0),
            worst_max: [limits.position_max.min(short_max), limits.position_max],
            data_age_max_ns: limits.market_data_age_max_ns,
            duplicate_window_ns: limits.duplicate_window_ns,
            duplicates_max: limits.duplicates_max,
            open_orders_max: limits.open_orders_max,
            margin_bp: limits.margin_bp,
            tick: TickTest::new(limits.price_tick.unsigned_abs()),
            us_equity: limits.us_equity,
        }
    }
}

/// An order of which all is well.
pub(super) struct Fine<'risk> {
    pub(super) parts: Parts<'risk>,
    pub(super) added: Added,
    /// What it adds to sums that have room for it.
    pub(super) notional: u64,
    /// The order that it is about.
    pub(super) held: Target,
}

impl Risk {
    /// Says that all is well with an order; `None` where that takes a closer look. Rates are brought up to now, nothing else
    /// changes.
    #[inline(always)]
    pub(super) fn plainly_fine(
        &mut self,
        intent: &Intent,
        reference: &Reference,
        target: Option<Target>,
        stamp: &Stamp,
    ) -> Option<Fine<'_>> {
        // KILL_SWITCH, DUPLICATE_CL_ORD_ID, TABLE_FULL.
        if self.blocks.any() || stamp.cl_ord_id <= self.last_cl_ord_id {
            return None;
        }
        let has_strategies = !self.strategies.is_empty();
        let mut parts = self.parts(intent, stamp)?;
        let (at, firm) = (&mut *parts.at, &mut *parts.firm);
        let limits = &at.plain;
        let Intent { price, quantity, .. } = *intent;
        // NOT_TRADABLE, BOOK_CROSSED, STALE_BOOK, DATA_AGE, CLOCK_SKEW.
        if !reference.tradable
            || reference.crossed
            || reference.stale
            || reference.data_age_ns > limits.data_age_max_ns
            || reference.clock_skew_ns > firm.limits.clock_skew_max_ns
        {
            return None;
        }
        // ORDER_QTY, LOT, RESTRICTED.
        if quantity.wrapping_sub(limits.qty_min) >= limits.qty_sizes
            || (limits.lot_qty != 1 && !quantity.is_multiple_of(limits.lot_qty))
        {
            return None;
        }
        // PRICE, and for COLLAR a market of two sides: positive all, and small enough to be added.
        let (bid, ask) = (reference.bid_px, reference.ask_px);
        if (price.wrapping_sub(1) | bid | ask).cast_unsigned() >> PRICE_BITS != 0
            || !limits.tick.divides(price.cast_unsigned())
        {
            return None;
        }
        let mid_twice = (bid + ask).cast_unsigned();
        if (2 * price.cast_unsigned()).abs_diff(mid_twice) > high_half(mid_twice, limits.collar) {
            return None;
        }
        // NOTIONAL.
        let value = price.cast_unsigned().checked_mul(quantity)?;
        if value > limits.notional_max {
            return None;
        }
        // TARGET.
        let (is_new, held, wanted) = match (intent.action, target) {
            (OrderAction::New, _) if intent.target == 0 => (true, NO_TARGET, quantity),
            (OrderAction::Replace, Some(target)) if quantity > target.cumulative => {
                (false, target, (quantity - target.cumulative).max(target.reserved))
            }
            _ => return None,
        };
        let is_buy = match intent.side {
            Side::Buy => true,
            Side::Sell => false,
            Side::None => return None,
        };
        // POSITION, SHORT_LOCATE, SHORT_PRICE: all open orders of the side filled. Sells count the position the other way.
        let (sign, carry) = if is_buy { (0, 0) } else { (-1, 1) };
        let added = wanted - held.reserved;
        let open = if is_buy { at.exposure.open_buy } else { at.exposure.open_sell };
        let open = open.checked_add(added)?.checked_add(carry)?;
        let worst = i64::try_from(open).ok()?.checked_add(at.exposure.position ^ sign)?;
        if worst > limits.worst_max[usize::from(is_buy)] {
            return None;
        }
        // SELF_TRADE, LOCKS_AWAY, TRADE_THROUGH, TOUCH: nothing in its way. Sells are looked at with all prices negated,
        // so that "no price" lies beyond every price either way: it is the lowest number, and one below it the highest.
        let facing =
            |ask: i64, bid: i64| (select_unpredictable(is_buy, ask, bid) ^ sign).wrapping_sub(1 + sign);
        let signed = (price ^ sign) - sign;
        if signed > facing(reference.own_ask_px, reference.own_bid_px)
            || signed > facing(reference.away_ask_px, reference.away_bid_px)
        {
            return None;
        }
        let touch = select_unpredictable(is_buy, reference.touch_ask_px, reference.touch_bid_px);
        if touch != PRICE_NONE && signed - limits.through_max > (touch ^ sign) - sign {
            return None;
        }
        // MESSAGE_RATE, ORDER_TO_TRADE.
        if !firm.rate.refill(stamp.time_ns)
            || !at.rate.refill(stamp.time_ns)
            || firm.messages >= firm.messages_most
        {
            return None;
        }
        if let Some(venue) = &mut parts.venue
            && !venue.rate.refill(stamp.time_ns)
        {
            return None;
        }
        if is_new {
            // OPEN_ORDERS, DUPLICATE_ORDER.
            if at.open_orders >= limits.open_orders_max
                || firm.open_orders >= firm.limits.open_orders_max
                || !at.recent.are_fewer(stamp.time_ns, limits.duplicates_max)
            {
                return None;
            }
        } else if limits.us_equity && !held.sells_short && !is_buy && worst > 0 {
            // SHORT_LOCATE: a long sale cannot become a short one.
            return None;
        }
        // GROSS_NOTIONAL, NET_NOTIONAL, OPEN_NOTIONAL, BUYING_POWER.
        let notional = if is_new {
            value
        } else {
            let at_worst = wanted.checked_mul(price.max(held.price).cast_unsigned())?;
            at_worst.checked_sub(held.reserved.checked_mul(u64::try_from(held.price).ok()?)?)?
        };
        if !firm.totals.has_room(notional) {
            return None;
        }
        if has_strategies {
            // RESTRICTED, and the strategy's own sums.
            let strategy = parts.strategy.as_mut()?;
            let bit = 1_u64.checked_shl(stamp.strategy.into())?;
            if at.declared & bit == 0 || !strategy.totals.has_room(notional) {
                return None;
            }
        }
        let worst = i128::from(worst);
        let added = Added { wanted, quantity: added, notional: notional.into(), reduces: worst <= 0, worst };
        Some(Fine { parts, added, notional, held })
    }
}

/// Half of the product of 128 bits.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the high half fits")]
const fn high_half(one: u64, other: u64) -> u64 {
    ((one as u128 * other as u128) >> 64) as u64
}
