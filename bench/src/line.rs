//! The JSON line of one result: the figures and everything that a reader needs to judge them.

use engine::control::digest::hex;
use engine::control::machine::Machine;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::timing::Figures;

/// One result, or one reason why there is none.
#[derive(Debug, Serialize)]
pub struct Line {
    scenario: &'static str,
    variant: String,
    commit: &'static str,
    machine: Machine,
    toolchain: &'static str,
    profile: &'static str,
    pinning: String,
    digest: String,
    load_model: String,
    clock: &'static str,
    warm_up: String,
    #[serde(flatten)]
    figures: Figures,
    #[serde(flatten)]
    more: Map<String, Value>,
    checks: Vec<String>,
}

impl Line {
    /// A line of `scenario`. `load_model` says what is done and by how many at once, `warm_up` what was thrown away.
    #[must_use]
    pub fn new(scenario: &'static str, variant: &str, load_model: &str, warm_up: &str) -> Self {
        Self {
            scenario,
            variant: variant.to_owned(),
            commit: env!("BENCH_COMMIT"),
            machine: Machine::read(),
            toolchain: env!("BENCH_TOOLCHAIN"),
            profile: env!("BENCH_PROFILE"),
            pinning: pinning(),
            digest: chained("", [scenario, variant, load_model, warm_up].map(str::as_bytes)),
            load_model: load_model.to_owned(),
            clock: "rdtsc, calibrated against CLOCK_MONOTONIC at start",
            warm_up: warm_up.to_owned(),
            figures: Figures::default(),
            more: Map::new(),
            checks: Vec::new(),
        }
    }

    /// The percentiles.
    #[must_use]
    pub fn figures(mut self, figures: Figures) -> Self {
        self.figures = figures;
        self
    }

    /// Another clock than the counter.
    #[must_use]
    pub fn clock(mut self, clock: &'static str) -> Self {
        self.clock = clock;
        self
    }

    /// Pinning done by the scenario itself.
    #[must_use]
    pub fn pinned(mut self, pinning: &str) -> Self {
        self.pinning = format!("{pinning}; process: {}", self.pinning);
        self
    }

    /// Input that the scenario worked on: it enters the line's digest, so that figures of different input are told apart.
    #[must_use]
    pub fn given<B: AsRef<[u8]>>(mut self, input: impl IntoIterator<Item = B>) -> Self {
        self.digest = chained(&self.digest, input);
        self
    }

    /// One more figure or fact.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.more.insert(key.to_owned(), value.into());
        self
    }

    /// Something that was checked and held.
    #[must_use]
    pub fn checked(mut self, what: &str) -> Self {
        self.checks.push(what.to_owned());
        self
    }

    /// The line as text.
    ///
    /// # Errors
    /// None in practice; the serialiser's text.
    pub fn to_json(&self) -> Result<String, String> {
        serde_json::to_string(self).map_err(|error| error.to_string())
    }
}

/// SHA-256 over a digest and what is added to it, each part with its length before it.
fn chained<B: AsRef<[u8]>>(before: &str, parts: impl IntoIterator<Item = B>) -> String {
    let mut hash = Sha256::new_with_prefix(before);
    for part in parts {
        hash.update((part.as_ref().len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize().into())
}

/// CPUs that this process may use and how it is scheduled, as the kernel says it.
fn pinning() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let status = read("/proc/self/status");
    let cpus = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let cpus = cpus.map_or("unknown", str::trim);
    let stat = read("/proc/self/stat");
    // The command's name, in parentheses, may hold spaces; what follows it starts with field 3.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
    let policy = match (fields.get(38), fields.get(37)) {
        (Some(&"0"), _) => format!("SCHED_OTHER nice {}", fields.get(16).unwrap_or(&"?")),
        (Some(&"1"), Some(priority)) => format!("SCHED_FIFO {priority}"),
        (Some(&"2"), Some(priority)) => format!("SCHED_RR {priority}"),
        (policy, _) => format!("policy {policy:?}"),
    };
    format!("CPUs {cpus}, {policy}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_json_object_with_its_method() {
        let text = Line::new("risk", "x", "one thread", "none")
            .with("accepted", 3)
            .checked("counts")
            .to_json()
            .expect("serialisable");
        assert!(!text.contains('\n'));
        let line: Value = serde_json::from_str(&text).expect("JSON");
        for key in [
            "scenario",
            "variant",
            "commit",
            "machine",
            "toolchain",
            "profile",
            "pinning",
            "digest",
            "load_model",
            "clock",
            "warm_up",
            "samples",
            "calls_per_sample",
            "p50_ns",
            "p99_ns",
            "p999_ns",
            "min_ns",
            "max_ns",
            "checks",
        ] {
            assert!(line.get(key).is_some(), "{key} is missing: {text}");
        }
        assert_eq!((&line["accepted"], &line["checks"][0]), (&Value::from(3), &Value::from("counts")));
        assert!(line["machine"]["kernel"].is_string(), "{text}");
        assert!(line["pinning"].as_str().is_some_and(|text| text.contains("SCHED_")), "{text}");
    }

    #[test]
    fn digests_tell_inputs_apart() {
        let line = || Line::new("risk", "x", "one thread", "none");
        let of = |line: Line| line.digest;
        assert_eq!(of(line().given(["ab", "c"])), of(line().given(["ab", "c"])));
        assert_ne!(of(line().given(["ab", "c"])), of(line().given(["a", "bc"])));
        assert_ne!(of(line()), of(line().given(["ab"])));
        assert_ne!(of(line()), of(Line::new("risk", "y", "one thread", "none")));
        assert_eq!(of(line()).len(), 64);
    }
}
