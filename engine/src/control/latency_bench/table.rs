//! The latency-against-rate table, with what it was measured under; its last line is JSON.

use std::fmt;

use serde_json::json;

use super::row::{ACHIEVED_SHARE_MIN, P99_ALWAYS_FINE_NS, P99_FACTOR_MAX, RateRow};
use super::{LatencyBenchOptions, TRIES};
use crate::control::config::Config;
use crate::control::generator_report::LATE_ONE_IN;
use crate::control::inputs::Inputs;
use crate::control::machine::Machine;
use crate::control::placement::Plan;
use crate::pipeline::pacer::LATE_NS;
use crate::pipeline::stamps::{SAMPLE_PERIOD, StampMode};

/// Under what the figures were taken.
#[derive(Clone, Debug)]
pub struct Conditions {
    captures: Vec<String>,
    messages: u64,
    topology: &'static str,
    placement: String,
    journal: String,
    stamps: String,
    seconds: f64,
    machine: Machine,
}

impl Conditions {
    pub(super) fn new(inputs: &Inputs, config: &Config, options: &LatencyBenchOptions, plan: &Plan) -> Self {
        Self {
            captures: inputs.venues.iter().map(|input| input.capture.name().to_owned()).collect(),
            messages: inputs.messages(),
            topology: config.pipeline.topology.name(),
            placement: plan.to_string(),
            journal: match &options.journal {
                Some(_) => format!("durability {:?}", config.journal.durability).to_lowercase(),
                None => "none".to_owned(),
            },
            stamps: match options.stamps {
                StampMode::Sampled => {
                    format!("start and end of every path, all stages of one in {SAMPLE_PERIOD}")
                }
                StampMode::All => "every stage of every path".to_owned(),
                StampMode::Ends => "start and end of every path".to_owned(),
            },
            seconds: options.seconds,
            machine: Machine::read(),
        }
    }
}

/// What `warptick bench latency` came to; its `Display` is what the terminal shows.
#[derive(Clone, Debug)]
pub struct LatencyTable {
    /// In ascending order of the rates.
    pub rows: Vec<RateRow>,
    /// The last rate with which the engine keeps up.
    pub knee_per_s: Option<f64>,
    pub(super) conditions: Conditions,
}

impl LatencyTable {
    fn knee(&self) -> String {
        let Some(knee) = self.knee_per_s else {
            return "none of the rates that count was kept up with".to_owned();
        };
        let is_last = self.rows.iter().all(|row| row.offered_per_s <= knee || row.keeps_up() != Some(false));
        let beyond = if is_last { ", and none that was tried is beyond it" } else { "" };
        format!("{knee:.0} messages/s{beyond}")
    }

    fn json(&self) -> serde_json::Value {
        let conditions = &self.conditions;
        json!({
            "scenario": "latency",
            "version": env!("CARGO_PKG_VERSION"),
            "machine": conditions.machine,
            "profile": if cfg!(debug_assertions) { "debug assertions on" } else { "release" },
            "pinning": conditions.placement,
            "topology": conditions.topology,
            "journal": conditions.journal,
            "stamps": conditions.stamps,
            "captures": conditions.captures,
            "seconds": conditions.seconds,
            "load_model": "open loop: messages due at even distances; a rate beyond the captures' length is run again \
                           from their start with a new engine and venue",
            "clock": "rdtsc, calibrated against CLOCK_MONOTONIC at start",
            "rates": self.rows,
            "knee_per_s": self.knee_per_s,
        })
    }
}

fn cell(ns: Option<u64>) -> String {
    ns.map_or_else(|| "-".to_owned(), |ns| ns.to_string())
}

impl fmt::Display for LatencyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>10} {:>10} {:>8} {:^54} {:^19} {:>7} keeps",
            "offered", "achieved", "", "message due to order bytes (ns)", "service time (ns)", "late"
        )?;
        writeln!(
            f,
            "{:>10} {:>10} {:>8} {:>10} {:>10} {:>10} {:>10} {:>10} {:>9} {:>9} {:>7} up",
            "msg/s", "msg/s", "orders", "p50", "p90", "p99", "p99.9", "max", "p50", "p99", "by us"
        )?;
        for row in &self.rows {
            write!(f, "{:>10.0} {:>10.0} {:>8}", row.offered_per_s, row.achieved_per_s, row.orders)?;
            for ns in [row.p50_ns, row.p90_ns, row.p99_ns, row.p999_ns, row.max_ns] {
                write!(f, " {:>10}", cell(ns))?;
            }
            write!(f, " {:>9} {:>9}", cell(row.service_p50_ns), cell(row.service_p99_ns))?;
            let verdict = match row.keeps_up() {
                Some(true) => "yes",
                Some(false) => "no",
                None => "DOES NOT COUNT: the generator was late",
            };
            writeln!(f, " {:>7} {verdict}", row.late)?;
        }
        writeln!(f, "knee          {}", self.knee())?;
        writeln!(
            f,
            "keeps up      at least {:.0} % of what is offered is handed over, and p99 from due is at most {P99_FACTOR_MAX} times \
             the p99 of service, or {} us",
            ACHIEVED_SHARE_MIN * 100.0,
            P99_ALWAYS_FINE_NS / 1_000
        )?;
        writeln!(
            f,
            "late          messages that the generator itself handed over more than {} us late; with more than one in \
             {LATE_ONE_IN} a run does not count ({TRIES} tries)",
            LATE_NS / 1_000
        )?;
        let Conditions { captures, messages, topology, placement, journal, stamps, seconds, machine } =
            &self.conditions;
        writeln!(f, "captures      {}, {messages} messages in all, {seconds} s a rate", captures.join(", "))?;
        writeln!(f, "topology      {topology}; {placement}")?;
        writeln!(f, "journal       {journal}; stamps: {stamps}")?;
        writeln!(f, "machine       {machine}")?;
        writeln!(f, "{}", self.json())
    }
}
