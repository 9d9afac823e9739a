//! Holds the kernels of this folder against the CPU on seeded random markets, every bit of every value: for
//! `warptick gpu check` and for tests. Every model, widths around those of warps and CTAs, the edges of what is accepted, and
//! what is refused. It allocates.

mod american;
mod monte_carlo;
mod options;

use super::error::BatchError;
use super::queue::Place;
use std::fmt;

/// Widths around a warp's and a CTA's, beside the full one.
const TAILS: [usize; 6] = [1, 31, 33, 127, 128, 129];

/// What to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValuationCheck {
    /// Seed of the markets.
    pub seed: u64,
    /// Options for each kernel at its full width; American options are a hundredth, tiles a 250th of it.
    pub options: usize,
}

/// What was compared of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelCompared {
    /// Its name.
    pub kernel: &'static str,
    /// Values that were compared, refusals among them.
    pub values: u64,
    /// Values that tell something: a comparison without any shows nothing.
    pub telling: u64,
    /// Values that differ.
    pub differ: u64,
    /// The first of them.
    pub first: Option<Difference>,
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Of which option, sample or tile of its launch, from 0.
    pub index: usize,
    /// What it is, and from which inputs.
    pub inputs: String,
    /// The CPU's bits, and the device's.
    pub bits: [u64; 2],
}

impl KernelCompared {
    const fn new(kernel: &'static str) -> Self {
        Self { kernel, values: 0, telling: 0, differ: 0, first: None }
    }

    /// Whether all values are equal, and tell something.
    #[must_use]
    pub const fn is_equal(&self) -> bool {
        self.differ == 0 && self.telling > 0
    }

    fn bits(&mut self, index: usize, bits: [u64; 2], inputs: impl FnOnce() -> String) {
        self.values += 1;
        if bits[0] != bits[1] {
            self.differ += 1;
            self.first.get_or_insert_with(|| Difference { index, inputs: inputs(), bits });
        }
    }

    /// A value of both. One that is no number is a difference even where both have it: it has no bits of its own.
    fn value(&mut self, index: usize, cpu: f64, device: f64, inputs: impl FnOnce() -> String) {
        let bits = [cpu.to_bits(), device.to_bits()];
        let bits = if cpu.is_nan() { [bits[0], !bits[0]] } else { bits };
        self.bits(index, bits, inputs);
    }

    /// That both refuse, and say the same.
    fn refusal(&mut self, index: usize, cpu: Option<BatchError>, device: Option<BatchError>) {
        // As text: a number that is none is unequal to itself.
        let said = |error: &Option<BatchError>| error.as_ref().map(ToString::to_string);
        let same = cpu.is_some() && said(&cpu) == said(&device);
        self.bits(index, [0, u64::from(!same)], || format!("refused: CPU {cpu:?}, device {device:?}"));
    }
}

impl fmt::Display for KernelCompared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<22} {:>10} values, {} differ", self.kernel, self.values, self.differ)?;
        if let Some(Difference { index, inputs, bits: [cpu, device] }) = &self.first {
            write!(
                f,
                "; first at {index}, {inputs}: CPU {cpu:016x} ({:?}), device {device:016x} ({:?})",
                f64::from_bits(*cpu),
                f64::from_bits(*device)
            )?;
        }
        if self.telling == 0 {
            f.write_str("; none of them tells anything")?;
        }
        Ok(())
    }
}

impl ValuationCheck {
    /// Compares every kernel, one after the other.
    ///
    /// # Errors
    /// No device, or a call that failed; values that differ are no error, but in what is returned.
    pub fn run(&self, place: &Place) -> Result<Vec<KernelCompared>, BatchError> {
        let mut compared = options::compare(self, place)?;
        compared.extend(american::compare(self, place)?);
        compared.extend(monte_carlo::compare(self, place)?);
        Ok(compared)
    }

    /// The tails, then the full width: no multiple of a warp.
    fn widths(full: usize) -> impl Iterator<Item = usize> {
        TAILS.into_iter().filter(move |width| *width < full).chain([full | 1])
    }
}
