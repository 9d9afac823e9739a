//! Ingest: captures in, one merged stream of market events out.
//!
//! One source a venue. Messages are merged by (receive time; source; sequence), and a message is decoded only when it
//! is its turn, so that the stamp at the start of an order's path is taken right before its bytes are decoded.
//! Times of the merged stream never decrease: a source whose clock steps back is held at the latest time seen.
//!
//! Allocates at construction only. It owns the symbol directory: a late listing is entered when its message comes.

use feeds::directory::Directory;
use feeds::error::{CaptureError, CaptureErrorKind};
use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent, Side, flags};
use feeds::itch::feed::ItchFeed;
use feeds::source::file::{Capture, Messages, PacketCursor};
use feeds::units::{PRICE_NONE, TIME_NONE};

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

/// One capture being read.
struct Source<'a> {
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

impl<'a> Source<'a> {
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
    /// Merges captures, each with the feed decoder of its venue.
    ///
    /// # Errors
    /// When the first message of a capture cannot be framed.
    pub fn new(inputs: Vec<(&'a Capture, ItchFeed)>, directory: Directory) -> Result<Self, CaptureError> {
        let mut sources: Vec<_> =
            inputs.into_iter().map(|(capture, feed)| Source::new(capture, feed)).collect();
        for source in &mut sources {
            source.advance()?;
        }
        let mut ingest =
            Self { sources, directory, time_ns: 0, messages: 0, events: 0, next: None, damage: None };
        ingest.choose();
        Ok(ingest)
    }

    fn choose(&mut self) {
        let heads = self.sources.iter().enumerate();
        let times = heads.filter_map(|(at, source)| source.head.as_ref().map(|head| (head.time_ns, at)));
        self.next = times.min().map(|(_, at)| at);
    }

    /// Receive time of the next message, UTC ns; `None` at the end. Damage has the time of the message before it.
    #[inline(always)]
    #[must_use]
    pub fn next_time_ns(&self) -> Option<u64> {
        let Some(at) = self.next else { return self.damage.is_some().then_some(self.time_ns) };
        let head = self.sources[at].head.as_ref()?;
        Some(head.time_ns.max(self.time_ns))
    }

    /// Decodes the next message; `Ok(Some(None))` for one that is no market event, `Ok(None)` at the end.
    ///
    /// # Errors
    /// The file, the byte offset and the cause; every message before it has been handed out.
    #[inline(always)]
    pub fn next_message(&mut self) -> Result<Option<Option<MarketEvent>>, CaptureError> {
        let Some(at) = self.next else { return self.end() };
        let source = &mut self.sources[at];
        let Some(head) = &mut source.head else { return Ok(None) };
        self.time_ns = self.time_ns.max(head.time_ns);
        if head.missing > 0 {
            let missing = std::mem::take(&mut head.missing);
            return Ok(Some(Some(self.gap(at, missing))));
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
        } else if self.sources.len() > 1 {
            self.choose();
        } else if self.sources[0].head.is_none() {
            self.next = None;
        }
        let time_ns = self.time_ns;
        Ok(Some(decoded.map(|event| {
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
    fn gap(&mut self, at: usize, missing: u64) -> MarketEvent {
        self.events += 1;
        let source = &self.sources[at];
        let sequence = source.head.as_ref().map_or(0, |head| head.sequence);
        MarketEvent {
            exchange_ns: self.time_ns,
            receive_ns: self.time_ns,
            sequence,
            order_id: 0,
            second_id: sequence - missing,
            price: PRICE_NONE,
            quantity: missing,
            instrument: INSTRUMENT_ALL,
            venue: source.feed.venue,
            kind: EventKind::Gap,
            side: Side::None,
            flags: flags::LAST_OF_EVENT,
        }
    }

    /// Messages decoded so far, over all sources.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// Messages decoded so far of source number `source`, in the order that [`Self::new`] was given; 0 for one that
    /// is not there.
    #[must_use]
    pub fn messages_of(&self, source: usize) -> u64 {
        self.sources.get(source).map_or(0, |source| source.consumed)
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

/// Finds the byte offset of message `sequence` of a capture, for error texts; `None` when it is not there.
#[must_use]
pub fn offset_of(capture: &Capture, sequence: u64) -> Option<u64> {
    let mut cursor = capture.packets();
    while let Ok(Some(packet)) = cursor.next(capture) {
        let ahead = sequence.checked_sub(packet.first_sequence);
        if let Some(ahead) = ahead.filter(|&ahead| ahead < u64::from(packet.message_count)) {
            return packet.messages().nth(usize::try_from(ahead).ok()?).map(|(_, offset)| offset);
        }
    }
    None
}

#[cfg(test)]
#[path = "ingest_tests.rs"]
mod tests;
