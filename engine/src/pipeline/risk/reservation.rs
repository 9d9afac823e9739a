//! What an approved order changes: reservations, counts and rates, and the order that leaves.

use super::checks::{Added, NO_TARGET, added};
use super::recent::RecentOrders;
use super::totals::LOST;
use super::{Approval, Firm, Instrument, Risk, RiskApproved, Stamp, StrategyState, Target, Venue};
use crate::order::{ClOrdId, Intent, Order, OrderAction};
use feeds::event::Side;

/// All that one order changes.
pub(super) struct Parts<'risk> {
    pub(super) at: &'risk mut Instrument,
    pub(super) firm: &'risk mut Firm,
    pub(super) venue: Option<&'risk mut Venue>,
    pub(super) strategy: Option<&'risk mut StrategyState>,
    pub(super) recent: &'risk mut RecentOrders,
    pub(super) last_cl_ord_id: &'risk mut ClOrdId,
}

impl Risk {
    /// Finds what an order of these terms changes; `None` for an instrument that is not known.
    #[inline(always)]
    pub(super) fn parts(&mut self, intent: &Intent, stamp: &Stamp) -> Option<Parts<'_>> {
        Some(Parts {
            at: self.instruments.get_mut(intent.instrument as usize)?,
            firm: &mut self.firm,
            venue: self.venues.get_mut(usize::from(intent.venue)),
            strategy: self.strategies.get_mut(usize::from(stamp.strategy)),
            recent: &mut self.recent,
            last_cl_ord_id: &mut self.last_cl_ord_id,
        })
    }

    /// Reserves for an action that was approved before, as the approval did; answers what the order then holds in all.
    pub fn follow(&mut self, order: &Order, target: Option<Target>) -> u64 {
        let held = target.unwrap_or(NO_TARGET);
        let Order { decision, time_ns, cl_ord_id, strategy, .. } = *order;
        if order.action == OrderAction::Cancel {
            self.firm.messages += 1;
            self.last_cl_ord_id = cl_ord_id;
            return held.reserved;
        }
        let intent = Intent {
            action: order.action,
            target: order.orig_cl_ord_id,
            price: order.price,
            quantity: order.quantity,
            instrument: order.instrument,
            venue: order.venue,
            side: order.side,
            time_in_force: order.time_in_force,
        };
        let stamp = Stamp { decision, time_ns, cl_ord_id, strategy };
        let Some(mut parts) = self.parts(&intent, &stamp) else { return held.reserved };
        let added = added(&intent, &held, &parts.at.exposure);
        parts.at.rate.refill_for_certain(time_ns);
        parts.firm.rate.refill_for_certain(time_ns);
        if let Some(venue) = &mut parts.venue {
            venue.rate.refill_for_certain(time_ns);
        }
        parts.reserve(&intent, &stamp, &added, &held, Fit::Unknown).reserved
    }

    /// Takes an approval back before it was sent or entered anywhere (the other leg of its group was refused).
    /// The ClOrdID may be used again by the caller's next approval.
    pub fn withdraw(&mut self, approval: Approval) {
        let released = approval.released();
        let order = approval.order.0;
        self.last_cl_ord_id = order.cl_ord_id - 1;
        self.firm.messages -= 1;
        if order.action == OrderAction::Cancel {
            return;
        }
        self.firm.rate.refund();
        if let Some(venue) = self.venues.get_mut(usize::from(order.venue)) {
            venue.rate.refund();
        }
        if let Some(at) = self.instruments.get_mut(order.instrument as usize) {
            at.rate.refund();
            if order.action == OrderAction::New && at.limits.duplicates_max != u32::MAX {
                self.recent.pop(&mut at.recent);
            }
        }
        self.release(&released);
    }

    /// Measures what room the sums of the firm and of a strategy have.
    #[inline(never)]
    pub(super) fn measure_room(&mut self, strategy: u16) {
        let firm = &mut self.firm;
        let limits = &firm.limits;
        let margin_left = firm.margin_max.min(LOST - 1) - firm.margin.get();
        firm.totals.measure_room(&limits.notional(), margin_left >> firm.margin_bits);
        firm.messages_most =
            limits.order_to_trade_from.max(limits.order_to_trade_max.saturating_mul(firm.trades.max(1)));
        if let Some(strategy) = self.strategies.get_mut(usize::from(strategy)) {
            strategy.totals.measure_room(&strategy.limits.notional(), LOST);
        }
    }

    /// A limit has changed: the room that there was counts no more.
    pub(super) fn forget_room(&mut self) {
        self.firm.totals.forget_room();
        self.firm.messages_most = 0;
        for strategy in &mut self.strategies {
            strategy.totals.forget_room();
        }
    }
}

/// Whether the sums are known to have room for an order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// [`super::totals::Totals::has_room`] said so.
    Room(u64),
    /// It may be that a sum is lost.
    Unknown,
}

impl Parts<'_> {
    /// Reserves what an order that was approved adds, and charges the rates.
    #[inline(always)]
    pub(super) fn reserve(
        self,
        intent: &Intent,
        stamp: &Stamp,
        added: &Added,
        held: &Target,
        fit: Fit,
    ) -> Approval {
        let Self { at, firm, venue, strategy, recent, last_cl_ord_id } = self;
        *last_cl_ord_id = stamp.cl_ord_id;
        firm.messages += 1;
        firm.rate.charge();
        at.rate.charge();
        if let Some(venue) = venue {
            venue.rate.charge();
        }
        let is_buy = intent.side == Side::Buy;
        // An order keeps its mark for life.
        let sells_short = held.sells_short | (at.plain.us_equity & !is_buy & (added.worst > 0));
        if let Some(open) = at.exposure.open_of(intent.side) {
            *open += added.quantity;
        }
        at.open_notional += added.notional;
        let margin = added.notional * i128::from(at.plain.margin_bp);
        match fit {
            Fit::Room(notional) => {
                firm.totals.add_fitting(is_buy, notional);
                firm.margin.add_fitting(margin);
                if let Some(strategy) = strategy {
                    strategy.totals.add_fitting(is_buy, notional);
                }
            }
            Fit::Unknown => {
                firm.totals.add_order(is_buy, added.notional);
                firm.margin.add(margin);
                if let Some(strategy) = strategy {
                    strategy.totals.add_order(is_buy, added.notional);
                }
            }
        }
        if intent.action == OrderAction::New {
            at.open_orders += 1;
            firm.open_orders += 1;
            if at.plain.duplicates_max != u32::MAX {
                recent.push(&mut at.recent, intent, stamp.time_ns, at.plain.duplicate_window_ns);
            }
        }
        Approval {
            order: RiskApproved(order(intent, stamp, sells_short)),
            reserved: added.wanted,
            added: added.quantity,
            added_notional: added.notional,
        }
    }
}

#[inline(always)]
pub(super) fn order(intent: &Intent, stamp: &Stamp, sells_short: bool) -> Order {
    Order {
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
        sells_short,
        reserved: [0; 5],
    }
}
