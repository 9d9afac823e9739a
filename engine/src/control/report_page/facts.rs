//! `DIR/report.json`: all that the page of a run says, apart from the curves, which are in the `.hlog` files beside it.
//!
//! Every part is optional and every key has a default, so that a file of an older or a newer build still makes a page: a
//! section without data says that it was not measured. [`Facts::read`] refuses what is no JSON, or has another type
//! where a key is known.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::control::atomic_file;
use crate::control::hiccups::MachineTime;
use crate::control::histograms::Distribution;
use crate::control::summary::Summary;

/// Name of the file in the report's directory.
pub const FILE: &str = "report.json";

/// Everything about one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// What was run, with what, where.
    pub run: RunFacts,
    /// What speaks for the figures and what against them.
    pub verdicts: Vec<Verdict>,
    /// Stages and whole paths, in the order of the table.
    pub stages: Vec<StageFacts>,
    /// How they were measured.
    pub stamps: StampFacts,
    /// Two order paths, stage by stage.
    pub breakdowns: Vec<Breakdown>,
    /// The rings between threads.
    pub rings: Vec<RingFacts>,
    /// What was to be known at the end.
    pub notes: Vec<String>,
    /// What `--summary` writes: counts, digests, machine, feeds, the generator, what the machine took, and the steps before trading
    /// began.
    pub summary: Option<Summary>,
}

/// What was run, with what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunFacts {
    /// The command line.
    pub command: String,
    /// Start, UTC, as in RFC 3339.
    pub started_utc: String,
    /// From the start of the stages to their end, s.
    pub duration_s: f64,
    /// The session's date.
    pub session_date: String,
    /// Captures, or the lines of a live run.
    pub sources: Vec<String>,
    /// `lockstep`, `max`, a speed or `live`.
    pub pace: String,
    /// Where the journal went; empty without one.
    pub journal: String,
    /// Which thread ran where.
    pub placement: String,
    /// The engine.
    pub build: BuildFacts,
}

/// Which engine it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildFacts {
    /// Version.
    pub version: String,
    /// Commit, where the build was told it (`WARPTICK_COMMIT`).
    pub commit: String,
    /// SHA-256 of the program that ran.
    pub program_sha256: String,
    /// Compiler.
    pub rustc: String,
    /// Cargo's profile.
    pub profile: String,
}

/// How a sentence about the run is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// As it should be.
    Good,
    /// To be kept in mind with the figures.
    #[default]
    Note,
    /// The figures do not count, or the run failed.
    Bad,
}

impl Standing {
    /// As the page prints it, so that it does not rest on a colour.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Bad => "bad",
        }
    }
}

/// One sentence about the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// How it is meant.
    pub standing: Standing,
    /// What is said.
    pub text: String,
}

/// A row of the stage table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StageFacts {
    /// Its name; the curve is in `<name>.hlog`.
    pub name: String,
    /// Whether it is a whole path, from start to end, and no stage of one.
    pub is_path: bool,
    /// What the sample says.
    pub distribution: Distribution,
}

/// How the stages were measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StampFacts {
    /// `sampled` or `all`.
    pub mode: String,
    /// Paths stamped at every stage are one in this many.
    pub period: u64,
    /// What one stamp costs, ns, median and least.
    pub cost_median_ns: f64,
    /// See above.
    pub cost_min_ns: f64,
    /// Why the counter may be believed, or not.
    pub clock: String,
    /// Rate of the counter.
    pub clock_mhz: f64,
    /// How well it was held against CLOCK_MONOTONIC, ns.
    pub residual_ns: u64,
    /// Records that found no room on their way to the histograms.
    pub dropped: u64,
    /// Stages longer than a stamp holds.
    pub clipped: u64,
    /// Paths that count from the due time of their message.
    pub from_due: u64,
}

/// One order path, stage by stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Breakdown {
    /// `median` or `slowest`; the figure is `waterfall_<name>.svg`.
    pub name: String,
    /// Which path it is and of how many.
    pub what: String,
    /// Start to end, ns.
    pub total_ns: u64,
    /// Stages in the order of the path, ns.
    pub stages: Vec<StageTime>,
}

/// The time of one stage of one path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StageTime {
    /// Stage.
    pub name: String,
    /// Its time, ns.
    pub ns: u64,
}

/// A ring between two threads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RingFacts {
    /// What it carries.
    pub name: String,
    /// From which thread to which.
    pub between: String,
    /// Slots.
    pub slots: u64,
    /// Most that were seen full.
    pub high_water: u64,
    /// How often it was looked at.
    pub looks: u64,
    /// How the figure was taken.
    pub method: String,
}

impl Facts {
    /// What the machine took from the cores; none where it was not measured.
    #[must_use]
    pub fn machine_time(&self) -> Option<&MachineTime> {
        self.summary.as_ref()?.machine_time.as_ref().filter(|time| !time.hiccups.is_empty())
    }

    /// Reads the facts of a report's directory; `None` where there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or is no report; the message names it and the place.
    pub fn read(dir: &Path) -> io::Result<Option<Self>> {
        read_json(&dir.join(FILE))
    }

    /// Writes them, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written; the message names it.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let path = dir.join(FILE);
        let mut text = serde_json::to_string_pretty(self).map_err(io::Error::from)?;
        text.push('\n');
        atomic_file::write(&path, text.as_bytes()).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: cannot write: {error}", path.display()))
        })
    }
}

/// A JSON file that may be absent.
///
/// # Errors
/// It is there and cannot be read, or holds something else; the message names file, line and column.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(io::Error::new(error.kind(), format!("{}: cannot read: {error}", path.display())));
        }
    };
    serde_json::from_str(&text).map(Some).map_err(|error| {
        let what = format!("{}: not what a report writes: {error}", path.display());
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}
