//! A journal that nobody reads, for a rehearsal: the writer is that of a run, and its records go to memory that is
//! written over again and again.
//!
//! It takes two segments of memory at the start and makes no file. What its records say is of no account: the zeros between
//! records that a journal promises are not kept.

use super::segment::Segment;
use super::writer::FullSegment;
use super::{JournalError, JournalThread, SegmentWriter};
use rtrb::{Consumer, Producer, RingBuffer};

/// Bytes of each of the two segments: what a rehearsal overwrites stays in the caches' neighbourhood.
const SEGMENT_BYTES: u64 = 1 << 16;

/// Gives full segments back to their writer.
pub(crate) struct ScratchSegments {
    ready: Producer<Segment>,
    full: Consumer<FullSegment>,
}

impl ScratchSegments {
    /// The writer may fill again what it has filled. Between two appends, once for every few dozen of them.
    #[inline]
    pub(crate) fn recycle(&mut self) {
        if let Ok(full) = self.full.pop() {
            // There are two segments and two slots.
            let _ = self.ready.push(full.segment);
        }
    }
}

/// A writer whose records go nowhere.
///
/// # Errors
/// No memory.
pub(crate) fn scratch(thread: JournalThread) -> Result<(SegmentWriter, ScratchSegments), JournalError> {
    let (mut ready, to_writer) = RingBuffer::new(2);
    let (from_writer, full) = RingBuffer::new(2);
    let first = Segment::scratch(1, SEGMENT_BYTES)?;
    let _ = ready.push(Segment::scratch(2, SEGMENT_BYTES)?);
    let writer = SegmentWriter::new(thread, [0; 32], first, to_writer, from_writer);
    Ok((writer, ScratchSegments { ready, full }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::journal::RecordKind;

    #[test]
    fn it_takes_records_for_ever() {
        let (mut writer, mut segments) = scratch(JournalThread::Decide).expect("memory");
        for record in 1..10_000u64 {
            assert_eq!(writer.append(RecordKind::Sent, record, &[7; 200]), Ok(record));
            segments.recycle();
        }
    }
}
