//! Why a batch of options, American options or paths was not computed.

use crate::cpu::american::Refusal;
use crate::cpu::monte_carlo::Unfit;
use crate::cpu::pricing::range::OutOfRange;
use crate::device::driver::{DriverError, NoDevice};
use std::fmt;

/// Nothing is written to the results then.
#[derive(Clone, Debug, PartialEq)]
pub enum BatchError {
    /// No driver, no device, or a call that failed.
    Device(NoDevice),
    /// The image that was loaded lacks a kernel: it is of another version of this program.
    NoKernel(&'static str),
    /// So many bytes are not to be had of what is named: make the batch for fewer.
    OutOfMemory {
        /// Of whose memory.
        of: &'static str,
        /// How much.
        bytes: usize,
    },
    /// More than the batch was made for: go through them in parts.
    TooMany {
        /// How many.
        asked: usize,
        /// For how many it was made.
        room: usize,
    },
    /// A column is shorter than the results.
    TooShort {
        /// Which.
        column: &'static str,
        /// Its length.
        len: usize,
        /// That of the results.
        wanted: usize,
    },
    /// An input of pricing; the CPU says the same.
    OutOfRange(OutOfRange),
    /// An American option that cannot be priced; the CPU says the same.
    American {
        /// Which, from 0.
        index: usize,
        /// Why.
        refusal: Refusal,
    },
    /// A simulation that cannot be run; the CPU says the same.
    Simulation(Unfit),
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(reason) => reason.fmt(f),
            Self::NoKernel(name) => write!(f, "the kernels that were loaded lack {name}"),
            Self::OutOfMemory { of, bytes } => {
                write!(f, "{bytes} bytes of {of} memory are not to be had: make the batch for fewer")
            }
            Self::TooMany { asked, room } => write!(f, "{asked} are more than the {room} it was made for"),
            Self::TooShort { column, len, wanted } => {
                write!(f, "{column} has {len} numbers, the results have {wanted}")
            }
            Self::OutOfRange(refusal) => refusal.fmt(f),
            Self::American { index, refusal } => write!(f, "option {index}: {refusal}"),
            Self::Simulation(unfit) => unfit.fmt(f),
        }
    }
}

impl std::error::Error for BatchError {}

impl From<NoDevice> for BatchError {
    fn from(reason: NoDevice) -> Self {
        Self::Device(reason)
    }
}

impl From<DriverError> for BatchError {
    fn from(error: DriverError) -> Self {
        Self::Device(error.into())
    }
}

impl From<OutOfRange> for BatchError {
    fn from(refusal: OutOfRange) -> Self {
        Self::OutOfRange(refusal)
    }
}

impl From<Unfit> for BatchError {
    fn from(unfit: Unfit) -> Self {
        Self::Simulation(unfit)
    }
}
