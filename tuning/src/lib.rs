//! The host audit: what of the machine under the engine is not as a trading machine should be, one knob kind a file.
//!
//! Every check only reads files of `/proc` and `/sys`, through [`host::HostFiles`], which a test points at a made-up
//! tree; nothing here changes the machine. A check allocates texts, runs on a cold thread in a few milliseconds, and
//! never fails: what cannot be read is [`finding::Verdict::Unknown`], with the reason. No effect is claimed that was
//! not measured with this engine.

#![forbid(unsafe_code)]

pub mod clock;
pub mod cpu_list;
pub mod cpus;
pub mod finding;
pub mod host;
pub mod interrupts;
pub mod memory;
pub mod periodic;
pub mod power;
pub mod scheduler;

use finding::Finding;
use host::HostFiles;

/// Looks at every knob.
#[must_use]
pub fn audit(host: &HostFiles) -> Vec<Finding> {
    [
        cpus::check(host),
        interrupts::check(host),
        periodic::check(host),
        scheduler::check(host),
        power::check(host),
        clock::check(host),
        memory::check(host),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Verdict;
    use crate::host::tests::made_up;

    /// The row of a knob in `README.md`, which must say the same as the code.
    fn row(finding: &Finding) -> String {
        let knob = finding.knob;
        let cell = |text: &str| text.replace('|', "\\|");
        format!(
            "| {} | {} | {} | `{}` | {} | {} | {} |",
            knob.name,
            cell(knob.wanted),
            cell(knob.why),
            cell(knob.check),
            cell(knob.set),
            cell(knob.undo),
            knob.effect
        )
    }

    #[test]
    fn the_readme_lists_every_knob_as_the_code_has_it() {
        let readme = include_str!("../README.md");
        let findings = audit(&HostFiles::this_machine());
        for finding in &findings {
            assert!(readme.contains(&row(finding)), "tuning/README.md lacks the row\n{}", row(finding));
        }
        let rows = readme.lines().filter(|line| line.starts_with("| ") && line.contains('`')).count();
        assert_eq!(rows, findings.len(), "tuning/README.md has rows that no check stands behind");
    }

    #[test]
    fn this_machine_can_be_audited() {
        let findings = audit(&HostFiles::this_machine());
        assert!(findings.iter().all(|finding| !finding.found.is_empty()));
        let mut names: Vec<_> = findings.iter().map(|finding| finding.knob.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), findings.len(), "two knobs of one name");
    }

    #[test]
    fn nothing_is_guessed_on_a_machine_that_says_nothing() {
        let (_dir, host) = made_up(&[]);
        for finding in audit(&host) {
            assert_ne!(finding.verdict, Verdict::Good, "{}: {}", finding.knob.name, finding.found);
        }
    }

    #[test]
    fn damaged_files_are_unknown_and_named() {
        let (_dir, host) = made_up(&[
            ("proc/cmdline", "rcu_nocbs=x\n"),
            ("sys/devices/system/cpu/isolated", "3-1\n"),
            ("proc/irq/default_smp_affinity", "zz\n"),
            ("proc/sys/vm/stat_interval", "often\n"),
            ("proc/sys/kernel/sched_rt_runtime_us", "\n"),
            ("sys/kernel/mm/transparent_hugepage/enabled", "always\n"),
            ("proc/sys/vm/nr_hugepages", "-\n"),
        ]);
        for finding in audit(&host) {
            assert_eq!(finding.verdict, Verdict::Unknown, "{}: {}", finding.knob.name, finding.found);
        }
    }

    #[test]
    fn a_tuned_machine_is_good_throughout() {
        let (_dir, host) = made_up(&[
            ("proc/cmdline", "isolcpus=2-3 nohz_full=2-3 rcu_nocbs=2-3\n"),
            ("proc/cpuinfo", "flags\t\t: fpu constant_tsc nonstop_tsc\n"),
            ("proc/swaps", "Filename Type Size Used Priority\n"),
            ("proc/irq/default_smp_affinity", "3\n"),
            ("proc/irq/30/effective_affinity_list", "0\n"),
            ("proc/sys/kernel/numa_balancing", "0\n"),
            ("proc/sys/kernel/nmi_watchdog", "0\n"),
            ("proc/sys/kernel/sched_rt_runtime_us", "-1\n"),
            ("proc/sys/kernel/timer_migration", "1\n"),
            ("proc/sys/vm/nr_hugepages", "0\n"),
            ("proc/sys/vm/stat_interval", "60\n"),
            ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
            ("sys/devices/system/cpu/online", "0-3\n"),
            ("sys/devices/system/cpu/isolated", "2-3\n"),
            ("sys/devices/system/cpu/nohz_full", "2-3\n"),
            ("sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2\n"),
            ("sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "3\n"),
            ("sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "performance\n"),
            ("sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "performance\n"),
            ("sys/devices/system/cpu/cpu2/cpuidle/state0/latency", "0\n"),
            ("sys/devices/system/cpu/cpu3/cpuidle/state0/latency", "0\n"),
            ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
        ]);
        for finding in audit(&host) {
            assert_eq!(finding.verdict, Verdict::Good, "{}: {}", finding.knob.name, finding.found);
        }
    }
}
