//! The optional end of an OUCH 5.0 message: options of a length byte, a tag byte and a value.
//!
//! Borrowed from the message, checked once when the message is read, so that going through it cannot fail. Allocates
//! nothing; any thread. It interprets no value.

use super::decode_error::DecodeError;

/// Tags of options (OUCH 5.0, appendix A), those that this crate looks at.
pub mod tag {
    /// Firm, 4 characters.
    pub const FIRM: u8 = 2;
    /// Side of a mass cancel, 1 character.
    pub const SIDE: u8 = 27;
}

/// A checked appendage, or none: then it is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appendage<'a> {
    bytes: &'a [u8],
}

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended<'a> {
    /// What it is.
    pub tag: u8,
    /// Its value, possibly empty.
    pub value: &'a [u8],
}

impl<'a> Appendage<'a> {
    /// No options.
    pub const NONE: Self = Self { bytes: &[] };

    /// The appendage of a message of type `message_type`, without its length field.
    ///
    /// # Errors
    /// [`DecodeError::Appendage`] where an option has length 0 or goes beyond the end.
    #[inline]
    pub fn check(message_type: u8, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut rest = bytes;
        while let Some((&length, behind)) = rest.split_first() {
            let at = (bytes.len() - rest.len()) as u16;
            rest = match length {
                0 => None,
                length => behind.get(usize::from(length)..),
            }
            .ok_or(DecodeError::Appendage { message_type, at })?;
        }
        Ok(Self { bytes })
    }

    /// The bytes, as on the wire, without the length field.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The options, in wire order.
    pub fn options(&self) -> impl Iterator<Item = Appended<'a>> + use<'a> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (&length, behind) = rest.split_first()?;
            let (option, behind) = behind.split_at_checked(usize::from(length))?;
            rest = behind;
            let (&tag, value) = option.split_first()?;
            Some(Appended { tag, value })
        })
    }

    /// The value of the first option with this tag.
    #[must_use]
    pub fn get(&self, tag: u8) -> Option<&'a [u8]> {
        self.options().find(|option| option.tag == tag).map(|option| option.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_in_order_and_unknown_ones_are_skipped() {
        let bytes = b"\x05\x02MLRO\x02\x120\x01\xff";
        let appendage = Appendage::check(b'A', bytes).unwrap();
        let tags: Vec<_> = appendage.options().map(|option| (option.tag, option.value)).collect();
        assert_eq!(tags, [(2, &b"MLRO"[..]), (18, b"0"), (255, b"")]);
        assert_eq!(appendage.get(tag::FIRM), Some(&b"MLRO"[..]));
        assert_eq!(appendage.get(tag::SIDE), None);
        assert_eq!(Appendage::check(b'A', b"").unwrap(), Appendage::NONE);
    }

    #[test]
    fn lengths_that_do_not_add_up_are_refused_where_they_are() {
        for (bytes, at) in [
            (&b"\0"[..], 0),
            (b"\x01", 0),
            (b"\x02\x120\x05\x02ML", 3),
            (b"\x02\x120\0", 3),
            (b"\xff\x02", 0),
        ] {
            let error = DecodeError::Appendage { message_type: b'E', at };
            assert_eq!(Appendage::check(b'E', bytes), Err(error), "{}", bytes.escape_ascii());
        }
    }
}
