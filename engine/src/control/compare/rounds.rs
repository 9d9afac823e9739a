//! One side of a comparison: a process that replays a session in memory, again and again, whenever it is asked to.
//!
//! A round is a whole session through decode, books, strategies, risk, order entry and the simulated venue, all on one
//! thread and in virtual time (`pipeline::lockstep`). What is timed is each order's way from its message's hand-over to
//! decode to complete bytes, by the engine's own stamps; the venue's work and everything that is made before a round is not in
//! it. Every round makes books and tables anew, so that no luck with the places of memory lasts for more than a round, and
//! must decide what the first one decided.
//!
//! Asked over standard input and answering on standard output, a line each ([`serve`]): two such processes on one core take
//! turns of a few milliseconds, the other one waiting in `read`, so that whatever phase the host is in, both are in it.

use std::io::{BufRead, Write};

use feeds::source::file::Capture;
use feeds::source::synthetic::{SyntheticConfig, generate_bytes};

use super::figures::Figures;
use crate::control::config::{Config, Topology};
use crate::control::counters::Counter;
use crate::control::digest::{digest_ring, hex};
use crate::control::failure::Failure;
use crate::control::inputs::{CaptureArgument, Inputs};
use crate::control::placement::{self, Role};
use crate::control::replay::{ReplayOptions, replay};
use crate::control::session_date::SessionDate;
use crate::control::shutdown::Stop;
use crate::control::startup;
use crate::order::OrderAction;
use crate::pipeline::decide::Decide;
use crate::pipeline::lockstep::{self, IntervalTimer};
use crate::pipeline::stamps::{
    self, PathRecord, Sampler, Stage, StampMode, StampReader, StampWriter, Trigger,
};

/// Number of the protocol; another one is not understood.
pub const PROTOCOL: u32 = 1;

/// What asks for a round.
pub const ROUND: &str = "round";

/// Messages of the generated session: a round takes a few milliseconds.
const MESSAGES: u64 = 20_000;

/// Its symbols.
const SYMBOLS: usize = 20;

/// What is replayed.
#[derive(Clone, Debug, Default)]
pub struct SessionArguments {
    /// Captures; none for a generated session.
    pub captures: Vec<CaptureArgument>,
    /// Session date of captures.
    pub date: Option<String>,
    /// CPU to stay on.
    pub cpu: Option<usize>,
}

/// What a side says of itself before the first round.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Greeting {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Version of the binary.
    pub version: String,
    /// What is replayed.
    pub session: String,
    /// Messages of a round.
    pub messages: u64,
    /// Approved actions of a round.
    pub orders: u64,
    /// Digest of the approved actions.
    pub order_stream_sha256: String,
}

/// A session ready to be replayed.
pub struct Rounds {
    inputs: Inputs,
    config: Config,
    greeting: Greeting,
    sampler: Sampler,
    writer: StampWriter,
    reader: StampReader,
}

impl Rounds {
    /// Reads or generates the session and replays it once, as `warptick replay` does.
    ///
    /// # Errors
    /// Captures that cannot be replayed, a session without orders, a CPU that is not to be had.
    pub fn new(arguments: &SessionArguments) -> Result<Self, Failure> {
        let (inputs, session) = match arguments.captures.is_empty() {
            true => generated()?,
            false => captured(arguments)?,
        };
        let mut config = startup::complete(&inputs, Config::default())?;
        config.pipeline.topology = Topology::Inline;
        let first = replay(&inputs, &config, &ReplayOptions::default(), Vec::new())?;
        if let Some(failure) = first.failure {
            return Err(failure);
        }
        let orders = first.summary.orders;
        if orders == 0 {
            return Err(Failure::Input(format!("{session}: no order was sent: nothing to time")));
        }
        if let Some(cpu) = arguments.cpu {
            placement::pin_current(Role::Inline, cpu).map_err(|error| Failure::Input(error.to_string()))?;
        }
        // One path for each action at most, so that neither ring is ever full.
        let (writer, reader) = stamps::channel(orders as usize + 1);
        let greeting = Greeting {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            session,
            messages: first.messages,
            orders,
            order_stream_sha256: hex(&first.digest),
        };
        Ok(Self { inputs, config, greeting, sampler: Sampler::new(StampMode::Sampled), writer, reader })
    }

    /// What this side is.
    #[must_use]
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Replays the session once; the figures are in ticks.
    ///
    /// # Errors
    /// The session could not be replayed, or other orders came of it than before: a defect.
    pub fn run(&mut self) -> Result<Figures, Failure> {
        let (inputs, config) = (&self.inputs, &self.config);
        let core = startup::decision_core(inputs, config, startup::strategies(inputs, config)?)?;
        let mut ingest = inputs.ingest(config.latency.line_ns)?;
        let mut exchange = startup::exchange(inputs, config, None)?;
        let (digest_sender, digest) = digest_ring(self.greeting.orders as usize + 1);
        let mut decide = Decide::new(core, None, digest_sender);
        let replayed = lockstep::run_inline(
            &mut ingest,
            &mut decide,
            &mut exchange,
            IntervalTimer::new(config.pipeline.timer_ms * 1_000_000),
            &mut self.sampler,
            &mut self.writer,
            &Counter::default(),
            &Stop::new(),
        );
        replayed.map_err(|error| Failure::Check(format!("the session stopped: {error:?}")))?;
        drop(decide);
        let digest = digest.finish().map_err(|_| Failure::Check("the digest is still in use".to_owned()))?;
        if hex(&digest.finish()) != self.greeting.order_stream_sha256 {
            return Err(Failure::Check("two rounds of one session decided differently".to_owned()));
        }
        Ok(figures(std::iter::from_fn(|| self.reader.pop())))
    }
}

/// New orders and replaces of market messages, as `tick_to_order` counts them; their stages where they were marked.
fn figures(paths: impl Iterator<Item = PathRecord>) -> Figures {
    let is_tick = |path: &PathRecord| {
        path.trigger == Trigger::Market && matches!(path.action, OrderAction::New | OrderAction::Replace)
    };
    let mut ticks = Vec::new();
    let mut of_stages: [Vec<u64>; Stage::COUNT] = Default::default();
    for path in paths.filter(is_tick) {
        ticks.push(path.order_ticks());
        for (stage, ticks) in Stage::ALL.into_iter().zip(&mut of_stages) {
            ticks.extend(path.stage_ticks(stage).map(u64::from));
        }
    }
    let mut found = Figures::default();
    found.add_path("tick_to_order", ticks);
    for (stage, mut ticks) in Stage::ALL.into_iter().zip(of_stages) {
        ticks.sort_unstable();
        if let Some(&median) = ticks.get(ticks.len() / 2).filter(|&&median| median > 0) {
            let name = crate::control::histograms::Measure::from(stage).name();
            found.0.insert(format!("{name} p50"), median as f64);
        }
    }
    found
}

fn generated() -> Result<(Inputs, String), Failure> {
    let settings = SyntheticConfig { messages: MESSAGES, symbols: SYMBOLS, ..SyntheticConfig::default() };
    let [nasdaq, bx] = generate_bytes(&settings).map_err(|error| Failure::Check(error.to_string()))?;
    let captures = vec![
        (Capture::from_bytes("generated NASDAQ session", nasdaq)?, "NASDAQ".to_owned()),
        (Capture::from_bytes("generated BX session", bx)?, "BX".to_owned()),
    ];
    let date = settings.date;
    let date = SessionDate::new(date / 10_000, date / 100 % 100, date % 100).unwrap_or(SessionDate::EPOCH);
    let session =
        format!("generated, {MESSAGES} messages, {SYMBOLS} symbols, two venues, seed {}", settings.seed);
    Ok((Inputs::of_captures(captures, date)?, session))
}

fn captured(arguments: &SessionArguments) -> Result<(Inputs, String), Failure> {
    let inputs = Inputs::open(&arguments.captures, arguments.date.as_deref())?;
    let names: Vec<_> =
        arguments.captures.iter().map(|capture| capture.path.to_string_lossy().into_owned()).collect();
    Ok((inputs, names.join(" ")))
}

/// Greets, then answers each line that asks for a round, until there is none any more.
///
/// # Errors
/// As [`Rounds::run`]; a line that asks for something else.
pub fn serve(rounds: &mut Rounds, questions: impl BufRead, mut answers: impl Write) -> Result<(), Failure> {
    let broken = |error: std::io::Error| Failure::Input(format!("rounds: {error}"));
    let as_json = |error: serde_json::Error| Failure::Input(format!("rounds: {error}"));
    writeln!(answers, "{}", serde_json::to_string(rounds.greeting()).map_err(as_json)?).map_err(broken)?;
    answers.flush().map_err(broken)?;
    for question in questions.lines() {
        let question = question.map_err(broken)?;
        if question != ROUND {
            return Err(Failure::Input(format!("rounds: '{question}' is not '{ROUND}'")));
        }
        let figures = rounds.run()?;
        writeln!(answers, "{}", serde_json::to_string(&figures).map_err(as_json)?).map_err(broken)?;
        answers.flush().map_err(broken)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_alike_and_only_rounds_are_served() {
        let mut rounds = Rounds::new(&SessionArguments::default()).expect("a generated session");
        let greeting = rounds.greeting().clone();
        assert!(greeting.orders > 500, "{greeting:?}");
        let mut answers = Vec::new();
        serve(&mut rounds, "round\nround\n".as_bytes(), &mut answers).expect("two rounds");
        let answers: Vec<_> = std::str::from_utf8(&answers).expect("text").lines().collect();
        assert_eq!(answers.len(), 3);
        assert_eq!(serde_json::from_str::<Greeting>(answers[0]).expect("a greeting"), greeting);
        for answer in &answers[1..] {
            let figures: Figures = serde_json::from_str(answer).expect("figures");
            assert!(figures.headline().is_some_and(|ticks| ticks > 0.0), "{figures:?}");
            for name in ["tick_to_order p90", "decode p50", "book p50", "risk p50", "encode p50"] {
                assert!(figures.0.contains_key(name), "{name}: {figures:?}");
            }
        }
        let error = serve(&mut rounds, "lap\n".as_bytes(), Vec::new()).expect_err("no such question");
        assert!(error.to_string().contains("'lap'"), "{error}");
    }
}
