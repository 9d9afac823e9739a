//! What decides: books, risk, strategies, features and wide work, in one core.

use feeds::directory::Directory;
use kernels::cpu::book::{BookConfig, VenueBooks};

use super::{number_in, venue_number};
use crate::control::config::Config;
use crate::control::failure::Failure;
use crate::control::parent_config::ParentOrderConfig;
use crate::control::risk_config;
use crate::control::universe::Universe;
use crate::control::wide_config::WideConfig;
use crate::control::wide_plan::WidePlan;
use crate::pipeline::decision_core::{CoreSizes, DecisionCore};
use crate::pipeline::features::FeatureBoard;
use crate::pipeline::risk::{InstrumentLimits, Risk, VenueTerms};
use crate::strategy::Strategy;
use crate::strategy::arbitrage_taker::{ArbitrageTaker, ArbitrageVenue};
use crate::strategy::market_maker::MarketMaker;
use crate::strategy::parent_router::{ParentRouter, RoutedVenue};

/// The built-in strategies that the configuration asks for.
///
/// # Errors
/// A parameter out of range, with the instrument's name.
pub fn strategies(universe: &impl Universe, config: &Config) -> Result<Vec<Box<dyn Strategy>>, Failure> {
    let mut built: Vec<Box<dyn Strategy>> = Vec::new();
    if config.instruments.is_empty() {
        return Ok(built);
    }
    // Tables are made for taker and maker where there is one; a core has its own.
    let plan = match &config.wide {
        Some(WideConfig { taker: Some(_), .. } | WideConfig { options_maker: Some(_), .. }) => {
            WidePlan::new(universe, config)?
        }
        _ => None,
    };
    let directory = universe.directory()?;
    for entry in &config.instruments {
        let instrument = number_in(&directory, &entry.symbol)?;
        let price_tick = entry.limits.unwrap_or(config.limits).price_tick_e9;
        let refused = |error: String| Failure::Input(format!("instrument {}: {error}", entry.symbol));
        if let Some(maker) = &entry.market_maker {
            let venue = venue_number(config, &maker.venue)?;
            let maker = MarketMaker::new(instrument, venue, price_tick, &maker.parameters);
            built.push(Box::new(maker.map_err(|error| refused(error.to_string()))?));
        }
        if let Some(arbitrage) = &entry.arbitrage {
            let venues: Vec<_> = (0u8..)
                .zip(&config.venues)
                .map(|(venue, settings)| ArbitrageVenue {
                    venue,
                    price_tick,
                    taker_fee: settings.taker_fee_e9,
                })
                .collect();
            let taker = ArbitrageTaker::new(instrument, &venues, arbitrage);
            built.push(Box::new(taker.map_err(|error| refused(error.to_string()))?));
        }
    }
    if let Some(plan) = plan {
        if let Some(taker) = plan.taker(universe, config)? {
            built.push(Box::new(taker));
        }
        if let Some(maker) = plan.options_maker(universe, config)? {
            built.push(Box::new(maker));
        }
    }
    let midnight_ns = universe.date().eastern_midnight_ns();
    for parent in &config.parent_orders {
        built.push(Box::new(parent_router(&directory, config, parent, midnight_ns)?));
    }
    Ok(built)
}

/// A parent order over all venues.
fn parent_router(
    directory: &Directory,
    config: &Config,
    parent: &ParentOrderConfig,
    midnight_ns: u64,
) -> Result<ParentRouter, Failure> {
    let named = |name: &&String| !config.venues.iter().any(|venue| venue.name == **name);
    if let Some(unknown) = parent.child_qty_min.keys().find(named) {
        return Err(Failure::Input(format!("parent order in {}: no venue {unknown}", parent.symbol)));
    }
    let limits = config.instruments.iter().find(|entry| entry.symbol == parent.symbol);
    let limits = limits.and_then(|entry| entry.limits).unwrap_or(config.limits);
    let venues: Vec<_> = (0u8..)
        .zip(&config.venues)
        .map(|(venue, settings)| RoutedVenue {
            venue,
            price_tick: limits.price_tick_e9,
            taker_fee: settings.taker_fee_e9,
            qty_min: parent.child_qty_min.get(&settings.name).copied().unwrap_or(0),
            qty_max: parent.child_qty_max,
        })
        .collect();
    let terms = parent.terms(number_in(directory, &parent.symbol)?, midnight_ns);
    ParentRouter::new(terms, &venues)
        .map_err(|error| Failure::Input(format!("parent order in {}: {error}", parent.symbol)))
}

/// Risk with all its limits; `declared` are the instruments of each strategy.
///
/// # Errors
/// An instrument that the universe does not know.
pub fn risk(universe: &impl Universe, config: &Config, declared: &[&[u32]]) -> Result<Risk, Failure> {
    let directory = universe.directory()?;
    let mut by_instrument = vec![InstrumentLimits::NONE; directory.capacity()];
    for entry in &config.instruments {
        let instrument = number_in(&directory, &entry.symbol)?;
        by_instrument[instrument as usize] = entry.limits.unwrap_or(config.limits).instrument_limits();
    }
    let terms = config.venues.iter().map(|venue| VenueTerms {
        rate: risk_config::rate(venue.messages_per_s, venue.messages_burst),
        taker_fee: venue.taker_fee_e9,
        maker_fee: venue.maker_fee_e9,
    });
    let of_each = config.risk.strategy.strategy_limits();
    let declared: Vec<_> = declared.iter().map(|&instruments| (of_each, instruments)).collect();
    let risk = Risk::new(config.risk.engine_limits(), by_instrument);
    Ok(risk.with_venues(&terms.collect::<Vec<_>>()).with_strategies(&declared))
}

/// The decision core with its books, risk limits and strategies.
///
/// # Errors
/// Tables that cannot be made.
pub fn decision_core(
    universe: &impl Universe,
    config: &Config,
    strategies: Vec<Box<dyn Strategy>>,
) -> Result<DecisionCore, Failure> {
    let instruments_max = universe.directory()?.capacity();
    let mut books = Vec::new();
    for venue in 0..universe.venue_count() {
        books.push(venue_books(universe, venue, instruments_max)?);
    }
    let sizes = CoreSizes {
        date: universe.date().yyyymmdd(),
        instruments_max,
        orders_max: config.pipeline.open_orders_max,
        messages_max: config.pipeline.messages_max,
    };
    let declared: Vec<_> = strategies.iter().map(|strategy| strategy.instruments()).collect();
    let risk = risk(universe, config, &declared)?;
    let venues = books.len();
    let mut core = DecisionCore::new(sizes, books, risk, strategies);
    if !config.features.is_empty() {
        core = core.with_features(features(universe, config, venues, instruments_max)?);
    }
    Ok(match WidePlan::new(universe, config)? {
        Some(plan) => core.with_wide(plan.watch(venues, instruments_max)),
        None => core,
    })
}

/// The features that the configuration asks for.
fn features(
    universe: &impl Universe,
    config: &Config,
    venues: usize,
    instruments_max: usize,
) -> Result<FeatureBoard, Failure> {
    let directory = universe.directory()?;
    let wanted = config.features.iter().map(|of| Ok((number_in(&directory, &of.symbol)?, of.parameters())));
    let wanted = wanted.collect::<Result<Vec<_>, Failure>>()?;
    FeatureBoard::new(&wanted, venues, instruments_max)
        .map_err(|error| Failure::Input(format!("features: {error}")))
}

/// Book tables for one venue.
///
/// # Errors
/// Tables that do not fit in memory or in their numbers.
pub fn venue_books(
    universe: &impl Universe,
    venue: u8,
    instruments_max: usize,
) -> Result<VenueBooks, Failure> {
    VenueBooks::new(BookConfig { instruments_max, ..universe.book_config(venue) })
        .map_err(|error| Failure::Input(format!("book tables: {error}")))
}
