//! When enough was measured, and what it says: a sequential test with a stated false-alarm rate.
//!
//! What is judged is the log of a ratio, one value a pair of runs. The pairs are looked at a few times at most
//! ([`Plan::looks`]); the false-alarm rate is split evenly over the looks, so that stopping early costs nothing of it: over all
//! looks together the intervals miss the truth no more often than stated, whatever the noise. Two equal sides are called
//! different only where an interval misses, so no more often than that.
//!
//! A difference that is there but smaller than [`Plan::counts`] is none: two builds of one source differ by the places of
//! their functions.

use super::ranks::{self, Shift};

/// How a comparison is planned.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Probability that two equal sides are called different, all looks together.
    pub false_alarm: f64,
    /// The smallest ratio that counts, above 1: 1.03 is three per cent.
    pub counts: f64,
    /// After how many pairs one looks, rising; the last is the most that is measured.
    pub looks: Vec<usize>,
}

impl Default for Plan {
    /// One false alarm in 1,000, three per cent, at most 96 pairs: on hosts as noisy as those of `noise_tests` equal sides are
    /// then shown to be equal, and 5 % is found. (With two per cent and 64 pairs half of the comparisons of equal sides could
    /// not tell where one process in four was 4 % slower for no reason.)
    fn default() -> Self {
        Self { false_alarm: 0.001, counts: 1.03, looks: vec![16, 24, 32, 48, 64, 96] }
    }
}

impl Plan {
    /// The same with at most so many pairs: the looks after them are taken together as one.
    #[must_use]
    pub fn at_most(mut self, pairs: usize) -> Self {
        self.looks.retain(|&look| look < pairs);
        self.looks.push(pairs);
        self
    }

    /// The most pairs.
    #[must_use]
    pub fn pairs_max(&self) -> usize {
        self.looks.last().copied().unwrap_or(0)
    }

    /// What each look's interval may miss.
    #[must_use]
    pub fn miss_of_a_look(&self) -> f64 {
        self.false_alarm / self.looks.len().max(1) as f64
    }
}

/// What the measurements say about B.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Whatever difference there is, it is smaller than what counts.
    Same,
    /// B is slower, and it counts.
    Slower,
    /// B is faster, and it counts.
    Faster,
    /// The noise is too large for the pairs that there were.
    CannotTell,
}

impl Verdict {
    /// The verdict on an interval; [`Verdict::CannotTell`] means: measure on, if there is a look left.
    #[must_use]
    pub fn of(shift: &Shift, plan: &Plan) -> Self {
        let counts = plan.counts.ln();
        if shift.low > 0.0 && shift.estimate >= counts {
            Self::Slower
        } else if shift.high < 0.0 && shift.estimate <= -counts {
            Self::Faster
        } else if shift.low > -counts && shift.high < counts {
            Self::Same
        } else {
            Self::CannotTell
        }
    }
}

/// Looks at the log ratios of all pairs so far, if it is time to; `None`: measure on.
#[must_use]
pub fn look(ratios: &[f64], plan: &Plan) -> Option<(Verdict, Shift)> {
    if !plan.looks.contains(&ratios.len()) {
        return None;
    }
    let shift = ranks::paired(ratios, plan.miss_of_a_look());
    let verdict = Verdict::of(&shift, plan);
    let is_over = verdict != Verdict::CannotTell || ratios.len() >= plan.pairs_max();
    is_over.then_some((verdict, shift))
}

/// How many pairs would tell, going by how wide the interval is after so many: its width falls with their root. `None`
/// where the sample gave no interval at all.
#[must_use]
pub fn pairs_needed(shift: &Shift, pairs: usize, plan: &Plan) -> Option<usize> {
    let half_width = (shift.high - shift.low) / 2.0;
    if !half_width.is_finite() {
        return None;
    }
    // Wherever the truth lies, an interval half as wide as what counts is on one side of a border.
    let times = (half_width / (plan.counts.ln() / 2.0)).powi(2);
    Some(((pairs as f64 * times).ceil() as usize).max(pairs + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shift(low: f64, estimate: f64, high: f64) -> Shift {
        Shift { low: low.ln(), estimate: estimate.ln(), high: high.ln() }
    }

    #[test]
    fn verdicts_go_by_the_interval_and_by_what_counts() {
        let plan = Plan::default();
        let of = |low, estimate, high| Verdict::of(&shift(low, estimate, high), &plan);
        assert_eq!(of(0.98, 1.0, 1.02), Verdict::Same);
        assert_eq!(of(1.001, 1.015, 1.025), Verdict::Same, "there, but too small to count");
        assert_eq!(of(1.01, 1.04, 1.06), Verdict::Slower);
        assert_eq!(of(0.94, 0.96, 0.99), Verdict::Faster);
        assert_eq!(of(0.96, 1.04, 1.08), Verdict::CannotTell);
        assert_eq!(of(1.001, 1.02, 1.04), Verdict::CannotTell, "slower, but does it count?");
        let nothing = Shift { low: f64::NEG_INFINITY, estimate: 1.0, high: f64::INFINITY };
        assert_eq!(Verdict::of(&nothing, &plan), Verdict::CannotTell);
        assert_eq!(pairs_needed(&nothing, 3, &plan), None);
        let wide = shift(0.96, 1.0, 1.04);
        assert!((90..160).contains(&pairs_needed(&wide, 16, &plan).expect("an interval")));
    }

    #[test]
    fn fewer_pairs_are_fewer_looks() {
        assert_eq!(Plan::default().at_most(32).looks, [16, 24, 32]);
        assert_eq!(Plan::default().at_most(20).looks, [16, 20]);
        assert_eq!(Plan::default().at_most(5).looks, [5]);
        assert_eq!(Plan::default().pairs_max(), 96);
        assert!((Plan::default().at_most(32).miss_of_a_look() - 0.001 / 3.0).abs() < 1e-12);
    }
}
