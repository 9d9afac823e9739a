//! Parent orders in lockstep over a generated session of two venues: every child fills, at the price of the best split that
//! there was at that moment by a walk of this file, share by share.

use std::sync::{Arc, Mutex};

use engine::control::config::{Config, InstrumentConfig, LatencyConfig, LimitsConfig, RiskConfig, Topology};
use engine::control::inputs::Inputs;
use engine::control::outcome::Outcome;
use engine::control::parent_config::ParentOrderConfig;
use engine::control::replay::{ReplayOptions, replay};
use engine::control::session_date::SessionDate;
use engine::control::startup;
use engine::control::universe::Universe;
use engine::control::wide_config::LegSide;
use engine::order::{Execution, ExecutionKind};
use engine::pipeline::order_table::LiveOrder;
use engine::pipeline::risk::RiskReasons;
use engine::strategy::parent_router::{DEPTH_LEVELS, ParentRouter, ParentTerms, RoutedVenue};
use engine::strategy::{Intents, Strategy, View};
use feeds::event::{MarketEvent, Side};
use feeds::source::synthetic::{MARKET_OPEN_NS, SyntheticConfig};
use kernels::cpu::book::DepthLevel;
use warptick_tests::captures::{generated, inputs};

const TICK: i64 = 10_000_000;
const FEES: [i64; 2] = [3_000_000, 500_000];
const QUANTITY: u64 = 900;

/// What a watched parent order did.
#[derive(Default)]
struct Seen {
    rounds: u64,
    /// Least cost of the first round, and what its children were to trade.
    optimum_e9: i128,
    wanted: u64,
    venues: u64,
    /// What filled, and what it cost with fees.
    filled: u64,
    cost_e9: i128,
    refused: u64,
}

/// A router and an eye on it.
struct Watched {
    router: ParentRouter,
    terms: ParentTerms,
    seen: Arc<Mutex<Seen>>,
}

impl Watched {
    fn look(&self, view: &View<'_>, intents: &Intents) {
        if intents.is_empty() {
            return;
        }
        let mut seen = self.seen.lock().expect("one thread");
        seen.rounds += 1;
        if seen.rounds == 1 {
            (seen.wanted, seen.optimum_e9) = self.optimum(view);
            seen.venues = intents.iter().count() as u64;
            let sent: u64 = intents.iter().map(|intent| intent.quantity).sum();
            assert_eq!(sent, seen.wanted, "as much as there is");
        }
    }

    /// Every displayed share within the limit with its price and fee; the cheapest ones.
    fn optimum(&self, view: &View<'_>) -> (u64, i128) {
        let side = self.terms.order.side;
        let mut shares: Vec<i64> = Vec::new();
        for (venue, fee) in (0u8..).zip(FEES) {
            let mut levels = [DepthLevel::default(); DEPTH_LEVELS];
            let count = view.depth(venue, self.terms.instrument, side.opposite(), &mut levels);
            for level in &levels[..count] {
                let (is_within, cost) = match side {
                    Side::Buy => (level.price <= self.terms.order.limit, level.price + fee),
                    _ => (level.price >= self.terms.order.limit, fee - level.price),
                };
                let size = if is_within { level.quantity.min(QUANTITY) } else { 0 };
                shares.extend(std::iter::repeat_n(cost, size as usize));
            }
        }
        shares.sort_unstable();
        shares.truncate(QUANTITY as usize);
        (shares.len() as u64, shares.iter().map(|&cost| i128::from(cost)).sum())
    }
}

impl Strategy for Watched {
    fn instruments(&self) -> &[u32] {
        self.router.instruments()
    }

    fn on_market(&mut self, view: &View<'_>, event: &MarketEvent, intents: &mut Intents) {
        self.router.on_market(view, event, intents);
        self.look(view, intents);
    }

    fn on_execution(
        &mut self,
        view: &View<'_>,
        execution: &Execution,
        order: &LiveOrder,
        closed: bool,
        intents: &mut Intents,
    ) {
        if matches!(execution.kind, ExecutionKind::PartialFill | ExecutionKind::Fill) {
            let mut seen = self.seen.lock().expect("one thread");
            let price = execution.last_price * if order.side == Side::Buy { 1 } else { -1 };
            let cost = price + FEES[usize::from(order.venue)];
            seen.filled += execution.last_quantity;
            seen.cost_e9 += i128::from(cost) * i128::from(execution.last_quantity);
        }
        self.router.on_execution(view, execution, order, closed, intents);
        self.look(view, intents);
    }

    fn on_reject(&mut self, time_ns: u64, intent: &engine::order::Intent, reasons: RiskReasons) {
        self.seen.lock().expect("one thread").refused += 1;
        self.router.on_reject(time_ns, intent, reasons);
    }

    fn on_timer(&mut self, view: &View<'_>, intents: &mut Intents) {
        self.router.on_timer(view, intents);
        self.look(view, intents);
    }
}

/// A session, and its most active symbol that both venues list.
struct Day {
    inputs: Inputs,
    config: Config,
    symbol: String,
    midnight_ns: u64,
}

fn day(seed: u64) -> Day {
    let settings = SyntheticConfig {
        seed,
        messages: 30_000,
        symbols: 3,
        bx_listed_permille: 1000,
        halts: 0,
        ..SyntheticConfig::default()
    };
    let inputs = inputs(generated(&settings), settings.date);
    let symbol = inputs.venues[0].scan.most_active(1)[0].symbol.to_string();
    let limits = LimitsConfig {
        order_qty_max: 1_000,
        order_notional_max: 100_000_000,
        position_max: 1_000_000,
        collar_bp: 9_000,
        ..LimitsConfig::default()
    };
    let instrument =
        InstrumentConfig { symbol: symbol.clone(), limits: None, market_maker: None, arbitrage: None };
    let mut config = Config {
        // Nothing can happen between a decision and its arrival.
        latency: LatencyConfig { order_ns: 1, fill_ns: 1, line_ns: 0 },
        limits,
        risk: RiskConfig { messages_per_s: 1_000_000, messages_burst: 1_000_000, ..RiskConfig::default() },
        instruments: vec![instrument],
        ..Config::default()
    };
    config.pipeline.topology = Topology::Inline;
    let config = startup::complete(&inputs, config).expect("a configuration");
    let midnight_ns = SessionDate::new(2026, 1, 5).expect("a date").eastern_midnight_ns();
    Day { inputs, config, symbol, midnight_ns }
}

impl Day {
    /// Half a second into trading, for anything up to a far limit.
    fn parent(&self, side: LegSide) -> ParentOrderConfig {
        ParentOrderConfig {
            symbol: self.symbol.clone(),
            side,
            quantity: QUANTITY,
            limit_e9: if side == LegSide::Buy { 100_000 * 100 * TICK } else { TICK },
            lot: 1,
            child_qty_max: 1_000,
            child_qty_min: std::collections::BTreeMap::new(),
            begin_ms: MARKET_OPEN_NS / 1_000_000 + 500,
            end_ms: 86_400_000,
            cool_down_ns: 1_000_000,
        }
    }

    fn run(&self, config: &Config, extra: Vec<Box<dyn Strategy>>) -> Outcome {
        replay(&self.inputs, config, &ReplayOptions::default(), extra).expect("the run starts")
    }

    fn watched(&self, side: LegSide) -> (Outcome, Seen) {
        let instrument = startup::instrument_number(&self.inputs, &self.symbol).expect("listed");
        let terms = self.parent(side).terms(instrument, self.midnight_ns);
        let venues: Vec<_> = (0u8..)
            .zip(FEES)
            .map(|(venue, taker_fee)| RoutedVenue {
                venue,
                price_tick: TICK,
                taker_fee,
                qty_min: 0,
                qty_max: 1_000,
            })
            .collect();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let router = ParentRouter::new(terms, &venues).expect("good terms");
        let watched = Watched { router, terms, seen: Arc::clone(&seen) };
        let outcome = self.run(&self.config, vec![Box::new(watched)]);
        (outcome, std::mem::take(&mut *seen.lock().expect("one thread")))
    }
}

#[test]
fn children_fill_at_the_price_of_the_best_split() {
    let (mut at_once, mut over_both) = (0, 0);
    for seed in 1..=6 {
        for side in [LegSide::Buy, LegSide::Sell] {
            let day = day(seed);
            assert_eq!(day.inputs.date().eastern_midnight_ns(), day.midnight_ns);
            let (outcome, seen) = day.watched(side);
            assert_eq!((outcome.failure, seen.refused), (None, 0), "seed {seed} {side:?}");
            assert_eq!(outcome.counters.filled_quantity, seen.filled);
            assert_eq!(seen.filled, QUANTITY, "seed {seed} {side:?}: it is worked until it is done");
            over_both += u64::from(seen.venues == 2);
            if seen.rounds == 1 {
                at_once += 1;
                assert_eq!((seen.wanted, seen.cost_e9), (QUANTITY, seen.optimum_e9), "seed {seed} {side:?}");
                let cents = seen.cost_e9 as f64 / QUANTITY as f64 / 1e7;
                println!(
                    "seed {seed} {side:?}: {} children, {cents:.4} cents a share, the optimum",
                    seen.venues
                );
            }
        }
    }
    assert!(at_once >= 6 && over_both >= 3, "{at_once} filled at once, {over_both} went to both venues");
}

/// A configuration's parent order makes the same orders as the router by hand.
#[test]
fn a_configured_parent_order_is_the_same() {
    let day = day(2);
    let (by_hand, _) = day.watched(LegSide::Buy);
    let config = Config { parent_orders: vec![day.parent(LegSide::Buy)], ..day.config.clone() };
    config.check().expect("good settings");
    let configured = day.run(&config, Vec::new());
    assert_eq!(configured.digest, by_hand.digest);
    assert!(configured.counters.new_orders > 0);
    let text = config.to_toml().expect("TOML");
    assert_eq!(Config::parse("again", &text).expect("its own text").parent_orders, config.parent_orders);
    for (broken, what) in [
        (
            ParentOrderConfig { symbol: "NONE".to_owned(), ..day.parent(LegSide::Buy) },
            "not among [[instruments]]",
        ),
        (ParentOrderConfig { begin_ms: 5, end_ms: 5, ..day.parent(LegSide::Buy) }, "give ascending times"),
        (ParentOrderConfig { child_qty_max: 0, ..day.parent(LegSide::Buy) }, "give at least the lot"),
    ] {
        let error = Config { parent_orders: vec![broken], ..day.config.clone() }.check().expect_err("broken");
        assert!(error.contains(what), "{error}");
    }
    let broken = ParentOrderConfig { lot: 7, ..day.parent(LegSide::Buy) };
    let broken = Config { parent_orders: vec![broken], ..day.config.clone() };
    let error = startup::strategies(&day.inputs, &broken).err().expect("900 is no multiple of 7").to_string();
    assert!(error.contains("quantity: give a multiple of the lot"), "{error}");
}
