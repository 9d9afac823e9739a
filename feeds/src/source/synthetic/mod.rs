//! A seeded generator of one trading day as two venues publish it: NASDAQ and BX, as two TotalView-ITCH 5.0 streams.
//!
//! What it models
//! - **The day**: system events, a directory entry and a trading state per listing, orders before the opening, an
//!   opening cross, continuous trading, halts of a few symbols on both venues (halted, quotation only, trading
//!   again), the close. BX lists a part of the symbols, under its own locates.
//! - **Activity**: symbols by a Zipf law (weight 1 / (rank + 8)), bursts of messages on one symbol, spacing of
//!   microseconds within bursts, a message mix as on a real day.
//! - **Prices**: one efficient price per symbol (see `price`). Each venue's quoters follow it with their own random
//!   lag, tens of microseconds to milliseconds, so that books of two venues lock and cross for that long. Inside a
//!   venue a book never does.
//! - **Queues**: executions take the first order of the best level; levels are consumed and quotes move.
//!
//! The same configuration gives the same bytes on every machine: integers only, no clock, no hash order. There is
//! no reaction to orders of ours: the streams are a feed to replay. It allocates while it runs (books grow), so it
//! belongs to no hot thread.

mod book;
mod config;
mod flow;
mod opening;
mod orders;
mod price;
mod prng;
mod session;
mod stats;
mod trading;

#[cfg(test)]
mod naive_venue;
#[cfg(test)]
mod realism_tests;
#[cfg(test)]
mod replay_tests;

use std::io::{self, Write};

pub use config::{
    MARKET_HOURS_NS, MARKET_OPEN_NS, MEAN_GAP_NS, SYMBOLS_MAX, SyntheticConfig, SyntheticConfigError,
};
pub use prng::Prng;
pub use session::{BX, NASDAQ, Session};
pub use stats::{Moments, SyntheticStats, VenueStats};

use crate::itch::encode::append_framed;

/// Bytes gathered for a sink before they are written.
const CHUNK_BYTES: usize = 1 << 18;

/// Writes both venues' streams in BinaryFILE form (big-endian `u16` length, message): NASDAQ to the first sink, BX to
/// the second, without the optional zero length at the end. Sinks need no buffering; they are flushed at the end.
///
/// # Errors
/// `InvalidInput` for a configuration that no session can be made of, with the [`SyntheticConfigError`] inside; else
/// what a sink returned.
pub fn generate(config: &SyntheticConfig, sinks: &mut [impl Write; 2]) -> io::Result<SyntheticStats> {
    let mut session =
        Session::new(config).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let mut chunks = [(); 2].map(|()| Vec::with_capacity(CHUNK_BYTES + 64));
    while let Some((venue, message)) = session.next_message() {
        let venue = usize::from(venue);
        append_framed(&message, &mut chunks[venue]);
        if chunks[venue].len() >= CHUNK_BYTES {
            sinks[venue].write_all(&chunks[venue])?;
            chunks[venue].clear();
        }
    }
    for (sink, chunk) in sinks.iter_mut().zip(&chunks) {
        sink.write_all(chunk)?;
        sink.flush()?;
    }
    Ok(session.stats())
}

/// Both venues' streams in memory, as [`generate`] writes them.
///
/// # Errors
/// [`SyntheticConfigError`] names the value that is out of range.
pub fn generate_bytes(config: &SyntheticConfig) -> Result<[Vec<u8>; 2], SyntheticConfigError> {
    let mut session = Session::new(config)?;
    let mut streams = [Vec::new(), Vec::new()];
    while let Some((venue, message)) = session.next_message() {
        append_framed(&message, &mut streams[usize::from(venue)]);
    }
    Ok(streams)
}
