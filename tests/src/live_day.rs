//! A generated day for live runs on loopback: two venues' session that starts at its opening, and the configuration of an
//! engine that trades it.

use engine::control::config::Config;
use engine::control::inputs::Inputs;
use engine::control::startup;
use feeds::source::synthetic::{MARKET_OPEN_NS, SyntheticConfig};
use feeds::units::NS_PER_S;

use crate::captures::{generated, inputs, map_times};
use crate::ports::free_udp_ports;

/// The day.
pub const DATE: u32 = 20_260_105;

/// A session of both venues without halts, of `span_s` seconds (`None`: the whole day). Nobody need wait for its opening.
#[must_use]
pub fn session(messages: u64, symbols: usize, span_s: Option<u64>) -> Inputs {
    let span_ns = span_s.map(|seconds| seconds * NS_PER_S);
    let settings =
        SyntheticConfig { messages, symbols, halts: 0, date: DATE, span_ns, ..SyntheticConfig::default() };
    let mut streams = generated(&settings);
    for stream in &mut streams {
        map_times(stream, |time_ns| time_ns.max(MARKET_OPEN_NS));
    }
    inputs(streams, DATE)
}

/// The configuration of a run on free ports of loopback. `settings` are more tables of it, `venue_keys` more keys of each
/// venue, and `venue_tables` more tables of the venue of that number.
///
/// # Panics
/// When it is no configuration.
#[must_use]
pub fn config(
    session: &Inputs,
    settings: &str,
    venue_keys: &str,
    venue_tables: impl Fn(u64) -> String,
) -> Config {
    let mut text = format!(
        "date = \"2026-01-05\"\n[pipeline]\ntimer_ms = 5\nmessages_max = 200000\n\
         [books]\nlate_listings_max = 64\norders_max = 80000\nlevels_max = 40000\n{settings}"
    );
    for (number, venue) in (0..).zip(["NASDAQ", "BX"]) {
        let [a, b, again, glimpse] = free_udp_ports();
        text += &format!(
            "[[venues]]\nname = \"{venue}\"\naddress = \"127.0.0.1:0\"\n{venue_keys}\n\
             [venues.feed]\nline_a = \"127.0.0.1:{a}\"\nline_b = \"127.0.0.1:{b}\"\n\
             retransmission = \"127.0.0.1:{again}\"\nglimpse = \"127.0.0.1:{glimpse}\"\n{}",
            venue_tables(number)
        );
    }
    let config = Config::parse("live day", &text).unwrap_or_else(|error| panic!("{error:?}: {text}"));
    startup::complete(session, config).expect("instruments")
}

/// The day is served faster than it was, and the market makers' times are as short.
pub fn hurry(config: &mut Config) {
    for maker in config.instruments.iter_mut().filter_map(|instrument| instrument.market_maker.as_mut()) {
        maker.parameters.sample_interval_ns = 1_000_000;
        maker.parameters.rest_ns = 5_000_000;
        maker.parameters.refused_pause_ns = 1_000_000;
    }
}
