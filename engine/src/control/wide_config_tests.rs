//! What the configuration of wide work takes and refuses.

use super::*;

/// A chain of 250 options, pairs, and a triangle, in a few lines.
const WHOLE: &str = r#"
compute_latency_ns = 3000
[[listings]]
venue = "NASDAQ"
symbol = "AAPL"
lot = 100
fee_ppb = 1000
[[pairs]]
symbols = ["AAPL", "MSFT"]
amount_max_e9 = 1000000000000
profit_min_e9 = 10000000
[[relations]]
legs = [
    { venue = "NASDAQ", symbol = "AAPL", side = "buy" },
    { venue = "BX", symbol = "MSFT", side = "buy" },
    { venue = "BX", symbol = "AAPL", side = "sell" },
]
[[chains]]
venue = "NASDAQ"
symbol = "AAPL"
expiries = [{ years = 0.1, rate = 0.03 }, { years = 0.5, carry = 1.01, discount = 0.98 }, { years = 1.0, rate = 0.03, dividend_yield = 0.01 },
            { years = 1.5, rate = 0.03 }, { years = 2, rate = 0.03 }]
strikes = { from_e9 = 88000000000, to_e9 = 112000000000, step_e9 = 1000000000, volatility = 0.2 }
"#;

fn read(text: &str) -> Result<WideConfig, String> {
    let config: WideConfig = toml::from_str(text).map_err(|error| error.to_string())?;
    config.check().map(|()| config)
}

#[test]
fn a_chain_of_250_options_takes_a_few_lines() {
    let config = read(WHOLE).expect("good settings");
    let chain = &config.chains[0];
    let strikes: Vec<_> = chain.strikes.as_ref().expect("a grid").iter().collect();
    assert_eq!((strikes.len(), strikes[0], strikes[24]), (25, 88_000_000_000, 112_000_000_000));
    assert_eq!(strikes.len() * chain.expiries.len() * 2, 250);
    assert_eq!(chain.expiries[0].terms(), Ok(ExpiryTerms::Rates { rate: 0.03, dividend_yield: 0.0 }));
    assert_eq!(chain.expiries[1].terms(), Ok(ExpiryTerms::Factors { carry: 1.01, discount: 0.98 }));
    let listing = &config.listings[0];
    assert_eq!((listing.unit_e9, listing.lot, listing.fee_unit_e9), (1_000_000_000, 100, None));
    assert!(!config.is_empty() && WideConfig::default().is_empty());
    let written = toml::to_string(&config).expect("writable");
    assert_eq!(toml::from_str::<WideConfig>(&written).expect("readable"), config, "as in a run's header");
}

#[test]
fn what_is_out_of_range_is_named() {
    let wrong = |from: &str, to: &str| {
        assert!(WHOLE.contains(from), "{from}");
        read(&WHOLE.replacen(from, to, 1)).expect_err(to)
    };
    for (from, to, said) in [
        ("compute_latency_ns = 3000", "compute_latency_ns = 0", "compute_latency_ns is 0; give 1 to"),
        ("compute_latency_ns = 3000", "min_speedup = nan", "min_speedup is NaN"),
        ("compute_latency_ns = 3000", "unanswered_max = 0", "unanswered_max is 0"),
        ("lot = 100", "lot = 0", "listings[0]: lot is 0"),
        ("fee_ppb = 1000", "fee_ppb = 1000000001", "listings[0]: fee_ppb"),
        ("symbols = [\"AAPL\", \"MSFT\"]", "symbols = []", "pairs[0]: symbols"),
        ("profit_min_e9 = 10000000", "profit_min_e9 = 0", "pairs[0]: profit_min_e9 is 0"),
        ("amount_max_e9 = 1000000000000", "amount_max_e9 = 9000000000000000000", "pairs[0]: amount_max_e9"),
        (
            "venue = \"BX\", symbol = \"AAPL\"",
            "venue = \"NASDAQ\", symbol = \"AAPL\"",
            "legs[2]: AAPL at NASDAQ",
        ),
        ("rate = 0.03", "rate = 30", "chains[0]: expiries[0]: rate is 30"),
        ("rate = 0.03", "rate = 0.03, carry = 1", "give rate (and dividend_yield), or carry and discount"),
        ("rate = 0.03", "dividend_yield = 0.03", "give rate (and dividend_yield), or carry and discount"),
        ("discount = 0.98", "discount = inf", "expiries[1]: discount is inf"),
        ("years = 0.1", "years = -0.1", "expiries[0]: years is -0.1"),
        ("from_e9 = 88000000000", "from_e9 = 0", "strikes: from_e9 is 0"),
        ("to_e9 = 112000000000", "to_e9 = 1", "strikes: to_e9 is 1"),
        ("step_e9 = 1000000000", "step_e9 = 1", "the number of strikes is 24000000000"),
        ("volatility = 0.2", "volatility = -0.2", "strikes: volatility is -0.2"),
        ("side = \"buy\"", "side = \"hold\"", "hold"),
        ("lot = 100", "lots = 100", "lots"),
    ] {
        let error = wrong(from, to);
        assert!(error.contains(said), "{error:?} does not say {said:?}");
    }
    let chain = "[[chains]]\nvenue = \"A\"\nsymbol = \"B\"\nexpiries = [{ years = 1, rate = 0 }]\n";
    assert!(read(chain).expect_err("empty").contains("chains[0]: it has no options"));
    let option = |expiry: u32| {
        format!(
            "{chain}options = [{{ expiry = {expiry}, strike_e9 = 5, kind = \"put\", volatility = 0.1 }}]\n"
        )
    };
    assert!(read(&option(0)).is_ok());
    assert!(read(&option(1)).expect_err("no such expiry").contains("options[0]: expiry 1 of 1"));
    let quote = format!("{}quote = {{ tick_e9 = 0 }}\n", option(0));
    assert!(read(&quote).expect_err("no tick").contains("chains[0]: quote.tick_e9 is 0"));
}

#[test]
fn legs_of_a_relation_are_two_to_four() {
    let leg = |number: u32| format!("{{ venue = \"A\", symbol = \"{number}\", side = \"sell\" }}");
    for legs in 0..=5 {
        let list: Vec<_> = (0..legs).map(leg).collect();
        let read = read(&format!("[[relations]]\nlegs = [{}]\n", list.join(", ")));
        assert_eq!(read.is_ok(), (2..=4).contains(&legs), "{legs} legs: {read:?}");
    }
}

#[test]
fn a_device_is_used_from_where_all_that_was_measured_is_fast_enough() {
    let line = |work, width, cpu_ns, device_ns| MeasuredConfig { work, width, cpu_ns, device_ns };
    let measured = [
        line(WorkKind::Options, 32, 300, 3_000),
        line(WorkKind::Options, 512, 9_000, 3_000),
        line(WorkKind::Options, 512, 4_000, 3_000),
        line(WorkKind::Options, 1_024, 8_000, 4_000),
        line(WorkKind::Options, 4_096, 30_000, 5_000),
        line(WorkKind::Relations, 4_096, 9_999, 5_000),
    ];
    assert_eq!(crossover(&measured, WorkKind::Options, 2.0), Some(1_024), "one line of 512 is too slow");
    assert_eq!(crossover(&measured, WorkKind::Options, 1.0), Some(512));
    assert_eq!(crossover(&measured, WorkKind::Options, 7.0), None);
    assert_eq!(crossover(&measured, WorkKind::Relations, 2.0), None, "just too slow");
    assert_eq!(crossover(&[], WorkKind::Options, 1.0), None, "nothing was measured");
}

#[test]
fn american_options_need_surfaces_and_symbols_are_one_each() {
    let american =
        WHOLE.replace("symbol = \"AAPL\"\nexpiries", "symbol = \"AAPL\"\nexercise = \"american\"\nexpiries");
    assert!(read(&american).is_err_and(|error| error.contains("[wide.surface]")));
    let config = read(&format!("{american}\n[surface]\nfit_interval_ms = 5\n")).expect("good settings");
    assert_eq!(config.chains[0].exercise, ExerciseConfig::American);
    assert_eq!(read(WHOLE).expect("good settings").chains[0].exercise, ExerciseConfig::European);
    let symbols = |count: usize| {
        let symbols = vec!["\"X\""; count].join(", ");
        read(&WHOLE.replace("volatility = 0.2 }", &format!("volatility = 0.2, symbols = [{symbols}] }}")))
    };
    assert!(symbols(250).is_ok());
    assert!(symbols(249).is_err_and(|error| error.contains("249 symbols for 250 options")));
}
