//! Strategies: what decides. A strategy is a pure state machine over the sequenced inputs; it sees the market and its
//! own orders through a read-only [`View`] and answers with [`Intents`]. It reads no clock, does no I/O, allocates
//! nothing after construction and cannot reach an order by any way but risk.
//!
//! A user's own strategy implements [`Strategy`] and is handed to the engine beside the built-in ones; see
//! `engine/examples/join_best.rs`.

pub mod arbitrage_taker;
pub mod market_maker;
pub mod options_maker;
pub mod parent_router;
mod quote_side;
pub mod relation_taker;
#[cfg(test)]
mod test_desk;
pub mod trading_back;

use crate::order::{ClOrdId, Execution, Intent, OrderAction, TimeInForce};
use crate::pipeline::carried_state::CarriedState;
use crate::pipeline::features::FeatureBoard;
use crate::pipeline::order_table::{LiveOrder, OrderTable};
use crate::pipeline::risk::{Exposure, Risk, RiskReasons};
use crate::pipeline::staleness::Staleness;
use crate::pipeline::wide::{SurfaceFitted, WideAnswered};
use feeds::event::{MarketEvent, Side};
use kernels::abi::LEGS_MAX;
use kernels::cpu::book::{Bbo, DepthLevel, VenueBooks};
use kernels::cpu::features::BookFeatures;
use kernels::cpu::nbbo::{Nbbo, NbboQuote};

/// Most intents that one call of one strategy may make; more are dropped and counted.
pub const INTENTS_MAX: usize = 16;

/// Most orders that risk approves together or not at all: the legs of a relation.
pub const GROUP_MAX: usize = LEGS_MAX;

/// What the decision core does with inputs.
pub trait Strategy: Send {
    /// Instruments whose events it wants; read once at start.
    fn instruments(&self) -> &[u32];

    /// The book of a subscribed instrument (or its venue's status) changed; called at last-of-event only.
    fn on_market(&mut self, view: &View<'_>, event: &MarketEvent, intents: &mut Intents);

    /// One of its orders changed; `order` is its state after the change, `closed` when it is done.
    fn on_execution(
        &mut self,
        view: &View<'_>,
        execution: &Execution,
        order: &LiveOrder,
        closed: bool,
        intents: &mut Intents,
    ) {
        let _ = (view, execution, order, closed, intents);
    }

    /// Risk refused an intent; nothing was sent.
    fn on_reject(&mut self, time_ns: u64, intent: &Intent, reasons: RiskReasons) {
        let _ = (time_ns, intent, reasons);
    }

    /// The engine's timer, once every configured interval of core time.
    fn on_timer(&mut self, view: &View<'_>, intents: &mut Intents) {
        let _ = (view, intents);
    }

    /// Whether it wants the answers of wide work; read once at start.
    fn wants_wide(&self) -> bool {
        false
    }

    /// An answer of wide work: what of the relations and options that depend on a listing has changed. It is of a moment
    /// that has passed: what it says is to be held against the view before anything is done about it.
    fn on_wide(&mut self, view: &View<'_>, answer: &WideAnswered<'_>, intents: &mut Intents) {
        let _ = (view, answer, intents);
    }

    /// A chain's volatilities are others from now on; the quotes that come of them are in answers. Heard by whoever wants
    /// wide work.
    fn on_surface(&mut self, view: &View<'_>, fitted: &SurfaceFitted<'_>, intents: &mut Intents) {
        let _ = (view, fitted, intents);
    }

    /// A former run of the same day left this, and this strategy has the same number `number` as there: what it holds, and its
    /// open orders. Before the first input. Cold.
    fn take_over(&mut self, carried: &CarriedState, number: u16) {
        let _ = (carried, number);
    }

    /// Its state as numbers, from which [`Self::restore`] makes a strategy of the same configuration that goes on bit for bit
    /// as this one would: for scenes (`control/slowest`). `None`: it cannot, and there are no scenes of its runs. Cold.
    fn save(&self) -> Option<Vec<u64>> {
        None
    }

    /// Takes over what [`Self::save`] of a strategy of the same configuration gave; whether it could be read.
    fn restore(&mut self, saved: &[u64]) -> bool {
        let _ = saved;
        false
    }

    /// What it has counted, for the report of the run. Cold.
    fn report(&self) -> Option<String> {
        None
    }

    /// What it has just decided from the same view, in words and numbers, a line each: for `warptick why`. Cold.
    fn explain(&self, view: &View<'_>) -> Vec<String> {
        let _ = view;
        vec!["this strategy does not explain itself".to_owned()]
    }
}

/// Everything a strategy may look at. Own orders are not in the books.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Core time, UTC ns, never decreasing.
    pub time_ns: u64,
    /// Number of the strategy that looks.
    pub strategy: u16,
    /// Books, one a venue; the methods below leave out those that are stale.
    pub books: &'a [VenueBooks],
    /// Which of them are stale.
    pub stale: &'a Staleness,
    /// National best bid and offer.
    pub nbbo: &'a Nbbo,
    /// Microstructure features, where the configuration keeps any.
    pub features: Option<&'a FeatureBoard>,
    /// All open orders.
    pub orders: &'a OrderTable,
    /// Positions and limits.
    pub risk: &'a Risk,
}

impl<'a> View<'a> {
    /// The books of a venue, if this instrument's is current.
    fn current(&self, venue: u8, instrument: u32) -> Option<&'a VenueBooks> {
        self.books.get(usize::from(venue)).filter(|_| !self.stale.is_stale(venue, instrument))
    }

    /// Best bid and offer of one venue; empty when its book is stale, and for a venue that is not configured.
    #[must_use]
    pub fn bbo(&self, venue: u8, instrument: u32) -> Bbo {
        let taken_in = self.nbbo.venue_quote(instrument, venue);
        // The national book has the same, without a search, unless the venue does not count for it just now.
        if taken_in.bid_qty | taken_in.ask_qty != 0 {
            return taken_in;
        }
        self.current(venue, instrument).map_or(Bbo::EMPTY, |books| books.bbo(instrument))
    }

    /// Best bid and offer over the venues that are trading.
    #[must_use]
    pub fn nbbo(&self, instrument: u32) -> NbboQuote {
        self.nbbo.quote(instrument)
    }

    /// The best levels of one venue's side, best first; returns how many were written, none when the book is stale.
    pub fn depth(&self, venue: u8, instrument: u32, side: Side, levels: &mut [DepthLevel]) -> usize {
        self.current(venue, instrument).map_or(0, |books| books.depth(instrument, side, levels))
    }

    /// Microprice, imbalances, VPIN and realised volatility of one venue's book, as of its last event; `None` where
    /// `[[features]]` does not name the instrument, and while the book is stale.
    #[must_use]
    pub fn features(&self, venue: u8, instrument: u32) -> Option<&'a BookFeatures> {
        let features = self.features?.get(venue, instrument)?;
        (!self.stale.is_stale(venue, instrument)).then_some(features)
    }

    /// Whether the instrument is in continuous trading at the venue, and its book there current.
    #[must_use]
    pub fn is_continuous(&self, venue: u8, instrument: u32) -> bool {
        self.current(venue, instrument).is_some_and(|books| books.is_continuous(instrument))
    }

    /// Position and reservations of an instrument.
    #[must_use]
    pub fn exposure(&self, instrument: u32) -> Exposure {
        self.risk.exposure(instrument)
    }

    /// The strategy's own open orders, newest first.
    pub fn open_orders(&self) -> impl Iterator<Item = &'a LiveOrder> {
        self.orders.of_strategy(self.strategy)
    }

    /// The strategy's newest open order on a side of an instrument.
    #[must_use]
    pub fn open_order(&self, instrument: u32, side: Side) -> Option<&'a LiveOrder> {
        self.open_orders().find(|order| order.instrument == instrument && order.side == side)
    }
}

/// One intent and whether it must be approved together with the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) intent: Intent,
    pub(crate) with_next: bool,
}

/// What a strategy wants done, in order; fixed capacity.
pub struct Intents {
    items: [Wanted; INTENTS_MAX],
    len: usize,
    dropped: u64,
}

impl Intents {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        let intent = Intent {
            action: OrderAction::Cancel,
            target: 0,
            price: 0,
            quantity: 0,
            instrument: 0,
            venue: 0,
            side: Side::None,
            time_in_force: TimeInForce::Day,
        };
        Self { items: [Wanted { intent, with_next: false }; INTENTS_MAX], len: 0, dropped: 0 }
    }

    /// A new order.
    #[allow(clippy::too_many_arguments, reason = "an order has that many terms")]
    pub fn new_order(
        &mut self,
        venue: u8,
        instrument: u32,
        side: Side,
        price: i64,
        quantity: u64,
        time_in_force: TimeInForce,
    ) {
        let action = OrderAction::New;
        self.push(Intent { action, target: 0, price, quantity, instrument, venue, side, time_in_force });
    }

    /// New terms for an open order; `quantity` is its new total.
    pub fn replace(&mut self, order: &LiveOrder, price: i64, quantity: u64) {
        self.push(Intent { action: OrderAction::Replace, price, quantity, ..order.cancel() });
    }

    /// Cancel an open order.
    pub fn cancel(&mut self, order: &LiveOrder) {
        self.push(order.cancel());
    }

    /// Any intent.
    pub fn push(&mut self, intent: Intent) {
        self.push_wanted(Wanted { intent, with_next: false });
    }

    /// Two new orders of which risk approves both or none. Both are dropped when there is room for one only.
    pub fn push_pair(&mut self, first: Intent, second: Intent) {
        self.push_group(&[first, second]);
    }

    /// New orders, [`GROUP_MAX`] at most, of which risk approves all or none. All are dropped when there is no room for
    /// all.
    pub fn push_group(&mut self, group: &[Intent]) {
        if group.len() > GROUP_MAX || self.len + group.len() > INTENTS_MAX {
            self.dropped += group.len() as u64;
            return;
        }
        for (left, &intent) in (0..group.len()).rev().zip(group) {
            self.push_wanted(Wanted { intent, with_next: left > 0 });
        }
    }

    fn push_wanted(&mut self, wanted: Wanted) {
        match self.items.get_mut(self.len) {
            Some(item) => {
                *item = wanted;
                self.len += 1;
            }
            None => self.dropped += 1,
        }
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The intents, for tests of strategies.
    pub fn iter(&self) -> impl Iterator<Item = &Intent> {
        self.items[..self.len].iter().map(|wanted| &wanted.intent)
    }

    pub(crate) fn wanted(&self) -> &[Wanted] {
        &self.items[..self.len]
    }

    pub(crate) fn clear(&mut self) -> u64 {
        self.len = 0;
        std::mem::take(&mut self.dropped)
    }
}

impl Default for Intents {
    fn default() -> Self {
        Self::new()
    }
}

/// Intent for a limit order that is not about an existing one; a shorthand for pairs.
#[must_use]
pub const fn immediate(venue: u8, instrument: u32, side: Side, price: i64, quantity: u64) -> Intent {
    let target: ClOrdId = 0;
    Intent {
        action: OrderAction::New,
        target,
        price,
        quantity,
        instrument,
        venue,
        side,
        time_in_force: TimeInForce::ImmediateOrCancel,
    }
}
