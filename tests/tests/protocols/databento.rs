//! DBN files: the ES day by order, top-of-book and ten-level files, trades, definitions. The naive models read the
//! records' bytes themselves (layouts: Databento, «Schemas and data formats»).

use std::collections::BTreeMap;

use feeds::event::{EventKind, MarketEvent, Side, TradingStatus, flags};
use feeds::source::file::Capture;
use kernels::cpu::book::Bbo;
use warptick_tests::captures::shared;

use crate::replayed::bytes::{i64_at, u32_at, u64_at};
use crate::replayed::{Replayed, bbo, count};

/// Flag of the last record of an instrument's event.
const F_LAST: u8 = 1 << 7;

/// «No price».
const UNDEFINED: i64 = i64::MAX;

/// 2023-12-25 17:00 in Chicago, where continuous trading begins, UTC ns.
const OPEN_NS: u64 = 1_703_545_200_000_000_000;

/// The records of a file, header and all.
fn records(file: &[u8]) -> Vec<&[u8]> {
    assert_eq!(&file[..3], b"DBN");
    let mut rest = &file[8 + u32_at(file, 4) as usize..];
    let mut records = Vec::new();
    while let Some(&words) = rest.first() {
        let (record, behind) = rest.split_at(usize::from(words) * 4);
        records.push(record);
        rest = behind;
    }
    records
}

/// A book by order: the queue of each price, oldest first.
#[derive(Default)]
struct NaiveBook {
    /// Where each order rests: side and price.
    at: BTreeMap<u64, (u8, i64)>,
    /// By side and price: id and size.
    levels: BTreeMap<(u8, i64), Vec<(u64, u32)>>,
}

impl NaiveBook {
    fn enter(&mut self, id: u64, side: u8, price: i64, size: u32) {
        assert_eq!(self.at.insert(id, (side, price)), None, "order {id} rests already");
        self.levels.entry((side, price)).or_default().push((id, size));
    }

    /// Takes an order out: its side, price and size.
    fn leave(&mut self, id: u64) -> (u8, i64, u32) {
        let key = self.at.remove(&id).unwrap_or_else(|| panic!("order {id} does not rest"));
        let queue = self.levels.get_mut(&key).unwrap();
        let at = queue.iter().position(|order| order.0 == id).unwrap();
        let (_, size) = queue.remove(at);
        if queue.is_empty() {
            self.levels.remove(&key);
        }
        (key.0, key.1, size)
    }

    fn apply(&mut self, action: u8, id: u64, side: u8, price: i64, size: u32) {
        match action {
            b'A' => self.enter(id, side, price, size),
            b'C' | b'M' => {
                let key = *self.at.get(&id).unwrap_or_else(|| panic!("order {id} does not rest"));
                let queue = self.levels.get_mut(&key).unwrap();
                let order = queue.iter_mut().find(|order| order.0 == id).unwrap();
                let left = if action == b'C' { order.1.checked_sub(size).expect("as much") } else { size };
                // A smaller size at the same price keeps the place in the queue.
                if left > 0 && left <= order.1 && (action == b'C' || key == (side, price)) {
                    order.1 = left;
                    return;
                }
                self.leave(id);
                if left > 0 {
                    self.enter(id, side, price, left);
                }
            }
            b'R' => *self = Self::default(),
            b'F' | b'T' | b'N' => {}
            other => panic!("action {other}"),
        }
    }

    fn best(&self, side: u8) -> Option<(i64, u64)> {
        let mut prices = self.levels.range((side, i64::MIN)..=(side, i64::MAX));
        let level = if side == b'B' { prices.next_back() } else { prices.next() };
        level.map(|(&(_, price), queue)| (price, queue.iter().map(|order| u64::from(order.1)).sum()))
    }

    fn bbo(&self) -> Bbo {
        bbo(self.best(b'B'), self.best(b'A'))
    }
}

/// Every record's bytes are in its event; the top is right at the end of every event; the end is the known one.
#[test]
fn es_by_order_agrees_with_a_naive_book() {
    let Some(path) = shared("databento_dbn/nautilus_tests/esh4-glbx-mdp3-20231225.mbo.dbn.zst") else {
        return;
    };
    let capture = Capture::open(path).unwrap();
    let records = records(capture.bytes());
    assert_eq!(records.len(), 68_792);
    let mut naive = NaiveBook::default();
    let (mut fills_of_unknown, mut crossed_before_open, mut crossed, mut ends) = (Vec::new(), 0, 0, 0);
    let mut kinds = BTreeMap::new();
    let replayed = Replayed::run(&capture, |replayed, events| {
        let record = records[usize::try_from(replayed.framed).unwrap() - 1];
        let (id, price, size) = (u64_at(record, 16), i64_at(record, 24), u32_at(record, 32));
        let (set, action, side) = (record[36], record[38], record[39]);
        *kinds.entry(char::from(action)).or_insert(0) += 1;
        if action == b'F' {
            if !naive.at.contains_key(&id) {
                fills_of_unknown.push(id);
            }
            assert!(events.is_empty(), "a fill touches nothing");
        } else {
            the_event_says_what_the_record_says(record, events.last().expect("an event"));
        }
        naive.apply(action, id, side, price, size);
        if set & F_LAST == 0 {
            return;
        }
        ends += 1;
        assert_eq!(replayed.books.bbo(0), naive.bbo(), "record {}", replayed.framed);
        assert_eq!(replayed.books.live_orders(), naive.at.len());
        let is_crossed = naive.best(b'B').zip(naive.best(b'A')).is_some_and(|(bid, ask)| bid.0 >= ask.0);
        let open = u64_at(record, 8) >= OPEN_NS;
        assert_eq!(replayed.books.is_continuous(0), open, "record {}", replayed.framed);
        crossed += u64::from(is_crossed && open);
        crossed_before_open += u64::from(is_crossed && !open);
    });
    let counts = [('A', 29_216), ('C', 17_999), ('F', 6_371), ('M', 12_233), ('T', 2_973)];
    // The snapshot's clear is not among this file's records: it begins with the orders.
    assert_eq!(kinds, BTreeMap::from(counts));
    assert_eq!(fills_of_unknown.len(), 7, "fills of orders that are not in the book, and no errors");
    fills_of_unknown.dedup();
    assert_eq!(fills_of_unknown.len(), 7);

    assert_eq!((crossed, replayed.books.crossed_events()), (0, 0));
    println!("{ends} events ended, {crossed_before_open} of them crossed before the open");
    assert_eq!(replayed.books.live_orders(), 11_217);
    let end = replayed.books.bbo(0);
    assert_eq!(
        (end.bid_px, end.bid_qty, end.ask_px, end.ask_qty),
        (4_810_000_000_000, 22, 4_810_250_000_000, 28)
    );

    // The whole book, queue by queue.
    for (side, character) in [(Side::Buy, b'B'), (Side::Sell, b'A')] {
        let prices: Vec<i64> =
            naive.levels.keys().filter(|key| key.0 == character).map(|key| key.1).collect();
        assert_eq!(replayed.books.level_count(0, side), prices.len());
        for price in prices {
            let queue = replayed.books.queue(0, side, price);
            let queue: Vec<(u64, u32)> =
                queue.map(|order| (order.order_id, u32::try_from(order.quantity).unwrap())).collect();
            assert_eq!(queue, naive.levels[&(character, price)], "{side:?} {price}");
        }
    }
}

/// The round trip of a record by order: each of its fields can be told from its event.
fn the_event_says_what_the_record_says(record: &[u8], event: &MarketEvent) {
    let (id, price, size) = (u64_at(record, 16), i64_at(record, 24), u64::from(u32_at(record, 32)));
    let (set, action) = (record[36], record[38]);
    let side = match record[39] {
        b'B' => Side::Buy,
        b'A' => Side::Sell,
        _ => Side::None,
    };
    assert_eq!((event.exchange_ns, event.receive_ns), (u64_at(record, 8), u64_at(record, 40)));
    assert_eq!(event.flags & flags::LAST_OF_EVENT != 0, set & F_LAST != 0);
    assert_eq!(event.flags & flags::SNAPSHOT != 0, set & 1 << 5 != 0);
    assert_eq!(event.quantity, size);
    match action {
        b'A' => assert_eq!((event.kind, event.order_id), (EventKind::OrderAdd, id)),
        b'M' => assert_eq!((event.kind, event.order_id), (EventKind::OrderModify, id)),
        b'C' => return assert_eq!((event.kind, event.order_id), (EventKind::OrderReduce, id)),
        // The record names the aggressor's side, the event the resting one.
        b'T' => {
            return assert_eq!(
                (event.kind, event.price, event.side),
                (EventKind::Trade, price, side.opposite())
            );
        }
        other => panic!("action {other}"),
    }
    assert_eq!((event.price, event.side), (price, side));
}

/// The levels that a record by price shows, bids and asks, best first; empty ones left out.
fn shown(record: &[u8], depth: usize) -> [Vec<(i64, u64)>; 2] {
    let side = |price_at: usize, size_at: usize| {
        let levels = (0..depth).map(|level| 48 + 32 * level);
        let levels =
            levels.map(|at| (i64_at(record, at + price_at), u64::from(u32_at(record, at + size_at))));
        levels.filter(|&(price, size)| price != UNDEFINED && size != 0).collect()
    };
    [side(0, 16), side(8, 20)]
}

/// Behind every record the books hold exactly the levels that it shows; trades are the records of action T. The
/// number of records and of trades, and the contracts traded.
fn by_price(path: &str, depth: usize) -> Option<(u64, u64, u64)> {
    let capture = Capture::open(shared(path)?).unwrap();
    let records = records(capture.bytes());
    let (mut trades, mut traded) = (0, 0);
    let replayed = Replayed::run(&capture, |replayed, events| {
        let record = records[usize::try_from(replayed.framed).unwrap() - 1];
        let [bids, asks] = shown(record, depth);
        assert_eq!(replayed.levels(0, Side::Buy), bids, "{path}: record {}", replayed.framed);
        assert_eq!(replayed.levels(0, Side::Sell), asks, "{path}: record {}", replayed.framed);
        let is_trade = record[28] == b'T';
        assert_eq!(count(events, EventKind::Trade), u64::from(is_trade));
        if let Some(trade) = events.iter().find(|event| event.kind == EventKind::Trade) {
            assert_eq!((trade.price, trade.quantity), (i64_at(record, 16), u64::from(u32_at(record, 24))));
            (trades, traded) = (trades + 1, traded + trade.quantity);
        }
        let mut book_changes = events.iter().filter(|event| event.kind != EventKind::TradingStatus);
        if let Some(last) = book_changes.next_back() {
            assert_eq!(last.flags & flags::LAST_OF_EVENT != 0, record[30] & F_LAST != 0);
        }
        assert!(events.iter().all(|event| event.receive_ns == u64_at(record, 32)));
    });
    assert_eq!(replayed.books.crossed_events(), 0);
    assert_eq!(replayed.framed, records.len() as u64);
    Some((replayed.framed, trades, traded))
}

#[test]
fn books_by_price_show_what_the_records_show() {
    let futures = "databento_dbn/nautilus_tests/futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst";
    let Some(day) = by_price(futures, 1) else { return };
    assert_eq!(day.0, 2_288);
    println!("ESU4: {} trades of {} contracts", day.1, day.2);
    assert!(day.1 > 0 && day.2 >= day.1);
    let repository = |name: &str, depth| by_price(&format!("databento_dbn/dbn_repo/test_data.{name}"), depth);
    for name in ["mbp-1.dbn", "mbp-1.v1.dbn.zst", "mbp-1.v2.dbn.zst", "mbp-1.v3.dbn.zst"] {
        assert_eq!(repository(name, 1), Some((2, 0, 0)), "{name}");
    }
    for name in ["mbp-10.dbn", "mbp-10.v1.dbn.zst", "mbp-10.v2.dbn.zst", "mbp-10.v3.dbn.zst"] {
        assert_eq!(repository(name, 10), Some((2, 0, 0)), "{name}");
    }
    for name in ["tbbo.dbn", "tbbo.v1.dbn.zst", "tbbo.v2.dbn.zst", "tbbo.v3.dbn.zst"] {
        assert_eq!(repository(name, 1), Some((2, 2, 26)), "{name}");
    }
}

#[test]
fn trades_are_the_records_trades() {
    for name in ["trades.dbn", "trades.v1.dbn.zst", "trades.v2.dbn.zst", "trades.v3.dbn.zst"] {
        let Some(path) = shared(&format!("databento_dbn/dbn_repo/test_data.{name}")) else { return };
        let mut trades = Vec::new();
        let replayed = Replayed::run(&Capture::open(path).unwrap(), |_, events| {
            trades.extend(events.iter().filter(|event| event.kind == EventKind::Trade).copied());
        });
        let rows: Vec<_> = trades.iter().map(|trade| (trade.price, trade.quantity, trade.side)).collect();
        // Both were sold into the bid.
        let price = 3_720_250_000_000;
        assert_eq!(rows, [(price, 5, Side::Buy), (price, 21, Side::Buy)], "{name}");
        assert!(trades.iter().all(|trade| trade.flags & flags::LAST_OF_EVENT != 0));
        assert_eq!(trades[0].exchange_ns, 1_609_160_400_098_821_953);
        assert_eq!((replayed.framed, replayed.books.live_levels()), (2, 0));
    }
}

#[test]
fn definitions_list_their_instruments() {
    for (name, symbols) in [
        ("nautilus_tests/definition-glbx-es-fut.dbn.zst", &["ESM3"][..]),
        ("nautilus_tests/definition-glbx-es-opt.dbn.zst", &["ESM4C4250", "ESM4C3550"]),
        ("dbn_repo/test_data.definition.dbn", &["MSFT"]),
        ("dbn_repo/test_data.definition.v1.dbn.zst", &["MSFT"]),
        ("dbn_repo/test_data.definition.v3.dbn.zst", &["MSFT"]),
    ] {
        let Some(path) = shared(&format!("databento_dbn/{name}")) else { return };
        let capture = Capture::open(path).unwrap();
        let replayed = Replayed::run(&capture, |_, events| {
            assert!(events.iter().all(|event| event.kind == EventKind::TradingStatus), "no market event");
        });
        let listed: Vec<String> =
            replayed.scan.listings.iter().map(|listing| listing.symbol.to_string()).collect();
        for symbol in symbols {
            assert!(listed.iter().any(|found| found == symbol), "{name}: {listed:?}");
        }
        assert_eq!(replayed.framed, records(capture.bytes()).len() as u64);
    }
}

#[test]
fn status_records_set_the_trading_status() {
    for name in ["status.dbn", "status.v2.dbn.zst", "status.v3.dbn.zst"] {
        let Some(path) = shared(&format!("databento_dbn/dbn_repo/test_data.{name}")) else { return };
        let capture = Capture::open(path).unwrap();
        let records = records(capture.bytes());
        let mut seen = 0;
        Replayed::run(&capture, |replayed, events| {
            let record = records[usize::try_from(replayed.framed).unwrap() - 1];
            // Action: 7 is trading.
            let action = u16::from(record[24]) | u16::from(record[25]) << 8;
            for event in events {
                assert_eq!(event.quantity == TradingStatus::Trading as u64, action == 7, "{name}: {action}");
                assert_eq!(replayed.books.status(event.instrument) as u64, event.quantity);
                seen += 1;
            }
        });
        assert!(seen > 0, "{name}");
    }
}
