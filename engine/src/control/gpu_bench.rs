//! `warptick gpu bench`: what a request costs by its width, the CPU beside the device, through the engine's own path; other
//! ways to have a tick answered; whole books, relations and options by the batch; and options, American options and paths in
//! bulk.
//!
//! A request is a change of one listing's best bid: a level line with the request on it. **Device**: from before the line is
//! written to after the answer's last line was read and adopted. **CPU**: the same touch taken in and everything computed. The
//! two take turns request by request, and every answer is compared: a device that computes something else fails. `quiet`
//! requests change a quantity, so that no rounded value changes and the answer is one line; `moving` ones move the price. The
//! caller's thread polls; it is pinned by whoever starts the process.

mod alternatives;
mod batch;
mod round_trip;
mod valuations;

use std::fmt::Write as _;
use std::path::Path;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::control::failure::Failure;
use crate::control::gpu::Where;
use crate::control::machine::Machine;
use crate::control::wide_backend::BackendKind;
use crate::control::wide_config::{MeasuredConfig, WorkKind, crossover};
use crate::pipeline::tsc::Calibration;

/// Dependents of the listing that changes.
const WIDTHS: [u32; 8] = [0, 32, 128, 512, 1_024, 4_096, 8_192, 16_384];

/// Widths at which the ways to have a tick answered are compared.
const ALTERNATIVE_WIDTHS: [u32; 2] = [0, 512];

const fn name_of(work: WorkKind) -> &'static str {
    match work {
        WorkKind::Relations => "relations",
        WorkKind::Options => "options",
    }
}

/// Everything that was measured.
struct Measured {
    device: String,
    requests: u32,
    round_trips: Vec<round_trip::Row>,
    alternatives: Vec<alternatives::Row>,
    batch: Vec<batch::Row>,
    valuations: Vec<valuations::Row>,
}

fn measure(place: Where, requests: u32, widths: &[u32]) -> Result<Measured, Failure> {
    let (mut round_trips, mut device) = (Vec::new(), String::new());
    for work in [WorkKind::Relations, WorkKind::Options] {
        for width in widths.iter().filter(|width| **width > 0 || work == WorkKind::Relations) {
            let (of_width, described) = round_trip::measure(place, work, *width, requests)?;
            round_trips.extend(of_width);
            device = described;
        }
    }
    let mut alternatives = Vec::new();
    for width in ALTERNATIVE_WIDTHS {
        alternatives.extend(alternatives::measure(place, width, requests)?);
    }
    let batch = batch::measure(place, batch::Sizes::of(requests))?;
    let valuations = valuations::measure(place, &valuations::Widths::of(place.backend, requests))?;
    Ok(Measured { device, requests, round_trips, alternatives, batch, valuations })
}

/// A part of the report: what is printed, and its rows of the JSON line.
struct Section {
    text: String,
    rows: Vec<Value>,
}

/// Measures, and says from which width on the device is worth it.
///
/// # Errors
/// No device, or one that computes something else.
pub fn run(place: Where, requests: u32, min_speedup: f64, profile: Option<&Path>) -> Result<String, Failure> {
    let text = report(&measure(place, requests, &WIDTHS)?, min_speedup, profile)?;
    let note = match place.backend {
        BackendKind::Emulated => "an interpreter on this CPU: its times say nothing of a GPU\n",
        _ => "",
    };
    Ok(format!("{note}{text}"))
}

fn report(measured: &Measured, min_speedup: f64, profile: Option<&Path>) -> Result<String, Failure> {
    let calibration = Calibration::measure();
    let Measured { device, requests, .. } = measured;
    let round_trips = round_trip_section(measured, &calibration);
    let alternatives = alternatives::section(&measured.alternatives, &calibration);
    let batch = batch::section(&measured.batch);
    let valuations = valuations::section(&measured.valuations);
    let points = points(&measured.round_trips, &calibration);
    let crossover = |work| crossover(&points, work, min_speedup);
    let (relations, options) = (crossover(WorkKind::Relations), crossover(WorkKind::Options));
    let shown = |width: Option<u32>| width.map_or("never".to_owned(), |width| width.to_string());
    let mut text = format!(
        "{device}\nrequest to answer, ns; {requests} requests a line, CPU and device in turn, all answers equal\n{}at least \
         {min_speedup} times as fast as one core from this width on: relations {}, options {}\n{}{}{}",
        round_trips.text,
        shown(relations),
        shown(options),
        alternatives.text,
        batch.text,
        valuations.text,
    );
    if let Some(path) = profile {
        let profile = profile_text(device, &points) + &valuations::profile_text(&measured.valuations);
        std::fs::write(path, profile)
            .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
        let _ = writeln!(text, "written to {}", path.display());
    }
    let line = json!({
        "scenario": "gpu_bench", "device": device, "machine": Machine::read(), "rows": round_trips.rows,
        "alternatives": alternatives.rows, "batch": batch.rows, "valuations": valuations.rows,
        "crossover_relations": relations,
        "crossover_options": options, "min_speedup": min_speedup,
    });
    let _ = writeln!(text, "{line}");
    Ok(text)
}

fn ns_at(calibration: &Calibration, histogram: &Histogram<u64>, quantile: f64) -> u64 {
    calibration.ticks_to_ns(histogram.value_at_quantile(quantile))
}

fn points(rows: &[round_trip::Row], calibration: &Calibration) -> Vec<MeasuredConfig> {
    rows.iter()
        .map(|row| MeasuredConfig {
            work: row.work,
            width: row.width,
            cpu_ns: ns_at(calibration, &row.cpu, 0.5),
            device_ns: ns_at(calibration, &row.device, 0.5),
        })
        .collect()
}

fn round_trip_section(measured: &Measured, calibration: &Calibration) -> Section {
    let requests = measured.requests;
    let mut text = format!(
        "{:<10} {:>6} {:>7} {:>7} {:>10} {:>10} {:>10} {:>10} {:>8}\n",
        "work", "width", "change", "items", "cpu p50", "dev p50", "dev p99", "dev p99.9", "speedup"
    );
    let mut rows = Vec::new();
    for row in &measured.round_trips {
        let ns = |histogram, quantile| ns_at(calibration, histogram, quantile);
        let (cpu, device) = (ns(&row.cpu, 0.5), ns(&row.device, 0.5));
        let (p99, p999) = (ns(&row.device, 0.99), ns(&row.device, 0.999));
        let items = row.items as f64 / f64::from(requests);
        let speedup = cpu as f64 / device.max(1) as f64;
        let change = if row.is_moving { "moving" } else { "quiet" };
        let _ = writeln!(
            text,
            "{:<10} {:>6} {change:>7} {items:>7.1} {cpu:>10} {device:>10} {p99:>10} {p999:>10} {speedup:>8.2}",
            name_of(row.work),
            row.width,
        );
        rows.push(json!({
            "work": name_of(row.work), "width": row.width, "change": change, "items": items, "cpu_p50_ns": cpu,
            "device_p50_ns": device, "device_p99_ns": p99, "device_p999_ns": p999, "requests": requests,
        }));
    }
    Section { text, rows }
}

/// The part of a configuration that `--backend auto` goes by.
fn profile_text(device: &str, measured: &[MeasuredConfig]) -> String {
    let mut text = format!("# Measured by `warptick gpu bench` on {device}.\n[wide]\nmeasured = [\n");
    for MeasuredConfig { work, width, cpu_ns, device_ns } in measured {
        let work = name_of(*work);
        let _ = writeln!(
            text,
            "    {{ work = \"{work}\", width = {width}, cpu_ns = {cpu_ns}, device_ns = {device_ns} }},"
        );
    }
    text.push_str("]\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::wide_backend::BackendKind;

    #[test]
    fn a_small_run_on_the_interpreter_has_every_row() {
        let place = Where { backend: BackendKind::Emulated, ordinal: 0 };
        let measured = measure(place, 20, &[0, 32]).unwrap_or_else(|failure| panic!("{failure:?}"));
        let text = report(&measured, 2.0, None).unwrap_or_else(|failure| panic!("{failure:?}"));
        let line = text.lines().last().expect("a line");
        let json: Value = serde_json::from_str(line).expect("the last line is JSON");
        // Relations at two widths, options at one, quiet and moving.
        assert_eq!(json["rows"].as_array().map(Vec::len), Some(6), "{text}");
        for (rows, key, names) in [
            ("alternatives", "way", ["resident", "epoch", "launch", "graph"].as_slice()),
            ("batch", "work", ["books", "relations", "options"].as_slice()),
            ("valuations", "work", ["price_chain_spot", "price_each_spot", "implied_each_spot"].as_slice()),
            ("valuations", "work", ["american_prices", "paths_european", "paths_asian_12_steps"].as_slice()),
        ] {
            for name in names {
                let found =
                    json[rows].as_array().is_some_and(|rows| rows.iter().any(|row| row[key] == *name));
                assert!(found, "no {name} in {rows}: {text}");
            }
        }
        assert!(json["batch"].as_array().is_some_and(|rows| rows.iter().all(|row| row["items"] != 0)));
    }
}
