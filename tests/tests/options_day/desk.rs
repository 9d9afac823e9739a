//! A desk over a day, by the binary alone: `generate`, `replay --config`, `journal hits`. What its relations find is what was
//! planted, all of it and nothing else, and each find is worth what it says whatever the underlying does.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use serde_json::Value;
use warptick_tests::warptick::{line, run};

use crate::market::{Chains, Market, Name};
use crate::written::{number, rows, table};

/// From a message's time stamp to its being an input: the default of `latency.line_ns`.
const LINE_NS: u64 = 5_000;

/// Midnight in New York of 2026-01-05, UTC ns: 1767571200 s is that of UTC.
const MIDNIGHT_NS: u64 = (1_767_571_200 + 5 * 3_600) * 1_000_000_000;

/// 2 underlyings with 90 options each.
const DAY: [&str; 9] =
    ["--options-day", "--underlyings", "2", "--strikes", "9", "--moves", "256", "--mispricings", "16"];

/// What a run of the generated desk left.
struct Desk {
    summary: Value,
    hits: Vec<HashMap<String, String>>,
    told: String,
}

fn generated(out: &Path, day: &[&str]) {
    let path = out.to_string_lossy();
    let made = run(["generate", &path].iter().chain(day));
    assert_eq!(made.code, Some(0), "{}", made.stderr);
}

fn replayed(out: &Path, topology: &str) -> Desk {
    let named = |suffix: &str| format!("{}.{suffix}", out.display());
    let [nasdaq, bx, toml] = ["nasdaq.itch@NASDAQ", "bx.itch@BX", "toml"].map(named);
    let [summary, journal, csv] =
        ["summary.json", "journal", "hits.csv"].map(|suffix| named(&format!("{topology}.{suffix}")));
    let options = ["--topology", topology, "--summary", &summary, "--journal", &journal];
    let replayed = run(["replay", &nasdaq, &bx, "--config", &toml].iter().chain(&options));
    assert_eq!(replayed.code, Some(0), "{}\n{}", replayed.stdout, replayed.stderr);
    println!("{}", replayed.stdout);
    let hits = run(["journal", "hits", &journal, "--csv", &csv]);
    assert_eq!(hits.code, Some(0), "{}", hits.stderr);
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let summary = serde_json::from_str(&text(&summary)).expect("JSON");
    Desk { summary, hits: rows(&text(&csv)), told: hits.stdout }
}

/// One leg of a hit: `sell:UAAF1050@NASDAQ:2:4510000000:450997000000`.
struct Leg {
    sells: bool,
    name: Name,
    quantity: i128,
    price_e9: i128,
    net_e9: i128,
}

impl Leg {
    fn read(text: &str) -> Self {
        let fields: Vec<&str> = text.split(':').collect();
        let (symbol, venue) = fields[1].split_once('@').expect("SYMBOL@VENUE");
        let whole = |at: usize| fields[at].parse().unwrap_or_else(|_| panic!("field {at} of {text}"));
        Self {
            sells: fields[0] == "sell",
            name: (symbol.to_owned(), u8::from(venue == "BX")),
            quantity: whole(2),
            price_e9: whole(3),
            net_e9: whole(4),
        }
    }

    const fn sign(&self) -> i128 {
        if self.sells { 1 } else { -1 }
    }
}

/// Legs of a row.
fn legs(row: &HashMap<String, String>) -> Vec<Leg> {
    row["legs"].split(' ').map(Leg::read).collect()
}

/// Shares that a quantity unit is about.
fn shares(chains: &Chains, leg: &Leg) -> i128 {
    if chains.terms.contains_key(&leg.name.0) { 100 } else { 1 }
}

/// What the legs are surely worth, now and at expiry, 1e-9: what they bring now with `price_of`, and the present value of the
/// least that they pay over all prices of the underlying. Between strikes a payoff is a line, so that it is least at a strike,
/// at nothing, or nowhere.
fn surely_worth(chains: &Chains, legs: &[Leg], price_of: impl Fn(&Leg) -> i128) -> i128 {
    let now: i128 = legs.iter().map(|leg| leg.sign() * leg.quantity * price_of(leg)).sum();
    let terms = |leg: &Leg| chains.terms.get(&leg.name.0);
    let mut expiries: Vec<usize> = legs.iter().filter_map(terms).map(|of| of.1).collect();
    expiries.dedup();
    if let [near, far] = expiries[..] {
        // A call of a later expiry is worth more than one of a nearer expiry, and no dividends are paid.
        let [one, other] = [&legs[0], &legs[1]].map(|leg| terms(leg).expect("an option"));
        assert!(
            one.3 && other.3 && one.2 == other.2 && legs[0].quantity == legs[1].quantity && legs.len() == 2
        );
        assert!(if near < far { legs[0].sells } else { legs[1].sells }, "the nearer one is sold");
        assert_ne!(legs[0].sells, legs[1].sells);
        return now;
    }
    let at = |spot: i128| -> i128 {
        let pays = |leg: &Leg| match terms(leg) {
            None => spot,
            Some(&(_, _, strike, true)) => (spot - i128::from(strike)).max(0),
            Some(&(_, _, strike, false)) => (i128::from(strike) - spot).max(0),
        };
        legs.iter().map(|leg| -leg.sign() * leg.quantity * shares(chains, leg) * pays(leg)).sum()
    };
    let strikes = legs.iter().filter_map(terms).map(|of| i128::from(of.2));
    let high = 1_000_000_000_000_i128;
    assert!(at(2 * high) >= at(high), "no loss without end");
    let least = strikes.chain([0]).map(at).min().expect("some");
    // All of one underlying: shares that are bought at one venue and sold at another are there today.
    let discount_e9 =
        expiries.first().map_or(1_000_000_000, |&expiry| i128::from(chains.discounts_e9[expiry]));
    now + (least * discount_e9).div_euclid(1_000_000_000)
}

fn kind_of(planted: &str) -> &str {
    match planted {
        "cross_venue" => "pair",
        "call_vertical" | "put_vertical" => "vertical",
        same => same,
    }
}

/// Each hit is at prices and sizes that are shown, after fees, worth what it says, and sells a quote that was moved.
fn confirm(out: &Path, chains: &Chains, desk: &Desk) {
    let truths = table(out, "mispricings.csv");
    let mut market = Market::new(out);
    for row in &desk.hits {
        let (legs, begin_ns) = (legs(row), number::<u64>(row, "begin_ns") - LINE_NS);
        while market.next_ns().is_some_and(|next_ns| MIDNIGHT_NS + next_ns <= begin_ns) {
            market.step();
        }
        let fee_e9 = |leg: &Leg| if leg.name.1 == 0 { 3_000_000 } else { 500_000 };
        for leg in &legs {
            let (price, size) = market.side(&leg.name, usize::from(!leg.sells)).expect("something is shown");
            assert_eq!(leg.price_e9, i128::from(price), "{row:?}");
            assert!(leg.quantity > 0 && leg.quantity <= i128::from(size), "{size} of {row:?}");
            let of_unit = leg.price_e9 * shares(chains, leg);
            assert_eq!(leg.net_e9, of_unit - leg.sign() * fee_e9(leg), "{row:?}");
        }
        let worth_e9 = surely_worth(chains, &legs, |leg| leg.net_e9);
        let said_e9: i128 = number(row, "profit_e9");
        // Rounded against us, once a copy.
        let copies = legs.iter().map(|leg| leg.quantity).min().expect("legs");
        assert!(said_e9 > 0 && (0..=copies).contains(&(worth_e9 - said_e9)), "{worth_e9}: {row:?}");
        let is_planted = truths.iter().any(|truth| {
            let is_on = (number::<u64>(truth, "begin_ns")..number(truth, "end_ns")).contains(&begin_ns);
            let moved = (truth["symbol"].clone(), u8::from(truth["venue"] == "BX"));
            is_on && legs.iter().any(|leg| leg.sells && leg.name == moved)
        });
        assert!(is_planted, "{row:?} was not planted");
    }
}

/// Each planted mispricing is among the hits, from its first to its last moment, with its size.
fn recall(out: &Path, chains: &Chains, desk: &Desk) {
    for truth in &table(out, "mispricings.csv") {
        let size: i128 = number(truth, "size");
        let wanted: BTreeSet<(String, i128)> = truth["legs"]
            .split(' ')
            .map(|leg| {
                let (place, ratio) = leg.rsplit_once(':').expect("action:place:ratio");
                (place.to_owned(), ratio.parse::<i128>().expect("a ratio") * size)
            })
            .collect();
        let is_it = |row: &&HashMap<String, String>| {
            let found = row["legs"].split(' ').map(|leg| {
                let fields: Vec<&str> = leg.split(':').collect();
                (format!("{}:{}", fields[0], fields[1]), fields[2].parse().expect("a quantity"))
            });
            row["kind"] == kind_of(&truth["kind"])
                && number::<u64>(row, "begin_ns") == number::<u64>(truth, "begin_ns") + LINE_NS
                && found.collect::<BTreeSet<_>>() == wanted
        };
        let row = desk.hits.iter().find(is_it).unwrap_or_else(|| panic!("{truth:?} was not found"));
        assert_eq!(number::<u64>(row, "end_ns"), number::<u64>(truth, "end_ns") + LINE_NS, "{truth:?}");
        let legs = legs(row);
        let gross_e9 = surely_worth(chains, &legs, |leg| leg.price_e9 * shares(chains, leg));
        let total_e9: i128 = number(truth, "total_e9");
        // The table rounds a share's strike, twice at most; a hit a whole contract's.
        assert!((0..=200 * size).contains(&(gross_e9 - total_e9)), "{gross_e9}: {truth:?}");
    }
}

#[test]
fn a_desk_finds_every_planted_mispricing_and_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    for seed in ["3", "8"] {
        let out = directory.path().join(format!("day{seed}"));
        generated(&out, &[&DAY[..], &["--seed", seed]].concat());
        let (desk, chains) = (replayed(&out, "inline"), Chains::new(&out));
        confirm(&out, &chains, &desk);
        recall(&out, &chains, &desk);
        println!("seed {seed}: {}", line(&desk.told, "hits"));
        let kinds: BTreeSet<&str> = desk.hits.iter().map(|row| row["kind"].as_str()).collect();
        let all = ["box", "butterfly", "calendar", "conversion", "pair", "reversal", "vertical"];
        assert_eq!(kinds, BTreeSet::from(all), "seed {seed}");
    }
}

/// What a desk has at the end of its day, with every position at mid, after fees.
fn total_e9(desk: &Desk) -> i64 {
    let of =
        |account: &Value, key: &str| account[key].as_i64().unwrap_or_else(|| panic!("{key} of {account}"));
    let accounts = desk.summary["accounts"].as_array().expect("accounts");
    let total = |account| of(account, "realised_e9") + of(account, "unrealised_e9") - of(account, "fees_e9");
    accounts.iter().map(total).sum()
}

#[test]
fn a_desk_earns_and_what_it_asks_for_is_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut sum_e9 = 0;
    for seed in 1..=8 {
        let out = directory.path().join(format!("day{seed}"));
        generated(&out, &[&DAY[..], &["--seed", &seed.to_string()]].concat());
        let desk = replayed(&out, "inline");
        let count = |key: &str| desk.summary[key].as_u64().expect("a count");
        // One price a side is shown: an order that is filled in full has one fill.
        let (total_e9, orders, fills) = (total_e9(&desk), count("orders"), count("fills"));
        println!("seed {seed}: {orders} orders, {fills} fills, {total_e9} in all");
        assert!(total_e9 > 0, "seed {seed}: {total_e9}");
        assert!(orders > 32 && fills * 100 >= orders * 95, "seed {seed}: {fills} fills of {orders} orders");
        sum_e9 += total_e9;
    }
    assert!(sum_e9 > 8 * 10_000_000_000_000, "10,000 a day are there");
}

#[test]
fn a_day_without_mispricings_has_no_hit() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("day");
    generated(&out, &[&DAY[..7], &["--mispricings", "0", "--seed", "3"]].concat());
    let desk = replayed(&out, "inline");
    assert_eq!((desk.hits.len(), line(&desk.told, "hits")), (0, "0"));
    assert_eq!(desk.summary["orders"], 0);
    assert!(desk.summary["wide"]["requests"].as_u64().expect("a count") > 10_000);
}

#[test]
fn a_desk_sends_the_same_orders_in_both_topologies_and_its_journal_reproduces_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("day");
    let day = ["--options-day", "--underlyings", "2", "--expiries", "2", "--strikes", "5", "--moves", "256"];
    generated(&out, &[&day[..], &["--mispricings", "16", "--seed", "4"]].concat());
    let [inline, split] = ["inline", "split"].map(|topology| replayed(&out, topology));
    for key in ["orders", "fills", "order_stream_sha256", "book_hash", "wide", "accounts"] {
        assert_eq!(inline.summary[key], split.summary[key], "{key}");
    }
    assert_eq!((inline.hits.len(), &inline.hits), (split.hits.len(), &split.hits));
    assert!(inline.summary["orders"].as_u64().expect("a count") > 16);
    let journal = format!("{}.split.journal", out.display());
    let again = run(["journal", "replay", &journal]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(again.stdout.contains("VERDICT: REPRODUCED"), "{}", again.stdout);
}
