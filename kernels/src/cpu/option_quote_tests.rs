//! Rounding and quotes against 128-bit arithmetic on the exact value of each double.

use super::*;
use crate::cpu::pricing::{Isa, Values};
use proptest::prelude::*;

/// What the double is times `2^shift`, and the shift: doubles below 2^63 in magnitude with at most 60 bits of fraction.
fn exact(value: f64) -> Option<(i128, u32)> {
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7FF) as i32 - 1075;
    let mantissa = i128::from(bits & ((1 << 52) - 1) | 1 << 52);
    let signed = if value < 0.0 { -mantissa } else { mantissa };
    match exponent {
        -60..0 => Some((signed, exponent.unsigned_abs())),
        0..10 => Some((signed << exponent, 0)),
        _ => None,
    }
}

fn nearest_even(value: i128, shift: u32) -> i64 {
    let floor = value >> shift;
    let rest = value - (floor << shift);
    let half = (1i128 << shift) >> 1;
    let up = shift > 0 && (rest > half || (rest == half && floor & 1 == 1));
    (floor + i128::from(up)) as i64
}

#[test]
fn the_rule_at_its_edges() {
    for (value, expected) in [
        (0.0, 0),
        (-0.0, 0),
        (1.5e-9, 2),
        (2.5e-9, 2),
        (-2.5e-9, -2),
        (1e-300, 0),
        (9e18, E9_MAX),
        (-9e18, -E9_MAX),
        (f64::INFINITY, E9_MAX),
        (f64::NEG_INFINITY, -E9_MAX),
        (f64::NAN, E9_MAX),
    ] {
        assert_eq!(to_e9(value), expected, "{value}");
    }
    assert_eq!((to_e9_up(0.0), to_e9_up(1e-300), to_e9_up(1.25e-9)), (0, 1, 2));
    assert_eq!((to_e9_up(f64::NAN), to_e9_up(1e300)), (E9_MAX, E9_MAX));
    let last_below = f64::from_bits((AMOUNT_MAX as f64).to_bits() - 1);
    assert_eq!((saturated(last_below), saturated(AMOUNT_MAX as f64)), (E9_MAX - 512, E9_MAX));
}

const TERMS: OptionTerms = OptionTerms {
    strike: 100.0,
    ln_strike: 0.0,
    volatility: 0.2,
    width_vega: 0.01,
    half_width_min_e9: 20_000_000,
    tick_e9: 50_000_000,
    expiry: 0,
    flags: 0,
    underlying: 0,
    reserved: 0,
};

#[test]
fn quotes_are_worked_out_by_hand() {
    let value = Value { price: 3.213, delta: 0.5, vega: 10.0 };
    // Half of 0.10: 3.113 and 3.313 in ticks of 0.05.
    let expected = [3_100_000_000, 3_350_000_000, 3_213_000_000, 500_000_000, 10_000_000_000];
    assert_eq!(quote(&value, &TERMS), expected);
    // The least half width of 0.02 counts where vega asks for less.
    assert_eq!(quote(&Value { vega: 0.0, ..value }, &TERMS)[..2], [3_150_000_000, 3_250_000_000]);
    assert_eq!(quote(&Value { price: 0.06, vega: 0.0, ..value }, &TERMS)[..2], [PRICE_NONE, 100_000_000]);
    assert_eq!(quote(&Value { price: 0.07, vega: 0.0, ..value }, &TERMS)[..2], [50_000_000, 100_000_000]);
    let narrow = OptionTerms { half_width_min_e9: 0, ..TERMS };
    assert_eq!(
        quote(&Value { price: 0.0, delta: 0.0, vega: 0.0 }, &narrow),
        [PRICE_NONE, 50_000_000, 0, 0, 0]
    );
    assert_eq!(quote(&Value { price: 1e10, ..value }, &TERMS)[..3], [PRICE_NONE, PRICE_NONE, E9_MAX]);
    assert_eq!(quote(&Value { vega: 1e30, ..value }, &TERMS)[..2], [PRICE_NONE, PRICE_NONE]);
}

fn any_amount() -> impl Strategy<Value = i64> {
    prop_oneof![
        0..=E9_MAX,
        0i64..1_000_000_000,
        Just(0),
        Just(E9_MAX),
        Just(E9_MAX - 1),
        (0u32..62).prop_map(|b| 1 << b)
    ]
}

/// The loop over a chain and the form for one option, number by number, on every instruction set; near the largest plain
/// number and beyond it too.
fn compare_with_chain(options: &[OptionTerms], values: &[Value]) -> bool {
    let len = options.len();
    let mut columns =
        [0, 1, 2].map(|i| values.iter().map(|v| [v.price, v.delta, v.vega][i]).collect::<Vec<f64>>());
    let rules = QuoteRules::new(|of| options.iter().map(of).collect());
    let mut outcomes = Vec::new();
    for isa in Isa::all() {
        let mut filled = [(); 5].map(|()| vec![0i64; len]);
        let [bid, offer, theoretical, delta_e9, vega_e9] = &mut filled;
        let quotes = ChainQuotes { bid, offer, theoretical, delta: delta_e9, vega: vega_e9 };
        let [price, delta, vega] = &mut columns;
        let plain = quotes.fill(isa, &rules, 0..len, &Values { price, delta, vega });
        outcomes.push(plain);
        for i in (0..len).filter(|_| plain) {
            let one: [i64; 5] = std::array::from_fn(|value| filled[value][i]);
            assert_eq!(
                one,
                quote(&values[i], &options[i]),
                "{} {:?} {:?}",
                isa.name(),
                values[i],
                options[i]
            );
        }
    }
    assert!(outcomes.iter().all(|plain| *plain == outcomes[0]));
    outcomes[0]
}

#[test]
fn a_chain_is_quoted_as_its_options_are() {
    let mut state = 0x0C4A_11E5u64;
    let mut word = || {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        state >> 20
    };
    let plain_below = chain::PLAIN_BELOW as u64;
    let mut plain = [0, 0];
    for round in 0..4_000 {
        // Rounds of small numbers, of numbers of any size up to the limit, and of some beyond it.
        let mut amount = |max: u64| match (round % 4, word() % 8) {
            (0, _) => word() % 1_000_000_000,
            (1, 0) => max - 1 - word() % 3,
            (2, 0) if word() % 50 == 0 => max + word() % 3,
            (_, choice) => (word() % max) >> (choice * 6),
        };
        let options: Vec<_> = (0..37)
            .map(|_| OptionTerms {
                tick_e9: 1 + amount(plain_below - 1) as i64,
                half_width_min_e9: amount(plain_below) as i64,
                width_vega: amount(1 << 30) as f64 / 1e9,
                ..TERMS
            })
            .collect();
        let mut number = || amount(plain_below) as f64 / 1e9 + (amount(1_000) as f64) * 0.5e-9;
        let values: Vec<_> = (0..37)
            .map(|_| Value { price: number(), delta: -number() / 1e6, vega: number() / 1e3 })
            .collect();
        plain[usize::from(compare_with_chain(&options, &values))] += 1;
    }
    println!("{plain:?} chains too large, plain");
    assert!(plain[0] > 100 && plain[1] > 1_500, "{plain:?}");
}

#[test]
fn a_chain_with_one_large_number_is_left_to_the_slow_way() {
    let value = Value { price: 3.0, delta: 0.5, vega: 10.0 };
    let limit = chain::PLAIN_BELOW / 1e9;
    let with = |value| compare_with_chain(&[TERMS; 3], &[value, value, value]);
    assert!(with(value));
    assert!(!with(Value { price: limit, ..value }));
    assert!(!with(Value { vega: limit, ..value }));
    assert!(!with(Value { delta: -limit, ..value }));
    let large = chain::PLAIN_BELOW as i64;
    for terms in [OptionTerms { tick_e9: large, ..TERMS }, OptionTerms { half_width_min_e9: large, ..TERMS }]
    {
        assert!(!compare_with_chain(&[TERMS, terms], &[value, value]));
    }
    let wide = OptionTerms { width_vega: limit, ..TERMS };
    assert!(!compare_with_chain(&[TERMS, wide], &[value, value]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn rounding_is_half_to_even(value in -4.0e9f64..4.0e9, halves in -2_000_000i64..2_000_000, bits: u64) {
        for scaled in [value * 1e9, value, halves as f64 / 2.0, f64::from_bits(bits)] {
            if let Some((integer, shift)) = exact(scaled).filter(|_| scaled.abs() < AMOUNT_MAX as f64) {
                prop_assert_eq!(saturated(nearest(scaled)), nearest_even(integer, shift), "{}", scaled);
            }
        }
    }

    #[test]
    fn rounding_up_is_never_below_and_less_than_one_above(value in 0.0f64..4.0e6) {
        let up = to_e9_up(value);
        let (integer, shift) = exact(value * 1e9).unwrap_or((0, 0));
        prop_assert!(integer == 0 || (i128::from(up) << shift >= integer && i128::from(up - 1) << shift < integer));
    }

    #[test]
    fn bids_and_offers_are_the_nearest_ticks_outside(
        theoretical in any_amount(), half in any_amount(), tick in any_amount(),
    ) {
        let tick = tick.max(1);
        let (bid, offer) = around(theoretical, half, tick);
        let (t, h, k) = (i128::from(theoretical), i128::from(half), i128::from(tick));
        if theoretical == E9_MAX || half == E9_MAX {
            prop_assert_eq!((bid, offer), (PRICE_NONE, PRICE_NONE));
        } else {
            let floor = (t - h).div_euclid(k) * k;
            let ceil = (-(-(t + h)).div_euclid(k) * k).max(k);
            let fitting = i64::try_from(ceil).unwrap_or(PRICE_NONE);
            prop_assert_eq!((bid, offer), (if floor < k { PRICE_NONE } else { floor as i64 }, fitting));
        }
    }
}
