//! Whatever state the orders are in when everything is stopped: each of them is cancelled, and nothing new leaves.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::pipeline::order_table::Doubt;

/// What an honest venue, or our own order entry, says next about an order; `None` where nothing is asked of it.
fn honest_answer(draws: &mut Draws, bench: &Bench, order: &LiveOrder) -> Option<Execution> {
    use ExecutionKind as Kind;
    if order.doubt == Doubt::Asked {
        let mut answer = bench.execution(order.cl_ord_id, Kind::StatusOpen);
        answer.orig_cl_ord_id = order.request;
        answer.cumulative_quantity = order.cumulative;
        return Some(answer);
    }
    if order.doubt == Doubt::ToAsk {
        return None;
    }
    let (id, kind) = match order.state {
        OrderState::Live => return None,
        // It may still have waited in the order ring.
        OrderState::PendingNew => (order.cl_ord_id, draws.one_of(&[Kind::New, Kind::NotSent])),
        OrderState::PendingReplace => {
            (order.pending_id, draws.one_of(&[Kind::Replaced, Kind::CancelRejected, Kind::NotSent]))
        }
        // The cancel may come to nothing: the send buffer was full, or it met a replace.
        OrderState::PendingCancel => {
            let kinds = [Kind::Canceled, Kind::Canceled, Kind::CancelRejected, Kind::NotSent];
            (order.pending_id, draws.one_of(&kinds))
        }
    };
    let mut answer = bench.execution(id, kind);
    answer.venue = order.venue;
    answer.reason = RejectReason::TooLate;
    Some(answer)
}

/// What the strategies do at a time when everything has been stopped.
type Act = fn(&mut Draws, &View<'_>, &mut Intents);

/// A core with orders in every state, whose strategies go on with `act` once `stopped` is set.
fn traded(seed: u64, stopped: &Arc<AtomicBool>, act: Act) -> (Bench, Draws) {
    let strategies = (0..3).map(|number: u64| {
        let (mut draws, stopped) = (Draws(seed * 10 + number), Arc::clone(stopped));
        let act = move |view: &View<'_>, intents: &mut Intents| {
            let act = if stopped.load(Relaxed) { act } else { draw_intents };
            act(&mut draws, view, intents);
        };
        Scripted { answers_executions: true, ..scripted(&[0, 1], act) }
    });
    let mut bench = Bench::quoted(strategies.collect());
    let mut draws = Draws(seed);
    for _ in 0..200 {
        bench.now_ns += draws.below(10_000);
        bench.actions.set_slots(30, 20);
        if draws.below(3) > 0 {
            bench.timer();
        } else if let Some(answer) = draw_answer(&mut draws, &bench) {
            bench.input(Input::Execution(&answer));
        }
    }
    if seed.is_multiple_of(2) {
        // A session is lost; what the venue is asked depends on the room there is.
        let mut doubt = bench.execution(0, ExecutionKind::InDoubt);
        doubt.venue = 1;
        bench.actions.set_slots(draws.below(8) as usize, 0);
        bench.input(Input::Execution(&doubt));
    }
    assert!(bench.core.orders().live() > 0, "seed {seed}");
    stopped.store(true, Relaxed);
    (bench, draws)
}

/// Answers honestly until no order is open; what was sent.
fn until_none_is_open(bench: &mut Bench, draws: &mut Draws, seed: u64) -> Vec<Order> {
    let (mut sent, mut inputs) = (Vec::new(), 0);
    while bench.core.orders().live() > 0 {
        inputs += 1;
        assert!(inputs < 5_000, "seed {seed}: {:?}", bench.open());
        let slots = draws.below(40) as usize;
        bench.actions.set_slots(slots, slots);
        let open = bench.open();
        let order = open[draws.below(open.len() as u64) as usize];
        sent.extend(match honest_answer(draws, bench, &order) {
            Some(answer) => bench.input(Input::Execution(&answer)),
            None => bench.timer(),
        });
        // What is open and has nothing in flight waits for the next input, and is not forgotten.
        let idle = bench.open().iter().any(|order| !order.is_pending());
        assert!(!idle || bench.core.sweep_is_due(), "seed {seed}, input {inputs}: {:?}", bench.open());
    }
    sent
}

fn command(bench: &mut Bench, draws: &mut Draws, command: Command) -> Vec<Order> {
    let (now_ns, slots) = (bench.now_ns, draws.below(40) as usize);
    bench.actions.set_slots(slots, slots);
    bench.input(Input::Command { time_ns: now_ns, command })
}

fn only_asks(sent: &[Order]) -> bool {
    sent.iter().all(|order| matches!(order.action, OrderAction::Cancel | OrderAction::Status))
}

#[test]
fn orders_in_every_state_are_cancelled() {
    let mut seen = [0u32; 5];
    for seed in 0..40 {
        let (mut bench, mut draws) = traded(seed, &Arc::default(), draw_intents);
        for order in bench.open() {
            let state = if order.doubt == Doubt::None { order.state as usize } else { 0 };
            seen[state] += 1;
        }
        let mut sent = command(&mut bench, &mut draws, KILL);
        sent.extend(until_none_is_open(&mut bench, &mut draws, seed));
        assert!(only_asks(&sent), "seed {seed}: {sent:?}");
        bench.assert_reserved("after the kill");
    }
    assert!(seen.iter().all(|&count| count > 0), "states that no kill has met: {seen:?}");
}

/// Wants other terms for whatever is open.
fn draw_replaces(draws: &mut Draws, view: &View<'_>, intents: &mut Intents) {
    for order in view.open_orders() {
        intents.replace(order, (9_900 + draws.below(200) as i64) * TICK, order.quantity);
    }
}

#[test]
fn a_reset_saves_no_order_that_was_stopped() {
    // This desk's risk knows no strategies by number.
    let resets = [Scope::All, Scope::Side(Side::Buy), Scope::Venue(1), Scope::Instrument(0)];
    let mut late = 0;
    for seed in 0..60 {
        let stopped = Arc::default();
        let (mut bench, mut draws) = traded(seed, &stopped, draw_replaces);
        let scope = resets[seed as usize % resets.len()];
        let kill = Command::Kill { scope, cause: KillCause::Operator };
        let mut sent = command(&mut bench, &mut draws, kill);
        let covers = |order: &LiveOrder| match scope {
            Scope::All => true,
            Scope::Side(side) => order.side == side,
            Scope::Venue(venue) => order.venue == venue,
            Scope::Instrument(instrument) => order.instrument == instrument,
            Scope::Strategy(_) => unreachable!("not among them"),
        };
        late += bench.open().iter().filter(|order| covers(order) && order.is_pending()).count();
        sent.extend(command(&mut bench, &mut draws, Command::Reset { scope }));
        assert!(!bench.core.risk().blocks().any(), "seed {seed}");
        let doomed =
            |bench: &Bench| bench.open().into_iter().filter(|order| order.doomed).collect::<Vec<_>>();
        assert!(bench.open().iter().all(|order| order.doomed == covers(order)), "seed {seed}");
        for input in 0.. {
            let open = doomed(&bench);
            if open.is_empty() {
                break;
            }
            assert!(input < 5_000, "seed {seed}: {open:?}");
            let order = open[draws.below(open.len() as u64) as usize];
            let slots = draws.below(40) as usize;
            bench.actions.set_slots(slots, slots);
            let of_these = match honest_answer(&mut draws, &bench, &order) {
                Some(answer) => bench.input(Input::Execution(&answer)),
                None => bench.timer(),
            };
            sent.extend(
                of_these
                    .into_iter()
                    .filter(|order| covers(bench.core.orders().get(order.cl_ord_id).expect("open"))),
            );
            let idle = doomed(&bench).iter().any(|order| !order.is_pending());
            assert!(!idle || bench.core.sweep_is_due(), "seed {seed}, input {input}");
        }
        assert!(only_asks(&sent), "seed {seed}: {sent:?}");
        bench.assert_reserved("after kill and reset");
    }
    assert!(late > 100, "{late} orders whose answer came after the reset");
}

#[test]
fn an_order_acknowledged_after_the_reset_is_cancelled_and_later_ones_live() {
    let mut bench = Bench::new(vec![opener(2)]).with_quotes();
    let first = bench.timer();
    assert_eq!(first.len(), 2);
    let now_ns = bench.now_ns;
    assert_eq!(
        bench.input(Input::Command { time_ns: now_ns, command: KILL }),
        [],
        "nothing can be asked yet"
    );
    assert_eq!(
        bench.input(Input::Command { time_ns: now_ns, command: Command::Reset { scope: Scope::All } }),
        []
    );
    // What another run would take over knows it too.
    assert!(bench.core.carried([0; 32]).orders.iter().all(|order| order.doomed));
    for order in first {
        let cancels = bench.answer(order.cl_ord_id, ExecutionKind::New);
        assert_eq!(cancels.len(), 1);
        assert_eq!((cancels[0].action, cancels[0].orig_cl_ord_id), (OrderAction::Cancel, order.cl_ord_id));
        // It comes to nothing: once more.
        let again = bench.answer(cancels[0].cl_ord_id, ExecutionKind::NotSent);
        assert_eq!((again.len(), again[0].orig_cl_ord_id), (1, order.cl_ord_id));
        assert_eq!(bench.answer(again[0].cl_ord_id, ExecutionKind::Canceled), []);
    }
    assert_eq!(bench.core.counters().stale_cancels, 0);
}

#[test]
fn the_last_cl_ord_ids_are_kept_for_cancels() {
    let mut bench = Bench::sized(vec![opener(90)], 100).with_quotes();
    for _ in 0..20 {
        for order in bench.timer() {
            bench.answer(order.cl_ord_id, ExecutionKind::New);
        }
    }
    let open = bench.core.orders().live();
    assert!((20..=33).contains(&open), "{open} orders of 100 ClOrdIDs");
    let now_ns = bench.now_ns;
    let mut cancels = bench.input(Input::Command { time_ns: now_ns, command: KILL });
    assert_eq!(cancels.len(), open as usize);
    // Every first cancel comes to nothing.
    let mut again = Vec::new();
    for cancel in cancels.drain(..) {
        again.extend(bench.answer(cancel.cl_ord_id, ExecutionKind::NotSent));
    }
    assert_eq!(again.len(), open as usize);
    for cancel in again {
        bench.answer(cancel.cl_ord_id, ExecutionKind::Canceled);
    }
    assert_eq!(bench.core.orders().live(), 0);
}
