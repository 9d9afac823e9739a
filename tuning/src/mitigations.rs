//! What the kernel does against leaks of the CPU's speculation, and what that costs.

use crate::finding::{Checked, Finding, Knob, Mending, NOT_MEASURED, Verdict, bad, good, unknown};
use crate::host::HostFiles;

/// Mitigations of speculative execution.
pub static MITIGATIONS: Knob = Knob {
    name: "mitigations",
    wanted: "off, on a machine that runs nobody else's code",
    otherwise: Verdict::Warn,
    why: "They make each entry into the kernel, and so each send and receive, and some indirect branches dearer.",
    check: "grep . /sys/devices/system/cpu/vulnerabilities/*",
    set: "boot with mitigations=off; it opens what they close: any code on the machine can then read its secrets",
    undo: "boot with the former mitigations=, or without",
    effect: NOT_MEASURED,
};

/// The knob of this file.
#[must_use]
pub fn check(host: &HostFiles) -> Vec<Finding> {
    vec![MITIGATIONS.finding_mended(mitigations(host), mending(host))]
}

fn mitigations(host: &HostFiles) -> Checked {
    let folder = "sys/devices/system/cpu/vulnerabilities";
    let names = host.entries(folder);
    if names.is_empty() {
        return unknown("this kernel does not say which there are");
    }
    let mut active = Vec::new();
    for name in names {
        let text = host.text(&format!("{folder}/{name}"))?.unwrap_or_default();
        if text.starts_with("Mitigation:") {
            active.push(name);
        }
    }
    if active.is_empty() { good("none is active") } else { bad(format!("active: {}", active.join(" "))) }
}

fn mending(host: &HostFiles) -> Option<Mending> {
    let undo = match host.boot_parameter("mitigations").ok()? {
        Some(former) => format!("boot with mitigations={former}"),
        None => "boot without mitigations=".to_owned(),
    };
    Some((MITIGATIONS.set.to_owned(), undo))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Standing;
    use crate::host::tests::made_up;

    #[test]
    fn only_active_ones_count() {
        let folder = "sys/devices/system/cpu/vulnerabilities";
        let of = |meltdown: &str| {
            let files = [
                (format!("{folder}/meltdown"), meltdown),
                (format!("{folder}/mds"), "Not affected\n"),
                (format!("{folder}/retbleed"), "Vulnerable\n"),
            ];
            let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
            mitigations(&made_up(&files).1)
        };
        assert_eq!(of("Mitigation: PTI\n"), bad("active: meltdown"));
        assert_eq!(of("Vulnerable\n"), good("none is active"));
        assert_eq!(mitigations(&made_up(&[]).1).map(|found| found.0), Ok(Standing::Unknown));
    }

    #[test]
    fn the_way_back_is_the_command_line_as_it_is() {
        let undo = |line| mending(&made_up(&[("proc/cmdline", line)]).1).expect("a command line").1;
        assert_eq!(undo("mitigations=auto,nosmt quiet"), "boot with mitigations=auto,nosmt");
        assert_eq!(undo("quiet"), "boot without mitigations=");
    }
}
