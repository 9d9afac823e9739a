//! How fast captures become books: decode alone, and decode with the full MBO books, in ns a message.
//!
//! Load model: captures in memory, one thread, as fast as it goes, whole captures from the first to the last message;
//! the clock is read twice a pass. The books are made anew (allocated and touched) before each pass's clock starts.
//! Warm-up: one pass of each kind is thrown away. It checks its own result: every pass must end in the same books.
//! Pinning and scheduling are the caller's business.

use std::hint::black_box;
use std::time::Instant;

use feeds::directory::{Directory, DirectoryError};
use feeds::error::CaptureError;
use feeds::event::{EventKind, MarketEvent, Side, flags};
use feeds::itch::feed::ItchFeed;
use feeds::source::file::Capture;
use feeds::source::prescan::{Prescan, prescan};
use feeds::units::{PRICE_NONE, TIME_NONE};
use kernels::cpu::book::{BookConfig, BookConfigError, LOOK_AHEAD, VenueBooks};

/// Passes that are timed, of each kind; the median is reported.
const PASSES: usize = 5;

/// Events in flight between the first look at a message and its application, at most; a power of two.
const WINDOW: usize = 32;
const _: () = assert!(LOOK_AHEAD * 2 < WINDOW && WINDOW.is_power_of_two());

/// One venue's capture.
#[derive(Clone, Copy)]
pub struct VenueCapture<'a> {
    /// The capture.
    pub capture: &'a Capture,
    /// Dense venue number.
    pub venue: u8,
}

/// What was measured, over all captures together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookBench {
    /// Messages a pass.
    pub messages: u64,
    /// Decoding to [`MarketEvent`] alone: median pass, ns a message.
    pub decode_ns_per_message: f64,
    /// Decoding and the full MBO books, with look-ahead: median pass, ns a message.
    pub decode_and_book_ns_per_message: f64,
    /// End-state checksum ([`VenueBooks::bbo_checksum`] by stock locate), added up (wrapping) over the captures.
    pub bbo_checksum: u64,
    /// Live orders at the end.
    pub live_orders: usize,
    /// Live price levels at the end.
    pub live_levels: usize,
    /// Events that the books refused.
    pub book_errors: u64,
}

/// Why nothing was measured.
#[derive(Debug)]
pub enum BookBenchError {
    /// A capture cannot be read or decoded to its end.
    Capture(CaptureError),
    /// The listings of the captures contradict one another.
    Directory(DirectoryError),
    /// The books cannot be made.
    Config(BookConfigError),
    /// Two passes over the same bytes ended in different books: a defect.
    Diverged,
}

impl std::fmt::Display for BookBenchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Capture(error) => error.fmt(f),
            Self::Directory(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::Diverged => f.write_str("two passes over the same captures ended in different books"),
        }
    }
}

impl std::error::Error for BookBenchError {}

impl From<CaptureError> for BookBenchError {
    fn from(error: CaptureError) -> Self {
        Self::Capture(error)
    }
}

impl From<DirectoryError> for BookBenchError {
    fn from(error: DirectoryError) -> Self {
        Self::Directory(error)
    }
}

impl From<BookConfigError> for BookBenchError {
    fn from(error: BookConfigError) -> Self {
        Self::Config(error)
    }
}

/// End state of one pass.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct EndState {
    messages: u64,
    bbo_checksum: u64,
    live_orders: usize,
    live_levels: usize,
    book_errors: u64,
}

/// Measures `captures`. `config` gives the capacities of each venue's books; its `instruments_max` is replaced by what
/// the captures list.
///
/// # Errors
/// See [`BookBenchError`].
pub fn bench(captures: &[VenueCapture<'_>], config: BookConfig) -> Result<BookBench, BookBenchError> {
    let mut scans = Vec::with_capacity(captures.len());
    for one in captures {
        let (scan, damage) = prescan(one.capture, one.venue);
        if let Some(error) = damage {
            return Err(error.into());
        }
        scans.push(scan);
    }
    let symbols = scans.iter().flat_map(|scan| &scan.listings).map(|listing| listing.symbol).collect();
    let mut directory = Directory::new(symbols, 0)?;
    for scan in &scans {
        scan.list_into(&mut directory)?;
    }
    let config = BookConfig { instruments_max: directory.len().max(1), ..config };

    let mut decode_ns = Vec::with_capacity(PASSES);
    let mut book_ns = Vec::with_capacity(PASSES);
    let mut end_state = None;
    for pass in 0..=PASSES {
        let mut decoding = 0;
        let mut booking = 0;
        let mut end = EndState::default();
        for (one, scan) in captures.iter().zip(&scans) {
            decoding += decode_pass(one, &mut directory)?;
            let mut books = VenueBooks::new(config)?;
            booking += book_pass(one, &mut directory, &mut books, &mut end)?;
            end.bbo_checksum = end.bbo_checksum.wrapping_add(checksum(&books, &directory, scan));
            end.live_orders += books.live_orders();
            end.live_levels += books.live_levels();
        }
        if *end_state.get_or_insert(end) != end {
            return Err(BookBenchError::Diverged);
        }
        if pass > 0 {
            decode_ns.push(decoding);
            book_ns.push(booking);
        }
    }
    let end = end_state.unwrap_or_default();
    let per_message = |ns: &mut Vec<u128>| {
        ns.sort_unstable();
        ns[PASSES / 2] as f64 / end.messages.max(1) as f64
    };
    Ok(BookBench {
        messages: end.messages,
        decode_ns_per_message: per_message(&mut decode_ns),
        decode_and_book_ns_per_message: per_message(&mut book_ns),
        bbo_checksum: end.bbo_checksum,
        live_orders: end.live_orders,
        live_levels: end.live_levels,
        book_errors: end.book_errors,
    })
}

/// The checksum by stock locate; an instrument that the capture does not list has an empty book.
fn checksum(books: &VenueBooks, directory: &Directory, scan: &Prescan) -> u64 {
    let mut locates = vec![0; books.config().instruments_max];
    for listing in &scan.listings {
        let instrument = directory.instrument_at(scan.venue, listing.locate);
        if let Some(locate) = locates.get_mut(instrument as usize) {
            *locate = u64::from(listing.locate);
        }
    }
    books.bbo_checksum(|instrument| locates[instrument as usize])
}

/// Decodes a capture, handing each event to an opaque sink; ns.
fn decode_pass(one: &VenueCapture<'_>, directory: &mut Directory) -> Result<u128, CaptureError> {
    let mut feed = ItchFeed::new(one.venue, 0, 0);
    let mut cursor = one.capture.packets();
    let mut messages = 0;
    let start = Instant::now();
    while let Some(packet) = cursor.next(one.capture)? {
        for (body, offset) in packet.messages() {
            messages += 1;
            let event = feed
                .decode_event(directory, body, messages, packet.receive_ns)
                .map_err(|error| one.capture.message_error(error, offset, messages - 1))?;
            black_box(&event);
        }
    }
    Ok(start.elapsed().as_nanos())
}

/// Decodes a capture into books with the two-stage look-ahead over its following messages; ns.
fn book_pass(
    one: &VenueCapture<'_>,
    directory: &mut Directory,
    books: &mut VenueBooks,
    end: &mut EndState,
) -> Result<u128, CaptureError> {
    let mut feed = ItchFeed::new(one.venue, 0, 0);
    let mut cursor = one.capture.packets();
    let mut window = [NO_EVENT; WINDOW];
    let mut events = 0_usize;
    let mut messages = 0;
    let mut errors = 0;
    let start = Instant::now();
    while let Some(packet) = cursor.next(one.capture)? {
        for (body, offset) in packet.messages() {
            messages += 1;
            let event = feed
                .decode_event(directory, body, messages, packet.receive_ns)
                .map_err(|error| one.capture.message_error(error, offset, messages - 1))?;
            if let Some(event) = event {
                window[events % WINDOW] = event;
                books.prefetch_order(&event);
                books.prefetch_level(&window[events.wrapping_sub(LOOK_AHEAD) % WINDOW]);
                errors +=
                    u64::from(books.apply(&window[events.wrapping_sub(LOOK_AHEAD * 2) % WINDOW]).is_err());
                events += 1;
            }
        }
    }
    for event in events.wrapping_sub(LOOK_AHEAD * 2)..events {
        errors += u64::from(books.apply(&window[event % WINDOW]).is_err());
    }
    let elapsed = start.elapsed().as_nanos();
    end.messages += messages;
    end.book_errors += errors;
    Ok(elapsed)
}

/// What the window holds before the first events: leaves the books alone.
const NO_EVENT: MarketEvent = MarketEvent {
    exchange_ns: TIME_NONE,
    receive_ns: TIME_NONE,
    sequence: 0,
    order_id: 0,
    second_id: 0,
    price: PRICE_NONE,
    quantity: 0,
    instrument: 0,
    venue: 0,
    kind: EventKind::Gap,
    side: Side::None,
    flags: flags::LAST_OF_EVENT,
};

#[cfg(test)]
mod tests {
    use super::*;

    fn run(path: impl AsRef<std::path::Path>, config: BookConfig) -> BookBench {
        let capture = Capture::open(path).expect("the capture opens");
        bench(&[VenueCapture { capture: &capture, venue: 0 }], config).expect("an intact capture")
    }

    #[test]
    fn real_captures_end_in_their_known_checksums() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
        if !std::path::Path::new(root).is_dir() {
            println!("SKIPPED: ../shared/data is absent");
            return;
        }
        let config = BookConfig { orders_max: 50_000, levels_max: 10_000, ..BookConfig::default() };
        let bx = run(format!("{root}/itch50_bx_20190730/itch_sample_slice.bin"), config);
        assert_eq!((bx.messages, bx.bbo_checksum, bx.live_orders), (6_679, 74_346_634_868, 35));
        assert_eq!(bx.book_errors, 0);
        let goog = run(format!("{root}/itch50_from_lobster/20120621.GOOG_L10.itch50.gz"), config);
        assert_eq!((goog.messages, goog.bbo_checksum, goog.book_errors), (239_568, 56_520_462, 0));
        assert!(goog.decode_ns_per_message > 0.0);
        assert!(goog.decode_and_book_ns_per_message > goog.decode_ns_per_message);
    }

    /// The 10.5-million-message file that notes/performance.md times all peers on is not in the repository: name it
    /// in `WARPTICK_SYN10M`, and use `--release` (debug builds check a level at every event).
    #[test]
    #[ignore = "needs the file named by WARPTICK_SYN10M"]
    fn syn10m_ends_in_its_known_state() {
        let path = std::env::var_os("WARPTICK_SYN10M").expect("WARPTICK_SYN10M names the file");
        let end = run(path, BookConfig::default());
        assert_eq!((end.messages, end.bbo_checksum), (10_508_002, 207_067_977_406_090));
        assert_eq!((end.live_orders, end.live_levels, end.book_errors), (699_285, 204_970, 0));
    }
}
