//! A relation taker's decision in words and numbers, for `warptick why`. Cold: it formats.

use super::{Attempt, RelationTaker, TriedLeg};
use crate::notation::{Money, Price};
use feeds::event::Side;
use kernels::abi::LinearRelation;

/// What `taker` has just decided, a line each.
pub(super) fn of(taker: &RelationTaker) -> Vec<String> {
    match &taker.attempt {
        Some(attempt) => taking(taker, attempt),
        None if taker.exits.is_empty() => vec!["nothing is tried".to_owned()],
        None => trading_back(taker),
    }
}

fn place(taker: &RelationTaker, listing: u32) -> String {
    let at = taker.listings[listing as usize].at;
    format!("instrument {} at venue {} (wide listing {listing})", at.instrument, at.venue)
}

fn taking(taker: &RelationTaker, attempt: &Attempt) -> Vec<String> {
    let tables = &taker.tables;
    let linear = tables.linears().get((attempt.relation as usize).wrapping_sub(tables.relations().len()));
    let cycle = tables.relations().get(attempt.relation as usize);
    let (amount_max, profit_min) = match (cycle, linear) {
        (Some(cycle), _) => (cycle.amount_max, cycle.profit_min),
        (None, Some(linear)) => (linear.amount_max, linear.profit_min),
        (None, None) => (0, 0),
    };
    let mut lines = vec![format!(
        "relation {} of the wide work, evaluated again with the books of this moment; it takes at most {} and is worth it \
         from {} on",
        attempt.relation,
        Money(i128::from(amount_max)),
        Money(i128::from(profit_min)),
    )];
    match linear {
        None => cycle_lines(taker, attempt, &mut lines),
        Some(linear) => package_lines(taker, attempt, linear, &mut lines),
    }
    lines
}

/// What comes out of a leg goes into the next one.
fn cycle_lines(taker: &RelationTaker, attempt: &Attempt, lines: &mut Vec<String>) {
    let (mut first_in, mut last_out) = (0, 0);
    for (number, leg) in attempt.legs().iter().enumerate() {
        let terms = &taker.terms[leg.leg.listing() as usize];
        let (goes_in, comes_out) = if leg.leg.sells() {
            (terms.unit_e9, leg.touch.proceeds)
        } else {
            (leg.touch.cost, terms.unit_e9)
        };
        let amount = |of_unit: u64| i128::from(leg.planned) * i128::from(of_unit);
        if number == 0 {
            first_in = amount(goes_in);
        }
        last_out = amount(comes_out);
        lines.push(format!(
            "{}; after fees {} x {} = {} go in, {} x {} = {} come out",
            order(taker, leg),
            leg.planned,
            Money(i128::from(goes_in)),
            Money(amount(goes_in)),
            leg.planned,
            Money(i128::from(comes_out)),
            Money(last_out),
        ));
    }
    lines.push(format!(
        "{} - {} = {} of profit; all legs or none, immediate or cancel",
        Money(last_out),
        Money(first_in),
        Money(i128::from(attempt.profit)),
    ));
}

/// All legs together, and what they pay afterwards.
fn package_lines(taker: &RelationTaker, attempt: &Attempt, linear: &LinearRelation, lines: &mut Vec<String>) {
    let terms = taker.tables.linear_legs(linear);
    let mut copies = 0;
    for (leg, terms) in attempt.legs().iter().zip(terms) {
        copies = leg.planned / terms.weight;
        let price = if leg.leg.sells() { leg.touch.proceeds } else { leg.touch.cost };
        let amount = i128::from(terms.ratio_e9) * i128::from(price) * i128::from(copies) / 1_000_000_000;
        lines.push(format!(
            "{}; after fees {} x {} counts {}",
            order(taker, leg),
            leg.planned,
            Money(i128::from(price)),
            Money(if leg.leg.sells() { amount } else { -amount }),
        ));
    }
    lines.push(format!(
        "{copies} copies, each pays {} afterwards at least; {} of profit; all legs or none, immediate or cancel",
        Money(i128::from(linear.payoff_e9)),
        Money(i128::from(attempt.profit)),
    ));
}

fn order(taker: &RelationTaker, leg: &TriedLeg) -> String {
    let sells = leg.side() == Side::Sell;
    let shown = if sells { leg.bbo.bid_qty } else { leg.bbo.ask_qty };
    format!(
        "{} {} of {}, where {shown} are shown @ {}",
        if sells { "sell" } else { "buy" },
        leg.planned,
        place(taker, leg.leg.listing()),
        Price(leg.price()),
    )
}

fn trading_back(taker: &RelationTaker) -> Vec<String> {
    let mut lines = vec![
        "legs of relations filled unequally; what is beyond the least filled one is traded back where something is there that \
         was not asked for yet"
            .to_owned(),
    ];
    for exit in taker.exits.iter() {
        let way = if exit.side == Side::Buy { "bought" } else { "sold" };
        lines.push(format!(
            "{}: {} to be {way} back, up to {} ticks beyond the touch",
            place(taker, exit.listing),
            exit.quantity,
            taker.config.slippage_max_ticks,
        ));
    }
    lines
}
