//! What can be wrong with the fields of a message: tiny, `Copy`, and with the tag that is to blame.
//!
//! A session turns it into a Reject (35=3); see [`Fault::session_reject_reason`]. The texts are those that the QuickFIX
//! acceptance definitions compare literally.

use std::fmt;

use super::dictionary::Version;

/// The kind of fault; [`MessageError`] adds the tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The bytes where a tag should be are no tag number, or the version defines no such tag.
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
    /// No decoder for this MsgType(35), which the version defines.
    UnsupportedMessageType,
    /// The version defines no such MsgType(35).
    InvalidMessageType,
    /// The version defines the tag, but this message, or this place in it, cannot have it.
    NotInMessage,
    /// A group's entry does not start with the field that it must start with.
    GroupOrder,
    /// A group does not have as many entries as the tag says that counts them.
    GroupCount,
}

impl Fault {
    /// SessionRejectReason(373) of FIX 4.4 for it.
    #[must_use]
    pub const fn session_reject_reason(self) -> i64 {
        match self {
            Self::InvalidTag => 0,
            Self::Missing => 1,
            Self::NotInMessage => 2,
            Self::Empty => 4,
            Self::Value => 5,
            Self::Format | Self::DataLength => 6,
            Self::CompId => 9,
            Self::SendingTime => 10,
            Self::UnsupportedMessageType | Self::InvalidMessageType => 11,
            Self::Duplicate => 13,
            Self::Order => 14,
            Self::GroupOrder => 15,
            Self::GroupCount => 16,
        }
    }

    /// The same where the version has that reason: FIX 4.2 has none above 11, and a Reject goes without one there.
    #[must_use]
    pub const fn reason_in(self, version: Version) -> Option<i64> {
        let reason = self.session_reject_reason();
        match version {
            Version::Fix42 if reason > 11 => None,
            Version::Fix42 | Version::Fix44 => Some(reason),
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
            Self::InvalidMessageType => "Invalid MsgType",
            Self::NotInMessage => "Tag not defined for this message type",
            Self::Duplicate => "Tag appears more than once",
            Self::Order => "Tag specified out of required order",
            Self::GroupOrder => "Repeating group fields out of order",
            Self::GroupCount => "Incorrect NumInGroup count for repeating group",
        }
    }
}

/// A fault and the tag that it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageError {
    /// The tag; for [`Fault::InvalidTag`] the tag that the version does not define, a negative one as its two's
    /// complement ([`Self::ref_tag_id`] gives it back), or the last good tag before bytes that are no number, 35 at the
    /// start. For any other fault 0 says that no single field is to blame.
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

    /// RefTagID(371) of a Reject for it; `None` where no single field is to blame.
    #[must_use]
    pub const fn ref_tag_id(self) -> Option<i64> {
        match self.fault {
            Fault::CompId
            | Fault::SendingTime
            | Fault::UnsupportedMessageType
            | Fault::InvalidMessageType => None,
            Fault::InvalidTag => Some(self.tag.cast_signed() as i64), // 0 and -1 are tags that peers have sent
            _ if self.tag == 0 => None,
            _ => Some(self.tag as i64),
        }
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (tag {})", self.fault.text(), self.tag)
    }
}

impl std::error::Error for MessageError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reject_names_the_tag_and_the_reason_that_the_version_has() {
        let tag = |tag, fault| MessageError::new(tag, fault).ref_tag_id();
        assert_eq!(tag(u32::MAX, Fault::InvalidTag), Some(-1));
        assert_eq!(tag(0, Fault::InvalidTag), Some(0));
        assert_eq!(tag(38, Fault::Format), Some(38));
        assert_eq!(tag(0, Fault::Value), None);
        assert_eq!(tag(35, Fault::InvalidMessageType), None);
        assert_eq!(tag(49, Fault::CompId), None);
        assert_eq!(Fault::InvalidMessageType.reason_in(Version::Fix42), Some(11));
        assert_eq!(Fault::Duplicate.reason_in(Version::Fix42), None);
        assert_eq!(Fault::GroupCount.reason_in(Version::Fix44), Some(16));
    }
}
