//! A peer's refusal of a message of ours: Reject (3) of the session, BusinessMessageReject (j) of the application.
//!
//! Out of the index of the frame's fields, as [`super::executions`]; no allocation, texts borrowed from the message. Runs
//! on the thread that owns the session. What became of the order, if it was one, is the caller's to find out: by MsgSeqNum
//! through its journal, or by the ClOrdID where the peer gives it.

use super::fault::{Fault, MessageError};
use super::frame::Frame;
use super::index::{FieldIndex, Known};
use crate::order::ClOrdId;

/// Who refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectLevel {
    /// Reject (3): the message breaks the protocol.
    Session,
    /// BusinessMessageReject (j): it is sound, but not acceptable here.
    Business,
}

/// A refused message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageReject<'a> {
    /// Who refuses.
    pub level: RejectLevel,
    /// RefSeqNum(45): MsgSeqNum of the refused message; 0 where a BusinessMessageReject does not say it.
    pub ref_seq_num: u32,
    /// RefTagID(371): the tag at fault; 0 where none is named.
    pub ref_tag_id: u32,
    /// RefMsgType(372); empty where it is not said.
    pub ref_msg_type: &'a [u8],
    /// BusinessRejectRefID(379) where it is one of our ClOrdIDs (sixteen digits), else 0.
    pub ref_cl_ord_id: ClOrdId,
    /// SessionRejectReason(373) or BusinessRejectReason(380), `None` where it is not said.
    pub reason: Option<u32>,
    /// Text(58), bytes as they came; empty where there is none.
    pub text: &'a [u8],
}

/// Fields of which a second one is refused.
const READ: &[Known] = &[
    Known::RefSeqNum,
    Known::RefTagId,
    Known::RefMsgType,
    Known::SessionRejectReason,
    Known::BusinessRejectRefId,
    Known::BusinessRejectReason,
    Known::Text,
];

/// Decodes a Reject, which must have RefSeqNum(45), or a BusinessMessageReject, which must have RefMsgType(372) and
/// BusinessRejectReason(380).
///
/// # Errors
/// The tag and what is wrong with it; [`Fault::UnsupportedMessageType`] for any other message type.
pub fn decode(frame: Frame<'_>) -> Result<MessageReject<'_>, MessageError> {
    let level = match frame.message_type_byte() {
        b'3' => RejectLevel::Session,
        b'j' => RejectLevel::Business,
        _ => return Err(MessageError::new(35, Fault::UnsupportedMessageType)),
    };
    match frame.index() {
        Some(index) => read(frame, index, level),
        None => read(frame, &FieldIndex::of(frame)?, level),
    }
}

fn read<'a>(
    frame: Frame<'a>,
    index: &FieldIndex,
    level: RejectLevel,
) -> Result<MessageReject<'a>, MessageError> {
    if let Some(field) = READ.iter().find(|field| index.repeated() & field.bit() != 0) {
        return Err(MessageError::new(field.tag(), Fault::Duplicate));
    }
    let value = |field: Known| (index.seen() & field.bit() != 0).then(|| frame.value(index, field));
    let number = |field: Known| match value(field) {
        None => Ok(None),
        Some(value) => match value.unsigned().and_then(|number| u32::try_from(number).ok()) {
            None => Err(MessageError::new(field.tag(), Fault::Format)),
            number => Ok(number),
        },
    };
    let bytes = |field: Known| value(field).map_or(&[][..], |value| value.bytes());
    let ref_seq_num = number(Known::RefSeqNum)?;
    let ref_tag_id = number(Known::RefTagId)?.unwrap_or(0);
    let reasons = [number(Known::SessionRejectReason)?, number(Known::BusinessRejectReason)?];
    let reject = MessageReject {
        level,
        ref_seq_num: ref_seq_num.unwrap_or(0),
        ref_tag_id,
        ref_msg_type: bytes(Known::RefMsgType),
        ref_cl_ord_id: value(Known::BusinessRejectRefId)
            .filter(|value| value.length() == 16)
            .and_then(|value| value.unsigned())
            .unwrap_or(0),
        reason: reasons[usize::from(level == RejectLevel::Business)],
        text: bytes(Known::Text),
    };
    let missing = match level {
        RejectLevel::Session => ref_seq_num.is_none().then_some(45),
        RejectLevel::Business if reject.ref_msg_type.is_empty() => Some(372),
        RejectLevel::Business => reject.reason.is_none().then_some(380),
    };
    missing.map_or(Ok(reject), |tag| Err(MessageError::new(tag, Fault::Missing)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::framer::Framer;
    use crate::fix::naive_decoder;
    use std::ops::ControlFlow;

    /// Decoded with the index and without; both must say the same.
    fn compare(body: &str, check: impl Fn(Result<MessageReject<'_>, MessageError>)) {
        let bytes = naive_decoder::framed(body);
        let by_cursor = decode(Frame::parse(&bytes).unwrap());
        check(by_cursor);
        let mut frames = 0;
        let _ = Framer::new().feed(&bytes, &mut |frame| {
            assert_eq!(decode(frame), by_cursor, "{body}");
            frames += 1;
            ControlFlow::Continue(())
        });
        assert_eq!(frames, 1);
    }

    #[test]
    fn known_rejects() {
        compare("35=3|34=9|49=V|56=W|45=17|58=Required tag missing|371=38|372=D|373=1|", |reject| {
            let expected = MessageReject {
                level: RejectLevel::Session,
                ref_seq_num: 17,
                ref_tag_id: 38,
                ref_msg_type: b"D",
                ref_cl_ord_id: 0,
                reason: Some(1),
                text: b"Required tag missing",
            };
            assert_eq!(reject, Ok(expected));
        });
        compare("35=3|34=9|45=00017|", |reject| {
            let reject = reject.unwrap();
            assert_eq!((reject.ref_seq_num, reject.reason, reject.text), (17, None, &b""[..]));
        });
        compare("35=j|34=9|45=18|372=D|379=2012062100000007|380=4|", |reject| {
            let reject = reject.unwrap();
            assert_eq!((reject.level, reject.ref_cl_ord_id), (RejectLevel::Business, 2_012_062_100_000_007));
            assert_eq!((reject.ref_seq_num, reject.reason), (18, Some(4)));
        });
        compare("35=j|34=9|372=D|379=ORDER-7|380=0|", |reject| assert_eq!(reject.unwrap().ref_cl_ord_id, 0));
    }

    #[test]
    fn faults_name_the_tag() {
        for (body, tag, fault) in [
            ("35=3|34=9|58=no number|", 45, Fault::Missing),
            ("35=3|34=9|45=x|", 45, Fault::Format),
            ("35=3|34=9|45=99999999999|", 45, Fault::Format),
            ("35=3|34=9|45=1|45=1|", 45, Fault::Duplicate),
            ("35=3|34=9|45=1|371=|", 371, Fault::Empty),
            ("35=j|34=9|380=4|", 372, Fault::Missing),
            ("35=j|34=9|372=D|", 380, Fault::Missing),
            ("35=8|34=9|45=1|", 35, Fault::UnsupportedMessageType),
        ] {
            compare(body, |reject| assert_eq!(reject, Err(MessageError::new(tag, fault)), "{body}"));
        }
    }
}
