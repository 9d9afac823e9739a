//! Other ways to have a tick answered, on the same requests: the resident kernel, a new epoch of it for each tick (one turn
//! of the graph's WHILE node), a launch of a kernel for each tick, a launch of a graph for each tick.
//!
//! From before the line is written to after the answer's last line was read and adopted; `quiet` requests. All answers are
//! compared with the CPU's. Not measured: a graph that launches itself from the device.

use std::fmt::Write as _;
use std::sync::Arc;

use hdrhistogram::Histogram;
use serde_json::json;

use super::round_trip::{
    WARM_UP_PART, answer, answer_limit, change, full, histogram, late, open_books, refused, tables,
};
use super::{Section, ns_at};
use crate::control::failure::Failure;
use crate::control::gpu::{RETRY, Where};
use crate::control::wide_config::WorkKind;
use crate::pipeline::tsc::{self, Calibration};
use kernels::abi::EpochEnd;
use kernels::cpu::wide::{WideAnswer, WideState, WideTables};
use kernels::device::batch::{TickKernel, TickLaunch};
use kernels::device::feed::Feed;
use kernels::device::keeper::Keeper;
use kernels::device::ring::Port;

/// A way to have a tick answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Resident,
    Epoch,
    Launch(TickLaunch),
}

const WAYS: [Way; 4] =
    [Way::Resident, Way::Epoch, Way::Launch(TickLaunch::Kernel), Way::Launch(TickLaunch::Graph)];

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Resident => "resident",
            Self::Epoch => "epoch",
            Self::Launch(TickLaunch::Kernel) => "launch",
            Self::Launch(TickLaunch::Graph) => "graph",
        }
    }
}

/// One line of the table.
pub(super) struct Row {
    way: Way,
    width: u32,
    /// How epochs follow each other, where there are any.
    mode: String,
    device: Histogram<u64>,
}

/// All ways at one width of relations.
pub(super) fn measure(place: Where, width: u32, requests: u32) -> Result<Vec<Row>, Failure> {
    let tables = Arc::new(tables(WorkKind::Relations, width));
    WAYS.into_iter()
        .map(|way| {
            let maker = place.maker(&tables, 0).map_err(|reason| refused(&reason))?;
            let (mode, device) = if let Way::Launch(how) = way {
                let mut kernel = TickKernel::new(&maker).map_err(|reason| refused(&reason))?;
                let feed = Feed::new(Port::new(Arc::clone(kernel.rings())));
                let start = |_: &mut Feed| {
                    kernel.launch(how).map_err(|error| late(&format!("cannot be launched: {error}")))
                };
                (String::new(), requests_of(&tables, feed, requests, |_| Ok(()), start)?)
            } else {
                let made = maker.make().map_err(|reason| refused(&reason))?;
                let mode = made.resident.mode().to_string();
                let (_keeper, feed, _link) =
                    Keeper::start(maker, made.resident, RETRY).map_err(|error| refused(&error))?;
                let before = |feed: &mut Feed| match way {
                    Way::Epoch => feed.end_epoch(EpochEnd::Continue).map(drop).map_err(full),
                    _ => Ok(()),
                };
                (mode, requests_of(&tables, feed, requests, before, |_| Ok(()))?)
            };
            Ok(Row { way, width, mode, device })
        })
        .collect()
}

/// The round trips of so many requests; `before` a tick's lines and `behind` them there is something to do.
fn requests_of(
    tables: &Arc<WideTables>,
    mut feed: Feed,
    requests: u32,
    mut before: impl FnMut(&mut Feed) -> Result<(), Failure>,
    mut behind: impl FnMut(&mut Feed) -> Result<(), Failure>,
) -> Result<Histogram<u64>, Failure> {
    let limit = answer_limit();
    let (mut cpu, mut device) = (WideState::new(tables), WideState::new(tables));
    let (mut cpu_answer, mut device_answer) = (WideAnswer::new(tables), WideAnswer::new(tables));
    open_books(&mut feed, &mut [&mut cpu, &mut device])?;
    let mut histogram = histogram();
    for n in 0..requests + requests / WARM_UP_PART {
        let (event, bbo) = change(n, false);
        let start = tsc::now();
        before(&mut feed)?;
        feed.book_changed(0, &event).map_err(full)?;
        let tag = feed.request(0, false).map_err(full)?;
        behind(&mut feed)?;
        answer(&mut feed, tag, &mut device_answer, limit)?;
        device.set_touch(0, &bbo, true);
        device.adopt(0, false, &mut device_answer).map_err(|error| late(&error.to_string()))?;
        let end = tsc::now();
        cpu.set_touch(0, &bbo, true);
        cpu.compute(0, false, &mut cpu_answer);
        if cpu_answer.items() != device_answer.items() {
            return Err(late(&format!("answered request {n} otherwise than the CPU")));
        }
        if n >= requests / WARM_UP_PART {
            histogram.saturating_record(end - start);
        }
    }
    Ok(histogram)
}

/// What is printed of them.
pub(super) fn section(rows: &[Row], calibration: &Calibration) -> Section {
    let mut text = format!(
        "ways to have a tick answered, ns; quiet requests, all answers equal\n{:<10} {:>6} {:>10} {:>10} {:>10}  mode\n",
        "way", "width", "p50", "p99", "p99.9"
    );
    let mut lines = Vec::new();
    for Row { way, width, mode, device } in rows {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| ns_at(calibration, device, quantile));
        let name = way.name();
        let _ = writeln!(text, "{name:<10} {width:>6} {p50:>10} {p99:>10} {p999:>10}  {mode}");
        lines.push(json!({
            "way": name, "width": width, "p50_ns": p50, "p99_ns": p99, "p999_ns": p999, "requests": device.len(),
            "mode": mode,
        }));
    }
    Section { text, rows: lines }
}
