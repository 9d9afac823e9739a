//! Fills by their numbers, busts and corrections, blocks by scope, prices that stop trading: risk and order table as
//! the core joins them.

use super::*;
use crate::pipeline::operator::{LimitChange, LimitRule};

/// A bench whose only strategy says what it is told to, four at a time, once the markets are quoted.
fn bench_of(intents: Vec<Intent>) -> Bench {
    const QUOTES: usize = 8;
    let (mut left, mut calls) = (intents.into_iter(), 0);
    let act = move |_: &View<'_>, wanted: &mut Intents| {
        calls += 1;
        if calls > QUOTES {
            left.by_ref().take(4).for_each(|one| wanted.push(one));
        }
    };
    Bench::quoted(vec![scripted(&[0, 1], act)])
}

fn command(bench: &mut Bench, command: Command) -> Vec<Order> {
    let time_ns = bench.now_ns;
    bench.input(Input::Command { time_ns, command })
}

fn traded(bench: &Bench, order: &Order, exec_id: u64, ticks: i64, last: u64, cumulative: u64) -> Execution {
    let kind = if cumulative == order.quantity { ExecutionKind::Fill } else { ExecutionKind::PartialFill };
    Execution {
        exec_id,
        last_price: ticks * TICK,
        last_quantity: last,
        cumulative_quantity: cumulative,
        leaves_quantity: order.quantity - cumulative,
        ..bench.execution(order.cl_ord_id, kind)
    }
}

#[test]
pub(crate) fn a_fill_is_booked_once_by_its_number() {
    let mut bench = bench_of(vec![limit(Side::Buy, 9_990, 10)]);
    let order = bench.timer()[0];
    bench.answer(order.cl_ord_id, ExecutionKind::New);
    let first = traded(&bench, &order, 5, 9_990, 4, 4);
    bench.input(Input::Execution(&first));
    // Sent again with another CumQty: the same fill all the same.
    let again = Execution { cumulative_quantity: 8, leaves_quantity: 2, ..first };
    bench.input(Input::Execution(&again));
    assert_eq!(bench.core.counters().executions_late, 1);
    let other = Execution { exec_id: 6, ..again };
    bench.input(Input::Execution(&other));
    assert_eq!(bench.core.risk().exposure(0).position, 8);
    assert_eq!(bench.core.risk().account(0).cost, 8 * i128::from(9_990 * TICK));
    bench.assert_reserved("two fills");
}

#[test]
pub(crate) fn a_bust_takes_the_fill_back_and_reserves_what_is_open_again() {
    let mut bench = bench_of(vec![limit(Side::Buy, 9_990, 10)]);
    let order = bench.timer()[0];
    bench.answer(order.cl_ord_id, ExecutionKind::New);
    for (exec_id, last, cumulative) in [(5, 4, 4), (6, 3, 7)] {
        let fill = traded(&bench, &order, exec_id, 9_990, last, cumulative);
        bench.input(Input::Execution(&fill));
    }
    assert_eq!(bench.core.risk().exposure(0), exposure(7, 3));
    let bust = Execution {
        exec_id: 7,
        exec_ref_id: 5,
        cumulative_quantity: 3,
        leaves_quantity: 7,
        ..bench.execution(order.cl_ord_id, ExecutionKind::TradeCancel)
    };
    bench.input(Input::Execution(&bust));
    assert_eq!(bench.core.risk().exposure(0), exposure(3, 7));
    bench.assert_reserved("after the bust");
    assert_eq!(bench.core.risk().account(0).cash, -3 * i128::from(9_990 * TICK));
    bench.input(Input::Execution(&bust));
    assert_eq!(bench.core.counters().executions_late, 1, "a bust is taken once");
    // The venue does not put it back into its book: what is left is what it says.
    let bust = Execution { exec_ref_id: 6, cumulative_quantity: 0, leaves_quantity: 2, ..bust };
    bench.input(Input::Execution(&bust));
    assert_eq!(bench.core.risk().exposure(0), exposure(0, 2));
    bench.assert_reserved("after the second");
    let rest = traded(&bench, &Order { quantity: 2, ..order }, 9, 9_989, 2, 2);
    bench.input(Input::Execution(&rest));
    assert_eq!((bench.core.risk().exposure(0), bench.core.orders().live()), (exposure(2, 0), 0));
}

fn exposure(position: i64, open_buy: u64) -> crate::pipeline::risk::Exposure {
    crate::pipeline::risk::Exposure { position, open_buy, open_sell: 0 }
}

#[test]
pub(crate) fn a_correction_books_the_other_price_and_quantity_also_of_an_order_that_is_done() {
    let mut bench = bench_of(vec![limit(Side::Buy, 9_990, 10)]);
    let order = bench.timer()[0];
    bench.answer(order.cl_ord_id, ExecutionKind::New);
    let fill = traded(&bench, &order, 5, 9_990, 10, 10);
    bench.input(Input::Execution(&fill));
    let correction = Execution {
        exec_id: 6,
        exec_ref_id: 5,
        last_price: 9_980 * TICK,
        last_quantity: 9,
        ..bench.execution(order.cl_ord_id, ExecutionKind::TradeCorrect)
    };
    bench.input(Input::Execution(&correction));
    assert_eq!(bench.core.risk().exposure(0), exposure(9, 0));
    assert_eq!(bench.core.risk().account(0).cost, 9 * i128::from(9_980 * TICK));
    assert!(!bench.core.risk().is_killed());
    // The corrected fill can be busted in its turn, the first one not again.
    let bust = Execution { exec_ref_id: 6, ..bench.execution(order.cl_ord_id, ExecutionKind::TradeCancel) };
    bench.input(Input::Execution(&bust));
    assert_eq!(bench.core.risk().exposure(0), exposure(0, 0));
    let unknown = Execution { exec_ref_id: 77, ..bust };
    bench.input(Input::Execution(&unknown));
    assert_eq!(bench.core.risk().blocks().of_all(), Some(KillCause::UnknownFill));
}

#[test]
pub(crate) fn a_fill_outside_the_limit_stops_everything() {
    for (side, ticks, cause) in [
        (Side::Buy, 9_991, Some(KillCause::FillPrice)),
        (Side::Buy, 9_989, None),
        (Side::Sell, 9_989, Some(KillCause::FillPrice)),
        (Side::Sell, 9_991, None),
    ] {
        let mut bench = bench_of(vec![limit(side, 9_990, 10)]);
        let order = bench.timer()[0];
        bench.answer(order.cl_ord_id, ExecutionKind::New);
        let fill = traded(&bench, &order, 5, ticks, 4, 4);
        bench.input(Input::Execution(&fill));
        assert_eq!(bench.core.risk().blocks().of_all(), cause, "{side:?} at {ticks}");
    }
    let mut bench = bench_of(vec![limit(Side::Buy, 9_990, 10)]);
    let order = bench.timer()[0];
    bench.answer(order.cl_ord_id, ExecutionKind::New);
    let over =
        Execution { last_quantity: 11, cumulative_quantity: 11, ..traded(&bench, &order, 5, 9_990, 10, 10) };
    bench.input(Input::Execution(&over));
    assert_eq!(bench.core.risk().blocks().of_all(), Some(KillCause::Overfill));
}

#[test]
pub(crate) fn our_own_orders_are_never_traded_against_at_the_same_venue() {
    let bid = limit(Side::Buy, 9_995, 10);
    let mut bench = bench_of(vec![
        bid,
        limit(Side::Buy, 9_980, 10),
        Intent { venue: 1, ..limit(Side::Sell, 9_995, 10) },
        limit(Side::Sell, 9_995, 10),
        limit(Side::Sell, 9_996, 10),
        limit(Side::Sell, 9_990, 10),
    ]);
    let sent = bench.timer();
    assert_eq!(sent.len(), 3, "not the sale that our bid could meet");
    let self_trade = RiskReasons::NAMES.iter().position(|name| *name == "SELF_TRADE").expect("a rule");
    assert_eq!(bench.core.counters().rejects_by_rule[self_trade], 1);
    bench.answer(sent[0].cl_ord_id, ExecutionKind::Rejected);
    let sent = bench.timer();
    assert_eq!(sent.len(), 2, "the bid is gone, the one below it does not reach");
}

#[test]
pub(crate) fn a_block_cancels_what_is_in_its_scope_and_nothing_else() {
    let elsewhere = Intent { instrument: 1, ..limit(Side::Buy, 9_980, 10) };
    let mut bench = bench_of(vec![limit(Side::Buy, 9_980, 10), elsewhere, limit(Side::Sell, 10_020, 10)]);
    let sent = bench.timer();
    for order in &sent {
        bench.answer(order.cl_ord_id, ExecutionKind::New);
    }
    let cancels =
        command(&mut bench, Command::Kill { scope: Scope::Instrument(1), cause: KillCause::Operator });
    assert_eq!(cancels.iter().map(|order| order.orig_cl_ord_id).collect::<Vec<_>>(), [sent[1].cl_ord_id]);
    let cancels =
        command(&mut bench, Command::Kill { scope: Scope::Side(Side::Sell), cause: KillCause::Operator });
    assert_eq!(cancels.iter().map(|order| order.orig_cl_ord_id).collect::<Vec<_>>(), [sent[2].cl_ord_id]);
    assert!(!bench.core.risk().is_killed());
    assert!(command(&mut bench, Command::Reset { scope: Scope::All }).is_empty());
    assert!(!bench.core.risk().blocks().any());
}

#[test]
pub(crate) fn an_order_that_is_acknowledged_after_the_kill_is_cancelled_then() {
    let mut bench = bench_of(vec![limit(Side::Buy, 9_980, 10)]);
    let order = bench.timer()[0];
    assert!(command(&mut bench, KILL).is_empty(), "nothing is known of it yet");
    let cancels = bench.answer(order.cl_ord_id, ExecutionKind::New);
    assert_eq!(cancels.len(), 1);
    assert_eq!((cancels[0].action, cancels[0].orig_cl_ord_id), (OrderAction::Cancel, order.cl_ord_id));
    assert!(!bench.core.sweep_is_due());
}

#[test]
pub(crate) fn a_message_without_an_answer_stops_its_instrument_and_is_asked_about() {
    let mut bench = bench_of(vec![limit(Side::Buy, 9_980, 10)]);
    let change = LimitChange { version: 2, scope: Scope::All, rule: LimitRule::AnswerMsMax, value: 5 };
    bench.now_ns += 1_000_000_000;
    let order = bench.timer()[0];
    command(&mut bench, Command::SetLimit(change));
    bench.now_ns += 5_000_000;
    assert!(bench.timer().is_empty() && !bench.core.risk().blocks().any(), "five milliseconds are allowed");
    bench.now_ns += 1;
    let asked = bench.timer();
    assert_eq!(asked.iter().map(|order| order.action).collect::<Vec<_>>(), [OrderAction::Status]);
    assert_eq!(asked[0].cl_ord_id, order.cl_ord_id);
    let blocks: Vec<_> = bench.core.risk().blocks().iter().collect();
    assert_eq!(blocks, [(Scope::Instrument(0), KillCause::Unanswered)]);
}

#[test]
pub(crate) fn the_market_going_against_us_stops_trading() {
    let mut bench = bench_of(vec![limit(Side::Buy, 10_000, 100)]);
    let order = bench.timer()[0];
    bench.answer(order.cl_ord_id, ExecutionKind::New);
    let fill = traded(&bench, &order, 5, 10_000, 100, 100);
    bench.input(Input::Execution(&fill));
    let change = LimitChange { version: 2, scope: Scope::All, rule: LimitRule::DailyLossMax, value: 10 };
    command(&mut bench, Command::SetLimit(change));
    // Offers that pull the mid down: 100 at 10 cents below are 10; a tick more is above it.
    bench.add(0, 0, Side::Sell, 9_991, 10);
    assert!(!bench.core.risk().is_killed(), "the mid is at 99.905");
    for venue in 0..2 {
        let clear = bench.event(EventKind::Clear, venue, 0, 0);
        bench.input(Input::Market(&clear));
    }
    bench.add(0, 0, Side::Buy, 9_980, 10);
    bench.add(0, 0, Side::Sell, 9_999, 10);
    assert_eq!(bench.core.risk().blocks().of_all(), Some(KillCause::DailyLoss));
}
