//! Moments in a stream's work, and the time between two of them by the device's clock.

use super::driver::{Driver, DriverError};
use super::graph::Stream;
use cudarc::driver::sys;

/// A moment; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Event {
    driver: Driver,
    handle: sys::CUevent,
}

impl Event {
    pub(super) fn new(driver: Driver) -> Result<Self, DriverError> {
        let mut handle = std::ptr::null_mut();
        let timed = sys::CUevent_flags::CU_EVENT_DEFAULT as u32;
        // SAFETY: the pointer is that of a live variable.
        unsafe { driver.event_create(&raw mut handle, timed) }?;
        Ok(Self { driver, handle })
    }

    /// It is to be when all that was queued so far is done.
    pub(super) fn record(&self, stream: &Stream) -> Result<(), DriverError> {
        // SAFETY: both are live.
        unsafe { self.driver.event_record(self.handle, stream.handle) }
    }

    /// Time since an earlier one, ns. Both have been.
    pub(super) fn ns_since(&self, earlier: &Self) -> Result<u64, DriverError> {
        let mut milliseconds = 0.0;
        // SAFETY: the pointer is that of a live variable, both events are live.
        unsafe { self.driver.event_elapsed(&raw mut milliseconds, earlier.handle, self.handle) }?;
        // A float as the driver has it; what is below zero or no number becomes zero.
        Ok((f64::from(milliseconds) * 1e6) as u64)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: created once, destroyed once.
        let _ = unsafe { self.driver.event_destroy(self.handle) };
    }
}
