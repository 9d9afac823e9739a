//! What figures with a time axis share: decades of nanoseconds, the frame with its grid, curves with marks, and names at their
//! right ends that do not lie on each other.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::{Area, FONT, LABEL, palette, shortened, text, words};
use crate::control::report_page::units;

/// Least distance of two names at the right, px.
const NAME_DISTANCE: i32 = 17;

/// Characters of a name that have room there, as wide ones as there are.
const NAME_CHARACTERS: usize = 22;

/// Room for the names at the right of the curves, px.
const NAMES_WIDTH: u32 = 210;

/// A curve: places of its x axis and ns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// What is written beside it.
    pub name: String,
    /// Left to right.
    pub points: Vec<(f64, f64)>,
    /// Of these, the ones with a mark.
    pub marks: Vec<(f64, f64)>,
    /// Number of its colour; none for what the machine does by itself.
    pub series: Option<usize>,
}

/// The x axis: from where to where, the places with a line, and how to name them.
pub struct Horizontal<'a> {
    pub from: f64,
    pub to: f64,
    pub lines: Vec<f64>,
    pub name_of: &'a dyn Fn(f64) -> String,
    pub title: &'a str,
}

type Frame<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Lined, Lined>>;

/// A linear axis with lines where they are wanted. (plotters' own `with_key_points` cannot name its lines on an axis of `f64`.)
struct Lined {
    from: f64,
    to: f64,
    lines: Vec<f64>,
}

impl Ranged for Lined {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn range(&self) -> std::ops::Range<f64> {
        self.from..self.to
    }

    fn map(&self, value: &f64, (low, high): (i32, i32)) -> i32 {
        let share = (value - self.from) / (self.to - self.from);
        low + (share * f64::from(high - low)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.lines.clone()
    }
}

/// Logarithm of a time; what is below 1 ns is drawn at 1 ns.
fn log_ns(ns: f64) -> f64 {
    ns.max(1.0).log10()
}

/// Whole decades around all points, and the lines in them; 2 and 5 too where there are few decades.
fn decades(curves: &[Curve]) -> (f64, f64, Vec<f64>) {
    let logs = || curves.iter().flat_map(|curve| &curve.points).map(|point| log_ns(point.1));
    let least = logs().fold(f64::INFINITY, f64::min).floor();
    let most = logs().fold(f64::NEG_INFINITY, f64::max).ceil().max(least + 1.0);
    let within: &[f64] = if most - least <= 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let mut lines: Vec<f64> = (least as i32..most as i32)
        .flat_map(|decade| within.iter().map(move |part| f64::from(decade) + part.log10()))
        .collect();
    lines.push(most);
    (least, most, lines)
}

/// Draws curves over a log axis of time.
pub fn curves(area: &Area<'_>, curves: &[Curve], x: &Horizontal<'_>) -> Result<(), String> {
    let (least, most, lines) = decades(curves);
    let mut frame: Frame<'_, '_> = ChartBuilder::on(area)
        .margin_top(14)
        .margin_left(8)
        .margin_right(NAMES_WIDTH)
        .margin_bottom(6)
        .x_label_area_size(52)
        .y_label_area_size(82)
        .build_cartesian_2d(
            Lined { from: x.from, to: x.to, lines: x.lines.clone() },
            Lined { from: least, to: most, lines },
        )
        .map_err(words)?;
    let label = (FONT, LABEL).into_font().color(&palette::INK);
    frame
        .configure_mesh()
        .bold_line_style(palette::GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(palette::MACHINE)
        .x_label_formatter(&|place| (x.name_of)(*place))
        .y_label_formatter(&|log| units::tick(10f64.powf(*log).round()))
        .label_style(label.clone())
        .axis_desc_style(label)
        .x_desc(x.title)
        .y_desc("time, log scale")
        .draw()
        .map_err(words)?;
    for curve in curves {
        draw(&mut frame, curve)?;
    }
    name(area, &frame, curves)
}

fn draw(frame: &mut Frame<'_, '_>, curve: &Curve) -> Result<(), String> {
    let (colour, is_hollow) = curve.series.map_or((palette::MACHINE, true), palette::of);
    let points = || curve.points.iter().map(|&(x, ns)| (x, log_ns(ns)));
    if curve.series.is_some() {
        frame.draw_series(LineSeries::new(points(), colour.stroke_width(2))).map_err(words)?;
    } else {
        frame.draw_series(DashedLineSeries::new(points(), 6, 4, colour.stroke_width(2))).map_err(words)?;
    }
    let marks = curve.marks.iter().map(|&(x, ns)| (x, log_ns(ns)));
    if is_hollow {
        let style = colour.stroke_width(2);
        frame.draw_series(marks.map(|place| Circle::new(place, 4, style))).map_err(words)?;
    } else {
        frame.draw_series(marks.map(|place| Circle::new(place, 4, colour.filled()))).map_err(words)?;
    }
    Ok(())
}

/// Names in one column, at the height where their curve ends or, where that is taken, as near as there is room.
fn name(area: &Area<'_>, frame: &Frame<'_, '_>, curves: &[Curve]) -> Result<(), String> {
    let plot = frame.plotting_area();
    let (_, vertical) = plot.get_pixel_range();
    let mut ends: Vec<(i32, i32, &Curve)> = Vec::new();
    for curve in curves {
        let Some(&(x, ns)) = curve.points.last() else { continue };
        let (x, y) = plot.map_coordinate(&(x, log_ns(ns)));
        ends.push((x, y, curve));
    }
    ends.sort_by_key(|end| end.1);
    let heights = spread(ends.iter().map(|end| end.1).collect(), vertical.start + 8, vertical.end - 4);
    let left = super::WIDTH as i32 - NAMES_WIDTH as i32 + 8;
    for ((x, y, curve), height) in ends.into_iter().zip(heights) {
        let (colour, is_hollow) = curve.series.map_or((palette::MACHINE, true), palette::of);
        let leader = [(x + 5, y), (left, height), (left + 8, height)];
        area.draw(&PathElement::new(leader, colour.mix(0.55))).map_err(words)?;
        let mark = (left + 14, height);
        let style = if is_hollow { colour.stroke_width(2) } else { colour.filled() };
        area.draw(&Circle::new(mark, 4, style)).map_err(words)?;
        text(area, (left + 24, height), HPos::Left, palette::INK, &shortened(&curve.name, NAME_CHARACTERS))?;
    }
    Ok(())
}

/// Moves sorted heights apart, down first and then up from the lower edge, so that all lie between the edges as long as
/// there is room for them.
fn spread(mut heights: Vec<i32>, top: i32, bottom: i32) -> Vec<i32> {
    let mut free = top;
    for height in &mut heights {
        *height = (*height).max(free);
        free = *height + NAME_DISTANCE;
    }
    let mut free = bottom;
    for height in heights.iter_mut().rev() {
        *height = (*height).min(free);
        free = *height - NAME_DISTANCE;
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_stay_apart_and_between_the_edges(mut heights in prop::collection::vec(-50i32..450, 1..20)) {
            heights.sort_unstable();
            let spread = spread(heights, 0, 400);
            prop_assert!(spread.iter().all(|height| (0..=400).contains(height)), "{spread:?}");
            prop_assert!(spread.windows(2).all(|pair| pair[1] - pair[0] >= NAME_DISTANCE), "{spread:?}");
        }
    }

    #[test]
    fn decades_hold_all_points() {
        let curve = Curve { points: vec![(0.0, 0.0), (1.0, 312.0), (2.0, 4_000.0)], ..Curve::default() };
        let (least, most, lines) = decades(&[curve]);
        assert_eq!((least, most), (0.0, 4.0));
        assert_eq!(lines, [0.0, 1.0, 2.0, 3.0, 4.0]);
        let flat = Curve { points: vec![(0.0, 100.0)], ..Curve::default() };
        assert_eq!(decades(&[flat]).2.len(), 4, "one decade has lines at 1, 2, 5 and 10");
    }
}
