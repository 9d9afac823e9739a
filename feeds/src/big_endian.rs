//! Values with a fixed big-endian wire form (ITCH, OUCH). Plain data, no allocation.
//!
//! `at` is a constant at every use, and the array that the caller holds is long enough by a compile-time check beside
//! each table of fields, so that no bounds check remains.

use crate::symbol::Symbol;

/// A value with a fixed big-endian wire form.
pub trait Field: Copy {
    /// Bytes on the wire.
    const WIDTH: usize;
    /// The value at `at`.
    fn read(body: &[u8], at: usize) -> Self;
    /// Puts the value at `at`.
    fn write(self, body: &mut [u8], at: usize);
}

#[inline(always)]
fn array_at<const N: usize>(body: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&body[at..at + N]);
    bytes
}

macro_rules! integer_field {
    ($($integer:ty),*) => {$(
        impl Field for $integer {
            const WIDTH: usize = size_of::<$integer>();
            #[inline(always)]
            fn read(body: &[u8], at: usize) -> Self {
                Self::from_be_bytes(array_at(body, at))
            }
            #[inline(always)]
            fn write(self, body: &mut [u8], at: usize) {
                body[at..at + Self::WIDTH].copy_from_slice(&self.to_be_bytes());
            }
        }
    )*};
}
integer_field!(u8, u16, u32, u64);

impl<const N: usize> Field for [u8; N] {
    const WIDTH: usize = N;
    #[inline(always)]
    fn read(body: &[u8], at: usize) -> Self {
        array_at(body, at)
    }
    #[inline(always)]
    fn write(self, body: &mut [u8], at: usize) {
        body[at..at + N].copy_from_slice(&self);
    }
}

/// Eight bytes, padded with spaces.
impl Field for Symbol {
    const WIDTH: usize = 8;
    #[inline(always)]
    fn read(body: &[u8], at: usize) -> Self {
        Self::from_wire8(array_at(body, at))
    }
    #[inline(always)]
    fn write(self, body: &mut [u8], at: usize) {
        self.wire8().write(body, at);
    }
}
