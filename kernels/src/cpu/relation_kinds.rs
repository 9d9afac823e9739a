//! The kinds of arbitrage, as relations: what prices of different listings owe each other, in the two forms that are
//! scanned.
//!
//! | kind | form | made by |
//! |---|---|---|
//! | two venues, triangles and longer cycles of currencies | [`RelationSpec`] | [`cycles`] |
//! | put-call parity (conversion, reversal), box, vertical, butterfly, calendar, exercise value | [`LinearSpec`] | [`OptionChain`] |
//! | a fund against its basket | [`LinearSpec`] | [`Basket`] |
//! | a future against what it delivers | [`LinearSpec`] | [`Basis`] |
//!
//! Everything is made at start, allocates, and is a function of its input alone; what is made does not depend on the
//! order in which options or markets are named. Integers only: every discount and every fee that is paid at another day
//! is rounded against us here, so that the scan adds and compares. Nothing here knows names or days; widths are proven
//! when the tables are compiled.
//!
//! What it refuses to make: a bound that somebody else's early exercise can break.
//!
//! [`RelationSpec`]: crate::cpu::wide::RelationSpec
//! [`LinearSpec`]: crate::cpu::wide::LinearSpec

mod basis;
mod basket;
mod chain;
mod cycles;
mod error;
mod money;

pub use basis::Basis;
pub use basket::Basket;
pub use chain::{ChainExpiry, ChainKind, ChainOption, Exercise, Hedge, OptionChain};
pub use cycles::{CYCLES_MAX, Market, TooManyCycles, cycles};
pub use error::{KindError, KindFault};
pub use money::{Discount, Size};

#[cfg(test)]
#[path = "relation_kinds/tests.rs"]
mod tests;
