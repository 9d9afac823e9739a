//! A desk for tests of strategies: the real decision core over two venues and one instrument, fed by hand.

use super::{Intents, Strategy, View};
use crate::notation::Price;
use crate::order::{Execution, ExecutionKind, Order, OrderAction, RejectReason, TimeInForce};
use crate::pipeline::decision_core::{Actions, CoreCounters, CoreSizes, DecisionCore, Input, Probe};
use crate::pipeline::features::FeatureBoard;
use crate::pipeline::order_table::LiveOrder;
use crate::pipeline::risk::{EngineLimits, InstrumentLimits, Risk, StrategyLimits};
use crate::pipeline::stamps::Stage;
use crate::pipeline::wide::{
    Answered, CpuBackend, Patience, WideAnswered, WideBackend, WideListing, WideRequest, WideWatch,
};
use feeds::event::{EventKind, MarketEvent, Side, TradingStatus, flags};
use feeds::units::PRICE_NONE;
use kernels::cpu::book::{BookConfig, VenueBooks};
use kernels::cpu::features::FeatureParameters;
use kernels::cpu::wide::WideTables;
use std::sync::Arc;

/// The one instrument.
pub(crate) const INSTRUMENT: u32 = 0;
/// A cent.
pub(crate) const TICK: i64 = 10_000_000;
/// A millisecond.
pub(crate) const MS: u64 = 1_000_000;

/// Has every decision explained, and checks that its words name what it wants: a price that is quoted, a limit that is
/// taken at.
#[derive(Default)]
struct Words(Vec<String>);

impl Probe for Words {
    fn mark(&mut self, _stage: Stage) {}

    fn decided(&mut self, strategy: &dyn Strategy, view: &View<'_>, intents: &Intents) {
        self.0 = strategy.explain(view);
        for intent in intents.iter() {
            let (quantity, price) = (intent.quantity, Price(intent.price));
            let said = match (intent.action, intent.time_in_force) {
                (OrderAction::Cancel, _) => "cancel it".to_owned(),
                (OrderAction::Replace, _) => format!("@ {price}; "),
                (_, TimeInForce::Day) => {
                    format!("wanted {quantity} @ {price}; no order is open; a new order")
                }
                _ => format!(" {price}"),
            };
            let is_said = self.0.iter().any(|line| line.contains(&said) || line.contains("ticks beyond"));
            assert!(is_said, "{said:?} is not in {:#?}, which explains {intent:?}", self.0);
        }
    }
}

/// See the module's text.
pub(crate) struct Desk {
    core: DecisionCore,
    actions: Actions,
    words: Words,
    now_ns: u64,
    next_id: u64,
    wide: Option<CpuBackend>,
}

impl Desk {
    /// A desk for one strategy that goes on where this one was killed; nothing is in its books.
    pub(crate) fn resumed(&self, strategy: impl Strategy + 'static) -> Self {
        let mut desk = Self::new(strategy);
        desk.core.resume(&self.core.carried([0; 32])).expect("a state of the same desk");
        (desk.now_ns, desk.next_id) = (self.now_ns, self.next_id);
        desk
    }

    /// A desk for one strategy, at 10 s of core time.
    pub(crate) fn new(strategy: impl Strategy + 'static) -> Self {
        let books =
            BookConfig { instruments_max: 1, orders_max: 1_000, levels_max: 500, price_tick: 100_000 };
        let limits = InstrumentLimits {
            order_qty_max: 1_000,
            order_notional_max: 1_000_000 * 1_000_000_000,
            collar_bp: 1_000,
            position_max: 1_000,
            price_tick: TICK,
            ..InstrumentLimits::default()
        };
        let engine = EngineLimits { messages_per_s: 1_000, messages_burst: 1_000, ..EngineLimits::default() };
        let core = DecisionCore::new(
            CoreSizes { date: 20_261_121, instruments_max: 1, orders_max: 64, messages_max: 10_000 },
            (0..2).map(|_| VenueBooks::new(books).expect("sizes in range")).collect(),
            Risk::new(engine, vec![limits]).with_strategies(&[(StrategyLimits::default(), &[INSTRUMENT])]),
            vec![Box::new(strategy)],
        );
        let actions = Actions::new(core.actions_max());
        Self { core, actions, words: Words::default(), now_ns: 10_000 * MS, next_id: 1, wide: None }
    }

    /// The same with wide work: listing 0 is the instrument at venue 0, listing 1 at venue 1. Nothing is answered but by
    /// [`Self::answer_wide`].
    pub(crate) fn with_wide(self, tables: &Arc<WideTables>) -> Self {
        let listings = [0, 1].map(|venue| WideListing { venue, instrument: INSTRUMENT });
        let core = self.core.with_wide(WideWatch::new(&listings, 2, 1, 8));
        Self { core, wide: Some(CpuBackend::new(tables, 8)), ..self }
    }

    /// The same with features of the instrument.
    pub(crate) fn with_features(self, parameters: FeatureParameters) -> Self {
        let board = FeatureBoard::new(&[(INSTRUMENT, parameters)], 2, 1).expect("parameters in range");
        Self { core: self.core.with_features(board), ..self }
    }

    /// The CPU's answers to all that was asked for; what the strategy sends then.
    pub(crate) fn answer_wide(&mut self) -> Vec<Order> {
        let mut sent = Vec::new();
        while let Some(&request) = self.core.wide().and_then(WideWatch::oldest) {
            let mut backend = self.wide.take().expect("a desk with wide work");
            let answered = backend.answer(&request, Patience::Wait).expect("it was asked for");
            let WideRequest { id, listing, .. } = request;
            let Answered { computed_by, items, .. } = answered;
            let answer = WideAnswered { time_ns: self.now_ns, request: id, listing, computed_by, items };
            sent.extend(self.input(Input::Answer(&answer)));
            self.wide = Some(backend);
        }
        sent
    }

    /// Lets core time pass; nothing happens.
    pub(crate) fn wait(&mut self, ns: u64) {
        self.now_ns += ns;
    }

    /// Filled position.
    pub(crate) fn position(&self) -> i64 {
        self.core.risk().exposure(INSTRUMENT).position
    }

    /// The newest open order of a side.
    pub(crate) fn open_order(&self, side: Side) -> Option<LiveOrder> {
        self.core.orders().of_strategy(0).find(|order| order.side == side).copied()
    }

    /// The core's counters.
    pub(crate) fn counters(&self) -> &CoreCounters {
        self.core.counters()
    }

    fn input(&mut self, input: Input<'_>) -> Vec<Order> {
        self.words.0.clear();
        self.core.on_input(input, &mut self.words, &mut self.actions).expect("the event fits the book");
        if let (Some(backend), Some(watch)) = (&mut self.wide, self.core.wide()) {
            watch.changes().iter().for_each(|change| backend.touch_changed(change));
            watch.requests().iter().for_each(|request| backend.request(request, self.core.books()));
        }
        self.actions.as_slice().iter().map(|order| **order).collect()
    }

    /// What the strategy said of its last decision.
    pub(crate) fn words(&self) -> &[String] {
        &self.words.0
    }

    fn event(&mut self, kind: EventKind, venue: u8, side: Side, price: i64, quantity: u64) -> Vec<Order> {
        let event = MarketEvent {
            exchange_ns: self.now_ns,
            receive_ns: self.now_ns,
            sequence: self.next_id,
            order_id: self.next_id,
            second_id: 0,
            price,
            quantity,
            instrument: INSTRUMENT,
            venue,
            kind,
            side,
            flags: flags::LAST_OF_EVENT,
        };
        self.next_id += 1;
        self.input(Input::Market(&event))
    }

    /// Somebody's order enters the book of `venue`, `ticks` above zero; what the strategy sends then.
    pub(crate) fn add(&mut self, venue: u8, side: Side, ticks: i64, quantity: u64) -> Vec<Order> {
        self.event(EventKind::OrderAdd, venue, side, ticks * TICK, quantity)
    }

    /// The id that the next order put in will have.
    pub(crate) const fn next_order(&self) -> u64 {
        self.next_id
    }

    /// Some of the `nth` order that was put in trades.
    pub(crate) fn execute(&mut self, venue: u8, nth: u64, quantity: u64) -> Vec<Order> {
        let event = MarketEvent {
            exchange_ns: self.now_ns,
            receive_ns: self.now_ns,
            order_id: nth,
            quantity,
            instrument: INSTRUMENT,
            venue,
            kind: EventKind::OrderExecute,
            ..MarketEvent::NOTHING
        };
        self.input(Input::Market(&event))
    }

    /// The owner of the `nth` order that was put in puts another one in its place, `ticks` above zero.
    pub(crate) fn replace(&mut self, venue: u8, nth: u64, ticks: i64, quantity: u64) -> Vec<Order> {
        let event = MarketEvent {
            exchange_ns: self.now_ns,
            receive_ns: self.now_ns,
            order_id: nth,
            second_id: self.next_id,
            price: ticks * TICK,
            quantity,
            instrument: INSTRUMENT,
            venue,
            kind: EventKind::OrderReplace,
            ..MarketEvent::NOTHING
        };
        self.next_id += 1;
        self.input(Input::Market(&event))
    }

    /// All orders of a venue go.
    pub(crate) fn clear(&mut self, venue: u8) -> Vec<Order> {
        self.event(EventKind::Clear, venue, Side::None, PRICE_NONE, 0)
    }

    /// The trading status of the instrument at a venue.
    pub(crate) fn status(&mut self, venue: u8, status: TradingStatus) -> Vec<Order> {
        self.event(EventKind::TradingStatus, venue, Side::None, PRICE_NONE, status as u64)
    }

    /// The timer.
    pub(crate) fn timer(&mut self) -> Vec<Order> {
        self.input(Input::Timer { due_ns: self.now_ns })
    }

    /// The venue answers a message of ours.
    pub(crate) fn answer(&mut self, order: &Order, kind: ExecutionKind, reason: RejectReason) -> Vec<Order> {
        let execution = Execution { kind, reason, ..self.execution(order) };
        self.input(Input::Execution(&execution))
    }

    /// The venue cancels what is left, and says that this much had filled: what was lost of it on the way shows there.
    pub(crate) fn end(&mut self, order: &Order, cumulative_quantity: u64) -> Vec<Order> {
        let kind = ExecutionKind::Canceled;
        let execution = Execution { kind, cumulative_quantity, ..self.execution(order) };
        self.input(Input::Execution(&execution))
    }

    /// The venue accepts a new order or a replace, or does a cancel.
    pub(crate) fn accept(&mut self, order: &Order) -> Vec<Order> {
        let kind = match order.action {
            OrderAction::New => ExecutionKind::New,
            OrderAction::Replace => ExecutionKind::Replaced,
            OrderAction::Cancel => ExecutionKind::Canceled,
            OrderAction::Status => ExecutionKind::StatusOpen,
        };
        self.answer(order, kind, RejectReason::None)
    }

    /// `quantity` of an accepted order trades at its price.
    pub(crate) fn fill(&mut self, order: &Order, quantity: u64) -> Vec<Order> {
        let live = *self.core.orders().get(order.cl_ord_id).expect("the order is open");
        let cumulative_quantity = live.cumulative + quantity;
        let leaves_quantity = live.quantity - cumulative_quantity;
        let kind = if leaves_quantity == 0 { ExecutionKind::Fill } else { ExecutionKind::PartialFill };
        let execution = Execution {
            kind,
            last_price: live.price,
            last_quantity: quantity,
            leaves_quantity,
            cumulative_quantity,
            ..self.execution(order)
        };
        self.input(Input::Execution(&execution))
    }

    /// `quantity` of an open order trades at its price.
    pub(crate) fn fill_live(&mut self, order: &LiveOrder, quantity: u64) -> Vec<Order> {
        self.fill(&order_of(order), quantity)
    }

    /// The venue accepts everything, and what that leads to, until nothing more is sent.
    pub(crate) fn accept_all(&mut self, mut orders: Vec<Order>) {
        while !orders.is_empty() {
            orders = orders.iter().flat_map(|order| self.accept(order)).collect();
        }
    }

    fn execution(&mut self, order: &Order) -> Execution {
        self.next_id += 1;
        Execution {
            time_ns: self.now_ns,
            cl_ord_id: order.cl_ord_id,
            orig_cl_ord_id: order.orig_cl_ord_id,
            exec_id: self.next_id,
            venue_order_id: 0,
            last_price: PRICE_NONE,
            last_quantity: 0,
            leaves_quantity: 0,
            cumulative_quantity: 0,
            instrument: order.instrument,
            venue: order.venue,
            kind: ExecutionKind::New,
            side: order.side,
            reason: RejectReason::None,
            exec_ref_id: 0,
        }
    }
}

/// The message that an open order's accepted terms came with, as far as an execution needs it.
fn order_of(live: &LiveOrder) -> Order {
    Order {
        decision: 0,
        time_ns: live.since_ns,
        cl_ord_id: live.cl_ord_id,
        orig_cl_ord_id: 0,
        price: live.price,
        quantity: live.quantity,
        instrument: live.instrument,
        venue: live.venue,
        action: OrderAction::New,
        side: live.side,
        time_in_force: live.time_in_force,
        strategy: live.strategy,
        sells_short: false,
        reserved: [0; 5],
    }
}
