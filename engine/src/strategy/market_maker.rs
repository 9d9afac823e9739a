//! Market maker in one instrument at one venue: the Gueant-Lehalle-Fernandez-Tapia quotes of
//! [`kernels::cpu::quoting`] around the microprice, one live order a side.
//!
//! It owns the running volatility and, for each side, until when a refusal makes it wait; prices, orders and position
//! it reads from the [`View`] each time. It allocates at construction only and runs on the decision thread.
//!
//! It refuses to quote outside continuous trading, without a two-sided reference, before its volatility is warm, at a
//! price that would trade on arrival or lock another venue, or through its own order on the other side. A side whose
//! message risk or the venue refused is pulled and waits for a configured time.

mod explanation;

use super::quote_side::{QuotePace, QuoteSides, lower};
use super::{Intents, Strategy, View};
use crate::order::{Execution, Intent};
use crate::pipeline::order_table::LiveOrder;
use crate::pipeline::risk::RiskReasons;
use crate::pipeline::wide::WideListing;
use feeds::event::{MarketEvent, Side};
use feeds::units::PRICE_NONE;
use kernels::cpu::book::Bbo;
use kernels::cpu::features::VPIN_NONE;
use kernels::cpu::nbbo::NbboQuote;
use kernels::cpu::quote_action::RequoteParameters;
use kernels::cpu::quoting::{
    GlftConstants, GlftError, GlftParameters, NoQuote, QuoteInputs, QuoteParameters, Quotes, microprice,
    quotes,
};
use kernels::cpu::volatility::{
    CHANGE_MAX, Volatility, VolatilityError, VolatilityParameters, decay_of_half_life,
};
use serde::{Deserialize, Serialize};

/// VPIN is at most this.
const VPIN_E9_MAX: u64 = 1_000_000_000;

/// Settings of one market maker. "e9" at a name's end: the number is in 1e-9 of the unit before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MarketMakerConfig {
    /// Size of a full quote. Default 100: a round lot, which every venue protects.
    pub quote_qty: u64,
    /// Quote sizes are multiples of this. Default 1: US equities trade in single shares.
    pub qty_increment: u64,
    /// Largest position, long or short. Default 1,000: ten quotes.
    pub position_max_qty: u64,
    /// gamma, risk aversion per tick and quote size, 1e-9. Default 0.01: with the other defaults and a volatility of 4
    /// ticks a second, one filled quote moves both prices by a tick.
    pub risk_aversion_per_tick_e9: u64,
    /// k, decay of the fill intensity with distance, per tick, 1e-9. Default 0.3: a stock whose spread is some ten ticks.
    pub intensity_decay_per_tick_e9: u64,
    /// A, fills a second at distance zero, 1e-9. Default 1.
    pub intensity_per_s_e9: u64,
    /// Smallest distance of a quote from the reservation price, 1e-3 ticks. Default 500: a spread of one tick.
    pub half_spread_min_milliticks: u32,
    /// Widest market that still gives a reference price, ticks. Default 200: beyond it, as before the opening, the
    /// microprice says nothing.
    pub reference_spread_max_ticks: u32,
    /// A quote moves at once when its target is this far away, ticks. Default 2: a tick of noise is not worth the
    /// place in the queue.
    pub move_min_ticks: u32,
    /// After resting this long a quote moves at any difference, ns. Default 1 s.
    pub rest_ns: u64,
    /// Wait of a side after a refused message, ns. Default 100 ms: long beside a round trip, short beside a quote's life.
    pub refused_pause_ns: u64,
    /// With more VPIN than this at its venue nothing is quoted, 1e-9: flow that one-sided is informed. Needs `[[features]]`
    /// of the instrument. Default 1: VPIN is never more.
    pub vpin_max_e9: u64,
    /// Volatility: distance of the samples, ns. Default 250 ms: long enough for the bounce inside the spread to average
    /// out.
    pub sample_interval_ns: u64,
    /// Volatility: samples after which a change counts half. Default 240, a minute.
    pub half_life_samples: u32,
    /// Volatility: samples before the first quote. Default 40, ten seconds.
    pub warm_up_samples: u32,
    /// Volatility: more samples than this without an update is a gap, not calm. Default 240, a minute.
    pub gap_samples_max: u32,
    /// Volatility: a change between two samples counts at most this, ticks. Default 100.
    pub change_max_ticks: u32,
    /// Volatility is never taken to be below this, 1e-9 ticks per square root of a second. Default 0.1 ticks: a calm
    /// minute must not switch the inventory skew off.
    pub sigma_min_ticks_e9: u64,
}

impl Default for MarketMakerConfig {
    fn default() -> Self {
        Self {
            quote_qty: 100,
            qty_increment: 1,
            position_max_qty: 1_000,
            risk_aversion_per_tick_e9: 10_000_000,
            intensity_decay_per_tick_e9: 300_000_000,
            intensity_per_s_e9: 1_000_000_000,
            half_spread_min_milliticks: 500,
            reference_spread_max_ticks: 200,
            move_min_ticks: 2,
            rest_ns: 1_000_000_000,
            refused_pause_ns: 100_000_000,
            vpin_max_e9: VPIN_E9_MAX,
            sample_interval_ns: 250_000_000,
            half_life_samples: 240,
            warm_up_samples: 40,
            gap_samples_max: 240,
            change_max_ticks: 100,
            sigma_min_ticks_e9: 100_000_000,
        }
    }
}

impl MarketMakerConfig {
    /// Whether VPIN can keep it from quoting.
    #[must_use]
    pub const fn watches_vpin(&self) -> bool {
        self.vpin_max_e9 < VPIN_E9_MAX
    }
}

/// A [`MarketMakerConfig`] that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketMakerError {
    /// A number of the closed form is out of range.
    Glft(GlftError),
    /// A number of the volatility estimate is out of range.
    Volatility(VolatilityError),
    /// `quote_qty` or `position_max_qty` is not a positive multiple of `qty_increment`, or above 2^62.
    Quantity,
    /// `move_min_ticks` is zero: the quote would move at every change.
    MoveMin,
}

impl std::fmt::Display for MarketMakerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Glft(error) => write!(f, "{error}"),
            Self::Volatility(error) => write!(f, "{error}"),
            Self::Quantity => {
                f.write_str("quote_qty and position_max_qty: give positive multiples of qty_increment")
            }
            Self::MoveMin => f.write_str("move_min_ticks is zero: give at least 1"),
        }
    }
}

impl std::error::Error for MarketMakerError {}

/// See the module's text.
pub struct MarketMaker {
    instruments: [u32; 1],
    venue: u8,
    quote: QuoteParameters,
    pace: QuotePace,
    volatility_parameters: VolatilityParameters,
    volatility: Volatility,
    reference_spread_max: i64,
    vpin_max_e9: u64,
    sides: QuoteSides,
}

impl MarketMaker {
    /// A market maker for `instrument` at `venue`, whose price increment is `price_tick` (1e-9).
    ///
    /// # Errors
    /// Which setting is out of range.
    pub fn new(
        instrument: u32,
        venue: u8,
        price_tick: i64,
        config: &MarketMakerConfig,
    ) -> Result<Self, MarketMakerError> {
        let increment = config.qty_increment;
        let whole = |quantity: u64| {
            increment > 0 && quantity > 0 && quantity.is_multiple_of(increment) && quantity <= 1 << 62
        };
        if !whole(config.quote_qty) || !whole(config.position_max_qty) {
            return Err(MarketMakerError::Quantity);
        }
        if config.move_min_ticks == 0 {
            return Err(MarketMakerError::MoveMin);
        }
        let glft = GlftConstants::new(&GlftParameters {
            risk_aversion_1e9: config.risk_aversion_per_tick_e9,
            intensity_decay_1e9: config.intensity_decay_per_tick_e9,
            intensity_1e9: config.intensity_per_s_e9,
            tick: price_tick,
        })
        .map_err(MarketMakerError::Glft)?;
        // From here on the tick is 1 to 2^37, so 32-bit counts of ticks fit only with care.
        let ticks = |count: u32| i64::from(count).saturating_mul(price_tick);
        let volatility_parameters = VolatilityParameters {
            sample_interval_ns: config.sample_interval_ns,
            decay_q32: decay_of_half_life(config.half_life_samples),
            warm_up_samples: config.warm_up_samples,
            gap_samples_max: config.gap_samples_max,
            change_max: ticks(config.change_max_ticks).min(CHANGE_MAX),
        };
        volatility_parameters.validate().map_err(MarketMakerError::Volatility)?;
        let sigma_min = u128::from(config.sigma_min_ticks_e9) * u128::from(price_tick.unsigned_abs());
        Ok(Self {
            instruments: [instrument],
            venue,
            quote: QuoteParameters {
                glft,
                tick: price_tick,
                quantity_increment: increment,
                quote_quantity: config.quote_qty,
                position_max: config.position_max_qty,
                half_spread_min: ticks(config.half_spread_min_milliticks) / 1_000,
                sigma_min: u64::try_from(sigma_min / 1_000_000_000).unwrap_or(u64::MAX - 1),
            },
            pace: QuotePace {
                requote: RequoteParameters {
                    move_min: ticks(config.move_min_ticks),
                    rest_ns: config.rest_ns,
                },
                refused_pause_ns: config.refused_pause_ns,
            },
            volatility_parameters,
            volatility: Volatility::new(),
            reference_spread_max: ticks(config.reference_spread_max_ticks),
            vpin_max_e9: config.vpin_max_e9,
            sides: QuoteSides::default(),
        })
    }

    /// The market that gives the reference price: the national one, or the own venue's when venues cross each other.
    fn reference(&self, view: &View<'_>) -> Reference {
        let national = view.nbbo(self.instruments[0]);
        if national.crossed() {
            return Reference { market: view.bbo(self.venue, self.instruments[0]), is_national: false };
        }
        let NbboQuote { bid_px, bid_qty, ask_px, ask_qty, .. } = national;
        Reference { market: Bbo { bid_px, bid_qty, ask_px, ask_qty }, is_national: true }
    }

    /// What the quotes depend on now, and what the model wants of each side.
    fn wanted(&self, view: &View<'_>, microprice: i64, live: &LiveOrders<'_>) -> (QuoteInputs, Quotes) {
        let instrument = self.instruments[0];
        let own = view.bbo(self.venue, instrument);
        let LiveOrders { bid: live_bid, ask: live_ask } = *live;
        let (away_bid, away_ask) = self.away(view);
        let inputs = QuoteInputs {
            microprice,
            sigma: self.volatility.sigma(),
            position: view.exposure(instrument).position,
            own_bid: higher(own.bid_px, live_bid.map_or(PRICE_NONE, highest_price)),
            own_ask: lower(own.ask_px, live_ask.map_or(PRICE_NONE, lowest_price)),
            away_bid,
            away_ask,
        };
        let paused = Quotes { bid: Err(NoQuote::Paused), ask: Err(NoQuote::Paused) };
        if !view.is_continuous(self.venue, instrument) || self.toxic_vpin_e9(view).is_some() {
            return (inputs, paused);
        }
        let mut wanted = quotes(&self.quote, &inputs);
        if self.sides.bid.is_paused(view.time_ns) {
            wanted.bid = paused.bid;
        }
        if self.sides.ask.is_paused(view.time_ns) {
            wanted.ask = paused.ask;
        }
        (inputs, wanted)
    }

    /// VPIN at its venue, if it is more than may be.
    fn toxic_vpin_e9(&self, view: &View<'_>) -> Option<u64> {
        if self.vpin_max_e9 >= VPIN_E9_MAX {
            return None;
        }
        let vpin_e9 = view.features(self.venue, self.instruments[0])?.vpin_e9();
        (vpin_e9 != VPIN_NONE && vpin_e9 > self.vpin_max_e9).then_some(vpin_e9)
    }

    fn requote(&mut self, view: &View<'_>, intents: &mut Intents) {
        let reference = self.reference(view);
        let microprice = reference.microprice(self.reference_spread_max);
        if reference.is_national {
            // It hears of the national price only, so that the change between the two does not count as a move.
            self.volatility.update(&self.volatility_parameters, view.time_ns, microprice);
        }
        let live = LiveOrders::of(view, self.instruments[0]);
        let (_, Quotes { bid, ask }) = self.wanted(view, microprice, &live);
        let at = WideListing { venue: self.venue, instrument: self.instruments[0] };
        self.sides.act(&self.pace, view.time_ns, at, Side::Buy, bid, live.bid, intents);
        self.sides.act(&self.pace, view.time_ns, at, Side::Sell, ask, live.ask, intents);
    }

    /// Best bid and offer of the other venues that are trading and not stale.
    fn away(&self, view: &View<'_>) -> (i64, i64) {
        let (mut bid, mut ask) = (PRICE_NONE, PRICE_NONE);
        for venue in (0..view.books.len() as u8).filter(|venue| *venue != self.venue) {
            let quote = view.nbbo.venue_quote(self.instruments[0], venue);
            bid = higher(bid, quote.bid_px);
            ask = lower(ask, quote.ask_px);
        }
        (bid, ask)
    }
}

/// The newest live order of each side.
struct LiveOrders<'a> {
    bid: Option<&'a LiveOrder>,
    ask: Option<&'a LiveOrder>,
}

impl<'a> LiveOrders<'a> {
    fn of(view: &View<'a>, instrument: u32) -> Self {
        let mut live = Self { bid: None, ask: None };
        for order in view.open_orders().filter(|order| order.instrument == instrument) {
            let place = if order.side == Side::Buy { &mut live.bid } else { &mut live.ask };
            // The newest comes first.
            place.get_or_insert(order);
        }
        live
    }
}

/// The market that gives the reference price.
struct Reference {
    market: Bbo,
    is_national: bool,
}

impl Reference {
    fn microprice(&self, spread_max: i64) -> i64 {
        let Bbo { bid_px, bid_qty, ask_px, ask_qty } = self.market;
        microprice(bid_px, bid_qty, ask_px, ask_qty, spread_max)
    }
}

/// The higher of two bids: [`PRICE_NONE`] is the lowest number there is.
fn higher(a: i64, b: i64) -> i64 {
    a.max(b)
}

/// Highest price at which the order may rest, now or after the replace in flight.
fn highest_price(order: &LiveOrder) -> i64 {
    if order.pending_quantity > 0 { order.price.max(order.pending_price) } else { order.price }
}

/// Lowest price at which the order may rest, now or after the replace in flight.
fn lowest_price(order: &LiveOrder) -> i64 {
    if order.pending_quantity > 0 { order.price.min(order.pending_price) } else { order.price }
}

impl Strategy for MarketMaker {
    fn instruments(&self) -> &[u32] {
        &self.instruments
    }

    fn on_market(&mut self, view: &View<'_>, _event: &MarketEvent, intents: &mut Intents) {
        self.requote(view, intents);
    }

    fn on_execution(
        &mut self,
        view: &View<'_>,
        execution: &Execution,
        order: &LiveOrder,
        closed: bool,
        intents: &mut Intents,
    ) {
        if execution.kind.is_refusal() {
            self.sides.pause(order.side, &self.pace, view.time_ns);
        }
        if closed {
            self.sides.closed(order.side);
        }
        self.requote(view, intents);
    }

    fn on_reject(&mut self, time_ns: u64, intent: &Intent, _reasons: RiskReasons) {
        self.sides.pause(intent.side, &self.pace, time_ns);
    }

    fn on_timer(&mut self, view: &View<'_>, intents: &mut Intents) {
        self.requote(view, intents);
    }

    fn save(&self) -> Option<Vec<u64>> {
        let mut words = self.volatility.to_words().to_vec();
        words.extend(self.sides.to_words());
        Some(words)
    }

    fn restore(&mut self, saved: &[u64]) -> bool {
        let Some((volatility, sides)) = saved.split_first_chunk() else { return false };
        let Ok(sides) = sides.try_into() else { return false };
        self.volatility = Volatility::from_words(volatility);
        self.sides = QuoteSides::from_words(sides);
        true
    }

    fn explain(&self, view: &View<'_>) -> Vec<String> {
        explanation::of(self, view)
    }
}

#[cfg(test)]
#[path = "market_maker_tests.rs"]
mod tests;
