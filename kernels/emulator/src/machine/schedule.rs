//! The scheduler: runs all warps of a launch in turns on the calling thread.
//!
//! Warps that poll are parked: a store by another warp to a line that they watch wakes them at once, and while others work
//! one parked warp a round is polled again in rotation. Once all are parked, all are polled round after round, with the
//! thread given up between rounds, so that a store of a host thread is seen within microseconds at little cost. A warp that
//! watches device memory alone is left out of most of these rounds: only its own launch stores there.

use std::time::Duration;

use super::fault::{Fault, FaultKind};
use super::launch::Launch;
use super::step::{self, Pause, Vectors};
use super::warp::Status;

/// Instructions of one turn.
const TURN: u32 = 512;
/// Rounds in which everyone polled, before the thread sleeps between them.
const YIELDS_BEFORE_SLEEP: u32 = 20_000;
/// Warps that watch device memory only are polled every so many rounds, lest a guess about them be final.
const ROUNDS_BETWEEN_INSIDE_POLLS: u32 = 64;
const IDLE_NAP: Duration = Duration::from_micros(1);

/// Runs a launch to its end.
pub(crate) fn run(launch: &mut Launch) -> Result<(), Fault> {
    shorten_naps();
    let hooked = launch.settings.hooks.clone().filter(|hooks| hooks.applies_to(&launch.context.program.name));
    for slot in 0..launch.context.clusters.len() {
        launch.start_cluster(slot);
    }
    let mut scheduler = Scheduler {
        vectors: launch.settings.vectors.unwrap_or_else(Vectors::detect),
        hooked,
        poll_next: 0,
        idle_rounds: 0,
        busy_rounds: 0,
        busy: false,
    };
    let result = scheduler.run(launch);
    if let Some(weak) = &mut launch.context.weak {
        for cta in 0..launch.context.ctas.len() {
            weak.drain_all(cta, &mut launch.context.commit);
        }
    }
    if let Some(hooks) = &launch.settings.hooks {
        hooks.add(&launch.context.program.name, launch.context.executed, launch.context.commit.stores);
    }
    result
}

/// Naps of a microsecond are rounded up by the kernel's timer slack: 50 us unless a thread asks for less.
fn shorten_naps() {
    #[cfg(target_os = "linux")]
    // SAFETY: sets a property of the calling thread only.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1_000 as libc::c_ulong, 0, 0, 0);
    }
}

struct Scheduler {
    vectors: Vectors,
    hooked: Option<std::sync::Arc<super::hooks::Hooks>>,
    poll_next: usize,
    idle_rounds: u32,
    busy_rounds: u32,
    /// Whether something changed since the last look: memory, or a warp that has more to do or has ended. Warps that pass a
    /// barrier and find nothing new do not count.
    busy: bool,
}

impl Scheduler {
    fn run(&mut self, launch: &mut Launch) -> Result<(), Fault> {
        loop {
            self.busy = false;
            let worked = self.round(launch)?;
            if self.busy {
                self.idle_rounds = 0;
                self.poll_one(launch)?;
                continue;
            }
            self.poll_all(launch)?;
            if self.busy {
                self.idle_rounds = 0;
                continue;
            }
            if launch.warps.iter().all(|warp| warp.status == Status::Finished) {
                return Ok(());
            }
            if !worked && all_blocked(launch) {
                return Err(deadlock(launch));
            }
            self.idle(launch);
        }
    }

    /// One turn for each warp that has something to do. Says whether there was one.
    fn round(&mut self, launch: &mut Launch) -> Result<bool, Fault> {
        let mut worked = false;
        let count = launch.warps.len();
        let start = launch.context.weak.as_mut().map_or(0, |weak| weak.random.below(count as u64) as usize);
        for offset in 0..count {
            let index = (start + offset) % count;
            let ready = match launch.warps[index].status {
                Status::Ready => true,
                Status::Blocked => launch.context.free_waiting(&mut launch.warps[index]),
                Status::Polling | Status::Finished => false,
            };
            if ready {
                worked = true;
                self.turn(launch, index)?;
                self.wake_watchers(launch);
            }
        }
        Ok(worked)
    }

    fn turn(&mut self, launch: &mut Launch, index: usize) -> Result<(), Fault> {
        let budget = self.budget(launch)?;
        let warp = &mut launch.warps[index];
        (warp.polling.watched, warp.polling.outside) = (0, false);
        let pause = step::run(self.vectors, warp, &mut launch.context, budget);
        warp.status = match pause {
            Pause::Turn => Status::Ready,
            Pause::Polling => Status::Polling,
            Pause::Blocked => Status::Blocked,
            Pause::Finished => Status::Finished,
            Pause::Fault { pc, lane, kind } => return Err(fault(launch, index, pc, lane, kind)),
        };
        self.busy |=
            matches!(warp.status, Status::Ready | Status::Finished) || launch.context.commit.touched != 0;
        if launch.warps[index].status == Status::Finished {
            self.restart_slot(launch, index);
        }
        Ok(())
    }

    /// Instructions of the next turn, after the hooks have had their say.
    fn budget(&mut self, launch: &mut Launch) -> Result<u32, Fault> {
        let turn = match &mut launch.context.weak {
            Some(weak) => 1 + weak.random.below(u64::from(TURN / 4)) as u32,
            None => TURN,
        };
        let Some(hooks) = &self.hooked else { return Ok(turn) };
        hooks.nap();
        hooks.wait_while_frozen();
        if hooks.is_abandoned() {
            return Err(fault(launch, 0, 0, 0, FaultKind::Abandoned));
        }
        let stores = launch.context.commit.stores;
        hooks.report(launch.context.executed, stores);
        launch.context.commit.stores_limit = hooks.store_limit(stores);
        let (limit, executed) = (hooks.instruction_limit(), launch.context.executed);
        if executed < limit {
            return Ok(turn.min((limit - executed).min(u64::from(u32::MAX)) as u32));
        }
        if executed == limit {
            hooks.freeze_here();
        }
        Ok(turn)
    }

    fn wake_watchers(&self, launch: &mut Launch) {
        let touched = std::mem::take(&mut launch.context.commit.touched);
        if touched == 0 {
            return;
        }
        // Watch bits depend on where memory lies, which no seed decides.
        let seeded = launch.context.weak.is_some();
        for warp in &mut launch.warps {
            if warp.status == Status::Polling && (seeded || warp.polling.watched & touched != 0) {
                warp.status = Status::Ready;
            }
        }
    }

    /// While others work, one parked warp has a look at memory each round: a host thread may have stored there.
    fn poll_one(&mut self, launch: &mut Launch) -> Result<(), Fault> {
        let count = launch.warps.len();
        self.busy_rounds = self.busy_rounds.wrapping_add(1);
        let any = self.busy_rounds.is_multiple_of(ROUNDS_BETWEEN_INSIDE_POLLS);
        for _ in 0..count {
            self.poll_next = (self.poll_next + 1) % count;
            let warp = &launch.warps[self.poll_next];
            if warp.status == Status::Polling && (warp.polling.outside || any) {
                self.turn(launch, self.poll_next)?;
                self.wake_watchers(launch);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Polls the parked warps; those that only a store of this launch can wake, which does so at once, but rarely.
    fn poll_all(&mut self, launch: &mut Launch) -> Result<(), Fault> {
        let all =
            launch.context.weak.is_some() || self.idle_rounds.is_multiple_of(ROUNDS_BETWEEN_INSIDE_POLLS);
        for index in 0..launch.warps.len() {
            let warp = &launch.warps[index];
            if warp.status == Status::Polling && (all || warp.polling.outside) {
                self.turn(launch, index)?;
                self.wake_watchers(launch);
            }
        }
        self.busy |= launch.warps.iter().any(|warp| warp.status == Status::Ready);
        Ok(())
    }

    /// Everyone waits for something outside.
    fn idle(&mut self, launch: &mut Launch) {
        if let Some(weak) = &mut launch.context.weak {
            weak.idle(&mut launch.context.commit);
            self.wake_watchers(launch);
        }
        self.idle_rounds = self.idle_rounds.saturating_add(1);
        if self.idle_rounds < YIELDS_BEFORE_SLEEP {
            std::thread::yield_now();
        } else {
            std::thread::sleep(IDLE_NAP);
        }
    }

    /// A cluster whose warps have all ended makes room for the next one.
    fn restart_slot(&mut self, launch: &mut Launch, index: usize) {
        let size = launch.context.cluster_size as usize * launch.warps_per_cta as usize;
        let slot = index / size;
        let warps = &launch.warps[slot * size..(slot + 1) * size];
        if warps.iter().all(|warp| warp.status == Status::Finished) {
            launch.start_cluster(slot);
        }
    }
}

fn fault(launch: &Launch, index: usize, pc: u32, lane: usize, kind: FaultKind) -> Fault {
    let warp = &launch.warps[index];
    let program = &launch.context.program;
    Fault {
        entry: program.name.clone(),
        line: program.lines.get(pc as usize).copied().unwrap_or(0),
        cta: launch.context.ctas[warp.cta].linear,
        warp: warp.number,
        lane: lane as u32,
        kind,
    }
}

/// Whether every warp that has not ended waits for another one, and none of what they wait for has come.
fn all_blocked(launch: &mut Launch) -> bool {
    let context = &mut launch.context;
    launch.warps.iter_mut().all(|warp| match warp.status {
        Status::Finished => true,
        Status::Blocked => !context.free_waiting(warp),
        Status::Ready | Status::Polling => false,
    })
}

/// Nobody can go on and nobody polls: the first warp that waits is reported.
fn deadlock(launch: &Launch) -> Fault {
    let index = launch.warps.iter().position(|warp| warp.status == Status::Blocked).unwrap_or(0);
    let warp = &launch.warps[index];
    let (pc, waiting) = warp.first_waiting().unwrap_or((0, 0));
    let kind = FaultKind::Divergent { waiting, live: warp.live };
    fault(launch, index, pc, waiting.trailing_zeros() as usize & 31, kind)
}
