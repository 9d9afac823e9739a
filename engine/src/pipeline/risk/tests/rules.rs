//! Each rule at its edge.

use super::*;

#[test]
pub(super) fn quantity_at_its_limit() {
    let mut risk = risk();
    passes(&mut risk, Intent { quantity: 500, ..INTENT }, REFERENCE);
    refused(
        &mut risk,
        Intent { quantity: 501, price: 99 * DOLLAR, ..INTENT },
        REFERENCE,
        RiskReasons::ORDER_QTY,
    );
    refused(
        &mut risk,
        Intent { quantity: 0, ..INTENT },
        REFERENCE,
        RiskReasons::ORDER_QTY | RiskReasons::LOT,
    );
    let most = verdict(&mut risk, Intent { quantity: u64::MAX, ..INTENT }, REFERENCE);
    assert_eq!(most, RiskReasons::ORDER_QTY | RiskReasons::NOTIONAL | RiskReasons::POSITION);
}

#[test]
pub(super) fn lots_and_the_smallest_order() {
    let limits = InstrumentLimits { order_qty_min: 20, lot_qty: 10, ..LIMITS };
    let mut risk = risk_of(EngineLimits::OPEN, limits, StrategyLimits::OPEN);
    for (quantity, good) in [(20, true), (10, false), (19, false), (25, false), (30, true)] {
        let rule = if good { RiskReasons::default() } else { RiskReasons::LOT };
        refused(&mut risk, Intent { quantity, ..INTENT }, REFERENCE, rule);
    }
    assert!(
        verdict(&mut risk, Intent { quantity: u64::MAX, ..INTENT }, REFERENCE).contains(RiskReasons::LOT)
    );
}

#[test]
pub(super) fn notional_at_its_limit() {
    let mut risk = risk();
    // 500 at 100 is the limit; a tick more is above it.
    passes(&mut risk, Intent { quantity: 500, ..INTENT }, REFERENCE);
    let above = Intent { quantity: 500, price: 100 * DOLLAR + TICK, ..INTENT };
    refused(&mut risk, above, REFERENCE, RiskReasons::NOTIONAL);
    for price in [i64::MAX, i64::MIN, i64::MIN + 1] {
        let reasons = verdict(&mut risk, Intent { quantity: u64::MAX, price, ..INTENT }, REFERENCE);
        assert_eq!(reasons.contains(RiskReasons::NOTIONAL), price > 0, "{price}");
        assert!(reasons.contains(RiskReasons::PRICE | RiskReasons::COLLAR), "{price}");
    }
}

#[test]
pub(super) fn price_on_the_tick_and_positive() {
    let mut risk = risk();
    refused(&mut risk, Intent { price: 100 * DOLLAR + 1, ..INTENT }, REFERENCE, RiskReasons::PRICE);
    for price in [0, -TICK] {
        let both = RiskReasons::PRICE | RiskReasons::COLLAR;
        refused(&mut risk, Intent { price, ..INTENT }, REFERENCE, both);
    }
}

#[test]
pub(super) fn multiples_are_told_by_multiplication_as_by_division() {
    for divisor in [1, 2, 3, 5, 7, 8, 10, 12, 100_000, TICK as u64, 1 << 40, (1 << 40) + 8, u64::MAX, 1 << 63]
    {
        let test = super::super::checks::TickTest::new(divisor);
        let mut number = 1u64;
        for step in 0..20_000u64 {
            let near = (number / divisor).saturating_mul(divisor);
            for number in [number, near, near.wrapping_add(1), near.wrapping_sub(1), step, u64::MAX - step] {
                assert_eq!(test.divides(number), number.is_multiple_of(divisor), "{number} by {divisor}");
            }
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        }
    }
}

#[test]
pub(super) fn collar_at_its_limit_on_both_sides() {
    // 100 basis points of a mid of 100.
    for side in [Side::Buy, Side::Sell] {
        for (inside, outside) in [(101 * DOLLAR, 101 * DOLLAR + TICK), (99 * DOLLAR, 99 * DOLLAR - TICK)] {
            passes(&mut risk(), Intent { price: inside, side, ..INTENT }, REFERENCE);
            refused(&mut risk(), Intent { price: outside, side, ..INTENT }, REFERENCE, RiskReasons::COLLAR);
        }
    }
    let extreme = Reference { bid_px: i64::MAX, ask_px: i64::MAX, ..REFERENCE };
    refused(&mut risk(), INTENT, extreme, RiskReasons::COLLAR);
}

#[test]
pub(super) fn the_last_trade_stands_for_a_market_of_one_side_while_it_is_young() {
    let limits = InstrumentLimits { last_trade_age_max_ns: 1_000, ..LIMITS };
    for half in [Reference { bid_px: PRICE_NONE, ..REFERENCE }, Reference { ask_px: PRICE_NONE, ..REFERENCE }]
    {
        refused(&mut risk(), INTENT, half, RiskReasons::NO_REFERENCE);
        let mut risk = risk_of(EngineLimits::OPEN, limits, StrategyLimits::OPEN);
        refused(&mut risk, INTENT, half, RiskReasons::NO_REFERENCE);
        risk.traded(0, 102 * DOLLAR, 5_000);
        // 1.02 below 102.
        let low = Intent { price: 100 * DOLLAR + 98 * TICK, ..INTENT };
        let at =
            |risk: &mut Risk, price, time_ns| verdict_at(risk, Intent { price, ..INTENT }, half, time_ns);
        assert_eq!(at(&mut risk, low.price, 5_999), RiskReasons::default());
        assert_eq!(at(&mut risk, low.price - TICK, 5_999), RiskReasons::COLLAR);
        assert_eq!(at(&mut risk, low.price, 6_000), RiskReasons::NO_REFERENCE);
    }
    let mut risk = risk_of(EngineLimits::OPEN, limits, StrategyLimits::OPEN);
    risk.traded(0, 1_000 * DOLLAR, 5_000);
    assert_eq!(verdict_at(&mut risk, INTENT, REFERENCE, 5_000), RiskReasons::default(), "a mid comes first");
    risk.traded(0, i64::MAX, u64::MAX);
    let none = Reference { bid_px: PRICE_NONE, ..REFERENCE };
    assert_eq!(verdict_at(&mut risk, INTENT, none, u64::MAX), RiskReasons::COLLAR);
}

#[test]
pub(super) fn the_touch_at_its_limit_on_both_sides() {
    let limits = InstrumentLimits { touch_ticks_max: 3, collar_bp: 10_000, ..LIMITS };
    let mut risk = risk_of(EngineLimits::OPEN, limits, StrategyLimits::OPEN);
    let own = Reference { touch_bid_px: 99 * DOLLAR, touch_ask_px: 100 * DOLLAR, ..REFERENCE };
    for (side, price, good) in [
        (Side::Buy, 100 * DOLLAR + 3 * TICK, true),
        (Side::Buy, 100 * DOLLAR + 4 * TICK, false),
        (Side::Sell, 99 * DOLLAR - 3 * TICK, true),
        (Side::Sell, 99 * DOLLAR - 4 * TICK, false),
    ] {
        let rule = if good { RiskReasons::default() } else { RiskReasons::TOUCH };
        refused(&mut risk, Intent { side, price, ..INTENT }, own, rule);
    }
    let empty = Reference { touch_bid_px: PRICE_NONE, touch_ask_px: PRICE_NONE, ..REFERENCE };
    passes(&mut risk, INTENT, empty);
    let far = Reference { touch_ask_px: i64::MIN + 1, ..REFERENCE };
    refused(&mut risk, INTENT, far, RiskReasons::TOUCH);
}

#[test]
pub(super) fn position_at_its_limit_counts_what_is_open() {
    let held = |position: u64| {
        let mut risk = risk();
        risk.fill(&fill(Side::Buy, position));
        risk
    };
    passes(&mut held(900), INTENT, REFERENCE);
    refused(&mut held(901), INTENT, REFERENCE, RiskReasons::POSITION);
    passes(&mut held(u64::MAX), SELL, REFERENCE);
    refused(&mut held(u64::MAX), INTENT, REFERENCE, RiskReasons::POSITION);
    let mut short = risk();
    short.fill(&fill(Side::Sell, u64::MAX));
    refused(&mut short, SELL, REFERENCE, RiskReasons::POSITION);
    let sided = verdict(&mut risk(), Intent { side: Side::None, ..INTENT }, REFERENCE);
    assert_eq!(sided, RiskReasons::POSITION);
    let mut opened = risk();
    for _ in 0..2 {
        open(&mut opened, Intent { quantity: 450, ..INTENT });
    }
    passes(&mut opened, INTENT, REFERENCE);
    refused(&mut opened, Intent { quantity: 101, ..INTENT }, REFERENCE, RiskReasons::POSITION);
}

#[test]
pub(super) fn market_state_and_identity() {
    let mut risk = risk();
    for (wrong, rule) in [
        (Reference { tradable: false, ..REFERENCE }, RiskReasons::NOT_TRADABLE),
        (Reference { crossed: true, ..REFERENCE }, RiskReasons::BOOK_CROSSED),
        (Reference { stale: true, ..REFERENCE }, RiskReasons::STALE_BOOK),
    ] {
        refused(&mut risk, INTENT, wrong, rule);
    }
    let unknown = verdict(&mut risk, Intent { instrument: 2, ..INTENT }, REFERENCE);
    assert!(unknown.contains(RiskReasons::NOT_TRADABLE), "no limits, no trade");
    refused(&mut risk, Intent { target: 3, ..INTENT }, REFERENCE, RiskReasons::TARGET);
    let full = risk.approve(&INTENT, &REFERENCE, None, &stamp(0, 0));
    assert_eq!(full.unwrap_err(), RiskReasons::TABLE_FULL);
    risk.approve(&INTENT, &REFERENCE, None, &stamp(5, 0)).expect("clear");
    for used in [5, 4] {
        let again = risk.approve(&INTENT, &REFERENCE, None, &stamp(used, 0));
        assert_eq!(again.unwrap_err(), RiskReasons::DUPLICATE_CL_ORD_ID);
    }
    let nothing = InstrumentLimits { order_qty_max: 0, ..LIMITS };
    let mut risk = risk_of(EngineLimits::OPEN, nothing, StrategyLimits::OPEN);
    assert!(verdict(&mut risk, INTENT, REFERENCE).contains(RiskReasons::NOT_TRADABLE));
}

#[test]
pub(super) fn a_silent_feed_and_a_wrong_clock_price_nothing() {
    let limits = InstrumentLimits { market_data_age_max_ns: 1_000, ..LIMITS };
    let engine = EngineLimits { clock_skew_max_ns: 500, ..EngineLimits::OPEN };
    let mut risk = risk_of(engine, limits, StrategyLimits::OPEN);
    for (data_age_ns, good) in [(1_000, true), (1_001, false), (u64::MAX, false)] {
        let rule = if good { RiskReasons::default() } else { RiskReasons::DATA_AGE };
        refused(&mut risk, INTENT, Reference { data_age_ns, ..REFERENCE }, rule);
    }
    for (clock_skew_ns, good) in [(500, true), (501, false), (u64::MAX, false)] {
        let rule = if good { RiskReasons::default() } else { RiskReasons::CLOCK_SKEW };
        refused(&mut risk, INTENT, Reference { clock_skew_ns, ..REFERENCE }, rule);
    }
}

#[test]
pub(super) fn a_new_order_cannot_live_on_another_orders_reservation() {
    let mut risk = risk();
    let big = Target { quantity: 500, cumulative: 0, reserved: 500, ..TARGET };
    let reasons = risk.approve(&Intent { target: 1, ..INTENT }, &REFERENCE, Some(big), &stamp(2, 0));
    assert_eq!(reasons.unwrap_err(), RiskReasons::TARGET);
    assert_eq!(risk.exposure(0), Exposure::default());
}

#[test]
pub(super) fn cancels_pass_whatever_else_is_wrong() {
    let engine = EngineLimits { messages_per_s: 1, messages_burst: 1, ..EngineLimits::OPEN };
    let mut risk = risk_of(engine, LIMITS, StrategyLimits::OPEN);
    open(&mut risk, INTENT);
    risk.block(Scope::All, KillCause::Operator);
    let wrong = Reference { crossed: true, stale: true, ..Reference::NONE };
    for id in 2..50 {
        let cancel = Intent { price: i64::MIN, quantity: u64::MAX, ..CANCEL };
        let approval = risk.approve(&cancel, &wrong, Some(TARGET), &stamp(id, 0)).expect("a cancel");
        assert_eq!(approval.reserved, TARGET.reserved);
    }
    assert_eq!(risk.cancels_over_budget(), 47, "one was within the budget");
    let unknown = risk.approve(&CANCEL, &REFERENCE, None, &stamp(50, 0));
    assert_eq!(unknown.unwrap_err(), RiskReasons::TARGET);
}

#[test]
pub(super) fn a_replace_must_leave_something_to_trade() {
    for (quantity, good) in [(41, true), (40, false), (39, false)] {
        let outcome = risk().approve(&Intent { quantity, ..REPLACE }, &REFERENCE, Some(TARGET), &stamp(2, 0));
        assert_eq!(outcome.is_ok(), good, "replace to {quantity} of which 40 are filled");
    }
}

/// The firm's sums and a strategy's have the same three limits.
fn with_notional(gross: i128, net: i128, open: i128, of_firm: bool) -> Risk {
    let (mut engine, mut strategy) = (EngineLimits::OPEN, StrategyLimits::OPEN);
    if of_firm {
        (engine.gross_notional_max, engine.net_notional_max, engine.open_notional_max) = (gross, net, open);
    } else {
        (strategy.gross_notional_max, strategy.net_notional_max, strategy.open_notional_max) =
            (gross, net, open);
    }
    risk_of(engine, LIMITS, strategy)
}

#[test]
pub(super) fn gross_net_and_open_notional_at_their_limits() {
    const NONE: i128 = i128::MAX;
    for of_firm in [true, false] {
        // 100 at 100 is 10,000.
        for (gross, net, open, rule) in [
            (dollars(20_000), NONE, NONE, RiskReasons::GROSS_NOTIONAL),
            (NONE, dollars(20_000), NONE, RiskReasons::NET_NOTIONAL),
            (NONE, NONE, dollars(20_000), RiskReasons::OPEN_NOTIONAL),
        ] {
            for side in [Side::Buy, Side::Sell] {
                let intent = Intent { side, ..INTENT };
                let mut risk = with_notional(gross, net, open, of_firm);
                super::open(&mut risk, intent);
                passes(&mut risk, intent, REFERENCE);
                refused(&mut risk, Intent { quantity: 101, ..intent }, REFERENCE, rule);
                // A position counts as an order does, but for the sum of the open ones.
                let mut risk = with_notional(gross, net, open, of_firm);
                risk.fill(&fill(side, 100));
                passes(&mut risk, intent, REFERENCE);
                let over = if open == NONE { rule } else { RiskReasons::default() };
                refused(&mut risk, Intent { quantity: 101, ..intent }, REFERENCE, over);
                // The way out stays open.
                let mut risk = with_notional(gross.min(dollars(1)), net.min(dollars(1)), open, of_firm);
                risk.fill(&fill(side, 100));
                passes(&mut risk, Intent { side: side.opposite(), ..intent }, REFERENCE);
                let beyond = Intent { side: side.opposite(), quantity: 101, ..intent };
                assert!(!verdict(&mut risk, beyond, REFERENCE).is_clear());
            }
        }
        // Orders of both sides add up in gross and open, not in net.
        let mut risk = with_notional(dollars(10_000), NONE, NONE, of_firm);
        super::open(&mut risk, INTENT);
        refused(&mut risk, SELL, REFERENCE, RiskReasons::GROSS_NOTIONAL);
        let mut risk = with_notional(NONE, dollars(10_000), NONE, of_firm);
        super::open(&mut risk, INTENT);
        passes(&mut risk, SELL, REFERENCE);
    }
}

/// An ordinary order, new or replaced, bought or sold, is seen to be one; of what is close to a limit it is not said.
#[test]
fn an_ordinary_order_takes_no_closer_look() {
    let plain = |intent: Intent, reference: Reference| {
        let mut risk = Risk::new(EngineLimits::OPEN, vec![LIMITS]);
        // Before the first order nobody has measured what room there is.
        assert!(risk.plainly_fine::<true>(&INTENT, &REFERENCE, &NO_TARGET, &stamp(1, 0)).is_none());
        risk.measure_room(0);
        if intent.action == OrderAction::New {
            risk.plainly_fine::<true>(&intent, &reference, &NO_TARGET, &stamp(1, 0)).is_some()
        } else {
            risk.plainly_fine::<false>(&intent, &reference, &TARGET, &stamp(1, 0)).is_some()
        }
    };
    assert!(plain(INTENT, REFERENCE) && plain(SELL, REFERENCE) && plain(REPLACE, REFERENCE));
    for intent in [
        Intent { quantity: 501, ..INTENT },
        Intent { quantity: 0, ..INTENT },
        Intent { price: 102 * DOLLAR, ..INTENT },
        Intent { price: 100 * DOLLAR + 1, ..INTENT },
        Intent { price: -TICK, ..INTENT },
        Intent { target: 1, ..INTENT },
        Intent { quantity: 40, ..REPLACE },
        Intent { side: Side::None, ..INTENT },
        Intent { instrument: 1, ..INTENT },
    ] {
        assert!(!plain(intent, REFERENCE), "{intent:?}");
    }
    for reference in [
        Reference::NONE,
        Reference { bid_px: PRICE_NONE, ..REFERENCE },
        Reference { stale: true, ..REFERENCE },
        Reference { own_ask_px: 100 * DOLLAR, ..REFERENCE },
    ] {
        assert!(!plain(INTENT, reference), "{reference:?}");
    }
}

#[test]
pub(super) fn a_sum_that_overflowed_says_too_much_for_good() {
    let mut total = Total::default();
    total.add(LOST - 1);
    assert!(!total.exceeds(0, LOST - 1) && total.exceeds(1, LOST - 1) && !total.exceeds_negated(0, 1_000));
    total.add(1);
    total.add(-1_000);
    assert!(total.exceeds(0, LOST - 1) && total.exceeds_negated(0, 1_000));
    for beyond in [i128::MAX, i128::MIN] {
        let mut total = Total::default();
        total.add(beyond);
        total.add(-1);
        assert!(total.exceeds(0, LOST - 1) && total.exceeds_negated(0, LOST - 1), "{beyond}");
    }
    let mut risk = with_notional(dollars(1_000_000), dollars(1_000_000), i128::MAX, true);
    for _ in 0..4 {
        risk.fill(&Fill { price: i64::MAX, ..fill(Side::Buy, i64::MAX as u64) });
    }
    let reasons = verdict(&mut risk, INTENT, REFERENCE);
    assert!(reasons.contains(RiskReasons::GROSS_NOTIONAL | RiskReasons::NET_NOTIONAL), "{reasons}");
}

#[test]
pub(super) fn buying_power_takes_the_margin_of_positions_and_orders() {
    let limits = InstrumentLimits { margin_bp: 2_500, ..LIMITS };
    let engine = EngineLimits { buying_power: dollars(5_000), ..EngineLimits::OPEN };
    let mut risk = risk_of(engine, limits, StrategyLimits::OPEN);
    risk.fill(&fill(Side::Buy, 100));
    // A quarter of 20,000.
    passes(&mut risk, INTENT, REFERENCE);
    refused(&mut risk, Intent { quantity: 101, ..INTENT }, REFERENCE, RiskReasons::BUYING_POWER);
    passes(&mut risk, SELL, REFERENCE);
    risk.command(Command::SetLimit(LimitChange {
        version: 2,
        scope: Scope::Instrument(0),
        rule: LimitRule::MarginBp,
        value: 5_000,
    }));
    refused(&mut risk, Intent { quantity: 1, ..INTENT }, REFERENCE, RiskReasons::BUYING_POWER);
    let most = Intent { price: i64::MAX, quantity: u64::MAX, ..INTENT };
    assert!(verdict(&mut risk, most, REFERENCE).contains(RiskReasons::BUYING_POWER));
}

#[test]
pub(super) fn open_orders_at_their_limits() {
    let own = InstrumentLimits { open_orders_max: 2, ..LIMITS };
    let firm = EngineLimits { open_orders_max: 2, ..EngineLimits::OPEN };
    for mut risk in
        [risk_of(EngineLimits::OPEN, own, StrategyLimits::OPEN), risk_of(firm, LIMITS, StrategyLimits::OPEN)]
    {
        open(&mut risk, INTENT);
        passes(&mut risk, INTENT, REFERENCE);
        let last = risk.approve(&INTENT, &REFERENCE, None, &stamp(2, 0)).expect("the second");
        refused(&mut risk, INTENT, REFERENCE, RiskReasons::OPEN_ORDERS);
        passes(&mut risk, REPLACE, REFERENCE);
        risk.release(&last.released());
        passes(&mut risk, INTENT, REFERENCE);
    }
    let none = InstrumentLimits { open_orders_max: 0, ..LIMITS };
    refused(
        &mut risk_of(EngineLimits::OPEN, none, StrategyLimits::OPEN),
        INTENT,
        REFERENCE,
        RiskReasons::OPEN_ORDERS,
    );
}

#[test]
pub(super) fn the_same_order_again_and_again() {
    let limits = InstrumentLimits { duplicates_max: 2, duplicate_window_ns: 1_000, ..LIMITS };
    let mut risk = risk_of(EngineLimits::OPEN, limits, StrategyLimits::OPEN);
    for (id, time_ns) in [(1, 0), (2, 500)] {
        risk.approve(&INTENT, &REFERENCE, None, &stamp(id, time_ns)).expect("not too many");
    }
    assert_eq!(verdict_at(&mut risk, INTENT, REFERENCE, 999), RiskReasons::DUPLICATE_ORDER);
    assert_eq!(verdict_at(&mut risk, INTENT, REFERENCE, 1_000), RiskReasons::default(), "the first is old");
    for other in [
        Intent { price: INTENT.price - TICK, ..INTENT },
        Intent { quantity: 99, ..INTENT },
        SELL,
        Intent { instrument: 1, ..INTENT },
        REPLACE,
    ] {
        assert_eq!(verdict_at(&mut risk, other, REFERENCE, 999), RiskReasons::default(), "{other:?}");
    }
    let never = InstrumentLimits { duplicates_max: 0, duplicate_window_ns: u64::MAX, ..LIMITS };
    let mut risk = risk_of(EngineLimits::OPEN, never, StrategyLimits::OPEN);
    assert_eq!(verdict_at(&mut risk, INTENT, REFERENCE, u64::MAX), RiskReasons::DUPLICATE_ORDER);
}

#[test]
pub(super) fn our_own_orders_are_not_traded_against() {
    let mut risk = risk();
    let own = Reference { own_bid_px: 100 * DOLLAR, own_ask_px: 100 * DOLLAR, ..REFERENCE };
    for (side, price, good) in [
        (Side::Buy, 100 * DOLLAR - TICK, true),
        (Side::Buy, 100 * DOLLAR, false),
        (Side::Sell, 100 * DOLLAR + TICK, true),
        (Side::Sell, 100 * DOLLAR, false),
    ] {
        let rule = if good { RiskReasons::default() } else { RiskReasons::SELF_TRADE };
        refused(&mut risk, Intent { side, price, ..INTENT }, own, rule);
    }
    let most = Intent { price: i64::MAX, ..INTENT };
    assert!(verdict(&mut risk, most, own).contains(RiskReasons::SELF_TRADE));
}

fn us_equity(limits: InstrumentLimits) -> Risk {
    risk_of(EngineLimits::OPEN, InstrumentLimits { us_equity: true, ..limits }, StrategyLimits::OPEN)
}

#[test]
pub(super) fn short_sales_are_marked_and_need_a_locate() {
    let mut risk = us_equity(InstrumentLimits { locate_qty: 50, ..LIMITS });
    risk.fill(&fill(Side::Buy, 100));
    let long = risk.approve(&SELL, &REFERENCE, None, &stamp(1, 0)).expect("all of it is held");
    assert!(!long.order.sells_short);
    let short = risk.approve(&Intent { quantity: 50, ..SELL }, &REFERENCE, None, &stamp(2, 0));
    assert!(short.expect("located").order.sells_short, "what is held is offered already");
    refused(&mut risk, Intent { quantity: 1, ..SELL }, REFERENCE, RiskReasons::SHORT_LOCATE);
    passes(&mut risk, INTENT, REFERENCE);
    // A replace keeps its mark, and a long sale cannot become a short one.
    let mut risk = us_equity(InstrumentLimits { locate_qty: 500, ..LIMITS });
    risk.fill(&fill(Side::Buy, 60));
    let more = Intent { quantity: 200, side: Side::Sell, ..REPLACE };
    let long = Target { quantity: 60, cumulative: 0, reserved: 60, ..TARGET };
    let refused = risk.approve(&more, &REFERENCE, Some(long), &stamp(1, 0)).unwrap_err();
    assert_eq!(refused, RiskReasons::SHORT_LOCATE);
    let short = Target { sells_short: true, ..long };
    let approval =
        risk.approve(&more, &REFERENCE, Some(short), &stamp(1, 0)).expect("short before and after");
    assert!(approval.order.sells_short);
    let mut elsewhere = risk_of(EngineLimits::OPEN, LIMITS, StrategyLimits::OPEN);
    let approval = elsewhere.approve(&SELL, &REFERENCE, None, &stamp(1, 0)).expect("no such law");
    assert!(!approval.order.sells_short);
    let mut none = us_equity(LIMITS);
    let most = verdict(&mut none, Intent { quantity: u64::MAX, ..SELL }, REFERENCE);
    assert!(most.contains(RiskReasons::SHORT_LOCATE));
}

#[test]
pub(super) fn a_restricted_short_sale_is_above_the_bid() {
    let mut risk = us_equity(InstrumentLimits { locate_qty: 500, short_restricted: true, ..LIMITS });
    let at = |price| Intent { price, ..SELL };
    refused(&mut risk, at(99 * DOLLAR), REFERENCE, RiskReasons::SHORT_PRICE);
    passes(&mut risk, at(99 * DOLLAR + TICK), REFERENCE);
    let no_bid = Reference { national_bid_px: PRICE_NONE, ..REFERENCE };
    refused(&mut risk, SELL, no_bid, RiskReasons::SHORT_PRICE);
    // Venues cross each other: the reference is the venue's own market, the rule's bid is the nation's.
    let crossed = Reference { national_bid_px: 101 * DOLLAR, ..REFERENCE };
    refused(&mut risk, SELL, crossed, RiskReasons::SHORT_PRICE);
    risk.fill(&fill(Side::Buy, 100));
    passes(&mut risk, at(99 * DOLLAR), REFERENCE);
}

#[test]
pub(super) fn nothing_locks_crosses_or_trades_through_another_venue() {
    let away = Reference { away_bid_px: 99 * DOLLAR, away_ask_px: 100 * DOLLAR, ..REFERENCE };
    let limits = InstrumentLimits { locate_qty: 500, ..LIMITS };
    let mut risk = us_equity(limits);
    let clear = RiskReasons::default();
    for (side, time_in_force, price, rule) in [
        (Side::Buy, TimeInForce::Day, 100 * DOLLAR - TICK, clear),
        (Side::Buy, TimeInForce::Day, 100 * DOLLAR, RiskReasons::LOCKS_AWAY),
        (Side::Buy, TimeInForce::Day, 100 * DOLLAR + TICK, RiskReasons::LOCKS_AWAY),
        (Side::Buy, TimeInForce::ImmediateOrCancel, 100 * DOLLAR, clear),
        (Side::Buy, TimeInForce::ImmediateOrCancel, 100 * DOLLAR + TICK, RiskReasons::TRADE_THROUGH),
        (Side::Sell, TimeInForce::Day, 99 * DOLLAR + TICK, clear),
        (Side::Sell, TimeInForce::Day, 99 * DOLLAR, RiskReasons::LOCKS_AWAY),
        (Side::Sell, TimeInForce::ImmediateOrCancel, 99 * DOLLAR, clear),
    ] {
        refused(&mut risk, Intent { side, time_in_force, price, ..INTENT }, away, rule);
    }
    let below = Intent {
        side: Side::Sell,
        time_in_force: TimeInForce::ImmediateOrCancel,
        price: 99 * DOLLAR - TICK,
        ..INTENT
    };
    let reasons = verdict(&mut risk, below, away);
    assert!(reasons.contains(RiskReasons::TRADE_THROUGH));
    let mut elsewhere = risk_of(EngineLimits::OPEN, limits, StrategyLimits::OPEN);
    passes(&mut elsewhere, INTENT, away);
}

#[test]
pub(super) fn restricted_instruments_and_those_that_a_strategy_did_not_declare() {
    let listed = InstrumentLimits { restricted: true, ..LIMITS };
    let mut risk = risk_of(EngineLimits::OPEN, listed, StrategyLimits::OPEN);
    refused(&mut risk, INTENT, REFERENCE, RiskReasons::RESTRICTED);
    let strategies: [(StrategyLimits, &[u32]); 2] =
        [(StrategyLimits::OPEN, &[1]), (StrategyLimits::OPEN, &[0])];
    let mut risk = Risk::new(EngineLimits::OPEN, vec![LIMITS, LIMITS]).with_strategies(&strategies);
    for (strategy, instrument, good) in
        [(0, 0, false), (0, 1, true), (1, 0, true), (1, 1, false), (2, 0, false)]
    {
        let stamp = Stamp { strategy, ..stamp(1, 0) };
        let outcome = risk.approve(&Intent { instrument, ..INTENT }, &REFERENCE, None, &stamp);
        match outcome {
            Ok(approval) => risk.withdraw(approval),
            Err(reasons) => assert_eq!(reasons, RiskReasons::RESTRICTED),
        }
        assert_eq!(verdict_of(&mut risk, strategy, instrument), good, "strategy {strategy} in {instrument}");
    }
}

fn verdict_of(risk: &mut Risk, strategy: u16, instrument: u32) -> bool {
    let stamp = Stamp { strategy, ..stamp(1, 0) };
    let outcome = risk.approve(&Intent { instrument, ..INTENT }, &REFERENCE, None, &stamp);
    outcome.map(|approval| risk.withdraw(approval)).is_ok()
}

#[test]
pub(super) fn too_many_messages_for_each_trade() {
    let engine = EngineLimits { order_to_trade_max: 3, order_to_trade_from: 5, ..EngineLimits::OPEN };
    let mut risk = risk_of(engine, InstrumentLimits { order_qty_max: 1, ..LIMITS }, StrategyLimits::OPEN);
    let one = Intent { quantity: 1, ..INTENT };
    for _ in 0..5 {
        passes(&mut risk, one, REFERENCE);
        open(&mut risk, one);
    }
    refused(&mut risk, one, REFERENCE, RiskReasons::ORDER_TO_TRADE);
    risk.fill(&fill(Side::Buy, 1));
    refused(&mut risk, one, REFERENCE, RiskReasons::ORDER_TO_TRADE);
    risk.fill(&fill(Side::Buy, 1));
    passes(&mut risk, one, REFERENCE);
    open(&mut risk, one);
    refused(&mut risk, one, REFERENCE, RiskReasons::ORDER_TO_TRADE);
    let strict =
        EngineLimits { order_to_trade_max: u64::MAX / 2, order_to_trade_from: 0, ..EngineLimits::OPEN };
    let mut risk = risk_of(strict, LIMITS, StrategyLimits::OPEN);
    for _ in 0..3 {
        risk.fill(&fill(Side::Buy, 1));
    }
    passes(&mut risk, INTENT, REFERENCE);
}

#[test]
pub(super) fn withdraw_restores_rate_exposure_and_id() {
    let engine = EngineLimits { messages_per_s: 1, messages_burst: 1, ..EngineLimits::OPEN };
    let mut risk = risk_of(engine, LIMITS, StrategyLimits::OPEN);
    for _ in 0..3 {
        let approval = risk.approve(&INTENT, &REFERENCE, None, &stamp(1, 0)).expect("as if never approved");
        risk.withdraw(approval);
        assert_eq!(risk.exposure(0), Exposure::default());
        assert_eq!((risk.firm.totals.open(), risk.firm.margin), (0, Total::default()));
        assert_eq!((risk.firm.open_orders, risk.firm.messages), (0, 0));
    }
    let kept = risk.approve(&INTENT, &REFERENCE, None, &stamp(1, 0)).expect("clear");
    assert_eq!(kept.reserved, 100);
    let target = Target { quantity: 100, cumulative: 0, reserved: 100, ..TARGET };
    let replace = Intent { quantity: 400, ..REPLACE };
    let approval = risk.approve(&replace, &REFERENCE, Some(target), &stamp(2, 1_000_000_000));
    let approval = approval.expect("clear");
    assert_eq!(risk.exposure(0).open_buy, 400);
    risk.withdraw(approval);
    assert_eq!(risk.exposure(0).open_buy, 100, "only what the replace added is given back");
    assert_eq!((risk.firm.totals.open(), risk.firm.open_orders), (dollars(10_000), 1));
}
