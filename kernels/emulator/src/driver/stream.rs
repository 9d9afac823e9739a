//! Streams: a queue and a thread each.

use std::collections::VecDeque;
use std::ffi::c_uint;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use cudarc::driver::sys::{CUresult, CUstream};

use super::event::Event;
use super::graph::Executable;
use super::launch::{KernelLaunch, run_kernel};
use super::process::{code, device, process, put};

/// What a stream does in order.
pub(super) enum Job {
    Kernel(KernelLaunch),
    Graph(Arc<Executable>),
    Record(Arc<Event>),
    Fill { to: u64, value: u8, bytes: usize },
    Copy { to: u64, from: u64, bytes: usize },
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Jobs that are queued or running.
    unfinished: usize,
    closing: bool,
}

/// A stream. Its thread ends once it is destroyed and has no more work.
#[derive(Default)]
pub(super) struct Stream {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Stream {
    pub(super) fn start() -> Arc<Self> {
        let stream = Arc::new(Self::default());
        let worker = stream.clone();
        let named = std::thread::Builder::new().name("emulated-stream".to_string());
        named.spawn(move || worker.work()).expect("a thread for the stream");
        stream
    }

    pub(super) fn push(&self, job: Job) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.jobs.push_back(job);
        queue.unfinished += 1;
        self.changed.notify_all();
    }

    fn is_idle(&self) -> bool {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).unfinished == 0
    }

    pub(super) fn wait(&self) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = self.changed.wait_while(queue, |queue| queue.unfinished > 0);
        drop(idle.unwrap_or_else(PoisonError::into_inner));
    }

    fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).closing = true;
        self.changed.notify_all();
    }

    fn next(&self) -> Option<Job> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |queue: &mut Queue| queue.jobs.is_empty() && !queue.closing;
        let mut queue = self.changed.wait_while(queue, waiting).unwrap_or_else(PoisonError::into_inner);
        queue.jobs.pop_front()
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            // After a failure nothing runs any more; what was queued counts as done.
            if process().sticky().is_ok() {
                // A defect of the emulator must not leave the stream's users waiting for ever.
                let run = std::panic::AssertUnwindSafe(|| run(job));
                if std::panic::catch_unwind(run).is_err() {
                    process().fail(CUresult::CUDA_ERROR_LAUNCH_FAILED);
                }
            }
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.unfinished -= 1;
            self.changed.notify_all();
        }
    }
}

fn run(job: Job) {
    match job {
        Job::Kernel(launch) => {
            run_kernel(&launch);
        }
        Job::Graph(executable) => executable.run(),
        Job::Record(event) => event.is_now(),
        // SAFETY: the device's side was checked when the job was queued, the host's is the caller's contract until the
        // stream has been synchronised.
        Job::Fill { to, value, bytes } => unsafe { std::ptr::write_bytes(to as *mut u8, value, bytes) },
        // SAFETY: as above.
        Job::Copy { to, from, bytes } => unsafe { std::ptr::copy(from as *const u8, to as *mut u8, bytes) },
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamCreate(stream: *mut CUstream, _flags: c_uint) -> CUresult {
    code(process().ready().and_then(|()| {
        let handle = process().streams.add(Stream::start());
        // SAFETY: the driver's contract: a place for the answer.
        unsafe { put(stream, handle as CUstream) }
    }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamDestroy_v2(stream: CUstream) -> CUresult {
    code(process().streams.remove(stream as usize).map(|stream| stream.close()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamQuery(stream: CUstream) -> CUresult {
    if let Some(delay) = device().faults.query_delay {
        std::thread::sleep(delay);
    }
    code(process().ready().and_then(|()| {
        let idle = process().stream(stream as usize)?.is_idle();
        // The failure of the last job must not be missed between the two looks.
        process().sticky()?;
        if idle { Ok(()) } else { Err(CUresult::CUDA_ERROR_NOT_READY) }
    }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamSynchronize(stream: CUstream) -> CUresult {
    code(process().ready().and_then(|()| {
        process().stream(stream as usize)?.wait();
        process().sticky()
    }))
}
