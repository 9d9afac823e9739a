//! What `warptick report DIR` prints: where the page is, and the stage table of the run.

use std::fmt;
use std::path::PathBuf;

use super::facts::Facts;

/// The text for the terminal.
#[derive(Clone, Debug)]
pub struct Printed {
    /// The page.
    pub page: PathBuf,
    /// What it was made of.
    pub facts: Facts,
}

impl fmt::Display for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.facts.run.command.is_empty() {
            writeln!(f, "command       {}", self.facts.run.command)?;
        }
        for verdict in &self.facts.verdicts {
            writeln!(f, "{:<13} {}", verdict.standing.word(), verdict.text)?;
        }
        self.stages(f)?;
        if let Some(summary) = &self.facts.summary {
            writeln!(f, "book hash     {}", summary.book_hash)?;
            writeln!(f, "order digest  {}", summary.order_stream_sha256)?;
        }
        writeln!(f, "page          {}", self.page.display())
    }
}

impl Printed {
    fn stages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.facts.stages.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "{:<16} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "stage (ns)", "count", "min", "p50", "p90", "p99", "p99.9", "max"
        )?;
        for stage in &self.facts.stages {
            let row = stage.distribution;
            write!(f, "{:<16} {:>10}", stage.name, row.count)?;
            for value in [row.min_ns, row.p50_ns, row.p90_ns, row.p99_ns, row.p999_ns, row.max_ns] {
                match value {
                    Some(ns) => write!(f, " {ns:>9}")?,
                    None => write!(f, " {:>9}", "-")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
