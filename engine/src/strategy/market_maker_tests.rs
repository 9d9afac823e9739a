//! Tests of the market maker through the real decision core.

use super::*;
use crate::order::{ExecutionKind, Order, OrderAction, RejectReason, TimeInForce};
use crate::strategy::test_desk::{Desk, INSTRUMENT, MS, TICK};
use feeds::event::TradingStatus;
use kernels::cpu::features::FeatureParameters;

/// 1.3 ticks of half spread and, with the volatility at its floor of 2 ticks, 0.9 ticks of skew a quote; warm after two samples of 10 ms.
fn config() -> MarketMakerConfig {
    MarketMakerConfig {
        risk_aversion_per_tick_e9: 100_000_000,
        intensity_decay_per_tick_e9: 700_000_000,
        sample_interval_ns: 10 * MS,
        warm_up_samples: 2,
        sigma_min_ticks_e9: 2_000_000_000,
        position_max_qty: 300,
        rest_ns: 500 * MS,
        ..MarketMakerConfig::default()
    }
}

fn desk(config: &MarketMakerConfig) -> Desk {
    Desk::new(MarketMaker::new(INSTRUMENT, 0, TICK, config).expect("settings in range"))
}

/// A market of 99.90 to 100.10 at both venues, and a volatility that is warm but for the next event.
fn warm(config: &MarketMakerConfig) -> Desk {
    let mut desk = desk(config);
    for venue in 0..2 {
        assert!(desk.add(venue, Side::Buy, 9_990, 500).is_empty());
        assert!(desk.add(venue, Side::Sell, 10_010, 500).is_empty());
    }
    desk.wait(25 * MS);
    assert!(desk.timer().is_empty(), "one sample is not warm");
    desk.wait(10 * MS);
    desk
}

/// The two quotes of a warm desk, accepted.
fn quoting(config: &MarketMakerConfig) -> (Desk, Order, Order) {
    let mut desk = warm(config);
    let quotes = desk.timer();
    let [bid, ask] = quotes[..] else { panic!("two quotes, not {quotes:?}") };
    assert!(desk.accept(&bid).is_empty());
    assert!(desk.accept(&ask).is_empty());
    (desk, bid, ask)
}

fn terms(order: &Order) -> (OrderAction, Side, i64, u64) {
    (order.action, order.side, order.price / TICK, order.quantity)
}

#[test]
fn it_quotes_both_sides_once_warm_and_then_stays() {
    let (mut desk, bid, ask) = quoting(&config());
    // ln(1 + 1/7) / 0.1 = 1.335 ticks and half a skew of 0.46 around 100.00: outward to 99.98 and 100.02.
    assert_eq!(terms(&bid), (OrderAction::New, Side::Buy, 9_998, 100));
    assert_eq!(terms(&ask), (OrderAction::New, Side::Sell, 10_002, 100));
    assert_eq!((bid.venue, bid.time_in_force), (0, TimeInForce::Day));
    desk.wait(MS);
    assert!(desk.add(0, Side::Buy, 9_980, 100).is_empty());
}

#[test]
fn it_asks_nothing_while_an_answer_is_outstanding() {
    let mut desk = warm(&config());
    let quotes = desk.timer();
    assert_eq!(quotes.len(), 2);
    desk.wait(1_000 * MS);
    assert!(desk.add(0, Side::Buy, 10_005, 500).is_empty());
    assert!(desk.status(0, TradingStatus::Halted).is_empty());
}

#[test]
fn it_follows_the_market_beyond_the_distance() {
    let (mut desk, bid, ask) = quoting(&config());
    let moved = desk.add(1, Side::Buy, 10_004, 500);
    // The microprice is 100.06 now. The bid is held below our own offer at 100.02 until that has moved.
    let [up, offer] = moved[..] else { panic!("two replaces, not {moved:?}") };
    assert_eq!(terms(&up), (OrderAction::Replace, Side::Buy, 10_001, 100));
    assert_eq!(up.orig_cl_ord_id, bid.cl_ord_id);
    assert_eq!(offer.orig_cl_ord_id, ask.cl_ord_id);
    assert_eq!(offer.price / TICK, 10_008);
    assert!(desk.accept(&up).is_empty(), "the offer's replace is unanswered");
    let again = desk.accept(&offer);
    let [again] = &again[..] else { panic!("one replace, not {again:?}") };
    assert_eq!(terms(again), (OrderAction::Replace, Side::Buy, 10_004, 100));
}

#[test]
fn a_small_difference_waits_for_the_rest_time() {
    let (mut desk, ..) = quoting(&config());
    // The bid side of the market gets heavier: the microprice rises by 0.9 ticks.
    assert!(desk.add(0, Side::Buy, 9_990, 200).is_empty());
    desk.wait(499 * MS);
    assert!(desk.timer().is_empty());
    desk.wait(MS);
    let moved = desk.timer();
    let terms: Vec<_> = moved.iter().map(terms).collect();
    let replace = OrderAction::Replace;
    assert_eq!(terms, [(replace, Side::Buy, 9_999, 100), (replace, Side::Sell, 10_003, 100)]);
}

#[test]
fn inventory_moves_both_quotes_and_a_filled_side_is_renewed() {
    let (mut desk, bid, ask) = quoting(&config());
    let after = desk.fill(&bid, 100);
    let [renewed] = after[..] else { panic!("one new bid, not {after:?}") };
    assert_eq!(desk.position(), 100);
    assert_eq!((renewed.action, renewed.side), (OrderAction::New, Side::Buy));
    assert!(renewed.price < bid.price, "long, so the bid is lower");
    desk.accept(&renewed);
    desk.wait(600 * MS);
    let lowered = desk.timer();
    assert!(lowered.iter().any(|o| o.side == Side::Sell && o.price < ask.price), "{lowered:?}");
}

#[test]
fn a_partial_fill_keeps_its_place_and_a_replace_counts_what_has_filled() {
    let (mut desk, bid, _) = quoting(&config());
    assert!(desk.fill(&bid, 40).is_empty());
    desk.wait(600 * MS);
    let moved = desk.timer();
    let bid = moved.iter().find(|o| o.side == Side::Buy).expect("the bid is renewed after its rest");
    assert_eq!((bid.action, bid.quantity), (OrderAction::Replace, 140));
}

#[test]
fn at_the_position_limit_it_only_reduces() {
    let (mut desk, mut bid, _) = quoting(&config());
    for _ in 0..2 {
        let after = desk.fill(&bid, 100);
        bid = *after.iter().find(|o| o.side == Side::Buy).expect("a new bid");
        desk.accept(&bid);
    }
    let after = desk.fill(&bid, 100);
    assert_eq!(desk.position(), 300);
    assert!(after.iter().all(|o| o.side == Side::Sell), "{after:?}");
}

#[test]
fn it_pulls_its_quotes_in_a_halt_and_without_a_reference() {
    let (mut desk, ..) = quoting(&config());
    let pulled = desk.status(0, TradingStatus::Halted);
    assert!(pulled.len() == 2 && pulled.iter().all(|o| o.action == OrderAction::Cancel));
    let (mut desk, ..) = quoting(&config());
    assert!(desk.clear(1).is_empty(), "one venue is left");
    assert_eq!(desk.clear(0).len(), 2);
}

#[test]
fn a_cancel_that_the_venue_refuses_is_not_repeated_at_once() {
    let (mut desk, bid, ask) = quoting(&config());
    let pulled = desk.status(0, TradingStatus::Halted);
    for cancel in &pulled {
        assert!(desk.answer(cancel, ExecutionKind::CancelRejected, RejectReason::Other).is_empty());
    }
    desk.wait(99 * MS);
    assert!(desk.timer().is_empty());
    desk.wait(MS);
    let again = desk.timer();
    let targets: Vec<_> = again.iter().map(|o| o.orig_cl_ord_id).collect();
    assert_eq!(targets, [bid.cl_ord_id, ask.cl_ord_id]);
}

#[test]
fn a_refused_side_waits() {
    let mut desk = warm(&config());
    let quotes = desk.timer();
    assert!(desk.answer(&quotes[0], ExecutionKind::Rejected, RejectReason::Other).is_empty());
    desk.accept(&quotes[1]);
    desk.wait(99 * MS);
    assert!(desk.timer().is_empty());
    desk.wait(MS);
    let again = desk.timer();
    assert!(again.len() == 1 && again[0].side == Side::Buy && again[0].action == OrderAction::New);
}

#[test]
fn a_quote_that_risk_does_not_let_move_is_pulled() {
    // Risk allows orders of 1,000 shares; a quote of 700 that has filled 400 and is to be full again asks for 1,100.
    let big = MarketMakerConfig { quote_qty: 700, position_max_qty: 5_000, ..config() };
    let (mut desk, bid, _) = quoting(&big);
    desk.fill(&bid, 400);
    desk.wait(600 * MS);
    let refused = desk.counters().risk_rejects;
    desk.timer();
    assert!(desk.counters().risk_rejects > refused);
    let pulled = desk.timer();
    assert!(pulled.iter().any(|o| o.side == Side::Buy && o.action == OrderAction::Cancel), "{pulled:?}");
}

#[test]
fn it_neither_locks_nor_crosses_another_venue() {
    let (mut desk, ..) = quoting(&config());
    for _ in 0..3 {
        let ask = desk.open_order(Side::Sell).expect("not at the limit");
        let after = desk.fill_live(&ask, 100);
        desk.accept_all(after);
    }
    assert_eq!(desk.position(), -300);
    // The other venue narrows to 99.98 at 99.99. Short 300, the model would bid above 99.985 + 0.027 - 0.018.
    for (side, ticks) in [(Side::Sell, 9_999), (Side::Buy, 9_998)] {
        let after = desk.add(1, side, ticks, 100_000);
        desk.accept_all(after);
        desk.wait(600 * MS);
    }
    let after = desk.timer();
    desk.accept_all(after);
    let bid = desk.open_order(Side::Buy).expect("the reducing side is quoted");
    assert_eq!((bid.price / TICK, bid.is_pending()), (9_998, false));
    assert_eq!(desk.open_order(Side::Sell), None, "at the limit");
}

#[test]
fn settings_are_checked_and_read_from_toml() {
    let make = |config: &MarketMakerConfig| MarketMaker::new(INSTRUMENT, 0, TICK, config).map(|_| ());
    assert_eq!(make(&MarketMakerConfig::default()), Ok(()));
    let odd = MarketMakerConfig { qty_increment: 30, ..config() };
    assert_eq!(make(&odd), Err(MarketMakerError::Quantity));
    let still = MarketMakerConfig { move_min_ticks: 0, ..config() };
    assert_eq!(make(&still), Err(MarketMakerError::MoveMin));
    let cold = MarketMakerConfig { warm_up_samples: 0, ..config() };
    assert_eq!(make(&cold), Err(MarketMakerError::Volatility(VolatilityError::WarmUp)));
    let reckless = MarketMakerConfig { risk_aversion_per_tick_e9: 0, ..config() };
    assert_eq!(make(&reckless), Err(MarketMakerError::Glft(GlftError::RiskAversion)));
    let read: MarketMakerConfig = toml::from_str("quote_qty = 200\nmove_min_ticks = 3").expect("valid");
    assert_eq!(read, MarketMakerConfig { quote_qty: 200, move_min_ticks: 3, ..MarketMakerConfig::default() });
    assert!(toml::from_str::<MarketMakerConfig>("quote_quantity = 200").is_err());
}

/// Buckets of ten shares, of which two count: after twenty bought in a row VPIN is one, after ten of each side within each
/// it is zero again.
#[test]
fn it_withdraws_from_one_sided_flow() {
    let wary = MarketMakerConfig { vpin_max_e9: 400_000_000, ..config() };
    let parameters = FeatureParameters { vpin_bucket: 10, vpin_buckets: 2, ..FeatureParameters::default() };
    let mut desk = desk(&wary).with_features(parameters);
    let mut first = [0; 4];
    for (number, (venue, side, ticks)) in
        [(0, Side::Buy, 9_990), (0, Side::Sell, 10_010), (1, Side::Buy, 9_990), (1, Side::Sell, 10_010)]
            .into_iter()
            .enumerate()
    {
        first[number] = desk.next_order();
        assert!(desk.add(venue, side, ticks, 500).is_empty());
    }
    let [bid, offer, ..] = first;
    desk.wait(25 * MS);
    desk.timer();
    desk.wait(10 * MS);
    let quotes = desk.timer();
    assert_eq!(quotes.len(), 2, "no VPIN yet");
    desk.accept_all(quotes);
    assert!(desk.execute(0, offer, 10).is_empty(), "one bucket is no VPIN");
    let pulled = desk.execute(0, offer, 10);
    assert!(desk.words().concat().contains("VPIN 1 is above 0.4"), "{:#?}", desk.words());
    assert_eq!(pulled.iter().map(|order| order.action).collect::<Vec<_>>(), [OrderAction::Cancel; 2]);
    desk.accept_all(pulled);
    for order in [offer, bid, offer] {
        assert!(desk.execute(0, order, 5).is_empty(), "half of what counts is one-sided");
    }
    assert_eq!(desk.execute(0, bid, 5).len(), 2, "it quotes again");
}
