//! Recovery: orders, positions and numbers of a run that ended or was killed, from its journal, without its books.
//!
//! A [`Ledger`] applies the decisions and the executions on record to an order table; a [`snapshot`] saves what it came to,
//! with the number of the last record in it. [`recover`] takes the newest snapshot that is whole and applies the records
//! behind it: the same state as from the first record on. What the venues had said and decide had not heard comes from order
//! entry's bytes ([`hear`]). While a live run goes on, a [`SnapshotThread`] follows its journal
//! and writes a snapshot every so often, so that a restart reads little.
//!
//! Cold; it allocates and reads files. It refuses to guess: a record that contradicts the state, an end of the journal that
//! is lost, are errors. A damaged snapshot is said and passed over.

mod ledger;
pub mod snapshot;
mod snapshot_thread;

pub use ledger::{Heard, Ledger, LedgerError, LedgerSizes};
pub use snapshot_thread::SnapshotThread;

use std::path::Path;

use crate::control::config::Config;
use crate::control::failure::Failure;
use crate::control::journal::{DecideReader, JournalError};
use crate::control::run_header::RunHeader;
use crate::order::Execution;
use crate::pipeline::carried_state::CarriedState;

/// What a journal leaves to the run that goes on with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    /// Orders, positions, numbers.
    pub state: CarriedState,
    /// How much of what the venues said is in it.
    pub heard: Heard,
    /// The snapshot that it started from, and the last record in that; `None`: from the first record.
    pub snapshot: Option<(u64, u64)>,
    /// Records of decide applied behind it.
    pub records: u64,
    /// Snapshots that were passed over, and why.
    pub damaged: Vec<String>,
}

/// The state at the end of the journal in `dir`, whose header is `header` and whose run id is `run_id`.
///
/// # Errors
/// A journal that cannot be read or that contradicts itself; a snapshot or a watermark that speaks of records that are gone.
pub fn recover(dir: &Path, header: &RunHeader, run_id: [u8; 32]) -> Result<Recovered, Failure> {
    let unreadable = |error: JournalError| Failure::Input(error.to_string());
    let refused = |error: LedgerError| Failure::Input(format!("{}: {error}", dir.display()));
    let (found, damaged) = snapshot::newest(dir, &run_id).map_err(unreadable)?;
    let from = found.as_ref().map(|snapshot| (snapshot.number, snapshot.sequence));
    let mut ledger = match &found {
        Some(snapshot) => {
            Ledger::of(&header.config)?.restored(&snapshot.state, &snapshot.heard).map_err(refused)?
        }
        None => Ledger::of(&header.config)?,
    };
    let after = from.map_or(0, |(_, sequence)| sequence);
    let mut reader = match DecideReader::open_after(dir, after) {
        Ok(reader) => reader,
        Err(JournalError::NoSegments { .. }) if header.resumes.is_some() => {
            return Err(refused(LedgerError::NotTakenOver));
        }
        Err(error) => return Err(unreadable(error)),
    };
    let mut records = 0;
    for record in reader.by_ref() {
        ledger.apply(&record.map_err(unreadable)?).map_err(refused)?;
        records += 1;
    }
    if let Some((number, sequence)) = from.filter(|&(_, sequence)| reader.last_sequence() < sequence) {
        return Err(Failure::Input(format!(
            "{}: snapshot {number} has seen {sequence} records, the journal ends with {}: its end is lost. Settle orders and \
             positions with the venues by hand, then start without --resume",
            dir.display(),
            reader.last_sequence()
        )));
    }
    reader.check_watermark(dir).map_err(unreadable)?;
    if header.resumes.is_some() && from.is_none() && records == 0 {
        return Err(refused(LedgerError::NotTakenOver));
    }
    let state = ledger.carried(run_id).map_err(refused)?;
    let heard = ledger.heard().clone();
    Ok(Recovered { state, heard, snapshot: from, records, damaged })
}

/// The state that a run under `config` would have ended with had it heard this as well.
///
/// # Errors
/// A state that does not fit the configuration.
pub fn hear(config: &Config, state: &CarriedState, unheard: &[Execution]) -> Result<CarriedState, Failure> {
    let refused = |error: LedgerError| Failure::Input(error.to_string());
    let mut ledger = Ledger::of(config)?.restored(state, &Heard::default()).map_err(refused)?;
    ledger.hear(unheard).map_err(refused)?;
    ledger.carried(state.former_run).map_err(refused)
}
