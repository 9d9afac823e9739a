//! Memory that the device reads and writes: pinned memory of the host, mapped on both sides, and the device's own.
//!
//! Allocated and freed by the control thread only, never while a kernel runs: freeing may wait for the device. cudarc's
//! own pinned memory is not used: it is write-combined, which makes reads crawl, and waits for events when it is dropped.

use super::driver::{Driver, DriverError};
use cudarc::driver::sys;
use std::ffi::c_void;

/// Page-locked memory of the host that the device reads and writes over the bus; zeroed at the start.
#[derive(Debug)]
pub struct PinnedMemory {
    driver: Driver,
    host: *mut c_void,
    device: sys::CUdeviceptr,
    bytes: usize,
}

// SAFETY: it owns the memory, and the driver's functions may be called from any thread.
unsafe impl Send for PinnedMemory {}

impl PinnedMemory {
    /// Takes `bytes` of it, aligned to a page.
    ///
    /// # Errors
    /// The driver's.
    pub fn new(driver: Driver, bytes: usize) -> Result<Self, DriverError> {
        let flags = sys::CU_MEMHOSTALLOC_DEVICEMAP | sys::CU_MEMHOSTALLOC_PORTABLE;
        let mut host = std::ptr::null_mut();
        // SAFETY: the pointer is that of a live variable.
        unsafe { driver.host_alloc(&raw mut host, bytes, flags) }?;
        let mut memory = Self { driver, host, device: 0, bytes };
        // SAFETY: the driver has given `bytes` writable bytes from `host` on, and no kernel knows of them yet.
        unsafe { std::ptr::write_bytes(host.cast::<u8>(), 0, bytes) };
        // SAFETY: `host` comes from `cuMemHostAlloc` with the flag that maps it.
        unsafe { driver.host_device_pointer(&raw mut memory.device, host, 0) }?;
        Ok(memory)
    }

    /// Where the host finds it.
    #[must_use]
    pub const fn host(&self) -> *mut c_void {
        self.host
    }

    /// Where the device finds it.
    #[must_use]
    pub const fn device(&self) -> sys::CUdeviceptr {
        self.device
    }

    /// Its size.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for PinnedMemory {
    fn drop(&mut self) {
        // SAFETY: it came from `cuMemHostAlloc` and is freed once; owners stop the kernel that knows of it first.
        let _ = unsafe { self.driver.host_free(self.host) };
    }
}

/// Memory of the device, zeroed at the start.
#[derive(Debug)]
pub struct DeviceMemory {
    driver: Driver,
    address: sys::CUdeviceptr,
    bytes: usize,
}

impl DeviceMemory {
    /// Takes `bytes` of it (at least one, so that an empty table has an address).
    ///
    /// # Errors
    /// The driver's; [`DriverError::is_out_of_memory`] when a smaller plan may do.
    pub fn new(driver: Driver, bytes: usize) -> Result<Self, DriverError> {
        let bytes = bytes.max(1);
        let mut address = 0;
        // SAFETY: the pointer is that of a live variable.
        unsafe { driver.memory_alloc(&raw mut address, bytes) }?;
        let memory = Self { driver, address, bytes };
        memory.zero()?;
        Ok(memory)
    }

    /// A table of plain old data, copied there.
    ///
    /// # Errors
    /// The driver's.
    pub fn of<T: Copy>(driver: Driver, table: &[T]) -> Result<Self, DriverError> {
        let memory = Self::new(driver, size_of_val(table))?;
        memory.write(table)?;
        Ok(memory)
    }

    /// Sets all bytes to zero.
    ///
    /// # Errors
    /// The driver's.
    pub fn zero(&self) -> Result<(), DriverError> {
        // SAFETY: the range is ours.
        unsafe { self.driver.memory_set(self.address, 0, self.bytes) }?;
        self.settle()
    }

    /// Waits for the default stream: filling and copying may return before they are done, and the streams that kernels run on
    /// do not wait for it. A kernel that hangs on such a stream does not keep this waiting.
    fn settle(&self) -> Result<(), DriverError> {
        // SAFETY: null is the default stream's handle.
        unsafe { self.driver.stream_synchronize(std::ptr::null_mut()) }
    }

    /// Copies a table to its start.
    ///
    /// # Errors
    /// The driver's.
    ///
    /// # Panics
    /// When the table is larger.
    pub fn write<T: Copy>(&self, table: &[T]) -> Result<(), DriverError> {
        let bytes = size_of_val(table);
        assert!(bytes <= self.bytes, "{bytes} bytes do not fit {}", self.bytes);
        if bytes == 0 {
            return Ok(());
        }
        // SAFETY: source and destination are live and at least that long.
        unsafe { self.driver.copy_to_device(self.address, table.as_ptr().cast(), bytes) }?;
        self.settle()
    }

    /// Copies from its start into a table of plain old data.
    ///
    /// # Errors
    /// The driver's.
    ///
    /// # Panics
    /// When the table is larger.
    pub fn read(&self, table: &mut [u64]) -> Result<(), DriverError> {
        let bytes = size_of_val(table);
        assert!(bytes <= self.bytes, "{bytes} bytes are not in {}", self.bytes);
        // SAFETY: source and destination are live and at least that long; any bits are a u64.
        unsafe { self.driver.copy_to_host(table.as_mut_ptr().cast(), self.address, bytes) }
    }

    /// Where the device finds it.
    #[must_use]
    pub const fn address(&self) -> sys::CUdeviceptr {
        self.address
    }

    /// Its size.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for DeviceMemory {
    fn drop(&mut self) {
        // SAFETY: it came from `cuMemAlloc` and is freed once; owners stop the kernel that knows of it first.
        let _ = unsafe { self.driver.memory_free(self.address) };
    }
}
