//! Two pinned threads that play something to and fro, and never wait for each other longer than they may.

use crate::control::failure::Failure;
use crate::control::placement::{Role, pin_current};
use crate::control::shutdown::Stop;
use crate::pipeline::tsc;

/// How long a thread waits for the other: until a tick count, or until the user wants to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience<'a> {
    pub(super) until_ticks: u64,
    pub(super) stop: &'a Stop,
}

/// Turns of a waiting loop between two looks at the clock.
const TURNS: u32 = 1_024;

impl Patience<'_> {
    /// Spins until `arrived` gives something; nothing when patience has run out.
    #[inline]
    pub(super) fn wait<T>(&self, mut arrived: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            for _ in 0..TURNS {
                if let Some(found) = arrived() {
                    return Some(found);
                }
                std::hint::spin_loop();
            }
            if self.is_over() {
                return None;
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        tsc::now() >= self.until_ticks || self.stop.requested()
    }
}

/// Pins the calling thread to a core.
pub(super) fn pin(cpu: usize) -> Result<(), Failure> {
    pin_current(Role::Ingest, cpu).map_err(|error| Failure::Input(error.to_string()))
}

/// Runs one thread on each core of a pair; what the first one comes to. A thread that cannot be pinned still does its part,
/// since the other one waits for it; the error is told afterwards.
pub(super) fn on_two<X: Send>(
    (near, far): (usize, usize),
    near_part: impl FnOnce() -> X + Send,
    far_part: impl FnOnce() + Send,
) -> Result<X, Failure> {
    std::thread::scope(|scope| {
        let far = scope.spawn(move || {
            let pinned = pin(far);
            far_part();
            pinned
        });
        let near = scope.spawn(move || {
            let pinned = pin(near);
            (near_part(), pinned)
        });
        let panicked = |_| Failure::Check("a measuring thread panicked".to_owned());
        let (found, near_pinned) = near.join().map_err(panicked)?;
        far.join().map_err(panicked)??;
        near_pinned.map(|()| found)
    })
}
