//! The books against a naive book over long adversarial streams: hash of the full state, queue order included, equal at
//! every 1,000th step, top of book and outcome equal at every step.
//!
//! The ordinary test takes 10^6 random operations. All 10^7 (some ten seconds):
//! `cargo test --release -p warptick-kernels --test book_random -- --ignored`. A failure prints seed and step.

use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent, Side};
use feeds::units::PRICE_NONE;
use kernels::cpu::book::{Bbo, BookConfig, VenueBooks};
use std::collections::{BTreeMap, HashMap};

const INSTRUMENTS: u32 = 6;

/// The instrument that is fed with levels, not orders.
const L2_INSTRUMENT: u32 = 5;

/// The streams drift between few and this many live orders.
const ORDERS_MAX: usize = 4_000;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

#[derive(Clone, Copy)]
struct Order {
    instrument: u32,
    sell: bool,
    price: i64,
    quantity: u64,
}

#[derive(Default)]
struct Level {
    quantity: u64,
    /// Ids, oldest first; empty in a level of an L2 feed.
    queue: Vec<u64>,
}

/// Maps and vectors, nothing clever.
#[derive(Default)]
struct Naive {
    orders: HashMap<u64, Order>,
    sides: BTreeMap<(u32, bool), BTreeMap<i64, Level>>,
    /// Ids ever entered, to pick live ones from.
    picks: Vec<u64>,
}

impl Naive {
    fn enter(&mut self, id: u64, order: Order) {
        let side = self.sides.entry((order.instrument, order.sell)).or_default();
        let level = side.entry(order.price).or_default();
        level.quantity += order.quantity;
        level.queue.push(id);
        self.orders.insert(id, order);
        self.picks.push(id);
    }

    fn leave(&mut self, id: u64) {
        let order = self.orders.remove(&id).expect("live");
        let side = self.sides.get_mut(&(order.instrument, order.sell)).expect("a side");
        let level = side.get_mut(&order.price).expect("a level");
        level.quantity -= order.quantity;
        level.queue.retain(|&queued| queued != id);
        if level.queue.is_empty() {
            side.remove(&order.price);
        }
    }

    fn reduce(&mut self, id: u64, by: u64) {
        let order = self.orders.get_mut(&id).expect("live");
        if order.quantity == by {
            return self.leave(id);
        }
        order.quantity -= by;
        let side = self.sides.get_mut(&(order.instrument, order.sell)).expect("a side");
        side.get_mut(&order.price).expect("a level").quantity -= by;
    }

    fn levels_best_first(&self, instrument: u32, sell: bool) -> Vec<(i64, &Level)> {
        let mut levels: Vec<_> = self
            .sides
            .get(&(instrument, sell))
            .into_iter()
            .flatten()
            .map(|(&price, level)| (price, level))
            .collect();
        if !sell {
            levels.reverse();
        }
        levels
    }

    fn bbo(&self, instrument: u32) -> Bbo {
        let bid = self.sides.get(&(instrument, false)).and_then(BTreeMap::last_key_value);
        let ask = self.sides.get(&(instrument, true)).and_then(BTreeMap::first_key_value);
        let top =
            |top: Option<(&i64, &Level)>| top.map_or((PRICE_NONE, 0), |(&px, level)| (px, level.quantity));
        let ((bid_px, bid_qty), (ask_px, ask_qty)) = (top(bid), top(ask));
        Bbo { bid_px, bid_qty, ask_px, ask_qty }
    }

    /// As the documentation of `VenueBooks::book_hash` says.
    fn hash(&self) -> u64 {
        let mut hash = 0xCBF2_9CE4_8422_2325_u64;
        let mut word = |word: u64| {
            for byte in word.to_le_bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
            }
        };
        for instrument in 0..INSTRUMENTS {
            let sides = [false, true].map(|sell| self.levels_best_first(instrument, sell));
            if sides.iter().all(Vec::is_empty) {
                continue;
            }
            word(u64::from(instrument));
            for side in sides {
                word(side.len() as u64);
                for (price, level) in side {
                    word(price as u64);
                    word(level.quantity);
                    word(level.queue.len() as u64);
                    for id in &level.queue {
                        word(*id);
                        word(self.orders[id].quantity);
                    }
                }
            }
        }
        hash
    }

    /// A live id, if a few tries find one.
    fn pick(&mut self, random: &mut Random) -> Option<u64> {
        for _ in 0..20 {
            if self.picks.is_empty() {
                return None;
            }
            // Half of the picks favour recent orders.
            let from = if random.below(2) == 0 { self.picks.len().saturating_sub(64) } else { 0 };
            let at = from + random.below((self.picks.len() - from) as u64) as usize;
            if self.orders.contains_key(&self.picks[at]) {
                return Some(self.picks[at]);
            }
            self.picks.swap_remove(at);
        }
        None
    }
}

/// Ids of every form that feeds show, mixed: dense, strided, above 2^48, and spread so that they share hash blocks.
fn new_id(random: &mut Random, count: u64) -> u64 {
    match random.below(8) {
        0..=2 => count,
        3 => count * 128,
        4 => (1 << 48) + count * 3,
        5 => u64::MAX - count,
        6 => count << 40,
        _ => random.below(u64::MAX),
    }
}

/// Prices in ticks: a penny stock, cents about a walking middle, single ticks about it, hundreds of levels, and now and
/// then one as far away as a book can hold.
fn new_tick(random: &mut Random, instrument: u32, step: u64, sell: bool) -> i64 {
    if random.below(500) == 0 {
        return [i64::from(i32::MIN), i64::from(i32::MAX), 0, -1][random.below(4) as usize];
    }
    let walk = (step / 400) as i64 % 20_000;
    let away = |random: &mut Random, levels: u64| {
        let away = random.below(levels).min(random.below(levels)) as i64;
        if sell { away } else { -away }
    };
    match instrument {
        0 => 1 + random.below(120) as i64,
        1 => 5_000_000 + (walk + away(random, 12)) * 100,
        2 => 90_000 + walk + away(random, 30),
        3 => 1_000_000 + away(random, 3_000) * 100,
        4 => -40_000 + away(random, 8) * 7,
        _ => random.below(4_000) as i64 - 2_000,
    }
}

fn run(seed: u64, steps: u64) {
    let price_tick = [100_000, 1, 250_000_000][(seed % 3) as usize];
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut books = VenueBooks::new(BookConfig {
        instruments_max: INSTRUMENTS as usize,
        orders_max: ORDERS_MAX + 1,
        levels_max: 20_000,
        price_tick,
    })
    .expect("valid");
    let mut naive = Naive::default();
    let mut refused = 0;
    for step in 0..steps {
        let context = || format!("seed {seed}, step {step}");
        // The number of orders swells and shrinks, so that levels come and go at every size of the book.
        let swelling = (step / 20_000) % 2 == 0;
        let live = naive.orders.len();
        let share = if swelling { 58 } else { 42 };
        let fills = live < 20 || (live < ORDERS_MAX && random.below(100) < share);
        let mut event = MarketEvent { quantity: 1 + random.below(1_000), ..MarketEvent::NOTHING };
        let instrument = random.below(u64::from(L2_INSTRUMENT)) as u32;
        let sell = random.below(2) == 0;
        let side = if sell { Side::Sell } else { Side::Buy };
        let price_for =
            |random: &mut Random, instrument, sell| new_tick(random, instrument, step, sell) * price_tick;
        let mut is_good = true;
        if random.below(50_000) == 0 {
            let all = random.below(4) == 0;
            event.kind = EventKind::Clear;
            event.instrument = if all { INSTRUMENT_ALL } else { random.below(u64::from(INSTRUMENTS)) as u32 };
            naive.orders.retain(|_, order| !all && order.instrument != event.instrument);
            naive.sides.retain(|&(of, _), _| !all && of != event.instrument);
        } else if random.below(12) == 0 {
            event = MarketEvent { kind: EventKind::LevelSet, instrument: L2_INSTRUMENT, side, ..event };
            event.price = price_for(&mut random, L2_INSTRUMENT, sell);
            event.quantity = [0, event.quantity, u64::MAX - event.quantity][random.below(3) as usize];
            let levels = naive.sides.entry((L2_INSTRUMENT, sell)).or_default();
            if event.quantity == 0 {
                levels.remove(&event.price);
            } else {
                levels.insert(event.price, Level { quantity: event.quantity, queue: Vec::new() });
            }
        } else if fills {
            event = MarketEvent { kind: EventKind::OrderAdd, instrument, side, ..event };
            let repeated = if random.below(50) == 0 { naive.pick(&mut random) } else { None };
            event.order_id = repeated.unwrap_or_else(|| new_id(&mut random, step));
            event.price = price_for(&mut random, instrument, sell);
            is_good = !naive.orders.contains_key(&event.order_id);
            if is_good {
                let (price, quantity) = (event.price, event.quantity);
                naive.enter(event.order_id, Order { instrument, sell, price, quantity });
            }
        } else if let Some(id) = naive.pick(&mut random) {
            let order = naive.orders[&id];
            (event.order_id, event.instrument) = (id, order.instrument);
            match random.below(10) {
                0..=4 => {
                    event.kind = EventKind::OrderDelete;
                    naive.leave(id);
                }
                5 | 6 => {
                    event.kind = [EventKind::OrderReduce, EventKind::OrderExecute][random.below(2) as usize];
                    event.quantity = 1 + random.below(order.quantity);
                    naive.reduce(id, event.quantity);
                }
                7 | 8 => {
                    event.kind = EventKind::OrderReplace;
                    event.second_id = if random.below(8) == 0 { id } else { new_id(&mut random, step) };
                    event.price = price_for(&mut random, order.instrument, order.sell);
                    is_good = event.second_id == id || !naive.orders.contains_key(&event.second_id);
                    if is_good {
                        naive.leave(id);
                        let (price, quantity) = (event.price, event.quantity);
                        naive.enter(event.second_id, Order { price, quantity, ..order });
                    }
                }
                _ => {
                    event.kind = EventKind::OrderModify;
                    let stays = random.below(2) == 0;
                    event.price = if stays {
                        order.price
                    } else {
                        price_for(&mut random, order.instrument, order.sell)
                    };
                    if event.price == order.price && event.quantity <= order.quantity {
                        if event.quantity < order.quantity {
                            naive.reduce(id, order.quantity - event.quantity);
                        }
                    } else {
                        naive.leave(id);
                        let (price, quantity) = (event.price, event.quantity);
                        naive.enter(id, Order { price, quantity, ..order });
                    }
                }
            }
        } else {
            // Nobody has this id: refused, whatever it asks.
            event = MarketEvent { kind: EventKind::OrderDelete, instrument, order_id: step << 20, ..event };
            is_good = naive.orders.contains_key(&event.order_id);
            if is_good {
                continue;
            }
        }
        let announced = books.prefetch_order(&event);
        books.prefetch_level(&event, announced);
        let result = books.apply(&event);
        assert_eq!(result.is_ok(), is_good, "{}: {event:?}: {result:?}", context());
        refused += u64::from(!is_good);
        let instruments = if event.instrument == INSTRUMENT_ALL {
            0..INSTRUMENTS
        } else {
            event.instrument..event.instrument + 1
        };
        for instrument in instruments {
            assert_eq!(books.bbo(instrument), naive.bbo(instrument), "{}: {event:?}", context());
        }
        if step % 1_000 == 0 {
            assert_eq!(books.live_orders(), naive.orders.len(), "{}", context());
            assert_eq!(books.book_hash(), naive.hash(), "{}", context());
        }
        if step % 100_000 == 99_999 {
            books.check();
        }
    }
    assert_eq!(books.book_hash(), naive.hash(), "seed {seed}, at the end");
    books.check();
    assert!(refused > steps / 1_000, "seed {seed}: {refused} refused");
    println!("seed {seed}: {steps} steps, {refused} refused, {} orders at the end", naive.orders.len());
}

#[test]
fn a_million_random_operations_give_the_naive_book() {
    for seed in 1..=5 {
        run(seed, 200_000);
    }
}

#[test]
#[ignore = "ten million operations: the module's page has the command"]
fn ten_million_random_operations_give_the_naive_book() {
    for seed in 100..120 {
        run(seed, 500_000);
    }
}
