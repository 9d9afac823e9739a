//! Kernels that are launched and end.
//!
//! On the memory of a resident kernel that does not run: books from lists of changes, every relation and every option once
//! ([`Batch`]), and one launch a tick ([`TickKernel`]), which the resident kernel is measured against. On columns of their own:
//! options ([`OptionsBatch`]), American options ([`AmericanBatch`]) and simulated paths ([`SimulationBatch`]), with the inputs of
//! the CPU's functions; [`compare`] holds these against the CPU.
//!
//! All memory is taken by `new`. One cold thread owns each and makes driver calls; every call but [`TickKernel::launch`] waits
//! until the device is done. A batch refuses nothing but what the driver refuses: what a book cannot take is a
//! [`ReplayFault`].

mod american;
pub mod compare;
pub mod draws;
mod error;
mod monte_carlo;
mod options;
mod queue;
mod records;
mod tick;

pub use american::AmericanBatch;
pub use error::BatchError;
pub use monte_carlo::SimulationBatch;
pub use options::{BatchMarket, BatchMarkets, OptionModel, OptionsBatch};
pub use queue::{Place, Spent};
pub use records::{BookChange, BookTop, ChangeLists, ReplayFault};
pub use tick::{TickKernel, TickLaunch};

use super::driver::{DriverError, NoDevice};
use super::graph::{Launch, Module};
use super::images;
use super::launch::{Images, Resident};
use super::layout::{Parameters, Results};
use super::maker::{Maker, NoKernel};
use super::memory::DeviceMemory;
use super::plan::BUCKET_SLOTS;
use super::properties::DeviceProperties;
use cudarc::driver::sys;
use std::ffi::c_void;

/// Threads of a CTA; `BATCH_THREADS` of `batch.cu`.
const THREADS: u32 = 128;

/// CTAs for each multiprocessor at most: more than a device of any generation holds at once.
const CTAS_A_MULTIPROCESSOR: u32 = 16;

/// Items that one warp works on at a time, and options of one tile.
const LANES: u32 = 32;
const TILE: u32 = 256;

/// Books, relations and options of a device, each computed as a whole by one launch.
#[derive(Debug)]
pub struct Batch {
    // Fields go in this order: what the kernels are, what they use, what that came from.
    module: Module,
    orders: [DeviceMemory; 4],
    changes: DeviceMemory,
    starts: DeviceMemory,
    faults: DeviceMemory,
    hits: DeviceMemory,
    parameters: Parameters,
    relation_count: u32,
    properties: DeviceProperties,
    resident: Resident,
}

impl Batch {
    /// Takes the device's memory for the maker's tables and these lists, one a listing, and copies both there. Each book
    /// gets a table of `order_buckets` times 32 orders, a power of two.
    ///
    /// # Errors
    /// Why there is no kernel.
    ///
    /// # Panics
    /// When there is not a list for each listing, or `order_buckets` is no power of two.
    pub fn new(maker: &Maker, lists: &ChangeLists, order_buckets: u32) -> Result<Self, NoKernel> {
        assert!(order_buckets.is_power_of_two(), "{order_buckets} buckets");
        let made = maker.make()?;
        let (resident, driver) = (made.resident, maker.driver);
        let mut parameters = *resident.parameters();
        assert_eq!(lists.starts.len(), parameters.listings as usize + 1, "a list for each listing");
        let slots = parameters.listings as usize * order_buckets as usize * BUCKET_SLOTS as usize;
        let take = |bytes: usize| DeviceMemory::new(driver, slots * bytes);
        let orders = [take(8)?, take(8)?, take(8)?, take(4)?];
        parameters.order_ids = orders[0].address();
        parameters.order_prices = orders[1].address();
        parameters.order_quantities = orders[2].address();
        parameters.order_owners = orders[3].address();
        parameters.bucket_mask = order_buckets - 1;
        Ok(Self {
            module: module(&resident, maker.images)?,
            orders,
            changes: DeviceMemory::of(driver, &lists.changes)?,
            starts: DeviceMemory::of(driver, &lists.starts)?,
            faults: DeviceMemory::new(driver, parameters.listings as usize * 8)?,
            hits: DeviceMemory::new(driver, 8)?,
            parameters,
            relation_count: maker.tables.relation_count(),
            properties: made.properties,
            resident,
        })
    }

    /// The device.
    #[must_use]
    pub const fn properties(&self) -> &DeviceProperties {
        &self.properties
    }

    /// Makes all books empty, and none of them count.
    ///
    /// # Errors
    /// The driver's.
    pub fn clear(&mut self) -> Result<(), NoDevice> {
        self.orders[3].zero()?;
        self.resident.start_anew()
    }

    /// Applies every listing's changes to its book, a warp a book, and takes the best prices in.
    ///
    /// # Errors
    /// The driver's; [`Self::replay_fault`] says what a book could not take.
    pub fn replay(&self) -> Result<(), DriverError> {
        let mut arguments = [self.changes.address(), self.starts.address(), self.faults.address()];
        self.run(c"replay_books", self.parameters.listings, &mut arguments)
    }

    /// What a book could not take, at the last replay.
    ///
    /// # Errors
    /// The driver's.
    pub fn replay_fault(&self) -> Result<Option<ReplayFault>, DriverError> {
        let mut words = vec![0; self.parameters.listings as usize];
        self.faults.read(&mut words)?;
        Ok(ReplayFault::first(&words))
    }

    /// The books, by listing.
    ///
    /// # Errors
    /// The driver's.
    pub fn books(&self) -> Result<Vec<BookTop>, DriverError> {
        let mut words = vec![0; self.parameters.listings as usize * 8];
        self.resident.results(Results::Books).read(&mut words)?;
        Ok(words.as_chunks::<8>().0.iter().map(BookTop::of).collect())
    }

    /// Counts hits from zero again.
    ///
    /// # Errors
    /// The driver's.
    pub fn clear_hits(&self) -> Result<(), DriverError> {
        self.hits.zero()
    }

    /// Evaluates every relation, of either form, at the best prices of the last replay, a thread a relation.
    ///
    /// # Errors
    /// The driver's.
    pub fn scan(&self) -> Result<(), DriverError> {
        // The kernel takes the low half of the first of them.
        let mut arguments = [u64::from(self.relation_count), self.hits.address()];
        self.run(c"scan_all", self.relation_count.div_ceil(LANES), &mut arguments)
    }

    /// How many relations had something to take, in all scans since [`Self::clear_hits`], modulo 2^32.
    ///
    /// # Errors
    /// The driver's.
    pub fn hits(&self) -> Result<u32, DriverError> {
        let mut words = [0];
        self.hits.read(&mut words)?;
        Ok(words[0] as u32)
    }

    /// Values of all relations, as the last scan left them.
    ///
    /// # Errors
    /// The driver's.
    pub fn relations(&self) -> Result<Vec<[i64; 5]>, DriverError> {
        self.values(Results::Relations, self.relation_count)
    }

    /// Prices every option at the mids of the last replay, a thread an option.
    ///
    /// # Errors
    /// The driver's.
    pub fn price(&self) -> Result<(), DriverError> {
        self.run(c"price_all", self.parameters.options_len.div_ceil(TILE), &mut [])
    }

    /// Values of all options, as the last pricing left them.
    ///
    /// # Errors
    /// The driver's.
    pub fn options(&self) -> Result<Vec<[i64; 5]>, DriverError> {
        self.values(Results::Options, self.parameters.options_len)
    }

    fn values(&self, which: Results, len: u32) -> Result<Vec<[i64; 5]>, DriverError> {
        let mut words = vec![0; len as usize * 5];
        self.resident.results(which).read(&mut words)?;
        Ok(words.as_chunks::<5>().0.iter().map(|values| values.map(|word| word as i64)).collect())
    }

    /// Launches a kernel for so many warps of work and waits for its end.
    fn run(&self, name: &std::ffi::CStr, warps: u32, words: &mut [u64]) -> Result<(), DriverError> {
        let most = self.properties.sms.max(1) * CTAS_A_MULTIPROCESSOR;
        let ctas = (warps * LANES).div_ceil(THREADS).clamp(1, most);
        let mut parameters = self.parameters;
        let mut arguments = vec![(&raw mut parameters).cast::<c_void>()];
        arguments.extend(words.iter_mut().map(|word| std::ptr::from_mut(word).cast::<c_void>()));
        let function = self.module.function(name)?;
        launch(&self.resident, function, ctas, THREADS, &mut arguments)?;
        self.resident.stream().synchronize()
    }
}

/// The kernels of `batch.cu`.
fn module(resident: &Resident, images: Images) -> Result<Module, DriverError> {
    let image = match images {
        Images::Native => images::BATCH_FATBIN,
        Images::Ptx => images::BATCH_PTX.as_bytes(),
    };
    Module::new(resident.context().driver(), image)
}

/// Launches a kernel of `batch.cu` on the stream of a resident one that does not run.
fn launch(
    resident: &Resident,
    function: sys::CUfunction,
    ctas: u32,
    threads: u32,
    arguments: &mut [*mut c_void],
) -> Result<(), DriverError> {
    let launch = Launch { function, ctas, threads };
    // SAFETY: the arguments are those that the kernel was built with; the memory that they name is the resident kernel's and the
    // caller's, which both live longer than the launch.
    unsafe { resident.stream().launch(&launch, arguments) }
}
