use super::*;
use crate::order::TimeInForce;
use crate::ouch::messages::{AccountQueryResponse, SystemEvent};

const DATE: u32 = 20_120_621;
const BASE: u64 = 2_012_062_100_000_000;

/// What a test looks at: kind, ClOrdID and OrigClOrdID as counters, last, leaves, cumulative.
type Seen = (ExecutionKind, u64, u64, u64, u64, u64);

struct Venue {
    ledger: Ledger,
}

impl Venue {
    fn new() -> Self {
        Self { ledger: Ledger::new(3, DATE, 99) }
    }

    fn send(&mut self, action: OrderAction, own: u64, about: u64, quantity: u64) {
        let order = Order {
            decision: 0,
            time_ns: 0,
            cl_ord_id: BASE + own,
            orig_cl_ord_id: if about == 0 { 0 } else { BASE + about },
            price: 0,
            quantity,
            instrument: 0,
            venue: 3,
            action,
            side: Side::Sell,
            time_in_force: TimeInForce::Day,
            strategy: 0,
            sells_short: false,
            reserved: [0; 5],
        };
        assert!(self.ledger.can_send(&order));
        self.ledger.sent(&order);
        assert!(!self.ledger.can_send(&order), "its number is used");
    }

    fn enter(quantity: u64) -> Self {
        let mut venue = Self::new();
        venue.send(OrderAction::New, 1, 0, quantity);
        assert_eq!(venue.says(accepted(1, b'L')), [(ExecutionKind::New, 1, 0, 0, quantity, 0)]);
        venue
    }

    fn says(&mut self, message: VenueMessage) -> Vec<Seen> {
        self.try_says(message).unwrap()
    }

    fn try_says(&mut self, message: VenueMessage) -> Result<Vec<Seen>, DecodeError> {
        let mut seen = Vec::new();
        self.ledger.apply(&message, 99, &mut |execution| {
            assert_eq!((execution.time_ns, execution.venue, execution.side), (99, 3, Side::Sell));
            seen.push(see(&execution));
        })?;
        Ok(seen)
    }

    fn settles(&mut self, about: u64) -> Seen {
        see(&self.ledger.settle(BASE + about, 99))
    }
}

fn see(execution: &Execution) -> Seen {
    (
        execution.kind,
        execution.cl_ord_id - BASE,
        execution.orig_cl_ord_id.saturating_sub(BASE),
        execution.last_quantity,
        execution.leaves_quantity,
        execution.cumulative_quantity,
    )
}

fn accepted(user_ref_num: u32, order_state: u8) -> VenueMessage {
    VenueMessage::OrderAccepted(OrderAccepted {
        time_ns: 1,
        user_ref_num,
        side: b'S',
        quantity: 100,
        symbol: *b"GOOG    ",
        price: 1,
        time_in_force: b'0',
        display: b'Y',
        order_reference_number: 77,
        capacity: b'P',
        sweep: b'N',
        cross_type: b'N',
        order_state,
        cl_ord_id: [b' '; 14],
    })
}

fn replaced(orig_user_ref_num: u32, user_ref_num: u32, quantity: u32) -> VenueMessage {
    VenueMessage::OrderReplaced(OrderReplaced {
        time_ns: 1,
        orig_user_ref_num,
        user_ref_num,
        side: b'S',
        quantity,
        symbol: *b"GOOG    ",
        price: 1,
        time_in_force: b'0',
        display: b'Y',
        order_reference_number: 78,
        capacity: b'P',
        sweep: b'N',
        cross_type: b'N',
        order_state: b'L',
        cl_ord_id: [b' '; 14],
    })
}

fn executed(user_ref_num: u32, quantity: u32) -> VenueMessage {
    matched(user_ref_num, quantity, 12)
}

fn matched(user_ref_num: u32, quantity: u32, match_number: u64) -> VenueMessage {
    let price = 1_874_500;
    VenueMessage::OrderExecuted(OrderExecuted {
        time_ns: 1,
        user_ref_num,
        quantity,
        price,
        liquidity_flag: b'A',
        match_number,
    })
}

fn broken(user_ref_num: u32, match_number: u64) -> VenueMessage {
    let (reason, cl_ord_id) = (b'E', [b' '; 14]);
    VenueMessage::BrokenTrade(BrokenTrade { time_ns: 1, user_ref_num, match_number, reason, cl_ord_id })
}

fn canceled(user_ref_num: u32, quantity: u32, reason: u8) -> VenueMessage {
    VenueMessage::OrderCanceled(OrderCanceled { time_ns: 1, user_ref_num, quantity, reason })
}

fn rejected(user_ref_num: u32, reason: u16) -> VenueMessage {
    VenueMessage::OrderRejected(OrderRejected { time_ns: 1, user_ref_num, reason, cl_ord_id: [b' '; 14] })
}

use ExecutionKind::{
    CancelRejected, Canceled, Expired, Fill, New, PartialFill, Rejected, Replaced, TradeCancel,
};

#[test]
fn fills_add_up_and_carry_price_and_match_number() {
    let mut venue = Venue::enter(100);
    assert_eq!(venue.says(executed(1, 30)), [(PartialFill, 1, 0, 30, 70, 30)]);
    let mut last = None;
    venue.ledger.apply(&executed(1, 70), 99, &mut |execution| last = Some(execution)).unwrap();
    let last = last.unwrap();
    assert_eq!(see(&last), (Fill, 1, 0, 70, 0, 100));
    assert_eq!((last.last_price, last.exec_id, last.venue_order_id), (187_450_000_000, 12, 0));
    // One share too many is passed on: the order table stops at it.
    assert_eq!(venue.says(executed(1, 1)), [(Fill, 1, 0, 1, 0, 101)]);
}

#[test]
fn a_replace_takes_what_has_filled_along() {
    let mut venue = Venue::enter(100);
    venue.send(OrderAction::Replace, 2, 1, 150);
    // Filled while the replace was under way: under the old number.
    assert_eq!(venue.says(executed(1, 40)), [(PartialFill, 1, 0, 40, 60, 40)]);
    assert_eq!(venue.says(replaced(1, 2, 110)), [(Replaced, 2, 1, 0, 110, 40)]);
    assert_eq!(venue.says(executed(2, 10)), [(PartialFill, 2, 0, 10, 100, 50)]);
    assert_eq!(
        venue.try_says(executed(1, 10)),
        Err(DecodeError::Unexpected { message_type: b'E', user_ref_num: 1 })
    );
    venue.send(OrderAction::Replace, 3, 2, 120);
    assert_eq!(venue.says(rejected(3, reasons::reject::HALTED)), [(CancelRejected, 3, 2, 0, 0, 0)]);
    assert_eq!(venue.says(executed(2, 100)), [(Fill, 2, 0, 100, 0, 150)]);
}

#[test]
fn a_cancel_is_answered_under_its_own_id() {
    let mut venue = Venue::enter(100);
    venue.send(OrderAction::Cancel, 2, 1, 0);
    assert_eq!(venue.says(executed(1, 40)), [(PartialFill, 1, 0, 40, 60, 40)]);
    assert_eq!(venue.says(canceled(1, 60, b'U')), [(Canceled, 2, 1, 0, 0, 40)]);
    // Not asked for: under the order's.
    let mut venue = Venue::enter(100);
    venue.send(OrderAction::Cancel, 2, 1, 0);
    assert_eq!(venue.says(canceled(1, 100, b'S')), [(Canceled, 1, 0, 0, 0, 0)]);
    assert_eq!(venue.says(canceled(1, 100, b'U')), [], "nothing is left to cancel");
    let mut venue = Venue::enter(100);
    assert_eq!(venue.says(canceled(1, 100, b'T')), [(Expired, 1, 0, 0, 0, 0)]);
    // A replace to no more than has filled.
    let mut venue = Venue::enter(100);
    venue.says(executed(1, 40));
    venue.send(OrderAction::Replace, 2, 1, 40);
    assert_eq!(venue.says(canceled(1, 60, b'U')), [(Canceled, 2, 1, 0, 0, 40)]);
    // Refused: the order lives on, and can be cancelled again.
    let mut venue = Venue::enter(100);
    venue.send(OrderAction::Cancel, 2, 1, 0);
    let reject = VenueMessage::CancelReject(CancelReject { time_ns: 1, user_ref_num: 1 });
    assert_eq!(venue.says(reject), [(CancelRejected, 2, 1, 0, 0, 0)]);
    assert_eq!(venue.try_says(reject), Err(DecodeError::Unexpected { message_type: b'I', user_ref_num: 1 }));
    venue.send(OrderAction::Cancel, 3, 1, 0);
    assert_eq!(venue.says(canceled(1, 100, b'U')), [(Canceled, 3, 1, 0, 0, 0)]);
}

#[test]
fn an_order_may_be_done_when_it_is_accepted_and_rejected_ones_are() {
    let mut venue = Venue::new();
    venue.send(OrderAction::New, 1, 0, 100);
    assert_eq!(venue.says(accepted(1, b'D')), [(New, 1, 0, 0, 100, 0), (Canceled, 1, 0, 0, 0, 0)]);
    assert_eq!(venue.says(canceled(1, 100, b'I')), []);
    venue.send(OrderAction::New, 2, 0, 100);
    let mut reason = RejectReason::None;
    let message = rejected(2, reasons::reject::PRICE);
    venue.ledger.apply(&message, 99, &mut |execution| reason = execution.reason).unwrap();
    assert_eq!(reason, RejectReason::Price);
    venue.send(OrderAction::New, 3, 0, 100);
    assert_eq!(venue.try_says(accepted(3, b'X')), Err(DecodeError::Value { message_type: b'A', at: 47 }));
    // A cancel that was under way is done with its order.
    venue.send(OrderAction::Cancel, 4, 3, 0);
    assert_eq!(
        venue.says(rejected(3, 99)),
        [(Rejected, 3, 0, 0, 100, 0)].map(|seen| (seen.0, 3, 0, 0, 0, 0))
    );
    assert_eq!(venue.settles(4), (ExecutionKind::StatusDone, 4, 0, 0, 0, 0));
}

#[test]
fn a_reduction_shows_at_the_end_only() {
    let mut venue = Venue::enter(100);
    assert_eq!(venue.says(canceled(1, 30, b'S')), []);
    let prevented = AiqCanceled {
        time_ns: 1,
        user_ref_num: 1,
        decrement: 20,
        reason: b'Q',
        quantity_prevented: 20,
        price: 1,
        liquidity_flag: b'R',
    };
    assert_eq!(venue.says(VenueMessage::AiqCanceled(prevented)), []);
    assert_eq!(venue.says(executed(1, 50)), [(Fill, 1, 0, 50, 0, 50)]);
}

#[test]
fn a_broken_trade_takes_its_fill_back_and_leaves_the_order_what_it_had_left() {
    let mut venue = Venue::enter(100);
    venue.says(matched(1, 30, 12));
    venue.says(matched(1, 20, 13));
    let mut bust = None;
    venue.ledger.apply(&broken(1, 12), 99, &mut |execution| bust = Some(execution)).unwrap();
    let bust = bust.unwrap();
    assert_eq!((see(&bust), bust.exec_id, bust.exec_ref_id), ((TradeCancel, 1, 0, 0, 50, 20), 0, 12));
    // The same again, and one that nobody knows: decide tells them apart.
    assert_eq!(venue.says(broken(1, 12)), [(TradeCancel, 1, 0, 0, 50, 20)]);
    assert_eq!(venue.says(broken(1, 77)), [(TradeCancel, 1, 0, 0, 50, 20)]);
    assert_eq!(venue.says(matched(1, 10, 14)), [(PartialFill, 1, 0, 10, 40, 30)]);
    // Under the number that the order had when it traded.
    venue.send(OrderAction::Replace, 2, 1, 100);
    let unexpected = DecodeError::Unexpected { message_type: b'B', user_ref_num: 2 };
    assert_eq!(venue.try_says(broken(2, 12)), Err(unexpected), "a replace has not traded");
    // The venue counts the broken 30 as traded: 40 can trade, and not the 70 of our counting.
    assert_eq!(venue.says(replaced(1, 2, 40)), [(Replaced, 2, 1, 0, 40, 30)]);
    assert_eq!(venue.says(broken(1, 14)), [(TradeCancel, 2, 0, 0, 40, 20)]);
    assert_eq!(venue.says(broken(2, 13)), [(TradeCancel, 2, 0, 0, 40, 0)]);
    assert_eq!(venue.says(matched(2, 40, 15)), [(Fill, 2, 0, 40, 0, 40)]);
    // Of an order that is done.
    assert_eq!(venue.says(broken(2, 15)), [(TradeCancel, 2, 0, 0, 0, 0)]);
    assert_eq!(venue.settles(2), (ExecutionKind::StatusDone, 2, 0, 0, 0, 0));
    assert_eq!(venue.says(canceled(2, 40, b'U')), [], "it stays done");
    // Another order's match number takes nothing from this one.
    venue.send(OrderAction::New, 3, 0, 50);
    venue.says(accepted(3, b'L'));
    venue.says(matched(3, 10, 16));
    assert_eq!(venue.says(broken(3, 15)), [(TradeCancel, 3, 0, 0, 40, 10)]);
}

#[test]
fn what_must_not_pass_unseen_is_an_error() {
    let mut venue = Venue::enter(100);
    venue.says(executed(1, 30));
    let (time_ns, user_ref_num, cl_ord_id) = (1, 1, [b' '; 14]);
    let corrected = TradeCorrection {
        time_ns,
        user_ref_num,
        quantity: 30,
        price: 1,
        liquidity_flag: b'A',
        match_number: 12,
        reason: b'N',
        cl_ord_id,
    };
    for (message, error) in [
        (VenueMessage::TradeCorrection(corrected), DecodeError::TradeCorrected { user_ref_num }),
        (broken(2, 12), DecodeError::UnknownOrder { message_type: b'B', user_ref_num: 2 }),
        (broken(u32::MAX, 12), DecodeError::UnknownOrder { message_type: b'B', user_ref_num: u32::MAX }),
        (executed(2, 1), DecodeError::UnknownOrder { message_type: b'E', user_ref_num: 2 }),
        (executed(100, 1), DecodeError::UnknownOrder { message_type: b'E', user_ref_num: 100 }),
        (executed(u32::MAX, 1), DecodeError::UnknownOrder { message_type: b'E', user_ref_num: u32::MAX }),
        (executed(0, 1), DecodeError::UnknownOrder { message_type: b'E', user_ref_num: 0 }),
        (executed(1, 0), DecodeError::Value { message_type: b'E', at: 13 }),
        (executed(1, u32::MAX), DecodeError::Value { message_type: b'E', at: 13 }),
        (accepted(1, b'L'), DecodeError::Unexpected { message_type: b'A', user_ref_num }),
        (replaced(1, 2, 100), DecodeError::UnknownOrder { message_type: b'U', user_ref_num: 2 }),
        (rejected(1, 1), DecodeError::Unexpected { message_type: b'J', user_ref_num }),
    ] {
        assert_eq!(venue.try_says(message), Err(error), "{message:?}");
        assert!(!error.to_string().is_empty());
    }
    assert_eq!(venue.says(VenueMessage::SystemEvent(SystemEvent { time_ns, event_code: b'E' })), []);
    let response = AccountQueryResponse { time_ns, next_user_ref_num: 2 };
    assert_eq!(venue.says(VenueMessage::AccountQueryResponse(response)), []);
    assert_eq!(venue.says(executed(1, 70)), [(Fill, 1, 0, 70, 0, 100)], "nothing had changed");
}

#[test]
fn what_has_no_answer_never_arrived() {
    use ExecutionKind::{StatusDone, StatusOpen, StatusUnknown};
    let mut venue = Venue::enter(100);
    venue.says(executed(1, 30));
    assert_eq!(venue.settles(1), (StatusOpen, 1, 0, 0, 70, 30));
    // A replace and a cancel that were lost: the order stands as before.
    venue.send(OrderAction::Replace, 2, 1, 200);
    assert_eq!(venue.settles(2), (StatusOpen, 1, 0, 0, 70, 30));
    venue.send(OrderAction::Cancel, 3, 1, 0);
    assert_eq!(venue.settles(1), (StatusOpen, 1, 0, 0, 70, 30));
    // One that arrived: the order goes by its number.
    venue.send(OrderAction::Replace, 4, 1, 200);
    venue.says(replaced(1, 4, 170));
    assert_eq!(venue.settles(1), (StatusOpen, 4, 0, 0, 170, 30));
    venue.says(executed(4, 170));
    assert_eq!(venue.settles(4), (StatusDone, 4, 0, 0, 0, 200));
    venue.send(OrderAction::New, 5, 0, 10);
    assert_eq!(venue.settles(5), (StatusUnknown, 5, 0, 0, 0, 0));
    assert_eq!(venue.settles(9), (StatusUnknown, 9, 0, 0, 0, 0));
}
