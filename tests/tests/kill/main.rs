//! `kill -9` with real processes and sockets: the engine dies at random times and at named places, goes on with
//! `--resume`, dies again; nothing that a venue saw is missing from the journals, nothing was said twice, and in the end
//! both sides have the same positions.
//!
//! The engine is the built binary, with the feature `failpoints` ([`engine::control::failpoint`]). The venues are served by
//! this process over loopback; between the two lies a proxy that writes down every byte. A day is a chain of runs, each of
//! which goes on where the one before it was killed.
//!
//! `cargo test` kills some; `WARPTICK_KILLS=500 cargo test -p warptick-tests --test kill -- --nocapture` as many as it
//! says, `WARPTICK_SEED=N` with other random numbers.

mod checks;
mod day;
mod disk;
mod process;
mod proxy;

use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::control::failpoint;

/// Kills where the environment says nothing else.
const ORDINARY: u64 = 10;

/// From so many kills on each place is one of them.
const ALL_PLACES: u64 = 100;

/// Kills of one day: its market goes on for a minute and a half.
const KILLS_A_DAY: u64 = 25;

#[test]
fn a_full_disk_stops_trading() {
    let _alone = alone();
    process::binary();
    day::with_a_disk(disk::Disk::Full);
}

#[test]
fn a_read_only_file_system_stops_trading() {
    let _alone = alone();
    process::binary();
    day::with_a_disk(disk::Disk::ReadOnly);
}

/// The days of this file need the machine for themselves.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn whatever_a_venue_saw_is_in_the_journals() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = number("WARPTICK_KILLS").unwrap_or(ORDINARY);
    let seed = number("WARPTICK_SEED").unwrap_or(1);
    let mut all = day::Tally::default();
    let _alone = alone();
    // A day must not wait for it.
    process::binary();
    let (mut left, mut today) = (kills, 0);
    while left > 0 {
        let wanted = left.min(KILLS_A_DAY);
        println!("day {today}, seed {seed}: {wanted} kills");
        let tally = day::run(seed + (today << 32), today * KILLS_A_DAY, wanted);
        println!("day {today}: {tally:?}");
        left -= wanted;
        today += 1;
        all.add(&tally);
    }
    println!("{kills} kills: {} messages, {} orders, {} resumed runs", all.messages, all.orders, all.resumed);
    println!("{:24} {:>6} {:>12}", "place", "kills", "not reached");
    let killed = |place: &str| all.places.get(place).copied().unwrap_or(0);
    for name in failpoint::NAMES {
        println!("{name:24} {:>6} {:>12}", killed(name), killed(&format!("{name}, not reached")));
    }
    println!("{:24} {:>6}", "at random", killed("at random"));
    // Chains that did nothing would prove nothing.
    assert!(all.orders > kills && all.messages > 10 * kills, "{all:?}");
    let missed: Vec<_> = failpoint::NAMES.into_iter().filter(|name| killed(name) == 0).collect();
    let places = failpoint::NAMES.len();
    // Two of three kills are at places, in turn: ten come to some of them, a hundred to each several times.
    let reached = (places - missed.len()) as u64;
    assert!(reached >= kills.min(places as u64) / 2, "{all:?}");
    assert!(kills < ALL_PLACES || missed.is_empty(), "no kill at {missed:?}");
}
