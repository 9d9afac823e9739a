//! American options and simulations on a device: kernels that are launched for a list and end.
//!
//! One cold thread owns it and makes every driver call; each call takes memory for its list, waits for the device and
//! gives the memory back. It refuses nothing but what the driver refuses; what options and simulations have to be is checked
//! where they are made ([`crate::cpu::american`], [`crate::cpu::monte_carlo`]). Shipped as PTX, which the driver compiles
//! for its device when this is made.

use super::driver::{Driver, DriverError, NoDevice};
use super::graph::{Module, Stream};
use super::images;
use super::memory::DeviceMemory;
use super::properties::Context;
use crate::cpu::american::{Nodes, UnitPut};
use crate::cpu::monte_carlo::{Moments, PathTerms, TILE};
use cudarc::driver::sys;
use std::ffi::c_void;

/// Threads of a CTA that prices options.
const THREADS: u32 = 64;
/// CTAs of a simulation at most: each goes through as many tiles as it takes.
const CTAS_MAX: u32 = 4_096;

/// The kernels, ready.
#[derive(Debug)]
pub struct Valuation {
    // Fields go in this order: what the kernels are, what they use, what that came from.
    american: Module,
    monte_carlo: Module,
    nodes: DeviceMemory,
    stream: Stream,
    driver: Driver,
    _context: Context,
}

impl Valuation {
    /// Loads the kernels on a device; its context is current on the calling thread afterwards.
    ///
    /// # Errors
    /// Why there are none.
    pub fn new(driver: Driver, ordinal: usize) -> Result<Self, NoDevice> {
        let context = Context::new(driver, ordinal)?;
        Ok(Self {
            american: Module::new(driver, images::AMERICAN_PTX.as_bytes())?,
            monte_carlo: Module::new(driver, images::MONTE_CARLO_PTX.as_bytes())?,
            nodes: DeviceMemory::of(driver, Nodes::shared().as_bytes())?,
            stream: Stream::new(driver)?,
            driver,
            _context: context,
        })
    }

    /// Of puts that are exercised below a boundary, each with a spot: logarithm of the boundary now, and what early
    /// exercise is worth. The bits are those of [`crate::cpu::american::unit_premium`].
    ///
    /// # Errors
    /// The driver's.
    ///
    /// # Panics
    /// When there is not a spot for each.
    pub fn american(&self, puts: &[UnitPut], spots: &[f64]) -> Result<Vec<[f64; 2]>, DriverError> {
        assert_eq!(puts.len(), spots.len(), "a spot for each put");
        let (puts_at, spots_at) =
            (DeviceMemory::of(self.driver, puts)?, DeviceMemory::of(self.driver, spots)?);
        let results = DeviceMemory::new(self.driver, puts.len() * 16)?;
        let mut words = [
            puts_at.address(),
            spots_at.address(),
            self.nodes.address(),
            results.address(),
            puts.len() as u64,
        ];
        let function = self.american.function(c"american_premiums")?;
        self.run(function, (puts.len() as u32).div_ceil(THREADS), THREADS, &mut words)?;
        let mut values = vec![0; puts.len() * 2];
        results.read(&mut values)?;
        Ok(values.as_chunks::<2>().0.iter().map(|pair| pair.map(f64::from_bits)).collect())
    }

    /// Sums over tiles of a simulation, from one on. The bits are those of [`crate::cpu::monte_carlo::tile`].
    ///
    /// # Errors
    /// The driver's.
    pub fn tiles(&self, terms: &PathTerms, first: u64, count: u32) -> Result<Vec<Moments>, DriverError> {
        let terms_at = DeviceMemory::of(self.driver, std::slice::from_ref(terms))?;
        let moments = DeviceMemory::new(self.driver, count as usize * size_of::<Moments>())?;
        let mut words = [terms_at.address(), first, moments.address(), u64::from(count)];
        let function = self.monte_carlo.function(c"monte_carlo_tiles")?;
        self.run(function, count.min(CTAS_MAX), TILE as u32, &mut words)?;
        let mut values = vec![0; count as usize * 5];
        moments.read(&mut values)?;
        Ok(values.as_chunks::<5>().0.iter().map(|sums| Moments(sums.map(f64::from_bits))).collect())
    }

    /// Launches a kernel and waits for its end. A parameter of 32 bits takes the low half of its word.
    fn run(
        &self,
        function: sys::CUfunction,
        ctas: u32,
        threads: u32,
        words: &mut [u64],
    ) -> Result<(), DriverError> {
        let mut arguments: Vec<_> =
            words.iter_mut().map(|word| std::ptr::from_mut(word).cast::<c_void>()).collect();
        let config = sys::CUlaunchConfig {
            gridDimX: ctas.max(1),
            gridDimY: 1,
            gridDimZ: 1,
            blockDimX: threads,
            blockDimY: 1,
            blockDimZ: 1,
            sharedMemBytes: 0,
            hStream: self.stream.handle,
            attrs: std::ptr::null_mut(),
            numAttrs: 0,
        };
        // SAFETY: the words are the kernel's parameters in its order, and copied by the call; the memory that they name
        // belongs to the callers, which wait here until the kernel has ended.
        unsafe {
            self.driver.launch_kernel(
                &raw const config,
                function,
                arguments.as_mut_ptr(),
                std::ptr::null_mut(),
            )
        }?;
        self.stream.synchronize()
    }
}
