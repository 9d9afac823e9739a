//! The command line of `warptick bench`, and of what a replay says about its load and its machine.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use engine::control::config::{Config, Topology};
use engine::control::demo;
use engine::control::failure::Failure;
use engine::control::feed_bench;
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::latency_bench::{self, LatencyBenchOptions, Rates};
use engine::control::latency_self_test::{self, SelfTestOptions};
use engine::control::startup;
use engine::pipeline::pacer::Pace;

use crate::StampArgument;
use crate::compare_arguments::PathArguments;

/// Seconds on each core, before and after a run, when a report is written.
const HICCUPS_S: f64 = 0.2;

/// Lockstep, or a pace.
#[derive(Clone, Copy)]
pub struct PaceArgument(pub Option<Pace>);

/// What `--pace` takes.
///
/// # Errors
/// Anything else.
pub fn parse_pace(text: &str) -> Result<PaceArgument, String> {
    let number = |digits: &str, max: f64| {
        let number = digits.parse::<f64>().ok();
        number.filter(|number| number.is_finite() && *number > 0.0 && *number <= max)
    };
    let pace = match text {
        "lockstep" => return Ok(PaceArgument(None)),
        "max" => Some(Pace::Max),
        _ => match (text.strip_suffix("/s"), text.strip_suffix('x')) {
            (Some(rate), _) => number(rate, 1e9).map(Pace::Rate),
            (_, Some(times)) => number(times, 1e6).map(Pace::Times),
            _ => None,
        },
    };
    let pace =
        pace.ok_or("lockstep, max, a speed such as 1x or 20x, or messages a second such as 50000/s")?;
    Ok(PaceArgument(Some(pace)))
}

/// How long the machine is looked at.
#[derive(Args)]
pub struct HiccupArguments {
    /// Look at each core of a paced or live run for hiccups of the machine for so long, before it and behind it; 0.2
    /// with --report, else not at all.
    #[arg(long, value_name = "SECONDS", value_parser = parse_hiccups)]
    hiccups: Option<f64>,
}

fn parse_hiccups(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=600.0).contains(seconds));
    seconds.ok_or_else(|| "a number of seconds, 0 to 600".to_owned())
}

impl HiccupArguments {
    /// How long, where a report is written or not.
    pub fn time(&self, with_report: bool) -> Duration {
        let default = if with_report { HICCUPS_S } else { 0.0 };
        Duration::from_secs_f64(self.hiccups.unwrap_or(default))
    }
}

/// What `bench latency` is told.
#[derive(Args)]
pub struct LatencyArguments {
    /// Captures, one a venue; without any a generated session of two venues.
    #[arg(value_name = "FILE[@VENUE]")]
    captures: Vec<CaptureArgument>,
    /// Messages a second with commas between them, or auto: doubling up to the knee, then around it.
    #[arg(long, default_value = "auto", value_name = "auto|N,N,...")]
    rates: Rates,
    /// How long each rate runs.
    #[arg(long, default_value_t = 3.0, value_parser = parse_rate_seconds)]
    seconds: f64,
    /// How stages are laid out on cores.
    #[arg(long)]
    topology: Option<Topology>,
    /// Configuration; without one a sensible default for what the captures hold.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Session date, YYYY-MM-DD; else that of the configuration or in the first file's name.
    #[arg(long)]
    date: Option<String>,
    /// Keep a journal in each run, below this directory.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Write rates.json into this directory.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Which order paths are stamped at every stage.
    #[arg(long, default_value = "sampled")]
    stamps: StampArgument,
}

fn parse_rate_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.01..=3_600.0).contains(seconds));
    seconds.ok_or_else(|| "a number of seconds, 0.01 to 3600".to_owned())
}

impl LatencyArguments {
    fn run(&self, read_config: &ReadConfig<'_>) -> Result<String, Failure> {
        let config = read_config(self.config.as_ref())?;
        let date = self.date.as_deref().or(config.date.as_deref());
        let inputs = match self.captures.is_empty() {
            true => demo::generated_session()?,
            false => Inputs::open_for(&config, &self.captures, date)?,
        };
        let mut config = startup::complete(&inputs, config)?;
        if let Some(topology) = self.topology {
            config.pipeline.topology = topology;
        }
        let options = LatencyBenchOptions {
            rates: self.rates.clone(),
            seconds: self.seconds,
            stamps: self.stamps.mode(),
            journal: self.journal.clone(),
            report: self.report.clone(),
        };
        Ok(latency_bench::run(&inputs, &config, &options)?.to_string())
    }
}

/// How the command line reads a configuration.
pub type ReadConfig<'a> = dyn Fn(Option<&PathBuf>) -> Result<Config, Failure> + 'a;

/// What `warptick bench` measures.
#[derive(Subcommand)]
pub enum BenchTask {
    /// The path of orders on one thread, a session in memory replayed part by part.
    Path(PathArguments),
    /// The receive backends side by side on loopback, and what the live receive path adds to a bare loop.
    Feed {
        /// Turns of every variant.
        #[arg(long, default_value_t = 10)]
        rounds: u64,
        /// Packets of a turn.
        #[arg(long, default_value_t = 10_000)]
        packets: u64,
    },
    /// Latency against rate: messages due at constant rates, up to the last with which the engine keeps up.
    Latency(LatencyArguments),
    /// A stall of 10 ms is planted: it must be found at the percentiles where arithmetic says it is.
    SelfTest {
        /// How stages are laid out on cores.
        #[arg(long, default_value = "inline")]
        topology: Topology,
        /// How long a run is.
        #[arg(long, default_value_t = 4.0, value_parser = parse_rate_seconds)]
        seconds: f64,
    },
}

impl BenchTask {
    /// What it prints, and how it ends.
    ///
    /// # Errors
    /// Bad input, or a run that cannot be made; what fails its own check is printed first.
    pub fn run(&self, read_config: &ReadConfig<'_>) -> Result<(String, Result<(), Failure>), Failure> {
        let text = match self {
            Self::Path(arguments) => arguments.run(),
            Self::Feed { rounds, packets } => {
                feed_bench::run(&feed_bench::FeedBenchOptions { rounds: *rounds, packets: *packets })
            }
            Self::Latency(arguments) => arguments.run(read_config),
            Self::SelfTest { topology, seconds } => {
                let options =
                    SelfTestOptions { topology: *topology, seconds: *seconds, ..SelfTestOptions::default() };
                let test = latency_self_test::run(&options)?;
                return Ok((test.to_string(), test.conclude()));
            }
        };
        Ok((text?, Ok(())))
    }
}
