//! What machine a figure was measured on: one small record for the summary and the report.
//!
//! Read once, from `/proc` and `/sys`, on the cold thread. What cannot be read is said to be unknown, never guessed.

use std::fmt;
use std::fs;

use super::cpus::Host;

/// The machine, as far as a latency depends on it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Machine {
    /// `model name` of `/proc/cpuinfo`.
    pub cpu: String,
    /// Logical CPUs that are online.
    pub cpus_online: usize,
    /// Isolated CPUs (`isolcpus`), in the kernel's list syntax; empty when there are none.
    pub cpus_isolated: String,
    /// Whether it is a virtual machine.
    pub virtual_machine: bool,
    /// Kernel release.
    pub kernel: String,
    /// Load averages of 1, 5 and 15 minutes when the record was made; a busy machine makes poor figures.
    pub load_average: Option<[f64; 3]>,
    /// Transparent huge pages: `always`, `madvise` or `never`.
    pub transparent_huge_pages: String,
    /// The kernel's clock source; `tsc` is the good one.
    pub clock_source: String,
    /// CPU frequency governor of CPU 0.
    pub frequency_governor: String,
}

const UNKNOWN: &str = "unknown";

impl Machine {
    /// The machine that this process runs on.
    #[must_use]
    pub fn read() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let host = Host::read().ok();
        Self {
            cpu: cpuinfo_field(&cpuinfo, "model name"),
            cpus_online: host.as_ref().map_or(0, |host| host.online().count()),
            cpus_isolated: word("/sys/devices/system/cpu/isolated").unwrap_or_default(),
            virtual_machine: cpuinfo_field(&cpuinfo, "flags").split(' ').any(|flag| flag == "hypervisor"),
            kernel: word("/proc/sys/kernel/osrelease").unwrap_or_else(|| UNKNOWN.into()),
            load_average: fs::read_to_string("/proc/loadavg").ok().and_then(|text| load_average(&text)),
            transparent_huge_pages: fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled")
                .ok()
                .and_then(|text| selected(&text))
                .unwrap_or_else(|| UNKNOWN.into()),
            clock_source: word("/sys/devices/system/clocksource/clocksource0/current_clocksource")
                .unwrap_or_else(|| UNKNOWN.into()),
            frequency_governor: word("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
                .unwrap_or_else(|| UNKNOWN.into()),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} CPUs online", self.cpu, self.cpus_online)?;
        if !self.cpus_isolated.is_empty() {
            write!(f, " (isolated {})", self.cpus_isolated)?;
        }
        if self.virtual_machine {
            f.write_str(", virtual machine")?;
        }
        write!(f, ", Linux {}, clock source {}", self.kernel, self.clock_source)?;
        write!(f, ", huge pages {}", self.transparent_huge_pages)?;
        if self.frequency_governor != UNKNOWN {
            write!(f, ", governor {}", self.frequency_governor)?;
        }
        match self.load_average {
            Some([one, five, fifteen]) => write!(f, ", load {one:.2} {five:.2} {fifteen:.2}"),
            None => f.write_str(", load unknown"),
        }
    }
}

fn word(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn cpuinfo_field(text: &str, name: &str) -> String {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map_or_else(|| UNKNOWN.into(), |(_, value)| value.trim().to_owned())
}

fn load_average(text: &str) -> Option<[f64; 3]> {
    let mut numbers = text.split_ascii_whitespace().map(|number| number.parse().ok());
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

/// The choice in brackets of a sysfs list such as `always [madvise] never`.
fn selected(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described() {
        let machine = Machine::read();
        assert!(machine.cpus_online >= 1);
        assert_ne!(machine.kernel, UNKNOWN);
        assert!(machine.load_average.is_some());
        assert!(machine.to_string().contains(&machine.kernel));
    }

    #[test]
    fn kernel_texts_are_parsed() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU @ 2.80GHz\nflags\t\t: fpu hypervisor\n";
        assert_eq!(cpuinfo_field(cpuinfo, "model name"), "Some CPU @ 2.80GHz");
        assert_eq!(cpuinfo_field(cpuinfo, "vendor"), UNKNOWN);
        assert_eq!(load_average("0.10 2.25 3.00 1/234 5678\n"), Some([0.1, 2.25, 3.0]));
        assert_eq!(load_average("0.10 x"), None);
        assert_eq!(selected("always [madvise] never\n").as_deref(), Some("madvise"));
        assert_eq!(selected("always"), None);
    }
}
