//! The whole engine in virtual time against venues, feeds and a network that one seed drives: feeds with their arbiters,
//! decide, risk and journal, order entry with its sessions, killed and resumed, and an independent monitor on the wire.
//!
//! No thread, no socket and no wall clock take part in a day, so that a seed is the same day to the byte. `cargo test`
//! runs 200 of them on all cores; `WARPTICK_SEEDS=10000 cargo test --release -p warptick-tests --test simulator` runs as
//! many as it says. A seed that breaks an invariant is made as small as it can be and printed with the command that
//! repeats it: `WARPTICK_SEED=N` one seed, `WARPTICK_FAULTS="..."` these faults in place of its own, `WARPTICK_DAY=M/S/T`
//! so many messages, symbols and strategies. Journals go to memory where the machine has some for files.

mod engine;
mod faults;
mod feed_watch;
mod invariants;
mod limits;
mod monitor;
mod network;
mod plan;
mod reckless;
mod rules;
mod seeds;
mod shrink;
mod story;
mod tally;
mod told;
mod venue;
mod wire;
mod world;
