//! The journal: what a run saw and what it did, in one directory, so that a run can be replayed, checked and
//! explained after a kill.
//!
//! Each hot thread owns one series of segment files, `DIR/<thread>.<number>.wtj`, mapped and pre-faulted before the
//! thread touches them. [`SegmentWriter::append`] is a handful of stores and one CRC-32C: no system call, no
//! allocation, no lock. [`JournalKeeper`] lives on the housekeeping thread; it creates segments ahead of the
//! writers, and cuts, syncs and closes the full ones, which travel between the two through rings. [`JournalReader`]
//! and what stands on it ([`verify`], [`show`], [`DecideReader`]) read a directory after the fact.
//!
//! What a kill can do: stores into a mapped file survive the process, and a record's length is stored last, so a
//! killed process loses nothing that it appended. Loss of power is another matter, see [`Durability`]. A reader
//! accepts an incomplete record at the very end and says how much of it there was; it refuses a journal with
//! a valid record after a bad one, a missing segment or a sequence number out of line, since that is damage and not
//! a torn tail, and what follows it cannot be trusted.
//!
//! A journal is always a prefix of what happened: a writer that once could not append appends nothing afterwards.
//! A directory holds one run; a second run is refused. Nothing here re-opens a journal to append.

mod answer_records;
mod carried_records;
mod command_records;
mod error;
mod keeper;
mod kind;
mod layout;
mod market_record;
mod order_records;
mod reader;
mod recorder;
mod records;
mod scratch;
mod segment;
mod show;
mod surface_records;
mod syncer;
mod verify;
mod watermark;
mod worth_records;
mod writer;

#[cfg(test)]
mod append_cost_tests;
#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod kill_tests;
#[cfg(test)]
mod power_tests;
#[cfg(test)]
mod round_trip_tests;

pub use answer_records::{ANSWER_ITEMS_BYTES_MAX, ANSWER_ITEMS_MAX, AnswerEnd, AnswerItems};
pub use carried_records::{
    CarriedBuilder, NotResumed, Resumed, decode_account, decode_booked_fill, decode_holding,
    decode_open_order, encode_account, encode_booked_fill, encode_holding, encode_open_order,
    for_each_carried,
};
pub use command_records::{Slots, decode_command, decode_note, encode_command, encode_note};
pub use error::{Damage, JournalError};
pub(crate) use keeper::sync_directory;
pub use keeper::{Durability, JournalKeeper, JournalLock, JournalOptions, RUN_HEADER_FILE, create, lock};
pub use kind::{PayloadError, RecordKind};
pub use layout::{
    FORMAT_VERSION, PAYLOAD_MAX_BYTES, RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC,
    SEGMENT_MIN_BYTES,
};
pub use market_record::{decode_market_event, encode_market_event};
pub use order_records::{decode_execution, decode_order, encode_execution, encode_order};
pub use reader::{DecideReader, JournalReader, Record, Sequenced, Tail};
pub use recorder::{RUN_MESSAGES_MAX, RunRecorder};
pub use records::{CaptureOpened, Connected, DecideRecord, End, MarketRun, RunCounts, Timer};
pub(crate) use scratch::{ScratchSegments, scratch};
pub use show::{ShowFilter, show};
pub use surface_records::{SURFACE_VOLS_BYTES_MAX, SURFACE_VOLS_MAX, SurfaceEnd, SurfaceVols};
pub use verify::{ThreadReport, VerifyReport, check_watermark, verify};
pub use watermark::WATERMARK_FILE;
pub use worth_records::{decode_valuation, decode_worth, encode_valuation, encode_worth};
pub use writer::{AppendError, SegmentWriter};

/// The hot threads that write a journal. The code is in every segment header, the name in every file name.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JournalThread {
    /// Reads packets: which captures it has opened.
    Ingest = 1,
    /// The sequencer: its inputs and its actions.
    Decide = 2,
    /// Owns the sessions: the bytes sent and received.
    OrderEntry = 3,
}

impl JournalThread {
    /// Every thread, in the order of the data.
    pub const ALL: [Self; 3] = [Self::Ingest, Self::Decide, Self::OrderEntry];

    /// The name in file names and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Decide => "decide",
            Self::OrderEntry => "order_entry",
        }
    }

    /// The thread of a name, `None` for any other word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|thread| thread.name() == name)
    }
}
