//! SIGBUS: a page of a mapped file cannot be had. The journal's segments have their blocks and pages before a writer gets
//! them, so that a full disk never ends here; a device that breaks, or a file that somebody cuts, does.
//!
//! There is nothing to go on with: a store into the journal has not happened. The process says so and ends at once, with
//! the exit code of a stop; its connections go with it, and venues do what they do about orders whose session is gone.

use std::io;

/// The exit code of a run that was stopped.
const EXIT_STOPPED: libc::c_int = 3;

const TEXT: &[u8] = b"warptick: SIGBUS: a page of a mapped file (the journal's, or a capture's) is gone: the device failed or \
the file was cut. Stopped; settle open orders with the venues, check the disk, then go on with --resume\n";

extern "C" fn on_fault(_signal: libc::c_int) {
    // SAFETY: `write` and `_exit` are async-signal-safe; the text is a constant of this length.
    unsafe {
        let _ = libc::write(libc::STDERR_FILENO, TEXT.as_ptr().cast(), TEXT.len());
        libc::_exit(EXIT_STOPPED);
    }
}

/// Ends the process on SIGBUS, with words, from now on.
///
/// # Errors
/// When the system refuses the handler.
pub fn install() -> io::Result<()> {
    let handler: extern "C" fn(libc::c_int) = on_fault;
    // SAFETY: `action` is zero-initialised, a valid value of the C struct (empty mask, no flags); the handler makes
    // async-signal-safe calls only and never returns.
    let outcome = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut())
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::Command;

    const CHILD: &str = "control::mapped_file_fault::tests::child_that_loses_a_page";
    const VARIABLE: &str = "WARPTICK_FAULT_TEST";

    /// Not a test of its own: the child process of the one below.
    #[test]
    #[ignore = "started by a_lost_page_is_said_and_ends_the_process"]
    fn child_that_loses_a_page() {
        if std::env::var_os(VARIABLE).is_none() {
            return;
        }
        super::install().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[1; 8_192]).unwrap();
        // SAFETY: a temporary file that nothing else opens. That it is cut below is the point: the access faults, and
        // the handler ends the process.
        let mut map = unsafe { memmap2::MmapMut::map_mut(&file) }.unwrap();
        file.set_len(0).unwrap();
        map[4_096] = 2;
        panic!("the store went through");
    }

    #[test]
    fn a_lost_page_is_said_and_ends_the_process() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", CHILD, "--ignored", "--nocapture", "--test-threads=1"])
            .env(VARIABLE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr);
        assert_eq!(child.status.code(), Some(3), "{said}");
        assert!(said.contains("SIGBUS") && said.contains("--resume"), "{said}");
    }
}
