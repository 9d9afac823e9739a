//! A live run whose journal fills its disk: a real file system of a megabyte, in a namespace of its own.

use std::path::Path;
use std::process::{Command, Stdio};

use engine::control::journal::{DecideReader, DecideRecord};
use engine::order::OrderAction;
use engine::pipeline::operator::Command as Operator;
use warptick_tests::warptick::Finished;

use crate::process;

/// Room for the first segments and some seconds more.
const SIZE: &str = "1200k";

/// Mounts, runs, and saves the journal from the file system that goes with the namespace.
const SCRIPT: &str = "mount -t tmpfs -o size=$SIZE tmpfs \"$MOUNT\" || exit 77
\"$WARPTICK\" run --config \"$CONFIG\" --journal \"$MOUNT/journal\"
code=$?
cp -r \"$MOUNT/journal\" \"$SAVED\" || exit 78
exit $code";

/// Runs the engine on a file system that fills; `None`, said loudly, where no namespace is to be had.
pub fn run(directory: &Path, config: &Path, saved: &Path) -> Option<Finished> {
    let mount = directory.join("mount");
    std::fs::create_dir(&mount).expect("a directory");
    let namespace = ["--user", "--map-root-user", "--mount"];
    let mut probe = Command::new("unshare");
    probe.args(namespace).args(["mount", "-t", "tmpfs", "tmpfs"]).arg(&mount);
    let probe = probe.stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: no user namespace in which a tmpfs can be mounted");
        return None;
    }
    let output = Command::new("unshare")
        .args(namespace)
        .args(["sh", "-c", SCRIPT])
        .env("SIZE", SIZE)
        .env("MOUNT", mount)
        .env("WARPTICK", process::binary())
        .env("CONFIG", config)
        .env("SAVED", saved)
        .output();
    Some(output.expect("unshare runs").into())
}

/// What must hold of the journal and of what the process said.
pub fn check(finished: &Finished, journal: &Path) {
    assert_eq!(finished.code, Some(3), "{finished:?}");
    for text in ["No space left on device", "trading stops"] {
        assert!(finished.stderr.contains(text), "{text}: {finished:?}");
    }
    assert!(finished.stderr.contains("journal"), "the report says why: {finished:?}");
    let (mut killed, mut before, mut cancelled) = (false, 0, 0);
    for record in DecideReader::open(journal).expect("a journal") {
        match record.unwrap_or_else(|error| panic!("{error}")).record {
            DecideRecord::Command(Operator::Kill { .. }) => killed = true,
            DecideRecord::Action(order) if killed => {
                assert!(matches!(order.action, OrderAction::Cancel | OrderAction::Status), "{order:?}");
                cancelled += 1;
            }
            DecideRecord::Action(_) => before += 1,
            _ => {}
        }
    }
    assert!(
        killed && before > 0,
        "killed: {killed}, {before} actions before that, {cancelled} cancels after it"
    );
}
