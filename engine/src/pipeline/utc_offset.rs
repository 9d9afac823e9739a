//! UTC minus the core clock: measured by a cold thread, read by the hot one that writes SendingTime(52).
//!
//! The core clock is anchored to UTC once and never steps ([`crate::pipeline::tsc::Calibration`]); the system clock may be
//! stepped or slewed. The difference is one atomic integer that says nothing about other memory. Allocates at construction
//! only.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// See the module's text. Clones share the figure, which is 0 until it is measured.
#[derive(Clone, Debug, Default)]
pub struct UtcOffset(Arc<AtomicI64>);

impl UtcOffset {
    /// The offset is this from now on, ns.
    pub fn publish(&self, offset_ns: i64) {
        // Relaxed: the figure stands for itself.
        self.0.store(offset_ns, Ordering::Relaxed);
    }

    /// The offset as it was last published, ns.
    #[inline]
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}
