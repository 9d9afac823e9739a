//! Real MDP 3.0 packets: every message of a known template decodes and encodes back to its bytes.

use std::collections::BTreeMap;

use feeds::directory::Directory;
use feeds::event::{EventKind, MarketEvent, Side, TradingStatus, flags};
use feeds::mdp3::blocks::{END_OF_EVENT, INT32_NULL, SecurityStatusRoot};
use feeds::mdp3::feed::{BookForm, Mdp3Feed, symbol_of};
use feeds::mdp3::messages::{append_packet, decode};
use feeds::mdp3::packet;
use feeds::packet_decoder::PacketDecoder;
use feeds::units::TIME_NONE;

use crate::frames::{packet_files, payloads};

/// The packets of all files, without the prefix that those of the TCP services have.
pub fn packets() -> Option<Vec<(String, Vec<u8>)>> {
    let mut packets = Vec::new();
    for file in packet_files("omi_packets/Cme", "Mdp3")? {
        for payload in payloads(&file) {
            let bytes = match payload.bytes.strip_prefix(&packet::TCP_PREFIX) {
                Some(packet) if payload.tcp => packet.to_vec(),
                _ => payload.bytes,
            };
            packets.push((file.display().to_string(), bytes));
        }
    }
    Some(packets)
}

#[test]
fn every_mdp3_packet_file_comes_back_byte_for_byte() {
    let Some(packets) = packets() else { return };
    let mut known: BTreeMap<u16, u64> = BTreeMap::new();
    let mut unknown: BTreeMap<u16, u64> = BTreeMap::new();
    for (name, payload) in &packets {
        let (header, all) = packet::decode(payload).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut encoded = Vec::new();
        let mut at = packet::PacketHeader::LENGTH;
        for (message_header, body) in packet::messages(all) {
            let bytes = &payload[at..at + usize::from(message_header.size)];
            at += bytes.len();
            let before = encoded.len();
            match decode(&message_header, body).unwrap_or_else(|error| panic!("{name}: {error}")) {
                Some(message) => {
                    *known.entry(message_header.template).or_insert(0) += 1;
                    message.append(&message_header, &mut encoded);
                }
                None => {
                    *unknown.entry(message_header.template).or_insert(0) += 1;
                    encoded.extend_from_slice(bytes);
                }
            }
            assert!(encoded[before..] == *bytes, "{name}: template {}", message_header.template);
        }
        let mut again = Vec::new();
        append_packet(header, &encoded, &mut again);
        assert!(again == *payload, "{name}");
    }
    assert_eq!(packets.len(), 17);
    let counts = [
        (27, 2),
        (29, 3),
        (32, 7),
        (35, 1),
        (37, 6),
        (42, 2),
        (46, 8),
        (47, 2),
        (48, 2),
        (64, 1),
        (65, 1),
        (68, 1),
    ];
    assert_eq!(known, BTreeMap::from(counts));
    // The requests of the TCP service and their answers.
    assert_eq!(unknown, BTreeMap::from([(206, 1), (208, 1), (209, 1), (210, 1)]));
}

/// One file's packet in a new feed: its events and counters.
fn events_of(form: BookForm, file: &str) -> Option<(Vec<MarketEvent>, Mdp3Feed, Directory)> {
    let (name, payload) = packets()?.into_iter().find(|(name, _)| name.ends_with(file)).unwrap();
    let mut feed = Mdp3Feed::new(1, 310, form, 100, 0);
    let mut directory = Directory::new(Vec::new(), 100).unwrap();
    let mut events = Vec::new();
    feed.decode_packet(&mut directory, &payload, TIME_NONE, &mut events)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(events.len() <= feed.events_max(payload.len()));
    Some((events, feed, directory))
}

/// (kind, side, price, quantity, order or match number, last of its event) of each event.
type Row = (EventKind, Side, i64, u64, u64, bool);

fn rows(events: &[MarketEvent]) -> Vec<Row> {
    events
        .iter()
        .map(|event| {
            let id = if event.kind == EventKind::Trade { event.second_id } else { event.order_id };
            let last = event.flags & flags::LAST_OF_EVENT != 0;
            (event.kind, event.side, event.price, event.quantity, id, last)
        })
        .collect()
}

#[test]
fn every_packet_decodes_in_both_forms() {
    let Some(packets) = packets() else { return };
    for form in [BookForm::Levels, BookForm::Orders] {
        for (name, payload) in &packets {
            let mut feed = Mdp3Feed::new(1, 310, form, 100, 0);
            let mut directory = Directory::new(Vec::new(), 100).unwrap();
            let mut events = Vec::new();
            let summary = feed
                .decode_packet(&mut directory, payload, TIME_NONE, &mut events)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(summary.next_sequence, summary.first_sequence + 1);
            let counters = feed.counters();
            assert_eq!((counters.inconsistent_entries, counters.refused_listings), (0, 0), "{name}");
            assert_eq!(counters.unmarked_ends, 0, "{name}");
        }
    }
}

/// A trade, its volume, the orders in it, the level it left, an implied level: one event of the exchange.
#[test]
fn a_trade_and_what_it_left() {
    let file = "v1.9/MdIncrementalRefreshTradeSummary.pcap";
    let Some((events, feed, _)) = events_of(BookForm::Levels, file) else { return };
    use EventKind::{LevelSet, OrderDelete, OrderModify, Trade};
    let price = 12_952_000_000_000;
    let trade = (Trade, Side::Buy, price, 2, 341_412, false);
    assert_eq!(rows(&events), [trade, (LevelSet, Side::Buy, price, 3, 0, true)]);
    assert_eq!(feed.counters().implied_entries, 1);
    let Some((events, ..)) = events_of(BookForm::Orders, file) else { return };
    let delete = (OrderDelete, Side::None, i64::MIN, 0, 88_463_939_692, false);
    let modify = (OrderModify, Side::Buy, price, 2, 88_463_940_665, true);
    assert_eq!(rows(&events), [trade, delete, modify]);
}

#[test]
fn prices_of_both_exponents() {
    // ES on 2015-10-30, template 32, exponent -7: 2,077.75 and 2,077.50.
    let Some((events, ..)) = events_of(BookForm::Levels, "v1.5/MdIncrementalRefreshBook.pcap") else {
        return;
    };
    use EventKind::LevelSet;
    let first = (LevelSet, Side::Buy, 207_775_000_000_000, 308, 0, false);
    assert_eq!(rows(&events), [first, (LevelSet, Side::Buy, 207_750_000_000_000, 480, 0, true)]);
    // EUR/USD of EBS, template 64, exponent -9, quantities in units.
    let file = "v1.12/MdIncrementalRefreshBookLongQty.pcap";
    let Some((events, ..)) = events_of(BookForm::Levels, file) else { return };
    assert_eq!(rows(&events), [(LevelSet, Side::Sell, 1_208_150_000, 6_000_000, 0, true)]);
}

#[test]
fn a_snapshot_of_the_tcp_service() {
    let file = "v1.12/SnapshotFullRefreshTcpLongQty.Tcp.pcap";
    let Some((events, feed, directory)) = events_of(BookForm::Levels, file) else { return };
    let levels: Vec<(Side, i64, u64)> = events
        .iter()
        .filter(|event| event.kind == EventKind::LevelSet)
        .map(|event| (event.side, event.price, event.quantity))
        .collect();
    let expected = [
        (Side::Buy, 1_183_650_000, 1_000_000),
        (Side::Buy, 1_180_000_000, 1_000_000),
        (Side::Sell, 1_183_750_000, 1_000_000),
        (Side::Sell, 1_207_900_000, 2_000_000),
        (Side::Sell, 1_208_000_000, 2_000_000),
        (Side::Sell, 1_208_050_000, 17_000_000),
        (Side::Sell, 1_208_100_000, 13_000_000),
    ];
    assert_eq!(levels, expected);
    assert!(events.iter().all(|event| event.flags & flags::SNAPSHOT != 0));
    assert_eq!((events[0].kind, events[8].kind), (EventKind::Clear, EventKind::Recovered));
    assert_eq!(feed.counters().numbered_listings, 1);
    assert_eq!(directory.symbol(0), Some(symbol_of(11_827_320)));
}

#[test]
fn definitions_name_and_scale_their_instruments() {
    let file = "v1.5/MdInstrumentDefinitionSpread.pcap";
    let Some((mut events, mut feed, mut directory)) = events_of(BookForm::Levels, file) else { return };
    assert_eq!(events.len(), 5);
    assert!(events.iter().all(|event| event.kind == EventKind::TradingStatus));
    // ESU6 has the tick 0.25; the display factor of 0.01 makes it 25 on the wire.
    let future = feed.definition(2615).unwrap();
    assert_eq!((future.tick, future.match_algorithm, future.depth), (25_000_000_000, b'F', 10));
    assert_eq!(&future.group, b"ES\0\0\0\0");
    let symbols: Vec<String> = (0..5).map(|number| directory.symbol(number).unwrap().to_string()).collect();
    assert_eq!(symbols, ["ESM6-ESU6", "ESM6-ESZ6", "ESU6", "ESU6-ESZ6", "ESZ5"]);
    assert_eq!(feed.counters().numbered_listings, 0);

    // A status of their group is one of each of them.
    let root = SecurityStatusRoot {
        transact_ns: 1,
        group: future.group,
        asset: future.group,
        security_id: INT32_NULL,
        trade_date: 0,
        match_event: END_OF_EVENT,
        status: 17,
        halt_reason: 0,
        trading_event: 0,
    };
    let header = packet::MessageHeader { size: 40, block_length: 30, template: 30, schema: 1, version: 9 };
    let message = [&header.to_bytes()[..], &root.to_bytes()].concat();
    let mut payload = Vec::new();
    append_packet(packet::PacketHeader { sequence: 3, sending_ns: 1 }, &message, &mut payload);
    events.clear();
    feed.decode_packet(&mut directory, &payload, TIME_NONE, &mut events).unwrap();
    let trading = TradingStatus::Trading as u64;
    assert!(events.iter().all(|event| event.quantity == trading && event.flags == flags::LAST_OF_EVENT));
    assert_eq!(events.iter().map(|event| event.instrument).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}
