//! Damaged and nonsensical messages into whole sessions: both roles, both versions, both settings of validation, with timers,
//! messages of our own, resends, slow readers and new connections in between. Seeded; a failure prints the seed.
//!
//! Every input goes to one session for each kernel that finds fields, scalar and SIMD, which must do and say the same to the
//! byte. What the first of them does is held against rules that are written down here once more, from the standard.

mod said;

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;

use super::{
    CloseReason, Outcome, Reset, Role, SendBuffer, Session, SessionConfig, SessionCounters, State, Validation,
};
use crate::fix::codec::{Encoder, Header};
use crate::fix::damage::{Random, damage};
use crate::fix::delimiters::Kernel;
use crate::fix::fault::{Fault, MessageError};
use crate::fix::fix44;
use crate::fix::frame::FRAME_MAX;
use crate::fix::framer::Framer;
use crate::fix::identity::SessionIds;
use crate::fix::naive_decoder;
use crate::fix::sent_log::SentLog;
use crate::fix::timestamp::{TimePrecision, write_timestamp};
use said::Said;

const START_NS: u64 = 1_340_285_400_000_000_000;
const SECOND: u64 = 1_000_000_000;

/// Messages of one session object, before another one with other settings takes over.
const MESSAGES_A_SESSION: u32 = 5_000;

/// The sessions that are driven alike, and what is known of them.
struct Rig {
    random: Random,
    seed: u64,
    sessions: Vec<(Session, SendBuffer)>,
    version: &'static str,
    sent: SentLog,
    /// Sees what the sessions see, and is not theirs.
    frames: Framer,
    read_back: Framer,
    now_ns: u64,
    /// Bytes at the front of what is pending that were looked at.
    seen: usize,
    /// The peer of this connection reads nothing.
    is_stuck: bool,
    /// The number that the next message of ours must have.
    next_outgoing: u32,
    /// Messages above the expected one since the gap was found, and the number that each makes the next.
    early: BTreeMap<u32, u32>,
    handed_last: u32,
    reached: Reached,
}

/// What happened, so that the test is known to have done something.
#[derive(Debug, Default)]
struct Reached {
    closed: BTreeMap<&'static str, u64>,
    handed: u64,
    written: u64,
    advanced: u64,
    resets: u64,
    counters: [u64; 6],
}

impl Reached {
    fn count(&mut self, counters: SessionCounters) {
        let SessionCounters {
            kept_behind_gap, resent, gap_fills, resend_requests, duplicates, rejects, ..
        } = counters;
        let all = [kept_behind_gap, resent, gap_fills, resend_requests, duplicates, rejects];
        self.counters.iter_mut().zip(all).for_each(|(sum, more)| *sum += more);
    }

    fn add(&mut self, other: &Self) {
        for (reason, count) in &other.closed {
            *self.closed.entry(reason).or_default() += count;
        }
        self.handed += other.handed;
        self.written += other.written;
        self.advanced += other.advanced;
        self.resets += other.resets;
        self.counters.iter_mut().zip(other.counters).for_each(|(sum, more)| *sum += more);
    }
}

impl Rig {
    fn new(seed: u64, role: Role, version: &'static str, validation: Validation) -> Self {
        let mut random = Random(seed);
        let ids = SessionIds::new(version, "W", "V").unwrap();
        let config = match role {
            Role::Initiator => SessionConfig::initiator(ids, 30),
            Role::Acceptor => SessionConfig::acceptor(ids),
        };
        let config = SessionConfig {
            validation,
            reset: [Reset::Never, Reset::FirstLogon, Reset::EveryLogon][random.below(3)],
            next_expected: version == "FIX.4.4" && random.below(3) == 0,
            resend_chunk: [0, 0, 3][random.below(3)],
            end_seq_no_open: [0, 999_999][random.below(2)],
            early_bytes: [200, 1 << 12][random.below(2)],
            ..config
        };
        let room = [1 << 12, 1 << 14][random.below(2)];
        let sessions = Kernel::available().map(|kernel| {
            let mut session = Session::new(config.clone());
            session.framer = Framer::with_kernel(kernel);
            (session, SendBuffer::with_capacity(room))
        });
        Self {
            seed,
            sessions: sessions.collect(),
            random,
            version,
            sent: SentLog::new(1 << 16, 256),
            frames: Framer::new(),
            read_back: Framer::new(),
            now_ns: START_NS,
            seen: 0,
            is_stuck: false,
            next_outgoing: 1,
            early: BTreeMap::new(),
            handed_last: 0,
            reached: Reached::default(),
        }
    }

    fn first(&self) -> &Session {
        &self.sessions[0].0
    }

    /// The same for every session; what all of them say.
    fn each(&mut self, what: &mut dyn FnMut(u64, &mut Session, &mut SendBuffer) -> Outcome) -> Outcome {
        let now_ns = self.now_ns;
        let mut outcomes = self.sessions.iter_mut().map(|(session, out)| what(now_ns, session, out));
        let first = outcomes.next().unwrap();
        let rest: Vec<_> = outcomes.collect();
        assert!(rest.iter().all(|&outcome| outcome == first), "seed {:#x}: {first:?} {rest:?}", self.seed);
        let ((one, written), others) = self.sessions.split_first().unwrap();
        for (other, out) in others {
            let same = one.state() == other.state()
                && one.next_incoming() == other.next_incoming()
                && one.next_timer_ns() == other.next_timer_ns()
                && one.counters() == other.counters()
                && written.pending() == out.pending();
            assert!(same, "seed {:#x}: {one:?}\n{other:?}", self.seed);
        }
        first
    }

    /// Everything that was written since the last look: whole messages, numbered one by one. Says how many.
    fn look(&mut self) -> u64 {
        let Self { read_back, sessions, seen, next_outgoing, sent, seed, reached, .. } = self;
        let (session, out) = &sessions[0];
        let new = &out.pending()[*seen..];
        let (mut messages, mut bytes) = (0, 0);
        let _ = read_back.feed(new, &mut |frame| {
            messages += 1;
            bytes += frame.bytes().len();
            let said = Said::read(frame.bytes());
            let sequence = said.sequence.unwrap();
            if said.is_duplicate {
                assert!(sequence < *next_outgoing, "seed {seed:#x}: {}", frame.bytes().escape_ascii());
            } else {
                if said.message_type == b'A' && said.resets {
                    *next_outgoing = 1;
                    reached.resets += 1;
                }
                assert_eq!(sequence, *next_outgoing, "seed {seed:#x}: {}", frame.bytes().escape_ascii());
                *next_outgoing += 1;
            }
            ControlFlow::Continue(())
        });
        assert_eq!((bytes, read_back.garbled()), (new.len(), 0), "seed {seed:#x}: {}", new.escape_ascii());
        assert_eq!(session.reserve_sequence(), *next_outgoing, "seed {seed:#x}");
        sent.record(new);
        reached.written += messages;
        *seen = out.pending().len();
        // Some readers are slow, and some read nothing at all.
        if !self.is_stuck && self.random.below(8) > 0 {
            self.sessions.iter_mut().for_each(|(_, out)| out.consume(out.pending().len()));
            self.seen = 0;
        }
        messages
    }

    /// A number near `number`, mostly itself.
    fn near(&mut self, number: u32) -> u32 {
        match self.random.below(24) {
            0 => number.saturating_add(1 + self.random.below(3) as u32),
            1 => number.saturating_sub(1 + self.random.below(4) as u32),
            2 if self.random.below(8) == 0 => [0, 1, u32::MAX, u32::MAX - 1][self.random.below(4)],
            _ => number,
        }
    }

    /// A message of the peer, in a right frame; what it says may be nonsense.
    fn message(&mut self, message_type: &str, sequence: u32) -> Vec<u8> {
        let (incoming, outgoing) = (self.first().next_incoming(), self.first().reserve_sequence());
        let mut stamp = [0; 32];
        let mut time = |ago_ns: u64| {
            let length = write_timestamp(self.now_ns - ago_ns, TimePrecision::Milliseconds, &mut stamp);
            String::from_utf8_lossy(&stamp[..length.unwrap()]).into_owned()
        };
        let (now, before) = (time(0), time(SECOND));
        let low = sequence < incoming;
        let is_duplicate = self.random.below(if low { 8 } else { 16 }) > if low { 0 } else { 14 };
        let mut body = Vec::with_capacity(200);
        let _ = write!(body, "35={message_type}\x0134={sequence}\x01");
        if is_duplicate {
            body.extend_from_slice(b"43=Y\x01");
        }
        let _ = write!(body, "49=V\x0152={now}\x0156=W\x01");
        if is_duplicate && self.random.below(16) > 0 {
            let _ = write!(body, "122={before}\x01");
        }
        let (near_in, near_out) =
            (self.near(incoming.saturating_add(1)), self.near(outgoing.saturating_sub(2)));
        let _ = match message_type {
            "0" if self.random.below(2) == 0 => Ok(()),
            "0" | "1" => write!(body, "112=TEST\x01"),
            "2" => {
                let end = [0, 999_999, near_out.saturating_add(2), near_out][self.random.below(4)];
                write!(body, "7={near_out}\x0116={end}\x01")
            }
            "3" => write!(body, "45=2\x01"),
            "4" => {
                let jump = near_in.saturating_add(self.random.below(4) as u32);
                let flag = ["123=Y\x01", "123=Y\x01", "123=Y\x01", "123=N\x01", ""][self.random.below(5)];
                write!(body, "36={jump}\x01{flag}")
            }
            "5" => write!(body, "58=bye\x01"),
            "A" => {
                let resets = self.first().resets() || self.random.below(6) == 0;
                let flag = if resets && self.random.below(16) > 0 { "141=Y\x01" } else { "" };
                let heartbeat_s = [30, 30, 30, 0, 1, 3_600, 3_601][self.random.below(7)];
                let expected =
                    if self.random.below(3) > 0 { String::new() } else { format!("789={near_out}\x01") };
                write!(body, "98=0\x01108={heartbeat_s}\x01{flag}{expected}")
            }
            "8" => write!(
                body,
                "6=187.45\x0111=2012062100000007\x0114=150\x0117=12\x0137=77\x0138=200\x0139=1\x0154=1\x0155=GOOG\x01150=F\x01151=50\x01"
            ),
            "j" => write!(body, "45=2\x01372=D\x01380=3\x01"),
            _ => write!(
                body,
                "11=A-1\x0121=1\x0138=200\x0140=2\x0144=187.45\x0154=1\x0155=GOOG\x0160={now}\x01"
            ),
        };
        if self.random.below(10) == 0 {
            damage(&mut self.random, &mut body);
        }
        let version = match self.random.below(512) {
            0 => "FIX.4.3",
            _ => self.version,
        };
        naive_decoder::framed_as(version, &body)
    }

    /// Some message, in a frame that is right nearly always.
    fn input(&mut self) -> Vec<u8> {
        const TYPES: [&str; 24] = [
            "8", "8", "8", "8", "8", "D", "D", "0", "0", "0", "1", "1", "2", "2", "3", "4", "4", "4", "8",
            "j", "5", "A", "AE", "@",
        ];
        let mut message_type = TYPES[self.random.below(TYPES.len())];
        if matches!(message_type, "5" | "A") && self.random.below(4) > 0 {
            message_type = "8";
        }
        let sequence = self.near(self.first().next_incoming());
        let mut bytes = self.message(message_type, sequence);
        if self.random.below(24) == 0 {
            damage(&mut self.random, &mut bytes);
        }
        bytes
    }

    /// Gives one input to the sessions and holds what they do against the rules.
    fn receive(&mut self, bytes: &[u8]) {
        let mut said = Vec::new();
        let garbled = self.frames.garbled();
        let _ = self.frames.feed(bytes, &mut |frame| {
            said.push(Said::read(frame.bytes()));
            ControlFlow::Continue(())
        });
        let is_garbled = self.frames.garbled() > garbled;
        let (state, before) = (self.first().state(), self.first().next_incoming());
        let cut = if self.random.below(4) == 0 { self.random.below(bytes.len() + 1) } else { bytes.len() };
        let (mut handed, mut by_others): (Vec<u32>, Vec<Vec<u32>>) = Default::default();
        let outcome = self.each(&mut |now_ns, session, out| {
            handed.clear();
            let mut outcome = Outcome::Open;
            for piece in [&bytes[..cut], &bytes[cut..]] {
                outcome = session.on_bytes(now_ns, piece, out, &mut |_, message_type, frame| {
                    handed.push(Said::read(frame.bytes()).sequence.unwrap_or(0));
                    match message_type {
                        b'8' | b'D' | b'3' | b'j' => Ok(()),
                        _ => Err(MessageError::new(0, Fault::UnsupportedMessageType)),
                    }
                });
            }
            by_others.push(handed.clone());
            outcome
        });
        assert!(by_others.windows(2).all(|pair| pair[0] == pair[1]), "seed {:#x}", self.seed);
        let after = self.first().next_incoming();
        let seed = self.seed;
        let context =
            || format!("seed {seed:#x}: {state:?} {before} -> {after} {said:?} by {}", bytes.escape_ascii());
        if let Outcome::Close(reason) = outcome {
            assert_eq!(self.first().state(), State::Closed(reason), "{}", context());
        }
        self.reached.handed += handed.len() as u64;
        self.reached.advanced += u64::from(after > before);
        let restarted = said.iter().any(|said| said.message_type == b'A' && said.resets);
        for said in &said {
            let sequence = said.first_sequence;
            if sequence > before {
                let next = self.early.entry(sequence).or_default();
                *next = said.next(sequence).max(*next);
            }
        }
        let early = self.early.len() as u64;
        match (state, said.as_slice()) {
            _ if is_garbled => {}
            (State::Closed(_), _) | (_, []) => {
                assert_eq!((after, handed.len()), (before, 0), "{}", context())
            }
            (State::LoggedOn | State::LogoutSent, [said]) => {
                if let Some(sequence) = said.sequence {
                    self.check_progress(said, sequence, (before, after), outcome, &context);
                }
            }
            (State::LogoutAnswered, _) => assert_eq!((after, handed.len()), (before, 0), "{}", context()),
            _ => {}
        }
        assert!(after >= before || restarted, "{}", context());
        if restarted {
            self.handed_last = 0;
        }
        self.early = self.early.split_off(&after);
        for &sequence in &handed {
            // One that is there twice in its message is not known here.
            assert!(sequence == 0 || sequence > self.handed_last, "handed {handed:?}: {}", context());
            self.handed_last = self.handed_last.max(sequence);
        }
        let written = self.look();
        // A reject and a logout, or a logon and a request, for each message that was taken up.
        let taken =
            u64::from(after.saturating_sub(before)).min(early + said.len() as u64) + said.len() as u64;
        assert!(written <= 3 * taken + 1, "{written} messages: {}", context());
    }

    /// How far one message that came alone may carry the expected number.
    fn check_progress(
        &mut self,
        said: &Said,
        sequence: u32,
        (before, after): (u32, u32),
        outcome: Outcome,
        context: &dyn Fn() -> String,
    ) {
        let jump = said.next(sequence);
        let by_design = matches!(said.message_type, b'4' | b'A');
        if sequence != before && !by_design {
            assert_eq!(after, before, "{}", context());
        }
        if sequence == before && outcome == Outcome::Open && !by_design && said.message_type != b'5' {
            assert!(after > before, "{}", context());
        }
        if said.resets && said.message_type == b'A' {
            return;
        }
        // The furthest that this and what waits behind it can lead.
        let mut furthest = match said.message_type {
            b'4' => before.max(said.new_sequence).max(if sequence == before { jump } else { before }),
            _ if sequence == before => jump,
            _ => before,
        };
        if furthest > before {
            for (&next, &jump) in self.early.range(before..) {
                if next > furthest {
                    break;
                }
                furthest = furthest.max(jump);
            }
        }
        assert!(after <= furthest, "furthest {furthest}: {}", context());
    }

    /// A new connection, and mostly a logon that is right.
    fn connect(&mut self, reason: CloseReason) {
        *self.reached.closed.entry(name_of(reason)).or_default() += 1;
        for (session, out) in &mut self.sessions {
            session.on_disconnect();
            out.clear();
        }
        self.seen = 0;
        self.is_stuck = self.random.below(16) == 0;
        self.frames.clear();
        self.early.clear();
        // Numbers that are used up end a session; both sides then start again.
        let exhausted = self.first().next_incoming().max(self.next_outgoing) > u32::MAX / 2;
        if exhausted {
            self.sessions.iter_mut().for_each(|(session, _)| session.go_on(1, 1));
            (self.next_outgoing, self.handed_last) = (1, 0);
        }
        let _ = self.each(&mut |now_ns, session, out| session.on_connect(now_ns, out));
        if self.first().resets() {
            (self.next_outgoing, self.handed_last) = (1, 0);
        }
        self.look();
        let expected = self.first().next_incoming();
        let sequence = if self.first().resets() { 1 } else { self.near(expected) };
        match self.random.below(32) {
            0 => self.pass(11 * SECOND),
            1 => {
                let logout = self.message("5", sequence);
                self.receive(&logout);
            }
            _ => {
                let logon = self.message("A", sequence);
                self.receive(&logon);
            }
        }
    }

    /// Time goes by.
    fn pass(&mut self, ns: u64) {
        self.now_ns += ns;
        let outcome = self.each(&mut |now_ns, session, out| session.on_timer(now_ns, out));
        assert!(
            outcome != Outcome::Open || self.first().next_timer_ns() > self.now_ns,
            "seed {:#x}: a timer that is due for ever: {:?}",
            self.seed,
            self.first()
        );
        assert!(self.look() <= 3, "seed {:#x}", self.seed);
    }

    /// One of the things that happen between messages.
    fn meanwhile(&mut self) {
        match self.random.below(4) {
            0 if self.random.below(16) == 0 => (0..3).for_each(|_| self.pass(11 * SECOND)),
            0 => {
                let ns = [SECOND / 1_000, SECOND, 7 * SECOND, 31 * SECOND][self.random.below(4)];
                self.pass(ns);
            }
            1 if self.first().is_logged_on() => {
                for (session, out) in &mut self.sessions {
                    let header = Header {
                        ids: session.ids(),
                        sequence: session.reserve_sequence(),
                        sending_time_ns: session.utc_ns(self.now_ns),
                        time_precision: TimePrecision::Milliseconds,
                    };
                    let mut encoder = Encoder::start_message(out.space(FRAME_MAX), &header, b"D");
                    encoder.set(fix44::TEXT, b"ours");
                    if let Ok(length) = encoder.done() {
                        out.commit(length);
                        session.sent(self.now_ns);
                    }
                }
                self.look();
            }
            2 if self.random.below(16) == 0 => {
                let _ = self.each(&mut |now_ns, session, out| session.logout(now_ns, out));
                self.look();
            }
            _ => {
                let budget = self.random.below(6);
                let Self { sent, sessions, now_ns, .. } = self;
                let outcomes =
                    sessions.iter_mut().map(|(session, out)| session.resend(*now_ns, &*sent, budget, out));
                assert!(outcomes.collect::<Vec<_>>().windows(2).all(|pair| pair[0] == pair[1]));
                let _ = self.each(&mut |_, _, _| Outcome::Open);
                assert!(self.look() <= 3 * budget as u64, "seed {:#x}", self.seed);
            }
        }
    }

    fn run(mut self, messages: u32) -> Reached {
        for _ in 0..messages {
            if self.random.below(6) == 0 && !matches!(self.first().state(), State::Closed(_)) {
                self.meanwhile();
            }
            match self.first().state() {
                State::Closed(reason) => self.connect(reason),
                _ if self.first().next_incoming() > u32::MAX / 2 => self.connect(CloseReason::Disconnected),
                _ => {}
            }
            let bytes = self.input();
            self.receive(&bytes);
        }
        let counters = self.first().counters();
        self.reached.count(counters);
        self.reached
    }
}

fn name_of(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::LoggedOut => "logged out",
        CloseReason::LogoutTimeout => "logout timeout",
        CloseReason::LogonTimeout => "logon timeout",
        CloseReason::LogonRefused => "logon refused",
        CloseReason::LogonInvalid => "logon invalid",
        CloseReason::PeerSilent => "peer silent",
        CloseReason::Sequence => "sequence",
        CloseReason::ResendUnanswered => "resend unanswered",
        CloseReason::Header => "header",
        CloseReason::SendBufferFull => "send buffer full",
        CloseReason::Disconnected => "disconnected",
    }
}

fn damaged_sessions(seed: u64, messages: u32) {
    let mut kinds = Vec::new();
    for role in [Role::Initiator, Role::Acceptor] {
        for version in ["FIX.4.2", "FIX.4.4"] {
            for validation in [Validation::SessionMessages, Validation::AllMessages] {
                kinds.push((role, version, validation));
            }
        }
    }
    let runs = (messages / kinds.len() as u32).div_ceil(MESSAGES_A_SESSION);
    let mut total = Reached::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0u64..)
            .zip(kinds)
            .map(|(number, (role, version, validation))| {
                scope.spawn(move || {
                    let mut reached = Reached::default();
                    for run in 0..runs {
                        let seed = seed ^ number << 48 ^ u64::from(run) << 16;
                        reached.add(&Rig::new(seed, role, version, validation).run(MESSAGES_A_SESSION));
                    }
                    reached
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| total.add(&thread.join().expect("no rule is broken")));
    });
    println!("{messages} messages: {total:?}");
    // Every way to end was gone, and most messages were heard by a session that was open.
    assert!(total.closed.len() >= 10, "{:?}", total.closed);
    let few = u64::from(messages) / 5_000;
    assert!(total.resets > few && total.counters.iter().all(|&count| count > few), "{total:?}");
    assert!(total.advanced > u64::from(messages) / 3 && total.handed > u64::from(messages) / 4, "{total:?}");
}

#[test]
fn damaged_messages_keep_every_session_within_the_rules() {
    damaged_sessions(0x5e55_1011, 400_000);
}

/// `cargo test -p warptick-engine --lib ten_million -- --ignored`
#[test]
#[ignore = "minutes"]
fn ten_million_damaged_messages_keep_every_session_within_the_rules() {
    damaged_sessions(0x5e55_1012, 10_000_000);
}
