//! What days came to: counts, added up over the seeds.

use std::collections::BTreeMap;

use crate::faults::FaultCounts;
use crate::monitor::Counts;

/// What a day came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub days: u64,
    pub wire: Counts,
    pub processes: u64,
    pub connections_lost: u64,
    pub stops_for_the_journal: u64,
    pub kills: u64,
    pub limit_changes: u64,
    pub resets: u64,
    /// Executions that a process had received and not heard when it died.
    pub taken_over: u64,
    /// What was stopped at the end of a process, by cause and kind of scope.
    pub stops: BTreeMap<String, u64>,
    pub snapshots: u64,
    /// Refusals by rule, in the order of the engine's names.
    pub refusals: Vec<u64>,
    pub status_requests: u64,
    pub intents_dropped: u64,
    pub open_at_the_end: u64,
    pub faults: FaultCounts,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.days += other.days;
        self.wire.add(&other.wire);
        self.processes += other.processes;
        self.connections_lost += other.connections_lost;
        self.stops_for_the_journal += other.stops_for_the_journal;
        self.kills += other.kills;
        self.limit_changes += other.limit_changes;
        self.resets += other.resets;
        self.taken_over += other.taken_over;
        for (stop, count) in &other.stops {
            *self.stops.entry(stop.clone()).or_default() += count;
        }
        self.snapshots += other.snapshots;
        self.refusals.resize(self.refusals.len().max(other.refusals.len()), 0);
        self.refusals.iter_mut().zip(&other.refusals).for_each(|(to, from)| *to += from);
        self.status_requests += other.status_requests;
        self.intents_dropped += other.intents_dropped;
        self.open_at_the_end += other.open_at_the_end;
        self.faults.add(&other.faults);
    }
}
