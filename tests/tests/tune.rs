//! `warptick tune` as a user runs it: verdicts of a saved machine, a profile that a replay obeys, a measurement that ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tuning::fixture::{Fixture, unpack};
use warptick_tests::warptick::{Finished, command, line, run};

fn saved(fixture: Fixture) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    unpack(fixture.manifest(), directory.path()).expect("a well-formed manifest");
    directory
}

fn check(root: &Path, more: &[&str]) -> Finished {
    run([&["tune", "check", "--root", root.to_str().expect("UTF-8")], more].concat())
}

#[test]
fn a_saved_machine_is_judged_and_strictness_is_an_exit_code() {
    let (laptop, server) = (saved(Fixture::Laptop), saved(Fixture::TunedServer));
    let found = check(laptop.path(), &[]);
    assert_eq!(found.code, Some(0), "{found:?}");
    assert!(found.stdout.contains("FAIL     clock source"), "{}", found.stdout);
    assert!(
        found.stdout.contains("  set     boot with isolcpus=managed_irq,domain,1,5\n"),
        "{}",
        found.stdout
    );
    let found = check(laptop.path(), &["--strict"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.stderr.contains("3 of 32 host settings FAIL"), "{found:?}");
    assert_eq!(check(server.path(), &["--strict"]).code, Some(0));
    let nothing = tempfile::tempdir().expect("a directory");
    let found = check(nothing.path(), &[]);
    assert!(found.code == Some(2) && found.stderr.contains("no saved machine"), "{found:?}");
}

#[test]
fn this_machine_is_judged_without_a_change() {
    let found = run(["tune", "check", "--all"]);
    assert_eq!(found.code, Some(0), "{found:?}");
    assert_eq!(found.stdout.matches("  undo    ").count(), 32, "{}", found.stdout);
}

/// A generated capture in a directory of its own.
fn capture() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("day");
    let out_text = out.to_str().expect("UTF-8");
    let made = run(["generate", out_text, "--messages", "20000", "--symbols", "3"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let file = directory.path().join("day.nasdaq.itch");
    (directory, file)
}

#[test]
fn a_planned_profile_is_obeyed() {
    let (directory, file) = capture();
    for topology in ["inline", "split"] {
        let profile = directory.path().join(format!("{topology}.toml"));
        let profile_text = profile.to_str().expect("UTF-8");
        let planned = run(["tune", "plan", "--topology", topology, "--out", profile_text]);
        assert_eq!(planned.code, Some(0), "{planned:?}");
        let again = run(["tune", "plan", "--topology", topology, "--out", profile_text]);
        assert!(again.code == Some(2) && again.stderr.contains(profile_text), "{again:?}");
        let capture = format!("{}@NASDAQ", file.display());
        let replayed = run(["replay", &capture, "--pace", "max", "--config", profile_text]);
        assert_eq!(replayed.code, Some(0), "{replayed:?}");
        let placement =
            replayed.stdout.lines().find(|line| line.contains("placement:")).expect("a placement");
        let config: toml::Table = fs::read_to_string(&profile).expect("written").parse().expect("TOML");
        for (role, core) in config["placement"].as_table().expect("a table") {
            if let Some(core) = core.as_integer() {
                assert!(placement.contains(&format!("{role} on core {core}")), "{role}: {placement}");
            }
        }
    }
}

#[test]
fn a_placement_that_cannot_be_is_refused_by_name() {
    let (directory, file) = capture();
    let replay = |text: &str| {
        let profile = directory.path().join("profile.toml");
        fs::write(&profile, text).expect("writable");
        let capture = format!("{}@NASDAQ", file.display());
        run(["replay", &capture, "--pace", "max", "--config", profile.to_str().expect("UTF-8")])
    };
    for (text, words) in [
        ("[placement]\ninline = 999\n", "stage inline: core 999 is not online"),
        ("[placement]\ndecide = 0\n", "stage inline has no core in the plan"),
        ("[placement]\ninline = 0\n[pipeline]\ncores = [0]\n", "pipeline.cores"),
        ("[placement]\nencode = 0\n", "encode"),
        (
            "[pipeline]\ntopology = \"split\"\n[placement]\ningest = 0\ndecide = 0\norder_entry = 0\n",
            "stages ingest and decide are both on core 0",
        ),
    ] {
        let refused = replay(text);
        assert_eq!(refused.code, Some(2), "{text}: {refused:?}");
        assert!(refused.stderr.contains(words), "{text}: {}", refused.stderr);
    }
}

#[test]
fn jitter_ends_by_itself_and_by_a_signal() {
    let measured = run(["tune", "jitter", "--seconds", "0.05"]);
    assert_eq!(measured.code, Some(0), "{measured:?}");
    let json = |text: &str| -> serde_json::Value {
        serde_json::from_str(text.lines().last().expect("a line")).expect("JSON at the end")
    };
    assert_eq!(json(&measured.stdout)["interrupted"], false);
    assert!(line(&measured.stdout, "hiccups:").contains("gaps above"));
    let mut child = command()
        .args(["tune", "jitter", "--seconds", "600"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // Long enough for the signal handler to be there; the measurement itself would take many minutes.
    std::thread::sleep(Duration::from_secs(2));
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill runs").success());
    let began = std::time::Instant::now();
    while child.try_wait().expect("a child").is_none() {
        if began.elapsed() > Duration::from_secs(60) {
            let _ = child.kill();
            panic!("it did not end within a minute of the signal");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let finished: Finished = child.wait_with_output().expect("a child").into();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(json(&finished.stdout)["interrupted"], true);
}
