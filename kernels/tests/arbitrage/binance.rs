//! Six Binance streams of 2024-08-08 in order of receipt: two venues for each coin, and the cycle of four trades between
//! tethered and real dollars, through the inverse contracts of COIN-M.

use crate::scan::Scan;
use crate::{data, decimal};
use flate2::read::GzDecoder;
use kernels::abi::ListingTerms;
use kernels::cpu::book::Bbo;
use kernels::cpu::relation_kinds::{Market, cycles};
use kernels::cpu::wide::WideSpec;
use std::io::{BufRead, BufReader};

const USDT: u32 = 0;
const USD: u32 = 1;
const BTC: u32 = 2;
const ETH: u32 = 3;

/// File, base, quote, decimals of the quantity, unit (1e-9 of the base), taker fee of the lowest tier (ppb).
const STREAMS: [(&str, u32, u32, usize, u64, i64); 6] = [
    ("spot_btcusdt", BTC, USDT, 5, 10_000, 1_000_000),
    ("spot_ethusdt", ETH, USDT, 4, 100_000, 1_000_000),
    ("usdm_btcusdt", BTC, USDT, 3, 1_000_000, 500_000),
    ("usdm_ethusdt", ETH, USDT, 3, 1_000_000, 500_000),
    // A contract is 100 or 10 dollars, paid for in coins.
    ("cm_btcusd_perp", USD, BTC, 0, 100_000_000_000, 500_000),
    ("cm_ethusd_perp", USD, ETH, 0, 10_000_000_000, 500_000),
];

/// With so many percent of the fees.
fn spec(fees_percent: i64) -> WideSpec {
    let market = |(listing, stream): (u32, &(&str, u32, u32, usize, u64, i64))| Market {
        listing,
        base: stream.1,
        quote: stream.2,
    };
    let markets: Vec<_> = (0..).zip(&STREAMS).map(market).collect();
    let terms = |stream: &(&str, u32, u32, usize, u64, i64)| ListingTerms {
        unit_e9: stream.4,
        lot: 1,
        fee_ppb: stream.5 * fees_percent / 100,
        fee_unit_e9: 0,
    };
    WideSpec {
        listings: STREAMS.iter().map(terms).collect(),
        inverse: vec![4, 5],
        relations: cycles(&markets, &[USDT, BTC, ETH], 4, 250_000_000_000_000, 1).expect("few cycles"),
        ..WideSpec::default()
    }
}

/// Receive time, listing, quote: every bookTicker of the six captures.
fn quotes() -> Option<Vec<(u64, u32, Bbo)>> {
    let mut quotes = Vec::new();
    for (listing, (file, _, _, decimals, ..)) in (0..).zip(&STREAMS) {
        let path = data(&format!("hftbacktest_binance/{file}_20240808.gz"))?;
        let lines = BufReader::new(GzDecoder::new(std::fs::File::open(path).expect("the capture"))).lines();
        for line in lines.map(|line| line.expect("text")).filter(|line| line.contains("@bookTicker")) {
            let field = |key: &str| {
                let start = line.find(key).expect("a field") + key.len();
                line[start..].split('"').next().expect("its value").to_owned()
            };
            let price = |key| decimal(&field(key), 9) as i64;
            let quantity = |key| decimal(&field(key), *decimals);
            let time = line.split(' ').next().expect("a time").parse().expect("ns");
            let bbo = Bbo {
                bid_px: price("\"b\":\""),
                bid_qty: quantity("\"B\":\""),
                ask_px: price("\"a\":\""),
                ask_qty: quantity("\"A\":\""),
            };
            quotes.push((time, listing, bbo));
        }
    }
    quotes.sort_by_key(|&(time, listing, _)| (time, listing));
    Some(quotes)
}

/// Plays the quotes; every `every`-th is followed by the brute force. Gives the hits that stood behind a quote, over all.
fn play(quotes: &[(u64, u32, Bbo)], fees_percent: i64, every: usize) -> u64 {
    let mut scan = Scan::new(spec(fees_percent));
    let (mut hits, mut compared) = ([0u64; 5], 0u64);
    for (number, (_, listing, bbo)) in quotes.iter().enumerate() {
        scan.tick(*listing, *bbo);
        for hit in scan.hits.keys() {
            hits[scan.spec.relations[*hit as usize].legs.len()] += 1;
        }
        if number % every == 0 {
            scan.check_all();
            compared += scan.hits.len() as u64;
        }
    }
    println!(
        "Binance, {} quotes, {} cycles, {fees_percent} % of the lowest tier's fees: hits that stood after a quote {} of two legs, {} of three, {} of four; \
         {} quotes compared with the brute force, {compared} hits in them equal",
        quotes.len(),
        scan.spec.relations.len(),
        hits[2],
        hits[3],
        hits[4],
        quotes.len().div_ceil(every),
    );
    assert!(fees_percent > 0 || (hits[2] > 0 && hits[4] > 0 && compared > 0), "{hits:?}");
    hits.iter().sum()
}

#[test]
fn pairs_of_venues_and_cycles_of_four_trades_are_those_of_the_brute_force() {
    let Some(quotes) = quotes() else { return };
    assert_eq!(quotes.len(), 207_146);
    play(&quotes, 0, 100);
    play(&quotes, 100, 100);
    assert!(play(&quotes, 5, 100) > 0, "fees that leave something");
}

#[test]
#[ignore = "minutes: the brute force after every quote"]
fn pairs_of_venues_and_cycles_of_four_trades_are_those_of_the_brute_force_wide() {
    let Some(quotes) = quotes() else { return };
    let without = play(&quotes, 0, 1);
    let few = play(&quotes, 5, 1);
    let all = play(&quotes, 100, 1);
    assert!(all < few && few < without, "{all} {few} {without}");
}

#[test]
fn the_cycles_are_those_of_the_readme() {
    let spec = spec(0);
    let of = |legs: usize| spec.relations.iter().filter(|relation| relation.legs.len() == legs).count();
    // Both coins between spot and USD-M, both ways; dollars to dollars through any two of these, both ways.
    assert_eq!((of(2), of(3), of(4)), (4, 0, 8));
}
