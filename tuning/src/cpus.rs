//! Cores that belong to the hot threads alone: isolation, the scheduler tick, RCU callbacks, hyper-thread siblings.

use std::collections::BTreeSet;

use crate::cpu_list::{format_cpu_list, parse_cpu_list};
use crate::finding::{Checked, Finding, Knob, Mending, NOT_MEASURED, Verdict, bad, good, judge, unknown};
use crate::host::HostFiles;
use crate::topology::Topology;

/// `isolcpus`.
pub static ISOLATED: Knob = Knob {
    name: "isolcpus",
    wanted: "one core a hot thread: 1 for inline, 3 for split",
    otherwise: Verdict::Fail,
    why: "The scheduler puts no other task on an isolated core, so a spinning hot thread is not displaced.",
    check: "cat /sys/devices/system/cpu/isolated",
    set: "boot with isolcpus=managed_irq,domain,CPUS",
    undo: "boot without isolcpus",
    effect: NOT_MEASURED,
};

/// `nohz_full`.
pub static NOHZ_FULL: Knob = Knob {
    name: "nohz_full",
    wanted: "every isolated core",
    otherwise: Verdict::Warn,
    why: "A core with one running task then has no periodic scheduler tick that interrupts it.",
    check: "cat /sys/devices/system/cpu/nohz_full",
    set: "boot with nohz_full=CPUS (a kernel with CONFIG_NO_HZ_FULL)",
    undo: "boot without nohz_full",
    effect: NOT_MEASURED,
};

/// `rcu_nocbs`.
pub static RCU_NOCBS: Knob = Knob {
    name: "rcu_nocbs",
    wanted: "every isolated core (nohz_full brings it along)",
    otherwise: Verdict::Warn,
    why: "RCU callbacks then run in kernel threads that can be kept on other cores, not in a softirq of the hot one.",
    check: "cat /proc/cmdline",
    set: "boot with rcu_nocbs=CPUS",
    undo: "boot without rcu_nocbs and nohz_full",
    effect: NOT_MEASURED,
};

/// Hyper-thread siblings.
pub static SMT: Knob = Knob {
    name: "SMT siblings",
    wanted: "a hot core's sibling is offline, or isolated and left idle",
    otherwise: Verdict::Warn,
    why: "Two hyper-threads share the core's caches and execution units, so a busy sibling slows the hot thread.",
    check: "grep . /sys/devices/system/cpu/cpu*/topology/thread_siblings_list",
    set: "echo off > /sys/devices/system/cpu/smt/control, or isolate both siblings and use one",
    undo: "echo on > /sys/devices/system/cpu/smt/control",
    effect: NOT_MEASURED,
};

/// The knobs of this file.
#[must_use]
pub fn check(host: &HostFiles, topology: Option<&Topology>) -> Vec<Finding> {
    let hot = topology.map(Topology::hot_cpus).filter(|hot| !hot.is_empty()).map(|hot| format_cpu_list(&hot));
    let boot = |name: &str, prefix: &str| boot_mending(host, name, &format!("{prefix}{}", hot.as_ref()?));
    vec![
        ISOLATED.finding_mended(isolated(host), boot("isolcpus", "managed_irq,domain,")),
        NOHZ_FULL
            .finding_mended(nohz_full(host), boot("nohz_full", "").map(|mending| tickless(host, mending))),
        RCU_NOCBS.finding_mended(rcu_nocbs(host), boot("rcu_nocbs", "")),
        SMT.finding_mended(siblings(host), smt_mending(host)),
    ]
}

/// A boot parameter for this machine's cores, and what its command line says of it now.
fn boot_mending(host: &HostFiles, name: &str, value: &str) -> Option<Mending> {
    let former = host.boot_parameter(name).ok()?;
    let undo =
        former.map_or_else(|| format!("boot without {name}"), |former| format!("boot with {name}={former}"));
    Some((format!("boot with {name}={value}"), undo))
}

/// A kernel without the file was built without the feature: the parameter alone does nothing.
fn tickless(host: &HostFiles, (set, undo): Mending) -> Mending {
    let can = host.text("sys/devices/system/cpu/nohz_full").is_ok_and(|text| text.is_some());
    (
        if can { set } else { format!("{set}, on a kernel with CONFIG_NO_HZ_FULL, which this one is not") },
        undo,
    )
}

fn smt_mending(host: &HostFiles) -> Option<Mending> {
    let file = "sys/devices/system/cpu/smt/control";
    let former = host.text(file).ok()??;
    // Elsewhere the switch is not there to be turned; the words for any machine tell of the other way.
    (former == "on").then(|| (format!("echo off > /{file}"), format!("echo {former} > /{file}")))
}

fn isolated(host: &HostFiles) -> Checked {
    match host.cpus("sys/devices/system/cpu/isolated")? {
        None => unknown("this kernel does not say which cores are isolated"),
        Some(cpus) if cpus.is_empty() => bad("no core"),
        Some(cpus) => good(format!("cores {}", format_cpu_list(&cpus))),
    }
}

fn nohz_full(host: &HostFiles) -> Checked {
    let isolated = host.isolated()?;
    match host.cpus("sys/devices/system/cpu/nohz_full")? {
        Some(tickless) => covers(&tickless, &isolated),
        None if host.boot_parameter("nohz_full")?.is_some() => {
            bad("asked for on the command line, but this kernel cannot do it")
        }
        None => bad("no core; this kernel cannot do it"),
    }
}

fn rcu_nocbs(host: &HostFiles) -> Checked {
    let isolated = host.isolated()?;
    let mut offloaded = host.cpus("sys/devices/system/cpu/nohz_full")?.unwrap_or_default();
    match host.boot_parameter("rcu_nocbs")? {
        Some(list) if list == "all" => return good("all cores"),
        Some(list) => offloaded.extend(
            parse_cpu_list(&list).map_err(|error| format!("rcu_nocbs on the command line: {error}"))?,
        ),
        None => {}
    }
    covers(&offloaded, &isolated)
}

/// Whether a set has every isolated core, and at least one.
fn covers(set: &BTreeSet<usize>, isolated: &BTreeSet<usize>) -> Checked {
    if set.is_empty() {
        return bad("no core");
    }
    let found = format!("cores {}", format_cpu_list(set));
    if isolated.is_empty() {
        return unknown(format!("{found}; no core is isolated to compare with"));
    }
    let missing: BTreeSet<usize> = isolated.difference(set).copied().collect();
    if missing.is_empty() { good(found) } else { bad(format!("{found}, not {}", format_cpu_list(&missing))) }
}

fn siblings(host: &HostFiles) -> Checked {
    let (online, isolated) = (host.online()?, host.isolated()?);
    let mut shared = BTreeSet::new();
    for cpu in host.hot_candidates()? {
        let path = format!("sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
        let Some(core) = host.cpus(&path)? else { return unknown(format!("no /{path}")) };
        let core: BTreeSet<usize> = core.intersection(&online).copied().collect();
        if core.len() > 1 {
            shared.insert(core);
        }
    }
    if shared.is_empty() {
        return good("no core is shared");
    }
    let lists: Vec<String> = shared.iter().map(format_cpu_list).collect();
    let all_isolated = !isolated.is_empty() && shared.iter().all(|core| core.is_subset(&isolated));
    let note = if all_isolated { "; all isolated, use one of each" } else { "" };
    judge(all_isolated, format!("shared by {}{note}", lists.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Standing;
    use crate::host::tests::made_up;

    const ISOLATED_FILE: &str = "sys/devices/system/cpu/isolated";
    const NOHZ_FILE: &str = "sys/devices/system/cpu/nohz_full";

    #[test]
    fn isolation_is_seen() {
        assert_eq!(isolated(&made_up(&[]).1).map(|found| found.0), Ok(Standing::Unknown));
        assert_eq!(isolated(&made_up(&[(ISOLATED_FILE, "\n")]).1), bad("no core"));
        assert_eq!(isolated(&made_up(&[(ISOLATED_FILE, "2-3\n")]).1), good("cores 2-3"));
    }

    #[test]
    fn the_tick_must_be_off_on_every_isolated_core() {
        let of = |tickless| nohz_full(&made_up(&[(ISOLATED_FILE, "2-4"), (NOHZ_FILE, tickless)]).1);
        assert_eq!(of("2-5"), good("cores 2-5"));
        assert_eq!(of("2,3"), bad("cores 2-3, not 4"));
        assert_eq!(of("(null)"), bad("no core"));
        let (_dir, asked) = made_up(&[("proc/cmdline", "nohz_full=2"), (ISOLATED_FILE, "2")]);
        assert!(
            nohz_full(&asked)
                .is_ok_and(|(verdict, found)| verdict == Standing::Bad && found.contains("asked"))
        );
    }

    #[test]
    fn callbacks_are_offloaded_by_either_parameter() {
        let of = |line, tickless| {
            let files = [("proc/cmdline", line), (ISOLATED_FILE, "2-3"), (NOHZ_FILE, tickless)];
            rcu_nocbs(&made_up(&files).1)
        };
        assert_eq!(of("rcu_nocbs=2-3", ""), good("cores 2-3"));
        assert_eq!(of("rcu_nocbs=3", "2"), good("cores 2-3"));
        assert_eq!(of("rcu_nocbs=3", ""), bad("cores 3, not 2"));
        assert_eq!(of("rcu_nocbs=all", ""), good("all cores"));
        assert_eq!(of("quiet", ""), bad("no core"));
        assert!(of("rcu_nocbs=3-", "").is_err_and(|text| text.contains("rcu_nocbs")));
    }

    #[test]
    fn siblings_count_when_they_are_online_and_not_isolated() {
        let of = |online, isolated, core_of_2| {
            let cpu = "sys/devices/system/cpu";
            let mut files = vec![(format!("{cpu}/online"), online), (format!("{cpu}/isolated"), isolated)];
            for (id, core) in [(0, "0"), (1, "1"), (2, core_of_2), (3, core_of_2)] {
                files.push((format!("{cpu}/cpu{id}/topology/thread_siblings_list"), core));
            }
            let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
            siblings(&made_up(&files).1)
        };
        assert_eq!(of("0-3", "2", "2-3"), bad("shared by 2-3"));
        assert_eq!(of("0-2", "2", "2-3"), good("no core is shared"));
        assert_eq!(of("0-3", "2-3", "2-3"), good("shared by 2-3; all isolated, use one of each"));
        assert_eq!(of("0-3", "", "2-3"), bad("shared by 2-3"));
        assert_eq!(of("0-3", "1", "2-3"), good("no core is shared"));
        assert_eq!(of("0-4", "4", "2-3").map(|found| found.0), Ok(Standing::Unknown));
    }
}
