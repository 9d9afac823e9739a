//! MDP 3.0 packets: the header, and a bounds-checked walk over the messages.
//!
//! Source: «CME MDP 3.0 - Binary Packet Header» and «SBE Message Header». Sans-I/O: the UDP payload in, borrowed messages
//! out; nothing is allocated. A packet is checked as a whole before any of its messages is handed out, for the
//! reason given in [`crate::moldudp64`]. The packet does not say which channel it is of: its multicast group does.

use crate::little_endian::wire_struct;
use crate::packet_decoder::{PacketError, PacketErrorCause, count};

wire_struct! {
    /// The packet header.
    PacketHeader 12 {
        /// MsgSeqNum: the packet's number in its channel, from 1; it starts anew each week.
        sequence: u32,
        /// SendingTime, UTC ns.
        sending_ns: u64,
    }
}

wire_struct! {
    /// The header of each message.
    MessageHeader 10 {
        /// MsgSize: bytes of the message, this header included.
        size: u16,
        /// Bytes of the root block.
        block_length: u16,
        /// TemplateID: the message type.
        template: u16,
        /// SchemaID: 1.
        schema: u16,
        /// Version of the schema that the sender used.
        version: u16,
    }
}

/// Bytes in front of each packet of the TCP services («MDP Conflated TCP»); the packet behind them is the same.
pub const TCP_PREFIX: [u8; 2] = [0xfe, 0xca];

/// Takes a packet apart: its header and its messages, whose sizes are checked to fill the rest exactly. Walk them
/// with [`messages`].
///
/// # Errors
/// [`PacketError`] when the header is cut, or the messages do not fill the rest.
#[inline]
pub fn decode(payload: &[u8]) -> Result<(PacketHeader, &[u8]), PacketError> {
    let Some((header, all)) = payload.split_first_chunk::<{ PacketHeader::LENGTH }>() else {
        let cause = PacketErrorCause::Truncated {
            part: "MDP 3.0 packet header",
            needed: count(PacketHeader::LENGTH),
            found: count(payload.len()),
        };
        return Err(PacketError::at(0, cause));
    };
    let mut walk = messages(all);
    while walk.next().is_some() {}
    if !walk.rest.is_empty() {
        let needed = match walk.rest.first_chunk() {
            Some(header) => u32::from(MessageHeader::read(header).size),
            None => count(MessageHeader::LENGTH),
        };
        let found = count(walk.rest.len());
        let cause = PacketErrorCause::Truncated { part: "MDP 3.0 message", needed, found };
        return Err(PacketError::at(payload.len() - walk.rest.len(), cause));
    }
    Ok((PacketHeader::read(header), all))
}

/// Walks the messages of a packet. Ends at the end, and before a message that is cut (which [`decode`] refuses
/// beforehand).
#[inline(always)]
#[must_use]
pub fn messages(messages: &[u8]) -> Messages<'_> {
    Messages { rest: messages }
}

/// Iterator over message headers and what is behind each; see [`messages`].
#[derive(Clone, Copy, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Messages<'a> {
    type Item = (MessageHeader, &'a [u8]);

    #[inline(always)]
    fn next(&mut self) -> Option<(MessageHeader, &'a [u8])> {
        let header = MessageHeader::read(self.rest.first_chunk()?);
        let (message, rest) = self.rest.split_at_checked(usize::from(header.size))?;
        // A size below the header's own would not get on.
        let body = message.get(MessageHeader::LENGTH..)?;
        self.rest = rest;
        Some((header, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &[u8]) -> Vec<u8> {
        let size = u16::try_from(10 + body.len()).unwrap();
        let header = MessageHeader { size, block_length: 0, template: 12, schema: 1, version: 9 };
        [&header.to_bytes()[..], body].concat()
    }

    #[test]
    fn layout_is_the_specification_s() {
        let header = PacketHeader { sequence: 0x0102_0304, sending_ns: 0x1112_1314_1516_1718 };
        assert_eq!(header.to_bytes(), [4, 3, 2, 1, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11]);
        assert_eq!(message(b"xy")[..10], [12, 0, 0, 0, 12, 0, 1, 0, 9, 0]);
    }

    #[test]
    fn messages_come_out_as_they_went_in_and_must_fill_the_packet() {
        let packet = [vec![0; 12], message(b"abc"), message(b"")].concat();
        let (header, all) = decode(&packet).unwrap();
        assert_eq!(header, PacketHeader { sequence: 0, sending_ns: 0 });
        let bodies: Vec<&[u8]> = messages(all).map(|(_, body)| body).collect();
        assert_eq!(bodies, [&b"abc"[..], b""]);
        for length in 0..packet.len() {
            let decoded = decode(&packet[..length]);
            assert_eq!(decoded.is_ok(), length == 12 || length == 25, "{length}");
        }
        let mut small = packet;
        small[12] = 9;
        let cause = PacketErrorCause::Truncated { part: "MDP 3.0 message", needed: 9, found: 23 };
        assert_eq!(decode(&small), Err(PacketError { offset: 12, cause }));
    }
}
