//! The publisher, its bad lines and its snapshots against the engine's own arbiter, in virtual time: the client's books
//! end as those of the whole day, whatever was lost.

use feeds::arbiter::{Action, Arbiter, ArbiterConfig, FeedState, Recovery, Sequenced};
use feeds::directory::Directory;
use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent, Side, flags};
use feeds::glimpse::{self, SnapshotMessage};
use feeds::itch::feed::ItchFeed;
use feeds::source::prescan::{Prescan, prescan};
use feeds::source::synthetic::{SyntheticConfig, generate_bytes};
use feeds::units::{PRICE_NONE, TIME_NONE};
use kernels::cpu::book::{BookConfig, VenueBooks};

use super::*;

const BOOKS: BookConfig =
    BookConfig { instruments_max: 64, orders_max: 20_000, levels_max: 10_000, price_tick: 100_000 };

/// Books that follow what an arbiter hands on.
struct Client {
    feed: ItchFeed,
    directory: Directory,
    books: VenueBooks,
    errors: u64,
}

impl Client {
    fn new(scan: &Prescan) -> Self {
        let symbols = scan.listings.iter().map(|listing| listing.symbol).collect();
        let mut directory = Directory::new(symbols, 0).expect("room");
        scan.list_into(&mut directory).expect("listings agree");
        let books = VenueBooks::new(BOOKS).expect("books");
        Self { feed: ItchFeed::new(0, 0, 0), directory, books, errors: 0 }
    }

    fn take(&mut self, item: Sequenced<'_>) {
        let event = match item {
            Sequenced::Message { body, sequence, .. } => {
                self.feed.decode_event(&mut self.directory, body, sequence, TIME_NONE).expect("ITCH")
            }
            Sequenced::Clear => Some(MarketEvent {
                exchange_ns: 0,
                receive_ns: 0,
                sequence: 0,
                order_id: 0,
                second_id: 0,
                price: PRICE_NONE,
                quantity: 0,
                instrument: INSTRUMENT_ALL,
                venue: 0,
                kind: EventKind::Clear,
                side: Side::None,
                flags: flags::LAST_OF_EVENT,
            }),
            Sequenced::Gap { .. } | Sequenced::Recovered => None,
        };
        if let Some(event) = event {
            self.errors += u64::from(self.books.apply(&event).is_err());
        }
    }
}

/// A snapshot on its way to the client: it is taken in when its end is there.
#[derive(Default)]
struct Fetch {
    told: Option<Snapshot>,
    states: Vec<Vec<u8>>,
}

struct Outcome {
    hash: u64,
    gaps: u64,
    missing: u64,
    snapshots: u64,
    lost_on_both: SequenceRanges,
}

fn run(capture: &Capture, scan: &Prescan, window: usize, seed: u64) -> Outcome {
    let config = PublisherConfig {
        packet_bytes_max: 300,
        retransmission_window: window,
        ..PublisherConfig::default()
    };
    let faults = FaultConfig {
        loss_ppm: 10_000,
        duplicate_ppm: 10_000,
        reorder_ppm: 10_000,
        reorder_packets: 4,
        reorder_ns: 60_000,
        skew_ns: 20_000,
        jitter_ns: 10_000,
        burst_ppm: 2_000,
        burst_packets: 8,
        seed,
    };
    let mut publisher = FeedPublisher::new(capture, config).expect("a publisher");
    let mut source = SnapshotBooks::new(capture, scan, BOOKS).expect("books");
    let mut lines = [LineFaults::new(faults, 0), LineFaults::new(faults, 1)];
    let mut answers = LineFaults::new(FaultConfig { burst_ppm: 0, ..faults }, 2);
    // Longer than any packet is late, so that gaps are losses and nothing else.
    let arbitration = ArbiterConfig {
        window_messages: 4_096,
        reorder_wait_ns: 150_000,
        request_interval_ns: 500_000,
        snapshot_interval_ns: 1_000_000,
        recovery: Recovery { retransmission: true, snapshot: true },
        ..ArbiterConfig::default()
    };
    let mut arbiter = Arbiter::new(arbitration);
    let mut client = Client::new(scan);
    let mut fetch: Option<Fetch> = None;
    let mut now_ns = 0;
    for step in 0u64.. {
        assert!(step < 400_000, "seed {seed}: the client does not come to its end: {:?}", arbiter.state());
        // An end of the session may be lost too: then a second passes until the next.
        let is_waiting = publisher.is_ended() && step.is_multiple_of(1_000);
        now_ns += if is_waiting { NS_PER_S } else { 10_000 };
        let mut send = |packet: &[u8]| lines.iter_mut().for_each(|line| line.offer((), packet, now_ns));
        publisher.publish(now_ns, u64::MAX, step % 3, &mut send);
        if publisher.next_sequence() > scan.messages {
            publisher.end_session();
        }
        publisher.on_timer(now_ns, &mut send);
        let published = publisher.next_sequence() - 1;
        source.catch_up(published, 64);

        let mut sink = |item: Sequenced<'_>| client.take(item);
        for (number, line) in lines.iter_mut().enumerate() {
            while let Some((_, packet)) = line.next_due(now_ns) {
                arbiter.on_packet(number, packet, TIME_NONE, now_ns, &mut sink);
                line.remove_next();
            }
        }
        while let Some((_, packet)) = answers.next_due(now_ns) {
            arbiter.on_retransmission(packet, TIME_NONE, now_ns, &mut sink);
            answers.remove_next();
        }
        match arbiter.on_time(now_ns, &mut sink) {
            Some(Action::Request { sequence, count }) => {
                let request = Request { session: config.session, sequence, count }.encode();
                publisher.on_request(&request, &mut |packet| answers.offer((), packet, now_ns));
            }
            Some(Action::Snapshot) => {
                fetch.get_or_insert_default();
            }
            None => {}
        }
        if let Some(under_way) = &mut fetch {
            let end = under_way.hear(&mut source, published);
            if let Some(next_sequence) = end {
                let states = std::mem::take(&mut under_way.states);
                fetch = None;
                if arbiter.begin_snapshot(next_sequence, &mut sink) {
                    states.iter().for_each(|body| arbiter.snapshot_message(body, TIME_NONE, &mut sink));
                    arbiter.end_snapshot(now_ns, &mut sink);
                }
            }
        }
        if arbiter.is_over() && arbiter.state() == FeedState::Live {
            break;
        }
    }
    assert_eq!(client.errors, 0, "seed {seed}: every message fits the books");
    client.books.check();
    let counters = arbiter.counters();
    Outcome {
        hash: client.books.book_hash(),
        gaps: counters.gaps,
        missing: counters.missing_messages,
        snapshots: counters.snapshots,
        lost_on_both: lines[0].lost().both(lines[1].lost()),
    }
}

impl Fetch {
    /// Hears a little more of the snapshot; the sequence number behind it when it is complete.
    fn hear(&mut self, source: &mut SnapshotBooks<'_>, published: u64) -> Option<u64> {
        if self.told.is_none() {
            self.told = source.begin(published);
        }
        let told = self.told.as_mut()?;
        for _ in 0..20 {
            match told.message(source) {
                Told::Message(body) => match glimpse::decode(body).expect("a snapshot's message") {
                    SnapshotMessage::State(body) => {
                        self.states.push(body.to_vec());
                        told.advance();
                    }
                    SnapshotMessage::End { next_sequence } => {
                        source.end(self.told.take()?);
                        return Some(next_sequence);
                    }
                },
                Told::Nothing => {}
                Told::Done => panic!("a snapshot ends with its end"),
            }
        }
        None
    }
}

/// A generated session, what its first pass found, and the hash of its last books.
fn session() -> (Capture, Prescan, u64) {
    let config = SyntheticConfig { messages: 8_000, symbols: 20, ..SyntheticConfig::default() };
    let [stream, _] = generate_bytes(&config).expect("a session");
    let capture = Capture::from_bytes("generated", stream).expect("not empty");
    let (scan, _) = prescan(&capture, 0);
    let mut source = SnapshotBooks::new(&capture, &scan, BOOKS).expect("books");
    source.catch_up(u64::MAX, u64::MAX);
    let hash = source.books().book_hash();
    (capture, scan, hash)
}

#[test]
fn what_both_lines_lost_is_a_gap_and_comes_again() {
    let (capture, scan, hash) = session();
    let mut missing = 0;
    for seed in 0..30 {
        let outcome = run(&capture, &scan, 1 << 16, seed);
        assert_eq!(outcome.hash, hash, "seed {seed}: the whole day's books");
        assert_eq!(outcome.snapshots, 0, "seed {seed}: everything could be asked for");
        let lost = &outcome.lost_on_both;
        assert_eq!(outcome.missing, lost.messages(), "seed {seed}: every gap is counted");
        assert_eq!(outcome.gaps, lost.ranges().len() as u64, "seed {seed}: once");
        missing += outcome.missing;
    }
    assert!(missing > 500, "the lines were bad: {missing}");
}

#[test]
fn what_is_too_old_comes_as_a_snapshot() {
    let (capture, scan, hash) = session();
    let mut snapshots = 0;
    for seed in 0..30 {
        let outcome = run(&capture, &scan, 10, seed);
        assert_eq!(outcome.hash, hash, "seed {seed}: the whole day's books");
        snapshots += outcome.snapshots;
    }
    assert!(snapshots > 30, "{snapshots} snapshots");
}
