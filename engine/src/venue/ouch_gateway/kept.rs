//! The numbered messages that the venue has said, in memory: what a client that was away asks for.
//!
//! Two rings, allocated at construction: the bytes, and where each number's message lies in them. The oldest go when room
//! is needed. Owned by the gateway.

/// Where a message lies: its bytes as a count from the first byte ever kept.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    start: u64,
    length: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct KeptMessages {
    bytes: Box<[u8]>,
    /// Bytes kept so far; the next one goes to this place modulo the ring.
    written: u64,
    places: Box<[Place]>,
    first: u64,
    next: u64,
}

impl KeptMessages {
    /// Room for this many bytes and messages, both at least 1.
    pub(super) fn new(bytes: usize, messages: usize) -> Self {
        Self {
            bytes: vec![0; bytes.max(1)].into_boxed_slice(),
            written: 0,
            places: vec![Place::default(); messages.max(1)].into_boxed_slice(),
            first: 1,
            next: 1,
        }
    }

    /// Number of the oldest message that is kept; [`Self::next`] when none is.
    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    /// Number of the next message; the first ever has number 1.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    fn place(&self, number: u64) -> usize {
        (number % self.places.len() as u64) as usize
    }

    /// Keeps the next message; a message lies in one piece, so that the ring's end may stay unused.
    ///
    /// # Panics
    /// When the message is longer than the ring.
    pub(super) fn push(&mut self, message: &[u8]) {
        let capacity = self.bytes.len() as u64;
        let length = message.len() as u64;
        assert!(length <= capacity, "a message of {length} bytes in a ring of {capacity}");
        if self.written % capacity + length > capacity {
            self.written += capacity - self.written % capacity;
        }
        let end = self.written + length;
        while self.first < self.next
            && (self.places[self.place(self.first)].start + capacity < end
                || self.next - self.first == self.places.len() as u64)
        {
            self.first += 1;
        }
        let at = (self.written % capacity) as usize;
        self.bytes[at..at + message.len()].copy_from_slice(message);
        let place = self.place(self.next);
        self.places[place] = Place { start: self.written, length: message.len() as u32 };
        self.written = end;
        self.next += 1;
    }

    /// The message with this number, if it is kept.
    pub(super) fn get(&self, number: u64) -> Option<&[u8]> {
        if !(self.first..self.next).contains(&number) {
            return None;
        }
        let place = self.places[self.place(number)];
        let at = (place.start % self.bytes.len() as u64) as usize;
        self.bytes.get(at..at + place.length as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is said to be kept is there, unchanged, and the newest always are.
        #[test]
        fn what_is_kept_is_right(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 1..100),
            bytes in 20..200usize, places in 1..40usize,
        ) {
            let mut kept = KeptMessages::new(bytes, places);
            for (at, message) in messages.iter().enumerate() {
                kept.push(message);
                prop_assert_eq!(kept.next(), at as u64 + 2);
                prop_assert!(kept.first() <= at as u64 + 1);
                for number in 0..kept.next() + 2 {
                    let expected = (kept.first()..kept.next())
                        .contains(&number)
                        .then(|| &messages[number as usize - 1][..]);
                    prop_assert_eq!(kept.get(number), expected);
                }
            }
        }
    }
}
