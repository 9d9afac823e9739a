//! What a request for wide work costs on the CPU: one listing's best bid and offer change, and everything that depends on
//! it is computed again.
//!
//! Load: the mid jumps among 51 ticks, one thread, closed loop; a sample is `WideState::set_touch` and
//! `WideState::compute`, each request by itself. Option chains of 250 contracts over 5 expiries, and of 256, 1,024 and 5,120 over 8, on every
//! instruction set of the machine but the portable one; 64 and 4,096 relations of the listing, half of them of three legs,
//! at prices that leave nothing to take, as nearly every tick does. After each request the same is asked of a state on the
//! portable instruction set, untimed: the two answers have to be the same, number by number.

use std::sync::Arc;

use engine::pipeline::tsc::{self, Calibration};
use kernels::abi::{AMOUNT_MAX, Leg, ListingTerms};
use kernels::cpu::book::Bbo;
use kernels::cpu::pricing::Isa;
use kernels::cpu::wide::{ExpirySpec, OptionSpec, RelationSpec, WideAnswer, WideSpec, WideState, WideTables};

use crate::line::Line;
use crate::timing::{Random, Samples};

const REQUESTS: usize = 2_000;
const WARM_UP: usize = 200;
const LISTINGS: u32 = 64;
const TICK_E9: i64 = 10_000_000;
const MID_E9: i64 = 100_000_000_000;

/// Runs it.
///
/// # Errors
/// Answers that differ, or a chain that never changes.
pub fn run() -> Result<Vec<Line>, String> {
    let calibration = Calibration::measure();
    let mut lines = Vec::new();
    for (options, expiries) in [(250, 5), (256, 8), (1_024, 8), (5_120, 8)] {
        for isa in Isa::all().skip(1) {
            let name = format!("{options} options of {expiries} expiries, {}", isa.name());
            lines.push(variant(&calibration, &name, isa, &chains(options, expiries), options)?);
        }
    }
    for relations in [64, 4_096] {
        let name = format!("{relations} relations, nothing to take");
        lines.push(variant(&calibration, &name, Isa::detect(), &cycles(relations), relations)?);
    }
    Ok(lines)
}

const SHARE: ListingTerms =
    ListingTerms { unit_e9: 1_000_000_000, lot: 1, fee_ppb: 100_000, fee_unit_e9: 3_000_000 };

fn chains(options: u32, expiries: u32) -> WideSpec {
    let expiry = |at| ExpirySpec { carry: 1.01, discount: 0.98, years: 0.05 * f64::from(at) };
    let option = |at: u32| OptionSpec {
        underlying: 0,
        expiry: at % expiries,
        put: at / expiries % 2 == 1,
        strike: 60.0 + 80.0 * f64::from(at / (2 * expiries)) / f64::from(options / (2 * expiries)),
        volatility: 0.3,
        width_vega: 0.001,
        half_width_min_e9: TICK_E9 / 2,
        tick_e9: TICK_E9,
    };
    WideSpec {
        listings: vec![SHARE],
        expiries: (1..=expiries).map(expiry).collect(),
        options: (0..options).map(option).collect(),
        ..WideSpec::default()
    }
}

fn cycles(relations: u32) -> WideSpec {
    let cycle = |at: u32| {
        let (second, third) = (1 + at % (LISTINGS - 1), 1 + (at + 7) % (LISTINGS - 1));
        let legs = match at % 2 {
            0 => vec![Leg::buy(0), Leg::sell(second)],
            _ => vec![Leg::buy(0), Leg::buy(second), Leg::sell(third)],
        };
        RelationSpec { legs, amount_max: AMOUNT_MAX, profit_min: 1 }
    };
    WideSpec {
        listings: vec![SHARE; LISTINGS as usize],
        relations: (0..relations).map(cycle).collect(),
        ..WideSpec::default()
    }
}

fn bbo(bid_px: i64) -> Bbo {
    Bbo { bid_px, bid_qty: 500, ask_px: bid_px + TICK_E9, ask_qty: 500 }
}

fn variant(
    calibration: &Calibration,
    name: &str,
    isa: Isa,
    spec: &WideSpec,
    items: u32,
) -> Result<Line, String> {
    let tables = Arc::new(WideTables::compile(spec).map_err(|error| error.to_string())?);
    let portable = Isa::all().next().ok_or("no instruction set")?;
    let (mut timed, mut checking) = (WideState::on(isa, &tables), WideState::on(portable, &tables));
    let (mut answer, mut expected) = (WideAnswer::new(&tables), WideAnswer::new(&tables));
    for listing in 0..tables.listings().len() as u32 {
        timed.set_touch(listing, &bbo(MID_E9), true);
        checking.set_touch(listing, &bbo(MID_E9), true);
    }
    let mut samples = Samples::single(REQUESTS);
    let mut random = Random(u64::from(items));
    let mut changed = 0;
    for request in 0..WARM_UP + REQUESTS {
        if request == WARM_UP {
            samples.clear();
            changed = 0;
        }
        let bbo = bbo(MID_E9 + random.below(51) as i64 * TICK_E9);
        let start = tsc::now();
        timed.set_touch(0, &bbo, true);
        timed.compute(0, false, &mut answer);
        samples.add(tsc::now() - start);
        checking.set_touch(0, &bbo, true);
        checking.compute(0, false, &mut expected);
        if answer.items() != expected.items() {
            return Err(format!("{name}: the answers to request {request} differ"));
        }
        changed += answer.items().len();
    }
    if (changed == 0) != spec.options.is_empty() {
        return Err(format!("{name}: {changed} items changed"));
    }
    let load =
        "closed loop, one thread: best bid and offer of a listing change, all that depends on it is computed";
    let warm_up = format!("{WARM_UP} of {} requests", WARM_UP + REQUESTS);
    Ok(Line::new("wide_cpu", name, load, &warm_up)
        .figures(samples.figures(calibration, 1.0))
        .given([format!("{spec:?}")])
        .with("items", items)
        .with("changed_items_per_request", changed / REQUESTS)
        .checked("every answer is the one that the portable instruction set gives"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_answer_is_the_expected_one() {
        let lines = super::run().expect("equal answers");
        assert!(lines.len() >= 2);
    }
}
