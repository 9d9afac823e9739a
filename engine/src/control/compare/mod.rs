//! `warptick compare`: whether B is slower than A, with a stated rate of false alarms.
//!
//! Two binaries are run in turns on this host ([`binaries`]), each as a process that replays a session whenever it is asked to
//! ([`rounds`], [`served`]); or summaries of runs that were made already are read ([`summaries`]). Either way there are log ratios
//! of one figure ([`figures::HEADLINE`]), an exact interval for their middle ([`ranks`]), and a verdict ([`judge`]) that
//! [`report`] puts into words. Cold code throughout, but for what [`rounds`] replays.

pub mod binaries;
pub mod figures;
pub mod judge;
pub mod ranks;
pub mod report;
pub mod rounds;
pub mod served;
pub mod summaries;

#[cfg(test)]
mod noise_tests;

use std::io::Read;
use std::path::Path;

use self::binaries::{Rivals, Way};
use self::report::Comparison;
use crate::control::failure::Failure;

/// Compares two binaries.
///
/// # Errors
/// See [`binaries::compare`].
pub fn of_binaries(rivals: &Rivals) -> Result<Comparison, Failure> {
    let (measured, verdict, shift) = binaries::compare(rivals)?;
    let plan = &rivals.plan;
    let shift_of = |name: &str| {
        let ratios = measured.log_ratios.get(name).filter(|ratios| ratios.len() == measured.pairs)?;
        Some(ranks::paired(ratios, plan.miss_of_a_look()))
    };
    let how = match &rivals.way {
        Way::Path { rounds, .. } => format!("{rounds} rounds each in turns on one core"),
        Way::Replay { .. } => "a run each".to_owned(),
    };
    let method = format!(
        "{} pairs of processes, {how}, order drawn with seed {}; {} (signed ranks, {} of {} looks)",
        measured.pairs,
        rivals.seed,
        measured.session,
        plan.looks.iter().filter(|&&look| look <= measured.pairs).count(),
        plan.looks.len()
    );
    Ok(Comparison::new(
        [(rivals.a.display().to_string(), &measured.a), (rivals.b.display().to_string(), &measured.b)],
        method,
        "whatever the noise: pairs are measured beside each other, and who is first is drawn",
        measured.pairs,
        plan,
        (verdict, shift),
        shift_of,
    ))
}

/// Whether a file is a program and not a summary: it begins as an ELF file or a script does.
///
/// # Errors
/// It cannot be read.
pub fn is_program(path: &Path) -> Result<bool, Failure> {
    if path.is_dir() {
        return Ok(false);
    }
    let failed = |error: std::io::Error| Failure::Input(format!("{}: {error}", path.display()));
    let mut start = Vec::new();
    std::fs::File::open(path).map_err(failed)?.take(4).read_to_end(&mut start).map_err(failed)?;
    Ok(start == *b"\x7fELF" || start.starts_with(b"#!"))
}
