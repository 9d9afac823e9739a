//! Takes what the relations of the wide work find: all legs with immediate-or-cancel orders that risk approves together or not
//! at all.
//!
//! Relations of both forms are taken, with as many legs as risk approves together ([`GROUP_MAX`]); longer baskets are found
//! and reported only.
//!
//! An answer says what was there when it was asked for. Before anything is sent the relation is evaluated again with the
//! books of this moment, and its quantities are those of this second evaluation. Of several that stand the most profitable
//! by its answer goes first.
//! One attempt is in flight at a time; after it the taker waits. What it has tried, or found gone, it tries again only
//! when a further answer says that it has changed. What it has asked for of a quote counts as gone (`relation_taker/taken.rs`).
//!
//! When the legs of an attempt filled unequally, each leg keeps what the least filled one supports. What is beyond
//! that is a position, or is traded back at the same listing, as configured, until it is gone. It is asked for again when
//! something is there that was not asked for yet; meanwhile other relations are taken.
//!
//! It allocates at construction only and runs on the decision thread.

mod attempt;
mod config;
mod exits;
mod explanation;
mod standing;
mod taken;

pub use config::{RelationTakerConfig, TakenListing};

use super::trading_back::{Flatten, exit_limit};
use super::{GROUP_MAX, INTENTS_MAX, Intents, Strategy, View, immediate};
use crate::order::{Execution, ExecutionKind, Intent};
use crate::pipeline::order_table::LiveOrder;
use crate::pipeline::risk::RiskReasons;
use crate::pipeline::wide::{WideAnswered, WideListing};
use attempt::{Attempt, NO_LEG, TriedLeg};
use exits::Exits;
use feeds::event::{MarketEvent, Side};
use kernels::abi::{ItemKind, LEGS_MAX, ListingTerms, Touch};
use kernels::cpu::arbitrage::NO_HIT;
use kernels::cpu::wide::WideTables;
use standing::Standing;
use std::sync::Arc;
use taken::Taken;

/// Relations that one input tries at most; the others stand until the next answer or timer.
const TRIES_MAX: usize = 32;

/// See the module's text.
pub struct RelationTaker {
    instruments: Box<[u32]>,
    listings: Box<[TakenListing]>,
    terms: Box<[ListingTerms]>,
    /// Of the legs that are looked at; others are stale.
    touches: Box<[Touch]>,
    taken: Taken,
    tables: Arc<WideTables>,
    standing: Standing,
    config: RelationTakerConfig,
    /// Core time before which nothing is tried, UTC ns.
    ready_ns: u64,
    /// What is in flight. Without it an open order trades back.
    attempt: Option<Attempt>,
    exits: Exits,
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
        let places: Vec<_> = listings.iter().map(|listing| listing.at).collect();
        Self {
            instruments: instruments.into(),
            listings: listings.into(),
            terms: listings.iter().map(|listing| listing.terms).collect(),
            touches: vec![Touch::default(); listings.len()].into(),
            taken: Taken::new(&places),
            standing: Standing::new(tables.relation_count()),
            tables: Arc::clone(tables),
            config,
            ready_ns: 0,
            attempt: None,
            exits: Exits::new(listings.len()),
        }
    }

    /// Quantity that waits to be traded back, over all listings.
    #[must_use]
    pub fn excess(&self) -> u64 {
        self.exits.iter().map(|exit| exit.quantity).sum()
    }

    fn is_ready(&self, view: &View<'_>) -> bool {
        view.time_ns >= self.ready_ns && view.open_orders().next().is_none()
    }

    /// Ends what is over, and trades back; whether there was anything of that.
    fn finish(&mut self, view: &View<'_>, intents: &mut Intents) -> bool {
        if self.attempt.is_some() {
            // Without an open order an attempt is over, also where nobody said so.
            self.conclude(view, intents);
            return true;
        }
        self.trade_back(view, intents)
    }

    fn act(&mut self, view: &View<'_>, intents: &mut Intents) {
        if self.is_ready(view) && !self.finish(view, intents) {
            self.take_best(view, intents);
        }
    }

    /// Tries the relations that stand, the most profitable first, until one still does.
    fn take_best(&mut self, view: &View<'_>, intents: &mut Intents) {
        for _ in 0..TRIES_MAX {
            let Some(number) = self.standing.take_best() else { return };
            if let Some(attempt) = self.evaluate_now(number, view) {
                return self.send(attempt, view, intents);
            }
        }
    }

    /// What a relation offers by the books of this moment.
    fn evaluate_now(&mut self, number: u32, view: &View<'_>) -> Option<Attempt> {
        let mut legs = [NO_LEG; GROUP_MAX];
        let mut legs_len = 0;
        for (leg, _) in self.tables.quantities(number, &NO_HIT) {
            let listing = leg.listing();
            let (bbo, left) = self.taken.quote(view, listing);
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
        Some(Attempt { relation: number, legs, legs_len, profit })
    }

    fn send(&mut self, attempt: Attempt, view: &View<'_>, intents: &mut Intents) {
        let mut orders = [immediate(0, 0, Side::None, 0, 0); GROUP_MAX];
        for (order, leg) in orders.iter_mut().zip(attempt.legs()) {
            let listing = leg.leg.listing();
            let WideListing { venue, instrument } = self.listings[listing as usize].at;
            *order = immediate(venue, instrument, leg.side(), leg.price(), leg.planned);
            self.taken.ask(view, listing, leg.side(), &leg.bbo, leg.planned);
        }
        intents.push_group(&orders[..attempt.legs_len]);
        self.attempt = Some(attempt);
        self.ready_ns = view.time_ns.saturating_add(self.config.cool_down_ns);
    }

    /// All orders of the attempt, or of trading back, are done.
    fn conclude(&mut self, view: &View<'_>, intents: &mut Intents) {
        self.ready_ns = view.time_ns.saturating_add(self.config.cool_down_ns);
        self.exits.drop_done();
        let Some(mut attempt) = self.attempt.take() else { return };
        self.give_back(&attempt);
        if self.config.flatten == Flatten::Cross {
            attempt.find_excess(&self.terms);
            for leg in attempt.legs().iter().filter(|leg| leg.excess > 0) {
                self.exits.add(leg.leg.listing(), leg.side().opposite(), leg.excess);
            }
            self.trade_back(view, intents);
        }
    }

    /// What of an attempt never came to the book was not taken.
    fn give_back(&mut self, attempt: &Attempt) {
        for leg in attempt.legs() {
            self.taken.give_back(leg.leg.listing(), leg.side());
        }
    }

    /// Trades back what can be, each where it was traded; whether that is anything.
    fn trade_back(&mut self, view: &View<'_>, intents: &mut Intents) -> bool {
        let mut sent = 0;
        for exit in self.exits.iter() {
            let TakenListing { at, price_tick, .. } = self.listings[exit.listing as usize];
            let (shown, there) = self.taken.quote(view, exit.listing);
            let sells = exit.side == Side::Sell;
            let (touch, quantity) =
                if sells { (there.bid_px, there.bid_qty) } else { (there.ask_px, there.ask_qty) };
            let limit = exit_limit(exit.side, touch, price_tick, self.config.slippage_max_ticks);
            if let Some(limit) = limit.filter(|_| quantity > 0 && sent < INTENTS_MAX) {
                self.taken.ask(view, exit.listing, exit.side, &shown, exit.quantity.min(quantity));
                intents.push(immediate(at.venue, at.instrument, exit.side, limit, exit.quantity));
                sent += 1;
            }
        }
        if sent > 0 {
            self.ready_ns = view.time_ns.saturating_add(self.config.cool_down_ns);
        }
        sent > 0
    }

    /// Takes down what filled of an order that is done; the listing that it was for.
    fn note_filled(&mut self, order: &LiveOrder) -> Option<u32> {
        let listings = &self.listings;
        let is_there = |listing: u32, side: Side| {
            let at = listings[listing as usize].at;
            (at.venue, at.instrument, side) == (order.venue, order.instrument, order.side)
        };
        if let Some(attempt) = &mut self.attempt {
            let mut legs = attempt.legs_mut().iter_mut();
            let leg = legs.find(|leg| is_there(leg.leg.listing(), leg.side()))?;
            leg.filled = order.cumulative;
            return Some(leg.leg.listing());
        }
        let exit = self.exits.iter_mut().find(|exit| is_there(exit.listing, exit.side))?;
        exit.quantity = exit.quantity.saturating_sub(order.cumulative);
        Some(exit.listing)
    }
}

impl Strategy for RelationTaker {
    fn instruments(&self) -> &[u32] {
        &self.instruments
    }

    fn on_market(&mut self, view: &View<'_>, event: &MarketEvent, intents: &mut Intents) {
        self.taken.on_market(view, event);
        // What is to be traded back does not wait for an answer; what is to be taken does.
        if (self.attempt.is_some() || !self.exits.is_empty()) && self.is_ready(view) {
            self.finish(view, intents);
        }
    }

    fn on_execution(
        &mut self,
        view: &View<'_>,
        execution: &Execution,
        order: &LiveOrder,
        closed: bool,
        intents: &mut Intents,
    ) {
        if !closed {
            return;
        }
        if let Some(listing) = self.note_filled(order) {
            let never_came = matches!(
                execution.kind,
                ExecutionKind::Rejected | ExecutionKind::NotSent | ExecutionKind::StatusUnknown
            );
            if never_came {
                self.taken.give_back(listing, order.side);
            } else {
                let unseen_until_ns = view.time_ns.saturating_add(self.config.cool_down_ns);
                self.taken.end(listing, order.side, order.cumulative, unseen_until_ns);
            }
        }
        if view.open_orders().next().is_none() {
            self.conclude(view, intents);
        }
    }

    fn on_reject(&mut self, time_ns: u64, intent: &Intent, _reasons: RiskReasons) {
        self.ready_ns = time_ns.saturating_add(self.config.cool_down_ns);
        // Nothing of an attempt left; what is to be traded back stays.
        if let Some(attempt) = self.attempt.take() {
            return self.give_back(&attempt);
        }
        let refused = self.exits.iter().find(|exit| {
            let at = self.listings[exit.listing as usize].at;
            (at.venue, at.instrument, exit.side) == (intent.venue, intent.instrument, intent.side)
        });
        if let Some(exit) = refused {
            self.taken.give_back(exit.listing, exit.side);
        }
    }

    fn on_timer(&mut self, view: &View<'_>, intents: &mut Intents) {
        self.act(view, intents);
    }

    fn wants_wide(&self) -> bool {
        true
    }

    fn on_wide(&mut self, view: &View<'_>, answer: &WideAnswered<'_>, intents: &mut Intents) {
        for item in answer.items.iter().filter(|item| item.key.kind == ItemKind::Relation) {
            self.standing.answered(item.key.index, item.values[LEGS_MAX]);
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
