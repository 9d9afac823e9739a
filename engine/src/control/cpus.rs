//! Which CPUs the machine has: read from sysfs, since an enumeration through the thread's own affinity mask (as
//! `core_affinity::get_core_ids` does it) hides the isolated ones, which are those that we want.
//!
//! Cold code, run once at start. It reads files and one affinity mask; it changes nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use tuning::cpu_list::{CPU_LIMIT, parse_cpu_list};

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
