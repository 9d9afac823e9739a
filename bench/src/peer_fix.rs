//! FIX, ours beside the published crates `fixlite`, `fix-codec-rs` and `ironfix-tagvalue`, in one run (feature `peers-fix`).
//!
//! *Decode*: the 1,024 ExecutionReports of [`crate::fix_messages`]; BodyLength and CheckSum are validated, and ClOrdID,
//! ExecType, OrdStatus, Symbol, Side, LastQty, LeavesQty, CumQty and LastPx are taken as numbers or bytes. Ours makes a
//! whole `Execution` besides. Where a crate gives text, [`engine::fix::number`]'s readers make numbers of it, those for
//! short slices. *Encode*: NewOrderSingle of 14 fields; the peers are given the texts of price and ClOrdID ready-made.
//!
//! Each crate is used as its own documentation shows. A sample is a pass over all messages; rounds go over all in turns,
//! each round beginning with another one. The sums of all values must be the same for all in every pass.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;

use chrono::DateTime;
use engine::fix::codec::Message;
use engine::fix::fix44;
use engine::fix::framer::Framer;
use engine::fix::identity::SessionIds;
use engine::fix::index::Known;
use engine::fix::number::{parse_price, parse_quantity, parse_unsigned};
use engine::fix::templates::{NumberStyle, OrderTemplates, TEMPLATE_BYTES, TemplateFormat};
use engine::fix::timestamp::{TimePrecision, write_timestamp};
use engine::fix::{executions, field::FieldType};
use engine::order::{Order, TimeInForce};
use engine::pipeline::risk::RiskApproved;
use feeds::event::Side;
use fixlite::enums::MsgType;
use fixlite::{FixBuilder, FixDeserialize};

use crate::fix_encode::approved_orders;
use crate::fix_messages::{MESSAGES, average_bytes, execution_reports};
use crate::line::Line;
use crate::timing::tenths;

/// Rounds, of which the first are thrown away.
const ROUNDS: usize = 440;
const WARM_UP: usize = 40;

/// Sums of the nine fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    ids: u64,
    chars: u64,
    symbols: u64,
    quantities: u64,
    prices: i64,
}

impl Sums {
    #[inline(always)]
    fn add(&mut self, id: u64, chars: [u8; 3], symbol: &[u8], quantities: [u64; 3], price: i64) {
        self.ids = self.ids.wrapping_add(id);
        self.chars += chars.map(u64::from).iter().sum::<u64>();
        self.symbols += symbol.len() as u64 + symbol.first().map_or(0, |&byte| u64::from(byte));
        self.quantities = self.quantities.wrapping_add(quantities.iter().sum());
        self.prices = self.prices.wrapping_add(price);
    }

    /// The same of texts.
    #[inline(always)]
    fn add_texts(&mut self, texts: [&[u8]; 9]) -> Option<()> {
        let [id, exec_type, status, symbol, side, last, leaves, cum, price] = texts;
        let chars = [*exec_type.first()?, *status.first()?, *side.first()?];
        let quantities = [parse_quantity(last)?, parse_quantity(leaves)?, parse_quantity(cum)?];
        self.add(parse_unsigned(id)?, chars, symbol, quantities, parse_price(price)?);
        Some(())
    }
}

/// The tags in the order of [`Sums::add_texts`].
const TAGS: [u32; 9] = [11, 150, 39, 55, 54, 32, 151, 14, 31];

/// The types that `fixlite` is to give some tags. In a module, since its macro makes an item without documentation.
mod types {
    fixlite::fix_tag_registry! {
        Quantities {
            14 => [u32],
            32 => [u32],
            151 => [u32],
        }
    }
}

use types::Quantities;

/// What `fixlite` reads of a report.
#[derive(FixDeserialize)]
#[fix_registry(Quantities)]
struct Report<'a> {
    #[fix(tag = 11)]
    cl_ord_id: &'a str,
    #[fix(tag = 150)]
    exec_type: &'a str,
    #[fix(tag = 39)]
    ord_status: &'a str,
    #[fix(tag = 55)]
    symbol: &'a str,
    #[fix(tag = 54)]
    side: &'a str,
    #[fix(tag = 32)]
    last_qty: u32,
    #[fix(tag = 151)]
    leaves_qty: u32,
    #[fix(tag = 14)]
    cum_qty: u32,
    #[fix(tag = 31)]
    last_px: &'a str,
}

/// A decoder under test: adds up all messages; `None` where it refuses one.
type Decode<'m> = Box<dyn FnMut() -> Option<Sums> + 'm>;

/// Runs it.
///
/// # Errors
/// A refused message, or values that differ.
pub fn run() -> Result<Vec<Line>, String> {
    let mut lines = decode()?;
    lines.extend(encode()?);
    Ok(lines)
}

fn decoders(messages: &[Vec<u8>]) -> Vec<(&'static str, Decode<'_>)> {
    let mut framer = Framer::new();
    let ours = move || {
        let mut sums = Sums::default();
        for message in messages {
            let flow = framer.feed(message, &mut |frame| {
                let (Ok(Some(execution)), Some(index)) = (executions::decode(frame, 0, 7), frame.index())
                else {
                    return ControlFlow::Break(());
                };
                let char = |field| frame.value(index, field).char().unwrap_or(0);
                sums.add(
                    execution.cl_ord_id,
                    [char(Known::ExecType), char(Known::OrdStatus), char(Known::Side)],
                    frame.value(index, Known::Symbol).bytes(),
                    [execution.last_quantity, execution.leaves_quantity, execution.cumulative_quantity],
                    execution.last_price,
                );
                black_box(execution);
                ControlFlow::Continue(())
            });
            flow.is_continue().then_some(())?;
        }
        Some(sums)
    };
    let fixlite = move || {
        let mut sums = Sums::default();
        for message in messages {
            let report: Report<'_> = fixlite::decode(message).ok()?;
            let char = |text: &str| text.as_bytes().first().copied().unwrap_or(0);
            sums.add(
                parse_unsigned(report.cl_ord_id.as_bytes())?,
                [char(report.exec_type), char(report.ord_status), char(report.side)],
                report.symbol.as_bytes(),
                [report.last_qty, report.leaves_qty, report.cum_qty].map(u64::from),
                parse_price(report.last_px.as_bytes())?,
            );
        }
        Some(sums)
    };
    let mut decoder = fix_codec_rs::decoder::Decoder::new();
    let fix_codec = move || {
        let mut sums = Sums::default();
        for message in messages {
            let read = decoder.decode(message).ok()?;
            read.validate_body_length().ok()?;
            read.validate_checksum().ok()?;
            sums.add_texts(TAGS.map(|tag| read.find(tag as _).map_or(&[][..], |field| field.value)))?;
        }
        Some(sums)
    };
    let mut index = ironfix_tagvalue::FieldIndex::with_capacity(64);
    let ironfix = move || {
        let mut sums = Sums::default();
        for message in messages {
            let read = ironfix_tagvalue::Decoder::new(message).decode_into(&mut index).ok()?;
            sums.add_texts(TAGS.map(|tag| read.get_field(tag).map_or(&[][..], |field| field.value)))?;
        }
        Some(sums)
    };
    vec![
        ("warptick", Box::new(ours)),
        ("fixlite 0.7.0", Box::new(fixlite)),
        ("fix-codec-rs 0.3.0", Box::new(fix_codec)),
        ("ironfix-tagvalue 0.5.1", Box::new(ironfix)),
    ]
}

fn decode() -> Result<Vec<Line>, String> {
    let reports = execution_reports("FIX.4.4")?;
    let messages: Vec<Vec<u8>> = reports.iter().map(|report| report.bytes.clone()).collect();
    let mut ways = decoders(&messages);
    let wanted = ways[0].1().ok_or("ours refuses a report")?;
    let mut passes = vec![Vec::with_capacity(ROUNDS); ways.len()];
    for round in 0..ROUNDS {
        for turn in 0..passes.len() {
            let which = (round + turn) % passes.len();
            let (name, way) = &mut ways[which];
            let start = Instant::now();
            let sums = black_box(way());
            let ns = start.elapsed().as_nanos() as f64;
            if sums != Some(wanted) {
                return Err(format!("{name} reads {sums:?}, ours {wanted:?}"));
            }
            if round >= WARM_UP {
                passes[which].push(ns / MESSAGES as f64);
            }
        }
    }
    let names: Vec<_> = ways.iter().map(|(name, _)| *name).collect();
    let bytes = tenths(average_bytes(&reports));
    Ok(lines(
        "decode, ExecutionReport, 9 fields",
        &names,
        passes,
        bytes,
        "the sums of all nine fields are the same",
    ))
}

/// The ready-made texts of an order.
struct Texts {
    cl_ord_id: String,
    price: String,
    symbol: String,
    side: &'static str,
    time_in_force: &'static str,
}

impl Texts {
    fn of(order: &Order) -> Self {
        let mut price = [0; 24];
        let length = engine::fix::field::Price::write(order.price, &mut price).unwrap_or(0);
        Self {
            cl_ord_id: order.cl_ord_id.to_string(),
            price: String::from_utf8_lossy(&price[..length]).into_owned(),
            symbol: format!("S{}", order.instrument),
            side: if order.side == Side::Buy { "1" } else { "2" },
            time_in_force: if order.time_in_force == TimeInForce::Day { "0" } else { "3" },
        }
    }
}

/// An encoder under test: writes order `n` and hands its bytes on.
type Encode<'o> = Box<dyn FnMut(usize, &mut dyn FnMut(&[u8])) -> Option<()> + 'o>;

fn encoders<'o>(
    orders: &'o [RiskApproved<Order>],
    texts: &'o [Texts],
) -> Result<Vec<(&'static str, Encode<'o>)>, String> {
    let ids = SessionIds::new("FIX.4.2", "WARPTICK", "VENUE").map_err(|error| error.to_string())?;
    let symbols: Vec<String> = (0..64).map(|number| format!("S{number}")).collect();
    let templates = |number_style| {
        let time_precision = TimePrecision::Milliseconds;
        let format = TemplateFormat { number_style, time_precision, ..TemplateFormat::default() };
        OrderTemplates::new(&ids, format, symbols.iter().map(String::as_str))
            .map_err(|error| error.to_string())
    };
    let ours = |mut templates: OrderTemplates| -> Encode<'o> {
        let mut out = vec![0; TEMPLATE_BYTES];
        Box::new(move |at, take| {
            let order = &orders[at];
            let length = templates.encode(order, at as u32 + 1, order.time_ns, &mut out).ok()?;
            take(&out[..length]);
            Some(())
        })
    };
    let mut builder = FixBuilder::new("FIX.4.2", "WARPTICK", "VENUE");
    let fixlite = move |at: usize, take: &mut dyn FnMut(&[u8])| {
        let (order, texts) = (&orders[at], &texts[at]);
        let time = DateTime::from_timestamp_nanos(order.time_ns as i64);
        let message = builder
            .begin_with(&(at as u64 + 1), &time, &MsgType::NewOrderSingle)
            .str(11, &texts.cl_ord_id)
            .str(21, "1")
            .str(55, &texts.symbol)
            .str(54, texts.side)
            .field(60, time)
            .field(38, order.quantity)
            .str(40, "2")
            .str(44, &texts.price)
            .str(59, texts.time_in_force)
            .finish();
        take(message);
        Some(())
    };
    let mut encoder = ironfix_tagvalue::Encoder::new("FIX.4.2");
    let ironfix = move |at: usize, take: &mut dyn FnMut(&[u8])| {
        let (order, texts) = (&orders[at], &texts[at]);
        let mut time = [0; 21];
        write_timestamp(order.time_ns, TimePrecision::Milliseconds, &mut time)?;
        encoder.clear();
        encoder.put_str(35, "D");
        encoder.put_uint(34, at as u64 + 1);
        encoder.put_str(49, "WARPTICK");
        encoder.put_raw(52, &time);
        encoder.put_str(56, "VENUE");
        encoder.put_str(11, &texts.cl_ord_id);
        encoder.put_str(21, "1");
        encoder.put_str(55, &texts.symbol);
        encoder.put_str(54, texts.side);
        encoder.put_raw(60, &time);
        encoder.put_uint(38, order.quantity);
        encoder.put_str(40, "2");
        encoder.put_str(44, &texts.price);
        encoder.put_str(59, texts.time_in_force);
        take(encoder.finish().ok()?);
        Some(())
    };
    Ok(vec![
        ("warptick, fixed width", ours(templates(NumberStyle::FixedWidth)?)),
        ("warptick, compact", ours(templates(NumberStyle::Compact)?)),
        ("fixlite 0.7.0", Box::new(fixlite)),
        ("ironfix-tagvalue 0.5.1", Box::new(ironfix)),
    ])
}

fn encode() -> Result<Vec<Line>, String> {
    let orders = approved_orders(64, MESSAGES, true)?;
    let texts: Vec<Texts> = orders.iter().map(|order| Texts::of(order)).collect();
    let mut ways = encoders(&orders, &texts)?;
    let mut bytes = 0;
    for (name, way) in &mut ways {
        for (at, order) in orders.iter().enumerate() {
            let mut same = false;
            way(at, &mut |message| {
                bytes += message.len();
                same = Message::decode(message).is_ok_and(|read| says(&read, order, at as u32 + 1));
            });
            if !same {
                return Err(format!("{name}: {order:?}"));
            }
        }
    }
    let average = tenths(bytes as f64 / (ways.len() * MESSAGES) as f64);
    let mut passes = vec![Vec::with_capacity(ROUNDS); ways.len()];
    for round in 0..ROUNDS {
        for turn in 0..passes.len() {
            let which = (round + turn) % passes.len();
            let (name, way) = &mut ways[which];
            let mut total = 0;
            let start = Instant::now();
            for at in 0..MESSAGES {
                way(at, &mut |message| total += black_box(message).len());
            }
            let ns = start.elapsed().as_nanos() as f64;
            if total < 150 * MESSAGES {
                return Err(format!("{name} wrote {total} bytes"));
            }
            if round >= WARM_UP {
                passes[which].push(ns / MESSAGES as f64);
            }
        }
    }
    let names: Vec<_> = ways.iter().map(|(name, _)| *name).collect();
    let checked = "every message, decoded by ours, has the order's 14 fields";
    Ok(lines("encode, NewOrderSingle, 14 fields", &names, passes, average, checked))
}

/// Whether a message says what an order asks for, in 14 fields.
fn says(message: &Message<'_>, order: &Order, sequence: u32) -> bool {
    let texts = Texts::of(order);
    message.fields().count() == 13 // and MsgType
        && message.get(fix44::MSG_SEQ_NUM) == Ok(Some(sequence))
        && message.get(fix44::CL_ORD_ID) == Ok(Some(texts.cl_ord_id.as_bytes()))
        && message.get(fix44::SYMBOL) == Ok(Some(texts.symbol.as_bytes()))
        && message.get(fix44::ORDER_QTY) == Ok(Some(order.quantity))
        && message.get(fix44::PRICE) == Ok(Some(order.price))
        && message.get(fix44::TRANSACT_TIME) == Ok(Some(order.time_ns / 1_000_000 * 1_000_000))
}

fn lines(what: &str, names: &[&str], passes: Vec<Vec<f64>>, bytes: f64, checked: &str) -> Vec<Line> {
    let sorted: Vec<Vec<f64>> = passes
        .into_iter()
        .map(|mut passes| {
            passes.sort_by(f64::total_cmp);
            passes
        })
        .collect();
    let median = |passes: &[f64]| passes[passes.len() / 2];
    let ours = median(&sorted[0]);
    let named = names.iter().zip(&sorted);
    named
        .map(|(name, passes)| {
            Line::new(
                "peer_fix",
                &format!("{what}: {name}"),
                "closed loop, one thread, passes over 1,024 different messages, all in turns",
                &format!("{WARM_UP} of {ROUNDS} rounds"),
            )
            .clock("CLOCK_MONOTONIC around a pass")
            .with("rounds", passes.len())
            .with("message_bytes", bytes)
            .with("min_ns", tenths(passes[0]))
            .with("median_ns", tenths(median(passes)))
            .with("p90_ns", tenths(passes[passes.len() * 9 / 10]))
            .with("against_ours", (median(passes) / ours * 100.0).round() / 100.0)
            .checked(checked)
        })
        .collect()
}
