//! Relations of every kind that `[wide]` makes, and a listing that is quoted upside-down, by the device.

use engine::control::wide_plan::WidePlan;

use crate::day::{alone, config_with, generated_day, is_the_same_on_the_device};
use crate::failover::{FOR_GOOD, freezes_change_nothing};

/// The day's symbols as currencies, options, a fund and a future: most of it means nothing, and its arithmetic is the same. The
/// last symbol is quoted upside-down at one venue, in contracts of 100 dollars.
const KINDS: &str = r#"
    [[wide.listings]]
    venue = "BX"
    symbol = "<4>"
    inverse = true
    unit_e9 = 100_000_000_000
    fee_unit_e9 = 1_000
    [[wide.currencies]]
    from = ["USD"]
    legs_max = 3
    markets = [
        { venue = "NASDAQ", symbol = "<0>", base = "A", quote = "USD" },
        { venue = "BX", symbol = "<0>", base = "A", quote = "USD" },
        { venue = "NASDAQ", symbol = "<4>", base = "E", quote = "USD" },
        { venue = "BX", symbol = "<4>", base = "E", quote = "USD" },
        { venue = "BX", symbol = "<1>", base = "E", quote = "A" },
    ]
    [[wide.spreads]]
    venue = "NASDAQ"
    exercise = "european"
    underlying = { venue = "BX", symbol = "<0>" }
    expiries = [
        { discount = { years = 0.1, rate = 0.03 } },
        { discount = { receive_e9 = 980_000_000, pay_e9 = 990_000_000 }, dividends_paid_e9 = 10_000_000 },
    ]
    options = [
        { symbol = "<0>", expiry = 0, strike_e9 = 40_000_000_000, kind = "call" },
        { symbol = "<1>", expiry = 0, strike_e9 = 40_000_000_000, kind = "put" },
        { symbol = "<2>", expiry = 0, strike_e9 = 90_000_000_000, kind = "call" },
        { symbol = "<3>", expiry = 0, strike_e9 = 90_000_000_000, kind = "put" },
        { symbol = "<4>", expiry = 1, strike_e9 = 90_000_000_000, kind = "call" },
    ]
    [[wide.baskets]]
    fund = { venue = "NASDAQ", symbol = "<1>", units = 2 }
    components = [{ venue = "BX", symbol = "<1>", units = 2 }]
    fee_e9 = 1_000_000
    [[wide.baskets]]
    fund = { venue = "NASDAQ", symbol = "<0>", units = 3 }
    components = [
        { venue = "BX", symbol = "<0>", units = 1 },
        { venue = "BX", symbol = "<1>", units = 2 },
        { venue = "BX", symbol = "<2>", units = 1 },
        { venue = "BX", symbol = "<3>", units = 1 },
        { venue = "NASDAQ", symbol = "<1>", units = 1 },
        { venue = "NASDAQ", symbol = "<2>", units = 1 },
        { venue = "NASDAQ", symbol = "<3>", units = 1 },
        { venue = "NASDAQ", symbol = "<4>", units = 1 },
    ]
    [[wide.bases]]
    spot = { venue = "NASDAQ", symbol = "<2>" }
    future = { venue = "BX", symbol = "<2>" }
    discount = { receive_e9 = 999_900_000, pay_e9 = 1_000_000_000 }
    income_e9 = 1_000_000
"#;

#[test]
fn relations_of_every_kind_give_the_same_digests_on_the_emulated_device() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("a directory");
    let inputs = generated_day(directory.path(), 31, 6_000);
    let config = config_with(&inputs, "", KINDS);
    let tables = WidePlan::new(&inputs, &config).expect("a plan").expect("wide work").tables;
    let legs: Vec<u32> = tables.linears().iter().map(|linear| linear.legs_len).collect();
    assert!(tables.relations().len() > 2 && legs.len() > 10, "{} cycles, {legs:?}", tables.relations().len());
    assert!(legs.contains(&9) && tables.inverse().contains(&true), "{legs:?}");
    is_the_same_on_the_device(directory.path(), &inputs, &config);
}

#[test]
fn a_freeze_among_relations_of_every_kind_changes_no_decision() {
    let directory = tempfile::tempdir().expect("a directory");
    let inputs = generated_day(directory.path(), 32, 1_500);
    freezes_change_nothing(&inputs, &config_with(&inputs, FOR_GOOD, KINDS), 3);
}
