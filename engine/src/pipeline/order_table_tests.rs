//! The order table against a naive one: a list of orders with every state written out, a map for every ClOrdID.

use super::*;
use crate::order::{Execution, ExecutionKind, RejectReason, TimeInForce};
use crate::pipeline::draws::Draws;
use feeds::event::Side;
use feeds::units::PRICE_NONE;
use std::collections::HashMap;

const DATE: u32 = 20_261_121;
const BASE: u64 = DATE as u64 * 100_000_000;
const ORDERS_MAX: usize = 6;
const MESSAGES_MAX: usize = 300;
const STRATEGIES: u16 = 3;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Pending {
    Nothing,
    New,
    /// With the total that is asked for.
    Replace(ClOrdId, u64),
    Cancel(ClOrdId),
}

#[derive(Clone, Debug)]
struct NaiveOrder {
    id: ClOrdId,
    pending: Pending,
    quantity: u64,
    cumulative: u64,
    strategy: u16,
    open: bool,
}

impl NaiveOrder {
    fn pending_id(&self) -> ClOrdId {
        match self.pending {
            Pending::Nothing | Pending::New => 0,
            Pending::Replace(id, _) | Pending::Cancel(id) => id,
        }
    }

    /// What can still fill under the accepted terms or those in flight, whichever is more.
    fn can_fill(&self) -> u64 {
        let accepted = self.quantity - self.cumulative;
        match self.pending {
            Pending::Replace(_, total) => accepted.max(total.saturating_sub(self.cumulative)),
            _ => accepted,
        }
    }

    fn state(&self) -> OrderState {
        match self.pending {
            Pending::Nothing => OrderState::Live,
            Pending::New => OrderState::PendingNew,
            Pending::Replace(..) => OrderState::PendingReplace,
            Pending::Cancel(_) => OrderState::PendingCancel,
        }
    }
}

#[derive(Default)]
struct Naive {
    orders: Vec<NaiveOrder>,
    /// Every ClOrdID ever used; `None` once nothing can come for it any more.
    ids: HashMap<ClOrdId, Option<usize>>,
}

/// What an execution came to: quantity filled, exposure given back, whether the order is done.
type Effect = (u64, u64, bool);

impl Naive {
    fn open(&self) -> impl Iterator<Item = &NaiveOrder> {
        self.orders.iter().filter(|order| order.open)
    }

    fn enter(&mut self, order: &Order) -> Result<(), OrderTableError> {
        if self.ids.len() == MESSAGES_MAX {
            return Err(OrderTableError::ClOrdIdsExhausted);
        }
        if order.action == OrderAction::New {
            if self.open().count() == ORDERS_MAX {
                return Err(OrderTableError::Full);
            }
            self.ids.insert(order.cl_ord_id, Some(self.orders.len()));
            self.orders.push(NaiveOrder {
                id: order.cl_ord_id,
                pending: Pending::New,
                quantity: order.quantity,
                cumulative: 0,
                strategy: order.strategy,
                open: true,
            });
            return Ok(());
        }
        let Some(&Some(at)) = self.ids.get(&order.orig_cl_ord_id) else {
            return Err(OrderTableError::UnknownClOrdId(order.orig_cl_ord_id));
        };
        let target = &mut self.orders[at];
        if target.pending != Pending::Nothing || target.id != order.orig_cl_ord_id {
            return Err(OrderTableError::Unexpected(order.orig_cl_ord_id));
        }
        target.pending = match order.action {
            OrderAction::Replace => Pending::Replace(order.cl_ord_id, order.quantity),
            _ => Pending::Cancel(order.cl_ord_id),
        };
        self.ids.insert(order.cl_ord_id, Some(at));
        Ok(())
    }

    fn apply(&mut self, execution: &Execution) -> Result<Effect, OrderTableError> {
        use ExecutionKind as Kind;
        let id = execution.cl_ord_id;
        let at = match self.ids.get(&id) {
            None => return Err(OrderTableError::UnknownClOrdId(id)),
            Some(None) => return Err(OrderTableError::AlreadyDone(id)),
            Some(&Some(at)) => at,
        };
        if execution.venue != 0 {
            return Err(OrderTableError::Unexpected(id));
        }
        let before = self.orders[at].clone();
        let order = &mut self.orders[at];
        let is_pending_id = id == before.pending_id();
        let mut filled = 0;
        match execution.kind {
            Kind::Fill | Kind::PartialFill => {
                if execution.cumulative_quantity <= order.cumulative {
                    return Err(OrderTableError::Repeated(id));
                }
                let adds_up = u128::from(order.cumulative) + u128::from(execution.last_quantity)
                    == u128::from(execution.cumulative_quantity);
                let fits = match execution.kind {
                    Kind::Fill => execution.cumulative_quantity <= order.quantity,
                    _ => execution.cumulative_quantity < order.quantity,
                };
                if !adds_up || !fits {
                    return Err(OrderTableError::Overfill(id));
                }
                filled = execution.last_quantity;
                order.cumulative = execution.cumulative_quantity;
                if order.pending == Pending::New {
                    order.pending = Pending::Nothing;
                }
                order.open = execution.kind == Kind::PartialFill;
            }
            Kind::New if order.pending == Pending::New => order.pending = Pending::Nothing,
            Kind::Rejected if id != order.id => return Err(OrderTableError::Unexpected(id)),
            Kind::Canceled | Kind::Expired | Kind::Rejected => {
                let total = match order.pending {
                    Pending::Replace(_, total) => order.quantity.max(total),
                    _ => order.quantity,
                };
                if execution.cumulative_quantity > total {
                    return Err(OrderTableError::Overfill(id));
                }
                filled = execution.cumulative_quantity.saturating_sub(order.cumulative);
                order.open = false;
            }
            Kind::NotSent if order.pending == Pending::New => order.open = false,
            Kind::CancelRejected if is_pending_id && execution.reason == RejectReason::UnknownOrder => {
                order.open = false;
            }
            Kind::CancelRejected | Kind::NotSent if is_pending_id => {
                order.pending = Pending::Nothing;
                self.ids.insert(id, None);
            }
            Kind::Replaced => match order.pending {
                Pending::Replace(new_id, total) if new_id == id => {
                    self.ids.insert(order.id, None);
                    order.id = id;
                    order.pending = Pending::Nothing;
                    order.quantity = total.max(order.cumulative);
                    order.open = total > order.cumulative;
                }
                _ => return Err(OrderTableError::Unexpected(id)),
            },
            _ => return Err(OrderTableError::Unexpected(id)),
        }
        let order = &self.orders[at];
        let (held, open) = (if order.open { order.can_fill() } else { 0 }, order.open);
        if !open {
            for place in self.ids.values_mut().filter(|place| **place == Some(at)) {
                *place = None;
            }
        }
        Ok((filled, before.can_fill() - held, !open))
    }

    fn assert_is(&self, table: &OrderTable) {
        assert_eq!(table.live() as usize, self.open().count());
        assert_eq!(table.room() as usize, ORDERS_MAX - self.open().count());
        for strategy in 0..STRATEGIES {
            let listed: Vec<_> = table.of_strategy(strategy).map(|order| order.cl_ord_id).collect();
            let owned = self.open().filter(|order| order.strategy == strategy);
            let mut owned: Vec<_> = owned.map(|order| order.id).collect();
            owned.reverse();
            assert_eq!(listed, owned, "orders of strategy {strategy}, newest first");
        }
        for (&id, place) in &self.ids {
            let Some(order) = place.map(|at| &self.orders[at]) else {
                assert_eq!(table.get(id), None, "{id} is done");
                continue;
            };
            let held = table.get(id).expect("an open order is found by each of its ids");
            assert_eq!((held.cl_ord_id, held.pending_id), (order.id, order.pending_id()));
            assert_eq!((held.quantity, held.cumulative), (order.quantity, order.cumulative));
            assert_eq!((held.state, held.strategy), (order.state(), order.strategy));
            assert_eq!(held.reserved, order.can_fill(), "reserved is what can still fill");
        }
        let slots = (0..ORDERS_MAX as u32).filter(|&slot| table.in_slot(slot).is_some()).count();
        assert_eq!(slots, self.open().count());
    }
}

fn order(cl_ord_id: ClOrdId, action: OrderAction, orig_cl_ord_id: ClOrdId, quantity: u64) -> Order {
    Order {
        decision: 1,
        time_ns: 1,
        cl_ord_id,
        orig_cl_ord_id,
        price: 1,
        quantity,
        instrument: 0,
        venue: 0,
        action,
        side: Side::Buy,
        time_in_force: TimeInForce::Day,
        strategy: 0,
        sells_short: false,
        reserved: [0; 5],
    }
}

fn execution(cl_ord_id: ClOrdId, kind: ExecutionKind) -> Execution {
    Execution {
        time_ns: 1,
        cl_ord_id,
        orig_cl_ord_id: 0,
        exec_id: 1,
        venue_order_id: 0,
        last_price: PRICE_NONE,
        last_quantity: 0,
        leaves_quantity: 0,
        cumulative_quantity: 0,
        instrument: 0,
        venue: 0,
        kind,
        side: Side::Buy,
        reason: RejectReason::None,
        exec_ref_id: 0,
    }
}

fn fill(cl_ord_id: ClOrdId, kind: ExecutionKind, last: u64, cumulative: u64) -> Execution {
    Execution { last_quantity: last, cumulative_quantity: cumulative, ..execution(cl_ord_id, kind) }
}

/// An id that was used lately, at any time, or never.
fn draw_id(draws: &mut Draws, naive: &Naive) -> ClOrdId {
    let used = naive.ids.len() as u64;
    match draws.below(12) {
        0 => draws.one_of(&[0, 1, BASE, BASE + used + 1, BASE + 99_999_999, u64::MAX]),
        1 => BASE + 1 + draws.below(used.max(1)),
        _ => BASE + used.saturating_sub(draws.below(10)).max(1),
    }
}

fn draw_message(draws: &mut Draws, naive: &Naive, table: &OrderTable) -> (Order, u64) {
    let action = draws.one_of(&[OrderAction::New, OrderAction::Replace, OrderAction::Cancel]);
    let target = if action == OrderAction::New { 0 } else { draw_id(draws, naive) };
    let next = table.cl_ord_id_after(0).unwrap_or(BASE + MESSAGES_MAX as u64 + 1);
    let mut message = order(next, action, target, 1 + draws.below(300));
    message.strategy = draws.below(u64::from(STRATEGIES)) as u16;
    let held = table.get(target).map_or((0, 0), |order| (order.reserved, order.cumulative));
    let reserved = match action {
        OrderAction::Cancel => held.0,
        _ => message.quantity.saturating_sub(held.1).max(held.0),
    };
    (message, reserved)
}

fn draw_execution(draws: &mut Draws, naive: &Naive, table: &OrderTable) -> Execution {
    use ExecutionKind as Kind;
    let id = draw_id(draws, naive);
    let kinds = [
        Kind::New,
        Kind::New,
        Kind::PartialFill,
        Kind::PartialFill,
        Kind::Fill,
        Kind::Canceled,
        Kind::Replaced,
        Kind::Replaced,
        Kind::Rejected,
        Kind::CancelRejected,
        Kind::Expired,
        Kind::NotSent,
    ];
    let kind = draws.one_of(&kinds);
    let mut answer = execution(id, kind);
    if matches!(kind, Kind::Fill | Kind::PartialFill) {
        let (cumulative, leaves) = table.get(id).map_or((0, 1), |order| (order.cumulative, order.leaves()));
        let last = if kind == Kind::Fill { leaves } else { draws.below(leaves.max(1) + 1) };
        // Mostly right; at times repeated, overfilling or not adding up.
        let (last, cumulative) = match draws.below(12) {
            0 => (last, cumulative),
            1 => (last + 1, cumulative + last + 1),
            2 => (last, cumulative + last + 1),
            3 => (u64::MAX, u64::MAX),
            4 => (u64::MAX, cumulative),
            _ => (last, cumulative + last),
        };
        answer = fill(id, kind, last, cumulative);
    }
    if matches!(kind, Kind::Canceled | Kind::Expired | Kind::Rejected) && draws.once_in(2) {
        // The last CumQty: as known, or with fills of which no report came, or more than there can be.
        let (cumulative, leaves) = table.get(id).map_or((0, 1), |order| (order.cumulative, order.leaves()));
        answer.cumulative_quantity = cumulative + draws.below(2 * leaves + 2);
    }
    if kind == Kind::CancelRejected {
        answer.reason = draws.one_of(&[RejectReason::TooLate, RejectReason::UnknownOrder]);
    }
    answer.venue = u8::from(draws.once_in(50));
    answer
}

#[test]
fn equals_a_naive_table_step_by_step() {
    for seed in 0..400 {
        let mut draws = Draws(seed);
        let mut table = OrderTable::new(DATE, ORDERS_MAX, MESSAGES_MAX, usize::from(STRATEGIES), 8);
        let mut naive = Naive::default();
        for step in 0..1_500 {
            let place = format!("seed {seed}, step {step}");
            if draws.once_in(3) {
                let (message, reserved) = draw_message(&mut draws, &naive, &table);
                assert_eq!(table.enter(&message, reserved), naive.enter(&message), "{place}: {message:?}");
            } else {
                let answer = draw_execution(&mut draws, &naive, &table);
                let effect = table.apply(&answer).map(|done| (done.filled, done.released, done.closed));
                assert_eq!(effect, naive.apply(&answer), "{place}: {answer:?}");
            }
            naive.assert_is(&table);
            if draws.once_in(300) {
                naive.assert_is(&resumed(&table));
            }
        }
    }
}

/// A table that takes over what `table` holds.
fn resumed(table: &OrderTable) -> OrderTable {
    let carried = carried(table);
    let mut next = OrderTable::new(DATE, ORDERS_MAX, MESSAGES_MAX, usize::from(STRATEGIES), 8);
    next.resume(&carried).expect("room");
    assert_eq!(next.cl_ord_id_after(0), table.cl_ord_id_after(0));
    assert_eq!((next.live(), next.in_doubt(), next.to_ask()), (table.live(), carried.orders.len(), 0));
    next
}

fn carried(table: &OrderTable) -> CarriedState {
    let (orders, next_counter) = (table.open_orders(), table.next_counter());
    CarriedState { orders, next_counter, ..CarriedState::default() }
}

#[test]
fn what_cannot_be_taken_over_is_refused() {
    let good = carried(&accepted());
    let refused = |carried: &CarriedState| {
        OrderTable::new(DATE, 2, 100, 1, 8).resume(carried).expect_err("more than there can be")
    };
    let order = good.orders[0];
    let no_room = |what| ResumeError::NoRoom { what };
    let with = |orders: Vec<LiveOrder>| CarriedState { orders, next_counter: 50, ..CarriedState::default() };
    let numbered = |counter: u64| LiveOrder { cl_ord_id: BASE + counter, ..order };
    assert_eq!(
        refused(&CarriedState { next_counter: 102, ..good.clone() }),
        no_room("ClOrdIDs (messages_max)")
    );
    assert_eq!(refused(&CarriedState::default()), no_room("ClOrdIDs (messages_max)"));
    let three = vec![numbered(1), numbered(2), numbered(3)];
    assert_eq!(refused(&with(three)), no_room("open orders (open_orders_max)"));
    assert_eq!(refused(&with(vec![LiveOrder { strategy: 1, ..order }])), no_room("strategies"));
    for wrong in [
        numbered(0),
        numbered(50),
        LiveOrder { cl_ord_id: 1, ..order },
        LiveOrder { cl_ord_id: 0, ..order },
        LiveOrder { pending_id: BASE + 2, ..order },
        LiveOrder { pending_id: BASE + 1, state: OrderState::PendingCancel, ..order },
        LiveOrder { pending_id: 7, state: OrderState::PendingCancel, ..order },
        LiveOrder { state: OrderState::PendingReplace, ..order },
        LiveOrder { cumulative: order.quantity + 1, ..order },
        LiveOrder { reserved: order.quantity - 1, ..order },
        LiveOrder { side: Side::None, ..order },
    ] {
        let error = ResumeError::Order { cl_ord_id: wrong.cl_ord_id };
        assert_eq!(refused(&with(vec![wrong])), error, "{wrong:?}");
    }
    assert_eq!(refused(&with(vec![order, order])), ResumeError::Order { cl_ord_id: order.cl_ord_id });
}

#[test]
fn of_an_order_in_doubt_a_fill_says_what_was_missed() {
    let missed = fill(BASE + 1, ExecutionKind::PartialFill, 10, 40);
    assert_eq!(accepted().apply(&missed), Err(OrderTableError::Overfill(BASE + 1)), "without a doubt");
    let mut table = accepted();
    table.doubt(0);
    let done = table.apply(&missed).expect("30 were missed");
    assert_eq!((done.filled, done.released, done.closed, done.order.reserved), (40, 40, false, 60));
    let last = table.apply(&fill(BASE + 1, ExecutionKind::Fill, 5, 100)).expect("55 were missed");
    assert_eq!((last.filled, last.released, last.closed), (60, 60, true));
}

#[test]
fn of_a_replace_in_doubt_a_fill_under_its_id_says_that_it_was_accepted() {
    let replaced = |quantity: u64| {
        let mut table = accepted();
        let reserved = quantity.max(100);
        table
            .enter(&order(BASE + 2, OrderAction::Replace, BASE + 1, quantity), reserved)
            .expect("a live target");
        table
    };
    let filled = fill(BASE + 2, ExecutionKind::PartialFill, 120, 120);
    assert_eq!(replaced(150).apply(&filled), Err(OrderTableError::Overfill(BASE + 2)), "without a doubt");
    let mut table = replaced(150);
    table.doubt(0);
    let effect = table.apply(&filled).expect("within the new terms");
    assert_eq!((effect.filled, effect.released, effect.closed), (120, 120, false));
    let order = *table.get(BASE + 2).expect("open");
    assert_eq!((order.cl_ord_id, order.pending_id, order.quantity, order.reserved), (BASE + 2, 0, 150, 30));
    assert_eq!(
        table.apply(&execution(BASE + 1, ExecutionKind::Canceled)),
        Err(OrderTableError::AlreadyDone(BASE + 1))
    );
    let rest = table.apply(&fill(BASE + 2, ExecutionKind::Fill, 30, 150)).expect("the rest");
    assert_eq!((rest.filled, rest.released, rest.closed, table.live()), (30, 30, true, 0));

    let mut smaller = replaced(40);
    smaller.doubt(0);
    let last = smaller.apply(&fill(BASE + 2, ExecutionKind::Fill, 40, 40)).expect("all of the new terms");
    assert_eq!((last.filled, last.released, last.closed), (40, 100, true));
    let mut over = replaced(40);
    over.doubt(0);
    assert_eq!(
        over.apply(&fill(BASE + 2, ExecutionKind::Fill, 41, 41)),
        Err(OrderTableError::Overfill(BASE + 2))
    );
}

/// A table with one accepted order of 100 under id `BASE + 1`.
fn accepted() -> OrderTable {
    let mut table = OrderTable::new(DATE, 4, 100, 1, 8);
    table.enter(&order(BASE + 1, OrderAction::New, 0, 100), 100).expect("room");
    table.apply(&execution(BASE + 1, ExecutionKind::New)).expect("pending new");
    table
}

#[test]
fn a_cancel_that_crosses_the_last_fill_is_already_done() {
    let mut table = accepted();
    table.enter(&order(BASE + 2, OrderAction::Cancel, BASE + 1, 100), 100).expect("live");
    let filled = table.apply(&fill(BASE + 1, ExecutionKind::Fill, 100, 100)).expect("fills the old terms");
    assert_eq!((filled.released, filled.closed), (100, true));
    let late =
        Execution { reason: RejectReason::TooLate, ..execution(BASE + 2, ExecutionKind::CancelRejected) };
    assert_eq!(table.apply(&late), Err(OrderTableError::AlreadyDone(BASE + 2)));
    assert_eq!(table.live(), 0);
}

#[test]
fn a_replace_below_what_has_filled_meanwhile_ends_the_order() {
    // Venues answer either way: Canceled under the new id, or Replaced with nothing left.
    for answer in [ExecutionKind::Canceled, ExecutionKind::Replaced] {
        for filled in [60, 70] {
            let mut table = accepted();
            table.enter(&order(BASE + 2, OrderAction::Replace, BASE + 1, 60), 100).expect("live");
            table.apply(&fill(BASE + 1, ExecutionKind::PartialFill, filled, filled)).expect("fills");
            let done = table.apply(&execution(BASE + 2, answer)).expect("ends the order");
            assert!(done.closed, "{answer:?} after {filled}");
            assert_eq!(done.released, 100 - filled);
            assert_eq!((table.live(), table.get(BASE + 1), table.get(BASE + 2)), (0, None, None));
        }
    }
}

#[test]
fn an_unasked_cancel_ends_a_replace_in_flight() {
    let mut table = accepted();
    table.enter(&order(BASE + 2, OrderAction::Replace, BASE + 1, 300), 300).expect("live");
    let done = table.apply(&execution(BASE + 1, ExecutionKind::Canceled)).expect("any state");
    assert_eq!((done.released, done.closed), (300, true), "the pending terms are released too");
    let late = execution(BASE + 2, ExecutionKind::CancelRejected);
    assert_eq!(table.apply(&late), Err(OrderTableError::AlreadyDone(BASE + 2)));
}

#[test]
fn an_order_can_be_rejected_after_it_was_acknowledged() {
    let mut table = accepted();
    let done = table.apply(&execution(BASE + 1, ExecutionKind::Rejected)).expect("FIX 4.4, OrdStatus 8");
    assert_eq!((done.released, done.closed, table.live()), (100, true, 0));
}

#[test]
fn another_venues_answer_changes_nothing() {
    let mut table = accepted();
    let foreign = Execution { venue: 1, ..fill(BASE + 1, ExecutionKind::Fill, 100, 100) };
    assert_eq!(table.apply(&foreign), Err(OrderTableError::Unexpected(BASE + 1)));
    assert_eq!(table.get(BASE + 1).map(|order| order.reserved), Some(100));
}
