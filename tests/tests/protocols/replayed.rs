//! A capture through the decoder and the books of a run, message by message.

use feeds::directory::Directory;
use feeds::event::{EventKind, MarketEvent, Side};
use feeds::source::file::Capture;
use feeds::source::prescan::{Prescan, prescan};
use feeds::source::stream::EventStream;
use kernels::cpu::book::{Bbo, BookConfig, DepthLevel, VenueBooks};

/// Where a capture has come to.
pub struct Replayed {
    pub scan: Prescan,
    pub directory: Directory,
    pub books: VenueBooks,
    /// Messages framed so far: packets, records, lines.
    pub framed: u64,
}

impl Replayed {
    /// Replays all of `capture`; `seen` is called behind each message (packet, record, line) with its events, which
    /// have been applied.
    ///
    /// # Panics
    /// At an error of the decoder or the books.
    pub fn run(capture: &Capture, mut seen: impl FnMut(&Self, &[MarketEvent])) -> Self {
        let (scan, damage) = prescan(capture, 0);
        assert_eq!(damage, None);
        let symbols = scan.listings.iter().map(|listing| listing.symbol).collect();
        let mut directory = Directory::new(symbols, 0).expect("room for the listings");
        scan.list_into(&mut directory).expect("listings agree");
        let config = BookConfig {
            instruments_max: directory.len().max(1),
            orders_max: 50_000,
            levels_max: 50_000,
            price_tick: scan.price_tick,
        };
        let books = VenueBooks::new(config).expect("a valid configuration");
        let mut stream =
            EventStream::new(capture, scan.stream.clone()).expect("a first message").expect("not ITCH");
        let mut replayed = Self { scan, directory, books, framed: 0 };
        let mut events = Vec::new();
        while stream.next_time_ns().is_some() {
            events.clear();
            stream.decode(&mut replayed.directory, &mut events).expect("an intact message");
            replayed.framed += 1;
            for event in &events {
                let applied = replayed.books.apply(event);
                assert!(applied.is_ok(), "message {}: {applied:?} of {event:?}", replayed.framed);
            }
            seen(&replayed, &events);
            stream.advance().expect("an intact capture");
        }
        assert_eq!(stream.messages(), replayed.scan.messages);
        replayed.books.check();
        replayed
    }

    /// All levels of a side, best first: price and quantity.
    pub fn levels(&self, instrument: u32, side: Side) -> Vec<(i64, u64)> {
        let mut levels = vec![DepthLevel::default(); self.books.level_count(instrument, side)];
        let filled = self.books.depth(instrument, side, &mut levels);
        assert_eq!(filled, levels.len());
        levels.iter().map(|level| (level.price, level.quantity)).collect()
    }
}

/// Events of a kind.
pub fn count(events: &[MarketEvent], kind: EventKind) -> u64 {
    events.iter().filter(|event| event.kind == kind).count() as u64
}

/// A best bid and offer from two best levels.
pub fn bbo(bid: Option<(i64, u64)>, ask: Option<(i64, u64)>) -> Bbo {
    let (bid_px, bid_qty) = bid.unwrap_or((feeds::units::PRICE_NONE, 0));
    let (ask_px, ask_qty) = ask.unwrap_or((feeds::units::PRICE_NONE, 0));
    Bbo { bid_px, bid_qty, ask_px, ask_qty }
}

/// Little-endian numbers of a byte string.
pub mod bytes {
    pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
        u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
    }

    pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
    }

    pub fn i64_at(bytes: &[u8], at: usize) -> i64 {
        u64_at(bytes, at).cast_signed()
    }
}
