//! Known answers of each feature, and random histories against the batch.

use super::batch::{self, History};
use super::bulk::normal;
use super::*;
use crate::cpu::volatility::SIGMA_NONE;
use feeds::event::Side;
use proptest::prelude::*;

const MS: u64 = 1_000_000;

fn top(bid_px: i64, bid_qty: u64, ask_px: i64, ask_qty: u64) -> Bbo {
    Bbo { bid_px, bid_qty, ask_px, ask_qty }
}

#[test]
fn a_queue_imbalance_is_a_share_of_the_sizes() {
    assert_eq!(queue_imbalance_e9(&top(100, 30, 101, 10)), 500_000_000);
    assert_eq!(queue_imbalance_e9(&top(100, 10, 101, 30)), -500_000_000);
    assert_eq!(queue_imbalance_e9(&top(100, 1, 101, 2)), -333_333_333);
    assert_eq!(queue_imbalance_e9(&top(100, 10, PRICE_NONE, 0)), IMBALANCE_NONE);
    assert_eq!(queue_imbalance_e9(&top(100, u64::MAX, 101, u64::MAX)), 0);
    assert_eq!(queue_imbalance_e9(&top(100, u64::MAX, 101, 1)), 999_999_999);
}

/// The cases of Cont, Kukanov and Stoikov, section 2.1: a larger queue, a smaller one, a new and a lost level.
#[test]
fn each_change_of_the_top_is_a_flow() {
    let before = top(100, 30, 102, 40);
    let e = |after| order_flow::change(&before, &after);
    assert_eq!(e(before), 0);
    assert_eq!(e(top(100, 35, 102, 40)), 5, "joined the bid");
    assert_eq!(e(top(100, 30, 102, 41)), -1, "joined the offer");
    assert_eq!(e(top(101, 7, 102, 40)), 7, "a better bid");
    assert_eq!(e(top(99, 90, 102, 40)), -30, "the bid is gone");
    assert_eq!(e(top(100, 30, 101, 8)), -8, "a better offer");
    assert_eq!(e(top(100, 30, 103, 9)), 40, "the offer is gone");
    assert_eq!(e(top(PRICE_NONE, 0, PRICE_NONE, 0)), -30 + 40, "both sides are gone");
    assert_eq!(order_flow::change(&Bbo::EMPTY, &before), 30 - 40, "both sides come");
}

#[test]
fn intervals_of_the_flow_are_those_of_the_grid() {
    let mut flow = OrderFlow::new(1_000);
    let (a, b) = (top(100, 10, 102, 10), top(100, 15, 102, 10));
    flow.update(1_500, &a, &b);
    assert_eq!((flow.total(), flow.last_interval(1_999), flow.last_interval(2_000)), (5, 0, 5));
    assert_eq!(flow.last_interval(3_000), 0, "nothing happened in the one before");
    flow.update(2_100, &b, &a);
    assert_eq!((flow.total(), flow.last_interval(2_999), flow.last_interval(3_000)), (0, 5, -5));
    flow.restart(5_000);
    assert_eq!((flow.total(), flow.last_interval(5_000)), (0, 0));
}

#[test]
fn vpin_is_the_share_of_one_sided_volume() {
    let mut vpin = Vpin::new(10, 2);
    let trade = |vpin: &mut Vpin, bought, sold| vpin.trade(Signed { bought, sold });
    trade(&mut vpin, 5, 5);
    assert_eq!(vpin.vpin_e9(), VPIN_NONE);
    trade(&mut vpin, 8, 2);
    assert_eq!(vpin.vpin_e9(), 300_000_000, "0 and 6 of 10");
    trade(&mut vpin, 0, 25);
    assert_eq!(vpin.vpin_e9(), 1_000_000_000);
    trade(&mut vpin, 5, 0);
    assert_eq!(vpin.vpin_e9(), 500_000_000, "10 and 0");
    trade(&mut vpin, u64::MAX / 2, u64::MAX / 2);
    assert_eq!(vpin.vpin_e9(), 1_000_000_000, "a block goes through all buckets in bounded time");
}

/// Values of the error function's tables, to their last digit.
#[test]
fn the_normal_distribution_has_its_known_values() {
    let known = [
        (0.0, 0.5),
        (1.0, 0.841_344_746_068_542_9),
        (-1.0, 0.158_655_253_931_457_05),
        (1.96, 0.975_002_104_851_779_5),
        (-6.0, 9.865_876_450_376_98e-10),
    ];
    for (x, value) in known {
        assert!((normal(x) - value).abs() <= 2e-15 * value, "{x}: {}", normal(x));
    }
    assert_eq!((normal(50.0), normal(f64::MAX)), (1.0, 1.0));
    assert!(normal(-50.0) < 1e-150);
}

/// Bars of a second that end at 100, 103, 102, 104 and 106; over the last three changes the deviations are of the whole (not of
/// a sample): 3 alone has none, -1 is half of one below, 2 is 6 / sqrt(26) above, and 2 again 6 / sqrt(18).
#[test]
fn bulk_volume_is_bought_by_how_far_the_price_moved() {
    let second = |number: u64| number * 1_000 * MS;
    let mut bulk = BulkVolume::new(&BulkParameters { bar_ns: second(1), changes: 3 });
    let mut over = Vec::new();
    for (number, price) in [(1, 100), (2, 103), (4, 102), (5, 104), (9, 106), (10, 0)] {
        over.push(bulk.trade(second(number), 7, 400_000_000));
        // The last price of the bar counts.
        assert_eq!(bulk.trade(second(number) + 999 * MS, price, 500_000_000), None);
        assert_eq!(bulk.trade(second(number) + 999 * MS, PRICE_NONE, 100_000_000), None, "without a price");
    }
    assert_eq!(over.remove(0), None, "the first trade ends no bar");
    let bought: Vec<u64> = over.iter().map(|signed| signed.expect("a bar is over").bought).collect();
    assert_eq!(bought, [500_000_000, 500_000_000, 308_537_539, 880_341_729, 921_350_396]);
    assert!(over.iter().flatten().all(|signed| signed.bought + signed.sold == 1_000_000_000));
}

#[test]
fn bulk_volume_takes_whatever_comes() {
    let mut bulk = BulkVolume::new(&BulkParameters { bar_ns: 1_000, changes: 4_096 });
    for number in 0..9_000 {
        let price = if number % 2 == 0 { i64::MAX } else { -i64::MAX };
        bulk.trade(number * 1_000, price, u64::MAX);
        bulk.trade(number * 1_000, price, u64::MAX);
    }
    let Signed { bought, sold } = bulk.trade(u64::MAX, PRICE_NONE, 0).expect("a bar is over");
    // Up and down by as much: one deviation.
    assert_eq!((bought as f64 / 2f64.powi(64) * 1e6).round(), 158_655.0);
    assert_eq!(bought + sold, u64::MAX);
    assert_eq!(bulk.trade(0, 0, 1), Some(Signed { bought: 0, sold: 0 }), "half of nothing");
}

#[test]
fn realised_volatility_is_the_root_of_the_squares() {
    // 3 and 4 units within a second each: sqrt(25 / 2) a second.
    let mut realised = RealisedVolatility::new(1_000 * MS, 2);
    for (ms, mid) in [(500, 0), (1_500, 3_000_000), (2_500, 7_000_000)] {
        realised.update(ms * MS, mid);
        assert_eq!(realised.sigma(ms * MS), SIGMA_NONE);
    }
    assert_eq!(realised.sigma(3_000 * MS), 3_535_533);
    realised.update(3_600 * MS, PRICE_NONE);
    assert_eq!(realised.sigma(3_600 * MS), 3_535_533);
    assert_eq!(realised.sigma(4_000 * MS), 2_828_427, "4 and 0");
    assert_eq!(realised.sigma(1_000_000 * MS), 0);
    realised.update(1_000_000 * MS, 7_000_000);
    assert_eq!(realised.sigma(1_000_000 * MS), 0, "a long silence");
}

#[test]
fn trades_have_the_sign_of_who_began_them() {
    let book = top(100, 10, 104, 10);
    let event = |kind, side, price, flags| MarketEvent {
        kind,
        side,
        price,
        quantity: 7,
        flags,
        ..MarketEvent::NOTHING
    };
    let of = |side| Applied { side, ..Applied::NOTHING };
    let buyer = Some(Signed { bought: 7, sold: 0 });
    let seller = Some(Signed { bought: 0, sold: 7 });
    let signed_trade = |event: &MarketEvent, applied: &Applied, book: &Bbo| {
        is_of_continuous_trading(event).then(|| signed_trade(event, applied, book))
    };
    let execute = event(EventKind::OrderExecute, Side::None, PRICE_NONE, flags::LAST_OF_EVENT);
    assert_eq!(signed_trade(&execute, &of(Side::Sell), &book), buyer, "an offer was taken");
    assert_eq!(signed_trade(&execute, &of(Side::Buy), &book), seller, "a bid was hit");
    let trade = |side, price, flags| {
        signed_trade(&event(EventKind::Trade, side, price, flags), &Applied::NOTHING, &book)
    };
    assert_eq!(trade(Side::Buy, 104, 0), seller, "a feed that says so is believed");
    assert_eq!(trade(Side::Buy, 103, flags::HIDDEN), buyer, "above the middle");
    assert_eq!(trade(Side::Buy, 101, flags::HIDDEN), seller);
    assert_eq!(trade(Side::Buy, 102, flags::HIDDEN), Some(Signed { bought: 3, sold: 4 }));
    assert_eq!(trade(Side::None, 102, flags::CROSS), None);
    let part_of_cross = MarketEvent { flags: flags::NON_PRINTABLE, ..execute };
    assert_eq!(signed_trade(&part_of_cross, &of(Side::Sell), &book), None);
    assert_eq!(trade(Side::None, 104, flags::HIDDEN), buyer);
    let alone = event(EventKind::Trade, Side::None, 104, 0);
    assert_eq!(
        signed_trade(&alone, &Applied::NOTHING, &Bbo::EMPTY),
        Some(Signed { bought: 3, sold: 4 }),
        "nothing to compare with"
    );
}

#[test]
fn ranges_are_checked() {
    let good = FeatureParameters::default();
    assert_eq!(good.validate(), Ok(()));
    let bad = [
        FeatureParameters { flow_interval_ns: 0, ..good },
        FeatureParameters { volatility_interval_ns: u64::MAX, ..good },
        FeatureParameters { vpin_bucket: 0, ..good },
        FeatureParameters { vpin_bucket: BUCKET_MAX + 1, ..good },
        FeatureParameters { vpin_buckets: 0, ..good },
        FeatureParameters { volatility_samples: RING_MAX + 1, ..good },
        FeatureParameters { vpin_bulk: Some(BulkParameters { bar_ns: 999, changes: 1 }), ..good },
        FeatureParameters { vpin_bulk: Some(BulkParameters { bar_ns: 1_000, changes: 0 }), ..good },
    ];
    for parameters in bad {
        let error = BookFeatures::new(&parameters).expect_err("out of range");
        assert!(error.to_string().contains(": give 1"), "{error}");
    }
}

/// One event of a random history.
#[derive(Clone, Debug)]
enum Step {
    /// A message that leaves this top.
    Top(Bbo),
    /// The same as a part of a message that goes on.
    Part(Bbo),
    /// The book is forgotten.
    Clear,
    /// An execution of a displayed order, at its price.
    Execute(Side, i64, u64),
    /// A print at a price.
    Trade(i64, u64),
}

fn side(low: i64) -> impl Strategy<Value = (i64, u64)> {
    prop_oneof![4 => (low..low + 6, 1u64..50), 1 => Just((PRICE_NONE, 0))]
}

fn any_top() -> impl Strategy<Value = Bbo> {
    // Bids and offers overlap: locked and crossed tops are there too. Around zero, as spreads are.
    (side(-4), side(0))
        .prop_map(|((bid_px, bid_qty), (ask_px, ask_qty))| top(bid_px, bid_qty, ask_px, ask_qty))
}

fn price() -> impl Strategy<Value = i64> {
    prop_oneof![8 => -4i64..8, 1 => Just(PRICE_NONE)]
}

fn bulk() -> impl Strategy<Value = Option<BulkParameters>> {
    let some = (1_000u64..9_000, 1u32..6).prop_map(|(bar_ns, changes)| BulkParameters { bar_ns, changes });
    prop::option::of(some)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any_top().prop_map(Step::Top),
        1 => any_top().prop_map(Step::Part),
        1 => Just(Step::Clear),
        3 => (prop::bool::ANY, price(), 0u64..40).prop_map(|(sell, price, quantity)| {
            Step::Execute(if sell { Side::Sell } else { Side::Buy }, price, quantity)
        }),
        2 => (price(), 0u64..200).prop_map(|(price, quantity)| Step::Trade(price, quantity)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// At random moments of random histories, all features to the last bit.
    #[test]
    fn streaming_equals_batch(
        flow_interval_ns in 1_000u64..9_000,
        vpin_bucket in 1u64..60,
        vpin_buckets in 1u32..6,
        vpin_bulk in bulk(),
        volatility_interval_ns in 1_000u64..5_000,
        volatility_samples in 1u32..8,
        steps in prop::collection::vec((0u64..6_000, step(), 0u64..20_000), 1..120),
    ) {
        let parameters = FeatureParameters {
            flow_interval_ns, vpin_bucket, vpin_buckets, vpin_bulk, volatility_interval_ns, volatility_samples,
        };
        let mut features = BookFeatures::new(&parameters).expect("in range");
        let mut history = History::default();
        let mut now_ns = 50_000;
        let mut last = Bbo::EMPTY;
        for (wait_ns, step, look_ns) in steps {
            now_ns += wait_ns;
            let mut event = MarketEvent { kind: EventKind::OrderAdd, ..MarketEvent::NOTHING };
            let mut applied = Applied::NOTHING;
            let shown = match step {
                Step::Top(shown) => shown,
                Step::Part(shown) => {
                    event.flags = 0;
                    shown
                }
                Step::Clear => {
                    event.kind = EventKind::Clear;
                    Bbo::EMPTY
                }
                Step::Execute(side, price, quantity) => {
                    (event.kind, event.quantity) = (EventKind::OrderExecute, quantity);
                    (applied.side, applied.price) = (side, price);
                    history.prints.push((now_ns, price, quantity));
                    let began = Signed { bought: quantity, sold: 0 };
                    let seller = Signed { bought: 0, sold: quantity };
                    history.trades.push(if side == Side::Sell { began } else { seller });
                    last
                }
                Step::Trade(price, quantity) => {
                    (event.kind, event.quantity, event.price) = (EventKind::Trade, quantity, price);
                    event.flags |= flags::HIDDEN;
                    history.prints.push((now_ns, price, quantity));
                    let twice = last.bid_px.checked_add(last.ask_px);
                    let is_whole = ![last.bid_px, last.ask_px, price].contains(&PRICE_NONE);
                    let above = match twice.filter(|_| is_whole) {
                        Some(twice) => (2 * price - twice).signum(),
                        None => 0,
                    };
                    history.trades.push(match above {
                        1 => Signed { bought: quantity, sold: 0 },
                        -1 => Signed { bought: 0, sold: quantity },
                        _ => Signed { bought: quantity / 2, sold: quantity.div_ceil(2) },
                    });
                    last
                }
            };
            features.update(now_ns, &event, &applied, &shown);
            if event.flags & flags::LAST_OF_EVENT != 0 {
                history.tops.push((now_ns, shown, event.kind == EventKind::Clear));
                last = shown;
            }
            for at_ns in [now_ns, now_ns + look_ns] {
                prop_assert_eq!(features.values(at_ns), batch::values(&parameters, &history, at_ns));
            }
        }
    }
}
