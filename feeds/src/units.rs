//! Units of money, quantity and time that every crate shares.
//!
//! Prices are `i64` in 1e-9 of the currency unit. Quantities are `u64` in the smallest tradable increment
//! (1 share, 1 contract). Times are `u64` nanoseconds since the Unix epoch, UTC; the field's name says whose
//! clock. "None" is always a named sentinel, never zero by accident.

/// Price units in one currency unit (1e-9).
pub const PRICE_SCALE: i64 = 1_000_000_000;

/// "No price": an empty book side, or an execution that happens at the resting order's own price.
pub const PRICE_NONE: i64 = i64::MIN;

/// Price units (1e-9) in one ITCH `Price(4)` unit (1e-4).
pub const ITCH_PRICE4_UNIT: i64 = 100_000;

/// Nanoseconds in one second.
pub const NS_PER_S: u64 = 1_000_000_000;

/// Nanoseconds in one civil day (UTC has no leap second in Unix time).
pub const NS_PER_DAY: u64 = 86_400 * NS_PER_S;

/// "No time stamp": the source carries none.
pub const TIME_NONE: u64 = u64::MAX;
