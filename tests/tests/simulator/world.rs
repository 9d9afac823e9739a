//! The whole day in virtual time on one thread: the market, the venues, the network and the engine's processes, one
//! event after the other, and after each of them the invariants that cost little.

mod connections;
mod operator;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use engine::control::limits_desk::LimitsDesk;
use engine::order::Execution;
use engine::pipeline::operator::{KillCause, Scope};
use engine::venue::desk::Acceptor;
use warptick_tests::chatter::Dice;

use crate::engine::{Died, Engine, FeedWants, Logged, REORDER_WAIT_NS, SlowRing};
use crate::faults::{Fault, Kind, Point};
use crate::feed_watch::FeedWatch;
use crate::invariants;
use crate::monitor::Monitor;
use crate::network::{Arrival, Network, TO_CLIENT, TO_VENUE};
use crate::plan::{Day, Plan, VENUES};
use crate::story::{Broken, Story};
use crate::tally::Tally;
use crate::venue::Venue;

const MS: u64 = 1_000_000;

/// Between two looks at feeds that are well, and at such that are not.
const CALM_TICK_NS: u64 = 20 * MS;
const BUSY_TICK_NS: u64 = MS;

/// Events between two looks at what costs a little.
const CHECK_EVERY: u64 = 16;

/// See the module's text.
pub struct World<'a> {
    plan: &'a Plan,
    day: &'a Day,
    root: &'a Path,
    now_ns: u64,
    network: Network,
    venues: Vec<Venue<'a>>,
    monitor: Monitor,
    engine: Option<Engine>,
    /// Processes so far.
    processes: u64,
    /// What the process that died had for decide; `None`: it is not certain what its journals took.
    unheard: Option<Vec<Execution>>,
    /// When the one that is armed to die comes back.
    restart_after_ns: u64,
    next_event: usize,
    watches: [FeedWatch; VENUES],
    tick_ns: u64,
    disk_full_until_ns: u64,
    is_calm: bool,
    dice: Dice,
    steps: u64,
    desk: LimitsDesk,
    /// What the engine has stopped.
    stops: Vec<(Scope, KillCause)>,
    tally: Tally,
}

/// Runs a plan in an empty directory.
///
/// # Errors
/// The first invariant that is broken.
pub fn run(plan: &Plan, day: &Day, root: &Path, story: &mut Story) -> Result<Tally, Broken> {
    let mut world = World {
        plan,
        day,
        root,
        now_ns: day.start_ns,
        network: Network::new(plan.seed),
        venues: Venue::all(day),
        monitor: Monitor::new(&day.config, VENUES, usize::from(plan.strategies)),
        engine: None,
        processes: 0,
        unheard: None,
        restart_after_ns: 0,
        next_event: 0,
        watches: <[FeedWatch; VENUES]>::default(),
        tick_ns: 0,
        disk_full_until_ns: 0,
        is_calm: false,
        dice: Dice::new(plan.seed ^ 0x0077_6f72_6c64),
        steps: 0,
        desk: operator::desk(plan, day),
        stops: Vec::new(),
        tally: Tally { days: 1, ..Tally::default() },
    };
    world.network.push(0, Arrival::Restart);
    for (number, fault) in plan.faults.iter().enumerate() {
        world.network.push(day.start_ns + fault.at_us * 1_000, Arrival::Fault(number));
    }
    while world.advance(story)? {}
    world.end()
}

/// What a panic says.
pub fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

impl World<'_> {
    /// The next thing that happens; `false` when the day is over.
    fn advance(&mut self, story: &mut Story) -> Result<bool, Broken> {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.step(story)));
        let going_on = match outcome {
            Ok(outcome) => outcome?,
            Err(payload) => match payload.downcast::<Died>() {
                Ok(died) => {
                    self.tell_monitor()?;
                    self.crash(died.0, story);
                    true
                }
                Err(payload) => return Err(Broken::new("PANIC", words(payload.as_ref()))),
            },
        };
        self.steps += 1;
        if let Some(engine) = &self.engine {
            invariants::blocks(engine.core(), &self.monitor.told)?;
            self.note_stops(story);
        }
        if self.steps.is_multiple_of(CHECK_EVERY)
            && let Some(engine) = &self.engine
        {
            invariants::exposure(engine.core(), self.day)?;
        }
        Ok(going_on)
    }

    fn step(&mut self, story: &mut Story) -> Result<bool, Broken> {
        let market_ns = self.day.events.get(self.next_event).map_or(u64::MAX, |event| event.receive_ns);
        let (mut due_ns, mut what) = (market_ns, (0, 0));
        let mut consider = |time_ns: u64, which: (u8, usize)| {
            if time_ns < due_ns {
                (due_ns, what) = (time_ns, which);
            }
        };
        consider(self.network.next_ns(), (1, 0));
        for (number, venue) in self.venues.iter().enumerate() {
            consider(venue.next_timer_ns(), (2, number));
            consider(venue.next_feed_timer_ns(), (3, number));
        }
        if let Some(engine) = &self.engine {
            consider(self.tick_ns, (4, 0));
            consider(engine.entry.next_timer_ns(), (5, 0));
            consider(engine.timer_ns(), (6, 0));
            consider(engine.slow.map_or(u64::MAX, |slow| slow.next_ns), (7, 0));
        }
        if due_ns >= self.day.end_ns {
            return Ok(false);
        }
        self.now_ns = self.now_ns.max(due_ns);
        let now_ns = self.now_ns;
        if !self.is_calm && now_ns >= self.day.quiet_ns {
            self.calm_down();
        }
        match what {
            (0, _) => {
                let event = self.day.events[self.next_event];
                self.next_event += 1;
                let Self { venues, network, .. } = self;
                venues[usize::from(event.venue)]
                    .on_market(&event, &mut |packet| network.send_packet(now_ns, event.venue, packet));
            }
            (1, _) => {
                if let Some(arrival) = self.network.pop() {
                    self.arrive(arrival, story)?;
                }
            }
            (2, venue) => self.venues[venue].gateway.on_timer(now_ns),
            (3, venue) => {
                let Self { venues, network, .. } = self;
                let send = &mut |packet: &[u8]| network.send_packet(now_ns, venue as u8, packet);
                venues[venue].on_feed_timer(now_ns, send);
            }
            (4, _) => self.tick(),
            (which, _) => self.engine_timer(which),
        }
        self.settle(story)?;
        Ok(true)
    }

    fn calm_down(&mut self) {
        self.is_calm = true;
        self.network.calm_down();
        self.disk_full_until_ns = 0;
        if let Some(engine) = &mut self.engine {
            engine.armed = None;
            engine.entry.set_utc_offset(0);
        }
    }

    fn engine_timer(&mut self, which: u8) {
        let now_ns = self.now_ns;
        let Some(engine) = &mut self.engine else { return };
        match which {
            5 => engine.entry.on_timer(now_ns),
            6 => engine.on_timer(now_ns),
            _ => {
                engine.drain_ring(now_ns);
                engine.hand_over_executions(now_ns);
                if let Some(slow) = &mut engine.slow {
                    slow.next_ns = now_ns + slow.every_ns;
                }
                if engine.slow.is_some_and(|slow| slow.until_ns <= now_ns) {
                    engine.drain_ring(now_ns);
                    engine.slow = None;
                }
                self.network.counts.done(Kind::Slow);
            }
        }
    }

    /// The engine looks after its feeds.
    fn tick(&mut self) {
        let now_ns = self.now_ns;
        let Self { engine: Some(engine), network, watches, dice, .. } = self else { return };
        let mut is_busy = false;
        for (venue, watch) in watches.iter().enumerate() {
            match engine.on_feed_time(now_ns, venue) {
                Some(FeedWants::Packets(bytes)) => {
                    network.push(now_ns + 30_000, Arrival::Request { venue: venue as u8, bytes });
                }
                Some(FeedWants::Snapshot) => {
                    let due_ns = now_ns + 2 * MS + dice.below(20 * MS);
                    network.push(due_ns, Arrival::Snapshot { venue: venue as u8 });
                }
                None => {}
            }
            is_busy |= engine.is_busy(venue) || watch.missing_for_ns(now_ns) > 0;
        }
        self.tick_ns = now_ns + if is_busy { BUSY_TICK_NS } else { CALM_TICK_NS };
        engine.on_timer(now_ns);
    }

    fn arrive(&mut self, arrival: Arrival, story: &mut Story) -> Result<(), Broken> {
        let now_ns = self.now_ns;
        match arrival {
            Arrival::Packet { venue, line, bytes } => {
                let Some(engine) = &mut self.engine else { return Ok(()) };
                self.watches[usize::from(venue)].on_packet(now_ns, &bytes);
                if self.watches[usize::from(venue)].missing_for_ns(now_ns + 1) > 0 {
                    self.tick_ns = self.tick_ns.min(now_ns + BUSY_TICK_NS);
                }
                engine.on_packet(now_ns, venue, line, &bytes);
            }
            Arrival::Request { venue, bytes } => {
                if self.network.servers_answer(now_ns, venue) {
                    let Self { venues, network, .. } = self;
                    venues[usize::from(venue)].on_request(&bytes, &mut |packet| {
                        network.push(now_ns + 30_000, Arrival::Answer { venue, bytes: packet.to_vec() });
                    });
                }
            }
            Arrival::Answer { venue, bytes } => {
                if let Some(engine) = &mut self.engine {
                    self.watches[usize::from(venue)].on_packet(now_ns, &bytes);
                    engine.on_answer(now_ns, venue, &bytes);
                }
            }
            Arrival::Snapshot { venue } => self.snapshot(venue, story),
            Arrival::ToVenue { venue, epoch, process, left_ns, bytes } => {
                let is_heard = self.venues[usize::from(venue)].is_connected;
                if is_heard && self.network.is_current(venue, TO_VENUE, epoch) {
                    self.monitor.on_requests(usize::from(venue), process, left_ns, &bytes)?;
                    self.venues[usize::from(venue)].gateway.on_bytes(now_ns, &bytes);
                    story.bytes(now_ns, || format!("at venue {venue}: {}", shown(&bytes)));
                }
            }
            Arrival::ToClient { venue, epoch, bytes } => {
                if self.network.is_current(venue, TO_CLIENT, epoch)
                    && let Some(engine) = &mut self.engine
                    && engine.is_connected[usize::from(venue)]
                {
                    story.bytes(now_ns, || format!("from venue {venue}: {}", shown(&bytes)));
                    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
                    if has(b"\x0135=2\x01") || has(b"\x0143=Y\x01") {
                        engine.point(Point::DuringResend);
                    }
                    engine.receive(now_ns, venue, &bytes);
                }
            }
            Arrival::VenueLoses { venue, epoch } => {
                if self.network.is_current(venue, TO_VENUE, epoch) {
                    self.venue_loses(venue, story);
                }
            }
            Arrival::ClientLoses { venue, epoch } => {
                if self.network.is_current(venue, TO_CLIENT, epoch) {
                    self.client_loses(venue, story);
                }
            }
            Arrival::Connects { venue } => self.connect(venue, story),
            Arrival::Restart => self.restart(story)?,
            Arrival::ClockIsBack => {
                if let Some(engine) = &mut self.engine {
                    engine.entry.set_utc_offset(0);
                }
            }
            Arrival::GoesOn(scope) => self.goes_on(scope, story),
            Arrival::Confirms(proposal) => self.confirms(proposal, story),
            Arrival::Fault(number) => self.fault(self.plan.faults[number], story),
        }
        Ok(())
    }

    fn snapshot(&mut self, venue: u8, story: &mut Story) {
        let Some(engine) = self.engine.as_mut().filter(|engine| engine.fetching[usize::from(venue)]) else {
            return;
        };
        if !self.network.servers_answer(self.now_ns, venue) {
            engine.fetching[usize::from(venue)] = false;
            return;
        }
        let snapshot = self.venues[usize::from(venue)].snapshot();
        story.note(self.now_ns, || format!("snapshot of venue {venue} up to {}", snapshot.next_sequence));
        self.tally.snapshots += 1;
        self.watches[usize::from(venue)].on_snapshot(self.now_ns, snapshot.next_sequence);
        self.tick_ns = self.tick_ns.min(self.now_ns + BUSY_TICK_NS);
        engine.on_snapshot(self.now_ns, venue, snapshot);
    }

    fn fault(&mut self, fault: Fault, story: &mut Story) {
        let now_ns = self.now_ns;
        story.note(now_ns, || format!("FAULT {fault}"));
        self.network.counts.begun(fault.kind);
        let venue = usize::from(fault.venue);
        match fault.kind {
            Kind::Drop => {
                if self.engine.as_ref().is_some_and(|engine| engine.is_connected[venue]) {
                    self.network.counts.done(Kind::Drop);
                    self.cut(fault.venue, fault.way, story);
                }
            }
            Kind::Crash => {
                self.restart_after_ns = fault.span_us * 1_000;
                if let Some(engine) = &mut self.engine {
                    engine.armed = Some(Point::of(fault.amount));
                }
            }
            Kind::Clock => {
                let offset_ns = i64::from(fault.amount) * 1_000_000 * if fault.way == 0 { 1 } else { -1 };
                if let Some(engine) = &mut self.engine {
                    self.network.counts.done(Kind::Clock);
                    engine.entry.set_utc_offset(offset_ns);
                }
                self.network.push(now_ns + fault.span_us * 1_000, Arrival::ClockIsBack);
            }
            Kind::DiskFull => self.disk_full_until_ns = now_ns + fault.span_us * 1_000,
            Kind::Slow => {
                if let Some(engine) = self.engine.as_mut().filter(|engine| engine.slow.is_none()) {
                    engine.slow = Some(SlowRing {
                        slots: fault.amount as usize,
                        every_ns: u64::from(fault.way) * MS,
                        next_ns: now_ns,
                        until_ns: now_ns + fault.span_us * 1_000,
                    });
                }
            }
            Kind::Kill | Kind::Halt | Kind::Reset | Kind::Limits => self.operator(fault, story),
            Kind::Bust => {
                let Some(change) = self.monitor.change_for(venue, fault.way == 1, fault.amount) else {
                    return;
                };
                if self.venues[venue].gateway.change_trade(now_ns, &change) {
                    story.note(now_ns, || format!("venue {venue}: {change:?}"));
                    self.network.counts.done(Kind::Bust);
                    self.monitor.forget_fill(venue, change.exec_id);
                }
            }
            _ => self.network.begin(now_ns, fault),
        }
    }

    /// Executions become inputs, what waits is carried, the journal is kept.
    fn settle(&mut self, story: &mut Story) -> Result<(), Broken> {
        let now_ns = self.now_ns;
        if let Some(engine) = &mut self.engine {
            if engine.slow.is_none() {
                engine.hand_over_executions(now_ns);
            }
            if now_ns >= self.disk_full_until_ns {
                engine.keep_journal();
            }
            self.tell_monitor()?;
            let Some(engine) = &mut self.engine else { return Ok(()) };
            let new_orders = std::mem::take(&mut engine.new_orders);
            for (venue, count) in new_orders.into_iter().enumerate() {
                let missing_ns = self.watches[venue].missing_for_ns(now_ns);
                if count > 0 && missing_ns > REORDER_WAIT_NS + 2 * BUSY_TICK_NS {
                    let what =
                        format!("{count} orders to venue {venue}, messages missing for {missing_ns} ns");
                    return Err(Broken::new("STALE_BOOK", what));
                }
            }
            if engine.has_stopped() {
                story.note(now_ns, || "the engine stops: its journal takes nothing more".to_owned());
                self.tally.stops_for_the_journal += 1;
                self.network.counts.done(Kind::DiskFull);
                let wait_ns = self.disk_full_until_ns.saturating_sub(now_ns) + 20 * MS;
                self.end_process(wait_ns, story);
            }
        }
        for venue in 0..VENUES as u8 {
            self.carry(venue, story)?;
        }
        Ok(())
    }

    /// What has been stopped since the last event, for the table of them.
    fn note_stops(&mut self, story: &mut Story) {
        let Some(engine) = &self.engine else { return };
        let stops = engine.core().risk().blocks();
        if !stops.any() {
            self.stops.clear();
            return;
        }
        let stops: Vec<_> = stops.iter().collect();
        if stops.len() == self.stops.len() {
            return;
        }
        for (scope, cause) in stops.iter().filter(|stop| !self.stops.contains(stop)) {
            story.note(self.now_ns, || format!("{scope:?} is stopped: {}", cause.name()));
            *self.tally.stops.entry(operator::stop_name(*scope, *cause)).or_default() += 1;
        }
        self.stops = stops;
    }

    /// The monitor hears what the engine was given and what came of it.
    fn tell_monitor(&mut self) -> Result<(), Broken> {
        let Some(engine) = &mut self.engine else { return Ok(()) };
        for logged in engine.take_log(self.root) {
            match logged {
                Logged::Input(input) => self.monitor.on_input(&input),
                Logged::Decided(cl_ord_id, strategy) => {
                    self.monitor.told.decided(cl_ord_id, usize::from(strategy));
                }
                Logged::Written(venue, bytes) => {
                    let left = (self.processes, self.now_ns);
                    self.monitor.on_written(usize::from(venue), left, &bytes)?;
                }
            }
        }
        Ok(())
    }

    /// Both sides are quiet: what they say of the day must be the same, and the journals must say it too.
    fn end(mut self) -> Result<Tally, Broken> {
        let Some(engine) = self.engine.take() else {
            return Err(Broken::new("PROCESS", "no engine at the end of the day"));
        };
        self.count(&engine);
        let core = engine.core();
        invariants::exposure(core, self.day)?;
        self.monitor.check_rate()?;
        self.monitor.check_duplicates()?;
        invariants::agree(core, &self.monitor, &self.venues)?;
        self.tally.limit_changes = self.monitor.told.changes;
        self.tally.resets = self.monitor.told.resets;
        self.tally.open_at_the_end = u64::from(core.orders().live());
        engine.finish(self.now_ns).map_err(|what| Broken::new("JOURNAL", what))?;
        invariants::journals(self.plan, self.day, self.root, self.processes, &self.monitor)?;
        self.tally.wire = self.monitor.counts;
        self.tally.processes = self.processes;
        self.tally.faults = self.network.counts;
        Ok(self.tally)
    }
}

/// Messages for people, without what every one has.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let hidden = ["8", "9", "10", "49", "56", "52"];
    let fields = text.split('\x01').filter(|field| {
        !field.is_empty() && field.split_once('=').is_none_or(|(tag, _)| !hidden.contains(&tag))
    });
    fields.collect::<Vec<_>>().join("|")
}
