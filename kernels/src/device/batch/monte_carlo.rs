//! Simulated paths in bulk on a device. The same inputs as [`crate::cpu::monte_carlo`] takes, the same paths, the same bits.
//!
//! One cold thread owns a [`SimulationBatch`], which takes all its memory when it is made: 40 bytes a tile of
//! [`TILE`] samples, pinned and of the device each. A simulation of more tiles goes through it in parts, whose sums are added
//! as the CPU adds them; it allocates 40 bytes a part. Refused is what the CPU refuses. Longstaff-Schwartz regresses over all paths
//! at once and is the CPU's alone.

use super::error::BatchError;
use super::queue::{Image, Place, Queue, Shape, Spent};
use crate::cpu::monte_carlo::{Estimate, Moments, PathTerms, Simulation, TILE};
use crate::cpu::pricing::Isa;
use crate::device::images;
use crate::device::properties::DeviceProperties;
use cudarc::driver::sys;
use std::ffi::c_void;
use std::ptr::from_mut;

/// Numbers that all paths share, and sums of a tile.
const TERMS_WORDS: usize = size_of::<PathTerms>() / 8;
const SUMS: usize = size_of::<Moments>() / 8;

const _: () = assert!(size_of::<PathTerms>() == TERMS_WORDS * 8 && align_of::<PathTerms>() == 8);

/// See the module's page.
#[derive(Debug)]
pub struct SimulationBatch {
    queue: Queue,
    tiles: sys::CUfunction,
    tiles_max: usize,
    isa: Isa,
}

impl SimulationBatch {
    /// Loads the kernel and takes memory for so many tiles at a time, up to the next power of two; the device's context is current
    /// on the calling thread afterwards.
    ///
    /// # Errors
    /// No driver, no device, no such kernel, no memory.
    pub fn new(place: &Place, tiles_max: usize) -> Result<Self, BatchError> {
        let image = Image { native: images::MONTE_CARLO_FATBIN, ptx: images::MONTE_CARLO_PTX };
        let tiles_max = tiles_max.max(1).next_power_of_two();
        let queue = Queue::new(place, &image, TERMS_WORDS, SUMS * tiles_max)?;
        let tiles = queue.function(c"monte_carlo_tiles")?;
        Ok(Self { queue, tiles, tiles_max, isa: Isa::detect() })
    }

    /// The device.
    #[must_use]
    pub const fn properties(&self) -> &DeviceProperties {
        self.queue.properties()
    }

    /// Sums over tiles of a simulation, from one on: as many as `out` is long. The bits are those of
    /// [`crate::cpu::monte_carlo::tile`].
    ///
    /// # Errors
    /// More tiles than it was made for, or the driver's.
    pub fn tiles(&mut self, terms: &PathTerms, first: u64, out: &mut [Moments]) -> Result<Spent, BatchError> {
        let len = out.len();
        if len > self.tiles_max {
            return Err(BatchError::TooMany { asked: len, room: self.tiles_max });
        }
        if len == 0 {
            return Ok(Spent::default());
        }
        self.queue.input()[..TERMS_WORDS].copy_from_slice(&words_of(terms));
        // A parameter of 32 bits takes the low half of its word.
        let mut words = [self.queue.input_address(0), first, self.queue.output_address(0), len as u64];
        let mut arguments = words.each_mut().map(|word| from_mut(word).cast::<c_void>());
        let shape = Shape { function: self.tiles, threads: TILE as u32, items: len * TILE, strides: true };
        // SAFETY: the arguments are those of `monte_carlo_tiles` in their order; it writes five sums for each of `len` tiles.
        let spent = unsafe { self.queue.run(&shape, &mut arguments, [TERMS_WORDS, SUMS * len]) }?;
        let words = self.queue.output().as_chunks::<SUMS>().0;
        out.iter_mut().zip(words).for_each(|(moments, words)| *moments = Moments(words.map(f64::from_bits)));
        Ok(spent)
    }

    /// Runs a simulation of so many samples, two paths each. The bits are those of [`crate::cpu::monte_carlo::estimate`].
    ///
    /// # Errors
    /// See [`crate::cpu::monte_carlo::Unfit`], or the driver's.
    pub fn estimate(
        &mut self,
        simulation: &Simulation,
        seed: u64,
        samples: u64,
    ) -> Result<(Estimate, Spent), BatchError> {
        let terms = simulation.path_terms(self.isa, seed, samples)?;
        let tiles = samples.div_ceil(TILE as u64);
        let mut spent = Spent::default();
        let mut part =
            vec![Moments::default(); self.tiles_max.min(usize::try_from(tiles).unwrap_or(usize::MAX))];
        let mut totals = Vec::new();
        let mut first = 0;
        while first < tiles {
            // Parts are a power of two long, but for the last: their sums are nodes of the tree over all tiles.
            let len = part.len().min(usize::try_from(tiles - first).unwrap_or(usize::MAX));
            spent = spent.and(self.tiles(&terms, first, &mut part[..len])?);
            totals.push(Moments::total(&mut part[..len]));
            first += len as u64;
        }
        Ok((Moments::total(&mut totals).estimate(samples), spent))
    }
}

fn words_of(terms: &PathTerms) -> [u64; TERMS_WORDS] {
    // SAFETY: plain numbers without padding: 88 bytes are eight doubles, a 64-bit word and four 32-bit ones.
    unsafe { std::mem::transmute::<PathTerms, [u64; TERMS_WORDS]>(*terms) }
}
