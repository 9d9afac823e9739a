//! Puts a run together: configuration and captures in, the stages out. Everything that is allocated is allocated here.

mod completion;
mod cores;
mod decision;
mod sessions;

use feeds::directory::Directory;
use feeds::symbol::Symbol;

use crate::control::config::Config;
use crate::control::failure::Failure;
use crate::control::universe::Universe;
use crate::pipeline::lockstep::Latencies;
pub use completion::complete;
pub use cores::{place_housekeeping, placement};
pub use decision::{decision_core, risk, strategies, venue_books};
pub(super) use sessions::exchange_of;
pub use sessions::{exchange, gateways, order_entry, session_config};

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

/// The virtual latencies.
#[must_use]
pub const fn latencies(config: &Config) -> Latencies {
    Latencies { order_ns: config.latency.order_ns, fill_ns: config.latency.fill_ns }
}
