//! The shipped kernel of a cluster, as PTX, against the CPU: books, relations, options, through the host's own path over a
//! stand-in for the driver.

mod emulated;

use emulator::EmulatedDevice;
use kernels::device::check_day::Day;

#[test]
fn generated_days_are_computed_like_on_the_cpu() {
    emulator::configure(EmulatedDevice { compute_capability: (9, 0), ..EmulatedDevice::default() });
    for seed in 1..=1 {
        let compared = emulated::run(Day { seed, messages: 60_000, symbols: 20 });
        println!("seed {seed}: {compared:?}");
    }
}

#[test]
fn the_resident_kernel_is_one_graph() {
    let day = Day { seed: 1, messages: 1_000, symbols: 2 };
    let tables = std::sync::Arc::new(day.tables().expect("sound tables"));
    let made = emulated::maker(&tables, day.messages).make().expect("a kernel");
    assert_eq!(made.resident.mode(), &kernels::device::launch::Mode::Graph);
}
