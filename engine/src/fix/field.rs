//! Typed fields: a tag with the type that the standard gives it, so that `get` and `set` speak values, not text.
//!
//! A [`Field`] is a constant of two words; the types are empty markers named as in the standard. Reading borrows from
//! the message, writing goes straight into the output; nothing allocates.

use std::fmt;
use std::marker::PhantomData;

use super::frame::SOH;
use super::number::{
    parse_price, parse_quantity, parse_signed, parse_unsigned, write_bytes, write_price, write_signed,
    write_unsigned,
};
use super::timestamp::{TIME_MAX_NS, TimePrecision, parse_timestamp, write_timestamp};

/// A field of type `T`: its tag and its name in the standard.
pub struct Field<T> {
    tag: u32,
    name: &'static str,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Field<T> {}

impl<T> fmt::Debug for Field<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}({})", self.name, self.tag)
    }
}

impl<T> Field<T> {
    /// A field by tag and name.
    #[must_use]
    pub const fn new(tag: u32, name: &'static str) -> Self {
        Self { tag, name, of: PhantomData }
    }

    /// The tag.
    #[must_use]
    pub const fn tag(self) -> u32 {
        self.tag
    }

    /// The name in the standard.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }
}

/// Why a value could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFault {
    /// The output is too small.
    NoRoom,
    /// The value has no FIX text: empty, holding SOH, or out of range.
    Value,
}

/// A type of the standard.
pub trait FieldType {
    /// Its name in the standard's dictionary.
    const NAME: &'static str;

    /// What it is in Rust; text borrows from the message.
    type Value<'a>: Copy;

    /// Reads the bytes of a value; `None` where they do not have the type's format.
    fn parse(text: &[u8]) -> Option<Self::Value<'_>>;

    /// Writes a value to the front of `out` and says its length.
    ///
    /// # Errors
    /// No room, or a value that the type cannot express.
    fn write(value: Self::Value<'_>, out: &mut [u8]) -> Result<usize, WriteFault>;
}

/// Any integer.
#[derive(Clone, Copy, Debug)]
pub struct Int;
/// A message sequence number.
#[derive(Clone, Copy, Debug)]
pub struct SeqNum;
/// A length in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Length;
/// A quantity in smallest increments.
#[derive(Clone, Copy, Debug)]
pub struct Qty;
/// A price in 1e-9.
#[derive(Clone, Copy, Debug)]
pub struct Price;
/// One byte.
#[derive(Clone, Copy, Debug)]
pub struct Char;
/// `Y` or `N`.
#[derive(Clone, Copy, Debug)]
pub struct Boolean;
/// Text (STRING): at least one byte, no SOH. Bytes, since nothing says that a peer sends UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct Text;
/// A time in UTC ns; written with milliseconds, see [`crate::fix::codec::Encoder::set_time`] for more.
#[derive(Clone, Copy, Debug)]
pub struct UtcTimestamp;
/// Bytes that may hold SOH. Setting it writes its length field first.
#[derive(Clone, Copy, Debug)]
pub struct Data;

impl FieldType for Int {
    const NAME: &'static str = "INT";
    type Value<'a> = i64;

    fn parse(text: &[u8]) -> Option<i64> {
        parse_signed(text)
    }

    fn write(value: i64, out: &mut [u8]) -> Result<usize, WriteFault> {
        write_signed(value, out).ok_or(WriteFault::NoRoom)
    }
}

impl FieldType for SeqNum {
    const NAME: &'static str = "SEQNUM";
    type Value<'a> = u32;

    fn parse(text: &[u8]) -> Option<u32> {
        u32::try_from(parse_unsigned(text)?).ok()
    }

    fn write(value: u32, out: &mut [u8]) -> Result<usize, WriteFault> {
        write_unsigned(u64::from(value), out).ok_or(WriteFault::NoRoom)
    }
}

impl FieldType for Length {
    const NAME: &'static str = "LENGTH";
    type Value<'a> = u32;

    fn parse(text: &[u8]) -> Option<u32> {
        SeqNum::parse(text)
    }

    fn write(value: u32, out: &mut [u8]) -> Result<usize, WriteFault> {
        SeqNum::write(value, out)
    }
}

impl FieldType for Qty {
    const NAME: &'static str = "QTY";
    type Value<'a> = u64;

    fn parse(text: &[u8]) -> Option<u64> {
        parse_quantity(text)
    }

    fn write(value: u64, out: &mut [u8]) -> Result<usize, WriteFault> {
        write_unsigned(value, out).ok_or(WriteFault::NoRoom)
    }
}

impl FieldType for Price {
    const NAME: &'static str = "PRICE";
    type Value<'a> = i64;

    fn parse(text: &[u8]) -> Option<i64> {
        parse_price(text)
    }

    fn write(value: i64, out: &mut [u8]) -> Result<usize, WriteFault> {
        if value == feeds::units::PRICE_NONE {
            return Err(WriteFault::Value);
        }
        write_price(value, out).ok_or(WriteFault::NoRoom)
    }
}

impl FieldType for Char {
    const NAME: &'static str = "CHAR";
    type Value<'a> = u8;

    fn parse(text: &[u8]) -> Option<u8> {
        match text {
            [byte] => Some(*byte),
            _ => None,
        }
    }

    fn write(value: u8, out: &mut [u8]) -> Result<usize, WriteFault> {
        Text::write(&[value], out)
    }
}

impl FieldType for Boolean {
    const NAME: &'static str = "BOOLEAN";
    type Value<'a> = bool;

    fn parse(text: &[u8]) -> Option<bool> {
        match text {
            b"Y" => Some(true),
            b"N" => Some(false),
            _ => None,
        }
    }

    fn write(value: bool, out: &mut [u8]) -> Result<usize, WriteFault> {
        Text::write(if value { b"Y" } else { b"N" }, out)
    }
}

impl FieldType for Text {
    const NAME: &'static str = "STRING";
    type Value<'a> = &'a [u8];

    fn parse(text: &[u8]) -> Option<&[u8]> {
        Some(text)
    }

    fn write(value: &[u8], out: &mut [u8]) -> Result<usize, WriteFault> {
        if value.is_empty() || value.contains(&SOH) {
            return Err(WriteFault::Value);
        }
        write_bytes(value, out).ok_or(WriteFault::NoRoom)
    }
}

impl FieldType for UtcTimestamp {
    const NAME: &'static str = "UTCTIMESTAMP";
    type Value<'a> = u64;

    fn parse(text: &[u8]) -> Option<u64> {
        parse_timestamp(text)
    }

    fn write(value: u64, out: &mut [u8]) -> Result<usize, WriteFault> {
        if value > TIME_MAX_NS {
            return Err(WriteFault::Value);
        }
        write_timestamp(value, TimePrecision::Milliseconds, out).ok_or(WriteFault::NoRoom)
    }
}

impl FieldType for Data {
    const NAME: &'static str = "DATA";
    type Value<'a> = &'a [u8];

    fn parse(text: &[u8]) -> Option<&[u8]> {
        Some(text)
    }

    fn write(value: &[u8], out: &mut [u8]) -> Result<usize, WriteFault> {
        if value.is_empty() {
            return Err(WriteFault::Value);
        }
        write_bytes(value, out).ok_or(WriteFault::NoRoom)
    }
}
