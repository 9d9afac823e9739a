//! The second pass: the state as each scene begins, its inputs, and what the run did at each.

use std::collections::BTreeSet;

use feeds::event::{MarketEvent, Side};
use kernels::cpu::book::DepthLevel;

use super::capture::Names;
use super::plan::Plan;
use crate::control::journal_replay::Onlooker;
use crate::order::{Execution, Order};
use crate::pipeline::carried_state::CarriedState;
use crate::pipeline::decision_core::{CoreMemory, DecisionCore, Input, Probe};
use crate::pipeline::operator::Command;
use crate::pipeline::risk::RiskApproved;
use crate::pipeline::stamps::Stage;

/// An input of a scene.
#[derive(Clone, Copy, Debug)]
pub(super) enum SceneInput {
    Market(MarketEvent),
    Execution(Execution),
    Timer { due_ns: u64 },
    Command { time_ns: u64, command: Command },
}

/// An input and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) input: SceneInput,
    pub(super) actions: Vec<Order>,
}

/// A scene before it is written.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) plan: Plan,
    pub(super) carried: CarriedState,
    pub(super) memory: CoreMemory,
    /// Instruments whose books it has.
    pub(super) instruments: BTreeSet<u32>,
    /// By venue: its books as framed adds, in the order of their queues.
    pub(super) adds: Vec<Vec<u8>>,
    pub(super) steps: Vec<Step>,
}

/// See the module's text.
pub(super) struct Recorder<'a> {
    names: &'a Names,
    /// Not begun, the last one first.
    plans: Vec<Plan>,
    /// Under way.
    open: Vec<Scene>,
    done: Vec<Scene>,
    refused: Vec<String>,
    dropped: u64,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(mut plans: Vec<Plan>, names: &'a Names) -> Self {
        plans.sort_by_key(|plan| std::cmp::Reverse((plan.first, plan.decision)));
        let (open, done, refused) = (Vec::new(), Vec::new(), Vec::new());
        Self { names, plans, open, done, refused, dropped: 0 }
    }

    /// The scenes, and why others could not be taken.
    pub(super) fn finish(self) -> (Vec<Scene>, Vec<String>) {
        (self.done, self.refused)
    }

    fn begin(&mut self, plan: Plan, core: &DecisionCore) {
        let memory = match core.memory() {
            Ok(memory) => memory,
            Err(error) => return self.refused.push(error.to_string()),
        };
        let mut instruments = plan.touched.clone();
        instruments.extend(core.subscribed());
        let books = 0..core.books().len();
        self.open.push(Scene {
            carried: core.carried([0; 32]),
            memory,
            adds: books.map(|venue| self.adds(core, venue, &instruments)).collect(),
            instruments,
            plan,
            steps: Vec::new(),
        });
    }

    /// A venue's books as adds: level by level, each queue from its head.
    fn adds(&self, core: &DecisionCore, venue: usize, instruments: &BTreeSet<u32>) -> Vec<u8> {
        let books = &core.books()[venue];
        let mut framed = Vec::new();
        for &instrument in instruments {
            for side in [Side::Buy, Side::Sell] {
                let mut levels = vec![DepthLevel::default(); books.level_count(instrument, side)];
                let count = books.depth(instrument, side, &mut levels);
                for level in &levels[..count] {
                    for order in books.queue(instrument, side, level.price) {
                        self.names.add(venue, &order, &mut framed);
                    }
                }
            }
        }
        framed
    }
}

impl Probe for Recorder<'_> {
    fn mark(&mut self, _stage: Stage) {}
}

impl Onlooker for Recorder<'_> {
    fn before(&mut self, core: &DecisionCore, input: &Input<'_>) {
        let decision = core.decision() + 1;
        while let Some(plan) = self.plans.pop_if(|plan| plan.first <= decision) {
            self.begin(plan, core);
        }
        self.dropped = core.counters().intents_dropped;
        let input = match *input {
            Input::Market(event) => SceneInput::Market(*event),
            Input::Execution(execution) => SceneInput::Execution(*execution),
            Input::Timer { due_ns } => SceneInput::Timer { due_ns },
            Input::Command { time_ns, command } => SceneInput::Command { time_ns, command },
            // No run with wide work has scenes.
            Input::Answer(_) | Input::Surface(_) => return,
        };
        for scene in &mut self.open {
            scene.steps.push(Step { input, actions: Vec::new() });
        }
    }

    fn after(&mut self, core: &DecisionCore, actions: &[RiskApproved<Order>]) {
        let for_want_of_room = core.counters().intents_dropped != self.dropped;
        if for_want_of_room && !self.open.is_empty() {
            self.refused.push("an intent was dropped for want of an order slot in its time".to_owned());
            self.open.clear();
        }
        for scene in &mut self.open {
            if let Some(step) = scene.steps.last_mut() {
                step.actions.extend(actions.iter().map(|order| **order));
            }
        }
        let decision = core.decision();
        self.done.extend(self.open.extract_if(.., |scene| scene.plan.decision == decision));
    }

    fn has_seen_enough(&self) -> bool {
        self.plans.is_empty() && self.open.is_empty()
    }
}
