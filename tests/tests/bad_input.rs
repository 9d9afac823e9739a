//! Bad input of every kind: exit code 2, an error that names file, byte offset and cause and says how much was good
//! before it, what was decoded still shown, never a panic.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use feeds::source::synthetic::SyntheticConfig;
use tempfile::TempDir;
use warptick_tests::captures::{framed, generated, shared};
use warptick_tests::warptick::{Finished, line, run};

/// Message that is damaged, counting from 0.
const DAMAGED: usize = 3_000;

struct Place {
    directory: TempDir,
    stream: Vec<u8>,
}

impl Place {
    fn new() -> Self {
        let settings =
            SyntheticConfig { messages: 8_000, symbols: 3, halts: 0, ..SyntheticConfig::default() };
        let [stream, _] = generated(&settings);
        Self { directory: tempfile::tempdir().expect("a directory"), stream }
    }

    /// Offset of the length prefix of a message.
    fn offset(&self, message: usize) -> usize {
        framed(&self.stream).nth(message).expect("so many messages").0
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, bytes).expect("writable");
        path
    }
}

/// Both commands that read captures, on one file.
fn both(path: &Path) -> [Finished; 2] {
    ["book", "replay"].map(|command| run([command.as_ref(), path.as_os_str()]))
}

fn refused(finished: &Finished, words: &[&str]) {
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(!finished.stderr.contains("panicked"), "{finished:?}");
    for word in words {
        assert!(finished.stderr.contains(word), "'{word}' is not in: {}", finished.stderr);
    }
}

/// The damage at message [`DAMAGED`]: all before it was good, and was decoded.
fn damaged(path: &Path, offset: usize, cause: &str) {
    let name = path.to_string_lossy();
    for finished in both(path) {
        let good = format!("{DAMAGED} messages were good before it");
        refused(&finished, &[&name, &format!("byte {offset}"), cause, &good]);
        let decoded = line(&finished.stdout, "messages").split(' ').next().and_then(|n| n.parse().ok());
        assert_eq!(decoded, Some(DAMAGED), "{}", finished.stdout);
    }
}

#[test]
fn a_truncated_file() {
    let place = Place::new();
    let offset = place.offset(DAMAGED);
    let path = place.file("truncated.itch", &place.stream[..offset + 7]);
    damaged(&path, offset, "truncated");
}

#[test]
fn a_wrong_length_prefix() {
    let place = Place::new();
    let offset = place.offset(DAMAGED);
    let mut bytes = place.stream.clone();
    bytes[offset + 1] += 1;
    damaged(&place.file("length.itch", &bytes), offset, "wrong length prefix");
}

#[test]
fn an_unknown_message_type() {
    let place = Place::new();
    let offset = place.offset(DAMAGED);
    let mut bytes = place.stream.clone();
    bytes[offset + 2] = b'?';
    damaged(&place.file("type.itch", &bytes), offset, "'?'");
}

#[test]
fn a_broken_gzip_stream() {
    let place = Place::new();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&place.stream).expect("in memory");
    let mut packed = packer.finish().expect("in memory");
    packed.truncate(packed.len() / 2);
    let path = place.file("broken.itch.gz", &packed);
    for finished in both(&path) {
        refused(&finished, &[&path.to_string_lossy(), "byte ", "gzip", "messages were good before it"]);
        let decoded = line(&finished.stdout, "messages").split(' ').next().and_then(|n| n.parse().ok());
        assert!(decoded.is_some_and(|messages: u64| messages > 1_000), "{}", finished.stdout);
    }
}

#[test]
fn a_reference_to_an_order_that_nobody_added() {
    let place = Place::new();
    let mut bytes = place.stream.clone();
    // A delete of an order that is not there, in place of a delete that is.
    let (number, offset) = framed(&place.stream)
        .enumerate()
        .skip(DAMAGED)
        .find_map(|(number, (offset, body))| (body[0] == b'D').then_some((number, offset)))
        .expect("a delete");
    bytes[offset + 13..offset + 21].copy_from_slice(&u64::MAX.to_be_bytes());
    let path = place.file("unknown.itch", &bytes);
    for finished in both(&path) {
        let (at, good) = (format!("byte {offset}"), format!("{number} messages were good before it"));
        refused(&finished, &[&path.to_string_lossy(), &at, &good]);
        assert!(finished.stdout.contains("book hash"), "what was good is shown: {}", finished.stdout);
    }
}

#[test]
fn a_capture_of_another_protocol() {
    let Some(path) = shared("omi_packets/Nasdaq/Nasdaq.Nsm.Ouch.v5.0/CancelOrderMessage.pcap") else {
        return;
    };
    for finished in both(&path) {
        refused(&finished, &[&path.to_string_lossy(), "byte ", "another protocol"]);
    }
}

#[test]
fn files_that_are_none() {
    let place = Place::new();
    let empty = place.file("empty.itch", b"");
    for finished in both(&empty) {
        refused(&finished, &[&empty.to_string_lossy(), "empty"]);
    }
    let missing = place.directory.path().join("missing.itch");
    for finished in both(&missing) {
        refused(&finished, &[&missing.to_string_lossy(), "cannot be read"]);
    }
    for finished in both(place.directory.path()) {
        refused(&finished, &[&place.directory.path().to_string_lossy()]);
    }
}

#[test]
fn arguments_that_make_no_sense() {
    let place = Place::new();
    let capture = place.file("good.itch", &place.stream);
    let capture = capture.to_str().expect("a path in UTF-8");
    refused(&run(["replay", capture, capture]), &["NASDAQ", "already"]);
    refused(&run(["book", capture, capture]), &["NASDAQ", "already"]);
    refused(&run(["replay", capture, "--date", "2026-02-30"]), &["2026-02-30"]);
    for pace in ["fast", "0x", "-1x", "NaNx", "1e300x"] {
        refused(&run(["replay", capture, &format!("--pace={pace}")]), &[pace]);
    }
    refused(&run(["replay"]), &["FILE"]);
    refused(&run(["unheard-of"]), &["unheard-of"]);
}

#[test]
fn configurations_that_make_no_sense() {
    let place = Place::new();
    let capture = place.file("good.itch", &place.stream);
    for (text, words) in [
        ("speed = 1", &["speed"][..]),
        ("[latency]\norder_ns = 0", &["order_ns", "at least 1"]),
        ("[pipeline]\norder_ring = 1", &["64"]),
        ("[[instruments]]\nsymbol = \"NOWHERE\"", &["NOWHERE"]),
        ("[pipeline", &["line 1"]),
    ] {
        let config = place.file("bad.toml", text.as_bytes());
        let arguments = ["replay".as_ref(), capture.as_os_str(), "--config".as_ref(), config.as_os_str()];
        refused(&run(arguments), words);
    }
}
