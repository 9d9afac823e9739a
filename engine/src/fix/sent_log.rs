//! What a session has sent lately, in memory: the source of resends for a side that keeps no journal, the simulated
//! venue's.
//!
//! Two rings, allocated at construction: the bytes, and where each number's message lies in them. What is overwritten is
//! gap-filled. Session messages are not kept, session Rejects are. Owned by the thread that owns the session.

use super::frame::{Frame, Scan, scan};
use super::session::SentMessages;

/// Where a message lies: its number, 0 for none, and its bytes as a count from the first byte ever kept.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    sequence: u32,
    length: u32,
    start: u64,
}

/// See the module.
#[derive(Debug)]
pub struct SentLog {
    bytes: Box<[u8]>,
    /// Bytes kept so far; the next one goes to this place modulo the ring.
    written: u64,
    places: Box<[Place]>,
    /// The highest number seen.
    last: u32,
}

impl SentLog {
    /// Room for this many bytes and messages, both at least 1.
    #[must_use]
    pub fn new(bytes: usize, messages: usize) -> Self {
        Self {
            bytes: vec![0; bytes.max(1)].into_boxed_slice(),
            written: 0,
            places: vec![Place::default(); messages.max(1)].into_boxed_slice(),
            last: 0,
        }
    }

    /// Takes bytes that were queued for the peer: whole frames. Possible duplicates are old messages and are not taken
    /// again; a number that is not above the last one starts a new sequence.
    pub fn record(&mut self, mut bytes: &[u8]) {
        while let Scan::Frame(frame) = scan(bytes) {
            bytes = bytes.get(frame.bytes().len()..).unwrap_or(&[]);
            let (mut sequence, mut is_duplicate) = (0, false);
            let mut fields = frame.fields();
            while let Ok(Some((tag, value))) = fields.next_field() {
                match tag {
                    34 => sequence = super::number::parse_unsigned(value).map_or(0, |number| number as u32),
                    43 => is_duplicate = true,
                    49 => break,
                    _ => {}
                }
            }
            if sequence == 0 || is_duplicate {
                continue;
            }
            if sequence <= self.last {
                self.places.fill(Place::default());
            }
            self.last = sequence;
            if !matches!(frame.message_type(), [b'0' | b'1' | b'2' | b'4' | b'5' | b'A']) {
                self.keep(sequence, frame.bytes());
            }
        }
    }

    /// A message lies in one piece: where the ring's end is nearer than its length, it starts at the front.
    fn keep(&mut self, sequence: u32, message: &[u8]) {
        let ring = self.bytes.len();
        let mut at = (self.written % ring as u64) as usize;
        if at + message.len() > ring {
            self.written += (ring - at) as u64;
            at = 0;
        }
        let Some(place) = self.bytes.get_mut(at..at + message.len()) else { return };
        place.copy_from_slice(message);
        let slot = sequence as usize % self.places.len();
        self.places[slot] = Place { sequence, length: message.len() as u32, start: self.written };
        self.written += message.len() as u64;
    }

    fn get(&self, sequence: u32) -> Option<Frame<'_>> {
        let place = self.places[sequence as usize % self.places.len()];
        let ring = self.bytes.len() as u64;
        if place.sequence != sequence || sequence == 0 || self.written - place.start > ring {
            return None;
        }
        let at = (place.start % ring) as usize;
        Frame::parse(self.bytes.get(at..at + place.length as usize)?).ok()
    }
}

impl SentMessages for SentLog {
    fn first(&self, from: u32, last: u32) -> Option<(u32, Frame<'_>)> {
        let oldest = self.last.saturating_sub(self.places.len() as u32 - 1).max(from);
        (oldest..=last.min(self.last)).find_map(|sequence| Some((sequence, self.get(sequence)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::naive_decoder;

    fn message(message_type: &str, sequence: u32, body: &str) -> Vec<u8> {
        naive_decoder::framed(&format!(
            "35={message_type}|34={sequence}|49=A|52=20120621-13:30:00|56=B|{body}"
        ))
    }

    fn numbers(log: &SentLog, from: u32, last: u32) -> Vec<u32> {
        let mut numbers = Vec::new();
        let mut from = from;
        while let Some((sequence, frame)) = log.first(from, last) {
            let text = String::from_utf8_lossy(frame.bytes()).into_owned();
            assert!(text.contains(&format!("\x0134={sequence}\x01")), "{text}");
            numbers.push(sequence);
            from = sequence + 1;
        }
        numbers
    }

    #[test]
    fn application_messages_and_rejects_are_kept_until_they_are_overwritten() {
        let mut log = SentLog::new(1_000, 16);
        let mut bytes = message("A", 1, "98=0|108=30|");
        bytes.extend(message("8", 2, "58=one|"));
        bytes.extend(message("0", 3, ""));
        bytes.extend(message("3", 4, "45=1|"));
        log.record(&bytes);
        log.record(&naive_decoder::framed("35=8|34=2|43=Y|49=A|52=20120621-13:30:00|56=B|58=one|"));
        assert_eq!(numbers(&log, 1, u32::MAX), [2, 4]);
        assert_eq!(
            (numbers(&log, 3, 9), numbers(&log, 3, 3), numbers(&log, 9, 12)),
            (vec![4], vec![], vec![])
        );
        for sequence in 5..200 {
            log.record(&message("8", sequence, "58=many|"));
        }
        let kept = numbers(&log, 1, u32::MAX);
        // A message has 70 to 80 bytes: twelve or thirteen fit.
        assert!((11..=14).contains(&kept.len()) && kept.last() == Some(&199), "{kept:?}");
        assert!(kept.windows(2).all(|pair| pair[1] == pair[0] + 1));
        log.record(&message("A", 1, "98=0|108=30|141=Y|"));
        assert_eq!(numbers(&log, 1, u32::MAX), [0; 0], "a new sequence");
        log.record(&message("8", 2, ""));
        assert_eq!(numbers(&log, 1, u32::MAX), [2]);
        let mut small = SentLog::new(10, 4);
        small.record(&message("8", 1, ""));
        assert_eq!(numbers(&small, 1, 5), [0; 0], "longer than the ring");
    }
}
