//! The audit of whole machines: every verdict of each fixture, and that each knob's verdict follows its file.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;
use crate::devices::SavedDevices;
use crate::finding::Verdict;
use crate::fixture::Fixture;
use crate::host::tests::made_up;

fn audited(host: &HostFiles) -> Vec<Finding> {
    audit(host, &SavedDevices::of(host.clone()))
}

/// The row of a knob in `README.md`, which must say the same as the code.
fn row(finding: &Finding) -> String {
    let knob = finding.knob;
    let cell = |text: &str| text.replace('|', "\\|");
    format!(
        "| {} | {} | {} | {} | `{}` | {} | {} | {} |",
        knob.name,
        cell(knob.wanted),
        knob.otherwise,
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
    let findings = audited(&HostFiles::this_machine());
    if std::env::var_os("WARPTICK_PRINT_ROWS").is_some() {
        findings.iter().for_each(|finding| println!("{}", row(finding)));
    }
    for finding in &findings {
        assert!(readme.contains(&row(finding)), "tuning/README.md lacks the row\n{}", row(finding));
    }
    let rows = readme.lines().filter(|line| line.starts_with("| ") && line.contains(" | `")).count();
    assert_eq!(rows, findings.len(), "tuning/README.md has rows that no check stands behind");
}

#[test]
fn this_machine_can_be_audited() {
    let findings = audited(&HostFiles::this_machine());
    assert!(findings.iter().all(|finding| !finding.found.is_empty()));
    let names: BTreeSet<_> = findings.iter().map(|finding| finding.knob.name).collect();
    assert_eq!(names.len(), findings.len(), "two knobs of one name");
}

#[test]
fn nothing_is_guessed_on_a_machine_that_says_nothing() {
    let (_dir, host) = made_up(&[]);
    for finding in audited(&host) {
        assert_ne!(finding.verdict, Verdict::Pass, "{}: {}", finding.knob.name, finding.found);
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
        ("proc/sys/net/core/busy_poll", "1.5\n"),
        ("sys/class/net/eth0/device/numa_node", "first\n"),
        ("devices/card/eth0", "rx_usecs few\n"),
    ]);
    for finding in audited(&host) {
        assert_eq!(finding.verdict, Verdict::Unknown, "{}: {}", finding.knob.name, finding.found);
    }
}

/// Verdict, knob and what was found, a line each.
fn table(findings: &[Finding]) -> String {
    let line =
        |finding: &Finding| format!("{:<7} | {} | {}\n", finding.verdict, finding.knob.name, finding.found);
    findings.iter().map(line).collect()
}

#[test]
fn every_verdict_of_every_fixture_is_as_it_should_be() {
    let expected = [
        include_str!("../fixtures/laptop.verdicts"),
        include_str!("../fixtures/virtual_machine.verdicts"),
        include_str!("../fixtures/tuned_server.verdicts"),
        include_str!("../fixtures/gpu_server.verdicts"),
    ];
    let mut wrong = String::new();
    for (fixture, expected) in Fixture::ALL.into_iter().zip(expected) {
        let (_dir, host) = fixture.host();
        let found = table(&audited(&host));
        if found != expected {
            wrong += &format!("{fixture:?} has\n{found}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn commands_are_those_of_the_host() {
    let of = |fixture: Fixture, name: &str| {
        let (_dir, host) = fixture.host();
        let found = audited(&host).into_iter().find(|finding| finding.knob.name == name).expect("a knob");
        (found.set, found.undo)
    };
    let is = |fixture, name, set: &str, undo: &str| {
        assert_eq!(of(fixture, name), (set.to_owned(), undo.to_owned()), "{fixture:?}, {name}");
    };
    use Fixture::{GpuServer, Laptop, TunedServer, VirtualMachine};
    is(Laptop, "isolcpus", "boot with isolcpus=managed_irq,domain,1,5", "boot without isolcpus");
    is(
        VirtualMachine,
        "nohz_full",
        "boot with nohz_full=1, on a kernel with CONFIG_NO_HZ_FULL, which this one is not",
        "boot without nohz_full",
    );
    is(Laptop, "nohz_full", "boot with nohz_full=1,5", "boot without nohz_full");
    is(VirtualMachine, "isolcpus", "boot with isolcpus=managed_irq,domain,1", "boot without isolcpus");
    is(
        TunedServer,
        "isolcpus",
        "boot with isolcpus=managed_irq,domain,2-4",
        "boot with isolcpus=managed_irq,domain,2-4",
    );
    is(GpuServer, "rcu_nocbs", "boot with rcu_nocbs=8-10,24-26", "boot with rcu_nocbs=16-31");
    is(
        Laptop,
        "SMT siblings",
        "echo off > /sys/devices/system/cpu/smt/control",
        "echo on > /sys/devices/system/cpu/smt/control",
    );
    is(
        GpuServer,
        "default_smp_affinity",
        "echo f8fff8ff > /proc/irq/default_smp_affinity",
        "echo ffffffff > /proc/irq/default_smp_affinity",
    );
    is(
        Laptop,
        "cpufreq governor",
        "cpupower -c 1,5 frequency-set -g performance",
        "cpupower -c 1,5 frequency-set -g powersave",
    );
    is(GpuServer, "nr_hugepages", "sysctl -w vm.nr_hugepages=0", "sysctl -w vm.nr_hugepages=1024");
    is(
        GpuServer,
        "transparent huge pages",
        "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
        "echo always > /sys/kernel/mm/transparent_hugepage/enabled",
    );
    is(Laptop, "swap", "swapoff /dev/nvme0n1p3", "swapon /dev/nvme0n1p3");
    is(
        GpuServer,
        "interrupt coalescing",
        "ethtool -C ens3 adaptive-rx off rx-usecs 0",
        "ethtool -C ens3 adaptive-rx on rx-usecs 8",
    );
    is(GpuServer, "GPU clocks", "nvidia-smi -i 0000:ca:00.0 -lgc 1980", "nvidia-smi -i 0000:ca:00.0 -rgc");
    let (set, undo) = of(Laptop, "clock source");
    assert!(set.contains("hpet acpi_pm only") && undo.contains("tsc=reliable"), "{set}; {undo}");
    let (set, undo) = of(Laptop, "memlock limit");
    assert!(set.contains("ulimit -l unlimited") && undo == "ulimit -l 8192", "{set}; {undo}");
}

/// One file changed in a fixture, and the verdict that its knob then has.
struct Flip {
    fixture: Fixture,
    knob: &'static str,
    path: &'static str,
    text: &'static str,
    becomes: Verdict,
}

/// A flip for every knob. The text is whole: a file is written over.
fn flips() -> Vec<Flip> {
    use Fixture::{GpuServer, Laptop, TunedServer};
    use Verdict::{Fail, Pass, Unknown, Warn};
    let tuned = |knob, path, text, becomes| Flip { fixture: TunedServer, knob, path, text, becomes };
    let gpu = |knob, path, text, becomes| Flip { fixture: GpuServer, knob, path, text, becomes };
    vec![
        tuned("isolcpus", "sys/devices/system/cpu/isolated", "", Fail),
        tuned("nohz_full", "sys/devices/system/cpu/nohz_full", "2-3", Warn),
        Flip {
            fixture: Laptop,
            knob: "rcu_nocbs",
            path: "proc/cmdline",
            text: "rcu_nocbs=1",
            becomes: Unknown,
        },
        tuned("SMT siblings", "sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2,10", Warn),
        tuned("default_smp_affinity", "proc/irq/default_smp_affinity", "ffff", Warn),
        tuned("interrupts in place", "proc/irq/81/effective_affinity_list", "3", Fail),
        tuned("timer_migration", "proc/sys/kernel/timer_migration", "0", Warn),
        tuned("stat_interval", "proc/sys/vm/stat_interval", "1", Warn),
        tuned("nmi_watchdog", "proc/sys/kernel/nmi_watchdog", "1", Warn),
        tuned("sched_rt_runtime_us", "proc/sys/kernel/sched_rt_runtime_us", "950000", Warn),
        tuned("cpufreq governor", "sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "powersave", Warn),
        tuned("C-states", "sys/devices/system/cpu/cpu4/cpuidle/state2/disable", "0", Warn),
        tuned(
            "clock source",
            "sys/devices/system/clocksource/clocksource0/current_clocksource",
            "acpi_pm",
            Fail,
        ),
        tuned("invariant TSC", "proc/cpuinfo", "flags : tsc constant_tsc", Fail),
        tuned(
            "transparent huge pages",
            "sys/kernel/mm/transparent_hugepage/enabled",
            "always madvise [never]",
            Warn,
        ),
        tuned("nr_hugepages", "proc/sys/vm/nr_hugepages", "16", Warn),
        tuned("memlock limit", "proc/self/limits", "Max locked memory 65536 65536 bytes", Fail),
        tuned("swap", "proc/swaps", "Filename\n/swapfile file 1 0 -2", Warn),
        tuned("numa_balancing", "proc/sys/kernel/numa_balancing", "1", Warn),
        tuned(
            "mitigations",
            "sys/devices/system/cpu/vulnerabilities/spectre_v2",
            "Mitigation: Retpolines",
            Warn,
        ),
        tuned("network card's node", "sys/class/net/ens1f0/device/numa_node", "1", Warn),
        tuned("interrupt coalescing", "devices/card/ens1f0", "rx_usecs 3\nadaptive_rx off", Warn),
        tuned("receive ring", "devices/card/ens1f0", "rx_ring 512\nrx_ring_max 8192", Warn),
        tuned("hardware receive stamps", "devices/card/ens1f0", "hardware_rx_stamps off", Warn),
        tuned("busy_read", "proc/sys/net/core/busy_read", "0", Warn),
        tuned("busy_poll", "proc/sys/net/core/busy_poll", "0", Warn),
        gpu("GPU's node", "sys/bus/pci/devices/0000:ca:00.0/numa_node", "0", Warn),
        gpu("GPU's PCIe link", "sys/bus/pci/devices/0000:ca:00.0/current_link_width", "16", Pass),
        gpu(
            "GPU's BAR1",
            "sys/bus/pci/devices/0000:17:00.0/resource",
            "0x0 0xffffff 0x40200\n0x100000000 0x107ffffff 0x14220c",
            Warn,
        ),
        gpu("GPU persistence", "devices/gpu/0000:ca:00.0", "persistence on", Pass),
        gpu(
            "GPU clocks",
            "devices/gpu/0000:ca:00.0",
            "sm_clock_mhz 1980\nsm_clock_max_mhz 1980\nslowed_by nothing",
            Pass,
        ),
        gpu("GPU ECC", "devices/gpu/0000:ca:00.0", "ecc on", Pass),
    ]
}

fn verdict(root: &Path, knob: &str) -> Verdict {
    let findings = audited(&HostFiles::under(root));
    findings.iter().find(|finding| finding.knob.name == knob).expect("a knob of this name").verdict
}

#[test]
fn every_knob_follows_its_file() {
    let flips = flips();
    for Flip { fixture, knob, path, text, becomes } in &flips {
        let (dir, _) = fixture.host();
        let before = verdict(dir.path(), knob);
        assert!(dir.path().join(path).exists(), "{knob}: {fixture:?} has no {path}");
        fs::write(dir.path().join(path), text).expect("writable");
        let after = verdict(dir.path(), knob);
        assert_ne!(before, *becomes, "{knob}: {fixture:?} is {becomes} before {path} is changed");
        assert_eq!(after, *becomes, "{knob}: {path} = '{text}'");
    }
    let (_dir, host) = made_up(&[]);
    for finding in audited(&host) {
        let name = finding.knob.name;
        assert!(flips.iter().any(|flip| flip.knob == name), "no file is shown to change {name}");
    }
}
