//! Pages: huge ones for the hot tables, none that are swapped out or unmapped behind their back.

use crate::finding::{Checked, Finding, Knob, NOT_MEASURED, bad, good, judge, judge_number, unknown};
use crate::host::HostFiles;

/// Transparent huge pages.
pub static TRANSPARENT_HUGE_PAGES: Knob = Knob {
    name: "transparent huge pages",
    wanted: "madvise (always does too)",
    why: "The hot tables ask for huge pages with madvise; on small ones a random access misses the TLB far more often.",
    check: "cat /sys/kernel/mm/transparent_hugepage/enabled",
    set: "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
    undo: "write the former word there",
    effect: NOT_MEASURED,
};

/// Reserved huge pages.
pub static RESERVED_HUGE_PAGES: Knob = Knob {
    name: "nr_hugepages",
    wanted: "0",
    why: "The engine maps no reserved huge pages, and what is reserved for nobody is missing everywhere else.",
    check: "sysctl vm.nr_hugepages",
    set: "sysctl vm.nr_hugepages=0, unless another program maps them",
    undo: "sysctl vm.nr_hugepages with the former number",
    effect: NOT_MEASURED,
};

/// Swap.
pub static SWAP: Knob = Knob {
    name: "swap",
    wanted: "none",
    why: "The engine does not lock its memory, so a table page that was swapped out costs a disk read when it is next used.",
    check: "cat /proc/swaps",
    set: "swapoff -a",
    undo: "swapon -a",
    effect: NOT_MEASURED,
};

/// Automatic NUMA balancing.
pub static NUMA_BALANCING: Knob = Knob {
    name: "numa_balancing",
    wanted: "0",
    why: "It unmaps pages now and then to see who uses them, and each such page costs its user a page fault.",
    check: "sysctl kernel.numa_balancing",
    set: "sysctl kernel.numa_balancing=0",
    undo: "sysctl kernel.numa_balancing=1",
    effect: NOT_MEASURED,
};

/// The knobs of this file.
#[must_use]
pub fn check(host: &HostFiles) -> Vec<Finding> {
    vec![
        TRANSPARENT_HUGE_PAGES.finding(transparent_huge_pages(host)),
        RESERVED_HUGE_PAGES.finding(judge_number(host, "proc/sys/vm/nr_hugepages", |pages| pages == 0)),
        SWAP.finding(swap(host)),
        NUMA_BALANCING.finding(judge_number(host, "proc/sys/kernel/numa_balancing", |on| on == 0)),
    ]
}

fn transparent_huge_pages(host: &HostFiles) -> Checked {
    let path = "sys/kernel/mm/transparent_hugepage/enabled";
    let Some(text) = host.text(path)? else { return bad("this kernel has none") };
    // The choice stands in brackets: `always [madvise] never`.
    let chosen = text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(word, _)| word);
    match chosen {
        Some(word) => judge(matches!(word, "madvise" | "always"), word),
        None => Err(format!("/{path}: '{text}' marks no choice")),
    }
}

fn swap(host: &HostFiles) -> Checked {
    let Some(text) = host.text("proc/swaps")? else { return unknown("no /proc/swaps") };
    // The first line is the heading.
    let areas: Vec<&str> =
        text.lines().skip(1).filter_map(|line| line.split_ascii_whitespace().next()).collect();
    if areas.is_empty() { good("none") } else { bad(areas.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::made_up;

    #[test]
    fn huge_pages_must_be_there_for_the_asking() {
        let of = |text| {
            transparent_huge_pages(&made_up(&[("sys/kernel/mm/transparent_hugepage/enabled", text)]).1)
        };
        assert_eq!(of("always [madvise] never\n"), good("madvise"));
        assert_eq!(of("[always] madvise never\n"), good("always"));
        assert_eq!(of("always madvise [never]\n"), bad("never"));
        assert!(of("always\n").is_err_and(|text| text.contains("transparent_hugepage")));
        assert_eq!(transparent_huge_pages(&made_up(&[]).1), bad("this kernel has none"));
    }

    #[test]
    fn swap_areas_are_named() {
        let heading = "Filename\tType\tSize\tUsed\tPriority\n";
        assert_eq!(swap(&made_up(&[("proc/swaps", heading)]).1), good("none"));
        let used = format!("{heading}/dev/sda2 partition 1024 0 -2\n");
        assert_eq!(swap(&made_up(&[("proc/swaps", &used)]).1), bad("/dev/sda2"));
    }
}
