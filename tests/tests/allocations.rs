//! Hot threads allocate nothing after warm-up: counted over more than a million market events, with an options maker and
//! its surfaces over a hundred thousand.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::control::config::{Config, OrderProtocol, Rehearse};
use engine::control::counters::Counter;
use engine::control::digest::{DigestReceiver, digest_ring};
use engine::control::inputs::{CaptureArgument, Inputs};
use engine::control::kill_switch::KillSwitch;
use engine::control::options_day::{self, ChainShape, OptionsDayConfig};
use engine::control::rehearsing;
use engine::control::session_date::SessionDate;
use engine::control::shutdown::Stop;
use engine::control::startup;
use engine::control::universe::Universe;
use engine::control::wide_backend::{self, BackendKind};
use engine::order::{Execution, Intent};
use engine::pipeline::controls::Controls;
use engine::pipeline::decide::Decide;
use engine::pipeline::decision_core::CoreCounters;
use engine::pipeline::lockstep::{self, IntervalTimer};
use engine::pipeline::order_table::LiveOrder;
use engine::pipeline::paced;
use engine::pipeline::pacer::{Pace, Pacer};
use engine::pipeline::risk::RiskReasons;
use engine::pipeline::socket_entry::SocketEntry;
use engine::pipeline::stamps::{self, Sampler, StampMode};
use engine::pipeline::tsc::Calibration;
use engine::strategy::{Intents, Strategy, View};
use engine::transport::Connection;
use engine::transport::tcp::Tcp;
use engine::venue::server::{Clock, VenueServer};
use feeds::event::MarketEvent;
use feeds::source::synthetic::SyntheticConfig;
use warptick_tests::captures::{generated, inputs};

/// The configuration of the day of options.
const OPTIONS_MAKER: &str = include_str!("../../engine/examples/options_maker.toml");

/// Moves of the market in it, and events of it before counting starts.
const OPTION_MOVES: u64 = 3_000;
const OPTION_WARM_UP: u64 = 20_000;

/// Market events before counting starts.
const WARM_UP: u64 = 100_000;

/// Messages of the session; enough for a million events after warm-up.
const MESSAGES: u64 = 1_200_000;

thread_local! {
    static COUNTING: Cell<bool> = const { Cell::new(false) };
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts what the threads that want it allocate.
struct CountingAllocator;

fn count() {
    COUNTING.with(|counting| {
        if counting.get() {
            ALLOCATIONS.with(|allocations| allocations.set(allocations.get() + 1));
        }
    });
}

// SAFETY: every call goes to the system's allocator unchanged; the counters are plain thread-local cells without a
// destructor, which allocate nothing themselves.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's promise about `pointer` and `layout` is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about its arguments is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Sees every event of its instruments, decides nothing, and switches the counting of its thread on after warm-up.
struct Switch {
    instruments: Vec<u32>,
    warm_up: u64,
    events: u64,
}

impl Strategy for Switch {
    fn instruments(&self) -> &[u32] {
        &self.instruments
    }

    fn on_market(&mut self, _view: &View<'_>, _event: &MarketEvent, _intents: &mut Intents) {
        self.events += 1;
        if self.events == self.warm_up {
            COUNTING.with(|counting| counting.set(true));
        }
    }

    fn on_execution(&mut self, _: &View<'_>, _: &Execution, _: &LiveOrder, _: bool, _: &mut Intents) {}

    fn on_reject(&mut self, _: u64, _: &Intent, _: RiskReasons) {}
}

/// What the thread has allocated since the switch; counting ends.
fn counted() -> u64 {
    assert!(COUNTING.with(|counting| counting.replace(false)), "the switch was never reached");
    ALLOCATIONS.with(|allocations| allocations.replace(0))
}

fn session() -> (Inputs, Config) {
    session_of(Config::default())
}

fn session_of(config: Config) -> (Inputs, Config) {
    let settings = SyntheticConfig { messages: MESSAGES, symbols: 50, ..SyntheticConfig::default() };
    let inputs = inputs(generated(&settings), settings.date);
    let config = startup::complete(&inputs, config).expect("a configuration");
    (inputs, config)
}

/// Pairs over all symbols that both venues list, a chain on one of them, and a taker.
fn wide_session() -> (Inputs, Config) {
    let (_, config) = session();
    let symbols: Vec<_> = config.instruments.iter().map(|entry| entry.symbol.clone()).collect();
    let text = format!(
        "pairs = [{{ symbols = {symbols:?}, profit_min_e9 = 10000000 }}]\ntaker = {{}}\n\
         [[chains]]\nvenue = \"NASDAQ\"\nsymbol = {:?}\nexpiries = [{{ years = 0.5, rate = 0.03 }}]\n\
         strikes = {{ from_e9 = 1000000000, to_e9 = 100000000000, step_e9 = 1000000000, volatility = 0.3 }}\n",
        symbols[0],
    );
    let wide = Some(toml::from_str(&text).expect("good settings"));
    session_of(Config { wide, ..Config::default() })
}

/// A chain of American options whose volatilities are fitted on the way, and a maker that quotes them.
fn options_session() -> (Inputs, Config) {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("day");
    let date = SessionDate::new(2026, 1, 5).expect("a date");
    let day = OptionsDayConfig {
        underlyings: 1,
        shape: ChainShape { expiries: 2, strikes: 9 },
        moves: OPTION_MOVES,
        mispricings: 0,
        later_volatility_percent: 115,
        ..OptionsDayConfig::on(date)
    };
    options_day::run(&out, &day, &mut Vec::new()).expect("a day");
    let capture = |(suffix, venue): (&str, &str)| CaptureArgument {
        path: format!("{}.{suffix}", out.display()).into(),
        venue: Some(venue.to_owned()),
    };
    let captures = [("nasdaq.itch", "NASDAQ"), ("bx.itch", "BX")].map(capture);
    let inputs = Inputs::open(&captures, Some("2026-01-05")).expect("the day");
    let text = OPTIONS_MAKER.replace("exercise = \"european\"", "exercise = \"american\"");
    let config = Config::parse("options_maker.toml", &text).expect("good settings");
    let config = startup::complete(&inputs, config).expect("a configuration for the day");
    (inputs, config)
}

/// The decide stage with the switch beside the configured strategies; its digest is read by a thread of its own.
fn decide(
    inputs: &Inputs,
    config: &Config,
    warm_up: u64,
    is_virtual: bool,
) -> (Decide, std::thread::JoinHandle<()>) {
    let count = inputs.directory().expect("symbols").len() as u32;
    let mut strategies = startup::strategies(inputs, config).expect("strategies");
    strategies.push(Box::new(Switch { instruments: (0..count).collect(), warm_up, events: 0 }));
    let core = startup::decision_core(inputs, config, strategies).expect("a core");
    let (sender, receiver) = digest_ring(1 << 12);
    let reader = std::thread::spawn(move || read(receiver));
    let (desk, answers) =
        wide_backend::desk_of(inputs, config, BackendKind::Cpu, is_virtual).expect("a desk");
    let reader = std::thread::spawn(move || {
        answers.into_iter().for_each(read);
        reader.join().expect("the digest's reader");
    });
    (Decide::new(core, None, sender).with_wide(desk), reader)
}

/// Hashes until nobody sends any more.
fn read(mut receiver: DigestReceiver) {
    loop {
        receiver.poll();
        std::thread::sleep(Duration::from_millis(1));
        match receiver.finish() {
            Ok(_) => return,
            Err(back) => receiver = *back,
        }
    }
}

fn enough(decide: &Decide) {
    let counters = decide.core().counters();
    assert!(counters.events >= WARM_UP + 1_000_000, "{counters:?}");
    assert!(counters.new_orders > 1_000 && counters.fills > 50, "{counters:?}");
}

#[test]
fn lockstep_inline_allocates_nothing_after_warm_up() {
    lockstep_inline(OrderProtocol::Fix);
}

#[test]
fn lockstep_inline_by_ouch_allocates_nothing_after_warm_up() {
    lockstep_inline(OrderProtocol::Ouch);
}

#[test]
fn lockstep_inline_with_wide_work_allocates_nothing_after_warm_up() {
    let counters = lockstep_inline_of(wide_session());
    assert!(counters.wide_answers > 10_000 && counters.wide_items > 10_000, "{counters:?}");
}

fn lockstep_inline(protocol: OrderProtocol) {
    let (inputs, mut config) = session();
    config.venues.iter_mut().for_each(|venue| venue.protocol = protocol);
    let counters = lockstep_inline_of((inputs, config));
    assert_eq!(counters.wide_answers, 0);
}

fn lockstep_inline_of((inputs, config): (Inputs, Config)) -> CoreCounters {
    let mut ingest = inputs.ingest(config.latency.line_ns).expect("captures");
    let (mut decide, reader) = decide(&inputs, &config, WARM_UP, true);
    let mut exchange = startup::exchange(&inputs, &config, None).expect("an exchange");
    let (mut stamp_writer, _stamps) = stamps::channel(64);
    let (progress, stop) = (Counter::default(), Stop::new());
    let outcome = lockstep::run_inline(
        &mut ingest,
        &mut decide,
        &mut exchange,
        IntervalTimer::new(1_000_000_000),
        &mut Sampler::new(StampMode::Sampled),
        &mut stamp_writer,
        &progress,
        &stop,
    );
    let allocations = counted();
    outcome.unwrap_or_else(|error| panic!("{error:?}"));
    enough(&decide);
    assert_eq!(allocations, 0);
    let counters = *decide.core().counters();
    drop(decide);
    reader.join().expect("the digests' readers");
    counters
}

#[test]
fn paced_inline_over_tcp_allocates_nothing_after_warm_up() {
    let (inputs, mut config) = session();
    config.pipeline.rehearse = Rehearse::Always;
    let counters = paced_inline_over_tcp(&inputs, &config, WARM_UP);
    assert!(counters.events >= WARM_UP + 1_000_000 && counters.new_orders > 1_000, "{counters:?}");
}

#[test]
fn a_paced_options_maker_with_surfaces_allocates_nothing_after_warm_up() {
    let (inputs, config) = options_session();
    let counters = paced_inline_over_tcp(&inputs, &config, OPTION_WARM_UP);
    assert!(counters.events >= OPTION_WARM_UP + 80_000 && counters.surfaces > 5, "{counters:?}");
    assert!(counters.new_orders > 50 && counters.replaces > 1_000, "{counters:?}");
}

fn paced_inline_over_tcp(inputs: &Inputs, config: &Config, warm_up: u64) -> CoreCounters {
    let rehearses = config.pipeline.rehearse == Rehearse::Always;
    let released = Counter::default();
    let over = AtomicBool::new(false);
    let mut venue = VenueServer::bind(inputs, config).expect("venues");
    let addresses = venue.addresses();
    let calibration = Calibration::measure();
    std::thread::scope(|scope| {
        let (released, over) = (&released, &over);
        scope.spawn(move || venue.serve(Clock::Following(released), || over.load(Ordering::Relaxed)));
        let connections = addresses.iter().map(|address| {
            Connection::Tcp(Tcp::connect(address, Duration::from_secs(5)).expect("the venue listens"))
        });
        let entry = startup::order_entry(inputs, config, None).expect("sessions");
        let (stamp_writer, _stamps) = stamps::channel(64);
        let mut entry = SocketEntry::new(entry, connections.collect(), stamp_writer, calibration);
        let (mut decide, reader) = decide(inputs, config, warm_up, false);
        let mut ingest = inputs.ingest(config.latency.line_ns).expect("captures");
        let stop = Stop::new();
        entry.log_on(&stop).expect("the venue answers");
        let mut pacer = Pacer::new(Pace::Max, &calibration, ingest.next_time_ns().unwrap_or(0));
        let mut controls = Controls::new(KillSwitch::new());
        // Eager, so that the rehearsal is turned all the time.
        let mut warmer = rehearsing::warmer(inputs, config, calibration, false).expect("a rehearsal");
        let warmed = warmer.warm();
        assert!(!rehearses || warmed.is_some_and(|warmed| warmed.orders > 1_000));
        let outcome = paced::run_inline(
            &mut ingest,
            &mut decide,
            &mut entry,
            &mut pacer,
            IntervalTimer::new(1_000_000_000),
            &mut Sampler::new(StampMode::Sampled),
            released,
            &stop,
            &mut controls,
            &mut warmer,
        );
        let allocations = counted();
        over.store(true, Ordering::Relaxed);
        outcome.unwrap_or_else(|error| panic!("{error:?}"));
        let counters = *decide.core().counters();
        assert_eq!(allocations, 0, "{counters:?}");
        drop(decide);
        reader.join().expect("the digest's reader");
        counters
    })
}
