//! `warptick gpu bench`: what a request costs by its width, the CPU beside the device, through the engine's own path.
//!
//! A request is a change of one listing's best bid: a level line with the request on it. **Device**: from before the line is
//! written to after the answer's last line was read and adopted. **CPU**: the same touch taken in and everything computed. The
//! two take turns request by request, and every answer is compared: a device that computes something else fails. `quiet`
//! requests change a quantity, so that no rounded value changes and the answer is one line; `moving` ones move the price. The
//! caller's thread polls; it is pinned by whoever starts the process.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use hdrhistogram::Histogram;
use serde_json::json;

use crate::control::failure::Failure;
use crate::control::gpu::{RETRY, Where};
use crate::control::machine::Machine;
use crate::control::wide_config::{MeasuredConfig, WorkKind, crossover};
use crate::pipeline::tsc::{self, Calibration};
use feeds::event::{EventKind, MarketEvent, Side, flags};
use kernels::abi::{AMOUNT_MAX, Leg, ListingTerms};
use kernels::cpu::book::Bbo;
use kernels::cpu::wide::{ExpirySpec, OptionSpec, RelationSpec, WideAnswer, WideSpec, WideState, WideTables};
use kernels::device::feed::{Collected, Feed};
use kernels::device::keeper::Keeper;
use kernels::device::maker::Made;

/// Dependents of the listing that changes.
const WIDTHS: [u32; 8] = [0, 32, 128, 512, 1_024, 4_096, 8_192, 16_384];

/// Requests that are thrown away, of each line of the table.
const WARM_UP_PART: u32 = 10;

/// Longest that an answer may take, ticks: some seconds.
const TICKS_MAX: u64 = 1 << 34;

const fn name_of(work: WorkKind) -> &'static str {
    match work {
        WorkKind::Relations => "relations",
        WorkKind::Options => "options",
    }
}

/// One line of the table.
struct Row {
    work: WorkKind,
    width: u32,
    is_moving: bool,
    items: u64,
    cpu: Histogram<u64>,
    device: Histogram<u64>,
}

const PRICE: i64 = 100_000_000_000;
const TICK: i64 = 10_000_000;

/// Listing 0 changes; the others, of which relations are made, quote where nothing is to be earned.
fn tables(work: WorkKind, width: u32) -> WideTables {
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
    WideTables::compile(&WideSpec { listings, relations, expiries, options }).expect("sound by construction")
}

/// The change that request number `n` is about: the level and the touch after it.
fn change(n: u32, is_moving: bool) -> (MarketEvent, Bbo) {
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

fn late(what: &str) -> Failure {
    Failure::Check(format!("the device {what}"))
}

/// Waits for the answer to a request.
fn answer(feed: &mut Feed, tag: u32, answer: &mut WideAnswer, limit: u64) -> Result<(), Failure> {
    let begun = tsc::now();
    answer.clear();
    loop {
        match feed.collect(tag, answer) {
            Collected::Complete { .. } => return Ok(()),
            Collected::NotYet if tsc::now() - begun < limit => std::hint::spin_loop(),
            Collected::NotYet => return Err(late("does not answer")),
            other => return Err(late(&format!("said {other:?}"))),
        }
    }
}

fn measure(place: Where, work: WorkKind, width: u32, requests: u32) -> Result<(Vec<Row>, String), Failure> {
    let tables = Arc::new(tables(work, width));
    let refused = |reason: &dyn std::fmt::Display| Failure::Input(format!("no device: {reason}"));
    let maker = place.maker(&tables, 0).map_err(|reason| refused(&reason))?;
    let Made { resident, properties, .. } = maker.make().map_err(|reason| refused(&reason))?;
    let described = format!("{}, {}", properties.name, resident.mode());
    let (_keeper, mut feed, _link) =
        Keeper::start(maker, resident, RETRY).map_err(|error| refused(&error))?;
    let limit = Calibration::measure().ns_to_ticks(5_000_000_000);
    let (mut cpu, mut device) = (WideState::new(&tables), WideState::new(&tables));
    let (mut cpu_answer, mut device_answer) = (WideAnswer::new(&tables), WideAnswer::new(&tables));
    let full = |_| late("has a full ring");
    for listing in 0..tables.listings().len() as u32 {
        // All but the first ask far above what the first bids.
        let ask = if listing == 0 { PRICE } else { PRICE * 2 };
        feed.set_eligible(listing, true).map_err(full)?;
        feed.book_changed(listing, &level(Side::Sell, ask, 100)).map_err(full)?;
        let bbo = Bbo { ask_px: ask, ask_qty: 100, ..Bbo::EMPTY };
        cpu.set_touch(listing, &bbo, true);
        device.set_touch(listing, &bbo, true);
    }
    let histogram = || Histogram::new_with_bounds(1, TICKS_MAX, 3).expect("constant bounds are valid");
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

/// Measures, and says from which width on the device is worth it.
///
/// # Errors
/// No device, or one that computes something else.
pub fn run(place: Where, requests: u32, min_speedup: f64, profile: Option<&Path>) -> Result<String, Failure> {
    let calibration = Calibration::measure();
    let mut rows = Vec::new();
    let mut described = String::new();
    for work in [WorkKind::Relations, WorkKind::Options] {
        for width in WIDTHS.into_iter().filter(|width| *width > 0 || work == WorkKind::Relations) {
            let (of_width, device) = measure(place, work, width, requests)?;
            rows.extend(of_width);
            described = device;
        }
    }
    let ns = |histogram: &Histogram<u64>, q: f64| calibration.ticks_to_ns(histogram.value_at_quantile(q));
    let mut text = format!(
        "{described}\nrequest to answer, ns; {requests} requests a line, CPU and device in turn, all answers equal\n{:<10} {:>6} \
         {:>7} {:>7} {:>10} {:>10} {:>10} {:>10} {:>8}\n",
        "work", "width", "change", "items", "cpu p50", "dev p50", "dev p99", "dev p99.9", "speedup"
    );
    let mut lines = Vec::new();
    for row in &rows {
        let (cpu, device) = (ns(&row.cpu, 0.5), ns(&row.device, 0.5));
        let (p99, p999) = (ns(&row.device, 0.99), ns(&row.device, 0.999));
        let items = row.items as f64 / f64::from(requests);
        let speedup = cpu as f64 / device.max(1) as f64;
        let change = if row.is_moving { "moving" } else { "quiet" };
        let _ = writeln!(
            text,
            "{:<10} {:>6} {change:>7} {items:>7.1} {cpu:>10} {device:>10} {p99:>10} {p999:>10} {speedup:>8.2}",
            name_of(row.work),
            row.width,
        );
        lines.push(json!({
            "work": name_of(row.work), "width": row.width, "change": change, "items": items, "cpu_p50_ns": cpu,
            "device_p50_ns": device, "device_p99_ns": p99, "device_p999_ns": p999, "requests": requests,
        }));
    }
    let measured: Vec<MeasuredConfig> = rows
        .iter()
        .map(|row| MeasuredConfig {
            work: row.work,
            width: row.width,
            cpu_ns: ns(&row.cpu, 0.5),
            device_ns: ns(&row.device, 0.5),
        })
        .collect();
    let crossover = |work| crossover(&measured, work, min_speedup);
    let (relations, options) = (crossover(WorkKind::Relations), crossover(WorkKind::Options));
    let shown = |width: Option<u32>| width.map_or("never".to_owned(), |width| width.to_string());
    let _ = writeln!(
        text,
        "at least {min_speedup} times as fast as one core from this width on: relations {}, options {}",
        shown(relations),
        shown(options)
    );
    if let Some(path) = profile {
        let written = profile_text(&described, &measured);
        std::fs::write(path, written)
            .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
        let _ = writeln!(text, "written to {}", path.display());
    }
    let machine = Machine::read();
    let _ = writeln!(
        text,
        "{}",
        json!({ "scenario": "gpu_bench", "device": described, "machine": machine, "rows": lines,
            "crossover_relations": relations, "crossover_options": options, "min_speedup": min_speedup })
    );
    Ok(text)
}

/// The part of a configuration that `--backend auto` goes by.
fn profile_text(device: &str, measured: &[MeasuredConfig]) -> String {
    let mut text = format!("# Measured by `warptick gpu bench` on {device}.\n[wide]\nmeasured = [\n");
    for MeasuredConfig { work, width, cpu_ns, device_ns } in measured {
        let work = name_of(*work);
        let _ = writeln!(
            text,
            "    {{ work = \"{work}\", width = {width}, cpu_ns = {cpu_ns}, device_ns = {device_ns} }},"
        );
    }
    text.push_str("]\n");
    text
}
