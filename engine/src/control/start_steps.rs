//! What a run does before it trades, each step with what came of it: for the report, so that nobody has to believe that
//! memory was locked or the path was warm.
//!
//! Cold: threads add their steps before their loops begin.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartStep {
    /// Its name.
    pub name: String,
    /// What came of it.
    pub result: String,
    /// It came to what it is for; else the run goes on without it, slower.
    pub is_done: bool,
    /// How long it took, ns.
    pub time_ns: u64,
}

impl fmt::Display for StartStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_done { "" } else { "NOT DONE: " };
        write!(f, "{:<10} {verdict}{} ({:.1} ms)", self.name, self.result, self.time_ns as f64 / 1e6)
    }
}

/// The steps of a run, in their order.
#[derive(Debug, Default)]
pub struct StartSteps(Mutex<Vec<StartStep>>);

impl StartSteps {
    /// Adds a step that began at `since` and is over now.
    pub fn add(&self, name: &str, since: Instant, is_done: bool, result: String) {
        let time_ns = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let step = StartStep { name: name.to_owned(), result, is_done, time_ns };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(step);
    }

    /// All of them.
    #[must_use]
    pub fn into_steps(self) -> Vec<StartStep> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
