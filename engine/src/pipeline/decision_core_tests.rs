//! The decision core as a whole: what is reserved equals what is open through whole random runs, and each promise of
//! its page once.

use super::*;
use crate::order::{Intent, Order, OrderAction, RejectReason};
use crate::pipeline::draws::Draws;
use crate::pipeline::operator::KillCause;
use crate::pipeline::order_table::LiveOrder;
use crate::pipeline::order_table::OrderState;
use crate::pipeline::risk::{EngineLimits, InstrumentLimits, RiskReasons};
use crate::strategy::INTENTS_MAX;
use feeds::event::{Side, TradingStatus};
use feeds::units::PRICE_NONE;
use kernels::cpu::book::BookConfig;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

const TICK: i64 = 10_000_000;
const INSTRUMENTS: u32 = 2;
const ORDERS_MAX: usize = 200;
const KILL: Command = Command::Kill { scope: Scope::All, cause: KillCause::Operator };

type Script = Box<dyn FnMut(&View<'_>, &mut Intents) + Send>;

/// Does what its closure says, at market events, timers and, where it is asked to, executions.
struct Scripted {
    answers_executions: bool,
    instruments: Vec<u32>,
    calls: Arc<AtomicU64>,
    act: Script,
}

impl Strategy for Scripted {
    fn instruments(&self) -> &[u32] {
        &self.instruments
    }

    fn on_market(&mut self, view: &View<'_>, _: &MarketEvent, intents: &mut Intents) {
        self.calls.fetch_add(1, Relaxed);
        (self.act)(view, intents);
    }

    fn on_execution(
        &mut self,
        view: &View<'_>,
        _: &Execution,
        _: &LiveOrder,
        _: bool,
        intents: &mut Intents,
    ) {
        if self.answers_executions {
            (self.act)(view, intents);
        }
    }

    fn on_timer(&mut self, view: &View<'_>, intents: &mut Intents) {
        (self.act)(view, intents);
    }
}

fn scripted(instruments: &[u32], act: impl FnMut(&View<'_>, &mut Intents) + Send + 'static) -> Scripted {
    let (instruments, calls, act) = (instruments.to_vec(), Arc::default(), Box::new(act));
    Scripted { answers_executions: false, instruments, calls, act }
}

/// A core of two venues and two instruments, fed by hand.
struct Bench {
    core: DecisionCore,
    actions: Actions,
    now_ns: u64,
    next_id: u64,
}

impl Bench {
    fn new(strategies: Vec<Scripted>) -> Self {
        Self::sized(strategies, 100_000)
    }

    /// With so many ClOrdIDs.
    fn sized(strategies: Vec<Scripted>, messages_max: usize) -> Self {
        let books = BookConfig {
            instruments_max: INSTRUMENTS as usize,
            orders_max: 4_000,
            levels_max: 2_000,
            price_tick: 100_000,
        };
        let limits = InstrumentLimits {
            order_qty_max: 1_000,
            order_notional_max: i128::MAX,
            collar_bp: 5_000,
            position_max: 20_000,
            price_tick: TICK,
            ..InstrumentLimits::default()
        };
        let engine =
            EngineLimits { messages_per_s: 1_000_000, messages_burst: 100_000, ..EngineLimits::default() };
        let core = DecisionCore::new(
            CoreSizes {
                date: 20_261_121,
                instruments_max: INSTRUMENTS as usize,
                orders_max: ORDERS_MAX,
                messages_max,
            },
            (0..2).map(|_| VenueBooks::new(books).expect("sizes in range")).collect(),
            Risk::new(engine, vec![limits; INSTRUMENTS as usize]),
            strategies.into_iter().map(|strategy| Box::new(strategy) as Box<dyn Strategy>).collect(),
        );
        let actions = Actions::new(core.actions_max());
        Self { core, actions, now_ns: 1_000_000, next_id: 1 }
    }

    /// With a two-sided market of 100 ticks in every book.
    fn quoted(strategies: Vec<Scripted>) -> Self {
        Self::new(strategies).with_quotes()
    }

    fn with_quotes(self) -> Self {
        let mut bench = self;
        for venue in 0..2 {
            for instrument in 0..INSTRUMENTS {
                bench.add(venue, instrument, Side::Buy, 9_990, 100);
                bench.add(venue, instrument, Side::Sell, 10_010, 100);
            }
        }
        bench
    }

    fn input(&mut self, input: Input<'_>) -> Vec<Order> {
        self.core.on_input(input, &mut NoProbe, &mut self.actions).expect("the event fits its book");
        self.actions.as_slice().iter().map(|order| **order).collect()
    }

    fn event(&mut self, kind: EventKind, venue: u8, instrument: u32, quantity: u64) -> MarketEvent {
        self.next_id += 1;
        MarketEvent {
            exchange_ns: self.now_ns,
            receive_ns: self.now_ns,
            sequence: self.next_id,
            order_id: self.next_id,
            second_id: 0,
            price: PRICE_NONE,
            quantity,
            instrument,
            venue,
            kind,
            side: Side::None,
            flags: flags::LAST_OF_EVENT,
        }
    }

    fn market(&mut self, kind: EventKind, venue: u8, instrument: u32, quantity: u64) -> Vec<Order> {
        let event = self.event(kind, venue, instrument, quantity);
        self.input(Input::Market(&event))
    }

    fn add(&mut self, venue: u8, instrument: u32, side: Side, ticks: i64, quantity: u64) -> Vec<Order> {
        let event = self.event(EventKind::OrderAdd, venue, instrument, quantity);
        self.input(Input::Market(&MarketEvent { side, price: ticks * TICK, ..event }))
    }

    fn timer(&mut self) -> Vec<Order> {
        self.input(Input::Timer { due_ns: self.now_ns })
    }

    fn execution(&self, cl_ord_id: u64, kind: ExecutionKind) -> Execution {
        Execution {
            time_ns: self.now_ns,
            cl_ord_id,
            orig_cl_ord_id: 0,
            exec_id: 0,
            venue_order_id: 0,
            last_price: PRICE_NONE,
            last_quantity: 0,
            leaves_quantity: 0,
            cumulative_quantity: 0,
            instrument: 0,
            venue: self.core.orders().get(cl_ord_id).map_or(0, |order| order.venue),
            kind,
            side: Side::None,
            reason: RejectReason::None,
            exec_ref_id: 0,
        }
    }

    fn answer(&mut self, cl_ord_id: u64, kind: ExecutionKind) -> Vec<Order> {
        let execution = self.execution(cl_ord_id, kind);
        self.input(Input::Execution(&execution))
    }

    fn open(&self) -> Vec<LiveOrder> {
        (0..ORDERS_MAX as u32).filter_map(|slot| self.core.orders().in_slot(slot).copied()).collect()
    }

    /// Risk's books are the order table's.
    fn assert_reserved(&self, place: &str) {
        for instrument in 0..INSTRUMENTS {
            let sum = |side: Side| -> u64 {
                let open = self.open().into_iter();
                open.filter(|order| (order.instrument, order.side) == (instrument, side))
                    .map(|order| order.reserved)
                    .sum()
            };
            let exposure = self.core.risk().exposure(instrument);
            assert_eq!((exposure.open_buy, exposure.open_sell), (sum(Side::Buy), sum(Side::Sell)), "{place}");
        }
    }
}

fn limit(side: Side, ticks: i64, quantity: u64) -> Intent {
    Intent {
        action: OrderAction::New,
        target: 0,
        price: ticks * TICK,
        quantity,
        instrument: 0,
        venue: 0,
        side,
        time_in_force: TimeInForce::Day,
    }
}

/// Sends `count` new orders at its first timer, then nothing.
fn opener(count: usize) -> Scripted {
    let mut left = count;
    scripted(&[], move |_, intents| {
        for _ in 0..left.min(INTENTS_MAX) {
            intents.push(limit(Side::Buy, 9_980, 10));
            left -= 1;
        }
    })
}

/// Anything that the interface allows, sense or not.
fn draw_intents(draws: &mut Draws, view: &View<'_>, intents: &mut Intents) {
    for _ in 0..draws.below(4) {
        let mut intent = limit(
            draws.one_of(&[Side::Buy, Side::Sell]),
            9_900 + draws.below(200) as i64,
            1 + draws.below(300),
        );
        intent.instrument = draws.below(u64::from(INSTRUMENTS)) as u32;
        intent.venue = draws.below(2) as u8;
        intent.time_in_force = draws.one_of(&[TimeInForce::Day, TimeInForce::ImmediateOrCancel]);
        let open = view.open_orders().count() as u64;
        let order = view.open_orders().nth(draws.below(open.max(1)) as usize).copied();
        match (draws.below(8), order) {
            (0..=2, Some(order)) => intents.replace(&order, intent.price, intent.quantity),
            (3, Some(order)) => intents.cancel(&order),
            (4, Some(order)) => intents.push(Intent { target: order.cl_ord_id, ..intent }),
            (5, Some(order)) => {
                // Two messages about one order as a pair: refused, never a panic.
                let replace = |price| Intent {
                    action: OrderAction::Replace,
                    target: order.cl_ord_id,
                    price,
                    instrument: order.instrument,
                    venue: order.venue,
                    side: order.side,
                    ..intent
                };
                intents.push_pair(replace(intent.price), replace(intent.price + TICK));
            }
            (6, _) => intents.push_pair(intent, Intent { side: intent.side.opposite(), venue: 1, ..intent }),
            (7, Some(_)) => {
                let other = Intent { side: intent.side.opposite(), ..intent };
                let more = Intent { quantity: intent.quantity + draws.below(2_000), ..intent };
                intents.push_group(&[intent, other, more, Intent { venue: 1, ..other }]);
            }
            _ => intents.push(intent),
        }
    }
}

fn draw_answer(draws: &mut Draws, bench: &Bench) -> Option<Execution> {
    use ExecutionKind as Kind;
    let open = bench.open();
    let order = open.get(draws.below(open.len().max(1) as u64) as usize)?;
    let kind = match order.state {
        OrderState::PendingNew => {
            draws.one_of(&[Kind::New, Kind::New, Kind::New, Kind::Rejected, Kind::NotSent])
        }
        OrderState::Live => draws.one_of(&[Kind::Fill, Kind::PartialFill, Kind::Canceled, Kind::Expired]),
        OrderState::PendingReplace => draws.one_of(&[
            Kind::Replaced,
            Kind::Replaced,
            Kind::CancelRejected,
            Kind::NotSent,
            Kind::PartialFill,
        ]),
        OrderState::PendingCancel => draws.one_of(&[Kind::Canceled, Kind::CancelRejected, Kind::PartialFill]),
    };
    let about_pending = matches!(kind, Kind::Replaced | Kind::CancelRejected | Kind::NotSent);
    let id = if about_pending && order.pending_id != 0 { order.pending_id } else { order.cl_ord_id };
    let mut answer = bench.execution(id, kind);
    answer.reason = draws.one_of(&[RejectReason::TooLate, RejectReason::UnknownOrder]);
    if matches!(kind, Kind::Fill | Kind::PartialFill) {
        let last = if kind == Kind::Fill { order.leaves() } else { 1 + draws.below(order.leaves()) };
        answer.kind = if last == order.leaves() { Kind::Fill } else { Kind::PartialFill };
        answer.last_quantity = last;
        answer.cumulative_quantity = order.cumulative + last;
    }
    Some(answer)
}

#[test]
fn what_is_reserved_is_what_is_open_through_random_runs() {
    for seed in 0..60 {
        let strategies = (0..3).map(|number: u64| {
            let mut draws = Draws(seed * 10 + number);
            let act = move |view: &View<'_>, intents: &mut Intents| draw_intents(&mut draws, view, intents);
            Scripted { answers_executions: true, ..scripted(&[0, 1], act) }
        });
        let mut bench = Bench::quoted(strategies.collect());
        let mut draws = Draws(seed);
        let mut position = [0i64; INSTRUMENTS as usize];
        let (mut time_ns, mut filled) = (0, 0);
        for step in 0..1_500 {
            let place = format!("seed {seed}, step {step}");
            // Times step back now and then: core time does not.
            bench.now_ns = (bench.now_ns + draws.below(10_000)).saturating_sub(draws.below(2_000));
            let slots = draws.below(30) as usize;
            bench.actions.set_slots(slots, slots.saturating_sub(4));
            let sent = match draws.below(8) {
                0..=3 => {
                    let Some(answer) = draw_answer(&mut draws, &bench) else { continue };
                    let order = *bench.core.orders().get(answer.cl_ord_id).expect("drawn from the open ones");
                    let sign = if order.side == Side::Buy { 1 } else { -1 };
                    position[order.instrument as usize] += sign * answer.last_quantity as i64;
                    filled += answer.last_quantity;
                    bench.input(Input::Execution(&answer))
                }
                4 => bench.timer(),
                _ => {
                    let instrument = draws.below(2) as u32;
                    let venue = draws.below(2) as u8;
                    let side = draws.one_of(&[Side::Buy, Side::Sell]);
                    let ticks = if side == Side::Buy { 9_950 } else { 10_011 } + draws.below(40) as i64;
                    bench.add(venue, instrument, side, ticks, 1 + draws.below(200))
                }
            };
            if step == 1_200 && seed % 3 == 0 {
                let now_ns = bench.now_ns;
                bench.input(Input::Command { time_ns: now_ns, command: KILL });
            }
            assert!(sent.len() <= slots, "{place}: {} orders for {slots} slots", sent.len());
            bench.assert_reserved(&place);
            for (instrument, expected) in (0..).zip(position) {
                assert_eq!(bench.core.risk().exposure(instrument).position, expected, "{place}");
            }
            assert!(bench.core.time_ns() >= time_ns, "{place}: core time went back");
            time_ns = bench.core.time_ns();
        }
        let counters = bench.core.counters();
        assert_eq!((counters.filled_quantity, counters.executions_refused), (filled, 0), "seed {seed}");
        assert!(
            counters.fills > 0 && counters.replaces > 0 && counters.pairs > 0 && counters.cycles > 0,
            "seed {seed}: {counters:?}"
        );
    }
}

#[test]
fn a_kill_cancels_every_order_within_bounded_inputs() {
    let mut bench = Bench::quoted(vec![opener(ORDERS_MAX)]);
    while bench.core.orders().live() < ORDERS_MAX as u32 {
        for order in bench.timer() {
            bench.answer(order.cl_ord_id, ExecutionKind::New);
        }
    }
    let now_ns = bench.now_ns;
    let mut cancels = bench.input(Input::Command { time_ns: now_ns, command: KILL });
    for _ in 0..ORDERS_MAX.div_ceil(SWEEP_MAX) {
        let sent = bench.timer();
        cancels.extend(sent);
    }
    assert!(cancels.iter().all(|order| order.action == OrderAction::Cancel));
    assert_eq!(cancels.len(), ORDERS_MAX, "each open order is cancelled once");
    for cancel in &cancels {
        bench.answer(cancel.cl_ord_id, ExecutionKind::Canceled);
    }
    assert_eq!(bench.core.orders().live(), 0);
    bench.assert_reserved("after the kill");
}

#[test]
fn a_kill_sweep_passes_over_no_order_for_want_of_slots() {
    let mut bench = Bench::quoted(vec![opener(16)]);
    for order in bench.timer() {
        bench.answer(order.cl_ord_id, ExecutionKind::New);
    }
    bench.actions.set_slots(0, 0);
    let now_ns = bench.now_ns;
    assert!(bench.input(Input::Command { time_ns: now_ns, command: KILL }).is_empty());
    assert!(bench.core.counters().intents_dropped > 0, "a replay must know that it was held back");
    bench.actions.set_slots(5, 0);
    let sent: Vec<_> = (0..16).flat_map(|_| bench.timer()).collect();
    assert_eq!(sent.len(), 16);
}

#[test]
fn a_question_about_orders_in_doubt_that_finds_no_slot_is_counted() {
    let mut bench = Bench::quoted(vec![opener(6)]);
    for order in bench.timer() {
        bench.answer(order.cl_ord_id, ExecutionKind::New);
    }
    bench.actions.set_slots(4, 0);
    let mut doubt = bench.execution(0, ExecutionKind::InDoubt);
    doubt.venue = 0;
    let asked = bench.input(Input::Execution(&doubt));
    assert_eq!(asked.len(), 4);
    assert!(bench.core.counters().intents_dropped > 0, "a replay must know that it was held back");
    bench.actions.set_slots(4, 0);
    let dropped = bench.core.counters().intents_dropped;
    let asked = bench.input(Input::Timer { due_ns: bench.now_ns });
    assert_eq!(asked.iter().filter(|order| order.action == OrderAction::Status).count(), 2);
    assert_eq!(bench.core.counters().intents_dropped, dropped, "there was room for the rest");
}

#[test]
fn what_finds_no_slot_is_counted_and_reserves_nothing() {
    let mut bench = Bench::quoted(vec![opener(10)]);
    bench.actions.set_slots(8, 6);
    assert_eq!(bench.timer().len(), 6);
    assert_eq!(bench.core.counters().intents_dropped, 4);
    assert_eq!(bench.core.orders().live(), 6);
    assert_eq!(bench.core.risk().exposure(0).open_buy, 60);
}

#[test]
fn slots_kept_for_cancels_take_cancels() {
    let strategy = scripted(&[], |view, intents| {
        (0..3).for_each(|_| intents.push(limit(Side::Buy, 9_980, 10)));
        view.open_orders().for_each(|order| intents.cancel(order));
    });
    let mut bench = Bench::quoted(vec![strategy]);
    for order in bench.timer() {
        bench.answer(order.cl_ord_id, ExecutionKind::New);
    }
    bench.actions.set_slots(3, 0);
    let sent = bench.timer();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|order| order.action == OrderAction::Cancel));
}

#[test]
fn a_status_of_the_whole_venue_reaches_every_strategy() {
    let strategies: Vec<_> = [vec![0], vec![1], vec![]].iter().map(|on| scripted(on, |_, _| {})).collect();
    let calls: Vec<_> = strategies.iter().map(|strategy| Arc::clone(&strategy.calls)).collect();
    let mut bench = Bench::new(strategies);
    bench.market(EventKind::TradingStatus, 1, INSTRUMENT_ALL, TradingStatus::Closed as u64);
    assert_eq!(calls.iter().map(|calls| calls.load(Relaxed)).collect::<Vec<_>>(), [1, 1, 1]);
    bench.market(EventKind::TradingStatus, 1, 1, TradingStatus::Halted as u64);
    assert_eq!(calls.iter().map(|calls| calls.load(Relaxed)).collect::<Vec<_>>(), [1, 2, 1]);
}

#[test]
fn the_nbbo_follows_halts_closes_and_clears() {
    let seen = Arc::new(Mutex::new([0u8; INSTRUMENTS as usize]));
    let shown = Arc::clone(&seen);
    let watcher = scripted(&[0, 1], move |view, _| {
        let venues = [0, 1].map(|instrument| view.nbbo(instrument).bid_venues);
        *shown.lock().expect("one thread") = venues;
    });
    let mut bench = Bench::quoted(vec![watcher]);
    let seen = || *seen.lock().expect("one thread");
    assert_eq!(seen(), [0b11, 0b11]);
    bench.market(EventKind::TradingStatus, 0, 1, TradingStatus::Halted as u64);
    assert_eq!(seen(), [0b11, 0b10], "a halted instrument leaves the NBBO");
    bench.market(EventKind::TradingStatus, 0, 1, TradingStatus::Trading as u64);
    assert_eq!(seen(), [0b11, 0b11]);
    bench.market(EventKind::TradingStatus, 1, INSTRUMENT_ALL, TradingStatus::Closed as u64);
    assert_eq!(seen(), [0b01, 0b01], "a closed venue leaves every NBBO");
    bench.market(EventKind::TradingStatus, 1, INSTRUMENT_ALL, TradingStatus::Trading as u64);
    assert_eq!(seen(), [0b11, 0b11]);
    bench.market(EventKind::Clear, 0, INSTRUMENT_ALL, 0);
    assert_eq!(seen(), [0b10, 0b10], "a cleared venue leaves every NBBO");
}

#[test]
fn a_fill_that_fits_no_order_stops_trading() {
    let mut bench = Bench::quoted(vec![opener(1)]);
    let stray = bench.execution(20_261_121 * 100_000_000 + 77, ExecutionKind::Canceled);
    bench.input(Input::Execution(&stray));
    assert!(!bench.core.risk().is_killed(), "an answer that is no fill moves no position");
    let stray = Execution { kind: ExecutionKind::Fill, last_quantity: 5, cumulative_quantity: 5, ..stray };
    bench.input(Input::Execution(&stray));
    assert!(bench.core.risk().is_killed());
    assert_eq!((bench.core.counters().executions_refused, bench.core.counters().executions_late), (2, 0));
}

#[test]
fn late_and_repeated_answers_are_counted_apart() {
    let mut bench = Bench::quoted(vec![opener(1)]);
    let order = bench.timer()[0];
    bench.answer(order.cl_ord_id, ExecutionKind::New);
    let part = bench.execution(order.cl_ord_id, ExecutionKind::PartialFill);
    let part = Execution { last_quantity: 4, cumulative_quantity: 4, ..part };
    bench.input(Input::Execution(&part));
    bench.input(Input::Execution(&part));
    bench.answer(order.cl_ord_id, ExecutionKind::Canceled);
    bench.answer(order.cl_ord_id, ExecutionKind::CancelRejected);
    let counters = bench.core.counters();
    assert_eq!((counters.executions_late, counters.executions_refused), (2, 0));
    assert!(!bench.core.risk().is_killed());
    assert_eq!(bench.core.risk().exposure(0).position, 4);
    // A fill of an order that is done is a trade that we do not know of.
    let after = Execution { cumulative_quantity: 10, last_quantity: 6, kind: ExecutionKind::Fill, ..part };
    bench.input(Input::Execution(&after));
    assert!(bench.core.risk().is_killed());
    assert_eq!(bench.core.counters().executions_refused, 1);
}

#[test]
fn both_legs_of_a_pair_or_none() {
    let mut round = 0;
    let strategy = scripted(&[], move |_, intents| {
        round += 1;
        let good = limit(Side::Buy, 9_990, 10);
        let bad = Intent { quantity: 1_000_000, ..good };
        let [first, second] = [[good, bad], [bad, good], [good, good]][(round - 1) % 3];
        intents.push_pair(first, second);
    });
    let mut bench = Bench::quoted(vec![strategy]);
    for _ in 0..2 {
        assert!(bench.timer().is_empty());
        assert_eq!(bench.core.risk().exposure(0).open_buy, 0, "the good leg is taken back");
    }
    let sent = bench.timer();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].cl_ord_id % 100_000_000, 1, "what was taken back used no ClOrdID");
    bench.assert_reserved("after the pair");
}

#[test]
fn all_legs_of_a_cycle_or_none() {
    let mut round = 0;
    let strategy = scripted(&[], move |_, intents| {
        let good = limit(Side::Buy, 9_990, 10);
        let mut legs = [good; 4];
        if round < 4 {
            legs[round] = Intent { quantity: 1_000_000, ..good };
        }
        round += 1;
        intents.push_group(&legs);
        intents.push(good);
    });
    let mut bench = Bench::quoted(vec![strategy]);
    for round in 0..4 {
        let sent = bench.timer();
        assert_eq!(sent.len(), 1, "round {round}: what is behind the cycle leaves alone");
        assert_eq!(bench.core.risk().exposure(0).open_buy, 10 * (round + 1));
        bench.assert_reserved("after a refused leg");
    }
    let sent = bench.timer();
    assert_eq!(sent.len(), 5);
    assert_eq!(sent[0].cl_ord_id % 100_000_000, 5, "what was taken back used no ClOrdID");
    assert_eq!((bench.core.counters().cycles, bench.core.counters().pairs), (1, 0));
    bench.assert_reserved("after the cycle");
}

#[test]
fn a_gap_cancels_what_rests_there_and_prices_nothing_until_the_book_is_current() {
    let keen = |venue: u8| {
        let act = move |view: &View<'_>, intents: &mut Intents| {
            if view.open_orders().next().is_none() {
                intents.push(Intent { venue, ..limit(Side::Buy, 9_980, 10) });
            }
        };
        Scripted { answers_executions: true, ..scripted(&[], act) }
    };
    let mut bench = Bench::quoted(vec![keen(0), keen(1)]);
    let opened = bench.market(EventKind::Trade, 0, INSTRUMENT_ALL, 1);
    assert_eq!(opened.iter().map(|order| order.venue).collect::<Vec<_>>(), [0, 1]);
    for order in &opened {
        bench.answer(order.cl_ord_id, ExecutionKind::New);
    }

    let swept = bench.market(EventKind::Gap, 0, INSTRUMENT_ALL, 7);
    let cancels: Vec<_> = swept.iter().map(|order| (order.action, order.venue)).collect();
    assert_eq!(cancels, [(OrderAction::Cancel, 0)], "the other venue's order stays");
    assert_eq!(bench.core.counters().gaps, 7);
    assert_eq!(bench.core.nbbo.quote(0).bid_venues, 0b10);
    bench.answer(swept[0].cl_ord_id, ExecutionKind::Canceled);
    for _ in 0..5 {
        let asked = bench.market(EventKind::Trade, 1, INSTRUMENT_ALL, 1);
        assert!(asked.is_empty(), "{asked:?}");
    }
    assert!(bench.core.counters().rejects_by_rule[14] >= 5, "the strategy asked, risk refused");

    // What refers to a missing message is left out; what fits is applied; neither reaches a strategy.
    let before = bench.core.counters().risk_rejects;
    let lost = bench.event(EventKind::OrderDelete, 0, 0, 0);
    bench.input(Input::Market(&lost));
    bench.add(0, 0, Side::Buy, 9_995, 10);
    bench.market(EventKind::Trade, 0, INSTRUMENT_ALL, 1);
    let counters = *bench.core.counters();
    assert_eq!((counters.stale_book_errors, counters.stale_events), (1, 2));
    assert_eq!(bench.core.counters().risk_rejects, before);

    let back = bench.market(EventKind::Recovered, 0, INSTRUMENT_ALL, 0);
    assert_eq!(
        back.iter().map(|order| (order.action, order.venue)).collect::<Vec<_>>(),
        [(OrderAction::New, 0)]
    );
    assert_eq!(bench.core.nbbo.quote(0).bid_venues, 0b01, "9,995 of the recovered book is the best");
}

#[test]
fn a_gap_of_one_instrument_leaves_the_others_alone() {
    let mut bench = Bench::quoted(vec![]);
    bench.market(EventKind::Gap, 1, 1, 3);
    let venues = |bench: &Bench| [0, 1].map(|instrument| bench.core.nbbo.quote(instrument).bid_venues);
    assert_eq!(venues(&bench), [0b11, 0b01]);
    bench.market(EventKind::Recovered, 1, 1, 0);
    assert_eq!(venues(&bench), [0b11, 0b11]);
}

#[path = "decision_core/kill_tests.rs"]
mod kill_tests;

#[path = "decision_core/account_tests.rs"]
pub(crate) mod account_tests;
