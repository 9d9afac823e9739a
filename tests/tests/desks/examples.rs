//! The example desks, run as their first lines say.

use std::path::{Path, PathBuf};

use engine::control::config::Config;
use engine::control::hits::{self, Found};
use serde_json::Value;
use warptick_tests::warptick::run;

/// Path of an example.
fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/examples").join(name)
}

/// What a run of an example left.
struct Ran {
    summary: Value,
    journal: PathBuf,
}

/// Runs an example over captures in both topologies, which send the same, and the journal reproduces it.
fn run_example(directory: &Path, name: &str, captures: &[&str]) -> Ran {
    let config = example(name).to_string_lossy().into_owned();
    let runs = ["inline", "split"].map(|topology| {
        let named = |what: &str| directory.join(format!("{topology}.{what}"));
        let (journal, summary) = (named("journal"), named("summary.json"));
        let paths = [&journal, &summary].map(|path| path.to_string_lossy().into_owned());
        let options =
            ["--config", &config, "--topology", topology, "--journal", &paths[0], "--summary", &paths[1]];
        let replayed = run(["replay"].iter().chain(captures).chain(&options));
        assert_eq!(replayed.code, Some(0), "{}\n{}", replayed.stdout, replayed.stderr);
        println!("{}", replayed.stdout);
        let text = std::fs::read_to_string(&summary).expect("a summary");
        Ran { summary: serde_json::from_str(&text).expect("JSON"), journal }
    });
    let [inline, split] = runs;
    for key in ["orders", "fills", "order_stream_sha256", "book_hash", "wide", "accounts"] {
        assert_eq!(inline.summary[key], split.summary[key], "{key}");
    }
    let again = run(["journal", "replay", &inline.journal.to_string_lossy()]);
    assert!(again.stdout.contains("VERDICT: REPRODUCED"), "{}{}", again.stdout, again.stderr);
    inline
}

#[test]
fn equities_at_two_venues_earn() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("day").to_string_lossy().into_owned();
    let made = run(["generate", &out, "--messages", "200000", "--symbols", "200"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let captures = ["nasdaq.itch@NASDAQ", "bx.itch@BX"].map(|file| format!("{out}.{file}"));
    let Ran { summary, journal } =
        run_example(directory.path(), "cross_venue.toml", &[&captures[0], &captures[1]]);
    let found = hits::read(&journal).expect("hits");
    assert!(found.len() > 3 && found.iter().all(|hit| hit.kind == "pair" && hit.profit_e9() >= 500_000_000));
    assert!(summary["fills"].as_u64().expect("a count") > 3, "{}", summary["fills"]);
    let accounts = summary["accounts"].as_array().expect("accounts");
    let sum = |name: &str| -> i64 { accounts.iter().map(|of| of[name].as_i64().expect("an amount")).sum() };
    let profit = sum("realised_e9") + sum("unrealised_e9") - sum("fees_e9");
    println!("{} hits, profit {profit}", found.len());
    assert!(profit > 0, "{accounts:?}");
}

/// `recv_ns json`, best bids and offers: time in ms, symbol, bid, its size, offer, its size.
fn ticker(lines: &[(u64, &str, &str, &str, &str, &str)]) -> String {
    let line = |(update, (at_ms, symbol, bid, bid_size, ask, ask_size)): (
        usize,
        &(u64, &str, &str, &str, &str, &str),
    )| {
        let lower = symbol.to_lowercase();
        format!(
            "{} {{\"stream\":\"{lower}@bookTicker\",\"data\":{{\"u\":{},\"s\":\"{symbol}\",\"b\":\"{bid}\",\"B\":\"{bid_size}\",\
             \"a\":\"{ask}\",\"A\":\"{ask_size}\"}}}}\n",
            1_767_571_200_000_000_000 + at_ms * 1_000_000,
            update + 1,
        )
    };
    lines.iter().enumerate().map(line).collect()
}

#[test]
fn a_triangle_of_coins_is_found_and_traded_both_ways() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("spot");
    // A coin of ETH is worth 3,000 by way of BTC. It is bid for at 3,015, later offered at 2,985: half a percent, of which the
    // fees take three thousandths.
    let calm = ("2999.90", "20.00000000", "3000.10", "20.00000000");
    let eth = |at_ms, (bid, bid_size, ask, ask_size)| (at_ms, "ETHUSDT", bid, bid_size, ask, ask_size);
    let text = ticker(&[
        (0, "BTCUSDT", "20000.00", "2.50000000", "20000.01", "2.50000000"),
        (1, "ETHBTC", "0.15000", "40.00000000", "0.15001", "40.00000000"),
        eth(2, calm),
        eth(50, ("3015.00", "0.90000000", "3015.10", "20.00000000")),
        eth(100, calm),
        eth(150, ("2984.90", "20.00000000", "2985.00", "0.90000000")),
        eth(200, calm),
        (250, "BTCUSDT", "20000.00", "2.40000000", "20000.01", "2.50000000"),
    ]);
    std::fs::write(&path, text).expect("writable");
    let capture = format!("{}@SPOT", path.display());
    let Ran { summary, journal } = run_example(directory.path(), "triangular.toml", &[&capture]);
    let found = hits::read(&journal).expect("hits");
    let [first, second] = &found[..] else { panic!("two hits, not {found:?}") };
    println!("{first}\n{second}");
    let legs =
        |at: usize| found[at].legs.iter().map(|leg| (leg.sells, leg.place.as_str())).collect::<Vec<_>>();
    assert_eq!(legs(0), [(false, "BTCUSDT@SPOT"), (false, "ETHBTC@SPOT"), (true, "ETHUSDT@SPOT")]);
    assert_eq!(legs(1), [(false, "ETHUSDT@SPOT"), (true, "ETHBTC@SPOT"), (true, "BTCUSDT@SPOT")]);
    // 0.9 coins of ETH, some 2,700 USDT; half a percent less three thousandths is some 5.4. Coins are counted by the
    // hundred-thousandth.
    let near = 4_000_000_000..6_000_000_000;
    assert!(found.iter().all(|hit| near.contains(&(hit.profit_e9() / 100_000))), "{found:?}");
    // All that was ordered was there. Out: 0.9 ETH cost 0.13514490 BTC with fees, which 1000 units a lot make 13514000; these
    // buy 89996736 units of ETH, 89990000 in lots. Back: 0.9 ETH bring 13486500 units of BTC after fees, 13486000 in lots.
    assert_eq!((&summary["orders"], &summary["fills"]), (&Value::from(6), &Value::from(6)));
    let profits = found.iter().map(Found::profit_e9).collect::<Vec<_>>();
    let out = 89_990_000 * 3_011_985_000 - 13_514_000 * 20_020_010_010;
    let back = 13_486_000 * 19_980_000_000 - 90_000_000 * 2_987_985_000;
    assert_eq!(profits, [out, back]);
    let account = |symbol: &str| {
        let accounts = summary["accounts"].as_array().expect("accounts");
        let of = accounts.iter().find(|of| of["symbol"] == symbol).expect("traded");
        ["position", "realised_e9", "unrealised_e9", "fees_e9"]
            .map(|name| of[name].as_i64().expect("a number"))
    };
    // A unit times a thousandth: amounts count coins by the hundred-thousandth. Closed at the two prices, the rest at the last
    // mid. Fees in proportion are the relations' own: what risk books is the venue's fee a unit, and that is zero.
    let milli = |amount: i64| amount / 1_000;
    assert_eq!(
        account("BTCUSDT"),
        [28_000, milli(13_486_000 * -10_000_000), milli(28_000 * -5_000_000), 0],
        "bought at 20000.01, sold at 20000.00, marked at 20000.005"
    );
    assert_eq!(
        account("ETHBTC"),
        [-10_000, milli(89_990_000 * -10_000), milli(-10_000 * 5_000), 0],
        "bought at 0.15001, sold at 0.15000, marked at 0.150005"
    );
    assert_eq!(
        account("ETHUSDT"),
        [10_000, milli(89_990_000 * 30_000_000_000), milli(10_000 * 15_000_000_000), 0],
        "sold at 3015, bought at 2985, marked at 3000"
    );
}

#[test]
fn the_options_makers_example_is_of_the_day_that_it_names() {
    let text = std::fs::read_to_string(example("options_maker.toml")).expect("the example");
    let command =
        text.lines().find_map(|line| line.strip_prefix("#   warptick generate ")).expect("a command");
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("day").to_string_lossy().into_owned();
    let made = run(["generate", out.as_str()].into_iter().chain(command.split_whitespace().skip(1)));
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let written = std::fs::read_to_string(format!("{out}.maker.toml")).expect("the generated maker's");
    let [example, generated] = [("options_maker.toml", &text), ("generated", &written)]
        .map(|(name, text)| Config::parse(name, text).unwrap_or_else(|error| panic!("{error}")));
    assert_eq!(example.instruments, generated.instruments);
    let [one, other] =
        [&example, &generated].map(|config| &config.wide.as_ref().expect("wide work").chains[0]);
    assert_eq!((&one.expiries, one.exercise), (&other.expiries, other.exercise));
    let grid = one.strikes.as_ref().expect("a grid");
    let strikes: Vec<i64> = grid.iter().collect();
    let symbols: Vec<_> = other.options.iter().map(|option| option.symbol.clone().expect("listed")).collect();
    assert_eq!(grid.symbols, symbols);
    let of_grid = (0..one.expiries.len()).flat_map(|_| strikes.iter().flat_map(|&strike| [strike, strike]));
    assert_eq!(
        of_grid.collect::<Vec<_>>(),
        other.options.iter().map(|option| option.strike_e9).collect::<Vec<_>>()
    );
}
