//! `warptick book --features` on a real day, held against the features' definitions over a book of this file's own.
//!
//! Only the decoder of messages is shared with what is tested: the book here is a map of orders and a map of levels, and
//! every feature is computed from the whole day so far.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;

use engine::control::session_date::SessionDate;
use feeds::itch::decode::decode;
use feeds::itch::messages::Message;
use warptick_tests::captures::{GOOG, framed, shared};
use warptick_tests::warptick::run;

/// Volume of a VPIN bucket that is asked for, and the defaults of the others.
const BUCKET: usize = 5_000;
const BUCKETS: usize = 50;
const FLOW_INTERVAL_NS: u64 = 10_000_000_000;
const SAMPLE_NS: u64 = 1_000_000_000;
const SAMPLES: usize = 300;
/// Price units (1e-9) in one of ITCH's.
const UNIT: i128 = 100_000;

/// Best bid and offer with their sizes, in ITCH's price units.
type Top = (Option<(i128, i128)>, Option<(i128, i128)>);

/// One instrument's orders, and the day so far.
#[derive(Default)]
struct Day {
    /// By reference: is a bid, price, shares.
    orders: HashMap<u64, (bool, u32, u32)>,
    /// Shares by price.
    bids: BTreeMap<u32, u64>,
    asks: BTreeMap<u32, u64>,
    top: Top,
    /// Each share that traded: 1 where the buyer began it, -1 where the seller did.
    shares: Vec<i8>,
    /// Changes of the top: when, and the flow of each.
    flows: Vec<(u64, i128)>,
    /// Mids, 1e-9: from when on.
    mids: Vec<(u64, i128)>,
}

impl Day {
    fn add(&mut self, reference: u64, is_bid: bool, price: u32, shares: u32) {
        self.orders.insert(reference, (is_bid, price, shares));
        *if is_bid { &mut self.bids } else { &mut self.asks }.entry(price).or_default() += u64::from(shares);
    }

    fn take(&mut self, reference: u64, shares: u32) -> (bool, u32, u32) {
        let order = self.orders.get_mut(&reference).expect("a live order");
        let before = *order;
        let (is_bid, price, left) = before;
        let shares = shares.min(left);
        order.2 -= shares;
        if order.2 == 0 {
            self.orders.remove(&reference);
        }
        let levels = if is_bid { &mut self.bids } else { &mut self.asks };
        let level = levels.get_mut(&price).expect("a level");
        *level -= u64::from(shares);
        if *level == 0 {
            levels.remove(&price);
        }
        before
    }

    fn traded(&mut self, sign: i8, shares: u32) {
        self.shares.extend(std::iter::repeat_n(sign, shares as usize));
    }

    fn take_in(&mut self, now_ns: u64, message: &Message) {
        match message {
            Message::AddOrder(m) => self.add(m.reference, m.side == b'B', m.price, m.shares),
            Message::AddOrderMpid(m) => self.add(m.reference, m.side == b'B', m.price, m.shares),
            Message::OrderExecuted(m) => {
                let (is_bid, ..) = self.take(m.reference, m.shares);
                self.traded(if is_bid { -1 } else { 1 }, m.shares);
            }
            Message::OrderExecutedWithPrice(m) => {
                let (is_bid, ..) = self.take(m.reference, m.shares);
                if m.printable == b'Y' {
                    self.traded(if is_bid { -1 } else { 1 }, m.shares);
                }
            }
            Message::OrderCancel(m) => {
                self.take(m.reference, m.shares);
            }
            Message::OrderDelete(m) => {
                self.take(m.reference, u32::MAX);
            }
            Message::OrderReplace(m) => {
                let (is_bid, ..) = self.take(m.reference, u32::MAX);
                self.add(m.new_reference, is_bid, m.price, m.shares);
            }
            Message::Trade(m) => match self.top {
                (Some((bid, _)), Some((ask, _))) if 2 * i128::from(m.price) > bid + ask => {
                    self.traded(1, m.shares);
                }
                (Some((bid, _)), Some((ask, _))) if 2 * i128::from(m.price) < bid + ask => {
                    self.traded(-1, m.shares);
                }
                _ => {
                    self.traded(1, m.shares / 2);
                    self.traded(-1, m.shares - m.shares / 2);
                }
            },
            _ => return,
        }
        let best = |(&price, &shares): (&u32, &u64)| (i128::from(price), i128::from(shares));
        let top = (self.bids.last_key_value().map(best), self.asks.first_key_value().map(best));
        let flow = pressed(self.top.0, top.0, 1) - pressed(self.top.1, top.1, -1);
        if flow != 0 {
            self.flows.push((now_ns, flow));
        }
        if let (Some((bid, _)), Some((ask, _))) = top {
            self.mids.push((now_ns, (bid * UNIT + ask * UNIT) / 2));
        }
        self.top = top;
    }

    /// The columns behind the symbol.
    fn row(&self, now_ns: u64, wants_windows: bool) -> [Option<i128>; 6] {
        let sides = self.top.0.zip(self.top.1);
        let microprice = sides
            .filter(|((bid, _), (ask, _))| bid <= ask)
            .map(|((bid, bids), (ask, asks))| bid * UNIT + (ask - bid) * UNIT * bids / (bids + asks));
        let queues = sides.map(|((_, bids), (_, asks))| (bids - asks) * 1_000_000_000 / (bids + asks));
        let total: i128 = if wants_windows { self.flows.iter().map(|(_, flow)| flow).sum() } else { 0 };
        let interval = now_ns / FLOW_INTERVAL_NS;
        let of_interval = self.flows.iter().rev().take_while(|(at, _)| at / FLOW_INTERVAL_NS + 1 >= interval);
        let of_interval = of_interval.filter(|(at, _)| at / FLOW_INTERVAL_NS + 1 == interval);
        let of_interval = of_interval.map(|(_, flow)| flow).sum();
        if !wants_windows {
            return [microprice, queues, None, Some(of_interval), None, None];
        }
        [microprice, queues, Some(total), Some(of_interval), self.vpin(), self.sigma(now_ns)]
    }

    fn vpin(&self) -> Option<i128> {
        let full = self.shares.len() / BUCKET;
        let from = full.checked_sub(BUCKETS)? * BUCKET;
        let buckets = self.shares[from..full * BUCKET].chunks(BUCKET);
        let sum: i128 = buckets.map(|b| b.iter().map(|&sign| i128::from(sign)).sum::<i128>().abs()).sum();
        Some(sum * 1_000_000_000 / (BUCKET * BUCKETS) as i128)
    }

    fn sigma(&self, now_ns: u64) -> Option<i128> {
        let first = self.mids.first()?.0 / SAMPLE_NS + 1;
        let last = now_ns / SAMPLE_NS;
        let from = last.checked_sub(SAMPLES as u64).filter(|&from| from >= first)?;
        let at = |line: u64| {
            let behind = self.mids.partition_point(|&(at_ns, _)| at_ns < line * SAMPLE_NS);
            self.mids[behind - 1].1
        };
        let squares: i128 = (from..last).map(|line| (at(line + 1) - at(line)).pow(2)).sum();
        Some((squares * 1_000_000_000 / (SAMPLES as i128 * i128::from(SAMPLE_NS))).isqrt())
    }
}

/// Size that joined a side less size that left it; `way` is 1 where higher is better.
fn pressed(before: Option<(i128, i128)>, after: Option<(i128, i128)>, way: i128) -> i128 {
    match (before, after) {
        (None, after) => after.map_or(0, |(_, size)| size),
        (Some((_, size)), None) => -size,
        (Some((old, old_size)), Some((new, new_size))) => match (way * (new - old)).signum() {
            1 => new_size,
            -1 => -old_size,
            _ => new_size - old_size,
        },
    }
}

#[test]
fn goog_has_the_features_of_its_definitions() {
    let Some(capture) = shared(GOOG) else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let csv = directory.path().join("features.csv");
    let bucket = BUCKET.to_string();
    let book = run([
        "book".as_ref(),
        capture.as_os_str(),
        "--features".as_ref(),
        csv.as_os_str(),
        "--vpin-bucket".as_ref(),
        bucket.as_ref(),
    ]);
    assert_eq!(book.code, Some(0), "{}", book.stderr);
    let text = std::fs::read_to_string(&csv).expect("the rows");
    let mut rows = text.lines();
    assert_eq!(rows.next(), Some(engine::control::feature_rows::HEADER));

    let mut stream = Vec::new();
    let packed = File::open(&capture).expect("the capture");
    flate2::read::MultiGzDecoder::new(packed).read_to_end(&mut stream).expect("gzip");
    let midnight_ns = SessionDate::new(2012, 6, 21).expect("a date").eastern_midnight_ns();
    let mut messages = (1u64..).zip(framed(&stream));
    let (mut day, mut compared, mut windows, mut with_vpin) = (Day::default(), 0u64, 0u64, 0u64);
    for row in rows {
        let fields: Vec<&str> = row.split(',').collect();
        let consumed: u64 = fields[0].parse().expect("a count");
        let now_ns: u64 = fields[1].parse().expect("a time");
        for (number, (_, body)) in messages.by_ref() {
            let message = decode(body).expect("a message");
            day.take_in(midnight_ns + message.header().timestamp_ns, &message);
            if number == consumed {
                break;
            }
        }
        let ours = [4, 5, 6, 7, 8, 9].map(|at| fields[at].parse::<i128>().ok());
        let wants_windows = compared.is_multiple_of(500);
        let expected = day.row(now_ns, wants_windows);
        for (at, (ours, expected)) in ours.into_iter().zip(expected).enumerate() {
            if wants_windows || [0, 1, 3].contains(&at) {
                assert_eq!(ours, expected, "column {} of {row}", at + 4);
            }
        }
        compared += 1;
        windows += u64::from(wants_windows);
        with_vpin += u64::from(wants_windows && ours[4].is_some() && ours[5].is_some());
    }
    println!("{compared} rows, {windows} with their windows, {with_vpin} of these with VPIN and volatility");
    // The top of the book changes 45,571 times in the day: so many requests of wide work it leads to as well.
    assert!(compared == 45_571 && with_vpin > 40, "{compared} rows, {with_vpin} with all features");
}
