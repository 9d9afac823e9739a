//! Cross-venue arbitrage in one instrument: the best pair of venues to buy at one and sell at the other, with fees,
//! over the displayed depth.
//!
//! A share costs the ask plus the buyer's taker fee and earns the bid minus the seller's. Walking both sides from the
//! best level down, the edge of the next share never grows, so the profit is largest where the edge falls below the
//! configured minimum or a limit binds. Both legs take, so the taker fee counts on both.
//!
//! Integers only (`i128` sums), fixed order, bounded by the number of levels; nothing allocates; any thread may call
//! it. A venue is never its own counterpart. What is stale, halted or ours the caller leaves out of the depth.

use super::book::DepthLevel;
pub use super::nbbo::VENUES_MAX;
use std::slice::from_ref;

/// Largest quantity of a signal; the configured maximum is cut to it so that no sum can overflow.
pub const QUANTITY_MAX: u64 = 1 << 40;

/// What one venue offers, best level first; an empty slice where the venue has nothing to take.
#[derive(Clone, Copy, Debug, Default)]
pub struct VenueDepth<'a> {
    /// Bids, falling prices.
    pub bids: &'a [DepthLevel],
    /// Offers, rising prices.
    pub asks: &'a [DepthLevel],
    /// Fee for taking, 1e-9 per share; negative when taking earns a rebate.
    pub taker_fee: i64,
    /// Price increment, 1e-9, above zero. A level off the increment counts at the next price that can be sent: up for
    /// offers, down for bids.
    pub tick: i64,
}

/// What makes an opportunity worth taking, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArbitrageParameters {
    /// Smallest net edge of every share, 1e-9; below 1 it counts as 1.
    pub edge_min: i64,
    /// The quantity is a multiple of this, above zero.
    pub quantity_increment: u64,
    /// Largest quantity of a leg, cut to [`QUANTITY_MAX`].
    pub quantity_max: u64,
    /// Largest notional of a leg, 1e-9: its quantity times the highest price that it can trade at.
    pub notional_max: u128,
}

/// A pair of trades that earns at least the configured edge on every share, even at its limits.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArbitrageSignal {
    /// Profit after fees if every level trades as displayed, 1e-9.
    pub net_profit_1e9: i128,
    /// Limit of the buy leg: the worst offer needed, 1e-9.
    pub buy_limit: i64,
    /// Limit of the sell leg: the worst bid needed, 1e-9.
    pub sell_limit: i64,
    /// Shares of each leg.
    pub quantity: u64,
    /// Index of the venue whose offers are taken.
    pub buy_venue: u8,
    /// Index of the venue whose bids are taken.
    pub sell_venue: u8,
}

/// The most profitable pair over `venues`, of which only the first [`VENUES_MAX`] count; `None` when no share earns
/// the minimum edge or no whole increment fits the limits. Equal profits: the lower buy venue, then the lower sell
/// venue.
#[must_use]
pub fn scan(venues: &[VenueDepth<'_>], p: &ArbitrageParameters) -> Option<ArbitrageSignal> {
    let venues = &venues[..venues.len().min(VENUES_MAX)];
    let edge_min = i128::from(p.edge_min.max(1));
    if best_edge(venues, venues)? < edge_min {
        return None;
    }
    let mut best: Option<ArbitrageSignal> = None;
    for (b, buy) in venues.iter().enumerate() {
        for (s, sell) in venues.iter().enumerate() {
            if b == s || best_edge(from_ref(buy), from_ref(sell)).is_none_or(|edge| edge < edge_min) {
                continue;
            }
            let Some(walk) = best_walk(buy, sell, p, edge_min) else { continue };
            if best.is_none_or(|signal| walk.net_profit > signal.net_profit_1e9) {
                best = Some(ArbitrageSignal {
                    net_profit_1e9: walk.net_profit,
                    buy_limit: walk.buy_limit,
                    sell_limit: walk.sell_limit,
                    quantity: walk.quantity,
                    buy_venue: b as u8,
                    sell_venue: s as u8,
                });
            }
        }
    }
    best
}

/// Upper bound of the edge of buying at one of `buys` and selling at one of `sells`, from the best levels alone: nearly
/// every call ends here.
fn best_edge(buys: &[VenueDepth<'_>], sells: &[VenueDepth<'_>]) -> Option<i128> {
    let cost = |v: &VenueDepth<'_>| v.asks.first().map(|l| i128::from(l.price) + i128::from(v.taker_fee));
    let proceeds = |v: &VenueDepth<'_>| v.bids.first().map(|l| i128::from(l.price) - i128::from(v.taker_fee));
    let lowest_cost = buys.iter().filter_map(cost).min()?;
    let highest_proceeds = sells.iter().filter_map(proceeds).max()?;
    Some(highest_proceeds - lowest_cost)
}

/// What taking `quantity` shares over both sides' levels costs and earns.
#[derive(Clone, Copy)]
struct Walk {
    net_profit: i128,
    buy_limit: i64,
    sell_limit: i64,
    quantity: u64,
}

/// The most profitable walk of one pair. The feasible quantities are those up to a largest one, for the edge falls and
/// the notional grows along the walk, and every share earns something: so it is the largest whole increment.
fn best_walk(
    buy: &VenueDepth<'_>,
    sell: &VenueDepth<'_>,
    p: &ArbitrageParameters,
    edge_min: i128,
) -> Option<Walk> {
    let reach = walk(buy, sell, p, edge_min, p.quantity_max.min(QUANTITY_MAX))?;
    let whole = reach.quantity - reach.quantity % p.quantity_increment.max(1);
    match whole {
        0 => None,
        _ if whole == reach.quantity => Some(reach),
        _ => walk(buy, sell, p, edge_min, whole),
    }
}

/// Takes up to `quantity_max` shares while each earns the minimum edge within the notional.
fn walk(
    buy: &VenueDepth<'_>,
    sell: &VenueDepth<'_>,
    p: &ArbitrageParameters,
    edge_min: i128,
    quantity_max: u64,
) -> Option<Walk> {
    let fees = i128::from(buy.taker_fee) + i128::from(sell.taker_fee);
    let mut asks = buy.asks.iter();
    let mut bids = sell.bids.iter();
    let (mut ask, mut bid) = (DepthLevel::default(), DepthLevel::default());
    let mut highest_bid: Option<i64> = None;
    let mut done: Option<Walk> = None;
    let mut taken = 0;
    while taken < quantity_max {
        if ask.quantity == 0 {
            let Some(next) = next_level(&mut asks, |price| ceil_to(buy.tick, price)) else { break };
            ask = next;
        }
        if bid.quantity == 0 {
            let Some(next) = next_level(&mut bids, |price| floor_to(sell.tick, price)) else { break };
            bid = next;
            highest_bid = highest_bid.or(Some(bid.price));
        }
        let edge = i128::from(bid.price) - i128::from(ask.price) - fees;
        if edge < edge_min {
            break;
        }
        let cap = quantity_of_notional(p.notional_max, ask.price.max(highest_bid.unwrap_or(bid.price)));
        let chunk = ask.quantity.min(bid.quantity).min(quantity_max.min(cap).saturating_sub(taken));
        if chunk == 0 {
            break;
        }
        taken += chunk;
        ask.quantity -= chunk;
        bid.quantity -= chunk;
        // Edges are below 2^66 and quantities at most 2^40: the sum stays far inside i128.
        let net_profit = done.map_or(0, |walk| walk.net_profit) + edge * i128::from(chunk);
        done = Some(Walk { net_profit, buy_limit: ask.price, sell_limit: bid.price, quantity: taken });
    }
    done
}

/// The next level that shows something, at the price that can be sent.
fn next_level<'a>(
    levels: &mut impl Iterator<Item = &'a DepthLevel>,
    to_tick: impl Fn(i64) -> Option<i64>,
) -> Option<DepthLevel> {
    let level = levels.find(|level| level.quantity > 0)?;
    Some(DepthLevel { price: to_tick(level.price)?, ..*level })
}

/// Shares that a notional buys at a price; no bound at prices that are not positive.
fn quantity_of_notional(notional: u128, price: i64) -> u64 {
    match u128::try_from(price) {
        Ok(price) if price > 0 => u64::try_from(notional / price).unwrap_or(u64::MAX),
        _ => u64::MAX,
    }
}

fn floor_to(tick: i64, price: i64) -> Option<i64> {
    price.checked_sub(price.rem_euclid(tick.max(1)))
}

fn ceil_to(tick: i64, price: i64) -> Option<i64> {
    match price.rem_euclid(tick.max(1)) {
        0 => Some(price),
        rest => price.checked_add(tick - rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn levels(pairs: &[(i64, u64)]) -> Vec<DepthLevel> {
        pairs.iter().map(|&(price, quantity)| DepthLevel { price, quantity, orders: 1 }).collect()
    }

    const P: ArbitrageParameters = ArbitrageParameters {
        edge_min: 1,
        quantity_increment: 1,
        quantity_max: 1_000,
        notional_max: u128::MAX,
    };

    #[test]
    fn two_venues_crossed_over_depth() {
        let asks = levels(&[(100, 50), (102, 50), (110, 500)]);
        let bids = levels(&[(105, 70), (103, 100)]);
        let a = VenueDepth { asks: &asks, taker_fee: 1, tick: 1, ..VenueDepth::default() };
        let b = VenueDepth { bids: &bids, taker_fee: -1, tick: 1, ..VenueDepth::default() };
        // 50 at 5, 20 at 3, 30 at 1.
        let expected = ArbitrageSignal {
            net_profit_1e9: 340,
            buy_limit: 102,
            sell_limit: 103,
            quantity: 100,
            buy_venue: 1,
            sell_venue: 0,
        };
        assert_eq!(scan(&[b, a], &P), Some(expected));
        let p = ArbitrageParameters { edge_min: 2, ..P };
        assert_eq!(scan(&[b, a], &p).map(|s| (s.quantity, s.net_profit_1e9)), Some((70, 310)));
        let p = ArbitrageParameters { edge_min: 6, ..P };
        assert_eq!(scan(&[b, a], &p), None);
        let p = ArbitrageParameters { quantity_increment: 40, ..P };
        assert_eq!(scan(&[b, a], &p).map(|s| (s.quantity, s.net_profit_1e9)), Some((80, 320)));
        // The sell leg's highest price is 105: 5,300 buys 50.47 of it.
        let p = ArbitrageParameters { notional_max: 5_300, ..P };
        assert_eq!(scan(&[b, a], &p).map(|s| (s.quantity, s.buy_limit, s.sell_limit)), Some((50, 100, 105)));
    }

    #[test]
    fn a_venue_is_not_its_own_counterpart_and_nothing_gives_nothing() {
        let asks = levels(&[(100, 50)]);
        let bids = levels(&[(105, 70)]);
        let crossed = VenueDepth { asks: &asks, bids: &bids, taker_fee: 0, tick: 1 };
        assert_eq!(scan(&[crossed], &P), None);
        assert_eq!(scan(&[], &P), None);
        assert_eq!(scan(&[VenueDepth::default(); 8], &P), None);
    }

    #[test]
    fn levels_off_the_increment_count_at_the_price_that_can_be_sent() {
        let asks = levels(&[(101, 10)]);
        let bids = levels(&[(119, 10)]);
        let a = VenueDepth { asks: &asks, tick: 10, ..VenueDepth::default() };
        let b = VenueDepth { bids: &bids, tick: 10, ..VenueDepth::default() };
        assert_eq!(scan(&[a, b], &P), None, "110 against 110 earns nothing");
        let bids = levels(&[(129, 10)]);
        let b = VenueDepth { bids: &bids, tick: 10, ..VenueDepth::default() };
        let signal = scan(&[a, b], &P).expect("110 against 120");
        assert_eq!((signal.buy_limit, signal.sell_limit, signal.net_profit_1e9), (110, 120, 100));
    }

    #[test]
    fn extreme_books_do_not_overflow() {
        let asks = levels(&[(i64::MIN, u64::MAX), (i64::MAX, u64::MAX)]);
        let bids = levels(&[(i64::MAX, u64::MAX), (i64::MIN, u64::MAX)]);
        let p = ArbitrageParameters { quantity_max: u64::MAX, ..P };
        for tick in [i64::MIN, 0, 1, i64::MAX] {
            for taker_fee in [i64::MIN, 0, i64::MAX] {
                let v = VenueDepth { asks: &asks, bids: &bids, taker_fee, tick };
                let _ = scan(&[v; 9], &p);
            }
        }
    }

    /// Tries every pair and every quantity, share by share.
    fn brute_force(venues: &[VenueDepth<'_>], p: &ArbitrageParameters) -> Option<ArbitrageSignal> {
        let shares = |levels: &[DepthLevel], price: &dyn Fn(i64) -> i64| -> Vec<i64> {
            levels.iter().flat_map(|l| vec![price(l.price); l.quantity as usize]).collect()
        };
        let mut best: Option<ArbitrageSignal> = None;
        for b in 0..venues.len() {
            for s in (0..venues.len()).filter(|s| *s != b) {
                let (buy, sell) = (&venues[b], &venues[s]);
                let asks = shares(buy.asks, &|x| (x + buy.tick - 1).div_euclid(buy.tick) * buy.tick);
                let bids = shares(sell.bids, &|x| x.div_euclid(sell.tick) * sell.tick);
                for n in 1..=asks.len().min(bids.len()) {
                    let quantity = n as u64;
                    let edge = |i: usize| bids[i] - asks[i] - buy.taker_fee - sell.taker_fee;
                    let highest = asks[..n].iter().chain(&bids[..n]).max().copied().unwrap_or(0);
                    let feasible = quantity.is_multiple_of(p.quantity_increment)
                        && quantity <= p.quantity_max
                        && u128::from(quantity) * highest as u128 <= p.notional_max
                        && (0..n).all(|i| edge(i) >= p.edge_min.max(1));
                    let profit: i64 = (0..n).map(edge).sum();
                    if feasible && best.is_none_or(|x| i128::from(profit) > x.net_profit_1e9) {
                        best = Some(ArbitrageSignal {
                            net_profit_1e9: profit.into(),
                            buy_limit: asks[n - 1],
                            sell_limit: bids[n - 1],
                            quantity,
                            buy_venue: b as u8,
                            sell_venue: s as u8,
                        });
                    }
                }
            }
        }
        best
    }

    /// Prices around 100 with steps, so that venues cross often; quantities small, zero included.
    fn any_side(rising: bool) -> impl Strategy<Value = Vec<DepthLevel>> {
        (80i64..120, prop::collection::vec((1i64..8, 0u64..12), 0..6)).prop_map(move |(start, steps)| {
            let mut price = start;
            let mut side = Vec::new();
            for (step, quantity) in steps {
                side.push(DepthLevel { price, quantity, orders: 1 });
                price += if rising { step } else { -step };
            }
            side
        })
    }

    proptest! {
        #[test]
        fn agrees_with_brute_force(
            books in prop::collection::vec((any_side(true), any_side(false), -3i64..4, 1i64..4), 0..5),
            edge_min in -2i64..6,
            quantity_increment in 1u64..6,
            quantity_max in 0u64..50,
            notional_max in 0u128..5_000,
        ) {
            let venues: Vec<_> = books
                .iter()
                .map(|(asks, bids, taker_fee, tick)| VenueDepth { asks, bids, taker_fee: *taker_fee, tick: *tick })
                .collect();
            let p = ArbitrageParameters { edge_min, quantity_increment, quantity_max, notional_max };
            prop_assert_eq!(scan(&venues, &p), brute_force(&venues, &p));
        }
    }
}
