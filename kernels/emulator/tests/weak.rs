//! Weak memory by seed: kernels that are right never fail, kernels with one thing left out are found for most seeds.

mod ring;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use emulator::{Hooks, Kernel, Module, RunOptions, Shape, WeakMemory};

const SEEDS: u64 = 32;
const ROUNDS: u32 = 60;

fn wrong(kernel: &Kernel, shape: Shape, weak: Option<WeakMemory>) -> u32 {
    let mut words = [vec![0u32; 64], vec![0u32; 1], vec![0u32; 1], vec![0u32; 1]];
    let pointers = words.each_mut().map(|words| (words.as_mut_ptr() as u64).to_le_bytes());
    let rounds = ROUNDS.to_le_bytes();
    let mut list: Vec<&[u8]> = pointers.iter().map(|bytes| &bytes[..]).collect();
    list.push(&rounds);
    // SAFETY: the buffers are as large as the kernels need and outlive the run.
    unsafe { kernel.run(shape, &list, &RunOptions { weak, ..RunOptions::default() }) }.unwrap();
    words[3][0]
}

/// Seeds for which a kernel saw something wrong.
fn found(name: &str, shape: Shape) -> u64 {
    let sources = [include_str!("cuda/weak.compute_75.ptx"), include_str!("cuda/weak.compute_90.ptx")];
    let mut least = SEEDS;
    let mut most = 0;
    for source in sources {
        let kernel = Module::load(source).unwrap_or_else(|error| panic!("{error}")).kernel(name).unwrap();
        let seeds: Vec<u64> =
            (1..=SEEDS).filter(|&seed| wrong(&kernel, shape, Some(WeakMemory { seed })) > 0).collect();
        println!("{name}: wrong for {} of {SEEDS} seeds: {seeds:?}", seeds.len());
        least = least.min(seeds.len() as u64);
        most = most.max(seeds.len() as u64);
    }
    if name.ends_with("_right") { most } else { least }
}

#[test]
fn kernels_that_are_right_never_fail() {
    for (name, shape) in [
        ("message_right", Shape::linear(2, 32)),
        ("fences_right", Shape::linear(2, 32)),
        ("swap_right", Shape::linear(1, 64)),
        ("pass_right", Shape::linear(1, 32)),
        ("publish_right", Shape::linear(2, 64)),
    ] {
        assert_eq!(found(name, shape), 0, "{name}");
    }
}

#[test]
fn what_is_left_out_is_found_for_most_seeds() {
    for (name, shape) in [
        ("message_without_release", Shape::linear(2, 32)),
        ("message_without_acquire", Shape::linear(2, 32)),
        ("fences_left_out", Shape::linear(2, 32)),
        ("swap_without_barrier", Shape::linear(1, 64)),
        ("pass_without_sync", Shape::linear(1, 32)),
        ("pass_overwritten", Shape::linear(1, 32)),
        ("publish_without_release", Shape::linear(2, 64)),
    ] {
        assert!(found(name, shape) >= SEEDS * 3 / 4, "{name}");
    }
}

#[test]
fn a_seed_gives_the_same_run_again() {
    let module = Module::load(include_str!("cuda/weak.compute_75.ptx")).unwrap();
    let kernel = module.kernel("message_without_release").unwrap();
    let once = |seed| wrong(&kernel, Shape::linear(2, 32), Some(WeakMemory { seed }));
    for seed in 1..=8 {
        assert_eq!(once(seed), once(seed), "seed {seed}");
    }
}

const SLOTS: u32 = 64;

/// Ticks to which the kernel's answer differs from the model's.
fn wrong_answers(
    name: &str,
    seed: u64,
    ticks: u32,
    complete: fn(&ring::Line, u32) -> bool,
    relevant: &[usize],
) -> u32 {
    let kernel = Module::load(include_str!("cuda/resident.compute_75.ptx")).unwrap().kernel(name).unwrap();
    let mut requests = vec![ring::Line::default(); SLOTS as usize];
    let mut answers = vec![ring::Line::default(); SLOTS as usize];
    let mut books = vec![ring::Book::default(); ring::BOOKS];
    let control = Box::new(ring::Control::default());
    let (requests_at, answers_at) = (requests.as_mut_ptr() as u64, answers.as_mut_ptr() as u64);
    let books_at = books.as_mut_ptr() as u64;
    let control_at = &raw const *control as u64;
    let runner = std::thread::spawn(move || {
        let pointers = [requests_at, answers_at, control_at, books_at].map(u64::to_le_bytes);
        let (mask, first) = ((SLOTS - 1).to_le_bytes(), 1u32.to_le_bytes());
        let mut list: Vec<&[u8]> = pointers.iter().map(|bytes| &bytes[..]).collect();
        list.extend([&mask[..], &first[..]]);
        let options = RunOptions { weak: Some(WeakMemory { seed }), ..RunOptions::default() };
        // SAFETY: the buffers live until the thread has been joined.
        unsafe { kernel.run(Shape::linear(1, 32), &list, &options) }.unwrap();
    });
    let mut model = vec![ring::Book::default(); ring::BOOKS];
    let mut wrong = 0;
    for sequence in 1..=ticks {
        let (tick, slot) = (ring::tick(sequence, seed), u64::from(sequence & (SLOTS - 1)) * 64);
        ring::push((requests_at + slot) as *mut ring::Line, &tick.request());
        let start = Instant::now();
        let answer = loop {
            let line = ring::peek((answers_at + slot) as *const ring::Line);
            if complete(&line, sequence) {
                break line;
            }
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{name}, seed {seed}: no answer to {sequence}"
            );
            std::thread::yield_now();
        };
        let expected = tick.answer(&mut model);
        wrong += u32::from(relevant.iter().any(|&word| answer.w[word] != expected.w[word]));
    }
    control.stop.store(1, Ordering::Release);
    runner.join().unwrap();
    assert_eq!(control.state.load(Ordering::Acquire), 2);
    wrong
}

#[test]
fn a_resident_kernel_under_seeds() {
    let all: Vec<usize> = (0..16).collect();
    let payload = [5, 6, 9, 10];
    let (mut unsynced, mut half_tagged) = (0, 0);
    for seed in 1..=8 {
        let start = Instant::now();
        assert_eq!(wrong_answers("resident", seed, 2_500, ring::has_all_tags, &all), 0, "seed {seed}");
        let without_sync = wrong_answers("resident_without_sync", seed, 500, ring::has_all_tags, &all);
        let at_the_ends =
            wrong_answers("resident_tagged_at_the_ends", seed, 500, ring::has_outer_tags, &payload);
        println!("seed {seed}: {without_sync} and {at_the_ends} of 500 wrong, {:?}", start.elapsed());
        unsynced += u32::from(without_sync > 0);
        half_tagged += u32::from(at_the_ends > 0);
    }
    assert!(unsynced >= 6 && half_tagged >= 6, "found for {unsynced} and {half_tagged} of 8 seeds");
}

#[test]
fn a_launch_freezes_at_an_instruction() {
    let kernel =
        Module::load(include_str!("cuda/weak.compute_75.ptx")).unwrap().kernel("swap_right").unwrap();
    let hooks = Arc::new(Hooks::default());
    hooks.freeze_at_instruction(777);
    let (held, options) = (hooks.clone(), RunOptions { hooks: Some(hooks.clone()), ..RunOptions::default() });
    let runner = std::thread::spawn(move || {
        let (null, word, rounds) = (0u64.to_le_bytes(), Box::leak(Box::new([0u32; 4])), ROUNDS.to_le_bytes());
        let wrong = (word.as_mut_ptr() as u64).to_le_bytes();
        // SAFETY: the kernel uses the fourth pointer only, which lives on.
        unsafe { kernel.run(Shape::linear(1, 64), &[&null, &null, &null, &wrong, &rounds], &options) }
            .unwrap();
    });
    let start = Instant::now();
    while !held.is_frozen() {
        assert!(start.elapsed() < Duration::from_secs(5));
        std::thread::yield_now();
    }
    std::thread::sleep(Duration::from_millis(10));
    assert!(!runner.is_finished());
    held.thaw();
    runner.join().unwrap();
    assert!(hooks.counts("swap_right").instructions > 777);
}
