//! The shipped kernel, as PTX, against the CPU: books, relations, options, through the host's own path over a stand-in for
//! the driver.

use kernels::device::check_day::Day;
use kernels::device::driver::Driver;
use kernels::device::keeper::Keeper;
use kernels::device::launch::{Images, Mode};
use kernels::device::maker::Maker;
use kernels::device::plan::Demand;
use std::sync::Arc;

fn driver() -> Driver {
    // SAFETY: the stand-in has the functions' signatures, and is part of this program.
    unsafe { Driver::of(emulator::driver::symbol) }.expect("all functions").initialise().expect("a device")
}

#[test]
fn a_generated_day_is_computed_like_on_the_cpu() {
    let day = Day { seed: 1, messages: 5_000, symbols: 12 };
    let tables = Arc::new(day.tables().expect("sound tables"));
    let demand = Demand::of(&tables, day.messages, 0);
    let maker =
        Maker { driver: driver(), images: Images::Ptx, ordinal: 0, tables: Arc::clone(&tables), demand };
    let made = maker.make().expect("a kernel");
    eprintln!("{:?} {:?}", made.properties, made.resident.plan());
    assert_eq!(made.resident.mode(), &Mode::Graph);
    let (mut keeper, feed, _link) = Keeper::start(maker, made.resident).expect("it starts");
    let begun = std::time::Instant::now();
    let compared = day
        .run(&tables, feed, |_, _| ())
        .unwrap_or_else(|failed| panic!("{failed}; {:?} {:?}", keeper.notes(), emulator::last_fault()));
    eprintln!("{compared:?} in {:?}, stop {:?}", begun.elapsed(), keeper.stop());
}
