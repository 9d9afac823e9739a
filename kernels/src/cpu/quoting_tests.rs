//! Tests of the quoting computations: known answers, an f64 oracle of the papers' formula, and the invariants of a
//! passive quote.

use super::*;
use proptest::prelude::*;

const TICK: i64 = 10_000_000;

fn parameters() -> QuoteParameters {
    let glft = GlftConstants::new(&GlftParameters {
        risk_aversion_1e9: 100_000_000,
        intensity_decay_1e9: 1_500_000_000,
        intensity_1e9: 2_000_000_000,
        tick: TICK,
    })
    .expect("parameters in range");
    QuoteParameters {
        glft,
        tick: TICK,
        quantity_increment: 1,
        quote_quantity: 100,
        position_max: 1_000,
        half_spread_min: TICK / 2,
        sigma_min: 0,
    }
}

fn inputs() -> QuoteInputs {
    QuoteInputs {
        microprice: 100_003_000_000,
        sigma: 20_000_000,
        position: 0,
        own_bid: PRICE_NONE,
        own_ask: PRICE_NONE,
        away_bid: PRICE_NONE,
        away_ask: PRICE_NONE,
    }
}

/// The closed form as the papers write it: half spread in ticks and `c` in square roots of a second.
fn glft_f64(p: &GlftParameters) -> (f64, f64) {
    let scale = GLFT_SCALE as f64;
    let gamma = p.risk_aversion_1e9 as f64 / scale;
    let k = p.intensity_decay_1e9 as f64 / scale;
    let a = p.intensity_1e9 as f64 / scale;
    let r = gamma / k;
    let c = (gamma / (2.0 * k * a) * (r.ln_1p() * (1.0 + 1.0 / r)).exp()).sqrt();
    (r.ln_1p() / gamma, c)
}

#[test]
fn known_answer_of_the_constants() {
    // gamma 0.1, k 1.5, A 2: ln(1 + 1/15) / 0.1 = 0.6453852 ticks;
    // sqrt(0.1 / 6 * (16/15)^16) = sqrt(0.016666667 * 2.808403) = 0.2163486.
    let glft = parameters().glft;
    assert!((glft.half_spread - 6_453_852).abs() <= 1, "{}", glft.half_spread);
    let c = glft.skew_per_sigma_q48 as f64 / 2f64.powi(48);
    assert!((c - 0.216_348_6).abs() < 1e-6, "{c}");
}

#[test]
fn constants_refuse_what_is_out_of_range() {
    let good = GlftParameters {
        risk_aversion_1e9: 1_000_000,
        intensity_decay_1e9: GLFT_SCALE,
        intensity_1e9: GLFT_SCALE,
        tick: TICK,
    };
    assert!(GlftConstants::new(&good).is_ok());
    let bad = |change: fn(&mut GlftParameters)| {
        let mut p = good;
        change(&mut p);
        GlftConstants::new(&p).expect_err("out of range")
    };
    assert_eq!(bad(|p| p.risk_aversion_1e9 = 0), GlftError::RiskAversion);
    assert_eq!(bad(|p| p.risk_aversion_1e9 = 999), GlftError::RiskAversion);
    assert_eq!(bad(|p| p.risk_aversion_1e9 = u64::MAX), GlftError::RiskAversion);
    assert_eq!(bad(|p| p.intensity_decay_1e9 = 0), GlftError::IntensityDecay);
    assert_eq!(bad(|p| p.intensity_decay_1e9 = u64::MAX), GlftError::IntensityDecay);
    assert_eq!(bad(|p| p.intensity_1e9 = 0), GlftError::Intensity);
    assert_eq!(bad(|p| p.intensity_1e9 = u64::MAX), GlftError::Intensity);
    assert_eq!(bad(|p| p.tick = 0), GlftError::Tick);
    assert_eq!(bad(|p| p.tick = i64::MAX), GlftError::Tick);
}

#[test]
fn microprice_leans_to_the_thin_side() {
    assert_eq!(microprice(100, 300, 104, 100, 10), 103);
    assert_eq!(microprice(100, 100, 104, 300, 10), 101);
    assert_eq!(microprice(100, 0, 104, 0, 10), 102);
    assert_eq!(microprice(100, 5, 100, 9, 10), 100);
    assert_eq!(microprice(100, u64::MAX, 104, u64::MAX, 10), 102);
    assert_eq!(microprice(i64::MIN + 1, u64::MAX, i64::MAX, u64::MAX, i64::MAX), PRICE_NONE);
    assert_eq!(microprice(PRICE_NONE, 0, 104, 5, 10), PRICE_NONE);
    assert_eq!(microprice(100, 5, PRICE_NONE, 0, 10), PRICE_NONE);
    assert_eq!(microprice(105, 5, 104, 5, 10), PRICE_NONE);
    assert_eq!(microprice(100, 5, 111, 5, 10), PRICE_NONE);
}

#[test]
fn a_flat_position_is_quoted_around_the_microprice() {
    // Half spread 6,453,852 + 20,000,000 * 0.2163486 / 2 = 8,617,338: 99.994382... down, 100.011617... up.
    let q = quotes(&parameters(), &inputs());
    assert_eq!(q.bid, Ok(Target { price: 99_990_000_000, quantity: 100 }));
    assert_eq!(q.ask, Ok(Target { price: 100_020_000_000, quantity: 100 }));
}

#[test]
fn no_volatility_or_no_reference_is_no_quote() {
    let q = quotes(&parameters(), &QuoteInputs { sigma: SIGMA_NONE, ..inputs() });
    assert_eq!((q.bid, q.ask), (Err(NoQuote::WarmUp), Err(NoQuote::WarmUp)));
    let q = quotes(&parameters(), &QuoteInputs { microprice: PRICE_NONE, ..inputs() });
    assert_eq!((q.bid, q.ask), (Err(NoQuote::NoReference), Err(NoQuote::NoReference)));
}

#[test]
fn at_the_position_limit_only_the_reducing_side_is_quoted() {
    let at = |position| quotes(&parameters(), &QuoteInputs { position, ..inputs() });
    assert_eq!(at(1_000).bid, Err(NoQuote::PositionLimit));
    assert_eq!(at(1_000).ask.map(|t| t.quantity), Ok(100));
    assert_eq!(at(-1_000).ask, Err(NoQuote::PositionLimit));
    assert_eq!(at(-1_000).bid.map(|t| t.quantity), Ok(100));
    assert_eq!(at(960).bid.map(|t| t.quantity), Ok(40));
    assert_eq!(at(5_000).bid, Err(NoQuote::PositionLimit));
    let lots = QuoteParameters { quantity_increment: 50, ..parameters() };
    let q = quotes(&lots, &QuoteInputs { position: -960, ..inputs() });
    assert_eq!(q.ask, Err(NoQuote::PositionLimit), "40 is not a whole increment");
}

#[test]
fn the_bid_stays_below_every_offer_and_the_offer_above_every_bid() {
    let x = QuoteInputs { own_ask: 99_990_000_000, away_ask: 99_975_000_000, ..inputs() };
    assert_eq!(quotes(&parameters(), &x).bid.map(|t| t.price), Ok(99_970_000_000));
    let x = QuoteInputs { own_bid: 100_020_000_000, away_bid: 100_035_000_000, ..inputs() };
    assert_eq!(quotes(&parameters(), &x).ask.map(|t| t.price), Ok(100_040_000_000));
}

#[test]
fn the_smallest_half_spread_and_volatility_hold() {
    let wide = QuoteParameters { half_spread_min: 10 * TICK, ..parameters() };
    let q = quotes(&wide, &inputs());
    assert_eq!(q.bid.map(|t| t.price), Ok(99_900_000_000));
    assert_eq!(q.ask.map(|t| t.price), Ok(100_110_000_000));
    let floor = QuoteParameters { sigma_min: 20_000_000, ..parameters() };
    let quiet = QuoteInputs { sigma: 0, position: 300, ..inputs() };
    let same = QuoteInputs { position: 300, ..inputs() };
    assert_eq!(quotes(&floor, &quiet), quotes(&parameters(), &same));
}

#[test]
fn prices_that_are_not_positive_are_not_quoted() {
    let penny = QuoteInputs { microprice: TICK, ..inputs() };
    let q = quotes(&parameters(), &penny);
    assert_eq!(q.bid, Err(NoQuote::PriceOutOfRange));
    assert_eq!(q.ask.map(|t| t.price), Ok(2 * TICK));
}

fn any_glft() -> impl Strategy<Value = GlftParameters> {
    // Log-uniform over the documented ranges: gamma/k in 1e-6..1e3, k in 1e-3..1e3, A in 1e-3..1e5.
    (-6.0f64..3.0, -3.0f64..3.0, -3.0f64..5.0, 1i64..1 << 37).prop_filter_map(
        "in range after rounding",
        |(r, k, a, tick)| {
            let scaled = |exponent: f64| (10f64.powf(exponent) * GLFT_SCALE as f64) as u64;
            let p = GlftParameters {
                risk_aversion_1e9: scaled(r + k),
                intensity_decay_1e9: scaled(k),
                intensity_1e9: scaled(a),
                tick,
            };
            GlftConstants::new(&p).is_ok().then_some(p)
        },
    )
}

fn any_inputs() -> impl Strategy<Value = QuoteInputs> {
    let price = || prop_oneof![1 => Just(PRICE_NONE), 8 => (90_000..110_000i64, 0..3i64).prop_map(|(t, odd)| t * 1_000_000 + odd)];
    (
        90_000_000_000i64..110_000_000_000,
        0u64..1_000_000_000,
        -3_000i64..3_000,
        price(),
        price(),
        price(),
        price(),
    )
        .prop_map(|(microprice, sigma, position, own_bid, own_ask, away_bid, away_ask)| QuoteInputs {
            microprice,
            sigma,
            position,
            own_bid,
            own_ask,
            away_bid,
            away_ask,
        })
}

proptest! {
    #[test]
    fn constants_agree_with_f64(p in any_glft(), sigma in 1_000u64..10_000_000_000) {
        let glft = GlftConstants::new(&p).expect("filtered");
        let (ticks, c) = glft_f64(&p);
        let half_spread = ticks * p.tick as f64;
        prop_assert!(
            (glft.half_spread as f64 - half_spread).abs() <= 2.0 + 1e-6 * half_spread,
            "half spread {} against {half_spread}", glft.half_spread
        );
        let skew = c * sigma as f64;
        prop_assert!(
            (glft.skew(sigma) as f64 - skew).abs() <= 2.0 + 1e-6 * skew,
            "skew {} against {skew}", glft.skew(sigma)
        );
    }

    #[test]
    fn quotes_agree_with_the_papers_distances(
        p in any_glft(), sigma in 0u64..200_000_000, position in -1_000i64..=1_000,
    ) {
        let tick = 10_000;
        let p = GlftParameters { tick, ..p };
        let q = QuoteParameters {
            glft: GlftConstants::new(&p).expect("the tick does not matter to the range"),
            tick,
            half_spread_min: 0,
            position_max: 10_000,
            ..parameters()
        };
        let x = QuoteInputs { microprice: 1_000_000_000_000_000, sigma, position, ..inputs() };
        let (ticks, c) = glft_f64(&p);
        let n = position as f64 / 100.0;
        let skew = c * sigma as f64;
        let bid = x.microprice as f64 - (ticks * tick as f64 + (2.0 * n + 1.0) / 2.0 * skew);
        let ask = x.microprice as f64 + (ticks * tick as f64 - (2.0 * n - 1.0) / 2.0 * skew);
        let tolerance = 20.0 + 1e-6 * (skew * (n.abs() + 1.0) + ticks * tick as f64);
        let got = quotes(&q, &x);
        if let Ok(t) = got.bid {
            let below = bid - t.price as f64;
            prop_assert!(below >= -tolerance && below <= tick as f64 + tolerance, "{} against {bid}", t.price);
            prop_assert_eq!(t.price % tick, 0);
        }
        if let Ok(t) = got.ask {
            let above = t.price as f64 - ask;
            prop_assert!(above >= -tolerance && above <= tick as f64 + tolerance, "{} against {ask}", t.price);
            prop_assert_eq!(t.price % tick, 0);
        }
    }

    #[test]
    fn more_inventory_lowers_both_quotes(x in any_inputs(), more in 1i64..2_000) {
        let p = QuoteParameters { position_max: 1_000_000, ..parameters() };
        let (less, more) = (quotes(&p, &x), quotes(&p, &QuoteInputs { position: x.position + more, ..x }));
        if let (Ok(a), Ok(b)) = (less.bid, more.bid) {
            prop_assert!(b.price <= a.price);
        }
        if let (Ok(a), Ok(b)) = (less.ask, more.ask) {
            prop_assert!(b.price <= a.price);
        }
    }

    #[test]
    fn the_mirrored_market_gives_the_mirrored_quotes(x in any_inputs()) {
        const CENTRE: i64 = 200_000_000_000;
        let mirror = |price: i64| if price == PRICE_NONE { PRICE_NONE } else { CENTRE - price };
        let mirrored = QuoteInputs {
            microprice: CENTRE - x.microprice,
            sigma: x.sigma,
            position: -x.position,
            own_bid: mirror(x.own_ask),
            own_ask: mirror(x.own_bid),
            away_bid: mirror(x.away_ask),
            away_ask: mirror(x.away_bid),
        };
        let (a, b) = (quotes(&parameters(), &x), quotes(&parameters(), &mirrored));
        let flip = |t: Result<Target, NoQuote>| t.map(|t| Target { price: CENTRE - t.price, ..t });
        prop_assert_eq!(a.bid, flip(b.ask));
        prop_assert_eq!(a.ask, flip(b.bid));
    }

    #[test]
    fn a_quote_is_passive_on_the_tick_and_within_the_limit(x in any_inputs()) {
        let p = parameters();
        let q = quotes(&p, &x);
        if let Ok(bid) = q.bid {
            prop_assert_eq!(bid.price % TICK, 0);
            prop_assert!(x.own_ask == PRICE_NONE || bid.price < x.own_ask);
            prop_assert!(x.away_ask == PRICE_NONE || bid.price < x.away_ask);
            prop_assert!(bid.quantity >= 1 && x.position + bid.quantity as i64 <= 1_000);
        }
        if let Ok(ask) = q.ask {
            prop_assert_eq!(ask.price % TICK, 0);
            prop_assert!(x.own_bid == PRICE_NONE || ask.price > x.own_bid);
            prop_assert!(x.away_bid == PRICE_NONE || ask.price > x.away_bid);
            prop_assert!(ask.quantity >= 1 && x.position - ask.quantity as i64 >= -1_000);
        }
        if let (Ok(bid), Ok(ask)) = (q.bid, q.ask) {
            prop_assert!(bid.price < ask.price);
        }
    }

    #[test]
    fn microprice_lies_inside_and_mirrors(
        bid in -1_000_000_000i64..1_000_000_000, spread in 0i64..1_000_000, b in any::<u64>(), a in any::<u64>(),
    ) {
        let ask = bid + spread;
        let price = microprice(bid, b, ask, a, i64::MAX);
        prop_assert!((bid..=ask).contains(&price));
        let mirrored = microprice(-ask, a, -bid, b, i64::MAX);
        prop_assert!((price + mirrored).abs() <= 1, "truncation moves it by at most one unit");
        if a as u128 + b as u128 > 0 {
            let exact = bid as f64 + spread as f64 * (b as f64 / (a as f64 + b as f64));
            prop_assert!((price as f64 - exact).abs() <= 1.5);
        }
    }

    #[test]
    fn no_input_makes_it_panic(
        microprice in any::<i64>(), sigma in any::<u64>(), position in any::<i64>(),
        prices in any::<[i64; 4]>(), bid in any::<[u64; 2]>(),
    ) {
        let [own_bid, own_ask, away_bid, away_ask] = prices;
        let x = QuoteInputs { microprice, sigma, position, own_bid, own_ask, away_bid, away_ask };
        let _ = quotes(&parameters(), &x);
        let _ = super::microprice(own_bid, bid[0], own_ask, bid[1], away_bid);
    }
}
