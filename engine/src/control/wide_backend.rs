//! Makes the backend of a run's wide work: the one place that knows which there are.

use crate::control::config::Config;
use crate::control::digest::{DigestReceiver, digest_ring};
use crate::control::failure::Failure;
use crate::control::gpu_watch::GpuWatch;
use crate::control::surface::chain_fit::ChainFit;
use crate::control::surface::fitter::{InPlace, OnThread};
use crate::control::universe::Universe;
use crate::control::wide_plan::WidePlan;
use crate::pipeline::tsc::Calibration;
use crate::pipeline::wide::{
    ComputedBy, CpuBackend, Deadlines, DeviceBackend, SurfaceChain, SurfaceDesk, SurfaceFitter, WideBackend,
    WideDesk,
};
use kernels::device::driver::{Driver, NoDevice};
use kernels::device::keeper::Keeper;
use kernels::device::launch::Images;
use kernels::device::maker::{Maker, NoKernel};
use kernels::device::plan::Demand;
use std::sync::Arc;
use std::time::Duration;

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
/// No driver, or none that can be used.
pub fn check(kind: BackendKind) -> Result<(), Failure> {
    let driver = match kind {
        BackendKind::Auto | BackendKind::Cpu => return Ok(()),
        BackendKind::Emulated => emulated(),
        BackendKind::Cuda => Driver::native(),
    };
    driver.map(drop).map_err(|reason| Failure::Input(format!("backend {}: {reason}", kind.name())))
}

/// The backend of this kind for a plan; `is_virtual` where time is. With `auto` that is the CPU unless a device of this machine
/// was measured to be faster for some listing.
///
/// # Errors
/// A device that was asked for by name and is not to be had.
pub fn make(kind: BackendKind, plan: &WidePlan, is_virtual: bool) -> Result<Box<dyn WideBackend>, Failure> {
    let cpu = |note| Box::new(CpuBackend::new(&plan.tables, plan.unanswered_max).noted(note));
    let dispatched = match kind {
        BackendKind::Cpu => return Ok(cpu(None)),
        BackendKind::Auto => plan.dispatched(),
        BackendKind::Emulated | BackendKind::Cuda => vec![true; plan.listings.len()].into(),
    };
    if !dispatched.contains(&true) {
        return Ok(cpu(None));
    }
    match (device(kind, plan, dispatched, is_virtual), kind) {
        (Ok(device), _) => Ok(Box::new(device)),
        (Err(reason), BackendKind::Auto) => Ok(cpu(Some(format!("the CPU computes wide work: {reason}")))),
        (Err(reason), _) => Err(Failure::Input(format!("backend {}: {reason}", kind.name()))),
    }
}

/// A device as the backend, its kernel running.
fn device(
    kind: BackendKind,
    plan: &WidePlan,
    dispatched: Box<[bool]>,
    is_virtual: bool,
) -> Result<DeviceBackend, NoKernel> {
    let (driver, images, computes_by) = match kind {
        BackendKind::Emulated => (emulated()?, Images::Ptx, ComputedBy::Emulated),
        _ => (Driver::native()?, Images::Native, ComputedBy::Cuda),
    };
    let demand = Demand::of(&plan.tables, plan.orders_max, 0);
    let maker = Maker { driver, images, ordinal: 0, tables: Arc::clone(&plan.tables), demand };
    let made = maker.make()?;
    let mut notes = vec![format!("{}: {}", made.properties.name, made.resident.mode())];
    if made.shrunk > 0 {
        notes.push(format!("memory ran out: the plan was shrunk {} times", made.shrunk));
    }
    if made.properties.has_kernel_time_limit {
        notes.push("the device drives a display: its driver ends kernels that run for seconds".to_owned());
    }
    let pci_bus_id = made.properties.pci_bus_id.clone();
    let (keeper, feed, link) =
        Keeper::start(maker, made.resident, Duration::from_millis(plan.device.retry_ms))?;
    let watch = (images == Images::Native).then(|| GpuWatch::start(pci_bus_id, link.clone()));
    let calibration = Calibration::measure();
    let ticks = |us: u64| calibration.ns_to_ticks(us * 1_000);
    let deadlines = Deadlines {
        soft: ticks(plan.device.soft_deadline_us),
        stale: ticks(plan.device.stale_us),
        lost: ticks(plan.device.lost_ms * 1_000),
    };
    Ok(DeviceBackend::new(
        computes_by,
        &plan.tables,
        &plan.listings,
        dispatched,
        plan.unanswered_max,
        keeper,
        feed,
        link,
        deadlines,
        is_virtual,
        Box::new(move || notes.iter().cloned().chain(watch.as_ref().map(GpuWatch::note)).collect()),
    ))
}

/// Who fits the surfaces of a plan, in place where time is virtual; nobody where nothing is to be fitted.
fn surfaces(plan: &WidePlan, is_virtual: bool) -> Result<Option<SurfaceDesk>, Failure> {
    let (chains, Some(config)) = (plan.surface_chains(), plan.surface) else { return Ok(None) };
    if chains.is_empty() {
        return Err(Failure::Input(
            "wide: surface: no option of any chain has a symbol, so that there is nothing to fit to"
                .to_owned(),
        ));
    }
    let fit = |chain: &SurfaceChain| ChainFit::new(&plan.tables, chain.listing, &plan.is_american, config);
    let fits = chains.iter().map(fit).collect();
    let fitter: Box<dyn SurfaceFitter> = if is_virtual {
        Box::new(InPlace::new(fits))
    } else {
        let started = OnThread::start(fits);
        Box::new(started.map_err(|error| Failure::Input(format!("the thread of surfaces: {error}")))?)
    };
    let options = plan.tables.options().len();
    Ok(Some(SurfaceDesk::new(chains, options, config.interval_ns(), config.change_min_e9(), fitter)))
}

/// The interpreter in the place of a driver.
///
/// # Errors
/// It lacks a function: a fault of this build.
pub fn emulated() -> Result<Driver, NoDevice> {
    // SAFETY: the stand-in has the functions' signatures, and is part of this program.
    unsafe { Driver::of(emulator::driver::symbol) }?.initialise()
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
    let surface = surfaces(&plan, is_virtual)?;
    let desk = WideDesk::new(make(kind, &plan, is_virtual)?, latency_ns, sender).with_surface(surface);
    Ok((Some(desk), Some(receiver)))
}
