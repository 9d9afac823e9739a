//! Percentile curves on the axis that HdrHistogram's plots have: each step to the right is another nine.

use hdrhistogram::Histogram;

use super::axis::{self, Curve, Horizontal};
use super::sheet;
use crate::control::report_page::units::{nines, percentile};

const HEIGHT: u32 = 440;

/// Steps in which the distance to 100 % is halved, for the points of a curve.
const TICKS_PER_HALF: u32 = 6;

/// Places that differ by less are one: a thousand samples end at 99.9 %, whatever logarithms make of it.
const SAME_PLACE: f64 = 1e-9;

/// Points of a drawn line in the width of a nine.
const STEPS_A_NINE: f64 = 20.0;

/// The curve of a histogram of ns: it ends at the last percentile that the sample has, with its largest value.
#[must_use]
pub fn curve(name: &str, histogram: &Histogram<u64>, series: Option<usize>) -> Curve {
    if histogram.is_empty() {
        return Curve { name: name.to_owned(), series, ..Curve::default() };
    }
    let last = nines(1.0 - 1.0 / histogram.len() as f64);
    let mut points: Vec<(f64, f64)> = vec![(0.0, histogram.min() as f64)];
    for value in histogram.iter_quantiles(TICKS_PER_HALF) {
        let place = nines(value.quantile_iterated_to());
        if place >= last {
            break;
        }
        points.push((place, value.value_iterated_to() as f64));
    }
    points.push((last, histogram.max() as f64));
    let marked = |place: f64| (place, histogram.value_at_quantile(1.0 - 10f64.powf(-place)) as f64);
    let half = nines(0.5);
    let marks =
        std::iter::once(half).chain((1..).map(f64::from)).take_while(|place| *place <= last + SAME_PLACE);
    Curve { name: name.to_owned(), marks: marks.map(marked).collect(), points, series }
}

/// At each percentile the worst of several histograms, each with the values up to which it says nothing; `None` of none. It goes
/// no further than `nines_max`.
#[must_use]
pub fn worst(name: &str, of: &[(&Histogram<u64>, u64)], nines_max: f64) -> Option<Curve> {
    let samples = of.iter().map(|(histogram, _)| histogram.len()).max().filter(|samples| *samples > 0)?;
    let last = nines(1.0 - 1.0 / samples as f64).min(nines_max);
    let at = |place: f64| {
        let quantile = 1.0 - 10f64.powf(-place);
        let values = of.iter().map(|(histogram, idle)| (histogram.value_at_quantile(quantile), *idle));
        values.map(|(ns, idle)| if ns <= idle { 0 } else { ns }).max().unwrap_or(0) as f64
    };
    let places = (0..).map(|step| f64::from(step) / STEPS_A_NINE).take_while(|place| *place < last);
    let points = places.chain([last]).map(|place| (place, at(place))).collect();
    Some(Curve { name: name.to_owned(), points, ..Curve::default() })
}

/// The figure of some curves; none where none has a point.
///
/// # Errors
/// The drawing library refuses; the text names what.
pub fn figure(curves: &[Curve]) -> Result<Option<String>, String> {
    let curves: Vec<Curve> = curves.iter().filter(|curve| !curve.points.is_empty()).cloned().collect();
    if curves.is_empty() {
        return Ok(None);
    }
    let ends = curves.iter().filter_map(|curve| curve.points.last()).map(|point| point.0);
    let to = ends.fold(1.0, f64::max);
    let whole = (1..=to.floor() as i32).map(f64::from);
    // On a long axis the names of 0 % and 50 % would meet.
    let first = if to > 4.3 { None } else { Some(0.0) };
    let lines: Vec<f64> = first.into_iter().chain([nines(0.5)]).chain(whole).collect();
    let x = Horizontal { from: 0.0, to, lines, name_of: &percentile, title: "percentile" };
    sheet(HEIGHT, |area| axis::curves(area, &curves, &x)).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: impl Iterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("bounds");
        values.for_each(|ns| histogram.saturating_record(ns));
        histogram
    }

    #[test]
    fn a_curve_ends_with_its_largest_value_where_its_sample_ends() {
        let curve = curve("risk", &histogram(1..=1_000), Some(0));
        assert_eq!(curve.points.first(), Some(&(0.0, 1.0)));
        let (place, ns) = *curve.points.last().expect("points");
        assert!((place - 3.0).abs() < 1e-9 && ns == 1_000.0, "{place} {ns}");
        assert!(curve.points.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1));
        // 50, 90, 99 and 99.9 % of 1 to 1000.
        let marks: Vec<f64> = curve.marks.iter().map(|mark| mark.1).collect();
        assert_eq!(marks, [500.0, 900.0, 990.0, 999.0]);
        assert!(super::curve("send", &histogram(std::iter::empty()), None).points.is_empty());
    }

    #[test]
    fn the_worst_of_two_is_the_larger_at_each_percentile_and_idle_turns_are_none() {
        let steady = histogram(std::iter::repeat_n(50, 10_000));
        let tailed = histogram((0..10_000).map(|n| if n < 9_950 { 20 } else { 70_000 }));
        let waiting = histogram(std::iter::repeat_n(900, 10_000));
        let worst = worst("machine", &[(&steady, 0), (&tailed, 0), (&waiting, 1_000)], 9.0).expect("samples");
        let below = worst.points.iter().filter(|point| point.0 < 2.2);
        assert!(below.clone().count() > 40 && below.clone().all(|point| point.1 == 50.0));
        assert!(worst.points.last().is_some_and(|point| (point.1 - 70_000.0).abs() < 100.0));
        assert_eq!(super::worst("machine", &[], 9.0), None);
    }

    #[test]
    fn a_figure_has_a_line_a_curve_and_none_without_curves() {
        let curves = [1u64, 10, 100].map(|times| {
            curve(
                &format!("stage {times}"),
                &histogram((1..2_000).map(|ns| ns * times)),
                Some(times as usize),
            )
        });
        let figure = figure(&curves).expect("drawn").expect("curves");
        for curve in &curves {
            assert!(figure.contains(&curve.name), "{}", curve.name);
        }
        // A curve has more points than any line of frame, grid and names.
        let lines = figure.lines().filter(|line| line.starts_with("<polyline") && line.len() > 400).count();
        assert_eq!(lines, 3);
        assert_eq!(super::figure(&[Curve::default()]), Ok(None));
    }
}
