//! The tee of a recording: packets are copied once, with their receive time and line, into a ring of bytes that a cold
//! thread empties into a file ([`crate::control::capture`]).
//!
//! The ring is allocated and touched at construction. [`Recorder::offer`] runs on the thread that receives: two copies of
//! memory, no allocation, no lock, no system call. It never waits: a packet that does not fit is counted as lost to the
//! recording, and the packets behind it are recorded as soon as there is room. It does not look into packets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

/// Bytes of the ring where nothing else is asked: a quarter of a second at a million small packets a second, half a second
/// of a full 1 Gbit/s line; longer than a disk's pause at a sync.
pub const RING_BYTES: usize = 64 << 20;

/// Bytes in front of a packet in the ring: receive time, length, line, padding.
const HEADER_BYTES: usize = 16;

/// Longest packet, bytes: the longest UDP payload.
pub const PACKET_BYTES_MAX: usize = feeds::source::pcapng_writer::PAYLOAD_BYTES_MAX;

/// The hot end: belongs to the thread that receives. Dropping it ends the recording.
#[derive(Debug)]
pub struct Recorder {
    ring: Producer<u8>,
    lost: Arc<AtomicU64>,
}

/// The cold end.
#[derive(Debug)]
pub struct RecordedPackets {
    ring: Consumer<u8>,
    lost: Arc<AtomicU64>,
    /// Of the packet whose bytes are still to come.
    header: Option<RecordHeader>,
}

/// What goes with a recorded packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// UTC ns, or [`feeds::units::TIME_NONE`].
    pub receive_ns: u64,
    /// Which line it came on.
    pub line: u8,
    length: usize,
}

/// The two ends of a ring of `bytes` (at least one longest packet), its memory touched.
#[must_use]
pub fn recorder(bytes: usize) -> (Recorder, RecordedPackets) {
    let bytes = bytes.max(HEADER_BYTES + PACKET_BYTES_MAX);
    let (mut producer, mut consumer) = RingBuffer::new(bytes);
    // Every page is there before the first packet is: a page fault costs more than the copy.
    if let Ok(all) = producer.write_chunk(bytes) {
        all.commit_all();
    }
    if let Ok(all) = consumer.read_chunk(bytes) {
        all.commit_all();
    }
    let lost = Arc::new(AtomicU64::new(0));
    let packets = RecordedPackets { ring: consumer, lost: Arc::clone(&lost), header: None };
    (Recorder { ring: producer, lost }, packets)
}

impl Recorder {
    /// Copies a packet into the ring; `false`: there is no room (or it is longer than any packet), and it is counted.
    #[inline]
    pub fn offer(&mut self, payload: &[u8], receive_ns: u64, line: u8) -> bool {
        if payload.len() > PACKET_BYTES_MAX || !self.has_room(HEADER_BYTES + payload.len()) {
            // Relaxed: a count; nothing else is read by it.
            self.lost.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(&receive_ns.to_le_bytes());
        header[8..12].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        header[12] = line;
        // There is room for both, so neither is refused.
        self.ring.push_entire_slice(&header).is_ok() && self.ring.push_entire_slice(payload).is_ok()
    }

    /// Asks the other end's place only when the last known one does not do.
    #[inline]
    fn has_room(&self, bytes: usize) -> bool {
        self.ring.cached_slots() >= bytes || self.ring.slots() >= bytes
    }

    /// Packets that found no room.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl RecordedPackets {
    /// The next packet, its bytes appended to nothing else in `payload`; `None` when none is there now.
    pub fn next(&mut self, payload: &mut Vec<u8>) -> Option<RecordHeader> {
        let header = match self.header {
            Some(header) => header,
            None => {
                let mut bytes = [0; HEADER_BYTES];
                self.ring.pop_entire_slice(&mut bytes).ok()?;
                let [t0, t1, t2, t3, t4, t5, t6, t7, l0, l1, l2, l3, line, ..] = bytes;
                *self.header.insert(RecordHeader {
                    receive_ns: u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
                    line,
                    length: u32::from_le_bytes([l0, l1, l2, l3]) as usize,
                })
            }
        };
        payload.resize(header.length, 0);
        // The bytes follow their header in a moment.
        self.ring.pop_entire_slice(payload).ok()?;
        self.header = None;
        Some(header)
    }

    /// Whether the hot end is gone; what it left in the ring can still be taken.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ring.is_abandoned()
    }

    /// Packets that found no room.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_full_ring_loses_the_packet_and_counts_it_and_goes_on() {
        let (mut recorder, mut packets) = recorder(0);
        let long = vec![7; PACKET_BYTES_MAX];
        assert!(recorder.offer(&long, 1, 0));
        assert!(!recorder.offer(b"no room", 2, 0));
        let mut payload = Vec::new();
        assert!(packets.next(&mut payload).is_some_and(|header| header.receive_ns == 1) && payload == long);
        assert!(recorder.offer(b"room", 3, 9));
        assert!(!recorder.offer(&vec![0; PACKET_BYTES_MAX + 1], 4, 0));
        let header = packets.next(&mut payload).expect("a packet");
        assert_eq!((header.receive_ns, header.line, payload.as_slice()), (3, 9, &b"room"[..]));
        assert_eq!((packets.next(&mut payload), packets.lost(), packets.is_ended()), (None, 2, false));
        drop(recorder);
        assert!(packets.is_ended());
    }

    proptest! {
        #[test]
        fn packets_come_out_as_they_went_in(
            packets in prop::collection::vec(
                (any::<u64>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..9_000)), 1..60),
        ) {
            let (mut recorder, mut recorded) = recorder(0);
            std::thread::scope(|scope| {
                let sent = &packets;
                scope.spawn(move || {
                    for (receive_ns, line, payload) in sent {
                        while !recorder.offer(payload, *receive_ns, *line) {
                            std::thread::yield_now();
                        }
                    }
                });
                let mut payload = Vec::new();
                for (receive_ns, line, expected) in sent {
                    let header = loop {
                        if let Some(header) = recorded.next(&mut payload) {
                            break header;
                        }
                        std::thread::yield_now();
                    };
                    assert_eq!((header.receive_ns, header.line, &payload), (*receive_ns, *line, expected));
                }
            });
        }
    }
}
