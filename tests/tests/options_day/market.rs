//! The market of a day as its messages tell it, read by code that shares none of the project's: a book of one order a side, and
//! the contracts by underlying, expiry, strike and right.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use feeds::itch::decode::decode;
use feeds::itch::messages::Message;
use warptick_tests::captures::framed;

use crate::written::{FILES, bytes, number, table};

/// Price units (1e-9) in one of ITCH's.
pub const UNIT: i64 = 100_000;
pub const CENT: i64 = 10_000_000;
/// Bursts are further apart than this, ns.
pub const QUIET_NS: u64 = 1_000_000;

/// A side: price in 1e-9 and size.
pub type Side = Option<(i64, u32)>;

/// Symbol and venue.
pub type Name = (String, u8);

/// What both streams show, message by message in order of time.
pub struct Market {
    pub messages: Vec<(u64, u8, Message)>,
    pub next: usize,
    pub counts: [u64; 2],
    names: HashMap<(u8, u16), Name>,
    pub orders: HashMap<(u8, u64), (Name, usize)>,
    quotes: HashMap<Name, [Side; 2]>,
}

impl Market {
    pub fn new(out: &Path) -> Self {
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
    pub fn step(&mut self) -> Option<(u64, u8, Option<Name>)> {
        let (at_ns, venue, message) = *self.messages.get(self.next)?;
        self.next += 1;
        self.counts[usize::from(venue)] += 1;
        Some((at_ns, venue, self.apply(venue, &message)))
    }

    /// Time of the next message, ns since midnight.
    pub fn next_ns(&self) -> Option<u64> {
        self.messages.get(self.next).map(|next| next.0)
    }

    /// Whether nothing more comes at once.
    pub fn is_quiet(&self) -> bool {
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

    pub fn side(&self, name: &Name, side: usize) -> Side {
        self.quotes[name][side]
    }
}

/// The contracts by underlying, expiry, strike and right.
pub struct Chains {
    /// Symbol -> underlying, expiry, strike (1e-9), is a call.
    pub terms: HashMap<String, (String, usize, i64, bool)>,
    pub symbols: HashMap<(String, usize, i64, bool), String>,
    pub strikes: HashMap<String, BTreeSet<i64>>,
    pub years: Vec<f64>,
    pub discounts_e9: Vec<i64>,
}

impl Chains {
    pub fn new(out: &Path) -> Self {
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
