//! Reading a journal: the records of one thread in order, across its segments.
//!
//! Cold: it reads whole segments into memory. It never panics on any bytes, and never yields a record that was not
//! written: each has passed its CRC, its sequence number and its segment's place in the chain. At the first thing
//! that cannot be it stops with an error; an incomplete record at the very end is not an error but a [`Tail`].

use super::keeper::{RUN_HEADER_FILE, SEGMENT_EXTENSION, segment_path};
use super::layout::{
    FrameState, HeaderDefect, SEGMENT_HEADER_BYTES, SegmentHeader, chain, find_frame, frame_at,
};
use super::{Damage, DecideRecord, JournalError, JournalThread, RecordKind};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// One record as it was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Sequence number in its thread's series, from 1.
    pub sequence: u64,
    /// Core time, UTC ns.
    pub time_ns: u64,
    /// What it holds.
    pub kind: RecordKind,
    /// Session number of order entry's bytes, else 0.
    pub session: u16,
    /// Its payload.
    pub payload: &'a [u8],
    /// The segment file.
    pub file: &'a Path,
    /// Byte offset of the record in the file.
    pub offset: u64,
}

/// How the records of a thread end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// The thread closed its journal: nothing is missing.
    Closed,
    /// The process ended without closing; the last record is whole.
    NotClosed {
        /// Sequence number of the last record, 0 when there is none.
        last_sequence: u64,
    },
    /// The process or the machine died while a record was being written; what came before is whole.
    Torn {
        /// Sequence number of the last whole record, 0 when there is none.
        last_sequence: u64,
        /// Bytes of the incomplete record.
        bytes: u64,
    },
}

impl std::fmt::Display for Tail {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => write!(out, "closed"),
            Self::NotClosed { last_sequence } => write!(out, "not closed, ends with record {last_sequence}"),
            Self::Torn { last_sequence, bytes } => {
                write!(out, "{bytes} bytes after record {last_sequence} were torn")
            }
        }
    }
}

/// A segment before it is read.
enum Piece {
    File,
    Memory(Vec<u8>),
}

/// Reads the records of one thread. See the module documentation.
pub struct JournalReader {
    thread: JournalThread,
    run_id: [u8; 32],
    /// Path and content of segments 1, 2, ... in order.
    pieces: Vec<(PathBuf, Piece)>,
    /// Index of the segment in `bytes`.
    current: usize,
    bytes: Vec<u8>,
    offset: usize,
    next_sequence: u64,
    header_crc: u32,
    last_record_crc: u32,
    closed: bool,
    failed: bool,
    tail: Option<Tail>,
}

impl JournalReader {
    /// Opens the records of `thread` in a journal's directory.
    ///
    /// # Errors
    /// [`JournalError`]: no journal, nothing of that thread, a segment missing, or the first segment's header damaged.
    pub fn open(dir: &Path, thread: JournalThread) -> Result<Self, JournalError> {
        let run_header = dir.join(RUN_HEADER_FILE);
        let run_id: [u8; 32] = match std::fs::read(&run_header) {
            Ok(text) => Sha256::digest(text).into(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(JournalError::NotAJournal { missing: run_header });
            }
            Err(source) => return Err(JournalError::Io { doing: "read", path: run_header, source }),
        };
        let numbers = segment_numbers(dir, thread)?;
        for (expected, &number) in (1u64..).zip(&numbers) {
            if number != expected {
                return Err(JournalError::MissingSegment { missing: segment_path(dir, thread, expected) });
            }
        }
        let pieces = numbers.iter().map(|&number| (segment_path(dir, thread, number), Piece::File)).collect();
        Self::start(thread, run_id, pieces)
    }

    /// Opens the records of `thread` behind record `sequence`. What lies in segments before that record's is neither read nor
    /// checked; where the journal ends before it, there is nothing.
    ///
    /// # Errors
    /// As [`JournalReader::open`].
    pub fn open_after(dir: &Path, thread: JournalThread, sequence: u64) -> Result<Self, JournalError> {
        let mut reader = Self::open(dir, thread)?;
        for index in (1..reader.pieces.len()).rev() {
            let Some(header) = header_of(&reader.pieces[index].0)? else { continue };
            if header.first_sequence > sequence.saturating_add(1) {
                continue;
            }
            reader.bytes = reader.load(index)?;
            (reader.current, reader.next_sequence) = (index, header.first_sequence);
            match reader.enter(index, header.previous_chain) {
                Ok(()) => {}
                Err(HeaderState::NotStarted) => return Err(reader.damaged(0, Damage::Magic)),
                Err(HeaderState::Wrong(damage)) => return Err(reader.damaged(0, damage)),
            }
            break;
        }
        while reader.next_sequence <= sequence && reader.next_record()?.is_some() {}
        Ok(reader)
    }

    /// Reads segments from memory; `segments` are numbers 1, 2, ... in order, each with the name that errors give.
    ///
    /// # Errors
    /// As [`JournalReader::open`].
    pub fn from_segments(
        thread: JournalThread,
        run_id: [u8; 32],
        segments: Vec<(PathBuf, Vec<u8>)>,
    ) -> Result<Self, JournalError> {
        let pieces = segments.into_iter().map(|(name, bytes)| (name, Piece::Memory(bytes))).collect();
        Self::start(thread, run_id, pieces)
    }

    fn start(
        thread: JournalThread,
        run_id: [u8; 32],
        pieces: Vec<(PathBuf, Piece)>,
    ) -> Result<Self, JournalError> {
        let mut reader = Self {
            thread,
            run_id,
            pieces,
            current: 0,
            bytes: Vec::new(),
            offset: 0,
            next_sequence: 1,
            header_crc: 0,
            last_record_crc: 0,
            closed: false,
            failed: false,
            tail: None,
        };
        if reader.pieces.is_empty() {
            return Err(JournalError::NoSegments { thread });
        }
        reader.bytes = reader.load(0)?;
        match reader.enter(0, 0) {
            Ok(()) => Ok(reader),
            Err(HeaderState::NotStarted) => Err(reader.damaged(0, Damage::Magic)),
            Err(HeaderState::Wrong(damage)) => Err(reader.damaged(0, damage)),
        }
    }

    /// The next record, or `None` at the end; then [`JournalReader::tail`] says how it ended. The record borrows the
    /// reader's buffer. After an error there are no more records, and no tail.
    ///
    /// # Errors
    /// [`JournalError`]: damage that is not a torn tail, or a file that cannot be read.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, JournalError> {
        if self.failed || self.tail.is_some() {
            return Ok(None);
        }
        match self.step() {
            Ok(Some((start, kind))) => Ok(self.record_at(start, kind)),
            Ok(None) => Ok(None),
            Err(error) => {
                self.failed = true;
                Err(error)
            }
        }
    }

    /// The thread whose records these are.
    #[must_use]
    pub const fn thread(&self) -> JournalThread {
        self.thread
    }

    /// SHA-256 of the run header.
    #[must_use]
    pub const fn run_id(&self) -> [u8; 32] {
        self.run_id
    }

    /// Sequence number of the last record given, 0 before the first.
    #[must_use]
    pub const fn last_sequence(&self) -> u64 {
        self.next_sequence - 1
    }

    /// How the records ended, once [`JournalReader::next_record`] has returned `None` without an error before.
    #[must_use]
    pub fn tail(&self) -> Option<Tail> {
        self.tail
    }

    /// Segments that the thread started, as far as they have been read.
    #[must_use]
    pub fn segments_read(&self) -> u64 {
        self.current as u64 + 1
    }

    /// Moves past one record and says where it starts.
    fn step(&mut self) -> Result<Option<(usize, RecordKind)>, JournalError> {
        loop {
            let start = self.offset;
            let state = match frame_at(&self.bytes, start) {
                FrameState::Whole(frame) => {
                    Some((frame.sequence, frame.kind, frame.crc, frame.next_offset, frame.payload.len()))
                }
                FrameState::Empty | FrameState::Broken => None,
            };
            let Some((sequence, code, crc, next_offset, payload_bytes)) = state else {
                if self.end_of_segment()? {
                    continue;
                }
                return Ok(None);
            };
            if self.closed {
                return Err(self.damaged(start, Damage::AfterClose));
            }
            if sequence != self.next_sequence {
                let damage = Damage::Sequence { expected: self.next_sequence, found: sequence };
                return Err(self.damaged(start, damage));
            }
            let Some(kind) = RecordKind::from_code(code) else {
                return Err(self.damaged(start, Damage::Kind { found: code }));
            };
            self.closed = kind == RecordKind::Closed && payload_bytes == 0;
            self.next_sequence = sequence.saturating_add(1);
            self.last_record_crc = crc;
            self.offset = next_offset;
            return Ok(Some((start, kind)));
        }
    }

    fn record_at(&self, start: usize, kind: RecordKind) -> Option<Record<'_>> {
        let FrameState::Whole(frame) = frame_at(&self.bytes, start) else {
            return None;
        };
        Some(Record {
            sequence: frame.sequence,
            time_ns: frame.time_ns,
            kind,
            session: frame.session,
            payload: frame.payload,
            file: self.path(),
            offset: start as u64,
        })
    }

    /// There is no whole record at the offset: goes on to the next segment (true), or ends with a tail (false).
    fn end_of_segment(&mut self) -> Result<bool, JournalError> {
        let start = self.offset;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let torn_bytes = rest.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        if torn_bytes > 0 {
            if self.closed {
                return Err(self.damaged(start, Damage::AfterClose));
            }
            if let Some(valid) = find_frame(&self.bytes, start, self.next_sequence) {
                return Err(self.damaged(start, Damage::RecordBeforeValid { valid_offset: valid as u64 }));
            }
        }
        if self.enter_next(torn_bytes)? {
            return Ok(true);
        }
        let last_sequence = self.next_sequence - 1;
        self.tail = Some(match torn_bytes {
            0 if self.closed => Tail::Closed,
            0 => Tail::NotClosed { last_sequence },
            bytes => Tail::Torn { last_sequence, bytes: bytes as u64 },
        });
        Ok(false)
    }

    /// Enters the next segment if a writer started one. Segments made ahead and never started end the journal.
    fn enter_next(&mut self, torn_bytes: usize) -> Result<bool, JournalError> {
        let ended = (self.current, self.offset);
        for next in self.current + 1..self.pieces.len() {
            let bytes = self.load(next)?;
            let left = std::mem::replace(&mut self.bytes, bytes);
            let link = chain(self.header_crc, self.last_record_crc);
            self.current = next;
            match self.enter(next, link) {
                Ok(()) if self.closed => return Err(self.damaged_in(ended.0, ended.1, Damage::AfterClose)),
                Ok(()) | Err(HeaderState::Wrong(_)) if torn_bytes > 0 => {
                    return Err(self.damaged_in(ended.0, ended.1, Damage::RecordBeforeSegment));
                }
                Ok(()) if next > ended.0 + 1 => {
                    return Err(self.damaged_in(ended.0 + 1, 0, Damage::Magic));
                }
                Ok(()) => return Ok(true),
                Err(HeaderState::NotStarted) => {
                    if let Some(valid) = find_frame(&self.bytes, SEGMENT_HEADER_BYTES, self.next_sequence) {
                        let damage = Damage::RecordBeforeValid { valid_offset: valid as u64 };
                        return Err(self.damaged(0, damage));
                    }
                }
                Err(HeaderState::Wrong(damage)) => return Err(self.damaged(0, damage)),
            }
            self.bytes = left;
            (self.current, self.offset) = ended;
        }
        Ok(false)
    }

    /// Checks the header of the segment in `bytes`, which is number `index + 1`, and stands at its first record.
    fn enter(&mut self, index: usize, link: u32) -> Result<(), HeaderState> {
        let (header, crc) = SegmentHeader::decode(&self.bytes).map_err(|defect| match defect {
            HeaderDefect::Unused => HeaderState::NotStarted,
            HeaderDefect::Magic => HeaderState::Wrong(Damage::Magic),
            HeaderDefect::Version(found) => HeaderState::Wrong(Damage::Version { found }),
            HeaderDefect::Crc => HeaderState::Wrong(Damage::HeaderCrc),
        })?;
        let continues = header.first_sequence == self.next_sequence
            && header.previous_sequence.checked_add(1) == Some(header.first_sequence);
        let wrong = if header.run_id != self.run_id {
            Some(Damage::OtherRun)
        } else if header.thread != self.thread as u32 {
            Some(Damage::OtherThread { found: header.thread })
        } else if header.number != index as u64 + 1 {
            Some(Damage::OtherNumber { found: header.number })
        } else if self.bytes.len() as u64 > header.segment_bytes {
            Some(Damage::TooLong { header_bytes: header.segment_bytes })
        } else if !continues {
            Some(Damage::FirstSequence { expected: self.next_sequence, found: header.first_sequence })
        } else if header.previous_chain != link {
            Some(Damage::Chain)
        } else {
            None
        };
        if let Some(damage) = wrong {
            return Err(HeaderState::Wrong(damage));
        }
        self.header_crc = crc;
        self.last_record_crc = 0;
        self.offset = SEGMENT_HEADER_BYTES;
        Ok(())
    }

    fn load(&mut self, index: usize) -> Result<Vec<u8>, JournalError> {
        let Some((path, piece)) = self.pieces.get_mut(index) else {
            return Ok(Vec::new());
        };
        match piece {
            Piece::Memory(bytes) => Ok(std::mem::take(bytes)),
            Piece::File => std::fs::read(&*path).map_err(|source| JournalError::Io {
                doing: "read",
                path: path.clone(),
                source,
            }),
        }
    }

    fn path(&self) -> &Path {
        self.pieces.get(self.current).map_or(Path::new(""), |(path, _)| path)
    }

    fn damaged(&self, offset: usize, damage: Damage) -> JournalError {
        self.damaged_in(self.current, offset, damage)
    }

    fn damaged_in(&self, index: usize, offset: usize, damage: Damage) -> JournalError {
        let path = self.pieces.get(index).map(|(path, _)| path.clone()).unwrap_or_default();
        JournalError::Damaged { path, offset: offset as u64, damage }
    }
}

/// What a header's bytes say when they do not open a segment.
enum HeaderState {
    NotStarted,
    Wrong(Damage),
}

/// The header of a segment file; `None` where no writer has started it, or it is damaged.
fn header_of(path: &Path) -> Result<Option<SegmentHeader>, JournalError> {
    let mut bytes = Vec::with_capacity(SEGMENT_HEADER_BYTES);
    let read =
        File::open(path).and_then(|file| file.take(SEGMENT_HEADER_BYTES as u64).read_to_end(&mut bytes));
    read.map_err(|source| JournalError::Io { doing: "read", path: path.to_owned(), source })?;
    Ok(SegmentHeader::decode(&bytes).ok().map(|(header, _)| header))
}

/// The numbers of a thread's segment files, ascending. Other files are of no concern.
fn segment_numbers(dir: &Path, thread: JournalThread) -> Result<Vec<u64>, JournalError> {
    let failed = |source| JournalError::Io { doing: "list", path: dir.to_owned(), source };
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let name = name.to_str().unwrap_or_default();
        let number = name.strip_prefix(thread.name()).and_then(|rest| rest.strip_prefix('.'));
        let number = number.and_then(|rest| rest.strip_suffix(SEGMENT_EXTENSION)?.strip_suffix('.'));
        if let Some(Ok(number)) = number.map(str::parse) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// A record of the decide thread with its place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequenced {
    /// Sequence number of the record.
    pub sequence: u64,
    /// Core time, UTC ns; of a market run, that of its first message.
    pub time_ns: u64,
    /// The record.
    pub record: DecideRecord,
}

/// The records of the decide thread in order, decoded: its inputs ([`DecideRecord::is_input`]) to feed to the decision
/// core again, its actions and its end to compare with. It ends after an error.
pub struct DecideReader {
    reader: JournalReader,
}

impl DecideReader {
    /// Opens the decide records of a journal's directory.
    ///
    /// # Errors
    /// As [`JournalReader::open`].
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        Ok(Self { reader: JournalReader::open(dir, JournalThread::Decide)? })
    }

    /// Opens them behind record `sequence`: segments that end before it are not read.
    ///
    /// # Errors
    /// As [`JournalReader::open`].
    pub fn open_after(dir: &Path, sequence: u64) -> Result<Self, JournalError> {
        Ok(Self { reader: JournalReader::open_after(dir, JournalThread::Decide, sequence)? })
    }

    /// Sequence number of the last record given; where it was opened behind one, at least the last one before.
    #[must_use]
    pub const fn last_sequence(&self) -> u64 {
        self.reader.last_sequence()
    }

    /// Once the iterator is through: refuses a journal of which durable records are gone.
    ///
    /// # Errors
    /// [`JournalError::Lost`], or [`JournalError::Io`].
    pub fn check_watermark(&self, dir: &Path) -> Result<Option<u64>, JournalError> {
        super::check_watermark(dir, &self.reader)
    }

    /// How the records ended, once the iterator is through without an error.
    #[must_use]
    pub fn tail(&self) -> Option<Tail> {
        self.reader.tail()
    }
}

impl Iterator for DecideReader {
    type Item = Result<Sequenced, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (error, path, offset) = match self.reader.next_record() {
            Ok(Some(Record { sequence, time_ns, kind, payload, file, offset, .. })) => {
                match DecideRecord::decode(kind, payload) {
                    Ok(record) => return Some(Ok(Sequenced { sequence, time_ns, record })),
                    Err(error) => (error, file.to_owned(), offset),
                }
            }
            Ok(None) => return None,
            Err(error) => return Some(Err(error)),
        };
        self.reader.failed = true;
        Some(Err(JournalError::Damaged { path, offset, damage: Damage::Payload(error) }))
    }
}
