//! What MDP 3.0 messages mean for the market: ends of events, losses and snapshots, statuses, resets.

use super::*;
use crate::event::{INSTRUMENT_ALL, TradingStatus};
use crate::mdp3::blocks::*;
use crate::mdp3::levels::action;
use crate::mdp3::packet::{MessageHeader, PacketHeader};

const VENUE: u8 = 2;
const TIME: u64 = 1_536_760_535_000_000_000;
const ES: i32 = 13_950;
const NQ: i32 = 5002;

/// A message of `template`: its root, and its groups as (length of the group's header, entries).
fn message(template: u16, root: &[u8], groups: &[(usize, Vec<Vec<u8>>)]) -> Vec<u8> {
    let mut body = root.to_vec();
    for (header_length, entries) in groups {
        let length = entries.first().map_or(0, Vec::len);
        body.extend(u16::try_from(length).unwrap().to_le_bytes());
        body.resize(body.len() + header_length - 3, 0);
        body.push(u8::try_from(entries.len()).unwrap());
        body.extend(entries.concat());
    }
    let size = u16::try_from(MessageHeader::LENGTH + body.len()).unwrap();
    let block_length = u16::try_from(root.len()).unwrap();
    let header = MessageHeader { size, block_length, template, schema: 1, version: 9 };
    [&header.to_bytes()[..], &body].concat()
}

fn root(end: bool) -> Vec<u8> {
    let match_event = if end { END_OF_EVENT } else { 0 };
    IncrementalRoot { transact_ns: TIME, match_event, padding: [0; 2] }.to_bytes().to_vec()
}

fn level(security_id: i32, entry_type: u8, action: u8, level: u8, price: i64, size: i32) -> Vec<u8> {
    let (report_sequence, orders, padding) = (1, 1, [0; 5]);
    BookEntry { price, size, security_id, report_sequence, orders, level, action, entry_type, padding }
        .to_bytes()
        .to_vec()
}

fn book(end: bool, levels: Vec<Vec<u8>>) -> Vec<u8> {
    message(46, &root(end), &[(3, levels), (8, Vec::new())])
}

fn order(order_id: u64, action: u8, price: i64, size: i32) -> Vec<u8> {
    let (priority, security_id, entry_type, padding) = (order_id, ES, b'0', [0; 6]);
    OrderBookEntry { order_id, priority, price, size, security_id, action, entry_type, padding }
        .to_bytes()
        .to_vec()
}

fn order_snapshot(last_sequence: u32, chunk: u32, chunks: u32, ids: &[u64]) -> Vec<u8> {
    let root = SnapshotOrdersRoot {
        last_sequence,
        total_reports: 1,
        security_id: ES,
        chunks,
        chunk,
        transact_ns: TIME,
    };
    let entries = ids
        .iter()
        .map(|&order_id| {
            SnapshotOrderEntry { order_id, priority: 1, price: 10, size: 5, entry_type: b'1' }
                .to_bytes()
                .to_vec()
        })
        .collect();
    message(53, &root.to_bytes(), &[(3, entries)])
}

fn snapshot(last_sequence: u32, bids: &[(i64, i32)]) -> Vec<u8> {
    let root = SnapshotRoot {
        last_sequence,
        total_reports: 1,
        security_id: ES,
        report_sequence: 1,
        transact_ns: TIME,
        last_update_ns: 0,
        trade_date: 0,
        status: 17,
        high_limit: PRICE_NULL,
        low_limit: PRICE_NULL,
        variation_max: PRICE_NULL,
    };
    let levels = bids.iter().zip(1i8..).map(|(&(price, size), level)| (b'0', level, price, size));
    let entries = levels
        .chain([(b'4', 127, 77, INT32_NULL), (b'E', 1, 99, 1)])
        .map(|(entry_type, level, price, size)| {
            let (reference_date, open_flag, settlement_type) = (0, 255, 0);
            SnapshotEntry {
                price,
                size,
                orders: 1,
                level,
                reference_date,
                open_flag,
                settlement_type,
                entry_type,
            }
            .to_bytes()
            .to_vec()
        })
        .collect();
    message(52, &root.to_bytes(), &[(3, entries)])
}

struct Channel {
    feed: Mdp3Feed,
    directory: Directory,
}

impl Channel {
    fn new(form: BookForm) -> Self {
        let directory = Directory::new(Vec::new(), 8).unwrap();
        Self { feed: Mdp3Feed::new(VENUE, 310, form, 4, 100), directory }
    }

    fn packet(&mut self, sequence: u32, messages: &[Vec<u8>]) -> Vec<MarketEvent> {
        let header = PacketHeader { sequence, sending_ns: TIME };
        let mut payload = Vec::new();
        messages::append_packet(header, &messages.concat(), &mut payload);
        let mut events = Vec::new();
        let summary = self.feed.decode_packet(&mut self.directory, &payload, TIME_NONE, &mut events).unwrap();
        assert_eq!(summary.stream, StreamId { channel: 310, session: 0 });
        assert_eq!(usize::try_from(summary.message_count).unwrap(), messages.len());
        assert!(
            events.iter().all(|event| event.venue == VENUE && event.receive_ns == event.exchange_ns + 100)
        );
        events
    }
}

/// (kind, instrument, price or order, quantity, flags).
fn rows(events: &[MarketEvent]) -> Vec<(EventKind, u32, i64, u64, u8)> {
    let number = |event: &MarketEvent| {
        if event.order_id == 0 { event.price } else { i64::try_from(event.order_id).unwrap() }
    };
    events
        .iter()
        .map(|event| (event.kind, event.instrument, number(event), event.quantity, event.flags))
        .collect()
}

use EventKind::{Clear, LevelSet, OrderAdd, OrderDelete, OrderModify, Recovered, Trade};

const LAST: u8 = flags::LAST_OF_EVENT;
const SNAP: u8 = flags::SNAPSHOT;
const NONE: i64 = crate::units::PRICE_NONE;

#[test]
fn an_event_ends_for_every_instrument_that_it_moved() {
    let mut channel = Channel::new(BookForm::Levels);
    let events = channel.packet(
        1,
        &[
            book(
                false,
                vec![
                    level(ES, b'0', action::NEW, 1, 100, 1),
                    level(NQ, b'1', action::NEW, 1, 300, 2),
                    level(ES, b'0', action::NEW, 1, 101, 3),
                    level(ES, b'F', action::NEW, 1, 90, 3),
                ],
            ),
            book(true, vec![]),
        ],
    );
    let expected = [(LevelSet, 0, 100, 1, 0), (LevelSet, 1, 300, 2, LAST), (LevelSet, 0, 101, 3, LAST)];
    assert_eq!(rows(&events), expected);
    assert_eq!(channel.feed.counters().implied_entries, 1);

    // The end comes in a packet of its own: the best level is set once more.
    let events = channel.packet(2, &[book(false, vec![level(ES, b'0', action::DELETE, 1, 101, 0)])]);
    assert_eq!(rows(&events), [(LevelSet, 0, 101, 0, 0)]);
    let events = channel.packet(3, &[message(37, &root(true), &[(3, Vec::new())])]);
    assert_eq!(rows(&events), [(LevelSet, 0, 100, 1, LAST)]);
    // Nothing is left to set.
    channel.packet(4, &[book(false, vec![level(ES, b'0', action::DELETE_FROM, 1, 100, 0)])]);
    assert_eq!(channel.packet(5, &[book(true, vec![])]), []);
    assert_eq!(channel.feed.counters().unmarked_ends, 1);
}

#[test]
fn after_a_loss_only_a_snapshot_that_is_new_enough_counts() {
    let mut channel = Channel::new(BookForm::Levels);
    let update = |price| book(true, vec![level(ES, b'0', action::CHANGE, 1, price, 1)]);
    assert_eq!(channel.packet(1, &[update(100)]).len(), 1);
    // A joined stream takes a snapshot that is not older than it.
    let events = channel.packet(70, &[snapshot(1, &[(100, 4), (99, 5)])]);
    let expected = [
        (Clear, 0, NONE, 0, SNAP),
        (LevelSet, 0, 100, 4, SNAP),
        (LevelSet, 0, 99, 5, SNAP),
        (Recovered, 0, NONE, 0, SNAP | LAST),
        (EventKind::TradingStatus, 0, NONE, TradingStatus::Trading as u64, LAST),
    ];
    assert_eq!(rows(&events), expected);
    assert_eq!(channel.packet(1, &[update(98)]), [], "in the snapshot already");
    assert_eq!(channel.packet(71, &[snapshot(9, &[(1, 1)])]), [], "the instrument is current");
    assert_eq!(channel.packet(2, &[update(98)]).len(), 2);

    channel.feed.lost();
    assert_eq!(channel.packet(4, &[update(97)]), []);
    assert_eq!(channel.packet(72, &[snapshot(3, &[(98, 1)])]), [], "older than packet 4");
    assert_eq!(channel.packet(73, &[snapshot(4, &[(97, 1)])]).len(), 4);
    assert_eq!(
        rows(&channel.packet(5, &[update(96)])),
        [(LevelSet, 0, 97, 0, 0), (LevelSet, 0, 96, 1, LAST)]
    );
    let counters = channel.feed.counters();
    assert_eq!((counters.ignored_entries, counters.ignored_snapshots), (2, 2));
}

#[test]
fn orders_and_their_snapshot_in_chunks() {
    let mut channel = Channel::new(BookForm::Orders);
    let orders = |end, orders| message(47, &root(end), &[(3, orders)]);
    let by_level = |end, reference, action: u8| {
        let entry = OrderIdEntry { order_id: 9, priority: 1, size: 6, reference, action, padding: [0; 2] };
        let levels = vec![level(ES, b'1', action::NEW, 1, 101, 6)];
        message(46, &root(end), &[(3, levels), (8, vec![entry.to_bytes().to_vec()])])
    };
    let messages = [
        orders(false, vec![order(7, action::NEW, 100, 3), order(8, action::CHANGE, 99, 4)]),
        by_level(false, 1, action::NEW),
        by_level(false, 2, action::NEW),
        orders(true, vec![order(7, action::DELETE, PRICE_NULL, INT32_NULL)]),
    ];
    let events = channel.packet(1, &messages);
    let expected = [
        (OrderAdd, 0, 7, 3, 0),
        (OrderModify, 0, 8, 4, 0),
        (OrderAdd, 0, 9, 6, 0),
        (OrderDelete, 0, 7, 0, LAST),
    ];
    assert_eq!(rows(&events), expected);
    assert_eq!((events[2].side, events[2].price), (Side::Sell, 101));
    assert_eq!(channel.feed.counters().inconsistent_entries, 1, "a reference to no level");

    channel.feed.lost();
    let update = || orders(true, vec![order(20, action::NEW, 1, 1)]);
    assert_eq!(channel.packet(50, &[order_snapshot(3, 2, 2, &[2])]), [], "not from its middle");
    assert_eq!(
        rows(&channel.packet(51, &[order_snapshot(3, 1, 2, &[1])])),
        [(Clear, 0, NONE, 0, SNAP), (OrderAdd, 0, 1, 5, SNAP)]
    );
    assert_eq!(channel.packet(3, &[update()]), [], "between the chunks, and in them");
    assert_eq!(
        rows(&channel.packet(52, &[order_snapshot(3, 2, 2, &[2])])),
        [(OrderAdd, 0, 2, 5, SNAP), (Recovered, 0, NONE, 0, SNAP | LAST)]
    );
    assert_eq!(rows(&channel.packet(4, &[update()])), [(OrderAdd, 0, 20, 1, LAST)]);
}

#[test]
fn statuses_resets_and_trades() {
    let mut channel = Channel::new(BookForm::Levels);
    let status = |security_id, group: &[u8; 6], status| {
        let root = SecurityStatusRoot {
            transact_ns: TIME,
            group: *group,
            asset: [0; 6],
            security_id,
            trade_date: 0,
            match_event: END_OF_EVENT,
            status,
            halt_reason: 0,
            trading_event: 0,
        };
        message(30, &root.to_bytes(), &[])
    };
    let codes = |events: &[MarketEvent]| -> Vec<_> {
        events.iter().map(|event| TradingStatus::from_code(event.quantity).unwrap()).collect()
    };
    let events =
        channel.packet(1, &[2, 17, 21, 25, 26, 103, 200].map(|code| status(ES, b"ES\0\0\0\0", code)));
    use TradingStatus::{Closed, Halted, PreOpen, QuotationOnly, Trading};
    assert_eq!(codes(&events), [Halted, Trading, PreOpen, QuotationOnly, Closed, Halted]);
    assert_eq!(channel.packet(2, &[status(INT32_NULL, b"ES\0\0\0\0", 17)]), [], "no definition, no group");

    let trade = |action, aggressor, trade_id| {
        let entry = TradeEntry {
            price: 100,
            size: 2,
            security_id: ES,
            report_sequence: 1,
            orders: 2,
            aggressor,
            action,
            trade_id,
            padding: [0; 2],
        };
        message(48, &root(true), &[(3, vec![entry.to_bytes().to_vec()]), (8, Vec::new())])
    };
    let events = channel
        .packet(3, &[trade(action::NEW, 1, 7), trade(action::NEW, 0, u32::MAX), trade(action::DELETE, 1, 7)]);
    assert_eq!(rows(&events), [(Trade, 0, 100, 2, LAST), (Trade, 0, 100, 2, LAST)]);
    assert_eq!((events[0].side, events[0].second_id), (Side::Sell, 7), "the resting side");
    assert_eq!((events[1].side, events[1].second_id), (Side::None, 0));
    assert_eq!(channel.feed.counters().trade_corrections, 1);

    channel.feed.lost();
    let reset = book(true, vec![level(ES, b'J', action::NEW, 0, PRICE_NULL, INT32_NULL)]);
    assert_eq!(rows(&channel.packet(5, &[reset])), [(Clear, 0, NONE, 0, 0), (Recovered, 0, NONE, 0, LAST)]);
    channel.feed.lost();
    let root = ChannelResetRoot { transact_ns: TIME, match_event: END_OF_EVENT };
    let entry = ChannelResetEntry { channel: 310 }.to_bytes().to_vec();
    let reset = message(4, &root.to_bytes(), &[(3, vec![entry])]);
    let all = INSTRUMENT_ALL;
    assert_eq!(
        rows(&channel.packet(6, &[reset])),
        [(Clear, all, NONE, 0, 0), (Recovered, all, NONE, 0, LAST)]
    );
    let update = book(true, vec![level(ES, b'0', action::NEW, 1, 5, 5)]);
    assert_eq!(channel.packet(1, &[update]).len(), 1, "sequence numbers start anew");
}

#[test]
fn a_bad_value_ends_the_packet_and_keeps_what_was_before() {
    let mut feed = Mdp3Feed::new(VENUE, 310, BookForm::Levels, 1, 0);
    let mut directory = Directory::new(Vec::new(), 1).unwrap();
    let levels = vec![level(ES, b'0', action::NEW, 1, 100, 1), level(ES, b'0', action::NEW, 1, 100, -1)];
    let heartbeat = message(12, &[], &[]);
    let mut payload = Vec::new();
    let packet = [heartbeat.clone(), book(true, levels)].concat();
    messages::append_packet(PacketHeader { sequence: 1, sending_ns: 0 }, &packet, &mut payload);
    let mut events = Vec::new();
    let error = feed.decode_packet(&mut directory, &payload, 5, &mut events).unwrap_err();
    assert_eq!(error.to_string(), "payload byte 22: a quantity -1 is out of range");
    assert_eq!(rows(&events), [(LevelSet, 0, 100, 1, 0)]);

    payload.clear();
    let unknown = message(999, &[1, 2, 3], &[]);
    let other = book(true, vec![level(NQ, b'0', action::NEW, 1, 100, 1)]);
    messages::append_packet(
        PacketHeader { sequence: 2, sending_ns: 0 },
        &[unknown, other].concat(),
        &mut payload,
    );
    feed.decode_packet(&mut directory, &payload, 5, &mut events).unwrap();
    let counters = feed.counters();
    assert_eq!((counters.unknown_messages, counters.unlisted_entries), (1, 1));
    // The event that the error cut ends with the next one.
    assert_eq!(rows(&events[1..]), [(LevelSet, 0, 100, 1, LAST)]);

    payload.clear();
    messages::append_packet(PacketHeader { sequence: 3, sending_ns: 0 }, &heartbeat, &mut payload);
    assert!(feed.decode_packet(&mut directory, &payload, 5, &mut events).unwrap().heartbeat);
}

#[test]
fn numbers_as_symbols() {
    for (security_id, symbol) in [(0, "#0"), (35, "#Z"), (36, "#10"), (-1, "#1Z141Z3"), (i32::MAX, "#ZIK0ZJ")]
    {
        assert_eq!(symbol_of(security_id).to_string(), symbol);
    }
}
