//! Order entry against FIX engines that other people wrote: the decision core and order entry over TCP on our side; on the
//! other quickfix-tokio, a Rust engine, or QuickFIX C++, of which each is asked afterwards what it saw.
//!
//! One scenario for both, in FIX 4.4 and 4.2: logon with a reset, orders that rest, fill, are replaced, cancelled and refused,
//! a message that each side misses and asks for again, a line that breaks while messages are under way, a killed process that
//! goes on with its journal's numbers, logout. In the end both sides say the same about every order, and no order and no fill
//! was counted twice.
//!
//! Both engines listen on every interface, since neither can be told otherwise; all connections here are on loopback.

mod cpp_peer;
mod exchange;
mod gateway;
mod record;
mod rust_peer;
mod wire;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::Duration;

use engine::fix::templates::NumberStyle;
use engine::order::ExecutionKind::{
    CancelRejected, Canceled, Fill, New, PartialFill, Rejected, Replaced, StatusUnknown,
};
use feeds::event::Side;

use cpp_peer::CppPeer;
use gateway::{CENT, Gateway, SYMBOLS};
use record::{Account, Message, Seen};
use rust_peer::RustPeer;
use wire::{To, Wire};

/// A FIX engine that accepts our session and trades as the symbols say (see [`exchange`]).
trait Counterparty {
    /// Where it listens.
    fn port(&self) -> u16;
    /// What it has written down so far.
    fn record(&self) -> Vec<Message>;
}

/// A port of this host that nobody uses.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

/// The dictionary that a counterparty judges our messages by, where the project's data is.
fn dictionary(begin_string: &str) -> Option<String> {
    let name = begin_string.replace("FIX.", "FIX").replace('.', "");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/quickfix_acceptance/spec");
    let path = format!("{folder}/{name}.xml");
    if std::path::Path::new(&path).exists() {
        return Some(path);
    }
    println!("SKIPPED: ../shared/data is absent: the counterparty judges no message by a dictionary");
    None
}

/// Messages of a kind in the counterparty's record.
fn count(peer: &dyn Counterparty, seen: Seen, message_type: &str) -> usize {
    peer.record().iter().filter(|message| message.is(seen, message_type)).count()
}

fn orders_and_their_answers(gateway: &mut Gateway) {
    let rest = gateway.order("REST", Side::Buy, 200, 995);
    gateway.expect(rest, &[New]);
    let replaced = gateway.replace(rest, 300, 996);
    gateway.expect(replaced, &[Replaced]);
    let order = gateway.open(replaced).expect("it rests");
    assert_eq!((order.quantity, order.price, order.cumulative), (300, 996 * CENT, 0));
    let canceled = gateway.cancel(replaced);
    gateway.expect(canceled, &[Canceled]);
    assert!(gateway.open(replaced).is_none());

    let filled = gateway.order("FILL", Side::Buy, 101, 1_010);
    gateway.expect(filled, &[New, PartialFill, Fill]);
    assert_eq!(gateway.position("FILL"), 101);

    let half = gateway.order("HALF", Side::Sell, 80, 1_005);
    gateway.expect(half, &[New, PartialFill]);
    let smaller = gateway.replace(half, 60, 1_006);
    gateway.expect(smaller, &[Replaced]);
    let order = gateway.open(smaller).expect("it rests");
    assert_eq!((order.cumulative, order.leaves(), order.reserved), (40, 20, 20));

    let refused = gateway.order("REFUSE", Side::Buy, 1, 990);
    gateway.expect(refused, &[Rejected]);

    // The cancel crosses the fill.
    let race = gateway.order("RACE", Side::Sell, 10, 1_010);
    gateway.expect(race, &[New]);
    let late = gateway.cancel(race);
    gateway.expect(late, &[CancelRejected]);
    gateway.expect(race, &[New, Fill]);
    assert_eq!(gateway.position("RACE"), -10);
}

/// An order of ours is lost: the counterparty asks for it, gets a gap fill in its place, and says then that it does not know
/// the order.
fn the_peer_misses_a_message(gateway: &mut Gateway, peer: &dyn Counterparty, wire: &Wire) {
    let not_received = gateway.core.counters().orders_not_received;
    wire.lose_one(To::Peer, &["35=D"]);
    let lost = gateway.order("REST", Side::Buy, 5, 994);
    let behind = gateway.order("REST", Side::Buy, 6, 993);
    gateway.until("the lost order is known not to have arrived", |gateway| {
        gateway.core.counters().orders_not_received > not_received && gateway.core.orders().in_doubt() == 0
    });
    assert_eq!(gateway.said(lost), [StatusUnknown]);
    assert!(gateway.open(lost).is_none());
    assert!(count(peer, Seen::Sent, "2") > 0, "the counterparty asked");
    let record = peer.record();
    let gap_fill = record.iter().find(|message| message.is(Seen::Received, "4")).expect("it was answered");
    assert_eq!((gap_fill.get(123), gap_fill.get(43)), ("Y", "Y"));
    assert!(!record.iter().any(|message| message.is(Seen::Received, "D") && !message.is_first()));
    println!("  the order behind the lost one: {:?}", gateway.said(behind));
}

/// A fill is lost: we ask, and the counterparty sends it and what came behind it again.
fn we_miss_a_message(gateway: &mut Gateway, peer: &dyn Counterparty, wire: &Wire) {
    let position = gateway.position("FILL");
    let late = gateway.core.counters().executions_late;
    wire.lose_one(To::Us, &["35=8", "39=1"]);
    let filled = gateway.order("FILL", Side::Sell, 40, 1_000);
    gateway.expect(filled, &[New, PartialFill, Fill]);
    assert_eq!(gateway.position("FILL"), position - 40);
    assert_eq!(count(peer, Seen::Received, "2"), 1, "we asked once");
    let record = peer.record();
    let again = record.iter().filter(|message| message.is(Seen::Sent, "8") && !message.is_first());
    let again: Vec<_> = again.collect();
    assert!(!again.is_empty() && again.iter().all(|report| !report.get(122).is_empty()), "{again:?}");
    println!("  reports sent again: {}", again.len());
    // The duplicates do not reach the core.
    assert_eq!(gateway.core.counters().executions_late, late);
}

/// The line breaks: reports of executions are under way to us, an order and a cancel to the counterparty.
fn the_line_breaks(gateway: &mut Gateway, peer: &dyn Counterparty, wire: &Wire) {
    let position = gateway.position("FILL");
    let resting = gateway.order("REST", Side::Sell, 30, 1_009);
    gateway.expect(resting, &[New]);
    let logons = count(peer, Seen::Received, "A");
    wire.lose_all(To::Us);
    let filled = gateway.order("FILL", Side::Buy, 70, 1_010);
    let accepted = gateway.order("REST", Side::Buy, 7, 992);
    let replaced = gateway.replace(resting, 35, 1_008);
    let applied = format!("{replaced}");
    gateway.until("the counterparty has answered what we do not hear", |_| {
        peer.record().iter().any(|message| message.is(Seen::Sent, "8") && message.get(11) == applied)
    });
    wire.lose_all(To::Peer);
    let before = wire.lost(To::Peer);
    let lost = gateway.order("REST", Side::Buy, 8, 991);
    gateway.until("the last order is lost", |_| wire.lost(To::Peer) > before);
    wire.cut();
    gateway.until_lost();
    assert_eq!(gateway.position("FILL"), position, "nothing of it was heard");
    wire.mend();
    gateway.reconnect();
    gateway.until("every order is certain again", |gateway| {
        gateway.core.orders().in_doubt() == 0 && gateway.core.orders().to_ask() == 0
    });
    assert!(gateway.open(lost).is_none(), "{:?}", gateway.said(lost));
    assert!(gateway.open(filled).is_none());
    assert_eq!(gateway.position("FILL"), position + 70);
    assert_eq!(gateway.open(accepted).expect("it rests").leaves(), 7);
    let order = gateway.open(replaced).expect("it rests, by its new id");
    assert_eq!((order.cl_ord_id, order.quantity, order.price), (replaced, 35, 1_008 * CENT));
    let record = peer.record();
    let logon = record.iter().filter(|message| message.is(Seen::Received, "A")).nth(logons);
    let logon = logon.expect("a second logon");
    assert!(logon.get(141) != "Y" && logon.number(34) > 1, "{logon:?}");
    for id in [filled, accepted, replaced] {
        println!("  after the break: {:?}", gateway.said(id));
    }
}

/// The process is killed while reports are under way; the next one goes on with the numbers of its journal.
fn the_process_dies(gateway: &mut Gateway, peer: &dyn Counterparty) {
    let position = gateway.position("FILL");
    let filled = gateway.order("FILL", Side::Sell, 50, 990);
    let id = format!("{filled}");
    let is_filled = |message: &Message| message.is_fill() && message.get(11) == id && message.get(39) == "2";
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while !peer.record().iter().any(is_filled) {
        assert!(std::time::Instant::now() < end, "the counterparty does not fill");
        std::thread::sleep(Duration::from_millis(1));
    }
    let next = gateway.kill();
    assert_eq!(gateway.said(filled), []);
    gateway.start(Some(next));
    gateway.until("every order is certain again", |gateway| {
        gateway.open(filled).is_none() && gateway.core.orders().in_doubt() == 0
    });
    println!("  after the restart: {:?}", gateway.said(filled));
    assert_eq!(gateway.position("FILL"), position - 50);
}

/// Both sides say the same, and nothing was counted twice.
fn agree(gateway: &Gateway, peer: &dyn Counterparty) {
    let record = peer.record();
    let account = Account::of(&record);
    let mut entered = BTreeSet::new();
    for message in record.iter().filter(|message| message.seen == Seen::Applied && message.get(35) != "H") {
        assert!(entered.insert(message.get(11)), "{} was applied twice", message.get(11));
    }
    for symbol in SYMBOLS {
        let theirs = account.positions.get(symbol).copied().unwrap_or(0);
        assert_eq!(gateway.position(symbol), theirs, "position in {symbol}");
    }
    let counters = gateway.core.counters();
    assert_eq!(counters.filled_quantity, account.filled);
    assert_eq!((counters.executions_refused, gateway.core.risk().is_killed()), (0, false), "{counters:?}");
    assert_eq!(gateway.core.orders().in_doubt(), 0);
    assert_eq!(gateway.core.orders().live() as usize, account.open.len(), "{:?}", account.open);
    for (id, theirs) in &account.open {
        let ours = gateway.open(*id).unwrap_or_else(|| panic!("{theirs:?} is not open here"));
        let said = (ours.cl_ord_id, ours.quantity, ours.cumulative, ours.leaves());
        assert_eq!(said, (theirs.cl_ord_id, theirs.quantity, theirs.filled, theirs.leaves));
    }
    for kind in ["3", "j"] {
        let rejects: Vec<_> = record.iter().filter(|message| message.get(35) == kind).collect();
        assert!(rejects.is_empty(), "a message was rejected: {rejects:?}");
    }
}

fn play(name: &str, begin_string: &str, number_style: NumberStyle, peer: &dyn Counterparty) {
    let begin = std::time::Instant::now();
    println!("{name}, {begin_string}, {number_style:?}");
    let wire = Wire::to(peer.port());
    let mut gateway = Gateway::new(begin_string, number_style, wire.address());
    gateway.start(None);
    let record = peer.record();
    let logon = record.iter().find(|message| message.is(Seen::Received, "A")).expect("a Logon");
    assert_eq!((logon.get(34), logon.get(141)), ("1", "Y"));

    orders_and_their_answers(&mut gateway);
    agree(&gateway, peer);
    the_peer_misses_a_message(&mut gateway, peer, &wire);
    agree(&gateway, peer);
    we_miss_a_message(&mut gateway, peer, &wire);
    agree(&gateway, peer);
    the_line_breaks(&mut gateway, peer, &wire);
    agree(&gateway, peer);
    the_process_dies(&mut gateway, peer);
    agree(&gateway, peer);
    let open: Vec<_> = Account::of(&peer.record()).open.into_keys().collect();
    for id in open {
        let cancel = gateway.cancel(id);
        gateway.expect(cancel, &[Canceled]);
    }

    let (next_outgoing, next_incoming) = gateway.log_out();
    let record = peer.record();
    for seen in [Seen::Received, Seen::Sent] {
        assert_eq!(record.iter().filter(|message| message.is(seen, "5")).count(), 1, "one Logout a side");
    }
    let last = |seen| {
        let numbers = record.iter().filter(|message| message.seen == seen && message.is_first());
        numbers.map(|message| message.number(34)).max()
    };
    assert_eq!(last(Seen::Received), Some(u64::from(next_outgoing) - 1));
    assert_eq!(last(Seen::Sent), Some(u64::from(next_incoming) - 1));
    agree(&gateway, peer);
    println!("  {} messages in the record, {:.1} s", record.len(), begin.elapsed().as_secs_f64());
}

const SESSIONS: [(&str, NumberStyle); 2] =
    [("FIX.4.4", NumberStyle::FixedWidth), ("FIX.4.2", NumberStyle::Compact)];

#[test]
fn the_gateway_trades_with_quickfix_tokio() {
    for (begin_string, number_style) in SESSIONS {
        play("quickfix-tokio", begin_string, number_style, &RustPeer::start(begin_string));
    }
}

#[test]
fn the_gateway_trades_with_quickfix_cpp() {
    for (begin_string, number_style) in SESSIONS {
        match CppPeer::start(begin_string) {
            Ok(peer) => play("QuickFIX C++", begin_string, number_style, &peer),
            Err(what) => return println!("SKIPPED: {what}"),
        }
    }
}
