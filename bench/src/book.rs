//! How fast a capture becomes full MBO books: `engine::control::book_bench` as it is, with its result checked.
//!
//! Load: the whole capture in memory, one thread, decode alone and decode with books (with look-ahead where it pays), five
//! timed passes of each, and one pass with a stamp behind each message; a sample is a pass. Every pass must end in the same
//! books, and in those of the checksum that is given as second argument (`notes/performance.md` has that of the file that peers were timed on).

use std::path::Path;

use engine::control::book_bench::{VenueCapture, bench};
use feeds::source::file::Capture;

use crate::line::Line;
use crate::timing::{Figures, tenths};

/// Runs it: FILE, and the checksum that its books must end in.
///
/// # Errors
/// A capture that cannot be read to its end; books that end otherwise.
pub fn run(arguments: &[String]) -> Result<Vec<Line>, String> {
    let file = arguments.first().ok_or("which capture? book FILE [BBO_CHECKSUM]")?;
    let wanted = arguments.get(1).map(|text| text.parse::<u64>().map_err(|error| format!("{text}: {error}")));
    let wanted = wanted.transpose()?;
    let capture = Capture::open(Path::new(file)).map_err(|error| error.to_string())?;
    let found = bench(&[VenueCapture { capture: &capture, venue: 0 }]).map_err(|error| error.to_string())?;
    if found.messages == 0 || found.book_errors > 0 {
        return Err(format!("{} messages, {} refused by the books", found.messages, found.book_errors));
    }
    if wanted.is_some_and(|wanted| wanted != found.bbo_checksum) {
        return Err(format!("bbo_checksum {}: the books are wrong", found.bbo_checksum));
    }
    let name =
        Path::new(file).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut line = Line::new(
        "book",
        &name,
        "closed loop, one thread: the whole capture from memory, decode and full MBO books",
        "one pass of each kind",
    )
    .clock("CLOCK_MONOTONIC, twice a pass")
    .figures(Figures {
        samples: 5,
        calls_per_sample: usize::try_from(found.messages).unwrap_or(usize::MAX),
        p50_ns: Some(tenths(found.decode_and_book_ns_per_message)),
        ..Figures::default()
    })
    .given([capture.bytes()])
    .with("look_ahead", found.look_ahead)
    .with("decode_ns", tenths(found.decode_ns_per_message))
    .with("one_at_a_time_p50_ns", tenths(found.one_at_a_time.p50_ns))
    .with("one_at_a_time_p90_ns", tenths(found.one_at_a_time.p90_ns))
    .with("one_at_a_time_p99_ns", tenths(found.one_at_a_time.p99_ns))
    .with("stamp_ns", tenths(found.one_at_a_time.stamp_ns))
    .with("messages", found.messages)
    .with("bbo_checksum", found.bbo_checksum)
    .with("live_orders", found.live_orders)
    .with("live_levels", found.live_levels)
    .checked("every pass ends in the same books, and no event was refused");
    if wanted.is_some() {
        line = line.checked("the end state has the given bbo_checksum");
    }
    Ok(vec![line])
}
