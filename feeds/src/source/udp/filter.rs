//! Classic BPF programs for sockets: what the packet ring takes, and «nothing» for the socket beside it.
//!
//! Source: Linux Documentation/networking/filter.rst. Made and attached when a line is opened; the kernel runs them.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use super::config::LineConfig;
use super::socket::set_option;

/// Accept: this many bytes of the packet, which is all of it.
const WHOLE_PACKET: u32 = 0x0004_0000;

/// Offset that stands for the packet's type (outgoing or not) and not for a byte of it: SKF_AD_OFF + SKF_AD_PKTTYPE.
const PACKET_TYPE: u32 = 0xffff_f000 + 4;

const PROTOCOL_UDP: u32 = 17;

/// Jump target that is patched to the rejecting instruction when the program is complete.
const REJECT: u8 = 0xff;

const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
/// Load a half word at X + k.
const LOAD_HALF_INDEXED: u16 = 0x48;
/// X = 4 * (byte at k & 0x0f): the length of an IPv4 header.
const LOAD_HEADER_LENGTH: u16 = 0xb1;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_BITS_SET: u16 = 0x45;
const RETURN: u16 = 0x06;

/// A program.
pub(super) type Program = Vec<libc::sock_filter>;

fn statement(code: u16, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt: 0, jf: 0, k }
}

/// Goes on when the accumulator equals `k`.
fn must_equal(k: u32) -> libc::sock_filter {
    libc::sock_filter { code: JUMP_EQUAL, jt: 0, jf: REJECT, k }
}

/// Takes no packet at all.
pub(super) fn nothing() -> Program {
    vec![statement(RETURN, 0)]
}

/// Takes the incoming UDP datagrams of `line`, seen from the IP header on (AF_PACKET with SOCK_DGRAM).
///
/// IPv4: no fragments (UDP feeds do not fragment, and half a datagram is none). IPv6: without extension headers.
pub(super) fn datagrams_of(line: &LineConfig) -> Program {
    let mut program = vec![
        // A frame to the loopback interface is seen twice, going out and coming in.
        statement(LOAD_BYTE, PACKET_TYPE),
        libc::sock_filter { code: JUMP_EQUAL, jt: REJECT, jf: 0, k: u32::from(libc::PACKET_OUTGOING) },
    ];
    let address = |program: &mut Program, at: u32, address: IpAddr| {
        let words = match address {
            IpAddr::V4(v4) => vec![u32::from(v4)],
            IpAddr::V6(v6) => {
                let octets = v6.octets();
                let word = |at: usize| {
                    u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
                };
                vec![word(0), word(4), word(8), word(12)]
            }
        };
        for (word, offset) in words.into_iter().zip((at..).step_by(4)) {
            program.extend([statement(LOAD_WORD, offset), must_equal(word)]);
        }
    };
    let (protocol_at, source_at, destination_at) =
        if line.group.is_ipv4() { (9, 12, 16) } else { (6, 8, 24) };
    program.extend([statement(LOAD_BYTE, protocol_at), must_equal(PROTOCOL_UDP)]);
    address(&mut program, destination_at, line.group);
    if let Some(source) = line.source {
        address(&mut program, source_at, source);
    }
    if line.group.is_ipv4() {
        program.extend([
            statement(LOAD_HALF, 6),
            // More fragments, or an offset.
            libc::sock_filter { code: JUMP_BITS_SET, jt: REJECT, jf: 0, k: 0x3fff },
            statement(LOAD_HEADER_LENGTH, 0),
            statement(LOAD_HALF_INDEXED, 2),
        ]);
    } else {
        program.push(statement(LOAD_HALF, 42));
    }
    program.extend([must_equal(u32::from(line.port)), statement(RETURN, WHOLE_PACKET), statement(RETURN, 0)]);
    let reject = program.len() - 1;
    for (at, instruction) in program.iter_mut().enumerate() {
        let distance =
            u8::try_from(reject - at).expect("a program of at most 30 instructions").wrapping_sub(1);
        for target in [&mut instruction.jt, &mut instruction.jf] {
            if *target == REJECT {
                *target = distance;
            }
        }
    }
    program
}

/// Attaches a program to a socket.
pub(super) fn attach(socket: &OwnedFd, program: &[libc::sock_filter]) -> io::Result<()> {
    let len = libc::c_ushort::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // The kernel copies the program; the pointer is mutable only by the structure's declaration.
    let value = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    set_option(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a program as the kernel would; true when it accepts.
    fn accepts(program: &[libc::sock_filter], packet: &[u8], packet_type: u8) -> bool {
        let (mut a, mut x, mut at) = (0u32, 0u32, 0usize);
        let bytes = |from: u32, count: usize| {
            let from = usize::try_from(from).unwrap();
            packet
                .get(from..from + count)
                .map(|bytes| bytes.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte)))
        };
        loop {
            let libc::sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let loaded = match code {
                LOAD_BYTE if k == PACKET_TYPE => Some(u32::from(packet_type)),
                LOAD_BYTE => bytes(k, 1),
                LOAD_HALF => bytes(k, 2),
                LOAD_WORD => bytes(k, 4),
                LOAD_HALF_INDEXED => bytes(x + k, 2),
                LOAD_HEADER_LENGTH => bytes(k, 1).inspect(|byte| x = 4 * (byte & 15)).map(|_| a),
                JUMP_EQUAL => {
                    at += usize::from(if a == k { jt } else { jf });
                    continue;
                }
                JUMP_BITS_SET => {
                    at += usize::from(if a & k != 0 { jt } else { jf });
                    continue;
                }
                RETURN => return k != 0,
                _ => panic!("unknown instruction {code}"),
            };
            // A load beyond the packet ends the program with «nothing».
            let Some(value) = loaded else { return false };
            a = value;
        }
    }

    fn packet(line: &LineConfig, source: IpAddr, options: usize) -> Vec<u8> {
        let mut packet = Vec::new();
        match (line.group, source) {
            (IpAddr::V4(group), IpAddr::V4(source)) => {
                packet.extend([0x45 + u8::try_from(options / 4).unwrap(), 0, 0, 0, 0, 0, 0, 0, 1, 17, 0, 0]);
                packet.extend(source.octets());
                packet.extend(group.octets());
                packet.extend(vec![0; options]);
            }
            (IpAddr::V6(group), IpAddr::V6(source)) => {
                packet.extend([0x60, 0, 0, 0, 0, 8, 17, 1]);
                packet.extend(source.octets());
                packet.extend(group.octets());
            }
            _ => panic!("families differ"),
        }
        packet.extend([0, 9]);
        packet.extend(line.port.to_be_bytes());
        packet.extend([0, 8, 0, 0]);
        packet
    }

    #[test]
    fn only_the_lines_own_incoming_datagrams_pass() {
        for (text, source, other_source) in [
            ("239.1.2.3:26400", "10.0.0.1", None),
            ("239.1.2.3:26400,10.0.0.1", "10.0.0.1", Some("10.0.0.2")),
            ("[ff15::1]:26400", "2001:db8::1", None),
            ("[ff35::1]:26400,2001:db8::1", "2001:db8::1", Some("2001:db8::2")),
        ] {
            let line: LineConfig = text.parse().unwrap();
            let program = datagrams_of(&line);
            let source: IpAddr = source.parse().unwrap();
            let good = packet(&line, source, 0);
            assert!(accepts(&program, &good, libc::PACKET_HOST), "{text}");
            assert!(accepts(&program, &good, libc::PACKET_MULTICAST), "{text}");
            assert!(!accepts(&program, &good, libc::PACKET_OUTGOING), "{text}");
            for length in 0..good.len() - 4 {
                assert!(!accepts(&program, &good[..length], libc::PACKET_HOST), "{text} cut to {length}");
            }
            let mut port = line.clone();
            port.port += 1;
            assert!(!accepts(&program, &packet(&port, source, 0), libc::PACKET_HOST), "{text}: other port");
            let mut group = line.clone();
            group.group = if line.group.is_ipv4() { "239.1.2.4" } else { "ff15::2" }.parse().unwrap();
            assert!(!accepts(&program, &packet(&group, source, 0), libc::PACKET_HOST), "{text}: other group");
            if let Some(other) = other_source {
                let other = packet(&line, other.parse().unwrap(), 0);
                assert!(!accepts(&program, &other, libc::PACKET_HOST), "{text}: other source");
            }
            if line.group.is_ipv4() {
                assert!(
                    accepts(&program, &packet(&line, source, 8), libc::PACKET_HOST),
                    "{text}: IP options"
                );
                for fragment in [[0x20, 0], [0, 1]] {
                    let mut cut = good.clone();
                    cut[6..8].copy_from_slice(&fragment);
                    assert!(!accepts(&program, &cut, libc::PACKET_HOST), "{text}: a fragment");
                }
            }
            let mut tcp = good.clone();
            tcp[if line.group.is_ipv4() { 9 } else { 6 }] = 6;
            assert!(!accepts(&program, &tcp, libc::PACKET_HOST), "{text}: TCP");
        }
        assert!(!accepts(&nothing(), &[0; 64], libc::PACKET_HOST));
    }
}
