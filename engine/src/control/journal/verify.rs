//! Checks a journal from end to end and counts what it holds.

use super::records::{CaptureOpened, Connected};
use super::syncer::place_of;
use super::watermark;
use super::{
    Damage, DecideRecord, JournalError, JournalReader, JournalThread, PayloadError, Record, RecordKind, Tail,
};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// What the records of one thread came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadReport {
    /// Which thread.
    pub thread: JournalThread,
    /// Records of each kind.
    pub records: BTreeMap<RecordKind, u64>,
    /// Segments in use.
    pub segments: u64,
    /// Time of the first record, UTC ns.
    pub first_time_ns: Option<u64>,
    /// Time of the last record, UTC ns.
    pub last_time_ns: Option<u64>,
    /// How the records end.
    pub tail: Tail,
    /// The last record that is known to survive a loss of power; `None`: the run did not care for that.
    pub durable: Option<u64>,
}

/// What a journal holds, thread by thread in the order of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// The threads that wrote.
    pub threads: Vec<ThreadReport>,
}

impl VerifyReport {
    /// Whether every thread closed its journal.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.threads.iter().all(|thread| thread.tail == Tail::Closed)
    }
}

/// Reads every record of every thread, decodes its payload, and counts.
///
/// # Errors
/// [`JournalError`]: the first damage found. A torn tail is none; the report shows it.
pub fn verify(dir: &Path) -> Result<VerifyReport, JournalError> {
    let mut threads = Vec::new();
    for thread in JournalThread::ALL {
        match JournalReader::open(dir, thread) {
            Ok(reader) => threads.push(verify_thread(dir, reader)?),
            Err(JournalError::NoSegments { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    match threads.is_empty() {
        true => Err(JournalError::NoSegments { thread: JournalThread::Decide }),
        false => Ok(VerifyReport { threads }),
    }
}

/// Refuses a journal of which records are gone that were on the device; `reader` has read them to their end. Returns the
/// last record that is known to survive a loss of power, where the run cared for that.
///
/// # Errors
/// [`JournalError::Lost`], or [`JournalError::Io`].
pub fn check_watermark(dir: &Path, reader: &JournalReader) -> Result<Option<u64>, JournalError> {
    let (thread, found) = (reader.thread(), reader.last_sequence());
    let durable = watermark::read(dir, &reader.run_id())?.map(|all| all[place_of(thread)]);
    match durable {
        Some(durable) if found < durable => Err(JournalError::Lost { thread, durable, found }),
        durable => Ok(durable),
    }
}

fn verify_thread(dir: &Path, mut reader: JournalReader) -> Result<ThreadReport, JournalError> {
    let mut report = ThreadReport {
        thread: reader.thread(),
        records: BTreeMap::new(),
        segments: 0,
        first_time_ns: None,
        last_time_ns: None,
        tail: Tail::NotClosed { last_sequence: 0 },
        durable: None,
    };
    while let Some(record) = reader.next_record()? {
        check_payload(&record).map_err(|error| JournalError::Damaged {
            path: record.file.to_owned(),
            offset: record.offset,
            damage: Damage::Payload(error),
        })?;
        *report.records.entry(record.kind).or_default() += 1;
        report.first_time_ns.get_or_insert(record.time_ns);
        report.last_time_ns = Some(record.time_ns);
    }
    report.durable = check_watermark(dir, &reader)?;
    report.segments = reader.segments_read();
    report.tail = reader.tail().unwrap_or(report.tail);
    Ok(report)
}

fn check_payload(record: &Record<'_>) -> Result<(), PayloadError> {
    match record.kind {
        RecordKind::Sent | RecordKind::Received => Ok(()),
        RecordKind::CaptureOpened => CaptureOpened::decode(record.payload).map(drop),
        RecordKind::Connected => Connected::decode(record.payload).map(drop),
        kind => DecideRecord::decode(kind, record.payload).map(drop),
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for thread in &self.threads {
            let records: u64 = thread.records.values().sum();
            let name = thread.thread.name();
            writeln!(out, "{name}: {records} records in {} segments, {}", thread.segments, thread.tail)?;
            if let Some(durable) = thread.durable {
                writeln!(out, "  on the device up to record {durable}")?;
            }
            if let (Some(first), Some(last)) = (thread.first_time_ns, thread.last_time_ns) {
                writeln!(out, "  from {first} to {last} ns UTC")?;
            }
            for (kind, count) in &thread.records {
                writeln!(out, "  {:<15} {count:>12}", kind.name())?;
            }
        }
        Ok(())
    }
}
