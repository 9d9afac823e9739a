//! Compiling, the answers to requests against a state without memory, and what a device may answer.

use super::*;
use crate::abi::{AMOUNT_MAX, ItemKey, ItemKind, Leg, ListingTerms, WideItem};
use crate::cpu::arbitrage::{NO_HIT, evaluate, fold, fold_inverse};
use crate::cpu::linear::evaluate_linear;
use crate::cpu::option_quote::{NO_QUOTE, quote};
use crate::cpu::pricing::{Contract, ForwardTerms, Isa, value_one};
use crate::cpu::query::Bbo;
use feeds::units::PRICE_NONE;
use std::sync::Arc;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

const SHARE: ListingTerms = ListingTerms { unit_e9: 1_000_000_000, lot: 1, fee_ppb: 0, fee_unit_e9: 0 };

const CALL: OptionSpec = OptionSpec {
    underlying: 0,
    expiry: 0,
    put: false,
    strike: 100.0,
    volatility: 0.2,
    width_vega: 0.01,
    half_width_min_e9: 10_000_000,
    tick_e9: 10_000_000,
};

fn pair(buy: u32, sell: u32) -> RelationSpec {
    RelationSpec { legs: vec![Leg::buy(buy), Leg::sell(sell)], amount_max: AMOUNT_MAX, profit_min: 1 }
}

/// `weight` of each listing bought (or sold, where it is below zero) together, and what they pay.
fn package(legs: &[(u32, i64)], payoff_e9: i64) -> LinearSpec {
    let leg = |&(listing, weight): &(u32, i64)| LinearLegSpec {
        leg: if weight < 0 { Leg::sell(listing) } else { Leg::buy(listing) },
        weight: weight.unsigned_abs(),
        factor_e9: 1_000_000_000,
    };
    LinearSpec { legs: legs.iter().map(leg).collect(), payoff_e9, amount_max: AMOUNT_MAX, profit_min: 1 }
}

/// Six listings, one of them upside-down; every ordered pair, some triangles, some packages; three expiries; chains on listings 1 and 4, one of them longer
/// than a tile, specified in no order.
fn spec(random: &mut Random) -> WideSpec {
    let mut spec = WideSpec { listings: vec![SHARE; 6], inverse: vec![3], ..WideSpec::default() };
    spec.linears = vec![
        package(&[(0, 1), (1, -1)], 0),
        package(&[(0, -3), (1, 1), (2, 2)], 10_000_000),
        package(&[(0, 2), (1, -1), (2, 1), (4, -2)], -20_000_000),
        package(&[(5, 1)], 99_970_000_000),
        package(&[(0, 1), (1, 1), (2, 1), (4, -1), (5, -2)], 5_000_000),
        package(&[(3, 1_000), (4, -100), (5, 1)], 9_900_000_000_000),
    ];
    for buy in 0..6 {
        spec.relations.extend((0..6).filter(|sell| *sell != buy).map(|sell| pair(buy, sell)));
    }
    for legs in [[0, 1, 2], [2, 4, 5], [5, 3, 1]] {
        let legs = vec![Leg::buy(legs[0]), Leg::buy(legs[1]), Leg::sell(legs[2])];
        spec.relations.push(RelationSpec { legs, amount_max: 1 << 40, profit_min: 5 });
    }
    for years in [0.0, 0.1, 1.5] {
        spec.expiries.push(ExpirySpec { carry: 1.0 + years / 50.0, discount: 1.0 - years / 30.0, years });
    }
    for _ in 0..900 {
        spec.options.push(OptionSpec {
            underlying: if random.below(3) == 0 { 4 } else { 1 },
            expiry: random.below(3) as u32,
            put: random.below(2) == 1,
            strike: 80.0 + random.below(400) as f64 / 10.0,
            volatility: random.below(100) as f64 / 100.0,
            ..CALL
        });
    }
    spec
}

fn compiled(spec: &WideSpec) -> Arc<WideTables> {
    Arc::new(WideTables::compile(spec).expect("a valid specification"))
}

#[test]
fn options_stand_by_underlying_and_expiry_and_are_found_again() {
    let spec = spec(&mut Random(1));
    let tables = compiled(&spec);
    for (place, option) in spec.options.iter().enumerate() {
        let number = tables.option_of_spec(place);
        let terms = &tables.options()[number as usize];
        assert_eq!(tables.spec_of_option(number), place);
        assert_eq!(
            (terms.underlying, terms.expiry, terms.strike),
            (option.underlying, option.expiry, option.strike)
        );
        assert!(tables.options_of(option.underlying).contains(&(number as usize)));
    }
    assert!(tables.options().is_sorted_by_key(|option| (option.underlying, option.expiry)));
    for listing in 0..6 {
        let expected: Vec<u32> = (0..spec.relations.len())
            .filter(|r| spec.relations[*r].legs.iter().any(|leg| leg.listing() == listing))
            .chain((0..spec.linears.len()).filter_map(|l| {
                let has = spec.linears[l].legs.iter().any(|leg| leg.leg.listing() == listing);
                has.then_some(spec.relations.len() + l)
            }))
            .map(|r| r as u32)
            .collect();
        assert_eq!(tables.relations_of(listing), expected);
    }
    let most = (0..6).map(|l| tables.relations_of(l).len() + tables.options_of(l).len()).max();
    assert_eq!(Some(tables.dependents_max()), most);
}

#[test]
fn nothing_specified_is_compiled_too() {
    let tables = compiled(&WideSpec::default());
    assert_eq!(
        (tables.dependents_max(), tables.option_offsets(), tables.relation_offsets()),
        (0, &[0][..], &[0][..])
    );
}

#[test]
fn what_is_refused_is_named() {
    let good = spec(&mut Random(1));
    let refused = |change: fn(&mut WideSpec)| {
        let mut spec = good.clone();
        change(&mut spec);
        let error = WideTables::compile(&spec).expect_err("refused");
        (error.thing, error.index, error.fault)
    };
    use WideFault as F;
    use WideThing as T;
    assert_eq!(refused(|s| s.listings[2].lot = 0), (T::Listing, 2, F::Lot));
    assert_eq!(refused(|s| s.listings[5].unit_e9 = 0), (T::Listing, 5, F::Unit));
    assert_eq!(refused(|s| s.listings[1].unit_e9 = AMOUNT_MAX + 1), (T::Listing, 1, F::Unit));
    assert_eq!(refused(|s| s.listings[1].fee_ppb = -1_000_000_001), (T::Listing, 1, F::FeeRate));
    assert_eq!(refused(|s| s.listings[1].fee_unit_e9 = i64::MIN), (T::Listing, 1, F::FeeUnit));
    assert_eq!(refused(|s| s.relations[3].legs.truncate(1)), (T::Relation, 3, F::LegCount));
    assert_eq!(refused(|s| s.relations[3].legs = vec![Leg::buy(0); 5]), (T::Relation, 3, F::LegCount));
    assert_eq!(refused(|s| s.relations[4].legs[1] = Leg::sell(6)), (T::Relation, 4, F::ListingUnknown));
    assert_eq!(refused(|s| s.relations[0] = pair(2, 2)), (T::Relation, 0, F::ListingRepeated));
    assert_eq!(refused(|s| s.relations[0].amount_max = 0), (T::Relation, 0, F::AmountMax));
    assert_eq!(refused(|s| s.relations[0].profit_min = 0), (T::Relation, 0, F::ProfitMin));
    assert_eq!(refused(|s| s.inverse = vec![3, 6]), (T::Inverse, 1, F::ListingUnknown));
    assert_eq!(refused(|s| s.linears[1].legs.clear()), (T::Linear, 1, F::LinearLegCount));
    assert_eq!(refused(|s| s.linears[1].legs[2].leg = Leg::buy(6)), (T::Linear, 1, F::ListingUnknown));
    assert_eq!(refused(|s| s.linears[1].legs[2].leg = Leg::buy(0)), (T::Linear, 1, F::ListingRepeated));
    assert_eq!(refused(|s| s.linears[1].legs[2].weight = 0), (T::Linear, 1, F::Weight));
    assert_eq!(refused(|s| s.linears[1].legs[2].factor_e9 = FACTOR_E9_MAX + 1), (T::Linear, 1, F::Factor));
    assert_eq!(refused(|s| s.linears[1].legs[2].weight = 1 << 34), (T::Linear, 1, F::Ratios));
    assert_eq!(refused(|s| s.linears[1].payoff_e9 = i64::MIN), (T::Linear, 1, F::Payoff));
    assert_eq!(refused(|s| s.linears[3] = package(&[(0, -1)], 5)), (T::Linear, 3, F::NothingGoesIn));
    assert_eq!(refused(|s| s.linears[3] = package(&[(0, 1)], -5)), (T::Linear, 3, F::NothingComesOut));
    assert_eq!(refused(|s| s.linears[2].amount_max = 0), (T::Linear, 2, F::AmountMax));
    assert_eq!(refused(|s| s.linears[2].profit_min = 0), (T::Linear, 2, F::ProfitMin));
    let lots = |s: &mut WideSpec| (s.listings[0].lot, s.listings[1].lot) = ((1 << 62) - 1, (1 << 62) - 3);
    assert_eq!(refused(lots), (T::Linear, 0, F::Lots));
    assert_eq!(refused(|s| s.expiries[1].carry = f64::NAN), (T::Expiry, 1, F::Carry));
    assert_eq!(refused(|s| s.expiries[1].discount = 0.0), (T::Expiry, 1, F::Discount));
    assert_eq!(refused(|s| s.expiries[2].years = -0.5), (T::Expiry, 2, F::Years));
    assert_eq!(refused(|s| s.options[7].underlying = 6), (T::Option, 7, F::ListingUnknown));
    assert_eq!(refused(|s| s.options[7].expiry = 3), (T::Option, 7, F::ExpiryUnknown));
    assert_eq!(refused(|s| s.options[7].strike = f64::INFINITY), (T::Option, 7, F::Strike));
    assert_eq!(refused(|s| s.options[7].volatility = f64::NAN), (T::Option, 7, F::Volatility));
    assert_eq!(refused(|s| s.options[7].width_vega = -1.0), (T::Option, 7, F::WidthVega));
    assert_eq!(refused(|s| s.options[7].half_width_min_e9 = -1), (T::Option, 7, F::HalfWidthMin));
    assert_eq!(refused(|s| s.options[7].tick_e9 = 0), (T::Option, 7, F::Tick));
    let error = WideError { thing: T::Relation, index: 3, fault: F::LegCount };
    assert_eq!(error.to_string(), "relation 3: not 2 to 4 legs");
}

/// Every item's values from what the books show now, one at a time, in the order of keys.
fn all_values(tables: &WideTables, bbos: &[(Bbo, bool)], volatilities: &[f64]) -> Vec<WideItem> {
    let touches: Vec<_> = bbos
        .iter()
        .zip(tables.listings())
        .enumerate()
        .map(|(listing, ((bbo, eligible), terms))| {
            let bbo = if *eligible { bbo } else { &Bbo::EMPTY };
            if listing == 3 { fold_inverse(bbo, terms) } else { fold(bbo, terms) }
        })
        .collect();
    let linears = (tables.relations().len() as u32..).zip(tables.linears()).map(|(index, linear)| WideItem {
        key: ItemKey { kind: ItemKind::Relation, index },
        values: evaluate_linear(linear, tables.linear_legs(linear), &touches),
    });
    let relations = tables.relations().iter().enumerate().map(|(index, relation)| WideItem {
        key: ItemKey { kind: ItemKind::Relation, index: index as u32 },
        values: evaluate(relation, tables.listings(), &touches),
    });
    let options = tables.options().iter().enumerate().map(|(index, option)| {
        let (bbo, eligible) = &bbos[option.underlying as usize];
        let sides = bbo.bid_px > 0 && bbo.ask_px > 0 && bbo.bid_qty > 0 && bbo.ask_qty > 0;
        let values = if *eligible && sides && bbo.bid_px <= bbo.ask_px {
            let mid = (i128::from(bbo.bid_px) + i128::from(bbo.ask_px)).div_euclid(2) as i64;
            let terms = ForwardTerms::new(
                Isa::detect(),
                &tables.expiries()[option.expiry as usize],
                mid as f64 / 1e9,
            );
            let contract = Contract {
                strike: option.strike,
                ln_strike: option.ln_strike,
                volatility: volatilities[index],
                sign: if option.flags == 0 { 1.0 } else { -1.0 },
            };
            quote(&value_one(&terms, &contract), option)
        } else {
            NO_QUOTE
        };
        WideItem { key: ItemKey { kind: ItemKind::Option, index: index as u32 }, values }
    });
    relations.chain(linears).chain(options).collect()
}

fn depends(tables: &WideTables, key: ItemKey, listing: u32) -> bool {
    match key.kind {
        ItemKind::Relation => tables.quantities(key.index, &NO_HIT).any(|(leg, _)| leg.listing() == listing),
        ItemKind::Option => tables.options()[key.index as usize].underlying == listing,
    }
}

fn differs(before: &WideItem, now: &WideItem) -> bool {
    let compared = if now.key.kind == ItemKind::Relation { 5 } else { 2 };
    before.values[..compared] != now.values[..compared]
}

/// A book around 100, at times one-sided, crossed, empty or absurd.
fn any_bbo(random: &mut Random) -> Bbo {
    let bid_px = 99_900_000_000 + random.below(20) as i64 * 10_000_000;
    let spread = random.below(12) as i64 * 10_000_000 - 10_000_000;
    let bbo = Bbo { bid_px, bid_qty: random.below(500), ask_px: bid_px + spread, ask_qty: random.below(500) };
    match random.below(12) {
        0 => Bbo::EMPTY,
        1 => Bbo { ask_px: PRICE_NONE, ask_qty: 0, ..bbo },
        2 => Bbo { bid_px: -5, ..bbo },
        3 => Bbo { ask_px: i64::MAX, ..bbo },
        _ => bbo,
    }
}

/// Answers of a state over random ticks and volatilities against a recomputation of everything at each request.
#[test]
fn answers_are_what_changed_since_the_last_answers() {
    let (mut hits, mut quotes, mut removed) = (0, 0, 0);
    for seed in 1..=6 {
        let mut random = Random(seed);
        let spec = spec(&mut random);
        let tables = compiled(&spec);
        let mut states: Vec<WideState> = Isa::all().map(|isa| WideState::on(isa, &tables)).collect();
        let mut answer = WideAnswer::new(&tables);
        let mut bbos = vec![(Bbo::EMPTY, false); 6];
        let mut volatilities: Vec<f64> = tables.options().iter().map(|option| option.volatility).collect();
        let mut last = all_values(&tables, &bbos, &volatilities);
        assert!(last.iter().all(|item| item.values == NO_HIT || item.values == NO_QUOTE));
        for step in 0..150 {
            let listing = random.below(6) as u32;
            bbos[listing as usize] = (any_bbo(&mut random), random.below(8) > 0);
            let option = random.below(900) as u32;
            let volatility = random.below(1_000) as f64 / 500.0;
            volatilities[option as usize] = volatility;
            let full = random.below(10) == 0;
            let now = all_values(&tables, &bbos, &volatilities);
            let expected: Vec<WideItem> = now
                .iter()
                .zip(&last)
                .filter(|(now, last)| depends(&tables, now.key, listing) && (full || differs(last, now)))
                .map(|(now, _)| *now)
                .collect();
            for state in &mut states {
                let (bbo, eligible) = &bbos[listing as usize];
                state.set_touch(listing, bbo, *eligible);
                state.set_volatility(option, volatility).expect("a volatility");
                state.compute(listing, full, &mut answer);
                assert_eq!(answer.items(), expected, "seed {seed}, step {step}");
                assert!(answer.items().is_sorted_by_key(|item| item.key));
            }
            for item in &expected {
                let at = match item.key.kind {
                    ItemKind::Relation => item.key.index as usize,
                    ItemKind::Option => tables.relation_count() as usize + item.key.index as usize,
                };
                last[at] = *item;
                hits += usize::from(item.key.kind == ItemKind::Relation && item.values != NO_HIT);
                quotes += usize::from(item.key.kind == ItemKind::Option && item.values[0] != PRICE_NONE);
                removed += usize::from(item.values == NO_HIT || item.values == NO_QUOTE);
            }
        }
    }
    assert!(
        hits > 1_000 && quotes > 20_000 && removed > 1_000,
        "too little happened: {hits} {quotes} {removed}"
    );
}

#[test]
fn copies_trade_whole_lots_of_every_leg() {
    let mut spec = spec(&mut Random(1));
    (spec.listings[0].lot, spec.listings[1].lot, spec.listings[2].lot) = (10, 6, 4);
    let tables = compiled(&spec);
    // Weights 3, 1, 2 in lots of 10, 6, 4: 10, 6 and 2 copies.
    assert_eq!(tables.linears()[1].step, 30);
    assert_eq!((tables.linears()[0].step, tables.linears()[3].step), (30, 1));
}

/// One pass over everything after many ticks is what the requests of all listings together have answered.
#[test]
fn a_sweep_answers_what_all_requests_would() {
    for seed in 1..=6 {
        let mut random = Random(seed);
        let tables = compiled(&spec(&mut random));
        let (mut swept, mut asked) = (WideState::new(&tables), WideState::new(&tables));
        let (mut answer, mut part) = (WideAnswer::of_all_relations(&tables), WideAnswer::new(&tables));
        let mut hits = 0;
        for step in 0..60 {
            for listing in 0..6 {
                let bbo = any_bbo(&mut random);
                swept.set_touch(listing, &bbo, true);
                asked.set_touch(listing, &bbo, true);
            }
            let mut expected = Vec::new();
            for listing in 0..6 {
                asked.compute(listing, false, &mut part);
                expected
                    .extend(part.items().iter().copied().filter(|item| item.key.kind == ItemKind::Relation));
            }
            expected.sort_by_key(|item| item.key);
            swept.sweep(&mut answer);
            assert_eq!(answer.items(), expected, "seed {seed}, step {step}");
            hits += expected.len();
        }
        assert!(hits > 100, "too little happened: {hits}");
    }
}

#[test]
fn a_fresh_state_answers_nothing_and_unchanged_books_neither() {
    let tables = compiled(&spec(&mut Random(3)));
    let (mut state, mut answer) = (WideState::new(&tables), WideAnswer::new(&tables));
    for listing in 0..6 {
        state.compute(listing, false, &mut answer);
        assert_eq!(answer.items(), []);
        state.compute(listing, true, &mut answer);
        assert_eq!(
            answer.items().len(),
            tables.relations_of(listing).len() + tables.options_of(listing).len()
        );
    }
    let bbo = Bbo { bid_px: 100_000_000_000, bid_qty: 1, ask_px: 100_010_000_000, ask_qty: 1 };
    assert!(state.set_touch(1, &bbo, true) && !state.set_touch(1, &bbo, true));
    state.compute(1, false, &mut answer);
    assert!(!answer.items().is_empty());
    state.compute(1, false, &mut answer);
    assert_eq!(answer.items(), []);
    assert!(state.set_touch(1, &bbo, false));
    assert!(state.set_volatility(0, f64::NAN).is_err() && state.set_volatility(900, 0.1).is_err());
    assert!(state.set_volatility(0, 1e9).is_err() && state.set_volatility(0, 0.0).is_ok());
}

/// A device that answers everything, in any order, yields the same records as the CPU.
#[test]
fn adopted_answers_are_computed_answers() {
    let mut random = Random(11);
    let tables = compiled(&spec(&mut random));
    let (mut cpu, mut adopting, mut device) =
        (WideState::new(&tables), WideState::new(&tables), WideState::new(&tables));
    let (mut expected, mut answer) = (WideAnswer::new(&tables), WideAnswer::new(&tables));
    for step in 0..200 {
        let listing = random.below(6) as u32;
        let (bbo, eligible) = (any_bbo(&mut random), random.below(8) > 0);
        for state in [&mut cpu, &mut adopting, &mut device] {
            state.set_touch(listing, &bbo, eligible);
        }
        cpu.compute(listing, false, &mut expected);
        device.compute(listing, true, &mut answer);
        let mut items = answer.items().to_vec();
        for at in (1..items.len()).rev() {
            items.swap(at, random.below(at as u64 + 1) as usize);
        }
        answer.clear();
        items.iter().for_each(|item| answer.push(*item).expect("room"));
        adopting.adopt(listing, false, &mut answer).expect("adopted");
        assert_eq!(answer.items(), expected.items(), "step {step}");
    }
}

#[test]
fn a_device_that_answers_nonsense_changes_nothing() {
    let tables = compiled(&spec(&mut Random(5)));
    let (mut state, mut answer) = (WideState::new(&tables), WideAnswer::new(&tables));
    let item = |kind, index| WideItem { key: ItemKey { kind, index }, values: [7; 5] };
    let foreign = tables.options_of(4).start as u32;
    for key in [(ItemKind::Option, 900), (ItemKind::Option, foreign), (ItemKind::Relation, u32::MAX)] {
        let bad = item(key.0, key.1);
        answer.clear();
        answer.push(item(ItemKind::Relation, tables.relations_of(1)[0])).expect("room");
        answer.push(bad).expect("room");
        assert_eq!(state.adopt(1, false, &mut answer), Err(AdoptError::NotDependent(bad.key)));
    }
    let twice = item(ItemKind::Relation, tables.relations_of(1)[0]);
    answer.clear();
    answer.push(twice).expect("room");
    answer.push(twice).expect("room");
    assert_eq!(state.adopt(1, false, &mut answer), Err(AdoptError::Repeated(twice.key)));
    let impossible = WideItem { values: [7, 7, 0, 0, 0], ..twice };
    answer.clear();
    answer.push(impossible).expect("room");
    assert_eq!(state.adopt(1, false, &mut answer), Err(AdoptError::Impossible(twice.key)));
    state.compute(1, false, &mut answer);
    assert_eq!(answer.items(), [], "the last answers are untouched");
    let room = tables.dependents_max();
    (0..room).for_each(|_| answer.push(twice).expect("room"));
    assert_eq!(answer.push(twice), Err(AnswerFull));
}
