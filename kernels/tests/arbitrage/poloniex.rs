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
const SYMBOLS: [(&str, u32, u32); 3] =
    [("BTC_USDT", BTC, USDT), ("BCH_USDT", BCH, USDT), ("BCH_BTC", BCH, BTC)];

/// Price to quantity, both as in the feed but whole: 1e-9, 1e-6.
type Side = BTreeMap<i64, u64>;

fn apply(side: &mut Side, levels: &str) {
    // "[price","quantity"],[...": every second text is a quantity.
    let texts: Vec<&str> = levels.split('"').skip(1).step_by(2).collect();
    for level in texts.chunks(2) {
        let (price, quantity) = (decimal(level[0], 9) as i64, decimal(level[1], 6));
        if quantity == 0 {
            side.remove(&price)
        } else {
            side.insert(price, quantity)
        };
    }
}

/// Answers with something to take at this fee.
fn play(text: &str, fee_ppb: i64) -> u64 {
    let terms = ListingTerms { unit_e9: 1_000, lot: 1, fee_ppb, fee_unit_e9: 0 };
    let market = |(listing, &(_, base, quote)): (u32, &(&str, u32, u32))| Market { listing, base, quote };
    let markets: Vec<_> = (0..).zip(&SYMBOLS).map(market).collect();
    let relations = cycles(&markets, &[USDT], 3, 100_000_000_000_000, 1).expect("few cycles");
    assert_eq!(relations.len(), 2, "there and back");
    let mut scan = Scan::new(WideSpec { listings: vec![terms; 3], relations, ..WideSpec::default() });
    let mut books: [[Side; 2]; 3] = Default::default();
    let mut updates = [0; 3];
    for line in text.lines().filter(|line| line.contains("\"channel\":\"book_lv2\",\"data\":[")) {
        let named = |(symbol, ..): &(&str, u32, u32)| line.contains(&format!("\"symbol\":\"{symbol}\""));
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
        apply(asks, between("\"asks\":[", "],\"bids\""));
        apply(bids, between("\"bids\":[", "],\"lastId\""));
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
    // The venue's fee, none, and rebates: how far the triangle was from paying.
    let fees = [1_550_000, 0, -100_000, -200_000, -400_000, -800_000, -1_600_000];
    let found = fees.map(|fee_ppb| play(&text, fee_ppb));
    assert_eq!(found[0], 0, "{found:?}");
    assert!(found[fees.len() - 1] > 0, "{found:?}");
}
