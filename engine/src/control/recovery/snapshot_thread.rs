//! The thread that follows a run's own journal and saves the state every so often.
//!
//! It reads the segments as anybody could; the hot threads do not know of it. What it finds half written at the end is
//! read again the next time. It never ends a run: a restart without a snapshot reads more records, that is all.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::control::config::Config;
use crate::control::failure::Failure;
use crate::control::journal::DecideReader;
use crate::control::recovery::{Ledger, snapshot};

/// How often it looks whether the run is over.
const LOOK: Duration = Duration::from_millis(20);

/// Times in a row that the journal cannot be read before it gives up. A writer may be seen in the middle of a record.
const TRIES: u32 = 5;

/// See the module's text.
pub struct SnapshotThread {
    dir: PathBuf,
    run_id: [u8; 32],
    ledger: Ledger,
    interval: Option<Duration>,
    /// A snapshot is written at once: the run took over a state.
    at_once: bool,
    number: u64,
    failures: u32,
}

impl SnapshotThread {
    /// Follows the journal in `dir` of a run under `config`, the first time at once where the run is `resumed`.
    ///
    /// # Errors
    /// A configuration without a date.
    pub fn new(dir: &Path, run_id: [u8; 32], config: &Config, resumed: bool) -> Result<Self, Failure> {
        let seconds = config.journal.snapshot_s;
        Ok(Self {
            dir: dir.to_owned(),
            run_id,
            ledger: Ledger::of(config)?,
            interval: (seconds > 0).then(|| Duration::from_secs(seconds)),
            at_once: resumed,
            number: 0,
            failures: 0,
        })
    }

    /// Works until the run is over; how many snapshots it wrote, and what it could not do.
    pub fn run(mut self, is_over: impl Fn() -> bool) -> (u64, Option<String>) {
        let mut due = if self.at_once { Some(Instant::now()) } else { self.next() };
        while !is_over() {
            if due.is_some_and(|due| Instant::now() >= due) {
                if let Err(error) = self.turn() {
                    self.failures += 1;
                    if self.failures >= TRIES {
                        return (self.number, Some(error));
                    }
                } else {
                    self.failures = 0;
                }
                due = self.next();
            }
            std::thread::sleep(LOOK);
        }
        (self.number, None)
    }

    fn next(&self) -> Option<Instant> {
        self.interval.map(|interval| Instant::now() + interval)
    }

    /// Applies the records that have come, and saves the state.
    ///
    /// # Errors
    /// What cannot be read or written, in words.
    pub fn turn(&mut self) -> Result<(), String> {
        let reader = DecideReader::open_after(&self.dir, self.ledger.sequence());
        let mut outcome = Ok(());
        for record in reader.map_err(|error| error.to_string())? {
            match record {
                Ok(record) => self.ledger.apply(&record).map_err(|error| error.to_string())?,
                // Everything before it is good.
                Err(error) => outcome = Err(error.to_string()),
            }
        }
        let state = self.ledger.carried(self.run_id).map_err(|error| error.to_string())?;
        let (sequence, heard) = (self.ledger.sequence(), self.ledger.heard());
        let written = snapshot::write(&self.dir, self.number + 1, &self.run_id, sequence, &state, heard);
        written.map_err(|error| error.to_string())?;
        self.number += 1;
        outcome
    }
}
