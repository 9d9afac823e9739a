//! 10^6 damaged inputs to each decoder: none may panic, hang, or hand out bytes that are not in the input.
//!
//! Deterministic: seeded xorshift. A failure prints the seed of its input through [`Announce`].

use feeds::error::CaptureError;
use feeds::itch::decode::decode;
use feeds::itch::encode::encode;
use feeds::itch::messages::BODY_LENGTH_MAX;
use feeds::moldudp64;
use feeds::source::file::Capture;

use crate::captures::itch_packet_files;
use crate::containers::{
    Order, enhanced_packet, every_message_framed, frame, gzip, interface, mold, pcap, section_header,
    simple_packet,
};

const INPUTS: u64 = 1_000_000;

struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `bound`, which is above 0.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }
}

/// Prints the seed of the input at hand when a test panics.
struct Announce(&'static str, u64);

impl Drop for Announce {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: input with seed {:#x}", self.0, self.1);
        }
    }
}

/// Copies one of `inputs` to `out` and damages it in one to four places.
fn damage(inputs: &[Vec<u8>], random: &mut XorShift, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&inputs[random.below(inputs.len())]);
    for _ in 0..=random.below(4) {
        if out.is_empty() {
            out.push(random.byte());
        }
        let at = random.below(out.len());
        match random.below(8) {
            0 => out[at] = random.byte(),
            1 => out[at] ^= 1 << random.below(8),
            2 => out[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            3 => out.truncate(at),
            4 => out.insert(at, random.byte()),
            5 => drop(out.remove(at)),
            6 => {
                let end = (at + 1 + random.below(16)).min(out.len());
                let value = [0, 0xff][random.below(2)];
                out[at..end].fill(value);
            }
            _ => {
                let end = (at + 1 + random.below(32)).min(out.len());
                out.extend_from_within(at..end);
            }
        }
    }
}

/// Feeds [`INPUTS`] damaged copies of `inputs` to `decoder`, which says whether it accepted one. A run that accepts
/// everything or nothing has not tested the decoder.
fn run(name: &'static str, inputs: &[Vec<u8>], mut decoder: impl FnMut(&[u8]) -> bool) {
    let mut input = Vec::new();
    let mut accepted = 0;
    let mut seed = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..INPUTS {
        let announce = Announce(name, seed);
        let mut random = XorShift(seed);
        damage(inputs, &mut random, &mut input);
        accepted += u64::from(decoder(&input));
        seed = random.next();
        drop(announce);
    }
    println!("{name}: {accepted} of {INPUTS} damaged inputs were accepted");
    assert!(accepted > INPUTS / 1000 && accepted < INPUTS - INPUTS / 1000);
}

/// Walks a capture to its end or its error; everything handed out must lie in the file, and [`Capture::walk`] must
/// hand out the same messages and end the same way.
fn walk(bytes: &[u8]) -> bool {
    let Ok(capture) = Capture::from_bytes("", bytes.to_vec()) else { return false };
    let range = capture.bytes().as_ptr_range();
    let mut walked = Vec::new();
    let end = capture.walk(|message| -> Result<(), CaptureError> {
        walked.push((message.body.as_ptr(), message.body.len(), message.offset, message.receive_ns));
        assert_eq!(message.number, walked.len() as u64);
        Ok(())
    });
    let mut walked = walked.into_iter();
    let mut cursor = capture.packets();
    for _ in 0..=capture.bytes().len() {
        match cursor.next(&capture) {
            Ok(Some(packet)) => {
                let mut offset = usize::try_from(packet.offset).unwrap();
                let mut count = 0;
                for (body, at) in packet.messages() {
                    assert_eq!(walked.next(), Some((body.as_ptr(), body.len(), at, packet.receive_ns)));
                    assert_eq!(usize::try_from(at).unwrap(), offset);
                    assert!(range.contains(&body.as_ptr()) || body.is_empty());
                    assert!(capture.bytes()[offset + 2..].starts_with(body));
                    offset += 2 + body.len();
                    count += 1;
                }
                assert_eq!(count, packet.message_count);
            }
            Ok(None) => {
                assert!(end.is_ok() && walked.next().is_none());
                return true;
            }
            Err(error) => {
                assert!(end == Err(error.clone()) && walked.next().is_none());
                assert!(error.offset <= capture.bytes().len() as u64);
                assert_eq!(cursor.next(&capture), Err(error), "the cursor stays at an error");
                return false;
            }
        }
    }
    panic!("the walk does not end");
}

/// UDP payloads of the real packets where they are there, else of built ones.
fn mold_packets() -> Vec<Vec<u8>> {
    let messages = every_message_framed();
    let mut payloads = vec![mold(1, &messages), mold(9, &messages[..3]), mold(5, &[])];
    for file in itch_packet_files().unwrap_or_default() {
        let capture = Capture::open(file).unwrap();
        let mut cursor = capture.packets();
        while let Some(packet) = cursor.next(&capture).unwrap() {
            let at = usize::try_from(packet.offset).unwrap();
            let payload = &capture.bytes()[at - moldudp64::HEADER_LENGTH..at + packet.blocks.len()];
            payloads.push(payload.to_vec());
        }
    }
    payloads
}

#[test]
fn message_decoder() {
    let bodies: Vec<Vec<u8>> =
        every_message_framed().into_iter().map(|framed| framed[2..].to_vec()).collect();
    run("message", &bodies, |body| {
        let Ok(message) = decode(body) else { return false };
        let mut out = [0; BODY_LENGTH_MAX];
        let length = encode(&message, &mut out);
        assert_eq!(&out[..length], body, "what decodes encodes back");
        true
    });
}

#[test]
fn mold_decoder() {
    run("MoldUDP64", &mold_packets(), |payload| {
        let Ok((header, blocks)) = moldudp64::decode(payload) else { return false };
        let bodies = moldudp64::blocks(blocks);
        assert_eq!(bodies.count(), usize::from(header.message_count()));
        assert_eq!(bodies.map(|body| body.len() + 2).sum::<usize>(), blocks.len());
        true
    });
}

#[test]
fn pcap_capture() {
    let files: Vec<Vec<u8>> = mold_packets()
        .chunks(3)
        .zip([(Order::Little, true), (Order::Big, false)].into_iter().cycle())
        .map(|(payloads, (order, nanoseconds))| {
            let frames: Vec<_> = payloads.iter().map(|payload| (1, 2, frame(17, payload))).collect();
            pcap(order, nanoseconds, &frames)
        })
        .collect();
    run("pcap", &files, walk);
}

#[test]
fn pcapng_capture() {
    let files: Vec<Vec<u8>> = mold_packets()
        .chunks(2)
        .zip([Order::Little, Order::Big].into_iter().cycle())
        .map(|(payloads, order)| {
            let mut file = [section_header(order), interface(order, 9), interface(order, 0x86)].concat();
            for payload in payloads {
                file.extend(enhanced_packet(order, 1, 1 << 60, &frame(17, payload)));
                file.extend(simple_packet(order, &frame(17, payload)));
            }
            file
        })
        .collect();
    run("pcapng", &files, walk);
}

#[test]
fn binary_file_capture() {
    let messages = every_message_framed();
    let mut ended = messages[..6].concat();
    ended.extend([0, 0]);
    run("BinaryFILE", &[messages.concat(), messages[3..5].concat(), ended], walk);
}

#[test]
fn gzipped_capture() {
    let messages = every_message_framed();
    let files = [gzip(&messages[..5].concat()), [gzip(&messages[0]), gzip(&messages[1])].concat()];
    run("gzip", &files, walk);
}
