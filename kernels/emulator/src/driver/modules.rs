//! Modules, functions, occupancy.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use cudarc::driver::sys::{CUfunction, CUfunction_attribute, CUlaunchConfig, CUmodule, CUresult};

use super::launch::configured;
use super::process::{code, device, process, put};
use crate::machine::Shape;
use crate::module::{Kernel, Module};

/// Dynamic shared memory that a kernel may have without asking.
const DYNAMIC_SHARED_DEFAULT: u32 = 48 << 10;
const CTAS_PER_MULTIPROCESSOR: u32 = 32;
/// What the hardware keeps of a CTA's shared memory.
const SHARED_RESERVED_BYTES: u32 = 1024;

/// A module that `cuModuleLoadData` loaded.
pub(super) struct LoadedModule {
    module: Module,
}

/// A kernel of a module, with the attributes that were set.
pub(super) struct Function {
    pub(super) kernel: Kernel,
    dynamic_shared_max: AtomicU32,
    non_portable_clusters: AtomicBool,
}

impl LoadedModule {
    pub(super) fn variables(&self) -> (u64, u64) {
        self.module.variables()
    }
}

impl Function {
    fn threads_max(&self) -> u32 {
        let limits = &self.kernel.program.limits;
        let product =
            |counts: [u32; 3]| counts.iter().fold(1u32, |all, &count| all.saturating_mul(count.max(1)));
        limits.threads_required.or(limits.threads_max).map_or(1024, product).min(1024)
    }

    fn cluster_ctas_max(&self) -> u32 {
        let device = device();
        if self.non_portable_clusters.load(Ordering::Relaxed) && device.cluster_ctas_max > 1 {
            16
        } else {
            device.cluster_ctas_max
        }
    }

    /// Whether the device takes such a launch.
    pub(super) fn check(&self, shape: &Shape) -> Result<(), CUresult> {
        let whole =
            shape.grid.iter().zip(&shape.cluster).all(|(&grid, &cluster)| cluster > 0 && grid % cluster == 0);
        let empty = shape.grid.contains(&0) || shape.block.contains(&0);
        if empty || !whole || shape.threads() > self.threads_max() || shape.block[2] > 64 {
            return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
        }
        if shape.dynamic_shared_bytes > self.dynamic_shared_max.load(Ordering::Relaxed)
            || self.ctas_per_multiprocessor(shape) == 0
        {
            return Err(CUresult::CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
        }
        if shape.cluster_ctas() > self.cluster_ctas_max() {
            return Err(CUresult::CUDA_ERROR_INVALID_CLUSTER_SIZE);
        }
        Ok(())
    }

    /// By threads and shared memory; registers are not counted.
    pub(super) fn ctas_per_multiprocessor(&self, shape: &Shape) -> u32 {
        let device = device();
        let threads_max = if device.compute_capability.0 >= 8 { 2048 } else { 1024 };
        let by_threads = threads_max / shape.threads().next_multiple_of(32).max(32);
        let shared_bytes =
            self.kernel.program.shared_bytes + shape.dynamic_shared_bytes + SHARED_RESERVED_BYTES;
        by_threads.min(device.shared_bytes / shared_bytes).min(CTAS_PER_MULTIPROCESSOR)
    }

    /// CTAs that are resident on the whole device at once.
    pub(super) fn resident_ctas(&self, shape: &Shape) -> u64 {
        u64::from(self.ctas_per_multiprocessor(shape)) * u64::from(device().multiprocessors)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleLoadData(module: *mut CUmodule, image: *const c_void) -> CUresult {
    let load = || {
        process().ready()?;
        if image.is_null() {
            return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
        }
        // SAFETY: the driver's contract: an image of at least four bytes.
        let magic = unsafe { image.cast::<[u8; 4]>().read_unaligned() };
        if magic == *b"\x7fELF" || magic == [0x50, 0xed, 0x55, 0xba] {
            return Err(CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU);
        }
        // SAFETY: the driver's contract: an image that is not binary is text that ends with a zero byte.
        let text = unsafe { CStr::from_ptr(image.cast()) };
        let text = text.to_str().map_err(|_| CUresult::CUDA_ERROR_INVALID_PTX)?;
        let loaded = Module::load(text).map_err(|refusal| {
            process().refuse(refusal.to_string());
            CUresult::CUDA_ERROR_INVALID_PTX
        })?;
        let (start, bytes) = loaded.variables();
        process().space.insert(start, bytes);
        let handle = process().modules.add(Arc::new(LoadedModule { module: loaded }));
        // SAFETY: the driver's contract: a place for the answer.
        unsafe { put(module, handle as CUmodule) }
    };
    code(load())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleUnload(module: CUmodule) -> CUresult {
    process().synchronise();
    code(process().modules.remove(module as usize).map(|module| process().space.remove(module.variables().0)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleGetFunction(
    function: *mut CUfunction,
    module: CUmodule,
    name: *const c_char,
) -> CUresult {
    let get = || {
        process().ready()?;
        let module = process().modules.get(module as usize)?;
        if name.is_null() {
            return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
        }
        // SAFETY: the driver's contract: text that ends with a zero byte.
        let name = unsafe { CStr::from_ptr(name) }.to_str().map_err(|_| CUresult::CUDA_ERROR_NOT_FOUND)?;
        let kernel = module.module.kernel(name).ok_or(CUresult::CUDA_ERROR_NOT_FOUND)?;
        let found = Function {
            kernel,
            dynamic_shared_max: AtomicU32::new(DYNAMIC_SHARED_DEFAULT),
            non_portable_clusters: AtomicBool::new(false),
        };
        let handle = process().functions.add(Arc::new(found));
        // SAFETY: the driver's contract: a place for the answer.
        unsafe { put(function, handle as CUfunction) }
    };
    code(get())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuFuncGetAttribute(
    value: *mut c_int,
    attribute: CUfunction_attribute,
    function: CUfunction,
) -> CUresult {
    use CUfunction_attribute::*;
    let get = || {
        let function = process().functions.get(function as usize)?;
        let program = &function.kernel.program;
        let required = program.limits.cluster_required;
        let (major, minor) = device().compute_capability;
        let answer = match attribute {
            CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK => function.threads_max() as c_int,
            CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES => program.shared_bytes as c_int,
            CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES => program.local_bytes as c_int,
            CU_FUNC_ATTRIBUTE_NUM_REGS => program.registers.min(255) as c_int,
            CU_FUNC_ATTRIBUTE_PTX_VERSION | CU_FUNC_ATTRIBUTE_BINARY_VERSION => major * 10 + minor,
            CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES => {
                function.dynamic_shared_max.load(Ordering::Relaxed) as c_int
            }
            CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET => c_int::from(required.is_some()),
            CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH => required.map_or(0, |counts| counts[0] as c_int),
            CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT => required.map_or(0, |counts| counts[1] as c_int),
            CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH => required.map_or(0, |counts| counts[2] as c_int),
            CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED => {
                c_int::from(function.non_portable_clusters.load(Ordering::Relaxed))
            }
            _ => 0,
        };
        // SAFETY: the driver's contract: a place for the answer.
        unsafe { put(value, answer) }
    };
    code(process().ready().and_then(|()| get()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuFuncSetAttribute(
    function: CUfunction,
    attribute: CUfunction_attribute,
    value: c_int,
) -> CUresult {
    use CUfunction_attribute::*;
    let set = || {
        let function = process().functions.get(function as usize)?;
        match attribute {
            CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES => {
                let most = device().shared_bytes - SHARED_RESERVED_BYTES;
                let room = most.saturating_sub(function.kernel.program.shared_bytes);
                let bytes = u32::try_from(value).ok().filter(|&bytes| bytes <= room);
                let bytes = bytes.ok_or(CUresult::CUDA_ERROR_INVALID_VALUE)?;
                function.dynamic_shared_max.store(bytes, Ordering::Relaxed);
            }
            CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED => {
                function.non_portable_clusters.store(value != 0, Ordering::Relaxed);
            }
            CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT => {}
            _ => return Err(CUresult::CUDA_ERROR_INVALID_VALUE),
        }
        Ok(())
    };
    code(process().ready().and_then(|()| set()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuOccupancyMaxActiveBlocksPerMultiprocessor(
    ctas: *mut c_int,
    function: CUfunction,
    block_size: c_int,
    dynamic_shared_bytes: usize,
) -> CUresult {
    let count = || {
        let function = process().functions.get(function as usize)?;
        let threads = u32::try_from(block_size).map_err(|_| CUresult::CUDA_ERROR_INVALID_VALUE)?;
        let dynamic_shared_bytes = dynamic_shared_bytes.min(u32::MAX as usize / 2) as u32;
        let shape = Shape { dynamic_shared_bytes, ..Shape::linear(1, threads) };
        // SAFETY: the driver's contract: a place for the answer.
        unsafe { put(ctas, function.ctas_per_multiprocessor(&shape) as c_int) }
    };
    code(process().ready().and_then(|()| count()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuOccupancyMaxActiveClusters(
    clusters: *mut c_int,
    function: CUfunction,
    config: *const CUlaunchConfig,
) -> CUresult {
    let count = || {
        let function = process().functions.get(function as usize)?;
        // SAFETY: the driver's contract: a configuration with its attributes.
        let (shape, _) = unsafe { configured(config, &function) }?;
        let size = u64::from(shape.cluster_ctas());
        let fits = size <= u64::from(function.cluster_ctas_max());
        let answer = if fits { function.resident_ctas(&shape) / size } else { 0 };
        // SAFETY: the driver's contract: a place for the answer.
        unsafe { put(clusters, answer as c_int) }
    };
    code(process().ready().and_then(|()| count()))
}
