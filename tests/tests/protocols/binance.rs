//! Binance lines: six streams of 2024-08-08 through decoder and books, against books of sorted maps that follow the
//! published rule by themselves.

use std::collections::BTreeMap;

use feeds::event::{EventKind, Side, flags};
use feeds::source::file::Capture;
use kernels::cpu::book::Bbo;
use serde_json::Value;
use warptick_tests::captures::shared;

use crate::replayed::{Replayed, bbo, count};

/// Lines between two comparisons of all levels; the top is compared behind every line.
const DEPTH_EVERY: u64 = 500;

/// A decimal text in units of 10^-`decimals`.
fn decimal(text: &str, decimals: usize) -> u64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (kept, rest) = fraction.split_at(fraction.len().min(decimals));
    assert!(rest.bytes().all(|digit| digit == b'0'), "{text}");
    format!("{whole}{kept:0<decimals$}").parse().unwrap()
}

/// Update ids and level changes of one diff.
struct Diff {
    first: u64,
    last: u64,
    previous: Option<u64>,
    levels: [Vec<(i64, u64)>; 2],
}

/// A book as Binance tells its users to keep one.
struct NaiveBook {
    quantity_decimals: usize,
    bids: BTreeMap<i64, u64>,
    asks: BTreeMap<i64, u64>,
    /// Diffs before the snapshot.
    waiting: Vec<Diff>,
    /// Of the last thing applied; `None` before the snapshot.
    last: Option<u64>,
    gaps: u64,
    crossed: u64,
    trades: u64,
}

impl NaiveBook {
    fn new(quantity_decimals: usize) -> Self {
        let (bids, asks, waiting) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { quantity_decimals, bids, asks, waiting, last: None, gaps: 0, crossed: 0, trades: 0 }
    }

    fn levels(&self, value: &Value) -> Vec<(i64, u64)> {
        let level = |level: &Value| {
            let text = |at: usize| level[at].as_str().unwrap();
            (decimal(text(0), 9).cast_signed(), decimal(text(1), self.quantity_decimals))
        };
        value.as_array().unwrap().iter().map(level).collect()
    }

    fn set(&mut self, levels: &[Vec<(i64, u64)>; 2]) {
        for (side, levels) in [(&mut self.bids, &levels[0]), (&mut self.asks, &levels[1])] {
            for &(price, quantity) in levels {
                if quantity == 0 {
                    side.remove(&price);
                } else {
                    side.insert(price, quantity);
                }
            }
        }
    }

    /// The first diff behind a snapshot spans its id; each later one names or continues the one before.
    fn diff(&mut self, diff: &Diff, behind_snapshot: bool) {
        let last = self.last.unwrap();
        let follows = match diff.previous {
            _ if diff.last < last => return,
            None if diff.last == last => return,
            None if behind_snapshot => diff.first <= last + 1,
            None => diff.first == last + 1,
            Some(previous) if behind_snapshot => diff.first <= last || previous == last,
            Some(previous) => previous == last,
        };
        self.gaps += u64::from(!follows);
        self.last = Some(diff.last);
        self.set(&diff.levels);
    }

    fn line(&mut self, json: &[u8]) {
        let message: Value = serde_json::from_slice(json).unwrap();
        let message = message.get("data").unwrap_or(&message);
        let id = |name: &str| message[name].as_u64().unwrap();
        if message.get("lastUpdateId").is_some() {
            assert_eq!(self.last, None, "one snapshot a stream");
            self.last = Some(id("lastUpdateId"));
            self.set(&[self.levels(&message["bids"]), self.levels(&message["asks"])]);
            let snapshot = self.last;
            for diff in std::mem::take(&mut self.waiting) {
                self.diff(&diff, self.last == snapshot);
            }
        } else if message["e"] == "depthUpdate" {
            let diff = Diff {
                first: id("U"),
                last: id("u"),
                previous: message.get("pu").map(|previous| previous.as_u64().unwrap()),
                levels: [self.levels(&message["b"]), self.levels(&message["a"])],
            };
            match self.last {
                None => self.waiting.push(diff),
                Some(_) => self.diff(&diff, false),
            }
        } else if message["e"] == "trade" {
            let quantity = decimal(message["q"].as_str().unwrap(), self.quantity_decimals);
            self.trades += u64::from(quantity != 0);
        }
        let crossed = self.best().is_some_and(|(bid, ask)| bid.0 >= ask.0);
        self.crossed += u64::from(crossed);
    }

    fn best(&self) -> Option<((i64, u64), (i64, u64))> {
        let best = |level: Option<(&i64, &u64)>| level.map(|(&price, &quantity)| (price, quantity));
        best(self.bids.last_key_value()).zip(best(self.asks.first_key_value()))
    }

    fn bbo(&self) -> Bbo {
        self.best().map_or(Bbo::EMPTY, |(bid, ask)| bbo(Some(bid), Some(ask)))
    }
}

/// One stream: its lines.
fn agrees(name: &str, quantity_decimals: usize) -> Option<u64> {
    let capture = Capture::open(shared(&format!("hftbacktest_binance/{name}_20240808.gz"))?).unwrap();
    let mut lines = capture.bytes().split(|&byte| byte == b'\n');
    let mut naive = NaiveBook::new(quantity_decimals);
    let (mut gaps, mut trades) = (0, 0);
    let replayed = Replayed::run(&capture, |replayed, events| {
        let line = lines.next().unwrap();
        let json = line.iter().position(|&byte| byte == b' ').unwrap() + 1;
        naive.line(&line[json..]);
        // A book without a snapshot is not shown.
        let expected = if naive.last.is_none() { Bbo::EMPTY } else { naive.bbo() };
        assert_eq!(replayed.books.bbo(0), expected, "{name}: line {}", replayed.framed);
        if replayed.framed.is_multiple_of(DEPTH_EVERY) {
            same_levels(name, replayed, &naive);
        }
        gaps += count(events, EventKind::Gap);
        trades += count(events, EventKind::Trade);
        let last = events.iter().filter(|event| event.flags & flags::LAST_OF_EVENT != 0).count();
        assert_eq!(last, usize::from(!events.is_empty()), "the end of a line is the end of an event");
    });
    same_levels(name, &replayed, &naive);
    assert_eq!((naive.gaps, gaps), (0, 0), "{name}: gaps");
    assert_eq!((naive.crossed, replayed.books.crossed_events()), (0, 0), "{name}: crossed");
    assert_eq!(naive.trades, trades, "{name}: trades");
    assert!(replayed.books.is_continuous(0));
    Some(replayed.framed)
}

fn same_levels(name: &str, replayed: &Replayed, naive: &NaiveBook) {
    let bids = naive.bids.iter().rev().map(|(&price, &quantity)| (price, quantity));
    let asks = naive.asks.iter().map(|(&price, &quantity)| (price, quantity));
    assert!(replayed.levels(0, Side::Buy).into_iter().eq(bids), "{name}: line {}", replayed.framed);
    assert!(replayed.levels(0, Side::Sell).into_iter().eq(asks), "{name}: line {}", replayed.framed);
}

/// All 332,200 lines of the six streams. Contracts are whole; the others count in 1e-8 of the base asset.
#[test]
fn six_streams_agree_with_naive_books() {
    let lines: Option<u64> = std::thread::scope(|scope| {
        let coin = scope.spawn(|| {
            Some(agrees("cm_btcusd_perp", 0)? + agrees("cm_ethusd_perp", 0)? + agrees("spot_btcusdt", 8)?)
        });
        let others = agrees("usdm_btcusdt", 8)
            .and_then(|lines| Some(lines + agrees("usdm_ethusdt", 8)? + agrees("spot_ethusdt", 8)?));
        Some(coin.join().unwrap()? + others?)
    });
    assert!(matches!(lines, None | Some(332_200)), "{lines:?}");
}

/// A book that a message leaves crossed is counted, though the last level of the message is far from the top.
#[test]
fn a_crossed_diff_is_counted() {
    let lines = [
        r#"1 {"lastUpdateId":5,"bids":[["9","1"],["8","1"]],"asks":[["10","1"],["20","1"]]}"#,
        r#"2 {"e":"depthUpdate","E":1,"s":"AB","U":6,"u":6,"b":[["11","1"]],"a":[["20","2"]]}"#,
        r#"3 {"e":"depthUpdate","E":1,"s":"AB","U":7,"u":7,"b":[],"a":[["20","3"]]}"#,
        r#"4 {"e":"depthUpdate","E":1,"s":"AB","U":8,"u":8,"b":[["11","0"]],"a":[["20","4"]]}"#,
        r#"5 {"e":"depthUpdate","E":1,"s":"AB","U":9,"u":9,"b":[["11","2"]],"a":[["10","0"],["30","4"]]}"#,
    ];
    let capture = Capture::from_bytes("lines", lines.join("\n").into_bytes()).unwrap();
    let mut crossed = Vec::new();
    Replayed::run(&capture, |replayed, _| crossed.push(replayed.books.crossed_events()));
    assert_eq!(crossed, [0, 1, 1, 1, 1], "once, when the second line moves the top");
}
