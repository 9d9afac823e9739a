//! Both ends of the sessions: order entry, the simulated venues with their acceptors, and lockstep's exchange in memory.

use std::sync::Arc;

use feeds::directory::Directory;
use feeds::soupbintcp::Credentials;
use feeds::symbol::Symbol;
use kernels::cpu::book::BookConfig;

use super::{latencies, number_in};
use crate::control::config::{Config, OrderProtocol, VenueConfig};
use crate::control::failure::Failure;
use crate::control::inputs::Inputs;
use crate::control::journal::SegmentWriter;
use crate::control::logon_config::LogonConfig;
use crate::control::universe::Universe;
use crate::fix::identity::SessionIds;
use crate::fix::session::SessionConfig;
use crate::fix::templates::TemplateFormat;
use crate::ouch::session::OuchConfig;
use crate::pipeline::order_entry::{LinkConfig, OrderEntry};
use crate::venue::front::VenueFront;
use crate::venue::gateway::Gateway;
use crate::venue::in_memory::InMemoryExchange;
use crate::venue::ouch_gateway::OuchGateway;
use crate::venue::{VenueConfig as CoreConfig, VenueCore};

/// Fewest decimals of Price(44) on every session.
const PRICE_DECIMALS_MIN: u32 = 4;

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
pub(in crate::control) fn exchange_of(
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
