//! The arbiter under a seeded pair of bad lines, a slow retransmission server and a snapshot server, in virtual time.

use super::*;
use crate::moldudp64::END_OF_SESSION;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn body_of(sequence: u64) -> Vec<u8> {
    let length = 8 + usize::try_from(sequence % 30).unwrap();
    let mut body = sequence.to_be_bytes().to_vec();
    body.resize(length, b'.');
    body
}

fn packet(first: u64, count: u64) -> Vec<u8> {
    let header = Header { session: *b"SESSION001", sequence: first, count: u16::try_from(count).unwrap() };
    let mut bytes = header.encode().to_vec();
    for sequence in first..first + count {
        let body = body_of(sequence);
        bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
    }
    bytes
}

/// What came out, checked as it comes.
#[derive(Default)]
struct Out {
    delivered: Vec<u64>,
    next: u64,
    stale: bool,
    loading: bool,
    gaps: Vec<(u64, u64)>,
    recoveries: u64,
    clears: u64,
}

impl Out {
    fn take(&mut self, item: Sequenced<'_>) {
        match item {
            Sequenced::Message { body, sequence, snapshot: false, .. } => {
                assert_eq!(sequence, self.next, "in order, once");
                assert_eq!(body, body_of(sequence));
                self.delivered.push(sequence);
                self.next += 1;
                self.loading = false;
            }
            Sequenced::Message { snapshot: true, sequence, .. } => {
                assert!(self.stale && self.clears > 0);
                self.loading = true;
                self.next = sequence + 1;
            }
            Sequenced::Gap { first, count } => {
                assert!(count > 0);
                assert_eq!(first, self.next, "a gap opens at the next message");
                self.stale = true;
                self.gaps.push((first, count));
            }
            Sequenced::Clear => {
                assert!(self.stale);
                self.clears += 1;
            }
            Sequenced::Recovered => {
                assert!(self.stale, "recovered from nothing");
                self.stale = false;
                self.recoveries += 1;
            }
        }
    }
}

struct World {
    messages: u64,
    loss: u64,
    burst: u64,
    retransmission_loss: u64,
    retransmission_depth: u64,
    recovery: Recovery,
    window: usize,
}

/// Runs a session and gives what came out, the arbiter, and the holes that no line delivered.
fn run(seed: u64, world: &World) -> (Out, Arbiter, Vec<(u64, u64)>) {
    let mut random = Random(seed);
    let mut due: BTreeMap<(u64, u64), (usize, Vec<u8>)> = BTreeMap::new();
    let mut order = 0;
    let mut holes: Vec<(u64, u64)> = Vec::new();
    let (mut first, mut time_ns, mut bursting) = (1, 1_000_000, 0);
    while first <= world.messages {
        let count = (1 + random.below(5)).min(world.messages + 1 - first);
        time_ns += 1_000 + random.below(20_000);
        if bursting == 0 && random.below(1_000) < world.burst {
            bursting = 1 + random.below(20);
        }
        let mut lost = 0;
        for line in 0..2 {
            if bursting > 0 || random.below(1_000) < world.loss {
                lost += 1;
                continue;
            }
            let copies = 1 + u64::from(random.below(100) == 0);
            for _ in 0..copies {
                let late_ns = if random.below(20) == 0 { random.below(60_000) } else { random.below(5_000) };
                due.insert((time_ns + late_ns, order), (line, packet(first, count)));
                order += 1;
            }
        }
        if lost == 2 {
            match holes.last_mut() {
                Some((from, length)) if *from + *length == first => *length += count,
                _ => holes.push((first, count)),
            }
        }
        bursting = u64::saturating_sub(bursting, 1);
        first += count;
    }
    for _ in 0..3 {
        time_ns += 100_000;
        let end = Header { session: *b"SESSION001", sequence: first, count: END_OF_SESSION };
        for line in 0..2 {
            due.insert((time_ns, order), (line, end.encode().to_vec()));
            order += 1;
        }
    }

    let config = ArbiterConfig {
        window_messages: world.window,
        recovery: world.recovery,
        snapshot_interval_ns: 3_000_000,
        ..ArbiterConfig::default()
    };
    let mut arbiter = Arbiter::new(config);
    let mut out = Out { next: 1, ..Out::default() };
    let (mut now_ns, mut sent, mut idle) = (0, 0, 0);
    let mut snapshot: Option<(u64, u64)> = None;
    while idle < 100_000 && !arbiter.is_over() {
        idle += 1;
        now_ns += 5_000;
        while due.first_key_value().is_some_and(|((at, _), _)| *at <= now_ns) {
            let ((at, _), (line, bytes)) = due.pop_first().unwrap();
            idle = 0;
            if line == 2 {
                arbiter.on_retransmission(&bytes, at, now_ns, &mut |item| out.take(item));
            } else {
                let header = moldudp64::decode(&bytes).unwrap().0;
                sent = sent.max(header.sequence + u64::from(header.message_count()));
                arbiter.on_packet(line, &bytes, at, now_ns, &mut |item| out.take(item));
            }
        }
        match arbiter.on_time(now_ns, &mut |item| out.take(item)) {
            Some(Action::Request { sequence, count }) => {
                let there = sequence + world.retransmission_depth >= sent;
                if there && random.below(1_000) >= world.retransmission_loss {
                    let count = u64::from(count).min(sent.saturating_sub(sequence)).min(7);
                    if count > 0 {
                        due.insert((now_ns + 200_000, order), (2, packet(sequence, count)));
                        order += 1;
                    }
                }
            }
            Some(Action::Snapshot) => snapshot = snapshot.or(Some((now_ns + 2_000_000, sent))),
            None => {}
        }
        if let Some((_, next)) = snapshot.take_if(|(at, _)| *at <= now_ns) {
            idle = 0;
            if arbiter.begin_snapshot(next, &mut |item| out.take(item)) {
                for _ in 0..3 {
                    arbiter.snapshot_message(b"order", now_ns, &mut |item| out.take(item));
                }
                out.next = next;
                arbiter.end_snapshot(now_ns, &mut |item| out.take(item));
            }
        }
    }
    arbiter.close_lines();
    (out, arbiter, holes)
}

const RETRANSMISSION: Recovery = Recovery { retransmission: true, snapshot: false };
const BOTH: Recovery = Recovery { retransmission: true, snapshot: true };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// With a retransmission server that has everything, every message comes out once and in order, and exactly the
    /// holes that both lines have are gaps.
    #[test]
    fn every_message_comes_once_and_every_hole_is_counted(seed: u64, loss in 0u64..60, burst in 0u64..5) {
        let world = World {
            messages: 20_000, loss, burst, retransmission_loss: 100, retransmission_depth: u64::MAX / 2,
            recovery: RETRANSMISSION, window: 1 << 16,
        };
        let (out, arbiter, holes) = run(seed, &world);
        prop_assert!(arbiter.is_over());
        prop_assert_eq!(arbiter.state(), FeedState::Live);
        prop_assert!(out.delivered.iter().copied().eq(1..=world.messages));
        prop_assert_eq!(&out.gaps, &holes);
        prop_assert!(!out.stale);
        prop_assert_eq!(arbiter.counters().gaps, holes.len() as u64);
        prop_assert_eq!(arbiter.counters().missing_messages, holes.iter().map(|hole| hole.1).sum::<u64>());
        let lines = arbiter.lines();
        prop_assert_eq!(lines[0].refused + lines[1].refused, 0);
        let wins = lines[0].wins + lines[1].wins;
        prop_assert!(wins >= world.messages / 5 - world.messages / 50);
    }

    /// What is too old for the retransmission server comes as a snapshot, and a small window loses nothing for good.
    #[test]
    fn snapshots_end_what_requests_cannot(seed: u64, window in 6u32..14) {
        let world = World {
            messages: 20_000, loss: 40, burst: 4, retransmission_loss: 300, retransmission_depth: 400,
            recovery: BOTH, window: 1 << window,
        };
        let (out, arbiter, holes) = run(seed, &world);
        prop_assert!(arbiter.is_over(), "{:?}", arbiter.counters());
        prop_assert!(!out.stale && out.next == world.messages + 1);
        prop_assert!(holes.is_empty() || !out.gaps.is_empty());
        prop_assert!(out.recoveries > 0 || out.gaps.is_empty());
    }

    /// Without recovery (a bare capture) the stream goes on behind each hole, and never becomes current again.
    #[test]
    fn a_bare_capture_goes_on_behind_holes(seed: u64) {
        let world = World {
            messages: 5_000, loss: 60, burst: 4, retransmission_loss: 0, retransmission_depth: 0,
            recovery: Recovery::NONE, window: 1 << 12,
        };
        let mut delivered = Vec::new();
        // A bare capture skips, so order is checked here and not by `Out`.
        let (out, arbiter, holes) = run_relaxed(seed, &world, &mut delivered);
        prop_assert!(arbiter.is_over());
        prop_assert!(delivered.windows(2).all(|pair| pair[0] < pair[1]));
        let missing: u64 = holes.iter().map(|hole| hole.1).sum();
        prop_assert_eq!(delivered.len() as u64 + missing, 5_000);
        prop_assert_eq!(out, holes);
    }

    #[test]
    fn any_bytes_are_refused_quietly(bytes in proptest::collection::vec(any::<u8>(), 0..200), line in 0usize..6) {
        let mut arbiter = Arbiter::new(ArbiterConfig { window_messages: 64, ..ArbiterConfig::default() });
        arbiter.on_packet(0, &packet(1, 3), 5, 5, &mut |_| {});
        arbiter.on_packet(line, &bytes, 6, 6, &mut |_| {});
        let mut session = bytes.clone();
        session.splice(..session.len().min(10), b"SESSION001"[..bytes.len().min(10)].iter().copied());
        arbiter.on_packet(line, &session, 7, 7, &mut |_| {});
        arbiter.on_retransmission(&session, 7, 7, &mut |_| {});
        let _ = arbiter.on_time(u64::MAX, &mut |_| {});
    }
}

/// As [`run`], for a feed without recovery: the numbers handed on, the gaps said, the holes made.
#[allow(clippy::type_complexity, reason = "what a run leaves behind")]
fn run_relaxed(
    seed: u64,
    world: &World,
    delivered: &mut Vec<u64>,
) -> (Vec<(u64, u64)>, Arbiter, Vec<(u64, u64)>) {
    let mut random = Random(seed);
    let mut arbiter =
        Arbiter::new(ArbiterConfig { window_messages: world.window, ..ArbiterConfig::default() });
    let mut gaps = Vec::new();
    let mut holes: Vec<(u64, u64)> = Vec::new();
    let (mut first, mut now_ns) = (1, 0);
    let mut sink = |item: Sequenced<'_>| match item {
        Sequenced::Message { sequence, .. } => delivered.push(sequence),
        Sequenced::Gap { first, count } => gaps.push((first, count)),
        other => panic!("{other:?} without recovery"),
    };
    while first <= world.messages {
        let count = (1 + random.below(5)).min(world.messages + 1 - first);
        now_ns += 200_000;
        let lost = (0..2).filter(|_| random.below(1_000) < world.loss * 3).count();
        for line in lost..2 {
            arbiter.on_packet(line, &packet(first, count), now_ns, now_ns, &mut sink);
        }
        if lost == 2 {
            match holes.last_mut() {
                Some((from, length)) if *from + *length == first => *length += count,
                _ => holes.push((first, count)),
            }
        }
        assert_eq!(arbiter.on_time(now_ns + 150_000, &mut sink), None);
        first += count;
    }
    let end = Header { session: *b"SESSION001", sequence: first, count: END_OF_SESSION };
    arbiter.on_packet(0, &end.encode(), now_ns, now_ns, &mut sink);
    for _ in 0..4 {
        now_ns += 200_000;
        assert_eq!(arbiter.on_time(now_ns, &mut sink), None);
    }
    (gaps, arbiter, holes)
}

#[test]
fn a_hole_is_asked_for_until_it_is_filled_and_ends_in_recovered() {
    let mut arbiter = Arbiter::new(ArbiterConfig { recovery: BOTH, ..ArbiterConfig::default() });
    let mut items = Vec::new();
    let mut note = |item: Sequenced<'_>| items.push(format!("{item:?}").chars().take(8).collect::<String>());
    arbiter.on_packet(0, &packet(1, 2), 10, 10, &mut note);
    arbiter.on_packet(0, &packet(5, 1), 20, 20, &mut note);
    assert_eq!(arbiter.on_time(50_000, &mut note), None, "it may still come on the other line");
    assert_eq!(arbiter.on_time(100_020, &mut note), Some(Action::Request { sequence: 3, count: 2 }));
    assert_eq!(arbiter.state(), FeedState::Recovering);
    assert_eq!(arbiter.on_time(200_000, &mut note), None);
    arbiter.on_retransmission(&packet(3, 1), 300_000, 300_000, &mut note);
    assert_eq!(arbiter.on_time(300_000, &mut note), None, "the answer may go on");
    assert_eq!(arbiter.on_time(400_000, &mut note), Some(Action::Request { sequence: 4, count: 1 }));
    arbiter.on_packet(1, &packet(4, 1), 410_000, 410_000, &mut note);
    assert_eq!(arbiter.state(), FeedState::Live);
    assert_eq!(items, ["Message ", "Message ", "Gap { fi", "Message ", "Message ", "Message ", "Recovere"]);
}

#[test]
fn what_cannot_be_right_is_replaced_by_a_snapshot() {
    let mut arbiter = Arbiter::new(ArbiterConfig { recovery: BOTH, ..ArbiterConfig::default() });
    let mut items = Vec::new();
    let mut note = |item: Sequenced<'_>| items.push(format!("{item:?}").chars().take(8).collect::<String>());
    arbiter.on_packet(0, &packet(1, 3), 10, 10, &mut note);
    arbiter.distrust(20, &mut note);
    arbiter.distrust(20, &mut note);
    assert_eq!(arbiter.on_time(20, &mut note), Some(Action::Snapshot));
    arbiter.on_packet(0, &packet(4, 1), 30, 30, &mut note);
    assert_eq!(arbiter.state(), FeedState::Snapshot, "more messages make nothing right");
    assert!(!arbiter.begin_snapshot(4, &mut note), "it does not hold message 4, which is gone");
    assert!(arbiter.begin_snapshot(5, &mut note));
    arbiter.snapshot_message(b"order", 40, &mut note);
    arbiter.on_packet(0, &packet(5, 1), 40, 40, &mut note);
    arbiter.end_snapshot(50, &mut note);
    assert_eq!(arbiter.state(), FeedState::Live);
    let expected = [
        "Message ", "Message ", "Message ", "Gap { fi", "Message ", "Clear", "Message ", "Message ",
        "Recovere",
    ];
    assert_eq!(items, expected);
}

#[test]
fn a_session_is_not_over_while_a_snapshot_comes_in() {
    let mut arbiter = Arbiter::new(ArbiterConfig { recovery: BOTH, ..ArbiterConfig::default() });
    arbiter.on_packet(0, &packet(1, 3), 10, 10, &mut |_| {});
    let end = Header { session: *b"SESSION001", sequence: 6, count: END_OF_SESSION };
    arbiter.on_packet(0, &end.encode(), 20, 20, &mut |_| {});
    let late_ns = 1_000_000_000;
    assert!(arbiter.on_time(late_ns, &mut |_| {}).is_some(), "messages 4 and 5 are asked for");
    assert!(arbiter.begin_snapshot(6, &mut |_| {}));
    assert!(!arbiter.is_over(), "the snapshot stands for all messages, and has not come in");
    arbiter.snapshot_message(b"order", late_ns, &mut |_| {});
    assert!(!arbiter.is_over());
    arbiter.end_snapshot(late_ns, &mut |_| {});
    assert!(arbiter.is_over());
    arbiter.distrust(late_ns, &mut |_| {});
    assert!(!arbiter.is_over(), "another snapshot is awaited");
}
