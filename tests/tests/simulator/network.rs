//! The network in virtual time: what is under way, in a heap by the time at which it arrives, and what the faults of the
//! hour do to it. Bytes of a connection arrive in order or not at all; packets of a feed do as they like.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use engine::pipeline::operator::Scope;
use warptick_tests::chatter::Dice;

use crate::faults::{Fault, FaultCounts, Kind};
use crate::plan::VENUES;

/// One way of a feed's packets, of a request or of a segment.
const FEED_NS: u64 = 20_000;
const SEGMENT_NS: u64 = 50_000;

/// Something that arrives, or is due.
#[derive(Debug)]
pub enum Arrival {
    Packet {
        venue: u8,
        line: u8,
        bytes: Vec<u8>,
    },
    /// To the retransmission server, and its answers.
    Request {
        venue: u8,
        bytes: Vec<u8>,
    },
    Answer {
        venue: u8,
        bytes: Vec<u8>,
    },
    /// The venue tells a snapshot now.
    Snapshot {
        venue: u8,
    },
    ToVenue {
        venue: u8,
        epoch: u32,
        process: u64,
        left_ns: u64,
        bytes: Vec<u8>,
    },
    ToClient {
        venue: u8,
        epoch: u32,
        bytes: Vec<u8>,
    },
    /// A side hears that the connection is gone.
    VenueLoses {
        venue: u8,
        epoch: u32,
    },
    ClientLoses {
        venue: u8,
        epoch: u32,
    },
    /// The engine connects.
    Connects {
        venue: u8,
    },
    /// The engine's process starts again.
    Restart,
    /// The system clock is right again.
    ClockIsBack,
    /// The fault of this number begins.
    Fault(usize),
    /// An operator lets a part go on.
    GoesOn(Scope),
    /// Somebody confirms what was proposed.
    Confirms(u32),
}

struct Item {
    key: Reverse<(u64, u64)>,
    arrival: Arrival,
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Item {}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    /// Segments of another epoch are lost.
    epoch: u32,
    last_ns: u64,
    /// Messages that vanish, messages that come twice.
    swallow: u32,
    repeat: u32,
}

/// To a venue, and to its client.
pub const TO_VENUE: usize = 0;
pub const TO_CLIENT: usize = 1;

/// See the module's text.
pub struct Network {
    heap: BinaryHeap<Item>,
    entered: u64,
    ways: [[Way; 2]; VENUES],
    /// Faults under way, until when.
    active: Vec<(u64, Fault)>,
    dice: Dice,
    /// Number of the engine's process, from 1.
    pub process: u64,
    pub counts: FaultCounts,
}

impl Network {
    pub fn new(seed: u64) -> Self {
        Self {
            heap: BinaryHeap::new(),
            entered: 0,
            ways: [[Way::default(); 2]; VENUES],
            active: Vec::new(),
            dice: Dice::new(seed ^ 0x6e65_7477),
            process: 0,
            counts: FaultCounts::default(),
        }
    }

    pub fn push(&mut self, due_ns: u64, arrival: Arrival) {
        self.entered += 1;
        self.heap.push(Item { key: Reverse((due_ns, self.entered)), arrival });
    }

    pub fn next_ns(&self) -> u64 {
        self.heap.peek().map_or(u64::MAX, |item| item.key.0.0)
    }

    pub fn pop(&mut self) -> Option<Arrival> {
        self.heap.pop().map(|item| item.arrival)
    }

    /// A fault begins that changes what the network does.
    pub fn begin(&mut self, now_ns: u64, fault: Fault) {
        let [to_venue, to_client] = &mut self.ways[usize::from(fault.venue)];
        match fault.kind {
            Kind::Swallow if fault.way == 1 => to_venue.swallow += fault.amount,
            Kind::Swallow => to_client.swallow += fault.amount,
            Kind::Repeat => to_client.repeat += fault.amount,
            _ => self.active.push((now_ns + fault.span_us * 1_000, fault)),
        }
    }

    /// No fault after this.
    pub fn calm_down(&mut self) {
        self.active.clear();
        for way in self.ways.as_flattened_mut() {
            (way.swallow, way.repeat) = (0, 0);
        }
    }

    /// The fault of a kind that is under way at a venue.
    pub fn active(&mut self, now_ns: u64, kind: Kind, venue: u8) -> Option<Fault> {
        self.active.retain(|&(until_ns, _)| until_ns > now_ns);
        let found = self.active.iter().find(|(_, fault)| fault.kind == kind && fault.venue == venue);
        found.map(|&(_, fault)| fault)
    }

    fn happens(&mut self, now_ns: u64, kind: Kind, venue: u8, line: u8) -> Option<Fault> {
        let fault = self.active(now_ns, kind, venue).filter(|fault| fault.way >> line & 1 == 1)?;
        (self.dice.below(1_000) < u64::from(fault.amount)).then(|| {
            self.counts.done(kind);
            fault
        })
    }

    /// A packet that a venue sends on both of its lines.
    pub fn send_packet(&mut self, now_ns: u64, venue: u8, bytes: &[u8]) {
        for line in 0..2 {
            let is_lost = self.happens(now_ns, Kind::FeedLoss, venue, line).is_some();
            if is_lost | self.happens(now_ns, Kind::Outage, venue, line).is_some() {
                continue;
            }
            let skew_ns = match self.active(now_ns, Kind::FeedSkew, venue) {
                Some(fault) if fault.way >> line & 1 == 1 => {
                    self.counts.done(Kind::FeedSkew);
                    u64::from(fault.amount) * 1_000
                }
                _ => 0,
            };
            let held_ns = self
                .happens(now_ns, Kind::FeedReorder, venue, line)
                .map_or(0, |_| 1_000 + self.dice.below(300_000));
            let due_ns = now_ns + FEED_NS + skew_ns + self.dice.below(5_000) + held_ns;
            let times = 1 + u64::from(self.happens(now_ns, Kind::FeedRepeat, venue, line).is_some());
            for time in 0..times {
                let arrival = Arrival::Packet { venue, line, bytes: bytes.to_vec() };
                let later_ns = time * self.dice.below(200_000);
                self.push(due_ns + later_ns, arrival);
            }
        }
    }

    /// Whether the servers of a venue's feed hear and are heard.
    pub fn servers_answer(&mut self, now_ns: u64, venue: u8) -> bool {
        let is_silent = self.active(now_ns, Kind::NoAnswers, venue).is_some();
        if is_silent {
            self.counts.done(Kind::NoAnswers);
        }
        !is_silent
    }

    /// Bytes on their way to or from a venue.
    pub fn send_segment(&mut self, now_ns: u64, venue: u8, way: usize, bytes: &[u8]) {
        for message in messages(bytes) {
            let state = &mut self.ways[usize::from(venue)][way];
            if state.swallow > 0 && message.ends_with(b"\x01") {
                state.swallow -= 1;
                self.counts.done(Kind::Swallow);
                continue;
            }
            let is_repeated = state.repeat > 0;
            state.repeat -= u32::from(is_repeated);
            let pieces = self.active(now_ns, Kind::Pieces, venue).map(|fault| fault.amount as usize);
            for _ in 0..=u32::from(is_repeated) {
                for piece in message.chunks(pieces.unwrap_or(message.len()).max(1)) {
                    self.send_piece(now_ns, venue, way, piece);
                }
            }
            if is_repeated {
                self.counts.done(Kind::Repeat);
            }
            if pieces.is_some() {
                self.counts.done(Kind::Pieces);
            }
        }
    }

    fn send_piece(&mut self, now_ns: u64, venue: u8, way: usize, bytes: &[u8]) {
        let stalled_until_ns = self
            .active
            .iter()
            .filter(|(_, fault)| {
                fault.kind == Kind::Stall && fault.venue == venue && fault.way >> way & 1 == 1
            })
            .map(|&(until_ns, _)| until_ns)
            .filter(|&until_ns| until_ns > now_ns)
            .max();
        if stalled_until_ns.is_some() {
            self.counts.done(Kind::Stall);
        }
        let due_ns = now_ns.max(stalled_until_ns.unwrap_or(0)) + SEGMENT_NS + self.dice.below(20_000);
        let state = &mut self.ways[usize::from(venue)][way];
        state.last_ns = state.last_ns.max(due_ns);
        let (due_ns, epoch) = (state.last_ns, state.epoch);
        let bytes = bytes.to_vec();
        self.push(
            due_ns,
            match way {
                TO_VENUE => Arrival::ToVenue { venue, epoch, process: self.process, left_ns: now_ns, bytes },
                _ => Arrival::ToClient { venue, epoch, bytes },
            },
        );
    }

    pub fn is_current(&self, venue: u8, way: usize, epoch: u32) -> bool {
        self.ways[usize::from(venue)][way].epoch == epoch
    }

    /// What is under way in this direction never arrives.
    pub fn lose(&mut self, venue: u8, way: usize) {
        let state = &mut self.ways[usize::from(venue)][way];
        (state.epoch, state.last_ns) = (state.epoch + 1, 0);
    }

    /// The end of a connection follows what is under way in this direction.
    pub fn end_behind(&mut self, now_ns: u64, venue: u8, way: usize) {
        let Way { epoch, last_ns, .. } = self.ways[usize::from(venue)][way];
        let arrival = if way == TO_VENUE {
            Arrival::VenueLoses { venue, epoch }
        } else {
            Arrival::ClientLoses { venue, epoch }
        };
        self.push(last_ns.max(now_ns) + 1, arrival);
    }
}

/// FIX messages in a stream, each to the end of its CheckSum(10); what is none is the last.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let trailer = bytes.windows(4).position(|window| window == b"\x0110=");
        let length = trailer.map_or(bytes.len(), |at| (at + 8).min(bytes.len()));
        let (message, rest) = bytes.split_at(length);
        bytes = rest;
        Some(message)
    })
}
