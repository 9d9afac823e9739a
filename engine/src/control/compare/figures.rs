//! What one round or one run came to: named durations, in whatever unit, and their log ratios.

use std::collections::BTreeMap;

use super::ranks;
use crate::control::summary::Summary;

/// The figure that a comparison is judged by; all others are shown beside it.
pub const HEADLINE: &str = "tick_to_order p50";

/// Durations by name; both sides of a comparison in the same unit.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Figures(pub BTreeMap<String, f64>);

impl Figures {
    /// Median, p90 and p99 of a whole path, as far as the sample supports them.
    pub fn add_path(&mut self, name: &str, mut ticks: Vec<u64>) {
        ticks.sort_unstable();
        let count = ticks.len();
        for (percentile, needed, share) in [("p50", 2, 0.5), ("p90", 10, 0.9), ("p99", 100, 0.99)] {
            if count >= needed {
                let at = ((count as f64 * share) as usize).min(count - 1);
                self.0.insert(format!("{name} {percentile}"), ticks[at] as f64);
            }
        }
    }

    /// Those of a run's summary, ns.
    #[must_use]
    pub fn of_summary(summary: &Summary) -> Self {
        let mut found = BTreeMap::new();
        for (stage, distribution) in &summary.stages {
            let is_path = stage.starts_with("tick_to_");
            let figures =
                [("p50", distribution.p50_ns), ("p90", distribution.p90_ns), ("p99", distribution.p99_ns)];
            let wanted = figures.into_iter().take(if is_path { 3 } else { 1 });
            for (percentile, ns) in wanted {
                // No logarithm of zero: a stage that is too short to be timed is not compared.
                if let Some(ns) = ns.filter(|&ns| ns > 0) {
                    found.insert(format!("{stage} {percentile}"), ns as f64);
                }
            }
        }
        Self(found)
    }

    /// The headline's value.
    #[must_use]
    pub fn headline(&self) -> Option<f64> {
        self.0.get(HEADLINE).copied()
    }
}

/// The middle of each figure that every round has.
#[must_use]
pub fn medians(rounds: &[Figures]) -> Figures {
    let Some(first) = rounds.first() else { return Figures::default() };
    let all = first.0.keys().filter_map(|name| {
        let values: Option<Vec<f64>> = rounds.iter().map(|round| round.0.get(name).copied()).collect();
        Some((name.clone(), ranks::median(values?)))
    });
    Figures(all.collect())
}

/// The middle, over rounds in which both sides had their turn, of the log of B over A, for each figure that all have.
#[must_use]
pub fn log_ratios(a: &[Figures], b: &[Figures]) -> Figures {
    let ratios: Vec<Figures> = a.iter().zip(b).map(|(a, b)| log_ratio(a, b)).collect();
    medians(&ratios)
}

fn log_ratio(a: &Figures, b: &Figures) -> Figures {
    let both = a.0.iter().filter_map(|(name, a)| Some((name, *a, *b.0.get(name)?)));
    let usable = both.filter(|(_, a, b)| *a > 0.0 && *b > 0.0);
    Figures(usable.map(|(name, a, b)| (name.clone(), (b / a).ln())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(pairs: &[(&str, f64)]) -> Figures {
        Figures(pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect())
    }

    #[test]
    fn ratios_are_of_rounds_side_by_side() {
        // The host is in another phase in each round: no median of one side says anything, the ratios do.
        let a = [10.0, 20.0, 15.0].map(|value| figures(&[(HEADLINE, value), ("risk p50", 1.0)]));
        let b = [11.0, 22.0, 16.5].map(|value| figures(&[(HEADLINE, value)]));
        let found = log_ratios(&a, &b);
        assert_eq!(found.0.keys().collect::<Vec<_>>(), [HEADLINE]);
        assert!((found.headline().expect("there").exp() - 1.1).abs() < 1e-9);
        assert_eq!(medians(&a).0["risk p50"], 1.0);
    }

    #[test]
    fn percentiles_need_their_samples() {
        let mut found = Figures::default();
        found.add_path("tick_to_order", (1..=99).collect());
        assert_eq!(found.headline(), Some(50.0));
        assert_eq!(found.0.keys().collect::<Vec<_>>(), [HEADLINE, "tick_to_order p90"]);
    }
}
