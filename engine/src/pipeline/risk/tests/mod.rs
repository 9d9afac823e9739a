//! Risk: each rule just inside, just outside and where arithmetic ends; all rules against a model in wide integers; what
//! fills, prices and commands lead to. `tests/RISK.md` says which test fails without which rule.

mod accounts;
mod deletions;
mod events;
mod masks;
mod rates;
mod rooms;
mod rules;

use super::checks::NO_TARGET;
use super::*;
use crate::order::{Intent, OrderAction, TimeInForce};
use crate::pipeline::operator::{KillCause, LimitRule, Scope};

const DOLLAR: i64 = 1_000_000_000;
const TICK: i64 = 10_000_000;

const LIMITS: InstrumentLimits = InstrumentLimits {
    order_qty_max: 500,
    order_notional_max: 50_000 * DOLLAR as i128,
    collar_bp: 100,
    position_max: 1_000,
    price_tick: TICK,
    ..InstrumentLimits::OPEN
};

const REFERENCE: Reference = Reference::of(99 * DOLLAR, 101 * DOLLAR);

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

const SELL: Intent = Intent { side: Side::Sell, ..INTENT };
const CANCEL: Intent = Intent { action: OrderAction::Cancel, target: 1, ..INTENT };
const REPLACE: Intent = Intent { action: OrderAction::Replace, target: 1, ..INTENT };

const TARGET: Target =
    Target { quantity: 100, cumulative: 40, reserved: 60, price: 100 * DOLLAR, sells_short: false };

fn dollars(units: i64) -> i128 {
    i128::from(units) * i128::from(DOLLAR)
}

fn stamp(cl_ord_id: ClOrdId, time_ns: u64) -> Stamp {
    Stamp { decision: 1, time_ns, cl_ord_id, strategy: 0 }
}

/// One venue with fees, one strategy that may trade both instruments.
fn risk_of(engine: EngineLimits, limits: InstrumentLimits, strategy: StrategyLimits) -> Risk {
    let venues = [VenueTerms { rate: None, taker_fee: 3_000_000, maker_fee: -2_000_000 }];
    let second = InstrumentLimits { price_tick: TICK, ..InstrumentLimits::OPEN };
    Risk::new(engine, vec![limits, second]).with_venues(&venues).with_strategies(&[(strategy, &[0, 1])])
}

fn risk() -> Risk {
    risk_of(EngineLimits::OPEN, LIMITS, StrategyLimits::OPEN)
}

/// A fill of the strategy, at 100, that is known by nothing but its quantity.
fn fill(side: Side, quantity: u64) -> Fill {
    Fill {
        instrument: 0,
        strategy: 0,
        venue: 0,
        side,
        price: 100 * DOLLAR,
        quantity,
        takes: false,
        exec_id: 0,
        cl_ord_id: 0,
        time_ns: 0,
    }
}

/// Opens an order that must pass, and leaves it open.
fn open(risk: &mut Risk, intent: Intent) {
    let id = risk.last_cl_ord_id + 1;
    risk.approve(&intent, &REFERENCE, None, &stamp(id, 0)).expect("within every limit");
}

/// The reasons for refusing `intent`, which reserves nothing then.
fn verdict(risk: &mut Risk, intent: Intent, reference: Reference) -> RiskReasons {
    verdict_at(risk, intent, reference, 0)
}

fn verdict_at(risk: &mut Risk, intent: Intent, reference: Reference, time_ns: u64) -> RiskReasons {
    let before = risk.exposure(intent.instrument);
    let id = risk.last_cl_ord_id + 1;
    let target = (intent.action != OrderAction::New).then_some(TARGET);
    match risk.approve(&intent, &reference, target, &stamp(id, time_ns)) {
        Ok(approval) => {
            risk.withdraw(approval);
            assert_eq!(risk.exposure(intent.instrument), before, "taken back");
            RiskReasons::default()
        }
        Err(reasons) => {
            assert_eq!(risk.exposure(intent.instrument), before, "a refusal reserves nothing");
            reasons
        }
    }
}

/// Refused for this and nothing else.
#[track_caller]
fn refused(risk: &mut Risk, intent: Intent, reference: Reference, rule: RiskReasons) {
    let reasons = verdict(risk, intent, reference);
    assert_eq!(reasons, rule, "{reasons} and not {rule}");
}

#[track_caller]
fn passes(risk: &mut Risk, intent: Intent, reference: Reference) {
    refused(risk, intent, reference, RiskReasons::default());
}
