//! The kill switch: one word an engine that order entry reads before each new order, and that a person alone resets.
//!
//! Set by the operator port, by housekeeping (feed, heartbeat, journal), by decide when the core stops itself, and for every engine
//! of the process by SIGUSR1. From then on no new order and no replace leaves, whatever decide does; decide turns the
//! word into a sequenced `Kill` that cancels every open order ([`crate::pipeline::controls`]). What is set stays set
//! until a person's `Reset` has been through the core, and a kill that came after that person looked outlives the reset
//! ([`KillSwitch::seen`]). Nothing resets a journal that has failed ([`KillSwitch::is_final`]).
//!
//! Beside the word stands a bell ([`KillSwitch::ring`]): whatever the deciding loop should look at rings it, so that a
//! turn of the loop costs two relaxed loads of lines that nobody writes meanwhile. Allocates at construction only.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::pipeline::operator::KillCause;

/// SIGUSR1s that nobody has reset. A static, since a signal handler has no argument of ours.
static SIGNALS: AtomicU32 = AtomicU32::new(0);

/// Of the word: the cause's code; above it the number of kills so far.
const CAUSE: u32 = 0xff;

#[repr(align(128))]
#[derive(Debug, Default)]
struct Words {
    kill: AtomicU32,
    is_final: AtomicBool,
    bell: AtomicU32,
}

/// See the module's text. Clones share the word; engines of one process (tests) each have their own.
#[derive(Clone, Debug, Default)]
pub struct KillSwitch(Arc<Words>);

/// What somebody saw who wants the switch reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    kill: u32,
    signals: u32,
}

impl KillSwitch {
    /// Not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it is set, by whomever. Relaxed: the word guards no other data, and it is read before every order.
    #[inline(always)]
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.kill.load(Ordering::Relaxed) & CAUSE != 0 || signalled()
    }

    /// Why it is set: the first cause since the last reset.
    #[must_use]
    pub fn cause(&self) -> Option<KillCause> {
        let code = (self.0.kill.load(Ordering::Relaxed) & CAUSE) as u8;
        KillCause::from_code(code).or_else(|| signalled().then_some(KillCause::Signal))
    }

    /// Sets it. Allowed on every thread; a kill that is set already keeps its cause and counts anew.
    #[cold]
    pub fn set(&self, cause: KillCause) {
        if cause == KillCause::Journal {
            // Relaxed: a flag on its own, and nobody resets a word that is not set yet.
            self.0.is_final.store(true, Ordering::Relaxed);
        }
        let count_one_more = |word: u32| {
            let kept = if word & CAUSE == 0 { cause as u32 } else { word & CAUSE };
            Some(((word & !CAUSE).wrapping_add(CAUSE + 1)) | kept)
        };
        // Relaxed: see `is_set`.
        let _ = self.0.kill.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count_one_more);
        self.ring();
    }

    /// How it stands, for a reset that may take a while.
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen { kill: self.0.kill.load(Ordering::Relaxed), signals: SIGNALS.load(Ordering::Relaxed) }
    }

    /// Whether the journal has failed: this run trades no more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.0.is_final.load(Ordering::Relaxed)
    }

    /// Resets what was `seen`; whether nothing is set now. A kill or a signal that came later stays, and so does one that is
    /// final.
    pub fn reset(&self, seen: Seen) -> bool {
        let relaxed = Ordering::Relaxed;
        if !self.is_final() {
            let _ = self.0.kill.compare_exchange(seen.kill, seen.kill & !CAUSE, relaxed, relaxed);
        }
        let _ = SIGNALS.compare_exchange(seen.signals, 0, relaxed, relaxed);
        self.ring();
        !self.is_set()
    }

    /// The deciding loop should look at what it shares with others.
    pub fn ring(&self) {
        // Release: what was done before the ring is seen by who has heard it with `heard`.
        self.0.bell.fetch_add(1, Ordering::Release);
    }

    /// A number that [`Self::ring`] changes.
    #[inline(always)]
    #[must_use]
    pub fn bell(&self) -> u32 {
        // Relaxed: a number that is compared; who acts on it asks `heard`.
        self.0.bell.load(Ordering::Relaxed)
    }

    /// The same, before acting on it.
    #[must_use]
    pub fn heard(&self) -> u32 {
        // Acquire: pairs with the Release in `ring`.
        self.0.bell.load(Ordering::Acquire)
    }
}

/// Whether SIGUSR1 came and was not reset.
#[inline(always)]
#[must_use]
pub fn signalled() -> bool {
    SIGNALS.load(Ordering::Relaxed) != 0
}

extern "C" fn on_signal(_signal: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

/// Sets every engine's switch on SIGUSR1 from now on.
///
/// # Errors
/// When the system refuses the handler.
pub fn install() -> io::Result<()> {
    let handler: extern "C" fn(libc::c_int) = on_signal;
    // SAFETY: `action` is zero-initialised, a valid value of the C struct (empty mask, no flags); the handler only
    // adds to an atomic, which is async-signal-safe.
    let outcome = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut())
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cause_stays_until_a_reset() {
        let switch = KillSwitch::new();
        assert_eq!((switch.is_set(), switch.cause()), (false, None));
        switch.set(KillCause::FeedLost);
        switch.clone().set(KillCause::Operator);
        assert_eq!((switch.is_set(), switch.cause()), (true, Some(KillCause::FeedLost)));
        assert!(switch.reset(switch.seen()));
        assert_eq!(switch.cause(), None);
        assert!(!KillSwitch::new().is_set(), "another engine's");
    }

    #[test]
    fn a_kill_after_the_look_outlives_the_reset() {
        let switch = KillSwitch::new();
        switch.set(KillCause::Operator);
        let seen = switch.seen();
        switch.set(KillCause::FeedLost);
        assert!(!switch.reset(seen));
        assert_eq!(switch.cause(), Some(KillCause::Operator));
        assert!(switch.reset(switch.seen()));
    }

    #[test]
    fn a_journal_that_has_failed_is_final() {
        let switch = KillSwitch::new();
        switch.set(KillCause::Operator);
        switch.set(KillCause::Journal);
        assert!(switch.is_final() && !switch.reset(switch.seen()));
        assert!(switch.is_set());
    }

    #[test]
    fn whatever_changes_rings() {
        let switch = KillSwitch::new();
        let mut last = switch.bell();
        let mut rang = || std::mem::replace(&mut last, switch.bell()) != switch.bell();
        assert!(!rang());
        switch.set(KillCause::Operator);
        assert!(rang());
        let _ = switch.reset(switch.seen());
        assert!(rang());
        switch.ring();
        assert!(rang() && !rang());
    }
}
