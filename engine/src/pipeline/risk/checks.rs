//! The checks of one intent: every rule, no early return, then the reservation. What is far inside all limits is seen to be
//! so first, and at a fraction of the cost ([`super::plain`]).

use super::limits::NOTIONAL_CEILING;
use super::reservation::{Fit, order};
use super::totals::{NotionalLimits, ORDER_MAX, Totals};
use super::{
    Approval, Exposure, Instrument, InstrumentLimits, Reference, Risk, RiskApproved, RiskReasons, Stamp,
    Target,
};
use crate::order::{Intent, OrderAction, TimeInForce};
use feeds::event::Side;
use feeds::units::PRICE_NONE;

/// Whether a number is a multiple of another, by one multiplication (T. Granlund, P. Montgomery, "Division by invariant
/// integers using multiplication", 1994, section 9).
#[derive(Clone, Copy, Debug)]
pub(super) struct TickTest {
    /// Of the odd part, modulo 2^64.
    inverse: u64,
    /// The even part less one: bits that no multiple has set.
    even: u64,
    /// Largest product of a multiple with the inverse.
    most: u64,
}

impl TickTest {
    /// A test for multiples of `divisor`, which is not zero.
    pub(super) const fn new(divisor: u64) -> Self {
        let shift = divisor.trailing_zeros();
        let odd = divisor >> shift;
        // Newton: each step doubles the correct low bits, of which an odd number as its own inverse has three.
        let (mut inverse, mut step) = (odd, 0);
        while step < 5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
            step += 1;
        }
        Self { inverse, even: (1 << shift) - 1, most: (u64::MAX / divisor) << shift }
    }

    #[inline(always)]
    pub(super) const fn divides(self, number: u64) -> bool {
        // The product of a multiple is its quotient times the even part.
        number.wrapping_mul(self.inverse) <= self.most && number & self.even == 0
    }
}

/// What an intent would add to what is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Added {
    /// Exposure that the order would hold in all.
    pub(super) wanted: u64,
    /// Of it new.
    pub(super) quantity: u64,
    /// New notional.
    pub(super) notional: i128,
    /// It can only bring the position nearer to flat.
    pub(super) reduces: bool,
    /// Worst-case position on its side, all open orders of the side filled.
    pub(super) worst: i128,
}

pub(super) const NO_TARGET: Target =
    Target { quantity: 0, cumulative: 0, reserved: 0, price: 0, sells_short: false };

impl Risk {
    /// Runs all checks on one intent; on success exposure is reserved and the rates charged.
    ///
    /// `target` is the order that a replace or cancel is about: `None` when there is none that can take one.
    ///
    /// # Errors
    /// Every rule that the intent breaks; nothing is reserved then.
    pub fn approve(
        &mut self,
        intent: &Intent,
        reference: &Reference,
        target: Option<Target>,
        stamp: &Stamp,
    ) -> Result<Approval, RiskReasons> {
        if intent.action == OrderAction::New {
            self.approve_plain::<true>(intent, reference, target, stamp)
        } else {
            self.approve_change(intent, reference, target, stamp)
        }
    }

    #[inline(always)]
    fn approve_plain<const IS_NEW: bool>(
        &mut self,
        intent: &Intent,
        reference: &Reference,
        target: Option<Target>,
        stamp: &Stamp,
    ) -> Result<Approval, RiskReasons> {
        let held = if IS_NEW { NO_TARGET } else { target.unwrap_or(NO_TARGET) };
        // It changes nothing but that rates are brought up to now.
        #[cfg(debug_assertions)]
        let judged = self.judge(intent, reference, target, stamp);
        if (IS_NEW || target.is_some())
            && let Some(fine) = self.plainly_fine::<IS_NEW>(intent, reference, &held, stamp)
        {
            #[cfg(debug_assertions)]
            assert_eq!(judged, Ok((fine.added, held)), "{intent:?} {reference:?}");
            let fit = Fit::Room(fine.notional);
            return Ok(fine.parts.reserve(intent, stamp, &fine.added, &held, fit));
        }
        self.approve_judged(intent, reference, target, stamp)
    }

    /// The same for an order that is there, in a place of its own: the way of a new one stays short.
    #[inline(never)]
    fn approve_change(
        &mut self,
        intent: &Intent,
        reference: &Reference,
        target: Option<Target>,
        stamp: &Stamp,
    ) -> Result<Approval, RiskReasons> {
        match intent.action {
            OrderAction::Replace => self.approve_plain::<false>(intent, reference, target, stamp),
            OrderAction::Cancel => self.approve_cancel(intent, target, stamp),
            OrderAction::New | OrderAction::Status => self.approve_judged(intent, reference, target, stamp),
        }
    }

    /// The same for an order that takes a closer look.
    #[inline(never)]
    fn approve_judged(
        &mut self,
        intent: &Intent,
        reference: &Reference,
        target: Option<Target>,
        stamp: &Stamp,
    ) -> Result<Approval, RiskReasons> {
        let (added, held) = self.judge(intent, reference, target, stamp)?;
        let parts = self.parts(intent, stamp).ok_or(RiskReasons::NOT_TRADABLE)?;
        let approval = parts.reserve(intent, stamp, &added, &held, Fit::Unknown);
        // It may be that the room was used up, and that there is more by now.
        self.measure_room(stamp.strategy);
        Ok(approval)
    }

    /// Whether the message's own ClOrdID can be used.
    #[inline(always)]
    fn check_identity(&self, stamp: &Stamp) -> RiskReasons {
        RiskReasons::DUPLICATE_CL_ORD_ID.when(stamp.cl_ord_id <= self.last_cl_ord_id && stamp.cl_ord_id != 0)
            | RiskReasons::TABLE_FULL.when(stamp.cl_ord_id == 0)
    }

    /// Every rule for a new order or a replace, each evaluated whatever the others say: what the intent would add to what
    /// is reserved, and the order that it is about. Nothing is reserved yet.
    ///
    /// # Errors
    /// Every rule that the intent breaks.
    fn judge(
        &mut self,
        intent: &Intent,
        reference: &Reference,
        target: Option<Target>,
        stamp: &Stamp,
    ) -> Result<(Added, Target), RiskReasons> {
        let duplicate = self.check_identity(stamp);
        let Some(at) = self.instruments.get_mut(intent.instrument as usize) else {
            return Err(duplicate | RiskReasons::NOT_TRADABLE | RiskReasons::RESTRICTED);
        };
        let replace = intent.action == OrderAction::Replace;
        // A new order that names a target must not live on that order's reservation.
        let held = target.filter(|_| replace).unwrap_or(NO_TARGET);
        let bad_target =
            if replace { target.is_none() || intent.quantity <= held.cumulative } else { intent.target != 0 };
        let added = added(intent, &held, &at.exposure);
        let blocked = self.blocks.cover(intent.instrument, intent.venue, intent.side, stamp.strategy);
        let limits = &at.limits;
        // What is left of the firm after the order, where nothing rests on what the instrument is.
        let firm = &mut self.firm;
        let firm_rate = firm.rate.refill(stamp.time_ns);
        let own_rate = at.rate.refill(stamp.time_ns);
        let venue = self.venues.get_mut(usize::from(intent.venue));
        let venue_rate = venue.is_none_or(|venue| venue.rate.refill(stamp.time_ns));
        let margin = margin_of(added.notional, limits.margin_bp);
        let ratio = firm.messages >= firm.limits.order_to_trade_from
            && firm.messages >= firm.limits.order_to_trade_max.saturating_mul(firm.trades.max(1));
        let mut reasons = duplicate
            | RiskReasons::TARGET.when(bad_target)
            | RiskReasons::KILL_SWITCH.when(blocked)
            | check_market(limits, reference)
            | check_terms(intent, limits, at, reference, stamp.time_ns)
            | check_law(intent, limits, reference, &added, &held)
            | RiskReasons::POSITION.when(added.worst > i128::from(limits.position_max))
            | RiskReasons::MESSAGE_RATE.when(!(firm_rate & own_rate & venue_rate))
            | check_totals(&firm.totals, &added, intent.side, &firm.limits.notional())
            | RiskReasons::BUYING_POWER.when(!added.reduces && firm.margin.exceeds(margin, firm.margin_max))
            | RiskReasons::ORDER_TO_TRADE.when(ratio)
            | RiskReasons::CLOCK_SKEW.when(reference.clock_skew_ns > firm.limits.clock_skew_max_ns)
            | RiskReasons::OPEN_ORDERS.when(
                !replace
                    && (at.open_orders >= limits.open_orders_max
                        || firm.open_orders >= firm.limits.open_orders_max),
            );
        if limits.duplicates_max != u32::MAX && !replace {
            let (window_ns, most) = (limits.duplicate_window_ns, limits.duplicates_max);
            let repeated = self.recent.is_repeated(&at.recent, intent, stamp.time_ns, window_ns, most);
            reasons = reasons | RiskReasons::DUPLICATE_ORDER.when(repeated);
        }
        if !self.strategies.is_empty() {
            let holders = &self.holdings[at.holders.0 as usize..at.holders.1 as usize];
            // Most strategies have a bit; the others are searched for.
            let declared = match 1_u64.checked_shl(stamp.strategy.into()) {
                Some(bit) => at.declared & bit != 0,
                None => holders.iter().any(|holding| holding.strategy == stamp.strategy),
            };
            reasons = reasons | RiskReasons::RESTRICTED.when(!declared);
            if let Some(strategy) = self.strategies.get(usize::from(stamp.strategy)) {
                reasons = reasons
                    | check_totals(&strategy.totals, &added, intent.side, &strategy.limits.notional());
            }
        }
        if reasons.is_clear() { Ok((added, held)) } else { Err(reasons) }
    }

    fn approve_cancel(
        &mut self,
        intent: &Intent,
        target: Option<Target>,
        stamp: &Stamp,
    ) -> Result<Approval, RiskReasons> {
        let reasons = self.check_identity(stamp) | RiskReasons::TARGET.when(target.is_none());
        let Some(target) = target.filter(|_| reasons.is_clear()) else { return Err(reasons) };
        self.last_cl_ord_id = stamp.cl_ord_id;
        self.firm.messages += 1;
        if self.firm.cancels.refill(stamp.time_ns) {
            self.firm.cancels.charge();
        } else {
            self.firm.cancels_over_budget += 1;
        }
        let order = RiskApproved(order(intent, stamp, target.sells_short));
        Ok(Approval { order, reserved: target.reserved, added: 0, added_notional: 0 })
    }
}

#[inline(always)]
pub(super) fn added(intent: &Intent, held: &Target, exposure: &Exposure) -> Added {
    // What could still fill, under the old terms or the new ones, whichever is more; the same for the price.
    let wanted = intent.quantity.saturating_sub(held.cumulative).max(held.reserved);
    let quantity = wanted - held.reserved;
    let price = intent.price.max(held.price);
    let notional =
        i128::from(wanted) * i128::from(price) - i128::from(held.reserved) * i128::from(held.price);
    // Beyond this it is more than every limit, and refused: sums need not look for overflows.
    let notional = notional.clamp(-ORDER_MAX, ORDER_MAX);
    let worst = match intent.side {
        Side::Buy => i128::from(exposure.position) + i128::from(exposure.open_buy) + i128::from(quantity),
        Side::Sell => i128::from(exposure.open_sell) - i128::from(exposure.position) + i128::from(quantity),
        Side::None => i128::MAX,
    };
    Added { wanted, quantity, notional, reduces: worst <= 0, worst }
}

/// The margin that notional takes, 1e-13 of the currency.
#[inline(always)]
pub(super) fn margin_of(notional: i128, margin_bp: u32) -> i128 {
    notional.min(NOTIONAL_CEILING) * i128::from(margin_bp)
}

#[inline(always)]
fn check_market(limits: &InstrumentLimits, reference: &Reference) -> RiskReasons {
    RiskReasons::NOT_TRADABLE.when(!reference.tradable || limits.order_qty_max == 0)
        | RiskReasons::BOOK_CROSSED.when(reference.crossed)
        | RiskReasons::STALE_BOOK.when(reference.stale)
        | RiskReasons::DATA_AGE.when(reference.data_age_ns > limits.market_data_age_max_ns)
        | RiskReasons::RESTRICTED.when(limits.restricted)
}

#[inline(always)]
fn check_terms(
    intent: &Intent,
    limits: &InstrumentLimits,
    at: &Instrument,
    reference: &Reference,
    now_ns: u64,
) -> RiskReasons {
    let (price, quantity) = (i128::from(intent.price), intent.quantity);
    let notional = price * i128::from(quantity);
    let two_sided = reference.bid_px != PRICE_NONE && reference.ask_px != PRICE_NONE;
    let trade_age_ns = now_ns.saturating_sub(at.last_trade_ns);
    let has_trade = at.last_trade_px != PRICE_NONE && trade_age_ns < limits.last_trade_age_max_ns;
    // Twice the mid, so that nothing is halved: |2 price - (bid + ask)| * 10^4 <= collar * (bid + ask).
    let mid_twice = if two_sided {
        i128::from(reference.bid_px) + i128::from(reference.ask_px)
    } else {
        2 * i128::from(at.last_trade_px)
    };
    let distance = (2 * price - mid_twice).abs() * 10_000;
    let outside = distance > i128::from(limits.collar_bp) * mid_twice;
    let has_reference = two_sided || has_trade;
    let touch_distance = match intent.side {
        Side::Buy if reference.touch_ask_px != PRICE_NONE => price - i128::from(reference.touch_ask_px),
        Side::Sell if reference.touch_bid_px != PRICE_NONE => i128::from(reference.touch_bid_px) - price,
        _ => 0,
    };
    let own_crossed = match intent.side {
        Side::Buy => reference.own_ask_px != PRICE_NONE && intent.price >= reference.own_ask_px,
        Side::Sell => reference.own_bid_px != PRICE_NONE && intent.price <= reference.own_bid_px,
        Side::None => false,
    };
    let on_tick = intent.price > 0 && at.plain.tick.divides(intent.price.unsigned_abs());
    let on_lot = limits.lot_qty == 1 || quantity.is_multiple_of(limits.lot_qty);
    RiskReasons::ORDER_QTY.when(quantity == 0 || quantity > limits.order_qty_max)
        | RiskReasons::LOT.when(quantity < limits.order_qty_min || !on_lot)
        | RiskReasons::NOTIONAL.when(notional > limits.order_notional_max)
        | RiskReasons::PRICE.when(!on_tick)
        | RiskReasons::NO_REFERENCE.when(!has_reference)
        | RiskReasons::COLLAR.when(has_reference && outside)
        | RiskReasons::TOUCH
            .when(touch_distance > i128::from(limits.touch_ticks_max) * i128::from(limits.price_tick))
        | RiskReasons::SELF_TRADE.when(own_crossed)
}

/// Regulations SHO and NMS.
#[inline(always)]
pub(super) fn check_law(
    intent: &Intent,
    limits: &InstrumentLimits,
    reference: &Reference,
    added: &Added,
    held: &Target,
) -> RiskReasons {
    let short = intent.side == Side::Sell && added.worst > 0;
    // A long sale cannot become a short one: it is cancelled and entered anew.
    let changes_mark = short && intent.action == OrderAction::Replace && !held.sells_short;
    let at_bid = reference.national_bid_px == PRICE_NONE || intent.price <= reference.national_bid_px;
    let (locks, through) = match intent.side {
        Side::Buy if reference.away_ask_px != PRICE_NONE => {
            (intent.price >= reference.away_ask_px, intent.price > reference.away_ask_px)
        }
        Side::Sell if reference.away_bid_px != PRICE_NONE => {
            (intent.price <= reference.away_bid_px, intent.price < reference.away_bid_px)
        }
        _ => (false, false),
    };
    let rests = intent.time_in_force == TimeInForce::Day;
    let law = limits.us_equity;
    RiskReasons::SHORT_LOCATE
        .when(law && short && (changes_mark || added.worst > i128::from(limits.locate_qty)))
        | RiskReasons::SHORT_PRICE.when(law && short && limits.short_restricted && at_bid)
        | RiskReasons::LOCKS_AWAY.when(law && rests && locks)
        | RiskReasons::TRADE_THROUGH.when(law && !rests && through)
}

/// An order that can only reduce the position passes gross and net: it is the way out.
#[inline(always)]
fn check_totals(totals: &Totals, added: &Added, side: Side, limits: &NotionalLimits) -> RiskReasons {
    let open = totals.open() + added.notional;
    let net_over = if side == Side::Buy {
        totals.net().exceeds(totals.open_of(true) + added.notional, limits.net)
    } else {
        totals.net().exceeds_negated(totals.open_of(false) + added.notional, limits.net)
    };
    RiskReasons::GROSS_NOTIONAL.when(!added.reduces && totals.gross().exceeds(open, limits.gross))
        | RiskReasons::NET_NOTIONAL.when(!added.reduces && net_over)
        | RiskReasons::OPEN_NOTIONAL.when(open > limits.open)
}
