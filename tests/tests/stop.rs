//! Ending a paced run from outside: Ctrl-C and the kill switch.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::control::journal::{DecideReader, DecideRecord};
use engine::order::OrderAction;
use tempfile::TempDir;
use warptick_tests::captures::{GOOG, shared};
use warptick_tests::warptick::{Finished, command, line, run};

struct Run {
    child: Child,
    directory: TempDir,
}

impl Run {
    /// Starts a paced replay of GOOG, and waits until it trades (its journal holds orders).
    fn start(capture: &Path, pace: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let child = command()
            .arg("replay")
            .arg(capture)
            .args(["--pace", pace, "--topology", "inline", "--journal"])
            .arg(directory.path().join("journal"))
            .arg("--summary")
            .arg(directory.path().join("summary.json"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        Self { child, directory }
    }

    fn journal(&self) -> PathBuf {
        self.directory.path().join("journal")
    }

    fn actions(&self) -> usize {
        let Ok(reader) = DecideReader::open(&self.journal()) else { return 0 };
        reader.map_while(Result::ok).filter(|record| matches!(record.record, DecideRecord::Action(_))).count()
    }

    fn wait_for_actions(&self, least: usize) {
        let start = Instant::now();
        while self.actions() < least {
            assert!(start.elapsed() < Duration::from_secs(60), "no {least} actions within a minute");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn signal(&self, name: &str) {
        let kill = std::process::Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
    }

    /// Waits for the end and returns how long it took.
    fn finish(&mut self, patience: Duration) -> (Finished, Duration) {
        let start = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status.code();
            }
            if start.elapsed() > patience {
                let _ = self.child.kill();
                panic!("the run did not end within {patience:?}");
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let took = start.elapsed();
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.child.stdout.take().expect("piped").read_to_string(&mut stdout).expect("text");
        self.child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("text");
        (Finished { code, stdout, stderr }, took)
    }

    fn journal_is_whole(&self) {
        let journal = self.journal();
        let verified = run(["journal".as_ref(), "verify".as_ref(), journal.as_os_str()]);
        assert_eq!(verified.code, Some(0), "{verified:?}");
        assert!(verified.stdout.contains("closed"), "{verified:?}");
        assert!(!verified.stdout.contains("not closed"), "{verified:?}");
        let replayed = run(["journal".as_ref(), "replay".as_ref(), journal.as_os_str()]);
        assert_eq!(replayed.code, Some(0), "{replayed:?}");
        assert!(replayed.stdout.contains("VERDICT: REPRODUCED\n"), "{replayed:?}");
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hot threads spin on the cores that they are pinned to: one run at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn ctrl_c_ends_in_order() {
    let Some(capture) = shared(GOOG) else { return };
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut run = Run::start(&capture, "2000x");
    run.wait_for_actions(20);
    run.signal("-INT");
    let (finished, took) = run.finish(Duration::from_secs(20));
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(finished.code, Some(3), "{finished:?}");
    assert!(finished.stdout.contains("tick_to_order"), "the stage table: {finished:?}");
    assert!(finished.stderr.contains("stopped"), "{finished:?}");
    let summary = fs::read_to_string(run.directory.path().join("summary.json")).expect("the summary");
    let summary: serde_json::Value = serde_json::from_str(&summary).expect("JSON");
    assert_eq!(summary["order_stream_sha256"], line(&finished.stdout, "order digest"));
    run.journal_is_whole();
}

#[test]
fn the_kill_switch_cancels_everything_and_lets_nothing_new_out() {
    let Some(capture) = shared(GOOG) else { return };
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut run = Run::start(&capture, "2000x");
    run.wait_for_actions(20);
    run.signal("-USR1");
    let (finished, _) = run.finish(Duration::from_secs(60));
    assert_eq!(finished.code, Some(3), "{finished:?}");
    assert!(finished.stderr.contains("kill"), "{finished:?}");
    assert!(line(&finished.stdout, "orders").contains("; 0 open at the end"), "{finished:?}");
    let mut killed = false;
    for record in DecideReader::open(&run.journal()).expect("a journal") {
        match record.expect("a whole journal").record {
            DecideRecord::Command(_) => killed = true,
            DecideRecord::Action(order) if killed => {
                assert_eq!(order.action, OrderAction::Cancel, "after the kill: {order:?}");
            }
            _ => {}
        }
    }
    assert!(killed, "the kill is in the journal");
    run.journal_is_whole();
}
