//! Risk against rules written out in 128-bit integers, and each rule at its edge.

use super::*;
use crate::order::TimeInForce;
use crate::pipeline::draws::Draws;

const DOLLAR: i64 = 1_000_000_000;
const TICK: i64 = 10_000_000;

const LIMITS: InstrumentLimits = InstrumentLimits {
    order_qty_max: 500,
    order_notional_max: 50_000 * DOLLAR as i128,
    collar_bp: 100,
    position_max: 1_000,
    price_tick: TICK,
};

const REFERENCE: Reference =
    Reference { bid_px: 99 * DOLLAR, ask_px: 101 * DOLLAR, tradable: true, crossed: false, stale: false };

const INTENT: Intent = Intent {
    action: OrderAction::New,
    target: 0,
    price: 100 * DOLLAR,
    quantity: 100,
    instrument: 0,
    venue: 0,
    side: Side::Buy,
    time_in_force: TimeInForce::Day,
};

const CANCEL: Intent = Intent { action: OrderAction::Cancel, target: 1, ..INTENT };

const TARGET: Target = Target { quantity: 100, cumulative: 40, reserved: 60 };

fn risk() -> Risk {
    Risk::new(EngineLimits { messages_per_s: 1_000, messages_burst: 1_000 }, vec![LIMITS])
}

fn stamp(cl_ord_id: ClOrdId, time_ns: u64) -> Stamp {
    Stamp { decision: 1, time_ns, cl_ord_id, strategy: 0 }
}

/// The reasons for refusing `intent` on a fresh risk that `prepare` has touched.
fn reasons(intent: Intent, reference: Reference, prepare: impl FnOnce(&mut Risk)) -> RiskReasons {
    let mut risk = risk();
    prepare(&mut risk);
    let before = risk.exposure(0);
    match risk.approve(&intent, &reference, None, &stamp(7, 0)) {
        Ok(_) => RiskReasons::default(),
        Err(reasons) => {
            assert_eq!(risk.exposure(0), before, "a refusal reserves nothing");
            reasons
        }
    }
}

fn of(intent: Intent) -> RiskReasons {
    reasons(intent, REFERENCE, |_| {})
}

#[test]
fn quantity_at_its_limit() {
    let cheap = Intent { price: 100 * DOLLAR, ..INTENT };
    assert!(of(Intent { quantity: 500, ..cheap }).is_clear());
    assert_eq!(of(Intent { quantity: 501, ..cheap }), RiskReasons::ORDER_QTY | RiskReasons::NOTIONAL);
    assert_eq!(of(Intent { quantity: 0, ..cheap }), RiskReasons::ORDER_QTY);
    let most = of(Intent { quantity: u64::MAX, ..cheap });
    assert_eq!(most, RiskReasons::ORDER_QTY | RiskReasons::NOTIONAL | RiskReasons::POSITION);
}

#[test]
fn notional_at_its_limit() {
    // 500 at 100 is the limit; a tick more is above it.
    assert!(of(Intent { quantity: 500, ..INTENT }).is_clear());
    assert_eq!(of(Intent { quantity: 500, price: 100 * DOLLAR + TICK, ..INTENT }), RiskReasons::NOTIONAL);
    for price in [i64::MAX, i64::MIN, i64::MIN + 1] {
        let reasons = of(Intent { quantity: u64::MAX, price, ..INTENT });
        assert_eq!(reasons.contains(RiskReasons::NOTIONAL), price > 0, "{price}");
        assert!(reasons.contains(RiskReasons::PRICE) && reasons.contains(RiskReasons::COLLAR), "{price}");
    }
}

#[test]
fn price_on_the_tick_and_positive() {
    assert_eq!(of(Intent { price: 100 * DOLLAR + 1, ..INTENT }), RiskReasons::PRICE);
    assert_eq!(of(Intent { price: 0, ..INTENT }), RiskReasons::PRICE | RiskReasons::COLLAR);
    assert_eq!(of(Intent { price: -TICK, ..INTENT }), RiskReasons::PRICE | RiskReasons::COLLAR);
}

#[test]
fn collar_at_its_limit_on_both_sides() {
    // 100 basis points of a mid of 100.
    for side in [Side::Buy, Side::Sell] {
        for (inside, outside) in [(101 * DOLLAR, 101 * DOLLAR + TICK), (99 * DOLLAR, 99 * DOLLAR - TICK)] {
            assert!(of(Intent { price: inside, side, ..INTENT }).is_clear());
            assert_eq!(of(Intent { price: outside, side, ..INTENT }), RiskReasons::COLLAR);
        }
    }
    let extreme = Reference { bid_px: i64::MAX, ask_px: i64::MAX, ..REFERENCE };
    assert_eq!(reasons(INTENT, extreme, |_| {}), RiskReasons::COLLAR);
}

#[test]
fn a_reference_has_two_sides() {
    for half in [Reference { bid_px: PRICE_NONE, ..REFERENCE }, Reference { ask_px: PRICE_NONE, ..REFERENCE }]
    {
        assert_eq!(reasons(INTENT, half, |_| {}), RiskReasons::NO_REFERENCE);
    }
}

#[test]
fn position_at_its_limit_counts_what_is_open() {
    let held = |position: u64| move |risk: &mut Risk| risk.fill(0, Side::Buy, position);
    assert!(reasons(INTENT, REFERENCE, held(900)).is_clear());
    assert_eq!(reasons(INTENT, REFERENCE, held(901)), RiskReasons::POSITION);
    let sell = Intent { side: Side::Sell, ..INTENT };
    assert!(reasons(sell, REFERENCE, held(u64::MAX)).is_clear(), "selling what is held is always allowed");
    assert_eq!(reasons(INTENT, REFERENCE, held(u64::MAX)), RiskReasons::POSITION);
    let short = |risk: &mut Risk| {
        risk.fill(0, Side::Sell, u64::MAX);
        risk.fill(0, Side::Sell, u64::MAX);
    };
    assert_eq!(reasons(sell, REFERENCE, short), RiskReasons::POSITION);
    assert_eq!(reasons(Intent { side: Side::None, ..INTENT }, REFERENCE, |_| {}), RiskReasons::POSITION);
    let open = |risk: &mut Risk| {
        for id in 1..=2 {
            let large = Intent { quantity: 450, ..INTENT };
            risk.approve(&large, &REFERENCE, None, &stamp(id, 0)).expect("within every limit");
        }
    };
    assert!(reasons(INTENT, REFERENCE, open).is_clear());
    assert_eq!(reasons(Intent { quantity: 101, ..INTENT }, REFERENCE, open), RiskReasons::POSITION);
}

#[test]
fn market_state_and_identity() {
    assert_eq!(
        reasons(INTENT, Reference { tradable: false, ..REFERENCE }, |_| {}),
        RiskReasons::NOT_TRADABLE
    );
    assert_eq!(reasons(INTENT, Reference { crossed: true, ..REFERENCE }, |_| {}), RiskReasons::BOOK_CROSSED);
    assert_eq!(reasons(INTENT, REFERENCE, Risk::kill), RiskReasons::KILL_SWITCH);
    assert!(
        of(Intent { instrument: 1, ..INTENT }).contains(RiskReasons::NOT_TRADABLE),
        "no limits, no trade"
    );
    assert_eq!(of(Intent { target: 3, ..INTENT }), RiskReasons::TARGET, "a new order has no target");
    let mut risk = risk();
    let full = risk.approve(&INTENT, &REFERENCE, None, &stamp(0, 0));
    assert_eq!(full.unwrap_err(), RiskReasons::TABLE_FULL);
    risk.approve(&INTENT, &REFERENCE, None, &stamp(5, 0)).expect("clear");
    for used in [5, 4] {
        let again = risk.approve(&INTENT, &REFERENCE, None, &stamp(used, 0));
        assert_eq!(again.unwrap_err(), RiskReasons::DUPLICATE_CL_ORD_ID);
    }
}

#[test]
fn a_new_order_cannot_live_on_another_orders_reservation() {
    let mut risk = risk();
    let big = Target { quantity: 500, cumulative: 0, reserved: 500 };
    let reasons = risk.approve(&Intent { target: 1, ..INTENT }, &REFERENCE, Some(big), &stamp(2, 0));
    assert_eq!(reasons.unwrap_err(), RiskReasons::TARGET);
    assert_eq!(risk.exposure(0), Exposure::default());
}

#[test]
fn cancels_pass_whatever_else_is_wrong() {
    let mut risk = Risk::new(EngineLimits { messages_per_s: 1, messages_burst: 1 }, vec![LIMITS]);
    risk.approve(&INTENT, &REFERENCE, None, &stamp(1, 0)).expect("clear");
    risk.kill();
    let nothing_right =
        Reference { bid_px: PRICE_NONE, ask_px: PRICE_NONE, tradable: false, crossed: true, stale: true };
    for id in 2..50 {
        let cancel = Intent { price: i64::MIN, quantity: u64::MAX, ..CANCEL };
        let approval = risk.approve(&cancel, &nothing_right, Some(TARGET), &stamp(id, 0)).expect("a cancel");
        assert_eq!(approval.reserved, TARGET.reserved);
    }
    let unknown = risk.approve(&CANCEL, &REFERENCE, None, &stamp(50, 0));
    assert_eq!(unknown.unwrap_err(), RiskReasons::TARGET);
}

#[test]
fn a_replace_must_leave_something_to_trade() {
    let replace = Intent { action: OrderAction::Replace, target: 1, ..INTENT };
    for (quantity, good) in [(41, true), (40, false), (39, false)] {
        let mut risk = risk();
        let outcome = risk.approve(&Intent { quantity, ..replace }, &REFERENCE, Some(TARGET), &stamp(2, 0));
        assert_eq!(outcome.is_ok(), good, "replace to {quantity} of which 40 are filled");
    }
}

/// Rates that divide a second and rates that do not, and the fastest that can be asked for.
const RATES: [u32; 7] = [1, 3, 7, 1_000, 999_999, 700_000_000, u32::MAX];

#[test]
fn the_bucket_is_exact_at_every_rate() {
    for (seed, per_s) in (0u64..).zip(RATES.into_iter().cycle().take(70)) {
        let mut draws = Draws(seed);
        let burst = 1 + draws.below(5) as u32;
        let mut risk = Risk::new(EngineLimits { messages_per_s: per_s, messages_burst: burst }, vec![LIMITS]);
        // Credit in 1e-9 messages: exact, never divided.
        let full = i128::from(burst) * 1_000_000_000;
        let (mut credit, mut now, mut id) = (full, 0u64, 1);
        let mut sent: Vec<u64> = Vec::new();
        for _ in 0..2_000 {
            let step = draws.below(3 * NS_PER_S / u64::from(per_s) + 2);
            now += step;
            credit = (credit + i128::from(step) * i128::from(per_s)).min(full);
            let outcome = risk.approve(&INTENT, &REFERENCE, None, &stamp(id, now));
            let expected = credit >= 1_000_000_000;
            assert_eq!(outcome.is_ok(), expected, "seed {seed}, {per_s} a second, at {now}");
            if expected {
                credit -= 1_000_000_000;
                risk.release(0, Side::Buy, INTENT.quantity);
                id += 1;
                sent.push(now);
            }
        }
        for (first, &from) in sent.iter().enumerate().step_by(97) {
            for (last, &to) in sent.iter().enumerate().skip(first) {
                let allowed = full + i128::from(to - from) * i128::from(per_s);
                let messages = (last - first + 1) as i128;
                assert!(messages * 1_000_000_000 <= allowed, "seed {seed}: {messages} from {from} to {to}");
            }
        }
    }
}

#[test]
fn the_bucket_does_not_overflow() {
    let limits = EngineLimits { messages_per_s: u32::MAX, messages_burst: u32::MAX };
    let mut risk = Risk::new(limits, vec![LIMITS]);
    risk.approve(&INTENT, &REFERENCE, None, &stamp(1, u64::MAX)).expect("clear");
    risk.approve(&INTENT, &REFERENCE, None, &stamp(2, 0)).expect("a time that steps back earns nothing");
}

#[test]
fn withdraw_restores_rate_exposure_and_id() {
    let mut risk = Risk::new(EngineLimits { messages_per_s: 1, messages_burst: 1 }, vec![LIMITS]);
    for _ in 0..3 {
        let approval = risk.approve(&INTENT, &REFERENCE, None, &stamp(1, 0)).expect("as if never approved");
        risk.withdraw(approval);
        assert_eq!(risk.exposure(0), Exposure::default());
    }
    let replace = Intent { action: OrderAction::Replace, target: 1, quantity: 400, ..INTENT };
    let kept = risk.approve(&INTENT, &REFERENCE, None, &stamp(1, 0)).expect("clear");
    assert_eq!(kept.reserved, 100);
    let approval = risk.approve(
        &replace,
        &REFERENCE,
        Some(Target { quantity: 100, cumulative: 0, reserved: 100 }),
        &stamp(2, NS_PER_S),
    );
    let approval = approval.expect("clear");
    assert_eq!(risk.exposure(0).open_buy, 400);
    risk.withdraw(approval);
    assert_eq!(risk.exposure(0).open_buy, 100, "only what the replace added is given back");
}

/// Numbers at which checks tip over, and the extremes.
fn draw_price(draws: &mut Draws) -> i64 {
    match draws.below(8) {
        0 => draws.one_of(&[i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX, i64::MAX - 1]),
        1 => draws.any() as i64,
        _ => (98 * DOLLAR / TICK + draws.below(400) as i64) * TICK + i64::from(draws.once_in(9)),
    }
}

fn draw_quantity(draws: &mut Draws) -> u64 {
    match draws.below(10) {
        0 => draws.one_of(&[0, u64::MAX, u64::MAX - 1, i64::MAX as u64, 1 << 63]),
        1 => draws.any(),
        _ => draws.below(600),
    }
}

fn expected(
    risk: &Risk,
    credit: i128,
    last_id: u64,
    intent: &Intent,
    reference: &Reference,
    target: Option<Target>,
    id: u64,
) -> u32 {
    let rule = |broken: bool, rule: RiskReasons| if broken { rule.0 } else { 0 };
    let identity = rule(id == 0, RiskReasons::TABLE_FULL)
        | rule(id != 0 && id <= last_id, RiskReasons::DUPLICATE_CL_ORD_ID);
    if intent.action == OrderAction::Cancel {
        return identity | rule(target.is_none(), RiskReasons::TARGET);
    }
    let limits = risk.limits(intent.instrument);
    let (price, quantity) = (i128::from(intent.price), i128::from(intent.quantity));
    let (bid, ask) = (i128::from(reference.bid_px), i128::from(reference.ask_px));
    let two_sided = reference.bid_px != PRICE_NONE && reference.ask_px != PRICE_NONE;
    let target = target.filter(|_| intent.action == OrderAction::Replace);
    let bad_target = match intent.action {
        OrderAction::New => intent.target != 0,
        _ => target.is_none_or(|target| intent.quantity <= target.cumulative),
    };
    let (reserved, cumulative) =
        target.map_or((0, 0), |target| (i128::from(target.reserved), i128::from(target.cumulative)));
    let added = ((quantity - cumulative).max(0) - reserved).max(0);
    let held = risk.exposure(intent.instrument);
    let worst = match intent.side {
        Side::Buy => i128::from(held.position) + i128::from(held.open_buy) + added,
        Side::Sell => -i128::from(held.position) + i128::from(held.open_sell) + added,
        Side::None => i128::MAX,
    };
    let off_mid = (price * 20_000 - (bid + ask) * 10_000).abs();
    identity
        | rule(bad_target, RiskReasons::TARGET)
        | rule(risk.is_killed(), RiskReasons::KILL_SWITCH)
        | rule(!reference.tradable || limits.order_qty_max == 0, RiskReasons::NOT_TRADABLE)
        | rule(reference.crossed, RiskReasons::BOOK_CROSSED)
        | rule(reference.stale, RiskReasons::STALE_BOOK)
        | rule(quantity == 0 || quantity > i128::from(limits.order_qty_max), RiskReasons::ORDER_QTY)
        | rule(price * quantity > limits.order_notional_max, RiskReasons::NOTIONAL)
        | rule(price <= 0 || price % i128::from(limits.price_tick) != 0, RiskReasons::PRICE)
        | rule(!two_sided, RiskReasons::NO_REFERENCE)
        | rule(two_sided && off_mid > i128::from(limits.collar_bp) * (bid + ask), RiskReasons::COLLAR)
        | rule(worst > i128::from(limits.position_max), RiskReasons::POSITION)
        | rule(credit < 1_000_000_000, RiskReasons::MESSAGE_RATE)
}

#[test]
fn every_mask_equals_the_rules_written_out() {
    for seed in 0..300 {
        let mut draws = Draws(seed);
        let per_s = draws.one_of(&[3, 50, 1_000]);
        let engine = EngineLimits { messages_per_s: per_s, messages_burst: 20 };
        let wide = InstrumentLimits {
            order_qty_max: u64::MAX,
            order_notional_max: i128::MAX,
            collar_bp: u32::MAX,
            position_max: i64::MAX,
            price_tick: 1,
        };
        let mut risk = Risk::new(engine, vec![LIMITS, wide]);
        let (mut credit, mut now, mut last_id) = (20_000_000_000_i128, 0, 0);
        for step in 0..400 {
            let elapsed = draws.below(2 * NS_PER_S / u64::from(per_s));
            now += elapsed;
            let intent = Intent {
                action: draws.one_of(&[OrderAction::New, OrderAction::Replace, OrderAction::Cancel]),
                target: draws.one_of(&[0, 0, 0, 9]),
                price: draw_price(&mut draws),
                quantity: draw_quantity(&mut draws),
                instrument: draws.one_of(&[0, 0, 0, 1, 2]),
                side: draws.one_of(&[Side::Buy, Side::Sell, Side::Buy, Side::Sell, Side::None]),
                ..INTENT
            };
            let quote = |px: i64, draws: &mut Draws| if draws.once_in(20) { draw_price(draws) } else { px };
            let reference = Reference {
                bid_px: if draws.once_in(20) { PRICE_NONE } else { quote(99 * DOLLAR, &mut draws) },
                ask_px: quote(101 * DOLLAR, &mut draws),
                tradable: !draws.once_in(30),
                crossed: draws.once_in(30),
                stale: draws.once_in(50),
            };
            let cumulative = draws.below(200);
            // What a target has reserved is part of what is open.
            let held = risk.exposure(intent.instrument);
            let open = if intent.side == Side::Sell { held.open_sell } else { held.open_buy };
            let target = Target { quantity: 0, cumulative, reserved: open.min(draws.below(300)) };
            let target = (!draws.once_in(3) && intent.action != OrderAction::New).then_some(target);
            let id = if draws.once_in(20) { draws.below(last_id + 1) } else { last_id + 1 };
            let fast = intent.action != OrderAction::Cancel;
            // Credit is counted when it is asked for; what was earned before is capped just the same.
            credit = (credit + i128::from(elapsed) * i128::from(per_s)).min(20_000_000_000);
            let expected = expected(&risk, credit, last_id, &intent, &reference, target, id);
            let before = risk.exposure(intent.instrument);
            let outcome = risk.approve(&intent, &reference, target, &stamp(id, now));
            let place = format!("seed {seed}, step {step}: {intent:?} {reference:?} {target:?}");
            assert_eq!(outcome.as_ref().err().map_or(0, |reasons| reasons.0), expected, "{place}");
            match outcome {
                Err(_) => assert_eq!(risk.exposure(intent.instrument), before, "{place}"),
                Ok(approval) => {
                    let previous = std::mem::replace(&mut last_id, id);
                    credit -= if fast { 1_000_000_000 } else { 0 };
                    if draws.once_in(4) {
                        risk.withdraw(approval);
                        credit += if fast { 1_000_000_000 } else { 0 };
                        last_id = previous.max(id - 1);
                        assert_eq!(risk.exposure(intent.instrument), before, "{place}");
                    }
                }
            }
            if draws.once_in(3) {
                let side = draws.one_of(&[Side::Buy, Side::Sell]);
                let held = risk.exposure(0);
                let open = if side == Side::Buy { held.open_buy } else { held.open_sell };
                let filled = draws.below(open + 1);
                risk.fill(0, side, filled);
                risk.release(0, side, filled);
            }
            if seed % 10 == 0 && step == 300 {
                risk.kill();
            }
        }
    }
}
