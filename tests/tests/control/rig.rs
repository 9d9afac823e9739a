//! A live engine, its venues and the wire between them, for as long as a test needs them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::control::config::{Config, Topology};
use engine::control::failure::Failure;
use engine::control::inputs::Inputs;
use engine::control::live_run::{self, LiveOptions, LiveOutcome};
use engine::control::operator_client::OperatorClient;
use engine::control::secret::Secret;
use engine::control::shutdown::Stop;
use engine::control::startup;
use engine::strategy::Strategy;
use engine::venue::server::{Clock, VenueServer};
use serde_json::{Value, json};
use warptick_tests::live_day;
use warptick_tests::ports::free_udp_ports;
use warptick_tests::warptick::binary;

use super::resting::{Resting, Switches};
use super::wire::{Wire, wait_for};

/// Times the session's own speed: it lasts for a minute and a half, and nobody waits for its end.
const SPEED: f64 = 10.0;

/// Orders that the strategy keeps.
pub const ORDERS: usize = 100;

/// Variables that cargo sets for every test: the operator's token, and Ann's own.
pub const TOKENS: [&str; 2] = ["CARGO_PKG_NAME", "CARGO_PKG_VERSION"];

/// Engines spin, and signals are for the whole process: one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What a test changes of the configuration, and of the run.
#[derive(Clone)]
pub struct Setup {
    /// How the stages are laid out.
    pub topology: Topology,
    /// More keys of `[operator]`.
    pub operator: &'static str,
    /// `feed_silence_ms`.
    pub feed_silence_ms: u64,
    /// More of each venue.
    pub venue: &'static str,
    /// Keys of `[journal]`.
    pub journal: &'static str,
    /// What the strategy is told.
    pub switches: Switches,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            topology: Topology::Inline,
            operator: "",
            feed_silence_ms: 0,
            venue: "",
            journal: "",
            switches: Switches::default(),
        }
    }
}

/// What a test sees of the engine.
pub struct Live {
    pub wire: Wire,
    pub config: Config,
    pub config_file: PathBuf,
    pub directory: PathBuf,
    /// Before the first run.
    pub began: Instant,
    /// Of the run.
    pub journal: PathBuf,
    pub stop: Stop,
    /// The venue's feed is not served while this is set.
    pub feed_stops: Arc<AtomicBool>,
}

fn config(session: &Inputs, setup: &Setup) -> Config {
    let [port] = free_udp_ports();
    let settings = format!(
        "[risk]\nmessages_per_s = 100000\nmessages_burst = 10000\n\
         [limits]\ncollar_bp = 3000\nposition_max = 1000000\norder_notional_max = 100000000\n\
         [operator]\naddress = \"127.0.0.1:{port}\"\ntoken_env = \"{}\"\nfeed_silence_ms = {}\n{}\n\
         [[operator.people]]\nname = \"ann\"\ntoken_env = \"{}\"\n[journal]\n{}\n",
        TOKENS[0], setup.feed_silence_ms, setup.operator, TOKENS[1], setup.journal
    );
    let mut config = live_day::config(session, &settings, setup.venue, |_| String::new());
    config.pipeline.topology = setup.topology;
    for instrument in &mut config.instruments {
        (instrument.market_maker, instrument.arbitrage) = (None, None);
    }
    config.instruments.truncate(1);
    config
}

impl Live {
    /// Asks the operator port.
    pub fn ask(&self, token: usize, path: &str, body: Option<Value>) -> Result<Value, String> {
        let address = self.config.operator.socket_address().expect("an address").expect("a port");
        let token = Secret::from_environment(TOKENS[token]).expect("cargo sets it");
        let method = if body.is_some() { "POST" } else { "GET" };
        OperatorClient::with_token(address, token)
            .ask(method, path, body.as_ref())
            .map_err(|failure| failure.to_string())
    }

    /// Kills or resets, as Bob.
    pub fn post(&self, path: &str, scope: &str) -> Value {
        let body = json!({ "scope": scope, "who": "bob", "why": "test" });
        self.ask(0, path, Some(body)).unwrap_or_else(|error| panic!("{path} {scope}: {error}"))
    }

    /// What the engine shows.
    pub fn status(&self) -> Value {
        self.ask(0, "/status", None).unwrap_or(Value::Null)
    }

    /// Open orders as the engine shows them.
    pub fn open_orders(&self) -> usize {
        self.status()["open_orders"].as_u64().map_or(usize::MAX, |count| count as usize)
    }

    /// Waits until the strategy's orders rest.
    pub fn wait_for_orders(&self) {
        wait_for("the strategy's orders", Duration::from_secs(20), || self.open_orders() == ORDERS);
        // Decided is not yet on the wire: it is, once nothing more passes.
        let passed = || self.wire.since(std::time::Instant::now() - Duration::from_millis(100)).len();
        wait_for("a quiet wire", Duration::from_secs(5), || passed() == 0);
    }

    /// Waits until the engine has no open order.
    pub fn wait_for_none(&self) {
        wait_for("no open order", Duration::from_secs(5), || self.open_orders() == 0);
    }
}

/// What a test leaves behind.
pub struct Ended {
    pub outcome: Result<LiveOutcome, Failure>,
    pub journal: PathBuf,
    /// The strategy's.
    pub instrument: u32,
    /// Deleted when it goes.
    _directory: tempfile::TempDir,
}

/// Runs a live engine with the resting strategy while `test` looks at it; the test ends it.
pub fn live(setup: &Setup, test: impl FnOnce(&Live)) -> Ended {
    lives(setup, vec![Box::new(test)])
}

/// What is done in one run.
pub type Life<'a> = Box<dyn FnOnce(&Live) + 'a>;

/// Runs a live engine for each test, one after the other beside the same venues; each goes on with the run before it. What
/// is left behind is that of the last.
pub fn lives(setup: &Setup, tests: Vec<Life<'_>>) -> Ended {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // A compiler beside a hot thread is what a watchdog takes for a hang.
    let _ = binary();
    let session = live_day::session(20_000, 2, Some(900));
    let mut config = config(&session, setup);
    let mut server = VenueServer::bind(&session, &config).expect("free ports");
    server.publish(&session, &config).expect("feeds");
    let addresses = server.addresses();
    let wire = Wire::to(addresses[0].clone());
    for (venue, address) in config.venues.iter_mut().zip([wire.address().to_owned(), addresses[1].clone()]) {
        venue.address = address;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let config_file = directory.path().join("live.toml");
    std::fs::write(&config_file, toml::to_string(&config).expect("TOML")).expect("written");
    let instrument = startup::instrument_number(&session, &config.instruments[0].symbol).expect("listed");
    let (over, feed_stops) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
    let runs = tests.len();
    let mut live = Live {
        wire,
        config,
        config_file,
        directory: directory.path().to_owned(),
        began: Instant::now(),
        journal: PathBuf::new(),
        stop: Stop::new(),
        feed_stops: Arc::clone(&feed_stops),
    };
    let outcome = std::thread::scope(|scope| {
        let over = &over;
        let venue = scope.spawn(move || {
            let clock = Clock::Wall { times: SPEED, at_once: false };
            server.serve(clock, || {
                // A venue that says nothing any more, to anybody.
                while feed_stops.load(Ordering::Relaxed) && !over.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                over.load(Ordering::Relaxed)
            });
        });
        let mut outcome = None;
        for (number, test) in tests.into_iter().enumerate() {
            let journal = directory.path().join(format!("journal.{number}"));
            let resume = (number > 0).then(|| std::mem::replace(&mut live.journal, journal.clone()));
            (live.journal, live.stop) = (journal, Stop::new());
            let ended = one_run(&live, instrument, setup, resume, test);
            if ended.is_err() || number + 1 == runs {
                over.store(true, Ordering::Relaxed);
            }
            outcome = Some(ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        venue.join().expect("the venue");
        outcome.expect("a run")
    });
    Ended { outcome, journal: live.journal, instrument, _directory: directory }
}

/// One run while `test` looks at it; what the test has panicked with.
fn one_run(
    live: &Live,
    instrument: u32,
    setup: &Setup,
    resume: Option<PathBuf>,
    test: Box<dyn FnOnce(&Live) + '_>,
) -> std::thread::Result<Result<LiveOutcome, Failure>> {
    std::thread::scope(|scope| {
        let strategy: Box<dyn Strategy> = Resting::new(instrument, ORDERS, setup.switches.clone());
        let options = LiveOptions {
            journal: Some(live.journal.clone()),
            limits_file: limits_file(&live.directory),
            resume,
            ..LiveOptions::default()
        };
        let engine = scope.spawn(move || live_run::run(&live.config, &options, &live.stop, vec![strategy]));
        let tested = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(live)));
        live.stop.request();
        setup.switches.hangs.store(false, Ordering::Relaxed);
        let outcome = engine.join();
        if let (Err(_), Ok(Err(failure))) = (&tested, &outcome) {
            eprintln!("the engine: {failure}");
        }
        tested?;
        outcome
    })
}

/// The file that SIGHUP reads again, whether it is there or not.
pub fn limits_file(directory: &Path) -> Option<PathBuf> {
    Some(directory.join("limits.toml"))
}
