//! What it costs to read one ExecutionReport: frame check (BodyLength, CheckSum) and the single pass to an execution.
//!
//! Load: fills as the simulated venue writes them, of varying ids, prices and quantities. Every execution is compared
//! with its report, outside the timing.

use engine::fix::codec::Header;
use engine::fix::executions;
use engine::fix::frame::Frame;
use engine::fix::identity::SessionIds;
use engine::fix::reports::{REPORT_BYTES_MAX, encode};
use engine::fix::timestamp::TimePrecision;
use engine::order::{Execution, ExecutionKind, RejectReason, TimeInForce};
use engine::pipeline::tsc::Calibration;
use engine::venue::{ClOrdIdText, OrderStatus, VenueReport};
use feeds::event::Side;

use crate::line::Line;
use crate::timing::{BATCH, Random, Samples, tenths};

const WARM_UP: usize = 1_000;
const SAMPLES: usize = 10_000;

/// Runs it.
///
/// # Errors
/// An execution that is not what its report says.
pub fn run() -> Result<Vec<Line>, String> {
    let calibration = Calibration::measure();
    let ids = SessionIds::new("FIX.4.4", "VENUE", "WARPTICK").map_err(|error| error.to_string())?;
    let mut samples = Samples::batches(SAMPLES.max(WARM_UP));
    let mut random = Random(2);
    let mut inputs = vec![[0_u8; REPORT_BYTES_MAX]; BATCH];
    let (mut counter, mut bytes) = (0_u64, 0_usize);
    for round in 0..WARM_UP + SAMPLES {
        if round == WARM_UP {
            samples.clear();
            bytes = 0;
        }
        let mut lengths = [0; BATCH];
        let mut reports = Vec::with_capacity(BATCH);
        for index in 0..BATCH {
            counter += 1;
            let report = report(&mut random, counter);
            let header = Header {
                ids: &ids,
                sequence: counter as u32,
                sending_time_ns: report.time_ns,
                time_precision: TimePrecision::Microseconds,
            };
            lengths[index] =
                encode(&report, b"GOOG", &header, &mut inputs[index]).map_err(|error| error.to_string())?;
            bytes += lengths[index];
            reports.push(report);
        }
        let mut executions: [Option<Execution>; BATCH] = [None; BATCH];
        samples.time(|index| {
            if let Ok(frame) = Frame::parse(&inputs[index][..lengths[index]]) {
                executions[index] = executions::decode(frame, 0, counter).unwrap_or(None);
            }
        });
        for (report, execution) in reports.iter().zip(executions) {
            let same = execution.is_some_and(|execution| {
                ClOrdIdText::from_number(execution.cl_ord_id) == report.cl_ord_id
                    && execution.kind == report.kind
                    && execution.last_price == report.last_px
                    && execution.last_quantity == report.last_qty
                    && execution.leaves_quantity == report.leaves_qty
                    && execution.exec_id == report.exec_id
            });
            if !same {
                return Err(format!("{report:?}: {execution:?}"));
            }
        }
    }
    let average = bytes as f64 / (SAMPLES * BATCH) as f64;
    let line = Line::new(
        "fix_decode",
        "ExecutionReport, fills",
        "closed loop, one thread, 32 different reports a sample, each used once",
        &format!("{WARM_UP} samples"),
    )
    .figures(samples.figures(&calibration, 1.0))
    .with("message_bytes", tenths(average))
    .checked("every execution says what its report says");
    Ok(vec![line])
}

fn report(random: &mut Random, counter: u64) -> VenueReport {
    let (last_qty, leaves_qty) = (1 + random.below(500), random.below(3) * 100);
    let last_px = (1 + random.below(5_000_000)) as i64 * 100_000;
    VenueReport {
        time_ns: 1_340_285_400_000_000_000 + counter * 1_000,
        order_id: counter,
        exec_id: counter,
        price: last_px,
        order_qty: last_qty + leaves_qty,
        last_px,
        last_qty,
        leaves_qty,
        cum_qty: last_qty,
        cum_value: i128::from(last_px) * i128::from(last_qty),
        instrument: 0,
        session: 0,
        cl_ord_id: ClOrdIdText::from_number(2_012_062_100_000_000 + counter),
        orig_cl_ord_id: ClOrdIdText::NONE,
        kind: if leaves_qty == 0 { ExecutionKind::Fill } else { ExecutionKind::PartialFill },
        status: if leaves_qty == 0 { OrderStatus::Filled } else { OrderStatus::PartiallyFilled },
        reason: RejectReason::None,
        response_to: None,
        side: Side::Buy,
        time_in_force: TimeInForce::Day,
    }
}
