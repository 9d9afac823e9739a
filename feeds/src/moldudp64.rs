//! MoldUDP64 packets: the downstream header with a bounds-checked walk over the message blocks, and the request for
//! messages that were lost.
//!
//! Source: «MoldUDP64 Protocol Specification» (NASDAQ), sections «Downstream Packet» and «Request Packet». Sans-I/O:
//! the UDP payload in, borrowed message bodies out; nothing is allocated. When to ask for what, and A/B arbitration,
//! are not here. A packet is checked as a whole before any of its messages is handed out: blocks that do not fill the
//! payload exactly mean that it is damaged or of another protocol, and then none of it can be trusted.

use std::fmt;

/// Bytes of the downstream packet header.
pub const HEADER_LENGTH: usize = 20;

/// Message count that marks the end of the session; such a packet holds no blocks.
pub const END_OF_SESSION: u16 = 0xffff;

/// The downstream packet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Session identifier, ASCII.
    pub session: [u8; 10],
    /// Sequence number of the first message, or of the next one when the packet holds none.
    pub sequence: u64,
    /// Blocks in the packet; 0 is a heartbeat, [`END_OF_SESSION`] ends the session.
    pub count: u16,
}

impl Header {
    /// Messages in the packet: 0 for a heartbeat and for the end of the session.
    #[must_use]
    pub const fn message_count(&self) -> u16 {
        if self.count == END_OF_SESSION { 0 } else { self.count }
    }

    /// Whether it is a heartbeat.
    #[must_use]
    pub const fn is_heartbeat(&self) -> bool {
        self.count == 0
    }

    /// Whether it ends the session.
    #[must_use]
    pub const fn is_end_of_session(&self) -> bool {
        self.count == END_OF_SESSION
    }

    #[inline(always)]
    fn read(bytes: &[u8; HEADER_LENGTH]) -> Self {
        let [session @ .., a, b, c, d, e, f, g, h, count_high, count_low] = *bytes;
        Self {
            session,
            sequence: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            count: u16::from_be_bytes([count_high, count_low]),
        }
    }

    /// The header's wire form; the blocks follow it.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_LENGTH] {
        let mut out = [0; HEADER_LENGTH];
        out[..10].copy_from_slice(&self.session);
        out[10..18].copy_from_slice(&self.sequence.to_be_bytes());
        out[18..].copy_from_slice(&self.count.to_be_bytes());
        out
    }
}

/// Why a payload is no MoldUDP64 downstream packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoldError {
    /// Shorter than the header.
    Header {
        /// Payload bytes.
        found: usize,
    },
    /// The payload ends inside a block.
    BlockTruncated {
        /// Block, from 0.
        block: u16,
    },
    /// Bytes are left behind the last block.
    Trailing {
        /// Bytes left.
        bytes: usize,
    },
}

impl fmt::Display for MoldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { found } => {
                write!(f, "{found} bytes of payload where a MoldUDP64 header has {HEADER_LENGTH}")
            }
            Self::BlockTruncated { block } => write!(f, "MoldUDP64 payload ends inside block {block}"),
            Self::Trailing { bytes } => write!(f, "{bytes} bytes are left behind the last MoldUDP64 block"),
        }
    }
}

impl std::error::Error for MoldError {}

/// Takes a downstream packet apart: its header and its blocks (each a big-endian `u16` length and that many bytes),
/// all of them checked. Walk them with [`blocks`].
///
/// # Errors
/// [`MoldError`] when the header is cut, or the blocks do not fill the rest of the payload exactly.
#[inline]
pub fn decode(payload: &[u8]) -> Result<(Header, &[u8]), MoldError> {
    let Some((header, all_blocks)) = payload.split_first_chunk::<HEADER_LENGTH>() else {
        return Err(MoldError::Header { found: payload.len() });
    };
    let header = Header::read(header);
    let mut walk = blocks(all_blocks);
    for block in 0..header.message_count() {
        if walk.next().is_none() {
            return Err(MoldError::BlockTruncated { block });
        }
    }
    match walk.rest.len() {
        0 => Ok((header, all_blocks)),
        bytes => Err(MoldError::Trailing { bytes }),
    }
}

/// Bytes of a request packet.
pub const REQUEST_LENGTH: usize = 20;

/// A client's request to have messages sent again, to the retransmission server; the answer is downstream packets to
/// the address that it came from. A server answers at most what fits in one packet, so that the client asks again for
/// the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Session identifier, ASCII.
    pub session: [u8; 10],
    /// Sequence number of the first message asked for.
    pub sequence: u64,
    /// Messages asked for.
    pub count: u16,
}

impl Request {
    /// The request's wire form.
    #[must_use]
    pub fn encode(&self) -> [u8; REQUEST_LENGTH] {
        Header { session: self.session, sequence: self.sequence, count: self.count }.encode()
    }

    /// The request in a UDP payload; `None` when the payload is not exactly [`REQUEST_LENGTH`] long.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let payload: &[u8; REQUEST_LENGTH] = payload.try_into().ok()?;
        let Header { session, sequence, count } = Header::read(payload);
        Some(Self { session, sequence, count })
    }
}

// A request is laid out as a header without blocks.
const _: () = assert!(REQUEST_LENGTH == HEADER_LENGTH);

/// Walks blocks: each a big-endian `u16` length and that many bytes. Ends at the end, and before a block that is
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
        let (body, rest) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        self.rest = rest;
        Some(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(count: u16, blocks: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Header { session: *b"SESSION 01", sequence: 7, count }.encode().to_vec();
        for block in blocks {
            bytes.extend_from_slice(&u16::try_from(block.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(block);
        }
        bytes
    }

    #[test]
    fn blocks_come_out_as_they_went_in() {
        let bytes = packet(3, &[b"abc", b"", b"de"]);
        let (header, all) = decode(&bytes).unwrap();
        assert_eq!(header, Header { session: *b"SESSION 01", sequence: 7, count: 3 });
        assert_eq!(blocks(all).collect::<Vec<_>>(), [&b"abc"[..], b"", b"de"]);
    }

    #[test]
    fn heartbeat_and_end_of_session_hold_nothing() {
        let bytes = packet(0, &[]);
        let (header, all) = decode(&bytes).unwrap();
        assert!(header.is_heartbeat() && !header.is_end_of_session() && all.is_empty());
        let bytes = packet(END_OF_SESSION, &[]);
        let (header, all) = decode(&bytes).unwrap();
        assert!(header.is_end_of_session() && header.message_count() == 0 && all.is_empty());
        assert_eq!(decode(&packet(END_OF_SESSION, &[b"x"])), Err(MoldError::Trailing { bytes: 3 }));
    }

    #[test]
    fn requests_are_twenty_bytes() {
        // Laid out by hand from the specification's table of the packet.
        let bytes = *b"SESSION 01\0\0\0\0\0\x01\x02\x03\x04\x05";
        let request = Request { session: *b"SESSION 01", sequence: 0x01_0203, count: 0x0405 };
        assert_eq!(Request::decode(&bytes), Some(request));
        assert_eq!(request.encode(), bytes);
        for length in 0..bytes.len() {
            assert_eq!(Request::decode(&bytes[..length]), None);
        }
        assert_eq!(Request::decode(&[b'x'; REQUEST_LENGTH + 1]), None);
    }

    proptest::proptest! {
        #[test]
        fn requests_come_back(session: [u8; 10], sequence: u64, count: u16) {
            let request = Request { session, sequence, count };
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }

        /// Any 20 bytes are a request, and encode back to themselves.
        #[test]
        fn any_twenty_bytes_are_a_request(bytes: [u8; 20]) {
            assert_eq!(Request::decode(&bytes).map(|request| request.encode()), Some(bytes));
        }
    }

    #[test]
    fn blocks_must_fill_the_payload() {
        let bytes = packet(2, &[b"abc", b"de"]);
        for length in 0..HEADER_LENGTH {
            assert_eq!(decode(&bytes[..length]), Err(MoldError::Header { found: length }));
        }
        for length in HEADER_LENGTH..bytes.len() {
            let block = u16::from(length >= HEADER_LENGTH + 5);
            assert_eq!(decode(&bytes[..length]), Err(MoldError::BlockTruncated { block }));
        }
        assert_eq!(decode(&packet(1, &[b"abc", b"de"])), Err(MoldError::Trailing { bytes: 4 }));
    }
}
