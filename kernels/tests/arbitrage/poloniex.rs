//! The triangle BTC_USDT, BCH_USDT, BCH_BTC of 30 seconds of Poloniex.

use crate::scan::Scan;
use crate::{data, decimal};
use kernels::abi::ListingTerms;
use kernels::cpu::book::Bbo;
use kernels::cpu::relation_kinds::{Market, cycles};
use kernels::cpu::wide::WideSpec;
use std::collections::BTreeMap;

const USDT: u32 = 0;
const BTC: u32 = 1;
const BCH: u32 = 2;

/// Symbol, base, quote, quantity unit (1e-9 of the base), and how often a price counts: bitcoins are counted by the
/// millionth. A unit's price is rounded against us to 1e-9, and 0.000001 of a BCH is 5.5e-9 of a whole BTC: rounded to six of
/// them, the triangle never paid.
const SYMBOLS: [(&str, u32, u32, u64, f64); 3] = [
    ("BTC_USDT", BTC, USDT, 1_000_000_000, 1e-6),
    ("BCH_USDT", BCH, USDT, 1_000, 1.0),
    ("BCH_BTC", BCH, BTC, 1_000, 1e6),
];

type Stream = (&'static str, u32, u32, u64, f64);

/// Price (1e-9) to quantity, in whole units.
type Side = BTreeMap<i64, u64>;

fn apply(side: &mut Side, levels: &str, scale: f64) {
    // "[price","quantity"],[...": every second text is a quantity.
    let texts: Vec<&str> = levels.split('"').skip(1).step_by(2).collect();
    for level in texts.chunks(2) {
        // Exact: prices have few digits.
        let price = (decimal(level[0], 9) as f64 * scale).round() as i64;
        let quantity = decimal(level[1], 6);
        if quantity == 0 {
            side.remove(&price)
        } else {
            side.insert(price, quantity)
        };
    }
}

/// Answers with something to take at this fee.
fn play(text: &str, fee_ppb: i64) -> u64 {
    let terms = |stream: &Stream| ListingTerms { unit_e9: stream.3, lot: 1, fee_ppb, fee_unit_e9: 0 };
    let market = |(listing, &(_, base, quote, ..)): (u32, &Stream)| Market { listing, base, quote };
    let markets: Vec<_> = (0..).zip(&SYMBOLS).map(market).collect();
    let relations = cycles(&markets, &[USDT], 3, 100_000_000_000_000, 1).expect("few cycles");
    assert_eq!(relations.len(), 2, "there and back");
    let mut scan = Scan::new(WideSpec {
        listings: SYMBOLS.iter().map(terms).collect(),
        relations,
        ..WideSpec::default()
    });
    let mut books: [[Side; 2]; 3] = Default::default();
    let mut updates = [0; 3];
    for line in text.lines().filter(|line| line.contains("\"channel\":\"book_lv2\",\"data\":[")) {
        let named = |(symbol, ..): &Stream| line.contains(&format!("\"symbol\":\"{symbol}\""));
        let Some(listing) = SYMBOLS.iter().position(named) else { continue };
        let between = |from: &str, to: &str| {
            let start = line.find(from).expect("a list") + from.len();
            &line[start..start + line[start..].find(to).expect("its end")]
        };
        let [bids, asks] = &mut books[listing];
        if line.contains("\"action\":\"snapshot\"") {
            bids.clear();
            asks.clear();
        }
        let scale = SYMBOLS[listing].4;
        apply(asks, between("\"asks\":[", "],\"bids\""), scale);
        apply(bids, between("\"bids\":[", "],\"lastId\""), scale);
        updates[listing] += 1;
        let (bid, ask) = (bids.last_key_value(), asks.first_key_value());
        let (&bid_px, &bid_qty) = bid.unwrap_or((&Bbo::EMPTY.bid_px, &0));
        let (&ask_px, &ask_qty) = ask.unwrap_or((&Bbo::EMPTY.ask_px, &0));
        scan.tick(listing as u32, Bbo { bid_px, bid_qty, ask_px, ask_qty });
        scan.check_all();
    }
    println!(
        "Poloniex, fee {fee_ppb} ppb: {updates:?} updates, {} answers with something to take",
        scan.found
    );
    assert!(updates.iter().all(|count| *count > 10), "{updates:?}");
    scan.found
}

#[test]
fn the_triangle_is_that_of_the_brute_force() {
    let Some(path) = data("cryptofeed_samples/POLONIEX.ws.1.0") else { return };
    let text = std::fs::read_to_string(path).expect("the capture");
    // The venue's fee, less, none, a rebate: the triangle pays 0.17 % at best.
    let fees = [1_550_000, 100_000, 50_000, 0, -1_000_000];
    let found = fees.map(|fee_ppb| play(&text, fee_ppb));
    assert!(found[0] == 0 && found[3] > 0 && found[4] > 0, "{found:?}");
}
