//! The journal as the decide thread uses it: typed records, and market messages folded into runs.
//!
//! Owned by the decide thread; allocates nothing and makes no system call. A market message costs a comparison and
//! an increment; the run is written when something else is recorded, so that the order of inputs in the journal is
//! the order in which they were consumed.

use super::{
    ANSWER_ITEMS_BYTES_MAX, ANSWER_ITEMS_MAX, AnswerEnd, AnswerItems, AppendError, End, MarketRun,
    RecordKind, RunCounts, SURFACE_VOLS_BYTES_MAX, SURFACE_VOLS_MAX, SegmentWriter, Slots, SurfaceEnd,
    SurfaceVols, Timer, encode_command, encode_execution, encode_market_event, encode_note, encode_order,
    encode_valuation, for_each_carried,
};
use crate::control::failpoint;
use crate::order::{Execution, Order};
use crate::pipeline::carried_state::CarriedState;
use crate::pipeline::operator::{Command, KillCause, OperatorNote, Scope};
use crate::pipeline::risk::Valuation;
use crate::pipeline::wide::{SurfaceFitted, WideAnswered};
use feeds::event::MarketEvent;

/// Longest run of market messages: what a killed process may have consumed without a record of it.
pub const RUN_MESSAGES_MAX: u64 = 65_536;

/// Records the inputs and actions of the decision core. See the module documentation.
pub struct RunRecorder {
    writer: SegmentWriter,
    /// The run not yet written; a count of zero when there is none.
    run: MarketRun,
    /// Core time of the run's first message.
    run_time_ns: u64,
    /// Market events are recorded whole: no capture holds them.
    whole_events: bool,
    counts: RunCounts,
}

impl RunRecorder {
    /// Takes the writer of the decide thread.
    #[must_use]
    pub fn new(writer: SegmentWriter) -> Self {
        let run = MarketRun { source: 0, first_message: 0, count: 0 };
        Self { writer, run, run_time_ns: 0, whole_events: false, counts: RunCounts::default() }
    }

    /// As [`Self::new`], for a live run: each market event is recorded whole, since no capture holds it.
    #[must_use]
    pub fn of_whole_events(writer: SegmentWriter) -> Self {
        Self { whole_events: true, ..Self::new(writer) }
    }

    /// The run goes on from this state; before anything else is recorded.
    ///
    /// # Errors
    /// [`AppendError::JournalFull`]: not recorded. Do not begin.
    pub fn resumed(&mut self, carried: &CarriedState) -> Result<(), AppendError> {
        let mut outcome = Ok(0);
        for_each_carried(carried, |kind, payload| {
            if outcome.is_ok() {
                failpoint::reached("take_over");
                outcome = self.append(kind, carried.time_ns, payload);
            }
        });
        outcome.map(drop)
    }

    /// What was recorded so far, the run not yet written included.
    #[must_use]
    pub fn counts(&self) -> RunCounts {
        let market_messages = self.counts.market_messages + self.run.count;
        RunCounts { market_messages, ..self.counts }
    }

    /// A market event is the next input, number `message` (from 1) of `source`. The run keeps the core time of its first
    /// message only, the others' times are in the feed.
    ///
    /// # Errors
    /// [`AppendError::JournalFull`]: the run before this message, or the event, could not be written. Do not consume
    /// it; stop.
    #[inline]
    pub fn market(&mut self, source: u16, message: u64, event: &MarketEvent) -> Result<(), AppendError> {
        if self.whole_events {
            self.writer.append(RecordKind::MarketEvent, event.receive_ns, &encode_market_event(event))?;
            self.counts.market_messages += 1;
            return Ok(());
        }
        let run = &mut self.run;
        let continues = source == run.source && message == run.first_message.wrapping_add(run.count);
        if continues && run.count.wrapping_sub(1) < RUN_MESSAGES_MAX - 1 {
            run.count += 1;
            return Ok(());
        }
        self.begin_run(source, message, event.receive_ns)
    }

    /// A venue's answer is the next input. Its core time is `execution.time_ns`. Returns the record's sequence number.
    ///
    /// # Errors
    /// [`AppendError::JournalFull`]: not recorded. Do not apply it; stop.
    #[inline]
    pub fn execution(&mut self, execution: &Execution) -> Result<u64, AppendError> {
        let sequence = self.append(RecordKind::Execution, execution.time_ns, &encode_execution(execution))?;
        self.counts.executions += 1;
        Ok(sequence)
    }

    /// A timer is the next input, at core time `time_ns`.
    ///
    /// # Errors
    /// [`AppendError::JournalFull`]: not recorded. Do not run it; stop.
    #[inline]
    pub fn timer(&mut self, time_ns: u64, timer: &Timer) -> Result<u64, AppendError> {
        let sequence = self.append(RecordKind::Timer, time_ns, &timer.encode())?;
        self.counts.timers += 1;
        Ok(sequence)
    }

    /// An answer of wide work is the next input: its items, then itself.
    ///
    /// # Errors
    /// [`AppendError::JournalFull`]: not recorded. Do not consume it; stop.
    pub fn answer(&mut self, answer: &WideAnswered<'_>) -> Result<(), AppendError> {
        let mut payload = [0; ANSWER_ITEMS_BYTES_MAX];
        for items in answer.items.chunks(ANSWER_ITEMS_MAX) {
            let length = AnswerItems::of(items).encode(&mut payload);
            self.append(RecordKind::AnswerItems, answer.time_ns, &payload[..length])?;
        }
        self.append(RecordKind::Answer, answer.time_ns, &AnswerEnd::of(answer).encode())?;
        Ok(())
    }

    /// A fit of volatilities is the next input: these, then itself.
    ///
    /// # Errors
    /// [`AppendError::JournalFull`]: not recorded. Do not consume it; stop.
    pub fn surface(&mut self, fitted: &SurfaceFitted<'_>) -> Result<(), AppendError> {
        let mut payload = [0; SURFACE_VOLS_BYTES_MAX];
        for vols in fitted.vols.chunks(SURFACE_VOLS_MAX) {
            let length = SurfaceVols::of(vols).encode(&mut payload);
            self.append(RecordKind::SurfaceVols, fitted.time_ns, &payload[..length])?;
        }
        self.append(RecordKind::Surface, fitted.time_ns, &SurfaceEnd::of(fitted).encode())?;
        Ok(())
    }

    /// A command is the next input, at core time `time_ns`.
    ///
    /// # Errors
    /// [`AppendError::JournalFull`]: not recorded.
    pub fn command(&mut self, time_ns: u64, command: &Command) -> Result<u64, AppendError> {
        let sequence = self.append(RecordKind::Command, time_ns, &encode_command(command))?;
        self.counts.commands += 1;
        Ok(sequence)
    }

    /// Who asked for the next command, and why.
    ///
    /// # Errors
    /// [`AppendError::JournalFull`]: not recorded.
    pub fn note(&mut self, time_ns: u64, note: &OperatorNote) -> Result<u64, AppendError> {
        self.append(RecordKind::Note, time_ns, &encode_note(note))
    }

    /// The core itself has blocked something at the last input.
    ///
    /// # Errors
    /// [`AppendError::JournalFull`]: not recorded.
    pub fn blocked(&mut self, time_ns: u64, scope: Scope, cause: KillCause) -> Result<u64, AppendError> {
        self.append(RecordKind::Blocked, time_ns, &encode_command(&Command::Kill { scope, cause }))
    }

    /// What the last input did to the worth of the account.
    ///
    /// # Errors
    /// [`AppendError::JournalFull`]: not recorded.
    pub fn valued(&mut self, time_ns: u64, valuation: &Valuation) -> Result<u64, AppendError> {
        self.append(RecordKind::Valued, time_ns, &encode_valuation(valuation))
    }

    /// The next input found this much room for its actions.
    ///
    /// # Errors
    /// [`AppendError::JournalFull`]: not recorded.
    pub fn slots(&mut self, time_ns: u64, slots: Slots) -> Result<u64, AppendError> {
        self.append(RecordKind::Slots, time_ns, &slots.encode())
    }

    /// An approved action, to be recorded before it is published to order entry.
    ///
    /// # Errors
    /// [`AppendError::JournalFull`]: not recorded. Do not send it; release its exposure and stop.
    #[inline]
    pub fn action(&mut self, order: &Order) -> Result<u64, AppendError> {
        let sequence = self.append(RecordKind::Action, order.time_ns, &encode_order(order))?;
        self.counts.actions += 1;
        Ok(sequence)
    }

    /// Writes the run of market messages not yet written. Every other record does so by itself; a thread with
    /// nothing to do may call it, so that a kill loses no knowledge of what was consumed.
    ///
    /// # Errors
    /// [`AppendError::JournalFull`]: not written.
    #[inline]
    pub fn flush(&mut self) -> Result<(), AppendError> {
        if self.run.count == 0 {
            return Ok(());
        }
        self.writer.append(RecordKind::MarketRun, self.run_time_ns, &self.run.encode())?;
        self.counts.market_messages += self.run.count;
        self.run.count = 0;
        Ok(())
    }

    /// Records what the run came to and closes the journal of decide. Returns what was recorded.
    ///
    /// # Errors
    /// [`AppendError::JournalFull`]: the journal then reads as not closed.
    pub fn finish(
        mut self,
        time_ns: u64,
        order_stream_sha256: [u8; 32],
        book_hash: u64,
    ) -> Result<RunCounts, AppendError> {
        self.flush()?;
        let end = End { order_stream_sha256, book_hash, counts: self.counts };
        self.append(RecordKind::End, time_ns, &end.encode())?;
        self.writer.close(time_ns)?;
        Ok(end.counts)
    }

    #[cold]
    #[inline(never)]
    fn begin_run(&mut self, source: u16, message: u64, time_ns: u64) -> Result<(), AppendError> {
        self.flush()?;
        self.run = MarketRun { source, first_message: message, count: 1 };
        self.run_time_ns = time_ns;
        Ok(())
    }

    #[inline]
    fn append(&mut self, kind: RecordKind, time_ns: u64, payload: &[u8]) -> Result<u64, AppendError> {
        self.flush()?;
        self.writer.append(kind, time_ns, payload)
    }
}
