//! The CPU twins of the core's computations.

pub mod arbitrage;
pub mod book;
pub mod cross_venue;
pub mod fixed_point;
mod huge;
mod ladder;
mod levels;
pub mod linear;
mod look_ahead;
pub mod nbbo;
pub mod option_quote;
mod orders;
pub mod pricing;
mod query;
pub mod quote_action;
pub mod quoting;
mod refusal;
pub mod relation_kinds;
pub mod replica_hash;
mod slots;
mod tick;
mod trading_status;
pub mod volatility;
pub mod wide;
