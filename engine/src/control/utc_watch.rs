//! Follows the system clock during a live run: measures UTC minus the core clock a few times a second, and publishes it.
//!
//! A step of the system clock (an operator, NTP after a long time without) so changes SendingTime(52) and the end of a
//! session day, and no timer. It also takes out what the core clock's rate is wrong by, a part in a million or so. Cold:
//! housekeeping owns it.

use std::time::{Duration, Instant};

use crate::pipeline::tsc::Calibration;
use crate::pipeline::utc_offset::UtcOffset;

/// Between two measurements.
const INTERVAL: Duration = Duration::from_millis(100);

/// See the module's text.
pub struct UtcWatch {
    calibration: Calibration,
    offset: UtcOffset,
    due: Instant,
}

impl UtcWatch {
    /// A watch over the core clock of this calibration; it measures at its first turn.
    #[must_use]
    pub fn new(calibration: Calibration) -> Self {
        Self { calibration, offset: UtcOffset::default(), due: Instant::now() }
    }

    /// Where it publishes.
    #[must_use]
    pub fn offset(&self) -> UtcOffset {
        self.offset.clone()
    }

    /// The last figure, ns.
    #[must_use]
    pub fn offset_ns(&self) -> i64 {
        self.offset.get()
    }

    /// Measures, if it is time to.
    pub fn turn(&mut self) {
        let now = Instant::now();
        if now >= self.due {
            self.due = now + INTERVAL;
            self.offset.publish(self.calibration.utc_offset_ns());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tsc;

    #[test]
    fn what_it_publishes_brings_the_core_clock_to_utc() {
        let calibration = Calibration::measure();
        let mut watch = UtcWatch::new(calibration);
        let offset = watch.offset();
        offset.publish(i64::MAX);
        watch.turn();
        let measured_ns = offset.get();
        let utc_ns = calibration.utc_ns(tsc::now()).saturating_add_signed(measured_ns);
        let system_ns = tsc::system_utc_ns();
        assert!(system_ns.abs_diff(utc_ns) < 50_000_000, "{measured_ns} ns: {system_ns} against {utc_ns}");
        offset.publish(7);
        watch.turn();
        assert_eq!(offset.get(), 7, "not yet due");
    }
}
