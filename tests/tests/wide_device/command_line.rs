//! `warptick gpu` and `--backend` as a user types them.

use std::ffi::OsStr;

use warptick_tests::warptick::{Finished, run};

fn warptick<const N: usize>(arguments: [&str; N]) -> Finished {
    run(arguments.map(OsStr::new))
}

#[test]
fn info_says_what_device_there_is_or_why_none() {
    let finished = warptick(["gpu", "info"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stdout.contains("device"), "{}", finished.stdout);
    let finished = warptick(["gpu", "info", "--backend", "emulated"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stdout.contains("a cluster of 8 CTAs"), "{}", finished.stdout);
}

#[test]
fn check_compares_a_generated_day() {
    let day =
        ["gpu", "check", "--backend", "emulated", "--messages", "3000", "--symbols", "6", "--seed", "5"];
    let finished = warptick(day);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stdout.ends_with("VERDICT: EQUAL\n"), "{}", finished.stdout);
    // The kernels in bulk, a line each.
    let lines = finished.stdout.lines().filter(|line| line.ends_with(" values, 0 differ"));
    assert_eq!(lines.count(), 15, "{}", finished.stdout);
}

/// A day that cannot be generated, and a device that is not there.
#[test]
fn wrong_input_is_named() {
    let finished = warptick(["gpu", "check", "--backend", "emulated", "--messages", "10"]);
    assert_eq!(finished.code, Some(2), "{}", finished.stdout);
    assert!(finished.stderr.contains("messages = 10"), "{}", finished.stderr);
    let finished = warptick(["gpu", "check", "--backend", "emulated", "--device", "7"]);
    assert_eq!(finished.code, Some(2), "{}", finished.stdout);
    assert!(finished.stderr.contains("device 7 was asked for; there are 1"), "{}", finished.stderr);
    assert_eq!(warptick(["gpu", "check", "--backend", "cpu"]).code, Some(2));
}
