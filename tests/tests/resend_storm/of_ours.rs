//! An initiator that keeps what it sent is asked for all of it.

use engine::fix::codec::{Encoder, Header};
use engine::fix::fix44;
use engine::fix::frame::FRAME_MAX;
use engine::fix::identity::SessionIds;
use engine::fix::sent_log::SentLog;
use engine::fix::session::{Reset, Session, SessionConfig, State};
use engine::fix::timestamp::TimePrecision;
use feeds::send_buffer::SendBuffer;

use crate::{FAIR, HEARTBEAT_S, MESSAGE_BYTES_MAX, MISSED, SECOND, START_NS, TURN_NS, Watch, Weather};

/// As order entry and the venue have them.
const BUFFER_BYTES: usize = 1 << 18;
const RESENT_A_TURN: usize = 8;

/// A session with what it writes and has written.
struct Side {
    session: Session,
    out: SendBuffer,
    log: SentLog,
    /// Bytes at the front of `out` that are in the log.
    recorded: usize,
}

impl Side {
    fn new(config: SessionConfig) -> Self {
        Self {
            session: Session::new(config),
            out: SendBuffer::with_capacity(BUFFER_BYTES),
            log: SentLog::new(1 << 24, 1 << 16),
            recorded: 0,
        }
    }

    /// Writes a new message with this Text(58), and says how many bytes go before it.
    fn write(&mut self, now_ns: u64, text: u32) -> usize {
        let header = Header {
            ids: self.session.ids(),
            sequence: self.session.reserve_sequence(),
            sending_time_ns: self.session.utc_ns(now_ns),
            time_precision: TimePrecision::Microseconds,
        };
        let ahead = self.out.pending().len();
        let mut encoder = Encoder::start_message(self.out.space(FRAME_MAX), &header, b"B");
        encoder.set(fix44::HEADLINE, b"a storm").set(fix44::TEXT, text.to_string().as_bytes());
        let length = encoder.done().expect("room for what is new");
        self.out.commit(length);
        self.session.sent(now_ns);
        self.record();
        ahead
    }

    fn record(&mut self) {
        let pending = self.out.pending();
        self.log.record(&pending[self.recorded..]);
        self.recorded = pending.len();
    }

    /// What is due, and some of what is wanted again.
    fn turn(&mut self, now_ns: u64) {
        if self.session.next_timer_ns() <= now_ns {
            let _ = self.session.on_timer(now_ns, &mut self.out);
        }
        let _ = self.session.resend(now_ns, &self.log, RESENT_A_TURN, &mut self.out);
        self.record();
    }

    fn take(&mut self, bytes_max: usize) -> Vec<u8> {
        let taken = self.out.pending()[..bytes_max.min(self.out.pending().len())].to_vec();
        self.out.consume(taken.len());
        self.recorded -= taken.len();
        taken
    }

    /// Hands in bytes of the other side; the texts of the messages in them are appended.
    fn hear(&mut self, now_ns: u64, bytes: &[u8], heard: &mut Vec<u32>) {
        let _ = self.session.on_bytes(now_ns, bytes, &mut self.out, &mut |_, _, frame| {
            let mut fields = frame.fields();
            while let Ok(Some((tag, value))) = fields.next_field() {
                if tag == 58 {
                    heard.push(std::str::from_utf8(value).unwrap().parse().unwrap());
                }
            }
            Ok(())
        });
        self.record();
    }

    fn cut(&mut self) {
        self.session.on_disconnect();
        self.out.clear();
        self.recorded = 0;
    }
}

/// Both log on, and hear each other out.
fn log_on(now_ns: u64, ours: &mut Side, peer: &mut Side, heard: &mut Vec<u32>) {
    let _ = ours.session.on_connect(now_ns, &mut ours.out);
    let _ = peer.session.on_connect(now_ns, &mut peer.out);
    for _ in 0..2 {
        ours.record();
        let bytes = ours.take(usize::MAX);
        peer.hear(now_ns, &bytes, heard);
        let bytes = peer.take(usize::MAX);
        ours.hear(now_ns, &bytes, &mut Vec::new());
    }
    assert!(ours.session.is_logged_on() && peer.session.is_logged_on());
}

fn storm(weather: Weather) {
    let ids = SessionIds::new("FIX.4.4", "WARPTICK", "VENUE").expect("an identity");
    let config = SessionConfig { reset: Reset::Never, ..SessionConfig::initiator(ids.clone(), HEARTBEAT_S) };
    let mut ours = Side::new(config);
    let mut peer = Side::new(SessionConfig::acceptor(ids.reversed()));
    let (mut now_ns, mut written, mut heard) = (START_NS, 0, Vec::new());
    log_on(now_ns, &mut ours, &mut peer, &mut heard);
    for _ in 0..MISSED {
        ours.write(now_ns, written);
        written += 1;
        let _ = ours.take(usize::MAX); // lost on the way
    }
    let (mut to_peer, mut to_us) = (Watch::new(MISSED + 2, now_ns), Watch::new(2, now_ns));
    let (mut most_ahead, mut backlog, mut turns, mut cuts) = (0, 0, 0_u64, 0);
    while turns < 8 || ours.session.is_resending() || !ours.out.is_empty() || heard.len() < written as usize {
        turns += 1;
        now_ns += TURN_NS;
        assert!(turns < 40_000, "{} of {written} after {turns} turns: {weather:?}", heard.len());
        // New messages until the storm has been over for a while.
        if turns == 1 || turns % weather.new_one_in == 0 && ours.session.is_resending() {
            let ahead = ours.write(now_ns, written);
            written += 1;
            most_ahead = most_ahead.max(ahead);
        }
        let before = ours.out.pending().len();
        ours.turn(now_ns);
        // A turn works off a bounded part of the range, and leaves half of the buffer for what is new.
        let grown = ours.out.pending().len() - before;
        assert!(grown <= (RESENT_A_TURN + 3) * MESSAGE_BYTES_MAX, "{grown} bytes in a turn");
        assert!(before >= BUFFER_BYTES / 2 || ours.out.pending().len() <= BUFFER_BYTES / 2 + FRAME_MAX);
        peer.turn(now_ns);
        let is_stalled = (100..100 + weather.stall_turns).contains(&turns);
        if !is_stalled {
            let bytes = ours.take(weather.bytes_a_turn);
            to_peer.left(now_ns, &bytes, |_| ());
            peer.hear(now_ns, &bytes, &mut heard);
        }
        backlog = backlog.max(ours.out.pending().len());
        let bytes = peer.take(usize::MAX);
        to_us.left(now_ns, &bytes, |_| ());
        ours.hear(now_ns, &bytes, &mut Vec::new());
        for side in [&ours, &peer] {
            assert_eq!(side.session.state(), State::LoggedOn, "turn {turns}: {weather:?}");
        }
        if weather.drops && cuts < 3 && turns == 150 * (cuts + 1) {
            cuts += 1;
            ours.cut();
            peer.cut();
            log_on(now_ns, &mut ours, &mut peer, &mut heard);
            to_peer.check_silence(weather.stall_turns * TURN_NS);
            // The logons went by, and the peer has asked again.
            to_peer = Watch::new(ours.session.reserve_sequence(), now_ns);
            to_us = Watch::new(peer.session.reserve_sequence(), now_ns);
        }
    }
    assert_eq!(heard, (0..written).collect::<Vec<_>>(), "every message once, in order: {weather:?}");
    to_peer.check_silence(weather.stall_turns * TURN_NS);
    to_us.check_silence(0);
    // What is new waits behind half a buffer of what is sent again, and behind other new messages.
    let new_bytes = (turns / weather.new_one_in + 1) as usize * MESSAGE_BYTES_MAX;
    assert!(most_ahead <= BUFFER_BYTES / 2 + FRAME_MAX + new_bytes, "{most_ahead} bytes ahead: {weather:?}");
    assert!(weather.stall_turns == 0 || to_peer.answers >= to_us.test_requests && to_us.test_requests > 0);
    assert!(weather.drops || ours.session.counters().resent >= u64::from(MISSED));
    println!(
        "{weather:?}: {turns} turns, {} s, {written} messages, {} resent, {} kept and {} dropped behind the gap, \
         {} requests, {most_ahead} bytes ahead of a new one at most, {backlog} pending at most",
        turns * TURN_NS / SECOND,
        ours.session.counters().resent,
        peer.session.counters().kept_behind_gap,
        peer.session.counters().dropped_behind_gap,
        peer.session.counters().resend_requests,
    );
}

#[test]
fn what_is_new_leaves_between_what_is_sent_again() {
    storm(FAIR);
}

#[test]
fn a_new_message_every_turn_waits_behind_the_gap() {
    storm(Weather { new_one_in: 1, ..FAIR });
}

#[test]
fn a_slow_reader_leaves_room_for_what_is_new() {
    storm(Weather { bytes_a_turn: 700, new_one_in: 64, ..FAIR });
}

#[test]
fn a_stalled_reader_asks_whether_anybody_is_there() {
    storm(Weather { stall_turns: 150, ..FAIR });
}

#[test]
fn a_connection_that_drops_in_the_middle_goes_on_where_it_was() {
    storm(Weather { drops: true, bytes_a_turn: 4_096, ..FAIR });
}
