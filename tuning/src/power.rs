//! What a core does to save power: lower its frequency, sleep.

use crate::finding::{Checked, Finding, Knob, NOT_MEASURED, judge, unknown};
use crate::host::HostFiles;

/// Slowest wake-up, in microseconds, of an idle state that is still taken as harmless: that of C1 with room to spare.
const WAKE_UP_US_MAX: u64 = 10;

/// The frequency governor.
pub static GOVERNOR: Knob = Knob {
    name: "cpufreq governor",
    wanted: "performance, on the isolated cores (on all where none is)",
    why: "Other governors lower the frequency and raise it again only some milliseconds into a burst.",
    check: "grep . /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
    set: "cpupower frequency-set -g performance",
    undo: "cpupower frequency-set -g with the former name",
    effect: NOT_MEASURED,
};

/// Idle states.
pub static IDLE_STATES: Knob = Knob {
    name: "C-states",
    wanted: "no idle state that takes more than 10 us to leave, on the isolated cores (on all where none is)",
    why: "A core that waits in a deep state answers late; hot threads spin, but what yields or blocks on a core sleeps.",
    check: "grep . /sys/devices/system/cpu/cpu*/cpuidle/state*/latency",
    set: "cpupower idle-set -D 10 (or boot with intel_idle.max_cstate=1 processor.max_cstate=1)",
    undo: "cpupower idle-set -E",
    effect: NOT_MEASURED,
};

/// The knobs of this file.
#[must_use]
pub fn check(host: &HostFiles) -> Vec<Finding> {
    vec![GOVERNOR.finding(governor(host)), IDLE_STATES.finding(idle_states(host))]
}

fn governor(host: &HostFiles) -> Checked {
    let mut governors = Vec::new();
    for cpu in host.hot_candidates()? {
        let path = format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor");
        let Some(name) = host.text(&path)? else { return unknown("frequency is not this kernel's to set") };
        governors.push(name);
    }
    governors.sort();
    governors.dedup();
    judge(governors == ["performance"], governors.join(" and "))
}

/// One idle state of one core.
struct IdleState {
    latency_us: u64,
    cpu: usize,
    name: String,
}

fn idle_states(host: &HostFiles) -> Checked {
    let mut deepest: Option<IdleState> = None;
    for cpu in host.hot_candidates()? {
        let folder = format!("sys/devices/system/cpu/cpu{cpu}/cpuidle");
        for state in host.entries(&folder) {
            let folder = format!("{folder}/{state}");
            let Some(text) = host.text(&format!("{folder}/latency"))? else { continue };
            let latency_us = text.parse().map_err(|_| format!("/{folder}/latency: '{text}' is no number"))?;
            let is_enabled = host.text(&format!("{folder}/disable"))?.is_none_or(|text| text == "0");
            if is_enabled && deepest.as_ref().is_none_or(|deepest| latency_us > deepest.latency_us) {
                let name = host.text(&format!("{folder}/name"))?.unwrap_or(state);
                deepest = Some(IdleState { latency_us, cpu, name });
            }
        }
    }
    let Some(IdleState { latency_us, cpu, name }) = deepest else {
        return unknown("idle states are not this kernel's to choose");
    };
    judge(latency_us <= WAKE_UP_US_MAX, format!("deepest is {name}, {latency_us} us, on core {cpu}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Verdict, bad, good};
    use crate::host::tests::made_up;

    #[test]
    fn isolated_cores_decide_where_there_are_any() {
        let of = |isolated| {
            let files = [
                ("sys/devices/system/cpu/online", "0-1"),
                ("sys/devices/system/cpu/isolated", isolated),
                ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n"),
                ("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n"),
            ];
            governor(&made_up(&files).1)
        };
        assert_eq!(of("1"), good("performance"));
        assert_eq!(of(""), bad("performance and powersave"));
        let (_dir, virtual_machine) = made_up(&[("sys/devices/system/cpu/online", "0")]);
        assert_eq!(governor(&virtual_machine).map(|found| found.0), Ok(Verdict::Unknown));
    }

    #[test]
    fn the_deepest_enabled_state_decides() {
        let of = |disabled| {
            let state = "sys/devices/system/cpu/cpu0/cpuidle/state";
            let files = [
                ("sys/devices/system/cpu/online".to_owned(), "0"),
                (format!("{state}0/latency"), "0"),
                (format!("{state}0/name"), "POLL"),
                (format!("{state}1/latency"), "2"),
                (format!("{state}1/name"), "C1"),
                (format!("{state}2/latency"), "133"),
                (format!("{state}2/name"), "C6"),
                (format!("{state}2/disable"), disabled),
            ];
            let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
            idle_states(&made_up(&files).1)
        };
        assert_eq!(of("0"), bad("deepest is C6, 133 us, on core 0"));
        assert_eq!(of("1"), good("deepest is C1, 2 us, on core 0"));
    }
}
