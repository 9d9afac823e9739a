//! `kill -9` in the middle of a live run, and `warptick run --resume`: what the venue has on record is what the resumed
//! run ends with.
//!
//! The venue runs in this process, with its own record of every order; the engine is the built binary, killed twice
//! while it trades and resumed each time from the journal that it left.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine::control::config::{Config, InstrumentConfig};
use engine::control::inputs::Inputs;
use engine::control::journal::{DecideReader, DecideRecord, JournalReader, JournalThread};
use engine::control::journal_replay;
use engine::control::recovery::{recover, snapshot};
use engine::control::run_header::RunHeader;
use engine::control::universe::Universe;
use engine::order::{Order, OrderAction};
use engine::pipeline::decision_core::DecisionCore;
use engine::venue::ClOrdIdText;
use engine::venue::server::{Clock, VenueServer};
use feeds::event::Side;
use feeds::units::PRICE_SCALE;
use warptick_tests::live_day;
use warptick_tests::warptick::{Finished, command, run};

/// Times the session's own speed: its quarter of an hour takes 45 s, and nobody waits for its end.
const SPEED: f64 = 20.0;

/// Whole units of the currency, far from what the day comes to: the day's best is on record by steps of a 256th of it.
const DRAWDOWN_MAX: i128 = 50_000;

/// Actions of a run before it is killed.
const ACTIONS_MIN: usize = 200;

/// What the parent order buys, below the default limit of a position, thirty a venue at a time: several seconds.
const PARENT_QUANTITY: u64 = 900;

/// The day in New York.
fn today() -> String {
    jiff::Timestamp::now().in_tz("America/New_York").expect("a known zone").date().to_string()
}

fn config(session: &Inputs) -> Config {
    let symbol = session.directory().expect("symbols").symbol(0).expect("eight symbols").to_string();
    let settings = format!("[journal]\nsnapshot_s = 1\n[risk]\ndrawdown_max = {DRAWDOWN_MAX}\n");
    let mut config = live_day::config(session, &settings, "", |_| String::new());
    let parent = format!(
        "symbol = \"{symbol}\"\nside = \"buy\"\nquantity = {PARENT_QUANTITY}\nlimit_e9 = 1000000000000\n\
         child_qty_max = 30\ncool_down_ns = 250000000\n"
    );
    // Its times are those of the session's day, and a live run's clock is the machine's.
    config.date = Some(today());
    config.parent_orders = vec![toml::from_str(&parent).expect("a parent order")];
    live_day::hurry(&mut config);
    // Its quotes would be in the parent order's way.
    config.instruments.iter_mut().filter(|entry| entry.symbol == symbol).for_each(|entry| {
        (entry.market_maker, entry.arbitrage) = (None, None);
    });
    config
}

/// One process of the engine.
struct Engine {
    child: Child,
    journal: PathBuf,
}

impl Engine {
    fn start(config: &Path, journal: PathBuf, resumed: Option<&Path>) -> Self {
        let mut warptick = command();
        warptick.arg("run").arg("--config").arg(config).arg("--journal").arg(&journal);
        if let Some(former) = resumed {
            warptick.arg("--resume").arg(former);
        }
        let child = warptick.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        Self { child, journal }
    }

    fn actions(&self) -> Vec<Order> {
        actions(&self.journal)
    }

    /// Waits until it has traded.
    fn wait_for_actions(&mut self) {
        self.wait_for("200 actions", |orders| orders.len() >= ACTIONS_MIN);
    }

    /// Waits until this is so of its actions.
    fn wait_for(&mut self, what: &str, mut is_so: impl FnMut(&[Order]) -> bool) {
        let start = Instant::now();
        while !is_so(&self.actions()) {
            assert!(start.elapsed() < Duration::from_secs(60), "not {what}: {:?}", self.output());
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(self.child.try_wait().expect("a child").is_none(), "ended by itself: {:?}", self.output());
    }

    /// Kills it with signal 9 while it trades.
    fn kill_while_trading(mut self) -> PathBuf {
        self.wait_for_actions();
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
        self.journal.clone()
    }

    fn output(&mut self) -> Finished {
        let _ = self.child.kill();
        self.finish()
    }

    fn finish(&mut self) -> Finished {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.child.stdout.take().expect("piped").read_to_string(&mut stdout).expect("text");
        self.child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("text");
        Finished { code: self.child.wait().expect("a child").code(), stdout, stderr }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn actions(journal: &Path) -> Vec<Order> {
    let Ok(reader) = DecideReader::open(journal) else { return Vec::new() };
    let records = reader.map_while(Result::ok);
    records
        .filter_map(|record| match record.record {
            DecideRecord::Action(order) => Some(order),
            _ => None,
        })
        .collect()
}

/// Children of the parent order, whose strategy is numbered behind those of the instruments.
fn children<'a>(orders: &'a [Order], config: &Config) -> impl Iterator<Item = &'a Order> {
    let of_entry = |entry: &InstrumentConfig| {
        u16::from(entry.market_maker.is_some()) + u16::from(entry.arbitrage.is_some())
    };
    let parent: u16 = config.instruments.iter().map(of_entry).sum();
    orders.iter().filter(move |order| order.action == OrderAction::New && order.strategy == parent)
}

/// What a journal says that its run's children have filled.
fn bought(journal: &Path, config: &Config) -> u64 {
    let mut filled: BTreeMap<u64, u64> =
        children(&actions(journal), config).map(|order| (order.cl_ord_id, 0)).collect();
    let Ok(reader) = DecideReader::open(journal) else { return 0 };
    for record in reader.map_while(Result::ok) {
        if let DecideRecord::Execution(execution) = record.record
            && let Some(quantity) = filled.get_mut(&execution.cl_ord_id)
        {
            *quantity = execution.cumulative_quantity.max(*quantity);
        }
    }
    filled.values().sum()
}

/// Newest snapshot and tail, older ones, none: always what the whole journal comes to.
fn recovers_from_any_snapshot(journal: &Path, header: &RunHeader, core: &DecisionCore) {
    let run_id = JournalReader::open(journal, JournalThread::Decide).expect("a journal").run_id();
    let mut numbers: Vec<u64> =
        (1..1_000).filter(|&number| snapshot::path(journal, number).exists()).collect();
    assert!(!numbers.is_empty(), "a resumed run begins with a snapshot");
    let whole = recover(journal, header, run_id).expect("a state").records;
    loop {
        let recovered = recover(journal, header, run_id).expect("a state");
        let expected = core.carried(run_id);
        let behind = expected.best_worth - recovered.state.best_worth;
        assert!((0..DRAWDOWN_MAX * PRICE_SCALE as i128 / 256).contains(&behind), "the day's best: {behind}");
        let expected = expected.without_market();
        assert_eq!(recovered.state.without_market(), expected, "from {numbers:?}");
        assert_eq!(recovered.snapshot.map(|(number, _)| number), numbers.last().copied());
        let Some(number) = numbers.pop() else {
            assert!(recovered.records > whole, "{} records and no snapshot, {whole} with", recovered.records);
            return;
        };
        let path = snapshot::path(journal, number);
        let mut bytes = std::fs::read(&path).expect("there");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).expect("written");
        let damaged = recover(journal, header, run_id).expect("a state").damaged;
        assert!(damaged.iter().any(|what| what.contains("passed over")), "{damaged:?}");
    }
}

#[test]
fn a_killed_run_is_resumed_from_its_journal() {
    let session = live_day::session(60_000, 8, Some(900));
    let mut config = config(&session);
    let mut server = VenueServer::bind(&session, &config).expect("free ports");
    server.publish(&session, &config).expect("feeds");
    for (venue, address) in config.venues.iter_mut().zip(server.addresses()) {
        venue.address = address;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("live.toml");
    std::fs::write(&file, toml::to_string(&config).expect("TOML")).expect("written");
    let place = |name: &str| directory.path().join(name);
    let over = AtomicBool::new(false);
    let journals = std::thread::scope(|scope| {
        let venue = scope.spawn(|| {
            // Relaxed: a flag on its own.
            server.serve(Clock::Wall { times: SPEED, at_once: false }, || over.load(Ordering::Relaxed));
        });
        let ends = scope.spawn(|| {
            let mut first = Engine::start(&file, place("first"), None);
            first.wait_for_actions();
            // Nobody goes on from a run that goes on.
            let refused = Engine::start(&file, place("refused"), Some(&first.journal)).finish();
            assert_eq!(refused.code, Some(2), "{refused:?}");
            assert!(refused.stderr.contains("still goes on"), "{refused:?}");
            let first = first.kill_while_trading();
            let second = Engine::start(&file, place("second"), Some(&first)).kill_while_trading();
            let mut third = Engine::start(&file, place("third"), Some(&second));
            third.wait_for_actions();
            let journal = third.journal.clone();
            let before = bought(&first, &config) + bought(&second, &config);
            third.wait_for("a parent order that is done", |_| {
                before + bought(&journal, &config) >= PARENT_QUANTITY
            });
            // Time enough for more, were more asked for.
            std::thread::sleep(Duration::from_secs(1));
            let mut interrupt = std::process::Command::new("kill");
            interrupt.args(["-INT", &third.child.id().to_string()]);
            assert!(interrupt.status().expect("kill runs").success());
            let finished = third.finish();
            assert_eq!(finished.code, Some(3), "{finished:?}");
            assert!(finished.stdout.contains("resumed from"), "{finished:?}");
            [first, second, third.journal.clone()]
        });
        let journals = ends.join();
        over.store(true, Ordering::Relaxed);
        venue.join().expect("the venue");
        journals.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });

    // No ClOrdID twice, over all three.
    let all: Vec<Order> = journals.iter().flat_map(|journal| actions(journal)).collect();
    let mut ids: Vec<u64> =
        all.iter().filter(|order| order.action != OrderAction::Status).map(|order| order.cl_ord_id).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "a ClOrdID was used twice");

    // What the venue filled is what the last run ends with.
    let mut filled: BTreeMap<u32, i64> = BTreeMap::new();
    let cores: Vec<_> = server.cores().collect();
    let filled_of = |order: &Order| {
        let text = ClOrdIdText::from_number(order.cl_ord_id);
        cores[usize::from(order.venue)].order_of(0, &text).map_or(0, |(_, quantity)| quantity)
    };
    for order in all.iter().filter(|order| order.action == OrderAction::New) {
        let sign = if order.side == Side::Buy { 1 } else { -1 };
        *filled.entry(order.instrument).or_default() += sign * filled_of(order) as i64;
    }
    filled.retain(|_, position| *position != 0);
    let last = &journals[2];
    let header = RunHeader::read(last).expect("a header");
    let core = journal_replay::state_at_end(last, &header).expect("a journal");
    assert_eq!(core.risk().positions().collect::<BTreeMap<_, _>>(), filled, "positions");
    recovers_from_any_snapshot(last, &header, &core);

    // What the parent order bought in all three is what it was to buy.
    let bought: Vec<u64> =
        journals.iter().map(|journal| children(&actions(journal), &config).map(filled_of).sum()).collect();
    println!("bought by run: {bought:?}");
    assert_eq!(bought.iter().sum::<u64>(), PARENT_QUANTITY, "{bought:?}");
    assert!(bought.iter().filter(|&&of_run| of_run > 0).count() > 1, "it was gone on with: {bought:?}");

    let asked = all.iter().filter(|order| order.action == OrderAction::Status).count();
    assert!(asked > 0, "no order was in doubt");
    assert_eq!(core.orders().in_doubt(), 0, "everything was settled");
    assert!(!filled.is_empty() || core.counters().fills > 0, "nothing traded");

    for journal in &journals {
        let replayed = run(["journal".as_ref(), "replay".as_ref(), journal.as_os_str()]);
        assert_eq!(replayed.code, Some(0), "{replayed:?}");
        assert!(replayed.stdout.contains("VERDICT: REPRODUCED"), "{replayed:?}");
    }

    // Other parent orders are other promises.
    let mut other = config.clone();
    other.parent_orders[0].quantity += 100;
    std::fs::write(&file, toml::to_string(&other).expect("TOML")).expect("written");
    let refused = Engine::start(&file, place("other"), Some(last)).finish();
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("its parent orders are others"), "{refused:?}");

    // Another day is another matter.
    let mut tomorrow = config.clone();
    tomorrow.date = Some("2026-01-06".to_owned());
    std::fs::write(&file, toml::to_string(&tomorrow).expect("TOML")).expect("written");
    let refused = Engine::start(&file, place("tomorrow"), Some(last)).finish();
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("day orders have expired"), "{refused:?}");
}
