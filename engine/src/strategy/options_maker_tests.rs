//! The maker in the real decision core: two options on one underlying, fed by hand.

use super::*;
use crate::order::{Execution, ExecutionKind, Order, OrderAction, RejectReason};
use crate::pipeline::decision_core::{Actions, CoreSizes, DecisionCore, Input, NoProbe};
use crate::pipeline::risk::{EngineLimits, InstrumentLimits, Risk, StrategyLimits};
use crate::pipeline::wide::{ComputedBy, SurfaceFitted, SurfaceVol, WideAnswered, WideRequest, WideWatch};
use crate::strategy::Strategy;
use feeds::event::{EventKind, MarketEvent, flags};
use kernels::abi::{ItemKey, ItemKind, WideItem, option_flags};
use kernels::cpu::american::{Exercised, PremiumTable};
use kernels::cpu::book::{BookConfig, VenueBooks};
use kernels::cpu::pricing::{Contract as Priced, ForwardTerms, Isa, value_one};

const CENT: i64 = 10_000_000;
const ONE: i64 = 1_000_000_000;
const MS: u64 = 1_000_000;

pub(super) const EXPIRY: Expiry = Expiry { carry: 1.0, discount: 1.0, years: 0.25, sqrt_years: 0.5 };

/// An option priced at a volatility of 0.2.
pub(super) fn terms_of(put: bool, strike: f64) -> OptionTerms {
    OptionTerms {
        strike,
        ln_strike: kernels::cpu::pricing::ln(strike),
        volatility: 0.2,
        width_vega: 0.0,
        half_width_min_e9: 0,
        tick_e9: 1,
        expiry: 0,
        flags: u32::from(put) * option_flags::PUT,
        underlying: 0,
        reserved: 0,
    }
}

fn made(option: u32) -> MadeOption {
    MadeOption {
        option,
        at: WideListing { venue: 0, instrument: option + 1 },
        underlying: WideListing { venue: 0, instrument: 0 },
        price_tick: CENT,
        terms: terms_of(option % 2 == 1, 80.0),
        expiry: EXPIRY,
    }
}

/// Instrument 0 is the underlying; options 0 and 1 of the tables are instruments 1 and 2.
struct Desk {
    core: DecisionCore,
    actions: Actions,
    now_ns: u64,
    next_id: u64,
}

fn config() -> OptionsMakerConfig {
    OptionsMakerConfig { skew_vega_e12: 0, ..OptionsMakerConfig::default() }
}

impl Desk {
    fn new(options: u32, config: &OptionsMakerConfig, of_each: StrategyLimits) -> Self {
        let instruments = options as usize + 1;
        let books = BookConfig {
            instruments_max: instruments,
            orders_max: 1_000,
            levels_max: 500,
            price_tick: 100_000,
        };
        let limits = InstrumentLimits {
            order_qty_max: 1_000,
            order_notional_max: 1_000_000 * 1_000_000_000,
            collar_bp: 9_000,
            position_max: 1_000,
            price_tick: CENT,
            ..InstrumentLimits::default()
        };
        let made: Vec<_> = (0..options).map(made).collect();
        let maker = OptionsMaker::new(&made, config).expect("good settings");
        let declared = [(of_each, maker.instruments())];
        let engine =
            EngineLimits { messages_per_s: 10_000, messages_burst: 10_000, ..EngineLimits::default() };
        let risk = Risk::new(engine, vec![limits; instruments]).with_strategies(&declared);
        let sizes = CoreSizes {
            date: 20_261_122,
            instruments_max: instruments,
            orders_max: 256,
            messages_max: 10_000,
        };
        let books = vec![VenueBooks::new(books).expect("sizes in range")];
        let listings = [WideListing { venue: 0, instrument: 0 }];
        let core = DecisionCore::new(sizes, books, risk, vec![Box::new(maker)]).with_wide(WideWatch::new(
            &listings,
            1,
            instruments,
            8,
        ));
        let actions = Actions::new(core.actions_max());
        let mut desk = Self { core, actions, now_ns: 10_000 * MS, next_id: 1 };
        for instrument in 0..=options {
            let far = if instrument == 0 { 10 } else { 1 };
            desk.add(instrument, Side::Buy, 100 * far * CENT);
            desk.add(instrument, Side::Sell, 1_500 * far * CENT);
        }
        desk
    }

    fn input(&mut self, input: Input<'_>) -> Vec<Order> {
        self.core.on_input(input, &mut NoProbe, &mut self.actions).expect("the event fits the book");
        self.actions.as_slice().iter().map(|order| **order).collect()
    }

    fn add(&mut self, instrument: u32, side: Side, price: i64) -> Vec<Order> {
        let event = MarketEvent {
            exchange_ns: self.now_ns,
            receive_ns: self.now_ns,
            sequence: self.next_id,
            order_id: self.next_id,
            second_id: 0,
            price,
            quantity: 100,
            instrument,
            venue: 0,
            kind: EventKind::OrderAdd,
            side,
            flags: flags::LAST_OF_EVENT,
        };
        self.next_id += 1;
        self.input(Input::Market(&event))
    }

    /// The answer to the oldest request: theoretical value, delta and vega of options.
    fn answer(&mut self, values: &[(u32, i64, i64, i64)]) -> Vec<Order> {
        let item = |&(index, theoretical, delta, vega): &(u32, i64, i64, i64)| WideItem {
            key: ItemKey { kind: ItemKind::Option, index },
            values: if theoretical == PRICE_NONE {
                [PRICE_NONE, PRICE_NONE, 0, 0, 0]
            } else {
                [theoretical - 1, theoretical + 1, theoretical, delta, vega]
            },
        };
        let items: Vec<_> = values.iter().map(item).collect();
        if self.core.wide().and_then(WideWatch::oldest).is_none() {
            self.ask_again();
        }
        let request = *self.core.wide().and_then(WideWatch::oldest).expect("a request");
        let WideRequest { id, listing, .. } = request;
        let computed_by = ComputedBy::Cpu;
        let answer = WideAnswered { time_ns: self.now_ns, request: id, listing, computed_by, items: &items };
        self.input(Input::Answer(&answer))
    }

    /// The underlying's touch changes, so that there is a request.
    fn ask_again(&mut self) {
        let price = 2_000 * CENT + self.next_id as i64 * CENT;
        self.add(0, Side::Buy, price);
    }

    fn accept(&mut self, orders: &[Order]) -> Vec<Order> {
        let mut sent = Vec::new();
        for order in orders {
            let kind = match order.action {
                OrderAction::Replace => ExecutionKind::Replaced,
                OrderAction::Cancel => ExecutionKind::Canceled,
                _ => ExecutionKind::New,
            };
            let execution = self.execution(order, kind);
            sent.extend(self.input(Input::Execution(&execution)));
        }
        sent
    }

    fn fill(&mut self, order: &Order, quantity: u64) -> Vec<Order> {
        let kind = if quantity == order.quantity { ExecutionKind::Fill } else { ExecutionKind::PartialFill };
        let execution = Execution {
            last_price: order.price,
            last_quantity: quantity,
            cumulative_quantity: quantity,
            leaves_quantity: order.quantity - quantity,
            ..self.execution(order, kind)
        };
        self.input(Input::Execution(&execution))
    }

    fn execution(&mut self, order: &Order, kind: ExecutionKind) -> Execution {
        self.next_id += 1;
        Execution {
            time_ns: self.now_ns,
            cl_ord_id: order.cl_ord_id,
            orig_cl_ord_id: order.orig_cl_ord_id,
            exec_id: self.next_id,
            venue_order_id: 0,
            last_price: PRICE_NONE,
            last_quantity: 0,
            leaves_quantity: 0,
            cumulative_quantity: 0,
            instrument: order.instrument,
            venue: 0,
            kind,
            side: order.side,
            reason: RejectReason::None,
            exec_ref_id: 0,
        }
    }

    fn timer(&mut self) -> Vec<Order> {
        self.input(Input::Timer { due_ns: self.now_ns })
    }
}

fn terms(orders: &[Order]) -> Vec<(OrderAction, u32, Side, i64, u64)> {
    orders.iter().map(|o| (o.action, o.instrument, o.side, o.price / CENT, o.quantity)).collect()
}

use OrderAction::{Cancel, New, Replace};
use Side::{Buy, Sell};

/// Worth 5.00 with delta 0.5 and vega 20: half a width of 0.11.
const CALL: (u32, i64, i64, i64) = (0, 5 * ONE, ONE / 2, 20 * ONE);
const PUT: (u32, i64, i64, i64) = (1, 4 * ONE, -ONE / 2, 20 * ONE);

#[test]
fn an_answer_becomes_quotes_a_change_a_replace_and_no_price_a_cancel() {
    let mut desk = Desk::new(2, &config(), StrategyLimits::default());
    let sent = desk.answer(&[CALL, PUT]);
    let expected =
        [(New, 1, Buy, 489, 10), (New, 1, Sell, 511, 10), (New, 2, Buy, 389, 10), (New, 2, Sell, 411, 10)];
    assert_eq!(terms(&sent), expected);
    assert!(desk.accept(&sent).is_empty(), "they are as wanted");
    let moved = (0, 5 * ONE + 5 * CENT, ONE / 2, 20 * ONE);
    let sent = desk.answer(&[moved]);
    assert_eq!(terms(&sent), [(Replace, 1, Buy, 494, 10), (Replace, 1, Sell, 516, 10)]);
    desk.accept(&sent);
    let sent = desk.answer(&[(0, PRICE_NONE, 0, 0)]);
    let cancelled: Vec<_> = sent.iter().map(|order| (order.action, order.instrument)).collect();
    assert_eq!(cancelled, [(Cancel, 1), (Cancel, 1)]);
}

#[test]
fn a_fill_moves_every_option_of_the_underlying() {
    let config = OptionsMakerConfig { skew_delta_e9: 20_000_000, ..config() };
    let mut desk = Desk::new(2, &config, StrategyLimits::default());
    let sent = desk.answer(&[CALL, PUT]);
    desk.accept(&sent);
    // Ten calls bought are 5 deltas, which move the underlying by 0.10 and each option by 0.05.
    let moved = desk.fill(&sent[0], 10);
    let expected = [
        (New, 1, Buy, 484, 10),
        (Replace, 1, Sell, 506, 10),
        (Replace, 2, Buy, 394, 10),
        (Replace, 2, Sell, 416, 10),
    ];
    let mut found = terms(&moved);
    found.sort_by_key(|order| (order.1, order.2 == Sell));
    // The first bid is done and sent anew at the shifted price, once.
    assert_eq!(found, expected);
}

#[test]
fn a_whole_chain_takes_several_inputs() {
    let mut desk = Desk::new(40, &config(), StrategyLimits::default());
    let values: Vec<_> = (0..40).map(|option| (option, 5 * ONE, ONE / 2, 20 * ONE)).collect();
    let (mut sent, mut inputs) = (desk.answer(&values), 1);
    let mut all = Vec::new();
    while !sent.is_empty() {
        assert!(sent.len() <= 8, "{} messages of one input", sent.len());
        all.extend(sent.clone());
        desk.accept(&sent).into_iter().for_each(|order| {
            all.push(order);
        });
        sent = desk.timer();
        inputs += 1;
        assert!(inputs < 100, "it comes to an end");
    }
    assert!(all.iter().all(|order| order.action == New));
    let mut sides: Vec<_> = all.iter().map(|order| (order.instrument, order.side == Sell)).collect();
    sides.sort_unstable();
    sides.dedup();
    assert_eq!((sides.len(), all.len()), (80, 80), "each side of each option once");
}

#[test]
fn protection_stops_the_maker_and_its_orders() {
    let limits = StrategyLimits { protection_fills_max: 1, ..StrategyLimits::default() };
    let mut desk = Desk::new(2, &config(), limits);
    let sent = desk.answer(&[CALL, PUT]);
    desk.accept(&sent);
    assert!(desk.fill(&sent[0], 1).is_empty());
    let stopped = desk.fill(&sent[2], 1);
    assert!(stopped.iter().all(|order| order.action == Cancel), "{:?}", terms(&stopped));
    assert!(!stopped.is_empty());
    let before = desk.core.counters().new_orders;
    desk.answer(&[(0, 6 * ONE, ONE / 2, 20 * ONE)]);
    desk.timer();
    assert_eq!(desk.core.counters().new_orders, before, "risk lets nothing through");
}

#[test]
fn what_early_exercise_adds_comes_on_top_and_follows_the_underlying() {
    let mut desk = Desk::new(2, &config(), StrategyLimits::default());
    let sent = desk.answer(&[CALL]);
    desk.accept(&sent);
    // With the underlying at 80 as it is now 0.07, and 0.10 more for each 2^30 that it rises: 0.0931 a unit.
    let mid = (1_000 + 15_000) * CENT / 2;
    let premiums = [0, 1, 2, 3, 4].map(|point| 7 * CENT + point * 10 * CENT);
    let premium = PremiumTable::of_parts(mid, 30, Exercised::Nowhere, premiums).expect("good parts");
    let vols = [SurfaceVol { option: 0, volatility_e9: 200_000_000, premium }];
    let fitted = SurfaceFitted { time_ns: desk.now_ns, fit: 1, listing: 0, vols: &vols };
    let sent = desk.input(Input::Surface(&fitted));
    // 5.07 with 0.1 of width for vega and 0.0119 for a delta of 0.5931.
    assert_eq!(terms(&sent), [(Replace, 1, Buy, 495, 10), (Replace, 1, Sell, 519, 10)]);
    assert_eq!(desk.core.counters().surfaces, 1);
    desk.accept(&sent);
    // The underlying at 82: the same answer is worth 0.1863 more.
    desk.add(0, Side::Buy, 1_400 * CENT);
    let sent = desk.answer(&[CALL]);
    assert_eq!(terms(&sent), [(Replace, 1, Buy, 514, 10), (Replace, 1, Sell, 537, 10)]);
}

/// What option 0 is worth at a volatility with the underlying at its mid of 80, in cents.
fn worth_cents(volatility: f64) -> i64 {
    let OptionTerms { strike, ln_strike, .. } = terms_of(false, 80.0);
    let terms = ForwardTerms::new(Isa::detect(), &EXPIRY, 80.0);
    let value = value_one(&terms, &Priced { strike, ln_strike, volatility, sign: 1.0 });
    (value.price * 100.0).round() as i64
}

#[test]
fn an_option_whose_market_has_left_its_volatility_is_not_quoted_until_a_fit_follows() {
    let mut desk = Desk::new(2, &config(), StrategyLimits::default());
    let worth = (0, worth_cents(0.2) * CENT, ONE / 2, 16 * ONE);
    let sent = desk.answer(&[worth]);
    assert_eq!(sent.len(), 2);
    desk.accept(&sent);
    // Somebody bids what the option is worth at 0.24, which is within the band, then at 0.30.
    let sent = desk.add(1, Side::Buy, worth_cents(0.24) * CENT);
    assert!(sent.iter().all(|order| order.action == Replace), "away from the bid: {:?}", terms(&sent));
    desk.accept(&sent);
    let sent = desk.add(1, Side::Buy, worth_cents(0.30) * CENT);
    assert_eq!(sent.iter().map(|order| order.action).collect::<Vec<_>>(), [Cancel, Cancel]);
    desk.accept(&sent);
    assert!(desk.answer(&[worth]).is_empty() && desk.timer().is_empty());
    let vols = [SurfaceVol { option: 0, volatility_e9: 290_000_000, premium: PremiumTable::NONE }];
    let fitted = SurfaceFitted { time_ns: desk.now_ns, fit: 1, listing: 0, vols: &vols };
    assert_eq!(desk.input(Input::Surface(&fitted)).len(), 2, "the surface is where the market is");
    let report = desk.core.reports().next().expect("a report");
    assert!(report.contains("1 times a market left"), "{report}");
}

#[test]
fn an_option_twice_is_refused() {
    let made = made(3);
    let other = MadeOption { option: 4, ..made };
    assert!(OptionsMaker::new(&[made, made], &config()).is_err());
    assert!(OptionsMaker::new(&[made, other], &config()).is_err(), "two options of one symbol");
}
