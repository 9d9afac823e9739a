//! The cold side of the journal: makes segments ahead of the writers, and cuts, syncs and closes the full ones.
//!
//! The keeper belongs to the housekeeping thread, which calls [`JournalKeeper::poll`] at least once in the time that
//! a writer needs to fill its segments ahead, and [`JournalKeeper::finish`] after the hot threads have closed their
//! writers. It makes system calls and allocates; the writers never wait for it. It never waits for the device: that is the
//! work of a thread of its own ([`super::syncer`]), with [`Durability::Power`].

use super::segment::Segment;
use super::syncer::SyncThread;
use super::writer::FullSegment;
use super::{JournalError, JournalThread, SEGMENT_MIN_BYTES, SegmentWriter};
use rtrb::{Consumer, Producer, RingBuffer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// After an error a segment is tried again after this time.
const RETRY: Duration = Duration::from_millis(50);

/// Name of the run header in a journal's directory.
pub const RUN_HEADER_FILE: &str = "run.toml";

/// Extension of segment files.
pub(super) const SEGMENT_EXTENSION: &str = "wtj";

/// What a journal survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// The death of the process, at any instruction. Nothing is synced; the kernel writes the pages back when it
    /// likes. Loss of power may take any of them, an early one and not a later one too, and a reader then refuses
    /// the journal at that place.
    #[default]
    Process,
    /// Loss of power too, up to [`JournalKeeper::durable_sequence`]: full segments, and of the one in use the pages that lie
    /// behind the writer. The page that it stores into is left alone while it does, since a store into a page on its way to
    /// the device waits.
    Power,
}

impl Durability {
    /// The name in configurations and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Power => "power",
        }
    }
}

/// How a journal is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    /// Bytes of one segment: a multiple of 4096, at least [`SEGMENT_MIN_BYTES`], at most 4 GiB.
    pub segment_bytes: u64,
    /// Pre-faulted segments kept ready for each writer beside the one in use, 1 to 64.
    pub segments_ahead: usize,
    /// What it survives.
    pub durability: Durability,
    /// With [`Durability::Power`]: how often closed pages are synced, ms, at least 1.
    pub sync_ms: u64,
}

impl Default for JournalOptions {
    /// 16 MiB segments, two ahead: at 96 bytes a record some 500,000 records pass before housekeeping must have
    /// looked, and a run starts with less than 150 MiB of journal memory for its three threads.
    fn default() -> Self {
        Self { segment_bytes: 16 << 20, segments_ahead: 2, durability: Durability::Process, sync_ms: 10 }
    }
}

impl JournalOptions {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`JournalError::Option`].
    pub fn check(&self) -> Result<(), JournalError> {
        let bytes = self.segment_bytes;
        if !bytes.is_multiple_of(4_096) || !(SEGMENT_MIN_BYTES..=4 << 30).contains(&bytes) {
            let what = "segment bytes must be a multiple of 4096, up to 4 GiB";
            return Err(JournalError::Option { what, value: bytes });
        }
        if !(1..=64).contains(&self.segments_ahead) {
            let what = "segments ahead must be 1 to 64";
            return Err(JournalError::Option { what, value: self.segments_ahead as u64 });
        }
        if self.sync_ms == 0 {
            return Err(JournalError::Option { what: "sync_ms must be at least 1", value: 0 });
        }
        Ok(())
    }
}

/// The segments of one thread.
struct Series {
    thread: JournalThread,
    next_number: u64,
    /// Number of the last segment that came back.
    retired_number: u64,
    ready: Producer<Segment>,
    full: Consumer<FullSegment>,
}

/// Keeps the segments of a run. See the module documentation.
pub struct JournalKeeper {
    dir: PathBuf,
    options: JournalOptions,
    run_id: [u8; 32],
    series: Vec<Series>,
    /// With [`Durability::Power`].
    sync: Option<SyncThread>,
    /// No segment is tried before, after an error.
    retry_at: Option<Instant>,
    /// Held as long as somebody writes.
    _lock: JournalLock,
}

/// Nobody else writes this journal or goes on from it.
#[derive(Debug)]
pub struct JournalLock(#[expect(dead_code, reason = "closing the file gives the lock back")] File);

/// Takes the lock of a journal whose run has ended, so that nobody else goes on from it.
///
/// # Errors
/// [`JournalError::StillRunning`], or [`JournalError::Io`].
pub fn lock(dir: &Path) -> Result<JournalLock, JournalError> {
    let path = dir.join(RUN_HEADER_FILE);
    let failed = |source| JournalError::Io { doing: "lock", path: path.clone(), source };
    let file = File::open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(JournalLock(file)),
        Err(TryLockError::WouldBlock) => Err(JournalError::StillRunning { path }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Makes the journal of one run: the directory if it is absent, the run header, and for each of `threads` its first
/// segments, pre-faulted. The writers come in the order of `threads`; each goes to its thread.
///
/// `run_header` is stored as [`RUN_HEADER_FILE`] (TOML text: configuration, inputs with their SHA-256, topology,
/// session date, version); its SHA-256 is the run id in every segment header.
///
/// # Errors
/// [`JournalError::DirectoryInUse`] when the directory holds a run header or a segment already,
/// [`JournalError::Option`], or [`JournalError::Io`], a full disk among them.
pub fn create(
    dir: &Path,
    threads: &[JournalThread],
    options: JournalOptions,
    run_header: &[u8],
) -> Result<(JournalKeeper, Vec<SegmentWriter>), JournalError> {
    options.check()?;
    refuse_twice(threads)?;
    fs::create_dir_all(dir).map_err(|source| JournalError::Io {
        doing: "create",
        path: dir.to_owned(),
        source,
    })?;
    refuse_used(dir)?;
    write_run_header(dir, run_header)?;
    let run_id: [u8; 32] = Sha256::digest(run_header).into();
    let lock = lock(dir)?;
    let sync = match options.durability {
        Durability::Process => None,
        Durability::Power => {
            sync_directory(dir)?;
            Some(SyncThread::start(dir, run_id, options.sync_ms)?)
        }
    };
    let mut keeper = JournalKeeper {
        dir: dir.to_owned(),
        options,
        run_id,
        series: Vec::new(),
        sync,
        retry_at: None,
        _lock: lock,
    };
    let writers = threads.iter().map(|&thread| keeper.add_series(thread)).collect::<Result<_, _>>()?;
    keeper.poll()?;
    Ok((keeper, writers))
}

impl JournalKeeper {
    /// SHA-256 of the run header.
    #[must_use]
    pub fn run_id(&self) -> [u8; 32] {
        self.run_id
    }

    /// Retires the full segments and makes new ones until every writer has its segments ahead again. Returns how many
    /// segments it retired and made. Bounded: at most `segments_ahead` new ones for each thread.
    ///
    /// # Errors
    /// [`JournalError::Io`], once for each failure: no room, a file system that has become read-only, a device that does
    /// not take what is synced. Stop trading: the writers go on until their segments ahead are used up, then refuse.
    pub fn poll(&mut self) -> Result<usize, JournalError> {
        if let Some(error) = self.sync.as_ref().and_then(SyncThread::error) {
            return Err(error);
        }
        let mut work = 0;
        for series in &mut self.series {
            work += series.retire(self.sync.as_ref())?;
        }
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return Ok(work);
        }
        let made = self.make_segments();
        self.retry_at = made.is_err().then(|| Instant::now() + RETRY);
        Ok(work + made?)
    }

    fn make_segments(&mut self) -> Result<usize, JournalError> {
        let mut made = 0;
        for series in &mut self.series {
            for _ in 0..self.options.segments_ahead {
                if series.ready.is_full() {
                    break;
                }
                let segment =
                    series.make_segment(&self.dir, self.options.segment_bytes, self.sync.as_ref())?;
                // Cannot fail: this side alone fills the ring, and it has a slot.
                let _ = series.ready.push(segment);
                made += 1;
            }
        }
        Ok(made)
    }

    /// Sequence number up to which the records of `thread` survive a loss of power; 0 with
    /// [`Durability::Process`], or before the first page was full. It moves on every [`JournalOptions::sync_ms`].
    #[must_use]
    pub fn durable_sequence(&self, thread: JournalThread) -> u64 {
        self.sync.as_ref().map_or(0, |sync| sync.durable(thread))
    }

    /// The threads that write.
    pub fn threads(&self) -> impl Iterator<Item = JournalThread> + '_ {
        self.series.iter().map(|series| series.thread)
    }

    /// What it survives.
    #[must_use]
    pub const fn durability(&self) -> Durability {
        self.options.durability
    }

    /// With [`Durability::Power`]: waits until what is closed now is on the device. An error comes with the next
    /// [`Self::poll`].
    pub fn sync_now(&self) {
        if let Some(sync) = &self.sync {
            sync.now();
        }
    }

    /// Closes the journal: cuts the last segments and removes those that were made ahead and never used. Returns the last
    /// durable record of each thread that writes, 0 with [`Durability::Process`].
    ///
    /// # Errors
    /// [`JournalError::WriterStillOpen`] when a hot thread has not closed or dropped its writer: join it first.
    /// [`JournalError::Io`].
    pub fn finish(mut self) -> Result<Vec<(JournalThread, u64)>, JournalError> {
        for series in &mut self.series {
            if !series.full.is_abandoned() {
                return Err(JournalError::WriterStillOpen { thread: series.thread });
            }
            series.retire(self.sync.as_ref())?;
            for number in series.retired_number + 1..series.next_number {
                let path = segment_path(&self.dir, series.thread, number);
                fs::remove_file(&path).map_err(|source| JournalError::Io {
                    doing: "remove",
                    path,
                    source,
                })?;
            }
        }
        if let Some(sync) = &mut self.sync {
            sync.finish()?;
            sync_directory(&self.dir)?;
        }
        Ok(self.threads().map(|thread| (thread, self.durable_sequence(thread))).collect())
    }

    fn add_series(&mut self, thread: JournalThread) -> Result<SegmentWriter, JournalError> {
        let ahead = self.options.segments_ahead;
        let (ready, ready_out) = RingBuffer::new(ahead);
        // Between two looks of the keeper a writer can fill its segments ahead, those that the keeper makes
        // meanwhile, and the one in use.
        let (full_in, full) = RingBuffer::new(2 * ahead + 2);
        let mut series = Series { thread, next_number: 1, retired_number: 0, ready, full };
        let first = series.make_segment(&self.dir, self.options.segment_bytes, self.sync.as_ref())?;
        self.series.push(series);
        Ok(SegmentWriter::new(thread, self.run_id, first, ready_out, full_in))
    }
}

impl Series {
    fn make_segment(
        &mut self,
        dir: &Path,
        bytes: u64,
        sync: Option<&SyncThread>,
    ) -> Result<Segment, JournalError> {
        let path = segment_path(dir, self.thread, self.next_number);
        let segment = Segment::create(path.clone(), self.next_number, bytes)?;
        if let Some(sync) = sync {
            let file = segment.file().try_clone();
            let file =
                file.map_err(|source| JournalError::Io { doing: "open again", path: path.clone(), source })?;
            sync.made(self.thread, self.next_number, file, path);
        }
        self.next_number += 1;
        Ok(segment)
    }

    fn retire(&mut self, sync: Option<&SyncThread>) -> Result<usize, JournalError> {
        let mut retired = 0;
        while let Ok(FullSegment { segment, used_bytes, last_sequence }) = self.full.pop() {
            let number = segment.number();
            self.retired_number = number;
            segment.retire(used_bytes)?;
            if let Some(sync) = sync {
                sync.retired(self.thread, number, last_sequence);
            }
            retired += 1;
        }
        Ok(retired)
    }
}

/// Where a segment lies.
pub(super) fn segment_path(dir: &Path, thread: JournalThread, number: u64) -> PathBuf {
    dir.join(format!("{}.{number:06}.{SEGMENT_EXTENSION}", thread.name()))
}

fn refuse_twice(threads: &[JournalThread]) -> Result<(), JournalError> {
    let twice = threads.iter().enumerate().find(|&(at, thread)| threads[..at].contains(thread));
    match twice {
        Some((_, &thread)) => Err(JournalError::Option {
            what: "each thread has one writer, twice given",
            value: thread as u64,
        }),
        None => Ok(()),
    }
}

fn refuse_used(dir: &Path) -> Result<(), JournalError> {
    let failed = |source| JournalError::Io { doing: "list", path: dir.to_owned(), source };
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_segment = path.extension().is_some_and(|extension| extension == SEGMENT_EXTENSION);
        if is_segment || path.file_name().is_some_and(|name| name == RUN_HEADER_FILE) {
            return Err(JournalError::DirectoryInUse { found: path });
        }
    }
    Ok(())
}

/// Writes the run header beside its place and renames it, so that it is there whole or not at all.
fn write_run_header(dir: &Path, text: &[u8]) -> Result<(), JournalError> {
    let path = dir.join(RUN_HEADER_FILE);
    let temporary = dir.join("run.toml.tmp");
    let failed = |doing, path: &Path, source| JournalError::Io { doing, path: path.to_owned(), source };
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(|error| failed("create", &temporary, error))?;
    file.write_all(text)
        .and_then(|()| file.sync_all())
        .map_err(|error| failed("write", &temporary, error))?;
    fs::rename(&temporary, &path).map_err(|error| failed("rename to", &path, error))
}

/// Waits until the names in a directory are on the device.
pub(crate) fn sync_directory(dir: &Path) -> Result<(), JournalError> {
    let synced = File::open(dir).and_then(|file| file.sync_all());
    synced.map_err(|source| JournalError::Io { doing: "sync", path: dir.to_owned(), source })
}
