//! The screen drops no hit, whatever the numbers, on every instruction set, and passes little else.

use super::*;
use crate::abi::{AMOUNT_MAX, LEGS_MAX};
use crate::cpu::arbitrage::NO_HIT;
use crate::cpu::wide::{LinearLegSpec, LinearSpec, RelationSpec, WideSpec};
use proptest::prelude::*;
use std::collections::BTreeSet;

const LISTINGS: u32 = 6;

fn any_amount() -> impl Strategy<Value = u64> {
    prop_oneof![
        1..=AMOUNT_MAX,
        1u64..1_000,
        Just(1),
        Just(AMOUNT_MAX),
        (0u32..62).prop_map(|bit| 1 << bit),
        990_000_000u64..1_010_000_000
    ]
}

/// Legs at different listings.
fn any_legs(most: usize) -> impl Strategy<Value = Vec<Leg>> {
    let all: Vec<u32> = (0..LISTINGS).collect();
    (Just(all).prop_shuffle(), 1..=most, any::<u8>()).prop_map(|(listings, len, sides)| {
        let leg = |(at, &l): (usize, &u32)| if sides >> at & 1 == 1 { Leg::sell(l) } else { Leg::buy(l) };
        listings.iter().take(len).enumerate().map(leg).collect()
    })
}

fn any_cycle() -> impl Strategy<Value = RelationSpec> {
    any_legs(LEGS_MAX).prop_filter_map("a cycle", |legs| {
        (legs.len() > 1).then_some(RelationSpec { legs, amount_max: AMOUNT_MAX, profit_min: 1 })
    })
}

fn any_linear() -> impl Strategy<Value = LinearSpec> {
    let ratio = prop_oneof![
        (1u64..200, Just(1_000_000_000)),
        (1u64..200, 900_000_000u64..1_000_000_001),
        (1u64..10_000_000, 1u64..1_000_000_000_000 / 100),
        (Just(1), Just(1)),
    ];
    let payoff = prop_oneof![
        Just(0),
        -100_000_000_000i64..100_000_000_000,
        -(AMOUNT_MAX as i64)..=AMOUNT_MAX as i64,
        -1000i64..1000
    ];
    (any_legs(6), prop::collection::vec(ratio, 6), payoff).prop_filter_map(
        "fits",
        |(legs, ratios, payoff_e9)| {
            let legs: Vec<_> = (legs.into_iter().zip(ratios))
                .map(|(leg, (weight, factor_e9))| LinearLegSpec { leg, weight, factor_e9 })
                .collect();
            let spec = LinearSpec { legs, payoff_e9, amount_max: AMOUNT_MAX, profit_min: 1 };
            spec.check(LISTINGS as usize).is_ok().then_some(spec)
        },
    )
}

fn tables(units: &[u64], relations: Vec<RelationSpec>, linears: Vec<LinearSpec>) -> WideTables {
    let terms = |&unit_e9: &u64| ListingTerms { unit_e9, lot: 1, fee_ppb: 0, fee_unit_e9: 0 };
    let listings = units.iter().map(terms).collect();
    WideTables::compile(&WideSpec { listings, relations, linears, ..WideSpec::default() }).expect("valid")
}

fn candidates(screen: &mut Screen, list: Option<u32>) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut each = |relation| assert!(found.insert(relation), "relation {relation} came twice");
    match list {
        Some(listing) => screen.candidates_of(listing, &mut each),
        None => screen.candidates_of_all(&mut each),
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_hit_is_dropped(
        units in prop::collection::vec(any_amount(), LISTINGS as usize),
        relations in prop::collection::vec(any_cycle(), 0..20),
        linears in prop::collection::vec(any_linear(), 0..20),
        sides in prop::collection::vec((any_amount(), any_amount(), 0u64..6), LISTINGS as usize),
    ) {
        let tables = tables(&units, relations, linears);
        let touches: Vec<_> = sides
            .iter()
            .map(|&(cost, proceeds, quantity)| {
                let (bought, sold) = (quantity != 1, quantity != 2);
                Touch {
                    cost: if bought { cost } else { 0 },
                    cost_quantity: u64::from(bought) << 40,
                    proceeds: if sold { proceeds } else { 0 },
                    proceeds_quantity: u64::from(sold) << 40,
                }
            })
            .collect();
        let mut first = None;
        for isa in Isa::all() {
            let mut screen = Screen::new(isa, &tables);
            prop_assert!(candidates(&mut screen, None).iter().all(|r| *r as usize >= tables.relations().len()));
            for (listing, touch) in touches.iter().enumerate() {
                screen.set(listing, &tables.listings()[listing], touch);
            }
            let all = candidates(&mut screen, None);
            for relation in 0..tables.relation_count() {
                let hit = tables.evaluate(relation, &touches) != NO_HIT;
                prop_assert!(!hit || all.contains(&relation), "relation {relation} was dropped");
            }
            for listing in 0..LISTINGS {
                let of_listing: BTreeSet<u32> = tables.relations_of(listing).iter().copied().collect();
                let expected: BTreeSet<u32> = all.intersection(&of_listing).copied().collect();
                prop_assert_eq!(candidates(&mut screen, Some(listing)), expected);
            }
            prop_assert_eq!(first.get_or_insert_with(|| all.clone()), &all, "{}", isa.name());
        }
    }

    /// What passes without a hit is close to one: of cycles within four times the slack, of spreads of ordinary prices
    /// within a hundredth of a cent a unit of weight.
    #[test]
    fn what_passes_is_close(
        relations in prop::collection::vec(any_cycle(), 1..20),
        spreads in prop::collection::vec((any_legs(4), -20_000_000_000i64..20_000_000_000), 1..20),
        sides in prop::collection::vec((100_000_000u64..400_000_000_000, 0u64..100_000_000), LISTINGS as usize),
    ) {
        let spread = |(legs, payoff_e9): (Vec<Leg>, i64)| LinearSpec {
            legs: (1..).zip(legs).map(|(weight, leg)| LinearLegSpec { leg, weight, factor_e9: 1_000_000_000 }).collect(),
            payoff_e9,
            amount_max: AMOUNT_MAX,
            profit_min: 1,
        };
        let spreads = spreads.into_iter().map(spread).filter(|s| s.check(LISTINGS as usize).is_ok()).collect();
        let tables = tables(&[1_000_000_000; LISTINGS as usize], relations, spreads);
        let mut screen = Screen::new(Isa::detect(), &tables);
        let touches: Vec<_> = sides
            .iter()
            .map(|&(price, wide)| Touch {
                cost: price + wide, cost_quantity: 1 << 40, proceeds: price, proceeds_quantity: 1 << 40,
            })
            .collect();
        for (listing, touch) in touches.iter().enumerate() {
            screen.set(listing, &tables.listings()[listing], touch);
        }
        for relation in candidates(&mut screen, None) {
            let touch = |leg: &Leg| &touches[leg.listing() as usize];
            if let Some(cycle) = tables.relations().get(relation as usize) {
                let ln = |leg: &Leg| match leg.sells() {
                    true => (touch(leg).proceeds as f64 / 1e9).ln(),
                    false => -(touch(leg).cost as f64 / 1e9).ln(),
                };
                let sum: f64 = cycle.legs[..cycle.legs_len as usize].iter().map(ln).sum();
                prop_assert!(sum > -2e-5, "{sum}");
            } else {
                let linear = &tables.linears()[relation as usize - tables.relations().len()];
                let amount = |leg: &LinearLeg| match leg.leg.sells() {
                    true => touch(&leg.leg).proceeds as i64 * leg.weight as i64,
                    false => -(touch(&leg.leg).cost as i64 * leg.weight as i64),
                };
                let sum = tables.linear_legs(linear).iter().map(amount).sum::<i64>() + linear.payoff_e9;
                prop_assert!(sum > -1_000_000, "{sum}");
            }
        }
    }
}

#[test]
fn scales_keep_small_weights_exactly_and_large_ones_nearly() {
    let legs = |ratios: &[u64]| -> Vec<LinearLeg> {
        let leg = |&ratio_e9: &u64| LinearLeg { leg: Leg::buy(0), reserved: 0, weight: 1, ratio_e9 };
        ratios.iter().map(leg).collect()
    };
    let e9 = 1_000_000_000;
    assert_eq!(scale_of(&legs(&[100 * e9, e9, e9])), e9);
    assert_eq!(scale_of(&legs(&[200 * e9, 2 * e9])), 2 * e9);
    let wide = legs(&[50_001 * e9, 400 * e9, 7_000 * e9]);
    let scale = scale_of(&wide);
    assert!(wide.iter().map(|leg| leg.ratio_e9.div_ceil(scale)).sum::<u64>() <= WEIGHTS_MAX);
    assert!(wide.iter().map(|leg| leg.ratio_e9.div_ceil(scale)).sum::<u64>() > WEIGHTS_MAX / 2);
    let most = legs(&[1 << 63, (1 << 63) - 1, 1]);
    assert!(most.iter().map(|leg| leg.ratio_e9.div_ceil(scale_of(&most))).sum::<u64>() <= WEIGHTS_MAX);
}
