//! A capture of any protocol but ITCH as a stream of messages, each decoded at its turn.
//!
//! A message is what is framed and decoded at once: a packet of IEX-TP or MDP 3.0, a DBN record, a Binance line. The
//! stream frames the next one ([`EventStream::advance`], no decoding) so that its receive time is known, and decodes it
//! when it is asked to ([`EventStream::decode`]). One thread owns it. It allocates when it is made, for a new
//! instrument, and for a line longer than every one before.
//!
//! Missing packets of IEX-TP and MDP 3.0 are told from their sequence numbers and become a [`crate::event::EventKind::Gap`] of the
//! venue; packets whose messages have all been seen (the other line of the same feed) are passed over and counted.

use super::file::{Capture, PacketCursor};
use super::protocol::Protocol;
use crate::binance::feed::{BinanceFeed, BookSource, split};
use crate::binance::message::Market;
use crate::databento::feed::DbnFeed;
use crate::databento::records::Record;
use crate::directory::Directory;
use crate::error::{CaptureError, CaptureErrorKind};
use crate::event::MarketEvent;
use crate::iex::{self, feed::IexFeed};
use crate::mdp3::feed::{BookForm, Mdp3Feed};
use crate::mdp3::packet;
use crate::packet_decoder::{PacketDecoder, StreamId};
use crate::symbol::Symbol;
use crate::units::TIME_NONE;

/// Numbered streams in one capture that are followed.
const STREAMS_MAX: usize = 64;

/// What a stream is made from beside its capture: what one pass over it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamConfig {
    /// Dense venue number.
    pub venue: u8,
    /// Added to the exchange's time where a message has no receive time, ns.
    pub line_latency_ns: u64,
    /// Instruments that fit, at most 2^16.
    pub instruments_max: usize,
    /// MDP 3.0: books by order or by price.
    pub mdp3_form: BookForm,
    /// Binance: which lines make the book.
    pub binance_source: BookSource,
    /// Binance: the symbols in the order of first sight.
    pub binance_symbols: Vec<(Market, Symbol)>,
    /// Binance: the longest line, bytes.
    pub line_bytes_max: usize,
}

impl StreamConfig {
    /// The configuration of a first pass, about which nothing is known yet.
    #[must_use]
    pub fn unknown(venue: u8) -> Self {
        Self {
            venue,
            line_latency_ns: 0,
            instruments_max: 1 << 16,
            mdp3_form: BookForm::Levels,
            binance_source: BookSource::Depth,
            binance_symbols: Vec::new(),
            line_bytes_max: 1 << 16,
        }
    }
}

enum Decoder {
    Iex(IexFeed),
    Mdp3(Mdp3Feed),
    Dbn(DbnFeed),
    Binance(BinanceFeed),
}

/// A message that is framed, not decoded.
#[derive(Clone, Copy)]
struct Head<'a> {
    bytes: &'a [u8],
    offset: u64,
    receive_ns: u64,
}

/// See the module's text.
pub struct EventStream<'a> {
    capture: &'a Capture,
    cursor: PacketCursor,
    decoder: Decoder,
    config: StreamConfig,
    head: Option<Head<'a>>,
    /// Records or lines framed so far.
    framed: u64,
    /// Messages decoded so far.
    decoded: u64,
    /// Next sequence number of each numbered stream.
    expected: Vec<(StreamId, u64)>,
    repeated_packets: u64,
    expects_symbols: bool,
}

impl<'a> EventStream<'a> {
    /// The stream of a capture, in front of its first message; `None` for ITCH, which has its own path.
    ///
    /// # Errors
    /// When the first message cannot be framed.
    pub fn new(capture: &'a Capture, config: StreamConfig) -> Result<Option<Self>, CaptureError> {
        let (venue, instruments_max, latency_ns) =
            (config.venue, config.instruments_max, config.line_latency_ns);
        let decoder = match capture.protocol() {
            Protocol::Itch => return Ok(None),
            Protocol::IexTp => Decoder::Iex(IexFeed::new(venue, instruments_max, latency_ns)),
            Protocol::Mdp3 => {
                Decoder::Mdp3(Mdp3Feed::new(venue, 0, config.mdp3_form, instruments_max, latency_ns))
            }
            Protocol::Dbn => {
                let Some(layout) = capture.dbn_layout() else { return Ok(None) };
                Decoder::Dbn(DbnFeed::new(layout, venue, instruments_max, latency_ns))
            }
            Protocol::Binance => {
                Decoder::Binance(BinanceFeed::new(venue, config.binance_source, config.line_bytes_max))
            }
        };
        let mut stream = Self {
            capture,
            cursor: capture.packets(),
            decoder,
            config,
            head: None,
            framed: 0,
            decoded: 0,
            expected: Vec::with_capacity(STREAMS_MAX),
            repeated_packets: 0,
            expects_symbols: true,
        };
        stream.advance()?;
        Ok(Some(stream))
    }

    /// Moves to the next message; [`Self::next_time_ns`] is `None` at the end.
    ///
    /// # Errors
    /// The message cannot be framed; every one before it has been given out.
    pub fn advance(&mut self) -> Result<(), CaptureError> {
        self.head = None;
        let (bytes, offset, receive_ns) = match self.decoder {
            Decoder::Iex(_) | Decoder::Mdp3(_) => {
                let Some(datagram) = self.cursor.next_datagram(self.capture)? else { return Ok(()) };
                (datagram.payload, datagram.offset, datagram.receive_ns)
            }
            Decoder::Dbn(_) => {
                let Some((record, offset)) = self.cursor.next_record(self.capture)? else { return Ok(()) };
                (record.bytes, offset, record.receive_ns())
            }
            Decoder::Binance(_) => {
                let Some((line, offset)) = self.cursor.next_line(self.capture)? else { return Ok(()) };
                let (receive_ns, json) =
                    split(line).map_err(|error| self.error(offset, CaptureErrorKind::Line(error)))?;
                (json, offset, receive_ns)
            }
        };
        self.framed += 1;
        self.head = Some(Head { bytes, offset, receive_ns });
        Ok(())
    }

    /// Receive time of the next message, UTC ns; 0 where it has none, which is «as soon as possible». `None` at the
    /// end.
    #[inline]
    #[must_use]
    pub fn next_time_ns(&self) -> Option<u64> {
        self.head.map(|head| if head.receive_ns == TIME_NONE { 0 } else { head.receive_ns })
    }

    /// Bytes of the next message, 0 at the end.
    #[must_use]
    pub fn head_bytes(&self) -> usize {
        self.head.map_or(0, |head| head.bytes.len())
    }

    /// Messages decoded so far, as the protocol counts them: those in packets, records, lines.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.decoded
    }

    /// Packets passed over because all their messages had been seen.
    #[must_use]
    pub fn repeated_packets(&self) -> u64 {
        self.repeated_packets
    }

    /// Frames passed over because they hold neither UDP nor TCP.
    #[must_use]
    pub fn skipped_frames(&self) -> u64 {
        self.cursor.skipped_frames()
    }

    /// Decodes the message that [`Self::advance`] came to and appends its events to `events`. Its number is that of
    /// the record or line, or the protocol's own.
    ///
    /// # Errors
    /// File, byte offset and cause; what is in `events` is good, and so was every message before.
    pub fn decode(
        &mut self,
        directory: &mut Directory,
        events: &mut Vec<MarketEvent>,
    ) -> Result<(), CaptureError> {
        let Some(head) = self.head else { return Ok(()) };
        let kind = match &mut self.decoder {
            Decoder::Iex(_) | Decoder::Mdp3(_) => return self.decode_packet(directory, head, events),
            Decoder::Dbn(feed) => {
                let record = Record { bytes: head.bytes, rtype: head.bytes.get(1).copied().unwrap_or(0) };
                feed.decode_record(directory, record, self.framed, events).map_err(CaptureErrorKind::Record)
            }
            Decoder::Binance(feed) => {
                if std::mem::take(&mut self.expects_symbols) {
                    for &(market, symbol) in &self.config.binance_symbols {
                        feed.expect(directory, market, symbol);
                    }
                }
                feed.decode_line(directory, head.bytes, self.framed, head.receive_ns, events)
                    .map_err(CaptureErrorKind::Line)
            }
        };
        match kind {
            Ok(()) => {
                self.decoded += 1;
                Ok(())
            }
            Err(kind) => Err(self.error(head.offset, kind)),
        }
    }

    /// A packet: whether it is the next one, then its messages.
    fn decode_packet(
        &mut self,
        directory: &mut Directory,
        head: Head<'_>,
        events: &mut Vec<MarketEvent>,
    ) -> Result<(), CaptureError> {
        let place = packet_place(&self.decoder, head.bytes);
        let expected = place.and_then(|(stream, ..)| {
            self.expected.iter().find(|(known, _)| *known == stream).map(|&(_, expected)| expected)
        });
        let mut gap = None;
        if let (Some((_, first, next)), Some(expected)) = (place, expected) {
            if next <= expected && first < expected {
                self.repeated_packets += 1;
                return Ok(());
            }
            gap = (first > expected).then_some((expected, first));
        }
        let decoder: &mut dyn PacketDecoder = match &mut self.decoder {
            Decoder::Iex(feed) => feed,
            Decoder::Mdp3(feed) => feed,
            Decoder::Dbn(_) | Decoder::Binance(_) => return Ok(()),
        };
        if let Some((expected, first)) = gap {
            decoder.lost();
            events.push(MarketEvent::gap(self.config.venue, expected, first, head.receive_ns));
        }
        let summary = decoder.decode_packet(directory, head.bytes, head.receive_ns, events);
        match summary {
            Ok(summary) => {
                self.decoded += u64::from(summary.message_count);
                match self.expected.iter().position(|(known, _)| *known == summary.stream) {
                    Some(at) => self.expected[at].1 = self.expected[at].1.max(summary.next_sequence),
                    None if self.expected.len() < STREAMS_MAX => {
                        self.expected.push((summary.stream, summary.next_sequence));
                    }
                    None => {}
                }
                Ok(())
            }
            Err(error) => {
                let offset = head.offset + u64::from(error.offset);
                Err(self.error(offset, CaptureErrorKind::Packet(error)))
            }
        }
    }

    /// What a first pass found out about the decoder's needs: the configuration of the next.
    #[must_use]
    pub fn into_config(self) -> StreamConfig {
        let mut config = self.config;
        if let Decoder::Binance(feed) = &self.decoder {
            config.binance_symbols = (0..=u16::MAX).map_while(|locate| feed.listing(locate)).collect();
            if feed.counters().diffs == 0 {
                config.binance_source = BookSource::Ticker;
            }
        }
        config
    }

    #[cold]
    fn error(&self, offset: u64, kind: CaptureErrorKind) -> CaptureError {
        self.capture.error_at(offset, self.decoded, kind)
    }
}

/// Stream, first and next sequence number of a packet, from its header alone.
fn packet_place(decoder: &Decoder, payload: &[u8]) -> Option<(StreamId, u64, u64)> {
    match decoder {
        Decoder::Iex(_) => {
            let (header, _) = iex::transport::decode(payload).ok()?;
            let stream = StreamId { channel: header.channel, session: header.session };
            let next = header.first_sequence.saturating_add(header.message_count.into());
            Some((stream, header.first_sequence, next))
        }
        Decoder::Mdp3(_) => {
            let (header, _) = packet::decode(payload).ok()?;
            let first = u64::from(header.sequence);
            Some((StreamId { channel: 0, session: 0 }, first, first + 1))
        }
        Decoder::Dbn(_) | Decoder::Binance(_) => None,
    }
}
