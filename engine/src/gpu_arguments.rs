//! The command line of `warptick gpu`.

use clap::{Args, Subcommand};
use engine::control::failure::Failure;
use engine::control::gpu::{self, Where};
use engine::control::gpu_bench;
use engine::control::gpu_valuations;
use engine::control::wide_backend::BackendKind;
use kernels::device::check_day::Day;
use std::path::PathBuf;

/// Where the kernels run.
#[derive(Args)]
pub struct DeviceArguments {
    /// cuda: a device of this machine; emulated: the device's code in an interpreter.
    #[arg(long, default_value = "cuda", value_parser = parse_backend)]
    backend: BackendKind,
    /// Number of the device.
    #[arg(long, default_value_t = 0)]
    device: usize,
}

impl DeviceArguments {
    const fn place(&self) -> Where {
        Where { backend: self.backend, ordinal: self.device }
    }
}

fn parse_backend(text: &str) -> Result<BackendKind, String> {
    match text {
        "cuda" => Ok(BackendKind::Cuda),
        "emulated" => Ok(BackendKind::Emulated),
        _ => Err("cuda or emulated".to_owned()),
    }
}

/// What `warptick gpu` does.
#[derive(Subcommand)]
pub enum GpuTask {
    /// What device there is, and how the engine would lie on it.
    Info(DeviceArguments),
    /// The kernels that price options, American options and paths in bulk, every value compared, bit for bit; then a generated
    /// day into CPU and device, every answer and every book.
    Check {
        #[command(flatten)]
        device: DeviceArguments,
        /// Seed of the day.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Messages of both venues.
        #[arg(long, default_value_t = 1_000_000)]
        messages: u64,
        /// Symbols.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(2..=8_000))]
        symbols: u32,
        /// Options that each kernel in bulk prices; a hundredth of the messages unless it is said.
        #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
        options: Option<u32>,
    },
    /// Round trips by width, CPU beside device, and from which width on the device is faster.
    Bench {
        #[command(flatten)]
        device: DeviceArguments,
        /// Requests of each width.
        #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
        requests: u32,
        /// The device counts as faster from so many times the CPU's speed on.
        #[arg(long, default_value_t = 2.0)]
        min_speedup: f64,
        /// Write the crossover to this file, as a part of a configuration.
        #[arg(long, value_name = "FILE")]
        profile: Option<PathBuf>,
    },
}

impl GpuTask {
    /// What it prints.
    ///
    /// # Errors
    /// No device, or something differs.
    pub fn run(&self) -> Result<String, Failure> {
        match self {
            Self::Info(device) => Ok(gpu::info(device.place())),
            Self::Check { device, seed, messages, symbols, options } => {
                let day = Day { seed: *seed, messages: *messages, symbols: *symbols };
                let options =
                    options.map_or(gpu_valuations::options_for(*messages), |options| options as usize);
                let in_bulk = gpu_valuations::check(device.place(), *seed, options)?;
                Ok(in_bulk + &gpu::check(device.place(), day)?)
            }
            Self::Bench { device, requests, min_speedup, profile } => {
                gpu_bench::run(device.place(), *requests, *min_speedup, profile.as_deref())
            }
        }
    }
}
