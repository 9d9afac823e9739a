//! Executed warp instructions a second, by kind of code. Run by hand: `cargo test -p warptick-emulator --test speed
//! --release -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::Instant;

use emulator::{Hooks, Module, RunOptions, Shape};

#[test]
#[ignore = "a measurement"]
fn instructions_a_second() {
    let module = Module::load(include_str!("cuda/operations.compute_75.ptx")).unwrap();
    for name in ["speed_integers", "speed_longs", "speed_one_lane", "speed_doubles", "speed_memory"] {
        let kernel = module.kernel(name).unwrap();
        let hooks = Arc::new(Hooks::default());
        let options = RunOptions { hooks: Some(hooks.clone()), ..RunOptions::default() };
        let mut out = [0u64; 32];
        let mut best_ns = f64::MAX;
        for _ in 0..5 {
            let before = hooks.counts(name).instructions;
            let start = Instant::now();
            let parameters = [(out.as_mut_ptr() as u64).to_le_bytes()];
            // SAFETY: the buffer has eight bytes for each of 32 threads.
            unsafe {
                kernel.run(Shape::linear(1, 32), &[&parameters[0], &20_000i32.to_le_bytes()], &options)
            }
            .unwrap();
            let count = hooks.counts(name).instructions - before;
            best_ns = best_ns.min(start.elapsed().as_nanos() as f64 / count as f64);
        }
        println!("{name}: {best_ns:.1} ns an instruction, {:.1} million a second", 1e3 / best_ns);
    }
}
