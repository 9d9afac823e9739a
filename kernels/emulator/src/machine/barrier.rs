//! CTA barriers and cluster barriers.

use super::fault::FaultKind;
use super::launch::Context;
use super::warp::{Rest, State, Warp};
use crate::program::{Barrier, BarrierKind, Instruction};

pub(super) const BARRIERS_PER_CTA: usize = 16;

/// One of a CTA's numbered barriers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CtaBarrier {
    /// Threads that arrived since the last completion.
    arrived: u32,
    /// As `arrived`, but a warp whose live lanes are all there counts as 32: what a thread count is compared with.
    arrived_rounded: u32,
    expected: Option<u32>,
    pub(super) generation: u32,
    ones: u32,
    result_ones: u32,
    result_arrived: u32,
}

/// A cluster: its CTAs follow each other in the launch's list.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cluster {
    pub(super) live: u32,
    pub(super) arrived: u32,
    pub(super) generation: u32,
}

impl CtaBarrier {
    fn complete_if_full(&mut self, live: u32) -> bool {
        let full = match self.expected {
            Some(count) => self.arrived_rounded >= count,
            None => self.arrived > 0 && self.arrived >= live,
        };
        if full {
            self.result_ones = self.ones;
            self.result_arrived = self.arrived;
            (self.arrived, self.arrived_rounded, self.ones) = (0, 0, 0);
            self.expected = None;
            self.generation = self.generation.wrapping_add(1);
        }
        full
    }

    /// What a reduction gives its lanes.
    fn result(&self, kind: BarrierKind) -> u32 {
        match kind {
            BarrierKind::AndReduction => u32::from(self.result_ones == self.result_arrived),
            BarrierKind::OrReduction => u32::from(self.result_ones > 0),
            _ => self.result_ones,
        }
    }
}

impl Context {
    /// Lanes arrive at a CTA barrier. True: they may go on.
    pub(super) fn arrive(
        &mut self,
        warp: &mut Warp,
        i: &Instruction,
        barrier: &Barrier,
        pc: u32,
        run: u32,
    ) -> Result<bool, (usize, FaultKind)> {
        let first = run.trailing_zeros() as usize;
        warp.polling.waits_for_others();
        let file = warp.file();
        // SAFETY: register numbers come from the decoder.
        let (number, count) = unsafe { (file.get(i.a, first), file.get(i.b, first) as u32) };
        if number >= BARRIERS_PER_CTA as u64 {
            return Err((first, FaultKind::Operand { value: number }));
        }
        if let Some(weak) = &mut self.weak {
            weak.arrive_at_cta_barrier(warp.cta, warp.number, run);
        }
        let predicate = match barrier.kind {
            BarrierKind::Sync | BarrierKind::Arrive => 0,
            _ if barrier.inverted => !warp.predicates[usize::from(i.c)],
            _ => warp.predicates[usize::from(i.c)],
        };
        let cta = &mut self.ctas[warp.cta];
        let slot = &mut cta.barriers[number as usize];
        let waiting = warp.groups.iter().filter(|group| match group.state {
            State::CtaBarrier { number: at, generation, .. } => {
                u64::from(at) == number && generation == slot.generation
            }
            _ => false,
        });
        let before = waiting.fold(0, |all, group| all | group.lanes);
        slot.arrived += run.count_ones();
        slot.arrived_rounded +=
            if before | run == warp.live { 32 - before.count_ones() } else { run.count_ones() };
        slot.ones += (predicate & run).count_ones();
        slot.expected = barrier.counted.then_some(count);
        let generation = slot.generation;
        if slot.complete_if_full(cta.live) {
            self.completed(warp.cta);
            self.give_result(warp, i.d, barrier.kind, number as usize, run);
            return Ok(true);
        }
        if barrier.kind == BarrierKind::Arrive {
            return Ok(true);
        }
        let state = State::CtaBarrier { number: number as u8, generation, kind: barrier.kind, d: i.d };
        warp.groups.push(super::warp::Group { pc: pc + 1, lanes: run, state });
        Ok(false)
    }

    fn completed(&mut self, cta: usize) {
        if let Some(weak) = &mut self.weak {
            weak.complete_cta_barrier(cta);
        }
    }

    fn give_result(&self, warp: &mut Warp, d: u16, kind: BarrierKind, number: usize, lanes: u32) {
        let result = self.ctas[warp.cta].barriers[number].result(kind);
        match kind {
            BarrierKind::Sync | BarrierKind::Arrive => {}
            BarrierKind::CountReduction => {
                let file = warp.file();
                for lane in super::lanes::lanes_of(lanes) {
                    // SAFETY: register numbers come from the decoder.
                    unsafe { file.set(d, lane, u64::from(result)) };
                }
            }
            _ => {
                let d = &mut warp.predicates[usize::from(d)];
                *d = (*d & !lanes) | (0u32.wrapping_sub(result) & lanes);
            }
        }
    }

    /// Frees the groups whose barrier has completed since. True: some are ready.
    pub(super) fn free_waiting(&mut self, warp: &mut Warp) -> bool {
        for index in 0..warp.groups.len() {
            let group = warp.groups[index];
            let free = match group.state {
                State::CtaBarrier { number, generation, kind, d } => {
                    let free = self.ctas[warp.cta].barriers[usize::from(number)].generation != generation;
                    if free {
                        self.give_result(warp, d, kind, usize::from(number), group.lanes);
                    }
                    free
                }
                State::Cluster { generation } => {
                    let free = self.clusters[self.ctas[warp.cta].cluster].generation != generation;
                    if free {
                        self.each_thread(warp, group.lanes, |weak, thread, _| weak.acquire(thread));
                    }
                    free
                }
                _ => false,
            };
            if free {
                warp.groups[index].state = State::Ready(Rest::No);
            }
        }
        warp.has_ready_group()
    }

    pub(super) fn cluster_arrive(&mut self, warp: &mut Warp, release: bool, run: u32) {
        if release {
            self.each_thread(warp, run, |weak, thread, commit| {
                weak.release(thread, crate::program::Scope::Wide, commit);
            });
        }
        let cluster = &mut self.clusters[self.ctas[warp.cta].cluster];
        warp.polling.waits_for_others();
        warp.record_cluster_arrival(run, cluster.generation);
        cluster.arrived += run.count_ones();
        cluster.complete_if_full();
    }

    /// True: the lanes may go on.
    pub(super) fn cluster_wait(&mut self, warp: &mut Warp, pc: u32, run: u32) -> bool {
        let generation = self.clusters[self.ctas[warp.cta].cluster].generation;
        let early = super::lanes::lanes_of(run)
            .filter(|&lane| warp.cluster_arrival[lane] == generation)
            .fold(0, |all, lane| all | 1 << lane);
        if early == 0 {
            self.each_thread(warp, run, |weak, thread, _| weak.acquire(thread));
            return true;
        }
        warp.groups.push(super::warp::Group {
            pc: pc + 1,
            lanes: early,
            state: State::Cluster { generation },
        });
        warp.put_back(pc + 1, run & !early, Rest::No);
        false
    }

    /// Threads ended: barriers no longer wait for them.
    pub(super) fn threads_left(&mut self, warp: &Warp, lanes: u32) {
        let count = lanes.count_ones();
        let cta = &mut self.ctas[warp.cta];
        cta.live -= count;
        let (live, cluster) = (cta.live, cta.cluster);
        let mut completed = false;
        for barrier in &mut cta.barriers {
            completed |= live > 0 && barrier.expected.is_none() && barrier.complete_if_full(live);
        }
        if completed {
            self.completed(warp.cta);
        }
        let cluster = &mut self.clusters[cluster];
        cluster.live -= count;
        cluster.complete_if_full();
    }
}

impl Cluster {
    fn complete_if_full(&mut self) {
        if self.arrived > 0 && self.arrived >= self.live {
            self.arrived = 0;
            self.generation = self.generation.wrapping_add(1);
        }
    }
}
