//! One hand-written scenario for each rule of the venue's page.

use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent, Side, TradingStatus, flags};
use feeds::units::PRICE_NONE;
use kernels::cpu::book::BookConfig;

use super::*;
use crate::order::{OrderAction, TimeInForce};

mod levels;

const CENT: i64 = 10_000_000;
/// Every scenario's prices lie around this one, in cents.
const MIDDLE: i64 = 10_000;

/// A venue with one client-visible tick of a cent, driven by hand.
struct Desk {
    venue: VenueCore,
    reports: Reports,
    time_ns: u64,
}

/// What a scenario looks at: kind, last price in cents from the middle, last quantity, leaves.
type Seen = (ExecutionKind, i64, u64, u64);

fn config() -> VenueConfig {
    VenueConfig {
        books: BookConfig {
            instruments_max: 2,
            orders_max: 1_000,
            levels_max: 1_000,
            price_tick: CENT / 100,
        },
        orders_max: 8,
        cl_ord_ids_max: 200,
        used_orders_max: 100,
        ..VenueConfig::default()
    }
}

fn price(cents: i64) -> i64 {
    (MIDDLE + cents) * CENT
}

fn id(text: &str) -> ClOrdIdText {
    ClOrdIdText::new(text.as_bytes()).expect("a short id")
}

impl Desk {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: VenueConfig) -> Self {
        let venue = VenueCore::new(config).expect("a valid configuration");
        let reports = Reports::with_capacity(venue.reports_max());
        Self { venue, reports, time_ns: 0 }
    }

    fn event(&mut self, kind: EventKind, order_id: u64, quantity: u64) -> MarketEvent {
        self.time_ns += 1;
        MarketEvent {
            exchange_ns: self.time_ns,
            receive_ns: self.time_ns,
            sequence: self.time_ns,
            order_id,
            second_id: 0,
            price: PRICE_NONE,
            quantity,
            instrument: 0,
            venue: 0,
            kind,
            side: Side::None,
            flags: flags::LAST_OF_EVENT,
        }
    }

    fn send(&mut self, event: MarketEvent) -> Vec<Seen> {
        self.reports.clear();
        self.venue.on_market(&event, &mut self.reports);
        self.seen()
    }

    fn add(&mut self, order_id: u64, side: Side, cents: i64, quantity: u64) -> Vec<Seen> {
        let event = self.event(EventKind::OrderAdd, order_id, quantity);
        self.send(MarketEvent { side, price: price(cents), ..event })
    }

    fn replace_shown(&mut self, order_id: u64, second_id: u64, cents: i64, quantity: u64) -> Vec<Seen> {
        let event = self.event(EventKind::OrderReplace, order_id, quantity);
        self.send(MarketEvent { second_id, price: price(cents), ..event })
    }

    fn shown(&mut self, kind: EventKind, order_id: u64, quantity: u64) -> Vec<Seen> {
        let event = self.event(kind, order_id, quantity);
        self.send(event)
    }

    fn print(&mut self, cents: i64, quantity: u64, flag: u8) -> Vec<Seen> {
        let event = self.event(EventKind::Trade, 0, quantity);
        self.send(MarketEvent { price: price(cents), flags: event.flags | flag, side: Side::Buy, ..event })
    }

    fn status(&mut self, instrument: u32, status: TradingStatus) -> Vec<Seen> {
        let event = self.event(EventKind::TradingStatus, 0, status as u64);
        self.send(MarketEvent { instrument, ..event })
    }

    fn request(&mut self, request: OrderRequest) -> Vec<Seen> {
        self.reports.clear();
        self.time_ns += 1;
        self.venue.on_request(self.time_ns, &request, &mut self.reports);
        self.seen()
    }

    fn day(&mut self, name: &str, side: Side, cents: i64, quantity: u64) -> Vec<Seen> {
        self.request(new(name, side, cents, quantity))
    }

    fn ioc(&mut self, name: &str, side: Side, cents: i64, quantity: u64) -> Vec<Seen> {
        let time_in_force = TimeInForce::ImmediateOrCancel;
        self.request(OrderRequest { time_in_force, ..new(name, side, cents, quantity) })
    }

    fn replace(&mut self, name: &str, of: &str, side: Side, cents: i64, quantity: u64) -> Vec<Seen> {
        let orig_cl_ord_id = id(of);
        self.request(OrderRequest {
            kind: OrderAction::Replace,
            orig_cl_ord_id,
            ..new(name, side, cents, quantity)
        })
    }

    fn cancel(&mut self, name: &str, of: &str, side: Side) -> Vec<Seen> {
        let orig_cl_ord_id = id(of);
        self.request(OrderRequest { kind: OrderAction::Cancel, orig_cl_ord_id, ..new(name, side, 0, 0) })
    }

    /// The reason of the only report.
    fn reason(&self) -> RejectReason {
        assert_eq!(self.reports.len(), 1, "{:?}", &self.reports[..]);
        self.reports[0].reason
    }

    fn seen(&self) -> Vec<Seen> {
        let cents = |price: i64| if price == PRICE_NONE { 0 } else { price / CENT - MIDDLE };
        self.reports.iter().map(|r| (r.kind, cents(r.last_px), r.last_qty, r.leaves_qty)).collect()
    }
}

fn new(name: &str, side: Side, cents: i64, quantity: u64) -> OrderRequest {
    OrderRequest {
        kind: OrderAction::New,
        session: 7,
        cl_ord_id: id(name),
        orig_cl_ord_id: ClOrdIdText::NONE,
        instrument: 0,
        side,
        price: price(cents),
        quantity,
        time_in_force: TimeInForce::Day,
    }
}

use EventKind::{OrderDelete, OrderExecute, OrderReduce};
use ExecutionKind::{CancelRejected, Canceled, Fill, New, PartialFill, Rejected, Replaced};
use Side::{Buy, Sell};

#[test]
fn the_queue_ahead_falls_by_all_that_leaves_it() {
    let mut desk = Desk::new();
    for order in 1..=4 {
        desk.add(order, Buy, -1, 100);
    }
    assert_eq!(desk.day("a", Buy, -1, 50), [(New, 0, 0, 50)]);
    assert_eq!(desk.venue.queue_ahead(1), Some(400));
    desk.add(5, Buy, -1, 100);
    assert_eq!(desk.venue.queue_ahead(1), Some(400), "who comes later is behind");
    assert_eq!(desk.shown(OrderExecute, 1, 60), [], "an execution ahead fills nobody");
    desk.shown(OrderReduce, 1, 10);
    desk.shown(OrderDelete, 2, 0);
    assert_eq!(desk.venue.queue_ahead(1), Some(230));
    desk.replace_shown(3, 6, -1, 100);
    assert_eq!(desk.venue.queue_ahead(1), Some(130), "a replaced order is behind, even at the same price");
    desk.shown(OrderReduce, 6, 50);
    assert_eq!(desk.venue.queue_ahead(1), Some(130), "what leaves behind shortens nothing");
}

#[test]
fn an_execution_behind_or_at_a_worse_price_fills() {
    let mut desk = Desk::new();
    desk.add(1, Buy, -1, 100);
    desk.day("a", Buy, -1, 50);
    desk.add(2, Buy, -1, 100);
    desk.add(3, Buy, -2, 100);
    desk.add(4, Buy, 0, 100);
    assert_eq!(desk.shown(OrderExecute, 4, 30), [], "a better displayed price is before us");
    assert_eq!(desk.shown(OrderExecute, 2, 20), [(PartialFill, -1, 20, 30)]);
    assert_eq!(desk.shown(OrderExecute, 3, 100), [(Fill, -1, 30, 0)], "at our price, not at the print's");
    assert_eq!(desk.shown(OrderExecute, 2, 20), [], "it is done");
    let last = desk.venue.books().level_quantity(0, Buy, price(-1));
    assert_eq!(last, 160, "the replayed book does not know of us");
}

#[test]
fn a_crossing_add_fills_up_to_its_quantity_and_is_used_up() {
    let mut desk = Desk::new();
    desk.day("a", Buy, 0, 50);
    desk.day("b", Buy, -1, 50);
    assert_eq!(desk.add(1, Sell, 1, 100), [], "above our prices");
    assert_eq!(
        desk.add(2, Sell, -1, 70),
        [(Fill, 0, 50, 0), (PartialFill, -1, 20, 30)],
        "best price first, each at its own"
    );
    assert_eq!(
        desk.ioc("c", Buy, -1, 10),
        [(New, 0, 0, 10), (Canceled, 0, 0, 0)],
        "all of it was used by the fills"
    );
    assert_eq!(
        desk.replace_shown(2, 3, -1, 90),
        [(PartialFill, -1, 20, 10)],
        "only what is new in the replacement"
    );
}

#[test]
fn a_replaced_order_can_cross() {
    let mut desk = Desk::new();
    desk.add(1, Sell, 5, 40);
    desk.day("a", Buy, 0, 100);
    assert_eq!(desk.replace_shown(1, 2, 0, 40), [(PartialFill, 0, 40, 60)], "a lock is enough");
}

#[test]
fn one_events_quantity_is_shared_once_by_price_and_then_time() {
    let mut desk = Desk::new();
    desk.day("a", Sell, 2, 30);
    desk.day("b", Sell, 1, 30);
    desk.day("c", Sell, 1, 30);
    desk.add(1, Sell, 3, 500);
    assert_eq!(
        desk.shown(OrderExecute, 1, 70),
        [(Fill, 1, 30, 0), (Fill, 1, 30, 0), (PartialFill, 2, 10, 20)]
    );
    assert_eq!(desk.reports[0].cl_ord_id, id("b"));
    assert_eq!(desk.reports[1].cl_ord_id, id("c"));
    assert_eq!(desk.reports[2].cum_value, i128::from(price(2)) * 10);
}

#[test]
fn hidden_prints_fill_only_through_the_price() {
    let mut desk = Desk::new();
    desk.day("a", Buy, 0, 50);
    desk.day("b", Sell, 4, 50);
    assert_eq!(desk.print(0, 100, flags::HIDDEN), [], "at our price somebody hidden may have been before us");
    assert_eq!(desk.print(4, 100, flags::HIDDEN), []);
    assert_eq!(desk.print(-1, 20, flags::HIDDEN), [(PartialFill, 0, 20, 30)]);
    assert_eq!(desk.print(5, 20, flags::HIDDEN), [(PartialFill, 4, 20, 30)]);
    assert_eq!(desk.print(-1, 100, flags::CROSS), [], "an auction is not for us");
    desk.day("c", Sell, -3, 50);
    assert_eq!(
        desk.print(-2, 60, flags::HIDDEN),
        [(Fill, 0, 30, 0), (PartialFill, -3, 30, 20)],
        "one quantity for both sides, buys first"
    );
}

#[test]
fn executions_in_a_cross_shorten_the_queue_and_fill_nobody() {
    let mut desk = Desk::new();
    desk.add(1, Buy, 0, 50);
    desk.day("a", Buy, 0, 50);
    desk.add(2, Buy, 0, 50);
    for (order, ahead) in [(1, 30), (2, 30)] {
        let event = desk.event(OrderExecute, order, 20);
        assert_eq!(desk.send(MarketEvent { flags: event.flags | flags::NON_PRINTABLE, ..event }), []);
        assert_eq!(desk.venue.queue_ahead(1), Some(ahead));
    }
}

#[test]
fn taking_walks_the_levels_and_remembers_what_it_used() {
    let mut desk = Desk::new();
    desk.add(1, Sell, 1, 30);
    desk.add(2, Sell, 1, 30);
    desk.add(3, Sell, 2, 50);
    desk.add(4, Sell, 3, 50);
    assert_eq!(
        desk.ioc("a", Buy, 2, 70),
        [(New, 0, 0, 70), (PartialFill, 1, 60, 10), (Fill, 2, 10, 0)],
        "one fill a level, at its price"
    );
    assert_eq!(desk.reports[2].cum_value, i128::from(price(1)) * 60 + i128::from(price(2)) * 10);
    assert_eq!(
        desk.ioc("b", Buy, 2, 70),
        [(New, 0, 0, 70), (PartialFill, 2, 40, 30), (Canceled, 0, 0, 0)],
        "used stays used; the remainder of an IOC order goes"
    );
    desk.shown(OrderDelete, 2, 0);
    desk.add(5, Sell, 1, 25);
    assert_eq!(desk.ioc("c", Buy, 1, 70)[1], (PartialFill, 1, 25, 45), "a new order is not used");
}

#[test]
fn a_partly_used_order_offers_the_rest_and_is_capped_at_what_is_left() {
    let mut desk = Desk::new();
    desk.add(1, Sell, 1, 100);
    desk.ioc("a", Buy, 1, 60);
    desk.shown(OrderExecute, 1, 30);
    assert_eq!(desk.ioc("b", Buy, 1, 100)[1], (PartialFill, 1, 10, 90), "70 left, 60 used");
    desk.replace_shown(1, 2, 1, 200);
    assert_eq!(desk.ioc("c", Buy, 1, 500)[1], (PartialFill, 1, 130, 370), "the used 70 went along");
}

#[test]
fn the_remainder_of_a_day_order_rests_behind_the_displayed() {
    let mut desk = Desk::new();
    desk.add(1, Sell, 1, 30);
    desk.add(2, Buy, 0, 40);
    assert_eq!(desk.day("a", Buy, 1, 100), [(New, 0, 0, 100), (PartialFill, 1, 30, 70)]);
    assert_eq!(desk.venue.queue_ahead(1), Some(0), "nobody displayed bids there");
    assert_eq!(desk.shown(OrderExecute, 2, 40), [(PartialFill, 1, 40, 30)], "a worse bid traded");
}

#[test]
fn client_orders_do_not_see_each_other() {
    let mut desk = Desk::new();
    assert_eq!(desk.day("a", Buy, 1, 50), [(New, 0, 0, 50)]);
    assert_eq!(desk.day("b", Sell, 0, 50), [(New, 0, 0, 50)], "both rest, crossed");
    assert_eq!(desk.ioc("c", Sell, 1, 50), [(New, 0, 0, 50), (Canceled, 0, 0, 0)]);
    assert_eq!(desk.venue.live_orders(), 2);
}

#[test]
fn a_replace_keeps_the_place_only_for_a_smaller_or_equal_total() {
    let mut desk = Desk::new();
    desk.add(1, Buy, 0, 100);
    desk.day("a", Buy, 0, 50);
    desk.add(2, Buy, 0, 100);
    assert_eq!(desk.replace("b", "a", Buy, 0, 40), [(Replaced, 0, 0, 40)]);
    assert_eq!(desk.venue.queue_ahead(1), Some(100), "smaller: place kept");
    let report = desk.reports[0];
    assert_eq!((report.cl_ord_id, report.orig_cl_ord_id, report.order_qty), (id("b"), id("a"), 40));
    desk.replace("c", "b", Buy, 0, 40);
    assert_eq!(desk.venue.queue_ahead(1), Some(100), "unchanged: place kept");
    desk.replace("d", "c", Buy, 0, 41);
    assert_eq!(desk.venue.queue_ahead(1), Some(200), "larger: behind all");
    desk.replace("e", "d", Buy, -1, 41);
    assert_eq!(desk.venue.queue_ahead(1), Some(0), "another price");
    desk.replace("f", "e", Buy, 0, 10);
    assert_eq!(desk.venue.queue_ahead(1), Some(200), "back again: behind all, smaller or not");
}

#[test]
fn a_replace_can_take() {
    let mut desk = Desk::new();
    desk.add(1, Sell, 3, 20);
    desk.day("a", Buy, 0, 50);
    assert_eq!(desk.replace("b", "a", Buy, 3, 50), [(Replaced, 0, 0, 50), (PartialFill, 3, 20, 30)]);
}

#[test]
fn a_total_at_or_below_the_filled_cancels() {
    let mut desk = Desk::new();
    desk.add(1, Sell, 0, 20);
    desk.day("a", Buy, 0, 50);
    assert_eq!(desk.replace("b", "a", Buy, 0, 20), [(Canceled, 0, 0, 0)]);
    let report = desk.reports[0];
    assert_eq!((report.cum_qty, report.order_qty, report.status), (20, 50, OrderStatus::Canceled));
    assert_eq!((report.response_to, report.cl_ord_id), (Some(OrderAction::Replace), id("b")));
    desk.cancel("c", "b", Buy);
    assert_eq!(desk.reason(), RejectReason::TooLate, "the new id names the done order");
}

#[test]
fn cancel_races_and_unknown_orders() {
    let mut desk = Desk::new();
    desk.add(1, Buy, -1, 100);
    desk.day("a", Buy, 0, 50);
    desk.shown(OrderExecute, 1, 60);
    assert_eq!(desk.cancel("b", "a", Buy), [(CancelRejected, 0, 0, 0)]);
    assert_eq!(desk.reason(), RejectReason::TooLate);
    let report = desk.reports[0];
    assert_eq!((report.order_id, report.status, report.exec_id), (1, OrderStatus::Filled, 0));
    desk.replace("c", "a", Buy, 0, 60);
    assert_eq!(desk.reason(), RejectReason::TooLate);
    assert_eq!(desk.reports[0].response_to, Some(OrderAction::Replace));
    desk.cancel("d", "never", Buy);
    assert_eq!(desk.reason(), RejectReason::UnknownOrder);
    desk.cancel("e", "d", Buy);
    assert_eq!(desk.reason(), RejectReason::UnknownOrder, "a cancel's own id names no order");
    desk.day("f", Buy, 0, 10);
    desk.replace("g", "f", Buy, 0, 5);
    desk.cancel("h", "f", Buy);
    assert_eq!(desk.reason(), RejectReason::TooLate, "it goes by another name now");
    assert_eq!(desk.reports[0].status, OrderStatus::New, "and lives");
    let other = OrderRequest { kind: OrderAction::Cancel, orig_cl_ord_id: id("g"), ..new("i", Buy, 0, 0) };
    desk.request(OrderRequest { session: 8, ..other });
    assert_eq!(desk.reason(), RejectReason::UnknownOrder, "ids are per session");
    desk.cancel("j", "g", Sell);
    assert_eq!(desk.reason(), RejectReason::Other, "the wrong side");
    desk.request(OrderRequest { instrument: 1, cl_ord_id: id("k"), ..other });
    assert_eq!(desk.reason(), RejectReason::Other, "the wrong instrument");
    assert_eq!(desk.cancel("l", "g", Buy), [(Canceled, 0, 0, 0)]);
    assert_eq!(desk.reports[0].orig_cl_ord_id, id("g"));
}

#[test]
fn refused_new_orders() {
    let mut desk = Desk::new();
    let good = new("", Buy, 0, 10);
    let max = config().quantity_max;
    for (name, request, reason) in [
        ("", good, RejectReason::Other),
        ("a", OrderRequest { instrument: 2, ..good }, RejectReason::UnknownSymbol),
        ("b", OrderRequest { instrument: u32::MAX, ..good }, RejectReason::UnknownSymbol),
        ("c", OrderRequest { side: Side::None, ..good }, RejectReason::Other),
        ("d", OrderRequest { quantity: 0, ..good }, RejectReason::Quantity),
        ("e", OrderRequest { quantity: max + 1, ..good }, RejectReason::Quantity),
        ("f", OrderRequest { price: 0, ..good }, RejectReason::Price),
        ("g", OrderRequest { price: -CENT, ..good }, RejectReason::Price),
        ("h", OrderRequest { price: PRICE_NONE, ..good }, RejectReason::Price),
        ("i", OrderRequest { price: price(0) + 1, ..good }, RejectReason::Price),
        ("i", good, RejectReason::DuplicateClOrdId),
    ] {
        assert_eq!(desk.request(OrderRequest { cl_ord_id: id(name), ..request }), [(Rejected, 0, 0, 0)]);
        assert_eq!(desk.reason(), reason, "{name}");
        assert_eq!((desk.reports[0].order_id, desk.reports[0].status), (0, OrderStatus::Rejected));
    }
    assert!(desk.venue.set_price_tick(0, CENT / 100) && !desk.venue.set_price_tick(2, CENT));
    let fine = OrderRequest { cl_ord_id: id("j"), price: price(0) + CENT / 100, ..good };
    assert_eq!(desk.request(fine), [(New, 0, 0, 10)], "a finer tick for this instrument");
}

#[test]
fn a_refused_replace_leaves_the_order_as_it_is() {
    let mut desk = Desk::new();
    desk.add(1, Buy, 0, 100);
    desk.day("a", Buy, 0, 50);
    for (name, cents, quantity, reason) in [
        ("a", 0, 40, RejectReason::DuplicateClOrdId),
        ("b", 0, 0, RejectReason::Quantity),
        ("c", 0, u64::MAX, RejectReason::Quantity),
        ("d", -MIDDLE, 40, RejectReason::Price),
    ] {
        assert_eq!(desk.replace(name, "a", Buy, cents, quantity), [(CancelRejected, 0, 0, 0)]);
        assert_eq!(desk.reason(), reason);
        assert_eq!((desk.reports[0].order_id, desk.reports[0].status), (1, OrderStatus::New));
    }
    assert_eq!(desk.venue.queue_ahead(1), Some(100));
    assert_eq!(desk.cancel("e", "a", Buy), [(Canceled, 0, 0, 0)]);
}

#[test]
fn full_tables_refuse_new_orders_and_never_a_cancel() {
    let mut desk = Desk::new();
    for number in 0..8 {
        assert_eq!(desk.day(&format!("o{number}"), Buy, -5, 1)[0].0, New);
    }
    desk.day("one more", Buy, -5, 1);
    assert_eq!(desk.reason(), RejectReason::Other, "8 live orders are all that fit");
    desk.cancel("x", "o0", Buy);
    assert_eq!(desk.day("again", Buy, -5, 1)[0].0, New, "a slot is free again");
    for number in 0..200 {
        desk.cancel(&format!("c{number}"), "never", Buy);
    }
    desk.day("no name left", Buy, -5, 1);
    assert_eq!(desk.reason(), RejectReason::Other);
    desk.replace("nor here", "o1", Buy, -5, 1);
    assert_eq!(desk.reason(), RejectReason::Other);
    assert_eq!(desk.cancel("but this", "o1", Buy), [(Canceled, 0, 0, 0)]);
}

#[test]
fn nothing_matches_in_a_halt_and_orders_stay() {
    let mut desk = Desk::new();
    desk.add(1, Buy, -1, 100);
    desk.day("a", Buy, 0, 50);
    desk.day("b", Buy, -1, 50);
    desk.status(0, TradingStatus::Halted);
    assert_eq!(desk.add(2, Sell, 0, 10), [], "crossing");
    assert_eq!(desk.shown(OrderExecute, 1, 10), [], "worse");
    assert_eq!(desk.print(-5, 10, flags::HIDDEN), [], "through");
    assert_eq!(desk.venue.queue_ahead(2), Some(90), "queues move on");
    desk.day("c", Buy, 0, 50);
    assert_eq!(desk.reason(), RejectReason::Closed);
    desk.replace("d", "a", Buy, 0, 40);
    assert_eq!(desk.reason(), RejectReason::Closed);
    assert_eq!(desk.cancel("e", "a", Buy), [(Canceled, 0, 0, 0)]);
    assert_eq!(desk.status(0, TradingStatus::Trading), [], "what crossed meanwhile is not made up for");
    assert_eq!(desk.add(3, Sell, -1, 10), [(PartialFill, -1, 10, 40)]);
    desk.status(INSTRUMENT_ALL, TradingStatus::PreOpen);
    desk.day("f", Buy, 0, 50);
    assert_eq!(desk.reason(), RejectReason::Closed, "the venue's status counts too");
}

#[test]
fn the_close_cancels_all_oldest_first() {
    let mut desk = Desk::new();
    desk.day("a", Buy, 0, 50);
    desk.request(OrderRequest { instrument: 1, ..new("b", Sell, 5, 50) });
    desk.day("c", Buy, 1, 50);
    assert_eq!(desk.status(0, TradingStatus::Closed), [(Canceled, 0, 0, 0); 2]);
    assert_eq!((desk.reports[0].cl_ord_id, desk.reports[1].cl_ord_id), (id("a"), id("c")));
    assert_eq!(desk.reports[0].response_to, None);
    assert_eq!(desk.status(INSTRUMENT_ALL, TradingStatus::Closed), [(Canceled, 0, 0, 0)]);
    assert_eq!(desk.venue.live_orders(), 0);
    desk.cancel("d", "a", Buy);
    assert_eq!(desk.reason(), RejectReason::TooLate);
}

#[test]
fn a_disconnect_cancels_the_sessions_orders_only() {
    let mut desk = Desk::new();
    desk.day("a", Buy, 0, 50);
    desk.request(OrderRequest { session: 8, ..new("a", Buy, 0, 50) });
    desk.day("b", Sell, 5, 50);
    desk.reports.clear();
    desk.venue.on_disconnect(7, 99, &mut desk.reports);
    assert_eq!(desk.seen(), [(Canceled, 0, 0, 0); 2]);
    assert_eq!((desk.reports[0].order_id, desk.reports[1].order_id, desk.reports[0].time_ns), (1, 3, 99));
    assert_eq!(desk.venue.live_orders(), 1);
    desk.day("a", Buy, 0, 50);
    assert_eq!(desk.reason(), RejectReason::DuplicateClOrdId, "ids stay used for the day");
}

#[test]
fn clear_gap_and_snapshot_put_the_displayed_ahead() {
    let mut desk = Desk::new();
    desk.add(1, Buy, 0, 100);
    desk.day("a", Buy, 0, 50);
    desk.add(2, Buy, 0, 30);
    let gap = desk.event(EventKind::Gap, 0, 5);
    desk.send(MarketEvent { instrument: INSTRUMENT_ALL, ..gap });
    assert_eq!(desk.venue.queue_ahead(1), Some(130), "all displayed may be ahead");
    assert_eq!(desk.shown(OrderExecute, 2, 10), []);
    let clear = desk.event(EventKind::Clear, 0, 0);
    desk.send(clear);
    assert_eq!(desk.venue.queue_ahead(1), Some(0));
    let snapshot = desk.event(EventKind::OrderAdd, 2, 20);
    let snapshot =
        MarketEvent { side: Buy, price: price(0), flags: flags::LAST_OF_EVENT | flags::SNAPSHOT, ..snapshot };
    desk.send(snapshot);
    assert_eq!(desk.venue.queue_ahead(1), Some(20), "an order of the snapshot was there before");
    assert_eq!(desk.send(MarketEvent { order_id: 9, side: Sell, ..snapshot }), [], "and crosses nobody");
    assert_eq!(desk.shown(OrderExecute, 2, 20), []);
    desk.add(3, Buy, 0, 20);
    assert_eq!(desk.shown(OrderExecute, 3, 20), [(PartialFill, 0, 20, 30)], "later ones are behind");
}

#[test]
fn a_clear_forgets_what_was_used() {
    let mut desk = Desk::new();
    desk.add(1, Sell, 0, 50);
    desk.ioc("a", Buy, 0, 50);
    let clear = desk.event(EventKind::Clear, 0, 0);
    desk.send(clear);
    desk.add(1, Sell, 0, 50);
    assert_eq!(desk.ioc("b", Buy, 0, 50)[1], (Fill, 0, 50, 0));
}

#[test]
fn a_take_stops_at_its_bounds_and_cancels_the_rest() {
    let mut desk = Desk::with(VenueConfig { used_orders_max: 2, ..config() });
    for order in 1..=3 {
        desk.add(order, Sell, 1, 10);
    }
    assert_eq!(
        desk.day("a", Buy, 1, 30),
        [(New, 0, 0, 30), (PartialFill, 1, 20, 10), (Canceled, 0, 0, 0)],
        "two used orders are all that can be remembered"
    );
    desk.day("b", Buy, 0, 30);
    assert_eq!(desk.add(4, Sell, 0, 10), [], "nor can an entering order's use be");
    desk.shown(OrderDelete, 1, 0);
    assert_eq!(desk.add(5, Sell, 0, 10), [(PartialFill, 0, 10, 20)]);

    let mut desk = Desk::new();
    for order in 1..=70 {
        desk.add(order, Sell, order as i64, 1);
    }
    let seen = desk.day("a", Buy, 70, 70);
    assert_eq!((seen.len(), seen[64], seen[65]), (66, (PartialFill, 64, 1, 6), (Canceled, 0, 0, 0)));
    assert_eq!(seen.len(), TAKE_LEVELS_MAX + 2);
}

#[test]
fn what_does_not_fit_the_book_is_counted_and_other_venues_are_ignored() {
    let mut desk = Desk::new();
    desk.add(1, Buy, 0, 10);
    desk.day("a", Buy, 1, 50);
    assert_eq!(desk.shown(OrderExecute, 1, 11), [], "more than it had");
    assert_eq!(desk.shown(OrderExecute, 99, 1), [], "unknown");
    assert_eq!(desk.venue.book_errors(), 2);
    let event = desk.event(OrderExecute, 1, 10);
    assert_eq!(desk.send(MarketEvent { venue: 1, ..event }), []);
    let stray = desk.event(EventKind::Trade, 0, 10);
    assert_eq!(desk.send(MarketEvent { price: 0, ..stray }), [], "a print without a price");
    assert_eq!(desk.send(MarketEvent { price: price(0), instrument: u32::MAX - 1, ..stray }), []);
    assert_eq!(desk.venue.book_errors(), 2);
    assert_eq!(desk.send(event), [(PartialFill, 1, 10, 40)]);
}

#[test]
fn configurations_that_cannot_be() {
    for (broken, words) in [
        (VenueConfig { orders_max: 0, ..config() }, "orders_max = 0"),
        (VenueConfig { cl_ord_ids_max: CAPACITY_LIMIT + 1, ..config() }, "cl_ord_ids_max"),
        (VenueConfig { price_tick: 0, ..config() }, "price_tick"),
        (VenueConfig { quantity_max: 0, ..config() }, "quantity_max"),
        (VenueConfig { books: BookConfig { orders_max: 0, ..config().books }, ..config() }, "venue books"),
    ] {
        let error = VenueCore::new(broken).err().expect("refused");
        assert!(error.to_string().contains(words), "{error}");
    }
}
