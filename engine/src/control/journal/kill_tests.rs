//! A process killed while it appends: what it had appended before it told anybody is in its journal.

use super::round_trip_tests::{one, small};
use super::*;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::Duration;

const DIRECTORY: &str = "WARPTICK_KILL_TEST_DIR";
const CHILD: &str = "control::journal::kill_tests::child_that_is_killed";

fn payload(sequence: u64) -> Vec<u8> {
    (0..sequence % 150).map(|at| (sequence ^ at) as u8).collect()
}

/// Not a test of its own: the child process of the one below, which starts it with a directory.
#[test]
#[ignore = "started by a_killed_process_loses_nothing_that_it_reported"]
fn child_that_is_killed() {
    let Ok(dir) = std::env::var(DIRECTORY) else { return };
    let (mut keeper, mut writer) = one(Path::new(&dir), JournalThread::Decide, small());
    let mut out = std::io::stdout();
    for sequence in 1.. {
        assert_eq!(writer.append(RecordKind::Sent, sequence, &payload(sequence)), Ok(sequence));
        // Append first, tell afterwards: as an order is journalled before it is on the wire.
        writeln!(out, "appended {sequence}").unwrap();
        keeper.poll().unwrap();
    }
}

#[test]
fn a_killed_process_loses_nothing_that_it_reported() {
    let mut total = 0;
    for round in 0..8u64 {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Process::new(std::env::current_exe().unwrap())
            .args(["--exact", CHILD, "--ignored", "--nocapture", "--test-threads=1"])
            .env(DIRECTORY, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut pipe = child.stdout.take().unwrap();
        // Wait for the first report, then for a while that differs from round to round.
        let mut text = Vec::new();
        let mut chunk = [0; 256];
        while !text.windows(9).any(|window| window == b"appended ") {
            let count = pipe.read(&mut chunk).unwrap();
            assert!(count > 0, "the child ended: {}", String::from_utf8_lossy(&text));
            text.extend_from_slice(&chunk[..count]);
        }
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(300 + round * 2_900));
            child.kill().unwrap();
            child.wait().unwrap();
        });
        pipe.read_to_end(&mut text).unwrap();
        killer.join().unwrap();
        let text = String::from_utf8(text).unwrap();
        let whole_lines = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let mut reports = whole_lines.lines().filter_map(|line| line.split_once("appended "));
        let reported: u64 = reports.next_back().map_or(0, |(_, number)| number.parse().unwrap());

        let mut reader = JournalReader::open(dir.path(), JournalThread::Decide).unwrap();
        let mut found = 0;
        while let Some(record) = reader.next_record().unwrap_or_else(|error| panic!("round {round}: {error}"))
        {
            found += 1;
            assert_eq!((record.sequence, record.time_ns, record.kind), (found, found, RecordKind::Sent));
            assert_eq!(record.payload, payload(found), "round {round}, record {found}");
        }
        assert!(found >= reported, "round {round}: {reported} reported, {found} in the journal");
        assert!(matches!(reader.tail(), Some(Tail::NotClosed { .. } | Tail::Torn { .. })), "round {round}");
        total += found;
    }
    assert!(total > 100, "the children hardly ran: {total} records");
}
