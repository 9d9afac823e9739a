//! A device that freezes at any moment, that is late, and that comes back.

use std::time::Duration;

use engine::control::config::Config;
use engine::control::failure::Failure;
use engine::control::inputs::Inputs;
use engine::control::journal_replay;
use engine::control::outcome::Outcome;
use engine::control::wide_backend::BackendKind;
use engine::pipeline::paced::Pace;

use crate::day::{How, alone, answers_by, config, digests, generated_day, run};

/// Freezes in `cargo test`; `WARPTICK_FREEZES=100` for the whole check.
const FREEZES: u64 = 8;

fn freezes() -> u64 {
    std::env::var("WARPTICK_FREEZES").ok().and_then(|count| count.parse().ok()).unwrap_or(FREEZES)
}

/// Splits the range evenly and draws one point of each part, so that early and late ones are there.
fn points(count: u64, below: u64) -> impl Iterator<Item = u64> {
    let mut state = 0x5EED_u64;
    (0..count).map(move |at| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let part = (below / count).max(1);
        at * part + (state >> 33) % part
    })
}

fn left_to_the_cpu(outcome: &Outcome) -> bool {
    matches!(&outcome.failure, Some(Failure::Check(text)) if text.contains("to the CPU"))
}

/// Nothing is made again: every request behind a freeze is the CPU's.
pub const FOR_GOOD: &str = "lost_ms = 100\nretry_ms = 600_000";

#[test]
fn a_device_that_freezes_at_any_store_changes_no_decision() {
    let directory = tempfile::tempdir().expect("a directory");
    let inputs = generated_day(directory.path(), 21, 2_000);
    freezes_change_nothing(&inputs, &config(&inputs, FOR_GOOD), freezes());
}

/// So many runs of a day whose device freezes for good.
pub fn freezes_change_nothing(inputs: &Inputs, config: &Config, freezes: u64) {
    let (cpu, stores) = {
        let _alone = alone();
        let cpu = run(inputs, config, &How::lockstep(BackendKind::Cpu));
        let before = emulator::hooks().counts("engine").stores;
        let whole = run(inputs, config, &How::lockstep(BackendKind::Emulated));
        assert_eq!((whole.failure.clone(), digests(&whole)), (None, digests(&cpu)));
        (cpu, emulator::hooks().counts("engine").stores - before)
    };
    println!("{stores} stores of a whole run, {} requests", cpu.summary.wide.requests);
    let (mut frozen, mut device) = (0, 0);
    for point in points(freezes, stores) {
        let _alone = alone();
        emulator::hooks().freeze_at_store(point);
        let outcome = run(inputs, config, &How::lockstep(BackendKind::Emulated));
        assert_eq!(digests(&outcome), digests(&cpu), "frozen at store {point}");
        let wide = &outcome.summary.wide;
        let (by_device, by_cpu) = (answers_by(&outcome, "emulated"), answers_by(&outcome, "cpu"));
        assert_eq!(by_device + by_cpu, wide.requests, "frozen at store {point}: an answer is lost");
        assert_eq!(left_to_the_cpu(&outcome), by_cpu > 0, "frozen at store {point}: {:?}", outcome.failure);
        frozen += u64::from(by_cpu > 0);
        device += by_device;
    }
    println!("{frozen} runs were frozen before their end; the device answered {device} requests of them");
    assert!(frozen * 2 > freezes && device > 0, "the freezes fell where nothing was at stake");
}

#[test]
fn a_device_that_comes_back_is_filled_and_used_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let inputs = generated_day(directory.path(), 22, 20_000);
    // Against the wall clock, so that the device has time to come back; an interpreter is late by a GPU's measure.
    let config = config(&inputs, "soft_deadline_us = 100_000\nstale_us = 50_000\nretry_ms = 1");
    let _alone = alone();
    let journal = directory.path().join("journal");
    let span_s = 20_000.0 * 234_000.0 / 1e9;
    let how = How {
        pace: Some(Pace::Times(span_s / 4.0)),
        journal: Some(&journal),
        ..How::lockstep(BackendKind::Emulated)
    };
    let freezes = std::thread::spawn(|| {
        std::thread::sleep(Duration::from_millis(1_000));
        emulator::hooks().freeze();
        // Longer than a kernel may take to stop: it is left alone, with its memory.
        std::thread::sleep(Duration::from_millis(400));
        emulator::hooks().thaw();
    });
    let outcome = run(&inputs, &config, &how);
    freezes.join().expect("it thaws");
    let wide = &outcome.summary.wide;
    let (by_device, by_cpu) = (answers_by(&outcome, "emulated"), answers_by(&outcome, "cpu"));
    println!("{wide:?}; {:?}", outcome.notes);
    assert_eq!(outcome.failure, None);
    assert_eq!(by_device + by_cpu, wide.requests);
    assert!(by_cpu > 0 && by_device > 0, "it was never given up, or never used");
    assert!(outcome.notes.iter().any(|note| note.contains("the device is back")), "{:?}", outcome.notes);
    assert!(journal_replay::replay(&journal).expect("a replay").is_reproduced());
}

#[test]
fn answers_that_are_late_are_the_cpu_s_and_nothing_is_lost() {
    let directory = tempfile::tempdir().expect("a directory");
    let inputs = generated_day(directory.path(), 23, 3_000);
    let config = config(&inputs, "soft_deadline_us = 50\nstale_us = 10_000_000\nretry_ms = 600_000");
    let _alone = alone();
    emulator::hooks().slow_down(Duration::from_micros(20));
    let journal = directory.path().join("journal");
    let how = How { pace: Some(Pace::Max), journal: Some(&journal), ..How::lockstep(BackendKind::Emulated) };
    let outcome = run(&inputs, &config, &how);
    assert_eq!(outcome.failure, None);
    let wide = &outcome.summary.wide;
    println!("{wide:?}; {:?}", outcome.notes);
    assert!(wide.fallbacks > 0, "no answer was late: {wide:?}");
    assert_eq!(answers_by(&outcome, "emulated") + answers_by(&outcome, "cpu"), wide.requests);
    assert!(journal_replay::replay(&journal).expect("a replay").is_reproduced());
}
