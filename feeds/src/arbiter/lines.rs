//! What each line of a feed delivers: packets, wins, lag behind the other line, losses.
//!
//! Lines carry the same packets, so a packet is known by its first sequence number. The table remembers the last
//! packets, some thousand messages back; a line that has not delivered a packet by the time its entry is needed again
//! has lost it. Memory is taken at construction.

use hdrhistogram::Histogram;

/// Lines that one feed has at most.
pub const LINES_MAX: usize = 4;

/// Entries of the packet table, and so the distance in messages after which a packet counts as lost; a power of two.
const ENTRIES: u64 = 1 << 13;

/// Longest lag that is told apart, ns; longer ones count as this.
const LAG_NS_MAX: u64 = 10_000_000_000;

/// What one line has delivered.
#[derive(Clone, Debug)]
pub struct LineStatistics {
    /// Packets of the session, repeated ones included; heartbeats too.
    pub packets: u64,
    /// Packets with messages that came first on this line.
    pub wins: u64,
    /// Packets that the line had delivered before.
    pub duplicates: u64,
    /// Messages in packets that this line never delivered.
    pub lost_messages: u64,
    /// Payloads that are no packet of the session: damaged, or of another session.
    pub refused: u64,
    /// How long after the winning line this line's copy came, ns.
    pub lag_ns: Histogram<u64>,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    /// First sequence number of the packet; zero: no packet.
    first: u64,
    receive_ns: u64,
    count: u16,
    /// Bit `l`: line `l` has delivered it.
    seen: u8,
}

pub(super) struct Lines {
    entries: Box<[Entry]>,
    pub(super) statistics: Vec<LineStatistics>,
}

impl Lines {
    pub(super) fn new(lines: usize) -> Self {
        assert!((1..=LINES_MAX).contains(&lines), "a feed has 1 to {LINES_MAX} lines");
        let lag_ns = Histogram::new_with_bounds(1, LAG_NS_MAX, 2).expect("constant bounds");
        let one = LineStatistics { packets: 0, wins: 0, duplicates: 0, lost_messages: 0, refused: 0, lag_ns };
        let entries = usize::try_from(ENTRIES).unwrap_or(0);
        Self { entries: vec![Entry::default(); entries].into_boxed_slice(), statistics: vec![one; lines] }
    }

    /// Notes a packet with messages.
    #[inline]
    pub(super) fn note(&mut self, line: usize, first: u64, count: u16, receive_ns: u64) {
        let at = usize::try_from(first & (ENTRIES - 1)).unwrap_or(0);
        let entry = &mut self.entries[at];
        let bit = 1u8 << line;
        if entry.first == first {
            let statistics = &mut self.statistics[line];
            if entry.seen & bit != 0 {
                statistics.duplicates += 1;
            } else {
                entry.seen |= bit;
                statistics.lag_ns.saturating_record(receive_ns.saturating_sub(entry.receive_ns).max(1));
            }
            return;
        }
        if first < entry.first {
            // Older than the table remembers: it was counted as lost.
            self.statistics[line].duplicates += 1;
            return;
        }
        let old = std::mem::replace(entry, Entry { first, receive_ns, count, seen: bit });
        self.statistics[line].wins += 1;
        self.retire(&old);
    }

    fn retire(&mut self, entry: &Entry) {
        if entry.first == 0 {
            return;
        }
        for (line, statistics) in self.statistics.iter_mut().enumerate() {
            if entry.seen >> line & 1 == 0 {
                statistics.lost_messages += u64::from(entry.count);
            }
        }
    }

    /// Messages that came on no line.
    pub(super) fn lost_on_all(&mut self, messages: u64) {
        for statistics in &mut self.statistics {
            statistics.lost_messages += messages;
        }
    }

    /// Counts what the remembered packets still lack: the session is over.
    pub(super) fn close(&mut self) {
        for at in 0..self.entries.len() {
            let entry = std::mem::take(&mut self.entries[at]);
            self.retire(&entry);
        }
    }
}
