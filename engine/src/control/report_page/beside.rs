//! What other commands lay into a report's directory beside `report.json`: `rates.json` of `bench latency`, and
//! `slowest.json`, the slowest orders of a run.
//!
//! They are read when the page is made. A key that is absent is one that was not measured; keys that the page does not know
//! are passed over.

use std::io;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::facts::read_json;
use crate::control::slowest::{SLOWEST_FILE, SlowestFile};

/// A row of latency against rate.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RateRow {
    /// Messages a second that were due.
    pub offered_per_s: f64,
    /// Messages a second that were decided on.
    pub achieved_per_s: Option<f64>,
    /// From the due time, ns.
    pub p50_ns: Option<u64>,
    /// See above.
    pub p90_ns: Option<u64>,
    /// See above.
    pub p99_ns: Option<u64>,
    /// See above.
    pub p999_ns: Option<u64>,
    /// See above.
    pub max_ns: Option<u64>,
    /// From the hand-over, ns.
    pub service_p50_ns: Option<u64>,
    /// See above.
    pub service_p99_ns: Option<u64>,
    /// Whether the generator was in time.
    pub counts: Option<bool>,
}

/// What lay beside the report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    /// Latency against rate, in the order of the rates.
    pub rates: Vec<RateRow>,
    /// The configuration under it.
    pub rates_about: Vec<String>,
    /// The slowest orders.
    pub slowest: SlowestFile,
}

impl Beside {
    /// Reads what there is.
    ///
    /// # Errors
    /// A file is there and cannot be read; the message names it.
    pub fn read(dir: &Path) -> io::Result<Self> {
        let (mut rates, rates_about) = rows(&dir.join("rates.json"), &["rates", "rows"])?;
        rates.sort_by(|a: &RateRow, b| a.offered_per_s.total_cmp(&b.offered_per_s));
        let slowest = read_json(&dir.join(SLOWEST_FILE))?.unwrap_or_default();
        Ok(Self { rates, rates_about, slowest })
    }
}

/// An array of rows, alone or under one of the keys of an object; what else the object says becomes lines of text.
fn rows<T: serde::de::DeserializeOwned>(path: &Path, keys: &[&str]) -> io::Result<(Vec<T>, Vec<String>)> {
    let Some(value) = read_json::<Value>(path)? else { return Ok((Vec::new(), Vec::new())) };
    let wrong = |what: String| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{}: not what a report writes: {what}", path.display()),
        )
    };
    let mut about = Vec::new();
    let array = match value {
        Value::Object(mut object) => {
            let array = keys.iter().find_map(|key| object.remove(*key));
            about.extend(
                object.iter().map(|(key, value)| format!("{}: {}", key.replace('_', " "), plain(value))),
            );
            array.ok_or_else(|| wrong(format!("no array under {}", keys.join(" or "))))?
        }
        other => other,
    };
    let rows = serde_json::from_value(array).map_err(|error| wrong(error.to_string()))?;
    Ok((rows, about))
}

/// A JSON value as a reader wants it: texts without their quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
