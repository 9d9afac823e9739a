//! The clock that stamps are taken from.

use crate::finding::{Checked, Finding, Knob, Mending, NOT_MEASURED, Verdict, bad, good, judge, unknown};
use crate::host::HostFiles;

/// The kernel's clock source.
pub static CLOCK_SOURCE: Knob = Knob {
    name: "clock source",
    wanted: "tsc",
    otherwise: Verdict::Fail,
    why: "With another one the kernel found the TSC unreliable or was told so, and reading its clock costs far more.",
    check: "cat /sys/devices/system/clocksource/clocksource0/current_clocksource",
    set: "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource, if the kernel offers it",
    undo: "write the former name there",
    effect: NOT_MEASURED,
};

/// The CPU's promise about its TSC.
pub static INVARIANT_TSC: Knob = Knob {
    name: "invariant TSC",
    wanted: "constant_tsc and nonstop_tsc",
    otherwise: Verdict::Fail,
    why: "Stamps are TSC ticks, which are time only if the TSC keeps one rate in every frequency and idle state.",
    check: "grep -m1 -o -w -E 'constant_tsc|nonstop_tsc' /proc/cpuinfo",
    set: "other hardware, or a virtual machine that is shown the feature",
    undo: "nothing to undo",
    effect: NOT_MEASURED,
};

/// The knobs of this file.
#[must_use]
pub fn check(host: &HostFiles) -> Vec<Finding> {
    vec![
        CLOCK_SOURCE.finding_mended(clock_source(host), clock_mending(host)),
        INVARIANT_TSC.finding(invariant_tsc(host)),
    ]
}

fn clock_mending(host: &HostFiles) -> Option<Mending> {
    let folder = "sys/devices/system/clocksource/clocksource0";
    let former = host.text(&format!("{folder}/current_clocksource")).ok()??;
    let offered = host.text(&format!("{folder}/available_clocksource")).ok()??;
    let echo = |name: &str| format!("echo {name} > /{folder}/current_clocksource");
    if offered.split_ascii_whitespace().any(|name| name == "tsc") {
        return Some((echo("tsc"), echo(&former)));
    }
    let set = format!(
        "the kernel offers {offered} only: look for 'tsc' in its log; boot with tsc=reliable if sure"
    );
    Some((set, "boot without tsc=reliable".to_owned()))
}

fn clock_source(host: &HostFiles) -> Checked {
    let path = "sys/devices/system/clocksource/clocksource0/current_clocksource";
    match host.text(path)? {
        None => unknown(format!("no /{path}")),
        Some(name) => judge(name == "tsc", name),
    }
}

fn invariant_tsc(host: &HostFiles) -> Checked {
    let cpuinfo = host.text("proc/cpuinfo")?.unwrap_or_default();
    let fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    let Some((_, flags)) = fields.into_iter().find(|(key, _)| key.trim() == "flags") else {
        return unknown("/proc/cpuinfo has no x86 flags");
    };
    let missing: Vec<&str> = ["constant_tsc", "nonstop_tsc"]
        .into_iter()
        .filter(|wanted| !flags.split_ascii_whitespace().any(|flag| flag == *wanted))
        .collect();
    if missing.is_empty() { good("both") } else { bad(format!("lacks {}", missing.join(" and "))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Standing;
    use crate::host::tests::made_up;

    #[test]
    fn only_the_tsc_is_good() {
        let path = "sys/devices/system/clocksource/clocksource0/current_clocksource";
        assert_eq!(clock_source(&made_up(&[(path, "tsc\n")]).1), good("tsc"));
        assert_eq!(clock_source(&made_up(&[(path, "hpet\n")]).1), bad("hpet"));
    }

    #[test]
    fn both_promises_are_needed() {
        let of = |text| invariant_tsc(&made_up(&[("proc/cpuinfo", text)]).1);
        assert_eq!(of("model name\t: x\nflags\t\t: constant_tsc nonstop_tsc\n"), good("both"));
        assert_eq!(of("flags : tsc constant_tsc nonstop_tsc_s3\n"), bad("lacks nonstop_tsc"));
        assert_eq!(of("flags :\n"), bad("lacks constant_tsc and nonstop_tsc"));
        assert_eq!(of("Features : fp asimd\n").map(|found| found.0), Ok(Standing::Unknown));
    }
}
