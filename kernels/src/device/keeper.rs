//! The cold thread that owns the resident kernel: every driver call is made there.
//!
//! It tells the device every millisecond that the host lives, sees whether the kernel does, and launches epochs where no
//! graph does. When the hot side gives the device up, or the kernel ends by itself, it makes another one after a while (as
//! configured, then twice as long each time) and hands its feed over; after [`RETRIES_MAX`] times it gives up for good. A kernel that
//! does not stop is left alone with all its memory.

use super::driver::DriverError;
use super::feed::{BrokenReplica, Feed};
use super::launch::{Kept, Resident};
use super::maker::Maker;
use super::ring::{Port, Rings, RunState};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often another kernel is made.
pub const RETRIES_MAX: u32 = 5;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(1);

/// How long a kernel may take to stop.
const STOP_LIMIT: Duration = Duration::from_millis(100);

const RUN: u8 = 0;
const GIVE_UP: u8 = 1;
const STOP: u8 = 2;

/// Why the hot side gives a device up: what it says without making a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// In words.
    Because(&'static str),
    /// Its replica cannot go on.
    Broken(BrokenReplica),
}

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Because(reason) => f.write_str(reason),
            Self::Broken(broken) => broken.fmt(f),
        }
    }
}

/// What the hot side and the keeper tell each other.
#[derive(Debug)]
struct Shared {
    wanted: AtomicU8,
    /// The kernel runs, as far as the keeper knows.
    is_up: AtomicBool,
    has_fresh: AtomicBool,
    fresh: Mutex<Option<Feed>>,
    stop_ns: AtomicU64,
    /// How long the kernel may take to stop, ns.
    stop_limit_ns: AtomicU64,
    /// Why the hot side has given the device up; the keeper makes a note of it.
    given_up: Mutex<Option<GivenUp>>,
    notes: Mutex<Vec<String>>,
}

impl Shared {
    /// Notes why the hot side has given the device up, if it has.
    fn note_given_up(&self) {
        if let Some(reason) = self.given_up.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.note(format!("the device was given up: {reason}"));
        }
    }

    fn note(&self, text: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
}

/// The hot side's handle.
#[derive(Clone, Debug)]
pub struct Link {
    shared: Arc<Shared>,
}

impl Link {
    /// Whether the kernel runs, as far as the keeper knows.
    #[inline]
    #[must_use]
    pub fn is_up(&self) -> bool {
        // Relaxed: a hint; an answer that does not come is noticed anyhow.
        self.shared.is_up.load(Ordering::Relaxed)
    }

    /// The device is not to be used any more; another kernel is made later.
    pub fn give_up(&self, reason: GivenUp) {
        self.shared.is_up.store(false, Ordering::Relaxed);
        // Only a running kernel can be given up: a stop goes before.
        let _ = self.shared.wanted.compare_exchange(RUN, GIVE_UP, Ordering::Release, Ordering::Relaxed);
        // Only the words: the hot side makes no text. When the keeper holds the lock they are lost.
        if let Ok(mut given_up) = self.shared.given_up.try_lock() {
            *given_up = Some(reason);
        }
    }

    /// The feed of a kernel that was made anew, once.
    #[inline]
    #[must_use]
    pub fn fresh_feed(&self) -> Option<Feed> {
        // Acquire: pairs with the keeper's store, so that the feed is there.
        if !self.shared.has_fresh.load(Ordering::Acquire) {
            return None;
        }
        let feed = self.shared.fresh.try_lock().ok()?.take();
        self.shared.has_fresh.store(false, Ordering::Relaxed);
        feed
    }
}

/// See the module's page. Dropping it stops the kernel.
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts a kernel that was made with `maker`, and the thread that keeps it; the hot side's feed and handle. The first other
    /// kernel is made `retry` after this one was given up.
    ///
    /// # Errors
    /// The launch failed.
    pub fn start(
        maker: Maker,
        mut resident: Resident,
        retry: Duration,
    ) -> Result<(Self, Feed, Link), DriverError> {
        resident.start()?;
        let feed = feed_of(&resident);
        let shared = Arc::new(Shared {
            wanted: AtomicU8::new(RUN),
            is_up: AtomicBool::new(true),
            has_fresh: AtomicBool::new(false),
            fresh: Mutex::new(None),
            stop_ns: AtomicU64::new(0),
            stop_limit_ns: AtomicU64::new(STOP_LIMIT.as_nanos() as u64),
            given_up: Mutex::new(None),
            notes: Mutex::new(Vec::new()),
        });
        let keeping = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("wt-device".to_owned())
            .spawn(move || keep(&keeping, &maker, resident, retry))
            .expect("a thread at start-up");
        let link = Link { shared: Arc::clone(&shared) };
        Ok((Self { shared, thread: Some(thread) }, feed, link))
    }

    /// Stops the kernel and the thread; how long the kernel took to end, `None` when none ran or it did not end.
    pub fn stop(&mut self) -> Option<Duration> {
        self.stop_within(STOP_LIMIT)
    }

    /// The same with another limit of what is a hang: for a kernel that is interpreted on a machine that does other things too.
    pub fn stop_within(&mut self, limit: Duration) -> Option<Duration> {
        let limit_ns = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        self.shared.stop_limit_ns.store(limit_ns, Ordering::Relaxed);
        // Release: pairs with the keeper's load, so that it finds the limit.
        self.shared.wanted.store(STOP, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        match self.shared.stop_ns.load(Ordering::Relaxed) {
            0 => None,
            ns => Some(Duration::from_nanos(ns)),
        }
    }

    /// What happened so far, in words.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.shared.note_given_up();
        self.shared.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop();
    }
}

fn feed_of(resident: &Resident) -> Feed {
    Feed::new(Port::new(Arc::<Rings>::clone(resident.rings())))
}

fn keep(shared: &Shared, maker: &Maker, resident: Resident, retry: Duration) {
    let mut resident = Some(resident);
    if let Some(Err(error)) = resident.as_ref().map(Resident::adopt) {
        shared.note(format!("the device cannot be kept: {error}"));
    }
    let (mut retries, mut retry_at) = (0, Instant::now());
    loop {
        // Acquire: pairs with the stores of `stop` and `give_up`.
        let wanted = shared.wanted.load(Ordering::Acquire);
        shared.note_given_up();
        if let Some(kernel) = &mut resident {
            let ended = wanted != RUN || !goes_on(shared, kernel);
            if ended {
                shared.is_up.store(false, Ordering::Relaxed);
                let kernel = resident.take().expect("it is there");
                end(shared, kernel);
                retry_at = Instant::now() + retry * (1 << retries);
            }
        }
        if wanted == STOP {
            return;
        }
        if resident.is_none() && retries < RETRIES_MAX && Instant::now() >= retry_at {
            retries += 1;
            resident = remake(shared, maker);
            retry_at = Instant::now() + retry * (1 << retries);
            if resident.is_none() && retries == RETRIES_MAX {
                shared.note("the device is off: no kernel could be made again".to_owned());
            }
        }
        std::thread::sleep(LOOK);
    }
}

/// Keeps a kernel; whether it runs on.
fn goes_on(shared: &Shared, kernel: &mut Resident) -> bool {
    match kernel.keep() {
        Kept::Runs => true,
        Kept::Ended(RunState::Stopped) => false,
        Kept::Ended(state) => {
            shared.note(format!("the kernel ended by itself: {state:?}"));
            false
        }
        Kept::Failed(error) => {
            shared.note(format!("the kernel failed: {error}"));
            false
        }
    }
}

fn end(shared: &Shared, mut kernel: Resident) {
    let limit = Duration::from_nanos(shared.stop_limit_ns.load(Ordering::Relaxed));
    match kernel.stop(limit) {
        Some(took) => {
            shared.stop_ns.store(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1), Ordering::Relaxed)
        }
        None => {
            shared.note(format!("the kernel did not stop in {limit:?}: its memory is left alone"));
            kernel.abandon();
        }
    }
}

fn remake(shared: &Shared, maker: &Maker) -> Option<Resident> {
    let started = maker.make().map_err(|reason| reason.to_string()).and_then(|mut made| {
        made.resident.start().map_err(|error| error.to_string())?;
        Ok(made.resident)
    });
    match started {
        Ok(resident) => {
            *shared.fresh.lock().unwrap_or_else(PoisonError::into_inner) = Some(feed_of(&resident));
            let _ = shared.wanted.compare_exchange(GIVE_UP, RUN, Ordering::Relaxed, Ordering::Relaxed);
            shared.is_up.store(true, Ordering::Relaxed);
            // Release: pairs with the hot side's load, so that it finds the feed.
            shared.has_fresh.store(true, Ordering::Release);
            shared.note("the device is back".to_owned());
            Some(resident)
        }
        Err(reason) => {
            shared.note(format!("no kernel could be made again: {reason}"));
            None
        }
    }
}
