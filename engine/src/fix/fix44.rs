//! The fields of FIX 4.4 as typed constants, made at build time from `dictionaries/fix44.toml`.
//!
//! Names, numbers and types are those of the standard; how a type reads and writes is said in [`super::field`]. A type
//! without a marker there is that of its text: currencies, exchanges and dates are [`Text`], amounts, offsets and floats
//! are [`Price`] (exact to 1e-9), counts of group entries are [`Length`] (an unsigned number).

use super::field::{Boolean, Char, Data, Field, Int, Length, Price, Qty, SeqNum, Text, UtcTimestamp};

include!(concat!(env!("OUT_DIR"), "/fix44_fields.rs"));
