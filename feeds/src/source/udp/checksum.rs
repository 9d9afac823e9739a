//! The Internet checksum (RFC 1071): of UDP with its pseudo header (RFC 768, RFC 8200), and of an IPv4 header.

use std::net::IpAddr;

const PROTOCOL_UDP: u64 = 17;

/// The sum of big-endian 16-bit words, the last one padded with zero; not folded.
#[inline]
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    // 32-bit words: 2^16 is 1 modulo 2^16 - 1, so that folding gives the sum of the halves.
    let total: u64 = words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    total + u64::from(u32::from_be_bytes(last))
}

/// Folds a sum to 16 bits and complements it.
#[inline]
fn finish(mut sum: u64) -> u16 {
    while let high @ 1.. = sum >> 16 {
        sum = (sum & 0xffff) + high;
    }
    u16::try_from(sum ^ 0xffff).unwrap_or(0)
}

/// The checksum of a header whose checksum field is zero; zero when the field is there and right.
pub(in crate::source) fn of_header(header: &[u8]) -> u16 {
    finish(sum(header))
}

/// The checksum of a UDP datagram (header and payload, at most 65,535 bytes) whose checksum field is zero; zero when
/// the field is there and right. On the wire a computed zero is written as 0xffff.
#[inline]
pub(in crate::source) fn of_udp(source: IpAddr, destination: IpAddr, datagram: &[u8]) -> u16 {
    let addresses = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => sum(&source.octets()) + sum(&destination.octets()),
        (IpAddr::V6(source), IpAddr::V6(destination)) => sum(&source.octets()) + sum(&destination.octets()),
        _ => 0,
    };
    finish(addresses + PROTOCOL_UDP + datagram.len() as u64 + sum(datagram))
}

/// Whether the UDP checksum in an IP packet without extension headers is right, or the sender left it out. `datagram`
/// is the UDP header and payload in it.
#[inline]
pub(in crate::source) fn is_right(packet: &[u8], datagram: &[u8]) -> bool {
    if datagram.get(6..8) == Some(&[0, 0]) {
        return true;
    }
    let addresses = match packet.first().map(|byte| byte >> 4) {
        Some(4) => packet.get(12..20),
        Some(6) => packet.get(8..40),
        _ => None,
    };
    let Some(addresses) = addresses else { return false };
    finish(sum(addresses) + PROTOCOL_UDP + datagram.len() as u64 + sum(datagram)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 1071's own words: 16 bits at a time.
    fn naive(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).unwrap()
    }

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(of_header(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    proptest! {
        #[test]
        fn it_is_the_naive_one(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(of_header(&bytes), naive(&bytes));
        }

        #[test]
        fn a_datagram_with_its_checksum_is_right_and_one_bit_changed_is_not(
            payload in prop::collection::vec(any::<u8>(), 0..100), bit in 0usize..64,
        ) {
            let (source, destination) = ("10.1.2.3".parse().unwrap(), "239.4.5.6".parse().unwrap());
            let mut datagram = vec![1, 2, 3, 4, 0, u8::try_from(8 + payload.len()).unwrap(), 0, 0];
            datagram.extend(&payload);
            let checksum = of_udp(source, destination, &datagram);
            let checksum = if checksum == 0 { 0xffff } else { checksum };
            datagram[6..8].copy_from_slice(&checksum.to_be_bytes());
            let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 1, 17, 0, 0, 10, 1, 2, 3, 239, 4, 5, 6];
            packet.extend(&datagram);
            prop_assert!(is_right(&packet, &packet[20..]));
            datagram[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!is_right(&packet, &datagram) || datagram[6..8] == [0, 0]);
        }
    }
}
