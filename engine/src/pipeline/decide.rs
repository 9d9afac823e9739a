//! The decide stage: sequences inputs into the decision core, journals what it consumed and decided, and hands
//! approved orders on.
//!
//! The same code in every topology; only the [`OrderSink`] differs: a ring to another core, or order entry called
//! directly. The order of things for one input is: free slots are read, the core decides (exposure is reserved there),
//! input and actions are journalled, the digest gets its record, and only then is anything handed on.
//!
//! With a [`WideDesk`] it hears of each market event when its orders are on their way, so that wide work delays nothing but
//! itself, and what it answers is an input like any other.
//!
//! With a [`KillSwitch`] (live and paced, where orders may wait in a ring) the stage sets it when the core has stopped
//! itself, so that what waits does not leave, and when the journal takes no more records.

use crate::control::digest::{DigestAbandoned, DigestSender};
use crate::control::failpoint;
use crate::control::journal::{AppendError, RunRecorder, Slots, Timer};
use crate::control::kill_switch::KillSwitch;
use crate::control::planted_delay;
use crate::order::{Execution, Order};
use crate::pipeline::board::Board;
use crate::pipeline::decision_core::{Actions, DecisionCore, Input, Probe};
use crate::pipeline::operator::{Command, KillCause, OperatorNote};
use crate::pipeline::risk::RiskApproved;
use crate::pipeline::stamps::{PathStamps, Sampler, Stage, StampMode};
use crate::pipeline::wide::{SurfaceJob, WideDesk, WideReport};
use feeds::event::MarketEvent;
use kernels::cpu::book::BookError;

/// Where approved orders go.
pub trait OrderSink {
    /// How many orders can be taken now.
    fn free_slots(&self) -> usize;

    /// Of how many in all.
    fn capacity(&self) -> usize;

    /// Takes an approved order, with the stamps of its path so far. Called at most [`Self::free_slots`] times an input.
    fn send(&mut self, order: RiskApproved<Order>, stamps: PathStamps);

    /// All orders of the input have been taken.
    fn flush(&mut self) {}
}

/// Why the decide stage cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecideError {
    /// A market event does not fit its book; the event's venue and sequence number.
    Book {
        /// What is wrong.
        error: BookError,
        /// Dense venue number.
        venue: u8,
        /// Message number in the venue's stream.
        sequence: u64,
    },
    /// The journal cannot take the record: nothing leaves unjournalled.
    Journal(AppendError),
    /// The digest's reader is gone: the run could not be compared.
    Digest,
}

impl From<DigestAbandoned> for DecideError {
    fn from(_: DigestAbandoned) -> Self {
        Self::Digest
    }
}

impl From<AppendError> for DecideError {
    fn from(error: AppendError) -> Self {
        Self::Journal(error)
    }
}

impl Probe for PathStamps {
    #[inline(always)]
    fn mark(&mut self, stage: Stage) {
        Self::mark(self, stage);
    }
}

/// See the module's text.
pub struct Decide {
    core: DecisionCore,
    actions: Actions,
    journal: Option<RunRecorder>,
    digest: DigestSender,
    kill: Option<KillSwitch>,
    board: Board,
    wide: Option<Box<WideDesk>>,
    /// Of the paths that begin here.
    sampler: Sampler,
}

impl Decide {
    /// A stage around a core; without a journal nothing is recorded.
    #[must_use]
    pub fn new(core: DecisionCore, journal: Option<RunRecorder>, digest: DigestSender) -> Self {
        let actions = Actions::new(core.actions_max());
        let sampler = Sampler::new(StampMode::Sampled);
        Self { core, actions, journal, digest, kill: None, board: Board::default(), wide: None, sampler }
    }

    /// The same, setting a kill switch and showing its figures on a board.
    #[must_use]
    pub fn shown(self, kill: KillSwitch, board: Board) -> Self {
        board.show_all(&self.core);
        Self { kill: Some(kill), board, ..self }
    }

    /// The same with somebody who does the wide work that the core asks for.
    #[must_use]
    pub fn with_wide(self, desk: Option<WideDesk>) -> Self {
        Self { wide: desk.map(Box::new), ..self }
    }

    /// The same, with the paths that begin here stamped at as many stages as the others.
    #[must_use]
    pub fn stamped(self, mode: StampMode) -> Self {
        Self { sampler: Sampler::new(mode), ..self }
    }

    /// Begins the path of what no market message led to.
    #[inline]
    #[must_use]
    pub fn begin_answer(&mut self) -> PathStamps {
        PathStamps::begin_answer(self.sampler.sample())
    }

    /// What the wide work has come to so far.
    #[must_use]
    pub fn wide_report(&self) -> Option<WideReport> {
        self.wide.as_ref().map(|desk| desk.report(self.core.wide()))
    }

    /// Where the figures are shown.
    #[must_use]
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// The core, for reports.
    #[must_use]
    pub const fn core(&self) -> &DecisionCore {
        &self.core
    }

    /// Begins with the first ClOrdID again; of a rehearsal only, when no order is open.
    pub(super) fn restart_ids(&mut self) {
        self.core.restart_ids();
    }

    /// A market event of the merged stream. Never inlined: a rehearsal warms these very instructions.
    ///
    /// # Errors
    /// See [`DecideError`].
    #[inline(never)]
    pub fn market(
        &mut self,
        event: &MarketEvent,
        stamps: &mut PathStamps,
        sink: &mut impl OrderSink,
    ) -> Result<(), DecideError> {
        self.input(Input::Market(event), stamps, sink)?;
        if self.wide.is_some() { self.do_wide_work(event, stamps, sink) } else { Ok(()) }
    }

    /// Tells the desk of an event that was decided; where answers count once they are there, those that are.
    fn do_wide_work(
        &mut self,
        event: &MarketEvent,
        stamps: &mut PathStamps,
        sink: &mut impl OrderSink,
    ) -> Result<(), DecideError> {
        let (Some(desk), Some(watch)) = (&mut self.wide, self.core.wide()) else { return Ok(()) };
        desk.market(event, watch, self.core.books());
        stamps.mark(Stage::Scan);
        if desk.is_virtual() || watch.oldest().is_none() {
            return Ok(());
        }
        self.take_answers(0, stamps, sink).map(drop)
    }

    /// When the next answer of wide work, or a surface, takes effect; [`u64::MAX`] when none is awaited, or its time is not
    /// virtual.
    #[must_use]
    pub fn next_answer_ns(&self) -> u64 {
        self.next_of_backend_ns().min(self.wide.as_ref().map_or(u64::MAX, |desk| desk.next_surface_ns()))
    }

    fn next_of_backend_ns(&self) -> u64 {
        let (Some(desk), Some(watch)) = (&self.wide, self.core.wide()) else { return u64::MAX };
        watch.oldest().and_then(|oldest| desk.due_ns(oldest)).unwrap_or(u64::MAX)
    }

    /// The next answer of wide work or surface, at its virtual time ([`Self::next_answer_ns`]), which is one; of the same
    /// time the answer comes first.
    ///
    /// # Errors
    /// See [`DecideError`].
    ///
    /// # Panics
    /// When none is awaited, or a backend that may wait has no answer: virtual time could not go on.
    pub fn answer(&mut self, stamps: &mut PathStamps, sink: &mut impl OrderSink) -> Result<(), DecideError> {
        let due_ns = self.next_answer_ns();
        if due_ns < self.next_of_backend_ns() {
            let fitted = self.wide.as_mut().and_then(|desk| desk.fit(self.core.nbbo(), due_ns).1);
            return fitted.map_or(Ok(()), |job| self.consume_fit(job, due_ns, stamps, sink));
        }
        self.take_answer(due_ns, stamps, sink).expect("an answer is awaited, and the backend may wait for it")
    }

    /// The answers that are there, at core time or at `now_ns` where that is later. Whether there was one. A turn with nothing
    /// to do costs a few loads: a path begins only where an answer is awaited or a fit has come back.
    ///
    /// # Errors
    /// See [`DecideError`].
    #[inline]
    pub fn poll_answers(&mut self, now_ns: u64, sink: &mut impl OrderSink) -> Result<bool, DecideError> {
        let Some(desk) = &self.wide else { return Ok(false) };
        let has_surface_work = desk.has_surface_work(now_ns.max(self.core.time_ns()));
        let mut any = false;
        if self.core.wide().is_some_and(|watch| watch.oldest().is_some()) {
            let mut stamps = self.begin_answer();
            any = self.take_answers(now_ns, &mut stamps, sink)?;
        }
        if has_surface_work {
            any |= self.step_surface(now_ns.max(self.core.time_ns()), sink)?;
        }
        Ok(any)
    }

    /// Goes on with surfaces. Whether there was anything to do.
    fn step_surface(&mut self, time_ns: u64, sink: &mut impl OrderSink) -> Result<bool, DecideError> {
        let Some(desk) = &mut self.wide else { return Ok(false) };
        let (worked, job) = desk.fit(self.core.nbbo(), time_ns);
        let Some(job) = job else { return Ok(worked) };
        let mut stamps = self.begin_answer();
        self.consume_fit(job, time_ns, &mut stamps, sink).map(|()| true)
    }

    /// A finished fit is an input at this time.
    fn consume_fit(
        &mut self,
        job: Box<SurfaceJob>,
        time_ns: u64,
        stamps: &mut PathStamps,
        sink: &mut impl OrderSink,
    ) -> Result<(), DecideError> {
        let Some(mut desk) = self.wide.take() else { return Ok(()) };
        let outcome = self.input(Input::Surface(&desk.fitted(&job, time_ns)), stamps, sink);
        if let Some(watch) = self.core.wide() {
            desk.take_over(job, watch, self.core.books());
        }
        self.wide = Some(desk);
        outcome
    }

    fn take_answers(
        &mut self,
        now_ns: u64,
        stamps: &mut PathStamps,
        sink: &mut impl OrderSink,
    ) -> Result<bool, DecideError> {
        let mut any = false;
        while let Some(taken) = self.take_answer(now_ns.max(self.core.time_ns()), stamps, sink) {
            taken?;
            any = true;
        }
        Ok(any)
    }

    /// The answer to the oldest request; `None` when it is not there.
    fn take_answer(
        &mut self,
        time_ns: u64,
        stamps: &mut PathStamps,
        sink: &mut impl OrderSink,
    ) -> Option<Result<(), DecideError>> {
        let oldest = *self.core.wide()?.oldest()?;
        let mut desk = self.wide.take()?;
        let taken = desk.answer(&oldest, time_ns, |answer| {
            stamps.mark(Stage::Scan);
            self.input(Input::Answer(answer), stamps, sink)
        });
        self.wide = Some(desk);
        // Nothing leaves that cannot be compared.
        taken.map(|outcome| self.stop_unless(outcome))
    }

    /// An execution.
    ///
    /// # Errors
    /// See [`DecideError`].
    pub fn execution(
        &mut self,
        execution: &Execution,
        stamps: &mut PathStamps,
        sink: &mut impl OrderSink,
    ) -> Result<(), DecideError> {
        let fills = self.core.counters().fills;
        self.input(Input::Execution(execution), stamps, sink)?;
        if self.core.counters().fills != fills {
            self.board.show_position(execution.instrument, &self.core);
        }
        self.board.show(&self.core);
        Ok(())
    }

    /// The timer.
    ///
    /// # Errors
    /// See [`DecideError`].
    pub fn timer(
        &mut self,
        due_ns: u64,
        stamps: &mut PathStamps,
        sink: &mut impl OrderSink,
    ) -> Result<(), DecideError> {
        self.input(Input::Timer { due_ns }, stamps, sink)
    }

    /// Who asked for the next command, and why: into the journal, nowhere else.
    ///
    /// # Errors
    /// See [`DecideError`].
    pub fn note(&mut self, note: &OperatorNote) -> Result<(), DecideError> {
        let time_ns = self.core.time_ns();
        let noted = self.journal.as_mut().map_or(Ok(0), |journal| journal.note(time_ns, note));
        self.stop_unless(noted.map_err(DecideError::from)).map(drop)
    }

    /// A command of a person or a watchdog.
    ///
    /// # Errors
    /// See [`DecideError`].
    pub fn command(
        &mut self,
        time_ns: u64,
        command: Command,
        stamps: &mut PathStamps,
        sink: &mut impl OrderSink,
    ) -> Result<(), DecideError> {
        self.input(Input::Command { time_ns, command }, stamps, sink)?;
        match command {
            Command::SetLimit(_) => self.board.show_limits(&self.core),
            Command::Reset { .. } => self.board.show_lifted(&self.core),
            Command::Kill { .. } | Command::Reconcile { .. } => {}
        }
        self.board.show(&self.core);
        Ok(())
    }

    /// What cannot be journalled or compared stops all trading.
    fn stop_unless<T>(&self, outcome: Result<T, DecideError>) -> Result<T, DecideError> {
        if let (Err(DecideError::Journal(_) | DecideError::Digest), Some(kill)) = (&outcome, &self.kill) {
            kill.set(KillCause::Journal);
        }
        outcome
    }

    /// The core has stopped itself: what waits in the order ring must not leave.
    #[cold]
    fn stop_what_waits(&self) {
        if let Some(kill) = self.kill.as_ref().filter(|kill| !kill.is_set()) {
            kill.set(cause_of(&self.core));
        }
    }

    #[inline]
    fn input(
        &mut self,
        input: Input<'_>,
        stamps: &mut PathStamps,
        sink: &mut impl OrderSink,
    ) -> Result<(), DecideError> {
        let outcome = self.sequence(input, stamps, sink);
        self.stop_unless(outcome)
    }

    #[inline]
    fn sequence(
        &mut self,
        input: Input<'_>,
        stamps: &mut PathStamps,
        sink: &mut impl OrderSink,
    ) -> Result<(), DecideError> {
        let (free, capacity) = (sink.free_slots(), sink.capacity());
        let for_new = free.saturating_sub(capacity / 4);
        self.actions.set_slots(free, for_new);
        let dropped_before = self.core.counters().intents_dropped;
        let outcome = self.core.on_input(input, stamps, &mut self.actions);
        if self.core.risk().is_killed() {
            self.stop_what_waits();
        }
        let fresh = self.core.risk().blocks().fresh();
        if !fresh.is_empty() {
            self.board.show_blocked(fresh);
        }
        if let Some(journal) = &mut self.journal {
            if self.core.counters().intents_dropped != dropped_before {
                journal_slots(journal, self.core.time_ns(), free, for_new)?;
            }
            if matches!(input, Input::Execution(_)) {
                failpoint::reached("before_execution_record");
            }
            journal_input(journal, &input, &self.core)?;
            for &(scope, cause) in self.core.risk().blocks().fresh() {
                journal.blocked(self.core.time_ns(), scope, cause)?;
            }
            if let Some(valuation) = self.core.risk().fresh_valuation() {
                journal.valued(self.core.time_ns(), &valuation)?;
            }
            if matches!(input, Input::Execution(_)) {
                failpoint::reached("after_execution_record");
            }
        }
        if let (Err(error), Input::Market(event)) = (outcome, input) {
            return Err(DecideError::Book { error, venue: event.venue, sequence: event.sequence });
        }
        if self.actions.as_slice().is_empty() {
            return Ok(());
        }
        for order in self.actions.drain() {
            if let Some(journal) = &mut self.journal {
                failpoint::reached("before_append");
                journal.action(&order)?;
            }
            self.digest.push(&order)?;
            stamps.mark(Stage::Journal);
            sink.send(order, *stamps);
            // What comes next of the same input has waited for this order.
            stamps.mark(Stage::Wait);
        }
        sink.flush();
        self.board.show(&self.core);
        Ok(())
    }

    /// Ends the stage: gives the core and the journal back.
    #[must_use]
    pub fn finish(self) -> (DecisionCore, Option<RunRecorder>) {
        (self.core, self.journal)
    }
}

/// Why the core has stopped everything.
fn cause_of(core: &DecisionCore) -> KillCause {
    core.risk().blocks().of_all().unwrap_or(KillCause::Operator)
}

#[cold]
fn journal_slots(
    journal: &mut RunRecorder,
    time_ns: u64,
    free: usize,
    for_new: usize,
) -> Result<(), AppendError> {
    let limited = |slots: usize| u32::try_from(slots).unwrap_or(u32::MAX);
    journal.slots(time_ns, Slots { free: limited(free), for_new: limited(for_new) })?;
    Ok(())
}

/// A market event of a capture is recorded by its number in the merged stream, which ingest makes the same in every
/// run; a live one whole.
#[inline]
fn journal_input(
    journal: &mut RunRecorder,
    input: &Input<'_>,
    core: &DecisionCore,
) -> Result<(), AppendError> {
    planted_delay::spend(Stage::Journal);
    match input {
        Input::Market(event) => journal.market(0, core.counters().events, event)?,
        Input::Execution(execution) => {
            journal.execution(execution)?;
        }
        Input::Answer(answer) => journal.answer(answer)?,
        Input::Surface(fitted) => journal.surface(fitted)?,
        Input::Timer { due_ns } => {
            journal.timer(*due_ns, &Timer { id: 0, due_ns: *due_ns })?;
        }
        Input::Command { time_ns, command } => {
            journal.command(*time_ns, command)?;
        }
    }
    Ok(())
}
