//! Makes a resident kernel from a driver and tables: finds the device, plans, and shrinks the plan when memory runs out.

use super::driver::{Driver, NoDevice};
use super::launch::{Images, Resident};
use super::plan::{Capability, Demand, NoPlan, Plan};
use super::properties::{Context, DeviceProperties};
use crate::cpu::wide::WideTables;
use std::fmt;
use std::sync::Arc;

/// Everything that a resident kernel is made from, as often as one is needed.
#[derive(Clone, Debug)]
pub struct Maker {
    /// The driver, or what stands in for it.
    pub driver: Driver,
    /// Which form of the kernels it loads.
    pub images: Images,
    /// Number of the device.
    pub ordinal: usize,
    /// What the wide work is.
    pub tables: Arc<WideTables>,
    /// What it takes.
    pub demand: Demand,
}

/// Why no kernel could be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoKernel {
    /// There is no device, or a call failed.
    Device(NoDevice),
    /// The device is too old or too small.
    Plan(NoPlan),
}

impl fmt::Display for NoKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(reason) => reason.fmt(f),
            Self::Plan(reason) => reason.fmt(f),
        }
    }
}

impl std::error::Error for NoKernel {}

impl From<NoDevice> for NoKernel {
    fn from(reason: NoDevice) -> Self {
        Self::Device(reason)
    }
}

impl From<super::driver::DriverError> for NoKernel {
    fn from(error: super::driver::DriverError) -> Self {
        Self::Device(error.into())
    }
}

impl From<NoPlan> for NoKernel {
    fn from(reason: NoPlan) -> Self {
        Self::Plan(reason)
    }
}

/// A kernel that is ready to start, what it lies on, and what had to be left out.
#[derive(Debug)]
pub struct Made {
    /// The kernel.
    pub resident: Resident,
    /// The device.
    pub properties: DeviceProperties,
    /// How often the plan was shrunk because memory ran out.
    pub shrunk: u32,
}

impl Maker {
    /// Makes one; its context is current on the calling thread afterwards.
    ///
    /// # Errors
    /// Why there is none.
    pub fn make(&self) -> Result<Made, NoKernel> {
        let properties = Context::new(self.driver, self.ordinal)?.properties()?;
        let capability = Capability {
            compute: properties.compute,
            sms: properties.sms,
            memory_free: properties.memory_free,
        };
        let mut plan = Plan::new(&capability, &self.demand)?;
        let mut shrunk = 0;
        loop {
            let context = Context::new(self.driver, self.ordinal)?;
            let error = match Resident::new(context, self.images, &plan, &self.tables) {
                Ok(resident) => return Ok(Made { resident, properties, shrunk }),
                Err(error) => error,
            };
            let smaller = match &error {
                NoDevice::Call(call) if call.is_out_of_memory() => plan.shrunk(&capability, &self.demand),
                _ => None,
            };
            plan = smaller.ok_or(error)?;
            shrunk += 1;
        }
    }
}
