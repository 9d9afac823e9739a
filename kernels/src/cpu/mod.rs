//! The CPU twins of the core's computations.

pub mod arbitrage;
pub mod fixed_point;
pub mod quote_action;
pub mod quoting;
pub mod volatility;
