//! Takes what the relations of the wide work find: all legs with immediate-or-cancel orders that risk approves together or not
//! at all.
//!
//! Relations of both forms are taken, with as many legs as risk approves together ([`GROUP_MAX`]); longer baskets are found
//! and reported only.
//!
//! An answer says what was there when it was asked for. Before anything is sent the relation is evaluated again with the
//! books of this moment, and its quantities are those of this second evaluation. One attempt is in flight at a time; after it
//! the taker waits. What it has tried, or found gone, it tries again only when a further answer says that it has changed.
//! Relations share quotes: what it has asked for of one counts as gone until the listing shows another price or size there, so
//! that no second relation sends its other legs for it.
//!
//! When the legs of an attempt filled unequally, each leg keeps what the least filled one supports. What is beyond
//! that is a position, or is traded back at the same listing, as configured, until it is gone.
//!
//! It allocates at construction only and runs on the decision thread.

mod attempt;
mod config;
mod explanation;
mod taken;

pub use config::RelationTakerConfig;

use super::trading_back::{Flatten, exit_limit};
use super::{GROUP_MAX, Intents, Strategy, View, immediate};
use crate::order::{Execution, Intent};
use crate::pipeline::order_table::LiveOrder;
use crate::pipeline::risk::RiskReasons;
use crate::pipeline::wide::{WideAnswered, WideListing};
use attempt::{Attempt, NO_LEG, TriedLeg};
use feeds::event::{MarketEvent, Side};
use kernels::abi::{ItemKind, LEGS_MAX, ListingTerms, Touch};
use kernels::cpu::arbitrage::NO_HIT;
use kernels::cpu::book::Bbo;
use kernels::cpu::wide::WideTables;
use std::sync::Arc;
use taken::Taken;

/// A listing of the wide work as the taker trades it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenListing {
    /// Where and what.
    pub at: WideListing,
    /// Price increment of orders, 1e-9, above zero.
    pub price_tick: i64,
    /// Fees and lots.
    pub terms: ListingTerms,
}

/// See the module's text.
pub struct RelationTaker {
    instruments: Box<[u32]>,
    listings: Box<[TakenListing]>,
    terms: Box<[ListingTerms]>,
    /// Of the legs that are looked at; others are stale.
    touches: Box<[Touch]>,
    /// What was asked for of each listing's bid and offer.
    taken: Box<[[Taken; 2]]>,
    tables: Arc<WideTables>,
    /// A bit a relation: an answer said that there is something to take, and it was not tried since.
    standing: Box<[u64]>,
    config: RelationTakerConfig,
    /// Core time before which nothing is tried, UTC ns.
    ready_ns: u64,
    attempt: Option<Attempt>,
}

impl RelationTaker {
    /// A taker of the relations of `tables` over `listings`, numbered as there.
    #[must_use]
    pub fn new(listings: &[TakenListing], tables: &Arc<WideTables>, config: RelationTakerConfig) -> Self {
        let legs = (0..tables.relation_count()).flat_map(|relation| tables.quantities(relation, &NO_HIT));
        let mut instruments: Vec<_> =
            legs.map(|(leg, _)| listings[leg.listing() as usize].at.instrument).collect();
        instruments.sort_unstable();
        instruments.dedup();
        Self {
            instruments: instruments.into(),
            listings: listings.into(),
            terms: listings.iter().map(|listing| listing.terms).collect(),
            touches: vec![Touch::default(); listings.len()].into(),
            taken: vec![[Taken::default(); 2]; listings.len()].into(),
            standing: vec![0; tables.relation_count().div_ceil(64) as usize].into(),
            tables: Arc::clone(tables),
            config,
            ready_ns: 0,
            attempt: None,
        }
    }

    /// Quantity that waits to be traded back, over all legs.
    #[must_use]
    pub fn excess(&self) -> u64 {
        self.attempt.iter().flat_map(|attempt| attempt.legs()).map(|leg| leg.excess).sum()
    }

    fn act(&mut self, view: &View<'_>, intents: &mut Intents) {
        if view.time_ns < self.ready_ns || view.open_orders().next().is_some() {
            return;
        }
        match self.attempt {
            Some(attempt) if attempt.is_flattening => self.flatten(view, intents),
            // Without an open order an attempt is over, also where nobody said so.
            Some(_) => self.conclude(view, intents),
            None => self.take_one(view, intents),
        }
    }

    /// Tries the relations that stand, in their order, until one still does.
    fn take_one(&mut self, view: &View<'_>, intents: &mut Intents) {
        for word in 0..self.standing.len() {
            while self.standing[word] != 0 {
                let bit = self.standing[word].trailing_zeros();
                self.standing[word] &= self.standing[word] - 1;
                if let Some(attempt) = self.evaluate_now(word as u32 * 64 + bit, view) {
                    return self.send(attempt, view, intents);
                }
            }
        }
    }

    /// What a relation offers by the books of this moment.
    fn evaluate_now(&mut self, number: u32, view: &View<'_>) -> Option<Attempt> {
        let mut legs = [NO_LEG; GROUP_MAX];
        let mut legs_len = 0;
        for (leg, _) in self.tables.quantities(number, &NO_HIT) {
            let listing = leg.listing();
            let WideListing { venue, instrument } = self.listings[listing as usize].at;
            // Empty where the venue is not in continuous trading, or stale.
            let bbo = view.nbbo.venue_quote(instrument, venue);
            let [bid, ask] = &self.taken[listing as usize];
            let left = Bbo {
                bid_qty: bid.left(bbo.bid_px, bbo.bid_qty),
                ask_qty: ask.left(bbo.ask_px, bbo.ask_qty),
                ..bbo
            };
            let touch = self.tables.fold(listing, &left);
            self.touches[listing as usize] = touch;
            let is_inverse = self.tables.is_inverse(listing);
            // More legs than may be approved together: nothing is tried.
            *legs.get_mut(legs_len)? = TriedLeg { leg, is_inverse, bbo, touch, ..NO_LEG };
            legs_len += 1;
        }
        let values = self.tables.evaluate(number, &self.touches);
        let profit = values[LEGS_MAX];
        if profit <= 0 {
            return None;
        }
        for (tried, (_, quantity)) in legs.iter_mut().zip(self.tables.quantities(number, &values)) {
            tried.planned = quantity;
        }
        Some(Attempt { relation: number, legs, legs_len, profit, is_flattening: false })
    }

    fn send(&mut self, attempt: Attempt, view: &View<'_>, intents: &mut Intents) {
        let mut orders = [immediate(0, 0, Side::None, 0, 0); GROUP_MAX];
        for (order, leg) in orders.iter_mut().zip(attempt.legs()) {
            let WideListing { venue, instrument } = self.listings[leg.leg.listing() as usize].at;
            *order = immediate(venue, instrument, leg.side(), leg.price(), leg.planned);
        }
        intents.push_group(&orders[..attempt.legs_len]);
        self.attempt = Some(attempt);
        self.ready_ns = view.time_ns.saturating_add(self.config.cool_down_ns);
    }

    /// All orders of the attempt, or of trading back, are done.
    fn conclude(&mut self, view: &View<'_>, intents: &mut Intents) {
        let Some(attempt) = &mut self.attempt else { return };
        let was_flattening = attempt.is_flattening;
        if !was_flattening && self.config.flatten == Flatten::Cross {
            attempt.find_excess(&self.terms);
            attempt.is_flattening = true;
        }
        if attempt.legs().iter().all(|leg| leg.excess == 0) {
            self.attempt = None;
            self.ready_ns = view.time_ns.saturating_add(self.config.cool_down_ns);
        } else if was_flattening {
            // What found nobody is tried again after the wait.
            self.ready_ns = view.time_ns.saturating_add(self.config.cool_down_ns);
        } else {
            self.flatten(view, intents);
        }
    }

    /// Trades back what is beyond the least filled leg, each where it was traded.
    fn flatten(&mut self, view: &View<'_>, intents: &mut Intents) {
        let Some(attempt) = &self.attempt else { return };
        for leg in attempt.legs().iter().filter(|leg| leg.excess > 0) {
            let TakenListing { at: WideListing { venue, instrument }, price_tick, .. } =
                self.listings[leg.leg.listing() as usize];
            let side = leg.side().opposite();
            let quote = view.nbbo.venue_quote(instrument, venue);
            let touch = if side == Side::Sell { quote.bid_px } else { quote.ask_px };
            let limit = exit_limit(side, touch, price_tick, self.config.slippage_max_ticks);
            if let Some(limit) = limit {
                intents.push(immediate(venue, instrument, side, limit, leg.excess));
            }
        }
        self.ready_ns = view.time_ns.saturating_add(self.config.cool_down_ns);
    }

    /// The leg that an order is of, or trades back.
    fn leg_of(&mut self, order: &LiveOrder) -> Option<&mut TriedLeg> {
        let listings = &self.listings;
        let attempt = self.attempt.as_mut()?;
        let side = if attempt.is_flattening { order.side.opposite() } else { order.side };
        attempt.legs_mut().iter_mut().find(|leg| {
            let at = listings[leg.leg.listing() as usize].at;
            (at.venue, at.instrument, leg.side()) == (order.venue, order.instrument, side)
        })
    }
}

impl Strategy for RelationTaker {
    fn instruments(&self) -> &[u32] {
        &self.instruments
    }

    fn on_market(&mut self, view: &View<'_>, _event: &MarketEvent, intents: &mut Intents) {
        // What is to be traded back does not wait for an answer; what is to be taken does.
        if self.attempt.is_some() {
            self.act(view, intents);
        }
    }

    fn on_execution(
        &mut self,
        view: &View<'_>,
        _execution: &Execution,
        order: &LiveOrder,
        closed: bool,
        intents: &mut Intents,
    ) {
        if !closed {
            return;
        }
        let is_flattening = self.attempt.is_some_and(|attempt| attempt.is_flattening);
        if let Some(leg) = self.leg_of(order) {
            if is_flattening {
                leg.excess = leg.excess.saturating_sub(order.cumulative);
            } else {
                leg.filled = order.cumulative;
                let TriedLeg { leg: at, bbo, .. } = *leg;
                // What was asked for and did not fill was not there any more.
                let [bid, ask] = &mut self.taken[at.listing() as usize];
                match order.side {
                    Side::Sell => bid.add(bbo.bid_px, bbo.bid_qty, order.quantity),
                    _ => ask.add(bbo.ask_px, bbo.ask_qty, order.quantity),
                }
            }
        }
        if view.open_orders().next().is_none() {
            self.conclude(view, intents);
        }
    }

    fn on_reject(&mut self, time_ns: u64, _intent: &Intent, _reasons: RiskReasons) {
        self.ready_ns = time_ns.saturating_add(self.config.cool_down_ns);
        // Nothing of an attempt left; what is to be traded back stays.
        self.attempt = self.attempt.filter(|attempt| attempt.is_flattening);
    }

    fn on_timer(&mut self, view: &View<'_>, intents: &mut Intents) {
        self.act(view, intents);
    }

    fn wants_wide(&self) -> bool {
        true
    }

    fn on_wide(&mut self, view: &View<'_>, answer: &WideAnswered<'_>, intents: &mut Intents) {
        for item in answer.items.iter().filter(|item| item.key.kind == ItemKind::Relation) {
            let (word, bit) = (item.key.index as usize / 64, 1 << (item.key.index % 64));
            if let Some(word) = self.standing.get_mut(word) {
                *word = if item.values[LEGS_MAX] > 0 { *word | bit } else { *word & !bit };
            }
        }
        self.act(view, intents);
    }

    fn explain(&self, _view: &View<'_>) -> Vec<String> {
        explanation::of(self)
    }
}

#[cfg(test)]
#[path = "relation_taker_tests.rs"]
mod tests;
