//! Tests of the arbitrage taker through the real decision core.

use super::*;
use crate::order::{ExecutionKind, Order, RejectReason, TimeInForce};
use crate::strategy::test_desk::{Desk, INSTRUMENT, MS, TICK};
use feeds::event::TradingStatus;

fn venues() -> [ArbitrageVenue; 2] {
    [0, 1].map(|venue| ArbitrageVenue { venue, price_tick: TICK, taker_fee: 3_000_000 })
}

fn desk(config: &ArbitrageTakerConfig) -> Desk {
    Desk::new(ArbitrageTaker::new(INSTRUMENT, &venues(), config).expect("settings in range"))
}

/// 100.00 to 100.02 at venue 0 and 100.00 to 100.10 at venue 1.
fn calm(config: &ArbitrageTakerConfig) -> Desk {
    let mut desk = desk(config);
    for (venue, offer) in [(0, 10_002), (1, 10_010)] {
        assert!(desk.add(venue, Side::Buy, 10_000, 500).is_empty());
        assert!(desk.add(venue, Side::Sell, offer, 500).is_empty());
    }
    desk
}

/// Venue 1 bids 100.03 for 200 against the offer of 100.02 at venue 0; both legs sent.
fn crossed(config: &ArbitrageTakerConfig) -> (Desk, Order, Order) {
    let mut desk = calm(config);
    let legs = desk.add(1, Side::Buy, 10_003, 200);
    let [buy, sell] = legs[..] else { panic!("two legs, not {legs:?}") };
    (desk, buy, sell)
}

fn terms(order: &Order) -> (u8, Side, i64, u64, TimeInForce) {
    (order.venue, order.side, order.price / TICK, order.quantity, order.time_in_force)
}

fn cancel_rest(desk: &mut Desk, order: &Order) -> Vec<Order> {
    desk.answer(order, ExecutionKind::Canceled, RejectReason::None)
}

const IOC: TimeInForce = TimeInForce::ImmediateOrCancel;

#[test]
fn a_cross_beyond_the_fees_is_taken_on_both_legs() {
    let (mut desk, buy, sell) = crossed(&ArbitrageTakerConfig::default());
    let words = desk.words().concat();
    assert!(words.contains("200 x (100.03 - 100.02 - fees 0.006) = 200 x 0.004 = 0.8"), "{words}");
    assert!(words.contains("net profit 0.8"), "{words}");
    assert_eq!(terms(&buy), (0, Side::Buy, 10_002, 200, IOC));
    assert_eq!(terms(&sell), (1, Side::Sell, 10_003, 200, IOC));
    assert_eq!(desk.counters().pairs, 1);
    assert!(desk.fill(&buy, 200).is_empty());
    assert!(desk.fill(&sell, 200).is_empty());
    assert_eq!(desk.position(), 0);
}

#[test]
fn a_cross_within_the_fees_is_left_alone() {
    let dear = ArbitrageTakerConfig { edge_min_e9: 4_000_001, ..ArbitrageTakerConfig::default() };
    let mut desk = calm(&dear);
    assert!(desk.add(1, Side::Buy, 10_003, 200).is_empty(), "0.01 less 0.006 of fees is 0.004");
}

#[test]
fn one_attempt_is_in_flight_and_then_it_waits() {
    let (mut desk, buy, sell) = crossed(&ArbitrageTakerConfig::default());
    desk.wait(10 * MS);
    assert!(desk.add(1, Side::Buy, 10_004, 100).is_empty(), "the legs are unanswered");
    desk.fill(&buy, 200);
    assert!(desk.fill(&sell, 200).is_empty());
    desk.wait(MS - 1);
    assert!(desk.timer().is_empty(), "it waits");
    desk.wait(1);
    assert_eq!(desk.timer().len(), 2);
}

#[test]
fn an_unchanged_signal_is_not_tried_twice() {
    let (mut desk, buy, sell) = crossed(&ArbitrageTakerConfig::default());
    cancel_rest(&mut desk, &buy);
    cancel_rest(&mut desk, &sell);
    desk.wait(100 * MS);
    assert!(desk.timer().is_empty());
    assert_eq!(desk.add(1, Side::Buy, 10_003, 50).len(), 2, "now there is more");
}

#[test]
fn what_filled_on_one_leg_only_is_flattened_within_the_slippage() {
    let (mut desk, buy, sell) = crossed(&ArbitrageTakerConfig::default());
    desk.fill(&buy, 200);
    desk.fill(&sell, 50);
    let after = cancel_rest(&mut desk, &sell);
    // Best bid after fees is venue 1's 100.03, five ticks of slippage below it.
    let [exit] = after[..] else { panic!("one order, not {after:?}") };
    assert_eq!(terms(&exit), (1, Side::Sell, 9_998, 150, IOC));
    // It gives nothing: after the wait the other venue is asked.
    assert!(cancel_rest(&mut desk, &exit).is_empty());
    assert!(desk.timer().is_empty());
    desk.wait(MS);
    let again = desk.timer();
    let [exit] = again[..] else { panic!("one order, not {again:?}") };
    assert_eq!(terms(&exit), (0, Side::Sell, 9_995, 150, IOC));
    assert!(desk.fill(&exit, 150).is_empty());
    assert_eq!(desk.position(), 0);
}

#[test]
fn a_short_leftover_is_bought_back() {
    let (mut desk, buy, sell) = crossed(&ArbitrageTakerConfig::default());
    desk.fill(&sell, 200);
    let after = desk.answer(&buy, ExecutionKind::Rejected, RejectReason::Other);
    let [exit] = after[..] else { panic!("one order, not {after:?}") };
    assert_eq!(terms(&exit), (0, Side::Buy, 10_007, 200, IOC));
}

#[test]
fn without_a_rule_the_leftover_is_kept_and_trading_goes_on() {
    let keep = ArbitrageTakerConfig { flatten: Flatten::None, ..ArbitrageTakerConfig::default() };
    let (mut desk, buy, sell) = crossed(&keep);
    desk.fill(&buy, 200);
    assert!(cancel_rest(&mut desk, &sell).is_empty());
    assert_eq!(desk.position(), 200);
    desk.wait(MS);
    assert_eq!(desk.add(1, Side::Buy, 10_003, 50).len(), 2);
}

#[test]
fn risk_approves_both_legs_or_none() {
    // 900 shares at two venues: the second leg is fine, the first breaks the position limit once 200 are held.
    let big =
        ArbitrageTakerConfig { flatten: Flatten::None, qty_max: 900, ..ArbitrageTakerConfig::default() };
    let (mut desk, buy, sell) = crossed(&big);
    desk.fill(&buy, 200);
    cancel_rest(&mut desk, &sell);
    desk.wait(MS);
    desk.add(0, Side::Sell, 10_002, 500);
    assert!(desk.add(1, Side::Buy, 10_003, 700).is_empty(), "long 200 + 900 is above 1,000");
    assert_eq!(desk.counters().risk_rejects, 2);
    assert_eq!(desk.counters().pairs, 1);
}

#[test]
fn a_halted_venue_is_no_leg() {
    let mut desk = calm(&ArbitrageTakerConfig::default());
    desk.status(1, TradingStatus::Halted);
    assert!(desk.add(1, Side::Buy, 10_003, 200).is_empty());
    assert_eq!(desk.status(1, TradingStatus::Trading).len(), 2);
}

#[test]
fn settings_are_checked_and_read_from_toml() {
    let good = ArbitrageTakerConfig::default();
    let make = |venues: &[ArbitrageVenue], config: &ArbitrageTakerConfig| {
        ArbitrageTaker::new(INSTRUMENT, venues, config).map(|_| ())
    };
    assert_eq!(make(&venues(), &good), Ok(()));
    assert_eq!(make(&venues()[..1], &good), Err(ArbitrageTakerError::Venues));
    assert_eq!(make(&[venues()[0]; 2], &good), Err(ArbitrageTakerError::Venues));
    let free = ArbitrageVenue { price_tick: 0, ..venues()[1] };
    assert_eq!(make(&[venues()[0], free], &good), Err(ArbitrageTakerError::PriceTick));
    let with = |change: fn(&mut ArbitrageTakerConfig)| {
        let mut config = ArbitrageTakerConfig::default();
        change(&mut config);
        make(&venues(), &config)
    };
    assert_eq!(with(|c| c.edge_min_e9 = -1), Err(ArbitrageTakerError::EdgeMin));
    assert_eq!(with(|c| c.qty_increment = 0), Err(ArbitrageTakerError::Quantity));
    assert_eq!(with(|c| c.qty_max = 0), Err(ArbitrageTakerError::Quantity));
    assert_eq!(with(|c| c.notional_max = 0), Err(ArbitrageTakerError::NotionalMax));
    let read: ArbitrageTakerConfig = toml::from_str("flatten = \"none\"\nqty_max = 50").expect("valid");
    assert_eq!((read.flatten, read.qty_max), (Flatten::None, 50));
    assert!(toml::from_str::<ArbitrageTakerConfig>("flatten = \"maybe\"").is_err());
}
