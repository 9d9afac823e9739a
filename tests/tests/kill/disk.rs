//! A live run whose journal's disk fills, or becomes read-only: a real file system of a megabyte, in a namespace of its own.
//!
//! A device that gives errors (EIO) needs dm-error and rights that a test does not have.

use std::path::Path;
use std::process::{Command, Stdio};

use engine::control::journal::{DecideReader, DecideRecord};
use engine::order::OrderAction;
use engine::pipeline::operator::Command as Operator;
use warptick_tests::warptick::Finished;

use crate::process;

/// What is wrong with the disk.
#[derive(Clone, Copy, Debug)]
pub enum Disk {
    /// It has room for the first segments and some seconds more.
    Full,
    /// From the third segment on nothing can be made there any more.
    ReadOnly,
}

impl Disk {
    /// Mounts, runs, and saves the journal from the file system that goes with the namespace.
    const fn script(self) -> &'static str {
        match self {
            Self::Full => {
                "mount -t tmpfs -o size=1200k tmpfs \"$MOUNT\" || exit 77
                \"$WARPTICK\" run --config \"$CONFIG\" --journal \"$MOUNT/journal\"
                code=$?
                cp -r \"$MOUNT/journal\" \"$SAVED\" || exit 78
                exit $code"
            }
            // What is mapped stays so: a file system with such files does not become read-only, the way to it does.
            Self::ReadOnly => {
                "mount -t tmpfs tmpfs \"$MOUNT\" || exit 77
                \"$WARPTICK\" run --config \"$CONFIG\" --journal \"$MOUNT/journal\" &
                engine=$!
                until [ -e \"$MOUNT/journal/decide.000006.wtj\" ]; do
                    kill -0 $engine || exit 78
                    sleep 0.05
                done
                mount --bind \"$MOUNT/journal\" \"$MOUNT/journal\" || exit 79
                mount -o remount,bind,ro \"$MOUNT/journal\" || exit 80
                wait $engine
                code=$?
                cp -r \"$MOUNT/journal\" \"$SAVED\" || exit 81
                exit $code"
            }
        }
    }

    /// What the system says of it.
    const fn error(self) -> &'static str {
        match self {
            Self::Full => "No space left on device",
            Self::ReadOnly => "Read-only file system",
        }
    }
}

/// Runs the engine on such a file system; `None`, said loudly, where no namespace is to be had.
pub fn run(disk: Disk, directory: &Path, config: &Path, saved: &Path) -> Option<Finished> {
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
        .args(["sh", "-c", disk.script()])
        .env("MOUNT", mount)
        .env("WARPTICK", process::binary())
        .env("CONFIG", config)
        .env("SAVED", saved)
        .output();
    Some(output.expect("unshare runs").into())
}

/// What must hold of the journal and of what the process said.
pub fn check(disk: Disk, finished: &Finished, journal: &Path) {
    assert_eq!(finished.code, Some(3), "{finished:?}");
    for text in [disk.error(), "trading stops"] {
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
