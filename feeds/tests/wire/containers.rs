//! Builds the captures that the tests read: MoldUDP64 packets in pcap and pcapng files.

use feeds::itch::decode::decode;
use feeds::itch::encode::append_framed;
use feeds::itch::messages::{MESSAGE_TYPES, body_length};
use feeds::moldudp64::Header;

/// One framed message of every type, fields filled with a running byte.
pub fn every_message_framed() -> Vec<Vec<u8>> {
    MESSAGE_TYPES
        .iter()
        .map(|&message_type| {
            let length = body_length(message_type).unwrap();
            let body: Vec<u8> = std::iter::once(message_type).chain(1..).take(length).collect();
            let mut framed = Vec::new();
            append_framed(&decode(&body).unwrap(), &mut framed);
            framed
        })
        .collect()
}

/// A MoldUDP64 packet of framed messages.
pub fn mold(sequence: u64, framed: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(framed.len()).unwrap();
    let mut payload = Header { session: *b"0000000001", sequence, count }.encode().to_vec();
    payload.extend(framed.concat());
    payload
}

/// An Ethernet frame with one VLAN tag around IPv4 of this protocol number (17 for UDP) around `payload`.
pub fn frame(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let udp_length = u16::try_from(8 + payload.len()).unwrap();
    let mut frame = vec![0; 12];
    frame.extend([0x81, 0, 0, 5, 0x08, 0, 0x45, 0]);
    frame.extend((20 + udp_length).to_be_bytes());
    frame.extend([0, 1, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 239, 0, 0, 1, 0x10, 0, 0x20, 0]);
    frame.extend(udp_length.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
    frame
}

/// Byte order of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

/// A pcap file of Ethernet frames at (seconds, fraction).
pub fn pcap(order: Order, nanoseconds: bool, frames: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(order.u32(if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }));
    file.extend(order.u16(2));
    file.extend(order.u16(4));
    for field in [0, 0, 65_535, 1] {
        file.extend(order.u32(field));
    }
    for (seconds, fraction, frame) in frames {
        for field in [*seconds, *fraction, length(frame), length(frame)] {
            file.extend(order.u32(field));
        }
        file.extend(frame);
    }
    file
}

/// A pcapng block.
pub fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let total = u32::try_from(padded + 12).unwrap();
    let mut block = Vec::new();
    block.extend(order.u32(kind));
    block.extend(order.u32(total));
    block.extend(body);
    block.resize(8 + padded, 0);
    block.extend(order.u32(total));
    block
}

/// A pcapng section header block.
pub fn section_header(order: Order) -> Vec<u8> {
    let mut body = order.u32(0x1a2b_3c4d).to_vec();
    body.extend(order.u16(1));
    body.extend(order.u16(0));
    body.extend([0xff; 8]);
    block(order, 0x0a0d_0d0a, &body)
}

/// A pcapng interface description of Ethernet with a time resolution (option `if_tsresol`).
pub fn interface(order: Order, resolution: u8) -> Vec<u8> {
    let mut body = order.u16(1).to_vec();
    body.extend(order.u16(0));
    body.extend(order.u32(0));
    body.extend(order.u16(9));
    body.extend(order.u16(1));
    body.extend([resolution, 0, 0, 0, 0, 0, 0, 0]);
    block(order, 1, &body)
}

/// A pcapng enhanced packet block.
pub fn enhanced_packet(order: Order, interface: u32, time: u64, frame: &[u8]) -> Vec<u8> {
    let mut body = order.u32(interface).to_vec();
    body.extend(order.u32(u32::try_from(time >> 32).unwrap()));
    body.extend(order.u32(u32::try_from(time & 0xffff_ffff).unwrap()));
    body.extend(order.u32(length(frame)));
    body.extend(order.u32(length(frame)));
    body.extend(frame);
    block(order, 6, &body)
}

/// A pcapng simple packet block.
pub fn simple_packet(order: Order, frame: &[u8]) -> Vec<u8> {
    let mut body = order.u32(length(frame)).to_vec();
    body.extend(frame);
    block(order, 3, &body)
}

/// The same bytes gzipped.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
