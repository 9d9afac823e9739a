//! Linear relations of 1 to 128 legs and listings that are quoted upside-down on the shipped kernels, as PTX, through the host's
//! own path over a stand-in for the driver whose memory is as weak as PTX allows: tick after tick against the CPU, against
//! a brute force in numbers without limit, and each hit against a checker that knows nothing of how it was found.

#[path = "arbitrage/brute_force.rs"]
mod brute_force;
#[path = "arbitrage/checker.rs"]
mod checker;
#[allow(dead_code, reason = "only the maker is needed here")]
mod emulated;
#[allow(dead_code, reason = "nothing is shuffled here")]
#[path = "arbitrage/random.rs"]
mod random;
#[allow(dead_code, reason = "nobody counts what was found here")]
#[path = "arbitrage/scan.rs"]
mod scan;

use emulator::{EmulatedDevice, WeakMemory};
use feeds::event::{EventKind, MarketEvent, Side, flags};
use feeds::units::PRICE_NONE;
use kernels::abi::{AMOUNT_MAX, LINEAR_LEGS_MAX, Leg, ListingTerms, TickKind, TickLine};
use kernels::cpu::book::Bbo;
use kernels::cpu::wide::{
    LinearLegSpec, LinearSpec, RelationSpec, WideAnswer, WideSpec, WideState, WideTables,
};
use kernels::device::batch::{Batch, BookChange, ChangeLists, TickKernel, TickLaunch};
use kernels::device::feed::{Collected, Feed, line_of};
use kernels::device::maker::Maker;
use kernels::device::ring::Port;
use random::Random;
use scan::Scan;
use std::collections::BTreeMap;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

const LISTINGS: u32 = 159;
const E9: u64 = 1_000_000_000;
const TICK: i64 = 10_000_000;

/// What a unit of every listing is worth, whichever way it is quoted; so is its price.
const WORTH: u64 = 100 * E9;

/// Legs of the first linear relations: at every edge of the ways in which a warp takes them.
const LEGS: [usize; 12] = [1, 2, 4, 8, 9, 16, 31, 32, 33, 64, 127, LINEAR_LEGS_MAX];

fn maker(tables: &Arc<WideTables>) -> Maker {
    static CONFIGURED: Once = Once::new();
    CONFIGURED.call_once(|| {
        let weak = Some(WeakMemory { seed: 9 });
        emulator::configure(EmulatedDevice { compute_capability: (8, 6), weak, ..EmulatedDevice::default() });
    });
    emulated::maker(tables, 0)
}

/// Every third listing is upside-down: 10,000 dollars in coins that cost 100.
fn spec(random: &mut Random, cycles: u32, linears: usize) -> WideSpec {
    let listings = (0..LISTINGS)
        .map(|listing| ListingTerms {
            unit_e9: if listing.is_multiple_of(3) { 10_000 * E9 } else { E9 },
            lot: 1 + random.below(3),
            fee_ppb: random.below(20_000) as i64,
            fee_unit_e9: random.below(1_000_000) as i64,
        })
        .collect();
    let relations = (0..cycles).map(|_| pair(random)).collect();
    let linears = (0..linears)
        .map(|number| {
            let few = 1 + random.below(12) as usize;
            linear(random, LEGS.get(number).copied().unwrap_or(few))
        })
        .collect();
    let inverse = (0..LISTINGS).filter(|listing| listing.is_multiple_of(3)).collect();
    WideSpec { listings, inverse, relations, linears, ..WideSpec::default() }
}

/// Two listings of the same way of quoting.
fn pair(random: &mut Random) -> RelationSpec {
    let first = random.below(u64::from(LISTINGS)) as u32;
    let other = (first + 3 * (1 + random.below(30) as u32)) % LISTINGS;
    RelationSpec { legs: vec![Leg::buy(first), Leg::sell(other)], amount_max: AMOUNT_MAX, profit_min: 1 }
}

/// So many different legs whose payoff is nearly what they are worth together: a hit comes and goes.
fn linear(random: &mut Random, legs: usize) -> LinearSpec {
    let mut listings: Vec<u32> = (0..LISTINGS).collect();
    random.shuffle(&mut listings);
    let leg = |listing: u32, random: &mut Random| LinearLegSpec {
        leg: if random.below(2) == 0 { Leg::buy(listing) } else { Leg::sell(listing) },
        weight: 1 + random.below(4),
        // Not below 1: the fee in the price counts as often as the price does, and the checker has all of it paid.
        factor_e9: if random.below(3) == 0 { E9 + random.below(10_000_000) } else { E9 },
    };
    let legs: Vec<_> = listings[..legs].iter().map(|listing| leg(*listing, random)).collect();
    let worth = |leg: &LinearLegSpec| {
        let worth = i128::from(leg.weight) * i128::from(leg.factor_e9) * i128::from(WORTH / E9);
        if leg.leg.sells() { -worth } else { worth }
    };
    let width = 4 * TICK * legs.len() as i64;
    let payoff_e9 =
        legs.iter().map(worth).sum::<i128>() as i64 + random.below(4 * width as u64) as i64 - width;
    let amount_max = if random.below(4) == 0 { 50_000 * E9 } else { AMOUNT_MAX };
    LinearSpec { legs, payoff_e9, amount_max, profit_min: 1 + random.below(E9) }
}

/// A best bid and offer a few ticks around what the listing is worth; now and then a side is missing.
fn quote(random: &mut Random) -> Bbo {
    let middle = WORTH as i64 + (random.below(15) as i64 - 7) * TICK;
    let mut quantity = |of: u64| if random.below(400) == 0 { 0 } else { 500 + random.below(of) };
    let (bid_qty, ask_qty) = (quantity(2_000), quantity(2_000));
    let away = [0, 1].map(|_| (1 + random.below(2)) as i64 * TICK);
    let shown = |quantity: u64, price: i64| if quantity > 0 { price } else { PRICE_NONE };
    let (bid_px, ask_px) = (shown(bid_qty, middle - away[0]), shown(ask_qty, middle + away[1]));
    Bbo { bid_px, bid_qty, ask_px, ask_qty }
}

/// The events that make a book of one level a side this one.
fn events(listing: u32, before: &Bbo, after: &Bbo) -> Vec<MarketEvent> {
    let level = |side, price, quantity| MarketEvent {
        kind: EventKind::LevelSet,
        side,
        price,
        quantity,
        instrument: listing,
        flags: flags::LAST_OF_EVENT,
        ..MarketEvent::NOTHING
    };
    let sides = [
        (Side::Buy, before.bid_px, before.bid_qty, after.bid_px, after.bid_qty),
        (Side::Sell, before.ask_px, before.ask_qty, after.ask_px, after.ask_qty),
    ];
    let gone = sides.iter().filter(|side| side.2 > 0).map(|side| level(side.0, side.1, 0));
    let there = sides.iter().filter(|side| side.4 > 0).map(|side| level(side.0, side.3, side.4));
    gone.chain(there).collect()
}

fn collect(feed: &mut Feed, tag: u32, answer: &mut WideAnswer) {
    let begun = Instant::now();
    loop {
        match feed.collect(tag, answer) {
            Collected::Complete { .. } => return,
            Collected::NotYet if begun.elapsed() < Duration::from_secs(60) => std::thread::yield_now(),
            other => panic!("{other:?}, {:?}", emulator::last_fault()),
        }
    }
}

#[test]
fn every_tick_s_hits_are_the_cpu_s_and_the_brute_force_s() {
    let seed = 3;
    let mut random = Random(seed);
    let mut scan = Scan::new(spec(&mut random, 40, 60));
    let tables = Arc::new(WideTables::compile(&scan.spec).expect("sound by construction"));
    let mut kernel = TickKernel::new(&maker(&tables)).expect("it is made");
    let mut feed = Feed::new(Port::new(Arc::clone(kernel.rings())));
    let (mut cpu, mut device) = (WideState::new(&tables), WideState::new(&tables));
    let (mut wanted, mut answer) = (WideAnswer::new(&tables), WideAnswer::new(&tables));
    let mut hits = BTreeMap::new();
    // Came, stayed otherwise, went.
    let mut changes = [0; 3];
    for n in 0..3 * LISTINGS {
        // At first every listing gets a quote.
        let listing = if n < LISTINGS { n } else { random.below(u64::from(LISTINGS)) as u32 };
        let bbo = quote(&mut random);
        if n < LISTINGS {
            feed.set_eligible(listing, true).expect("room");
        }
        for event in events(listing, &scan.bbos[listing as usize], &bbo) {
            feed.book_changed(listing, &event).expect("room");
        }
        let full = n % 37 == 0;
        let tag = feed.request(listing, full).expect("room");
        kernel.launch(TickLaunch::Kernel).expect("it starts");
        answer.clear();
        collect(&mut feed, tag, &mut answer);
        device.adopt(listing, full, &mut answer).expect("it can be");
        cpu.set_touch(listing, &bbo, true);
        cpu.compute(listing, full, &mut wanted);
        assert_eq!(answer.items(), wanted.items(), "seed {seed}, tick {n}");
        for item in answer.items() {
            let change = match (item.values[4] > 0, hits.contains_key(&item.key.index)) {
                (true, false) => 0,
                (true, true) => 1,
                (false, true) => 2,
                (false, false) => continue,
            };
            changes[change] += usize::from(item.key.index >= tables.relations().len() as u32);
            if change < 2 {
                hits.insert(item.key.index, item.values)
            } else {
                hits.remove(&item.key.index)
            };
        }
        scan.tick(listing, bbo);
        assert_eq!(hits, scan.hits, "seed {seed}, tick {n}");
        if n % 20 == 0 || n + 1 == LISTINGS {
            scan.check_all();
        }
    }
    scan.check_all();
    let long = hits.keys().filter(|index| legs_of(&tables, **index) > 8).count();
    println!(
        "linear hits came, stayed otherwise, went: {changes:?}; {} stand, {long} of more than 8 legs",
        hits.len()
    );
    assert!(changes.iter().all(|count| *count > 20) && long > 0, "{changes:?} and {long} test nothing");
    kernel.synchronize().expect("it ends");
}

fn legs_of(tables: &WideTables, relation: u32) -> usize {
    tables.quantities(relation, &[0; 5]).count()
}

#[test]
fn a_batch_evaluates_both_forms() {
    for seed in 11..=12 {
        let mut random = Random(seed);
        let mut scan = Scan::new(spec(&mut random, 100, 300));
        let tables = Arc::new(WideTables::compile(&scan.spec).expect("sound by construction"));
        let change = |line: &TickLine| BookChange::of(line).expect("a book's line");
        let mut lists = Vec::new();
        for listing in 0..LISTINGS {
            let bbo = quote(&mut random);
            let counts = TickLine { listing, kind: TickKind::Eligible, quantity: 1, ..TickLine::NOTHING };
            let events = events(listing, &Bbo::EMPTY, &bbo);
            let lines = events.iter().map(|event| line_of(listing, event).expect("a book's event"));
            lists.push([counts].into_iter().chain(lines).map(|line| change(&line)).collect());
            scan.tick(listing, bbo);
        }
        scan.check_all();
        let mut batch = Batch::new(&maker(&tables), &ChangeLists::of(&lists), 1).expect("it is made");
        batch.clear().expect("it clears");
        batch.replay().expect("it runs");
        assert_eq!(batch.replay_fault().expect("it is read"), None, "seed {seed}");
        batch.scan().expect("it runs");
        let values = batch.relations().expect("they are read");
        assert_eq!(values.len(), 400, "seed {seed}");
        for (relation, values) in (0..).zip(&values) {
            let expected = scan.hits.get(&relation).copied().unwrap_or([0; 5]);
            assert_eq!(*values, expected, "seed {seed}, relation {relation}");
        }
        let linear = scan.hits.keys().filter(|index| **index >= 100).count();
        println!("seed {seed}: {} hits, {linear} of them linear", scan.hits.len());
        assert!(linear > 20 && linear < 280, "seed {seed}: {linear} hits test nothing");
        assert_eq!(batch.hits().expect("they are read") as usize, scan.hits.len(), "seed {seed}");
    }
}
