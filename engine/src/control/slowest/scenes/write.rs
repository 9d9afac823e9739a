//! One scene on disk: `VENUE.itch` for each venue and `journal/`, small and complete. It is replayed before it is kept.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::capture::VenueParts;
use super::record::{Scene, SceneInput, Step};
use crate::control::digest::{OrderDigest, hex};
use crate::control::failure::Failure;
use crate::control::inputs::{CaptureArgument, Inputs};
use crate::control::journal::{
    self, AppendError, Durability, JournalOptions, JournalThread, RunRecorder, Timer,
};
use crate::control::journal_replay;
use crate::control::run_header::{CaptureHeader, RunHeader, SceneHeader};
use crate::control::startup;

/// A record of a journal at most, in bytes.
const RECORD_BYTES: u64 = 512;

/// Writes scene number `at` of `parts` into `dir` and replays it.
///
/// # Errors
/// A disk that takes no more, and a scene that does not replay to what the run did.
pub(super) fn write(
    dir: &Path,
    header: &RunHeader,
    inputs: &Inputs,
    at: usize,
    scene: &Scene,
    parts: &VenueParts<'_>,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Input(format!("{}: {error}", dir.display()));
    std::fs::create_dir_all(dir).map_err(failed)?;
    let mut captures = Vec::new();
    for (venue, of_run) in header.captures.iter().enumerate() {
        let bytes = parts.capture_of(venue, at, scene, inputs);
        let name = format!("{}.itch", of_run.venue);
        std::fs::write(dir.join(&name), &bytes).map_err(failed)?;
        captures.push(CaptureHeader {
            path: PathBuf::from("..").join(name),
            venue: of_run.venue.clone(),
            bytes: bytes.len() as u64,
            sha256: hex(&Sha256::digest(&bytes).into()),
        });
    }
    let (events, book_hash) = books_at_end(dir, header)?;
    let own = scene.steps.iter().filter(|step| matches!(step.input, SceneInput::Market(_))).count() as u64;
    let unreadable = |error: serde_json::Error| Failure::Input(format!("{}: {error}", dir.display()));
    let scene_header = SceneHeader {
        preloaded: events.saturating_sub(own),
        memory: serde_json::to_string(&scene.memory).map_err(unreadable)?,
    };
    let header = RunHeader {
        version: header.version.clone(),
        captures,
        resumes: None,
        scene: Some(scene_header),
        config: header.config.clone(),
    };
    let journal = dir.join("journal");
    write_journal(&journal, &header, scene, book_hash)?;
    let outcome = journal_replay::replay(&journal)?;
    if outcome.is_reproduced() {
        Ok(())
    } else {
        Err(Failure::Check("its books or orders differ at the end".to_owned()))
    }
}

/// Market events in the scene's captures, and the hash of the books that they make.
fn books_at_end(dir: &Path, header: &RunHeader) -> Result<(u64, u64), Failure> {
    let arguments: Vec<_> = header
        .captures
        .iter()
        .map(|capture| CaptureArgument {
            path: dir.join(format!("{}.itch", capture.venue)),
            venue: Some(capture.venue.clone()),
        })
        .collect();
    let inputs = Inputs::open_for(&header.config, &arguments, header.config.date.as_deref())?;
    let mut core = startup::decision_core(&inputs, &header.config, Vec::new())?;
    let mut ingest = inputs.ingest(header.config.latency.line_ns)?;
    let mut events = 0;
    while let Some(event) = ingest.next_event()? {
        events += 1;
        core.preload(&event).map_err(|error| inputs.book_failure(error, event.venue, event.sequence))?;
    }
    Ok((events, core.book_hash()))
}

fn write_journal(dir: &Path, header: &RunHeader, scene: &Scene, book_hash: u64) -> Result<(), Failure> {
    let failed = |what: String| Failure::Input(format!("{}: {what}", dir.display()));
    let text = toml::to_string(header).map_err(|error| failed(error.to_string()))?;
    let carried = &scene.carried;
    let taken_over = carried.orders.len() + carried.accounts.len() + carried.holdings.len();
    let taken_over = taken_over + carried.fills.len() + carried.worths.len() + carried.standing().count();
    let actions: usize = scene.steps.iter().map(|step| step.actions.len()).sum();
    let records = (taken_over + actions + 2 * scene.steps.len() + 16) as u64;
    let options = JournalOptions {
        segment_bytes: (records * RECORD_BYTES).next_multiple_of(4_096),
        segments_ahead: 1,
        durability: Durability::Process,
        ..JournalOptions::default()
    };
    let (keeper, writers) = journal::create(dir, &[JournalThread::Decide], options, text.as_bytes())
        .map_err(|error| failed(error.to_string()))?;
    for writer in writers {
        record(RunRecorder::new(writer), scene, book_hash).map_err(|error| failed(format!("{error:?}")))?;
    }
    keeper.finish().map(drop).map_err(|error| failed(error.to_string()))
}

fn record(mut recorder: RunRecorder, scene: &Scene, book_hash: u64) -> Result<(), AppendError> {
    recorder.resumed(&scene.carried)?;
    let mut digest = OrderDigest::new();
    let (mut message, mut time_ns) = (0, scene.carried.time_ns);
    for Step { input, actions } in &scene.steps {
        match input {
            SceneInput::Market(event) => {
                message += 1;
                time_ns = time_ns.max(event.receive_ns);
                recorder.market(0, message, event)?;
            }
            SceneInput::Execution(execution) => {
                time_ns = time_ns.max(execution.time_ns);
                recorder.execution(execution)?;
            }
            SceneInput::Timer { due_ns } => {
                time_ns = time_ns.max(*due_ns);
                recorder.timer(*due_ns, &Timer { id: 0, due_ns: *due_ns })?;
            }
            SceneInput::Command { time_ns: at_ns, command } => {
                time_ns = time_ns.max(*at_ns);
                recorder.command(*at_ns, command)?;
            }
        }
        for order in actions {
            recorder.action(order)?;
            digest.push(order);
        }
    }
    recorder.finish(time_ns, digest.finish(), book_hash).map(drop)
}
