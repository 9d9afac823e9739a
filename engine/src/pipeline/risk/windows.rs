//! What happened within the last while: fills of a strategy, and how the account stood.
//!
//! Rings of a fixed size, taken at construction.

/// Fills that a window can count.
pub const FILLS_MAX: u32 = 1_023;

/// Fills within a sliding window of core time.
pub(super) struct FillWindow {
    /// Time and signed quantity, oldest at `first`.
    fills: Box<[(u64, i64)]>,
    first: usize,
    count: usize,
    quantity: u64,
    delta: i64,
}

impl FillWindow {
    pub(super) fn new() -> Self {
        let fills = vec![(0, 0); FILLS_MAX as usize + 1].into_boxed_slice();
        Self { fills, first: 0, count: 0, quantity: 0, delta: 0 }
    }

    /// Takes a fill in and forgets those that are `window_ns` old or more. With the ring full the oldest goes too: there
    /// are more than [`FILLS_MAX`] then, which is beyond every limit.
    pub(super) fn add(&mut self, now_ns: u64, signed_quantity: i64, window_ns: u64) {
        while self.count > 0 && (self.count == self.fills.len() || self.is_over(now_ns, window_ns)) {
            let (_, quantity) = self.fills[self.first];
            self.quantity -= quantity.unsigned_abs();
            self.delta -= quantity;
            self.first = (self.first + 1) % self.fills.len();
            self.count -= 1;
        }
        self.fills[(self.first + self.count) % self.fills.len()] = (now_ns, signed_quantity);
        self.count += 1;
        // Each at most 2^44 of at most 2^10: no overflow.
        self.quantity += signed_quantity.unsigned_abs();
        self.delta += signed_quantity;
    }

    fn is_over(&self, now_ns: u64, window_ns: u64) -> bool {
        now_ns.saturating_sub(self.fills[self.first].0) >= window_ns
    }

    /// A person has let the strategy go on: it starts anew.
    pub(super) fn clear(&mut self) {
        *self = Self { fills: std::mem::take(&mut self.fills), first: 0, count: 0, quantity: 0, delta: 0 };
    }

    /// Time and signed quantity of each fill, oldest first.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u64, i64)> + '_ {
        (0..self.count).map(|ahead| self.fills[(self.first + ahead) % self.fills.len()])
    }

    /// Takes over what [`Self::entries`] gave.
    pub(super) fn recall(&mut self, entries: &[(u64, i64)]) {
        self.clear();
        for &(time_ns, signed_quantity) in entries {
            self.add(time_ns, signed_quantity, u64::MAX);
        }
    }

    /// Fills in the window.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Their quantity.
    pub(super) const fn quantity(&self) -> u64 {
        self.quantity
    }

    /// Bought less sold.
    pub(super) const fn delta(&self) -> i64 {
        self.delta
    }
}

/// Samples of a loss window.
const SAMPLES: usize = 32;

/// The best that the account stood within a sliding window: the best of each 32nd of it, dated by that part's start. What it
/// stood at last it stood at until now, however long nothing was said.
pub(super) struct LossWindow {
    /// Time and worth, the newest at `next - 1`.
    samples: [(u64, i128); SAMPLES],
    next: usize,
    last: i128,
}

impl LossWindow {
    pub(super) const fn new() -> Self {
        Self { samples: [(0, i128::MIN); SAMPLES], next: 0, last: 0 }
    }

    /// Takes the present worth in, and answers the loss from the best sample that is younger than the window.
    pub(super) fn loss(&mut self, now_ns: u64, worth: i128, window_ns: u64) -> i128 {
        let newest = &mut self.samples[(self.next + SAMPLES - 1) % SAMPLES];
        let stood = std::mem::replace(&mut self.last, worth).max(worth);
        if newest.1 == i128::MIN || now_ns.saturating_sub(newest.0) >= window_ns / SAMPLES as u64 {
            self.samples[self.next] = (now_ns, stood);
            self.next = (self.next + 1) % SAMPLES;
        } else {
            newest.1 = newest.1.max(stood);
        }
        let in_window = |sample: &&(u64, i128)| now_ns.saturating_sub(sample.0) < window_ns;
        let best = self.samples.iter().filter(in_window).map(|sample| sample.1).max();
        best.filter(|&best| best > worth).map_or(0, |best| best - worth)
    }

    /// It starts anew with an account that stands at `worth`; `i128::MIN` where nobody knows.
    pub(super) const fn clear(&mut self, worth: i128) {
        *self = Self { last: worth, ..Self::new() };
    }

    /// The samples that were taken, time and worth, oldest first.
    pub(super) fn samples(&self) -> impl Iterator<Item = (u64, i128)> + '_ {
        let from_oldest = self.samples[self.next..].iter().chain(&self.samples[..self.next]);
        from_oldest.copied().filter(|sample| sample.1 != i128::MIN)
    }

    /// Takes over what [`Self::samples`] gave.
    pub(super) fn resume(&mut self, samples: &[(u64, i128)]) {
        self.clear(i128::MIN);
        for &sample in samples {
            self.samples[self.next] = sample;
            self.next = (self.next + 1) % SAMPLES;
        }
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_wrap, reason = "draws of a test: small numbers")]
mod tests {
    use super::*;
    use crate::pipeline::draws::Draws;

    #[test]
    fn fills_are_those_of_a_list_that_is_searched() {
        for seed in 0..50 {
            let mut draws = Draws(seed);
            let mut window = FillWindow::new();
            let (mut now_ns, mut all) = (0, Vec::new());
            for step in 0..3_000 {
                now_ns += draws.below(if seed % 2 == 0 { 30 } else { 3 });
                let quantity = draws.below(100) as i64 - 50;
                window.add(now_ns, quantity, 1_000);
                all.push((now_ns, quantity));
                let recent = all.iter().filter(|fill| now_ns - fill.0 < 1_000);
                let recent: Vec<i64> = recent.map(|fill| fill.1).collect();
                let kept = &recent[recent.len().saturating_sub(FILLS_MAX as usize + 1)..];
                assert_eq!(window.count(), kept.len(), "seed {seed}, step {step}");
                assert_eq!(window.delta(), kept.iter().sum::<i64>(), "seed {seed}, step {step}");
                let quantity: u64 = kept.iter().map(|quantity| quantity.unsigned_abs()).sum();
                assert_eq!(window.quantity(), quantity, "seed {seed}, step {step}");
            }
        }
    }

    #[test]
    fn a_loss_counts_from_the_best_within_the_window() {
        let mut window = LossWindow::new();
        assert_eq!(window.loss(0, 100, 320), 0);
        assert_eq!(window.loss(50, 300, 320), 0, "the best so far");
        assert_eq!(window.loss(60, 250, 320), 50);
        assert_eq!(window.loss(100, 80, 320), 220);
        assert_eq!(window.loss(379, 80, 320), 220, "just inside: it stood at 300 until 60");
        assert_eq!(window.loss(380, 80, 320), 170, "the best is forgotten, what followed is not");
        let samples: Vec<_> = window.samples().collect();
        let mut resumed = LossWindow::new();
        resumed.resume(&samples);
        assert_eq!(resumed.samples().collect::<Vec<_>>(), samples);
        assert_eq!(resumed.loss(381, 80, 320), window.loss(381, 80, 320), "as if there had been no restart");
        window.clear(i128::MIN);
        assert_eq!(window.loss(400, 10, 320), 0);
        assert_eq!(window.loss(9_000, -40, 320), 50, "a loss at once after a long silence");
        window.clear(30);
        assert_eq!(window.loss(9_500, -40, 320), 70, "from what it stood at");
        assert_eq!(LossWindow::new().loss(1, -40, 320), 40, "the first trade of the day");
    }
}
