//! One order path as a waterfall: a row a stage, each bar beginning where the one above it ended.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::{Area, WIDTH, palette, sheet, shortened, text, words};
use crate::control::report_page::facts::{Breakdown, StageTime};
use crate::control::report_page::units;

/// Height of a row, px.
const ROW: i32 = 26;

/// Left edge of the bars: the names are before it.
const LEFT: i32 = 130;

/// Characters of a name that have room there.
const NAME_CHARACTERS: usize = 13;

/// Room for the figures behind the longest bar.
const RIGHT: i32 = 150;

/// Room for the axis.
const FOOT: i32 = 56;

const TOP: i32 = 10;

/// The rows of a path: its stages, then what no stage says.
#[must_use]
pub fn rows(path: &Breakdown) -> Vec<StageTime> {
    let mut rows: Vec<StageTime> = path.stages.iter().filter(|stage| stage.ns > 0).cloned().collect();
    let said: u64 = rows.iter().map(|row| row.ns).sum();
    let rest = path.total_ns.saturating_sub(said);
    // Below a tick of the counter a stage it is rounding.
    if rest > path.stages.len() as u64 {
        rows.push(StageTime { name: "in no stage".to_owned(), ns: rest });
    }
    rows
}

/// The figure; none of a path without stages.
///
/// # Errors
/// The drawing library refuses; the text names what.
pub fn figure(path: &Breakdown) -> Result<Option<String>, String> {
    let rows = rows(path);
    let total: u64 = rows.iter().map(|row| row.ns).sum();
    if total == 0 {
        return Ok(None);
    }
    let bottom = TOP + ROW * rows.len() as i32;
    sheet((bottom + FOOT) as u32, |area| {
        axis(area, total as f64, bottom)?;
        let mut before = 0;
        for (number, row) in rows.iter().enumerate() {
            let top = TOP + ROW * number as i32;
            bar(area, row, before, total, top, number)?;
            before += row.ns;
        }
        Ok(())
    })
    .map(Some)
}

/// Where a time lies.
fn place(ns: f64, total: f64) -> i32 {
    let width = f64::from(WIDTH as i32 - LEFT - RIGHT);
    LEFT + (ns / total * width).round() as i32
}

fn bar(
    area: &Area<'_>,
    row: &StageTime,
    before: u64,
    total: u64,
    top: i32,
    number: usize,
) -> Result<(), String> {
    let (from, to) = (place(before as f64, total as f64), place((before + row.ns) as f64, total as f64));
    let (colour, _) = palette::of(number);
    let corners = [(from, top + 4), (to.max(from + 1), top + ROW - 4)];
    area.draw(&Rectangle::new(corners, colour.filled())).map_err(words)?;
    let middle = top + ROW / 2;
    text(area, (LEFT - 10, middle), HPos::Right, palette::INK, &shortened(&row.name, NAME_CHARACTERS))?;
    let share = 100.0 * row.ns as f64 / total as f64;
    let figures = format!("{}  ({share:.1} %)", units::duration(row.ns as f64));
    text(area, (to + 8, middle), HPos::Left, palette::INK, &figures)
}

fn axis(area: &Area<'_>, total: f64, bottom: i32) -> Result<(), String> {
    let step = step(total);
    let ticks = (0..).map(|n| step * f64::from(n)).take_while(|ns| *ns <= total * 1.000_001);
    for ns in ticks {
        let x = place(ns, total);
        area.draw(&PathElement::new([(x, TOP), (x, bottom)], palette::GRID)).map_err(words)?;
        text(area, (x, bottom + 14), HPos::Center, palette::INK, &units::tick(ns))?;
    }
    text(
        area,
        ((LEFT + WIDTH as i32 - RIGHT) / 2, bottom + 38),
        HPos::Center,
        palette::INK,
        &format!("time since the start of the path; {} in all", units::duration(total)),
    )
}

/// A round step that gives 3 to 8 lines.
fn step(total: f64) -> f64 {
    let decade = 10f64.powf((total / 4.0).log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|part| part * decade).rfind(|step| total / step >= 3.0).unwrap_or(decade)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(total_ns: u64, stages: &[(&str, u64)]) -> Breakdown {
        let stages = stages.iter().map(|(name, ns)| StageTime { name: (*name).to_owned(), ns: *ns });
        Breakdown { total_ns, stages: stages.collect(), ..Breakdown::default() }
    }

    #[test]
    fn what_no_stage_says_has_a_row_of_its_own() {
        let rows = |total| rows(&path(total, &[("decode", 20), ("scan", 0), ("risk", 30)])).len();
        assert_eq!((rows(50), rows(53), rows(90)), (2, 2, 3));
        assert_eq!(figure(&path(0, &[])).expect("no figure is no error"), None);
    }

    #[test]
    fn steps_give_few_lines() {
        for exponent in 0..110 {
            let total = 10f64.powf(f64::from(exponent) / 10.0);
            let lines = total / step(total);
            assert!((3.0..=8.0).contains(&lines), "{lines} lines for {total} ns");
        }
    }
}
