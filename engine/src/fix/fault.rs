//! What can be wrong with the fields of a message: tiny, `Copy`, and with the tag that is to blame.
//!
//! A session turns it into a Reject (35=3); see [`Fault::session_reject_reason`]. The texts are those that the QuickFIX
//! acceptance definitions compare literally.

use std::fmt;

/// The kind of fault; [`MessageError`] adds the tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The bytes where a tag should be are no tag number.
    InvalidTag,
    /// A required field is absent.
    Missing,
    /// The field has no value.
    Empty,
    /// The value is well formed, but not one that is possible or supported here.
    Value,
    /// The value does not have the format of its type.
    Format,
    /// The tag appears more than once.
    Duplicate,
    /// A field of the header after one of the body, or one of the body after the trailer's.
    Order,
    /// A data field without its length field, or a length that does not lead to the data field's end.
    DataLength,
    /// SendingTime(52) is too far from the receiver's clock, or OrigSendingTime(122) is after it.
    SendingTime,
    /// SenderCompID(49) or TargetCompID(56) is not this session's.
    CompId,
    /// No decoder for this MsgType(35).
    UnsupportedMessageType,
}

impl Fault {
    /// SessionRejectReason(373) of FIX 4.4 for it.
    #[must_use]
    pub const fn session_reject_reason(self) -> i64 {
        match self {
            Self::InvalidTag => 0,
            Self::Missing => 1,
            Self::Empty => 4,
            Self::Value => 5,
            Self::Format | Self::DataLength => 6,
            Self::CompId => 9,
            Self::SendingTime => 10,
            Self::UnsupportedMessageType => 11,
            Self::Duplicate => 13,
            Self::Order => 14,
        }
    }

    /// Text(58) for it, in the wording of the standard.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::InvalidTag => "Invalid tag number",
            Self::Missing => "Required tag missing",
            Self::Empty => "Tag specified without a value",
            Self::Value => "Value is incorrect (out of range) for this tag",
            Self::Format | Self::DataLength => "Incorrect data format for value",
            Self::CompId => "CompID problem",
            Self::SendingTime => "SendingTime accuracy problem",
            Self::UnsupportedMessageType => "Unsupported Message Type",
            Self::Duplicate => "Tag appears more than once",
            Self::Order => "Tag specified out of required order",
        }
    }
}

/// A fault and the tag that it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageError {
    /// The tag; for [`Fault::InvalidTag`] the last good tag before it, 35 at the start.
    pub tag: u32,
    /// What is wrong with it.
    pub fault: Fault,
}

impl MessageError {
    /// A fault of a tag.
    #[must_use]
    pub const fn new(tag: u32, fault: Fault) -> Self {
        Self { tag, fault }
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (tag {})", self.fault.text(), self.tag)
    }
}

impl std::error::Error for MessageError {}
