//! A short slice for threads that share a core: what the scheduler gives them at once, and how soon it lets them in.
//!
//! Since Linux 6.12 an ordinary thread can ask for a slice of its own, 0.1 to 100 ms, without any privilege. One that asks
//! for less than the others has the earlier deadline when it wakes, and takes the core from a thread in the middle of a
//! longer slice (2.8 ms by default): a thread that sleeps until somebody wants something (the operator port, housekeeping,
//! on which signals arrive) is in time although hot threads spin on every core. Older kernels ignore it. Allocates nothing.

use std::mem::size_of;

/// The shortest slice that the kernel gives, ns.
const SLICE_NS: u64 = 100_000;

/// `struct sched_attr` in its first version, 48 bytes (linux/sched/types.h).
#[repr(C)]
#[derive(Default)]
struct SchedAttr {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    /// Of an ordinary thread: its slice, ns.
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// Asks for the shortest slice for the calling thread, where it is an ordinary one. Whether the kernel has taken it.
pub fn shorten() -> bool {
    let size = size_of::<SchedAttr>() as u32;
    let mut attr = SchedAttr { size, ..SchedAttr::default() };
    // SAFETY: `attr` is as large as is said and outlives the call; thread 0 is the caller.
    let is_read = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attr, size, 0) } == 0;
    if !is_read || attr.policy != libc::SCHED_OTHER as u32 {
        return false;
    }
    attr.size = size;
    attr.runtime = SLICE_NS;
    // SAFETY: as above.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attr, 0) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_thread_may_ask_for_a_short_slice() {
        assert_eq!(size_of::<SchedAttr>(), 48);
        // A test may run under any policy; what is asked for must leave the thread what it was.
        // SAFETY: plain integers.
        let policy = || unsafe { libc::sched_getscheduler(0) };
        let before = policy();
        assert!(shorten() || before != libc::SCHED_OTHER);
        assert_eq!(policy(), before);
    }
}
