//! What the pre-trade checks cost: `Risk::approve` with every rule evaluated, and `Risk::release` of what it reserved.
//!
//! Load: 4,096 prepared new orders, in order, one thread, for one instrument and for uniformly random ones of 8,000;
//! either all of them pass, or every second one breaks one of seven rules. The mask of every call is compared with
//! the one that the intent was made for.

use std::hint::black_box;

use engine::order::{Intent, OrderAction, TimeInForce};
use engine::pipeline::risk::{EngineLimits, InstrumentLimits, Reference, Risk, RiskReasons, Stamp};
use engine::pipeline::tsc::Calibration;
use feeds::event::Side;
use feeds::units::{PRICE_NONE, PRICE_SCALE};

use crate::line::Line;
use crate::timing::{BATCH, Random, Samples};

const INTENTS: usize = 4_096;
const ROUNDS: usize = 200;
const WARM_UP_ROUNDS: usize = 20;
const TICK: i64 = PRICE_SCALE / 100;

/// One prepared call and what must come of it.
struct Case {
    intent: Intent,
    reference: Reference,
    expected: RiskReasons,
}

/// Runs it.
///
/// # Errors
/// A verdict that is not the one the intent was made for.
pub fn run() -> Result<Vec<Line>, String> {
    let calibration = Calibration::measure();
    let mut lines = Vec::new();
    for (instruments, which) in [(1, "1 instrument"), (8_000, "8,000 random instruments")] {
        for (rejects, mix) in [(false, "all accepted"), (true, "every second rejected")] {
            lines.push(variant(&calibration, instruments, rejects)?.labelled(which, mix));
        }
    }
    Ok(lines)
}

struct Measured {
    samples: Samples,
    accepted: usize,
    rejected: usize,
    calibration: Calibration,
}

impl Measured {
    fn labelled(self, which: &str, mix: &str) -> Line {
        Line::new(
            "risk",
            &format!("{which}, {mix}"),
            "closed loop, one thread: approve a new order, release its reservation, next",
            &format!("{WARM_UP_ROUNDS} of {} passes over {INTENTS} intents", ROUNDS + WARM_UP_ROUNDS),
        )
        .figures(self.samples.figures(&self.calibration, 1.0))
        .with("accepted", self.accepted)
        .with("rejected", self.rejected)
        .checked("the reason mask of every call is the expected one")
        .checked("no exposure is left reserved")
    }
}

fn variant(calibration: &Calibration, instruments: usize, rejects: bool) -> Result<Measured, String> {
    let limits = InstrumentLimits {
        order_qty_max: 500,
        order_notional_max: 100_000 * i128::from(PRICE_SCALE),
        collar_bp: 100,
        position_max: 1_000,
        price_tick: TICK,
        ..InstrumentLimits::default()
    };
    let engine = EngineLimits { messages_per_s: 1_000_000, messages_burst: 1_000, ..EngineLimits::default() };
    let mut risk = Risk::new(engine, vec![limits; instruments]);
    let mut random = Random(instruments as u64);
    let cases: Vec<Case> = (0..INTENTS)
        .map(|number| case(random.below(instruments as u64) as u32, rejects && number % 2 == 1, &mut random))
        .collect();
    let mut samples = Samples::batches(ROUNDS * INTENTS / BATCH);
    let (mut accepted, mut rejected, mut decision) = (0, 0, 0_u64);
    for round in 0..WARM_UP_ROUNDS + ROUNDS {
        if round == WARM_UP_ROUNDS {
            samples.clear();
            (accepted, rejected) = (0, 0);
        }
        for batch in cases.chunks_exact(BATCH) {
            let mut masks = [RiskReasons::default(); BATCH];
            samples.time(|index| {
                let case = &batch[index];
                decision += 1;
                let stamp = Stamp { decision, time_ns: decision * 1_000, cl_ord_id: decision, strategy: 0 };
                match risk.approve(&case.intent, &case.reference, None, &stamp) {
                    Ok(approval) => {
                        let approval = black_box(approval);
                        risk.release(&approval.released());
                    }
                    Err(reasons) => masks[index] = reasons,
                }
            });
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
    Ok(Measured { samples, accepted, rejected, calibration: *calibration })
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
        venue: 0,
        side: if random.below(2) == 0 { Side::Buy } else { Side::Sell },
        time_in_force: TimeInForce::Day,
    };
    let mut reference = Reference::of(mid - TICK, mid + TICK);
    let mut expected = RiskReasons::default();
    if rejected {
        expected = match random.below(7) {
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
        assert_eq!(lines.len(), 4);
    }
}
