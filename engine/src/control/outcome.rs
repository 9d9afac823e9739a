//! What a run came to: journal closed, histograms read, failure named; and how it is printed.

use std::path::Path;

use feeds::directory::Directory;
use kernels::cpu::book::BookError;

use crate::control::accounts::{self, Totals};
use crate::control::book_hash;
use crate::control::config::{Config, Topology};
use crate::control::counters::Counters;
use crate::control::digest::hex;
use crate::control::failure::Failure;
use crate::control::hiccups::{MachineTime, Surroundings};
use crate::control::histograms::{Measure, StageHistograms};
use crate::control::hot_threads::Finished;
use crate::control::housekeeping::Housekeeping;
use crate::control::machine::Machine;
use crate::control::placement::Plan;
use crate::control::report::StageTable;
use crate::control::report_page;
use crate::control::report_page::gather::{self, About, Observed};
use crate::control::run_header::RunJournal;
use crate::control::start_steps::StartStep;
use crate::control::summary::{self, Summary, SurfaceSummary, WideSummary};
use crate::pipeline::decide::DecideError;
use crate::pipeline::decision_core::CoreCounters;
use crate::pipeline::lockstep::ReplayError;
use crate::pipeline::risk::RiskReasons;
use crate::pipeline::wide::{ComputedBy, FitRefused, SurfaceReport, WideReport};

/// What a run came to.
pub struct Outcome {
    /// SHA-256 of the order stream.
    pub digest: [u8; 32],
    /// One hash over all books, by symbol.
    pub book_hash: u64,
    /// Messages decoded.
    pub messages: u64,
    /// What the core counted.
    pub counters: CoreCounters,
    /// Orders left open.
    pub open_orders: u32,
    /// The stage table.
    pub table: StageTable,
    /// What the table is made of.
    pub histograms: StageHistograms,
    /// The machine-readable summary.
    pub summary: Summary,
    /// What the reader must know: placement, waits, drops.
    pub notes: Vec<String>,
    /// What the page of `--report` says beside.
    pub observed: Observed,
    /// Why it ended early, if it did.
    pub failure: Option<Failure>,
}

/// What is there when the hot threads of a run have ended.
pub(super) struct Ended<'a> {
    pub(super) topology: Topology,
    pub(super) plan: &'a Plan,
    pub(super) run: Finished,
    pub(super) keeper: Housekeeping,
    pub(super) journal: Option<RunJournal>,
    pub(super) counters: &'a Counters,
    pub(super) directory: &'a Directory,
    /// Where the `.hlog` files go.
    pub(super) report: Option<&'a Path>,
    /// Where the journal is.
    pub(super) kept: Option<&'a Path>,
    /// What the machine did meanwhile.
    pub(super) surroundings: Surroundings,
    /// What was done before it began.
    pub(super) steps: Vec<StartStep>,
    /// What it ran with.
    pub(super) config: &'a Config,
}

/// Closes what a run has open and says what it came to; `book_failure` has the words for an event that did not fit
/// its book.
pub(super) fn conclude(
    ended: Ended<'_>,
    book_failure: impl Fn(BookError, u8, u64) -> Failure,
) -> Result<Outcome, Failure> {
    let Ended {
        topology,
        plan,
        run,
        mut keeper,
        journal,
        counters,
        directory,
        report,
        kept,
        surroundings,
        steps,
        config,
    } = ended;
    let Finished { core, messages, dropped_stamps, entry, outcome, generator, .. } = run;
    keeper.collector.drain();
    keeper.progress.finish();
    let mut notes = vec![format!("placement: {plan}")];
    notes.extend(steps.iter().map(|step| format!("start: {step}")));
    if entry.not_sent() > 0 || entry.malformed() > 0 {
        notes.push(format!(
            "order entry: {} orders not sent, {} malformed messages",
            entry.not_sent(),
            entry.malformed()
        ));
    }
    notes.extend(entry.refusals().map(|(venue, refusals)| format!("venue {venue}: {refusals}")));
    let in_doubt = core.orders().in_doubt();
    if in_doubt > 0 {
        notes.push(format!(
            "{in_doubt} open orders in doubt at the end: their venues have not said what became of them"
        ));
    }
    if entry.journal_full() {
        let full = "order entry: no room for a record: nothing has been sent since".to_owned();
        keeper.journal_error.get_or_insert(full);
    }
    let entry_journal = entry.finish();
    let mut journal_summary = None;
    if let Some(journal) = journal {
        match journal.close(entry_journal, keeper.keeper.take(), core.time_ns()) {
            Ok(summary) => {
                notes.push(summary.to_string());
                journal_summary = Some(summary);
            }
            Err(error) => drop(keeper.journal_error.get_or_insert(error)),
        }
    }
    let digest = keeper.order_stream;
    let (started, duration) = keeper.collector.run_time();
    let mut observed = Observed::new(plan, started, duration);
    observed.rings = std::mem::take(&mut keeper.rings).facts();
    observed.breakdowns = keeper.collector.breakdowns();
    let wide = keeper.wide.as_ref().map(|report| wide_summary(report, &keeper.answer_stream));
    notes.extend(keeper.wide.iter().flat_map(wide_notes));
    let core_counters = *core.counters();
    notes.extend(core.reports());
    notes.extend(counter_notes(&core_counters, counters));
    if let Some(dir) = report {
        let (started, time) = keeper.collector.run_time();
        let written = keeper.collector.write_logs(dir);
        written
            .and_then(|_| keeper.collector.slowest(kept).write(dir))
            .and_then(|()| surroundings.write_logs(dir, started, time))
            .map_err(|error| Failure::Input(format!("{}: {error}", dir.display())))?;
    }
    let failure = match (outcome, keeper.journal_error) {
        (Err(ReplayError::Capture(error)), _) => Some(Failure::from(error)),
        (Err(ReplayError::Decide(DecideError::Book { error, venue, sequence })), _) => {
            Some(book_failure(error, venue, sequence))
        }
        (Err(ReplayError::SessionJournal | ReplayError::Decide(DecideError::Journal(_))), error) => {
            let error = error.map_or_else(String::new, |error| format!(": {error}"));
            Some(Failure::Stopped(format!(
                "the journal takes no more records{error}: trading was stopped, and the sessions were shut down without a \
                 Logout so that the venues cancel what is open"
            )))
        }
        (Err(ReplayError::Decide(error)), _) => Some(Failure::Stopped(format!("decide stopped: {error:?}"))),
        (Err(ReplayError::Stopped), _) => {
            let killed = if core.risk().is_killed() { "; the kill switch had stopped trading" } else { "" };
            Some(Failure::Stopped(format!("stopped after {messages} messages{killed}")))
        }
        (Ok(()), Some(error)) => Some(Failure::Stopped(format!("journal: {error}"))),
        (Ok(()), None) if core.risk().is_killed() => {
            Some(Failure::Stopped("the kill switch stopped trading".to_owned()))
        }
        (Ok(()), None) => keeper.wide.as_ref().and_then(device_failure),
    };
    let machine_time = surroundings.figures();
    let table = keeper.collector.table(dropped_stamps).beside(generator, machine_time.clone());
    let book_hash = book_hash::by_symbol(core.books(), directory);
    let summary = Summary {
        messages,
        events: core_counters.events,
        orders: core_counters.new_orders + core_counters.replaces + core_counters.cancels,
        risk_rejects: core_counters.risk_rejects,
        fills: core_counters.fills,
        gaps: core_counters.gaps,
        order_stream_sha256: hex(&digest),
        book_hash: format!("{book_hash:016x}"),
        backend: keeper.wide.as_ref().map_or(ComputedBy::Cpu, |wide| wide.computes_by).name().to_owned(),
        topology: topology.name().to_owned(),
        machine: Machine::read(),
        wide: wide.unwrap_or_default(),
        stages: summary::stages(keeper.collector.histograms()),
        stage_sums: keeper.collector.histograms().sums(),
        start: steps,
        accounts: accounts::of(core.risk(), directory, config),
        journal: journal_summary,
        service_to_order: generator
            .map(|_| keeper.collector.histograms().distribution(Measure::ServiceToOrder)),
        generator,
        machine_time: (machine_time != MachineTime::default()).then_some(machine_time),
        feeds: Vec::new(),
        pace: String::new(),
        stamps: keeper.collector.mode().name().to_owned(),
        blocks: keeper.collector.histograms().blocks(),
    };
    Ok(Outcome {
        digest,
        book_hash,
        messages,
        counters: core_counters,
        open_orders: core.orders().live(),
        table,
        histograms: keeper.collector.into_histograms(),
        summary,
        notes,
        observed,
        failure,
    })
}

/// A device that computed something else, or not everything where time is virtual: what it is for was not shown.
fn device_failure(report: &WideReport) -> Option<Failure> {
    let by = report.computes_by.name();
    if report.differences > 0 {
        let differences = report.differences;
        return Some(Failure::Check(format!("{differences} answers of backend {by} differ from the CPU's")));
    }
    (report.is_virtual && report.fallbacks > 0).then(|| {
        let (fallbacks, requests) = (report.fallbacks, report.requests);
        Failure::Check(format!("backend {by} left {fallbacks} of {requests} requests to the CPU"))
    })
}

fn wide_notes(report: &WideReport) -> Vec<String> {
    let waited = report.has_waited.then(|| {
        "wide work: some changes were asked about later: wide.unanswered_max requests were open".to_owned()
    });
    let surfaces = report.surface.map(|surface| surface.to_string());
    waited.into_iter().chain(surfaces).chain(report.note.clone()).collect()
}

fn wide_summary(report: &WideReport, answers: &[u8; 32]) -> WideSummary {
    let by_kind = ComputedBy::ALL.into_iter().zip(report.answers).filter(|(_, count)| *count > 0);
    WideSummary {
        requests: report.requests,
        answers_by_kind: by_kind.map(|(by, count)| (by.name().to_owned(), count)).collect(),
        fallbacks: report.fallbacks,
        answers_sha256: hex(answers),
        surfaces: report.surface.as_ref().map(surface_summary),
    }
}

fn surface_summary(report: &SurfaceReport) -> SurfaceSummary {
    let refused = FitRefused::ALL.into_iter().zip(report.refused).filter(|(_, count)| *count > 0);
    SurfaceSummary {
        inputs: report.inputs,
        volatilities: report.volatilities,
        fitted: report.fitted,
        refused: refused.map(|(reason, count)| (reason.name().to_owned(), count)).collect(),
        left_out: report.left_out,
    }
}

fn counter_notes(core: &CoreCounters, counters: &Counters) -> Vec<String> {
    let mut notes = Vec::new();
    let rules = RiskReasons::NAMES.iter().zip(core.rejects_by_rule).filter(|(_, count)| *count > 0);
    let rules: Vec<_> = rules.map(|(name, count)| format!("{name} {count}")).collect();
    if !rules.is_empty() {
        notes.push(format!("risk rejects by rule: {}", rules.join(", ")));
    }
    if core.intents_dropped > 0 {
        notes.push(format!("{} intents dropped for want of an order slot", core.intents_dropped));
    }
    if core.executions_refused > 0 {
        notes.push(format!("{} executions fitted no order", core.executions_refused));
    }
    if core.executions_late > 0 {
        notes.push(format!(
            "{} late answers about orders that were done: a cancel or replace crossed a fill",
            core.executions_late
        ));
    }
    let waits = counters.ingest.market_ring_full.get();
    if waits > 0 {
        notes.push(format!("ingest waited {waits} times for a full market ring"));
    }
    notes
}

impl Outcome {
    /// Writes facts, figures and page where `--report` says.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write_page(&self, dir: &Path, about: &About) -> Result<(), Failure> {
        report_page::publish(dir, &gather::facts(self, about))
            .map_err(|error| Failure::Input(error.to_string()))
    }

    /// Writes the summary where `--summary` says.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_summary(&self, path: &Path) -> Result<(), Failure> {
        self.summary.write(path).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counters = &self.counters;
        writeln!(f, "{}", self.table)?;
        writeln!(f, "messages      {} ({} market events)", self.messages, counters.events)?;
        writeln!(
            f,
            "orders        {} new, {} replaces, {} cancels; {} open at the end",
            counters.new_orders, counters.replaces, counters.cancels, self.open_orders
        )?;
        writeln!(
            f,
            "fills         {} ({} passive, {} taking; {} shares)",
            counters.fills,
            counters.fills - counters.aggressive_fills,
            counters.aggressive_fills,
            counters.filled_quantity
        )?;
        writeln!(
            f,
            "pairs         {} two-leg arbitrages approved, {} with both legs filled",
            counters.pairs, counters.pairs_filled
        )?;
        writeln!(
            f,
            "rejects       {} by risk, {} by the venue",
            counters.risk_rejects, counters.venue_rejects
        )?;
        writeln!(f, "gaps          {} messages missing", counters.gaps)?;
        if !self.summary.accounts.is_empty() {
            writeln!(f, "accounts      {}", Totals::of(&self.summary.accounts))?;
        }
        let wide = &self.summary.wide;
        if !wide.answers_sha256.is_empty() {
            let by = wide.answers_by_kind.iter().map(|(kind, count)| format!("{count} by {kind}"));
            writeln!(
                f,
                "wide          {} requests, {} answers ({}), {} changed items, {} cycles sent",
                wide.requests,
                counters.wide_answers,
                by.collect::<Vec<_>>().join(", "),
                counters.wide_items,
                counters.cycles
            )?;
        }
        for note in &self.notes {
            writeln!(f, "note          {note}")?;
        }
        writeln!(f, "machine       {}", self.summary.machine)?;
        writeln!(f, "book hash     {:016x}", self.book_hash)?;
        if !wide.answers_sha256.is_empty() {
            writeln!(f, "answer digest {}", wide.answers_sha256)?;
        }
        writeln!(f, "order digest  {}", hex(&self.digest))
    }
}
