//! The general codec for cold messages: an [`Encoder`] with `set`, a borrowed [`Message`] with `get`, both typed by the
//! constants of [`super::fix44`].
//!
//! Both work in the caller's bytes and allocate nothing. The encoder writes compact text: BodyLength(9) without padding,
//! no leading zeros. It refuses to write what the decoder would refuse to read, a value with SOH in it for example.

use std::fmt;

use super::cursor::{FieldCursor, length_tag_of};
use super::fault::{Fault, MessageError};
use super::field::{Field, FieldType, Text, UtcTimestamp, WriteFault};
use super::fix44;
use super::frame::{FRAME_MAX, Frame, FrameFault, SOH, checksum, checksum_digits};
use super::identity::SessionIds;
use super::number::write_unsigned;
use super::timestamp::{TIME_MAX_NS, TimePrecision, write_timestamp};

/// Digits kept free for BodyLength(9) until it is known: [`FRAME_MAX`] has four.
const LENGTH_DIGITS_MAX: usize = 4;

/// Why a message could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BuildError {
    /// The output is too small, or the message longer than [`FRAME_MAX`].
    NoRoom,
    /// The value for this tag has no FIX text.
    Value {
        /// The tag.
        tag: u32,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom => {
                write!(formatter, "no room for the message, or it is longer than {FRAME_MAX} bytes")
            }
            Self::Value { tag } => write!(formatter, "the value for tag {tag} cannot be written as FIX text"),
        }
    }
}

impl std::error::Error for BuildError {}

/// The standard header of a message that a session sends.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// BeginString(8), SenderCompID(49), TargetCompID(56).
    pub ids: &'a SessionIds,
    /// MsgSeqNum(34).
    pub sequence: u32,
    /// SendingTime(52), UTC ns.
    pub sending_time_ns: u64,
    /// Digits of the times written.
    pub time_precision: TimePrecision,
}

/// Writes one message; the first error sticks and comes out of [`Self::done`].
#[derive(Debug)]
pub struct Encoder<'a> {
    out: &'a mut [u8],
    /// Where BodyLength's digits go.
    length_at: usize,
    at: usize,
    error: Option<BuildError>,
}

impl<'a> Encoder<'a> {
    /// Starts a message at the front of `out`: BeginString(8), a place for BodyLength(9), MsgType(35).
    #[must_use]
    pub fn start(out: &'a mut [u8], begin_string: &str, message_type: &[u8]) -> Self {
        let mut encoder = Self { out, length_at: 0, at: 0, error: None };
        encoder.set(fix44::BEGIN_STRING, begin_string.as_bytes());
        encoder.put(b"9=");
        encoder.length_at = encoder.at;
        encoder.put(&[b'0'; LENGTH_DIGITS_MAX]);
        encoder.put(&[SOH]);
        encoder.set(fix44::MSG_TYPE, message_type);
        encoder
    }

    /// Starts a message with the whole standard header of a session's message.
    #[must_use]
    pub fn start_message(out: &'a mut [u8], header: &Header<'_>, message_type: &[u8]) -> Self {
        let mut encoder = Self::start(out, header.ids.begin_string(), message_type);
        encoder
            .set(fix44::MSG_SEQ_NUM, header.sequence)
            .set(fix44::SENDER_COMP_ID, header.ids.sender_comp_id().as_bytes())
            .set_time(fix44::SENDING_TIME, header.sending_time_ns, header.time_precision)
            .set(fix44::TARGET_COMP_ID, header.ids.target_comp_id().as_bytes());
        encoder
    }

    /// Appends a field. A data field is preceded by its length field.
    pub fn set<T: FieldType>(&mut self, field: Field<T>, value: T::Value<'_>) -> &mut Self {
        let length_tag = length_tag_of(field.tag());
        if length_tag == 0 {
            self.field(field.tag(), |out| T::write(value, out));
            return self;
        }
        // The length's digits are known only once the value is written: write it, measure it, write both.
        let start = self.at;
        self.field(field.tag(), |out| T::write(value, out));
        let tag_text = 1 + digits_of(field.tag());
        let bytes = (self.at - start).saturating_sub(tag_text + 1) as u64;
        self.at = start;
        self.field(length_tag, |out| write_unsigned(bytes, out).ok_or(WriteFault::NoRoom));
        self.field(field.tag(), |out| T::write(value, out));
        self
    }

    /// Appends a time with a given number of digits.
    pub fn set_time(
        &mut self,
        field: Field<UtcTimestamp>,
        time_ns: u64,
        precision: TimePrecision,
    ) -> &mut Self {
        self.field(field.tag(), |out| {
            if time_ns > TIME_MAX_NS {
                return Err(WriteFault::Value);
            }
            write_timestamp(time_ns, precision, out).ok_or(WriteFault::NoRoom)
        });
        self
    }

    /// Appends a field of any type as the text that it has in another message. A data field's length field is the
    /// caller's to copy as well.
    pub(crate) fn set_text(&mut self, tag: u32, text: &[u8]) -> &mut Self {
        self.field(tag, |out| super::number::write_bytes(text, out).ok_or(WriteFault::NoRoom));
        self
    }

    /// Ends the message with BodyLength(9) and CheckSum(10); says how many bytes of the output it has.
    ///
    /// # Errors
    /// The first error of the fields, or no room. The output's content is then of no use.
    pub fn done(mut self) -> Result<usize, BuildError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let body = self.length_at + LENGTH_DIGITS_MAX + 1;
        let length = self.at - body;
        let length_place = self.out.get_mut(self.length_at..).unwrap_or(&mut []);
        let digits = write_unsigned(length as u64, length_place).ok_or(BuildError::NoRoom)?;
        if digits > LENGTH_DIGITS_MAX {
            return Err(BuildError::NoRoom);
        }
        // The body moves up to the digits that BodyLength really has.
        self.out[self.length_at + digits] = SOH;
        self.out.copy_within(body..self.at, self.length_at + digits + 1);
        self.at -= LENGTH_DIGITS_MAX - digits;
        let sum = checksum(self.out.get(..self.at).unwrap_or(&[]));
        self.field(10, |out| {
            super::number::write_bytes(&checksum_digits(sum), out).ok_or(WriteFault::NoRoom)
        });
        match self.error {
            Some(error) => Err(error),
            None if self.at > FRAME_MAX => Err(BuildError::NoRoom),
            None => Ok(self.at),
        }
    }

    /// Appends a tag, `=`, what `write` writes, SOH.
    fn field(&mut self, tag: u32, write: impl FnOnce(&mut [u8]) -> Result<usize, WriteFault>) {
        let mut tag_text = [0; 11];
        let digits = write_unsigned(u64::from(tag), &mut tag_text).unwrap_or(0);
        self.put(&tag_text[..digits]);
        self.put(b"=");
        if self.error.is_some() {
            return;
        }
        match write(self.out.get_mut(self.at..).unwrap_or(&mut [])) {
            Ok(length) => {
                self.at += length;
                self.put(&[SOH]);
            }
            Err(WriteFault::NoRoom) => self.error = Some(BuildError::NoRoom),
            Err(WriteFault::Value) => self.error = Some(BuildError::Value { tag }),
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.error.is_some() {
            return;
        }
        match self.out.get_mut(self.at..self.at + bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.at += bytes.len();
            }
            None => self.error = Some(BuildError::NoRoom),
        }
    }
}

/// Whether a tag belongs to the standard header of FIX 4.2 or 4.4.
#[must_use]
pub const fn is_header_tag(tag: u32) -> bool {
    matches!(
        tag,
        8 | 9
            | 34
            | 35
            | 43
            | 49
            | 50
            | 52
            | 56
            | 57
            | 90
            | 91
            | 97
            | 115
            | 116
            | 122
            | 128
            | 129
            | 142..=145
            | 212
            | 213
            | 347
            | 369
            | 370
            | 627..=630
    )
}

/// Decimal digits of a tag.
const fn digits_of(tag: u32) -> usize {
    let mut digits = 1;
    let mut rest = tag / 10;
    while rest > 0 {
        digits += 1;
        rest /= 10;
    }
    digits
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DecodeError {
    /// They are no frame.
    Frame(FrameFault),
    /// They are a frame, but not all of it is fields.
    Field(MessageError),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(fault) => fault.fmt(formatter),
            Self::Field(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for DecodeError {}

/// A message all of whose fields are well separated; values are checked as they are read.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    frame: Frame<'a>,
}

impl<'a> Message<'a> {
    /// The message that `bytes` are, all of them.
    ///
    /// # Errors
    /// No frame, or a field outside the grammar.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let frame = Frame::parse(bytes).map_err(DecodeError::Frame)?;
        Self::of(frame).map_err(DecodeError::Field)
    }

    /// The message of a frame.
    ///
    /// # Errors
    /// The first field outside the grammar.
    pub fn of(frame: Frame<'a>) -> Result<Self, MessageError> {
        let mut fields = frame.fields();
        while fields.next_field()?.is_some() {}
        Ok(Self { frame })
    }

    /// The frame.
    #[must_use]
    pub const fn frame(&self) -> Frame<'a> {
        self.frame
    }

    /// The fields between MsgType(35) and CheckSum(10), in order.
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        Fields { cursor: self.frame.fields() }
    }

    /// The bytes of the first field with this tag.
    #[must_use]
    pub fn raw(&self, tag: u32) -> Option<&'a [u8]> {
        match tag {
            8 => Some(self.frame.begin_string()),
            9 => Some(self.frame.body_length()),
            10 => Some(self.frame.check_sum()),
            35 => Some(self.frame.message_type()),
            _ => self.fields().find(|&(found, _)| found == tag).map(|(_, value)| value),
        }
    }

    /// The value of the first such field, `None` where there is none.
    ///
    /// # Errors
    /// [`Fault::Format`] where its bytes do not have the field's type.
    pub fn get<T: FieldType>(&self, field: Field<T>) -> Result<Option<T::Value<'a>>, MessageError> {
        match self.raw(field.tag()) {
            None => Ok(None),
            Some(text) => T::parse(text).map(Some).ok_or(MessageError::new(field.tag(), Fault::Format)),
        }
    }

    /// The same for a field that the message must have.
    ///
    /// # Errors
    /// [`Fault::Missing`] or [`Fault::Format`].
    pub fn require<T: FieldType>(&self, field: Field<T>) -> Result<T::Value<'a>, MessageError> {
        self.get(field)?.ok_or(MessageError::new(field.tag(), Fault::Missing))
    }

    /// Text of a field as a string for people, bytes outside printable ASCII escaped. Allocates: cold use only.
    #[must_use]
    pub fn display(&self, field: Field<Text>) -> Option<String> {
        self.raw(field.tag()).map(|text| text.escape_ascii().to_string())
    }
}

/// The fields of a [`Message`]: tag and bytes.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    cursor: FieldCursor<'a>,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // The message was checked when it was made, so that an error cannot occur here.
        self.cursor.next_field().ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::field;

    fn order(out: &mut [u8]) -> Result<usize, BuildError> {
        let mut encoder = Encoder::start(out, "FIX.4.4", b"D");
        encoder
            .set(fix44::MSG_SEQ_NUM, 7)
            .set(fix44::CL_ORD_ID, b"A-1")
            .set(fix44::ORDER_QTY, 200_u64)
            .set(fix44::PRICE, 187_450_000_000)
            .set(fix44::SIDE, b'1')
            .set(fix44::RAW_DATA, b"x\x0110=000\x01")
            .set(fix44::POSS_RESEND, true)
            .set(fix44::TRANSACT_TIME, 1_340_285_400_123_000_000);
        encoder.done()
    }

    /// By hand: the body "35=D|" to "60=...|" has 5 + 5 + 7 + 7 + 10 + 5 + 5 + 13 + 5 + 25 = 87 bytes.
    const ORDER: &str = "8=FIX.4.4|9=87|35=D|34=7|11=A-1|38=200|44=187.45|54=1|95=9|96=x|10=000||97=Y|\
                         60=20120621-13:30:00.123|10=";

    #[test]
    fn a_known_message() {
        let mut out = [0; 256];
        let length = order(&mut out).unwrap();
        let text = ORDER.replace('|', "\x01");
        assert_eq!(out[..length - 4].escape_ascii().to_string(), text.as_bytes().escape_ascii().to_string());
        let message = Message::decode(&out[..length]).unwrap();
        assert_eq!(message.get(fix44::ORDER_QTY), Ok(Some(200)));
        assert_eq!(message.get(fix44::PRICE), Ok(Some(187_450_000_000)));
        assert_eq!(message.get(fix44::RAW_DATA), Ok(Some(&b"x\x0110=000\x01"[..])));
        assert_eq!(message.get(fix44::POSS_RESEND), Ok(Some(true)));
        assert_eq!(message.get(fix44::TRANSACT_TIME), Ok(Some(1_340_285_400_123_000_000)));
        assert_eq!(message.get(fix44::LAST_PX), Ok(None));
        assert_eq!(message.get(fix44::MSG_TYPE), Ok(Some(&b"D"[..])));
        assert_eq!(message.get(fix44::BEGIN_STRING), Ok(Some(&b"FIX.4.4"[..])));
        assert_eq!(message.get(fix44::BODY_LENGTH), Ok(Some(87)));
        assert_eq!(message.require(fix44::ACCOUNT), Err(MessageError::new(1, Fault::Missing)));
        assert_eq!(
            message.get(Field::<field::Int>::new(11, "ClOrdID")),
            Err(MessageError::new(11, Fault::Format))
        );
        assert_eq!(message.display(fix44::CL_ORD_ID).as_deref(), Some("A-1"));
        assert_eq!(message.fields().count(), 9);
        for room in 0..length {
            assert_eq!(order(&mut out[..room]), Err(BuildError::NoRoom), "room {room}");
        }
    }

    #[test]
    fn body_lengths_of_every_width() {
        let mut out = [0; 2 * FRAME_MAX];
        for filler in (1..4_200).step_by(7) {
            let text = vec![b'x'; filler];
            let mut encoder = Encoder::start(&mut out, "FIX.4.4", b"0");
            encoder.set(fix44::TEXT, &text);
            match encoder.done() {
                Ok(length) => {
                    let message = Message::decode(&out[..length]).unwrap();
                    assert_eq!(message.get(fix44::TEXT), Ok(Some(&text[..])));
                    assert_eq!(message.get(fix44::BODY_LENGTH), Ok(Some(filler as u32 + 9)));
                    assert!(message.raw(9).is_some_and(|digits| digits[0] != b'0'));
                }
                Err(error) => {
                    assert!(error == BuildError::NoRoom && filler > FRAME_MAX - 40, "filler {filler}")
                }
            }
        }
    }

    #[test]
    fn what_has_no_text_is_refused() {
        let mut out = [0; 256];
        for (tag, text) in [(58, &b"a\x0156=EVIL"[..]), (58, b"")] {
            let mut encoder = Encoder::start(&mut out, "FIX.4.4", b"0");
            encoder.set(fix44::TEXT, text).set(fix44::SIDE, b'1');
            assert_eq!(encoder.done(), Err(BuildError::Value { tag }));
        }
        let mut encoder = Encoder::start(&mut out, "FIX.4.4", b"0");
        encoder.set(fix44::PRICE, feeds::units::PRICE_NONE);
        assert_eq!(encoder.done(), Err(BuildError::Value { tag: 44 }));
    }
}
