//! `warptick demo`: a generated session of two venues through the whole engine, in both topologies, compared.

use std::io::Write;

use feeds::source::file::Capture;
use feeds::source::synthetic::{SyntheticConfig, generate_bytes};

use crate::control::config::{Config, Topology};
use crate::control::digest::hex;
use crate::control::failure::Failure;
use crate::control::inputs::Inputs;
use crate::control::outcome::Outcome;
use crate::control::replay::{ReplayOptions, replay};
use crate::control::session_date::SessionDate;
use crate::control::startup;
use crate::pipeline::stamps::StampMode;

/// Messages of the demonstration session.
const MESSAGES: u64 = 1_000_000;

/// Its symbols: few enough that each is active.
const SYMBOLS: usize = 200;

/// Captures of the session.
///
/// # Errors
/// None that the constants could cause.
pub fn generated_session() -> Result<Inputs, Failure> {
    let settings = SyntheticConfig { messages: MESSAGES, symbols: SYMBOLS, ..SyntheticConfig::default() };
    let [nasdaq, bx] = generate_bytes(&settings).map_err(|error| Failure::Check(error.to_string()))?;
    let captures = vec![
        (Capture::from_bytes("generated NASDAQ session", nasdaq)?, "NASDAQ".to_owned()),
        (Capture::from_bytes("generated BX session", bx)?, "BX".to_owned()),
    ];
    let date = settings.date;
    let date = SessionDate::new(date / 10_000, date / 100 % 100, date % 100).unwrap_or(SessionDate::EPOCH);
    Inputs::of_captures(captures, date)
}

/// Runs the session in both topologies; ends with `VERDICT: REPRODUCED` when both decided the same.
///
/// # Errors
/// Exit code 1 when the runs diverged.
pub fn run(out: &mut impl Write) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Input(error.to_string());
    let seed = SyntheticConfig::default().seed;
    writeln!(out, "generating {MESSAGES} messages of {SYMBOLS} symbols on NASDAQ and BX, seed {seed}")
        .map_err(failed)?;
    let inputs = generated_session()?;
    let mut config = startup::complete(&inputs, Config::default())?;
    let mut outcomes: Vec<Outcome> = Vec::new();
    for topology in [Topology::Inline, Topology::Split] {
        config.pipeline.topology = topology;
        let options = ReplayOptions {
            pace: None,
            stamps: StampMode::Sampled,
            journal: None,
            report: None,
            label: topology.name(),
            ..ReplayOptions::default()
        };
        let outcome = replay(&inputs, &config, &options, Vec::new())?;
        writeln!(out, "\n== lockstep, {} ==\n{outcome}", topology.name()).map_err(failed)?;
        if let Some(failure) = outcome.failure {
            return Err(failure);
        }
        outcomes.push(outcome);
    }
    let (inline, split) = (&outcomes[0], &outcomes[1]);
    let same = inline.digest == split.digest
        && inline.book_hash == split.book_hash
        && inline.counters == split.counters;
    if !same {
        return Err(Failure::Check(format!(
            "VERDICT: DIVERGED: inline {} and split {}",
            hex(&inline.digest),
            hex(&split.digest)
        )));
    }
    writeln!(out, "order digest {}\nVERDICT: REPRODUCED", hex(&inline.digest)).map_err(failed)
}
