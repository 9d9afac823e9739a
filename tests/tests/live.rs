//! A live run on loopback over bad lines: `warptick venue` and `warptick run` as threads of one process, real sockets.
//!
//! Each seed loses 1 % of the packets of each line for itself and 0.1 % on both at once, and reorders and repeats some.
//! At the end the books equal those of the lossless session, every message that no line brought was in a gap, and by
//! the venue's own record of ClOrdIDs no order was decided while its book was stale. Every other seed has wide work.
//!
//! Ten seeds; another number, 1,000 for instance, by `WARPTICK_SEEDS=1000 cargo test --test live -- --nocapture`;
//! seed 105 alone by `WARPTICK_SEEDS=105..106`.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use engine::control::book_report::BookFiles;
use engine::control::config::{Config, Topology};
use engine::control::failure::Failure;
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::journal::{DecideReader, DecideRecord};
use engine::control::live_run::{self, LiveOptions, LiveOutcome};
use engine::control::shutdown::Stop;
use engine::control::wide_config::WideConfig;
use engine::control::{book_report, histograms, journal_replay};
use engine::order::OrderAction;
use engine::venue::feed_server::FeedReport;
use engine::venue::server::{Clock, VenueServer};
use feeds::event::EventKind;
use warptick_tests::live_day;

/// Times the session's own speed: six and a half hours in a second.
const SPEED: f64 = 23_400.0;

/// How long a packet may be late on a busy machine before it counts as lost.
const REORDER_WAIT_US: u64 = 40_000;

fn session() -> Inputs {
    live_day::session(24_000, 12, None)
}

/// What a seed runs under.
struct Trial {
    seed: u64,
    topology: Topology,
    retransmission_window: usize,
    backend: &'static str,
}

fn config(trial: &Trial, session: &Inputs) -> Config {
    let tables = |number| {
        format!(
            "[venues.feed.client]\nbackend = \"{}\"\nreorder_wait_us = {REORDER_WAIT_US}\n\
             request_interval_us = 20000\nrequests_max = 3\nwindow_messages = 65536\n\
             [venues.feed.publisher]\npacket_bytes_max = 300\nretransmission_window = {}\n\
             [venues.feed.faults]\nloss_ppm = 10000\nburst_ppm = 1000\nburst_packets = 6\n\
             reorder_ppm = 10000\nreorder_ns = 300000\nduplicate_ppm = 10000\nskew_ns = 50000\n\
             jitter_ns = 30000\nseed = {}\n",
            trial.backend,
            trial.retransmission_window,
            trial.seed * 2 + number,
        )
    };
    let mut config = live_day::config(session, "", "", tables);
    config.pipeline.topology = trial.topology;
    if trial.seed.is_multiple_of(2) {
        config.wide = Some(wide(&config));
    }
    config
}

/// Pairs over all instruments with a taker, and a chain on the first.
fn wide(config: &Config) -> WideConfig {
    let symbols: Vec<_> = config.instruments.iter().map(|entry| entry.symbol.clone()).collect();
    let text = format!(
        "pairs = [{{ symbols = {symbols:?}, profit_min_e9 = 100000000 }}]\ntaker = {{}}\n\
         [[chains]]\nvenue = \"NASDAQ\"\nsymbol = {:?}\nexpiries = [{{ years = 0.5, rate = 0.03 }}]\n\
         strikes = {{ from_e9 = 5000000000, to_e9 = 200000000000, step_e9 = 5000000000, volatility = 0.3 }}\n",
        symbols[0],
    );
    toml::from_str(&text).expect("good settings")
}

/// What both sides have on record.
struct Record {
    live: LiveOutcome,
    published: Vec<FeedReport>,
    /// ClOrdIDs that the venues received.
    received: BTreeSet<u64>,
}

/// Runs a seed; fails where an address is taken that was free when it was chosen.
fn run(
    trial: &Trial,
    session: &Inputs,
    journal: &Path,
    recording: &Path,
) -> Result<(Record, Config), Failure> {
    let mut config = config(trial, session);
    let mut server = VenueServer::bind(session, &config)?;
    server.publish(session, &config)?;
    for (venue, address) in config.venues.iter_mut().zip(server.addresses()) {
        venue.address = address;
    }
    let over = AtomicBool::new(false);
    let stop = Stop::new();
    let options = LiveOptions {
        journal: Some(journal.to_owned()),
        record: Some(recording.to_owned()),
        report: Some(journal.with_extension("report")),
        ..LiveOptions::default()
    };
    let (live, published, received) = std::thread::scope(|scope| {
        let venue = scope.spawn(|| {
            // Relaxed: a flag on its own.
            let clock = Clock::Wall { times: SPEED, at_once: false };
            server.serve(clock, || over.load(Ordering::Relaxed));
            let published: Vec<_> =
                server.feeds().iter().map(|feed| feed.as_ref().expect("published").report()).collect();
            let ids = server.cores().flat_map(|core| core.cl_ord_ids());
            let ids =
                ids.map(|id| std::str::from_utf8(id.as_bytes()).expect("digits").parse().expect("digits"));
            (published, ids.collect())
        });
        let live = live_run::run(&config, &options, &stop, Vec::new());
        over.store(true, Ordering::Relaxed);
        let (published, received) = venue.join().expect("the venue");
        (live, published, received)
    });
    Ok((Record { live: live?, published, received }, config))
}

/// Tries a seed again, with other addresses, where one was taken.
fn run_somewhere(trial: &Trial, session: &Inputs, directory: &Path) -> (Record, Config, PathBuf, PathBuf) {
    for attempt in 0.. {
        let journal = directory.join(format!("journal{attempt}"));
        let recording = directory.join(format!("recording{attempt}.pcapng"));
        match run(trial, session, &journal, &recording) {
            Ok((record, config)) => return (record, config, journal, recording),
            Err(failure) if attempt < 8 && failure.to_string().contains("in use") => {}
            Err(failure) => panic!("seed {}: {failure}", trial.seed),
        }
    }
    unreachable!("the last attempt panics")
}

/// Messages in gaps by venue, and ClOrdIDs of every action, from the journal; fails at an order from a stale book.
fn audit(seed: u64, journal: &Path) -> ([u64; 2], BTreeSet<u64>, u64) {
    let mut stale = [false; 2];
    let mut missing = [0; 2];
    let mut actions = BTreeSet::new();
    let mut while_stale = 0;
    for record in DecideReader::open(journal).expect("a journal") {
        match record.expect("intact").record {
            DecideRecord::MarketEvent(event) => match event.kind {
                EventKind::Gap => {
                    stale[usize::from(event.venue)] = true;
                    missing[usize::from(event.venue)] += event.quantity;
                }
                EventKind::Recovered => stale[usize::from(event.venue)] = false,
                _ => {}
            },
            DecideRecord::Action(order) => {
                actions.insert(order.cl_ord_id);
                let is_stale = stale[usize::from(order.venue)];
                while_stale += u64::from(is_stale);
                assert!(
                    !is_stale || order.action == OrderAction::Cancel,
                    "seed {seed}: priced from a stale book: {order:?}"
                );
            }
            _ => {}
        }
    }
    assert_eq!(stale, [false; 2], "seed {seed}: a gap is open at the end");
    (missing, actions, while_stale)
}

/// What a seed showed.
struct Counted {
    /// Messages in gaps.
    missing: u64,
    /// Venues whose gaps held exactly what no line brought.
    exact: u64,
    /// Orders cancelled because their book was stale.
    while_stale: u64,
    /// Snapshots taken in.
    snapshots: u64,
    /// Orders and cancels that the venues received.
    orders: u64,
}

fn check(trial: &Trial, session: &Inputs, book_hash: u64) -> Counted {
    let directory = tempfile::tempdir().expect("a directory");
    let (record, config, journal, recording) = run_somewhere(trial, session, directory.path());
    let seed = trial.seed;
    let Record { live, published, received } = record;
    assert!(live.outcome.failure.is_none(), "seed {seed}: {}", live.outcome.failure.unwrap());
    assert_eq!(live.outcome.book_hash, book_hash, "seed {seed}: the lossless books\n{live}");
    let wide = &live.outcome.summary.wide;
    let answered: u64 = wide.answers_by_kind.values().sum();
    assert_eq!((answered > 100, answered), (seed.is_multiple_of(2), wide.requests), "seed {seed}: {wide:?}");
    let (missing, actions, while_stale) = audit(seed, &journal);
    let (mut snapshots, mut exact) = (0, 0);
    for ((feed, published), missing) in live.feeds.iter().zip(&published).zip(missing) {
        let lost = published.lost_on_all_lines.messages();
        assert_eq!(feed.state, "live", "seed {seed}: {feed}");
        assert_eq!(feed.arbiter.missing_messages, missing, "seed {seed}: every gap is an event\n{feed}");
        snapshots += feed.arbiter.snapshots;
        let dropped: u64 = feed.lines.iter().map(|line| line.figures.kernel_drops).sum();
        if feed.arbiter.snapshots == 0 {
            assert!(missing >= lost, "seed {seed}: what no line brought is in a gap\n{feed}");
            assert_eq!(feed.arbiter.messages, published.messages, "seed {seed}");
        }
        // On a machine that stood still for so long, what was late was counted too.
        let lag_max_ns = feed.lines.iter().map(|line| line.lag_ns.max()).max();
        let stood_still = lag_max_ns.is_some_and(|max| max > REORDER_WAIT_US * 1_000 / 2);
        if feed.arbiter.snapshots == 0 && dropped == 0 && !stood_still {
            assert_eq!(missing, lost, "seed {seed}: and nothing else is\n{feed}");
            exact += 1;
        }
        assert!(
            feed.lines.iter().all(|line| line.figures.wins > 0 && line.figures.lost_messages > 0),
            "seed {seed}: {feed}"
        );
        for line in feed.lines.iter().filter(|line| !line.lag_ns.is_empty()) {
            let log = format!("lag_{}.hlog", line.figures.name.replace(' ', "_"));
            let read = histograms::read_log(&journal.with_extension("report").join(log));
            assert_eq!(read.expect("a log").len(), line.lag_ns.len(), "seed {seed}: {}", line.figures.name);
        }
    }
    assert!(received.is_subset(&actions), "seed {seed}: the venue has an order that the journal has not");
    let replayed =
        journal_replay::replay(&journal).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    assert!(replayed.is_reproduced() && replayed.digest == live.outcome.digest, "seed {seed}: the journal");
    check_recording(seed, &recording, &config, book_hash);
    let missing = missing.iter().sum();
    Counted { missing, exact, while_stale, snapshots, orders: received.len() as u64 }
}

/// The recording's replay ends with the same books, both venues out of one file.
fn check_recording(seed: u64, recording: &Path, config: &Config, book_hash: u64) {
    let of_venue =
        |venue: &str| CaptureArgument { path: recording.to_owned(), venue: Some(venue.to_owned()) };
    let inputs = Inputs::open_for(config, &[of_venue("NASDAQ"), of_venue("BX")], None)
        .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    let report = book_report::build(&inputs, BookFiles::default()).expect("books");
    assert!(report.failure.is_none(), "seed {seed}: {:?}", report.failure.map(|failure| failure.to_string()));
    assert_eq!(report.book_hash, book_hash, "seed {seed}: the recording's books");
}

fn lossless(session: &Inputs) -> u64 {
    let report = book_report::build(session, BookFiles::default()).expect("books");
    assert!(report.failure.is_none());
    report.book_hash
}

/// `WARPTICK_SEEDS`: how many, or `FIRST..END`.
fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("WARPTICK_SEEDS") else { return 1..11 };
    let (first, end) = text.split_once("..").unwrap_or(("1", &text));
    let number = |text: &str| text.parse::<u64>().expect("WARPTICK_SEEDS is a number, or FIRST..END");
    if text.contains("..") { number(first)..number(end) } else { 1..number(end) + 1 }
}

#[test]
fn bad_lines_change_no_book_and_price_no_order() {
    let session = session();
    let book_hash = lossless(&session);
    let mut all = Counted { missing: 0, exact: 0, while_stale: 0, snapshots: 0, orders: 0 };
    for seed in seeds() {
        let trial = Trial {
            seed,
            topology: if seed % 3 == 0 { Topology::Split } else { Topology::Inline },
            // Every fifth seed has a server that forgets too soon: snapshots.
            retransmission_window: if seed % 5 == 0 { 8 } else { 1 << 20 },
            backend: if seed % 2 == 0 { "recv" } else { "auto" },
        };
        let Counted { missing, exact, while_stale, snapshots, orders } = check(&trial, &session, book_hash);
        println!(
            "seed {seed}: {missing} messages in gaps (exact at {exact} venues), {while_stale} cancels while stale, {snapshots} snapshots, \
             {orders} messages to the venues"
        );
        all.missing += missing;
        all.exact += exact;
        all.while_stale += while_stale;
        all.snapshots += snapshots;
        all.orders += orders;
    }
    let Counted { missing, exact, while_stale, snapshots, orders } = all;
    if seeds().count() >= 10 {
        assert!(missing > 0 && snapshots > 0, "the faults did nothing");
        assert!(orders > 0, "nobody traded");
        assert!(exact > 0, "no venue's gaps were exactly what was lost");
    }
    println!(
        "{:?} seeds: {missing} messages in gaps (exact at {exact} venues), {while_stale} cancels while stale, {snapshots} snapshots, {orders} \
         messages to the venues",
        seeds()
    );
}
