//! From the command to stop everything to the last of 100 cancels on the wire: by signal and by HTTP, in both topologies.
//!
//! A whole live engine in this process: feeds over UDP from the simulated venue, FIX over loopback TCP, operator port,
//! housekeeping, watchdog. A strategy keeps 100 orders resting 3 % below the market. Time starts before `kill(2)` with SIGUSR1 to the
//! process, which its sleeping main thread takes as it would from a shell's `kill`, or before the connect of a `POST /kill` on a
//! new connection; it ends when a proxy in front of the venue, blocking in its receive on a thread of its own, has read the last
//! of the 100 OrderCancelRequests: both threads' wake-ups are in the figure. Between two kills the engine is reset by HTTP and
//! waits until the venue has accepted 100 orders more than it has cancelled: an order that is decided and still in the
//! order ring would not leave after the kill, so that there would be nothing to cancel.
//! Engine, venue and proxy share the machine as it is.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engine::control::config::{Config, Topology};
use engine::control::digest::digest_ring;
use engine::control::inputs::Inputs;
use engine::control::kill_switch::{self, KillSwitch};
use engine::control::live_run::{self, LiveOptions};
use engine::control::operator_client::OperatorClient;
use engine::control::secret::Secret;
use engine::control::session_date::SessionDate;
use engine::control::shutdown::Stop;
use engine::control::startup;
use engine::order::Order;
use engine::pipeline::board::Board;
use engine::pipeline::controls::{Controls, SessionRules};
use engine::pipeline::decide::{Decide, OrderSink};
use engine::pipeline::heartbeat::Pulse;
use engine::pipeline::risk::RiskApproved;
use engine::pipeline::session_watch::SessionWatch;
use engine::pipeline::stamps::PathStamps;
use engine::pipeline::tsc::{self, Calibration};
use engine::strategy::Strategy;
use engine::venue::server::{Clock, VenueServer};
use feeds::source::file::Capture;
use feeds::source::synthetic::{SyntheticConfig, generate_bytes};
use serde_json::{Value, json};
use warptick_tests::resting::Resting;

use crate::line::Line;
use crate::timing::Samples;

/// Enough for a 90th percentile: ten samples beyond it, and rounding.
const KILLS: usize = 110;
const WARM_UP: usize = 3;
const ORDERS: usize = 100;
const PATIENCE: Duration = Duration::from_secs(20);

/// The operator's token: any variable of the environment will do for a loopback port that lives for a minute.
const TOKEN: &str = "PATH";

/// What has passed to the venue and back.
#[derive(Default)]
struct Wire {
    cancels: AtomicU64,
    /// When the latest cancel was read, ticks.
    last_ticks: AtomicU64,
    /// Orders that the venue has accepted.
    accepted: AtomicU64,
    /// And cancelled.
    cancelled: AtomicU64,
}

impl Wire {
    /// Orders that rest at the venue, as far as it has said.
    fn resting(&self) -> u64 {
        self.accepted.load(Ordering::Acquire).wrapping_sub(self.cancelled.load(Ordering::Acquire))
    }
}

/// Counts fields in a stream of FIX messages, wherever it is cut.
#[derive(Default)]
struct Fields {
    /// The end of what was read before, from the start of its last field.
    tail: Vec<u8>,
}

impl Fields {
    /// How often each of these fields, `tag=value`, ended within these bytes.
    fn count<const N: usize>(&mut self, bytes: &[u8], wanted: [&[u8]; N]) -> [u64; N] {
        self.tail.extend_from_slice(bytes);
        let mut counts = [0; N];
        let mut from = 0;
        for end in ends_of_fields(&self.tail) {
            let field = &self.tail[from..end];
            for (count, wanted) in counts.iter_mut().zip(wanted) {
                *count += u64::from(field == wanted);
            }
            from = end + 1;
        }
        self.tail.drain(..from);
        counts
    }
}

/// Where fields end.
fn ends_of_fields(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes.iter().enumerate().filter(|&(_, &byte)| byte == 1).map(|(at, _)| at)
}

/// Carries one connection after another to the venue; returns `HOST:PORT` for the engine.
fn proxy(venue: String, wire: Arc<Wire>) -> Result<String, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?.to_string();
    std::thread::spawn(move || {
        for engine in listener.incoming() {
            let (Ok(engine), Ok(venue)) = (engine, TcpStream::connect(&venue)) else { continue };
            let _ = (engine.set_nodelay(true), venue.set_nodelay(true));
            let (Ok(from_venue), Ok(to_engine)) = (venue.try_clone(), engine.try_clone()) else { continue };
            let (to_venue, back) = (Arc::clone(&wire), Arc::clone(&wire));
            let mut fields = Fields::default();
            std::thread::spawn(move || {
                carry(from_venue, to_engine, |bytes| {
                    let [accepted, cancelled] = fields.count(bytes, [b"150=0", b"150=4"]);
                    // Release: pairs with the reader's Acquire.
                    back.accepted.fetch_add(accepted, Ordering::Release);
                    back.cancelled.fetch_add(cancelled, Ordering::Release);
                });
            });
            let mut fields = Fields::default();
            std::thread::spawn(move || {
                carry(engine, venue, |bytes| {
                    let ticks = tsc::now();
                    let [cancels] = fields.count(bytes, [b"35=F"]);
                    if cancels > 0 {
                        to_venue.last_ticks.store(ticks, Ordering::Relaxed);
                        // Release: pairs with the reader's Acquire.
                        to_venue.cancels.fetch_add(cancels, Ordering::Release);
                    }
                });
            });
        }
    });
    Ok(address)
}

fn carry(mut from: TcpStream, mut to: TcpStream, mut look: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        look(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
}

/// Runs it.
///
/// # Errors
/// A run that does not start, orders that do not come or are not cancelled.
pub fn run() -> Result<Vec<Line>, String> {
    kill_switch::install().map_err(|error| error.to_string())?;
    // This thread, the process's first, sleeps from here on: it is whom a signal to the process wakes.
    let measured = std::thread::spawn(|| -> Result<Vec<Line>, String> {
        let mut lines = vec![quiet_turn()?];
        for topology in [Topology::Inline, Topology::Split] {
            lines.extend(one_engine(topology)?);
        }
        Ok(lines)
    });
    measured.join().map_err(|_| "the measuring thread panicked".to_owned())?
}

/// Takes nothing: nothing is decided.
struct Nowhere;

impl OrderSink for Nowhere {
    fn free_slots(&self) -> usize {
        usize::MAX
    }

    fn capacity(&self) -> usize {
        0
    }

    fn send(&mut self, _order: RiskApproved<Order>, _stamps: PathStamps) {}
}

/// What the deciding loop pays in a turn in which nobody wants anything: heartbeat, bell and kill word.
fn quiet_turn() -> Result<Line, String> {
    let session = session()?;
    let config = config(&session, Topology::Inline)?;
    let core = startup::decision_core(&session, &config, Vec::new()).map_err(|error| error.to_string())?;
    let (digest, _receiver) = digest_ring(64);
    let kill = KillSwitch::new();
    let mut decide = Decide::new(core, None, digest).shown(kill.clone(), Board::default());
    let (_commands, queue) = rtrb::RingBuffer::new(64);
    let pulse = Pulse::default();
    let rules = SessionRules { loss_ns: 0, resumes: true };
    let mut controls = Controls::new(kill.clone())
        .commanded(queue)
        .watching(SessionWatch::new(kill.clone()), rules)
        .beating(pulse.beat());
    let mut samples = Samples::batches(100_000);
    for round in 0..2 {
        for _ in 0..100_000 {
            samples.time(|_| {
                let turned = controls.turn(&mut decide, 1, &mut Nowhere);
                std::hint::black_box(turned.is_ok());
            });
        }
        if round == 0 {
            samples.clear();
        }
    }
    if pulse.count() < 6_400_000 || decide.core().decision() != 0 {
        return Err(format!("{} turns, {} decisions", pulse.count(), decide.core().decision()));
    }
    Ok(Line::new(
        "kill_latency",
        "a quiet turn of the controls",
        "one thread, nothing to do",
        "100,000 batches",
    )
    .figures(samples.figures(&Calibration::measure(), 1.0))
    .checked("every turn beat, none decided anything"))
}

fn session() -> Result<Inputs, String> {
    let settings = SyntheticConfig {
        messages: 20_000,
        symbols: 2,
        halts: 0,
        span_ns: Some(900_000_000_000),
        ..SyntheticConfig::default()
    };
    let streams = generate_bytes(&settings).map_err(|error| error.to_string())?;
    let mut captures = Vec::new();
    for (venue, bytes) in ["NASDAQ", "BX"].into_iter().zip(streams) {
        captures
            .push((Capture::from_bytes(venue, bytes).map_err(|error| error.to_string())?, venue.to_owned()));
    }
    let date = SessionDate::new(settings.date / 10_000, settings.date / 100 % 100, settings.date % 100)
        .ok_or("the generator's date is none")?;
    Inputs::of_captures(captures, date).map_err(|error| error.to_string())
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}

fn config(session: &Inputs, topology: Topology) -> Result<Config, String> {
    let mut text = format!(
        "[pipeline]\ntimer_ms = 5\nmessages_max = 200000\n[books]\nlate_listings_max = 64\norders_max = 80000\n\
         levels_max = 40000\n[risk]\nmessages_per_s = 100000\nmessages_burst = 10000\n[limits]\ncollar_bp = 3000\n\
         position_max = 1000000\norder_notional_max = 100000000\n\
         [operator]\naddress = \"127.0.0.1:{}\"\ntoken_env = \"{TOKEN}\"\nfeed_silence_ms = 0\nheartbeat_ms = 2000\n",
        free_port()?
    );
    for venue in ["NASDAQ", "BX"] {
        text += &format!(
            "[[venues]]\nname = \"{venue}\"\naddress = \"127.0.0.1:0\"\n[venues.feed]\nline_a = \"127.0.0.1:{}\"\n\
             line_b = \"127.0.0.1:{}\"\nretransmission = \"127.0.0.1:{}\"\nglimpse = \"127.0.0.1:{}\"\n",
            free_port()?,
            free_port()?,
            free_port()?,
            free_port()?
        );
    }
    let config =
        startup::complete(session, Config::parse("kill_latency", &text)?).map_err(|error| error.to_string());
    let mut config = config?;
    config.pipeline.topology = topology;
    config.instruments.truncate(1);
    for instrument in &mut config.instruments {
        (instrument.market_maker, instrument.arbitrage) = (None, None);
    }
    Ok(config)
}

fn one_engine(topology: Topology) -> Result<Vec<Line>, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let session = session()?;
    let mut config = config(&session, topology)?;
    let mut server = VenueServer::bind(&session, &config).map_err(|error| words(&error))?;
    server.publish(&session, &config).map_err(|error| words(&error))?;
    let addresses = server.addresses();
    let wire = Arc::new(Wire::default());
    config.venues[0].address = proxy(addresses[0].clone(), Arc::clone(&wire))?;
    config.venues[1].address.clone_from(&addresses[1]);
    let symbol = &config.instruments[0].symbol;
    let instrument = startup::instrument_number(&session, symbol).map_err(|error| words(&error))?;
    let (over, stop) = (AtomicBool::new(false), Stop::new());
    std::thread::scope(|scope| {
        let (config, over, stop) = (&config, &over, &stop);
        scope.spawn(move || {
            server.serve(Clock::Wall { times: 10.0, at_once: false }, || over.load(Ordering::Relaxed));
        });
        let engine = scope.spawn(move || {
            let resting: Box<dyn Strategy> = Box::new(Resting::new(instrument, ORDERS));
            live_run::run(config, &LiveOptions::default(), stop, vec![resting])
        });
        let measured = measure(config, &wire, topology);
        stop.request();
        let ended = engine.join();
        over.store(true, Ordering::Relaxed);
        match ended {
            Ok(Ok(_)) => measured,
            Ok(Err(failure)) => Err(failure.to_string()),
            Err(_) => Err("the engine panicked".to_owned()),
        }
    })
}

fn measure(config: &Config, wire: &Wire, topology: Topology) -> Result<Vec<Line>, String> {
    let address = config.operator.socket_address()?.ok_or("no operator port")?;
    let client = OperatorClient::with_token(address, Secret::from_environment(TOKEN)?);
    let post = |path: &str| {
        let body = json!({ "scope": "all", "who": "bench", "why": "kill_latency" });
        client.ask("POST", path, Some(&body)).map_err(|failure| failure.to_string())
    };
    let calibration = Calibration::measure();
    let mut lines = Vec::new();
    let by_signal = || {
        // SAFETY: plain integers; `run` has installed the handler.
        let refused = unsafe { libc::kill(libc::getpid(), libc::SIGUSR1) } != 0;
        if refused { Err("kill: refused".to_owned()) } else { Ok(Value::Null) }
    };
    let by_request = || post("/kill");
    #[allow(clippy::type_complexity, reason = "a name and what it does")]
    let ways: [(&str, &dyn Fn() -> Result<Value, String>); 2] =
        [("signal", &by_signal), ("http", &by_request)];
    for (way, kill) in ways {
        let mut samples = Samples::single(KILLS);
        for number in 0..WARM_UP + KILLS {
            wait_until("100 orders at the venue", || {
                wire.resting() == ORDERS as u64
                    && client
                        .ask("GET", "/status", None)
                        .is_ok_and(|status| status["open_orders"] == json!(ORDERS))
            })?;
            // What came before is over: decide has the reports of the last orders, the question is answered.
            std::thread::sleep(Duration::from_millis(10));
            let before = wire.cancels.load(Ordering::Acquire);
            let start = tsc::now();
            kill()?;
            let sent = || wire.cancels.load(Ordering::Acquire) - before;
            wait_until("100 cancels", || sent() >= ORDERS as u64)?;
            samples.add(wire.last_ticks.load(Ordering::Relaxed) - start);
            if number < WARM_UP {
                samples.clear();
            }
            wait_until("no order", || {
                client.ask("GET", "/status", None).is_ok_and(|status| status["open_orders"] == json!(0))
            })?;
            if sent() != ORDERS as u64 {
                return Err(format!("{} cancels for {ORDERS} orders", sent()));
            }
            post("/reset")?;
        }
        let figures = samples.figures(&calibration, 1.0);
        lines.push(
            Line::new(
                "kill_latency",
                &format!("{way}, {}", topology.name()),
                "one kill at a time, 100 open orders at one venue, over loopback TCP",
                &format!("{WARM_UP} kills"),
            )
            .pinned("hot stages by the engine's own placement; venue, proxy and operator port on whatever is free")
            .figures(figures)
            .with("orders", ORDERS)
            .with("hot_threads", if topology == Topology::Inline { 1 } else { 3 })
            .with("cores", std::thread::available_parallelism().map_or(0, usize::from))
            .with("goal_max_ns", 1_000_000)
            .checked("each kill led to exactly 100 cancels")
            .checked("after each reset the orders were there again"),
        );
    }
    Ok(lines)
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) -> Result<(), String> {
    let begin = Instant::now();
    while !is_so() {
        if begin.elapsed() > PATIENCE {
            return Err(format!("not within {PATIENCE:?}: {what}"));
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    Ok(())
}
