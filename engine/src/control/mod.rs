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
