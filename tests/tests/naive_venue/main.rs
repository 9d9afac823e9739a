//! The simulated venue against the naive one, report by report: over random market streams of orders and of levels with
//! random requests, and over the GOOG capture with a random trader at the top of the book.

use std::collections::{BTreeMap, VecDeque};

use engine::order::{ExecutionKind, OrderAction, RejectReason, TimeInForce};
use engine::venue::{ClOrdIdText, OrderRequest, Reports, VenueConfig, VenueCore, VenueReport};
use feeds::directory::Directory;
use feeds::event::{EventKind, INSTRUMENT_ALL, INSTRUMENT_NONE, MarketEvent, Side, TradingStatus, flags};
use feeds::itch::feed::ItchFeed;
use feeds::source::file::Capture;
use feeds::source::prescan::prescan;
use kernels::cpu::book::BookConfig;
use warptick_tests::naive_venue::NaiveVenue;

mod levels;

const TICK: i64 = 10_000_000;
const INSTRUMENTS: u32 = 3;
const QUANTITY_MAX: u64 = 500;

/// SplitMix64: small, seeded, good enough to pick test cases.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn side(&mut self) -> Side {
        if self.one_in(2) { Side::Buy } else { Side::Sell }
    }
}

/// The two venues side by side, with what they said and the bookkeeping that checks it.
struct Pair {
    real: VenueCore,
    naive: NaiveVenue,
    reports: Reports,
    naive_reports: Vec<VenueReport>,
    /// Live orders as their reports tell them: OrderID to the last report.
    live: BTreeMap<u64, VenueReport>,
    /// The last reports on orders that were done last, and under names that were given up last.
    done: VecDeque<VenueReport>,
    counts: BTreeMap<String, u64>,
    steps: u64,
    name: String,
}

impl Pair {
    fn new(name: String, config: VenueConfig) -> Self {
        let real = VenueCore::new(config).expect("a valid configuration");
        let naive = NaiveVenue::new(
            config.venue,
            config.books.instruments_max,
            config.books.price_tick,
            config.price_tick,
            config.quantity_max,
        );
        Self {
            reports: Reports::with_capacity(real.reports_max()),
            real,
            naive,
            naive_reports: Vec::new(),
            live: BTreeMap::new(),
            done: VecDeque::new(),
            counts: BTreeMap::new(),
            steps: 0,
            name,
        }
    }

    fn market(&mut self, event: &MarketEvent) {
        self.real.on_market(event, &mut self.reports);
        self.naive.on_market(event, &mut self.naive_reports);
        let filled: u64 = self.reports.iter().map(|report| report.last_qty).sum();
        assert!(filled <= event.quantity, "{}, step {}: {filled} filled by {event:?}", self.name, self.steps);
        if filled > 0 {
            *self.counts.entry(format!("fills by {:?}", event.kind)).or_default() += 1;
        }
        self.compare(&format!("{event:?}"));
    }

    fn request(&mut self, time_ns: u64, request: &OrderRequest) {
        self.real.on_request(time_ns, request, &mut self.reports);
        self.naive.on_request(time_ns, request, &mut self.naive_reports);
        assert!(!self.reports.is_empty(), "{}, step {}: no answer to {request:?}", self.name, self.steps);
        self.compare(&format!("{request:?}"));
    }

    fn disconnect(&mut self, session: u16, time_ns: u64) {
        self.real.on_disconnect(session, time_ns, &mut self.reports);
        self.naive.on_disconnect(session, time_ns, &mut self.naive_reports);
        self.compare("disconnect");
    }

    fn compare(&mut self, cause: &str) {
        let at = format!("{}, step {}, {cause}", self.name, self.steps);
        assert_eq!(&self.reports[..], &self.naive_reports[..], "{at}");
        for report in self.reports.iter() {
            *self.counts.entry(format!("{:?} {:?}", report.kind, report.reason)).or_default() += 1;
            check_report(report, self.live.get(&report.order_id), &at);
            match report.kind {
                ExecutionKind::Rejected | ExecutionKind::CancelRejected => {}
                ExecutionKind::Fill | ExecutionKind::Canceled => {
                    self.done.extend(self.live.remove(&report.order_id));
                }
                _ => {
                    let before = self.live.insert(report.order_id, *report);
                    self.done.extend(before.filter(|before| before.cl_ord_id != report.cl_ord_id));
                }
            }
        }
        while self.done.len() > 20 {
            self.done.pop_front();
        }
        // Walking both lists at every step would take most of the run; every quantity is looked at often enough so.
        if self.steps.is_multiple_of(8) {
            let queues = self.naive.queues_ahead();
            assert_eq!(queues.len(), self.real.live_orders(), "{at}");
            assert_eq!(queues.len(), self.live.len(), "{at}");
            for (order_id, ahead) in queues {
                assert_eq!(self.real.queue_ahead(order_id), Some(ahead), "{at}, order {order_id}");
            }
        }
        self.reports.clear();
        self.naive_reports.clear();
        self.steps += 1;
    }
}

/// What must hold of any report, given the last one on the same order while it lives.
fn check_report(report: &VenueReport, before: Option<&VenueReport>, at: &str) {
    match report.kind {
        ExecutionKind::Rejected | ExecutionKind::CancelRejected => {
            assert_ne!(report.reason, RejectReason::None, "{at}");
            return;
        }
        ExecutionKind::Canceled | ExecutionKind::Fill => assert_eq!(report.leaves_qty, 0, "{at}"),
        _ => assert_eq!(report.cum_qty + report.leaves_qty, report.order_qty, "{at}"),
    }
    let Some(before) = before else {
        assert_eq!((report.kind, report.cum_qty), (ExecutionKind::New, 0), "{at}");
        return;
    };
    assert_eq!(report.cum_qty, before.cum_qty + report.last_qty, "{at}");
    assert!(report.last_qty <= before.leaves_qty, "{at}: more filled than was left");
    if report.last_qty > 0 {
        let traded = i128::from(report.last_px) * i128::from(report.last_qty);
        assert_eq!(report.cum_value, before.cum_value + traded, "{at}");
        let inside = if report.side == Side::Buy {
            report.last_px <= report.price
        } else {
            report.last_px >= report.price
        };
        assert!(inside, "{at}: filled outside the limit");
    }
}

/// A random feed of few prices, so that everything meets everything, with a shadow of what it shows.
struct Feed {
    shown: Vec<(u64, u32, u64)>,
    /// The first instrument that it speaks of.
    first_instrument: u32,
    next_id: u64,
    halted: bool,
    middle: i64,
}

impl Feed {
    fn event(&mut self, random: &mut Random, time_ns: u64) -> MarketEvent {
        let mut event = MarketEvent {
            exchange_ns: time_ns,
            receive_ns: time_ns + 100,
            sequence: time_ns,
            order_id: 0,
            second_id: 0,
            price: feeds::units::PRICE_NONE,
            quantity: 0,
            instrument: self.first_instrument
                + random.below(u64::from(INSTRUMENTS - self.first_instrument)) as u32,
            venue: 0,
            kind: EventKind::OrderAdd,
            side: Side::None,
            flags: flags::LAST_OF_EVENT,
        };
        if random.one_in(50) {
            self.middle = (self.middle + random.below(3) as i64 - 1).clamp(995, 1005);
        }
        if self.halted && random.one_in(20) {
            self.halted = false;
            event.kind = EventKind::TradingStatus;
            event.quantity = TradingStatus::Trading as u64;
            event.instrument = INSTRUMENT_ALL;
            return event;
        }
        if self.shown.len() > 120 {
            return self.delete(random, event);
        }
        match random.below(1000) {
            0..380 => self.add(random, event),
            380..520 => self.delete(random, event),
            520..600 => self.shrink(random, event, EventKind::OrderReduce),
            600..800 => {
                if random.one_in(12) {
                    event.flags |= flags::NON_PRINTABLE;
                }
                self.shrink(random, event, EventKind::OrderExecute)
            }
            800..880 => self.replace(random, event),
            880..960 => {
                event.kind = EventKind::Trade;
                event.price = self.price(random, Side::None);
                event.quantity = random.below(120);
                event.flags |= if random.one_in(6) { flags::CROSS } else { flags::HIDDEN };
                event
            }
            960..966 => self.status(random, event),
            966..969 => {
                event.kind = EventKind::Gap;
                (event.second_id, event.quantity) = (time_ns, 2);
                if random.one_in(2) {
                    event.instrument = INSTRUMENT_ALL;
                }
                event
            }
            969 => {
                event.kind = EventKind::Clear;
                if random.one_in(2) {
                    event.instrument = INSTRUMENT_ALL;
                }
                self.shown.retain(|shown| event.instrument != INSTRUMENT_ALL && shown.1 != event.instrument);
                event
            }
            _ => self.nonsense(random, event),
        }
    }

    fn price(&self, random: &mut Random, side: Side) -> i64 {
        let away = random.below(6) as i64 - 1;
        match side {
            Side::Buy => (self.middle - away) * TICK,
            Side::Sell => (self.middle + away) * TICK,
            Side::None => (self.middle + random.below(7) as i64 - 3) * TICK,
        }
    }

    fn add(&mut self, random: &mut Random, mut event: MarketEvent) -> MarketEvent {
        self.next_id += 1 + random.below(3);
        event.order_id = self.next_id;
        event.side = random.side();
        event.price = self.price(random, event.side);
        event.quantity = 1 + random.below(100);
        if random.one_in(40) {
            event.flags |= flags::SNAPSHOT;
        }
        self.shown.push((event.order_id, event.instrument, event.quantity));
        event
    }

    fn pick(&mut self, random: &mut Random, event: &mut MarketEvent) -> Option<usize> {
        if self.shown.is_empty() {
            return None;
        }
        // Old orders more often than young ones: executions come to the front of a queue.
        let reach = 1 + random.below(self.shown.len() as u64);
        let at = random.below(reach) as usize;
        (event.order_id, event.instrument) = (self.shown[at].0, self.shown[at].1);
        Some(at)
    }

    fn delete(&mut self, random: &mut Random, mut event: MarketEvent) -> MarketEvent {
        event.kind = EventKind::OrderDelete;
        if let Some(at) = self.pick(random, &mut event) {
            self.shown.remove(at);
        }
        event
    }

    fn shrink(&mut self, random: &mut Random, mut event: MarketEvent, kind: EventKind) -> MarketEvent {
        event.kind = kind;
        if let Some(at) = self.pick(random, &mut event) {
            let left = self.shown[at].2;
            event.quantity = if random.one_in(3) { left } else { random.below(left + 1) };
            self.shown[at].2 -= event.quantity;
            if self.shown[at].2 == 0 {
                self.shown.remove(at);
            }
        }
        event
    }

    fn replace(&mut self, random: &mut Random, mut event: MarketEvent) -> MarketEvent {
        event.kind = EventKind::OrderReplace;
        if let Some(at) = self.pick(random, &mut event) {
            event.second_id = event.order_id;
            if !random.one_in(5) {
                self.next_id += 1;
                event.second_id = self.next_id;
            }
            event.price = self.price(random, Side::None);
            event.quantity = 1 + random.below(100);
            self.shown.remove(at);
            self.shown.push((event.second_id, event.instrument, event.quantity));
        }
        event
    }

    fn status(&mut self, random: &mut Random, mut event: MarketEvent) -> MarketEvent {
        event.kind = EventKind::TradingStatus;
        event.quantity = random.below(8);
        if random.one_in(4) {
            event.instrument = INSTRUMENT_ALL;
            self.halted = true;
        } else if !random.one_in(4) {
            event.quantity = TradingStatus::Trading as u64;
        }
        event
    }

    /// Events that fit no book, and other venues' events.
    fn nonsense(&mut self, random: &mut Random, mut event: MarketEvent) -> MarketEvent {
        let known = self.shown.first().copied().unwrap_or((1, 0, 1));
        event.side = random.side();
        event.price = 1000 * TICK;
        event.quantity = 10;
        event.order_id = known.0;
        event.instrument = known.1;
        event.second_id = known.0;
        match random.below(9) {
            0 => {}
            1 => {
                event.kind = EventKind::OrderExecute;
                event.quantity = known.2 + 1;
            }
            2 => {
                event.kind = EventKind::OrderDelete;
                event.instrument = (known.1 + 1) % INSTRUMENTS;
            }
            3 => {
                event.order_id = self.next_id + 1000;
                event.kind = EventKind::OrderExecute;
            }
            4 => {
                event.order_id = self.next_id + 1000;
                event.price += 1;
            }
            5 => {
                event.order_id = self.next_id + 1000;
                event.instrument = INSTRUMENT_NONE;
            }
            // Nonsense where there are orders; an empty book takes it.
            6 if !self.shown.is_empty() => {
                event.kind = EventKind::LevelSet;
            }
            7 => {
                event.kind = EventKind::Trade;
                event.instrument = INSTRUMENT_NONE;
            }
            _ => {
                event.venue = 1;
                event.order_id = self.next_id + 1000;
            }
        }
        event
    }
}

/// A random request of one of three sessions: mostly about live orders, sometimes about anything else.
fn random_request(random: &mut Random, pair: &Pair, feed: &Feed, ids: &mut u64) -> OrderRequest {
    *ids += 1;
    let mut request = OrderRequest {
        kind: OrderAction::New,
        session: random.below(3) as u16,
        cl_ord_id: ClOrdIdText::from_number(*ids),
        orig_cl_ord_id: ClOrdIdText::NONE,
        instrument: random.below(u64::from(INSTRUMENTS)) as u32,
        side: random.side(),
        price: 0,
        quantity: 1 + random.below(150),
        time_in_force: if random.one_in(3) { TimeInForce::ImmediateOrCancel } else { TimeInForce::Day },
    };
    request.price = feed.price(random, Side::None);
    let (live, done) = (pair.live.len(), pair.done.len());
    if random.below(24) < live as u64 {
        // One in sixteen is too late.
        let order = if random.one_in(16) && done > 0 {
            pair.done[random.below(done as u64) as usize]
        } else {
            *pair.live.values().nth(random.below(live as u64) as usize).expect("live")
        };
        request.kind = if random.one_in(2) { OrderAction::Cancel } else { OrderAction::Replace };
        (request.session, request.orig_cl_ord_id) = (order.session, order.cl_ord_id);
        (request.instrument, request.side) = (order.instrument, order.side);
        if random.one_in(2) {
            request.price = order.price;
        }
        if random.one_in(2) {
            request.quantity = order.order_qty.saturating_sub(random.below(20)).max(1);
        }
    }
    match random.below(60) {
        0 => request.cl_ord_id = ClOrdIdText::from_number(1 + random.below(*ids)),
        1 => request.cl_ord_id = ClOrdIdText::NONE,
        2 => request.orig_cl_ord_id = ClOrdIdText::from_number(1 + random.below(*ids)),
        3 => request.orig_cl_ord_id = request.cl_ord_id,
        4 => request.side = if random.one_in(2) { Side::None } else { request.side.opposite() },
        5 => request.instrument = [INSTRUMENT_NONE, INSTRUMENTS, 0][random.below(3) as usize],
        6 => request.quantity = [0, QUANTITY_MAX + 1, QUANTITY_MAX, u64::MAX][random.below(4) as usize],
        7 => request.price = [0, -TICK, request.price + 1, i64::MIN][random.below(4) as usize],
        8 => request.kind = OrderAction::Cancel,
        9 => request.kind = OrderAction::Replace,
        _ => {}
    }
    request
}

fn small_venue() -> VenueConfig {
    VenueConfig {
        venue: 0,
        books: BookConfig {
            instruments_max: INSTRUMENTS as usize,
            orders_max: 1_000,
            levels_max: 1_000,
            price_tick: TICK / 100,
        },
        orders_max: 1_000,
        cl_ord_ids_max: 200_000,
        used_orders_max: 1_000,
        price_tick: TICK,
        quantity_max: QUANTITY_MAX,
    }
}

#[test]
fn random_streams_and_requests() {
    for seed in 1..=6_u64 {
        let mut random = Random(seed);
        let mut pair = Pair::new(format!("seed {seed}"), small_venue());
        let mut feed =
            Feed { shown: Vec::new(), first_instrument: 0, next_id: 0, halted: false, middle: 1000 };
        let mut ids = 0;
        // From nearly only market data to one request every other step.
        let requests_one_in = 2 + seed;
        for time_ns in 0..120_000 {
            if random.one_in(requests_one_in) {
                let request = random_request(&mut random, &pair, &feed, &mut ids);
                pair.request(time_ns, &request);
            } else if random.one_in(2_000) {
                pair.disconnect(random.below(3) as u16, time_ns);
            } else {
                let event = feed.event(&mut random, time_ns);
                pair.market(&event);
            }
        }
        for (what, least) in [
            ("fills by OrderAdd", 500),
            ("fills by OrderReplace", 100),
            ("fills by OrderExecute", 200),
            ("fills by Trade", 100),
            ("New None", 3_000),
            ("Replaced None", 500),
            ("Canceled None", 2_000),
            ("PartialFill None", 2_000),
            ("Fill None", 1_000),
            ("Rejected UnknownSymbol", 20),
            ("Rejected DuplicateClOrdId", 20),
            ("Rejected Quantity", 20),
            ("Rejected Price", 20),
            ("Rejected Closed", 100),
            ("Rejected Other", 20),
            ("CancelRejected UnknownOrder", 20),
            ("CancelRejected TooLate", 20),
            ("CancelRejected DuplicateClOrdId", 5),
            ("CancelRejected Quantity", 1),
            ("CancelRejected Price", 1),
            ("CancelRejected Closed", 10),
            ("CancelRejected Other", 10),
        ] {
            let count = pair.counts.get(what).copied().unwrap_or(0);
            assert!(count >= least, "seed {seed}: only {count} of \"{what}\"; all: {:#?}", pair.counts);
        }
        assert!(pair.real.book_errors() > 100, "seed {seed}: nonsense was in the stream");
    }
}

/// A trader without a plan on the real capture: it joins and betters both sides of the book, moves, cancels, and takes.
#[test]
fn goog_capture_with_a_random_trader() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/itch50_from_lobster/20120621.GOOG_L10.itch50.gz"
    );
    if !std::path::Path::new(path).exists() {
        println!("SKIPPED: ../shared/data is absent");
        return;
    }
    let capture = Capture::open(path).expect("the capture opens");
    let (scan, error) = prescan(&capture, 0);
    assert!(error.is_none(), "{error:?}");
    let symbols = scan.listings.iter().map(|listing| listing.symbol).collect();
    let mut directory = Directory::new(symbols, 16).expect("a directory");
    scan.list_into(&mut directory).expect("listings fit");
    let instruments_max = directory.capacity();
    let mut feed = ItchFeed::new(0, 0, 0);
    let config = VenueConfig {
        books: BookConfig {
            instruments_max,
            orders_max: 100_000,
            levels_max: 20_000,
            ..BookConfig::default()
        },
        ..VenueConfig::default()
    };
    let mut pair = Pair::new("GOOG".to_owned(), config);
    let mut random = Random(20_120_621);
    let mut ids = 0;
    let mut packets = capture.packets();
    while let Some(packet) = packets.next(&capture).expect("the capture is whole") {
        for (number, (body, _)) in packet.messages().enumerate() {
            let sequence = packet.first_sequence + number as u64;
            let decoded = feed.decode_event(&mut directory, body, sequence, packet.receive_ns);
            let Some(event) = decoded.expect("a message of ITCH 5.0") else { continue };
            pair.market(&event);
            let bbo = pair.real.books().bbo(event.instrument);
            if bbo.bid_qty > 0 && bbo.ask_qty > 0 && random.one_in(4) {
                let request =
                    trade_at_the_top(&mut random, &pair, event.instrument, bbo.bid_px, bbo.ask_px, &mut ids);
                pair.request(event.exchange_ns, &request);
            }
        }
    }
    assert_eq!(pair.real.book_errors(), 0);
    let fills = |kind: &str| pair.counts.get(kind).copied().unwrap_or(0);
    println!("GOOG: {:#?}", pair.counts);
    assert!(fills("fills by OrderExecute") > 100 && fills("Fill None") > 1_000, "{:#?}", pair.counts);
}

/// One request: mostly a new order one tick about the best price of its side, at times through the market, and with
/// more than a few live orders a cancel or a replace of one of them.
fn trade_at_the_top(
    random: &mut Random,
    pair: &Pair,
    instrument: u32,
    bid: i64,
    ask: i64,
    ids: &mut u64,
) -> OrderRequest {
    *ids += 1;
    let side = random.side();
    let near = if side == Side::Buy { bid } else { ask };
    let far = if side == Side::Buy { ask } else { bid };
    let at = if random.one_in(12) { far } else { near };
    let mut request = OrderRequest {
        kind: OrderAction::New,
        session: 1,
        cl_ord_id: ClOrdIdText::from_number(*ids),
        orig_cl_ord_id: ClOrdIdText::NONE,
        instrument,
        side,
        price: at / TICK * TICK + (random.below(5) as i64 - 2) * TICK,
        quantity: 1 + random.below(300),
        time_in_force: if random.one_in(6) { TimeInForce::ImmediateOrCancel } else { TimeInForce::Day },
    };
    let live = pair.live.len();
    if random.below(8) < live as u64 {
        let order = pair.live.values().nth(random.below(live as u64) as usize).expect("live");
        request.kind = if random.one_in(2) { OrderAction::Cancel } else { OrderAction::Replace };
        request.orig_cl_ord_id = order.cl_ord_id;
        request.side = order.side;
        if random.one_in(2) {
            request.price = order.price;
        }
    }
    request
}
