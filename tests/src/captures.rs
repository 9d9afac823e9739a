//! Where captures for whole-system tests come from: the project's generator, and `../shared/data` where it is there.

use std::path::PathBuf;

use engine::control::inputs::Inputs;
use engine::control::session_date::SessionDate;
use feeds::source::file::Capture;
use feeds::source::synthetic::{SyntheticConfig, generate_bytes};

/// The GOOG capture of 2012-06-21 below `../shared/data`.
pub const GOOG: &str = "itch50_from_lobster/20120621.GOOG_L10.itch50.gz";

/// A file below `../shared/data`; `None`, said loudly, where the data is absent.
#[must_use]
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    if !root.is_dir() {
        eprintln!("SKIPPED: ../shared/data is absent");
        return None;
    }
    let file = root.join(path);
    assert!(file.exists(), "{} is missing from ../shared/data", file.display());
    Some(file)
}

/// Both venues' streams of a generated session, in BinaryFILE framing.
///
/// # Panics
/// When no session can be made of the configuration.
#[must_use]
pub fn generated(config: &SyntheticConfig) -> [Vec<u8>; 2] {
    generate_bytes(config).unwrap_or_else(|error| panic!("{error}"))
}

/// Streams of NASDAQ and BX as the inputs of a run.
///
/// # Panics
/// When they cannot be opened.
#[must_use]
pub fn inputs(streams: [Vec<u8>; 2], date: u32) -> Inputs {
    let names = ["NASDAQ", "BX"];
    let captures = names.into_iter().zip(streams).map(|(venue, bytes)| {
        let capture = Capture::from_bytes(format!("generated {venue} session"), bytes);
        (capture.unwrap_or_else(|error| panic!("{error}")), venue.to_owned())
    });
    let date = SessionDate::new(date / 10_000, date / 100 % 100, date % 100).expect("a date");
    Inputs::of_captures(captures.collect(), date).unwrap_or_else(|error| panic!("{error}"))
}

/// The message bodies of a stream in BinaryFILE framing, each with the offset of its length prefix.
pub fn framed(stream: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let [high, low] = *stream.get(at..at + 2)?.first_chunk::<2>()?;
        let start = at + 2;
        let body = stream.get(start..start + usize::from(u16::from_be_bytes([high, low])))?;
        let framed = (at, body);
        at = start + body.len();
        Some(framed)
    })
}

/// Changes every time stamp of a stream, ns since midnight.
pub fn map_times(stream: &mut [u8], time_of: impl Fn(u64) -> u64) {
    let bodies: Vec<usize> = framed(stream).map(|(offset, _)| offset + 2).collect();
    for body in bodies {
        let stamp = &mut stream[body + 5..body + 11];
        let mut bytes = [0; 8];
        bytes[2..].copy_from_slice(stamp);
        let mapped = time_of(u64::from_be_bytes(bytes));
        stamp.copy_from_slice(&mapped.to_be_bytes()[2..]);
    }
}
