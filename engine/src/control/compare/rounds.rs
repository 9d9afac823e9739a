//! One side of a comparison: a process that replays a session in memory, part by part, whenever it is asked to.
//!
//! A round is the next part of a session, through decode, books, strategies, risk, order entry and the simulated venue, all on
//! one thread and in virtual time (`pipeline::lockstep`). What is timed is each order's way from its message's hand-over to
//! decode to complete bytes, by the engine's own stamps; the venue's work is not in it, nor is what is made before the session.
//! The first part of a session is not timed: books fill, strategies warm up. After its end it begins anew.
//!
//! Asked over standard input and answering on standard output, a line each ([`serve`]): two such processes on one core take
//! turns of a few milliseconds, the other one waiting in `read`, so that whatever phase the host is in, both are in it. Each
//! answer has the digest of all orders so far, so that nobody compares different work.

use std::io::{BufRead, Write};

use feeds::source::file::Capture;
use feeds::source::synthetic::{SyntheticConfig, generate_bytes};

use super::figures::Figures;
use crate::control::config::{Config, Topology};
use crate::control::counters::Counter;
use crate::control::digest::{DigestReceiver, digest_ring, hex};
use crate::control::failure::Failure;
use crate::control::inputs::{CaptureArgument, Inputs};
use crate::control::placement::{self, Role};
use crate::control::session_date::SessionDate;
use crate::control::shutdown::Stop;
use crate::control::startup;
use crate::order::OrderAction;
use crate::pipeline::decide::Decide;
use crate::pipeline::ingest::Ingest;
use crate::pipeline::lockstep::{self, IntervalTimer};
use crate::pipeline::stamps::{
    self, PathRecord, Sampler, Stage, StampMode, StampReader, StampWriter, Trigger,
};
use crate::venue::in_memory::InMemoryExchange;

/// Number of the protocol; another one is not understood.
pub const PROTOCOL: u32 = 1;

/// What asks for a round.
pub const ROUND: &str = "round";

/// Messages of a round: a few milliseconds.
const ROUND_MESSAGES: u64 = 4_000;

/// Messages before the first round of a session.
const WARM_UP_MESSAGES: u64 = 8_000;

/// Messages of the generated session: ten rounds.
const MESSAGES: u64 = 48_000;

/// Its symbols, and how long it lasts: so that prices move between messages and quotes follow.
const SYMBOLS: usize = 5;
const SPAN_NS: u64 = 900_000_000_000;

/// Room in the rings for the orders of a round, which nobody empties meanwhile: risk lets far fewer pass.
const ORDERS_MAX: usize = 1 << 15;

/// Orders of a session: what no session here needs is not to be touched at each start.
const SESSION_ORDERS_MAX: usize = 1 << 19;

/// What is replayed.
#[derive(Clone, Debug, Default)]
pub struct SessionArguments {
    /// Captures; none for a generated session.
    pub captures: Vec<CaptureArgument>,
    /// Session date of captures.
    pub date: Option<String>,
}

/// A session, read or generated.
pub struct Session {
    inputs: Inputs,
    config: Config,
    name: String,
}

impl Session {
    /// Reads or generates it.
    ///
    /// # Errors
    /// Captures that cannot be replayed.
    pub fn open(arguments: &SessionArguments) -> Result<Self, Failure> {
        let (inputs, name) = if arguments.captures.is_empty() { generated()? } else { captured(arguments)? };
        let mut config = startup::complete(&inputs, Config::default())?;
        config.pipeline.topology = Topology::Inline;
        config.pipeline.messages_max = SESSION_ORDERS_MAX.min(8 * inputs.messages() as usize);
        Ok(Self { inputs, config, name })
    }
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
}

/// What a round came to.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Round {
    /// Durations, in ticks.
    pub figures: Figures,
    /// Approved actions of the round.
    pub orders: u64,
    /// Digest of all actions of the session so far.
    pub order_stream_sha256: String,
}

/// The stages in the middle of a session.
struct Running<'s> {
    ingest: Ingest<'s>,
    decide: Decide,
    exchange: InMemoryExchange,
    timer: IntervalTimer,
    digest: DigestReceiver,
}

/// A session that is replayed part by part.
pub struct Rounds<'s> {
    session: &'s Session,
    running: Running<'s>,
    sampler: Sampler,
    writer: StampWriter,
    reader: StampReader,
}

impl<'s> Rounds<'s> {
    /// Puts the stages together and warms them up, on the CPU to stay on.
    ///
    /// # Errors
    /// A session that cannot be replayed, a CPU that is not to be had.
    pub fn new(session: &'s Session, cpu: Option<usize>) -> Result<Self, Failure> {
        if let Some(cpu) = cpu {
            placement::pin_current(Role::Inline, cpu).map_err(|error| Failure::Input(error.to_string()))?;
        }
        let (writer, reader) = stamps::channel(ORDERS_MAX);
        let (running, sampler) = (begin(session)?, Sampler::new(StampMode::Sampled));
        let mut rounds = Self { session, running, sampler, writer, reader };
        rounds.advance(WARM_UP_MESSAGES)?;
        Ok(rounds)
    }

    /// What this side is.
    #[must_use]
    pub fn greeting(&self) -> Greeting {
        Greeting {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            session: self.session.name.clone(),
        }
    }

    /// Replays the next part.
    ///
    /// # Errors
    /// The session cannot be replayed on.
    pub fn run(&mut self) -> Result<Round, Failure> {
        // The rest of a session is no whole round: it begins anew.
        if self.session.inputs.messages() < self.running.ingest.messages() + ROUND_MESSAGES {
            self.running = begin(self.session)?;
            self.advance(WARM_UP_MESSAGES)?;
        }
        while self.reader.pop().is_some() {}
        self.advance(ROUND_MESSAGES)?;
        let orders = self.running.digest.poll() as u64;
        let digest = self.running.digest.so_far().finish();
        let figures = figures(std::iter::from_fn(|| self.reader.pop()));
        Ok(Round { figures, orders, order_stream_sha256: hex(&digest) })
    }

    #[cfg(test)]
    fn run_digest(&mut self) -> String {
        self.running.digest.poll();
        hex(&self.running.digest.so_far().finish())
    }

    fn advance(&mut self, messages: u64) -> Result<(), Failure> {
        let running = &mut self.running;
        running.digest.poll();
        let replayed = lockstep::run_inline_until(
            running.ingest.messages() + messages,
            &mut running.ingest,
            &mut running.decide,
            &mut running.exchange,
            &mut running.timer,
            &mut self.sampler,
            &mut self.writer,
            &Counter::default(),
            &Stop::new(),
        );
        replayed.map(drop).map_err(|error| Failure::Input(format!("{}: {error:?}", self.session.name)))
    }
}

/// The stages at the start of the session.
fn begin(session: &Session) -> Result<Running<'_>, Failure> {
    let Session { inputs, config, .. } = session;
    let core = startup::decision_core(inputs, config, startup::strategies(inputs, config)?)?;
    let (sender, digest) = digest_ring(ORDERS_MAX);
    Ok(Running {
        ingest: inputs.ingest(config.latency.line_ns)?,
        decide: Decide::new(core, None, sender),
        exchange: startup::exchange(inputs, config, None)?,
        timer: IntervalTimer::new(config.pipeline.timer_ms * 1_000_000),
        digest,
    })
}

/// New orders and replaces of market messages, as `tick_to_order` counts them; their stages where they were marked.
fn figures(paths: impl Iterator<Item = PathRecord>) -> Figures {
    let is_tick = |path: &PathRecord| {
        path.trigger() == Trigger::Market && matches!(path.action, OrderAction::New | OrderAction::Replace)
    };
    let mut ticks = Vec::new();
    let mut of_stages: [Vec<u64>; Stage::COUNT] = Default::default();
    for path in paths.filter(is_tick) {
        ticks.push(path.order_ticks());
        for (stage, ticks) in Stage::ALL.into_iter().zip(&mut of_stages) {
            ticks.extend(path.stage_ticks(stage));
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
    let settings = SyntheticConfig {
        messages: MESSAGES,
        symbols: SYMBOLS,
        halts: 0,
        span_ns: Some(SPAN_NS),
        ..SyntheticConfig::default()
    };
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
pub fn serve(
    rounds: &mut Rounds<'_>,
    questions: impl BufRead,
    mut answers: impl Write,
) -> Result<(), Failure> {
    let broken = |error: std::io::Error| Failure::Input(format!("rounds: {error}"));
    let as_json = |error: serde_json::Error| Failure::Input(format!("rounds: {error}"));
    writeln!(answers, "{}", serde_json::to_string(&rounds.greeting()).map_err(as_json)?).map_err(broken)?;
    answers.flush().map_err(broken)?;
    for question in questions.lines() {
        let question = question.map_err(broken)?;
        if question != ROUND {
            return Err(Failure::Input(format!("rounds: '{question}' is not '{ROUND}'")));
        }
        let round = rounds.run()?;
        writeln!(answers, "{}", serde_json::to_string(&round).map_err(as_json)?).map_err(broken)?;
        answers.flush().map_err(broken)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_alike_round_by_round_and_only_rounds_are_served() {
        let session = Session::open(&SessionArguments::default()).expect("a generated session");
        let served = || -> Vec<String> {
            let mut rounds = Rounds::new(&session, None).expect("stages");
            let mut answers = Vec::new();
            // More than the session has, so that it begins anew.
            serve(&mut rounds, "round\n".repeat(12).as_bytes(), &mut answers).expect("rounds");
            String::from_utf8(answers).expect("text").lines().map(str::to_owned).collect()
        };
        let (one, other) = (served(), served());
        assert_eq!(one.len(), 13);
        assert_eq!(serde_json::from_str::<Greeting>(&one[0]).expect("a greeting").protocol, PROTOCOL);
        for (number, (one, other)) in one.iter().zip(&other).enumerate().skip(1) {
            let [one, other] = [one, other].map(|line| serde_json::from_str::<Round>(line).expect("a round"));
            assert_eq!(one.order_stream_sha256, other.order_stream_sha256, "round {number}");
            assert!(one.orders > 100, "round {number}: {one:?}");
            for name in ["tick_to_order p50", "tick_to_order p90", "book p50", "risk p50", "encode p50"] {
                assert!(one.figures.0.get(name).is_some_and(|&ticks| ticks > 0.0), "{name}: {one:?}");
            }
        }
        let mut rounds = Rounds::new(&session, None).expect("stages");
        let error = serve(&mut rounds, "lap\n".as_bytes(), Vec::new()).expect_err("no such question");
        assert!(error.to_string().contains("'lap'"), "{error}");
    }

    #[test]
    fn a_session_in_parts_decides_what_it_decides_in_one_piece() {
        let session = Session::open(&SessionArguments::default()).expect("a generated session");
        let mut rounds = Rounds::new(&session, None).expect("stages");
        let mut digest = String::new();
        for _ in 0..9 {
            digest = rounds.run().expect("a round").order_stream_sha256;
        }
        let mut whole = Rounds::new(&session, None).expect("stages");
        whole.advance(9 * ROUND_MESSAGES).expect("the rest");
        assert_eq!(whole.run_digest(), digest);
    }
}
