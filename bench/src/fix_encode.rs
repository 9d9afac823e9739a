//! What it costs to write one order as FIX from a template.
//!
//! Load: 8,000 instruments, 60 % new orders, 20 % replaces, 20 % cancels, uniformly over the instruments (the worst case
//! for the symbol table), times that advance by up to 50 us, so that the text of the second changes now and then. Every
//! message is decoded again by the general codec and compared with its order, outside the timing.

use engine::fix::codec::Message;
use engine::fix::fix44;
use engine::fix::identity::SessionIds;
use engine::fix::templates::{OrderTemplates, TEMPLATE_BYTES, TemplateFormat};
use engine::order::{Order, OrderAction, TimeInForce};
use feeds::event::Side;

use crate::timing::{BATCH, Random, Samples};

const INSTRUMENTS: u64 = 8_000;
const WARM_UP: usize = 2_000;
const SAMPLES: usize = 30_000;

/// Runs it.
///
/// # Errors
/// A message that is not what was asked for.
pub fn run() -> Result<String, String> {
    let ids = SessionIds::new("FIX.4.4", "WARPTICK", "VENUE").map_err(|error| error.to_string())?;
    let symbols: Vec<String> = (0..INSTRUMENTS).map(|number| format!("S{number}")).collect();
    let mut templates =
        OrderTemplates::new(&ids, TemplateFormat::default(), symbols.iter().map(String::as_str))
            .map_err(|error| error.to_string())?;
    let mut samples = Samples::with_capacity(SAMPLES.max(WARM_UP));
    let mut random = Random(1);
    let mut outputs = vec![[0_u8; TEMPLATE_BYTES]; BATCH];
    let mut lengths = [0_usize; BATCH];
    let (mut time_ns, mut counter, mut bytes) = (1_340_285_400_000_000_000, 0_u64, 0_usize);
    for round in 0..WARM_UP + SAMPLES {
        if round == WARM_UP {
            samples.clear();
            bytes = 0;
        }
        let orders: [Order; BATCH] = std::array::from_fn(|_| {
            counter += 1;
            time_ns += random.below(50_000);
            order(&mut random, time_ns, counter)
        });
        let sequence = (counter % 90_000_000) as u32;
        samples.batch(|index| {
            let order = &orders[index];
            let sending_ns = order.time_ns + 500;
            lengths[index] = templates
                .encode(order, sequence + index as u32, sending_ns, &mut outputs[index])
                .unwrap_or(0);
        });
        for (index, order) in orders.iter().enumerate() {
            let message = &outputs[index][..lengths[index]];
            check(order, &symbols, message)
                .ok_or_else(|| format!("{order:?}: {}", message.escape_ascii()))?;
            bytes += message.len();
        }
    }
    let average = bytes as f64 / (SAMPLES * BATCH) as f64;
    samples.line(
        "fix_encode",
        "templates, 8,000 symbols, 60/20/20 % D/G/F, each decoded and compared",
        average,
    )
}

fn order(random: &mut Random, time_ns: u64, counter: u64) -> Order {
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
        instrument: random.below(INSTRUMENTS) as u32,
        venue: 0,
        action,
        side: if random.below(2) == 0 { Side::Buy } else { Side::Sell },
        time_in_force: if random.below(4) == 0 { TimeInForce::ImmediateOrCancel } else { TimeInForce::Day },
        strategy: 0,
        reserved: [0; 6],
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
        },
        if order.side == Side::Buy { b'1' } else { b'2' },
    );
    let id = |field| -> Option<u64> { std::str::from_utf8(message.get(field).ok()??).ok()?.parse().ok() };
    let same = message.frame().message_type() == message_type
        && id(fix44::CL_ORD_ID)? == order.cl_ord_id
        && message.get(fix44::ORDER_QTY) == Ok(Some(order.quantity))
        && message.get(fix44::SIDE) == Ok(Some(side))
        && message.get(fix44::SYMBOL) == Ok(Some(symbols[order.instrument as usize].as_bytes()))
        && message.get(fix44::TRANSACT_TIME) == Ok(Some(order.time_ns / 1_000 * 1_000))
        && (order.action == OrderAction::Cancel || message.get(fix44::PRICE) == Ok(Some(order.price)))
        && (order.action == OrderAction::New || id(fix44::ORIG_CL_ORD_ID)? == order.orig_cl_ord_id);
    same.then_some(())
}
