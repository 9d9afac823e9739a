//! `warptick generate --options-day`, held against its own words by code that shares none of it: quotes against the surface
//! by a formula of this file, mispricings against a scan of all relations over a book of one order a side.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use engine::control::config::Config;
use engine::control::options_day::{self, OptionsDayConfig};
use engine::control::session_date::SessionDate;
use feeds::itch::decode::decode;
use feeds::itch::messages::Message;
use warptick_tests::captures::framed;
use warptick_tests::warptick::{line, run};

/// Price units (1e-9) in one of ITCH's.
const UNIT: i64 = 100_000;
const CENT: i64 = 10_000_000;
/// Bursts are further apart than this, ns.
const QUIET_NS: u64 = 1_000_000;

const FILES: [&str; 6] =
    ["nasdaq.itch", "bx.itch", "contracts.csv", "surfaces.csv", "mispricings.csv", "toml"];

fn config(seed: u64) -> OptionsDayConfig {
    let date = SessionDate::new(2026, 1, 5).expect("a date");
    OptionsDayConfig { seed, underlyings: 3, moves: 300, mispricings: 16, ..OptionsDayConfig::on(date) }
}

fn generate(directory: &Path, name: &str, config: &OptionsDayConfig) -> PathBuf {
    let out = directory.join(name);
    options_day::run(&out, config, &mut Vec::new()).expect("a day");
    out
}

fn bytes(out: &Path, file: &str) -> Vec<u8> {
    std::fs::read(format!("{}.{file}", out.display())).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The rows of a table, by column.
fn table(out: &Path, file: &str) -> Vec<HashMap<String, String>> {
    let text = String::from_utf8(bytes(out, file)).expect("text");
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let row = |line: &str| {
        names.iter().map(|&name| name.to_owned()).zip(line.split(',').map(str::to_owned)).collect()
    };
    lines.map(row).collect()
}

fn number<T: std::str::FromStr>(row: &HashMap<String, String>, column: &str) -> T {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

/// A side: price in 1e-9 and size.
type Side = Option<(i64, u32)>;

/// Symbol and venue.
type Name = (String, u8);

/// What both streams show, message by message in order of time.
struct Market {
    messages: Vec<(u64, u8, Message)>,
    next: usize,
    counts: [u64; 2],
    names: HashMap<(u8, u16), Name>,
    orders: HashMap<(u8, u64), (Name, usize)>,
    quotes: HashMap<Name, [Side; 2]>,
}

impl Market {
    fn new(out: &Path) -> Self {
        let mut messages = Vec::new();
        for (venue, file) in (0u8..).zip(FILES).take(2) {
            let stream = bytes(out, file);
            let of_one = framed(&stream).map(|(_, body)| decode(body).expect("a message"));
            messages.extend(of_one.map(|message| (message.header().timestamp_ns, venue, message)));
        }
        messages.sort_by_key(|&(at_ns, ..)| at_ns);
        assert!(messages.windows(2).all(|pair| pair[0].0 < pair[1].0), "no two at one time");
        let (names, orders, quotes) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { messages, next: 0, counts: [0; 2], names, orders, quotes }
    }

    /// Applies the next message: its time, venue, and the listing whose quote it changed.
    fn step(&mut self) -> Option<(u64, u8, Option<Name>)> {
        let (at_ns, venue, message) = *self.messages.get(self.next)?;
        self.next += 1;
        self.counts[usize::from(venue)] += 1;
        Some((at_ns, venue, self.apply(venue, &message)))
    }

    /// Whether nothing more comes at once.
    fn is_quiet(&self) -> bool {
        let before = self.messages[self.next - 1].0;
        self.messages.get(self.next).is_none_or(|next| next.0 > before + QUIET_NS)
    }

    fn apply(&mut self, venue: u8, message: &Message) -> Option<Name> {
        match *message {
            Message::StockDirectory(m) => {
                let name = (m.stock.to_string(), venue);
                assert!(
                    self.names.insert((venue, m.header.locate), name.clone()).is_none(),
                    "a locate twice"
                );
                self.quotes.insert(name, [None; 2]);
                None
            }
            Message::AddOrder(m) => {
                let name = self.names[&(venue, m.header.locate)].clone();
                assert_eq!(name.0, m.stock.to_string());
                self.add(venue, m.reference, name, usize::from(m.side == b'S'), m.price, m.shares)
            }
            Message::OrderReplace(m) => {
                let (name, side) = self.orders.remove(&(venue, m.reference)).expect("a live order");
                self.quotes.get_mut(&name).expect("listed")[side] = None;
                self.add(venue, m.new_reference, name, side, m.price, m.shares)
            }
            Message::OrderDelete(m) => {
                let (name, side) = self.orders.remove(&(venue, m.reference)).expect("a live order");
                self.quotes.get_mut(&name).expect("listed")[side] = None;
                Some(name)
            }
            Message::OrderExecuted(m) => {
                let (name, side) = self.orders[&(venue, m.reference)].clone();
                let quote = self.quotes.get_mut(&name).expect("listed")[side].as_mut().expect("a quote");
                assert!(quote.1 > m.shares, "some stay");
                quote.1 -= m.shares;
                Some(name)
            }
            _ => None,
        }
    }

    fn add(
        &mut self,
        venue: u8,
        reference: u64,
        name: Name,
        side: usize,
        price: u32,
        size: u32,
    ) -> Option<Name> {
        let quote = self.quotes.get_mut(&name).expect("listed");
        assert_eq!(quote[side], None, "one order a side of {name:?}");
        quote[side] = Some((i64::from(price) * UNIT, size));
        if let [Some((bid, _)), Some((ask, _))] = *quote {
            assert!(bid < ask, "{name:?} is crossed in itself");
        }
        assert!(self.orders.insert((venue, reference), (name.clone(), side)).is_none(), "a reference twice");
        Some(name)
    }

    fn side(&self, name: &Name, side: usize) -> Side {
        self.quotes[name][side]
    }
}

/// The contracts by underlying, expiry, strike and right.
struct Chains {
    /// Symbol -> underlying, expiry, strike (1e-9), is a call.
    terms: HashMap<String, (String, usize, i64, bool)>,
    symbols: HashMap<(String, usize, i64, bool), String>,
    strikes: HashMap<String, BTreeSet<i64>>,
    years: Vec<f64>,
    discounts_e9: Vec<i64>,
}

impl Chains {
    fn new(out: &Path) -> Self {
        let rows = table(out, "contracts.csv");
        let dates: BTreeMap<String, (f64, i64)> = rows
            .iter()
            .map(|row| (row["expiry"].clone(), (number(row, "years"), number(row, "discount_e9"))))
            .collect();
        let (mut terms, mut symbols, mut strikes) = (HashMap::new(), HashMap::new(), HashMap::new());
        for row in &rows {
            let expiry = dates.keys().position(|date| *date == row["expiry"]).expect("a date");
            let (underlying, strike) = (row["underlying"].clone(), number::<i64>(row, "strike_e9"));
            let is_call = row["right"] == "call";
            let symbol = row["symbol"].clone();
            assert_eq!(number::<u32>(row, "multiplier"), 100);
            // The symbol alone tells the contract.
            let month = row["expiry"][5..7].parse::<u8>().expect("a month");
            let letter = if is_call { b'A' } else { b'M' } + month - 1;
            assert_eq!(symbol, format!("{underlying}{}{:04}", letter as char, strike / 100_000_000));
            strikes.entry(underlying.clone()).or_insert_with(BTreeSet::new).insert(strike);
            let term = (underlying, expiry, strike, is_call);
            symbols.insert(term.clone(), symbol.clone());
            assert!(terms.insert(symbol, term).is_none(), "a symbol twice");
        }
        let (years, discounts_e9) = dates.values().copied().unzip();
        Self { terms, symbols, strikes, years, discounts_e9 }
    }
}

/// One relation at displayed prices that earns something.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hit {
    kind: &'static str,
    legs: BTreeSet<String>,
    profit_e9: i64,
    size: u32,
}

/// A trade: sells, listing, ratio.
type Leg<'a> = (bool, &'a Name, u32);

struct Scan<'a> {
    market: &'a Market,
    chains: &'a Chains,
    changed: &'a Name,
    hits: Vec<Hit>,
}

impl Scan<'_> {
    /// `cash_e9` is what the exchange at expiry is worth now, a share.
    fn check(&mut self, kind: &'static str, legs: &[Leg<'_>], cash_e9: i64) {
        if !legs.iter().any(|(_, name, _)| *name == self.changed) {
            return;
        }
        let (mut profit_e9, mut size) = (cash_e9, u32::MAX);
        for &(sells, name, ratio) in legs {
            let Some((price, displayed)) = self.market.side(name, usize::from(!sells)) else { return };
            let count = if ratio == 100 { 1 } else { i64::from(ratio) };
            profit_e9 += if sells { price } else { -price } * count;
            size = size.min(displayed / ratio);
        }
        if profit_e9 > 0 {
            let words = legs.iter().map(|(sells, (symbol, venue), ratio)| {
                let (action, venue) =
                    (["buy", "sell"][usize::from(*sells)], ["NASDAQ", "BX"][usize::from(*venue)]);
                format!("{action}:{symbol}@{venue}:{ratio}")
            });
            self.hits.push(Hit { kind, legs: words.collect(), profit_e9, size });
        }
    }

    fn option(&self, underlying: &str, expiry: usize, strike: i64, is_call: bool) -> Name {
        (self.chains.symbols[&(underlying.to_owned(), expiry, strike, is_call)].clone(), 0)
    }

    /// Present value of an amount, 1e-9, as it is received or paid.
    fn now(&self, expiry: usize, amount_e9: i64, is_paid: bool) -> i64 {
        let exact = i128::from(amount_e9) * i128::from(self.chains.discounts_e9[expiry]);
        (if is_paid { -(-exact).div_euclid(1_000_000_000) } else { exact.div_euclid(1_000_000_000) }) as i64
    }

    fn parity(&mut self, underlying: &str, expiry: usize, strike: i64) {
        let (call, put) =
            (self.option(underlying, expiry, strike, true), self.option(underlying, expiry, strike, false));
        for venue in 0..2 {
            let shares = (underlying.to_owned(), venue);
            let received = self.now(expiry, strike, false);
            self.check("conversion", &[(true, &call, 1), (false, &put, 1), (false, &shares, 100)], received);
            let paid = self.now(expiry, strike, true);
            self.check("reversal", &[(true, &put, 1), (false, &call, 1), (true, &shares, 100)], -paid);
        }
    }

    fn of_underlying(&mut self, underlying: &str) {
        let [a, b] = [0, 1].map(|venue| (underlying.to_owned(), venue));
        self.check("cross_venue", &[(true, &a, 1), (false, &b, 1)], 0);
        self.check("cross_venue", &[(true, &b, 1), (false, &a, 1)], 0);
        let strikes = self.chains.strikes[underlying].clone();
        for expiry in 0..self.chains.years.len() {
            for &strike in &strikes {
                self.parity(underlying, expiry, strike);
            }
        }
    }

    fn of_option(&mut self, underlying: &str, expiry: usize, strike: i64) {
        self.parity(underlying, expiry, strike);
        let strikes: Vec<i64> = self.chains.strikes[underlying].iter().copied().collect();
        for &other in strikes.iter().filter(|&&other| other != strike) {
            let (low, high) = (strike.min(other), strike.max(other));
            let [c1, p1, c2, p2] = [(low, true), (low, false), (high, true), (high, false)]
                .map(|(strike, is_call)| self.option(underlying, expiry, strike, is_call));
            let owed = self.now(expiry, high, true) - self.now(expiry, low, false);
            self.check("box", &[(true, &c1, 1), (false, &p1, 1), (false, &c2, 1), (true, &p2, 1)], -owed);
            let due = self.now(expiry, high, false) - self.now(expiry, low, true);
            self.check("box", &[(false, &c1, 1), (true, &p1, 1), (true, &c2, 1), (false, &p2, 1)], due);
            self.check("call_vertical", &[(true, &c2, 1), (false, &c1, 1)], 0);
            self.check("put_vertical", &[(true, &p1, 1), (false, &p2, 1)], 0);
            // No spread is worth more than its width.
            let width = self.now(expiry, high - low, false);
            self.check("wide_call_vertical", &[(true, &c1, 1), (false, &c2, 1)], -width - 1);
            self.check("wide_put_vertical", &[(true, &p2, 1), (false, &p1, 1)], -width - 1);
        }
        for middle in 0..strikes.len() {
            for width in 1..=middle.min(strikes.len() - 1 - middle) {
                for is_call in [true, false] {
                    let [low, mid, high] = [middle - width, middle, middle + width]
                        .map(|at| self.option(underlying, expiry, strikes[at], is_call));
                    self.check("butterfly", &[(true, &mid, 2), (false, &low, 1), (false, &high, 1)], 0);
                }
            }
        }
        for near in 0..self.chains.years.len() {
            for far in near + 1..self.chains.years.len() {
                let [near, far] = [near, far].map(|expiry| self.option(underlying, expiry, strike, true));
                self.check("calendar", &[(true, &near, 1), (false, &far, 1)], 0);
            }
        }
    }

    /// All relations that the changed listing is in.
    fn all(mut self) -> Vec<Hit> {
        let (chains, changed) = (self.chains, self.changed);
        match chains.terms.get(&changed.0) {
            Some((underlying, expiry, strike, _)) => self.of_option(underlying, *expiry, *strike),
            None => self.of_underlying(&changed.0),
        }
        self.hits
    }
}

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

/// N(x) by Simpson's rule.
fn normal(x: f64) -> f64 {
    let (steps, end) = (400, x.abs().min(9.0));
    let density = |t: f64| (-0.5 * t * t).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let h = end / f64::from(steps);
    let inner: f64 = (1..steps).map(|i| density(f64::from(i) * h) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
    let area = (density(0.0) + inner + density(end)) * h / 3.0;
    if x < 0.0 { 0.5 - area } else { 0.5 + area }
}

/// Black and Scholes with the surface's volatility, cents.
fn value_cents(surface: [f64; 3], mid: f64, years: f64, discount: f64, strike: f64, is_call: bool) -> f64 {
    let [atm_variance, rho, eta] = surface;
    let forward = mid / discount;
    let theta = atm_variance * years;
    let scaled = eta / theta.sqrt() * (strike / forward).ln();
    let root = ((scaled + rho).powi(2) + 1.0 - rho * rho).sqrt();
    let deviation = (0.5 * theta * (1.0 + rho * scaled + root)).sqrt();
    let d1 = (forward / strike).ln() / deviation + deviation / 2.0;
    let sign = if is_call { 1.0 } else { -1.0 };
    100.0 * discount * sign * (forward * normal(sign * d1) - strike * normal(sign * (d1 - deviation)))
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
