//! A generated day with pairs, a cycle and a chain, and how it is run.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use emulator::EmulatedDevice;
use engine::control::config::{Config, Topology};
use engine::control::inputs::Inputs;
use engine::control::journal_replay;
use engine::control::outcome::Outcome;
use engine::control::replay::{ReplayOptions, replay};
use engine::control::wide_backend::BackendKind;
use engine::pipeline::paced::Pace;
use warptick_tests::wide_day::{self, CHAIN, CYCLE, pairs};

/// The interpreter is one for all tests of the process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Nobody else uses the interpreter as long as this lives; it runs at full speed.
pub fn alone() -> MutexGuard<'static, ()> {
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // What a frozen kernel had is never given back: a hundred of them need more than the usual device has.
    emulator::configure(EmulatedDevice { memory_bytes: 64 << 30, ..EmulatedDevice::default() });
    let hooks = emulator::hooks();
    hooks.only(Some("engine"));
    hooks.slow_down(std::time::Duration::ZERO);
    // What a former test froze goes on, finds that it is to stop, and ends.
    hooks.thaw();
    std::thread::sleep(std::time::Duration::from_millis(20));
    guard
}

/// The day, in two files of a directory.
pub fn generated_day(directory: &Path, seed: u64, messages: u64) -> Inputs {
    wide_day::generated_day(directory, seed, messages, 1)
}

/// Pairs of three symbols, a cycle, 250 options on the second symbol, and a taker; `device` is TOML in `[wide.device]`.
pub fn config(inputs: &Inputs, device: &str) -> Config {
    config_with(inputs, device, &[CYCLE, &pairs(10_000_000), CHAIN].join("\n"))
}

/// Wide work in which `<0>` to `<4>` are the day's symbols, and a taker.
pub fn config_with(inputs: &Inputs, device: &str, wide: &str) -> Config {
    let text = format!("[wide.device]\n{device}\n{wide}\n[wide.taker]\ncool_down_ns = 100_000\n");
    wide_day::config(inputs, &text)
}

/// How a day is run.
pub struct How<'a> {
    pub backend: BackendKind,
    pub topology: Topology,
    pub journal: Option<&'a Path>,
    pub pace: Option<Pace>,
}

impl How<'_> {
    /// In lockstep, all stages in one thread, without a journal.
    pub const fn lockstep(backend: BackendKind) -> Self {
        Self { backend, topology: Topology::Inline, journal: None, pace: None }
    }
}

pub fn run(inputs: &Inputs, config: &Config, how: &How<'_>) -> Outcome {
    let mut config = config.clone();
    config.pipeline.topology = how.topology;
    let options = ReplayOptions {
        pace: how.pace,
        journal: how.journal.map(Path::to_owned),
        backend: how.backend,
        ..ReplayOptions::default()
    };
    replay(inputs, &config, &options, Vec::new()).expect("the run starts")
}

/// Order digest, answer digest and book hash: what no backend may change.
pub fn digests(outcome: &Outcome) -> (String, String, String) {
    let summary = &outcome.summary;
    (summary.order_stream_sha256.clone(), summary.wide.answers_sha256.clone(), summary.book_hash.clone())
}

/// Answers that somebody computed.
pub fn answers_by(outcome: &Outcome, kind: &str) -> u64 {
    outcome.summary.wide.answers_by_kind.get(kind).copied().unwrap_or(0)
}

/// Holds a day in both topologies on the emulated device, each with its journal, against the CPU's: the same digests, every
/// answer the device's.
pub fn is_the_same_on_the_device(directory: &Path, inputs: &Inputs, config: &Config) {
    let cpu = run(inputs, config, &How::lockstep(BackendKind::Cpu));
    assert_eq!(cpu.failure, None);
    assert!(cpu.counters.new_orders > 0, "nothing was decided on answers");
    for topology in [Topology::Inline, Topology::Split] {
        let journal = directory.join(format!("journal-{}", topology.name()));
        let how = How { topology, journal: Some(&journal), ..How::lockstep(BackendKind::Emulated) };
        let device = run(inputs, config, &how);
        assert_eq!(device.failure, None, "{topology:?}");
        assert_eq!(digests(&device), digests(&cpu), "{topology:?}");
        let wide = &device.summary.wide;
        println!("{wide:?}");
        assert!(wide.requests > 100 && wide.fallbacks == 0, "{wide:?}");
        assert_eq!(answers_by(&device, "emulated"), wide.requests, "{topology:?}");
        assert!(journal_replay::replay(&journal).expect("a replay").is_reproduced());
    }
}
