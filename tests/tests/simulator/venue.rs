//! The venues' side: matching and FIX acceptors, the feeds' publishers with their retransmission and snapshot servers.

use engine::control::inputs::VenueInput;
use engine::control::startup;
use engine::pipeline::live_feed::Snapshot;
use engine::venue::desk::Acceptor;
use engine::venue::front::VenueFront;
use engine::venue::publisher::{FeedPublisher, PublisherConfig, SnapshotBooks, Told};
use feeds::event::MarketEvent;
use feeds::glimpse::{self, SnapshotMessage};
use kernels::cpu::book::BookConfig;

use crate::plan::{Day, SECOND};

/// See the module's text.
pub struct Venue<'a> {
    pub gateway: VenueFront,
    publisher: FeedPublisher<'a>,
    input: &'a VenueInput,
    /// For snapshots, once one is asked for.
    books: Option<SnapshotBooks<'a>>,
    /// A client is connected, as far as the venue knows.
    pub is_connected: bool,
}

impl<'a> Venue<'a> {
    /// All venues of a day.
    pub fn all(day: &'a Day) -> Vec<Self> {
        let gateways = startup::gateways(&day.inputs, &day.config).expect("venues");
        let config = PublisherConfig {
            packet_bytes_max: 300,
            heartbeat_ns: SECOND / 5,
            retransmission_window: day.window,
            ..PublisherConfig::default()
        };
        let venues = gateways.into_iter().zip(&day.inputs.venues);
        venues
            .map(|(gateway, input)| Self {
                gateway,
                publisher: FeedPublisher::new(&input.capture, config).expect("a publisher"),
                input,
                books: None,
                is_connected: false,
            })
            .collect()
    }

    /// Something happens in the market: the clients' orders trade, and the feed says it.
    pub fn on_market(&mut self, event: &MarketEvent, send: &mut impl FnMut(&[u8])) {
        self.gateway.on_market(event, event.receive_ns);
        self.publisher.publish(event.receive_ns, event.sequence, u64::MAX, send);
    }

    /// A heartbeat of the feed.
    pub fn on_feed_timer(&mut self, now_ns: u64, send: &mut impl FnMut(&[u8])) {
        self.publisher.on_timer(now_ns, send);
    }

    pub fn next_feed_timer_ns(&self) -> u64 {
        if self.publisher.next_sequence() == 1 { u64::MAX } else { self.publisher.next_timer_ns() }
    }

    pub fn next_timer_ns(&self) -> u64 {
        if self.is_connected { self.gateway.next_timer_ns() } else { u64::MAX }
    }

    /// A request of the engine for packets.
    pub fn on_request(&mut self, bytes: &[u8], send: &mut impl FnMut(&[u8])) {
        self.publisher.on_request(bytes, send);
    }

    /// The state as of now, in the snapshot server's words.
    pub fn snapshot(&mut self) -> Snapshot {
        let published = self.publisher.next_sequence() - 1;
        let Self { input, books, .. } = self;
        let books = books.get_or_insert_with(|| {
            let sizes = BookConfig { orders_max: 4_096, levels_max: 4_096, ..BookConfig::default() };
            SnapshotBooks::new(&input.capture, &input.scan, sizes).expect("books")
        });
        books.catch_up(published, u64::MAX);
        let mut telling = books.begin(published).expect("nobody else is told one");
        let mut snapshot = Snapshot::default();
        loop {
            match telling.message(books) {
                Told::Message(body) => match glimpse::decode(body).expect("a snapshot's message") {
                    SnapshotMessage::State(body) => {
                        snapshot.blocks.extend_from_slice(&(body.len() as u16).to_be_bytes());
                        snapshot.blocks.extend_from_slice(body);
                    }
                    SnapshotMessage::End { next_sequence } => snapshot.next_sequence = next_sequence,
                },
                Told::Nothing => continue,
                Told::Done => break,
            }
            telling.advance();
        }
        books.end(telling);
        snapshot
    }

    /// What the venue has to say to its client.
    pub fn take_pending(&mut self) -> Vec<u8> {
        let pending = self.gateway.pending().to_vec();
        self.gateway.consume(pending.len());
        pending
    }
}
