//! A slowdown to be found: with the feature `planted_slowdown` every path takes about a twentieth longer than it would.
//!
//! `warptick compare` is held to finding it between two real binaries. No build that ships has it.

use std::hint::black_box;

use super::tsc;

/// One part in so many of the path.
const PART: u64 = 20;

/// Ticks of what is done here besides the loop: the clock is read once, and its end is guessed wrong.
const OWN_TICKS: u64 = 40;

/// Ticks of one dependent multiplication and addition.
const STEP_TICKS: u64 = 4;

/// Works for a twentieth of the time that the path which began at `start` has taken so far.
///
/// The start by value: a reference would have the stamps of the path written to memory, which costs as much again.
#[inline(always)]
pub(super) fn slow_down(start: u64) {
    let spent = tsc::now().saturating_sub(start);
    // No clock in the loop: a reading costs as much as half of all that it is to take.
    let steps = (spent / PART).saturating_sub(OWN_TICKS) / STEP_TICKS;
    let mut value = spent | 1;
    for _ in 0..steps {
        value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    }
    black_box(value);
}
