//! What a seed is made of: a generated session of two venues, the configuration of an engine for it, and the faults.
//! A plan can be made smaller, which is how a failing seed becomes a short story.

use engine::control::config::{Config, LimitsConfig};
use engine::control::inputs::Inputs;
use engine::control::startup;
use feeds::event::MarketEvent;
use feeds::source::synthetic::{MARKET_OPEN_NS, SyntheticConfig};
use warptick_tests::captures::{generated, inputs, map_times};
use warptick_tests::chatter::Dice;

use crate::faults::{Fault, TROUBLE_US};

const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1_000 * MS;

pub const VENUES: usize = 2;

/// Market time of a day; strategies are silent from then on.
const MARKET_NS: u64 = TROUBLE_US * 1_000 + 2 * SECOND;

/// After it both sides come to agree: longer than every time-out of a session.
const CALM_NS: u64 = 30 * SECOND;

/// A deliberate mistake of the surroundings, for tests of the simulator itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// After the first lost connection a venue's fill comes a second time under another ExecID.
    FillTwice,
    /// After the first lost connection a cancel's confirmation is withheld from the engine.
    CancelWithheld,
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// Messages of the market.
    pub messages: u64,
    pub symbols: u32,
    pub strategies: u16,
    pub faults: Vec<Fault>,
    pub mutation: Option<Mutation>,
}

impl Plan {
    pub fn of_seed(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x0051_a701);
        Self {
            seed,
            messages: 700 + dice.below(700),
            symbols: 1 + dice.below(4) as u32,
            strategies: 1 + dice.below(3) as u16,
            faults: Fault::draw(&mut dice, VENUES as u64),
            mutation: None,
        }
    }

    /// The numbers of the day beside its faults, as the environment takes them.
    pub fn sizes(&self) -> String {
        format!("{}/{}/{}", self.messages, self.symbols, self.strategies)
    }

    pub fn with_sizes(self, text: &str) -> Option<Self> {
        let numbers: Vec<u64> = text.split('/').map(str::parse).collect::<Result<_, _>>().ok()?;
        let [messages, symbols, strategies] = numbers.try_into().ok()?;
        Some(Self { messages, symbols: symbols as u32, strategies: strategies as u16, ..self })
    }
}

/// A plan's session and configuration.
pub struct Day {
    pub inputs: Inputs,
    pub config: Config,
    /// The market in the order of its times.
    pub events: Vec<MarketEvent>,
    pub start_ns: u64,
    /// From here on strategies are silent.
    pub quiet_ns: u64,
    pub end_ns: u64,
    /// Messages that a feed's retransmission server keeps.
    pub window: usize,
}

impl Day {
    pub fn new(plan: &Plan) -> Self {
        let settings = SyntheticConfig {
            seed: plan.seed,
            messages: plan.messages.max(60 + 40 * u64::from(plan.symbols)),
            symbols: plan.symbols as usize,
            halts: 0,
            span_ns: Some(MARKET_NS),
            ..SyntheticConfig::default()
        };
        let mut streams = generated(&settings);
        let (first_ns, last_ns) = (MARKET_OPEN_NS - 5 * MS, MARKET_OPEN_NS + MARKET_NS);
        streams.iter_mut().for_each(|stream| map_times(stream, |time_ns| time_ns.clamp(first_ns, last_ns)));
        let inputs = inputs(streams, settings.date);
        let mut dice = Dice::new(plan.seed ^ 0x0011_3175);
        let config = config(&inputs, &mut dice);
        let mut ingest = inputs.ingest(0).expect("an ingest");
        let mut events = Vec::new();
        while let Some(event) = ingest.next_event().expect("a readable capture") {
            events.push(event);
        }
        drop(ingest);
        let start_ns = events.first().map_or(0, |event| event.receive_ns);
        // The close would cancel what is open.
        events.retain(|event| event.receive_ns < start_ns + MARKET_NS);
        let quiet_ns = start_ns + MARKET_NS;
        let window = if dice.below(3) == 0 { 16 + dice.below(200) as usize } else { 1 << 14 };
        Self { inputs, config, events, start_ns, quiet_ns, end_ns: quiet_ns + CALM_NS, window }
    }
}

/// A limit that a desk may leave out, within its range.
fn sometimes(dice: &mut Dice, from: u64, to: u64) -> Option<u32> {
    let limit = (from + dice.below(to - from + 1)) as u32;
    (dice.below(3) == 0).then_some(limit)
}

/// Limits so tight that each of them refuses, and tables as small as the day.
fn config(inputs: &Inputs, dice: &mut Dice) -> Config {
    let mut config = Config {
        limits: LimitsConfig {
            order_qty_max: 100 + dice.below(300),
            order_notional_max: 3_000 + dice.below(30_000),
            position_max: (300 + dice.below(1_500)) as u32,
            collar_bp: (50 + dice.below(400)) as u32,
            lot_qty: 1 + dice.below(2) * dice.below(10),
            order_qty_min: 1 + dice.below(10),
            touch_ticks_max: sometimes(dice, 0, 6),
            open_orders_max: sometimes(dice, 2, 12),
            messages_per_s: sometimes(dice, 2, 30),
            messages_burst: sometimes(dice, 2, 20),
            duplicates_max: sometimes(dice, 1, 3),
            duplicate_window_ms: 1 + dice.below(2_000),
            market_data_age_max_ms: sometimes(dice, 50, 900).map(u64::from),
            ..LimitsConfig::default()
        },
        ..Config::default()
    };
    config.risk.messages_per_s = (5 + dice.below(60)) as u32;
    config.risk.messages_burst = (5 + dice.below(40)) as u32;
    config.risk.open_orders_max = sometimes(dice, 4, 30);
    let mut money = |one_in: u64, from: u64, to: u64| {
        let limit = from + dice.below(to - from + 1);
        (dice.below(one_in) == 0).then_some(limit)
    };
    config.risk.open_notional_max = money(3, 5_000, 60_000);
    config.risk.gross_notional_max = money(3, 10_000, 100_000);
    config.risk.net_notional_max = money(3, 10_000, 80_000);
    config.risk.buying_power = money(3, 10_000, 100_000);
    config.risk.daily_loss_max = money(5, 2, 100);
    config.risk.drawdown_max = money(5, 2, 100);
    config.risk.loss_rate_max = money(5, 2, 50);
    config.risk.loss_window_ms = 500 + 100 * (config.risk.loss_rate_max.unwrap_or(0) % 40);
    config.risk.order_to_trade_max = money(6, 2, 12);
    config.risk.answer_ms_max = money(4, 20, 900);
    config.risk.clock_skew_max_ms = money(4, 0, 60);
    let strategy = &mut config.risk.strategy;
    strategy.gross_notional_max = money(3, 5_000, 60_000);
    strategy.net_notional_max = money(5, 5_000, 40_000);
    strategy.open_notional_max = money(5, 3_000, 30_000);
    strategy.executions_max = money(10, 3, 12).map(|count| count as u32);
    strategy.protection_fills_max = money(10, 2, 6).map(|count| count as u32);
    strategy.protection_qty_max = money(12, 100, 1_000);
    strategy.protection_delta_max = money(12, 100, 600);
    strategy.protection_window_ms = 2_000;
    config.risk.order_to_trade_from = 20 + dice.below(80);
    config.pipeline.messages_max = 8_000;
    config.pipeline.open_orders_max = (6 + dice.below(40)) as usize;
    config.pipeline.timer_ms = 200;
    config.books.late_listings_max = 16;
    (config.books.orders_max, config.books.levels_max) = (4_096, 4_096);
    let mut config = startup::complete(inputs, config).expect("a configuration for these captures");
    for venue in &mut config.venues {
        venue.heartbeat_s = 2;
        venue.messages_per_s = sometimes(dice, 2, 40);
        venue.messages_burst = sometimes(dice, 2, 20);
        venue.fix.next_expected = dice.below(3) == 0;
        venue.fix.resend_chunk = if dice.below(3) == 0 { 3 } else { 0 };
    }
    // The strategies are the simulator's own; every symbol may be traded.
    for instrument in &mut config.instruments {
        (instrument.market_maker, instrument.arbitrage) = (None, None);
        let qty = dice.below(200);
        let restricted = dice.below(12) == 0;
        // Every third is a share of the United States, where the law has a word.
        let (law, located) = (dice.below(3) == 0, dice.below(800));
        let short_restricted = dice.below(3) == 0;
        instrument.limits = (law || dice.below(2) == 0).then(|| LimitsConfig {
            order_qty_max: config.limits.order_qty_max / 2 + qty,
            restricted,
            us_equity: law,
            locate_qty: located,
            short_restricted,
            margin_bp: 2_000 + located as u32 * 20,
            ..config.limits
        });
    }
    config
}
