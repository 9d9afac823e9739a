//! `warptick generate`: a synthetic session of two venues as two capture files.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use feeds::source::synthetic::{self, SyntheticConfig};

use crate::control::failure::Failure;
use crate::control::session_date::SessionDate;

/// Writes `OUT.nasdaq.itch` and `OUT.bx.itch` and says what is in them.
///
/// # Errors
/// A file that cannot be written; numbers that give no session.
pub fn run(
    out: &Path,
    messages: u64,
    symbols: usize,
    seed: u64,
    date: SessionDate,
    text: &mut impl Write,
) -> Result<(), Failure> {
    let name = |venue: &str| PathBuf::from(format!("{}.{venue}.itch", out.display()));
    let create = |path: &Path| {
        let file =
            File::create(path).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
        Ok::<_, Failure>(BufWriter::with_capacity(1 << 20, file))
    };
    let paths = [name("nasdaq"), name("bx")];
    let mut sinks = [create(&paths[0])?, create(&paths[1])?];
    let config =
        SyntheticConfig { seed, symbols, messages, date: date.yyyymmdd(), ..SyntheticConfig::default() };
    let failed = |error: std::io::Error| Failure::Input(format!("generate: {error}"));
    let stats = synthetic::generate(&config, &mut sinks).map_err(failed)?;
    for sink in &mut sinks {
        sink.flush().map_err(failed)?;
    }
    for (path, venue) in paths.iter().zip(&stats.venues) {
        writeln!(
            text,
            "{}: {} messages, {} live orders at the end, bbo_checksum {}",
            path.display(),
            venue.messages(),
            venue.live_orders,
            venue.bbo_checksum
        )
        .map_err(failed)?;
    }
    writeln!(
        text,
        "between the venues: crossed {} times for {} us in all, locked {} times",
        stats.crossed.count,
        stats.crossed.total_ns / 1000,
        stats.locked.count
    )
    .map_err(failed)
}
