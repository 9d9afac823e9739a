//! The stand-in for the CUDA driver library: the functions that host code calls, with the signatures of
//! `cudarc::driver::sys`.
//!
//! Host code takes them by [`symbol`], or loads this crate's cdylib in place of `libcuda.so.1`. There is one device,
//! described by [`EmulatedDevice`] and set by [`configure`]. Kernels of a stream run in order on the stream's thread.
//! Device pointers are host pointers. Freeing memory waits for the device to be idle, as CUDA's does. Locks and
//! collections throughout: nothing here is meant for a hot path.
//!
//! Left out: textures, memory pools, several devices, cubins and fat binaries (they answer
//! `CUDA_ERROR_NO_BINARY_FOR_GPU`). Occupancy does not count registers.

mod device;
mod errors;
mod event;
mod graph;
mod launch;
mod memory;
mod modules;
mod process;
#[cfg(test)]
mod signatures;
mod stream;

pub use device::{ConditionalNodes, DeviceFaults, EmulatedDevice};
pub use process::{configure, hooks, last_fault, last_refusal};

use std::ffi::c_void;

macro_rules! symbols {
    ($($module:ident: $($name:ident)*;)*) => {
        /// The names of all functions that the stand-in has.
        pub const NAMES: &[&str] = &[$($(stringify!($name),)*)*];

        fn find(name: &str) -> Option<*const c_void> {
            match name {
                $($(stringify!($name) => Some($module::$name as *const c_void),)*)*
                _ => None,
            }
        }
    };
}

symbols! {
    device: cuInit cuDriverGetVersion cuDeviceGetCount cuDeviceGet cuDeviceGetName cuDeviceGetAttribute
        cuDeviceTotalMem_v2 cuDeviceGetPCIBusId cuDevicePrimaryCtxRetain cuDevicePrimaryCtxRelease_v2 cuCtxSetCurrent
        cuCtxGetCurrent cuCtxSynchronize;
    modules: cuModuleLoadData cuModuleUnload cuModuleGetFunction cuFuncGetAttribute cuFuncSetAttribute
        cuOccupancyMaxActiveBlocksPerMultiprocessor cuOccupancyMaxActiveClusters;
    memory: cuMemGetInfo_v2 cuMemAlloc_v2 cuMemFree_v2 cuMemHostAlloc cuMemFreeHost cuMemHostRegister_v2
        cuMemHostUnregister cuMemHostGetDevicePointer_v2 cuMemsetD8_v2 cuMemsetD8Async cuMemcpyHtoD_v2 cuMemcpyDtoH_v2
        cuMemcpyHtoDAsync_v2 cuMemcpyDtoHAsync_v2;
    stream: cuStreamCreate cuStreamDestroy_v2 cuStreamQuery cuStreamSynchronize;
    event: cuEventCreate cuEventDestroy_v2 cuEventRecord cuEventElapsedTime;
    launch: cuLaunchKernel cuLaunchKernelEx cuLaunchCooperativeKernel;
    graph: cuGraphCreate cuGraphDestroy cuGraphConditionalHandleCreate cuGraphAddNode_v2 cuGraphAddKernelNode_v2
        cuGraphKernelNodeSetAttribute cuGraphInstantiateWithFlags cuGraphUpload cuGraphLaunch cuGraphExecDestroy;
    errors: cuGetErrorString cuGetErrorName;
}

/// The function of a driver symbol, or None where the stand-in, or the device that it plays, has none.
///
/// The pointer is to an `unsafe extern "C" fn` with the signature that `cudarc::driver::sys` gives for the name.
pub fn symbol(name: &str) -> Option<*const c_void> {
    let missing = process::device().conditional_nodes == ConditionalNodes::SymbolMissing;
    if missing && matches!(name, "cuGraphConditionalHandleCreate" | "cuGraphAddNode_v2") {
        return None;
    }
    find(name)
}
