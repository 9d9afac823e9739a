//! Puts a run together: configuration and captures in, the stages out. Everything that is allocated is allocated here.

use std::sync::Arc;

use feeds::directory::Directory;
use feeds::soupbintcp::Credentials;
use feeds::source::prescan::{Listing, greatest_common_divisor};
use feeds::source::protocol::Protocol;
use feeds::symbol::Symbol;
use kernels::cpu::book::{BookConfig, VenueBooks};
use kernels::cpu::quoting::TICK_MAX;

use crate::control::config::{
    Config, InstrumentConfig, LimitsConfig, MarketMakerEntry, OrderProtocol, Topology, VenueConfig,
};
use crate::control::cpus::Host;
use crate::control::failure::Failure;
use crate::control::inputs::{Inputs, VenueInput};
use crate::control::journal::SegmentWriter;
use crate::control::logon_config::LogonConfig;
use crate::control::parent_config::ParentOrderConfig;
use crate::control::placement::{Plan, Role};
use crate::control::risk_config;
use crate::control::universe::Universe;
use crate::control::wide_config::WideConfig;
use crate::control::wide_plan::WidePlan;
use crate::fix::identity::SessionIds;
use crate::fix::session::SessionConfig;
use crate::fix::templates::TemplateFormat;
use crate::ouch::session::OuchConfig;
use crate::pipeline::decision_core::{CoreSizes, DecisionCore};
use crate::pipeline::features::FeatureBoard;
use crate::pipeline::lockstep::Latencies;
use crate::pipeline::order_entry::{LinkConfig, OrderEntry};
use crate::pipeline::risk::{InstrumentLimits, Risk, VenueTerms};
use crate::strategy::Strategy;
use crate::strategy::arbitrage_taker::{ArbitrageTaker, ArbitrageTakerConfig, ArbitrageVenue};
use crate::strategy::market_maker::{MarketMaker, MarketMakerConfig};
use crate::strategy::parent_router::{ParentRouter, RoutedVenue};
use crate::venue::front::VenueFront;
use crate::venue::gateway::Gateway;
use crate::venue::in_memory::InMemoryExchange;
use crate::venue::ouch_gateway::OuchGateway;
use crate::venue::{VenueConfig as CoreConfig, VenueCore};

/// Instruments that the default configuration quotes on each venue.
const DEFAULT_QUOTED: usize = 8;

/// Instruments in which the default configuration looks for arbitrage.
const DEFAULT_ARBITRAGED: usize = 64;

/// Fewest decimals of Price(44) on every session.
const PRICE_DECIMALS_MIN: u32 = 4;

/// Quantity units in one of the base asset, for Binance spot and USD-M.
const BASE_UNIT: u64 = 100_000_000;

/// Completes a configuration for what the captures hold: one venue entry a capture, in capture order, the session
/// date, and, where it names no instrument, a sensible choice: the market maker on the most active instruments of the
/// first venue, arbitrage on the most active of those that several venues list.
///
/// # Errors
/// An instrument or a venue that the captures do not have.
pub fn complete(inputs: &Inputs, mut config: Config) -> Result<Config, Failure> {
    config.check().map_err(Failure::Input)?;
    config.date = Some(inputs.date.to_string());
    let named = |name: &String| config.venues.iter().find(|venue| venue.name == *name).cloned();
    let venues = inputs.venues.iter();
    config.venues =
        venues.map(|input| named(&input.venue).unwrap_or_else(|| VenueConfig::named(&input.venue))).collect();
    if config.instruments.is_empty() {
        config.instruments = default_instruments(inputs);
    }
    let directory = inputs.directory()?;
    for instrument in &config.instruments {
        let known = Symbol::new(&instrument.symbol).ok().and_then(|symbol| directory.instrument(symbol));
        if known.is_none() {
            return Err(Failure::Input(format!("instrument {} is in no capture", instrument.symbol)));
        }
        if let Some(maker) = &instrument.market_maker {
            venue_number(&config, &maker.venue)?;
        }
    }
    Ok(config)
}

fn default_instruments(inputs: &Inputs) -> Vec<InstrumentConfig> {
    let mut chosen: Vec<InstrumentConfig> = Vec::new();
    let first = &inputs.venues[0];
    for listing in first.scan.most_active(DEFAULT_QUOTED).iter().filter(|listing| listing.activity() > 0) {
        let (limits, parameters) = default_sizes(first, listing);
        chosen.push(InstrumentConfig {
            symbol: listing.symbol.to_string(),
            limits,
            market_maker: Some(MarketMakerEntry { venue: first.venue.clone(), parameters }),
            arbitrage: None,
        });
    }
    let elsewhere = |symbol: Symbol| {
        inputs.venues[1..].iter().any(|input| input.scan.listings.iter().any(|other| other.symbol == symbol))
    };
    let shared =
        first.scan.most_active(usize::MAX).into_iter().filter(|l| l.activity() > 0 && elsewhere(l.symbol));
    for listing in shared.take(DEFAULT_ARBITRAGED) {
        let symbol = listing.symbol.to_string();
        let arbitrage = Some(default_arbitrage(first, &listing));
        match chosen.iter_mut().find(|instrument| instrument.symbol == symbol) {
            Some(instrument) => instrument.arbitrage = arbitrage,
            None => {
                let (limits, _) = default_sizes(first, &listing);
                chosen.push(InstrumentConfig { symbol, limits, market_maker: None, arbitrage });
            }
        }
    }
    chosen
}

/// The size of a default quote in a feed's quantity unit: 100 shares, 10 contracts, 0.01 of a base asset.
fn default_quote_qty(input: &VenueInput, listing: &Listing) -> u64 {
    match input.scan.protocol {
        Protocol::Itch | Protocol::IexTp => 100,
        Protocol::Mdp3 | Protocol::Dbn => 10,
        Protocol::Binance if is_coin_margined(listing) => 100,
        Protocol::Binance => BASE_UNIT / 100,
    }
}

/// COIN-M symbols are `BTCUSD_PERP`, USD-M's `BTCUSDT_PERP`: quantities are contracts.
fn is_coin_margined(listing: &Listing) -> bool {
    listing.symbol.to_string().contains("USD_")
}

/// Limits and quote sizes where the configuration names no instruments. ITCH keeps the configuration's limits; for
/// the others ticks are the capture's own, sizes follow the feed's quantity unit, and the notional limit counts price
/// times quantity unit (contract multipliers are not known to it).
fn default_sizes(input: &VenueInput, listing: &Listing) -> (Option<LimitsConfig>, MarketMakerConfig) {
    let parameters = MarketMakerConfig::default();
    if input.scan.protocol == Protocol::Itch {
        return (None, parameters);
    }
    let quote_qty = default_quote_qty(input, listing);
    let limits = LimitsConfig::default();
    let units = match input.scan.protocol {
        Protocol::Binance => BASE_UNIT,
        _ => 1,
    };
    let limits = LimitsConfig {
        order_qty_max: quote_qty * 5,
        order_notional_max: limits.order_notional_max.saturating_mul(units),
        position_max: u32::try_from(quote_qty * 10).unwrap_or(u32::MAX),
        price_tick_e9: default_tick(listing.price_tick, limits.price_tick_e9),
        ..limits
    };
    (Some(limits), MarketMakerConfig { quote_qty, position_max_qty: quote_qty * 10, ..parameters })
}

/// The tick of an instrument whose prices have `divisor` as their greatest common divisor: that, unless so few prices
/// were seen that it is no tick a quoter takes (one price divides itself); then what it shares with `usual`.
fn default_tick(divisor: i64, usual: i64) -> i64 {
    match divisor {
        ..=0 => usual,
        1..=TICK_MAX => divisor,
        _ => greatest_common_divisor(divisor, usual),
    }
}

fn default_arbitrage(input: &VenueInput, listing: &Listing) -> ArbitrageTakerConfig {
    let config = ArbitrageTakerConfig::default();
    if input.scan.protocol == Protocol::Itch {
        return config;
    }
    let (limits, _) = default_sizes(input, listing);
    let limits = limits.unwrap_or_default();
    ArbitrageTakerConfig {
        qty_max: limits.order_qty_max,
        notional_max: limits.order_notional_max / 2,
        ..config
    }
}

/// Largest order that the simulated venues take: at least what risk lets through.
fn quantity_max(config: &Config) -> u64 {
    let limits = config.instruments.iter().map(|entry| entry.limits.unwrap_or(config.limits).order_qty_max);
    limits.fold(CoreConfig::default().quantity_max, u64::max)
}

/// Decimals of Price(44): what every tick that orders may have needs.
fn price_decimals(config: &Config) -> u32 {
    let ticks = config.instruments.iter().map(|entry| entry.limits.unwrap_or(config.limits).price_tick_e9);
    let needed = |tick: i64| (0..9).find(|&decimals| tick % 10_i64.pow(9 - decimals) == 0).unwrap_or(9);
    ticks.map(needed).fold(PRICE_DECIMALS_MIN, u32::max)
}

pub(super) fn venue_number(config: &Config, name: &str) -> Result<u8, Failure> {
    let found = (0u8..).zip(&config.venues).find(|(_, venue)| venue.name == name);
    found.map(|(number, _)| number).ok_or_else(|| Failure::Input(format!("venue {name} has no capture")))
}

/// The dense number of an instrument, as strategies use it.
///
/// # Errors
/// A symbol that no capture lists.
pub fn instrument_number(universe: &impl Universe, symbol: &str) -> Result<u32, Failure> {
    number_in(&universe.directory()?, symbol)
}

/// The same in a directory that is there: one takes megabytes.
pub(super) fn number_in(directory: &Directory, symbol: &str) -> Result<u32, Failure> {
    let found = Symbol::new(symbol).ok().and_then(|symbol| directory.instrument(symbol));
    found.ok_or_else(|| Failure::Input(format!("instrument {symbol} is in no capture")))
}

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

fn symbols(directory: &Directory) -> Vec<Symbol> {
    (0..directory.len() as u32).filter_map(|instrument| directory.symbol(instrument)).collect()
}

fn session_ids(venue: &VenueConfig) -> Result<SessionIds, Failure> {
    SessionIds::new(venue.fix.begin_string(), &venue.sender_comp_id, venue.target())
        .map_err(|error| Failure::Input(format!("venue {}: {error}", venue.name)))
}

/// Our FIX session to a venue, without the proof of who we are.
///
/// # Errors
/// A CompID that FIX does not allow.
pub fn session_config(venue: &VenueConfig) -> Result<SessionConfig, Failure> {
    let session = SessionConfig::initiator(session_ids(venue)?, venue.heartbeat_s);
    Ok(venue.fix.initiator(session))
}

/// User name and password of a venue over SoupBinTCP.
fn soup_login(venue: &VenueConfig) -> Result<Option<Credentials>, Failure> {
    venue.logon.soup_login().map_err(|what| Failure::Input(format!("venue {}: {what}", venue.name)))
}

/// Order entry with a session to every venue.
///
/// # Errors
/// A CompID that FIX does not allow.
pub fn order_entry(
    universe: &impl Universe,
    config: &Config,
    journal: Option<SegmentWriter>,
) -> Result<OrderEntry, Failure> {
    let mut sessions: Vec<LinkConfig> = Vec::new();
    for (number, venue) in (0u8..).zip(&config.venues) {
        if venue.protocol == OrderProtocol::Ouch {
            let (username, password) = soup_login(venue)?.unwrap_or(([b' '; 6], [b' '; 10]));
            let (date, messages_max) = (universe.date().yyyymmdd(), config.pipeline.messages_max);
            let session = OuchConfig { venue: number, username, password, date, messages_max };
            sessions.push(LinkConfig::Ouch(session));
            continue;
        }
        let auth =
            venue.logon.client().map_err(|what| Failure::Input(format!("venue {}: {what}", venue.name)))?;
        let session = SessionConfig { logon_auth: Arc::new(auth), ..session_config(venue)? };
        let ids = session.ids.clone();
        sessions.push(LinkConfig::Fix(Box::new(session), ids, venue.fix.number_style()));
    }
    let format = TemplateFormat { price_decimals: price_decimals(config), ..TemplateFormat::default() };
    OrderEntry::new(sessions, &symbols(&universe.directory()?), format, journal)
        .map_err(|error| Failure::Input(error.to_string()))
}

/// A simulated venue with its acceptor for every capture.
///
/// # Errors
/// Tables that cannot be made; a CompID that FIX does not allow, a symbol that OUCH cannot carry.
pub fn gateways(universe: &impl Universe, config: &Config) -> Result<Vec<VenueFront>, Failure> {
    let directory = universe.directory()?;
    let instruments_max = directory.capacity();
    let symbols = symbols(&directory);
    let mut gateways = Vec::new();
    for (number, venue) in (0u8..).zip(&config.venues) {
        let books = BookConfig { instruments_max, ..universe.book_config(number) };
        let core = VenueCore::new(CoreConfig {
            venue: number,
            books,
            orders_max: config.pipeline.open_orders_max,
            cl_ord_ids_max: config.pipeline.messages_max.min(1_000_000),
            price_tick: config.limits.price_tick_e9,
            quantity_max: quantity_max(config),
            ..CoreConfig::default()
        });
        let mut core = core.map_err(|error| Failure::Input(format!("venue {}: {error}", venue.name)))?;
        for entry in &config.instruments {
            if let Some(limits) = &entry.limits {
                core.set_price_tick(number_in(&directory, &entry.symbol)?, limits.price_tick_e9);
            }
        }
        if venue.protocol == OrderProtocol::Ouch {
            // The day's stream is named by its date.
            let session = universe.date().yyyymmdd().to_string();
            let gateway = OuchGateway::new(core, soup_login(venue)?, &session, &symbols);
            let gateway =
                gateway.map_err(|error| Failure::Input(format!("venue {}: {error}", venue.name)))?;
            let gateway = gateway.cancelling_on_disconnect(venue.cancel_on_disconnect);
            gateways.push(VenueFront::Ouch(Box::new(gateway)));
            continue;
        }
        let ids = session_ids(venue)?.reversed();
        let verifier =
            venue.logon.venue().map_err(|what| Failure::Input(format!("venue {}: {what}", venue.name)))?;
        let session = SessionConfig {
            logon_verifier: Some(Arc::new(verifier)),
            ..venue.fix.acceptor(SessionConfig::acceptor(ids.clone()))
        };
        gateways.push(VenueFront::Fix(Box::new(
            Gateway::new(core, session, &ids, &symbols).cancelling_on_disconnect(venue.cancel_on_disconnect),
        )));
    }
    Ok(gateways)
}

/// The in-memory exchange of lockstep, logged on at the captures' first moment.
///
/// # Errors
/// As [`order_entry`] and [`gateways`].
pub fn exchange(
    inputs: &Inputs,
    config: &Config,
    journal: Option<SegmentWriter>,
) -> Result<InMemoryExchange, Failure> {
    let start_ns = inputs.ingest(config.latency.line_ns)?.next_time_ns().unwrap_or(0);
    exchange_of(inputs, config, journal, start_ns)
}

/// The same for any universe, from `start_ns` on.
///
/// # Errors
/// As [`exchange`].
pub(super) fn exchange_of(
    universe: &impl Universe,
    config: &Config,
    journal: Option<SegmentWriter>,
    start_ns: u64,
) -> Result<InMemoryExchange, Failure> {
    // Both sides are ours and nobody listens: no secrets are needed.
    let mut config = config.clone();
    config.venues.iter_mut().for_each(|venue| venue.logon = LogonConfig::default());
    let entry = order_entry(universe, &config, journal)?;
    Ok(InMemoryExchange::new(entry, gateways(universe, &config)?, latencies(&config), start_ns))
}

/// Where the hot stages of a run go; `with_venue` when the simulated venue runs in this process.
///
/// # Errors
/// Cores that are not there.
pub fn placement(config: &Config, topology: Topology, with_venue: bool) -> Result<Plan, Failure> {
    let host = Host::read().map_err(|error| Failure::Input(format!("placement: {error}")))?;
    let mut roles = match topology {
        Topology::Inline => vec![Role::Inline],
        Topology::Split => vec![Role::Ingest, Role::Decide, Role::OrderEntry],
    };
    if with_venue {
        roles.push(Role::Venue);
    }
    if config.placement.housekeeping.is_some() {
        roles.push(Role::Housekeeping);
    }
    let plan = if !config.placement.is_empty() {
        Plan::configured(&host, &roles, &config.placement)
    } else if config.pipeline.cores.is_empty() {
        Plan::automatic(&host, &roles)
    } else {
        let wanted: Vec<_> = roles.into_iter().zip(config.pipeline.cores.iter().copied()).collect();
        Plan::explicit(&host, &wanted)
    };
    plan.map_err(|error| Failure::Input(format!("placement: {error}")))
}

/// Puts the calling thread, which keeps house, where the plan says, and with it every thread that it starts from now on
/// but the hot ones, which pin themselves. Without a place for it nothing happens.
///
/// # Errors
/// The kernel refuses the CPU.
pub fn place_housekeeping(plan: &Plan) -> Result<(), Failure> {
    if plan.cpu_of(Role::Housekeeping).is_none() {
        return Ok(());
    }
    let placed = plan.pin_current(Role::Housekeeping).map(|_| ());
    placed.map_err(|error| Failure::Input(format!("placement: {error}")))
}

/// The virtual latencies.
#[must_use]
pub const fn latencies(config: &Config) -> Latencies {
    Latencies { order_ns: config.latency.order_ns, fill_ns: config.latency.fill_ns }
}
