//! A journal that order entry alone writes, for tests in which nobody decides.

use std::path::Path;

use engine::control::journal::{self, JournalKeeper, JournalOptions, JournalThread, SegmentWriter};

/// A new journal in `directory` whose segments have this many bytes.
///
/// # Panics
/// When it cannot be had: the test cannot go on.
#[must_use]
pub fn create(directory: &Path, segment_bytes: u64) -> (JournalKeeper, SegmentWriter) {
    let options = JournalOptions { segment_bytes, ..JournalOptions::default() };
    let made = journal::create(directory, &[JournalThread::OrderEntry], options, b"a test's run");
    let (keeper, mut writers) = made.expect("a journal");
    (keeper, writers.pop().expect("order entry's"))
}
