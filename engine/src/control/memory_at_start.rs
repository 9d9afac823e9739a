//! The memory of a run before it trades: how much was brought in, that it stays, and on which pages it lies.
//!
//! Cold; reads `/proc/self` and asks the kernel to lock what is mapped.

use std::fs;
use std::io;
use std::time::Instant;

use super::start_steps::StartSteps;

/// Page faults of this process or this thread that needed no disk, and those that did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageFaults {
    /// Without a disk.
    pub minor: u64,
    /// With one.
    pub major: u64,
}

impl PageFaults {
    /// Of the process so far.
    #[must_use]
    pub fn of_process() -> Self {
        Self::of(libc::RUSAGE_SELF)
    }

    /// Of the calling thread so far.
    #[must_use]
    pub fn of_thread() -> Self {
        Self::of(libc::RUSAGE_THREAD)
    }

    fn of(who: libc::c_int) -> Self {
        // SAFETY: all zeros are a value of this plain struct.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to a struct of the kind that the call fills.
        if unsafe { libc::getrusage(who, &raw mut usage) } != 0 {
            return Self::default();
        }
        let count = |number: libc::c_long| u64::try_from(number).unwrap_or(0);
        Self { minor: count(usage.ru_minflt), major: count(usage.ru_majflt) }
    }

    /// What came since `before`.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            minor: self.minor.saturating_sub(before.minor),
            major: self.major.saturating_sub(before.major),
        }
    }
}

/// Says what was allocated since `since`, when there had been `before` faults; locks it where it should be.
pub fn prepare(steps: &StartSteps, since: Instant, before: PageFaults, locks: bool) {
    report_allocation(steps, since, before);
    report_huge_pages(steps);
    if locks {
        lock(steps);
    }
}

/// Says what was allocated since `since`, when there had been `before` faults.
pub fn report_allocation(steps: &StartSteps, since: Instant, before: PageFaults) {
    let faults = PageFaults::of_process().since(before);
    let resident = status_kb("VmRSS").map_or_else(|| "?".to_owned(), |kb| (kb / 1024).to_string());
    let result = format!(
        "{resident} MiB in memory, every table touched: {} page faults, {} of them from a disk",
        faults.minor + faults.major,
        faults.major
    );
    steps.add("allocate", since, true, result);
}

/// Locks what is mapped now, so that none of it is ever paged out.
pub fn lock(steps: &StartSteps) {
    let since = Instant::now();
    // SAFETY: a plain system call that changes no memory.
    let outcome = unsafe { libc::mlockall(libc::MCL_CURRENT) };
    if outcome == 0 {
        let locked = status_kb("VmLck").unwrap_or(0) / 1024;
        steps.add("lock", since, true, format!("{locked} MiB locked"));
        return;
    }
    let error = io::Error::last_os_error();
    let result = format!(
        "mlockall: {error}; raise the limit (`ulimit -l unlimited`, or LimitMEMLOCK=infinity in the unit), or set \
         pipeline.lock_memory = false"
    );
    steps.add("lock", since, false, result);
}

/// Says on which pages the tables lie.
pub fn report_huge_pages(steps: &StartSteps) {
    let since = Instant::now();
    let Some((huge_kb, anonymous_kb)) = anonymous() else {
        steps.add("huge pages", since, false, "/proc/self/smaps_rollup cannot be read".to_owned());
        return;
    };
    let setting = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let result = format!(
        "{} of {} MiB on huge pages; transparent huge pages: {}",
        huge_kb / 1024,
        anonymous_kb / 1024,
        setting.trim()
    );
    steps.add("huge pages", since, huge_kb > 0, result);
}

fn anonymous() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    Some((kb_of(&text, "AnonHugePages")?, kb_of(&text, "Anonymous")?))
}

fn status_kb(key: &str) -> Option<u64> {
    kb_of(&fs::read_to_string("/proc/self/status").ok()?, key)
}

/// The number of a line `key:  1234 kB`.
fn kb_of(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.split(':').next() == Some(key))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_are_read() {
        let text = "VmRSS:\t  2048 kB\nAnonHugePages:     512 kB\nAnonymous:  9 kB\n";
        assert_eq!(kb_of(text, "VmRSS"), Some(2048));
        assert_eq!(kb_of(text, "Anonymous"), Some(9));
        assert_eq!(kb_of(text, "Vm"), None);
    }

    #[test]
    fn touched_pages_are_counted_as_faults() {
        let before = PageFaults::of_thread();
        let mut pages = memmap2::MmapMut::map_anon(64 << 12).expect("memory");
        for page in pages.chunks_mut(1 << 12) {
            page[0] = std::hint::black_box(1);
        }
        assert!(PageFaults::of_thread().since(before).minor >= 1, "one huge page, or 64 small ones");
    }

    #[test]
    fn every_step_says_what_came_of_it() {
        let steps = StartSteps::default();
        report_allocation(&steps, Instant::now(), PageFaults::default());
        report_huge_pages(&steps);
        let steps = steps.into_steps();
        assert_eq!(steps.len(), 2);
        assert!(steps[0].result.contains("MiB in memory"), "{}", steps[0]);
    }
}
