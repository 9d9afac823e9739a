//! The full MBO book of one symbol, ours beside `nautilus-model`'s `OrderBook` of type `L3_MBO` (feature `peers`).
//!
//! Load: one thread, one capture with the orders of one symbol, decoded by us beforehand. Both books are fed from
//! prepared input in memory: ours the events, the peer an `OrderBookDelta` a change, through `apply_delta`, as its
//! documentation shows. An ITCH message names only the order; a delta also wants its side, price and what is left of
//! it. Finding these is work that our book does inside the clock and that is done for the peer outside of it.
//! A replacement is two deltas (delete, add), and counts as the one message that it was.
//!
//! Before the clock one pass compares the two books whole at every 1,000th message and at the end: every level of both
//! sides, its price, and its queue, order by order. A sample is one pass into a new book; rounds alternate.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use feeds::directory::Directory;
use feeds::error::CaptureError;
use feeds::event::{EventKind, MarketEvent, Side};
use feeds::itch::feed::ItchFeed;
use feeds::source::file::Capture;
use feeds::source::prescan::prescan;
use kernels::cpu::book::{BookConfig, DepthLevel, VenueBooks};
use nautilus_model::data::{BookOrder, OrderBookDelta};
use nautilus_model::enums::{BookAction, BookType, OrderSide, RecordFlag};
use nautilus_model::identifiers::InstrumentId;
use nautilus_model::orderbook::OrderBook;
use nautilus_model::types::{Price, Quantity};

use crate::line::Line;
use crate::timing::{Figures, tenths};

const ROUNDS: usize = 15;

/// Messages between two comparisons of the books.
const COMPARE_EVERY: usize = 1_000;

/// A share in the peer's raw quantity, and the digits of an ITCH price behind the point.
const SHARE: u64 = 1_000_000_000;
const PRICE_DIGITS: u8 = 4;

/// The events of one symbol, and the deltas that they come to.
struct Input {
    events: Vec<MarketEvent>,
    deltas: Vec<OrderBookDelta>,
    /// For each event, where its deltas end.
    ends: Vec<usize>,
    instrument: u32,
    name: InstrumentId,
}

/// Runs it: FILE...
///
/// # Errors
/// A capture that cannot be read to its end or holds orders of several symbols; books that differ.
pub fn run(arguments: &[String]) -> Result<Vec<Line>, String> {
    if arguments.is_empty() {
        return Err("which captures of one symbol? peer_book FILE...".to_owned());
    }
    let mut lines = Vec::new();
    for file in arguments {
        lines.extend(measure(file).map_err(|error| format!("{file}: {error}"))?);
    }
    Ok(lines)
}

fn measure(file: &str) -> Result<[Line; 2], String> {
    let capture = Capture::open(Path::new(file)).map_err(|error| error.to_string())?;
    let input = Input::read(&capture)?;
    let compared = input.compare()?;
    let wanted = (input.ours()?.0, input.peers()?.0);
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for turn in 0..2 {
            let (book, ns, times) = if (turn + round) % 2 == 0 {
                let (book, ns) = input.ours()?;
                (book == wanted.0, ns, &mut ours)
            } else {
                let (book, ns) = input.peers()?;
                (book == wanted.1, ns, &mut peers)
            };
            if !book {
                return Err("a pass ended in another book".to_owned());
            }
            times.push(ns / input.events.len() as f64);
        }
    }
    let name =
        Path::new(file).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    ours.sort_unstable_by(f64::total_cmp);
    peers.sort_unstable_by(f64::total_cmp);
    let line = |variant: &str, ns: &[f64]| {
        Line::new(
            "peer_book",
            &format!("{name}: {variant}"),
            "closed loop, one thread: prepared changes from memory into a new book, in turns with the other",
            "one pass",
        )
        .clock("CLOCK_MONOTONIC, twice a pass")
        .figures(Figures {
            samples: ROUNDS,
            calls_per_sample: input.events.len(),
            min_ns: ns.first().copied().map(tenths),
            p50_ns: Some(tenths(ns[ROUNDS / 2])),
            max_ns: ns.last().copied().map(tenths),
            ..Figures::default()
        })
        .with("against_ours", (ns[ROUNDS / 2] / ours[ROUNDS / 2] * 1e2).round() / 1e2)
        .with("messages", input.events.len())
        .with("deltas", input.deltas.len())
        .with("whole_books_compared", compared)
        .checked("both books are the same, queues included, at every 1,000th message and at the end")
        .checked("every timed pass ends in the same book")
    };
    Ok([line("ours, L3", &ours), line("nautilus-model 0.57.0, L3_MBO", &peers)])
}

/// What a book is, best level first: price (1e-9) and queue (order, shares) of each level of bids and of offers.
type Whole = [Vec<(i64, Vec<(u64, u64)>)>; 2];

impl Input {
    fn read(capture: &Capture) -> Result<Self, String> {
        let (scan, damage) = prescan(capture, 0);
        if let Some(error) = damage {
            return Err(error.to_string());
        }
        let symbols = scan.listings.iter().map(|listing| listing.symbol).collect();
        let mut directory = Directory::new(symbols, 0).map_err(|error| error.to_string())?;
        scan.list_into(&mut directory).map_err(|error| error.to_string())?;
        let mut events = Vec::new();
        let mut feed = ItchFeed::new(0, 0, 0);
        let mut event = MarketEvent::NOTHING;
        let walked = capture.walk(|message| -> Result<(), CaptureError> {
            match feed.decode_into(
                &mut directory,
                message.body,
                message.number,
                message.receive_ns,
                &mut event,
            ) {
                Ok(true) if event.kind as u8 <= EventKind::OrderExecute as u8 => events.push(event),
                Ok(_) => {}
                Err(error) => return Err(capture.message_error(error, message.offset, message.number - 1)),
            }
            Ok(())
        });
        walked.map_err(|error| error.to_string())?;
        let instrument = events.first().ok_or("no orders in it")?.instrument;
        if events.iter().any(|event| event.instrument != instrument) {
            return Err("orders of more than one symbol".to_owned());
        }
        let mut input = Self {
            deltas: Vec::with_capacity(events.len() * 2),
            ends: Vec::with_capacity(events.len()),
            events,
            instrument,
            name: InstrumentId::from("SYMBOL.XNAS"),
        };
        input.make_deltas()?;
        Ok(input)
    }

    fn make_deltas(&mut self) -> Result<(), String> {
        let mut orders: HashMap<u64, BookOrder> = HashMap::new();
        for event in &self.events {
            let mut delta = |action, order| {
                let last = RecordFlag::F_LAST as u8;
                let (sequence, time) = (event.sequence, event.exchange_ns.into());
                self.deltas.push(OrderBookDelta::new(self.name, action, order, last, sequence, time, time));
            };
            let known = orders.get(&event.order_id).copied();
            match (event.kind, known) {
                (EventKind::OrderAdd, None) => {
                    let order = order(event.order_id, order_side(event.side), event);
                    orders.insert(event.order_id, order);
                    delta(BookAction::Add, order);
                }
                (EventKind::OrderReplace, Some(old)) => {
                    orders.remove(&event.order_id);
                    delta(BookAction::Delete, old);
                    let order = order(event.second_id, old.side, event);
                    orders.insert(event.second_id, order);
                    delta(BookAction::Add, order);
                }
                (EventKind::OrderReduce | EventKind::OrderExecute, Some(old))
                    if event.quantity * SHARE < old.size.raw =>
                {
                    let size = Quantity::from_raw(old.size.raw - event.quantity * SHARE, 0);
                    let order = BookOrder { size, ..old };
                    orders.insert(event.order_id, order);
                    delta(BookAction::Update, order);
                }
                (EventKind::OrderReduce | EventKind::OrderExecute | EventKind::OrderDelete, Some(old)) => {
                    orders.remove(&event.order_id);
                    delta(BookAction::Delete, old);
                }
                (kind, known) => {
                    let (number, order, is) = (event.sequence, event.order_id, known.is_some());
                    return Err(format!("message {number}: {kind:?} of order {order}, which is known: {is}"));
                }
            }
            self.ends.push(self.deltas.len());
        }
        Ok(())
    }

    fn new_books(&self) -> Result<VenueBooks, String> {
        let instruments_max = self.instrument as usize + 1;
        VenueBooks::new(BookConfig { instruments_max, ..BookConfig::default() })
            .map_err(|error| error.to_string())
    }

    fn new_peer(&self) -> OrderBook {
        OrderBook::new(self.name, BookType::L3_MBO)
    }

    /// One pass of ours: the book that it ends in, and ns.
    fn ours(&self) -> Result<(Whole, f64), String> {
        let mut books = self.new_books()?;
        let mut refused = 0_u64;
        let start = Instant::now();
        for event in &self.events {
            refused += u64::from(black_box(&mut books).apply(event).is_err());
        }
        let ns = start.elapsed().as_nanos() as f64;
        if refused > 0 {
            Err(format!("our book refused {refused} events"))
        } else {
            Ok((self.whole(&books), ns))
        }
    }

    /// One pass of the peer.
    fn peers(&self) -> Result<(Whole, f64), String> {
        let mut book = self.new_peer();
        let mut refused = 0_u64;
        let start = Instant::now();
        for delta in &self.deltas {
            refused += u64::from(black_box(&mut book).apply_delta(delta).is_err());
        }
        let ns = start.elapsed().as_nanos() as f64;
        if refused > 0 {
            Err(format!("the peer refused {refused} deltas"))
        } else {
            Ok((peers_whole(&book), ns))
        }
    }

    /// Both books side by side: how often they were compared.
    fn compare(&self) -> Result<usize, String> {
        let (mut books, mut book) = (self.new_books()?, self.new_peer());
        let (mut from, mut compared) = (0, 0);
        for (at, (event, &end)) in self.events.iter().zip(&self.ends).enumerate() {
            let number = event.sequence;
            books.apply(event).map_err(|error| format!("message {number}: our book: {error}"))?;
            for delta in &self.deltas[from..end] {
                book.apply_delta(delta).map_err(|error| format!("message {number}: the peer: {error}"))?;
            }
            from = end;
            if (at + 1) % COMPARE_EVERY == 0 || at + 1 == self.events.len() {
                let (ours, peers) = (self.whole(&books), peers_whole(&book));
                if ours != peers {
                    return Err(format!("after message {number} the books differ: {ours:?}; {peers:?}"));
                }
                compared += 1;
            }
        }
        Ok(compared)
    }

    fn whole(&self, books: &VenueBooks) -> Whole {
        [Side::Buy, Side::Sell].map(|side| {
            let mut levels = vec![DepthLevel::default(); books.level_count(self.instrument, side)];
            let found = books.depth(self.instrument, side, &mut levels);
            let queue = |price| {
                let queued = books.queue(self.instrument, side, price);
                queued.map(|order| (order.order_id, order.quantity)).collect()
            };
            levels[..found].iter().map(|level| (level.price, queue(level.price))).collect()
        })
    }
}

fn peers_whole(book: &OrderBook) -> Whole {
    let level = |level: &nautilus_model::orderbook::BookLevel| {
        let queue = level.iter().map(|order| (order.order_id, order.size.raw / SHARE)).collect();
        (level.price.value.raw, queue)
    };
    [book.bids(None).map(level).collect(), book.asks(None).map(level).collect()]
}

fn order_side(side: Side) -> OrderSide {
    match side {
        Side::Buy => OrderSide::Buy,
        Side::Sell => OrderSide::Sell,
        Side::None => OrderSide::NoOrderSide,
    }
}

/// Order `order_id` with the terms of an event; both count prices in 1e-9.
fn order(order_id: u64, side: OrderSide, event: &MarketEvent) -> BookOrder {
    let size = Quantity::from_raw(event.quantity * SHARE, 0);
    BookOrder::new(side, Price::from_raw(event.price, PRICE_DIGITS), size, order_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_books_of_a_real_day_are_the_same_all_along() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
        if !Path::new(root).is_dir() {
            println!("SKIPPED: ../shared/data is absent");
            return;
        }
        let file = format!("{root}/itch50_from_lobster/20120621.GOOG_L10.itch50.gz");
        let input = Input::read(&Capture::open(file).expect("the capture opens")).expect("one symbol");
        assert!(input.compare().expect("equal books") > 200);
    }
}
