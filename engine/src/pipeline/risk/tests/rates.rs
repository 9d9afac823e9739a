//! Message rates: exact at every rate, of the firm, the venue and the instrument.

use super::*;
use crate::pipeline::draws::Draws;
use feeds::units::NS_PER_S;

/// Rates that divide a second and rates that do not, and the fastest that can be asked for.
const RATES: [u32; 7] = [1, 3, 7, 1_000, 999_999, 700_000_000, u32::MAX];

#[test]
pub(super) fn the_bucket_is_exact_at_every_rate() {
    for (seed, per_s) in (0u64..).zip(RATES.into_iter().cycle().take(70)) {
        let mut draws = Draws(seed);
        let burst = 1 + draws.below(5) as u32;
        let mut risk = Risk::new(
            EngineLimits { messages_per_s: per_s, messages_burst: burst, ..EngineLimits::OPEN },
            vec![LIMITS],
        );
        // Credit in 1e-9 messages: exact, never divided.
        let full = i128::from(burst) * 1_000_000_000;
        let (mut credit, mut now, mut id) = (full, 0u64, 1);
        let mut sent: Vec<u64> = Vec::new();
        for _ in 0..2_000 {
            let step = draws.below(3 * NS_PER_S / u64::from(per_s) + 2);
            now += step;
            credit = (credit + i128::from(step) * i128::from(per_s)).min(full);
            let outcome = risk.approve(&INTENT, &REFERENCE, None, &stamp(id, now));
            let expected = credit >= 1_000_000_000;
            assert_eq!(outcome.is_ok(), expected, "seed {seed}, {per_s} a second, at {now}");
            if expected {
                credit -= 1_000_000_000;
                risk.release(&outcome.as_ref().expect("approved").released());
                id += 1;
                sent.push(now);
            }
        }
        for (first, &from) in sent.iter().enumerate().step_by(97) {
            for (last, &to) in sent.iter().enumerate().skip(first) {
                let allowed = full + i128::from(to - from) * i128::from(per_s);
                let messages = (last - first + 1) as i128;
                assert!(messages * 1_000_000_000 <= allowed, "seed {seed}: {messages} from {from} to {to}");
            }
        }
    }
}

#[test]
pub(super) fn the_bucket_does_not_overflow() {
    let limits = EngineLimits::OPEN;
    let mut risk = Risk::new(limits, vec![LIMITS]);
    risk.approve(&INTENT, &REFERENCE, None, &stamp(1, u64::MAX)).expect("clear");
    risk.approve(&INTENT, &REFERENCE, None, &stamp(2, 0)).expect("a time that steps back earns nothing");
}

#[test]
pub(super) fn the_venue_and_the_instrument_have_budgets_of_their_own() {
    let two = Some(RateLimit { per_s: 1, burst: 2 });
    let own = InstrumentLimits { rate: two, ..LIMITS };
    let of_instrument = risk_of(EngineLimits::OPEN, own, StrategyLimits::OPEN);
    let venues = [VenueTerms { rate: two, ..VenueTerms::default() }];
    let of_venue = Risk::new(EngineLimits::OPEN, vec![LIMITS, LIMITS]).with_venues(&venues);
    for (mut risk, elsewhere) in
        [(of_instrument, Intent { instrument: 1, ..INTENT }), (of_venue, Intent { venue: 1, ..INTENT })]
    {
        open(&mut risk, INTENT);
        open(&mut risk, INTENT);
        refused(&mut risk, INTENT, REFERENCE, RiskReasons::MESSAGE_RATE);
        passes(&mut risk, elsewhere, REFERENCE);
        assert_eq!(verdict_at(&mut risk, INTENT, REFERENCE, NS_PER_S - 1), RiskReasons::MESSAGE_RATE);
        assert_eq!(verdict_at(&mut risk, INTENT, REFERENCE, NS_PER_S), RiskReasons::default());
    }
}

#[test]
pub(super) fn a_rate_can_be_changed_while_it_runs() {
    let mut risk = risk();
    open(&mut risk, INTENT);
    for (rule, value) in [(LimitRule::MessagesPerS, 1), (LimitRule::MessagesBurst, 1)] {
        let scope = Scope::Instrument(0);
        risk.command(Command::SetLimit(LimitChange { version: 2, scope, rule, value }));
    }
    open(&mut risk, INTENT);
    refused(&mut risk, INTENT, REFERENCE, RiskReasons::MESSAGE_RATE);
    for rule in [LimitRule::MessagesPerS, LimitRule::MessagesBurst] {
        let (scope, value) = (Scope::Instrument(0), LimitChange::NONE);
        risk.command(Command::SetLimit(LimitChange { version: 3, scope, rule, value }));
    }
    for _ in 0..5 {
        open(&mut risk, Intent { quantity: 1, ..INTENT });
    }
}
