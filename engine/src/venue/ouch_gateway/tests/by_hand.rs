//! What the specification says of each message, with a client that is written by hand.

use super::*;
use crate::ouch::messages::{
    CancelOrder, ClientMessage, DisableOrderEntry, EnableOrderEntry, EnterOrder, MassCancel, ReplaceOrder,
    VenueMessage,
};

/// Units of OUCH.
const PRICE: u64 = 1_000_000;

/// A gateway with a logged-on client that is written by hand.
struct Hand {
    gateway: OuchGateway,
}

impl Hand {
    fn new() -> Self {
        let mut gateway = gateway();
        gateway.connected(0);
        gateway.on_bytes(0, b"\0\x2fLWARP  secret                                 1");
        let mut hand = Self { gateway };
        assert_eq!(hand.take(), b"\0\x1fA       DAY                   1");
        hand
    }

    fn take(&mut self) -> Vec<u8> {
        let pending = self.gateway.pending().to_vec();
        self.gateway.consume(pending.len());
        pending
    }

    fn send(&mut self, message: ClientMessage) -> Vec<VenueMessage> {
        let mut body = [0; 128];
        let length = message.encode(crate::ouch::appendage::Appendage::NONE, &mut body).unwrap();
        self.send_body(&body[..length])
    }

    fn send_body(&mut self, body: &[u8]) -> Vec<VenueMessage> {
        let mut packet = (body.len() as u16 + 1).to_be_bytes().to_vec();
        packet.push(b'U');
        packet.extend(body);
        self.gateway.on_bytes(5, &packet);
        self.said()
    }

    fn said(&mut self) -> Vec<VenueMessage> {
        let bytes = self.take();
        let (mut messages, mut rest) = (Vec::new(), &bytes[..]);
        while !rest.is_empty() {
            let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
            assert_eq!(rest[2], b'S');
            messages.push(VenueMessage::decode(&rest[3..2 + length]).unwrap().0);
            rest = &rest[2 + length..];
        }
        messages
    }

    fn market(&mut self, event: &MarketEvent) -> Vec<VenueMessage> {
        self.gateway.on_market(event, 6);
        self.said()
    }

    fn kinds(messages: &[VenueMessage]) -> String {
        let name = |message: &VenueMessage| format!("{message:?}").split('(').next().unwrap_or("").to_owned();
        messages.iter().map(name).collect::<Vec<_>>().join(" ")
    }
}

fn enter(user_ref_num: u32, side: u8, price: u64, quantity: u32, time_in_force: u8) -> ClientMessage {
    ClientMessage::EnterOrder(EnterOrder {
        user_ref_num,
        side,
        quantity,
        symbol: *b"GOOG    ",
        price,
        time_in_force,
        display: b'Y',
        capacity: b'P',
        sweep: b'N',
        cross_type: b'N',
        cl_ord_id: *b"AB            ",
    })
}

fn replace(orig_user_ref_num: u32, user_ref_num: u32, price: u64, quantity: u32) -> ClientMessage {
    ClientMessage::ReplaceOrder(ReplaceOrder {
        orig_user_ref_num,
        user_ref_num,
        quantity,
        price,
        time_in_force: b'0',
        display: b'Y',
        sweep: b'N',
        cl_ord_id: *b"CD            ",
    })
}

fn cancel(user_ref_num: u32, quantity: u32) -> ClientMessage {
    ClientMessage::CancelOrder(CancelOrder { user_ref_num, quantity })
}

#[test]
fn orders_are_answered_and_duplicates_are_not() {
    let mut hand = Hand::new();
    hand.market(&event(EventKind::OrderAdd, 9, Side::Sell, 2, 50));
    let said = hand.send(enter(3, b'B', PRICE, 100, b'0'));
    let VenueMessage::OrderAccepted(accepted) = said[0] else { panic!("{said:?}") };
    assert_eq!((accepted.user_ref_num, accepted.quantity, accepted.price), (3, 100, PRICE));
    assert_eq!((accepted.order_state, &accepted.cl_ord_id), (b'L', b"AB            "));
    assert_eq!(said.len(), 1);
    assert_eq!(hand.send(enter(3, b'B', PRICE, 100, b'0')), []);
    assert_eq!(hand.send(enter(2, b'B', PRICE, 100, b'0')), []);
    assert_eq!(hand.gateway.ignored(), 2);
    // Taking, with a remainder that goes.
    let said = hand.send(enter(4, b'S', PRICE + 300, 10, b'3'));
    assert_eq!(Hand::kinds(&said), "OrderAccepted OrderCanceled");
    let said = hand.send(enter(5, b'B', PRICE + 200, 80, b'3'));
    assert_eq!(Hand::kinds(&said), "OrderAccepted OrderExecuted OrderCanceled");
    let (VenueMessage::OrderExecuted(fill), VenueMessage::OrderCanceled(rest)) = (said[1], said[2]) else {
        panic!("{said:?}")
    };
    assert_eq!((fill.quantity, fill.price, fill.liquidity_flag), (50, PRICE + 200, b'R'));
    assert_eq!((rest.quantity, rest.reason), (30, b'I'));
    // A fill of the resting order, then less of it, then its end.
    hand.market(&event(EventKind::OrderAdd, 10, Side::Sell, 0, 30));
    let said = hand.send(cancel(3, 50));
    let VenueMessage::OrderCanceled(less) = said[0] else { panic!("{said:?}") };
    assert_eq!((less.user_ref_num, less.quantity, less.reason), (3, 50, b'U'));
    assert_eq!(hand.send(cancel(3, 50)), [], "not less than it is");
    let said = hand.send(cancel(3, 20));
    let VenueMessage::OrderCanceled(rest) = said[0] else { panic!("{said:?}") };
    assert_eq!((rest.quantity, rest.reason), (20, b'U'), "30 of 50 had traded");
    assert_eq!(hand.send(cancel(3, 0)), [], "superfluous");
    assert_eq!(hand.gateway.core().live_orders(), 0);
    assert_eq!((hand.gateway.lost_reports(), hand.gateway.malformed()), (0, 0));
}

#[test]
fn replaces_chain_and_bad_ones_end_or_leave_the_order() {
    let mut hand = Hand::new();
    hand.send(enter(1, b'B', PRICE, 100, b'0'));
    hand.market(&event(EventKind::OrderAdd, 9, Side::Sell, 0, 40));
    let said = hand.send(replace(1, 2, PRICE - 100, 100));
    let VenueMessage::OrderReplaced(replaced) = said[0] else { panic!("{said:?}") };
    assert_eq!((replaced.orig_user_ref_num, replaced.user_ref_num, replaced.quantity), (1, 2, 60));
    assert_eq!((replaced.price, &replaced.cl_ord_id), (PRICE - 100, b"CD            "));
    assert_eq!(hand.send(replace(1, 3, PRICE, 100)), [], "1 is not live any more");
    assert_eq!(hand.send(replace(2, 2, PRICE, 100)), [], "2 is used");
    // Number 3 was not used up; its terms are impossible, so that the order goes and the number stays.
    let said = hand.send(replace(2, 3, PRICE + 1, 100));
    assert_eq!(Hand::kinds(&said), "OrderCanceled");
    assert_eq!(Hand::kinds(&hand.send(enter(3, b'B', PRICE, 100, b'0'))), "OrderAccepted");
    // A total that has traded already ends the order under its old number.
    hand.market(&event(EventKind::OrderAdd, 10, Side::Sell, 0, 40));
    let said = hand.send(replace(3, 4, PRICE, 40));
    let VenueMessage::OrderCanceled(canceled) = said[0] else { panic!("{said:?}") };
    assert_eq!((canceled.user_ref_num, canceled.quantity, canceled.reason), (3, 60, b'U'));
    // In a halt the order stays.
    hand.send(enter(5, b'B', PRICE, 100, b'0'));
    let halted = feeds::event::TradingStatus::Halted as u64;
    hand.market(&event(EventKind::TradingStatus, 0, Side::None, 0, halted));
    let said = hand.send(replace(5, 6, PRICE, 200));
    let VenueMessage::OrderRejected(rejected) = said[0] else { panic!("{said:?}") };
    assert_eq!((rejected.user_ref_num, rejected.reason), (6, 2));
    assert_eq!(Hand::kinds(&hand.send(enter(7, b'B', PRICE, 100, b'0'))), "OrderRejected");
    assert_eq!(Hand::kinds(&hand.send(cancel(5, 0))), "OrderCanceled");
    assert_eq!(hand.gateway.lost_reports(), 0);
}

#[test]
fn queries_mass_cancels_and_blocked_entry() {
    let mut hand = Hand::new();
    for (number, side) in [(1, b'B'), (2, b'S'), (3, b'T'), (4, b'B')] {
        let price = if side == b'B' { PRICE } else { PRICE + 1000 };
        assert_eq!(Hand::kinds(&hand.send(enter(number, side, price, 100, b'0'))), "OrderAccepted");
    }
    for body in [&b"Q"[..], b"Q\0\0"] {
        let said = hand.send_body(body);
        let VenueMessage::AccountQueryResponse(response) = said[0] else { panic!("{said:?}") };
        assert_eq!(response.next_user_ref_num, 5);
    }
    let said = hand.send_body(b"C\0\0\0\x05FIRMGOOG    \0\x03\x02\x1bS");
    assert_eq!(Hand::kinds(&said), "MassCancelResponse OrderCanceled OrderCanceled");
    let message = MassCancel { user_ref_num: 6, firm: *b"FIRM", symbol: *b"MSFT    " };
    assert_eq!(Hand::kinds(&hand.send(ClientMessage::MassCancel(message))), "MassCancelResponse");
    let message = MassCancel { symbol: [b' '; 8], user_ref_num: 7, ..message };
    let said = hand.send(ClientMessage::MassCancel(message));
    assert_eq!(Hand::kinds(&said), "MassCancelResponse OrderCanceled OrderCanceled");
    let firm = *b"FIRM";
    let said = hand.send(ClientMessage::DisableOrderEntry(DisableOrderEntry { user_ref_num: 8, firm }));
    assert_eq!(Hand::kinds(&said), "DisableOrderEntryResponse");
    assert_eq!(Hand::kinds(&hand.send(enter(9, b'B', PRICE, 100, b'0'))), "OrderRejected");
    let said = hand.send(ClientMessage::EnableOrderEntry(EnableOrderEntry { user_ref_num: 10, firm }));
    assert_eq!(Hand::kinds(&said), "EnableOrderEntryResponse");
    assert_eq!(Hand::kinds(&hand.send(enter(11, b'B', PRICE, 100, b'0'))), "OrderAccepted");
    for (number, bad) in [
        (12, ClientMessage::EnterOrder(EnterOrder { symbol: *b"NONE    ", ..entry(12) })),
        (13, ClientMessage::EnterOrder(EnterOrder { side: b'x', ..entry(13) })),
        (14, ClientMessage::EnterOrder(EnterOrder { price: u64::MAX, ..entry(14) })),
        (15, ClientMessage::EnterOrder(EnterOrder { quantity: 0, ..entry(15) })),
        (16, ClientMessage::EnterOrder(EnterOrder { time_in_force: b'6', ..entry(16) })),
    ] {
        let said = hand.send(bad);
        let VenueMessage::OrderRejected(rejected) = said[0] else { panic!("{said:?}") };
        assert_eq!(rejected.user_ref_num, number);
    }
    assert_eq!(hand.send_body(b"?"), []);
    assert_eq!((hand.gateway.malformed(), hand.gateway.lost_reports()), (1, 0));
}

fn entry(user_ref_num: u32) -> EnterOrder {
    let ClientMessage::EnterOrder(message) = enter(user_ref_num, b'B', PRICE, 100, b'0') else {
        unreachable!("it is one")
    };
    message
}

#[test]
fn a_wrong_password_does_not_get_in() {
    let mut gateway = gateway();
    gateway.connected(0);
    gateway.on_bytes(0, b"\0\x2fLWARP  secreT2                                1");
    assert_eq!(gateway.pending(), b"\0\x02JA");
    assert!(gateway.wants_close());
}
