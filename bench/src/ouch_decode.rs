//! What it costs to read one Order Executed of OUCH 5.0: from the bytes of the socket to an [`Execution`], through the
//! client's whole session: SoupBinTCP framing, message, ledger.
//!
//! Load: 1,024 live orders, each of which trades a few shares in every pass. Every execution of every pass is compared
//! with its message, outside the timing.

use engine::order::{Execution, ExecutionKind};
use engine::ouch::appendage::Appendage;
use engine::ouch::messages::{AccountQueryResponse, OrderAccepted, OrderExecuted, VenueMessage};
use engine::ouch::session::{OuchConfig, OuchSession};
use engine::pipeline::tsc::Calibration;
use feeds::symbol::Symbol;

use crate::fix_encode::approved_orders;
use crate::line::Line;
use crate::timing::{BATCH, Random, Samples};

const WARM_UP: usize = 40;
const PASSES: usize = 400;

/// Orders that are live.
const ORDERS: usize = 1_024;

/// Runs it.
///
/// # Errors
/// An execution that is not what its message says.
pub fn run() -> Result<Vec<Line>, String> {
    let calibration = Calibration::measure();
    let mut session = session()?;
    let mut random = Random(5);
    let messages: Vec<OrderExecuted> = (1..=ORDERS as u32)
        .map(|user_ref_num| OrderExecuted {
            time_ns: 34_200_000_000_000 + u64::from(user_ref_num),
            user_ref_num,
            // Each order has far more than all passes take of it.
            quantity: 1,
            price: 1 + random.below(5_000_000),
            liquidity_flag: b'A',
            match_number: random.next_number(),
        })
        .collect();
    let packets: Vec<Vec<u8>> =
        messages.iter().map(|message| packet(&VenueMessage::OrderExecuted(*message))).collect();
    let mut samples = Samples::batches(PASSES * ORDERS / BATCH);
    for pass in 0..WARM_UP + PASSES {
        if pass == WARM_UP {
            samples.clear();
        }
        for (batch, packets) in messages.chunks_exact(BATCH).zip(packets.chunks_exact(BATCH)) {
            let mut executions: [Option<Execution>; BATCH] = [None; BATCH];
            samples.time(|index| {
                session.receive(7, &packets[index], &mut |execution| executions[index] = Some(execution));
            });
            check(batch, &executions, pass as u64 + 1)?;
        }
    }
    Ok(vec![
        Line::new(
            "ouch_decode",
            "Order Executed, framing and ledger included",
            "closed loop, one thread, 32 of 1,024 different messages a sample",
            &format!("{WARM_UP} passes over 1,024 messages"),
        )
        .figures(samples.figures(&calibration, 1.0))
        .given(&packets)
        .with("packet_bytes", packets[0].len())
        .checked("every execution says what its message says, and cumulative quantities add up"),
    ])
}

/// A sequenced packet.
fn packet(message: &VenueMessage) -> Vec<u8> {
    let mut body = [0; 128];
    let length = message.encode(Appendage::NONE, &mut body).unwrap_or(0);
    let mut packet = (length as u16 + 1).to_be_bytes().to_vec();
    packet.push(b'S');
    packet.extend_from_slice(&body[..length]);
    packet
}

/// A session that is logged on, with live orders.
fn session() -> Result<OuchSession, String> {
    let symbols: Result<Vec<_>, _> = (0..64).map(|number| Symbol::new(&format!("S{number}"))).collect();
    let config = OuchConfig {
        venue: 0,
        username: *b"WARP  ",
        password: *b"secret    ",
        date: 20_120_621,
        messages_max: ORDERS,
    };
    let symbols = symbols.map_err(|error| error.to_string())?;
    let mut session = OuchSession::new(&config, &symbols).map_err(|error| error.to_string())?;
    session.connected(0);
    session.receive(0, b"\0\x1fA       DAY                   1", &mut |_| {});
    let response = AccountQueryResponse { time_ns: 0, next_user_ref_num: 1 };
    session.receive(0, &packet(&VenueMessage::AccountQueryResponse(response)), &mut |_| {});
    session.consume(session.pending().len());
    let mut accepted = 0;
    for order in &approved_orders(64, ORDERS, true)? {
        session.encode(order, 0).map_err(|reason| format!("{order:?}: {reason:?}"))?;
        session.consume(session.pending().len());
        let message = OrderAccepted {
            time_ns: 0,
            user_ref_num: (order.cl_ord_id % 100_000_000) as u32,
            side: b'B',
            quantity: order.quantity as u32,
            symbol: [b' '; 8],
            price: 1,
            time_in_force: b'0',
            display: b'Y',
            order_reference_number: 1,
            capacity: b'P',
            sweep: b'N',
            cross_type: b'N',
            order_state: b'L',
            cl_ord_id: [b' '; 14],
        };
        session.receive(0, &packet(&VenueMessage::OrderAccepted(message)), &mut |_| accepted += 1);
    }
    if accepted == ORDERS { Ok(session) } else { Err(format!("{accepted} of {ORDERS} orders are live")) }
}

fn check(batch: &[OrderExecuted], executions: &[Option<Execution>], cumulative: u64) -> Result<(), String> {
    for (message, execution) in batch.iter().zip(executions) {
        let same = execution.is_some_and(|execution| {
            execution.cl_ord_id == 2_012_062_100_000_000 + u64::from(message.user_ref_num)
                && matches!(execution.kind, ExecutionKind::PartialFill | ExecutionKind::Fill)
                && execution.last_quantity == u64::from(message.quantity)
                && execution.last_price == message.price as i64 * 100_000
                && execution.cumulative_quantity == cumulative
                && execution.exec_id == message.match_number
        });
        if !same {
            return Err(format!("{message:?}: {execution:?}"));
        }
    }
    Ok(())
}
