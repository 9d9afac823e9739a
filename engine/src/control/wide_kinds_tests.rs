//! What the configuration of relations by kind takes and refuses.

use super::super::wide_config::WideConfig;
use super::*;

/// One of each kind.
const WHOLE: &str = r#"
[[listings]]
venue = "CM"
symbol = "BTCUSD"
unit_e9 = 100000000000
inverse = true
[[currencies]]
from = ["USDT"]
legs_max = 3
markets = [
    { venue = "SPOT", symbol = "BTCUSDT", base = "BTC", quote = "USDT" },
    { venue = "CM", symbol = "BTCUSD", base = "BTC", quote = "USD" },
]
[[spreads]]
venue = "OPRA"
exercise = "american"
underlying = { venue = "NASDAQ", symbol = "GOOG" }
expiries = [
    { discount = { years = 0.25, rate = 0.01 } },
    { discount = { receive_e9 = 990000000, pay_e9 = 990000001 }, dividends_paid_e9 = 5 },
]
options = [
    { symbol = "C750", expiry = 0, strike_e9 = 750000000000, kind = "call" },
    { symbol = "P750", expiry = 1, strike_e9 = 750000000000, kind = "put" },
]
[[baskets]]
fund = { venue = "ARCA", symbol = "QQQ", units = 50000 }
components = [{ venue = "NASDAQ", symbol = "AAPL", units = 300 }]
[[bases]]
spot = { venue = "NASDAQ", symbol = "GOOG" }
future = { venue = "CME", symbol = "GOOGZ5" }
discount = { years = 0.5, rate = 0.02 }
"#;

fn read(text: &str) -> Result<WideConfig, String> {
    let config: WideConfig = toml::from_str(text).map_err(|error| error.to_string())?;
    config.check().map(|()| config)
}

#[test]
fn one_of_each_kind_takes_a_few_lines() {
    let config = read(WHOLE).expect("good settings");
    assert!(!config.is_empty() && config.listings[0].inverse);
    assert_eq!(config.spreads[0].kinds, all_kinds());
    let every: Vec<ChainKind> =
        config.spreads[0].kinds.iter().flat_map(|kind| kind.kinds()).copied().collect();
    assert!(ChainKind::ALL.iter().all(|kind| every.contains(kind)));
    let [first, second] =
        [0, 1].map(|at| config.spreads[0].expiries[at].discount.terms().expect("a discount"));
    assert_eq!(first, Discount { receive_e9: 997_503_121, pay_e9: 997_503_123 });
    assert_eq!(second, Discount { receive_e9: 990_000_000, pay_e9: 990_000_001 });
    let today = DiscountConfig { years: Some(0.0), rate: Some(0.3), ..DiscountConfig::default() };
    assert_eq!(today.terms(), Ok(Discount::NONE));
    let written = toml::to_string(&config).expect("writable");
    assert_eq!(toml::from_str::<WideConfig>(&written).expect("readable"), config, "as in a run's header");
}

#[test]
fn what_is_wrong_is_named() {
    let wrong = |from: &str, to: &str| {
        assert!(WHOLE.contains(from), "{from}");
        read(&WHOLE.replacen(from, to, 1)).expect_err(to)
    };
    for (from, to, said) in [
        (r#"from = ["USDT"]"#, r#"from = ["EUR"]"#, "currencies[0]: from: no market trades EUR"),
        (r#"from = ["USDT"]"#, "from = []", "currencies[0]: from: no currency is given"),
        ("legs_max = 3", "legs_max = 5", "currencies[0]: legs_max is 5; give 2 to 4"),
        (r#"quote = "USDT""#, r#"quote = "BTC""#, "currencies[0]: markets[0]: base and quote are both BTC"),
        ("rate = 0.01", "rate = 7.0", "spreads[0]: expiries[0]: rate is 7; give -0.05 to 1"),
        ("years = 0.25, ", "", "spreads[0]: expiries[0]: discount: give years and rate, or"),
        ("pay_e9 = 990000001", "pay_e9 = 1", "spreads[0]: expiries[1]: pay_e9 is 1; give 990000000 to"),
        ("dividends_paid_e9 = 5", "dividends_received_e9 = 5", "dividends_received_e9 above"),
        ("expiry = 1", "expiry = 2", "spreads[0]: options[1]: expiry 2 of 2, numbered from 0"),
        (r#"exercise = "american""#, r#"exercise = "asian""#, "unknown variant `asian`"),
        (
            r#"exercise = "american""#,
            "exercise = \"american\"\nkinds = [\"fence\"]",
            "unknown variant `fence`",
        ),
        ("units = 300", "units = 0", "baskets[0]: components[0]: units is 0; give 1 to"),
        (
            r#"venue = "CME", symbol = "GOOGZ5""#,
            r#"venue = "NASDAQ", symbol = "GOOG""#,
            "bases[0]: spot and future are both",
        ),
    ] {
        let error = wrong(from, to);
        assert!(error.contains(said), "{error:?} does not say {said:?}");
    }
}
