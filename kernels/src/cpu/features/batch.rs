//! The features from a whole history, as their papers define them: slow, plain, and sharing no arithmetic with the
//! running ones.

use super::bulk::normal;
use super::{BulkParameters, FeatureParameters, FeatureValues, IMBALANCE_NONE, Signed, VPIN_NONE};
use crate::cpu::book::Bbo;
use crate::cpu::volatility::SIGMA_NONE;
use feeds::units::PRICE_NONE;

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// Tops behind whole messages: core time, top, and whether the book began anew with it.
    pub(super) tops: Vec<(u64, Bbo, bool)>,
    /// Trades by who began them.
    pub(super) trades: Vec<Signed>,
    /// The same as a feed that does not say so has them: core time, price, quantity.
    pub(super) prints: Vec<(u64, i64, u64)>,
}

/// The features at `now_ns`.
pub(super) fn values(p: &FeatureParameters, history: &History, now_ns: u64) -> FeatureValues {
    let last = history.tops.last().map_or(Bbo::EMPTY, |&(_, top, _)| top);
    let in_bulk = p.vpin_bulk.map(|bulk| in_bulk(&bulk, &history.prints));
    let (order_flow, order_flow_interval) = order_flow(p.flow_interval_ns, &history.tops, now_ns);
    FeatureValues {
        microprice: microprice(&last),
        queue_imbalance_e9: queue_imbalance(&last),
        order_flow,
        order_flow_interval,
        vpin_e9: vpin(p.vpin_bucket, p.vpin_buckets as usize, in_bulk.as_ref().unwrap_or(&history.trades)),
        sigma: sigma(p.volatility_interval_ns, p.volatility_samples as usize, &history.tops, now_ns),
    }
}

/// Bid and offer with their sizes, or nothing.
fn sides(top: &Bbo) -> Option<[i128; 4]> {
    let is_whole = top.bid_px != PRICE_NONE && top.ask_px != PRICE_NONE;
    is_whole.then(|| [top.bid_px.into(), top.bid_qty.into(), top.ask_px.into(), top.ask_qty.into()])
}

fn microprice(top: &Bbo) -> i64 {
    match sides(top) {
        Some([bid, bid_qty, ask, ask_qty]) if bid <= ask => {
            // The mean of both prices, each with the other side's size, from the bid up.
            (bid + (ask - bid) * bid_qty / (bid_qty + ask_qty)) as i64
        }
        _ => PRICE_NONE,
    }
}

fn queue_imbalance(top: &Bbo) -> i64 {
    sides(top).map_or(IMBALANCE_NONE, |[_, bid, _, ask]| ((bid - ask) * 1_000_000_000 / (bid + ask)) as i64)
}

/// A price and its size, or an empty side.
type Best = Option<(i64, u64)>;

/// Size that joined the better side less size that left the worse one.
fn pressed(before: Best, after: Best, is_better_or_equal: impl Fn(i64, i64) -> bool) -> i128 {
    let joined = match (before, after) {
        (_, None) => 0,
        (None, Some((_, quantity))) => quantity,
        (Some((old, _)), Some((new, quantity))) => {
            if is_better_or_equal(new, old) {
                quantity
            } else {
                0
            }
        }
    };
    let left = match (before, after) {
        (None, _) => 0,
        (Some((_, quantity)), None) => quantity,
        (Some((old, quantity)), Some((new, _))) => {
            if is_better_or_equal(old, new) {
                quantity
            } else {
                0
            }
        }
    };
    i128::from(joined) - i128::from(left)
}

fn order_flow(interval_ns: u64, tops: &[(u64, Bbo, bool)], now_ns: u64) -> (i128, i128) {
    let side = |price, quantity| (price != PRICE_NONE).then_some((price, quantity));
    let (mut total, mut interval, mut before) = (0, 0, Bbo::EMPTY);
    for &(at_ns, top, is_restart) in tops {
        if !is_restart {
            let bid =
                pressed(side(before.bid_px, before.bid_qty), side(top.bid_px, top.bid_qty), |a, b| a >= b);
            let ask =
                pressed(side(before.ask_px, before.ask_qty), side(top.ask_px, top.ask_qty), |a, b| a <= b);
            total += bid - ask;
            if at_ns / interval_ns + 1 == now_ns / interval_ns {
                interval += bid - ask;
            }
        }
        before = top;
    }
    (total, interval)
}

/// Bar by bar, but for the last, which is not over; every sum anew.
fn in_bulk(p: &BulkParameters, prints: &[(u64, i64, u64)]) -> Vec<Signed> {
    let mut bars: Vec<_> = prints.chunk_by(|a, b| a.0 / p.bar_ns == b.0 / p.bar_ns).collect();
    bars.pop();
    let (mut changes, mut price_before): (Vec<i128>, i64) = (Vec::new(), PRICE_NONE);
    let mut classified = Vec::new();
    for bar in bars {
        let volume: u64 = bar.iter().map(|(.., quantity)| quantity).sum();
        let price = bar.iter().rev().map(|print| print.1).find(|price| *price != PRICE_NONE);
        let mut bought_e9 = 500_000_000;
        if let Some(price) = price {
            if price_before != PRICE_NONE {
                changes.push(i128::from(price) - i128::from(price_before));
                bought_e9 = bought_e9_of(&changes[changes.len().saturating_sub(p.changes as usize)..]);
            }
            price_before = price;
        }
        let bought = (u128::from(volume) * bought_e9 / 1_000_000_000) as u64;
        classified.push(Signed { bought, sold: volume - bought });
    }
    classified
}

/// What is bought where the price moved by the last of these changes.
fn bought_e9_of(changes: &[i128]) -> u128 {
    let count = changes.len() as i128;
    // The distances from the mean, each times the count: their squares sum up to the variance times count^3.
    let sum: i128 = changes.iter().sum();
    let squares: i128 = changes.iter().map(|change| (change * count - sum).pow(2)).sum();
    let last = changes[changes.len() - 1];
    if squares == 0 || last == 0 {
        return 500_000_000;
    }
    let deviations = (last * count) as f64 / ((squares / count) as f64).sqrt();
    (normal(deviations) * 1e9).round_ties_even() as u128
}

/// Share by share.
fn vpin(bucket: u64, buckets: usize, trades: &[Signed]) -> u64 {
    let shares: Vec<i64> = trades
        .iter()
        .flat_map(|trade| {
            let bought = std::iter::repeat_n(1, trade.bought as usize);
            bought.chain(std::iter::repeat_n(-1, trade.sold as usize))
        })
        .collect();
    let full: Vec<u64> = shares
        .chunks_exact(bucket as usize)
        .map(|bucket| bucket.iter().sum::<i64>().unsigned_abs())
        .collect();
    if full.len() < buckets {
        return VPIN_NONE;
    }
    let sum: u64 = full[full.len() - buckets..].iter().sum();
    (u128::from(sum) * 1_000_000_000 / (u128::from(bucket) * buckets as u128)) as u64
}

fn sigma(interval_ns: u64, samples: usize, tops: &[(u64, Bbo, bool)], now_ns: u64) -> u64 {
    let mids: Vec<(u64, i64)> = tops
        .iter()
        .filter_map(|(at_ns, top, _)| sides(top).map(|[bid, _, ask, _]| (*at_ns, ((bid + ask) / 2) as i64)))
        .collect();
    let Some(&(first_ns, _)) = mids.first() else { return SIGMA_NONE };
    let at = |line: u64| mids.iter().rev().find(|(at_ns, _)| *at_ns < line * interval_ns).expect("a mid").1;
    let lines: Vec<u64> = (first_ns / interval_ns + 1..=now_ns / interval_ns).collect();
    let changes: Vec<u128> = lines.windows(2).map(|pair| at(pair[1]).abs_diff(at(pair[0])).into()).collect();
    if changes.len() < samples {
        return SIGMA_NONE;
    }
    let squares: u128 = changes[changes.len() - samples..].iter().map(|change| change * change).sum();
    (squares * 1_000_000_000 / (samples as u128 * u128::from(interval_ns))).isqrt() as u64
}
