//! The round trip of a request by its width: a quiet line and a moving one of the table.

use std::sync::Arc;

use hdrhistogram::Histogram;

use crate::control::failure::Failure;
use crate::control::gpu::{RETRY, Where};
use crate::control::wide_config::WorkKind;
use crate::pipeline::tsc::{self, Calibration};
use feeds::event::{EventKind, MarketEvent, Side, flags};
use kernels::abi::{AMOUNT_MAX, Leg, ListingTerms};
use kernels::cpu::book::Bbo;
use kernels::cpu::wide::{ExpirySpec, OptionSpec, RelationSpec, WideAnswer, WideSpec, WideState, WideTables};
use kernels::device::feed::{Collected, Feed};
use kernels::device::keeper::Keeper;
use kernels::device::maker::Made;
use kernels::device::ring::RingFull;

/// Requests that are thrown away, of each line of the table.
pub(super) const WARM_UP_PART: u32 = 10;

/// Longest that an answer may take, ticks: some seconds.
const TICKS_MAX: u64 = 1 << 34;

/// One line of the table.
pub(super) struct Row {
    pub(super) work: WorkKind,
    pub(super) width: u32,
    pub(super) is_moving: bool,
    pub(super) items: u64,
    pub(super) cpu: Histogram<u64>,
    pub(super) device: Histogram<u64>,
}

const PRICE: i64 = 100_000_000_000;
const TICK: i64 = 10_000_000;

/// Listing 0 changes; the others, of which relations are made, quote where nothing is to be earned.
pub(super) fn tables(work: WorkKind, width: u32) -> WideTables {
    let others = 64.min(width);
    let terms = ListingTerms { unit_e9: 1_000_000_000, lot: 1, fee_ppb: 0, fee_unit_e9: 0 };
    let relations = match work {
        WorkKind::Options => Vec::new(),
        WorkKind::Relations => (0..width)
            .map(|number| RelationSpec {
                legs: vec![Leg::buy(1 + number % others), Leg::sell(0)],
                amount_max: AMOUNT_MAX,
                profit_min: 1,
            })
            .collect(),
    };
    let options = match work {
        WorkKind::Relations => Vec::new(),
        WorkKind::Options => (0..width)
            .map(|number| OptionSpec {
                underlying: 0,
                expiry: number % 12,
                put: number % 2 == 1,
                strike: 50.0 + f64::from(number / 24 % 200) / 2.0,
                volatility: 0.1 + f64::from(number % 80) / 100.0,
                width_vega: 0.005,
                half_width_min_e9: TICK,
                tick_e9: TICK,
            })
            .collect(),
    };
    let expiries = (1..=12)
        .map(|month| {
            let years = f64::from(month) / 12.0;
            ExpirySpec { carry: 1.0 + 0.02 * years, discount: 1.0 - 0.04 * years, years }
        })
        .collect();
    let listings = vec![terms; 1 + others as usize];
    WideTables::compile(&WideSpec { listings, relations, expiries, options, ..WideSpec::default() })
        .expect("sound by construction")
}

/// The change that request number `n` is about: the level and the touch after it.
pub(super) fn change(n: u32, is_moving: bool) -> (MarketEvent, Bbo) {
    let (price, quantity) = if is_moving {
        (PRICE - TICK * i64::from(1 + n % 2), 100)
    } else {
        (PRICE - TICK, 100 + u64::from(n % 2))
    };
    let event = level(Side::Buy, price, quantity);
    (event, Bbo { bid_px: price, bid_qty: quantity, ask_px: PRICE, ask_qty: 100 })
}

fn level(side: Side, price: i64, quantity: u64) -> MarketEvent {
    MarketEvent {
        kind: EventKind::LevelSet,
        side,
        price,
        quantity,
        instrument: 0,
        flags: flags::LAST_OF_EVENT,
        ..MarketEvent::NOTHING
    }
}

pub(super) fn late(what: &str) -> Failure {
    Failure::Check(format!("the device {what}"))
}

/// Longest wait for an answer, ticks.
pub(super) fn answer_limit() -> u64 {
    Calibration::measure().ns_to_ticks(5_000_000_000)
}

/// Waits for the answer to a request.
pub(super) fn answer(feed: &mut Feed, tag: u32, answer: &mut WideAnswer, limit: u64) -> Result<(), Failure> {
    let begun = tsc::now();
    answer.clear();
    loop {
        match feed.collect(tag, answer) {
            Collected::Complete { .. } => return Ok(()),
            // Whoever ends epochs reads of it here.
            Collected::NotYet | Collected::EpochEnded { .. } if tsc::now() - begun < limit => {
                std::hint::spin_loop();
            }
            Collected::NotYet => return Err(late("does not answer")),
            other => return Err(late(&format!("said {other:?}"))),
        }
    }
}

/// No device, as the end of a command.
pub(super) fn refused(reason: &dyn std::fmt::Display) -> Failure {
    Failure::Input(format!("no device: {reason}"))
}

pub(super) fn full(_: RingFull) -> Failure {
    late("has a full ring")
}

pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, TICKS_MAX, 3).expect("constant bounds are valid")
}

/// Every listing counts and has an offer, for the device and for these states.
pub(super) fn open_books(feed: &mut Feed, states: &mut [&mut WideState]) -> Result<(), Failure> {
    let listings = states[0].tables().listings().len() as u32;
    for listing in 0..listings {
        // All but the first ask far above what the first bids.
        let ask = if listing == 0 { PRICE } else { PRICE * 2 };
        feed.set_eligible(listing, true).map_err(full)?;
        feed.book_changed(listing, &level(Side::Sell, ask, 100)).map_err(full)?;
        let bbo = Bbo { ask_px: ask, ask_qty: 100, ..Bbo::EMPTY };
        states.iter_mut().for_each(|state| {
            state.set_touch(listing, &bbo, true);
        });
    }
    Ok(())
}

/// What a width costs, and on what device.
pub(super) fn measure(
    place: Where,
    work: WorkKind,
    width: u32,
    requests: u32,
) -> Result<(Vec<Row>, String), Failure> {
    let tables = Arc::new(tables(work, width));
    let maker = place.maker(&tables, 0).map_err(|reason| refused(&reason))?;
    let Made { resident, properties, .. } = maker.make().map_err(|reason| refused(&reason))?;
    let described = format!("{}, {}", properties.name, resident.mode());
    let (_keeper, mut feed, _link) =
        Keeper::start(maker, resident, RETRY).map_err(|error| refused(&error))?;
    let limit = answer_limit();
    let (mut cpu, mut device) = (WideState::new(&tables), WideState::new(&tables));
    let (mut cpu_answer, mut device_answer) = (WideAnswer::new(&tables), WideAnswer::new(&tables));
    open_books(&mut feed, &mut [&mut cpu, &mut device])?;
    let mut rows = Vec::new();
    for is_moving in [false, true] {
        let mut row = Row { work, width, is_moving, items: 0, cpu: histogram(), device: histogram() };
        for n in 0..requests + requests / WARM_UP_PART {
            let (event, bbo) = change(n, is_moving);
            let start = tsc::now();
            if is_moving {
                let (before, _) = change(n + 1, true);
                feed.book_changed(0, &MarketEvent { quantity: 0, ..before }).map_err(full)?;
            }
            feed.book_changed(0, &event).map_err(full)?;
            let tag = feed.request(0, false).map_err(full)?;
            answer(&mut feed, tag, &mut device_answer, limit)?;
            device.set_touch(0, &bbo, true);
            device.adopt(0, false, &mut device_answer).map_err(|error| late(&error.to_string()))?;
            let middle = tsc::now();
            cpu.set_touch(0, &bbo, true);
            cpu.compute(0, false, &mut cpu_answer);
            let end = tsc::now();
            if cpu_answer.items() != device_answer.items() {
                return Err(late(&format!("answered request {n} otherwise than the CPU")));
            }
            if n >= requests / WARM_UP_PART {
                row.items += cpu_answer.items().len() as u64;
                row.device.saturating_record(middle - start);
                row.cpu.saturating_record(end - middle);
            }
        }
        rows.push(row);
    }
    Ok((rows, described))
}
