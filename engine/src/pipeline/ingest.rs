//! Ingest: captures in, one merged stream of market events out.
//!
//! One source a venue. Messages are merged by (receive time; source; sequence), and a message is decoded only when it
//! is its turn, so that the stamp at the start of an order's path is taken right before its bytes are decoded.
//! Times of the merged stream never decrease: a source whose clock steps back is held at the latest time seen. ITCH,
//! whose messages are one event each, has its own path through here; a message of any other protocol, and a datagram of
//! several recorded lines, may be many events, which are handed out one after the other before anything else has its turn.
//!
//! ITCH allocates at construction only; see [`feeds::source::stream`] for the others. It owns the symbol directory: a late listing is entered when its message comes.

use feeds::directory::Directory;
use feeds::error::{CaptureError, CaptureErrorKind};
use feeds::event::MarketEvent;
use feeds::itch::feed::ItchFeed;
use feeds::source::file::{Capture, Messages, PacketCursor};
use feeds::source::stream::EventStream;
use feeds::units::TIME_NONE;

use crate::control::planted_delay;
use crate::pipeline::recording::Recording;
use crate::pipeline::stamps::Stage;

/// Bytes 5 to 10 of every ITCH body are its time stamp.
const TIMESTAMP: std::ops::Range<usize> = 5..11;

/// The next message of a source, not decoded yet.
#[derive(Clone, Copy)]
struct Head<'a> {
    body: &'a [u8],
    offset: u64,
    sequence: u64,
    receive_ns: u64,
    time_ns: u64,
    /// Messages missing right before this one.
    missing: u64,
}

/// Events that a message's buffer has room for at the start.
const EVENTS_RESERVED: usize = 4096;

/// A capture with the decoder of its protocol.
pub enum Input<'a> {
    /// ITCH: the capture and the feed of its venue.
    Itch(&'a Capture, ItchFeed),
    /// Any other protocol.
    Stream(Box<EventStream<'a>>),
    /// ITCH as several lines brought it.
    Recording(Box<Recording<'a>>),
}

/// One capture being read.
enum Source<'a> {
    Itch(ItchSource<'a>),
    Stream(Box<StreamSource<'a>>),
}

impl Source<'_> {
    /// Receive time of the next message, UTC ns; `None` at the end.
    #[inline(always)]
    fn head_time_ns(&self) -> Option<u64> {
        match self {
            Self::Itch(source) => source.head.as_ref().map(|head| head.time_ns),
            // What is left of a message comes before everything else.
            Self::Stream(source) if source.taken < source.events.len() => Some(0),
            Self::Stream(source) => source.stream.next_time_ns(),
        }
    }
}

/// What is read step by step, each of which may be many events.
enum Steps<'a> {
    Stream(EventStream<'a>),
    Recording(Recording<'a>),
}

impl Steps<'_> {
    #[inline]
    fn next_time_ns(&self) -> Option<u64> {
        match self {
            Self::Stream(stream) => stream.next_time_ns(),
            Self::Recording(recording) => recording.next_time_ns(),
        }
    }

    fn decode(
        &mut self,
        directory: &mut Directory,
        events: &mut Vec<MarketEvent>,
    ) -> Result<(), CaptureError> {
        match self {
            Self::Stream(stream) => stream.decode(directory, events),
            Self::Recording(recording) => {
                recording.decode(directory, events);
                Ok(())
            }
        }
    }

    fn advance(&mut self) -> Result<(), CaptureError> {
        match self {
            Self::Stream(stream) => stream.advance(),
            Self::Recording(recording) => recording.advance(),
        }
    }

    fn messages(&self) -> u64 {
        match self {
            Self::Stream(stream) => stream.messages(),
            Self::Recording(recording) => recording.messages(),
        }
    }
}

/// A capture that is read step by step.
struct StreamSource<'a> {
    stream: Steps<'a>,
    /// Events of the message at hand.
    events: Vec<MarketEvent>,
    /// Those handed out already.
    taken: usize,
    /// Why the rest of the message could not be decoded.
    damage: Option<CaptureError>,
}

impl<'a> StreamSource<'a> {
    fn new(stream: Steps<'a>) -> Self {
        Self { stream, events: Vec::with_capacity(EVENTS_RESERVED), taken: 0, damage: None }
    }
}

/// One ITCH capture being read.
struct ItchSource<'a> {
    capture: &'a Capture,
    cursor: PacketCursor,
    feed: ItchFeed,
    messages: Messages<'a>,
    receive_ns: u64,
    next_sequence: u64,
    missing: u64,
    consumed: u64,
    head: Option<Head<'a>>,
}

impl<'a> ItchSource<'a> {
    fn new(capture: &'a Capture, feed: ItchFeed) -> Self {
        let no_packet: Messages<'a> = feeds::source::file::Packet {
            blocks: &[],
            offset: 0,
            first_sequence: 0,
            receive_ns: 0,
            message_count: 0,
        }
        .messages();
        Self {
            cursor: capture.packets(),
            capture,
            feed,
            messages: no_packet,
            receive_ns: TIME_NONE,
            next_sequence: 0,
            missing: 0,
            consumed: 0,
            head: None,
        }
    }

    /// Moves to the next message. Sequence numbers below the expected one were seen before and are passed over.
    #[inline(always)]
    fn advance(&mut self) -> Result<(), CaptureError> {
        self.head = None;
        loop {
            if let Some((body, offset)) = self.messages.next() {
                let time_ns =
                    if self.receive_ns == TIME_NONE { self.stamp_of(body) } else { self.receive_ns };
                self.head = Some(Head {
                    body,
                    offset,
                    sequence: self.next_sequence,
                    receive_ns: self.receive_ns,
                    time_ns,
                    missing: std::mem::take(&mut self.missing),
                });
                self.next_sequence = self.next_sequence.wrapping_add(1);
                return Ok(());
            }
            let Some(packet) = self.cursor.next(self.capture)? else { return Ok(()) };
            self.receive_ns = packet.receive_ns;
            self.messages = packet.messages();
            if packet.first_sequence != self.next_sequence {
                self.resequence(packet.first_sequence, packet.message_count);
            }
        }
    }

    #[cold]
    fn resequence(&mut self, first_sequence: u64, message_count: u16) {
        if self.next_sequence == 0 || message_count == 0 {
            self.next_sequence = if message_count == 0 { self.next_sequence } else { first_sequence };
        } else if first_sequence > self.next_sequence {
            self.missing = first_sequence - self.next_sequence;
            self.next_sequence = first_sequence;
        } else {
            let seen = self.next_sequence - first_sequence;
            for _ in 0..seen.min(u64::from(message_count)) {
                self.messages.next();
            }
        }
    }

    #[inline(always)]
    fn stamp_of(&self, body: &[u8]) -> u64 {
        let mut bytes = [0; 8];
        if let Some(stamp) = body.get(TIMESTAMP) {
            bytes[2..].copy_from_slice(stamp);
        }
        self.feed.midnight_ns + u64::from_be_bytes(bytes) + self.feed.line_latency_ns
    }
}

/// See the module's text.
pub struct Ingest<'a> {
    sources: Vec<Source<'a>>,
    directory: Directory,
    time_ns: u64,
    messages: u64,
    events: u64,
    next: Option<usize>,
    /// Damage right behind the message that was handed out last.
    damage: Option<CaptureError>,
}

impl<'a> Ingest<'a> {
    /// Merges captures, each with the decoder of its venue, in the order of the venues' numbers.
    ///
    /// # Errors
    /// When the first message of a capture cannot be framed.
    pub fn new(inputs: Vec<Input<'a>>, directory: Directory) -> Result<Self, CaptureError> {
        let mut sources = Vec::with_capacity(inputs.len());
        for input in inputs {
            sources.push(match input {
                Input::Itch(capture, feed) => {
                    let mut source = ItchSource::new(capture, feed);
                    source.advance()?;
                    Source::Itch(source)
                }
                Input::Stream(stream) => Source::Stream(Box::new(StreamSource::new(Steps::Stream(*stream)))),
                Input::Recording(recording) => {
                    Source::Stream(Box::new(StreamSource::new(Steps::Recording(*recording))))
                }
            });
        }
        let mut ingest =
            Self { sources, directory, time_ns: 0, messages: 0, events: 0, next: None, damage: None };
        ingest.choose();
        Ok(ingest)
    }

    fn choose(&mut self) {
        let heads = self.sources.iter().enumerate();
        let times = heads.filter_map(|(at, source)| source.head_time_ns().map(|time_ns| (time_ns, at)));
        self.next = times.min().map(|(_, at)| at);
    }

    /// Receive time of the next message, UTC ns; `None` at the end. Damage has the time of the message before it.
    #[inline(always)]
    #[must_use]
    pub fn next_time_ns(&self) -> Option<u64> {
        let Some(at) = self.next else { return self.damage.is_some().then_some(self.time_ns) };
        Some(self.sources[at].head_time_ns()?.max(self.time_ns))
    }

    /// Decodes the next message; `Ok(Some(None))` for one that is no market event, `Ok(None)` at the end.
    ///
    /// # Errors
    /// The file, the byte offset and the cause; every message before it has been handed out.
    #[inline(always)]
    pub fn next_message(&mut self) -> Result<Option<Option<MarketEvent>>, CaptureError> {
        planted_delay::spend(Stage::Decode);
        let Some(at) = self.next else { return self.end() };
        let Source::Itch(source) = &mut self.sources[at] else { return self.next_of_stream(at) };
        let Some(head) = &mut source.head else { return Ok(None) };
        self.time_ns = self.time_ns.max(head.time_ns);
        if head.missing > 0 {
            let missing = std::mem::take(&mut head.missing);
            let (sequence, venue) = (head.sequence, source.feed.venue);
            return Ok(Some(Some(self.gap(venue, sequence, missing))));
        }
        let head = *head;
        let decoded =
            source.feed.decode_event(&mut self.directory, head.body, head.sequence, head.receive_ns);
        let decoded = decoded.map_err(|error| CaptureError {
            file: source.capture.name().to_owned(),
            offset: head.offset,
            decoded_before: source.consumed,
            kind: CaptureErrorKind::Message(error),
        })?;
        source.consumed += 1;
        self.messages += 1;
        if let Err(error) = source.advance() {
            // This message was good: it goes out first, and nothing behind the damage does.
            self.damage = Some(error);
            self.next = None;
        } else if source.head.is_none() || self.sources.len() > 1 {
            self.choose();
        }
        let time_ns = self.time_ns;
        Ok(Some(decoded.map(|event| {
            self.events += 1;
            MarketEvent { receive_ns: time_ns, ..event }
        })))
    }

    /// [`Self::next_message`] of the protocols whose messages may be many events.
    #[inline(never)]
    fn next_of_stream(&mut self, at: usize) -> Result<Option<Option<MarketEvent>>, CaptureError> {
        let Source::Stream(source) = &mut self.sources[at] else { return Ok(None) };
        if source.taken >= source.events.len() {
            let Some(time_ns) = source.stream.next_time_ns() else { return Ok(None) };
            self.time_ns = self.time_ns.max(time_ns);
            source.events.clear();
            source.taken = 0;
            let before = source.stream.messages();
            source.damage = source.stream.decode(&mut self.directory, &mut source.events).err();
            self.messages += source.stream.messages() - before;
        }
        let event = source.events.get(source.taken).copied();
        source.taken += 1;
        if source.taken >= source.events.len() {
            // The message is over: what is behind it is looked at now, damaged or not.
            let damage = source.damage.take().or_else(|| source.stream.advance().err());
            if let (Some(error), None) = (&damage, event) {
                self.next = None;
                self.damage = Some(error.clone());
                return Err(error.clone());
            }
            if damage.is_some() {
                self.damage = damage;
                self.next = None;
            } else {
                self.choose();
            }
        }
        let time_ns = self.time_ns;
        Ok(Some(event.map(|event| {
            self.events += 1;
            MarketEvent { receive_ns: time_ns, ..event }
        })))
    }

    /// Nothing can be handed out any more: the captures are at their ends, or one is damaged here.
    #[cold]
    fn end(&self) -> Result<Option<Option<MarketEvent>>, CaptureError> {
        self.damage.clone().map_or(Ok(None), Err)
    }

    /// Decodes up to the next market event; `None` at the end.
    ///
    /// # Errors
    /// As [`Self::next_message`].
    #[inline(always)]
    pub fn next_event(&mut self) -> Result<Option<MarketEvent>, CaptureError> {
        loop {
            match self.next_message()? {
                None => return Ok(None),
                Some(None) => {}
                Some(Some(event)) => return Ok(Some(event)),
            }
        }
    }

    #[cold]
    fn gap(&mut self, venue: u8, sequence: u64, missing: u64) -> MarketEvent {
        self.events += 1;
        MarketEvent::gap(venue, sequence - missing, sequence, self.time_ns)
    }

    /// Messages decoded so far, over all sources.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// Number of the next message, from 0; the events that are left of one have its number.
    #[inline(always)]
    #[must_use]
    pub fn next_number(&self) -> u64 {
        let is_left = match self.next.map(|at| &self.sources[at]) {
            Some(Source::Stream(source)) => source.taken > 0 && source.taken < source.events.len(),
            _ => false,
        };
        self.messages.saturating_sub(u64::from(is_left))
    }

    /// Messages decoded so far of source number `source`, in the order that [`Self::new`] was given; 0 for one that
    /// is not there.
    #[must_use]
    pub fn messages_of(&self, source: usize) -> u64 {
        match self.sources.get(source) {
            Some(Source::Itch(source)) => source.consumed,
            Some(Source::Stream(source)) => source.stream.messages(),
            None => 0,
        }
    }

    /// Market events handed out so far.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The symbol directory as it stands.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }
}

#[cfg(test)]
#[path = "ingest_tests.rs"]
mod tests;
