//! Tests of the relation taker through the real decision core, with the CPU's answers.

use super::*;
use crate::order::{ExecutionKind, Order, RejectReason, TimeInForce};
use crate::strategy::test_desk::{Desk, INSTRUMENT, MS, TICK};
use feeds::event::TradingStatus;
use kernels::abi::Leg;
use kernels::cpu::book::Bbo;
use kernels::cpu::wide::{RelationSpec, WideSpec, WideTables};
use std::sync::Arc;

const IOC: TimeInForce = TimeInForce::ImmediateOrCancel;

/// Whole shares at 0.003 a share.
const TERMS: ListingTerms =
    ListingTerms { unit_e9: 1_000_000_000, lot: 1, fee_ppb: 0, fee_unit_e9: 3_000_000 };

/// Both directions between two venues: up to 100,000 of money, from 0.10 of profit on.
fn tables() -> Arc<WideTables> {
    tables_of(&[(0, 1), (1, 0)])
}

/// Pairs that are bought at one venue and sold at the other.
fn tables_of(pairs: &[(u32, u32)]) -> Arc<WideTables> {
    let relation = |bought, sold| RelationSpec {
        legs: vec![Leg::buy(bought), Leg::sell(sold)],
        amount_max: 100_000_000_000_000,
        profit_min: 100_000_000,
    };
    let relations = pairs.iter().map(|&(bought, sold)| relation(bought, sold)).collect();
    let spec = WideSpec { listings: vec![TERMS; 2], relations, ..WideSpec::default() };
    Arc::new(WideTables::compile(&spec).expect("good numbers"))
}

fn desk_of(tables: &Arc<WideTables>, config: RelationTakerConfig) -> Desk {
    let listings = [0, 1].map(|venue| TakenListing {
        at: WideListing { venue, instrument: INSTRUMENT },
        price_tick: TICK,
        terms: TERMS,
    });
    Desk::new(RelationTaker::new(&listings, tables, config)).with_wide(tables)
}

/// 100.00 to 100.02 at venue 0 and 100.00 to 100.10 at venue 1.
fn calm(config: RelationTakerConfig) -> Desk {
    calm_with(&tables(), config)
}

fn calm_with(tables: &Arc<WideTables>, config: RelationTakerConfig) -> Desk {
    let mut desk = desk_of(tables, config);
    for (venue, offer) in [(0, 10_002), (1, 10_010)] {
        assert!(desk.add(venue, Side::Buy, 10_000, 500).is_empty());
        assert!(desk.add(venue, Side::Sell, offer, 500).is_empty());
    }
    assert!(desk.answer_wide().is_empty());
    desk
}

/// Venue 1 bids 100.03 for 200 against the offer of 100.02 at venue 0; both legs sent by the answer.
fn crossed(config: RelationTakerConfig) -> (Desk, Order, Order) {
    let mut desk = calm(config);
    assert!(desk.add(1, Side::Buy, 10_003, 200).is_empty(), "nothing before the answer");
    let legs = desk.answer_wide();
    let [buy, sell] = legs[..] else { panic!("two legs, not {legs:?}") };
    (desk, buy, sell)
}

fn terms(order: &Order) -> (u8, Side, i64, u64, TimeInForce) {
    (order.venue, order.side, order.price / TICK, order.quantity, order.time_in_force)
}

fn cancel_rest(desk: &mut Desk, order: &Order) -> Vec<Order> {
    desk.answer(order, ExecutionKind::Canceled, RejectReason::None)
}

#[test]
fn what_an_answer_finds_is_taken_on_all_legs() {
    let (mut desk, buy, sell) = crossed(RelationTakerConfig::default());
    assert_eq!(terms(&buy), (0, Side::Buy, 10_002, 200, IOC));
    assert_eq!(terms(&sell), (1, Side::Sell, 10_003, 200, IOC));
    assert_eq!(desk.counters().pairs, 1);
    let words = desk.words().join("\n");
    for said in [
        "relation 0 of the wide work",
        "takes at most 100000 and is worth it from 0.1",
        "buy 200 of instrument 0 at venue 0 (wide listing 0), where 500 are shown @ 100.02",
        "200 x 100.023 = 20004.6 go in, 200 x 1 = 200 come out",
        "sell 200 of instrument 0 at venue 1 (wide listing 1), where 200 are shown @ 100.03",
        "200 x 1 = 200 go in, 200 x 100.027 = 20005.4 come out",
        "20005.4 - 20004.6 = 0.8 of profit",
    ] {
        assert!(words.contains(said), "{said:?} is not in\n{words}");
    }
    assert!(desk.fill(&buy, 200).is_empty());
    assert!(desk.fill(&sell, 200).is_empty());
    assert_eq!(desk.position(), 0);
}

#[test]
fn the_books_of_the_moment_decide_not_the_answer() {
    let mut desk = calm(RelationTakerConfig::default());
    desk.add(1, Side::Buy, 10_003, 200);
    desk.add(1, Side::Buy, 10_003, 50);
    desk.add(0, Side::Sell, 10_001, 30);
    // The first answer is of 200 shares; by now 30 are offered more cheaply.
    let legs = desk.answer_wide();
    let sizes: Vec<_> = legs.iter().map(terms).collect();
    assert_eq!(sizes, [(0, Side::Buy, 10_001, 30, IOC), (1, Side::Sell, 10_003, 30, IOC)]);

    let mut desk = calm(RelationTakerConfig::default());
    desk.add(1, Side::Buy, 10_003, 200);
    desk.status(1, TradingStatus::Halted);
    assert!(desk.answer_wide().is_empty(), "a halted venue is no leg");
    desk.status(1, TradingStatus::Trading);
    assert_eq!(desk.answer_wide().len(), 2, "it trades again: another answer");
}

#[test]
fn a_profit_below_the_least_is_left_alone() {
    let mut desk = calm(RelationTakerConfig::default());
    // 0.004 a share: 24 shares earn 0.096.
    desk.add(1, Side::Buy, 10_003, 24);
    assert!(desk.answer_wide().is_empty());
    desk.add(1, Side::Buy, 10_003, 1);
    assert_eq!(desk.answer_wide().len(), 2, "25 shares earn 0.1");
}

#[test]
fn one_attempt_is_in_flight_and_then_it_waits() {
    let (mut desk, buy, sell) = crossed(RelationTakerConfig::default());
    desk.wait(10 * MS);
    desk.add(1, Side::Buy, 10_004, 100);
    assert!(desk.answer_wide().is_empty(), "the legs are unanswered");
    desk.fill(&buy, 200);
    assert!(desk.fill(&sell, 200).is_empty());
    desk.wait(MS - 1);
    assert!(desk.timer().is_empty(), "it waits");
    desk.wait(1);
    assert_eq!(desk.timer().len(), 2, "what stood meanwhile is tried");
    desk.wait(100 * MS);
    assert!(desk.timer().is_empty());
}

#[test]
fn what_was_tried_and_did_not_change_is_not_tried_again() {
    let (mut desk, buy, sell) = crossed(RelationTakerConfig::default());
    cancel_rest(&mut desk, &buy);
    cancel_rest(&mut desk, &sell);
    desk.wait(100 * MS);
    assert!(desk.timer().is_empty());
    desk.add(0, Side::Sell, 10_002, 30);
    assert!(desk.answer_wide().is_empty(), "more is offered, and nothing of the 200 that are bid is there");
    desk.add(1, Side::Buy, 10_003, 50);
    let sizes: Vec<_> = desk.answer_wide().iter().map(|order| order.quantity).collect();
    assert_eq!(sizes, [30, 30], "now there is something of both");
}

#[test]
fn a_quote_that_two_relations_share_is_taken_once() {
    let mut desk = calm_with(&tables_of(&[(0, 1), (0, 1)]), RelationTakerConfig::default());
    desk.add(1, Side::Buy, 10_003, 200);
    let legs = desk.answer_wide();
    let [buy, sell] = legs[..] else { panic!("two legs, not {legs:?}") };
    desk.fill(&buy, 200);
    assert!(desk.fill(&sell, 200).is_empty());
    desk.wait(MS);
    assert!(desk.timer().is_empty(), "the second relation sells to the same bid");
    desk.add(1, Side::Buy, 10_003, 50);
    let sizes: Vec<_> = desk.answer_wide().iter().map(|order| order.quantity).collect();
    assert_eq!(sizes, [50, 50], "somebody else bids beside it");
}

#[test]
fn an_owner_who_replaces_a_taken_order_does_not_have_it_again() {
    let mut desk = calm(RelationTakerConfig::default());
    let bid = desk.next_order();
    desk.add(1, Side::Buy, 10_003, 200);
    let legs = desk.answer_wide();
    let [buy, sell] = legs[..] else { panic!("two legs, not {legs:?}") };
    desk.fill(&buy, 200);
    desk.fill(&sell, 200);
    desk.wait(MS);
    let moved = desk.next_order();
    desk.replace(1, bid, 10_004, 200);
    assert!(desk.answer_wide().is_empty(), "the market shows what is taken, at another price");
    desk.replace(1, moved, 10_005, 260);
    let sizes: Vec<_> = desk.answer_wide().iter().map(|order| order.quantity).collect();
    assert_eq!(sizes, [60, 60], "60 more than he had");
}

/// When a feed shows what we took.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shows {
    BeforeTheReport,
    BehindTheReport,
    /// A market that does not know us; others trade there after the wait.
    Never,
}

#[test]
fn what_the_feed_shows_of_our_own_trade_is_not_held_against_the_quote_twice() {
    for (shows, left) in [(Shows::BeforeTheReport, 300), (Shows::BehindTheReport, 300), (Shows::Never, 100)] {
        let mut desk = calm(RelationTakerConfig::default());
        let bid = desk.next_order();
        // The second of the four orders that are there already.
        let offer = bid - 3;
        desk.add(1, Side::Buy, 10_003, 200);
        let legs = desk.answer_wide();
        let [buy, sell] = legs[..] else { panic!("two legs, not {legs:?}") };
        if shows == Shows::BeforeTheReport {
            desk.execute(0, offer, 200);
        }
        desk.fill(&buy, 200);
        desk.fill(&sell, 200);
        if shows == Shows::BehindTheReport {
            desk.execute(0, offer, 200);
        }
        desk.execute(1, bid, if shows == Shows::Never { 1 } else { 200 });
        desk.wait(MS);
        if shows == Shows::Never {
            desk.execute(0, offer, 200);
        }
        desk.add(1, Side::Buy, 10_004, 400);
        let sizes: Vec<_> = desk.answer_wide().iter().map(|order| order.quantity).collect();
        assert_eq!(sizes, [left; 2], "{shows:?}");
    }
}

#[test]
fn of_more_orders_than_are_remembered_the_rest_is_gone_until_the_level_changes() {
    let mut desk = calm(RelationTakerConfig::default());
    (0..6).for_each(|_| drop(desk.add(1, Side::Buy, 10_003, 50)));
    let legs = desk.answer_wide();
    let [buy, sell] = legs[..] else { panic!("two legs, not {legs:?}") };
    assert_eq!(buy.quantity, 300);
    desk.fill(&buy, 300);
    desk.fill(&sell, 300);
    desk.wait(MS);
    desk.add(0, Side::Sell, 10_002, 500);
    assert!(desk.answer_wide().is_empty());
    desk.add(1, Side::Buy, 10_003, 7);
    let sizes: Vec<_> = desk.answer_wide().iter().map(|order| order.quantity).collect();
    assert_eq!(sizes, [107, 107], "four of the six are remembered by name");
}

#[test]
fn what_the_venue_refuses_is_still_there() {
    let (mut desk, buy, sell) = crossed(RelationTakerConfig::default());
    for order in [&buy, &sell] {
        desk.answer(order, ExecutionKind::Rejected, RejectReason::Closed);
    }
    desk.wait(MS);
    desk.add(1, Side::Buy, 10_003, 50);
    let sizes: Vec<_> = desk.answer_wide().iter().map(|order| order.quantity).collect();
    assert_eq!(sizes, [250, 250]);
}

#[test]
fn the_most_profitable_relation_goes_first() {
    let relation = |amount_max| RelationSpec {
        legs: vec![Leg::buy(0), Leg::sell(1)],
        amount_max,
        profit_min: 100_000_000,
    };
    let relations = vec![relation(10_000_000_000_000), relation(100_000_000_000_000)];
    let spec = WideSpec { listings: vec![TERMS; 2], relations, ..WideSpec::default() };
    let mut desk = calm_with(
        &Arc::new(WideTables::compile(&spec).expect("good numbers")),
        RelationTakerConfig::default(),
    );
    desk.add(1, Side::Buy, 10_003, 300);
    let sizes: Vec<_> = desk.answer_wide().iter().map(|order| order.quantity).collect();
    assert_eq!(sizes, [300, 300], "the first takes 99 at most");
    assert!(desk.words()[0].contains("relation 1 of"), "{:?}", desk.words());
}

#[test]
fn what_filled_beyond_the_least_filled_leg_is_traded_back() {
    let (mut desk, buy, sell) = crossed(RelationTakerConfig::default());
    desk.fill(&buy, 200);
    desk.fill(&sell, 50);
    let after = cancel_rest(&mut desk, &sell);
    // 150 too many, sold where they were bought: venue 0 bids 100.00, five ticks below it.
    let [exit] = after[..] else { panic!("one order, not {after:?}") };
    assert_eq!(terms(&exit), (0, Side::Sell, 9_995, 150, IOC));
    let words = desk.words().join("\n");
    assert!(words.contains("(wide listing 0): 150 to be sold back"), "{words}");
    // It gives nothing: the 500 that are bid are not there. Nobody is asked again until somebody else bids.
    assert!(cancel_rest(&mut desk, &exit).is_empty());
    desk.wait(MS);
    assert!(desk.timer().is_empty());
    let again = desk.add(0, Side::Buy, 10_000, 100);
    let [exit] = again[..] else { panic!("one order, not {again:?}") };
    assert_eq!(exit.quantity, 150);
    desk.fill(&exit, 100);
    assert!(cancel_rest(&mut desk, &exit).is_empty());
    assert!(desk.add(0, Side::Buy, 10_000, 300).is_empty(), "it waits");
    desk.wait(MS);
    let again = desk.timer();
    let [exit] = again[..] else { panic!("one order, not {again:?}") };
    assert_eq!(exit.quantity, 50);
    assert!(desk.fill(&exit, 50).is_empty());
    assert_eq!(desk.position(), 0);
}

#[test]
fn what_cannot_be_traded_back_yet_does_not_keep_it_from_taking() {
    let (mut desk, buy, sell) = crossed(RelationTakerConfig::default());
    desk.fill(&buy, 200);
    let after = cancel_rest(&mut desk, &sell);
    let [exit] = after[..] else { panic!("one order, not {after:?}") };
    assert!(cancel_rest(&mut desk, &exit).is_empty());
    desk.wait(MS);
    desk.add(1, Side::Buy, 10_004, 70);
    let legs = desk.answer_wide();
    let [buy, sell] = legs[..] else { panic!("two legs, not {legs:?}") };
    desk.fill(&buy, 70);
    assert!(desk.fill(&sell, 70).is_empty());
    assert_eq!(desk.position(), 200);
}

#[test]
fn without_a_rule_what_filled_is_kept() {
    let keep = RelationTakerConfig { flatten: Flatten::None, ..RelationTakerConfig::default() };
    let (mut desk, buy, sell) = crossed(keep);
    desk.fill(&buy, 200);
    assert!(cancel_rest(&mut desk, &sell).is_empty());
    assert_eq!(desk.position(), 200);
    desk.wait(MS);
    desk.add(1, Side::Buy, 10_003, 50);
    assert_eq!(desk.answer_wide().len(), 2);
}

#[test]
fn refused_legs_leave_nothing_behind() {
    let keep = RelationTakerConfig { flatten: Flatten::None, ..RelationTakerConfig::default() };
    let (mut desk, buy, sell) = crossed(keep);
    desk.fill(&buy, 200);
    cancel_rest(&mut desk, &sell);
    desk.wait(MS);
    desk.add(0, Side::Sell, 10_002, 700);
    desk.add(1, Side::Buy, 10_003, 900);
    assert!(desk.answer_wide().is_empty(), "long 200 + 900 is above 1,000");
    assert_eq!(desk.counters().risk_rejects, 2);
    desk.wait(MS);
    desk.add(0, Side::Sell, 10_001, 10);
    assert_eq!(desk.answer_wide().len(), 2, "the next attempt is free");
}

#[test]
fn settings_are_read_from_toml_and_checked() {
    let read: RelationTakerConfig = toml::from_str("flatten = \"none\"\ncool_down_ns = 5").expect("valid");
    assert_eq!((read.flatten, read.cool_down_ns, read.slippage_max_ticks), (Flatten::None, 5, 5));
    assert!(read.check().is_ok());
    assert!(RelationTakerConfig { slippage_max_ticks: u32::MAX, ..read }.check().is_err());
    assert!(toml::from_str::<RelationTakerConfig>("flatten = \"maybe\"").is_err());
}

#[test]
fn an_excess_is_what_the_least_filled_leg_does_not_support() {
    let leg = |planned, filled| TriedLeg {
        leg: Leg::buy(0),
        bbo: Bbo::EMPTY,
        is_inverse: false,
        touch: Touch::default(),
        planned,
        filled,
        excess: 0,
    };
    let mut attempt = Attempt {
        relation: 0,
        legs: [leg(300, 300), leg(200, 100), leg(1_000, 1_000), leg(0, 0)],
        legs_len: 3,
        profit: 1,
    };
    attempt.find_excess(&[ListingTerms { lot: 100, ..TERMS }]);
    assert_eq!(attempt.legs().iter().map(|leg| leg.excess).collect::<Vec<_>>(), [100, 0, 500]);
}
