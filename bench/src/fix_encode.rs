//! What it costs to write one order as FIX from a template.
//!
//! Three loads, one thread. *NewOrderSingle*, fixed width and compact: 1,024 different orders over 64 symbols, what a desk
//! sends in an hour, 14 fields besides the frame's three (FIX 4.2: HandlInst(21) is one), times in milliseconds; every
//! batch is followed by one of the general codec over the same orders and fields, as the baseline that a slow minute of
//! the machine meets too. *Mixed*: 8,000 symbols, 60 % new orders, 20 % replaces, 20 % cancels, uniformly over the symbols
//! (the worst case for the symbol table), times that advance by up to 50 us, so that the text of the second changes now
//! and then. Every message is decoded again by the general codec and compared with its order, outside the timing.

use engine::control::digest::canonical;
use engine::fix::codec::{Encoder, Header, Message};
use engine::fix::fix44;
use engine::fix::identity::SessionIds;
use engine::fix::templates::{
    NumberStyle, OrderTemplates, TEMPLATE_BYTES, TemplateFormat, time_in_force_char,
};
use engine::fix::timestamp::TimePrecision;
use engine::order::{Intent, Order, OrderAction, TimeInForce};
use engine::pipeline::risk::{EngineLimits, InstrumentLimits, Reference, Risk, RiskApproved, Stamp, Target};
use engine::pipeline::tsc::Calibration;
use feeds::event::Side;

use crate::line::Line;
use crate::timing::{BATCH, Random, Samples, tenths};

/// A load: version and style, how many symbols and orders, new orders only or not, how often, and how many passes are
/// thrown away.
struct Load {
    name: &'static str,
    begin_string: &'static str,
    number_style: NumberStyle,
    symbols: u64,
    orders: usize,
    new_only: bool,
    passes: usize,
    warm_up: usize,
}

const LOADS: [Load; 3] = [
    Load {
        name: "NewOrderSingle of 14 fields, 64 symbols, fixed width",
        begin_string: "FIX.4.2",
        number_style: NumberStyle::FixedWidth,
        symbols: 64,
        orders: 1_024,
        new_only: true,
        passes: 400,
        warm_up: 40,
    },
    Load {
        name: "NewOrderSingle of 14 fields, 64 symbols, compact",
        begin_string: "FIX.4.2",
        number_style: NumberStyle::Compact,
        symbols: 64,
        orders: 1_024,
        new_only: true,
        passes: 400,
        warm_up: 40,
    },
    Load {
        name: "mixed D/G/F, 8,000 symbols",
        begin_string: "FIX.4.4",
        number_style: NumberStyle::FixedWidth,
        symbols: 8_000,
        orders: 65_536,
        new_only: false,
        passes: 6,
        warm_up: 1,
    },
];

/// Runs it.
///
/// # Errors
/// A message that is not what was asked for.
pub fn run() -> Result<Vec<Line>, String> {
    let calibration = Calibration::measure();
    let mut lines = Vec::new();
    for load in &LOADS {
        lines.extend(measure(load, &calibration)?);
    }
    Ok(lines)
}

fn measure(load: &Load, calibration: &Calibration) -> Result<Vec<Line>, String> {
    let ids = SessionIds::new(load.begin_string, "WARPTICK", "VENUE").map_err(|error| error.to_string())?;
    let format = TemplateFormat {
        number_style: load.number_style,
        time_precision: TimePrecision::Milliseconds,
        ..TemplateFormat::default()
    };
    let symbols: Vec<String> = (0..load.symbols).map(|number| format!("S{number}")).collect();
    let mut templates = OrderTemplates::new(&ids, format, symbols.iter().map(String::as_str))
        .map_err(|error| error.to_string())?;
    let orders = orders(load)?;
    let count = load.passes * orders.len() / BATCH;
    let (mut by_template, mut by_codec) = (Samples::batches(count), Samples::batches(count));
    let mut outputs = vec![[0_u8; TEMPLATE_BYTES]; BATCH];
    let mut lengths = [0_usize; BATCH];
    let mut bytes = 0;
    for pass in 0..load.warm_up + load.passes {
        if pass == load.warm_up {
            by_template.clear();
            by_codec.clear();
        }
        for (batch, number) in orders.chunks_exact(BATCH).zip(0_u32..) {
            let sequence = number * BATCH as u32 + 1;
            by_template.time(|index| {
                let order = &batch[index];
                lengths[index] = templates
                    .encode(order, sequence + index as u32, order.time_ns + 500, &mut outputs[index])
                    .unwrap_or(0);
            });
            if pass == 0 {
                bytes += verify(batch, &symbols, &outputs, &lengths)?;
            }
            if load.new_only {
                by_codec.time(|index| {
                    let symbol = &symbols[batch[index].instrument as usize];
                    lengths[index] = encode_generally(
                        &batch[index],
                        sequence + index as u32,
                        symbol,
                        &ids,
                        &mut outputs[index],
                    );
                });
                if pass == 0 {
                    verify(batch, &symbols, &outputs, &lengths)?;
                }
            }
        }
    }
    let average = tenths(bytes as f64 / orders.len() as f64);
    let line = |which: &str, samples: Samples| {
        Line::new(
            "fix_encode",
            &format!("{}, {which}", load.name),
            "closed loop, one thread, 32 different orders a sample",
            &format!("{} passes over {} orders", load.warm_up, load.orders),
        )
        .figures(samples.figures(calibration, 1.0))
        .given(orders.iter().map(|order| canonical(order)))
        .with("orders", load.orders)
        .with("template_message_bytes", average)
        .checked("every message decodes back to its order")
    };
    let mut lines = vec![line("template", by_template)];
    if load.new_only {
        lines.push(line("general codec (baseline, interleaved)", by_codec));
    }
    Ok(lines)
}

/// Orders that passed risk checks which nothing here can break: the encoder takes no others.
fn orders(load: &Load) -> Result<Vec<RiskApproved<Order>>, String> {
    approved_orders(load.symbols, load.orders, load.new_only)
}

/// The same by their numbers.
///
/// # Errors
/// An order that risk refuses.
pub fn approved_orders(
    symbols: u64,
    orders: usize,
    new_only: bool,
) -> Result<Vec<RiskApproved<Order>>, String> {
    let limits = InstrumentLimits {
        order_qty_max: u64::MAX,
        order_notional_max: i128::MAX,
        collar_bp: 1,
        position_max: i64::MAX,
        price_tick: 1,
        ..InstrumentLimits::default()
    };
    let engine =
        EngineLimits { messages_per_s: u32::MAX, messages_burst: u32::MAX, ..EngineLimits::default() };
    let mut risk = Risk::new(engine, vec![limits; symbols as usize]);
    let mut random = Random(symbols);
    let mut time_ns = 1_340_285_400_000_000_000;
    let numbered = 1..=orders as u64;
    numbered
        .map(|counter| {
            time_ns += random.below(50_000);
            let mut order = order(&mut random, time_ns, counter, symbols);
            if new_only {
                (order.action, order.orig_cl_ord_id) = (OrderAction::New, 0);
            }
            approve(&mut risk, &order)
        })
        .collect()
}

fn approve(risk: &mut Risk, order: &Order) -> Result<RiskApproved<Order>, String> {
    let Order { action, price, quantity, instrument, venue, side, time_in_force, strategy, .. } = *order;
    let target = order.orig_cl_ord_id;
    let intent = Intent { action, target, price, quantity, instrument, venue, side, time_in_force };
    let reference = Reference::of(price, price);
    let held = Target { quantity, cumulative: 0, reserved: quantity, price, sells_short: false };
    let target = (action != OrderAction::New).then_some(held);
    let (decision, time_ns, cl_ord_id) = (order.decision, order.time_ns, order.cl_ord_id);
    risk.approve(&intent, &reference, target, &Stamp { decision, time_ns, cl_ord_id, strategy })
        .map(|approval| approval.order)
        .map_err(|reasons| format!("{order:?}: {reasons}"))
}

/// Checks a batch; the bytes of its messages.
fn verify(
    batch: &[RiskApproved<Order>],
    symbols: &[String],
    outputs: &[[u8; TEMPLATE_BYTES]],
    lengths: &[usize; BATCH],
) -> Result<usize, String> {
    for ((order, output), &length) in batch.iter().zip(outputs).zip(lengths) {
        let message = &output[..length];
        check(order, symbols, message).ok_or_else(|| format!("{order:?}: {}", message.escape_ascii()))?;
    }
    Ok(lengths.iter().sum())
}

/// The same fields by the general codec: the baseline. 0 when it cannot.
fn encode_generally(order: &Order, sequence: u32, symbol: &str, ids: &SessionIds, out: &mut [u8]) -> usize {
    let time_precision = TimePrecision::Milliseconds;
    let header = Header { ids, sequence, sending_time_ns: order.time_ns + 500, time_precision };
    let mut id = [0; 20];
    let id = decimal(order.cl_ord_id, &mut id);
    let mut encoder = Encoder::start_message(out, &header, b"D");
    encoder
        .set(fix44::CL_ORD_ID, id)
        .set(fix44::HANDL_INST, b'1')
        .set(fix44::SYMBOL, symbol.as_bytes())
        .set(fix44::SIDE, if order.side == Side::Buy { b'1' } else { b'2' })
        .set_time(fix44::TRANSACT_TIME, order.time_ns, time_precision)
        .set(fix44::ORDER_QTY, order.quantity)
        .set(fix44::ORD_TYPE, b'2')
        .set(fix44::PRICE, order.price)
        .set(fix44::TIME_IN_FORCE, time_in_force_char(order.time_in_force));
    encoder.done().unwrap_or(0)
}

/// The digits of a number, at the end of `room`.
fn decimal(mut number: u64, room: &mut [u8; 20]) -> &[u8] {
    let mut at = room.len();
    while number > 0 {
        at -= 1;
        room[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    &room[at..]
}

fn order(random: &mut Random, time_ns: u64, counter: u64, symbols: u64) -> Order {
    let action = match random.below(10) {
        0..6 => OrderAction::New,
        6..8 => OrderAction::Replace,
        _ => OrderAction::Cancel,
    };
    let cl_ord_id = 2_012_062_100_000_000 + counter;
    Order {
        decision: counter,
        time_ns,
        cl_ord_id,
        orig_cl_ord_id: if action == OrderAction::New { 0 } else { cl_ord_id - 1 },
        price: (1 + random.below(5_000_000)) as i64 * 100_000,
        quantity: 1 + random.below(10_000),
        instrument: random.below(symbols) as u32,
        venue: 0,
        action,
        side: if random.below(2) == 0 { Side::Buy } else { Side::Sell },
        time_in_force: if random.below(4) == 0 { TimeInForce::ImmediateOrCancel } else { TimeInForce::Day },
        strategy: 0,
        sells_short: false,
        reserved: [0; 5],
    }
}

/// Whether the message says what the order asks for.
fn check(order: &Order, symbols: &[String], bytes: &[u8]) -> Option<()> {
    let message = Message::decode(bytes).ok()?;
    let (message_type, side) = (
        match order.action {
            OrderAction::New => b"D",
            OrderAction::Replace => b"G",
            OrderAction::Cancel => b"F",
            // The load has none.
            OrderAction::Status => return None,
        },
        if order.side == Side::Buy { b'1' } else { b'2' },
    );
    let id = |field| -> Option<u64> { std::str::from_utf8(message.get(field).ok()??).ok()?.parse().ok() };
    let same = message.frame().message_type() == message_type
        && id(fix44::CL_ORD_ID)? == order.cl_ord_id
        && message.get(fix44::ORDER_QTY) == Ok(Some(order.quantity))
        && message.get(fix44::SIDE) == Ok(Some(side))
        && message.get(fix44::SYMBOL) == Ok(Some(symbols[order.instrument as usize].as_bytes()))
        && message.get(fix44::TRANSACT_TIME) == Ok(Some(order.time_ns / 1_000_000 * 1_000_000))
        && (order.action == OrderAction::Cancel || message.get(fix44::PRICE) == Ok(Some(order.price)))
        && (order.action == OrderAction::New || id(fix44::ORIG_CL_ORD_ID)? == order.orig_cl_ord_id);
    same.then_some(())
}
