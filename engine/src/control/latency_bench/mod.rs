//! `warptick bench latency`: latency against rate. For each rate the captures go through the whole engine at that constant
//! rate, messages due at even distances, against a venue of its own on loopback.
//!
//! A rate runs for the wanted seconds: the first so many messages of the captures. Captures that are shorter are run again
//! from their start, each time with a new engine and a new venue (a book cannot take the same day twice), and the
//! figures of these runs are put together. An overloaded engine gets no more messages than it can take in about twice
//! the time. A run whose generator was late is made again up to [`TRIES`] times; the last stays in the table, and counts
//! for nothing.
//!
//! All of it is cold but the runs themselves.

mod knee;
mod row;
mod table;

use std::path::{Path, PathBuf};

use crate::control::atomic_file;
use crate::control::config::Config;
use crate::control::core_time::ThreadTime;
use crate::control::failure::Failure;
use crate::control::generator_report::GeneratorReport;
use crate::control::histograms::StageHistograms;
use crate::control::inputs::Inputs;
use crate::control::replay::{ReplayOptions, replay};
use crate::control::shutdown;
use crate::control::startup;
use crate::pipeline::pacer::Pace;
use crate::pipeline::stamps::StampMode;

pub use row::RateRow;
pub use table::{Conditions, LatencyTable};

/// How often a rate is run at most, as long as its generator was late.
const TRIES: usize = 3;

/// Runs of which a rate consists at most.
const RUNS_MAX: usize = 1_000;

/// Which rates are run.
#[derive(Clone, Debug, PartialEq)]
pub enum Rates {
    /// Doubling up to the knee, then around it.
    Auto,
    /// These, messages a second.
    Given(Vec<f64>),
}

impl std::str::FromStr for Rates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let rate = |word: &str| word.trim().parse::<f64>().ok().filter(|rate| (1.0..=1e9).contains(rate));
        let rates: Option<Vec<f64>> = text.split(',').map(rate).collect();
        let mut rates = rates.ok_or(
            "auto, or messages a second with commas between them, 1 to 1000000000: 1000,10000,100000",
        )?;
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        Ok(Self::Given(rates))
    }
}

/// What is measured.
#[derive(Clone, Debug)]
pub struct LatencyBenchOptions {
    /// Which rates.
    pub rates: Rates,
    /// How long each of them runs, s.
    pub seconds: f64,
    /// Which paths are stamped at every stage.
    pub stamps: StampMode,
    /// New directory for the runs' journals, one below it each.
    pub journal: Option<PathBuf>,
    /// Where `rates.json` goes.
    pub report: Option<PathBuf>,
}

/// Runs every rate; the table's last line is JSON.
///
/// # Errors
/// A run that cannot start or that fails; files that cannot be written.
pub fn run(inputs: &Inputs, config: &Config, options: &LatencyBenchOptions) -> Result<LatencyTable, Failure> {
    let plan = startup::placement(config, config.pipeline.topology, true)?;
    let mut bench = Bench { inputs, config, options, rows: Vec::new(), runs: 0 };
    match &options.rates {
        Rates::Given(rates) => {
            for &rate in rates {
                bench.rate(rate)?;
            }
        }
        Rates::Auto => knee::search(|rate| bench.rate(rate))?,
    }
    let mut rows = bench.rows;
    rows.sort_by(|a, b| a.offered_per_s.total_cmp(&b.offered_per_s));
    let knee_per_s = knee::knee(rows.iter().map(|row| (row.offered_per_s, row.keeps_up())));
    if let Some(dir) = &options.report {
        write_rates(dir, &rows)?;
    }
    let conditions = Conditions::new(inputs, config, options, &plan);
    Ok(LatencyTable { rows, knee_per_s, conditions })
}

fn write_rates(dir: &Path, rows: &[RateRow]) -> Result<(), Failure> {
    let path = dir.join("rates.json");
    let written = std::fs::create_dir_all(dir).and_then(|()| {
        let text = serde_json::to_string_pretty(rows).map_err(std::io::Error::from)?;
        atomic_file::write(&path, format!("{text}\n").as_bytes())
    });
    written.map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

struct Bench<'a> {
    inputs: &'a Inputs,
    config: &'a Config,
    options: &'a LatencyBenchOptions,
    rows: Vec<RateRow>,
    runs: usize,
}

impl Bench<'_> {
    /// Runs a rate and enters its row; whether the engine keeps up with it.
    fn rate(&mut self, per_s: f64) -> Result<Option<bool>, Failure> {
        let mut row = self.measure(per_s)?;
        for _ in 1..TRIES {
            if row.counts {
                break;
            }
            row = self.measure(per_s)?;
        }
        self.rows.push(row);
        Ok(row.keeps_up())
    }

    fn measure(&mut self, per_s: f64) -> Result<RateRow, Failure> {
        let seconds = self.options.seconds;
        let mut left = self.messages_of(per_s);
        let (mut lasted_s, mut runs) = (0.0, 0);
        let mut histograms = StageHistograms::new();
        let mut threads: Vec<ThreadTime> = Vec::new();
        let mut generator: Option<GeneratorReport> = None;
        while left > 0 && lasted_s < seconds && runs < RUNS_MAX {
            let run = self.one_run(per_s, left, &mut histograms, &mut threads)?;
            if run.messages == 0 {
                return Err(Failure::Input("the captures hold no message".to_owned()));
            }
            left = left.saturating_sub(run.messages);
            lasted_s += run.messages as f64 / run.achieved_per_s.max(1.0);
            generator = Some(generator.map_or(run, |before| before.and(run)));
            runs += 1;
        }
        let generator = generator.ok_or_else(|| Failure::Input("--seconds is too short".to_owned()))?;
        Ok(RateRow::new(per_s, &histograms, &generator, &threads))
    }

    /// What the wanted seconds take at this rate; where the engine is known not to reach it, what it takes in twice
    /// that time.
    fn messages_of(&self, per_s: f64) -> u64 {
        let fastest = self.rows.iter().map(|row| row.achieved_per_s).fold(0.0, f64::max);
        let slower = self.rows.iter().any(|row| row.achieved_per_s < row.offered_per_s * 0.9);
        let per_s = if slower { per_s.min(fastest * 2.0) } else { per_s };
        (per_s * self.options.seconds).ceil() as u64
    }

    fn one_run(
        &mut self,
        per_s: f64,
        messages_max: u64,
        histograms: &mut StageHistograms,
        threads: &mut Vec<ThreadTime>,
    ) -> Result<GeneratorReport, Failure> {
        self.runs += 1;
        let journal =
            self.options.journal.as_ref().map(|dir| dir.join(format!("{per_s:.0}-run{}", self.runs)));
        if let Some(dir) = &self.options.journal {
            std::fs::create_dir_all(dir)
                .map_err(|error| Failure::Input(format!("{}: {error}", dir.display())))?;
        }
        let options = ReplayOptions {
            pace: Some(Pace::Rate(per_s)),
            stamps: self.options.stamps,
            journal,
            messages_max: Some(messages_max),
            ..ReplayOptions::default()
        };
        let outcome = replay(self.inputs, self.config, &options, Vec::new())?;
        if shutdown::signalled() {
            return Err(Failure::Stopped("stopped".to_owned()));
        }
        if let Some(failure) = outcome.failure {
            return Err(failure);
        }
        histograms.absorb(&outcome.histograms);
        threads.extend(outcome.summary.machine_time.into_iter().flat_map(|machine| machine.threads));
        outcome.summary.generator.ok_or_else(|| Failure::Check("the run says nothing of its load".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_in_order_and_once() {
        assert_eq!("auto".parse(), Ok(Rates::Auto));
        assert_eq!("10000,1000, 10000".parse(), Ok(Rates::Given(vec![1_000.0, 10_000.0])));
        for bad in ["", "0", "1000,", "-5", "1e12", "fast", "nan"] {
            assert!(bad.parse::<Rates>().is_err(), "{bad}");
        }
    }
}
