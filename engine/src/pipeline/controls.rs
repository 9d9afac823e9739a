//! What the deciding loop shares with people and watchdogs: commands, the kill word, sessions that were lost, a heartbeat.
//!
//! The loop calls [`Controls::turn`] once a turn. While nothing happens that is one store and two relaxed loads; what
//! happens rings the bell of the [`KillSwitch`], and the turn then acts: commands are noted and decided in the order in
//! which they came, the kill word becomes a sequenced `Kill`, and a kill's sweep is fed on, an input of at most so many
//! cancels a turn, until nothing is left to cancel; a reset waits for that. Everything that decides goes through [`Decide`] and is journalled.
//!
//! **Lost sessions.** A venue whose session was lost is killed for itself, and comes back by itself when configured so: once
//! the session is up again, every doubt that order entry raised has been decided on, and no order of the venue is in doubt.
//! A venue that a person or the core has stopped is left to the person.
//!
//! Allocates at construction only. Owned by the thread that decides.

use rtrb::{Consumer, Producer};

use crate::control::kill_switch::{KillSwitch, Seen};
use crate::pipeline::decide::{Decide, DecideError, OrderSink};
use crate::pipeline::heartbeat::Beat;
use crate::pipeline::operator::{Command, KillCause, LimitChange, OperatorNote, Scope};
use crate::pipeline::session_watch::SessionWatch;

/// Commands taken in one turn at most.
const COMMANDS_A_TURN: usize = 16;

/// Turns between two looks while a venue waits to be let trade again, or to be stopped.
const WAITING_TURNS: u32 = 256;

/// One thing that a person wants.
#[derive(Clone, Copy, Debug)]
pub struct Instruction {
    /// Who and why, where it is not that of the instruction before.
    pub note: Option<OperatorNote>,
    /// What; none where only the note is to be kept.
    pub command: Option<Command>,
    /// How the kill switch stood when it was asked for: what a reset resets.
    pub seen: Seen,
}

/// What became of a [`Command::SetLimit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitAnswer {
    /// Which.
    pub change: LimitChange,
    /// The core goes by it; else it has no such limit, and nothing has changed.
    pub is_in_force: bool,
}

/// When a lost session stops its venue, and whether it comes back by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRules {
    /// How long it may be gone, ns; 0: not at all.
    pub loss_ns: u64,
    /// Whether the venue trades again without a person, once its session is up and nothing is in doubt.
    pub resumes: bool,
}

/// See the module's text.
pub struct Controls {
    kill: KillSwitch,
    beat: Beat,
    commands: Option<Consumer<Instruction>>,
    answers: Option<Producer<LimitAnswer>>,
    sessions: Option<(SessionWatch, SessionRules)>,
    /// The bell as it was last heard.
    heard: u32,
    /// Commands wait although the bell was heard.
    more: bool,
    /// Venues that are gone, since when (ns), by number; 0: there.
    gone_since_ns: [u64; 64],
    /// Venues stopped by us for their session.
    stopped: u64,
    /// Of `stopped`, those whose session is up again.
    returning: u64,
    /// Turns until the next look at venues that wait; 0: none does.
    pause: u32,
}

impl Controls {
    /// With a kill switch and nothing else.
    #[must_use]
    pub fn new(kill: KillSwitch) -> Self {
        Self {
            kill,
            beat: Beat::default(),
            commands: None,
            answers: None,
            sessions: None,
            heard: 0,
            more: true,
            gone_since_ns: [0; 64],
            stopped: 0,
            returning: 0,
            pause: 0,
        }
    }

    /// The same, with somebody who gives commands.
    #[must_use]
    pub fn commanded(self, commands: Consumer<Instruction>) -> Self {
        Self { commands: Some(commands), ..self }
    }

    /// The same, saying what became of each new limit. Who listens gives no more of them than there is room for answers.
    #[must_use]
    pub fn answering(self, answers: Producer<LimitAnswer>) -> Self {
        Self { answers: Some(answers), ..self }
    }

    /// The same, with sessions whose loss counts.
    #[must_use]
    pub fn watching(self, sessions: SessionWatch, rules: SessionRules) -> Self {
        Self { sessions: Some((sessions, rules)), ..self }
    }

    /// The same, with somebody who looks at the heartbeat.
    #[must_use]
    pub fn beating(self, beat: Beat) -> Self {
        Self { beat, ..self }
    }

    /// The switch.
    #[must_use]
    pub const fn kill(&self) -> &KillSwitch {
        &self.kill
    }

    /// One turn; `now_ns` is UTC of the core clock, or 0 where core time is not the clock's. Whether anything was decided.
    ///
    /// # Errors
    /// See [`DecideError`].
    #[inline(always)]
    pub fn turn(
        &mut self,
        decide: &mut Decide,
        now_ns: u64,
        sink: &mut impl OrderSink,
    ) -> Result<bool, DecideError> {
        self.beat.beat();
        let core = decide.core();
        let is_quiet = self.kill.bell() == self.heard
            && !self.more
            && self.kill.is_set() == core.risk().is_killed()
            && !core.sweep_is_due();
        if is_quiet && !self.is_due() {
            return Ok(false);
        }
        self.act(decide, now_ns, sink)
    }

    /// Whether it is time to look at venues that wait.
    #[inline(always)]
    const fn is_due(&mut self) -> bool {
        if self.pause == 0 {
            return false;
        }
        self.pause -= 1;
        self.pause == 0
    }

    #[cold]
    #[inline(never)]
    fn act(
        &mut self,
        decide: &mut Decide,
        now_ns: u64,
        sink: &mut impl OrderSink,
    ) -> Result<bool, DecideError> {
        let before = decide.core().decision();
        self.heard = self.kill.heard();
        let now_ns = now_ns.max(decide.core().time_ns());
        let commands_wait = self.obey(decide, now_ns, sink)?;
        self.follow_sessions(decide, now_ns, sink)?;
        self.follow_word(decide, now_ns, sink)?;
        sweep_on(decide, now_ns, sink)?;
        let is_waiting = self.gone_since_ns.iter().any(|&since| since != 0) || self.returning != 0;
        self.more = commands_wait;
        self.pause = if is_waiting { WAITING_TURNS } else { 0 };
        Ok(decide.core().decision() != before)
    }

    /// Makes a sequenced kill of a kill word that is set.
    fn follow_word(
        &mut self,
        decide: &mut Decide,
        now_ns: u64,
        sink: &mut impl OrderSink,
    ) -> Result<(), DecideError> {
        if !self.kill.is_set() || decide.core().risk().is_killed() {
            return Ok(());
        }
        let cause = self.kill.cause().unwrap_or(KillCause::Operator);
        decide.note(&OperatorNote::new("warptick", cause.name()))?;
        give(decide, now_ns, Command::Kill { scope: Scope::All, cause }, sink)
    }

    fn reset_is_next(&self) -> bool {
        let next = self.commands.as_ref().map(Consumer::peek);
        matches!(next, Some(Ok(Instruction { command: Some(Command::Reset { .. }), .. })))
    }

    /// Takes commands; whether some are left.
    fn obey(
        &mut self,
        decide: &mut Decide,
        now_ns: u64,
        sink: &mut impl OrderSink,
    ) -> Result<bool, DecideError> {
        for _ in 0..COMMANDS_A_TURN {
            if self.reset_is_next() {
                // What stands in the way of a reset is done first: a kill word that nobody has acted on, a sweep.
                self.follow_word(decide, now_ns, sink)?;
                if decide.core().sweep_is_due() {
                    return Ok(true);
                }
            }
            let Some(Ok(Instruction { note, command, seen })) = self.commands.as_mut().map(Consumer::pop)
            else {
                return Ok(false);
            };
            if let Some(note) = note {
                decide.note(&note)?;
            }
            match command {
                Some(command @ Command::Kill { scope, .. }) => {
                    self.leave_to_person(scope);
                    give(decide, now_ns, command, sink)?;
                }
                Some(command @ Command::Reset { scope }) => {
                    self.leave_to_person(scope);
                    give(decide, now_ns, command, sink)?;
                    // What stops it again at once keeps the word.
                    if scope == Scope::All && !decide.core().risk().is_killed() {
                        let _ = self.kill.reset(seen);
                    }
                }
                Some(command @ Command::SetLimit(change)) => {
                    give(decide, now_ns, command, sink)?;
                    let is_in_force = decide.core().risk().changes().contains(&change);
                    if let Some(answers) = &mut self.answers {
                        let _ = answers.push(LimitAnswer { change, is_in_force });
                    }
                }
                Some(command @ Command::Reconcile { .. }) => give(decide, now_ns, command, sink)?,
                None => {}
            }
            decide.board().obeyed();
        }
        Ok(self.commands.as_ref().is_some_and(|commands| !commands.is_empty()))
    }

    /// A person has spoken about these venues: nothing of theirs is lifted by us.
    fn leave_to_person(&mut self, scope: Scope) {
        let venues = match scope {
            Scope::All => u64::MAX,
            Scope::Venue(venue) => bit(venue),
            _ => 0,
        };
        self.stopped &= !venues;
        self.returning &= !venues;
    }

    /// Stops venues whose session is lost, and lets them trade again as the rules say.
    fn follow_sessions(
        &mut self,
        decide: &mut Decide,
        now_ns: u64,
        sink: &mut impl OrderSink,
    ) -> Result<(), DecideError> {
        let Some((sessions, rules)) = &self.sessions else { return Ok(()) };
        let lost = sessions.lost();
        for venue in 0..64u8 {
            let since_ns = &mut self.gone_since_ns[usize::from(venue)];
            if lost & bit(venue) == 0 {
                *since_ns = 0;
                self.returning |= self.stopped & bit(venue);
                continue;
            }
            self.returning &= !bit(venue);
            let is_stopped = self.stopped & bit(venue) != 0;
            if *since_ns == 0 {
                *since_ns = now_ns;
            }
            if is_stopped || now_ns - *since_ns < rules.loss_ns {
                continue;
            }
            if is_blocked(decide, venue) {
                continue;
            }
            self.stopped |= bit(venue);
            decide.note(&OperatorNote::new("warptick", KillCause::SessionLost.name()))?;
            let (scope, cause) = (Scope::Venue(venue), KillCause::SessionLost);
            give(decide, now_ns, Command::Kill { scope, cause }, sink)?;
        }
        if !rules.resumes {
            self.returning = 0;
        }
        if self.returning == 0 || decide.core().counters().doubts < sessions.doubts() {
            return Ok(());
        }
        let returning = self.returning;
        for venue in (0..64u8).filter(|&venue| returning & bit(venue) != 0) {
            if decide.core().orders().in_doubt_at(venue) == 0 {
                self.stopped &= !bit(venue);
                self.returning &= !bit(venue);
                decide.note(&OperatorNote::new("warptick", "session is back, nothing in doubt"))?;
                give(decide, now_ns, Command::Reset { scope: Scope::Venue(venue) }, sink)?;
            }
        }
        Ok(())
    }
}

/// Whether the venue is stopped already, by whomever.
fn is_blocked(decide: &Decide, venue: u8) -> bool {
    let mut blocks = decide.core().risk().blocks().iter();
    blocks.any(|(scope, _)| matches!(scope, Scope::All) || scope == Scope::Venue(venue))
}

/// A kill's sweep, for the orders that one input was too short for: the same kill again, which blocks nothing new.
fn sweep_on(decide: &mut Decide, now_ns: u64, sink: &mut impl OrderSink) -> Result<(), DecideError> {
    // Without room the next turn tries again: an input that can send nothing would only fill the journal.
    if !decide.core().sweep_is_due() || sink.free_slots() == 0 {
        return Ok(());
    }
    // Without a block it is stale books that are swept, by the inputs that come.
    let Some((scope, cause)) = decide.core().risk().blocks().iter().next() else { return Ok(()) };
    give(decide, now_ns, Command::Kill { scope, cause }, sink)
}

const fn bit(venue: u8) -> u64 {
    if venue < 64 { 1 << venue } else { 0 }
}

fn give(
    decide: &mut Decide,
    now_ns: u64,
    command: Command,
    sink: &mut impl OrderSink,
) -> Result<(), DecideError> {
    let mut stamps = decide.begin_answer();
    decide.command(now_ns, command, &mut stamps, sink)
}

#[cfg(test)]
#[path = "controls_tests.rs"]
mod tests;
