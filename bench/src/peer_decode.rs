//! Decoding ITCH 5.0, ours beside the published crates `itch5` and `itchy`, in one run (feature `peers`).
//!
//! Load: one thread, the whole capture from the same memory, as fast as it goes. Each decoder is used as its own
//! documentation shows: `itch5` through `Parser::parse_stream` and a `MessageHandler`, `itchy` through
//! `MessageStream::from_reader`, ours through `Capture::walk` and `ItchFeed::decode_into`. Two kinds of work:
//!
//! - *sink*: every message goes to an opaque sink as its decoder gives it. `itch5` then reads no field at all (its
//!   views leave them big-endian), ours has made a whole `MarketEvent`.
//! - *fields*: of every order message (`A F E C X D U`) its locate (ours: the instrument), time, order ids, price,
//!   quantity and side are added up. The sums must be the same for all three in every pass.
//!
//! A sample is a pass (of a small capture, many passes). Rounds go over all six, each round beginning with another one.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use engine::control::book_bench::IN_CACHE_BYTES_MAX;
use feeds::directory::Directory;
use feeds::error::CaptureError;
use feeds::event::{EventKind, MarketEvent, Side};
use feeds::itch::feed::ItchFeed;
use feeds::source::file::Capture;
use feeds::source::prescan::prescan;
use feeds::units::{ITCH_PRICE4_UNIT, PRICE_NONE};
use itch5::{MessageHandler, Parser, messages};
use itchy::{Body, MessageStream};

use crate::line::Line;
use crate::timing::{Figures, tenths};

const ROUNDS: usize = 9;

/// A sample of a smaller capture is as many passes as read about so many bytes.
const SAMPLE_BYTES: usize = 16 << 20;

/// What the order messages of a capture add up to (wrapping).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    orders: u64,
    time_ns: u64,
    order_id: u64,
    second_id: u64,
    /// Units of 1e-4.
    price: u64,
    quantity: u64,
    buys: u64,
}

impl Sums {
    #[inline(always)]
    fn add(&mut self, time_ns: u64, order_id: u64, second_id: u64, price: u32, quantity: u32, is_buy: bool) {
        self.orders += 1;
        self.time_ns = self.time_ns.wrapping_add(time_ns);
        self.order_id = self.order_id.wrapping_add(order_id);
        self.second_id = self.second_id.wrapping_add(second_id);
        self.price = self.price.wrapping_add(u64::from(price));
        self.quantity = self.quantity.wrapping_add(u64::from(quantity));
        self.buys += u64::from(is_buy);
    }
}

/// One decoder with one kind of work.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Variant {
    OurSink,
    Itch5Sink,
    ItchySink,
    OurFields,
    Itch5Fields,
    ItchyFields,
}

const VARIANTS: [(Variant, &str); 6] = [
    (Variant::OurSink, "ours, sink"),
    (Variant::Itch5Sink, "itch5 0.1.5, sink"),
    (Variant::ItchySink, "itchy 0.3.4, sink"),
    (Variant::OurFields, "ours, fields"),
    (Variant::Itch5Fields, "itch5 0.1.5, fields"),
    (Variant::ItchyFields, "itchy 0.3.4, fields"),
];

/// Runs it: FILE...
///
/// # Errors
/// A capture that a decoder cannot read to its end; decoders that read different things.
pub fn run(arguments: &[String]) -> Result<Vec<Line>, String> {
    if arguments.is_empty() {
        return Err("which captures? peer_decode FILE...".to_owned());
    }
    let mut lines = Vec::new();
    for file in arguments {
        lines.extend(measure(file)?);
    }
    Ok(lines)
}

fn measure(file: &str) -> Result<Vec<Line>, String> {
    let capture = Capture::open(Path::new(file)).map_err(|error| error.to_string())?;
    let mut bench = Bench::new(&capture)?;
    let bytes = capture.bytes().len();
    let passes = (SAMPLE_BYTES / bytes.max(1)).max(1);
    let mut ns = [const { Vec::new() }; VARIANTS.len()];
    let mut wanted = None;
    // The first round warms up.
    for round in 0..=ROUNDS {
        for turn in 0..VARIANTS.len() {
            let at = (turn + round) % VARIANTS.len();
            let start = Instant::now();
            let mut sums = Sums::default();
            for _ in 0..passes {
                sums = bench.pass(VARIANTS[at].0)?;
            }
            let taken = start.elapsed().as_nanos() as f64 / (passes as f64 * bench.messages as f64);
            let name = VARIANTS[at].1;
            if sums.orders == 0 {
                return Err(format!("{name}: {file} has no order message"));
            }
            if name.ends_with("fields") && *wanted.get_or_insert(sums) != sums {
                return Err(format!("{name} reads {sums:?}, another {wanted:?}"));
            }
            if round > 0 {
                ns[at].push(taken);
            }
        }
    }
    let name =
        Path::new(file).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    for one in &mut ns {
        one.sort_unstable_by(f64::total_cmp);
    }
    let lines = VARIANTS.iter().enumerate().map(|(at, (_, variant))| {
        let ours = &ns[at / 3 * 3];
        Line::new(
            "peer_decode",
            &format!("{name}: {variant}"),
            "closed loop, one thread: the whole capture from memory, in turns with the others",
            "one round",
        )
        .clock("CLOCK_MONOTONIC, twice a sample")
        .figures(Figures {
            samples: ROUNDS,
            calls_per_sample: passes * bench.messages as usize,
            min_ns: ns[at].first().copied().map(tenths),
            p50_ns: Some(tenths(ns[at][ROUNDS / 2])),
            max_ns: ns[at].last().copied().map(tenths),
            ..Figures::default()
        })
        .with("against_ours", (ns[at][ROUNDS / 2] / ours[ROUNDS / 2] * 1e2).round() / 1e2)
        .with("messages", bench.messages)
        .with("order_messages", wanted.map_or(0, |sums| sums.orders))
        .with("in_cache", bytes <= IN_CACHE_BYTES_MAX)
        .checked("all decoders saw as many order messages, and in `fields` read the same of them")
    });
    Ok(lines.collect())
}

/// A capture with what our decoder needs beside it.
struct Bench<'a> {
    capture: &'a Capture,
    directory: Directory,
    messages: u64,
}

impl<'a> Bench<'a> {
    fn new(capture: &'a Capture) -> Result<Self, String> {
        let (scan, damage) = prescan(capture, 0);
        if let Some(error) = damage {
            return Err(error.to_string());
        }
        let symbols = scan.listings.iter().map(|listing| listing.symbol).collect();
        let mut directory = Directory::new(symbols, 0).map_err(|error| error.to_string())?;
        scan.list_into(&mut directory).map_err(|error| error.to_string())?;
        Ok(Self { capture, directory, messages: scan.messages })
    }

    /// One pass. Of a sink only the number of order messages is known.
    fn pass(&mut self, variant: Variant) -> Result<Sums, String> {
        match variant {
            Variant::OurSink => self.our_sink(),
            Variant::OurFields => self.our_fields(),
            Variant::Itch5Sink => {
                let mut handler = Itch5Sink { orders: 0 };
                self.itch5(&mut handler)?;
                Ok(Sums { orders: handler.orders, ..Sums::default() })
            }
            Variant::Itch5Fields => {
                let mut handler = Itch5Fields::default();
                self.itch5(&mut handler)?;
                black_box(handler.locates);
                Ok(handler.sums)
            }
            Variant::ItchySink => self.itchy_sink(),
            Variant::ItchyFields => self.itchy_fields(),
        }
    }

    fn ours(&mut self, mut each: impl FnMut(&MarketEvent, bool)) -> Result<(), String> {
        let Self { capture, directory, .. } = self;
        let mut feed = ItchFeed::new(0, 0, 0);
        let mut event = MarketEvent::NOTHING;
        let walked = capture.walk(|message| -> Result<(), CaptureError> {
            match feed.decode_into(directory, message.body, message.number, message.receive_ns, &mut event) {
                Ok(is_event) => {
                    each(&event, is_event);
                    Ok(())
                }
                Err(error) => Err(capture.message_error(error, message.offset, message.number - 1)),
            }
        });
        walked.map(|_| ()).map_err(|error| error.to_string())
    }

    fn our_sink(&mut self) -> Result<Sums, String> {
        let mut orders = 0;
        self.ours(|event, is_event| {
            black_box((event, is_event));
            orders += u64::from(is_event && is_order(event.kind));
        })?;
        Ok(Sums { orders, ..Sums::default() })
    }

    fn our_fields(&mut self) -> Result<Sums, String> {
        let (mut sums, mut instruments, mut price) = (Sums::default(), 0_u64, 0_u64);
        self.ours(|event, is_event| {
            if is_event && is_order(event.kind) {
                instruments = instruments.wrapping_add(u64::from(event.instrument));
                // A side is summed where the message has it.
                sums.add(event.exchange_ns, event.order_id, event.second_id, 0, 0, event.side == Side::Buy);
                let priced = if event.price == PRICE_NONE { 0 } else { event.price as u64 };
                price = price.wrapping_add(priced);
                sums.quantity = sums.quantity.wrapping_add(event.quantity);
            }
        })?;
        black_box(instruments);
        sums.price = price / ITCH_PRICE4_UNIT as u64;
        if price % ITCH_PRICE4_UNIT as u64 != 0 {
            return Err("the prices add up to more than 64 bits hold: take a shorter capture".to_owned());
        }
        Ok(sums)
    }

    fn itch5(&self, handler: &mut impl MessageHandler) -> Result<(), String> {
        Parser::new(self.capture.bytes()).parse_stream(handler).map_err(|error| format!("itch5: {error:?}"))
    }

    fn itchy_sink(&self) -> Result<Sums, String> {
        let mut orders = 0;
        for message in MessageStream::from_reader(self.capture.bytes()) {
            let message = message.map_err(|error| format!("itchy: {error}"))?;
            orders += u64::from(matches!(message.tag, b'A' | b'F' | b'E' | b'C' | b'X' | b'D' | b'U'));
            black_box(&message);
        }
        Ok(Sums { orders, ..Sums::default() })
    }

    fn itchy_fields(&self) -> Result<Sums, String> {
        let (mut sums, mut locates) = (Sums::default(), 0_u64);
        for message in MessageStream::from_reader(self.capture.bytes()) {
            let message = message.map_err(|error| format!("itchy: {error}"))?;
            let time_ns = message.timestamp;
            match message.body {
                Body::AddOrder(add) => {
                    let is_buy = add.side == itchy::Side::Buy;
                    sums.add(time_ns, add.reference, 0, add.price.raw(), add.shares, is_buy);
                }
                Body::DeleteOrder { reference } => sums.add(time_ns, reference, 0, 0, 0, false),
                Body::OrderCancelled { reference, cancelled } => {
                    sums.add(time_ns, reference, 0, 0, cancelled, false);
                }
                Body::OrderExecuted { reference, executed, match_number } => {
                    sums.add(time_ns, reference, match_number, 0, executed, false);
                }
                Body::OrderExecutedWithPrice { reference, executed, match_number, price, .. } => {
                    sums.add(time_ns, reference, match_number, price.raw(), executed, false);
                }
                Body::ReplaceOrder(new) => {
                    let price = new.price.raw();
                    sums.add(time_ns, new.old_reference, new.new_reference, price, new.shares, false);
                }
                _ => continue,
            }
            locates = locates.wrapping_add(u64::from(message.stock_locate));
        }
        black_box(locates);
        Ok(sums)
    }
}

#[inline(always)]
fn is_order(kind: EventKind) -> bool {
    kind as u8 <= EventKind::OrderExecute as u8
}

/// Hands each order message on as it is; the other types go through the trait's empty defaults.
struct Itch5Sink {
    orders: u64,
}

macro_rules! sink {
    ($($method:ident: $message:ident),*) => {
        $(
            #[inline(always)]
            fn $method(&mut self, message: &messages::$message) -> ControlFlow<()> {
                self.orders += 1;
                black_box(message);
                ControlFlow::Continue(())
            }
        )*
    };
}

impl MessageHandler for Itch5Sink {
    sink!(
        on_add_order_no_mpid_attribution: AddOrderNoMPIDAttribution,
        on_add_order_with_mpid_attribution: AddOrderWithMPIDAttribution,
        on_order_executed: OrderExecuted,
        on_order_executed_with_price: OrderExecutedWithPrice,
        on_order_cancel: OrderCancel,
        on_order_delete: OrderDelete,
        on_order_replace: OrderReplace
    );
}

/// Reads the fields of each order message through the view's accessors.
#[derive(Default)]
struct Itch5Fields {
    sums: Sums,
    locates: u64,
}

macro_rules! fields {
    ($($method:ident: $message:ident, |$m:ident| $id:expr, $second:expr, $price:expr, $quantity:expr, $buy:expr;)*) => {
        $(
            #[inline(always)]
            fn $method(&mut self, $m: &messages::$message) -> ControlFlow<()> {
                self.locates = self.locates.wrapping_add(u64::from($m.stock_locate()));
                self.sums.add($m.timestamp().to_u64(), $id, $second, $price, $quantity, $buy);
                ControlFlow::Continue(())
            }
        )*
    };
}

impl MessageHandler for Itch5Fields {
    fields!(
        on_add_order_no_mpid_attribution: AddOrderNoMPIDAttribution, |m| m.order_reference_number(), 0,
            m.price().into_u32(), m.shares(), matches!(m.buy_sell_indicator(), messages::BuySellIndicator::Buy);
        on_add_order_with_mpid_attribution: AddOrderWithMPIDAttribution, |m| m.order_reference_number(), 0,
            m.price().into_u32(), m.shares(), matches!(m.buy_sell_indicator(), messages::BuySellIndicator::Buy);
        on_order_executed: OrderExecuted, |m| m.order_reference_number(), m.match_number(), 0,
            m.executed_shares(), false;
        on_order_executed_with_price: OrderExecutedWithPrice, |m| m.order_reference_number(), m.match_number(),
            m.execution_price().into_u32(), m.executed_shares(), false;
        on_order_cancel: OrderCancel, |m| m.order_reference_number(), 0, 0, m.cancelled_shares(), false;
        on_order_delete: OrderDelete, |m| m.order_reference_number(), 0, 0, 0, false;
        on_order_replace: OrderReplace, |m| m.original_order_reference_number(), m.new_order_reference_number(),
            m.price().into_u32(), m.shares(), false;
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_decoders_read_the_same_of_a_real_session() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
        if !Path::new(root).is_dir() {
            println!("SKIPPED: ../shared/data is absent");
            return;
        }
        for file in
            ["itch50_bx_20190730/itch_sample_slice.bin", "itch50_from_lobster/20120621.GOOG_L10.itch50.gz"]
        {
            let capture = Capture::open(format!("{root}/{file}")).expect("the capture opens");
            let mut bench = Bench::new(&capture).expect("an intact capture");
            let mut pass = |variant| bench.pass(variant).expect("a whole pass");
            let wanted = pass(Variant::OurFields);
            assert!(wanted.orders > 6_000 && wanted.price > 0 && wanted.buys > 0, "{wanted:?}");
            assert_eq!((pass(Variant::Itch5Fields), pass(Variant::ItchyFields)), (wanted, wanted), "{file}");
            for sink in [Variant::OurSink, Variant::Itch5Sink, Variant::ItchySink] {
                assert_eq!(pass(sink), Sums { orders: wanted.orders, ..Sums::default() }, "{file}");
            }
        }
    }
}
