//! Wide work allocates at construction and never after: ticks, requests, volatilities and adopted answers are counted.

use kernels::abi::{AMOUNT_MAX, Leg, ListingTerms};
use kernels::cpu::book::Bbo;
use kernels::cpu::wide::{
    ExpirySpec, LinearLegSpec, LinearSpec, OptionSpec, RelationSpec, WideAnswer, WideSpec, WideState,
    WideTables,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn spec() -> WideSpec {
    let share = ListingTerms { unit_e9: 1_000_000_000, lot: 1, fee_ppb: 0, fee_unit_e9: 0 };
    let pair = |buy, sell| RelationSpec {
        legs: vec![Leg::buy(buy), Leg::sell(sell)],
        amount_max: AMOUNT_MAX,
        profit_min: 1,
    };
    let spread = |buy, sell| LinearSpec {
        legs: [Leg::buy(buy), Leg::sell(sell)]
            .map(|leg| LinearLegSpec { leg, weight: 1, factor_e9: 1_000_000_000 })
            .to_vec(),
        payoff_e9: 0,
        amount_max: AMOUNT_MAX,
        profit_min: 1,
    };
    let option = |at: u32| OptionSpec {
        underlying: 0,
        expiry: at % 2,
        put: at.is_multiple_of(3),
        strike: 50.0 + f64::from(at) / 10.0,
        volatility: 0.3,
        width_vega: 0.01,
        half_width_min_e9: 0,
        tick_e9: 1_000_000,
    };
    let expiry = |years| ExpirySpec { carry: 1.0, discount: 1.0, years };
    WideSpec {
        listings: vec![share; 2],
        relations: vec![pair(0, 1), pair(1, 0)],
        linears: vec![spread(0, 1), spread(1, 0)],
        expiries: vec![expiry(0.1), expiry(1.0)],
        options: (0..1_000).map(option).collect(),
        ..WideSpec::default()
    }
}

#[test]
fn nothing_is_allocated_while_ticks_arrive() {
    let tables = Arc::new(WideTables::compile(&spec()).expect("a valid specification"));
    let (mut state, mut device) = (WideState::new(&tables), WideState::new(&tables));
    let (mut answer, mut adopted) = (WideAnswer::new(&tables), WideAnswer::new(&tables));
    let before = ALLOCATIONS.with(Cell::get);
    assert!(before > 10, "the counter counts");
    let mut items = 0;
    for tick in 0..500i64 {
        let bid_px = 100_000_000_000 + tick % 7 * 50_000_000;
        // Every fiftieth mid is so large that the chain takes the slow way.
        let bid_px = if tick % 50 == 0 { 4_000_000_000_000_000_000 } else { bid_px };
        let bbo = Bbo { bid_px, bid_qty: 10, ask_px: bid_px + 10_000_000, ask_qty: 10 };
        let listing = (tick % 3 == 0).into();
        state.set_touch(listing, &bbo, tick % 11 > 0);
        device.set_touch(listing, &bbo, tick % 11 > 0);
        state.set_volatility((tick % 1_000) as u32, 0.2).expect("a volatility");
        device.set_volatility((tick % 1_000) as u32, 0.2).expect("a volatility");
        state.compute(listing, tick % 100 == 0, &mut answer);
        adopted.clear();
        for item in answer.items().iter().rev() {
            adopted.push(*item).expect("room");
        }
        device.adopt(listing, tick % 100 == 0, &mut adopted).expect("adopted");
        assert_eq!(adopted.items(), answer.items());
        items += answer.items().len();
    }
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
    assert!(items > 50_000, "too little happened: {items}");
}
