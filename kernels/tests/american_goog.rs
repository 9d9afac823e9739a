//! What a table of premiums loses against Andersen, Lake and Offengenden on the GOOG chain of 2015-12-24: every contract that
//! was quoted, with the volatility that the day's universe file gives. Needs `../shared/data`; skipped loudly without it.

use kernels::cpu::american::{AmericanOption, PremiumTable};
use kernels::cpu::pricing::Isa;
use std::collections::HashMap;
use std::path::PathBuf;

/// The close of the day, and the range that a table is fitted for around it.
const SPOT: f64 = 748.4;
const RANGE: f64 = 0.05;
/// Of contracts that the universe file does not list.
const VOLATILITY: f64 = 0.3;
/// Days from 1970-01-01 to 2015-12-24.
const TODAY: i64 = 16_793;

fn data() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/lean_options"));
    if !folder.is_dir() {
        println!("SKIPPED: ../shared/data/lean_options is absent");
        return None;
    }
    Some(folder)
}

/// The names in a ZIP archive's directory.
fn names(zip: &[u8]) -> Vec<String> {
    let end = zip.windows(4).rposition(|bytes| bytes == b"PK\x05\x06").expect("a ZIP archive");
    let u16_at = |at: usize| usize::from(u16::from_le_bytes([zip[at], zip[at + 1]]));
    let u32_at = |at: usize| u16_at(at) | u16_at(at + 2) << 16;
    let mut at = u32_at(end + 16);
    let mut names = Vec::new();
    for _ in 0..u16_at(end + 10) {
        assert_eq!(&zip[at..at + 4], b"PK\x01\x02");
        let name = &zip[at + 46..at + 46 + u16_at(at + 28)];
        names.push(String::from_utf8(name.to_vec()).expect("a name"));
        at += 46 + u16_at(at + 28) + u16_at(at + 30) + u16_at(at + 32);
    }
    names
}

/// Days since 1970-01-01 of a date written as 20151224.
fn day_number(date: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| date[range].parse::<i64>().expect("a date");
    let (year, month, day) = (number(0..4), number(4..6), number(6..8));
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// All contracts that were quoted, at these rates.
fn chain(rate: f64, dividend_yield: f64) -> Option<Vec<AmericanOption>> {
    let folder = data()?;
    let universe =
        std::fs::read_to_string(folder.join("option_usa_universes_goog_20151224.csv")).expect("readable");
    let mut volatilities = HashMap::new();
    for row in universe.lines().skip(2) {
        let fields: Vec<&str> = row.split(',').collect();
        let strike: f64 = fields[1].parse().expect("a strike");
        let volatility: f64 = fields[9].parse().unwrap_or(0.0);
        let key = (fields[0].to_owned(), fields[2] == "P", (strike * 1e4).round() as i64);
        volatilities.insert(key, volatility);
    }
    let zip =
        std::fs::read(folder.join("option_usa_minute_goog_20151224_quote_american.zip")).expect("readable");
    let contract = |name: &String| {
        let parts: Vec<&str> = name.trim_end_matches(".csv").split('_').collect();
        let (put, strike_e4, expiry) =
            (parts[5] == "put", parts[6].parse::<i64>().expect("a strike"), parts[7]);
        let known = volatilities.get(&(expiry.to_owned(), put, strike_e4)).copied();
        let volatility = known.filter(|volatility| (0.05..3.0).contains(volatility)).unwrap_or(VOLATILITY);
        let years = (day_number(expiry) - TODAY) as f64 / 365.0;
        AmericanOption { put, strike: strike_e4 as f64 / 1e4, rate, dividend_yield, volatility, years }
    };
    Some(names(&zip).iter().map(contract).collect())
}

#[derive(Default)]
struct Errors {
    count: usize,
    squares: f64,
    max: f64,
    premium_max: f64,
}

fn measure(options: &[AmericanOption]) -> Errors {
    let isa = Isa::detect();
    let mut errors = Errors::default();
    for option in options {
        let solved = kernels::cpu::american::EarlyExercise::solve(isa, option).expect("solved");
        let (low, high) = (SPOT * (1.0 - RANGE), SPOT * (1.0 + RANGE));
        let table = PremiumTable::fit(isa, option, low, high).expect("a table");
        for at in 0..=24 {
            let spot = low + (high - low) * (f64::from(at) + 0.5) / 25.5;
            let european = option.european(isa, spot);
            let exact = solved.price(isa, spot).expect("a price");
            let found = table.american(european, option.intrinsic(spot), spot).expect("within the range");
            let error = (found - exact).abs();
            errors.count += 1;
            errors.squares += error * error;
            errors.max = if error <= errors.max { errors.max } else { error };
            errors.premium_max = errors.premium_max.max(exact - european);
        }
    }
    errors
}

#[test]
fn tables_give_the_prices_of_the_chain() {
    for (rate, dividend_yield) in [(0.005, 0.0), (0.05, 0.0), (0.05, 0.03), (0.02, 0.06)] {
        let Some(options) = chain(rate, dividend_yield) else { return };
        assert_eq!(options.len(), 2_192);
        let Errors { count, squares, max, premium_max } = measure(&options);
        let rmse = (squares / count as f64).sqrt();
        println!(
            "rate {rate}, yield {dividend_yield}: {count} prices of {} contracts around {SPOT}: RMSE {rmse:.1e}, \
             largest error {max:.1e}, largest premium {premium_max:.2}",
            options.len()
        );
        assert!(rmse < 1e-4 && max < 5e-3, "{rmse:e} {max:e}");
        assert!(premium_max > 0.1, "{premium_max}");
    }
}

/// What a table loses that was fitted for another volatility or another day: it has to change with the surface.
#[test]
fn stale_tables_lose_this_much() {
    let isa = Isa::detect();
    for (rate, dividend_yield) in [(0.005, 0.0), (0.05, 0.03)] {
        let Some(options) = chain(rate, dividend_yield) else { return };
        for (what, volatility, years) in [("a point of volatility", 0.01, 0.0), ("a day", 0.0, 1.0 / 365.0)] {
            let (mut squares, mut max) = (0.0, 0.0f64);
            let live = options.iter().filter(|option| option.years > 2.0 / 365.0).collect::<Vec<_>>();
            for option in &live {
                let now = AmericanOption {
                    volatility: option.volatility + volatility,
                    years: option.years - years,
                    ..**option
                };
                let table = PremiumTable::fit(isa, option, 0.95 * SPOT, 1.05 * SPOT).expect("a table");
                let european = now.european(isa, SPOT);
                let found = table.american(european, now.intrinsic(SPOT), SPOT).expect("within the range");
                let error = (found - now.price(isa, SPOT).expect("a price")).abs();
                squares += error * error;
                max = max.max(error);
            }
            let rmse = (squares / live.len() as f64).sqrt();
            println!(
                "rate {rate}, yield {dividend_yield}, {what} late: RMSE {rmse:.1e}, largest error {max:.1e}"
            );
            assert!(live.len() > 1_500 && rmse < 0.3 && max < 3.0, "{what}: {rmse:e} {max:e}");
        }
    }
}
