//! A kernel over the stand-in for the driver.

use kernels::cpu::wide::WideTables;
use kernels::device::check::Compared;
use kernels::device::check_day::Day;
use kernels::device::driver::Driver;
use kernels::device::keeper::Keeper;
use kernels::device::launch::Images;
use kernels::device::maker::{Made, Maker};
use kernels::device::plan::Demand;
use std::sync::Arc;

/// Nothing is made again.
const RETRY: std::time::Duration = std::time::Duration::from_secs(3600);

/// A kernel that has not stopped by then hangs: it ends within milliseconds where a core is free for it, and a machine that has
/// none for so long has none for the test.
const STOP_LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// The stand-in's functions.
pub fn driver() -> Driver {
    // SAFETY: the stand-in has the functions' signatures, and is part of this program.
    unsafe { Driver::of(emulator::driver::symbol) }.expect("all functions").initialise().expect("a device")
}

/// What makes kernels for tables.
pub fn maker(tables: &Arc<WideTables>, orders: u64) -> Maker {
    let demand = Demand::of(tables, orders, 0);
    Maker { driver: driver(), images: Images::Ptx, ordinal: 0, tables: Arc::clone(tables), demand }
}

/// Runs a day on a fresh kernel.
pub fn run(day: Day) -> Compared {
    let tables = Arc::new(day.tables().expect("sound tables"));
    let maker = maker(&tables, day.messages);
    let Made { resident, .. } = maker.make().expect("a kernel");
    let (mut keeper, feed, _link) = Keeper::start(maker, resident, RETRY).expect("it starts");
    let compared = day.run(&tables, feed, |_, _| ()).unwrap_or_else(|failed| {
        panic!("{day:?}: {failed}; {:?}, {:?}", keeper.notes(), emulator::last_fault())
    });
    assert!(keeper.stop_within(STOP_LIMIT).is_some(), "the kernel did not stop: {:?}", keeper.notes());
    compared
}
