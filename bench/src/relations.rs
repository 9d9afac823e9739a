//! What it costs to check 10,000 relations again: half pairs of venues, a quarter cycles of three and four currencies, a
//! quarter relations between options.
//!
//! Load: one thread, closed loop. *Sweep*: 64 listings of more than 3,000 get another quote, untimed; a sample is
//! `WideState::sweep`, which looks at all relations. *One listing*: all relations are of one listing; a sample is its new
//! quote and the request for it, `WideState::set_touch` and `WideState::compute`. Nothing is to be taken, or the quote of
//! one underlying (of the one listing) is off at every second request, so that hits come and go. Each instruction set of
//! the machine. Beside every sample the same relations are evaluated exactly one after the other, and every answer is
//! checked against what changed there.

mod market;

use std::sync::Arc;

use engine::pipeline::tsc::{self, Calibration};
use kernels::abi::Touch;
use kernels::cpu::arbitrage::NO_HIT;
use kernels::cpu::book::Bbo;
use kernels::cpu::pricing::Isa;
use kernels::cpu::wide::{WideAnswer, WideState, WideTables};

use crate::line::Line;
use crate::timing::{Random, Samples, tenths};
use market::{Market, RELATIONS};

/// Few where it is a test.
const REQUESTS: usize = if cfg!(debug_assertions) { 60 } else { 2_000 };
const WARM_UP: usize = REQUESTS / 10;
const MOVED: usize = 64;
const CENT: i64 = 10_000_000;

/// Which request is timed.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    Sweep,
    OneListing,
}

/// Runs it.
///
/// # Errors
/// An answer that is not what the exact evaluation of every relation says.
pub fn run() -> Result<Vec<Line>, String> {
    let calibration = Calibration::measure();
    let mut lines = Vec::new();
    for (asked, market) in [(Asked::Sweep, market::mixed()), (Asked::OneListing, market::of_one_listing())] {
        let tables = WideTables::compile(&market.spec).map_err(|error| error.to_string())?;
        let tables = Arc::new(tables);
        if tables.relation_count() as usize != RELATIONS {
            return Err(format!("{} relations", tables.relation_count()));
        }
        for off in [false, true] {
            for isa in Isa::all() {
                lines.push(variant(&calibration, asked, off, isa, &market, &tables)?);
            }
        }
    }
    Ok(lines)
}

/// What every relation said last, exactly.
struct Exact {
    touches: Vec<Touch>,
    values: Vec<[i64; 5]>,
}

impl Exact {
    /// Evaluates all of them; those that changed.
    fn evaluate(&mut self, tables: &WideTables) -> Vec<(u32, [i64; 5])> {
        let mut changed = Vec::new();
        for (relation, last) in (0..).zip(&mut self.values) {
            let values = tables.evaluate(relation, &self.touches);
            if values != *last {
                *last = values;
                changed.push((relation, values));
            }
        }
        changed
    }
}

fn variant(
    calibration: &Calibration,
    asked: Asked,
    off: bool,
    isa: Isa,
    market: &Market,
    tables: &Arc<WideTables>,
) -> Result<Line, String> {
    let mut state = WideState::on(isa, tables);
    let mut answer = WideAnswer::of_all_relations(tables);
    let listings = tables.listings().len() as u32;
    let mut exact = Exact { touches: Vec::new(), values: vec![NO_HIT; RELATIONS] };
    for (listing, quote) in (0..).zip(&market.quotes) {
        state.set_touch(listing, quote, true);
        exact.touches.push(tables.fold(listing, quote));
    }
    let (mut samples, mut naive) = (Samples::single(REQUESTS), Samples::single(REQUESTS));
    let mut random = Random(17);
    let (mut changed_items, mut hits) = (0, 0);
    // The first underlying of a chain, or the one listing.
    let odd = if asked == Asked::OneListing { 0 } else { listings - 67 };
    for request in 0..WARM_UP + REQUESTS {
        if request == WARM_UP {
            samples.clear();
            naive.clear();
            (changed_items, hits) = (0, 0);
        }
        let moved = moves(asked, off && request % 2 == 0, odd, market, &mut random);
        for (listing, quote) in &moved {
            exact.touches[*listing as usize] = tables.fold(*listing, quote);
        }
        let start = match asked {
            Asked::Sweep => {
                for (listing, quote) in &moved {
                    state.set_touch(*listing, quote, true);
                }
                let start = tsc::now();
                state.sweep(&mut answer);
                start
            }
            Asked::OneListing => {
                let (listing, quote) = moved[0];
                let start = tsc::now();
                state.set_touch(listing, &quote, true);
                state.compute(listing, false, &mut answer);
                start
            }
        };
        samples.add(tsc::now() - start);
        let start = tsc::now();
        let changed = exact.evaluate(tables);
        naive.add(tsc::now() - start);
        let answered = answer.items().iter().map(|item| (item.key.index, item.values));
        if !answered.eq(changed.iter().copied()) {
            return Err(format!("request {request}: the answer is not what changed"));
        }
        changed_items += changed.len();
        hits += changed.iter().filter(|(_, values)| values[4] > 0).count();
    }
    if off != (hits > 0) {
        return Err(format!("{hits} hits"));
    }
    let name = format!(
        "{RELATIONS} relations, {}, {}, {}",
        if asked == Asked::Sweep { "sweep" } else { "one listing" },
        if off { "hits come and go" } else { "nothing to take" },
        isa.name()
    );
    let load = "closed loop, one thread: all relations are checked after quotes have changed";
    let warm_up = format!("{WARM_UP} of {} requests", WARM_UP + REQUESTS);
    let (figures, naive) = (samples.figures(calibration, 1.0), naive.figures(calibration, 1.0));
    let each = |ns: Option<f64>| ns.map(|ns| (ns / RELATIONS as f64 * 1_000.0).round() / 1_000.0);
    let ratio = naive.p50_ns.zip(figures.p50_ns).map(|(naive, own)| tenths(naive / own));
    Ok(Line::new("relations", &name, load, &warm_up)
        .given([format!("{:?}", market.spec)])
        .with("relations", RELATIONS)
        .with("listings", listings)
        .with("ns_per_relation_p50", each(figures.p50_ns))
        .with("exact_one_by_one_p50_ns", naive.p50_ns)
        .with("exact_over_screened_p50", ratio)
        .with("changed_items_per_request", changed_items as f64 / REQUESTS as f64)
        .figures(figures)
        .checked("every answer is what changed in an exact evaluation of every relation"))
}

/// The quotes of a request: wider and narrower ones, and one that is off.
fn moves(asked: Asked, off: bool, odd: u32, market: &Market, random: &mut Random) -> Vec<(u32, Bbo)> {
    let wider = |listing: u32, random: &mut Random| {
        let quote = market.quotes[listing as usize];
        // A price of a currency may be less than a cent.
        let by = (quote.bid_px / 100_000).min(CENT) * random.below(3) as i64;
        (listing, Bbo { bid_px: quote.bid_px - by, ask_px: quote.ask_px + by, ..quote })
    };
    let by = if off { market.quotes[odd as usize].bid_px / 200 } else { 0 };
    let at_odd = |(listing, quote): (u32, Bbo)| {
        (listing, Bbo { bid_px: quote.bid_px + by, ask_px: quote.ask_px + by, ..quote })
    };
    let mut moved = vec![at_odd(wider(odd, random))];
    while asked == Asked::Sweep && moved.len() < MOVED {
        let listing = random.below(market.quotes.len() as u64) as u32;
        if listing != odd {
            moved.push(wider(listing, random));
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_answer_is_what_changed() {
        assert!(super::run().expect("equal answers").len() >= 4);
    }
}
