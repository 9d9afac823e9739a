//! Market maker in options: turns the answers of wide work into quotes for the options that are listed, held against what
//! the portfolio carries ([`kernels::cpu::portfolio_quote`]).
//!
//! An answer brings theoretical value, delta and vega of the options whose quotes have changed, in 1e-9, as if they were
//! European. The maker adds what early exercise is worth where the underlying is then, by the tables of the last fit
//! ([`kernels::cpu::american::PremiumTable`]), keeps what comes of it, and the sums of delta (an underlying, with what we hold of it) and vega over all that it holds, in
//! integers. What has changed waits in a queue; an input works off [`EXAMINED_MAX`] options of it and sends at most
//! `changes_max` messages, so that a tick that moves a whole chain costs no more than one that moves a few options: the rest
//! follows with the next inputs. A fill shifts every price of the portfolio: all options are looked at once more, in turn.
//!
//! It owns for each side until when a refusal makes it wait; orders, positions and the market it reads from the [`View`].
//! It allocates at construction only and runs on the decision thread. It refuses to quote an option that is not in
//! continuous trading, that has no theoretical value, or at a price that would trade on arrival or against our own order.
//! An option whose market has left the volatility that it is priced by (`market_volatility`) is not quoted either.
//! Market-maker protection is risk's (`protection_*` of `[risk.strategy]`): what it stops is cancelled, and what this asks
//! for then is refused.

pub mod config;
mod contract;
mod explanation;
mod inputs;
mod live_orders;
mod market_volatility;
mod portfolio;
mod queue;

use super::quote_side::{QuotePace, QuoteSides, lower};
use super::{Intents, View};
use crate::pipeline::wide::WideListing;
pub use config::OptionsMakerConfig;
use contract::Contract;
use feeds::event::Side;
use feeds::units::PRICE_NONE;
use kernels::abi::{Expiry, OptionTerms};
use kernels::cpu::option_quote::mid_of;
use kernels::cpu::portfolio_quote::{PortfolioInputs, PortfolioRules, portfolio_quotes};
use kernels::cpu::pricing::Isa;
use kernels::cpu::quote_action::RequoteParameters;
use kernels::cpu::quoting::{NoQuote, Quotes};
use live_orders::LiveOrders;
use market_volatility::{Band, MarketVolatility};
use portfolio::Portfolio;
use queue::Queue;

/// Options that one input looks at.
pub const EXAMINED_MAX: usize = 32;

/// No option.
const NONE: u32 = u32::MAX;

/// An option that is quoted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MadeOption {
    /// Its number in the tables of wide work.
    pub option: u32,
    /// Where it is listed.
    pub at: WideListing,
    /// Where its underlying is listed.
    pub underlying: WideListing,
    /// Price increment of orders, 1e-9, above zero.
    pub price_tick: i64,
    /// What it is.
    pub terms: OptionTerms,
    /// When it expires.
    pub expiry: Expiry,
}

#[derive(Clone, Copy, Debug)]
struct Quoted {
    made: MadeOption,
    rules: PortfolioRules,
    contract: Contract,
    market: MarketVolatility,
    sides: QuoteSides,
}

/// See the module's text.
pub struct OptionsMaker {
    instruments: Box<[u32]>,
    quoted: Box<[Quoted]>,
    /// Place in `quoted` by number in the tables, and by instrument.
    by_option: Box<[u32]>,
    by_instrument: Box<[u32]>,
    portfolio: Portfolio,
    pace: QuotePace,
    changes_max: usize,
    queue: Queue,
    isa: Isa,
    band: Band,
    counts: Counts,
}

/// What it has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Prices made with the underlying outside of what the option's premiums were fitted for.
    premiums_held: u64,
    /// Touches that were turned into volatilities.
    touches_solved: u64,
    /// Times that an option's market left the volatility that it is priced by.
    markets_left: u64,
}

impl OptionsMaker {
    /// A maker of `options`, each listed once.
    ///
    /// # Errors
    /// The setting that is out of range, or an option that is listed twice.
    pub fn new(options: &[MadeOption], config: &OptionsMakerConfig) -> Result<Self, String> {
        config.check()?;
        let tick = options.iter().map(|made| made.price_tick).max().unwrap_or(1);
        let by_option = places(options.iter().map(|made| made.option))?;
        let by_instrument = places(options.iter().map(|made| made.at.instrument))?;
        let quoted = |made: &MadeOption| Quoted {
            made: *made,
            rules: config.rules(made.price_tick),
            contract: Contract::new(&made.terms),
            market: MarketVolatility::new(&made.terms, &made.expiry),
            sides: QuoteSides::default(),
        };
        let mut instruments: Vec<u32> =
            options.iter().flat_map(|made| [made.at.instrument, made.underlying.instrument]).collect();
        instruments.sort_unstable();
        instruments.dedup();
        Ok(Self {
            instruments: instruments.into(),
            quoted: options.iter().map(quoted).collect(),
            by_option,
            by_instrument,
            portfolio: Portfolio::new(options, config.contract_size),
            pace: QuotePace {
                requote: RequoteParameters {
                    move_min: i64::from(config.move_min_ticks).saturating_mul(tick),
                    rest_ns: config.rest_ns,
                },
                refused_pause_ns: config.refused_pause_ns,
            },
            changes_max: config.changes_max,
            queue: Queue::new(options.len()),
            isa: Isa::detect(),
            band: Band { volatility_e9: config.volatility_band_e9, price_e9: config.half_width_min_e9 },
            counts: Counts::default(),
        })
    }

    fn place(places: &[u32], number: u32) -> Option<usize> {
        places.get(number as usize).copied().filter(|&place| place != NONE).map(|place| place as usize)
    }

    /// What an option is worth with the underlying where it is now.
    fn price(&mut self, place: usize, view: &View<'_>) {
        let Quoted { made, contract, .. } = &self.quoted[place];
        let spot_e9 = spot_e9(made, view);
        let is_held = spot_e9 != PRICE_NONE && !contract.premium_holds_at(spot_e9);
        self.counts.premiums_held += u64::from(is_held);
        self.portfolio.learn(place, contract.values(spot_e9));
    }

    /// Turns an option's touch into volatilities, where that is another one.
    fn look(&mut self, place: usize, view: &View<'_>) {
        if self.band.volatility_e9 == 0 {
            return;
        }
        let Quoted { made, contract, market, .. } = &mut self.quoted[place];
        let touch = view.bbo(made.at.venue, made.at.instrument);
        let spot_e9 = spot_e9(made, view);
        if market.is_new(&touch) && spot_e9 != PRICE_NONE {
            market.solve(self.isa, &touch, contract.premium_e9(spot_e9), spot_e9);
            self.counts.touches_solved += 1;
        }
    }

    /// Works off what waits, as far as one input goes.
    fn work(&mut self, view: &View<'_>, intents: &mut Intents) {
        self.queue.begin();
        while intents.iter().count() + 2 <= self.changes_max
            && let Some(place) = self.queue.next()
        {
            self.requote(place, view, intents);
        }
    }

    /// What an option's quotes depend on now, and what is wanted of it as it was judged when it was looked at.
    fn wanted(&self, place: usize, view: &View<'_>, live: &LiveOrders<'_>) -> (PortfolioInputs, Quotes) {
        let Quoted { made, rules, sides, market: implied, .. } = &self.quoted[place];
        let market = view.bbo(made.at.venue, made.at.instrument);
        let values = self.portfolio.values(place);
        let inputs = PortfolioInputs {
            theoretical: values.theoretical,
            delta: values.delta,
            vega: values.vega,
            portfolio_delta: self.portfolio.delta(place, view),
            portfolio_vega: self.portfolio.vega(),
            position: view.exposure(made.at.instrument).position,
            bid: market.bid_px.max(live.highest_bid),
            ask: lower(market.ask_px, live.lowest_ask),
        };
        let paused = Err(NoQuote::Paused);
        if !view.is_continuous(made.at.venue, made.at.instrument) || implied.has_left() {
            return (inputs, Quotes { bid: paused, ask: paused });
        }
        let mut wanted = portfolio_quotes(rules, &inputs);
        if sides.bid.is_paused(view.time_ns) {
            wanted.bid = paused;
        }
        if sides.ask.is_paused(view.time_ns) {
            wanted.ask = paused;
        }
        (inputs, wanted)
    }

    fn requote(&mut self, place: usize, view: &View<'_>, intents: &mut Intents) {
        let at = self.quoted[place].made.at;
        if self.portfolio.holds(place, view.exposure(at.instrument).position) {
            self.queue.look_at_all();
        }
        let vega = self.portfolio.values(place).vega;
        let has_just_left = self.quoted[place].market.judge(&self.band, vega);
        self.counts.markets_left += u64::from(has_just_left);
        let live = LiveOrders::of(view, at);
        let (_, Quotes { bid, ask }) = self.wanted(place, view, &live);
        let sides = &mut self.quoted[place].sides;
        sides.act(&self.pace, view.time_ns, at, Side::Buy, bid, live.bid, intents);
        sides.act(&self.pace, view.time_ns, at, Side::Sell, ask, live.ask, intents);
    }
}

/// The underlying's mid, 1e-9, or [`PRICE_NONE`].
fn spot_e9(made: &MadeOption, view: &View<'_>) -> i64 {
    mid_of(&view.nbbo.venue_quote(made.underlying.instrument, made.underlying.venue))
}

/// Where each number stands.
fn places(numbers: impl Iterator<Item = u32> + Clone) -> Result<Box<[u32]>, String> {
    let mut places = vec![NONE; numbers.clone().max().map_or(0, |most| most as usize + 1)];
    for (place, number) in (0..).zip(numbers) {
        if std::mem::replace(&mut places[number as usize], place) != NONE {
            return Err("an option is listed twice, or two options under one symbol".to_owned());
        }
    }
    Ok(places.into())
}

#[cfg(test)]
#[path = "options_maker_tests.rs"]
mod tests;
