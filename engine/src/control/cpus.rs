//! Which CPUs the machine has: read from sysfs, since an enumeration through the thread's own affinity mask (as
//! `core_affinity::get_core_ids` does it) hides the isolated ones, which are those that we want.
//!
//! Cold code, run once at start. It reads files and one affinity mask; it changes nothing.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// Number of CPUs that the kernel's `cpu_set_t` of glibc and musl can name.
pub const CPU_LIMIT: usize = 1024;

/// Why a text is no CPU list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CpuListError {
    /// A part is neither a number nor `first-last`.
    Malformed {
        /// The part as written.
        part: String,
    },
    /// `first-last` with last before first.
    Backwards {
        /// The part as written.
        part: String,
    },
    /// A CPU number of [`CPU_LIMIT`] or more.
    TooLarge {
        /// The part as written.
        part: String,
    },
}

impl fmt::Display for CpuListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { part } => write!(f, "'{part}' is no CPU number and no range like 2-5"),
            Self::Backwards { part } => write!(f, "the CPU range '{part}' runs backwards"),
            Self::TooLarge { part } => write!(f, "'{part}' names a CPU above {}", CPU_LIMIT - 1),
        }
    }
}

impl std::error::Error for CpuListError {}

/// Parses the kernel's CPU list syntax, `0-3,8,10-11`; blank text is the empty list. Overlaps are merged.
///
/// # Errors
/// The first part that is no CPU number or range, runs backwards, or names a CPU of [`CPU_LIMIT`] or more.
pub fn parse_cpu_list(text: &str) -> Result<BTreeSet<usize>, CpuListError> {
    let mut cpus = BTreeSet::new();
    if text.trim().is_empty() {
        return Ok(cpus);
    }
    for part in text.trim().split(',') {
        let malformed = || CpuListError::Malformed { part: part.to_owned() };
        // A sign would pass `parse`, hence the look at the digits themselves.
        let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true if !digits.is_empty() => Ok(digits.parse().unwrap_or(usize::MAX)),
            _ => Err(malformed()),
        };
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if last < first {
            return Err(CpuListError::Backwards { part: part.to_owned() });
        }
        if last >= CPU_LIMIT {
            return Err(CpuListError::TooLarge { part: part.to_owned() });
        }
        cpus.extend(first..=last);
    }
    Ok(cpus)
}

/// One logical CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// The kernel's number.
    pub id: usize,
    /// Kept free of ordinary tasks by the kernel (`isolcpus`).
    pub isolated: bool,
    /// In the affinity mask that this process started with (`taskset`, cpuset).
    pub allowed: bool,
    /// Socket and core number: the same for two hyper-threads of one physical core.
    pub physical_core: (usize, usize),
}

/// The CPUs of this machine that are online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    cpus: Vec<Cpu>,
}

impl Host {
    /// Reads the machine's CPUs from sysfs. Call it before any thread is pinned: the calling thread's affinity mask
    /// counts as the one the process was started with.
    ///
    /// # Errors
    /// sysfs or the affinity mask cannot be read, or sysfs lists no CPU; the message names the file.
    pub fn read() -> io::Result<Self> {
        Self::read_from(Path::new("/sys/devices/system/cpu"), &affinity_of_current_thread()?)
    }

    /// As [`Host::read`], from another directory of the same form and a given mask: the seam for tests.
    ///
    /// # Errors
    /// As [`Host::read`].
    pub fn read_from(root: &Path, allowed: &BTreeSet<usize>) -> io::Result<Self> {
        let online = list_file(&root.join("online"))?;
        // Kernels without isolation support have no such file: nothing is isolated then.
        let isolated = match list_file(&root.join("isolated")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
            list => list?,
        };
        if online.is_empty() {
            let text = format!("{}: no CPU is online", root.join("online").display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let cpus = online
            .into_iter()
            .map(|id| Cpu {
                id,
                isolated: isolated.contains(&id),
                allowed: allowed.contains(&id),
                physical_core: physical_core(root, id),
            })
            .collect();
        Ok(Self { cpus })
    }

    /// The CPUs that are online, by rising number.
    pub fn online(&self) -> impl Iterator<Item = &Cpu> {
        self.cpus.iter()
    }

    /// The CPU of a number, if it is online.
    #[must_use]
    pub fn cpu(&self, id: usize) -> Option<&Cpu> {
        self.cpus.iter().find(|cpu| cpu.id == id)
    }
}

fn list_file(path: &Path) -> io::Result<BTreeSet<usize>> {
    let text = fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: cannot read: {error}", path.display())))?;
    parse_cpu_list(&text)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display())))
}

/// Socket and core of a CPU; where sysfs does not say (some virtual machines), each CPU counts as a core of its own.
fn physical_core(root: &Path, id: usize) -> (usize, usize) {
    let number = |name: &str| -> Option<usize> {
        fs::read_to_string(root.join(format!("cpu{id}/topology/{name}"))).ok()?.trim().parse().ok()
    };
    match (number("physical_package_id"), number("core_id")) {
        (Some(package), Some(core)) => (package, core),
        _ => (usize::MAX, id),
    }
}

/// The CPUs that the calling thread may run on, as the kernel says.
///
/// # Errors
/// The kernel refuses; on machines with more than 1024 CPUs it does.
pub fn affinity_of_current_thread() -> io::Result<BTreeSet<usize>> {
    // SAFETY: `cpu_set_t` is an array of integers, for which all zeroes is a valid value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live local of exactly the size given, and the kernel writes no more than that.
    let result = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if result != 0 {
        let error = io::Error::last_os_error();
        return Err(io::Error::new(error.kind(), format!("sched_getaffinity: {error}")));
    }
    // SAFETY: `CPU_ISSET` indexes the set's array; every index is below CPU_LIMIT, which is the set's length in bits.
    Ok((0..CPU_LIMIT).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect())
}

const _: () = assert!(size_of::<libc::cpu_set_t>() * 8 >= CPU_LIMIT);

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A made-up machine: `(id, isolated, physical core)` per CPU, all allowed that are not isolated, as `isolcpus`
    /// leaves it.
    pub fn made_up_host(cpus: &[(usize, bool, usize)]) -> Host {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let list = |keep: &dyn Fn(bool) -> bool| {
            let ids: Vec<String> =
                cpus.iter().filter(|cpu| keep(cpu.1)).map(|cpu| cpu.0.to_string()).collect();
            ids.join(",")
        };
        fs::write(dir.path().join("online"), list(&|_| true)).expect("writable");
        fs::write(dir.path().join("isolated"), list(&|isolated| isolated)).expect("writable");
        for (id, _, core) in cpus {
            let topology = dir.path().join(format!("cpu{id}/topology"));
            fs::create_dir_all(&topology).expect("writable");
            fs::write(topology.join("physical_package_id"), "0\n").expect("writable");
            fs::write(topology.join("core_id"), format!("{core}\n")).expect("writable");
        }
        let allowed = cpus.iter().filter(|cpu| !cpu.1).map(|cpu| cpu.0).collect();
        Host::read_from(dir.path(), &allowed).expect("a readable tree")
    }

    #[test]
    fn known_lists() {
        let list = |text| parse_cpu_list(text).map(|cpus| cpus.into_iter().collect::<Vec<_>>());
        assert_eq!(list("0-3,8,10-11\n"), Ok(vec![0, 1, 2, 3, 8, 10, 11]));
        assert_eq!(list("\n"), Ok(vec![]));
        assert_eq!(list("1023"), Ok(vec![1023]));
        let part = |text: &str| text.to_owned();
        assert_eq!(list("0,5-3"), Err(CpuListError::Backwards { part: part("5-3") }));
        assert_eq!(
            list("0-99999999999999999999999"),
            Err(CpuListError::TooLarge { part: part("0-99999999999999999999999") })
        );
        for text in ["0,", ",", "-1", "1-", "+1", "a", "1--2", "0 1", "1-2-3"] {
            assert!(matches!(list(text), Err(CpuListError::Malformed { .. })), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(cpus in prop::collection::btree_set(0usize..CPU_LIMIT, 0..40), ranges in any::<bool>()) {
            let mut parts: Vec<(usize, usize)> = Vec::new();
            for &cpu in &cpus {
                match parts.last_mut() {
                    Some((_, last)) if ranges && *last + 1 == cpu => *last = cpu,
                    _ => parts.push((cpu, cpu)),
                }
            }
            let text: Vec<String> = parts
                .iter()
                .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
                .collect();
            prop_assert_eq!(parse_cpu_list(&text.join(",")), Ok(cpus));
        }

        #[test]
        fn no_text_panics(text in "[0-9,\\- \n+a]{0,24}") {
            if let Ok(cpus) = parse_cpu_list(&text) {
                prop_assert!(cpus.iter().all(|&cpu| cpu < CPU_LIMIT));
            }
        }
    }

    #[test]
    fn this_machine_has_the_cpu_that_runs_this() {
        let host = Host::read().expect("sysfs");
        assert!(host.online().any(|cpu| cpu.allowed));
        assert!(host.online().map(|cpu| cpu.id).is_sorted());
    }

    #[test]
    fn isolated_cpus_are_seen_though_not_in_the_mask() {
        let host = made_up_host(&[(0, false, 0), (1, false, 1), (2, true, 2)]);
        let isolated = host.cpu(2).expect("online");
        assert!(isolated.isolated && !isolated.allowed);
        assert_eq!(host.cpu(3), None);
    }

    #[test]
    fn a_damaged_tree_is_an_error_that_names_the_file() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let read = || Host::read_from(dir.path(), &BTreeSet::new());
        assert!(read().expect_err("no files").to_string().contains("online"));
        fs::write(dir.path().join("online"), "0-x").expect("writable");
        assert!(read().expect_err("malformed").to_string().contains("0-x"));
        fs::write(dir.path().join("online"), "\n").expect("writable");
        assert!(read().expect_err("empty").to_string().contains("no CPU is online"));
        fs::write(dir.path().join("online"), "0-1").expect("writable");
        let host = read().expect("topology and isolation may be absent");
        assert_ne!(host.cpu(0).map(|cpu| cpu.physical_core), host.cpu(1).map(|cpu| cpu.physical_core));
    }
}
