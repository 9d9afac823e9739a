//! Which cores device interrupts may run on.

use std::collections::BTreeSet;

use crate::cpu_list::{CPU_LIMIT, format_cpu_list};
use crate::finding::{Checked, Finding, Knob, NOT_MEASURED, bad, good, unknown};
use crate::host::HostFiles;

/// Where the kernel puts new interrupts.
pub static DEFAULT_AFFINITY: Knob = Knob {
    name: "default_smp_affinity",
    wanted: "no isolated core in the mask",
    why: "An interrupt handler on a hot core stops the hot thread for as long as it runs, and spoils its caches.",
    check: "cat /proc/irq/default_smp_affinity",
    set: "write the mask of the other cores there before devices start (irqaffinity=CPUS at boot)",
    undo: "write the mask of all cores there",
    effect: NOT_MEASURED,
};

/// Where interrupts are now.
pub static EFFECTIVE_AFFINITY: Knob = Knob {
    name: "interrupts in place",
    wanted: "none is delivered to an isolated core",
    why: "The default counts for new interrupts only; those set up before, or moved by irqbalance, stay where they are.",
    check: "grep . /proc/irq/*/effective_affinity_list",
    set: "write the list of the other cores to /proc/irq/N/smp_affinity_list; ban isolated cores in irqbalance",
    undo: "write the former list there",
    effect: NOT_MEASURED,
};

/// The knobs of this file.
#[must_use]
pub fn check(host: &HostFiles) -> Vec<Finding> {
    vec![
        DEFAULT_AFFINITY.finding(default_affinity(host)),
        EFFECTIVE_AFFINITY.finding(effective_affinity(host)),
    ]
}

fn default_affinity(host: &HostFiles) -> Checked {
    let path = "proc/irq/default_smp_affinity";
    let Some(text) = host.text(path)? else { return unknown(format!("no /{path}")) };
    let mask = parse_mask(&text).ok_or_else(|| format!("/{path}: '{text}' is no CPU mask"))?;
    let isolated = host.isolated()?;
    let covered = format!("covers cores {}", format_cpu_list(&mask));
    if isolated.is_empty() {
        return unknown(format!("{covered}; no core is isolated to keep clear"));
    }
    match mask.intersection(&isolated).count() {
        0 => good(covered),
        count => bad(format!("{covered}, {count} of them isolated")),
    }
}

fn effective_affinity(host: &HostFiles) -> Checked {
    let isolated = host.isolated()?;
    if isolated.is_empty() {
        return unknown("no core is isolated to keep clear");
    }
    let (mut seen, mut on_isolated) = (0, Vec::new());
    for irq in host.entries("proc/irq") {
        let path = format!("proc/irq/{irq}/effective_affinity_list");
        // An interrupt can go away between the listing and the reading; `default_smp_affinity` is no folder at all.
        let Ok(Some(cpus)) = host.cpus(&path) else { continue };
        seen += 1;
        if !cpus.is_disjoint(&isolated) {
            on_isolated.push(irq);
        }
    }
    match (seen, on_isolated.is_empty()) {
        (0, _) => unknown("this kernel does not say where interrupts are"),
        (_, true) => good(format!("none of {seen}")),
        (_, false) => bad(format!("{} of {seen}: {}", on_isolated.len(), on_isolated.join(" "))),
    }
}

/// Parses the kernel's CPU mask: hexadecimal words of 32 bits, most significant first, with commas between.
fn parse_mask(text: &str) -> Option<BTreeSet<usize>> {
    let mut cpus = BTreeSet::new();
    for (place, word) in text.split(',').rev().enumerate() {
        let digits = (1..=8).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = u32::from_str_radix(word, 16).ok().filter(|_| digits)?;
        let first = place.checked_mul(32)?;
        cpus.extend((0..32).filter(|bit| bits >> bit & 1 == 1).map(|bit| first + bit));
    }
    cpus.last().is_none_or(|&last| last < CPU_LIMIT).then_some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Verdict;
    use crate::host::tests::made_up;

    #[test]
    fn masks_are_parsed() {
        let mask = |text| parse_mask(text).map(|cpus| format_cpu_list(&cpus));
        assert_eq!(mask("3").as_deref(), Some("0-1"));
        assert_eq!(mask("00000001,80000000").as_deref(), Some("31-32"));
        assert_eq!(mask("0").as_deref(), Some(""));
        for text in ["", "x", "+1", "1,", "123456789"] {
            assert_eq!(mask(text), None, "{text}");
        }
        assert_eq!(parse_mask(&["1"; 33].join(",")), None);
    }

    #[test]
    fn the_default_must_avoid_isolated_cores() {
        let of = |mask, isolated| {
            let files =
                [("proc/irq/default_smp_affinity", mask), ("sys/devices/system/cpu/isolated", isolated)];
            default_affinity(&made_up(&files).1)
        };
        assert_eq!(of("3", "2-3"), good("covers cores 0-1"));
        assert_eq!(of("f", "2-3"), bad("covers cores 0-3, 2 of them isolated"));
        assert_eq!(of("f", "").map(|found| found.0), Ok(Verdict::Unknown));
        assert!(of("g", "2").is_err_and(|text| text.contains("default_smp_affinity")));
    }

    #[test]
    fn interrupts_on_isolated_cores_are_named() {
        let of = |isolated| {
            let files = [
                ("sys/devices/system/cpu/isolated", isolated),
                ("proc/irq/default_smp_affinity", "f"),
                ("proc/irq/24/effective_affinity_list", "2"),
                ("proc/irq/25/effective_affinity_list", "0"),
                ("proc/irq/26/effective_affinity_list", ""),
            ];
            effective_affinity(&made_up(&files).1)
        };
        assert_eq!(of("2-3"), bad("1 of 3: 24"));
        assert_eq!(of("3"), good("none of 3"));
        assert_eq!(of("").map(|found| found.0), Ok(Verdict::Unknown));
    }
}
