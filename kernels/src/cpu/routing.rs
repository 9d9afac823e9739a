//! Smart order routing: what of a parent order goes to which venue now, so that as much as can be is traded at the lowest
//! cost after fees.
//!
//! A venue's displayed levels make its cost of a quantity convex: every further share costs at least what the one before
//! it did. So among venues without a smallest order, taking the cheapest next lot again and again costs the least for any
//! quantity; where venues have a smallest order, each choice of those that take part is filled that way, from their
//! smallest orders up, and the best choice is taken. The result is the optimum, which the tests hold against trying
//! everything: first the most that can be traded, then the least cost, then the choice with the lowest venues. Between two
//! equally cheap lots the lower venue takes the next one.
//!
//! Integers only (`i128` sums), fixed order; the steps are bounded by twice the number of levels for each of at most 256
//! choices, one where no venue has a smallest order. Nothing allocates; any thread may call it. It refuses to pay more than
//! the limit. What is stale, halted, crossed in itself or ours the caller leaves out of the levels.

use super::book::DepthLevel;
pub use super::nbbo::VENUES_MAX;
use feeds::event::Side;

/// Largest quantity of a parent order; more is cut to it so that no sum can overflow.
pub const PARENT_QUANTITY_MAX: u64 = 1 << 40;

/// What a parent order wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentOrder {
    /// Buy or sell; with neither nothing is routed.
    pub side: Side,
    /// Quantity that is left, quantity units; cut to [`PARENT_QUANTITY_MAX`] and to whole lots.
    pub quantity: u64,
    /// Worst price, 1e-9, before fees.
    pub limit: i64,
    /// Every child is a multiple of it, quantity units; 0 counts as 1.
    pub lot: u64,
}

/// What one venue offers to the parent's side.
#[derive(Clone, Copy, Debug, Default)]
pub struct RouteVenue<'a> {
    /// The other side's levels, best first: offers for a buyer, bids for a seller; empty where nothing is to go.
    pub levels: &'a [DepthLevel],
    /// Fee for taking, 1e-9 a quantity unit; negative when taking earns a rebate.
    pub taker_fee: i64,
    /// Price increment, 1e-9, above zero. A level off the increment is reached by the next price that can be sent: up for
    /// a buyer, down for a seller.
    pub tick: i64,
    /// Smallest order, quantity units.
    pub qty_min: u64,
    /// Largest order, quantity units.
    pub qty_max: u64,
}

/// What goes to one venue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChildOrder {
    /// Index of the venue.
    pub venue: u8,
    /// Quantity, a multiple of the lot.
    pub quantity: u64,
    /// Worst price that it needs, 1e-9, a multiple of the venue's tick, within the parent's limit.
    pub limit: i64,
}

/// The split of a parent order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    children: [ChildOrder; VENUES_MAX],
    len: usize,
    /// Sum of the children.
    pub quantity: u64,
    /// What is paid if every level trades as displayed, fees included, 1e-9; received below zero.
    pub cost_1e9: i128,
}

impl Route {
    const NOTHING: Self = Self {
        children: [ChildOrder { venue: 0, quantity: 0, limit: 0 }; VENUES_MAX],
        len: 0,
        quantity: 0,
        cost_1e9: 0,
    };

    /// The children, by ascending venue, none of them empty.
    #[must_use]
    pub fn children(&self) -> &[ChildOrder] {
        &self.children[..self.len]
    }

    fn is_better(&self, than: &Self) -> bool {
        (self.quantity, than.cost_1e9) > (than.quantity, self.cost_1e9)
    }
}

/// Where a walk down one venue's levels stands.
#[derive(Clone, Copy)]
struct Walk<'a> {
    venue: RouteVenue<'a>,
    side: Side,
    lot: u64,
    /// Lots that can still be had within limit and largest order.
    lots_left: u64,
    /// The level that the next unit comes from, and what of it is taken.
    level: usize,
    used: u64,
    /// Taken so far, and what it costs.
    quantity: u64,
    cost: i128,
    /// The worst price taken so far, as it can be sent.
    limit: i64,
}

/// The next lots of a venue, all equally expensive.
#[derive(Clone, Copy)]
struct Run {
    /// Cost of one lot.
    cost: i128,
    lots: u64,
}

impl<'a> Walk<'a> {
    fn new(venue: &RouteVenue<'a>, parent: &ParentOrder) -> Self {
        let venue = *venue;
        let reachable = venue.levels.iter().take_while(|level| {
            let price = sendable(parent.side, venue.tick, level.price);
            price.is_some_and(|price| is_within(parent.side, price, parent.limit))
        });
        let displayed = reachable.fold(0u64, |sum, level| sum.saturating_add(level.quantity));
        let lot = parent.lot.max(1);
        let lots_left = displayed.min(venue.qty_max).min(PARENT_QUANTITY_MAX) / lot;
        Self { venue, side: parent.side, lot, lots_left, level: 0, used: 0, quantity: 0, cost: 0, limit: 0 }
    }

    /// Cost of one unit of a level.
    fn unit_cost(&self, level: &DepthLevel) -> i128 {
        let price = i128::from(level.price);
        i128::from(self.venue.taker_fee) + if self.side == Side::Buy { price } else { -price }
    }

    /// Lots with the cost of the next one; `None` when there are no more.
    fn next_run(&self) -> Option<Run> {
        if self.lots_left == 0 {
            return None;
        }
        let mut walk = *self;
        while walk.left_of_level() == 0 {
            (walk.level, walk.used) = (walk.level + 1, 0);
        }
        let whole = walk.left_of_level() / walk.lot;
        if whole > 0 {
            let cost = walk.unit_cost(&walk.venue.levels[walk.level]) * i128::from(walk.lot);
            return Some(Run { cost, lots: whole.min(walk.lots_left) });
        }
        // A lot of several levels.
        walk.take(1);
        Some(Run { cost: walk.cost - self.cost, lots: 1 })
    }

    fn left_of_level(&self) -> u64 {
        self.venue.levels[self.level].quantity - self.used
    }

    /// Takes lots that are there.
    fn take(&mut self, lots: u64) {
        self.lots_left -= lots;
        let mut units = lots * self.lot;
        self.quantity += units;
        while units > 0 {
            let taken = units.min(self.left_of_level());
            if taken == 0 {
                (self.level, self.used) = (self.level + 1, 0);
                continue;
            }
            let level = &self.venue.levels[self.level];
            self.cost += self.unit_cost(level) * i128::from(taken);
            if let Some(price) = sendable(self.side, self.venue.tick, level.price) {
                self.limit = price;
            }
            self.used += taken;
            units -= taken;
        }
    }

    /// Lots of the smallest order.
    fn lots_min(&self) -> u64 {
        self.venue.qty_min.div_ceil(self.lot).max(1)
    }
}

/// The best price that can be sent and reaches a level; `None` where none fits the numbers.
fn sendable(side: Side, tick: i64, price: i64) -> Option<i64> {
    let beyond =
        if side == Side::Buy { price.checked_neg()?.rem_euclid(tick) } else { price.rem_euclid(tick) };
    if side == Side::Buy { price.checked_add(beyond) } else { price.checked_sub(beyond) }
}

const fn is_within(side: Side, price: i64, limit: i64) -> bool {
    match side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
        Side::None => false,
    }
}

/// Splits a parent order over `venues`, of which the first [`VENUES_MAX`] count; a venue without a positive tick is left
/// out. Nothing where nothing can be traded within the limit.
#[must_use]
pub fn route(parent: &ParentOrder, venues: &[RouteVenue<'_>]) -> Route {
    let lots = parent.quantity.min(PARENT_QUANTITY_MAX) / parent.lot.max(1);
    let mut walks = [None; VENUES_MAX];
    // Venues whose smallest order is more than a lot: whether they take part is a choice.
    let mut choosy = 0u8;
    for (at, (walk, venue)) in walks.iter_mut().zip(venues).enumerate() {
        if venue.tick <= 0 {
            continue;
        }
        let begun = Walk::new(venue, parent);
        let lots_min = begun.lots_min();
        if lots_min <= begun.lots_left.min(lots) {
            *walk = Some(begun);
            choosy |= u8::from(lots_min > 1) << at;
        }
    }
    let mut best = Route::NOTHING;
    // All subsets of the choosy venues, the empty one first.
    let mut taking_part = 0u8;
    loop {
        if let Some(route) = fill(&walks, choosy, taking_part, lots)
            && route.is_better(&best)
        {
            best = route;
        }
        if taking_part == choosy {
            return best;
        }
        taking_part = taking_part.wrapping_sub(choosy) & choosy;
    }
}

/// The best split when exactly these of the choosy venues take part; `None` when their smallest orders are too much.
fn fill(walks: &[Option<Walk<'_>>; VENUES_MAX], choosy: u8, taking_part: u8, mut lots: u64) -> Option<Route> {
    let mut walks = *walks;
    for (at, place) in walks.iter_mut().enumerate() {
        let bit = 1u8 << at;
        if choosy & bit == 0 {
            continue;
        }
        if taking_part & bit == 0 {
            *place = None;
        } else if let Some(walk) = place {
            let lots_min = walk.lots_min();
            lots = lots.checked_sub(lots_min)?;
            walk.take(lots_min);
        }
    }
    while lots > 0 {
        let runs = walks.iter_mut().flatten().filter_map(|walk| walk.next_run().map(|run| (run, walk)));
        // Of equals the first: the lowest venue.
        let Some((run, walk)) = runs.min_by_key(|(run, _)| run.cost) else { break };
        let taken = run.lots.min(lots);
        walk.take(taken);
        lots -= taken;
    }
    let mut route = Route::NOTHING;
    for (venue, walk) in (0u8..).zip(&walks) {
        let Some(walk) = walk.filter(|walk| walk.quantity > 0) else { continue };
        route.children[route.len] = ChildOrder { venue, quantity: walk.quantity, limit: walk.limit };
        route.len += 1;
        route.quantity += walk.quantity;
        route.cost_1e9 += walk.cost;
    }
    Some(route)
}

#[cfg(test)]
#[path = "routing_tests.rs"]
mod tests;
