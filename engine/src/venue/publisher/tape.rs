//! The messages of a capture in order, each in its framing and numbered from 1 without holes.
//!
//! What a capture repeats is passed over, and what it lacks is not numbered: the numbers are those of
//! [`crate::pipeline::ingest::Ingest`]'s messages of the same capture. Allocates nothing. A damaged part is the end:
//! whoever replays the capture for matching reports it.

use feeds::source::file::{Capture, Messages, Packet, PacketCursor};

/// See the module's text.
pub(super) struct Tape<'a> {
    capture: &'a Capture,
    cursor: PacketCursor,
    messages: Messages<'a>,
    /// Number in the capture of the message that comes next; 0 before the first.
    expected: u64,
    taken: u64,
}

impl<'a> Tape<'a> {
    /// In front of the first message.
    pub(super) fn new(capture: &'a Capture) -> Self {
        let nothing = Packet { blocks: &[], offset: 0, first_sequence: 0, receive_ns: 0, message_count: 0 };
        Self { capture, cursor: capture.packets(), messages: nothing.messages(), expected: 0, taken: 0 }
    }

    /// Messages taken so far: the number of the one taken last.
    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }

    /// The next message with its length prefix, and the offset of that in the capture; `None` at the end.
    pub(super) fn next_framed(&mut self) -> Option<(&'a [u8], u64)> {
        loop {
            if let Some((body, offset)) = self.messages.next() {
                self.expected = self.expected.wrapping_add(1);
                self.taken += 1;
                return Some((framed_at(self.capture, offset, body.len() + 2), offset));
            }
            let packet = self.cursor.next(self.capture).ok()??;
            self.messages = packet.messages();
            self.align(&packet);
        }
    }

    /// Passes over the messages of a packet that came before.
    fn align(&mut self, packet: &Packet<'_>) {
        if packet.message_count == 0 {
            return;
        }
        if self.expected == 0 || packet.first_sequence >= self.expected {
            self.expected = packet.first_sequence;
            return;
        }
        let seen = (self.expected - packet.first_sequence).min(u64::from(packet.message_count));
        for _ in 0..seen {
            self.messages.next();
        }
    }
}

/// `length` bytes of the capture at `offset`, both as a [`Tape`] gave them; empty for anything else.
pub(super) fn framed_at(capture: &Capture, offset: u64, length: usize) -> &[u8] {
    let bytes = capture.bytes();
    usize::try_from(offset)
        .ok()
        .and_then(|start| bytes.get(start..start.checked_add(length)?))
        .unwrap_or_default()
}

/// The message with its length prefix at `offset`, as a [`Tape`] gave it.
pub(super) fn message_at(capture: &Capture, offset: u64) -> &[u8] {
    let prefix = framed_at(capture, offset, 2);
    let length = prefix.first_chunk().map_or(0, |prefix| usize::from(u16::from_be_bytes(*prefix)));
    framed_at(capture, offset, length + 2)
}
