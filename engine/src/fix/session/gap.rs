//! What is missing of the peer's messages: the requests for it, and what came behind it.
//!
//! A gap is asked for once. While it is being filled, messages that are new come behind it: they are kept, in a buffer
//! that is allocated at construction, and processed when the numbers before them are there. A resent message that
//! leaves a hole is asked for from the hole on; a request that brings nothing for [`PATIENCE_NS`] is repeated,
//! [`REQUESTS_MAX`] times.

use feeds::units::{NS_PER_S, TIME_NONE};

/// How long a gap may stay as it is before it is asked for again, ns.
pub(super) const PATIENCE_NS: u64 = 10 * NS_PER_S;

/// Requests without any progress after which the session is given up.
pub(super) const REQUESTS_MAX: u32 = 3;

/// Most messages that are kept.
const KEPT_MAX: usize = 4_096;

/// A message behind the gap.
#[derive(Clone, Copy, Debug)]
struct Kept {
    sequence: u32,
    start: u32,
    /// 0: the message was processed when it came, only its number is still to be counted.
    length: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Gap {
    /// First number of the last request; 0 where none is open.
    from: u32,
    /// Last number of the last request.
    asked_until: u32,
    /// Last number that was missing when the gap was found.
    until: u32,
    /// Our MsgSeqNum(34) of the last request.
    request: u32,
    requests: u32,
    due_ns: u64,
    bytes: Box<[u8]>,
    used: usize,
    /// In the order of their numbers.
    kept: Vec<Kept>,
}

impl Gap {
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            from: 0,
            asked_until: 0,
            until: 0,
            request: 0,
            requests: 0,
            due_ns: TIME_NONE,
            bytes: vec![0; bytes].into_boxed_slice(),
            used: 0,
            kept: Vec::with_capacity(KEPT_MAX),
        }
    }

    /// Nothing is missing: a new connection, or both sides start again.
    pub(super) fn clear(&mut self) {
        self.close();
        self.kept.clear();
        self.used = 0;
    }

    fn close(&mut self) {
        self.from = 0;
        self.requests = 0;
        self.due_ns = TIME_NONE;
    }

    /// When the request is to be repeated; [`TIME_NONE`] where none is open.
    pub(super) const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// Whether `expected` is part of what was asked for.
    pub(super) const fn covers(&self, expected: u32) -> bool {
        self.from != 0 && expected <= self.until
    }

    /// First number of the open request, 0 for none.
    pub(super) const fn from(&self) -> u32 {
        self.from
    }

    /// A request for `from` to `asked_until` goes out under number `request`; `until` is the end of what is missing.
    pub(super) fn asked(&mut self, now_ns: u64, request: u32, from: u32, asked_until: u32, until: u32) {
        self.request = request;
        if self.from != from {
            self.requests = 0;
        }
        self.requests += 1;
        self.from = from;
        self.asked_until = asked_until;
        self.until = until;
        self.due_ns = now_ns.saturating_add(PATIENCE_NS);
    }

    /// Whether the open request is one of our messages from number `from` up to, not with, `until`: the peer missed it.
    pub(super) const fn request_is_in(&self, from: u32, until: u32) -> bool {
        self.from != 0 && from <= self.request && self.request < until
    }

    /// Whether asking once more is of no use.
    pub(super) const fn is_hopeless(&self) -> bool {
        self.requests >= REQUESTS_MAX
    }

    /// The last number that is missing.
    pub(super) const fn until(&self) -> u32 {
        self.until
    }

    /// The peer's messages before `expected` are there. Where the last request is answered and more is missing, says so:
    /// the next chunk is to be asked for.
    pub(super) fn progress(&mut self, now_ns: u64, expected: u32) -> bool {
        if self.from == 0 {
            return false;
        }
        if expected > self.until {
            self.close();
            return false;
        }
        self.requests = 1;
        self.due_ns = now_ns.saturating_add(PATIENCE_NS);
        expected > self.asked_until
    }

    /// Keeps a message from behind the gap; `false` without room for it. An empty one is a number whose message has been
    /// processed already.
    pub(super) fn keep(&mut self, sequence: u32, message: &[u8]) -> bool {
        let at = match self.kept.binary_search_by_key(&sequence, |kept| kept.sequence) {
            Ok(_) => return true,
            Err(at) => at,
        };
        let Some(place) = self.bytes.get_mut(self.used..self.used + message.len()) else { return false };
        if self.kept.len() == KEPT_MAX {
            return false;
        }
        place.copy_from_slice(message);
        let kept = Kept { sequence, start: self.used as u32, length: message.len() as u32 };
        self.kept.insert(at, kept);
        self.used += message.len();
        true
    }

    /// Whether message `expected` waits here.
    #[inline]
    pub(super) fn holds(&self, expected: u32) -> bool {
        self.kept.first().is_some_and(|kept| kept.sequence <= expected)
    }

    /// Takes message `expected` into the front of `into`, and forgets those before it; its length, 0 where its number
    /// only counts, `None` where it is not here.
    pub(super) fn take(&mut self, expected: u32, into: &mut [u8]) -> Option<usize> {
        let older = self.kept.partition_point(|kept| kept.sequence < expected);
        self.kept.drain(..older);
        let found = self.kept.first().copied().filter(|kept| kept.sequence == expected);
        if let Some(kept) = found {
            let (start, length) = (kept.start as usize, kept.length as usize);
            into.get_mut(..length)?.copy_from_slice(self.bytes.get(start..start + length)?);
            self.kept.remove(0);
        }
        if self.kept.is_empty() {
            self.used = 0;
        }
        found.map(|kept| kept.length as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_in_order_and_room_is_used_again() {
        let mut gap = Gap::new(10);
        let mut into = [0; 16];
        for _ in 0..3 {
            assert!(
                gap.keep(9, b"nine") && gap.keep(7, b"seven") && gap.keep(8, b"") && gap.keep(7, b"other")
            );
            assert!(!gap.keep(10, b"ten"), "nine of ten bytes are used");
            assert!(!gap.holds(6) && gap.holds(7));
            assert_eq!(gap.take(6, &mut into), None);
            assert_eq!((gap.take(7, &mut into), &into[..5]), (Some(5), &b"seven"[..]));
            assert_eq!(gap.take(8, &mut into), Some(0));
            assert_eq!((gap.take(9, &mut into), &into[..4]), (Some(4), &b"nine"[..]));
            assert!(!gap.holds(100));
        }
        assert!(gap.keep(3, b"three") && gap.keep(5, b"five"));
        assert_eq!((gap.take(5, &mut into), &into[..4]), (Some(4), &b"five"[..]));
        assert!(gap.keep(6, b"0123456789"), "what was passed over gave its room back");
    }

    #[test]
    fn a_gap_is_open_until_its_last_number_is_there() {
        let mut gap = Gap::new(0);
        assert!(!gap.covers(1) && !gap.progress(0, 5));
        gap.asked(100, 7, 3, 5, 9);
        assert!(gap.request_is_in(7, 8) && !gap.request_is_in(5, 7) && !gap.request_is_in(8, 20));
        assert!(gap.covers(3) && gap.covers(9) && !gap.covers(10));
        assert_eq!(gap.due_ns(), 100 + PATIENCE_NS);
        assert!(!gap.progress(200, 5));
        assert!(gap.progress(300, 6), "the next chunk");
        gap.asked(300, 7, 6, 9, 9);
        for _ in 1..REQUESTS_MAX {
            assert!(!gap.is_hopeless());
            gap.asked(400, 7, 6, 9, 9);
        }
        assert!(gap.is_hopeless());
        assert!(!gap.progress(500, 10) && !gap.covers(10));
        assert_eq!((gap.due_ns(), gap.from()), (TIME_NONE, 0));
    }
}
