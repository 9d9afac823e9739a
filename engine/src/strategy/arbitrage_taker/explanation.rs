//! An arbitrage taker's decision in words and numbers, for `warptick why`. Cold: it formats.

use super::ArbitrageTaker;
use super::taken_venue::TakenVenue;
use crate::notation::{Money, Price};
use feeds::event::Side;
use kernels::cpu::book::DepthLevel;
use kernels::cpu::cross_venue::ArbitrageSignal;

/// What `taker` has just decided, a line each.
pub(super) fn of(taker: &ArbitrageTaker) -> Vec<String> {
    match &taker.tried {
        _ if taker.imbalance != 0 => flattening(taker),
        Some(signal) => attempt(taker, signal),
        None => vec!["nothing is tried".to_owned()],
    }
}

fn attempt(taker: &ArbitrageTaker, signal: &ArbitrageSignal) -> Vec<String> {
    let (buy, sell) =
        (&taker.venues[usize::from(signal.buy_venue)], &taker.venues[usize::from(signal.sell_venue)]);
    let p = &taker.parameters;
    let mut lines = vec![format!(
        "the most profitable pair: buy at venue {}, fee {}, sell at venue {}, fee {}; every share earns at least {}",
        buy.at.venue,
        Price(buy.at.taker_fee),
        sell.at.venue,
        Price(sell.at.taker_fee),
        Price(p.edge_min.max(1)),
    )];
    let (pieces, profit) = pieces(buy, sell, signal.quantity);
    lines.extend(pieces);
    lines.push(format!(
        "together {} shares, at most {} and {} of notional a leg, in multiples of {}: net profit {}",
        signal.quantity,
        p.quantity_max,
        Money(i128::try_from(p.notional_max).unwrap_or(i128::MAX)),
        p.quantity_increment,
        Money(profit),
    ));
    lines.push(format!(
        "both legs or none: buy up to {}, sell down to {}, immediate or cancel",
        Price(signal.buy_limit),
        Price(signal.sell_limit),
    ));
    lines
}

/// The shares level by level, and what they earn together.
fn pieces(buy: &TakenVenue, sell: &TakenVenue, quantity: u64) -> (Vec<String>, i128) {
    let (asks, bids) = (buy.depth().asks, sell.depth().bids);
    let fees = i128::from(buy.at.taker_fee) + i128::from(sell.at.taker_fee);
    let (mut lines, mut profit, mut left) = (Vec::new(), 0, quantity);
    let (mut asks, mut bids) = (asks.iter().copied(), bids.iter().copied());
    let (mut ask, mut bid) = (DepthLevel::default(), DepthLevel::default());
    while left > 0 {
        if ask.quantity == 0 {
            let Some(next) = asks.next() else { break };
            ask = next;
        }
        if bid.quantity == 0 {
            let Some(next) = bids.next() else { break };
            bid = next;
        }
        let taken = left.min(ask.quantity).min(bid.quantity);
        // A price off the venue's increment counts at the next one that can be sent.
        let pays = ask.price + (-ask.price).rem_euclid(buy.at.price_tick);
        let earns = bid.price - bid.price.rem_euclid(sell.at.price_tick);
        let edge = i128::from(earns) - i128::from(pays) - fees;
        profit += edge * i128::from(taken);
        lines.push(format!(
            "{taken} x ({} - {} - fees {}) = {taken} x {} = {}",
            Price(earns),
            Price(pays),
            Money(fees),
            Money(edge),
            Money(edge * i128::from(taken)),
        ));
        (ask.quantity, bid.quantity, left) = (ask.quantity - taken, bid.quantity - taken, left - taken);
    }
    (lines, profit)
}

fn flattening(taker: &ArbitrageTaker) -> Vec<String> {
    let side = if taker.imbalance > 0 { Side::Sell } else { Side::Buy };
    let mut lines = vec![format!(
        "the legs of the last attempt filled unequally: bought less sold is {}, which is traded away",
        taker.imbalance
    )];
    for venue in &taker.venues {
        let depth = venue.depth();
        let touch = if side == Side::Sell { depth.bids.first() } else { depth.asks.first() };
        let Some(touch) = touch else { continue };
        let fee = if side == Side::Sell { -venue.at.taker_fee } else { venue.at.taker_fee };
        lines.push(format!(
            "venue {}: {} @ {}, after fees {}",
            venue.at.venue,
            touch.quantity,
            Price(touch.price),
            Money(i128::from(touch.price) + i128::from(fee)),
        ));
    }
    if let Some((venue, _)) = taker.flattened_at {
        lines.push(format!("at venue {venue}, up to {} ticks beyond its touch", taker.slippage_max_ticks));
    }
    lines
}
