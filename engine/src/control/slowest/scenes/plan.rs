//! The first pass: which inputs each scene holds, and which instruments they touch.

use std::collections::{BTreeSet, VecDeque};

use super::INPUTS_BEFORE;
use crate::control::journal_replay::Onlooker;
use crate::order::Order;
use crate::pipeline::decision_core::{DecisionCore, Input, Probe};
use crate::pipeline::risk::RiskApproved;
use crate::pipeline::stamps::Stage;

/// What a scene holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Number of its first input in the run's total order.
    pub(super) first: u64,
    /// Number of its last one, which led to the slow order.
    pub(super) decision: u64,
    /// The market message that this was, in its venue's stream.
    pub(super) message: u64,
    /// By venue: number of its last message before the first input, and of its last one in the scene.
    pub(super) messages: Vec<(u64, u64)>,
    /// Instruments that its market events are about.
    pub(super) touched: BTreeSet<u32>,
}

/// An input that has passed.
struct Passed {
    decision: u64,
    instrument: Option<u32>,
    /// By venue: number of the last message before it.
    before: Vec<u64>,
}

/// See the module's text.
pub(super) struct Planner {
    wanted: BTreeSet<u64>,
    /// The last inputs, this one included.
    passed: VecDeque<Passed>,
    /// By venue: number of the last message.
    last: Vec<u64>,
    plans: Vec<Plan>,
}

impl Planner {
    pub(super) fn new(wanted: BTreeSet<u64>, venues: usize) -> Self {
        Self { wanted, passed: VecDeque::new(), last: vec![0; venues], plans: Vec::new() }
    }

    /// The plans, by their decisions.
    pub(super) fn finish(self) -> Vec<Plan> {
        self.plans
    }
}

impl Probe for Planner {
    fn mark(&mut self, _stage: Stage) {}
}

impl Onlooker for Planner {
    fn before(&mut self, core: &DecisionCore, input: &Input<'_>) {
        let before = self.last.clone();
        let mut instrument = None;
        let mut message = 0;
        if let Input::Market(event) = input {
            instrument = Some(event.instrument);
            message = event.sequence;
            if let Some(last) = self.last.get_mut(usize::from(event.venue)) {
                *last = event.sequence;
            }
        }
        let decision = core.decision() + 1;
        if self.passed.len() > INPUTS_BEFORE {
            self.passed.pop_front();
        }
        self.passed.push_back(Passed { decision, instrument, before });
        if !self.wanted.remove(&decision) || instrument.is_none() {
            return;
        }
        let Some(first) = self.passed.front() else { return };
        self.plans.push(Plan {
            first: first.decision,
            decision,
            message,
            messages: first.before.iter().copied().zip(self.last.iter().copied()).collect(),
            touched: self.passed.iter().filter_map(|passed| passed.instrument).collect(),
        });
    }

    fn after(&mut self, _core: &DecisionCore, _actions: &[RiskApproved<Order>]) {}

    fn has_seen_enough(&self) -> bool {
        self.wanted.is_empty()
    }
}
