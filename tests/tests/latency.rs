//! The latency laboratory through the built binary: a constant rate with service time beside latency, a generator that
//! says when it was late, latency against rate, hiccups of the machine, and the planted stall.
//!
//! Nothing here depends on how fast the machine is: what a busy machine can do to a run is that it does not count, and
//! then it has to say so.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use engine::control::histograms::read_log;
use serde_json::Value;
use warptick_tests::warptick::{Finished, command, run};

/// A generated session of both venues.
fn generated(directory: &Path, messages: u64) -> [String; 2] {
    let start = directory.join("day");
    let (start, messages) = (start.to_str().expect("a path in UTF-8"), messages.to_string());
    let made = run(["generate", start, "--messages", messages.as_str(), "--symbols", "8"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    ["NASDAQ", "BX"].map(|venue| format!("{start}.{}.itch@{venue}", venue.to_lowercase()))
}

fn json_of(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn last_line(finished: &Finished) -> Value {
    let line = finished.stdout.lines().last().unwrap_or_default();
    serde_json::from_str(line)
        .unwrap_or_else(|error| panic!("{error}: {}{}", finished.stdout, finished.stderr))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_constant_rate_has_latency_and_service_time_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    let captures = generated(directory.path(), 40_000);
    let report = directory.path().join("report");
    let summary = directory.path().join("summary.json");
    let finished = command()
        .arg("replay")
        .args(&captures)
        .args(["--pace", "20000/s", "--hiccups", "0.05", "--report"])
        .arg(&report)
        .arg("--summary")
        .arg(&summary)
        .output()
        .expect("the binary runs");
    let finished = Finished::from(finished);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);

    let summary = json_of(&summary);
    let generator = &summary["generator"];
    assert_eq!(number(&generator["offered_per_s"]), 20_000.0);
    assert_eq!(generator["messages"], summary["messages"]);
    // The last message is never due early, so that no more can be handed over than was offered.
    let achieved = number(&generator["achieved_per_s"]);
    assert!(achieved > 0.0 && achieved <= 20_020.0, "{generator}");
    let (ticks, service) = (&summary["stages"]["tick_to_order"], &summary["service_to_order"]);
    assert!(number(&ticks["count"]) >= 10.0, "{summary}");
    assert_eq!(ticks["count"], service["count"]);
    for figure in ["min_ns", "p50_ns", "p90_ns", "max_ns"] {
        assert!(number(&service[figure]) <= number(&ticks[figure]), "{figure}: {service} against {ticks}");
    }
    assert!(summary["stages"].get("service_to_order").is_none(), "never mixed");
    assert!(finished.stdout.contains("service_to_order") && finished.stdout.contains("load: "));
    let counts = generator["counts"].as_bool().expect("a verdict");
    assert_eq!(!counts, finished.stdout.starts_with("THIS RUN DOES NOT COUNT"), "{}", finished.stdout);

    for name in ["service_to_order", "tick_to_order"] {
        let log = read_log(&report.join(format!("{name}.hlog"))).expect("a histogram log");
        assert_eq!(Some(log.len()), ticks["count"].as_u64(), "{name}");
    }
    hiccups_are_reported(&summary["machine_time"], &report);
    assert!(finished.stdout.contains("hiccups (ns)"), "{}", finished.stdout);
}

/// Every used core was looked at before and after, an event a microsecond for 50 ms.
fn hiccups_are_reported(machine: &Value, report: &Path) {
    let rows = machine["hiccups"].as_array().expect("rows");
    let of_phase = |phase: &str| rows.iter().filter(|row| row["phase"] == phase).count();
    assert!(of_phase("before") > 0, "{machine}");
    assert_eq!(of_phase("before"), of_phase("after"));
    for row in rows.iter().filter(|row| row["phase"] != "during") {
        let core = row["core"].as_u64().expect("a core");
        assert!(number(&row["hiccups"]["count"]) >= 49_000.0, "{row}");
        let log = read_log(&report.join(format!("hiccup_core{core}.hlog"))).expect("a histogram log");
        assert!(log.len() >= 98_000, "both phases: {}", log.len());
    }
    assert!(number(&machine["line"]["max_ns"]) > 0.0, "{machine}");
    let threads = machine["threads"].as_array().expect("threads");
    assert!(threads.iter().any(|thread| number(&thread["ran_ns"]) > 1e8), "{machine}");
}

/// The whole process is stopped now and then while it waits for messages to be due.
/// A run that is stopped for 60 ms every 300 ms, and its summary.
fn stopped_now_and_then(captures: &[String], summary: &Path) -> (Finished, Value) {
    let mut child = command()
        .arg("replay")
        .args(captures)
        .args(["--pace", "1000/s", "--summary"])
        .arg(summary)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    let process = libc::pid_t::try_from(child.id()).expect("a process number");
    while child.try_wait().expect("a child").is_none() {
        for (signal, pause_ms) in [(libc::SIGSTOP, 60), (libc::SIGCONT, 240)] {
            // SAFETY: a plain system call; the child has not been waited for, so that the number is its own.
            unsafe { libc::kill(process, signal) };
            std::thread::sleep(Duration::from_millis(pause_ms));
        }
    }
    let finished = Finished::from(child.wait_with_output().expect("its output"));
    let summary = json_of(summary);
    (finished, summary)
}

#[test]
fn a_generator_that_was_late_makes_the_run_not_count() {
    let directory = tempfile::tempdir().expect("a directory");
    let captures = generated(directory.path(), 3_000);
    let summary = directory.path().join("summary.json");
    // A stop is the generator's where it comes while it waits; on a busy host it may come at other times only.
    let was_seen = (0..5).any(|_| {
        let (finished, summary) = stopped_now_and_then(&captures, &summary);
        assert_eq!(finished.code, Some(0), "a late generator is no failure: {}", finished.stdout);
        let generator = &summary["generator"];
        let (late, worst_ns) = (number(&generator["late"]), number(&generator["worst_ns"]));
        let counts = late <= 3.0;
        assert_eq!(generator["counts"], counts, "one in a thousand may be late: {generator}");
        assert_eq!(finished.stdout.starts_with("THIS RUN DOES NOT COUNT"), !counts, "{}", finished.stdout);
        println!("{generator}");
        late >= 50.0 && worst_ns >= 5e7
    });
    assert!(was_seen, "no stop of 60 ms was the generator's in five runs");
}

#[test]
fn latency_against_rate_is_a_table_with_a_knee() {
    let directory = tempfile::tempdir().expect("a directory");
    let report = directory.path().join("report");
    let captures = generated(directory.path(), 60_000);
    let finished = command()
        .args(["bench", "latency", "--rates", "20000,1000000000", "--seconds", "0.5", "--report"])
        .arg(&report)
        .args(&captures)
        .output()
        .expect("the binary runs");
    let finished = Finished::from(finished);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let json = last_line(&finished);
    assert_eq!(json["scenario"], "latency");
    let rows = json_of(&report.join("rates.json"));
    assert_eq!(rows, json["rates"]);
    let [slow, fast] = &rows.as_array().expect("rows")[..] else { panic!("two rates: {rows}") };
    assert_eq!((number(&slow["offered_per_s"]), number(&slow["messages"])), (20_000.0, 10_000.0));
    assert!(number(&slow["orders"]) > 0.0 && slow["p50_ns"].is_u64(), "{slow}");
    // Nobody takes a billion messages a second: the engine falls behind, and that is its latency.
    assert!(number(&fast["achieved_per_s"]) < 5e8, "{fast}");
    assert!(number(&fast["p50_ns"]) > number(&fast["service_p50_ns"]) * 10.0, "{fast}");
    assert!(finished.stdout.contains("knee  "), "{}", finished.stdout);
    let knee = &json["knee_per_s"];
    assert!(knee.is_null() || number(knee) == 20_000.0, "{knee}");
}

/// A capture that is shorter than its rate's time is run again, each run with a journal of its own.
#[test]
fn a_short_capture_is_run_again_until_the_time_is_over() {
    let directory = tempfile::tempdir().expect("a directory");
    let captures = generated(directory.path(), 2_000);
    let journals = directory.path().join("journals");
    let finished = command()
        .args(["bench", "latency", "--rates", "10000", "--seconds", "0.5", "--journal"])
        .arg(&journals)
        .args(&captures)
        .output()
        .expect("the binary runs");
    let finished = Finished::from(finished);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let row = &last_line(&finished)["rates"][0];
    let runs = std::fs::read_dir(&journals).expect("journals").count();
    // Runs whose generator was late are made again.
    assert!(runs >= 2, "{runs} runs");
    let messages = number(&row["messages"]);
    assert!(messages > 2_000.0 && messages <= 5_000.0, "{row}");
    assert!(messages == 5_000.0 || messages / number(&row["achieved_per_s"]) >= 0.45, "{row}");
}

#[test]
fn bad_rates_are_refused_with_what_is_wanted() {
    for arguments in [
        &["replay", "none.itch", "--pace", "0/s"][..],
        &["replay", "none.itch", "--pace", "fast"],
        &["replay", "none.itch", "--hiccups", "-1"],
        &["bench", "latency", "--rates", "1000,x"],
        &["bench", "latency", "--seconds", "0"],
        &["bench", "latency", "absent.itch"],
        &["bench", "self-test", "--seconds", "0.1"],
    ] {
        let finished = run(arguments);
        assert_eq!(finished.code, Some(2), "{arguments:?}: {}", finished.stderr);
        assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    }
}

/// 20 stalls of 10 ms. A machine that takes the cores away makes the test undecided, which is neither.
#[test]
fn a_planted_stall_is_where_it_must_be() {
    for _ in 0..4 {
        let finished = run(["bench", "self-test", "--seconds", "2"]);
        let json = last_line(&finished);
        if json["verdict"] == "spoilt" {
            assert_eq!(finished.code, Some(1), "{}", finished.stderr);
            continue;
        }
        assert_eq!(
            (finished.code, &json["verdict"]),
            (Some(0), &Value::from("passed")),
            "{}",
            finished.stdout
        );
        let marks = json["marks"].as_array().expect("marks");
        assert_eq!(marks.len(), 3);
        for found in marks {
            let expected = number(&found["mark"]["expected_ns"]);
            let off = (number(&found["from_due_ns"]) - expected).abs();
            assert!(off <= expected * 0.02 + 50_000.0, "{found}");
            assert!(
                number(&found["from_hand_over_ns"]) < expected * 0.9,
                "hidden from a closed loop: {found}"
            );
        }
        return;
    }
    eprintln!("SKIPPED: the machine spoilt every run of the self-test");
}
