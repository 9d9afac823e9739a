//! What the pre-trade checks cost: `Risk::approve`, which evaluates every rule and reserves what it approves.
//!
//! Load: 4,096 prepared new orders, in order, one thread, for one instrument and for uniformly random ones of 1,024 and of
//! 8,000. Every limit of firm, venue, instrument and strategy is set, US equity law holds, and core time goes on so that
//! about one new order of the same instrument lies in the window in which duplicates are looked for. Either all of them
//! pass, or every second one breaks one of eleven rules. The mask of every call is compared with the one that the intent
//! was made for. What a batch has reserved is released after it, untimed.

use std::hint::black_box;

use engine::order::{Intent, OrderAction, TimeInForce};
use engine::pipeline::risk::{
    EngineLimits, InstrumentLimits, RateLimit, Reference, Released, Risk, RiskReasons, Stamp, StrategyLimits,
    VenueTerms,
};
use engine::pipeline::tsc::Calibration;
use feeds::event::Side;
use feeds::units::{PRICE_NONE, PRICE_SCALE};

use crate::line::Line;
use crate::timing::{BATCH, Random, Samples};

const INTENTS: usize = 4_096;
const ROUNDS: usize = 200;
const WARM_UP_ROUNDS: usize = 20;
const TICK: i64 = PRICE_SCALE / 100;
const STRATEGIES: u16 = 4;
const DUPLICATE_WINDOW_NS: u64 = 1_000_000_000;
/// More than is ever held here, and less than none.
const MUCH: i128 = 1_000_000_000 * PRICE_SCALE as i128;

/// One prepared call and what must come of it.
#[derive(Debug)]
pub struct Case {
    /// What is wanted.
    pub intent: Intent,
    /// The market that it is judged by.
    pub reference: Reference,
    /// The verdict.
    pub expected: RiskReasons,
}

/// Runs it.
///
/// # Errors
/// A verdict that is not the one the intent was made for.
pub fn run() -> Result<Vec<Line>, String> {
    let calibration = Calibration::measure();
    let mut lines = Vec::new();
    for (instruments, which) in
        [(1, "1 instrument"), (1_024, "1,024 random instruments"), (8_000, "8,000 random instruments")]
    {
        for (rejects, mix) in [(false, "all accepted"), (true, "every second rejected")] {
            for calls in [BATCH, 1] {
                let cases = cases(instruments, rejects);
                let Measured { samples, accepted, rejected } = variant(instruments, &cases, calls)?;
                let timed = if calls == 1 { ", call by call" } else { "" };
                lines.push(
                    Line::new(
                        "risk",
                        &format!("{which}, {mix}{timed}"),
                        "closed loop, one thread: approve a new order, next; releases in between are not timed",
                        &format!("{WARM_UP_ROUNDS} of {} passes over {INTENTS} intents", ROUNDS + WARM_UP_ROUNDS),
                    )
                    .figures(samples.figures(&calibration, 1.0))
                    .given(cases.iter().map(|case| format!("{case:?}")))
                    .with("accepted", accepted)
                    .with("rejected", rejected)
                    .checked("the reason mask of every call is the expected one")
                    .checked("no exposure is left reserved"),
                );
            }
        }
    }
    Ok(lines)
}

struct Measured {
    samples: Samples,
    accepted: usize,
    rejected: usize,
}

/// Risk with every limit set, none of which is reached but by intention.
#[must_use]
pub fn every_limit(instruments: usize) -> Risk {
    let limits = InstrumentLimits {
        order_qty_max: 500,
        order_qty_min: 1,
        lot_qty: 1,
        order_notional_max: 100_000 * i128::from(PRICE_SCALE),
        collar_bp: 100,
        touch_ticks_max: 300,
        position_max: 1_000_000,
        price_tick: TICK,
        open_orders_max: 10_000,
        rate: Some(RateLimit { per_s: 1_000_000, burst: 100_000 }),
        duplicates_max: 300,
        duplicate_window_ns: DUPLICATE_WINDOW_NS,
        last_trade_age_max_ns: 1_000_000_000,
        market_data_age_max_ns: 1_000_000_000,
        restricted: false,
        us_equity: true,
        short_restricted: false,
        locate_qty: 1_000_000,
        margin_bp: 5_000,
    };
    let engine = EngineLimits {
        messages_per_s: 1_000_000,
        messages_burst: 100_000,
        open_orders_max: 100_000,
        gross_notional_max: MUCH,
        net_notional_max: MUCH,
        open_notional_max: MUCH,
        buying_power: MUCH,
        order_to_trade_max: u64::MAX / 2,
        clock_skew_max_ns: 1_000_000,
        ..EngineLimits::default()
    };
    let strategy = StrategyLimits {
        gross_notional_max: MUCH,
        net_notional_max: MUCH,
        open_notional_max: MUCH,
        ..StrategyLimits::OPEN
    };
    let venue =
        VenueTerms { rate: Some(RateLimit { per_s: 1_000_000, burst: 100_000 }), ..VenueTerms::default() };
    let all: Vec<u32> = (0..instruments as u32).collect();
    let strategies = vec![(strategy, all.as_slice()); usize::from(STRATEGIES)];
    Risk::new(engine, vec![limits; instruments]).with_venues(&[venue; 2]).with_strategies(&strategies)
}

fn variant(instruments: usize, cases: &[Case], calls: usize) -> Result<Measured, String> {
    let mut risk = every_limit(instruments);
    let mut samples = if calls == 1 {
        Samples::single(ROUNDS * INTENTS)
    } else {
        Samples::batches(ROUNDS * INTENTS / BATCH)
    };
    let (mut accepted, mut rejected, mut decision) = (0, 0, 0_u64);
    let step_ns = DUPLICATE_WINDOW_NS / instruments as u64;
    for round in 0..WARM_UP_ROUNDS + ROUNDS {
        if round == WARM_UP_ROUNDS {
            samples.clear();
            (accepted, rejected) = (0, 0);
        }
        for batch in cases.chunks_exact(calls) {
            let mut masks = [RiskReasons::default(); BATCH];
            let mut released: [Option<Released>; BATCH] = [None; BATCH];
            samples.time(|index| {
                let case = &batch[index];
                decision += 1;
                let stamp = Stamp {
                    decision,
                    time_ns: decision * step_ns,
                    cl_ord_id: decision,
                    strategy: decision as u16 % STRATEGIES,
                };
                match risk.approve(&case.intent, &case.reference, None, &stamp) {
                    Ok(approval) => released[index] = Some(black_box(approval).released()),
                    Err(reasons) => masks[index] = reasons,
                }
            });
            for released in released.iter().flatten() {
                risk.release(released);
            }
            for (case, mask) in batch.iter().zip(masks) {
                if mask != case.expected {
                    return Err(format!("{:?}: {mask} and not {}", case.intent, case.expected));
                }
                if mask.is_clear() { accepted += 1 } else { rejected += 1 }
            }
        }
    }
    let left = (0..instruments as u32).find(|&one| {
        let exposure = risk.exposure(one);
        (exposure.open_buy, exposure.open_sell) != (0, 0)
    });
    if let Some(instrument) = left {
        return Err(format!("instrument {instrument} still has exposure reserved"));
    }
    Ok(Measured { samples, accepted, rejected })
}

/// The prepared calls over so many instruments; all pass, or every second one breaks a rule.
#[must_use]
pub fn cases(instruments: usize, rejects: bool) -> Vec<Case> {
    let mut random = Random(instruments as u64);
    (0..INTENTS)
        .map(|number| case(random.below(instruments as u64) as u32, rejects && number % 2 == 1, &mut random))
        .collect()
}

/// An intent that passes, or that breaks exactly one rule.
fn case(instrument: u32, rejected: bool, random: &mut Random) -> Case {
    let mid = (20 + random.below(80)) as i64 * PRICE_SCALE;
    let mut intent = Intent {
        action: OrderAction::New,
        target: 0,
        price: mid + (random.below(5) as i64 - 2) * TICK,
        quantity: 1 + random.below(500),
        instrument,
        venue: random.below(2) as u8,
        side: if random.below(2) == 0 { Side::Buy } else { Side::Sell },
        time_in_force: TimeInForce::Day,
    };
    let mut reference = Reference::of(mid - TICK, mid + TICK);
    let mut expected = RiskReasons::default();
    if rejected {
        expected = match random.below(11) {
            0 => {
                intent.quantity = 0;
                RiskReasons::ORDER_QTY | RiskReasons::LOT
            }
            1 => {
                intent.quantity = 501 + random.below(99);
                RiskReasons::ORDER_QTY
            }
            2 => {
                intent.price = mid + mid / 50 / TICK * TICK;
                RiskReasons::COLLAR
            }
            3 => {
                intent.price += TICK / 2;
                RiskReasons::PRICE
            }
            4 => {
                reference.bid_px = PRICE_NONE;
                RiskReasons::NO_REFERENCE
            }
            5 => {
                reference.crossed = true;
                RiskReasons::BOOK_CROSSED
            }
            6 => {
                reference.stale = true;
                RiskReasons::STALE_BOOK
            }
            7 => {
                reference.data_age_ns = 2_000_000_000;
                RiskReasons::DATA_AGE
            }
            8 => {
                reference.clock_skew_ns = 2_000_000;
                RiskReasons::CLOCK_SKEW
            }
            9 => {
                (reference.own_bid_px, reference.own_ask_px) = (intent.price, intent.price);
                RiskReasons::SELF_TRADE
            }
            _ => {
                reference.tradable = false;
                RiskReasons::NOT_TRADABLE
            }
        };
    }
    Case { intent, reference, expected }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_verdict_is_the_expected_one() {
        let lines = super::run().expect("every mask fits");
        assert_eq!(lines.len(), 12);
    }
}
