//! The device that the stand-in plays, and the calls about it.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_uint};
use std::sync::atomic::Ordering;
use std::time::Duration;

use cudarc::driver::sys::{CUcontext, CUdevice, CUdevice_attribute, CUresult};

use super::process::{code, device, process, put};
use crate::machine::WeakMemory;

/// How the driver stands to conditional graph nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionalNodes {
    /// As in CUDA 12.4 and later.
    Supported,
    /// As in older drivers: [`super::symbol`] does not find their functions.
    SymbolMissing,
    /// The functions are there; instantiation answers `CUDA_ERROR_NOT_SUPPORTED`.
    NotSupported,
}

/// What goes wrong with the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceFaults {
    /// After so many kernels have run, those of graph bodies counted each time, the next one fails with this code (700 or
    /// 719, say), and so does every later call.
    pub failure_after_launches: Option<(u64, u32)>,
    /// Every query of a stream takes so long.
    pub query_delay: Option<Duration>,
}

/// A device, as the driver describes it and as the machine runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmulatedDevice {
    /// Whether there is a device at all.
    pub present: bool,
    /// Its name.
    pub name: String,
    /// CUDA version of the driver: 13000 for 13.0.
    pub driver_version: i32,
    /// Major and minor.
    pub compute_capability: (i32, i32),
    /// Streaming multiprocessors.
    pub multiprocessors: u32,
    /// Device memory in bytes.
    pub memory_bytes: u64,
    /// Shared memory of a multiprocessor in bytes; a CTA may have 1 KiB less.
    pub shared_bytes: u32,
    /// The largest cluster; 1 where the device has none.
    pub cluster_ctas_max: u32,
    /// Conditional graph nodes.
    pub conditional_nodes: ConditionalNodes,
    /// Whether kernels may touch only what was allocated or registered.
    pub checks_addresses: bool,
    /// Weak memory by seed, for every launch.
    pub weak: Option<WeakMemory>,
    /// What goes wrong.
    pub faults: DeviceFaults,
}

impl Default for EmulatedDevice {
    /// A small device of compute capability 9.0 without faults, addresses checked, memory as the host has it.
    fn default() -> Self {
        Self {
            present: true,
            name: "warptick emulated device".to_string(),
            driver_version: 13_000,
            compute_capability: (9, 0),
            multiprocessors: 16,
            memory_bytes: 1 << 30,
            shared_bytes: 228 << 10,
            cluster_ctas_max: 8,
            conditional_nodes: ConditionalNodes::Supported,
            checks_addresses: true,
            weak: None,
            faults: DeviceFaults::default(),
        }
    }
}

thread_local! {
    static CURRENT: Cell<usize> = const { Cell::new(0) };
}

/// The one context's handle.
const CONTEXT: usize = 0x0c0d_e000;
const PCI_BUS_ID: &[u8] = b"0000:00:1F.0\0";

fn chosen(dev: CUdevice) -> Result<(), CUresult> {
    if dev == 0 { process().ready() } else { Err(CUresult::CUDA_ERROR_INVALID_DEVICE) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuInit(flags: c_uint) -> CUresult {
    if flags != 0 {
        return CUresult::CUDA_ERROR_INVALID_VALUE;
    }
    if !device().present {
        return CUresult::CUDA_ERROR_NO_DEVICE;
    }
    process().initialised.store(true, Ordering::Release);
    CUresult::CUDA_SUCCESS
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDriverGetVersion(version: *mut c_int) -> CUresult {
    // SAFETY: the driver's contract: a place for the answer.
    code(unsafe { put(version, device().driver_version) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetCount(count: *mut c_int) -> CUresult {
    // SAFETY: the driver's contract: a place for the answer.
    code(process().ready().and_then(|()| unsafe { put(count, c_int::from(device().present)) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGet(dev: *mut CUdevice, ordinal: c_int) -> CUresult {
    // SAFETY: the driver's contract: a place for the answer.
    code(chosen(ordinal).and_then(|()| unsafe { put(dev, 0) }))
}

/// # Safety
/// `to` is null or good for `room` bytes.
unsafe fn put_text(to: *mut c_char, room: c_int, text: &[u8]) -> Result<(), CUresult> {
    if to.is_null() || room < 1 {
        return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
    }
    let length = text.len().min(room as usize - 1);
    // SAFETY: `length + 1` bytes fit by the check above and the caller's contract.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), to.cast(), length);
        to.add(length).write(0);
    }
    Ok(())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetName(name: *mut c_char, len: c_int, dev: CUdevice) -> CUresult {
    // SAFETY: the driver's contract: `name` has room for `len` bytes.
    code(chosen(dev).and_then(|()| unsafe { put_text(name, len, device().name.as_bytes()) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetPCIBusId(id: *mut c_char, len: c_int, dev: CUdevice) -> CUresult {
    // SAFETY: the driver's contract: `id` has room for `len` bytes.
    code(chosen(dev).and_then(|()| unsafe { put_text(id, len, &PCI_BUS_ID[..PCI_BUS_ID.len() - 1]) }))
}

fn attribute(device: &EmulatedDevice, attribute: CUdevice_attribute) -> c_int {
    use CUdevice_attribute::*;
    let threads_per_multiprocessor = if device.compute_capability.0 >= 8 { 2048 } else { 1024 };
    match attribute {
        CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK
        | CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X
        | CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y => 1024,
        CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z => 64,
        CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X => c_int::MAX,
        CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y | CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z => 65_535,
        CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK => 48 << 10,
        CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN => device.shared_bytes as c_int - 1024,
        CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR => device.shared_bytes as c_int,
        CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK => 1024,
        CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY => 64 << 10,
        CU_DEVICE_ATTRIBUTE_WARP_SIZE => 32,
        CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK
        | CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR => 65_536,
        // `%clock` counts ns.
        CU_DEVICE_ATTRIBUTE_CLOCK_RATE => 1_000_000,
        CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT => device.multiprocessors as c_int,
        CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR => threads_per_multiprocessor,
        CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR => 32,
        CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY
        | CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS
        | CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING
        | CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH
        | CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM
        | CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED => 1,
        CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH => c_int::from(device.cluster_ctas_max > 1),
        CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID => 0x1f,
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR => device.compute_capability.0,
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR => device.compute_capability.1,
        _ => 0,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetAttribute(
    value: *mut c_int,
    which: CUdevice_attribute,
    dev: CUdevice,
) -> CUresult {
    // SAFETY: the driver's contract: a place for the answer.
    code(chosen(dev).and_then(|()| unsafe { put(value, attribute(&device(), which)) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceTotalMem_v2(bytes: *mut usize, dev: CUdevice) -> CUresult {
    // SAFETY: the driver's contract: a place for the answer.
    code(chosen(dev).and_then(|()| unsafe { put(bytes, device().memory_bytes as usize) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDevicePrimaryCtxRetain(context: *mut CUcontext, dev: CUdevice) -> CUresult {
    // SAFETY: the driver's contract: a place for the answer.
    code(chosen(dev).and_then(|()| unsafe { put(context, CONTEXT as CUcontext) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDevicePrimaryCtxRelease_v2(dev: CUdevice) -> CUresult {
    code(chosen(dev))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxSetCurrent(context: CUcontext) -> CUresult {
    if !context.is_null() && context as usize != CONTEXT {
        return CUresult::CUDA_ERROR_INVALID_CONTEXT;
    }
    CURRENT.set(context as usize);
    code(process().ready())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxGetCurrent(context: *mut CUcontext) -> CUresult {
    // SAFETY: the driver's contract: a place for the answer.
    code(process().ready().and_then(|()| unsafe { put(context, CURRENT.get() as CUcontext) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxSynchronize() -> CUresult {
    process().synchronise();
    code(process().ready())
}
