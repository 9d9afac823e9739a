//! Where the time of each order went: the stages of every order of a run add up to its whole time, tick for tick, and the
//! slowest orders are told with theirs, and kept as scenes that replay alone to the same orders.

use std::path::Path;

use engine::control::journal::{DecideReader, DecideRecord};
use engine::control::journal_replay;
use engine::control::slowest::{KEPT, SlowestFile};
use engine::control::summary::Summary;
use engine::order::Order;
use tempfile::TempDir;
use warptick_tests::captures::{GOOG, shared};
use warptick_tests::warptick::{Finished, run};

/// Captures of a generated day, as arguments.
fn day(dir: &Path, messages: u64) -> Vec<String> {
    let out = dir.join("day");
    let messages = messages.to_string();
    let made =
        run(["generate", &out.to_string_lossy(), "--messages", &messages, "--symbols", "2", "--seed", "7"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let of = |venue: &str| format!("{}.{}.itch@{venue}", out.display(), venue.to_lowercase());
    vec![of("NASDAQ"), of("BX")]
}

/// Replays with all stamps and reads the summary.
fn replay(dir: &Path, captures: &[String], more: &[&str]) -> (Finished, Summary) {
    let file = dir.join("summary.json");
    let name = file.to_string_lossy().into_owned();
    let mut arguments = vec!["replay".to_owned()];
    arguments.extend_from_slice(captures);
    arguments.extend(["--stamps", "all", "--summary", &name].map(str::to_owned));
    arguments.extend(more.iter().map(|&argument| argument.to_owned()));
    let finished = run(&arguments);
    assert_eq!(finished.code, Some(0), "{more:?}: {}{}", finished.stdout, finished.stderr);
    (finished, Summary::read(&file).expect("a summary"))
}

/// Every order's stages add up. Not added up are those that waited in a ring for longer than a stamp holds, and those on whose way
/// two cores' counters disagreed: what of both there is is the machine's.
fn adds_up(what: &str, finished: &Finished, summary: &Summary, least: u64) {
    let sums = summary.stage_sums;
    assert_eq!(sums.unequal, 0, "{what}: {sums:?}\n{}", finished.stdout);
    assert_eq!(sums.not_stamped, 0, "{what}: {sums:?}\n{}", finished.stdout);
    assert!(sums.checked >= least, "{what}: {sums:?}");
    assert!(!finished.stdout.contains("do not add up"), "{}", finished.stdout);
}

#[test]
fn the_stages_of_every_order_add_up() {
    let dir = TempDir::new().expect("a directory");
    let captures = day(dir.path(), 200_000);
    for pace in ["lockstep", "max", "5000x"] {
        for topology in ["inline", "split"] {
            let what = format!("{topology} at {pace}");
            let journal = dir.path().join(format!("{topology}-{pace}"));
            let journal = journal.to_string_lossy();
            let more = ["--pace", pace, "--topology", topology, "--journal", &journal];
            let (finished, summary) = replay(dir.path(), &captures, &more);
            // Paced, how many orders there are is the machine's: each waits for the venue's answers.
            adds_up(&what, &finished, &summary, if pace == "lockstep" { 4_000 } else { 20 });
            let stages = &summary.stages;
            let count = |name: &str| stages[name].count;
            assert_eq!(
                count("wait"),
                count("encode"),
                "{what}: each stamped path has waited, if only for 0 ns"
            );
            assert_eq!(count("ring") > 0, topology == "split", "{what}");
            assert_eq!(count("send") > 0, pace != "lockstep", "{what}");
        }
    }
}

/// The real capture, without sockets, where there are tens of thousands of orders, and with them.
#[test]
fn the_stages_of_every_order_of_goog_add_up() {
    let Some(goog) = shared(GOOG) else { return };
    let dir = TempDir::new().expect("a directory");
    let captures = [goog.to_string_lossy().into_owned()];
    for (pace, topology, least) in [
        ("lockstep", "inline", 50_000),
        ("max", "inline", 100),
        ("max", "split", 20),
        ("20000x", "inline", 20),
    ] {
        let more = ["--pace", pace, "--topology", topology, "--date", "2012-06-21"];
        let (finished, summary) = replay(dir.path(), &captures, &more);
        adds_up(&format!("GOOG, {topology} at {pace}"), &finished, &summary, least);
    }
}

#[test]
fn the_slowest_orders_are_told_with_their_stages() {
    let dir = TempDir::new().expect("a directory");
    let captures = day(dir.path(), 200_000);
    let (report, journal) = (dir.path().join("report"), dir.path().join("journal"));
    let more = ["--report", &report.to_string_lossy(), "--journal", &journal.to_string_lossy()];
    let (_, summary) = replay(dir.path(), &captures, &more);
    let slowest = SlowestFile::read(&report).expect("the slowest orders");
    assert_eq!(slowest.orders.len(), KEPT);
    let longest = summary.stages["tick_to_order"].max_ns.expect("orders");
    let first = &slowest.orders[0];
    assert!(first.tick_to_order_ns.abs_diff(longest) <= longest / 500 + 1, "{first:?} against {longest}");
    for (order, next) in slowest.orders.iter().zip(&slowest.orders[1..]) {
        assert!(order.tick_to_order_ns >= next.tick_to_order_ns);
    }
    for order in &slowest.orders {
        let sum: u64 = order.stages_ns.values().sum();
        // Each stage is rounded by itself.
        assert!(sum.abs_diff(order.tick_to_order_ns) <= 11, "{order:?}");
    }
    let page = run(["report", &report.to_string_lossy(), "--slowest", "-n", "7"]);
    assert_eq!(page.code, Some(0), "{}", page.stderr);
    for order in &slowest.orders[..7] {
        let id = order.cl_ord_id.to_string();
        assert!(page.stdout.contains(&format!("warptick why {id} --journal ")), "{}", page.stdout);
        // The journal's own line of it.
        assert!(page.stdout.lines().any(|line| line.contains(&format!(" {id}: ")) && line.contains(" @ ")));
    }
    assert!(page.stdout.contains("\n7. ") && !page.stdout.contains("\n8. "), "{}", page.stdout);
    let refused = run(["report", &dir.path().to_string_lossy(), "--slowest"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("slowest.json"), "{}", refused.stderr);
}

/// The orders of a decision in a journal.
fn orders_of(journal: &Path, decision: u64) -> Vec<Order> {
    let reader = DecideReader::open(journal).expect("a journal");
    let of = |record| match record {
        DecideRecord::Action(order) if order.decision == decision => Some(order),
        _ => None,
    };
    reader.filter_map(|record| of(record.expect("a record").record)).collect()
}

/// Bytes of all files below.
fn size(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).expect("a directory");
    let of = |entry: std::fs::DirEntry| {
        let data = entry.metadata().expect("its data");
        if data.is_dir() { size(&entry.path()) } else { data.len() }
    };
    entries.map(|entry| of(entry.expect("an entry"))).sum()
}

/// Every one of the slowest orders has a scene, which is small and comes to the run's order, field by field.
fn every_scene_replays(captures: &[String], more: &[&str]) {
    let dir = TempDir::new().expect("a directory");
    let (report, journal) = (dir.path().join("report"), dir.path().join("journal"));
    let kept = ["--report", &report.to_string_lossy(), "--journal", &journal.to_string_lossy()];
    let (finished, _) = replay(dir.path(), captures, &[more, &kept].concat());
    let slowest = SlowestFile::read(&report).expect("the slowest orders");
    assert_eq!((slowest.orders.len(), &slowest.scenes_note), (KEPT, &None), "{}", finished.stdout);
    for order in &slowest.orders {
        let scene = report.join(order.scene.as_ref().expect("a scene"));
        assert!(order.message.is_some(), "{order:?}");
        assert!(size(&scene) < 1 << 20, "{order:?}: {} bytes", size(&scene));
        let outcome = journal_replay::replay(&scene.join("journal"));
        let outcome = outcome.unwrap_or_else(|failure| panic!("{order:?}: {failure}"));
        assert!(outcome.is_reproduced() && outcome.end.is_some(), "{order:?}");
        let of_scene = orders_of(&scene.join("journal"), order.decision);
        assert_eq!(of_scene, orders_of(&journal, order.decision), "{order:?}");
        assert!(of_scene.iter().any(|other| other.cl_ord_id == order.cl_ord_id), "{order:?}");
    }
    a_scene_stands_alone(dir.path(), &report.join(slowest.orders[0].scene.as_ref().expect("a scene")));
}

/// Moved away from everything else it still replays; changed by a byte it does not.
fn a_scene_stands_alone(dir: &Path, scene: &Path) {
    let moved = dir.join("moved");
    std::fs::rename(scene, &moved).expect("moved");
    let journal = moved.join("journal");
    let replayed = run(["journal", "replay", &journal.to_string_lossy()]);
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    assert!(replayed.stdout.contains("VERDICT: REPRODUCED"), "{}", replayed.stdout);
    let capture = moved.join("NASDAQ.itch");
    let mut bytes = std::fs::read(&capture).expect("a capture");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&capture, &bytes).expect("writable");
    let refused = run(["journal", "replay", &journal.to_string_lossy()]);
    assert_eq!(refused.code, Some(2), "{}", refused.stdout);
    assert!(refused.stderr.contains("not the capture of this run"), "{}", refused.stderr);
}

#[test]
fn every_scene_of_a_generated_day_replays() {
    let dir = TempDir::new().expect("a directory");
    let captures = day(dir.path(), 200_000);
    every_scene_replays(&captures, &[]);
}

#[test]
fn every_scene_of_goog_replays() {
    let Some(goog) = shared(GOOG) else { return };
    every_scene_replays(&[goog.to_string_lossy().into_owned()], &["--date", "2012-06-21"]);
}
