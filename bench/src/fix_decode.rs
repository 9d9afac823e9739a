//! What it costs to read one ExecutionReport: from the bytes of the socket to an [`Execution`], through
//! [`Framer::feed`] (BodyLength and CheckSum validated, every field checked) and `executions::decode`.
//!
//! Load: the 1,024 reports of [`crate::fix_messages`]. The kernels that this CPU can run are timed in turns. Every
//! execution of every pass is compared with its report, outside the timing.

use std::ops::ControlFlow;

use engine::fix::delimiters::Kernel;
use engine::fix::executions;
use engine::fix::framer::Framer;
use engine::order::Execution;
use engine::pipeline::tsc::Calibration;
use engine::venue::ClOrdIdText;

use crate::fix_messages::{ReportMessage, average_bytes, execution_reports};
use crate::line::Line;
use crate::timing::{BATCH, Samples, tenths};

const WARM_UP: usize = 40;
const PASSES: usize = 400;

/// Runs it.
///
/// # Errors
/// An execution that is not what its report says.
pub fn run() -> Result<Vec<Line>, String> {
    let calibration = Calibration::measure();
    let messages = execution_reports("FIX.4.4")?;
    let mut ways: Vec<(Kernel, Framer, Samples)> = Kernel::available()
        .map(|kernel| {
            (kernel, Framer::with_kernel(kernel), Samples::batches(PASSES * messages.len() / BATCH))
        })
        .collect();
    for pass in 0..WARM_UP + PASSES {
        for (_, framer, samples) in &mut ways {
            if pass == WARM_UP {
                samples.clear();
            }
            for batch in messages.chunks_exact(BATCH) {
                let mut executions: [Option<Execution>; BATCH] = [None; BATCH];
                samples.time(|index| {
                    let _ = framer.feed(&batch[index].bytes, &mut |frame| {
                        executions[index] = executions::decode(frame, 0, 7).unwrap_or(None);
                        ControlFlow::Continue(())
                    });
                });
                check(batch, &executions)?;
            }
        }
    }
    let lines = ways.into_iter().rev().map(|(kernel, _, samples)| {
        Line::new(
            "fix_decode",
            &format!("ExecutionReport, fills, kernel {kernel:?}"),
            "closed loop, one thread, 32 of 1,024 different reports a sample, kernels in turns",
            &format!("{WARM_UP} passes over 1,024 reports"),
        )
        .figures(samples.figures(&calibration, 1.0))
        .given(messages.iter().map(|message| &message.bytes))
        .with("message_bytes", tenths(average_bytes(&messages)))
        .with("used_by_default", kernel == Kernel::best())
        .checked("every execution says what its report says")
    });
    Ok(lines.collect())
}

fn check(batch: &[ReportMessage], executions: &[Option<Execution>]) -> Result<(), String> {
    for (ReportMessage { report, .. }, execution) in batch.iter().zip(executions) {
        let same = execution.is_some_and(|execution| {
            ClOrdIdText::from_number(execution.cl_ord_id) == report.cl_ord_id
                && execution.kind == report.kind
                && execution.side == report.side
                && execution.last_price == report.last_px
                && execution.last_quantity == report.last_qty
                && execution.leaves_quantity == report.leaves_qty
                && execution.cumulative_quantity == report.cum_qty
                && (execution.exec_id, execution.venue_order_id) == (report.exec_id, report.order_id)
        });
        if !same {
            return Err(format!("{report:?}: {execution:?}"));
        }
    }
    Ok(())
}
