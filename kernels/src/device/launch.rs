//! Loads the kernels and keeps the resident one running: one CUDA graph, launched once, whose WHILE
//! node's body is the engine and then the control kernel that decides whether another epoch follows.
//!
//! Where the driver cannot do that (no conditional nodes, or a dry epoch fails) each epoch is a launch of its own, and
//! [`Resident::mode`] says why. One cold thread owns a [`Resident`] and calls [`Resident::keep`] every few milliseconds;
//! nothing here is called from a hot thread. A kernel that hangs cannot be freed: its memory is then left alone.

use super::driver::{Driver, DriverError, NoDevice};
use super::graph::{Executable, Graph, Launch, Module, Stream};
use super::images;
use super::layout::{BookRecord, Parameters, Results, StateRecord, lay_out};
use super::memory::DeviceMemory;
use super::plan::{CTA_WARPS, Plan};
use super::properties::Context;
use super::ring::{Rings, RunState};
use crate::abi::{EpochEnd, TickKind, TickLine, book_hash_of_empty};
use crate::cpu::wide::WideTables;
use cudarc::driver::sys;
use feeds::units::PRICE_NONE;
use std::ffi::c_void;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Threads of a CTA.
const CTA_THREADS: u32 = CTA_WARPS * 32;

/// The kernel ends by itself when the host's heartbeat stands still for so long; an interpreted one is on a machine that
/// may not find time for the keeper.
const HOST_LIMIT_NS: u64 = 100_000_000;
const HOST_LIMIT_INTERPRETED_NS: u64 = 30_000_000_000;

/// How long a dry epoch may take, the first launch included.
const DRY_EPOCH_LIMIT: Duration = Duration::from_secs(5);

/// Which form of the kernels is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Images {
    /// Machine code for each generation.
    Native,
    /// PTX: for a stand-in that interprets it.
    Ptx,
}

/// How epochs follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One graph launch for all of them.
    Graph,
    /// One launch each.
    LaunchEach {
        /// Why not the graph.
        reason: String,
    },
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Graph => f.write_str("one graph, a WHILE node"),
            Self::LaunchEach { reason } => write!(f, "one launch an epoch: {reason}"),
        }
    }
}

/// What became of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It runs, or its next epoch has been launched.
    Runs,
    /// It has ended: stopped, broken, or the host's heartbeat stood still.
    Ended(RunState),
    /// The driver says that it failed.
    Failed(DriverError),
}

/// The resident kernel with everything that it uses. Dropping one that runs stops it first.
#[derive(Debug)]
pub struct Resident {
    // Fields go in this order: what runs, what it uses, what that came from.
    executable: Option<Executable>,
    stream: Stream,
    modules: Vec<Module>,
    memory: Vec<DeviceMemory>,
    rings: Arc<Rings>,
    context: Context,
    function: sys::CUfunction,
    parameters: Box<Parameters>,
    plan: Plan,
    mode: Mode,
    heartbeat: u32,
    is_running: bool,
}

// SAFETY: the driver's handles may be used from any thread; the context is made current by `adopt`.
unsafe impl Send for Resident {}

impl Resident {
    /// Loads the kernels, takes the memory of `plan`, fills the tables in, and tries a dry epoch. Nothing runs then.
    ///
    /// # Errors
    /// The driver's; [`DriverError::is_out_of_memory`] when a smaller plan may do.
    pub fn new(context: Context, images: Images, plan: &Plan, tables: &WideTables) -> Result<Self, NoDevice> {
        let driver = context.driver();
        let engine = match images {
            Images::Native => Module::new(driver, images::ENGINE_FATBIN)?,
            Images::Ptx if plan.is_cluster => Module::new(driver, images::ENGINE_CLUSTER_PTX.as_bytes())?,
            Images::Ptx => Module::new(driver, images::ENGINE_GRID_PTX.as_bytes())?,
        };
        let control = Module::new(
            driver,
            match images {
                Images::Native => images::EPOCH_END_FATBIN,
                Images::Ptx => images::EPOCH_END_PTX.as_bytes(),
            },
        );
        let function = engine.function(c"engine")?;
        let rings = Arc::new(Rings::new(driver, plan.tick_lines, plan.signal_lines)?);
        let host_limit_ns = match images {
            Images::Native => HOST_LIMIT_NS,
            Images::Ptx => HOST_LIMIT_INTERPRETED_NS,
        };
        let mut memory = Vec::new();
        let parameters = Box::new(lay_out(driver, plan, tables, &rings, &mut memory, host_limit_ns)?);
        let mut resident = Self {
            executable: None,
            stream: Stream::new(driver)?,
            modules: vec![engine],
            memory,
            rings,
            context,
            function,
            parameters,
            plan: *plan,
            mode: Mode::Graph,
            heartbeat: 0,
            is_running: false,
        };
        resident.check_occupancy()?;
        let looped = control.map_err(NoDevice::from).and_then(|control| resident.loop_graph(control));
        if let Err(reason) = looped {
            resident.executable = None;
            resident.mode = Mode::LaunchEach { reason: reason.to_string() };
            resident.start_anew()?;
            resident.dry_epochs()?;
        }
        resident.start_anew()?;
        Ok(resident)
    }

    /// Builds the graph and has two epochs go through its loop.
    fn loop_graph(&mut self, control: Module) -> Result<(), NoDevice> {
        let epoch_end = control.function(c"epoch_end")?;
        self.modules.push(control);
        let executable = self.graph(epoch_end)?;
        executable.upload(&self.stream)?;
        self.executable = Some(executable);
        self.dry_epochs()
    }

    fn driver(&self) -> Driver {
        self.context.driver()
    }

    /// How epochs follow each other, and why not by the graph.
    #[must_use]
    pub const fn mode(&self) -> &Mode {
        &self.mode
    }

    /// The plan that it lies by.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The rings, for the hot side's [`super::ring::Port`].
    #[must_use]
    pub const fn rings(&self) -> &Arc<Rings> {
        &self.rings
    }

    /// What its kernel is launched with, for kernels that work on the same memory while it does not run.
    pub(super) const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    pub(super) const fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(super) const fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn results(&self, which: Results) -> &DeviceMemory {
        &self.memory[which as usize]
    }

    /// The kernel has to be resident as a whole: its CTAs wait for each other.
    fn check_occupancy(&self) -> Result<(), NoDevice> {
        let mut blocks = 0;
        if self.plan.is_cluster {
            let mut attribute = cluster_attribute(self.plan.ctas);
            let config = self.config(std::slice::from_mut(&mut attribute));
            // SAFETY: pointers to live variables; the function is loaded.
            unsafe { self.driver().occupancy_clusters(&raw mut blocks, self.function, &raw const config) }?;
            if blocks < 1 {
                return Err(NoDevice::Unsupported("room for the engine's cluster"));
            }
            return Ok(());
        }
        // SAFETY: as above.
        unsafe { self.driver().occupancy(&raw mut blocks, self.function, CTA_THREADS as i32, 0) }?;
        let sms = self.context.properties()?.sms;
        if u64::try_from(blocks).unwrap_or(0) * u64::from(sms) < u64::from(self.plan.ctas) {
            return Err(NoDevice::Unsupported("room for all CTAs of the engine at once"));
        }
        Ok(())
    }

    fn config(&self, attributes: &mut [sys::CUlaunchAttribute]) -> sys::CUlaunchConfig {
        sys::CUlaunchConfig {
            gridDimX: self.plan.ctas,
            gridDimY: 1,
            gridDimZ: 1,
            blockDimX: CTA_THREADS,
            blockDimY: 1,
            blockDimZ: 1,
            sharedMemBytes: 0,
            hStream: self.stream.handle,
            attrs: attributes.as_mut_ptr(),
            numAttrs: attributes.len() as u32,
        }
    }

    /// The graph: one WHILE node, whose body is the engine and behind it the control kernel.
    fn graph(&mut self, epoch_end: sys::CUfunction) -> Result<Executable, DriverError> {
        let driver = self.driver();
        let graph = Graph::new(driver)?;
        let mut handle: sys::CUgraphConditionalHandle = 0;
        // SAFETY: graph and context are live. The condition holds at each launch (flag CU_GRAPH_COND_ASSIGN_DEFAULT).
        unsafe {
            driver.graph_conditional_handle(&raw mut handle, graph.handle, self.context.handle(), 1, 1)
        }?;
        let body = graph.add_while(handle, self.context.handle())?;
        let mut engine_arguments = [(&raw mut *self.parameters).cast::<c_void>()];
        let engine = Launch { function: self.function, ctas: self.plan.ctas, threads: CTA_THREADS };
        let engine = graph.add_kernel(body, None, &engine, &mut engine_arguments, self.context.handle())?;
        if self.plan.is_cluster {
            let attribute = cluster_attribute(self.plan.ctas);
            // SAFETY: the node is a kernel node of a live graph.
            unsafe {
                driver.graph_kernel_node_set_attribute(engine, attribute.id, &raw const attribute.value)
            }?;
        }
        let mut state = self.parameters.state;
        let mut control_arguments = [(&raw mut handle).cast::<c_void>(), (&raw mut state).cast::<c_void>()];
        let control = Launch { function: epoch_end, ctas: 1, threads: 1 };
        graph.add_kernel(body, Some(engine), &control, &mut control_arguments, self.context.handle())?;
        graph.instantiate()
    }

    /// Everything as before the first line: rings, state, books. Nothing runs.
    pub(super) fn start_anew(&mut self) -> Result<(), NoDevice> {
        self.rings.clear();
        let [state, mailboxes, books, mids, touches, owners, relation_last, option_last] =
            std::array::from_fn(|at| &self.memory[at]);
        state.write(&[StateRecord { next: 1, others: [0; 15] }])?;
        mailboxes.zero()?;
        let listings = self.parameters.listings;
        let empty = |listing| BookRecord {
            hash: book_hash_of_empty(listing),
            bid_quantity: 0,
            ask_quantity: 0,
            bid_price: PRICE_NONE,
            ask_price: PRICE_NONE,
            levels: [0; 2],
            eligible: 0,
            reserved: [0; 3],
        };
        books.write(&(0..listings).map(empty).collect::<Vec<_>>())?;
        mids.write(&vec![PRICE_NONE; listings as usize])?;
        touches.zero()?;
        owners.zero()?;
        relation_last.zero()?;
        let no_quote = [PRICE_NONE, PRICE_NONE, 0, 0, 0];
        option_last.write(&vec![no_quote; self.parameters.options_len as usize])?;
        Ok(())
    }

    /// Two epochs without work, the second of which stops: whether the loop loops.
    fn dry_epochs(&mut self) -> Result<(), NoDevice> {
        let mut port = super::ring::Port::new(Arc::clone(&self.rings));
        for reason in [EpochEnd::Continue, EpochEnd::Stop] {
            let end = TickLine { kind: TickKind::EpochEnd, quantity: reason as u64, ..TickLine::NOTHING };
            port.send(&end).map_err(|_| NoDevice::Unsupported("room in a fresh ring"))?;
        }
        self.start()?;
        let begun = Instant::now();
        loop {
            match self.keep() {
                Kept::Runs if begun.elapsed() < DRY_EPOCH_LIMIT => {
                    std::thread::sleep(Duration::from_micros(200));
                }
                Kept::Ended(RunState::Stopped) if self.rings.device_word().epoch == 2 => return Ok(()),
                Kept::Failed(error) => return Err(error.into()),
                Kept::Runs | Kept::Ended(_) => {
                    return Err(NoDevice::Unsupported("dry epoch that ends as it should"));
                }
            }
        }
    }

    /// Launches the kernel.
    ///
    /// # Errors
    /// The driver's.
    pub fn start(&mut self) -> Result<(), DriverError> {
        self.beat(false);
        let launched = match &self.executable {
            Some(executable) => executable.launch(&self.stream),
            None => self.launch_epoch(),
        };
        self.is_running = launched.is_ok();
        launched
    }

    fn launch_epoch(&self) -> Result<(), DriverError> {
        let mut parameters = *self.parameters;
        let mut arguments = [(&raw mut parameters).cast::<c_void>()];
        let mut attributes =
            if self.plan.is_cluster { vec![cluster_attribute(self.plan.ctas)] } else { Vec::new() };
        let config = self.config(&mut attributes);
        // SAFETY: the parameters are what the kernel was built with, and copied by the call; their memory is ours.
        unsafe {
            self.driver().launch_kernel(
                &raw const config,
                self.function,
                arguments.as_mut_ptr(),
                std::ptr::null_mut(),
            )
        }
    }

    fn beat(&mut self, stop: bool) {
        self.heartbeat = self.heartbeat.wrapping_add(1);
        // Credits come with the lines; the word's are for a ring that has stood still.
        self.rings.tell_device(stop, self.heartbeat, self.rings.credits());
    }

    /// To be called every few milliseconds while it runs: tells the device that the host lives, sees whether the kernel
    /// does, and launches the next epoch where the graph does not.
    pub fn keep(&mut self) -> Kept {
        self.beat(false);
        let running = self.stream.is_running();
        match running {
            Ok(true) => Kept::Runs,
            Err(error) => {
                self.is_running = false;
                Kept::Failed(error)
            }
            Ok(false) => {
                let state = self.rings.device_word().state;
                if state == RunState::EpochEnded && self.executable.is_none() {
                    return match self.launch_epoch() {
                        Ok(()) => Kept::Runs,
                        Err(error) => Kept::Failed(error),
                    };
                }
                self.is_running = false;
                Kept::Ended(state)
            }
        }
    }

    /// Stops the kernel by its word and waits up to `limit`; how long it took, `None` when it did not end.
    pub fn stop(&mut self, limit: Duration) -> Option<Duration> {
        let begun = Instant::now();
        self.beat(true);
        while self.is_running {
            match self.stream.is_running() {
                Ok(true) if begun.elapsed() > limit => return None,
                Ok(true) => std::hint::spin_loop(),
                Ok(false) | Err(_) => self.is_running = false,
            }
        }
        Some(begun.elapsed())
    }

    /// Makes the device usable on the calling thread, which owns this from now on.
    ///
    /// # Errors
    /// The driver's.
    pub fn adopt(&self) -> Result<(), DriverError> {
        self.context.make_current()
    }

    /// Gives up a kernel that hangs: nothing of it is freed, since the driver would wait for it.
    pub fn abandon(self) {
        std::mem::forget(self);
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        if self.stop(Duration::from_millis(100)).is_none() {
            // What the kernel still uses may not be freed. The process goes on without the device.
            std::mem::forget(std::mem::take(&mut self.memory));
            std::mem::forget(Arc::clone(&self.rings));
        }
    }
}

fn cluster_attribute(ctas: u32) -> sys::CUlaunchAttribute {
    // SAFETY: plain C data, for which all zeros are a value.
    let mut attribute: sys::CUlaunchAttribute = unsafe { std::mem::zeroed() };
    attribute.id = sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    attribute.value.clusterDim = sys::CUlaunchAttributeValue_union__bindgen_ty_1 { x: ctas, y: 1, z: 1 };
    attribute
}
