//! A/B arbitration of one MoldUDP64 session, and its recovery: packets of all lines in, every message once and in
//! order out.
//!
//! Sans-I/O: packets with their times in, [`Sequenced`] items out through the caller's sink, and [`Action`]s that the
//! caller carries out (ask the retransmission server, fetch a snapshot). The same code runs live, over recordings and
//! in the simulation. Memory (the reorder window) is taken at construction; work per call is bounded by the packet
//! and by [`DELIVER_MAX`]. The thread that owns the lines owns it.
//!
//! A message in order is handed on at once, borrowed from its packet. What comes ahead of a missing message waits in
//! the window. When the missing one has not come within `reorder_wait_ns`, the gap is open: [`Sequenced::Gap`] makes the
//! books stale, the missing messages are asked for, and when the last of them has been handed on,
//! [`Sequenced::Recovered`] ends it. What cannot be had from the retransmission server comes as a snapshot.
//!
//! It does not look into messages. It never hands on a message twice, nor one behind a hole, unless it has no way of
//! recovery at all ([`Recovery::NONE`], a bare capture): then it goes on behind the hole and the books stay stale.

mod lines;
#[cfg(test)]
mod tests;
mod window;

pub use lines::{LINES_MAX, LineStatistics};

use crate::moldudp64::{self, Header};
use lines::Lines;
use window::{Kept, Window};

/// Messages out of the window that one call hands on at most.
pub const DELIVER_MAX: usize = 256;

/// Where missing messages can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// A retransmission server answers requests.
    pub retransmission: bool,
    /// A snapshot server is there.
    pub snapshot: bool,
}

impl Recovery {
    /// Neither.
    pub const NONE: Self = Self { retransmission: false, snapshot: false };
}

/// How patient the arbiter is, and how far it remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArbiterConfig {
    /// Lines, 1 to [`LINES_MAX`].
    pub lines: usize,
    /// Messages that can wait for a missing one; about 80 bytes each. Rounded up to a power of two.
    pub window_messages: usize,
    /// How long a missing message may be late, behind the other line or reordered, before the gap is open, ns.
    pub reorder_wait_ns: u64,
    /// Between two requests for the same message, ns.
    pub request_interval_ns: u64,
    /// Requests without any answer after which a snapshot is fetched.
    pub requests_max: u32,
    /// Largest hole that is asked for, messages; a larger one means a snapshot.
    pub request_messages_max: u64,
    /// Between two tries to fetch a snapshot, ns.
    pub snapshot_interval_ns: u64,
    /// Where missing messages can be had.
    pub recovery: Recovery,
}

impl Default for ArbiterConfig {
    /// Two lines of a co-located feed, without recovery.
    fn default() -> Self {
        Self {
            lines: 2,
            window_messages: 1 << 18,
            reorder_wait_ns: 100_000,
            request_interval_ns: 2_000_000,
            requests_max: 8,
            request_messages_max: 20_000,
            snapshot_interval_ns: 1_000_000_000,
            recovery: Recovery::NONE,
        }
    }
}

/// What comes out, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequenced<'a> {
    /// A message.
    Message {
        /// Its body.
        body: &'a [u8],
        /// Its number in the session.
        sequence: u64,
        /// Receive time of the packet that brought it, UTC ns, or [`crate::units::TIME_NONE`].
        receive_ns: u64,
        /// It is part of a snapshot; its sequence number is that of the last message in the snapshot.
        snapshot: bool,
    },
    /// Messages are missing: the books are stale from here on.
    Gap {
        /// First missing message.
        first: u64,
        /// How many in this hole; zero when none is missing but what came cannot be right.
        count: u64,
    },
    /// A snapshot follows: all orders and levels are to be forgotten.
    Clear,
    /// Nothing is missing any more.
    Recovered,
}

/// What the caller is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask the retransmission server for messages; [`Arbiter::session`] names the session.
    Request {
        /// First message.
        sequence: u64,
        /// How many.
        count: u16,
    },
    /// Fetch a snapshot, unless a fetch is under way.
    Snapshot,
}

/// Where the feed stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedState {
    /// Every message that is known of has been handed on, or is not late yet.
    #[default]
    Live,
    /// Messages are missing, and nothing can be asked for.
    Gap,
    /// Missing messages have been asked for.
    Recovering,
    /// A snapshot is wanted, or being taken in.
    Snapshot,
}

impl FeedState {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Gap => "gap",
            Self::Recovering => "recovering",
            Self::Snapshot => "snapshot",
        }
    }
}

/// What the session has seen; the lines' own figures are in [`Arbiter::lines`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArbiterCounters {
    /// Messages handed on, snapshots' not counted.
    pub messages: u64,
    /// Messages that had to wait for an earlier one.
    pub reordered: u64,
    /// Messages that were too far ahead to wait; they come again with the recovery.
    pub beyond_window: u64,
    /// Holes that outlasted the reorder wait.
    pub gaps: u64,
    /// Messages in them.
    pub missing_messages: u64,
    /// Times that what was handed on could not be right.
    pub distrusted: u64,
    /// Requests to the retransmission server.
    pub requests: u64,
    /// Packets that it sent.
    pub retransmitted_packets: u64,
    /// Snapshots taken in.
    pub snapshots: u64,
    /// Times that the feed became live again.
    pub recoveries: u64,
}

/// See the module's text.
pub struct Arbiter {
    config: ArbiterConfig,
    session: Option<[u8; 10]>,
    state: FeedState,
    /// Next message to hand on.
    expected: u64,
    /// One more than the last message known to exist.
    known: u64,
    /// A hole at `expected` was counted up to here.
    counted: u64,
    /// Since when `expected` is missing.
    waiting_since_ns: Option<u64>,
    /// When to ask again.
    next_request_ns: u64,
    unanswered: u32,
    /// A snapshot is being taken in: nothing else is handed on.
    loading: bool,
    /// What was handed on cannot be right: only a snapshot helps.
    distrusted: bool,
    /// A hole was passed over: only a snapshot makes the books good again.
    lossy: bool,
    ended: bool,
    window: Window,
    lines: Lines,
    counters: ArbiterCounters,
}

impl Arbiter {
    /// Waits for message 1 of whatever session comes first.
    ///
    /// # Panics
    /// When `config.lines` is out of range: a configuration error at start.
    #[must_use]
    pub fn new(config: ArbiterConfig) -> Self {
        Self {
            config,
            session: None,
            state: FeedState::Live,
            expected: 1,
            known: 1,
            counted: 1,
            waiting_since_ns: None,
            next_request_ns: 0,
            unanswered: 0,
            loading: false,
            distrusted: false,
            lossy: false,
            ended: false,
            window: Window::new(config.window_messages),
            lines: Lines::new(config.lines),
            counters: ArbiterCounters::default(),
        }
    }

    /// Takes a packet of a line. `receive_ns` goes with its messages; `now_ns` is the caller's clock, never decreasing.
    #[inline]
    pub fn on_packet(
        &mut self,
        line: usize,
        payload: &[u8],
        receive_ns: u64,
        now_ns: u64,
        sink: &mut impl FnMut(Sequenced<'_>),
    ) {
        let Some(statistics) = self.lines.statistics.get_mut(line) else { return };
        match moldudp64::decode(payload) {
            Ok((header, blocks)) if self.session.is_none_or(|session| session == header.session) => {
                statistics.packets += 1;
                let count = header.message_count();
                if count > 0 {
                    self.lines.note(line, header.sequence, count, receive_ns);
                }
                self.take(&header, blocks, receive_ns, now_ns, sink);
            }
            _ => statistics.refused += 1,
        }
    }

    /// Takes a packet of the retransmission server.
    pub fn on_retransmission(
        &mut self,
        payload: &[u8],
        receive_ns: u64,
        now_ns: u64,
        sink: &mut impl FnMut(Sequenced<'_>),
    ) {
        if let Ok((header, blocks)) = moldudp64::decode(payload)
            && self.session == Some(header.session)
        {
            self.counters.retransmitted_packets += 1;
            let before = self.expected;
            self.take(&header, blocks, receive_ns, now_ns, sink);
            if self.expected != before {
                // An answer may be of several packets; once they stop, the rest is asked for.
                self.unanswered = 0;
                self.next_request_ns = now_ns.saturating_add(self.config.reorder_wait_ns);
            }
        }
    }

    #[inline]
    fn take(
        &mut self,
        header: &Header,
        blocks: &[u8],
        receive_ns: u64,
        now_ns: u64,
        sink: &mut impl FnMut(Sequenced<'_>),
    ) {
        self.session = Some(header.session);
        self.ended |= header.is_end_of_session();
        let first = header.sequence;
        let Some(end) = first.checked_add(u64::from(header.message_count())) else { return };
        // The last packet of every line, and most packets of the slower one, bring nothing new.
        if end <= self.expected && self.state == FeedState::Live && self.waiting_since_ns.is_none() {
            return;
        }
        self.known = self.known.max(end);
        let behind = usize::try_from(self.expected.saturating_sub(first)).unwrap_or(usize::MAX);
        if first <= self.expected && self.window.held() == 0 && !self.loading {
            for body in moldudp64::blocks(blocks).skip(behind) {
                let sequence = self.expected;
                self.expected += 1;
                self.counters.messages += 1;
                sink(Sequenced::Message { body, sequence, receive_ns, snapshot: false });
            }
        } else {
            let bodies = (first..).zip(moldudp64::blocks(blocks)).skip(behind);
            for (sequence, body) in bodies {
                match self.window.keep(self.expected, sequence, receive_ns, body) {
                    Kept::New => self.counters.reordered += u64::from(sequence != self.expected),
                    Kept::Repeated => {}
                    Kept::Refused => self.counters.beyond_window += 1,
                }
            }
        }
        self.hand_on(now_ns, sink);
    }

    /// Hands on what waits and is in order now, and finds out whether anything is still missing.
    #[inline]
    fn hand_on(&mut self, now_ns: u64, sink: &mut impl FnMut(Sequenced<'_>)) {
        let before = self.expected;
        if self.window.held() > 0 && !self.loading {
            for _ in 0..DELIVER_MAX {
                let sequence = self.expected;
                let Some((receive_ns, body)) = self.window.take(sequence) else { break };
                self.expected += 1;
                self.counters.messages += 1;
                sink(Sequenced::Message { body, sequence, receive_ns, snapshot: false });
            }
        }
        if self.distrusted {
            // Whatever comes: the snapshot is still wanted.
        } else if self.expected == self.known {
            self.waiting_since_ns = None;
            if self.state != FeedState::Live && !self.loading {
                self.recovered(sink);
            }
        } else if self.waiting_since_ns.is_none() || self.expected != before {
            self.waiting_since_ns = Some(now_ns);
        }
    }

    #[cold]
    fn recovered(&mut self, sink: &mut impl FnMut(Sequenced<'_>)) {
        if self.lossy {
            return;
        }
        self.state = FeedState::Live;
        self.unanswered = 0;
        self.counters.recoveries += 1;
        sink(Sequenced::Recovered);
    }

    /// The next message is missing and late. Called with the caller's clock whenever it polls.
    #[inline]
    pub fn on_time(&mut self, now_ns: u64, sink: &mut impl FnMut(Sequenced<'_>)) -> Option<Action> {
        let since_ns = self.waiting_since_ns?;
        self.late(since_ns, now_ns, sink)
    }

    #[cold]
    fn late(&mut self, since_ns: u64, now_ns: u64, sink: &mut impl FnMut(Sequenced<'_>)) -> Option<Action> {
        if self.loading {
            return None;
        }
        if self.distrusted {
            self.hand_on(now_ns, sink);
            return self.ask(now_ns);
        }
        if self.window.holds(self.expected) {
            self.hand_on(now_ns, sink);
            return None;
        }
        if self.expected >= self.counted {
            if now_ns.saturating_sub(since_ns) < self.config.reorder_wait_ns {
                return None;
            }
            self.open_gap(now_ns, sink);
        }
        if self.config.recovery == Recovery::NONE {
            self.lossy = true;
            self.expected = self.counted;
            self.hand_on(now_ns, sink);
            return None;
        }
        self.ask(now_ns)
    }

    fn open_gap(&mut self, now_ns: u64, sink: &mut impl FnMut(Sequenced<'_>)) {
        let end = self.window.next_held(self.expected, self.known);
        let (first, count) = (self.expected, end - self.expected);
        self.counted = end;
        self.counters.gaps += 1;
        self.counters.missing_messages += count;
        self.lines.lost_on_all(count);
        self.next_request_ns = now_ns;
        self.unanswered = 0;
        if self.state == FeedState::Live {
            self.state = FeedState::Gap;
        }
        sink(Sequenced::Gap { first, count });
    }

    fn ask(&mut self, now_ns: u64) -> Option<Action> {
        if now_ns < self.next_request_ns {
            return None;
        }
        let Recovery { retransmission, snapshot } = self.config.recovery;
        let hole = self.window.next_held(self.expected, self.known) - self.expected;
        let hopeless = self.distrusted
            || hole > self.config.request_messages_max
            || self.unanswered >= self.config.requests_max
            || self.state == FeedState::Snapshot;
        if self.distrusted && !snapshot {
            return None;
        }
        if snapshot && (hopeless || !retransmission) {
            self.state = FeedState::Snapshot;
            self.next_request_ns = now_ns.saturating_add(self.config.snapshot_interval_ns);
            return Some(Action::Snapshot);
        }
        if !retransmission {
            return None;
        }
        self.state = FeedState::Recovering;
        self.unanswered = self.unanswered.saturating_add(1);
        self.counters.requests += 1;
        self.next_request_ns = now_ns.saturating_add(self.config.request_interval_ns);
        // Count 0xffff would be the end of the session.
        let count = u16::try_from(hole.min(0xfffe)).unwrap_or(0xfffe);
        Some(Action::Request { sequence: self.expected, count })
    }

    /// Begins to take in a snapshot that holds everything before message `next_sequence`. `false`: it is older than
    /// the hole, or nothing is missing any more; it is not wanted.
    pub fn begin_snapshot(&mut self, next_sequence: u64, sink: &mut impl FnMut(Sequenced<'_>)) -> bool {
        let first_wanted = if self.distrusted { self.expected } else { self.expected + 1 };
        if self.state == FeedState::Live || next_sequence < first_wanted || self.loading {
            return false;
        }
        self.distrusted = false;
        self.lossy = false;
        self.state = FeedState::Snapshot;
        self.loading = true;
        self.window.forget(self.expected, next_sequence);
        self.expected = next_sequence;
        self.counted = self.counted.max(next_sequence);
        self.known = self.known.max(next_sequence);
        sink(Sequenced::Clear);
        true
    }

    /// What was handed on contradicts itself (a message that does not decode, an event that does not fit its book): the
    /// books are stale until a snapshot has replaced them.
    #[cold]
    pub fn distrust(&mut self, now_ns: u64, sink: &mut impl FnMut(Sequenced<'_>)) {
        if self.distrusted {
            return;
        }
        self.distrusted = true;
        self.state = FeedState::Snapshot;
        self.waiting_since_ns = Some(now_ns);
        self.next_request_ns = now_ns;
        self.counters.distrusted += 1;
        sink(Sequenced::Gap { first: self.expected.saturating_sub(1), count: 0 });
    }

    /// A message of the snapshot.
    #[inline]
    pub fn snapshot_message(&mut self, body: &[u8], receive_ns: u64, sink: &mut impl FnMut(Sequenced<'_>)) {
        let sequence = self.expected - 1;
        sink(Sequenced::Message { body, sequence, receive_ns, snapshot: true });
    }

    /// The snapshot is complete: what came after it is handed on.
    pub fn end_snapshot(&mut self, now_ns: u64, sink: &mut impl FnMut(Sequenced<'_>)) {
        self.loading = false;
        self.counters.snapshots += 1;
        self.unanswered = 0;
        self.state = FeedState::Recovering;
        self.waiting_since_ns = None;
        self.hand_on(now_ns, sink);
    }

    /// Nothing more will come (the end of a recording): what waits is handed on behind the holes that are left.
    pub fn finish(&mut self, now_ns: u64, sink: &mut impl FnMut(Sequenced<'_>)) {
        self.config.recovery = Recovery::NONE;
        self.config.reorder_wait_ns = 0;
        self.loading = false;
        self.distrusted = false;
        while let Some(since_ns) = self.waiting_since_ns {
            self.late(since_ns, now_ns, sink);
        }
    }

    /// Session that the packets belong to; `None` before the first.
    #[must_use]
    pub const fn session(&self) -> Option<[u8; 10]> {
        self.session
    }

    /// Where the feed stands.
    #[must_use]
    pub const fn state(&self) -> FeedState {
        self.state
    }

    /// Next message to be handed on.
    #[must_use]
    pub const fn expected(&self) -> u64 {
        self.expected
    }

    /// Whether a line said that the session is over, everything was handed on, and no snapshot is awaited or being
    /// taken in.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        let awaits_snapshot = self.loading || self.distrusted && self.config.recovery.snapshot;
        self.ended && self.expected == self.known && !awaits_snapshot
    }

    /// What the session has seen.
    #[must_use]
    pub const fn counters(&self) -> &ArbiterCounters {
        &self.counters
    }

    /// What each line has delivered so far.
    #[must_use]
    pub fn lines(&self) -> &[LineStatistics] {
        &self.lines.statistics
    }

    /// Ends the count of what the lines have lost; call once, at the end.
    pub fn close_lines(&mut self) {
        self.lines.close();
    }
}
