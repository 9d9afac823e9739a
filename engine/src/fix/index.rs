//! Where the fields of a frame are: one pass over its bytes finds every SOH and adds up the checksum, one step a field
//! puts the places of the known tags into slots.
//!
//! A [`FieldIndex`] belongs to a [`super::framer::Framer`] (under one KiB, allocated with it, overwritten by every frame)
//! and serves all who look at that frame: the session takes its header fields from it, the order decoders theirs, and
//! none of them walks the bytes again. Who holds one knows that the whole frame is inside the field grammar of
//! [`crate::fix`]. A frame without an index is not wrong: it has data fields, a fault, or more fields than there is room
//! for, and its readers go through [`super::cursor::FieldCursor`], which also says what the fault is. So the index can
//! never accept more than the cursor does, and a test holds both to the same values.
//!
//! The pass over the bytes is written three times (AVX-512, AVX2, portable; [`super::delimiters`]); all else is one
//! source. Nothing here allocates.

use super::cursor::{TAG_DIGITS_MAX, is_special};
use super::delimiters::{ENDS_MAX, Kernel, Pass};
use super::fault::MessageError;
use super::frame::Frame;
use super::number::{price_ending_at, quantity_ending_at, unsigned_ending_at};

/// Fields of a frame before the first that is indexed: 8, 9 and 35, which the frame's own checks read.
const HEAD_FIELDS: usize = 3;

/// Declares the known tags: a slot each. Slot 0 takes the fields that nobody asks for.
macro_rules! known {
    ($($name:ident = $slot:literal $tag:literal,)*) => {
        /// The tags that have a slot: what sessions and order decoders read. Named as in the standard.
        #[repr(u8)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Known {
            $(#[doc = concat!(stringify!($name), "(", stringify!($tag), ")")] $name = $slot,)*
        }

        impl Known {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The tag's number.
            #[must_use]
            pub const fn tag(self) -> u32 {
                match self { $(Self::$name => $tag,)* }
            }
        }
    };
}

known! {
    ClOrdId = 1 11,
    CumQty = 2 14,
    ExecId = 3 17,
    ExecTransType = 4 20,
    LastPx = 5 31,
    LastQty = 6 32,
    MsgSeqNum = 7 34,
    OrderId = 8 37,
    OrderQty = 9 38,
    OrdStatus = 10 39,
    OrdType = 11 40,
    OrigClOrdId = 12 41,
    PossDupFlag = 13 43,
    Price = 14 44,
    RefSeqNum = 15 45,
    SenderCompId = 16 49,
    SendingTime = 17 52,
    Side = 18 54,
    Symbol = 19 55,
    TargetCompId = 20 56,
    Text = 21 58,
    TimeInForce = 22 59,
    TransactTime = 23 60,
    PossResend = 24 97,
    CxlRejReason = 25 102,
    OrdRejReason = 26 103,
    OrigSendingTime = 27 122,
    ExecType = 28 150,
    LeavesQty = 29 151,
    RefTagId = 30 371,
    RefMsgType = 31 372,
    SessionRejectReason = 32 373,
    BusinessRejectRefId = 33 379,
    BusinessRejectReason = 34 380,
}

impl Known {
    /// Its bit in [`FieldIndex::seen`].
    #[inline]
    #[must_use]
    pub const fn bit(self) -> u64 {
        1 << self as u8
    }
}

/// Tags without a slot that order messages often carry: knowing them saves reading their digits.
const PASSED_OVER: [u32; 12] = [1, 6, 15, 18, 21, 22, 30, 47, 48, 64, 75, 100];

/// A tag's text with its `=`, up to four bytes as a little-endian word; where its value starts; its slot.
#[derive(Clone, Copy)]
struct TagEntry {
    text: u32,
    text_bytes: u16,
    slot: u16,
}

const TAG_TABLE_BITS: u32 = 7;

/// Spreads the known tags over the table without a collision, which is checked at compile time.
const TAG_FACTOR: u32 = 0xc9d4_091b;

#[inline(always)]
const fn tag_row(text: u32) -> usize {
    (text.wrapping_mul(TAG_FACTOR) >> (32 - TAG_TABLE_BITS)) as usize
}

/// The text of a tag below 1000.
const fn tag_entry(tag: u32, slot: u16) -> TagEntry {
    assert!(tag > 0 && tag < 1000);
    let (mut text, mut text_bytes) = (b'=' as u32, 1);
    let mut rest = tag;
    while rest > 0 {
        text = text << 8 | (b'0' as u32 + rest % 10);
        text_bytes += 1;
        rest /= 10;
    }
    TagEntry { text, text_bytes, slot }
}

static TAG_TABLE: [TagEntry; 1 << TAG_TABLE_BITS] = {
    // What is compared ends with its first `=`, so that no bytes ever match two of them.
    const NOTHING: u32 = u32::from_le_bytes(*b"==\0\0");
    let mut table = [TagEntry { text: NOTHING, text_bytes: 0, slot: 0 }; 1 << TAG_TABLE_BITS];
    let mut at = 0;
    while at < Known::ALL.len() + PASSED_OVER.len() {
        let entry = if at < Known::ALL.len() {
            tag_entry(Known::ALL[at].tag(), Known::ALL[at] as u16)
        } else {
            tag_entry(PASSED_OVER[at - Known::ALL.len()], 0)
        };
        let row = tag_row(entry.text);
        assert!(table[row].text_bytes == 0, "two tags in one row: choose another TAG_FACTOR");
        table[row] = entry;
        at += 1;
    }
    table
};

/// Slots, and room for any six-bit number, so that a slot needs no bounds check.
const SLOTS: usize = 64;

/// Where a value is: its first byte and its SOH, offsets in the frame.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    start: u16,
    end: u16,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct FieldIndex {
    seen: u64,
    repeated: u64,
    places: [Place; SLOTS],
    /// Offsets of the frame's SOHs, in order; what is behind the count of this frame is of older ones.
    ends: [u16; ENDS_MAX],
}

impl FieldIndex {
    /// One of no frame.
    #[must_use]
    pub const fn new() -> Self {
        Self { seen: 0, repeated: 0, places: [Place { start: 0, end: 0 }; SLOTS], ends: [0; ENDS_MAX] }
    }

    /// The index of a frame that came without one, by the cursor: data fields and all.
    ///
    /// # Errors
    /// The first field that is outside the grammar.
    #[cold]
    pub fn of(frame: Frame<'_>) -> Result<Self, MessageError> {
        let mut index = Self::new();
        let mut fields = frame.fields();
        while let Some((tag, value)) = fields.next_field()? {
            let known = Known::ALL.iter().find(|known| known.tag() == tag);
            let slot = known.map_or(0, |&known| known as usize);
            // The value's SOH is the last byte before what the cursor has not read yet.
            let end = frame.fields_end() - fields.unread() - 1;
            index.places[slot] = Place { start: (end - value.len()) as u16, end: end as u16 };
            index.repeated |= index.seen & 1 << slot;
            index.seen |= 1 << slot;
        }
        Ok(index)
    }

    /// One bit ([`Known::bit`]) for each known tag that the frame has; bit 0 for any other tag.
    #[inline]
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.seen
    }

    /// The same for each that it has more than once. The slot then holds the last; who must have the first, or refuses
    /// a second, goes through the cursor.
    #[inline]
    #[must_use]
    pub const fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Where a field's value is in the frame that this is the index of; nothing of use where it was not seen.
    #[inline(always)]
    pub(super) fn value<'a>(&self, frame: &'a [u8], field: Known) -> Value<'a> {
        let place = self.places[field as usize % SLOTS];
        Value { frame, start: usize::from(place.start), end: usize::from(place.end) }
    }
}

impl Default for FieldIndex {
    fn default() -> Self {
        Self::new()
    }
}

/// A field's value inside its frame. The bytes before it are there too, so that numbers are read in words that end
/// with their last digit.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    frame: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a> Value<'a> {
    /// Its bytes, at least one.
    #[inline(always)]
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.frame.get(self.start..self.end).unwrap_or(&[])
    }

    /// Its only byte; `None` where there are more.
    #[inline(always)]
    #[must_use]
    pub fn char(self) -> Option<u8> {
        if self.end - self.start == 1 { self.frame.get(self.start).copied() } else { None }
    }

    /// How many bytes.
    #[inline(always)]
    #[must_use]
    pub const fn length(self) -> usize {
        self.end - self.start
    }

    /// As [`super::number::parse_unsigned`].
    #[inline(always)]
    #[must_use]
    pub fn unsigned(self) -> Option<u64> {
        unsigned_ending_at(self.frame, self.start, self.end)
    }

    /// As [`super::number::parse_quantity`].
    #[inline(always)]
    #[must_use]
    pub fn quantity(self) -> Option<u64> {
        quantity_ending_at(self.frame, self.start, self.end)
    }

    /// As [`super::number::parse_price`].
    #[inline(always)]
    #[must_use]
    pub fn price(self) -> Option<i64> {
        price_ending_at(self.frame, self.start, self.end)
    }
}

/// What the pass found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The bytes do not add up to the wanted sum.
    Sum,
    /// They do; MsgType(35) ends at `message_type_end`, and the index is filled.
    Indexed { message_type_end: u16 },
    /// They do, but the fields are not all plain: the cursor has to look.
    NotPlain,
}

/// Adds up `before` (a frame up to and with the SOH before its CheckSum) and, where it comes to `wanted`, fills
/// `index`. `frame` is the whole frame.
#[inline]
pub(super) fn sum_and_index(kernel: Kernel, frame: &[u8], before: usize, wanted: u16, index: &mut FieldIndex) -> Verdict {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a kernel of this name is only made where the CPU has what it needs (`Kernel::available`).
        Kernel::Avx512 => unsafe { with_avx512(frame, before, wanted, index) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::Avx2 => unsafe { with_avx2(frame, before, wanted, index) },
        Kernel::Portable => {
            let pass = super::delimiters::portable(&frame[..before], &mut index.ends);
            judge(frame, pass, wanted, index)
        }
    }
}

/// The whole step compiled for CPUs with AVX-512: the walk gains from BMI as the pass does from wide registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt,lzcnt")]
fn with_avx512(frame: &[u8], before: usize, wanted: u16, index: &mut FieldIndex) -> Verdict {
    let pass = super::delimiters::avx512(&frame[..before], &mut index.ends);
    judge(frame, pass, wanted, index)
}

/// The same for AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
fn with_avx2(frame: &[u8], before: usize, wanted: u16, index: &mut FieldIndex) -> Verdict {
    let pass = super::delimiters::avx2(&frame[..before], &mut index.ends);
    judge(frame, pass, wanted, index)
}

#[inline(always)]
fn judge(frame: &[u8], pass: Pass, wanted: u16, index: &mut FieldIndex) -> Verdict {
    if pass.sum as u8 as u16 != wanted {
        return Verdict::Sum;
    }
    match walk(frame, pass.count, index) {
        Some(message_type_end) => Verdict::Indexed { message_type_end },
        None => Verdict::NotPlain,
    }
}

/// One step a field. `None` where a field is not plain.
#[inline(always)]
fn walk(frame: &[u8], count: usize, index: &mut FieldIndex) -> Option<u16> {
    const EQUALS: u32 = u32::from_le_bytes(*b"====");
    const ONES: u32 = 0x0101_0101;
    const HIGHS: u32 = 0x8080_8080;
    let ends = index.ends.get(..count)?;
    let (head, fields) = ends.split_at_checked(HEAD_FIELDS)?;
    let message_type_end = *head.last()?;
    let (mut seen, mut repeated) = (0_u64, 0_u64);
    let mut start = usize::from(message_type_end) + 1;
    for &end in fields {
        // Four bytes are always there: CheckSum's field comes behind.
        let word = u32::from_le_bytes(*frame.get(start..)?.first_chunk::<4>()?);
        let differences = word ^ EQUALS;
        // The lowest bit set here is the high bit of the first `=`; all below it, and it, are the tag's text.
        let equals = differences.wrapping_sub(ONES) & !differences & HIGHS;
        let text = word & (equals ^ equals.wrapping_sub(1));
        let entry = &TAG_TABLE[tag_row(text) % TAG_TABLE.len()];
        let (slot, text_bytes) = if entry.text == text {
            (entry.slot, usize::from(entry.text_bytes))
        } else {
            (0, plain_tag_bytes(frame.get(start..usize::from(end))?)?)
        };
        let value = start + text_bytes;
        if value == usize::from(end) {
            return None;
        }
        index.places[usize::from(slot) % SLOTS] = Place { start: value as u16, end };
        let bit = 1_u64 << (slot % 64);
        repeated |= seen & bit;
        seen |= bit;
        start = usize::from(end) + 1;
    }
    index.seen = seen;
    index.repeated = repeated;
    Some(message_type_end)
}

/// Bytes of a tag that has no row in the table, with its `=`; `None` where it is no tag or a special one.
#[inline(never)]
fn plain_tag_bytes(field: &[u8]) -> Option<usize> {
    let mut tag = 0_u32;
    for (index, &byte) in field.iter().take(TAG_DIGITS_MAX + 1).enumerate() {
        match byte {
            b'=' if index > 0 => return (!is_special(tag)).then_some(index + 1),
            b'0' if index == 0 => return None,
            b'0'..=b'9' if index < TAG_DIGITS_MAX => tag = tag * 10 + u32::from(byte - b'0'),
            _ => return None,
        }
    }
    None
}
