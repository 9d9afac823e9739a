//! Latency against rate: percentiles from the due time, service time beside them, rates at which the generator was late crossed
//! out by what the table says.

use super::axis::{self, Curve, Horizontal};
use super::sheet;
use crate::control::report_page::beside::RateRow;
use crate::control::report_page::units;

const HEIGHT: u32 = 400;

/// What a line shows of each row.
type Figure = fn(&RateRow) -> Option<u64>;

/// The figure; none where no row has a rate and a time. Rows that do not count are left out.
///
/// # Errors
/// The drawing library refuses; the text names what.
pub fn figure(rows: &[RateRow]) -> Result<Option<String>, String> {
    let counting: Vec<&RateRow> =
        rows.iter().filter(|row| row.counts != Some(false) && row.offered_per_s >= 1.0).collect();
    let lines: [(&str, Figure); 6] = [
        ("max", |row| row.max_ns),
        ("p99.9", |row| row.p999_ns),
        ("p99", |row| row.p99_ns),
        ("p50", |row| row.p50_ns),
        ("service p99", |row| row.service_p99_ns),
        ("service p50", |row| row.service_p50_ns),
    ];
    let curves: Vec<Curve> = lines
        .into_iter()
        .enumerate()
        .map(|(series, (name, value))| {
            let points =
                counting.iter().filter_map(|row| Some((row.offered_per_s.log10(), value(row)? as f64)));
            let points: Vec<_> = points.collect();
            Curve { name: name.to_owned(), marks: points.clone(), points, series: Some(series) }
        })
        .filter(|curve| !curve.points.is_empty())
        .collect();
    let places = || curves.iter().flat_map(|curve| &curve.points).map(|point| point.0);
    let (least, most) = (places().fold(f64::INFINITY, f64::min), places().fold(f64::NEG_INFINITY, f64::max));
    if !least.is_finite() {
        return Ok(None);
    }
    let (from, to) = (least.floor(), most.ceil().max(least.floor() + 1.0));
    let parts: &[f64] = if to - from <= 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let lines = (from as i32..to as i32)
        .flat_map(|decade| parts.iter().map(move |part| f64::from(decade) + part.log10()))
        .chain([to])
        .collect();
    let name_of = |place: f64| units::rate(10f64.powf(place));
    let title = "messages a second that were due, log scale";
    let x = Horizontal { from, to, lines, name_of: &name_of, title };
    sheet(HEIGHT, |area| axis::curves(area, &curves, &x)).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(offered_per_s: f64, p50_ns: Option<u64>, counts: Option<bool>) -> RateRow {
        RateRow { offered_per_s, p50_ns, counts, ..RateRow::default() }
    }

    #[test]
    fn rates_that_do_not_count_are_not_drawn() {
        let marks = |rows: &[RateRow]| {
            let figure = figure(rows).expect("drawn");
            // One circle more is beside the name of the only curve.
            figure.map_or(0, |text| text.matches("<circle").count() - 1)
        };
        let good = [row(1e3, Some(400), Some(true)), row(2e3, Some(410), None)];
        assert_eq!(marks(&good), 2);
        let [first, second] = good;
        assert_eq!(marks(&[first.clone(), row(1.5e3, Some(1), Some(false)), second]), 2);
        assert_eq!(marks(&[row(1e3, None, Some(true)), row(0.0, Some(4), Some(true))]), 0);
        assert_eq!(marks(&[first]), 1, "one rate alone is a figure too");
    }
}
