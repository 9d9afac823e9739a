//! IEX-TP segments: the header, and a bounds-checked walk over the message blocks.
//!
//! Source: «IEX Transport Specification», section «Outbound Segment». Sans-I/O: the UDP payload in, borrowed message
//! bodies out; nothing is allocated. A segment is checked as a whole before any of its messages is handed out, for
//! the reason given in [`crate::moldudp64`]. Gaps and retransmission are not here.

use crate::little_endian::wire_struct;
use crate::packet_decoder::{PacketError, PacketErrorCause, count};

/// Version of the transport that this decoder knows.
pub const VERSION: u8 = 1;

/// Message Protocol ID of TOPS 1.5 and 1.6.
pub const TOPS: u16 = 0x8003;

/// Message Protocol ID of DEEP 1.0.
pub const DEEP: u16 = 0x8004;

/// Message Protocol ID of DEEP+ 1.0.
pub const DEEP_PLUS: u16 = 0x8005;

wire_struct! {
    /// The segment header.
    Header 40 {
        /// Version: [`VERSION`].
        version: u8,
        /// Reserved.
        reserved: u8,
        /// Message Protocol ID: [`TOPS`], [`DEEP`], [`DEEP_PLUS`].
        message_protocol: u16,
        /// Channel ID.
        channel: u32,
        /// Session ID: changes with each start of the publisher.
        session: u32,
        /// Payload Length: bytes behind the header.
        payload_length: u16,
        /// Message Count; 0 is a heartbeat.
        message_count: u16,
        /// Stream Offset: bytes of payload of the session before this segment.
        stream_offset: u64,
        /// First Message Sequence Number, or of the next message when the segment holds none.
        first_sequence: u64,
        /// Send Time, UTC ns.
        send_ns: i64,
    }
}

/// Takes a segment apart: its header and its blocks (each a little-endian `u16` length and that many bytes), all of
/// them checked. Walk them with [`blocks`].
///
/// # Errors
/// [`PacketError`] when the header is cut or of another version, or the blocks do not fill the rest exactly.
#[inline]
pub fn decode(payload: &[u8]) -> Result<(Header, &[u8]), PacketError> {
    let Some((header, all_blocks)) = payload.split_first_chunk::<{ Header::LENGTH }>() else {
        let cause = PacketErrorCause::Truncated {
            part: "IEX-TP header",
            needed: count(Header::LENGTH),
            found: count(payload.len()),
        };
        return Err(PacketError::at(0, cause));
    };
    let header = Header::read(header);
    if header.version != VERSION {
        let cause =
            PacketErrorCause::OtherProtocol { field: "the IEX-TP version", found: header.version.into() };
        return Err(PacketError::at(0, cause));
    }
    if usize::from(header.payload_length) != all_blocks.len() {
        let cause = PacketErrorCause::Contradiction {
            field: "the IEX-TP payload length",
            said: header.payload_length.into(),
            found: count(all_blocks.len()),
        };
        return Err(PacketError::at(12, cause));
    }
    let mut walk = blocks(all_blocks);
    for _ in 0..header.message_count {
        if walk.next().is_none() {
            let found = count(walk.rest.len());
            let needed =
                walk.rest.first_chunk().map_or(2, |length| 2 + u32::from(u16::from_le_bytes(*length)));
            let cause = PacketErrorCause::Truncated { part: "IEX-TP message block", needed, found };
            return Err(PacketError::at(payload.len() - walk.rest.len(), cause));
        }
    }
    if !walk.rest.is_empty() {
        let cause = PacketErrorCause::Trailing { bytes: count(walk.rest.len()) };
        return Err(PacketError::at(payload.len() - walk.rest.len(), cause));
    }
    Ok((header, all_blocks))
}

/// Walks blocks: each a little-endian `u16` length and that many bytes. Ends at the end, and before a block that is
/// cut (which [`decode`] refuses beforehand).
#[inline(always)]
#[must_use]
pub fn blocks(blocks: &[u8]) -> Blocks<'_> {
    Blocks { rest: blocks }
}

/// Iterator over message bodies; see [`blocks`].
#[derive(Clone, Copy, Debug)]
pub struct Blocks<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Blocks<'a> {
    type Item = &'a [u8];

    #[inline(always)]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, behind) = self.rest.split_first_chunk::<2>()?;
        let (body, rest) = behind.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        self.rest = rest;
        Some(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::size_of;

    const HEADER: Header = Header {
        version: VERSION,
        reserved: 0,
        message_protocol: TOPS,
        channel: 1,
        session: 1_137_507_328,
        payload_length: 0,
        message_count: 0,
        stream_offset: 0,
        first_sequence: 1,
        send_ns: 1_498_220_731_000_000_000,
    };

    fn segment(message_count: u16, bodies: &[&[u8]]) -> Vec<u8> {
        let blocks: Vec<u8> = bodies
            .iter()
            .flat_map(|body| {
                u16::try_from(body.len()).unwrap().to_le_bytes().into_iter().chain(body.iter().copied())
            })
            .collect();
        let payload_length = u16::try_from(blocks.len()).unwrap();
        let mut segment = Header { payload_length, message_count, ..HEADER }.to_bytes().to_vec();
        segment.extend(blocks);
        segment
    }

    #[test]
    fn layout_is_the_specification_s() {
        let bytes = Header { payload_length: 0x0102, message_count: 3, ..HEADER }.to_bytes();
        assert_eq!(bytes.len(), 40);
        assert_eq!(bytes[..4], [1, 0, 0x03, 0x80]);
        assert_eq!(bytes[4..8], [1, 0, 0, 0], "channel");
        assert_eq!(bytes[12..16], [0x02, 0x01, 3, 0], "payload length and message count");
        assert_eq!(bytes[24..32], [1, 0, 0, 0, 0, 0, 0, 0], "first sequence");
        assert!(size_of::<Header>() >= 40);
    }

    #[test]
    fn blocks_come_out_as_they_went_in() {
        let bytes = segment(3, &[b"abc", b"", b"de"]);
        let (header, all) = decode(&bytes).unwrap();
        assert_eq!((header.message_count, header.payload_length), (3, 11));
        assert_eq!(header.to_bytes(), bytes[..40]);
        assert_eq!(blocks(all).collect::<Vec<_>>(), [&b"abc"[..], b"", b"de"]);
    }

    #[test]
    fn blocks_must_fill_the_payload() {
        let bytes = segment(2, &[b"abc", b"de"]);
        for length in 0..bytes.len() {
            let error = decode(&bytes[..length]).unwrap_err();
            assert_eq!(error.offset, if length < 40 { 0 } else { 12 });
        }
        let truncated = PacketErrorCause::Truncated { part: "IEX-TP message block", needed: 2, found: 0 };
        assert_eq!(decode(&segment(3, &[b"abc", b"de"])), Err(PacketError { offset: 49, cause: truncated }));
        let trailing = PacketErrorCause::Trailing { bytes: 4 };
        assert_eq!(decode(&segment(1, &[b"abc", b"de"])), Err(PacketError { offset: 45, cause: trailing }));
        let mut other = bytes;
        other[0] = 2;
        let error = decode(&other).unwrap_err().to_string();
        assert_eq!(error, "payload byte 0: packet of another protocol: the IEX-TP version is 2 (0x2)");
    }
}
