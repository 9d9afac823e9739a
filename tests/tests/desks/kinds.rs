//! Every kind of relation, from a few lines of configuration to what is found and sent. Each test works its amounts out by hand;
//! a quantity unit costs a cent wherever it is taken, unless it says otherwise.

use crate::day::{Done, Shown, run};

/// A decimal amount, 1e-9.
fn e9(amount: &str) -> i128 {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    format!("{whole}{fraction:0<9}").parse().expect("a decimal amount")
}

/// What is expected of a hit: kind, legs (action, quantity, symbol, price), what goes in, what comes out.
struct Expected<'a> {
    kind: &'a str,
    legs: &'a [(&'static str, u64, &'a str, &'a str)],
    into: &'a str,
    out: &'a str,
}

/// Nothing is found until the last change, then exactly this, and all of it is sent and filled.
fn expect(shown: &[Shown<'_>], later: &[Shown<'_>], wide: &str, expected: &Expected<'_>) {
    let calm = run(shown, &[], wide);
    assert!(calm.found.is_empty() && calm.orders.is_empty(), "{:?}", calm.found);
    let Done { found, orders, fills } = run(shown, later, wide);
    let [hit] = &found[..] else { panic!("one hit, not {found:?}") };
    println!("{hit}");
    assert_eq!(hit.kind, expected.kind);
    let legs = expected.legs.iter().map(|&(way, quantity, symbol, price)| {
        (way, quantity, symbol.to_owned(), i64::try_from(e9(price)).expect("a price"))
    });
    let legs: Vec<_> = legs.collect();
    let of_hit = hit.legs.iter().map(|leg| {
        let symbol = leg.place.strip_suffix("@NASDAQ").expect("the venue").to_owned();
        let (price, _) = leg.prices_e9.expect("known prices");
        (if leg.sells { "sell" } else { "buy" }, leg.quantity, symbol, price)
    });
    assert_eq!(of_hit.collect::<Vec<_>>(), legs);
    assert_eq!((hit.into_e9, hit.out_e9), (e9(expected.into), e9(expected.out)));
    assert_eq!(orders, legs);
    assert_eq!(fills, legs.len() as u64);
}

/// `[[wide.spreads]]` of these kinds over options on 100 shares each.
fn spreads(kinds: &str, underlying: bool, expiries: &str, options: &[(&str, usize, u64, &str)]) -> String {
    let options: Vec<_> = options
        .iter()
        .map(|(symbol, expiry, strike, kind)| {
            let strike = strike * 1_000_000_000;
            format!("{{ symbol = \"{symbol}\", expiry = {expiry}, strike_e9 = {strike}, kind = \"{kind}\" }}")
        })
        .collect();
    let underlying = if underlying { "underlying = { venue = \"NASDAQ\", symbol = \"U\" }\n" } else { "" };
    format!(
        "[[wide.spreads]]\nvenue = \"NASDAQ\"\nexercise = \"european\"\nkinds = [\"{kinds}\"]\nunit_e9 = 100000000000\n\
         {underlying}expiries = [{expiries}]\noptions = [{}]\n",
        options.join(", ")
    )
}

/// An expiry at whose discount 1 is worth so much, 1e-9.
fn discounted(e9: u64) -> String {
    format!("{{ discount = {{ receive_e9 = {e9}, pay_e9 = {e9} }} }}")
}

/// U, and a call and a put on it at 100; the strike's present value is 99, so that the call is worth 1 more.
const PARITY: [Shown<'static>; 3] =
    [("U", 100.00, 1_000, 100.02, 1_000), ("C", 5.00, 20, 5.10, 20), ("P", 3.90, 20, 4.00, 20)];

fn parity() -> String {
    let options = [("C", 0, 100, "call"), ("P", 0, 100, "put")];
    spreads("parity", true, &discounted(990_000_000), &options)
}

#[test]
fn a_conversion() {
    // A copy: 100 shares at 100.02 + 0.01 and a put at 4.00 go in, 10003.00 + 400.01; a call at 6.50 comes out, 649.99, and
    // the strike, 9900. Seven calls are bid for.
    let legs = [("buy", 700, "U", "100.02"), ("buy", 7, "P", "4.00"), ("sell", 7, "C", "6.50")];
    let expected = Expected { kind: "conversion", legs: &legs, into: "72821.07", out: "73849.93" };
    expect(&PARITY, &[("C", 6.50, 7, 6.60, 20)], &parity(), &expected);
}

#[test]
fn a_reversal() {
    // A copy: a put at 5.50, 549.99, and 100 shares at 100.00 - 0.01, 9999.00, come out; a call at 5.10, 510.01, goes in,
    // and the strike, 9900. There are shares for ten copies.
    let legs = [("sell", 1_000, "U", "100.00"), ("sell", 10, "P", "5.50"), ("buy", 10, "C", "5.10")];
    let expected = Expected { kind: "reversal", legs: &legs, into: "104100.1", out: "105489.9" };
    expect(&PARITY, &[("P", 5.50, 20, 5.60, 20)], &parity(), &expected);
}

#[test]
fn a_conversion_with_a_future() {
    // What is paid for a future is paid at expiry: a unit at 100.02 + 0.01 counts 0.98 of it, and the fee, which is paid
    // today, 0.0002 more: 100 of them 9802.94 and 0.02. Puts 510.01. A call brings 649.99, and the strike 9800.
    let future = "{ discount = { receive_e9 = 980000000, pay_e9 = 980000000 }, future = { venue = \"NASDAQ\", symbol = \"F\" } }";
    let wide = spreads("conversion", false, future, &[("C", 0, 100, "call"), ("P", 0, 100, "put")]);
    let shown = [("F", 100.00, 1_000, 100.02, 1_000), ("C", 5.00, 20, 5.10, 20), ("P", 5.00, 20, 5.10, 20)];
    let legs = [("buy", 200, "F", "100.02"), ("buy", 2, "P", "5.10"), ("sell", 2, "C", "6.50")];
    let expected = Expected { kind: "conversion", legs: &legs, into: "20625.90", out: "20899.94" };
    expect(&shown, &[("C", 6.50, 2, 6.60, 20)], &wide, &expected);
}

#[test]
fn a_box() {
    // A copy: the call at 100 for 810.01 and the put at 110 for 890.01 go in; the call at 110 for 349.99 and the put at 100
    // for 399.99 come out, and ten a share, 980 now.
    let options =
        [("C1", 0, 100, "call"), ("P1", 0, 100, "put"), ("C2", 0, 110, "call"), ("P2", 0, 110, "put")];
    let wide = spreads("box", false, &discounted(980_000_000), &options);
    let shown = [
        ("C1", 8.00, 20, 8.10, 20),
        ("P1", 4.00, 20, 4.10, 20),
        ("C2", 3.00, 20, 3.10, 20),
        ("P2", 8.80, 20, 8.90, 20),
    ];
    let legs = [
        ("buy", 5, "C1", "8.10"),
        ("sell", 5, "C2", "3.50"),
        ("buy", 5, "P2", "8.90"),
        ("sell", 5, "P1", "4.00"),
    ];
    let expected = Expected { kind: "box", legs: &legs, into: "8500.10", out: "8649.90" };
    expect(&shown, &[("C2", 3.50, 5, 3.60, 20)], &wide, &expected);
}

#[test]
fn a_vertical() {
    // The call of the higher strike is bid at 8.30, 829.99, where that of the lower one costs 810.01.
    let wide = spreads(
        "vertical",
        false,
        &discounted(980_000_000),
        &[("C1", 0, 100, "call"), ("C2", 0, 110, "call")],
    );
    let shown = [("C1", 8.00, 20, 8.10, 20), ("C2", 3.00, 20, 3.10, 20)];
    let legs = [("buy", 3, "C1", "8.10"), ("sell", 3, "C2", "8.30")];
    let expected = Expected { kind: "vertical", legs: &legs, into: "2430.03", out: "2489.97" };
    expect(&shown, &[("C2", 8.30, 3, 8.40, 20)], &wide, &expected);
}

#[test]
fn a_butterfly() {
    // Strikes 100, 110 and 130: 2, 3 and 1 of them. A copy: 2 x 1210.01 + 210.01 go in, 3 x 899.99 come out. Five of the
    // lowest are offered, enough for two.
    let options = [("C1", 0, 100, "call"), ("C2", 0, 110, "call"), ("C3", 0, 130, "call")];
    let wide = spreads("butterfly", false, &discounted(980_000_000), &options);
    let shown = [("C1", 12.00, 5, 12.10, 5), ("C2", 7.00, 10, 7.10, 10), ("C3", 2.00, 20, 2.10, 20)];
    let legs = [("buy", 4, "C1", "12.10"), ("sell", 6, "C2", "9.00"), ("buy", 2, "C3", "2.10")];
    let expected = Expected { kind: "butterfly", legs: &legs, into: "5260.06", out: "5399.94" };
    expect(&shown, &[("C2", 9.00, 10, 9.10, 10)], &wide, &expected);
}

#[test]
fn a_calendar() {
    // The call of the nearer expiry is bid at 6.50, 649.99, where that of the later one costs 610.01.
    let expiries = format!("{}, {}", discounted(990_000_000), discounted(980_000_000));
    let wide = spreads("calendar", false, &expiries, &[("C1", 0, 100, "call"), ("C2", 1, 100, "call")]);
    let shown = [("C1", 5.00, 20, 5.10, 20), ("C2", 6.00, 20, 6.10, 20)];
    let legs = [("buy", 4, "C2", "6.10"), ("sell", 4, "C1", "6.50")];
    let expected = Expected { kind: "calendar", legs: &legs, into: "2440.04", out: "2599.96" };
    expect(&shown, &[("C1", 6.50, 4, 6.60, 20)], &wide, &expected);
}

#[test]
fn an_exercise_value() {
    // A call at 90 for 9.50, 950.01, and the strike, 9000, go in; 100 shares at 100.00 - 0.01 come out.
    let wide = spreads("exercise-value", true, &discounted(1_000_000_000), &[("C", 0, 90, "call")]);
    let shown = [("U", 100.00, 1_000, 100.02, 1_000), ("C", 10.00, 20, 10.10, 20)];
    let legs = [("sell", 300, "U", "100.00"), ("buy", 3, "C", "9.50")];
    let expected = Expected { kind: "exercise-value", legs: &legs, into: "29850.03", out: "29997" };
    expect(&shown, &[("C", 9.40, 20, 9.50, 3)], &wide, &expected);
}

/// 100 of the fund are 50 A, 200 B and 10 of money; making or redeeming them costs 5.
const BASKET: &str = r#"
[[wide.baskets]]
fund = { venue = "NASDAQ", symbol = "ETF", units = 100 }
components = [{ venue = "NASDAQ", symbol = "A", units = 50 }, { venue = "NASDAQ", symbol = "B", units = 200 }]
cash_e9 = 10000000000
fee_e9 = 5000000000
"#;

const FUND: [Shown<'static>; 3] =
    [("ETF", 20.05, 1_000, 20.15, 1_000), ("A", 20.00, 1_000, 20.02, 1_000), ("B", 5.00, 500, 5.02, 500)];

#[test]
fn a_fund_is_made() {
    // A copy: 50 x 20.03 + 200 x 5.03 + 10 + 5 go in, 100 x 20.49 come out. B is there for two.
    let legs = [("buy", 100, "A", "20.02"), ("buy", 400, "B", "5.02"), ("sell", 200, "ETF", "20.50")];
    let expected = Expected { kind: "basket", legs: &legs, into: "4045", out: "4098" };
    expect(&FUND, &[("ETF", 20.50, 350, 20.60, 1_000)], BASKET, &expected);
}

#[test]
fn a_fund_is_redeemed() {
    // A copy: 100 x 19.81 go in; 50 x 19.99 + 200 x 4.99 + 10 - 5 come out.
    let legs = [("sell", 100, "A", "20.00"), ("sell", 400, "B", "5.00"), ("buy", 200, "ETF", "19.80")];
    let expected = Expected { kind: "basket", legs: &legs, into: "3962", out: "4005" };
    expect(&FUND, &[("ETF", 19.70, 350, 19.80, 1_000)], BASKET, &expected);
}

/// A future on S; 1 at its delivery is worth 0.99.
const BASIS: &str = r#"
[[wide.bases]]
spot = { venue = "NASDAQ", symbol = "S" }
future = { venue = "NASDAQ", symbol = "F" }
discount = { receive_e9 = 990000000, pay_e9 = 990000000 }
"#;

const CARRY: [Shown<'static>; 2] = [("S", 100.00, 500, 100.02, 500), ("F", 101.00, 300, 101.10, 300)];

#[test]
fn a_cash_and_carry() {
    // 100.03 goes in today, and 0.0001 of the future's fee, which is not discounted; (102.00 - 0.01) x 0.99 comes out.
    let legs = [("buy", 300, "S", "100.02"), ("sell", 300, "F", "102.00")];
    let expected = Expected { kind: "basis", legs: &legs, into: "30009.03", out: "30291.03" };
    expect(&CARRY, &[("F", 102.00, 300, 102.10, 300)], BASIS, &expected);
}

#[test]
fn a_reverse_cash_and_carry() {
    // 99.99 comes out; (99.00 + 0.01) x 0.99 + 0.0001 goes in.
    let legs = [("sell", 200, "S", "100.00"), ("buy", 200, "F", "99.00")];
    let expected = Expected { kind: "basis", legs: &legs, into: "19604", out: "19998" };
    expect(&CARRY, &[("F", 98.90, 300, 99.00, 200)], BASIS, &expected);
}

/// `[[wide.listings]]` of a pair of coins: hundredths of a coin, and a thousandth of what is traded is the fee.
fn coin(symbol: &str) -> String {
    format!(
        "[[wide.listings]]\nvenue = \"NASDAQ\"\nsymbol = \"{symbol}\"\nunit_e9 = 10000000\nfee_ppb = 1000000\nfee_unit_e9 = 0\n"
    )
}

/// `[[wide.currencies]]`: cycles from USDT through markets, each a symbol, its base and its quote.
fn currencies(legs_max: usize, markets: &[[&str; 3]]) -> String {
    let market = |[symbol, base, quote]: &[&str; 3]| {
        format!("{{ venue = \"NASDAQ\", symbol = \"{symbol}\", base = \"{base}\", quote = \"{quote}\" }}")
    };
    let markets: Vec<_> = markets.iter().map(market).collect();
    let markets = markets.join(", ");
    format!("[[wide.currencies]]\nfrom = [\"USDT\"]\nlegs_max = {legs_max}\nmarkets = [{markets}]\n")
}

#[test]
fn a_cycle_of_currencies() {
    let markets = [["BTCUSDT", "BTC", "USDT"], ["ETHBTC", "ETH", "BTC"], ["ETHUSDT", "ETH", "USDT"]];
    let wide = markets.map(|[symbol, ..]| coin(symbol)).concat() + &currencies(3, &markets);
    let shown = [
        ("BTCUSDT", 60_000.0, 50, 60_001.0, 50),
        ("ETHBTC", 0.0500, 2_000, 0.0501, 2_000),
        ("ETHUSDT", 3_000.0, 2_000, 3_000.5, 2_000),
    ];
    // Units are hundredths of a coin, a thousandth of what is traded is the fee. 4 ETH are bid for, which are at most 400 units
    // x 0.000501501 = 0.2006004 BTC, 20 units of it: these cost 20 x 600.61001 USDT. 0.20 BTC buy 398 units of ETH (0.199597398
    // BTC), and those bring 398 x 30.969.
    let legs =
        [("buy", 20, "BTCUSDT", "60001"), ("buy", 398, "ETHBTC", "0.0501"), ("sell", 398, "ETHUSDT", "3100")];
    let expected = Expected { kind: "cycle", legs: &legs, into: "12012.2002", out: "12325.662" };
    expect(&shown, &[("ETHUSDT", 3_100.0, 400, 3_101.0, 2_000)], &wide, &expected);
}

#[test]
fn a_cycle_through_an_inverse_contract() {
    let perpetual = "[[wide.listings]]\nvenue = \"NASDAQ\"\nsymbol = \"BTCPERP\"\nunit_e9 = 100000000000\nfee_unit_e9 = 0\n\
                     inverse = true\n";
    let markets = [["BTCUSDT", "BTC", "USDT"], ["BTCPERP", "BTC", "USDT"]];
    let wide = coin("BTCUSDT") + perpetual + &currencies(2, &markets);
    let shown = [("BTCUSDT", 60_000.0, 50, 60_001.0, 50), ("BTCPERP", 60_000.0, 300, 60_001.0, 300)];
    // A contract of 100 USDT is bid for at 61,000: it takes 100 / 61,000 = 0.001639345 BTC, rounded up. 300 of them take
    // 0.4918035, 49 hundredths, which cost 49 x 600.61001 USDT; 0.49 BTC are enough for 298 contracts.
    let legs = [("buy", 49, "BTCUSDT", "60001"), ("sell", 298, "BTCPERP", "61000")];
    let expected = Expected { kind: "cycle", legs: &legs, into: "29429.89049", out: "29800" };
    expect(&shown, &[("BTCPERP", 61_000.0, 300, 61_001.0, 300)], &wide, &expected);
}
