//! The trading process: pinned hot stages joined by rings (`pipeline`), the order-entry side (`fix`, `venue`), and
//! the ways of their bytes to a venue (`transport`), and everything that runs before, after or beside them (`control`).

pub mod control;
pub mod fix;
pub mod notation;
pub mod order;
pub mod ouch;
pub mod pipeline;
pub mod strategy;
pub mod transport;
pub mod venue;
