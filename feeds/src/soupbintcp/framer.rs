//! SoupBinTCP packets out of a byte stream that was cut anywhere.
//!
//! One buffer, allocated at construction, holds what has been received and not yet been handed out. A packet that
//! does not fit it is an error: a peer cannot make the framer grow. Owned by the session.

use super::SoupError;

/// See the module's text.
#[derive(Clone, Debug)]
pub struct Framer {
    buffer: Box<[u8]>,
    head: usize,
    tail: usize,
}

impl Framer {
    /// A framer for packets of up to `capacity` bytes, the length prefix included (at least 3).
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { buffer: vec![0; capacity.max(3)].into_boxed_slice(), head: 0, tail: 0 }
    }

    /// Forgets what was received: a new connection.
    pub fn clear(&mut self) {
        self.head = 0;
        self.tail = 0;
    }

    /// Takes in as much of `bytes` as fits; returns how many bytes that were. After [`Self::next_packet`] has said that
    /// there is no whole packet, at least one fits.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        if self.head > 0 && self.buffer.len() - self.tail < bytes.len() {
            self.buffer.copy_within(self.head..self.tail, 0);
            self.tail -= self.head;
            self.head = 0;
        }
        let count = bytes.len().min(self.buffer.len() - self.tail);
        self.buffer[self.tail..self.tail + count].copy_from_slice(&bytes[..count]);
        self.tail += count;
        count
    }

    /// The next whole packet, type and payload, without its length prefix; `None`: more bytes are needed.
    ///
    /// # Errors
    /// [`SoupError::TooLong`] or [`SoupError::Empty`], again and again: the stream cannot be read on.
    pub fn next_packet(&mut self) -> Result<Option<&[u8]>, SoupError> {
        let received = &self.buffer[self.head..self.tail];
        let Some((prefix, behind)) = received.split_first_chunk::<2>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*prefix));
        if length == 0 {
            return Err(SoupError::Empty);
        }
        let Some(packet) = behind.get(..length) else {
            let (packet, capacity) = (length + 2, self.buffer.len());
            let too_long = SoupError::TooLong { packet, capacity };
            return if packet > capacity { Err(too_long) } else { Ok(None) };
        };
        self.head += 2 + length;
        Ok(Some(packet))
    }

    /// Takes in bytes, cut anywhere, and hands each whole packet on, in order.
    ///
    /// # Errors
    /// The first of [`Self::next_packet`] or of `take`; the packets before it were good.
    pub fn each_packet(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), SoupError>,
    ) -> Result<(), SoupError> {
        while !bytes.is_empty() {
            let taken = self.push(bytes);
            bytes = &bytes[taken..];
            while let Some(packet) = self.next_packet()? {
                take(packet)?;
            }
        }
        Ok(())
    }

    /// Bytes that were received and not handed out.
    #[must_use]
    pub const fn buffered(&self) -> usize {
        self.tail - self.head
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All packets that come out when the stream arrives in pieces of these sizes (cycled), and how it ended.
    fn packets(stream: &[u8], sizes: &[usize], capacity: usize) -> (Vec<Vec<u8>>, Option<SoupError>) {
        let mut framer = Framer::with_capacity(capacity);
        let mut out = Vec::new();
        let mut rest = stream;
        for &size in sizes.iter().cycle() {
            let (mut piece, behind) = rest.split_at(size.clamp(1, rest.len().max(1)).min(rest.len()));
            rest = behind;
            loop {
                let taken = framer.push(piece);
                piece = &piece[taken..];
                loop {
                    match framer.next_packet() {
                        Ok(Some(packet)) => out.push(packet.to_vec()),
                        Ok(None) => break,
                        Err(error) => {
                            assert_eq!(framer.next_packet(), Err(error), "an error stays");
                            return (out, Some(error));
                        }
                    }
                }
                if piece.is_empty() {
                    break;
                }
            }
            if rest.is_empty() {
                return (out, None);
            }
        }
        unreachable!("sizes are not empty")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn cuts_do_not_matter(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..30),
            sizes in prop::collection::vec(1..60usize, 1..10),
            capacity in 52..300usize,
        ) {
            let mut stream = Vec::new();
            for payload in &payloads {
                stream.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
                stream.extend(payload);
            }
            prop_assert_eq!(packets(&stream, &sizes, capacity), (payloads.clone(), None));
            prop_assert_eq!(packets(&stream, &[1], capacity), (payloads.clone(), None));
            prop_assert_eq!(packets(&stream, &[stream.len().max(1)], capacity), (payloads, None));
        }

        /// A stream of any bytes ends the same way however it is cut.
        #[test]
        fn any_stream_is_answered_alike(
            mut stream in prop::collection::vec(any::<u8>(), 0..400),
            sizes in prop::collection::vec(1..60usize, 1..10),
            small: bool,
        ) {
            if small {
                // Lengths below 64, so that packets come out.
                stream.iter_mut().for_each(|byte| *byte &= 0x3f);
                stream.iter_mut().step_by(2).for_each(|byte| *byte = 0);
            }
            prop_assert_eq!(packets(&stream, &sizes, 64), packets(&stream, &[1], 64));
        }
    }

    #[test]
    fn a_packet_beyond_the_buffer_is_refused_at_its_prefix() {
        let mut framer = Framer::with_capacity(10);
        assert_eq!(framer.push(&[0, 9]), 2);
        assert_eq!(framer.next_packet(), Err(SoupError::TooLong { packet: 11, capacity: 10 }));
        framer.clear();
        assert_eq!(framer.push(&[0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0]), 10);
        assert_eq!(framer.next_packet(), Ok(Some(&[1, 2, 3, 4, 5, 6, 7, 8][..])));
        assert_eq!(framer.next_packet(), Ok(None));
        assert_eq!(framer.buffered(), 0);
    }
}
