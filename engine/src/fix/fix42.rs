//! The fields of FIX 4.2 as typed constants, made at build time from `dictionaries/fix42.toml`.
//!
//! Names, numbers and types are those of the standard; how a type reads and writes is said in [`super::field`]. A type
//! without a marker there is that of its text: currencies, exchanges and dates are [`Text`], amounts, offsets and floats
//! are [`Price`] (exact to 1e-9). FIX 4.2 has no type for sequence numbers and group counts: they are [`Int`].

use super::field::{Boolean, Char, Data, Field, Int, Length, Price, Qty, Text, UtcTimestamp};

include!(concat!(env!("OUT_DIR"), "/fix42_fields.rs"));
