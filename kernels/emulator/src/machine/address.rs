//! The memory that kernels may touch: what the stand-in driver allocated, registered or loaded.

use std::collections::BTreeMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Below this no address is ever good.
pub(crate) const NULL_PAGE_BYTES: u64 = 4096;

/// Allocations by start. Shared by the driver, which changes it, and running launches, which ask.
#[derive(Debug, Default)]
pub(crate) struct AddressSpace {
    /// Start to end.
    ranges: RwLock<BTreeMap<u64, u64>>,
    /// Grows with each removal, so that a launch forgets what it remembers.
    removals: AtomicU64,
}

impl AddressSpace {
    pub(crate) fn insert(&self, start: u64, bytes: u64) {
        self.ranges.write().expect("no holder panics").insert(start, start + bytes);
    }

    pub(crate) fn remove(&self, start: u64) {
        self.ranges.write().expect("no holder panics").remove(&start);
        self.removals.fetch_add(1, Ordering::Release);
    }

    fn find(&self, address: u64) -> Option<(u64, u64)> {
        let ranges = self.ranges.read().expect("no holder panics");
        ranges
            .range(..=address)
            .next_back()
            .map(|(&start, &end)| (start, end))
            .filter(|&(_, end)| address < end)
    }
}

/// A launch's memory of the ranges that it used last.
#[derive(Debug)]
pub(crate) struct Checker {
    space: Option<std::sync::Arc<AddressSpace>>,
    removals: u64,
    /// Ranges of this launch alone: shared, local and parameter memory.
    own: (u64, u64),
    known: [(u64, u64); 4],
    next: usize,
}

impl Checker {
    /// Without a space only the null page is refused.
    pub(crate) fn new(space: Option<std::sync::Arc<AddressSpace>>, own: (u64, u64)) -> Self {
        let whole = [(NULL_PAGE_BYTES, u64::MAX); 4];
        let known = if space.is_some() { [(1, 0); 4] } else { whole };
        Self { space, removals: 0, own, known, next: 0 }
    }

    #[inline(always)]
    pub(crate) fn allows(&mut self, address: u64, bytes: u64) -> bool {
        let last = address.wrapping_add(bytes - 1);
        let inside = |&(start, end): &(u64, u64)| address >= start && last < end;
        self.known.iter().any(inside) || self.look_up(address, last)
    }

    /// Called once per memory instruction: what the driver has freed must not be remembered.
    #[inline(always)]
    pub(crate) fn refresh(&mut self) {
        if let Some(space) = &self.space {
            let removals = space.removals.load(Ordering::Acquire);
            if removals != self.removals {
                self.removals = removals;
                self.known = [(1, 0); 4];
            }
        }
    }

    #[cold]
    fn look_up(&mut self, address: u64, last: u64) -> bool {
        let found = if address >= self.own.0 && last < self.own.1 {
            Some(self.own)
        } else {
            self.space.as_ref().and_then(|space| space.find(address))
        };
        match found {
            Some(range) if last < range.1 && address >= NULL_PAGE_BYTES => {
                self.known[self.next] = range;
                self.next = (self.next + 1) % self.known.len();
                true
            }
            _ => false,
        }
    }
}
