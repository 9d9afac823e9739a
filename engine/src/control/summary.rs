//! The `--summary` file: what a run did and how long its stages took, as one JSON object with fixed keys, so that
//! scripts, tests and `warptick compare` can rely on them (DESIGN.md, "Command line").
//!
//! Cold code, run once at the end. A percentile that its sample does not support is `null`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::accounts::AccountSummary;
use super::atomic_file;
use super::feed_report::FeedSummary;
use super::generator_report::GeneratorReport;
use super::hiccups::MachineTime;
use super::histograms::{Distribution, Measure, StageHistograms};
use super::machine::Machine;
use super::path_blocks::Blocks;
use super::stage_sums::StageSums;
use super::start_steps::StartStep;

/// The wide work of a run (option chains, arbitrage relations).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WideSummary {
    /// Requests asked.
    pub requests: u64,
    /// Answers that entered, by the kind of backend that computed them.
    pub answers_by_kind: BTreeMap<String, u64>,
    /// Requests that the CPU answered after the device missed its deadline.
    pub fallbacks: u64,
    /// SHA-256 over the canonical records of all answers, lower-case hexadecimal; empty without wide work.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub answers_sha256: String,
    /// What the fits of volatility surfaces came to; absent where none are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surfaces: Option<SurfaceSummary>,
}

/// The fits of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SurfaceSummary {
    /// Fits that changed something and entered as inputs.
    pub inputs: u64,
    /// Volatilities in them.
    pub volatilities: u64,
    /// Expiries that were fitted.
    pub fitted: u64,
    /// Expiries that were not and kept what they had, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Quotes that a fit left out because they lie apart from all others.
    pub left_out: u64,
}

/// The journal of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct JournalSummary {
    /// `process` or `power`.
    pub durability: String,
    /// By thread, the last record that is known to survive a loss of power; with `power` only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub durable: BTreeMap<String, u64>,
}

impl std::fmt::Display for JournalSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "journal: durability {}", self.durability)?;
        let durable = self.durable.iter().map(|(thread, last)| format!("{thread} {last}"));
        let durable: Vec<_> = durable.collect();
        if durable.is_empty() { Ok(()) } else { write!(f, ", on the device up to {}", durable.join(", ")) }
    }
}

/// The summary of one run.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Summary {
    /// Market-data messages decoded.
    pub messages: u64,
    /// Market events applied.
    pub events: u64,
    /// Approved actions: new orders, replaces and cancels.
    pub orders: u64,
    /// Intents that risk refused.
    pub risk_rejects: u64,
    /// Executions that traded.
    pub fills: u64,
    /// Stretches of missing sequence numbers.
    pub gaps: u64,
    /// SHA-256 over the records of the approved actions, lower-case hexadecimal.
    pub order_stream_sha256: String,
    /// Hash of the final books, lower-case hexadecimal.
    pub book_hash: String,
    /// `cpu`, `emulated` or `cuda`.
    pub backend: String,
    /// `inline` or `split`.
    pub topology: String,
    /// Where it ran.
    pub machine: Machine,
    /// Wide work.
    pub wide: WideSummary,
    /// Per stage name, see [`stages`].
    pub stages: BTreeMap<String, Distribution>,
    /// Whether the stages of each order account for all of its time.
    #[serde(default)]
    pub stage_sums: StageSums,
    /// The journal, of a run that keeps one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalSummary>,
    /// Service time, of a replay whose messages had due times: beside the latencies of `stages`, and no part of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_to_order: Option<Distribution>,
    /// The load, of a replay whose messages had due times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<GeneratorReport>,
    /// What the machine took from the run's cores, where that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_time: Option<MachineTime>,
    /// What was done before a paced or live run began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub start: Vec<StartStep>,
    /// What trading has come to, by instrument; those that were not traded are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountSummary>,
    /// The venues' feeds, of a live run only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feeds: Vec<FeedSummary>,
    /// `lockstep`, `max` or `Nx` of a replay; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pace: String,
    /// `sampled` or `all`: which paths were stamped at each stage; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stamps: String,
    /// How `tick_to_order` went along, for `warptick compare`; none of a run with few orders.
    #[serde(default, skip_serializing_if = "Blocks::is_empty")]
    pub blocks: Blocks,
}

/// The `stages` object: all thirteen names, those without samples with a count of 0 and nulls.
#[must_use]
pub fn stages(histograms: &StageHistograms) -> BTreeMap<String, Distribution> {
    Measure::ALL
        .into_iter()
        .filter(|measure| measure.in_summary())
        .map(|measure| (measure.name().to_owned(), histograms.distribution(measure)))
        .collect()
}

impl Summary {
    /// Writes the summary, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written; the message names it.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self).map_err(io::Error::from)?;
        text.push('\n');
        atomic_file::write(path, text.as_bytes()).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: cannot write the summary: {error}", path.display()))
        })
    }

    /// Reads a summary back.
    ///
    /// # Errors
    /// The file cannot be read, or is no summary; the message names file, line and key.
    pub fn read(path: &Path) -> io::Result<Self> {
        let context = |error: io::Error| {
            io::Error::new(error.kind(), format!("{}: cannot read the summary: {error}", path.display()))
        };
        let text = fs::read_to_string(path).map_err(context)?;
        serde_json::from_str(&text).map_err(|error| context(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn example() -> Summary {
        let mut histograms = StageHistograms::new();
        (1..=150).for_each(|ns| histograms.add(Measure::TickToOrder, ns * 10));
        histograms.add(Measure::TickToCancel, 5);
        Summary {
            messages: 10,
            events: 9,
            orders: 8,
            risk_rejects: 7,
            fills: 6,
            gaps: 5,
            order_stream_sha256: "00ff".into(),
            book_hash: "ab".into(),
            backend: "cpu".into(),
            topology: "inline".into(),
            machine: Machine::read(),
            wide: WideSummary {
                requests: 4,
                answers_by_kind: [("cpu".to_owned(), 4)].into(),
                fallbacks: 3,
                ..WideSummary::default()
            },
            stages: stages(&histograms),
            stage_sums: histograms.sums(),
            journal: None,
            service_to_order: None,
            generator: None,
            machine_time: None,
            start: Vec::new(),
            accounts: Vec::new(),
            feeds: Vec::new(),
            pace: String::new(),
            stamps: String::new(),
            blocks: Blocks::default(),
        }
    }

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().expect("an object").keys().map(String::as_str).collect()
    }

    #[test]
    fn the_keys_are_those_of_the_design() {
        let json = serde_json::to_value(example()).expect("serialisable");
        let mut expected = [
            "messages",
            "events",
            "orders",
            "risk_rejects",
            "fills",
            "gaps",
            "order_stream_sha256",
            "book_hash",
            "backend",
            "topology",
            "machine",
            "wide",
            "stages",
            "stage_sums",
        ];
        expected.sort_unstable();
        let mut found = keys(&json);
        found.sort_unstable();
        assert_eq!(found, expected);
        let mut stage_names = [
            "wait",
            "decode",
            "ring",
            "book",
            "scan",
            "price",
            "decide",
            "risk",
            "journal",
            "encode",
            "send",
            "tick_to_order",
            "tick_to_wire",
        ];
        stage_names.sort_unstable();
        assert_eq!(keys(&json["stages"]), stage_names);
        let mut figures = keys(&json["stages"]["tick_to_order"]);
        figures.sort_unstable();
        assert_eq!(figures, ["count", "max_ns", "min_ns", "p50_ns", "p90_ns", "p999_ns", "p99_ns"]);
        let mut wide = keys(&json["wide"]);
        wide.sort_unstable();
        assert_eq!(wide, ["answers_by_kind", "fallbacks", "requests"]);
    }

    #[test]
    fn unsupported_percentiles_are_null() {
        let json = serde_json::to_value(example()).expect("serialisable");
        let stage = &json["stages"]["tick_to_order"];
        assert_eq!(stage["count"], 150);
        assert_eq!((&stage["min_ns"], &stage["p50_ns"]), (&Value::from(10), &Value::from(750)));
        assert!(stage["p99_ns"].is_u64());
        assert!(stage["p999_ns"].is_null());
        let unused = &json["stages"]["scan"];
        assert_eq!(unused["count"], 0);
        assert!(unused["min_ns"].is_null() && unused["max_ns"].is_null());
    }

    #[test]
    fn a_written_summary_reads_back_equal() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("summary.json");
        let summary = example();
        summary.write(&path).expect("writable");
        assert_eq!(Summary::read(&path).expect("readable"), summary);
        fs::write(&path, "{\"messages\": 1}").expect("writable");
        let error = Summary::read(&path).expect_err("incomplete").to_string();
        assert!(error.contains("summary.json") && error.contains("events"), "{error}");
        let error = summary.write(&dir.path().join("absent/s.json")).expect_err("no directory").to_string();
        assert!(error.contains("absent/s.json"), "{error}");
    }
}
