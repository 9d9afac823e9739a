//! Drivers without conditional graph nodes: each epoch is a launch of its own, the reason is said, and the answers are the
//! same.

mod emulated;

use emulator::{ConditionalNodes, EmulatedDevice};
use kernels::device::check_day::Day;
use kernels::device::launch::Mode;
use std::sync::Arc;

#[test]
fn without_conditional_nodes_each_epoch_is_a_launch() {
    for (compute_capability, conditional_nodes) in
        [((9, 0), ConditionalNodes::SymbolMissing), ((8, 6), ConditionalNodes::NotSupported)]
    {
        emulator::configure(EmulatedDevice {
            compute_capability,
            conditional_nodes,
            ..EmulatedDevice::default()
        });
        let day = Day { seed: 7, messages: 1_500, symbols: 8 };
        let tables = Arc::new(day.tables().expect("sound tables"));
        let made = emulated::maker(&tables, day.messages).make().expect("a kernel");
        let Mode::LaunchEach { reason } = made.resident.mode().clone() else {
            panic!("{:?}", made.resident.mode())
        };
        assert!(reason.contains("NOT_SUPPORTED"), "{reason}");
        drop(made);
        println!("{conditional_nodes:?}: {reason}; {:?}", emulated::run(day));
    }
}
