//! What a hot thread got of its core, by the kernel's own books: how long it ran, how long it stood ready while another
//! thread had the core, how often it was turned out; and what a host took from a virtual core.
//!
//! The thread reads `/proc/thread-self` before its loop and behind it, never in it. The figures are sums over the run:
//! they say that something was taken and how much, not from which message. Allocates; cold.

use std::fmt;
use std::fs;
use std::sync::{Mutex, PoisonError};

use super::placement::Role;

/// The kernel's counters of one thread at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reading {
    ran_ns: u64,
    queued_ns: u64,
    preempted: u64,
    gave_way: u64,
}

impl Reading {
    /// `None` where the kernel keeps no such books.
    fn of_this_thread() -> Option<Self> {
        let schedstat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let status = fs::read_to_string("/proc/thread-self/status").ok()?;
        Self::parse(&schedstat, &status)
    }

    fn parse(schedstat: &str, status: &str) -> Option<Self> {
        let mut times = schedstat.split_ascii_whitespace().map(|number| number.parse().ok());
        let switches = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').trim().parse().ok()
        };
        Some(Self {
            ran_ns: times.next()??,
            queued_ns: times.next()??,
            preempted: switches("nonvoluntary_ctxt_switches")?,
            gave_way: switches("voluntary_ctxt_switches")?,
        })
    }
}

/// What one thread got of its core during the run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ThreadTime {
    /// The stage.
    pub stage: String,
    /// The CPU that it is pinned to.
    pub core: usize,
    /// How long it had the core, ns.
    pub ran_ns: u64,
    /// How long it was ready to run and another thread had the core, ns.
    pub queued_ns: u64,
    /// How often it was turned out of the core.
    pub preempted: u64,
    /// How often it gave the core away by itself.
    pub gave_way: u64,
}

impl fmt::Display for ThreadTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, core, preempted, .. } = self;
        let (ran_s, queued_ms) = (self.ran_ns as f64 / 1e9, self.queued_ns as f64 / 1e6);
        write!(f, "{stage} on core {core} ran {ran_s:.2} s, waited {queued_ms:.2} ms for it")?;
        write!(f, ", was turned out {preempted} times")
    }
}

/// Where hot threads leave their [`ThreadTime`] when they end.
#[derive(Debug, Default)]
pub(super) struct ThreadTimes(Mutex<Vec<ThreadTime>>);

impl ThreadTimes {
    /// Runs a thread's work between two readings.
    pub(super) fn around<T>(&self, role: Role, core: usize, work: impl FnOnce() -> T) -> T {
        let before = Reading::of_this_thread();
        let done = work();
        let after = Reading::of_this_thread();
        if let (Some(before), Some(after)) = (before, after) {
            let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            times.push(ThreadTime {
                stage: role.name().to_owned(),
                core,
                ran_ns: after.ran_ns.saturating_sub(before.ran_ns),
                queued_ns: after.queued_ns.saturating_sub(before.queued_ns),
                preempted: after.preempted.saturating_sub(before.preempted),
                gave_way: after.gave_way.saturating_sub(before.gave_way),
            });
        }
        done
    }

    /// What has been left so far.
    pub(super) fn take(&self) -> Vec<ThreadTime> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the host has taken from each CPU of a virtual machine since its start, ns, by the CPU's number; the kernel
/// counts it in hundredths of a second.
#[must_use]
pub fn stolen_by_host_ns() -> Vec<(usize, u64)> {
    fs::read_to_string("/proc/stat").map_or_else(|_| Vec::new(), |text| stolen_in(&text))
}

/// Nanoseconds of one unit of `/proc/stat` (USER_HZ is 100 on every Linux that this engine runs on).
const STAT_UNIT_NS: u64 = 10_000_000;

fn stolen_in(text: &str) -> Vec<(usize, u64)> {
    let of_cpu = |line: &str| {
        let mut words = line.strip_prefix("cpu")?.split_ascii_whitespace();
        let core = words.next().filter(|_| !line.starts_with("cpu "))?.parse().ok()?;
        // user nice system idle iowait irq softirq steal
        let units: u64 = words.nth(7)?.parse().ok()?;
        Some((core, units * STAT_UNIT_NS))
    };
    text.lines().filter_map(of_cpu).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_parsed() {
        let status = "Name:\twt-inline\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t31\n";
        let reading = Reading::parse("123456 7890 42\n", status);
        assert_eq!(reading, Some(Reading { ran_ns: 123_456, queued_ns: 7_890, preempted: 31, gave_way: 7 }));
        assert_eq!(Reading::parse("", status), None);
        assert_eq!(Reading::parse("1 2 3", "Name: x\n"), None);
        let stat =
            "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 80 9 10\ncpu11 0 0 0 0 0 0 0 3 0 0\nintr 5\n";
        assert_eq!(stolen_in(stat), [(0, 800_000_000), (11, 30_000_000)]);
        assert_eq!(stolen_in("cpu0 1 2\n"), []);
    }

    #[test]
    fn a_thread_that_works_is_seen_to_have_run() {
        let times = ThreadTimes::default();
        let begun = std::time::Instant::now();
        times.around(Role::Inline, 3, || while begun.elapsed().as_millis() < 30 {});
        let Some(time) = times.take().pop() else {
            return println!("SKIPPED: no /proc/thread-self/schedstat");
        };
        assert_eq!((time.stage.as_str(), time.core), ("inline", 3));
        assert!(time.ran_ns > 0 && time.ran_ns + time.queued_ns >= 20_000_000, "{time:?}");
        assert!(times.take().is_empty());
    }
}
