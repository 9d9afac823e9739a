//! A snapshot of any moment, and the messages from its sequence number on, give the book that the whole day gives.

use std::path::PathBuf;

use feeds::glimpse::{self, SnapshotMessage};
use feeds::source::prescan::prescan;
use feeds::source::synthetic::{SyntheticConfig, generate_bytes};

use super::*;
use feeds::directory::Directory;
use feeds::event::flags;
use feeds::itch::feed::ItchFeed;
use feeds::units::TIME_NONE;
use kernels::cpu::book::{BookConfig, VenueBooks};

const BOOKS: BookConfig =
    BookConfig { instruments_max: 256, orders_max: 200_000, levels_max: 20_000, price_tick: 100_000 };

/// A client's books, which know the venue's messages and nothing else of it.
struct Client {
    feed: ItchFeed,
    directory: Directory,
    books: VenueBooks,
    errors: u64,
}

impl Client {
    fn new(scan: &feeds::source::prescan::Prescan) -> Self {
        let mut directory =
            Directory::new(scan.listings.iter().map(|listing| listing.symbol).collect(), 0).expect("room");
        scan.list_into(&mut directory).expect("listings agree");
        let books = VenueBooks::new(BOOKS).expect("books");
        Self { feed: ItchFeed::new(0, 0, 0), directory, books, errors: 0 }
    }

    fn apply(&mut self, body: &[u8], number: u64, snapshot: bool) {
        let event = self.feed.decode_event(&mut self.directory, body, number, TIME_NONE).expect("ITCH");
        if let Some(mut event) = event {
            event.flags |= if snapshot { flags::SNAPSHOT } else { 0 };
            self.errors += u64::from(self.books.apply(&event).is_err());
        }
    }
}

/// Tells one snapshot while the day goes on for `goes_on` messages a message told; the client that it made, and the
/// number of the first message behind it.
fn told(
    source: &mut SnapshotBooks<'_>,
    at: u64,
    goes_on: u64,
    scan: &feeds::source::prescan::Prescan,
) -> (Client, u64) {
    let mut client = Client::new(scan);
    let mut snapshot = source.begin(at).expect("the books have caught up");
    let mut published = at;
    let mut end = None;
    loop {
        match snapshot.message(source) {
            Told::Message(body) => {
                assert_eq!(end, None, "nothing follows the end");
                match glimpse::decode(body).expect("a snapshot's message") {
                    SnapshotMessage::State(body) => client.apply(body, at, true),
                    SnapshotMessage::End { next_sequence } => end = Some(next_sequence),
                }
                snapshot.advance();
            }
            Told::Nothing => {}
            Told::Done => break,
        }
        published += goes_on;
        assert_eq!(source.catch_up(published, 100), 0, "the books stand still");
        assert!(source.begin(published + 1).is_none(), "who comes later waits");
    }
    source.end(snapshot);
    (client, end.expect("the snapshot has its end"))
}

fn check(name: &str, capture: &Capture, points: u64) {
    let (scan, damage) = prescan(capture, 0);
    assert!(damage.is_none() && scan.listings.len() <= BOOKS.instruments_max, "{name}");
    let mut tape = Tape::new(capture);
    let mut bodies = Vec::new();
    let mut whole = Client::new(&scan);
    while let Some((framed, _)) = tape.next_framed() {
        bodies.push(&framed[2..]);
        whole.apply(&framed[2..], tape.taken(), false);
    }
    let messages = bodies.len() as u64;
    assert_eq!((messages, whole.errors), (scan.messages, 0), "{name}");
    let mut source = SnapshotBooks::new(capture, &scan, BOOKS).expect("books");
    for point in 0..=points {
        let at = messages * point / points;
        while source.next_sequence() <= at {
            assert!(source.begin(at).is_none(), "{name}: the books have not caught up with {at}");
            source.catch_up(at, 10_000);
        }
        let (mut client, next) = told(&mut source, at, point % 3, &scan);
        assert_eq!(next, at + 1, "{name}");
        assert_eq!(client.books.live_orders(), source.books().live_orders(), "{name} at {at}");
        assert_eq!(client.books.book_hash(), source.books().book_hash(), "{name} at {at}: queue order too");
        client.books.check();
        for (number, body) in (next..).zip(&bodies[at as usize..]) {
            client.apply(body, number, false);
        }
        assert_eq!(client.errors, 0, "{name} from {at} on");
        assert_eq!(client.books.book_hash(), whole.books.book_hash(), "{name} from {at} on");
    }
    assert_eq!(source.errors(), 0);
}

fn data(path: &str) -> Option<PathBuf> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    if !root.is_dir() {
        println!("SKIPPED: ../shared/data is absent");
        return None;
    }
    Some(root.join(path))
}

#[test]
fn of_generated_sessions() {
    for seed in 1..5 {
        let config = SyntheticConfig { seed, messages: 20_000, symbols: 60, ..SyntheticConfig::default() };
        for (venue, stream) in ["NASDAQ", "BX"].iter().zip(generate_bytes(&config).expect("a session")) {
            let capture = Capture::from_bytes(*venue, stream).expect("not empty");
            check(&format!("seed {seed}, {venue}"), &capture, 9);
        }
    }
}

#[test]
fn of_a_real_day_of_goog() {
    let Some(path) = data("itch50_from_lobster/20120621.GOOG_L10.itch50.gz") else { return };
    check("GOOG", &Capture::open(path).expect("the capture opens"), 11);
}

#[test]
fn of_genuine_bx_bytes() {
    let Some(path) = data("itch50_bx_20190730/itch_sample_slice.bin") else { return };
    check("BX", &Capture::open(path).expect("the capture opens"), 13);
}

#[test]
fn two_clients_share_a_moment_and_the_books_go_on_behind_the_last() {
    let config = SyntheticConfig { messages: 5_000, symbols: 20, ..SyntheticConfig::default() };
    let [stream, _] = generate_bytes(&config).expect("a session");
    let capture = Capture::from_bytes("generated", stream).expect("not empty");
    let (scan, _) = prescan(&capture, 0);
    let mut source = SnapshotBooks::new(&capture, &scan, BOOKS).expect("books");
    source.catch_up(1_000, u64::MAX);
    let (first, second) = (source.begin(1_000).expect("ready"), source.begin(1_000).expect("ready"));
    assert_eq!(source.told(), 2);
    source.end(first);
    assert_eq!(source.catch_up(1_100, 1_000), 0);
    source.end(second);
    assert_eq!(source.catch_up(1_100, 60), 60);
    assert!(source.begin(1_100).is_none());
    assert_eq!(source.catch_up(1_100, 60), 40);
    assert!(source.begin(1_100).is_some());
}
