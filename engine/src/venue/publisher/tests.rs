//! The publisher against a naive client over bad lines, in virtual time: every message arrives, whatever the seed.

use std::collections::{BTreeMap, BTreeSet};

use feeds::moldudp64;
use feeds::source::synthetic::{SyntheticConfig, generate_bytes};

use super::*;

/// A generated session's NASDAQ stream, and its messages.
fn session(messages: u64, seed: u64) -> (Capture, Vec<Vec<u8>>) {
    let config = SyntheticConfig { seed, messages, symbols: 20, ..SyntheticConfig::default() };
    let [stream, _] = generate_bytes(&config).expect("a session");
    let capture = Capture::from_bytes("generated", stream).expect("not empty");
    let mut cursor = capture.packets();
    let mut bodies = Vec::new();
    while let Some(packet) = cursor.next(&capture).expect("intact") {
        bodies.extend(packet.messages().map(|(body, _)| body.to_vec()));
    }
    (capture, bodies)
}

/// Everything it ever received, by number. Asks for the first hole whenever it may.
#[derive(Default)]
struct NaiveClient {
    messages: BTreeMap<u64, Vec<u8>>,
    /// Numbers of those that a line brought.
    by_line: BTreeSet<u64>,
    /// One behind the last message that it knows of.
    end: u64,
    ended: bool,
}

impl NaiveClient {
    fn on_packet(&mut self, packet: &[u8], by_line: bool) {
        let (header, blocks) = moldudp64::decode(packet).expect("lines damage no packet");
        for (number, body) in (header.sequence..).zip(moldudp64::blocks(blocks)) {
            let known = self.messages.entry(number).or_insert_with(|| body.to_vec());
            assert_eq!(known, body, "message {number} is the same each time");
            if by_line {
                self.by_line.insert(number);
            }
        }
        self.end = self.end.max(header.sequence + u64::from(header.message_count()));
        self.ended |= header.is_end_of_session();
    }

    fn first_hole(&self) -> Option<(u64, u16)> {
        let first = (1..self.end).find(|number| !self.messages.contains_key(number))?;
        let count = (first..self.end).take_while(|number| !self.messages.contains_key(number)).count();
        Some((first, u16::try_from(count).unwrap_or(u16::MAX)))
    }

    fn is_complete(&self) -> bool {
        self.ended && self.messages.len() as u64 + 1 == self.end
    }
}

fn faults(seed: u64) -> FaultConfig {
    FaultConfig {
        loss_ppm: 10_000,
        duplicate_ppm: 10_000,
        reorder_ppm: 10_000,
        reorder_packets: 4,
        reorder_ns: 200_000,
        skew_ns: 40_000,
        jitter_ns: 20_000,
        burst_ppm: 2_000,
        burst_packets: 8,
        seed,
    }
}

/// One session over bad lines until the client has everything; how many messages no line brought.
fn run(capture: &Capture, bodies: &[Vec<u8>], seed: u64) -> u64 {
    let config = PublisherConfig { packet_bytes_max: 300, ..PublisherConfig::default() };
    let mut publisher = FeedPublisher::new(capture, config).expect("a publisher");
    let mut lines = [LineFaults::new(faults(seed), 0), LineFaults::new(faults(seed), 1)];
    let mut answers = LineFaults::new(FaultConfig { loss_ppm: 100_000, ..faults(seed) }, 2);
    let mut client = NaiveClient::default();
    let mut now_ns = 0;
    let mut step = 0u64;
    while !client.is_complete() {
        step += 1;
        now_ns += 10_000;
        assert!(step < 1_000_000, "seed {seed}: the client does not come to its end");
        let mut send = |packet: &[u8]| lines.iter_mut().for_each(|line| line.offer((), packet, now_ns));
        publisher.publish(now_ns, u64::MAX, 1 + step % 40, &mut send);
        if publisher.next_sequence() > bodies.len() as u64 {
            publisher.end_session();
        }
        publisher.on_timer(now_ns, &mut send);
        for (line, by_line) in lines.iter_mut().map(|line| (line, true)).chain([(&mut answers, false)]) {
            while let Some((_, packet)) = line.next_due(now_ns) {
                client.on_packet(packet, by_line);
                line.remove_next();
            }
        }
        if step.is_multiple_of(50)
            && let Some((sequence, count)) = client.first_hole()
        {
            let request = Request { session: config.session, sequence, count }.encode();
            let answer = publisher.on_request(&request, &mut |packet| answers.offer((), packet, now_ns));
            assert!(matches!(answer, Answer::Sent { messages } if messages > 0), "seed {seed}: {answer:?}");
        }
        if step > 100_000 {
            // Between two ends of the session a second passes; nothing else happens meanwhile.
            now_ns += NS_PER_S / 100;
        }
    }
    let received: Vec<_> = client.messages.into_values().collect();
    assert!(received == bodies, "seed {seed}: the client has exactly what the venue sent");
    let both = lines[0].lost().both(lines[1].lost());
    assert!(both.is_complete());
    let holes: Vec<u64> = (1..=bodies.len() as u64).filter(|at| !client.by_line.contains(at)).collect();
    let expected: Vec<u64> = both.ranges().iter().flat_map(|&(first, end)| first..end).collect();
    assert_eq!(holes, expected, "seed {seed}: exactly what both lines lost is a hole");
    assert!(publisher.counts().messages_sent_again >= both.messages(), "seed {seed}");
    both.messages()
}

#[test]
fn a_naive_client_ends_with_every_message_over_any_lines() {
    let (capture, bodies) = session(8_000, 5);
    let holes: u64 = (0..40).map(|seed| run(&capture, &bodies, seed)).sum();
    assert!(holes > 1_000, "the lines were bad: {holes}");
}

#[test]
fn packets_are_full_and_their_numbers_have_no_holes() {
    let (capture, bodies) = session(3_000, 6);
    for packet_bytes_max in [PACKET_BYTES_MIN, 500, 1_400, PACKET_BYTES_MAX] {
        let config = PublisherConfig { packet_bytes_max, ..PublisherConfig::default() };
        let mut publisher = FeedPublisher::new(&capture, config).expect("a publisher");
        let mut next = 1;
        let mut packets = 0;
        let sent = publisher.publish(0, u64::MAX, u64::MAX, &mut |packet| {
            let (header, blocks) = moldudp64::decode(packet).expect("a packet");
            assert_eq!((header.session, header.sequence), (config.session, next));
            for body in moldudp64::blocks(blocks) {
                assert_eq!(body, bodies[next as usize - 1]);
                next += 1;
            }
            packets += 1;
            assert!(packet.len() <= packet_bytes_max);
            assert!(
                next > bodies.len() as u64 || packet.len() + 52 > packet_bytes_max,
                "{} bytes",
                packet.len()
            );
        });
        assert_eq!((sent, next), (bodies.len() as u64, bodies.len() as u64 + 1));
        assert_eq!(publisher.counts().packets, packets);
    }
}

#[test]
fn idle_and_ended_sessions_say_so_once_a_second() {
    let (capture, bodies) = session(2_000, 7);
    let mut publisher = FeedPublisher::new(&capture, PublisherConfig::default()).expect("a publisher");
    let mut sent = Vec::new();
    let mut headers = |publisher: &mut FeedPublisher<'_>, now_ns| {
        publisher.on_timer(now_ns, &mut |packet| sent.push(moldudp64::decode(packet).expect("a packet").0));
        std::mem::take(&mut sent)
    };
    let session = PublisherConfig::default().session;
    let heartbeat = |sequence| vec![Header { session, sequence, count: 0 }];
    assert_eq!(headers(&mut publisher, 5), heartbeat(1));
    assert_eq!(headers(&mut publisher, NS_PER_S), []);
    publisher.publish(NS_PER_S, 3, 10, &mut |_| ());
    assert_eq!(headers(&mut publisher, 2 * NS_PER_S - 1), []);
    assert_eq!(headers(&mut publisher, 2 * NS_PER_S), heartbeat(4));
    assert_eq!(publisher.publish(0, u64::MAX, u64::MAX, &mut |_| ()), bodies.len() as u64 - 3);
    publisher.end_session();
    let sequence = bodies.len() as u64 + 1;
    let end = vec![Header { session, sequence, count: END_OF_SESSION }];
    for second in 3..6 {
        assert_eq!(headers(&mut publisher, second * NS_PER_S), end);
        assert_eq!(headers(&mut publisher, second * NS_PER_S + 1), []);
    }
}

#[test]
fn requests_are_answered_from_the_window_and_no_further() {
    let (capture, bodies) = session(3_000, 8);
    let config = PublisherConfig {
        packet_bytes_max: 400,
        retransmission_window: 100,
        answer_packets_max: 2,
        ..PublisherConfig::default()
    };
    let mut publisher = FeedPublisher::new(&capture, config).expect("a publisher");
    publisher.publish(0, 500, 1_000, &mut |_| ());
    assert_eq!((publisher.oldest_sequence(), publisher.next_sequence()), (401, 501));
    let mut ask = |sequence, count| {
        let mut received = BTreeMap::new();
        let mut packets = 0;
        let request = Request { session: config.session, sequence, count }.encode();
        let answer = publisher.on_request(&request, &mut |packet| {
            let (header, blocks) = moldudp64::decode(packet).expect("a packet");
            received.extend((header.sequence..).zip(moldudp64::blocks(blocks).map(<[u8]>::to_vec)));
            packets += 1;
        });
        for (number, body) in &received {
            assert_eq!(*body, bodies[*number as usize - 1]);
        }
        let first = received.keys().next().copied();
        (answer, first, received.len() as u64, packets)
    };
    assert_eq!(ask(401, 3), (Answer::Sent { messages: 3 }, Some(401), 3, 1));
    assert_eq!(ask(499, 3), (Answer::Sent { messages: 2 }, Some(499), 2, 1));
    let (answer, first, count, packets) = ask(401, u16::MAX);
    assert_eq!((answer, first, packets), (Answer::Sent { messages: count }, Some(401), 2));
    assert!((10..40).contains(&count), "two packets of 400 bytes hold {count}");
    assert_eq!(ask(400, 50), (Answer::TooOld, None, 0, 0));
    assert_eq!(ask(0, 1), (Answer::TooOld, None, 0, 0));
    assert_eq!(ask(501, 1), (Answer::NotSentYet, None, 0, 0));
    assert_eq!(ask(u64::MAX, u16::MAX), (Answer::NotSentYet, None, 0, 0));
    assert_eq!(ask(450, 0), (Answer::Malformed, None, 0, 0));
    let other = Request { session: *b"OTHER     ", sequence: 450, count: 1 }.encode();
    assert_eq!(publisher.on_request(&other, &mut |_| panic!("no answer")), Answer::OtherSession);
    assert_eq!(publisher.on_request(&other[..19], &mut |_| panic!("no answer")), Answer::Malformed);
    let counts = publisher.counts();
    assert_eq!((counts.requests, counts.refused, counts.messages_sent_again), (10, 7, 5 + count));
}

#[test]
fn configurations_out_of_bounds_are_refused() {
    let (capture, _) = session(2_000, 9);
    let good = PublisherConfig::default();
    for (config, field) in [
        (PublisherConfig { packet_bytes_max: 127, ..good }, "packet_bytes_max = 127"),
        (PublisherConfig { retransmission_window: 0, ..good }, "retransmission_window = 0"),
        (PublisherConfig { answer_packets_max: 0, ..good }, "answer_packets_max = 0"),
        (PublisherConfig { heartbeat_ns: 0, ..good }, "heartbeat_ns = 0"),
    ] {
        let error = FeedPublisher::new(&capture, config).err().expect("refused").to_string();
        assert!(error.contains(field), "{error}");
    }
}
