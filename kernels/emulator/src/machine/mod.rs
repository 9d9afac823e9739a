//! The machine: warps of 32 lanes, CTAs, clusters, and the scheduler that runs a grid on one thread.
//!
//! Memory is the host's: pointers that a kernel gets are real, 16-byte accesses are single moves, atomics are real atomics,
//! so host threads and kernels share rings as they do over PCIe. A launch allocates when it starts and not after. It is
//! owned by the thread that runs it.

mod address;
mod arithmetic;
mod atomics;
mod barrier;
mod collective;
mod fault;
mod hooks;
mod lanes;
mod launch;
mod memory;
mod moves;
mod polling;
mod quad;
mod schedule;
mod step;
mod warp;
mod weak;

pub(crate) use address::AddressSpace;
pub use fault::{Fault, FaultKind};
pub use hooks::{Counts, Hooks};
pub(crate) use launch::{Launch, LaunchSettings};
pub use launch::{Shape, WeakMemory};
pub(crate) use schedule::run;
