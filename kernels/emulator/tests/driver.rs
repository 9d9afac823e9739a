//! The stand-in driver, through the same function table that host code for a GPU uses.

mod ring;

use std::ffi::{CString, c_int, c_uint, c_void};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use cudarc::driver::sys::*;
use emulator::driver::symbol;
use emulator::{ConditionalNodes, DeviceFaults, EmulatedDevice, FaultKind, configure, hooks, last_fault};

macro_rules! calls {
    ($($name:ident($($argument:ident: $kind:ty),*);)*) => {
        $(#[allow(non_snake_case, clippy::too_many_arguments)]
        fn $name($($argument: $kind),*) -> CUresult {
            let pointer = symbol(stringify!($name)).expect("the symbol is there");
            // SAFETY: the stand-in's function of that name has this signature, and the tests pass good pointers.
            unsafe {
                let call: unsafe extern "C" fn($($kind),*) -> CUresult = std::mem::transmute(pointer);
                call($($argument),*)
            }
        })*
    };
}

calls! {
    cuInit(flags: c_uint);
    cuDeviceGetCount(count: *mut c_int);
    cuDeviceGetAttribute(value: *mut c_int, which: CUdevice_attribute, device: CUdevice);
    cuModuleLoadData(module: *mut CUmodule, image: *const c_void);
    cuModuleGetFunction(function: *mut CUfunction, module: CUmodule, name: *const std::ffi::c_char);
    cuOccupancyMaxActiveBlocksPerMultiprocessor(count: *mut c_int, function: CUfunction, block: c_int, shared: usize);
    cuMemGetInfo_v2(free: *mut usize, total: *mut usize);
    cuMemAlloc_v2(pointer: *mut CUdeviceptr, bytes: usize);
    cuMemFree_v2(pointer: CUdeviceptr);
    cuMemHostAlloc(pointer: *mut *mut c_void, bytes: usize, flags: c_uint);
    cuMemFreeHost(pointer: *mut c_void);
    cuMemcpyDtoH_v2(to: *mut c_void, from: CUdeviceptr, bytes: usize);
    cuMemHostRegister_v2(pointer: *mut c_void, bytes: usize, flags: c_uint);
    cuMemHostUnregister(pointer: *mut c_void);
    cuMemHostGetDevicePointer_v2(pointer: *mut CUdeviceptr, host: *mut c_void, flags: c_uint);
    cuMemsetD8Async(to: CUdeviceptr, value: u8, bytes: usize, stream: CUstream);
    cuMemcpyDtoHAsync_v2(to: *mut c_void, from: CUdeviceptr, bytes: usize, stream: CUstream);
    cuMemcpyHtoDAsync_v2(to: CUdeviceptr, from: *const c_void, bytes: usize, stream: CUstream);
    cuFuncGetAttribute(value: *mut c_int, attribute: CUfunction_attribute, function: CUfunction);
    cuStreamCreate(stream: *mut CUstream, flags: c_uint);
    cuStreamDestroy_v2(stream: CUstream);
    cuStreamQuery(stream: CUstream);
    cuStreamSynchronize(stream: CUstream);
    cuLaunchKernel(f: CUfunction, gx: c_uint, gy: c_uint, gz: c_uint, bx: c_uint, by: c_uint, bz: c_uint,
        shared: c_uint, stream: CUstream, parameters: *mut *mut c_void, extra: *mut *mut c_void);
    cuLaunchCooperativeKernel(f: CUfunction, gx: c_uint, gy: c_uint, gz: c_uint, bx: c_uint, by: c_uint, bz: c_uint,
        shared: c_uint, stream: CUstream, parameters: *mut *mut c_void);
    cuLaunchKernelEx(config: *const CUlaunchConfig, f: CUfunction, parameters: *mut *mut c_void, extra: *mut *mut c_void);
    cuGraphCreate(graph: *mut CUgraph, flags: c_uint);
    cuGraphConditionalHandleCreate(handle: *mut CUgraphConditionalHandle, graph: CUgraph, context: CUcontext,
        value: c_uint, flags: c_uint);
    cuGraphAddNode_v2(node: *mut CUgraphNode, graph: CUgraph, dependencies: *const CUgraphNode,
        edges: *const CUgraphEdgeData, count: usize, parameters: *mut CUgraphNodeParams);
    cuGraphInstantiateWithFlags(executable: *mut CUgraphExec, graph: CUgraph, flags: u64);
    cuGraphUpload(executable: CUgraphExec, stream: CUstream);
    cuGraphLaunch(executable: CUgraphExec, stream: CUstream);
    cuGetErrorName(error: CUresult, name: *mut *const std::ffi::c_char);
}

const OK: CUresult = CUresult::CUDA_SUCCESS;
const THREADS: &str = include_str!("cuda/threads.compute_90.ptx");
const CLUSTERS: &str = include_str!("cuda/threads90.compute_90.ptx");
const RESIDENT: &str = include_str!("cuda/resident.compute_75.ptx");

/// The device is one for the process: a test holds the lock while it uses it.
fn device(settings: EmulatedDevice) -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    let guard = LOCK.lock().unwrap_or_else(|poisoned| {
        // A test failed and its kernel may run on: everything that frees memory would wait for it.
        hooks().abandon(true);
        std::thread::sleep(Duration::from_millis(100));
        hooks().abandon(false);
        poisoned.into_inner()
    });
    configure(settings);
    hooks().thaw();
    guard
}

fn ready(settings: EmulatedDevice) -> MutexGuard<'static, ()> {
    let guard = device(settings);
    assert_eq!(cuInit(0), OK);
    guard
}

fn module(source: &str) -> CUmodule {
    let (text, mut module) = (CString::new(source).unwrap(), std::ptr::null_mut());
    assert_eq!(
        cuModuleLoadData(&mut module, text.as_ptr().cast()),
        OK,
        "{:?}",
        emulator::driver::last_refusal()
    );
    module
}

fn function(module: CUmodule, name: &str) -> CUfunction {
    let (name, mut function) = (CString::new(name).unwrap(), std::ptr::null_mut());
    assert_eq!(cuModuleGetFunction(&mut function, module, name.as_ptr()), OK);
    function
}

fn stream() -> CUstream {
    let mut stream = std::ptr::null_mut();
    assert_eq!(cuStreamCreate(&mut stream, 1), OK);
    stream
}

fn pinned<T>(count: usize) -> *mut T {
    let mut pointer = std::ptr::null_mut();
    assert_eq!(cuMemHostAlloc(&mut pointer, count * size_of::<T>(), 3), OK);
    pointer.cast()
}

/// The array of pointers that a launch takes.
macro_rules! parameters {
    ($($value:ident),*) => { [$((&raw mut $value).cast::<c_void>()),*] };
}

fn node(kind: CUgraphNodeType) -> CUgraphNodeParams {
    // SAFETY: a plain C structure, for which zero is a value.
    let mut parameters: CUgraphNodeParams = unsafe { std::mem::zeroed() };
    parameters.type_ = kind;
    parameters
}

fn add_kernel(
    graph: CUgraph,
    after: &[CUgraphNode],
    f: CUfunction,
    shape: (u32, u32),
    list: &mut [*mut c_void],
) -> CUgraphNode {
    let mut parameters = node(CUgraphNodeType::CU_GRAPH_NODE_TYPE_KERNEL);
    // SAFETY: a plain C structure, for which zero is a value.
    let mut kernel: CUDA_KERNEL_NODE_PARAMS_v3 = unsafe { std::mem::zeroed() };
    (kernel.func, kernel.kernelParams) = (f, list.as_mut_ptr());
    (kernel.gridDimX, kernel.gridDimY, kernel.gridDimZ) = (shape.0, 1, 1);
    (kernel.blockDimX, kernel.blockDimY, kernel.blockDimZ) = (shape.1, 1, 1);
    parameters.__bindgen_anon_1.kernel = kernel;
    let mut added = std::ptr::null_mut();
    assert_eq!(
        cuGraphAddNode_v2(&mut added, graph, after.as_ptr(), std::ptr::null(), after.len(), &mut parameters),
        OK
    );
    added
}

/// Adds a WHILE node and gives its body's graph.
fn add_while(graph: CUgraph, handle: CUgraphConditionalHandle) -> CUgraph {
    let mut parameters = node(CUgraphNodeType::CU_GRAPH_NODE_TYPE_CONDITIONAL);
    // SAFETY: a plain C structure, for which zero is a value.
    let mut conditional: CUDA_CONDITIONAL_NODE_PARAMS = unsafe { std::mem::zeroed() };
    (conditional.handle, conditional.size) = (handle, 1);
    conditional.type_ = CUgraphConditionalNodeType::CU_GRAPH_COND_TYPE_WHILE;
    parameters.__bindgen_anon_1.conditional = conditional;
    let mut added = std::ptr::null_mut();
    let result = cuGraphAddNode_v2(&mut added, graph, std::ptr::null(), std::ptr::null(), 0, &mut parameters);
    assert_eq!(result, OK);
    // SAFETY: the call above made the body and wrote where its graph is.
    unsafe { *parameters.__bindgen_anon_1.conditional.phGraph_out }
}

#[test]
fn every_name_has_a_symbol() {
    let _guard = device(EmulatedDevice::default());
    assert!(
        emulator::driver::NAMES.iter().all(|name| symbol(name).is_some_and(|pointer| !pointer.is_null()))
    );
    assert!(symbol("cuNoSuchCall").is_none());
}

/// The library file that stands where `libcuda.so.1` would.
#[test]
fn the_shared_library_exports_every_name() {
    let here = std::env::current_exe().unwrap();
    let places = [here.parent().unwrap(), here.parent().unwrap().parent().unwrap()];
    let Some(path) = places.iter().map(|place| place.join("libemulator.so")).find(|path| path.exists())
    else {
        println!("SKIPPED: no libemulator.so beside {}", here.display());
        return;
    };
    let path = CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: loads this crate's own library and looks names up in it; it has no initialisers that matter.
    unsafe {
        let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        assert!(!library.is_null());
        for name in emulator::driver::NAMES {
            let name = CString::new(*name).unwrap();
            assert!(!libc::dlsym(library, name.as_ptr()).is_null(), "{name:?}");
        }
    }
}

#[test]
fn a_slow_kernel_answers_late_and_its_heart_beats() {
    let _guard = ready(EmulatedDevice::default());
    let resident = function(module(RESIDENT), "resident");
    let rings = Rings::new();
    let (mut a, mut b, mut c, mut d) = (rings.requests, rings.answers, rings.control, rings.books);
    let (mut mask, mut sequence) = (SLOTS - 1, 1u32);
    let (stream, null) = (stream(), std::ptr::null_mut());
    let mut list = parameters![a, b, c, d, mask, sequence];
    assert_eq!(cuLaunchKernel(resident, 1, 1, 1, 32, 1, 1, 0, stream, list.as_mut_ptr(), null), OK);
    let mut books = vec![ring::Book::default(); ring::BOOKS];
    rings.drive(1, 20, 5, &mut books);
    hooks().slow_down(Duration::from_millis(1));
    let beats = rings.control().heartbeat.load(Ordering::Acquire);
    let times_ns = rings.drive(21, 20, 5, &mut books);
    rings.wait_for_beat(beats);
    hooks().slow_down(Duration::ZERO);
    // A turn is 512 instructions, which is a few ticks.
    assert!(times_ns.iter().filter(|&&time_ns| time_ns > 500_000).count() >= 2, "late: {times_ns:?}");
    rings.control().stop.store(1, Ordering::Release);
    assert_eq!(cuStreamSynchronize(stream), OK);
}

#[test]
fn a_while_node_repeats_its_body_as_long_as_the_kernel_says() {
    let _guard = ready(EmulatedDevice::default());
    let module = module(THREADS);
    let (append, count_up) = (function(module, "append"), function(module, "count_up"));
    let (mut list, mut count) = (pinned::<i32>(64), pinned::<i32>(1));
    let (mut graph, mut handle, mut executable) = (std::ptr::null_mut(), 0, std::ptr::null_mut());
    assert_eq!(cuGraphCreate(&mut graph, 0), OK);
    let flags = CU_GRAPH_COND_ASSIGN_DEFAULT;
    assert_eq!(cuGraphConditionalHandleCreate(&mut handle, graph, std::ptr::null_mut(), 1, flags), OK);
    let body = add_while(graph, handle);
    let mut end = 7i32;
    let first = add_kernel(body, &[], append, (3, 1), &mut parameters![list, count]);
    add_kernel(body, &[first], count_up, (1, 1), &mut parameters![handle, count, end]);
    assert_eq!(cuGraphInstantiateWithFlags(&mut executable, graph, 0), OK);
    let stream = stream();
    assert_eq!(cuGraphUpload(executable, stream), OK);
    for round in 1..=2 {
        // SAFETY: pinned memory of this test; no kernel runs.
        unsafe { *count = 0 };
        assert_eq!(cuGraphLaunch(executable, stream), OK, "round {round}");
        assert_eq!(cuStreamSynchronize(stream), OK);
        // SAFETY: as above.
        let (values, count) = unsafe { (std::slice::from_raw_parts(list, 8), *count) };
        assert_eq!((count, values), (7, &[3, 13, 23, 33, 43, 53, 63, 0][..]));
    }
    assert_eq!(cuStreamDestroy_v2(stream), OK);
}

/// Rings, control block and books of the resident kernel.
struct Rings {
    requests: *mut ring::Line,
    answers: *mut ring::Line,
    control: *mut ring::Control,
    books: *mut ring::Book,
}

const SLOTS: u32 = 128;

impl Rings {
    fn new() -> Self {
        Self {
            requests: pinned(SLOTS as usize),
            answers: pinned(SLOTS as usize),
            control: pinned(1),
            books: pinned(ring::BOOKS),
        }
    }

    fn control(&self) -> &ring::Control {
        // SAFETY: pinned, zeroed memory of that type, whose words are atomics.
        unsafe { &*self.control }
    }

    /// An idle kernel's heart beats on.
    fn wait_for_beat(&self, beats: u64) {
        let start = Instant::now();
        while self.control().heartbeat.load(Ordering::Acquire) == beats {
            assert!(start.elapsed() < Duration::from_secs(10), "no heartbeat: {:?}", last_fault());
            std::thread::yield_now();
        }
    }

    /// Sends ticks and compares the answers with the model; gives round trip times in ns.
    fn drive(&self, from: u32, count: u32, seed: u64, books: &mut [ring::Book]) -> Vec<u64> {
        let mut times_ns = Vec::with_capacity(count as usize);
        for sequence in from..from + count {
            let (tick, slot) = (ring::tick(sequence, seed), (sequence & (SLOTS - 1)) as usize);
            let expected = tick.answer(books);
            let start = Instant::now();
            ring::push(self.requests.wrapping_add(slot), &tick.request());
            let answer = loop {
                let line = ring::peek(self.answers.wrapping_add(slot));
                if ring::has_all_tags(&line, sequence) {
                    break line;
                }
                assert!(
                    start.elapsed() < Duration::from_secs(10),
                    "no answer to {sequence}: {:?}",
                    last_fault()
                );
                std::thread::yield_now();
            };
            times_ns.push(start.elapsed().as_nanos() as u64);
            assert_eq!(answer, expected, "tick {sequence}, seed {seed}");
        }
        times_ns
    }
}

#[test]
fn a_resident_kernel_answers_twenty_thousand_ticks() {
    let _guard = ready(EmulatedDevice::default());
    let resident = function(module(RESIDENT), "resident");
    let rings = Rings::new();
    let (mut a, mut b, mut c, mut d) = (rings.requests, rings.answers, rings.control, rings.books);
    let (mut mask, mut sequence) = (SLOTS - 1, 1u32);
    let stream = stream();
    let mut list = parameters![a, b, c, d, mask, sequence];
    let null = std::ptr::null_mut();
    assert_eq!(cuLaunchKernel(resident, 1, 1, 1, 32, 1, 1, 0, stream, list.as_mut_ptr(), null), OK);
    let mut books = vec![ring::Book::default(); ring::BOOKS];
    let mut times_ns = rings.drive(1, 20_000, 7, &mut books);
    times_ns.sort_unstable();
    println!("round trip: p50 {} ns, p99 {} ns", times_ns[10_000], times_ns[19_800]);
    assert_eq!(cuStreamQuery(stream), CUresult::CUDA_ERROR_NOT_READY);
    let beats = rings.control().heartbeat.load(Ordering::Acquire);
    rings.wait_for_beat(beats);
    rings.control().stop.store(1, Ordering::Release);
    assert_eq!(cuStreamSynchronize(stream), OK);
    assert_eq!(rings.control().state.load(Ordering::Acquire), 2);
    assert_eq!(cuStreamQuery(stream), OK);
}

#[test]
fn a_cta_that_polls_around_barriers_answers_and_rests() {
    let _guard = ready(EmulatedDevice::default());
    let resident = function(module(RESIDENT), "resident_barriers");
    let rings = Rings::new();
    let (mut a, mut b, mut c) = (rings.requests, rings.answers, rings.control);
    let (mut mask, stream, null) = (SLOTS - 1, stream(), std::ptr::null_mut());
    let mut list = parameters![a, b, c, mask];
    assert_eq!(cuLaunchKernel(resident, 1, 1, 1, 128, 1, 1, 0, stream, list.as_mut_ptr(), null), OK);
    let mut times_ns = Vec::new();
    for sequence in 1..=4_000u32 {
        let (tick, slot) = (ring::tick(sequence, 2), (sequence & (SLOTS - 1)) as usize);
        let start = Instant::now();
        ring::push(rings.requests.wrapping_add(slot), &tick.request());
        // The kernel reads the first quad only, which `push` writes last.
        let answer = loop {
            let line = ring::peek(rings.answers.wrapping_add(slot));
            if ring::has_all_tags(&line, sequence) {
                break line;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "no answer to {sequence}: {:?}", last_fault());
            std::thread::yield_now();
        };
        times_ns.push(start.elapsed().as_nanos() as u64);
        assert_eq!(answer.w[1], (tick.level * (127 * 128 / 2)), "tick {sequence}");
    }
    times_ns.sort_unstable();
    println!("polling around barriers: round trip p50 {} ns, p99 {} ns", times_ns[2_000], times_ns[3_960]);
    rings.control().stop.store(1, Ordering::Release);
    assert_eq!(cuStreamSynchronize(stream), OK);
}

#[test]
fn registered_memory_and_work_in_stream_order() {
    let _guard = ready(EmulatedDevice::default());
    let mut host = vec![0u8; 3 * 4096];
    let pointer = host.as_mut_ptr().cast::<c_void>();
    assert_eq!(cuMemHostRegister_v2(pointer, host.len(), 0), OK);
    assert_eq!(cuMemHostRegister_v2(pointer, 10, 0), CUresult::CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
    let (mut device_view, mut block) = (0, 0);
    assert_eq!(cuMemHostGetDevicePointer_v2(&mut device_view, pointer, 0), OK);
    assert_eq!(cuMemAlloc_v2(&mut block, 256), OK);
    let positions = function(module(THREADS), "positions");
    let (stream, null) = (stream(), std::ptr::null_mut());
    let mut list = parameters![block];
    assert_eq!(cuMemsetD8Async(block, 0x55, 256, stream), OK);
    assert_eq!(cuLaunchKernel(positions, 1, 1, 1, 32, 1, 1, 0, stream, list.as_mut_ptr(), null), OK);
    assert_eq!(cuMemcpyDtoHAsync_v2(pointer, block, 256, stream), OK);
    assert_eq!(cuStreamSynchronize(stream), OK);
    assert_eq!((host[0], host[4], host[124], host[128], host[255]), (0, 1, 31, 0x55, 0x55));
    assert_eq!(cuMemcpyHtoDAsync_v2(block + 250, pointer, 7, stream), CUresult::CUDA_ERROR_INVALID_VALUE);
    assert_eq!(cuMemHostUnregister(pointer), OK);
    assert_eq!(cuMemHostUnregister(pointer), CUresult::CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
    let mut threads = 0;
    let attribute = CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK;
    assert_eq!((cuFuncGetAttribute(&mut threads, attribute, positions), threads), (OK, 1024));
}

#[test]
fn many_polling_warps_cost_little() {
    let _guard = ready(EmulatedDevice::default());
    let resident = function(module(RESIDENT), "resident_many");
    let rings = Rings::new();
    let warps = 8 * 4u32;
    let (mut a, mut b, mut c, mut posts) = (rings.requests, rings.answers, rings.control, 0);
    assert_eq!(cuMemAlloc_v2(&mut posts, 32 * 32 * 4), OK);
    let (mut mask, stream, null) = (SLOTS - 1, stream(), std::ptr::null_mut());
    let mut list = parameters![a, b, c, posts, mask];
    assert_eq!(cuLaunchKernel(resident, 8, 1, 1, 128, 1, 1, 0, stream, list.as_mut_ptr(), null), OK);
    let mut times_ns = Vec::new();
    for sequence in 1..=4_000u32 {
        let (tick, slot) = (ring::tick(sequence, 1), (sequence & (SLOTS - 1)) as usize);
        let request = ring::Tick { book: tick.echo, ..tick }.request();
        let start = Instant::now();
        ring::push(rings.requests.wrapping_add(slot), &request);
        let answer = loop {
            let line = ring::peek(rings.answers.wrapping_add(slot));
            if ring::has_all_tags(&line, sequence) {
                break line;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "no answer to {sequence}: {:?}", last_fault());
            std::thread::yield_now();
        };
        times_ns.push(start.elapsed().as_nanos() as u64);
        let server = 1 + tick.echo % (warps - 1);
        for (quad, words) in answer.w.chunks(4).enumerate() {
            assert_eq!(words, [sequence, tick.level * 3, server, quad as u32]);
        }
    }
    rings.control().stop.store(1, Ordering::Release);
    assert_eq!(cuStreamSynchronize(stream), OK);
    times_ns.sort_unstable();
    println!("{warps} polling warps: round trip p50 {} ns, p99 {} ns", times_ns[2_000], times_ns[3_960]);
}

#[test]
fn epochs_of_a_resident_graph() {
    let _guard = ready(EmulatedDevice::default());
    let module = module(RESIDENT);
    let (epoch, control) = (function(module, "resident_epoch"), function(module, "epoch_control"));
    let rings = Rings::new();
    let mut next = pinned::<u32>(1);
    // SAFETY: pinned memory of this test; no kernel runs yet.
    unsafe { *next = 1 };
    let (mut graph, mut handle, mut executable) = (std::ptr::null_mut(), 0, std::ptr::null_mut());
    assert_eq!(cuGraphCreate(&mut graph, 0), OK);
    let flags = CU_GRAPH_COND_ASSIGN_DEFAULT;
    assert_eq!(cuGraphConditionalHandleCreate(&mut handle, graph, std::ptr::null_mut(), 1, flags), OK);
    let body = add_while(graph, handle);
    let (mut a, mut b, mut c, mut d) = (rings.requests, rings.answers, rings.control, rings.books);
    let (mut mask, mut ticks) = (SLOTS - 1, 100u32);
    let first = add_kernel(body, &[], epoch, (1, 32), &mut parameters![a, b, c, d, mask, next, ticks]);
    add_kernel(body, &[first], control, (1, 1), &mut parameters![handle, c]);
    assert_eq!(cuGraphInstantiateWithFlags(&mut executable, graph, 0), OK);
    let stream = stream();
    assert_eq!(cuGraphLaunch(executable, stream), OK);
    let mut books = vec![ring::Book::default(); ring::BOOKS];
    rings.drive(1, 2_050, 3, &mut books);
    rings.control().stop.store(1, Ordering::Release);
    assert_eq!(cuStreamSynchronize(stream), OK);
    assert_eq!(rings.control().epoch.load(Ordering::Acquire), 21);
}

#[test]
fn a_frozen_launch_stands_still_inside_a_line_and_goes_on_when_thawed() {
    let _guard = ready(EmulatedDevice::default());
    let resident = function(module(RESIDENT), "resident");
    let rings = Rings::new();
    let (mut a, mut b, mut c, mut d) = (rings.requests, rings.answers, rings.control, rings.books);
    let (mut mask, mut sequence) = (SLOTS - 1, 1u32);
    let stream = stream();
    hooks().only(Some("resident"));
    let before = hooks().counts("resident");
    let null = std::ptr::null_mut();
    let mut list = parameters![a, b, c, d, mask, sequence];
    assert_eq!(cuLaunchKernel(resident, 1, 1, 1, 32, 1, 1, 0, stream, list.as_mut_ptr(), null), OK);
    let mut books = vec![ring::Book::default(); ring::BOOKS];
    rings.drive(1, 50, 5, &mut books);
    hooks().freeze();
    // A turn that has begun is ended, however long the machine lets it wait.
    std::thread::sleep(Duration::from_millis(200));
    let beats = rings.control().heartbeat.load(Ordering::Acquire);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(rings.control().heartbeat.load(Ordering::Acquire), beats, "frozen: no heartbeat");
    hooks().thaw();
    rings.drive(51, 50, 5, &mut books);
    let running = hooks().running();
    assert!(running.stores >= 4 * 100 && running.instructions > 100 * 50);
    // Frozen in a stream of ticks, wherever that is; the stores of the heart count too.
    hooks().freeze_after_stores(3);
    let start = Instant::now();
    let next = ring::tick(101, 5);
    ring::push(rings.requests.wrapping_add((101 & (SLOTS - 1)) as usize), &next.request());
    while !hooks().is_frozen() {
        assert!(start.elapsed() < Duration::from_secs(5));
        std::thread::yield_now();
    }
    hooks().thaw();
    rings.drive(101, 1, 5, &mut books);
    rings.control().stop.store(1, Ordering::Release);
    assert_eq!(cuStreamSynchronize(stream), OK);
    let after = hooks().counts("resident");
    assert_eq!(after.launches, before.launches + 1);
    assert!(after.instructions > before.instructions + 100 * 50 && after.stores >= before.stores + 100 * 4);
    freeze_inside_a_line(resident, stream);
    hooks().only(None);
}

/// No heartbeat can come between: the first line is there before the kernel starts. Its third quad is store 3 or 4 after
/// the book's one or two.
fn freeze_inside_a_line(resident: CUfunction, stream: CUstream) {
    let rings = Rings::new();
    let tick = ring::tick(1, 9);
    ring::push(rings.requests.wrapping_add(1), &tick.request());
    let (mut a, mut b, mut c, mut d) = (rings.requests, rings.answers, rings.control, rings.books);
    let (mut mask, mut sequence) = (SLOTS - 1, 1u32);
    hooks().freeze_at_store(2 + 2);
    let null = std::ptr::null_mut();
    let mut list = parameters![a, b, c, d, mask, sequence];
    assert_eq!(cuLaunchKernel(resident, 1, 1, 1, 32, 1, 1, 0, stream, list.as_mut_ptr(), null), OK);
    let start = Instant::now();
    while !hooks().is_frozen() {
        assert!(start.elapsed() < Duration::from_secs(5));
        std::thread::yield_now();
    }
    let half = ring::peek(rings.answers.wrapping_add(1));
    assert_eq!([0, 4, 8, 12].map(|at| half.w[at]), [1, 1, 0, 0]);
    hooks().thaw();
    let mut books = vec![ring::Book::default(); ring::BOOKS];
    let expected = tick.answer(&mut books);
    while !ring::has_all_tags(&ring::peek(rings.answers.wrapping_add(1)), 1) {
        assert!(start.elapsed() < Duration::from_secs(5));
        std::thread::yield_now();
    }
    assert_eq!(ring::peek(rings.answers.wrapping_add(1)), expected);
    rings.control().stop.store(1, Ordering::Release);
    assert_eq!(cuStreamSynchronize(stream), OK);
}

#[test]
fn memory_is_limited_and_accounted() {
    let _guard = ready(EmulatedDevice { memory_bytes: 1 << 20, ..EmulatedDevice::default() });
    let (mut free, mut total, mut a, mut b) = (0, 0, 0, 0);
    assert_eq!(cuMemGetInfo_v2(&mut free, &mut total), OK);
    assert_eq!(total, 1 << 20);
    assert_eq!(cuMemAlloc_v2(&mut a, free - 100), OK);
    assert_eq!(cuMemAlloc_v2(&mut b, 101), CUresult::CUDA_ERROR_OUT_OF_MEMORY);
    assert_eq!(cuMemAlloc_v2(&mut b, 100), OK);
    assert_eq!((cuMemFree_v2(a), cuMemFree_v2(b)), (OK, OK));
    assert_eq!(cuMemFree_v2(a), CUresult::CUDA_ERROR_INVALID_VALUE);
    let mut again = 0;
    assert_eq!(cuMemGetInfo_v2(&mut again, &mut total), OK);
    assert_eq!(again, free);
}

#[test]
fn a_cooperative_grid_must_fit() {
    let _guard = ready(EmulatedDevice { multiprocessors: 2, ..EmulatedDevice::default() });
    let positions = function(module(THREADS), "positions");
    let mut per_multiprocessor = 0;
    assert_eq!(cuOccupancyMaxActiveBlocksPerMultiprocessor(&mut per_multiprocessor, positions, 1024, 0), OK);
    assert_eq!(per_multiprocessor, 2);
    let mut out = 0;
    assert_eq!(cuMemAlloc_v2(&mut out, 5 * 4096), OK);
    let (stream, mut list) = (stream(), parameters![out]);
    let too_large = cuLaunchCooperativeKernel(positions, 5, 1, 1, 1024, 1, 1, 0, stream, list.as_mut_ptr());
    assert_eq!(too_large, CUresult::CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
    assert_eq!(cuLaunchCooperativeKernel(positions, 4, 1, 1, 1024, 1, 1, 0, stream, list.as_mut_ptr()), OK);
    assert_eq!(cuStreamSynchronize(stream), OK);
    let mut last = 0u32;
    assert_eq!(cuMemcpyDtoH_v2((&raw mut last).cast(), out + 4 * 4095, 4), OK);
    assert_eq!(last, 3 << 16 | 31 << 8 | 31);
}

#[test]
fn clusters_come_by_attribute() {
    let _guard = ready(EmulatedDevice::default());
    let mailbox = function(module(CLUSTERS), "mailbox");
    let (mut out, mut rounds) = (pinned::<u32>(11), 10u32);
    // SAFETY: a plain C structure, for which zero is a value.
    let mut attribute: CUlaunchAttribute = unsafe { std::mem::zeroed() };
    attribute.id = CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    attribute.value.clusterDim = CUlaunchAttributeValue_union__bindgen_ty_1 { x: 2, y: 1, z: 1 };
    let stream = stream();
    let config = CUlaunchConfig {
        gridDimX: 2,
        gridDimY: 1,
        gridDimZ: 1,
        blockDimX: 32,
        blockDimY: 1,
        blockDimZ: 1,
        sharedMemBytes: 0,
        hStream: stream,
        attrs: &mut attribute,
        numAttrs: 1,
    };
    let null = std::ptr::null_mut();
    assert_eq!(cuLaunchKernelEx(&config, mailbox, parameters![out, rounds].as_mut_ptr(), null), OK);
    assert_eq!(cuStreamSynchronize(stream), OK);
    // SAFETY: pinned memory of this test; the kernel has ended.
    let values = unsafe { std::slice::from_raw_parts(out, 11) };
    assert_eq!(values, [4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 10]);
}

#[test]
fn a_fault_is_sticky_and_says_where() {
    let _guard = ready(EmulatedDevice::default());
    let store = function(module(THREADS), "null_store");
    let mut wild = 0x10_0000_0000u64;
    let stream = stream();
    let null = std::ptr::null_mut();
    assert_eq!(cuLaunchKernel(store, 1, 1, 1, 32, 1, 1, 0, stream, parameters![wild].as_mut_ptr(), null), OK);
    assert_eq!(cuStreamSynchronize(stream), CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
    assert_eq!(cuStreamQuery(stream), CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
    let mut pointer = 0;
    assert_eq!(cuMemAlloc_v2(&mut pointer, 64), CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
    let fault = last_fault().unwrap();
    assert_eq!(
        (fault.entry.as_str(), fault.kind),
        ("null_store", FaultKind::OutOfRange { address: wild, bytes: 4 })
    );
}

#[test]
fn devices_that_are_not_as_one_would_wish() {
    let none = device(EmulatedDevice { present: false, ..EmulatedDevice::default() });
    assert_eq!(cuInit(0), CUresult::CUDA_ERROR_NO_DEVICE);
    let mut count = 0;
    assert_eq!(cuDeviceGetCount(&mut count), CUresult::CUDA_ERROR_NOT_INITIALIZED);
    drop(none);

    let older = device(EmulatedDevice {
        conditional_nodes: ConditionalNodes::SymbolMissing,
        ..EmulatedDevice::default()
    });
    assert!(symbol("cuGraphConditionalHandleCreate").is_none());
    drop(older);

    let refusing = ready(EmulatedDevice {
        conditional_nodes: ConditionalNodes::NotSupported,
        ..EmulatedDevice::default()
    });
    let (mut graph, mut handle, mut executable) = (std::ptr::null_mut(), 0, std::ptr::null_mut());
    assert_eq!(cuGraphCreate(&mut graph, 0), OK);
    assert_eq!(cuGraphConditionalHandleCreate(&mut handle, graph, std::ptr::null_mut(), 1, 1), OK);
    add_while(graph, handle);
    assert_eq!(cuGraphInstantiateWithFlags(&mut executable, graph, 0), CUresult::CUDA_ERROR_NOT_SUPPORTED);
    drop(refusing);

    let faults =
        DeviceFaults { failure_after_launches: Some((2, 719)), query_delay: Some(Duration::from_millis(3)) };
    let _failing = ready(EmulatedDevice { faults, ..EmulatedDevice::default() });
    let positions = function(module(THREADS), "positions");
    let (mut out, stream, null) = (pinned::<u32>(32), stream(), std::ptr::null_mut());
    let mut launch = || {
        assert_eq!(
            cuLaunchKernel(positions, 1, 1, 1, 32, 1, 1, 0, stream, parameters![out].as_mut_ptr(), null),
            OK
        );
        cuStreamSynchronize(stream)
    };
    assert_eq!([launch(), launch(), launch()], [OK, OK, CUresult::CUDA_ERROR_LAUNCH_FAILED]);
    let start = Instant::now();
    assert_eq!(cuStreamQuery(stream), CUresult::CUDA_ERROR_LAUNCH_FAILED);
    assert!(start.elapsed() >= Duration::from_millis(3));
}

#[test]
fn what_is_no_ptx_is_refused() {
    let _guard = ready(EmulatedDevice::default());
    let mut module = std::ptr::null_mut();
    let binary = b"\x7fELF\x02\x01\x01\0";
    assert_eq!(cuModuleLoadData(&mut module, binary.as_ptr().cast()), CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU);
    let text = c".version 9.0\n.target sm_75\n.visible .entry k() { wmma.load.a.sync.aligned.row.m16n16k16.f16 %r1, [%r2]; }";
    assert_eq!(cuModuleLoadData(&mut module, text.as_ptr().cast()), CUresult::CUDA_ERROR_INVALID_PTX);
    assert!(emulator::driver::last_refusal().unwrap().contains("PTX line 3"));
    let mut name = std::ptr::null();
    assert_eq!(cuGetErrorName(CUresult::CUDA_ERROR_INVALID_PTX, &mut name), OK);
    // SAFETY: the driver gives static text.
    assert_eq!(unsafe { std::ffi::CStr::from_ptr(name) }, c"CUDA_ERROR_INVALID_PTX");
    let _ = cuMemFreeHost(std::ptr::null_mut());
    let mut major = 0;
    let attribute = CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
    assert_eq!((cuDeviceGetAttribute(&mut major, attribute, 0), major), (OK, 9));
}
