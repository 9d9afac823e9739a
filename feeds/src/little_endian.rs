//! Values with a fixed little-endian wire form, and the macro that derives a struct's two directions from one table
//! of its fields in wire order (IEX, CME SBE). Plain data, no allocation.
//!
//! `at` is a constant at every use, and the array that the caller holds is long enough by a compile-time check beside
//! each table, so that no bounds check remains.

use crate::symbol::Symbol;

/// A value with a fixed little-endian wire form.
pub(crate) trait Field: Copy {
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
                Self::from_le_bytes(array_at(body, at))
            }
            #[inline(always)]
            fn write(self, body: &mut [u8], at: usize) {
                body[at..at + Self::WIDTH].copy_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}
integer_field!(u8, i8, u16, i16, u32, i32, u64, i64);

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

/// A struct, its length on the wire, and both directions, from the table of its fields in wire order. The length is
/// the specification's and is checked against the table at compile time.
macro_rules! wire_struct {
    ($(#[$doc:meta])* $name:ident $length:literal { $($(#[$field_doc:meta])* $field:ident: $field_type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $field_type,)*
        }

        const _: () = assert!(0 $(+ <$field_type as crate::little_endian::Field>::WIDTH)* == $length);

        impl $name {
            /// Bytes on the wire.
            pub const LENGTH: usize = $length;

            /// The values in `body`.
            #[inline(always)]
            #[must_use]
            #[allow(unused_assignments)] // the last field's step of `at`
            #[allow(unused_variables, unused_mut)] // a struct may have no fields
            pub fn read(body: &[u8; $length]) -> Self {
                let mut at = 0;
                $(
                    let $field = <$field_type as crate::little_endian::Field>::read(body, at);
                    at += <$field_type as crate::little_endian::Field>::WIDTH;
                )*
                Self { $($field,)* }
            }

            /// The wire form.
            #[inline(always)]
            #[must_use]
            #[allow(unused_assignments)] // the last field's step of `at`
            #[allow(unused_variables, unused_mut)] // a struct may have no fields
            pub fn to_bytes(&self) -> [u8; $length] {
                let mut out = [0; $length];
                let mut at = 0;
                $(
                    crate::little_endian::Field::write(self.$field, &mut out, at);
                    at += <$field_type as crate::little_endian::Field>::WIDTH;
                )*
                out
            }
        }
    };
}
pub(crate) use wire_struct;
