//! `warptick bench self-test`: the latency laboratory measures a stall of which it knows everything.
//!
//! A session at a constant rate, one order a message; once a period the strategy stands still for 10 ms. The queue behind
//! such a stall is arithmetic (`theory`), so that it is known at which percentile 9, 5 and 1 ms must stand; they must, within
//! 2 % and what a path takes by itself. What the engine takes for a message while others wait, which the theory needs, are the
//! medians of its service time and of its send in the same run: some microseconds among milliseconds. Counted from the hand-over the same run has to miss the
//! marks: if it did not, the test could not tell an honest measure from one that leaves out who waited.
//!
//! A machine that takes the core away spoils the run, and it is made again; after [`TRIES`] spoilt runs nothing is shown.

mod stalling;
mod theory;

use std::fmt;

use feeds::source::file::Capture;
use serde_json::json;

use crate::control::config::{Config, InstrumentConfig, LimitsConfig, Topology};
use crate::control::failure::Failure;
use crate::control::generator_report::GeneratorReport;
use crate::control::histograms::Measure;
use crate::control::inputs::Inputs;
use crate::control::machine::Machine;
use crate::control::outcome::Outcome;
use crate::control::replay::{ReplayOptions, replay};
use crate::control::session_date::SessionDate;
use crate::control::startup;
use crate::pipeline::pacer::Pace;
use crate::pipeline::tsc::Calibration;
use stalling::{OPENING_MESSAGES, SYMBOL, Stalling, session};
pub use theory::{BASE_NS, Found, Mark, PlantedStall, SHARE_MAX};

/// Runs that the machine may spoil before the test gives up.
const TRIES: u32 = 5;

/// A run is spoilt when a hot thread had to wait for its core for more than this share of it.
const SPOILT_SHARE: f64 = 0.002;

/// What is planted.
#[derive(Clone, Copy, Debug)]
pub struct SelfTestOptions {
    /// Messages a second.
    pub rate_per_s: f64,
    /// How long a run is, s.
    pub seconds: f64,
    /// Length of the stall, ms.
    pub stall_ms: f64,
    /// Messages from one stall to the next.
    pub period: u64,
    /// How stages are laid out on cores.
    pub topology: Topology,
}

impl Default for SelfTestOptions {
    /// 40 stalls of 10 ms, each seen by 10 messages of 100.
    fn default() -> Self {
        Self { rate_per_s: 1_000.0, seconds: 4.0, stall_ms: 10.0, period: 100, topology: Topology::Inline }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The stall is where it must be.
    Passed,
    /// It is not, and nothing but the engine can be the reason.
    Failed,
    /// The machine spoilt every run.
    Spoilt,
}

/// What the test came to; its `Display` is what the terminal shows, with a JSON line at the end.
#[derive(Clone, Debug)]
pub struct SelfTest {
    /// What became of it.
    pub verdict: Verdict,
    /// Of the last run.
    pub found: Vec<Found>,
    options: SelfTestOptions,
    cycle_ns: f64,
    generator: GeneratorReport,
    /// How long hot threads waited for their cores, ns.
    core_wait_ns: u64,
    orders: u64,
    tries: u32,
}

impl SelfTestOptions {
    fn check(&self) -> Result<(), Failure> {
        let interval_ms = 1e3 / self.rate_per_s;
        let is_seen = self.stall_ms >= interval_ms * 5.0;
        let ends = self.period as f64 * interval_ms >= self.stall_ms * 2.0;
        let has_samples = self.rate_per_s * self.seconds >= self.period as f64 * 10.0;
        if is_seen && ends && has_samples {
            return Ok(());
        }
        Err(Failure::Input(
            "a stall has to be at least 5 messages long, the next one at least two stalls away, and 10 of them in a run"
                .to_owned(),
        ))
    }

    fn messages(&self) -> u64 {
        let periods = (self.rate_per_s * self.seconds / self.period as f64).floor() as u64;
        periods * self.period
    }
}

/// Runs it.
///
/// # Errors
/// Options that plant nothing that could be found; a run that cannot start or fails.
pub fn run(options: &SelfTestOptions) -> Result<SelfTest, Failure> {
    options.check()?;
    let calibration = Calibration::measure();
    let stall_ns = options.stall_ms * 1e6;
    let stall_ticks = calibration.ns_to_ticks(stall_ns as u64);
    let mut tries = 0;
    loop {
        tries += 1;
        let outcome = one_run(options, stall_ticks)?;
        let due = outcome.histograms.of(Measure::TickToOrder);
        let handed_over = outcome.histograms.of(Measure::ServiceToOrder);
        let sent = outcome.histograms.of(Measure::Send);
        let cycle_ns = (handed_over.value_at_quantile(0.5) + sent.value_at_quantile(0.5)) as f64;
        let (interval_ns, period) = (1e9 / options.rate_per_s, options.period as usize);
        let stall = PlantedStall { interval_ns, stall_ns, period, cycle_ns };
        let found = stall.marks().into_iter().map(|mark| Found {
            mark,
            from_due_ns: due.value_at_quantile(mark.quantile),
            from_hand_over_ns: handed_over.value_at_quantile(mark.quantile),
        });
        let found: Vec<Found> = found.collect();
        let generator = outcome.summary.generator.ok_or_else(|| no_load(&outcome))?;
        let threads = outcome.summary.machine_time.iter().flat_map(|machine| &machine.threads);
        let core_wait_ns =
            threads.filter(|thread| thread.stage != "venue").map(|thread| thread.queued_ns).sum();
        let is_spoilt = !generator.counts || core_wait_ns as f64 > options.seconds * 1e9 * SPOILT_SHARE;
        let verdict = match (marks_are_met(&found, options.topology), is_spoilt) {
            (true, _) => Verdict::Passed,
            (false, true) => Verdict::Spoilt,
            (false, false) => Verdict::Failed,
        };
        if verdict != Verdict::Spoilt || tries == TRIES {
            let (options, orders) = (*options, due.len());
            return Ok(SelfTest {
                verdict,
                found,
                options,
                cycle_ns,
                generator,
                core_wait_ns,
                orders,
                tries,
            });
        }
    }
}

/// All marks from the due time, and none of them from the hand-over. (In `split` the hand-over is before the ring in which
/// messages wait for decide: there both have them.)
fn marks_are_met(found: &[Found], topology: Topology) -> bool {
    found.iter().all(|found| {
        found.mark.is_met_by(found.from_due_ns)
            && (topology == Topology::Split || !found.mark.is_met_by(found.from_hand_over_ns))
    })
}

fn no_load(outcome: &Outcome) -> Failure {
    Failure::Check(format!("a run without due times: {outcome}"))
}

fn one_run(options: &SelfTestOptions, stall_ticks: u64) -> Result<Outcome, Failure> {
    let messages = options.messages();
    let capture = Capture::from_bytes("session of the self-test", session(messages))?;
    let date = SessionDate::new(2026, 1, 5).unwrap_or(SessionDate::EPOCH);
    let inputs = Inputs::of_captures(vec![(capture, "NASDAQ".to_owned())], date)?;
    let config = startup::complete(&inputs, wide_open(options.topology))?;
    let instrument = startup::instrument_number(&inputs, SYMBOL)?;
    let strategy = Stalling::new(instrument, stall_ticks, options.period);
    let replay_options = ReplayOptions {
        pace: Some(Pace::Rate(options.rate_per_s)),
        label: "self-test",
        ..ReplayOptions::default()
    };
    let mut outcome = replay(&inputs, &config, &replay_options, vec![Box::new(strategy)])?;
    if let Some(failure) = outcome.failure.take() {
        return Err(failure);
    }
    // The offer, the last message of the opening, is the first to lead to an order.
    let orders = outcome.counters.new_orders;
    if orders != messages + 1 || outcome.messages != messages + OPENING_MESSAGES {
        return Err(Failure::Check(format!("{orders} orders of {messages} messages: {outcome}")));
    }
    Ok(outcome)
}

/// Nothing but the stall may keep an order from leaving.
fn wide_open(topology: Topology) -> Config {
    let mut config = Config::default();
    config.pipeline.topology = topology;
    config.pipeline.timer_ms = 0;
    config.pipeline.open_orders_max = 1 << 16;
    config.risk.messages_per_s = 1_000_000;
    config.risk.messages_burst = 1_000_000;
    let limits = LimitsConfig { position_max: u32::MAX, ..LimitsConfig::default() };
    let symbol = SYMBOL.to_owned();
    config.instruments =
        vec![InstrumentConfig { symbol, limits: Some(limits), market_maker: None, arbitrage: None }];
    config
}

impl SelfTest {
    /// The exit of the command.
    ///
    /// # Errors
    /// The test failed, or nothing was shown.
    pub fn conclude(&self) -> Result<(), Failure> {
        match self.verdict {
            Verdict::Passed => Ok(()),
            Verdict::Failed => Err(Failure::Check("a planted stall is not where it must be".to_owned())),
            Verdict::Spoilt => Err(Failure::Check(format!(
                "undecided: the machine spoilt {} runs; nothing was shown",
                self.tries
            ))),
        }
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "scenario": "latency self-test",
            "version": env!("CARGO_PKG_VERSION"),
            "machine": Machine::read(),
            "profile": if cfg!(debug_assertions) { "debug assertions on" } else { "release" },
            "topology": self.options.topology.name(),
            "rate_per_s": self.options.rate_per_s,
            "stall_ms": self.options.stall_ms,
            "period": self.options.period,
            "orders": self.orders,
            "cycle_ns": self.cycle_ns,
            "marks": self.found,
            "generator": self.generator,
            "core_wait_ns": self.core_wait_ns,
            "tries": self.tries,
            "verdict": self.verdict,
        })
    }
}

impl fmt::Display for SelfTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SelfTestOptions { rate_per_s, stall_ms, period, topology, .. } = self.options;
        writeln!(
            f,
            "a stall of {stall_ms} ms once every {period} messages, {rate_per_s} messages/s, {}; {} orders",
            topology.name(),
            self.orders
        )?;
        writeln!(
            f,
            "a message takes {:.1} us while others wait (medians of service and send)",
            self.cycle_ns / 1e3
        )?;
        let (due, over) = ("from due", "from hand-over");
        writeln!(f, "{:>10} {:>12} {:>12} {:>8} {:>15}", "percentile", "theory (us)", due, "off by", over)?;
        for Found { mark, from_due_ns, from_hand_over_ns } in &self.found {
            let off = (*from_due_ns as f64 / mark.expected_ns - 1.0) * 100.0;
            let is_met = if mark.is_met_by(*from_due_ns) { "" } else { "  NOT WITHIN" };
            writeln!(
                f,
                "{:>10.2} {:>12.1} {:>12.1} {off:>6.2} % {:>15.1}{is_met}",
                mark.quantile * 100.0,
                mark.expected_ns / 1e3,
                *from_due_ns as f64 / 1e3,
                *from_hand_over_ns as f64 / 1e3
            )?;
        }
        writeln!(f, "within        {:.0} % of the theory and {:.0} us", SHARE_MAX * 100.0, BASE_NS / 1e3)?;
        writeln!(f, "load          {}", self.generator)?;
        let waited_ms = self.core_wait_ns as f64 / 1e6;
        writeln!(
            f,
            "machine       hot threads waited {waited_ms:.2} ms for their cores; run {} of {TRIES}",
            self.tries
        )?;
        let verdict = match self.verdict {
            Verdict::Passed => "PASSED: counted from the due time the stall is where it must be",
            Verdict::Failed => "FAILED",
            Verdict::Spoilt => "UNDECIDED: the machine took the cores away",
        };
        writeln!(f, "VERDICT: {verdict}")?;
        writeln!(f, "{}", self.json())
    }
}
