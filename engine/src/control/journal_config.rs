//! `[journal]`: what a run's journal survives, how large its segments are, and how often its state is saved.

use serde::{Deserialize, Serialize};

use crate::control::journal::{Durability, JournalOptions};

/// How the journal of a run is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// `process`: the death of the process. `power`: loss of power too, up to a watermark that a cold thread moves on.
    pub durability: Durability,
    /// With `power`: the closed pages are brought to the device this often, ms, 1 to 10,000.
    pub sync_ms: u64,
    /// Bytes of one segment file: a multiple of 4,096 up to 4 GiB.
    pub segment_bytes: u64,
    /// Segments kept ready ahead of each writer, 1 to 64: what it lives on while housekeeping is held up.
    pub segments_ahead: usize,
    /// A live run saves its orders and positions this often, s; 0: only where a resumed run begins.
    pub snapshot_s: u64,
}

/// Longest time between two syncs, ms.
const SYNC_MS_MAX: u64 = 10_000;

/// Longest time between two snapshots, s.
const SNAPSHOT_S_MAX: u64 = 86_400;

impl Default for JournalConfig {
    fn default() -> Self {
        let options = JournalOptions::default();
        Self {
            durability: options.durability,
            sync_ms: options.sync_ms,
            segment_bytes: options.segment_bytes,
            segments_ahead: options.segments_ahead,
            // A minute of a busy desk is some ten thousand records: read back in milliseconds.
            snapshot_s: 60,
        }
    }
}

impl JournalConfig {
    /// The journal's own options.
    #[must_use]
    pub const fn options(&self) -> JournalOptions {
        JournalOptions {
            segment_bytes: self.segment_bytes,
            segments_ahead: self.segments_ahead,
            durability: self.durability,
            sync_ms: self.sync_ms,
        }
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first value out of range, and the range.
    pub fn check(&self) -> Result<(), String> {
        if !(1..=SYNC_MS_MAX).contains(&self.sync_ms) {
            return Err(format!("journal.sync_ms is 1 to {SYNC_MS_MAX}"));
        }
        if self.snapshot_s > SNAPSHOT_S_MAX {
            return Err(format!("journal.snapshot_s is 0 to {SNAPSHOT_S_MAX} (a day)"));
        }
        self.options().check().map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::config::Config;

    #[test]
    fn the_section_is_read_and_checked() {
        let text = "[journal]\ndurability = \"power\"\nsync_ms = 5\nsegment_bytes = 8192\nsnapshot_s = 0\n";
        let journal = Config::parse("a test", text).expect("a configuration").journal;
        assert_eq!((journal.durability, journal.sync_ms), (Durability::Power, 5));
        assert_eq!((journal.segment_bytes, journal.segments_ahead, journal.snapshot_s), (8_192, 2, 0));
        assert_eq!(Config::default().journal.durability, Durability::Process);
        for wrong in [
            "sync_ms = 0",
            "sync_ms = 10001",
            "segment_bytes = 4097",
            "segments_ahead = 0",
            "snapshot_s = 86401",
        ] {
            assert!(Config::parse("a test", &format!("[journal]\n{wrong}\n")).is_err(), "{wrong}");
        }
        assert!(Config::parse("a test", "[journal]\ndurability = \"replicated\"\n").is_err());
    }
}
