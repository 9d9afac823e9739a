//! Which rates are tried, and the last one with which the engine keeps up.

/// The lowest rate that is tried first, messages a second.
const START_PER_S: f64 = 10_000.0;

/// No rate below is tried, nor above.
const RATES_PER_S: std::ops::RangeInclusive<f64> = 100.0..=100_000_000.0;

/// Rates tried between the last that was kept up with and the first that was not: each halves the distance of their
/// logarithms, so that the knee is known within a tenth.
const REFINEMENTS: usize = 3;

/// Tries rates: doubling until the engine no longer keeps up, then between. `measure` says of a rate whether it does;
/// `None` when it could not tell, which is passed over.
///
/// # Errors
/// What `measure` gives.
pub fn search<E>(mut measure: impl FnMut(f64) -> Result<Option<bool>, E>) -> Result<(), E> {
    let (mut kept, mut failed) = (None, None);
    let mut rate = START_PER_S;
    while failed.is_none() && RATES_PER_S.contains(&rate) {
        match measure(rate)? {
            Some(true) => kept = Some(rate),
            Some(false) => failed = Some(rate),
            None => {}
        }
        rate *= 2.0;
    }
    rate = START_PER_S / 2.0;
    while let (None, Some(_)) = (kept, failed) {
        if !RATES_PER_S.contains(&rate) {
            break;
        }
        match measure(rate)? {
            Some(true) => kept = Some(rate),
            Some(false) => failed = Some(rate),
            None => {}
        }
        rate /= 2.0;
    }
    for _ in 0..REFINEMENTS {
        let (Some(low), Some(high)) = (kept, failed) else { break };
        let between = round((low * high).sqrt());
        match measure(between)? {
            Some(true) => kept = Some(between),
            Some(false) => failed = Some(between),
            None => break,
        }
    }
    Ok(())
}

/// To two significant digits.
fn round(rate: f64) -> f64 {
    let unit = 10f64.powf(rate.log10().floor() - 1.0);
    (rate / unit).round() * unit
}

/// The highest rate that the engine kept up with, of which no lower one failed. `rates` in ascending order.
#[must_use]
pub fn knee(rates: impl IntoIterator<Item = (f64, Option<bool>)>) -> Option<f64> {
    let judged = rates.into_iter().filter_map(|(rate, keeps_up)| Some((rate, keeps_up?)));
    judged.take_while(|judged| judged.1).map(|judged| judged.0).last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tried(capacity: f64) -> Vec<(f64, Option<bool>)> {
        let mut tried = Vec::new();
        let outcome: Result<(), ()> = search(|rate| {
            tried.push((rate, Some(rate <= capacity)));
            Ok(Some(rate <= capacity))
        });
        outcome.expect("nothing fails");
        tried.sort_by(|a, b| a.0.total_cmp(&b.0));
        tried
    }

    proptest! {
        #[test]
        fn the_knee_of_a_known_capacity_is_found_within_a_tenth(capacity in 200.0f64..40_000_000.0) {
            let tried = tried(capacity);
            let found = knee(tried.iter().copied()).expect("a knee");
            prop_assert!(found <= capacity && found * 1.15 >= capacity, "{found} of {capacity}: {tried:?}");
            prop_assert!(tried.len() <= 20);
        }
    }

    #[test]
    fn an_engine_that_keeps_up_with_nothing_has_no_knee_and_one_without_bounds_ends() {
        assert_eq!(knee(tried(1.0)), None);
        assert!(tried(1e12).len() < 20);
        let mut tries = 0;
        let cannot_tell: Result<(), ()> = search(|_| {
            tries += 1;
            Ok(None)
        });
        assert!(cannot_tell.is_ok() && tries < 40);
    }

    #[test]
    fn a_rate_that_does_not_count_says_nothing_about_the_knee() {
        let rates =
            [(1.0, Some(true)), (2.0, None), (4.0, Some(true)), (8.0, Some(false)), (16.0, Some(true))];
        assert_eq!(knee(rates), Some(4.0));
        assert_eq!(knee([(1.0, None)]), None);
    }
}
