//! `apply.sh` and `revert.sh` on made-up hosts, and that scripts, profiles and audit name the same values.
//!
//! The scripts run with a root before every path and a stand-in for ethtool: nothing of the machine that tests run on is
//! touched. What shellcheck and systemd-analyze say counts where they are installed; else their tests say that they were
//! skipped.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tuning::devices::SavedDevices;
use tuning::finding::Verdict;
use tuning::fixture::{Fixture, unpack};
use tuning::host::HostFiles;

/// A made-up host and the ethtool of its one card.
struct Host {
    dir: tempfile::TempDir,
    root: PathBuf,
}

/// Keeps its card's two settings in a file beside it.
const ETHTOOL: &str = r#"#!/bin/sh
settings=$(dirname "$0")/card
read -r adaptive usecs <"$settings"
case $1 in
    -c) printf 'Coalesce parameters for %s:\nAdaptive RX: %s  TX: off\nrx-usecs:\t%s\n' "$2" "$adaptive" "$usecs" ;;
    -C) echo "$4 $6" >"$settings" ;;
esac
"#;

impl Host {
    fn of(fixture: Fixture) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("var/lib")).expect("writable");
        fs::create_dir_all(root.join("etc/default")).expect("writable");
        unpack(fixture.manifest(), &root).expect("a well-formed manifest");
        let ethtool = dir.path().join("ethtool");
        fs::write(&ethtool, ETHTOOL).expect("writable");
        fs::set_permissions(&ethtool, fs::Permissions::from_mode(0o755)).expect("ours");
        fs::write(dir.path().join("card"), "on 8\n").expect("writable");
        Self { dir, root }
    }

    fn run(&self, script: &str, arguments: &[&str]) -> Output {
        Command::new("bash")
            .arg(folder().join(script))
            .args(arguments)
            .env("WARPTICK_ROOT", &self.root)
            .env("WARPTICK_ETHTOOL", self.dir.path().join("ethtool"))
            .output()
            .expect("bash")
    }

    /// What a script printed; it has to end well.
    fn done(&self, script: &str, arguments: &[&str]) -> String {
        let output = self.run(script, arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{script} {arguments:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// Every file and folder with its bytes, and the card.
    fn tree(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut tree = BTreeMap::new();
        collect(&self.root, &mut tree);
        tree.insert(PathBuf::from("the card"), fs::read(self.dir.path().join("card")).ok());
        tree
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).expect("a file").trim().to_owned()
    }

    fn verdicts(&self) -> BTreeMap<&'static str, Verdict> {
        let host = HostFiles::under(&self.root);
        let findings = tuning::audit(&host, &SavedDevices::of(host.clone()));
        findings.into_iter().map(|finding| (finding.knob.name, finding.verdict)).collect()
    }
}

fn collect(folder: &Path, tree: &mut BTreeMap<PathBuf, Option<Vec<u8>>>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            tree.insert(path.clone(), None);
            collect(&path, tree);
        } else {
            tree.insert(path.clone(), fs::read(&path).ok());
        }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn arguments(fixture: Fixture) -> Vec<&'static str> {
    let common = ["--huge-pages", "64", "--card", "eth0", "--boot"];
    let cpus: &[&str] = match fixture {
        Fixture::Laptop => &["--cpus", "1,5"],
        Fixture::VirtualMachine => &["--cpus", "1"],
        Fixture::TunedServer => &[],
        Fixture::GpuServer => &["--cpus", "8-10,24-26"],
    };
    common.iter().chain(cpus).copied().collect()
}

#[test]
fn apply_twice_is_apply_once_and_revert_goes_all_the_way_back() {
    for fixture in Fixture::ALL {
        let host = Host::of(fixture);
        let before = host.tree();
        let arguments = arguments(fixture);
        let said = host.done("apply.sh", &arguments);
        assert!(said.contains(" -> "), "{fixture:?}: {said}");
        let once = host.tree();
        assert_ne!(once, before, "{fixture:?}");
        let again = host.done("apply.sh", &arguments);
        assert!(!again.contains(" -> "), "{fixture:?}: the second run changed something: {again}");
        assert!(host.tree() == once, "{fixture:?}: the second run left another tree");
        host.done("revert.sh", &[]);
        let after = host.tree();
        let differing: Vec<_> =
            before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).collect();
        assert!(differing.is_empty(), "{fixture:?}: {differing:?}");
        assert!(host.done("revert.sh", &[]).contains("nothing to put back"));
    }
}

#[test]
fn what_is_printed_is_what_changes() {
    let host = Host::of(Fixture::GpuServer);
    let before = host.tree();
    let planned = host.done("apply.sh", &[&arguments(Fixture::GpuServer)[..], &["--dry-run"]].concat());
    assert!(host.tree() == before, "a dry run changed something");
    let said = host.done("apply.sh", &arguments(Fixture::GpuServer));
    let changes =
        |text: &str| text.lines().filter(|line| line.contains(" -> ")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(changes(&planned), changes(&said));
    for line in [
        "/proc/sys/kernel/numa_balancing: 1 -> 0",
        "/proc/sys/vm/nr_hugepages: 1024 -> 64",
        "/sys/kernel/mm/transparent_hugepage/enabled: always -> madvise",
        "/sys/devices/system/cpu/cpu25/cpufreq/scaling_governor: schedutil -> performance",
        "/sys/devices/system/cpu/cpu8/cpuidle/state1/disable: 0 -> 1",
        "/proc/irq/default_smp_affinity: ffffffff -> f8fff8ff",
        "/proc/irq/231/smp_affinity_list: 0-31 -> 0-7,11-23,27-31",
        "eth0: adaptive-rx on rx-usecs 8 -> adaptive-rx off rx-usecs 0",
    ] {
        assert!(said.lines().any(|given| given == line), "no line '{line}' in\n{said}");
    }
    assert!(!said.contains("cpu0/cpufreq"), "a core that is not hot was changed: {said}");
    assert_eq!(host.read("sys/kernel/mm/transparent_hugepage/enabled"), "always [madvise] never");
    let drop_in = host.read("etc/default/grub.d/90-warptick.cfg");
    assert!(
        drop_in.contains("isolcpus=managed_irq,domain,8-10,24-26 ")
            && drop_in.contains("irqaffinity=0-7,11-23,27-31")
    );
}

#[test]
fn boot_parameters_are_written_only_when_asked() {
    let host = Host::of(Fixture::Laptop);
    let said = host.done("apply.sh", &["--cpus", "1,5"]);
    assert!(said.contains("boot: not written") && said.contains("nohz_full=1,5"), "{said}");
    assert!(!host.root.join("etc/default/grub.d").exists());
    let said = host.done("apply.sh", &[]);
    assert!(
        said.contains("interrupts: no core is set aside") && said.contains("boot: no core to isolate"),
        "{said}"
    );
}

#[test]
fn a_host_that_lacks_files_is_told_and_left_alone() {
    let host = Host::of(Fixture::VirtualMachine);
    fs::remove_file(host.root.join("proc/sys/kernel/nmi_watchdog")).expect("there");
    fs::remove_dir_all(host.root.join("sys/devices/system/cpu/cpu1/cpuidle")).expect("there");
    let said = host.done("apply.sh", &["--cpus", "1"]);
    for line in [
        "/proc/sys/kernel/nmi_watchdog: not on this machine, skipped",
        "/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor: not on this machine, skipped",
        "/sys/devices/system/cpu/cpu1/cpuidle: not on this machine, skipped",
    ] {
        assert!(said.lines().any(|given| given == line), "no line '{line}' in\n{said}");
    }
    assert!(
        !host.root.join("proc/sys/kernel/nmi_watchdog").exists(),
        "made a file that the kernel does not have"
    );
}

#[test]
fn bad_usage_ends_with_2_and_changes_nothing() {
    let host = Host::of(Fixture::Laptop);
    let before = host.tree();
    for arguments in [
        &["--cpus"][..],
        &["--cpus", "1-"],
        &["--cpus", "1;reboot"],
        &["--cpus", "7-9"],
        &["--cpus", "0-7"],
        &["--huge-pages", "many"],
        &["--nonsense"],
    ] {
        let output = host.run("apply.sh", arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?} says nothing");
    }
    assert_eq!(host.run("revert.sh", &["--nonsense"]).status.code(), Some(2));
    assert!(host.tree() == before);
}

/// Everything that the script sets, on a server where all of it was undone: the audit is content again.
#[test]
fn what_apply_sets_is_what_the_audit_wants() {
    let host = Host::of(Fixture::TunedServer);
    let set = [
        ("timer_migration", "proc/sys/kernel/timer_migration", "0"),
        ("stat_interval", "proc/sys/vm/stat_interval", "1"),
        ("nmi_watchdog", "proc/sys/kernel/nmi_watchdog", "1"),
        ("sched_rt_runtime_us", "proc/sys/kernel/sched_rt_runtime_us", "950000"),
        ("numa_balancing", "proc/sys/kernel/numa_balancing", "1"),
        ("busy_read", "proc/sys/net/core/busy_read", "0"),
        ("busy_poll", "proc/sys/net/core/busy_poll", "0"),
        ("transparent huge pages", "sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]"),
        ("default_smp_affinity", "proc/irq/default_smp_affinity", "ffff"),
        ("cpufreq governor", "sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "powersave"),
        ("C-states", "sys/devices/system/cpu/cpu4/cpuidle/state2/disable", "0"),
    ];
    for (_, path, text) in set {
        fs::write(host.root.join(path), format!("{text}\n")).expect("writable");
    }
    let before = host.verdicts();
    host.done("apply.sh", &[]);
    let after = host.verdicts();
    for (knob, _, _) in set {
        assert_eq!((before[knob], after[knob]), (Verdict::Warn, Verdict::Pass), "{knob}");
    }
}

/// `name=value` lines of a section of tuned.conf.
fn section(text: &str, name: &str) -> BTreeMap<String, String> {
    let heading = format!("[{name}]");
    let lines =
        text.lines().skip_while(|line| **line != heading).skip(1).take_while(|line| !line.starts_with('['));
    let pairs = lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_tuned_profile_has_the_values_of_the_script() {
    let script = fs::read_to_string(folder().join("apply.sh")).expect("the script");
    let profile = fs::read_to_string(folder().join("profiles/tuned.conf")).expect("the profile");
    let (_, list) = script.split_once("sysctls=(\n").expect("the list of sysctls");
    let (list, _) = list.split_once("\n)").expect("its end");
    let mut sysctls: BTreeMap<String, String> = list
        .lines()
        .filter_map(|line| line.trim().split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert!(sysctls.len() >= 6, "{sysctls:?}");
    // The profile is for hosts with isolated cores; the script looks.
    sysctls.insert("kernel.timer_migration".to_owned(), "1".to_owned());
    assert_eq!(section(&profile, "sysctl"), sysctls);
    let assigned = |name: &str| {
        let line = script.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.expect("an assignment").to_owned()
    };
    assert_eq!(section(&profile, "cpu")["governor"], assigned("governor"));
    assert_eq!(section(&profile, "cpu")["force_latency"], assigned("wake_up_us_max"));
    assert_eq!(section(&profile, "vm")["transparent_hugepages"], assigned("huge_pages_transparent"));
    let boot = &section(&profile, "bootloader")["cmdline_warptick"];
    for parameter in ["isolcpus=managed_irq,domain,", "nohz_full=", "rcu_nocbs="] {
        assert!(boot.contains(&format!("{parameter}${{isolated_cores}}")), "{boot}");
        assert!(script.contains(&format!("{parameter}$hot")), "{parameter}");
    }
}

/// The output of a tool, or nothing, said aloud, where it is not installed.
fn tool(command: &mut Command) -> Option<Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("SKIPPED: {command:?}: {error}");
            None
        }
    }
}

#[test]
fn the_scripts_are_clean() {
    let scripts = ["apply.sh", "revert.sh", "value.sh"].map(|name| folder().join(name));
    let Some(output) = tool(Command::new("shellcheck").arg("-x").args(scripts).current_dir(folder())) else {
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_unit_is_understood_by_systemd() {
    let unit = fs::read_to_string(folder().join("profiles/warptick.service")).expect("the unit");
    for line in ["Restart=no", "LimitMEMLOCK=infinity", "KillSignal=SIGINT", "NoNewPrivileges=yes"] {
        assert!(unit.lines().any(|given| given == line), "{line}");
    }
    // The program need not be installed where tests run: another stands in for it.
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("warptick.service");
    fs::write(&path, &unit).expect("writable");
    let Some(output) = tool(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path)) else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let about_us: Vec<&str> = said.lines().filter(|line| line.contains("warptick.service")).collect();
    assert!(about_us.is_empty(), "{about_us:?}");
}
