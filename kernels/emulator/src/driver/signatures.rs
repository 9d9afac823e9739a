//! The stand-in's functions have the signatures that `cudarc::driver::sys` declares: checked by the compiler.

use super::{device, errors, event, graph, launch, memory, modules, stream};
use cudarc::driver::sys;

trait Signature {
    type Arguments;
    type Answer;
}

macro_rules! signature {
    ($($argument:ident)*) => {
        impl<Answer, $($argument),*> Signature for unsafe fn($($argument),*) -> Answer {
            type Arguments = ($($argument,)*);
            type Answer = Answer;
        }
        impl<Answer, $($argument),*> Signature for unsafe extern "C" fn($($argument),*) -> Answer {
            type Arguments = ($($argument,)*);
            type Answer = Answer;
        }
    };
}

signature!();
signature!(A);
signature!(A B);
signature!(A B C);
signature!(A B C D);
signature!(A B C D E);
signature!(A B C D E F);
signature!(A B C D E F G);
signature!(A B C D E F G H);
signature!(A B C D E F G H I);
signature!(A B C D E F G H I J);
signature!(A B C D E F G H I J K);

fn equal<F: Signature, G: Signature<Arguments = F::Arguments, Answer = F::Answer>>(_theirs: F, _ours: G) {}

macro_rules! same {
    ($module:ident::$name:ident; $($hole:tt)*) => {
        equal(sys::$name as unsafe fn($($hole),*) -> _, $module::$name as unsafe extern "C" fn($($hole),*) -> _)
    };
}

#[test]
fn signatures_are_those_of_cudarc() {
    same!(device::cuInit; _);
    same!(device::cuDriverGetVersion; _);
    same!(device::cuDeviceGetCount; _);
    same!(device::cuDeviceGet; _ _);
    same!(device::cuDeviceGetName; _ _ _);
    same!(device::cuDeviceGetAttribute; _ _ _);
    same!(device::cuDeviceTotalMem_v2; _ _);
    same!(device::cuDeviceGetPCIBusId; _ _ _);
    same!(device::cuDevicePrimaryCtxRetain; _ _);
    same!(device::cuDevicePrimaryCtxRelease_v2; _);
    same!(device::cuCtxSetCurrent; _);
    same!(device::cuCtxGetCurrent; _);
    same!(device::cuCtxSynchronize; );
    same!(modules::cuModuleLoadData; _ _);
    same!(modules::cuModuleUnload; _);
    same!(modules::cuModuleGetFunction; _ _ _);
    same!(modules::cuFuncGetAttribute; _ _ _);
    same!(modules::cuFuncSetAttribute; _ _ _);
    same!(modules::cuOccupancyMaxActiveBlocksPerMultiprocessor; _ _ _ _);
    same!(modules::cuOccupancyMaxActiveClusters; _ _ _);
    same!(memory::cuMemGetInfo_v2; _ _);
    same!(memory::cuMemAlloc_v2; _ _);
    same!(memory::cuMemFree_v2; _);
    same!(memory::cuMemHostAlloc; _ _ _);
    same!(memory::cuMemFreeHost; _);
    same!(memory::cuMemHostRegister_v2; _ _ _);
    same!(memory::cuMemHostUnregister; _);
    same!(memory::cuMemHostGetDevicePointer_v2; _ _ _);
    same!(memory::cuMemsetD8_v2; _ _ _);
    same!(memory::cuMemsetD8Async; _ _ _ _);
    same!(memory::cuMemcpyHtoD_v2; _ _ _);
    same!(memory::cuMemcpyDtoH_v2; _ _ _);
    same!(memory::cuMemcpyHtoDAsync_v2; _ _ _ _);
    same!(memory::cuMemcpyDtoHAsync_v2; _ _ _ _);
    same!(stream::cuStreamCreate; _ _);
    same!(stream::cuStreamDestroy_v2; _);
    same!(stream::cuStreamQuery; _);
    same!(stream::cuStreamSynchronize; _);
    same!(event::cuEventCreate; _ _);
    same!(event::cuEventDestroy_v2; _);
    same!(event::cuEventRecord; _ _);
    same!(event::cuEventElapsedTime; _ _ _);
    same!(launch::cuLaunchKernel; _ _ _ _ _ _ _ _ _ _ _);
    same!(launch::cuLaunchKernelEx; _ _ _ _);
    same!(launch::cuLaunchCooperativeKernel; _ _ _ _ _ _ _ _ _ _);
    same!(graph::cuGraphCreate; _ _);
    same!(graph::cuGraphDestroy; _);
    same!(graph::cuGraphConditionalHandleCreate; _ _ _ _ _);
    same!(graph::cuGraphAddNode_v2; _ _ _ _ _ _);
    same!(graph::cuGraphAddKernelNode_v2; _ _ _ _ _);
    same!(graph::cuGraphKernelNodeSetAttribute; _ _ _);
    same!(graph::cuGraphInstantiateWithFlags; _ _ _);
    same!(graph::cuGraphUpload; _ _);
    same!(graph::cuGraphLaunch; _ _);
    same!(graph::cuGraphExecDestroy; _);
    same!(errors::cuGetErrorString; _ _);
    same!(errors::cuGetErrorName; _ _);
}
