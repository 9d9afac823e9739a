//! GLIMPSE 5.0: a venue's state as TotalView-ITCH 5.0 messages, for clients that join late or lost too much.
//!
//! Source: «NASDAQ GLIMPSE 5.0» (NASDAQ), sections «Architecture» and «Message Formats». The snapshot comes over
//! SoupBinTCP ([`crate::soupbintcp`], login for sequence number 1): the last system event, the directory, what is halted,
//! every live order as an add order message in the order of its queue, and at last the snapshot message `G` with the
//! sequence number of the next real-time message. Sans-I/O, no allocation. What the messages mean is said by
//! [`crate::itch::feed::ItchFeed`], which reads them as it reads the real-time ones.

use std::fmt;

use crate::itch::decode::DecodeError;
use crate::itch::messages::body_length;
use crate::soupbintcp::{decode_number, encode_number};

/// Type character of the message that ends a snapshot; no ITCH 5.0 message has it.
pub const END_OF_SNAPSHOT: u8 = b'G';

/// Bytes of that message: the type and 20 characters.
pub const END_OF_SNAPSHOT_LENGTH: usize = 21;

/// One message of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotMessage<'a> {
    /// A TotalView-ITCH 5.0 message body: state of the venue or of a security, or a live order. Its type and length
    /// are checked.
    State(&'a [u8]),
    /// The snapshot is complete.
    End {
        /// Sequence number of the first real-time message that it does not hold.
        next_sequence: u64,
    },
}

/// What is wrong with a message of a snapshot. The snapshot is not to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlimpseError {
    /// It is no ITCH message.
    Message(DecodeError),
    /// An ITCH message that changes an order or reports a trade: no part of a state.
    OutOfPlace(u8),
    /// The end of the snapshot without its sequence number.
    End,
}

impl fmt::Display for GlimpseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(error) => write!(f, "GLIMPSE: {error}"),
            Self::OutOfPlace(message_type) => {
                write!(f, "GLIMPSE: a message of type '{}' inside a snapshot", message_type.escape_ascii())
            }
            Self::End => f.write_str("GLIMPSE: the snapshot ends without a sequence number"),
        }
    }
}

impl std::error::Error for GlimpseError {}

/// Whether ITCH messages of this type tell a state, and not a change of orders or a trade.
#[must_use]
pub const fn is_state(message_type: u8) -> bool {
    body_length(message_type).is_some()
        && !matches!(message_type, b'E' | b'C' | b'X' | b'D' | b'U' | b'P' | b'Q' | b'B')
}

/// Takes the body of a sequenced SoupBinTCP message of a snapshot apart.
///
/// # Errors
/// [`GlimpseError`].
pub fn decode(body: &[u8]) -> Result<SnapshotMessage<'_>, GlimpseError> {
    let Some((&message_type, rest)) = body.split_first() else {
        return Err(GlimpseError::Message(DecodeError::Empty));
    };
    if message_type == END_OF_SNAPSHOT {
        return match decode_number(rest) {
            Ok(next_sequence) if body.len() == END_OF_SNAPSHOT_LENGTH && next_sequence > 0 => {
                Ok(SnapshotMessage::End { next_sequence })
            }
            _ => Err(GlimpseError::End),
        };
    }
    match body_length(message_type) {
        None => Err(GlimpseError::Message(DecodeError::UnknownType(message_type))),
        Some(expected) if expected != body.len() => Err(GlimpseError::Message(DecodeError::Length {
            message_type,
            expected: u16::try_from(expected).unwrap_or(u16::MAX),
            found: u16::try_from(body.len()).unwrap_or(u16::MAX),
        })),
        Some(_) if is_state(message_type) => Ok(SnapshotMessage::State(body)),
        Some(_) => Err(GlimpseError::OutOfPlace(message_type)),
    }
}

/// The message that ends a snapshot; `next_sequence` (from 1) is that of the first real-time message behind it.
#[must_use]
pub fn encode_end(next_sequence: u64) -> [u8; END_OF_SNAPSHOT_LENGTH] {
    let mut body = [END_OF_SNAPSHOT; END_OF_SNAPSHOT_LENGTH];
    body[1..].copy_from_slice(&encode_number(next_sequence));
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::itch::messages::MESSAGE_TYPES;
    use proptest::prelude::*;

    #[test]
    fn the_end_names_the_next_message() {
        assert_eq!(&encode_end(2_345_678), b"G             2345678");
        assert_eq!(body_length(END_OF_SNAPSHOT), None);
        for next_sequence in [1, 9, 10, u64::MAX] {
            let body = encode_end(next_sequence);
            assert_eq!(decode(&body), Ok(SnapshotMessage::End { next_sequence }));
            for cut in 1..body.len() {
                assert_eq!(decode(&body[..cut]), Err(GlimpseError::End));
            }
        }
        assert_eq!(decode(b"G00000000000000000042"), Ok(SnapshotMessage::End { next_sequence: 42 }));
        assert_eq!(decode(&encode_end(0)), Err(GlimpseError::End));
    }

    #[test]
    fn states_pass_and_changes_do_not() {
        for message_type in MESSAGE_TYPES {
            let mut body = vec![0; body_length(message_type).unwrap()];
            body[0] = message_type;
            let answer = if b"ECXDUPQB".contains(&message_type) {
                Err(GlimpseError::OutOfPlace(message_type))
            } else {
                Ok(SnapshotMessage::State(&body[..]))
            };
            assert_eq!(decode(&body), answer);
            for cut in 1..body.len() {
                assert!(matches!(
                    decode(&body[..cut]),
                    Err(GlimpseError::Message(DecodeError::Length { .. }))
                ));
            }
        }
        assert_eq!(decode(b""), Err(GlimpseError::Message(DecodeError::Empty)));
    }

    proptest! {
        #[test]
        fn any_body_is_answered(mut body in prop::collection::vec(any::<u8>(), 0..60), end: bool) {
            if end && let Some(first) = body.first_mut() {
                *first = END_OF_SNAPSHOT;
                body.resize(END_OF_SNAPSHOT_LENGTH, b' ');
            }
            if let Ok(SnapshotMessage::End { next_sequence }) = decode(&body) {
                let again = encode_end(next_sequence);
                prop_assert_eq!(decode(&again), Ok(SnapshotMessage::End { next_sequence }));
            }
        }
    }
}
