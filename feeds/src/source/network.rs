//! From a captured frame to its UDP payload: Ethernet with VLAN tags, Linux cooked captures, raw IP; IPv4 and IPv6.
//!
//! Sources: IEEE 802.3 and 802.1Q, RFC 791, RFC 8200, RFC 768, and the link-layer header type list of tcpdump.org.
//! Borrows the frame, allocates nothing, checks every bound. It does not reassemble IP fragments and does not verify
//! checksums (captures of the own host hold frames whose checksum the card had yet to fill in).

/// Link-layer header types that are understood.
pub(super) mod link {
    pub const ETHERNET: u16 = 1;
    pub const RAW_BSD: u16 = 12;
    pub const RAW: u16 = 101;
    pub const LINUX_SLL: u16 = 113;
    pub const IPV4: u16 = 228;
    pub const IPV6: u16 = 229;
    pub const LINUX_SLL2: u16 = 276;
}

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;

const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// A UDP payload, `at` bytes into the frame.
    Udp { at: usize, payload: &'a [u8] },
    /// Nothing of the transport layer that carries data: ARP, IGMP, ICMP, spanning tree.
    Other,
    /// A frame that cannot belong to a MoldUDP64 feed.
    OtherProtocol(&'static str),
    /// A frame that is cut or contradicts itself.
    Damaged(&'static str),
}

const CUT: &str = "it ends inside its headers";

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// What `frame`, of this link-layer header type, holds.
pub(super) fn content(link_type: u16, frame: &[u8]) -> Content<'_> {
    network_layer(link_type, frame).unwrap_or(Content::Damaged(CUT))
}

/// `None` stands for a frame that ends inside its headers.
fn network_layer(link_type: u16, frame: &[u8]) -> Option<Content<'_>> {
    let (ethertype, at) = match link_type {
        link::ETHERNET => {
            let mut at = 12;
            // 802.1Q, 802.1ad and the older QinQ tag: 4 bytes each in front of the EtherType.
            while let 0x8100 | 0x88a8 | 0x9100 = u16_at(frame, at)? {
                at += 4;
            }
            (u16_at(frame, at)?, at + 2)
        }
        link::LINUX_SLL => (u16_at(frame, 14)?, 16),
        link::LINUX_SLL2 => (u16_at(frame, 0)?, 20),
        link::RAW | link::RAW_BSD | link::IPV4 | link::IPV6 => match frame.first()? >> 4 {
            4 => (ETHERTYPE_IPV4, 0),
            6 => (ETHERTYPE_IPV6, 0),
            _ => (0, 0),
        },
        _ => return Some(Content::OtherProtocol("a link layer that is not supported")),
    };
    match ethertype {
        ETHERTYPE_IPV4 => ipv4(frame, at),
        ETHERTYPE_IPV6 => ipv6(frame, at),
        _ => Some(Content::Other),
    }
}

fn ipv4(frame: &[u8], at: usize) -> Option<Content<'_>> {
    let packet = frame.get(at..)?;
    let header_length = usize::from(packet.first()? & 0x0f) * 4;
    let total_length = usize::from(u16_at(packet, 2)?);
    let fragment = u16_at(packet, 6)?;
    let protocol = *packet.get(9)?;
    if packet.first()? >> 4 != 4 || header_length < 20 {
        return Some(Content::Damaged("its IPv4 header contradicts itself"));
    }
    if packet.len() < header_length {
        return None;
    }
    // More-fragments bit or an offset.
    if fragment & 0x3fff != 0 {
        return Some(Content::OtherProtocol("an IP fragment"));
    }
    // Zero: the card's segmentation offload had yet to fill it in.
    let end = if total_length == 0 { packet.len() } else { total_length };
    transport(frame, protocol, at + header_length, at + end)
}

fn ipv6(frame: &[u8], at: usize) -> Option<Content<'_>> {
    let packet = frame.get(at..)?;
    if packet.first()? >> 4 != 6 {
        return Some(Content::Damaged("its IPv6 header contradicts itself"));
    }
    let payload_length = usize::from(u16_at(packet, 4)?);
    let mut next_header = *packet.get(6)?;
    let mut transport_at = 40;
    // Hop-by-hop, routing and destination options are passed over: each says its length in units of 8 bytes.
    while let 0 | 43 | 60 = next_header {
        next_header = *packet.get(transport_at)?;
        transport_at += 8 + usize::from(*packet.get(transport_at + 1)?) * 8;
    }
    if next_header == 44 {
        return Some(Content::OtherProtocol("an IP fragment"));
    }
    transport(frame, next_header, at + transport_at, at + 40 + payload_length)
}

/// The transport layer between `at` and `end`; frames may be padded behind `end`.
fn transport(frame: &[u8], protocol: u8, at: usize, end: usize) -> Option<Content<'_>> {
    match protocol {
        PROTOCOL_UDP => {}
        PROTOCOL_TCP => return Some(Content::OtherProtocol("a TCP segment")),
        _ => return Some(Content::Other),
    }
    let Some(datagram) = frame.get(at..end) else {
        return Some(Content::Damaged("it is shorter than its IP header says"));
    };
    let length = usize::from(u16_at(datagram, 4)?);
    match datagram.get(8..length) {
        Some(payload) => Some(Content::Udp { at: at + 8, payload }),
        None => Some(Content::Damaged("its UDP length does not fit its IP length")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IPv4 + UDP around `payload`, without a link layer.
    fn ipv4_udp(payload: &[u8]) -> Vec<u8> {
        let udp_length = u16::try_from(8 + payload.len()).unwrap();
        let mut packet = vec![0x45, 0];
        packet.extend((20 + udp_length).to_be_bytes());
        packet.extend([0, 1, 0x40, 0, 64, PROTOCOL_UDP, 0, 0, 10, 0, 0, 1, 239, 0, 0, 1]);
        packet.extend([0x10, 0, 0x20, 0]);
        packet.extend(udp_length.to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(payload);
        packet
    }

    fn ipv6_udp(extension: bool, payload: &[u8]) -> Vec<u8> {
        let udp_length = u16::try_from(8 + payload.len()).unwrap();
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend((udp_length + if extension { 16 } else { 0 }).to_be_bytes());
        packet.extend([if extension { 0 } else { PROTOCOL_UDP }, 64]);
        packet.extend([0; 32]);
        if extension {
            packet.extend([PROTOCOL_UDP, 1]);
            packet.extend([0; 14]);
        }
        packet.extend([0x10, 0, 0x20, 0]);
        packet.extend(udp_length.to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(payload);
        packet
    }

    fn ethernet(tags: usize, ethertype: u16, packet: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        for _ in 0..tags {
            frame.extend([0x81, 0, 0, 5]);
        }
        frame.extend(ethertype.to_be_bytes());
        frame.extend(packet);
        frame
    }

    #[test]
    fn every_link_layer_leads_to_the_payload() {
        let four = ipv4_udp(b"payload");
        let six = ipv6_udp(true, b"payload");
        let mut sll = vec![0; 14];
        sll.extend([0x08, 0]);
        sll.extend(&four);
        let mut sll2 = vec![0x86, 0xdd];
        sll2.extend([0; 18]);
        sll2.extend(&six);
        let mut padded = ethernet(0, ETHERTYPE_IPV4, &four);
        padded.extend([0; 11]);
        let frames = [
            (link::ETHERNET, ethernet(0, ETHERTYPE_IPV4, &four)),
            (link::ETHERNET, ethernet(2, ETHERTYPE_IPV4, &four)),
            (link::ETHERNET, ethernet(1, ETHERTYPE_IPV6, &six)),
            (link::ETHERNET, padded),
            (link::RAW, four.clone()),
            (link::RAW_BSD, six),
            (link::IPV4, four),
            (link::IPV6, ipv6_udp(false, b"payload")),
            (link::LINUX_SLL, sll),
            (link::LINUX_SLL2, sll2),
        ];
        for (link_type, frame) in frames {
            match content(link_type, &frame) {
                Content::Udp { at, payload } => {
                    assert_eq!(payload, b"payload");
                    assert_eq!(&frame[at..at + 7], b"payload");
                }
                other => panic!("{link_type}: {other:?}"),
            }
        }
    }

    #[test]
    fn other_frames_are_told_apart() {
        assert_eq!(content(link::ETHERNET, &ethernet(0, 0x0806, &[0; 28])), Content::Other);
        assert_eq!(content(250, &[0; 60]), Content::OtherProtocol("a link layer that is not supported"));
        let mut packet = ipv4_udp(b"x");
        packet[9] = 2;
        assert_eq!(content(link::RAW, &packet), Content::Other);
        packet[9] = PROTOCOL_TCP;
        assert_eq!(content(link::RAW, &packet), Content::OtherProtocol("a TCP segment"));
        packet[6] = 0x20;
        assert_eq!(content(link::RAW, &packet), Content::OtherProtocol("an IP fragment"));
        packet[0] = 0x41;
        assert!(matches!(content(link::RAW, &packet), Content::Damaged(_)));
    }

    #[test]
    fn no_cut_gives_a_payload() {
        for (ethertype, packet) in
            [(ETHERTYPE_IPV4, ipv4_udp(b"payload")), (ETHERTYPE_IPV6, ipv6_udp(true, b"payload"))]
        {
            let frame = ethernet(1, ethertype, &packet);
            for length in 0..frame.len() {
                let cut = content(link::ETHERNET, &frame[..length]);
                assert!(matches!(cut, Content::Damaged(_)), "{length}: {cut:?}");
            }
        }
    }
}
