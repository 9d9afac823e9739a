//! The hot path, in the order in which data flows: `ingest` decodes, `decide` sequences and the `decision_core` decides
//! under `risk` with the `order_table`, `order_entry` encodes and sends; `stamps` says where the time went. `lockstep`
//! and `paced` are the two ways of running them. After start nothing here allocates, locks, logs or makes a system
//! call but on the socket that it owns.

pub mod board;
pub mod carried_state;
pub mod controls;
pub mod decide;
pub mod decision_core;
#[cfg(test)]
pub(crate) mod draws;
pub mod features;
pub mod feed_pulse;
pub mod heartbeat;
pub mod hop;
pub mod idle;
pub mod ingest;
pub mod live;
pub mod live_feed;
pub mod lockstep;
pub mod operator;
pub mod order_entry;
pub mod order_table;
pub mod paced;
pub mod pacer;
pub mod pairs;
pub mod recorder;
pub mod recording;
pub mod rehearsal;
pub mod risk;
pub mod session_watch;
pub mod settlement;
pub mod slot_ring;
pub mod socket_entry;
pub mod staleness;
pub mod stamps;
pub mod tsc;
pub mod utc_offset;
pub mod wide;
