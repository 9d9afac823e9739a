//! The slowest orders of a report as a table for the terminal, with what happened around each and how to look at it again.

use std::fmt::Write;
use std::path::Path;

use super::{SlowOrder, SlowestFile};
use crate::control::failure::Failure;
use crate::control::histograms::Measure;
use crate::control::journal::{DecideReader, DecideRecord};
use crate::notation::{Price, TimeOfDay};
use crate::pipeline::stamps::Stage;

/// Records of decide's journal that are shown before an order's own.
const BEFORE: usize = 5;

/// The `most` slowest orders of the report in `dir`.
///
/// # Errors
/// A directory without them.
pub fn text(dir: &Path, most: usize) -> Result<String, Failure> {
    let file = SlowestFile::read(dir).map_err(|error| {
        Failure::Input(format!("{error}; give the directory that --report of a run has written"))
    })?;
    let orders = &file.orders[..most.min(file.orders.len())];
    let mut out = table(orders);
    if orders.is_empty() {
        out.push_str("no market message led to an order\n");
    } else if orders.iter().all(|order| order.stages_ns.is_empty()) {
        out.push_str("only both ends of these were stamped: run with --stamps all for the stages\n");
    }
    let around = file.journal.as_deref().map(|journal| around(journal, orders));
    for (at, order) in orders.iter().enumerate() {
        let _ = writeln!(out);
        head(&mut out, order);
        if let Some(Ok(records)) = &around {
            out.push_str(&records[at]);
        }
        ways(&mut out, dir, &file, order);
    }
    if let Some(Err(error)) = &around {
        let _ = writeln!(out, "\nthe run's journal cannot be read any more: {error}");
    }
    if let Some(note) = &file.scenes_note {
        let _ = writeln!(out, "\nscenes: {note}");
    }
    Ok(out)
}

/// One line an order, one column a stage that any of them has.
fn table(orders: &[SlowOrder]) -> String {
    let stages: Vec<&str> = Stage::ALL
        .into_iter()
        .map(|stage| Measure::from(stage).name())
        .filter(|&name| orders.iter().any(|order| order.stages_ns.contains_key(name)))
        .collect();
    let mut out = format!(
        "{:>4} {:>16} {:<7} {:>18} {:>11} {:>11}",
        "rank", "ClOrdID", "action", "UTC", "to order", "to wire"
    );
    for stage in &stages {
        let _ = write!(out, " {stage:>9}");
    }
    out.push_str("   (ns)\n");
    for order in orders {
        let SlowOrder { rank, cl_ord_id, action, tick_to_order_ns, .. } = order;
        let wire = order.tick_to_wire_ns.map_or("-".to_owned(), |ns| ns.to_string());
        let time = TimeOfDay(order.time_ns).to_string();
        let _ =
            write!(out, "{rank:>4} {cl_ord_id:>16} {action:<7} {time:>18} {tick_to_order_ns:>11} {wire:>11}");
        for &stage in &stages {
            let ns = order.stages_ns.get(stage).map_or("-".to_owned(), u64::to_string);
            let _ = write!(out, " {ns:>9}");
        }
        out.push('\n');
    }
    out
}

fn head(out: &mut String, order: &SlowOrder) {
    let from = if order.from_due { "from when its message was due" } else { "from the hand-over to decode" };
    // The send call begins where this time ends.
    let within =
        order.stages_ns.iter().filter(|(name, _)| name.as_str() != Measure::from(Stage::Send).name());
    let longest = within.max_by_key(|(_, ns)| **ns);
    let longest = longest.map_or(String::new(), |(name, ns)| format!(", of which {name} {ns} ns"));
    let message = order.message.map_or(String::new(), |number| format!(", message {number}"));
    let _ = writeln!(
        out,
        "{}. {} {}: {} ns {from}{longest}; decision {}{message}",
        order.rank, order.action, order.cl_ord_id, order.tick_to_order_ns, order.decision
    );
}

/// What decide's journal has around each order: the records before it and the other orders of the same decision.
fn around(journal: &Path, orders: &[SlowOrder]) -> Result<Vec<String>, String> {
    let mut texts = vec![String::new(); orders.len()];
    let mut before = std::collections::VecDeque::with_capacity(BEFORE + 1);
    let mut shown: Option<(u64, Vec<usize>)> = None;
    for record in DecideReader::open(journal).map_err(|error| error.to_string())? {
        let record = record.map_err(|error| error.to_string())?;
        let line = format!(
            "    {:>8} {} {}\n",
            record.sequence,
            TimeOfDay(record.time_ns),
            in_words(&record.record)
        );
        if let DecideRecord::Action(order) = &record.record {
            if shown.as_ref().is_none_or(|(decision, _)| *decision != order.decision) {
                let of: Vec<usize> =
                    (0..orders.len()).filter(|&at| orders[at].decision == order.decision).collect();
                for &at in &of {
                    texts[at].extend(before.iter().map(String::as_str));
                }
                shown = Some((order.decision, of));
            }
            for &at in shown.iter().flat_map(|(_, of)| of) {
                texts[at].push_str(&line);
            }
        }
        before.push_back(line);
        if before.len() > BEFORE {
            before.pop_front();
        }
    }
    Ok(texts)
}

fn in_words(record: &DecideRecord) -> String {
    match record {
        DecideRecord::MarketRun(run) => {
            format!("{} market events, from number {}", run.count, run.first_message)
        }
        DecideRecord::Execution(execution) => format!(
            "answer {:?} of {}, {} filled in all",
            execution.kind, execution.cl_ord_id, execution.cumulative_quantity
        ),
        DecideRecord::Action(order) => format!(
            "{:?} {}: {:?} {} @ {} {:?}",
            order.action,
            order.cl_ord_id,
            order.side,
            order.quantity,
            Price(order.price),
            order.time_in_force
        ),
        other => format!("{other:?}"),
    }
}

fn ways(out: &mut String, dir: &Path, file: &SlowestFile, order: &SlowOrder) {
    if let Some(scene) = &order.scene {
        let journal = dir.join(scene).join("journal");
        let _ = writeln!(out, "  warptick journal replay {}", journal.display());
    }
    if let Some(journal) = &file.journal {
        let _ = writeln!(out, "  warptick why {} --journal {}", order.cl_ord_id, journal.display());
    } else {
        let _ = writeln!(out, "  the run kept no journal (--journal): its scene cannot be had");
    }
}
