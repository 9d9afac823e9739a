//! Real FIX sessions through the framer and the general codec: every message's length and checksum, and what the
//! sequence numbers say.

use std::ops::ControlFlow;

use engine::fix::codec::Message;
use engine::fix::delimiters::Kernel;
use engine::fix::framer::Framer;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/fix_logs/");

/// The bytes of a log, or `None` (said loudly) where the data is absent.
fn log(name: &str) -> Option<Vec<u8>> {
    let bytes = std::fs::read(format!("{DATA}{name}")).ok();
    if bytes.is_none() {
        println!("SKIPPED: ../shared/data is absent");
    }
    bytes
}

/// Hands every message of a log to `take`, fed in pieces of `size` bytes; answers how many places were no frame.
fn read(bytes: &[u8], size: usize, kernel: Kernel, mut take: impl FnMut(&Message<'_>)) -> u64 {
    let mut framer = Framer::with_kernel(kernel);
    for piece in bytes.chunks(size) {
        let flow = framer.feed(piece, &mut |frame| {
            take(&Message::of(frame).expect("fields inside the grammar"));
            ControlFlow::Continue(())
        });
        assert!(flow.is_continue());
    }
    framer.garbled()
}

/// JSE market data over FIXT.1.1: one channel (ApplID(1180)), whose ApplSeqNum(1181) counts its messages. A break is a
/// number that is not the one before and 1; in this log each is a number that comes twice.
#[test]
fn all_messages_of_the_jse_log_are_valid_and_its_breaks_are_found() {
    let Some(bytes) = log("hffix_fix.5.0.set.1") else { return };
    for (kernel, size) in Kernel::available().flat_map(|kernel| [(kernel, 1_460), (kernel, bytes.len())]) {
        let (mut messages, mut numbered, mut breaks, mut repeated) = (0, 0, 0, 0);
        let mut last: Option<(Vec<u8>, u64)> = None;
        let garbled = read(&bytes, size, kernel, |message| {
            messages += 1;
            let Some(number) = message.raw(1181) else { return };
            numbered += 1;
            let number: u64 = std::str::from_utf8(number).expect("digits").parse().expect("a number");
            let channel = message.raw(1180).expect("a channel").to_vec();
            if let Some((last_channel, last)) = &last {
                assert_eq!(*last_channel, channel, "one channel");
                breaks += u32::from(number != last + 1);
                repeated += u32::from(number == *last);
            }
            last = Some((channel, number));
        });
        assert_eq!((messages, numbered, garbled), (13_888, 11_365, 0), "{kernel:?} in pieces of {size}");
        assert_eq!((breaks, repeated), (13, 13), "{kernel:?} in pieces of {size}");
    }
}

/// Both sides of a FIX 4.1 session, as they crossed: each counts its own MsgSeqNum(34) without a gap.
#[test]
fn both_sides_of_a_fix_41_session_are_read() {
    let Some(bytes) = log("hffix_fix.4.1.set.1") else { return };
    for kernel in Kernel::available() {
        let mut next = std::collections::HashMap::new();
        let mut types = String::new();
        read(&bytes, 100, kernel, |message| {
            assert_eq!(message.frame().begin_string(), b"FIX.4.1");
            types.push(char::from(message.frame().message_type_byte()));
            let sender = message.raw(49).expect("a sender").to_vec();
            let number = message.get(engine::fix::fix44::MSG_SEQ_NUM).expect("digits").expect("a number");
            let expected = next.entry(sender).or_insert(1_u32);
            assert_eq!(number, *expected);
            *expected += 1;
        });
        assert_eq!((types.len(), next.len()), (16, 2), "{types}");
        assert!(types.starts_with("AA") && types.contains('D') && types.contains('8'), "{types}");
    }
}
