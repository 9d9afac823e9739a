//! Device memory, pinned memory, copies.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::HashMap;
use std::ffi::{c_uchar, c_uint, c_void};

use cudarc::driver::sys::{CUdeviceptr, CUresult, CUstream};

use super::process::{code, device, process, put};
use super::stream::Job;

/// Alignment of every allocation: a page, which is more than the driver promises.
const ALIGN: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Device,
    Pinned,
    /// The caller's memory: not ours to free.
    Registered,
}

/// What is allocated and registered.
#[derive(Debug, Default)]
pub(super) struct Allocations {
    blocks: HashMap<usize, (usize, Kind)>,
    device_bytes: u64,
}

impl Allocations {
    fn holds(&self, start: usize, bytes: usize) -> bool {
        self.blocks
            .iter()
            .any(|(&at, &(length, _))| start >= at && start.saturating_add(bytes) <= at + length)
    }
}

fn layout(bytes: usize) -> Result<Layout, CUresult> {
    Layout::from_size_align(bytes, ALIGN).map_err(|_| CUresult::CUDA_ERROR_OUT_OF_MEMORY)
}

fn allocate(bytes: usize, kind: Kind) -> Result<usize, CUresult> {
    process().ready()?;
    if bytes == 0 {
        return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
    }
    let mut allocations = process().allocations.lock().expect("no holder panics");
    if kind == Kind::Device && allocations.device_bytes + bytes as u64 > device().memory_bytes {
        return Err(CUresult::CUDA_ERROR_OUT_OF_MEMORY);
    }
    // SAFETY: the size is not zero.
    let start = unsafe { alloc_zeroed(layout(bytes)?) } as usize;
    if start == 0 {
        return Err(CUresult::CUDA_ERROR_OUT_OF_MEMORY);
    }
    allocations.device_bytes += if kind == Kind::Device { bytes as u64 } else { 0 };
    allocations.blocks.insert(start, (bytes, kind));
    process().space.insert(start as u64, bytes as u64);
    Ok(start)
}

/// Waits for the device first, as CUDA does: beside a kernel that never ends this never returns.
fn release(start: usize, kind: Kind) -> Result<(), CUresult> {
    process().synchronise();
    let mut allocations = process().allocations.lock().expect("no holder panics");
    let &(bytes, found) = allocations.blocks.get(&start).ok_or(CUresult::CUDA_ERROR_INVALID_VALUE)?;
    if found != kind {
        return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
    }
    allocations.blocks.remove(&start);
    process().space.remove(start as u64);
    if kind == Kind::Device {
        allocations.device_bytes -= bytes as u64;
    }
    if kind != Kind::Registered {
        // SAFETY: allocated by `allocate` with this layout, and no kernel runs.
        unsafe { dealloc(start as *mut u8, layout(bytes)?) };
    }
    Ok(())
}

/// The range must be device, pinned or registered memory.
fn known(start: u64, bytes: usize) -> Result<(), CUresult> {
    process().ready()?;
    let allocations = process().allocations.lock().expect("no holder panics");
    let (variables, end) = (process().modules.all(), start.saturating_add(bytes as u64));
    let in_module = variables.iter().any(|module| {
        let (at, length) = module.variables();
        start >= at && end <= at + length
    });
    if allocations.holds(start as usize, bytes) || in_module {
        Ok(())
    } else {
        Err(CUresult::CUDA_ERROR_INVALID_VALUE)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> CUresult {
    let total_bytes = device().memory_bytes;
    let used_bytes = process().allocations.lock().expect("no holder panics").device_bytes;
    // SAFETY: the driver's contract: places for the answers.
    code(process().ready().and_then(|()| unsafe {
        put(free, total_bytes.saturating_sub(used_bytes) as usize)
            .and_then(|()| put(total, total_bytes as usize))
    }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAlloc_v2(pointer: *mut CUdeviceptr, bytes: usize) -> CUresult {
    // SAFETY: the driver's contract: a place for the answer.
    code(allocate(bytes, Kind::Device).and_then(|start| unsafe { put(pointer, start as CUdeviceptr) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFree_v2(pointer: CUdeviceptr) -> CUresult {
    if pointer == 0 {
        return CUresult::CUDA_SUCCESS;
    }
    code(release(pointer as usize, Kind::Device))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemHostAlloc(pointer: *mut *mut c_void, bytes: usize, _flags: c_uint) -> CUresult {
    // SAFETY: the driver's contract: a place for the answer.
    code(allocate(bytes, Kind::Pinned).and_then(|start| unsafe { put(pointer, start as *mut c_void) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFreeHost(pointer: *mut c_void) -> CUresult {
    code(release(pointer as usize, Kind::Pinned))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemHostRegister_v2(
    pointer: *mut c_void,
    bytes: usize,
    _flags: c_uint,
) -> CUresult {
    let register = || {
        process().ready()?;
        if pointer.is_null() || bytes == 0 {
            return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
        }
        let (start, end) = (pointer as usize, pointer as usize + bytes);
        let mut allocations = process().allocations.lock().expect("no holder panics");
        if allocations.blocks.iter().any(|(&at, &(length, _))| at < end && start < at + length) {
            return Err(CUresult::CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
        }
        allocations.blocks.insert(start, (bytes, Kind::Registered));
        process().space.insert(start as u64, bytes as u64);
        Ok(())
    };
    code(register())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemHostUnregister(pointer: *mut c_void) -> CUresult {
    code(release(pointer as usize, Kind::Registered).map_err(|error| match error {
        CUresult::CUDA_ERROR_INVALID_VALUE => CUresult::CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED,
        other => other,
    }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemHostGetDevicePointer_v2(
    pointer: *mut CUdeviceptr,
    host: *mut c_void,
    _flags: c_uint,
) -> CUresult {
    // SAFETY: the driver's contract: a place for the answer.
    code(known(host as u64, 1).and_then(|()| unsafe { put(pointer, host as CUdeviceptr) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemsetD8_v2(to: CUdeviceptr, value: c_uchar, bytes: usize) -> CUresult {
    // SAFETY: the range is allocated, by the check.
    code(known(to, bytes).map(|()| unsafe { std::ptr::write_bytes(to as *mut u8, value, bytes) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyHtoD_v2(to: CUdeviceptr, from: *const c_void, bytes: usize) -> CUresult {
    // SAFETY: the target is allocated, by the check; the source by the driver's contract.
    code(known(to, bytes).map(|()| unsafe { std::ptr::copy(from.cast::<u8>(), to as *mut u8, bytes) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoH_v2(to: *mut c_void, from: CUdeviceptr, bytes: usize) -> CUresult {
    // SAFETY: the source is allocated, by the check; the target by the driver's contract.
    code(known(from, bytes).map(|()| unsafe { std::ptr::copy(from as *const u8, to.cast::<u8>(), bytes) }))
}

/// Queues a job after checking the device's side of it.
fn queue(device_side: u64, bytes: usize, stream: CUstream, job: Job) -> CUresult {
    code(known(device_side, bytes).and_then(|()| {
        process().stream(stream as usize)?.push(job);
        Ok(())
    }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemsetD8Async(
    to: CUdeviceptr,
    value: c_uchar,
    bytes: usize,
    stream: CUstream,
) -> CUresult {
    queue(to, bytes, stream, Job::Fill { to, value, bytes })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyHtoDAsync_v2(
    to: CUdeviceptr,
    from: *const c_void,
    bytes: usize,
    stream: CUstream,
) -> CUresult {
    queue(to, bytes, stream, Job::Copy { to, from: from as u64, bytes })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoHAsync_v2(
    to: *mut c_void,
    from: CUdeviceptr,
    bytes: usize,
    stream: CUstream,
) -> CUresult {
    queue(from, bytes, stream, Job::Copy { to: to as u64, from, bytes })
}
