//! A slowdown to be found: with the feature `planted_slowdown` every path takes a twentieth longer than it would.
//!
//! `warptick compare` is held to finding it between two real binaries. No build that ships has it.

use std::hint::black_box;

use super::{PathStamps, tsc};

/// One part in so many of the path.
const PART: u64 = 20;

/// Ticks that the reading of the clock below takes by itself.
const OWN_TICKS: u64 = 20;

/// Ticks of one dependent multiplication and addition.
const STEP_TICKS: u64 = 4;

impl PathStamps {
    /// Works for a twentieth of the time that the path has taken so far.
    #[inline(never)]
    pub(super) fn slow_down(&self) {
        let spent = tsc::now().saturating_sub(self.start);
        // No clock in the loop: a reading costs as much as all of it is to take.
        let steps = (spent / PART).saturating_sub(OWN_TICKS) / STEP_TICKS;
        let mut value = black_box(spent | 1);
        for _ in 0..steps {
            value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        }
        black_box(value);
    }
}
