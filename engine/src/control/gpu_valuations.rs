//! The part of `warptick gpu check` that is about options, American options and simulated paths in bulk: every kernel of them on
//! seeded random markets, every bit of every value held against the CPU.

use std::fmt::Write as _;

use crate::control::failure::Failure;
use crate::control::gpu::Where;
use kernels::device::batch::compare::ValuationCheck;
use kernels::device::batch::{BatchError, Place};

/// Options for each kernel unless it is said otherwise: a hundredth of the messages of the day that is checked beside them.
const MESSAGES_AN_OPTION: u64 = 100;
const OPTIONS_MIN: usize = 256;

impl Where {
    /// Where batches are computed.
    ///
    /// # Errors
    /// Why there is no driver.
    pub fn batch_place(&self) -> Result<Place, BatchError> {
        let (driver, images) = self.driver()?;
        Ok(Place { driver, images, ordinal: self.ordinal })
    }
}

/// How many options go with a day of so many messages.
#[must_use]
pub fn options_for(messages: u64) -> usize {
    usize::try_from(messages / MESSAGES_AN_OPTION).unwrap_or(usize::MAX).max(OPTIONS_MIN)
}

/// One line a kernel.
///
/// # Errors
/// No device (input), or values that differ (check): then all lines, and the first value that differs of each kernel.
pub fn check(place: Where, seed: u64, options: usize) -> Result<String, Failure> {
    let place = place.batch_place().map_err(|reason| refused(&reason))?;
    compare(&place, ValuationCheck { seed, options })
}

pub(super) fn refused(reason: &BatchError) -> Failure {
    Failure::Input(format!("no device: {reason}"))
}

fn compare(place: &Place, check: ValuationCheck) -> Result<String, Failure> {
    let compared = check.run(place).map_err(|reason| refused(&reason))?;
    let mut text = format!("in bulk, seed {}, {} options a kernel:\n", check.seed, check.options);
    for kernel in &compared {
        let _ = writeln!(text, "{kernel}");
    }
    if compared.iter().all(|kernel| kernel.is_equal()) {
        return Ok(text);
    }
    Err(Failure::Check(format!("{text}VERDICT: DIVERGED")))
}
