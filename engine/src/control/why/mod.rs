//! `warptick why CLORDID`: the causal trace of one order message.
//!
//! The journal is replayed up to the decision in which the message was made, with the same core, strategies and risk as in
//! the run; what is shown is read off them there: the packet that came in, the books before and after it, the strategy's
//! arithmetic, every rule of risk with its value and its limit. The session's bytes and the venue's answers are the
//! journal's. That the replay made the same message is checked, and said.
//!
//! Cold: it reads and formats. A run with strategies of the user's own is explained by a program that has them
//! ([`trace`]).

mod life;
mod moment;
mod wide;
mod wire;

use std::fmt::{self, Write};
use std::path::Path;

use crate::control::config::Config;
use crate::control::failure::Failure;
use crate::control::inputs::{CaptureArgument, Inputs};
use crate::control::journal_replay;
use crate::control::live_run::LiveUniverse;
use crate::control::names::Names;
use crate::control::run_header::RunHeader;
use crate::control::universe::Universe;
use crate::control::wide_plan::WidePlan;
use crate::notation::{Dump, Hex, Price, TimeOfDay};
use crate::order::{ClOrdId, Execution, Order, OrderAction};
use crate::pipeline::operator::Scope;
use crate::strategy::Strategy;
use feeds::event::MarketEvent;
use kernels::cpu::book::DepthLevel;
use life::{Event, Life};
use moment::{Came, Market, Moment, Watcher};

/// A trace, and what kept it from being whole.
pub struct Trace {
    /// For people.
    pub text: String,
    /// The replay did not get to the decision, or decided otherwise.
    pub failure: Option<Failure>,
}

/// Traces the message with ClOrdID(11) `cl_ord_id` in the journal in `dir`. `recordings` are those of a live run
/// (`run --record`), where its packets are; `extra` are the strategies that the run had beside the configuration's.
///
/// # Errors
/// A text that is no ClOrdID, one that is not in the journal, a journal or capture that cannot be read.
pub fn trace(
    dir: &Path,
    cl_ord_id: &str,
    recordings: &[CaptureArgument],
    extra: Vec<Box<dyn Strategy>>,
) -> Result<Trace, Failure> {
    let cl_ord_id: ClOrdId = cl_ord_id.trim().parse().map_err(|_| {
        Failure::Input(format!(
            "ClOrdID {cl_ord_id:?}: give the 16 digits of tag 11, as `journal show` prints them"
        ))
    })?;
    let header = RunHeader::read(dir)?;
    let life = Life::read(dir, cl_ord_id)?;
    let inputs = if header.is_live() { None } else { Some(header.open_captures()?) };
    let recorded = if header.is_live() && !recordings.is_empty() {
        Some(Inputs::open_for(&header.config, recordings, header.config.date.as_deref())?)
    } else {
        None
    };
    let (names, wide) = match &inputs {
        Some(inputs) => names_in(inputs, &header.config)?,
        None => names_in(&LiveUniverse::new(&header.config)?, &header.config)?,
    };
    let names = names.with_extra(extra.len());
    let mut page = Page { out: String::new(), names, config: &header.config, wide };
    let mut failure = None;
    if let Some((placed, order)) = life.action(cl_ord_id) {
        let watcher = Watcher::new(order);
        let (replayed, watcher) =
            journal_replay::replay_watched(dir, &header, inputs.as_ref(), extra, watcher);
        page.order(&order, placed.record, placed.time_ns);
        match watcher.moment {
            Some(moment) => {
                let packets = if header.is_live() { recorded.as_ref() } else { inputs.as_ref() };
                page.cause(&order, &moment, packets, header.is_live());
                failure = page.verdict(&order, &moment);
            }
            None => {
                failure = Some(replayed.err().unwrap_or_else(|| {
                    Failure::Check(format!("the replay ended before decision {}", order.decision))
                }));
            }
        }
    } else {
        page.taken_over(cl_ord_id, &life, &header);
    }
    page.life(&life);
    page.wire(dir, cl_ord_id, &life)?;
    Ok(Trace { text: page.out, failure })
}

fn names_in(universe: &impl Universe, config: &Config) -> Result<(Names, Option<WidePlan>), Failure> {
    Ok((Names::new(universe, config)?, WidePlan::new(universe, config)?))
}

/// What is being written.
struct Page<'a> {
    out: String,
    names: Names,
    config: &'a Config,
    /// The wide work of the run.
    wide: Option<WidePlan>,
}

impl Page<'_> {
    /// A line. Writing to a `String` cannot fail.
    fn line(&mut self, text: fmt::Arguments<'_>) {
        let _ = writeln!(self.out, "{text}");
    }

    fn head(&mut self, text: &str) {
        let _ = writeln!(self.out, "\n{text}");
    }

    fn venue(&self, venue: u8) -> String {
        self.names.show(Scope::Venue(venue)).trim_start_matches("venue:").to_owned()
    }

    fn symbol(&self, instrument: u32) -> String {
        self.names.show(Scope::Instrument(instrument)).trim_start_matches("symbol:").to_owned()
    }

    fn terms(&self, order: &Order) -> String {
        let short = if order.sells_short { " short" } else { "" };
        format!(
            "{:?}{short} {} {} @ {} {:?} at {}",
            order.side,
            order.quantity,
            self.symbol(order.instrument),
            Price(order.price),
            order.time_in_force,
            self.venue(order.venue),
        )
    }

    fn order(&mut self, order: &Order, record: u64, time_ns: u64) {
        let of = match order.action {
            OrderAction::New => String::new(),
            _ => format!(" of {}", order.orig_cl_ord_id),
        };
        let terms = self.terms(order);
        let strategy = self.names.show(Scope::Strategy(order.strategy));
        self.line(format_args!("{:?} {}{of}: {terms}", order.action, order.cl_ord_id));
        self.line(format_args!(
            "{strategy}, decision {} at {} UTC, record {record} of decide",
            order.decision,
            TimeOfDay(time_ns),
        ));
    }

    fn taken_over(&mut self, cl_ord_id: ClOrdId, life: &Life, header: &RunHeader) {
        let former = header.resumes.as_deref().unwrap_or("another");
        match life.taken_over() {
            Some(order) => {
                self.line(format_args!(
                    "{cl_ord_id} left before this run, which took it over from run {former}: {:?} {} {} @ {} at {}, \
                     {} filled. Why it left is in that run's journal.",
                    order.side,
                    order.quantity,
                    self.symbol(order.instrument),
                    Price(order.price),
                    self.venue(order.venue),
                    order.cumulative,
                ));
            }
            None => self.line(format_args!("{cl_ord_id} left no message here; these are about it")),
        }
    }

    fn cause(&mut self, order: &Order, moment: &Moment, packets: Option<&Inputs>, is_live: bool) {
        self.head("What came in");
        match &moment.came {
            Came::Market(event) => {
                self.market_event(event);
                self.packet(event, packets, is_live);
            }
            Came::Execution(execution) => {
                let said = self.execution(execution);
                self.line(format_args!("  the answer {said}"));
            }
            Came::Timer { due_ns } => {
                self.line(format_args!("  the timer, due at {} UTC", TimeOfDay(*due_ns)))
            }
            Came::Command { time_ns, command } => {
                self.line(format_args!("  a command at {} UTC: {command:?}", TimeOfDay(*time_ns)));
            }
            Came::Answer { request, listing, computed_by, items } => {
                self.answer(*request, *listing, *computed_by, items);
            }
            Came::Surface { fit, listing, vols } => self.surface(*fit, *listing, vols),
        }
        let symbol = self.symbol(order.instrument);
        if moment.before == moment.after {
            self.head(&format!("Market of {symbol}, which that did not change"));
            self.market(&moment.after);
        } else {
            self.head(&format!("Market of {symbol} before"));
            self.market(&moment.before);
            self.head(&format!("Market of {symbol} after"));
            self.market(&moment.after);
        }
        self.head("Signal");
        match &moment.strategy {
            Some(lines) => {
                for line in lines {
                    self.line(format_args!("  {line}"));
                }
            }
            None => {
                self.line(format_args!("  none: the core itself asked for it"));
                for reason in &moment.swept {
                    self.line(format_args!("  {reason}"));
                }
            }
        }
        self.head("Risk");
        for judged in &moment.judged {
            let verdict = if judged.is_broken { "BREAKS" } else { "ok" };
            let (rule, value, limit) = (judged.rule.to_string(), &judged.value, &judged.limit);
            self.line(format_args!("  {verdict:<6} {rule:<20} {value}; limit: {limit}"));
        }
    }

    fn market_event(&mut self, event: &MarketEvent) {
        let (venue, symbol) = (self.venue(event.venue), self.symbol(event.instrument));
        self.line(format_args!(
            "  message {} of {venue}: {:?} {symbol} {:?} {} @ {}, order id {}, received {} UTC, exchange time {} UTC",
            event.sequence,
            event.kind,
            event.side,
            event.quantity,
            Price(event.price),
            event.order_id,
            TimeOfDay(event.receive_ns),
            TimeOfDay(event.exchange_ns),
        ));
    }

    fn packet(&mut self, event: &MarketEvent, packets: Option<&Inputs>, is_live: bool) {
        let venue = self.venue(event.venue);
        let input = packets.and_then(|inputs| inputs.venues.iter().find(|input| input.venue == venue));
        let Some(input) = input else {
            if is_live {
                self.line(format_args!(
                    "  its packet is in the run's recording (`run --record`): give that with --recording FILE@{venue}"
                ));
            }
            return;
        };
        let name = input.capture.name();
        match input.find(event.sequence) {
            None => self.line(format_args!("  {name} holds no packet with that message")),
            Some(found) => {
                let piece = found.piece;
                let line =
                    input.lines.as_ref().map(|_| format!(", line {}", (b'A' + piece.line % 26) as char));
                // Where all of it is one message, there is nothing to point at.
                let (at, is_part) = (&found.message, found.message.len() < piece.bytes.len());
                let part = is_part.then(|| format!(", the message from {:#x} to {:#x}", at.start, at.end));
                self.line(format_args!(
                    "  {name}, byte {}{}, {} bytes{}",
                    piece.offset,
                    line.unwrap_or_default(),
                    piece.bytes.len(),
                    part.unwrap_or_default(),
                ));
                let _ = write!(self.out, "{}", Dump { bytes: piece.bytes, indent: "    " });
            }
        }
    }

    fn market(&mut self, market: &Market) {
        let level = |level: &DepthLevel| format!("{} @ {}", level.quantity, Price(level.price));
        let side = |levels: &[DepthLevel]| match levels {
            [] => "none".to_owned(),
            levels => levels.iter().map(level).collect::<Vec<_>>().join(", "),
        };
        for (number, venue) in (0_u8..).zip(&market.venues) {
            let name = self.venue(number);
            let trading = if venue.is_continuous { "" } else { "  (not in continuous trading)" };
            let stale = if venue.is_stale { "  (stale)" } else { "" };
            self.line(format_args!("  {name:<8} bids {}{trading}{stale}", side(&venue.bids)));
            self.line(format_args!("  {:<8} asks {}", "", side(&venue.asks)));
        }
        let national = &market.national;
        self.line(format_args!(
            "  national {} @ {} / {} @ {}",
            national.bid_qty,
            Price(national.bid_px),
            national.ask_qty,
            Price(national.ask_px),
        ));
    }

    fn verdict(&mut self, order: &Order, moment: &Moment) -> Option<Failure> {
        self.head("Order");
        match &moment.order {
            Some(replayed) if replayed == order => {
                self.line(format_args!("  the replay made the same message, field by field"));
                None
            }
            other => {
                let made = other.map_or("none".to_owned(), |other| format!("{other:?}"));
                self.line(format_args!("  the replay made another message: {made}"));
                Some(Failure::Check(
                    "VERDICT: DIVERGED: the replay did not make the journal's message".to_owned(),
                ))
            }
        }
    }

    fn execution(&self, execution: &Execution) -> String {
        let traded = if execution.last_quantity > 0 {
            format!(", {} @ {}", execution.last_quantity, Price(execution.last_price))
        } else {
            String::new()
        };
        let reason = match execution.reason {
            crate::order::RejectReason::None => String::new(),
            reason => format!(", {reason:?}"),
        };
        format!(
            "{:?} of {}{traded}, {} filled in all, {} open, exec id {}{reason}",
            execution.kind,
            execution.cl_ord_id,
            execution.cumulative_quantity,
            execution.leaves_quantity,
            Hex(&execution.exec_id.to_be_bytes()),
        )
    }

    fn life(&mut self, life: &Life) {
        self.head("All of the order, in decide's journal");
        for placed in &life.events {
            let text = match &placed.event {
                Event::TakenOver(order) => format!("taken over, {} filled", order.cumulative),
                Event::Action(order) if order.action == OrderAction::Status => {
                    format!("asked for the state of {}", order.cl_ord_id)
                }
                Event::Action(order) => {
                    format!("sent {:?} {}: {}", order.action, order.cl_ord_id, self.terms(order))
                }
                Event::Execution(execution) => format!("answer {}", self.execution(execution)),
            };
            self.line(format_args!("  {:>8} {} {text}", placed.record, TimeOfDay(placed.time_ns)));
        }
    }

    fn wire(&mut self, dir: &Path, cl_ord_id: ClOrdId, life: &Life) -> Result<(), Failure> {
        let venue = life.events.iter().map(|placed| match placed.event {
            Event::TakenOver(order) => order.venue,
            Event::Action(order) => order.venue,
            Event::Execution(execution) => execution.venue,
        });
        let Some(venue) = venue.min() else { return Ok(()) };
        let Some(of_venue) = self.config.venues.get(usize::from(venue)) else { return Ok(()) };
        let messages = wire::read(dir, venue, of_venue.protocol, cl_ord_id)?;
        self.head(&format!("Bytes of the session that name {cl_ord_id}, in order entry's journal"));
        for message in messages {
            let way = if message.was_sent { "sent" } else { "received" };
            self.line(format_args!(
                "  {:>8} {} {way} {}",
                message.record,
                TimeOfDay(message.time_ns),
                message.text
            ));
        }
        Ok(())
    }
}
