//! One venue's live feed: packets of its lines in, market events in order out, stale when something is missing.
//!
//! Sans-I/O: [`feeds::arbiter::Arbiter`] puts the packets in order, [`ItchFeed`] says what they mean, and what has to be
//! asked for comes back as an [`Action`]. The live loop and the simulation call the same code. Nothing is allocated
//! after construction; a snapshot is taken in by bounded portions. The ingest thread owns it.
//!
//! A message that does not decode, or an event that its book refuses, makes the feed distrust itself: the books are
//! stale until a snapshot has replaced them. A message type that the specification does not know is passed over.

use feeds::arbiter::{Action, Arbiter, ArbiterConfig, Sequenced};
use feeds::directory::Directory;
use feeds::event::{EventKind, MarketEvent, flags};
use feeds::itch::decode::DecodeError;
use feeds::itch::feed::ItchFeed;
use feeds::moldudp64;
use feeds::units::TIME_NONE;

/// Messages of a snapshot that one call takes in at most.
const SNAPSHOT_PORTION: usize = 256;

/// A venue's state, fetched by a cold thread: what [`LiveFeed::load`] takes in.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// ITCH message bodies, each behind its big-endian `u16` length.
    pub blocks: Vec<u8>,
    /// Sequence number of the first real-time message that it does not hold.
    pub next_sequence: u64,
}

/// What decoding has counted beside the arbiter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveCounters {
    /// Messages whose length or content is wrong.
    pub damaged_messages: u64,
    /// Messages of a type that is not in the specification.
    pub unknown_messages: u64,
    /// Snapshots that were not wanted any more when they came, or too old.
    pub snapshots_refused: u64,
}

/// Turns what the arbiter hands on into market events.
struct Meaning {
    feed: ItchFeed,
    /// Latest receive time handed on, UTC ns: events' times never decrease.
    time_ns: u64,
    damaged: bool,
    counters: LiveCounters,
}

impl Meaning {
    #[inline]
    fn of(&mut self, item: Sequenced<'_>, now_ns: u64, directory: &mut Directory) -> Option<MarketEvent> {
        match item {
            Sequenced::Message { body, sequence, receive_ns, snapshot } => {
                let receive_ns = if receive_ns == TIME_NONE { now_ns } else { receive_ns };
                self.time_ns = self.time_ns.max(receive_ns);
                match self.feed.decode_event(directory, body, sequence, receive_ns) {
                    Ok(event) => event.map(|event| MarketEvent {
                        receive_ns: self.time_ns,
                        flags: event.flags | if snapshot { flags::SNAPSHOT } else { 0 },
                        ..event
                    }),
                    Err(error) => self.refuse(error),
                }
            }
            Sequenced::Gap { first, count } => Some(self.whole_venue(EventKind::Gap, now_ns, first, count)),
            Sequenced::Clear => Some(self.whole_venue(EventKind::Clear, now_ns, 0, 0)),
            Sequenced::Recovered => Some(self.whole_venue(EventKind::Recovered, now_ns, 0, 0)),
        }
    }

    #[cold]
    fn refuse(&mut self, error: DecodeError) -> Option<MarketEvent> {
        if let DecodeError::UnknownType(_) = error {
            self.counters.unknown_messages += 1;
        } else {
            self.counters.damaged_messages += 1;
            self.damaged = true;
        }
        None
    }

    #[cold]
    fn whole_venue(&mut self, kind: EventKind, now_ns: u64, first: u64, count: u64) -> MarketEvent {
        self.time_ns = self.time_ns.max(now_ns);
        let event = MarketEvent::of_venue(self.feed.venue, kind, self.time_ns);
        MarketEvent { sequence: first, second_id: first, quantity: count, ..event }
    }
}

/// See the module's text.
pub struct LiveFeed {
    arbiter: Arbiter,
    meaning: Meaning,
    loading: Option<Loading>,
}

/// A snapshot being taken in.
struct Loading {
    snapshot: Box<Snapshot>,
    /// Bytes taken in.
    at: usize,
    /// Where the portion that was taken in last begins.
    portion_at: usize,
}

impl LiveFeed {
    /// The feed of one venue; every event carries the feed's venue number.
    #[must_use]
    pub fn new(config: ArbiterConfig, feed: ItchFeed) -> Self {
        let counters = LiveCounters::default();
        let meaning = Meaning { feed, time_ns: 0, damaged: false, counters };
        Self { arbiter: Arbiter::new(config), meaning, loading: None }
    }

    /// A packet of line `line`. `now_ns` is the caller's clock, UTC ns.
    #[inline]
    pub fn on_packet(
        &mut self,
        directory: &mut Directory,
        line: usize,
        payload: &[u8],
        receive_ns: u64,
        now_ns: u64,
        sink: &mut impl FnMut(&MarketEvent),
    ) {
        let Self { arbiter, meaning, .. } = self;
        arbiter.on_packet(line, payload, receive_ns, now_ns, &mut |item| {
            if let Some(event) = meaning.of(item, now_ns, directory) {
                sink(&event);
            }
        });
        self.settle(now_ns, directory, sink);
    }

    /// A packet of the retransmission server.
    pub fn on_retransmission(
        &mut self,
        directory: &mut Directory,
        payload: &[u8],
        now_ns: u64,
        sink: &mut impl FnMut(&MarketEvent),
    ) {
        let Self { arbiter, meaning, .. } = self;
        arbiter.on_retransmission(payload, now_ns, now_ns, &mut |item| {
            if let Some(event) = meaning.of(item, now_ns, directory) {
                sink(&event);
            }
        });
        self.settle(now_ns, directory, sink);
    }

    /// What time demands; called once a turn. Takes in a portion of a snapshot, should one be there.
    #[inline]
    pub fn on_time(
        &mut self,
        directory: &mut Directory,
        now_ns: u64,
        sink: &mut impl FnMut(&MarketEvent),
    ) -> Option<Action> {
        if self.loading.is_some() {
            self.take_in(directory, now_ns, sink);
        }
        let Self { arbiter, meaning, .. } = self;
        let action = arbiter.on_time(now_ns, &mut |item| {
            if let Some(event) = meaning.of(item, now_ns, directory) {
                sink(&event);
            }
        });
        self.settle(now_ns, directory, sink);
        action
    }

    /// Begins to take in a snapshot. It is given back when it is not wanted.
    ///
    /// # Errors
    /// The snapshot, unchanged: nothing is missing any more, or it is too old; the next try will fetch another.
    pub fn load(
        &mut self,
        snapshot: Box<Snapshot>,
        directory: &mut Directory,
        now_ns: u64,
        sink: &mut impl FnMut(&MarketEvent),
    ) -> Result<(), Box<Snapshot>> {
        let Self { arbiter, meaning, .. } = self;
        let wanted = arbiter.begin_snapshot(snapshot.next_sequence, &mut |item| {
            if let Some(event) = meaning.of(item, now_ns, directory) {
                sink(&event);
            }
        });
        if !wanted {
            self.meaning.counters.snapshots_refused += 1;
            return Err(snapshot);
        }
        self.loading = Some(Loading { snapshot, at: 0, portion_at: 0 });
        Ok(())
    }

    /// The snapshot that has been taken in, for whoever may free its memory.
    pub fn take_loaded(&mut self) -> Option<Box<Snapshot>> {
        self.loading.take_if(|loading| loading.at >= loading.snapshot.blocks.len()).map(|l| l.snapshot)
    }

    /// Whether a snapshot is being taken in, or waits for [`Self::take_loaded`].
    #[inline]
    #[must_use]
    pub const fn is_loading(&self) -> bool {
        self.loading.is_some()
    }

    /// What the last [`Self::on_time`] took in of a snapshot: the snapshot's `next_sequence`, the message blocks, and
    /// whether they were the last ones.
    #[must_use]
    pub fn portion(&self) -> Option<(u64, &[u8], bool)> {
        let Loading { snapshot, at, portion_at } = self.loading.as_ref()?;
        let portion = snapshot.blocks.get(*portion_at..*at)?;
        Some((snapshot.next_sequence, portion, *at >= snapshot.blocks.len()))
    }

    #[cold]
    fn take_in(&mut self, directory: &mut Directory, now_ns: u64, sink: &mut impl FnMut(&MarketEvent)) {
        let Self { arbiter, meaning, loading } = self;
        let Some(Loading { snapshot, at, portion_at }) = loading else { return };
        *portion_at = *at;
        if *at >= snapshot.blocks.len() && !snapshot.blocks.is_empty() {
            return;
        }
        let mut emit = |item: Sequenced<'_>| {
            if let Some(event) = meaning.of(item, now_ns, directory) {
                sink(&event);
            }
        };
        for body in moldudp64::blocks(&snapshot.blocks[*at..]).take(SNAPSHOT_PORTION) {
            arbiter.snapshot_message(body, now_ns, &mut emit);
            *at += 2 + body.len();
        }
        if *at >= snapshot.blocks.len() {
            arbiter.end_snapshot(now_ns, &mut emit);
        }
    }

    /// An event of this feed did not fit its book.
    #[cold]
    pub fn distrust(&mut self, directory: &mut Directory, now_ns: u64, sink: &mut impl FnMut(&MarketEvent)) {
        let Self { arbiter, meaning, .. } = self;
        arbiter.distrust(now_ns, &mut |item| {
            if let Some(event) = meaning.of(item, now_ns, directory) {
                sink(&event);
            }
        });
    }

    #[inline]
    fn settle(&mut self, now_ns: u64, directory: &mut Directory, sink: &mut impl FnMut(&MarketEvent)) {
        if std::mem::take(&mut self.meaning.damaged) {
            self.distrust(directory, now_ns, sink);
        }
    }

    /// Nothing more will come (the end of a recording): what waits is handed on behind the holes that are left.
    pub fn finish(&mut self, directory: &mut Directory, now_ns: u64, sink: &mut impl FnMut(&MarketEvent)) {
        let Self { arbiter, meaning, .. } = self;
        arbiter.finish(now_ns, &mut |item| {
            if let Some(event) = meaning.of(item, now_ns, directory) {
                sink(&event);
            }
        });
    }

    /// The arbiter, for its state and figures.
    #[must_use]
    pub const fn arbiter(&self) -> &Arbiter {
        &self.arbiter
    }

    /// The arbiter, to end its lines' count.
    pub const fn arbiter_mut(&mut self) -> &mut Arbiter {
        &mut self.arbiter
    }

    /// What decoding has counted.
    #[must_use]
    pub const fn counters(&self) -> &LiveCounters {
        &self.meaning.counters
    }

    /// Dense number of the venue.
    #[must_use]
    pub const fn venue(&self) -> u8 {
        self.meaning.feed.venue
    }
}
