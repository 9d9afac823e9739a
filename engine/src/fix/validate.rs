//! Judges a whole message by a version's [`Dictionary`]: what a session refuses with Reject (35=3) before the
//! application sees it.
//!
//! One pass over the fields of a verified [`Frame`], the work linear in its bytes; it allocates nothing, keeps its state
//! on the stack, and belongs to whichever thread has the frame. It refuses to interpret: that a limit order has a price,
//! that a PossDup has an OrigSendingTime(122), that a MsgSeqNum(34) is the next, is for the decoders and the session.
//!
//! # What is valid
//!
//! - MsgType(35) is described in the dictionary. One that the version only names is [`Fault::UnsupportedMessageType`].
//!   BeginString(8) is the dictionary's.
//! - The fields obey the grammar of [`crate::fix`].
//! - Header, body and trailer follow each other; inside them any order will do.
//! - Every tag is defined, user-defined ones (5000 and above) are not, and this message has it. Outside of groups it
//!   occurs once.
//! - The entries of a group directly follow the field that counts them, as many as it says, possibly none. Each starts
//!   with the group's first field; the others may follow in any order, each once. A tag belongs to the innermost open
//!   group that has it; a tag that the group does not have ends it.
//! - Every value has the format of its type ([`FieldKind`]) and is one of the field's values where the standard closes
//!   the set. Integers are those that the typed constants read; decimal numbers (quantities, prices, amounts) are
//!   `-`, digits, a point, digits, all but one digit optional, of any length: how many decimals make sense is not known
//!   here. Text is any bytes.
//! - The header, the body and every entry have what they must have. The required fields of a component count where the
//!   component itself is required.
//!
//! The first fault in the order of the bytes is reported; missing fields of an entry at its end, of header and body at
//! the end of the message, the header's first, in each the lowest tag.

use super::dictionary::{Dictionary, FieldDef, FieldKind, GROUP_DEPTH_MAX, Group, Members, TagSet};
use super::fault::{Fault, MessageError};
use super::field::{Boolean, FieldType, Int, SeqNum, UtcTimestamp};
use super::frame::{Frame, SOH};
use super::number::parse_unsigned;
use super::timestamp::parse_timestamp;

/// Whether a message is valid.
///
/// # Errors
/// The first fault and the tag at fault, in the words of the module.
pub fn validate(dictionary: &Dictionary, frame: Frame<'_>) -> Result<(), MessageError> {
    let Some(message) = dictionary.message(frame.message_type()) else {
        let known = dictionary.is_message_type(frame.message_type());
        let fault = if known { Fault::UnsupportedMessageType } else { Fault::InvalidMessageType };
        return Err(MessageError::new(35, fault));
    };
    if frame.begin_string() != dictionary.begin_string().as_bytes() {
        return Err(MessageError::new(8, Fault::Value));
    }
    let mut pass = Pass::new(dictionary, message.body());
    let mut fields = frame.fields();
    loop {
        match fields.next_field() {
            Ok(Some((tag, value))) => pass.field(tag, value)?,
            Ok(None) => return pass.end(),
            Err(error) if error.fault == Fault::InvalidTag => return Err(invalid_tag(frame, error)),
            Err(error) => return Err(error),
        }
    }
}

/// Names the number where the bytes that are no tag are a number all the same: zero, negative, too long.
#[cold]
fn invalid_tag(frame: Frame<'_>, error: MessageError) -> MessageError {
    // The cursor tells what is wrong but not where: count the bytes of the fields before it.
    let mut fields = frame.fields();
    let [begin_string, body_length, message_type] =
        [frame.begin_string(), frame.body_length(), frame.message_type()].map(<[u8]>::len);
    let mut at = "8=|9=|35=|".len() + begin_string + body_length + message_type;
    while let Ok(Some((tag, value))) = fields.next_field() {
        at += tag.max(1).ilog10() as usize + "0=|".len() + value.len();
    }
    let rest = frame.bytes().get(at..).unwrap_or(&[]);
    let end = rest.iter().position(|&byte| byte == b'=' || byte == SOH).unwrap_or(rest.len());
    let number = Int::parse(rest.get(..end).unwrap_or(&[])).and_then(|number| i32::try_from(number).ok());
    number.map_or(error, |number| MessageError::new(number.cast_unsigned(), Fault::InvalidTag))
}

/// A part of the message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Part {
    Header,
    Body,
    Trailer,
}

/// A group whose entries are being read.
#[derive(Clone, Copy)]
struct OpenGroup {
    group: &'static Group,
    /// What the counting field says.
    declared: u32,
    /// Entries begun.
    entries: u32,
    /// Tags of the present entry.
    seen: TagSet,
}

impl OpenGroup {
    /// The present entry ends.
    fn end_entry(&self) -> Result<(), MessageError> {
        let missing = self.group.entry().required().first_not_in(&self.seen);
        match missing.filter(|_| self.entries > 0) {
            Some(tag) => Err(MessageError::new(tag, Fault::Missing)),
            None => Ok(()),
        }
    }

    /// The group ends.
    fn end(&self) -> Result<(), MessageError> {
        self.end_entry()?;
        if self.entries == self.declared { Ok(()) } else { Err(self.miscounted()) }
    }

    const fn miscounted(&self) -> MessageError {
        MessageError::new(self.group.count_tag(), Fault::GroupCount)
    }

    /// Takes a tag of the group.
    fn take(&mut self, tag: u32) -> Result<(), MessageError> {
        if tag == self.group.first() {
            self.end_entry()?;
            if self.entries == self.declared {
                return Err(self.miscounted());
            }
            self.entries += 1;
            self.seen = TagSet::EMPTY;
        } else if self.entries == 0 {
            return Err(MessageError::new(tag, Fault::GroupOrder));
        }
        if self.seen.insert(tag) { Ok(()) } else { Err(MessageError::new(tag, Fault::Duplicate)) }
    }
}

/// How far the message has been read.
struct Pass<'d> {
    dictionary: &'d Dictionary,
    body: &'static Members,
    part: Part,
    /// Tags outside of groups.
    seen: TagSet,
    /// The open groups, each inside the one before.
    open: [Option<OpenGroup>; GROUP_DEPTH_MAX],
    depth: usize,
}

impl<'d> Pass<'d> {
    fn new(dictionary: &'d Dictionary, body: &'static Members) -> Self {
        let mut seen = TagSet::EMPTY;
        for tag in [8, 9, 10, 35] {
            seen.insert(tag); // the frame has them
        }
        Self { dictionary, body, part: Part::Header, seen, open: [None; GROUP_DEPTH_MAX], depth: 0 }
    }

    fn field(&mut self, tag: u32, value: &[u8]) -> Result<(), MessageError> {
        let field = self.dictionary.field(tag).ok_or(MessageError::new(tag, Fault::InvalidTag))?;
        let group = self.place(field)?;
        if !is_well_formed(field.kind(), value) {
            return Err(MessageError::new(tag, Fault::Format));
        }
        if !is_possible(field, value) {
            return Err(MessageError::new(tag, Fault::Value));
        }
        if let Some(group) = group {
            let declared = parse_unsigned(value).and_then(|count| u32::try_from(count).ok());
            let declared = declared.ok_or(MessageError::new(tag, Fault::GroupCount))?;
            let open = OpenGroup { group, declared, entries: 0, seen: TagSet::EMPTY };
            // The tables have no group that is nested deeper.
            let place = self.open.get_mut(self.depth).ok_or(MessageError::new(tag, Fault::GroupCount))?;
            *place = Some(open);
            self.depth += 1;
        }
        Ok(())
    }

    /// Finds where a field belongs, ends the groups in which it does not, and says which group it counts there.
    fn place(&mut self, field: &FieldDef) -> Result<Option<&'static Group>, MessageError> {
        let tag = field.tag();
        let has =
            |open: &Option<OpenGroup>| open.is_some_and(|open| open.group.entry().allowed().contains(tag));
        let inside = self.open[..self.depth].iter().rposition(has).map_or(0, |at| at + 1);
        let (members, part) = match inside.checked_sub(1).and_then(|at| self.open[at].as_ref()) {
            Some(open) => (open.group.entry(), self.part),
            None if self.body.allowed().contains(tag) => (self.body, Part::Body),
            None if self.dictionary.header().allowed().contains(tag) => {
                (self.dictionary.header(), Part::Header)
            }
            None if self.dictionary.trailer().allowed().contains(tag) => {
                (self.dictionary.trailer(), Part::Trailer)
            }
            None => return Err(MessageError::new(tag, Fault::NotInMessage)),
        };
        self.end_groups(inside)?;
        if part < self.part {
            return Err(MessageError::new(tag, Fault::Order));
        }
        self.part = part;
        match inside.checked_sub(1).and_then(|at| self.open[at].as_mut()) {
            Some(open) => open.take(tag)?,
            None if self.seen.insert(tag) => {}
            None => return Err(MessageError::new(tag, Fault::Duplicate)),
        }
        Ok(if field.counts_entries() { members.group(tag) } else { None })
    }

    /// Ends the open groups beyond a depth, the innermost first.
    fn end_groups(&mut self, depth: usize) -> Result<(), MessageError> {
        while self.depth > depth {
            self.depth -= 1;
            if let Some(open) = &self.open[self.depth] {
                open.end()?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), MessageError> {
        self.end_groups(0)?;
        let parts = [self.dictionary.header(), self.body, self.dictionary.trailer()];
        match parts.iter().find_map(|members| members.required().first_not_in(&self.seen)) {
            Some(tag) => Err(MessageError::new(tag, Fault::Missing)),
            None => Ok(()),
        }
    }
}

/// Whether a value has the format of a type.
fn is_well_formed(kind: FieldKind, value: &[u8]) -> bool {
    match kind {
        FieldKind::Amt
        | FieldKind::Float
        | FieldKind::Percentage
        | FieldKind::Price
        | FieldKind::PriceOffset
        | FieldKind::Qty => is_decimal(value),
        FieldKind::Boolean => Boolean::parse(value).is_some(),
        FieldKind::Char => value.len() == 1,
        FieldKind::Country => value.len() == 2 && value.iter().all(u8::is_ascii_alphabetic),
        FieldKind::Currency => value.len() == 3 && value.iter().all(u8::is_ascii_alphabetic),
        FieldKind::Data | FieldKind::String => true,
        FieldKind::DayOfMonth => parse_unsigned(value).is_some_and(|day| (1..=31).contains(&day)),
        FieldKind::Exchange => value.iter().all(u8::is_ascii_graphic),
        FieldKind::Int => Int::parse(value).is_some(),
        FieldKind::Length | FieldKind::NumInGroup | FieldKind::SeqNum => SeqNum::parse(value).is_some(),
        FieldKind::LocalMktDate | FieldKind::UtcDate => is_date(value),
        FieldKind::MonthYear => match value {
            [month @ .., b'w', b'1'..=b'5'] => is_month(month),
            _ => is_month(value) || is_date(value),
        },
        FieldKind::MultipleValueString => value.split(|&byte| byte == b' ').all(|part| !part.is_empty()),
        FieldKind::UtcTimeOnly => is_time(value),
        FieldKind::UtcTimestamp => UtcTimestamp::parse(value).is_some(),
    }
}

/// Whether a well-formed value is one of the field's.
fn is_possible(field: &FieldDef, value: &[u8]) -> bool {
    let values = field.values();
    let known = |value: &[u8]| values.binary_search(&value).is_ok();
    if values.is_empty() {
        return true;
    }
    match field.kind() {
        FieldKind::MultipleValueString => value.split(|&byte| byte == b' ').all(known),
        FieldKind::Int | FieldKind::NumInGroup => {
            // Leading zeros change no number.
            let zeros =
                value.iter().take_while(|&&byte| byte == b'0').count().min(value.len().saturating_sub(1));
            known(value.get(zeros..).unwrap_or(value))
        }
        _ => known(value),
    }
}

/// An optional `-`, digits with an optional point, at least one digit.
fn is_decimal(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let (mut any, mut point) = (false, false);
    for &byte in digits {
        match byte {
            b'0'..=b'9' => any = true,
            b'.' if !point => point = true,
            _ => return false,
        }
    }
    any
}

/// `YYYYMMDD`, a real date of the years that a UTCTimestamp has.
fn is_date(value: &[u8]) -> bool {
    let mut text = *b"YYYYMMDD-00:00:00";
    value.len() == 8 && {
        text[..8].copy_from_slice(value);
        parse_timestamp(&text).is_some()
    }
}

/// `YYYYMM` of the same years.
fn is_month(value: &[u8]) -> bool {
    let mut text = *b"YYYYMM01";
    value.len() == 6 && {
        text[..6].copy_from_slice(value);
        is_date(&text)
    }
}

/// `HH:MM:SS` with or without a fraction, as in a UTCTimestamp.
fn is_time(value: &[u8]) -> bool {
    let mut text = *b"20000101-HH:MM:SS.123456789";
    match text.get_mut(9..9 + value.len()) {
        Some(place) => {
            place.copy_from_slice(value);
            parse_timestamp(text.get(..9 + value.len()).unwrap_or(&[])).is_some()
        }
        None => false,
    }
}

#[cfg(test)]
mod naive;
#[cfg(test)]
mod scripts;
#[cfg(test)]
mod tests;
