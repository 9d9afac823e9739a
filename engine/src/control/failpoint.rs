//! Places at which a test kills the process: the moments between two steps of which the second must not be taken for done.
//!
//! Only with the cargo feature `failpoints`, which no build that ships has; without it [`reached`] is nothing. With it
//! `WARPTICK_FAILPOINT=name:nth` in the environment makes the process send itself SIGKILL when the place of that name is
//! reached for the nth time, counted from 1. The names are [`NAMES`]; `tests/tests/kill/` uses them all.

/// Every place, in the order of an order's way and back.
pub const NAMES: [&str; 13] = [
    // Decide has approved an order; its record is not in the journal.
    "before_append",
    // The decision is in the journal, the bytes of the order are not.
    "between_appends",
    // Both are, and nothing has been sent.
    "after_append",
    // Half of what waits was given to the socket.
    "mid_write",
    // All of it was.
    "after_send",
    // An execution came in, and decide has not recorded it.
    "before_execution_record",
    // It has, and nothing came of it yet.
    "after_execution_record",
    // A writer has given a full segment back and not begun the next one.
    "segment_roll",
    // A file that is about to get its name: a snapshot.
    "snapshot_rename",
    // What the venue wants again is about to be answered.
    "resend",
    // A Logon is in the journal and has not been sent.
    "logon",
    // The venue has accepted it, and nobody was told.
    "logged_on",
    // A resumed run is writing what it takes over.
    "take_over",
];

/// The place `name` is reached.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub const fn reached(_name: &'static str) {}

#[cfg(feature = "failpoints")]
pub use armed::{is_due, kill, reached};

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Armed {
        name: String,
        nth: u64,
        seen: AtomicU64,
    }

    fn armed() -> Option<&'static Armed> {
        static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
        let read = || {
            let text = std::env::var("WARPTICK_FAILPOINT").ok()?;
            let (name, nth) = text.split_once(':')?;
            assert!(super::NAMES.contains(&name), "WARPTICK_FAILPOINT: no place is called {name}");
            let nth = nth.parse().expect("WARPTICK_FAILPOINT=name:nth");
            Some(Armed { name: name.to_owned(), nth, seen: AtomicU64::new(0) })
        };
        ARMED.get_or_init(read).as_ref()
    }

    /// Whether the process is to die at the place `name`, reached once more now.
    pub fn is_due(name: &'static str) -> bool {
        debug_assert!(super::NAMES.contains(&name));
        // Relaxed: a count on its own.
        armed().is_some_and(|armed| {
            armed.name == name && armed.seen.fetch_add(1, Ordering::Relaxed) + 1 == armed.nth
        })
    }

    /// The place `name` is reached: the process dies here if it is to.
    pub fn reached(name: &'static str) {
        if is_due(name) {
            kill();
        }
    }

    /// SIGKILL to this process.
    pub fn kill() -> ! {
        // SAFETY: plain system calls without pointers.
        unsafe {
            libc::kill(libc::getpid(), libc::SIGKILL);
            loop {
                libc::pause();
            }
        }
    }
}
