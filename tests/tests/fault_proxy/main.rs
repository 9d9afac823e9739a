//! Order entry and the simulated venues with a proxy between them that drops, duplicates, truncates, delays, splits and
//! resets: when it is quiet again, both sides agree on every order, and none was doubled.
//!
//! Twice: in virtual time without a socket, where a second costs nothing and what order entry's journal says is held
//! against it all the time, and over loopback TCP, where order entry is the engine's own loop over its sockets, with the
//! thread that connects again, and the venue's desks serve theirs.
//!
//! `cargo test` runs some seeds; `WARPTICK_SEEDS=500 cargo test -p warptick-tests --test fault_proxy -- --nocapture` runs
//! as many as it says. A failure prints its seed; `WARPTICK_SEED=N` runs that one.

mod agreement;
mod day;
mod faults;
mod loopback;
mod proxy;
mod trader;
mod virtual_time;

/// The seeds to run where the environment says nothing else.
fn seeds(ordinary: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("WARPTICK_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("WARPTICK_SEEDS").unwrap_or(ordinary),
    }
}
