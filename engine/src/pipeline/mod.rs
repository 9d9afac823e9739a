//! Hot stages.
/// Risk.
pub mod risk;
pub mod stamps;
pub mod tsc;
