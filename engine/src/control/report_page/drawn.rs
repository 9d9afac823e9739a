//! All figures of a page: drawn once, written as files and put inline.

use std::fs;
use std::io;
use std::path::Path;

use super::figures::Curve;
use super::figures::{percentiles, rates, waterfall};
use super::{Rendered, write};
use crate::control::histograms::read_log;

/// The files that a page may have, so that those of an earlier one go.
const FILES: [&str; 6] = [
    "percentiles_paths.svg",
    "percentiles_stages.svg",
    "percentiles_hiccups.svg",
    "latency_against_rate.svg",
    "waterfall_median.svg",
    "waterfall_slowest.svg",
];

/// The figures by the name of their file.
#[derive(Clone, Debug, Default)]
pub struct Drawn(Vec<(&'static str, String)>);

impl Drawn {
    /// Draws what there is data for.
    ///
    /// # Errors
    /// An `.hlog` file is damaged.
    pub fn of(dir: &Path, rendered: &Rendered) -> io::Result<Self> {
        let facts = &rendered.facts;
        let hiccups = hiccup_curves(dir, rendered)?;
        let mut paths = stage_curves(dir, rendered, true)?;
        // The machine's line in the figure of the paths: what lies below it is the machine's.
        paths.extend(hiccups.iter().cloned().map(|curve| Curve { series: None, ..curve }));
        let mut drawn = Self::default();
        drawn.add(FILES[0], percentiles::figure(&paths))?;
        drawn.add(FILES[1], percentiles::figure(&stage_curves(dir, rendered, false)?))?;
        drawn.add(FILES[2], percentiles::figure(&hiccups))?;
        drawn.add(FILES[3], rates::figure(&rendered.beside.rates))?;
        for (file, name) in [(FILES[4], "median"), (FILES[5], "slowest")] {
            if let Some(path) = facts.breakdowns.iter().find(|path| path.name == name) {
                drawn.add(file, waterfall::figure(path))?;
            }
        }
        Ok(drawn)
    }

    fn add(&mut self, file: &'static str, figure: Result<Option<String>, String>) -> io::Result<()> {
        self.0.extend(figure.map_err(io::Error::other)?.map(|text| (file, text)));
        Ok(())
    }

    /// The SVG text of a figure; none where there was no data.
    #[must_use]
    pub fn figure(&self, file: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == file).map(|(_, text)| text.as_str())
    }

    /// Writes the figures, and removes those that an earlier page had and this one has not.
    ///
    /// # Errors
    /// A file cannot be written or removed; the message names it.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        for file in FILES {
            let path = dir.join(file);
            match (self.figure(file), fs::remove_file(&path)) {
                (Some(text), _) => write(&path, text.as_bytes())?,
                (None, Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                    let what = format!("{}: cannot remove: {error}", path.display());
                    return Err(io::Error::new(error.kind(), what));
                }
                (None, _) => {}
            }
        }
        Ok(())
    }
}

fn stage_curves(dir: &Path, rendered: &Rendered, is_path: bool) -> io::Result<Vec<Curve>> {
    let stages = rendered.facts.stages.iter().filter(|stage| stage.is_path == is_path);
    let mut curves = Vec::new();
    for (series, stage) in stages.enumerate() {
        let path = dir.join(format!("{}.hlog", stage.name));
        if stage.distribution.count > 0 && path.exists() {
            curves.push(percentiles::curve(&stage.name, &read_log(&path)?, Some(series)));
        }
    }
    Ok(curves)
}

fn hiccup_curves(dir: &Path, rendered: &Rendered) -> io::Result<Vec<Curve>> {
    let mut curves = Vec::new();
    for (series, hiccup) in rendered.facts.hiccups.iter().enumerate() {
        let path = dir.join(&hiccup.log);
        if !hiccup.log.is_empty() && path.exists() {
            let name = format!("machine, core {} {}", hiccup.core, hiccup.phase);
            curves.push(percentiles::curve(&name, &read_log(&path)?, Some(series)));
        }
    }
    Ok(curves)
}
