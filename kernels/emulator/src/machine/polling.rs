//! The detector of polling loops.
//!
//! A warp polls when a loop iteration changed nothing by a store or an atomic, and loaded the same values from the
//! same addresses as the iteration before, with at least one access that a poll would use (volatile, relaxed, acquire, an
//! atomic, a clock, a barrier). Such a warp is parked until another one stores to a line that it watched, or its turn in the rotation
//! comes. A wrong guess costs time, never correctness.

/// What the last visit of one backward branch saw.
#[derive(Clone, Copy, Debug, Default)]
struct Visit {
    sum: u64,
    delta: u64,
    effects: u64,
    strong: u64,
}

/// The detector of one warp.
#[derive(Debug)]
pub(super) struct Polling {
    visits: Vec<Visit>,
    /// Sum over all loads of a mixture of address and value.
    sum: u64,
    effects: u64,
    strong: u64,
    /// One bit for each 64-byte line that was loaded, by its hash.
    pub(super) watched: u64,
    /// Whether what was watched may change without a store of the launch: memory that host threads write, a clock.
    pub(super) outside: bool,
}

/// The watch bit of an address.
#[inline(always)]
pub(super) fn line_bit(address: u64) -> u64 {
    1 << ((address >> 6).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}

impl Polling {
    pub(super) fn new(loops: usize) -> Self {
        Self {
            visits: vec![Visit::default(); loops + 1],
            sum: 0,
            effects: 0,
            strong: 0,
            watched: 0,
            outside: true,
        }
    }

    pub(super) fn reset(&mut self) {
        self.visits.fill(Visit::default());
        (self.sum, self.effects, self.strong, self.watched) = (0, 0, 0, 0);
    }

    #[inline(always)]
    pub(super) fn loaded(&mut self, address: u64, value: u64) {
        let mixed = (address ^ value.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.sum = self.sum.wrapping_add(mixed ^ (mixed >> 29));
        self.watched |= line_bit(address);
    }

    /// All lanes of a load at once: the sums of their addresses and values, and their watch bits.
    #[inline(always)]
    pub(super) fn loaded_all(&mut self, addresses: u64, values: u64, lines: u64) {
        let mixed = (addresses ^ values.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.sum = self.sum.wrapping_add(mixed ^ (mixed >> 29));
        self.watched |= lines;
    }

    #[inline(always)]
    pub(super) fn strong_access(&mut self) {
        self.strong += 1;
    }

    /// A barrier, a clock, a sleep: a loop around it may wait for something, and no store of a watched line need end that.
    #[inline(always)]
    pub(super) fn waits_for_others(&mut self) {
        self.strong += 1;
        self.outside = true;
    }

    #[inline(always)]
    pub(super) fn changed_something(&mut self) {
        self.effects += 1;
    }

    /// At a backward branch: whether the iteration that ends here was a poll.
    #[inline(always)]
    pub(super) fn iteration_was_quiet(&mut self, number: u16) -> bool {
        let visit = &mut self.visits[usize::from(number)];
        let delta = self.sum.wrapping_sub(visit.sum);
        let quiet = visit.effects == self.effects && visit.strong != self.strong && visit.delta == delta;
        *visit = Visit { sum: self.sum, delta, effects: self.effects, strong: self.strong };
        quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iterate(polling: &mut Polling, address: u64, value: u64, stores: bool) -> bool {
        polling.loaded(address, value);
        polling.strong_access();
        if stores {
            polling.changed_something();
        }
        polling.iteration_was_quiet(1)
    }

    #[test]
    fn the_same_load_twice_is_a_poll_and_a_store_or_a_new_value_is_not() {
        let mut polling = Polling::new(1);
        iterate(&mut polling, 0x1000, 7, false);
        assert!(iterate(&mut polling, 0x1000, 7, false));
        assert!(!iterate(&mut polling, 0x1000, 8, false));
        assert!(!iterate(&mut polling, 0x1000, 8, true));
        assert!(iterate(&mut polling, 0x1000, 8, false));
        assert_ne!(polling.watched & line_bit(0x1000), 0);
    }

    #[test]
    fn a_loop_without_strong_accesses_is_work() {
        let mut polling = Polling::new(1);
        for _ in 0..4 {
            polling.loaded(0x2000, 1);
            assert!(!polling.iteration_was_quiet(1));
        }
    }
}
