//! Pages: huge ones for the hot tables, locked ones, none that are swapped out or unmapped behind their back.

use crate::finding::{
    Checked, Finding, Knob, Mending, NOT_MEASURED, Verdict, bad, good, judge, judge_number, unknown,
};
use crate::host::HostFiles;

/// Transparent huge pages.
pub static TRANSPARENT_HUGE_PAGES: Knob = Knob {
    name: "transparent huge pages",
    wanted: "madvise (always does too)",
    otherwise: Verdict::Warn,
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
    otherwise: Verdict::Warn,
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
    otherwise: Verdict::Warn,
    why: "A table page that was swapped out costs a disk read when it is next used, where the engine could not lock its memory.",
    check: "cat /proc/swaps",
    set: "swapoff -a",
    undo: "swapon -a",
    effect: NOT_MEASURED,
};

/// Automatic NUMA balancing.
pub static NUMA_BALANCING: Knob = Knob {
    name: "numa_balancing",
    wanted: "0",
    otherwise: Verdict::Warn,
    why: "It unmaps pages now and then to see who uses them, and each such page costs its user a page fault.",
    check: "sysctl kernel.numa_balancing",
    set: "sysctl kernel.numa_balancing=0",
    undo: "sysctl kernel.numa_balancing=1",
    effect: NOT_MEASURED,
};

/// How much memory a process may lock.
pub static LOCKED_MEMORY: Knob = Knob {
    name: "memlock limit",
    wanted: "unlimited, or CAP_IPC_LOCK",
    otherwise: Verdict::Fail,
    why: "At its limit the engine cannot lock its tables, and a page that the kernel took back is a fault on the hot path.",
    check: "grep 'Max locked memory' /proc/self/limits",
    set: "ulimit -l unlimited as root before the start, LimitMEMLOCK=infinity in a unit, or memlock in limits.conf",
    undo: "ulimit -l with the former number",
    effect: NOT_MEASURED,
};

/// The knobs of this file.
#[must_use]
pub fn check(host: &HostFiles) -> Vec<Finding> {
    let reserved = judge_number(host, "proc/sys/vm/nr_hugepages", |pages| pages == 0);
    let balancing = judge_number(host, "proc/sys/kernel/numa_balancing", |on| on == 0);
    vec![
        TRANSPARENT_HUGE_PAGES.finding_mended(transparent_huge_pages(host), huge_page_mending(host)),
        RESERVED_HUGE_PAGES.sysctl(host, "vm.nr_hugepages", "0", reserved),
        LOCKED_MEMORY.finding_mended(locked_memory(host), locked_mending(host)),
        SWAP.finding_mended(swap(host), swap_mending(host)),
        NUMA_BALANCING.sysctl(host, "kernel.numa_balancing", "0", balancing),
    ]
}

const HUGE_PAGE_FILE: &str = "sys/kernel/mm/transparent_hugepage/enabled";

fn transparent_huge_pages(host: &HostFiles) -> Checked {
    let Some(text) = host.text(HUGE_PAGE_FILE)? else { return bad("this kernel has none") };
    match chosen(&text) {
        Some(word) => judge(matches!(word, "madvise" | "always"), word),
        None => Err(format!("/{HUGE_PAGE_FILE}: '{text}' marks no choice")),
    }
}

/// The choice stands in brackets: `always [madvise] never`.
fn chosen(text: &str) -> Option<&str> {
    text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(word, _)| word)
}

fn huge_page_mending(host: &HostFiles) -> Option<Mending> {
    let text = host.text(HUGE_PAGE_FILE).ok()??;
    let echo = |word: &str| format!("echo {word} > /{HUGE_PAGE_FILE}");
    chosen(&text).map(|former| (echo("madvise"), echo(former)))
}

/// Bit of `CAP_IPC_LOCK` in a capability set: who has it may lock any amount.
const CAP_IPC_LOCK: u32 = 14;

fn locked_memory(host: &HostFiles) -> Checked {
    let Some(limit) = soft_limit(host)? else { return unknown("no limit in /proc/self/limits") };
    if limit == "unlimited" {
        return good(limit);
    }
    let status = host.text("proc/self/status")?.unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or(0);
    if bits >> CAP_IPC_LOCK & 1 == 1 {
        return good(format!("{limit} bytes, which CAP_IPC_LOCK lifts"));
    }
    bad(format!("{limit} bytes"))
}

/// `Max locked memory`, its soft limit: the first of two numbers, before the unit.
fn soft_limit(host: &HostFiles) -> Result<Option<String>, String> {
    let text = host.text("proc/self/limits")?.unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Max locked memory"));
    Ok(line.and_then(|rest| rest.split_ascii_whitespace().next()).map(str::to_owned))
}

fn locked_mending(host: &HostFiles) -> Option<Mending> {
    let former = soft_limit(host).ok()??.parse::<u64>().ok()?;
    // The shell counts in KiB.
    let set = "ulimit -l unlimited (as root, before the start), or LimitMEMLOCK=infinity in the unit";
    Some((set.to_owned(), format!("ulimit -l {}", former / 1024)))
}

fn swap_mending(host: &HostFiles) -> Option<Mending> {
    let areas = swap_areas(&host.text("proc/swaps").ok()??);
    (!areas.is_empty())
        .then(|| (format!("swapoff {}", areas.join(" ")), format!("swapon {}", areas.join(" "))))
}

fn swap(host: &HostFiles) -> Checked {
    let Some(text) = host.text("proc/swaps")? else { return unknown("no /proc/swaps") };
    let areas = swap_areas(&text);
    if areas.is_empty() { good("none") } else { bad(areas.join(" ")) }
}

/// The first line is the heading.
fn swap_areas(text: &str) -> Vec<String> {
    let names = text.lines().skip(1).filter_map(|line| line.split_ascii_whitespace().next());
    names.map(str::to_owned).collect()
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
    fn a_limit_on_locked_memory_counts_unless_it_is_lifted() {
        let of = |limit: &str, capabilities: &str| {
            let limits =
                format!("Limit  Soft Limit  Hard Limit  Units\nMax locked memory  {limit}  {limit}  bytes\n");
            let status = format!("Name:\tx\nCapEff:\t{capabilities}\n");
            locked_memory(&made_up(&[("proc/self/limits", &limits), ("proc/self/status", &status)]).1)
        };
        assert_eq!(of("unlimited", "0"), good("unlimited"));
        assert_eq!(of("8388608", "0"), bad("8388608 bytes"));
        assert_eq!(of("8388608", "0000000000004000"), good("8388608 bytes, which CAP_IPC_LOCK lifts"));
        assert_eq!(of("8388608", "0000000000002000"), bad("8388608 bytes"));
    }

    #[test]
    fn swap_areas_are_named() {
        let heading = "Filename\tType\tSize\tUsed\tPriority\n";
        assert_eq!(swap(&made_up(&[("proc/swaps", heading)]).1), good("none"));
        let used = format!("{heading}/dev/sda2 partition 1024 0 -2\n");
        assert_eq!(swap(&made_up(&[("proc/swaps", &used)]).1), bad("/dev/sda2"));
    }
}
