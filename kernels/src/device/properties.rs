//! What a device is, as its driver says.

use super::driver::{Driver, DriverError, NoDevice};
use cudarc::driver::sys::{self, CUdevice_attribute as Attribute};
use std::ffi::{CStr, c_char};

/// A device's properties, as far as plans are made of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceProperties {
    /// The vendor's name for it.
    pub name: String,
    /// Where it is on the PCIe bus: domain, bus, device, function.
    pub pci_bus_id: String,
    /// Compute capability, major and minor.
    pub compute: (u32, u32),
    /// Streaming multiprocessors.
    pub sms: u32,
    /// Memory that is free now, bytes.
    pub memory_free: u64,
    /// All of its memory, bytes.
    pub memory_total: u64,
    /// The driver ends kernels that run for seconds: a display hangs on it.
    pub has_kernel_time_limit: bool,
}

/// A device whose primary context this process holds; given back when it is dropped.
#[derive(Debug)]
pub struct Context {
    driver: Driver,
    device: sys::CUdevice,
    context: sys::CUcontext,
}

// SAFETY: the driver's functions may be called from any thread; the context is made current where it is used.
unsafe impl Send for Context {}

impl Context {
    /// The primary context of device `ordinal`, current on this thread from now on.
    ///
    /// # Errors
    /// No such device, or a call that failed.
    pub fn new(driver: Driver, ordinal: usize) -> Result<Self, NoDevice> {
        let mut count = 0;
        // SAFETY: the pointer is that of a live integer.
        unsafe { driver.device_get_count(&raw mut count) }?;
        let present = usize::try_from(count).unwrap_or(0);
        if ordinal >= present {
            return Err(NoDevice::NoSuchDevice { wanted: ordinal, present });
        }
        let (mut device, mut context) = (0, std::ptr::null_mut());
        // SAFETY: the pointers are those of live variables, and the ordinal is below the count.
        unsafe {
            driver.device_get(&raw mut device, ordinal as i32)?;
            driver.primary_context_retain(&raw mut context, device)?;
        }
        let held = Self { driver, device, context };
        held.make_current()?;
        for (attribute, what) in [
            (Attribute::CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY, "mapped host memory"),
            (Attribute::CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, "unified addressing"),
        ] {
            if held.attribute(attribute)? == 0 {
                return Err(NoDevice::Unsupported(what));
            }
        }
        Ok(held)
    }

    /// Makes it current on the calling thread.
    ///
    /// # Errors
    /// The driver's.
    pub fn make_current(&self) -> Result<(), DriverError> {
        // SAFETY: the context is held.
        unsafe { self.driver.context_set_current(self.context) }
    }

    /// The driver that it came from.
    #[must_use]
    pub const fn driver(&self) -> Driver {
        self.driver
    }

    pub(crate) const fn handle(&self) -> sys::CUcontext {
        self.context
    }

    fn attribute(&self, attribute: Attribute) -> Result<i32, DriverError> {
        let mut value = 0;
        // SAFETY: the pointer is that of a live integer, the device is one.
        unsafe { self.driver.device_get_attribute(&raw mut value, attribute, self.device) }?;
        Ok(value)
    }

    /// What the device is.
    ///
    /// # Errors
    /// The driver's.
    pub fn properties(&self) -> Result<DeviceProperties, DriverError> {
        let number = |attribute| self.attribute(attribute).map(|value| u32::try_from(value).unwrap_or(0));
        let driver = &self.driver;
        // SAFETY: the driver writes a text that ends with a zero and is no longer than what is said.
        let name = text(|to, len| unsafe { driver.device_get_name(to, len, self.device) })?;
        // SAFETY: as above.
        let pci_bus_id = text(|to, len| unsafe { driver.device_pci_bus_id(to, len, self.device) })?;
        let (mut free, mut total) = (0, 0);
        // SAFETY: the pointers are those of live integers.
        unsafe { self.driver.memory_info(&raw mut free, &raw mut total) }?;
        Ok(DeviceProperties {
            name,
            pci_bus_id,
            compute: (
                number(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
                number(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
            ),
            sms: number(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
            memory_free: free as u64,
            memory_total: total as u64,
            has_kernel_time_limit: number(Attribute::CU_DEVICE_ATTRIBUTE_KERNEL_EXEC_TIMEOUT)? != 0,
        })
    }
}

/// A text that a call writes into a buffer of a given length.
fn text(call: impl FnOnce(*mut c_char, i32) -> Result<(), DriverError>) -> Result<String, DriverError> {
    let mut buffer: [c_char; 128] = [0; 128];
    call(buffer.as_mut_ptr(), 127)?;
    // SAFETY: the last byte is zero whatever was written.
    Ok(unsafe { CStr::from_ptr(buffer.as_ptr()) }.to_string_lossy().into_owned())
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: it was retained once and is released once.
        let _ = unsafe { self.driver.primary_context_release(self.device) };
    }
}
