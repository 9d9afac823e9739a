//! Kernel work that comes back by the clock: timers of other cores, statistics, the lockup detector.

use crate::finding::{Checked, Finding, Knob, NOT_MEASURED, Verdict, judge_number};
use crate::host::HostFiles;

/// `kernel.timer_migration`.
pub static TIMER_MIGRATION: Knob = Knob {
    name: "timer_migration",
    wanted: "1 with isolated cores, 0 without",
    otherwise: Verdict::Warn,
    why: "An idle core hands its timers to a busy one, which without isolation is the one that a hot thread spins on.",
    check: "sysctl kernel.timer_migration",
    set: "sysctl kernel.timer_migration=1 (or 0)",
    undo: "sysctl kernel.timer_migration=1",
    effect: NOT_MEASURED,
};

/// `vm.stat_interval`.
pub static STAT_INTERVAL: Knob = Knob {
    name: "stat_interval",
    wanted: "10 s or more",
    otherwise: Verdict::Warn,
    why: "At this interval a kernel worker runs on each core whose memory counters changed.",
    check: "sysctl vm.stat_interval",
    set: "sysctl vm.stat_interval=60",
    undo: "sysctl vm.stat_interval=1",
    effect: NOT_MEASURED,
};

/// `kernel.nmi_watchdog`.
pub static NMI_WATCHDOG: Knob = Knob {
    name: "nmi_watchdog",
    wanted: "0",
    otherwise: Verdict::Warn,
    why: "The hard-lockup detector takes a performance counter and interrupts every core every few seconds.",
    check: "sysctl kernel.nmi_watchdog",
    set: "sysctl kernel.nmi_watchdog=0",
    undo: "sysctl kernel.nmi_watchdog=1",
    effect: NOT_MEASURED,
};

/// The knobs of this file.
#[must_use]
pub fn check(host: &HostFiles) -> Vec<Finding> {
    let migrates = if host.isolated().is_ok_and(|isolated| isolated.is_empty()) { "0" } else { "1" };
    let interval = judge_number(host, "proc/sys/vm/stat_interval", |seconds| seconds >= 10);
    let watchdog = judge_number(host, "proc/sys/kernel/nmi_watchdog", |on| on == 0);
    vec![
        TIMER_MIGRATION.sysctl(host, "kernel.timer_migration", migrates, timer_migration(host)),
        STAT_INTERVAL.sysctl(host, "vm.stat_interval", "60", interval),
        NMI_WATCHDOG.sysctl(host, "kernel.nmi_watchdog", "0", watchdog),
    ]
}

fn timer_migration(host: &HostFiles) -> Checked {
    let isolates = !host.isolated()?.is_empty();
    judge_number(host, "proc/sys/kernel/timer_migration", |on| (on != 0) == isolates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{bad, good};
    use crate::host::tests::made_up;

    #[test]
    fn what_is_wanted_of_migration_depends_on_isolation() {
        let of = |on, isolated| {
            let files =
                [("proc/sys/kernel/timer_migration", on), ("sys/devices/system/cpu/isolated", isolated)];
            timer_migration(&made_up(&files).1)
        };
        assert_eq!((of("1", "2"), of("0", "2")), (good("1"), bad("0")));
        assert_eq!((of("1", ""), of("0", "")), (bad("1"), good("0")));
    }

    #[test]
    fn intervals_and_the_watchdog_are_judged() {
        let verdicts = |interval, watchdog| {
            let (_dir, host) = made_up(&[
                ("proc/sys/vm/stat_interval", interval),
                ("proc/sys/kernel/nmi_watchdog", watchdog),
            ]);
            check(&host).iter().skip(1).map(|finding| finding.verdict).collect::<Vec<_>>()
        };
        assert_eq!(verdicts("1", "1"), [Verdict::Warn, Verdict::Warn]);
        assert_eq!(verdicts("10", "0"), [Verdict::Pass, Verdict::Pass]);
        assert_eq!(verdicts("", "on"), [Verdict::Unknown, Verdict::Unknown]);
    }
}
