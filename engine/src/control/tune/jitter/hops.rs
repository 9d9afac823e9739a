//! What it costs to hand something from core to core: one bare cache line between every two, and the engine's ring between
//! the first two.
//!
//! Both threads spin; one item is in flight; a hop is half a round trip. The bare line is the bound that no ring can beat.
//! On a virtual machine the host may put two CPUs on one core and move them: then a hop is too short to be true of cores.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::pair::{Patience, on_two};
use super::spread::Spread;
use crate::control::failure::Failure;
use crate::control::shutdown::Stop;
use crate::pipeline::slot_ring;
use crate::pipeline::tsc::{self, Calibration};

/// Round trips of a pair, and those at the start that do not count.
const TRIPS: u64 = 10_000;
const WARM_UP: u64 = 1_000;

/// A pair may take so long at most: 0.05 s; undisturbed it takes a tenth of that.
const PAIRS_PER_SECOND: u64 = 20;

/// A hop between two cores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// One core.
    pub from: usize,
    /// The other.
    pub to: usize,
    /// Half of each round trip.
    #[serde(flatten)]
    pub spread: Spread,
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>3} - {:<3} {}", self.from, self.to, self.spread)
    }
}

/// A number on a cache line of its own; 128 bytes, since the prefetcher fetches lines in pairs.
#[repr(align(128))]
struct Alone(AtomicU64);

/// Every pair once.
pub(super) fn matrix(cpus: &[usize], calibration: &Calibration, stop: &Stop) -> Result<Vec<Hop>, Failure> {
    let mut hops = Vec::with_capacity(cpus.len() * cpus.len().saturating_sub(1) / 2);
    for (at, &from) in cpus.iter().enumerate() {
        for &to in &cpus[at + 1..] {
            hops.push(line((from, to), calibration, stop)?);
        }
    }
    Ok(hops)
}

fn patience<'a>(calibration: &Calibration, stop: &'a Stop) -> Patience<'a> {
    Patience { until_ticks: tsc::now() + calibration.ticks_per_second() / PAIRS_PER_SECOND, stop }
}

fn line(pair: (usize, usize), calibration: &Calibration, stop: &Stop) -> Result<Hop, Failure> {
    let (there, back) = (Alone(AtomicU64::new(0)), Alone(AtomicU64::new(0)));
    let patience = patience(calibration, stop);
    // Acquire pairs with the other thread's Release, as in a ring; on x86-64 they are plain loads and stores.
    let arrived = |line: &Alone, number| {
        patience.wait(|| (line.0.load(Ordering::Acquire) == number).then_some(())).is_some()
    };
    let ticks = on_two(
        pair,
        || {
            timed(|number| {
                there.0.store(number, Ordering::Release);
                arrived(&back, number)
            })
        },
        || {
            for number in 1..=TRIPS {
                if !arrived(&there, number) {
                    return;
                }
                back.0.store(number, Ordering::Release);
            }
        },
    )?;
    Ok(Hop { from: pair.0, to: pair.1, spread: Spread::of(ticks, 2, calibration) })
}

/// The engine's ring with a bare number as its item: one cache line each way.
pub(super) fn ring(pair: (usize, usize), calibration: &Calibration, stop: &Stop) -> Result<Hop, Failure> {
    let (mut to_far, mut at_far) = slot_ring::ring::<u64>(1_024);
    let (mut to_near, mut at_near) = slot_ring::ring::<u64>(1_024);
    let patience = patience(calibration, stop);
    let ticks = on_two(
        pair,
        move || {
            timed(|number| to_far.push(number).is_ok() && patience.wait(|| at_near.pop()) == Some(number))
        },
        move || {
            for _ in 1..=TRIPS {
                let Some(number) = patience.wait(|| at_far.pop()) else { return };
                if to_near.push(number).is_err() {
                    return;
                }
            }
        },
    )?;
    Ok(Hop { from: pair.0, to: pair.1, spread: Spread::of(ticks, 2, calibration) })
}

/// Ticks of each round trip after the warm-up, until one does not come back.
fn timed(mut trip: impl FnMut(u64) -> bool) -> Vec<u64> {
    let mut ticks = Vec::with_capacity((TRIPS - WARM_UP) as usize);
    for number in 1..=TRIPS {
        let start = tsc::now();
        if !trip(number) {
            break;
        }
        if number > WARM_UP {
            ticks.push(tsc::now() - start);
        }
    }
    ticks
}
