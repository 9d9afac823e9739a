//! Captures read back as what they are: the real ones in `../shared/data`, and built ones of every container form.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use feeds::directory::Directory;
use feeds::event::{EventKind, INSTRUMENT_NONE};
use feeds::itch::decode::decode;
use feeds::itch::encode::append_framed;
use feeds::itch::feed::ItchFeed;
use feeds::moldudp64;
use feeds::source::file::Capture;
use feeds::source::prescan::prescan;
use feeds::symbol::Symbol;
use feeds::units::TIME_NONE;

use crate::containers::{
    Order, enhanced_packet, every_message_framed, frame, gzip, interface, mold, pcap, section_header,
    simple_packet,
};

/// A path in the shared data folder, or `None` (said aloud) where that is absent.
pub fn shared_data(path: &str) -> Option<PathBuf> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    if root.is_dir() {
        return Some(root.join(path));
    }
    eprintln!("SKIPPED: ../shared/data is absent");
    None
}

/// All .pcap files in the ITCH folders of the packet collection.
pub fn itch_packet_files() -> Option<Vec<PathBuf>> {
    let root = shared_data("omi_packets/Nasdaq")?;
    let mut files = Vec::new();
    for folder in std::fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        if folder.to_string_lossy().contains("TotalView.Itch") {
            files.extend(std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()));
        }
    }
    files.sort();
    Some(files)
}

/// Decodes everything and encodes it again, comparing the bytes of each packet; returns the messages of each type.
fn round_trip(capture: &Capture, packets: &mut u64) -> BTreeMap<char, u64> {
    let mut types = BTreeMap::new();
    let mut cursor = capture.packets();
    let mut decoded = 0;
    while let Some(packet) = cursor.next(capture).unwrap() {
        let mut encoded = Vec::new();
        for (body, offset) in packet.messages() {
            let message =
                decode(body).unwrap_or_else(|e| panic!("{}", capture.message_error(e, offset, decoded)));
            assert_eq!(
                usize::try_from(offset).unwrap(),
                usize::try_from(packet.offset).unwrap() + encoded.len()
            );
            append_framed(&message, &mut encoded);
            *types.entry(char::from(body[0])).or_insert(0) += 1;
            decoded += 1;
        }
        assert!(encoded == packet.blocks, "{} at byte {}", capture.name(), packet.offset);
        let at = usize::try_from(packet.offset).unwrap();
        assert!(capture.bytes()[at..].starts_with(packet.blocks));
        if packet.receive_ns != TIME_NONE {
            let payload = &capture.bytes()[at - moldudp64::HEADER_LENGTH..at + packet.blocks.len()];
            let (header, _) = moldudp64::decode(payload).unwrap();
            assert_eq!(header.encode(), payload[..moldudp64::HEADER_LENGTH]);
            assert_eq!(header.sequence, packet.first_sequence);
        }
        *packets += 1;
    }
    assert_eq!(cursor.messages(), decoded);
    types
}

#[test]
fn every_itch_packet_file_comes_back_byte_for_byte() {
    let Some(files) = itch_packet_files() else { return };
    let mut packets = 0;
    let mut types = BTreeMap::new();
    for file in &files {
        let capture = Capture::open(file).unwrap();
        for (message_type, count) in round_trip(&capture, &mut packets) {
            *types.entry(message_type).or_insert(0) += count;
        }
    }
    assert_eq!(files.len(), 38);
    println!("{packets} packets, {types:?}");
    assert_eq!(types.keys().collect::<String>(), "ACDEFHIJLNPQSUXY");
}

#[test]
fn ouch_over_tcp_is_refused() {
    let Some(path) = shared_data("omi_packets/Nasdaq/Nasdaq.Nsm.Ouch.v5.0/EnterOrderMessage.pcap") else {
        return;
    };
    let capture = Capture::open(path).unwrap();
    let error = capture.packets().next(&capture).unwrap_err().to_string();
    assert!(error.contains("byte 40 (message 1): packet of another protocol: a TCP segment"), "{error}");
}

#[test]
fn iex_is_refused() {
    let Some(path) = shared_data("iex_go_iex/TOPS16.pcapng.gz") else { return };
    let capture = Capture::open(path).unwrap();
    let error = capture.packets().next(&capture).unwrap_err().to_string();
    assert!(error.contains("packet of another protocol: not MoldUDP64"), "{error}");
}

#[test]
fn bx_slice() {
    let Some(path) = shared_data("itch50_bx_20190730/itch_sample_slice.bin") else { return };
    let capture = Capture::open(path).unwrap();
    let mut packets = 0;
    let types = round_trip(&capture, &mut packets);
    let counts = [
        ('A', 2867),
        ('C', 3),
        ('D', 2660),
        ('E', 296),
        ('F', 12),
        ('H', 2),
        ('L', 4),
        ('N', 719),
        ('P', 102),
        ('R', 2),
        ('U', 10),
        ('Y', 2),
    ];
    assert_eq!(types, BTreeMap::from(counts));
    assert_eq!(packets, 6679);

    let (scan, error) = prescan(&capture, 3);
    assert_eq!(error, None);
    assert_eq!((scan.messages, scan.has_system_event, scan.first_receive_ns), (6679, false, TIME_NONE));
    let symbols: Vec<String> = scan.listings.iter().map(|listing| listing.symbol.to_string()).collect();
    assert_eq!(symbols, ["AAPL", "MSFT"]);
    assert!(scan.listings.iter().all(|listing| listing.round_lot_qty == Some(100)));
    assert_eq!(scan.listings.iter().map(|listing| listing.order_adds).sum::<u64>(), 2879);
}

#[test]
fn goog_day_as_events() {
    let Some(path) = shared_data("itch50_from_lobster/20120621.GOOG_L10.itch50.gz") else { return };
    let capture = Capture::open(path).unwrap();
    let types = round_trip(&capture, &mut 0);
    let counts =
        [('A', 115_729), ('D', 110_301), ('E', 7765), ('H', 1), ('P', 3913), ('R', 1), ('S', 6), ('X', 1852)];
    assert_eq!(types, BTreeMap::from(counts));

    let (scan, error) = prescan(&capture, 0);
    assert_eq!(error, None);
    assert_eq!((scan.messages, scan.has_system_event), (239_568, true));
    let mut directory =
        Directory::new(scan.listings.iter().map(|listing| listing.symbol).collect(), 8).unwrap();
    scan.list_into(&mut directory).unwrap();
    let mut feed = ItchFeed::new(0, 1_340_251_200_000_000_000, 0);
    let mut kinds = BTreeMap::new();
    let mut last_ns = 0;
    let mut cursor = capture.packets();
    while let Some(packet) = cursor.next(&capture).unwrap() {
        for (body, _) in packet.messages() {
            let event =
                feed.decode_event(&mut directory, body, packet.first_sequence, packet.receive_ns).unwrap();
            let Some(event) = event else { continue };
            assert!(event.exchange_ns >= last_ns && event.receive_ns == event.exchange_ns);
            assert_ne!(event.instrument, INSTRUMENT_NONE);
            last_ns = event.exchange_ns;
            *kinds.entry(event.kind as u8).or_insert(0) += 1;
        }
    }
    let kind = |kind: EventKind| kinds.get(&(kind as u8)).copied().unwrap_or(0);
    assert_eq!(kind(EventKind::OrderAdd), 115_729);
    assert_eq!(kind(EventKind::OrderDelete), 110_301);
    assert_eq!(kind(EventKind::OrderExecute), 7765);
    assert_eq!(kind(EventKind::OrderReduce), 1852);
    assert_eq!(kind(EventKind::Trade), 3913);
    assert_eq!(kind(EventKind::TradingStatus), 7);
    assert_eq!(feed.refused_listings, 0);
    assert_eq!(directory.symbol(0), Symbol::new("GOOG").ok());
}

/// What a built capture must give: (blocks, first sequence, receive time) of each packet.
fn packets(capture: &Capture) -> Vec<(Vec<u8>, u64, u64)> {
    let mut cursor = capture.packets();
    let mut all = Vec::new();
    while let Some(packet) = cursor.next(capture).unwrap() {
        assert_eq!(packet.messages().count(), usize::from(packet.message_count));
        let at = usize::try_from(packet.offset).unwrap();
        assert!(capture.bytes()[at..].starts_with(packet.blocks));
        all.push((packet.blocks.to_vec(), packet.first_sequence, packet.receive_ns));
    }
    all
}

#[test]
fn both_byte_orders_and_resolutions_of_pcap() {
    let messages = every_message_framed();
    let frames = [
        (1_692_705_600, 7, frame(17, &mold(1, &messages[..4]))),
        (1_692_705_600, 8, frame(2, b"IGMP, which is skipped")),
        (1_692_705_601, 999_999, frame(17, &mold(5, &[]))),
        (1_692_705_602, 0, frame(17, &mold(5, &messages[4..]))),
    ];
    for order in [Order::Little, Order::Big] {
        for (nanoseconds, unit) in [(false, 1000), (true, 1)] {
            let file = pcap(order, nanoseconds, &frames);
            for bytes in [gzip(&file), file] {
                let capture = Capture::from_bytes("built", bytes).unwrap();
                let expected = [
                    (messages[..4].concat(), 1, 1_692_705_600_000_000_000 + 7 * unit),
                    (Vec::new(), 5, 1_692_705_601_000_000_000 + 999_999 * unit),
                    (messages[4..].concat(), 5, 1_692_705_602_000_000_000),
                ];
                assert_eq!(packets(&capture), expected);
                let mut cursor = capture.packets();
                while cursor.next(&capture).unwrap().is_some() {}
                assert_eq!((cursor.skipped_frames(), cursor.messages()), (1, 23));
            }
        }
    }
}

#[test]
fn sections_interfaces_and_resolutions_of_pcapng() {
    let messages = every_message_framed();
    let payload = |sequence: u64| mold(sequence, &messages[..1]);
    let mut file = Vec::new();
    for (order, base) in [(Order::Big, 10), (Order::Little, 20)] {
        file.extend(section_header(order));
        file.extend(interface(order, 6));
        file.extend(enhanced_packet(order, 0, 1_692_705_600_000_007, &frame(17, &payload(base))));
        file.extend(interface(order, 9));
        file.extend(interface(order, 0x80 | 20));
        file.extend(enhanced_packet(order, 1, 1_692_705_600_000_000_009, &frame(17, &payload(base + 1))));
        file.extend(enhanced_packet(order, 2, 1_692_705_600 << 20 | 1 << 19, &frame(17, &payload(base + 2))));
        file.extend(simple_packet(order, &frame(17, &payload(base + 3))));
    }
    let capture = Capture::from_bytes("built", file).unwrap();
    let blocks = messages[0].clone();
    let section = |base: u64| {
        [
            (blocks.clone(), base, 1_692_705_600_000_007_000),
            (blocks.clone(), base + 1, 1_692_705_600_000_000_009),
            (blocks.clone(), base + 2, 1_692_705_600_500_000_000),
            (blocks.clone(), base + 3, TIME_NONE),
        ]
    };
    assert_eq!(packets(&capture), [section(10), section(20)].concat());
}

#[test]
fn binary_file_ends_at_its_marker_and_numbers_its_messages() {
    let messages = every_message_framed();
    let mut file = messages.concat();
    for tail in [&[][..], &[0, 0], &[0, 0, 0, 0, 0]] {
        file.truncate(messages.concat().len());
        file.extend(tail);
        let capture = Capture::from_bytes("built", file.clone()).unwrap();
        let all = packets(&capture);
        assert_eq!(all.len(), 23);
        for ((blocks, sequence, receive_ns), (message, number)) in all.iter().zip(messages.iter().zip(1..)) {
            assert_eq!((blocks, *sequence, *receive_ns), (message, number, TIME_NONE));
        }
    }
}
