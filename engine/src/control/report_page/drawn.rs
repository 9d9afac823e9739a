//! All figures of a page: drawn once, written as files and put inline.

use std::fs;
use std::io;
use std::path::Path;

use hdrhistogram::Histogram;

use super::facts::Facts;
use super::figures::Curve;
use super::figures::{percentiles, rates, waterfall};
use super::{Rendered, write};
use crate::control::hiccups::Phase;
use crate::control::histograms::read_log;
use crate::pipeline::pacer::LATE_NS;

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
        let hiccups = hiccups(dir, facts)?;
        let mut paths = stage_curves(dir, rendered, true)?;
        let ends = paths.iter().filter_map(|curve| curve.points.last()).map(|end| end.0);
        let judged: Vec<_> = hiccups.iter().map(Hiccups::judged).collect();
        let machine = percentiles::worst("machine, worst core", &judged, ends.fold(1.0, f64::max));
        if !paths.is_empty() {
            paths.extend(machine);
        }
        let cores: Vec<Curve> = hiccups
            .iter()
            .enumerate()
            .map(|(n, core)| percentiles::curve(&core.name, &core.histogram, Some(n)))
            .collect();
        let mut drawn = Self::default();
        drawn.add(FILES[0], percentiles::figure(&paths))?;
        drawn.add(FILES[1], percentiles::figure(&stage_curves(dir, rendered, false)?))?;
        drawn.add(FILES[2], percentiles::figure(&cores))?;
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

/// A histogram of what the machine took from a core.
struct Hiccups {
    name: String,
    histogram: Histogram<u64>,
    /// An ordinary turn of a waiting loop is the engine's, not the machine's.
    ours_up_to_ns: u64,
}

impl Hiccups {
    fn judged(&self) -> (&Histogram<u64>, u64) {
        (&self.histogram, self.ours_up_to_ns)
    }
}

/// Reads the logs that `hiccups::Surroundings` writes: of each core before and after the run together, and of the waiting of the
/// thread that handed messages over.
fn hiccups(dir: &Path, facts: &Facts) -> io::Result<Vec<Hiccups>> {
    let rows = facts.machine_time().map_or(&[][..], |time| &time.hiccups);
    let mut found: Vec<Hiccups> = Vec::new();
    for row in rows {
        let (file, when, ours_up_to_ns) = match row.phase {
            Phase::During => ("waiting", "waiting", LATE_NS),
            Phase::Before | Phase::After => ("hiccup", "spinning", 0),
        };
        let name = format!("core {}, {when}", row.core);
        let path = dir.join(format!("{file}_core{}.hlog", row.core));
        if path.exists() && found.iter().all(|core| core.name != name) {
            found.push(Hiccups { name, histogram: read_log(&path)?, ours_up_to_ns });
        }
    }
    Ok(found)
}
