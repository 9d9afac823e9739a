//! The functions of the CUDA driver that the engine calls, looked up once.
//!
//! cudarc's own wrappers look each symbol up at its first call and panic where it is missing, which under
//! `panic = "abort"` ends a trading process. Here all are looked up before the first call, by cudarc's loader or in a
//! stand-in, and what is missing is named. Types and signatures are cudarc's.

use cudarc::driver::sys;
use std::ffi::{CStr, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::fmt;

/// Oldest driver that is accepted, as `cuDriverGetVersion` says it: 12.0.
pub const DRIVER_VERSION_MIN: i32 = 12_000;

/// Why there is no device to compute on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoDevice {
    /// No driver library on this machine.
    NoLibrary,
    /// The library lacks a function.
    MissingSymbol(&'static str),
    /// The driver is older than [`DRIVER_VERSION_MIN`].
    DriverTooOld(i32),
    /// No device, or not that many.
    NoSuchDevice {
        /// The one that was asked for.
        wanted: usize,
        /// How many there are.
        present: usize,
    },
    /// The device cannot do something that the engine needs.
    Unsupported(&'static str),
    /// A call failed.
    Call(DriverError),
}

impl fmt::Display for NoDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLibrary => f.write_str("no CUDA driver library on this machine"),
            Self::MissingSymbol(name) => write!(f, "the CUDA driver library lacks {name}"),
            Self::DriverTooOld(version) => write!(
                f,
                "the CUDA driver is version {}.{}; 12.0 or newer is needed",
                version / 1000,
                version % 1000 / 10
            ),
            Self::NoSuchDevice { wanted, present } => {
                write!(f, "device {wanted} was asked for; there are {present}")
            }
            Self::Unsupported(what) => write!(f, "the device has no {what}"),
            Self::Call(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NoDevice {}

impl From<DriverError> for NoDevice {
    fn from(error: DriverError) -> Self {
        Self::Call(error)
    }
}

/// A driver call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverError {
    /// Which call.
    pub call: &'static str,
    /// `CUresult`.
    pub code: u32,
    /// What the driver calls it.
    pub name: String,
}

impl DriverError {
    /// Whether the device ran out of memory: a smaller plan may do.
    #[must_use]
    pub const fn is_out_of_memory(&self) -> bool {
        self.code == sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY as u32
    }
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {} ({})", self.call, self.name, self.code)
    }
}

impl std::error::Error for DriverError {}

/// Functions that drivers before CUDA 12.3 lack: their calls fail then, and each epoch is a launch of its own.
pub const MAY_BE_ABSENT: [&str; 2] = ["cuGraphConditionalHandleCreate", "cuGraphAddNode_v2"];

/// Declares the table, its names, and one method a function that turns a code into a `Result`.
macro_rules! driver_table {
    ($($symbol:ident => $method:ident($($argument:ident: $kind:ty),*);)+) => {
        /// The table; see the module's page. Copies are the same functions.
        #[allow(non_snake_case, reason = "fields carry the driver's names")]
        #[derive(Clone, Copy)]
        pub struct Driver {
            $($symbol: unsafe extern "C" fn($($kind),*) -> sys::CUresult,)+
        }

        /// Every function that is ever called.
        pub const SYMBOLS: &[&str] = &[$(stringify!($symbol)),+];

        impl Driver {
            /// A table out of whatever knows the functions by name.
            ///
            /// # Safety
            /// Each address that `symbol` gives is that of a function with the signature that the CUDA driver API of
            /// version 12.8 gives the name, and stays valid for the life of the process.
            ///
            /// # Errors
            /// The first name without an address, but for [`MAY_BE_ABSENT`].
            pub unsafe fn of(symbol: impl Fn(&str) -> Option<*const c_void>) -> Result<Self, NoDevice> {
                Ok(Self {
                    $($symbol: {
                        /// What stands where an older driver has nothing.
                        unsafe extern "C" fn absent($(_: $kind),*) -> sys::CUresult {
                            sys::CUresult::CUDA_ERROR_NOT_SUPPORTED
                        }
                        let name = stringify!($symbol);
                        match symbol(name).filter(|address| !address.is_null()) {
                            // SAFETY: the caller vouches for signature and life of what the name stands for.
                            Some(address) => unsafe {
                                std::mem::transmute::<*const c_void, unsafe extern "C" fn($($kind),*) -> sys::CUresult>(
                                    address,
                                )
                            },
                            None if MAY_BE_ABSENT.contains(&name) => absent,
                            None => return Err(NoDevice::MissingSymbol(name)),
                        }
                    },)+
                })
            }

            $(
                /// The function of this name.
                ///
                /// # Safety
                /// As the driver's documentation says.
                #[allow(clippy::too_many_arguments, dead_code, reason = "the driver's signature; one is called by its field")]
                pub(crate) unsafe fn $method(&self, $($argument: $kind),*) -> Result<(), DriverError> {
                    // SAFETY: the caller keeps what the driver's documentation asks for.
                    let code = unsafe { (self.$symbol)($($argument),*) };
                    self.check(stringify!($symbol), code)
                }
            )+
        }
    };
}

driver_table! {
    cuInit => init(flags: c_uint);
    cuDriverGetVersion => driver_get_version(version: *mut c_int);
    cuDeviceGetCount => device_get_count(count: *mut c_int);
    cuDeviceGet => device_get(device: *mut sys::CUdevice, ordinal: c_int);
    cuDeviceGetName => device_get_name(name: *mut c_char, len: c_int, device: sys::CUdevice);
    cuDeviceGetPCIBusId => device_pci_bus_id(id: *mut c_char, len: c_int, device: sys::CUdevice);
    cuDeviceGetAttribute => device_get_attribute(value: *mut c_int, attribute: sys::CUdevice_attribute, device: sys::CUdevice);
    cuDevicePrimaryCtxRetain => primary_context_retain(context: *mut sys::CUcontext, device: sys::CUdevice);
    cuDevicePrimaryCtxRelease_v2 => primary_context_release(device: sys::CUdevice);
    cuCtxSetCurrent => context_set_current(context: sys::CUcontext);
    cuModuleLoadData => module_load_data(module: *mut sys::CUmodule, image: *const c_void);
    cuModuleUnload => module_unload(module: sys::CUmodule);
    cuModuleGetFunction => module_get_function(function: *mut sys::CUfunction, module: sys::CUmodule, name: *const c_char);
    cuOccupancyMaxActiveBlocksPerMultiprocessor => occupancy(blocks: *mut c_int, function: sys::CUfunction, threads: c_int, shared_bytes: usize);
    cuOccupancyMaxActiveClusters => occupancy_clusters(clusters: *mut c_int, function: sys::CUfunction, config: *const sys::CUlaunchConfig);
    cuMemGetInfo_v2 => memory_info(free: *mut usize, total: *mut usize);
    cuMemAlloc_v2 => memory_alloc(address: *mut sys::CUdeviceptr, bytes: usize);
    cuMemFree_v2 => memory_free(address: sys::CUdeviceptr);
    cuMemHostAlloc => host_alloc(address: *mut *mut c_void, bytes: usize, flags: c_uint);
    cuMemFreeHost => host_free(address: *mut c_void);
    cuMemHostGetDevicePointer_v2 => host_device_pointer(device: *mut sys::CUdeviceptr, host: *mut c_void, flags: c_uint);
    cuMemsetD8_v2 => memory_set(address: sys::CUdeviceptr, value: u8, bytes: usize);
    cuMemcpyHtoD_v2 => copy_to_device(to: sys::CUdeviceptr, from: *const c_void, bytes: usize);
    cuMemcpyDtoH_v2 => copy_to_host(to: *mut c_void, from: sys::CUdeviceptr, bytes: usize);
    cuMemcpyHtoDAsync_v2 => queue_copy_to_device(to: sys::CUdeviceptr, from: *const c_void, bytes: usize, stream: sys::CUstream);
    cuMemcpyDtoHAsync_v2 => queue_copy_to_host(to: *mut c_void, from: sys::CUdeviceptr, bytes: usize, stream: sys::CUstream);
    cuEventCreate => event_create(event: *mut sys::CUevent, flags: c_uint);
    cuEventDestroy_v2 => event_destroy(event: sys::CUevent);
    cuEventRecord => event_record(event: sys::CUevent, stream: sys::CUstream);
    cuEventElapsedTime => event_elapsed(milliseconds: *mut f32, start: sys::CUevent, end: sys::CUevent);
    cuStreamCreate => stream_create(stream: *mut sys::CUstream, flags: c_uint);
    cuStreamDestroy_v2 => stream_destroy(stream: sys::CUstream);
    cuStreamQuery => stream_query(stream: sys::CUstream);
    cuStreamSynchronize => stream_synchronize(stream: sys::CUstream);
    cuLaunchKernelEx => launch_kernel(config: *const sys::CUlaunchConfig, function: sys::CUfunction, arguments: *mut *mut c_void, extra: *mut *mut c_void);
    cuGraphCreate => graph_create(graph: *mut sys::CUgraph, flags: c_uint);
    cuGraphDestroy => graph_destroy(graph: sys::CUgraph);
    cuGraphConditionalHandleCreate => graph_conditional_handle(handle: *mut sys::CUgraphConditionalHandle, graph: sys::CUgraph, context: sys::CUcontext, default: c_uint, flags: c_uint);
    cuGraphAddNode_v2 => graph_add_node(node: *mut sys::CUgraphNode, graph: sys::CUgraph, dependencies: *const sys::CUgraphNode, data: *const sys::CUgraphEdgeData, count: usize, node_params: *mut sys::CUgraphNodeParams);
    cuGraphKernelNodeSetAttribute => graph_kernel_node_set_attribute(node: sys::CUgraphNode, attribute: sys::CUlaunchAttributeID, value: *const sys::CUlaunchAttributeValue);
    cuGraphInstantiateWithFlags => graph_instantiate(executable: *mut sys::CUgraphExec, graph: sys::CUgraph, flags: c_ulonglong);
    cuGraphUpload => graph_upload(executable: sys::CUgraphExec, stream: sys::CUstream);
    cuGraphLaunch => graph_launch(executable: sys::CUgraphExec, stream: sys::CUstream);
    cuGraphExecDestroy => graph_exec_destroy(executable: sys::CUgraphExec);
    cuGetErrorName => error_name(code: sys::CUresult, name: *mut *const c_char);
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

impl Driver {
    /// The driver of this machine, initialised.
    ///
    /// # Errors
    /// Why there is none; never a panic, whatever is installed.
    pub fn native() -> Result<Self, NoDevice> {
        // SAFETY: this only opens a library by name; the driver library has no initialiser that could misbehave.
        if !unsafe { sys::is_culib_present() } {
            return Err(NoDevice::NoLibrary);
        }
        // SAFETY: it is present, so that this does not panic; it stays open for ever.
        let library = unsafe { sys::culib() };
        // SAFETY: the names are those of the driver API, whose signatures do not change under a name.
        let driver = unsafe {
            Self::of(|name| library.get::<*const c_void>(name.as_bytes()).ok().map(|symbol| *symbol))
        }?;
        driver.initialise()
    }

    /// Checks the version and initialises the driver.
    ///
    /// # Errors
    /// Too old, or a call that failed.
    pub fn initialise(self) -> Result<Self, NoDevice> {
        let mut version = 0;
        // SAFETY: it may be called before `cuInit`; the pointer is that of a live integer.
        unsafe { self.driver_get_version(&raw mut version) }?;
        if version < DRIVER_VERSION_MIN {
            return Err(NoDevice::DriverTooOld(version));
        }
        // SAFETY: flags must be zero, and are.
        unsafe { self.init(0) }?;
        Ok(self)
    }

    /// The driver's version: 1000 times major plus 10 times minor.
    ///
    /// # Errors
    /// The call's.
    pub fn version(&self) -> Result<i32, DriverError> {
        let mut version = 0;
        // SAFETY: the pointer is that of a live integer.
        unsafe { self.driver_get_version(&raw mut version) }?;
        Ok(version)
    }

    fn check(&self, call: &'static str, code: sys::CUresult) -> Result<(), DriverError> {
        if code == sys::CUresult::CUDA_SUCCESS {
            return Ok(());
        }
        let mut name = std::ptr::null();
        // SAFETY: the driver stores the address of a static string, or leaves the pointer null.
        let known = unsafe { (self.cuGetErrorName)(code, &raw mut name) };
        let name = if known == sys::CUresult::CUDA_SUCCESS && !name.is_null() {
            // SAFETY: not null, so that it is a string of the driver's, ended by a zero.
            unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
        } else {
            "unknown error".to_owned()
        };
        Err(DriverError { call, code: code as u32, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_driver_is_told_so() {
        // On a machine with a driver this says something else, but it never panics.
        if let Err(reason) = Driver::native() {
            assert!(!reason.to_string().is_empty());
        }
    }

    #[test]
    fn the_first_missing_symbol_is_named() {
        // SAFETY: no address is given, so that none is called.
        let table = unsafe { Driver::of(|_| None) };
        assert_eq!(table.err(), Some(NoDevice::MissingSymbol(SYMBOLS[0])));
        // SAFETY: as above; a null address counts as none.
        let table = unsafe { Driver::of(|_| Some(std::ptr::null())) };
        assert_eq!(table.err(), Some(NoDevice::MissingSymbol(SYMBOLS[0])));
    }
}
