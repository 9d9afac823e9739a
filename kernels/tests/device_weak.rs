//! The shipped kernels under memory as weak as PTX allows, by seed: stores that nothing has released come late and in
//! another order, and warps run in another order.

mod emulated;

use emulator::{EmulatedDevice, WeakMemory};
use kernels::device::check_day::Day;

#[test]
fn both_forms_of_the_kernel_compute_the_same_under_weak_memory() {
    for seed in 1..=4 {
        let compute_capability = if seed % 2 == 0 { (9, 0) } else { (8, 6) };
        let weak = Some(WeakMemory { seed });
        emulator::configure(EmulatedDevice { compute_capability, weak, ..EmulatedDevice::default() });
        let compared = emulated::run(Day { seed, messages: 1_500, symbols: 8 });
        println!("seed {seed}: {compared:?}");
    }
}
