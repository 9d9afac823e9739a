//! One process of the engine, its parts as the live run joins them: feeds, decide with its journal, order entry with its
//! own. Bytes and time in, bytes out; it dies where it is told to.

use std::collections::VecDeque;
use std::path::Path;

use engine::control::digest::{DigestReceiver, digest_ring};
use engine::control::journal::{
    self, AppendError, DecideReader, DecideRecord, JournalKeeper, JournalOptions, JournalThread, RunRecorder,
};
use engine::control::live_run::LiveUniverse;
use engine::control::recovery::{Heard, Ledger, LedgerSizes};
use engine::control::run_header::RunHeader;
use engine::control::universe::Universe;
use engine::control::{journal_replay, session_store, startup};
use engine::order::{Execution, ExecutionKind, Order, OrderAction, RejectReason};
use engine::pipeline::carried_state::CarriedState;
use engine::pipeline::decide::{Decide, DecideError, OrderSink};
use engine::pipeline::decision_core::DecisionCore;
use engine::pipeline::live_feed::{LiveFeed, Snapshot};
use engine::pipeline::lockstep::IntervalTimer;
use engine::pipeline::operator::{Command, Scope};
use engine::pipeline::order_entry::{OrderEntry, not_sent};
use engine::pipeline::order_table::{Doubt, OrderState};
use engine::pipeline::risk::RiskApproved;
use engine::pipeline::stamps::PathStamps;
use engine::strategy::Strategy;
use feeds::arbiter::{Action, ArbiterConfig, FeedState, Recovery};
use feeds::directory::Directory;
use feeds::event::MarketEvent;
use feeds::itch::feed::ItchFeed;
use feeds::moldudp64::Request;

use crate::faults::Point;
use crate::plan::{Day, Mutation, Plan, VENUES};
use crate::reckless::Reckless;
use crate::told::Input;

/// How long the arbiters wait for a packet that is late.
pub const REORDER_WAIT_NS: u64 = 500_000;

/// The death of the process, thrown out of whatever it was at.
pub struct Died(pub Point);

fn die(point: Point) -> ! {
    // Not a panic of anything: no hook is asked.
    std::panic::resume_unwind(Box::new(Died(point)))
}

/// What the process was given and what it made of it, in the order of it: what the monitor is told.
#[derive(Debug)]
pub enum Logged {
    Input(Input),
    /// A message was decided: its ClOrdID and the strategy that it is for.
    Decided(u64, u16),
    /// Its bytes stand in the send buffer.
    Written(u8, Vec<u8>),
}

/// The order ring of a slow order entry: its slots, and when order entry looks into it next.
#[derive(Clone, Copy, Debug)]
pub struct SlowRing {
    pub slots: usize,
    pub every_ns: u64,
    pub next_ns: u64,
    pub until_ns: u64,
}

/// What order entry is to decide.
struct Sink<'a> {
    entry: &'a mut OrderEntry,
    executions: &'a mut VecDeque<Execution>,
    ring: &'a mut VecDeque<RiskApproved<Order>>,
    slots: Option<usize>,
    is_connected: &'a [bool; VENUES],
    now_ns: u64,
    armed: Option<Point>,
    of_this_input: usize,
    new_orders: &'a mut [u64; VENUES],
    log: &'a mut Vec<Logged>,
}

impl OrderSink for Sink<'_> {
    fn free_slots(&self) -> usize {
        self.slots.map_or(usize::MAX, |slots| slots.saturating_sub(self.ring.len()))
    }

    fn capacity(&self) -> usize {
        self.slots.unwrap_or(0)
    }

    fn send(&mut self, order: RiskApproved<Order>, _stamps: PathStamps) {
        match self.armed {
            Some(point @ Point::AfterAppend) => die(point),
            Some(point @ Point::BetweenOrders) if self.of_this_input > 0 => die(point),
            _ => {}
        }
        self.of_this_input += 1;
        if order.action != OrderAction::Status {
            self.log.push(Logged::Decided(order.cl_ord_id, order.strategy));
        }
        let is_entered = matches!(order.action, OrderAction::New | OrderAction::Replace);
        self.new_orders[usize::from(order.venue)] += u64::from(is_entered);
        if self.slots.is_some() {
            self.ring.push_back(order);
            return;
        }
        encode(self.entry, self.is_connected, &order, self.now_ns, self.executions, self.log);
        if let Some(point @ Point::AfterEncode) = self.armed {
            die(point);
        }
    }
}

fn encode(
    entry: &mut OrderEntry,
    is_connected: &[bool; VENUES],
    order: &RiskApproved<Order>,
    now_ns: u64,
    executions: &mut VecDeque<Execution>,
    log: &mut Vec<Logged>,
) {
    let outcome = if is_connected[usize::from(order.venue)] {
        let before = entry.pending(order.venue).len();
        let outcome = entry.encode(order, now_ns);
        let written = entry.pending(order.venue)[before..].to_vec();
        log.push(Logged::Written(order.venue, written));
        outcome
    } else {
        Err(RejectReason::NotConnected)
    };
    if let Err(reason) = outcome {
        executions.extend(not_sent(order, order.time_ns, reason));
    }
}

/// See the module's text.
pub struct Engine {
    /// How many processes there were before.
    pub number: u64,
    /// What the process before it had received and not heard; it is in the state that this one took over.
    pub unheard: Vec<Execution>,
    decide: Decide,
    digest: DigestReceiver,
    pub entry: OrderEntry,
    pub feeds: Vec<LiveFeed>,
    directory: Directory,
    keeper: Option<JournalKeeper>,
    /// Executions that decide has not had.
    pub executions: VecDeque<Execution>,
    pub ring: VecDeque<RiskApproved<Order>>,
    pub slow: Option<SlowRing>,
    timer: IntervalTimer,
    pub is_connected: [bool; VENUES],
    pub armed: Option<Point>,
    events: Vec<MarketEvent>,
    /// Snapshots that are being fetched.
    pub fetching: [bool; VENUES],
    /// Decide's journal took nothing more.
    stopped: Option<AppendError>,
    /// Place in the log of the input that it did not take, or of which it did not take all that was decided.
    unsure: Option<usize>,
    /// New orders and replaces that were decided since somebody looked, by venue.
    pub new_orders: [u64; VENUES],
    /// What the monitor has not been told yet.
    pub log: Vec<Logged>,
    mutation: Option<Mutation>,
    /// The mutation may show itself from now on, once.
    pub is_mutated: bool,
}

/// A core of the day with the strategies of the plan, as process number `number` has it.
pub fn core(plan: &Plan, day: &Day, number: u64) -> DecisionCore {
    let universe = LiveUniverse::new(&day.config).expect("a date");
    let strategies = (0..u64::from(plan.strategies)).map(|strategy| {
        let seed = plan.seed ^ strategy << 32 ^ number << 48;
        let instruments = (0..day.config.instruments.len() as u32).collect();
        Box::new(Reckless::new(seed, instruments, day.config.limits, day.quiet_ns)) as Box<dyn Strategy>
    });
    startup::decision_core(&universe, &day.config, strategies.collect()).expect("a core")
}

impl Engine {
    /// A process that starts, after the one that left its journal in `former`.
    ///
    /// # Errors
    /// What keeps it from going on where that one was.
    pub fn start(plan: &Plan, day: &Day, root: &Path, number: u64) -> Result<Self, String> {
        let dir = root.join(format!("run-{number}"));
        let universe = LiveUniverse::new(&day.config).expect("a date");
        let resumes = (number > 0).then(|| format!("run-{}", number - 1));
        let (version, captures) = ("sim".to_owned(), Vec::new());
        let header = RunHeader { version, captures, resumes, scene: None, config: day.config.clone() };
        let header = toml::to_string(&header).expect("a header");
        let options =
            JournalOptions { segment_bytes: 1 << 16, segments_ahead: 1, ..JournalOptions::default() };
        let threads = [JournalThread::Decide, JournalThread::OrderEntry];
        let (keeper, writers) =
            journal::create(&dir, &threads, options, header.as_bytes()).map_err(|error| error.to_string())?;
        let mut writers = writers.into_iter();
        let mut recorder = RunRecorder::of_whole_events(writers.next().expect("decide's"));
        let mut entry =
            startup::order_entry(&universe, &day.config, writers.next()).map_err(|e| e.to_string())?;
        let mut core = core(plan, day, number);
        let mut unheard = Vec::new();
        if number > 0 {
            let former = root.join(format!("run-{}", number - 1));
            unheard = resume(plan, day, &former, number, &mut core, &mut recorder, &mut entry)?;
        }
        let arbiter = ArbiterConfig {
            window_messages: 2_048,
            reorder_wait_ns: REORDER_WAIT_NS,
            request_interval_ns: 4_000_000,
            snapshot_interval_ns: 100_000_000,
            recovery: Recovery { retransmission: true, snapshot: true },
            ..ArbiterConfig::default()
        };
        let midnight_ns = universe.date().eastern_midnight_ns();
        let feeds = (0..VENUES as u8)
            .map(|venue| LiveFeed::new(arbiter, ItchFeed::new(venue, midnight_ns, 0)))
            .collect();
        let (sender, digest) = digest_ring(1 << 10);
        Ok(Self {
            number,
            unheard,
            decide: Decide::new(core, Some(recorder), sender),
            digest,
            entry,
            feeds,
            directory: universe.directory().map_err(|error| error.to_string())?,
            keeper: Some(keeper),
            executions: VecDeque::new(),
            ring: VecDeque::new(),
            slow: None,
            timer: IntervalTimer::new(day.config.pipeline.timer_ms * 1_000_000),
            is_connected: [false; VENUES],
            armed: None,
            events: Vec::new(),
            fetching: [false; VENUES],
            stopped: None,
            unsure: None,
            new_orders: [0; VENUES],
            log: Vec::new(),
            mutation: plan.mutation,
            is_mutated: false,
        })
    }

    pub const fn core(&self) -> &DecisionCore {
        self.decide.core()
    }

    /// The process ends: one of its journals took nothing more.
    pub const fn has_stopped(&self) -> bool {
        self.stopped.is_some() || self.entry.journal_full()
    }

    /// Dies here, if it is to.
    pub fn point(&mut self, point: Point) {
        if self.armed == Some(point) {
            die(point);
        }
    }

    /// Runs an input through decide.
    fn input(
        &mut self,
        now_ns: u64,
        logged: Input,
        input: impl FnOnce(&mut Decide, &mut PathStamps, &mut Sink<'_>) -> Result<(), DecideError>,
    ) -> Result<(), DecideError> {
        if self.stopped.is_some() {
            return Ok(());
        }
        let slots = self.slow.map(|slow| slow.slots);
        let before = self.log.len();
        self.log.push(Logged::Input(logged));
        let Self { decide, entry, executions, ring, is_connected, armed, new_orders, log, .. } = self;
        let mut sink = Sink {
            entry,
            executions,
            ring,
            slots,
            is_connected,
            now_ns,
            armed: *armed,
            of_this_input: 0,
            new_orders,
            log,
        };
        let outcome = input(decide, &mut PathStamps::begin_answer(false), &mut sink);
        self.digest.poll();
        match outcome {
            Err(DecideError::Journal(error)) => {
                self.stopped = Some(error);
                // Whether it counts is what the journal says of it.
                self.unsure = Some(before);
                Ok(())
            }
            other => other,
        }
    }

    fn market(&mut self, now_ns: u64) {
        let mut events = std::mem::take(&mut self.events);
        let mut distrusted = [false; VENUES];
        for event in events.drain(..) {
            self.point(Point::BeforeInput);
            let outcome = self.input(now_ns, Input::Market(event), |decide, stamps, sink| {
                decide.market(&event, stamps, sink)
            });
            match outcome {
                Ok(()) => {}
                Err(DecideError::Book { venue, .. }) => distrusted[usize::from(venue)] = true,
                Err(error) => panic!("decide: {error:?}"),
            }
        }
        self.events = events;
        for venue in (0..VENUES).filter(|&venue| distrusted[venue]) {
            let Self { feeds, directory, events, .. } = self;
            feeds[venue].distrust(directory, now_ns, &mut |event| events.push(*event));
            self.market(now_ns);
        }
    }

    pub fn on_packet(&mut self, now_ns: u64, venue: u8, line: u8, bytes: &[u8]) {
        let Self { feeds, directory, events, .. } = self;
        let (feed, line) = (&mut feeds[usize::from(venue)], usize::from(line));
        feed.on_packet(directory, line, bytes, now_ns, now_ns, &mut |event| events.push(*event));
        self.market(now_ns);
    }

    pub fn on_answer(&mut self, now_ns: u64, venue: u8, bytes: &[u8]) {
        let Self { feeds, directory, events, .. } = self;
        let feed = &mut feeds[usize::from(venue)];
        feed.on_retransmission(directory, bytes, now_ns, &mut |event| events.push(*event));
        self.market(now_ns);
    }

    pub fn on_snapshot(&mut self, now_ns: u64, venue: u8, snapshot: Snapshot) {
        self.fetching[usize::from(venue)] = false;
        let Self { feeds, directory, events, .. } = self;
        let feed = &mut feeds[usize::from(venue)];
        let _ = feed.load(Box::new(snapshot), directory, now_ns, &mut |event| events.push(*event));
        self.market(now_ns);
    }

    /// What time demands of a feed: perhaps a request to a server of it.
    pub fn on_feed_time(&mut self, now_ns: u64, venue: usize) -> Option<FeedWants> {
        if self.feeds[venue].is_loading() {
            self.point(Point::DuringSnapshot);
        }
        let Self { feeds, directory, events, .. } = self;
        let feed = &mut feeds[venue];
        let action = feed.on_time(directory, now_ns, &mut |event| events.push(*event));
        let _ = feed.take_loaded();
        let session = feed.arbiter().session();
        self.market(now_ns);
        match (action?, session) {
            (Action::Request { sequence, count }, Some(session)) => {
                Some(FeedWants::Packets(Request { session, sequence, count }.encode().to_vec()))
            }
            (Action::Snapshot, _) if !self.fetching[venue] => {
                self.fetching[venue] = true;
                self.point(Point::DuringSnapshot);
                Some(FeedWants::Snapshot)
            }
            _ => None,
        }
    }

    /// Whether a feed needs to be looked at often.
    pub fn is_busy(&self, venue: usize) -> bool {
        self.feeds[venue].is_loading() || self.feeds[venue].arbiter().state() != FeedState::Live
    }

    /// Bytes of a venue.
    pub fn receive(&mut self, now_ns: u64, venue: u8, bytes: &[u8]) {
        self.point(Point::BeforeReceive);
        let Self { entry, executions, .. } = self;
        let before = executions.len();
        entry.receive(venue, now_ns, bytes, &mut |execution| executions.push_back(execution));
        if self.executions.len() > before {
            self.point(Point::AfterReceive);
        }
    }

    /// Decide hears what order entry has for it.
    pub fn hand_over_executions(&mut self, now_ns: u64) {
        while let Some(execution) = self.executions.pop_front() {
            let Some(execution) = self.mutated(execution) else { continue };
            let time_ns = self.core().time_ns().max(now_ns);
            let execution = Execution { time_ns, ..execution };
            self.input(now_ns, Input::Execution(execution), |decide, stamps, sink| {
                decide.execution(&execution, stamps, sink)
            })
            .expect("no book is touched");
            self.point(Point::AfterExecution);
        }
    }

    /// What a deliberate mistake makes of an execution.
    fn mutated(&mut self, execution: Execution) -> Option<Execution> {
        let is_fill = matches!(execution.kind, ExecutionKind::Fill | ExecutionKind::PartialFill);
        match self.mutation.filter(|_| self.is_mutated) {
            Some(Mutation::FillTwice) if is_fill => {
                self.is_mutated = false;
                let exec_id = execution.exec_id + 1_000_000_000;
                self.executions.push_front(Execution { exec_id, ..execution });
            }
            Some(Mutation::CancelWithheld) if execution.kind == ExecutionKind::Canceled => {
                self.is_mutated = false;
                return None;
            }
            _ => {}
        }
        Some(execution)
    }

    /// Order entry looks into the ring.
    pub fn drain_ring(&mut self, now_ns: u64) {
        while let Some(order) = self.ring.pop_front() {
            let Self { entry, is_connected, executions, log, .. } = self;
            encode(entry, is_connected, &order, now_ns, executions, log);
        }
    }

    /// A command of a person. At a kill of everything what order entry has not seen does not leave. (The kill word itself is
    /// the whole process's, and many seeds run in one.)
    pub fn command(&mut self, now_ns: u64, command: Command) {
        let time_ns = self.core().time_ns().max(now_ns);
        if matches!(command, Command::Kill { scope: Scope::All, .. }) {
            while let Some(order) = self.ring.pop_front() {
                self.executions.extend(not_sent(&order, order.time_ns, RejectReason::NotConnected));
            }
        }
        self.input(now_ns, Input::Command { time_ns, command }, |decide, stamps, sink| {
            decide.command(time_ns, command, stamps, sink)
        })
        .expect("no book is touched");
    }

    pub const fn timer_ns(&self) -> u64 {
        self.timer.due_ns()
    }

    pub fn on_timer(&mut self, now_ns: u64) {
        self.timer.start(now_ns);
        if self.timer.due_ns() <= now_ns {
            let due_ns = self.timer.due_ns();
            self.input(now_ns, Input::Timer { due_ns }, |decide, stamps, sink| {
                decide.timer(due_ns, stamps, sink)
            })
            .expect("no book is touched");
            self.timer.skip_to(now_ns);
        }
    }

    /// What the monitor has not been told yet. An input that the journal did not take is none, since the next process does not
    /// know of it: that is read from the journal in `root`.
    pub fn take_log(&mut self, root: &Path) -> Vec<Logged> {
        let mut log = std::mem::take(&mut self.log);
        let Some(at) = self.unsure.take() else { return log };
        let last = DecideReader::open(&root.join(format!("run-{}", self.number))).ok().and_then(|records| {
            records.filter_map(|record| record.ok()).filter(|record| record.record.is_input()).last()
        });
        let is_on_record = match (&log[at], last.map(|last| last.record)) {
            (Logged::Input(Input::Execution(one)), Some(DecideRecord::Execution(other))) => *one == other,
            (Logged::Input(Input::Command { command, .. }), Some(DecideRecord::Command(other))) => {
                *command == other
            }
            _ => false,
        };
        if !is_on_record {
            log.remove(at);
        }
        log
    }

    /// Housekeeping, while the disk has room.
    pub fn keep_journal(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.poll().expect("a disk with room");
        }
    }

    /// The process ends by itself: both journals are closed. Gives the core back.
    pub fn finish(mut self, now_ns: u64) -> Result<DecisionCore, String> {
        self.keep_journal();
        let (core, recorder) = self.decide.finish();
        let digest = self.digest.finish().map_err(|_| "the digest's sender lives".to_owned())?;
        let recorder = recorder.ok_or("no journal")?;
        let book_hash = core.book_hash();
        recorder.finish(now_ns, digest.finish(), book_hash).map_err(|error| error.to_string())?;
        let writer = self.entry.finish().ok_or("no journal")?;
        writer.close(now_ns).map_err(|error| error.to_string())?;
        let keeper = self.keeper.take().ok_or("no keeper")?;
        keeper.finish().map_err(|error| error.to_string())?;
        Ok(core)
    }
}

/// What a feed asks its servers for.
pub enum FeedWants {
    Packets(Vec<u8>),
    Snapshot,
}

/// Puts a process where the former one was: what the live run does for `--resume`. Answers what the former one had received
/// and not heard.
fn resume(
    plan: &Plan,
    day: &Day,
    former: &Path,
    number: u64,
    into: &mut DecisionCore,
    recorder: &mut RunRecorder,
    entry: &mut OrderEntry,
) -> Result<Vec<Execution>, String> {
    let (ended, _) = journal_replay::replay_into(former, core(plan, day, number - 1))
        .map_err(|error| format!("the journal of run {}: {error}", number - 1))?;
    let replayed = ended.carried([0; 32]);
    let mut followed = ledger(plan, day)?;
    for record in DecideReader::open(former).map_err(|error| error.to_string())? {
        let record = record.map_err(|error| error.to_string())?;
        followed.apply(&record).map_err(|error| error.to_string())?;
    }
    let heard = followed.heard().clone();
    let followed = followed.carried([0; 32]).map_err(|error| error.to_string())?;
    same(&replayed, &followed)?;
    // Both are ways that a run goes on by.
    let carried = if (plan.seed + number).is_multiple_of(2) { replayed } else { followed };
    let mut unheard = Vec::new();
    for (venue, settings) in (0..).zip(&day.config.venues) {
        let session = startup::session_config(settings).map_err(|error| error.to_string())?;
        let stored = session_store::read(former, venue, &session, heard.of(venue))
            .map_err(|error| error.to_string())?;
        let Some(stored) = stored else { continue };
        if stored.last_cl_ord_id % 100_000_000 >= carried.next_counter {
            return Err(format!(
                "order entry sent {}, which decide has not on record",
                stored.last_cl_ord_id
            ));
        }
        entry.resume(venue, stored.next_outgoing, stored.next_incoming);
        unheard.extend(stored.unheard);
    }
    let ledger = ledger(plan, day)?.restored(&carried, &Heard::default());
    let mut ledger = ledger.map_err(|error| error.to_string())?;
    ledger.hear(&unheard).map_err(|error| error.to_string())?;
    let carried = ledger.carried([0; 32]).map_err(|error| error.to_string())?;
    into.resume(&carried).map_err(|error| error.to_string())?;
    recorder.resumed(&carried).map_err(|error| error.to_string())?;
    Ok(unheard)
}

/// A ledger of the day: what `warptick run --resume` reads a journal with.
fn ledger(plan: &Plan, day: &Day) -> Result<Ledger, String> {
    let universe = LiveUniverse::new(&day.config).map_err(|error| error.to_string())?;
    let instruments: Vec<u32> = (0..day.config.instruments.len() as u32).collect();
    let declared = vec![instruments.as_slice(); usize::from(plan.strategies)];
    let risk = startup::risk(&universe, &day.config, &declared).map_err(|error| error.to_string())?;
    let sizes = LedgerSizes::of(&day.config).map_err(|error| error.to_string())?;
    Ok(Ledger::new(sizes, risk))
}

/// Whether two ways to the state of a run end in the same one. What only market data tells is not in a ledger: prices, and the
/// best that the day stood at. And a replay decides all that the last input led to, of which a process that died has not
/// all on record: what it was about may differ then.
fn same(replayed: &CarriedState, followed: &CarriedState) -> Result<(), String> {
    let on_record = followed.next_counter.min(replayed.next_counter);
    let is_ahead = replayed.next_counter != followed.next_counter;
    let comparable = |state: &CarriedState| {
        let mut state = state.clone();
        state.accounts.iter_mut().for_each(|account| account.mark = 0);
        (state.best_worth, state.worths) = (0, Vec::new());
        // Whoever resumes asks about all of them.
        state.orders.iter_mut().for_each(|order| (order.doubt, order.request) = (Doubt::ToAsk, 0));
        if is_ahead {
            let is_known = |id: u64| id % 100_000_000 < on_record;
            state.orders.retain(|order| is_known(order.cl_ord_id));
            for order in &mut state.orders {
                (order.pending_id, order.pending_price, order.pending_quantity) = (0, 0, 0);
                (order.since_ns, order.asked_ns, order.reserved) = (0, 0, 0);
                order.state = OrderState::Live;
            }
            (state.next_counter, state.messages) = (0, 0);
        }
        state
    };
    let (replayed, followed) = (comparable(replayed), comparable(followed));
    if replayed == followed {
        return Ok(());
    }
    let (replayed, followed) = (format!("{replayed:#?}"), format!("{followed:#?}"));
    let differ = replayed.lines().zip(followed.lines()).find(|(one, other)| one != other);
    Err(format!("the whole replay and the ledger differ: {differ:?}"))
}
