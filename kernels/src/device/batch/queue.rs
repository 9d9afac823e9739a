//! What every batch of columns lies on: a module, a stream, and memory for what goes in and what comes out, pinned and the
//! device's, taken once. A run is one copy there, one kernel, one copy back, and a wait for them.
//!
//! One cold thread owns it.

use super::error::BatchError;
use crate::device::driver::{Driver, DriverError};
use crate::device::event::Event;
use crate::device::graph::{Launch, Module, Stream};
use crate::device::launch::Images;
use crate::device::memory::{DeviceMemory, PinnedMemory};
use crate::device::properties::{Context, DeviceProperties};
use cudarc::driver::sys;
use std::ffi::{CStr, c_void};

/// CTAs for each multiprocessor at most, of kernels that go on to further options: more than a device of any generation holds at
/// once.
const CTAS_A_MULTIPROCESSOR: u32 = 16;

/// A column begins on a line of its own: this many words.
const LINE_WORDS: usize = 16;

/// A device, and what its kernels are loaded from.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The driver, or what stands in for it.
    pub driver: Driver,
    /// Which form of the kernels it loads.
    pub images: Images,
    /// Number of the device.
    pub ordinal: usize,
}

/// How long a run took by the device's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// The kernel, ns.
    pub kernel_ns: u64,
    /// The kernel and both copies, ns.
    pub with_copies_ns: u64,
}

impl Spent {
    /// Of both runs together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            kernel_ns: self.kernel_ns + other.kernel_ns,
            with_copies_ns: self.with_copies_ns + other.with_copies_ns,
        }
    }
}

/// The kernels' image in both forms.
pub(super) struct Image {
    pub(super) native: &'static [u8],
    pub(super) ptx: &'static str,
}

/// Memory of the host, its counterpart on the device, and the way between them.
#[derive(Debug)]
struct Staging {
    host: PinnedMemory,
    device: DeviceMemory,
}

impl Staging {
    fn new(driver: Driver, words: usize) -> Result<Self, BatchError> {
        let bytes = words.max(1) * 8;
        let lacking = |of| {
            move |error: DriverError| match error.is_out_of_memory() {
                true => BatchError::OutOfMemory { of, bytes },
                false => error.into(),
            }
        };
        Ok(Self {
            host: PinnedMemory::new(driver, bytes).map_err(lacking("pinned"))?,
            device: DeviceMemory::new(driver, bytes).map_err(lacking("the device's"))?,
        })
    }

    fn words(&self) -> &[u64] {
        // SAFETY: the memory is aligned to a page, was filled with zeros, and is written by the device only inside of
        // `Queue::run`, which holds it exclusively and waits for the end.
        unsafe { std::slice::from_raw_parts(self.host.host().cast(), self.host.bytes() / 8) }
    }

    fn words_mut(&mut self) -> &mut [u64] {
        // SAFETY: as above; `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.host.host().cast(), self.host.bytes() / 8) }
    }
}

/// Words from one column of such a length to the next.
pub(super) const fn stride_of(len: usize) -> usize {
    len.next_multiple_of(LINE_WORDS)
}

/// A kernel's launch: how many CTAs of how many threads for so many items.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) function: sys::CUfunction,
    pub(super) threads: u32,
    pub(super) items: usize,
    /// Whether a thread, or a CTA, goes on to further items.
    pub(super) strides: bool,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Queue {
    // Fields go in this order: what runs, what it uses, what that came from.
    module: Module,
    marks: [Event; 4],
    stream: Stream,
    input: Staging,
    output: Staging,
    properties: DeviceProperties,
    context: Context,
}

impl Queue {
    /// Loads the kernels and takes memory for so many words each way.
    pub(super) fn new(
        place: &Place,
        image: &Image,
        input_words: usize,
        output_words: usize,
    ) -> Result<Self, BatchError> {
        let context = Context::new(place.driver, place.ordinal)?;
        let driver = place.driver;
        let bytes = match place.images {
            Images::Native => image.native,
            Images::Ptx => image.ptx.as_bytes(),
        };
        let mark = || Event::new(driver);
        Ok(Self {
            module: Module::new(driver, bytes)?,
            marks: [mark()?, mark()?, mark()?, mark()?],
            stream: Stream::new(driver)?,
            input: Staging::new(driver, input_words)?,
            output: Staging::new(driver, output_words)?,
            properties: context.properties()?,
            context,
        })
    }

    /// A kernel of the image.
    pub(super) fn function(&self, name: &'static CStr) -> Result<sys::CUfunction, BatchError> {
        self.module.function(name).map_err(|error| match error.code {
            code if code == sys::CUresult::CUDA_ERROR_NOT_FOUND as u32 => {
                BatchError::NoKernel(name.to_str().unwrap_or("a kernel"))
            }
            _ => error.into(),
        })
    }

    /// The device.
    pub(super) const fn properties(&self) -> &DeviceProperties {
        &self.properties
    }

    /// The driver.
    pub(super) const fn driver(&self) -> Driver {
        self.context.driver()
    }

    /// What goes to the device with the next run.
    pub(super) fn input(&mut self) -> &mut [u64] {
        self.input.words_mut()
    }

    /// Where the device finds word `at` of it.
    pub(super) const fn input_address(&self, at: usize) -> u64 {
        self.input.device.address() + at as u64 * 8
    }

    /// What came back with the last run.
    pub(super) fn output(&self) -> &[u64] {
        self.output.words()
    }

    /// Where the device puts word `at` of it.
    pub(super) const fn output_address(&self, at: usize) -> u64 {
        self.output.device.address() + at as u64 * 8
    }

    /// Lays columns of equal length one behind the other.
    pub(super) fn put_columns(&mut self, columns: &[&[f64]], len: usize) {
        let stride = stride_of(len);
        for (to, column) in self.input().chunks_mut(stride.max(1)).zip(columns) {
            to.iter_mut().zip(&column[..len]).for_each(|(to, number)| *to = number.to_bits());
        }
    }

    /// Copies so many words there, launches, copies so many words back, and waits.
    ///
    /// # Safety
    /// The arguments are those that the kernel was built with, in its order, and name nothing but what lives as long as this
    /// queue; the kernel touches no more of the words than are copied.
    pub(super) unsafe fn run(
        &mut self,
        shape: &Shape,
        arguments: &mut [*mut c_void],
        [input_words, output_words]: [usize; 2],
    ) -> Result<Spent, DriverError> {
        // SAFETY: the caller's contract.
        let queued = unsafe { self.queue(shape, arguments, [input_words, output_words]) };
        // Also where something could not be queued: nothing goes on behind the caller's back.
        let ended = self.stream.synchronize();
        queued.and(ended)?;
        let [begun, there, computed, back] = &self.marks;
        Ok(Spent { kernel_ns: computed.ns_since(there)?, with_copies_ns: back.ns_since(begun)? })
    }

    /// # Safety
    /// As [`Self::run`], which waits for the end.
    unsafe fn queue(
        &mut self,
        shape: &Shape,
        arguments: &mut [*mut c_void],
        [input_words, output_words]: [usize; 2],
    ) -> Result<(), DriverError> {
        assert!(input_words * 8 <= self.input.host.bytes() && output_words * 8 <= self.output.host.bytes());
        let (driver, stream) = (self.driver(), &self.stream);
        let (input, output) = (&self.input, &self.output);
        let [begun, there, computed, back] = &self.marks;
        begun.record(stream)?;
        // SAFETY: both sides are at least that long, by the assertion, and live until `run` has waited.
        unsafe {
            driver.queue_copy_to_device(
                input.device.address(),
                input.host.host(),
                input_words * 8,
                stream.handle,
            )?;
        }
        there.record(stream)?;
        // SAFETY: the caller's contract.
        unsafe { stream.launch(&self.sized(shape), arguments)? };
        computed.record(stream)?;
        // SAFETY: as above.
        unsafe {
            driver.queue_copy_to_host(
                output.host.host(),
                output.device.address(),
                output_words * 8,
                stream.handle,
            )?;
        }
        back.record(stream)
    }

    fn sized(&self, shape: &Shape) -> Launch {
        let ctas = shape.items.div_ceil(shape.threads as usize);
        let most = match shape.strides {
            true => self.properties.sms.max(1) * CTAS_A_MULTIPROCESSOR,
            false => i32::MAX as u32,
        };
        let ctas = u32::try_from(ctas).unwrap_or(u32::MAX).clamp(1, most);
        Launch { function: shape.function, ctas, threads: shape.threads }
    }
}
