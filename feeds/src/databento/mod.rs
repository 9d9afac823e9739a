//! Databento DBN, versions 1 to 3, through the published `dbn` crate: MBO, MBP-1, MBP-10, trades, TBBO, definitions,
//! status and symbol mappings as market events; records of other schemas are passed over and counted.
//!
//! Source: Databento documentation, «DBN encoding», «Schemas and conventions». Sans-I/O: a file's bytes are framed by
//! [`records::Layout`], one record at a time is decoded by the crate's own state machine (which brings older versions
//! to the newest form) and turned into events by [`feed::DbnFeed`].
//!
//! Prices are DBN's own 1e-9, quantities the venue's units (contracts, shares).

pub mod feed;
pub mod records;
pub mod schedule;
mod top_levels;
