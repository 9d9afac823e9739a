//! What a core does to save power: lower its frequency, sleep.

use std::collections::{BTreeMap, BTreeSet};

use crate::cpu_list::format_cpu_list;
use crate::finding::{Checked, Finding, Knob, Mending, NOT_MEASURED, Verdict, judge, unknown};
use crate::host::HostFiles;
use crate::topology::Topology;

/// Slowest wake-up, in microseconds, of an idle state that is still taken as harmless: that of C1 with room to spare.
const WAKE_UP_US_MAX: u64 = 10;

/// The frequency governor.
pub static GOVERNOR: Knob = Knob {
    name: "cpufreq governor",
    wanted: "performance, on the isolated cores (on all where none is)",
    otherwise: Verdict::Warn,
    why: "Other governors lower the frequency and raise it again only some milliseconds into a burst.",
    check: "grep . /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
    set: "cpupower -c CPUS frequency-set -g performance",
    undo: "cpupower -c CPUS frequency-set -g with the former name",
    effect: NOT_MEASURED,
};

/// Idle states.
pub static IDLE_STATES: Knob = Knob {
    name: "C-states",
    wanted: "no idle state that takes more than 10 us to leave, on the isolated cores (on all where none is)",
    otherwise: Verdict::Warn,
    why: "A core that waits in a deep state answers late; hot threads spin, but what yields or blocks on a core sleeps.",
    check: "grep . /sys/devices/system/cpu/cpu*/cpuidle/state*/latency",
    set: "cpupower -c CPUS idle-set -D 10 (or boot with intel_idle.max_cstate=1 processor.max_cstate=1)",
    undo: "cpupower -c CPUS idle-set -E",
    effect: NOT_MEASURED,
};

/// The knobs of this file.
#[must_use]
pub fn check(host: &HostFiles, topology: Option<&Topology>) -> Vec<Finding> {
    let hot = topology.map(Topology::hot_cpus).filter(|hot| !hot.is_empty());
    let list = hot.as_ref().map(format_cpu_list);
    let idle = list.as_ref().map(|list| {
        (
            format!("cpupower -c {list} idle-set -D {WAKE_UP_US_MAX}"),
            format!("cpupower -c {list} idle-set -E"),
        )
    });
    vec![
        GOVERNOR.finding_mended(governor(host), hot.and_then(|hot| governor_mending(host, &hot))),
        IDLE_STATES.finding_mended(idle_states(host), idle),
    ]
}

/// One command for the hot cores, and one back for each governor that they have now.
fn governor_mending(host: &HostFiles, hot: &BTreeSet<usize>) -> Option<Mending> {
    let mut former: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for &cpu in hot {
        let name = host.text(&format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor")).ok()??;
        former.entry(name).or_default().insert(cpu);
    }
    let command = |cpus, name: &str| format!("cpupower -c {} frequency-set -g {name}", format_cpu_list(cpus));
    let undo: Vec<String> = former.iter().map(|(name, cpus)| command(cpus, name)).collect();
    Some((command(hot, "performance"), undo.join("; ")))
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
    use crate::finding::{Standing, bad, good};
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
        assert_eq!(governor(&virtual_machine).map(|found| found.0), Ok(Standing::Unknown));
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
