//! Which cores device interrupts may run on.

use std::collections::BTreeSet;

use crate::cpu_list::{CPU_LIMIT, format_cpu_list};
use crate::finding::{Checked, Finding, Knob, Mending, NOT_MEASURED, Verdict, bad, good, unknown};
use crate::host::HostFiles;
use crate::topology::Topology;

/// Where the kernel puts new interrupts.
pub static DEFAULT_AFFINITY: Knob = Knob {
    name: "default_smp_affinity",
    wanted: "no isolated core in the mask",
    otherwise: Verdict::Warn,
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
    otherwise: Verdict::Fail,
    why: "The default counts for new interrupts only; those set up before, or moved by irqbalance, stay where they are.",
    check: "grep . /proc/irq/*/effective_affinity_list",
    set: "write the list of the other cores to /proc/irq/N/smp_affinity_list; ban isolated cores in irqbalance",
    undo: "write the former list there",
    effect: NOT_MEASURED,
};

/// The knobs of this file.
#[must_use]
pub fn check(host: &HostFiles, topology: Option<&Topology>) -> Vec<Finding> {
    let others = topology.map(Topology::other_cpus).unwrap_or_default();
    vec![
        DEFAULT_AFFINITY.finding_mended(default_affinity(host), default_mending(host, &others)),
        EFFECTIVE_AFFINITY.finding_mended(effective_affinity(host), effective_mending(host, &others)),
    ]
}

fn default_mending(host: &HostFiles, others: &BTreeSet<usize>) -> Option<Mending> {
    let former = host.text("proc/irq/default_smp_affinity").ok()??;
    let echo = |mask: &str| format!("echo {mask} > /proc/irq/default_smp_affinity");
    (!others.is_empty()).then(|| (echo(&format_mask(others)), echo(&former)))
}

/// The commands for the interrupts that are on isolated cores, each with its own way back.
fn effective_mending(host: &HostFiles, others: &BTreeSet<usize>) -> Option<Mending> {
    let isolated = host.isolated().ok()?;
    let astray: Vec<String> = interrupts(host)
        .into_iter()
        .filter(|(_, cpus)| !cpus.is_disjoint(&isolated))
        .map(|(irq, _)| irq)
        .collect();
    if astray.is_empty() || others.is_empty() {
        return None;
    }
    let echo = |irq: &str, list: &str| format!("echo {list} > /proc/irq/{irq}/smp_affinity_list");
    let former = |irq: &String| host.text(&format!("proc/irq/{irq}/smp_affinity_list")).ok().flatten();
    let list = format_cpu_list(others);
    let set: Vec<String> = astray.iter().map(|irq| echo(irq, &list)).collect();
    let undo: Vec<String> = astray.iter().filter_map(|irq| Some(echo(irq, &former(irq)?))).collect();
    Some((set.join("; "), undo.join("; ")))
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
    let interrupts = interrupts(host);
    let on_isolated: Vec<&str> = interrupts
        .iter()
        .filter(|(_, cpus)| !cpus.is_disjoint(&isolated))
        .map(|(irq, _)| irq.as_str())
        .collect();
    let seen = interrupts.len();
    match (seen, on_isolated.is_empty()) {
        (0, _) => unknown("this kernel does not say where interrupts are"),
        (_, true) => good(format!("none of {seen}")),
        (_, false) => bad(format!("{} of {seen}: {}", on_isolated.len(), on_isolated.join(" "))),
    }
}

/// Every interrupt with the cores that it is delivered to.
fn interrupts(host: &HostFiles) -> Vec<(String, BTreeSet<usize>)> {
    let numbers = host.entries("proc/irq").into_iter();
    // An interrupt can go away between the listing and the reading; `default_smp_affinity` is no folder at all.
    numbers
        .filter_map(|irq| {
            let cpus = host.cpus(&format!("proc/irq/{irq}/effective_affinity_list")).ok()??;
            Some((irq, cpus))
        })
        .collect()
}

/// Writes the kernel's CPU mask, as [`parse_mask`] reads it.
fn format_mask(cpus: &BTreeSet<usize>) -> String {
    let mut words = vec![0u32; cpus.last().map_or(0, |last| last / 32) + 1];
    for cpu in cpus {
        words[cpu / 32] |= 1 << (cpu % 32);
    }
    let mut text = String::new();
    for word in words.iter().rev() {
        text += &if text.is_empty() { format!("{word:x}") } else { format!(",{word:08x}") };
    }
    text
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
    use crate::finding::Standing;
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
        for cpus in [BTreeSet::from([0]), BTreeSet::from([0, 1, 33, 64, 95]), BTreeSet::new()] {
            assert_eq!(parse_mask(&format_mask(&cpus)), Some(cpus));
        }
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
        assert_eq!(of("f", "").map(|found| found.0), Ok(Standing::Unknown));
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
        assert_eq!(of("").map(|found| found.0), Ok(Standing::Unknown));
    }
}
