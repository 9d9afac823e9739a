//! Folding against `i128` arithmetic, the walk against a naive one, every hit against a checker that knows nothing of
//! either, and the extremes of every input.

use super::*;
use feeds::units::PRICE_NONE;
use proptest::prelude::*;

const SHARE: ListingTerms = ListingTerms { unit_e9: UNIT_E9, lot: 1, fee_ppb: 0, fee_unit_e9: 0 };

/// What the text of `Touch` says, in 128 bits with the standard division.
fn folded(price: i64, quantity: u64, terms: &ListingTerms, buys: bool) -> (u64, u64) {
    let amount_max = i128::from(AMOUNT_MAX);
    let e9 = |value: i128| {
        let quotient = value / 1_000_000_000;
        if buys && value % 1_000_000_000 != 0 { quotient + 1 } else { quotient }
    };
    let sign = if buys { 1 } else { -1 };
    if price <= 0 || quantity == 0 {
        return (0, 0);
    }
    let raw = e9(i128::from(price) * i128::from(terms.unit_e9));
    if raw > amount_max {
        return (0, 0);
    }
    let with_fee = e9(raw * (1_000_000_000 + sign * i128::from(terms.fee_ppb)));
    let amount = with_fee + sign * i128::from(terms.fee_unit_e9);
    if with_fee > amount_max || amount < 1 || amount > amount_max {
        (0, 0)
    } else {
        (amount as u64, quantity)
    }
}

/// Whether taking these quantities pays as the values say, asked of the touches alone.
fn check_hit(relation: &Relation, terms: &[ListingTerms], touches: &[Touch], values: &[i64; 5]) {
    let legs_len = relation.legs_len as usize;
    assert!(
        values[legs_len..4].iter().all(|v| *v == 0),
        "a leg that is not there has a quantity: {values:?}"
    );
    let mut purse: Option<i128> = None;
    let mut paid = 0;
    for (leg, quantity) in relation.legs[..legs_len].iter().zip(values) {
        let (t, touch) = (&terms[leg.listing() as usize], &touches[leg.listing() as usize]);
        let (goes_in, comes_out, displayed) = if leg.sells() {
            (t.unit_e9, touch.proceeds, touch.proceeds_quantity)
        } else {
            (touch.cost, t.unit_e9, touch.cost_quantity)
        };
        assert!(*quantity > 0 && *quantity as u64 <= displayed, "{quantity} of {displayed}");
        assert_eq!(*quantity as u64 % t.lot, 0, "broken lot");
        let needed = i128::from(*quantity) * i128::from(goes_in);
        match purse {
            None => {
                paid = needed;
                assert!(needed <= i128::from(relation.amount_max), "more than the largest amount");
            }
            Some(purse) => assert!(needed <= purse, "leg takes {needed}, only {purse} arrived"),
        }
        purse = Some(i128::from(*quantity) * i128::from(comes_out));
    }
    let profit = purse.unwrap_or(0) - paid;
    assert_eq!(profit, i128::from(values[4]), "profit");
    assert!(profit >= i128::from(relation.profit_min.max(1)), "profit too small");
}

/// The walk again, quantity by quantity: only for small numbers.
fn slow_walk(relation: &Relation, terms: &[ListingTerms], touches: &[Touch]) -> [i64; 5] {
    let legs: Vec<(u64, u64, u64, u64)> = relation.legs[..relation.legs_len as usize]
        .iter()
        .map(|leg| {
            let (t, touch) = (&terms[leg.listing() as usize], &touches[leg.listing() as usize]);
            if leg.sells() {
                (t.unit_e9, touch.proceeds, touch.proceeds_quantity, t.lot)
            } else {
                (touch.cost, t.unit_e9, touch.cost_quantity, t.lot)
            }
        })
        .collect();
    let mut caps = vec![u64::MAX; legs.len() + 1];
    for (i, (goes_in, comes_out, displayed, lot)) in legs.iter().enumerate().rev() {
        let quantity = (0..=*displayed).rev().find(|q| q % lot == 0 && q * comes_out <= caps[i + 1]);
        caps[i] = quantity.unwrap_or(0) * goes_in;
    }
    let mut values = [0; 5];
    let mut amount = caps[0].min(relation.amount_max);
    let mut paid = 0;
    for (i, (goes_in, comes_out, displayed, lot)) in legs.iter().enumerate() {
        let quantity = (0..=*displayed).rev().find(|q| q % lot == 0 && q * goes_in <= amount).unwrap_or(0);
        if i == 0 {
            paid = quantity * goes_in;
        }
        values[i] = quantity as i64;
        amount = quantity * comes_out;
    }
    let profit = amount as i64 - paid as i64;
    if values[..legs.len()].contains(&0) || profit < relation.profit_min as i64 {
        return NO_HIT;
    }
    values[4] = profit;
    values
}

fn relation(legs: &[Leg], amount_max: u64, profit_min: u64) -> Relation {
    let mut padded = [Leg(0); LEGS_MAX];
    padded[..legs.len()].copy_from_slice(legs);
    Relation { legs: padded, legs_len: legs.len() as u32, reserved: 0, amount_max, profit_min }
}

#[test]
fn a_pair_of_venues_is_worked_out_by_hand() {
    // Offer 10.00 x 70 with 0.003 a share, bid 10.01 x 50 with 0.1 %: 10.003 in, 9.99999 out would lose.
    let fee_a = ListingTerms { fee_unit_e9: 3_000_000, ..SHARE };
    let fee_b = ListingTerms { fee_ppb: 1_000_000, lot: 20, ..SHARE };
    let offer = |px, qty| Bbo { ask_px: px, ask_qty: qty, ..Bbo::EMPTY };
    let bid = |px, qty| Bbo { bid_px: px, bid_qty: qty, ..Bbo::EMPTY };
    let cycle = relation(&[Leg::buy(0), Leg::sell(1)], AMOUNT_MAX, 1);
    let touches = [fold(&offer(10_000_000_000, 70), &fee_a), fold(&bid(10_010_000_000, 50), &fee_b)];
    assert_eq!((touches[0].cost, touches[1].proceeds), (10_003_000_000, 9_999_990_000));
    assert_eq!(evaluate(&cycle, &[fee_a, fee_b], &touches), NO_HIT);
    // Bid 10.02: 10.00998 a share; 40 of the 50 are whole lots of 20.
    let touches = [touches[0], fold(&bid(10_020_000_000, 50), &fee_b)];
    assert_eq!(evaluate(&cycle, &[fee_a, fee_b], &touches), [40, 40, 0, 0, 40 * 6_980_000]);
    let dear = Relation { profit_min: 40 * 6_980_000 + 1, ..cycle };
    assert_eq!(evaluate(&dear, &[fee_a, fee_b], &touches), NO_HIT);
    // 399 buys 39 shares, of which one lot of 20 is sold: 19 left over count nothing, and it loses.
    let short = Relation { amount_max: 399_000_000_000, ..cycle };
    assert_eq!(evaluate(&short, &[fee_a, fee_b], &touches), NO_HIT);
}

#[test]
fn a_triangle_of_coins_is_worked_out_by_hand() {
    // Dollars buy coin A at 2, coin A buys coin B at 3 (so B costs 6), B sells for 6.6: units of 0.01, 0.1 and 0.001.
    let a = ListingTerms { unit_e9: 10_000_000, ..SHARE };
    let b = ListingTerms { unit_e9: 100_000_000, ..SHARE };
    let c = ListingTerms { unit_e9: 1_000_000, ..SHARE };
    let touches = [
        fold(&Bbo { ask_px: 2_000_000_000, ask_qty: 1_000, ..Bbo::EMPTY }, &a),
        fold(&Bbo { ask_px: 3_000_000_000, ask_qty: 15, ..Bbo::EMPTY }, &b),
        fold(&Bbo { bid_px: 6_600_000_000, bid_qty: 100_000, ..Bbo::EMPTY }, &c),
    ];
    // The middle leg binds: 1.5 B for 4.5 A for 9 dollars, sold for 9.9.
    let cycle = relation(&[Leg::buy(0), Leg::buy(1), Leg::sell(2)], AMOUNT_MAX, 1);
    assert_eq!(evaluate(&cycle, &[a, b, c], &touches), [450, 15, 1_500, 0, 900_000_000]);
}

#[test]
fn extremes_are_refused_and_do_not_overflow() {
    let bbo = |px, qty| Bbo { bid_px: px, bid_qty: qty, ask_px: px, ask_qty: qty };
    for px in [PRICE_NONE, i64::MIN + 1, -1, 0] {
        assert_eq!(fold(&bbo(px, 5), &SHARE), Touch::default(), "{px}");
    }
    assert_eq!(fold(&bbo(5, 0), &SHARE), Touch::default());
    assert_eq!(fold(&bbo(AMOUNT_MAX as i64, u64::MAX), &SHARE).cost, AMOUNT_MAX);
    assert_eq!(fold(&bbo(AMOUNT_MAX as i64 + 1, u64::MAX), &SHARE), Touch::default());
    // A rebate of everything costs nothing, which is no price; the seller's fee of everything leaves nothing.
    for fee_ppb in [-1_000_000_000, 1_000_000_000] {
        let touch = fold(&bbo(7, 1), &ListingTerms { fee_ppb, ..SHARE });
        assert_eq!((touch.cost, touch.proceeds), if fee_ppb < 0 { (0, 14) } else { (14, 0) });
    }
}

fn any_edge_u64(max: u64) -> impl Strategy<Value = u64> {
    prop_oneof![
        1..=max,
        Just(1),
        Just(max),
        1..=max.min(1_000),
        (0u32..62).prop_map(move |b| (1 << b).min(max))
    ]
}

fn any_terms() -> impl Strategy<Value = ListingTerms> {
    let fee_unit = prop_oneof![
        Just(0),
        -1_000_000i64..1_000_000,
        -(AMOUNT_MAX as i64) + 1..AMOUNT_MAX as i64,
        Just(AMOUNT_MAX as i64 - 1),
        Just(1 - AMOUNT_MAX as i64)
    ];
    let fee_ppb =
        prop_oneof![Just(0), -1_000_000_000i64..=1_000_000_000, Just(1_000_000_000), Just(-1_000_000_000)];
    (any_edge_u64(AMOUNT_MAX), any_edge_u64(u64::MAX), fee_ppb, fee_unit)
        .prop_map(|(unit_e9, lot, fee_ppb, fee_unit_e9)| ListingTerms { unit_e9, lot, fee_ppb, fee_unit_e9 })
}

fn any_touch() -> impl Strategy<Value = Touch> {
    let side = || prop_oneof![8 => (any_edge_u64(AMOUNT_MAX), any_edge_u64(u64::MAX)), 1 => Just((0, 0))];
    (side(), side()).prop_map(|((cost, cost_quantity), (proceeds, proceeds_quantity))| Touch {
        cost,
        cost_quantity,
        proceeds,
        proceeds_quantity,
    })
}

fn any_legs(listings: u32) -> impl Strategy<Value = Vec<Leg>> {
    prop::collection::vec((0..listings, any::<bool>()), 2..=LEGS_MAX)
        .prop_map(|legs| legs.iter().map(|&(l, s)| if s { Leg::sell(l) } else { Leg::buy(l) }).collect())
}

/// Prices around one, so that cycles earn often: unit 10^9 means that a touch is a price.
fn near_one() -> impl Strategy<Value = (u64, u64, u64)> {
    (900_000_000u64..1_100_000_000, 1u64..200, 1u64..7)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn folding_is_what_128_bits_say(
        terms in any_terms(),
        ask in any_edge_u64(i64::MAX as u64), bid in any_edge_u64(i64::MAX as u64),
        ask_qty: u64, bid_qty: u64,
    ) {
        let bbo = Bbo { bid_px: bid as i64, bid_qty, ask_px: ask as i64, ask_qty };
        let touch = fold(&bbo, &terms);
        prop_assert_eq!((touch.cost, touch.cost_quantity), folded(bbo.ask_px, ask_qty, &terms, true));
        prop_assert_eq!((touch.proceeds, touch.proceeds_quantity), folded(bbo.bid_px, bid_qty, &terms, false));
    }

    #[test]
    fn division_by_limbs_is_division(a: u64, b: u64, small in 0u64..4_000_000_000) {
        for (a, b) in [(a, b), (a, small), (small, small), (a >> 20, b >> 15)] {
            let product = u128::from(a) * u128::from(b);
            let quotient = u64::try_from(product / 1_000_000_000).ok();
            prop_assert_eq!(divided_e9(product), quotient.map(|q| (q, (product % 1_000_000_000) as u64)));
        }
    }

    #[test]
    fn products_of_256_bits_compare_as_logarithms_do(factors in prop::collection::vec(any_edge_u64(AMOUNT_MAX), 8)) {
        let (a, b) = factors.split_at(4);
        let bits = |f: &[u64]| f.iter().map(|x| (*x as f64).log2()).sum::<f64>();
        let product = |f: &[u64]| times(wide(f[0], f[1]), wide(f[2], f[3]));
        if (bits(a) - bits(b)).abs() > 1e-6 {
            prop_assert_eq!(above(product(a), product(b)), bits(a) > bits(b));
        }
        let reversed: Vec<u64> = a.iter().rev().copied().collect();
        prop_assert!(!above(product(a), product(&reversed)) && !above(product(&reversed), product(a)));
    }

    #[test]
    fn products_of_256_bits_are_sums_of_columns(a: u128, b: u128) {
        let digits = |x: u128| (0..4).map(move |i| (x >> (32 * i)) as u32 as u128);
        let mut columns = [0u128; 9];
        for (i, x) in digits(a).enumerate() {
            for (j, y) in digits(b).enumerate() {
                columns[i + j] += (x * y) & 0xFFFF_FFFF;
                columns[i + j + 1] += (x * y) >> 32;
            }
        }
        for i in 0..8 {
            columns[i + 1] += columns[i] >> 32;
            columns[i] &= 0xFFFF_FFFF;
        }
        let words: [u64; 4] = std::array::from_fn(|i| (columns[2 * i] | columns[2 * i + 1] << 32) as u64);
        prop_assert_eq!(times(a, b), words);
    }

    #[test]
    fn every_hit_can_be_executed(
        terms in prop::collection::vec(any_terms(), 4),
        touches in prop::collection::vec(any_touch(), 4),
        legs in any_legs(4),
        amount_max in any_edge_u64(AMOUNT_MAX),
        profit_min in any_edge_u64(1_000_000),
    ) {
        let relation = relation(&legs, amount_max, profit_min);
        let values = evaluate(&relation, &terms, &touches);
        if values != NO_HIT {
            check_hit(&relation, &terms, &touches, &values);
        }
    }

    #[test]
    fn ordinary_cycles_hit_where_the_slow_walk_does(
        sides in prop::collection::vec((near_one(), near_one()), 4),
        legs in any_legs(4),
        amount_max in 1_000_000_000u64..300_000_000_000,
        profit_min in 1u64..2_000_000_000,
    ) {
        let terms: Vec<_> = sides.iter().map(|s| ListingTerms { lot: s.0.2, ..SHARE }).collect();
        let touches: Vec<_> = sides
            .iter()
            .map(|(buy, sell)| Touch { cost: buy.0, cost_quantity: buy.1, proceeds: sell.0, proceeds_quantity: sell.1 })
            .collect();
        let relation = relation(&legs, amount_max, profit_min);
        let values = evaluate(&relation, &terms, &touches);
        prop_assert_eq!(values, slow_walk(&relation, &terms, &touches));
        if values != NO_HIT {
            check_hit(&relation, &terms, &touches, &values);
        }
    }

    #[test]
    fn a_profitable_cycle_loses_when_reversed(
        sides in prop::collection::vec((near_one(), 0u64..50_000_000), 4),
        legs in any_legs(4),
    ) {
        // Nobody sells for more than the offer costs where no book is crossed net of fees.
        let terms = vec![SHARE; 4];
        let touches: Vec<_> = sides
            .iter()
            .map(|((cost, quantity, _), spread)| Touch {
                cost: *cost,
                cost_quantity: *quantity,
                proceeds: cost - spread,
                proceeds_quantity: *quantity,
            })
            .collect();
        let reversed: Vec<Leg> = legs.iter().rev().map(|leg| Leg(leg.0 ^ 1)).collect();
        let forward = evaluate(&relation(&legs, AMOUNT_MAX, 1), &terms, &touches);
        let backward = evaluate(&relation(&reversed, AMOUNT_MAX, 1), &terms, &touches);
        prop_assert!(forward == NO_HIT || backward == NO_HIT, "{forward:?} and {backward:?}");
    }
}
