//! What the core does about many orders at once, a bounded number an input: asking for the state of those in doubt,
//! cancelling after a kill or while books are stale.

use super::{Actions, DecisionCore};
use crate::order::{Intent, Order, OrderAction};

/// Orders that a sweep handles an input at most.
pub(super) const SWEEP_MAX: usize = 64;

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
                reserved: [0; 6],
            }));
        }
    }

    /// Cancels a bounded number of the open orders, all of them after a kill, else those whose book is stale; the next
    /// input goes on with what is left.
    #[cold]
    pub(super) fn sweep_orders(&mut self, actions: &mut Actions) {
        let killed = self.risk.is_killed();
        let mut swept = [0; SWEEP_MAX];
        let mut count = 0;
        let orders = (0..self.strategies.len() as u16).flat_map(|strategy| self.orders.of_strategy(strategy));
        let unwanted = orders.filter(|order| {
            !order.is_pending() && (killed || self.stale.is_stale(order.venue, order.instrument))
        });
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
            let strategy = order.strategy;
            let intent = Intent {
                action: OrderAction::Cancel,
                target: order.cl_ord_id,
                price: order.price,
                quantity: order.quantity,
                instrument: order.instrument,
                venue: order.venue,
                side: order.side,
                time_in_force: order.time_in_force,
            };
            if let Ok(approval) = self.approve(strategy, &intent, 0) {
                self.counters.stale_cancels += u64::from(!killed);
                self.commit(approval, actions);
            }
        }
    }
}
