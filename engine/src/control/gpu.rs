//! `warptick gpu info` and `gpu check`: what device there is and how the engine would lie on it; whether it computes what the
//! CPU does.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::control::failure::Failure;
use crate::control::gpu_watch;
use crate::control::wide_backend::{BackendKind, emulated};
use kernels::cpu::wide::WideTables;
use kernels::device::check::Compared;
use kernels::device::check_day::{Day, DayFailed};
use kernels::device::driver::{Driver, NoDevice};
use kernels::device::keeper::Keeper;
use kernels::device::launch::Images;
use kernels::device::maker::{Made, Maker, NoKernel};
use kernels::device::plan::{Capability, Demand, Plan};
use kernels::device::properties::{Context, DeviceProperties};

/// A check or a measurement makes no second kernel.
pub(super) const RETRY: Duration = Duration::from_secs(3_600);

/// Where the kernels are to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Where {
    /// `cuda` or `emulated`.
    pub backend: BackendKind,
    /// Number of the device.
    pub ordinal: usize,
}

impl Where {
    /// The driver, and the form of the kernels that it takes.
    ///
    /// # Errors
    /// Why there is none.
    pub fn driver(&self) -> Result<(Driver, Images), NoDevice> {
        match self.backend {
            BackendKind::Emulated => Ok((emulated()?, Images::Ptx)),
            _ => Ok((Driver::native()?, Images::Native)),
        }
    }

    /// What makes kernels for these tables.
    ///
    /// # Errors
    /// Why there is no driver.
    pub fn maker(&self, tables: &Arc<WideTables>, orders: u64) -> Result<Maker, NoKernel> {
        let (driver, images) = self.driver()?;
        let demand = Demand::of(tables, orders, 0);
        Ok(Maker { driver, images, ordinal: self.ordinal, tables: Arc::clone(tables), demand })
    }
}

/// A kernel that could not be had, as the end of a command.
fn refused(reason: &NoKernel) -> Failure {
    Failure::Input(format!("no device: {reason}"))
}

/// What device there is. Without one this says why, which is no failure.
#[must_use]
pub fn info(place: Where) -> String {
    match describe(place) {
        Ok(text) => text,
        Err(reason) => format!("no device: {reason}\nwide work is computed by the CPU\n"),
    }
}

fn describe(place: Where) -> Result<String, NoKernel> {
    let (driver, images) = place.driver()?;
    let properties = Context::new(driver, place.ordinal)?.properties()?;
    let DeviceProperties { name, compute: (major, minor), sms, memory_free, memory_total, .. } = &properties;
    let version = driver.version()?;
    let mut text = format!(
        "device {}: {name}\n  compute capability {major}.{minor}, {sms} multiprocessors, {} of {} MiB free\n  driver for \
         CUDA {}.{}\n",
        place.ordinal,
        memory_free >> 20,
        memory_total >> 20,
        version / 1000,
        version % 1000 / 10,
    );
    if properties.has_kernel_time_limit {
        text.push_str("  it drives a display: its driver ends kernels that run for seconds\n");
    }
    if images == Images::Native {
        match gpu_watch::read(&properties.pci_bus_id) {
            Ok(reading) => {
                let _ = writeln!(text, "  {reading}");
            }
            Err(words) => {
                let _ = writeln!(text, "  no figures of the management library: {words}");
            }
        }
    }
    let capability = Capability { compute: properties.compute, sms: *sms, memory_free: *memory_free };
    let plan = Plan::new(&capability, &Demand::DESK)?;
    let layout = if plan.is_cluster { "cluster" } else { "grid" };
    let _ = write!(
        text,
        "plan for a desk of {} listings, {} orders, {} relations, {} options:\n  a {layout} of {} CTAs, {} shards, {} scanners, \
         {} levels a side, rings of {} and {} lines\n  {} MiB on the device, {} KiB pinned; room for {} more listings or {} \
         more options\n",
        Demand::DESK.listings,
        Demand::DESK.orders,
        Demand::DESK.relations + Demand::DESK.linears,
        Demand::DESK.options,
        plan.ctas,
        plan.shards,
        plan.workers,
        plan.levels,
        plan.tick_lines,
        plan.signal_lines,
        plan.memory_bytes.div_ceil(1 << 20),
        plan.pinned_bytes() >> 10,
        plan.listings_spare,
        plan.options_spare,
    );
    Ok(text)
}

/// A generated day into CPU and device: every answer and every book's hash compared.
///
/// # Errors
/// No device (input), or something differs (check).
pub fn check(place: Where, day: Day) -> Result<String, Failure> {
    let tables = Arc::new(day.tables().map_err(|error| Failure::Input(format!("this day: {error}")))?);
    let maker = place.maker(&tables, day.messages).map_err(|reason| refused(&reason))?;
    let Made { resident, properties, .. } = maker.make().map_err(|reason| refused(&reason))?;
    let mode = resident.mode().to_string();
    let (mut keeper, feed, _link) =
        Keeper::start(maker, resident, RETRY).map_err(|error| refused(&error.into()))?;
    let begun = Instant::now();
    let compared = day.run(&tables, feed, |_, _| ()).map_err(|failed| match failed {
        DayFailed::Generator(_) => Failure::Input(failed.to_string()),
        failed => Failure::Check(format!("VERDICT: DIVERGED on {}: {failed}", properties.name)),
    })?;
    let took = begun.elapsed();
    let stopped = keeper.stop();
    Ok(report(&properties, &mode, day, &compared, took, stopped))
}

fn report(
    properties: &DeviceProperties,
    mode: &str,
    day: Day,
    compared: &Compared,
    took: Duration,
    stopped: Option<Duration>,
) -> String {
    let stop = stopped.map_or("it did not end".to_owned(), |took| format!("{} us", took.as_micros()));
    format!(
        "{}: {mode}\nseed {}, {} messages, {} symbols at two venues: {} events, {} requests, all answered and equal\n{} items of \
         cycles ({} hits), {} of linear relations ({} hits), {} of both about listings that are quoted upside-down, {} items of \
         options, {} book hashes, all equal; {:.1} s, stop to exit {stop}\nVERDICT: EQUAL\n",
        properties.name,
        day.seed,
        day.messages,
        day.symbols,
        compared.events,
        compared.requests,
        compared.cycle_items,
        compared.cycle_hits,
        compared.linear_items,
        compared.linear_hits,
        compared.inverse_items,
        compared.option_items,
        compared.book_hashes,
        took.as_secs_f64(),
    )
}
