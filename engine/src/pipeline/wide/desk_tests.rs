//! The seam as a backend sees it: what it is told in which order, and when its answers count.

use std::sync::{Arc, Mutex};

use super::*;
use crate::control::digest::{CANONICAL_BYTES, OrderDigest, digest_ring};
use crate::order::Order;
use crate::pipeline::decide::{Decide, OrderSink};
use crate::pipeline::decision_core::{CoreSizes, DecisionCore};
use crate::pipeline::risk::{EngineLimits, InstrumentLimits, Risk, RiskApproved};
use crate::pipeline::stamps::{PathStamps, Stage};
use crate::pipeline::wide::{SurfaceChain, SurfaceFitter, SurfaceVol, TouchChange, WideListing};
use feeds::event::{EventKind, Side, TradingStatus, flags};
use feeds::units::PRICE_NONE;
use kernels::abi::{ItemKey, ItemKind, WideItem};
use kernels::cpu::book::BookConfig;

const ITEM: WideItem =
    WideItem { key: ItemKey { kind: ItemKind::Relation, index: 4 }, values: [1, 2, 0, 0, 3] };

/// Writes down what it is told; answers after so many looks, and only the last one is no fallback.
struct Logging {
    log: Arc<Mutex<Vec<String>>>,
    looks: u32,
    left: u32,
}

impl Logging {
    fn say(&self, what: String) {
        self.log.lock().expect("not poisoned").push(what);
    }
}

impl WideBackend for Logging {
    fn computes_by(&self) -> ComputedBy {
        ComputedBy::Cuda
    }

    fn book_changed(&mut self, listing: u32, event: &MarketEvent, books: &[VenueBooks]) {
        let quantity = books[usize::from(event.venue)].bbo(0).bid_qty;
        self.say(format!("book {listing} {:?}, bid {quantity}", event.kind));
    }

    fn touch_changed(&mut self, change: &TouchChange) {
        self.say(format!("touch {} {} {}", change.listing, change.bbo.bid_qty, change.is_eligible));
    }

    fn volatilities_changed(&mut self, vols: &[SurfaceVol]) {
        self.say(format!("volatilities {vols:?}"));
    }

    fn request(&mut self, request: &WideRequest, books: &[VenueBooks]) {
        self.say(format!("request {} of {} at {}", request.id, request.listing, books.len()));
        self.left = self.looks;
    }

    fn answer(&mut self, request: &WideRequest, patience: Patience) -> Option<Answered<'_>> {
        if patience == Patience::Look && self.left > 0 {
            self.left -= 1;
            return None;
        }
        let is_fallback = request.id > 1;
        let computed_by = if is_fallback { ComputedBy::Cpu } else { ComputedBy::Cuda };
        Some(Answered { computed_by, is_fallback, scan_ticks: 7, price_ticks: 0, items: &[ITEM] })
    }

    fn note(&self) -> Option<String> {
        Some("it was logged".to_owned())
    }
}

/// Nobody sends anything here.
struct Nowhere;

impl OrderSink for Nowhere {
    fn free_slots(&self) -> usize {
        8
    }

    fn capacity(&self) -> usize {
        8
    }

    fn send(&mut self, order: RiskApproved<Order>, _stamps: PathStamps) {
        panic!("{:?}", *order);
    }
}

/// Two venues with one instrument, which is listing 0 at the first and listing 1 at the second.
struct Rig {
    decide: Decide,
    log: Arc<Mutex<Vec<String>>>,
    answers: crate::control::digest::DigestReceiver,
    now_ns: u64,
}

impl Rig {
    fn new(looks: u32, latency_ns: Option<u64>) -> Self {
        Self::with_surface(looks, latency_ns, None)
    }

    fn with_surface(looks: u32, latency_ns: Option<u64>, surface: Option<SurfaceDesk>) -> Self {
        let books = BookConfig { instruments_max: 1, orders_max: 64, levels_max: 64, price_tick: 100_000 };
        let sizes = CoreSizes { date: 20_261_122, instruments_max: 1, orders_max: 8, messages_max: 100 };
        let books = (0..2).map(|_| VenueBooks::new(books).expect("sizes in range")).collect();
        let risk = Risk::new(EngineLimits::default(), vec![InstrumentLimits::default()]);
        let listings = [0, 1].map(|venue| WideListing { venue, instrument: 0 });
        let core = DecisionCore::new(sizes, books, risk, Vec::new());
        let core = core.with_wide(WideWatch::new(&listings, 2, 1, 4));
        let log = Arc::default();
        let backend = Box::new(Logging { log: Arc::clone(&log), looks, left: 0 });
        let ((orders, _), (sender, answers)) = (digest_ring(8), digest_ring(64));
        let desk = WideDesk::new(backend, latency_ns, sender).with_surface(surface);
        let decide = Decide::new(core, None, orders).with_wide(Some(desk));
        Self { decide, log, answers, now_ns: 1_000 }
    }

    /// An event, and what the backend was told of it.
    fn market(&mut self, kind: EventKind, venue: u8, instrument: u32, quantity: u64) -> Vec<String> {
        let event = MarketEvent {
            exchange_ns: self.now_ns,
            receive_ns: self.now_ns,
            sequence: self.now_ns,
            order_id: self.now_ns,
            second_id: 0,
            price: if kind == EventKind::OrderAdd { 1_000_000_000 } else { PRICE_NONE },
            quantity,
            instrument,
            venue,
            kind,
            side: if kind == EventKind::OrderAdd { Side::Buy } else { Side::None },
            flags: flags::LAST_OF_EVENT,
        };
        self.now_ns += 10;
        self.decide.market(&event, &mut PathStamps::begin(false), &mut Nowhere).expect("it goes on");
        std::mem::take(&mut self.log.lock().expect("not poisoned"))
    }

    fn report(&self) -> WideReport {
        self.decide.wide_report().expect("a desk")
    }
}

#[test]
fn books_come_before_touches_and_all_touches_before_requests() {
    let mut rig = Rig::new(0, Some(100));
    assert_eq!(rig.market(EventKind::Trade, 0, 0, 5), ["book 0 Trade, bid 0"]);
    let told = rig.market(EventKind::OrderAdd, 1, 0, 5);
    assert_eq!(told, ["book 1 OrderAdd, bid 5", "touch 1 5 true", "request 1 of 1 at 2"]);
    assert_eq!(rig.market(EventKind::OrderAdd, 0, 0, 7).len(), 3);
    let closed = TradingStatus::Closed as u64;
    let told = rig.market(EventKind::TradingStatus, 0, INSTRUMENT_ALL, closed);
    assert_eq!(told, ["book 0 TradingStatus, bid 7", "touch 0 0 false", "request 3 of 0 at 2"]);
    // A gap makes the book stale: what then does not fit is passed over, and nobody hears of it.
    assert_eq!(
        rig.market(EventKind::Gap, 1, 0, 1),
        ["book 1 Gap, bid 5", "touch 1 0 false", "request 4 of 1 at 2"]
    );
    assert!(rig.market(EventKind::OrderDelete, 1, 0, 0).is_empty());
    assert_eq!(rig.decide.core().counters().stale_book_errors, 1);
}

#[test]
fn a_virtual_answer_counts_at_its_time_whoever_is_slow() {
    let mut rig = Rig::new(1_000, Some(100));
    assert_eq!(rig.decide.next_answer_ns(), u64::MAX);
    rig.market(EventKind::OrderAdd, 0, 0, 5);
    assert_eq!(rig.decide.next_answer_ns(), 1_100);
    rig.market(EventKind::OrderAdd, 1, 0, 5);
    assert_eq!(rig.decide.next_answer_ns(), 1_100, "the oldest first");
    assert!(!rig.decide.core().wide().is_some_and(|watch| watch.requests().is_empty()));
    rig.decide.answer(&mut PathStamps::begin(false), &mut Nowhere).expect("it goes on");
    assert_eq!((rig.decide.core().time_ns(), rig.decide.next_answer_ns()), (1_100, 1_110));
    rig.decide.answer(&mut PathStamps::begin(false), &mut Nowhere).expect("it goes on");
    assert_eq!(rig.decide.next_answer_ns(), u64::MAX);
    let report = rig.report();
    assert_eq!((report.requests, report.answers, report.fallbacks, report.items), (2, [1, 0, 1], 1, 2));
    assert_eq!((report.scan_ticks.len(), report.price_ticks.len()), (2, 0));
    assert_eq!((report.computes_by, report.note.as_deref()), (ComputedBy::Cuda, Some("it was logged")));

    let Rig { decide, mut answers, .. } = rig;
    drop(decide);
    answers.poll();
    let digest = answers.finish().unwrap_or_else(|_| panic!("nobody sends any more"));
    let mut expected = OrderDigest::new();
    let records: [[u8; CANONICAL_BYTES]; 4] = [
        canonical_item(1, 0, &ITEM),
        canonical_end(1, 0, 1),
        canonical_item(2, 1, &ITEM),
        canonical_end(2, 1, 1),
    ];
    records.iter().for_each(|record| expected.push_canonical(record));
    assert_eq!(digest.finish(), expected.finish());
}

#[test]
fn a_late_answer_counts_when_it_is_found() {
    let mut rig = Rig::new(2, None);
    assert_eq!(rig.decide.poll_answers(5, &mut Nowhere), Ok(false), "nothing was asked for");
    rig.market(EventKind::OrderAdd, 0, 0, 5);
    assert_eq!(rig.decide.core().counters().wide_answers, 0, "one look so far");
    assert_eq!(rig.decide.next_answer_ns(), u64::MAX, "its time is not known");
    assert_eq!(rig.decide.poll_answers(2_000, &mut Nowhere), Ok(false));
    assert_eq!(rig.decide.poll_answers(3_000, &mut Nowhere), Ok(true));
    assert_eq!((rig.decide.core().time_ns(), rig.decide.core().counters().wide_answers), (3_000, 1));
    assert_eq!(rig.decide.poll_answers(4_000, &mut Nowhere), Ok(false));

    let mut prompt = Rig::new(0, None);
    prompt.market(EventKind::OrderAdd, 0, 0, 5);
    assert_eq!(prompt.decide.core().counters().wide_answers, 1, "right behind its event");
    assert_eq!(prompt.decide.core().time_ns(), 1_000);
}

/// Gives a job back at once, with a volatility.
struct Prompt(Option<Box<SurfaceJob>>);

impl SurfaceFitter for Prompt {
    fn submit(&mut self, mut job: Box<SurfaceJob>) {
        job.vols.push(SurfaceVol { option: 0, volatility_e9: 5, ..SurfaceVol::default() });
        self.0 = Some(job);
    }

    fn poll(&mut self) -> Option<Box<SurfaceJob>> {
        self.0.take()
    }
}

/// Which of the paths that begin next are sampled: what has begun before shifts the sequence.
fn sampled(decide: &mut Decide) -> Vec<bool> {
    let path = |_| {
        let begun = decide.begin_answer();
        let mut marked = begun;
        marked.mark(Stage::Book);
        marked != begun
    };
    (0..1_000).map(path).collect()
}

#[test]
fn turns_without_surface_work_begin_no_path() {
    let surface = || {
        let at = WideListing { venue: 0, instrument: 0 };
        let chain = SurfaceChain { listing: 0, at, quoted: Box::default(), options: 0..1 };
        SurfaceDesk::new(vec![chain], 1, 1_000_000, 1, Box::new(Prompt(None)))
    };
    let rig = || Rig::with_surface(0, None, Some(surface()));
    let (mut polled, mut fitted) = (rig(), rig());
    let untouched = sampled(&mut rig().decide);
    assert!(untouched.contains(&true) && untouched.contains(&false));
    // A trade makes a fit due at the next multiple of the interval, and asks for nothing.
    for rig in [&mut polled, &mut fitted] {
        rig.market(EventKind::Trade, 0, 0, 5);
    }
    for now_ns in 2_000..2_777 {
        assert_eq!(polled.decide.poll_answers(now_ns, &mut Nowhere), Ok(false));
    }
    assert_eq!(sampled(&mut polled.decide), untouched);
    while fitted.decide.core().counters().surfaces == 0 {
        assert_eq!(fitted.decide.poll_answers(1_000_000, &mut Nowhere), Ok(true));
    }
    assert_ne!(
        sampled(&mut fitted.decide),
        untouched,
        "the fit is a path, and those behind it are other ones"
    );
}
