//! Bytes on their way to a socket: messages are encoded straight into it, and what a partial write left goes first.
//!
//! Allocates its capacity at construction, never grows. Owned by the thread that owns the socket. It refuses nothing
//! by itself: an encoder that finds too little space says so, and a peer that does not read for that long is lost. FIX and
//! SoupBinTCP sessions use it.

/// See the module.
#[derive(Clone, Debug)]
pub struct SendBuffer {
    bytes: Box<[u8]>,
    head: usize,
    tail: usize,
}

impl SendBuffer {
    /// An empty buffer of `capacity` bytes. Ten times the longest message is ample for one FIX session.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: vec![0; capacity].into_boxed_slice(), head: 0, tail: 0 }
    }

    /// The bytes to write next, oldest first.
    #[inline]
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.head..self.tail]
    }

    /// Whether nothing is left to write.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    /// Drops the first `count` pending bytes: the socket took them.
    ///
    /// # Panics
    /// When that is more than is pending: then bytes would be sent that nobody wrote.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.tail - self.head, "consumed more bytes than were pending");
        self.head += count;
        if self.head == self.tail {
            self.clear();
        }
    }

    /// Bytes that it holds at most.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that can be added now.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.bytes.len() - (self.tail - self.head)
    }

    /// The free space behind the pending bytes, in one piece; where that is less than `wanted` bytes, pending bytes
    /// move to the front. Write a message at its start, then [`Self::commit`] its length.
    #[inline]
    pub fn space(&mut self, wanted: usize) -> &mut [u8] {
        if self.head > 0 && self.bytes.len() - self.tail < wanted {
            self.bytes.copy_within(self.head..self.tail, 0);
            self.tail -= self.head;
            self.head = 0;
        }
        &mut self.bytes[self.tail..]
    }

    /// Makes the first `count` bytes of [`Self::space`] pending.
    ///
    /// # Panics
    /// When there is less space than that.
    #[inline]
    pub fn commit(&mut self, count: usize) {
        assert!(count <= self.bytes.len() - self.tail, "committed more bytes than there was space for");
        self.tail += count;
    }

    /// Forgets what is pending: the connection is gone.
    #[inline]
    pub fn clear(&mut self) {
        self.head = 0;
        self.tail = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_writes_keep_the_order() {
        let mut buffer = SendBuffer::with_capacity(8);
        let mut sent = Vec::new();
        let mut next = 0_u8;
        for step in 0..100 {
            let count = buffer.space(8).len().min(1 + step % 5);
            for place in &mut buffer.space(8)[..count] {
                *place = next;
                next = next.wrapping_add(1);
            }
            buffer.commit(count);
            let taken = buffer.pending().len().min(1 + step % 3);
            sent.extend_from_slice(&buffer.pending()[..taken]);
            buffer.consume(taken);
        }
        assert!(sent.len() > 150);
        assert!(sent.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)));
        buffer.clear();
        assert!(buffer.is_empty());
        assert_eq!((buffer.space(0).len(), buffer.room()), (8, 8));
    }
}
