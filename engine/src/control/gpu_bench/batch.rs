//! Whole books, relations and options by the batch, beside one core on the same input in the same run.
//!
//! **Books**: lists of level changes that lie in the device's memory already, a warp a book; on the CPU the same changes through
//! the engine's books, the listings in turn. **Relations** and **options**: all of them at the books' best prices; on the CPU
//! relations one by one and options by the engine's own vector loop. The median of some passes by the host's clock, around
//! launch and wait. All results are compared, bit for bit.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use super::Section;
use super::round_trip::{late, refused};
use crate::control::failure::Failure;
use crate::control::gpu::Where;
use feeds::event::{EventKind, MarketEvent, Side, flags};
use kernels::abi::{AMOUNT_MAX, Leg, ListingTerms, TickKind, TickLine};
use kernels::cpu::arbitrage::evaluate;
use kernels::cpu::book::{BookConfig, DepthLevel, VenueBooks};
use kernels::cpu::replica_hash::replica_hash;
use kernels::cpu::wide::{ExpirySpec, OptionSpec, RelationSpec, WideAnswer, WideSpec, WideState, WideTables};
use kernels::device::batch::{Batch, BookChange, ChangeLists};
use kernels::device::driver::DriverError;
use kernels::device::feed::line_of;

/// Passes of which the median counts.
const PASSES: usize = 5;

const TICK: i64 = 10_000_000;
const MIDDLE: i64 = 100_000_000_000;

/// Prices of a side that changes are about.
const LEVELS: u64 = 32;

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    listings: u32,
    changes_each: u32,
    items: u32,
}

impl Sizes {
    /// In proportion to the requests of a width, up to 1,000 listings and 2^20 items.
    pub(super) fn of(requests: u32) -> Self {
        Self {
            listings: (requests / 20).clamp(8, 1_000),
            changes_each: (requests / 10).clamp(20, 2_000),
            items: requests.saturating_mul(53).clamp(1_000, 1 << 20),
        }
    }
}

/// One line of the table.
pub(super) struct Row {
    work: &'static str,
    items: u64,
    cpu_ns: u64,
    device_ns: u64,
}

/// Every listing's changes, in the order in which they came.
struct Changes {
    listings: u32,
    events: Vec<MarketEvent>,
}

impl Changes {
    fn new(sizes: Sizes) -> Self {
        let mut seed = 1_u64;
        let mut below = |bound: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % bound
        };
        let count = sizes.listings * sizes.changes_each;
        let event = |number: u32| {
            let sells = below(2) == 1;
            let away = (1 + below(LEVELS)) as i64 * TICK;
            let listing = number % sizes.listings;
            // One listing in 16 is so dear that there is something to earn.
            let middle = MIDDLE + i64::from(listing.is_multiple_of(16)) * 100 * TICK;
            MarketEvent {
                kind: EventKind::LevelSet,
                side: if sells { Side::Sell } else { Side::Buy },
                price: if sells { middle + away } else { middle - away },
                // A third of them take a level away.
                quantity: (1 + below(500)) * u64::from(below(3) != 0),
                instrument: listing,
                flags: flags::LAST_OF_EVENT,
                ..MarketEvent::NOTHING
            }
        };
        Self { listings: sizes.listings, events: (0..count).map(event).collect() }
    }

    /// One list a listing, each begun by the line that makes the book count.
    fn lists(&self) -> ChangeLists {
        let change = |line: &TickLine| BookChange::of(line).expect("a line of a book");
        let mut lists: Vec<Vec<BookChange>> = (0..self.listings)
            .map(|listing| {
                let line = TickLine { listing, kind: TickKind::Eligible, quantity: 1, ..TickLine::NOTHING };
                vec![change(&line)]
            })
            .collect();
        for event in &self.events {
            let line = line_of(event.instrument, event).expect("a level is a line");
            lists[event.instrument as usize].push(change(&line));
        }
        ChangeLists::of(&lists)
    }

    fn books(&self) -> VenueBooks {
        let config = BookConfig {
            instruments_max: self.listings as usize,
            orders_max: 1_024,
            levels_max: self.listings as usize * 2 * (LEVELS as usize + 1),
            price_tick: TICK,
        };
        VenueBooks::new(config).expect("capacities within their limits")
    }
}

fn tables(sizes: Sizes, relations: u32, options: u32) -> Arc<WideTables> {
    let terms = ListingTerms { unit_e9: 1_000_000_000, lot: 1, fee_ppb: 0, fee_unit_e9: 0 };
    let listings = sizes.listings;
    let relations = (0..relations)
        .map(|number| {
            // Pairs and triangles in turn, over other listings each time.
            let first = number % listings;
            let [second, third] = [1, 2].map(|step| (first + step * (1 + number / listings % 3)) % listings);
            let mut legs = vec![Leg::buy(first), Leg::sell(second)];
            legs.extend((number % 2 == 1).then_some(Leg::sell(third)));
            RelationSpec { legs, amount_max: AMOUNT_MAX, profit_min: 1 }
        })
        .collect();
    let options = (0..options)
        .map(|number| OptionSpec {
            underlying: number % listings,
            expiry: number / listings % 12,
            put: number % 2 == 1,
            strike: 50.0 + f64::from(number / 24 % 200) / 2.0,
            volatility: 0.1 + f64::from(number % 80) / 100.0,
            width_vega: 0.005,
            half_width_min_e9: TICK,
            tick_e9: TICK,
        })
        .collect();
    let expiries = (1..=12)
        .map(|month| {
            let years = f64::from(month) / 12.0;
            ExpirySpec { carry: 1.0 + 0.02 * years, discount: 1.0 - 0.04 * years, years }
        })
        .collect();
    let spec = WideSpec {
        listings: vec![terms; listings as usize],
        relations,
        expiries,
        options,
        ..WideSpec::default()
    };
    Arc::new(WideTables::compile(&spec).expect("sound by construction"))
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    late(&format!("failed: {error}"))
}

/// The median time of some passes, each after `before`.
fn median_ns<S>(
    state: &mut S,
    before: impl Fn(&mut S) -> Result<(), Failure>,
    pass: impl Fn(&mut S) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let mut passes = [0; PASSES];
    for ns in &mut passes {
        before(state)?;
        let begun = Instant::now();
        pass(state)?;
        *ns = begun.elapsed().as_nanos() as u64;
    }
    passes.sort_unstable();
    Ok(passes[PASSES / 2].max(1))
}

/// As [`median_ns`], of calls of the driver.
fn device_ns(
    batch: &mut Batch,
    before: impl Fn(&Batch) -> Result<(), DriverError>,
    pass: impl Fn(&Batch) -> Result<(), DriverError>,
) -> Result<u64, Failure> {
    let said = |result: Result<(), DriverError>| result.map_err(|error| failed(&error));
    median_ns(batch, |batch| said(before(batch)), |batch| said(pass(batch)))
}

/// Books, relations, options.
pub(super) fn measure(place: Where, sizes: Sizes) -> Result<Vec<Row>, Failure> {
    let changes = Changes::new(sizes);
    let lists = changes.lists();
    let mut rows = Vec::new();
    let of_tables = |tables: &Arc<WideTables>| {
        let maker = place.maker(tables, 0).map_err(|reason| refused(&reason))?;
        Batch::new(&maker, &lists, 1).map_err(|reason| refused(&reason))
    };
    let with_relations = tables(sizes, sizes.items, 0);
    let mut batch = of_tables(&with_relations)?;
    let mut books = changes.books();
    rows.push(measure_books(&mut batch, &mut books, &changes)?);
    rows.push(measure_relations(&mut batch, &state_of(&with_relations, &books))?);
    drop(batch);
    let with_options = tables(sizes, 0, sizes.items);
    let mut batch = of_tables(&with_options)?;
    batch.replay().map_err(|error| failed(&error))?;
    rows.push(measure_options(&mut batch, &mut state_of(&with_options, &books))?);
    Ok(rows)
}

fn state_of(tables: &Arc<WideTables>, books: &VenueBooks) -> WideState {
    let mut state = WideState::new(tables);
    for listing in 0..tables.listings().len() as u32 {
        state.set_touch(listing, &books.bbo(listing), true);
    }
    state
}

fn measure_books(batch: &mut Batch, books: &mut VenueBooks, changes: &Changes) -> Result<Row, Failure> {
    let clear = |batch: &mut Batch| batch.clear().map_err(|error| failed(&error));
    let replay = |batch: &mut Batch| batch.replay().map_err(|error| failed(&error));
    let device_ns = median_ns(batch, clear, replay)?;
    if let Some(fault) = batch.replay_fault().map_err(|error| failed(&error))? {
        return Err(late(&format!("could not replay: {fault:?}")));
    }
    let fresh = |books: &mut VenueBooks| {
        *books = changes.books();
        Ok(())
    };
    let apply = |books: &mut VenueBooks| {
        for event in &changes.events {
            books.apply(event).map_err(|error| Failure::Check(format!("{event:?}: {error:?}")))?;
        }
        Ok(())
    };
    let cpu_ns = median_ns(books, fresh, apply)?;
    let mut depth = [DepthLevel::default(); LEVELS as usize + 1];
    for (listing, top) in (0..).zip(batch.books().map_err(|error| failed(&error))?) {
        if top.hash != replica_hash(books, listing, listing, &mut depth) {
            return Err(late(&format!("has another book of listing {listing} than the CPU")));
        }
    }
    Ok(Row { work: "books", items: changes.events.len() as u64, cpu_ns, device_ns })
}

fn measure_relations(batch: &mut Batch, state: &WideState) -> Result<Row, Failure> {
    let tables = state.tables();
    let touches: Vec<_> = (0..tables.listings().len() as u32).map(|listing| *state.touch(listing)).collect();
    let device_ns = device_ns(batch, Batch::clear_hits, Batch::scan)?;
    let mut values = vec![[0; 5]; tables.relations().len()];
    let cpu_ns = median_ns(
        &mut values,
        |_| Ok(()),
        |values| {
            for (value, relation) in values.iter_mut().zip(tables.relations()) {
                *value = evaluate(relation, tables.listings(), &touches);
            }
            Ok(())
        },
    )?;
    if batch.hits().map_err(|error| failed(&error))? == 0 {
        return Err(late("found nothing in relations of which some earn something"));
    }
    if batch.relations().map_err(|error| failed(&error))? != values {
        return Err(late("has other values of relations than the CPU"));
    }
    Ok(Row { work: "relations", items: values.len() as u64, cpu_ns, device_ns })
}

fn measure_options(batch: &mut Batch, state: &mut WideState) -> Result<Row, Failure> {
    let tables = Arc::clone(state.tables());
    let listings = tables.listings().len() as u32;
    let device_ns = device_ns(batch, |_| Ok(()), Batch::price)?;
    let answer = WideAnswer::new(&tables);
    let cpu_ns = median_ns(
        &mut (&mut *state, answer),
        |_| Ok(()),
        |(state, answer)| {
            (0..listings).for_each(|listing| state.compute(listing, true, answer));
            Ok(())
        },
    )?;
    let device = batch.options().map_err(|error| failed(&error))?;
    let mut answer = WideAnswer::new(&tables);
    for listing in 0..listings {
        state.compute(listing, true, &mut answer);
        if answer.items().iter().any(|item| device[item.key.index as usize] != item.values) {
            return Err(late(&format!("has other values of listing {listing}'s options than the CPU")));
        }
    }
    Ok(Row { work: "options", items: device.len() as u64, cpu_ns, device_ns })
}

/// What is printed of them.
pub(super) fn section(rows: &[Row]) -> Section {
    let mut text = format!(
        "by the batch, a second; the median of {PASSES} passes, one core beside the device, all results equal\n{:<10} {:>9} \
         {:>14} {:>14} {:>8}\n",
        "work", "items", "cpu", "device", "speedup"
    );
    let mut lines = Vec::new();
    for Row { work, items, cpu_ns, device_ns } in rows {
        let rate = |ns: u64| *items as f64 * 1e9 / ns as f64;
        let (cpu, device) = (rate(*cpu_ns), rate(*device_ns));
        let _ = writeln!(text, "{work:<10} {items:>9} {cpu:>14.0} {device:>14.0} {:>8.2}", device / cpu);
        lines.push(json!({
            "work": work, "items": items, "cpu_ns": cpu_ns, "device_ns": device_ns, "cpu_per_s": cpu,
            "device_per_s": device, "passes": PASSES,
        }));
    }
    Section { text, rows: lines }
}
