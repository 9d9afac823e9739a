//! The simulated venue's gateway sends ten thousand executions again to order entry, which goes on sending orders.

use engine::fix::identity::SessionIds;
use engine::fix::session::SessionConfig;
use engine::fix::templates::TemplateFormat;
use engine::order::{Execution, ExecutionKind, Intent, Order, OrderAction, TimeInForce};
use engine::pipeline::order_entry::OrderEntry;
use engine::pipeline::risk::{EngineLimits, InstrumentLimits, Reference, Risk, RiskApproved, Stamp};
use engine::venue::desk::Acceptor;
use engine::venue::gateway::Gateway;
use engine::venue::{ClOrdIdText, OrderStatus, VenueConfig, VenueCore};
use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent, Side, TradingStatus, flags};
use feeds::symbol::Symbol;
use feeds::units::PRICE_NONE;
use kernels::cpu::book::BookConfig;

use crate::{FAIR, HEARTBEAT_S, MESSAGE_BYTES_MAX, MISSED, SECOND, START_NS, TURN_NS, Watch, Weather};

/// Of the venue's send buffer, half of which what is sent again may fill.
const BUFFER_BYTES: usize = 1 << 20;
/// As much as the engine's loop reads at once.
const READ_BYTES: usize = 1 << 16;
const FIRST_ID: u64 = 2_026_010_500_000_001;
const PRICE: i64 = 10_000_000_000;

struct Desk {
    entry: OrderEntry,
    risk: Risk,
    venue: Gateway,
    now_ns: u64,
    entered: u64,
    heard: Vec<Execution>,
}

impl Desk {
    fn new() -> Self {
        Self::with(1 << 15)
    }

    /// At a venue with room for so many open orders.
    fn with(orders_max: usize) -> Self {
        let ids = SessionIds::new("FIX.4.4", "WARPTICK", "VENUE").expect("an identity");
        let symbols = [Symbol::new("A").expect("a symbol")];
        let books = BookConfig { instruments_max: 1, ..BookConfig::default() };
        let core = VenueConfig { books, orders_max, cl_ord_ids_max: 1 << 16, ..VenueConfig::default() };
        let core = VenueCore::new(core).expect("a venue");
        let theirs = ids.reversed();
        let venue = Gateway::new(core, SessionConfig::acceptor(theirs.clone()), &theirs, &symbols);
        let config = SessionConfig::initiator(ids.clone(), HEARTBEAT_S);
        let entry = OrderEntry::new(vec![(config, ids)], &symbols, TemplateFormat::default(), None);
        let limits = InstrumentLimits {
            order_qty_max: 1_000_000,
            order_notional_max: i128::MAX,
            position_max: 1 << 40,
            collar_bp: 10_000,
            price_tick: 100_000,
            ..InstrumentLimits::default()
        };
        let engine =
            EngineLimits { messages_per_s: 1_000_000, messages_burst: 1_000_000, ..EngineLimits::default() };
        let mut desk = Self {
            entry: entry.expect("a symbol that FIX carries"),
            risk: Risk::new(engine, vec![limits]),
            venue,
            now_ns: START_NS,
            entered: 0,
            heard: Vec::new(),
        };
        desk.venue.on_market(&trading(), START_NS);
        desk.log_on();
        desk
    }

    /// Both log on, and hear each other out.
    fn log_on(&mut self) {
        self.venue.connected(self.now_ns);
        self.entry.connected(0, self.now_ns);
        for _ in 0..2 {
            self.carry_to_venue();
            self.carry_to_us(usize::MAX);
        }
        assert!(self.entry.is_logged_on(0));
    }

    fn approved(&mut self) -> RiskApproved<Order> {
        let cl_ord_id = FIRST_ID + self.entered;
        let intent = Intent {
            action: OrderAction::New,
            target: 0,
            price: PRICE,
            quantity: 1,
            instrument: 0,
            venue: 0,
            side: Side::Buy,
            time_in_force: TimeInForce::Day,
        };
        let reference = Reference::of(PRICE, PRICE);
        let stamp = Stamp { decision: 1, time_ns: self.now_ns, cl_ord_id, strategy: 0 };
        self.risk.approve(&intent, &reference, None, &stamp).expect("within the limits").order
    }

    /// A new order into the send buffer.
    fn order(&mut self) {
        let order = self.approved();
        self.entry.encode(&order, self.now_ns).expect("room for what is new");
        self.entered += 1;
    }

    /// What waits for the venue, all of it.
    fn carry_to_venue(&mut self) -> Vec<u8> {
        let bytes = self.entry.pending(0).to_vec();
        self.entry.consume(0, bytes.len());
        self.venue.on_bytes(self.now_ns, &bytes);
        bytes
    }

    /// What waits for us, up to so many bytes.
    fn carry_to_us(&mut self, bytes_max: usize) -> Vec<u8> {
        let pending = self.venue.pending();
        let bytes = pending[..pending.len().min(bytes_max).min(READ_BYTES)].to_vec();
        self.venue.consume(bytes.len());
        let Self { entry, heard, now_ns, .. } = self;
        entry.receive(0, *now_ns, &bytes, &mut |execution| heard.push(execution));
        bytes
    }

    /// Whether the venue has the order that was entered last, and it is open.
    fn has_arrived(&self) -> bool {
        let id = ClOrdIdText::from_number(FIRST_ID + self.entered - 1);
        matches!(self.venue.core().order_of(0, &id), Some((OrderStatus::New, 0)))
    }

    fn numbers(&self) -> (u32, u32) {
        self.entry.sequence_numbers(0).expect("FIX")
    }

    fn acknowledged(&self) -> usize {
        self.heard.iter().filter(|execution| execution.kind == ExecutionKind::New).count()
    }
}

/// The venue trades.
fn trading() -> MarketEvent {
    MarketEvent {
        exchange_ns: START_NS,
        receive_ns: START_NS,
        sequence: 1,
        order_id: 0,
        second_id: 0,
        price: PRICE_NONE,
        quantity: TradingStatus::Trading as u64,
        instrument: INSTRUMENT_ALL,
        venue: 0,
        kind: EventKind::TradingStatus,
        side: Side::None,
        flags: flags::LAST_OF_EVENT,
    }
}

fn storm(weather: Weather) {
    let mut desk = Desk::new();
    for _ in 0..MISSED {
        desk.order();
        desk.carry_to_venue();
        // Its execution is lost on the way.
        let lost = desk.venue.pending().len();
        desk.venue.consume(lost);
    }
    assert_eq!((desk.venue.core().live_orders(), desk.heard.len()), (MISSED as usize, 0));
    let mut to_venue = Watch::new(desk.numbers().0, desk.now_ns);
    let mut to_us = Watch::new(MISSED + 2, desk.now_ns);
    let (mut turns, mut cuts, mut most_behind, mut delivered) = (0_u64, 0_u64, 0, 0_usize);
    // The order that is watched, and what had been delivered when it arrived.
    let mut watched: Option<(String, usize)> = None;
    while turns < 8 || desk.acknowledged() < desk.entered as usize {
        turns += 1;
        desk.now_ns += TURN_NS;
        assert!(turns < 40_000, "{} of {} after {turns} turns: {weather:?}", desk.heard.len(), desk.entered);
        let is_storm = to_us.resent < MISSED;
        let is_new = turns == 1 || turns % weather.new_one_in == 0 && is_storm;
        if is_new {
            desk.order();
        }
        if desk.entry.next_timer_ns() <= desk.now_ns {
            desk.entry.on_timer(desk.now_ns);
        }
        let left = desk.carry_to_venue();
        to_venue.left(desk.now_ns, &left, |_| ());
        if is_new {
            assert!(desk.has_arrived(), "turn {turns}: an order leaves in its turn: {weather:?}");
            let id = (FIRST_ID + desk.entered - 1).to_string();
            watched.get_or_insert((id, delivered));
        }
        desk.venue.on_timer(desk.now_ns);
        if !(100..100 + weather.stall_turns).contains(&turns) {
            let bytes = desk.carry_to_us(weather.bytes_a_turn);
            delivered += bytes.len();
            to_us.left(desk.now_ns, &bytes, |name| {
                if let Some((_, at)) = watched.take_if(|(id, _)| id.as_bytes() == name) {
                    most_behind = most_behind.max(delivered - at);
                }
            });
        }
        assert!(!desk.entry.wants_close(0) && !desk.venue.wants_close(), "turn {turns}: {weather:?}");
        if weather.drops && cuts < 3 && turns == 100 * (cuts + 1) {
            cuts += 1;
            desk.entry.disconnected(0);
            desk.venue.disconnected(desk.now_ns);
            desk.log_on();
            to_venue.check_silence(0);
            to_us.check_silence(0);
            to_venue = Watch::new(desk.numbers().0, desk.now_ns);

            to_us = Watch::new(0, desk.now_ns);
            watched = None;
        }
    }
    let acknowledged = desk.heard.iter().filter(|execution| execution.kind == ExecutionKind::New);
    let acknowledged: Vec<u64> = acknowledged.map(|execution| execution.cl_ord_id).collect();
    let wanted: Vec<u64> = (FIRST_ID..FIRST_ID + desk.entered).collect();
    assert_eq!(acknowledged, wanted, "each execution once, in order: {weather:?}");
    let ids: Vec<u64> = desk.heard.iter().map(|execution| execution.exec_id).filter(|&id| id > 0).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "ExecIDs: {weather:?}");
    to_venue.check_silence(0);
    to_us.check_silence(weather.stall_turns * TURN_NS);
    // An acknowledgement waits behind half a buffer of what is sent again, and behind other acknowledgements.
    let new_bytes = (turns / weather.new_one_in + 1) as usize * MESSAGE_BYTES_MAX;
    let bound = BUFFER_BYTES / 2 + 2 * weather.bytes_a_turn + new_bytes;
    assert!(most_behind > 0 && most_behind <= bound, "{most_behind} of {bound} bytes: {weather:?}");
    assert!(
        weather.stall_turns == 0 || to_us.answers >= to_venue.test_requests && to_venue.test_requests > 0
    );
    println!(
        "{weather:?}: {turns} turns, {} s, {} orders, {} executions resent, acknowledged within {most_behind} bytes",
        turns * TURN_NS / SECOND,
        desk.entered,
        to_us.resent,
    );
}

#[test]
fn orders_leave_and_are_acknowledged_while_executions_are_sent_again() {
    storm(FAIR);
}

#[test]
fn acknowledgements_that_find_no_room_behind_the_gap_come_again() {
    storm(Weather { new_one_in: 1, bytes_a_turn: 2_048, ..FAIR });
}

#[test]
fn a_slow_line_is_no_reason_to_fall_silent() {
    storm(Weather { bytes_a_turn: 700, new_one_in: 64, ..FAIR });
}

#[test]
fn a_line_that_stalls_is_asked_whether_anybody_is_there() {
    storm(Weather { stall_turns: 150, ..FAIR });
}

#[test]
fn a_storm_that_is_cut_off_goes_on_after_the_next_logon() {
    storm(Weather { drops: true, bytes_a_turn: 4_096, ..FAIR });
}

/// Three megabytes of reports for a client that does not read: what found no room is missing, and comes again.
#[test]
fn reports_that_find_no_room_come_again() {
    let mut desk = Desk::with(16);
    for _ in 0..MISSED {
        desk.order();
        desk.carry_to_venue();
    }
    assert!(desk.venue.pending().len() > BUFFER_BYTES - MESSAGE_BYTES_MAX * 16, "the buffer is full");
    for _ in 0..10_000 {
        desk.now_ns += TURN_NS;
        desk.entry.on_timer(desk.now_ns);
        desk.venue.on_timer(desk.now_ns);
        desk.carry_to_us(READ_BYTES);
        desk.carry_to_venue();
    }
    assert!(!desk.entry.wants_close(0) && !desk.venue.wants_close());
    assert_eq!(desk.venue.lost_reports(), 0);
    let about: Vec<u64> = desk.heard.iter().map(|execution| execution.cl_ord_id - FIRST_ID).collect();
    assert_eq!(about, Vec::from_iter(0..u64::from(MISSED)), "each answer once, in order");
}

/// The order's report is numbered behind the Logout that tells why the session ends, and both are on record.
#[test]
fn a_report_of_the_turn_that_ends_the_session_is_sent_again() {
    let mut desk = Desk::new();
    desk.order();
    desk.carry_to_venue();
    let lost = desk.venue.pending().len();
    desk.venue.consume(lost);
    // An order twice in one read: the second time its number is too low.
    desk.order();
    let bytes = desk.entry.pending(0).repeat(2);
    desk.venue.on_bytes(desk.now_ns, &bytes);
    assert!(desk.venue.wants_close() && desk.has_arrived());
    desk.entry.disconnected(0);
    desk.venue.disconnected(desk.now_ns);
    desk.log_on();
    for _ in 0..4 {
        desk.carry_to_venue();
        desk.venue.on_timer(desk.now_ns);
        desk.carry_to_us(READ_BYTES);
    }
    let kinds = desk.heard.iter().filter(|execution| execution.kind != ExecutionKind::InDoubt);
    let kinds: Vec<_> = kinds.map(|execution| (execution.kind, execution.cl_ord_id - FIRST_ID)).collect();
    let wanted = [ExecutionKind::New, ExecutionKind::Canceled].map(|kind| [(kind, 0), (kind, 1)]);
    assert_eq!(kinds, wanted.concat());
}
