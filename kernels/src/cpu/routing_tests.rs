//! Hand-made splits, and random ones against trying every split there is.

use super::*;
use proptest::prelude::*;

const CENT: i64 = 10_000_000;

fn level(price: i64, quantity: u64) -> DepthLevel {
    DepthLevel { price, quantity, orders: 1 }
}

fn venue(levels: &[DepthLevel], taker_fee: i64) -> RouteVenue<'_> {
    RouteVenue { levels, taker_fee, tick: CENT, qty_min: 0, qty_max: u64::MAX }
}

fn buy(quantity: u64, limit: i64) -> ParentOrder {
    ParentOrder { side: Side::Buy, quantity, limit, lot: 1 }
}

fn child(venue: u8, quantity: u64, limit: i64) -> ChildOrder {
    ChildOrder { venue, quantity, limit }
}

#[test]
fn fees_decide_between_equal_prices() {
    let (a, b) =
        ([level(100 * CENT, 50), level(102 * CENT, 50)], [level(100 * CENT, 30), level(101 * CENT, 80)]);
    let venues = [venue(&a, 3_000_000), venue(&b, -1_000_000)];
    let route = route(&buy(100, 110 * CENT), &venues);
    assert_eq!(route.children(), [child(0, 50, 100 * CENT), child(1, 50, 101 * CENT)]);
    let expected =
        50 * (100 * CENT + 3_000_000) + 30 * (100 * CENT - 1_000_000) + 20 * (101 * CENT - 1_000_000);
    assert_eq!((route.quantity, route.cost_1e9), (100, i128::from(expected)));
}

#[test]
fn a_seller_takes_the_highest_bids_down_to_the_limit() {
    let (a, b) = ([level(100 * CENT, 50), level(98 * CENT, 50)], [level(99 * CENT, 30)]);
    let venues = [venue(&a, 0), venue(&b, 0)];
    let parent = ParentOrder { side: Side::Sell, ..buy(1_000, 99 * CENT) };
    let route = route(&parent, &venues);
    assert_eq!(route.children(), [child(0, 50, 100 * CENT), child(1, 30, 99 * CENT)]);
    assert_eq!(route.cost_1e9, -i128::from(50 * 100 * CENT + 30 * 99 * CENT));
}

#[test]
fn lots_smallest_and_largest_orders_hold() {
    let (a, b) = ([level(100 * CENT, 250)], [level(101 * CENT, 500)]);
    let mut venues = [venue(&a, 0), venue(&b, 0)];
    let parent = ParentOrder { lot: 100, ..buy(499, 110 * CENT) };
    assert_eq!(route(&parent, &venues).children(), [child(0, 200, 100 * CENT), child(1, 200, 101 * CENT)]);
    // The dearer venue takes 300 or nothing: 100 fewer go to the cheaper one, for the sake of quantity.
    venues[1].qty_min = 300;
    assert_eq!(route(&parent, &venues).children(), [child(0, 100, 100 * CENT), child(1, 300, 101 * CENT)]);
    venues[1].qty_min = 401;
    assert_eq!(route(&parent, &venues).children(), [child(0, 200, 100 * CENT)]);
    venues[0].qty_max = 199;
    assert_eq!(route(&parent, &venues).children(), [child(0, 100, 100 * CENT)]);
    assert_eq!(route(&ParentOrder { side: Side::None, ..parent }, &venues).children(), []);
    assert_eq!(route(&ParentOrder { quantity: 99, ..parent }, &venues).children(), []);
}

/// A level between two ticks is reached by the next tick, if the limit allows that.
#[test]
fn a_limit_is_a_price_that_can_be_sent() {
    let a = [level(100 * CENT + 100_000, 50)];
    let venues = [venue(&a, 0)];
    let route_to = |limit| route(&buy(50, limit), &venues);
    assert_eq!(route_to(101 * CENT).children(), [child(0, 50, 101 * CENT)]);
    assert_eq!(route_to(101 * CENT - 1).children(), []);
    let sell = ParentOrder { side: Side::Sell, ..buy(50, 100 * CENT) };
    assert_eq!(route(&sell, &venues).children(), [child(0, 50, 100 * CENT)]);
    assert_eq!(route(&ParentOrder { limit: 100 * CENT + 1, ..sell }, &venues).children(), []);
}

#[test]
fn extremes_do_not_overflow() {
    let deep = [level(i64::MAX, u64::MAX), level(i64::MAX, u64::MAX)];
    let venues = [RouteVenue { tick: 1, ..venue(&deep, i64::MAX) }; VENUES_MAX + 1];
    let route = route(&ParentOrder { lot: 0, ..buy(u64::MAX, i64::MAX) }, &venues);
    assert_eq!(route.quantity, PARENT_QUANTITY_MAX);
    let broken = [RouteVenue { tick: 0, ..venue(&deep, 0) }];
    assert_eq!(super::route(&buy(1, i64::MAX), &broken).quantity, 0);
}

/// One venue of a random market.
#[derive(Clone, Debug)]
struct Random {
    levels: Vec<DepthLevel>,
    taker_fee: i64,
    qty_min: u64,
    qty_max: u64,
}

fn random_venue() -> impl Strategy<Value = Random> {
    let steps = prop::collection::vec((1i64..4, 1u64..6), 0..4);
    (steps, 96i64..101, -3i64..4, 0u64..7, 0u64..15).prop_map(|(steps, from, taker_fee, qty_min, qty_max)| {
        let mut price = from;
        let levels = steps.into_iter().map(|(step, quantity)| {
            price += step;
            level(price, quantity)
        });
        Random { levels: levels.collect(), taker_fee, qty_min, qty_max }
    })
}

/// The best (quantity, cost) over all quantities at all venues, each walked unit by unit.
fn brute(parent: &ParentOrder, venues: &[Random], quantities: &mut Vec<u64>) -> (u64, i128) {
    let Some((first, others)) = venues.split_first() else {
        let total: u64 = quantities.iter().sum();
        return (total, 0);
    };
    let mut best: Option<(u64, i128)> = None;
    let used: u64 = quantities.iter().sum();
    for quantity in (0..=parent.quantity - used).filter(|quantity| quantity % parent.lot == 0) {
        if quantity > 0 && (quantity < first.qty_min || quantity > first.qty_max) {
            continue;
        }
        let units = first.levels.iter().flat_map(|level| vec![level.price; level.quantity as usize]);
        let within = |price: &i64| match parent.side {
            Side::Buy => *price <= parent.limit,
            _ => *price >= parent.limit,
        };
        let units: Vec<i64> = units.filter(within).collect();
        if units.len() < quantity as usize {
            continue;
        }
        let sign = if parent.side == Side::Buy { 1 } else { -1 };
        let cost: i64 = units[..quantity as usize].iter().map(|price| sign * price + first.taker_fee).sum();
        quantities.push(quantity);
        let (total, rest) = brute(parent, others, quantities);
        quantities.pop();
        let candidate = (total, rest + i128::from(cost));
        if best.is_none_or(|best| (candidate.0, best.1) > (best.0, candidate.1)) {
            best = Some(candidate);
        }
    }
    best.expect("nothing at all is always possible")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_split_is_the_optimum(
        mut venues in prop::collection::vec(random_venue(), 0..4),
        quantity in 0u64..18,
        lot in 1u64..4,
        limit in 96i64..108,
        sells in prop::bool::ANY,
    ) {
        let side = if sells { Side::Sell } else { Side::Buy };
        if sells {
            venues.iter_mut().for_each(|v| v.levels.iter_mut().for_each(|level| level.price = 204 - level.price));
        }
        let parent = ParentOrder { side, quantity, limit, lot };
        let given: Vec<_> = venues
            .iter()
            .map(|v| RouteVenue {
                levels: &v.levels,
                taker_fee: v.taker_fee,
                tick: 1,
                qty_min: v.qty_min,
                qty_max: v.qty_max,
            })
            .collect();
        let split = route(&parent, &given);
        prop_assert_eq!((split.quantity, split.cost_1e9), brute(&parent, &venues, &mut Vec::new()));
        // And the children are what the sums say.
        let mut cost = 0;
        for child in split.children() {
            let of = &venues[usize::from(child.venue)];
            prop_assert!(child.quantity.is_multiple_of(lot) && (of.qty_min..=of.qty_max).contains(&child.quantity));
            let mut left = child.quantity;
            for level in &of.levels {
                let taken = left.min(level.quantity);
                let sign = if sells { -1 } else { 1 };
                cost += i128::from(taken) * i128::from(sign * level.price + of.taker_fee);
                left -= taken;
                if left == 0 {
                    prop_assert_eq!(child.limit, level.price, "the worst price it needs");
                    break;
                }
            }
            prop_assert_eq!(left, 0);
        }
        prop_assert_eq!(cost, split.cost_1e9);
        prop_assert_eq!(split.quantity, split.children().iter().map(|child| child.quantity).sum::<u64>());
    }
}
