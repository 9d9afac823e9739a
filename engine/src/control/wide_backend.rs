//! Makes the backend of a run's wide work: the one place that knows which there are.

use crate::control::config::Config;
use crate::control::digest::{DigestReceiver, digest_ring};
use crate::control::failure::Failure;
use crate::control::universe::Universe;
use crate::control::wide_plan::WidePlan;
use crate::pipeline::wide::{CpuBackend, WideBackend, WideDesk};

/// Records that the ring of the answers' digest holds.
const DIGEST_RING: usize = 1 << 15;

/// Who is to compute wide work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum BackendKind {
    /// Whoever measures faster.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The device kernel's code in an interpreter: for tests.
    Emulated,
    /// A CUDA device.
    Cuda,
}

impl BackendKind {
    /// The name in reports of a run that has no wide work.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto | Self::Cpu => "cpu",
            Self::Emulated => "emulated",
            Self::Cuda => "cuda",
        }
    }
}

/// Whether there is a backend of this kind here, for whatever work.
///
/// # Errors
/// A kind that this build or this machine does not have.
pub fn check(kind: BackendKind) -> Result<(), Failure> {
    match kind {
        BackendKind::Auto | BackendKind::Cpu => Ok(()),
        BackendKind::Emulated | BackendKind::Cuda => {
            Err(Failure::Input(format!("backend {}: not in this build", kind.name())))
        }
    }
}

/// The backend of this kind for a plan.
///
/// # Errors
/// As [`check`].
pub fn make(kind: BackendKind, plan: &WidePlan) -> Result<Box<dyn WideBackend>, Failure> {
    check(kind)?;
    Ok(Box::new(CpuBackend::new(&plan.tables, plan.unanswered_max)))
}

/// The desk of a run, and the end of its ring that hashes; neither where the configuration has no wide work. `is_virtual`
/// where time is.
///
/// # Errors
/// As [`check`] and [`WidePlan::new`].
pub fn desk_of(
    universe: &impl Universe,
    config: &Config,
    kind: BackendKind,
    is_virtual: bool,
) -> Result<(Option<WideDesk>, Option<DigestReceiver>), Failure> {
    check(kind)?;
    let Some(plan) = WidePlan::new(universe, config)? else { return Ok((None, None)) };
    let (sender, receiver) = digest_ring(DIGEST_RING);
    let latency_ns = is_virtual.then_some(plan.compute_latency_ns);
    Ok((Some(WideDesk::new(make(kind, &plan)?, latency_ns, sender)), Some(receiver)))
}
