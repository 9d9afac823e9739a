//! What of a feed has reached the engine, from the packets themselves: whether the engine may trade on its book.

use std::collections::BTreeSet;

/// See the module's text.
#[derive(Debug)]
pub struct FeedWatch {
    /// The first message that has not come.
    next: u64,
    /// One more than the last that is known of.
    known: u64,
    ahead: BTreeSet<u64>,
    /// Since when `next` is missing though later ones are known of.
    hole_ns: Option<u64>,
}

impl Default for FeedWatch {
    fn default() -> Self {
        Self { next: 1, known: 1, ahead: BTreeSet::new(), hole_ns: None }
    }
}

impl FeedWatch {
    /// A MoldUDP64 packet: session (10 bytes), first sequence number (8), count (2).
    pub fn on_packet(&mut self, now_ns: u64, bytes: &[u8]) {
        let first = u64::from_be_bytes(bytes[10..18].try_into().expect("a header"));
        let count = u64::from(u16::from_be_bytes(bytes[18..20].try_into().expect("a header")));
        let count = if count == 0xffff { 0 } else { count };
        self.known = self.known.max(first + count);
        self.ahead.extend((first..first + count).filter(|&sequence| sequence >= self.next));
        self.go_on(now_ns, self.next);
    }

    /// A snapshot that stands for all messages before `next`.
    pub fn on_snapshot(&mut self, now_ns: u64, next: u64) {
        let before = self.next;
        self.next = self.next.max(next);
        self.known = self.known.max(next);
        self.ahead = self.ahead.split_off(&self.next);
        self.go_on(now_ns, before);
    }

    fn go_on(&mut self, now_ns: u64, before: u64) {
        while self.ahead.remove(&self.next) {
            self.next += 1;
        }
        if self.next == self.known {
            self.hole_ns = None;
        } else if self.hole_ns.is_none() || self.next != before {
            self.hole_ns = Some(now_ns);
        }
    }

    /// How long a message has been missing.
    pub fn missing_for_ns(&self, now_ns: u64) -> u64 {
        self.hole_ns.map_or(0, |since_ns| now_ns.saturating_sub(since_ns))
    }
}

#[test]
fn a_hole_is_seen_until_it_is_filled() {
    let packet = |first: u64, count: u16| [&[0; 10][..], &first.to_be_bytes(), &count.to_be_bytes()].concat();
    let mut watch = FeedWatch::default();
    watch.on_packet(10, &packet(1, 2));
    assert_eq!(watch.missing_for_ns(90), 0);
    watch.on_packet(20, &packet(4, 1));
    watch.on_packet(30, &packet(6, 0));
    assert_eq!(watch.missing_for_ns(90), 70);
    watch.on_packet(40, &packet(3, 1));
    assert_eq!(watch.missing_for_ns(90), 50, "5 is missing since");
    watch.on_snapshot(50, 6);
    assert_eq!(watch.missing_for_ns(90), 0);
}
