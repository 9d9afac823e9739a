//! The ordinary order: proof in a few comparisons that none of the rules is broken.
//!
//! Nearly every order that a strategy sends is far inside all of its limits. For such a one [`Risk::plainly_fine`] shows in
//! 64-bit arithmetic that [`Risk::judge`] would find nothing; of any other it says nothing, and all the rules are
//! evaluated. It goes by limits that were made for it beforehand ([`PlainLimits`]), by the room that the sums of firm and
//! strategy leave at least ([`super::totals::Totals`]), and by the most orders that could be repeats. It may be stricter than
//! the rules, never laxer: wherever debug assertions are on, which is in every test, every order is judged as well, and one
//! that passes here must come out clear, with the same reservation.

use super::checks::{Added, TickTest};
use super::limits::InstrumentLimits;
use super::reservation::Parts;
use super::{Reference, Risk, Stamp, Target};
use crate::order::Intent;
use feeds::event::Side;
use std::hint::select_unpredictable;

/// Positive prices below it can be added, doubled and negated.
const PRICE_BITS: u32 = 61;

/// An instrument's limits as the ordinary order is held against them, each at least as strict as the rule that it stands
/// for; also the few that a reservation goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlainLimits {
    /// ORDER_QTY, LOT: the smallest order, and how many sizes there are from it on; none where nothing may be traded
    /// (RESTRICTED, NOT_TRADABLE).
    qty_min: u64,
    qty_sizes: u64,
    /// LOT.
    has_lots: bool,
    lot: TickTest,
    /// NOTIONAL.
    notional_max: u64,
    /// COLLAR, 1e-4 of the reference.
    collar_bp: i64,
    /// TOUCH: from how far through it on, 1e-9.
    through_end: i64,
    /// POSITION, SHORT_LOCATE, SHORT_PRICE: of sells, of buys.
    worst_max: [i64; 2],
    /// DATA_AGE.
    data_age_max_ns: u64,
    /// DUPLICATE_ORDER.
    pub(super) duplicate_window_ns: u64,
    pub(super) duplicates_max: u32,
    /// OPEN_ORDERS.
    open_orders_max: u32,
    /// PRICE.
    pub(super) tick: TickTest,
    /// Margin of an order, 1e-4 of its notional.
    pub(super) margin_bp: u32,
    /// Short sales are marked.
    pub(super) us_equity: bool,
}

impl PlainLimits {
    /// Of limits that are bounded.
    pub(super) fn of(limits: &InstrumentLimits) -> Self {
        let sizes = (limits.order_qty_max + 1).saturating_sub(limits.order_qty_min);
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
            has_lots: limits.lot_qty != 1,
            lot: TickTest::new(limits.lot_qty),
            notional_max: u64::try_from(limits.order_notional_max.max(0)).unwrap_or(u64::MAX),
            // More than the whole reference is no ordinary distance.
            collar_bp: limits.collar_bp.min(10_000).into(),
            // Small enough to be taken from a price.
            through_end: i64::try_from((ticks + 1).min(1 << PRICE_BITS)).unwrap_or(1),
            worst_max: [limits.position_max.min(short_max), limits.position_max],
            data_age_max_ns: limits.market_data_age_max_ns,
            duplicate_window_ns: limits.duplicate_window_ns,
            duplicates_max: limits.duplicates_max,
            open_orders_max: limits.open_orders_max,
            tick: TickTest::new(limits.price_tick.unsigned_abs()),
            margin_bp: limits.margin_bp,
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
}

impl Risk {
    /// Says that all is well with a new order, or with a replace of an order that is `held`; `None` where that takes a
    /// closer look. Rates are brought up to now, nothing else changes.
    #[inline(always)]
    pub(super) fn plainly_fine<const IS_NEW: bool>(
        &mut self,
        intent: &Intent,
        reference: &Reference,
        held: &Target,
        stamp: &Stamp,
    ) -> Option<Fine<'_>> {
        // KILL_SWITCH, DUPLICATE_CL_ORD_ID, TABLE_FULL.
        if self.blocks.any() || stamp.cl_ord_id <= self.last_cl_ord_id {
            return None;
        }
        let at = self.instruments.get_mut(intent.instrument as usize)?;
        let (firm, limits) = (&mut self.firm, &at.plain);
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
        // ORDER_QTY, LOT, RESTRICTED; TARGET.
        if quantity.wrapping_sub(limits.qty_min) >= limits.qty_sizes
            || (limits.has_lots && !limits.lot.divides(quantity))
            || (if IS_NEW { intent.target != 0 } else { quantity <= held.cumulative })
        {
            return None;
        }
        // PRICE, and for COLLAR a market of two sides.
        let (bid, ask) = (reference.bid_px, reference.ask_px);
        if (price.wrapping_sub(1) | bid | ask) >> PRICE_BITS != 0
            || !limits.tick.divides(price.cast_unsigned())
        {
            return None;
        }
        let distance = (2 * price - (bid + ask)).abs();
        if distance.checked_mul(10_000)? > limits.collar_bp.checked_mul(bid + ask)? {
            return None;
        }
        // NOTIONAL.
        let value = price.checked_mul(quantity.cast_signed())?.cast_unsigned();
        if value > limits.notional_max {
            return None;
        }
        // Of a sell position and prices are negated, which is their complement and one more, and it is held against the
        // bid; then there is one rule for both sides.
        if intent.side == Side::None {
            return None;
        }
        let is_buy = intent.side == Side::Buy;
        let sign = 1 - intent.side as i64;
        // POSITION, SHORT_LOCATE, SHORT_PRICE: all open orders of the side filled.
        let wanted = if IS_NEW { quantity } else { (quantity - held.cumulative).max(held.reserved) };
        let added = if IS_NEW { wanted } else { wanted - held.reserved };
        let open = select_unpredictable(is_buy, at.exposure.open_buy, at.exposure.open_sell);
        let open = i64::try_from(open).ok()?.checked_add(added.cast_signed() - sign)?;
        let worst = open.checked_add(at.exposure.position ^ sign)?;
        if worst > limits.worst_max[usize::from(is_buy)] {
            return None;
        }
        // SELF_TRADE, LOCKS_AWAY, TRADE_THROUGH, TOUCH. Of what it faces one less, so that no price, which is the lowest
        // number, is beyond every price on either side.
        let facing =
            |ask: i64, bid: i64| (select_unpredictable(is_buy, ask, bid) ^ sign).wrapping_sub(1 + sign);
        let signed = (price ^ sign) - sign;
        if signed > facing(reference.own_ask_px, reference.own_bid_px)
            || signed > facing(reference.away_ask_px, reference.away_bid_px)
            || signed - limits.through_end > facing(reference.touch_ask_px, reference.touch_bid_px)
        {
            return None;
        }
        // OPEN_ORDERS, DUPLICATE_ORDER.
        if IS_NEW {
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
        // ORDER_TO_TRADE, MESSAGE_RATE.
        if firm.messages >= firm.messages_most
            || !firm.rate.refill(stamp.time_ns)
            || !at.rate.refill(stamp.time_ns)
        {
            return None;
        }
        let mut venue = self.venues.get_mut(usize::from(intent.venue));
        if let Some(venue) = &mut venue
            && !venue.rate.refill(stamp.time_ns)
        {
            return None;
        }
        // GROSS_NOTIONAL, NET_NOTIONAL, OPEN_NOTIONAL, BUYING_POWER.
        let notional = if IS_NEW { value } else { replaced_notional(price, wanted, held)? };
        if !firm.totals.has_room(notional) {
            return None;
        }
        let has_strategies = !self.strategies.is_empty();
        let strategy = match self.strategies.get_mut(usize::from(stamp.strategy)) {
            Some(strategy) => {
                // RESTRICTED, and the strategy's own sums.
                let bit = 1_u64.checked_shl(stamp.strategy.into())?;
                if at.declared & bit == 0 || !strategy.totals.has_room(notional) {
                    return None;
                }
                Some(strategy)
            }
            None if has_strategies => return None,
            None => None,
        };
        let worst = i128::from(worst);
        let added = Added { wanted, quantity: added, notional: notional.into(), reduces: worst <= 0, worst };
        let (recent, last_cl_ord_id) = (&mut self.recent, &mut self.last_cl_ord_id);
        let parts = Parts { at, firm, venue, strategy, recent, last_cl_ord_id };
        Some(Fine { parts, added, notional })
    }
}

/// What a replace adds to the notional that the order holds, where that is counted in 64 bits.
#[inline(always)]
fn replaced_notional(price: i64, wanted: u64, held: &Target) -> Option<u64> {
    let before = held.reserved.checked_mul(u64::try_from(held.price).ok()?)?;
    wanted.checked_mul(price.max(held.price).cast_unsigned())?.checked_sub(before)
}
