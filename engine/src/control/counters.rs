//! Counters that hot threads write and housekeeping reads.
//!
//! Each hot thread owns one group, padded to two cache lines (the adjacent-line prefetcher pulls pairs), so that no
//! thread waits for another's store. A count is a Relaxed load and store, never a locked instruction: only the owner
//! writes. Readers see each counter a little late and no two of them at the same moment; exact totals are read after
//! the threads have ended. The groups are allocated once at start, and nothing here can fail.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count with one writer.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Only the owning thread may call it: two writers would lose counts (and nothing worse).
    #[inline(always)]
    pub fn add(&self, n: u64) {
        // Relaxed: the count orders nothing; the end of the owning thread publishes the last value.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Publishes a total that the owner keeps in a plain variable: one store every so many messages.
    #[inline(always)]
    pub fn set(&self, total: u64) {
        self.0.store(total, Ordering::Relaxed);
    }

    /// The count as of a moment ago.
    #[inline(always)]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Written by ingest.
#[repr(align(128))]
#[derive(Debug, Default)]
pub struct IngestCounters {
    /// Market-data messages decoded.
    pub messages: Counter,
    /// Packets (or length-prefixed records) taken from the source.
    pub packets: Counter,
    /// Gaps: stretches of missing sequence numbers.
    pub gaps: Counter,
    /// Messages that could not be decoded.
    pub decode_errors: Counter,
    /// Times that ingest found the market ring full.
    pub market_ring_full: Counter,
}

/// Written by decide.
#[repr(align(128))]
#[derive(Debug, Default)]
pub struct DecideCounters {
    /// Market events applied.
    pub events: Counter,
    /// Market events of a live feed that did not fit their book.
    pub book_errors: Counter,
    /// Approved actions: new orders, replaces and cancels.
    pub orders: Counter,
    /// Of these, cancels.
    pub cancels: Counter,
    /// Intents that risk refused.
    pub risk_rejects: Counter,
    /// Executions that traded.
    pub fills: Counter,
    /// Intents dropped because the order ring had no slot.
    pub dropped_intents: Counter,
    /// Executions NOT_SENT that came back from order entry.
    pub not_sent: Counter,
    /// Times that decide waited for the digest ring.
    pub digest_ring_full: Counter,
}

/// Written by order entry.
#[repr(align(128))]
#[derive(Debug, Default)]
pub struct OrderEntryCounters {
    /// Order messages handed to the socket.
    pub sent: Counter,
    /// Executions decoded.
    pub executions: Counter,
    /// Times that order entry stopped reading since the execution ring was full.
    pub execution_ring_full: Counter,
    /// Path records dropped since the stamp ring was full.
    pub dropped_stamps: Counter,
}

/// The counters of one engine. Shared by reference: each hot thread writes its own group.
#[derive(Debug, Default)]
pub struct Counters {
    /// Owned by ingest.
    pub ingest: IngestCounters,
    /// Owned by decide.
    pub decide: DecideCounters,
    /// Owned by order entry.
    pub order_entry: OrderEntryCounters,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    #[test]
    fn groups_share_no_pair_of_lines() {
        assert_eq!(align_of::<Counters>(), 128);
        assert_eq!(offset_of!(Counters, ingest) % 128, 0);
        assert_eq!(offset_of!(Counters, decide) % 128, 0);
        assert_eq!(offset_of!(Counters, order_entry) % 128, 0);
    }

    #[test]
    fn three_owners_lose_nothing() {
        let counters = Counters::default();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..100_000).for_each(|_| counters.ingest.messages.add(2)));
            scope.spawn(|| (0..100_000).for_each(|_| counters.decide.events.add(3)));
            scope.spawn(|| (1..=100_000).for_each(|total| counters.order_entry.sent.set(total)));
        });
        assert_eq!(counters.ingest.messages.get(), 200_000);
        assert_eq!(counters.decide.events.get(), 300_000);
        assert_eq!(counters.order_entry.sent.get(), 100_000);
    }
}
