//! A bad line, made to measure: packets go in with their time, and what is left of them comes out when it is due.
//!
//! Seeded and deterministic: what happens to a packet depends on the configuration, the line and how many packets came
//! before it, never on the time. Losses, repeats, reordering and delay are each line's own; bursts of loss are drawn from
//! the seed alone, so that lines that are offered the same packets lose the same ones in a burst. What is lost is
//! recorded, and [`SequenceRanges::both`] of two lines is what no client can have received from either.
//!
//! Allocates a copy of each packet; holds at most [`PACKETS_MAX`] packets (more are lost, and recorded as such) and
//! [`RANGES_MAX`] ranges.

use std::collections::BTreeMap;

use feeds::moldudp64;
use serde::{Deserialize, Serialize};

/// Parts in all of a share in parts per million.
pub const PPM: u32 = 1_000_000;

/// Packets that can be on their way at once.
pub const PACKETS_MAX: usize = 1 << 16;

/// Ranges of lost messages that are recorded.
pub const RANGES_MAX: usize = 1 << 20;

/// What is wrong with the lines: `[venues.feed.faults]`. Shares are in parts per million of packets: 10000 is 1 %. The default
/// is good lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultConfig {
    /// Packets that are lost, each line for itself; answers of the retransmission server too.
    pub loss_ppm: u32,
    /// Packets that come twice.
    pub duplicate_ppm: u32,
    /// Packets that are held back behind later ones.
    pub reorder_ppm: u32,
    /// Later packets that a held one comes behind: 1 to this many (at least 1).
    pub reorder_packets: u32,
    /// Longest that a packet is held back for later ones, ns.
    pub reorder_ns: u64,
    /// How far line 1 (B) is behind line 0 (A), ns.
    pub skew_ns: u64,
    /// Delay of each packet beside the skew, from 0 to below this, ns. It reorders nothing within a line.
    pub jitter_ns: u64,
    /// Packets that begin a burst of loss, on every line at once.
    pub burst_ppm: u32,
    /// Packets that are lost in a burst (at least 1).
    pub burst_packets: u32,
    /// Seed of all draws: the same seed loses the same packets.
    pub seed: u64,
}

impl Default for FaultConfig {
    fn default() -> Self {
        Self {
            loss_ppm: 0,
            duplicate_ppm: 0,
            reorder_ppm: 0,
            reorder_packets: 4,
            reorder_ns: 200_000,
            skew_ns: 0,
            jitter_ns: 0,
            burst_ppm: 0,
            burst_packets: 8,
            seed: 1,
        }
    }
}

impl FaultConfig {
    /// What is wrong with the retransmission server's answers: all but the bursts, which are the lines'.
    #[must_use]
    pub const fn of_answers(self) -> Self {
        Self { burst_ppm: 0, ..self }
    }
}

/// What happened on a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Packets that went in.
    pub offered: u64,
    /// Lost by [`FaultConfig::loss_ppm`].
    pub lost: u64,
    /// Lost in bursts.
    pub lost_in_bursts: u64,
    /// Lost because [`PACKETS_MAX`] were on their way.
    pub overflowed: u64,
    /// Came twice.
    pub duplicated: u64,
    /// Were held back.
    pub reordered: u64,
}

/// Ranges of sequence numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SequenceRanges {
    /// First, and one behind the last; ascending as long as they were inserted so.
    ranges: Vec<(u64, u64)>,
    messages: u64,
    dropped: u64,
}

/// SplitMix64.
#[derive(Clone, Debug)]
struct Draws(u64);

impl Draws {
    fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `bound`; 0 when that is 0.
    fn below(&mut self, bound: u64) -> u64 {
        self.any() % bound.max(1)
    }

    fn happens(&mut self, ppm: u32) -> bool {
        self.below(u64::from(PPM)) < u64::from(ppm)
    }
}

/// A packet that is held back.
struct Held<T> {
    /// It goes behind the packet with this number.
    behind: u64,
    /// At the latest then.
    due_ns: u64,
    tag: T,
    packet: Vec<u8>,
}

/// One line; see the module's text. `T` is what the caller needs to know of a packet, its destination perhaps.
pub struct LineFaults<T> {
    config: FaultConfig,
    skew_ns: u64,
    own: Draws,
    /// The same on every line.
    bursts: Draws,
    burst_left: u32,
    /// Packets are due in the order of (time, number of their entry).
    queue: BTreeMap<(u64, u64), (T, Vec<u8>)>,
    entries: u64,
    held: Vec<Held<T>>,
    last_due_ns: u64,
    counts: FaultCounts,
    lost: SequenceRanges,
}

impl<T: Clone> LineFaults<T> {
    /// Line number `line` (0: A, 1: B; others for whatever else needs faults of its own).
    #[must_use]
    pub fn new(config: FaultConfig, line: u32) -> Self {
        Self {
            skew_ns: if line == 1 { config.skew_ns } else { 0 },
            own: Draws(Draws(config.seed ^ (u64::from(line) + 1) << 40).any()),
            bursts: Draws(config.seed),
            burst_left: 0,
            queue: BTreeMap::new(),
            entries: 0,
            held: Vec::new(),
            last_due_ns: 0,
            counts: FaultCounts::default(),
            lost: SequenceRanges::default(),
            config,
        }
    }

    /// A packet is sent at `now_ns`.
    pub fn offer(&mut self, tag: T, packet: &[u8], now_ns: u64) {
        let config = self.config;
        // Every packet draws the same, whatever becomes of it.
        let burst_begins = self.bursts.happens(config.burst_ppm);
        let is_lost = self.own.happens(config.loss_ppm);
        let is_duplicated = self.own.happens(config.duplicate_ppm);
        let is_reordered = self.own.happens(config.reorder_ppm);
        let later = 1 + self.own.below(u64::from(config.reorder_packets));
        let jitter_ns = self.own.below(config.jitter_ns);
        let number = self.counts.offered;
        self.counts.offered += 1;
        // A line keeps its order: jitter alone lets no packet overtake another.
        let due_ns = now_ns.saturating_add(self.skew_ns).saturating_add(jitter_ns).max(self.last_due_ns);
        self.last_due_ns = due_ns;

        if self.burst_left == 0 && burst_begins {
            self.burst_left = config.burst_packets.max(1);
        }
        if self.burst_left > 0 {
            self.burst_left -= 1;
            self.counts.lost_in_bursts += 1;
            self.record_lost(packet);
        } else if is_lost {
            self.counts.lost += 1;
            self.record_lost(packet);
        } else if self.queue.len() + self.held.len() + 1 >= PACKETS_MAX {
            self.counts.overflowed += 1;
            self.record_lost(packet);
        } else {
            if is_reordered {
                self.counts.reordered += 1;
                let (behind, due_ns) = (number + later, due_ns.saturating_add(config.reorder_ns));
                self.held.push(Held { behind, due_ns, tag: tag.clone(), packet: packet.to_vec() });
            } else {
                self.enter(due_ns, tag.clone(), packet.to_vec());
            }
            if is_duplicated {
                self.counts.duplicated += 1;
                self.enter(due_ns, tag, packet.to_vec());
            }
        }
        self.release(|held| (held.behind <= number).then_some(due_ns));
    }

    fn enter(&mut self, due_ns: u64, tag: T, packet: Vec<u8>) {
        self.queue.insert((due_ns, self.entries), (tag, packet));
        self.entries += 1;
    }

    /// Lets those held packets go for which `due_ns` gives a time.
    fn release(&mut self, due_ns: impl Fn(&Held<T>) -> Option<u64>) {
        let mut at = 0;
        while at < self.held.len() {
            match due_ns(&self.held[at]) {
                Some(due_ns) => {
                    let held = self.held.remove(at);
                    self.enter(due_ns.min(held.due_ns), held.tag, held.packet);
                }
                None => at += 1,
            }
        }
    }

    fn record_lost(&mut self, packet: &[u8]) {
        if let Ok((header, _)) = moldudp64::decode(packet) {
            self.lost.insert(header.sequence, u64::from(header.message_count()));
        }
    }

    /// The next packet that is due at `now_ns`, the same until [`Self::remove_next`]; what is due earlier comes first.
    pub fn next_due(&mut self, now_ns: u64) -> Option<(&T, &[u8])> {
        if !self.held.is_empty() {
            self.release(|held| (held.due_ns <= now_ns).then_some(held.due_ns));
        }
        let ((due_ns, _), (tag, packet)) = self.queue.first_key_value()?;
        (*due_ns <= now_ns).then_some((tag, packet))
    }

    /// The packet of [`Self::next_due`] is on its way.
    pub fn remove_next(&mut self) {
        self.queue.pop_first();
    }

    /// When the next packet is due, ns; `u64::MAX` when none is on its way.
    #[must_use]
    pub fn next_due_ns(&self) -> u64 {
        let queued_ns = self.queue.first_key_value().map_or(u64::MAX, |((due_ns, _), _)| *due_ns);
        self.held.iter().fold(queued_ns, |due_ns, held| due_ns.min(held.due_ns))
    }

    /// Packets on their way.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.queue.len() + self.held.len()
    }

    /// What happened so far.
    #[must_use]
    pub const fn counts(&self) -> FaultCounts {
        self.counts
    }

    /// The messages in packets that were lost and did not come at all.
    #[must_use]
    pub const fn lost(&self) -> &SequenceRanges {
        &self.lost
    }
}

impl SequenceRanges {
    /// Adds `count` numbers from `first` on; ranges are added in ascending order.
    fn insert(&mut self, first: u64, count: u64) {
        let end = first.saturating_add(count);
        if count == 0 {
            return;
        }
        self.messages += count;
        let has_room = self.ranges.len() < RANGES_MAX;
        match self.ranges.last_mut() {
            Some(last) if last.1 == first => last.1 = end,
            _ if has_room => self.ranges.push((first, end)),
            _ => self.dropped += 1,
        }
    }

    /// Each range's first number, and one behind its last.
    #[must_use]
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// Numbers in all ranges, those that were not recorded included.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// Whether every range is here: `RANGES_MAX` was enough.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.dropped == 0
    }

    /// The numbers that are in both. Ranges that touch are one.
    #[must_use]
    pub fn both(&self, other: &Self) -> Self {
        let mut both = Self { dropped: self.dropped + other.dropped, ..Self::default() };
        let (mut a, mut b) = (0, 0);
        while let (Some(&(a_first, a_end)), Some(&(b_first, b_end))) =
            (self.ranges.get(a), other.ranges.get(b))
        {
            let (first, end) = (a_first.max(b_first), a_end.min(b_end));
            both.insert(first, end.saturating_sub(first));
            if a_end <= b_end {
                a += 1;
            } else {
                b += 1;
            }
        }
        both
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use feeds::moldudp64::Header;

    fn packet(sequence: u64) -> Vec<u8> {
        let mut bytes = Header { session: *b"0123456789", sequence, count: 1 }.encode().to_vec();
        bytes.extend([0, 1, b'x']);
        bytes
    }

    fn number(packet: &[u8]) -> u64 {
        moldudp64::decode(packet).expect("a packet of this test").0.sequence
    }

    /// Sends packets 1 to `count`, one a microsecond; what came out: (time, number).
    fn run(line: &mut LineFaults<()>, count: u64) -> Vec<(u64, u64)> {
        let mut out = Vec::new();
        let mut drain = |line: &mut LineFaults<()>, now_ns| {
            while let Some((_, bytes)) = line.next_due(now_ns) {
                out.push((now_ns, number(bytes)));
                line.remove_next();
            }
        };
        for sequence in 1..=count {
            line.offer((), &packet(sequence), sequence * 1_000);
            drain(line, sequence * 1_000);
        }
        while line.next_due_ns() != u64::MAX {
            let due_ns = line.next_due_ns();
            drain(line, due_ns);
        }
        out
    }

    const BAD: FaultConfig = FaultConfig {
        loss_ppm: 10_000,
        duplicate_ppm: 5_000,
        reorder_ppm: 20_000,
        reorder_packets: 4,
        reorder_ns: 50_000,
        skew_ns: 30_000,
        jitter_ns: 3_000,
        burst_ppm: 1_000,
        burst_packets: 12,
        seed: 7,
    };

    #[test]
    fn a_good_line_changes_nothing() {
        let mut line = LineFaults::new(FaultConfig::default(), 0);
        let out = run(&mut line, 100);
        assert!(out.iter().zip(1..).all(|(&out, sequence)| out == (sequence * 1_000, sequence)));
        assert_eq!(line.lost().messages(), 0);
    }

    #[test]
    fn what_is_not_recorded_as_lost_arrives() {
        for seed in 0..20 {
            let config = FaultConfig { seed, ..BAD };
            let mut lines = [LineFaults::new(config, 0), LineFaults::new(config, 1)];
            let mut missing = [vec![true; 20_001], vec![true; 20_001]];
            for (line, missing) in lines.iter_mut().zip(&mut missing) {
                let out = run(line, 20_000);
                assert!(out.is_sorted_by_key(|&(time_ns, _)| time_ns), "seed {seed}: due in time order");
                let counts = line.counts();
                let lost = counts.lost + counts.lost_in_bursts;
                assert_eq!(out.len() as u64, 20_000 - lost + counts.duplicated, "seed {seed}");
                assert_eq!((line.lost().messages(), counts.overflowed), (lost, 0));
                out.iter().for_each(|&(_, sequence)| missing[sequence as usize] = false);
                for &(first, end) in line.lost().ranges() {
                    for sequence in first..end {
                        assert!(missing[sequence as usize], "seed {seed}: {sequence} is recorded as lost");
                        missing[sequence as usize] = false;
                    }
                }
                assert_eq!(missing[1..].iter().filter(|&&missing| missing).count(), 0, "seed {seed}");
                // Shares are what was asked for, give or take five standard deviations.
                assert!((130..270).contains(&counts.lost), "seed {seed}: {counts:?}");
                assert!((50..150).contains(&counts.duplicated), "seed {seed}: {counts:?}");
                assert!((290..500).contains(&counts.reordered), "seed {seed}: {counts:?}");
                let overtaken = out.windows(2).filter(|pair| pair[0].1 > pair[1].1).count() as u64;
                assert!(overtaken >= counts.reordered / 2, "seed {seed}: {overtaken} {counts:?}");
            }
            assert_eq!(lines[0].counts().lost_in_bursts, lines[1].counts().lost_in_bursts);
            let both = lines[0].lost().both(lines[1].lost());
            assert!(
                both.messages() >= lines[0].counts().lost_in_bursts,
                "seed {seed}: bursts hit both lines"
            );
        }
    }

    #[test]
    fn fate_does_not_depend_on_time() {
        let mut lines = [LineFaults::new(BAD, 0), LineFaults::new(BAD, 0)];
        for sequence in 1..5_000 {
            lines[0].offer((), &packet(sequence), sequence * 1_000);
            lines[1].offer((), &packet(sequence), sequence * 77 + sequence % 5 * 1_000_000);
        }
        assert_eq!(lines[0].counts(), lines[1].counts());
        assert_eq!(lines[0].lost(), lines[1].lost());
    }

    #[test]
    fn skew_is_line_b_alone_and_memory_is_bounded() {
        let skewed = FaultConfig { skew_ns: 5_000, ..FaultConfig::default() };
        let mut lines = [LineFaults::new(skewed, 0), LineFaults::new(skewed, 1)];
        lines.iter_mut().for_each(|line| line.offer((), &packet(1), 100));
        assert_eq!(lines.each_ref().map(LineFaults::next_due_ns), [100, 5_100]);
        for sequence in 2..PACKETS_MAX as u64 + 100 {
            lines[0].offer((), &packet(sequence), 0);
        }
        assert!(lines[0].pending() < PACKETS_MAX);
        let counts = lines[0].counts();
        assert_eq!(counts.overflowed, counts.offered - lines[0].pending() as u64);
        assert_eq!(lines[0].lost().messages(), counts.overflowed);
    }

    #[test]
    fn both_is_the_intersection() {
        let mut seed = Draws(3);
        for _ in 0..500 {
            let mut sets = [vec![false; 80], vec![false; 80]];
            let mut ranges = [SequenceRanges::default(), SequenceRanges::default()];
            for (set, ranges) in sets.iter_mut().zip(&mut ranges) {
                let mut first = seed.below(10);
                while first < 70 {
                    let count = seed.below(6);
                    ranges.insert(first, count);
                    set[first as usize..(first + count) as usize].fill(true);
                    first += count + seed.below(8);
                }
            }
            let both = ranges[0].both(&ranges[1]);
            let expected: Vec<u64> =
                (0..80).filter(|&at| sets[0][at as usize] && sets[1][at as usize]).collect();
            let found: Vec<u64> = both.ranges().iter().flat_map(|&(first, end)| first..end).collect();
            assert_eq!(found, expected);
            assert_eq!(both.messages(), expected.len() as u64);
        }
    }
}
