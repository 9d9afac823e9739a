//! The state of the stand-in: one per process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use cudarc::driver::sys::CUresult;

use super::device::EmulatedDevice;
use super::event::Event;
use super::graph::{Executable, Graph};
use super::memory::Allocations;
use super::modules::{Function, LoadedModule};
use super::stream::Stream;
use crate::machine::{AddressSpace, Fault, FaultKind, Hooks};

/// Objects by handle. A handle is a number that was never another object's.
pub(super) struct Handles<T> {
    objects: Mutex<HashMap<usize, Arc<T>>>,
}

impl<T> Default for Handles<T> {
    fn default() -> Self {
        Self { objects: Mutex::new(HashMap::new()) }
    }
}

static NEXT_HANDLE: AtomicU64 = AtomicU64::new(0x1000);

impl<T> Handles<T> {
    pub(super) fn add(&self, object: Arc<T>) -> usize {
        // Far from small numbers, so that an integer taken for a handle shows.
        let handle = NEXT_HANDLE.fetch_add(16, Ordering::Relaxed) as usize;
        self.objects.lock().expect("no holder panics").insert(handle, object);
        handle
    }

    pub(super) fn get(&self, handle: usize) -> Result<Arc<T>, CUresult> {
        let objects = self.objects.lock().expect("no holder panics");
        objects.get(&handle).cloned().ok_or(CUresult::CUDA_ERROR_INVALID_HANDLE)
    }

    pub(super) fn remove(&self, handle: usize) -> Result<Arc<T>, CUresult> {
        let removed = self.objects.lock().expect("no holder panics").remove(&handle);
        removed.ok_or(CUresult::CUDA_ERROR_INVALID_HANDLE)
    }

    pub(super) fn all(&self) -> Vec<Arc<T>> {
        self.objects.lock().expect("no holder panics").values().cloned().collect()
    }
}

/// The value that decides a conditional node.
#[derive(Debug)]
pub(super) struct Conditional {
    pub(super) value: AtomicU32,
    pub(super) default: u32,
    pub(super) assign_default: bool,
}

#[derive(Default)]
pub(super) struct Process {
    device: Mutex<Option<Arc<EmulatedDevice>>>,
    pub(super) initialised: AtomicBool,
    /// A failure that every later call answers with; 0 for none.
    sticky: AtomicU32,
    pub(super) launches: AtomicU64,
    pub(super) hooks: Arc<Hooks>,
    pub(super) space: Arc<AddressSpace>,
    pub(super) allocations: Mutex<Allocations>,
    pub(super) modules: Handles<LoadedModule>,
    pub(super) functions: Handles<Function>,
    pub(super) streams: Handles<Stream>,
    pub(super) events: Handles<Event>,
    pub(super) graphs: Handles<Graph>,
    pub(super) nodes: Handles<(Arc<Graph>, usize)>,
    pub(super) executables: Handles<Executable>,
    pub(super) conditionals: Mutex<HashMap<u64, Arc<Conditional>>>,
    default_stream: OnceLock<Arc<Stream>>,
    fault: Mutex<Option<Fault>>,
    refusal: Mutex<Option<String>>,
}

pub(super) fn process() -> &'static Process {
    static PROCESS: OnceLock<Process> = OnceLock::new();
    PROCESS.get_or_init(Process::default)
}

pub(super) fn device() -> Arc<EmulatedDevice> {
    let mut device = process().device.lock().expect("no holder panics");
    device.get_or_insert_with(Default::default).clone()
}

/// Sets the device that the stand-in plays, forgets a failed one's error, and counts its launches from 0.
///
/// For the whole process: before `cuInit`, or between tests that hold a common lock.
pub fn configure(device: EmulatedDevice) {
    let process = process();
    *process.device.lock().expect("no holder panics") = Some(Arc::new(device));
    process.sticky.store(0, Ordering::Release);
    process.launches.store(0, Ordering::Release);
    process.initialised.store(false, Ordering::Release);
}

/// The hooks of all launches through the driver.
pub fn hooks() -> Arc<Hooks> {
    process().hooks.clone()
}

/// The fault of the last kernel that failed.
pub fn last_fault() -> Option<Fault> {
    process().fault.lock().expect("no holder panics").clone()
}

/// Why the last module was refused.
pub fn last_refusal() -> Option<String> {
    process().refusal.lock().expect("no holder panics").clone()
}

impl Process {
    /// The device must be initialised and alive.
    pub(super) fn ready(&self) -> Result<(), CUresult> {
        if !self.initialised.load(Ordering::Acquire) {
            return Err(CUresult::CUDA_ERROR_NOT_INITIALIZED);
        }
        self.sticky()
    }

    pub(super) fn sticky(&self) -> Result<(), CUresult> {
        match self.sticky.load(Ordering::Acquire) {
            0 => Ok(()),
            700 => Err(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS),
            702 => Err(CUresult::CUDA_ERROR_LAUNCH_TIMEOUT),
            715 => Err(CUresult::CUDA_ERROR_ILLEGAL_INSTRUCTION),
            716 => Err(CUresult::CUDA_ERROR_MISALIGNED_ADDRESS),
            _ => Err(CUresult::CUDA_ERROR_LAUNCH_FAILED),
        }
    }

    /// The context is lost: every later call says so.
    pub(super) fn fail(&self, code: CUresult) {
        let _ = self.sticky.compare_exchange(0, code as u32, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(super) fn report(&self, fault: Fault) {
        let code = match fault.kind {
            FaultKind::OutOfRange { .. } => CUresult::CUDA_ERROR_ILLEGAL_ADDRESS,
            FaultKind::Misaligned { .. } => CUresult::CUDA_ERROR_MISALIGNED_ADDRESS,
            FaultKind::Trap | FaultKind::Operand { .. } => CUresult::CUDA_ERROR_ILLEGAL_INSTRUCTION,
            _ => CUresult::CUDA_ERROR_LAUNCH_FAILED,
        };
        *self.fault.lock().expect("no holder panics") = Some(fault);
        self.fail(code);
    }

    pub(super) fn refuse(&self, why: String) {
        *self.refusal.lock().expect("no holder panics") = Some(why);
    }

    /// A stream by handle; the null handle is the default stream.
    pub(super) fn stream(&self, handle: usize) -> Result<Arc<Stream>, CUresult> {
        match handle {
            0..=2 => Ok(self.default_stream.get_or_init(Stream::start).clone()),
            _ => self.streams.get(handle),
        }
    }

    /// Waits until no stream has work.
    pub(super) fn synchronise(&self) {
        let default = self.default_stream.get().cloned();
        self.streams.all().into_iter().chain(default).for_each(|stream| stream.wait());
    }
}

/// An answer of the driver: its error, or success.
pub(super) fn code(result: Result<(), CUresult>) -> CUresult {
    result.err().unwrap_or(CUresult::CUDA_SUCCESS)
}

/// Writes an answer through a pointer of the caller.
///
/// # Safety
/// `to` is null or good for a write.
pub(super) unsafe fn put<T>(to: *mut T, value: T) -> Result<(), CUresult> {
    if to.is_null() {
        return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
    }
    // SAFETY: not null, so good for a write by the caller's contract.
    unsafe { to.write(value) };
    Ok(())
}
