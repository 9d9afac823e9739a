use super::*;
use crate::control::digest::{DigestReceiver, digest_ring};
use crate::order::{Execution, ExecutionKind, Intent, Order, OrderAction, TimeInForce};
use crate::pipeline::board::Board;
use crate::pipeline::decision_core::{CoreSizes, DecisionCore};
use crate::pipeline::heartbeat::Pulse;
use crate::pipeline::order_entry::in_doubt;
use crate::pipeline::risk::{EngineLimits, InstrumentLimits, Risk, RiskApproved};
use crate::pipeline::stamps::PathStamps;
use crate::strategy::{Intents, Strategy, View};
use feeds::event::{EventKind, MarketEvent, Side, flags};
use kernels::cpu::book::{BookConfig, VenueBooks};
use rtrb::{Producer, RingBuffer};

const TICK: i64 = 10_000_000;
const NOW: u64 = 10_000_000_000;

/// Buys at prices of their own, as many as it is let, at venue 0.
struct Many(usize);

impl Strategy for Many {
    fn instruments(&self) -> &[u32] {
        &[0]
    }

    fn on_market(&mut self, view: &View<'_>, _event: &MarketEvent, intents: &mut Intents) {
        let open = view.open_orders().count();
        for place in open..self.0.min(open + 16) {
            intents.push(Intent {
                action: OrderAction::New,
                target: 0,
                price: (9_000 - place as i64) * TICK,
                quantity: 1,
                instrument: 0,
                venue: 0,
                side: Side::Buy,
                time_in_force: TimeInForce::Day,
            });
        }
    }
}

/// Keeps what it is given, as far as there is room.
#[derive(Default)]
struct Kept {
    orders: Vec<Order>,
    free: usize,
}

impl OrderSink for Kept {
    fn free_slots(&self) -> usize {
        self.free
    }

    fn capacity(&self) -> usize {
        0
    }

    fn send(&mut self, order: RiskApproved<Order>, _stamps: PathStamps) {
        self.orders.push(*order);
        self.free -= 1;
    }
}

struct Rig {
    decide: Decide,
    controls: Controls,
    commands: Producer<Instruction>,
    kill: KillSwitch,
    sessions: SessionWatch,
    pulse: Pulse,
    sink: Kept,
    executions: u64,
    _digest: DigestReceiver,
}

impl Rig {
    /// With so many orders resting at venue 0.
    fn new(orders: usize, rules: SessionRules) -> Self {
        let books =
            BookConfig { instruments_max: 1, orders_max: 1_000, levels_max: 500, price_tick: 100_000 };
        let limits = InstrumentLimits {
            order_qty_max: 1_000,
            order_notional_max: 1_000_000 * 1_000_000_000,
            collar_bp: 5_000,
            position_max: 1_000,
            price_tick: TICK,
            ..InstrumentLimits::default()
        };
        let engine = EngineLimits::default();
        let core = DecisionCore::new(
            CoreSizes { date: 20_261_121, instruments_max: 1, orders_max: 256, messages_max: 10_000 },
            (0..2).map(|_| VenueBooks::new(books).expect("sizes in range")).collect(),
            Risk::new(engine, vec![limits]),
            vec![Box::new(Many(orders))],
        );
        let (sender, digest) = digest_ring(1 << 12);
        let kill = KillSwitch::new();
        let decide = Decide::new(core, None, sender).shown(kill.clone(), Board::new(1, 1));
        let (commands, queue) = RingBuffer::new(64);
        let (sessions, pulse) = (SessionWatch::new(kill.clone()), Pulse::default());
        let controls = Controls::new(kill.clone())
            .commanded(queue)
            .watching(sessions.clone(), rules)
            .beating(pulse.beat());
        let sink = Kept { free: usize::MAX / 2, ..Kept::default() };
        let mut rig =
            Self { decide, controls, commands, kill, sessions, pulse, sink, executions: 0, _digest: digest };
        rig.sessions.came_up(0);
        rig.sessions.came_up(1);
        for (side, ticks) in [(Side::Buy, 9_999), (Side::Sell, 10_001)] {
            rig.market(side, ticks);
        }
        while rig.decide.core().orders().live() < orders as u32 {
            rig.market(Side::Buy, 9_000);
        }
        rig.accept_all();
        assert_eq!(rig.decide.core().orders().live(), orders as u32);
        rig
    }

    fn market(&mut self, side: Side, ticks: i64) {
        self.executions += 1;
        let event = MarketEvent {
            exchange_ns: NOW,
            receive_ns: NOW,
            sequence: self.executions,
            order_id: self.executions,
            second_id: 0,
            price: ticks * TICK,
            quantity: 100,
            instrument: 0,
            venue: 0,
            kind: EventKind::OrderAdd,
            side,
            flags: flags::LAST_OF_EVENT,
        };
        let mut stamps = PathStamps::begin_answer(false);
        self.decide.market(&event, &mut stamps, &mut self.sink).expect("it fits");
    }

    fn execution(&mut self, execution: &Execution) {
        let mut stamps = PathStamps::begin_answer(false);
        self.decide.execution(execution, &mut stamps, &mut self.sink).expect("no journal");
    }

    /// The venue accepts all that was sent.
    fn accept_all(&mut self) {
        for order in std::mem::take(&mut self.sink.orders) {
            let kind = match order.action {
                OrderAction::New => ExecutionKind::New,
                OrderAction::Cancel => ExecutionKind::Canceled,
                OrderAction::Status => ExecutionKind::StatusOpen,
                OrderAction::Replace => ExecutionKind::Replaced,
            };
            self.answer(&order, kind);
        }
    }

    fn answer(&mut self, order: &Order, kind: ExecutionKind) {
        self.executions += 1;
        self.execution(&Execution {
            exec_id: self.executions,
            leaves_quantity: 1,
            instrument: 0,
            side: Side::Buy,
            ..Execution::of(0, kind, order.cl_ord_id, NOW)
        });
    }

    /// One turn: how many orders it has sent.
    fn turn(&mut self) -> usize {
        let before = self.sink.orders.len();
        self.controls.turn(&mut self.decide, NOW, &mut self.sink).expect("no journal");
        self.sink.orders.len() - before
    }

    /// What turns decide until they decide nothing.
    fn settle(&mut self) {
        for _ in 0..2 * WAITING_TURNS {
            self.turn();
        }
    }

    fn give(&mut self, command: Command, seen: Seen) {
        let note = Some(OperatorNote::new("test", "test"));
        self.commands.push(Instruction { note, command: Some(command), seen }).expect("room");
        self.kill.ring();
    }

    fn is_blocked(&self, scope: Scope) -> bool {
        self.decide.core().risk().blocks().iter().any(|(blocked, _)| blocked == scope)
    }

    fn decision(&self) -> u64 {
        self.decide.core().decision()
    }
}

const AUTO: SessionRules = SessionRules { loss_ns: 0, resumes: true };

#[test]
fn a_kill_is_swept_turn_by_turn_and_then_costs_nothing() {
    let mut rig = Rig::new(100, AUTO);
    rig.settle();
    let before = rig.decision();
    assert_eq!((rig.turn(), rig.decision()), (0, before), "a quiet turn decides nothing");
    rig.kill.set(KillCause::FeedLost);
    let swept = rig.turn();
    assert!(swept >= 64, "{swept}");
    while rig.turn() > 0 {}
    assert_eq!(rig.sink.orders.len(), 100);
    assert!(rig.sink.orders.iter().all(|order| order.action == OrderAction::Cancel));
    let settled = rig.decision();
    rig.settle();
    assert_eq!(rig.decision(), settled, "nothing is left to sweep");
    rig.accept_all();
    assert_eq!(rig.decide.core().orders().live(), 0);
    assert!(rig.pulse.count() > 500);
    rig.market(Side::Buy, 9_000);
    assert!(rig.sink.orders.is_empty(), "blocked until a person resets it");
    let seen = rig.kill.seen();
    rig.give(Command::Reset { scope: Scope::All }, seen);
    rig.turn();
    assert!(!rig.kill.is_set() && !rig.decide.core().risk().is_killed());
    rig.market(Side::Buy, 9_000);
    assert_eq!(rig.sink.orders.len(), 16);
}

#[test]
fn a_sweep_waits_for_room() {
    let mut rig = Rig::new(100, AUTO);
    rig.settle();
    rig.sink.free = 10;
    rig.kill.set(KillCause::Operator);
    let mut sent = rig.turn();
    assert_eq!(sent, 10);
    let full = rig.decision();
    rig.settle();
    assert_eq!(rig.decision(), full, "no input while there is no room");
    while sent < 100 {
        rig.sink.free = 30;
        let more = rig.turn();
        assert!(more > 0 && more <= 30, "{more}");
        sent += more;
    }
    rig.sink.free = 1_000;
    rig.settle();
    assert_eq!(rig.sink.orders.len(), 100, "each is cancelled once");
}

#[test]
fn a_kill_that_comes_after_the_reset_was_asked_for_stays() {
    let mut rig = Rig::new(1, AUTO);
    rig.kill.set(KillCause::Operator);
    rig.settle();
    let seen = rig.kill.seen();
    rig.kill.set(KillCause::FeedLost);
    rig.give(Command::Reset { scope: Scope::All }, seen);
    rig.settle();
    assert!(rig.kill.is_set() && rig.decide.core().risk().is_killed());
    let seen = rig.kill.seen();
    rig.give(Command::Reset { scope: Scope::All }, seen);
    rig.settle();
    assert!(!rig.kill.is_set() && !rig.decide.core().risk().is_killed());
}

#[test]
fn no_reset_lifts_a_journal_that_has_failed() {
    let mut rig = Rig::new(1, AUTO);
    rig.kill.set(KillCause::Journal);
    rig.settle();
    for _ in 0..3 {
        let seen = rig.kill.seen();
        rig.give(Command::Reset { scope: Scope::All }, seen);
        rig.turn();
        assert!(rig.kill.is_set() && rig.decide.core().risk().is_killed(), "not for one turn");
    }
}

#[test]
fn a_core_that_stops_itself_sets_the_word() {
    let mut rig = Rig::new(100, AUTO);
    rig.settle();
    rig.stray_fill();
    assert!(rig.decide.core().risk().is_killed());
    assert_eq!(rig.kill.cause(), Some(KillCause::UnknownFill), "set before anything else is handed on");
    rig.settle();
    assert_eq!(rig.sink.orders.len(), 100, "its sweep is fed on");
}

impl Rig {
    /// A fill of an order that is not ours.
    fn stray_fill(&mut self) {
        self.executions += 1;
        self.execution(&Execution {
            exec_id: self.executions,
            last_price: 9_000 * TICK,
            last_quantity: 1,
            cumulative_quantity: 1,
            instrument: 0,
            side: Side::Buy,
            ..Execution::of(0, ExecutionKind::Fill, 1, NOW)
        });
    }

    fn lose_session(&mut self) {
        self.sessions.doubted();
        self.sessions.went(0, true);
        self.execution(&in_doubt(0, NOW));
    }
}

#[test]
fn a_lost_session_stops_its_venue_until_nothing_is_in_doubt() {
    let mut rig = Rig::new(3, AUTO);
    let venue = Scope::Venue(0);
    rig.lose_session();
    rig.settle();
    assert!(rig.is_blocked(venue) && !rig.is_blocked(Scope::Venue(1)));
    assert!(!rig.kill.is_set(), "the other venue trades on");
    let asked = std::mem::take(&mut rig.sink.orders);
    assert!(
        asked.iter().all(|order| order.action == OrderAction::Status),
        "no cancel could be sent: {asked:?}"
    );
    // Back, and order entry has said so again; decide has not heard it yet.
    rig.sessions.doubted();
    rig.sessions.came_up(0);
    rig.settle();
    assert!(rig.is_blocked(venue), "a doubt is on its way");
    rig.execution(&in_doubt(0, NOW));
    rig.settle();
    assert!(rig.is_blocked(venue), "three orders are in doubt");
    for order in std::mem::take(&mut rig.sink.orders) {
        rig.answer(&order, ExecutionKind::StatusDone);
    }
    rig.settle();
    assert!(!rig.is_blocked(venue), "the venue has answered");
}

#[test]
fn a_venue_that_a_person_has_stopped_is_left_to_the_person() {
    let venue = Scope::Venue(0);
    let mut rig = Rig::new(0, AUTO);
    let seen = rig.kill.seen();
    rig.give(Command::Kill { scope: venue, cause: KillCause::Operator }, seen);
    rig.settle();
    rig.lose_session();
    rig.settle();
    rig.sessions.came_up(0);
    rig.settle();
    assert!(rig.is_blocked(venue));
    rig.give(Command::Reset { scope: venue }, seen);
    rig.settle();
    assert!(!rig.is_blocked(venue));
    // Lost, and then stopped by a person too.
    rig.lose_session();
    rig.settle();
    rig.give(Command::Kill { scope: venue, cause: KillCause::Operator }, seen);
    rig.sessions.came_up(0);
    rig.settle();
    assert!(rig.is_blocked(venue));
}

#[test]
fn sessions_wait_for_a_person_or_for_their_time() {
    let mut rig = Rig::new(0, SessionRules { loss_ns: 0, resumes: false });
    rig.lose_session();
    rig.settle();
    rig.sessions.came_up(0);
    rig.settle();
    assert!(rig.is_blocked(Scope::Venue(0)), "by hand only");
    let mut rig = Rig::new(0, SessionRules { loss_ns: 1_000, resumes: true });
    rig.lose_session();
    rig.settle();
    assert!(!rig.is_blocked(Scope::Venue(0)), "not so long yet");
    rig.controls.turn(&mut rig.decide, NOW + 1_000, &mut rig.sink).expect("no journal");
    for _ in 0..WAITING_TURNS {
        rig.controls.turn(&mut rig.decide, NOW + 1_000, &mut rig.sink).expect("no journal");
    }
    assert!(rig.is_blocked(Scope::Venue(0)));
}

#[test]
fn what_became_of_a_limit_is_said_and_shown() {
    use crate::pipeline::operator::LimitRule;
    let mut rig = Rig::new(1, AUTO);
    let (commands, queue) = RingBuffer::new(8);
    let (answering, mut answers) = RingBuffer::new(8);
    rig.commands = commands;
    rig.controls = Controls::new(rig.kill.clone()).commanded(queue).answering(answering);
    let change = |version, scope, rule| LimitChange { version, scope, rule, value: 7 };
    let known = change(2, Scope::Instrument(0), LimitRule::OrderQtyMax);
    // The firm has no collar, and there is no second instrument.
    let no_rule = change(3, Scope::All, LimitRule::CollarBp);
    let no_one = change(4, Scope::Instrument(1), LimitRule::OrderQtyMax);
    for change in [known, no_rule, no_one] {
        rig.give(Command::SetLimit(change), rig.kill.seen());
    }
    rig.turn();
    let said: Vec<_> = std::iter::from_fn(|| answers.pop().ok()).collect();
    assert_eq!(said.iter().map(|answer| answer.is_in_force).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(said.iter().map(|answer| answer.change).collect::<Vec<_>>(), [known, no_rule, no_one]);
    assert_eq!(rig.decide.board().limits_version(), 2, "of what the core goes by");
}

#[test]
fn blocks_are_shown_by_scope_until_they_are_lifted() {
    let mut rig = Rig::new(1, AUTO);
    let shown = |rig: &Rig| rig.decide.board().blocks();
    assert_eq!(shown(&rig), []);
    let kill = |scope| Command::Kill { scope, cause: KillCause::Operator };
    let scopes = [Scope::Side(Side::Sell), Scope::Venue(1), Scope::Instrument(0)];
    for scope in scopes {
        rig.give(kill(scope), rig.kill.seen());
    }
    rig.turn();
    assert_eq!(shown(&rig), scopes.map(|scope| (scope, KillCause::Operator)));
    rig.give(Command::Reset { scope: Scope::Venue(1) }, rig.kill.seen());
    rig.turn();
    assert_eq!(shown(&rig).len(), 2);
    rig.sessions.went(0, true);
    rig.turn();
    assert!(shown(&rig).contains(&(Scope::Venue(0), KillCause::SessionLost)), "{:?}", shown(&rig));
    rig.stray_fill();
    assert!(shown(&rig).contains(&(Scope::All, KillCause::UnknownFill)), "{:?}", shown(&rig));
    rig.give(Command::Reset { scope: Scope::All }, rig.kill.seen());
    rig.turn();
    assert!(!shown(&rig).iter().any(|(scope, _)| matches!(scope, Scope::All | Scope::Side(_))));
}

#[test]
fn a_reset_right_behind_a_kill_finds_every_order_cancelled() {
    for is_word in [true, false] {
        let mut rig = Rig::new(100, AUTO);
        rig.settle();
        // Decide is late: both are there when it looks. What is said to everything is a word, the rest a command.
        let scope = if is_word { Scope::All } else { Scope::Instrument(0) };
        if is_word {
            rig.kill.set(KillCause::FeedLost);
        } else {
            rig.give(Command::Kill { scope, cause: KillCause::Operator }, rig.kill.seen());
        }
        rig.give(Command::Reset { scope }, rig.kill.seen());
        rig.settle();
        let cancels = rig.sink.orders.iter().filter(|order| order.action == OrderAction::Cancel).count();
        assert_eq!(cancels, 100, "by word: {is_word}");
        let blocks: Vec<_> = rig.decide.core().risk().blocks().iter().collect();
        assert_eq!((rig.kill.is_set(), blocks), (false, Vec::new()), "by word: {is_word}");
    }
}
