//! Volatility surfaces, cold: quotes of a chain become implied volatilities, these a fit, and the fit one volatility a
//! contract.
//!
//! [`chain_fit`] does it for one chain, [`implied`] inverts prices, [`fitter`] runs it in place (lockstep) or on a thread of
//! its own (live and paced). Everything here may allocate and take milliseconds, and uses the machine's logarithms: what
//! leaves is rounded to 1e-9 and enters the decision core as a journalled input (`pipeline/wide/surface.rs`), so that a
//! replay fits nothing.

pub mod chain_fit;
pub mod config;
pub mod fitter;
pub mod implied;
pub mod premium;
