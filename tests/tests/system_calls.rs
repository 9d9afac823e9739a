//! The hot thread of `inline` makes no system call in steady state but on its own sockets.
//!
//! Needs strace and the right to trace; says so and passes where it has neither.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use warptick_tests::warptick::{binary, run};

/// System calls that are sending or receiving on a socket.
const ALLOWED: [&str; 4] = ["sendto(", "recvfrom(", "write(", "read("];

/// The one option that is set in steady state, on the thread's own socket: Linux takes immediate acknowledgements back as
/// soon as data flows both ways.
const QUICKACK: &str = "SOL_TCP, TCP_QUICKACK";

#[test]
fn the_hot_thread_only_sends_and_receives() {
    let probe = Command::new("strace").args(["-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: strace is not installed or may not trace");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let session = directory.path().join("session");
    let made = run([
        &PathBuf::from("generate"),
        &session,
        &"--messages".into(),
        &"60000".into(),
        &"--symbols".into(),
        &"10".into(),
    ]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let trace = directory.path().join("trace");
    let capture = directory.path().join("session.nasdaq.itch");
    let traced = Command::new("strace")
        .args(["-f", "-o"])
        .arg(&trace)
        .arg(binary())
        .arg("replay")
        .arg(&capture)
        .args(["--pace", "max", "--topology", "inline"])
        .output()
        .expect("strace runs");
    assert!(traced.status.success(), "{}", String::from_utf8_lossy(&traced.stderr));

    let text = std::fs::read_to_string(&trace).expect("the trace");
    let named = text.lines().find(|line| line.contains("PR_SET_NAME") && line.contains("\"wt-inline\""));
    let thread = named.and_then(|line| line.split_whitespace().next()).expect("the hot thread names itself");
    let calls: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix(thread).map(str::trim_start))
        .filter(|call| !call.starts_with("<...") && !call.starts_with("---") && !call.starts_with("+++"))
        .collect();
    // Steady state: from the first order (35=D) to the last message of any kind that the thread sends.
    let is_order = |call: &&str| call.contains("35=D");
    let first = calls.iter().position(is_order).expect("an order is sent");
    let last = calls.iter().rposition(|call| call.contains("8=FIX.4.4")).expect("an order is sent");
    let steady = &calls[first..=last];
    assert!(steady.len() > 100, "only {} system calls in steady state", steady.len());
    let is_own = |call: &str| {
        let sets_quickack = call.starts_with("setsockopt(") && call.contains(QUICKACK);
        sets_quickack || ALLOWED.iter().any(|allowed| call.starts_with(allowed))
    };
    let others: Vec<_> = steady.iter().filter(|call| !is_own(call)).collect();
    assert!(
        others.is_empty(),
        "{} other system calls, such as {:?}",
        others.len(),
        &others[..others.len().min(5)]
    );
}
