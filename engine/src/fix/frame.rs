//! One whole message: where it starts and ends in the bytes, BodyLength(9) and CheckSum(10) verified.
//!
//! A [`Frame`] can only be made here, so whoever holds one need not check again: the session verifies once and the
//! decoders behind it start at the fields. Borrows the bytes, allocates nothing, and refuses anything that is not
//! exactly the frame grammar of [`crate::fix`].

use std::fmt;

use super::cursor::FieldCursor;
use super::delimiters::Kernel;
use super::index::{FieldIndex, Known, Value, Verdict, sum_and_index};
use super::number::parse_unsigned;

/// Longest frame that is accepted or written, all bytes from `8=` to the last SOH.
pub const FRAME_MAX: usize = 4096;

/// The field separator.
pub const SOH: u8 = 1;

/// Bytes of `10=ccc` and its SOH.
const TRAILER_BYTES: usize = 7;

/// Shortest body: `35=0` and its SOH.
const BODY_MIN: usize = 5;

/// Most digits of BodyLength(9): some engines pad it to eight.
const BODY_LENGTH_DIGITS_MAX: usize = 8;

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameFault {
    /// They do not start with `8=FIX.d.d` or `8=FIXT.d.d` and `9=`.
    BeginString,
    /// BodyLength(9) is no number, or one that no frame can have.
    BodyLength,
    /// The third field is not MsgType(35), or it is empty.
    MsgType,
    /// No `10=ccc` where BodyLength(9) says.
    Trailer,
    /// CheckSum(10) is not the sum of the bytes.
    CheckSum,
    /// The bytes end before the frame does.
    Incomplete,
    /// There are bytes after the frame.
    TrailingBytes,
}

impl fmt::Display for FrameFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::BeginString => "garbled: does not start with BeginString(8) and BodyLength(9)",
            Self::BodyLength => "garbled: BodyLength(9) is not a length that a frame can have",
            Self::MsgType => "garbled: the third field is not a MsgType(35)",
            Self::Trailer => "garbled: no CheckSum(10) where BodyLength(9) says",
            Self::CheckSum => "garbled: CheckSum(10) is wrong",
            Self::Incomplete => "incomplete: the bytes end before the frame does",
            Self::TrailingBytes => "bytes after the end of the frame",
        })
    }
}

impl std::error::Error for FrameFault {}

/// A verified message.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    /// Index of the SOH after BeginString's value.
    begin_string_end: u16,
    /// Index of the `3` of `35=`.
    body: u16,
    /// Index of the SOH after MsgType's value.
    message_type_end: u16,
    /// Where its fields are, where somebody gave room for that and all of them are plain.
    index: Option<&'a FieldIndex>,
}

const _: () = assert!(FRAME_MAX <= u16::MAX as usize);

/// What lies at the start of some bytes.
#[derive(Clone, Copy, Debug)]
pub enum Scan<'a> {
    /// A whole frame; more bytes may follow it.
    Frame(Frame<'a>),
    /// It may become a frame with more bytes. Never said of [`FRAME_MAX`] bytes or more.
    Incomplete,
    /// No bytes that follow can make it a frame.
    Garbled(FrameFault),
    /// BodyLength(9) leads to a place where CheckSum(10) is not. What it claims is garbled, whatever stands there: the
    /// session test cases want it passed over as one message.
    NoTrailer {
        /// Bytes up to that place.
        claimed: usize,
    },
}

/// How bytes compare with a pattern in which `#` stands for a digit.
enum Likeness {
    Whole,
    SoFar,
    No,
}

fn likeness(bytes: &[u8], pattern: &[u8]) -> Likeness {
    let alike =
        |(&byte, &wanted): (&u8, &u8)| if wanted == b'#' { byte.is_ascii_digit() } else { byte == wanted };
    if !bytes.iter().zip(pattern).all(alike) {
        Likeness::No
    } else if bytes.len() >= pattern.len() {
        Likeness::Whole
    } else {
        Likeness::SoFar
    }
}

/// The sum of bytes modulo 256, as CheckSum(10) wants it.
#[inline]
#[must_use]
pub fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte))
}

/// CheckSum(10)'s three digits.
#[inline]
#[must_use]
pub const fn checksum_digits(sum: u8) -> [u8; 3] {
    [b'0' + sum / 100, b'0' + sum / 10 % 10, b'0' + sum % 10]
}

/// Looks for a frame at the start of `input`.
#[inline]
#[must_use]
pub fn scan(input: &[u8]) -> Scan<'_> {
    let head = match head(input) {
        Ok(head) => head,
        Err(scan) => return scan,
    };
    let Some(wanted) = head.given_sum(input) else { return Scan::NoTrailer { claimed: head.before } };
    let before = input.get(..head.before).unwrap_or(&[]);
    if u16::from(checksum(before)) != wanted {
        return Scan::Garbled(FrameFault::CheckSum);
    }
    head.frame(input)
}

/// The same, and the frame's fields in `index`, in the same pass over the bytes. What it accepts and what it says is
/// wrong are as in [`scan`], whatever the kernel.
#[inline]
#[must_use]
pub fn scan_indexed<'a>(kernel: Kernel, input: &'a [u8], index: &'a mut FieldIndex) -> Scan<'a> {
    let head = match head(input) {
        Ok(head) => head,
        Err(scan) => return scan,
    };
    let Some(wanted) = head.given_sum(input) else { return Scan::NoTrailer { claimed: head.before } };
    let bytes = input.get(..head.before + TRAILER_BYTES).unwrap_or(&[]);
    match sum_and_index(kernel, bytes, head.before, wanted, index) {
        Verdict::Indexed { message_type_end } if usize::from(message_type_end) > head.body + 3 => {
            Scan::Frame(Frame {
                bytes,
                begin_string_end: head.begin_string_end as u16,
                body: head.body as u16,
                message_type_end,
                index: Some(index),
            })
        }
        Verdict::Sum => Scan::Garbled(FrameFault::CheckSum),
        Verdict::Indexed { .. } | Verdict::NotPlain => head.frame(input),
    }
}

/// The start of a frame all of whose bytes are there.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// Index of the SOH after BeginString's value.
    begin_string_end: usize,
    /// Index of the `3` of `35=`.
    body: usize,
    /// How many bytes are before CheckSum(10).
    before: usize,
}

/// Reads BeginString(8) and BodyLength(9); an `Err` is what to say instead of a frame.
#[inline(always)]
fn head<'a>(input: &[u8]) -> Result<Head, Scan<'a>> {
    // What nearly all frames start with, looked at as a whole; all else takes the way byte by byte.
    if let Some(start) = input.first_chunk::<16>() {
        let word = u128::from_le_bytes(*start);
        if (word ^ u128::from_le_bytes(*b"8=FIX.4.0\x019=000\x01")) & !USUAL_DIGITS == 0 {
            let digit = |at: u32| (word >> (8 * at)) as u8 ^ b'0';
            let [minor, hundreds, tens, ones] = [8, 12, 13, 14].map(digit);
            if minor < 10 && hundreds < 10 && tens < 10 && ones < 10 {
                let length = usize::from(hundreds) * 100 + usize::from(tens) * 10 + usize::from(ones);
                return Head { begin_string_end: 9, body: 16, before: 16 + length }.checked(input, length);
            }
        }
    }
    head_byte_by_byte(input)
}

/// The bits of digits in `8=FIX.4.#|9=###|`.
const USUAL_DIGITS: u128 = u128::from_le_bytes([0, 0, 0, 0, 0, 0, 0, 0, 15, 0, 0, 0, 15, 15, 15, 0]);

fn head_byte_by_byte<'a>(input: &[u8]) -> Result<Head, Scan<'a>> {
    const FIX: &[u8] = b"8=FIX.#.#\x019=";
    const FIXT: &[u8] = b"8=FIXT.#.#\x019=";
    let head = match (likeness(input, FIX), likeness(input, FIXT)) {
        (Likeness::Whole, _) => FIX.len(),
        (_, Likeness::Whole) => FIXT.len(),
        (Likeness::No, Likeness::No) => return Err(Scan::Garbled(FrameFault::BeginString)),
        _ => return Err(Scan::Incomplete),
    };
    let after_head = input.get(head..).unwrap_or(&[]);
    let window = &after_head[..after_head.len().min(BODY_LENGTH_DIGITS_MAX + 1)];
    let digits = match window.iter().position(|&byte| byte == SOH) {
        Some(end) => &window[..end],
        None if window.len() > BODY_LENGTH_DIGITS_MAX || !window.iter().all(u8::is_ascii_digit) => {
            return Err(Scan::Garbled(FrameFault::BodyLength));
        }
        None => return Err(Scan::Incomplete),
    };
    let body = head + digits.len() + 1;
    let Some(length) = parse_unsigned(digits).and_then(|length| usize::try_from(length).ok()) else {
        return Err(Scan::Garbled(FrameFault::BodyLength));
    };
    Head { begin_string_end: head - 3, body, before: body.saturating_add(length) }.checked(input, length)
}

impl Head {
    /// Whether it can be that of a frame, and whether all of the frame is there.
    #[inline(always)]
    fn checked<'a>(self, input: &[u8], length: usize) -> Result<Self, Scan<'a>> {
        if length < BODY_MIN || self.before > FRAME_MAX - TRAILER_BYTES {
            return Err(Scan::Garbled(FrameFault::BodyLength));
        }
        let start = input.get(self.body..).unwrap_or(&[]);
        if !start.starts_with(b"35=") && matches!(likeness(start, b"35="), Likeness::No) {
            return Err(Scan::Garbled(FrameFault::MsgType));
        }
        if input.len() < self.before + TRAILER_BYTES { Err(Scan::Incomplete) } else { Ok(self) }
    }

    /// The number that CheckSum(10) gives, up to 999; `None` where it is not there.
    #[inline(always)]
    fn given_sum(self, input: &[u8]) -> Option<u16> {
        let trailer = input.get(self.before - 1..)?.first_chunk::<8>()?;
        let [SOH, b'1', b'0', b'=', hundreds, tens, ones, SOH] = *trailer else { return None };
        let [hundreds, tens, ones] = [hundreds, tens, ones].map(|digit| digit.wrapping_sub(b'0'));
        if hundreds > 9 || tens > 9 || ones > 9 {
            return None;
        }
        Some(u16::from(hundreds) * 100 + u16::from(tens) * 10 + u16::from(ones))
    }

    /// The frame, its sum verified.
    fn frame(self, input: &[u8]) -> Scan<'_> {
        let value = self.body + 3;
        let text = input.get(value..self.before).unwrap_or(&[]);
        match text.iter().position(|&byte| byte == SOH) {
            None | Some(0) => Scan::Garbled(FrameFault::MsgType),
            Some(end) => Scan::Frame(Frame {
                bytes: input.get(..self.before + TRAILER_BYTES).unwrap_or(&[]),
                begin_string_end: self.begin_string_end as u16,
                body: self.body as u16,
                message_type_end: (value + end) as u16,
                index: None,
            }),
        }
    }
}

impl<'a> Frame<'a> {
    /// The frame that `bytes` are, all of them.
    ///
    /// # Errors
    /// Why they are none.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameFault> {
        match scan(bytes) {
            Scan::Frame(frame) if frame.bytes.len() == bytes.len() => Ok(frame),
            Scan::Frame(_) => Err(FrameFault::TrailingBytes),
            Scan::Incomplete => Err(FrameFault::Incomplete),
            Scan::Garbled(fault) => Err(fault),
            Scan::NoTrailer { .. } => Err(FrameFault::Trailer),
        }
    }

    /// Where its known fields are; `None` where nobody asked for that ([`scan`]), or where its readers have to use
    /// [`Self::fields`]. With an index every field is inside the grammar.
    #[inline(always)]
    #[must_use]
    pub const fn index(&self) -> Option<&'a FieldIndex> {
        self.index
    }

    /// A field out of an index of this frame; of no use where that has not seen it.
    #[inline(always)]
    #[must_use]
    pub fn value(&self, index: &FieldIndex, field: Known) -> Value<'a> {
        index.value(self.bytes, field)
    }

    /// All its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// BeginString(8).
    #[must_use]
    pub fn begin_string(&self) -> &'a [u8] {
        self.bytes.get(2..usize::from(self.begin_string_end)).unwrap_or(&[])
    }

    /// BodyLength(9) as written.
    #[must_use]
    pub fn body_length(&self) -> &'a [u8] {
        self.bytes.get(usize::from(self.begin_string_end) + 3..usize::from(self.body) - 1).unwrap_or(&[])
    }

    /// MsgType(35), at least one byte.
    #[must_use]
    pub fn message_type(&self) -> &'a [u8] {
        self.bytes.get(usize::from(self.body) + 3..usize::from(self.message_type_end)).unwrap_or(&[])
    }

    /// MsgType(35) where it is a single byte, else 0: all messages of this module have single-byte types.
    #[inline]
    #[must_use]
    pub fn message_type_byte(&self) -> u8 {
        if self.message_type_end == self.body + 4 {
            self.bytes.get(usize::from(self.body) + 3).copied().unwrap_or(0)
        } else {
            0
        }
    }

    /// CheckSum(10), three digits.
    #[must_use]
    pub fn check_sum(&self) -> &'a [u8] {
        self.bytes.get(self.bytes.len() - 4..self.bytes.len() - 1).unwrap_or(&[])
    }

    /// The fields after MsgType(35) and before CheckSum(10).
    #[inline]
    #[must_use]
    pub fn fields(&self) -> FieldCursor<'a> {
        let from = usize::from(self.message_type_end) + 1;
        FieldCursor::new(self.bytes.get(from..self.fields_end()).unwrap_or(&[]))
    }

    /// Where CheckSum(10) starts.
    pub(super) const fn fields_end(&self) -> usize {
        self.bytes.len() - TRAILER_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Body "35=0|34=7|" of ten bytes; the sum of "8=FIX.4.4|9=10|35=0|34=7|" is 1195 = 4 * 256 + 171, by hand.
    const KNOWN: &[u8] = b"8=FIX.4.4\x019=10\x0135=0\x0134=7\x0110=171\x01";

    #[test]
    fn a_known_frame() {
        let frame = Frame::parse(KNOWN).unwrap();
        assert_eq!(frame.begin_string(), b"FIX.4.4");
        assert_eq!(frame.body_length(), b"10");
        assert_eq!((frame.message_type(), frame.message_type_byte()), (&b"0"[..], b'0'));
        assert_eq!(frame.check_sum(), b"171");
        let mut fields = frame.fields();
        assert_eq!(fields.next_field(), Ok(Some((34, &b"7"[..]))));
        assert_eq!(fields.next_field(), Ok(None));
    }

    #[test]
    fn every_prefix_is_incomplete_and_every_fault_is_named() {
        for length in 0..KNOWN.len() {
            assert!(matches!(scan(&KNOWN[..length]), Scan::Incomplete), "length {length}");
        }
        let fault = |text: &str| Frame::parse(text.replace('|', "\x01").as_bytes()).unwrap_err();
        assert_eq!(fault("8=FIX.4.4|9=10|35=0|34=7|10=172|"), FrameFault::CheckSum);
        assert_eq!(fault("8=FIX.4.4|9=11|35=0|34=7|10=171||"), FrameFault::Trailer);
        assert_eq!(fault("8=FIX.4.4|9=9|35=0|34=7|10=171|"), FrameFault::Trailer);
        assert_eq!(fault("8=FIX.4.4|9=4|35=|10=171|"), FrameFault::BodyLength);
        assert_eq!(fault("8=FIX.4.4|9=-9|35=0|34=7|10=171|"), FrameFault::BodyLength);
        assert_eq!(fault("8=FIX.4.4|9=000000010|35=0|34=7|10=171|"), FrameFault::BodyLength);
        assert_eq!(fault("8=FIX.4.4|9=4090|35=0|34=7|10=171|"), FrameFault::BodyLength);
        assert_eq!(fault("8=FIX.4.4|9=10|34=7|35=0|10=171|"), FrameFault::MsgType);
        assert_eq!(fault("8=FIY.4.4|9=10|35=0|34=7|10=171|"), FrameFault::BeginString);
        assert_eq!(fault("9=10|8=FIX.4.4|35=0|34=7|10=171|"), FrameFault::BeginString);
        assert_eq!(fault("8=FIX.4.4|9=10|35=0|34=7|10=171|8"), FrameFault::TrailingBytes);
        assert_eq!(fault("8=FIX.4.4|9=10|35=0|34=7|10=13|"), FrameFault::Incomplete);
    }
}
