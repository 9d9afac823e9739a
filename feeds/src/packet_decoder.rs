//! What every packet protocol but MoldUDP64/ITCH offers: one packet in, market events out.
//!
//! The seam between protocols and whoever has packets: captures, live lines, fuzz targets and tests call the same
//! method. Sans-I/O. A decoder owns its per-instrument tables, allocated when it is made; nothing is allocated per
//! packet as long as the caller's `events` has room for [`PacketDecoder::events_max`] more. The thread that decodes
//! owns the decoder. It does not look for gaps: [`PacketSummary`] tells the caller what it needs for that.

use std::fmt;

use crate::directory::Directory;
use crate::event::MarketEvent;

/// A protocol's decoder.
pub trait PacketDecoder {
    /// Decodes one packet (the UDP payload) and appends what it means to `events`.
    ///
    /// `receive_ns` is the packet's receive time, UTC ns, or [`crate::units::TIME_NONE`]: events then carry the
    /// exchange's time plus the decoder's configured line latency. Instruments come from `directory`, which lists
    /// symbols that are seen for the first time. [`crate::event::flags::LAST_OF_EVENT`] is set on the last event of
    /// each market event of the feed, which may end in a later packet.
    ///
    /// # Errors
    /// [`PacketError`]: the packet's remaining messages are not decoded; the events of the messages before are in
    /// `events` and good.
    fn decode_packet(
        &mut self,
        directory: &mut Directory,
        payload: &[u8],
        receive_ns: u64,
        events: &mut Vec<MarketEvent>,
    ) -> Result<PacketSummary, PacketError>;

    /// The most events that a packet of `payload_length` bytes can give: what the caller reserves.
    fn events_max(&self, payload_length: usize) -> usize;

    /// Packets or messages were lost: state that is built from increments is dropped, and gives no events until
    /// the feed has sent it anew. The caller tells the books itself.
    fn lost(&mut self);
}

/// What a packet is, for gap detection and counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketSummary {
    /// Whose sequence numbers these are. Numbers of different streams have nothing to do with each other.
    pub stream: StreamId,
    /// Sequence number of the packet: of its first message, or (a heartbeat) of the next one.
    pub first_sequence: u64,
    /// Sequence number that the stream's next packet will have when nothing is lost.
    pub next_sequence: u64,
    /// Messages in the packet, those of unknown types included.
    pub message_count: u32,
    /// Whether the packet only says that the line is alive.
    pub heartbeat: bool,
}

/// A numbered stream of packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StreamId {
    /// Channel: the protocol's own, or the configured one where packets do not carry it.
    pub channel: u32,
    /// Session, 0 where the protocol has none.
    pub session: u32,
}

/// Why a packet could not be decoded to its end, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketError {
    /// Byte offset of the bad part in the payload, from 0.
    pub offset: u32,
    /// Why.
    pub cause: PacketErrorCause,
}

/// Why a packet could not be decoded to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketErrorCause {
    /// The payload, or the message, ends inside `part`.
    Truncated {
        /// Inside what.
        part: &'static str,
        /// Bytes that it needs.
        needed: u32,
        /// Bytes that are there.
        found: u32,
    },
    /// Bytes are left behind the last message.
    Trailing {
        /// Bytes left.
        bytes: u32,
    },
    /// A field that names the protocol holds another value: the packet belongs to something else.
    OtherProtocol {
        /// The field.
        field: &'static str,
        /// Its value.
        found: u32,
    },
    /// Header and content contradict each other.
    Contradiction {
        /// The header's field.
        field: &'static str,
        /// What it says.
        said: u32,
        /// What is there.
        found: u32,
    },
    /// A message is shorter than its type.
    MessageLength {
        /// Type character or template number.
        message_type: u16,
        /// Bytes that the type needs.
        needed: u32,
        /// Bytes that are there.
        found: u32,
    },
    /// A field's value cannot be carried by an event: a price beyond 64 bits of 1e-9, a negative quantity.
    Value {
        /// The field.
        field: &'static str,
        /// Its value in wire units.
        found: i64,
    },
}

impl PacketError {
    /// An error at `offset`; offsets beyond `u32` (no packet has them) are cut to its maximum.
    #[cold]
    pub(crate) fn at(offset: usize, cause: PacketErrorCause) -> Self {
        Self { offset: count(offset), cause }
    }
}

/// A length for an error; `u32::MAX` stands for that or more.
pub(crate) fn count(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl fmt::Display for PacketErrorCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { part, needed, found } => {
                write!(f, "the packet ends inside a {part}, which needs {needed} bytes and has {found}")
            }
            Self::Trailing { bytes } => write!(f, "{bytes} bytes are left behind the last message"),
            Self::OtherProtocol { field, found } => {
                write!(f, "packet of another protocol: {field} is {found} ({found:#x})")
            }
            Self::Contradiction { field, said, found } => {
                write!(f, "{field} says {said} where there are {found}")
            }
            Self::MessageLength { message_type, needed, found } => {
                write!(f, "a message of type {message_type}")?;
                if let Some(character) = u8::try_from(message_type).ok().filter(u8::is_ascii_graphic) {
                    write!(f, " ('{}')", char::from(character))?;
                }
                write!(f, " has at least {needed} bytes, not {found}")
            }
            Self::Value { field, found } => write!(f, "{field} {found} is out of range"),
        }
    }
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "payload byte {}: {}", self.offset, self.cause)
    }
}

impl std::error::Error for PacketError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_where_and_what() {
        let error = PacketError::at(
            42,
            PacketErrorCause::MessageLength { message_type: u16::from(b'Q'), needed: 42, found: 3 },
        );
        assert_eq!(
            error.to_string(),
            "payload byte 42: a message of type 81 ('Q') has at least 42 bytes, not 3"
        );
        let error = PacketError::at(
            usize::MAX,
            PacketErrorCause::OtherProtocol { field: "the message protocol", found: 0x8005 },
        );
        assert_eq!(
            error.to_string(),
            "payload byte 4294967295: packet of another protocol: the message protocol is 32773 (0x8005)"
        );
    }
}
