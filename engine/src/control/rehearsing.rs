//! Makes the miniature that a run rehearses its path on ([`crate::pipeline::rehearsal`]): the run's venues, protocols and
//! number formats, one instrument with a market maker, limits that refuse nothing of it.

use std::time::Instant;

use feeds::directory::Directory;
use feeds::symbol::Symbol;
use kernels::cpu::book::BookConfig;

use crate::control::config::{
    Config, InstrumentConfig, LimitsConfig, MarketMakerEntry, PipelineConfig, Rehearse, Topology,
};
use crate::control::digest::digest_ring;
use crate::control::failure::Failure;
use crate::control::journal::{JournalThread, RunRecorder, scratch};
use crate::control::risk_config::RiskConfig;
use crate::control::session_date::SessionDate;
use crate::control::start_steps::StartSteps;
use crate::control::startup;
use crate::control::universe::Universe;
use crate::pipeline::decide::Decide;
use crate::pipeline::rehearsal::{MESSAGES_A_ROUND, Rehearsal, RehearsalParts, Warmed, Warmer};
use crate::pipeline::socket_entry::SocketEntry;
use crate::pipeline::stamps;
use crate::pipeline::tsc::Calibration;
use crate::strategy::market_maker::MarketMakerConfig;

/// Records of its rings.
const RING: usize = 256;

/// Its open orders.
const ORDERS_MAX: usize = 64;

/// The symbol where the configuration names none.
const SYMBOL: &str = "AAPL";

/// One instrument at the venues of the run.
struct Miniature {
    symbol: Symbol,
    date: SessionDate,
    venues: u8,
    price_tick: i64,
}

impl Universe for Miniature {
    fn directory(&self) -> Result<Directory, Failure> {
        Directory::new(vec![self.symbol], 0)
            .map_err(|error| Failure::Input(format!("symbol directory: {error}")))
    }

    fn date(&self) -> SessionDate {
        self.date
    }

    fn venue_count(&self) -> u8 {
        self.venues
    }

    fn book_config(&self, _venue: u8) -> BookConfig {
        BookConfig { orders_max: 256, levels_max: 256, price_tick: self.price_tick, ..BookConfig::default() }
    }
}

/// A rehearsal of a run with this configuration; `is_live` where market events are journalled whole.
///
/// # Errors
/// A configuration that no engine can be made of, or no memory.
pub(super) fn rehearsal(
    universe: &impl Universe,
    config: &Config,
    calibration: Calibration,
    is_live: bool,
) -> Result<Rehearsal, Failure> {
    let quoted = config.instruments.iter().find(|instrument| instrument.market_maker.is_some());
    let named = quoted.or(config.instruments.first());
    let symbol = named.map_or(SYMBOL, |instrument| instrument.symbol.as_str());
    let price_tick = named.and_then(|instrument| instrument.limits).unwrap_or(config.limits).price_tick_e9;
    let venue_name = quoted.and_then(|instrument| instrument.market_maker.as_ref()).map(|maker| &maker.venue);
    let venue = venue_name.map_or(Ok(0), |name| startup::venue_number(config, name))?;
    let miniature = Miniature {
        symbol: Symbol::new(symbol)
            .map_err(|error| Failure::Input(format!("instrument {symbol}: {error}")))?,
        date: universe.date(),
        venues: universe.venue_count(),
        price_tick,
    };
    let config = miniature_config(config, symbol, usize::from(venue), price_tick);
    let journal = |thread| scratch(thread).map_err(|error| Failure::Input(format!("rehearsal: {error}")));
    let (decide_writer, decide_segments) = journal(JournalThread::Decide)?;
    let (entry_writer, entry_segments) = journal(JournalThread::OrderEntry)?;
    let recorder = if is_live { RunRecorder::of_whole_events } else { RunRecorder::new };
    let (sender, digest) = digest_ring(RING);
    let core = startup::decision_core(&miniature, &config, startup::strategies(&miniature, &config)?)?;
    let decide = Decide::new(core, Some(recorder(decide_writer)), sender);
    let time_ns = universe.date().eastern_midnight_ns();
    let entry = startup::exchange_of(&miniature, &config, Some(entry_writer), time_ns)?.finish();
    let (stamp_writer, stamps) = stamps::channel(RING);
    let entry = SocketEntry::rehearsing(entry, config.venues.len(), stamp_writer, calibration);
    Ok(Rehearsal::new(RehearsalParts {
        decide,
        digest,
        entry,
        stamps,
        segments: [decide_segments, entry_segments],
        venue,
        price_tick,
        time_ns,
    }))
}

/// What keeps the path of this run warm: a rehearsal where it is `inline` and wants one.
///
/// # Errors
/// A configuration that no engine can be made of, or no memory.
pub fn warmer(
    universe: &impl Universe,
    config: &Config,
    calibration: Calibration,
    is_live: bool,
) -> Result<Warmer, Failure> {
    let PipelineConfig { rehearse, topology, .. } = config.pipeline;
    if rehearse == Rehearse::Off || topology != Topology::Inline {
        return Ok(Warmer::default());
    }
    let rehearsal = rehearsal(universe, config, calibration, is_live)?;
    Ok(Warmer::new(rehearsal, rehearse == Rehearse::Always))
}

/// Walks the path until it is warm, on the thread that will trade.
pub(super) fn warm(warmer: &mut Warmer, steps: &StartSteps, calibration: &Calibration) {
    let since = Instant::now();
    let Some(Warmed { turns, orders, first_ticks, last_ticks }) = warmer.warm() else {
        steps.add(
            "warm",
            since,
            false,
            "no rehearsal: pipeline.rehearse is off, or the run is split".to_owned(),
        );
        return;
    };
    let (first_ns, last_ns) = (calibration.ticks_to_ns(first_ticks), calibration.ticks_to_ns(last_ticks));
    let result = format!(
        "{turns} dry runs of the path, {orders} order messages encoded and thrown away; median of the first 256 {first_ns} ns, of \
         the last {last_ns} ns"
    );
    steps.add("warm", since, orders > 0, result);
}

fn miniature_config(config: &Config, symbol: &str, venue: usize, price_tick: i64) -> Config {
    let limits = LimitsConfig {
        order_notional_max: u64::MAX / 2,
        collar_bp: 5_000,
        price_tick_e9: price_tick,
        ..LimitsConfig::default()
    };
    let mut config = config.clone();
    config.limits = limits;
    config.risk = RiskConfig { messages_per_s: 1_000_000, messages_burst: 100_000, ..RiskConfig::default() };
    config.wide = None;
    config.parent_orders = Vec::new();
    config.features = Vec::new();
    config.pipeline.open_orders_max = ORDERS_MAX;
    config.pipeline.messages_max = 2 * MESSAGES_A_ROUND;
    let venue = config.venues.get(venue).map(|venue| venue.name.clone()).unwrap_or_default();
    config.instruments = vec![InstrumentConfig {
        symbol: symbol.to_owned(),
        limits: Some(limits),
        market_maker: Some(MarketMakerEntry { venue, parameters: MarketMakerConfig::default() }),
        arbitrage: None,
    }];
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::config::VenueConfig;

    #[test]
    fn every_turn_replaces_both_quotes_for_as_long_as_anybody_turns() {
        for is_live in [false, true] {
            let config = Config {
                venues: vec![VenueConfig::named("NASDAQ"), VenueConfig::named("BX")],
                ..Config::default()
            };
            let universe = Miniature {
                symbol: Symbol::new("GOOG").expect("a symbol"),
                date: SessionDate::EPOCH,
                venues: 2,
                price_tick: 10_000_000,
            };
            let mut rehearsal =
                rehearsal(&universe, &config, Calibration::measure(), is_live).expect("a rehearsal");
            for _ in 0..5 {
                let warmed = rehearsal.warm();
                assert_eq!(warmed.turns, 20_000);
                // Every turn moves both quotes; a round ends with two cancels, and what begins the next is quoted anew.
                assert_eq!(warmed.orders, 2 * 20_000 + 4 * 20, "{warmed:?}");
                assert!(warmed.last_ticks > 0);
            }
        }
    }
}
