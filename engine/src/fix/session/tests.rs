//! Two sessions back to back in virtual time, and one session against messages made by hand.

use super::*;
use crate::fix::codec::Message;
use crate::fix::fault::Fault;
use crate::fix::naive_decoder;
use crate::fix::timestamp::TimePrecision;
use crate::fix::timestamp::write_timestamp;

const START_NS: u64 = 1_340_285_400_000_000_000;

fn ids() -> SessionIds {
    SessionIds::new("FIX.4.4", "WARPTICK", "VENUE").unwrap()
}

/// A session with its buffer and what its handler got.
struct Side {
    session: Session,
    out: SendBuffer,
    got: Vec<Vec<u8>>,
    refuse: Option<Fault>,
}

impl Side {
    fn new(config: SessionConfig) -> Self {
        Self {
            session: Session::new(config),
            out: SendBuffer::with_capacity(1 << 16),
            got: Vec::new(),
            refuse: None,
        }
    }

    fn initiator() -> Self {
        Self::new(SessionConfig::initiator(ids(), 30))
    }

    fn acceptor() -> Self {
        Self::new(SessionConfig::acceptor(ids().reversed()))
    }

    fn take(&mut self) -> Vec<u8> {
        let bytes = self.out.pending().to_vec();
        self.out.consume(bytes.len());
        bytes
    }

    fn bytes(&mut self, now_ns: u64, bytes: &[u8]) -> Outcome {
        let Self { session, out, got, refuse } = self;
        let outcome = session.on_bytes(now_ns, bytes, out, &mut |_, _, frame| {
            got.push(frame.bytes().to_vec());
            refuse.map_or(Ok(()), |fault| Err(MessageError::new(55, fault)))
        });
        if outcome == Outcome::Open && session.is_resending() {
            return session.resend(now_ns, &NothingSent, 8, out);
        }
        outcome
    }

    /// Sends an application message as the pipeline does.
    fn order(&mut self, now_ns: u64) {
        let header = Header {
            ids: self.session.ids(),
            sequence: self.session.reserve_sequence(),
            sending_time_ns: now_ns,
            time_precision: TimePrecision::Microseconds,
        };
        let mut encoder = Encoder::start_message(self.out.space(FRAME_MAX), &header, b"D");
        encoder.set(fix44::CL_ORD_ID, b"A-1");
        let length = encoder.done().unwrap();
        self.out.commit(length);
        self.session.sent(now_ns);
    }
}

/// Carries bytes both ways, in pieces, until nothing moves.
fn pump(now_ns: u64, left: &mut Side, right: &mut Side, piece: usize) -> (Outcome, Outcome) {
    let mut outcomes = (Outcome::Open, Outcome::Open);
    loop {
        let (from_left, from_right) = (left.take(), right.take());
        if from_left.is_empty() && from_right.is_empty() {
            return outcomes;
        }
        for bytes in from_left.chunks(piece) {
            outcomes.1 = right.bytes(now_ns, bytes);
        }
        for bytes in from_right.chunks(piece) {
            outcomes.0 = left.bytes(now_ns, bytes);
        }
    }
}

fn logged_on() -> (Side, Side) {
    let (mut left, mut right) = (Side::initiator(), Side::acceptor());
    assert_eq!(right.session.on_connect(START_NS, &mut right.out), Outcome::Open);
    assert_eq!(left.session.on_connect(START_NS, &mut left.out), Outcome::Open);
    assert_eq!(pump(START_NS, &mut left, &mut right, usize::MAX), (Outcome::Open, Outcome::Open));
    assert!(left.session.is_logged_on() && right.session.is_logged_on());
    (left, right)
}

/// A message to the acceptor (from WARPTICK) by hand; `header` and `body` with `|`.
fn by_hand(message_type: &str, sequence: u32, now_ns: u64, header: &str, body: &str) -> Vec<u8> {
    let mut time = [0; 21];
    write_timestamp(now_ns, TimePrecision::Milliseconds, &mut time).unwrap();
    let time = std::str::from_utf8(&time).unwrap();
    naive_decoder::framed(&format!(
        "35={message_type}|34={sequence}|{header}49=WARPTICK|52={time}|56=VENUE|{body}"
    ))
}

/// The messages in some bytes, as text without the trailer, `|` for SOH, times cut out.
fn texts(bytes: &[u8]) -> Vec<String> {
    let mut framer = Framer::new();
    let mut texts = Vec::new();
    let _ = framer.feed(bytes, &mut |frame| {
        let message = Message::of(frame).unwrap();
        let body: String = message
            .fields()
            .filter(|&(tag, _)| ![49, 52, 56, 122].contains(&tag))
            .map(|(tag, value)| format!("|{tag}={}", String::from_utf8_lossy(value)))
            .collect();
        texts.push(format!("{}{body}", String::from_utf8_lossy(frame.message_type())));
        ControlFlow::Continue(())
    });
    assert_eq!(framer.garbled(), 0);
    texts
}

#[test]
fn logon_orders_and_logout_in_pieces_of_every_size() {
    for piece in (1..300).chain([usize::MAX]) {
        let (mut left, mut right) = (Side::initiator(), Side::acceptor());
        let _ = right.session.on_connect(START_NS, &mut right.out);
        let _ = left.session.on_connect(START_NS, &mut left.out);
        let _ = pump(START_NS, &mut left, &mut right, piece);
        assert!(left.session.is_logged_on() && right.session.is_logged_on(), "pieces of {piece}");
        for _ in 0..3 {
            left.order(START_NS);
        }
        let _ = pump(START_NS, &mut left, &mut right, piece);
        assert_eq!((right.got.len(), right.session.next_incoming()), (3, 5));
        let _ = left.session.logout(START_NS, &mut left.out);
        let (left_end, _) = pump(START_NS, &mut left, &mut right, piece);
        assert_eq!(left_end, Outcome::Close(CloseReason::LoggedOut));
        assert_eq!(right.session.state(), State::LogoutAnswered);
        right.session.on_disconnect();
        assert_eq!(right.session.state(), State::Closed(CloseReason::Disconnected));
    }
}

#[test]
fn the_known_logon() {
    let mut left = Side::initiator();
    let _ = left.session.on_connect(START_NS, &mut left.out);
    let text = String::from_utf8(left.take()).unwrap().replace('\x01', "|");
    // 35 5, 34 5, 49 12, 52 25, 56 9, 98 5, 108 7, 141 6 bytes.
    let expected =
        "8=FIX.4.4|9=74|35=A|34=1|49=WARPTICK|52=20120621-13:30:00.000|56=VENUE|98=0|108=30|141=Y|10=";
    assert_eq!(text[..text.len() - 4], *expected);
}

#[test]
fn heartbeats_keep_a_quiet_session_alive() {
    let (mut left, mut right) = logged_on();
    for _ in 0..100 {
        let now_ns = left.session.next_timer_ns().min(right.session.next_timer_ns());
        assert_eq!(left.session.on_timer(now_ns, &mut left.out), Outcome::Open);
        assert_eq!(right.session.on_timer(now_ns, &mut right.out), Outcome::Open);
        assert_eq!(pump(now_ns, &mut left, &mut right, 7), (Outcome::Open, Outcome::Open));
    }
    // Each side its Logon and a Heartbeat each 30 s, no TestRequest.
    assert_eq!((left.session.counters().sent, left.session.next_incoming()), (101, 102));
    // An order counts as a sign of life.
    let due_ns = left.session.next_timer_ns();
    left.order(due_ns - 1);
    assert_eq!(left.session.next_timer_ns(), due_ns + 6 * NS_PER_S, "the peer's silence is next");
}

#[test]
fn silence_is_asked_about_and_then_given_up() {
    let (mut left, _) = logged_on();
    let ask_ns = START_NS + 36 * NS_PER_S;
    assert_eq!(left.session.on_timer(ask_ns - 1, &mut left.out), Outcome::Open);
    assert_eq!(texts(&left.take()), ["0|34=2"]);
    assert_eq!(left.session.on_timer(ask_ns, &mut left.out), Outcome::Open);
    assert_eq!(texts(&left.take()), ["1|34=3|112=TEST"]);
    let end_ns = ask_ns + 30 * NS_PER_S;
    assert_eq!(left.session.on_timer(end_ns - 1, &mut left.out), Outcome::Open);
    assert_eq!(left.session.on_timer(end_ns, &mut left.out), Outcome::Close(CloseReason::PeerSilent));
    assert!(!left.session.is_logged_on());
    assert_eq!(left.session.next_timer_ns(), TIME_NONE);
}

#[test]
fn a_test_request_is_answered() {
    let (mut left, mut right) = logged_on();
    let now_ns = START_NS + 36 * NS_PER_S;
    let _ = left.session.on_timer(now_ns, &mut left.out);
    assert_eq!(pump(now_ns, &mut left, &mut right, usize::MAX).0, Outcome::Open);
    let later_ns = now_ns + 36 * NS_PER_S - 1;
    assert_eq!(left.session.on_timer(later_ns, &mut left.out), Outcome::Open);
    assert_eq!(texts(&left.take()), ["0|34=3"], "no second TestRequest: the answer came");
}

#[test]
fn a_gap_is_asked_for_once_and_filled() {
    let (mut left, mut right) = logged_on();
    left.order(START_NS);
    let lost = left.take();
    assert!(!lost.is_empty());
    left.order(START_NS);
    left.order(START_NS);
    let behind = left.take();
    assert_eq!(right.bytes(START_NS, &behind), Outcome::Open);
    let request = right.take();
    assert_eq!(texts(&request), ["2|34=2|7=2|16=0"]);
    assert_eq!(left.bytes(START_NS, &request), Outcome::Open);
    let fill = left.take();
    assert_eq!(texts(&fill), ["4|34=2|43=Y|36=5|123=Y"]);
    assert_eq!(right.bytes(START_NS, &fill), Outcome::Open);
    left.order(START_NS);
    let _ = pump(START_NS, &mut left, &mut right, usize::MAX);
    // Nothing old is resent; the gap fill covers what came behind the gap as well, so that nothing is processed twice.
    assert_eq!((right.got.len(), right.session.next_incoming()), (1, 6));
    assert_eq!(right.session.counters().kept_behind_gap, 2);
    assert_eq!(right.session.counters().resend_requests, 1);
}

#[test]
fn a_peer_that_resends_is_read_and_a_hole_in_its_answer_is_asked_for_again() {
    let (_, mut right) = logged_on();
    let at = START_NS;
    let dup = |sequence, message_type: &str| {
        by_hand(message_type, sequence, at, "43=Y|122=20120621-13:29:59|", "11=A-1|")
    };
    let _ = right.bytes(at, &by_hand("D", 5, at, "", "11=A-1|"));
    assert_eq!(texts(&right.take()), ["2|34=2|7=2|16=0"]);
    let _ = right.bytes(at, &by_hand("D", 6, at, "", "11=A-1|"));
    assert_eq!(right.take(), b"", "one request for one gap");
    let _ = right.bytes(at, &dup(2, "D"));
    let _ = right.bytes(at, &dup(4, "D"));
    assert_eq!(texts(&right.take()), ["2|34=3|7=3|16=0"]);
    let _ = right.bytes(at, &dup(3, "D"));
    // 4 to 6 were kept: nothing needs to come twice, and what does is not processed twice.
    assert_eq!((right.got.len(), right.session.next_incoming()), (5, 7));
    for sequence in 4..=6 {
        let _ = right.bytes(at, &dup(sequence, "D"));
    }
    assert_eq!((right.got.len(), right.session.counters().duplicates), (5, 3));
}

#[test]
fn both_sides_with_a_gap_do_not_wait_for_each_other() {
    let (mut left, mut right) = logged_on();
    left.order(START_NS);
    right.order(START_NS);
    let _lost = (left.take(), right.take());
    left.order(START_NS);
    right.order(START_NS);
    let _ = pump(START_NS, &mut left, &mut right, 5);
    left.order(START_NS);
    right.order(START_NS);
    let _ = pump(START_NS, &mut left, &mut right, 5);
    assert_eq!((left.got.len(), right.got.len()), (1, 1));
    assert_eq!(left.session.reserve_sequence(), right.session.next_incoming());
    assert_eq!(right.session.reserve_sequence(), left.session.next_incoming());
}

/// What the acceptor, logged on, says to one message, and how it goes on.
fn answer(bytes: &[u8]) -> (Vec<String>, Outcome, u32) {
    let (_, mut right) = logged_on();
    let outcome = right.bytes(START_NS, bytes);
    let said = texts(&right.take());
    (said, outcome, right.session.next_incoming())
}

#[test]
fn a_low_number_ends_the_session() {
    let (said, outcome, _) = answer(&by_hand("0", 1, START_NS, "", ""));
    assert_eq!(said, ["5|34=2|58=MsgSeqNum too low, expecting 2 but received 1"]);
    assert_eq!(outcome, Outcome::Close(CloseReason::Sequence));
    let (said, outcome, next) = answer(&by_hand("0", 1, START_NS, "43=Y|122=20120621-13:29:59|", ""));
    assert_eq!((said.len(), outcome, next), (0, Outcome::Open, 2));
    let (said, outcome, _) = answer(&by_hand("0", 1, START_NS, "43=Y|", ""));
    assert_eq!(said, ["3|34=2|45=1|58=Required tag missing|371=122|372=0|373=1"]);
    assert_eq!(outcome, Outcome::Open);
    let (said, outcome, _) = answer(&by_hand("0", 1, START_NS, "43=Y|122=20120621-13:30:01|", ""));
    assert_eq!(said.len(), 2);
    assert_eq!(outcome, Outcome::Close(CloseReason::Header));
    let (_, outcome, _) = answer(&naive_decoder::framed("35=0|49=WARPTICK|52=20120621-13:30:00|56=VENUE|"));
    assert_eq!(outcome, Outcome::Close(CloseReason::Sequence));
}

#[test]
fn wrong_headers_end_the_session() {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace('\x01', "|");
    let body = |from: &str, to: &str| {
        let frame = text(by_hand("0", 2, START_NS, "", ""));
        let start = frame.find("35=").unwrap();
        naive_decoder::framed(&frame[start..frame.len() - 7].replace(from, to))
    };
    let (said, outcome, _) = answer(&body("49=WARPTICK", "49=OTHER"));
    assert_eq!(said, ["3|34=2|45=2|58=CompID problem|372=0|373=9", "5|34=3"]);
    assert_eq!(outcome, Outcome::Close(CloseReason::Header));
    let (said, ..) = answer(&body("56=VENUE", "56=V"));
    assert_eq!(said[0], "3|34=2|45=2|58=CompID problem|372=0|373=9");
    let (said, outcome, _) = answer(&by_hand("0", 2, START_NS + 121 * NS_PER_S, "", ""));
    assert_eq!(said[0], "3|34=2|45=2|58=SendingTime accuracy problem|372=0|373=10");
    assert_eq!(outcome, Outcome::Close(CloseReason::Header));
    assert_eq!(answer(&by_hand("0", 2, START_NS - 120 * NS_PER_S, "", "")).2, 3);
    let (said, outcome, next) = answer(&body("52=20120621-13:30:00.000|", ""));
    assert_eq!(said, ["3|34=2|45=2|58=Required tag missing|371=52|372=0|373=1"]);
    assert_eq!((outcome, next), (Outcome::Open, 3));
    let mut other = by_hand("0", 2, START_NS, "", "");
    other[8] = b'2'; // FIX.4.2, sum two less
    let sum = other[..other.len() - 7].iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    let end = other.len();
    other[end - 4..end - 1].copy_from_slice(format!("{sum:03}").as_bytes());
    let (said, outcome, _) = answer(&other);
    assert_eq!(said, ["5|34=2|58=Incorrect BeginString"]);
    assert_eq!(outcome, Outcome::Close(CloseReason::Header));
}

#[test]
fn sequence_resets() {
    for (message_type, sequence, body, next, said) in [
        ("4", 2, "36=10|123=Y|", 10, vec![]),
        (
            "4",
            2,
            "36=2|123=Y|",
            3,
            vec!["3|34=2|45=2|58=Value is incorrect (out of range) for this tag|371=36|372=4|373=5"],
        ),
        ("4", 5, "36=10|123=Y|", 2, vec!["2|34=2|7=2|16=0"]),
        ("4", 99, "36=10|", 10, vec![]),
        ("4", 1, "36=10|123=N|", 10, vec![]),
        ("4", 2, "36=2|", 2, vec![]),
        (
            "4",
            2,
            "36=1|",
            2,
            vec!["3|34=2|45=2|58=Value is incorrect (out of range) for this tag|372=4|373=5"],
        ),
        ("4", 2, "123=N|", 2, vec!["3|34=2|45=2|58=Required tag missing|371=36|372=4|373=1"]),
        (
            "4",
            2,
            "36=9|123=x|",
            2,
            vec!["3|34=2|45=2|58=Incorrect data format for value|371=123|372=4|373=6"],
        ),
        ("A", 1, "98=0|108=5|141=Y|", 2, vec!["A|34=1|98=0|108=5|141=Y"]),
    ] {
        let (got, outcome, got_next) = answer(&by_hand(message_type, sequence, START_NS, "", body));
        assert_eq!((got, got_next), (said.iter().map(|&text| text.to_owned()).collect(), next), "{body}");
        assert_eq!(outcome, Outcome::Open);
    }
    let (said, outcome, _) = answer(&by_hand("A", 2, START_NS, "", "98=0|108=5|"));
    assert_eq!(said, ["5|34=2|58=Already logged on"]);
    assert_eq!(outcome, Outcome::Close(CloseReason::LogonInvalid));
}

#[test]
fn resend_requests_are_answered_with_gap_fills() {
    for (body, said) in [
        ("7=1|16=0|", "4|34=1|43=Y|36=2|123=Y"),
        ("7=1|16=1|", "4|34=1|43=Y|36=2|123=Y"),
        ("7=1|16=999999|", "4|34=1|43=Y|36=2|123=Y"),
        ("7=2|16=0|", "3|34=2|45=2|58=Value is incorrect (out of range) for this tag|371=7|372=2|373=5"),
        ("7=0|16=0|", "3|34=2|45=2|58=Value is incorrect (out of range) for this tag|371=7|372=2|373=5"),
        ("7=1|", "3|34=2|45=2|58=Required tag missing|371=16|372=2|373=1"),
    ] {
        let (got, outcome, next) = answer(&by_hand("2", 2, START_NS, "", body));
        assert_eq!((got, outcome, next), (vec![said.to_owned()], Outcome::Open, 3), "{body}");
    }
}

#[test]
fn what_the_handler_refuses_is_rejected() {
    for (fault, said) in [
        (Fault::Missing, "3|34=2|45=2|58=Required tag missing|371=55|372=D|373=1"),
        (Fault::UnsupportedMessageType, "j|34=2|45=2|58=Unsupported Message Type|372=D|380=3"),
    ] {
        let (_, mut right) = logged_on();
        right.refuse = Some(fault);
        assert_eq!(right.bytes(START_NS, &by_hand("D", 2, START_NS, "", "11=A-1|")), Outcome::Open);
        assert_eq!(texts(&right.take()), [said]);
        // A Reject reaches the handler, and its refusal of it goes nowhere.
        assert_eq!(right.bytes(START_NS, &by_hand("3", 3, START_NS, "", "45=2|")), Outcome::Open);
        assert_eq!((right.take(), right.got.len()), (Vec::new(), 2));
    }
    let (said, _, next) = answer(&by_hand("0", 2, START_NS, "", "58=|"));
    assert_eq!(said, ["3|34=2|45=2|58=Tag specified without a value|371=58|372=0|373=4"]);
    assert_eq!(next, 3);
}

#[test]
fn logons_that_are_refused() {
    let first = |bytes: &[u8]| {
        let mut right = Side::acceptor();
        let _ = right.session.on_connect(START_NS, &mut right.out);
        let outcome = right.bytes(START_NS, bytes);
        (texts(&right.take()), outcome)
    };
    let silent = (Vec::new(), Outcome::Close(CloseReason::LogonInvalid));
    assert_eq!(first(&by_hand("D", 1, START_NS, "", "98=0|108=30|")), silent);
    assert_eq!(first(&by_hand("A", 1, START_NS + 121 * NS_PER_S, "", "98=0|108=30|")), silent);
    assert_eq!(
        first(&naive_decoder::framed("35=A|34=1|49=X|52=20120621-13:30:00|56=VENUE|98=0|108=30|")),
        silent
    );
    for body in ["98=0|", "108=30|", "98=1|108=30|", "98=0|108=-1|", "98=0|108=3601|", "98=0|108=30|141=X|"] {
        let (said, outcome) = first(&by_hand("A", 1, START_NS, "", body));
        assert!(said.len() == 1 && said[0].starts_with("5|34=1|58="), "{body}: {said:?}");
        assert_eq!(outcome, Outcome::Close(CloseReason::LogonInvalid));
    }
    let (said, _) = first(&by_hand("A", 3, START_NS, "", "98=0|108=30|"));
    assert_eq!(said, ["A|34=1|98=0|108=30", "2|34=2|7=1|16=0"]);
    let mut right = Side::acceptor();
    let _ = right.session.on_connect(START_NS, &mut right.out);
    let deadline_ns = right.session.next_timer_ns();
    assert_eq!(deadline_ns, START_NS + 10 * NS_PER_S);
    assert_eq!(
        right.session.on_timer(deadline_ns, &mut right.out),
        Outcome::Close(CloseReason::LogonTimeout)
    );
    assert_eq!(right.bytes(deadline_ns, b"x"), Outcome::Close(CloseReason::LogonTimeout));
}

#[test]
fn a_session_goes_on_where_it_stopped() {
    let keep = |mut config: SessionConfig| {
        config.reset = Reset::Never;
        config
    };
    let mut left = Side::new(keep(SessionConfig::initiator(ids(), 30)));
    let mut right = Side::acceptor();
    left.session.go_on(7, 4);
    right.session.go_on(4, 7);
    for round in 0..3_u32 {
        let _ = right.session.on_connect(START_NS, &mut right.out);
        let _ = left.session.on_connect(START_NS, &mut left.out);
        let _ = pump(START_NS, &mut left, &mut right, 11);
        left.order(START_NS);
        let _ = pump(START_NS, &mut left, &mut right, 11);
        assert_eq!(right.got.len(), 1 + round as usize);
        assert_eq!((left.session.next_incoming(), right.session.next_incoming()), (5 + round, 9 + 2 * round));
        left.session.on_disconnect();
        right.session.on_disconnect();
    }
    // The acceptor lost its count: it expects less than comes, and asks; then more, and refuses.
    right.session.go_on(7, 20);
    let _ = right.session.on_connect(START_NS, &mut right.out);
    let _ = left.session.on_connect(START_NS, &mut left.out);
    let outcomes = pump(START_NS, &mut left, &mut right, 11);
    assert_eq!(outcomes.1, Outcome::Close(CloseReason::Sequence));
    assert_eq!(outcomes.0, Outcome::Close(CloseReason::LogonRefused));
}

#[test]
fn a_peer_that_does_not_read_is_given_up() {
    let mut right = Side::acceptor();
    right.out = SendBuffer::with_capacity(200);
    let _ = right.session.on_connect(START_NS, &mut right.out);
    assert_eq!(right.bytes(START_NS, &by_hand("A", 1, START_NS, "", "98=0|108=30|141=Y|")), Outcome::Open);
    assert!(right.session.is_logged_on());
    let _ = right.bytes(START_NS, &by_hand("1", 2, START_NS, "", "112=a|"));
    let outcome = right.bytes(START_NS, &by_hand("1", 3, START_NS, "", "112=b|"));
    assert_eq!(outcome, Outcome::Close(CloseReason::SendBufferFull));
}

#[test]
fn logout_times_out_and_closes_before_logon() {
    let (mut left, _) = logged_on();
    let _ = left.session.logout(START_NS, &mut left.out);
    assert!(!left.session.is_logged_on());
    let deadline_ns = left.session.next_timer_ns();
    assert_eq!(left.session.on_timer(deadline_ns, &mut left.out), Outcome::Close(CloseReason::LogoutTimeout));
    let mut early = Side::initiator();
    let _ = early.session.on_connect(START_NS, &mut early.out);
    assert_eq!(early.session.logout(START_NS, &mut early.out), Outcome::Close(CloseReason::LoggedOut));
}

#[test]
fn a_logon_that_is_refused_resets_nothing() {
    let config = SessionConfig { next_expected: true, ..SessionConfig::acceptor(ids().reversed()) };
    let mut venue = Side::new(config);
    venue.session.go_on(55, 77);
    assert_eq!(venue.session.on_connect(START_NS, &mut venue.out), Outcome::Open);
    let logon = by_hand("A", 1, START_NS, "", "98=0|108=30|141=Y|789=9|");
    assert_eq!(venue.bytes(START_NS, &logon), Outcome::Close(CloseReason::Sequence));
    let said = String::from_utf8(venue.take()).unwrap();
    assert!(said.contains("\x0135=5\x0134=55\x01"), "{said}");
    assert_eq!((venue.session.reserve_sequence(), venue.session.next_incoming()), (56, 77));
    venue.session.on_disconnect();
    assert_eq!(venue.session.on_connect(START_NS, &mut venue.out), Outcome::Open);
    let logon = by_hand("A", 1, START_NS, "", "98=0|108=30|141=Y|789=1|");
    assert_eq!(venue.bytes(START_NS, &logon), Outcome::Open);
    assert_eq!((venue.session.reserve_sequence(), venue.session.next_incoming()), (2, 2));
}
