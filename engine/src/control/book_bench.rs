//! How fast captures become books: decode alone, decode with the full MBO books, and one message at a time.
//!
//! Load model: captures in memory, one thread, as fast as it goes, whole captures from the first to the last message;
//! the clock is read twice a pass. The books are made anew (allocated and touched) before each pass's clock starts, for as
//! many orders and levels as the capture adds, at most a full market's, as a replay makes them.
//! Warm-up: two passes with and two without look-ahead are thrown away. It checks its own result: every pass must end in the same books.
//! Pinning and scheduling are the caller's business.
//!
//! The pass of one message at a time reads the time stamp counter behind each message, with `rdtscp`, which waits for
//! all work before it: messages do not overlap. What the stamp itself costs is in the figures, and printed beside them.
//!
//! Look-ahead ([`LOOK_AHEAD`]) asks for the memory of the messages that follow. It pays where the tables of orders and
//! levels lie far beyond the core's caches (many instruments, or order ids strewn over 64 bits), and costs 10 to 20 ns a
//! message where one hot book fits in them. Which is the case the warm-up finds out: it takes both ways, and the faster one is
//! timed.

use std::hint::black_box;
use std::time::Instant;

use crate::control::inputs::book_config_of;
use feeds::directory::{Directory, DirectoryError};
use feeds::error::CaptureError;
use feeds::event::MarketEvent;
use feeds::itch::feed::ItchFeed;
use feeds::source::file::Capture;
use feeds::source::prescan::{Prescan, prescan};
use kernels::cpu::book::{Announced, BookConfig, BookConfigError, LOOK_AHEAD, VenueBooks};

/// Passes that are timed, of each kind; the median is reported.
const PASSES: usize = 5;

/// Passes of each way, with look-ahead and without, that are thrown away; the faster of the fastest is timed.
const WARM_UP_PASSES: usize = 2;

/// Events in flight between the first look at a message and its application, at most; a power of two.
const WINDOW: usize = 32;
const _: () = assert!(LOOK_AHEAD * 2 < WINDOW && WINDOW.is_power_of_two());

/// A capture of at most this size stays in a core's second-level cache from pass to pass: its decode is in cache.
pub const IN_CACHE_BYTES_MAX: usize = 512 << 10;

/// Messages at a capture's start that the histogram leaves out, or the first half of a shorter capture: the books are
/// being filled.
const HISTOGRAM_SKIPS: u64 = 500_000;

/// Largest interval of the histogram, ticks; longer ones are counted as this.
const TICKS_MAX: usize = 1 << 16;

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
    /// All captures together are small enough to stay in cache between passes ([`IN_CACHE_BYTES_MAX`]).
    pub in_cache: bool,
    /// Decoding and the full MBO books: median pass, ns a message.
    pub decode_and_book_ns_per_message: f64,
    /// The books were timed with look-ahead.
    pub look_ahead: bool,
    /// Decoding and the full MBO books, one message at a time.
    pub one_at_a_time: OneAtATime,
    /// End-state checksum ([`VenueBooks::bbo_checksum`] by stock locate), added up (wrapping) over the captures.
    pub bbo_checksum: u64,
    /// Live orders at the end.
    pub live_orders: usize,
    /// Live price levels at the end.
    pub live_levels: usize,
    /// Events that the books refused.
    pub book_errors: u64,
}

/// Decode and book of single messages that do not overlap, ns, the stamp included.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OneAtATime {
    /// Median.
    pub p50_ns: f64,
    /// 90 in 100 messages took no longer.
    pub p90_ns: f64,
    /// 99 in 100 messages took no longer.
    pub p99_ns: f64,
    /// Cost of the stamp itself: the median of stamps back to back.
    pub stamp_ns: f64,
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

/// Measures `captures`.
///
/// # Errors
/// See [`BookBenchError`].
pub fn bench(captures: &[VenueCapture<'_>]) -> Result<BookBench, BookBenchError> {
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
    let instruments_max = directory.len().max(1);
    let configs: Vec<_> =
        scans.iter().map(|scan| BookConfig { instruments_max, ..book_config_of(scan) }).collect();

    let bytes: usize = captures.iter().map(|one| one.capture.bytes().len()).sum();
    let mut decode_ns = Vec::with_capacity(PASSES);
    let mut book_ns = Vec::with_capacity(PASSES);
    let mut end_state = None;
    // One pass over all captures: decoding, and decoding with books.
    let mut pass = |look_ahead| -> Result<[u128; 2], BookBenchError> {
        let mut ns = [0; 2];
        let mut end = EndState::default();
        for ((one, scan), config) in captures.iter().zip(&scans).zip(&configs) {
            ns[0] += pass_ns(|| decode_pass(one, &mut directory))?;
            let mut books = VenueBooks::new(*config)?;
            ns[1] += if look_ahead {
                pass_ns(|| book_pass::<true>(one, &mut directory, &mut books, &mut end, || {}))?
            } else {
                pass_ns(|| book_pass::<false>(one, &mut directory, &mut books, &mut end, || {}))?
            };
            end.bbo_checksum = end.bbo_checksum.wrapping_add(checksum(&books, &directory, scan));
            end.live_orders += books.live_orders();
            end.live_levels += books.live_levels();
        }
        if *end_state.get_or_insert(end) != end {
            return Err(BookBenchError::Diverged);
        }
        Ok(ns)
    };
    let mut fastest = [u128::MAX; 2];
    for _ in 0..WARM_UP_PASSES {
        for look_ahead in [false, true] {
            let [_, booking] = pass(look_ahead)?;
            let fastest = &mut fastest[usize::from(look_ahead)];
            *fastest = booking.min(*fastest);
        }
    }
    let look_ahead = fastest[1] < fastest[0];
    for _ in 0..PASSES {
        let [decoding, booking] = pass(look_ahead)?;
        decode_ns.push(decoding);
        book_ns.push(booking);
    }
    let one_at_a_time = one_at_a_time(captures, &mut directory, &configs, look_ahead)?;
    let end = end_state.unwrap_or_default();
    let per_message = |ns: &mut Vec<u128>| {
        ns.sort_unstable();
        ns[PASSES / 2] as f64 / end.messages.max(1) as f64
    };
    Ok(BookBench {
        messages: end.messages,
        decode_ns_per_message: per_message(&mut decode_ns),
        in_cache: bytes <= IN_CACHE_BYTES_MAX,
        decode_and_book_ns_per_message: per_message(&mut book_ns),
        look_ahead,
        one_at_a_time,
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

/// Times one pass, ns.
fn pass_ns(pass: impl FnOnce() -> Result<(), CaptureError>) -> Result<u128, CaptureError> {
    let start = Instant::now();
    pass()?;
    Ok(start.elapsed().as_nanos())
}

/// Decodes a capture, handing each event to an opaque sink.
fn decode_pass(one: &VenueCapture<'_>, directory: &mut Directory) -> Result<(), CaptureError> {
    let mut feed = ItchFeed::new(one.venue, 0, 0);
    let mut event = MarketEvent::NOTHING;
    one.capture.walk(|message| {
        match feed.decode_into(directory, message.body, message.number, message.receive_ns, &mut event) {
            Ok(is_event) => {
                black_box((&event, is_event));
                Ok(())
            }
            Err(error) => Err(one.capture.message_error(error, message.offset, message.number - 1)),
        }
    })?;
    Ok(())
}

/// Decodes a capture into books, with the two-stage look-ahead over its following messages or without; `behind_each` is
/// called after each message.
fn book_pass<const AHEAD: bool>(
    one: &VenueCapture<'_>,
    directory: &mut Directory,
    books: &mut VenueBooks,
    end: &mut EndState,
    mut behind_each: impl FnMut(),
) -> Result<(), CaptureError> {
    let mut feed = ItchFeed::new(one.venue, 0, 0);
    let mut window = [MarketEvent::NOTHING; WINDOW];
    let mut announced = [Announced::default(); WINDOW];
    let mut events = 0_usize;
    let mut errors = 0;
    let behind = if AHEAD { LOOK_AHEAD * 2 } else { 0 };
    end.messages += one.capture.walk(|message| -> Result<(), CaptureError> {
        let event = &mut window[events % WINDOW];
        match feed.decode_into(directory, message.body, message.number, message.receive_ns, event) {
            Ok(true) => {
                if AHEAD {
                    announced[events % WINDOW] = books.prefetch_order(event);
                    let next = events.wrapping_sub(LOOK_AHEAD) % WINDOW;
                    books.prefetch_level(&window[next], announced[next]);
                }
                errors += u64::from(books.apply(&window[events.wrapping_sub(behind) % WINDOW]).is_err());
                events += 1;
            }
            Ok(false) => {}
            Err(error) => {
                return Err(one.capture.message_error(error, message.offset, message.number - 1));
            }
        }
        behind_each();
        Ok(())
    })?;
    for event in events.wrapping_sub(behind)..events {
        errors += u64::from(books.apply(&window[event % WINDOW]).is_err());
    }
    end.book_errors += errors;
    Ok(())
}

/// One more pass, with a stamp behind each message.
fn one_at_a_time(
    captures: &[VenueCapture<'_>],
    directory: &mut Directory,
    configs: &[BookConfig],
    look_ahead: bool,
) -> Result<OneAtATime, BookBenchError> {
    let mut histogram = vec![0_u32; TICKS_MAX];
    let (mut ticks, mut ns) = (0, 0);
    for (one, config) in captures.iter().zip(configs) {
        let mut books = VenueBooks::new(*config)?;
        let mut end = EndState::default();
        let skip = HISTOGRAM_SKIPS.min(prescan(one.capture, one.venue).0.messages / 2);
        let (mut messages, first) = (0_u64, stamp());
        let mut last = first;
        let stamp_each = || {
            let now = stamp();
            messages += 1;
            if messages > skip {
                histogram[(now.wrapping_sub(last) as usize).min(TICKS_MAX - 1)] += 1;
            }
            last = now;
        };
        ns += if look_ahead {
            pass_ns(|| book_pass::<true>(one, directory, &mut books, &mut end, stamp_each))?
        } else {
            pass_ns(|| book_pass::<false>(one, directory, &mut books, &mut end, stamp_each))?
        };
        ticks += stamp().wrapping_sub(first);
    }
    let ns_per_tick = ns as f64 / ticks.max(1) as f64;
    let mut costs: Vec<u64> = (0..1001).map(|_| stamp().wrapping_neg().wrapping_add(stamp())).collect();
    costs.sort_unstable();
    let at = |share: f64| {
        let wanted = histogram.iter().map(|&count| f64::from(count)).sum::<f64>() * share;
        let mut seen = 0.0;
        let is_below = |&&count: &&u32| {
            seen += f64::from(count);
            seen < wanted
        };
        histogram.iter().take_while(is_below).count() as f64 * ns_per_tick
    };
    let stamp_ns = costs[costs.len() / 2] as f64 * ns_per_tick;
    Ok(OneAtATime { p50_ns: at(0.5), p90_ns: at(0.9), p99_ns: at(0.99), stamp_ns })
}

/// The time stamp counter, behind all work before it.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn stamp() -> u64 {
    let mut core = 0;
    // SAFETY: every x86-64 CPU since 2008 has rdtscp; it writes `core` and no other memory.
    unsafe { core::arch::x86_64::__rdtscp(&mut core) }
}

/// The engine's raw clock, on other machines.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn stamp() -> u64 {
    crate::pipeline::tsc::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(path: impl AsRef<std::path::Path>) -> BookBench {
        let capture = Capture::open(path).expect("the capture opens");
        bench(&[VenueCapture { capture: &capture, venue: 0 }]).expect("an intact capture")
    }

    #[test]
    fn real_captures_end_in_their_known_checksums() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
        if !std::path::Path::new(root).is_dir() {
            println!("SKIPPED: ../shared/data is absent");
            return;
        }
        let bx = run(format!("{root}/itch50_bx_20190730/itch_sample_slice.bin"));
        assert_eq!((bx.messages, bx.bbo_checksum, bx.live_orders), (6_679, 74_346_634_868, 35));
        assert_eq!(bx.book_errors, 0);
        let goog = run(format!("{root}/itch50_from_lobster/20120621.GOOG_L10.itch50.gz"));
        assert_eq!((goog.messages, goog.bbo_checksum, goog.book_errors), (239_568, 56_520_462, 0));
        assert!(goog.decode_ns_per_message > 0.0);
        let OneAtATime { p50_ns, p90_ns, p99_ns, stamp_ns } = goog.one_at_a_time;
        assert!(0.0 < stamp_ns && stamp_ns < p50_ns && p50_ns <= p90_ns && p90_ns <= p99_ns, "{goog:?}");
        assert!(bx.in_cache && !goog.in_cache);
        assert!(goog.decode_and_book_ns_per_message > goog.decode_ns_per_message);
    }

    /// The 10.5-million-message file that notes/performance.md times all peers on is not in the repository: name it
    /// in `WARPTICK_SYN10M`, and use `--release` (debug builds check a level at every event).
    #[test]
    #[ignore = "needs the file named by WARPTICK_SYN10M"]
    fn syn10m_ends_in_its_known_state() {
        let path = std::env::var_os("WARPTICK_SYN10M").expect("WARPTICK_SYN10M names the file");
        let end = run(path);
        assert_eq!((end.messages, end.bbo_checksum), (10_508_002, 207_067_977_406_090));
        assert_eq!((end.live_orders, end.live_levels, end.book_errors), (699_285, 204_970, 0));
    }
}
