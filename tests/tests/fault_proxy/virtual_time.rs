//! In virtual time, on one thread, without a socket: the same seed is the same run, to the byte.

use std::collections::VecDeque;

use engine::control::journal::JournalKeeper;
use engine::order::Execution;
use engine::pipeline::decision_core::{Actions, Input, NoProbe};
use engine::pipeline::order_entry::{OrderEntry, not_sent};
use engine::venue::VenueCore;
use engine::venue::desk::Acceptor;
use engine::venue::front::VenueFront;
use warptick_tests::chatter::Dice;

use crate::agreement::agree;
use crate::day::Day;
use crate::faults::{FaultCounts, Trouble, Wire};
use crate::trader::Trader;

/// Seeds of the ordinary run.
const SEEDS: u64 = 25;
const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
/// Market time during which the proxy misbehaves.
const TROUBLE_NS: u64 = 40 * SECOND;
/// Time after that in which both sides come to agree.
const CALM_NS: u64 = 60 * SECOND;
const FAULT_ONE_IN: u64 = 400;
/// The engine is killed at one in so many reads.
const CRASH_ONE_IN: u64 = 4_000;
/// At how many market events a strategy talks once.
const TALK_ONE_IN: u64 = 6;

/// The two directions to one venue, and when a lost connection is tried again.
#[derive(Default)]
struct Line {
    to_venue: Wire,
    to_client: Wire,
    /// `None` while connected.
    retry_ns: Option<u64>,
}

struct World<'a> {
    day: &'a Day,
    /// Where order entry's journal is, and who keeps it.
    journal: (tempfile::TempDir, JournalKeeper),
    trouble: Trouble,
    trader: Trader,
    entry: OrderEntry,
    gateways: Vec<VenueFront>,
    lines: Vec<Line>,
    now_ns: u64,
    trouble_until_ns: u64,
    executions: VecDeque<Execution>,
    resets: u64,
    crashes: u64,
    /// Market events so far.
    events: u64,
}

impl World<'_> {
    fn input(&mut self, input: Input<'_>) {
        let Self { trader, entry, executions, now_ns, .. } = self;
        trader.input(input, |order| {
            if let Err(reason) = entry.encode(&order, *now_ns) {
                executions.extend(not_sent(&order, *now_ns, reason));
            }
        });
    }

    fn check_store(&mut self) {
        self.day.check_store(self.journal.0.path(), &mut self.journal.1, &self.entry);
    }

    /// The process is killed, whatever it had received and not looked at is gone, and another one goes on from what it left.
    fn crash(&mut self) {
        self.crashes += 1;
        self.executions.clear();
        (0..self.lines.len()).for_each(|venue| self.cut(venue));
        self.check_store();
        let directory = tempfile::tempdir().expect("a directory");
        let (mut entry, keeper) = self.day.order_entry(directory.path());
        for venue in 0..self.lines.len() as u8 {
            if let Some((outgoing, incoming)) = self.day.stored(self.journal.0.path(), venue) {
                entry.resume(venue, outgoing, incoming);
            }
        }
        let mut core = self.day.core(TALK_ONE_IN, self.now_ns + 1);
        let mut actions = Actions::new(core.actions_max());
        let mut ingest = self.day.inputs.ingest(0).expect("an ingest");
        for _ in 0..self.events {
            let event = ingest.next_event().expect("readable").expect("it was there before");
            core.on_input(Input::Market(&event), &mut NoProbe, &mut actions).expect("a market that fits");
            assert!(actions.as_slice().is_empty(), "seed {}: too early", self.day.seed);
        }
        let carried = self.trader.core.carried([0; 32]);
        core.resume(&carried).expect("the same sizes");
        assert_eq!(core.carried([0; 32]).accounts, carried.accounts, "seed {}", self.day.seed);
        self.trader.core = core;
        self.entry = entry;
        self.journal = (directory, keeper);
    }

    /// Carries what waits on both sides of a line.
    fn carry(&mut self, venue: usize) {
        if self.lines[venue].retry_ns.is_some() {
            return;
        }
        let is_troubled = self.now_ns < self.trouble_until_ns;
        let Self { entry, gateways, lines, trouble, now_ns, .. } = self;
        let line = &mut lines[venue];
        let mut whole = true;
        let pending = entry.pending(venue as u8).to_vec();
        if !pending.is_empty() {
            entry.consume(venue as u8, pending.len());
            whole &= line.to_venue.send(*now_ns, &pending, is_troubled.then_some(&mut *trouble));
        }
        let pending = gateways[venue].pending().to_vec();
        if !pending.is_empty() {
            gateways[venue].consume(pending.len());
            whole &= line.to_client.send(*now_ns, &pending, is_troubled.then_some(&mut *trouble));
        }
        // What a side wants said before it closes is on the wire; the close follows it at once.
        if !whole || entry.wants_close(venue as u8) || gateways[venue].wants_close() {
            self.cut(venue);
        }
    }

    fn cut(&mut self, venue: usize) {
        self.resets += 1;
        let wait_ns = 10 * MS + self.trouble.dice.below(SECOND);
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
                let bytes = self.lines[venue].to_venue.take().expect("a piece");
                self.gateways[venue].on_bytes(now_ns, &bytes);
            }
            2 => {
                let bytes = self.lines[venue].to_client.take().expect("a piece");
                let Self { entry, executions, .. } = self;
                entry.receive(venue as u8, now_ns, &bytes, &mut |execution| executions.push_back(execution));
                if now_ns < self.trouble_until_ns && self.trouble.dice.below(CRASH_ONE_IN) == 0 {
                    self.crash();
                }
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
}

fn run(seed: u64) -> FaultCounts {
    let mut dice = Dice::new(seed ^ 0xfa17);
    let day = Day::new(seed, &mut dice, 4_000, TROUBLE_NS + CALM_NS / 2, TROUBLE_NS + CALM_NS);
    let directory = tempfile::tempdir().expect("a directory");
    let (entry, keeper) = day.order_entry(directory.path());
    let gateways = day.gateways();
    let mut ingest = day.inputs.ingest(0).expect("an ingest");
    let start_ns = ingest.next_time_ns().expect("messages");
    let lines = gateways.iter().map(|_| Line { retry_ns: Some(start_ns), ..Line::default() }).collect();
    let mut world = World {
        day: &day,
        journal: (directory, keeper),
        trouble: Trouble::new(dice, FAULT_ONE_IN),
        trader: Trader::new(seed, day.core(TALK_ONE_IN, 0)),
        entry,
        gateways,
        lines,
        now_ns: start_ns,
        trouble_until_ns: start_ns + TROUBLE_NS,
        executions: VecDeque::new(),
        resets: 0,
        crashes: 0,
        events: 0,
    };
    while let Some(event) = ingest.next_event().expect("a readable capture") {
        if event.receive_ns >= world.trouble_until_ns + CALM_NS / 3 {
            break; // the close would cancel what is open
        }
        while world.advance(event.receive_ns) {}
        let venue = usize::from(event.venue);
        world.gateways[venue].on_market(&event, event.receive_ns);
        world.events += 1;
        world.input(Input::Market(&event));
        world.settle();
        if world.trouble.dice.below(2_000) == 0 {
            world.check_store();
        }
    }
    let end_ns = world.now_ns.max(world.trouble_until_ns) + CALM_NS;
    while world.advance(end_ns) {}
    world.check_store();
    let venues: Vec<&VenueCore> = world.gateways.iter().map(VenueFront::core).collect();
    let tally = agree(&world.trader, &venues).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    println!(
        "seed {seed}: {tally:?}, {} connections lost, killed {} times, {} asked about since",
        world.resets,
        world.crashes,
        world.trader.core.counters().status_requests
    );
    assert!(world.resets > 0 && tally.orders > 100, "seed {seed}: too little happened");
    world.trouble.counts
}

#[test]
fn both_sides_agree_on_every_order_when_it_is_quiet_again() {
    let mut faults = FaultCounts::default();
    crate::seeds(SEEDS).for_each(|seed| faults.add(&run(seed)));
    println!("virtual time: {faults}");
}
