//! Hooks for tests: freeze a launch, slow it down, count what it runs.
//!
//! One set per process, in force for the kernels whose name it is told. Any thread may use it at any time.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const NEVER: u64 = u64::MAX;
const FROZEN_NAP: Duration = Duration::from_micros(50);

/// What a kernel has done, summed over its launches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Launches that ended.
    pub launches: u64,
    /// Warp instructions: one counts once for however many lanes.
    pub instructions: u64,
    /// Stores to memory outside shared and local, a lane and at most 16 bytes each.
    pub stores: u64,
}

/// The hooks. The numbers of [`Hooks::freeze_at_instruction`] and [`Hooks::freeze_at_store`] count from each launch's start.
#[derive(Debug)]
pub struct Hooks {
    entry: Mutex<Option<String>>,
    frozen: AtomicBool,
    instruction: AtomicU64,
    store: AtomicU64,
    /// Stores from now on, until a launch takes the number up.
    store_from_now: AtomicU64,
    running_instructions: AtomicU64,
    running_stores: AtomicU64,
    nap_ns: AtomicU64,
    abandoned: AtomicBool,
    counts: Mutex<HashMap<String, Counts>>,
}

impl Default for Hooks {
    fn default() -> Self {
        Self {
            entry: Mutex::new(None),
            frozen: AtomicBool::new(false),
            instruction: AtomicU64::new(NEVER),
            store: AtomicU64::new(NEVER),
            store_from_now: AtomicU64::new(NEVER),
            running_instructions: AtomicU64::new(0),
            running_stores: AtomicU64::new(0),
            nap_ns: AtomicU64::new(0),
            abandoned: AtomicBool::new(false),
            counts: Mutex::new(HashMap::new()),
        }
    }
}

impl Hooks {
    /// Restricts the hooks to one kernel; None for every kernel. A launch asks when it starts.
    pub fn only(&self, entry: Option<&str>) {
        *self.entry.lock().expect("no holder panics") = entry.map(str::to_string);
    }

    /// Freezes every launch now: no further progress until [`Hooks::thaw`].
    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::Release);
    }

    /// Lets frozen launches go on, and forgets where they were to freeze.
    pub fn thaw(&self) {
        self.instruction.store(NEVER, Ordering::Release);
        self.store.store(NEVER, Ordering::Release);
        self.store_from_now.store(NEVER, Ordering::Release);
        self.frozen.store(false, Ordering::Release);
    }

    /// Whether launches stand still.
    pub fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::Acquire)
    }

    /// Freezes a launch before its warp instruction number `number`, counted from 0.
    pub fn freeze_at_instruction(&self, number: u64) {
        self.instruction.store(number, Ordering::Release);
    }

    /// Freezes a launch before its store number `number` outside shared and local memory, counted from 0: also between
    /// the stores of the lanes of one instruction.
    pub fn freeze_at_store(&self, number: u64) {
        self.store.store(number, Ordering::Release);
    }

    /// As [`Hooks::freeze_at_store`], counted from the launch's next turn: for a kernel that has run for long.
    pub fn freeze_after_stores(&self, number: u64) {
        self.store_from_now.store(number, Ordering::Release);
    }

    /// What the running launch has done up to its last turn. With several launches at once it is any one's.
    pub fn running(&self) -> Counts {
        Counts {
            launches: 0,
            instructions: self.running_instructions.load(Ordering::Acquire),
            stores: self.running_stores.load(Ordering::Acquire),
        }
    }

    /// Sleeps so long after every turn of a warp, so that a kernel lives but answers late. Zero for full speed.
    pub fn slow_down(&self, nap: Duration) {
        self.nap_ns.store(nap.as_nanos() as u64, Ordering::Release);
    }

    /// Ends all running launches with [`super::FaultKind::Abandoned`], and those that start until `false` is given.
    pub fn abandon(&self, abandoned: bool) {
        self.abandoned.store(abandoned, Ordering::Release);
    }

    /// What a kernel has done so far.
    pub fn counts(&self, entry: &str) -> Counts {
        self.counts.lock().expect("no holder panics").get(entry).copied().unwrap_or_default()
    }

    pub(super) fn applies_to(&self, entry: &str) -> bool {
        self.entry.lock().expect("no holder panics").as_deref().is_none_or(|only| only == entry)
    }

    pub(super) fn instruction_limit(&self) -> u64 {
        self.instruction.load(Ordering::Acquire)
    }

    /// The store to freeze at, for a launch that has done so many.
    pub(super) fn store_limit(&self, stores: u64) -> u64 {
        let from_now = self.store_from_now.swap(NEVER, Ordering::AcqRel);
        if from_now != NEVER {
            self.store.store(stores.saturating_add(from_now), Ordering::Release);
        }
        self.store.load(Ordering::Acquire)
    }

    pub(super) fn report(&self, instructions: u64, stores: u64) {
        self.running_instructions.store(instructions, Ordering::Release);
        self.running_stores.store(stores, Ordering::Release);
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    pub(super) fn nap(&self) {
        let nap_ns = self.nap_ns.load(Ordering::Acquire);
        if nap_ns > 0 {
            std::thread::sleep(Duration::from_nanos(nap_ns));
        }
    }

    pub(super) fn freeze_here(&self) {
        self.frozen.store(true, Ordering::Release);
        self.wait_while_frozen();
    }

    pub(super) fn wait_while_frozen(&self) {
        while self.is_frozen() && !self.is_abandoned() {
            std::thread::sleep(FROZEN_NAP);
        }
    }

    pub(super) fn add(&self, entry: &str, instructions: u64, stores: u64) {
        let mut counts = self.counts.lock().expect("no holder panics");
        let sum = counts.entry(entry.to_string()).or_default();
        sum.launches += 1;
        sum.instructions += instructions;
        sum.stores += stores;
    }
}
