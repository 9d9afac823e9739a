//! What runs before, after or beside the hot stages, on the housekeeping core: the journal's keeper and readers,
//! the order digest, and what starts, watches, reports and stops a run.
//!
//! The two parts of it that a pinned thread calls, `journal::SegmentWriter` and `digest::DigestSender`, allocate
//! nothing and make no system call after construction; everything else here may do both and never runs on a
//! pinned thread.

pub mod digest;
pub mod journal;
