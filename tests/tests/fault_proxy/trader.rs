//! The decision core with what its side knows of every order that it ever sent.

use std::collections::BTreeMap;

use engine::order::{ClOrdId, ExecutionKind, Order, OrderAction};
use engine::pipeline::decision_core::{Actions, DecisionCore, Input, NoProbe};
use engine::pipeline::risk::RiskApproved;

/// What the client side knows of an order, by the ClOrdID that it was entered with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    pub filled: u64,
    /// What closed it, if it is.
    pub closed_by: Option<ExecutionKind>,
    pub venue: u8,
}

/// See the module's text.
pub struct Trader {
    seed: u64,
    pub core: DecisionCore,
    actions: Actions,
    pub known: BTreeMap<ClOrdId, Known>,
    /// The id that an order was entered with, by each id that it had since.
    pub root: BTreeMap<ClOrdId, ClOrdId>,
}

impl Trader {
    pub fn new(seed: u64, core: DecisionCore) -> Self {
        let actions = Actions::new(core.actions_max());
        Self { seed, core, actions, known: BTreeMap::new(), root: BTreeMap::new() }
    }

    /// One input of the core; what it orders goes to `send`.
    pub fn input(&mut self, input: Input<'_>, mut send: impl FnMut(RiskApproved<Order>)) {
        let before = match input {
            Input::Execution(execution) => self.core.orders().get(execution.cl_ord_id).copied(),
            _ => None,
        };
        let refused = self.core.counters().executions_refused;
        self.core.on_input(input, &mut NoProbe, &mut self.actions).expect("a market that fits its books");
        if let Input::Execution(execution) = input
            && self.core.counters().executions_refused > refused
        {
            println!("seed {}: refused {execution:?} about {before:?}", self.seed);
        }
        if let (Input::Execution(execution), Some(before)) = (input, before) {
            let root = self.root[&before.cl_ord_id];
            let known = self.known.get_mut(&root).expect("an order that was entered");
            let after =
                self.core.orders().get(before.cl_ord_id).or(self.core.orders().get(execution.cl_ord_id));
            match after {
                Some(order) => known.filled = order.cumulative,
                None => {
                    known.filled = before.cumulative.max(execution.cumulative_quantity);
                    known.closed_by = Some(execution.kind);
                }
            }
        }
        let Self { actions, known, root, .. } = self;
        for order in actions.drain() {
            match order.action {
                OrderAction::New => {
                    root.insert(order.cl_ord_id, order.cl_ord_id);
                    known.insert(order.cl_ord_id, Known { venue: order.venue, ..Known::default() });
                }
                OrderAction::Replace => {
                    let entered = root[&order.orig_cl_ord_id];
                    root.insert(order.cl_ord_id, entered);
                }
                OrderAction::Cancel | OrderAction::Status => {}
            }
            send(order);
        }
    }
}
