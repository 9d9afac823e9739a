//! What it costs to write one order as an OUCH 5.0 packet, SoupBinTCP's header included.
//!
//! Two loads with the orders of [`crate::fix_encode`], so that the two protocols compare: new orders over 64 symbols, and a mix of new
//! orders, replaces and cancels over 8,000. Every packet is read again by the venue's decoder and compared with its
//! order, outside the timing.

use engine::control::digest::canonical;
use engine::order::{Order, OrderAction, TimeInForce};
use engine::ouch::encode::{OrderEncoder, PACKET_BYTES, price_e9, wire_symbols};
use engine::ouch::messages::ClientMessage;
use engine::pipeline::risk::RiskApproved;
use engine::pipeline::tsc::Calibration;
use feeds::event::Side;
use feeds::symbol::Symbol;

use crate::fix_encode::approved_orders;
use crate::line::Line;
use crate::timing::{BATCH, Samples, tenths};

/// Date of the loads' ClOrdIDs.
const DATE: u32 = 20_120_621;

/// A load: how many symbols and orders, new orders only or not, how often, and how many passes are thrown away.
struct Load {
    name: &'static str,
    symbols: u64,
    orders: usize,
    new_only: bool,
    passes: usize,
    warm_up: usize,
}

const LOADS: [Load; 2] = [
    Load {
        name: "Enter Order, 64 symbols",
        symbols: 64,
        orders: 1_024,
        new_only: true,
        passes: 400,
        warm_up: 40,
    },
    Load {
        name: "mixed O/U/X, 8,000 symbols",
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
/// A packet that is not what was asked for.
pub fn run() -> Result<Vec<Line>, String> {
    let calibration = Calibration::measure();
    LOADS.iter().map(|load| measure(load, &calibration)).collect()
}

fn measure(load: &Load, calibration: &Calibration) -> Result<Line, String> {
    let symbols: Result<Vec<_>, _> =
        (0..load.symbols).map(|number| Symbol::new(&format!("S{number}"))).collect();
    let symbols = symbols.map_err(|error| error.to_string())?;
    let encoder = OrderEncoder::new(DATE, wire_symbols(&symbols).map_err(|error| error.to_string())?);
    let orders = approved_orders(load.symbols, load.orders, load.new_only)?;
    let mut samples = Samples::batches(load.passes * orders.len() / BATCH);
    let mut outputs = vec![[0_u8; PACKET_BYTES]; BATCH];
    let mut lengths = [0_usize; BATCH];
    let mut bytes = 0;
    for pass in 0..load.warm_up + load.passes {
        if pass == load.warm_up {
            samples.clear();
        }
        for batch in orders.chunks_exact(BATCH) {
            samples.time(|index| {
                lengths[index] = encoder.encode(&batch[index], &mut outputs[index]).unwrap_or(0);
            });
            if pass == 0 {
                bytes += verify(batch, &symbols, &outputs, &lengths)?;
            }
        }
    }
    let average = tenths(bytes as f64 / orders.len() as f64);
    Ok(Line::new(
        "ouch_encode",
        load.name,
        "closed loop, one thread, 32 different orders a sample",
        &format!("{} passes over {} orders", load.warm_up, load.orders),
    )
    .figures(samples.figures(calibration, 1.0))
    .given(orders.iter().map(|order| canonical(order)))
    .with("orders", load.orders)
    .with("packet_bytes", average)
    .checked("every packet reads back as its order"))
}

/// Checks a batch; the bytes of its packets.
fn verify(
    batch: &[RiskApproved<Order>],
    symbols: &[Symbol],
    outputs: &[[u8; PACKET_BYTES]],
    lengths: &[usize; BATCH],
) -> Result<usize, String> {
    for ((order, output), &length) in batch.iter().zip(outputs).zip(lengths) {
        let packet = &output[..length];
        check(order, symbols, packet).ok_or_else(|| format!("{order:?}: {}", packet.escape_ascii()))?;
    }
    Ok(lengths.iter().sum())
}

/// `None` where the packet says anything else than its order.
fn check(order: &Order, symbols: &[Symbol], packet: &[u8]) -> Option<()> {
    let (header, body) = packet.split_at_checked(3)?;
    let length = usize::from(u16::from_be_bytes([header[0], header[1]]));
    let number = |cl_ord_id: u64| (cl_ord_id % 100_000_000) as u32;
    let (quantity, price) = (order.quantity as u32, Some(order.price));
    let same = match ClientMessage::decode(body).ok()?.0 {
        ClientMessage::EnterOrder(message) => {
            order.action == OrderAction::New
                && message.user_ref_num == number(order.cl_ord_id)
                && message.symbol == symbols.get(order.instrument as usize)?.wire8()
                && (message.side == b'B') == (order.side == Side::Buy)
                && (message.quantity, price_e9(message.price)) == (quantity, price)
                && (message.time_in_force == b'0') == (order.time_in_force == TimeInForce::Day)
        }
        ClientMessage::ReplaceOrder(message) => {
            order.action == OrderAction::Replace
                && message.user_ref_num == number(order.cl_ord_id)
                && message.orig_user_ref_num == number(order.orig_cl_ord_id)
                && (message.quantity, price_e9(message.price)) == (quantity, price)
        }
        ClientMessage::CancelOrder(message) => {
            order.action == OrderAction::Cancel
                && (message.user_ref_num, message.quantity) == (number(order.orig_cl_ord_id), 0)
        }
        _ => false,
    };
    (same && length == packet.len() - 2 && header[2] == b'U').then_some(())
}
