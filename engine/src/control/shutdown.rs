//! Ending in order: Ctrl-C (SIGINT) or SIGTERM asks every loop to stop, so that the journal's end, the report and the
//! summary are still written; a second one ends the process at once.
//!
//! The signal handler only adds to a static counter; loops ask [`Stop::requested`] once per cycle, two Relaxed loads
//! of lines that nobody writes meanwhile. Nothing here allocates but [`Stop::new`], at start.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Stop signals received by this process. A static, since a signal handler has no argument of ours.
static SIGNALS: AtomicU32 = AtomicU32::new(0);

/// A wish to end that all threads of one engine share. Set by [`Stop::request`] or by a signal to the process.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
}

impl Stop {
    /// Not asked yet; several engines in one process (tests) each have their own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the loops of this engine to end: the input is at its end, the kill switch fell, a thread failed.
    pub fn request(&self) {
        // Relaxed: the flag carries no data; what a thread leaves behind is published by joining it.
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Whether to end.
    #[inline]
    #[must_use]
    pub fn requested(&self) -> bool {
        self.asked.load(Ordering::Relaxed) || signalled()
    }
}

/// Whether a stop signal came: the exit is the user's wish, and the report says that the run was cut short.
#[inline]
#[must_use]
pub fn signalled() -> bool {
    SIGNALS.load(Ordering::Relaxed) > 0
}

/// Installs the handler for SIGINT and SIGTERM. Call it once, before the threads start.
///
/// System calls are restarted after the signal (SA_RESTART): a loop notices at its next look at [`Stop::requested`],
/// so it must not block for long in one call.
///
/// # Errors
/// The kernel refuses.
pub fn install() -> io::Result<()> {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: `sigaction` is integers, a pointer-sized handler and a set of integers: all zeroes is valid.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: the set is a field of a live local.
        unsafe { libc::sigemptyset(&raw mut action.sa_mask) };
        // SAFETY: `action` is initialised in full, and its handler is a function of the signature that a handler
        // without SA_SIGINFO has; it calls only what POSIX allows in a handler (an atomic and `_exit`).
        if unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) } != 0 {
            let error = io::Error::last_os_error();
            return Err(io::Error::new(error.kind(), format!("cannot handle signal {signal}: {error}")));
        }
    }
    Ok(())
}

extern "C" fn on_signal(signal: libc::c_int) {
    if SIGNALS.fetch_add(1, Ordering::Relaxed) > 0 {
        // SAFETY: `_exit` is async-signal-safe; it ends the process without running anything of ours.
        unsafe { libc::_exit(128 + signal) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Child, ChildStdout, Command, Stdio};
    use std::time::{Duration, Instant};

    const CHILD: &str = "WARPTICK_TEST_SHUTDOWN_CHILD";

    #[test]
    fn an_engine_stops_alone() {
        let (one, other) = (Stop::new(), Stop::new());
        let shared = one.clone();
        std::thread::scope(|scope| {
            scope.spawn(|| while !shared.requested() {});
            one.request();
        });
        assert!(one.requested() && !other.requested());
    }

    /// Not a test of its own: what the child process of the tests below runs, in a process that may take signals.
    #[test]
    fn child() {
        let Ok(mode) = std::env::var(CHILD) else { return };
        install().expect("handlers");
        let stop = Stop::new();
        println!("\nready");
        let began = Instant::now();
        let ends = |stop: &Stop| mode == "orderly" && stop.requested();
        let mut told = false;
        while !ends(&stop) && began.elapsed() < Duration::from_secs(20) {
            if stop.requested() && !told {
                println!("\nasked");
                told = true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        println!("\nended in order");
        std::process::exit(if stop.requested() { 0 } else { 1 });
    }

    struct Engine {
        process: Child,
        output: BufReader<ChildStdout>,
    }

    impl Engine {
        fn start(mode: &str) -> Self {
            let this = std::env::current_exe().expect("the test binary");
            let mut process = Command::new(this)
                .args(["--exact", "control::shutdown::tests::child", "--nocapture"])
                .env(CHILD, mode)
                .stdout(Stdio::piped())
                .spawn()
                .expect("the test binary runs");
            let output = BufReader::new(process.stdout.take().expect("piped"));
            let mut engine = Self { process, output };
            assert!(engine.says("ready"));
            engine
        }

        fn says(&mut self, word: &str) -> bool {
            (&mut self.output).lines().map_while(Result::ok).any(|line| line.trim() == word)
        }

        fn signal(&self, signal: libc::c_int) {
            let pid = libc::pid_t::try_from(self.process.id()).expect("a process id");
            // SAFETY: plain integers; the process is our child and not yet waited for, so the id is its own.
            assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
        }

        fn exit_code(&mut self) -> Option<i32> {
            self.process.wait().expect("a child").code()
        }
    }

    #[test]
    fn the_first_signal_ends_in_order() {
        for signal in [libc::SIGINT, libc::SIGTERM] {
            let mut engine = Engine::start("orderly");
            engine.signal(signal);
            assert!(engine.says("ended in order"));
            assert_eq!(engine.exit_code(), Some(0));
        }
    }

    #[test]
    fn the_second_ctrl_c_ends_at_once() {
        let mut engine = Engine::start("stuck");
        engine.signal(libc::SIGINT);
        assert!(engine.says("asked"));
        engine.signal(libc::SIGINT);
        assert_eq!(engine.exit_code(), Some(130));
    }
}
