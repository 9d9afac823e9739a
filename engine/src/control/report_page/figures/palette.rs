//! The few colours of the figures. The series' are Okabe and Ito's, which people with any common colour blindness tell apart; where
//! there are more curves than colours, the second round has hollow marks.

use plotters::style::RGBColor;

/// Background.
pub const PAPER: RGBColor = RGBColor(255, 255, 255);

/// Text.
pub const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);

/// Grid lines.
pub const GRID: RGBColor = RGBColor(0xd8, 0xde, 0xe4);

/// What the machine does by itself.
pub const MACHINE: RGBColor = RGBColor(0x6e, 0x77, 0x81);

/// Curves and bars.
pub const SERIES: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
];

/// The colour of a series, and whether its marks are hollow.
#[must_use]
pub const fn of(series: usize) -> (RGBColor, bool) {
    (SERIES[series % SERIES.len()], (series / SERIES.len()) % 2 == 1)
}

/// As SVG writes a colour: `#0072B2`.
#[must_use]
pub fn code(colour: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}
