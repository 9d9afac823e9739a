//! What the driver gives handles for: modules, streams, graphs. Each is given back when it is dropped. Events are in
//! [`super::event`].

use super::driver::{Driver, DriverError};
use cudarc::driver::sys;
use std::ffi::{CStr, c_void};

#[derive(Debug)]
pub(super) struct Module {
    driver: Driver,
    handle: sys::CUmodule,
}

impl Module {
    pub(super) fn new(driver: Driver, image: &[u8]) -> Result<Self, DriverError> {
        let mut handle = std::ptr::null_mut();
        // SAFETY: the image is a fat binary, which knows its length, or text that ends with a zero.
        unsafe { driver.module_load_data(&raw mut handle, image.as_ptr().cast()) }?;
        Ok(Self { driver, handle })
    }

    pub(super) fn function(&self, name: &CStr) -> Result<sys::CUfunction, DriverError> {
        let mut function = std::ptr::null_mut();
        // SAFETY: the module is loaded, the name ends with a zero.
        unsafe { self.driver.module_get_function(&raw mut function, self.handle, name.as_ptr()) }?;
        Ok(function)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: loaded once, unloaded once.
        let _ = unsafe { self.driver.module_unload(self.handle) };
    }
}

#[derive(Debug)]
pub(super) struct Stream {
    driver: Driver,
    pub(super) handle: sys::CUstream,
}

impl Stream {
    pub(super) fn new(driver: Driver) -> Result<Self, DriverError> {
        let mut handle = std::ptr::null_mut();
        let non_blocking = sys::CUstream_flags::CU_STREAM_NON_BLOCKING as u32;
        // SAFETY: the pointer is that of a live variable.
        unsafe { driver.stream_create(&raw mut handle, non_blocking) }?;
        Ok(Self { driver, handle })
    }

    pub(super) fn is_running(&self) -> Result<bool, DriverError> {
        // SAFETY: the stream is live.
        match unsafe { self.driver.stream_query(self.handle) } {
            Ok(()) => Ok(false),
            Err(error) if error.code == sys::CUresult::CUDA_ERROR_NOT_READY as u32 => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Queues a kernel.
    ///
    /// # Safety
    /// The arguments are those that the kernel was built with, in its order, and the memory that they name lives until the kernel
    /// has ended and is nobody else's until then. The arguments themselves are copied by the call.
    pub(super) unsafe fn launch(
        &self,
        launch: &Launch,
        arguments: &mut [*mut c_void],
    ) -> Result<(), DriverError> {
        let config = sys::CUlaunchConfig {
            gridDimX: launch.ctas,
            gridDimY: 1,
            gridDimZ: 1,
            blockDimX: launch.threads,
            blockDimY: 1,
            blockDimZ: 1,
            sharedMemBytes: 0,
            hStream: self.handle,
            attrs: std::ptr::null_mut(),
            numAttrs: 0,
        };
        // SAFETY: the configuration is live, the stream is, and the caller vouches for the rest.
        unsafe {
            self.driver.launch_kernel(
                &raw const config,
                launch.function,
                arguments.as_mut_ptr(),
                std::ptr::null_mut(),
            )
        }
    }

    /// Waits until all that was launched is done.
    pub(super) fn synchronize(&self) -> Result<(), DriverError> {
        // SAFETY: the stream is live.
        unsafe { self.driver.stream_synchronize(self.handle) }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: created once, destroyed once; the driver keeps it until its work is done.
        let _ = unsafe { self.driver.stream_destroy(self.handle) };
    }
}

/// A kernel and its size.
pub(super) struct Launch {
    pub(super) function: sys::CUfunction,
    pub(super) ctas: u32,
    pub(super) threads: u32,
}

pub(super) struct Graph {
    driver: Driver,
    pub(super) handle: sys::CUgraph,
}

impl Graph {
    pub(super) fn new(driver: Driver) -> Result<Self, DriverError> {
        let mut handle = std::ptr::null_mut();
        // SAFETY: the pointer is that of a live variable; flags must be zero, and are.
        unsafe { driver.graph_create(&raw mut handle, 0) }?;
        Ok(Self { driver, handle })
    }

    /// A WHILE node; its body.
    pub(super) fn add_while(
        &self,
        condition: sys::CUgraphConditionalHandle,
        context: sys::CUcontext,
    ) -> Result<sys::CUgraph, DriverError> {
        // SAFETY: plain C data, for which all zeros are a value.
        let mut node_params: sys::CUgraphNodeParams = unsafe { std::mem::zeroed() };
        node_params.type_ = sys::CUgraphNodeType::CU_GRAPH_NODE_TYPE_CONDITIONAL;
        node_params.__bindgen_anon_1.conditional = sys::CUDA_CONDITIONAL_NODE_PARAMS {
            handle: condition,
            type_: sys::CUgraphConditionalNodeType::CU_GRAPH_COND_TYPE_WHILE,
            size: 1,
            phGraph_out: std::ptr::null_mut(),
            ctx: context,
        };
        let mut node = std::ptr::null_mut();
        // SAFETY: the graph is live, there are no dependencies, and the parameters are those of the node's kind.
        unsafe {
            self.driver.graph_add_node(
                &raw mut node,
                self.handle,
                std::ptr::null(),
                std::ptr::null(),
                0,
                &raw mut node_params,
            )?;
            // The driver has stored where its array of bodies is, one for a WHILE node.
            Ok(*node_params.__bindgen_anon_1.conditional.phGraph_out)
        }
    }

    pub(super) fn add_kernel(
        &self,
        body: sys::CUgraph,
        behind: Option<sys::CUgraphNode>,
        launch: &Launch,
        arguments: &mut [*mut c_void],
        context: sys::CUcontext,
    ) -> Result<sys::CUgraphNode, DriverError> {
        // SAFETY: plain C data, for which all zeros are a value.
        let mut node_params: sys::CUgraphNodeParams = unsafe { std::mem::zeroed() };
        node_params.type_ = sys::CUgraphNodeType::CU_GRAPH_NODE_TYPE_KERNEL;
        node_params.__bindgen_anon_1.kernel = sys::CUDA_KERNEL_NODE_PARAMS_v3 {
            func: launch.function,
            gridDimX: launch.ctas,
            gridDimY: 1,
            gridDimZ: 1,
            blockDimX: launch.threads,
            blockDimY: 1,
            blockDimZ: 1,
            sharedMemBytes: 0,
            kernelParams: arguments.as_mut_ptr(),
            extra: std::ptr::null_mut(),
            kern: std::ptr::null_mut(),
            ctx: context,
        };
        let mut node = std::ptr::null_mut();
        // SAFETY: the body is a live graph, dependencies are nodes of it, and arguments are copied by the call.
        unsafe {
            self.driver.graph_add_node(
                &raw mut node,
                body,
                behind.as_ref().map_or(std::ptr::null(), std::ptr::from_ref),
                std::ptr::null(),
                usize::from(behind.is_some()),
                &raw mut node_params,
            )
        }?;
        Ok(node)
    }

    pub(super) fn instantiate(&self) -> Result<Executable, DriverError> {
        let mut handle = std::ptr::null_mut();
        // SAFETY: the graph is live; no flag is set.
        unsafe { self.driver.graph_instantiate(&raw mut handle, self.handle, 0) }?;
        Ok(Executable { driver: self.driver, handle })
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: created once, destroyed once; what was instantiated from it lives on.
        let _ = unsafe { self.driver.graph_destroy(self.handle) };
    }
}

#[derive(Debug)]
pub(super) struct Executable {
    driver: Driver,
    handle: sys::CUgraphExec,
}

impl Executable {
    pub(super) fn upload(&self, stream: &Stream) -> Result<(), DriverError> {
        // SAFETY: both are live.
        unsafe { self.driver.graph_upload(self.handle, stream.handle) }
    }

    pub(super) fn launch(&self, stream: &Stream) -> Result<(), DriverError> {
        // SAFETY: both are live; the owner keeps the memory that the kernels use.
        unsafe { self.driver.graph_launch(self.handle, stream.handle) }
    }
}

impl Drop for Executable {
    fn drop(&mut self) {
        // SAFETY: instantiated once, destroyed once.
        let _ = unsafe { self.driver.graph_exec_destroy(self.handle) };
    }
}
