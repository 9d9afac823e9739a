//! What reading a clock costs: the tick counter in two forms, the kernel's call, the standard library's.
//!
//! One reading is too short to be timed, so that a sample is a batch of them; least and median of the batches are shown.

use std::hint::black_box;
use std::time::Instant;

use serde::Serialize;

use super::pair::pin;
use crate::control::failure::Failure;
use crate::pipeline::tsc::{self, Calibration};

const BATCHES: usize = 301;
const CALLS: u32 = 1_000;

/// One clock.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClockCost {
    /// Its name.
    pub name: &'static str,
    /// The fastest batch, ns a call.
    pub least_ns: f64,
    /// The median batch, ns a call.
    pub median_ns: f64,
}

/// Measures them on one core.
pub(super) fn measure(cpu: usize, calibration: &Calibration) -> Result<Vec<ClockCost>, Failure> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            pin(cpu)?;
            Ok(all(calibration))
        });
        thread.join().map_err(|_| Failure::Check("a measuring thread panicked".to_owned()))?
    })
}

fn all(calibration: &Calibration) -> Vec<ClockCost> {
    vec![
        cost("rdtsc", calibration, || {
            black_box(tsc::now());
        }),
        #[cfg(target_arch = "x86_64")]
        cost("rdtscp", calibration, || {
            let mut processor = 0;
            // SAFETY: as `tsc::now`: every x86-64 server CPU of the last fifteen years has the instruction, it is allowed in
            // user mode, and it writes to the live local only.
            black_box(unsafe { core::arch::x86_64::__rdtscp(&raw mut processor) });
        }),
        cost("clock_gettime", calibration, || {
            let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: writes one `timespec`, a live local.
            black_box(unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) });
        }),
        cost("Instant::now", calibration, || {
            black_box(Instant::now());
        }),
    ]
}

fn cost(name: &'static str, calibration: &Calibration, read: impl Fn()) -> ClockCost {
    let mut batches: Vec<u64> = (0..BATCHES)
        .map(|_| {
            let start = tsc::now();
            (0..CALLS).for_each(|_| read());
            tsc::now() - start
        })
        .collect();
    batches.sort_unstable();
    let ns = |ticks: u64| {
        let ns = ticks as f64 * 1e9 / calibration.ticks_per_second() as f64 / f64::from(CALLS);
        (ns * 10.0).round() / 10.0
    };
    ClockCost { name, least_ns: ns(batches[0]), median_ns: ns(batches[BATCHES / 2]) }
}
