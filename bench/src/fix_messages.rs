//! The FIX messages that `fix_encode`, `fix_decode` and `peer_fix` time: the same for all, so that their figures compare.
//!
//! As in the goal that they are held to: 1,024 different ExecutionReports, fills, of 251 bytes on average (22 fields and
//! the frame's three), and NewOrderSingles of 14 fields and 173 bytes.

use engine::fix::codec::Header;
use engine::fix::identity::SessionIds;
use engine::fix::reports::{REPORT_BYTES_MAX, encode};
use engine::fix::timestamp::TimePrecision;
use engine::order::{ExecutionKind, RejectReason, TimeInForce};
use engine::venue::{ClOrdIdText, OrderStatus, VenueReport};
use feeds::event::Side;

use crate::timing::Random;

/// Different messages of a load.
pub const MESSAGES: usize = 1_024;

/// A report and the message that says it.
#[derive(Clone, Debug)]
pub struct ReportMessage {
    /// What it says.
    pub report: VenueReport,
    /// Symbol(55).
    pub symbol: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The ExecutionReports, as the simulated venue writes them: ids, symbols of one to four letters, prices and quantities
/// of varying length.
///
/// # Errors
/// A report that cannot be written.
pub fn execution_reports(begin_string: &str) -> Result<Vec<ReportMessage>, String> {
    let ids = SessionIds::new(begin_string, "SIMVENUE", "WARPTICK").map_err(|error| error.to_string())?;
    let mut random = Random(2);
    (1..=MESSAGES as u64)
        .map(|counter| {
            let report = fill(&mut random, counter);
            let letters = 1 + random.below(4) as usize;
            let symbol = String::from_utf8_lossy(&b"GOOG"[..letters]).into_owned();
            let header = Header {
                ids: &ids,
                sequence: 100_000 + counter as u32,
                sending_time_ns: report.time_ns + 1_000,
                time_precision: TimePrecision::Milliseconds,
            };
            let mut bytes = vec![0; REPORT_BYTES_MAX];
            let length = encode(&report, symbol.as_bytes(), &header, &mut bytes);
            bytes.truncate(length.map_err(|error| error.to_string())?);
            Ok(ReportMessage { report, symbol, bytes })
        })
        .collect()
}

fn fill(random: &mut Random, counter: u64) -> VenueReport {
    let (last_qty, leaves_qty) = (1 + random.below(500), random.below(3) * 100);
    let before = random.below(4) * 100;
    let last_px = (1 + random.below(5_000_000)) as i64 * 100_000;
    VenueReport {
        time_ns: 1_340_285_400_000_000_000 + counter * 1_000_000,
        order_id: 62_100_000 + counter,
        exec_id: 62_100_000 + counter,
        price: last_px,
        order_qty: last_qty + leaves_qty + before,
        last_px,
        last_qty,
        leaves_qty,
        cum_qty: last_qty + before,
        cum_value: i128::from(last_px) * i128::from(last_qty + before),
        instrument: 0,
        session: 0,
        cl_ord_id: ClOrdIdText::from_number(2_012_062_100_000_000 + counter),
        orig_cl_ord_id: ClOrdIdText::NONE,
        kind: if leaves_qty == 0 { ExecutionKind::Fill } else { ExecutionKind::PartialFill },
        status: if leaves_qty == 0 { OrderStatus::Filled } else { OrderStatus::PartiallyFilled },
        reason: RejectReason::None,
        response_to: None,
        side: if random.below(2) == 0 { Side::Buy } else { Side::Sell },
        time_in_force: TimeInForce::Day,
    }
}

/// Bytes of a message, on average.
#[must_use]
pub fn average_bytes(messages: &[ReportMessage]) -> f64 {
    messages.iter().map(|message| message.bytes.len()).sum::<usize>() as f64 / messages.len() as f64
}
