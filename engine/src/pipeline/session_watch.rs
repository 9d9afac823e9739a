//! Which sessions are up and which were lost: written by order entry, read by decide and by cold threads.
//!
//! One bit a venue, 64 venues. Written only when a session comes or goes. Allocates at construction only.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::control::kill_switch::KillSwitch;

#[repr(align(128))]
#[derive(Debug, Default)]
struct Masks {
    up: AtomicU64,
    lost: AtomicU64,
    doubts: AtomicU64,
}

/// See the module's text. Clones share it; what changes rings the kill switch's bell.
#[derive(Clone, Debug, Default)]
pub struct SessionWatch {
    masks: Arc<Masks>,
    bell: KillSwitch,
}

impl SessionWatch {
    /// Every session down, none lost.
    #[must_use]
    pub fn new(bell: KillSwitch) -> Self {
        Self { masks: Arc::default(), bell }
    }

    /// Sessions that are logged on, one bit a venue.
    #[must_use]
    pub fn up(&self) -> u64 {
        // Relaxed, here and below: figures for themselves; the bell orders them.
        self.masks.up.load(Ordering::Relaxed)
    }

    /// Sessions that were logged on, have gone before their time, and are not back.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.masks.lost.load(Ordering::Relaxed)
    }

    /// How often order entry has said that orders are in doubt.
    #[must_use]
    pub fn doubts(&self) -> u64 {
        self.masks.doubts.load(Ordering::Relaxed)
    }

    /// Order entry has queued an execution that says so.
    #[cold]
    pub fn doubted(&self) {
        self.masks.doubts.fetch_add(1, Ordering::Relaxed);
    }

    /// The venue has accepted our logon.
    #[cold]
    pub fn came_up(&self, venue: u8) {
        let bit = bit(venue);
        self.masks.up.fetch_or(bit, Ordering::Relaxed);
        self.masks.lost.fetch_and(!bit, Ordering::Relaxed);
        self.bell.ring();
    }

    /// The session has ended: `is_loss` where nobody wanted it to.
    #[cold]
    pub fn went(&self, venue: u8, is_loss: bool) {
        let bit = bit(venue);
        self.masks.up.fetch_and(!bit, Ordering::Relaxed);
        if is_loss {
            self.masks.lost.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.masks.lost.fetch_and(!bit, Ordering::Relaxed);
        }
        self.bell.ring();
    }
}

const fn bit(venue: u8) -> u64 {
    if venue < 64 { 1 << venue } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_come_and_go() {
        let bell = KillSwitch::new();
        let watch = SessionWatch::new(bell.clone());
        watch.came_up(1);
        watch.came_up(63);
        assert_eq!((watch.up(), watch.lost()), (1 << 63 | 2, 0));
        watch.went(1, true);
        watch.went(63, false);
        assert_eq!((watch.up(), watch.lost()), (0, 2));
        watch.came_up(1);
        assert_eq!((watch.up(), watch.lost()), (2, 0));
        assert_eq!(bell.bell(), 5);
        watch.came_up(64);
        assert_eq!(watch.up(), 2, "more venues than bits");
    }
}
