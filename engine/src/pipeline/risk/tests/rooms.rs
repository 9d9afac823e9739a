//! What the ordinary order is held against is never more than the exact sums, counts and limits leave, whatever happens.

use super::*;
use crate::pipeline::carried_state::CarriedState;
use crate::pipeline::draws::Draws;
use crate::pipeline::risk::limits::NOTIONAL_CEILING;
use crate::pipeline::risk::plain::PlainLimits;
use crate::pipeline::risk::reservation::order;
use crate::pipeline::risk::totals::NotionalLimits;

/// An approved order that is open, and what it holds.
type Open = Released;

/// No order that has room breaks a limit of these sums.
fn room_is_there(totals: &Totals, limits: &NotionalLimits, place: &str) -> u64 {
    let with_bit =
        |room: u64, bit: u32| if totals.has_room(room | 1 << bit) { room | 1 << bit } else { room };
    let room = (0..u64::BITS).rev().fold(0, with_bit);
    if totals.has_room(0) {
        let (gross, net, room) = (totals.gross().get(), totals.net().get(), i128::from(room));
        assert!(gross + totals.open() + room <= limits.gross, "gross of {totals:?}, {limits:?}: {place}");
        assert!(
            net + totals.open_of(true) + room <= limits.net,
            "net bought of {totals:?}, {limits:?}: {place}"
        );
        assert!(
            totals.open_of(false) - net + room <= limits.net,
            "net sold of {totals:?}, {limits:?}: {place}"
        );
        assert!(totals.open() + room <= limits.open, "open of {totals:?}, {limits:?}: {place}");
    }
    room
}

/// Whether there is room of any size.
fn check(risk: &Risk, sent: &[(u32, u64)], now_ns: u64, place: &str) -> bool {
    let firm = &risk.firm;
    let room = room_is_there(&firm.totals, &firm.limits.notional(), place);
    if firm.totals.has_room(0) {
        let highest = risk.instruments.iter().map(|at| at.limits.margin_bp).max().expect("two");
        let margin = firm.margin.get() + i128::from(room) * i128::from(highest);
        assert!(
            margin <= firm.margin_max,
            "margin {:?} of {}, room {room}: {place}",
            firm.margin,
            firm.margin_max
        );
    }
    if firm.messages < firm.messages_most {
        let limits = &firm.limits;
        let most = i128::from(limits.order_to_trade_max) * i128::from(firm.trades.max(1));
        let is_free = i128::from(firm.messages) < most || firm.messages < limits.order_to_trade_from;
        assert!(is_free, "{} messages, {} trades: {place}", firm.messages, firm.trades);
    }
    for strategy in &risk.strategies {
        room_is_there(&strategy.totals, &strategy.limits.notional(), place);
    }
    for (number, at) in (0..).zip(&risk.instruments) {
        let made = PlainLimits::of(&at.limits);
        assert_eq!(format!("{:?}", at.plain), format!("{made:?}"), "limits of {number}: {place}");
        let window_ns = at.limits.duplicate_window_ns;
        let young =
            sent.iter().filter(|of| of.0 == number && now_ns.saturating_sub(of.1) < window_ns).count();
        for most in 0..=40 {
            assert!(
                !at.recent.are_fewer(now_ns, most) || young < most as usize,
                "{young} young orders of {number}: {place}"
            );
        }
    }
    room > 0
}

fn change(draws: &mut Draws, risk: &mut Risk) {
    let most = draws.one_of(&[20_000, 100_000, 400_000, LimitChange::NONE]);
    let sums = [LimitRule::GrossNotionalMax, LimitRule::NetNotionalMax, LimitRule::OpenNotionalMax];
    let (scope, rule, value) = match draws.below(5) {
        0 => (Scope::Strategy(draws.below(2) as u16), draws.one_of(&sums), most),
        1 => (Scope::All, LimitRule::BuyingPower, draws.one_of(&[100_000, 3_000_000, LimitChange::NONE])),
        2 => (Scope::All, LimitRule::OrderToTradeMax, draws.one_of(&[0, 1, 30, LimitChange::NONE])),
        3 => {
            let rules = [
                (LimitRule::MarginBp, draws.one_of(&[0, 5_000, 20_000, 1 << 20, u32::MAX.into()])),
                (LimitRule::OrderQtyMax, draws.one_of(&[0, 200, 500])),
                (LimitRule::DuplicatesMax, draws.one_of(&[5, 30])),
                (LimitRule::PositionMax, draws.one_of(&[200, 2_000])),
            ];
            let (rule, value) = draws.one_of(&rules);
            (Scope::Instrument(draws.below(2) as u32), rule, value)
        }
        _ => (Scope::All, draws.one_of(&sums), most),
    };
    risk.command(Command::SetLimit(LimitChange { version: 1, scope, rule, value }));
}

#[test]
fn there_is_never_less_room_than_is_said() {
    let (mut plain, mut roomy) = (0, 0);
    for seed in 0..300 {
        let mut draws = Draws(seed);
        let most = |draws: &mut Draws| draws.one_of(&[dollars(40_000), dollars(300_000), i128::MAX]);
        let engine = EngineLimits {
            gross_notional_max: most(&mut draws),
            net_notional_max: most(&mut draws),
            open_notional_max: most(&mut draws),
            buying_power: draws.one_of(&[dollars(2_000_000), NOTIONAL_CEILING, i128::MAX]),
            order_to_trade_from: 8,
            order_to_trade_max: draws.one_of(&[2, 20, u64::MAX]),
            ..EngineLimits::OPEN
        };
        let strategy = StrategyLimits {
            gross_notional_max: most(&mut draws),
            net_notional_max: most(&mut draws),
            open_notional_max: most(&mut draws),
            ..StrategyLimits::OPEN
        };
        let limits = InstrumentLimits { duplicates_max: 20, duplicate_window_ns: 500, ..LIMITS };
        let new = || {
            Risk::new(engine, vec![limits; 2]).with_strategies(&[(strategy, &[0, 1]), (strategy, &[0, 1])])
        };
        let mut risk = new();
        let (mut open, mut ended): (Vec<Open>, Vec<Open>) = (Vec::new(), Vec::new());
        let mut sent: Vec<(u32, u64)> = Vec::new();
        let (mut now_ns, mut id) = (0, 0);
        for step in 0..200 {
            let place = format!("seed {seed}, step {step}");
            // Now and then a clock is set back.
            now_ns = if draws.once_in(40) { now_ns / 2 } else { now_ns + draws.below(60) };
            let at = draws.below(open.len().max(1) as u64) as usize;
            match draws.below(10) {
                0..4 => {
                    id += 1;
                    let intent = Intent {
                        instrument: draws.below(2) as u32,
                        side: draws.one_of(&[Side::Buy, Side::Sell]),
                        quantity: 1 + draws.below(200),
                        price: (9_900 + draws.below(200) as i64) * TICK,
                        ..INTENT
                    };
                    let stamp = Stamp { strategy: draws.below(2) as u16, ..stamp(id, now_ns) };
                    if draws.once_in(10) {
                        // One that another engine approved, whatever the limits are here.
                        let reserved = risk.follow(&order(&intent, &stamp, false), None);
                        let Intent { instrument, side, .. } = intent;
                        let notional = i128::from(intent.price) * i128::from(reserved);
                        let strategy = stamp.strategy;
                        sent.push((instrument, now_ns));
                        open.push(Released {
                            instrument,
                            strategy,
                            side,
                            quantity: reserved,
                            notional,
                            closed: true,
                        });
                        roomy += u32::from(check(&risk, &sent, now_ns, &place));
                        continue;
                    }
                    let fine = risk.plainly_fine::<true>(&intent, &REFERENCE, &NO_TARGET, &stamp);
                    plain += u32::from(fine.is_some());
                    if let Ok(approval) = risk.approve(&intent, &REFERENCE, None, &stamp) {
                        sent.push((intent.instrument, now_ns));
                        if draws.once_in(5) {
                            risk.withdraw(approval);
                            sent.pop();
                        } else {
                            open.push(approval.released());
                        }
                    }
                }
                4 | 5 if !open.is_empty() => {
                    let released = open.swap_remove(at);
                    if draws.once_in(2) {
                        let (instrument, strategy) = (released.instrument, released.strategy);
                        risk.fill(&Fill { instrument, strategy, ..fill(released.side, released.quantity) });
                    }
                    risk.release(&released);
                    ended.push(released);
                }
                // A bust opens one again: it takes back what it gave.
                6 if !ended.is_empty() => {
                    let released = ended.swap_remove(draws.below(ended.len() as u64) as usize);
                    risk.reserve_again(released.instrument, released.side, released.quantity);
                    let notional = -released.notional;
                    risk.release(&Released { quantity: 0, notional, closed: false, ..released });
                    risk.instruments[released.instrument as usize].open_orders += 1;
                    risk.firm.open_orders += 1;
                    open.push(released);
                }
                7 | 8 => {
                    let price = (9_000 + draws.below(2_000) as i64) * TICK;
                    risk.mark(draws.below(2) as u32, price, now_ns);
                }
                9 if draws.once_in(2) => change(&mut draws, &mut risk),
                9 if draws.once_in(4) => {
                    open.clear();
                    ended.clear();
                    let mut carried = CarriedState::default();
                    risk.carry(&mut carried);
                    risk = new();
                    risk.resume(&carried, id).expect("the same instruments");
                    sent.clear();
                }
                _ => {}
            }
            roomy += u32::from(check(&risk, &sent, now_ns, &place));
        }
    }
    assert!(plain > 1_000 && roomy > 10_000, "{plain} were ordinary, {roomy} times was there room");
}

#[test]
fn beyond_a_limit_not_even_a_replace_that_adds_nothing_passes() {
    let engine = EngineLimits { gross_notional_max: dollars(25_000), ..EngineLimits::OPEN };
    let mut risk = risk_of(engine, LIMITS, StrategyLimits::OPEN);
    risk.fill(&fill(Side::Buy, 100));
    super::open(&mut risk, INTENT);
    passes(&mut risk, REPLACE, REFERENCE);
    // What was bought for 10,000 is worth 16,000 now, and another 10,000 are open.
    risk.mark(0, 160 * DOLLAR, 0);
    refused(&mut risk, REPLACE, REFERENCE, RiskReasons::GROSS_NOTIONAL);
}
