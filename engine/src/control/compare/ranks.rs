//! Rank statistics of log ratios: exact, and with no assumption about the shape of the noise.
//!
//! Two ways to say by how much one side is slower, each with an interval whose coverage is exact for every continuous
//! distribution: [`paired`] for differences of pairs that were measured side by side (Wilcoxon's signed ranks;
//! needs that a pair's difference is as likely to have either sign when nothing differs, which drawing who goes first gives),
//! [`two_samples`] for two heaps of independent runs (Mann and Whitney). The estimates are those of Hodges and Lehmann, which
//! a few wild values do not move. Cold code; allocates.

/// A difference with its interval, both in the unit of what was given (log ratios here).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Hodges and Lehmann's estimate.
    pub estimate: f64,
    /// Lower end; minus infinity where the sample is too small for the wanted rate.
    pub low: f64,
    /// Upper end; infinity where the sample is too small for the wanted rate.
    pub high: f64,
}

/// The shift of paired differences; the interval misses the truth with a probability of at most `miss`, both sides together.
///
/// # Panics
/// Without any difference.
#[must_use]
pub fn paired(differences: &[f64], miss: f64) -> Shift {
    let mut averages = Vec::with_capacity(differences.len() * (differences.len() + 1) / 2);
    for (index, one) in differences.iter().enumerate() {
        averages.extend(differences[..=index].iter().map(|other| (one + other) / 2.0));
    }
    shift(averages, &signed_rank_ways(differences.len()), miss)
}

/// By how much `b` lies above `a`, of two heaps of independent runs.
///
/// # Panics
/// When a side is empty.
#[must_use]
pub fn two_samples(a: &[f64], b: &[f64], miss: f64) -> Shift {
    let differences = b.iter().flat_map(|b| a.iter().map(move |a| b - a)).collect();
    shift(differences, &rank_sum_ways(a.len(), b.len()), miss)
}

/// Median and interval of all pairwise values; `ways[w]` is the probability that the rank statistic is `w`.
fn shift(mut values: Vec<f64>, ways: &[f64], miss: f64) -> Shift {
    values.sort_unstable_by(f64::total_cmp);
    let estimate = median_of_sorted(&values);
    // The interval runs from the k-th smallest to the k-th largest value, and misses when the statistic is below k or as
    // far at the other end.
    let mut below = 0.0;
    let k = ways
        .iter()
        .take_while(|&&way| {
            below += way;
            2.0 * below <= miss
        })
        .count();
    match k.checked_sub(1) {
        Some(at) if at < values.len() => {
            Shift { estimate, low: values[at], high: values[values.len() - 1 - at] }
        }
        _ => Shift { estimate, low: f64::NEG_INFINITY, high: f64::INFINITY },
    }
}

/// The middle of sorted values.
///
/// # Panics
/// Of nothing.
#[must_use]
pub fn median_of_sorted(sorted: &[f64]) -> f64 {
    assert!(!sorted.is_empty(), "the median of nothing");
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// The middle of values in any order.
///
/// # Panics
/// Of nothing.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    median_of_sorted(&values)
}

/// The probability of each sum of positive ranks of `count` differences, from 0 up: every rank is in it or not, by a fair
/// coin.
fn signed_rank_ways(count: usize) -> Vec<f64> {
    let mut ways = vec![0.0; count * (count + 1) / 2 + 1];
    ways[0] = 1.0;
    for rank in 1..=count {
        for sum in (0..ways.len()).rev() {
            let with = if sum >= rank { ways[sum - rank] } else { 0.0 };
            ways[sum] = (ways[sum] + with) / 2.0;
        }
    }
    ways
}

/// The probability of each number of pairs in which the first side is larger, from 0 up, of two heaps that are alike.
fn rank_sum_ways(first: usize, second: usize) -> Vec<f64> {
    // ways[i] of the table for j: i runs of the first side and j of the second; the largest of all belongs to the first
    // side with probability i / (i + j), and then beats all j.
    let most = first * second;
    let mut column: Vec<Vec<f64>> = (0..=first).map(|_| alike(most)).collect();
    for j in 1..=second {
        for i in 1..=first {
            let largest_is_first = i as f64 / (i + j) as f64;
            let next = (0..=most)
                .map(|wins| {
                    let beaten = if wins >= j { column[i - 1][wins - j] } else { 0.0 };
                    largest_is_first * beaten + (1.0 - largest_is_first) * column[i][wins]
                })
                .collect();
            column[i] = next;
        }
    }
    column.swap_remove(first)
}

/// No win for certain.
fn alike(most: usize) -> Vec<f64> {
    let mut ways = vec![0.0; most + 1];
    ways[0] = 1.0;
    ways
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::draws::Draws;

    /// Every assignment of signs, counted.
    fn signed_rank_by_force(count: u32) -> Vec<f64> {
        let mut ways = vec![0.0; (count * (count + 1) / 2) as usize + 1];
        for signs in 0..1_u32 << count {
            let sum: u32 = (1..=count).filter(|rank| signs >> (rank - 1) & 1 == 1).sum();
            ways[sum as usize] += 0.5_f64.powi(count as i32);
        }
        ways
    }

    /// Every way to deal the ranks to the two sides, counted.
    fn rank_sum_by_force(first: u32, second: u32) -> Vec<f64> {
        let mut ways = vec![0.0; (first * second) as usize + 1];
        let deals: Vec<u32> =
            (0..1_u32 << (first + second)).filter(|deal| deal.count_ones() == first).collect();
        for deal in &deals {
            let is_first = |place: &u32| deal >> place & 1 == 1;
            let beaten = |place: u32| (0..place).filter(|lower| !is_first(lower)).count();
            let wins: usize = (0..first + second).filter(is_first).map(beaten).sum();
            ways[wins] += 1.0 / deals.len() as f64;
        }
        ways
    }

    #[test]
    fn probabilities_are_those_of_counting_all_cases() {
        for count in 1..=10 {
            let found = signed_rank_ways(count as usize);
            let counted = signed_rank_by_force(count);
            assert!(found.iter().zip(&counted).all(|(a, b)| (a - b).abs() < 1e-12), "{count}: {found:?}");
        }
        for (first, second) in [(1, 1), (1, 4), (3, 3), (4, 2), (5, 6), (7, 7)] {
            let found = rank_sum_ways(first as usize, second as usize);
            let counted = rank_sum_by_force(first, second);
            assert_eq!(found.len(), counted.len());
            assert!(
                found.iter().zip(&counted).all(|(a, b)| (a - b).abs() < 1e-12),
                "{first}, {second}: {found:?} {counted:?}"
            );
        }
    }

    #[test]
    fn known_intervals() {
        // Six differences: the range is missed with 2 / 64.
        let six = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(paired(&six, 0.04), Shift { estimate: 3.5, low: 1.0, high: 6.0 });
        assert_eq!(paired(&six, 0.03).low, f64::NEG_INFINITY);
        // 2 / C(8, 4) = 0.0286.
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [11.0, 12.0, 13.0, 14.0]);
        assert_eq!(two_samples(&a, &b, 0.03), Shift { estimate: 10.0, low: 7.0, high: 13.0 });
        assert_eq!(two_samples(&a, &b, 0.02).high, f64::INFINITY);
    }

    #[test]
    fn one_wild_value_moves_little() {
        let calm: Vec<f64> = (0..20).map(|i| f64::from(i) / 10.0).collect();
        let mut wild = calm.clone();
        wild[19] = 1e6;
        let (calm, wild) = (paired(&calm, 0.01), paired(&wild, 0.01));
        assert!((calm.estimate - wild.estimate).abs() < 0.1, "{calm:?} {wild:?}");
    }

    /// Both intervals hold the truth as often as they say, whatever the shape of the noise.
    #[test]
    fn coverage_is_as_stated() {
        let mut draws = Draws(7);
        let mut unit = || draws.any() as f64 / u64::MAX as f64;
        // Symmetric with tails as heavy as they come (Cauchy); and, for two heaps, lopsided.
        let (mut missed, mut missed_heaps) = (0, 0);
        let trials = 4_000;
        for _ in 0..trials {
            let pairs: Vec<f64> =
                (0..14).map(|_| 3.0 + (std::f64::consts::PI * (unit() - 0.5)).tan()).collect();
            let found = paired(&pairs, 0.05);
            missed += u32::from(!(found.low..=found.high).contains(&3.0));
            let mut heap = |shift: f64| (0..9).map(|_| shift - unit().ln()).collect::<Vec<f64>>();
            let found = two_samples(&heap(0.0), &heap(2.0), 0.05);
            missed_heaps += u32::from(!(found.low..=found.high).contains(&2.0));
        }
        // At most 5 in 100, and not far fewer: the statistic is discrete, the interval no wider than it has to be.
        for missed in [missed, missed_heaps] {
            let rate = f64::from(missed) / f64::from(trials);
            assert!((0.03..0.06).contains(&rate), "{missed} of {trials} missed");
        }
    }
}
