//! The genuine OUCH 5.0 packets of `../shared/data/omi_packets`: what each of them says, and that writing it again gives
//! the same bytes.

use feeds::soupbintcp::Packet;

use super::appendage::tag;
use super::messages::{ClientMessage, VenueMessage};

const DIRECTORY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/omi_packets/Nasdaq/Nasdaq.Nsm.Ouch.v5.0");

/// The TCP payload of the only packet of a capture: Ethernet, perhaps with a VLAN tag, and IPv4.
fn payload(name: &str) -> Option<Vec<u8>> {
    let file = std::fs::read(format!("{DIRECTORY}/{name}.pcap")).ok()?;
    let frame = &file[24 + 16..];
    let ip = if frame[12..14] == [0x81, 0x00] { &frame[18..] } else { &frame[14..] };
    let ip = &ip[..usize::from(u16::from_be_bytes([ip[2], ip[3]]))];
    let tcp = &ip[usize::from(ip[0] & 15) * 4..];
    Some(tcp[usize::from(tcp[12] >> 4) * 4..].to_vec())
}

/// The SoupBinTCP packet in a payload, which holds nothing else.
fn packet(payload: &[u8]) -> Packet<'_> {
    assert_eq!(usize::from(u16::from_be_bytes([payload[0], payload[1]])), payload.len() - 2);
    let packet = Packet::decode(&payload[2..]).expect("a packet");
    let mut again = [0; 256];
    let length = packet.encode(&mut again).expect("room");
    assert_eq!(&again[..length], payload);
    packet
}

#[test]
fn every_packet_says_what_it_should_and_is_written_alike() {
    let Some(heartbeat) = payload("ClientHeartbeatPacket") else {
        println!("SKIPPED: ../shared/data is absent");
        return;
    };
    assert_eq!(packet(&heartbeat), Packet::ClientHeartbeat);
    assert_eq!(packet(&payload("ServerHeartbeatPacket").unwrap()), Packet::ServerHeartbeat);
    let mut again = [0; 256];

    let bytes = payload("EnterOrderMessage").unwrap();
    let Packet::Unsequenced(body) = packet(&bytes) else { panic!("{bytes:02x?}") };
    let (message, appendage) = ClientMessage::decode(body).unwrap();
    let ClientMessage::EnterOrder(enter) = message else { panic!("{message:?}") };
    assert_eq!((enter.user_ref_num, enter.side, enter.quantity), (113, b'T', 225));
    assert_eq!((&enter.symbol, enter.price), (b"CVLT    ", 630_200));
    let marks = [enter.time_in_force, enter.display, enter.capacity, enter.sweep, enter.cross_type];
    assert_eq!((&marks, &enter.cl_ord_id), (b"0YANN", b"H8FUB8IV      "));
    assert_eq!(appendage.get(tag::FIRM), Some(&b"LIME"[..]));
    let length = message.encode(appendage, &mut again).unwrap();
    assert_eq!(&again[..length], body);

    let bytes = payload("CancelOrderMessage").unwrap();
    let Packet::Unsequenced(body) = packet(&bytes) else { panic!("{bytes:02x?}") };
    let (message, appendage) = ClientMessage::decode(body).unwrap();
    let ClientMessage::CancelOrder(cancel) = message else { panic!("{message:?}") };
    assert_eq!((cancel.user_ref_num, cancel.quantity), (0x0075_2e71, 0));
    let length = message.encode(appendage, &mut again).unwrap();
    assert_eq!(&again[..length], body);

    let bytes = payload("OrderAcceptedMessage").unwrap();
    let Packet::Sequenced(body) = packet(&bytes) else { panic!("{bytes:02x?}") };
    let (message, appendage) = VenueMessage::decode(body).unwrap();
    let VenueMessage::OrderAccepted(accepted) = message else { panic!("{message:?}") };
    // 12:24:07 Eastern.
    assert_eq!(accepted.time_ns, 44_647_483_486_087);
    assert_eq!((accepted.user_ref_num, accepted.side, accepted.quantity), (0x0075_3a8d, b'B', 40));
    assert_eq!((&accepted.symbol, accepted.price), (b"ADBE    ", 4_777_800));
    assert_eq!((accepted.time_in_force, accepted.order_state), (b'5', b'L'));
    assert_eq!((&accepted.cl_ord_id, accepted.order_reference_number), (b"7682701       ", 257_340_661));
    assert_eq!(appendage.get(tag::FIRM), Some(&b"MLRO"[..]));
    assert_eq!(appendage.get(18), Some(&b"0"[..]));
    let length = message.encode(appendage, &mut again).unwrap();
    assert_eq!(&again[..length], body);

    let bytes = payload("CanceledMessage").unwrap();
    let Packet::Sequenced(body) = packet(&bytes) else { panic!("{bytes:02x?}") };
    let (message, appendage) = VenueMessage::decode(body).unwrap();
    let VenueMessage::OrderCanceled(canceled) = message else { panic!("{message:?}") };
    assert_eq!((canceled.user_ref_num, canceled.quantity, canceled.reason), (0x0075_3a8d, 40, b'U'));
    let length = message.encode(appendage, &mut again).unwrap();
    assert_eq!(&again[..length], body);
}
