//! Pre-trade risk: the only place that can make a [`RiskApproved`] order.
//!
//! Owned by `decide`. Every check runs on every intent and sets its bit in one [`RiskReasons`] mask, without early
//! return, so the cost does not depend on the outcome and a reject names everything that is wrong with it. Exposure is
//! reserved at approval, before anything is sent, and given back by the order table's transitions.
//!
//! Memory is taken at construction (one limits and one exposure record an instrument). It reads no clock: core time
//! comes with the intent. It never blocks a cancel except for an unknown target.
//!
//! The first set of rules follows SEC 15c3-5 (c)(1), the FIA's 2024 best practices and MiFID II RTS 6 article 15.
#![deny(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_lossless
)]

use crate::order::{ClOrdId, Intent, Order, OrderAction};
use crate::pipeline::carried_state::{CarriedState, ResumeError};
use feeds::event::Side;
use feeds::units::{NS_PER_S, PRICE_NONE};
use std::fmt;

/// Why an intent was refused: one bit a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RiskReasons(pub u32);

impl RiskReasons {
    /// The kill switch is set.
    pub const KILL_SWITCH: Self = Self(1);
    /// No limits are configured for the instrument, or it is not in continuous trading at the venue.
    pub const NOT_TRADABLE: Self = Self(1 << 1);
    /// Quantity zero or above `order_qty_max`.
    pub const ORDER_QTY: Self = Self(1 << 2);
    /// Price times quantity above `order_notional_max`.
    pub const NOTIONAL: Self = Self(1 << 3);
    /// Price not positive or not a multiple of the tick.
    pub const PRICE: Self = Self(1 << 4);
    /// Price further from the reference than the collar.
    pub const COLLAR: Self = Self(1 << 5);
    /// There is no two-sided reference price.
    pub const NO_REFERENCE: Self = Self(1 << 6);
    /// Worst-case position, open orders included, above `position_max`.
    pub const POSITION: Self = Self(1 << 7);
    /// More messages than the rate allows. Never set for cancels.
    pub const MESSAGE_RATE: Self = Self(1 << 8);
    /// The ClOrdID was used before.
    pub const DUPLICATE_CL_ORD_ID: Self = Self(1 << 9);
    /// The venue's own book is crossed.
    pub const BOOK_CROSSED: Self = Self(1 << 10);
    /// Replace or cancel of an order that is not live, that has a message in flight, or that has filled as much as
    /// the replace asks for; a new order that names a target.
    pub const TARGET: Self = Self(1 << 11);
    /// No order slot or no ClOrdID is left.
    pub const TABLE_FULL: Self = Self(1 << 12);
    /// Another leg of an all-or-none group was refused.
    pub const GROUP: Self = Self(1 << 13);
    /// Messages of the venue's feed are missing: its book is stale.
    pub const STALE_BOOK: Self = Self(1 << 14);

    /// Names in bit order, for reports.
    pub const NAMES: [&'static str; 15] = [
        "KILL_SWITCH",
        "NOT_TRADABLE",
        "ORDER_QTY",
        "NOTIONAL",
        "PRICE",
        "COLLAR",
        "NO_REFERENCE",
        "POSITION",
        "MESSAGE_RATE",
        "DUPLICATE_CL_ORD_ID",
        "BOOK_CROSSED",
        "TARGET",
        "TABLE_FULL",
        "GROUP",
        "STALE_BOOK",
    ];

    /// Whether nothing was found.
    #[must_use]
    pub const fn is_clear(self) -> bool {
        self.0 == 0
    }

    /// Whether a rule's bit is set.
    #[must_use]
    pub const fn contains(self, rule: Self) -> bool {
        self.0 & rule.0 == rule.0
    }

    fn when(self, broken: bool) -> Self {
        Self(if broken { self.0 } else { 0 })
    }
}

impl std::ops::BitOr for RiskReasons {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for RiskReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (bit, name) in Self::NAMES.iter().enumerate() {
            if self.0 >> bit & 1 == 1 {
                write!(f, "{}{name}", if first { "" } else { "|" })?;
                first = false;
            }
        }
        if first { f.write_str("none") } else { Ok(()) }
    }
}

/// A value that passed every check. Only this module makes one, and only one can be encoded.
#[derive(Debug, PartialEq, Eq)]
pub struct RiskApproved<T>(T);

#[cfg(test)]
impl<T> RiskApproved<T> {
    /// For tests of what comes after risk.
    pub(crate) const fn for_test(value: T) -> Self {
        Self(value)
    }
}

impl<T> std::ops::Deref for RiskApproved<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Limits of one instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentLimits {
    /// Largest order, smallest increments. Zero: the instrument may not be traded.
    pub order_qty_max: u64,
    /// Largest price times quantity of one order, 1e-9 of the currency.
    pub order_notional_max: i128,
    /// Widest distance from the reference, 1e-4 of it (basis points).
    pub collar_bp: u32,
    /// Largest absolute position, open orders of that side included.
    pub position_max: i64,
    /// Price increment, 1e-9.
    pub price_tick: i64,
}

impl InstrumentLimits {
    /// Limits that refuse everything.
    pub const NONE: Self =
        Self { order_qty_max: 0, order_notional_max: 0, collar_bp: 0, position_max: 0, price_tick: 1 };
}

/// Position and what open orders could add to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Net filled quantity, positive long.
    pub position: i64,
    /// Reserved by open buy orders.
    pub open_buy: u64,
    /// Reserved by open sell orders.
    pub open_sell: u64,
}

/// Market state that the checks need, read from the books right before the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Best bid of the reference market, or [`PRICE_NONE`].
    pub bid_px: i64,
    /// Best offer of the reference market, or [`PRICE_NONE`].
    pub ask_px: i64,
    /// The instrument is in continuous trading at the order's venue.
    pub tradable: bool,
    /// The venue's own book is crossed.
    pub crossed: bool,
    /// The venue's book is stale: messages of its feed are missing.
    pub stale: bool,
}

/// The order that a replace or cancel is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Total quantity of the accepted terms.
    pub quantity: u64,
    /// Filled so far.
    pub cumulative: u64,
    /// Reserved now.
    pub reserved: u64,
}

/// Message rate: a token bucket that earns `per_s` units of credit each nanosecond of core time; a message costs
/// [`MESSAGE_COST`] of them. Nothing is ever divided, so no fraction is lost or won at any rate.
#[derive(Clone, Copy, Debug)]
struct MessageRate {
    /// Messages a second.
    per_s: u64,
    /// Credit that a quiet time can save up.
    burst: u64,
    credit: u64,
    last_ns: u64,
}

/// Credit that one message costs: what one message a second earns in a second.
const MESSAGE_COST: u64 = NS_PER_S;

impl MessageRate {
    fn refill(&mut self, now_ns: u64) {
        let earned = now_ns.saturating_sub(self.last_ns).saturating_mul(self.per_s);
        self.credit = self.credit.saturating_add(earned).min(self.burst);
        self.last_ns = self.last_ns.max(now_ns);
    }
}

/// Limits that hold for the whole engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineLimits {
    /// New orders and replaces a second.
    pub messages_per_s: u32,
    /// How many of them may come at once after a quiet time.
    pub messages_burst: u32,
}

/// What an approval reserved, for the order table.
#[derive(Debug, PartialEq, Eq)]
pub struct Approval {
    /// The order, ready for the encoder.
    pub order: RiskApproved<Order>,
    /// Exposure that the order now holds in all.
    pub reserved: u64,
    before: u64,
}

/// Facts about a message that do not come from the strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Sequence number of the input being decided.
    pub decision: u64,
    /// Core time, UTC ns.
    pub time_ns: u64,
    /// ClOrdID to use; 0 when none is left.
    pub cl_ord_id: ClOrdId,
    /// Number of the strategy.
    pub strategy: u16,
}

/// See the module's text.
pub struct Risk {
    killed: bool,
    last_cl_ord_id: ClOrdId,
    rate: MessageRate,
    limits: Box<[InstrumentLimits]>,
    exposure: Box<[Exposure]>,
}

impl Risk {
    /// Risk state for as many instruments as there are limits.
    ///
    /// # Panics
    /// When a rate or a tick is zero: a start-up error.
    #[must_use]
    pub fn new(engine: EngineLimits, limits: Vec<InstrumentLimits>) -> Self {
        assert!(engine.messages_per_s > 0 && engine.messages_burst > 0, "a rate of zero trades nothing");
        assert!(limits.iter().all(|limit| limit.price_tick > 0), "a price tick is positive");
        let per_s = u64::from(engine.messages_per_s);
        let burst = MESSAGE_COST * u64::from(engine.messages_burst);
        let exposure = vec![Exposure::default(); limits.len()].into_boxed_slice();
        Self {
            killed: false,
            last_cl_ord_id: 0,
            rate: MessageRate { per_s, burst, credit: burst, last_ns: 0 },
            limits: limits.into_boxed_slice(),
            exposure,
        }
    }

    /// Sets the kill switch: from now on only cancels pass. It is reset by a restart only.
    pub fn kill(&mut self) {
        self.killed = true;
    }

    /// Whether the kill switch is set.
    #[must_use]
    pub const fn is_killed(&self) -> bool {
        self.killed
    }

    /// Position and reservations of an instrument; all zero for one that is not known.
    #[must_use]
    pub fn exposure(&self, instrument: u32) -> Exposure {
        self.exposure.get(instrument as usize).copied().unwrap_or_default()
    }

    /// The limits of an instrument.
    #[must_use]
    pub fn limits(&self, instrument: u32) -> InstrumentLimits {
        self.limits.get(instrument as usize).copied().unwrap_or(InstrumentLimits::NONE)
    }

    /// Runs all checks on one intent; on success exposure is reserved and the rate charged.
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
        let duplicate = RiskReasons::DUPLICATE_CL_ORD_ID
            .when(stamp.cl_ord_id <= self.last_cl_ord_id && stamp.cl_ord_id != 0)
            | RiskReasons::TABLE_FULL.when(stamp.cl_ord_id == 0);
        if intent.action == OrderAction::Cancel {
            let reasons = duplicate | RiskReasons::TARGET.when(target.is_none());
            let Some(target) = target.filter(|_| reasons.is_clear()) else { return Err(reasons) };
            self.last_cl_ord_id = stamp.cl_ord_id;
            return Ok(self.approval(intent, stamp, target.reserved, target.reserved));
        }
        let replace = intent.action == OrderAction::Replace;
        // A new order that names a target must not live on that order's reservation.
        let held = target.filter(|_| replace).unwrap_or(Target { quantity: 0, cumulative: 0, reserved: 0 });
        let bad_target =
            if replace { target.is_none() || intent.quantity <= held.cumulative } else { intent.target != 0 };
        // What could still fill, under the old terms or the new ones, whichever is more.
        let wanted = intent.quantity.saturating_sub(held.cumulative).max(held.reserved);
        let added = wanted - held.reserved;
        let reasons = duplicate
            | RiskReasons::TARGET.when(bad_target)
            | self.check_terms(intent, reference)
            | self.check_position(intent, added)
            | self.check_rate(stamp.time_ns);
        if !reasons.is_clear() {
            return Err(reasons);
        }
        self.last_cl_ord_id = stamp.cl_ord_id;
        self.rate.credit -= MESSAGE_COST;
        if let Some(open) = self.open_of(intent.instrument, intent.side) {
            *open += added;
        }
        Ok(self.approval(intent, stamp, wanted, held.reserved))
    }

    fn approval(&self, intent: &Intent, stamp: &Stamp, reserved: u64, before: u64) -> Approval {
        let order = Order {
            decision: stamp.decision,
            time_ns: stamp.time_ns,
            cl_ord_id: stamp.cl_ord_id,
            orig_cl_ord_id: intent.target,
            price: intent.price,
            quantity: intent.quantity,
            instrument: intent.instrument,
            venue: intent.venue,
            action: intent.action,
            side: intent.side,
            time_in_force: intent.time_in_force,
            strategy: stamp.strategy,
            reserved: [0; 6],
        };
        Approval { order: RiskApproved(order), reserved, before }
    }

    fn check_terms(&self, intent: &Intent, reference: &Reference) -> RiskReasons {
        let limits = self.limits(intent.instrument);
        let notional = i128::from(intent.price) * i128::from(intent.quantity);
        let two_sided = reference.bid_px != PRICE_NONE && reference.ask_px != PRICE_NONE;
        // Twice the mid, so that nothing is halved: |2 price - (bid + ask)| * 10^4 <= collar * (bid + ask).
        let mid_twice = i128::from(reference.bid_px) + i128::from(reference.ask_px);
        let distance = (2 * i128::from(intent.price) - mid_twice).abs() * 10_000;
        let outside = distance > i128::from(limits.collar_bp) * mid_twice;
        RiskReasons::KILL_SWITCH.when(self.killed)
            | RiskReasons::NOT_TRADABLE.when(!reference.tradable || limits.order_qty_max == 0)
            | RiskReasons::BOOK_CROSSED.when(reference.crossed)
            | RiskReasons::STALE_BOOK.when(reference.stale)
            | RiskReasons::ORDER_QTY.when(intent.quantity == 0 || intent.quantity > limits.order_qty_max)
            | RiskReasons::NOTIONAL.when(notional > limits.order_notional_max)
            | RiskReasons::PRICE.when(intent.price <= 0 || intent.price % limits.price_tick != 0)
            | RiskReasons::NO_REFERENCE.when(!two_sided)
            | RiskReasons::COLLAR.when(two_sided && outside)
    }

    fn check_position(&self, intent: &Intent, added: u64) -> RiskReasons {
        let exposure = self.exposure(intent.instrument);
        let worst = match intent.side {
            Side::Buy => i128::from(exposure.position) + i128::from(exposure.open_buy) + i128::from(added),
            Side::Sell => i128::from(exposure.open_sell) - i128::from(exposure.position) + i128::from(added),
            Side::None => i128::MAX,
        };
        RiskReasons::POSITION.when(worst > i128::from(self.limits(intent.instrument).position_max))
    }

    fn check_rate(&mut self, now_ns: u64) -> RiskReasons {
        self.rate.refill(now_ns);
        RiskReasons::MESSAGE_RATE.when(self.rate.credit < MESSAGE_COST)
    }

    fn open_of(&mut self, instrument: u32, side: Side) -> Option<&mut u64> {
        let exposure = self.exposure.get_mut(instrument as usize)?;
        match side {
            Side::Buy => Some(&mut exposure.open_buy),
            Side::Sell => Some(&mut exposure.open_sell),
            Side::None => None,
        }
    }

    /// Passes a request for an order's state: it asks nothing of the market and reserves nothing, so that it leaves whatever
    /// the limits or the kill switch say.
    ///
    /// # Panics
    /// When the message is anything else.
    #[must_use]
    pub fn pass_status_request(&self, order: Order) -> RiskApproved<Order> {
        assert_eq!(order.action, OrderAction::Status, "only a status request passes without checks");
        RiskApproved(order)
    }

    /// Takes an approval back before it was sent or entered anywhere (the other leg of its group was refused).
    /// The ClOrdID may be used again by the caller's next approval.
    pub fn withdraw(&mut self, approval: Approval) {
        let order = approval.order.0;
        if order.action != OrderAction::Cancel {
            self.rate.credit += MESSAGE_COST;
        }
        self.last_cl_ord_id = order.cl_ord_id - 1;
        self.release(order.instrument, order.side, approval.reserved - approval.before);
    }

    /// Takes over the positions of a former run and what its open orders reserve. Of fresh risk only.
    ///
    /// # Errors
    /// An instrument that has no place here; risk is of no use then.
    pub fn resume(&mut self, carried: &CarriedState, last_cl_ord_id: ClOrdId) -> Result<(), ResumeError> {
        const NO_ROOM: ResumeError = ResumeError::NoRoom { what: "instruments" };
        for &(instrument, quantity) in &carried.positions {
            self.exposure.get_mut(instrument as usize).ok_or(NO_ROOM)?.position = quantity;
        }
        for order in &carried.orders {
            *self.open_of(order.instrument, order.side).ok_or(NO_ROOM)? += order.reserved;
        }
        self.last_cl_ord_id = last_cl_ord_id;
        Ok(())
    }

    /// Instruments with their positions, those that are not flat, by instrument.
    pub fn positions(&self) -> impl Iterator<Item = (u32, i64)> + '_ {
        let positions =
            (0..).zip(&self.exposure).map(|(instrument, exposure)| (instrument, exposure.position));
        positions.filter(|&(_, position)| position != 0)
    }

    /// Gives reserved exposure back.
    pub fn release(&mut self, instrument: u32, side: Side, quantity: u64) {
        if let Some(open) = self.open_of(instrument, side) {
            debug_assert!(*open >= quantity, "released {quantity} of {open} reserved");
            *open = open.saturating_sub(quantity);
        }
    }

    /// Books a fill: position moves; the reservation is released separately.
    pub fn fill(&mut self, instrument: u32, side: Side, quantity: u64) {
        let Some(exposure) = self.exposure.get_mut(instrument as usize) else { return };
        let quantity = i64::try_from(quantity).unwrap_or(i64::MAX);
        exposure.position = match side {
            Side::Buy => exposure.position.saturating_add(quantity),
            Side::Sell => exposure.position.saturating_sub(quantity),
            Side::None => exposure.position,
        };
    }
}

#[cfg(test)]
#[path = "risk_tests.rs"]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "draws of a test: small numbers, or any bits at all"
)]
mod tests;
