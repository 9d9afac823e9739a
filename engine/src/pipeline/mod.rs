//! Hot stages.
/// Risk.
pub mod risk;
