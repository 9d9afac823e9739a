//! Wide work: what a change of one listing's touch fans out into, asked for by the decision core and answered by a
//! backend.
//!
//! ```text
//!  market event -> decision core -> changes, requests -> WideDesk -> WideBackend (CPU, or a device)
//!                       ^                                                   |
//!                       +------- Input::Answer, one total order <-----------+
//! ```
//!
//! The core ([`WideWatch`]) notices which listings' best bid or offer has changed, or whether they count at all, and asks
//! for each such listing once at the end of an event. It computes nothing, so that it stays a pure function of its
//! inputs: the answer is one of these. The deciding stage ([`WideDesk`]) owns the backend, tells it of every change in
//! sequence, and hands its answers to the core in the order of their requests. Volatility surfaces come the same way: a
//! finished fit ([`SurfaceFitted`]) is an input, and from there on everybody prices with its volatilities.
//! `control/wide_config.rs` says what the wide work is.
//!
//! Tables are sized at start; nothing here allocates after that.

mod backend;
mod cpu_backend;
mod desk;
mod device_backend;
mod surface;
mod watch;

pub use backend::{Answered, Patience, WideBackend};
pub use cpu_backend::CpuBackend;
pub use desk::{WideDesk, WideReport};
pub use device_backend::{Deadlines, DeviceBackend};
pub use surface::{
    FitRefused, QuotedOption, SeenQuote, SurfaceChain, SurfaceDesk, SurfaceFitted, SurfaceFitter, SurfaceJob,
    SurfaceReport, SurfaceVol,
};
pub use watch::{TouchChange, WideListing, WideWatch, is_answer_to};

use kernels::abi::WideItem;

/// The core asks for everything that depends on a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WideRequest {
    /// Number, from 1, one more each.
    pub id: u64,
    /// Sequence number of the input that led to it.
    pub decision: u64,
    /// Core time of that input, UTC ns.
    pub time_ns: u64,
    /// Whose touch has changed: the number of the wide listing.
    pub listing: u32,
}

/// Who computed an answer.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ComputedBy {
    /// The CPU.
    Cpu = 1,
    /// The device kernel's code in an interpreter.
    Emulated = 2,
    /// A CUDA device.
    Cuda = 3,
}

impl ComputedBy {
    /// Everybody who can.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Emulated, Self::Cuda];

    /// The one of a code, or `None` for a code that has none.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&by| by as u8 == code)
    }

    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Emulated => "emulated",
            Self::Cuda => "cuda",
        }
    }
}

/// An answer as an input of the core: what has changed since the item's last answer, in ascending order of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WideAnswered<'a> {
    /// Core time at which it takes effect, UTC ns.
    pub time_ns: u64,
    /// Number of its request.
    pub request: u64,
    /// The request's listing.
    pub listing: u32,
    /// Who computed it; nothing is decided by that.
    pub computed_by: ComputedBy,
    /// What has changed.
    pub items: &'a [WideItem],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back() {
        for code in 0..=u8::MAX {
            assert!(ComputedBy::from_code(code).is_none_or(|by| by as u8 == code));
        }
        assert_eq!(ComputedBy::from_code(3), Some(ComputedBy::Cuda));
    }
}
