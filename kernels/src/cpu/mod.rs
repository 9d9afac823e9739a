//! The CPU twins of the core's computations.

pub mod book;
mod huge;
mod ladder;
mod levels;
pub mod nbbo;
mod orders;
mod query;
mod slots;
pub mod arbitrage;
pub mod fixed_point;
pub mod quote_action;
pub mod quoting;
pub mod volatility;
