//! Tests of parent orders through the real decision core.

use super::*;
use crate::order::{ExecutionKind, Order, RejectReason, TimeInForce};
use crate::strategy::test_desk::{Desk, INSTRUMENT, MS, TICK};
use feeds::event::TradingStatus;

/// Buy 500 up to 100.05 from 10 s of core time on, for an hour.
fn terms() -> ParentTerms {
    let order = ParentOrder { side: Side::Buy, quantity: 500, limit: 10_005 * TICK, lot: 1 };
    let (begin_ns, end_ns) = (10_000 * MS, 3_610_000 * MS);
    ParentTerms { instrument: INSTRUMENT, order, begin_ns, end_ns, cool_down_ns: MS }
}

fn venues() -> [RoutedVenue; 2] {
    [(0, 3_000_000), (1, 500_000)].map(|(venue, taker_fee)| RoutedVenue {
        venue,
        price_tick: TICK,
        taker_fee,
        qty_min: 0,
        qty_max: 400,
    })
}

fn desk(terms: ParentTerms) -> Desk {
    Desk::new(ParentRouter::new(terms, &venues()).expect("good terms"))
}

/// Offers of 100 at 100.02 and 300 at 100.04 at venue 0, 200 at 100.02 at venue 1; bids below. Nothing is sent before the
/// parent's time has come.
fn shown(desk: &mut Desk) {
    for (venue, ticks, quantity) in [(0, 10_002, 100), (0, 10_004, 300), (1, 10_002, 200)] {
        assert!(desk.add(venue, Side::Sell, ticks, quantity).is_empty());
    }
    for venue in [0, 1] {
        assert!(desk.add(venue, Side::Buy, 10_000, 500).is_empty());
    }
}

fn terms_of(order: &Order) -> (u8, Side, i64, u64, TimeInForce) {
    (order.venue, order.side, order.price / TICK, order.quantity, order.time_in_force)
}

const IOC: TimeInForce = TimeInForce::ImmediateOrCancel;

/// A desk whose parent begins a millisecond from now, and its first children.
fn begun() -> (Desk, Vec<Order>) {
    let mut desk = desk(ParentTerms { begin_ns: 10_001 * MS, ..terms() });
    shown(&mut desk);
    desk.wait(MS);
    let children = desk.timer();
    (desk, children)
}

#[test]
fn children_go_where_price_and_fee_are_lowest() {
    let (mut desk, children) = begun();
    assert_eq!(
        children.iter().map(terms_of).collect::<Vec<_>>(),
        [(0, Side::Buy, 10_004, 300, IOC), (1, Side::Buy, 10_002, 200, IOC)]
    );
    let words = desk.words().join("\n");
    assert!(words.contains("buy 500 up to 100.05; 0 filled, 500 left"), "{words}");
    assert!(words.contains("buy 300 at venue 0 up to 100.04, fee 0.003"), "{words}");
    desk.wait(10 * MS);
    assert!(desk.timer().is_empty(), "children are in flight");
    assert!(desk.fill(&children[0], 300).is_empty() && desk.fill(&children[1], 200).is_empty());
    assert_eq!(desk.position(), 500);
    desk.wait(10 * MS);
    assert!(desk.timer().is_empty(), "it is done");
}

#[test]
fn what_did_not_fill_goes_elsewhere() {
    let (mut desk, children) = begun();
    desk.wait(10 * MS);
    assert!(desk.fill(&children[0], 300).is_empty());
    assert!(desk.fill(&children[1], 50).is_empty());
    let next = desk.answer(&children[1], ExecutionKind::Canceled, RejectReason::None);
    assert_eq!(
        next.iter().map(terms_of).collect::<Vec<_>>(),
        [(0, Side::Buy, 10_004, 150, IOC)],
        "not to venue 1"
    );
    assert!(
        desk.answer(&next[0], ExecutionKind::Canceled, RejectReason::None).is_empty(),
        "neither has more"
    );
    desk.wait(10 * MS);
    let next = desk.add(1, Side::Sell, 10_002, 70);
    assert_eq!(
        next.iter().map(terms_of).collect::<Vec<_>>(),
        [(1, Side::Buy, 10_002, 150, IOC)],
        "it changed"
    );
}

#[test]
fn a_fill_that_was_lost_on_the_way_is_not_traded_again() {
    let (mut desk, children) = begun();
    desk.wait(10 * MS);
    assert!(desk.fill(&children[1], 200).is_empty());
    let next = desk.end(&children[0], 290);
    assert_eq!(desk.position(), 490);
    assert_eq!(next.iter().map(terms_of).collect::<Vec<_>>(), [(1, Side::Buy, 10_002, 10, IOC)]);
}

#[test]
fn a_resumed_run_goes_on_with_what_is_left() {
    let (mut desk, children) = begun();
    desk.wait(10 * MS);
    assert!(desk.fill(&children[1], 200).is_empty());
    assert!(desk.fill(&children[0], 50).is_empty());
    let router = || ParentRouter::new(ParentTerms { begin_ns: 10_001 * MS, ..terms() }, &venues());
    let mut resumed = desk.resumed(router().expect("good terms"));
    shown(&mut resumed);
    resumed.wait(10 * MS);
    assert!(resumed.timer().is_empty(), "a child of the former run is open");
    let next = resumed.end(&children[0], 120);
    assert_eq!(resumed.position(), 320);
    assert_eq!(next.iter().map(|order| order.quantity).sum::<u64>(), 180, "{next:?}");
}

#[test]
fn a_venue_that_is_halted_or_crossed_gets_nothing() {
    let mut desk = desk(ParentTerms { begin_ns: 10_001 * MS, ..terms() });
    shown(&mut desk);
    assert!(desk.status(1, TradingStatus::Halted).is_empty());
    desk.wait(MS);
    let children = desk.timer();
    assert_eq!(children.iter().map(terms_of).collect::<Vec<_>>(), [(0, Side::Buy, 10_004, 400, IOC)]);
    let mut desk = self::desk(ParentTerms { begin_ns: 10_001 * MS, ..terms() });
    shown(&mut desk);
    assert!(desk.add(0, Side::Buy, 10_002, 10).is_empty(), "a locked book inside one venue is in doubt");
    desk.wait(MS);
    let children = desk.timer();
    assert_eq!(children.iter().map(terms_of).collect::<Vec<_>>(), [(1, Side::Buy, 10_002, 200, IOC)]);
}

#[test]
fn it_is_worked_within_its_time_only() {
    let mut desk = desk(ParentTerms { begin_ns: 10_001 * MS, end_ns: 10_002 * MS, ..terms() });
    shown(&mut desk);
    assert!(desk.timer().is_empty(), "too early");
    desk.wait(2 * MS);
    assert!(desk.timer().is_empty(), "too late");
}

#[test]
fn a_saved_state_goes_on_as_it_was() {
    let mut router = ParentRouter::new(terms(), &venues()).expect("good terms");
    (router.filled, router.ready_ns, router.venues[1].spent) = (120, 77, Some((10_002 * TICK, 200)));
    let saved = router.save().expect("it can be saved");
    let mut other = ParentRouter::new(terms(), &venues()).expect("good terms");
    assert!(other.restore(&saved) && !other.restore(&saved[..4]));
    assert_eq!(other.save(), Some(saved));
    assert_eq!(other.filled(), 120);
}

#[test]
fn impossible_terms_are_refused() {
    let refused = |terms: ParentTerms, venues: &[RoutedVenue]| ParentRouter::new(terms, venues).err();
    let with = |order: ParentOrder| ParentTerms { order, ..terms() };
    let order = terms().order;
    let [a, b] = venues();
    assert_eq!(refused(terms(), &[]), Some(ParentRouterError::Venues));
    assert_eq!(refused(terms(), &[a, a]), Some(ParentRouterError::Venues));
    assert_eq!(
        refused(terms(), &[a, RoutedVenue { price_tick: 0, ..b }]),
        Some(ParentRouterError::PriceTick)
    );
    assert_eq!(refused(with(ParentOrder { side: Side::None, ..order }), &[a]), Some(ParentRouterError::Side));
    for (quantity, lot) in [(0, 1), (500, 0), (500, 3), (PARENT_QUANTITY_MAX + 1, 1)] {
        let order = ParentOrder { quantity, lot, ..order };
        assert_eq!(refused(with(order), &[a]), Some(ParentRouterError::Quantity));
    }
    assert_eq!(refused(with(ParentOrder { limit: 0, ..order }), &[a]), Some(ParentRouterError::Limit));
    let ended = ParentTerms { end_ns: terms().begin_ns, ..terms() };
    assert_eq!(refused(ended, &[a]), Some(ParentRouterError::Times));
}
