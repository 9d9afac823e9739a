//! What the core does about many orders at once, a bounded number an input: asking for the state of those in doubt,
//! cancelling what a kill has stopped, or while books are stale.

use super::{Actions, DecisionCore, Probe};
use crate::order::{Order, OrderAction};
use crate::pipeline::operator::{KillCause, Scope};
use crate::pipeline::order_table::LiveOrder;

/// Orders that a sweep handles an input at most.
pub(super) const SWEEP_MAX: usize = 64;

/// Slots of the order table that a timer looks at for messages without an answer.
const ANSWER_SLOTS: u32 = 1_024;

impl DecisionCore {
    /// Asks for the state of a bounded number of the orders in doubt; the next input goes on with what is left.
    #[cold]
    pub(super) fn ask_for_status(&mut self, actions: &mut Actions) {
        for _ in 0..SWEEP_MAX {
            if self.orders.to_ask() == 0 {
                return;
            }
            if !actions.has_slot(OrderAction::Cancel, 1) {
                // Counted, so that the journal says how many slots there were: a replay must stop here too.
                self.counters.intents_dropped += 1;
                return;
            }
            let Some(order) = self.orders.ask_next(self.decision) else { return };
            self.counters.status_requests += 1;
            actions.orders.push(self.risk.pass_status_request(Order {
                decision: self.decision,
                time_ns: self.time_ns,
                cl_ord_id: order.cl_ord_id,
                orig_cl_ord_id: 0,
                price: order.price,
                quantity: order.quantity,
                instrument: order.instrument,
                venue: order.venue,
                action: OrderAction::Status,
                side: order.side,
                time_in_force: order.time_in_force,
                strategy: order.strategy,
                sells_short: order.sells_short,
                reserved: [0; 5],
            }));
        }
    }

    /// Cancels a bounded number of the open orders that were stopped or whose book is stale; the next input goes on with what
    /// is left.
    #[cold]
    pub(super) fn sweep_orders(&mut self, probe: &mut impl Probe, actions: &mut Actions) {
        let mut swept = [0; SWEEP_MAX];
        let mut count = 0;
        let orders = (0..self.strategies.len() as u16).flat_map(|strategy| self.orders.of_strategy(strategy));
        let unwanted = orders.filter(|order| !order.is_pending() && self.is_unwanted(order));
        for (place, order) in swept.iter_mut().zip(unwanted) {
            *place = order.cl_ord_id;
            count += 1;
        }
        for cl_ord_id in &swept[..count] {
            if !actions.has_slot(OrderAction::Cancel, 1) {
                self.counters.intents_dropped += 1;
                return;
            }
            let Some(order) = self.orders.get(*cl_ord_id) else { continue };
            let (strategy, intent, doomed) = (order.strategy, order.cancel(), order.doomed);
            if let Ok(approval) = self.approve(strategy, &intent, 0, probe) {
                self.counters.stale_cancels += u64::from(!doomed);
                self.commit(approval, actions);
            }
        }
        // With fewer than it can take it has taken all; an answer to one that is pending sweeps again.
        self.sweep_is_due = count == SWEEP_MAX;
    }

    /// A block dooms each order that it covers, so that a reset saves none of them.
    fn is_unwanted(&self, order: &LiveOrder) -> bool {
        order.doomed || self.stale.is_stale(order.venue, order.instrument)
    }

    /// Looks for messages that nobody has answered in time, in a part of the table each timer: their instruments are stopped,
    /// and their venues asked.
    #[cold]
    pub(super) fn look_for_unanswered(&mut self) {
        let most_ns = self.risk.firm_limits().answer_max_ns;
        let before_ns = self.time_ns.saturating_sub(most_ns);
        if before_ns == 0 {
            return;
        }
        let (found, next) = self.orders.unanswered(self.answer_slot, ANSWER_SLOTS, before_ns);
        self.answer_slot = next;
        if let Some(order) = found {
            self.counters.unanswered += 1;
            self.block(Scope::Instrument(order.instrument), KillCause::Unanswered);
            self.orders.doubt_order(order.cl_ord_id);
        }
    }
}
