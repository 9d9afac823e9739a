//! The journal of one run: its header (what the run was made of) and its three series of segments.
//!
//! The header is TOML text: version, topology, session date, each capture with its venue, path, length and SHA-256, and
//! the whole configuration. A replay reads it, checks that the captures are still the same, and rebuilds the core.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::control::config::Config;
use crate::control::digest::hex;
use crate::control::failure::Failure;
use crate::control::inputs::{CaptureArgument, Inputs};
use crate::control::journal::{
    self, CaptureOpened, Durability, JournalKeeper, JournalThread, RUN_HEADER_FILE, RecordKind, RunRecorder,
    SegmentWriter,
};
use crate::control::summary::JournalSummary;

/// What a run was made of.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunHeader {
    /// Version of the engine.
    pub version: String,
    /// Captures in the order of venue numbers; none for a live run, whose journal holds what it consumed.
    pub captures: Vec<CaptureHeader>,
    /// The run that this one goes on with: SHA-256 of its header. Without its state the journal is of no use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<String>,
    /// It is a scene, cut out of a longer run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<SceneHeader>,
    /// The completed configuration.
    pub config: Config,
}

/// What a scene (`control/slowest`) begins with, beside the state that its journal takes over.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SceneHeader {
    /// The first market events of its captures, which build the books as they stood and are no inputs.
    pub preloaded: u64,
    /// What no run takes over and the core remembers, as JSON.
    pub memory: String,
}

/// One capture of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureHeader {
    /// The file, absolute; of a scene from the journal's directory on.
    pub path: PathBuf,
    /// Its venue.
    pub venue: String,
    /// Length of the uncompressed capture, bytes.
    pub bytes: u64,
    /// SHA-256 of the uncompressed capture.
    pub sha256: String,
}

impl RunHeader {
    fn of(inputs: &Inputs, config: &Config) -> Result<Self, Failure> {
        let mut captures = Vec::new();
        for input in &inputs.venues {
            let path = std::fs::canonicalize(input.capture.name()).map_err(|error| {
                Failure::Input(format!(
                    "{}: a journal needs a capture file that can be read again: {error}",
                    input.capture.name()
                ))
            })?;
            captures.push(CaptureHeader {
                path,
                venue: input.venue.clone(),
                bytes: input.capture.bytes().len() as u64,
                sha256: hex(&Sha256::digest(input.capture.bytes()).into()),
            });
        }
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            captures,
            resumes: None,
            scene: None,
            config: config.clone(),
        })
    }

    /// Whether the run was live.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.captures.is_empty()
    }

    /// Reads the header of a journal.
    ///
    /// # Errors
    /// No header, or one that this version cannot read.
    pub fn read(dir: &Path) -> Result<Self, Failure> {
        let path = dir.join(RUN_HEADER_FILE);
        let name = path.display();
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Failure::Input(format!("{name}: {error}; is this the directory of a journal?"))
        })?;
        let mut header: Self =
            toml::from_str(&text).map_err(|error| Failure::Input(format!("{name}: {error}")))?;
        // An absolute one stays as it is.
        header.captures.iter_mut().for_each(|capture| capture.path = dir.join(&capture.path));
        Ok(header)
    }

    /// Opens the captures of the run and checks that they are the same bytes.
    ///
    /// # Errors
    /// A capture that is gone or has changed.
    pub fn open_captures(&self) -> Result<Inputs, Failure> {
        let arguments: Vec<_> = self
            .captures
            .iter()
            .map(|capture| CaptureArgument { path: capture.path.clone(), venue: Some(capture.venue.clone()) })
            .collect();
        let inputs = Inputs::open_for(&self.config, &arguments, self.config.date.as_deref())?;
        for (input, capture) in inputs.venues.iter().zip(&self.captures) {
            let found = hex(&Sha256::digest(input.capture.bytes()).into());
            if found != capture.sha256 {
                return Err(Failure::Input(format!(
                    "{}: not the capture of this run: SHA-256 is {found}, the journal says {}",
                    capture.path.display(),
                    capture.sha256
                )));
            }
        }
        Ok(inputs)
    }
}

/// The journal of a run that is being written.
pub struct RunJournal {
    keeper: Option<JournalKeeper>,
    ingest: Option<SegmentWriter>,
    decide: Option<RunRecorder>,
    order_entry: Option<SegmentWriter>,
}

impl RunJournal {
    /// Creates the journal in an empty or new directory.
    ///
    /// # Errors
    /// A directory that holds a journal already, a capture that is no file, no room.
    pub fn create(dir: &Path, inputs: &Inputs, config: &Config) -> Result<Self, Failure> {
        let header = RunHeader::of(inputs, config)?;
        let text =
            toml::to_string(&header).map_err(|error| Failure::Input(format!("journal header: {error}")))?;
        let (keeper, writers) =
            journal::create(dir, &JournalThread::ALL, config.journal.options(), text.as_bytes())
                .map_err(|error| Failure::Input(error.to_string()))?;
        let mut writers = writers.into_iter();
        let (mut ingest, decide, order_entry) = (writers.next(), writers.next(), writers.next());
        if let Some(ingest) = &mut ingest {
            for (number, input) in (0u16..).zip(&inputs.venues) {
                let opened = CaptureOpened {
                    source: number,
                    file_sha256: Sha256::digest(input.capture.bytes()).into(),
                    bytes: input.capture.bytes().len() as u64,
                };
                ingest
                    .append(RecordKind::CaptureOpened, 0, &opened.encode())
                    .map_err(|error| Failure::Stopped(format!("journal: {error:?}")))?;
            }
        }
        Ok(Self { keeper: Some(keeper), ingest, decide: decide.map(RunRecorder::new), order_entry })
    }

    /// Creates the journal of a live run in an empty or new directory: decide's part records market events whole.
    /// `resumes`: the id of the run that it goes on with.
    ///
    /// # Errors
    /// A directory that holds a journal already, no room.
    pub fn create_live(dir: &Path, config: &Config, resumes: Option<[u8; 32]>) -> Result<Self, Failure> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let resumes = resumes.map(|run_id| hex(&run_id));
        let header =
            RunHeader { version, captures: Vec::new(), resumes, scene: None, config: config.clone() };
        let text =
            toml::to_string(&header).map_err(|error| Failure::Input(format!("journal header: {error}")))?;
        let threads = [JournalThread::Decide, JournalThread::OrderEntry];
        let (keeper, writers) = journal::create(dir, &threads, config.journal.options(), text.as_bytes())
            .map_err(|error| Failure::Input(error.to_string()))?;
        let mut writers = writers.into_iter();
        let (decide, order_entry) = (writers.next(), writers.next());
        let decide = decide.map(RunRecorder::of_whole_events);
        Ok(Self { keeper: Some(keeper), ingest: None, decide, order_entry })
    }

    /// The decide thread's part.
    pub fn take_decide(&mut self) -> Option<RunRecorder> {
        self.decide.take()
    }

    /// The order-entry thread's part.
    pub fn take_order_entry(&mut self) -> Option<SegmentWriter> {
        self.order_entry.take()
    }

    /// Housekeeping's part.
    pub fn take_keeper(&mut self) -> Option<JournalKeeper> {
        self.keeper.take()
    }

    /// Closes what is left after the hot threads have ended. Returns the last record of each thread that is known to
    /// survive a loss of power, where the run cares for that.
    ///
    /// # Errors
    /// What could not be written.
    pub fn close(
        mut self,
        order_entry: Option<SegmentWriter>,
        keeper: Option<JournalKeeper>,
        time_ns: u64,
    ) -> Result<JournalSummary, String> {
        let mut first_error = None;
        let mut summary = JournalSummary::default();
        if let Some(ingest) = self.ingest.take()
            && let Err(error) = ingest.close(time_ns)
        {
            first_error.get_or_insert(format!("ingest: {error:?}"));
        }
        if let Some(writer) = order_entry.or_else(|| self.order_entry.take())
            && let Err(error) = writer.close(time_ns)
        {
            first_error.get_or_insert(format!("order entry: {error:?}"));
        }
        if let Some(keeper) = keeper.or_else(|| self.keeper.take()) {
            let durability = keeper.durability();
            summary.durability = durability.name().to_owned();
            match keeper.finish() {
                Ok(durable) if durability == Durability::Power => {
                    summary.durable =
                        durable.into_iter().map(|(thread, last)| (thread.name().to_owned(), last)).collect();
                }
                Ok(_) => {}
                Err(error) => drop(first_error.get_or_insert(error.to_string())),
            }
        }
        first_error.map_or(Ok(summary), Err)
    }
}
