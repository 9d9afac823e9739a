//! A slowdown to be found: with the feature `planted_slowdown` every path takes about a twentieth longer than it would.
//!
//! `warptick compare` is held to finding it between two real binaries. No build that ships has it.

use std::hint::black_box;

/// Dependent steps of about four cycles: what a twentieth of `tick_to_order` was in the summaries of GOOG at `--pace max`
/// (600 ns at 2.8 GHz), found by trying.
const STEPS: u64 = 20;

/// Works for so long. No clock says how long: to read one costs as much as half of all that is to be planted.
#[inline(always)]
pub(super) fn slow_down() {
    let mut value = black_box(1_u64);
    for _ in 0..STEPS {
        // The exclusive or keeps the compiler from making one multiplication of all.
        value = (value ^ 0x5DEE_CE66).wrapping_mul(6_364_136_223_846_793_005);
    }
    black_box(value);
}
