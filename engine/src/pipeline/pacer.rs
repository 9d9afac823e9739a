//! When the messages of a paced replay are due, and whether the one who hands them over was late himself.
//!
//! The load is an open loop: a message is due at its captured time (at N times the capture's speed), or at its place in
//! a constant rate, whatever the engine is doing. Its path counts from then. Two things can make it late. The engine was
//! busy, or the ring to it was full: that is latency, and the reason for counting from the due time. Or the thread that
//! hands messages over was waiting for the due time and did not see it come: then the machine took the core away, no
//! engine was asked for anything, and the figure is the generator's.
//!
//! The pacer tells them apart by its last look at the clock. While a message is not due, each look is noted, until the
//! thread does anything else ([`Pacer::worked`]). A message that is handed over late although the look before said «not
//! yet» is late by the generator, and so is what was queued up behind it, up to the next message that is in time: at most
//! [`LATE_NS`] late. The price is one compare and one store a message.
//!
//! What passes between two such looks, and before such a late hand-over, is kept in a histogram: an idle turn takes about as
//! long as its looks at the sockets, and what lies far above that was taken from the core.
//!
//! Allocates at construction only. The thread that hands messages over owns it.

use hdrhistogram::Histogram;

use crate::control::planted_delay;
use crate::pipeline::ingest::Ingest;
use crate::pipeline::stamps::{PathStamps, Sampler, Stage};
use crate::pipeline::tsc::{self, Calibration};

/// Later than this is late: beyond a waiting thread's look at its sockets, and below the shortest time for which a
/// scheduler gives a core away.
pub const LATE_NS: u64 = 10_000;

/// Until the first message is due: the thread waits for it as for every other.
const LEAD_IN_NS: u64 = 1_000_000;

/// Longest time between two looks that is told apart, ticks: about a minute.
const WAIT_TICKS_MAX: u64 = 1 << 38;

/// How fast market messages are handed on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As fast as the stages take them.
    Max,
    /// This many times the capture's own speed.
    Times(f64),
    /// So many messages a second, whatever their captured times are.
    Rate(f64),
}

/// What decides when a message is due.
#[derive(Clone, Copy, Debug)]
enum Schedule {
    Max,
    Captured { ticks_per_virtual_ns: f64, start_ns: u64 },
    Constant { ticks_per_message: f64 },
}

/// See the module's text.
#[derive(Debug)]
pub struct Pacer {
    schedule: Schedule,
    messages_max: u64,
    lead_in_ticks: u64,
    late_above_ticks: u64,
    start_ticks: u64,
    /// The last look that said «not yet», with nothing done since; 0: there is none.
    looked_ticks: u64,
    /// What is late now is late by the generator: no message has been in time since one that was.
    is_generators: bool,
    /// Messages handed over that had a due time.
    released: u64,
    last_release_ticks: u64,
    late: u64,
    latest_ticks: u64,
    /// Between two looks of a waiting thread, ticks.
    waits: Histogram<u64>,
}

/// A message that may be handed over now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Release {
    due_ticks: Option<u64>,
}

impl Release {
    /// Begins the path, right before the message goes to decode: at `max` nothing that came before (a look at the
    /// sockets) is in it, at a pace everything since the due time is.
    #[inline]
    pub(super) fn begin(self, sampler: &mut Sampler) -> PathStamps {
        planted_delay::spend(Stage::Wait);
        match self.due_ticks {
            None => PathStamps::begin(sampler.sample()),
            Some(due) => PathStamps::begin_due(due, tsc::now(), sampler.sample()),
        }
    }
}

impl Pacer {
    /// A pacer for messages of which the first has virtual time `start_ns`; [`Self::start`] sets it going.
    ///
    /// # Panics
    /// Never: the histogram's bounds are constants.
    #[must_use]
    pub fn new(pace: Pace, calibration: &Calibration, start_ns: u64) -> Self {
        let ticks_per_ns = calibration.ticks_per_second() as f64 / 1e9;
        let schedule = match pace {
            Pace::Max => Schedule::Max,
            Pace::Times(times) => Schedule::Captured { ticks_per_virtual_ns: ticks_per_ns / times, start_ns },
            Pace::Rate(per_s) => Schedule::Constant { ticks_per_message: ticks_per_ns * 1e9 / per_s },
        };
        Self {
            schedule,
            messages_max: u64::MAX,
            lead_in_ticks: calibration.ns_to_ticks(LEAD_IN_NS),
            late_above_ticks: calibration.ns_to_ticks(LATE_NS),
            start_ticks: tsc::now(),
            looked_ticks: 0,
            is_generators: false,
            released: 0,
            last_release_ticks: 0,
            late: 0,
            latest_ticks: 0,
            waits: Histogram::new_with_bounds(1, WAIT_TICKS_MAX, 2).expect("constant bounds are valid"),
        }
    }

    /// The same, for the first `messages_max` messages only: the replay ends behind them.
    #[must_use]
    pub fn limited_to(self, messages_max: u64) -> Self {
        Self { messages_max, ..self }
    }

    /// The first message is due a moment from now: the thread that hands messages over calls it before its loop.
    pub fn start(&mut self) {
        let now_ticks = tsc::now();
        self.start_ticks = now_ticks + self.lead_in_ticks;
        self.last_release_ticks = self.start_ticks;
    }

    /// Virtual time of the next message; `None` when there is none, or no more are wanted.
    #[inline(always)]
    pub(super) fn next_time_ns(&self, ingest: &Ingest<'_>) -> Option<u64> {
        ingest.next_time_ns().filter(|_| ingest.next_number() < self.messages_max)
    }

    /// What the path of the next message, of virtual time `time_ns`, counts from; `None` when it is not due yet.
    #[inline]
    pub(super) fn release(&mut self, time_ns: u64, ingest: &Ingest<'_>) -> Option<Release> {
        let since_start = match self.schedule {
            Schedule::Max => return Some(Release { due_ticks: None }),
            Schedule::Captured { ticks_per_virtual_ns, start_ns } => {
                time_ns.saturating_sub(start_ns) as f64 * ticks_per_virtual_ns
            }
            Schedule::Constant { ticks_per_message } => ingest.next_number() as f64 * ticks_per_message,
        };
        self.look(self.start_ticks + since_start as u64, tsc::now())
    }

    /// The loop has done something else than wait since it asked last: what is late now is late by the engine.
    #[inline(always)]
    pub(super) fn worked(&mut self) {
        self.looked_ticks = 0;
    }

    #[inline(always)]
    fn look(&mut self, due_ticks: u64, now_ticks: u64) -> Option<Release> {
        if now_ticks < due_ticks {
            self.wait(now_ticks);
            return None;
        }
        if now_ticks - due_ticks > self.late_above_ticks {
            self.release_late(now_ticks - due_ticks, now_ticks);
        } else {
            self.is_generators = false;
        }
        self.looked_ticks = 0;
        self.released += 1;
        self.last_release_ticks = now_ticks;
        Some(Release { due_ticks: Some(due_ticks) })
    }

    #[inline]
    fn wait(&mut self, now_ticks: u64) {
        self.is_generators = false;
        if self.looked_ticks != 0 {
            self.waits.saturating_record(now_ticks.saturating_sub(self.looked_ticks));
        }
        self.looked_ticks = now_ticks;
    }

    #[cold]
    fn release_late(&mut self, late_ticks: u64, now_ticks: u64) {
        if self.looked_ticks != 0 {
            self.is_generators = true;
            self.waits.saturating_record(now_ticks.saturating_sub(self.looked_ticks));
        }
        if self.is_generators {
            self.late += 1;
            self.latest_ticks = self.latest_ticks.max(late_ticks);
        }
    }

    /// Messages handed over that had a due time.
    #[must_use]
    pub const fn released(&self) -> u64 {
        self.released
    }

    /// Of these, such that the generator handed over more than [`LATE_NS`] late.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// How late the latest of them was, ticks.
    #[must_use]
    pub const fn latest_ticks(&self) -> u64 {
        self.latest_ticks
    }

    /// From the first message's due time to the last one's being handed over, ticks.
    #[must_use]
    pub const fn span_ticks(&self) -> u64 {
        self.last_release_ticks.saturating_sub(self.start_ticks)
    }

    /// What passed between two looks of the waiting thread, ticks.
    #[must_use]
    pub const fn waits(&self) -> &Histogram<u64> {
        &self.waits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pacer() -> Pacer {
        let mut pacer = Pacer::new(Pace::Rate(1e6), &Calibration::measure(), 0);
        pacer.late_above_ticks = 100;
        pacer
    }

    #[test]
    fn a_message_is_released_when_it_is_due_and_no_sooner() {
        let mut pacer = pacer();
        assert_eq!(pacer.look(1_000, 999), None);
        assert_eq!(pacer.look(1_000, 1_000), Some(Release { due_ticks: Some(1_000) }));
        assert_eq!(pacer.look(1_000, 1_100), Some(Release { due_ticks: Some(1_000) }));
        assert_eq!((pacer.released(), pacer.late()), (2, 0));
    }

    #[test]
    fn what_the_waiting_thread_slept_through_is_the_generators_and_so_is_the_queue_behind_it() {
        let mut pacer = pacer();
        assert_eq!(pacer.look(1_000, 900), None);
        // The core was away until 5,000; messages were due each 1,000.
        for due in [1_000, 2_000, 3_000, 4_000] {
            assert!(pacer.look(due, 5_000).is_some());
        }
        assert_eq!((pacer.late(), pacer.latest_ticks()), (4, 4_000));
        assert!(
            pacer.waits().len() == 1 && pacer.waits().max().abs_diff(4_100) < 41,
            "the core was away for one look"
        );
        // In time again; then the engine is busy with it until 9,000.
        assert_eq!(pacer.look(6_000, 5_500), None);
        assert!(pacer.look(6_000, 6_001).is_some());
        assert!(pacer.look(7_000, 9_000).is_some());
        assert_eq!(pacer.late(), 4);
    }

    #[test]
    fn what_the_engine_held_up_is_not_the_generators() {
        let mut pacer = pacer();
        assert_eq!(pacer.look(1_000, 900), None);
        pacer.worked();
        assert!(pacer.look(1_000, 5_000).is_some(), "an answer was worked on since the look");
        assert!(pacer.look(2_000, 5_000).is_some());
        assert_eq!((pacer.released(), pacer.late()), (2, 0));
    }

    #[test]
    fn only_the_time_between_two_looks_with_nothing_between_is_a_wait() {
        let mut pacer = pacer();
        for now in [100, 150, 190] {
            assert_eq!(pacer.look(10_000, now), None);
        }
        pacer.worked();
        assert_eq!(pacer.look(10_000, 5_000), None);
        assert_eq!(pacer.look(10_000, 5_020), None);
        assert_eq!((pacer.waits().len(), pacer.waits().max()), (3, 50));
    }

    #[test]
    fn a_rate_spreads_its_messages_evenly() {
        let calibration = Calibration::measure();
        let pacer = Pacer::new(Pace::Rate(50_000.0), &calibration, 77);
        let Schedule::Constant { ticks_per_message } = pacer.schedule else { panic!("a constant rate") };
        let second = ticks_per_message * 50_000.0;
        assert!((second - calibration.ticks_per_second() as f64).abs() < 1.0);
    }

    proptest! {
        /// Against the definition, told by a list of what happened: a late message is the generator's when, going back
        /// over late messages, one comes right behind a look that said «not yet».
        #[test]
        fn blame_follows_the_definition(steps in prop::collection::vec((0u8..3, 1u64..400), 1..200)) {
            let mut pacer = pacer();
            let (mut now, mut late) = (1_000u64, 0u64);
            // Whether the last thing was such a look, and whether the last message was late by the generator.
            let (mut waited, mut blamed) = (false, false);
            for (what, ticks) in steps {
                now += ticks;
                match what {
                    0 => {
                        prop_assert!(pacer.look(now + 1, now).is_none());
                        (waited, blamed) = (true, false);
                    }
                    1 => {
                        pacer.worked();
                        waited = false;
                    }
                    _ => {
                        prop_assert!(pacer.look(now - ticks, now).is_some());
                        blamed = ticks > 100 && (blamed || waited);
                        late += u64::from(blamed);
                        waited = false;
                    }
                }
            }
            prop_assert_eq!(pacer.late(), late);
        }
    }
}
