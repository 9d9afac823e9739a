//! What a hot thread does when it has nothing to do.

/// Spin on a core of its own; give the core away where stages share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// The stage owns its core: a pause instruction, no system call.
    Spin,
    /// Fewer cores than stages: the only place in the engine where `sched_yield` is allowed.
    Yield,
}

impl Idle {
    /// One idle turn.
    #[inline]
    pub fn wait(self) {
        match self {
            Self::Spin => std::hint::spin_loop(),
            Self::Yield => std::thread::yield_now(),
        }
    }
}
