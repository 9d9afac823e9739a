//! What can be wrong with a journal. Cold: these carry paths and are never made on a hot thread.

use super::{JournalThread, PayloadError};
use std::fmt;
use std::path::PathBuf;

/// Why a journal could not be made, kept or read. The text names the file, the offset and the way out.
#[derive(Debug)]
pub enum JournalError {
    /// The operating system refused.
    Io {
        /// What was being done, as a verb phrase.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// The directory holds a journal already; a run never overwrites another's.
    DirectoryInUse {
        /// The file that shows it.
        found: PathBuf,
    },
    /// The run of the journal has not ended, or somebody goes on from it already.
    StillRunning {
        /// Its run header.
        path: PathBuf,
    },
    /// An option is out of its range.
    Option {
        /// Which option, and its range.
        what: &'static str,
        /// The value given.
        value: u64,
    },
    /// The directory has no run header, so it is no journal.
    NotAJournal {
        /// The run header looked for.
        missing: PathBuf,
    },
    /// The thread wrote nothing in this run.
    NoSegments {
        /// Which thread.
        thread: JournalThread,
    },
    /// A segment is missing before a later one.
    MissingSegment {
        /// Where it should be.
        missing: PathBuf,
    },
    /// Records that were on the device are gone.
    Lost {
        /// Whose records.
        thread: JournalThread,
        /// The last one that was durable.
        durable: u64,
        /// The last one that is here.
        found: u64,
    },
    /// A writer still exists, so its last segment cannot be closed.
    WriterStillOpen {
        /// Whose writer.
        thread: JournalThread,
    },
    /// The file's content is not what a writer leaves, not even a killed one.
    Damaged {
        /// The segment file.
        path: PathBuf,
        /// Byte offset of the header or record at fault.
        offset: u64,
        /// What is wrong with it.
        damage: Damage,
    },
}

/// What is wrong with a segment or a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The file does not start with the magic number.
    Magic,
    /// Another format version.
    Version {
        /// The version found.
        found: u32,
    },
    /// The segment header's CRC does not match, or the header is cut.
    HeaderCrc,
    /// The segment belongs to another run: its run id is not the hash of the run header.
    OtherRun,
    /// The header names another thread than the file name.
    OtherThread {
        /// The thread's code in the header.
        found: u32,
    },
    /// The header names another segment number than the file name.
    OtherNumber {
        /// The number in the header.
        found: u64,
    },
    /// The file is longer than its header says.
    TooLong {
        /// Bytes that the header allows.
        header_bytes: u64,
    },
    /// The first sequence number does not continue the previous segment.
    FirstSequence {
        /// What would continue it.
        expected: u64,
        /// What the header says.
        found: u64,
    },
    /// The CRC chain does not match: a neighbouring segment was exchanged or rewritten.
    Chain,
    /// A record out of sequence.
    Sequence {
        /// What would continue.
        expected: u64,
        /// What the record says.
        found: u64,
    },
    /// A record kind that this build does not know.
    Kind {
        /// The code.
        found: u8,
    },
    /// Length or CRC of a record is wrong, and a valid record follows it.
    RecordBeforeValid {
        /// Offset of the valid record.
        valid_offset: u64,
    },
    /// Length or CRC of a record is wrong, or its place is empty, and a later segment goes on.
    RecordBeforeSegment,
    /// Bytes follow the record that closes the journal.
    AfterClose,
    /// A whole record whose payload is not one of its kind.
    Payload(PayloadError),
}

impl fmt::Display for JournalError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, path, source } => {
                write!(out, "journal: cannot {doing} {}: {source}", path.display())
            }
            Self::DirectoryInUse { found } => {
                write!(out, "journal: {} shows an earlier run; choose an empty directory", found.display())
            }
            Self::StillRunning { path } => {
                write!(out, "journal: {} is locked: its run still goes on; end it first", path.display())
            }
            Self::Option { what, value } => write!(out, "journal: {what}, not {value}"),
            Self::NotAJournal { missing } => {
                write!(out, "journal: {} is absent: not a journal", missing.display())
            }
            Self::NoSegments { thread } => write!(out, "journal: thread {} wrote no segment", thread.name()),
            Self::MissingSegment { missing } => {
                write!(out, "journal: {} is missing, later segments are here; restore it", missing.display())
            }
            Self::Lost { thread, durable, found } => write!(
                out,
                "journal: the records of {} end with {found}, but they were on the device up to {durable}: segments were \
                 lost or exchanged; restore them",
                thread.name()
            ),
            Self::WriterStillOpen { thread } => {
                write!(out, "journal: the writer of {} is still open; close it first", thread.name())
            }
            Self::Damaged { path, offset, damage } => {
                write!(out, "journal: {}, offset {offset}: {damage}", path.display())
            }
        }
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => write!(out, "not a journal segment (magic number)"),
            Self::Version { found } => {
                write!(out, "format version {found}, this build reads {}", super::FORMAT_VERSION)
            }
            Self::HeaderCrc => write!(out, "the segment header is damaged (CRC)"),
            Self::OtherRun => write!(out, "the segment is of another run than {}", super::RUN_HEADER_FILE),
            Self::OtherThread { found } => write!(out, "the segment is of thread code {found}"),
            Self::OtherNumber { found } => write!(out, "the segment says that it is number {found}"),
            Self::TooLong { header_bytes } => write!(out, "the file is longer than its {header_bytes} bytes"),
            Self::FirstSequence { expected, found } => {
                write!(out, "the segment starts at record {found}, the one before it ended before {expected}")
            }
            Self::Chain => write!(out, "the CRC chain from the segment before it does not match"),
            Self::Sequence { expected, found } => write!(out, "record {found} where {expected} was due"),
            Self::Kind { found } => write!(
                out,
                "record kind {found}, which this build does not know: a journal of another version"
            ),
            Self::RecordBeforeValid { valid_offset } => {
                write!(
                    out,
                    "damaged record, and a valid one follows at {valid_offset}: corruption, no torn tail"
                )
            }
            Self::RecordBeforeSegment => {
                write!(
                    out,
                    "records end or are damaged here, but a later segment goes on: corruption, no torn tail"
                )
            }
            Self::AfterClose => write!(out, "bytes after the record that closes the journal"),
            Self::Payload(error) => write!(out, "{error}"),
        }
    }
}
