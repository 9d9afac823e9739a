//! The books on real captures, against what is known of them. Needs `../shared/data`; skipped loudly without it.

use feeds::directory::Directory;
use feeds::event::Side;
use feeds::itch::feed::ItchFeed;
use feeds::source::file::Capture;
use feeds::source::prescan::prescan;
use feeds::symbol::Symbol;
use feeds::units::{ITCH_PRICE4_UNIT, PRICE_NONE, TIME_NONE};
use flate2::read::GzDecoder;
use kernels::cpu::book::{Applied, Bbo, BookConfig, BookError, DepthLevel, VenueBooks};
use std::io::Read;
use std::path::PathBuf;

fn data(path: &str) -> Option<PathBuf> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    if !root.is_dir() {
        println!("SKIPPED: ../shared/data is absent");
        return None;
    }
    Some(root.join(path))
}

/// One venue's capture replayed into its books.
struct Replay {
    books: VenueBooks,
    directory: Directory,
    errors: Vec<BookError>,
    messages: u64,
}

impl Replay {
    /// Replays a capture; `seen` is called after each message with the books and the number of messages consumed.
    fn run(path: &PathBuf, mut seen: impl FnMut(&VenueBooks, u64, u32, &Applied)) -> Self {
        let capture = Capture::open(path).expect("the capture opens");
        let (scan, damage) = prescan(&capture, 0);
        assert!(damage.is_none(), "{damage:?}");
        let symbols: Vec<Symbol> = scan.listings.iter().map(|listing| listing.symbol).collect();
        let mut directory = Directory::new(symbols, 0).expect("room");
        scan.list_into(&mut directory).expect("listings agree");
        let books = VenueBooks::new(BookConfig {
            instruments_max: directory.len(),
            orders_max: 100_000,
            levels_max: 20_000,
            price_tick: ITCH_PRICE4_UNIT,
        });
        let mut replay = Self { books: books.expect("valid"), directory, errors: Vec::new(), messages: 0 };
        let mut feed = ItchFeed::new(0, 0, 0);
        let mut cursor = capture.packets();
        while let Some(packet) = cursor.next(&capture).expect("an intact capture") {
            for (body, _) in packet.messages() {
                replay.messages += 1;
                let event = feed.decode_event(&mut replay.directory, body, replay.messages, TIME_NONE);
                let Some(event) = event.expect("an intact message") else { continue };
                match replay.books.apply(&event) {
                    Ok(applied) => seen(&replay.books, replay.messages, event.instrument, &applied),
                    Err(error) => replay.errors.push(error),
                }
            }
        }
        replay.books.check();
        replay
    }

    fn bbo4(&self, symbol: &str) -> [u64; 4] {
        let wanted = self.directory.len();
        let instrument = (0..wanted as u32)
            .find(|&n| self.directory.symbol(n).is_some_and(|s| s.trimmed() == symbol.as_bytes()))
            .expect("the symbol is listed");
        bbo4(&self.books.bbo(instrument))
    }
}

/// Prices in 1e-4, empty sides as zeros, in the golden file's order.
fn bbo4(bbo: &Bbo) -> [u64; 4] {
    let price = |price: i64| if price == PRICE_NONE { 0 } else { (price / ITCH_PRICE4_UNIT) as u64 };
    [price(bbo.bid_px), bbo.bid_qty, price(bbo.ask_px), bbo.ask_qty]
}

#[test]
fn goog_agrees_with_the_golden_bbo_on_every_row() {
    let (Some(capture), Some(golden)) = (
        data("itch50_from_lobster/20120621.GOOG_L10.itch50.gz"),
        data("itch50_from_lobster/20120621.GOOG_L10.golden_bbo.csv.gz"),
    ) else {
        return;
    };
    // State after each message that may have changed it; whenever `bbo_changed` is false the top must be the same.
    let mut states: Vec<(u64, [u64; 4])> = vec![(0, [0; 4])];
    let mut last = Bbo::EMPTY;
    let mut never_said = 0;
    let replay = Replay::run(&capture, |books, consumed, instrument, applied| {
        if instrument != 0 {
            return;
        }
        let bbo = books.bbo(0);
        never_said += u64::from((bbo != last) != applied.bbo_changed);
        if bbo != last {
            states.push((consumed, bbo4(&bbo)));
            last = bbo;
        }
    });
    assert_eq!((replay.messages, replay.errors.as_slice()), (239_568, &[][..]));
    assert_eq!(never_said, 0, "bbo_changed is exact");
    assert_eq!(replay.books.crossed_events(), 0, "never crossed in continuous trading");
    assert_eq!(replay.books.bbo_checksum(|_| 1), 56_520_462);

    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(golden).expect("golden file")).read_to_string(&mut text).expect("csv");
    let mut state = 0;
    let mut rows = 0;
    for line in text.lines().filter(|line| !line.starts_with("messages")) {
        let fields: Vec<&str> = line.split(',').collect();
        let consumed: u64 = fields[0].parse().expect("messages_consumed");
        let expected: Vec<u64> = fields[3..7].iter().map(|field| field.parse().expect("a number")).collect();
        while states.get(state + 1).is_some_and(|next| next.0 <= consumed) {
            state += 1;
        }
        assert_eq!(states[state].1.as_slice(), expected.as_slice(), "golden row {}: {line}", rows + 1);
        rows += 1;
    }
    assert_eq!(rows, 147_916);
}

#[test]
fn genuine_bx_bytes_end_in_the_known_state() {
    let Some(capture) = data("itch50_bx_20190730/itch_sample_slice.bin") else { return };
    let replay = Replay::run(&capture, |_, _, _, _| {});
    assert_eq!((replay.messages, replay.books.live_orders()), (6_679, 35));
    let [bid, _, ask, _] = replay.bbo4("AAPL");
    assert_eq!((bid, ask), (2_092_500, 2_093_300));
    let [bid, _, ask, _] = replay.bbo4("MSFT");
    assert_eq!((bid, ask), (1_399_500, 1_400_300));
    assert_eq!(replay.books.crossed_events(), 0, "never crossed in continuous trading");
    assert!(replay.errors.is_empty(), "{:?}", replay.errors);
}

#[test]
fn the_goog_book_never_shows_more_than_its_ten_level_window() {
    let Some(capture) = data("itch50_from_lobster/20120621.GOOG_L10.itch50.gz") else { return };
    let mut deepest = 0;
    let replay = Replay::run(&capture, |books, _, instrument, _| {
        deepest = deepest
            .max(books.level_count(instrument, Side::Buy))
            .max(books.level_count(instrument, Side::Sell));
    });
    assert!(deepest >= 10, "{deepest} levels");
    let mut depth = [DepthLevel::default(); 10];
    for side in [Side::Buy, Side::Sell] {
        let levels = replay.books.depth(0, side, &mut depth);
        let shown: u64 = depth[..levels].iter().map(|level| level.quantity).sum();
        let queued: u64 = depth[..levels]
            .iter()
            .flat_map(|level| replay.books.queue(0, side, level.price))
            .map(|order| order.quantity)
            .sum();
        assert!(levels > 0 && shown == queued);
    }
}
