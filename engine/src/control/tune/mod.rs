//! `warptick tune`: what of the host should be another way ([`check`]), what it steals and what a hop costs ([`jitter`]),
//! and which thread should run where ([`plan`]).
//!
//! Cold code that runs alone, before any engine does. It reads, measures and prints; it changes nothing of the host: only
//! `tuning/apply.sh` and `tuning/revert.sh` do.

pub mod check;
pub mod device_settings;
mod ethtool;
pub mod jitter;
pub mod plan;
