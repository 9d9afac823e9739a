//! The merged stream against a sort, MoldUDP64 gaps and repeats in a capture written here, and damage.

use super::*;
use crate::control::inputs::Inputs;
use crate::control::session_date::SessionDate;
use crate::control::universe::Universe;
use crate::pipeline::draws::Draws;
use feeds::event::EventKind;
use feeds::moldudp64::Header;
use feeds::source::synthetic::{SyntheticConfig, generate_bytes};
use std::collections::BTreeSet;

const MESSAGES: u64 = 6_000;

fn generated(seed: u64) -> [Vec<u8>; 2] {
    let settings = SyntheticConfig { seed, symbols: 20, messages: MESSAGES, ..SyntheticConfig::default() };
    generate_bytes(&settings).expect("a valid session")
}

fn capture(bytes: Vec<u8>) -> Capture {
    Capture::from_bytes("generated", bytes).expect("not empty")
}

fn single(capture: &Capture) -> Ingest<'_> {
    let directory = Directory::new(Vec::new(), 64).expect("small");
    Ingest::new(vec![Input::Itch(capture, ItchFeed::new(0, 0, 0))], directory).expect("a first message")
}

fn events(ingest: &mut Ingest<'_>) -> Vec<MarketEvent> {
    std::iter::from_fn(|| ingest.next_event().expect("an undamaged capture")).collect()
}

/// The message bodies of BinaryFILE bytes.
fn bodies(capture: &Capture) -> Vec<Vec<u8>> {
    let mut cursor = capture.packets();
    let mut bodies = Vec::new();
    while let Some(packet) = cursor.next(capture).expect("undamaged") {
        bodies.extend(packet.messages().map(|(body, _)| body.to_vec()));
    }
    bodies
}

/// A pcap of MoldUDP64 packets: raw IPv4, nanoseconds, one packet a microsecond.
#[derive(Default)]
struct Pcap {
    bytes: Vec<u8>,
    packets: u32,
}

impl Pcap {
    fn new() -> Self {
        let mut bytes = 0xa1b2_3c4d_u32.to_le_bytes().to_vec();
        bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 101, 0, 0, 0]);
        Self { bytes, packets: 0 }
    }

    fn packet(&mut self, sequence: u64, bodies: &[Vec<u8>]) {
        let count = u16::try_from(bodies.len()).expect("a small packet");
        let mut mold = Header { session: *b"0123456789", sequence, count }.encode().to_vec();
        for body in bodies {
            mold.extend(u16::try_from(body.len()).expect("a short body").to_be_bytes());
            mold.extend(body);
        }
        let udp = u16::try_from(mold.len() + 8).expect("fits a packet");
        let mut frame = vec![0x45, 0];
        frame.extend((udp + 20).to_be_bytes());
        frame.extend([0, 0, 0, 0, 1, 17, 0, 0, 10, 0, 0, 1, 233, 0, 0, 1]);
        frame.extend([0x30, 0x39, 0x30, 0x39]);
        frame.extend(udp.to_be_bytes());
        frame.extend([0, 0]);
        frame.extend(mold);
        self.packets += 1;
        let length = u32::try_from(frame.len()).expect("small");
        for word in [1_700_000_000, self.packets * 1_000, length, length] {
            self.bytes.extend(word.to_le_bytes());
        }
        self.bytes.extend(frame);
    }
}

#[test]
fn two_captures_merge_like_a_sort() {
    for seed in 0..4 {
        let [nasdaq, bx] = generated(seed);
        let inputs = Inputs::of_captures(
            vec![(capture(nasdaq), "NASDAQ".to_owned()), (capture(bx), "BX".to_owned())],
            SessionDate::EPOCH,
        );
        let inputs = inputs.expect("two venues");
        let midnight_ns = inputs.date.eastern_midnight_ns();
        let mut sorted = Vec::new();
        let mut messages = 0;
        for (venue, input) in (0u8..).zip(&inputs.venues) {
            let feed = ItchFeed::new(venue, midnight_ns, 5);
            let directory = inputs.directory().expect("few symbols");
            let mut ingest =
                Ingest::new(vec![Input::Itch(&input.capture, feed)], directory).expect("a first message");
            sorted.extend(events(&mut ingest));
            messages += ingest.messages();
        }
        sorted.sort_by_key(|event| (event.receive_ns, event.venue, event.sequence));
        let mut ingest = inputs.ingest(5).expect("two captures");
        let merged = events(&mut ingest);
        assert!(merged.iter().any(|event| event.venue == 1) && merged.len() > 1_000, "seed {seed}");
        assert!(merged == sorted, "seed {seed}: the merged stream is not the sorted one");
        assert!(merged.is_sorted_by_key(|event| event.receive_ns), "seed {seed}");
        assert_eq!((ingest.messages(), ingest.events()), (messages, merged.len() as u64), "seed {seed}");
        assert_eq!(messages, MESSAGES, "seed {seed}");
    }
}

#[test]
fn gaps_are_told_and_repeats_dropped() {
    let whole = capture(generated(1)[0].clone());
    let bodies = bodies(&whole);
    // Which messages are market events at all.
    let is_event: BTreeSet<u64> = events(&mut single(&whole)).iter().map(|event| event.sequence).collect();
    for seed in 0..40 {
        let mut draws = Draws(seed);
        let mut pcap = Pcap::new();
        let (mut delivered, mut gaps) = (BTreeSet::new(), Vec::new());
        let mut next = 1 + draws.below(50);
        while next < bodies.len() as u64 {
            match draws.below(10) {
                0 if !delivered.is_empty() => {
                    let missing = 1 + draws.below(40);
                    // A gap is known once something behind it comes.
                    if next + missing < bodies.len() as u64 {
                        gaps.push((next, missing));
                        next += missing;
                        delivered.insert(next);
                        pcap.packet(next, &bodies[next as usize - 1..next as usize]);
                        next += 1;
                    }
                }
                1 => pcap.packet(next, &[]),
                _ => {
                    // New messages, at times behind some that were sent before.
                    let back =
                        if draws.once_in(4) && !delivered.is_empty() { draws.below(next.min(9)) } else { 0 };
                    let first = next - back;
                    let last =
                        (next + draws.below(8)).saturating_sub(draws.below(3)).min(bodies.len() as u64);
                    let last = last.max(first);
                    pcap.packet(first, &bodies[first as usize - 1..last as usize]);
                    delivered.extend(next..=last);
                    next = next.max(last + 1);
                }
            }
        }
        let written = capture(pcap.bytes);
        let mut ingest = single(&written);
        let stream = events(&mut ingest);
        let (told, others): (Vec<&MarketEvent>, Vec<&MarketEvent>) =
            stream.iter().partition(|event| event.kind == EventKind::Gap);
        let told: Vec<_> = told.iter().map(|event| (event.second_id, event.quantity)).collect();
        assert_eq!(told, gaps, "seed {seed}");
        let sequences: Vec<_> = others.iter().map(|event| event.sequence).collect();
        let expected: Vec<_> = delivered.intersection(&is_event).copied().collect();
        assert_eq!(sequences, expected, "seed {seed}");
        assert_eq!(ingest.messages(), delivered.len() as u64, "seed {seed}");
        assert_eq!(ingest.events(), (expected.len() + gaps.len()) as u64, "seed {seed}");
    }
}

#[test]
fn damage_loses_no_message_before_it() {
    let mut bytes = generated(2)[0].clone();
    let whole = capture(bytes.clone());
    let all = events(&mut single(&whole));
    // Behind the last order message come only a few others: cut inside the last event's own message and behind it.
    for cut in [1, 40, 400, 4_000] {
        bytes.truncate(bytes.len() - cut);
        let damaged = capture(bytes.clone());
        let good = {
            let mut cursor = damaged.packets();
            while let Ok(Some(_)) = cursor.next(&damaged) {}
            cursor.messages()
        };
        let mut ingest = single(&damaged);
        let mut seen = Vec::new();
        let error = loop {
            assert!(ingest.next_time_ns().is_some(), "an end that is not one must not look like one");
            match ingest.next_message() {
                Ok(Some(event)) => seen.extend(event),
                Ok(None) => panic!("the damage went unseen"),
                Err(error) => break error,
            }
        };
        assert_eq!(ingest.messages(), good);
        assert_eq!(error.decoded_before, good);
        assert_eq!(ingest.next_message().unwrap_err(), error, "and it stays so");
        assert_eq!(seen, all[..seen.len()]);
        assert_eq!(seen.len(), all.iter().filter(|event| event.sequence <= good).count());
    }
}

#[test]
fn absurd_sequence_numbers_do_not_overflow() {
    let bodies = bodies(&capture(generated(3)[0].clone()));
    let mut pcap = Pcap::new();
    for sequence in [1, u64::MAX - 1, u64::MAX, 0, 7, u64::MAX, 3] {
        pcap.packet(sequence, &bodies[..4]);
    }
    let written = capture(pcap.bytes);
    let stream = events(&mut single(&written));
    assert!(stream.iter().any(|event| event.kind == EventKind::Gap));
}
