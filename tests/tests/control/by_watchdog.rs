//! Stopped by itself: a hung or panicking hot thread, a silent feed, a lost session; and a venue that does not cancel.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use engine::control::config::Topology;
use engine::control::journal::{DecideReader, DecideRecord};
use engine::control::live_run::LiveOutcome;
use engine::pipeline::operator::{Command, KillCause, Scope};
use serde_json::{Value, json};

use super::resting::Switches;
use super::rig::{ORDERS, Setup, live};
use super::wire::wait_for;

fn commands(journal: &std::path::Path) -> Vec<Command> {
    let records = DecideReader::open(journal).expect("a journal");
    let records = records.map(|record| record.expect("intact").record);
    records
        .filter_map(|record| match record {
            DecideRecord::Command(command) => Some(command),
            _ => None,
        })
        .collect()
}

/// Kills and resets of one scope, repeated ones (a kill's sweep) once.
fn turns(commands: &[Command], of: Scope) -> Vec<Command> {
    let mut turns: Vec<Command> = commands
        .iter()
        .copied()
        .filter(|command| match command {
            Command::Kill { scope, .. } | Command::Reset { scope } => *scope == of,
            _ => false,
        })
        .collect();
    turns.dedup();
    turns
}

#[test]
fn a_hung_strategy_leaves_no_order_at_the_venue() {
    for topology in [Topology::Inline, Topology::Split] {
        let switches = Switches::default();
        let operator = "heartbeat_ms = 200";
        let setup = Setup { topology, operator, switches: switches.clone(), ..Setup::default() };
        let ended = live(&setup, |live| {
            live.wait_for_orders();
            switches.hangs.store(true, Ordering::Relaxed);
            wait_for("the hang", Duration::from_secs(2), || switches.hung.load(Ordering::Relaxed) > 0);
            let hung = Instant::now();
            wait_for("the end of the session", Duration::from_secs(1), || {
                live.wire.ends().iter().any(|&end| end >= hung)
            });
            let end = *live.wire.ends().iter().find(|&&end| end >= hung).expect("it ended");
            assert!(end - hung < Duration::from_secs(1), "{:?}", end - hung);
            wait_for("the kill word", Duration::from_secs(1), || live.status()["killed"] == json!(true));
            assert_eq!(live.status()["cause"], json!("heartbeat lost"));
            std::thread::sleep(Duration::from_millis(200));
            assert_eq!(live.wire.ours_since(hung, b'D'), 0, "no order comes after");
            // The thread wakes: still nothing new leaves, and what the venue has cancelled is settled once it is back.
            switches.hangs.store(false, Ordering::Relaxed);
            live.wait_for_none();
            assert_eq!(live.wire.ours_since(hung, b'D'), 0, "nor when it wakes");
            let status = live.status();
            assert_eq!(status["core_killed"], json!(true), "{status}");
        });
        let outcome = ended.outcome.expect("it ran").outcome;
        assert_eq!(outcome.open_orders, 0);
        let commands = commands(&ended.journal);
        let kill = Command::Kill { scope: Scope::All, cause: KillCause::Heartbeat };
        assert!(commands.contains(&kill), "{commands:?}");
    }
}

#[test]
fn a_panic_ends_the_sessions() {
    let switches = Switches::default();
    let setup = Setup { switches: switches.clone(), ..Setup::default() };
    let ended = live(&setup, |live| {
        live.wait_for_orders();
        let at = Instant::now();
        switches.panics.store(true, Ordering::Relaxed);
        wait_for("the end of the session", Duration::from_secs(2), || {
            live.wire.ends().iter().any(|&end| end >= at)
        });
        assert_eq!(live.wire.ours_since(at, b'D'), 0);
    });
    let failure = ended.outcome.err().expect("a stage panicked").to_string();
    assert!(failure.contains("panicked"), "{failure}");
}

#[test]
fn a_silent_feed_stops_trading() {
    let ended = live(&Setup { feed_silence_ms: 2_000, ..Setup::default() }, |live| {
        live.wait_for_orders();
        live.feed_stops.store(true, Ordering::Relaxed);
        wait_for("the kill word", Duration::from_secs(5), || live.status()["killed"] == json!(true));
        assert_eq!(live.status()["cause"], json!("feed lost"));
        live.feed_stops.store(false, Ordering::Relaxed);
        live.wait_for_none();
    });
    let commands = commands(&ended.journal);
    let kill = Command::Kill { scope: Scope::All, cause: KillCause::FeedLost };
    assert!(commands.contains(&kill), "{commands:?}");
}

#[test]
fn a_lost_session_stops_its_venue_until_it_is_back() {
    for topology in [Topology::Inline, Topology::Split] {
        let ended = live(&Setup { topology, ..Setup::default() }, |live| {
            live.wait_for_orders();
            let at = Instant::now();
            live.wire.cut();
            // The venue has cancelled everything; the new session says so, the venue is let trade, the strategy orders again.
            wait_for("new orders", Duration::from_secs(10), || live.wire.ours_since(at, b'D') >= ORDERS);
            live.wait_for_orders();
            let status = live.status();
            assert_eq!(status["killed"], json!(false), "{status}");
            assert_eq!(status["sessions"][0], json!({ "venue": "NASDAQ", "up": true, "lost": false }));
        });
        let venue = Scope::Venue(0);
        let commands = commands(&ended.journal);
        assert_eq!(
            turns(&commands, venue),
            [Command::Kill { scope: venue, cause: KillCause::SessionLost }, Command::Reset { scope: venue }],
            "{commands:?}"
        );
    }
}

#[test]
fn a_lost_session_waits_for_a_person_where_that_is_wanted() {
    let ended = live(&Setup { operator: "session_resume = \"manual\"", ..Setup::default() }, |live| {
        live.wait_for_orders();
        let at = Instant::now();
        live.wire.cut();
        let up = || live.status()["sessions"][0]["up"] == json!(true) && live.wire.ends().len() == 1;
        wait_for("the new session", Duration::from_secs(10), up);
        live.wait_for_none();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(live.wire.ours_since(at, b'D'), 0, "nobody has reset it");
        live.post("/reset", "venue:NASDAQ");
        live.wait_for_orders();
    });
    assert!(ended.outcome.is_ok());
}

/// The next segment of the journal cannot be made: its directory is gone, as with a file system that fails.
#[test]
fn a_journal_that_fails_stops_trading_and_cancels_what_is_open() {
    for topology in [Topology::Inline, Topology::Split] {
        let journal = "segment_bytes = 131072\nsnapshot_s = 0";
        let setup = Setup { topology, journal, ..Setup::default() };
        let mut moved = std::path::PathBuf::new();
        let ended = live(&setup, |live| {
            live.wait_for_orders();
            moved = live.directory.join("moved");
            let at = Instant::now();
            std::fs::rename(&live.journal, &moved).expect("one file system");
            wait_for("every order's cancel", Duration::from_secs(30), || {
                live.wire.cancelled_since(at) >= ORDERS
            });
            assert_eq!(live.wire.ours_since(at, b'D'), 0, "nothing new leaves");
            std::thread::sleep(Duration::from_millis(50));
            assert_eq!(live.wire.ours_since(at, b'F'), ORDERS, "each is cancelled once");
            // A person's reset does not last: nothing can be journalled.
            let _ = live.ask(0, "/reset", Some(json!({ "scope": "all", "who": "bob", "why": "test" })));
            std::thread::sleep(Duration::from_millis(100));
            assert_eq!(live.wire.ours_since(at, b'D'), 0, "nor after a reset");
        });
        let failure = match ended.outcome {
            Ok(LiveOutcome { outcome, .. }) => outcome.failure.expect("it failed"),
            Err(failure) => failure,
        };
        assert_eq!(failure.exit_code(), 3, "{failure}");
        let commands = commands(&moved);
        let kill = Command::Kill { scope: Scope::All, cause: KillCause::Journal };
        assert!(commands.contains(&kill), "{commands:?}");
    }
}

#[test]
fn a_venue_without_cancel_on_disconnect_needs_consent() {
    for venue in ["cancel_on_disconnect = false", "cancel_on_disconnect = false\nprotocol = \"ouch\""] {
        let ended = live(&Setup { venue, ..Setup::default() }, |_| {
            std::thread::sleep(Duration::from_millis(300));
        });
        let failure = ended.outcome.err().expect("refused");
        assert_eq!(failure.exit_code(), 2);
        let failure = failure.to_string();
        assert!(
            failure.contains("NASDAQ") && failure.contains("accept_no_cancel_on_disconnect"),
            "{failure}"
        );
    }
    let setup = Setup {
        venue: "cancel_on_disconnect = false",
        operator: "accept_no_cancel_on_disconnect = true",
        ..Setup::default()
    };
    let ended = live(&setup, |live| {
        live.wait_for_orders();
        let at = Instant::now();
        live.wire.cut();
        wait_for("the new session", Duration::from_secs(10), || {
            live.status()["sessions"][0]["up"] == json!(true) && live.wire.ends().len() == 1
        });
        wait_for("the venue's word", Duration::from_secs(5), || live.wire.ours_since(at, b'H') >= ORDERS);
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(live.wire.cancelled_since(at), ORDERS, "by us: the venue has let them live");
        assert_ne!(live.status()["open_orders"], Value::Null);
    });
    assert!(ended.outcome.is_ok());
}
