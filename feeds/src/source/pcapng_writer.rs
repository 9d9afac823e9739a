//! The bytes of a pcapng recording of UDP datagrams: section, one interface a line, one packet block a datagram, and
//! the lines' statistics at the end.
//!
//! Source: «PCAP Now Generic (pcapng) Capture File Format» (IETF opsawg draft): section header block, interface
//! description block with if_tsresol 9 (ns), enhanced packet block, interface statistics block. Sans-I/O: every function
//! appends whole blocks to the caller's vector, so that a file cut between two writes is a valid shorter recording.
//! Nothing is allocated when the vector has room.
//!
//! The link type is raw IP: a socket does not see the link layer, and none is made up. The IP and UDP headers are made
//! again from what the line's configuration says, with right lengths and checksums. What a socket does not tell is not in
//! them: the sender is the line's source where one is configured, else the unspecified address, and its port is
//! written as the line's own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::network::link;
use super::udp::checksum;
use super::udp::{LineConfig, LineStatistics};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

/// Tells the reader the byte order; blocks are little-endian.
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

mod option {
    pub const END: u16 = 0;
    pub const COMMENT: u16 = 1;
    pub const SHB_USERAPPL: u16 = 4;
    pub const IF_NAME: u16 = 2;
    pub const IF_DESCRIPTION: u16 = 3;
    pub const IF_TSRESOL: u16 = 9;
    pub const ISB_STARTTIME: u16 = 2;
    pub const ISB_ENDTIME: u16 = 3;
    pub const ISB_IFRECV: u16 = 4;
    pub const ISB_IFDROP: u16 = 5;
}

const UDP_HEADER_BYTES: usize = 8;
const IPV4_HEADER_BYTES: usize = 20;
const IPV6_HEADER_BYTES: usize = 40;
const PROTOCOL_UDP: u8 = 17;
/// Hops that a multicast datagram has left when it arrives; a made-up value, as is said in the section's comment.
const HOPS: u8 = 1;

/// Longest payload that fits a UDP datagram over IPv4, bytes.
pub const PAYLOAD_BYTES_MAX: usize = 65_507;

/// What a packet block takes beyond its payload at most, bytes.
pub const PACKET_OVERHEAD_BYTES: usize = 32 + IPV6_HEADER_BYTES + UDP_HEADER_BYTES + 3;

/// A line's part of the headers.
#[derive(Clone, Copy, Debug)]
struct Addresses {
    source: IpAddr,
    destination: IpAddr,
    port: u16,
}

/// Writes recordings of a fixed set of lines.
#[derive(Clone, Debug)]
pub struct PcapngWriter {
    lines: Vec<Addresses>,
    /// Payload with its headers, while a block is being made.
    packet: Vec<u8>,
}

impl PcapngWriter {
    /// A writer of `lines`, and the head of the file in `out`: the section and an interface for each line, in order,
    /// which carries the line's interface and address as its name.
    #[must_use]
    pub fn new(lines: &[LineConfig], out: &mut Vec<u8>) -> Self {
        section_header(out);
        for (number, line) in lines.iter().enumerate() {
            interface(out, number, line);
        }
        let lines = lines.iter().map(|line| Addresses {
            source: line.source.unwrap_or(match line.group {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            }),
            destination: line.group,
            port: line.port,
        });
        Self { lines: lines.collect(), packet: Vec::with_capacity(PAYLOAD_BYTES_MAX + PACKET_OVERHEAD_BYTES) }
    }

    /// Appends one datagram of a line, received at `receive_ns`, UTC ns. `false`, and nothing is appended: there is no
    /// such line, or no datagram is that long.
    pub fn packet(&mut self, out: &mut Vec<u8>, line: u8, receive_ns: u64, payload: &[u8]) -> bool {
        let Some(&addresses) = self.lines.get(usize::from(line)) else { return false };
        let Ok(udp_length) = u16::try_from(UDP_HEADER_BYTES + payload.len()) else { return false };
        if payload.len() > PAYLOAD_BYTES_MAX {
            return false;
        }
        self.packet.clear();
        addresses.append(&mut self.packet, udp_length, payload);
        let captured = length32(self.packet.len());
        let (high, low) = halves(receive_ns);
        block(out, ENHANCED_PACKET, |out| {
            for word in [u32::from(line), high, low, captured, captured] {
                out.extend_from_slice(&word.to_le_bytes());
            }
            out.extend_from_slice(&self.packet);
            pad(out, self.packet.len());
        });
        true
    }

    /// Appends what a line received and lost between two times, UTC ns; it ends a recording.
    pub fn statistics(
        &self,
        out: &mut Vec<u8>,
        line: u8,
        from_ns: u64,
        until_ns: u64,
        statistics: &LineStatistics,
    ) {
        let LineStatistics { packets, kernel_drops, truncated, damaged, .. } = *statistics;
        let received = packets + kernel_drops + truncated + damaged;
        let (high, low) = halves(until_ns);
        block(out, INTERFACE_STATISTICS, |out| {
            for word in [u32::from(line), high, low] {
                out.extend_from_slice(&word.to_le_bytes());
            }
            let time = |time_ns| {
                let (high, low) = halves(time_ns);
                [high.to_le_bytes(), low.to_le_bytes()].concat()
            };
            option(out, option::ISB_STARTTIME, &time(from_ns));
            option(out, option::ISB_ENDTIME, &time(until_ns));
            option(out, option::ISB_IFRECV, &received.to_le_bytes());
            option(out, option::ISB_IFDROP, &(received - packets).to_le_bytes());
            option(out, option::END, &[]);
        });
    }
}

impl Addresses {
    /// IP and UDP headers and the payload.
    fn append(&self, out: &mut Vec<u8>, udp_length: u16, payload: &[u8]) {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let total_length = udp_length.saturating_add(20);
                out.extend_from_slice(&[0x45, 0]);
                out.extend_from_slice(&total_length.to_be_bytes());
                out.extend_from_slice(&[0, 0, 0x40, 0, HOPS, PROTOCOL_UDP, 0, 0]);
                out.extend_from_slice(&source.octets());
                out.extend_from_slice(&destination.octets());
                let checksum = checksum::of_header(&out[..IPV4_HEADER_BYTES]);
                out[10..12].copy_from_slice(&checksum.to_be_bytes());
            }
            (source, destination) => {
                out.extend_from_slice(&[0x60, 0, 0, 0]);
                out.extend_from_slice(&udp_length.to_be_bytes());
                out.extend_from_slice(&[PROTOCOL_UDP, HOPS]);
                for address in [source, destination] {
                    let octets = match address {
                        IpAddr::V6(v6) => v6.octets(),
                        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                    };
                    out.extend_from_slice(&octets);
                }
            }
        }
        let udp_at = out.len();
        for word in [self.port, self.port, udp_length, 0] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(payload);
        let checksum = match checksum::of_udp(self.source, self.destination, &out[udp_at..]) {
            // Zero stands for «none» (RFC 768).
            0 => 0xffff,
            checksum => checksum,
        };
        out[udp_at + 6..udp_at + 8].copy_from_slice(&checksum.to_be_bytes());
    }
}

fn section_header(out: &mut Vec<u8>) {
    block(out, SECTION_HEADER, |out| {
        out.extend_from_slice(&BYTE_ORDER_MAGIC.to_le_bytes());
        out.extend_from_slice(&[1, 0, 0, 0]);
        // The section's length: not known in advance.
        out.extend_from_slice(&u64::MAX.to_le_bytes());
        option(out, option::SHB_USERAPPL, concat!("warptick ", env!("CARGO_PKG_VERSION")).as_bytes());
        option(out, option::COMMENT, b"UDP payloads as received; IP and UDP headers made again by warptick");
        option(out, option::END, &[]);
    });
}

fn interface(out: &mut Vec<u8>, number: usize, line: &LineConfig) {
    block(out, INTERFACE_DESCRIPTION, |out| {
        out.extend_from_slice(&link::RAW.to_le_bytes());
        // Reserved, then no limit to the packets' length.
        out.extend_from_slice(&[0; 6]);
        let name = line.interface.as_deref().unwrap_or("any");
        option(out, option::IF_NAME, name.as_bytes());
        option(out, option::IF_DESCRIPTION, format!("line {number}: {line}").as_bytes());
        option(out, option::IF_TSRESOL, &[9]);
        option(out, option::END, &[]);
    });
}

/// A block around what `body` appends, which must be whole words.
fn block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    body(out);
    let length = length32(out.len() - start + 4).to_le_bytes();
    out.extend_from_slice(&length);
    out[start + 4..start + 8].copy_from_slice(&length);
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX) - 3)];
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(value);
    pad(out, value.len());
}

/// Zeroes up to a whole word behind `length` bytes.
fn pad(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&[0; 3][..length.next_multiple_of(4) - length]);
}

fn length32(length: usize) -> u32 {
    u32::try_from(length).expect("a block holds one datagram or a few options")
}

/// A time stamp as the format splits it.
#[allow(clippy::cast_possible_truncation)]
const fn halves(time_ns: u64) -> (u32, u32) {
    ((time_ns >> 32) as u32, time_ns as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moldudp64::{HEADER_LENGTH, Header};
    use crate::source::file::Capture;
    use crate::source::network::{self, Content};
    use proptest::prelude::*;
    use std::process::Command;

    fn lines() -> Vec<LineConfig> {
        ["239.1.2.3:26400@eth0", "232.1.2.4:26401@eth1,10.0.0.9", "127.0.0.1:5000", "[ff15::1]:26400@eth0"]
            .map(|text| text.parse().unwrap())
            .to_vec()
    }

    /// A MoldUDP64 packet of one message.
    fn mold(sequence: u64, body: &[u8]) -> Vec<u8> {
        let mut packet = Header { session: *b"SESSION 01", sequence, count: 1 }.encode().to_vec();
        packet.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        packet.extend(body);
        packet
    }

    proptest! {
        #[test]
        fn our_reader_gives_the_payloads_and_times_back(
            packets in prop::collection::vec(
                (0u8..4, any::<u64>(), prop::collection::vec(any::<u8>(), 0..300)), 1..40),
        ) {
            let mut out = Vec::new();
            let mut writer = PcapngWriter::new(&lines(), &mut out);
            for (sequence, (line, receive_ns, body)) in (1..).zip(&packets) {
                // The reader keeps the largest time for «none».
                prop_assert!(writer.packet(&mut out, *line, receive_ns >> 1, &mold(sequence, body)));
            }
            for line in 0..4 {
                writer.statistics(&mut out, line, 0, 1, &LineStatistics::default());
            }
            let capture = Capture::from_bytes("recording", out).unwrap();
            let mut cursor = capture.packets();
            for (sequence, (_, receive_ns, body)) in (1..).zip(&packets) {
                let packet = cursor.next(&capture).unwrap().unwrap();
                prop_assert_eq!(packet.receive_ns, receive_ns >> 1);
                prop_assert_eq!(packet.first_sequence, sequence);
                prop_assert_eq!(packet.blocks, &mold(sequence, body)[HEADER_LENGTH..]);
            }
            prop_assert_eq!(cursor.next(&capture).unwrap(), None);
        }
    }

    #[test]
    fn headers_are_right_for_every_length() {
        let lines = lines();
        let mut writer = PcapngWriter::new(&lines, &mut Vec::new());
        for line in 0..4u8 {
            for length in [0, 1, 2, 3, 63, 64, 1_472, PAYLOAD_BYTES_MAX] {
                let payload: Vec<u8> = (0..length).map(|at| u8::try_from(at % 255).unwrap()).collect();
                let mut out = Vec::new();
                assert!(writer.packet(&mut out, line, 1, &payload));
                assert_eq!(out.len() % 4, 0);
                assert!(out.len() <= length + PACKET_OVERHEAD_BYTES, "{length}");
                let captured = u32::from_le_bytes(*out[20..].first_chunk().unwrap());
                let packet = &out[28..28 + usize::try_from(captured).unwrap()];
                let Content::Udp { at, payload: found } = network::content(link::RAW, packet) else {
                    panic!()
                };
                assert_eq!(found, payload);
                assert!(checksum::is_right(packet, &packet[at - 8..]) && packet[at - 2..at] != [0, 0]);
                if packet[0] >> 4 == 4 {
                    assert_eq!(checksum::of_header(&packet[..20]), 0);
                }
            }
        }
        let mut out = Vec::new();
        assert!(!writer.packet(&mut out, 4, 1, b"no such line"));
        assert!(!writer.packet(&mut out, 0, 1, &[0; PAYLOAD_BYTES_MAX + 1]));
        assert!(out.is_empty());
    }

    /// Wireshark's own reader: every packet, its time, its line and its payload, and no complaint.
    #[test]
    fn wireshark_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("recording.pcapng");
        let mut out = Vec::new();
        let mut writer = PcapngWriter::new(&lines(), &mut out);
        for number in 0..8u8 {
            let time_ns = 1_700_000_000_123_456_789 + u64::from(number);
            assert!(writer.packet(&mut out, number % 4, time_ns, &vec![number; usize::from(number) + 1]));
        }
        let lost = LineStatistics { packets: 2, kernel_drops: 3, ..LineStatistics::default() };
        writer.statistics(&mut out, 0, 1_700_000_000_000_000_000, 1_700_000_001_000_000_000, &lost);
        std::fs::write(&path, out).unwrap();
        let tshark = Command::new("tshark")
            .args(["-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-T", "fields"])
            .args([
                "-e",
                "frame.time_epoch",
                "-e",
                "frame.interface_id",
                "-e",
                "udp.dstport",
                "-e",
                "data.data",
            ])
            .args(["-e", "udp.checksum.status", "-e", "_ws.malformed", "-d", "udp.port==1-65535,data", "-r"])
            .arg(&path)
            .output();
        let Ok(output) = tshark else { return println!("SKIPPED: there is no tshark on this host") };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let found: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(found.len(), 8, "{text}");
        for (number, fields) in found.iter().enumerate() {
            let data = format!("{number:02x}").repeat(number + 1);
            let port = ["26400", "26401", "5000", "26400"][number % 4];
            let time = format!("1700000000.{}", 123_456_789 + number);
            // Status 1: the checksum is good.
            assert_eq!(fields[..5], [&time, &(number % 4).to_string(), port, &data, "1"], "{text}");
            assert_eq!(fields.get(5), Some(&""), "{text}");
        }
    }
}
