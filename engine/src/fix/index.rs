//! Where the fields of a frame are: one pass over its bytes finds every SOH and adds up the checksum, then the tags are
//! compared with those of the frame before it that had as many fields.
//!
//! A [`FieldIndex`] belongs to a [`super::framer::Framer`] (about 11 KiB, allocated with it, of which one layout of 1.2 KiB
//! and the offsets are touched by a frame) and serves all who look at that frame: the session takes its header fields from
//! it, the order decoders theirs, and none of them walks the bytes again. Who holds one knows that the whole frame is
//! inside the field grammar of [`crate::fix`]. A frame without an index is not wrong: it has data fields, an empty value or
//! one that ends with `=`, a fault, or more than `FIELDS_MAX` fields, and its readers go through
//! [`super::cursor::FieldCursor`], which also says what the fault is. So the index can never accept more than the cursor
//! does, and a test holds both to the same values.
//!
//! **Layouts.** A venue writes each kind of report with the same tags in the same order. The tags of a frame are
//! remembered, and where the next one of as many fields has the same texts in the same places, which fields are where is
//! known without reading a tag. Where one differs they are read one by one, and remembered instead. What is remembered
//! changes the time only: the comparison is of every byte of every tag.
//!
//! The pass over the bytes is written twice (AVX2 and portable; [`super::delimiters`]); all else is one
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
    ExecRefId = 35 19,
}

impl Known {
    /// Its bit in [`FieldIndex::seen`].
    #[inline]
    #[must_use]
    pub const fn bit(self) -> u64 {
        1 << self as u8
    }
}

/// Most fields behind MsgType(35) of a frame that has an index without the cursor's help.
const FIELDS_MAX: usize = 64;

const _: () = assert!(HEAD_FIELDS + FIELDS_MAX <= ENDS_MAX);

/// Layouts that are kept. A venue writes each kind of report with the same fields in the same order: a handful of
/// layouts, which nearly all differ in their number of fields.
const LAYOUTS: usize = 8;

/// Slots, and room for any six-bit number, so that a slot needs no bounds check.
const SLOTS: usize = 64;

/// The tags of one frame, in order, and which of them are the known ones. Compared with the next frame of as many
/// fields: where every tag's text is the same, no tag has to be read.
#[derive(Clone, Debug)]
struct Layout {
    /// SOHs of the frame; 0 of none.
    count: usize,
    seen: u64,
    repeated: u64,
    /// Each field's tag and `=` as the low bytes of a word, and ones in these bytes.
    texts: [u64; FIELDS_MAX],
    masks: [u64; FIELDS_MAX],
    /// For each slot which SOH ends its field, and how many bytes its tag has with the SOH before it and `=`.
    ends: [u8; SLOTS],
    value_at: [u8; SLOTS],
}

impl Layout {
    const NONE: Self = Self {
        count: 0,
        seen: 0,
        repeated: 0,
        texts: [0; FIELDS_MAX],
        masks: [0; FIELDS_MAX],
        ends: [0; SLOTS],
        value_at: [0; SLOTS],
    };

    /// Whether a frame whose `count` SOHs are at `ends` has these tags. `same_texts` compares them.
    #[inline(always)]
    fn fits(
        &self,
        ends: &[u16; ENDS_MAX],
        count: usize,
        same_texts: impl FnOnce(&Self, &[u16; ENDS_MAX], usize) -> bool,
    ) -> bool {
        if self.count != count || !(HEAD_FIELDS..=HEAD_FIELDS + FIELDS_MAX).contains(&count) {
            return false;
        }
        same_texts(self, ends, count - HEAD_FIELDS)
    }

    /// Reads the tags of a frame one by one; `None` where a field is not plain.
    #[inline(never)]
    fn read(&mut self, frame: &[u8], ends: &[u16]) -> Option<()> {
        self.count = 0;
        (self.seen, self.repeated) = (0, 0);
        let steps = ends.get(HEAD_FIELDS - 1..)?.windows(2);
        if steps.len() > FIELDS_MAX {
            return None;
        }
        for (field, neighbours) in steps.enumerate() {
            let [before, end] = [neighbours[0], neighbours[1]].map(usize::from);
            let (tag, tag_bytes) = plain_tag(frame.get(before + 1..end)?)?;
            let text_bytes = tag_bytes + 1;
            let mask = u64::MAX >> (64 - 8 * text_bytes);
            self.masks[field] = mask;
            self.texts[field] = word_at(frame, before + 1)? & mask;
            let known = Known::ALL.iter().find(|known| known.tag() == tag);
            let slot = known.map_or(0, |&known| known as usize);
            self.ends[slot] = (field + HEAD_FIELDS) as u8;
            self.value_at[slot] = text_bytes as u8 + 1;
            self.repeated |= self.seen & 1 << slot;
            self.seen |= 1 << slot;
        }
        self.count = ends.len();
        Some(())
    }
}

/// Eight bytes of a frame. A field has them: CheckSum's comes behind.
#[inline(always)]
fn word_at(frame: &[u8], at: usize) -> Option<u64> {
    frame.get(at..at + 8)?.first_chunk::<8>().map(|word| u64::from_le_bytes(*word))
}

/// The tag of a field and its digits; `None` where it is no tag or a special one.
fn plain_tag(field: &[u8]) -> Option<(u32, usize)> {
    let mut tag = 0_u32;
    for (index, &byte) in field.iter().take(TAG_DIGITS_MAX + 1).enumerate() {
        match byte {
            b'=' if index > 0 => return (!is_special(tag)).then_some((tag, index)),
            b'0' if index == 0 => return None,
            b'0'..=b'9' if index < TAG_DIGITS_MAX => tag = tag * 10 + u32::from(byte - b'0'),
            _ => return None,
        }
    }
    None
}

/// See the module.
#[derive(Clone, Debug)]
pub struct FieldIndex {
    /// Offsets of the frame's SOHs, in order; what is behind the count of this frame is of older ones.
    ends: [u16; ENDS_MAX],
    /// Which of the layouts is the frame's.
    current: usize,
    /// What made it.
    kernel: Kernel,
    layouts: [Layout; LAYOUTS],
}

impl FieldIndex {
    /// One of no frame.
    #[must_use]
    pub const fn new() -> Self {
        Self { ends: [0; ENDS_MAX], current: 0, kernel: Kernel::Portable, layouts: [Layout::NONE; LAYOUTS] }
    }

    /// The index of a frame that came without one, by the cursor: data fields and all.
    ///
    /// # Errors
    /// The first field that is outside the grammar.
    #[cold]
    pub fn of(frame: Frame<'_>) -> Result<Self, MessageError> {
        let mut index = Self::new();
        let layout = &mut index.layouts[0];
        let mut fields = frame.fields();
        let mut before = fields.unread();
        while let Some((tag, value)) = fields.next_field()? {
            let known = Known::ALL.iter().find(|known| known.tag() == tag);
            let slot = known.map_or(0, |&known| known as usize);
            // Two places of its own for each slot: the SOH before the field and that behind it.
            let start = frame.fields_end() - before;
            let end = frame.fields_end() - fields.unread() - 1;
            before = fields.unread();
            [index.ends[2 * slot], index.ends[2 * slot + 1]] = [start as u16 - 1, end as u16];
            layout.ends[slot] = 2 * slot as u8 + 1;
            layout.value_at[slot] = (end - value.len() - start) as u8 + 1;
            layout.repeated |= layout.seen & 1 << slot;
            layout.seen |= 1 << slot;
        }
        Ok(index)
    }

    /// Fills it for a frame; `None` where a field is not plain.
    #[inline(always)]
    fn fill(
        &mut self,
        frame: &[u8],
        count: usize,
        same_texts: impl FnOnce(&Layout, &[u16; ENDS_MAX], usize) -> bool,
    ) -> Option<u16> {
        self.current = count % LAYOUTS;
        let layout = &mut self.layouts[count % LAYOUTS];
        if !layout.fits(&self.ends, count, same_texts) {
            layout.read(frame, self.ends.get(..count)?)?;
        }
        Some(self.ends[HEAD_FIELDS - 1])
    }

    /// The kernel that made it; the portable one where that was the cursor.
    #[inline(always)]
    pub(super) const fn kernel(&self) -> Kernel {
        self.kernel
    }

    #[inline(always)]
    fn layout(&self) -> &Layout {
        &self.layouts[self.current % LAYOUTS]
    }

    /// One bit ([`Known::bit`]) for each known tag that the frame has; bit 0 for any other tag.
    #[inline(always)]
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.layout().seen
    }

    /// The same for each that it has more than once. The slot then holds the last; who must have the first, or refuses
    /// a second, goes through the cursor.
    #[inline(always)]
    #[must_use]
    pub fn repeated(&self) -> u64 {
        self.layout().repeated
    }

    /// Where a field's value is in the frame that this is the index of; nothing of use where it was not seen.
    #[inline(always)]
    pub(super) fn value<'a>(&self, frame: &'a [u8], field: Known) -> Value<'a> {
        let (layout, slot) = (self.layout(), field as usize % SLOTS);
        let number = usize::from(layout.ends[slot]);
        let before = usize::from(self.ends[number.wrapping_sub(1) % ENDS_MAX]);
        let start = before + usize::from(layout.value_at[slot]);
        Value { frame, start, end: usize::from(self.ends[number]) }
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

    /// The `N` bytes that end with its last, some of which may be of what precedes it.
    #[inline(always)]
    pub(super) fn ending<const N: usize>(self) -> Option<&'a [u8; N]> {
        self.frame.get(self.end.wrapping_sub(N)..self.end)?.first_chunk()
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
pub(super) fn sum_and_index(
    kernel: Kernel,
    frame: &[u8],
    before: usize,
    wanted: u16,
    index: &mut FieldIndex,
) -> Verdict {
    index.kernel = kernel;
    match kernel {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a kernel of this name is only made where the CPU has what it needs (`Kernel::available`).
        Kernel::Avx2 => unsafe { with_avx2(frame, before, wanted, index) },
        Kernel::Portable => {
            let pass = super::delimiters::portable(&frame[..before], &mut index.ends);
            judge(frame, pass, wanted, index, |layout, ends, fields| same_texts(layout, frame, ends, fields))
        }
    }
}

/// The whole step compiled for CPUs with AVX2: the comparison of tags gains from BMI as the pass does from wide registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
fn with_avx2(frame: &[u8], before: usize, wanted: u16, index: &mut FieldIndex) -> Verdict {
    let pass = super::delimiters::avx2(&frame[..before], &mut index.ends);
    judge(frame, pass, wanted, index, |layout, ends, fields| same_texts(layout, frame, ends, fields))
}

#[inline(always)]
fn judge(
    frame: &[u8],
    pass: Pass,
    wanted: u16,
    index: &mut FieldIndex,
    same_texts: impl FnOnce(&Layout, &[u16; ENDS_MAX], usize) -> bool,
) -> Verdict {
    if pass.sum as u8 as u16 != wanted {
        return Verdict::Sum;
    }
    if pass.equals_before_soh {
        return Verdict::NotPlain; // an empty value, or one that ends with `=`
    }
    match index.fill(frame, pass.count, same_texts) {
        Some(message_type_end) => Verdict::Indexed { message_type_end },
        None => Verdict::NotPlain,
    }
}

/// Whether the tags of a frame's `fields` fields have a layout's texts.
#[inline(always)]
fn same_texts(layout: &Layout, frame: &[u8], ends: &[u16; ENDS_MAX], fields: usize) -> bool {
    let Some(ends) = ends[HEAD_FIELDS - 1..].get(..fields) else { return false };
    if ends.last().is_none_or(|&last| usize::from(last) + 9 > frame.len()) {
        return false;
    }
    let mut differences = 0;
    for ((&end, text), mask) in ends.iter().zip(&layout.texts).zip(&layout.masks) {
        debug_assert!(usize::from(end) + 9 <= frame.len());
        // SAFETY: a pass gives offsets in increasing order, and behind the last of these are nine bytes: behind each.
        let word = unsafe { frame.as_ptr().add(usize::from(end) + 1).cast::<u64>().read_unaligned() };
        differences |= (u64::from_le(word) & mask) ^ text;
    }
    differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::frame::{Scan, scan_indexed};
    use crate::fix::naive_decoder;

    const BODY: &str =
        "35=8|34=7|49=V|52=20120621-13:30:00|56=W|11=2012062100000007|9999=x|14=0|150=8|151=12|";

    /// Each kernel's index of a body, and the cursor's.
    fn compare(body: &str) -> bool {
        let bytes = naive_decoder::framed(body);
        let by_cursor = FieldIndex::of(Frame::parse(&bytes).unwrap());
        let mut plain = true;
        for kernel in Kernel::available() {
            let mut index = FieldIndex::new();
            // Twice: the second time by the layout of the first.
            for _ in 0..2 {
                let Scan::Frame(frame) = scan_indexed(kernel, &bytes, &mut index) else {
                    unreachable!("{body}")
                };
                let Some(index) = frame.index() else {
                    plain = false;
                    continue;
                };
                let by_cursor = by_cursor.as_ref().unwrap();
                assert_eq!(
                    (index.seen(), index.repeated()),
                    (by_cursor.seen(), by_cursor.repeated()),
                    "{body}"
                );
                for &known in Known::ALL.iter().filter(|known| index.seen() & known.bit() != 0) {
                    let values = [index, by_cursor].map(|index| frame.value(index, known).bytes());
                    assert_eq!(values[0], values[1], "{known:?} of {body}");
                }
            }
        }
        plain
    }

    #[test]
    fn places_are_the_cursors() {
        assert!(compare(BODY));
        assert!(compare(&BODY.replace("14=0", "14=0|14=1")), "a repeated field is in the index, and marked");
        assert!(compare(&BODY.replace("9999=x", "99999=x")));
        for not_plain in ["58=|", "58=a=|", "095=1|", "123456=1|", "x=1|", "=1|", "5|", "95=1|96=a|", "10=1|"]
        {
            assert!(!compare_faulty(&format!("{BODY}{not_plain}")), "{not_plain}");
        }
        let many = (0..FIELDS_MAX - 9).map(|at| format!("{}=1|", 5_000 + at)).collect::<String>();
        assert!(compare(&format!("{BODY}{many}")));
        assert!(!compare(&format!("{BODY}{many}58=one too many|")));
    }

    /// Whether any kernel makes an index of it.
    fn compare_faulty(body: &str) -> bool {
        let bytes = naive_decoder::framed(body);
        Kernel::available().any(|kernel| {
            let mut index = FieldIndex::new();
            matches!(scan_indexed(kernel, &bytes, &mut index), Scan::Frame(frame) if frame.index().is_some())
        })
    }

    #[test]
    fn a_layout_is_left_where_one_tag_differs() {
        // The same number of fields, one tag another: every field's turn.
        let fields: Vec<&str> = BODY.split_inclusive('|').collect();
        let bytes = naive_decoder::framed(BODY);
        for kernel in Kernel::available() {
            let mut index = FieldIndex::new();
            for at in 1..fields.len() {
                let mut changed = fields.clone();
                changed[at] = "17=9|";
                let other = naive_decoder::framed(&changed.concat());
                assert!(matches!(scan_indexed(kernel, &bytes, &mut index), Scan::Frame(_)));
                let Scan::Frame(frame) = scan_indexed(kernel, &other, &mut index) else { unreachable!() };
                let index = frame.index().unwrap();
                assert_eq!(frame.value(index, Known::ExecId).bytes(), b"9");
                assert_eq!(index.seen(), FieldIndex::of(Frame::parse(&other).unwrap()).unwrap().seen());
            }
        }
    }

    #[test]
    fn slots_are_distinct_and_fit() {
        for (at, known) in Known::ALL.iter().enumerate() {
            assert_eq!(*known as usize, at + 1);
            assert!((*known as usize) < SLOTS);
        }
    }
}
