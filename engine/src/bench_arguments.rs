//! The command line of `warptick bench`, and of what a replay says about its load and its machine.

use std::time::Duration;

use clap::{Args, Subcommand};
use engine::control::failure::Failure;
use engine::control::feed_bench;
use engine::pipeline::pacer::Pace;

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
    /// Look at each core of the run for hiccups of the machine for so long, before the run and behind it; 0.2 with
    /// --report, else not at all.
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
}

impl BenchTask {
    /// What it prints.
    ///
    /// # Errors
    /// Bad input, or a measurement that failed its own check.
    pub fn run(&self) -> Result<String, Failure> {
        match self {
            Self::Path(arguments) => arguments.run(),
            Self::Feed { rounds, packets } => {
                feed_bench::run(&feed_bench::FeedBenchOptions { rounds: *rounds, packets: *packets })
            }
        }
    }
}
