//! What stops trading by itself, and what a person does about it.

use super::*;
use crate::pipeline::carried_state::CarriedState;

const SIXTH: u64 = 1_000_000_000 / 6;

/// One that holds 100 bought at 100, at this mark.
fn holding(engine: EngineLimits, mark: i64) -> Risk {
    let mut risk = risk_of(engine, LIMITS, StrategyLimits::OPEN);
    risk.fill(&Fill { venue: 9, ..fill(Side::Buy, 100) });
    risk.mark(0, mark, 1);
    risk
}

#[test]
pub(super) fn the_loss_of_the_day_at_its_limit() {
    let engine = EngineLimits { daily_loss_max: dollars(500), ..EngineLimits::OPEN };
    assert_eq!(holding(engine, 95 * DOLLAR).blocks().of_all(), None);
    let mut risk = holding(engine, 95 * DOLLAR - 1);
    assert_eq!(risk.blocks().of_all(), Some(KillCause::DailyLoss));
    refused(&mut risk, SELL, REFERENCE, RiskReasons::KILL_SWITCH);
    // A reset alone does not help: the loss is still there.
    risk.command(Command::Reset { scope: Scope::All });
    risk.mark(0, 95 * DOLLAR - 2, 2);
    assert!(risk.is_killed());
    assert!(
        holding(EngineLimits { daily_loss_max: i128::MAX - 1, ..engine }, i64::MAX)
            .blocks()
            .of_all()
            .is_none()
    );
    assert!(holding(EngineLimits { daily_loss_max: 0, ..engine }, i64::MIN + 1).is_killed());
}

#[test]
pub(super) fn realised_losses_and_fees_count() {
    let engine = EngineLimits { daily_loss_max: dollars(1), ..EngineLimits::OPEN };
    let mut risk = risk_of(engine, LIMITS, StrategyLimits::OPEN);
    // 0.003 a share: 333 shares cost 0.999.
    risk.fill(&Fill { takes: true, ..fill(Side::Buy, 333) });
    assert!(!risk.is_killed());
    risk.fill(&Fill { takes: true, ..fill(Side::Sell, 1) });
    assert_eq!(risk.blocks().of_all(), Some(KillCause::DailyLoss));
}

#[test]
pub(super) fn the_drawdown_counts_from_the_best() {
    let engine = EngineLimits { drawdown_max: dollars(500), ..EngineLimits::OPEN };
    let mut risk = holding(engine, 110 * DOLLAR);
    risk.mark(0, 105 * DOLLAR, 2);
    assert!(!risk.is_killed());
    risk.mark(0, 105 * DOLLAR - 1, 3);
    assert_eq!(risk.blocks().of_all(), Some(KillCause::Drawdown));
    risk.command(Command::Reset { scope: Scope::All });
    risk.mark(0, 101 * DOLLAR, 4);
    assert!(!risk.is_killed(), "a person has seen it: it counts anew");
}

/// What a run that goes on after this one takes over, by the records alone: its fills, and its worth as it was put on record.
fn restarted(engine: EngineLimits, marks: &[(i64, u64)]) -> (Risk, usize) {
    let mut risk = risk_of(engine, LIMITS, StrategyLimits::OPEN);
    let mut ledger = risk_of(engine, LIMITS, StrategyLimits::OPEN).following();
    let bought = Fill { venue: 9, ..fill(Side::Buy, 100) };
    risk.fill(&bought);
    ledger.fill(&bought);
    let mut records = 0;
    for &(mark, time_ns) in marks {
        risk.begin_input();
        risk.mark(0, mark, time_ns);
        if let Some(valuation) = risk.fresh_valuation() {
            ledger.valued(&valuation, time_ns);
            records += 1;
        }
    }
    let mut carried = CarriedState::default();
    ledger.carry(&mut carried);
    let mut resumed = risk_of(engine, LIMITS, StrategyLimits::OPEN);
    resumed.resume(&carried, 0).expect("the same sizes");
    (resumed, records)
}

#[test]
pub(super) fn the_drawdown_counts_from_the_days_best_also_after_a_restart() {
    let engine = EngineLimits { drawdown_max: dollars(512), ..EngineLimits::OPEN };
    // The best is 1,000 dollars; steps are of 2 dollars, a price of 0.02.
    let (mut risk, records) = restarted(
        engine,
        &[(105 * DOLLAR, 1), (110 * DOLLAR, 2), (110 * DOLLAR - TICK, 3), (108 * DOLLAR, 4)],
    );
    assert_eq!(records, 3, "a tick is less than a step");
    assert_eq!((risk.worth(), risk.is_killed()), (dollars(800), false));
    risk.mark(0, 110 * DOLLAR - 512 * TICK, 5);
    assert!(!risk.is_killed(), "at the limit");
    risk.mark(0, 110 * DOLLAR - 512 * TICK - 1, 6);
    assert_eq!(risk.blocks().of_all(), Some(KillCause::Drawdown));
    // What a person has seen counts no more, also after a restart.
    let mut before = holding(engine, 110 * DOLLAR);
    before.mark(0, 101 * DOLLAR, 2);
    before.begin_input();
    before.command(Command::Reset { scope: Scope::All });
    let valuation = before.fresh_valuation().expect("a new best");
    assert_eq!(valuation.best_worth, dollars(100));
    // Without a loss limit nothing is recorded.
    let (_, records) = restarted(EngineLimits::OPEN, &[(105 * DOLLAR, 1), (110 * DOLLAR, 2)]);
    assert_eq!(records, 0);
}

#[test]
pub(super) fn the_loss_within_the_window_counts_through_a_restart() {
    let engine = EngineLimits { loss_rate_max: dollars(500), loss_window_ns: 3_200, ..EngineLimits::OPEN };
    for (time_ns, expected) in [(3_399, Some(KillCause::LossRate)), (3_500, None)] {
        let (mut risk, _) = restarted(engine, &[(110 * DOLLAR, 200), (107 * DOLLAR, 300)]);
        risk.mark(0, 104 * DOLLAR, time_ns);
        assert_eq!(risk.blocks().of_all(), expected, "at {time_ns}");
    }
}

/// A person may let it go on, but not beyond the day's limit.
#[test]
pub(super) fn a_reset_beyond_the_days_loss_stops_again_at_once() {
    let engine = EngineLimits { daily_loss_max: dollars(500), ..EngineLimits::OPEN };
    let mut risk = holding(engine, 110 * DOLLAR);
    risk.mark(0, 90 * DOLLAR, 500);
    assert_eq!(risk.blocks().of_all(), Some(KillCause::DailyLoss));
    risk.begin_input();
    risk.command(Command::Reset { scope: Scope::All });
    assert_eq!(risk.blocks().of_all(), Some(KillCause::DailyLoss));
    assert_eq!(risk.blocks().fresh(), [(Scope::All, KillCause::DailyLoss)], "for the journal");
    let value = 100_000;
    let change = LimitChange { version: 2, scope: Scope::All, rule: LimitRule::DailyLossMax, value };
    risk.command(Command::SetLimit(change));
    risk.command(Command::Reset { scope: Scope::All });
    assert!(!risk.is_killed());
}

#[test]
pub(super) fn the_loss_within_the_window() {
    let window = 1_000;
    let engine = EngineLimits { loss_rate_max: dollars(500), loss_window_ns: window, ..EngineLimits::OPEN };
    let mut risk = holding(engine, 110 * DOLLAR);
    risk.mark(0, 105 * DOLLAR, 500);
    assert!(!risk.is_killed());
    risk.mark(0, 105 * DOLLAR - 1, 900);
    assert_eq!(risk.blocks().of_all(), Some(KillCause::LossRate));
    let mut slow = holding(engine, 110 * DOLLAR);
    slow.mark(0, 106 * DOLLAR, 900);
    slow.mark(0, 102 * DOLLAR, 1_900);
    assert!(!slow.is_killed(), "as much, not as fast: it stood at 110 until 900");
}

#[test]
pub(super) fn repeated_executions_stop_the_strategy() {
    let limits = StrategyLimits { executions_max: 3, executions_window_ns: 1_000, ..StrategyLimits::OPEN };
    let mut risk = risk_of(EngineLimits::OPEN, LIMITS, limits);
    for time_ns in [0, 400, 800, 1_000] {
        risk.fill(&Fill { time_ns, takes: true, ..fill(Side::Buy, 1) });
        assert!(!risk.blocks().any(), "three within any window, at {time_ns}");
    }
    risk.fill(&Fill { time_ns: 1_001, ..fill(Side::Sell, 1) });
    let blocks: Vec<_> = risk.blocks().iter().collect();
    assert_eq!(blocks, [(Scope::Strategy(0), KillCause::Executions)]);
    refused(&mut risk, INTENT, REFERENCE, RiskReasons::KILL_SWITCH);
    risk.command(Command::Reset { scope: Scope::Strategy(0) });
    passes(&mut risk, INTENT, REFERENCE);
    for time_ns in 1_002..1_005 {
        risk.fill(&Fill { time_ns, ..fill(Side::Buy, 1) });
    }
    assert!(!risk.blocks().any(), "it counts anew");
}

#[test]
pub(super) fn market_maker_protection_by_count_quantity_and_delta() {
    let open = StrategyLimits { protection_window_ns: 1_000, ..StrategyLimits::OPEN };
    let trips = |limits, fills: &[(Side, u64)], takes| {
        let mut risk = risk_of(EngineLimits::OPEN, LIMITS, limits);
        for &(side, quantity) in fills {
            risk.fill(&Fill { takes, ..fill(side, quantity) });
        }
        let blocks: Vec<_> = risk.blocks().iter().collect();
        assert!(blocks.is_empty() || blocks == [(Scope::Strategy(0), KillCause::MarketMakerProtection)]);
        !blocks.is_empty()
    };
    let (buy, sell) = (Side::Buy, Side::Sell);
    let count = StrategyLimits { protection_fills_max: 2, ..open };
    assert!(
        !trips(count, &[(buy, 1), (sell, 1)], false) && trips(count, &[(buy, 1), (sell, 1), (buy, 1)], false)
    );
    assert!(!trips(count, &[(buy, 1); 5], true), "orders that take are not quotes");
    let quantity = StrategyLimits { protection_qty_max: 100, ..open };
    assert!(
        !trips(quantity, &[(buy, 50), (sell, 50)], false) && trips(quantity, &[(buy, 50), (sell, 51)], false)
    );
    let delta = StrategyLimits { protection_delta_max: 100, ..open };
    assert!(!trips(delta, &[(sell, 100)], false) && trips(delta, &[(sell, 101)], false));
    assert!(!trips(delta, &[(buy, 80), (sell, 80), (buy, 100)], false), "what nets out is no delta");
}

#[test]
pub(super) fn another_position_than_ours_stops_everything() {
    let mut risk = holding(EngineLimits::OPEN, 100 * DOLLAR);
    risk.command(Command::Reconcile { instrument: 0, position: 100 });
    assert!(!risk.is_killed());
    for (instrument, position) in [(0, 101), (1, 1), (7, 1), (0, i64::MIN)] {
        let mut risk = holding(EngineLimits::OPEN, 100 * DOLLAR);
        risk.command(Command::Reconcile { instrument, position });
        assert_eq!(risk.blocks().of_all(), Some(KillCause::Reconciliation));
    }
}

#[test]
pub(super) fn blocks_by_scope() {
    let blocked = |scope, intent: Intent| {
        let mut risk = risk();
        risk.command(Command::Kill { scope, cause: KillCause::Operator });
        risk.command(Command::Kill { scope, cause: KillCause::Signal });
        let first: Vec<_> = risk.blocks().iter().collect();
        assert_eq!(first[0].1, KillCause::Operator, "the first cause stays");
        let reasons = verdict(&mut risk, intent, REFERENCE);
        risk.command(Command::Reset { scope });
        passes(&mut risk, intent, REFERENCE);
        assert!(reasons.is_clear() || reasons == RiskReasons::KILL_SWITCH);
        !reasons.is_clear()
    };
    let elsewhere = Intent { instrument: 1, ..INTENT };
    assert!(blocked(Scope::All, INTENT));
    assert!(blocked(Scope::Side(Side::Buy), INTENT) && !blocked(Scope::Side(Side::Sell), INTENT));
    assert!(blocked(Scope::Venue(0), INTENT) && !blocked(Scope::Venue(1), INTENT));
    assert!(blocked(Scope::Instrument(0), INTENT) && !blocked(Scope::Instrument(0), elsewhere));
    assert!(blocked(Scope::Strategy(0), INTENT));
    // A scope that does not exist was meant to stop something.
    let mut risk = risk();
    risk.command(Command::Kill { scope: Scope::Strategy(5), cause: KillCause::Operator });
    assert!(risk.is_killed());
    risk.command(Command::Reset { scope: Scope::Instrument(0) });
    assert!(risk.is_killed(), "only what was blocked is lifted");
}

#[test]
pub(super) fn every_limit_can_be_set_and_none_wraps() {
    for (rule, name) in LimitRule::ALL {
        let scopes = [Scope::All, Scope::Venue(0), Scope::Instrument(0), Scope::Strategy(0)];
        let mut taken = 0;
        for scope in scopes {
            for value in [0, 1, -1, i64::MIN, i64::MAX - 1, LimitChange::NONE] {
                let mut risk = risk();
                let change = LimitChange { version: 2, scope, rule, value };
                risk.command(Command::SetLimit(change));
                taken += usize::from(risk.changes() == [change]);
                let _ = verdict(&mut risk, INTENT, REFERENCE);
                let _ = verdict(&mut risk, Intent { quantity: u64::MAX, price: i64::MAX, ..SELL }, REFERENCE);
                risk.fill(&fill(Side::Buy, 10));
                risk.mark(0, i64::MAX, SIXTH);
            }
        }
        assert!(taken >= 6, "{name} is nobody's limit");
        assert_eq!(taken % 6, 0, "{name}");
    }
    let mut risk = risk();
    let scope = Scope::Side(Side::Buy);
    risk.command(Command::SetLimit(LimitChange { version: 2, scope, rule: LimitRule::CollarBp, value: 1 }));
    assert!(risk.changes().is_empty(), "a side has no limits");
}
