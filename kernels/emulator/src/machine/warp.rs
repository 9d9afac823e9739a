//! A warp's threads: groups of lanes that stand at the same instruction.
//!
//! Lanes diverge into groups and merge again where they meet. The group with the lowest instruction runs first, which is
//! where compilers put the meeting points; a group that polls or has had its turn rests until the others have had theirs,
//! so lanes that wait for other lanes of their warp make progress. A group that reaches a collective is parked until
//! all members are there.

use super::lanes::{File, Lanes, lanes_of};
use super::polling::Polling;
use crate::program::BarrierKind;

/// Why a ready group stands back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    No,
    Turn,
    Polled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ready(Rest),
    /// At a collective, for the others of its members.
    Collective {
        members: u32,
    },
    /// At `bar.warp.sync`, where members may stand at different instructions.
    WarpBarrier {
        members: u32,
    },
    /// Past a CTA barrier, for its completion.
    CtaBarrier {
        number: u8,
        generation: u32,
        kind: BarrierKind,
        d: u16,
    },
    /// Past a cluster barrier's wait, for its completion.
    Cluster {
        generation: u32,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) pc: u32,
    pub(super) lanes: u32,
    pub(super) state: State,
}

/// What the scheduler knows of a warp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ready,
    Polling,
    Blocked,
    Finished,
}

pub(super) struct Warp {
    pub(super) registers: Vec<Lanes>,
    pub(super) predicates: Vec<u32>,
    pub(super) groups: Vec<Group>,
    pub(super) live: u32,
    /// Index into the launch's CTAs.
    pub(super) cta: usize,
    /// Number in its CTA.
    pub(super) number: u32,
    pub(super) polling: Polling,
    /// The cluster barrier's generation when each lane last arrived.
    pub(super) cluster_arrival: [u32; 32],
    pub(super) status: Status,
}

/// What runs next: the group, and the instruction where it meets another one.
pub(super) struct Chosen {
    pub(super) pc: u32,
    pub(super) lanes: u32,
    pub(super) limit: u32,
}

impl Warp {
    pub(super) fn new(registers: usize, predicates: usize, loops: usize, cta: usize, number: u32) -> Self {
        Self {
            registers: vec![Lanes::ZERO; registers],
            predicates: vec![0; predicates],
            groups: Vec::with_capacity(64),
            live: 0,
            cta,
            number,
            polling: Polling::new(loops),
            cluster_arrival: [0; 32],
            status: Status::Finished,
        }
    }

    pub(super) fn start(&mut self, lanes: u32) {
        self.groups.clear();
        self.groups.push(Group { pc: 0, lanes, state: State::Ready(Rest::No) });
        self.live = lanes;
        self.predicates.fill(0);
        self.polling.reset();
        self.status = Status::Ready;
    }

    pub(super) fn file(&mut self) -> File {
        File::new(&mut self.registers)
    }

    pub(super) fn put_back(&mut self, pc: u32, lanes: u32, rest: Rest) {
        if lanes != 0 {
            self.groups.push(Group { pc, lanes, state: State::Ready(rest) });
        }
    }

    pub(super) fn has_ready_group(&self) -> bool {
        self.groups.iter().any(|group| matches!(group.state, State::Ready(_)))
    }

    /// Takes the ready group with the lowest instruction that does not rest, merged with those that stand beside it.
    pub(super) fn choose(&mut self) -> Option<Chosen> {
        let fresh = |group: &Group| group.state == State::Ready(Rest::No);
        let pc = self.groups.iter().filter(|group| fresh(group)).map(|group| group.pc).min()?;
        let (mut lanes, mut limit) = (0, u32::MAX);
        self.groups.retain(|group| {
            if fresh(group) && group.pc > pc {
                limit = limit.min(group.pc);
            }
            let here = group.pc == pc && fresh(group);
            lanes |= if here { group.lanes } else { 0 };
            !here
        });
        Some(Chosen { pc, lanes, limit })
    }

    /// Ends every rest. Says whether some group had rested, and whether all of them had polled.
    pub(super) fn wake_rested(&mut self) -> (bool, bool) {
        let (mut any, mut all_polled) = (false, true);
        for group in &mut self.groups {
            if let State::Ready(rest) = group.state {
                any = true;
                all_polled &= rest == Rest::Polled;
                group.state = State::Ready(Rest::No);
            }
        }
        (any, all_polled)
    }

    /// Parks lanes at a collective. Gives the whole membership once it is there.
    pub(super) fn arrive(&mut self, pc: u32, lanes: u32, members: u32) -> Option<u32> {
        let mut there = lanes;
        let same = |group: &Group| group.pc == pc && group.state == State::Collective { members };
        for group in self.groups.iter().filter(|group| same(group)) {
            there |= group.lanes;
        }
        if there == members & self.live {
            self.groups.retain(|group| !same(group));
            return Some(there);
        }
        self.groups.push(Group { pc, lanes, state: State::Collective { members } });
        None
    }

    /// Parks lanes past `bar.warp.sync`. Frees everyone once the membership is there.
    pub(super) fn arrive_at_warp_barrier(&mut self, next: u32, lanes: u32, members: u32) -> bool {
        let state = State::WarpBarrier { members };
        self.groups.push(Group { pc: next, lanes, state });
        self.free_warp_barrier(members)
    }

    fn free_warp_barrier(&mut self, members: u32) -> bool {
        let state = State::WarpBarrier { members };
        let there =
            self.groups.iter().filter(|group| group.state == state).fold(0, |all, group| all | group.lanes);
        if there != members & self.live {
            return false;
        }
        for group in self.groups.iter_mut().filter(|group| group.state == state) {
            group.state = State::Ready(Rest::No);
        }
        true
    }

    /// Lanes ended: what waited for them may be complete. Collectives are tried again from their instruction.
    pub(super) fn exit(&mut self, lanes: u32) {
        self.live &= !lanes;
        let mut barriers = [0u32; 32];
        let mut count = 0;
        for group in &mut self.groups {
            match group.state {
                State::Collective { .. } => group.state = State::Ready(Rest::No),
                State::WarpBarrier { members } => {
                    barriers[count] = members;
                    count += 1;
                }
                _ => {}
            }
        }
        for &members in &barriers[..count] {
            self.free_warp_barrier(members);
        }
    }

    pub(super) fn first_waiting(&self) -> Option<(u32, u32)> {
        self.groups.first().map(|group| (group.pc, group.lanes))
    }

    pub(super) fn record_cluster_arrival(&mut self, lanes: u32, generation: u32) {
        for lane in lanes_of(lanes) {
            self.cluster_arrival[lane] = generation;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warp() -> Warp {
        let mut warp = Warp::new(1, 1, 1, 0, 0);
        warp.start(u32::MAX);
        warp.groups.clear();
        warp
    }

    #[test]
    fn the_lowest_group_runs_first_and_merges_where_it_meets_another() {
        let mut warp = warp();
        warp.put_back(9, 0xff00, Rest::No);
        warp.put_back(4, 0x00f0, Rest::No);
        warp.put_back(4, 0x000f, Rest::No);
        let chosen = warp.choose().unwrap();
        assert_eq!((chosen.pc, chosen.lanes, chosen.limit), (4, 0x00ff, 9));
    }

    #[test]
    fn a_collective_waits_for_its_live_members() {
        let mut warp = warp();
        warp.live = 0b0111;
        assert_eq!(warp.arrive(3, 0b0001, 0b1111), None);
        assert_eq!(warp.arrive(3, 0b0110, 0b1111), Some(0b0111));
        assert!(warp.groups.is_empty());
        assert!(!warp.arrive_at_warp_barrier(5, 0b0001, 0b0011));
        assert!(warp.arrive_at_warp_barrier(8, 0b0010, 0b0011));
        assert_eq!(warp.choose().unwrap().pc, 5);
    }

    #[test]
    fn an_exit_frees_those_who_waited_for_it() {
        let mut warp = warp();
        warp.live = 0b11;
        assert!(!warp.arrive_at_warp_barrier(5, 0b01, 0b11));
        warp.exit(0b10);
        assert_eq!(warp.choose().unwrap().lanes, 0b01);
    }
}
