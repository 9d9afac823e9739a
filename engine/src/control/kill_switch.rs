//! The kill word: one flag that the operator sets and order entry reads before each new order.
//!
//! `kill -USR1 PID` sets it. From then on no new order and no replace leaves the process, whatever decide does; decide
//! turns it into a sequenced command that cancels every open order. It is reset by a restart only.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

static KILLED: AtomicBool = AtomicBool::new(false);

/// Whether the switch is set. Relaxed: the flag guards no other data, and it is read before every order.
#[inline]
#[must_use]
pub fn is_set() -> bool {
    KILLED.load(Ordering::Relaxed)
}

/// Sets the switch.
pub fn set() {
    KILLED.store(true, Ordering::Relaxed);
}

extern "C" fn on_signal(_signal: libc::c_int) {
    set();
}

/// Sets the switch on SIGUSR1 from now on.
///
/// # Errors
/// When the system refuses the handler.
pub fn install() -> io::Result<()> {
    let handler: extern "C" fn(libc::c_int) = on_signal;
    // SAFETY: `action` is zero-initialised, a valid value of the C struct (empty mask, no flags); the handler only
    // stores to an atomic, which is async-signal-safe.
    let outcome = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut())
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
