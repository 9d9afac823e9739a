//! One day: venues, a proxy, and a chain of engines that are killed and go on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::control::config::Config;
use engine::control::failpoint;
use engine::control::inputs::Inputs;
use engine::control::journal::{JournalReader, JournalThread, RUN_HEADER_FILE};
use engine::control::recovery::recover;
use engine::control::run_header::RunHeader;
use engine::control::universe::Universe;
use engine::venue::server::{Clock, VenueServer};
use warptick_tests::chatter::Dice;
use warptick_tests::live_day;
use warptick_tests::warptick::Finished;

use crate::checks::{self, Checks};
use crate::disk::{self, Disk};
use crate::process::Engine;
use crate::proxy::{self, Record};

/// Times the session's own speed: its half hour takes 90 s.
const SPEED: f64 = 20.0;

/// The last kill of a day comes before its market ends.
const DAY: Duration = Duration::from_secs(75);

/// A place that is not reached in this time is not reached.
const PATIENCE: Duration = Duration::from_secs(4);

/// What a run that cannot go on from a journal says, when nothing had begun there.
const NOT_BEGUN: [&str; 2] = ["had not taken over", "killed before it had taken over"];

/// What came of the kills.
#[derive(Debug, Default)]
pub struct Tally {
    /// Messages that the venues saw.
    pub messages: u64,
    /// Orders, replaces and cancels among them.
    pub orders: u64,
    /// Runs that took over a state.
    pub resumed: u64,
    /// Kills before a run had taken over: the next one went on from the run before.
    pub not_begun: u64,
    /// Kills by place; those at random times and those whose place was not reached too.
    pub places: BTreeMap<String, u64>,
}

impl Tally {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.orders += other.orders;
        self.resumed += other.resumed;
        self.not_begun += other.not_begun;
        for (place, count) in &other.places {
            *self.places.entry(place.clone()).or_default() += count;
        }
    }
}

fn session() -> Inputs {
    live_day::session(120_000, 8, Some(1_800))
}

fn config(session: &Inputs) -> Config {
    // Small segments, so that they roll in every run; many ahead, since a run that takes up the market in the middle of the
    // day gets all of it at once.
    let journal = "[journal]\nsegment_bytes = 65536\nsegments_ahead = 32\nsnapshot_s = 1\n";
    let mut config = live_day::config(session, journal, "", |_| String::new());
    live_day::hurry(&mut config);
    config
}

/// A day with one run, whose disk has this wrong with it.
pub fn with_a_disk(disk: Disk) {
    let session = session();
    let mut config = config(&session);
    config.journal.segments_ahead = 2;
    let mut server = VenueServer::bind(&session, &config).expect("free ports");
    server.publish(&session, &config).expect("feeds");
    let record: Record = Arc::new(Mutex::new(Vec::new()));
    for (number, (venue, address)) in config.venues.iter_mut().zip(server.addresses()).enumerate() {
        venue.address = proxy::listen(number, address, &record);
    }
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("live.toml");
    std::fs::write(&file, toml::to_string(&config).expect("TOML")).expect("written");
    let journal = directory.path().join("journal");
    let over = AtomicBool::new(false);
    let finished = std::thread::scope(|scope| {
        let venue = scope.spawn(|| {
            // Relaxed: a flag on its own.
            server.serve(Clock::Wall { times: SPEED, at_once: false }, || over.load(Ordering::Relaxed));
        });
        let run = scope.spawn(|| disk::run(disk, directory.path(), &file, &journal)).join();
        over.store(true, Ordering::Relaxed);
        venue.join().expect("the venue");
        run.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let Some(finished) = finished else { return };
    disk::check(disk, &finished, &journal);
    let mut checks = Checks::default();
    checks.take_journal(&journal);
    for connection in record.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        checks.take_connection(connection);
    }
    assert!(checks.orders > 0, "nothing was sent");
    checks::replay(&journal);
    println!("{disk:?}: {} messages, {} orders, every one in the journal", checks.messages, checks.orders);
}

/// One day with `kills` of them, the first being number `first` of all.
pub fn run(seed: u64, first: u64, kills: u64) -> Tally {
    let session = session();
    let mut config = config(&session);
    let mut server = VenueServer::bind(&session, &config).expect("free ports");
    server.publish(&session, &config).expect("feeds");
    let record: Record = Arc::new(Mutex::new(Vec::new()));
    for (number, (venue, address)) in config.venues.iter_mut().zip(server.addresses()).enumerate() {
        venue.address = proxy::listen(number, address, &record);
    }
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("live.toml");
    std::fs::write(&file, toml::to_string(&config).expect("TOML")).expect("written");
    let over = AtomicBool::new(false);
    let mut chain = Chain {
        directory: directory.path().to_owned(),
        file,
        record,
        taken: 0,
        number: 0,
        journals: Vec::new(),
        checks: Checks::default(),
        tally: Tally::default(),
    };
    let last = std::thread::scope(|scope| {
        let venue = scope.spawn(|| {
            // Relaxed: a flag on its own.
            server.serve(Clock::Wall { times: SPEED, at_once: false }, || over.load(Ordering::Relaxed));
        });
        let chain = &mut chain;
        let ends = scope.spawn(move || {
            let (mut dice, start) = (Dice::new(seed), Instant::now());
            for kill in first..first + kills {
                if start.elapsed() < DAY {
                    chain.kill(kill, &mut dice);
                }
            }
            chain.end()
        });
        let last = ends.join();
        over.store(true, Ordering::Relaxed);
        venue.join().expect("the venue");
        last.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    // The venues' own books of orders are the third record.
    assert_eq!(server.cores().map(|core| core.live_orders()).sum::<usize>(), 0, "nobody is connected");
    let header = RunHeader::read(&last).expect("a header");
    let run_id = JournalReader::open(&last, JournalThread::Decide).expect("a journal").run_id();
    let state = recover(&last, &header, run_id).expect("a state").state;
    let symbols = session.directory().expect("symbols");
    let ours: BTreeMap<Vec<u8>, i64> = state
        .accounts
        .iter()
        .filter(|account| account.position != 0)
        .map(|account| {
            let symbol = symbols.symbol(account.instrument).expect("listed");
            (symbol.trimmed().to_vec(), account.position)
        })
        .collect();
    assert_eq!(ours, chain.checks.positions(), "seed {seed}: positions, ours and the venues'");
    assert_eq!(
        (state.orders.len(), chain.checks.open()),
        (0, 0),
        "seed {seed}: open orders, ours and the venues'"
    );
    Tally { messages: chain.checks.messages, orders: chain.checks.orders, ..chain.tally }
}

/// Runs that go on from each other.
struct Chain {
    directory: PathBuf,
    file: PathBuf,
    record: Record,
    /// Connections that were checked.
    taken: usize,
    number: u64,
    /// Journals of the runs so far; the next one goes on with the last that can be.
    journals: Vec<PathBuf>,
    checks: Checks,
    tally: Tally,
}

impl Chain {
    /// Starts the next run, and kills it: at a random time, or at a place.
    fn kill(&mut self, kill: u64, dice: &mut Dice) {
        // Every third kill at a random time.
        let place = (kill % 3 != 2).then(|| {
            let names = failpoint::NAMES;
            let name = names[(kill - kill / 3) as usize % names.len()];
            let bound = match name {
                "logon" | "logged_on" | "snapshot_rename" => 2,
                "resend" => 1,
                "take_over" => 3,
                "segment_roll" => 6,
                _ => 60,
            };
            (name, 1 + dice.below(bound))
        });
        if place.is_some_and(|(name, _)| name == "resend") {
            // The venue asks for messages again when some were journalled and not sent.
            self.kill_at(Some(("after_append", 3)), Duration::ZERO);
        }
        self.kill_at(place, Duration::from_millis(dice.below(1_800)));
    }

    fn kill_at(&mut self, place: Option<(&'static str, u64)>, delay: Duration) {
        let armed = place.map(|(name, nth)| format!("{name}:{nth}"));
        let mut engine = self.start(armed.as_deref());
        let (patience, name) = place.map_or((delay, "at random"), |(name, _)| (PATIENCE, name));
        let ended = engine.ends_within(patience);
        let finished = engine.kill();
        let what = format!("{} {}: {finished:?}", engine.journal.display(), armed.unwrap_or_default());
        let reached = match (ended, finished.code) {
            (true, None) => name.to_owned(),
            // It said why it ended by itself: only before anything had begun.
            (true, Some(code)) => {
                assert!(code == 2 && is_not_begun(&finished), "ended by itself: {what}");
                self.fall_back(&engine.journal);
                return self.kill_at(place, delay);
            }
            (false, _) if place.is_some() => format!("{name}, not reached"),
            (false, _) => name.to_owned(),
        };
        *self.tally.places.entry(reached).or_default() += 1;
        self.take(&engine.journal);
    }

    fn start(&mut self, place: Option<&str>) -> Engine {
        let journal = self.directory.join(format!("run{:04}", self.number));
        self.number += 1;
        Engine::start(&self.file, journal, self.journals.last().map(PathBuf::as_path), place)
    }

    /// The last journal cannot be gone on with, since its run had not begun: nothing of it was on any wire.
    fn fall_back(&mut self, refused: &Path) {
        assert!(!refused.join(RUN_HEADER_FILE).exists(), "a run that was refused has no journal");
        self.journals.pop().expect("a journal that was refused");
        self.tally.not_begun += 1;
    }

    /// A run is over: its connections and its journal are checked.
    fn take(&mut self, journal: &Path) {
        self.settle();
        if journal.join(RUN_HEADER_FILE).exists() {
            self.checks.take_journal(journal);
        }
        let connections = self.record.lock().unwrap_or_else(PoisonError::into_inner)[self.taken..].to_vec();
        self.taken += connections.len();
        for connection in &connections {
            self.checks.take_connection(connection);
        }
        if JournalReader::open(journal, JournalThread::Decide).is_ok() {
            checks::replay(journal);
            self.journals.push(journal.to_owned());
            self.tally.resumed += u64::from(self.journals.len() > 1);
        }
    }

    /// Waits until the proxy has heard the venues out.
    fn settle(&self) {
        let bytes = || -> usize {
            let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
            record.iter().map(|connection| connection.sent.len() + connection.said.len()).sum()
        };
        let mut before = bytes();
        loop {
            std::thread::sleep(Duration::from_millis(10));
            let now = bytes();
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// The last run of the day: everything is cancelled, and it ends in order.
    fn end(&mut self) -> PathBuf {
        loop {
            let mut engine = self.start(None);
            if engine.ends_within(Duration::from_millis(2_500)) {
                let finished = engine.finish();
                assert!(is_not_begun(&finished), "the last run ended by itself: {finished:?}");
                self.fall_back(&engine.journal);
                continue;
            }
            engine.signal("USR1");
            std::thread::sleep(Duration::from_millis(1_000));
            engine.signal("INT");
            let finished = engine.finish();
            assert_eq!(finished.code, Some(3), "{finished:?}");
            self.take(&engine.journal);
            return engine.journal.clone();
        }
    }
}

fn is_not_begun(finished: &Finished) -> bool {
    NOT_BEGUN.iter().any(|text| finished.stderr.contains(text))
}
