//! Whether a session looks like a day: mix, cross-venue moments, fills of a passive order.

use std::collections::{HashMap, HashSet};

use super::naive_venue::NaiveVenue;
use super::*;
use crate::itch::messages::Message;
use crate::symbol::Symbol;

/// The two streams in the session's order: time goes on across venues, and cross-venue moments are as counted.
#[test]
fn venues_lock_and_cross_for_microseconds_to_milliseconds() {
    let config = SyntheticConfig { symbols: 200, messages: 500_000, ..SyntheticConfig::default() };
    let mut session = Session::new(&config).unwrap();
    let mut venues = [NaiveVenue::default(), NaiveVenue::default()];
    let mut names: HashMap<[u8; 8], [u16; 2]> = HashMap::new();
    let mut symbols: [HashMap<u16, [u8; 8]>; 2] = Default::default();
    let mut crossed_since: HashMap<[u8; 8], u64> = HashMap::new();
    let (mut lengths, mut wide, mut last_ns, mut continuous) = (Vec::new(), 0, 0, false);
    while let Some((venue, message)) = session.next_message() {
        let header = *message.header();
        assert!(header.timestamp_ns >= last_ns);
        last_ns = header.timestamp_ns;
        let index = usize::from(venue);
        venues[index].apply(&message);
        if let Message::StockDirectory(m) = message {
            names.entry(m.stock.wire8()).or_default()[index] = header.locate;
            symbols[index].insert(header.locate, m.stock.wire8());
        }
        // Halted symbols do not count, and the cross of the opening comes before continuous trading.
        continuous |= matches!(message, Message::OrderDelete(_));
        let Some(name) = symbols[index].get(&header.locate).filter(|_| continuous) else { continue };
        let locates = names[name];
        let tops = [0, 1].map(|v| venues[v].top(locates[v]));
        let trading = [0, 1].iter().all(|&v| venues[v].books.get(&locates[v]).is_some_and(|b| b.trading));
        let over = |bid: u32, ask: u32| if bid > 0 && ask > 0 { bid.saturating_sub(ask) } else { 0 };
        let cross = if trading { over(tops[0].0, tops[1].1).max(over(tops[1].0, tops[0].1)) } else { 0 };
        match (cross > 0, crossed_since.contains_key(name)) {
            (true, false) => {
                crossed_since.insert(*name, last_ns);
                wide += u32::from(cross >= 100);
            }
            (false, true) => lengths.push(last_ns - crossed_since.remove(name).unwrap()),
            _ => {}
        }
    }
    let crossed = session.stats().crossed;
    lengths.sort_unstable();
    assert_eq!(crossed.count, lengths.len() as u64 + crossed_since.len() as u64);
    assert_eq!(crossed.longest_ns, *lengths.last().unwrap());
    assert!(wide >= 100, "{wide} moments crossed by a cent or more");
    assert!((100..5_000).contains(&crossed.count), "realistic rarity: {crossed:?}");
    assert!((30_000..2_000_000).contains(&lengths[lengths.len() / 2]), "{}", lengths[lengths.len() / 2]);
    assert!(lengths[lengths.len() * 99 / 100] < 10_000_000, "{}", lengths[lengths.len() * 99 / 100]);
}

/// Mix, sizes, halts, and half of the messages on the symbol of the one before.
#[test]
fn the_mix_is_that_of_a_day() {
    let config = SyntheticConfig { symbols: 500, messages: 1_000_000, ..SyntheticConfig::default() };
    let mut session = Session::new(&config).unwrap();
    let mut names: HashMap<(u8, u16), Symbol> = HashMap::new();
    let (mut last, mut stays, mut hundreds, mut states) = (None, 0, 0, [Vec::new(), Vec::new()]);
    while let Some((venue, message)) = session.next_message() {
        let locate = message.header().locate;
        match message {
            Message::StockDirectory(m) => assert!(names.insert((venue, locate), m.stock).is_none()),
            Message::StockTradingAction(m) if m.trading_state != b'T' || !m.reason.starts_with(b" ") => {
                states[usize::from(venue)].push(m.trading_state);
            }
            Message::AddOrder(m) => hundreds += u64::from(m.shares == 100),
            _ => {}
        }
        let name = names.get(&(venue, locate)).copied();
        stays += u64::from(name == last);
        last = name;
    }
    let stats = session.stats();
    let count = |letter: u8| stats.venues.iter().map(|v| v.count(letter)).sum::<u64>();
    let permille = |letter: u8| count(letter) * 1000 / config.messages;
    let bounds = [
        (b'A', 440..=490),
        (b'F', 3..=7),
        (b'D', 350..=400),
        (b'U', 65..=85),
        (b'E', 40..=50),
        (b'X', 17..=23),
        (b'P', 8..=12),
    ];
    for (letter, range) in bounds {
        assert!(range.contains(&permille(letter)), "{}: {}", letter.escape_ascii(), permille(letter));
    }
    assert!((500..2_000).contains(&count(b'C')), "{}", count(b'C'));
    let bx_share = stats.venues[1].messages() * 100 / config.messages;
    assert!((15..40).contains(&bx_share), "{bx_share} %");
    let hundreds = hundreds * 100 / count(b'A');
    assert!((52..62).contains(&hundreds), "{hundreds} % of 100 shares");
    let stays = stays * 100 / config.messages;
    assert!((45..=55).contains(&stays), "{stays} % stay on their symbol");
    for states in states {
        assert_eq!(states.iter().filter(|&&s| s == b'H').count(), 4);
        assert_eq!(states.iter().filter(|&&s| s == b'T').count(), 4);
    }
}

/// A passive order that joins the touch at the queue's end and leaves when the touch has left it two ticks behind.
#[derive(Default)]
struct Passive {
    price: u32,
    ahead: HashSet<u64>,
    joins: u32,
    fills: u32,
}

impl Passive {
    /// After each message; `bid_executed` says that it executed a bid.
    fn follow(&mut self, venue: &NaiveVenue, locate: u16, bid_executed: bool) {
        let (bid, _) = venue.top(locate);
        self.ahead.retain(|reference| venue.orders.contains_key(reference));
        // With nobody ahead, what trades at our price or below it trades with us first.
        let filled = bid_executed && self.price > 0 && self.ahead.is_empty() && bid <= self.price;
        self.fills += u32::from(filled);
        if filled || bid.abs_diff(self.price) >= 200 {
            let queue = venue.books[&locate].bids.get(&bid);
            *self = Self {
                price: bid,
                ahead: queue.into_iter().flatten().copied().collect(),
                joins: self.joins + 1,
                fills: self.fills,
            };
        }
    }
}

/// A market maker at the touch gets filled often, but not each time that it joins.
#[test]
fn a_passive_order_at_the_touch_is_filled() {
    let config = SyntheticConfig { symbols: 20, messages: 300_000, ..SyntheticConfig::default() };
    let mut session = Session::new(&config).unwrap();
    let mut venue = NaiveVenue::default();
    let mut passive: HashMap<u16, Passive> = HashMap::new();
    while let Some((number, message)) = session.next_message() {
        if number == BX {
            continue;
        }
        let executed = match message {
            Message::OrderExecuted(m) => Some(m.reference),
            Message::OrderExecutedWithPrice(m) => Some(m.reference),
            _ => None,
        };
        let bid_executed = executed.is_some_and(|reference| venue.orders[&reference].buy);
        venue.apply(&message);
        let locate = message.header().locate;
        if venue.open && locate > 0 {
            passive.entry(locate).or_default().follow(&venue, locate, bid_executed);
        }
    }
    let joins: u32 = passive.values().map(|p| p.joins).sum();
    let fills: u32 = passive.values().map(|p| p.fills).sum();
    println!("{joins} joins, {fills} fills");
    assert!(fills > 500, "{fills} fills of {joins}");
    assert!(fills * 10 < joins * 9, "{fills} fills of {joins}");
}
