//! Ten thousand messages are sent again while the session goes on: what is new leaves at once, nobody falls silent, and
//! the receiver gets every message once and in order. In virtual time; a turn is a look at every socket, and what is held
//! to bounds is turns and bytes, never the machine's speed.

mod of_ours;
mod of_the_venue;

use std::ops::ControlFlow;

use engine::fix::framer::Framer;

/// 2026-01-05 14:30:00 UTC.
const START_NS: u64 = 1_767_623_400_000_000_000;
const SECOND: u64 = 1_000_000_000;
const TURN_NS: u64 = SECOND / 100;
const HEARTBEAT_S: u32 = 1;
const MISSED: u32 = 10_000;
/// Longest of the messages here.
const MESSAGE_BYTES_MAX: usize = 300;

/// How the storm is made harder.
#[derive(Clone, Copy, Debug)]
struct Weather {
    /// What the reader of the resent messages takes in a turn, bytes.
    bytes_a_turn: usize,
    /// A new message of the sender in this many turns.
    new_one_in: u64,
    /// For this many turns in mid-storm, the reader gets nothing.
    stall_turns: u64,
    /// The connection drops in mid-storm.
    drops: bool,
}

const FAIR: Weather = Weather { bytes_a_turn: 8_192, new_one_in: 8, stall_turns: 0, drops: false };

/// What goes one way of the wire: numbers, silence, and answers to TestRequests.
struct Watch {
    framer: Framer,
    /// The number that the next new message must have; 0 for any.
    next: u32,
    /// When the last one came by, and the longest time between two.
    last_ns: u64,
    silence_ns: u64,
    test_requests: u32,
    answers: u32,
    resent: u32,
}

impl Watch {
    fn new(next: u32, now_ns: u64) -> Self {
        Self {
            framer: Framer::new(),
            next,
            last_ns: now_ns,
            silence_ns: 0,
            test_requests: 0,
            answers: 0,
            resent: 0,
        }
    }

    /// Bytes that left. Calls `new` with the ClOrdID(11) or Text(58) of each new message that has one.
    fn left(&mut self, now_ns: u64, bytes: &[u8], mut new: impl FnMut(&[u8])) {
        let Self { framer, next, last_ns, silence_ns, test_requests, answers, resent } = self;
        let _ = framer.feed(bytes, &mut |frame| {
            *silence_ns = (*silence_ns).max(now_ns - *last_ns);
            *last_ns = now_ns;
            let (mut sequence, mut is_again, mut name, mut answer) = (0, false, None, false);
            let mut fields = frame.fields();
            while let Ok(Some((tag, value))) = fields.next_field() {
                match tag {
                    34 => sequence = std::str::from_utf8(value).unwrap().parse().unwrap(),
                    43 => is_again = value == b"Y",
                    11 | 58 => name = name.or(Some(value)),
                    112 => answer = frame.message_type() == b"0",
                    _ => {}
                }
            }
            if is_again {
                *resent += 1;
                return ControlFlow::Continue(());
            }
            assert!(*next == 0 || sequence == *next, "not {next}: {}", frame.bytes().escape_ascii());
            *next = sequence + 1;
            *test_requests += u32::from(frame.message_type() == b"1");
            *answers += u32::from(answer);
            name.into_iter().for_each(&mut new);
            ControlFlow::Continue(())
        });
        assert_eq!(framer.garbled(), 0);
    }

    /// Nobody was silent for longer than HeartBtInt and a turn, but for `stalled_ns`.
    fn check_silence(&self, stalled_ns: u64) {
        let bound_ns = u64::from(HEARTBEAT_S) * SECOND + TURN_NS + stalled_ns;
        assert!(self.silence_ns <= bound_ns, "silent for {} ms", self.silence_ns / 1_000_000);
    }
}
