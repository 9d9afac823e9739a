//! Order entry and the simulated venues with a proxy between them that drops, duplicates, truncates, delays, splits and
//! resets, in virtual time: when it is quiet again, both sides agree on every order, and none was doubled.
//!
//! `cargo test` runs some seeds; `WARPTICK_SEEDS=500 cargo test -p warptick-tests --test fault_proxy` runs as many as it
//! says. A failure prints its seed; `WARPTICK_SEED=N` runs that one.

use std::collections::{BTreeMap, VecDeque};

use engine::control::config::{Config, LimitsConfig, RiskConfig};
use engine::control::journal::{self, JournalKeeper, JournalOptions, JournalThread};
use engine::control::session_store;
use engine::control::startup;
use engine::fix::identity::SessionIds;
use engine::fix::session::SessionConfig;
use engine::order::{ClOrdId, Execution, ExecutionKind, OrderAction};
use engine::pipeline::decision_core::{Actions, DecisionCore, Input, NoProbe};
use engine::pipeline::order_entry::{OrderEntry, not_sent};
use engine::pipeline::order_table::{Doubt, OrderState};
use engine::strategy::Strategy;
use engine::venue::desk::Acceptor;
use engine::venue::front::VenueFront;
use engine::venue::{ClOrdIdText, OrderStatus};
use feeds::source::synthetic::{MARKET_OPEN_NS, SyntheticConfig};
use warptick_tests::captures::{generated, inputs, map_times};
use warptick_tests::chatter::{Chatter, Dice};

/// Seeds of the ordinary run.
const SEEDS: u64 = 50;
const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
/// Market time during which the proxy misbehaves.
const TROUBLE_NS: u64 = 40 * SECOND;
/// Time after that in which both sides come to agree.
const CALM_NS: u64 = 60 * SECOND;
const HEARTBEAT_S: u32 = 2;
const OPEN_ORDERS_MAX: usize = 4_096;

/// One direction of a connection: pieces and when they arrive.
#[derive(Default)]
struct Wire {
    pieces: VecDeque<(u64, Vec<u8>)>,
    last_ns: u64,
}

impl Wire {
    /// Takes bytes in and does to them what a bad proxy does; `false` where it resets the connection.
    fn send(&mut self, now_ns: u64, mut bytes: &[u8], fault: Option<&mut Dice>) -> bool {
        let Some(dice) = fault else {
            self.push(now_ns + 50_000, bytes.to_vec());
            return true;
        };
        while !bytes.is_empty() {
            // Whole, or split anywhere, down to single bytes.
            let length = match dice.below(4) {
                0 => 1 + dice.below(bytes.len() as u64) as usize,
                1 => 1 + dice.below(8.min(bytes.len() as u64)) as usize,
                _ => bytes.len(),
            };
            let (piece, rest) = bytes.split_at(length);
            bytes = rest;
            let due_ns = now_ns + 10_000 + dice.below(2 * MS);
            match dice.below(400) {
                0 => {}
                1 => {
                    self.push(due_ns, piece.to_vec());
                    self.push(due_ns, piece.to_vec());
                }
                2 => self.push(due_ns, piece[..dice.below(piece.len() as u64) as usize].to_vec()),
                3 => self.push(due_ns + dice.below(3 * SECOND), piece.to_vec()),
                4 if dice.below(3) == 0 => return false,
                _ => self.push(due_ns, piece.to_vec()),
            }
        }
        true
    }

    /// Bytes of a stream do not overtake each other.
    fn push(&mut self, due_ns: u64, bytes: Vec<u8>) {
        self.last_ns = self.last_ns.max(due_ns);
        self.pieces.push_back((self.last_ns, bytes));
    }

    fn due_ns(&self) -> u64 {
        self.pieces.front().map_or(u64::MAX, |piece| piece.0)
    }
}

/// The two directions to one venue, and when a lost connection is tried again.
#[derive(Default)]
struct Line {
    to_venue: Wire,
    to_client: Wire,
    /// `None` while connected.
    retry_ns: Option<u64>,
}

/// What the client side knows of an order, by the ClOrdID that it was entered with.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    filled: u64,
    closed: bool,
    venue: u8,
}

struct World {
    seed: u64,
    /// Where order entry's journal is, and who keeps it.
    journal: (tempfile::TempDir, JournalKeeper),
    sessions: Vec<SessionConfig>,
    dice: Dice,
    core: DecisionCore,
    actions: Actions,
    entry: OrderEntry,
    gateways: Vec<VenueFront>,
    lines: Vec<Line>,
    now_ns: u64,
    trouble_until_ns: u64,
    executions: VecDeque<Execution>,
    known: BTreeMap<ClOrdId, Known>,
    /// The id that an order was entered with, by each id that it had since.
    root: BTreeMap<ClOrdId, ClOrdId>,
    resets: u64,
}

impl World {
    fn input(&mut self, input: Input<'_>) {
        let before = match input {
            Input::Execution(execution) => self.core.orders().get(execution.cl_ord_id).copied(),
            _ => None,
        };
        let refused = self.core.counters().executions_refused;
        self.core.on_input(input, &mut NoProbe, &mut self.actions).expect("a market that fits its books");
        if let Input::Execution(execution) = input
            && self.core.counters().executions_refused > refused
        {
            println!("seed {}: refused {execution:?} about {before:?}", self.seed);
        }
        if let (Input::Execution(execution), Some(before)) = (input, before) {
            let root = self.root[&before.cl_ord_id];
            let known = self.known.get_mut(&root).expect("an order that was entered");
            let after =
                self.core.orders().get(before.cl_ord_id).or(self.core.orders().get(execution.cl_ord_id));
            match after {
                Some(order) => known.filled = order.cumulative,
                None => {
                    let fills = matches!(execution.kind, ExecutionKind::Fill | ExecutionKind::StatusDone);
                    known.filled = if fills { execution.cumulative_quantity } else { before.cumulative };
                    known.closed = true;
                }
            }
        }
        let orders: Vec<_> = self.actions.drain().collect();
        for order in orders {
            match order.action {
                OrderAction::New => {
                    self.root.insert(order.cl_ord_id, order.cl_ord_id);
                    self.known.insert(order.cl_ord_id, Known { venue: order.venue, ..Known::default() });
                }
                OrderAction::Replace => {
                    let root = self.root[&order.orig_cl_ord_id];
                    self.root.insert(order.cl_ord_id, root);
                }
                OrderAction::Cancel | OrderAction::Status => {}
            }
            if let Err(reason) = self.entry.encode(&order, self.now_ns) {
                self.executions.extend(not_sent(&order, self.now_ns, reason));
            }
        }
    }

    /// What a process that was killed now would go on with is what this one would.
    fn check_store(&mut self) {
        self.journal.1.poll().expect("a journal that can be kept");
        for (venue, config) in self.sessions.iter().enumerate() {
            let stored =
                session_store::read(self.journal.0.path(), venue as u16, config).expect("a whole journal");
            let stored = stored.map(|stored| (stored.next_outgoing, stored.next_incoming));
            let Some(stored) = stored else { continue };
            let now = self.entry.sequence_numbers(venue as u8);
            assert_eq!(Some(stored), now, "seed {}: venue {venue}", self.seed);
        }
    }

    fn is_troubled(&self) -> bool {
        self.now_ns < self.trouble_until_ns
    }

    /// Carries what waits on both sides of a line.
    fn carry(&mut self, venue: usize) {
        if self.lines[venue].retry_ns.is_some() {
            return;
        }
        let troubled = self.is_troubled();
        let Self { entry, gateways, lines, dice, now_ns, .. } = self;
        let line = &mut lines[venue];
        let mut whole = true;
        let pending = entry.pending(venue as u8).to_vec();
        if !pending.is_empty() {
            entry.consume(venue as u8, pending.len());
            whole &= line.to_venue.send(*now_ns, &pending, troubled.then_some(&mut *dice));
        }
        let pending = gateways[venue].pending().to_vec();
        if !pending.is_empty() {
            gateways[venue].consume(pending.len());
            whole &= line.to_client.send(*now_ns, &pending, troubled.then_some(&mut *dice));
        }
        // What a side wants said before it closes is on the wire; the close follows it at once.
        if !whole || entry.wants_close(venue as u8) || gateways[venue].wants_close() {
            self.cut(venue);
        }
    }

    fn cut(&mut self, venue: usize) {
        self.resets += 1;
        let wait_ns = 10 * MS + self.dice.below(SECOND);
        self.lines[venue] = Line { retry_ns: Some(self.now_ns + wait_ns), ..Line::default() };
        self.entry.disconnected(venue as u8);
        self.gateways[venue].disconnected(self.now_ns);
    }

    /// The next thing that happens apart from the market, if it is due before `until_ns`.
    fn advance(&mut self, until_ns: u64) -> bool {
        let mut next = (until_ns, usize::MAX, 0);
        for (venue, line) in self.lines.iter().enumerate() {
            let gateway_ns = self.gateways[venue].next_timer_ns();
            let times = [
                line.retry_ns.unwrap_or(u64::MAX),
                line.to_venue.due_ns(),
                line.to_client.due_ns(),
                if line.retry_ns.is_none() { gateway_ns } else { u64::MAX },
            ];
            for (what, &time_ns) in times.iter().enumerate() {
                if time_ns < next.0 {
                    next = (time_ns, venue, what);
                }
            }
        }
        let timer_ns = self.entry.next_timer_ns();
        if timer_ns < next.0 {
            next = (timer_ns, 0, 4);
        }
        let (time_ns, venue, what) = next;
        if venue == usize::MAX {
            self.now_ns = self.now_ns.max(until_ns);
            return false;
        }
        self.now_ns = self.now_ns.max(time_ns);
        let now_ns = self.now_ns;
        match what {
            0 => {
                self.lines[venue].retry_ns = None;
                self.gateways[venue].connected(now_ns);
                self.entry.connected(venue as u8, now_ns);
            }
            1 => {
                let (_, bytes) = self.lines[venue].to_venue.pieces.pop_front().expect("a piece");
                self.gateways[venue].on_bytes(now_ns, &bytes);
            }
            2 => {
                let (_, bytes) = self.lines[venue].to_client.pieces.pop_front().expect("a piece");
                let Self { entry, executions, .. } = self;
                entry.receive(venue as u8, now_ns, &bytes, &mut |execution| executions.push_back(execution));
            }
            3 => self.gateways[venue].on_timer(now_ns),
            _ => self.entry.on_timer(now_ns),
        }
        self.settle();
        true
    }

    /// Executions become inputs, and what they lead to is carried.
    fn settle(&mut self) {
        while let Some(execution) = self.executions.pop_front() {
            self.input(Input::Execution(&execution));
        }
        for venue in 0..self.lines.len() {
            self.carry(venue);
        }
    }

    /// Both sides say the same of every order.
    fn agree(&self) {
        let seed = self.seed;
        let orders = self.core.orders();
        let doubted = (0..OPEN_ORDERS_MAX as u32).filter_map(|slot| orders.in_slot(slot));
        let doubted: Vec<_> = doubted.filter(|order| order.doubt != Doubt::None).collect();
        assert!(doubted.is_empty(), "seed {seed}: in doubt: {doubted:?} {:?}", self.core.counters());
        assert!(!self.core.risk().is_killed(), "seed {seed}: killed");
        let (mut open, mut never_arrived) = (0, 0);
        for (&root, known) in &self.known {
            let text = ClOrdIdText::from_number(root);
            let venue = self.gateways[usize::from(known.venue)].core().order_of(0, &text);
            let ours = orders.get(root).copied().or_else(|| {
                let ids = self.root.iter().filter(|&(_, &entered)| entered == root);
                ids.filter_map(|(&id, _)| orders.get(id)).next().copied()
            });
            match (ours, venue) {
                (Some(order), Some((OrderStatus::New | OrderStatus::PartiallyFilled, filled))) => {
                    open += 1;
                    assert_eq!(order.state, OrderState::Live, "seed {seed}: {order:?}");
                    assert_eq!(filled, order.cumulative, "seed {seed}: {order:?}");
                }
                (None, Some((OrderStatus::Filled | OrderStatus::Canceled, filled))) => {
                    assert_eq!(filled, known.filled, "seed {seed}: order {root} {known:?}");
                }
                (None, None) => {
                    never_arrived += 1;
                    assert_eq!(known.filled, 0, "seed {seed}: order {root} filled and unknown");
                }
                (ours, venue) => panic!("seed {seed}: order {root}: {ours:?} here, {venue:?} at the venue"),
            }
        }
        assert_eq!(open, orders.live(), "seed {seed}: open orders");
        assert_eq!(
            self.gateways.iter().map(|gateway| gateway.core().live_orders()).sum::<usize>(),
            open as usize,
            "seed {seed}: open orders at the venues"
        );
        for instrument in 0..8 {
            let exposure = self.core.risk().exposure(instrument);
            let of = |side| {
                (0..OPEN_ORDERS_MAX as u32)
                    .filter_map(|slot| orders.in_slot(slot))
                    .filter(|order| order.instrument == instrument && order.side == side)
                    .map(|order| order.reserved)
                    .sum::<u64>()
            };
            assert_eq!(exposure.open_buy, of(feeds::event::Side::Buy), "seed {seed}: reserved to buy");
            assert_eq!(exposure.open_sell, of(feeds::event::Side::Sell), "seed {seed}: reserved to sell");
        }
        println!(
            "seed {seed}: {} orders, {open} open, {never_arrived} never arrived or refused, {} connections lost, {:?}",
            self.known.len(),
            self.resets,
            (self.core.counters().status_requests, self.core.counters().orders_not_received)
        );
    }
}

fn run(seed: u64) {
    let mut dice = Dice::new(seed ^ 0xfa17);
    let settings = SyntheticConfig {
        seed,
        messages: 4_000 + dice.below(2_000),
        symbols: 2 + dice.below(3) as usize,
        halts: 0,
        span_ns: Some(TROUBLE_NS + CALM_NS / 2),
        ..SyntheticConfig::default()
    };
    let mut streams = generated(&settings);
    let (first_ns, last_ns) = (MARKET_OPEN_NS - 5 * MS, MARKET_OPEN_NS + TROUBLE_NS + CALM_NS);
    streams.iter_mut().for_each(|stream| map_times(stream, |time_ns| time_ns.clamp(first_ns, last_ns)));
    let inputs = inputs(streams, settings.date);
    let mut config = Config {
        limits: LimitsConfig {
            order_qty_max: 1_000,
            order_notional_max: 100_000_000,
            position_max: 1_000_000,
            collar_bp: 500,
            ..LimitsConfig::default()
        },
        risk: RiskConfig { messages_per_s: 10_000_000, messages_burst: 10_000_000 },
        ..Config::default()
    };
    config.pipeline.messages_max = 100_000;
    config.pipeline.open_orders_max = OPEN_ORDERS_MAX;
    let mut config = startup::complete(&inputs, config).expect("a configuration for these captures");
    config.venues.iter_mut().for_each(|venue| venue.heartbeat_s = HEARTBEAT_S);
    let symbols = settings.symbols as u32;
    let chatters = (0..3).map(|number| {
        Box::new(Chatter::new(seed ^ number << 32, (0..symbols).collect(), 2, 6)) as Box<dyn Strategy>
    });
    let core = startup::decision_core(&inputs, &config, chatters.collect()).expect("a core");
    let directory = tempfile::tempdir().expect("a directory");
    let options = JournalOptions { segment_bytes: 8 << 20, ..JournalOptions::default() };
    let (keeper, mut writers) =
        journal::create(directory.path(), &[JournalThread::OrderEntry], options, b"a test's run")
            .expect("a journal");
    let entry = startup::order_entry(&inputs, &config, writers.pop()).expect("order entry");
    let sessions = config.venues.iter().map(|venue| {
        let ids = SessionIds::new("FIX.4.4", &venue.sender_comp_id, venue.target()).expect("an identity");
        SessionConfig::initiator(ids, venue.heartbeat_s)
    });
    let sessions = sessions.collect();
    let gateways = startup::gateways(&inputs, &config).expect("venues");
    let mut ingest = inputs.ingest(0).expect("an ingest");
    let start_ns = ingest.next_time_ns().expect("messages");
    let lines = gateways.iter().map(|_| Line { retry_ns: Some(start_ns), ..Line::default() }).collect();
    let mut world = World {
        seed,
        journal: (directory, keeper),
        sessions,
        dice,
        actions: Actions::new(core.actions_max()),
        core,
        entry,
        gateways,
        lines,
        now_ns: start_ns,
        trouble_until_ns: start_ns + TROUBLE_NS,
        executions: VecDeque::new(),
        known: BTreeMap::new(),
        root: BTreeMap::new(),
        resets: 0,
    };
    while let Some(event) = ingest.next_event().expect("a readable capture") {
        if event.receive_ns >= world.trouble_until_ns + CALM_NS / 3 {
            break; // the close would cancel what is open
        }
        while world.advance(event.receive_ns) {}
        let venue = usize::from(event.venue);
        world.gateways[venue].on_market(&event, event.receive_ns);
        world.input(Input::Market(&event));
        world.settle();
        if world.dice.below(2_000) == 0 {
            world.check_store();
        }
    }
    let end_ns = world.now_ns.max(world.trouble_until_ns) + CALM_NS;
    while world.advance(end_ns) {}
    world.check_store();
    world.agree();
    assert!(world.resets > 0 && world.known.len() > 100, "seed {seed}: too little happened");
}

#[test]
fn both_sides_agree_on_every_order_when_it_is_quiet_again() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("WARPTICK_SEED") {
        return run(seed);
    }
    for seed in 0..number("WARPTICK_SEEDS").unwrap_or(SEEDS) {
        run(seed);
    }
}
