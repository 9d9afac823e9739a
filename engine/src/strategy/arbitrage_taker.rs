//! Cross-venue arbitrage taker in one instrument: when a share can be bought at one venue and sold at another for more
//! than both fees and a configured edge, it takes both with immediate-or-cancel orders that risk approves together or
//! not at all.
//!
//! One attempt is in flight at a time. When its legs filled unequally, the difference is flattened by the configured
//! rule before anything new is tried; after every attempt it waits. A signal that was tried and is still there
//! unchanged is not tried again: what it showed is taken, hidden from us, or never was for us.
//!
//! It allocates at construction only and runs on the decision thread. It refuses to act on anything but the current
//! books: both legs are held against them right before the intents.

mod config;
mod explanation;
mod taken_venue;

pub use config::{ArbitrageTakerConfig, ArbitrageTakerError};
pub use taken_venue::ArbitrageVenue;

use super::trading_back::{Flatten, exit_limit};
use super::{Intents, Strategy, View, immediate};
use crate::order::{Execution, Intent};
use crate::pipeline::order_table::LiveOrder;
use crate::pipeline::risk::RiskReasons;
use feeds::event::{MarketEvent, Side};
use feeds::units::{PRICE_NONE, PRICE_SCALE};
use kernels::cpu::book::DepthLevel;
use kernels::cpu::cross_venue::{ArbitrageParameters, ArbitrageSignal, VENUES_MAX, VenueDepth, scan};
use taken_venue::TakenVenue;

/// Levels of a side that a scan looks at: beyond ten, what crosses is a fault of the feed and not a gift.
pub const DEPTH_LEVELS: usize = 10;

/// See the module's text.
pub struct ArbitrageTaker {
    instruments: [u32; 1],
    venues: Box<[TakenVenue]>,
    parameters: ArbitrageParameters,
    flatten: Flatten,
    slippage_max_ticks: u32,
    cool_down_ns: u64,
    /// Core time before which nothing is tried, UTC ns.
    ready_ns: u64,
    /// Bought minus sold by attempts and their flattening, since it was last zero.
    imbalance: i64,
    /// The signal tried last, as long as it stands unchanged.
    tried: Option<ArbitrageSignal>,
    /// Venue of the last flattening order and whether it has filled anything: one that gave nothing is avoided.
    flattened_at: Option<(u8, bool)>,
}

impl ArbitrageTaker {
    /// A taker for `instrument` over `venues`.
    ///
    /// # Errors
    /// Which setting is out of range.
    pub fn new(
        instrument: u32,
        venues: &[ArbitrageVenue],
        config: &ArbitrageTakerConfig,
    ) -> Result<Self, ArbitrageTakerError> {
        let twice = |at: usize| venues[..at].iter().any(|other| other.venue == venues[at].venue);
        if !(2..=VENUES_MAX).contains(&venues.len()) || (0..venues.len()).any(twice) {
            return Err(ArbitrageTakerError::Venues);
        }
        if venues.iter().any(|venue| venue.price_tick <= 0) {
            return Err(ArbitrageTakerError::PriceTick);
        }
        if config.edge_min_e9 < 0 {
            return Err(ArbitrageTakerError::EdgeMin);
        }
        if config.qty_increment == 0 || config.qty_max < config.qty_increment {
            return Err(ArbitrageTakerError::Quantity);
        }
        if config.notional_max == 0 {
            return Err(ArbitrageTakerError::NotionalMax);
        }
        let none = [DepthLevel::default(); DEPTH_LEVELS];
        Ok(Self {
            instruments: [instrument],
            venues: venues
                .iter()
                .map(|at| TakenVenue { at: *at, bids: none, asks: none, bid_levels: 0, ask_levels: 0 })
                .collect(),
            parameters: ArbitrageParameters {
                edge_min: config.edge_min_e9,
                quantity_increment: config.qty_increment,
                quantity_max: config.qty_max,
                notional_max: u128::from(config.notional_max) * PRICE_SCALE.unsigned_abs() as u128,
            },
            flatten: config.flatten,
            slippage_max_ticks: config.slippage_max_ticks,
            cool_down_ns: config.cool_down_ns,
            ready_ns: 0,
            imbalance: 0,
            tried: None,
            flattened_at: None,
        })
    }

    /// Bought minus sold that still waits to be flattened.
    #[must_use]
    pub const fn imbalance(&self) -> i64 {
        self.imbalance
    }

    fn act(&mut self, view: &View<'_>, intents: &mut Intents) {
        if view.time_ns < self.ready_ns || view.open_orders().next().is_some() {
            return;
        }
        for venue in &mut self.venues {
            venue.read_touch(view, self.instruments[0]);
        }
        if self.imbalance != 0 {
            return self.flatten_now(view, intents);
        }
        match self.find(view) {
            None => self.tried = None,
            Some(signal) if self.tried == Some(signal) || !self.legs_stand(view, &signal) => {}
            Some(signal) => {
                self.tried = Some(signal);
                self.ready_ns = view.time_ns.saturating_add(self.cool_down_ns);
                let leg = |index: u8, side, price| {
                    let venue = self.venues[usize::from(index)].at.venue;
                    immediate(venue, self.instruments[0], side, price, signal.quantity)
                };
                let buy = leg(signal.buy_venue, Side::Buy, signal.buy_limit);
                intents.push_pair(buy, leg(signal.sell_venue, Side::Sell, signal.sell_limit));
            }
        }
    }

    /// Scans the touches first: the depth is read only when those already earn something.
    fn find(&mut self, view: &View<'_>) -> Option<ArbitrageSignal> {
        self.scan()?;
        for venue in &mut self.venues {
            venue.read_depth(view, self.instruments[0]);
        }
        self.scan()
    }

    fn scan(&self) -> Option<ArbitrageSignal> {
        let mut depths = [VenueDepth::default(); VENUES_MAX];
        for (depth, venue) in depths.iter_mut().zip(&self.venues) {
            *depth = venue.depth();
        }
        scan(&depths[..self.venues.len()], &self.parameters)
    }

    /// Whether both venues are trading and their books still offer something within the limits, now.
    fn legs_stand(&self, view: &View<'_>, signal: &ArbitrageSignal) -> bool {
        let instrument = self.instruments[0];
        let venue = |index: u8| self.venues.get(usize::from(index)).map(|venue| venue.at.venue);
        let (Some(buy), Some(sell)) = (venue(signal.buy_venue), venue(signal.sell_venue)) else {
            return false;
        };
        let (offer, bid) = (view.bbo(buy, instrument).ask_px, view.bbo(sell, instrument).bid_px);
        view.is_continuous(buy, instrument)
            && view.is_continuous(sell, instrument)
            && offer != PRICE_NONE
            && offer <= signal.buy_limit
            && bid != PRICE_NONE
            && bid >= signal.sell_limit
    }

    /// Trades the imbalance away at the venue with the best price after fees, not at one that just gave nothing if
    /// there is another.
    fn flatten_now(&mut self, view: &View<'_>, intents: &mut Intents) {
        let side = if self.imbalance > 0 { Side::Sell } else { Side::Buy };
        let left = self.imbalance.unsigned_abs();
        let quantity = left - left % self.parameters.quantity_increment;
        if quantity == 0 {
            // Less than can be traded stays a position.
            self.imbalance = 0;
            return;
        }
        let avoided = self.flattened_at.and_then(|(venue, filled)| (!filled).then_some(venue));
        let Some((venue, price)) = self.best_exit(side, avoided).or_else(|| self.best_exit(side, None))
        else {
            return;
        };
        self.flattened_at = Some((venue, false));
        self.ready_ns = view.time_ns.saturating_add(self.cool_down_ns);
        intents.push(immediate(venue, self.instruments[0], side, price, quantity));
    }

    /// The venue where trading on `side` is best after fees, and the limit there with the slippage.
    fn best_exit(&self, side: Side, avoided: Option<u8>) -> Option<(u8, i64)> {
        let mut best: Option<(i128, u8, i64)> = None;
        for venue in self.venues.iter().filter(|venue| Some(venue.at.venue) != avoided) {
            let depth = venue.depth();
            let touch = if side == Side::Sell { depth.bids } else { depth.asks };
            let Some(touch) = touch.first() else { continue };
            let (price, fee) = (i128::from(touch.price), i128::from(venue.at.taker_fee));
            let cost = if side == Side::Sell { fee - price } else { fee + price };
            if best.is_none_or(|(lowest, ..)| cost < lowest) {
                let (tick, slippage) = (venue.at.price_tick, self.slippage_max_ticks);
                let Some(limit) = exit_limit(side, touch.price, tick, slippage) else { continue };
                best = Some((cost, venue.at.venue, limit));
            }
        }
        best.map(|(_, venue, limit)| (venue, limit))
    }
}

impl Strategy for ArbitrageTaker {
    fn instruments(&self) -> &[u32] {
        &self.instruments
    }

    fn on_market(&mut self, view: &View<'_>, _event: &MarketEvent, intents: &mut Intents) {
        self.act(view, intents);
    }

    fn on_execution(
        &mut self,
        view: &View<'_>,
        execution: &Execution,
        order: &LiveOrder,
        closed: bool,
        intents: &mut Intents,
    ) {
        if execution.kind.is_fill() {
            let quantity = i64::try_from(execution.last_quantity).unwrap_or(i64::MAX);
            self.imbalance = match order.side {
                Side::Buy => self.imbalance.saturating_add(quantity),
                _ => self.imbalance.saturating_sub(quantity),
            };
            if let Some((_, filled)) = &mut self.flattened_at {
                *filled = true;
            }
        }
        if !closed || view.open_orders().next().is_some() {
            return;
        }
        // The attempt is over. A first flattening follows at once, a further one after the wait.
        let was_flattening = self.flattened_at.is_some();
        self.ready_ns = view.time_ns.saturating_add(self.cool_down_ns);
        if self.imbalance == 0 || self.flatten == Flatten::None {
            self.imbalance = 0;
            self.flattened_at = None;
        } else if !was_flattening {
            self.ready_ns = view.time_ns;
            self.act(view, intents);
        }
    }

    fn on_reject(&mut self, time_ns: u64, _intent: &Intent, _reasons: RiskReasons) {
        self.ready_ns = time_ns.saturating_add(self.cool_down_ns);
        self.tried = None;
    }

    fn on_timer(&mut self, view: &View<'_>, intents: &mut Intents) {
        self.act(view, intents);
    }

    /// The depths are read anew before each use.
    fn save(&self) -> Option<Vec<u64>> {
        let mut words = vec![self.ready_ns, self.imbalance.cast_unsigned()];
        words.extend(match self.flattened_at {
            None => [0, 0],
            Some((venue, filled)) => [1 + u64::from(venue), u64::from(filled)],
        });
        if let Some(tried) = &self.tried {
            let profit = tried.net_profit_1e9.cast_unsigned();
            words.extend([profit as u64, (profit >> 64) as u64]);
            words.extend([tried.buy_limit, tried.sell_limit].map(i64::cast_unsigned));
            words.extend([tried.quantity, u64::from(tried.buy_venue), u64::from(tried.sell_venue)]);
        }
        Some(words)
    }

    fn restore(&mut self, saved: &[u64]) -> bool {
        let Some((&[ready_ns, imbalance, venue, filled], tried)) = saved.split_first_chunk() else {
            return false;
        };
        self.tried = match tried {
            [] => None,
            &[low, high, buy_limit, sell_limit, quantity, buy_venue, sell_venue] => Some(ArbitrageSignal {
                net_profit_1e9: (u128::from(low) | u128::from(high) << 64).cast_signed(),
                buy_limit: buy_limit.cast_signed(),
                sell_limit: sell_limit.cast_signed(),
                quantity,
                buy_venue: buy_venue as u8,
                sell_venue: sell_venue as u8,
            }),
            _ => return false,
        };
        (self.ready_ns, self.imbalance) = (ready_ns, imbalance.cast_signed());
        self.flattened_at = venue.checked_sub(1).map(|venue| (venue as u8, filled != 0));
        true
    }

    fn explain(&self, _view: &View<'_>) -> Vec<String> {
        explanation::of(self)
    }
}

#[cfg(test)]
#[path = "arbitrage_taker_tests.rs"]
mod tests;
