//! What runs before, after or beside the hot stages, on the housekeeping core: the journal's keeper and readers,
//! the order digest, and what starts, watches, reports and stops a run.
//!
//! The two parts of it that a pinned thread calls, `journal::SegmentWriter` and `digest::DigestSender`, allocate
//! nothing and make no system call after construction; everything else here may do both and never runs on a
//! pinned thread.

pub mod digest;
pub mod journal;
//! What runs before, after or beside the hot stages: placement, counters, reports, shutdown. Nothing here runs on
//! a pinned core after start, so it may allocate, format, lock and sleep.

pub mod atomic_file;
pub mod counters;
pub mod cpus;
pub mod histograms;
pub mod machine;
pub mod placement;
pub mod progress;
pub mod report;
pub mod shutdown;
pub mod summary;
