//! The client's session against this gateway: by hand, and at random with connections that are lost anywhere.

use feeds::event::{EventKind, flags};
use kernels::cpu::book::BookConfig;

use super::*;
use crate::order::{Execution, ExecutionKind, Order, OrderAction, RejectReason, TimeInForce};
use crate::ouch::messages::{
    BrokenTrade, CancelOrder, ClientMessage, DisableOrderEntry, EnableOrderEntry, EnterOrder, MassCancel,
    ReplaceOrder, VenueMessage,
};
use crate::ouch::session::{OuchConfig, OuchSession};
use crate::pipeline::operator::KillCause;
use crate::pipeline::order_table::OrderTable;
use crate::pipeline::risk::{EngineLimits, InstrumentLimits, Risk, RiskApproved, Target};
use crate::pipeline::settlement::{Settled, settle};
use crate::venue::VenueConfig;
use feeds::event::Side;

const DATE: u32 = 20_120_621;
const CENT: i64 = 10_000_000;
/// Units of OUCH.
const PRICE: u64 = 1_000_000;

fn gateway() -> OuchGateway {
    let core = VenueCore::new(VenueConfig {
        books: BookConfig {
            instruments_max: 2,
            orders_max: 4_000,
            levels_max: 4_000,
            price_tick: CENT / 100,
        },
        orders_max: 64,
        cl_ord_ids_max: 20_000,
        used_orders_max: 1_000,
        quantity_max: 10_000,
        ..VenueConfig::default()
    });
    let symbols = [Symbol::new("GOOG").unwrap(), Symbol::new("MSFT").unwrap()];
    OuchGateway::new(core.unwrap(), Some((*b"WARP  ", *b"secret    ")), "DAY", &symbols).unwrap()
}

fn event(kind: EventKind, order_id: u64, side: Side, cents: i64, quantity: u64) -> MarketEvent {
    MarketEvent {
        exchange_ns: 1,
        receive_ns: 1,
        sequence: 1,
        order_id,
        price: 100_000_000_000 + cents * CENT,
        quantity,
        instrument: 0,
        kind,
        side,
        flags: flags::LAST_OF_EVENT,
        ..MarketEvent::NOTHING
    }
}

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

/// SplitMix64.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// One side's bytes to the other in pieces; what is cut off is lost with the connection.
struct Run {
    draws: Draws,
    gateway: OuchGateway,
    session: OuchSession,
    table: OrderTable,
    risk: Risk,
    now_ns: u64,
    to_venue: Vec<u8>,
    to_client: Vec<u8>,
    connected: bool,
    was_up: bool,
    /// Per order of the venue's book.
    shown: Vec<(u64, u64)>,
    filled: u64,
    /// Match numbers of fills, and what was bought by them.
    trades: Vec<(u64, i64)>,
    errors: u64,
    refused: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let config = OuchConfig {
            venue: 0,
            username: *b"WARP  ",
            password: *b"secret    ",
            date: DATE,
            messages_max: 5_000,
        };
        let symbols = [Symbol::new("GOOG").unwrap(), Symbol::new("MSFT").unwrap()];
        Self {
            draws: Draws(seed),
            gateway: gateway(),
            session: OuchSession::new(&config, &symbols).unwrap(),
            table: OrderTable::new(DATE, 32, 5_000, 1, 8),
            risk: Risk::new(EngineLimits::OPEN, vec![InstrumentLimits::OPEN; 2]),
            now_ns: 0,
            to_venue: Vec::new(),
            to_client: Vec::new(),
            connected: false,
            was_up: false,
            shown: Vec::new(),
            filled: 0,
            trades: Vec::new(),
            errors: 0,
            refused: 0,
        }
    }

    fn connect(&mut self) {
        self.connected = true;
        self.session.connected(self.now_ns);
        self.gateway.connected(self.now_ns);
    }

    /// Whatever is on the way may arrive or not.
    fn lose(&mut self) {
        self.collect();
        let arrives = self.draws.below(self.to_venue.len() as u64 + 1) as usize;
        self.gateway.on_bytes(self.now_ns, &self.to_venue[..arrives]);
        let arrives = self.draws.below(self.to_client.len() as u64 + 1) as usize;
        let bytes: Vec<u8> = self.to_client.drain(..arrives).collect();
        self.receive(&bytes);
        self.to_venue.clear();
        self.to_client.clear();
        self.connected = false;
        self.session.disconnected();
        self.gateway.disconnected(self.now_ns);
        assert!(self.gateway.pending().is_empty());
    }

    fn collect(&mut self) {
        self.to_venue.extend(self.session.pending());
        self.session.consume(self.session.pending().len());
        self.to_client.extend(self.gateway.pending());
        self.gateway.consume(self.gateway.pending().len());
    }

    fn receive(&mut self, bytes: &[u8]) {
        let was_up = self.session.is_logged_on();
        let mut executions = Vec::new();
        let malformed = self.session.receive(self.now_ns, bytes, &mut |execution| executions.push(execution));
        assert_eq!(malformed, 0, "{:?}", self.session.last_error());
        for execution in &executions {
            self.apply(execution);
        }
        if !was_up && self.session.is_logged_on() {
            if self.was_up {
                self.table.doubt(0);
            }
            self.was_up = true;
        }
    }

    fn apply(&mut self, execution: &Execution) {
        match settle(&mut self.table, &mut self.risk, execution, self.now_ns) {
            Settled::Applied(applied) => {
                self.filled += applied.filled;
                let bought = applied.filled.cast_signed();
                if bought > 0 {
                    let signed = if execution.side == Side::Buy { bought } else { -bought };
                    self.trades.push((execution.exec_id, signed));
                }
                // A status never brings a fill that its own message had not brought before.
                assert!(!execution.kind.is_status() || applied.filled == 0, "{execution:?}");
            }
            // A cancel that was asked about and had come in between; a trade that was broken before.
            Settled::Late => {
                let is_known = execution.kind.is_status() || execution.kind == ExecutionKind::TradeCancel;
                assert!(is_known, "{execution:?}");
            }
            Settled::OfDone => assert_eq!(execution.kind, ExecutionKind::TradeCancel),
            Settled::Refused => self.refused += 1,
        }
    }

    fn deliver(&mut self) {
        self.collect();
        let count = self.draws.below(self.to_venue.len() as u64 + 1) as usize;
        let bytes: Vec<u8> = self.to_venue.drain(..count).collect();
        self.gateway.on_bytes(self.now_ns, &bytes);
        let count = self.draws.below(self.to_client.len() as u64 + 1) as usize;
        let bytes: Vec<u8> = self.to_client.drain(..count).collect();
        self.receive(&bytes);
        assert!(!self.session.wants_close() && !self.gateway.wants_close());
    }

    fn settle(&mut self) {
        while self.connected {
            self.collect();
            if self.to_venue.is_empty() && self.to_client.is_empty() {
                return;
            }
            let bytes = std::mem::take(&mut self.to_venue);
            self.gateway.on_bytes(self.now_ns, &bytes);
            let bytes = std::mem::take(&mut self.to_client);
            self.receive(&bytes);
        }
    }

    fn market(&mut self) {
        let number = self.shown.len() as u64 + 1;
        let side = [Side::Buy, Side::Sell][self.draws.below(2) as usize];
        let cents = self.draws.below(9) as i64 - 4;
        if self.draws.below(3) > 0 || self.shown.is_empty() {
            let quantity = 1 + self.draws.below(60);
            self.shown.push((number, quantity));
            self.gateway.on_market(&event(EventKind::OrderAdd, number, side, cents, quantity), self.now_ns);
        } else {
            let at = self.draws.below(self.shown.len() as u64) as usize;
            let (order, left) = &mut self.shown[at];
            if *left > 0 {
                let quantity = *left;
                *left = 0;
                let event = event(EventKind::OrderExecute, *order, side, cents, quantity);
                self.gateway.on_market(&event, self.now_ns);
            }
        }
    }

    fn order(&mut self) {
        let Some(cl_ord_id) = self.table.cl_ord_id_after(0) else { return };
        let open: Vec<_> = self.table.of_strategy(0).copied().collect();
        let target = open.get(self.draws.below(open.len() as u64 + 2) as usize).copied();
        let action = match (&target, self.draws.below(2)) {
            (None, _) => OrderAction::New,
            (Some(_), 0) => OrderAction::Cancel,
            (Some(_), _) => OrderAction::Replace,
        };
        if target.is_some_and(|order| order.is_pending()) || (target.is_none() && self.table.room() == 0) {
            return;
        }
        let quantity = 1 + self.draws.below(80);
        let order = Order {
            decision: 0,
            time_ns: self.now_ns,
            cl_ord_id,
            orig_cl_ord_id: target.map_or(0, |order| order.cl_ord_id),
            price: 100_000_000_000 + (self.draws.below(9) as i64 - 4) * CENT,
            quantity,
            instrument: 0,
            venue: 0,
            action,
            side: target.map_or([Side::Buy, Side::Sell][self.draws.below(2) as usize], |order| order.side),
            time_in_force: if self.draws.below(4) == 0 {
                TimeInForce::ImmediateOrCancel
            } else {
                TimeInForce::Day
            },
            strategy: 0,
            sells_short: false,
            reserved: [0; 5],
        };
        self.send(order);
    }

    fn send(&mut self, order: Order) {
        let target = self.table.get(order.orig_cl_ord_id).map(Target::of);
        let reserved = self.risk.follow(&order, target);
        self.table.enter(&order, reserved).expect("the table takes it");
        self.encode(order);
    }

    /// Breaks any trade that there was.
    fn break_trade(&mut self) {
        if !self.trades.is_empty() {
            let at = self.draws.below(self.trades.len() as u64) as usize;
            assert!(self.gateway.break_trade(self.trades[at].0, self.now_ns));
        }
    }

    fn encode(&mut self, order: Order) {
        if let Err(reason) = self.session.encode(&RiskApproved::for_test(order), self.now_ns) {
            assert_eq!(reason, RejectReason::NotConnected);
            self.errors += 1;
            let execution = crate::pipeline::order_entry::not_sent(&order, self.now_ns, reason);
            if let Some(execution) = execution {
                self.apply(&execution);
            }
        }
    }

    /// Asks for what is in doubt, as decide does.
    fn ask(&mut self) {
        while self.session.is_logged_on()
            && let Some(order) = self.table.ask_next(self.now_ns)
        {
            let request = Order {
                decision: self.now_ns,
                time_ns: self.now_ns,
                cl_ord_id: order.cl_ord_id,
                orig_cl_ord_id: 0,
                price: order.price,
                quantity: order.quantity,
                instrument: 0,
                venue: 0,
                action: OrderAction::Status,
                side: order.side,
                time_in_force: order.time_in_force,
                strategy: 0,
                sells_short: false,
                reserved: [0; 5],
            };
            self.encode(request);
        }
    }
}

/// Every message that the venue has said, from the first on: what is to be known.
fn traded(gateway: &OuchGateway) -> u64 {
    let kept = &gateway.orders.said.kept;
    assert_eq!(kept.first(), 1, "the test's day fits");
    let messages = (1..kept.next()).filter_map(|number| kept.get(number));
    let quantity = |body: &[u8]| match VenueMessage::decode(body).unwrap().0 {
        VenueMessage::OrderExecuted(message) => u64::from(message.quantity),
        _ => 0,
    };
    messages.map(quantity).sum()
}

/// Match numbers of the trades that the venue has broken.
fn broken(gateway: &OuchGateway) -> std::collections::BTreeSet<u64> {
    let kept = &gateway.orders.said.kept;
    let messages = (1..kept.next()).filter_map(|number| kept.get(number));
    let number = |body: &[u8]| match VenueMessage::decode(body).unwrap().0 {
        VenueMessage::BrokenTrade(message) => Some(message.match_number),
        _ => None,
    };
    messages.filter_map(number).collect()
}

#[test]
fn a_broken_trade_gives_the_position_back_and_nothing_else() {
    let mut run = Run::new(1);
    run.connect();
    run.settle();
    let order = Order {
        decision: 0,
        time_ns: 0,
        cl_ord_id: run.table.cl_ord_id_after(0).unwrap(),
        orig_cl_ord_id: 0,
        price: 100_000_000_000,
        quantity: 100,
        instrument: 0,
        venue: 0,
        action: OrderAction::New,
        side: Side::Buy,
        time_in_force: TimeInForce::Day,
        strategy: 0,
        sells_short: false,
        reserved: [0; 5],
    };
    run.send(order);
    run.settle();
    let sells = |run: &mut Run, number, quantity| {
        run.gateway.on_market(&event(EventKind::OrderAdd, number, Side::Sell, 0, quantity), 5);
        run.settle();
        run.trades.last().unwrap().0
    };
    let state = |run: &Run| {
        let exposure = run.risk.exposure(0);
        (exposure.position, exposure.open_buy, run.table.live(), run.gateway.core().live_orders())
    };
    let first = sells(&mut run, 1, 30);
    assert_eq!(state(&run), (30, 70, 1, 1));
    // Of an order that lives; the same again; one that is not known to the venue.
    for expected in [true, true] {
        assert_eq!(run.gateway.break_trade(first, 6), expected);
        run.settle();
        assert_eq!(state(&run), (0, 70, 1, 1));
        assert_eq!((run.risk.account(0).cash, run.risk.worth()), (0, 0));
    }
    assert!(!run.gateway.break_trade(u64::MAX, 6));
    // Of one that is done.
    let second = sells(&mut run, 2, 70);
    assert_eq!(state(&run), (70, 0, 0, 0));
    assert!(run.gateway.break_trade(second, 7));
    run.settle();
    assert_eq!(state(&run), (0, 0, 0, 0));
    assert!(!run.risk.is_killed() && !run.session.is_stopped());
    // One that is not known to us: somebody's picture is wrong.
    let stranger = BrokenTrade {
        time_ns: 1,
        user_ref_num: 1,
        match_number: 99_999,
        reason: b'E',
        cl_ord_id: [b' '; 14],
    };
    run.gateway.orders.said.say(&VenueMessage::BrokenTrade(stranger));
    run.gateway.on_timer(8);
    run.settle();
    assert_eq!((run.refused, run.risk.blocks().of_all()), (1, Some(KillCause::UnknownFill)));
}

#[test]
fn nothing_is_lost_or_doubled_however_the_connection_ends() {
    let (mut filled, mut lost, mut busted) = (0, 0, 0);
    for seed in 0..150 {
        let mut run = Run::new(seed);
        for _ in 0..1_000 {
            run.now_ns += run.draws.below(1_000_000);
            match run.draws.below(100) {
                0..=2 if run.connected => {
                    lost += 1;
                    run.lose();
                }
                0..=20 if !run.connected => run.connect(),
                21..=45 => run.order(),
                46..=60 => run.market(),
                61..=62 => run.break_trade(),
                _ if run.connected => run.deliver(),
                _ => {}
            }
            run.ask();
        }
        if !run.connected {
            run.connect();
        }
        run.settle();
        run.ask();
        run.settle();
        assert!(run.session.is_logged_on() && !run.session.is_stopped(), "seed {seed}");
        assert_eq!(run.table.in_doubt(), 0, "seed {seed}");
        assert_eq!(run.table.live() as usize, run.gateway.core().live_orders(), "seed {seed}");
        assert_eq!(run.filled, traded(&run.gateway), "seed {seed}");
        let gone = broken(&run.gateway);
        let stands = run.trades.iter().filter(|(number, _)| !gone.contains(number));
        let position: i64 = stands.map(|&(_, bought)| bought).sum();
        assert_eq!((run.risk.exposure(0).position, run.refused), (position, 0), "seed {seed}");
        assert!(!run.risk.blocks().any(), "seed {seed}");
        busted += gone.len();
        assert_eq!((run.gateway.malformed(), run.gateway.lost_reports()), (0, 0), "seed {seed}");
        assert!(run.table.of_strategy(0).all(|order| !order.is_pending()), "seed {seed}");
        filled += run.filled;
    }
    assert!(
        filled > 20_000 && lost > 500 && busted > 500,
        "{filled} shares, {lost} connections lost, {busted} trades broken"
    );
}
