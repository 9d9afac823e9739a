//! From what a strategy wants to approved orders: the market that each is judged by, groups of which all legs leave or none, and
//! what enters the order table.

use super::{Actions, CANCEL_IDS, DecisionCore, Examined, Probe};
use crate::control::planted_delay;
use crate::order::{Intent, Order, OrderAction};
use crate::pipeline::risk::{Approval, Reference, RiskReasons, Stamp, Target};
use crate::pipeline::stamps::Stage;
use crate::strategy::{GROUP_MAX, Wanted};
use feeds::event::Side;
use feeds::units::PRICE_NONE;

impl DecisionCore {
    pub(super) fn approve_all(&mut self, strategy: u16, probe: &mut impl Probe, actions: &mut Actions) {
        planted_delay::spend(Stage::Risk);
        let mut at = 0;
        while let Some(&Wanted { intent, .. }) = self.intents.wanted().get(at) {
            let rest = &self.intents.wanted()[at..];
            let group = rest.iter().take(GROUP_MAX - 1).take_while(|wanted| wanted.with_next).count() + 1;
            let needed = group.min(rest.len());
            if !actions.has_slot(intent.action, needed) {
                self.counters.intents_dropped += needed as u64;
            } else if needed > 1 {
                self.approve_group(strategy, at, needed, probe, actions);
            } else {
                match self.approve(strategy, &intent, 0, probe) {
                    Ok(approval) => self.commit(approval, actions),
                    Err(reasons) => self.reject(strategy, &intent, reasons),
                }
            }
            at += needed;
        }
    }

    /// Approves the `needed` intents from number `at`, all or none.
    fn approve_group(
        &mut self,
        strategy: u16,
        at: usize,
        needed: usize,
        probe: &mut impl Probe,
        actions: &mut Actions,
    ) {
        let mut group = [self.intents.wanted()[at].intent; GROUP_MAX];
        for (intent, wanted) in group.iter_mut().zip(&self.intents.wanted()[at..at + needed]) {
            *intent = wanted.intent;
        }
        let group = &group[..needed];
        // Two messages about one order cannot both be entered: a group is of new orders only.
        if group.iter().any(|intent| intent.action != OrderAction::New) {
            group.iter().for_each(|intent| self.reject(strategy, intent, RiskReasons::GROUP));
            return;
        }
        let mut approvals = [const { None::<Approval> }; GROUP_MAX];
        for (ahead, intent) in group.iter().enumerate() {
            match self.approve(strategy, intent, ahead as u64, probe) {
                Ok(approval) => approvals[ahead] = Some(approval),
                Err(reasons) => {
                    // The latest first: each leaves the sums as it found them.
                    for approval in approvals[..ahead].iter_mut().rev().filter_map(Option::take) {
                        self.risk.withdraw(approval);
                    }
                    for (other, intent) in group.iter().enumerate() {
                        let reasons = if other == ahead { reasons } else { RiskReasons::GROUP };
                        self.reject(strategy, intent, reasons);
                    }
                    return;
                }
            }
        }
        match &approvals[..needed] {
            [Some(first), Some(second)] => {
                self.counters.pairs += 1;
                self.pairs.add(first.order.cl_ord_id, second.order.cl_ord_id);
            }
            _ => self.counters.cycles += 1,
        }
        for approval in approvals.iter_mut().filter_map(Option::take) {
            self.commit(approval, actions);
        }
    }

    /// Runs risk on one intent; `ahead` approvals of the same group are not in the order table yet.
    pub(super) fn approve(
        &mut self,
        strategy: u16,
        intent: &Intent,
        ahead: u64,
        probe: &mut impl Probe,
    ) -> Result<Approval, RiskReasons> {
        let target = self.orders.get(intent.target).filter(|order| {
            let takes = intent.action != OrderAction::Replace || !order.doomed;
            takes
                && !order.is_pending()
                && order.cl_ord_id == intent.target
                && order.strategy == strategy
                && (order.instrument, order.venue, order.side)
                    == (intent.instrument, intent.venue, intent.side)
        });
        let target = target.map(Target::of);
        let has_room = intent.action != OrderAction::New || u64::from(self.orders.room()) > ahead;
        // Each open order keeps two ClOrdIDs for its cancel, of which the first may come to nothing.
        let open = u64::from(self.orders.live()) + ahead + 1;
        let kept = if intent.action == OrderAction::Cancel { 0 } else { CANCEL_IDS * open };
        let has_room = has_room && self.orders.cl_ord_id_after(ahead + kept).is_some();
        let cl_ord_id = self.orders.cl_ord_id_after(ahead).filter(|_| has_room).unwrap_or(0);
        let reference = self.reference(intent);
        let stamp = Stamp { decision: self.decision, time_ns: self.time_ns, cl_ord_id, strategy };
        let risk = &self.risk;
        probe.examined(&Examined { risk, intent, reference: &reference, target, stamp: &stamp });
        self.risk.approve(intent, &reference, target, &stamp)
    }

    /// The collar's reference is the NBBO, or the order's own venue when the NBBO is crossed.
    fn reference(&self, intent: &Intent) -> Reference {
        let Intent { venue, instrument, .. } = *intent;
        let national = self.nbbo.quote(instrument);
        let Some(books) = self.books.get(usize::from(venue)) else { return Reference::NONE };
        let own = books.bbo(instrument);
        let (bid_px, ask_px) =
            if national.crossed() { (own.bid_px, own.ask_px) } else { (national.bid_px, national.ask_px) };
        let is_aggressive = match intent.side {
            Side::Buy => national.ask_px != PRICE_NONE && intent.price >= national.ask_px,
            Side::Sell => national.bid_px != PRICE_NONE && intent.price <= national.bid_px,
            Side::None => false,
        };
        let (away_bid_px, away_ask_px) =
            if is_aggressive { self.away(venue, instrument) } else { (PRICE_NONE, PRICE_NONE) };
        let own_best = self.orders.own_best(instrument, venue, intent.side.opposite(), intent.price);
        Reference {
            bid_px,
            ask_px,
            national_bid_px: national.bid_px,
            touch_bid_px: own.bid_px,
            touch_ask_px: own.ask_px,
            away_bid_px,
            away_ask_px,
            own_bid_px: own_best,
            own_ask_px: own_best,
            data_age_ns: self.feeds.age_ns(venue, self.time_ns),
            clock_skew_ns: self.feeds.skew_ns(venue),
            tradable: books.is_continuous(instrument),
            crossed: books.crossed(instrument),
            stale: self.stale.is_stale(venue, instrument),
        }
    }

    /// The best bid and offer of the other venues.
    #[cold]
    fn away(&self, venue: u8, instrument: u32) -> (i64, i64) {
        let others = (0..self.books.len() as u8).filter(|&other| other != venue);
        others.fold((PRICE_NONE, PRICE_NONE), |(bid_px, ask_px), other| {
            let quote = self.nbbo.venue_quote(instrument, other);
            let better_ask = quote.ask_px != PRICE_NONE && (ask_px == PRICE_NONE || quote.ask_px < ask_px);
            // "None" is below every price.
            (bid_px.max(quote.bid_px), if better_ask { quote.ask_px } else { ask_px })
        })
    }

    pub(super) fn commit(&mut self, approval: Approval, actions: &mut Actions) {
        let order: Order = *approval.order;
        self.orders
            .enter(&order, approval.reserved)
            .expect("risk checked the target, the room and the ClOrdID right before");
        match order.action {
            OrderAction::New => self.counters.new_orders += 1,
            OrderAction::Replace => self.counters.replaces += 1,
            OrderAction::Cancel => self.counters.cancels += 1,
            OrderAction::Status => self.counters.status_requests += 1,
        }
        actions.orders.push(approval.order);
    }

    #[cold]
    fn reject(&mut self, strategy: u16, intent: &Intent, reasons: RiskReasons) {
        self.counters.risk_rejects += 1;
        for (bit, count) in self.counters.rejects_by_rule.iter_mut().enumerate() {
            *count += u64::from(reasons.0 >> bit & 1);
        }
        self.strategies[usize::from(strategy)].on_reject(self.time_ns, intent, reasons);
    }
}
