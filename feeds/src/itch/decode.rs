//! The one TotalView-ITCH 5.0 decoder: live, replay, tests, benchmarks and fuzzing all call [`decode`].
//!
//! Sans-I/O and stateless: bytes of one message body in, one [`Message`] out. No allocation, no panic on any input.
//! It checks the type and the length; it does not judge the values in the fields.

use std::fmt;

use super::messages::{Message, ReadError};

/// Why a message body could not be decoded. The body is to be skipped or the input refused: that is the caller's
/// choice, for it knows where the body came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The body has no bytes, so no type either.
    Empty,
    /// The first byte is no TotalView-ITCH 5.0 message type.
    UnknownType(u8),
    /// The body's length is not that of its type.
    Length {
        /// The type character.
        message_type: u8,
        /// The type's length in bytes.
        expected: u16,
        /// The body's length in bytes; `u16::MAX` stands for that or more.
        found: u16,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => f.write_str("empty message"),
            Self::UnknownType(byte) => {
                write!(f, "unknown message type {byte:#04x} ('{}')", byte.escape_ascii())
            }
            Self::Length { message_type, expected, found } => write!(
                f,
                "wrong length: a message of type '{}' has {expected} bytes, not {found}",
                message_type.escape_ascii()
            ),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Decodes one message body (type character first, no length prefix).
///
/// Always inlined: a caller that matches on the result keeps only the fields that it reads, and no `Message` is
/// built in memory.
///
/// # Errors
/// [`DecodeError`] when the body is empty, of unknown type, or not exactly as long as its type.
#[inline(always)]
pub fn decode(body: &[u8]) -> Result<Message, DecodeError> {
    let Some(&message_type) = body.first() else {
        return Err(DecodeError::Empty);
    };
    match Message::read(message_type, body) {
        Ok(message) => Ok(message),
        Err(ReadError::UnknownType) => Err(DecodeError::UnknownType(message_type)),
        Err(ReadError::Length(expected)) => Err(DecodeError::Length {
            message_type,
            expected,
            found: u16::try_from(body.len()).unwrap_or(u16::MAX),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::itch::messages::{Header, MESSAGE_TYPES, body_length};
    use crate::symbol::Symbol;

    #[test]
    fn known_answer_add_order() {
        // Laid out by hand from the specification's table of the message.
        let body = [
            b'A', 0, 8, 0, 2, 0x1f, 0x1a, 0xce, 0xf2, 0x6f, 0x45, 0, 0, 0, 0, 0, 0, 0x2f, 0xf9, b'B', 0, 0,
            0, 100, b'A', b'A', b'P', b'L', b' ', b' ', b' ', b' ', 0, 0x1f, 0xed, 0xf4,
        ];
        let Ok(Message::AddOrder(add)) = decode(&body) else { panic!("{:?}", decode(&body)) };
        assert_eq!(add.header, Header { locate: 8, tracking: 2, timestamp_ns: 0x1f1a_cef2_6f45 });
        assert_eq!(add.reference, 0x2ff9);
        assert_eq!(add.side, b'B');
        assert_eq!(add.shares, 100);
        assert_eq!(add.stock, Symbol::new("AAPL").unwrap());
        assert_eq!(add.price, 2_092_532);
    }

    #[test]
    fn every_type_refuses_every_other_length() {
        assert_eq!(decode(&[]), Err(DecodeError::Empty));
        let zeros = [0u8; 80];
        for message_type in 0..=u8::MAX {
            for length in 1..zeros.len() {
                let mut body = zeros;
                body[0] = message_type;
                let found = u16::try_from(length).unwrap();
                match (decode(&body[..length]), body_length(message_type)) {
                    (Ok(message), Some(expected)) => {
                        assert_eq!(length, expected);
                        assert_eq!(message.message_type(), message_type);
                    }
                    (Err(error), Some(expected)) => {
                        let expected = u16::try_from(expected).unwrap();
                        assert_ne!(found, expected);
                        assert_eq!(error, DecodeError::Length { message_type, expected, found });
                    }
                    (result, None) => assert_eq!(result, Err(DecodeError::UnknownType(message_type))),
                }
            }
        }
        assert_eq!((0..=u8::MAX).filter(|&t| body_length(t).is_some()).count(), MESSAGE_TYPES.len());
    }

    #[test]
    fn errors_say_what_is_wrong() {
        assert_eq!(DecodeError::UnknownType(0x7a).to_string(), "unknown message type 0x7a ('z')");
        assert_eq!(DecodeError::UnknownType(0).to_string(), r"unknown message type 0x00 ('\x00')");
        assert_eq!(
            decode(b"Axx").unwrap_err().to_string(),
            "wrong length: a message of type 'A' has 36 bytes, not 3"
        );
        assert!(size_of::<DecodeError>() <= 8);
    }
}
