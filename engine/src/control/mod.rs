//! What runs before, after or beside the hot stages, on the housekeeping core: inputs and configuration, what starts a
//! run and watches it, the journal's keeper and readers, the order digest, reports and shutdown.
//!
//! The parts of it that a pinned thread calls, `journal::SegmentWriter`, `digest::DigestSender`, `counters` and
//! `kill_switch::is_set`, allocate nothing and make no system call after construction; everything else here may do
//! both and never runs on a pinned thread.

pub mod acceptance_run;
pub mod atomic_file;
pub mod book_bench;
pub mod book_hash;
pub mod book_report;
pub mod capture;
pub mod config;
pub mod counters;
pub mod cpus;
pub mod demo;
pub mod digest;
pub mod failpoint;
pub mod failure;
pub mod feed_bench;
pub mod feed_config;
pub mod feed_report;
pub mod fix_config;
pub mod generate;
pub mod histograms;
mod hot_threads;
mod housekeeping;
pub mod inputs;
pub mod journal;
pub mod journal_config;
pub mod journal_replay;
pub mod kill_switch;
pub mod limits_desk;
pub mod limits_file;
pub mod live_lines;
pub mod live_run;
pub mod logon_config;
pub mod machine;
pub mod mapped_file_fault;
pub mod names;
pub mod operator_client;
pub mod operator_config;
pub mod operator_port;
pub mod outcome;
pub mod placement;
pub mod progress;
pub mod reconnector;
pub mod recorded_lines;
pub mod recovery;
pub mod replay;
pub mod report;
pub mod resume;
pub mod resumed_limits;
pub mod risk_config;
pub mod run_header;
pub mod schedule_config;
pub mod secret;
pub mod session_date;
pub mod session_schedule;
pub mod session_sockets;
pub mod session_store;
pub mod shutdown;
pub mod slice;
pub mod snapshot_fetch;
pub mod startup;
pub mod stream_bench;
pub mod summary;
mod supervision;
pub mod transport_config;
pub mod tune;
pub mod universe;
pub mod utc_watch;
pub mod venue_run;
pub mod watchdog;
pub mod why;
pub mod wide_backend;
pub mod wide_config;
pub mod wide_plan;
