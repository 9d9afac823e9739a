//! One launch a tick: what the resident kernel does for a request, by a kernel that reads its lines, answers and ends.
//!
//! The rings are the resident kernel's, and so is their hot side: a [`super::super::ring::Port`]. The owner writes the lines,
//! launches, and takes the whole answer out before the next launch.

use super::{launch, module};
use crate::device::driver::{DriverError, NoDevice};
use crate::device::graph::{Executable, Graph, Launch, Module};
use crate::device::launch::Resident;
use crate::device::layout::Parameters;
use crate::device::maker::{Maker, NoKernel};
use crate::device::properties::DeviceProperties;
use crate::device::ring::Rings;
use cudarc::driver::sys;
use std::ffi::c_void;
use std::sync::Arc;

/// Threads of its only CTA; `TICK_WARPS` of `batch.cu`.
const THREADS: u32 = 16 * 32;

/// How the kernel is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickLaunch {
    /// By a launch of the kernel.
    Kernel,
    /// By a launch of a graph, whose only node it is.
    Graph,
}

/// See the module's page.
#[derive(Debug)]
pub struct TickKernel {
    // Fields go in this order: what runs, what that came from.
    graph: Executable,
    /// Unloaded when this goes.
    _module: Module,
    function: sys::CUfunction,
    parameters: Box<Parameters>,
    properties: DeviceProperties,
    resident: Resident,
}

// SAFETY: the driver's handles may be used from any thread; whoever moves it makes the context current there.
unsafe impl Send for TickKernel {}

impl TickKernel {
    /// Takes the memory of a resident kernel for the maker's tables; all books are empty, and none of them counts.
    ///
    /// # Errors
    /// Why there is no kernel.
    pub fn new(maker: &Maker) -> Result<Self, NoKernel> {
        let made = maker.make()?;
        let resident = made.resident;
        let mut parameters = Box::new(*resident.parameters());
        let module = module(&resident, maker.images)?;
        let function = module.function(c"tick_once")?;
        let graph = graph_of(&resident, function, &mut parameters)?;
        Ok(Self { graph, _module: module, function, parameters, properties: made.properties, resident })
    }

    /// The rings, for one [`super::super::ring::Port`].
    #[must_use]
    pub const fn rings(&self) -> &Arc<Rings> {
        self.resident.rings()
    }

    /// The device.
    #[must_use]
    pub const fn properties(&self) -> &DeviceProperties {
        &self.properties
    }

    /// Has the lines worked off that are in the ring, up to the first request. Does not wait.
    ///
    /// # Errors
    /// The driver's.
    pub fn launch(&mut self, how: TickLaunch) -> Result<(), DriverError> {
        match how {
            TickLaunch::Graph => self.graph.launch(self.resident.stream()),
            TickLaunch::Kernel => {
                let mut arguments = [(&raw mut *self.parameters).cast::<c_void>()];
                launch(&self.resident, self.function, 1, THREADS, &mut arguments)
            }
        }
    }

    /// Waits until all that was launched is done.
    ///
    /// # Errors
    /// The driver's.
    pub fn synchronize(&self) -> Result<(), DriverError> {
        self.resident.stream().synchronize()
    }
}

impl Drop for TickKernel {
    fn drop(&mut self) {
        // What it uses is freed next. An error here leaves a device that no call waits for any more.
        let _ = self.synchronize();
    }
}

/// A graph of one node.
fn graph_of(
    resident: &Resident,
    function: sys::CUfunction,
    parameters: &mut Parameters,
) -> Result<Executable, NoDevice> {
    let context = resident.context();
    let graph = Graph::new(context.driver())?;
    let mut arguments = [std::ptr::from_mut(parameters).cast::<c_void>()];
    let kernel = Launch { function, ctas: 1, threads: THREADS };
    graph.add_kernel(graph.handle, None, &kernel, &mut arguments, context.handle())?;
    let executable = graph.instantiate()?;
    executable.upload(resident.stream())?;
    Ok(executable)
}
