//! Which CPUs the machine has: read from sysfs, since an enumeration through the thread's own affinity mask (as
//! `core_affinity::get_core_ids` does it) hides the isolated ones, which are those that we want.
//!
//! Cold code, run once at start. It reads files and one affinity mask; it changes nothing.

use std::collections::BTreeSet;
use std::io;

use tuning::cpu_list::CPU_LIMIT;
use tuning::host::HostFiles;
use tuning::topology::Topology;

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
    /// Memory node, where the kernel has any.
    pub node: Option<usize>,
}

/// The CPUs of this machine that are online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    cpus: Vec<Cpu>,
    card_node: Option<usize>,
}

impl Host {
    /// Reads the machine's CPUs from sysfs. Call it before any thread is pinned: the calling thread's affinity mask
    /// counts as the one the process was started with.
    ///
    /// # Errors
    /// sysfs or the affinity mask cannot be read, or sysfs lists no CPU; the message names the file.
    pub fn read() -> io::Result<Self> {
        Self::of(&HostFiles::this_machine(), &affinity_of_current_thread()?)
    }

    /// As [`Host::read`], from another tree of `/sys` and a given mask: the seam for tests, and for a machine that was saved.
    ///
    /// # Errors
    /// As [`Host::read`].
    pub fn of(files: &HostFiles, allowed: &BTreeSet<usize>) -> io::Result<Self> {
        let Topology { cpus, card_node } =
            Topology::read(files).map_err(|text| io::Error::new(io::ErrorKind::InvalidData, text))?;
        let cpus = cpus
            .into_iter()
            .map(|cpu| Cpu {
                id: cpu.id,
                isolated: cpu.isolated,
                allowed: allowed.contains(&cpu.id),
                physical_core: cpu.physical_core,
                node: cpu.node,
            })
            .collect();
        Ok(Self { cpus, card_node })
    }

    /// The memory node that all network cards in use are on, where they are on one.
    #[must_use]
    pub const fn card_node(&self) -> Option<usize> {
        self.card_node
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
    use std::fs;
    use tuning::fixture::{Fixture, unpack};

    /// A made-up machine: `(id, isolated, physical core)` per CPU, all allowed that are not isolated, as `isolcpus`
    /// leaves it.
    pub fn made_up_host(cpus: &[(usize, bool, usize)]) -> Host {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let folder = dir.path().join("sys/devices/system/cpu");
        fs::create_dir_all(&folder).expect("writable");
        let list = |keep: &dyn Fn(bool) -> bool| {
            let ids: Vec<String> =
                cpus.iter().filter(|cpu| keep(cpu.1)).map(|cpu| cpu.0.to_string()).collect();
            ids.join(",")
        };
        fs::write(folder.join("online"), list(&|_| true)).expect("writable");
        fs::write(folder.join("isolated"), list(&|isolated| isolated)).expect("writable");
        for (id, _, core) in cpus {
            let topology = folder.join(format!("cpu{id}/topology"));
            fs::create_dir_all(&topology).expect("writable");
            fs::write(topology.join("physical_package_id"), "0\n").expect("writable");
            fs::write(topology.join("core_id"), format!("{core}\n")).expect("writable");
        }
        let allowed = cpus.iter().filter(|cpu| !cpu.1).map(|cpu| cpu.0).collect();
        Host::of(&HostFiles::under(dir.path()), &allowed).expect("a readable tree")
    }

    /// A machine of `tuning/fixtures`, all open that is not isolated.
    pub fn fixture_host(fixture: Fixture) -> Host {
        let dir = tempfile::tempdir().expect("a temporary directory");
        unpack(fixture.manifest(), dir.path()).expect("a well-formed manifest");
        let files = HostFiles::under(dir.path());
        let isolated = files.isolated().expect("a list");
        let open = files.online().expect("a list").difference(&isolated).copied().collect();
        Host::of(&files, &open).expect("a readable tree")
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
        let folder = dir.path().join("sys/devices/system/cpu");
        fs::create_dir_all(&folder).expect("writable");
        let read = || Host::of(&HostFiles::under(dir.path()), &BTreeSet::new());
        assert!(read().expect_err("no files").to_string().contains("online"));
        fs::write(folder.join("online"), "0-x").expect("writable");
        assert!(read().expect_err("malformed").to_string().contains("0-x"));
        fs::write(folder.join("online"), "\n").expect("writable");
        assert!(read().expect_err("empty").to_string().contains("lists no CPU"));
        fs::write(folder.join("online"), "0-1").expect("writable");
        let host = read().expect("topology and isolation may be absent");
        assert_ne!(host.cpu(0).map(|cpu| cpu.physical_core), host.cpu(1).map(|cpu| cpu.physical_core));
    }

    #[test]
    fn nodes_and_the_network_cards_are_seen() {
        let host = fixture_host(Fixture::GpuServer);
        assert_eq!(host.card_node(), Some(1));
        assert_eq!(host.cpu(24).and_then(|cpu| cpu.node), Some(1));
        assert_eq!(host.cpu(24).map(|cpu| cpu.physical_core), host.cpu(8).map(|cpu| cpu.physical_core));
    }
}
