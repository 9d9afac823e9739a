//! How full the rings between threads were, as the cold thread sees it when it looks.
//!
//! The hot threads do nothing for it. A ring that the cold thread itself empties is exact: it looks before each emptying, and between two
//! the ring only fills. A ring between two hot threads is sampled ([`Gauge`]): what fills and empties between two looks is not seen, and
//! of what was taken up to a sixteenth of the slots may still count.

use super::facts::RingFacts;
use crate::pipeline::slot_ring::Gauge;

/// How a figure was taken.
const EMPTIED: &str = "looked at before each emptying, by the thread that empties it";
const SAMPLED: &str = "sampled by the cold thread, every 200 \u{b5}s or so; what came and went between is not in it, and up to a sixteenth of the slots is too much";

/// The rings of a run.
#[derive(Debug, Default)]
pub struct RingWatch {
    sampled: Vec<(RingFacts, Gauge)>,
    emptied: Vec<RingFacts>,
}

impl RingWatch {
    /// Watches a ring between two hot threads.
    pub fn watch(&mut self, name: &str, between: &str, gauge: Gauge) {
        let facts = RingFacts {
            name: name.to_owned(),
            between: between.to_owned(),
            slots: gauge.capacity() as u64,
            method: SAMPLED.to_owned(),
            ..RingFacts::default()
        };
        self.sampled.push((facts, gauge));
    }

    /// Looks at all rings between hot threads.
    pub fn look(&mut self) {
        for (facts, gauge) in &mut self.sampled {
            facts.high_water = facts.high_water.max(gauge.waiting() as u64);
            facts.looks += 1;
        }
    }

    /// What lies in a ring that the caller is about to empty. Allocates when it sees a ring first.
    pub fn about_to_empty(&mut self, name: &str, between: &str, waiting: usize, slots: usize) {
        let known = self.emptied.iter().position(|facts| facts.name == name).unwrap_or_else(|| {
            self.emptied.push(RingFacts {
                name: name.to_owned(),
                between: between.to_owned(),
                slots: slots as u64,
                method: EMPTIED.to_owned(),
                ..RingFacts::default()
            });
            self.emptied.len() - 1
        });
        let facts = &mut self.emptied[known];
        facts.high_water = facts.high_water.max(waiting as u64);
        facts.looks += 1;
    }

    /// What was seen.
    #[must_use]
    pub fn facts(self) -> Vec<RingFacts> {
        self.sampled.into_iter().map(|(facts, _)| facts).chain(self.emptied).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::slot_ring::ring;

    #[test]
    fn the_most_that_was_seen_stays() {
        let (mut producer, mut consumer) = ring::<u64>(64);
        let mut watch = RingWatch::default();
        watch.watch("market", "ingest to decide", producer.gauge());
        for filled in [3, 40, 1] {
            (0..filled).for_each(|item| producer.push(item).expect("room"));
            watch.look();
            while consumer.pop().is_some() {}
            watch.look();
        }
        watch.about_to_empty("stamp", "order entry to housekeeping", 7, 100);
        watch.about_to_empty("stamp", "order entry to housekeeping", 2, 100);
        let facts = watch.facts();
        let figures: Vec<_> = facts.iter().map(|ring| (ring.slots, ring.high_water, ring.looks)).collect();
        assert_eq!(figures, [(64, 40, 6), (100, 7, 2)]);
    }
}
