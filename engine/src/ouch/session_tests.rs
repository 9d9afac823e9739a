use super::*;
use crate::order::{ExecutionKind, TimeInForce};
use feeds::event::Side;

const BASE: u64 = 2_012_062_100_000_000;

/// A session that is logged on, and what it has sent.
fn logged_on() -> OuchSession {
    let mut session = session();
    session.connected(0);
    assert_eq!(session.pending(), b"\0\x2fLWARP  secret                                 1");
    take(&mut session);
    session.receive(0, b"\0\x1fA       DAY                   1", &mut |_| {});
    assert!(!session.is_logged_on(), "not before the query's response");
    assert_eq!(take(&mut session), QUERY_PACKET);
    session.receive(0, &response(1), &mut |_| {});
    assert!(session.is_logged_on());
    session
}

fn session() -> OuchSession {
    let config = OuchConfig {
        venue: 0,
        username: *b"WARP  ",
        password: *b"secret    ",
        date: 20_120_621,
        messages_max: 99,
    };
    OuchSession::new(&config, &[Symbol::new("GOOG").unwrap()]).unwrap()
}

fn response(next: u32) -> Vec<u8> {
    let mut packet = b"\0\x0eSQ\0\0\0\0\0\0\0\0".to_vec();
    packet.extend(next.to_be_bytes());
    packet
}

fn take(session: &mut OuchSession) -> Vec<u8> {
    let pending = session.pending().to_vec();
    session.consume(pending.len());
    pending
}

fn order(action: OrderAction, own: u64, about: u64) -> RiskApproved<Order> {
    RiskApproved::for_test(Order {
        decision: 0,
        time_ns: 0,
        cl_ord_id: BASE + own,
        orig_cl_ord_id: if about == 0 { 0 } else { BASE + about },
        price: 600_000_000_000,
        quantity: 100,
        instrument: 0,
        venue: 0,
        action,
        side: Side::Buy,
        time_in_force: TimeInForce::Day,
        strategy: 0,
        sells_short: false,
        reserved: [0; 5],
    })
}

#[test]
fn numbers_that_the_venue_would_ignore_are_refused() {
    let mut session = logged_on();
    assert_eq!(session.encode(&order(OrderAction::New, 5, 0), 1), Ok(()));
    assert_eq!(session.encode(&order(OrderAction::New, 5, 0), 1), Err(RejectReason::DuplicateClOrdId));
    assert_eq!(session.encode(&order(OrderAction::New, 4, 0), 1), Err(RejectReason::DuplicateClOrdId));
    assert_eq!(session.encode(&order(OrderAction::Replace, 4, 5), 1), Err(RejectReason::DuplicateClOrdId));
    // A cancel has no number on the wire.
    assert_eq!(session.encode(&order(OrderAction::Cancel, 4, 5), 1), Ok(()));
    assert_eq!(session.encode(&order(OrderAction::Cancel, 7, 6), 1), Err(RejectReason::TooLate));
    // Somebody else has used the account's numbers up to 59: before us, or beside us.
    session.encode(&order(OrderAction::Status, 5, 0), 1).unwrap();
    let mut executions = Vec::new();
    session.receive(2, &response(60), &mut |execution| executions.push(execution.kind));
    assert_eq!(executions, [ExecutionKind::StatusUnknown]);
    assert_eq!(session.encode(&order(OrderAction::New, 59, 0), 3), Err(RejectReason::DuplicateClOrdId));
    assert_eq!(session.encode(&order(OrderAction::New, 60, 0), 3), Ok(()));
    assert_eq!(
        session.encode(&order(OrderAction::New, 100, 0), 3),
        Err(RejectReason::TooLate),
        "beyond the ledger"
    );
}

#[test]
fn a_corrected_trade_or_a_riddle_stops_new_orders_but_no_cancel() {
    let corrected = b"\0\x32SF12345678\0\0\0\x01\0\0\0\x6412345678A12345678N              ";
    for message in [&corrected[..], b"\0\x03S?!", b"\0\x02SE"] {
        let mut session = logged_on();
        session.encode(&order(OrderAction::New, 1, 0), 1).unwrap();
        assert_eq!(session.receive(2, message, &mut |_| {}), 1);
        assert!(session.is_stopped() && session.is_logged_on() && session.last_error().is_some());
        assert_eq!(session.encode(&order(OrderAction::New, 2, 0), 3), Err(RejectReason::Other));
        assert_eq!(session.encode(&order(OrderAction::Replace, 2, 1), 3), Err(RejectReason::Other));
        assert_eq!(session.encode(&order(OrderAction::Cancel, 2, 1), 3), Ok(()));
        // Nor is it forgotten with the connection.
        session.disconnected();
        assert!(session.is_stopped());
    }
}

#[test]
fn a_reconnection_asks_for_what_was_missed_and_counts_old_responses_out() {
    let mut session = logged_on();
    session.encode(&order(OrderAction::New, 1, 0), 1).unwrap();
    session.encode(&order(OrderAction::Status, 1, 0), 1).unwrap();
    session.disconnected();
    assert!(!session.is_logged_on());
    assert_eq!(session.encode(&order(OrderAction::Cancel, 2, 1), 1), Err(RejectReason::NotConnected));
    session.connected(2);
    assert_eq!(take(&mut session), b"\0\x2fLWARP  secret           DAY                   2");
    session.receive(2, b"\0\x1fA       DAY                   2", &mut |_| {});
    assert_eq!(take(&mut session), QUERY_PACKET);
    // The response to the query of the first connection: nobody knows yet that it is not to this one.
    session.receive(3, &response(1), &mut |_| {});
    assert!(!session.is_logged_on());
    assert_eq!(take(&mut session), QUERY_PACKET);
    session.receive(4, &response(1), &mut |_| {});
    assert!(session.is_logged_on());
    let mut kinds = Vec::new();
    session.encode(&order(OrderAction::Status, 1, 0), 5).unwrap();
    session.receive(6, &response(1), &mut |execution| kinds.push(execution.kind));
    assert_eq!(kinds, [ExecutionKind::StatusUnknown], "it never arrived");
}

#[test]
fn a_venue_that_begins_elsewhere_is_refused() {
    let mut session = session();
    session.connected(0);
    take(&mut session);
    assert_eq!(session.receive(0, b"\0\x1fA       DAY                   3\0\x02SE", &mut |_| {}), 1);
    assert!(session.wants_close() && !session.is_logged_on());
    session.disconnected();
    session.connected(1);
    assert_eq!(take(&mut session).last(), Some(&b'1'), "it still wants the first");
    // A refused login, and silence.
    session.receive(1, b"\0\x02JA", &mut |_| {});
    assert!(session.wants_close());
    let mut session = logged_on();
    let mut now_ns = 0;
    for _ in 0..20 {
        now_ns = session.next_timer_ns().min(u64::MAX - 1);
        if session.wants_close() {
            break;
        }
        session.on_timer(now_ns);
        take(&mut session);
    }
    assert!(session.wants_close(), "at {now_ns}");
}
