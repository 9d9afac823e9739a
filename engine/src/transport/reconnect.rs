//! When to try a lost connection again: times in, «now» out.
//!
//! The wait doubles with each try up to a longest one, and is drawn from its upper half, so that clients which lost a
//! venue together do not come back together; draws come from a seed, so that a run can be repeated. A logon that held for a
//! while makes the next loss a first one; one that was thrown out at once does not, or a venue that refuses us would be
//! asked without pause. Pure: no clock, no socket, no allocation. A cold thread owns one a venue
//! ([`crate::control::reconnector`]).

/// How patient to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOffConfig {
    /// Longest wait before the first try, ns, at least 1.
    pub first_ns: u64,
    /// Longest wait before any try, ns.
    pub max_ns: u64,
    /// How long a logon must have held to count, ns.
    pub held_ns: u64,
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct BackOff {
    config: BackOffConfig,
    random: u64,
    /// Tries since a logon last held.
    tries: u32,
    /// When the next try is due; none while nothing is to be tried.
    due_ns: Option<u64>,
}

impl BackOff {
    /// A connection that stands.
    #[must_use]
    pub const fn new(config: BackOffConfig, seed: u64) -> Self {
        Self { config, random: seed, tries: 0, due_ns: None }
    }

    /// The connection was lost at `now_ns`; `held_ns` says how long its session had been logged on, if it was.
    pub fn lost(&mut self, now_ns: u64, held_ns: Option<u64>) {
        if held_ns.is_some_and(|held_ns| held_ns >= self.config.held_ns) {
            self.tries = 0;
        }
        self.schedule(now_ns);
    }

    /// A try failed at `now_ns`.
    pub fn failed(&mut self, now_ns: u64) {
        self.schedule(now_ns);
    }

    /// Whether to try at `now_ns`. A try that is asked for is to be made, and to end in [`Self::failed`] or, once its
    /// connection is gone again, in [`Self::lost`].
    pub fn take_due(&mut self, now_ns: u64) -> bool {
        let is_due = self.due_ns.is_some_and(|due_ns| due_ns <= now_ns);
        if is_due {
            self.due_ns = None;
        }
        is_due
    }

    /// When the next try is due, ns; none while nothing is to be tried.
    #[must_use]
    pub const fn due_ns(&self) -> Option<u64> {
        self.due_ns
    }

    /// Tries since a logon last held, the one that is scheduled included.
    #[must_use]
    pub const fn tries(&self) -> u32 {
        self.tries
    }

    fn schedule(&mut self, now_ns: u64) {
        let doubled = self.config.first_ns.max(1).checked_shl(self.tries.min(40)).unwrap_or(u64::MAX);
        // A shift drops the bits that leave at the top: beyond the longest wait the figure is of no use.
        let overflowed = doubled >> self.tries.min(40) != self.config.first_ns.max(1);
        let longest_ns = if overflowed { self.config.max_ns } else { doubled.min(self.config.max_ns) };
        let half_ns = longest_ns / 2;
        let wait_ns = longest_ns - half_ns + self.draw() % (half_ns + 1);
        self.tries = self.tries.saturating_add(1);
        self.due_ns = Some(now_ns.saturating_add(wait_ns));
    }

    /// The next number of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BackOffConfig = BackOffConfig { first_ns: 100, max_ns: 10_000, held_ns: 1_000 };

    #[test]
    fn waits_double_to_the_longest_and_are_drawn_from_the_upper_half() {
        for seed in 0..1_000 {
            let mut back_off = BackOff::new(CONFIG, seed);
            assert!(!back_off.take_due(u64::MAX), "a connection that stands is not tried");
            let mut now_ns = 7;
            back_off.lost(now_ns, None);
            for tries in 0..80_u32 {
                let longest_ns = (100_u64 << tries.min(20)).min(10_000);
                let due_ns = back_off.due_ns().expect("scheduled");
                let wait_ns = due_ns - now_ns;
                assert!(
                    (longest_ns / 2..=longest_ns).contains(&wait_ns),
                    "seed {seed}, try {tries}: {wait_ns}"
                );
                assert!(!back_off.take_due(due_ns - 1));
                assert!(back_off.take_due(due_ns));
                assert!(!back_off.take_due(due_ns), "one try at a time");
                now_ns = due_ns + 3;
                back_off.failed(now_ns);
            }
        }
    }

    #[test]
    fn only_a_logon_that_held_starts_again() {
        let mut back_off = BackOff::new(CONFIG, 1);
        for _ in 0..5 {
            back_off.lost(0, None);
        }
        back_off.lost(10_000, Some(500));
        assert_eq!(back_off.tries(), 6, "thrown out at once");
        back_off.lost(20_000, Some(1_000));
        assert_eq!(back_off.tries(), 1, "held");
        assert!(back_off.due_ns().is_some_and(|due_ns| due_ns <= 20_100));
    }

    #[test]
    fn seeds_differ_and_repeat() {
        let waits = |seed| {
            let mut back_off = BackOff::new(CONFIG, seed);
            let waits = (0..20).map(|_| {
                back_off.failed(0);
                back_off.due_ns()
            });
            waits.collect::<Vec<_>>()
        };
        assert_eq!(waits(3), waits(3));
        assert_ne!(waits(3), waits(4));
    }

    #[test]
    fn the_ends_of_the_range_are_harmless() {
        let config = BackOffConfig { first_ns: u64::MAX, max_ns: u64::MAX, held_ns: 0 };
        let mut back_off = BackOff::new(config, 9);
        for _ in 0..70 {
            back_off.failed(u64::MAX - 5);
            assert_eq!(back_off.due_ns(), Some(u64::MAX));
        }
        let mut never = BackOff::new(BackOffConfig { first_ns: 0, max_ns: 0, held_ns: 0 }, 9);
        never.failed(4);
        assert_eq!(never.due_ns(), Some(4));
    }
}
