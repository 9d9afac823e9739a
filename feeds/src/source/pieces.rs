//! The pieces that a capture's messages arrived in, and where in them a numbered message lies.
//!
//! A piece is a UDP payload of a capture of packets, a framed message of a BinaryFILE, a DBN record, a Binance line.
//! This is for people's questions and error texts, not for decoding: walking is cold, allocates nothing, and stops at
//! the first part of the capture that cannot be read. Nothing is decoded but what frames messages.

use std::ops::Range;

use super::file::{Capture, PacketCursor};
use super::protocol::Protocol;
use crate::{iex, mdp3, moldudp64};

/// Bytes of the length prefix that ITCH and IEX-TP put before each message.
const PREFIX_LENGTH: usize = 2;

/// How messages lie in a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// The piece is one message.
    Whole,
    /// From this byte on, each behind its big-endian length: MoldUDP64 and BinaryFILE.
    BigEndian(usize),
    /// From this byte on, each behind its little-endian length: IEX-TP.
    LittleEndian(usize),
}

/// Bytes of a capture that arrived together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// All of them, headers and length prefixes included.
    pub bytes: &'a [u8],
    /// Their byte offset in the uncompressed file.
    pub offset: u64,
    /// The line that they were sent to: its place among [`Capture::lines`]; 0 when no lines are told apart.
    pub line: u8,
    /// Number of the first message: of the protocol, or from 1 in a file whose messages have none.
    pub first_sequence: u64,
    /// Messages with a number of their own; a packet of MDP 3.0 has one number for all of its messages.
    pub message_count: u64,
    framing: Framing,
}

impl Piece<'_> {
    /// Where the message of this number lies in [`Self::bytes`], without its length prefix; all of them where the piece
    /// is one message. `None` when it is not in this piece.
    #[must_use]
    pub fn message(&self, sequence: u64) -> Option<Range<usize>> {
        let ahead = sequence.checked_sub(self.first_sequence).filter(|&ahead| ahead < self.message_count)?;
        let (mut at, length_of): (_, fn([u8; PREFIX_LENGTH]) -> u16) = match self.framing {
            Framing::Whole => return Some(0..self.bytes.len()),
            Framing::BigEndian(at) => (at, u16::from_be_bytes),
            Framing::LittleEndian(at) => (at, u16::from_le_bytes),
        };
        let mut message = 0..0;
        for _ in 0..=ahead {
            let prefix = *self.bytes.get(at..)?.first_chunk()?;
            message = at + PREFIX_LENGTH..at + PREFIX_LENGTH + usize::from(length_of(prefix));
            at = message.end;
        }
        Some(message)
    }
}

/// A message that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The piece that brought it.
    pub piece: Piece<'a>,
    /// Where it lies in the piece, as [`Piece::message`] says.
    pub message: Range<usize>,
    /// Messages in the capture before it, those of pieces that were passed over left out.
    pub before: u64,
}

impl Found<'_> {
    /// Byte offset in the uncompressed file at which the message starts, with its length prefix where it has one.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.piece.offset + self.message.start.saturating_sub(PREFIX_LENGTH) as u64
    }
}

/// Walks the pieces of a capture, in order.
pub struct Pieces<'a> {
    capture: &'a Capture,
    cursor: PacketCursor,
}

impl<'a> Pieces<'a> {
    /// In front of the first one.
    #[must_use]
    pub fn new(capture: &'a Capture) -> Self {
        Self { capture, cursor: capture.packets() }
    }

    /// The first piece of those that `counts` that holds message `sequence`. `None` where it is not, or the capture is
    /// damaged before it.
    pub fn find(self, sequence: u64, mut counts: impl FnMut(&Piece<'_>) -> bool) -> Option<Found<'a>> {
        let mut passed = 0;
        for piece in self {
            if !counts(&piece) {
                continue;
            }
            if let Some(message) = piece.message(sequence) {
                let before = passed + (sequence - piece.first_sequence);
                return Some(Found { piece, message, before });
            }
            passed += piece.message_count;
        }
        None
    }

    /// The next one of a file whose messages are numbered by their place.
    fn numbered(&self, bytes: &'a [u8], offset: u64, framing: Framing) -> Piece<'a> {
        Piece { bytes, offset, line: 0, first_sequence: self.cursor.messages(), message_count: 1, framing }
    }

    /// The next UDP payload that is a packet of the capture's protocol.
    fn next_packet(&mut self) -> Option<Piece<'a>> {
        loop {
            let datagram = self.cursor.next_datagram(self.capture).ok()??;
            let bytes = datagram.payload;
            let numbers = match self.capture.protocol() {
                Protocol::Itch => moldudp64::decode(bytes).ok().map(|(header, _)| {
                    let framing = Framing::BigEndian(moldudp64::HEADER_LENGTH);
                    (header.sequence, header.message_count().into(), framing)
                }),
                Protocol::IexTp => iex::transport::decode(bytes).ok().map(|(header, blocks)| {
                    let framing = Framing::LittleEndian(bytes.len() - blocks.len());
                    (header.first_sequence, header.message_count.into(), framing)
                }),
                _ => mdp3::packet::decode(bytes)
                    .ok()
                    .map(|(header, _)| (header.sequence.into(), 1, Framing::Whole)),
            };
            if let Some((first_sequence, message_count, framing)) = numbers {
                let (offset, line) = (datagram.offset, datagram.line);
                return Some(Piece { bytes, offset, line, first_sequence, message_count, framing });
            }
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        match self.capture.protocol() {
            Protocol::Dbn => {
                let (record, offset) = self.cursor.next_record(self.capture).ok()??;
                Some(self.numbered(record.bytes, offset, Framing::Whole))
            }
            Protocol::Binance => {
                let (line, offset) = self.cursor.next_line(self.capture).ok()??;
                Some(self.numbered(line, offset, Framing::Whole))
            }
            Protocol::Itch if self.capture.is_binary_file() => {
                let packet = self.cursor.next(self.capture).ok()??;
                Some(self.numbered(packet.blocks, packet.offset, Framing::BigEndian(0)))
            }
            Protocol::Itch | Protocol::IexTp | Protocol::Mdp3 => self.next_packet(),
        }
    }
}
