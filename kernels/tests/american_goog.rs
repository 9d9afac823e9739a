//! What a table of premiums loses against Andersen, Lake and Offengenden on the GOOG chain of 2015-12-24: every contract that
//! was quoted, with the volatility that the day's universe file gives. Needs `../shared/data`; skipped loudly without it.

use kernels::cpu::american::{AmericanOption, EarlyExercise, PremiumTable, WorthE9};
use kernels::cpu::pricing::Isa;
use std::collections::HashMap;
use std::path::PathBuf;

/// The close of the day, at which a table is fitted.
const SPOT: f64 = 748.4;
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

/// Moves of the underlying since the fit.
const MOVES: [f64; 5] = [0.0, 0.001, 0.005, 0.01, 0.02];

/// Price, and change of the price for a change of the underlying by 1.
type Worth = [f64; 2];

fn worth(price: impl Fn(f64) -> f64, spot: f64) -> Worth {
    const STEP: f64 = 0.01;
    [price(spot), (price(spot + STEP) - price(spot - STEP)) / (2.0 * STEP)]
}

fn in_e9([price, delta]: Worth) -> WorthE9 {
    WorthE9 { price_e9: (price * 1e9).round() as i64, delta_e9: (delta * 1e9).round() as i64 }
}

/// An option, solved, with the table that a fit gives.
struct Fitted {
    option: AmericanOption,
    solved: EarlyExercise,
    table: PremiumTable,
}

impl Fitted {
    fn new(option: &AmericanOption) -> Self {
        let isa = Isa::detect();
        let solved = EarlyExercise::solve(isa, option).expect("solved");
        let table = PremiumTable::fit(isa, option, SPOT).expect("a table");
        Self { option: *option, solved, table }
    }

    fn european(&self, spot: f64) -> Worth {
        worth(|spot| self.option.european(Isa::detect(), spot), spot)
    }

    fn exact(&self, spot: f64) -> Worth {
        worth(|spot| self.solved.price(Isa::detect(), spot).expect("a price"), spot)
    }

    /// With the premium of the fit's spot.
    fn constant(&self, spot: f64) -> Worth {
        let [price, delta] = self.european(spot);
        [price + self.solved.premium(Isa::detect(), SPOT).expect("a premium"), delta]
    }

    /// With the table's premium at this spot.
    fn followed(&self, spot: f64) -> Worth {
        let spot_e9 = (spot * 1e9).round() as i64;
        let strike_e9 = (self.option.strike * 1e9).round() as i64;
        let found = self.table.american(in_e9(self.european(spot)), strike_e9, self.option.put, spot_e9);
        assert!(self.table.holds_at(spot_e9), "{:?} at {spot}", self.option);
        [found.price_e9 as f64 / 1e9, found.delta_e9 as f64 / 1e9]
    }
}

/// Root of the mean square and largest error, of price and delta.
#[derive(Default)]
struct Errors {
    count: usize,
    squares: Worth,
    max: Worth,
}

impl Errors {
    fn add(&mut self, found: Worth, exact: Worth) {
        self.count += 1;
        for of in 0..2 {
            let error = (found[of] - exact[of]).abs();
            self.squares[of] += error * error;
            // A price that is no number is larger than any bound.
            self.max[of] = if error <= self.max[of] { self.max[of] } else { error };
        }
    }

    fn rmse(&self) -> Worth {
        self.squares.map(|squares| (squares / self.count as f64).sqrt())
    }
}

impl std::fmt::Display for Errors {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ([price, delta], [price_max, delta_max]) = (self.rmse(), self.max);
        write!(out, "price {price:.1e}, largest {price_max:.1e}; delta {delta:.1e}, largest {delta_max:.1e}")
    }
}

#[test]
fn tables_give_the_prices_of_the_chain_wherever_the_underlying_moves() {
    for (rate, dividend_yield) in [(0.005, 0.0), (0.05, 0.0), (0.05, 0.03), (0.02, 0.06)] {
        let Some(options) = chain(rate, dividend_yield) else { return };
        assert_eq!(options.len(), 2_192);
        let fitted: Vec<Fitted> = options.iter().map(Fitted::new).collect();
        for moved in MOVES {
            let (mut constant, mut followed) = (Errors::default(), Errors::default());
            for one in &fitted {
                for spot in [SPOT * (1.0 - moved), SPOT * (1.0 + moved)] {
                    let exact = one.exact(spot);
                    constant.add(one.constant(spot), exact);
                    followed.add(one.followed(spot), exact);
                }
            }
            println!("rate {rate}, yield {dividend_yield}, underlying {:.1} % away", 100.0 * moved);
            println!("  premium of the fit: {constant}");
            println!("  premium followed:   {followed}");
            let ([rmse, _], [max, _]) = (followed.rmse(), followed.max);
            assert!(rmse < 1e-3 && max < 2e-2, "{followed}");
            assert!(moved < 0.005 || rmse < 0.2 * constant.rmse()[0], "{followed} for {constant}");
        }
    }
}

/// What a table loses that was fitted for another volatility or another day: it has to change with the surface.
#[test]
fn stale_tables_lose_this_much() {
    for (rate, dividend_yield) in [(0.005, 0.0), (0.05, 0.03)] {
        let Some(options) = chain(rate, dividend_yield) else { return };
        for (what, volatility, years) in [("a point of volatility", 0.01, 0.0), ("a day", 0.0, 1.0 / 365.0)] {
            let mut errors = Errors::default();
            for option in options.iter().filter(|option| option.years > 2.0 / 365.0) {
                let now = Fitted::new(&AmericanOption {
                    volatility: option.volatility + volatility,
                    years: option.years - years,
                    ..*option
                });
                let late = Fitted { table: Fitted::new(option).table, ..now };
                errors.add(late.followed(SPOT), late.exact(SPOT));
            }
            println!("rate {rate}, yield {dividend_yield}, {what} late: {errors}");
            assert!(
                errors.count > 1_500 && errors.rmse()[0] < 0.3 && errors.max[0] < 3.0,
                "{what}: {errors}"
            );
        }
    }
}

/// What a fit costs the cold core, and a reading the decision thread. A probe: it asserts no time.
#[test]
#[ignore = "a measurement: run it by itself, optimised"]
fn what_tables_cost() {
    let isa = Isa::detect();
    let Some(options) = chain(0.005, 0.0) else { return };
    let (mut solve_ns, mut fit_ns, mut read_ns) = (f64::MAX, f64::MAX, f64::MAX);
    let each = |since: std::time::Instant| since.elapsed().as_nanos() as f64 / options.len() as f64;
    for _ in 0..20 {
        let since = std::time::Instant::now();
        for option in &options {
            let solved = EarlyExercise::solve(isa, option).expect("solved");
            std::hint::black_box(solved.premium(isa, SPOT).expect("a premium"));
        }
        solve_ns = solve_ns.min(each(since));
        let since = std::time::Instant::now();
        let tables: Vec<_> =
            options.iter().map(|option| PremiumTable::fit(isa, option, SPOT).expect("a table")).collect();
        fit_ns = fit_ns.min(each(since));
        let since = std::time::Instant::now();
        for table in &tables {
            let european = std::hint::black_box(WorthE9 { price_e9: 5_000_000_000, delta_e9: 500_000_000 });
            std::hint::black_box(table.american(european, 750_000_000_000, true, 749_000_000_000));
        }
        read_ns = read_ns.min(each(since));
    }
    println!(
        "a contract: one premium {solve_ns:.0} ns, a table {fit_ns:.0} ns, a reading {read_ns:.1} ns, the least of 20"
    );
}
