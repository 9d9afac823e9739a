//! The hot thread allocates nothing after warm-up: a counting allocator, and a strategy that reads its thread's count at
//! every market event.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::control::config::{Config, Topology};
use engine::control::replay::{ReplayOptions, replay};
use engine::control::startup;
use engine::pipeline::paced::Pace;
use engine::strategy::{Intents, Strategy, View};
use feeds::event::MarketEvent;
use feeds::source::synthetic::SyntheticConfig;
use warptick_tests::captures::{generated, inputs};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting the calls of each thread.
struct Counting;

fn count() {
    // A thread that is ending has no counter any more; nobody looks at it then.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is handed on unchanged to the system's allocator, which upholds the contract; counting touches a
// thread-local cell without a destructor and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's contract is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Events before counting starts: the market makers have quoted, sessions have sent and received.
const WARM_UP: u64 = 200_000;

/// Events that must be counted.
const COUNTED: u64 = 1_000_000;

#[derive(Default)]
struct Seen {
    events: AtomicU64,
    at_warm_up: AtomicU64,
    latest: AtomicU64,
}

/// Asks for nothing; reads its thread's count.
struct Watcher {
    instruments: Vec<u32>,
    seen: Arc<Seen>,
}

impl Strategy for Watcher {
    fn instruments(&self) -> &[u32] {
        &self.instruments
    }

    fn on_market(&mut self, _view: &View<'_>, _event: &MarketEvent, _intents: &mut Intents) {
        let allocations = ALLOCATIONS.with(Cell::get);
        let events = self.seen.events.fetch_add(1, Ordering::Relaxed) + 1;
        if events == WARM_UP {
            self.seen.at_warm_up.store(allocations, Ordering::Relaxed);
        }
        self.seen.latest.store(allocations, Ordering::Relaxed);
    }
}

fn allocations_of(pace: Option<Pace>, topology: Topology) {
    let settings = SyntheticConfig { messages: 1_300_000, symbols: 50, ..SyntheticConfig::default() };
    let inputs = inputs(generated(&settings), settings.date);
    let mut config = startup::complete(&inputs, Config::default()).expect("a configuration");
    config.pipeline.topology = topology;
    let seen = Arc::new(Seen::default());
    let watcher = Watcher { instruments: (0..50).collect(), seen: Arc::clone(&seen) };
    let options = ReplayOptions { pace, ..ReplayOptions::default() };
    let outcome = replay(&inputs, &config, &options, vec![Box::new(watcher)]).expect("it runs");
    assert_eq!(outcome.failure, None);
    assert!(outcome.counters.new_orders > 100, "orders went the whole way: {:?}", outcome.counters);
    assert!(outcome.counters.fills > 10, "executions came back: {:?}", outcome.counters);
    let events = seen.events.load(Ordering::Relaxed);
    assert!(events >= WARM_UP + COUNTED, "{events} events");
    let at_warm_up = seen.at_warm_up.load(Ordering::Relaxed);
    let latest = seen.latest.load(Ordering::Relaxed);
    assert_eq!(latest - at_warm_up, 0, "allocator calls of the hot thread over {} events", events - WARM_UP);
}

#[test]
fn lockstep_inline_allocates_nothing() {
    allocations_of(None, Topology::Inline);
}

#[test]
fn lockstep_split_decides_without_allocating() {
    allocations_of(None, Topology::Split);
}

#[test]
fn paced_inline_allocates_nothing() {
    allocations_of(Some(Pace::Max), Topology::Inline);
}
