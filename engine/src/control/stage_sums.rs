//! Whether the stages of a run's orders account for all of their time, counted record by record as the collector takes them in.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::pipeline::stamps::{Audit, PathRecord};

/// Order paths by what adding their stages up came to; `stage_sums` in the summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSums {
    /// Paths whose stages were added up.
    pub checked: u64,
    /// Of these, whose sum is not the path's whole time: a fault of the engine.
    pub unequal: u64,
    /// Paths with a stage longer than a stamp holds, not added up.
    pub clipped: u64,
    /// Paths on which the counters of two cores disagreed, not added up.
    pub backwards: u64,
    /// Paths with a start and an end only.
    pub not_stamped: u64,
}

impl StageSums {
    /// Adds a path's stages up.
    pub fn add(&mut self, path: &PathRecord) {
        let outcome = path.audit();
        self.checked += u64::from(matches!(outcome, Audit::Equal | Audit::Unequal(_)));
        let counter = match outcome {
            Audit::Equal => return,
            Audit::Unequal(_) => &mut self.unequal,
            Audit::Clipped => &mut self.clipped,
            Audit::Backwards => &mut self.backwards,
            Audit::NotStamped => &mut self.not_stamped,
        };
        *counter += 1;
    }

    /// Adds those of another run.
    pub fn absorb(&mut self, other: &Self) {
        self.checked += other.checked;
        self.unequal += other.unequal;
        self.clipped += other.clipped;
        self.backwards += other.backwards;
        self.not_stamped += other.not_stamped;
    }
}

/// What a reader of the stage table must know: nothing where all is as it should be.
impl fmt::Display for StageSums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { checked, unequal, backwards, .. } = *self;
        if unequal > 0 {
            writeln!(
                f,
                "the stages of {unequal} of {checked} order paths do not add up to the whole: do not trust them"
            )?;
        }
        if backwards > 0 {
            writeln!(
                f,
                "{backwards} order paths have a stamp before the one before it: the counters of two cores disagree"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::OrderAction;
    use crate::pipeline::stamps::{PathStamps, Stage, path_order};

    #[test]
    fn every_path_is_counted_once() {
        let mut sums = StageSums::default();
        let order = path_order(OrderAction::New);
        let mut path = PathStamps::begin(true);
        path.mark(Stage::Decode);
        sums.add(&path.order_ready(&order));
        assert_eq!(sums.to_string(), "");
        let mut lost = path.order_ready(&order);
        lost.ready_ticks += 1;
        sums.add(&lost);
        sums.add(&PathStamps::begin(false).order_ready(&order));
        let mut ahead = PathStamps::begin_at(u64::MAX, true);
        ahead.mark(Stage::Ring);
        sums.add(&ahead.order_ready(&order));
        assert_eq!(sums, StageSums { checked: 2, unequal: 1, clipped: 0, backwards: 1, not_stamped: 1 });
        let notes = sums.to_string();
        assert!(notes.contains("of 1 of 2 order paths") && notes.contains("counters"), "{notes}");
    }
}
