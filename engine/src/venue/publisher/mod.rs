//! The venue's feed, sans-I/O: a capture's messages as MoldUDP64 packets, retransmission of what was sent, and GLIMPSE
//! snapshots.
//!
//! [`FeedPublisher`] is driven by whoever owns the sockets: messages that are due go out through a sink, requests come
//! in as bytes. [`LineFaults`] stands between it and a line and loses, repeats, delays and reorders packets as it is
//! told, the same for the same seed. [`SnapshotBooks`] are the venue's books for snapshots.
//!
//! Memory is taken at construction and is bounded: the capture is there already and is the store of what was sent, so
//! retransmission needs 8 bytes a message of its window. What lies before the window is refused, so that a client
//! that has lost it must take a snapshot. The publisher sends what the capture says and nothing else: clients' orders
//! do not appear in it, and a hole in the capture is no hole in its sequence numbers.

mod line_faults;
#[cfg(test)]
mod recovery_tests;
mod snapshot;
#[cfg(test)]
mod snapshot_tests;
mod tape;
#[cfg(test)]
mod tests;

use std::fmt;

use feeds::moldudp64::{END_OF_SESSION, HEADER_LENGTH, Header, Request};
use feeds::source::file::Capture;
use feeds::units::NS_PER_S;

pub use line_faults::{FaultConfig, FaultCounts, LineFaults, PACKETS_MAX, PPM, SequenceRanges};
pub use snapshot::{Snapshot, SnapshotBooks, Told};
use tape::{Tape, message_at};

/// Fewest payload bytes of a packet: the header and any one ITCH message.
pub const PACKET_BYTES_MIN: usize = 128;

/// Most payload bytes of a packet: what UDP over IPv4 carries.
pub const PACKET_BYTES_MAX: usize = 65_507;

/// Most messages that can be sent again.
pub const RETRANSMISSION_WINDOW_MAX: usize = 1 << 27;

/// What a publisher is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublisherConfig {
    /// Session name in every packet, ASCII.
    pub session: [u8; 10],
    /// Payload bytes of a packet at most, [`PACKET_BYTES_MIN`] to [`PACKET_BYTES_MAX`].
    pub packet_bytes_max: usize,
    /// A heartbeat goes out when nothing else did for this long, ns.
    pub heartbeat_ns: u64,
    /// How many of the messages sent last can be sent again, 1 to [`RETRANSMISSION_WINDOW_MAX`]; 8 bytes each.
    pub retransmission_window: usize,
    /// Packets that answer one request at most; the specification's server sends one.
    pub answer_packets_max: u32,
}

impl Default for PublisherConfig {
    /// Packets for an Ethernet frame, a heartbeat a second, a million messages to ask for, eight packets an answer.
    fn default() -> Self {
        Self {
            session: *b"WARPTICK01",
            packet_bytes_max: 1_400,
            heartbeat_ns: NS_PER_S,
            retransmission_window: 1 << 20,
            answer_packets_max: 8,
        }
    }
}

impl PublisherConfig {
    /// Checks the bounds of its fields.
    ///
    /// # Errors
    /// The first field out of its bounds.
    pub fn check(&self) -> Result<(), PublisherConfigError> {
        let bounds = [
            ("packet_bytes_max", self.packet_bytes_max, PACKET_BYTES_MIN, PACKET_BYTES_MAX),
            ("retransmission_window", self.retransmission_window, 1, RETRANSMISSION_WINDOW_MAX),
            ("answer_packets_max", self.answer_packets_max as usize, 1, 1 << 16),
        ];
        for (field, value, least, most) in bounds {
            if !(least..=most).contains(&value) {
                return Err(PublisherConfigError(field, value as u64, least as u64, most as u64));
            }
        }
        if self.heartbeat_ns == 0 {
            return Err(PublisherConfigError("heartbeat_ns", 0, 1, u64::MAX));
        }
        Ok(())
    }
}

/// A [`PublisherConfig`] that no publisher can be made from: the field, its value, its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublisherConfigError(&'static str, u64, u64, u64);

impl fmt::Display for PublisherConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(field, value, least, most) = self;
        write!(f, "feed {field} = {value}: must be {least} to {most}")
    }
}

impl std::error::Error for PublisherConfigError {}

/// What became of a request for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Messages were sent; perhaps fewer than were asked for.
    Sent {
        /// How many.
        messages: u64,
    },
    /// Not 20 bytes, or for no messages: nothing was sent.
    Malformed,
    /// For another session: nothing was sent.
    OtherSession,
    /// Its first message lies before the window: nothing was sent, and only a snapshot helps.
    TooOld,
    /// Its first message has not been sent yet: nothing was sent.
    NotSentYet,
}

/// What a publisher has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublisherCounts {
    /// Packets with messages.
    pub packets: u64,
    /// Heartbeats and ends of session.
    pub heartbeats: u64,
    /// Requests that came in.
    pub requests: u64,
    /// Requests that nothing was sent for.
    pub refused: u64,
    /// Messages sent again.
    pub messages_sent_again: u64,
}

/// See the module's text.
pub struct FeedPublisher<'a> {
    config: PublisherConfig,
    capture: &'a Capture,
    tape: Tape<'a>,
    /// Offsets of the messages sent last, by number modulo the window.
    offsets: Box<[u64]>,
    packet: PacketBuilder,
    last_sent_ns: Option<u64>,
    ended: bool,
    counts: PublisherCounts,
}

impl<'a> FeedPublisher<'a> {
    /// A publisher of a capture's messages, none of them sent.
    ///
    /// # Errors
    /// A field out of its bounds.
    pub fn new(capture: &'a Capture, config: PublisherConfig) -> Result<Self, PublisherConfigError> {
        config.check()?;
        Ok(Self {
            tape: Tape::new(capture),
            offsets: vec![0; config.retransmission_window].into_boxed_slice(),
            packet: PacketBuilder::new(config.session, config.packet_bytes_max),
            last_sent_ns: None,
            ended: false,
            counts: PublisherCounts::default(),
            capture,
            config,
        })
    }

    /// Sends the messages up to number `until` of the capture, at most `messages_max` of them, as packets that are as
    /// full as they get; returns how many messages it sent. Nothing waits for the next call.
    pub fn publish(
        &mut self,
        now_ns: u64,
        until: u64,
        messages_max: u64,
        out: &mut impl FnMut(&[u8]),
    ) -> u64 {
        let before = self.tape.taken();
        let until = until.min(before.saturating_add(messages_max));
        let Self { tape, offsets, packet, counts, .. } = self;
        packet.begin(before + 1);
        while tape.taken() < until {
            let Some((framed, offset)) = tape.next_framed() else { break };
            let number = tape.taken();
            offsets[slot(number, offsets.len())] = offset;
            if !packet.push(framed) {
                counts.packets += 1;
                out(packet.finish());
                packet.begin(number);
                packet.push(framed);
            }
        }
        if !packet.is_empty() {
            counts.packets += 1;
            out(packet.finish());
        }
        let sent = self.tape.taken() - before;
        if sent > 0 {
            self.last_sent_ns = Some(now_ns);
        }
        sent
    }

    /// No message will follow: from now on the heartbeats are ends of the session.
    pub fn end_session(&mut self) {
        if !self.ended {
            self.ended = true;
            self.last_sent_ns = None;
        }
    }

    /// Sends the heartbeat that is due: the next sequence number, or the end of the session.
    pub fn on_timer(&mut self, now_ns: u64, out: &mut impl FnMut(&[u8])) {
        if now_ns < self.next_timer_ns() {
            return;
        }
        let count = if self.ended { END_OF_SESSION } else { 0 };
        let header = Header { session: self.config.session, sequence: self.next_sequence(), count };
        self.last_sent_ns = Some(now_ns);
        self.counts.heartbeats += 1;
        out(&header.encode());
    }

    /// When [`Self::on_timer`] has something to send, ns.
    #[must_use]
    pub fn next_timer_ns(&self) -> u64 {
        self.last_sent_ns.map_or(0, |sent_ns| sent_ns.saturating_add(self.config.heartbeat_ns))
    }

    /// Answers a MoldUDP64 request: the messages asked for, as many as fit [`PublisherConfig::answer_packets_max`]
    /// packets, or nothing.
    pub fn on_request(&mut self, request: &[u8], out: &mut impl FnMut(&[u8])) -> Answer {
        self.counts.requests += 1;
        let answer = self.answer(request, out);
        match answer {
            Answer::Sent { messages } => self.counts.messages_sent_again += messages,
            _ => self.counts.refused += 1,
        }
        answer
    }

    fn answer(&mut self, request: &[u8], out: &mut impl FnMut(&[u8])) -> Answer {
        let Some(request) = Request::decode(request).filter(|request| request.count > 0) else {
            return Answer::Malformed;
        };
        if request.session != self.config.session {
            return Answer::OtherSession;
        }
        if request.sequence < self.oldest_sequence() {
            return Answer::TooOld;
        }
        if request.sequence >= self.next_sequence() {
            return Answer::NotSentYet;
        }
        let behind = request.sequence.saturating_add(u64::from(request.count)).min(self.next_sequence());
        let mut next = request.sequence;
        for _ in 0..self.config.answer_packets_max {
            self.packet.begin(next);
            while next < behind {
                let offset = self.offsets[slot(next, self.offsets.len())];
                if !self.packet.push(message_at(self.capture, offset)) {
                    break;
                }
                next += 1;
            }
            if self.packet.is_empty() {
                break;
            }
            out(self.packet.finish());
        }
        Answer::Sent { messages: next - request.sequence }
    }

    /// Number of the next message to be sent, from 1.
    #[must_use]
    pub const fn next_sequence(&self) -> u64 {
        self.tape.taken() + 1
    }

    /// Number of the oldest message that can be sent again.
    #[must_use]
    pub const fn oldest_sequence(&self) -> u64 {
        self.tape.taken().saturating_sub(self.offsets.len() as u64) + 1
    }

    /// Whether the session has ended.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.ended
    }

    /// What has been done so far.
    #[must_use]
    pub const fn counts(&self) -> PublisherCounts {
        self.counts
    }
}

/// Place of a message in a table of the last `window` ones; the remainder is below the table's length.
fn slot(number: u64, window: usize) -> usize {
    (number % window as u64) as usize
}

/// A packet being filled.
struct PacketBuilder {
    session: [u8; 10],
    bytes: Vec<u8>,
    bytes_max: usize,
    first: u64,
    count: u16,
}

impl PacketBuilder {
    fn new(session: [u8; 10], bytes_max: usize) -> Self {
        Self { session, bytes: Vec::with_capacity(bytes_max), bytes_max, first: 1, count: 0 }
    }

    fn begin(&mut self, first: u64) {
        self.bytes.clear();
        self.bytes.resize(HEADER_LENGTH, 0);
        self.first = first;
        self.count = 0;
    }

    const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a message with its length prefix; `false` when it does not fit behind those that are there.
    fn push(&mut self, framed: &[u8]) -> bool {
        let full = self.bytes.len() + framed.len() > self.bytes_max || self.count == END_OF_SESSION - 1;
        if full && self.count > 0 {
            return false;
        }
        self.bytes.extend_from_slice(framed);
        self.count += 1;
        true
    }

    fn finish(&mut self) -> &[u8] {
        let header = Header { session: self.session, sequence: self.first, count: self.count };
        self.bytes[..HEADER_LENGTH].copy_from_slice(&header.encode());
        &self.bytes
    }
}
