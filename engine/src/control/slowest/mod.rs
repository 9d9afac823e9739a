//! The slowest orders of a run: which they were, where the time of each went, and how to look at one again.
//!
//! [`Slowest`] lives in the collector on the cold thread: it keeps the records of the [`KEPT`] slowest ticks, new orders and
//! replaces, by the time from the start of the path to complete bytes. It allocates at construction. `--report DIR` writes
//! them as `DIR/slowest.json` ([`SlowestFile`]), which `warptick report DIR --slowest` prints ([`page`]). A run with a journal
//! gets a scene of each beside it ([`scenes`]).

mod file;
pub mod page;
pub mod scenes;

pub use file::{SLOWEST_FILE, SlowOrder, SlowestFile};

use crate::order::OrderAction;
use crate::pipeline::stamps::{PathRecord, Trigger};

/// Orders that are kept.
pub const KEPT: usize = 100;

/// See the module's text.
#[derive(Debug)]
pub struct Slowest {
    /// Slowest first; of equally slow ones the earlier.
    records: Vec<PathRecord>,
}

impl Default for Slowest {
    fn default() -> Self {
        Self::new()
    }
}

impl Slowest {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self { records: Vec::with_capacity(KEPT + 1) }
    }

    /// Takes a path in, if it is a tick and slower than the fastest one kept.
    pub fn add(&mut self, path: &PathRecord) {
        let is_tick = path.trigger() == Trigger::Market
            && matches!(path.action, OrderAction::New | OrderAction::Replace);
        let ticks = path.order_ticks();
        let is_full = self.records.len() == KEPT;
        if !is_tick || is_full && self.records.last().is_some_and(|last| last.order_ticks() >= ticks) {
            return;
        }
        let place = self.records.partition_point(|other| other.order_ticks() >= ticks);
        self.records.insert(place, *path);
        self.records.truncate(KEPT);
    }

    /// The slowest first.
    #[must_use]
    pub fn records(&self) -> &[PathRecord] {
        &self.records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::stamps::{PathStamps, path_order};
    use proptest::prelude::*;

    /// A path that took this many ticks.
    fn path(ticks: u64, number: u64, action: OrderAction, is_tick: bool) -> PathRecord {
        let order = crate::order::Order { cl_ord_id: number, ..path_order(action) };
        let begun = if is_tick { PathStamps::begin(false) } else { PathStamps::begin_answer(false) };
        let mut record = begun.order_ready(&order);
        record.start_ticks = 1_000;
        record.ready_ticks = 1_000 + ticks;
        record
    }

    proptest! {
        /// Against sorting all of them.
        #[test]
        fn the_slowest_are_kept(ticks in prop::collection::vec((0u64..400, 0u8..4, any::<bool>()), 0..600)) {
            let mut slowest = Slowest::new();
            let mut all = Vec::new();
            for (number, &(ticks, action, is_tick)) in (0u64..).zip(&ticks) {
                let action =
                    [OrderAction::New, OrderAction::Replace, OrderAction::Cancel, OrderAction::Status][usize::from(action)];
                slowest.add(&path(ticks, number, action, is_tick));
                if is_tick && matches!(action, OrderAction::New | OrderAction::Replace) {
                    all.push((std::cmp::Reverse(ticks), number));
                }
            }
            all.sort_unstable();
            let kept: Vec<_> =
                slowest.records().iter().map(|r| (std::cmp::Reverse(r.order_ticks()), r.cl_ord_id)).collect();
            prop_assert_eq!(&kept[..], &all[..all.len().min(KEPT)]);
        }
    }
}
