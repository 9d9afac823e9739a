//! Recovery without books: the ledger over the records of decide has the decision core's orders, positions and numbers,
//! after every input of generated sessions; from a snapshot anywhere it comes to the same.

use engine::control::config::{Config, LatencyConfig, LimitsConfig, RiskConfig};
use engine::control::inputs::Inputs;
use engine::control::journal::{DecideRecord, Sequenced, Timer};
use engine::control::recovery::{Heard, Ledger, LedgerSizes, snapshot};
use engine::control::startup;
use engine::control::universe::Universe;
use engine::order::{Execution, ExecutionKind, Order, OrderAction, TimeInForce};
use engine::pipeline::carried_state::{CarriedAccount, CarriedHolding, CarriedState};
use engine::pipeline::decision_core::{Actions, DecisionCore, Input, NoProbe};
use engine::pipeline::lockstep::IntervalTimer;
use engine::pipeline::operator::{Command, KillCause, Scope};
use engine::pipeline::order_table::Doubt;
use engine::pipeline::risk::{EngineLimits, InstrumentLimits, Risk};
use engine::strategy::Strategy;
use engine::venue::in_memory::InMemoryExchange;
use feeds::event::Side;
use feeds::source::synthetic::{MARKET_OPEN_NS, SyntheticConfig};
use warptick_tests::captures::{generated, inputs, map_times};
use warptick_tests::chatter::{Chatter, Dice};

/// The loss limits of every session, whole units of the currency: none of them comes near it.
const LOSS_MAX: u64 = 10_000;

/// By how much of the worth the records may be behind, for each position that is held and for the best: a 256th of that, 1e-9.
const STEP: i128 = LOSS_MAX as i128 * 1_000_000_000 / 256;

/// Sessions that are generated and followed.
const SEEDS: u64 = 24;

const RUN_ID: [u8; 32] = [7; 32];

const NEVER: u64 = u64::MAX;

fn session(seed: u64, dice: &mut Dice) -> (Inputs, Config) {
    let messages = 4_000 + dice.below(4_000);
    let span_ns = messages * [800, 5_000, 40_000][dice.below(3) as usize];
    let settings = SyntheticConfig {
        seed,
        messages,
        symbols: 2 + dice.below(4) as usize,
        halts: 1,
        span_ns: Some(span_ns),
        ..SyntheticConfig::default()
    };
    let mut streams = generated(&settings);
    let (first_ns, last_ns) = (MARKET_OPEN_NS - 5_000_000, MARKET_OPEN_NS + span_ns + 5_000_000);
    streams.iter_mut().for_each(|stream| map_times(stream, |time_ns| time_ns.clamp(first_ns, last_ns)));
    let inputs = inputs(streams, settings.date);
    let latency = 10u64.pow(dice.below(6) as u32) * (1 + dice.below(9));
    let mut config = Config {
        date: Some("2026-01-05".to_owned()),
        latency: LatencyConfig { order_ns: latency, fill_ns: 1 + latency / 2, line_ns: 0 },
        limits: LimitsConfig {
            order_qty_max: 1_000,
            order_notional_max: 100_000_000,
            position_max: 1_000_000,
            collar_bp: 500,
            ..LimitsConfig::default()
        },
        risk: RiskConfig {
            messages_per_s: 10_000_000,
            messages_burst: 10_000_000,
            drawdown_max: Some(LOSS_MAX),
            ..RiskConfig::default()
        },
        ..Config::default()
    };
    config.pipeline.timer_ms = dice.below(8);
    config.pipeline.messages_max = 200_000;
    let config = startup::complete(&inputs, config).expect("a configuration for these captures");
    (inputs, config)
}

/// What a seed came to.
#[derive(Debug, Default)]
struct Seen {
    actions: u64,
    fills: u64,
    asked: u64,
    in_doubt: u64,
    snapshots: u64,
    /// Records of the account's worth.
    valued: u64,
}

/// Makes ledgers that have seen nothing yet.
struct Fresh<'a> {
    inputs: &'a Inputs,
    config: &'a Config,
    declared: Vec<Vec<u32>>,
}

impl Fresh<'_> {
    fn make(&self) -> Ledger {
        let sizes = LedgerSizes {
            date: self.inputs.date().yyyymmdd(),
            orders_max: self.config.pipeline.open_orders_max,
            messages_max: self.config.pipeline.messages_max,
            strategies_max: 32,
        };
        let declared: Vec<_> = self.declared.iter().map(Vec::as_slice).collect();
        Ledger::new(sizes, startup::risk(self.inputs, self.config, &declared).expect("known instruments"))
    }
}

/// The core with a ledger behind it.
struct Pair<'a> {
    seed: u64,
    core: DecisionCore,
    actions: Actions,
    ledger: Ledger,
    fresh: Fresh<'a>,
    /// Ledgers that began with a snapshot.
    restored: Vec<Ledger>,
    /// What venues said, by venue.
    heard: Vec<u64>,
    sequence: u64,
    seen: Seen,
}

impl Pair<'_> {
    fn record(&mut self, time_ns: u64, record: DecideRecord) {
        self.sequence += 1;
        if let DecideRecord::Execution(execution) = &record
            && !matches!(execution.kind, ExecutionKind::NotSent | ExecutionKind::InDoubt)
        {
            self.heard.resize(self.heard.len().max(usize::from(execution.venue) + 1), 0);
            self.heard[usize::from(execution.venue)] += 1;
        }
        let record = Sequenced { sequence: self.sequence, time_ns, record };
        for ledger in self.restored.iter_mut().chain([&mut self.ledger]) {
            ledger.apply(&record).unwrap_or_else(|error| panic!("seed {}: {error}: {record:?}", self.seed));
        }
    }

    fn input(
        &mut self,
        input: Input<'_>,
        record: DecideRecord,
        exchange: &mut InMemoryExchange,
        compare: bool,
    ) {
        self.core.on_input(input, &mut NoProbe, &mut self.actions).expect("the event fits its book");
        self.record(self.core.time_ns(), record);
        for (scope, cause) in self.core.risk().blocks().fresh().to_vec() {
            self.record(self.core.time_ns(), DecideRecord::Blocked(Command::Kill { scope, cause }));
        }
        if let Some(valuation) = self.core.risk().fresh_valuation() {
            self.record(self.core.time_ns(), DecideRecord::Valued(valuation));
            self.seen.valued += 1;
        }
        let orders: Vec<_> = self.actions.drain().collect();
        for order in &orders {
            self.record(order.time_ns, DecideRecord::Action(**order));
            exchange.submit(order);
        }
        self.seen.actions += orders.len() as u64;
        if compare || !orders.is_empty() {
            self.compare();
        }
    }

    fn compare(&mut self) {
        let worth = self.core.risk().worth();
        let core = self.core.carried(RUN_ID);
        let (best, held) = (core.best_worth, core.accounts.len() as i128);
        let core = core.without_market();
        self.seen.in_doubt += core.orders.iter().filter(|order| order.doubt != Doubt::None).count() as u64;
        let sequence = self.sequence;
        let mut whole = None;
        for (number, ledger) in [&mut self.ledger].into_iter().chain(&mut self.restored).enumerate() {
            assert_eq!(
                ledger.heard().as_slice(),
                self.heard,
                "seed {}, record {sequence}, ledger {number}",
                self.seed
            );
            let ledger = ledger.carried(RUN_ID).expect("a state");
            let place = format!("seed {}, record {sequence}, ledger {number}", self.seed);
            assert!((0..STEP).contains(&(best - ledger.best_worth)), "{place}: the day's best");
            assert!((worth - worth_of(&ledger)).abs() < STEP * held.max(1), "{place}: worth");
            // What began with a snapshot is to the last bit as what began at the start.
            let whole = whole.get_or_insert_with(|| ledger.clone());
            assert_eq!(*whole, ledger, "{place}");
            assert_eq!(core, ledger.without_market(), "{place}");
        }
    }

    /// Through the bytes of a file, into a ledger of its own.
    fn snapshot(&mut self) {
        let state = self.ledger.carried(RUN_ID).expect("a state");
        let bytes = snapshot::encode(&RUN_ID, self.sequence, &state, self.ledger.heard());
        let (sequence, read, heard) = snapshot::decode(&RUN_ID, &bytes).expect("a snapshot");
        assert_eq!((sequence, &read), (self.sequence, &state), "seed {}", self.seed);
        if self.restored.len() == 3 {
            self.restored.remove(0);
        }
        self.restored.push(self.fresh.make().restored(&read, &heard).expect("fits"));
        self.seen.snapshots += 1;
    }
}

/// Realised and unrealised profit, fees taken off, at the prices of the state.
fn worth_of(state: &CarriedState) -> i128 {
    let worth = |account: &CarriedAccount| {
        let inventory = i128::from(account.position) * i128::from(account.mark);
        account.realised - account.cost - account.fees + inventory
    };
    state.accounts.iter().map(worth).sum()
}

fn in_doubt(venue: u8, time_ns: u64) -> Execution {
    Execution::of(venue, ExecutionKind::InDoubt, 0, time_ns)
}

fn follow(seed: u64) -> Seen {
    let mut dice = Dice::new(seed);
    let (inputs, config) = session(seed, &mut dice);
    let count = inputs.directory().expect("symbols").len() as u32;
    let mut strategies = startup::strategies(&inputs, &config).expect("strategies");
    for number in 0..4 + dice.below(6) {
        let chatter = Chatter::new(seed ^ number << 32, (0..count).collect(), 2, 12);
        strategies.push(Box::new(chatter) as Box<dyn Strategy>);
    }
    let declared = strategies.iter().map(|strategy| strategy.instruments().to_vec()).collect();
    let core = startup::decision_core(&inputs, &config, strategies).expect("a core");
    let mut exchange = startup::exchange(&inputs, &config, None).expect("an exchange");
    let mut ingest = inputs.ingest(0).expect("captures");
    let fresh = Fresh { inputs: &inputs, config: &config, declared };
    let mut pair = Pair {
        seed,
        actions: Actions::new(core.actions_max()),
        core,
        ledger: fresh.make(),
        fresh,
        restored: Vec::new(),
        heard: Vec::new(),
        sequence: 0,
        seen: Seen::default(),
    };
    let mut timer = IntervalTimer::new(config.pipeline.timer_ms * 1_000_000);
    // Every fourth session also has answers that make no sense, after which nothing new leaves.
    let nonsense_one_in = if seed.is_multiple_of(4) { 400 } else { u64::MAX };
    loop {
        if dice.below(700) == 0 {
            pair.snapshot();
        }
        let market = ingest.next_time_ns().unwrap_or(NEVER);
        if market == NEVER {
            timer.stop();
        }
        let arrival = exchange.next_arrival_ns().unwrap_or(NEVER);
        let execution = exchange.next_execution_ns().unwrap_or(NEVER);
        let next = market.min(arrival).min(execution).min(timer.due_ns());
        if next == NEVER {
            break;
        }
        if next == market {
            let Some(Some(event)) = ingest.next_message().expect("whole captures") else { continue };
            timer.start(event.receive_ns);
            let compare = dice.below(20) == 0;
            pair.input(Input::Market(&event), DecideRecord::MarketEvent(event), &mut exchange, compare);
            exchange.on_market(&event);
            if dice.below(500) == 0 {
                let lost = in_doubt(dice.below(2) as u8, pair.core.time_ns());
                pair.input(Input::Execution(&lost), DecideRecord::Execution(lost), &mut exchange, true);
            }
        } else if next == arrival {
            exchange.deliver_next();
        } else if next == execution {
            let Some(mut answer) = exchange.take_execution() else { continue };
            if dice.below(nonsense_one_in) == 0 {
                answer.cumulative_quantity = dice.below(1_000);
                answer.last_quantity = dice.below(1_000);
                answer.cl_ord_id -= dice.below(3);
            }
            let times = if dice.below(30) == 0 { 2 } else { 1 };
            for _ in 0..times {
                pair.input(Input::Execution(&answer), DecideRecord::Execution(answer), &mut exchange, true);
            }
        } else {
            let due_ns = timer.due_ns();
            let record = DecideRecord::Timer(Timer { id: 0, due_ns });
            pair.input(Input::Timer { due_ns }, record, &mut exchange, true);
            timer.fired();
        }
    }
    pair.compare();
    let counters = pair.core.counters();
    Seen { fills: counters.fills, asked: counters.status_requests, ..pair.seen }
}

#[test]
fn the_ledger_has_the_cores_state_after_every_input() {
    let mut all = Seen::default();
    for seed in 1..=SEEDS {
        let seen = follow(seed);
        println!("seed {seed}: {seen:?}");
        all.actions += seen.actions;
        all.fills += seen.fills;
        all.asked += seen.asked;
        all.in_doubt += seen.in_doubt;
        all.snapshots += seen.snapshots;
        all.valued += seen.valued;
    }
    // Sessions in which nothing happens would prove nothing.
    assert!(
        all.actions > 5_000
            && all.fills > 300
            && all.asked > 100
            && all.in_doubt > 100
            && all.snapshots > 50
            && all.valued > 100,
        "{all:?}"
    );
}

/// Any change to a snapshot's bytes is seen.
#[test]
fn a_damaged_snapshot_is_refused() {
    let state = CarriedState {
        decision: 5,
        time_ns: 6,
        next_counter: 7,
        former_run: RUN_ID,
        accounts: vec![CarriedAccount { instrument: 1, position: -2, cost: -9, ..Default::default() }],
        holdings: vec![CarriedHolding { instrument: 1, strategy: 3, position: -2 }],
        worths: vec![(3, -4), (5, 6)],
        blocks: vec![(Scope::Instrument(1), KillCause::Unanswered)],
        ..Default::default()
    };
    let heard = Heard::from(vec![7, 0, 9]);
    let bytes = snapshot::encode(&RUN_ID, 99, &state, &heard);
    assert_eq!(snapshot::decode(&RUN_ID, &bytes), Ok((99, state.clone(), heard.clone())));
    assert!(snapshot::decode(&[8; 32], &bytes).is_err(), "of another run");
    for at in 0..bytes.len() {
        assert!(snapshot::decode(&RUN_ID, &bytes[..at]).is_err(), "cut at {at}");
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(snapshot::decode(&RUN_ID, &damaged).is_err(), "byte {at}");
    }

    let dir = tempfile::tempdir().expect("a directory");
    for number in 1..=6 {
        snapshot::write(dir.path(), number, &RUN_ID, number, &state, &heard).expect("written");
    }
    assert!(
        !snapshot::path(dir.path(), 2).exists() && snapshot::path(dir.path(), 3).exists(),
        "four are kept"
    );
    for (damaged, expected) in [(0, Some(6)), (6, Some(5)), (5, Some(4)), (4, Some(3)), (3, None)] {
        if damaged > 0 {
            let path = snapshot::path(dir.path(), damaged);
            let mut bytes = std::fs::read(&path).expect("there");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).expect("written");
        }
        let (found, complaints) = snapshot::newest(dir.path(), &RUN_ID).expect("readable");
        assert_eq!(found.map(|found| found.number), expected);
        assert_eq!(complaints.len(), if damaged == 0 { 0 } else { 7 - damaged as usize });
    }
}

#[test]
fn an_order_that_nobody_answers_is_asked_about_without_a_doubt_on_record() {
    let risk = Risk::new(EngineLimits::OPEN, vec![InstrumentLimits::OPEN]);
    let sizes = LedgerSizes { date: 20_260_105, orders_max: 4, messages_max: 8, strategies_max: 1 };
    let mut ledger = Ledger::new(sizes, risk);
    let new = Order {
        decision: 1,
        time_ns: 1,
        cl_ord_id: 2_026_010_500_000_001,
        orig_cl_ord_id: 0,
        price: 10_000_000,
        quantity: 5,
        instrument: 0,
        venue: 0,
        action: OrderAction::New,
        side: Side::Buy,
        time_in_force: TimeInForce::Day,
        strategy: 0,
        sells_short: false,
        reserved: [0; 5],
    };
    let timer = |due_ns| DecideRecord::Timer(Timer { id: 0, due_ns });
    let status = Order { decision: 2, action: OrderAction::Status, ..new };
    let records = [timer(1), DecideRecord::Action(new), timer(2), DecideRecord::Action(status)];
    for (sequence, record) in (1..).zip(records) {
        ledger.apply(&Sequenced { sequence, time_ns: sequence, record }).expect("what a run records");
    }
    let orders = ledger.carried(RUN_ID).expect("a state").orders;
    assert_eq!(
        orders.iter().map(|order| (order.reserved, order.doubt)).collect::<Vec<_>>(),
        [(5, Doubt::Asked)]
    );
}
