//! Parent orders: a quantity to be bought or sold within a limit and a time, split over the venues as they stand.
//!
//! Whenever something of it is left, nothing is in flight and the wait is over, the displayed levels of all venues within
//! the limit go through [`kernels::cpu::routing`], and every child is sent to its venue as immediate-or-cancel. What did
//! not fill is left and routed again; a venue that gave less than it showed is left out until its best price or size is
//! another. A venue that is stale, not in continuous trading or crossed in itself is left out.
//!
//! It allocates at construction only and runs on the decision thread. It never rests and never pays more than the limit. What
//! has filled is what its closed children say, however it was learnt (by a fill, or by a venue's answer about an order in
//! doubt); a fill of a closed child that is busted later is not traded again. A resumed run goes on with what is left: there
//! what had filled is what the strategy holds, so that what was busted in the former run is traded again.

use super::{Intents, Strategy, View, immediate};
use crate::notation::{Money, Price};
use crate::order::{Execution, Intent};
use crate::pipeline::carried_state::{CarriedHolding, CarriedState};
use crate::pipeline::order_table::LiveOrder;
use crate::pipeline::risk::RiskReasons;
use feeds::event::{MarketEvent, Side};
use feeds::units::PRICE_NONE;
use kernels::cpu::book::DepthLevel;
use kernels::cpu::routing::{ChildOrder, PARENT_QUANTITY_MAX, ParentOrder, RouteVenue, VENUES_MAX, route};

/// Levels of a side that are looked at: beyond ten, what is shown will have changed when an order arrives.
pub const DEPTH_LEVELS: usize = 10;

/// A parent order in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentTerms {
    /// Dense instrument number.
    pub instrument: u32,
    /// What is to be traded in all: side, quantity, limit and lot.
    pub order: ParentOrder,
    /// Core time from which on it is worked, UTC ns.
    pub begin_ns: u64,
    /// Core time from which on it is not, UTC ns.
    pub end_ns: u64,
    /// Wait between two rounds of children, and after a refusal, ns.
    pub cool_down_ns: u64,
}

/// A venue that children may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoutedVenue {
    /// Dense venue number.
    pub venue: u8,
    /// Price increment of the instrument there, 1e-9.
    pub price_tick: i64,
    /// Fee for taking, 1e-9 per share; negative is a rebate.
    pub taker_fee: i64,
    /// Smallest child.
    pub qty_min: u64,
    /// Largest child.
    pub qty_max: u64,
}

/// Terms that cannot be worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentRouterError {
    /// Not 1 to [`VENUES_MAX`] venues, or one is named twice.
    Venues,
    /// A venue's price increment is not positive.
    PriceTick,
    /// The side is none.
    Side,
    /// The quantity is not 1 to [`PARENT_QUANTITY_MAX`], or not a multiple of the lot.
    Quantity,
    /// The limit is not positive.
    Limit,
    /// It ends before it begins.
    Times,
}

impl std::fmt::Display for ParentRouterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Venues => "a parent order needs 1 to 8 different venues",
            Self::PriceTick => "a price increment is not positive",
            Self::Side => "side: give buy or sell",
            Self::Quantity => "quantity: give a multiple of the lot, 1 to 2^40",
            Self::Limit => "limit_e9: give a positive price",
            Self::Times => "end_ms: give a time after begin_ms",
        })
    }
}

impl std::error::Error for ParentRouterError {}

/// A venue, what it shows, and the touch at which it gave less than that.
#[derive(Clone, Copy)]
struct Offering {
    at: RoutedVenue,
    levels: [DepthLevel; DEPTH_LEVELS],
    count: usize,
    spent: Option<(i64, u64)>,
}

impl Offering {
    /// Best price and size of the side that is taken from; nothing when the venue does not count.
    fn touch(&self, view: &View<'_>, terms: &ParentTerms) -> Option<(i64, u64)> {
        let top = view.nbbo.venue_quote(terms.instrument, self.at.venue);
        if top.bid_px != PRICE_NONE && top.ask_px != PRICE_NONE && top.bid_px >= top.ask_px {
            return None;
        }
        let buys = terms.order.side == Side::Buy;
        let (price, quantity) = if buys { (top.ask_px, top.ask_qty) } else { (top.bid_px, top.bid_qty) };
        (price != PRICE_NONE).then_some((price, quantity))
    }

    fn read(&mut self, view: &View<'_>, terms: &ParentTerms) {
        let touch = self.touch(view, terms);
        if touch.is_none() || touch == self.spent {
            self.count = 0;
            return;
        }
        self.spent = None;
        let Self { at, levels, .. } = self;
        self.count = view.depth(at.venue, terms.instrument, terms.order.side.opposite(), levels);
    }

    fn offers(&self) -> RouteVenue<'_> {
        let RoutedVenue { price_tick, taker_fee, qty_min, qty_max, .. } = self.at;
        RouteVenue { levels: &self.levels[..self.count], taker_fee, tick: price_tick, qty_min, qty_max }
    }
}

/// See the module's text.
pub struct ParentRouter {
    instruments: [u32; 1],
    terms: ParentTerms,
    venues: Box<[Offering]>,
    filled: u64,
    /// Core time before which nothing is sent, UTC ns.
    ready_ns: u64,
    /// The last round of children, for words about it.
    sent: [ChildOrder; VENUES_MAX],
    sent_count: usize,
    sent_cost_1e9: i128,
}

impl ParentRouter {
    /// A parent order over `venues`.
    ///
    /// # Errors
    /// What is out of range.
    pub fn new(terms: ParentTerms, venues: &[RoutedVenue]) -> Result<Self, ParentRouterError> {
        let ParentOrder { side, quantity, limit, lot } = terms.order;
        let twice = |at: usize| venues[..at].iter().any(|other| other.venue == venues[at].venue);
        if !(1..=VENUES_MAX).contains(&venues.len()) || (0..venues.len()).any(twice) {
            return Err(ParentRouterError::Venues);
        }
        if venues.iter().any(|venue| venue.price_tick <= 0) {
            return Err(ParentRouterError::PriceTick);
        }
        if side == Side::None {
            return Err(ParentRouterError::Side);
        }
        if !(1..=PARENT_QUANTITY_MAX).contains(&quantity) || lot == 0 || !quantity.is_multiple_of(lot) {
            return Err(ParentRouterError::Quantity);
        }
        if limit <= 0 {
            return Err(ParentRouterError::Limit);
        }
        if terms.end_ns <= terms.begin_ns {
            return Err(ParentRouterError::Times);
        }
        let levels = [DepthLevel::default(); DEPTH_LEVELS];
        Ok(Self {
            instruments: [terms.instrument],
            terms,
            venues: venues.iter().map(|at| Offering { at: *at, levels, count: 0, spent: None }).collect(),
            filled: 0,
            ready_ns: 0,
            sent: [ChildOrder::default(); VENUES_MAX],
            sent_count: 0,
            sent_cost_1e9: 0,
        })
    }

    /// What closed children have filled.
    #[must_use]
    pub const fn filled(&self) -> u64 {
        self.filled
    }

    fn left(&self) -> u64 {
        self.terms.order.quantity.saturating_sub(self.filled)
    }

    fn act(&mut self, view: &View<'_>, intents: &mut Intents) {
        let is_time =
            view.time_ns >= self.ready_ns.max(self.terms.begin_ns) && view.time_ns < self.terms.end_ns;
        if !is_time || self.left() == 0 || view.open_orders().next().is_some() {
            return;
        }
        for venue in &mut self.venues {
            venue.read(view, &self.terms);
        }
        let mut offers = [RouteVenue::default(); VENUES_MAX];
        for (offer, venue) in offers.iter_mut().zip(&self.venues) {
            *offer = venue.offers();
        }
        let order = ParentOrder { quantity: self.left(), ..self.terms.order };
        let route = route(&order, &offers[..self.venues.len()]);
        if route.children().is_empty() {
            return;
        }
        self.ready_ns = view.time_ns.saturating_add(self.terms.cool_down_ns);
        (self.sent_count, self.sent_cost_1e9) = (route.children().len(), route.cost_1e9);
        self.sent[..self.sent_count].copy_from_slice(route.children());
        for child in route.children() {
            intents.push(self.intent(child));
        }
    }

    fn intent(&self, child: &ChildOrder) -> Intent {
        let venue = self.venues[usize::from(child.venue)].at.venue;
        immediate(venue, self.terms.instrument, self.terms.order.side, child.limit, child.quantity)
    }
}

impl Strategy for ParentRouter {
    fn instruments(&self) -> &[u32] {
        &self.instruments
    }

    fn on_market(&mut self, view: &View<'_>, _event: &MarketEvent, intents: &mut Intents) {
        self.act(view, intents);
    }

    fn on_execution(
        &mut self,
        view: &View<'_>,
        _execution: &Execution,
        order: &LiveOrder,
        closed: bool,
        intents: &mut Intents,
    ) {
        if closed {
            self.filled = self.filled.saturating_add(order.cumulative);
        }
        if closed && order.cumulative < order.quantity {
            let terms = self.terms;
            if let Some(venue) = self.venues.iter_mut().find(|venue| venue.at.venue == order.venue) {
                venue.spent = venue.touch(view, &terms);
            }
        }
        if closed {
            self.act(view, intents);
        }
    }

    fn on_reject(&mut self, time_ns: u64, _intent: &Intent, _reasons: RiskReasons) {
        self.ready_ns = time_ns.saturating_add(self.terms.cool_down_ns);
    }

    fn on_timer(&mut self, view: &View<'_>, intents: &mut Intents) {
        self.act(view, intents);
    }

    /// What open children have filled counts when they close.
    fn take_over(&mut self, carried: &CarriedState, number: u16) {
        let mine = |holding: &&CarriedHolding| {
            holding.strategy == number && holding.instrument == self.terms.instrument
        };
        let held = carried.holdings.iter().find(mine).map_or(0, |holding| holding.position);
        let sign = if self.terms.order.side == Side::Buy { 1 } else { -1 };
        let open =
            carried.orders.iter().filter(|order| order.strategy == number).map(|order| order.cumulative);
        let traded = u64::try_from(sign * held).unwrap_or(0);
        self.filled = traded.saturating_sub(open.sum());
    }

    /// The levels are read anew before each use.
    fn save(&self) -> Option<Vec<u64>> {
        let mut words = vec![self.filled, self.ready_ns];
        for venue in &self.venues {
            words.extend(match venue.spent {
                None => [0; 3],
                Some((price, quantity)) => [1, price.cast_unsigned(), quantity],
            });
        }
        Some(words)
    }

    fn restore(&mut self, saved: &[u64]) -> bool {
        let Some((&[filled, ready_ns], spent)) = saved.split_first_chunk() else { return false };
        if spent.len() != 3 * self.venues.len() {
            return false;
        }
        (self.filled, self.ready_ns) = (filled, ready_ns);
        for (venue, words) in self.venues.iter_mut().zip(spent.chunks_exact(3)) {
            venue.spent = (words[0] != 0).then_some((words[1].cast_signed(), words[2]));
        }
        true
    }

    fn explain(&self, _view: &View<'_>) -> Vec<String> {
        let ParentOrder { side, quantity, limit, .. } = self.terms.order;
        let (action, bound) = if side == Side::Buy { ("buy", "up to") } else { ("sell", "down to") };
        let mut lines = vec![format!(
            "parent order: {action} {quantity} {bound} {}; {} filled, {} left",
            Price(limit),
            self.filled,
            self.left()
        )];
        for child in &self.sent[..self.sent_count] {
            let at = &self.venues[usize::from(child.venue)].at;
            lines.push(format!(
                "child: {action} {} at venue {} {bound} {}, fee {}",
                child.quantity,
                at.venue,
                Price(child.limit),
                Price(at.taker_fee)
            ));
        }
        let words = "the cheapest split of what is displayed within the limit, after fees: it costs";
        lines.push(format!("{words} {}", Money(self.sent_cost_1e9)));
        lines
    }
}

#[cfg(test)]
#[path = "parent_router_tests.rs"]
mod tests;
