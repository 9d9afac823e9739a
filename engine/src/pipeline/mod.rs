//! The hot path, in the order in which data flows: `ingest` decodes, `decide` sequences and decides under `risk` with
//! the `order_table`, `order_entry` encodes and sends; `stamps` says where the time went. After start nothing here
//! allocates, locks, logs or makes a system call but on the socket that it owns.

pub mod decision_core;
pub mod order_table;
pub mod risk;
