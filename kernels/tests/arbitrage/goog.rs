//! The GOOG chain of 2015-12-24: 2,192 American contracts, 275,552 quotes, scanned with the bounds that survive early
//! exercise, minute by minute against the brute force.

use crate::scan::Scan;
use crate::{data, zip};
use kernels::abi::ListingTerms;
use kernels::cpu::book::Bbo;
use kernels::cpu::relation_kinds::{
    ChainExpiry, ChainKind, ChainOption, Discount, Exercise, Hedge, OptionChain,
};
use kernels::cpu::wide::{LinearSpec, WideSpec};
use std::collections::BTreeMap;
use std::path::Path;

const DAY: u64 = 20_151_224;
/// A year's interest, 1e-9: what a Treasury bill of the day paid, about.
const RATE_E9: u64 = 5_000_000;

struct Chain {
    listings: Vec<ListingTerms>,
    options: Vec<ChainOption>,
    expiries: Vec<ChainExpiry>,
    /// Time of day in ms, listing, quote; in order of time, then of listing.
    quotes: Vec<(u64, u32, Bbo)>,
}

fn days_since_epoch(yyyymmdd: u64) -> i64 {
    // Howard Hinnant's days from civil, of a Gregorian date after year 0.
    let (year, month, day) =
        ((yyyymmdd / 10_000) as i64, (yyyymmdd / 100 % 100) as i64, (yyyymmdd % 100) as i64);
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// What 1 at expiry is worth: 10^18 / (10^9 + interest), rounded against us both ways.
fn discount(days: u64) -> Discount {
    let owed = 1_000_000_000 + RATE_E9 * days / 365;
    let receive_e9 = 1_000_000_000_000_000_000 / (owed + 1);
    Discount { receive_e9, pay_e9: (1_000_000_000_000_000_000u64.div_ceil(owed)).max(receive_e9) }
}

/// The last quote of each minute; prices in 1e-4 dollars.
fn rows(text: &str, listing: u32) -> impl Iterator<Item = (u64, u32, Bbo)> + '_ {
    text.lines().map(move |line| {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |at: usize| fields[at].parse::<f64>().map_or(0, |number| number as u64);
        let side = |at: usize| match (number(at), number(at + 1)) {
            (0, _) | (_, 0) => (Bbo::EMPTY.bid_px, 0),
            (price, quantity) => (price as i64 * 100_000, quantity),
        };
        let ((bid_px, bid_qty), (ask_px, ask_qty)) = (side(4), side(9));
        (number(0), listing, Bbo { bid_px, bid_qty, ask_px, ask_qty })
    })
}

fn load(options: &Path, underlying: &Path, fees: bool) -> Chain {
    let files = zip::texts(options);
    let mut days: Vec<u64> = Vec::new();
    let mut chain =
        Chain { listings: Vec::new(), options: Vec::new(), expiries: Vec::new(), quotes: Vec::new() };
    let fee = |e9: i64| if fees { e9 } else { 0 };
    let share = ListingTerms { unit_e9: 1_000_000_000, lot: 1, fee_ppb: 0, fee_unit_e9: fee(5_000_000) };
    chain.listings.push(share);
    chain.quotes.extend(zip::texts(underlying).iter().flat_map(|(_, text)| rows(text, 0)));
    let parsed = files.iter().map(|(name, text)| {
        let parts: Vec<&str> = name.trim_end_matches(".csv").split('_').collect();
        let [.., kind, strike, expiry] = parts[..] else { panic!("{name}") };
        (kind == "put", strike.parse::<u64>().expect("a strike"), expiry.parse::<u64>().expect("a day"), text)
    });
    for (put, strike_e4, day, text) in parsed {
        let expiry = days.iter().position(|known| *known == day).unwrap_or_else(|| {
            days.push(day);
            days.len() - 1
        });
        let listing = chain.listings.len() as u32;
        chain.listings.push(ListingTerms {
            unit_e9: 100_000_000_000,
            lot: 1,
            fee_ppb: 0,
            fee_unit_e9: fee(650_000_000),
        });
        chain.options.push(ChainOption {
            listing,
            expiry: expiry as u32,
            strike_e9: strike_e4 * 100_000,
            put,
        });
        chain.quotes.extend(rows(text, listing));
    }
    chain.expiries.extend(days.iter().map(|&day| {
        let days = days_since_epoch(day) - days_since_epoch(DAY);
        ChainExpiry {
            order: day,
            discount: discount(days as u64),
            // GOOG paid none.
            dividends_received_e9: 0,
            dividends_paid_e9: 0,
            hedge: Some(Hedge::Underlying(0)),
        }
    }));
    chain.quotes.sort_by_key(|&(time, listing, _)| (time, listing));
    chain
}

fn relations(chain: &Chain, reach: usize) -> Vec<(ChainKind, LinearSpec)> {
    let options = OptionChain {
        listings: &chain.listings,
        options: &chain.options,
        expiries: &chain.expiries,
        exercise: Exercise::American,
        reach,
        amount_max: 1_000_000 * 1_000_000_000,
        profit_min: 1,
    };
    let of_kind = |kind| options.relations(kind).unwrap_or_else(|error| panic!("{error}"));
    ChainKind::ALL
        .into_iter()
        .flat_map(|kind| of_kind(kind).into_iter().map(move |spec| (kind, spec)))
        .collect()
}

/// Scans the day; the brute force looks at every so many minutes.
fn scan_day(reach: usize, fees: bool, every: u64) {
    let [Some(options), Some(underlying)] = [
        data("lean_options/option_usa_minute_goog_20151224_quote_american.zip"),
        data("lean_options/equity_usa_minute_goog_20151224_quote.zip"),
    ] else {
        return;
    };
    let chain = load(&options, &underlying, fees);
    let of_options = chain.quotes.iter().filter(|(_, listing, _)| *listing > 0).count();
    assert_eq!((chain.options.len(), of_options), (2_192, 275_552));
    let all = relations(&chain, reach);
    let linears = all.iter().map(|(_, spec)| spec.clone()).collect();
    let mut scan = Scan::new(WideSpec { listings: chain.listings.clone(), linears, ..WideSpec::default() });
    let (mut compared, mut hits_compared, mut by_kind) = (0, 0, BTreeMap::new());
    for minute in chain.quotes.chunk_by(|a, b| a.0 == b.0) {
        for (_, listing, bbo) in minute {
            scan.tick(*listing, *bbo);
        }
        if (minute[0].0 / 60_000) % every == 0 {
            scan.check_all();
            compared += 1;
            hits_compared += scan.hits.len();
        }
        for hit in scan.hits.keys() {
            *by_kind.entry(format!("{:?}", all[*hit as usize].0)).or_insert(0u64) += 1;
        }
    }
    println!(
        "GOOG 2015-12-24, {} relations, reach {reach}, fees {fees}: {} answers with something to take; {compared} minutes \
         equal to the brute force with {hits_compared} hits in them; minutes that a hit stood, by kind: {by_kind:?}",
        all.len(),
        scan.found,
    );
    assert!(compared >= 5);
    assert!(fees || scan.found > 0);
}

#[test]
fn the_goog_chain_is_scanned_as_the_brute_force_does() {
    scan_day(1, false, 15);
}

#[test]
#[ignore = "minutes: every minute of the day against the brute force, with and without fees, wider spreads"]
fn the_goog_chain_is_scanned_as_the_brute_force_does_wide() {
    scan_day(1, false, 1);
    scan_day(1, true, 1);
    scan_day(3, false, 10);
}

#[test]
fn days_are_counted() {
    assert_eq!((days_since_epoch(19_700_101), days_since_epoch(20_000_301)), (0, 11_017));
    assert_eq!(days_since_epoch(20_160_115) - days_since_epoch(DAY), 22);
    assert!(discount(22).receive_e9 < discount(22).pay_e9 && discount(0).pay_e9 == 1_000_000_000);
}
