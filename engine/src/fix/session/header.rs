//! The standard header of a received message, as far as a session needs it.

use crate::fix::codec::is_header_tag;
use crate::fix::fault::{Fault, MessageError};
use crate::fix::field::{Boolean, FieldType, SeqNum, UtcTimestamp};
use crate::fix::frame::Frame;

/// Header fields, each its first occurrence; `None` where absent or malformed. Read up to the first field that is not
/// one of the header's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReceivedHeader<'a> {
    /// MsgSeqNum(34).
    pub(super) sequence: Option<u32>,
    /// SenderCompID(49).
    pub(super) sender_comp_id: Option<&'a [u8]>,
    /// TargetCompID(56).
    pub(super) target_comp_id: Option<&'a [u8]>,
    /// SendingTime(52), UTC ns.
    pub(super) sending_time_ns: Option<u64>,
    /// OrigSendingTime(122), UTC ns.
    pub(super) orig_sending_time_ns: Option<u64>,
    /// PossDupFlag(43).
    pub(super) poss_dup: Option<bool>,
    /// The first thing that is wrong with it; what comes after was still read where that was possible.
    pub(super) error: Option<MessageError>,
}

/// MsgSeqNum(34) wherever it stands: so that a message whose header is out of order can be refused by its number.
#[cold]
fn sequence_anywhere(frame: Frame<'_>) -> Option<u32> {
    let mut fields = frame.fields();
    while let Ok(Some((tag, value))) = fields.next_field() {
        if tag == 34 {
            return SeqNum::parse(value);
        }
    }
    None
}

impl<'a> ReceivedHeader<'a> {
    /// Reads the header of a frame. What must be there and is not is an error of it.
    #[inline]
    pub(super) fn read(frame: Frame<'a>) -> Self {
        let mut header = Self::read_in_order(frame);
        if header.sequence.is_none() {
            header.sequence = sequence_anywhere(frame);
            header.error = header.error.or(header.sequence.map(|_| MessageError::new(34, Fault::Order)));
        }
        for (tag, missing) in [
            (49, header.sender_comp_id.is_none()),
            (52, header.sending_time_ns.is_none()),
            (56, header.target_comp_id.is_none()),
        ] {
            if missing {
                header.error.get_or_insert(MessageError::new(tag, Fault::Missing));
            }
        }
        header
    }

    #[inline]
    fn read_in_order(frame: Frame<'a>) -> Self {
        let mut header = Self::default();
        let mut fields = frame.fields();
        loop {
            let (tag, value) = match fields.next_field() {
                Ok(Some(field)) => field,
                Ok(None) => return header,
                Err(error) => {
                    header.error.get_or_insert(error);
                    return header;
                }
            };
            let taken = match tag {
                34 => take(&mut header.sequence, SeqNum::parse(value)),
                43 => take(&mut header.poss_dup, Boolean::parse(value)),
                49 => take(&mut header.sender_comp_id, Some(value)),
                52 => take(&mut header.sending_time_ns, UtcTimestamp::parse(value)),
                56 => take(&mut header.target_comp_id, Some(value)),
                122 => take(&mut header.orig_sending_time_ns, UtcTimestamp::parse(value)),
                // The rest of the standard header: third parties, encodings, hops.
                _ if is_header_tag(tag) => Ok(()),
                _ => return header,
            };
            if let Err(fault) = taken {
                header.error.get_or_insert(MessageError::new(tag, fault));
            }
        }
    }
}

/// Keeps the first value of a field.
#[inline]
fn take<T>(place: &mut Option<T>, value: Option<T>) -> Result<(), Fault> {
    if place.is_some() {
        return Err(Fault::Duplicate);
    }
    *place = value;
    if place.is_some() { Ok(()) } else { Err(Fault::Format) }
}
