//! The ring of finished paths: pushed by the thread that completes orders, read by the cold one. A record that finds it full is
//! dropped and counted.

use rtrb::{Consumer, Producer, PushError, RingBuffer};

use super::PathRecord;

/// The hot end of the stamp ring.
#[derive(Debug)]
pub struct StampWriter {
    ring: Producer<PathRecord>,
    dropped: u64,
}

impl StampWriter {
    /// Hands a record over. Full: the record is dropped and counted; returns whether it was taken.
    #[inline]
    pub fn push(&mut self, record: PathRecord) -> bool {
        match self.ring.push(record) {
            Ok(()) => true,
            Err(PushError::Full(_)) => {
                self.dropped += 1;
                false
            }
        }
    }

    /// Records dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// The cold end of the stamp ring.
#[derive(Debug)]
pub struct StampReader {
    ring: Consumer<PathRecord>,
}

impl StampReader {
    /// Records that are there now, and how many there is room for.
    #[must_use]
    pub fn fill(&self) -> (usize, usize) {
        (self.ring.slots(), self.ring.buffer().capacity())
    }

    /// The next record, or `None` when there is none now.
    pub fn pop(&mut self) -> Option<PathRecord> {
        self.ring.pop().ok()
    }
}

/// A stamp ring of `capacity` records of 96 bytes; every page of it is touched here, none later.
///
/// # Panics
/// When `capacity` is zero: a ring that drops everything is a configuration error.
#[must_use]
pub fn channel(capacity: usize) -> (StampWriter, StampReader) {
    assert!(capacity > 0, "a stamp ring needs at least one slot");
    let (ring, consumer) = RingBuffer::new(capacity);
    let mut writer = StampWriter { ring, dropped: 0 };
    let mut reader = StampReader { ring: consumer };
    while writer.ring.push(PathRecord::BLANK).is_ok() {}
    while reader.pop().is_some() {}
    (writer, reader)
}
