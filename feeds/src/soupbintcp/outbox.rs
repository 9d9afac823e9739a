//! Bytes of one session on their way to its socket, bounded.
//!
//! Allocates its capacity at construction and never grows: a peer that does not read fills it, and then the sender is
//! told. Owned by the session.

use super::Packet;

/// See the module's text.
#[derive(Clone, Debug)]
pub struct Outbox {
    bytes: Box<[u8]>,
    head: usize,
    tail: usize,
}

impl Outbox {
    /// An empty one of `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: vec![0; capacity].into_boxed_slice(), head: 0, tail: 0 }
    }

    /// The bytes to send next, oldest first.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.head..self.tail]
    }

    /// The socket took the first `count` pending bytes (or as many as there are).
    pub fn consume(&mut self, count: usize) {
        self.head = self.head.saturating_add(count).min(self.tail);
        if self.head == self.tail {
            self.clear();
        }
    }

    /// Bytes that can be added now.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.bytes.len() - (self.tail - self.head)
    }

    /// Adds a packet; `false` and nothing added when it does not fit.
    pub fn push(&mut self, packet: &Packet<'_>) -> bool {
        match packet.encode(&mut self.bytes[self.tail..]) {
            Some(length) => {
                self.tail += length;
                true
            }
            None if self.head > 0 => {
                self.bytes.copy_within(self.head..self.tail, 0);
                self.tail -= self.head;
                self.head = 0;
                self.push(packet)
            }
            None => false,
        }
    }

    /// Forgets what is pending: the connection is gone.
    pub fn clear(&mut self) {
        self.head = 0;
        self.tail = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_exactly_its_capacity_and_keeps_the_order() {
        let mut outbox = Outbox::with_capacity(12);
        let mut sent = Vec::new();
        for byte in 0..100u8 {
            while !outbox.push(&Packet::Sequenced(&[byte])) {
                assert!(outbox.room() < 4);
                sent.extend_from_slice(&outbox.pending()[..5]);
                outbox.consume(5);
            }
        }
        sent.extend_from_slice(outbox.pending());
        outbox.consume(usize::MAX);
        assert_eq!((outbox.pending().len(), outbox.room()), (0, 12));
        let expected: Vec<u8> = (0..100u8).flat_map(|byte| [0, 2, b'S', byte]).collect();
        assert_eq!(sent, expected);
        assert!(!outbox.push(&Packet::Sequenced(&[0; 10])) && outbox.pending().is_empty());
    }
}
