//! Real option chains through the engine, from LEAN's archives of minute quotes: every contract repriced and fitted, every
//! relation scanned; the hits are those of a brute force in numbers without limit, both topologies and the journal agree.
//!
//! `cargo test --release -p warptick-tests --test option_captures -- --ignored --nocapture` fits and compares each minute. What
//! needs `../shared/data` is skipped loudly without it.

#[path = "../../../kernels/tests/arbitrage/brute_force.rs"]
mod brute_force;
mod command;
mod day;
mod es;
mod goog;
mod tops;
