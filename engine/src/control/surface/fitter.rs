//! Who runs fits: in place in lockstep, where virtual time stands still meanwhile, and on a cold thread otherwise.
//!
//! The hot side of the thread is two rings of one job each; it makes no system call and frees nothing. The thread looks
//! every half millisecond and ends when the run drops its side.

use super::chain_fit::ChainFit;
use crate::pipeline::wide::{SurfaceFitter, SurfaceJob};
use rtrb::{Consumer, Producer, RingBuffer};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two looks for a job.
const LOOK: Duration = Duration::from_micros(500);

/// Fits at once.
pub struct InPlace {
    chains: Vec<ChainFit>,
    done: Option<Box<SurfaceJob>>,
}

impl InPlace {
    /// Over the chains, by number.
    #[must_use]
    pub const fn new(chains: Vec<ChainFit>) -> Self {
        Self { chains, done: None }
    }
}

impl SurfaceFitter for InPlace {
    fn submit(&mut self, mut job: Box<SurfaceJob>) {
        run(&mut self.chains, &mut job);
        self.done = Some(job);
    }

    fn poll(&mut self) -> Option<Box<SurfaceJob>> {
        self.done.take()
    }
}

/// Fits on a thread of its own.
pub struct OnThread {
    to: Option<Producer<Box<SurfaceJob>>>,
    from: Consumer<Box<SurfaceJob>>,
    thread: Option<JoinHandle<()>>,
}

impl OnThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's.
    pub fn start(chains: Vec<ChainFit>) -> std::io::Result<Self> {
        let ((to, jobs), (done, from)) = (RingBuffer::new(1), RingBuffer::new(1));
        let thread = std::thread::Builder::new()
            .name("wt-surfaces".to_owned())
            .spawn(move || work(chains, jobs, done))?;
        Ok(Self { to: Some(to), from, thread: Some(thread) })
    }
}

impl SurfaceFitter for OnThread {
    fn submit(&mut self, job: Box<SurfaceJob>) {
        // There is one job, so that there is room for it.
        let _ = self.to.as_mut().map(|to| to.push(job));
    }

    fn poll(&mut self) -> Option<Box<SurfaceJob>> {
        self.from.pop().ok()
    }
}

impl Drop for OnThread {
    fn drop(&mut self) {
        self.to = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(mut chains: Vec<ChainFit>, mut jobs: Consumer<Box<SurfaceJob>>, mut done: Producer<Box<SurfaceJob>>) {
    loop {
        match jobs.pop() {
            Ok(mut job) => {
                run(&mut chains, &mut job);
                let _ = done.push(job);
            }
            Err(_) if jobs.is_abandoned() => return,
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

fn run(chains: &mut [ChainFit], job: &mut SurfaceJob) {
    if let Some(chain) = chains.get_mut(job.chain) {
        chain.fit(job);
    }
}
