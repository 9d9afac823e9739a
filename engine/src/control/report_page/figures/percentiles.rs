//! Percentile curves on the axis that HdrHistogram's plots have: each step to the right is another nine.

use hdrhistogram::Histogram;

use super::axis::{self, Curve, Horizontal};
use super::sheet;
use crate::control::report_page::units::{nines, percentile};

const HEIGHT: u32 = 440;

/// Steps in which the distance to 100 % is halved, for the points of a curve.
const TICKS_PER_HALF: u32 = 6;

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
    let marks = std::iter::once(half).chain((1..).map(f64::from)).take_while(|place| *place <= last);
    Curve { name: name.to_owned(), marks: marks.map(marked).collect(), points, series }
}

/// At each percentile the worst of several histograms, each with the values up to which it says nothing; `None` of none.
#[must_use]
pub fn worst(name: &str, of: &[(&Histogram<u64>, u64)]) -> Option<Curve> {
    let samples = of.iter().map(|(histogram, _)| histogram.len()).max().filter(|samples| *samples > 0)?;
    let last = nines(1.0 - 1.0 / samples as f64);
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
    let lines: Vec<f64> = [0.0, nines(0.5)].into_iter().chain(whole).collect();
    let x = Horizontal { from: 0.0, to, lines, name_of: &percentile, title: "percentile" };
    sheet(HEIGHT, |area| axis::curves(area, &curves, &x)).map(Some)
}
