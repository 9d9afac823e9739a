//! More changes between two requests than the ring of ticks holds.

use engine::control::universe::Universe;
use engine::control::wide_backend::{self, BackendKind};
use engine::control::wide_plan::WidePlan;
use engine::pipeline::wide::{ComputedBy, Patience, TouchChange, WideRequest};
use feeds::event::{EventKind, MarketEvent, Side};
use kernels::cpu::book::VenueBooks;

use crate::day::{alone, config, generated_day};

/// Orders that come, some two rings full of them, and each goes a thousand later.
const ORDERS: u64 = 10_000;
const ORDERS_OPEN: u64 = 1_000;

/// What comes and goes on the bid of an instrument, a hundred prices.
fn changes(venue: u8, instrument: u32, tick: i64) -> impl Iterator<Item = MarketEvent> {
    let event = MarketEvent { venue, instrument, side: Side::Buy, quantity: 100, ..MarketEvent::NOTHING };
    (1..=ORDERS).flat_map(move |number| {
        let price = (100 + (number % 100) as i64) * tick;
        let add = MarketEvent { kind: EventKind::OrderAdd, order_id: number, price, ..event };
        let gone = number.checked_sub(ORDERS_OPEN).filter(|&id| id > 0);
        let delete = gone.map(|order_id| MarketEvent { kind: EventKind::OrderDelete, order_id, ..event });
        [Some(add), delete].into_iter().flatten()
    })
}

#[test]
fn lockstep_waits_for_room_and_loses_no_change() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let inputs = generated_day(directory.path(), 3, 1_000);
    let plan = WidePlan::new(&inputs, &config(&inputs, "")).expect("a plan").expect("wide work");
    let mut backend = wide_backend::make(BackendKind::Emulated, &plan, true).expect("a backend");
    let mut books: Vec<VenueBooks> = (0..inputs.venue_count())
        .map(|venue| VenueBooks::new(inputs.book_config(venue)).expect("books"))
        .collect();
    let (listing, at) = (0, plan.listings[0]);
    let tick = inputs.book_config(at.venue).price_tick;
    for event in changes(at.venue, at.instrument, tick) {
        books[usize::from(at.venue)].apply(&event).expect("it fits");
        backend.book_changed(listing, &event, &books);
    }
    let bbo = books[usize::from(at.venue)].bbo(at.instrument);
    backend.touch_changed(&TouchChange { listing, bbo, is_eligible: true });
    let request = WideRequest { id: 1, decision: 1, time_ns: 1, listing };
    backend.request(&request, &books);
    let computed_by = backend.answer(&request, Patience::Wait).expect("lockstep waits").computed_by;
    assert_eq!((computed_by, backend.differences()), (ComputedBy::Emulated, 0), "{:?}", backend.note());
}
