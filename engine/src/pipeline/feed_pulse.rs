//! How many packets each venue's feed has brought: stored by ingest, looked at by the watchdog.
//!
//! One relaxed store a packet, of a number that ingest has at hand; heartbeats of the feed are packets. Allocates at
//! construction only.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[repr(align(128))]
#[derive(Debug, Default)]
struct Count(AtomicU64);

/// See the module's text. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct FeedPulse(Arc<[Count]>);

impl FeedPulse {
    /// The count of a feed whose session is over.
    pub const ENDED: u64 = u64::MAX;

    /// For so many venues.
    #[must_use]
    pub fn new(venues: usize) -> Self {
        Self((0..venues).map(|_| Count::default()).collect())
    }

    /// A packet of a venue has come, the `number`th that ingest has seen, from 1.
    #[inline(always)]
    pub fn packet(&self, venue: usize, number: u64) {
        if let Some(count) = self.0.get(venue) {
            // Relaxed: a number that is compared with its former self.
            count.0.store(number, Ordering::Relaxed);
        }
    }

    /// The venue has said that its session is over: silence means nothing.
    #[cold]
    pub fn ended(&self, venue: usize) {
        self.packet(venue, Self::ENDED);
    }

    /// A number that each packet changes; 0 before the first.
    #[must_use]
    pub fn count(&self, venue: usize) -> u64 {
        self.0.get(venue).map_or(0, |count| count.0.load(Ordering::Relaxed))
    }
}
