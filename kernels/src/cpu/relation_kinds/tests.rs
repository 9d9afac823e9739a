//! Each kind worked out by hand, European and American, and what is refused.

use super::*;
use crate::abi::{AMOUNT_MAX, Leg, ListingTerms};
use crate::cpu::wide::{LinearLegSpec, LinearSpec};

const E9: u64 = 1_000_000_000;
const SHARE: ListingTerms = ListingTerms { unit_e9: E9, lot: 1, fee_ppb: 0, fee_unit_e9: 0 };
const CONTRACT: ListingTerms = ListingTerms { unit_e9: 100 * E9, ..SHARE };
const HALF_A_YEAR: Discount = Discount { receive_e9: 980_000_000, pay_e9: 980_000_001 };

/// Listing 0 is the share, 1 a future on it, then calls and puts of strikes 90, 100, 120, then those of the next expiry.
fn listings() -> Vec<ListingTerms> {
    let mut listings = vec![CONTRACT; 14];
    (listings[0], listings[1]) = (SHARE, CONTRACT);
    listings
}

fn options() -> Vec<ChainOption> {
    let option = |at: u32| ChainOption {
        listing: 2 + at,
        expiry: at / 6,
        strike_e9: [90, 100, 120][at as usize / 2 % 3] * E9,
        put: at % 2 == 1,
    };
    (0..12).map(option).collect()
}

fn expiry(order: u64) -> ChainExpiry {
    ChainExpiry {
        order,
        discount: if order == 0 {
            HALF_A_YEAR
        } else {
            Discount { receive_e9: 960_000_000, pay_e9: 960_000_001 }
        },
        dividends_received_e9: 500_000_000,
        dividends_paid_e9: 700_000_000,
        hedge: Some(Hedge::Underlying(0)),
    }
}

fn relations(
    exercise: Exercise,
    kind: ChainKind,
    reach: usize,
    change: impl FnOnce(&mut Vec<ListingTerms>, &mut Vec<ChainOption>, &mut Vec<ChainExpiry>),
) -> Result<Vec<LinearSpec>, KindError> {
    let (mut listings, mut options, mut expiries) = (listings(), options(), vec![expiry(0), expiry(1)]);
    change(&mut listings, &mut options, &mut expiries);
    let (amount_max, profit_min) = (AMOUNT_MAX, 1);
    let chain = OptionChain {
        listings: &listings,
        options: &options,
        expiries: &expiries,
        exercise,
        reach,
        amount_max,
        profit_min,
    };
    chain.relations(kind)
}

/// Legs as listing, positive weight bought or negative weight sold; the payoff in 1e-9.
fn content(spec: &LinearSpec) -> (Vec<(u32, i64)>, i64) {
    let signed = |leg: &LinearLegSpec| {
        let weight = leg.weight as i64;
        (leg.leg.listing(), if leg.leg.sells() { -weight } else { weight })
    };
    (spec.legs.iter().map(signed).collect(), spec.payoff_e9)
}

fn first(exercise: Exercise, kind: ChainKind) -> Vec<(Vec<(u32, i64)>, i64)> {
    let made = relations(exercise, kind, 1, |_, _, _| {}).expect("relations");
    // Those of the first expiry: listings up to 7.
    made.iter().map(content).filter(|(legs, _)| legs.iter().all(|leg| leg.0 < 8)).collect()
}

const EUROPEAN: Exercise = Exercise::European;
const AMERICAN: Exercise = Exercise::American;

#[test]
fn conversions_pay_the_strike_and_reversals_cost_it() {
    // 100 shares at 90, discounted, and the dividends: 8,820 + 50; an American call may be exercised before they are paid.
    let legs = vec![(0, 100), (3, 1), (2, -1)];
    assert_eq!(first(EUROPEAN, ChainKind::Conversion)[0], (legs.clone(), 8_870 * E9 as i64));
    assert_eq!(first(AMERICAN, ChainKind::Conversion)[0], (legs, 8_820 * E9 as i64));
    // An American put may be exercised today: 9,000 and all dividends.
    let legs = vec![(0, -100), (3, -1), (2, 1)];
    assert_eq!(
        first(EUROPEAN, ChainKind::Reversal)[0],
        (legs.clone(), -(8_820_000_009_000 + 70 * E9 as i64))
    );
    assert_eq!(first(AMERICAN, ChainKind::Reversal)[0], (legs, -9_070 * E9 as i64));
}

#[test]
fn boxes_pay_the_distance_of_the_strikes() {
    let long = vec![(2, 1), (4, -1), (5, 1), (3, -1)];
    let short = vec![(2, -1), (4, 1), (5, -1), (3, 1)];
    assert_eq!(
        first(EUROPEAN, ChainKind::Box)[..2],
        [(long.clone(), 980 * E9 as i64), (short, -980_000_001_000)]
    );
    // The short box of American options may cost twice the distance: it is not made.
    let boxes = first(AMERICAN, ChainKind::Box);
    assert_eq!((boxes.len(), &boxes[0]), (2, &(long, 980 * E9 as i64)));
}

#[test]
fn verticals_pay_nothing_and_cost_the_distance_of_the_strikes() {
    let (calls, puts) = (vec![(2, 1), (4, -1)], vec![(5, 1), (3, -1)]);
    let (calls_back, puts_back) = (vec![(2, -1), (4, 1)], vec![(5, -1), (3, 1)]);
    for (exercise, cost) in [(EUROPEAN, 980_000_001_000), (AMERICAN, 1_000 * E9 as i64)] {
        let made = first(exercise, ChainKind::Vertical);
        assert_eq!(made.len(), 8);
        assert_eq!(made[..2], [(calls.clone(), 0), (calls_back.clone(), -cost)]);
        assert_eq!(made[4..6], [(puts.clone(), 0), (puts_back.clone(), -cost)]);
    }
}

#[test]
fn butterflies_weigh_strikes_at_uneven_distances() {
    // 90, 100, 120: two of the lowest and one of the highest against three of the middle.
    let expected = [(vec![(2, 2), (4, -3), (6, 1)], 0), (vec![(3, 2), (5, -3), (7, 1)], 0)];
    assert_eq!(first(EUROPEAN, ChainKind::Butterfly), expected);
    assert_eq!(first(AMERICAN, ChainKind::Butterfly), expected);
    let dear = |_: &mut _, _: &mut _, expiries: &mut Vec<ChainExpiry>| {
        expiries.iter_mut().for_each(|e| e.discount = Discount { receive_e9: E9 + 1, pay_e9: E9 + 2 });
    };
    assert_eq!(relations(AMERICAN, ChainKind::Butterfly, 1, dear), Ok(vec![]), "interest is negative");
    assert_eq!(relations(EUROPEAN, ChainKind::Butterfly, 1, dear).map(|made| made.len()), Ok(4));
}

#[test]
fn calendars_buy_the_far_option() {
    let made = relations(AMERICAN, ChainKind::Calendar, 1, |_, _, _| {}).expect("calendars");
    assert_eq!(made.len(), 6);
    assert_eq!(content(&made[0]), (vec![(8, 1), (2, -1)], 0));
    assert_eq!(content(&made[3]), (vec![(9, 1), (3, -1)], 0));
    // European: calls without dividends only.
    assert_eq!(relations(EUROPEAN, ChainKind::Calendar, 1, |_, _, _| {}), Ok(vec![]));
    let none = |_: &mut _, _: &mut _, expiries: &mut Vec<ChainExpiry>| {
        expiries.iter_mut().for_each(|e| (e.dividends_received_e9, e.dividends_paid_e9) = (0, 0));
    };
    let made = relations(EUROPEAN, ChainKind::Calendar, 1, none).expect("calendars");
    assert_eq!(made.len(), 3);
    assert_eq!(content(&made[2]), (vec![(12, 1), (6, -1)], 0));
}

#[test]
fn who_may_exercise_today_has_the_better_of_today_and_expiry() {
    // The call: 8,820 and 70 of dividends at expiry, 9,000 today. The put: 8,870 at expiry, 9,000 today.
    let (call, put) = (vec![(0, -100), (2, 1)], vec![(0, 100), (3, 1)]);
    let european = first(EUROPEAN, ChainKind::ExerciseValue);
    assert_eq!(
        (&european[0], &european[3]),
        (&(call.clone(), -(8_820_000_009_000 + 70 * E9 as i64)), &(put.clone(), 8_870 * E9 as i64))
    );
    let american = first(AMERICAN, ChainKind::ExerciseValue);
    assert_eq!(
        (&american[0], &american[3]),
        (&(call, -(8_820_000_009_000 + 70 * E9 as i64)), &(put, 9_000 * E9 as i64))
    );
}

#[test]
fn a_future_in_the_place_of_the_share_is_discounted() {
    let on_future = |_: &mut _, _: &mut _, expiries: &mut Vec<ChainExpiry>| {
        expiries.iter_mut().for_each(|e| e.hedge = Some(Hedge::Future(1)));
    };
    let made = relations(EUROPEAN, ChainKind::Conversion, 1, on_future).expect("conversions");
    assert_eq!(content(&made[0]), (vec![(1, 1), (3, 1), (2, -1)], 8_820 * E9 as i64));
    assert_eq!(made[0].legs[0], LinearLegSpec { leg: Leg::buy(1), weight: 1, factor_e9: 980_000_001 });
    let error = relations(AMERICAN, ChainKind::Conversion, 1, on_future).expect_err("refused");
    assert_eq!((error.thing, error.index, error.fault), ("expiry", 0, KindFault::AmericanOnFuture));
    // Spreads of American options on one future are made.
    assert_eq!(relations(AMERICAN, ChainKind::Vertical, 1, on_future).map(|made| made.len()), Ok(16));
}

#[test]
fn spreads_reach_as_far_as_they_are_told() {
    let count = |kind, reach| relations(AMERICAN, kind, reach, |_, _, _| {}).map(|made| made.len());
    assert_eq!((count(ChainKind::Vertical, 1), count(ChainKind::Vertical, 2)), (Ok(16), Ok(24)));
    assert_eq!((count(ChainKind::Box, 1), count(ChainKind::Box, 9)), (Ok(4), Ok(6)));
}

#[test]
fn what_is_refused_is_named() {
    type Change = fn(&mut Vec<ListingTerms>, &mut Vec<ChainOption>, &mut Vec<ChainExpiry>);
    let refused = |change: Change| {
        let error = relations(AMERICAN, ChainKind::Reversal, 1, change).expect_err("refused");
        (error.thing, error.index, error.fault)
    };
    assert_eq!(refused(|_, o, _| o[3].listing = 14), ("option", 3, KindFault::ListingUnknown));
    assert_eq!(refused(|_, o, _| o[3].expiry = 2), ("option", 3, KindFault::ExpiryUnknown));
    assert_eq!(refused(|_, o, _| o[3].strike_e9 = 0), ("option", 3, KindFault::Strike));
    assert_eq!(
        refused(|_, o, _| o[2] = ChainOption { listing: 5, ..o[0] }),
        ("option", 2, KindFault::OptionRepeated)
    );
    assert_eq!(refused(|l, _, _| l[5].unit_e9 = E9), ("option", 3, KindFault::ContractSize));
    assert_eq!(refused(|_, _, e| e[1].discount.receive_e9 = 0), ("expiry", 1, KindFault::Discount));
    assert_eq!(refused(|_, _, e| e[1].discount.pay_e9 = 1), ("expiry", 1, KindFault::Discount));
    assert_eq!(
        refused(|_, _, e| e[0].hedge = Some(Hedge::Future(1))),
        ("expiry", 0, KindFault::AmericanOnFuture)
    );
    assert_eq!(
        refused(|_, _, e| e[0].hedge = Some(Hedge::Underlying(99))),
        ("expiry", 0, KindFault::ListingUnknown)
    );
    assert_eq!(refused(|_, _, e| e[0].dividends_paid_e9 = u64::MAX), ("expiry", 0, KindFault::TooLarge));
    let huge: Change = |_, o, _| o[..2].iter_mut().for_each(|option| option.strike_e9 = AMOUNT_MAX);
    assert_eq!(refused(huge), ("expiry", 0, KindFault::TooLarge));
    let error = KindError::new("expiry", 1, KindFault::TooLarge);
    assert_eq!(error.to_string(), "expiry 1: an amount or a weight above 2^62");
}

#[test]
fn a_basis_counts_fees_today_and_the_price_at_delivery() {
    let fees = ListingTerms { unit_e9: 50 * E9, fee_ppb: 1_000_000, fee_unit_e9: 2 * E9 as i64, ..SHARE };
    let basis = Basis {
        spot: 0,
        future: 1,
        discount: HALF_A_YEAR,
        income_e9: 500_000_000,
        cost_of_short_e9: 700_000_000,
        amount_max: AMOUNT_MAX,
        profit_min: 1,
    };
    let [carry, reverse] = basis.relations(&[SHARE, fees]).expect("relations");
    assert_eq!(content(&carry).0, vec![(0, 50), (1, -1)]);
    assert_eq!(content(&reverse).0, vec![(0, -50), (1, 1)]);
    // Sold at 200 a contract's worth 10,000 counts 9,800, less 10 and 2 of fees, plus 25 of dividends.
    let folded = 9_988 * i128::from(E9);
    let counted = folded * i128::from(carry.legs[1].factor_e9) / i128::from(E9) + i128::from(carry.payoff_e9);
    let exact = 9_813 * i128::from(E9);
    assert!((exact - 20_000..=exact).contains(&counted), "{counted}");
    // Bought: 9,800.00001 and the fees, and 35 of dividends.
    let folded = 10_012 * i128::from(E9);
    let counted =
        folded * i128::from(reverse.legs[1].factor_e9) / i128::from(E9) - i128::from(reverse.payoff_e9);
    let exact = 9_847_000_010_000;
    assert!((exact..=exact + 20_000).contains(&counted), "{counted}");
    let all = ListingTerms { fee_ppb: E9 as i64, ..fees };
    let error = basis.relations(&[SHARE, all]).expect_err("refused");
    assert_eq!(error.fault, KindFault::Fee);
    let error = Basis { future: 2, ..basis }.relations(&[SHARE, fees]).expect_err("refused");
    assert_eq!((error.thing, error.fault), ("future", KindFault::ListingUnknown));
}

#[test]
fn a_basket_is_made_and_redeemed() {
    let basket = Basket {
        fund: 2,
        fund_weight: 1_000,
        components: vec![(0, 300), (1, 70)],
        cash_e9: 40,
        fee_e9: 5,
        amount_max: AMOUNT_MAX,
        profit_min: 1,
    };
    let [create, redeem] = basket.relations().expect("relations");
    assert_eq!(content(&create), (vec![(0, 300), (1, 70), (2, -1_000)], -45));
    assert_eq!(content(&redeem), (vec![(0, -300), (1, -70), (2, 1_000)], 35));
    let none = Basket { components: vec![], ..basket };
    assert_eq!(none.relations().expect_err("refused").fault, KindFault::NoComponents);
}
