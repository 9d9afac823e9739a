//! Every rule of the moment can be broken: streams of what the engine was given and what left, just inside and just outside.

use std::rc::Rc;

use engine::control::config::{Config, InstrumentConfig, LimitsConfig, VenueConfig};
use engine::order::{Execution, ExecutionKind};
use engine::pipeline::operator::{Command, KillCause, LimitChange, LimitRule, Scope};
use feeds::event::{EventKind, INSTRUMENT_ALL, MarketEvent, Side, TradingStatus, flags};
use feeds::units::PRICE_NONE;

use super::Input;
use crate::limits::Limits;
use crate::monitor::Monitor;
use crate::wire;

const CENT: i64 = 10_000_000;
const UNIT: i128 = 1_000_000_000;

/// A day of one symbol at two venues, both 9.99 to 10.01, in which nothing is limited but the number of messages on record.
struct Stream {
    monitor: Monitor,
    time_ns: u64,
    sequence: u64,
    exec_ids: u64,
    broken: Option<&'static str>,
}

impl Stream {
    fn new(set: &dyn Fn(&mut Limits)) -> Self {
        let instrument =
            InstrumentConfig { symbol: "AAA".to_owned(), limits: None, market_maker: None, arbitrage: None };
        let venue = |name: &str| VenueConfig { taker_fee_e9: 0, ..VenueConfig::named(name) };
        let config = Config {
            limits: LimitsConfig { collar_bp: 100_000, ..LimitsConfig::default() },
            instruments: vec![instrument],
            venues: vec![venue("A"), venue("B")],
            ..Config::default()
        };
        let mut monitor = Monitor::new(&config, 2, 2);
        set(Rc::make_mut(&mut monitor.told.limits.0));
        let mut stream = Self { monitor, time_ns: 1_000_000_000, sequence: 0, exec_ids: 0, broken: None };
        for venue in 0..2 {
            stream.quote(venue, 999, Side::Buy);
            stream.quote(venue, 1_001, Side::Sell);
        }
        stream
    }

    fn market(&mut self, event: MarketEvent) -> &mut Self {
        let (receive_ns, exchange_ns) = (self.time_ns, event.exchange_ns.max(self.time_ns));
        let event = MarketEvent { receive_ns, exchange_ns, flags: flags::LAST_OF_EVENT, ..event };
        self.monitor.on_input(&Input::Market(event));
        self
    }

    fn quote(&mut self, venue: u8, cents: i64, side: Side) -> &mut Self {
        self.sequence += 1;
        let (order_id, price) = (self.sequence, cents * CENT);
        let kind = EventKind::OrderAdd;
        self.market(MarketEvent {
            venue,
            kind,
            order_id,
            price,
            quantity: 100,
            side,
            instrument: 0,
            ..MarketEvent::NOTHING
        })
    }

    fn of_venue(&mut self, venue: u8, kind: EventKind, quantity: u64) -> &mut Self {
        let instrument = INSTRUMENT_ALL;
        self.market(MarketEvent { venue, kind, quantity, instrument, ..MarketEvent::NOTHING })
    }

    fn later(&mut self, ms: u64) -> &mut Self {
        self.time_ns += ms * 1_000_000;
        self.monitor.on_input(&Input::Timer { due_ns: self.time_ns });
        self
    }

    fn command(&mut self, command: Command) -> &mut Self {
        self.monitor.on_input(&Input::Command { time_ns: self.time_ns, command });
        self
    }

    /// A message leaves: the first of its side that a rule minds is remembered.
    fn leaves(&mut self, kind: &str, number: u64, rest: &str) -> &mut Self {
        self.monitor.told.decided(100 + number, 0);
        let body =
            format!("35={kind}|34={number}|11={}|55=AAA|60=20260105-09:30:00.000|{rest}|", 100 + number);
        let outcome = self.monitor.on_written(0, (1, self.time_ns), &wire::message(&body));
        if let Err((rule, what)) = outcome {
            println!("{rule}: {what}");
            self.broken = self.broken.or(Some(rule));
        }
        self
    }

    /// A new order of a side (1 buys, 2 sells, 5 sells short) that rests, or takes with `takes`.
    fn new_order(&mut self, number: u64, side: u8, cents: i64, quantity: u64, takes: bool) -> &mut Self {
        let price = format!("{}.{:02}", cents / 100, cents % 100);
        let in_force = if takes { 3 } else { 0 };
        self.leaves("D", number, &format!("54={side}|44={price}|38={quantity}|59={in_force}"))
    }

    fn buys(&mut self, number: u64, cents: i64, quantity: u64) -> &mut Self {
        self.new_order(number, 1, cents, quantity, false)
    }

    /// The venue says that an order has filled, and the engine hears it.
    fn fills(&mut self, number: u64, cents: i64, quantity: u64) -> &mut Self {
        self.exec_ids += 1;
        let (exec_id, price) = (self.exec_ids, format!("{}.{:02}", cents / 100, cents % 100));
        // The monitor's other half has to know the order.
        let _ = self.monitor.on_answers(
            0,
            &wire::message(&format!(
                "35=8|34={exec_id}|11={}|17={exec_id}|37=1|150=F|31={price}|32={quantity}|14={quantity}|151=0|",
                100 + number
            )),
        );
        let execution = Execution::of(0, ExecutionKind::Fill, 100 + number, self.time_ns);
        let execution = Execution { exec_id, last_price: PRICE_NONE, ..execution };
        self.monitor.on_input(&Input::Execution(execution));
        self
    }
}

/// Ends a chain of steps.
const fn done(_: &mut Stream) {}

type Steps<'a> = &'a dyn Fn(&mut Stream);

fn check(rule: &'static str, set: &dyn Fn(&mut Limits), inside: Steps<'_>, outside: Steps<'_>) {
    let broken_by = |steps: Steps<'_>| {
        let mut stream = Stream::new(set);
        steps(&mut stream);
        stream.broken
    };
    assert_eq!(broken_by(inside), None, "just inside {rule}");
    assert_eq!(broken_by(outside), Some(rule), "just outside");
}

#[test]
fn sums_at_their_limits() {
    let two = |cents: i64| move |stream: &mut Stream| done(stream.buys(1, 1_000, 10).buys(2, cents, 10));
    let filled = |cents: i64| {
        move |stream: &mut Stream| done(stream.buys(1, 1_000, 10).fills(1, 1_000, 10).buys(2, cents, 10))
    };
    let firm: &dyn Fn(&mut Limits) = &|limits| limits.firm.sums.gross = 200 * UNIT;
    check("GROSS_NOTIONAL", firm, &two(1_000), &two(1_001));
    check("GROSS_NOTIONAL", firm, &filled(1_000), &filled(1_001));
    let own: &dyn Fn(&mut Limits) = &|limits| limits.strategies[0].sums.gross = 200 * UNIT;
    check("GROSS_NOTIONAL", own, &filled(1_000), &filled(1_001));
    let net: &dyn Fn(&mut Limits) = &|limits| limits.firm.sums.net = 200 * UNIT;
    check("NET_NOTIONAL", net, &filled(1_000), &filled(1_001));
    let sells = |cents: i64| {
        move |stream: &mut Stream| {
            stream.new_order(1, 2, 1_000, 10, false).new_order(2, 2, cents, 10, false);
        }
    };
    check("NET_NOTIONAL", net, &sells(1_000), &sells(1_001));
    let open: &dyn Fn(&mut Limits) = &|limits| limits.firm.sums.open = 200 * UNIT;
    check("OPEN_NOTIONAL_TOLD", open, &two(1_000), &two(1_001));
    let margin: &dyn Fn(&mut Limits) = &|limits| {
        (limits.firm.buying_power, limits.symbols[0].margin_bp) = (50 * UNIT, 2_500);
    };
    check("BUYING_POWER", margin, &filled(1_000), &filled(1_001));
    let replaced = |cents: i64| {
        move |stream: &mut Stream| {
            let rest = format!("41=101|54=1|44=10.{cents:02}|38=20|59=0");
            stream.buys(1, 1_000, 10).leaves("G", 2, &rest);
        }
    };
    check("GROSS_NOTIONAL", firm, &replaced(0), &replaced(1));
}

#[test]
fn prices_against_the_market() {
    let collar: &dyn Fn(&mut Limits) = &|limits| limits.symbols[0].collar_bp = 200;
    check("COLLAR", collar, &|of| done(of.buys(1, 980, 1)), &|of| done(of.buys(1, 979, 1)));
    let touch: &dyn Fn(&mut Limits) = &|limits| limits.symbols[0].touch_ticks_max = 2;
    check("TOUCH", touch, &|of| done(of.buys(1, 1_003, 1)), &|of| done(of.buys(1, 1_004, 1)));
    let sells = |cents: i64| move |of: &mut Stream| done(of.new_order(1, 2, cents, 1, false));
    check("TOUCH", touch, &sells(997), &sells(996));
    let none: &dyn Fn(&mut Limits) = &|_| {};
    let one_sided = |of: &mut Stream| {
        of.of_venue(0, EventKind::Clear, 0).of_venue(1, EventKind::Clear, 0).buys(1, 1_000, 1);
    };
    check("NO_REFERENCE", none, &|of| done(of.buys(1, 1_000, 1)), &one_sided);
    let gap = |of: &mut Stream| done(of.of_venue(0, EventKind::Gap, 1).buys(1, 1_000, 1));
    let recovered = |of: &mut Stream| {
        of.of_venue(0, EventKind::Gap, 1).of_venue(0, EventKind::Recovered, 0).buys(1, 1_000, 1);
    };
    check("MARKET", none, &recovered, &gap);
    let status = |status: TradingStatus| {
        move |of: &mut Stream| {
            of.of_venue(0, EventKind::TradingStatus, status as u64).buys(1, 1_000, 1);
        }
    };
    check("MARKET", none, &status(TradingStatus::Trading), &status(TradingStatus::Closed));
    check("MARKET", none, &recovered, &|of| done(of.quote(0, 1_002, Side::Buy).buys(1, 1_000, 1)));
    let age: &dyn Fn(&mut Limits) = &|limits| limits.symbols[0].data_age_ns = 50_000_000;
    check("DATA_AGE", age, &|of| done(of.later(50).buys(1, 1_000, 1)), &|of| {
        done(of.later(51).buys(1, 1_000, 1))
    });
    let skew: &dyn Fn(&mut Limits) = &|limits| limits.firm.clock_skew_max_ns = 5;
    let skewed = |by: u64| {
        move |of: &mut Stream| {
            let exchange_ns = of.time_ns + by;
            let kind = EventKind::Trade;
            of.market(MarketEvent {
                kind,
                exchange_ns,
                price: 10 * CENT,
                instrument: 0,
                ..MarketEvent::NOTHING
            });
            of.buys(1, 1_000, 1);
        }
    };
    check("CLOCK_SKEW", skew, &skewed(5), &skewed(6));
}

#[test]
fn the_law() {
    let law: &dyn Fn(&mut Limits) =
        &|limits| (limits.symbols[0].us_equity, limits.symbols[0].locate_qty) = (true, 20);
    let sells = |side: u8, cents: i64, quantity: u64| {
        move |of: &mut Stream| done(of.new_order(1, side, cents, quantity, false))
    };
    check("SHORT_MARK", law, &sells(5, 1_000, 10), &sells(2, 1_000, 10));
    check("SHORT_LOCATE", law, &sells(5, 1_000, 20), &sells(5, 1_000, 21));
    let of_a_position = |quantity: u64| {
        move |of: &mut Stream| {
            of.buys(1, 1_000, 10).fills(1, 1_000, 10).new_order(2, 2, 1_000, quantity, false);
        }
    };
    check("SHORT_MARK", law, &of_a_position(10), &of_a_position(11));
    let restricted: &dyn Fn(&mut Limits) = &|limits| {
        let symbol = &mut limits.symbols[0];
        (symbol.us_equity, symbol.locate_qty, symbol.short_restricted) = (true, 20, true);
    };
    check("SHORT_PRICE", restricted, &sells(5, 1_000, 10), &|of: &mut Stream| {
        done(of.new_order(1, 5, 999, 10, true));
    });
    let buys = |cents: i64, takes: bool| move |of: &mut Stream| done(of.new_order(1, 1, cents, 1, takes));
    check("LOCKS_AWAY", law, &buys(1_000, false), &buys(1_001, false));
    check("TRADE_THROUGH", law, &buys(1_001, true), &buys(1_002, true));
}

#[test]
fn ratios_and_what_was_stopped() {
    let ratio: &dyn Fn(&mut Limits) =
        &|limits| (limits.firm.order_to_trade_max, limits.firm.order_to_trade_from) = (2, 2);
    let orders = |count: u64| move |of: &mut Stream| (1..=count).for_each(|at| done(of.buys(at, 1_000, 1)));
    check("ORDER_TO_TRADE", ratio, &orders(2), &orders(3));
    let none: &dyn Fn(&mut Limits) = &|_| {};
    let halted = |scope: Scope| {
        move |of: &mut Stream| {
            of.command(Command::Kill { scope, cause: KillCause::Operator }).buys(1, 1_000, 1);
        }
    };
    check("STOPPED", none, &halted(Scope::Side(Side::Sell)), &halted(Scope::Side(Side::Buy)));
    check("STOPPED", none, &halted(Scope::Venue(1)), &halted(Scope::Venue(0)));
    check("STOPPED", none, &halted(Scope::Strategy(1)), &halted(Scope::Strategy(0)));
    check(
        "STOPPED",
        none,
        &|of: &mut Stream| {
            of.command(Command::Kill { scope: Scope::All, cause: KillCause::Operator });
            of.command(Command::Reset { scope: Scope::All }).buys(1, 1_000, 1);
        },
        &halted(Scope::Instrument(0)),
    );
    // Bought at 10.05 with a mid of 10.00: ten shares have lost half a unit.
    let trades = |quantity: u64| {
        move |of: &mut Stream| done(of.buys(1, 1_005, quantity).fills(1, 1_005, quantity).buys(2, 1_000, 1))
    };
    let loss: &dyn Fn(&mut Limits) = &|limits| limits.firm.daily_loss_max = UNIT / 2;
    check("STOPPED", loss, &trades(10), &trades(11));
    let drawdown: &dyn Fn(&mut Limits) = &|limits| limits.firm.drawdown_max = UNIT / 2;
    check("STOPPED", drawdown, &trades(10), &trades(11));
    let falls = |cents: i64| {
        move |of: &mut Stream| {
            of.buys(1, 1_000, 10).fills(1, 1_000, 10);
            of.of_venue(0, EventKind::Clear, 0).of_venue(1, EventKind::Clear, 0);
            for venue in 0..2 {
                of.quote(venue, 1_000 - cents, Side::Buy).quote(venue, 1_002 - cents, Side::Sell);
            }
            of.buys(2, 990, 1);
        }
    };
    let rate: &dyn Fn(&mut Limits) = &|limits| limits.firm.loss_rate_max = UNIT / 2;
    check("STOPPED", rate, &falls(6), &falls(7));
    let executions: &dyn Fn(&mut Limits) = &|limits| limits.strategies[0].executions_max = 2;
    let fills = |count: u64| {
        move |of: &mut Stream| {
            (1..=count).for_each(|at| done(of.buys(at, 1_000, 1).fills(at, 1_000, 1)));
            of.buys(9, 1_000, 1);
        }
    };
    check("STOPPED", executions, &fills(2), &fills(3));
    let protection: &dyn Fn(&mut Limits) = &|limits| limits.strategies[0].protection_fills_max = 2;
    check("STOPPED", protection, &fills(2), &fills(3));
    let quantity: &dyn Fn(&mut Limits) = &|limits| limits.strategies[0].protection_qty_max = 2;
    check("STOPPED", quantity, &fills(2), &fills(3));
    let delta: &dyn Fn(&mut Limits) = &|limits| limits.strategies[0].protection_delta_max = 2;
    check("STOPPED", delta, &fills(2), &fills(3));
    let answer: &dyn Fn(&mut Limits) = &|limits| limits.firm.answer_max_ns = 1_000_000_000;
    let waits = |ms: u64| move |of: &mut Stream| done(of.buys(1, 1_000, 1).later(ms).buys(2, 1_000, 1));
    check("STOPPED", answer, &waits(1_000), &waits(60_000));
}

#[test]
fn limits_are_those_of_the_time() {
    let changed = |value: i64| {
        move |of: &mut Stream| {
            let (scope, rule) = (Scope::All, LimitRule::GrossNotionalMax);
            of.command(Command::SetLimit(LimitChange { version: 2, scope, rule, value })).buys(1, 1_000, 10);
        }
    };
    check("GROSS_NOTIONAL", &|_| {}, &changed(100), &changed(99));
}
