//! A configuration completed for what the captures hold. Cold; allocates.

use feeds::source::prescan::{Listing, greatest_common_divisor};
use feeds::source::protocol::Protocol;
use feeds::symbol::Symbol;
use kernels::cpu::quoting::TICK_MAX;

use super::venue_number;
use crate::control::config::{Config, InstrumentConfig, LimitsConfig, MarketMakerEntry, VenueConfig};
use crate::control::failure::Failure;
use crate::control::inputs::{Inputs, VenueInput};
use crate::control::universe::Universe;
use crate::strategy::arbitrage_taker::ArbitrageTakerConfig;
use crate::strategy::market_maker::MarketMakerConfig;

/// Instruments that the default configuration quotes on each venue.
const DEFAULT_QUOTED: usize = 8;

/// Instruments in which the default configuration looks for arbitrage.
const DEFAULT_ARBITRAGED: usize = 64;

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
