//! The figures, as SVG text: one function a figure, from plain figures in, nothing read, no file written.
//!
//! An SVG stands on its own (light, in fixed colours). In the page the same text lies inline, and `style.css` gives each of
//! these few colours its dark counterpart, so that [`Palette`](palette) and the style sheet go together: a test holds them to it.

pub mod percentiles;
pub mod rates;
pub mod waterfall;

mod axis;
pub mod palette;

pub use axis::Curve;

use plotters::prelude::*;

/// Width of every figure, px of its own coordinates; the page scales it.
pub const WIDTH: u32 = 960;

/// The family that SVG viewers have.
const FONT: &str = "sans-serif";

/// plotters divides the size by 1.24 where it writes it, hence 13.7 px.
const LABEL: f64 = 17.0;

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// Draws on a blank sheet of a height and returns the SVG text.
fn sheet(height: u32, draw: impl FnOnce(&Area<'_>) -> Result<(), String>) -> Result<String, String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        area.fill(&palette::PAPER).map_err(words)?;
        draw(&area)?;
        area.present().map_err(words)?;
    }
    Ok(text)
}

/// Drawing into a string fails only where the library is used wrongly; the text names what.
fn words(error: impl std::fmt::Display) -> String {
    format!("figure: {error}")
}

/// A name that leaves its place to its neighbours, however long it is.
fn shortened(name: &str, characters: usize) -> String {
    if name.chars().count() <= characters {
        return name.to_owned();
    }
    name.chars().take(characters - 1).chain(['\u{2026}']).collect()
}

/// Writes text; `anchor` says which end of it is at the place.
fn text(
    area: &Area<'_>,
    place: (i32, i32),
    anchor: plotters::style::text_anchor::HPos,
    colour: RGBColor,
    what: &str,
) -> Result<(), String> {
    use plotters::style::text_anchor::{Pos, VPos};
    let style = (FONT, LABEL).into_font().color(&colour).pos(Pos::new(anchor, VPos::Center));
    area.draw(&Text::new(what.to_owned(), place, style)).map_err(words)
}
