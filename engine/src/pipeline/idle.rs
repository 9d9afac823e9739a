//! What a hot thread does when it has nothing to do.

use std::cell::Cell;
use std::time::Duration;

/// Of so many idle turns on a shared core one sleeps. On Linux 6.18 a yield forfeits the rest of the slice in virtual
/// run time; threads that only yield to each other run its clock away, and a thread that joins them late then waits
/// for minutes (measured: no tick of CPU in 28 s for a stage pinned beside two that yielded).
const TURNS_A_SLEEP: u32 = 64;

/// How long; the kernel's timer slack makes some 60 us of it.
const SLEEP: Duration = Duration::from_micros(10);

thread_local! {
    static TURNS: Cell<u32> = const { Cell::new(0) };
}

/// Spin on a core of its own; give the core away where stages share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// The stage owns its core: a pause instruction, no system call.
    Spin,
    /// Fewer cores than stages: the only place in the engine where `sched_yield`, and now and then a short sleep, is
    /// allowed.
    Yield,
}

impl Idle {
    /// One idle turn.
    #[inline]
    pub fn wait(self) {
        match self {
            Self::Spin => std::hint::spin_loop(),
            Self::Yield => give_way(),
        }
    }
}

fn give_way() {
    TURNS.with(|turns| {
        let turn = turns.get().wrapping_add(1);
        turns.set(turn);
        if turn % TURNS_A_SLEEP == 0 {
            std::thread::sleep(SLEEP);
        } else {
            std::thread::yield_now();
        }
    });
}
