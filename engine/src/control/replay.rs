//! `warptick replay`: a capture through the whole engine, in lockstep or paced, in either topology.
//!
//! The hot stages get threads of their own (`hot_threads`), pinned where the placement says; the calling thread is
//! `housekeeping`. This file puts a run together and says what it came to.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::control::config::{Config, Topology};
use crate::control::core_time::ThreadTimes;
use crate::control::counters::Counters;
use crate::control::digest::digest_ring;
use crate::control::failure::Failure;
use crate::control::hiccups::{MachineWatch, Surroundings};
use crate::control::hot_threads::Hot;
use crate::control::housekeeping::Housekeeping;
use crate::control::inputs::Inputs;
use crate::control::kill_switch::KillSwitch;
use crate::control::memory_at_start::{self, PageFaults};
use crate::control::outcome::{self, Ended, Outcome};
use crate::control::progress::Progress;
use crate::control::rehearsing;
use crate::control::report::Collector;
use crate::control::report_page::{gather::About, rings::RingWatch};
use crate::control::run_header::RunJournal;
use crate::control::session_sockets::SessionSockets;
use crate::control::shutdown::Stop;
use crate::control::slowest::scenes;
use crate::control::start_steps::StartSteps;
use crate::control::startup;
use crate::control::supervision::HotEnds;
use crate::control::wide_backend::{self, BackendKind};
use crate::pipeline::board::Board;
use crate::pipeline::decide::Decide;
use crate::pipeline::idle::Idle;
use crate::pipeline::lockstep::IntervalTimer;
use crate::pipeline::pacer::Pace;
use crate::pipeline::rehearsal::Warmer;
use crate::pipeline::stamps::{self, StampMode};
use crate::pipeline::tsc::Calibration;
use crate::strategy::Strategy;

/// Records that the digest ring holds.
const DIGEST_RING: usize = 1 << 15;

/// Records that the stamp ring holds.
const STAMP_RING: usize = 1 << 15;

/// How a capture is replayed.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// `None`: lockstep.
    pub pace: Option<Pace>,
    /// Which paths are stamped at every stage.
    pub stamps: StampMode,
    /// Where the journal goes.
    pub journal: Option<PathBuf>,
    /// Where the page, its figures and the `.hlog` files go.
    pub report: Option<PathBuf>,
    /// Label of the progress bar.
    pub label: &'static str,
    /// Who computes wide work.
    pub backend: BackendKind,
    /// A paced replay ends behind so many messages.
    pub messages_max: Option<u64>,
    /// How long each core of a paced run is looked at for hiccups, before the run and behind it.
    pub hiccups: Duration,
}

impl Default for ReplayOptions {
    /// Lockstep, sampled stamps, no journal, no files.
    fn default() -> Self {
        Self {
            pace: None,
            stamps: StampMode::Sampled,
            journal: None,
            report: None,
            label: "messages",
            backend: BackendKind::Auto,
            messages_max: None,
            hiccups: Duration::ZERO,
        }
    }
}

/// Replays; strategies are the configuration's and `extra`.
///
/// # Errors
/// Anything that keeps the run from starting. What stops it later is in [`Outcome::failure`].
pub fn replay(
    inputs: &Inputs,
    config: &Config,
    options: &ReplayOptions,
    extra: Vec<Box<dyn Strategy>>,
) -> Result<Outcome, Failure> {
    let topology = config.pipeline.topology;
    let stop = Stop::new();
    let counters = Counters::default();
    let calibration = Calibration::measure();
    let plan = startup::placement(config, topology, options.pace.is_some())?;
    startup::place_housekeeping(&plan)?;
    let idle = if plan.shares_cores() { Idle::Yield } else { Idle::Spin };

    let (steps, since, faults) = (StartSteps::default(), Instant::now(), PageFaults::of_process());
    let mut strategies = startup::strategies(inputs, config)?;
    strategies.extend(extra);
    let core = startup::decision_core(inputs, config, strategies)?;
    let mut ingest = inputs.ingest(config.latency.line_ns)?;
    let mut journal = match &options.journal {
        Some(dir) => Some(RunJournal::create(dir, inputs, config)?),
        None => None,
    };
    let (digest_sender, digest_receiver) = digest_ring(DIGEST_RING);
    let (stamp_writer, stamp_reader) = stamps::channel(STAMP_RING);
    let decide = Decide::new(core, journal.as_mut().and_then(RunJournal::take_decide), digest_sender);
    let (desk, answers) = wide_backend::desk_of(inputs, config, options.backend, options.pace.is_none())?;
    let decide = decide.with_wide(desk).stamped(options.stamps);
    let entry_journal = journal.as_mut().and_then(RunJournal::take_order_entry);
    let timer = IntervalTimer::new(config.pipeline.timer_ms * 1_000_000);
    let mut keeper = Housekeeping {
        digest: Some(digest_receiver),
        order_stream: [0; 32],
        answers,
        answer_stream: [0; 32],
        wide: None,
        collector: Collector::new(stamp_reader, calibration, options.stamps),
        keeper: journal.as_mut().and_then(RunJournal::take_keeper),
        progress: Progress::start(options.label, Some(inputs.messages())),
        utc: None,
        journal_error: None,
        kill: KillSwitch::new(),
        watchdog: None,
        rings: RingWatch::default(),
    };

    let (kill, mode) = (keeper.kill.clone(), options.stamps);
    let sockets = SessionSockets::default();
    let thread_times = ThreadTimes::default();
    let hiccups = options.pace.map_or(Duration::ZERO, |_| options.hiccups);
    let watch = MachineWatch::begin(&plan, hiccups, calibration);
    let (plan, counters, stop) = (&plan, &counters, &stop);
    let mut warmer = Warmer::default();
    if options.pace.is_some() {
        warmer = rehearsing::warmer(inputs, config, calibration, false)?;
        memory_at_start::prepare(&steps, since, faults, config.pipeline.lock_memory);
        steps.add("pin", Instant::now(), true, plan.to_string());
    }
    let hot = Hot { config, plan, idle, counters, stop, timer, mode, kill, sockets, thread_times, steps };
    let mut run = match (options.pace, topology) {
        (None, Topology::Inline) => {
            let exchange = startup::exchange(inputs, config, entry_journal)?;
            hot.lockstep_inline(&mut ingest, decide, exchange, stamp_writer, &mut keeper)?
        }
        (None, Topology::Split) => {
            let exchange = startup::exchange(inputs, config, entry_journal)?;
            hot.lockstep_split(&mut ingest, decide, exchange, stamp_writer, &mut keeper)?
        }
        (Some(pace), _) => {
            let entry = startup::order_entry(inputs, config, entry_journal)?;
            // Lockstep has neither: what a kill finds in a ring would depend on the machine's speed.
            let entry = entry.obeying(hot.kill.clone());
            let decide = decide.shown(hot.kill.clone(), Board::default());
            let ends = HotEnds::unwatched(hot.kill.clone()).warmed_by(warmer);
            hot.paced(
                inputs,
                &mut ingest,
                decide,
                entry,
                stamp_writer,
                calibration,
                pace,
                options.messages_max,
                &mut keeper,
                ends,
            )?
        }
    };
    let directory = ingest.directory();
    let report = options.report.as_deref();
    let surroundings = match options.pace {
        Some(_) => watch.end(run.waiting.take(), hot.thread_times.take()),
        // Lockstep waits for nothing: what the machine took is in no figure.
        None => Surroundings::default(),
    };
    let steps = hot.steps.into_steps();
    let kept = options.journal.as_deref();
    let ended = Ended {
        topology,
        plan,
        run,
        keeper,
        journal,
        counters,
        directory,
        report,
        kept,
        surroundings,
        steps,
        config,
    };
    let mut outcome =
        outcome::conclude(ended, |error, venue, sequence| inputs.book_failure(error, venue, sequence))?;
    let about = about(inputs, options);
    outcome.summary.pace.clone_from(&about.pace);
    if let (Some(dir), Some(_)) = (report, kept) {
        // What has gone wrong with them takes nothing from the run.
        let said = scenes::keep(dir).unwrap_or_else(|failure| failure.to_string());
        outcome.notes.push(format!("slowest orders: {said}"));
    }
    if let Some(dir) = report {
        outcome.write_page(dir, &about)?;
    }
    Ok(outcome)
}

fn about(inputs: &Inputs, options: &ReplayOptions) -> About {
    About {
        sources: inputs
            .venues
            .iter()
            .map(|input| format!("{} as {}", input.capture.name(), input.venue))
            .collect(),
        session_date: inputs.date.to_string(),
        pace: pace_name(options.pace),
        journal: options.journal.clone(),
    }
}

/// As `--pace` takes it.
fn pace_name(pace: Option<Pace>) -> String {
    match pace {
        None => "lockstep".to_owned(),
        Some(Pace::Max) => "max".to_owned(),
        Some(Pace::Times(times)) => format!("{times}x"),
        Some(Pace::Rate(per_s)) => format!("{per_s}/s"),
    }
}
