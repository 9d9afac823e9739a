//! The device's side of wide work: everything that touches the CUDA driver is in this module.
//!
//! One cold thread makes every driver call (`driver`, `memory`, `launch`); the thread that feeds the device touches only
//! pinned memory (`ring`). Nothing here is needed on a machine without a GPU: the driver library is looked for when it is
//! asked for, and its absence is a reason, not a panic. `warptick-emulator` stands in for the library: it
//! runs the same PTX.

pub mod batch;
pub mod check;
pub mod check_day;
pub mod driver;
mod event;
pub mod feed;
mod graph;
pub mod images;
pub mod keeper;
pub mod launch;
mod layout;
pub mod maker;
pub mod memory;
pub mod plan;
pub mod properties;
mod quad;
pub mod ring;
