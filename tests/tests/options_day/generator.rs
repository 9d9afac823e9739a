//! `warptick generate --options-day`, held against its own words by code that shares none of it: quotes against the surface
//! by a formula of these tests, mispricings against a scan of all relations over a book of one order a side.

use std::collections::{BTreeSet, HashMap};

use engine::control::config::Config;
use feeds::itch::messages::Message;
use warptick_tests::warptick::{line, run};

use crate::market::{CENT, Chains, Market, UNIT};
use crate::scan::Scan;
use crate::value::value_cents;
use crate::written::{FILES, bytes, config, generate, number, table};

#[test]
fn mispricings_are_where_they_were_planted_and_nowhere_else() {
    let directory = tempfile::tempdir().expect("a directory");
    for seed in [1, 7] {
        let out = generate(directory.path(), &format!("day{seed}"), &config(seed));
        let (mut market, chains) = (Market::new(&out), Chains::new(&out));
        let truths = table(&out, "mispricings.csv");
        assert_eq!(truths.len(), 16, "two of each kind");
        let (mut found, mut is_open, mut scanned, mut crossed) = (0, false, 0, 0);
        while let Some((_, venue, changed)) = market.step() {
            is_open |=
                matches!(market.messages[market.next - 1].2, Message::SystemEvent(m) if m.event_code == b'Q');
            let Some(changed) = changed else { continue };
            let hits = Scan { market: &market, chains: &chains, changed: &changed, hits: Vec::new() }.all();
            scanned += 1;
            let is_on = |truth: &&HashMap<String, String>| {
                let venue = usize::from(truth["venue"] == "BX");
                let span = number::<u64>(truth, "begin_message")..number(truth, "end_message");
                span.contains(&market.counts[venue])
            };
            let on: Vec<_> = truths.iter().filter(is_on).collect();
            for hit in &hits {
                let names_it = |truth: &&HashMap<String, String>| {
                    let moved = format!("sell:{}@{}:", truth["symbol"], truth["venue"]);
                    hit.legs.iter().any(|leg| leg.starts_with(&moved))
                };
                assert!(on.iter().any(names_it), "seed {seed}: {hit:?} was not planted");
                crossed += 1;
            }
            for truth in on {
                let venue_of = u8::from(truth["venue"] == "BX");
                let begins = venue == venue_of
                    && number::<u64>(truth, "begin_message") == market.counts[usize::from(venue)];
                if !begins {
                    continue;
                }
                let legs: BTreeSet<String> = truth["legs"].split(' ').map(str::to_owned).collect();
                let hit = hits.iter().find(|hit| hit.kind == truth["kind"] && hit.legs == legs);
                let hit = hit.unwrap_or_else(|| panic!("seed {seed}: {truth:?} is not among {hits:?}"));
                assert_eq!(hit.profit_e9, number::<i64>(truth, "profit_e9"), "seed {seed}: {truth:?}");
                assert!((CENT..7 * CENT).contains(&hit.profit_e9), "{truth:?}");
                assert_eq!(hit.size, number::<u32>(truth, "size"), "seed {seed}: {truth:?}");
                assert!(is_open && hit.size > 0);
                let shares = if truth["kind"] == "cross_venue" { 1 } else { 100 };
                let total = hit.profit_e9 * i64::from(hit.size) * shares;
                assert_eq!(total, number::<i64>(truth, "total_e9"), "seed {seed}: {truth:?}");
                found += 1;
            }
        }
        assert_eq!(found, truths.len());
        println!("seed {seed}: {scanned} changes scanned, {crossed} hits, all in {found} planted places");
        assert!(scanned > 20_000);
    }
}

#[test]
fn quotes_surround_the_values_of_the_surface() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = generate(directory.path(), "day", &config(3));
    let (mut market, chains) = (Market::new(&out), Chains::new(&out));
    let truths = table(&out, "mispricings.csv");
    let surfaces: HashMap<String, [f64; 3]> = table(&out, "surfaces.csv")
        .iter()
        .map(|row| (row["underlying"].clone(), ["atm_variance", "rho", "eta"].map(|name| number(row, name))))
        .collect();
    let (mut bursts, mut compared) = (0, 0);
    while market.step().is_some() {
        if !market.is_quiet() || market.orders.is_empty() {
            continue;
        }
        bursts += 1;
        if bursts % 50 != 1 && market.next < market.messages.len() {
            continue;
        }
        let is_moved = |symbol: &str| {
            truths.iter().any(|truth| {
                let count = market.counts[usize::from(truth["venue"] == "BX")];
                let is_on =
                    (number::<u64>(truth, "begin_message")..number(truth, "end_message")).contains(&count);
                is_on && truth["symbol"] == symbol
            })
        };
        for (symbol, (underlying, expiry, strike, is_call)) in &chains.terms {
            if is_moved(symbol) {
                continue;
            }
            let (bid, _) = market.side(&(underlying.clone(), 0), 0).expect("a bid");
            let mid = (bid + CENT) as f64 / 1e9;
            let (years, discount) = (chains.years[*expiry], chains.discounts_e9[*expiry] as f64 / 1e9);
            let value =
                value_cents(surfaces[underlying], mid, years, discount, *strike as f64 / 1e9, *is_call);
            let of = |side| market.side(&(symbol.clone(), 0), side).map(|(price, _)| price / CENT);
            // Where a value is all but on a cent, either way of rounding is right.
            let near = 1e-6;
            let lower = |shift: f64| Some((value - 3.0 + shift).floor() as i64).filter(|&cents| cents > 0);
            let upper = |shift: f64| Some((value + 3.0 + shift).ceil() as i64);
            assert!(
                [lower(-near), lower(near)].contains(&of(0)),
                "bid {:?} of {symbol} worth {value}",
                of(0)
            );
            assert!(
                [upper(-near), upper(near)].contains(&of(1)),
                "offer {:?} of {symbol} worth {value}",
                of(1)
            );
            compared += 1;
        }
        for (underlying, venue) in surfaces.keys().flat_map(|name| [(name.clone(), 0), (name.clone(), 1)]) {
            if venue == 0 || !is_moved(&underlying) {
                let [bid, ask] =
                    [0, 1].map(|side| market.side(&(underlying.clone(), venue), side).expect("a side").0);
                let mid = market.side(&(underlying.clone(), 0), 0).expect("a bid").0 + CENT;
                assert_eq!((bid, ask), (mid - CENT, mid + CENT), "{underlying}");
            }
        }
    }
    println!("{compared} quotes at {bursts} quiet moments");
    assert!(compared > 4_000);
}

/// The project's own books show what the messages say, row by row.
#[test]
fn books_built_from_the_streams_show_these_quotes() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("day");
    let out_text = out.to_string_lossy().into_owned();
    let made = run([
        "generate",
        out_text.as_str(),
        "--options-day",
        "--underlyings",
        "2",
        "--moves",
        "100",
        "--mispricings",
        "6",
        "--seed",
        "5",
    ]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let captures = ["nasdaq.itch@NASDAQ", "bx.itch@BX"].map(|file| format!("{out_text}.{file}"));
    let [nasdaq, bx] = captures.each_ref().map(String::as_str);
    let rows = directory.path().join("bbo.csv");
    let book = run(["book", nasdaq, bx, "--bbo", &rows.to_string_lossy()]);
    assert_eq!(book.code, Some(0), "{}", book.stderr);
    assert_eq!(line(&book.stdout, "crossed"), "0 events in continuous trading");
    let mut market = Market::new(&out);
    assert_eq!(line(&book.stdout, "messages"), market.messages.len().to_string());
    let text = std::fs::read_to_string(&rows).expect("rows");
    let mut compared = 0;
    for row in text.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let consumed: usize = fields[0].parse().expect("a count");
        let mut changed = None;
        while market.next < consumed {
            changed = market.step().expect("a message").2;
        }
        let name = changed.expect("a row is of a change");
        assert_eq!(name.0, fields[2]);
        let values = [3, 4, 5, 6].map(|at| fields[at].parse::<i64>().expect("a number"));
        let side =
            |side| market.side(&name, side).map_or((0, 0), |(price, size)| (price / UNIT, i64::from(size)));
        let (bid, ask) = (side(0), side(1));
        assert_eq!(values, [bid.0, bid.1, ask.0, ask.1], "{row}");
        compared += 1;
    }
    assert!(compared > 5_000, "{compared} rows");
    // And the configuration beside them is one that the engine takes.
    let summary = directory.path().join("summary.json");
    let toml = format!("{out_text}.toml");
    let replayed =
        run(["replay", nasdaq, bx, "--config", toml.as_str(), "--summary", &summary.to_string_lossy()]);
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    let text = std::fs::read_to_string(&summary).expect("a summary");
    let summary: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let requests = summary["wide"]["requests"].as_u64().expect("a count");
    println!("{compared} rows, {requests} requests for wide work");
    assert!(requests > 100, "{requests} requests for wide work");
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let directory = tempfile::tempdir().expect("a directory");
    let [one, two, other] = [("one", 11), ("two", 11), ("other", 12)]
        .map(|(name, seed)| generate(directory.path(), name, &config(seed)));
    let mut sum = 0xCBF2_9CE4_8422_2325u64;
    for file in FILES {
        let expected = bytes(&one, file);
        assert!(expected == bytes(&two, file), "{file}");
        assert!(expected != bytes(&other, file), "{file} does not depend on the seed");
        sum = expected
            .iter()
            .fold(sum, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
    }
    println!("FNV-1a over all files: {sum:#018x}");
    let text = String::from_utf8(bytes(&one, "toml")).expect("text");
    let parsed = Config::parse("generated", &text).expect("a configuration");
    let wide = parsed.wide.expect("wide work");
    assert_eq!((wide.chains.len(), wide.chains[0].options.len()), (3, 250));
}

#[test]
fn numbers_that_give_no_day_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("day");
    for (option, value, what) in [
        ("--underlyings", "0", "underlyings = 0: must be 1 to 200"),
        ("--underlyings", "201", "underlyings = 201: must be 1 to 200"),
        ("--moves", "0", "moves = 0: must be 1 to 2000000"),
        ("--mispricings", "63", "mispricings = 63: must be at most 62"),
    ] {
        let refused = run(["generate", &out.to_string_lossy(), "--options-day", option, value]);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(what), "{}", refused.stderr);
    }
    let alone = run(["generate", &out.to_string_lossy(), "--moves", "10"]);
    assert_eq!(alone.code, Some(2), "--moves needs --options-day");
}
