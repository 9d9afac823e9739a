//! Linear relations worked out by hand, against a naive form in numbers without limit, and the extremes of every input.

use super::*;
use crate::abi::Leg;
use num_bigint::BigInt;
use proptest::prelude::*;

const E9: u64 = 1_000_000_000;

fn leg(leg: Leg, weight: u64, ratio_e9: u64) -> LinearLeg {
    LinearLeg { leg, reserved: 0, weight, ratio_e9 }
}

fn whole(of: Leg, weight: u64) -> LinearLeg {
    leg(of, weight, weight * E9)
}

fn relation(legs: &[LinearLeg], payoff_e9: i64) -> LinearRelation {
    LinearRelation {
        first_leg: 0,
        legs_len: legs.len() as u32,
        step: 1,
        payoff_e9,
        amount_max: AMOUNT_MAX,
        profit_min: 1,
    }
}

fn both(price: u64, quantity: u64) -> Touch {
    Touch { cost: price, cost_quantity: quantity, proceeds: price, proceeds_quantity: quantity }
}

/// What the texts of the fields say, in numbers without limit.
fn naive(relation: &LinearRelation, legs: &[LinearLeg], touches: &[Touch]) -> [i64; 5] {
    let big = |value: u64| BigInt::from(value);
    let (mut into, mut out) = (BigInt::ZERO, BigInt::ZERO);
    let mut copies = None;
    for leg in legs {
        let touch = &touches[leg.leg.listing() as usize];
        let (price, displayed) = if leg.leg.sells() {
            (touch.proceeds, touch.proceeds_quantity)
        } else {
            (touch.cost, touch.cost_quantity)
        };
        let amount = big(leg.ratio_e9) * big(price);
        if leg.leg.sells() {
            out += amount
        } else {
            into += amount
        }
        let of_leg = displayed / leg.weight;
        copies = Some(copies.map_or(of_leg, |copies: u64| copies.min(of_leg)));
    }
    let payoff = BigInt::from(relation.payoff_e9) * big(E9);
    if payoff < BigInt::ZERO {
        into -= payoff
    } else {
        out += payoff
    }
    let into: BigInt = (into + big(E9 - 1)) / big(E9);
    let out: BigInt = out / big(E9);
    if into > big(AMOUNT_MAX) || out > big(AMOUNT_MAX) || out <= into || into == BigInt::ZERO {
        return NO_HIT;
    }
    let copies = big(copies.unwrap_or(0)).min(big(relation.amount_max) / &into).min(big(AMOUNT_MAX) / &out);
    let copies = &copies - &copies % big(relation.step);
    let profit = (&out - &into) * &copies;
    if profit < big(relation.profit_min) {
        return NO_HIT;
    }
    let number = |value: &BigInt| i64::try_from(value).expect("an amount");
    [number(&copies), number(&into), number(&out), 0, number(&profit)]
}

#[test]
fn a_conversion_is_worked_out_by_hand() {
    // A share at 100.00, a put of strike 100 at 2.00, a call at 2.50: contracts of 100 shares. 99.9 is what 100 are worth.
    let legs = [whole(Leg::buy(0), 100), whole(Leg::buy(1), 1), whole(Leg::sell(2), 1)];
    let touches = [both(100 * E9, 750), both(200 * E9, 9), both(250 * E9, 12)];
    let conversion = relation(&legs, 9_990 * E9 as i64);
    let (into, out) = (10_200 * E9 as i64, 10_240 * E9 as i64);
    assert_eq!(evaluate_linear(&conversion, &legs, &touches), [7, into, out, 0, 7 * 40 * E9 as i64]);
    let pairs = LinearRelation { step: 2, ..conversion };
    assert_eq!(evaluate_linear(&pairs, &legs, &touches), [6, into, out, 0, 6 * 40 * E9 as i64]);
    let poor = LinearRelation { amount_max: 3 * 10_200 * E9 - 1, ..conversion };
    assert_eq!(evaluate_linear(&poor, &legs, &touches)[0], 2);
    let dear = LinearRelation { profit_min: 280 * E9 + 1, ..conversion };
    assert_eq!(evaluate_linear(&dear, &legs, &touches), NO_HIT);
    let fair = relation(&legs, 9_950 * E9 as i64);
    assert_eq!(evaluate_linear(&fair, &legs, &touches), NO_HIT, "break-even is nothing");
}

#[test]
fn what_may_have_to_be_paid_goes_in() {
    // A call of strike 100 sold at 7, one of strike 105 bought at 1: at most 5 are lost of the 6 earned.
    let legs = [whole(Leg::sell(0), 1), whole(Leg::buy(1), 1)];
    let touches = [both(7 * E9, 3), both(E9, 4)];
    let spread = relation(&legs, -5 * E9 as i64);
    assert_eq!(
        evaluate_linear(&spread, &legs, &touches),
        [3, 6 * E9 as i64, 7 * E9 as i64, 0, 3 * E9 as i64]
    );
}

#[test]
fn a_discounted_price_is_rounded_against_us() {
    // The future's 3e-9 counts 2.97e-9, which is 2e-9; the share's 1.5e-9 counts 2e-9: nothing is left.
    let legs = [leg(Leg::buy(0), 1, 1_500_000_000), leg(Leg::sell(1), 1, 990_000_000)];
    let touches = [both(1, 1), both(3, 1)];
    assert_eq!(evaluate_linear(&relation(&legs, 0), &legs, &touches), NO_HIT);
    assert_eq!(evaluate_linear(&relation(&legs, 1), &legs, &touches), [1, 2, 3, 0, 1]);
}

#[test]
fn a_side_that_is_not_there_is_not_traded() {
    let legs = [whole(Leg::buy(0), 1), whole(Leg::sell(1), 1)];
    for missing in 0..2 {
        let mut touches = [both(5, 10), both(9, 10)];
        touches[missing] = Touch::default();
        assert_eq!(evaluate_linear(&relation(&legs, 1_000), &legs, &touches), NO_HIT);
    }
}

fn any_edge(max: u64) -> impl Strategy<Value = u64> {
    prop_oneof![
        1..=max,
        Just(1),
        Just(max),
        1..=max.min(1_000),
        (0u32..63).prop_map(move |b| (1 << b).min(max))
    ]
}

/// Legs over four listings whose ratios respect the proof of the widths.
fn any_legs() -> impl Strategy<Value = Vec<LinearLeg>> {
    let one = (0u32..4, any::<bool>(), any_edge(AMOUNT_MAX), any_edge((1 << 63) / 6));
    prop::collection::vec(one, 1..=6).prop_map(|legs| {
        legs.iter().map(|&(l, s, w, r)| leg(if s { Leg::sell(l) } else { Leg::buy(l) }, w, r)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn extremes_are_what_numbers_without_limit_say(
        legs in any_legs(),
        sides in prop::collection::vec((any_edge(AMOUNT_MAX), any_edge(u64::MAX), any_edge(AMOUNT_MAX), 0u64..3), 4),
        payoff in prop_oneof![Just(0i64), -(AMOUNT_MAX as i64)..=AMOUNT_MAX as i64, -1_000_000i64..1_000_000],
        step in any_edge(AMOUNT_MAX), amount_max in any_edge(AMOUNT_MAX), profit_min in any_edge(1_000_000),
    ) {
        let touches: Vec<_> = sides
            .iter()
            .map(|&(cost, cost_quantity, proceeds, quantity)| Touch {
                cost, cost_quantity, proceeds: if quantity == 0 { 0 } else { proceeds }, proceeds_quantity: quantity << 60,
            })
            .collect();
        let relation = LinearRelation { step, amount_max, profit_min, ..relation(&legs, payoff) };
        prop_assert_eq!(evaluate_linear(&relation, &legs, &touches), naive(&relation, &legs, &touches));
    }

    #[test]
    fn ordinary_spreads_are_what_numbers_without_limit_say(
        legs in prop::collection::vec((any::<bool>(), 1u64..4, 900_000_000u64..1_000_000_001), 2..=4),
        prices in prop::collection::vec((1u64..1_000, 0u64..30), 4),
        payoff in -2_000i64..2_000, step in 1u64..4,
    ) {
        let legs: Vec<_> = (0..)
            .zip(&legs)
            .map(|(l, &(sells, weight, factor))| {
                leg(if sells { Leg::sell(l) } else { Leg::buy(l) }, weight, weight * factor)
            })
            .collect();
        let touches: Vec<_> = prices
            .iter()
            .map(|&(price, quantity)| if quantity == 0 { Touch::default() } else { both(price, quantity) })
            .collect();
        let relation = LinearRelation { step, ..relation(&legs, payoff) };
        prop_assert_eq!(evaluate_linear(&relation, &legs, &touches), naive(&relation, &legs, &touches));
    }
}
