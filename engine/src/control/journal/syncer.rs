//! What makes a journal survive a loss of power: a cold thread that brings closed pages to the device and then says so.
//!
//! It looks at the files alone and shares nothing with the writers: every [`super::JournalOptions::sync_ms`] it reads
//! through the page cache how far each segment in use has come, and calls `msync(MS_SYNC)` on a mapping of its own for
//! the pages that lie entirely behind that (on Linux this is an fdatasync of a range: data, what of the metadata is needed
//! to find them again, and the device's own cache). A page that a writer still stores into is left alone, since its next
//! store would wait for the device; once a writer has been idle for [`IDLE_MS`] its page is synced too, and again later.
//!
//! The first error ends it: after a failed sync the kernel may call a later one a success. It allocates, and waits for
//! the device; nobody waits for it.

use super::keeper::sync_directory;
use super::layout::{
    FrameState, PAYLOAD_MAX_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader, frame_at, padded_record_bytes,
};
use super::watermark::{Durable, WatermarkFile};
use super::{JournalError, JournalThread};
use memmap2::{MmapOptions, MmapRaw};
use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A page is taken for closed although it has room left when nothing was stored for this long, ms.
const IDLE_MS: u64 = 1_000;

/// Bytes read at once: every record fits.
const SCAN_BYTES: usize = 2 * padded_record_bytes(PAYLOAD_MAX_BYTES);

/// What the keeper says.
enum Notice {
    /// A segment was made ahead; a writer will come to it.
    Made { thread: JournalThread, number: u64, file: File, path: PathBuf },
    /// A segment is full and cut; this was its last record.
    Retired { thread: JournalThread, number: u64, last_sequence: u64 },
    /// Sync now and answer.
    Now(Sender<()>),
}

/// The keeper's end.
pub(super) struct SyncThread {
    notices: Option<Sender<Notice>>,
    errors: Receiver<JournalError>,
    durable: Arc<[AtomicU64; JournalThread::ALL.len()]>,
    thread: Option<JoinHandle<()>>,
}

/// Place of a thread in a [`Durable`].
pub(super) const fn place_of(thread: JournalThread) -> usize {
    thread as usize - 1
}

impl SyncThread {
    /// Starts the thread for the journal in `dir`.
    pub fn start(dir: &Path, run_id: [u8; 32], sync_ms: u64) -> Result<Self, JournalError> {
        let watermark = WatermarkFile::create(dir, run_id)?;
        let (notices, inbox) = channel();
        let (said, errors) = channel();
        let durable = Arc::new([const { AtomicU64::new(0) }; JournalThread::ALL.len()]);
        let syncer = Syncer {
            dir: dir.to_owned(),
            watermark,
            series: Default::default(),
            directory_changed: true,
            durable: [0; JournalThread::ALL.len()],
            idle_turns: IDLE_MS.div_ceil(sync_ms).max(2),
            buffer: vec![0; SCAN_BYTES],
        };
        let shared = Arc::clone(&durable);
        let work = move || syncer.run(&inbox, &shared, &said, Duration::from_millis(sync_ms));
        let thread = std::thread::Builder::new().name("wt-journal-sync".to_owned()).spawn(work);
        let thread = thread.map_err(|source| JournalError::Io {
            doing: "start the thread that syncs",
            path: dir.to_owned(),
            source,
        })?;
        Ok(Self { notices: Some(notices), errors, durable, thread: Some(thread) })
    }

    fn tell(&self, notice: Notice) {
        // It is gone after an error only, which `error` gives.
        let _ = self.notices.as_ref().map(|notices| notices.send(notice));
    }

    /// A segment was made.
    pub fn made(&self, thread: JournalThread, number: u64, file: File, path: PathBuf) {
        self.tell(Notice::Made { thread, number, file, path });
    }

    /// A segment is full and cut.
    pub fn retired(&self, thread: JournalThread, number: u64, last_sequence: u64) {
        self.tell(Notice::Retired { thread, number, last_sequence });
    }

    /// Waits until what is closed now is on the device.
    pub fn now(&self) {
        let (done, waiting) = channel();
        self.tell(Notice::Now(done));
        let _ = waiting.recv();
    }

    /// Sequence number of the last durable record of a thread.
    pub fn durable(&self, thread: JournalThread) -> u64 {
        // Relaxed: a figure; what it speaks of is on the device.
        self.durable[place_of(thread)].load(Ordering::Relaxed)
    }

    /// What ended the thread, given once.
    pub fn error(&self) -> Option<JournalError> {
        self.errors.try_recv().ok()
    }

    /// Syncs what was retired and ends the thread.
    pub fn finish(&mut self) -> Result<(), JournalError> {
        drop(self.notices.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.error().map_or(Ok(()), Err)
    }
}

impl Drop for SyncThread {
    fn drop(&mut self) {
        // What a writer still holds is not waited for.
        let _ = self.finish();
    }
}

/// One segment file as the syncer sees it.
struct SyncSegment {
    number: u64,
    file: File,
    path: PathBuf,
    map: MmapRaw,
    /// End of the last whole record found; 0 before its header.
    end: u64,
    /// Sequence number of that record, 0 when there is none.
    last_sequence: u64,
    /// Everything before this is on the device.
    synced: u64,
    /// Ends and numbers of records found that are not durable yet.
    records: VecDeque<(u64, u64)>,
    /// Turns in which nothing was appended.
    idle: u64,
    /// It is full; its last record.
    retired: Option<u64>,
}

struct Syncer {
    dir: PathBuf,
    watermark: WatermarkFile,
    series: [VecDeque<SyncSegment>; JournalThread::ALL.len()],
    directory_changed: bool,
    durable: Durable,
    idle_turns: u64,
    buffer: Vec<u8>,
}

impl Syncer {
    fn run(
        mut self,
        inbox: &Receiver<Notice>,
        shared: &[AtomicU64; JournalThread::ALL.len()],
        said: &Sender<JournalError>,
        interval: Duration,
    ) {
        loop {
            let (waiting, ended) = match self.listen(inbox, interval) {
                Ok(heard) => heard,
                Err(error) => return drop(said.send(error)),
            };
            if let Err(error) = self.turn() {
                return drop(said.send(error));
            }
            for (shared, &durable) in shared.iter().zip(&self.durable) {
                shared.store(durable, Ordering::Relaxed);
            }
            for done in waiting {
                let _ = done.send(());
            }
            if ended {
                return;
            }
        }
    }

    /// Takes notices until the next turn is due, or somebody waits for one; whether the keeper is gone.
    fn listen(
        &mut self,
        inbox: &Receiver<Notice>,
        interval: Duration,
    ) -> Result<(Vec<Sender<()>>, bool), JournalError> {
        let due = Instant::now() + interval;
        loop {
            match inbox.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Notice::Made { thread, number, file, path }) => {
                    let map = MmapOptions::new().map_raw_read_only(&file);
                    let map = map.map_err(|error| io("map", &path, error))?;
                    let segment = SyncSegment::new(number, file, path, map);
                    self.series[place_of(thread)].push_back(segment);
                    self.directory_changed = true;
                }
                Ok(Notice::Retired { thread, number, last_sequence }) => {
                    let series = &mut self.series[place_of(thread)];
                    if let Some(segment) = series.iter_mut().find(|segment| segment.number == number) {
                        segment.retired = Some(last_sequence);
                    }
                }
                Ok(Notice::Now(done)) => return Ok((vec![done], false)),
                Err(RecvTimeoutError::Timeout) => return Ok((Vec::new(), false)),
                Err(RecvTimeoutError::Disconnected) => return Ok((Vec::new(), true)),
            }
        }
    }

    /// Brings what is closed to the device, then says so.
    fn turn(&mut self) -> Result<(), JournalError> {
        if std::mem::take(&mut self.directory_changed) {
            sync_directory(&self.dir)?;
        }
        let before = self.durable;
        for (series, durable) in self.series.iter_mut().zip(&mut self.durable) {
            while let Some(last_sequence) = series.front().and_then(|segment| segment.retired) {
                if let Some(segment) = series.pop_front() {
                    segment.file.sync_all().map_err(|error| io("sync", &segment.path, error))?;
                }
                *durable = last_sequence.max(*durable);
            }
            if let Some(segment) = series.front_mut() {
                let sequence = segment.sync(&mut self.buffer, self.idle_turns)?;
                *durable = sequence.max(*durable);
            }
        }
        if self.durable != before {
            self.watermark.write(&self.durable)?;
        }
        Ok(())
    }
}

impl SyncSegment {
    const fn new(number: u64, file: File, path: PathBuf, map: MmapRaw) -> Self {
        let records = VecDeque::new();
        Self { number, file, path, map, end: 0, last_sequence: 0, synced: 0, records, idle: 0, retired: None }
    }

    /// Syncs the pages that are closed; the last record that is durable by that, 0 for none.
    fn sync(&mut self, buffer: &mut [u8], idle_turns: u64) -> Result<u64, JournalError> {
        let before = self.end;
        self.scan(buffer)?;
        self.idle = if self.end == before { self.idle + 1 } else { 0 };
        let page = page_bytes();
        let closed = self.end / page * page;
        let until = if self.idle == idle_turns { self.end } else { closed };
        if until > self.synced {
            let (from, length) = (self.synced as usize, (until - self.synced) as usize);
            self.map.flush_range(from, length).map_err(|error| io("sync", &self.path, error))?;
            // A page with room left will be stored into again.
            self.synced = closed;
        }
        let mut durable = 0;
        while let Some(&(end, sequence)) = self.records.front()
            && end <= until
        {
            durable = sequence;
            self.records.pop_front();
        }
        Ok(durable)
    }

    /// Finds the records that were appended since the last look.
    fn scan(&mut self, buffer: &mut [u8]) -> Result<(), JournalError> {
        if self.end == 0 {
            let count = self.read(buffer, 0)?;
            let Ok((header, _)) = SegmentHeader::decode(&buffer[..count.min(SEGMENT_HEADER_BYTES)]) else {
                return Ok(());
            };
            self.end = SEGMENT_HEADER_BYTES as u64;
            self.last_sequence = header.previous_sequence;
        }
        loop {
            let count = self.read(buffer, self.end)?;
            let (bytes, mut offset) = (&buffer[..count], 0);
            while let FrameState::Whole(frame) = frame_at(bytes, offset) {
                // A record that is not the next one was never appended here.
                if frame.sequence != self.last_sequence + 1 {
                    break;
                }
                offset = frame.next_offset;
                self.last_sequence = frame.sequence;
                self.records.push_back((self.end + offset as u64, frame.sequence));
            }
            self.end += offset as u64;
            if offset == 0 {
                return Ok(());
            }
        }
    }

    fn read(&self, buffer: &mut [u8], at: u64) -> Result<usize, JournalError> {
        let mut count = 0;
        while count < buffer.len() {
            match self.file.read_at(&mut buffer[count..], at + count as u64) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io("read", &self.path, error)),
            }
        }
        Ok(count)
    }
}

fn io(doing: &'static str, path: &Path, source: std::io::Error) -> JournalError {
    JournalError::Io { doing, path: path.to_owned(), source }
}

fn page_bytes() -> u64 {
    // SAFETY: a plain question to the C library, without arguments that could be wrong.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(4_096).max(4_096)
}
