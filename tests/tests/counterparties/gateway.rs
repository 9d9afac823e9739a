//! Our side: the decision core with a strategy that does what the scenario says, and order entry over TCP with its journal,
//! as a live run has them; only its cold threads are played by the scenario.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use engine::control::journal::{self, JournalKeeper, JournalOptions, JournalThread};
use engine::control::session_store;
use engine::control::shutdown::Stop;
use engine::fix::identity::SessionIds;
use engine::fix::session::SessionConfig;
use engine::fix::templates::{NumberStyle, TemplateFormat};
use engine::order::{ClOrdId, Execution, ExecutionKind, Intent, OrderAction, TimeInForce};
use engine::pipeline::decide::OrderSink;
use engine::pipeline::decision_core::{Actions, CoreSizes, DecisionCore, Input, NoProbe};
use engine::pipeline::order_entry::{LinkConfig, OrderEntry};
use engine::pipeline::order_table::LiveOrder;
use engine::pipeline::risk::{EngineLimits, InstrumentLimits, Risk, RiskReasons};
use engine::pipeline::socket_entry::{Lost, Made, ReconnectPort, SocketEntry};
use engine::pipeline::stamps::{self, PathStamps, StampReader};
use engine::pipeline::tsc::Calibration;
use engine::strategy::{Intents, Strategy, View};
use engine::transport::Connection;
use engine::transport::tcp::Tcp;
use feeds::event::{EventKind, MarketEvent, Side, flags};
use feeds::symbol::Symbol;
use kernels::cpu::book::{BookConfig, VenueBooks};
use rtrb::{Consumer, Producer, RingBuffer};

/// Instruments by number; the counterparties do as the name says.
pub const SYMBOLS: [&str; 5] = ["REST", "FILL", "HALF", "RACE", "REFUSE"];

/// A cent, 1e-9.
pub const CENT: i64 = 10_000_000;

/// How long the other side may take for anything.
const PATIENCE: Duration = Duration::from_secs(10);

fn utc_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_nanos()).expect("before 2554")
}

/// Does at the timer what the scenario has put down.
struct Scripted(Arc<Mutex<Vec<Intent>>>);

impl Strategy for Scripted {
    fn instruments(&self) -> &[u32] {
        &[]
    }

    fn on_market(&mut self, _: &View<'_>, _: &MarketEvent, _: &mut Intents) {}

    fn on_reject(&mut self, _: u64, intent: &Intent, reasons: RiskReasons) {
        panic!("risk refused {intent:?}: {reasons:?}");
    }

    fn on_timer(&mut self, _: &View<'_>, intents: &mut Intents) {
        self.0.lock().expect("no panic under it").drain(..).for_each(|intent| intents.push(intent));
    }
}

/// What dies with the process: order entry, and the ends of its rings.
struct Process {
    entry: SocketEntry,
    lost: Consumer<Lost>,
    made: Producer<Made>,
    _stamps: StampReader,
    keeper: JournalKeeper,
    journal: tempfile::TempDir,
    /// Place in [`Gateway::executions`] of the first that it made.
    first: usize,
}

/// See the module's text.
pub struct Gateway {
    pub core: DecisionCore,
    actions: Actions,
    intents: Arc<Mutex<Vec<Intent>>>,
    session: SessionConfig,
    number_style: NumberStyle,
    calibration: Calibration,
    address: String,
    process: Option<Process>,
    /// All that the core was told, oldest first.
    pub executions: Vec<Execution>,
}

impl Gateway {
    /// A gateway that has never been connected.
    pub fn new(begin_string: &str, number_style: NumberStyle, address: &str) -> Self {
        let ids = SessionIds::new(begin_string, "WARPTICK", "VENUE").expect("an identity");
        let intents = Arc::new(Mutex::new(Vec::new()));
        let core = core(Scripted(Arc::clone(&intents)));
        Self {
            actions: Actions::new(core.actions_max()),
            core,
            intents,
            session: SessionConfig::initiator(ids, 30),
            number_style,
            calibration: Calibration::measure(),
            address: address.to_owned(),
            process: None,
            executions: Vec::new(),
        }
    }

    /// Starts a process and logs on; the session begins anew, or goes on with these next numbers of both directions. A
    /// counterparty that has not noticed the end of the former process may turn the first one away.
    pub fn start(&mut self, mut next: Option<(u32, u32)>) {
        for _ in 0..20 {
            let mut process = self.new_process(next);
            match process.entry.log_on(&Stop::new()) {
                Ok(()) => return self.process = Some(process),
                Err(what) => println!("  {what}"),
            }
            next = next.and(process.entry.finish().sequence_numbers(0));
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the counterparty takes no logon");
    }

    fn new_process(&self, next: Option<(u32, u32)>) -> Process {
        let journal = tempfile::tempdir().expect("a directory");
        let options = JournalOptions { segment_bytes: 1 << 20, ..JournalOptions::default() };
        let (keeper, mut writers) =
            journal::create(journal.path(), &[JournalThread::OrderEntry], options, b"a test's run")
                .expect("a journal");
        let symbols = SYMBOLS.map(|symbol| Symbol::new(symbol).expect("a symbol"));
        let link =
            LinkConfig::Fix(Box::new(self.session.clone()), self.session.ids.clone(), self.number_style);
        let mut entry =
            OrderEntry::new(vec![link], &symbols, TemplateFormat::default(), writers.pop()).expect("valid");
        if let Some((next_outgoing, next_incoming)) = next {
            entry.resume(0, next_outgoing, next_incoming);
        }
        let (lost_ring, lost) = RingBuffer::new(8);
        let (made, made_ring) = RingBuffer::new(8);
        let (stamp_writer, stamps) = stamps::channel(64);
        let entry = SocketEntry::new(entry, vec![self.connect()], stamp_writer, self.calibration)
            .reconnecting(ReconnectPort { lost: lost_ring, made: made_ring });
        Process { entry, lost, made, _stamps: stamps, keeper, journal, first: self.executions.len() }
    }

    fn connect(&self) -> Connection {
        Connection::Tcp(Tcp::connect(&self.address, PATIENCE).expect("somebody listens"))
    }

    fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("started")
    }

    /// The process is killed: nothing is said, and what waits in its socket is lost. Returns the numbers of its session as
    /// its journal has them.
    pub fn kill(&mut self) -> (u32, u32) {
        let Process { entry, mut keeper, journal, first, .. } = self.process.take().expect("started");
        keeper.poll().expect("a journal that can be kept");
        let known = entry.finish().sequence_numbers(0);
        let stored = session_store::read(journal.path(), 0, &self.session, 0).expect("a whole journal");
        // With no decisions on record: all that the core was told of the venue is there to be heard again.
        let unheard = stored.as_ref().map(|stored| stored.unheard.clone()).unwrap_or_default();
        let told = self.executions[first..].iter().filter(|execution| execution.kind.is_of_venue());
        let untimed = |execution: &Execution| Execution { time_ns: 0, ..*execution };
        let told: Vec<_> = told.map(untimed).collect();
        let unheard: Vec<_> = unheard.iter().map(untimed).collect();
        assert_eq!(told, unheard[..told.len().min(unheard.len())], "what the venue said");
        let stored = stored.map(|stored| (stored.next_outgoing, stored.next_incoming));
        assert_eq!(stored, known, "the journal's numbers");
        stored.expect("a session")
    }

    /// Logs out, waits for the answer, and ends. Returns the next numbers of both directions.
    pub fn log_out(&mut self) -> (u32, u32) {
        let Process { mut entry, .. } = self.process.take().expect("started");
        entry.log_out();
        let entry = entry.finish();
        assert_eq!((entry.malformed(), entry.not_sent(), entry.journal_full()), (0, 0, false));
        entry.sequence_numbers(0).expect("a FIX session")
    }

    /// One turn of the loop of a live run.
    fn turn(&mut self) {
        let process = self.process.as_mut().expect("started");
        process.entry.poll();
        process.keeper.poll().expect("a journal that can be kept");
        while let Some(execution) = self.process().entry.next_execution() {
            self.executions.push(execution);
            self.input(Input::Execution(&execution));
        }
    }

    fn input(&mut self, input: Input<'_>) -> Vec<ClOrdId> {
        self.core.on_input(input, &mut NoProbe, &mut self.actions).expect("books that fit");
        let entry = &mut self.process.as_mut().expect("started").entry;
        let orders = self.actions.drain();
        let ids = orders.map(|order| {
            let id = order.cl_ord_id;
            entry.send(order, PathStamps::begin_answer(false));
            id
        });
        let ids = ids.collect();
        entry.flush();
        ids
    }

    /// Lets the gateway work until it is so.
    pub fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let end = std::time::Instant::now() + PATIENCE;
        loop {
            self.turn();
            if is_so(self) {
                return;
            }
            let counters = self.core.counters();
            assert!(std::time::Instant::now() < end, "never: {what}; {:#?}; {counters:?}", self.executions);
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Notices that its connection is gone.
    pub fn until_lost(&mut self) {
        let end = std::time::Instant::now() + PATIENCE;
        while self.process().lost.pop().is_err() {
            assert!(std::time::Instant::now() < end, "the lost connection is not noticed");
            self.turn();
        }
    }

    /// A new connection, as the reconnecting thread makes one, until the session is up on it: a counterparty that has not
    /// noticed the loss yet may turn the first one away.
    pub fn reconnect(&mut self) {
        let doubts = self.core.counters().doubts;
        for _ in 0..20 {
            let connection = self.connect();
            assert!(
                self.process().made.push(Made { venue: 0, connection, session: None }).is_ok(),
                "a free place"
            );
            loop {
                self.turn();
                if self.core.counters().doubts > doubts {
                    return;
                }
                if self.process().lost.pop().is_ok() {
                    break;
                }
                std::thread::sleep(Duration::from_micros(100));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the counterparty takes no new connection");
    }

    fn want(&mut self, intent: Intent) -> ClOrdId {
        self.intents.lock().expect("no panic under it").push(intent);
        let ids = self.input(Input::Timer { due_ns: utc_ns() });
        assert_eq!(ids.len(), 1, "one order of {intent:?}");
        ids[0]
    }

    /// A new order.
    pub fn order(&mut self, symbol: &str, side: Side, quantity: u64, cents: i64) -> ClOrdId {
        self.want(Intent {
            action: OrderAction::New,
            target: 0,
            price: cents * CENT,
            quantity,
            instrument: instrument(symbol),
            venue: 0,
            side,
            time_in_force: TimeInForce::Day,
        })
    }

    /// New terms for an open order.
    pub fn replace(&mut self, id: ClOrdId, quantity: u64, cents: i64) -> ClOrdId {
        let order = *self.open(id).expect("an open order");
        let price = cents * CENT;
        self.want(Intent { action: OrderAction::Replace, price, quantity, ..about(&order) })
    }

    /// The end of an open order.
    pub fn cancel(&mut self, id: ClOrdId) -> ClOrdId {
        let order = *self.open(id).expect("an open order");
        self.want(about(&order))
    }

    /// An order that is not done.
    pub fn open(&self, id: ClOrdId) -> Option<&LiveOrder> {
        self.core.orders().get(id)
    }

    /// What the venue has said about a ClOrdID.
    pub fn said(&self, id: ClOrdId) -> Vec<ExecutionKind> {
        let about = self.executions.iter().filter(|execution| execution.cl_ord_id == id);
        about.map(|execution| execution.kind).collect()
    }

    /// Waits until the venue has said this about a ClOrdID, and nothing else.
    pub fn expect(&mut self, id: ClOrdId, kinds: &[ExecutionKind]) {
        self.until(&format!("{id} {kinds:?}"), |gateway| gateway.said(id).len() >= kinds.len());
        assert_eq!(self.said(id), kinds, "{id}");
    }

    /// Bought minus sold.
    pub fn position(&self, symbol: &str) -> i64 {
        self.core.risk().exposure(instrument(symbol)).position
    }
}

fn instrument(symbol: &str) -> u32 {
    let at = SYMBOLS.iter().position(|known| *known == symbol).expect("a symbol of ours");
    u32::try_from(at).expect("five")
}

fn about(order: &LiveOrder) -> Intent {
    Intent {
        action: OrderAction::Cancel,
        target: order.cl_ord_id,
        price: order.price,
        quantity: order.quantity,
        instrument: order.instrument,
        venue: order.venue,
        side: order.side,
        time_in_force: order.time_in_force,
    }
}

/// A core of one venue, all of whose books are 9.90 to 10.10.
fn core(strategy: Scripted) -> DecisionCore {
    let instruments = SYMBOLS.len();
    let books =
        BookConfig { instruments_max: instruments, orders_max: 64, levels_max: 64, price_tick: 100_000 };
    let limits = InstrumentLimits {
        order_qty_max: 10_000,
        order_notional_max: i128::MAX,
        position_max: 1_000_000,
        collar_bp: 5_000,
        price_tick: CENT,
        ..InstrumentLimits::default()
    };
    let engine =
        EngineLimits { messages_per_s: 1_000_000, messages_burst: 1_000_000, ..EngineLimits::default() };
    let mut core = DecisionCore::new(
        CoreSizes { date: 20_261_121, instruments_max: instruments, orders_max: 64, messages_max: 1_000 },
        vec![VenueBooks::new(books).expect("sizes in range")],
        Risk::new(engine, vec![limits; instruments]),
        vec![Box::new(strategy)],
    );
    let mut actions = Actions::new(core.actions_max());
    let mut number = 0;
    for instrument in 0..u32::try_from(instruments).expect("five") {
        for (side, cents) in [(Side::Buy, 990), (Side::Sell, 1_010)] {
            number += 1;
            let event = MarketEvent {
                exchange_ns: number,
                receive_ns: number,
                sequence: number,
                order_id: number,
                second_id: 0,
                price: cents * CENT,
                quantity: 100,
                instrument,
                venue: 0,
                kind: EventKind::OrderAdd,
                side,
                flags: flags::LAST_OF_EVENT,
            };
            core.on_input(Input::Market(&event), &mut NoProbe, &mut actions).expect("books that fit");
        }
    }
    core
}
