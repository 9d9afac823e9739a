//! The moment in which a message was decided: what the replayed core had before it, decided, and had after it.

use crate::control::journal_replay::Onlooker;
use crate::order::{ClOrdId, Execution, Intent, Order};
use crate::pipeline::decision_core::{DecisionCore, Examined, Input, Probe};
use crate::pipeline::operator::Command;
use crate::pipeline::risk::{Judged, RiskApproved};
use crate::pipeline::stamps::Stage;
use crate::pipeline::wide::{ComputedBy, SurfaceFitted, SurfaceVol, WideAnswered};
use crate::strategy::{Intents, Strategy, View};
use feeds::event::{MarketEvent, Side};
use kernels::abi::WideItem;
use kernels::cpu::book::DepthLevel;
use kernels::cpu::nbbo::NbboQuote;

/// Levels of a side that are shown.
const LEVELS: usize = 5;

/// What came in.
#[derive(Clone, Debug)]
pub(super) enum Came {
    Market(MarketEvent),
    Execution(Execution),
    Timer { due_ns: u64 },
    Command { time_ns: u64, command: Command },
    Answer { request: u64, listing: u32, computed_by: ComputedBy, items: Vec<WideItem> },
    Surface { fit: u64, listing: u32, vols: Vec<SurfaceVol> },
}

/// The instrument at one venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VenueMarket {
    pub(super) bids: Vec<DepthLevel>,
    pub(super) asks: Vec<DepthLevel>,
    pub(super) is_continuous: bool,
    pub(super) is_stale: bool,
}

/// The instrument's market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Market {
    pub(super) venues: Vec<VenueMarket>,
    pub(super) national: NbboQuote,
}

impl Market {
    fn of(core: &DecisionCore, instrument: u32) -> Self {
        let side = |venue: usize, side: Side| {
            let mut levels = [DepthLevel::default(); LEVELS];
            let count = core.books()[venue].depth(instrument, side, &mut levels);
            levels[..count].to_vec()
        };
        let venues = (0..core.books().len()).map(|venue| VenueMarket {
            bids: side(venue, Side::Buy),
            asks: side(venue, Side::Sell),
            is_continuous: core.books()[venue].is_continuous(instrument),
            is_stale: core.stale().is_stale(venue as u8, instrument),
        });
        Self { venues: venues.collect(), national: core.nbbo().quote(instrument) }
    }
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) came: Came,
    pub(super) before: Market,
    pub(super) after: Market,
    /// What the strategy says; none where the core acted by itself.
    pub(super) strategy: Option<Vec<String>>,
    /// What the core acted by itself for.
    pub(super) swept: Vec<String>,
    pub(super) judged: Vec<Judged>,
    /// The message as the replay made it; none when it made another.
    pub(super) order: Option<Order>,
}

/// Waits for the decision of one message.
pub(super) struct Watcher {
    wanted: Order,
    is_now: bool,
    before: Option<(Came, Market)>,
    strategy: Option<Vec<String>>,
    /// What the strategy wants in the decision that is wanted, and its words.
    explained: Option<(Vec<Intent>, Vec<String>)>,
    judged: Vec<Judged>,
    pub(super) moment: Option<Moment>,
}

impl Watcher {
    /// Waits for the decision of `wanted`.
    pub(super) const fn new(wanted: Order) -> Self {
        Self {
            wanted,
            is_now: false,
            before: None,
            strategy: None,
            explained: None,
            judged: Vec::new(),
            moment: None,
        }
    }

    fn is_wanted(&self, cl_ord_id: ClOrdId) -> bool {
        self.is_now && cl_ord_id == self.wanted.cl_ord_id
    }
}

impl Probe for Watcher {
    fn mark(&mut self, _stage: Stage) {}

    fn decided(&mut self, strategy: &dyn Strategy, view: &View<'_>, intents: &Intents) {
        if self.is_now && view.strategy == self.wanted.strategy {
            self.explained = Some((intents.iter().copied().collect(), strategy.explain(view)));
        }
    }

    fn examined(&mut self, examined: &Examined<'_>) {
        // An intent that is refused leaves its ClOrdID to the next one: the last examination is the message's.
        if self.is_wanted(examined.stamp.cl_ord_id) {
            let Examined { intent, reference, target, stamp, risk } = *examined;
            self.judged = risk.explain(intent, reference, target, stamp);
            // What the core sweeps up by itself no strategy has asked for.
            let explained = self.explained.as_ref().filter(|(intents, _)| intents.contains(intent));
            self.strategy = explained.map(|(_, lines)| lines.clone());
        }
    }
}

impl Onlooker for Watcher {
    fn before(&mut self, core: &DecisionCore, input: &Input<'_>) {
        self.is_now = core.decision() + 1 == self.wanted.decision;
        if self.is_now {
            let came = match *input {
                Input::Market(event) => Came::Market(*event),
                Input::Execution(execution) => Came::Execution(*execution),
                Input::Timer { due_ns } => Came::Timer { due_ns },
                Input::Command { time_ns, command } => Came::Command { time_ns, command },
                Input::Answer(&WideAnswered { request, listing, computed_by, items, .. }) => {
                    Came::Answer { request, listing, computed_by, items: items.to_vec() }
                }
                Input::Surface(&SurfaceFitted { fit, listing, vols, .. }) => {
                    Came::Surface { fit, listing, vols: vols.to_vec() }
                }
            };
            self.before = Some((came, Market::of(core, self.wanted.instrument)));
        }
    }

    fn after(&mut self, core: &DecisionCore, actions: &[RiskApproved<Order>]) {
        let Some((came, before)) = self.before.take() else { return };
        let Order { instrument, venue, side, strategy, cl_ord_id, .. } = self.wanted;
        let mut swept = Vec::new();
        if self.strategy.is_none() {
            let blocks = core.risk().blocks();
            if blocks.cover(instrument, venue, side, strategy) {
                swept.extend(
                    blocks.iter().map(|(scope, cause)| format!("{scope:?} is blocked: {}", cause.name())),
                );
            }
            let is_doomed = core.orders().get(cl_ord_id).is_some_and(|order| order.doomed);
            if swept.is_empty() && is_doomed {
                swept.push(
                    "it was open or on its way when it was stopped, and a reset does not save it".to_owned(),
                );
            }
            if core.stale().is_stale(venue, instrument) {
                swept.push("the venue's book is stale: messages of its feed are missing".to_owned());
            }
        }
        self.moment = Some(Moment {
            came,
            before,
            after: Market::of(core, instrument),
            strategy: self.strategy.take(),
            swept,
            judged: std::mem::take(&mut self.judged),
            order: actions.iter().map(|order| **order).find(|order| order.cl_ord_id == cl_ord_id),
        });
    }

    fn has_seen_enough(&self) -> bool {
        self.moment.is_some()
    }
}
