//! The kernels that are launched and end, as PTX, against the CPU: books from lists of changes, all relations and options
//! once, one launch a tick. Through the host's own path over a stand-in for the driver, whose memory is as weak as PTX allows.

#[allow(dead_code, reason = "only the maker is needed here")]
mod emulated;

use emulator::{EmulatedDevice, WeakMemory};
use feeds::event::{EventKind, MarketEvent, Side, flags};
use feeds::units::PRICE_NONE;
use kernels::abi::{AMOUNT_MAX, ItemKind, Leg, ListingTerms, TickKind, TickLine};
use kernels::cpu::arbitrage::evaluate;
use kernels::cpu::book::{Bbo, BookConfig, DepthLevel, VenueBooks};
use kernels::cpu::replica_hash::replica_hash;
use kernels::cpu::wide::{ExpirySpec, OptionSpec, RelationSpec, WideAnswer, WideSpec, WideState, WideTables};
use kernels::device::batch::{Batch, BookChange, BookTop, ChangeLists, ReplayFault, TickKernel, TickLaunch};
use kernels::device::feed::{BrokenReplica, Collected, Feed, line_of};
use kernels::device::maker::Maker;
use kernels::device::ring::Port;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

const LISTINGS: u32 = 40;
const TICK: i64 = 10_000_000;

/// What makes kernels for tables, on the device that all tests here share.
fn maker(tables: &Arc<WideTables>, orders: u64) -> Maker {
    static CONFIGURED: Once = Once::new();
    CONFIGURED.call_once(|| {
        let weak = Some(WeakMemory { seed: 5 });
        emulator::configure(EmulatedDevice { compute_capability: (8, 6), weak, ..EmulatedDevice::default() });
    });
    emulated::maker(tables, orders)
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Forty listings whose prices lie so close that some relations earn something.
fn tables(random: &mut Random, relations: u32, options: u32) -> Arc<WideTables> {
    let listings = (0..LISTINGS)
        .map(|_| ListingTerms {
            unit_e9: 1_000_000_000,
            lot: 1 + random.below(3),
            fee_ppb: random.below(20_000) as i64 - 5_000,
            fee_unit_e9: 0,
        })
        .collect();
    let relations = (0..relations)
        .map(|_| {
            let first = random.below(u64::from(LISTINGS)) as u32;
            let other = (first + 1 + random.below(u64::from(LISTINGS) - 1) as u32) % LISTINGS;
            RelationSpec {
                legs: vec![Leg::buy(first), Leg::sell(other)],
                amount_max: AMOUNT_MAX,
                profit_min: 1,
            }
        })
        .collect();
    let options = (0..options)
        .map(|number| OptionSpec {
            underlying: random.below(u64::from(LISTINGS)) as u32,
            expiry: random.below(5) as u32,
            put: number % 2 == 1,
            strike: 80.0 + random.below(400) as f64 / 10.0,
            volatility: random.below(100) as f64 / 100.0,
            width_vega: 0.005,
            half_width_min_e9: TICK,
            tick_e9: TICK,
        })
        .collect();
    let expiries = (0..5)
        .map(|month| {
            let years = f64::from(month) / 12.0;
            ExpirySpec { carry: 1.0 + 0.02 * years, discount: 1.0 - 0.04 * years, years }
        })
        .collect();
    let spec = WideSpec { listings, relations, expiries, options, ..WideSpec::default() };
    Arc::new(WideTables::compile(&spec).expect("sound by construction"))
}

/// Books of even listings are fed by levels, of odd ones by orders.
struct Market {
    random: Random,
    books: VenueBooks,
    live: Vec<Vec<u64>>,
    next_id: u64,
}

impl Market {
    fn new(seed: u64) -> Self {
        let config = BookConfig {
            instruments_max: LISTINGS as usize,
            orders_max: 10_000,
            levels_max: 10_000,
            price_tick: TICK,
        };
        Self {
            random: Random(seed),
            books: VenueBooks::new(config).expect("small books"),
            live: vec![Vec::new(); LISTINGS as usize],
            next_id: 1,
        }
    }

    /// An event of a listing that the host's book has taken.
    fn event(&mut self, listing: u32) -> MarketEvent {
        let event = self.draw(listing);
        self.books.apply(&event).unwrap_or_else(|error| panic!("{event:?}: {error:?}"));
        event
    }

    fn draw(&mut self, listing: u32) -> MarketEvent {
        let random = &mut self.random;
        let sells = random.below(2) == 1;
        // Never crossed within a listing, often between two.
        let away = (1 + random.below(60) as i64) * TICK;
        let middle = 100_000_000_000 + i64::from(listing % 7) * 10 * TICK;
        let event = MarketEvent {
            side: if sells { Side::Sell } else { Side::Buy },
            price: if sells { middle + away } else { middle - away },
            quantity: 1 + random.below(500),
            instrument: listing,
            flags: flags::LAST_OF_EVENT,
            ..MarketEvent::NOTHING
        };
        if random.below(300) == 0 {
            self.live[listing as usize].clear();
            return MarketEvent { kind: EventKind::Clear, ..event };
        }
        if listing.is_multiple_of(2) {
            let quantity = if random.below(3) == 0 { 0 } else { event.quantity };
            return MarketEvent { kind: EventKind::LevelSet, quantity, ..event };
        }
        self.order_event(event)
    }

    fn order_event(&mut self, event: MarketEvent) -> MarketEvent {
        let live = &mut self.live[event.instrument as usize];
        let which = self.random.below(10);
        if live.is_empty() || which < 5 {
            self.next_id += 1;
            live.push(self.next_id);
            return MarketEvent { kind: EventKind::OrderAdd, order_id: self.next_id, ..event };
        }
        let at = self.random.below(live.len() as u64) as usize;
        let event = MarketEvent { order_id: live[at], ..event };
        if which < 8 {
            self.next_id += 1;
            live[at] = self.next_id;
            return MarketEvent { kind: EventKind::OrderReplace, second_id: self.next_id, ..event };
        }
        live.swap_remove(at);
        MarketEvent { kind: EventKind::OrderDelete, ..event }
    }

    fn hash(&self, listing: u32) -> u64 {
        replica_hash(&self.books, listing, listing, &mut [DepthLevel::default(); 256])
    }

    /// The book as the device has to have it.
    fn top(&self, listing: u32) -> BookTop {
        let bbo = self.books.bbo(listing);
        BookTop {
            hash: self.hash(listing),
            bid_price: if bbo.bid_qty > 0 { bbo.bid_px } else { PRICE_NONE },
            bid_quantity: bbo.bid_qty,
            ask_price: if bbo.ask_qty > 0 { bbo.ask_px } else { PRICE_NONE },
            ask_quantity: bbo.ask_qty,
        }
    }
}

fn eligible(listing: u32) -> TickLine {
    TickLine { listing, kind: TickKind::Eligible, quantity: 1, ..TickLine::NOTHING }
}

/// The lists of so many changes, and the market after them.
fn day(seed: u64, changes: usize) -> (Market, ChangeLists) {
    let mut market = Market::new(seed);
    let change = |line: &TickLine| BookChange::of(line).expect("a book's line");
    let mut lists: Vec<Vec<BookChange>> = (0..LISTINGS).map(|at| vec![change(&eligible(at))]).collect();
    for _ in 0..changes {
        let listing = market.random.below(u64::from(LISTINGS)) as u32;
        let event = market.event(listing);
        lists[listing as usize].push(change(&line_of(listing, &event).expect("a book's event")));
    }
    (market, ChangeLists::of(&lists))
}

#[test]
fn a_batch_gives_the_books_relations_and_options_of_the_cpu() {
    for seed in 1..=2 {
        let tables = tables(&mut Random(seed), 3_000, 1_000);
        let (market, lists) = day(seed, 2_400);
        let mut batch = Batch::new(&maker(&tables, 0), &lists, 4).expect("it is made");
        // What is there is cleared, orders too.
        batch.replay().expect("it runs");
        batch.clear().expect("it clears");
        batch.replay().expect("it runs");
        assert_eq!(batch.replay_fault().expect("it is read"), None, "seed {seed}");
        for (listing, top) in (0..).zip(batch.books().expect("they are read")) {
            assert_eq!(top, market.top(listing), "seed {seed}, listing {listing}");
        }
        let mut state = WideState::new(&tables);
        for listing in 0..LISTINGS {
            state.set_touch(listing, &market.books.bbo(listing), true);
        }
        compare_relations(seed, &batch, &state);
        compare_options(seed, &batch, &mut state);
    }
}

fn compare_relations(seed: u64, batch: &Batch, state: &WideState) {
    let tables = state.tables();
    let touches: Vec<_> = (0..LISTINGS).map(|listing| *state.touch(listing)).collect();
    batch.scan().expect("it runs");
    batch.clear_hits().expect("it clears");
    batch.scan().expect("it runs");
    let values = batch.relations().expect("they are read");
    assert_eq!(values.len(), tables.relations().len());
    let mut hits = 0;
    for (at, (values, relation)) in values.iter().zip(tables.relations()).enumerate() {
        let cpu = evaluate(relation, tables.listings(), &touches);
        assert_eq!(*values, cpu, "seed {seed}, relation {at}");
        hits += u32::from(cpu[4] > 0);
    }
    assert!(hits > 20, "seed {seed}: {hits} hits test nothing");
    assert_eq!(batch.hits().expect("they are read"), hits, "seed {seed}");
}

fn compare_options(seed: u64, batch: &Batch, state: &mut WideState) {
    batch.price().expect("it runs");
    let device = batch.options().expect("they are read");
    let tables = Arc::clone(state.tables());
    let mut answer = WideAnswer::new(&tables);
    let mut quoted = 0;
    let mut compared = 0;
    for listing in 0..LISTINGS {
        state.compute(listing, true, &mut answer);
        for item in answer.items().iter().filter(|item| item.key.kind == ItemKind::Option) {
            assert_eq!(device[item.key.index as usize], item.values, "seed {seed}, {:?}", item.key);
            compared += 1;
            quoted += usize::from(item.values[1] != PRICE_NONE);
        }
    }
    assert_eq!(compared, tables.options().len(), "seed {seed}");
    assert!(quoted > compared / 4, "seed {seed}: {quoted} quotes of {compared} test nothing");
}

#[test]
fn a_change_that_a_book_cannot_take_is_said_and_stops_no_other() {
    let tables = tables(&mut Random(1), 10, 10);
    let (market, lists_of_day) = day(7, 400);
    let reduce = TickLine { kind: TickKind::OrderReduce, order_id: u64::MAX, ..TickLine::NOTHING };
    let mut lists = vec![Vec::new(); LISTINGS as usize];
    let change = BookChange::of(&reduce).expect("a book's line");
    lists[3] = vec![BookChange::of(&eligible(3)).expect("a book's line"), change];
    let broken = ChangeLists::of(&lists);
    let batch = Batch::new(&maker(&tables, 0), &broken, 1).expect("it is made");
    batch.replay().expect("it runs");
    let fault = ReplayFault { listing: 3, change: 1, fault: 3 };
    assert_eq!(batch.replay_fault().expect("it is read"), Some(fault));
    drop(batch);
    let batch = Batch::new(&maker(&tables, 0), &lists_of_day, 4).expect("it is made");
    batch.replay().expect("it runs");
    assert_eq!(batch.books().expect("they are read")[3], market.top(3));
}

/// Waits for the answer; the hash of the book after it.
fn collect(feed: &mut Feed, tag: u32, answer: &mut WideAnswer) -> u64 {
    let begun = Instant::now();
    loop {
        match feed.collect(tag, answer) {
            Collected::Complete { book_hash } => return book_hash,
            Collected::NotYet if begun.elapsed() < Duration::from_secs(60) => std::thread::yield_now(),
            other => panic!("{other:?}, {:?}", emulator::last_fault()),
        }
    }
}

#[test]
fn a_launch_a_tick_answers_like_the_cpu() {
    let seed = 11;
    let tables = tables(&mut Random(seed), 1_500, 600);
    let mut market = Market::new(seed);
    let mut kernel = TickKernel::new(&maker(&tables, 1_000)).expect("it is made");
    let mut feed = Feed::new(Port::new(Arc::clone(kernel.rings())));
    let (mut cpu, mut device) = (WideState::new(&tables), WideState::new(&tables));
    let (mut wanted, mut answer) = (WideAnswer::new(&tables), WideAnswer::new(&tables));
    for listing in 0..LISTINGS {
        feed.set_eligible(listing, true).expect("room");
    }
    let mut items = 0;
    for n in 0..300 {
        let listing = market.random.below(u64::from(LISTINGS)) as u32;
        // Some launches find several lines, some only a request, and now and then a volatility changes.
        for _ in 0..market.random.below(3) {
            let event = market.event(listing);
            feed.book_changed(listing, &event).expect("room");
        }
        if n % 10 == 0 {
            let (option, volatility) = (market.random.below(600) as u32, 0.01 * f64::from(n % 70));
            feed.set_volatility(option, volatility).expect("room");
            cpu.set_volatility(option, volatility).expect("it fits");
        }
        let full = n % 37 == 0;
        let tag = feed.request(listing, full).expect("room");
        kernel.launch([TickLaunch::Kernel, TickLaunch::Graph][n as usize % 2]).expect("it starts");
        answer.clear();
        let hash = collect(&mut feed, tag, &mut answer);
        device.adopt(listing, full, &mut answer).expect("it can be");
        let bbo: Bbo = market.books.bbo(listing);
        cpu.set_touch(listing, &bbo, true);
        cpu.compute(listing, full, &mut wanted);
        assert_eq!(answer.items(), wanted.items(), "seed {seed}, request {n}");
        assert_eq!(hash, market.hash(listing), "seed {seed}, request {n}");
        items += answer.items().len();
    }
    assert!(items > 1_000, "{items} items test nothing");
    kernel.synchronize().expect("it ends");
}

#[test]
fn a_launch_a_tick_says_what_it_cannot_take() {
    let tables = tables(&mut Random(1), 10, 10);
    let mut kernel = TickKernel::new(&maker(&tables, 0)).expect("it is made");
    let mut feed = Feed::new(Port::new(Arc::clone(kernel.rings())));
    let delete = MarketEvent { kind: EventKind::OrderDelete, order_id: 5, ..MarketEvent::NOTHING };
    feed.book_changed(2, &delete).expect("room");
    let tag = feed.request(2, false).expect("room");
    kernel.launch(TickLaunch::Kernel).expect("it starts");
    kernel.synchronize().expect("it ends");
    let said = feed.collect(tag, &mut WideAnswer::new(&tables));
    assert_eq!(said, Collected::Broken(BrokenReplica { listing: 2, fault: 3 }));
}
