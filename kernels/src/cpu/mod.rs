//! The CPU twins of the core's computations.

pub mod american;
pub mod arbitrage;
pub mod book;
pub mod cross_venue;
pub mod features;
pub mod fixed_point;
mod huge;
mod ladder;
mod levels;
mod look_ahead;
pub mod monte_carlo;
pub mod nbbo;
pub mod option_quote;
mod orders;
pub mod portfolio_quote;
pub mod pricing;
mod query;
pub mod quote_action;
pub mod quoting;
mod refusal;
pub mod replica_hash;
pub mod routing;
mod slots;
mod tick;
mod trading_status;
pub mod volatility;
pub mod wide;
