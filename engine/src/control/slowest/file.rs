//! `slowest.json`: the slowest orders of a run, for people's scripts, the page, and `warptick report --slowest`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Slowest;
use crate::control::atomic_file;
use crate::control::histograms::Measure;
use crate::order::{ClOrdId, OrderAction};
use crate::pipeline::stamps::{PathRecord, Stage};
use crate::pipeline::tsc::Calibration;

/// Its name in the directory of a report.
pub const SLOWEST_FILE: &str = "slowest.json";

/// What a run's slowest orders were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowestFile {
    /// The run's journal, absolute, where it kept one: `warptick why` reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<PathBuf>,
    /// Why there are no scenes, or what of them is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenes_note: Option<String>,
    /// The slowest first.
    pub orders: Vec<SlowOrder>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowOrder {
    /// From 1, the slowest.
    pub rank: usize,
    /// ClOrdID(11) of the message.
    pub cl_ord_id: ClOrdId,
    /// `new` or `replace`.
    pub action: String,
    /// Dense number of the venue that it went to.
    pub venue: u8,
    /// Number of the input that led to it, in the run's total order.
    pub decision: u64,
    /// Core time of that input, UTC ns: when the market message was received.
    pub time_ns: u64,
    /// Number of the market message in its venue's stream, where the run's journal was read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<u64>,
    /// Whether the times count from when the message was due; else from when it was handed to decode.
    pub from_due: bool,
    /// To complete bytes.
    pub tick_to_order_ns: u64,
    /// To the return of the send call, of an order that went to a socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tick_to_wire_ns: Option<u64>,
    /// By stage; empty where only the path's two ends were stamped. They add up to the whole but for the rounding of each.
    pub stages_ns: BTreeMap<String, u64>,
    /// Directory of the scene that replays to this order, within the report's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<PathBuf>,
}

impl SlowestFile {
    /// The slowest orders of a run; `journal` is where it was journalled.
    #[must_use]
    pub fn new(slowest: &Slowest, calibration: &Calibration, journal: Option<&Path>) -> Self {
        let orders = (1..).zip(slowest.records());
        let absolute = |dir: &Path| std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        Self {
            journal: journal.map(absolute),
            scenes_note: None,
            orders: orders.map(|(rank, record)| SlowOrder::new(rank, record, calibration)).collect(),
        }
    }

    /// Writes it into the directory of a report, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written; the message names it.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let path = dir.join(SLOWEST_FILE);
        let mut text = serde_json::to_string_pretty(self).map_err(io::Error::from)?;
        text.push('\n');
        atomic_file::write(&path, text.as_bytes()).map_err(|error| named(error, "write", &path))
    }

    /// Reads that of a report.
    ///
    /// # Errors
    /// There is none, or it is another thing; the message names it.
    pub fn read(dir: &Path) -> io::Result<Self> {
        let path = dir.join(SLOWEST_FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| named(error, "read", &path))?;
        serde_json::from_str(&text).map_err(|error| named(error.into(), "read", &path))
    }
}

impl SlowOrder {
    fn new(rank: usize, record: &PathRecord, calibration: &Calibration) -> Self {
        let stages = Stage::ALL.into_iter().filter(|_| record.is_stamped()).filter_map(|stage| {
            let ns = calibration.ticks_to_ns(record.stage_ticks(stage)?);
            Some((Measure::from(stage).name().to_owned(), ns))
        });
        let action = if record.action == OrderAction::New { "new" } else { "replace" };
        Self {
            rank,
            cl_ord_id: record.cl_ord_id,
            action: action.to_owned(),
            venue: record.venue,
            decision: record.decision,
            time_ns: record.time_ns,
            message: None,
            from_due: record.is_from_due(),
            tick_to_order_ns: calibration.ticks_to_ns(record.order_ticks()),
            tick_to_wire_ns: record.wire_ticks().map(|ticks| calibration.ticks_to_ns(ticks)),
            stages_ns: stages.collect(),
            scene: None,
        }
    }
}

fn named(error: io::Error, doing: &str, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: cannot {doing} the slowest orders: {error}", path.display()))
}
