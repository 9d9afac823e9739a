//! One pass over the fields of a frame: tag and value, one after another, the field grammar of [`crate::fix`] checked
//! on the way. The general codec, the order decoders and the session all read through it, so that they accept the same.
//!
//! Borrows the bytes and allocates nothing; the work is linear in the bytes.

use super::fault::{Fault, MessageError};
use super::frame::SOH;
use super::number::parse_unsigned;

/// Most digits of a tag.
pub(super) const TAG_DIGITS_MAX: usize = 5;

/// The data field that a length field announces; 0 where `tag` is no length field.
#[must_use]
pub const fn data_tag_of(tag: u32) -> u32 {
    match tag {
        93 => 89,
        90 | 95 | 212 | 348 | 350 | 352 | 354 | 356 | 358 | 360 | 362 | 364 | 445 | 618 | 621 => tag + 1,
        _ => 0,
    }
}

/// The length field of a data field; 0 where `tag` is no data field.
#[must_use]
pub const fn length_tag_of(tag: u32) -> u32 {
    if tag == 89 {
        93
    } else if tag > 0 && data_tag_of(tag - 1) == tag {
        tag - 1
    } else {
        0
    }
}

/// One bit a tag below 1024: the tag needs more than finding the next SOH.
static SPECIAL: [u64; 16] = {
    let mut bits = [0_u64; 16];
    let mut tag = 0;
    while tag < 1024 {
        if matches!(tag, 8 | 9 | 10 | 35) || data_tag_of(tag) != 0 || length_tag_of(tag) != 0 {
            bits[(tag / 64) as usize] |= 1 << (tag % 64);
        }
        tag += 1;
    }
    bits
};

#[inline]
pub(super) fn is_special(tag: u32) -> bool {
    SPECIAL.get((tag / 64) as usize).is_some_and(|word| word >> (tag % 64) & 1 == 1)
}

/// Where the next SOH is: eight bytes at a time, since most values end within eight and a branch for each byte would
/// be mispredicted once a value.
#[inline(always)]
fn soh_in(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let mut at = 0;
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        // A byte that is SOH becomes zero; the lowest high bit marks the first zero byte exactly.
        let differences = u64::from_le_bytes(*word) ^ (ONES * SOH as u64);
        let zeros = differences.wrapping_sub(ONES) & !differences & HIGHS;
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let tail = bytes.get(at..)?;
    tail.iter().position(|&byte| byte == SOH).map(|found| at + found)
}

/// A place between the fields of a frame.
#[derive(Clone, Debug)]
pub struct FieldCursor<'a> {
    rest: &'a [u8],
    last_tag: u32,
    /// The data tag that must come next, and its number of bytes; 0 where none must.
    data_tag: u32,
    data_bytes: usize,
}

impl<'a> FieldCursor<'a> {
    /// At the start of some fields, each ended by SOH.
    #[inline]
    #[must_use]
    pub(crate) const fn new(fields: &'a [u8]) -> Self {
        Self { rest: fields, last_tag: 35, data_tag: 0, data_bytes: 0 }
    }

    /// How many bytes are behind the fields that were read.
    pub(super) const fn unread(&self) -> usize {
        self.rest.len()
    }

    /// The next field, or `None` after the last.
    ///
    /// # Errors
    /// What is wrong with the next field. The cursor is of no use after an error.
    #[inline(always)] // as a call it hands its result over through memory, 20 times a message
    pub fn next_field(&mut self) -> Result<Option<(u32, &'a [u8])>, MessageError> {
        if self.rest.is_empty() {
            if self.data_tag != 0 {
                return Err(MessageError::new(self.last_tag, Fault::DataLength));
            }
            return Ok(None);
        }
        let (tag, digits) = self.tag()?;
        let after = self.rest.get(digits + 1..).unwrap_or(&[]);
        let length = if self.data_tag != 0 || is_special(tag) {
            self.special(tag, after)?
        } else {
            match soh_in(after) {
                Some(0) | None => return Err(MessageError::new(tag, Fault::Empty)),
                Some(length) => length,
            }
        };
        let Some((value, rest)) = after.split_at_checked(length) else {
            return Err(MessageError::new(tag, Fault::DataLength));
        };
        self.rest = rest.get(1..).unwrap_or(&[]);
        self.last_tag = tag;
        Ok(Some((tag, value)))
    }

    /// The tag at the start of the rest, and its number of digits.
    #[inline(always)]
    fn tag(&self) -> Result<(u32, usize), MessageError> {
        let mut tag = 0_u32;
        for (index, &byte) in self.rest.iter().take(TAG_DIGITS_MAX + 1).enumerate() {
            match byte {
                b'=' if index > 0 => return Ok((tag, index)),
                b'0' if index == 0 => break,
                b'0'..=b'9' if index < TAG_DIGITS_MAX => tag = tag * 10 + u32::from(byte - b'0'),
                _ => break,
            }
        }
        Err(MessageError::new(self.last_tag, Fault::InvalidTag))
    }

    /// The value's length where it is not simply up to the next SOH: length and data fields, and tags that a body
    /// cannot have.
    #[cold]
    fn special(&mut self, tag: u32, after: &'a [u8]) -> Result<usize, MessageError> {
        if self.data_tag != 0 {
            let length = self.data_bytes;
            if tag != self.data_tag || after.get(length) != Some(&SOH) {
                return Err(MessageError::new(self.data_tag, Fault::DataLength));
            }
            self.data_tag = 0;
            return Ok(length);
        }
        if matches!(tag, 8 | 9 | 10 | 35) {
            return Err(MessageError::new(tag, Fault::Duplicate));
        }
        if length_tag_of(tag) != 0 {
            return Err(MessageError::new(tag, Fault::DataLength));
        }
        let length = match after.iter().position(|&byte| byte == SOH) {
            Some(0) | None => return Err(MessageError::new(tag, Fault::Empty)),
            Some(length) => length,
        };
        let bytes =
            after.get(..length).and_then(parse_unsigned).and_then(|bytes| usize::try_from(bytes).ok());
        match bytes {
            None => Err(MessageError::new(tag, Fault::Format)),
            Some(0) => Err(MessageError::new(tag, Fault::DataLength)),
            Some(bytes) => {
                self.data_tag = data_tag_of(tag);
                self.data_bytes = bytes;
                Ok(length)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(u32, String)>, MessageError> {
        let bytes = text.replace('|', "\x01");
        let mut cursor = FieldCursor::new(bytes.as_bytes());
        let mut fields = Vec::new();
        while let Some((tag, value)) = cursor.next_field()? {
            fields.push((tag, String::from_utf8_lossy(value).replace('\x01', "|")));
        }
        Ok(fields)
    }

    #[test]
    fn data_fields_may_hold_soh() {
        let fields = read("58=a=b|95=7|96=x|10=y||99999=1|").unwrap();
        assert_eq!(fields[0], (58, "a=b".into()));
        assert_eq!(fields[2], (96, "x|10=y|".into()));
        assert_eq!(fields[3], (99_999, "1".into()));
        assert_eq!(read("93=1|89=|||").unwrap_err(), MessageError::new(89, Fault::InvalidTag));
        assert_eq!(read("93=1|89=|58=x|").unwrap_err(), MessageError::new(89, Fault::DataLength));
        assert_eq!(read("93=2|89=||58=x|").unwrap_err(), MessageError::new(89, Fault::DataLength));
    }

    #[test]
    fn faults_carry_the_tag() {
        for (text, tag, fault) in [
            ("58=|", 58, Fault::Empty),
            ("34=1|x=5|", 34, Fault::InvalidTag),
            ("=5|", 35, Fault::InvalidTag),
            ("058=5|", 35, Fault::InvalidTag),
            ("100000=5|", 35, Fault::InvalidTag),
            ("58|", 35, Fault::InvalidTag),
            ("58=a|10=123|", 10, Fault::Duplicate),
            ("35=D|", 35, Fault::Duplicate),
            ("96=abc|", 96, Fault::DataLength),
            ("95=3|58=abc|", 96, Fault::DataLength),
            ("95=3|96=ab|", 96, Fault::DataLength),
            ("95=99999999999999999|96=ab|", 96, Fault::DataLength),
            ("95=0|96=|", 95, Fault::DataLength),
            ("95=x|96=ab|", 95, Fault::Format),
            ("95=3|", 95, Fault::DataLength),
        ] {
            assert_eq!(read(text), Err(MessageError::new(tag, fault)), "{text}");
        }
    }

    #[test]
    fn soh_is_found_wherever_it_is() {
        for length in 0..40 {
            let mut bytes = vec![b'\x02'; length];
            assert_eq!(soh_in(&bytes), None);
            for at in (0..length).rev() {
                bytes[at] = SOH; // and more of them behind
                assert_eq!(soh_in(&bytes), Some(at), "{at} of {length}");
            }
        }
    }

    #[test]
    fn lengths_and_data_are_pairs() {
        for tag in 0..1024 {
            if data_tag_of(tag) != 0 {
                assert_eq!(length_tag_of(data_tag_of(tag)), tag);
            }
            if length_tag_of(tag) != 0 {
                assert_eq!(data_tag_of(length_tag_of(tag)), tag);
            }
        }
    }
}
