//! Lockstep replay: the same decisions in both topologies, at any timing of threads, with the smallest rings, on whole
//! and on damaged captures.

use std::sync::{Mutex, PoisonError};

use engine::control::config::{Config, LatencyConfig, LimitsConfig, RiskConfig, Topology};
use engine::control::inputs::Inputs;
use engine::control::outcome::Outcome;
use engine::control::replay::{ReplayOptions, replay};
use engine::control::startup;
use engine::control::universe::Universe;
use engine::control::wide_config::WideConfig;
use engine::strategy::Strategy;
use feeds::source::synthetic::{MARKET_OPEN_NS, SyntheticConfig};
use warptick_tests::captures::{framed, generated, inputs, map_times};
use warptick_tests::chatter::{Chatter, Dice};

/// Sessions that are generated and compared.
const SEEDS: u64 = 20;

/// What one seed makes of a session.
struct Session {
    seed: u64,
    inputs: Inputs,
    config: Config,
    chatters: u64,
}

/// A latency from 1 ns to 1 ms, each magnitude as likely as the others.
fn latency(dice: &mut Dice) -> u64 {
    let magnitude = 10u64.pow(dice.below(6) as u32);
    magnitude * (1 + dice.below(10))
}

fn session(seed: u64) -> Session {
    let mut dice = Dice::new(seed);
    let messages = 6_000 + dice.below(6_001);
    // From bursts in which hundreds of messages are on the wire to a quiet day.
    let span_ns = messages * [800, 5_000, 40_000, 200_000][dice.below(4) as usize];
    let settings = SyntheticConfig {
        seed,
        messages,
        symbols: 2 + dice.below(6) as usize,
        halts: 1,
        span_ns: Some(span_ns),
        ..SyntheticConfig::default()
    };
    let mut streams = generated(&settings);
    // Hours before the opening and after the close would be millions of timers and nothing else.
    let (first_ns, last_ns) = (MARKET_OPEN_NS - 5_000_000, MARKET_OPEN_NS + span_ns + 5_000_000);
    streams.iter_mut().for_each(|stream| map_times(stream, |time_ns| time_ns.clamp(first_ns, last_ns)));
    let mut times = LatencyConfig { order_ns: latency(&mut dice), fill_ns: latency(&mut dice), line_ns: 0 };
    // In every other session time goes in steps, so that market, arrival, execution and timer often fall together.
    if seed.is_multiple_of(2) {
        let quantum_ns = 10_000;
        streams.iter_mut().for_each(|stream| map_times(stream, |time_ns| time_ns / quantum_ns * quantum_ns));
        times.order_ns = quantum_ns * (1 + dice.below(5));
        times.fill_ns = quantum_ns * (1 + dice.below(5));
    }
    let inputs = inputs(streams, settings.date);
    let mut config = Config {
        latency: times,
        limits: LimitsConfig {
            order_qty_max: 1_000,
            order_notional_max: 100_000_000,
            position_max: 1_000_000,
            collar_bp: 500,
            ..LimitsConfig::default()
        },
        risk: RiskConfig { messages_per_s: 10_000_000, messages_burst: 10_000_000, ..RiskConfig::default() },
        ..Config::default()
    };
    config.pipeline.market_ring = 64;
    config.pipeline.order_ring = 64;
    config.pipeline.execution_ring = 64;
    config.pipeline.timer_ms = [0, 1, 1, 7, 50][dice.below(5) as usize];
    config.pipeline.messages_max = 400_000;
    if seed.is_multiple_of(3) {
        config.wide = Some(wide(&inputs, &mut dice));
    }
    let config = startup::complete(&inputs, config).expect("a configuration for these captures");
    Session { seed, inputs, config, chatters: 4 + dice.below(12) }
}

/// Pairs over all symbols, a chain on the first, and somebody who takes what is found.
fn wide(inputs: &Inputs, dice: &mut Dice) -> WideConfig {
    let directory = inputs.directory().expect("symbols");
    let symbols: Vec<_> = (0..directory.len() as u32).filter_map(|number| directory.symbol(number)).collect();
    let text = format!(
        "compute_latency_ns = {}\nunanswered_max = {}\n\
         pairs = [{{ symbols = {:?}, profit_min_e9 = 1 }}]\n\
         taker = {{ cool_down_ns = 10000 }}\n\
         [[chains]]\nvenue = \"NASDAQ\"\nsymbol = \"{}\"\nexpiries = [{{ years = 0.5, rate = 0.03 }}]\n\
         strikes = {{ from_e9 = 5000000000, to_e9 = 200000000000, step_e9 = 5000000000, volatility = 0.3 }}\n",
        // Often at the same time as something else.
        [10_000, 20_000, latency(dice)][dice.below(3) as usize],
        1 + dice.below(20),
        symbols.iter().map(ToString::to_string).collect::<Vec<_>>(),
        symbols[0],
    );
    toml::from_str(&text).expect("good settings")
}

impl Session {
    fn run(&self, topology: Topology) -> Outcome {
        // Three threads a run on perhaps two cores: one run at a time.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let mut config = self.config.clone();
        config.pipeline.topology = topology;
        let count = self.inputs.directory().expect("symbols").len() as u32;
        let chatters = (0..self.chatters).map(|number| {
            Box::new(Chatter::new(self.seed ^ number << 32, (0..count).collect(), 2, 40)) as Box<dyn Strategy>
        });
        let options = ReplayOptions::default();
        replay(&self.inputs, &config, &options, chatters.collect()).expect("the run starts")
    }

    /// Runs in both topologies and compares everything that a run comes to.
    fn compare(&self) -> Outcome {
        let inline = self.run(Topology::Inline);
        let start = std::time::Instant::now();
        let split = self.run(Topology::Split);
        println!("seed {}: split took {} ms", self.seed, start.elapsed().as_millis());
        let context = format!("seed {}: {:?} {:?}", self.seed, self.config.latency, self.config.pipeline);
        assert_eq!(inline.failure, split.failure, "{context}");
        assert_eq!(inline.counters, split.counters, "{context}");
        assert_eq!(inline.book_hash, split.book_hash, "{context}");
        assert_eq!(inline.digest, split.digest, "{context}");
        assert_eq!(inline.open_orders, split.open_orders, "{context}");
        assert_eq!(inline.messages, split.messages, "{context}");
        assert_eq!(inline.summary.wide, split.summary.wide, "{context}");
        inline
    }
}

#[test]
fn both_topologies_take_the_same_decisions() {
    let (mut orders, mut fills, mut timers, mut answers) = (0, 0, 0, 0);
    for seed in 1..=SEEDS {
        let session = session(seed);
        let outcome = session.compare();
        assert_eq!(outcome.failure, None, "seed {seed}");
        let counters = outcome.counters;
        orders += counters.new_orders + counters.replaces + counters.cancels;
        fills += counters.fills;
        timers += u64::from(session.config.pipeline.timer_ms > 0);
        answers += counters.wide_answers;
    }
    // Sessions in which nothing happens would prove nothing.
    assert!(
        orders > 10_000 && fills > 500 && timers > 5 && answers > 1_000,
        "{orders} orders, {fills} fills, {timers} with timer, {answers} answers"
    );
}

#[test]
fn a_run_repeats_itself() {
    for topology in [Topology::Inline, Topology::Split] {
        let session = session(1);
        let (one, other) = (session.run(topology), session.run(topology));
        assert_eq!((one.digest, one.counters), (other.digest, other.counters), "{topology:?}");
    }
}

#[test]
fn other_latencies_give_other_decisions() {
    let mut session = session(3);
    let one = session.run(Topology::Inline);
    session.config.latency.order_ns += 50_000;
    assert_ne!(one.digest, session.run(Topology::Inline).digest, "the digest sees what was decided");
}

/// Nothing happens for many heartbeats, then an order or a few: heartbeats and test requests overtake none of them.
#[test]
fn sessions_outlive_gaps_of_many_heartbeats() {
    let mut orders = 0;
    for seed in [2, 4, 7] {
        let mut session = session(seed);
        let settings = SyntheticConfig {
            seed,
            messages: 1_500,
            symbols: 2,
            halts: 0,
            span_ns: Some(1_500_000_000_000),
            ..SyntheticConfig::default()
        };
        let mut streams = generated(&settings);
        streams
            .iter_mut()
            .for_each(|stream| map_times(stream, |time_ns| time_ns.max(MARKET_OPEN_NS - 5_000_000)));
        session.inputs = inputs(streams, settings.date);
        (session.config.wide, session.config.pipeline.timer_ms) = (None, 0);
        session.config.instruments.clear();
        session.config.venues.clear();
        session.config = startup::complete(&session.inputs, session.config).expect("a configuration");
        session.config.venues.iter_mut().for_each(|venue| venue.heartbeat_s = 1);
        let outcome = session.compare();
        assert!(!outcome.to_string().contains("not sent"), "seed {seed}: {outcome}");
        orders += outcome.counters.new_orders;
    }
    assert!(orders > 100, "{orders} orders");
}

/// Messages that are no market events move virtual time too: the timer must not depend on who sees them.
#[test]
fn messages_without_a_market_event_at_the_end_change_nothing() {
    let mut session = session(5);
    session.config.pipeline.timer_ms = 2_000;
    let settings =
        SyntheticConfig { seed: 5, messages: 20_000, symbols: 3, halts: 0, ..SyntheticConfig::default() };
    let mut streams = generated(&settings);
    // A Reg SHO message (Y) of the first locate, 3 s and more after everything else.
    let (_, last) = framed(&streams[0]).last().expect("messages");
    let mut stamp = [0; 8];
    stamp[2..].copy_from_slice(&last[5..11]);
    let last_ns = u64::from_be_bytes(stamp);
    for step in 1..=3 {
        let time = (last_ns + step * 3_500_000_000).to_be_bytes();
        let mut body = vec![b'Y', 0, 1, 0, 0];
        body.extend_from_slice(&time[2..]);
        body.extend_from_slice(b"AAAA    0");
        streams[0].extend_from_slice(&(body.len() as u16).to_be_bytes());
        streams[0].extend_from_slice(&body);
    }
    session.inputs = inputs(streams, settings.date);
    session.config.instruments.clear();
    session.config = startup::complete(&session.inputs, session.config).expect("a configuration");
    let outcome = session.compare();
    assert!(outcome.counters.new_orders > 0);
}

/// What came before the damage is decided the same way, whoever meets the damage.
#[test]
fn a_damaged_capture_ends_both_topologies_at_the_same_point() {
    for seed in [7, 8, 9, 10] {
        let mut session = session(seed);
        let mut streams = generated(&SyntheticConfig {
            seed,
            messages: 20_000,
            symbols: 3,
            span_ns: Some(20_000_000),
            ..SyntheticConfig::default()
        });
        // An unknown message type in the middle of the first stream.
        let middle = framed(&streams[0]).nth(9_000).expect("messages").0;
        streams[0][middle + 2] = b'?';
        session.inputs = inputs(streams, 20_260_105);
        session.config.instruments.clear();
        // It names symbols, and these are others.
        session.config.wide = session.config.wide.map(|_| wide(&session.inputs, &mut Dice::new(seed)));
        session.config = startup::complete(&session.inputs, session.config).expect("a configuration");
        let outcome = session.compare();
        assert!(outcome.failure.is_some(), "seed {seed}: the damage is reported");
        assert!(outcome.counters.events > 9_000, "seed {seed}");
    }
}
