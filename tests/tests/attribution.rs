//! Where the time of each order went: the stages of every order of a run add up to its whole time, tick for tick, and the
//! slowest orders are told with theirs.

use std::path::Path;

use engine::control::slowest::{KEPT, SlowestFile};
use engine::control::summary::Summary;
use tempfile::TempDir;
use warptick_tests::captures::{GOOG, shared};
use warptick_tests::warptick::{Finished, run};

/// Captures of a generated day, as arguments.
fn day(dir: &Path, messages: u64) -> Vec<String> {
    let out = dir.join("day");
    let messages = messages.to_string();
    let made =
        run(["generate", &out.to_string_lossy(), "--messages", &messages, "--symbols", "10", "--seed", "7"]);
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

/// Every order's stages add up, and those whose sum cannot be known are few.
fn adds_up(what: &str, finished: &Finished, summary: &Summary, least: u64) {
    let sums = summary.stage_sums;
    assert_eq!(sums.unequal, 0, "{what}: {sums:?}\n{}", finished.stdout);
    assert_eq!((sums.not_stamped, sums.clipped), (0, 0), "{what}: {sums:?}\n{}", finished.stdout);
    assert!(sums.checked >= least, "{what}: {sums:?}");
    // Counters of two cores that disagree are the machine's: counted, and rare.
    assert!(sums.backwards * 20 <= sums.checked, "{what}: {sums:?}");
    assert!(!finished.stdout.contains("do not add up"), "{}", finished.stdout);
    let dropped = finished.stdout.lines().find(|line| line.contains("records were dropped"));
    assert_eq!(dropped, None, "{what}: a record that was dropped was not checked");
}

#[test]
fn the_stages_of_every_order_add_up() {
    let dir = TempDir::new().expect("a directory");
    let captures = day(dir.path(), 60_000);
    for pace in ["lockstep", "max", "1000x"] {
        for topology in ["inline", "split"] {
            let what = format!("{topology} at {pace}");
            let journal = dir.path().join(format!("{topology}-{pace}"));
            let journal = journal.to_string_lossy();
            let more = ["--pace", pace, "--topology", topology, "--journal", &journal];
            let (finished, summary) = replay(dir.path(), &captures, &more);
            adds_up(&what, &finished, &summary, 1_000);
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

/// The real capture: thousands of orders, at a pace too, where they wait for their hand-over.
#[test]
fn the_stages_of_every_order_of_goog_add_up() {
    let Some(goog) = shared(GOOG) else { return };
    let dir = TempDir::new().expect("a directory");
    let captures = [goog.to_string_lossy().into_owned()];
    for more in [&["--pace", "max", "--topology", "inline"][..], &["--pace", "max", "--topology", "split"]] {
        let more = [more, &["--date", "2012-06-21"]].concat();
        let (finished, summary) = replay(dir.path(), &captures, &more);
        adds_up("GOOG", &finished, &summary, 5_000);
    }
}

#[test]
fn the_slowest_orders_are_told_with_their_stages() {
    let dir = TempDir::new().expect("a directory");
    let captures = day(dir.path(), 60_000);
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
    assert!(!page.stdout.contains(&slowest.orders[7].cl_ord_id.to_string()), "{}", page.stdout);
    let refused = run(["report", &dir.path().to_string_lossy(), "--slowest"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("slowest.json"), "{}", refused.stderr);
}
