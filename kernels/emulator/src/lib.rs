//! Interpreter of the PTX that nvcc emits, behind a stand-in for the CUDA driver library.
//!
//! It runs the kernels that ship on machines without a GPU, with the same bits: integer instructions, IEEE f64 and f32,
//! warps with independent thread scheduling, CTAs, clusters, barriers, atomics, conditional graphs. Two ways in:
//! [`Module`] runs a kernel on the calling thread; [`driver`] is the table of driver functions that host code for a GPU
//! calls. Under a seed ([`WeakMemory`]) memory is as weak as PTX allows, so that a missing fence shows.
//!
//! Allocates at module load and launch. Each launch runs on one thread. It refuses what it cannot run when a module is
//! loaded ([`LoadError`]), and reports what a kernel does wrong ([`Fault`]). It knows no time but the host's: no figure
//! from here says anything about a GPU's speed.

pub mod driver;
mod machine;
mod module;
mod program;
mod ptx;

pub use driver::{ConditionalNodes, DeviceFaults, EmulatedDevice, configure, hooks, last_fault};
pub use machine::{Counts, Fault, FaultKind, Hooks, Shape, WeakMemory};
pub use module::{Kernel, Module, RunOptions};
pub use ptx::LoadError;
