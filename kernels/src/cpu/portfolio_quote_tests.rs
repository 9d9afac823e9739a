//! Quotes for options against the portfolio: known cases by hand, and what must hold for any numbers.

use super::*;
use proptest::prelude::*;

const CENT: i64 = 10_000_000;
const ONE: i64 = 1_000_000_000;

const RULES: PortfolioRules = PortfolioRules {
    tick: CENT,
    lot: 1,
    quote_quantity: 10,
    position_max: 100,
    edge_min: CENT,
    half_width_min: 2 * CENT,
    half_width_max: ONE,
    width_vega_e9: 5_000_000,
    width_delta_e9: 20_000_000,
    skew_delta_e9: 100_000,
    skew_vega_e12: 1_000_000,
    skew_position_e9: 0,
};

/// A call worth 5.00 with delta 0.5 and vega 20.
const FLAT: PortfolioInputs = PortfolioInputs {
    theoretical: 5 * ONE,
    delta: ONE / 2,
    vega: 20 * ONE,
    portfolio_delta: 0,
    portfolio_vega: 0,
    position: 0,
    bid: PRICE_NONE,
    ask: PRICE_NONE,
};

fn prices(x: &PortfolioInputs) -> (i64, i64) {
    let Quotes { bid, ask } = portfolio_quotes(&RULES, x);
    (bid.expect("a bid").price, ask.expect("an offer").price)
}

#[test]
fn a_flat_book_quotes_around_the_theoretical_value() {
    // 20 x 0.005 + 0.5 x 0.02 = 0.11 on each side.
    assert_eq!(prices(&FLAT), (489 * CENT, 511 * CENT));
    assert_eq!(prices(&PortfolioInputs { delta: -ONE / 2, ..FLAT }), (489 * CENT, 511 * CENT));
    // With hardly any vega and delta the least width counts.
    assert_eq!(prices(&PortfolioInputs { delta: 1, vega: 1, ..FLAT }), (498 * CENT, 502 * CENT));
}

#[test]
fn long_delta_lowers_calls_and_raises_puts() {
    // 1,000 deltas move the underlying by 0.10, half of which reaches the option.
    let long = PortfolioInputs { portfolio_delta: 1_000 * i128::from(ONE), ..FLAT };
    assert_eq!(prices(&long), (484 * CENT, 506 * CENT));
    assert_eq!(prices(&PortfolioInputs { delta: -ONE / 2, ..long }), (494 * CENT, 516 * CENT));
    let short = PortfolioInputs { portfolio_delta: -1_000 * i128::from(ONE), ..FLAT };
    assert_eq!(prices(&short), (494 * CENT, 516 * CENT));
}

#[test]
fn long_vega_lowers_both() {
    // A vega of 2,000 moves the volatility by 0.002, 20 x that is 0.04.
    let long = PortfolioInputs { portfolio_vega: 2_000 * i128::from(ONE), ..FLAT };
    assert_eq!(prices(&long), (485 * CENT, 507 * CENT));
    assert_eq!(prices(&PortfolioInputs { delta: -ONE / 2, ..long }), (485 * CENT, 507 * CENT));
}

#[test]
fn the_edge_stays_however_large_the_portfolio() {
    let long = PortfolioInputs { portfolio_delta: 1_000_000 * i128::from(ONE), ..FLAT };
    let Quotes { bid, ask } = portfolio_quotes(&RULES, &long);
    assert_eq!(bid, Err(NoQuote::PriceOutOfRange), "50 below a value of 5");
    assert_eq!(ask.expect("an offer").price, 501 * CENT, "the theoretical value and the edge");
}

#[test]
fn it_does_not_trade_on_arrival_nor_against_itself() {
    let crossed = PortfolioInputs { bid: 520 * CENT, ask: 470 * CENT + 1, ..FLAT };
    assert_eq!(prices(&crossed), (470 * CENT, 521 * CENT));
}

#[test]
fn the_position_limit_leaves_what_room_there_is() {
    let quantities = |position| {
        let Quotes { bid, ask } = portfolio_quotes(&RULES, &PortfolioInputs { position, ..FLAT });
        (bid.map(|to| to.quantity), ask.map(|to| to.quantity))
    };
    assert_eq!(quantities(0), (Ok(10), Ok(10)));
    assert_eq!(quantities(97), (Ok(3), Ok(10)));
    assert_eq!(quantities(100), (Err(NoQuote::PositionLimit), Ok(10)));
    assert_eq!(quantities(-250), (Ok(10), Err(NoQuote::PositionLimit)));
    let nothing = portfolio_quotes(&RULES, &PortfolioInputs { theoretical: PRICE_NONE, ..FLAT });
    assert_eq!(nothing.bid, Err(NoQuote::NoReference));
}

prop_compose! {
    fn any_rules()(
        (tick, lot, quote_quantity, position_max) in (1..=1_000_000_000i64, 1..50u64, 1..1_000u64, 0..10_000u64),
        (edge_min, half_width_min, more) in (0..=ONE, 0..=ONE, 0..=10 * ONE),
        (width_vega_e9, width_delta_e9) in (0..=ONE, 0..=ONE),
        (skew_delta_e9, skew_vega_e12, skew_position_e9) in (0..=ONE, 0..=ONE, 0..=ONE),
    ) -> PortfolioRules {
        let half_width_max = half_width_min + more;
        PortfolioRules {
            tick, lot, quote_quantity, position_max, edge_min, half_width_min, half_width_max, width_vega_e9,
            width_delta_e9, skew_delta_e9, skew_vega_e12, skew_position_e9,
        }
    }
}

fn any_price() -> impl Strategy<Value = i64> {
    prop_oneof![Just(PRICE_NONE), 1..=2_000 * ONE, Just(i64::MAX), Just(1)]
}

prop_compose! {
    fn any_inputs()(
        theoretical in prop_oneof![0..=1_000 * ONE, Just(i64::MAX / 4), Just(0)],
        (delta, vega) in (-ONE..=ONE, prop_oneof![0..=1_000 * ONE, Just(1i64 << 62)]),
        portfolio_delta in prop_oneof![-(1i128 << 50)..1i128 << 50, Just(i128::MIN), Just(i128::MAX)],
        portfolio_vega in prop_oneof![-(1i128 << 50)..1i128 << 50, Just(i128::MIN), Just(i128::MAX)],
        position in prop_oneof![-20_000..20_000i64, Just(i64::MIN), Just(i64::MAX)],
        (bid, ask) in (any_price(), any_price()),
    ) -> PortfolioInputs {
        PortfolioInputs { theoretical, delta, vega, portfolio_delta, portfolio_vega, position, bid, ask }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Never crossed, on the tick, in lots, at the edge, not through the other side, and no wider than allowed where
    /// nothing else holds a price away.
    #[test]
    fn quotes_keep_their_bounds(rules in any_rules(), x in any_inputs()) {
        let Quotes { bid, ask } = portfolio_quotes(&rules, &x);
        let PortfolioModel { shift, half_width } = portfolio_model(&rules, &x);
        prop_assert!(half_width >= 1 && half_width <= i128::from(rules.half_width_max).max(1));
        prop_assert!(half_width >= i128::from(rules.half_width_min));
        let (theoretical, tick) = (i128::from(x.theoretical), i128::from(rules.tick));
        for target in [bid, ask].into_iter().flatten() {
            prop_assert!(target.price >= rules.tick && target.price % rules.tick == 0);
            prop_assert!(target.quantity > 0 && target.quantity <= rules.quote_quantity);
            prop_assert_eq!(target.quantity % rules.lot, 0);
        }
        if let (Ok(bid), Ok(ask)) = (bid, ask) {
            prop_assert!(bid.price < ask.price, "{bid:?} {ask:?}");
        }
        if let Ok(bid) = bid {
            let price = i128::from(bid.price);
            prop_assert!(price <= theoretical - i128::from(rules.edge_min));
            prop_assert!(x.ask == PRICE_NONE || bid.price < x.ask);
            prop_assert!(i128::from(x.position) + i128::from(bid.quantity) <= i128::from(rules.position_max));
            let wanted = (theoretical - shift - half_width).min(theoretical - i128::from(rules.edge_min));
            prop_assert!(price <= wanted);
            prop_assert!(x.ask != PRICE_NONE || price > wanted - tick, "no further away than the tick asks for");
        }
        if let Ok(ask) = ask {
            let price = i128::from(ask.price);
            prop_assert!(price >= theoretical + i128::from(rules.edge_min));
            prop_assert!(x.bid == PRICE_NONE || ask.price > x.bid);
            prop_assert!(i128::from(ask.quantity) - i128::from(x.position) <= i128::from(rules.position_max));
            let wanted = (theoretical - shift + half_width).max(theoretical + i128::from(rules.edge_min));
            prop_assert!(price >= wanted);
            prop_assert!(x.bid != PRICE_NONE || price < wanted + tick);
        }
    }

    /// A portfolio turned round shifts by as much the other way.
    #[test]
    fn a_short_portfolio_is_the_mirror_of_a_long_one(rules in any_rules(), x in any_inputs()) {
        let mirrored = PortfolioInputs {
            portfolio_delta: x.portfolio_delta.saturating_neg(),
            portfolio_vega: x.portfolio_vega.saturating_neg(),
            position: x.position.saturating_neg(),
            ..x
        };
        let (here, there) = (portfolio_model(&rules, &x), portfolio_model(&rules, &mirrored));
        prop_assert_eq!(here.half_width, there.half_width);
        prop_assert_eq!(here.shift, -there.shift);
    }
}
