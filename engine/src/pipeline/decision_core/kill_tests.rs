//! Whatever state the orders are in when everything is stopped: each of them is cancelled, and nothing new leaves.

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

#[test]
fn orders_in_every_state_are_cancelled() {
    let mut seen = [0u32; 5];
    for seed in 0..40 {
        let strategies = (0..3).map(|number: u64| {
            let mut draws = Draws(seed * 10 + number);
            let act = move |view: &View<'_>, intents: &mut Intents| draw_intents(&mut draws, view, intents);
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
        if seed % 2 == 0 {
            // A session is lost; what the venue is asked depends on the room there is.
            let mut doubt = bench.execution(0, ExecutionKind::InDoubt);
            doubt.venue = 1;
            bench.actions.set_slots(draws.below(8) as usize, 0);
            bench.input(Input::Execution(&doubt));
        }
        for order in bench.open() {
            let state = if order.doubt == Doubt::None { order.state as usize } else { 0 };
            seen[state] += 1;
        }
        assert!(bench.core.orders().live() > 0, "seed {seed}");
        let now_ns = bench.now_ns;
        bench.actions.set_slots(draws.below(40) as usize, 0);
        let mut sent = bench.input(Input::Command { time_ns: now_ns, command: KILL });
        let mut inputs = 0;
        while bench.core.orders().live() > 0 {
            inputs += 1;
            assert!(inputs < 5_000, "seed {seed}: {:?}", bench.open());
            bench.actions.set_slots(draws.below(40) as usize, 0);
            let open = bench.open();
            let order = open[draws.below(open.len() as u64) as usize];
            sent.extend(match honest_answer(&mut draws, &bench, &order) {
                Some(answer) => bench.input(Input::Execution(&answer)),
                None => bench.timer(),
            });
            // What is open and has nothing in flight waits for the next input, and is not forgotten.
            let idle = bench.open().iter().any(|order| !order.is_pending());
            assert!(!idle || bench.core.sweep_is_due(), "seed {seed}, input {inputs}: {:?}", bench.open());
        }
        let asks = |order: &Order| matches!(order.action, OrderAction::Cancel | OrderAction::Status);
        assert!(sent.iter().all(asks), "seed {seed}: {sent:?}");
        bench.assert_reserved("after the kill");
    }
    assert!(seen.iter().all(|&count| count > 0), "states that no kill has met: {seen:?}");
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
