//! Damaged messages: the decoders against the naive model, and everything against panics. Seeded; a failure prints the
//! seed and the input.

use std::ops::ControlFlow;

use feeds::send_buffer::SendBuffer;

use super::codec::Message;
use super::delimiters::Kernel;
use super::executions;
use super::fault::MessageError;
use super::frame::Frame;
use super::framer::Framer;
use super::identity::SessionIds;
use super::naive_decoder;
use super::requests;
use super::session::{Outcome, Session, SessionConfig};
use crate::order::Execution;

const SEED: u64 = 0x5eed_f1c5;

const START_NS: u64 = 1_340_285_400_000_000_000;

/// Bodies of the messages that are damaged; `#` is where the session test puts the expected number.
const BODIES: &[&str] = &[
    "35=8|34=#|49=V|52=20120621-13:30:00.123|56=W|6=187.45|11=2012062100000007|14=150|17=12|31=187.4500|32=00000100|\
     37=77|38=200|39=1|54=1|55=GOOG|150=F|151=50|",
    "35=8|34=#|49=V|52=20120621-13:30:00|56=W|11=2012062100000007|14=0|17=X9|37=NONE|54=2|58=price|103=99|150=8|151=0|",
    "35=8|34=#|49=V|52=20120621-13:30:00|56=W|11=2012062100000008|41=2012062100000007|14=0|17=13|37=78|54=2|150=5|\
     354=5|355=a=b|c|151=10.0|",
    "35=9|34=#|49=V|52=20120621-13:30:00|56=W|11=2012062100000008|37=78|39=0|41=2012062100000007|58=closed|102=99|434=1|",
    "35=8|34=#|49=V|52=20120621-13:30:00|56=W|11=2012062100000007|14=150|17=14|20=0|31=23|32=150|37=77|39=2|54=1|\
     150=2|151=0|",
    "35=8|34=#|49=V|52=20120621-13:30:00|56=W|11=2012062100000007|14=0|17=15|20=3|37=77|39=0|54=2|103=5|150=I|151=9|",
    "35=D|34=#|49=V|52=20120621-13:30:00|56=W|11=A-1|21=1|38=00000200|40=2|44=187.45|54=1|55=GOOG|59=3|\
     60=20120229-23:59:59.123456|",
    "35=G|34=#|49=V|52=20120621-13:30:00|56=W|11=A-2|38=200|40=2|41=A-1|44=.5|54=2|55=BRK.A|60=20120621-13:30:00.123456789|",
    "35=F|34=#|49=V|52=20120621-13:30:00|56=W|11=A-3|41=A-2|54=2|55=BRK.A|60=20161231-23:59:60|95=3|96=\u{1}=\u{1}|",
    "35=A|34=#|49=V|52=20120621-13:30:00|56=W|98=0|108=30|141=Y|",
    "35=0|34=#|49=V|52=20120621-13:30:00|56=W|112=TEST|",
    "35=1|34=#|49=V|52=20120621-13:30:00|56=W|112=TEST|",
    "35=2|34=#|49=V|52=20120621-13:30:00|56=W|7=1|16=0|",
    "35=3|34=#|49=V|52=20120621-13:30:00|56=W|45=2|",
    "35=4|34=#|43=Y|49=V|52=20120621-13:30:00|56=W|122=20120621-13:29:59|36=9|123=Y|",
    "35=4|34=#|49=V|52=20120621-13:30:00|56=W|36=12|",
    "35=5|34=#|49=V|52=20120621-13:30:00|56=W|58=bye|",
];

/// Text that is likely to meet the edge of a rule.
const PIECES: &[&str] = &[
    "\u{1}",
    "=",
    "0",
    "9",
    ".",
    "-",
    "+",
    "Y",
    "|",
    "\u{1}10=",
    "\u{1}35=D\u{1}",
    "11=",
    "8=FIX",
    "58=x\u{1}",
    "95=2\u{1}",
    "96=ab\u{1}",
    "354=",
    "150=",
    "99999999999999999999",
    "000000000000000000000",
    "\u{1}\u{1}",
    "54=1\u{1}",
    "44=1.5\u{1}",
    "12345",
    "0000000001",
    ".0000000000",
    "32=0\u{1}",
    "NONE",
    "price",
];

/// SplitMix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Changes some bytes in place.
pub(super) fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(9)).min(bytes.len());
        match random.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.next() as u8,
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = PIECES[random.below(PIECES.len())];
                bytes.splice(at..at, piece.bytes());
            }
            4 => {
                let piece = PIECES[random.below(PIECES.len())];
                bytes.splice(at..end, piece.bytes());
            }
            5 => {
                // A whole field again, or moved.
                let field =
                    bytes[at..].iter().position(|&byte| byte == 1).map_or(at, |length| at + length + 1);
                let copy = bytes[at..field].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            _ => bytes.truncate(bytes.len().max(3) - random.below(3)),
        }
    }
}

/// A damaged message: mostly damaged inside a good frame, sometimes the frame too, sometimes hardly at all.
fn damaged(random: &mut Random, sequence: u32) -> Vec<u8> {
    let body = BODIES[random.below(BODIES.len())].replace('#', &sequence.to_string());
    let mut body = body.replace('|', "\u{1}").into_bytes();
    // The body whose data field holds `a=b|c`, and the one with SOH inside, stay right: SOH is one byte as `|` is.
    let kind = random.below(16);
    if kind > 0 {
        damage(random, &mut body);
    }
    let version = if random.below(4) == 0 { "FIX.4.2" } else { "FIX.4.4" };
    let mut bytes = naive_decoder::framed_as(version, &body);
    if kind > 12 {
        damage(random, &mut bytes);
    }
    bytes
}

#[test]
fn decoders_and_the_naive_model_accept_the_same() {
    let mut random = Random(SEED);
    let mut accepted = [0_u32; 3];
    for round in 0..200_000 {
        let bytes = damaged(&mut random, 7);
        let context = || format!("seed {SEED:#x} round {round}: {}", bytes.escape_ascii());
        let wanted = naive_decoder::message(&bytes);
        let got = Message::decode(&bytes).ok();
        let fields = got.map(|message| {
            let fields: Vec<_> = message.fields().map(|(tag, value)| (tag, value.to_vec())).collect();
            (message.frame().message_type().to_vec(), fields)
        });
        assert_eq!(fields, wanted, "{}", context());
        let Some((message_type, fields)) = wanted else {
            if let Ok(frame) = Frame::parse(&bytes) {
                assert!(executions::decode(frame, 2, 5).is_err(), "{}", context());
                assert!(requests::decode(frame, 5).is_err(), "{}", context());
            }
            continue;
        };
        accepted[0] += 1;
        let frame = Frame::parse(&bytes).unwrap();
        let execution = executions::decode(frame, 2, 5).ok();
        assert_eq!(
            execution,
            naive_decoder::execution(frame.begin_string(), &message_type, &fields),
            "{}",
            context()
        );
        let request = requests::decode(frame, 5).ok();
        let request = request.map(|read| (read.request, read.symbol.to_vec(), read.transact_time_ns));
        assert_eq!(request, naive_decoder::request(&message_type, &fields), "{}", context());
        accepted[1] += u32::from(execution.is_some());
        accepted[2] += u32::from(request.is_some());
    }
    // The test is worth something only while a good part of the damage is survivable.
    assert!(accepted[0] > 50_000 && accepted[1] > 7_500 && accepted[2] > 5_000, "{accepted:?}");
}

/// What came out of one input: the frames that it holds, what each says, and what is wrong with it otherwise.
type Outcomes = Vec<(Vec<u8>, usize, Result<Option<Execution>, MessageError>)>;

/// `count` damaged messages through the framer and the execution decoder of every kernel: the same frames, executions
/// and faults from all, and from the cursor, whatever each has seen before.
fn every_kernel_says_the_same(seed: u64, count: u32) {
    let mut random = Random(seed);
    let mut framers: Vec<(Kernel, Framer)> =
        Kernel::available().map(|kernel| (kernel, Framer::with_kernel(kernel))).collect();
    let (mut frames, mut executions_read, mut indexed) = (0_u32, 0_u32, 0_u32);
    for round in 0..count {
        let bytes = damaged(&mut random, 7);
        // Some with their end cut off or in two pieces, so that frames come from the framer's own buffer too.
        let cut = if random.below(4) == 0 { random.below(bytes.len() + 1) } else { bytes.len() };
        let mut wanted: Option<Outcomes> = None;
        for (kernel, framer) in &mut framers {
            let mut outcomes = Outcomes::new();
            for piece in [&bytes[..cut], &bytes[cut..]] {
                let _ = framer.feed(piece, &mut |frame| {
                    let execution = executions::decode(frame, 2, 5);
                    let again = Frame::parse(frame.bytes()).map(|frame| executions::decode(frame, 2, 5));
                    assert_eq!(
                        again,
                        Ok(execution),
                        "seed {seed:#x} round {round} {kernel:?}: {}",
                        bytes.escape_ascii()
                    );
                    indexed += u32::from(frame.index().is_some());
                    outcomes.push((frame.bytes().to_vec(), frame.message_type().len(), execution));
                    ControlFlow::Continue(())
                });
            }
            let garbled = framer.garbled();
            outcomes.push((Vec::new(), garbled as usize, Ok(None)));
            match &wanted {
                None => wanted = Some(outcomes),
                Some(wanted) => {
                    assert_eq!(
                        &outcomes,
                        wanted,
                        "seed {seed:#x} round {round} {kernel:?}: {}",
                        bytes.escape_ascii()
                    );
                }
            }
        }
        let outcomes = wanted.unwrap_or_default();
        frames += outcomes.len() as u32 - 1;
        executions_read += outcomes.iter().filter(|outcome| matches!(outcome.2, Ok(Some(_)))).count() as u32;
    }
    // Of every thousand inputs several hundred still hold a frame, and some of those an execution.
    assert!(
        frames > count / 3 && executions_read > count / 30 && indexed > count / 3,
        "{frames} {executions_read}"
    );
}

#[test]
fn every_kernel_says_the_same_of_a_million_messages() {
    every_kernel_says_the_same(SEED ^ 2, 1_000_000);
}

/// `cargo test -p warptick-engine --lib ten_million -- --ignored`
#[test]
#[ignore = "a minute or two"]
fn every_kernel_says_the_same_of_ten_million_messages() {
    every_kernel_says_the_same(SEED ^ 3, 10_000_000);
}

#[test]
fn a_million_damaged_inputs_panic_nowhere() {
    let mut random = Random(SEED ^ 1);
    let ids = SessionIds::new("FIX.4.4", "W", "V").unwrap();
    let mut session = Session::new(SessionConfig::acceptor(ids));
    let mut out = SendBuffer::with_capacity(1 << 14);
    let mut read_back = Framer::new();
    let (mut now_ns, mut closed, mut handled, mut written) = (START_NS, 0_u32, 0_u32, 0_u32);
    let _ = session.on_connect(now_ns, &mut out);
    for round in 0..1_000_000_u32 {
        let bytes = damaged(&mut random, session.next_incoming());
        if let Ok(frame) = Frame::parse(&bytes) {
            let _ = executions::decode(frame, 0, 0);
            let _ = requests::decode(frame, 0);
            let _ = Message::of(frame);
        }
        let (first, second) = bytes.split_at(random.below(bytes.len()));
        let mut outcome = Outcome::Open;
        for piece in [first, second] {
            outcome = session.on_bytes(now_ns, piece, &mut out, &mut |_, _, frame| {
                handled += 1;
                requests::decode(frame, 0).map(|_| ())
            });
        }
        if round % 64 == 0 {
            now_ns += 1_000_000_000;
            outcome = session.on_timer(now_ns, &mut out);
        }
        // Whatever it wrote is whole and well formed.
        let pending = out.pending().len();
        let _ = read_back.feed(out.pending(), &mut |frame| {
            assert!(
                Message::of(frame).is_ok(),
                "seed {SEED:#x} round {round}: {}",
                frame.bytes().escape_ascii()
            );
            written += 1;
            ControlFlow::Continue(())
        });
        assert_eq!(read_back.garbled(), 0, "seed {SEED:#x} round {round}");
        out.consume(pending);
        if matches!(outcome, Outcome::Close(_)) {
            closed += 1;
            session.on_disconnect();
            // Times in the messages stand still: so does the clock, connection by connection.
            now_ns = START_NS;
            let _ = session.on_connect(now_ns, &mut out);
            let logon = BODIES[9].replace('#', "1");
            let _ = session.on_bytes(now_ns, &naive_decoder::framed(&logon), &mut out, &mut |_, _, _| Ok(()));
        }
    }
    assert!(closed > 1_000 && handled > 30_000 && written > 100_000, "{closed} {handled} {written}");
}
