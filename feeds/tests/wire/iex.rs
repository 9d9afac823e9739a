//! Real IEX segments: every message decodes and encodes back to its bytes, and the test facility's day as events.

use std::collections::BTreeMap;

use feeds::directory::Directory;
use feeds::event::{EventKind, INSTRUMENT_NONE, Side, flags};
use feeds::iex::decode::decode;
use feeds::iex::encode::{append_framed, append_segment};
use feeds::iex::feed::{IexCounters, IexFeed};
use feeds::iex::messages::Message;
use feeds::iex::transport;
use feeds::packet_decoder::PacketDecoder;
use feeds::units::TIME_NONE;

use crate::captures::shared_data;
use crate::frames::{packet_files, payloads};

/// Decodes a segment and encodes it again, comparing the bytes; counts its messages by type.
fn round_trip(payload: &[u8], types: &mut BTreeMap<char, u64>) -> u16 {
    let (header, blocks) = transport::decode(payload).unwrap();
    let mut framed = Vec::new();
    let messages: Vec<Message> = transport::blocks(blocks)
        .map(|body| {
            *types.entry(char::from(body[0])).or_insert(0) += 1;
            let message = decode(body).unwrap().unwrap_or_else(|| panic!("type {}", body[0]));
            append_framed(&message, &mut framed);
            message
        })
        .collect();
    assert!(framed == blocks, "the blocks come back");
    let mut again = Vec::new();
    append_segment(header, &messages, &mut again).unwrap();
    assert!(again == payload, "the segment comes back");
    header.message_count
}

#[test]
fn every_iex_packet_file_comes_back_byte_for_byte() {
    let Some(files) = packet_files("omi_packets/Iex", "") else { return };
    let mut types = BTreeMap::new();
    let mut packets = 0;
    for file in &files {
        // One feed a file: each is of one protocol and session.
        let mut feed = IexFeed::new(0, 10_000, 0);
        let mut directory = Directory::new(Vec::new(), 10_000).unwrap();
        let mut events = Vec::new();
        for payload in payloads(file) {
            let count = round_trip(&payload.bytes, &mut types);
            events.clear();
            let summary = feed
                .decode_packet(&mut directory, &payload.bytes, TIME_NONE, &mut events)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            assert_eq!(summary.message_count, u32::from(count));
            assert!(events.len() <= feed.events_max(payload.bytes.len()));
            packets += 1;
        }
        assert_eq!(feed.counters().unknown_messages, 0);
    }
    assert_eq!((files.len(), packets), (27, 39));
    println!("{types:?}");
    assert_eq!(types.keys().collect::<String>(), "58ABDEHILMOPQRSTXa");
}

#[test]
fn tops_day_of_the_test_facility() {
    let Some(path) = shared_data("iex_go_iex/TOPS16.pcapng.gz") else { return };
    let mut feed = IexFeed::new(0, 10_000, 0);
    let mut directory = Directory::new(Vec::new(), 10_000).unwrap();
    let mut events = Vec::new();
    let mut types = BTreeMap::new();
    let (mut packets, mut messages, mut gaps, mut heartbeats) = (0, 0, 0, 0);
    let mut kinds: BTreeMap<u8, u64> = BTreeMap::new();
    let mut expected = None;
    let mut best: BTreeMap<(u32, u8), (i64, u64)> = BTreeMap::new();
    let mut crossed = 0;
    for payload in payloads(&path) {
        messages += u64::from(round_trip(&payload.bytes, &mut types));
        events.clear();
        let summary = feed.decode_packet(&mut directory, &payload.bytes, TIME_NONE, &mut events).unwrap();
        packets += 1;
        heartbeats += u64::from(summary.heartbeat);
        gaps +=
            u64::from(expected.is_some_and(|expected| expected != (summary.stream, summary.first_sequence)));
        expected = Some((summary.stream, summary.next_sequence));
        for event in &events {
            assert_ne!(event.instrument, INSTRUMENT_NONE);
            assert_eq!(event.exchange_ns, event.receive_ns);
            *kinds.entry(event.kind as u8).or_insert(0) += 1;
            if event.kind == EventKind::LevelSet {
                let key = (event.instrument, event.side as u8);
                if event.quantity != 0 {
                    assert_eq!(
                        best.insert(key, (event.price, event.quantity)).filter(|best| best.0 != event.price),
                        None
                    );
                } else {
                    assert_eq!(best.remove(&key).map(|best| best.0), Some(event.price));
                }
                if event.flags & flags::LAST_OF_EVENT != 0 {
                    let bid = best.get(&(event.instrument, Side::Buy as u8));
                    let ask = best.get(&(event.instrument, Side::Sell as u8));
                    crossed += u64::from(bid.zip(ask).is_some_and(|(bid, ask)| bid.0 >= ask.0));
                }
            }
        }
    }
    assert_eq!((packets, messages), (13_022, 57_674));
    assert_eq!((heartbeats, gaps, crossed, directory.len()), (237, 0, 0, 7799));
    let counts = [
        ('A', 642),
        ('B', 3),
        ('D', 10),
        ('H', 7803),
        ('O', 7801),
        ('P', 7802),
        ('Q', 27_217),
        ('S', 6),
        ('T', 6390),
    ];
    assert_eq!(types, BTreeMap::from(counts));
    let kind = |kind: EventKind| kinds.get(&(kind as u8)).copied().unwrap_or(0);
    let counts = (kind(EventKind::LevelSet), kind(EventKind::Trade), kind(EventKind::TradingStatus));
    assert_eq!(counts, (5247, 6390, 7811));
    assert_eq!(feed.counters(), IexCounters { trade_breaks: 3, ..IexCounters::default() });
}
