//! Why a message of OUCH 5.0 is refused.

use std::fmt;

/// Why a message cannot be read, or cannot be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DecodeError {
    /// A message without a type.
    Empty,
    /// No message of this direction has this type.
    UnknownType(u8),
    /// The message does not have the length of its type, with its appendage.
    Length {
        /// The type character.
        message_type: u8,
        /// Bytes of the message.
        found: u16,
    },
    /// An option goes beyond the appendage, or has no tag.
    Appendage {
        /// The type character.
        message_type: u8,
        /// Where in the appendage.
        at: u16,
    },
    /// A field holds what it cannot.
    Value {
        /// The type character.
        message_type: u8,
        /// Byte of the message at which the field starts.
        at: u16,
    },
    /// The message is about an order that this session never sent.
    UnknownOrder {
        /// The type character.
        message_type: u8,
        /// The number that it names.
        user_ref_num: u32,
    },
    /// The message does not fit the state of its order.
    Unexpected {
        /// The type character.
        message_type: u8,
        /// The number that it names.
        user_ref_num: u32,
    },
    /// A trade was corrected: what we hold was not bought or sold for what we think.
    TradeCorrected {
        /// The order that traded.
        user_ref_num: u32,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |code: &u8| code.escape_ascii();
        match self {
            Self::Empty => f.write_str("an OUCH message without a type"),
            Self::UnknownType(code) => write!(f, "unknown OUCH message type '{}'", name(code)),
            Self::Length { message_type, found } => {
                write!(f, "OUCH message '{}' with {found} bytes", name(message_type))
            }
            Self::Appendage { message_type, at } => {
                write!(f, "OUCH message '{}': option at {at} does not fit its appendage", name(message_type))
            }
            Self::Value { message_type, at } => {
                write!(f, "OUCH message '{}': impossible value at offset {at}", name(message_type))
            }
            Self::UnknownOrder { message_type, user_ref_num } => {
                write!(f, "OUCH message '{}' about unknown order {user_ref_num}", name(message_type))
            }
            Self::Unexpected { message_type, user_ref_num } => {
                write!(
                    f,
                    "OUCH message '{}' does not fit the state of order {user_ref_num}",
                    name(message_type)
                )
            }
            Self::TradeCorrected { user_ref_num } => write!(
                f,
                "OUCH message 'F': a trade of order {user_ref_num} was corrected; settle the position by hand before \
                 trading on"
            ),
        }
    }
}

impl std::error::Error for DecodeError {}
