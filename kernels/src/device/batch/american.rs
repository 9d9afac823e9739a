//! American options in bulk on a device: prices by Andersen, Lake and Offengenden, and premiums of puts on a strike of 1. The same
//! inputs as [`crate::cpu::american`] takes, the same bits.
//!
//! One cold thread owns an [`AmericanBatch`], which takes all its memory when it is made: 72 bytes an option, pinned and of the
//! device each. Every call copies its columns to the device, runs one kernel, copies the results back and waits. It refuses what
//! the CPU refuses, and more options than it was made for; a refusal writes no result. There is no tree here: the Leisen-Reimer
//! tree's bits are the host's library's.

use super::error::BatchError;
use super::options::long_enough;
use super::queue::{Image, Place, Queue, Shape, Spent, stride_of};
use crate::cpu::american::{AmericanOption, Nodes, UnitPut};
use crate::device::images;
use crate::device::memory::DeviceMemory;
use crate::device::properties::DeviceProperties;
use cudarc::driver::sys;
use std::ffi::c_void;
use std::ptr::from_mut;

/// Threads of a CTA; `AMERICAN_THREADS` of `american.cu`.
const THREADS: u32 = 64;

/// Columns in: six of the option and the spot. A unit put has five numbers and its spot.
const INPUTS: usize = 7;
const PUT_NUMBERS: usize = 5;

/// Numbers out: a price, or the boundary's logarithm and the premium.
const RESULTS: usize = 2;

/// See the module's page.
#[derive(Debug)]
pub struct AmericanBatch {
    // Fields go in this order: memory, what it came from. Nothing runs between two calls.
    nodes: DeviceMemory,
    queue: Queue,
    prices: sys::CUfunction,
    premiums: sys::CUfunction,
    options_max: usize,
}

impl AmericanBatch {
    /// Loads the kernels and takes memory for so many options; the device's context is current on the calling thread afterwards.
    ///
    /// # Errors
    /// No driver, no device, no such kernels, no memory.
    pub fn new(place: &Place, options_max: usize) -> Result<Self, BatchError> {
        let image = Image { native: images::AMERICAN_FATBIN, ptx: images::AMERICAN_PTX };
        let queue =
            Queue::new(place, &image, INPUTS * stride_of(options_max), stride_of(RESULTS * options_max))?;
        let nodes = DeviceMemory::of(place.driver, Nodes::shared().as_bytes())?;
        let (prices, premiums) = (queue.function(c"american_prices")?, queue.function(c"american_premiums")?);
        Ok(Self { nodes, queue, prices, premiums, options_max })
    }

    /// The device.
    #[must_use]
    pub const fn properties(&self) -> &DeviceProperties {
        self.queue.properties()
    }

    /// Prices of options, each at its spot: as many as `out` is long. The bits are those of [`AmericanOption::price`].
    ///
    /// # Errors
    /// The first option that cannot be priced, what a batch refuses, or the driver's.
    pub fn prices(
        &mut self,
        options: &[AmericanOption],
        spots: &[f64],
        out: &mut [f64],
    ) -> Result<Spent, BatchError> {
        let len = out.len();
        self.check_sizes([("options", options.len()), ("spots", spots.len())], len)?;
        for (index, (option, spot)) in options.iter().zip(spots).take(len).enumerate() {
            option.refused(*spot).map_err(|refusal| BatchError::American { index, refusal })?;
        }
        if len == 0 {
            return Ok(Spent::default());
        }
        let stride = stride_of(len);
        let input = self.queue.input();
        for (i, (option, spot)) in options.iter().zip(spots).take(len).enumerate() {
            let numbers = numbers_of(option, *spot);
            numbers.iter().enumerate().for_each(|(at, number)| input[at * stride + i] = number.to_bits());
        }
        let mut columns: [u64; INPUTS] = std::array::from_fn(|at| self.queue.input_address(at * stride));
        let argument = from_mut(&mut columns).cast();
        let spent = self.run(self.prices, &mut [argument], len, [INPUTS * stride, len])?;
        let words = self.queue.output();
        out.iter_mut().zip(words).for_each(|(price, word)| *price = f64::from_bits(*word));
        Ok(spent)
    }

    /// Of puts that are exercised below a boundary, each with a spot above it: logarithm of the boundary now, and what early
    /// exercise is worth. The bits are those of [`crate::cpu::american::unit_premium`].
    ///
    /// # Errors
    /// What a batch refuses, or the driver's; of the puts nothing is looked at, as on the CPU.
    pub fn premiums(
        &mut self,
        puts: &[UnitPut],
        spots: &[f64],
        out: &mut [[f64; RESULTS]],
    ) -> Result<Spent, BatchError> {
        let len = out.len();
        self.check_sizes([("puts", puts.len()), ("spots", spots.len())], len)?;
        if len == 0 {
            return Ok(Spent::default());
        }
        let spots_at = stride_of(PUT_NUMBERS * len);
        let (of_puts, of_spots) = self.queue.input().split_at_mut(spots_at);
        for (to, put) in of_puts.as_chunks_mut::<PUT_NUMBERS>().0.iter_mut().zip(&puts[..len]) {
            let UnitPut { rate, dividend_yield, volatility, years, first } = *put;
            *to = [rate, dividend_yield, volatility, years, first].map(f64::to_bits);
        }
        of_spots.iter_mut().zip(&spots[..len]).for_each(|(to, spot)| *to = spot.to_bits());
        let mut addresses = [self.queue.input_address(0), self.queue.input_address(spots_at)];
        let [puts, spots] = addresses.each_mut().map(|address| from_mut(address).cast());
        let copied = [spots_at + stride_of(len), RESULTS * len];
        let spent = self.run(self.premiums, &mut [puts, spots], len, copied)?;
        let words = self.queue.output().as_chunks::<RESULTS>().0;
        out.iter_mut().zip(words).for_each(|(pair, words)| *pair = words.map(f64::from_bits));
        Ok(spent)
    }

    fn check_sizes(&self, columns: [(&'static str, usize); 2], len: usize) -> Result<(), BatchError> {
        if len > self.options_max {
            return Err(BatchError::TooMany { asked: len, room: self.options_max });
        }
        columns.into_iter().try_for_each(|(column, of)| long_enough(column, of, len))
    }

    /// Runs a kernel that takes these arguments, then the nodes, the results and how many there are.
    fn run(
        &mut self,
        function: sys::CUfunction,
        first: &mut [*mut c_void],
        len: usize,
        copied: [usize; 2],
    ) -> Result<Spent, BatchError> {
        let mut others = [self.nodes.address(), self.queue.output_address(0), len as u64];
        let mut arguments = first.to_vec();
        arguments.extend(others.each_mut().map(|word| from_mut(word).cast::<c_void>()));
        let shape = Shape { function, threads: THREADS, items: len, strides: false };
        // SAFETY: the arguments are those of the kernels of `american.cu` in their order; the addresses are of columns of `len`
        // items inside of what is copied, and of the nodes, which live as long as the queue.
        let spent = unsafe { self.queue.run(&shape, &mut arguments, copied) }?;
        Ok(spent)
    }
}

/// In the order of `AmericanColumns`.
const fn numbers_of(option: &AmericanOption, spot: f64) -> [f64; INPUTS] {
    let AmericanOption { put, strike, rate, dividend_yield, volatility, years } = *option;
    [if put { -1.0 } else { 1.0 }, strike, rate, dividend_yield, volatility, years, spot]
}
