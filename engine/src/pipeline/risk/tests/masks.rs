//! Every mask equals the rules written out over a record that is kept apart: lists that are searched, sums made anew.

use super::*;
use crate::pipeline::draws::Draws;

/// An order that was approved and is open.
#[derive(Clone, Copy)]
struct Open {
    instrument: u32,
    strategy: u16,
    side: Side,
    reserved: i128,
    price: i128,
    sells_short: bool,
}

/// Everything that the rules go by.
struct Record {
    engine: EngineLimits,
    limits: Vec<InstrumentLimits>,
    strategy: StrategyLimits,
    orders: Vec<Open>,
    /// By strategy and instrument.
    positions: [[i128; 2]; 2],
    marks: [i128; 2],
    last_trades: [Option<(i128, u64)>; 2],
    /// Time and terms of new orders.
    sent: Vec<(u64, Intent)>,
    messages: i128,
    trades: i128,
    blocked: Vec<Scope>,
    last_id: u64,
}

fn none(price: i64) -> Option<i128> {
    (price != PRICE_NONE).then_some(i128::from(price))
}

impl Record {
    fn position(&self, instrument: u32) -> i128 {
        self.positions.iter().map(|of| of[instrument as usize]).sum()
    }

    fn open(&self, matches: impl Fn(&Open) -> bool) -> impl Iterator<Item = &Open> {
        self.orders.iter().filter(move |order| matches(order))
    }

    fn notional(&self, matches: impl Fn(&Open) -> bool) -> i128 {
        self.open(matches).map(|order| order.reserved * order.price).sum()
    }

    fn expected(
        &self,
        intent: &Intent,
        reference: &Reference,
        target: Option<Open>,
        cumulative: i128,
        stamp: &Stamp,
    ) -> u32 {
        let rule = |broken: bool, rule: RiskReasons| if broken { rule.0 } else { 0 };
        let id = stamp.cl_ord_id;
        let identity = rule(id == 0, RiskReasons::TABLE_FULL)
            | rule(id != 0 && id <= self.last_id, RiskReasons::DUPLICATE_CL_ORD_ID);
        if intent.action == OrderAction::Cancel {
            return identity | rule(target.is_none(), RiskReasons::TARGET);
        }
        let at = intent.instrument as usize;
        let Some(limits) = self.limits.get(at) else {
            return identity | RiskReasons::NOT_TRADABLE.0 | RiskReasons::RESTRICTED.0;
        };
        let is_new = intent.action == OrderAction::New;
        let target = target.filter(|_| !is_new);
        let bad_target = if is_new {
            intent.target != 0
        } else {
            target.is_none() || i128::from(intent.quantity) <= cumulative
        };
        let (price, quantity) = (i128::from(intent.price), i128::from(intent.quantity));
        let held = target.map_or((0, 0), |target| (target.reserved, target.price));
        let cumulative = if is_new || target.is_none() { 0 } else { cumulative };
        let wanted = (quantity - cumulative).max(0).max(held.0);
        let added = wanted * price.max(held.1) - held.0 * held.1;
        let (buys, position) = (intent.side == Side::Buy, self.position(intent.instrument));
        let same = |order: &Open| (order.instrument, order.side) == (intent.instrument, intent.side);
        let open_quantity: i128 = self.open(same).map(|order| order.reserved).sum();
        let worst = match intent.side {
            Side::None => i128::MAX,
            Side::Buy => position + open_quantity + wanted - held.0,
            Side::Sell => open_quantity - position + wanted - held.0,
        };
        let opens = worst > 0;
        let sums = |strategy: Option<u16>, gross_max, net_max, open_max| {
            let mine = |order: &Open| strategy.is_none_or(|strategy| order.strategy == strategy);
            let held = |at: usize| {
                strategy
                    .map_or(self.position(at as u32), |strategy| self.positions[usize::from(strategy)][at])
            };
            let values = [0, 1].map(|at| held(at) * self.marks[at]);
            let gross: i128 = values.iter().map(|value| value.abs()).sum();
            let net: i128 = values.iter().sum();
            let open = self.notional(mine) + added;
            let side = self.notional(|order| mine(order) && (order.side == Side::Buy) == buys) + added;
            rule(opens && gross + open > gross_max, RiskReasons::GROSS_NOTIONAL)
                | rule(opens && if buys { net } else { -net } + side > net_max, RiskReasons::NET_NOTIONAL)
                | rule(open > open_max, RiskReasons::OPEN_NOTIONAL)
        };
        let strategy = &self.strategy;
        let margin = |at: usize| {
            let of_orders = self.notional(|order| order.instrument as usize == at);
            let value = (self.position(at as u32) * self.marks[at]).abs();
            (of_orders + value) * i128::from(self.limits[at].margin_bp)
        };
        let margin = margin(0) + margin(1) + added.min(1 << 90) * i128::from(limits.margin_bp);
        let mid = match (none(reference.bid_px), none(reference.ask_px)) {
            (Some(bid), Some(ask)) => Some(bid + ask),
            _ => self.last_trades[at]
                .filter(|trade| stamp.time_ns.saturating_sub(trade.1) < limits.last_trade_age_max_ns)
                .map(|trade| 2 * trade.0),
        };
        let through = match (buys, none(reference.touch_bid_px), none(reference.touch_ask_px)) {
            (true, _, Some(ask)) => price - ask,
            (false, Some(bid), _) if intent.side == Side::Sell => bid - price,
            _ => 0,
        };
        let own = match intent.side {
            Side::Buy => none(reference.own_ask_px).is_some_and(|ask| price >= ask),
            Side::Sell => none(reference.own_bid_px).is_some_and(|bid| price <= bid),
            Side::None => false,
        };
        let away = match intent.side {
            Side::Buy => none(reference.away_ask_px).map(|ask| price - ask),
            Side::Sell => none(reference.away_bid_px).map(|bid| bid - price),
            Side::None => None,
        };
        let rests = intent.time_in_force == TimeInForce::Day;
        let law = limits.us_equity;
        let short = law && intent.side == Side::Sell && worst > 0;
        let was_long = !is_new && target.is_none_or(|target| !target.sells_short);
        let like = |(time_ns, sent): &&(u64, Intent)| {
            stamp.time_ns.saturating_sub(*time_ns) < limits.duplicate_window_ns
                && (sent.instrument, sent.side, sent.price, sent.quantity)
                    == (intent.instrument, intent.side, intent.price, intent.quantity)
        };
        let repeated = self.sent.iter().filter(like).count() >= limits.duplicates_max as usize;
        let blocked = self.blocked.iter().any(|scope| match *scope {
            Scope::All => true,
            Scope::Side(side) => side == intent.side,
            Scope::Venue(venue) => venue == intent.venue,
            Scope::Instrument(instrument) => instrument == intent.instrument,
            Scope::Strategy(strategy) => strategy == stamp.strategy,
        });
        let firm = &self.engine;
        let ratio = self.messages >= i128::from(firm.order_to_trade_from)
            && self.messages >= i128::from(firm.order_to_trade_max) * self.trades.max(1);
        let counted = self.open(|order| order.instrument == intent.instrument).count();
        identity
            | rule(bad_target, RiskReasons::TARGET)
            | rule(blocked, RiskReasons::KILL_SWITCH)
            | rule(!reference.tradable || limits.order_qty_max == 0, RiskReasons::NOT_TRADABLE)
            | rule(reference.crossed, RiskReasons::BOOK_CROSSED)
            | rule(reference.stale, RiskReasons::STALE_BOOK)
            | rule(reference.data_age_ns > limits.market_data_age_max_ns, RiskReasons::DATA_AGE)
            | rule(reference.clock_skew_ns > firm.clock_skew_max_ns, RiskReasons::CLOCK_SKEW)
            | rule(limits.restricted, RiskReasons::RESTRICTED)
            | rule(quantity == 0 || quantity > i128::from(limits.order_qty_max), RiskReasons::ORDER_QTY)
            | rule(
                quantity < i128::from(limits.order_qty_min) || quantity % i128::from(limits.lot_qty) != 0,
                RiskReasons::LOT,
            )
            | rule(price * quantity > limits.order_notional_max, RiskReasons::NOTIONAL)
            | rule(price <= 0 || price % i128::from(limits.price_tick) != 0, RiskReasons::PRICE)
            | rule(mid.is_none(), RiskReasons::NO_REFERENCE)
            | rule(
                mid.is_some_and(|mid| (2 * price - mid).abs() * 10_000 > i128::from(limits.collar_bp) * mid),
                RiskReasons::COLLAR,
            )
            | rule(
                through > i128::from(limits.touch_ticks_max) * i128::from(limits.price_tick),
                RiskReasons::TOUCH,
            )
            | rule(own, RiskReasons::SELF_TRADE)
            | rule(worst > i128::from(limits.position_max), RiskReasons::POSITION)
            | sums(None, firm.gross_notional_max, firm.net_notional_max, firm.open_notional_max)
            | sums(
                Some(stamp.strategy),
                strategy.gross_notional_max,
                strategy.net_notional_max,
                strategy.open_notional_max,
            )
            | rule(opens && margin > firm.buying_power.saturating_mul(10_000), RiskReasons::BUYING_POWER)
            | rule(
                is_new
                    && (counted >= limits.open_orders_max as usize
                        || self.orders.len() >= firm.open_orders_max as usize),
                RiskReasons::OPEN_ORDERS,
            )
            | rule(is_new && limits.duplicates_max != u32::MAX && repeated, RiskReasons::DUPLICATE_ORDER)
            | rule(short && (was_long || worst > i128::from(limits.locate_qty)), RiskReasons::SHORT_LOCATE)
            | rule(
                short
                    && limits.short_restricted
                    && none(reference.national_bid_px).is_none_or(|bid| price <= bid),
                RiskReasons::SHORT_PRICE,
            )
            | rule(law && rests && away.is_some_and(|beyond| beyond >= 0), RiskReasons::LOCKS_AWAY)
            | rule(law && !rests && away.is_some_and(|beyond| beyond > 0), RiskReasons::TRADE_THROUGH)
            | rule(ratio, RiskReasons::ORDER_TO_TRADE)
    }
}

/// Numbers at which checks tip over, and the extremes.
fn draw_price(draws: &mut Draws) -> i64 {
    match draws.below(12) {
        0 => draws.one_of(&[i64::MIN + 1, -1, 0, 1, i64::MAX, i64::MAX - 1]),
        1 => (draws.any() as i64).max(i64::MIN + 1),
        _ => (98 * DOLLAR / TICK + draws.below(400) as i64) * TICK + i64::from(draws.once_in(9)),
    }
}

fn draw_quantity(draws: &mut Draws) -> u64 {
    match draws.below(12) {
        0 => draws.one_of(&[0, u64::MAX, u64::MAX - 1, i64::MAX as u64, 1 << 63]),
        1 => draws.any(),
        _ => draws.below(60) * 10 + u64::from(draws.once_in(8)),
    }
}

fn draw_limits(draws: &mut Draws, seed: u64) -> InstrumentLimits {
    InstrumentLimits {
        order_qty_max: draws.one_of(&[500, 0, 300]).max(if seed.is_multiple_of(2) { 200 } else { 0 }),
        order_qty_min: draws.one_of(&[1, 20]),
        lot_qty: draws.one_of(&[1, 10]),
        order_notional_max: dollars(draws.one_of(&[20_000, 50_000])),
        collar_bp: draws.one_of(&[100, 150]),
        touch_ticks_max: draws.one_of(&[10, 100, u32::MAX]),
        position_max: draws.one_of(&[600, 2_000]),
        price_tick: TICK,
        open_orders_max: draws.one_of(&[1, 3, u32::MAX]),
        rate: None,
        duplicates_max: draws.one_of(&[0, 1, 3, u32::MAX]),
        duplicate_window_ns: draws.one_of(&[50, 5_000]),
        last_trade_age_max_ns: draws.one_of(&[0, 100, 10_000]),
        market_data_age_max_ns: draws.one_of(&[100, u64::MAX]),
        restricted: draws.once_in(15),
        us_equity: draws.once_in(2),
        short_restricted: draws.once_in(3),
        locate_qty: draws.one_of(&[0, 100, 1_000]),
        margin_bp: draws.one_of(&[0, 2_500, 10_000]),
    }
}

#[test]
fn every_mask_equals_the_rules_written_out() {
    let mut seen = [0_u32; 32];
    let mut approved = 0;
    for seed in 0..400 {
        let mut draws = Draws(seed);
        let most = |draws: &mut Draws| draws.one_of(&[dollars(40_000), dollars(150_000), i128::MAX]);
        let engine = EngineLimits {
            open_orders_max: draws.one_of(&[2, 20, u32::MAX]),
            gross_notional_max: most(&mut draws),
            net_notional_max: most(&mut draws),
            open_notional_max: most(&mut draws),
            buying_power: most(&mut draws),
            order_to_trade_max: draws.one_of(&[0, 1, u64::MAX, u64::MAX]),
            order_to_trade_from: 8,
            clock_skew_max_ns: draws.one_of(&[300, u64::MAX]),
            ..EngineLimits::OPEN
        };
        let strategy = StrategyLimits {
            gross_notional_max: most(&mut draws),
            net_notional_max: most(&mut draws),
            open_notional_max: most(&mut draws),
            ..StrategyLimits::OPEN
        };
        let limits = vec![draw_limits(&mut draws, seed), draw_limits(&mut draws, seed)];
        let mut risk =
            Risk::new(engine, limits.clone()).with_strategies(&[(strategy, &[0, 1]), (strategy, &[0, 1])]);
        let mut record = Record {
            engine,
            limits,
            strategy,
            orders: Vec::new(),
            positions: [[0; 2]; 2],
            marks: [0; 2],
            last_trades: [None; 2],
            sent: Vec::new(),
            messages: 0,
            trades: 0,
            blocked: Vec::new(),
            last_id: 0,
        };
        let mut now_ns = 0;
        for step in 0..400 {
            now_ns += draws.below(40);
            let intent = Intent {
                action: draws.one_of(&[OrderAction::New, OrderAction::Replace, OrderAction::Cancel]),
                target: draws.one_of(&[0, 0, 0, 9]),
                price: draw_price(&mut draws),
                quantity: draw_quantity(&mut draws),
                instrument: draws.one_of(&[0, 0, 0, 1, 1, 2]),
                side: draws.one_of(&[Side::Buy, Side::Sell, Side::Buy, Side::Sell, Side::Buy, Side::None]),
                time_in_force: draws.one_of(&[TimeInForce::Day, TimeInForce::ImmediateOrCancel]),
                ..INTENT
            };
            let reference = draw_reference(&mut draws);
            let place = draws.below(record.orders.len().max(1) as u64) as usize;
            let fits = |order: &Open| {
                (order.instrument, order.side) == (intent.instrument, intent.side)
                    && !intent.action.eq(&OrderAction::New)
            };
            let held = record.orders.get(place).copied().filter(fits);
            let cumulative = i128::from(draws.below(200));
            let target = held.map(|order| Target {
                quantity: 0,
                cumulative: cumulative as u64,
                reserved: order.reserved as u64,
                price: order.price as i64,
                sells_short: order.sells_short,
            });
            let id = if draws.once_in(20) { draws.below(record.last_id + 1) } else { record.last_id + 1 };
            let strategy = held.map_or(draws.below(2) as u16, |order| order.strategy);
            let stamp = Stamp { decision: 1, time_ns: now_ns, cl_ord_id: id, strategy };
            let expected = record.expected(&intent, &reference, held, cumulative, &stamp);
            let explained = risk.explain(&intent, &reference, target, &stamp);
            let outcome = risk.approve(&intent, &reference, target, &stamp);
            let found = outcome.as_ref().err().map_or(RiskReasons::default(), |reasons| *reasons);
            assert_eq!(
                found.0,
                expected,
                "seed {seed}, step {step}: {found} and not {}: {intent:?} {reference:?} {target:?}",
                RiskReasons(expected)
            );
            let broken = explained.iter().filter(|judged| judged.is_broken);
            let broken = broken.fold(RiskReasons::default(), |all, judged| all | judged.rule);
            assert_eq!(broken, found, "seed {seed}, step {step}: {explained:?}");
            for (bit, seen) in seen.iter_mut().enumerate() {
                *seen += expected >> bit & 1;
            }
            if let Ok(approval) = outcome {
                approved += 1;
                if draws.once_in(6) {
                    risk.withdraw(approval);
                    record.last_id = id - 1;
                } else {
                    take_over(&mut record, &intent, &approval, place, &stamp);
                }
            }
            happen(&mut draws, &mut risk, &mut record, now_ns, step);
        }
        let carried = [0, 1].map(|at| risk.exposure(at).position);
        assert_eq!(carried.map(i128::from), [0, 1].map(|at| record.position(at)), "seed {seed}");
    }
    // The group's rule and the rates are tried elsewhere.
    for (bit, name) in RiskReasons::NAMES.iter().enumerate() {
        let elsewhere = ["GROUP", "MESSAGE_RATE"].contains(name);
        assert!(elsewhere || seen[bit] >= 50, "{name} was broken {} times only", seen[bit]);
    }
    assert!(approved > 1_000, "{approved} approved");
}

fn draw_reference(draws: &mut Draws) -> Reference {
    let mut price = |usual: i64, none_in: u64| match draws.below(40) {
        0 => draw_price(draws),
        1 | 2 if none_in > 0 => PRICE_NONE,
        _ => usual + (draws.below(100) as i64 - 50) * TICK,
    };
    let (bid_px, ask_px) = (price(99 * DOLLAR, 1), price(101 * DOLLAR, 1));
    let national_bid_px = price(99 * DOLLAR, 1);
    let (touch_bid_px, touch_ask_px) = (price(99 * DOLLAR, 1), price(101 * DOLLAR, 1));
    let (away_bid_px, away_ask_px) = (price(98 * DOLLAR, 1), price(102 * DOLLAR, 1));
    let (own_bid_px, own_ask_px) = (price(98 * DOLLAR, 1), price(102 * DOLLAR, 1));
    Reference {
        bid_px,
        ask_px,
        national_bid_px,
        touch_bid_px,
        touch_ask_px,
        away_bid_px,
        away_ask_px,
        own_bid_px,
        own_ask_px,
        data_age_ns: draws.below(105),
        clock_skew_ns: draws.below(310),
        tradable: !draws.once_in(30),
        crossed: draws.once_in(30),
        stale: draws.once_in(50),
    }
}

fn take_over(record: &mut Record, intent: &Intent, approval: &Approval, place: usize, stamp: &Stamp) {
    record.last_id = stamp.cl_ord_id;
    record.messages += 1;
    let price = i128::from(intent.price);
    match intent.action {
        OrderAction::New => {
            record.orders.push(Open {
                instrument: intent.instrument,
                strategy: stamp.strategy,
                side: intent.side,
                reserved: i128::from(approval.reserved),
                price,
                sells_short: approval.order.sells_short,
            });
            record.sent.push((stamp.time_ns, *intent));
        }
        OrderAction::Replace => {
            let order = &mut record.orders[place];
            order.reserved = i128::from(approval.reserved);
            order.price = order.price.max(price);
        }
        _ => {}
    }
}

/// Fills, ends of orders, prices, trades in the market, blocks and resets.
fn happen(draws: &mut Draws, risk: &mut Risk, record: &mut Record, now_ns: u64, step: u64) {
    let at = draws.below(record.orders.len().max(1) as u64) as usize;
    if draws.once_in(3)
        && let Some(order) = record.orders.get_mut(at)
    {
        let filled = draws.below(order.reserved as u64 + 1);
        let closed = draws.once_in(2) || i128::from(filled) == order.reserved;
        let before = order.reserved;
        let price = draws.below(200) as i64 * DOLLAR + DOLLAR;
        if filled > 0 {
            let (instrument, strategy, side) = (order.instrument, order.strategy, order.side);
            risk.fill(&Fill { instrument, strategy, price, ..fill(side, filled) });
            let signed = if side == Side::Buy { i128::from(filled) } else { -i128::from(filled) };
            record.positions[usize::from(strategy)][instrument as usize] += signed;
            let mark = &mut record.marks[instrument as usize];
            *mark = if *mark == 0 { i128::from(price) } else { *mark };
            record.trades += 1;
        }
        order.reserved = if closed { 0 } else { before - i128::from(filled) };
        let quantity = before - order.reserved;
        risk.release(&Released {
            instrument: order.instrument,
            strategy: order.strategy,
            side: order.side,
            quantity: quantity as u64,
            notional: quantity * order.price,
            closed,
        });
        if closed {
            record.orders.swap_remove(at);
        }
    }
    let instrument = draws.below(2) as usize;
    match draws.below(12) {
        0 | 1 => {
            let price = (90 + draws.below(20) as i64) * DOLLAR;
            risk.mark(instrument as u32, price, now_ns);
            record.marks[instrument] = i128::from(price);
        }
        2 => {
            let price = draw_price(draws);
            risk.traded(instrument as u32, price, now_ns);
            record.last_trades[instrument] = Some((i128::from(price), now_ns));
        }
        3 if draws.once_in(8) => {
            let scopes = [
                Scope::Side(Side::Sell),
                Scope::Venue(0),
                Scope::Instrument(1),
                Scope::Strategy(0),
                Scope::All,
            ];
            let scope = draws.one_of(&scopes);
            risk.command(Command::Kill { scope, cause: KillCause::Operator });
            record.blocked.push(scope);
        }
        4 | 5 if !record.blocked.is_empty() => {
            let scope = draws.one_of(&record.blocked);
            risk.command(Command::Reset { scope });
            record.blocked.retain(|&other| scope != Scope::All && other != scope);
        }
        _ => {}
    }
    let _ = step;
}
