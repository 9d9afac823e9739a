//! Prints a journal, one line a record, for people and for `grep`.
//!
//! Credentials in session bytes are masked ([`FixText`]), also those of a journal that was written before they were.

use super::records::{CaptureOpened, Connected};
use super::{DecideRecord, JournalError, JournalReader, JournalThread, Record, RecordKind};
use crate::notation::{FixText, Hex, Price, TimeOfDay};
use crate::order::{Execution, Order};
use std::fmt;
use std::io::Write;
use std::ops::RangeInclusive;
use std::path::Path;

/// Which records to show. The default shows all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShowFilter {
    /// Only this thread's.
    pub thread: Option<JournalThread>,
    /// Only this kind.
    pub kind: Option<RecordKind>,
    /// Only these sequence numbers.
    pub sequences: RangeInclusive<u64>,
    /// Only these times, UTC ns.
    pub times_ns: RangeInclusive<u64>,
}

impl Default for ShowFilter {
    fn default() -> Self {
        Self { thread: None, kind: None, sequences: 0..=u64::MAX, times_ns: 0..=u64::MAX }
    }
}

impl ShowFilter {
    fn takes(&self, record: &Record<'_>) -> bool {
        self.kind.is_none_or(|kind| kind == record.kind)
            && self.sequences.contains(&record.sequence)
            && self.times_ns.contains(&record.time_ns)
    }
}

/// Prints the records that `filter` takes, thread by thread, each as
/// `thread sequence HH:MM:SS.nnnnnnnnn kind fields`, and after each thread how its records end. Returns the number
/// of records printed.
///
/// # Errors
/// [`JournalError`]: damage, after the records before it were printed; or `out` refuses.
pub fn show(dir: &Path, filter: &ShowFilter, out: &mut dyn Write) -> Result<u64, JournalError> {
    let failed = |source| JournalError::Io { doing: "print", path: dir.to_owned(), source };
    let mut shown = 0;
    for thread in JournalThread::ALL {
        if filter.thread.is_some_and(|wanted| wanted != thread) {
            continue;
        }
        let mut reader = match JournalReader::open(dir, thread) {
            Err(JournalError::NoSegments { .. }) if filter.thread.is_none() => continue,
            opened => opened?,
        };
        while let Some(record) = reader.next_record()? {
            if filter.takes(&record) {
                writeln!(out, "{} {}", thread.name(), Line(&record)).map_err(failed)?;
                shown += 1;
            }
        }
        if let Some(tail) = reader.tail() {
            writeln!(out, "{} ends: {tail}", thread.name()).map_err(failed)?;
        }
    }
    Ok(shown)
}

/// A record without its thread, on one line.
struct Line<'a>(&'a Record<'a>);

impl fmt::Display for Line<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        write!(out, "{} {} {}", record.sequence, TimeOfDay(record.time_ns), record.kind.name())?;
        match record.kind {
            RecordKind::Sent | RecordKind::Received => {
                write!(out, " session={} {}", record.session, FixText(record.payload))
            }
            RecordKind::Connected => match Connected::decode(record.payload) {
                Ok(Connected { next_outgoing, next_incoming, resets }) => {
                    let reset = if resets { ", both from 1" } else { "" };
                    write!(out, " session={} out={next_outgoing} in={next_incoming}{reset}", record.session)
                }
                Err(error) => write!(out, " ({error})"),
            },
            RecordKind::CaptureOpened => match CaptureOpened::decode(record.payload) {
                Ok(CaptureOpened { source, file_sha256, bytes }) => {
                    write!(out, " source={source} bytes={bytes} sha256={}", Hex(&file_sha256))
                }
                Err(error) => write!(out, " ({error})"),
            },
            kind => match DecideRecord::decode(kind, record.payload) {
                Ok(decoded) => write_decide(out, &decoded),
                Err(error) => write!(out, " ({error})"),
            },
        }
    }
}

fn write_decide(out: &mut fmt::Formatter<'_>, record: &DecideRecord) -> fmt::Result {
    match record {
        DecideRecord::MarketRun(run) => {
            write!(out, " source={} first={} count={}", run.source, run.first_message, run.count)
        }
        DecideRecord::MarketEvent(event) => write!(
            out,
            " {:?} venue={} sequence={} instrument={} order_id={} second_id={} {:?} price={} quantity={} flags={}",
            event.kind,
            event.venue,
            event.sequence,
            event.instrument,
            event.order_id,
            event.second_id,
            event.side,
            event.price,
            event.quantity,
            event.flags
        ),
        DecideRecord::Execution(execution) => write_execution(out, execution),
        DecideRecord::Timer(timer) => write!(out, " id={} due={}", timer.id, TimeOfDay(timer.due_ns)),
        DecideRecord::Command(command) => write!(out, " {command:?}"),
        DecideRecord::Note(note) => write!(out, " who={:?} why={:?}", note.who(), note.why()),
        DecideRecord::Slots(slots) => write!(out, " free={} for_new={}", slots.free, slots.for_new),
        DecideRecord::Action(order) => write_order(out, order),
        DecideRecord::Resumed(resumed) => write!(
            out,
            " decision={} next_counter={} former_run={}",
            resumed.decision,
            resumed.next_counter,
            Hex(&resumed.former_run)
        ),
        DecideRecord::OpenOrder(order) => write!(
            out,
            " cl_ord_id={} pending={} venue={} instrument={} {:?} {} @ {} cum={} reserved={} {:?} {:?} strategy={}",
            order.cl_ord_id,
            order.pending_id,
            order.venue,
            order.instrument,
            order.side,
            order.quantity,
            Price(order.price),
            order.cumulative,
            order.reserved,
            order.time_in_force,
            order.state,
            order.strategy
        ),
        DecideRecord::Account(account) => write!(
            out,
            " instrument={} position={} mark={} cost={} realised={} fees={}",
            account.instrument,
            account.position,
            Price(account.mark),
            account.cost,
            account.realised,
            account.fees
        ),
        DecideRecord::Holding(holding) => write!(
            out,
            " instrument={} strategy={} position={}",
            holding.instrument, holding.strategy, holding.position
        ),
        DecideRecord::BookedFill(fill) => write!(
            out,
            " exec_id={} venue={} cl_ord_id={} instrument={} strategy={} {:?} {} @ {} fee={}",
            fill.exec_id,
            fill.venue,
            fill.cl_ord_id,
            fill.instrument,
            fill.strategy,
            fill.side,
            fill.quantity,
            Price(fill.price),
            fill.fee
        ),
        DecideRecord::Standing(command) | DecideRecord::Blocked(command) => write!(out, " {command:?}"),
        DecideRecord::Valued(valuation) => write!(
            out,
            " instrument={} mark={} best_worth={}",
            valuation.instrument,
            Price(valuation.mark),
            valuation.best_worth
        ),
        DecideRecord::Worth((time_ns, worth)) => write!(out, " at={} worth={worth}", TimeOfDay(*time_ns)),
        DecideRecord::AnswerItems(items) => items
            .as_slice()
            .iter()
            .try_for_each(|item| write!(out, " {:?}:{}={:?}", item.key.kind, item.key.index, item.values)),
        DecideRecord::Answer(answer) => write!(
            out,
            " request={} listing={} items={} computed_by={}",
            answer.request,
            answer.listing,
            answer.items,
            answer.computed_by.name()
        ),
        DecideRecord::SurfaceVols(vols) => vols.as_slice().iter().try_for_each(|vol| {
            write!(out, " {}={}", vol.option, Price(vol.volatility_e9))?;
            let (first_e9, step_log2, _, premiums) = vol.premium.parts();
            if vol.premium.is_none() {
                return Ok(());
            }
            write!(out, " premiums from {} on in steps of {}:", Price(first_e9), Price(1 << step_log2))?;
            premiums.iter().try_for_each(|&premium| write!(out, " {}", Price(premium)))
        }),
        DecideRecord::Surface(end) => {
            write!(out, " fit={} listing={} volatilities={}", end.fit, end.listing, end.vols)
        }
        DecideRecord::End(end) => write!(
            out,
            " order_stream_sha256={} book_hash={:016x} market_messages={} executions={} timers={} commands={} \
             actions={}",
            Hex(&end.order_stream_sha256),
            end.book_hash,
            end.counts.market_messages,
            end.counts.executions,
            end.counts.timers,
            end.counts.commands,
            end.counts.actions
        ),
        DecideRecord::Closed => Ok(()),
    }
}

fn write_order(out: &mut fmt::Formatter<'_>, order: &Order) -> fmt::Result {
    write!(
        out,
        " {:?} cl_ord_id={} orig={} venue={} instrument={} {:?} {} @ {} {:?} decision={} strategy={}",
        order.action,
        order.cl_ord_id,
        order.orig_cl_ord_id,
        order.venue,
        order.instrument,
        order.side,
        order.quantity,
        Price(order.price),
        order.time_in_force,
        order.decision,
        order.strategy
    )
}

fn write_execution(out: &mut fmt::Formatter<'_>, execution: &Execution) -> fmt::Result {
    write!(
        out,
        " {:?} cl_ord_id={} orig={} exec_id={} order_id={} venue={} instrument={} {:?} last {} @ {} leaves={} cum={} \
         reason={:?}",
        execution.kind,
        execution.cl_ord_id,
        execution.orig_cl_ord_id,
        execution.exec_id,
        execution.venue_order_id,
        execution.venue,
        execution.instrument,
        execution.side,
        execution.last_quantity,
        Price(execution.last_price),
        execution.leaves_quantity,
        execution.cumulative_quantity,
        execution.reason
    )
}
