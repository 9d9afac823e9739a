//! What happened, for people: kept only where somebody will read it, the last events of a day.

use std::collections::VecDeque;

/// Lines that are kept.
const LINES: usize = 60;

/// A broken invariant.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Its name; a smaller day tells the same story when it breaks the same one.
    pub rule: &'static str,
    pub what: String,
}

impl Broken {
    pub fn new(rule: &'static str, what: impl Into<String>) -> Self {
        Self { rule, what: what.into() }
    }
}

impl From<(&'static str, String)> for Broken {
    fn from((rule, what): (&'static str, String)) -> Self {
        Self { rule, what }
    }
}

/// See the module's text.
#[derive(Default)]
pub struct Story {
    is_told: bool,
    start_ns: u64,
    lines: VecDeque<String>,
}

impl Story {
    /// A story that is told to the end.
    pub fn told(start_ns: u64) -> Self {
        Self { is_told: true, start_ns, lines: VecDeque::new() }
    }

    pub const fn is_wanted(&self) -> bool {
        self.is_told
    }

    pub fn note(&mut self, now_ns: u64, what: impl FnOnce() -> String) {
        if !self.is_told {
            return;
        }
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        let passed_us = now_ns.saturating_sub(self.start_ns) / 1_000;
        self.lines.push_back(format!("{:>10.3} ms  {}", passed_us as f64 / 1_000.0, what()));
    }

    /// Bytes of a session; heartbeats tell nothing.
    pub fn bytes(&mut self, now_ns: u64, what: impl FnOnce() -> String) {
        if self.is_told {
            let what = what();
            if !what.contains(" 35=0|") {
                self.note(now_ns, || what);
            }
        }
    }

    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}
