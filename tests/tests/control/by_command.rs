//! Killed, reset and limited by people.

use std::time::{Duration, Instant};

use engine::control::config::Topology;
use engine::control::journal::{DecideReader, DecideRecord};
use engine::control::{journal_replay, kill_switch, operator_port};
use engine::order::OrderAction;
use engine::pipeline::operator::{Command, KillCause, LimitRule, Scope};
use serde_json::json;
use warptick_tests::warptick::{Finished, command};

use super::resting::{Resting, Switches};
use super::rig::{Ended, Live, ORDERS, Setup, TOKENS, live, lives};
use super::wire::wait_for;

const TOPOLOGIES: [Topology; 2] = [Topology::Inline, Topology::Split];

/// Commands of a journal with the notes before them, and that nothing but cancels was decided between a kill of everything
/// and its reset.
fn commands(journal: &std::path::Path) -> Vec<(String, Command)> {
    let (mut commands, mut note, mut is_killed) = (Vec::new(), String::new(), false);
    for record in DecideReader::open(journal).expect("a journal") {
        match record.expect("intact").record {
            DecideRecord::Note(said) => note = format!("{}: {}", said.who(), said.why()),
            DecideRecord::Command(command) => {
                is_killed |= matches!(command, Command::Kill { scope: Scope::All, .. });
                is_killed &= !matches!(command, Command::Reset { scope: Scope::All });
                commands.push((std::mem::take(&mut note), command));
            }
            DecideRecord::Action(order) if is_killed => {
                assert!(matches!(order.action, OrderAction::Cancel | OrderAction::Status), "{order:?}");
            }
            _ => {}
        }
    }
    commands
}

/// The journal alone leads a fresh core to the same actions.
fn is_reproduced(ended: &Ended) {
    let strategy = Resting::new(ended.instrument, ORDERS, Switches::default());
    let replayed = journal_replay::replay_with(&ended.journal, vec![strategy]);
    assert!(replayed.unwrap_or_else(|failure| panic!("{failure}")).is_reproduced());
}

#[test]
fn a_signal_a_request_and_a_command_each_cancel_everything_until_a_reset() {
    kill_switch::install().expect("a handler");
    for topology in TOPOLOGIES {
        let setup = Setup { topology, ..Setup::default() };
        let ended = live(&setup, |live| {
            let cli = |arguments: &[&str]| -> Finished {
                let mut warptick = command();
                warptick.args(&arguments[..1]).arg("--config").arg(&live.config_file).args(&arguments[1..]);
                warptick.output().expect("the binary runs").into()
            };
            let kill: [&dyn Fn(); 3] = [
                &|| {
                    // SAFETY: plain integers; the handler is installed.
                    assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
                },
                &|| assert_eq!(live.post("/kill", "all")["carried_out"], json!(true)),
                &|| {
                    let done = cli(&["kill", "--who", "cleo", "--why", "drill"]);
                    assert_eq!(done.code, Some(0), "{done:?}");
                },
            ];
            for (number, kill) in kill.iter().enumerate() {
                live.wait_for_orders();
                let at = Instant::now();
                kill();
                live.wait_for_none();
                wait_for("the cancels' reports", Duration::from_secs(2), || {
                    live.wire.cancelled_since(at) >= ORDERS
                });
                assert_eq!(live.wire.ours_since(at, b'F'), ORDERS, "kill {number}: each is cancelled once");
                std::thread::sleep(Duration::from_millis(50));
                let status = live.status();
                assert_eq!(status["killed"], json!(true), "{status}");
                assert_eq!(
                    status["cause"],
                    json!(if number == 0 { "signal" } else { "operator" }),
                    "{status}"
                );
                let late = Instant::now();
                std::thread::sleep(Duration::from_millis(50));
                assert_eq!(live.wire.ours_since(late, b'D'), 0, "kill {number}: nothing new leaves");
                if number < 2 {
                    let reset = live.post("/reset", "all");
                    assert_eq!(
                        (&reset["carried_out"], &reset["killed"]),
                        (&json!(true), &json!(false)),
                        "{reset}"
                    );
                } else {
                    let done = cli(&["reset", "all", "--who", "cleo", "--why", "over"]);
                    assert_eq!(done.code, Some(0), "{done:?}");
                }
            }
            // Trading goes on, and the run ends killed.
            live.wait_for_orders();
            let done = cli(&["status"]);
            assert!(done.stdout.contains("\"open_orders\": 100"), "{done:?}");
            assert_eq!(live.post("/kill", "all")["carried_out"], json!(true));
            live.wait_for_none();
        });
        let outcome = &ended.outcome.as_ref().expect("it ran").outcome;
        assert_eq!(outcome.open_orders, 0);
        let failure = outcome.failure.as_ref().expect("killed and stopped");
        assert_eq!(failure.exit_code(), 3, "{failure}");
        let commands = commands(&ended.journal);
        let first =
            |who: &str| commands.iter().find(|(note, _)| note.starts_with(who)).map(|(_, command)| *command);
        let kill = |cause| Some(Command::Kill { scope: Scope::All, cause });
        assert_eq!(first("warptick: signal"), kill(KillCause::Signal), "{commands:?}");
        assert_eq!(first("bob: test"), Some(Command::Reset { scope: Scope::All }), "{commands:?}");
        assert_eq!(first("cleo: drill"), kill(KillCause::Operator), "{commands:?}");
        assert_eq!(first("cleo: over"), Some(Command::Reset { scope: Scope::All }), "{commands:?}");
        is_reproduced(&ended);
    }
}

/// Kills that meet orders which are being entered: waiting in the order ring, on their way, not yet acknowledged.
#[test]
fn a_kill_cancels_whatever_has_left_in_whatever_state() {
    kill_switch::install().expect("a handler");
    for topology in TOPOLOGIES {
        let setup = Setup { topology, ..Setup::default() };
        let ended = live(&setup, |live| {
            live.wait_for_orders();
            let mut left = ORDERS;
            for number in 0..12u64 {
                if number % 2 == 0 {
                    live.post("/kill", "all");
                } else {
                    // SAFETY: plain integers; the handler is installed.
                    assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
                }
                live.wait_for_none();
                let passed =
                    || (live.wire.ours_since(live.began, b'D'), live.wire.cancelled_since(live.began));
                wait_for("a cancel of every order that has left", Duration::from_secs(5), || {
                    let (entered, cancelled) = passed();
                    entered == cancelled
                });
                left = left.max(passed().0);
                live.post("/reset", "all");
                // The strategy enters 16 each 5 ms.
                std::thread::sleep(Duration::from_micros(number * 2_500));
            }
            assert!(left > ORDERS, "no kill has met orders");
        });
        is_reproduced(&ended);
    }
}

#[test]
fn a_resumed_run_goes_on_with_the_limits_that_were_changed() {
    let file = |order_qty_max: u32| {
        format!(
            "[risk]\nmessages_per_s = 100000\nmessages_burst = 10000\n[limits]\ncollar_bp = 3000\norder_qty_max = {order_qty_max}\n\
             position_max = 1000000\norder_notional_max = 100000000\n"
        )
    };
    let body = |text: String| json!({ "text": text, "who": "bob", "why": "calm" });
    let ended = lives(
        &Setup::default(),
        vec![
            Box::new(|live: &Live| {
                live.wait_for_orders();
                let said = live.ask(0, "/limits", Some(body(file(5)))).expect("limits");
                assert_eq!((&said["version"], &said["carried_out"]), (&json!(2), &json!(true)), "{said}");
            }),
            Box::new(|live: &Live| {
                wait_for("the resumed run", Duration::from_secs(10), || !live.status().is_null());
                assert_eq!(live.status()["limits_version"], json!(2));
                // What is in force is no change, and less than the configuration's 500 is more than what is in force.
                let same = live.ask(0, "/limits", Some(body(file(5)))).expect("limits");
                assert_eq!((&same["applied"], &same["proposed"]), (&json!([]), &json!(null)), "{same}");
                let looser = live.ask(0, "/limits", Some(body(file(400)))).expect("limits");
                assert_eq!(looser["applied"], json!([]), "{looser}");
                let change = looser["proposed"]["changes"][0].as_str().expect("a proposal");
                assert!(change.ends_with("5 -> 400"), "{looser}");
                // A former version is none that this run could be told to start from.
                let stale = json!({ "text": file(4), "who": "bob", "why": "calm", "version": 1 });
                assert!(live.ask(0, "/limits", Some(stale)).expect_err("stale").contains("version 2"));
                let tighter = live.ask(0, "/limits", Some(body(file(4)))).expect("limits");
                assert!(tighter["applied"][0].as_str().expect("a change").ends_with("5 -> 4"), "{tighter}");
                assert_eq!(tighter["version"], json!(3), "{tighter}");
            }),
        ],
    );
    assert!(ended.outcome.is_ok());
}

#[test]
fn a_part_is_stopped_and_the_rest_trades_on() {
    let ended = live(&Setup::default(), |live| {
        live.wait_for_orders();
        live.post("/kill", "venue:BX");
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(live.open_orders(), ORDERS, "nothing of it is at BX");
        let bx = json!({ "scope": "venue:BX", "cause": "operator" });
        assert_eq!(live.status()["blocks"], json!([bx]));
        for scope in ["venue:NASDAQ", "side:buy"] {
            live.post("/kill", scope);
            live.wait_for_none();
            let status = live.status();
            assert_eq!(status["killed"], json!(false), "not everything");
            let block = json!({ "scope": scope, "cause": "operator" });
            let blocks = status["blocks"].as_array().expect("a list");
            assert!(blocks.len() == 2 && blocks.contains(&bx) && blocks.contains(&block), "{status}");
            live.post("/reset", scope);
            live.wait_for_orders();
        }
        let symbol = &live.config.instruments[0].symbol;
        live.post("/kill", &format!("symbol:{symbol}"));
        live.wait_for_none();
        // A reset of everything lifts it too.
        live.post("/reset", "all");
        live.wait_for_orders();
        assert_eq!(live.status()["blocks"], json!([]));
    });
    is_reproduced(&ended);
}

#[test]
fn limits_tighten_at_once_and_loosen_with_another_persons_consent() {
    operator_port::install_hangup().expect("a handler");
    let ended = live(&Setup::default(), |live| {
        live.wait_for_orders();
        let table = |collar_bp: u32, order_qty_max: u32| {
            format!(
                "[risk]\nmessages_per_s = 100000\nmessages_burst = 10000\n[limits]\ncollar_bp = {collar_bp}\norder_qty_max = {order_qty_max}\n\
                 position_max = 1000000\norder_notional_max = 100000000\n"
            )
        };
        let file = live.directory.join("limits.toml");
        // 5 shares at most: the strategy's 10 are refused from now on.
        std::fs::write(&file, table(3000, 5)).expect("written");
        let mut warptick = command();
        warptick.arg("limits").arg("--config").arg(&live.config_file).arg(&file);
        let done: Finished =
            warptick.args(["--who", "bob", "--why", "calm"]).output().expect("the binary runs").into();
        assert_eq!(done.code, Some(0), "{done:?}");
        assert!(done.stdout.contains("500 -> 5\""), "{done:?}");
        assert_eq!(live.status()["limits_version"], json!(2));
        live.post("/kill", "all");
        live.wait_for_none();
        live.post("/reset", "all");
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(live.open_orders(), 0, "the new limit refuses the strategy's orders");

        // SIGHUP reads the file again; what it loosens only waits.
        std::fs::write(&file, table(3000, 400)).expect("written");
        // SAFETY: plain integers; the handler is installed.
        assert_eq!(unsafe { libc::raise(libc::SIGHUP) }, 0);
        wait_for("the proposal", Duration::from_secs(2), || live.status()["proposal"]["id"] == json!(1));
        assert_eq!((live.status()["limits_version"].clone(), live.open_orders()), (json!(2), 0));
        let confirm = json!({ "id": 1, "who": "SIGHUP", "why": "mine" });
        let own = live.ask(0, "/limits/confirm", Some(confirm)).expect_err("the proposer's own");
        assert!(own.contains("another person"), "{own}");
        let said = live.ask(1, "/limits/confirm", Some(json!({ "id": 1, "why": "agreed" }))).expect("ann's");
        assert_eq!((&said["carried_out"], &said["version"]), (&json!(true), &json!(3)), "{said}");
        live.wait_for_orders();

        // Nothing that is wrong changes anything.
        for (token, text, said) in [
            (0, "[limits]\ncollar_bp = \"wide\"", "collar_bp"),
            (0, "[pipeline]\norder_ring = 64", "nothing else"),
            (0, "[limits]\nprice_tick_e9 = 1", "cannot change"),
        ] {
            let body = json!({ "text": text, "who": "bob", "why": "x" });
            let error = live.ask(token, "/limits", Some(body)).expect_err(text);
            assert!(error.contains(said), "{error}");
        }
        let mut wrong = command();
        wrong.arg("kill").arg("--config").arg(&live.config_file).args(["--token-env", "PATH"]);
        let wrong: Finished = wrong.output().expect("the binary runs").into();
        assert_eq!(wrong.code, Some(1), "{wrong:?}");
        assert!(
            wrong.stderr.contains("wrong token") && !live.status()["killed"].as_bool().expect("a flag"),
            "{wrong:?}"
        );
        assert_eq!(live.status()["limits_version"], json!(3));
    });
    let changes: Vec<_> = commands(&ended.journal)
        .into_iter()
        .filter_map(|(note, command)| match command {
            Command::SetLimit(change) => Some((note, change.version, change.rule, change.value)),
            _ => None,
        })
        .collect();
    assert_eq!(
        changes,
        [
            ("bob: calm".to_owned(), 2, LimitRule::OrderQtyMax, 5),
            ("ann: agreed".to_owned(), 3, LimitRule::OrderQtyMax, 400),
        ]
    );
    is_reproduced(&ended);
    assert!(TOKENS.iter().all(|token| std::env::var(token).is_ok()));
}
