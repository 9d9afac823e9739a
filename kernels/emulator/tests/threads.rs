//! Warps, CTAs and clusters against answers computed here.

use emulator::{FaultKind, Kernel, Module, RunOptions, Shape, WeakMemory};

const ARCHITECTURES: [(&str, &str); 2] = [
    ("compute_75", include_str!("cuda/threads.compute_75.ptx")),
    ("compute_90", include_str!("cuda/threads.compute_90.ptx")),
];

/// Runs a check on the PTX of both architectures, fast and under a few seeds of weak memory.
fn each(name: &str, check: impl Fn(&Kernel, &RunOptions)) {
    for (architecture, source) in ARCHITECTURES {
        let module = Module::load(source).unwrap_or_else(|error| panic!("{architecture}: {error}"));
        let kernel = module.kernel(name).expect("the kernel is in the module");
        check(&kernel, &RunOptions::default());
        for seed in 1..=8 {
            println!("{architecture} {name} seed {seed}");
            check(&kernel, &RunOptions { weak: Some(WeakMemory { seed }), ..RunOptions::default() });
        }
    }
}

fn address<T>(values: &mut [T]) -> [u8; 8] {
    (values.as_mut_ptr() as u64).to_le_bytes()
}

/// Runs a kernel whose pointers are to live buffers.
fn run(kernel: &Kernel, shape: Shape, parameters: &[&[u8]], options: &RunOptions) {
    // SAFETY: every caller passes addresses of buffers that outlive the call and are as large as the kernel needs.
    unsafe { kernel.run(shape, parameters, options) }.unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn sums_through_shared_memory() {
    each("sum_shared", |kernel, options| {
        let mut input: Vec<i32> = (0..256 * 5).map(|i| i * 7 - 1000).collect();
        let (mut sums, mut total) = (vec![0i32; 5], vec![0i32]);
        let parameters = [address(&mut input), address(&mut sums), address(&mut total)];
        run(kernel, Shape::linear(5, 256), &parameters.each_ref().map(|p| &p[..]), options);
        let expected: Vec<i32> = input.chunks(256).map(|part| part.iter().sum()).collect();
        assert_eq!(sums, expected);
        assert_eq!(total[0], expected.iter().sum::<i32>());
    });
}

#[test]
fn sums_through_shuffles_and_counting_barriers() {
    each("sum_shuffled", |kernel, options| {
        let mut input: Vec<i32> = (0..160).map(|i| (i * 37) % 211 - 1).collect();
        let (mut sum, mut votes) = (vec![0i32], vec![9i32; 3]);
        let parameters = [address(&mut input), address(&mut sum), address(&mut votes)];
        let shape = Shape { dynamic_shared_bytes: 32 * 4, ..Shape::linear(1, 160) };
        run(kernel, shape, &parameters.each_ref().map(|p| &p[..]), options);
        assert_eq!(sum[0], input.iter().sum::<i32>());
        assert_eq!(votes[0], input.iter().filter(|&&value| value > 100).count() as i32);
        assert_eq!(votes[1] != 0, input.contains(&7));
        assert_eq!(votes[2] != 0, input.iter().all(|&value| value >= 0));
    });
}

#[test]
fn named_barriers_pair_a_producer_with_a_consumer() {
    each("named_barriers", |kernel, options| {
        let rounds = 20;
        let mut out = vec![0i32; rounds * 32];
        run(kernel, Shape::linear(1, 64), &[&address(&mut out), &(rounds as i32).to_le_bytes()], options);
        for (index, &value) in out.iter().enumerate() {
            assert_eq!(value, (index / 32 * 100 + 31 - index % 32) as i32);
        }
    });
}

#[test]
fn ctas_share_work_through_release_and_acquire() {
    each("distribute", |kernel, options| {
        let (workers, rounds) = (5usize, 12usize);
        let (mut work, mut answers) = (vec![0u64; workers * 64], vec![0u64; workers * 64]);
        let (mut go, mut done, mut out) = (vec![0u32], vec![0u32; workers], vec![0u64; rounds]);
        let parameters = [
            address(&mut work),
            address(&mut answers),
            address(&mut go),
            address(&mut done),
            address(&mut out),
        ];
        let mut list: Vec<&[u8]> = parameters.iter().map(|p| &p[..]).collect();
        let count = (rounds as u32).to_le_bytes();
        list.push(&count);
        run(kernel, Shape::linear(workers as u32 + 1, 64), &list, options);
        for (round, &sum) in out.iter().enumerate() {
            let item = |i: u64| (round as u64 + 1) * 1_000_003 + i;
            let answer = |i: u64| item(i).wrapping_mul(item(i)) ^ (i / 64);
            let expected = (0..workers as u64 * 64).map(answer).fold(0u64, u64::wrapping_add);
            assert_eq!(sum, expected, "round {round}");
        }
    });
}

#[test]
fn locks_between_warps_and_between_lanes_end() {
    each("ticket_lock", |kernel, options| {
        let (mut next, mut serving, mut counter) = (vec![0u32], vec![0u32], vec![0u32]);
        let parameters = [address(&mut next), address(&mut serving), address(&mut counter)];
        let mut list: Vec<&[u8]> = parameters.iter().map(|p| &p[..]).collect();
        let rounds = 2u32.to_le_bytes();
        list.push(&rounds);
        run(kernel, Shape::linear(2, 64), &list, options);
        assert_eq!((counter[0], serving[0]), (2 * 2 * 64, 2 * 2 * 64));
    });
    each("lane_lock", |kernel, options| {
        let (mut lock, mut counter) = (vec![0i32], vec![0i32]);
        run(kernel, Shape::linear(2, 48), &[&address(&mut lock), &address(&mut counter)], options);
        assert_eq!(counter[0], 96);
    });
}

fn make_pair(a: f64, b: i32) -> (f64, i32) {
    let table = [1.5, 2.5, -3.0, 0.25];
    (a * table[(b & 3) as usize], b.wrapping_add([10, 20, 30, 40][(b & 3) as usize]))
}

fn twice(a: i64, b: i32) -> i64 {
    i64::from(make_pair(a as f64, b).1.wrapping_mul(2)) + a
}

#[test]
fn calls_local_arrays_and_indexed_branches() {
    each("calls", |kernel, options| {
        let shift = 3;
        let mut out = vec![0i64; 64];
        run(kernel, Shape::linear(1, 64), &[&address(&mut out), &i32::to_le_bytes(shift)], options);
        for (thread, &value) in out.iter().enumerate() {
            let thread = thread as i32;
            let local: Vec<i32> = (1..=8).map(|i| (thread + shift) * i).collect();
            let picked = local[(thread & 7) as usize];
            let called = if thread & 1 == 1 {
                twice(i64::from(picked), thread)
            } else {
                twice(i64::from(thread), picked)
            };
            let switched = match thread & 7 {
                0 => called + 11,
                1 => called * 3,
                2 => called - 5,
                3 => called ^ 0x55,
                4 => called + i64::from(local[1]),
                5 => called * i64::from(local[2]),
                6 => called - i64::from(local[3]),
                _ => -called,
            };
            let pair = make_pair(f64::from(thread), picked);
            assert_eq!(value, switched + (pair.0 * 4.0) as i64, "thread {thread}");
        }
    });
}

#[test]
fn positions_in_three_dimensions() {
    each("positions", |kernel, options| {
        let shape = Shape { grid: [3, 2, 2], block: [5, 4, 3], cluster: [1; 3], dynamic_shared_bytes: 0 };
        let mut out = vec![u32::MAX; 12 * 60];
        run(kernel, shape, &[&address(&mut out)], options);
        for (index, &value) in out.iter().enumerate() {
            let (cta, thread) = (index as u32 / 60, index as u32 % 60);
            assert_eq!(value, (cta << 16) | ((thread / 32) << 8) | (thread % 32));
        }
    });
}

#[test]
fn more_ctas_than_fit_run_one_after_the_other() {
    let module = Module::load(ARCHITECTURES[0].1).unwrap();
    let kernel = module.kernel("positions").unwrap();
    let mut out = vec![u32::MAX; 1000 * 32];
    run(&kernel, Shape::linear(1000, 32), &[&address(&mut out)], &RunOptions::default());
    assert!(
        out.iter()
            .enumerate()
            .all(|(index, &value)| value == ((index as u32 / 32) << 16) | (index as u32 % 32))
    );
}

fn fault_of(name: &str, shape: Shape, parameters: &[&[u8]], options: &RunOptions) -> (FaultKind, u32, u32) {
    let module = Module::load(ARCHITECTURES[0].1).unwrap();
    let kernel = module.kernel(name).unwrap();
    // SAFETY: the kernels fault before they touch anything but the buffers given.
    let fault = unsafe { kernel.run(shape, parameters, options) }.expect_err("the kernel is at fault");
    assert_eq!(fault.entry, name);
    let text = ARCHITECTURES[0].1.lines().nth(fault.line as usize - 1).unwrap();
    println!("{fault}: {text}");
    (fault.kind, fault.warp, fault.lane)
}

#[test]
fn faults_say_what_and_where() {
    let options = RunOptions::default();
    let mut buffer = vec![0u64; 64];
    let start = buffer.as_mut_ptr() as u64;
    let pointer = start.to_le_bytes();
    let shape = Shape::linear(1, 64);
    assert_eq!(
        fault_of("misaligned", shape, &[&pointer], &options),
        (FaultKind::Misaligned { address: start + 1, bytes: 4 }, 0, 1)
    );
    assert_eq!(
        fault_of("null_store", shape, &[&16u64.to_le_bytes()], &options),
        (FaultKind::OutOfRange { address: 16, bytes: 4 }, 0, 0)
    );
    let allowed = RunOptions { allowed: Some(vec![(start, 40)]), ..RunOptions::default() };
    assert_eq!(
        fault_of("null_store", shape, &[&pointer], &allowed),
        (FaultKind::OutOfRange { address: start + 40, bytes: 4 }, 0, 10)
    );
    assert_eq!(
        fault_of("beyond_shared", shape, &[&pointer, &16i32.to_le_bytes()], &options).0,
        FaultKind::OutOfRange { address: 64, bytes: 4 }
    );
    let divergent = fault_of("divergent_barrier", shape, &[&pointer], &options);
    assert!(matches!(divergent.0, FaultKind::Divergent { .. }));
    buffer[0] = 3;
    assert_eq!(fault_of("traps", shape, &[&pointer], &options).0, FaultKind::Trap);
}

fn each90(name: &str, check: impl Fn(&Kernel, &RunOptions)) {
    let module =
        Module::load(include_str!("cuda/threads90.compute_90.ptx")).unwrap_or_else(|error| panic!("{error}"));
    let kernel = module.kernel(name).unwrap();
    check(&kernel, &RunOptions::default());
    for seed in 1..=8 {
        println!("{name} seed {seed}");
        check(&kernel, &RunOptions { weak: Some(WeakMemory { seed }), ..RunOptions::default() });
    }
}

#[test]
fn a_ring_through_the_shared_memory_of_a_cluster() {
    each90("ring", |kernel, options| {
        let rounds = 9;
        let mut out = vec![0i32; 8];
        let shape = Shape { cluster: [4, 1, 1], ..Shape::linear(8, 64) };
        run(kernel, shape, &[&address(&mut out), &i32::to_le_bytes(rounds)], options);
        for (cta, &value) in out.iter().enumerate() {
            let (cluster, mut rank) = (cta as i32 / 4, cta as i32 % 4);
            let mut sum = 0;
            for _ in 0..rounds {
                rank = (rank + 3) % 4;
                sum += rank;
            }
            assert_eq!(value, cluster * 4 + rank + sum);
        }
    });
}

#[test]
fn a_mailbox_between_two_ctas() {
    each90("mailbox", |kernel, options| {
        let rounds = 50u32;
        let mut out = vec![0u32; rounds as usize + 1];
        let shape = Shape { cluster: [2, 1, 1], ..Shape::linear(2, 64) };
        run(kernel, shape, &[&address(&mut out), &rounds.to_le_bytes()], options);
        let expected: Vec<u32> = (1..=rounds).map(|round| round * 3 + 1).chain([rounds]).collect();
        assert_eq!(out, expected);
    });
}

#[test]
fn reductions_of_a_warp() {
    each90("reduce_warp", |kernel, options| {
        let mut input: Vec<u32> = (0..32u32).map(|i| i.wrapping_mul(0x9e37_79b9) ^ 0x1234).collect();
        let mut out = vec![7u32; 160];
        run(kernel, Shape::linear(1, 32), &[&address(&mut out), &address(&mut input)], options);
        assert!(out[..32].iter().all(|&v| v == input.iter().copied().fold(0, u32::wrapping_add)));
        assert!(out[32..64].iter().all(|&v| v == *input.iter().max().unwrap()));
        assert!(out[64..96].iter().all(|&v| v == input.iter().fold(0, |a, b| a ^ b)));
        assert!(out[96..128].iter().all(|&v| v as i32 == input.iter().map(|&v| v as i32).min().unwrap()));
        assert_eq!(out[132..160].iter().sum::<u32>(), 1);
        assert_eq!(out[132], 1);
    });
}

#[test]
fn a_grid_barrier_made_of_atomics() {
    each("grid_sync", |kernel, options| {
        let (ctas, rounds) = (6usize, 7i32);
        let mut values: Vec<i32> = (0..2 * ctas as i32).map(|i| if i < 6 { i * 100 } else { 0 }).collect();
        run(kernel, Shape::linear(6, 64), &[&address(&mut values), &rounds.to_le_bytes()], options);
        let last = &values[rounds as usize % 2 * ctas..][..ctas];
        let expected: Vec<i32> = (0..ctas as i32).map(|cta| (cta + rounds) % 6 * 100 + rounds).collect();
        assert_eq!(last, expected);
    });
}

#[test]
fn sixteen_bytes_at_once() {
    each("move_16", |kernel, options| {
        let mut from: Vec<u128> = (0..32).map(|i| (i << 100) + i).collect();
        let mut to = vec![0u128; 32];
        run(kernel, Shape::linear(1, 32), &[&address(&mut from), &address(&mut to)], options);
        for (from, to) in from.iter().zip(&to) {
            assert_eq!(*to, (from >> 64) + 1 + (from << 64));
        }
    });
    each90("exchange_16", |kernel, options| {
        let mut pair = vec![0u128];
        run(kernel, Shape::linear(2, 48), &[&address(&mut pair)], options);
        assert_eq!(pair[0], 96 + (2 * (0..48u128).sum::<u128>() << 64));
    });
}
