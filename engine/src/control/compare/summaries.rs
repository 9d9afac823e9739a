//! Runs that were made already, by their `--summary` files.
//!
//! First of all they must be comparable: the same orders on the same machine, in the same way; else it is said what differs.
//!
//! Several runs a side are two heaps of independent medians. One run a side says nothing of how runs differ among
//! themselves; what it has are the stretches of its own course ([`Blocks`]), which are the same orders in both runs. Neighbouring
//! stretches resemble each other, so that a few of them together count as one; where even those follow each other,
//! the answer is that nobody can tell. And the host must have been in the same phase in both runs: no arithmetic on two runs
//! can know that, so it is said beside the verdict.

use std::path::{Path, PathBuf};

use super::figures::{Figures, HEADLINE, medians};
use super::judge::{Plan, Verdict};
use super::ranks::{self, Shift};
use super::report::Comparison;
use crate::control::failure::Failure;
use crate::control::path_blocks::Blocks;
use crate::control::summary::Summary;

/// Stretches of a run that count as one, so many of these at most.
const STRETCHES: usize = 16;

/// Correlation of neighbours above which stretches do not count as independent.
const CORRELATION_MAX: f64 = 0.5;

const ASSUMES_RUNS: &str =
    "provided that the runs of both sides were made in no order that the host's phases could follow";
const ASSUMES_ONE_RUN: &str = "provided that the host was in the same phase in both runs: single runs cannot tell a slow host \
     from a slow build (run the binaries in turns, or give several runs a side)";

/// One side: its name and its runs.
pub struct Side {
    /// As given.
    pub name: String,
    /// Runs with their files.
    pub runs: Vec<(PathBuf, Summary)>,
}

impl Side {
    /// Reads summaries; of a directory, all of its `.json` files.
    ///
    /// # Errors
    /// A file that is no summary, a directory without any.
    pub fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut runs = Vec::new();
        for path in paths {
            for file in files(path)? {
                let summary = Summary::read(&file).map_err(|error| Failure::Input(error.to_string()))?;
                runs.push((file, summary));
            }
        }
        let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        Ok(Self { name: names.join(" "), runs })
    }

    fn figures(&self) -> Vec<Figures> {
        self.runs.iter().map(|(_, summary)| Figures::of_summary(summary)).collect()
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |what: String| Failure::Input(format!("{}: {what}", path.display()));
    let entries = std::fs::read_dir(path).map_err(|error| failed(error.to_string()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|file| file.extension().is_some_and(|extension| extension == "json"))
        .collect();
    found.sort();
    if found.is_empty() {
        return Err(failed("no .json file in it: give the files that --summary wrote".to_owned()));
    }
    Ok(found)
}

/// Compares.
///
/// # Errors
/// Runs that are not comparable, unless forced; runs without orders.
pub fn compare(a: &Side, b: &Side, plan: &Plan, force: bool) -> Result<Comparison, Failure> {
    let differences = differences(a, b);
    if !differences.is_empty() && !force {
        return Err(Failure::Input(format!(
            "not comparable: {}; --force compares all the same",
            differences.join("; ")
        )));
    }
    let mut found = match (&a.runs[..], &b.runs[..]) {
        ([(_, one)], [(_, other)]) => by_stretches([a, b], &one.blocks, &other.blocks, plan)?,
        _ => by_runs(a, b, plan)?,
    };
    found.notes.extend(differences.into_iter().map(|what| format!("not the same: {what}")));
    Ok(found)
}

fn by_runs(a: &Side, b: &Side, plan: &Plan) -> Result<Comparison, Failure> {
    let (of_a, of_b) = (a.figures(), b.figures());
    let logs = |runs: &[Figures], name: &str| -> Option<Vec<f64>> {
        runs.iter().map(|run| run.0.get(name).map(|ns| ns.ln())).collect()
    };
    let shift_of = |name: &str| {
        let (a, b) = (logs(&of_a, name)?, logs(&of_b, name)?);
        Some(ranks::two_samples(&a, &b, plan.false_alarm))
    };
    let shift = shift_of(HEADLINE).ok_or_else(|| no_headline(a, b))?;
    let method = format!(
        "{} runs of A and {} of B, each counted by its {HEADLINE} (Mann and Whitney)",
        of_a.len(),
        of_b.len()
    );
    let mut found = Comparison::new(
        [(a.name.clone(), &medians(&of_a)), (b.name.clone(), &medians(&of_b))],
        method,
        ASSUMES_RUNS,
        of_a.len().min(of_b.len()),
        plan,
        (Verdict::of(&shift, plan), shift),
        shift_of,
    );
    if !shift.low.is_finite() {
        found.notes.push(format!(
            "{} and {} runs are too few for any interval at this rate: seven a side are enough for 1 in 1,000",
            of_a.len(),
            of_b.len()
        ));
    }
    Ok(found)
}

fn by_stretches(sides: [&Side; 2], a: &Blocks, b: &Blocks, plan: &Plan) -> Result<Comparison, Failure> {
    let [side_a, side_b] = sides;
    let (figures_a, figures_b) = (medians(&side_a.figures()), medians(&side_b.figures()));
    if figures_a.headline().is_none() || figures_b.headline().is_none() {
        return Err(no_headline(side_a, side_b));
    }
    let stretches = log_ratios_of_stretches(a, b);
    let correlation = correlation_of_neighbours(&stretches);
    let is_independent = correlation.is_some_and(|correlation| correlation <= CORRELATION_MAX);
    let shift = if stretches.is_empty() || !is_independent {
        let estimate = figures_b.headline().unwrap_or(1.0).ln() - figures_a.headline().unwrap_or(1.0).ln();
        Shift { estimate, low: f64::NEG_INFINITY, high: f64::INFINITY }
    } else {
        wider(&ranks::paired(&stretches, plan.false_alarm), correlation.unwrap_or(0.0))
    };
    let method = format!(
        "one run each, {} stretches of the same orders, each counted by its median (signed ranks)",
        stretches.len()
    );
    // Only the headline has stretches: what the other figures' ratios are worth, one run cannot say.
    let alone = |name: &str| {
        let (a, b) = (figures_a.0.get(name)?, figures_b.0.get(name)?);
        Some(Shift { estimate: (b / a).ln(), low: f64::NEG_INFINITY, high: f64::INFINITY })
    };
    let mut found = Comparison::new(
        [(side_a.name.clone(), &figures_a), (side_b.name.clone(), &figures_b)],
        method,
        ASSUMES_ONE_RUN,
        stretches.len(),
        plan,
        (Verdict::of(&shift, plan), shift),
        alone,
    );
    found.notes.extend(match correlation {
        _ if stretches.is_empty() => Some("the runs have no common stretches: too few orders".to_owned()),
        Some(correlation) if correlation > CORRELATION_MAX => Some(format!(
            "neighbouring stretches follow each other (correlation {correlation:.2}): a phase of the host, or \
             a difference in one part of the day"
        )),
        _ => None,
    });
    Ok(found)
}

/// The interval for values whose neighbours resemble each other that much: of such, fewer count as one each.
fn wider(shift: &Shift, correlation: f64) -> Shift {
    let resemblance = correlation.clamp(0.0, 0.99);
    let by = ((1.0 + resemblance) / (1.0 - resemblance)).sqrt();
    let away = |end: f64| shift.estimate + (end - shift.estimate) * by;
    Shift { estimate: shift.estimate, low: away(shift.low), high: away(shift.high) }
}

/// The log ratios of the common stretches, neighbours taken together so that [`STRETCHES`] are left or a few more.
fn log_ratios_of_stretches(a: &Blocks, b: &Blocks) -> Vec<f64> {
    if a.paths_per_block != b.paths_per_block || a.p50_ns.len() != b.p50_ns.len() {
        return Vec::new();
    }
    let both = a.p50_ns.iter().zip(&b.p50_ns).filter(|(a, b)| **a > 0.0 && **b > 0.0);
    let ratios: Vec<f64> = both.map(|(a, b)| (b / a).ln()).collect();
    let together = (ratios.len() / STRETCHES).max(1);
    ratios.chunks_exact(together).map(|few| few.iter().sum::<f64>() / few.len() as f64).collect()
}

/// How much neighbours resemble each other, about -1 to 1; `None` of fewer than three values, 0 of equal ones. What a short
/// series shows is too small by (1 + 4 r) / n on average, which is made good.
fn correlation_of_neighbours(values: &[f64]) -> Option<f64> {
    if values.len() < 3 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let spread: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let together: f64 = values.windows(2).map(|two| (two[0] - mean) * (two[1] - mean)).sum();
    // Ratios that differ by less than a part in 10^9 differ by rounding only.
    if spread <= values.len() as f64 * 1e-18 {
        return Some(0.0);
    }
    let shown = together / spread;
    Some(shown + (1.0 + 4.0 * shown) / values.len() as f64)
}

fn no_headline(a: &Side, b: &Side) -> Failure {
    Failure::Input(format!("{} and {}: a run has no {HEADLINE}: it sent too few orders", a.name, b.name))
}

/// What is not the same in all runs, each once; the first run of A is what they are held against.
fn differences(a: &Side, b: &Side) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let Some((first_file, first)) = a.runs.first() else { return found };
    for (file, run) in a.runs.iter().chain(&b.runs).skip(1) {
        for (what, one, other) in unlike(first, run) {
            let said =
                format!("{what} is {one} in {} and {other} in {}", first_file.display(), file.display());
            if !found.iter().any(|known| known.starts_with(what)) {
                found.push(said);
            }
        }
    }
    found
}

fn unlike(one: &Summary, other: &Summary) -> Vec<(&'static str, String, String)> {
    let durability = |summary: &Summary| {
        summary.journal.as_ref().map_or_else(|| "none".to_owned(), |journal| journal.durability.clone())
    };
    let all = [
        ("the number of messages", one.messages.to_string(), other.messages.to_string()),
        ("the order digest", one.order_stream_sha256.clone(), other.order_stream_sha256.clone()),
        ("the topology", one.topology.clone(), other.topology.clone()),
        ("the backend", one.backend.clone(), other.backend.clone()),
        ("the pace", one.pace.clone(), other.pace.clone()),
        ("the stamps", one.stamps.clone(), other.stamps.clone()),
        ("the journal", durability(one), durability(other)),
        ("the CPU", one.machine.cpu.clone(), other.machine.cpu.clone()),
        ("the number of CPUs", one.machine.cpus_online.to_string(), other.machine.cpus_online.to_string()),
        ("the isolated CPUs", one.machine.cpus_isolated.clone(), other.machine.cpus_isolated.clone()),
        ("the kernel", one.machine.kernel.clone(), other.machine.kernel.clone()),
        ("the clock source", one.machine.clock_source.clone(), other.machine.clock_source.clone()),
        (
            "the frequency governor",
            one.machine.frequency_governor.clone(),
            other.machine.frequency_governor.clone(),
        ),
    ];
    all.into_iter().filter(|(_, one, other)| one != other).collect()
}

#[cfg(test)]
#[path = "summaries_tests.rs"]
mod tests;
