//! The update-id rule of one book: which diffs continue it, which are old, and what to do without a snapshot.
//!
//! Source: «How to manage a local order book correctly» of «Binance Spot API» (as corrected in 2024) and of «USD-M» and
//! «COIN-M Futures». Spot: a diff is old when `u <= id`, the book's last id, at first the snapshot's `lastUpdateId`; one
//! with `U > id + 1` is behind a gap; any other is applied, the first like each later one. (Earlier editions asked for
//! `U` = the last `u` + 1. The venue sends that; a diff that overlaps the book brings whole levels as of its `u`, so that
//! nothing is missing.) Futures: diffs with `u < lastUpdateId` are dropped; the first has `U <= lastUpdateId <= u`, or
//! names it as `pu`; each later one has `pu` = the last `u`, whatever its `U`. Quantities are absolute.
//!
//! Without a snapshot, diffs that continue each other are kept, up to [`LEVELS_MAX`] levels and [`DIFFS_MAX`] diffs
//! (taken when the book is made), and are given back behind the snapshot that they continue. One that breaks the
//! chain, or does not fit, throws away what was kept before it. A snapshot is refused when it is older than the book
//! or than what was kept. Sans-I/O; the decoder owns it.

use super::message::Level;

/// Levels kept while there is no snapshot, a side and all diffs together: some seconds of the busiest stream.
pub const LEVELS_MAX: usize = 1 << 16;

/// Diffs kept while there is no snapshot.
pub const DIFFS_MAX: usize = 1 << 12;

/// Update ids of a diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// `U`.
    pub first: u64,
    /// `u`.
    pub last: u64,
    /// `pu`, futures only.
    pub previous: Option<u64>,
}

/// What to do with a diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It continues the book: apply it.
    Apply,
    /// The book has it already.
    Old,
    /// There is no book to apply it to; it is kept.
    Kept,
    /// Updates are missing right before it, from this one on, so many; the book is stale, the diff is kept.
    Gap {
        /// First missing update id.
        first: u64,
        /// Missing update ids; at least 1 (futures do not say how many).
        count: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No snapshot yet, or none since the last gap.
    Waiting,
    /// The last thing applied was a snapshot with this id.
    Snapshot(u64),
    /// The last thing applied was a diff that ended with this id.
    Live(u64),
}

#[derive(Clone, Copy)]
struct KeptDiff {
    ids: Ids,
    bids_end: usize,
    asks_end: usize,
}

/// One book's place in its stream of updates.
pub struct DepthSync {
    state: State,
    diffs: Vec<KeptDiff>,
    bids: Vec<Level>,
    asks: Vec<Level>,
    /// Kept diffs before this one are older than the snapshot.
    replay_from: usize,
}

impl Default for DepthSync {
    fn default() -> Self {
        Self::new()
    }
}

impl DepthSync {
    /// A book without a snapshot.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: State::Waiting,
            diffs: Vec::with_capacity(DIFFS_MAX),
            bids: Vec::with_capacity(LEVELS_MAX),
            asks: Vec::with_capacity(LEVELS_MAX),
            replay_from: 0,
        }
    }

    /// Whether the book is current: a snapshot and every update behind it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.state != State::Waiting
    }

    /// A diff has come.
    pub fn on_diff(&mut self, ids: Ids, bids: &[Level], asks: &[Level]) -> Step {
        let (continues, expected) = match self.state {
            State::Waiting => {
                self.keep(ids, bids, asks);
                return Step::Kept;
            }
            State::Snapshot(snapshot) if is_old(ids, snapshot) => return Step::Old,
            State::Snapshot(snapshot) => (first_behind(ids, snapshot), snapshot),
            State::Live(last) if ids.last <= last => return Step::Old,
            State::Live(last) => (next_behind(ids, last), last),
        };
        if continues {
            self.state = State::Live(ids.last);
            return Step::Apply;
        }
        self.state = State::Waiting;
        self.forget();
        self.keep(ids, bids, asks);
        let until = ids.previous.map_or(ids.first, |previous| previous.saturating_add(1));
        let first = expected.saturating_add(1);
        Step::Gap { first, count: until.saturating_sub(first).max(1) }
    }

    /// A snapshot has come: whether it is to be applied. If so, [`Self::kept`] gives what is to be applied behind it.
    pub fn on_snapshot(&mut self, last: u64) -> bool {
        match self.state {
            State::Waiting => {}
            State::Snapshot(id) | State::Live(id) => {
                if last >= id {
                    self.state = State::Snapshot(last);
                    self.forget();
                }
                return last >= id;
            }
        }
        let from = self.diffs.iter().position(|kept| !is_old(kept.ids, last)).unwrap_or(self.diffs.len());
        match self.diffs.get(from) {
            Some(kept) if !first_behind(kept.ids, last) => return false,
            Some(_) => self.state = State::Live(self.diffs.last().map_or(last, |kept| kept.ids.last)),
            None => self.state = State::Snapshot(last),
        }
        self.replay_from = from;
        true
    }

    /// The kept bid and ask levels that continue the snapshot, in their order; a later level overwrites an earlier.
    #[must_use]
    pub fn kept(&self) -> (&[Level], &[Level]) {
        let before = self.replay_from.checked_sub(1).and_then(|last| self.diffs.get(last));
        let (bids, asks) = before.map_or((0, 0), |kept| (kept.bids_end, kept.asks_end));
        (self.bids.get(bids..).unwrap_or_default(), self.asks.get(asks..).unwrap_or_default())
    }

    /// Throws away what was kept; to be called when [`Self::kept`] has been applied.
    pub fn forget(&mut self) {
        self.diffs.clear();
        self.bids.clear();
        self.asks.clear();
        self.replay_from = 0;
    }

    fn keep(&mut self, ids: Ids, bids: &[Level], asks: &[Level]) {
        if let Some(kept) = self.diffs.last() {
            if ids.last <= kept.ids.last {
                return;
            }
            if !next_behind(ids, kept.ids.last) {
                self.forget();
            }
        }
        let fits = self.diffs.len() < DIFFS_MAX
            && self.bids.len() + bids.len() <= LEVELS_MAX
            && self.asks.len() + asks.len() <= LEVELS_MAX;
        if !fits {
            self.forget();
            if bids.len() > LEVELS_MAX || asks.len() > LEVELS_MAX {
                return;
            }
        }
        self.bids.extend_from_slice(bids);
        self.asks.extend_from_slice(asks);
        self.diffs.push(KeptDiff { ids, bids_end: self.bids.len(), asks_end: self.asks.len() });
    }
}

/// Whether a snapshot contains the diff. Futures keep one that ends with the snapshot: it is applied again.
fn is_old(ids: Ids, snapshot: u64) -> bool {
    if ids.previous.is_some() { ids.last < snapshot } else { ids.last <= snapshot }
}

/// Whether the diff, which is not old, is the first one behind a snapshot.
fn first_behind(ids: Ids, snapshot: u64) -> bool {
    match ids.previous {
        Some(previous) => ids.first <= snapshot || previous == snapshot,
        None => ids.first <= snapshot.saturating_add(1),
    }
}

/// Whether the diff, which ends behind `last`, follows the one that ended with it.
fn next_behind(ids: Ids, last: u64) -> bool {
    match ids.previous {
        Some(previous) => previous == last,
        None => ids.first <= last.saturating_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(first: u64, last: u64) -> Ids {
        Ids { first, last, previous: None }
    }

    fn futures(first: u64, last: u64, previous: u64) -> Ids {
        Ids { first, last, previous: Some(previous) }
    }

    fn level(price: i64) -> [Level; 1] {
        [Level { price, quantity: 1 }]
    }

    #[test]
    fn spot_follows_the_published_rule() {
        let mut sync = DepthSync::new();
        assert_eq!(sync.on_diff(spot(1, 5), &level(1), &[]), Step::Kept);
        assert_eq!(sync.on_diff(spot(6, 9), &level(2), &level(3)), Step::Kept);
        assert_eq!(sync.on_diff(spot(10, 10), &level(4), &[]), Step::Kept);
        assert!(!sync.is_live());
        assert!(sync.on_snapshot(7), "inside the second diff");
        assert_eq!(sync.kept(), (&[level(2)[0], level(4)[0]][..], &level(3)[..]));
        sync.forget();
        assert_eq!(sync.on_diff(spot(9, 10), &[], &[]), Step::Old);
        assert_eq!(sync.on_diff(spot(11, 12), &[], &[]), Step::Apply);
        assert_eq!(sync.on_diff(spot(14, 20), &level(5), &[]), Step::Gap { first: 13, count: 1 });
        assert!(!sync.is_live());
        assert!(!sync.on_snapshot(12), "older than what is kept");
        assert!(sync.on_snapshot(13), "right before what is kept");
        assert_eq!(sync.kept().0, level(5));
        sync.forget();
        assert!(!sync.on_snapshot(19) && sync.is_live(), "older than the book");
        assert!(sync.on_snapshot(30));
        assert_eq!(sync.on_diff(spot(21, 30), &[], &[]), Step::Old);
        assert_eq!(sync.on_diff(spot(25, 31), &[], &[]), Step::Apply);
        assert_eq!(sync.on_diff(spot(31, 33), &[], &[]), Step::Apply, "overlaps: nothing is missing");
        assert_eq!(sync.on_diff(spot(32, 33), &[], &[]), Step::Old);
        assert_eq!(sync.on_diff(spot(37, 40), &level(6), &[]), Step::Gap { first: 34, count: 3 });
        assert_eq!(sync.on_diff(spot(39, 41), &level(7), &[]), Step::Kept);
        assert!(sync.on_snapshot(36), "both kept diffs continue it");
        assert_eq!(sync.kept().0, [level(6)[0], level(7)[0]]);
    }

    #[test]
    fn futures_follow_the_published_rule() {
        let mut sync = DepthSync::new();
        assert!(sync.on_snapshot(100));
        assert_eq!(sync.on_diff(futures(80, 99, 70), &[], &[]), Step::Old);
        assert_eq!(sync.on_diff(futures(90, 100, 89), &[], &[]), Step::Apply, "ends with the snapshot");
        assert_eq!(sync.on_diff(futures(105, 120, 100), &[], &[]), Step::Apply);
        assert_eq!(sync.on_diff(futures(140, 150, 130), &[], &[]), Step::Gap { first: 121, count: 10 });
        assert_eq!(sync.on_diff(futures(160, 170, 155), &level(1), &[]), Step::Kept, "breaks the kept chain");
        assert_eq!(sync.on_diff(futures(171, 180, 170), &level(2), &[]), Step::Kept);
        assert!(!sync.on_snapshot(150));
        assert!(sync.on_snapshot(155), "named as pu");
        assert_eq!(sync.kept().0, [level(1)[0], level(2)[0]]);
        sync.forget();
        assert_eq!(sync.on_diff(futures(181, 190, 180), &[], &[]), Step::Apply);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut sync = DepthSync::new();
        for id in 0..3 * DIFFS_MAX as u64 {
            sync.on_diff(spot(id, id), &level(1), &[]);
        }
        assert!(sync.diffs.len() <= DIFFS_MAX && sync.bids.len() <= LEVELS_MAX);
        let many = vec![level(1)[0]; LEVELS_MAX + 1];
        assert_eq!(sync.on_diff(spot(3 * DIFFS_MAX as u64, 1 << 40), &many, &[]), Step::Kept);
        assert!(sync.diffs.is_empty() && sync.bids.is_empty());
        assert!(sync.diffs.capacity() == DIFFS_MAX && sync.bids.capacity() == LEVELS_MAX);
    }
}
