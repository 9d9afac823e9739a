//! Graphs of kernels and conditional nodes.
//!
//! Nodes run in the order in which they were added: an order that their dependencies allow, as a node can only depend on
//! earlier ones.

use std::ffi::{c_uint, c_ulonglong};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cudarc::driver::sys::{
    CU_GRAPH_COND_ASSIGN_DEFAULT, CUDA_KERNEL_NODE_PARAMS, CUcontext, CUgraph, CUgraphConditionalHandle,
    CUgraphConditionalNodeType, CUgraphEdgeData, CUgraphExec, CUgraphNode, CUgraphNodeParams,
    CUgraphNodeType, CUkernelNodeAttrID, CUkernelNodeAttrValue, CUresult, CUstream,
};

use super::device::ConditionalNodes;
use super::launch::{KernelLaunch, parameters_of, run_kernel, with_required_cluster};
use super::process::{Conditional, code, device, process, put};
use super::stream::Job;
use crate::machine::Shape;

#[derive(Clone)]
enum Node {
    Kernel { launch: KernelLaunch, cooperative: bool },
    If { condition: Arc<Conditional>, body: Arc<Graph> },
    While { condition: Arc<Conditional>, body: Arc<Graph> },
    Empty,
}

/// A graph under construction.
#[derive(Default)]
pub(super) struct Graph {
    nodes: Mutex<Vec<Node>>,
}

/// A graph that can be launched: a copy, so that later changes of the graph do not touch it.
pub(super) struct Executable {
    steps: Vec<Step>,
}

enum Step {
    Kernel(KernelLaunch),
    If { condition: Arc<Conditional>, body: Vec<Step> },
    While { condition: Arc<Conditional>, body: Vec<Step> },
}

/// What a kernel's `cudaGraphSetConditional` does.
pub(super) fn set_conditional(handle: u64, value: u32) {
    let conditionals = process().conditionals.lock().expect("no holder panics");
    if let Some(condition) = conditionals.get(&handle) {
        condition.value.store(value, Ordering::Release);
    }
}

impl Graph {
    fn steps(&self) -> Result<Vec<Step>, CUresult> {
        let nodes = self.nodes.lock().expect("no holder panics").clone();
        let mut steps = Vec::new();
        for node in nodes {
            match node {
                Node::Kernel { launch, cooperative } => {
                    launch.function.check(&launch.shape)?;
                    if cooperative && launch.shape.ctas() > launch.function.resident_ctas(&launch.shape) {
                        return Err(CUresult::CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
                    }
                    steps.push(Step::Kernel(launch));
                }
                Node::If { condition, body } => steps.push(Step::If { condition, body: body.steps()? }),
                Node::While { condition, body } => steps.push(Step::While { condition, body: body.steps()? }),
                Node::Empty => {}
            }
            if !matches!(steps.last(), None | Some(Step::Kernel(_)))
                && device().conditional_nodes == ConditionalNodes::NotSupported
            {
                return Err(CUresult::CUDA_ERROR_NOT_SUPPORTED);
            }
        }
        Ok(steps)
    }
}

impl Executable {
    pub(super) fn run(&self) {
        assign_defaults(&self.steps);
        run_steps(&self.steps);
    }
}

fn assign_defaults(steps: &[Step]) {
    for step in steps {
        if let Step::If { condition, body } | Step::While { condition, body } = step {
            if condition.assign_default {
                condition.value.store(condition.default, Ordering::Release);
            }
            assign_defaults(body);
        }
    }
}

/// False: a kernel failed, and nothing further runs.
fn run_steps(steps: &[Step]) -> bool {
    steps.iter().all(|step| match step {
        Step::Kernel(launch) => run_kernel(launch),
        Step::If { condition, body } => condition.value.load(Ordering::Acquire) == 0 || run_steps(body),
        Step::While { condition, body } => {
            while condition.value.load(Ordering::Acquire) != 0 {
                if !run_steps(body) {
                    return false;
                }
            }
            true
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphCreate(graph: *mut CUgraph, _flags: c_uint) -> CUresult {
    code(process().ready().and_then(|()| {
        let handle = process().graphs.add(Arc::default());
        // SAFETY: the driver's contract: a place for the answer.
        unsafe { put(graph, handle as CUgraph) }
    }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphDestroy(graph: CUgraph) -> CUresult {
    code(process().graphs.remove(graph as usize).map(drop))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphConditionalHandleCreate(
    handle: *mut CUgraphConditionalHandle,
    graph: CUgraph,
    _context: CUcontext,
    default_value: c_uint,
    flags: c_uint,
) -> CUresult {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let create = || {
        process().ready()?;
        process().graphs.get(graph as usize)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let condition = Conditional {
            value: AtomicU32::new(default_value),
            default: default_value,
            assign_default: flags & CU_GRAPH_COND_ASSIGN_DEFAULT != 0,
        };
        process().conditionals.lock().expect("no holder panics").insert(number, Arc::new(condition));
        // SAFETY: the driver's contract: a place for the answer.
        unsafe { put(handle, number) }
    };
    code(create())
}

/// Adds a node after checking that what it depends on belongs to the graph.
///
/// # Safety
/// `dependencies` has `count` handles, and `node` is a place for the answer.
unsafe fn add(
    node: *mut CUgraphNode,
    graph: CUgraph,
    dependencies: *const CUgraphNode,
    count: usize,
    kind: Node,
) -> Result<(), CUresult> {
    let graph = process().graphs.get(graph as usize)?;
    for index in 0..count {
        // SAFETY: the caller's contract.
        let (owner, _) = &*process().nodes.get(unsafe { dependencies.add(index).read() } as usize)?;
        if !Arc::ptr_eq(owner, &graph) {
            return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
        }
    }
    let mut nodes = graph.nodes.lock().expect("no holder panics");
    nodes.push(kind);
    let handle = process().nodes.add(Arc::new((graph.clone(), nodes.len() - 1)));
    // SAFETY: the caller's contract.
    unsafe { put(node, handle as CUgraphNode) }
}

/// # Safety
/// As the driver asks of `cuGraphAddKernelNode`.
unsafe fn kernel_node(parameters: &CUDA_KERNEL_NODE_PARAMS) -> Result<Node, CUresult> {
    let function = process().functions.get(parameters.func as usize)?;
    let shape = Shape {
        grid: [parameters.gridDimX, parameters.gridDimY, parameters.gridDimZ],
        block: [parameters.blockDimX, parameters.blockDimY, parameters.blockDimZ],
        cluster: [1; 3],
        dynamic_shared_bytes: parameters.sharedMemBytes,
    };
    let shape = with_required_cluster(&function, shape);
    // SAFETY: the caller's contract.
    let block = unsafe { parameters_of(&function, parameters.kernelParams, parameters.extra) }?;
    Ok(Node::Kernel { launch: KernelLaunch { function, shape, parameters: block }, cooperative: false })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphAddKernelNode_v2(
    node: *mut CUgraphNode,
    graph: CUgraph,
    dependencies: *const CUgraphNode,
    count: usize,
    parameters: *const CUDA_KERNEL_NODE_PARAMS,
) -> CUresult {
    code(process().ready().and_then(|()| {
        // SAFETY: the driver's contract.
        let parameters = unsafe { parameters.as_ref() }.ok_or(CUresult::CUDA_ERROR_INVALID_VALUE)?;
        // SAFETY: the driver's contract.
        unsafe { kernel_node(parameters).and_then(|kind| add(node, graph, dependencies, count, kind)) }
    }))
}

/// # Safety
/// As the driver asks of `cuGraphAddNode`.
unsafe fn node_of(parameters: &mut CUgraphNodeParams) -> Result<Node, CUresult> {
    match parameters.type_ {
        CUgraphNodeType::CU_GRAPH_NODE_TYPE_KERNEL => {
            // SAFETY: the type says that this field is the one in use.
            let given = unsafe { parameters.__bindgen_anon_1.kernel };
            let parameters = CUDA_KERNEL_NODE_PARAMS {
                func: given.func,
                gridDimX: given.gridDimX,
                gridDimY: given.gridDimY,
                gridDimZ: given.gridDimZ,
                blockDimX: given.blockDimX,
                blockDimY: given.blockDimY,
                blockDimZ: given.blockDimZ,
                sharedMemBytes: given.sharedMemBytes,
                kernelParams: given.kernelParams,
                extra: given.extra,
                kern: given.kern,
                ctx: given.ctx,
            };
            // SAFETY: the caller's contract.
            unsafe { kernel_node(&parameters) }
        }
        // SAFETY: the caller's contract.
        CUgraphNodeType::CU_GRAPH_NODE_TYPE_CONDITIONAL => unsafe { conditional_node(parameters) },
        CUgraphNodeType::CU_GRAPH_NODE_TYPE_EMPTY => Ok(Node::Empty),
        _ => Err(CUresult::CUDA_ERROR_NOT_SUPPORTED),
    }
}

/// The body's graph is made here and given back through the parameters.
///
/// # Safety
/// The parameters are those of a conditional node.
unsafe fn conditional_node(parameters: &mut CUgraphNodeParams) -> Result<Node, CUresult> {
    // SAFETY: the caller's contract.
    let given = unsafe { &mut parameters.__bindgen_anon_1.conditional };
    let conditionals = process().conditionals.lock().expect("no holder panics");
    let condition = conditionals.get(&given.handle).cloned().ok_or(CUresult::CUDA_ERROR_INVALID_VALUE)?;
    drop(conditionals);
    if given.size != 1 {
        return Err(CUresult::CUDA_ERROR_NOT_SUPPORTED);
    }
    let body: Arc<Graph> = Arc::default();
    let handle = process().graphs.add(body.clone());
    // The driver owns the array; it stays for the life of the process, as the graph's own would for the graph's.
    given.phGraph_out = Box::into_raw(Box::new(handle as CUgraph));
    match given.type_ {
        CUgraphConditionalNodeType::CU_GRAPH_COND_TYPE_IF => Ok(Node::If { condition, body }),
        CUgraphConditionalNodeType::CU_GRAPH_COND_TYPE_WHILE => Ok(Node::While { condition, body }),
        _ => Err(CUresult::CUDA_ERROR_NOT_SUPPORTED),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphAddNode_v2(
    node: *mut CUgraphNode,
    graph: CUgraph,
    dependencies: *const CUgraphNode,
    _edges: *const CUgraphEdgeData,
    count: usize,
    parameters: *mut CUgraphNodeParams,
) -> CUresult {
    code(process().ready().and_then(|()| {
        // SAFETY: the driver's contract.
        let parameters = unsafe { parameters.as_mut() }.ok_or(CUresult::CUDA_ERROR_INVALID_VALUE)?;
        // SAFETY: the driver's contract.
        unsafe { node_of(parameters).and_then(|kind| add(node, graph, dependencies, count, kind)) }
    }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphKernelNodeSetAttribute(
    node: CUgraphNode,
    attribute: CUkernelNodeAttrID,
    value: *const CUkernelNodeAttrValue,
) -> CUresult {
    let set = || {
        let place = process().nodes.get(node as usize)?;
        // SAFETY: the driver's contract.
        let value = unsafe { value.as_ref() }.ok_or(CUresult::CUDA_ERROR_INVALID_VALUE)?;
        let mut nodes = place.0.nodes.lock().expect("no holder panics");
        let Node::Kernel { launch, cooperative } = &mut nodes[place.1] else {
            return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
        };
        match attribute {
            CUkernelNodeAttrID::CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION => {
                // SAFETY: the attribute says that this field is the one in use.
                let counts = unsafe { value.clusterDim };
                launch.shape.cluster = [counts.x, counts.y, counts.z];
            }
            CUkernelNodeAttrID::CU_LAUNCH_ATTRIBUTE_COOPERATIVE => {
                // SAFETY: the attribute says that this field is the one in use.
                *cooperative = unsafe { value.cooperative } != 0;
            }
            _ => {}
        }
        Ok(())
    };
    code(process().ready().and_then(|()| set()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphInstantiateWithFlags(
    executable: *mut CUgraphExec,
    graph: CUgraph,
    _flags: c_ulonglong,
) -> CUresult {
    code(process().ready().and_then(|()| {
        let steps = process().graphs.get(graph as usize)?.steps()?;
        let handle = process().executables.add(Arc::new(Executable { steps }));
        // SAFETY: the driver's contract: a place for the answer.
        unsafe { put(executable, handle as CUgraphExec) }
    }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphUpload(executable: CUgraphExec, stream: CUstream) -> CUresult {
    code(process().ready().and_then(|()| {
        process().executables.get(executable as usize)?;
        process().stream(stream as usize).map(drop)
    }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphLaunch(executable: CUgraphExec, stream: CUstream) -> CUresult {
    code(process().ready().and_then(|()| {
        let executable = process().executables.get(executable as usize)?;
        process().stream(stream as usize)?.push(Job::Graph(executable));
        Ok(())
    }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphExecDestroy(executable: CUgraphExec) -> CUresult {
    code(process().executables.remove(executable as usize).map(drop))
}
