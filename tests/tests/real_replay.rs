//! The GOOG capture and a generated day through the built binary: enough orders and fills, the same digest every time,
//! in both topologies and from the journal; a journal that was tampered with never reproduces.

use std::fs;
use std::path::Path;

use engine::control::journal::{DecideReader, DecideRecord};
use warptick_tests::captures::{GOOG, shared};
use warptick_tests::warptick::{Finished, line, run};

fn replay(arguments: &[&str]) -> Finished {
    let finished = run(["replay"].iter().chain(arguments));
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    finished
}

/// The number before `word` in a line.
fn count(text: &str, word: &str) -> u64 {
    let words: Vec<&str> = text.split([' ', ',', '(', ';']).filter(|word| !word.is_empty()).collect();
    let at = words.iter().position(|&found| found == word).unwrap_or_else(|| panic!("no '{word}' in {text}"));
    words[at - 1].parse().unwrap_or_else(|_| panic!("no number before '{word}' in {text}"))
}

#[test]
fn goog_gives_orders_fills_and_one_digest() {
    let Some(capture) = shared(GOOG) else { return };
    let capture = capture.to_str().expect("a path in UTF-8");
    let directory = tempfile::tempdir().expect("a directory");
    let journal = directory.path().join("journal");
    let journal = journal.to_str().expect("a path in UTF-8");

    let first = replay(&[capture, "--journal", journal]);
    assert!(count(line(&first.stdout, "orders"), "new") >= 1_000, "{}", first.stdout);
    assert!(count(line(&first.stdout, "fills"), "passive") >= 100, "{}", first.stdout);
    let digest = line(&first.stdout, "order digest");
    assert_eq!(digest.len(), 64);
    for topology in ["inline", "split"] {
        let again = replay(&[capture, "--topology", topology]);
        assert_eq!(line(&again.stdout, "order digest"), digest, "{topology}");
        assert_eq!(line(&again.stdout, "book hash"), line(&first.stdout, "book hash"), "{topology}");
    }

    let verified = run(["journal", "verify", journal]);
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
    let replayed = run(["journal", "replay", journal]);
    assert_eq!(replayed.code, Some(0), "{}{}", replayed.stdout, replayed.stderr);
    assert_eq!(line(&replayed.stdout, "order digest"), digest);
    assert!(replayed.stdout.contains("VERDICT: REPRODUCED"), "{}", replayed.stdout);

    tampered_journals_do_not_reproduce(Path::new(journal));
}

/// Flips a byte inside execution records, one at a time: the checksum refuses each.
fn tampered_journals_do_not_reproduce(journal: &Path) {
    let executions: Vec<[u8; 8]> = DecideReader::open(journal)
        .expect("a journal")
        .filter_map(|record| match record.expect("a whole journal").record {
            DecideRecord::Execution(execution) => Some(execution.exec_id.to_le_bytes()),
            _ => None,
        })
        .collect();
    assert!(executions.len() > 1_000);
    let segment = first_segment(journal);
    let whole = fs::read(&segment).expect("the first segment");
    for exec_id in [executions[0], executions[executions.len() / 2]] {
        // The execution's number lies 24 bytes into its record's payload; the byte after it is flipped.
        let at = whole.windows(8).position(|bytes| *bytes == exec_id).expect("the record is in the segment");
        let mut bad = whole.clone();
        bad[at + 9] ^= 0x10;
        fs::write(&segment, &bad).expect("writable");
        let replayed = run(["journal", "replay", journal.to_str().expect("a path in UTF-8")]);
        assert!(matches!(replayed.code, Some(1 | 2)), "{:?}", replayed);
        assert!(!replayed.stdout.contains("REPRODUCED"), "{}", replayed.stdout);
        assert!(!replayed.stderr.contains("panicked"), "{}", replayed.stderr);
    }
    fs::write(&segment, &whole).expect("writable");
}

fn first_segment(journal: &Path) -> std::path::PathBuf {
    let mut names: Vec<_> = fs::read_dir(journal)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("decide.")))
        .collect();
    names.sort();
    names.remove(0)
}

#[test]
fn the_demonstration_reproduces_and_trades_both_legs() {
    let demo = run(["demo"]);
    assert_eq!(demo.code, Some(0), "{}{}", demo.stdout, demo.stderr);
    assert!(demo.stdout.trim_end().ends_with("VERDICT: REPRODUCED"), "{}", demo.stdout);
    assert!(demo.stdout.contains("tick_to_order"), "the stage table is there");
    assert!(count(line(&demo.stdout, "pairs"), "with") >= 20, "{}", demo.stdout);
}
