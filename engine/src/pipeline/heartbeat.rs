//! The heartbeat of a hot thread: a counter that it stores once a turn and that housekeeping looks at.
//!
//! Zero says that the thread is not in its loop (start-up, shut-down, no such thread), so that its silence means nothing.
//! One relaxed store a turn into a pair of cache lines that only this thread writes. Allocates at construction only.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[repr(align(128))]
#[derive(Debug, Default)]
struct Cell(AtomicU64);

/// What is watched: the cold end.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<Cell>);

impl Pulse {
    /// Turns so far; 0 while the thread is not in its loop.
    #[must_use]
    pub fn count(&self) -> u64 {
        // Relaxed: a number that is compared with its former self.
        self.0.0.load(Ordering::Relaxed)
    }

    /// The hot end; one thread has it at a time.
    #[must_use]
    pub fn beat(&self) -> Beat {
        Beat { cell: Arc::clone(&self.0), count: 0 }
    }
}

/// The hot end. Dropped, it stops without alarm.
#[derive(Debug, Default)]
pub struct Beat {
    cell: Arc<Cell>,
    count: u64,
}

impl Beat {
    /// One turn of the loop.
    #[inline(always)]
    pub fn beat(&mut self) {
        self.count += 1;
        self.cell.0.store(self.count, Ordering::Relaxed);
    }

    /// The loop has ended; what follows may take its time.
    pub fn rest(&mut self) {
        self.cell.0.store(0, Ordering::Relaxed);
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.rest();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_only_in_the_loop() {
        let pulse = Pulse::default();
        assert_eq!(pulse.count(), 0);
        let mut beat = pulse.beat();
        assert_eq!(pulse.count(), 0);
        beat.beat();
        beat.beat();
        assert_eq!(pulse.count(), 2);
        beat.rest();
        assert_eq!(pulse.count(), 0);
        beat.beat();
        assert_eq!(pulse.count(), 3);
        drop(beat);
        assert_eq!(pulse.count(), 0);
    }
}
