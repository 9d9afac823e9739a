//! Whole-system tests of warptick, and what they share: the slow, plain models that they hold the fast code against,
//! where captures come from, the language of acceptance scripts, and how the built binary is run.

pub mod captures;
pub mod chatter;
pub mod live_day;
pub mod naive_venue;
pub mod order_entry_journal;
pub mod ports;
pub mod resting;
pub mod script;
pub mod warptick;
pub mod wide_day;
