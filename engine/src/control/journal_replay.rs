//! `warptick journal replay`: feeds a journal's inputs to a fresh decision core and compares the order stream.
//!
//! No venue, no session, no clock: the executions are those of the journal. The captures that the run consumed are
//! opened again and checked against their hashes. Every approved action must equal the journal's, one by one, and the
//! digest must equal the one that the run closed with.

use std::path::Path;

use crate::control::config::Config;
use crate::control::digest::{OrderDigest, hex};
use crate::control::failure::Failure;
use crate::control::inputs::Inputs;
use crate::control::journal::{
    AnswerEnd, CarriedBuilder, DecideReader, DecideRecord, End, NotResumed, Slots, SurfaceEnd, Tail,
};
use crate::control::live_run::LiveUniverse;
use crate::control::run_header::{RunHeader, SceneHeader};
use crate::control::startup;
use crate::control::universe::Universe;
use crate::order::Order;
use crate::pipeline::decision_core::{Actions, CoreMemory, DecisionCore, Input, NoProbe, Probe};
use crate::pipeline::ingest::Ingest;
use crate::pipeline::risk::RiskApproved;
use crate::pipeline::wide::{SurfaceFitted, SurfaceVol, WideAnswered, WideWatch, is_answer_to};
use crate::strategy::Strategy;
use kernels::abi::WideItem;

/// Looks on at a replay, input by input.
pub trait Onlooker: Probe {
    /// The core is about to consume `input`.
    fn before(&mut self, core: &DecisionCore, input: &Input<'_>) {
        let _ = (core, input);
    }

    /// It has, and this is what came of it.
    fn after(&mut self, core: &DecisionCore, actions: &[RiskApproved<Order>]) {
        let _ = (core, actions);
    }

    /// It has seen what it wanted to see: the replay may end.
    fn has_seen_enough(&self) -> bool {
        false
    }
}

impl Onlooker for NoProbe {}

/// What a journal replay came to.
pub struct JournalOutcome {
    /// SHA-256 of the order stream that the core produced now.
    pub digest: [u8; 32],
    /// One hash over all books.
    pub book_hash: u64,
    /// Actions that were compared.
    pub actions: u64,
    /// Inputs consumed.
    pub inputs: u64,
    /// What the run closed with; `None` for a journal that was not closed.
    pub end: Option<End>,
    /// How the journal ends.
    pub tail: Option<Tail>,
}

impl JournalOutcome {
    /// Whether the run is reproduced: the same digest and books as it closed with.
    #[must_use]
    pub fn is_reproduced(&self) -> bool {
        self.end
            .as_ref()
            .is_none_or(|end| end.order_stream_sha256 == self.digest && end.book_hash == self.book_hash)
    }
}

/// The decision core as the journal in `dir` leaves it, a journal of a live run whose header is `header`.
///
/// # Errors
/// As [`replay`].
pub fn state_at_end(dir: &Path, header: &RunHeader) -> Result<DecisionCore, Failure> {
    replay_into(dir, fresh_core(header, None, Vec::new())?).map(|(core, _)| core)
}

/// Replays the journal in `dir` of a live run through `core`, a fresh one as that run began with, whatever its strategies.
/// Gives it back as the journal leaves it.
///
/// # Errors
/// As [`replay`].
pub fn replay_into(dir: &Path, core: DecisionCore) -> Result<(DecisionCore, JournalOutcome), Failure> {
    let mut replay = Replay::new(core, None, NoProbe);
    let outcome = replay_records(dir, &mut replay)?;
    Ok((replay.core, outcome))
}

/// Replays the journal in `dir`.
///
/// # Errors
/// A journal or capture that cannot be read: exit code 2. An action that differs: exit code 1, with both.
pub fn replay(dir: &Path) -> Result<JournalOutcome, Failure> {
    replay_with(dir, Vec::new())
}

/// The same of a run that had strategies beside the configuration's: the same ones, as they were at its start.
///
/// # Errors
/// As [`replay`].
pub fn replay_with(dir: &Path, extra: Vec<Box<dyn Strategy>>) -> Result<JournalOutcome, Failure> {
    let header = RunHeader::read(dir)?;
    let inputs = if header.is_live() { None } else { Some(header.open_captures()?) };
    replay_watched(dir, &header, inputs.as_ref(), extra, NoProbe).0
}

/// The same, with somebody who looks on; `inputs` are the captures of the journal's `header`, `None` for a live run.
/// The onlooker comes back with what it has seen, also from a replay that failed.
///
/// # Errors
/// As [`replay`].
pub fn replay_watched<O: Onlooker>(
    dir: &Path,
    header: &RunHeader,
    inputs: Option<&Inputs>,
    extra: Vec<Box<dyn Strategy>>,
    onlooker: O,
) -> (Result<JournalOutcome, Failure>, O) {
    let core = fresh_core(header, inputs, extra);
    let captures =
        inputs.map(|inputs| Ok((inputs, inputs.ingest(header.config.latency.line_ns)?))).transpose();
    match (core, captures) {
        (Ok(core), Ok(captures)) => {
            let mut replay = Replay::new(core, captures, onlooker);
            let ready = header.scene.as_ref().map_or(Ok(()), |scene| replay.set(scene));
            (ready.and_then(|()| replay_records(dir, &mut replay)), replay.onlooker)
        }
        (Err(failure), _) | (_, Err(failure)) => (Err(failure), onlooker),
    }
}

/// The core that the run of `header` began with.
fn fresh_core(
    header: &RunHeader,
    inputs: Option<&Inputs>,
    extra: Vec<Box<dyn Strategy>>,
) -> Result<DecisionCore, Failure> {
    fn of(
        universe: &impl Universe,
        config: &Config,
        extra: Vec<Box<dyn Strategy>>,
    ) -> Result<DecisionCore, Failure> {
        let mut strategies = startup::strategies(universe, config)?;
        strategies.extend(extra);
        startup::decision_core(universe, config, strategies)
    }
    match inputs {
        Some(inputs) => of(inputs, &header.config, extra),
        None => of(&LiveUniverse::new(&header.config)?, &header.config, extra),
    }
}

fn replay_records<O: Onlooker>(dir: &Path, replay: &mut Replay<'_, O>) -> Result<JournalOutcome, Failure> {
    let mut reader = DecideReader::open(dir).map_err(|error| Failure::Input(error.to_string()))?;
    let mut end = None;
    for record in reader.by_ref() {
        if replay.onlooker.has_seen_enough() {
            break;
        }
        let record = record.map_err(|error| Failure::Input(error.to_string()))?;
        if replay.taking_over.push(&record.record).map_err(|NotResumed| not_resumed())? {
            continue;
        }
        match record.record {
            DecideRecord::End(found) => end = Some(found),
            // What the core blocked it blocks again, and its worth it knows; who asked for a command decides nothing.
            DecideRecord::Closed
            | DecideRecord::Blocked(_)
            | DecideRecord::Valued(_)
            | DecideRecord::Note(_) => {}
            DecideRecord::AnswerItems(items) => replay.answer_items.extend_from_slice(items.as_slice()),
            DecideRecord::SurfaceVols(vols) => replay.vols.extend_from_slice(vols.as_slice()),
            DecideRecord::Action(expected) => replay.expect(&expected, record.sequence)?,
            input => replay.input(&input, record.time_ns)?,
        }
    }
    replay.resume()?;
    if reader.tail() == Some(Tail::Closed) {
        replay.settle()?;
    }
    Ok(JournalOutcome {
        digest: std::mem::take(&mut replay.digest).finish(),
        book_hash: replay.core.book_hash(),
        actions: replay.compared,
        inputs: replay.core.decision(),
        end,
        tail: reader.tail(),
    })
}

#[cold]
fn not_resumed() -> Failure {
    Failure::Input("journal: its run was killed before it had taken over what a former run left".to_owned())
}

struct Replay<'a, O> {
    core: DecisionCore,
    onlooker: O,
    /// Where market events come from; `None`: from the journal itself.
    captures: Option<(&'a Inputs, Ingest<'a>)>,
    /// What the run took over, until its first input.
    taking_over: CarriedBuilder,
    /// Of a scene: what the core remembers beside it.
    memory: Option<CoreMemory>,
    actions: Actions,
    digest: OrderDigest,
    /// Actions that the core has taken and the journal has not confirmed yet, oldest first.
    unconfirmed: std::collections::VecDeque<Order>,
    /// Room that the next input finds; `None`: enough.
    slots: Option<Slots>,
    /// Items of the answer that comes next.
    answer_items: Vec<WideItem>,
    /// Volatilities of the fit that comes next.
    vols: Vec<SurfaceVol>,
    compared: u64,
}

impl<'a, O: Onlooker> Replay<'a, O> {
    fn new(core: DecisionCore, captures: Option<(&'a Inputs, Ingest<'a>)>, onlooker: O) -> Self {
        Self {
            onlooker,
            actions: Actions::new(core.actions_max()),
            core,
            captures,
            taking_over: CarriedBuilder::default(),
            memory: None,
            digest: OrderDigest::new(),
            unconfirmed: std::collections::VecDeque::new(),
            slots: None,
            answer_items: Vec::new(),
            vols: Vec::new(),
            compared: 0,
        }
    }

    fn resume(&mut self) -> Result<(), Failure> {
        let carried = self.taking_over.take().map_err(|NotResumed| not_resumed())?;
        let Some(carried) = carried else { return Ok(()) };
        match &self.memory {
            Some(memory) => self.core.recall(&carried, memory).map_err(|error| error.to_string()),
            None => self.core.resume(&carried).map_err(|error| error.to_string()),
        }
        .map_err(|error| Failure::Input(format!("journal: {error}")))
    }

    /// Builds the books that a scene begins with.
    fn set(&mut self, scene: &SceneHeader) -> Result<(), Failure> {
        let memory = serde_json::from_str(&scene.memory);
        self.memory =
            Some(memory.map_err(|error| Failure::Input(format!("journal: memory of its scene: {error}")))?);
        let Some((inputs, ingest)) = &mut self.captures else { return Ok(()) };
        for _ in 0..scene.preloaded {
            let Some(event) = ingest.next_event()? else { break };
            let outcome = self.core.preload(&event);
            outcome.map_err(|error| inputs.book_failure(error, event.venue, event.sequence))?;
        }
        Ok(())
    }

    fn input(&mut self, record: &DecideRecord, time_ns: u64) -> Result<(), Failure> {
        self.resume()?;
        self.settle()?;
        match record {
            DecideRecord::MarketRun(run) => {
                for _ in 0..run.count {
                    let next = self.captures.as_mut().map_or(Ok(None), |(_, ingest)| ingest.next_event())?;
                    let Some(event) = next else {
                        return Err(Failure::Input(
                            "the journal consumed more than the captures hold".to_owned(),
                        ));
                    };
                    self.feed(Input::Market(&event))?;
                }
                Ok(())
            }
            DecideRecord::MarketEvent(event) => self.feed(Input::Market(event)),
            DecideRecord::Execution(execution) => self.feed(Input::Execution(execution)),
            DecideRecord::Timer(timer) => self.feed(Input::Timer { due_ns: timer.due_ns }),
            DecideRecord::Answer(answer) => self.answer(answer, time_ns),
            DecideRecord::Surface(end) => self.surface(end, time_ns),
            DecideRecord::Slots(slots) => {
                self.slots = Some(*slots);
                Ok(())
            }
            DecideRecord::Command(command) => self.feed(Input::Command { time_ns, command: *command }),
            other => Err(Failure::Input(format!("journal: {other:?} is no input that this version knows"))),
        }
    }

    /// The answer of the run, whoever computed it: nothing is computed again.
    fn answer(&mut self, end: &AnswerEnd, time_ns: u64) -> Result<(), Failure> {
        let items = std::mem::take(&mut self.answer_items);
        if items.len() != end.items as usize {
            let (found, expected) = (items.len(), end.items);
            return Err(Failure::Input(format!("journal: an answer of {expected} items has {found}")));
        }
        let AnswerEnd { request, listing, computed_by, .. } = *end;
        let answer = WideAnswered { time_ns, request, listing, computed_by, items: &items };
        let oldest = self.core.wide().and_then(WideWatch::oldest);
        if !oldest.is_some_and(|oldest| is_answer_to(&answer, oldest)) {
            return Err(Failure::Check(format!(
                "VERDICT: DIVERGED: the run had an answer to request {request} for wide listing {listing}, the replay \
                 awaits that to {oldest:?}"
            )));
        }
        self.feed(Input::Answer(&answer))
    }

    /// The fit of the run: nothing is fitted again.
    fn surface(&mut self, end: &SurfaceEnd, time_ns: u64) -> Result<(), Failure> {
        let vols = std::mem::take(&mut self.vols);
        if vols.len() != end.vols as usize {
            let (found, expected) = (vols.len(), end.vols);
            return Err(Failure::Input(format!("journal: a fit of {expected} volatilities has {found}")));
        }
        let SurfaceEnd { fit, listing, .. } = *end;
        self.feed(Input::Surface(&SurfaceFitted { time_ns, fit, listing, vols: &vols }))
    }

    fn feed(&mut self, input: Input<'_>) -> Result<(), Failure> {
        let room = self.slots.take().unwrap_or(Slots { free: u32::MAX, for_new: u32::MAX });
        self.actions.set_slots(room.free as usize, room.for_new as usize);
        self.onlooker.before(&self.core, &input);
        if let Err(error) = self.core.on_input(input, &mut self.onlooker, &mut self.actions)
            && let Input::Market(event) = input
            && let Some((inputs, _)) = &self.captures
        {
            // A live run distrusts its feed then, and goes on.
            return Err(inputs.book_failure(error, event.venue, event.sequence));
        }
        self.onlooker.after(&self.core, self.actions.as_slice());
        for order in self.actions.drain() {
            self.digest.push(&order);
            self.unconfirmed.push_back(*order);
        }
        Ok(())
    }

    fn expect(&mut self, expected: &Order, sequence: u64) -> Result<(), Failure> {
        self.compared += 1;
        match self.unconfirmed.pop_front() {
            Some(order) if order == *expected => Ok(()),
            Some(order) => Err(Failure::Check(format!(
                "VERDICT: DIVERGED at journal record {sequence}: the run sent {expected:?}, the replay {order:?}"
            ))),
            None => Err(Failure::Check(format!(
                "VERDICT: DIVERGED at journal record {sequence}: the run sent {expected:?}, the replay nothing"
            ))),
        }
    }

    /// Before the next input every action of the last one must have been confirmed.
    fn settle(&self) -> Result<(), Failure> {
        match self.unconfirmed.front() {
            None => Ok(()),
            Some(order) => {
                Err(Failure::Check(format!("VERDICT: DIVERGED: the replay sent {order:?}, the run nothing")))
            }
        }
    }
}

impl std::fmt::Display for JournalOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "inputs        {}", self.inputs)?;
        writeln!(f, "actions       {}, each as the journal has it", self.actions)?;
        match &self.end {
            Some(end) => writeln!(f, "journal says  {}", hex(&end.order_stream_sha256))?,
            None => writeln!(f, "journal says  nothing: the run did not close it")?,
        }
        if let Some(tail) = &self.tail
            && !matches!(tail, Tail::Closed)
        {
            writeln!(f, "tail          {tail:?}")?;
        }
        writeln!(f, "order digest  {}", hex(&self.digest))?;
        match (&self.end, self.is_reproduced()) {
            (Some(_), true) => writeln!(f, "VERDICT: REPRODUCED"),
            (None, _) => writeln!(f, "VERDICT: REPRODUCED as far as the journal goes"),
            (Some(_), false) => Ok(()),
        }
    }
}
