//! `warptick run`: live. Feeds in over the network, orders out over FIX, until the sessions end or Ctrl-C.
//!
//! The hot stages are those of a paced replay with [`crate::pipeline::live`] in front; this file puts them together and
//! says what the run came to, line by line of each feed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use feeds::directory::Directory;
use feeds::symbol::Symbol;
use kernels::cpu::book::BookConfig;

use crate::control::capture::RecordingFile;
use crate::control::config::Config;
use crate::control::core_time::ThreadTimes;
use crate::control::counters::Counters;
use crate::control::digest::digest_ring;
use crate::control::failure::Failure;
use crate::control::feed_report::{self, FeedReport};
use crate::control::hiccups::MachineWatch;
use crate::control::hot_threads::Hot;
use crate::control::housekeeping::Housekeeping;
use crate::control::journal::JournalKeeper;
use crate::control::live_lines::{self, OpenedLines};
use crate::control::memory_at_start::{self, PageFaults};
use crate::control::outcome::{self, Ended, Outcome};
use crate::control::progress::Progress;
use crate::control::recovery::SnapshotThread;
use crate::control::rehearsing;
use crate::control::report::Collector;
use crate::control::report_page::{gather::About, rings::RingWatch};
use crate::control::resume::Resumption;
use crate::control::resumed_limits;
use crate::control::risk_config;
use crate::control::run_header::RunJournal;
use crate::control::session_date::SessionDate;
use crate::control::shutdown::Stop;
use crate::control::snapshot_fetch::FetchReport;
use crate::control::start_steps::StartSteps;
use crate::control::startup;
use crate::control::supervision::{self, Supervision};
use crate::control::universe::Universe;
use crate::control::utc_watch::UtcWatch;
use crate::control::wide_backend::{self, BackendKind};
use crate::pipeline::decide::Decide;
use crate::pipeline::idle::Idle;
use crate::pipeline::live::Tee;
use crate::pipeline::lockstep::IntervalTimer;
use crate::pipeline::recorder::{self, RING_BYTES, RecordedPackets, Recorder};
use crate::pipeline::stamps::{self, StampMode};
use crate::pipeline::tsc::{Calibration, system_utc_ns};
use crate::strategy::Strategy;

/// Records that the digest ring and the stamp ring hold.
const COLD_RING: usize = 1 << 15;

/// What a live run is about: the symbols of its configuration, and room for what the feeds list beside them.
#[derive(Clone, Debug)]
pub struct LiveUniverse<'a> {
    config: &'a Config,
    date: SessionDate,
}

impl<'a> LiveUniverse<'a> {
    /// The universe of a configuration.
    ///
    /// # Errors
    /// A configuration without a date.
    pub fn new(config: &'a Config) -> Result<Self, Failure> {
        let Some(date) = &config.date else {
            return Err(Failure::Input(
                "a live run needs its session date: give --date or `date`".to_owned(),
            ));
        };
        Ok(Self { config, date: date.parse().map_err(Failure::Input)? })
    }
}

impl Universe for LiveUniverse<'_> {
    fn directory(&self) -> Result<Directory, Failure> {
        let mut symbols = Vec::new();
        for instrument in &self.config.instruments {
            let symbol = Symbol::new(&instrument.symbol)
                .map_err(|error| Failure::Input(format!("instrument {}: {error}", instrument.symbol)))?;
            symbols.push(symbol);
        }
        Directory::new(symbols, self.config.books.late_listings_max)
            .map_err(|error| Failure::Input(format!("symbol directory: {error}")))
    }

    fn date(&self) -> SessionDate {
        self.date
    }

    fn venue_count(&self) -> u8 {
        self.config.venues.len() as u8
    }

    fn book_config(&self, _venue: u8) -> BookConfig {
        let books = &self.config.books;
        BookConfig {
            orders_max: books.orders_max,
            levels_max: books.levels_max,
            price_tick: books.price_tick_e9,
            ..BookConfig::default()
        }
    }
}

/// How a live run is made.
#[derive(Clone, Debug, Default)]
pub struct LiveOptions {
    /// Which paths are stamped at every stage.
    pub stamps: StampMode,
    /// Where the journal goes.
    pub journal: Option<PathBuf>,
    /// The journal of the run that this one goes on with.
    pub resume: Option<PathBuf>,
    /// Where the page, its figures and the `.hlog` files go.
    pub report: Option<PathBuf>,
    /// The limits file that SIGHUP reads again.
    pub limits_file: Option<PathBuf>,
    /// Where every packet of the lines and of the retransmission servers is recorded, as pcapng.
    pub record: Option<PathBuf>,
    /// Who computes wide work.
    pub backend: BackendKind,
    /// How long each core of the run is looked at for hiccups, before the run and behind it.
    pub hiccups: Duration,
}

/// What a live run came to.
pub struct LiveOutcome {
    /// What every run comes to.
    pub outcome: Outcome,
    /// One a venue.
    pub feeds: Vec<FeedReport>,
}

/// The hot end of the recording.
struct RecorderTee(Recorder);

impl Tee for RecorderTee {
    fn packet(&mut self, line: u8, payload: &[u8], receive_ns: u64) {
        // What finds no room is counted by the ring and said at the end.
        let _ = self.0.offer(payload, receive_ns, line);
    }
}

/// Runs live; strategies are the configuration's and `extra`.
///
/// # Errors
/// Anything that keeps the run from starting. What stops it later is in [`Outcome::failure`].
pub fn run(
    config: &Config,
    options: &LiveOptions,
    stop: &Stop,
    extra: Vec<Box<dyn Strategy>>,
) -> Result<LiveOutcome, Failure> {
    config.check().map_err(Failure::Input)?;
    let universe = LiveUniverse::new(config)?;
    let unlimited = risk_config::unlimited(&config.risk);
    if !unlimited.is_empty() {
        eprintln!("warptick: no limit is set for risk.{}", unlimited.join(", "));
    }
    let topology = config.pipeline.topology;
    let counters = Counters::default();
    let calibration = Calibration::measure();
    let plan = startup::placement(config, topology, false)?;
    startup::place_housekeeping(&plan)?;
    let idle = if plan.shares_cores() { Idle::Yield } else { Idle::Spin };

    let say = |what: String| eprintln!("warptick: {what}");
    let limits_file = options.limits_file.clone();
    let supervision =
        supervision::supervise(config, &universe, extra.len(), plan.is_undisturbed(), limits_file, say)?;
    let Supervision { kill, board, sockets, feeds: pulse, watchdog, mut port, hot: ends } = supervision;

    let (steps, since, faults) = (StartSteps::default(), Instant::now(), PageFaults::of_process());
    let mut strategies = startup::strategies(&universe, config)?;
    strategies.extend(extra);
    let mut core = startup::decision_core(&universe, config, strategies)?;
    let resumption = options.resume.as_ref().map(|dir| Resumption::read(dir, config)).transpose()?;
    let recording = match &options.record {
        None => None,
        Some(path) => Some(RecordingFile::create(path, &live_lines::all_lines(config, true)?)?),
    };
    let (tee, recorded) = recording.as_ref().map(|_| recorder::recorder(RING_BYTES)).unzip();
    let tee = tee.map(|recorder| Box::new(RecorderTee(recorder)) as Box<dyn Tee>);
    let mut journal = match &options.journal {
        Some(dir) => {
            let resumes = resumption.as_ref().map(Resumption::former_run);
            Some(RunJournal::create_live(dir, config, resumes)?)
        }
        None => None,
    };
    let (digest_sender, digest_receiver) = digest_ring(COLD_RING);
    let (stamp_writer, stamp_reader) = stamps::channel(COLD_RING);
    let entry_journal = journal.as_mut().and_then(RunJournal::take_order_entry);
    let mut entry = startup::order_entry(&universe, config, entry_journal)?;
    let mut recorder = journal.as_mut().and_then(RunJournal::take_decide);
    if let Some(resumption) = &resumption {
        resumption.apply(&mut core, &mut entry, recorder.as_mut())?;
    }
    let saver = |dir: &PathBuf, keeper: &JournalKeeper| {
        SnapshotThread::new(dir, keeper.run_id(), config, resumption.is_some())
    };
    let keeper = journal.as_mut().and_then(RunJournal::take_keeper);
    let snapshots =
        options.journal.as_ref().zip(keeper.as_ref()).map(|(dir, keeper)| saver(dir, keeper)).transpose()?;
    let (desk, answers) = wide_backend::desk_of(&universe, config, options.backend, false)?;
    let decide = Decide::new(core, recorder, digest_sender).shown(kill.clone(), board);
    let mut decide = decide.with_wide(desk).stamped(options.stamps);
    if let (Some(_), Some(desk)) = (&resumption, port.desk_mut()) {
        let file = options.limits_file.as_ref().map(|file| file.display().to_string());
        let file = file.as_deref().unwrap_or("configuration");
        resumed_limits::agree(desk, &mut decide, file, system_utc_ns(), say)?;
    }
    let entry = entry.obeying(kill.clone());
    let timer = IntervalTimer::new(config.pipeline.timer_ms * 1_000_000);
    let mut keeper = Housekeeping {
        digest: Some(digest_receiver),
        order_stream: [0; 32],
        answers,
        answer_stream: [0; 32],
        wide: None,
        collector: Collector::new(stamp_reader, calibration, options.stamps),
        keeper,
        progress: Progress::start("messages", None),
        utc: Some(UtcWatch::new(calibration)),
        journal_error: None,
        kill: kill.clone(),
        watchdog: Some(watchdog),
        rings: RingWatch::default(),
    };
    let warmer = rehearsing::warmer(&universe, config, calibration, true)?;
    memory_at_start::prepare(&steps, since, faults, config.pipeline.lock_memory);
    steps.add("pin", Instant::now(), true, plan.to_string());
    let ends = ends.warmed_by(warmer);
    let watch = MachineWatch::begin(&plan, options.hiccups, calibration);
    // Last, since packets wait in the kernel's buffers from here on.
    let OpenedLines { ingest, fetcher, notices } =
        live_lines::open(config, universe.directory()?, universe.date().eastern_midnight_ns(), tee)?;
    let mut ingest = ingest.watched(pulse);
    let mode = options.stamps;
    let thread_times = ThreadTimes::default();
    let (plan, counters) = (&plan, &counters);
    let hot = Hot { config, plan, idle, counters, stop, timer, mode, kill, sockets, thread_times, steps };
    let over = &AtomicBool::new(false);
    let (started, clock) = (SystemTime::now(), Instant::now());
    let (run, fetched, written, saved) = std::thread::scope(|scope| {
        // Relaxed: a flag on its own.
        let is_over = move || over.load(Ordering::Relaxed);
        let operating = scope.spawn(move || port.serve(is_over));
        let fetching = scope.spawn(move || fetcher.run(is_over));
        let saving = snapshots.map(|snapshots| scope.spawn(move || snapshots.run(is_over)));
        let writing = recording
            .zip(recorded)
            .map(|(file, packets)| scope.spawn(move || record(file, packets, is_over)));
        let run = hot.live(&mut ingest, decide, entry, stamp_writer, calibration, &mut keeper, ends);
        over.store(true, Ordering::Relaxed);
        let written = writing.map(|thread| thread.join());
        let saved = saving.and_then(|thread| thread.join().ok());
        if let Ok(Err(error)) = operating.join() {
            eprintln!("warptick: operator port: {error}");
        }
        (run, fetching.join().unwrap_or_default(), written, saved)
    });
    let (run, reconnected) = run?;
    let feeds = feed_report::of(config, &mut ingest);
    let directory = ingest.directory();
    let report = options.report.as_deref();
    let surroundings = watch.end(None, hot.thread_times.take());
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
    let mut outcome = outcome::conclude(ended, |error, venue, sequence| {
        Failure::Stopped(format!("venue {venue}: message {sequence}: {error}"))
    })?;
    if let Some(dir) = report {
        feed_report::write_logs(&feeds, dir, started, clock.elapsed())
            .map_err(|error| Failure::Input(error.to_string()))?;
    }
    outcome.summary.feeds = feeds.iter().map(FeedReport::summary).collect();
    outcome.notes.extend(resumption.as_ref().map(Resumption::note));
    outcome.notes.extend(saved.as_ref().and_then(saved_note));
    outcome.notes.extend(notices);
    outcome.notes.extend(fetch_note(&fetched));
    outcome.notes.extend(reconnected.note());
    if ingest.socket_errors() > 0 {
        outcome.notes.push(format!("feed receive: {} polls failed", ingest.socket_errors()));
    }
    if counters.decide.book_errors.get() > 0 {
        outcome.notes.push(format!(
            "{} market events did not fit their book; their feeds were distrusted and recovered",
            counters.decide.book_errors.get()
        ));
    }
    match written {
        None => {}
        Some(Ok(Ok(note))) => outcome.notes.push(note),
        Some(Ok(Err(failure))) => outcome.failure = outcome.failure.or(Some(failure)),
        Some(Err(_)) => {
            outcome.failure = Some(Failure::Check("the recording's writer panicked".to_owned()));
        }
    }
    if let Some(dir) = report {
        outcome.write_page(dir, &about(config, &universe, options))?;
    }
    Ok(LiveOutcome { outcome, feeds })
}

fn about(config: &Config, universe: &LiveUniverse<'_>, options: &LiveOptions) -> About {
    About {
        sources: config.venues.iter().map(|venue| format!("lines of {}", venue.name)).collect(),
        session_date: universe.date().to_string(),
        pace: "live".to_owned(),
        journal: options.journal.clone(),
    }
}

/// Writes the recording until the run is over and the ring is empty.
fn record(
    mut file: RecordingFile,
    mut packets: RecordedPackets,
    over: impl Fn() -> bool,
) -> Result<String, Failure> {
    loop {
        // Asked before the ring is emptied: what came before the end is in it then.
        let last = over();
        if !file.take(&mut packets)? {
            if last {
                break;
            }
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
    }
    let lost = packets.lost();
    let written = file.finish(&mut packets, &[])?;
    if lost > 0 {
        return Err(Failure::Check(format!("the recording lost {lost} packets for want of room")));
    }
    Ok(format!("recording: {} packets, {} bytes", written.packets, written.bytes))
}

fn saved_note((count, error): &(u64, Option<String>)) -> Option<String> {
    let error = error.as_ref().map_or_else(String::new, |error| format!("; then no more: {error}"));
    (*count > 0 || !error.is_empty()).then(|| format!("state: {count} snapshots{error}"))
}

fn fetch_note(fetched: &FetchReport) -> Option<String> {
    let FetchReport { fetched, failed, last_error } = fetched;
    (fetched + failed > 0).then(|| {
        let error = last_error.as_ref().map_or_else(String::new, |error| format!("; the last said: {error}"));
        format!("snapshots: {fetched} fetched, {failed} tries failed{error}")
    })
}

impl std::fmt::Display for LiveOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.outcome)?;
        self.feeds.iter().try_for_each(|feed| write!(f, "{feed}"))
    }
}
