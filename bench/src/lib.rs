//! Benchmark scenarios, one a file. Each checks its own result, so that a run that did no work fails, and gives one
//! JSON line a variant with its method. `METHOD.md` beside this crate says what each times and what it does not say.

pub mod american;
pub mod book;
pub mod fix_decode;
pub mod fix_encode;
pub mod fix_messages;
pub mod fix_round_trip;
pub mod instructions;
pub mod journal_append;
pub mod kill_latency;
pub mod line;
pub mod option_pricing;
pub mod ouch_decode;
pub mod ouch_encode;
#[cfg(feature = "peers")]
pub mod peer_book;
#[cfg(feature = "peers")]
pub mod peer_decode;
#[cfg(feature = "peers-fix")]
pub mod peer_fix;
pub mod relations;
pub mod results;
pub mod ring_hop;
pub mod risk;
pub mod tick_to_order;
pub mod timing;
pub mod wide_cpu;
