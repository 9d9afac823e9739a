//! The books against a naive model: random valid and invalid event streams, every query compared after every event.

use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent, Side, TradingStatus, flags};
use feeds::units::PRICE_NONE;
use kernels::cpu::book::{Applied, Bbo, BookConfig, BookError, DepthLevel, RestingOrder, Table, VenueBooks};
use std::collections::BTreeMap;

const TICK: i64 = 100_000;
const INSTRUMENTS: u32 = 4;

const EVENT: MarketEvent = MarketEvent {
    exchange_ns: 0,
    receive_ns: 0,
    sequence: 0,
    order_id: 0,
    second_id: 0,
    price: PRICE_NONE,
    quantity: 0,
    instrument: 0,
    venue: 0,
    kind: EventKind::Gap,
    side: Side::None,
    flags: flags::LAST_OF_EVENT,
};

/// Queues of orders by price, and what L2 feeds said, by (instrument, sell, price); nothing clever.
#[derive(Clone, Default)]
struct Model {
    orders: BTreeMap<u64, RestingOrder>,
    levels: BTreeMap<(u32, bool, i64), u64>,
    priority: u64,
}

impl Model {
    fn side(&self, instrument: u32, side: Side) -> Vec<(i64, Vec<RestingOrder>)> {
        let mut levels: BTreeMap<i64, Vec<RestingOrder>> = BTreeMap::new();
        for order in self.orders.values().filter(|order| order.instrument == instrument && order.side == side)
        {
            levels.entry(order.price).or_default().push(*order);
        }
        for queue in levels.values_mut() {
            queue.sort_by_key(|order| order.priority);
        }
        let mut levels: Vec<_> = levels.into_iter().collect();
        if side == Side::Buy {
            levels.reverse();
        }
        levels
    }

    /// Price, quantity, orders of each level, best first.
    fn depth(&self, instrument: u32, side: Side) -> Vec<DepthLevel> {
        let of_orders = self.side(instrument, side).into_iter().map(|(price, queue)| DepthLevel {
            price,
            quantity: queue.iter().map(|order| order.quantity).sum(),
            orders: queue.len() as u32,
        });
        let sell = side == Side::Sell;
        let shown = self.levels.range((instrument, sell, i64::MIN)..=(instrument, sell, i64::MAX));
        let of_feeds = shown.map(|(&(_, _, price), &quantity)| DepthLevel { price, quantity, orders: 0 });
        let mut of_feeds: Vec<_> = of_feeds.collect();
        if !sell {
            of_feeds.reverse();
        }
        of_orders.chain(of_feeds).collect()
    }

    fn bbo(&self, instrument: u32) -> Bbo {
        let top = |side| {
            self.depth(instrument, side)
                .first()
                .map_or((PRICE_NONE, 0), |level| (level.price, level.quantity))
        };
        let ((bid_px, bid_qty), (ask_px, ask_qty)) = (top(Side::Buy), top(Side::Sell));
        Bbo { bid_px, bid_qty, ask_px, ask_qty }
    }

    fn check_price(price: i64) -> Result<(), BookError> {
        if price == PRICE_NONE || price % TICK != 0 || i32::try_from(price / TICK).is_err() {
            return Err(BookError::PriceOutOfRange(price));
        }
        Ok(())
    }

    fn enter(
        &mut self,
        order_id: u64,
        instrument: u32,
        side: Side,
        event: &MarketEvent,
    ) -> Result<(), BookError> {
        Self::check_price(event.price)?;
        if event.quantity == 0 {
            return Err(BookError::QuantityOutOfRange(0));
        }
        if self.orders.contains_key(&order_id) {
            return Err(BookError::DuplicateOrder(order_id));
        }
        let (price, quantity) = (event.price, event.quantity);
        let sum: u128 = self
            .side(instrument, side)
            .iter()
            .filter(|(at, _)| *at == price)
            .flat_map(|(_, queue)| queue)
            .map(|order| u128::from(order.quantity))
            .sum();
        if sum + u128::from(quantity) > u128::from(u64::MAX) {
            return Err(BookError::QuantityOutOfRange(quantity));
        }
        self.priority += 1;
        let priority = self.priority;
        self.orders.insert(order_id, RestingOrder { order_id, price, quantity, priority, instrument, side });
        Ok(())
    }

    fn apply(&mut self, event: &MarketEvent) -> Result<Applied, BookError> {
        let before = self.clone();
        let result = self.apply_raw(event);
        if result.is_err() {
            *self = before;
            return result;
        }
        let instruments = if event.instrument == INSTRUMENT_ALL {
            0..INSTRUMENTS
        } else {
            event.instrument..event.instrument + 1
        };
        result.map(|applied| Applied {
            bbo_changed: instruments.clone().any(|instrument| self.bbo(instrument) != before.bbo(instrument)),
            ..applied
        })
    }

    fn apply_raw(&mut self, event: &MarketEvent) -> Result<Applied, BookError> {
        let id = event.order_id;
        match event.kind {
            EventKind::OrderAdd => {
                if event.instrument >= INSTRUMENTS {
                    return Err(BookError::InstrumentOutOfRange(event.instrument));
                }
                if event.side == Side::None {
                    return Err(BookError::SideMissing);
                }
                if self.levels.keys().any(|level| level.0 == event.instrument) {
                    return Err(BookError::HoldsLevels(event.instrument));
                }
                self.enter(id, event.instrument, event.side, event)?;
                let order = self.orders[&id];
                return Ok(of(&order, order.quantity));
            }
            EventKind::Clear => {
                if event.instrument != INSTRUMENT_ALL && event.instrument >= INSTRUMENTS {
                    return Err(BookError::InstrumentOutOfRange(event.instrument));
                }
                self.orders
                    .retain(|_, o| event.instrument != INSTRUMENT_ALL && o.instrument != event.instrument);
                self.levels.retain(|at, _| event.instrument != INSTRUMENT_ALL && at.0 != event.instrument);
                return Ok(Applied::NOTHING);
            }
            EventKind::LevelSet => return self.set_level(event),
            EventKind::Trade | EventKind::Gap | EventKind::Recovered | EventKind::TradingStatus => {
                return Ok(Applied::NOTHING);
            }
            EventKind::OrderReplace
            | EventKind::OrderModify
            | EventKind::OrderDelete
            | EventKind::OrderReduce
            | EventKind::OrderExecute => {}
        }
        let old = *self.orders.get(&id).ok_or(BookError::UnknownOrder(id))?;
        if old.instrument != event.instrument {
            return Err(BookError::WrongInstrument(old.instrument));
        }
        match event.kind {
            EventKind::OrderReplace => {
                // With an id of its own the old order still rests while the new one is judged.
                if event.second_id == id {
                    self.orders.remove(&id);
                }
                self.enter(event.second_id, old.instrument, old.side, event)?;
                if event.second_id != id {
                    self.orders.remove(&id);
                }
                Ok(of(&old, old.quantity))
            }
            EventKind::OrderModify => {
                if event.side == old.side.opposite() {
                    return Err(BookError::SideChanged(event.side));
                }
                if event.price == old.price && (1..=old.quantity).contains(&event.quantity) {
                    self.orders.get_mut(&id).expect("live").quantity = event.quantity;
                    return Ok(of(&old, old.quantity - event.quantity));
                }
                self.orders.remove(&id);
                self.enter(id, old.instrument, old.side, event)?;
                Ok(of(&old, old.quantity))
            }
            EventKind::OrderDelete => {
                self.orders.remove(&id);
                Ok(of(&old, old.quantity))
            }
            _ => {
                if event.quantity > old.quantity {
                    return Err(BookError::Overfill(old.quantity));
                }
                self.orders.get_mut(&id).expect("live").quantity -= event.quantity;
                self.orders.retain(|_, order| order.quantity > 0);
                Ok(of(&old, event.quantity))
            }
        }
    }
}

impl Model {
    fn set_level(&mut self, event: &MarketEvent) -> Result<Applied, BookError> {
        if event.instrument >= INSTRUMENTS {
            return Err(BookError::InstrumentOutOfRange(event.instrument));
        }
        if event.side == Side::None {
            return Err(BookError::SideMissing);
        }
        if self.orders.values().any(|order| order.instrument == event.instrument) {
            return Err(BookError::HoldsOrders(event.instrument));
        }
        Self::check_price(event.price)?;
        let at = (event.instrument, event.side == Side::Sell, event.price);
        if event.quantity == 0 {
            self.levels.remove(&at);
        } else {
            self.levels.insert(at, event.quantity);
        }
        Ok(Applied::NOTHING)
    }
}

fn of(order: &RestingOrder, quantity: u64) -> Applied {
    Applied { price: order.price, quantity, priority: order.priority, side: order.side, bbo_changed: false }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Ids that collide: few, dense, strided, and far apart.
fn random_id(random: &mut Random) -> u64 {
    let n = random.below(200);
    random.pick(&[n, n * 64, (1 << 48) + n, n << 40])
}

fn random_event(random: &mut Random, model: &Model) -> MarketEvent {
    let live = |random: &mut Random| {
        let skip = random.below(model.orders.len().max(1) as u64) as usize;
        model.orders.values().nth(skip).copied()
    };
    let kind = random.pick(&[
        EventKind::OrderAdd,
        EventKind::OrderAdd,
        EventKind::OrderAdd,
        EventKind::OrderAdd,
        EventKind::OrderAdd,
        EventKind::OrderReplace,
        EventKind::OrderReplace,
        EventKind::OrderModify,
        EventKind::OrderModify,
        EventKind::OrderReduce,
        EventKind::OrderDelete,
        EventKind::OrderDelete,
        EventKind::OrderExecute,
    ]);
    let kind = if random.below(300) == 0 {
        random.pick(&[
            EventKind::Clear,
            EventKind::LevelSet,
            EventKind::OrderAdd,
            EventKind::Trade,
            EventKind::Gap,
            EventKind::TradingStatus,
        ])
    } else {
        kind
    };
    // One instrument is fed with levels, until an order finds it empty.
    let l2 = random.below(6) == 0 && kind != EventKind::Clear;
    let kind = if l2 { EventKind::LevelSet } else { kind };
    let is_new = matches!(kind, EventKind::OrderAdd | EventKind::LevelSet);
    let target = if is_new || random.below(20) == 0 { None } else { live(random) };
    let order_id = target.map_or_else(|| random_id(random), |order| order.order_id);
    let instrument = match target {
        Some(order) if random.below(30) != 0 => order.instrument,
        None if l2 && random.below(20) != 0 => 3,
        None if kind == EventKind::OrderAdd && random.below(100) != 0 => random.pick(&[0, 1, 2]),
        _ => random.pick(&[0, 0, 1, 1, 2, 2, 3, 3, INSTRUMENTS]),
    };
    let mut price = (random.below(12) as i64 - 6) * TICK;
    let mut quantity = random.below(4) + u64::from(random.below(10) != 0);
    match random.below(200) {
        0 => price = random.pick(&[PRICE_NONE, i64::MAX, price + 1, i64::from(i32::MAX) * TICK + TICK]),
        1 => price = random.pick(&[i64::from(i32::MAX) * TICK, i64::from(i32::MIN) * TICK]),
        2 => quantity = random.pick(&[u64::MAX, u64::MAX - 3, u64::MAX / 2]),
        _ => {}
    }
    let second_id = if random.below(8) == 0 { order_id } else { random_id(random) };
    let side = if random.below(100) == 0 { Side::None } else { random.pick(&[Side::Buy, Side::Sell]) };
    let side = match target {
        Some(order) if kind == EventKind::OrderModify && random.below(10) != 0 => order.side,
        _ => side,
    };
    if let Some(order) = target
        && kind == EventKind::OrderModify
        && random.below(2) == 0
    {
        price = order.price;
    }
    let all = kind == EventKind::Clear && random.below(2) == 0;
    let instrument = if all { INSTRUMENT_ALL } else { instrument };
    let quantity = if kind == EventKind::TradingStatus { 1 } else { quantity };
    let instrument = if kind == EventKind::TradingStatus { 0 } else { instrument };
    MarketEvent { kind, order_id, second_id, instrument, price, quantity, side, ..EVENT }
}

fn compare(books: &VenueBooks, model: &Model, instrument: u32, context: &str) {
    assert_eq!(books.bbo(instrument), model.bbo(instrument), "{context}");
    for side in [Side::Buy, Side::Sell] {
        let expected = model.depth(instrument, side);
        let mut depth = [DepthLevel::default(); 40];
        let levels = books.depth(instrument, side, &mut depth);
        assert_eq!(
            (levels, books.level_count(instrument, side)),
            (expected.len(), expected.len()),
            "{context}"
        );
        assert_eq!(depth[..levels], expected, "{context}");
        let last = expected.last().map(|level| level.price);
        assert_eq!(books.last_price(instrument, side), last, "{context}");
        let mut queues = model.side(instrument, side).into_iter();
        for DepthLevel { price, quantity, orders } in expected {
            assert_eq!(books.level_quantity(instrument, side, price), quantity, "{context}");
            let queue = if orders == 0 { Vec::new() } else { queues.next().expect("a queue a level").1 };
            assert!(books.queue(instrument, side, price).eq(queue), "FIFO at {price}: {context}");
        }
    }
    let bbo = model.bbo(instrument);
    assert_eq!(
        books.crossed(instrument),
        bbo.bid_qty > 0 && bbo.ask_qty > 0 && bbo.bid_px >= bbo.ask_px,
        "{context}"
    );
}

fn books(orders_max: usize, levels_max: usize) -> VenueBooks {
    let instruments_max = INSTRUMENTS as usize;
    VenueBooks::new(BookConfig { instruments_max, orders_max, levels_max, price_tick: TICK }).expect("valid")
}

#[test]
fn random_streams_agree_with_the_model_after_every_event() {
    for seed in 1..=6_u64 {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (mut books, mut model) = (books(1000, 500), Model::default());
        let (mut applied, mut refused, mut l2_steps, mut moved) = (0, 0, 0, 0);
        for step in 0..25_000 {
            let event = random_event(&mut random, &model);
            let announced = books.prefetch_order(&event);
            books.prefetch_level(&event, announced);
            let hash = (step % 64 == 0).then(|| books.book_hash());
            let (got, expected) = (books.apply(&event), model.apply(&event));
            let context = format!("seed {seed}, step {step}, {event:?}");
            assert_eq!(got, expected, "{context}");
            if got.is_ok() {
                applied += 1
            } else {
                refused += 1
            }
            if let (Some(hash), Err(_)) = (hash, got) {
                assert_eq!(books.book_hash(), hash, "an error changes nothing: {context}");
            }
            let instruments = if event.instrument < INSTRUMENTS {
                event.instrument..event.instrument + 1
            } else {
                0..INSTRUMENTS
            };
            for instrument in instruments {
                compare(&books, &model, instrument, &context);
            }
            for id in [event.order_id, event.second_id] {
                assert_eq!(books.order(id), model.orders.get(&id).copied(), "{context}");
            }
            assert_eq!(books.live_orders(), model.orders.len(), "{context}");
            l2_steps += u64::from(!model.levels.is_empty());
            moved += u64::from(event.kind == EventKind::OrderModify && got.is_ok());
            if step % 2500 == 0 {
                books.check();
            }
        }
        books.check();
        assert!(
            l2_steps > 10_000 && moved > 1000,
            "seed {seed}: {l2_steps} steps with levels, {moved} moved"
        );
        assert!(applied > 12_000 && refused > 1000, "seed {seed}: {applied} applied, {refused} refused");
    }
}

#[test]
fn the_hash_depends_on_the_state_alone() {
    let mut random = Random(77);
    let mut model = Model::default();
    let mut original = books(1000, 500);
    for _ in 0..20_000 {
        let event = random_event(&mut random, &model);
        if event.kind != EventKind::Clear {
            assert_eq!(original.apply(&event).is_ok(), model.apply(&event).is_ok());
        }
    }
    assert!(model.orders.len() > 20 && !model.levels.is_empty());
    // The same state, entered straight into tables of other sizes.
    let mut copy = books(50_000, 20_000);
    let mut orders: Vec<_> = model.orders.values().collect();
    orders.sort_by_key(|order| order.priority);
    for order in orders {
        let RestingOrder { order_id, price, quantity, instrument, side, .. } = *order;
        let add =
            MarketEvent { kind: EventKind::OrderAdd, order_id, price, quantity, instrument, side, ..EVENT };
        copy.apply(&add).expect("room for all");
    }
    for (&(instrument, sell, price), &quantity) in &model.levels {
        let side = if sell { Side::Sell } else { Side::Buy };
        let set = MarketEvent { kind: EventKind::LevelSet, price, quantity, instrument, side, ..EVENT };
        copy.apply(&set).expect("room for all");
    }
    assert_eq!(copy.book_hash(), original.book_hash());
    assert_eq!(copy.bbo_checksum(|i| u64::from(i) + 1), original.bbo_checksum(|i| u64::from(i) + 1));
    let head = *model.orders.values().next().expect("not empty");
    let event = MarketEvent {
        kind: EventKind::OrderReduce,
        order_id: head.order_id,
        quantity: 1,
        instrument: head.instrument,
        ..EVENT
    };
    copy.apply(&event).expect("live");
    assert_ne!(copy.book_hash(), original.book_hash());
}

#[test]
fn full_tables_refuse_and_stay_whole() {
    let add = |order_id, tick: i64| MarketEvent {
        kind: EventKind::OrderAdd,
        order_id,
        price: tick * TICK,
        quantity: 1,
        side: Side::Buy,
        ..EVENT
    };
    let mut few_orders = books(600, 500);
    for id in 0..600 {
        few_orders.apply(&add(id, 7)).expect("room");
    }
    assert_eq!(few_orders.apply(&add(600, 7)), Err(BookError::Full(Table::Orders)));
    let replace = MarketEvent { kind: EventKind::OrderReplace, second_id: 9999, ..add(5, 8) };
    few_orders.apply(&replace).expect("a replace needs no room of its own");
    few_orders.check();

    let mut few_levels = books(1000, 10);
    for id in 0..10 {
        few_levels.apply(&add(id, id as i64)).expect("room");
    }
    assert_eq!(few_levels.apply(&add(10, 50)), Err(BookError::Full(Table::Levels)));
    few_levels.apply(&add(10, 3)).expect("the level exists");
    let away =
        |order_id, second_id| MarketEvent { kind: EventKind::OrderReplace, second_id, ..add(order_id, 60) };
    assert_eq!(few_levels.apply(&away(3, 20)), Err(BookError::Full(Table::Levels)), "its old level stays");
    assert_eq!(few_levels.apply(&away(3, 3)), Err(BookError::Full(Table::Levels)), "its old level stays");
    few_levels.apply(&away(4, 21)).expect("its old level goes");
    few_levels.apply(&MarketEvent { price: 61 * TICK, ..away(5, 5) }).expect("its old level goes");
    assert_eq!((few_levels.live_levels(), few_levels.live_orders()), (10, 11));
    few_levels.check();
}

/// The shape of an option chain: many instruments, few levels each, prices that most of them share.
#[test]
fn tables_hold_what_they_are_made_for_however_many_instruments_share_it() {
    const LEVELS: u64 = 1 << 10;
    for seed in 1..=300 {
        let mut random = Random(0x9E37_79B9 * seed);
        let config = BookConfig {
            instruments_max: 600,
            orders_max: LEVELS as usize,
            levels_max: LEVELS as usize,
            price_tick: TICK,
        };
        let mut books = VenueBooks::new(config).expect("valid");
        let (cents, distance) = (1 + random.below(400), 1 + random.below(3) as u32);
        for id in 0..LEVELS {
            let instrument = ((id / 2) as u32 * distance) % 600;
            let side = if id % 2 == 0 { Side::Buy } else { Side::Sell };
            let price = (1 + random.below(cents) + (id / 1_200) * 1_000) as i64 * 100 * TICK;
            let add = MarketEvent {
                kind: EventKind::OrderAdd,
                order_id: id * random.pick(&[1, 1, 3]) + (id << 20),
                instrument,
                price,
                quantity: 1,
                side,
                ..EVENT
            };
            let entered = books.apply(&add);
            assert!(entered.is_ok(), "seed {seed}, order {id}: {entered:?}");
        }
    }
}

#[test]
fn bad_capacities_are_refused() {
    let good = BookConfig { instruments_max: 1, orders_max: 1, levels_max: 1, price_tick: 1 };
    assert!(VenueBooks::new(good).is_ok());
    for bad in [
        BookConfig { instruments_max: 0, ..good },
        BookConfig { orders_max: 0, ..good },
        BookConfig { orders_max: usize::MAX, ..good },
        BookConfig { levels_max: 1 << 30, ..good },
        BookConfig { price_tick: 0, ..good },
    ] {
        assert!(VenueBooks::new(bad).is_err_and(|error| error.to_string().contains("must be")), "{bad:?}");
    }
}

#[test]
fn trading_status_is_kept_and_crossed_tops_are_counted_only_in_continuous_trading() {
    let mut books = books(10, 10);
    let status = |instrument, status: TradingStatus| MarketEvent {
        kind: EventKind::TradingStatus,
        instrument,
        quantity: status as u64,
        ..EVENT
    };
    let add = |order_id, side, tick: i64| MarketEvent {
        kind: EventKind::OrderAdd,
        order_id,
        side,
        price: tick * TICK,
        quantity: 1,
        instrument: 2,
        ..EVENT
    };
    assert!(books.is_continuous(2));
    books.apply(&status(INSTRUMENT_ALL, TradingStatus::PreOpen)).expect("status");
    assert!(!books.is_continuous(2) && books.venue_status() == Some(TradingStatus::PreOpen));
    books.apply(&add(1, Side::Buy, 5)).expect("add");
    books.apply(&add(2, Side::Sell, 4)).expect("add");
    assert!(books.crossed(2) && books.crossed_events() == 0);
    books.apply(&status(INSTRUMENT_ALL, TradingStatus::Trading)).expect("status");
    books.apply(&status(2, TradingStatus::Halted)).expect("status");
    assert!(!books.is_continuous(2) && books.is_continuous(1));
    books.apply(&add(3, Side::Sell, 4)).expect("add");
    assert_eq!(books.crossed_events(), 0);
    books.apply(&status(2, TradingStatus::Trading)).expect("status");
    books.apply(&MarketEvent { flags: 0, ..add(4, Side::Sell, 4) }).expect("add");
    assert_eq!(books.crossed_events(), 0, "within a market message nothing is judged");
    books.apply(&add(5, Side::Sell, 5)).expect("add");
    assert_eq!(books.crossed_events(), 1, "it is at the message's end, whichever event changed the top");
    books.apply(&add(6, Side::Sell, 5)).expect("add");
    assert_eq!(books.crossed_events(), 1, "the top did not change");
    books.apply(&add(7, Side::Sell, 4)).expect("add");
    assert_eq!(books.crossed_events(), 2);
    assert!(books.is_continuous(2) && books.status(2) == TradingStatus::Trading);
    let delete = |order_id| MarketEvent { kind: EventKind::OrderDelete, order_id, instrument: 2, ..EVENT };
    books.apply(&MarketEvent { flags: 0, ..delete(7) }).expect("delete");
    books.apply(&delete(1)).expect("delete");
    assert!(!books.crossed(2) && books.crossed_events() == 2, "crossed within the message, not at its end");
    books.apply(&add(1, Side::Buy, 3)).expect("add");
    assert_eq!(books.crossed_events(), 2);
    assert_eq!(
        books.apply(&MarketEvent { quantity: 99, ..status(2, TradingStatus::Halted) }),
        Err(BookError::UnknownStatus(99))
    );
    assert_eq!(
        books.apply(&status(INSTRUMENTS, TradingStatus::Halted)),
        Err(BookError::InstrumentOutOfRange(INSTRUMENTS))
    );
}
