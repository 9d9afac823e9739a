//! Scenes: each of the slowest orders as a small capture and a small journal that replay alone to the same order.
//!
//! The run's journal is replayed twice. The first pass (`plan`) finds the inputs before each order and what they touch; the
//! second (`record`) takes the state as the first of them begins, and the inputs themselves. A scene is then a directory with a
//! capture a venue (`capture`: the books as adds, then the messages as they were on the wire) and a journal (`write`) whose
//! header holds the core's memory. `warptick journal replay` of that journal checks every action in it, and so does this
//! before it keeps the scene: what does not replay is not kept, and said.
//!
//! Cold: it runs after the run, and takes its time. It refuses what it cannot rebuild exactly: live runs, captures other than
//! ITCH in files without packets, wide work, stale books, and strategies that do not save their state.

mod capture;
mod plan;
mod record;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use feeds::source::protocol::Protocol;

use super::SlowestFile;
use crate::control::failure::Failure;
use crate::control::inputs::Inputs;
use crate::control::journal_replay;
use crate::control::run_header::RunHeader;
use plan::Planner;
use record::Recorder;

/// Inputs of a scene before the one that led to the order, at most.
pub const INPUTS_BEFORE: usize = 200;

/// Where the scenes of a report are.
pub const SCENES_DIR: &str = "slowest";

/// Makes the scenes of the report in `dir` from the journal that its file names, and says in the file where each is. Gives what came
/// of it in words.
///
/// # Errors
/// A report or journal that cannot be read, a disk that takes no more. What cannot be made a scene of is no error: the file
/// says why.
pub fn keep(dir: &Path) -> Result<String, Failure> {
    let unwritable = |error: std::io::Error| Failure::Input(error.to_string());
    let mut file = SlowestFile::read(dir).map_err(unwritable)?;
    let scenes = dir.join(SCENES_DIR);
    match std::fs::remove_dir_all(&scenes) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::Input(format!("{}: {error}", scenes.display())));
        }
        _ => {}
    }
    file.scenes_note = make(dir, &mut file)?;
    file.write(dir).map_err(unwritable)?;
    let kept = file.orders.iter().filter(|order| order.scene.is_some()).count();
    let missing = file.scenes_note.map_or_else(String::new, |note| format!("; {note}"));
    Ok(format!("{kept} scenes below {}{missing}", scenes.display()))
}

/// Makes them; what is missing of them, in words.
fn make(dir: &Path, file: &mut SlowestFile) -> Result<Option<String>, Failure> {
    let Some(journal) = file.journal.clone() else {
        return Ok(Some("none: the run kept no journal (--journal)".to_owned()));
    };
    let header = RunHeader::read(&journal)?;
    if header.is_live() {
        return Ok(Some("none: the run was live; only those of captures are kept".to_owned()));
    }
    let inputs = header.open_captures()?;
    if let Some(reason) = refusal(&inputs, &header) {
        return Ok(Some(format!("none: {reason}")));
    }
    let wanted = file.orders.iter().map(|order| order.decision).collect();
    let planner = Planner::new(wanted, inputs.venues.len());
    let (replayed, planner) =
        journal_replay::replay_watched(&journal, &header, Some(&inputs), Vec::new(), planner);
    replayed?;
    let plans = planner.finish();
    for order in &mut file.orders {
        order.message = plans.iter().find(|plan| plan.decision == order.decision).map(|plan| plan.message);
    }
    let names = capture::Names::new(&inputs)?;
    let recorder = Recorder::new(plans, &names);
    let (replayed, recorder) =
        journal_replay::replay_watched(&journal, &header, Some(&inputs), Vec::new(), recorder);
    replayed?;
    let (scenes, mut refused) = recorder.finish();
    let parts = capture::VenueParts::read(&inputs, &scenes);
    let mut kept = BTreeMap::new();
    for (at, scene) in scenes.iter().enumerate() {
        let rank =
            file.orders.iter().find(|order| order.decision == scene.plan.decision).map_or(0, |o| o.rank);
        let place = PathBuf::from(SCENES_DIR).join(format!("{rank:03}"));
        match write::write(&dir.join(&place), &header, &inputs, at, scene, &parts) {
            Ok(()) => drop(kept.insert(scene.plan.decision, place)),
            Err(failure) => {
                refused.push(failure.to_string());
                let _ = std::fs::remove_dir_all(dir.join(&place));
            }
        }
    }
    for order in &mut file.orders {
        order.scene = kept.get(&order.decision).cloned();
    }
    let missing = file.orders.iter().filter(|order| order.scene.is_none()).count();
    Ok((missing > 0).then(|| {
        let first = refused.first().map_or("their decisions are not in the journal", String::as_str);
        format!("{missing} of {} orders have none; the first: {first}", file.orders.len())
    }))
}

/// Why no scene can be made of a run's captures.
fn refusal(inputs: &Inputs, header: &RunHeader) -> Option<String> {
    if header.config.wide.is_some() {
        return Some("the run has wide work".to_owned());
    }
    inputs.venues.iter().find_map(|input| {
        let is_plain = input.capture.protocol() == Protocol::Itch && input.capture.is_binary_file();
        (!is_plain).then(|| {
            format!(
                "{} is not ITCH in a file of messages (BinaryFILE); other protocols and packets are not cut",
                input.capture.name()
            )
        })
    })
}
