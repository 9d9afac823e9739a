//! Kernel launches.

use std::ffi::{c_uint, c_void};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cudarc::driver::sys::{CUfunction, CUlaunchAttributeID, CUlaunchConfig, CUresult, CUstream};

use super::modules::Function;
use super::process::{code, device, process};
use super::stream::Job;
use crate::machine::{Launch, LaunchSettings, Shape, run};

/// A kernel with its shape and its parameters' bytes.
#[derive(Clone)]
pub(super) struct KernelLaunch {
    pub(super) function: Arc<Function>,
    pub(super) shape: Shape,
    pub(super) parameters: Vec<u8>,
}

/// Copies the parameters that an array of pointers points to.
///
/// # Safety
/// The array has a pointer to each parameter of the kernel, or is null where the kernel has none.
pub(super) unsafe fn parameters_of(
    function: &Function,
    pointers: *mut *mut c_void,
    extra: *mut *mut c_void,
) -> Result<Vec<u8>, CUresult> {
    let program = &function.kernel.program;
    let mut block = vec![0u8; program.parameter_bytes];
    if !extra.is_null() || (pointers.is_null() && !program.parameters.is_empty()) {
        return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
    }
    for (index, slot) in program.parameters.iter().enumerate() {
        // SAFETY: the caller's contract.
        unsafe {
            let from = pointers.add(index).read();
            if from.is_null() {
                return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
            }
            std::ptr::copy_nonoverlapping(from.cast::<u8>(), block.as_mut_ptr().add(slot.offset), slot.bytes);
        }
    }
    Ok(block)
}

/// A kernel that must have clusters of a size has them, whoever launches it.
pub(super) fn with_required_cluster(function: &Function, shape: Shape) -> Shape {
    let required = function.kernel.program.limits.cluster_required;
    match required {
        Some(counts) if shape.cluster == [1; 3] => {
            Shape { cluster: counts.map(|count| count.max(1)), ..shape }
        }
        _ => shape,
    }
}

/// Runs a kernel on this thread. False: it failed, and the device with it.
pub(super) fn run_kernel(launch: &KernelLaunch) -> bool {
    let (process, device) = (process(), device());
    let number = process.launches.fetch_add(1, Ordering::AcqRel);
    if let Some((after, failure)) = device.faults.failure_after_launches
        && number >= after
    {
        process.fail(match failure {
            700 => CUresult::CUDA_ERROR_ILLEGAL_ADDRESS,
            702 => CUresult::CUDA_ERROR_LAUNCH_TIMEOUT,
            _ => CUresult::CUDA_ERROR_LAUNCH_FAILED,
        });
        return false;
    }
    let settings = LaunchSettings {
        space: device.checks_addresses.then(|| process.space.clone()),
        hooks: Some(process.hooks.clone()),
        weak: device.weak,
        multiprocessors: device.multiprocessors,
        resident_ctas: launch.function.resident_ctas(&launch.shape),
        conditional: Some(Arc::new(super::graph::set_conditional)),
        vectors: None,
    };
    let program = launch.function.kernel.program.clone();
    let mut grid = Launch::new(program, launch.shape, &launch.parameters, settings);
    match run(&mut grid) {
        Ok(()) => true,
        Err(fault) => {
            process.report(fault);
            false
        }
    }
}

fn enqueue(
    function: Arc<Function>,
    shape: Shape,
    cooperative: bool,
    stream: CUstream,
    parameters: Vec<u8>,
) -> Result<(), CUresult> {
    let shape = with_required_cluster(&function, shape);
    function.check(&shape)?;
    if cooperative && shape.ctas() > function.resident_ctas(&shape) {
        return Err(CUresult::CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
    }
    process().stream(stream as usize)?.push(Job::Kernel(KernelLaunch { function, shape, parameters }));
    Ok(())
}

/// # Safety
/// As the driver asks of `cuLaunchKernel`.
unsafe fn launch(
    function: CUfunction,
    shape: Shape,
    cooperative: bool,
    stream: CUstream,
    pointers: *mut *mut c_void,
    extra: *mut *mut c_void,
) -> CUresult {
    code(process().ready().and_then(|()| {
        let function = process().functions.get(function as usize)?;
        // SAFETY: the caller's contract.
        let parameters = unsafe { parameters_of(&function, pointers, extra) }?;
        enqueue(function, shape, cooperative, stream, parameters)
    }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuLaunchKernel(
    f: CUfunction,
    grid_x: c_uint,
    grid_y: c_uint,
    grid_z: c_uint,
    block_x: c_uint,
    block_y: c_uint,
    block_z: c_uint,
    dynamic_shared_bytes: c_uint,
    stream: CUstream,
    parameters: *mut *mut c_void,
    extra: *mut *mut c_void,
) -> CUresult {
    let (grid, block) = ([grid_x, grid_y, grid_z], [block_x, block_y, block_z]);
    let shape = Shape { grid, block, cluster: [1; 3], dynamic_shared_bytes };
    // SAFETY: the driver's contract.
    unsafe { launch(f, shape, false, stream, parameters, extra) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuLaunchCooperativeKernel(
    f: CUfunction,
    grid_x: c_uint,
    grid_y: c_uint,
    grid_z: c_uint,
    block_x: c_uint,
    block_y: c_uint,
    block_z: c_uint,
    dynamic_shared_bytes: c_uint,
    stream: CUstream,
    parameters: *mut *mut c_void,
) -> CUresult {
    let (grid, block) = ([grid_x, grid_y, grid_z], [block_x, block_y, block_z]);
    let shape = Shape { grid, block, cluster: [1; 3], dynamic_shared_bytes };
    // SAFETY: the driver's contract.
    unsafe { launch(f, shape, true, stream, parameters, std::ptr::null_mut()) }
}

/// The shape of a launch configuration, and whether it is cooperative.
///
/// # Safety
/// `config` is null or a configuration with as many attributes as it says.
pub(super) unsafe fn configured(
    config: *const CUlaunchConfig,
    function: &Function,
) -> Result<(Shape, bool), CUresult> {
    // SAFETY: the caller's contract.
    let config = unsafe { config.as_ref() }.ok_or(CUresult::CUDA_ERROR_INVALID_VALUE)?;
    let mut shape = Shape {
        grid: [config.gridDimX, config.gridDimY, config.gridDimZ],
        block: [config.blockDimX, config.blockDimY, config.blockDimZ],
        cluster: [1; 3],
        dynamic_shared_bytes: config.sharedMemBytes,
    };
    let mut cooperative = false;
    for index in 0..config.numAttrs as usize {
        // SAFETY: the caller's contract; the id says which field of the value is meant.
        unsafe {
            let attribute = &*config.attrs.add(index);
            match attribute.id {
                CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION => {
                    let counts = attribute.value.clusterDim;
                    shape.cluster = [counts.x, counts.y, counts.z];
                }
                CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_COOPERATIVE => {
                    cooperative = attribute.value.cooperative != 0;
                }
                _ => {}
            }
        }
    }
    Ok((with_required_cluster(function, shape), cooperative))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuLaunchKernelEx(
    config: *const CUlaunchConfig,
    f: CUfunction,
    parameters: *mut *mut c_void,
    extra: *mut *mut c_void,
) -> CUresult {
    code(process().ready().and_then(|()| {
        let function = process().functions.get(f as usize)?;
        // SAFETY: the driver's contract.
        let (shape, cooperative) = unsafe { configured(config, &function) }?;
        // SAFETY: `configured` found the configuration to be there; the rest is the driver's contract.
        let (stream, parameters) =
            unsafe { ((*config).hStream, parameters_of(&function, parameters, extra)?) };
        enqueue(function, shape, cooperative, stream, parameters)
    }))
}
