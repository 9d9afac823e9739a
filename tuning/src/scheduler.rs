//! The scheduler's limits on threads that spin.

use crate::finding::{Finding, Knob, NOT_MEASURED, Verdict, judge_number};
use crate::host::HostFiles;

/// `kernel.sched_rt_runtime_us`.
pub static RT_RUNTIME: Knob = Knob {
    name: "sched_rt_runtime_us",
    wanted: "-1, where the engine is started with a real-time priority",
    otherwise: Verdict::Warn,
    why: "Else a real-time thread that spins may be stopped for the rest of each period, 50 ms a second by default.",
    check: "sysctl kernel.sched_rt_runtime_us",
    set: "sysctl kernel.sched_rt_runtime_us=-1",
    undo: "sysctl kernel.sched_rt_runtime_us=950000",
    effect: NOT_MEASURED,
};

/// The knobs of this file.
#[must_use]
pub fn check(host: &HostFiles) -> Vec<Finding> {
    let limit = judge_number(host, "proc/sys/kernel/sched_rt_runtime_us", |runtime_us| runtime_us == -1);
    vec![RT_RUNTIME.sysctl(host, "kernel.sched_rt_runtime_us", "-1", limit)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::made_up;

    #[test]
    fn only_no_limit_is_good() {
        for (text, verdict) in [("-1", Verdict::Pass), ("950000", Verdict::Warn), ("1000000", Verdict::Warn)]
        {
            let (_dir, host) = made_up(&[("proc/sys/kernel/sched_rt_runtime_us", text)]);
            assert_eq!(check(&host)[0].verdict, verdict, "{text}");
        }
    }
}
